"""Rules on conversations: which hold, which do not, and why."""

from dataclasses import replace
from datetime import date
from typing import Any, Final

import pytest

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.automaton import Match
from tagger.core.matching.decide import NEAR_MISSES_PER_RULE_MAX, Decider, Decision, Reason
from tagger.core.matching.rulebook import MATCHES_PER_RULE_MAX, occurrences
from tagger.core.matching.why_not import worded
from tagger.core.rules.model import Canned, Keyword, Rule, RuleSet
from tests.unit.steps import steps

THREAD = ThreadKey("org", "chat", "thread")
NOON_MS = 1_790_000_000_000  # 2026-09-21T13:33:20Z
Lines = list[tuple[Author, str]]


def keywords(*written: str) -> tuple[Keyword, ...]:
    return tuple(Keyword(one, one) for one in written)


def rule(name: str = "refund", **parts: Any) -> Rule:
    parts["canned"] = tuple(Canned(text) for text in parts.get("canned", ()))
    parts["all"] = tuple(keywords(*group) for group in parts.get("all", ()))
    for part in ("any", "none", "ignore"):
        parts[part] = keywords(*parts.get(part, ()))
    return Rule(name, parts.pop("tag", name.capitalize()), **parts)


def conversation(lines: Lines, **known: Any) -> Conversation:
    said = tuple(Said(f"e{at}", author, (text,)) for at, (author, text) in enumerate(lines))
    return Conversation(THREAD, said, **known)


def decide(
    rules: list[Rule], lines: Lines, *, explain: bool = False, ended_at_ms: int = NOON_MS, **known: Any
) -> Decision:
    decider = Decider.compile(RuleSet(tuple(rules), "0123456789ab"))
    return decider.decide(conversation(lines, **known), ended_at_ms, explain=explain)


C: Final = "customer"
A: Final = "agent"

HOLDS: list[tuple[str, Rule, Lines, bool]] = [
    ("any: one of them", rule(any=["refund", "money back"]), [(C, "Money back!")], True),
    ("any: none of them", rule(any=["refund", "money back"]), [(C, "hello")], False),
    ("nothing matches across messages", rule(any=["money back"]), [(C, "money"), (C, "back")], False),
    ("from is the customer unless it is said", rule(any=["refund"]), [(A, "refund")], False),
    ("from: agent", rule(any=["refund"], from_="agent"), [(A, "refund")], True),
    ("from: agent, said by the customer", rule(any=["refund"], from_="agent"), [(C, "refund")], False),
    ("from: any", rule(any=["refund"], from_="any"), [(A, "refund")], True),
    ("addresses count as said", rule(any=["refund"]), [(C, "https://shop.example/refund")], True),
    ("quoted lines count as said", rule(any=["refund"]), [(C, "> refund\nno")], True),
    ("all: each group somewhere", rule(all=[["late"], ["parcel"]]), [(C, "late"), (C, "parcel")], True),
    ("all: not every group", rule(all=[["late"], ["parcel"]]), [(C, "late late")], False),
    ("all: one match may serve two groups", rule(all=[["late"], ["late", "x"]]), [(C, "late")], True),
    ("all: by whom from says", rule(all=[["late"], ["parcel"]]), [(C, "late"), (A, "parcel")], False),
    ("any and all", rule(any=["help"], all=[["late"]]), [(C, "help"), (C, "late")], True),
    ("any without all", rule(any=["help"], all=[["late"]]), [(C, "help")], False),
    ("all without any", rule(any=["help"], all=[["late"]]), [(C, "late")], False),
    ("none: said by the customer", rule(any=["refund"], none=["policy"]), [(C, "refund policy")], False),
    ("none: looks at everyone", rule(any=["refund"], none=["policy"]), [(C, "refund"), (A, "policy")], False),
    (
        "none: anywhere in the conversation",
        rule(any=["refund"], none=["bye"]),
        [(C, "bye"), (C, "refund")],
        False,
    ),
    ("none: not said", rule(any=["refund"], none=["policy"]), [(C, "refund"), (A, "sure")], True),
    (
        "ignore: inside its phrase",
        rule(any=["refund"], ignore=["no refund needed"]),
        [(C, "no refund needed")],
        False,
    ),
    ("ignore: also outside", rule(any=["refund"], ignore=["no refund"]), [(C, "no refund? refund!")], True),
    ("ignore: a part outside", rule(any=["refund now"], ignore=["no refund"]), [(C, "no refund now")], True),
    ("ignore: the phrase itself", rule(any=["refund"], ignore=["refund"]), [(C, "refund")], False),
    (
        "ignore: in another message",
        rule(any=["refund"], ignore=["no refund"]),
        [(C, "no refund"), (C, "refund")],
        True,
    ),
    ("ignore: a phrase that begins later", rule(any=["a b c"], ignore=["b c"]), [(C, "a b c")], True),
    ("ignore: one of two phrases", rule(any=["b"], ignore=["a b", "a b c"]), [(C, "a b c b")], True),
    (
        "ignore: a long phrase before a short one",
        rule(any=["c"], ignore=["a b c d", "b"]),
        [(C, "a b c d")],
        False,
    ),
    ("ignore: of all groups too", rule(all=[["late"]], ignore=["not late"]), [(C, "not late")], False),
    (
        "ignore: does not soften none",
        rule(any=["x"], none=["refund"], ignore=["no refund"]),
        [(C, "x no refund")],
        False,
    ),
    ("canned: sent by an agent", rule(canned=["Hi %name%, it is sent"]), [(A, "Hi Eva, it is sent!")], True),
    (
        "canned: quoted by the customer",
        rule(canned=["Hi %name%, it is sent"]),
        [(C, "Hi Eva, it is sent")],
        False,
    ),
    ("canned: with from any", rule(canned=["it is sent now"], from_="any"), [(C, "it is sent now")], False),
    ("canned: only half of it", rule(canned=["it is sent now to you"]), [(A, "it is sent")], False),
    ("canned: one of several", rule(canned=["so long now", "it is sent now"]), [(A, "it is sent now")], True),
    (
        "canned and any",
        rule(canned=["it is sent now"], any=["when"]),
        [(C, "when?"), (A, "it is sent now")],
        True,
    ),
    ("canned without any", rule(canned=["it is sent now"], any=["when"]), [(A, "it is sent now")], False),
    ("any without canned", rule(canned=["it is sent now"], any=["when"]), [(C, "when")], False),
    (
        "min_matches: reached over the conversation",
        rule(any=["late"], min_matches=2),
        [(C, "late"), (C, "late")],
        True,
    ),
    ("min_matches: not reached", rule(any=["late"], min_matches=3), [(C, "late late")], False),
    ("min_matches: different keywords", rule(any=["late", "slow"], min_matches=2), [(C, "late, slow")], True),
    (
        "min_matches: overlaps count once",
        rule(any=["very late", "late"], min_matches=2),
        [(C, "very late")],
        False,
    ),
    (
        "min_matches: of any where there is any",
        rule(any=["a"], all=[["b"]], min_matches=2),
        [(C, "a b b")],
        False,
    ),
    ("min_matches: else of all together", rule(all=[["a"], ["b"]], min_matches=3), [(C, "a b b")], True),
    (
        "min_matches: ignored ones are not counted",
        rule(any=["a"], ignore=["no a"], min_matches=2),
        [(C, "a no a")],
        False,
    ),
    (
        "min_matches: canned is not counted",
        rule(any=["a"], canned=["b c d"], min_matches=2),
        [(C, "a"), (A, "b c d")],
        False,
    ),
    (
        "min_matches: nor asked for of canned alone",
        rule(canned=["b c d"], min_matches=2),
        [(A, "b c d")],
        True,
    ),
]


@pytest.mark.parametrize(("one", "lines", "holds"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_a_rule_holds(one: Rule, lines: Lines, holds: bool) -> None:
    decision = decide([one], lines)
    assert decision.tags == (("Refund",) if holds else ())
    assert bool(decision.because) == holds


@pytest.mark.parametrize(
    ("groups", "began_in", "holds"),
    [
        (None, None, True),
        (None, {5}, True),
        ({0, 3}, {3}, True),
        ({0, 3}, {0, 9}, True),
        ({0, 3}, {5}, False),
        ({0, 3}, set(), False),
        ({0, 3}, None, False),
    ],
)
def test_a_rule_of_groups_wants_a_thread_that_is_known_to_be_of_one(
    groups: set[int] | None, began_in: set[int] | None, holds: bool
) -> None:
    one = replace(rule(any=["refund"]), groups=None if groups is None else frozenset(groups))
    known = None if began_in is None else frozenset(began_in)
    assert bool(decide([one], [(C, "refund")], group_ids=known).tags) == holds


@pytest.mark.parametrize(
    ("ended_at_ms", "holds"),
    [
        (1_806_364_800_000, True),  # 2027-03-30T00:00Z
        (1_806_537_599_999, True),  # 2027-03-31T23:59:59.999Z
        (1_806_537_600_000, False),  # 2027-04-01T00:00Z
        (-1, True),
        (1 << 62, False),
    ],
)
def test_expires_is_the_last_day_in_force_by_utc(ended_at_ms: int, holds: bool) -> None:
    one = replace(rule(any=["refund"]), expires=date(2027, 3, 31))
    assert bool(decide([one], [(C, "refund")], ended_at_ms=ended_at_ms).tags) == holds


@pytest.mark.parametrize("none", [["policy"], []])
def test_what_may_be_missing_leaves_a_rule_with_none_undecided(none: list[str]) -> None:
    decision = decide([rule(any=["refund"], none=none)], [(C, "refund")], complete=False)
    assert decision.tags == (() if none else ("Refund",))


def test_a_dry_run_rule_is_recorded_and_not_set() -> None:
    decision = decide([rule(any=["refund"], dry_run=True), rule("other", any=["back"])], [(C, "refund back")])
    assert decision.tags == ("Other",)
    assert [because.tag for because in decision.because] == ["Refund", "Other"]


def test_two_rules_with_one_tag_set_it_once() -> None:
    decision = decide([rule("b", tag="T", any=["x"]), rule("a", tag="T", any=["x"])], [(C, "x")])
    assert decision.tags == ("T",)
    assert [because.rule for because in decision.because] == ["b", "a"]


def test_a_tag_of_a_dry_run_and_of_a_rule_in_force_is_set() -> None:
    assert decide(
        [rule("a", tag="T", any=["x"], dry_run=True), rule("b", tag="T", any=["x"])], [(C, "x")]
    ).tags == ("T",)


def test_tags_are_sorted() -> None:
    rules = [rule(name, any=["x"]) for name in ("zeta", "alpha", "mid")]
    assert decide(rules, [(C, "x")]).tags == ("Alpha", "Mid", "Zeta")


def test_a_decision_says_rule_keyword_event_and_position() -> None:
    one = rule(any=["refund", "café"], canned=["Hi %name%, it is sent"])
    lines: Lines = [(C, "a\u00a0 REFUND"), (C, "Cafe\u0301!"), (A, "So:  hi Eva, it is sent.")]
    decision = decide([one], lines)
    assert decision.because == (
        Reason("refund", "Refund", "refund", "e0", 3, 9),
        Reason("refund", "Refund", "café", "e1", 0, 5),
        Reason("refund", "Refund", "Hi %name%, it is sent", "e2", 5, 23),
    )
    assert decision.config == "0123456789ab"


def test_fields_are_searched_by_themselves_and_named() -> None:
    said = (Said("e0", "customer", ("money", "x refund", "back")),)
    decider = Decider.compile(RuleSet((rule(any=["refund", "money x", "refund back"]),), "h"))
    decision = decider.decide(Conversation(THREAD, said), NOON_MS)
    assert decision.because == (Reason("refund", "Refund", "refund", "e0", 2, 8, 1),)


def test_a_keyword_of_two_rules_is_shown_as_each_has_it() -> None:
    written = [
        replace(rule(name), any=(Keyword(star, "refund", "prefix"),))
        for name, star in (("a", "refund*"), ("b", "REFUND*"))
    ]
    because = decide(written, [(C, "refunds")]).because
    assert [reason.keyword for reason in because] == ["refund*", "REFUND*"]


def test_a_keyword_of_two_parts_of_a_rule_is_named_once() -> None:
    assert len(decide([rule(any=["a"], all=[["a"], ["a"]])], [(C, "a")]).because) == 1


def test_of_many_matches_the_first_are_named_and_the_first_of_each_part() -> None:
    one = rule(any=["a"], all=[["b"], ["c"]], canned=["d e f"])
    decision = decide([one], [(C, "a " * 500), (C, "b b c"), (A, "d e f"), (A, "d e f")])
    assert [(reason.event_id, reason.start) for reason in decision.because] == [
        *(("e0", 2 * at) for at in range(MATCHES_PER_RULE_MAX)),
        ("e1", 0),
        ("e1", 4),
        ("e2", 0),
    ]


NEAR_MISSES: list[tuple[str, Rule, Lines, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "inside a word",
        rule(any=["fund"]),
        [(C, "refunds")],
        {},
        [("fund", 'inside a word; "*fund*" would find it')],
    ),
    (
        "a plural",
        rule(any=["refund"]),
        [(C, "Refunds")],
        {},
        [("refund", "a plural; refunds would find it")],
    ),
    (
        "by the wrong author",
        rule(any=["refund"]),
        [(A, "refund")],
        {},
        [("refund", "said by the agent; from: any would count it")],
    ),
    (
        "the other way",
        rule(any=["refund"], from_="agent"),
        [(C, "refund")],
        {},
        [("refund", "said by the customer; from: any would count it")],
    ),
    (
        "ignored",
        rule(any=["refund"], ignore=["no refund"]),
        [(C, "no refund")],
        {},
        [("refund", "inside `no refund` of `ignore`")],
    ),
    ("too few", rule(any=["late"], min_matches=2), [(C, "late")], {}, [("late", "min_matches 1 of 2")]),
    (
        "another group",
        rule(any=["a"], groups=frozenset({1})),
        [(C, "a")],
        {"group_ids": frozenset({2})},
        [("a", "the thread began in group 2, not one of `groups`")],
    ),
    (
        "an unknown group",
        rule(any=["a"], groups=frozenset({1})),
        [(C, "a")],
        {},
        [("a", "the thread's group is not known")],
    ),
    (
        "expired",
        rule(any=["a"], expires=date(2026, 1, 1)),
        [(C, "a")],
        {},
        [("a", "the rule expired on 2026-01-01")],
    ),
    (
        "forbidden",
        rule(any=["a"], none=["b"]),
        [(C, "a"), (A, "b")],
        {},
        [("a", "a keyword of `none` was said: b")],
    ),
    ("a silent group", rule(all=[["a"], ["b"]]), [(C, "a")], {}, [("a", "group 2 of `all` was never said")]),
    ("without any", rule(any=["b"], all=[["a"]]), [(C, "a")], {}, [("a", "no keyword of `any` was said")]),
    (
        "without canned",
        rule(any=["a"], canned=["b c d"]),
        [(C, "a")],
        {},
        [("a", "no canned response of the rule was sent")],
    ),
    (
        "incomplete",
        rule(any=["a"], none=["b"]),
        [(C, "a")],
        {"complete": False},
        [("a", "something may be missing, and the rule has `none`")],
    ),
    (
        "a canned response quoted",
        rule(canned=["b c d"]),
        [(C, "b c d")],
        {},
        [("b c d", "said by the customer")],
    ),
    (
        "half a canned response",
        rule(canned=["b c d e"]),
        [(A, "x b c")],
        {},
        [("b c d e", "2 of 4 words of the canned response, 4 needed")],
    ),
    ("a match is not a near miss", rule(any=["a"]), [(C, "a")], {}, []),
    ("nothing near", rule(any=["a"]), [(C, "b")], {}, []),
    ("nor is what only `none` wants", rule(any=["a"], none=["fund"]), [(C, "refund")], {}, []),
    (
        "a rule that holds has near misses too",
        rule(any=["a"]),
        [(C, "a"), (A, "a")],
        {},
        [("a", "said by the agent; from: any would count it")],
    ),
]


@pytest.mark.parametrize(
    ("one", "lines", "known", "near_misses"),
    [row[1:] for row in NEAR_MISSES],
    ids=[row[0] for row in NEAR_MISSES],
)
def test_an_explanation_says_what_nearly_counted_and_why(
    one: Rule, lines: Lines, known: dict[str, Any], near_misses: list[tuple[str, str]]
) -> None:
    explained = decide([one], lines, explain=True, **known)
    assert [(one.keyword, worded(one.why_not)) for one in explained.near_misses] == near_misses
    plain = decide([one], lines, **known)
    assert (plain.tags, plain.because, plain.near_misses) == (explained.tags, explained.because, ())


@pytest.mark.parametrize(
    ("keyword", "text", "reason"),
    [
        (Keyword("café", "café", accents_exact=True), "cafe", "accents_differ"),
        (Keyword("RMA", "RMA", case_sensitive=True), "rma", "case_differs"),
    ],
)
def test_a_near_miss_is_explained(keyword: Keyword, text: str, reason: str) -> None:
    explained = decide([replace(rule(), any=(keyword,))], [(C, text)], explain=True)
    assert [(one.why_not.kind, one.start, one.end) for one in explained.near_misses] == [
        (reason, 0, len(text))
    ]


def test_an_explanation_is_limited_for_each_rule() -> None:
    explained = decide([rule(any=["a"]), rule("other", any=["b"])], [(A, "a " * 500), (A, "b")], explain=True)
    assert len(explained.near_misses) == NEAR_MISSES_PER_RULE_MAX + 1


@pytest.mark.parametrize(
    ("spans", "count"),
    [
        ([], 0),
        ([(0, 2), (3, 5)], 2),
        ([(0, 2), (2, 4)], 2),
        ([(0, 5), (0, 9), (6, 9)], 1),
        ([(0, 5), (3, 9), (6, 9)], 2),
        ([(0, 3), (1, 9), (4, 6)], 2),
    ],
)
def test_overlapping_hits_are_reduced_to_the_leftmost_longest(
    spans: list[tuple[int, int]], count: int
) -> None:
    assert occurrences([Match(start, end, at) for at, (start, end) in enumerate(spans)]) == count


def test_without_rules_there_is_nothing_to_decide() -> None:
    assert decide([], [(C, "refund")], explain=True) == Decision((), (), (), "0123456789ab")


def test_a_rule_that_asks_for_nothing_never_holds() -> None:
    assert decide([rule(none=["x"]), rule("b", ignore=["x"])], [(C, "x y")]).tags == ()


def test_text_is_searched_only_where_a_rule_looks() -> None:
    """An agent's lines cost nothing where all rules are about customers."""
    decider = Decider.compile(RuleSet((rule(any=["refund"]),), "h"))

    class Unread(str):
        def isascii(self) -> bool:
            raise AssertionError("was searched")

    said = (Said("e0", "agent", (Unread("refund"),)), Said("e1", "customer", ("refund",)))
    assert decider.decide(Conversation(THREAD, said), NOON_MS).tags == ("Refund",)


@pytest.mark.parametrize(
    ("unit", "more"),
    [
        ("a ", {}),
        ("no a b ", {"ignore": ["no a", "a b", "no a b"]}),
        ("a b c ", {"canned": ["a b c a b c a b c", "b c a b"]}),
        ("e\u0301a ", {}),
    ],
    ids=["matches", "ignored", "canned", "marks"],
)
def test_the_longest_conversation_costs_linear_time(unit: str, more: dict[str, Any]) -> None:
    """Eight times the messages, eight times the steps: nothing is gone through again for each of them."""
    decider = Decider.compile(RuleSet((rule(any=["a", "b"], from_="any", min_matches=3, **more),), "h"))
    text = (unit * 4_096)[:4_096]

    def cost(messages: int) -> int:
        said = conversation([(A, text)] * messages)
        return steps(lambda: decider.decide(said, NOON_MS))

    cost(1)  # fills the tables
    assert cost(16) < 8.1 * cost(2)
