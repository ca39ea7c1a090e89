"""What is wrong with Kafka's topics as they are now, in sentences that say what to do. Pure.

A topic that was right when a service started can be deleted, altered or hidden while it runs, and Kafka itself
goes on as if nothing had been: compaction removes all but the newest record of each chat, a limit too small
refuses single records.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

Kind = Literal["missing", "compacted", "not_compacted", "too_small"]
KINDS: Final[tuple[Kind, ...]] = ("missing", "compacted", "not_compacted", "too_small")
CLEANUP, LARGEST = "cleanup.policy", "max.message.bytes"
ASKED_FOR: Final = (CLEANUP, LARGEST)


class Wanted(NamedTuple):
    """What a service needs of a topic."""

    topic: str
    bytes_min: int  # of max.message.bytes: our largest record with its key, headers and Kafka's own around it
    compacted: bool = False  # only the newest record of each key counts, for ever


class Problem(NamedTuple):
    topic: str
    kind: Kind
    text: str


def webhooks(topic: str) -> Wanted:
    return Wanted(topic, 300_000)  # a body of 256 KiB


def decisions(topic: str) -> Wanted:
    return Wanted(topic, 750_000)  # with as many reasons as a decision may hold


def parked(topic: str) -> Wanted:
    return Wanted(topic, 20_000)


def keywords(topic: str) -> Wanted:
    return Wanted(topic, 950_000, compacted=True)  # the largest set that is stored, 900 KB


def problems(
    wanted: Sequence[Wanted], there: Collection[str], configs: Mapping[str, Mapping[str, str]]
) -> list[Problem]:
    """All that is wrong. Of a topic whose settings we may not see (no entry in `configs`) nothing is said."""
    found: list[Problem] = []
    for want in wanted:
        if want.topic not in there:
            text = f"Kafka has no topic {want.topic} any more, or this user may not see it: create it, or give the right."
            found.append(Problem(want.topic, "missing", text))
        else:
            found += _of_one(want, configs.get(want.topic, {}))
    return found


def _of_one(want: Wanted, config: Mapping[str, str]) -> Iterator[Problem]:
    topic, policy = want.topic, config.get(CLEANUP)
    if policy is not None and "compact" in policy and not want.compacted:
        text = (
            f"Topic {topic} is compacted, which removes all but the newest record of each chat: "
            f"set its {CLEANUP} to delete. `tagger reconcile` finds what was lost."
        )
        yield Problem(topic, "compacted", text)
    if policy is not None and "compact" not in policy and want.compacted:
        text = f"Topic {topic} is not compacted, so what is in force is deleted with age: set its {CLEANUP} to compact."
        yield Problem(topic, "not_compacted", text)
    largest = config.get(LARGEST)
    if largest is not None and largest.isdecimal() and int(largest) < want.bytes_min:
        text = (
            f"Topic {topic} takes records of {largest} bytes at most and ours have up to {want.bytes_min}: "
            f"raise its {LARGEST}; Kafka's default, 1048588, is enough."
        )
        yield Problem(topic, "too_small", text)
