"""Kafka goes away and comes back: what was answered 200 is not lost, and nothing is answered 200 falsely."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp
import orjson
import pytest

from ingest import producer
from ingest import store as stores
from ingest.runtime.settings import load
from ingest.service import Service
from ingest.settings import IngestSettings
from ingest.spool import Spool
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.deadline import DEADLINE_S, until
from tests.integration.ingest.conftest import Services
from tests.integration.ingest.sender import Sender, assert_nothing_lost, event, records

PRODUCE, INIT_PRODUCER_ID = 0, 22  # https://kafka.apache.org/protocol: API keys
OUT_OF_ORDER_SEQUENCE, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, UNKNOWN_SERVER_ERROR = 45, 10, 19, -1


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, shorter."""
    monkeypatch.setattr(producer, "STUCK_S", 0.5)
    monkeypatch.setattr(producer, "RETIRE_S", 0.5)
    monkeypatch.setattr(stores, "KEEP_S", 2.0)


async def ready(service: Service, session: aiohttp.ClientSession) -> tuple[int, str]:
    async with session.get(f"http://127.0.0.1:{service.admin_port}/health/ready") as page:
        return page.status, await page.text()


def given_up(service: Service) -> float:
    """How many producers the service has replaced."""
    return float(service.store.producer._metrics.producers_replaced._value.get())


def given_up_at_least(service: Service, count: int) -> bool:
    return given_up(service) >= count


async def test_without_a_spool_no_webhook_is_answered_200_while_the_broker_is_down(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(broker.bootstrap)
    sender = Sender(session, service.port)
    await sender.chat(1, 3)
    broker.down()
    sender.statuses.clear()
    await asyncio.gather(*(sender.chat(chat, 2) for chat in range(10, 30)))
    assert set(sender.statuses) == {503}
    assert (await ready(service, session))[0] == 503
    broker.up()
    await until(lambda: service.store.producer.up)
    sender.statuses.clear()
    await sender.chat(1, 3, first=3)
    assert set(sender.statuses) == {200}
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_a_503_says_when_to_come_again(
    broker: EmbeddedBroker, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(broker.bootstrap)
    broker.down()
    async with session.post(
        f"http://127.0.0.1:{service.port}/webhooks/livechat",
        data=event(1, 1),
        headers={"Content-Type": "application/json"},
    ) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_with_a_spool_every_webhook_is_answered_200_and_all_are_on_the_topic_afterwards_in_order(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    service = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, service.port)
    chats = [asyncio.create_task(sender.chat(chat, 60)) for chat in range(20)]
    await until(lambda: len(sender.stored) > 100)
    broker.down()
    await until(lambda: service.store.spooling)
    status, text = await ready(service, session)
    assert status == 200
    assert "Spooling" in text
    await until(lambda: len(sender.stored) > 600)
    broker.up()
    await asyncio.gather(*chats)  # they go on while the spool is drained
    await until(lambda: not service.store.spooling)
    sender_after = len(sender.stored)
    await sender.chat(99, 3)
    assert set(sender.statuses) == {200}
    assert len(sender.stored) == sender_after + 3 == 20 * 60 + 3
    await until(lambda: service.store.spool is not None and service.store.spool.count == 0)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_it_serves_at_once_where_kafka_is_away_at_start(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    broker.down()
    service = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, service.port)
    await sender.chat(1, 5)
    assert set(sender.statuses) == {200}
    broker.up()
    await until(lambda: not service.store.spooling)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_what_was_spooled_before_a_restart_is_sent_before_what_comes_after(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    broker.down()
    first = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, first.port)
    await sender.chat(1, 5)
    await serve.close(first)
    second = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender.port = second.port
    await sender.chat(1, 5, first=5)
    broker.up()
    await sender.chat(1, 5, first=10)
    await until(lambda: not second.store.spooling)
    await sender.chat(1, 5, first=15)
    found = await records(broker.bootstrap, unique)
    assert len(sender.stored) == 20
    assert_nothing_lost(sender.stored, found)


@pytest.mark.parametrize("code", [OUT_OF_ORDER_SEQUENCE, UNKNOWN_SERVER_ERROR])
@pytest.mark.parametrize("spool", [True, False])
async def test_a_broken_producer_is_replaced_while_the_requests_wait(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path,
    code: int, spool: bool,
) -> None:  # fmt: skip
    service = await serve(broker.bootstrap, **({"INGEST_SPOOL_DIR": str(tmp_path / "s")} if spool else {}))
    sender = Sender(session, service.port)
    await sender.chat(1, 3)
    broker.inject(PRODUCE, code)
    await asyncio.gather(*(sender.chat(chat, 5, first=3) for chat in range(1, 10)))
    assert set(sender.statuses) == {200}
    await until(lambda: not service.store.spooling)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


@pytest.mark.parametrize("spool", [True, False])
async def test_while_kafka_stores_nothing_it_is_not_up_and_the_same_producer_tries_on(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path,
    spool: bool,
) -> None:  # fmt: skip
    service = await serve(broker.bootstrap, **({"INGEST_SPOOL_DIR": str(tmp_path / "s")} if spool else {}))
    sender = Sender(session, service.port)
    await sender.chat(1, 1)
    assert (await ready(service, session))[0] == 200
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 100_000)
    chats = asyncio.gather(*(sender.chat(chat, 5) for chat in range(10, 20)))
    await until(lambda: not service.store.producer.up)
    status, text = await ready(service, session)
    assert (status, "acknowledges nothing" in text) == (200 if spool else 503, True)
    await chats
    assert set(sender.statuses[1:]) == {200 if spool else 503}
    assert not service.store.producer.up  # a connection alone proves nothing
    broker.heal(PRODUCE)
    await until(lambda: service.store.producer.up and not service.store.spooling)
    assert (await ready(service, session))[0] == 200
    await sender.chat(1, 3, first=1)
    found = await records(broker.bootstrap, unique)
    assert_nothing_lost(sender.stored, found)
    assert len(found) == len(set(found))
    assert given_up(service) == 0


async def test_a_producer_that_is_given_up_is_not_up_before_an_acknowledgement_and_is_given_up_less_and_less(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(producer, "PATIENCE_S", 0.6)
    service = await serve(broker.bootstrap)
    service.store.producer._patience_s = 0.6
    sender = Sender(session, service.port)
    broker.inject(PRODUCE, *[NOT_ENOUGH_REPLICAS] * 100_000)
    assert await sender.send(event(1, 0)) == 503
    for count in (1, 2):  # nobody sends anything, so what nobody waits for any more is tried again
        await until(partial(given_up_at_least, service, count))
        await until(lambda: service.store.producer.connected)
        assert not service.store.producer.up
    assert service.store.producer._patience_s >= 4 * 0.6
    broker.heal(PRODUCE)
    await until(lambda: service.store.producer.up)
    await sender.chat(1, 3)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_a_record_that_kafka_refuses_for_good_is_set_aside_and_holds_nothing_up(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    broker.down()
    service = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, service.port)
    await sender.chat(1, 10)
    broker.inject(PRODUCE, MESSAGE_TOO_LARGE, MESSAGE_TOO_LARGE)  # of the batch, then of its first record
    broker.up()
    await until(lambda: not service.store.spooling)
    await sender.chat(1, 1, first=10)
    found = await records(broker.bootstrap, unique)
    assert set(sender.stored) - set(found) == {("C1", "T1_0")}
    await serve.close(service)
    with sqlite3.connect(tmp_path / "spool" / "spool.sqlite3") as file:
        rows = file.execute("SELECT value FROM refused").fetchall()
    file.close()
    assert [orjson.loads(value)["payload"]["event"]["id"] for (value,) in rows] == ["T1_0"]


async def test_a_record_that_kafka_refuses_for_good_is_not_answered_200_and_fails_no_other(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession
) -> None:
    service = await serve(broker.bootstrap)
    sender = Sender(session, service.port)
    broker.inject(PRODUCE, MESSAGE_TOO_LARGE)
    assert await sender.send(event(1, 0)) == 503
    await sender.chat(1, 3, first=1)
    assert sender.statuses == [503, 200, 200, 200]
    assert given_up(service) == 0
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_a_full_spool_is_answered_503_until_it_is_drained(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    broker.down()
    service = await serve(
        broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"), INGEST_SPOOL_BYTES_MAX=str(1 << 20)
    )
    sender = Sender(session, service.port)
    for number in range(20):
        if await sender.send(event(1, number, note="x" * 100_000)) == 200:
            sender.stored.append(("C1", f"T1_{number}"))
    assert set(sender.statuses) == {200, 503}
    assert 5 < len(sender.stored) < 12
    assert (await ready(service, session))[0] == 503
    broker.up()
    await until(lambda: not service.store.spooling)
    assert await sender.send(event(2, 1, note="x" * 100_000)) == 200
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_a_disk_that_cannot_be_read_does_not_keep_webhooks_from_kafka(
    broker: EmbeddedBroker, unique: str, serve: Services, session: aiohttp.ClientSession, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fails(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    broker.down()
    service = await serve(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, service.port)
    await sender.chat(1, 5)
    with monkeypatch.context() as broken:
        broken.setattr(Spool, "_read", fails)
        broker.up()
        await until(lambda: not service.store.spooling)
        await sender.chat(2, 5)
        assert set(sender.statuses) == {200}
    await until(lambda: service.store.spool is not None and service.store.spool.count == 0)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def test_a_second_signal_ends_all_waiting(
    environment: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.service.FIRST_TRY_S", 0.01)
    environment("127.0.0.1:1")
    service = Service(load(IngestSettings), listen_on_s=10**6)
    assert await service.open() is None
    stopping, hurry = asyncio.Event(), asyncio.Event()
    stopping.set()
    hurry.set()
    async with asyncio.timeout(DEADLINE_S):
        assert await service.serve(stopping, hurry) == 0
