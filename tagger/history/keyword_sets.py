"""The keyword sets of the past, by the hash that decisions carry, from `livechat.keywords`."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

from tagger.core.records.keyword_set import unpack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
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
        sets[name] = (
            await asyncio.to_thread(_set_of, name, packed[name]) if name in packed else _missing(topic)
        )
    return sets


def _missing(topic: str) -> str:
    return f"it is not on {topic}: sets of over 900 KB are not stored, nor those from before there was this topic"


def _set_of(name: str, packed: bytes | None) -> RuleSet | str:
    files = unpack(packed)
    if isinstance(files, str):
        return f"its record is {files}"
    rules = parse(files)
    if not isinstance(rules, RuleSet):
        return f"this version no longer accepts it: {rules[0]}"
    return rules if rules.hash == name else "its record holds another set"
