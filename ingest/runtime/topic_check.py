"""What is wrong with Kafka's topics as they are now, in sentences that say what to do. Pure.

A topic that was right when a service started can be deleted, altered or hidden while it runs, and Kafka itself
reports nothing: compaction removes all but the newest record of each chat, a limit too small refuses single records.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

CLEANUP, LARGEST = "cleanup.policy", "max.message.bytes"
# By kind of problem.
TEXTS: Final = {
    "missing": "Topic {topic} was deleted, or this user may not see it any more: create it, or give the permission.",
    "compacted": "Topic {topic} is compacted, which removes all but the newest record of each chat: "
    "set its cleanup.policy to delete. `tagger reconcile` finds what was lost.",
    "not_compacted": "Topic {topic} is not compacted, so old records in force are deleted: "
    "set its cleanup.policy to compact.",
    "too_small": "Topic {topic} accepts records of {largest} bytes at most, and ours have up to {bytes_min}: "
    "raise its max.message.bytes; Kafka's default, 1048588, is enough.",
}


class Wanted(NamedTuple):
    """What a service needs of a topic."""

    topic: str
    bytes_min: int  # of max.message.bytes: our largest record with its key, headers and Kafka's overhead
    compacted: bool = False  # only the newest record of each key is kept, indefinitely


# What each of our topics needs, by its name.
webhooks: Final = partial(Wanted, bytes_min=300_000)  # a body of 256 KiB
decisions: Final = partial(Wanted, bytes_min=750_000)  # with as many reasons as a decision may hold
parked: Final = partial(Wanted, bytes_min=20_000)
keywords: Final = partial(Wanted, bytes_min=950_000, compacted=True)  # the largest set that is stored, 900 KB


class Problem(NamedTuple):
    """One thing that is wrong with a topic; the text says what to do."""

    topic: str
    kind: str  # one of TEXTS
    text: str


def problems(
    wanted: Sequence[Wanted], existing: Collection[str], configs: Mapping[str, Mapping[str, str]]
) -> list[Problem]:
    """All that is wrong. A topic whose settings are hidden from us (no entry in `configs`) only needs to exist."""
    found: list[Problem] = []
    for topic, bytes_min, compacted in wanted:
        policy, largest = (configs.get(topic, {}).get(name) for name in (CLEANUP, LARGEST))
        exists = topic in existing
        wrong = {
            "missing": not exists,
            "compacted": exists and policy is not None and "compact" in policy and not compacted,
            "not_compacted": exists and policy is not None and "compact" not in policy and compacted,
            "too_small": exists and largest is not None and largest.isdecimal() and int(largest) < bytes_min,
        }
        for kind in (kind for kind, is_so in wrong.items() if is_so):
            text = TEXTS[kind].format(topic=topic, largest=largest, bytes_min=bytes_min)
            found.append(Problem(topic, kind, text))
    return found
