"""aiokafka's consumer with a deadline for each answer, so that a broker that fell silent costs seconds.

aiokafka 0.14 has one time-out for all requests, and joining a group may take as long as a rebalance: with 70 s, a
fetch waits that long for a broker whose host is gone, and so does every search for another one. No public option
separates the two, so this file, alone, reaches into the client.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.client import ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import RequestTimedOutError, UnknownMemberIdError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from ingest.runtime import kafka_connections

ANSWER_S: Final = 10.0  # a fetch waits for 0.1 s on the broker; the rest is for a slow network
CONNECT_S: Final = 5.0  # TLS and SASL take some round trips
# Longer than the rebalance time-out, or a member that joins after a kill gives up before it is let in.
JOIN_S: Final = 70.0
METADATA_AGE_MS: Final = 15_000  # new partitions and leaders are known after this long at most
FENCED_INSTANCE_ID: Final = 82  # https://kafka.apache.org/protocol#protocol_error_codes
FETCH_BYTES_MAX: Final = 8 << 20  # of one answer: at 8 Mbit/s it arrives within the deadline


class Client(kafka_connections.Client):
    """Gives requests that may take long more time than the others."""

    async def _get_conn(
        self, node_id: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        except TimeoutError:
            self.force_metadata_update()
            return None
        if connection is not None and group is ConnectionGroup.COORDINATION:
            connection._request_timeout = JOIN_S
        return connection

    async def send(
        self, node_id: Any, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT
    ) -> Any:
        """Send one request; RequestTimedOutError if the answer takes too long."""
        if isinstance(request, JoinGroupRequest | SyncGroupRequest):
            return _understood(await super().send(node_id, request, group=group))
        if group is ConnectionGroup.DEFAULT:
            return await super().send(node_id, request, group=group)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await super().send(node_id, request, group=group)
        except TimeoutError:
            if (connection := self._conns.get((node_id, group))) is not None:
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from None


def _understood(answer: Any) -> Any:
    """The answer to a member that joins, in errors that aiokafka knows.

    It takes FENCED_INSTANCE_ID for an unknown error and joins again, in vain, under the id that was fenced, for as
    long as it runs, even after the other process has ended.
    """
    if answer.error_code == FENCED_INSTANCE_ID:
        answer.error_code = UnknownMemberIdError.errno
    return answer


def consumer_of(client_options: Mapping[str, Any], **options: Any) -> AIOKafkaConsumer:
    """A consumer that is not started yet; `options` are AIOKafkaConsumer's, apart from the client's."""
    patience = {"metadata_max_age_ms": METADATA_AGE_MS, "request_timeout_ms": int(ANSWER_S * 1000)}
    consumer = AIOKafkaConsumer(**client_options, **patience, fetch_max_bytes=FETCH_BYTES_MAX, **options)
    consumer._client = Client(**client_options, **patience)
    return consumer


def was_put_out(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group removed this member, rather than asked it to join again.

    That happens when its session expired, or another process joined under its name.
    """
    coordinator = consumer._coordinator
    return coordinator is not None and coordinator.member_id == JoinGroupRequest.UNKNOWN_MEMBER_ID
