"""Where an assignment begins to read, and from when on the log is complete there. Pure.

A hint that is void makes reading begin further back, never later. The first record, or that none came, leads from
stage to stage; a seek can be lost, so that what is missing is believed only when a second look shows the same:

    stage   expects at the target                   it is there           it is not there
    kept    the last record of the kept state       ready, state kept     as the hint says, or ready
    hinted  the record that the hint names          ready                 ready, where the replay window begins
    ready   any record                              ready                 ready, behind what is missing
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tagger.core.limits import CLOCK_JUMP_MS, METADATA_AGE_MS, Limits
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Void, decode
from tagger.core.partition.protocol import Seek

Stage = Literal["kept", "hinted", "ready"]


@dataclass(frozen=True, slots=True)
class Kept:
    """State of an earlier assignment: how far it folded, and what the group had committed then."""

    position: int
    last_record_ms: int
    committed: int


class Resume:
    """The way from an assignment to its first record that is folded.

    `count` is called with (counter, reason) for what operators want to know of. `added` tells that chats of this
    partition may have begun in another one.
    """

    __slots__ = (
        "_added",
        "_committed",
        "_count",
        "_expected_ms",
        "_floor",
        "_hinted_since_ms",
        "_least_since_ms",
        "_limits",
        "_log_end",
        "_log_start",
        "_metadata",
        "_seen",
        "complete_since_ms",
        "effects_from",
        "stage",
        "target",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - what the broker knows of a partition, what we kept, and our limits
        self,
        committed: int | None,
        metadata: str,
        log_start: int,
        log_end: int,
        kept: Kept | None,
        limits: Limits,
        count: Callable[[str, str], None],
        *,
        added: bool = False,
    ) -> None:
        self._limits, self._count = limits, count
        self._committed, self._metadata = committed, metadata
        self._log_start, self._log_end = log_start, log_end
        self.complete_since_ms: int | None = None  # None: a record will tell
        self._least_since_ms = 0  # whatever that record tells, it is no earlier than this
        self._added = added and committed is None  # the log's very beginning may be the rest of something
        self._hinted_since_ms: int | None = None
        self._expected_ms: int | None = None  # time of the record that must be at the target; None: any
        self._seen: int | None = None  # what came instead of the target when it was looked at first
        self.stage: Stage
        self.target: int  # the offset to seek
        self.effects_from: int
        if kept is not None and self._continues(kept):
            self.stage, self.target, self._expected_ms = "kept", kept.position - 1, kept.last_record_ms
        else:
            self._choose()

    def look(self, offset: int, record_ms: int | None) -> Seek | None:
        """Take what is first behind a seek: a record, or (`record_ms` None) the client's position without one.

        None: fold from the target on, which may have moved up.
        """
        there = offset == self.target and record_ms is not None
        if not there and self._seen is None:
            self._seen = offset
            self._count("seek_lost", "")
            return Seek(self.target)
        seen, self._seen = self._seen, None
        match self.stage, there and self._expected_ms in (None, record_ms):
            case "kept", False:
                self._count("resume_void", "")
                self._choose()
                return Seek(self.target)
            case "hinted", False:
                self._void("mismatch")
                return Seek(self.target)
            case "hinted", True:
                self.complete_since_ms = self._hinted_since_ms
            case "ready", False:
                assert seen is not None, "a gap that was seen once"
                self.target = max(self.target, min(offset, seen))
                self.cut(self.complete_since_ms)
        self.stage = "ready"
        return None

    def reread(self) -> None:
        """The client may have passed over records: what was seen of the log means nothing."""
        self._seen = None

    def cut(self, complete_since_ms: int | None) -> None:
        """Records are missing behind a log that was complete since then; None: that was not known yet."""
        self._least_since_ms = max(self._least_since_ms, complete_since_ms or 0)
        self.complete_since_ms = None

    def complete_after(self, record_ms: int, now_ms: int) -> int:
        """The time from which the log is complete, where this is the time of the first record behind a cut.

        A thread that was created a while later has all its records behind it. The while is for clocks that
        differ: ingest's may be ahead of LiveChat's by any time, and behind it by `skew_s`. And for processes that
        learned of a new partition one after the other.
        """
        cut_ms = min(record_ms, now_ms + CLOCK_JUMP_MS)
        margin_ms = self._limits.skew_s * 1000 + METADATA_AGE_MS * self._added
        return max(self._least_since_ms, cut_ms + margin_ms)

    def _continues(self, kept: Kept) -> bool:
        """Whether kept state goes on: the group was not set back, and the log still reaches it."""
        if self._committed is None or not kept.committed <= self._committed <= self._log_end:
            return False
        self.effects_from = self._committed
        near = self._committed - kept.position <= self._limits.replay_records_max
        return near and self._log_start < kept.position <= self._log_end

    def _choose(self) -> None:
        """Begin where the hint says; without one where the replay window begins."""
        committed = self._in_log()
        self.effects_from = self._log_start if committed is None else committed
        self._floor = max(self._log_start, self.effects_from - self._limits.replay_records_max)
        if committed is None:
            self._cut_at(self._floor)
            return
        hint = decode(self._metadata)
        if isinstance(hint, Void):
            self._void(hint.reason)
            return
        since_ms: int | None = hint.complete_since_ms
        if hint.complete_since_ms >= NEVER_COMPLETE_MS:
            since_ms, self._added = None, True  # as it seems, shortly before
        self._least_since_ms = since_ms or 0
        if hint.replay_from > committed or (hint.record_ms is None and hint.replay_from != committed):
            self._void("implausible")
        elif hint.replay_from < self._floor:
            self._count("window_cut", "")
            self._cut_at(self._floor)
        elif hint.record_ms is None:
            self.stage, self.target, self._expected_ms = "ready", committed, None
            self.complete_since_ms = since_ms
        else:
            self.stage, self.target, self._expected_ms = "hinted", hint.replay_from, hint.record_ms
            self._hinted_since_ms = since_ms

    def _in_log(self) -> int | None:
        """The committed offset; None where the log has no such place."""
        if self._committed is None:
            return None
        if self._committed > self._log_end:  # the topic was made anew, or lost its tail
            self._count("recreated", "")
            return None
        if self._committed < self._log_start:
            self._count("lost_range", "")
            return None
        return self._committed

    def _void(self, why: str) -> None:
        self._count("hint_void", why)
        self._least_since_ms = 0
        self._added = True  # for all that is known: a valid hint would have told
        self._cut_at(self._floor)

    def _cut_at(self, target: int) -> None:
        self.stage, self.target, self._expected_ms = "ready", target, None
        self.complete_since_ms = None if target or self._added else 0  # the log's very beginning
