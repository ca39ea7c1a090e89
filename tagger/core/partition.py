"""One assigned partition: records in, work out, and what may be committed. Pure.

Promises that the committed offset never passes unfinished work, and that the hint beside it never hides a
record that a thread still needs. Never looks at a clock, never waits, never raises for what a record or an
answer of LiveChat holds. One object per partition; it lives on from a revoke to the next assignment.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tagger.core.event import ChatStarted, chat_of
from tagger.core.limits import Limits
from tagger.core.offsets import Hint, encode
from tagger.core.start import Kept, Start
from tagger.core.state import State
from tagger.core.work import Committable, FindTime, Record, Refused, Seek, Wait, Work

# Of what a partition may hold, ended threads that wait may take a quarter: the rest is for open ones.
UNSETTLED_SHARE: Final = 4

Phase = Literal["away", "starting", "replaying", "live"]


@dataclass(frozen=True, slots=True)
class Stats:
    """What operators see of a partition. Bytes are accounted, times are milliseconds."""

    phase: Phase
    position: int  # the next offset to fold
    replay_from: int  # what a restart would read from
    threads: int  # open, lingering and unsettled ones, and what is left of forgotten ones
    bytes: int
    unsettled: int  # threads that wait to be settled
    unsettled_bytes: int
    oldest_unsettled: tuple[int, int] | None  # (offset, record time)
    event_time_ms: int  # the newest record's time, moved on while nothing comes
    paused: bool
    counters: Mapping[tuple[str, str], int]  # (name, reason) → count since the object was made


class Partition:
    """The life of one partition in this process.

    Per assignment: `begin`, seek, `sought`; then `receive` and `tick` until `suspended`. What `begin`,
    `receive` and `tick` return besides None is to be done before the next record is handed over.
    """

    def __init__(self, limits: Limits, is_home: Callable[[str, str], bool] = lambda *_: True) -> None:
        """`is_home` tells of an organization and a chat id whether their records go to this partition now."""
        self._limits, self._is_home = limits, is_home
        self._count: Counter[tuple[str, str]] = Counter()
        self._state = State(limits, self._count)
        self._start: Start | None = None  # None: not assigned
        self._sought = False  # records come from where they were asked for
        self._opened = False  # the first of them was judged
        self._committed = -1  # the highest offset that the group is known to have committed
        self._bytes_max = 0
        self._works = 0  # the id of the last work
        self._paused = False
        self._tick_ms: int | None = None  # when the last tick was
        self._idle = False  # nothing came since the last tick
        self._gap_at = -1  # the position before a gap that was looked at again

    def begin(  # noqa: PLR0913 - what the broker knows of a partition
        self,
        committed: int | None,
        metadata: str,
        log_start: int,
        log_end: int,
        *,
        bytes_max: int,
        added: bool = False,
    ) -> Seek:
        """An assignment, or a fresh look at the log after an offset out of range.

        `committed` is None where the group has no offset; `bytes_max` is what the threads may hold.
        """
        self.suspended()
        state = self._state
        kept = None
        if state.last_record_ms is not None:
            kept = Kept(state.position, state.last_record_ms, self._committed)
        self._start = Start(committed, metadata, log_start, log_end, kept, self._limits, self._counted)
        self._bytes_max = bytes_max
        self._committed = -1 if committed is None else committed
        if self._start.stage != "resume":
            self._anew()
        return Seek(self._start.target)

    def sought(self) -> None:
        """The seek was done: records come from where they were asked for."""
        self._sought = True

    def reread(self) -> Seek | None:
        """The client may have passed over records: read again from what was folded.

        Until `sought` nothing is folded. None: another seek is due, or nothing is assigned.
        """
        if self._start is None or not self._sought:
            return None
        self._sought = False
        return Seek(self._state.position if self._opened else self._start.target)

    def found(self, offset: int | None) -> Seek:
        """The answer to FindTime: the offset, or None where there is none or the broker could not tell."""
        assert self._start is not None, "no assignment"
        move = self._start.found(offset)
        self._anew()
        return move

    def receive(self, records: Sequence[Record], now_ms: int) -> Seek | FindTime | None:
        """Fold records. Those below the position, and all before `sought`, are dropped."""
        if not self._sought:
            self._count["dropped", "not_sought"] += len(records)
            return None
        self._idle = self._idle and not records
        if records and not self._opened:
            move = self._open(records[0], now_ms)
            if move is not None:
                return move
        elif records and (move := self._beyond(records[0].offset)) is not None:
            return move
        state = self._state
        if records and records[0].offset > state.position and state.memory.trust_ms is not None:
            cut_ms = records[0].timestamp + self._limits.skew_s * 1000
            state.memory.trust_ms = max(state.memory.trust_ms, cut_ms)
        before = state.position
        state.fold(records, now_ms + self._limits.skew_s * 1000)
        self._count["replayed", ""] += max(0, min(state.position, state.effects_from) - before)
        state.evict(self._bytes_max)
        self._balance()
        return None

    def _beyond(self, offset: int) -> Seek | None:
        """Whether records may have been passed over: a gap is believed when a second look shows it again."""
        position = self._state.position
        if offset <= position or self._gap_at == position:
            return None
        self._gap_at = position
        self._count["seek_lost", ""] += 1
        return self.reread()

    def _open(self, record: Record, now_ms: int) -> Seek | FindTime | None:
        """Judge the first record after a seek."""
        assert self._start is not None, "records without an assignment"
        start = self._start
        resuming = start.stage == "resume"
        move = start.first(record, now_ms)
        if move is not None:
            self._moves()
            return move
        self._opened = True
        if resuming:
            self._count["resumed", ""] += 1
            self._state.keep(start.effects_from)
        else:
            self._state.memory.trust_ms = start.trust_ms
        return None

    def _moves(self) -> None:
        """Records come from elsewhere from now on; state is kept while it may still hold."""
        self._sought = False
        if self._start is not None and self._start.stage not in ("resume", "find"):
            self._anew()

    def _anew(self) -> None:
        """Forget everything: the records tell it again."""
        assert self._start is not None, "no assignment"
        self._state = State(self._limits, self._count)
        self._state.position = self._start.target
        self._state.effects_from = self._start.effects_from
        self._state.memory.trust_ms = self._start.trust_ms

    def tick(self, now_ms: int, log_end: int, position: int | None) -> Seek | None:
        """Time passes; at least once a second. `position` is the client's next offset, None: it has none.

        To be called between two `receive`s, with everything that was fetched handed over.
        """
        passed_ms = 0 if self._tick_ms is None else now_ms - self._tick_ms
        idle, self._idle, self._tick_ms = self._idle, True, now_ms
        if self._start is None or not self._sought:
            return None
        if position is not None:
            move = self._skip_to(position)
            if move is not None:
                return move
        state = self._state
        if idle and self._live and state.position >= log_end:
            state.memory.idle(passed_ms, state.position)
        state.evict(self._bytes_max)  # what was settled meanwhile may go
        self._balance()
        return None

    def _skip_to(self, position: int) -> Seek | None:
        """The log has a gap before this position: a transaction's marker, or records that were deleted."""
        assert self._start is not None, "no assignment"
        state = self._state
        if not self._opened and position > self._start.target:
            move = self._start.gap(position)
            if move is not None:
                self._moves()
                return move
            state.memory.trust_ms = self._start.trust_ms
        if self._opened and (move := self._beyond(position)) is not None:
            return move
        if self._opened or not self._start.in_doubt:
            state.position = max(state.position, position)
        return None

    def work(self, count_max: int) -> list[Work]:
        """Work that is due and was not handed out before; a thread has at most one under way."""
        works: list[Work] = []
        state, backlog = self._state, self._state.backlog
        while len(works) < count_max and (thread := backlog.next()) is not None:
            assert thread.ending is not None, "work without an ending"
            why = thread.missing(state.memory.trust_ms)
            if thread.thread_id and not thread.ending.ended and not thread.ending.judged:
                why = "expired"
            if why is not None:
                self._count["incomplete", why if thread.thread_id else "unreadable"] += 1
            self._works += 1
            works.append(backlog.hand(self._works, thread, why, thread.conversation(complete=why is None)))
        return works

    def completed(self, work_id: int, answer: object, now_ms: int) -> Work | Wait | None:
        """What LiveChat said when it was asked for the chat of an incomplete work: its JSON, or Refused.

        Work: judge this, and settle it. Wait: ask again. None: nothing is left to do.
        """
        backlog = self._state.backlog
        thread = backlog.under_way(work_id)
        if thread is None or thread.ending is None:
            self._count["ignored_answers", ""] += 1
            return None
        chat = None if isinstance(answer, Refused) else chat_of(thread.chat[0], answer)
        asked_for = (*thread.chat, thread.thread_id)
        if not isinstance(chat, ChatStarted) or chat[:3] != asked_for:
            return backlog.work(work_id, thread, None, thread.conversation(complete=False))
        if not chat.active:
            return backlog.work(work_id, thread, None, self._state.unite(thread, chat))
        if not thread.ending.ended:
            self._state.still_open(work_id, thread)
            return None
        thread.ending.asked += 1
        if thread.ending.asked <= self._limits.still_active_asks_max:
            return Wait(now_ms + self._limits.still_active_every_s * 1000)
        return backlog.work(work_id, thread, None, self._state.unite(thread, chat))

    def settled(self, work_id: int, tags: frozenset[str]) -> None:
        """The work is done: its tags are set or parked, and the record that says so is acknowledged.

        `tags` are those that the judgement called for, set or not. Work of an earlier assignment is ignored.
        """
        thread = self._state.backlog.under_way(work_id)
        if thread is None:
            self._count["ignored_answers", ""] += 1
            return
        self._state.settle(work_id, thread, tags)
        self._balance()

    def committable(self) -> Committable | None:
        """What to commit now; None while the state is half built. The same again and again while idle."""
        if not self._live:
            return None
        state = self._state
        lowest = state.backlog.unfinished.lowest()
        offset = state.position if lowest is None else lowest[0]
        oldest = state.memory.threads.oldest()
        if state.memory.trust_ms is None:
            return Committable(offset, "")  # no hint is better than one that trusts too much
        if oldest is None or oldest.first > offset:
            return Committable(offset, encode(Hint(offset, None, state.memory.trust_ms)))
        return Committable(offset, encode(Hint(oldest.first, oldest.first_record_ms, state.memory.trust_ms)))

    def committed(self, offset: int) -> None:
        """The group has this offset: a commit succeeded."""
        self._committed = max(self._committed, offset)

    def suspended(self) -> None:
        """The partition was revoked. Work under way is nobody's; the state stays for the next assignment."""
        self._start, self._sought, self._opened, self._paused = None, False, False, False
        self._state.backlog.close()
        self._tick_ms = None

    @property
    def paused(self) -> bool:
        """Fetch nothing more: enough ended threads wait."""
        return self._paused

    @property
    def _live(self) -> bool:
        start, state = self._start, self._state
        return start is not None and not start.in_doubt and state.position >= state.effects_from

    def _balance(self) -> None:
        """Pause at a limit, go on at half of it, so that a partition does not flutter."""
        backlog, limits = self._state.backlog, self._limits
        part = 2 if self._paused else 1
        self._paused = (self._opened and backlog.threads > 0) and (
            backlog.threads * part >= limits.unsettled_max
            or backlog.bytes * part >= self._bytes_max // UNSETTLED_SHARE
            or backlog.unfinished.tracked * part >= limits.offsets_max
        )

    def stats(self) -> Stats:
        state = self._state
        oldest = state.memory.threads.oldest()
        phase: Phase = "replaying"
        if self._start is None:
            phase = "away"
        elif self._live:
            phase = "live"
        elif self._start.in_doubt or not self._sought:
            phase = "starting"
        return Stats(
            phase,
            state.position,
            state.position if oldest is None else oldest.first,
            state.memory.threads.count,
            state.memory.threads.bytes,
            state.backlog.threads,
            state.backlog.bytes,
            state.backlog.unfinished.lowest(),
            state.memory.newest_ms,
            self._paused,
            dict(self._count),
        )

    def _counted(self, name: str, reason: str) -> None:
        self._count[name, reason] += 1
