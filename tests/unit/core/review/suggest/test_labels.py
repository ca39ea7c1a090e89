"""Who tagged a chat."""

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.review.past_chat import Correction, PastChat, PastDecision
from tagger.core.review.suggest.labels import LabelledChat, Labels, labelled

THREAD = ThreadKey("org", "C", "T")
SAID = (
    Said("1", "customer", ("late", "parcel")),
    Said("2", "agent", ("sorry",)),
    Said("3", "customer", ("ok",)),
)


def decision(*tags: str) -> PastDecision:
    return PastDecision(tags, (), "tagged", "hash", 3, 0, 0, None)


def chat(
    decided: tuple[str, ...] = (),
    on_it: frozenset[str] | None = None,
    before: frozenset[str] = frozenset(),
    *corrections: Correction,
) -> PastChat:
    return PastChat(
        THREAD, 0, Conversation(THREAD, SAID, tags=before), (decision(*decided),), corrections, on_it
    )


@pytest.mark.parametrize(
    ("past", "people", "rules"),
    [
        (chat(("A",), frozenset("AB")), "B", "A"),
        (chat(("A",), frozenset()), "", "A"),
        (chat((), None, frozenset("C")), "C", ""),
        (chat((), frozenset(), frozenset("C")), "", ""),
        (chat((), None, frozenset(), Correction("B", "added", 1)), "B", ""),
        (chat(("A",), None, frozenset(), Correction("A", "removed", 1)), "", ""),
        (
            chat(("A",), None, frozenset(), Correction("A", "removed", 1), Correction("A", "added", 2)),
            "",
            "A",
        ),
        (chat((), None, frozenset(), Correction("B", "added", 1), Correction("B", "removed", 2)), "", ""),
    ],
)
def test_tags_are_peoples_unless_a_rule_called_for_them(past: PastChat, people: str, rules: str) -> None:
    assert labelled(past) == LabelledChat(("late", "parcel", "ok"), frozenset(people), frozenset(rules))


def test_what_retag_removed_is_no_tag_of_a_rule_and_what_a_person_set_again_is_theirs() -> None:
    retagged = decision("A")._replace(tags=(), untagged=("A", "B"))
    again = Correction("B", "added", 1)
    said = Conversation(THREAD, SAID)
    found = labelled(PastChat(THREAD, 0, said, (decision("A", "B"), retagged), (again,)))
    assert found is not None
    assert (found.people, found.rules) == (frozenset("B"), frozenset())


def test_a_chat_of_which_nothing_is_known_is_left_out() -> None:
    assert labelled(PastChat(THREAD, 0)) is None


def test_its_words_do_not_show_in_a_traceback() -> None:
    assert "parcel" not in repr(labelled(chat()))


def test_chats_are_listed_by_tag_and_those_without_one() -> None:
    labels = Labels()
    for number, (people, rules) in enumerate([("A", ""), ("", "A"), ("", ""), ("AB", "")]):
        labels.add(number, people, rules)
    assert labels.people == {"A": [0, 3], "B": [3]}
    assert labels.rules == {"A": [1]}
    assert labels.untagged == [2]
