"""The offsets that matter for a restart, and the hint stored with the committed one. Pure.

    position        the next offset to fold
    committed       the lowest offset with an unsettled job; the position if there is no such job
    effects_from    what was committed when the partition was assigned: jobs below it were settled before
    replay_from     the lowest of committed and the first offset of every thread that is open, lingers or has a job
    complete since  not an offset but a time: for a thread created since then the log holds everything

A restart reads from replay_from, has no effects below effects_from, and is live from there on. The hint is the
metadata of the commit. It may only add jobs, never remove them: if it is unreadable or implausible, the restart
looks further back. It holds three numbers and nothing from any chat:

    lt1;r=<replay_from>;t=<ms, time of the record there; - if it is the committed offset>;u=<complete since>;c=<crc>
"""

import re
import zlib
from array import array
from dataclasses import dataclass
from typing import Final

from tagger.core.limits import OFFSET_BYTES, TIME_MS_MAX, UNSETTLED_BYTES

_FORMAT: Final = re.compile(r"(lt1;r=(\d{1,19});t=(-|-?\d{1,19});u=(\d{1,16}));c=([0-9a-f]{8})", re.ASCII)
_ANY_VERSION: Final = re.compile(r"lt\d+;", re.ASCII)
# Settled offsets kept at the head of the queue before they are removed, unless they are less than half of it.
_SPENT_MAX: Final = 1_024

# `complete since` while it is unknown, that is, until the first record with a time.
NEVER_COMPLETE_MS: Final = TIME_MS_MAX


@dataclass(frozen=True, slots=True)
class Hint:
    """Where to read from, so that every thread that still matters is rebuilt in full."""

    replay_from: int
    record_ms: int | None  # time of the record at replay_from; None: that is the committed offset itself
    complete_since_ms: int


@dataclass(frozen=True, slots=True)
class Void:
    """A hint that cannot be used, and why: `absent`, `foreign`, `version` or `garbled`."""

    reason: str


def encode(hint: Hint) -> str:
    """Write a hint as metadata: at most 78 of the 4096 characters that brokers allow."""
    record_ms = "-" if hint.record_ms is None else hint.record_ms
    body = f"lt1;r={hint.replay_from};t={record_ms};u={hint.complete_since_ms}"
    return f"{body};c={zlib.crc32(body.encode()):08x}"


def decode(metadata: str) -> Hint | Void:
    """Read the hint from a commit's metadata. Never raises: other tools write there too, or leave it empty."""
    if not metadata:
        return Void("absent")
    match = _FORMAT.fullmatch(metadata)
    if match is None:
        if not _ANY_VERSION.match(metadata):
            return Void("foreign")
        return Void("garbled" if metadata.startswith("lt1;") else "version")
    body, replay_from, record_ms, complete_since_ms, crc = match.groups()
    if int(crc, 16) != zlib.crc32(body.encode()):
        return Void("garbled")
    return Hint(int(replay_from), None if record_ms == "-" else int(record_ms), int(complete_since_ms))


class Unsettled:
    """The offsets with unsettled jobs, added in ascending order; several jobs may share one."""

    def __init__(self) -> None:
        self._jobs: dict[int, int] = {}  # offset → unsettled jobs
        # In order, with the times of their records. Settled ones are removed late; all before `_at` are settled.
        self._offsets, self._times = array("q"), array("q")
        self._at = 0

    def add(self, offset: int, record_ms: int) -> None:
        """Add a job at this offset."""
        jobs = self._jobs.get(offset, 0)
        if not jobs:
            self._offsets.append(offset)
            self._times.append(record_ms)
        self._jobs[offset] = jobs + 1

    def settle(self, offset: int) -> None:
        """Remove a job at this offset."""
        jobs = self._jobs.pop(offset) - 1
        if jobs:
            self._jobs[offset] = jobs

    def lowest(self) -> tuple[int, int] | None:
        """Return (offset, record time in ms) of the oldest unsettled job."""
        at, offsets, jobs = self._at, self._offsets, self._jobs
        while at < len(offsets) and offsets[at] not in jobs:
            at += 1
        if at == len(offsets) or (at > _SPENT_MAX and at * 2 > len(offsets)):
            del offsets[:at], self._times[:at]
            at = 0
        self._at = at
        return (offsets[at], self._times[at]) if at < len(offsets) else None

    @property
    def tracked(self) -> int:
        """Offsets from the lowest unsettled one on: after a crash, the jobs at all of them are repeated."""
        return len(self._offsets) - self._at if self.lowest() else 0

    @property
    def bytes(self) -> int:
        """Bytes that the offsets take."""
        return OFFSET_BYTES * len(self._offsets) + UNSETTLED_BYTES * len(self._jobs)
