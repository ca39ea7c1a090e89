"""What a plan of `retag` sets and removes in one chat, and what it leaves alone."""

from collections.abc import Iterable
from typing import Any, Final

import pytest

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.review.authorship import authorship
from tagger.core.review.past_chat import PastChat, PastDecision
from tagger.core.review.retag import GRACE_MS, REASONS_MAX, TAGS_MAX, Asked, Retag, still
from tests.unit.core.review.test_authorship import END, What, decided, retagged, told

THREAD: Final = ThreadKey("org", "C", "T")
LATER: Final = END + 86_400_000
REMOVE: Final = Asked(remove=True)


def chat(*topic: What, tags: Iterable[str] | None = None, complete: bool = True) -> PastChat:
    decisions = tuple(one for one in topic if isinstance(one, PastDecision))
    told_of = [one for one in topic if not isinstance(one, PastDecision)]
    there = None if tags is None else frozenset(tags)
    said = Conversation(THREAD, (), complete=complete)
    return PastChat(THREAD, END, said, decisions, tags=there, told=tuple(told_of))


def today(*tags: str, rule: str = "{}") -> Decision:
    because = tuple(Reason(rule.format(tag.lower()), tag, tag.lower(), "E", 0, 1) for tag in tags)
    return Decision(tags, because, (), "today")


# asked, what is on the topic, tags that LiveChat has (None: unknown), tags called for today; set, removed, left alone
TABLE: Final[tuple[tuple[Asked, tuple[What, ...], Any, str, str, str, dict[str, int]], ...]] = (
    (Asked(), (), None, "A", "A", "", {}),
    (Asked(), (decided("A"),), None, "AB", "B", "", {}),
    (Asked(), (decided("A"),), None, "", "", "", {}),
    (Asked(), (), "A", "AB", "B", "", {}),
    (Asked(), (decided("A"), told("A", "removed", 1)), None, "A", "", "", {"people": 1}),
    (Asked(), (decided("A", outcome="dry_run"),), None, "A", "A", "", {}),
    (Asked(), (decided("A"), retagged(at=9, untagged=("A",))), None, "A", "A", "", {}),
    (Asked(), (decided("A"), retagged(at=9, untagged=("A",), held=("A",))), None, "A", "", "", {"ordered": 1}),
    (REMOVE, (decided("A", "B"),), None, "BC", "C", "A", {}),
    (REMOVE, (decided("A"),), "", "", "", "", {}),  # it went, and nobody told
    (REMOVE, (decided("A"), told("A", "removed", 1)), None, "", "", "", {"people": 1}),
    (REMOVE, (decided("A"), told("B", "added", 1)), None, "", "", "A", {}),
    (REMOVE, (decided("A", at=1), told("A", "added", -1)), None, "", "", "", {"people": 1}),
    (REMOVE, (decided("A"),), "AB", "", "", "A", {"never": 1}),
    (Asked(undo=("a",)), (decided("A", "B"),), None, "", "", "A", {}),
    (Asked(undo=("a", "b")), (decided("A", "B"),), None, "", "", "AB", {}),
    (Asked(undo=("c",)), (decided("A", "B"),), None, "", "", "", {}),
    (Asked(undo=("a",)), (decided("A"), told("A", "removed", 1)), None, "", "", "", {"people": 1}),
    (Asked(undo=("a",)), (decided("A"), retagged("A", at=9)), None, "", "", "", {"shared": 1}),
    (Asked(undo=("new-a",)), (decided("B"), retagged("A", "B", at=9)), None, "", "", "A", {}),
    (Asked(undo=("a",)), (decided("A"), retagged(at=9, untagged=("A",), held=("A",))), None, "", "", "", {}),
    (Asked(undo=("a",)), (decided("A")._replace(reasons_omitted=True),), None, "", "", "", {"shared": 1}),
    (Asked(rename={"A": "B"}), (decided("A"),), None, "", "B", "A", {}),
    (Asked(rename={"A": "B"}), (decided("A", "B"),), None, "", "", "A", {}),
    (Asked(rename={"A": "B"}), (decided("A"), told("B", "removed", 1)), None, "", "", "A", {"people": 1}),
    (Asked(rename={"A": "B"}), (decided("A"), told("A", "removed", 1)), None, "", "", "", {"people": 1}),
    (Asked(rename={"A": "B"}), (decided("C"),), "AC", "", "", "", {"never": 1}),
    # a plan sets nothing without a reason, so where none is on record, the old tag stays
    (Asked(rename={"A": "B"}), (decided("A")._replace(because=()),), None, "", "", "", {"unknown": 1}),
    (Asked(rename={"A": "B"}), (decided("A", "B")._replace(because=()),), None, "", "", "A", {}),
    (Asked(rename={"A": "C", "B": "C"}), (decided("B")._replace(tags=("A", "B")),), None, "", "C", "B", {"unknown": 1}),
    (Asked(rename={"B": "C", "A": "C"}), (decided("B")._replace(tags=("A", "B")),), None, "", "C", "AB", {}),
)  # fmt: skip


@pytest.mark.parametrize(("asked", "topic", "there", "calls_for", "set_", "removed", "untouched"), TABLE)
def test_a_plan_for_one_chat(
    asked: Asked,
    topic: tuple[What, ...],
    there: str | None,
    calls_for: str,
    set_: str,
    removed: str,
    untouched: dict[str, int],
) -> None:
    retag = Retag(asked)
    change = retag.plan(chat(*topic, tags=there), today(*calls_for), LATER)
    assert dict(retag.untouched) == untouched
    assert retag.calls == len(set_) + len(removed)
    if change is None:
        assert (set_, removed) == ("", "")
        return
    assert (change.set, change.remove) == (tuple(set_), tuple(removed))
    assert {reason.tag for reason in change.because} == {*set_}


def on_trial(tag: str, *rules: str) -> tuple[Reason, ...]:
    return tuple(Reason(rule, tag, "k", "E", 0, 1) for rule in rules)


def test_a_rule_on_trial_is_no_reason_to_set_a_tag() -> None:
    undone = (decided("A"), retagged(at=9, untagged=("A",), held=("A",)))
    because = on_trial("A", "trial", "a")
    for trial, calls in ((("trial",), 0), ((), 1)):
        retag = Retag(Asked(), trial)
        retag.plan(chat(*undone), Decision(("A",), because, (), "today"), LATER)
        assert retag.calls == calls
    change = Retag(Asked(), ("trial",)).plan(chat(), Decision(("A",), because, (), "today"), LATER)
    assert change is not None
    assert [reason.rule for reason in change.because] == ["a"]


@pytest.mark.parametrize(
    ("undo", "trial", "removed"),
    [("a", "trial", True), ("a", "", False), ("trial", "trial", False), ("a", "a trial", True)],
)
def test_a_rule_on_trial_is_no_reason_to_keep_a_tag(undo: str, trial: str, removed: bool) -> None:
    both = decided("A")._replace(because=on_trial("A", "a", "trial"))
    change = Retag(Asked(undo=(undo,)), trial.split()).plan(chat(both), None, LATER)
    assert (change is not None) == removed


def test_what_is_not_wholly_known_is_not_decided_but_may_be_undone() -> None:
    half = chat(decided("A"), complete=False)
    retag = Retag(REMOVE)
    assert retag.plan(half, today(), LATER) is None
    assert (retag.incomplete, retag.planned) == (1, 0)
    assert Retag(Asked(undo=("a",))).plan(half, None, LATER) is not None


def test_a_chat_that_just_ended_is_left_to_the_service() -> None:
    for age_ms, recent in ((GRACE_MS - 1, 1), (GRACE_MS, 0)):
        retag = Retag(Asked())
        retag.plan(chat(), today("A"), END + age_ms)
        assert (retag.recent, retag.planned) == (recent, 1 - recent)


def test_tags_and_reasons_of_one_chat_are_bounded_and_every_tag_keeps_one_of_each_rule() -> None:
    tags = tuple(f"tag {number:03}" for number in range(TAGS_MAX + 1))
    because = tuple(
        Reason(rule, tag, "k", "E", at, 9) for tag in tags for rule in ("a", "b") for at in range(9)
    )
    change = Retag(Asked()).plan(chat(), Decision(tags, because, (), "today"), LATER)
    assert change is not None
    assert change.set == tags[:TAGS_MAX]
    first = [reason.rule for reason in change.because if reason.tag == tags[0]]
    assert (len(first), {*first}) == (REASONS_MAX, {"a", "b"})


def test_a_change_that_was_done_leaves_nothing_to_do_and_what_people_did_since_is_left_alone() -> None:
    before = (decided("A", "B"),)
    change = Retag(REMOVE).plan(chat(*before), today("B", "C"), LATER)
    assert change is not None
    assert still(change, authorship(before, ()))[:2] == (("C",), ("A",))
    done = authorship((*before, retagged("B", "C", at=9, untagged=("A",))), ())
    assert still(change, done) == ((), (), {})
    corrected = authorship(before, [told("A", "removed", 5), told("C", "added", 5), told("C", "removed", 6)])
    assert still(change, corrected) == ((), (), {"people": 2})


def test_a_line_that_somebody_wrote_removes_no_tag_of_a_person() -> None:
    change = Retag(Asked(undo=("a",))).plan(chat(decided("A")), None, LATER)
    assert change is not None
    found = still(change._replace(remove=("A", "VIP")), authorship((decided("A"),), ()))
    assert (found.remove, found.untouched) == (("A",), {"never": 1})
