"""Every connection that aiokafka makes has an owner, its client, that closes it; and one that breaks ends only itself.

aiokafka 0.14 leaves connections to the garbage collector: the first one if `start()` is cancelled, all if `stop()`
is cut off or fails, and those made while it closes. Here a client keeps each connection until the socket is closed,
and `end` leaves none open, whatever the broker does.

Its tasks expect a KafkaError where a request fails; anything else ends the one that fetches or the one that renews
metadata for good, and the consumer then waits forever without an error. Here a request raises nothing else, and both
tasks go on whatever is raised. Importing this file changes all clients of the process.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

import aiokafka.admin.client
import aiokafka.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerClosed

from ingest.runtime.supervision import closed

CUT_S: Final = 1.0  # until a client that was cut off has ended
AGAIN_S: Final = 0.5  # before a task of aiokafka's that failed goes on

log = structlog.get_logger()

_connecting: ContextVar["Client"] = ContextVar("the client that makes a connection")


class Connection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka ships no types
    """An aiokafka connection that raises KafkaConnectionError if it is broken.

    asyncio's transport takes what is written after a reset, and drops it; uvloop's raises RuntimeError:
    https://github.com/aio-libs/aiokafka/issues/1038
    """

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """Write one request; a future of its answer, if there is one."""
        return self._written(super().send, request, expect_response)

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Any:
        return self._written(super()._send_sasl_token, payload, expect_response)

    def _written(self, write: Callable[..., Any], what: Any, expect_response: bool) -> Any:
        try:
            return write(what, expect_response=expect_response)
        except RuntimeError:
            if self._writer is not None and not self._writer.is_closing():
                raise
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError("the connection is broken") from None


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

    async def send(
        self, node_id: Any, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT
    ) -> Any:
        """Send one request; KafkaError if that fails."""
        try:
            return await super().send(node_id, request, group=group)
        except KeyError:  # it looks for a connection that another request removed meanwhile
            raise KafkaConnectionError("the connection is gone") from None

    async def _md_synchronizer(self) -> None:
        while True:
            try:
                await super()._md_synchronizer()
            except Exception as error:
                log.error("kafka_task_goes_on", task="metadata", exc_info=error)
            # Whoever waits for new metadata asks again.
            asked, self._md_update_fut = self._md_update_fut, None
            if asked is not None and not asked.done():
                asked.set_result(False)
            await asyncio.sleep(AGAIN_S)

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


class LastingFetcher(Fetcher):  # type: ignore[misc]  # as above
    """Fetches until it is closed."""

    async def _fetch_requests_routine(self) -> None:
        while True:
            try:
                await super()._fetch_requests_routine()
                return  # it was cancelled
            except KafkaError:  # of which aiokafka has logged the cause
                log.error("kafka_task_goes_on", task="fetch")
            for task in self._pending_tasks:
                task.cancel()
            self._pending_tasks.clear()  # what they would have fetched is fetched again
            await asyncio.sleep(AGAIN_S)


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
    connection = Connection(host, port, **options)
    await _connecting.get().connect(connection)
    return connection


# aiokafka makes clients and connections itself, and looks these names up.
aiokafka.client.create_conn = _create_conn
aiokafka.consumer.consumer.Fetcher = LastingFetcher
for _module in (aiokafka.admin.client, aiokafka.consumer.consumer, aiokafka.producer.producer):
    _module.AIOKafkaClient = Client
