"""What "Try it" shows of a text: the sentence, the rows, the marks."""

import pytest

from tagger.core.matching.decide import Decider
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.web.source import Source
from tagger.web.try_it.answer import (
    ROWS_MAX,
    Answer,
    Excerpt,
    Tag,
    answer,
    excerpt,
    headline,
    in_text,
    passages,
    shortened,
)
from tagger.web.try_it.question import Question, conversation_of

RULES = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, "money back",
          rückerstattung]
  - id: cancel
    tag: Cancellation
    any: [cancel my plan]
    none: [changed my mind]
  - id: trial
    tag: Trial
    dry_run: true
    any: [trial]
  - id: mail
    tag: Mail
    any: [reset link, password reset]
"""


def decider_of(text: str = RULES) -> Decider:
    parsed = parse({"folder/a.yaml": text.encode()})
    assert isinstance(parsed, RuleSet), parsed
    return Decider.compile(parsed)


def shown(text: str, decider: Decider | None = None) -> Answer:
    decider = decider or decider_of()
    conversation, _ = conversation_of(Question(text), decider.rules)
    return answer(conversation, decider.decide(conversation, 0, explain=True), decider.rules)


def drawn(text: str) -> str:
    decider = decider_of()
    _, heard = conversation_of(Question(text), decider.rules)
    pieces = in_text(text, [one.start for one in heard], shown(text))
    return "".join(
        "".join(f"<{names}>" for names in piece.opened) + piece.text + "</>" * piece.closed
        for piece in pieces
    )


@pytest.mark.parametrize(
    ("count", "sentence"),
    [(0, "This chat gets no tag"), (1, "This chat gets 1 tag"), (2, "This chat gets 2 tags")],
)
def test_the_answer_comes_first_in_a_sentence(count: int, sentence: str) -> None:
    assert headline(count) == sentence


def test_a_match_is_a_row_with_its_rule_file_and_line() -> None:
    (row,) = shown("customer: hi\ncustomer: my Refund!").found
    assert (row.tag, row.said, row.author, row.message) == (
        Tag("Refund"),
        Excerpt("", "Refund", ""),
        "customer",
        2,
    )
    assert (row.keyword, row.rule, row.source, row.more) == ("refund", "refund", Source("a.yaml", 5), 0)


def test_a_keyword_on_a_later_line_has_that_line() -> None:
    (row,) = shown("Rückerstattung").found
    assert row.source == Source("a.yaml", 6)


def test_the_same_keyword_again_is_counted_not_repeated() -> None:
    (row,) = shown("refund refund\nrefund").found
    assert row.more == 2


def test_a_near_miss_says_why_with_the_word_it_stands_in() -> None:
    (row,) = shown("is it refundable").near
    assert (row.tag, row.said, row.why) == (Tag("Refund"), Excerpt("", "refund", "able"), "Inside a word.")
    assert (row.cure, row.effect) == ("refund*", "would find it")


def test_near_misses_of_a_rule_that_holds_are_left_out() -> None:
    assert shown("a refund, refundable").near == ()


def test_what_stopped_a_rule_is_shown_with_its_place() -> None:
    (row,) = shown("customer: cancel my plan\nagent: you changed my mind").near
    assert row.stop is not None
    assert (row.stop.said, row.stop.message) == (Excerpt("", "changed my mind", ""), 2)


def test_a_rule_on_trial_is_found_and_sets_no_tag() -> None:
    tried = shown("a trial")
    assert (tried.headline, tried.tags) == ("This chat gets no tag", (Tag("Trial", trial=True),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "customer: the password reset link",
            "customer: the <found>password <found lane-2>reset</></><found lane-2> link</>",
        ),
        ("agent: a refund", "agent: a <near>refund</>"),
        (
            "cancel my plan\nagent: you changed my mind",
            "<near>cancel my plan</>\nagent: you <stop>changed my mind</>",
        ),
        ("refundable\n\n", "<near>refund</>able\n\n"),
    ],
)
def test_the_whole_text_is_marked_where_it_stands(text: str, expected: str) -> None:
    assert drawn(text) == expected


def test_a_chat_is_marked_message_by_message() -> None:
    decider = decider_of()
    conversation, _ = conversation_of(Question("customer: refund\nagent: no"), decider.rules)
    tried = answer(conversation, decider.decide(conversation, 0, explain=True), decider.rules)
    assert [(one.message, one.author, len(one.pieces)) for one in passages(conversation, tried)] == [
        (1, "customer", 1),
        (2, "agent", 1),
    ]


def test_no_table_is_longer_than_the_limit() -> None:
    rules = "".join(f"  - {{id: r{n}, tag: T{n}, any: [refund]}}\n" for n in range(ROWS_MAX + 7))
    tried = shown("refund", decider_of("version: 1\nrules:\n" + rules))
    assert (len(tried.found), tried.left_out) == (ROWS_MAX, 7)


@pytest.mark.parametrize(
    ("text", "start", "end", "expected"),
    [
        ("a refund now", 2, 8, ("", "refund", "")),
        ("Rückerstattung", 4, 14, ("Rück", "erstattung", "")),
        ("x" * 40 + "refund" + "y" * 40, 40, 46, ("", "refund", "")),
        ("word 返金を", 5, 7, ("", "返金", "を")),
        ("اريد استبداله", 5, 12, ("", "استبدال", "ه")),
        ("refund, ok", 0, 6, ("", "refund", "")),
        ("😀😀", 0, 1, ("", "😀", "")),
    ],
)
def test_words_are_shown_with_the_rest_of_their_word(
    text: str, start: int, end: int, expected: tuple[str, str, str]
) -> None:
    assert excerpt(text, start, end) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a  b\nc", "a b c"), ("x" * 10, "x" * 10), ("x" * 11, "x" * 9 + "…"), (" " * 41 + "x", "…")],
)
def test_what_is_long_is_cut_to_one_line(text: str, expected: str) -> None:
    assert shortened(text, 10) == expected
