"""The keyword sets of the past for a process that goes on: read from `livechat.keywords` when one is asked for.

It keeps the records as they are, packed, and unpacks one when it is needed. The topic is compacted, so a set that
came into force twice has its last time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from ingest.runtime.clock import now_ms
from tagger.core.records.keyword_set import IN_FORCE_AT, NOT_STORED, set_of
from tagger.core.rules.model import RuleSet
from tagger.kafka.log import opened

# Packed sets kept: 20 MB and more of keyword files, of which a set has some 20 KB. The newest stay.
PACKED_BYTES_MAX: Final = 64 << 20
UNPACKED_MAX: Final = 8  # sets kept as rules, each up to some 10 MB
READ_AGAIN_MS: Final = 30_000  # a set that is not there is looked for again no sooner


class StoredSet(NamedTuple):
    """One set of the past."""

    rules: RuleSet
    files: Mapping[str, bytes]  # by name without folder
    in_force_at_ms: int | None  # when it came into force last; None: its record does not say


class _Packed(NamedTuple):
    value: bytes
    in_force_at_ms: int | None


class StoredSets:
    """Sets by the hash that decisions carry."""

    def __init__(self, options: Callable[[], Mapping[str, Any]], topic: str) -> None:
        self._options, self._topic = options, topic
        self._packed, self._bytes = OrderedDict[str, _Packed](), 0
        self._sets = OrderedDict[str, StoredSet | str]()
        self._read_at_ms = 0
        self._turn = asyncio.Lock()

    async def get(self, config: str) -> StoredSet | str:
        """Return a set, or in words why it cannot be had. Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError."""
        async with self._turn:
            if config in self._sets:
                self._sets.move_to_end(config)
                return self._sets[config]
            if config not in self._packed and now_ms() - self._read_at_ms >= READ_AGAIN_MS:
                await self._read()
            if config not in self._packed:
                return NOT_STORED
            packed = self._packed[config]
            read = await asyncio.to_thread(set_of, config, packed.value)
            found = read if isinstance(read, str) else StoredSet(*read, packed.in_force_at_ms)
            self._sets[config] = found
            if len(self._sets) > UNPACKED_MAX:
                self._sets.popitem(last=False)
            return found

    async def read(self) -> list[str]:
        """Read the topic again; return the sets that are known, the one that came into force last first.

        Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError.
        """
        async with self._turn:
            await self._read()
            return [*reversed(self._packed)]

    def times(self) -> dict[str, int]:
        """Return when each set that is known came into force last (Unix time, ms)."""
        return {config: one.in_force_at_ms for config, one in self._packed.items() if one.in_force_at_ms}

    async def _read(self) -> None:
        async with opened(self._options(), self._topic) as topic:
            for stretch in topic.stretches[:1]:  # sets are in partition 0 only
                async for chunk in topic.read(stretch):
                    for record in chunk.records:
                        self._keep(record)
        self._read_at_ms = now_ms()

    def _keep(self, record: Any) -> None:
        config = (record.key or b"").decode("utf-8", "replace")
        if (known := self._packed.pop(config, None)) is not None:
            self._bytes -= len(known.value)
        if record.value is None:
            return
        at = dict(record.headers or ()).get(IN_FORCE_AT, b"")
        at_ms = int(at) if at.isdigit() and len(at) <= 15 else None
        self._packed[config] = _Packed(record.value, at_ms)
        self._bytes += len(record.value)
        while self._bytes > PACKED_BYTES_MAX and len(self._packed) > 1:
            self._bytes -= len(self._packed.popitem(last=False)[1].value)
