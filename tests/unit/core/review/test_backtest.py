"""Two sets over the same chats: what each tag had, has, gains and loses, and why."""

from random import Random
from typing import Any

import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.review import backtest
from tagger.core.review.backtest import Backtest
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import Keyword, Rule, RuleSet
from tagger.core.rules.problems import Place

NOON_MS = 1_790_000_000_000


def rule(name: str, *words: str, tag: str = "", **more: Any) -> Rule:
    return Rule(name, tag or name.capitalize(), any=tuple(Keyword(word, word) for word in words), **more)


def rules(*given: Rule) -> RuleSet:
    return RuleSet(given, "hash")


def chat(number: int, *texts: str, complete: bool = True) -> PastChat:
    thread = ThreadKey("org", f"C{number}", f"T{number}")
    said = tuple(Said(f"e{at}", "customer", (text,)) for at, text in enumerate(texts))
    return PastChat(thread, NOON_MS + number, Conversation(thread, said, complete=complete))


def backtested(old: RuleSet, new: RuleSet, *chats: PastChat, **options: Any) -> Backtest:
    test = Backtest(old, new, **options)
    for one in chats:
        test.add(one)
    return test


def test_each_tag_is_counted_before_and_after() -> None:
    old = rules(rule("refund", "refund"), rule("late", "late"))
    new = rules(rule("refund", "money back"), rule("late", "late"))
    test = backtested(
        old, new, chat(1, "refund"), chat(2, "money back"), chat(3, "late refund"), chat(4, "hello")
    )
    refund, late = test.tags["Refund"], test.tags["Late"]
    assert (refund.before, refund.after, refund.gained, refund.lost) == (2, 1, 1, 2)
    assert (late.before, late.after, late.gained, late.lost) == (1, 1, 0, 0)
    assert (test.chats, test.untagged_before, test.untagged_after, test.changed_chats) == (4, 2, 2, 3)
    assert test.changed_tags() == ["Refund"]


def test_a_change_names_the_rule_and_the_keywords_that_made_it() -> None:
    test = backtested(
        rules(rule("refund", "refund")),
        rules(rule("refund", "refund", "money back", "chargeback")),
        chat(1, "a chargeback, my money back"),
        chat(2, "money back"),
    )
    assert test.tags["Refund"].causes == {
        ("gained", "refund", "chargeback"): 1,
        ("gained", "refund", "money back"): 2,
    }
    first = test.tags["Refund"].sample["gained"][1]
    assert (first.thread.chat_id, first.ended_at_ms) == ("C1", NOON_MS + 1)
    assert (first.author, first.conversation) == ("customer", None)
    assert [(reason.keyword, reason.start, reason.end) for reason in first.because] == [
        ("chargeback", 2, 12),
        ("money back", 17, 27),
    ]


def test_a_rule_on_trial_is_no_cause() -> None:
    trial, money = rule("try", "cash", tag="Refund", dry_run=True), rule("money", "money back", tag="Refund")
    gained = backtested(rules(), rules(trial, money), chat(1, "cash, my money back"))
    lost = backtested(rules(trial, money), rules(), chat(1, "cash, my money back"))
    assert gained.tags["Refund"].causes == {("gained", "money", "money back"): 1}
    assert lost.tags["Refund"].causes == {("lost", "money", "money back"): 1}
    assert [reason.rule for reason in gained.tags["Refund"].sample["gained"][0].because] == ["money"]


def test_a_lost_tag_names_what_had_called_for_it() -> None:
    old = rules(rule("refund", "refund"))
    test = backtested(old, rules(rule("refund", "refund", none=(Keyword("no", "no"),))), chat(1, "no refund"))
    assert test.tags["Refund"].causes == {("lost", "refund", "refund"): 1}


def test_words_are_kept_only_where_they_are_asked_for() -> None:
    old, new, one = rules(), rules(rule("refund", "refund")), chat(1, "refund")
    kept = backtested(old, new, one, keep_words=True).tags["Refund"].sample["gained"][0]
    assert kept.conversation == one.conversation
    assert backtested(old, new, one).tags["Refund"].sample["gained"][0].conversation is None


def test_a_chat_whose_beginning_is_missing_is_not_decided() -> None:
    gone = PastChat(ThreadKey("org", "C2", "T2"), NOON_MS)
    test = backtested(rules(), rules(rule("refund", "refund")), chat(1, "refund", complete=False), gone)
    assert (test.chats, test.incomplete, test.tags["Refund"].after) == (0, 2, 0)


def test_a_tag_that_no_chat_has_is_listed_unless_its_rule_is_on_trial() -> None:
    test = backtested(
        rules(), rules(rule("refund", "refund"), rule("trial", "refund", dry_run=True)), chat(1, "hi")
    )
    assert list(test.tags) == ["Refund"]


@pytest.mark.parametrize(
    ("before", "gained", "share"), [(10, 1, 0.1), (0, 1, float("inf")), (0, 0, 0.0), (4, 4, 1.0)]
)
def test_the_share_of_changed_chats_is_of_those_that_had_the_tag(
    before: int, gained: int, share: float
) -> None:
    assert backtest.TagChange(before=before, gained=gained).share_of_before() == share


def test_tags_that_change_more_than_allowed_are_named() -> None:
    chats = [chat(n, "refund") for n in range(10)] + [chat(10, "money back")]
    new = rules(rule("refund", "refund", "money back"))
    test = backtested(rules(rule("refund", "refund")), new, *chats)
    assert test.above(0.05) == ["Refund"]
    assert test.above(0.1) == []


def test_the_newest_changed_chats_are_kept_and_all_are_counted() -> None:
    chats = (chat(n, "refund") for n in [3, 1, 4, 0, 2])
    change = backtested(rules(), rules(rule("refund", "refund")), *chats, sample=2).tags["Refund"]
    assert change.gained == 5
    assert [one.thread.chat_id for one in change.sample["gained"]] == ["C4", "C3"]


def test_rules_that_mean_the_same_are_decided_once() -> None:
    here, there = Place("a.yaml", 1, 1), Place("b.yaml", 9, 1)
    old = rules(rule("refund", "refund", place=here, owner="#a"))
    test = Backtest(old, rules(rule("refund", "refund", place=there, owner="#b")))
    assert (len(test._same.rules), test._old.rules, test._new.rules) == (1, (), ())


def random_rules(random: Random) -> RuleSet:
    given = []
    for name in random.sample("abcdef", random.randint(0, 5)):
        words = random.sample(["late", "refund", "parcel", "sorry"], random.randint(1, 2))
        none = (Keyword("no", "no"),) if random.random() < 0.3 else ()
        given.append(rule(name, *words, tag=random.choice("XYZ"), none=none, dry_run=random.random() < 0.2))
    return rules(*given)


@pytest.mark.parametrize("seed", range(50))
def test_every_number_equals_an_independent_count(seed: int) -> None:
    random = Random(seed)
    old, new = random_rules(random), random_rules(random)
    said = ["late", "refund", "parcel", "sorry", "no", "hello"]
    chats = [chat(n, *random.choices(said, k=random.randint(1, 4))) for n in range(40)]
    test = backtested(old, new, *chats)
    before, after = (
        [
            set(Decider.compile(each).decide(one.conversation, one.ended_at_ms).tags)
            for one in chats
            if one.conversation
        ]
        for each in (old, new)
    )
    pairs = list(zip(before, after, strict=True))
    for tag in "XYZ":
        change = test.tags.get(tag, backtest.TagChange())
        assert change.before == sum(tag in was for was, _ in pairs)
        assert change.after == sum(tag in now for _, now in pairs)
        assert change.gained == sum(tag in now - was for was, now in pairs) == len(change.sample["gained"])
        assert change.lost == sum(tag in was - now for was, now in pairs) == len(change.sample["lost"])
    assert test.changed_chats == sum(was != now for was, now in pairs)
    assert test.untagged_before == sum(not was for was, _ in pairs)
    assert test.untagged_after == sum(not now for _, now in pairs)
