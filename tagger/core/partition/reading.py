"""How the records of one assignment arrive: what was asked for, what came instead, and what is missing. Pure.

Promises that each record is folded once and in order, and that a gap is believed only if a second read shows it
again. What a gap cut off then shows in the time since which the log is complete.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from tagger.core.limits import Limits
from tagger.core.partition.protocol import Record, Seek
from tagger.core.partition.resume import Resume
from tagger.core.partition.state import State


class Reading:
    """Feeds a partition's records into its state, which survives from one assignment to the next."""

    def __init__(
        self, limits: Limits, count: Counter[tuple[str, str]], is_home: Callable[[str, str], bool]
    ) -> None:
        self._limits, self._count, self._is_home = limits, count, is_home
        self.bytes_max = 0  # what the threads may hold
        self.state = State(limits, count, is_home, 0, several=False)
        self.resume: Resume | None = None  # None: not assigned
        self.sought = False  # records come from where they were asked for
        self.opened = False  # what came first after the seek was checked
        self._gap = (-1, -1)  # the last gap seen: position, and the offset that came instead

    def begin(self, resume: Resume, bytes_max: int) -> Seek:
        """Start an assignment; state kept from an earlier one is used only as far as `resume` allows."""
        self.resume, self.bytes_max = resume, bytes_max
        if resume.stage != "kept":
            self._start_over(resume)
        return Seek(resume.target)

    def end(self) -> None:
        """End the assignment; the state is kept for the next one."""
        self.resume, self.sought, self.opened = None, False, False
        self.state.jobs.close()

    @property
    def live(self) -> bool:
        """Whether everything that an earlier assignment settled has been re-read."""
        resume, state = self.resume, self.state
        return resume is not None and resume.stage == "ready" and state.position >= state.effects_from

    def take(self, records: Sequence[Record], now_ms: int) -> Seek | None:
        """Fold records, skipping those below the position. Do the returned seek before passing in more."""
        resume = self._assigned()
        if records and not self.opened:
            move = self._open(resume, records[0].offset, records[0].timestamp)
            if move is not None:
                return move
        while True:
            self._complete_after(resume, records, now_ms)
            gap = self.state.fold(records, now_ms + self._limits.skew_s * 1000)
            move = None if gap is None else self._missing(resume, gap)
            if gap is None or move is not None:
                return move

    def at(self, position: int) -> Seek | None:
        """Note that the client is at this offset and has delivered everything before it."""
        resume = self._assigned()
        if not self.opened:
            return self._open(resume, position, None) if position > resume.target else None
        while position > self.state.position:
            move = self._missing(resume, position)
            if move is not None:
                return move
        return None

    def reread(self) -> Seek | None:
        """As `Partition.reread`."""
        if self.resume is None or not self.sought:
            return None
        self.sought, self._gap = False, (-1, -1)
        if self.opened:
            return Seek(self.state.position)
        self.resume.reread()
        return Seek(self.resume.target)

    def _assigned(self) -> Resume:
        assert self.resume is not None, "no assignment"
        return self.resume

    def _open(self, resume: Resume, offset: int, record_ms: int | None) -> Seek | None:
        """Check what came first after a seek: a record, or only the client's position."""
        resuming = resume.stage == "kept"
        move = resume.look(offset, record_ms)
        if move is not None:
            self.sought = False
            if resume.stage != "kept":
                self._start_over(resume)
            return move
        self.opened = True
        if resuming:
            self._count["resumed", ""] += 1
            self.state.keep(resume.effects_from, self.bytes_max)
        else:
            self.state.position = resume.target
            self.state.expiry.complete_since_ms = resume.complete_since_ms
        return None

    def _start_over(self, resume: Resume) -> None:
        """Delete everything: it will be rebuilt from the records."""
        several = self.state.jobs.shares.several
        self.state = State(self._limits, self._count, self._is_home, self.bytes_max, several=several)
        self.state.position, self.state.effects_from = resume.target, resume.effects_from
        self.state.expiry.complete_since_ms = resume.complete_since_ms

    def _complete_after(self, resume: Resume, records: Sequence[Record], now_ms: int) -> None:
        """After a cut the log is complete from a while after its first record that has a time."""
        state = self.state
        if state.expiry.complete_since_ms is not None:
            return
        for record in records:
            if record.timestamp >= 0 and record.offset >= state.position:
                state.expiry.complete_since_ms = resume.complete_after(record.timestamp, now_ms)
                return

    def _missing(self, resume: Resume, to: int) -> Seek | None:
        """Handle a gap between the position and this offset. None: it was there before too, so it is believed.

        The topic is neither compacted nor transactional, so its offsets are consecutive, but a client can skip
        records that it fetched and lost.
        """
        state = self.state
        position, seen = self._gap
        if position != state.position:
            self._count["gap", "seen"] += 1
            self._gap, self.sought = (state.position, to), False
            return Seek(state.position)
        self._count["gap", "believed"] += 1
        resume.cut(state.expiry.complete_since_ms)
        state.torn(min(to, seen))
        return None
