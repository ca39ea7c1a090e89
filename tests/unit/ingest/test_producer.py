"""A key's partition is the one that every other producer of Kafka would choose."""

import pytest
from aiokafka.partitioner import DefaultPartitioner

from ingest.runtime.partitioner import partition_of
from ingest.topic import record_key


@pytest.mark.parametrize(
    ("key", "hashed"),
    [  # as Kafka's own client has them, in its test of murmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_is_hashed_as_kafkas_own_client_does(key: bytes, hashed: int) -> None:
    assert partition_of(key, 1 << 31) == hashed & 0x7FFFFFFF


@pytest.mark.parametrize("partitions", [1, 3, 12, 50])
def test_a_key_goes_where_aiokafkas_send_would_put_it(partitions: int) -> None:
    everywhere = list(range(partitions))
    chosen = [
        (record_key("org", f"CHAT{n}"), partition_of(record_key("org", f"CHAT{n}"), partitions))
        for n in range(500)
    ]
    assert all(DefaultPartitioner()(key, everywhere, everywhere) == partition for key, partition in chosen)
    assert len({partition for _, partition in chosen}) == partitions
