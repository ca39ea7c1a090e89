"""Every connection that aiokafka makes has an owner, its client, that closes it.

aiokafka 0.14 leaves connections to the garbage collector: the first one if `start()` is cancelled, all if `stop()`
is cut off or fails, and those made while it closes. Here a client keeps each connection until the socket is closed,
and `end` leaves none open, whatever the broker does. Importing this file changes all clients of the process.
"""

import asyncio
from contextvars import ContextVar
from typing import Any, Final

import aiokafka.admin.client
import aiokafka.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, ProducerClosed

from ingest.runtime.supervision import closed

CUT_S: Final = 1.0  # until a client that was cut off has ended

_connecting: ContextVar["Client"] = ContextVar("the client that makes a connection")


class Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka ships no types
    """An aiokafka client that leaves no connection open when it has ended."""

    _md_update_fut: asyncio.Future[bool] | None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # A few for each broker; closed ones are removed when the next is opened.
        self._opened = set[AIOKafkaConnection]()
        self._ended = False

    async def bootstrap(self) -> None:
        """Ask one broker for all brokers. If that fails or is cancelled, its connection is closed."""
        token = _connecting.set(self)
        try:
            await super().bootstrap()
        except BaseException:
            for connection in self._opened.difference(self._conns.values()):
                _abort(connection)
            raise
        finally:
            _connecting.reset(token)

    async def _get_conn(
        self, node_id: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        token = _connecting.set(self)
        try:
            return await super()._get_conn(node_id, group=group, no_hint=no_hint)
        finally:
            _connecting.reset(token)

    async def connect(self, connection: AIOKafkaConnection) -> None:
        """Connect, and own the connection from the start."""
        self._opened = {one for one in self._opened if one._protocol is None or _transport(one) is not None}
        self._opened.add(connection)
        try:
            if not self._ended:
                await connection.connect()
        finally:
            if connection._protocol is None:  # it never had a socket
                self._opened.discard(connection)
        if self._ended:
            _abort(connection)
            raise KafkaConnectionError("the client has ended")

    async def close(self) -> None:
        """Close every connection, properly if the broker lets it."""
        try:
            await super().close()
        finally:
            self.cut()

    def cut(self) -> None:
        """Close every socket at once, fail all requests that wait for an answer, and connect no more."""
        self._ended = True
        if self._sync_task is not None:
            self._sync_task.cancel()
        for connection in self._opened:
            _abort(connection)
        # Nobody else ends this now, and requests wait for it.
        if self._md_update_fut is None:
            self._md_update_fut = self._loop.create_future()
        if not self._md_update_fut.done():
            self._md_update_fut.set_result(False)


async def end(
    kafka: AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient | Client, deadline_s: float
) -> BaseException | None:
    """Stop a client properly within `deadline_s` seconds, else cut it off. Never raises what the client raises.

    return  None if it ended well; else what it raised, or TimeoutError
    """
    closes = isinstance(kafka, AIOKafkaAdminClient | Client)
    stopping = asyncio.ensure_future(kafka.close() if closes else kafka.stop())
    try:
        await asyncio.wait([stopping], timeout=deadline_s)
        in_time = stopping.done()
        _cut(kafka)
        error = await closed(stopping, CUT_S)
    except asyncio.CancelledError:
        _cut(kafka)
        await closed(stopping, CUT_S)  # what it would wait for is cut off, and nobody else ends its tasks
        raise
    return error if in_time else TimeoutError()


def _cut(kafka: Any) -> None:
    """End what `stop()` would wait for indefinitely while no broker answers: requests, and a producer's flush."""
    if isinstance(kafka, AIOKafkaProducer):
        kafka.client.cut()
        kafka._message_accumulator.fail_all(ProducerClosed())
        if kafka._sender.sender_task is not None:
            kafka._sender.sender_task.cancel()
    else:
        (kafka if isinstance(kafka, Client) else kafka._client).cut()


def _transport(connection: AIOKafkaConnection) -> Any:
    """None before the socket exists and after it was closed."""
    return connection._protocol and connection._protocol._transport


def _abort(connection: AIOKafkaConnection) -> None:
    """Close the socket at the loop's next turn: a clean close waits for a frozen broker to read the rest."""
    transport = _transport(connection)
    connection.close(reason=CloseReason.SHUTDOWN)
    if transport is not None:
        transport.abort()


async def _create_conn(host: str, port: int, **options: Any) -> AIOKafkaConnection:
    connection = AIOKafkaConnection(host, port, **options)
    await _connecting.get().connect(connection)
    return connection


# aiokafka makes clients and connections itself, and looks these names up.
aiokafka.client.create_conn = _create_conn
for _module in (aiokafka.admin.client, aiokafka.consumer.consumer, aiokafka.producer.producer):
    _module.AIOKafkaClient = Client
