"""What is safe to commit, and the note beside it that says from where to read again. Pure.

The note is a hint. It may only add work, never remove it: what cannot be read, or does not fit, means
looking further back. It holds three numbers and nothing of any chat:

    lt1;r=<replay_from>;t=<record time ms at r, - where r is the committed offset>;u=<trust time ms>;c=<crc>
"""

import re
import zlib
from array import array
from dataclasses import dataclass
from typing import Final

from tagger.core.limits import OFFSET_BYTES, TIME_MS_MAX, UNFINISHED_BYTES

_FORMAT: Final = re.compile(r"(lt1;r=(\d{1,19});t=(-|-?\d{1,19});u=(\d{1,16}));c=([0-9a-f]{8})", re.ASCII)
# So many places of offsets that were taken out may stay until half are such.
_SPENT_MAX: Final = 1_024
_ANY_VERSION: Final = re.compile(r"lt\d+;", re.ASCII)


# The trust time where it is not known yet: the first record with a time will tell.
NOTHING_TRUSTED_MS: Final = TIME_MS_MAX


@dataclass(frozen=True, slots=True)
class Hint:
    """From where to read so that every thread that still matters is whole again."""

    replay_from: int
    record_ms: int | None  # time of the record at replay_from; None: it is the committed offset itself
    trust_ms: int  # threads created before this may be cut, whatever they look like


@dataclass(frozen=True, slots=True)
class Void:
    """A hint that is of no use, and why: `absent`, `foreign`, `version` or `garbled`."""

    reason: str


def encode(hint: Hint) -> str:
    """At most 78 of the 4096 characters that brokers allow."""
    record_ms = "-" if hint.record_ms is None else hint.record_ms
    body = f"lt1;r={hint.replay_from};t={record_ms};u={hint.trust_ms}"
    return f"{body};c={zlib.crc32(body.encode()):08x}"


def decode(metadata: str) -> Hint | Void:
    """The hint in a commit's metadata. Never raises: other tools write there too, or nothing at all."""
    if not metadata:
        return Void("absent")
    match = _FORMAT.fullmatch(metadata)
    if match is None:
        if not _ANY_VERSION.match(metadata):
            return Void("foreign")
        return Void("garbled" if metadata.startswith("lt1;") else "version")
    body, replay_from, record_ms, trust_ms, crc = match.groups()
    if int(crc, 16) != zlib.crc32(body.encode()):
        return Void("garbled")
    return Hint(int(replay_from), None if record_ms == "-" else int(record_ms), int(trust_ms))


class Unfinished:
    """The offsets whose work is not done, with their lowest at hand.

    Offsets are added as records are read, so never below an earlier one; several works may share one.
    """

    __slots__ = ("_at", "_offsets", "_times", "_works")

    def __init__(self) -> None:
        self._works: dict[int, int] = {}  # offset → works that are not done
        # In order, with the times of their records; done ones are not yet taken out, those before `_at` are.
        self._offsets, self._times = array("q"), array("q")
        self._at = 0

    def add(self, offset: int, record_ms: int) -> None:
        works = self._works.get(offset, 0)
        if not works:
            self._offsets.append(offset)
            self._times.append(record_ms)
        self._works[offset] = works + 1

    def finish(self, offset: int) -> None:
        works = self._works.pop(offset) - 1
        if works:
            self._works[offset] = works

    def lowest(self) -> tuple[int, int] | None:
        """(offset, record time ms) of the oldest work that is not done."""
        at, offsets, works = self._at, self._offsets, self._works
        while at < len(offsets) and offsets[at] not in works:
            at += 1
        if at == len(offsets) or (at > _SPENT_MAX and at * 2 > len(offsets)):
            del offsets[:at], self._times[:at]
            at = 0
        self._at = at
        return (offsets[at], self._times[at]) if at < len(offsets) else None

    @property
    def tracked(self) -> int:
        """Offsets that are not done, and done ones behind the lowest of them: a crash does all their work again."""
        return len(self._offsets) - self._at if self.lowest() else 0

    @property
    def bytes(self) -> int:
        """What all this takes."""
        return OFFSET_BYTES * len(self._offsets) + UNFINISHED_BYTES * len(self._works)
