"""What rules and keywords did over many chats, and what people corrected."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Reason
from tagger.core.review import statistics
from tagger.core.review.past_chat import Correction, PastChat, PastDecision
from tagger.core.review.statistics import Statistics
from tagger.core.rules.model import Canned, Keyword, Rule
from tagger.core.rules.places import named_by

REFUND = Rule("refund", "Refund", any=(Keyword("refund", "refund"), Keyword("chargeback*", "chargeback")))
MONEY = Rule("money", "Refund", any=(Keyword("money back", "money back"),))
TRIAL = Rule("trial", "Refund", any=(Keyword("refund", "refund"),), dry_run=True)
LATE = Rule("late", "Late", all=((Keyword("late", "late"),),), canned=(Canned("It is on its way"),))


def reason(rule: Rule, keyword: str, start: int = 0) -> Reason:
    return Reason(rule.id, rule.tag, keyword, "e1", start, start + 1)


def chat(
    *because: Reason,
    ended_at_ms: int = 1,
    trial: Iterable[Rule] = (TRIAL,),
    corrections: Iterable[Correction] = (),
) -> PastChat:
    on_trial = {rule.id for rule in trial}
    tags = tuple(sorted({one.tag for one in because if one.rule not in on_trial}))
    decision = PastDecision(tags, because, "tagged", "hash", 3, ended_at_ms, ended_at_ms, None)
    thread = ThreadKey("org", "C", "T")
    return PastChat(thread, ended_at_ms, decisions=(decision,), corrections=tuple(corrections))


def counted(rules: Iterable[Rule], *chats: PastChat) -> Statistics:
    counts = Statistics(rules)
    for one in chats:
        counts.add(one)
    return counts


def test_a_chat_counts_once_for_a_rule_and_for_each_of_its_keywords() -> None:
    one = chat(reason(REFUND, "refund"), reason(REFUND, "refund", 9), reason(REFUND, "chargeback*"))
    (row,) = counted([REFUND], one, chat(reason(REFUND, "refund"), ended_at_ms=7)).rows()
    assert (row.use.chats, row.use.last_ms) == (2, 7)
    keywords = row.use.keywords
    assert {word: (use.chats, use.alone) for word, use in keywords.items()} == {
        "refund": (2, 1),
        "chargeback*": (1, 0),
    }


def test_what_never_matched_is_listed_and_comes_first() -> None:
    rows = counted([REFUND, LATE], chat(reason(REFUND, "refund"))).rows()
    assert [(row.id, row.use.chats, row.use.last_ms) for row in rows] == [("late", 0, None), ("refund", 1, 1)]
    assert {word: use.chats for word, use in rows[0].use.keywords.items()} == {
        "late": 0,
        "It is on its way": 0,
    }


def test_alone_means_that_no_other_rule_in_force_calls_for_the_tag() -> None:
    both, one = chat(reason(REFUND, "refund"), reason(MONEY, "money back")), chat(reason(MONEY, "money back"))
    with_trial = chat(reason(REFUND, "refund"), reason(TRIAL, "refund"))
    rows = {row.id: row for row in counted([REFUND, MONEY, TRIAL], both, one, with_trial).rows()}
    assert {id: (row.use.chats, row.use.alone) for id, row in rows.items()} == {
        "refund": (2, 1),
        "money": (2, 1),
        "trial": (1, 0),
    }
    assert [id for id, row in rows.items() if row.is_on_trial] == ["trial"]


def test_chats_without_a_tag_and_chats_without_a_decision_are_counted() -> None:
    counts = counted([REFUND], chat(), chat(reason(REFUND, "refund")), PastChat(ThreadKey("o", "c", "t"), 1))
    assert (counts.chats, counts.untagged, counts.undecided) == (2, 1, 1)


def test_a_rule_that_is_on_trial_gives_no_tag() -> None:
    assert counted([TRIAL], chat(reason(TRIAL, "refund"))).untagged == 1


def test_a_rule_that_the_set_no_longer_has_keeps_its_row() -> None:
    (row,) = counted([], chat(reason(REFUND, "refund"))).rows()
    assert (row.id, row.tag, row.rule, row.use.chats) == ("refund", "Refund", None, 1)


def test_what_people_removed_and_added_is_counted_by_the_last_word() -> None:
    removed, added = Correction("Refund", "removed", 1), Correction("Refund", "added", 2)
    counts = counted(
        [REFUND, MONEY],
        chat(reason(REFUND, "refund"), corrections=[removed]),
        chat(reason(REFUND, "refund"), corrections=[removed, added]),
        chat(reason(MONEY, "money back"), corrections=[removed, removed._replace(tag="Late")]),
        chat(corrections=[added]),
    )
    assert {row.id: (row.use.removed, row.use.added) for row in counts.rows()} == {
        "refund": (1, 1),
        "money": (1, 1),
    }


def test_a_removed_tag_counts_against_a_rule_only_if_a_decision_called_for_it() -> None:
    removed = Correction("Refund", "removed", 1)
    counts = counted([REFUND, TRIAL], chat(reason(TRIAL, "refund"), corrections=[removed]))
    assert {row.id: row.use.removed for row in counts.rows()} == {"refund": 0, "trial": 0}


@pytest.mark.parametrize("is_last", [True, False])
def test_what_people_added_counts_for_a_rule_that_is_gone_whenever_its_first_chat_comes(
    is_last: bool,
) -> None:
    added, called = chat(corrections=[Correction("Late", "added", 2)]), chat(reason(LATE, "late"))
    (row,) = counted([], *([added, called] if is_last else [called, added])).rows()
    assert (row.id, row.use.chats, row.use.added) == ("late", 1, 1)


def test_all_decisions_on_a_chat_count_together() -> None:
    first, second = chat(reason(REFUND, "refund")), chat(reason(LATE, "late"))
    both = PastChat(first.thread, 1, decisions=first.decisions + second.decisions)
    rows = counted([REFUND, LATE], both).rows()
    assert [(row.id, row.use.chats, row.use.alone) for row in rows] == [("late", 1, 1), ("refund", 1, 1)]


def test_tags_are_compared_with_those_that_chats_have() -> None:
    one, other = chat(reason(REFUND, "refund")), chat(reason(LATE, "late"), reason(REFUND, "refund"))
    counts = counted(
        [REFUND, LATE],
        replace(one, tags=frozenset({"Refund"})),
        replace(other, tags=frozenset({"VIP", "Late"})),
        one,
    )
    assert {tag: (use.decided, use.there, use.both) for tag, use in counts.tags.items()} == {
        "Refund": (2, 1, 1),
        "Late": (1, 1, 1),
        "VIP": (0, 1, 0),
    }


def test_keywords_of_rules_that_are_gone_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "OTHER_KEYWORDS_MAX", 2)
    counts = counted([REFUND], *(chat(reason(LATE, word)) for word in ["a", "b", "c", "a", "d"]))
    rows = {row.id: row for row in counts.rows()}
    assert list(rows["late"].use.keywords) == ["a", "b"]
    assert (rows["late"].use.chats, counts.omitted) == (5, 2)


@pytest.mark.parametrize("seed", range(30))
def test_every_number_equals_an_independent_count(seed: int) -> None:
    random, rules = Random(seed), [REFUND, MONEY, TRIAL, LATE]
    pool = [(rule, word) for rule in rules for word, _ in named_by(rule)]
    chats = [
        chat(*(reason(*one) for one in random.choices(pool, k=random.randint(0, 4))), ended_at_ms=at)
        for at in range(30)
    ]
    rows = {row.id: row.use for row in counted(rules, *chats).rows()}
    reasons = [(one.ended_at_ms, one.decisions[0].because) for one in chats]
    for rule in rules:
        ends = [at for at, because in reasons if any(each.rule == rule.id for each in because)]
        assert (rows[rule.id].chats, rows[rule.id].last_ms) == (len(ends), max(ends, default=None))
        for word, _ in named_by(rule):
            said = sum(any((r.rule, r.keyword) == (rule.id, word) for r in because) for _, because in reasons)
            assert rows[rule.id].keywords[word].chats == said
