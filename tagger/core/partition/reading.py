"""Where the records of one assignment come from: what is asked for, what came instead, and what is missing. Pure.

Promises that each record is folded once and in order, and that records are taken for missing only where they were
missing when the log was looked at again. What was cut off then shows in the time since which the log is complete.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from tagger.core.limits import Limits
from tagger.core.partition.protocol import Record, Seek
from tagger.core.partition.resume import Resume
from tagger.core.partition.state import State


class Reading:
    """The way of a partition's records into its state, which lives on from one assignment to the next."""

    __slots__ = ("_count", "_gap", "_is_home", "_limits", "bytes_max", "opened", "resume", "sought", "state")

    def __init__(
        self, limits: Limits, count: Counter[tuple[str, str]], is_home: Callable[[str, str], bool]
    ) -> None:
        self._limits, self._count, self._is_home = limits, count, is_home
        self.bytes_max = 0  # what the threads may hold
        self.state = State(limits, count, is_home, 0, several=False)
        self.resume: Resume | None = None  # None: not assigned
        self.sought = False  # records come from where they were asked for
        self.opened = False  # what is first behind the seek was looked at
        self._gap = (-1, -1)  # offsets between which nothing came when it was last looked at

    def begin(self, resume: Resume, bytes_max: int) -> Seek:
        """An assignment; what was kept of an earlier one is good for no more than `resume` says."""
        self.resume, self.bytes_max = resume, bytes_max
        if resume.stage != "kept":
            self._anew(resume)
        return Seek(resume.target)

    def end(self) -> None:
        """The partition was revoked; the state stays for the next assignment."""
        self.resume, self.sought, self.opened = None, False, False
        self.state.jobs.close()

    @property
    def live(self) -> bool:
        """Whether all was read again that an earlier assignment had settled."""
        resume, state = self.resume, self.state
        return resume is not None and resume.stage == "ready" and state.position >= state.effects_from

    def take(self, records: Sequence[Record], now_ms: int) -> Seek | None:
        """Fold records; those below the position are passed over. What is returned is to be done before more come."""
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
        """The client is at this offset, and has handed over everything before it."""
        resume = self._assigned()
        if not self.opened:
            return self._open(resume, position, None) if position > resume.target else None
        while position > self.state.position:
            move = self._missing(resume, position)
            if move is not None:
                return move
        return None

    def reread(self) -> Seek | None:
        """The client may have passed over records: read again from where the fold stands.

        Until `sought` nothing is folded. None: not assigned, or a seek is under way already.
        """
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
        """Look at what is first behind a seek: a record, or the client's position without one."""
        resuming = resume.stage == "kept"
        move = resume.look(offset, record_ms)
        if move is not None:
            self.sought = False
            if resume.stage != "kept":
                self._anew(resume)
            return move
        self.opened = True
        if resuming:
            self._count["resumed", ""] += 1
            self.state.keep(resume.effects_from, self.bytes_max)
        else:
            self.state.position = resume.target
            self.state.expiry.complete_since_ms = resume.complete_since_ms
        return None

    def _anew(self, resume: Resume) -> None:
        """Delete everything: the records tell it again."""
        several = self.state.jobs.shares.several
        self.state = State(self._limits, self._count, self._is_home, self.bytes_max, several=several)
        self.state.position, self.state.effects_from = resume.target, resume.effects_from
        self.state.expiry.complete_since_ms = resume.complete_since_ms

    def _complete_after(self, resume: Resume, records: Sequence[Record], now_ms: int) -> None:
        """Behind a cut the log is complete from a while after its first record on.

        A record without a time says nothing.
        """
        state = self.state
        if state.expiry.complete_since_ms is not None:
            return
        for record in records:
            if record.timestamp >= 0 and record.offset >= state.position:
                state.expiry.complete_since_ms = resume.complete_after(record.timestamp, now_ms)
                return

    def _missing(self, resume: Resume, to: int) -> Seek | None:
        """Nothing came between the position and this offset. None: so it was before, and it is believed.

        The topic is neither compacted nor written in transactions, so its offsets follow each other, but a client
        can pass over what it fetched and lost.
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
