"""Where an assignment begins to read, and what it may trust of what it reads. Pure.

Metadata is a hint: where it is void, reading starts further back, never later. What was cut off by
starting in the middle shows in the trust time: a thread created before it is not taken for whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tagger.core.limits import CLOCK_JUMP_MS, METADATA_AGE_MS, Limits
from tagger.core.partition.offsets import NOTHING_TRUSTED_MS, Void, decode
from tagger.core.partition.protocol import FindTime, Record, Seek

Stage = Literal[
    "resume",  # the first record must be the last one that the kept state holds
    "verify",  # the first record must be the one that the hint names
    "probe",  # the first record tells the time at the committed offset
    "find",  # waiting for the offset of a time
    "cut",  # the first record tells when the log was cut
    "whole",  # nothing was cut
]


@dataclass(frozen=True, slots=True)
class Kept:
    """State of an earlier assignment: how far it folded, and what the group had committed then."""

    position: int
    last_record_ms: int
    committed: int


class Start:
    """The way from an assignment to its first record that is folded.

    `count` is called with (counter, reason) for what operators want to know of. `added` tells that chats of this
    partition may have begun in another one.
    """

    __slots__ = (
        "_added",
        "_committed",
        "_count",
        "_floor",
        "_hinted_ms",
        "_limits",
        "_log_end",
        "_log_start",
        "_metadata",
        "_record_ms",
        "_seen",
        "effects_from",
        "least_trust_ms",
        "stage",
        "target",
        "trust_ms",
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
        self.trust_ms: int | None = None  # None: not known before the first record
        self.least_trust_ms = 0  # whatever the first record tells, no thread before this is trusted
        self._added = added and committed is None  # the log's very beginning may be the rest of something
        self._hinted_ms: int | None = None  # the trust time that the hint names
        self._record_ms = 0  # time of the record that must be found at the target
        self._seen: int | None = None  # what came instead of the target, and made the seek be asked for again
        self.stage: Stage
        self.target: int  # the offset to seek
        self.effects_from: int  # what is due below was settled by an earlier assignment
        if kept is not None and self._continues(kept):
            self.stage, self.target, self._record_ms = "resume", kept.position - 1, kept.last_record_ms
        else:
            self._choose()

    def _continues(self, kept: Kept) -> bool:
        """Whether kept state goes on: the group was not set back, and the log still reaches it."""
        if self._committed is None or not kept.committed <= self._committed <= self._log_end:
            return False
        self.effects_from = self._committed
        near = self._committed - kept.position <= self._limits.replay_records_max
        return near and self._log_start < kept.position <= self._log_end

    def _choose(self) -> None:
        committed = self._committed
        if committed is not None and committed > self._log_end:
            # The topic was made anew, or lost its tail: what was committed says nothing about this log.
            self._count("recreated", "")
            committed = None
        elif committed is not None and committed < self._log_start:
            self._count("lost_range", "")
            committed = None
        self.effects_from = self._log_start if committed is None else committed
        # The furthest back that reading may start: the replay window.
        self._floor = max(self._log_start, self.effects_from - self._limits.replay_records_max)
        if committed is None:
            self._cut_at(self.effects_from)
            return
        hint = decode(self._metadata)
        if isinstance(hint, Void):
            self._look_back(hint.reason)
            return
        trust_ms: int | None = hint.trust_ms
        if hint.trust_ms >= NOTHING_TRUSTED_MS:
            trust_ms, self._added = None, True  # as it seems, shortly before
        if hint.replay_from > committed or (hint.record_ms is None and hint.replay_from != committed):
            self._look_back("implausible")
        elif hint.replay_from < self._floor:
            self._count("window_cut", "")
            self.least_trust_ms = trust_ms or 0
            self._cut_at(self._floor)
        elif hint.record_ms is None:
            self.stage, self.target, self.trust_ms = "whole", committed, trust_ms
        else:
            self.stage, self.target, self._record_ms = "verify", hint.replay_from, hint.record_ms
            self.least_trust_ms, self._hinted_ms = trust_ms or 0, trust_ms

    def _look_back(self, why: str) -> None:
        self._count("hint_void", why)
        self.least_trust_ms = 0
        if self.effects_from == self._floor:
            self._cut_at(self._floor)
        else:
            self.stage, self.target = "probe", self.effects_from - 1

    def _cut_at(self, target: int) -> None:
        self.target = target
        if target or self._added:
            self.stage, self.trust_ms = "cut", None
        else:
            self.stage, self.trust_ms = "whole", 0  # the log's very beginning

    def found(self, offset: int | None) -> Seek:
        """The first offset not older than the time asked for; None where the broker cannot tell."""
        self._seen = None
        self._cut_at(self._floor if offset is None else min(max(offset, self._floor), self.effects_from))
        return Seek(self.target)

    def first(self, record: Record) -> Seek | FindTime | None:
        """Judge the first record after a seek; None: fold from the target on, which may have moved up."""
        at_target = record.offset == self.target
        if not at_target and (move := self._look_again(record.offset)) is not None:
            return move
        self._seen = None
        matches = at_target and record.timestamp == self._record_ms
        if self.stage == "resume":
            if matches:
                self.stage = "whole"
                return None
            self._count("resume_void", "")
            self._choose()
            return Seek(self.target)
        if self.stage == "verify":
            if matches:
                self.stage, self.trust_ms = "whole", self._hinted_ms
                return None
            self._look_back("mismatch")
            return Seek(self.target)
        if self.stage == "probe":
            if record.timestamp < 0:
                return self.found(None)
            self.stage = "find"
            return FindTime(record.timestamp - self._limits.chat_age_s_max * 1000)
        if self.stage == "cut" or not at_target:
            self.stage = "whole"
            self.cut(self.trust_ms)
        return None

    def _look_again(self, offset: int) -> Seek | None:
        """A seek can be lost, and a gap looks the same: ask once more. None: what neither look showed is not there."""
        if self._seen is None:
            self._seen = offset
            self._count("seek_lost", "")
            return Seek(self.target)
        if self.stage in ("cut", "whole"):
            self.target = max(self.target, min(offset, self._seen))
        return None

    def doubt(self) -> None:
        """The client may have passed over records: what was seen of the log means nothing."""
        self._seen = None

    @property
    def in_doubt(self) -> bool:
        """Whether it is still open from where to fold."""
        return self.stage not in ("cut", "whole")

    def gap(self, position: int) -> Seek | None:
        """The log has no record from the target up to this position; None: fold from the target on."""
        if (move := self._look_again(position)) is not None:
            return move
        self._seen = None
        if self.stage == "resume":
            self._count("resume_void", "")
            self._choose()
        elif self.stage == "verify":
            self._look_back("mismatch")
        elif self.stage == "probe":
            return self.found(None)
        else:
            self.stage = "cut"
            self.cut(self.trust_ms)
            return None
        return Seek(self.target)

    def cut(self, trust_ms: int | None) -> None:
        """Records are missing; up to there this was the trust time, None: not known either.

        From when on threads are trusted is for the records behind the cut to tell.
        """
        self.least_trust_ms = max(self.least_trust_ms, trust_ms or 0)
        self.trust_ms = None

    def trusted_after(self, record_ms: int, now_ms: int) -> int:
        """The trust time where this is the time of the first record behind a cut.

        A thread that was created a while later has all its records behind it. The while is for clocks that
        differ: ingest's may be ahead of LiveChat's by any time, and behind it by `skew_s`. And for processes that
        learned of a new partition one after the other.
        """
        cut_ms = min(record_ms, now_ms + CLOCK_JUMP_MS)
        margin_ms = self._limits.skew_s * 1000 + METADATA_AGE_MS * self._added
        return max(self.least_trust_ms, cut_ms + margin_ms)
