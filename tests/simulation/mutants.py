"""Mistakes that are easily made, each as a patch of one decision of the real core: a test of the tests.

A mutant that lives through the histories means that they no longer meet the situation it is wrong in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from tagger.core.backlog import Backlog
from tagger.core.chat import Thread
from tagger.core.offsets import Hint, Unfinished, encode
from tagger.core.partition import Partition
from tagger.core.start import Start
from tagger.core.state import State
from tagger.core.threads import Threads
from tagger.core.work import Committable
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and where: an attribute, and what takes the original's place."""

    name: str
    owner: type
    attribute: str
    make: Callable[[Any], Any]  # the original → its wrong replacement

    @contextmanager
    def alive(self) -> Iterator[None]:
        original = self.owner.__dict__[self.attribute]
        with patch.object(self.owner, self.attribute, self.make(original)):
            yield


def _committing(change: Callable[[Partition, Committable], Committable]) -> Callable[[Any], Any]:
    """A `committable` whose answer is changed."""

    def make(original: Any) -> Any:
        def committable(self: Partition) -> Committable | None:
            committable = original(self)
            return None if committable is None else change(self, committable)

        return committable

    return make


def _hint(partition: Partition, offset: int, **changed: int | None) -> Committable:
    """A commit of this offset, with the hint that belongs to it but for what is changed."""
    state = partition._state
    oldest = state.threads.oldest()
    holds = oldest is not None and oldest.first <= offset
    hint = Hint(
        oldest.first if holds and oldest else offset,
        oldest.first_record_ms if holds and oldest else None,
        state.trust_ms or 0,
    )
    values = {"replay_from": hint.replay_from, "record_ms": hint.record_ms, "trust_ms": hint.trust_ms, **changed}
    return Committable(offset, encode(Hint(**values)))  # type: ignore[arg-type]


def _only(holding: Callable[[Thread], bool]) -> Callable[[Any], Any]:
    """A `replay_from` over some of the threads only."""

    def make(original: Any) -> Any:
        def oldest(self: Threads) -> Thread | None:
            original(self)
            return min((t for t in self if t.holds and holding(t)), key=lambda t: t.first, default=None)

        return oldest

    return make


def _after(change: Callable[..., None]) -> Callable[[Any], Any]:
    """The original, and then something more."""

    def make(original: Any) -> Any:
        def replacement(self: Any, *arguments: Any, **named: Any) -> Any:
            result = original(self, *arguments, **named)
            change(self, *arguments)
            return result

        return replacement

    return make


def _instead(replacement: Any) -> Callable[[Any], Any]:
    return lambda original: replacement


def _trust_missing_hint(self: Start, why: str) -> None:
    self.stage, self.target, self.trust_ms = "whole", self.effects_from, 0


def _first_without_doubt(original: Any) -> Any:
    def first(self: Start, record: Any, now_ms: int) -> Any:
        if record.offset > self.target:
            self.stage, self.trust_ms = "whole", self.trust_ms or self._least_trust_ms
            return None
        return original(self, record, now_ms)

    return first


def _cut_without_margin(original: Any) -> Any:
    def cut(self: Start, record: Any, now_ms: int) -> None:
        original(self, record, now_ms)
        if self.trust_ms is not None:
            self.trust_ms = max(self._least_trust_ms, self.trust_ms - self._limits.skew_s * 1000)

    return cut


def _trusting_cut(original: Any) -> Any:
    def cut_at(self: Start, target: int) -> None:
        original(self, target)
        if self._least_trust_ms or self.target > 0:
            self.stage, self.trust_ms = "whole", self._least_trust_ms

    return cut_at


def _live_while_replaying(self: Partition) -> bool:
    return self._start is not None and not self._start.in_doubt


def _late_is_open_for_ever(original: Any) -> Any:
    def expire(self: State, thread: Thread, offset: int) -> None:
        thread.asks = False
        original(self, thread, offset)

    return expire


def _add_repeats(original: Any) -> Any:
    def add(self: Thread, event_id: str, author_id: str, fields: tuple[str, ...]) -> int:
        grown: int = original(self, event_id, author_id, fields)
        if not grown:
            self.ids += self._entry(event_id)
            self.text += bytes(self.text).rpartition(b"\xff")[1] + b"\x00\xfd" + fields[0].encode()
            return 1
        return grown

    return add


def _commit_unfenced(self: World, generation: int, offset: int, metadata: str) -> bool:
    self.committed, self.metadata = offset, metadata
    return True


MUTANTS: Final = (
    Mutant("the position is committed", Partition, "committable", _committing(lambda p, c: _hint(p, p._state.position))),
    Mutant("one too many is committed", Unfinished, "lowest", lambda f: lambda s: (lambda r: r and (r[0] + 1, r[1]))(f(s))),
    Mutant("replay_from is over open threads only", Threads, "oldest", _only(lambda t: t.ending is None)),
    Mutant("a half-built state is committed", Partition, "_live", lambda _: property(_live_while_replaying)),
    Mutant("a missing hint is trusted", Start, "_look_back", _instead(_trust_missing_hint)),
    Mutant("replay has effects", State, "_due", lambda _: lambda s, thread, offset, ms: s.backlog.add(thread, offset, ms)),
    Mutant("a zombie's commit counts", World, "commit", _instead(_commit_unfenced)),
    Mutant("a lost seek is not noticed", Start, "first", _first_without_doubt),
    Mutant("the cut has no margin", Start, "_cut", _cut_without_margin),
    Mutant("the trust time is forgotten", Partition, "committable", _committing(lambda p, c: _hint(p, c.offset, trust_ms=0))),
    Mutant("what the window cuts is trusted", Start, "_cut_at", _trusting_cut),
    Mutant(
        "a lingering thread does not hold replay_from",
        Threads,
        "oldest",
        _only(lambda t: t.ending is None or t.ending.unfinished),
    ),
    Mutant("a late event of a forgotten thread is open for ever", State, "_expire", _late_is_open_for_ever),
)
