"""Batches that nobody can read, put on the embedded broker as they are: it looks into none.

A real Kafka refuses them, so there they come into the log by a disk only.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from ingest.runtime.kafka_connections import Client
from ingest.topic import encode
from tests.kafka.kafka import AnyKafka

CRC: Final = 17  # where it stands in a batch; it is of all behind it
ATTRIBUTES: Final = 21
RECORDS: Final = 61
GZIP: Final = 1
UNKNOWN_CODEC: Final = 7
MARK: Final = "header"


def damaged(kind: str, webhooks: Sequence[Mapping[str, Any]], time_ms: int) -> bytes:
    """One batch of these webhooks. `kind`: good, crc, decompression, codec, header."""
    codec = GZIP if kind == "decompression" else 0
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for offset, webhook in enumerate(webhooks):
        record = encode(webhook, "org", chat_id_of(webhook), 0)
        assert builder.append(offset, time_ms + offset, record.key, record.value, [(MARK, b"")])
    batch = bytearray(builder.build())
    if kind == "crc":
        batch[-10] ^= 1
        return bytes(batch)
    if kind == "decompression":
        batch[RECORDS + 12] ^= 0xFF
        batch[-9:] = b"\xff" * 9
    elif kind == "codec":
        batch[ATTRIBUTES + 1] |= UNKNOWN_CODEC
    elif kind == "header":  # of the last record only: those before it can be read
        at = batch.rfind(MARK.encode())
        batch[at : at + 2] = b"\xff\xff"
    batch[CRC:ATTRIBUTES] = struct.pack(">I", calc_crc32c(bytes(batch[ATTRIBUTES:])))
    return bytes(batch)


def chat_id_of(webhook: Mapping[str, Any]) -> str:
    payload = webhook["payload"]
    return str(payload["chat"]["id"] if "chat" in payload else payload["chat_id"])


async def put(kafka: AnyKafka, topic: str, partition: int, *batches: bytes) -> None:
    """Append batches to a partition as they are."""
    client = Client(bootstrap_servers=kafka.bootstrap)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = next(broker.nodeId for broker in client.cluster.brokers())
        for batch in batches:
            answer = await client.send(
                leader, ProduceRequest(None, -1, 5_000, [(topic, [(partition, batch)])])
            )
            _, ((_, error_code, *_),) = answer.topics[0]
            assert not error_code, error_code
    finally:
        await client.close()
