"""The keyword sets of the past, by the hash that decisions carry, from `livechat.keywords`."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from tagger.core.records.keyword_set import NOT_STORED, set_of
from tagger.core.rules.model import RuleSet
from tagger.kafka.log import opened

# Sets read at once, packed: at most 900 KB each, mostly a few.
SETS_MAX: Final = 100


async def sets_of(
    options: Mapping[str, Any], topic: str, hashes: Collection[str]
) -> dict[str, RuleSet | str]:
    """Return the set of each hash, or in words why it cannot be had.

    Raises one of `kafka.reader.NO_KAFKA`, or TopicMissingError.
    """
    wanted = list(dict.fromkeys(hashes))
    read, packed = wanted[:SETS_MAX], dict[str, bytes | None]()
    async with opened(options, topic) as log:
        for stretch in log.stretches[:1]:  # sets are in partition 0 only
            async for chunk in log.read(stretch):
                for record in chunk.records:
                    key = (record.key or b"").decode("utf-8", "replace")
                    if key in read:
                        packed[key] = record.value
    sets: dict[str, RuleSet | str] = dict.fromkeys(wanted, f"more than {SETS_MAX} sets are asked for")
    for name in read:
        sets[name] = f"it is not on {topic}: {NOT_STORED}"
        if name in packed:
            found = await asyncio.to_thread(set_of, name, packed[name])
            sets[name] = found if isinstance(found, str) else found[0]
    return sets
