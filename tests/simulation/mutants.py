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
from tagger.core.memory import Memory
from tagger.core.offsets import Hint, Unfinished, encode
from tagger.core.partition import Partition
from tagger.core.start import Start
from tagger.core.state import State
from tagger.core.threads import Threads
from tagger.core.work import Committable
from tests.simulation.world import ORGANIZATIONS, World


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
    oldest = state.memory.threads.oldest()
    holds = oldest is not None and oldest.first <= offset
    hint = Hint(
        oldest.first if holds and oldest else offset,
        oldest.first_record_ms if holds and oldest else None,
        state.memory.trust_ms or 0,
    )
    values = {
        "replay_from": hint.replay_from,
        "record_ms": hint.record_ms,
        "trust_ms": hint.trust_ms,
        **changed,
    }
    return Committable(offset, encode(Hint(**values)))  # type: ignore[arg-type]


def _one_too_many(original: Any) -> Any:
    def lowest(self: Unfinished) -> tuple[int, int] | None:
        found: tuple[int, int] | None = original(self)
        return None if found is None else (found[0] + 1, found[1])

    return lowest


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
    def expire(self: Memory, thread: Thread, offset: int) -> None:
        thread.asks = False
        original(self, thread, offset)

    return expire


def _commit_unfenced(self: World, generation: int, offset: int, metadata: str) -> bool:
    self.committed, self.metadata = offset, metadata
    return True


def _add_repeats(original: Any) -> Any:
    def add(self: Thread, event_id: str, author_id: str, fields: tuple[str, ...]) -> int:
        known, self.ids = self.ids, bytearray()
        grown: int = original(self, event_id, author_id, fields)
        self.ids = known + self.ids
        return grown

    return add


def _new_without_hole(original: Any) -> Any:
    def new(self: State, *arguments: Any) -> Thread:
        thread: Thread = original(self, *arguments)
        thread.incomplete = None
        return thread

    return new


def _resume_unseen(original: Any) -> Any:
    def first(self: Start, record: Any, now_ms: int) -> Any:
        if self.stage != "resume":
            return original(self, record, now_ms)
        self.stage = "whole"
        return None

    return first


def _replace_text(original: Any) -> Any:
    def unite(self: Thread, chat: Any) -> Any:
        self.ids, self.text, self.events = bytearray(), bytearray(), 0
        return original(self, chat)

    return unite


def _always_whole(original: Any) -> Any:
    def conversation(self: Thread, *, complete: bool, more: Any = ()) -> Any:
        return original(self, complete=True, more=more)

    return conversation


def _believe_jumps(original: Any) -> Any:
    def pass_to(self: Memory, at_ms: int, offset: int) -> None:
        if self.newest_ms:
            self.clock_ms += max(0, at_ms - self.newest_ms - self._limits.skew_s * 1000)
        original(self, at_ms, offset)

    return pass_to


def _late_unjudged(original: Any) -> Any:
    def due(self: State, thread: Thread, offset: int, at_ms: int) -> None:
        if thread.ending is None or not thread.ending.judged:
            original(self, thread, offset, at_ms)

    return due


def _forget_backlog(self: State, *_: Any) -> None:
    self.backlog = Backlog()


def _any_organization(original: Any) -> Any:
    def get(self: Threads, organization: str, chat_id: str, thread_id: str) -> Thread | None:
        for other in ORGANIZATIONS:
            thread: Thread | None = original(self, other, chat_id, thread_id)
            if thread is not None:
                return thread
        return None

    return get


def _author_needless(original: Any) -> Any:
    def missing(self: Thread, trust_ms: int | None) -> str | None:
        why: str | None = original(self, trust_ms)
        return None if why == "no_author" else why

    return missing


def _unknown_end_dropped(original: Any) -> Any:
    def chat_ended(self: State, fact: Any, offset: int, at_ms: int) -> None:
        if self.memory.threads.get(*fact) is not None:
            original(self, fact, offset, at_ms)

    return chat_ended


MUTANTS: Final = (
    Mutant(
        "the position is committed",
        Partition,
        "committable",
        _committing(lambda p, c: _hint(p, p._state.position)),
    ),
    Mutant("one too many is committed", Unfinished, "lowest", _one_too_many),
    Mutant("replay_from is over open threads only", Threads, "oldest", _only(lambda t: t.ending is None)),
    Mutant("a half-built state is committed", Partition, "_live", lambda _: property(_live_while_replaying)),
    Mutant("a missing hint is trusted", Start, "_look_back", _instead(_trust_missing_hint)),
    Mutant(
        "replay has effects",
        State,
        "_due",
        lambda _: lambda s, thread, offset, ms: s.backlog.add(thread, offset, ms),
    ),
    Mutant("a zombie's commit counts", World, "commit", _instead(_commit_unfenced)),
    Mutant("a lost seek is not noticed", Start, "first", _first_without_doubt),
    Mutant("the cut has no margin", Start, "_cut", _cut_without_margin),
    Mutant(
        "the trust time is forgotten",
        Partition,
        "committable",
        _committing(lambda p, c: _hint(p, c.offset, trust_ms=0)),
    ),
    Mutant("what the window cuts is trusted", Start, "_cut_at", _trusting_cut),
    Mutant(
        "a lingering thread does not hold replay_from",
        Threads,
        "oldest",
        _only(lambda t: t.ending is None or t.ending.unfinished),
    ),
    Mutant("a late event of a forgotten thread is open for ever", Memory, "_expire", _late_is_open_for_ever),
    Mutant("repeats are not recognised", Thread, "add", _add_repeats),
    Mutant("answers of an earlier assignment count", Backlog, "close", _instead(lambda self: None)),
    Mutant("a hole is forgotten before its thread begins", State, "_new", _new_without_hole),
    Mutant("what was forgotten is trusted later", Memory, "_distrust", _instead(lambda self, thread: None)),
    Mutant("kept state is not held against the log", Start, "first", _resume_unseen),
    Mutant("LiveChat's answer replaces what was seen", Thread, "unite", _replace_text),
    Mutant("half a conversation is taken for whole", Thread, "conversation", _always_whole),
    Mutant("a clock's jump is believed", Memory, "pass_to", _believe_jumps),
    Mutant("what comes late is not judged", State, "_due", _late_unjudged),
    Mutant("kept state forgets what was due", State, "keep", _after(_forget_backlog)),
    Mutant("two organizations share a chat", Threads, "get", _any_organization),
    Mutant("an unknown author is an agent", Thread, "missing", _author_needless),
    Mutant("the end of an unknown thread is dropped", State, "_chat_ended", _unknown_end_dropped),
    Mutant("nothing is paused", Partition, "_balance", _instead(lambda self: None)),
    Mutant("nothing is evicted", State, "evict", _instead(lambda self, bytes_max: None)),
)
