"""A decision as programs read it, and the labels that show it to people."""

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decision, NearMiss, Reason
from tagger.core.matching.explain import as_json, counted, not_counted, passages
from tagger.core.matching.why_not import WhyNot
from tagger.core.rules.problems import Place

CHAT = ThreadKey("org", "PJ0MRSHTDG", "K600PKZON8")
REASON = Reason("refund", "Refund", "refund", "e1", 3, 9, field=1)


@pytest.mark.parametrize(
    ("tags", "label"),
    [
        (("Refund",), "refund → Refund  [rule refund]"),
        ((), "refund → Refund (dry run, not set)  [rule refund]"),
    ],
)
def test_a_dry_run_is_told_from_a_tag_that_is_set(tags: tuple[str, ...], label: str) -> None:
    assert [*counted(Decision(tags, (REASON,), (), "c"), {})] == [(REASON, label)]


def test_a_label_names_the_line_of_the_keyword() -> None:
    places = {("refund", "refund"): Place("config/billing.yaml", 12, 9)}
    ((_, label),) = counted(Decision(("Refund",), (REASON,), (), "c"), places)
    assert label == "refund → Refund  [rule refund, billing.yaml:12]"


def test_a_long_canned_text_is_cut_in_its_label() -> None:
    text = "Hello %name%,\nyour refund " + "is on its way " * 9
    found = Reason("refund", "Refund", text, "1", 0, 5)
    ((_, label),) = counted(Decision(("Refund",), (found,), (), "c"), {})
    assert label == "Hello %name%, your refund is on its way… → Refund  [rule refund]"


def test_the_same_reason_many_times_in_a_text_is_told_once() -> None:
    many = tuple(NearMiss("refund", "a", "1", at, at + 1, WhyNot("inside_a_word")) for at in range(3))
    label = "a: inside a word  [rule refund] (and 2 more)"
    assert [*not_counted(Decision((), (), many, "c"), {})] == [(many[0], label)]


def test_every_field_of_a_form_has_its_own_marks() -> None:
    said = (Said("e0", "agent", ("Hello",)), Said("e1", "customer", ("Maya", "my refund")))
    assert [
        (number, author, text, [mark.label for mark in marks])
        for number, author, text, marks in passages(said, [(REASON, "here")])
    ] == [(1, "agent", "Hello", []), (2, "customer", "Maya", []), (2, "customer", "my refund", ["here"])]


def test_json_has_the_agreed_shape() -> None:
    conversation = Conversation(CHAT, (Said("e1", "customer", ("refund",)),))
    decision = Decision(
        ("Refund",),
        (Reason("refund", "Refund", "refund", "e1", 0, 6),),
        (NearMiss("late", "late", "e1", 1, 2, WhyNot("inside_a_word", cure="late*")),),
        "3f2c1a9b0d4e",
    )
    assert as_json(conversation, decision) == {
        "chat_id": "PJ0MRSHTDG",
        "thread_id": "K600PKZON8",
        "tags": ["Refund"],
        "because": [
            {"rule": "refund", "tag": "Refund", "keyword": "refund", "event_id": "e1", "start": 0, "end": 6}
        ],
        "rejected": [
            {
                "rule": "late",
                "keyword": "late",
                "event_id": "e1",
                "start": 1,
                "end": 2,
                "reason": "inside_a_word",
            }
        ],
        "config": "3f2c1a9b0d4e",
    }
