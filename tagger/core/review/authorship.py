"""Whose a tag on a thread is: ours, or a person's. Pure.

LiveChat tells which tags were set and removed, but not by whom, and our own calls come back like anybody's. So what it
tells is laid beside our decisions, in the order of time:

- our decisions set a tag from the time they settled; those of `retag` set and remove from their first call on;
- a tag that LiveChat says was set is a person's, unless it is ours at that time already;
- a tag that LiveChat says was removed was removed by a person, unless a `retag` removed it just then: each of its
  removals accounts for one.

In doubt it is a person's word, which we never undo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tagger.core.matching.decide import Reason
from tagger.core.review.past_chat import Correction, PastDecision

# Decided, but not set.
NOT_SET: Final = frozenset({"dry_run", "no_credentials"})
# Clocks of this machine and of Kafka's differ by less.
SKEW_MS: Final = 60_000
# LiveChat repeats a webhook for about a minute; then a queue on the way may hold it. What is told later than this
# after a removal of ours is taken for a person's, so that the tag is not set again.
TOLD_WITHIN_MS: Final = 600_000


class Span(NamedTuple):
    """When LiveChat may tell of a removal that was ours (Unix time, ms)."""

    from_ms: int
    until_ms: int

    @classmethod
    def of(cls, began_at_ms: int, settled_at_ms: int) -> "Span":
        """Return the span of a `retag` that sent its calls between these times."""
        return cls(began_at_ms - SKEW_MS, settled_at_ms + TOLD_WITHIN_MS)

    def holds(self, at_ms: int) -> bool:
        """Return whether a time is in it."""
        return self.from_ms <= at_ms <= self.until_ms


@dataclass(frozen=True, slots=True)
class Authorship:
    """What is known of the tags of one thread."""

    ours: frozenset[str]  # our decisions set them, and neither we nor a person removed them since
    decided: frozenset[str]  # our decisions set them, or held them back, at some time
    added: frozenset[str]  # people set them while they were not ours
    removed: frozenset[str]  # people removed them
    # `retag` removed them: with the rules that had called for them and cannot bring them back, none if any rule can.
    taken: Mapping[str, frozenset[str]]
    corrections: tuple[Correction, ...]  # those by people, oldest first


class _Event(NamedTuple):
    at_ms: int
    what: PastDecision | Correction


def authorship(decisions: Iterable[PastDecision], told: Iterable[Correction]) -> Authorship:
    """Tell ours from people's by all that LiveChat told of a thread. Decisions must be oldest first."""
    events, from_ms = list[_Event](), 0
    for made in decisions:
        if made.outcome not in NOT_SET:
            from_ms = max(from_ms, _from_ms(made))  # whatever the clocks say, decisions keep their order
            events.append(_Event(from_ms, made))
    events += [_Event(each.at_ms, each) for each in told]
    tags = _Tags()
    for event in sorted(events, key=lambda event: event.at_ms):
        if isinstance(event.what, Correction):
            tags.told(event.what)
        else:
            tags.decided_on(event.what)
    return Authorship(
        frozenset(tags.ours),
        frozenset(tags.decided),
        frozenset(tags.added),
        frozenset(tags.removed),
        {tag: rules for tag, rules in tags.taken.items() if tag not in tags.ours | tags.removed},
        tuple(tags.corrections),
    )


def corrected(told: Iterable[Correction], decisions: Sequence[PastDecision]) -> tuple[Correction, ...]:
    """Return what people corrected, of all that LiveChat told of a thread, oldest first.

    What the tagger remembers of its own tags ends with the process, so one that it set may be on record as `added`.
    It sets none that a person removed: whatever is set after that, a person set.
    """
    told = tuple(told)
    if not told:
        return ()
    theirs = {*authorship(decisions, told).corrections}
    ours, people = {tag for made in decisions for tag in made.tags}, list[Correction]()
    for each in told:
        if each.change == "removed":
            ours.discard(each.tag)
        if each in theirs and (each.change == "removed" or each.tag not in ours):
            people.append(each)
    return tuple(people)


def _from_ms(made: PastDecision) -> int:
    return made.settled_at_ms if made.began_at_ms is None else made.began_at_ms - SKEW_MS


class _Tags:
    """The tags of a thread, as time goes on."""

    def __init__(self) -> None:
        self.ours, self.decided = set[str](), set[str]()
        self.added, self.removed = set[str](), set[str]()
        self.taken: dict[str, frozenset[str]] = {}
        self.corrections: list[Correction] = []
        self._rules: dict[str, set[str]] = {}  # tag → rules that called for it
        self._spans: dict[str, list[Span]] = {}  # of our removals that LiveChat has not told of yet

    def decided_on(self, made: PastDecision) -> None:
        """Take a decision."""
        for reason in made.because:
            self._rules.setdefault(reason.tag, set()).add(reason.rule)
        self.decided |= {*made.tags}
        if made.began_at_ms is not None:
            self.ours &= {*made.tags}  # it says all that are ours
            for tag in made.untagged:
                span = Span.of(made.began_at_ms, made.settled_at_ms)
                self._spans.setdefault(tag, []).append(span)
                self.taken[tag] = (
                    frozenset(self._rules.get(tag, ())) if tag in made.held_back else frozenset()
                )
        self.ours |= {*made.tags} - {*made.held_back} - self.added - self.removed

    def told(self, correction: Correction) -> None:
        """Take what LiveChat told."""
        tag = correction.tag
        if correction.change == "added":
            if tag in self.ours:
                return
            self.added.add(tag)
        else:
            for span in self._spans.get(tag, ()):
                if span.holds(correction.at_ms):
                    self._spans[tag].remove(span)
                    return
            self.removed.add(tag)
            self.ours.discard(tag)
        self.corrections.append(correction)


Verdict = Literal[
    "go",
    "there",  # it is as it should be
    "people",  # people set or removed it
    "ordered",  # an earlier `retag` removed it on a person's order
    "never",  # none of our decisions set it
]


def may_set(whose: Authorship, tag: str, rules: Iterable[str]) -> Verdict:
    """Say whether `retag` may set a tag that these rules call for: never what was there before and went.

    What it removed itself comes back if rules call for it newly: rules that did not do so then.
    """
    if tag in whose.removed:
        return "people"
    if tag in whose.ours or tag in whose.added:
        return "there"
    if tag not in whose.decided:
        return "go"
    if tag not in whose.taken:
        return "people"  # somebody removed it, and nothing told us who
    return "go" if not whose.taken[tag] or {*rules} - whose.taken[tag] else "ordered"


def may_remove(whose: Authorship, tag: str) -> Verdict:
    """Say whether `retag` may remove a tag: only one that we set."""
    if tag in whose.ours:
        return "go"
    if tag in whose.removed or tag in whose.added:
        return "people"
    return "there" if tag in whose.decided else "never"


def reasons_of(decisions: Sequence[PastDecision], tag: str) -> tuple[Reason, ...]:
    """Return why we set a tag: the reasons of the newest decision that has any."""
    for made in reversed(decisions):
        if found := tuple(reason for reason in made.because if reason.tag == tag):
            return found
    return ()
