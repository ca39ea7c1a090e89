"""Where an assignment starts to read, and since when the log is complete there. Pure.

A void hint makes reading start further back, never later. The first record, or its absence, leads from stage to
stage. A seek can be lost, so an absence is believed only if a second look shows it again:

    stage   expects at the target                   it is there           it is not there
    kept    the last record of the kept state       ready, state kept     as the hint says, or ready
    hinted  the record that the hint names          ready                 ready, at the start of the replay window
    ready   any record                              ready                 ready, after the gap
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tagger.core.limits import CLOCK_JUMP_MS, METADATA_AGE_MS, Limits
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint, Void, decode
from tagger.core.partition.protocol import Seek

Stage = Literal["kept", "hinted", "ready"]


@dataclass(frozen=True, slots=True)
class Kept:
    """State of an earlier assignment: how far it got, what the group had committed then, and `complete since`."""

    position: int
    last_record_ms: int
    committed: int
    complete_since_ms: int | None


class Resume:
    """The way from an assignment to its first folded record.

    `count` is called with (counter, reason) for what operators should know. `added`: chats of this partition may
    have begun in another one.
    """

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
        self.complete_since_ms: int | None = None  # None: unknown until a record with a time comes
        self._least_since_ms = 0  # its lower bound
        self._added = added and committed is None  # even the log's first record may continue a chat
        self._hinted_since_ms: int | None = None
        self._expected_ms: int | None = None  # time of the record that must be at the target; None: any
        self._seen: int | None = None  # the offset that came instead of the target at the first look
        self.stage: Stage
        self.target: int  # the offset to seek
        self.effects_from: int
        if kept is not None and self._continues(kept):
            self.stage, self.target, self._expected_ms = "kept", kept.position - 1, kept.last_record_ms
        else:
            self._choose()

    def look(self, offset: int, record_ms: int | None) -> Seek | None:
        """Take what came first after a seek: a record, or (`record_ms` None) only the client's position.

        None: fold from the target, which may have moved up.
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
        """Discard what was seen of the log: the client may have skipped records."""
        self._seen = None

    def cut(self, complete_since_ms: int | None) -> None:
        """Note that records are missing from a log that was complete since then (None: since an unknown time)."""
        self._least_since_ms = max(self._least_since_ms, complete_since_ms or 0)
        self.complete_since_ms = None

    def complete_after(self, record_ms: int, now_ms: int) -> int:
        """Return since when (ms) the log is complete, given the time of the first record after a cut.

        A thread created a margin later has all its records after the cut. The margin is for clocks that differ
        (ingest's may be ahead of LiveChat's by any amount, and behind it by `skew_s`) and for processes that learn
        of a new partition one after another.
        """
        cut_ms = min(record_ms, now_ms + CLOCK_JUMP_MS)
        margin_ms = self._limits.skew_s * 1000 + METADATA_AGE_MS * self._added
        return max(self._least_since_ms, cut_ms + margin_ms)

    def _continues(self, kept: Kept) -> bool:
        """Whether kept state may be used: the group was not set back, and the log still covers it.

        Nor may another member have deleted threads meanwhile that are known here: it asks later for what then came
        for them, and this state would take that for settled.
        """
        if self._committed is None or not kept.committed <= self._committed <= self._log_end:
            return False
        hint, since_ms = decode(self._metadata), kept.complete_since_ms
        if isinstance(hint, Hint) and since_ms is not None and hint.complete_since_ms > since_ms:
            return False
        self.effects_from = self._committed
        near = self._committed - kept.position <= self._limits.replay_records_max
        return near and self._log_start < kept.position <= self._log_end

    def _choose(self) -> None:
        """Start where the hint says, or else at the start of the replay window."""
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
            since_ms, self._added = None, True  # added, it seems, shortly before
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
        """Return the committed offset; None if it is outside the log."""
        if self._committed is None:
            return None
        if self._committed > self._log_end:  # the topic was recreated, or lost its tail
            self._count("recreated", "")
            return None
        if self._committed < self._log_start:
            self._count("lost_range", "")
            return None
        return self._committed

    def _void(self, why: str) -> None:
        self._count("hint_void", why)
        self._least_since_ms = 0
        self._added = True  # it may have been: only a valid hint rules it out
        self._cut_at(self._floor)

    def _cut_at(self, target: int) -> None:
        self.stage, self.target, self._expected_ms = "ready", target, None
        self.complete_since_ms = None if target or self._added else 0  # the very start of the log
