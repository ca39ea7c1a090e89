"""Where the records of one assignment come from: what is asked for, what came instead, and what is missing. Pure.

Promises that each record is folded once and in order, and that records are taken for missing only where they were
missing when the log was looked at again. What was cut off then shows in the trust time.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from tagger.core.limits import Limits
from tagger.core.partition.protocol import FindTime, Record, Seek
from tagger.core.partition.resume import Start
from tagger.core.partition.state import State


class Reading:
    """The way of a partition's records into its state, which lives on from one assignment to the next."""

    __slots__ = ("_count", "_gap", "_is_home", "_limits", "bytes_max", "opened", "sought", "start", "state")

    def __init__(
        self, limits: Limits, count: Counter[tuple[str, str]], is_home: Callable[[str, str], bool]
    ) -> None:
        self._limits, self._count, self._is_home = limits, count, is_home
        self.bytes_max = 0  # what the threads may hold
        self.state = State(limits, count, is_home, 0, several=False)
        self.start: Start | None = None  # None: not assigned
        self.sought = False  # records come from where they were asked for
        self.opened = False  # the first of them was judged
        self._gap = (-1, -1)  # offsets between which nothing came when it was last looked at

    def begin(self, start: Start, bytes_max: int) -> Seek:
        """An assignment; what was kept of an earlier one is good for no more than `start` says."""
        self.start, self.bytes_max = start, bytes_max
        if start.stage != "resume":
            self._start_over()
        return Seek(start.target)

    def end(self) -> None:
        """The partition was revoked; the state stays for the next assignment."""
        self.start, self.sought, self.opened = None, False, False
        self.state.backlog.close()

    @property
    def live(self) -> bool:
        """Whether all was read again that an earlier assignment had settled."""
        start, state = self.start, self.state
        return start is not None and not start.in_doubt and state.position >= state.effects_from

    def found(self, offset: int | None) -> Seek:
        """The answer to FindTime: the offset, or None where there is none or the broker does not know."""
        assert self.start is not None, "no assignment"
        move = self.start.found(offset)
        self._start_over()
        return move

    def take(self, records: Sequence[Record], now_ms: int) -> Seek | FindTime | None:
        """Fold records; those below the position are dropped. What is returned is to be done before more come."""
        if records and not self.opened:
            move = self._open(records[0])
            if move is not None:
                return move
        return self._fold(records, now_ms)

    def at(self, position: int) -> Seek | None:
        """The client is at this offset, and has handed over everything before it."""
        return self._skip_to(position) if self.opened else self._begin_at(position)

    def reread(self) -> Seek | None:
        """The client may have passed over records: read again from where the fold stands.

        Until `sought` nothing is folded. None: not assigned, or a seek is under way already.
        """
        if self.start is None or not self.sought:
            return None
        self.sought, self._gap = False, (-1, -1)
        if self.opened:
            return Seek(self.state.position)
        self.start.doubt()
        return Seek(self.start.target)

    def _fold(self, records: Sequence[Record], now_ms: int) -> Seek | None:
        self._trust(records, now_ms)
        while (gap := self.state.fold(records, now_ms + self._limits.skew_s * 1000)) is not None:
            move = self._doubt(gap)
            if move is not None:
                return move
            self._trust(records, now_ms)
        return None

    def _trust(self, records: Sequence[Record], now_ms: int) -> None:
        """Where the log is cut, threads are trusted that were created a while after the first record behind it.

        A record without a time says nothing.
        """
        state, start = self.state, self.start
        if start is None or state.memory.trust_ms is not None:
            return
        for record in records:
            if record.timestamp >= 0 and record.offset >= state.position:
                state.memory.trust_ms = start.trusted_after(record.timestamp, now_ms)
                return

    def _doubt(self, to: int) -> Seek | None:
        """Nothing came between the position and this offset. None: so it was before, and it is believed.

        The topic is neither compacted nor written in transactions, so its offsets follow each other, but a client
        can pass over what it fetched and lost.
        """
        assert self.start is not None, "no assignment"
        state = self.state
        position, seen = self._gap
        if position != state.position:
            self._count["gap", "seen"] += 1
            self._gap, self.sought = (state.position, to), False
            return Seek(state.position)
        self._count["gap", "believed"] += 1
        self.start.cut(state.memory.trust_ms)
        state.torn(min(to, seen))
        return None

    def _open(self, record: Record) -> Seek | FindTime | None:
        """Judge the first record after a seek."""
        assert self.start is not None, "records without an assignment"
        start = self.start
        resuming = start.stage == "resume"
        move = start.first(record)
        if move is not None:
            self._moves()
            return move
        self.opened = True
        if resuming:
            self._count["resumed", ""] += 1
            self.state.keep(start.effects_from, self.bytes_max)
        else:
            self.state.position = start.target
            self.state.memory.trust_ms = start.trust_ms
        return None

    def _moves(self) -> None:
        """Records come from elsewhere from now on; state is kept while it may still hold."""
        self.sought = False
        if self.start is not None and self.start.stage not in ("resume", "find"):
            self._start_over()

    def _start_over(self) -> None:
        """Drop everything: the records will say it again."""
        assert self.start is not None, "no assignment"
        several = self.state.backlog.shares.several
        self.state = State(self._limits, self._count, self._is_home, self.bytes_max, several=several)
        self.state.position = self.start.target
        self.state.effects_from = self.start.effects_from
        self.state.memory.trust_ms = self.start.trust_ms

    def _skip_to(self, position: int) -> Seek | None:
        while position > self.state.position:
            move = self._doubt(position)
            if move is not None:
                return move
        return None

    def _begin_at(self, position: int) -> Seek | None:
        """The client went on from where the first record should have come from."""
        assert self.start is not None, "no assignment"
        if position <= self.start.target:
            return None
        move = self.start.gap(position)
        if move is not None:
            self._moves()
            return move
        self.state.position = self.start.target
        self.state.memory.trust_ms = self.start.trust_ms
        return None
