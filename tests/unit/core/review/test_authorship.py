"""Whose a tag is: what LiveChat tells, laid beside our decisions in the order of time."""

from typing import Final, Literal

import pytest

from tagger.core.matching.decide import Reason
from tagger.core.review.authorship import (
    SKEW_MS,
    TOLD_WITHIN_MS,
    authorship,
    corrected,
    may_remove,
    may_set,
    reasons_of,
)
from tagger.core.review.past_chat import Correction, PastDecision, Place

MINUTE: Final = 60_000
END: Final = 1_000 * MINUTE
What = PastDecision | Correction


def decided(*tags: str, at: int = 0, outcome: str = "tagged", held: tuple[str, ...] = ()) -> PastDecision:
    """A decision of the service, so many minutes after the end."""
    because = tuple(Reason(tag.lower(), tag, tag.lower(), "E", 0, 1) for tag in tags)
    return PastDecision(tags, because, outcome, "then", 1, END, END + at * MINUTE, Place("w", 0, 1), held)


def retagged(*tags: str, at: int, untagged: tuple[str, ...] = (), held: tuple[str, ...] = ()) -> PastDecision:
    began = END + at * MINUTE
    because = tuple(Reason(f"new-{tag.lower()}", tag, "k", "E", 0, 1) for tag in tags)
    return PastDecision(tags, because, "retagged", "now", 1, END, began + 1_000, None, held, untagged, began)


def told(tag: str, change: Literal["added", "removed"], at: float) -> Correction:
    return Correction(tag, change, END + int(at * MINUTE), Place("w", 0, int(at * 100)))


TABLE: Final = (
    # what is on the topic, ours, added by people, removed by people
    ((decided("A"),), "A", "", ""),
    ((decided("A", outcome="dry_run"),), "", "", ""),
    ((decided("A", outcome="no_credentials"), told("A", "added", 5)), "", "A", ""),
    ((decided("A", held=("A",)),), "", "", ""),
    ((decided("A"), told("A", "removed", 1)), "", "", "A"),
    ((decided("A"), told("A", "removed", 1), told("A", "added", 2)), "", "A", "A"),
    ((decided("A"), told("A", "added", 0.1)), "A", "", ""),  # our own, told after a restart
    ((decided("A", at=1), told("A", "added", -1)), "", "A", ""),  # a person was faster
    ((decided(), told("A", "added", 1)), "", "A", ""),
    # what `retag` set and removed is told like anybody's doing, before and after its record
    ((decided(), retagged("A", at=9), told("A", "added", 9)), "A", "", ""),
    ((decided(), retagged("A", at=9), told("A", "added", 8.5)), "A", "", ""),
    ((decided(), retagged("A", at=9), told("A", "added", 7)), "", "A", ""),
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "removed", 9)), "", "", ""),
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "removed", 18)), "", "", ""),
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "removed", 20)), "", "", "A"),
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "removed", 7)), "", "", "A"),
    # one removal of ours accounts for one that is told
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "removed", 9), told("A", "removed", 10)), "", "", "A"),
    # what somebody else removed is in neither list of `retag`
    ((decided("A", "B"), retagged("B", at=9)), "B", "", ""),
    ((decided("A"), retagged(at=0, untagged=("A",))), "", "", ""),  # seconds after the decision
    ((decided("A"), retagged(at=9, untagged=("A",)), told("A", "added", 20)), "", "A", ""),
)  # fmt: skip


@pytest.mark.parametrize(("topic", "ours", "added", "removed"), TABLE)
def test_whose_a_tag_is(topic: tuple[What, ...], ours: str, added: str, removed: str) -> None:
    decisions = [one for one in topic if isinstance(one, PastDecision)]
    corrections = [one for one in topic if isinstance(one, Correction)]
    found = authorship(decisions, corrections)
    assert [sorted(tags) for tags in (found.ours, found.added, found.removed)] == [
        sorted(ours),
        sorted(added),
        sorted(removed),
    ]


@pytest.mark.parametrize(
    ("changes", "people"),
    [
        pytest.param("+Upset", "+Upset", id="a tag of theirs"),
        pytest.param("+Refund", "", id="a tag of ours"),
        pytest.param("-Refund", "-Refund", id="our tag removed"),
        pytest.param("+Refund -Refund +Refund", "-Refund +Refund", id="our tag removed, and set again"),
        pytest.param("-Upset", "-Upset", id="a tag that nobody set"),
    ],
)
def test_a_tag_that_a_decision_called_for_was_set_by_a_person_only_after_one_removed_it(
    changes: str, people: str
) -> None:
    """Whatever the clocks say: here LiveChat tells of everything before the decision has settled."""
    made = [
        told(change[1:], "added" if change[0] == "+" else "removed", at)
        for at, change in enumerate(changes.split())
    ]
    found = corrected(made, [decided("Refund", at=60)])
    assert " ".join(f"{'+' if one.change == 'added' else '-'}{one.tag}" for one in found) == people


def test_the_span_of_a_removal_of_ours_allows_for_clocks_and_for_a_queue_on_the_way() -> None:
    edges = (-SKEW_MS - 1, -SKEW_MS, 1_000 + TOLD_WITHIN_MS, 1_001 + TOLD_WITHIN_MS)
    made = (decided("A"), retagged(at=90, untagged=("A",)))
    found = [authorship(made, [told("A", "removed", 90 + edge / MINUTE)]).removed for edge in edges]
    assert found == [{"A"}, set(), set(), {"A"}]


@pytest.mark.parametrize(
    ("topic", "rules", "verdict"),
    [
        ((), ("a",), "go"),
        ((decided("A"),), ("a",), "there"),
        ((decided("A", outcome="dry_run"),), ("a",), "go"),
        ((decided("A"), told("A", "removed", 1)), ("new",), "people"),
        ((decided(), told("A", "added", 1)), ("a",), "there"),
        (
            (decided("A", "B"), retagged("B", at=9)),
            ("a",),
            "people",
        ),  # it was not there when it was to be removed
        # no rule called for it when `retag` removed it: any that does so now does it newly
        ((decided("A"), retagged(at=9, untagged=("A",))), ("a",), "go"),
        # it was removed by order, though the rule may call for it still
        ((decided("A"), retagged(at=9, untagged=("A",), held=("A",))), ("a",), "ordered"),
        ((decided("A"), retagged(at=9, untagged=("A",), held=("A",))), ("a", "other"), "go"),
        ((decided("A"), retagged(at=9, untagged=("A",), held=("A",)), retagged("A", at=20)), ("a",), "there"),
    ],
)
def test_what_may_be_set(topic: tuple[What, ...], rules: tuple[str, ...], verdict: str) -> None:
    decisions = [one for one in topic if isinstance(one, PastDecision)]
    whose = authorship(decisions, [one for one in topic if isinstance(one, Correction)])
    assert may_set(whose, "A", rules) == verdict


@pytest.mark.parametrize(
    ("topic", "verdict"),
    [
        ((), "never"),
        ((decided("A"),), "go"),
        ((decided("A"), told("A", "removed", 1)), "people"),
        ((decided("A", at=1), told("A", "added", -1)), "people"),
        ((decided("A"), retagged(at=9, untagged=("A",))), "there"),
        ((decided(), retagged("A", at=9), told("A", "added", 9)), "go"),
    ],
)
def test_what_may_be_removed(topic: tuple[What, ...], verdict: str) -> None:
    decisions = [one for one in topic if isinstance(one, PastDecision)]
    whose = authorship(decisions, [one for one in topic if isinstance(one, Correction)])
    assert may_remove(whose, "A") == verdict


def test_the_reasons_of_a_tag_are_those_of_the_newest_decision_that_has_any() -> None:
    made = (decided("A"), retagged("A", at=9), retagged(at=20, untagged=("A",)))
    assert [reason.rule for reason in reasons_of(made, "A")] == ["new-a"]
    assert reasons_of(made, "B") == ()
