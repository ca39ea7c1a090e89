"""Which partition a chat's records go to, and are in."""

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import murmur2

KEYS_REMEMBERED: Final = 65_536  # a chat's key comes 20 times on average, a hash costs 9 µs; 10 MB


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default choice, so that other producers of the topic agree; `partitions` is how many it has."""
    return _hash(key) % partitions


@lru_cache(KEYS_REMEMBERED)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF
