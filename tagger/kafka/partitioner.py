"""Which partition a chat's records are in."""

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import murmur2

# A chat's key is asked for when it ends and again for its decision; a hash takes 9 µs. 2 MB.
KEYS_REMEMBERED: Final = 8_192


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default choice, as `ingest` makes it; `partitions` is how many the topic has."""
    return _hash(key) % partitions


@lru_cache(KEYS_REMEMBERED)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF
