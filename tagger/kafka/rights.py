"""Which rights this user has on topics and a group, found out by trying them in ways that change nothing.

A broker checks the right before anything else, so each is tried on what does not exist: records for a partition
that no topic has, the heartbeat of a member that no group has. A refusal for want of the right then differs from the
other one. Raises KafkaError, OSError or TimeoutError if Kafka does not answer.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.produce import ProduceRequest

from ingest.runtime.kafka_connections import Client, end

ANSWER_S: Final = 10.0  # for a broker's answer
CLOSE_S: Final = 2.0
RETRY_S: Final = 0.5
TIMEOUT_MS: Final = 3_000  # the broker's own, for records that it will not take
NO_PARTITION: Final = 2**31 - 1  # the greatest number that the protocol has room for
NOBODY: Final = "tagger-doctor"  # the id of a member that no coordinator gave
# A cluster makes its topic of offsets when the first group asks.
NOT_YET: Final = (
    GroupCoordinatorNotAvailableError,
    CoordinatorLoadInProgressError,
)

Operation = Literal["Read", "Write"]


class Rights:
    """What one user may do."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def describe(self, topic: str) -> Mapping[str, Any] | None:
        """What the cluster says of a topic, without creating it; None: this user may not know."""
        answer = await self._send(MetadataRequest([topic], allow_auto_topic_creation=False))
        described: Mapping[str, Any] = answer.to_object()["topics"][0]
        return None if for_code(described["error_code"]) is TopicAuthorizationFailedError else described

    async def on_topic(self, topic: str, operation: Operation) -> bool:
        """Whether this user may read, or write, records of a topic that exists."""
        request: Any = FetchRequest(0, 1, 1, 0, [(topic, [(NO_PARTITION, 0, 1)])])
        if operation == "Write":
            request = ProduceRequest(None, -1, TIMEOUT_MS, [(topic, [(NO_PARTITION, b"")])])
        _, ((_, error_code, *_),) = (await self._send(request)).topics[0]
        return for_code(error_code) is not TopicAuthorizationFailedError

    async def on_group(self, group: str) -> bool:
        """Whether this user may be a member of a group, and commit its offsets (Read)."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                error = await self._heartbeat(group)
                if error not in NOT_YET:
                    return error is not GroupAuthorizationFailedError
                await asyncio.sleep(RETRY_S)

    async def _heartbeat(self, group: str) -> type[KafkaError]:
        found = await self._send(FindCoordinatorRequest(group, 0))
        if found.error_code:
            return self._error(found.error_code)
        answer = await self._send(HeartbeatRequest(group, -1, NOBODY), found.coordinator_id)
        return self._error(answer.error_code)

    @staticmethod
    def _error(code: int) -> type[KafkaError]:
        error: type[KafkaError] = for_code(code)
        return error

    async def _send(self, request: Any, node: int | None = None) -> Any:
        async with asyncio.timeout(ANSWER_S):
            if node is None:
                node = self._client.get_random_node()
            return await self._client.send(node, request)


@asynccontextmanager
async def rights_of(options: Mapping[str, Any]) -> AsyncIterator[Rights]:
    """The rights of the user whom `options` log in, for as long as the block lasts."""
    client = Client(**options, request_timeout_ms=int(ANSWER_S * 1000))
    try:
        async with asyncio.timeout(ANSWER_S):
            await client.bootstrap()
        yield Rights(client)
    finally:
        await end(client, CLOSE_S)
