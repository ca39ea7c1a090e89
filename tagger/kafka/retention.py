"""How long a topic keeps its records. Reads the topic's settings and changes nothing."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from ingest.runtime.kafka_connections import end

ANSWER_S: Final = 15.0  # for each answer of a broker
CLOSE_S: Final = 2.0
RETENTION: Final = "retention.ms"
UNLIMITED: Final = -1


async def retention_ms(options: Mapping[str, Any], topic: str) -> int | None:
    """Return for how long records are kept, in ms; UNLIMITED: for good; None: the settings are hidden from us.

    Raises one of `kafka.reader.NO_KAFKA`.
    """
    admin = AIOKafkaAdminClient(**options)
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {RETENTION: ""})
            try:
                answers = await admin.describe_configs([wanted])
            except KafkaError:
                return None
        for code, _, _, _, entries in (one for answer in answers for one in answer.resources):
            found = {entry[0]: entry[1] for entry in entries}.get(RETENTION) if not code else None
            if found is not None and found.removeprefix("-").isdecimal():
                return max(int(found), UNLIMITED)
        return None
    finally:
        await end(admin, CLOSE_S)
