"""`ingest` as a process: how it starts, how it stops, and what a kill -9 costs."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from ingest.settings import IngestSettings
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.deadline import DEADLINE_S, until
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import SECRET, Sender, assert_nothing_lost, event, records
from tests.integration.ingest.wire import exchange
from tests.kafka.broker import Broker
from tests.kafka.kafka import AnyKafka, Kafka

Launch = Callable[..., Process]


def run_ingest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingest", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def keep_sending(sender: Sender, chat: int, ended: asyncio.Event) -> None:
    """A sender that continues until nobody listens; a connection that breaks otherwise is an error."""
    number = 0
    while not ended.is_set():
        try:
            await sender.chat(chat, 1, first=number)
        except aiohttp.ClientConnectorError:  # refused
            return
        number += 1


def test_help_names_every_variable_with_its_default() -> None:
    text = run_ingest("--help").stdout
    for name, default, doc in IngestSettings.describe():
        assert f"{name}  [{default}]" in text
        assert " ".join(doc.split()) in " ".join(text.split())
    assert run_ingest("--version").stdout.startswith("ingest, version ")


def test_wrong_settings_are_reported_all_at_once(environment: Callable[..., None]) -> None:
    environment("localhost:1", INGEST_PORT="x", LIVECHAT_WEBHOOK_SECRETS="", LOG_FORMAT="xml")
    ended = run_ingest()
    assert ended.returncode == 2
    assert [name in ended.stderr for name in ("INGEST_PORT", "LIVECHAT_WEBHOOK_SECRETS", "LOG_FORMAT")] == [
        True
    ] * 3


@pytest.mark.parametrize("spool", [True, False])
def test_where_its_topic_is_missing_it_tells_the_command_that_creates_it(
    kafka: AnyKafka, environment: Callable[..., None], unique: str, tmp_path: Path, spool: bool
) -> None:
    environment(kafka.bootstrap, **({"INGEST_SPOOL_DIR": str(tmp_path)} if spool else {}))
    ended = run_ingest()
    assert ended.returncode == 2
    assert f"kafka-topics.sh --bootstrap-server {kafka.bootstrap} --create --topic {unique}" in ended.stderr


def test_asking_for_its_topic_does_not_create_it(
    kafka_real: Kafka, environment: Callable[..., None], unique: str
) -> None:
    environment(kafka_real.bootstrap)
    run_ingest()
    assert unique not in kafka_real.run("kafka-topics", "--list").split()


@pytest.mark.parametrize("variable", ["INGEST_PORT", "INGEST_ADMIN_PORT"])
def test_where_a_port_is_taken_it_says_so(
    kafka_embedded: AnyKafka, environment: Callable[..., None], unique: str, taken_port: int, variable: str
) -> None:
    kafka_embedded.create_topic(unique, 1)
    environment(kafka_embedded.bootstrap, **{variable: str(taken_port)})
    ended = run_ingest()
    assert ended.returncode == 2
    assert f"Cannot listen on 127.0.0.1:{taken_port}" in ended.stderr
    assert variable in ended.stderr


def test_a_spool_that_another_one_uses_is_refused(
    kafka_embedded: AnyKafka, launch: Launch, unique: str, tmp_path: Path
) -> None:
    kafka_embedded.create_topic(unique, 1)
    launch(kafka_embedded.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    ended = run_ingest()
    assert (ended.returncode, "another process" in ended.stderr) == (2, True)


async def test_where_kafka_is_away_at_start_it_serves_and_is_not_ready(
    broker: EmbeddedBroker, launch: Launch, session: aiohttp.ClientSession
) -> None:
    broker.down()
    process = launch(broker.bootstrap)
    sender = Sender(session, process.port)
    waiting = asyncio.create_task(sender.send(event(1, 1)))
    broker.up()
    assert await waiting == 200  # it came back within the request's time


async def test_two_share_a_port(bootstrap: str, launch: Launch, session: aiohttp.ClientSession) -> None:
    first = launch(bootstrap)
    second = launch(bootstrap, INGEST_PORT=str(first.port))
    sender = Sender(session, second.port)
    await asyncio.gather(*(sender.chat(chat, 3) for chat in range(20)))
    first.signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.wait) == 0
    await asyncio.gather(*(sender.chat(chat, 3, first=3) for chat in range(20)))
    assert set(sender.statuses) == {200}


@pytest.mark.parametrize("spool", [True, False])
async def test_sigterm_under_load_answers_200_until_the_connection_is_refused_and_loses_nothing(
    kafka: AnyKafka, topic: str, launch: Launch, session: aiohttp.ClientSession, tmp_path: Path, spool: bool
) -> None:
    process = launch(kafka.bootstrap, **({"INGEST_SPOOL_DIR": str(tmp_path / "spool")} if spool else {}))
    sender = Sender(session, process.port)
    ended = asyncio.Event()
    chats = [asyncio.create_task(keep_sending(sender, chat, ended)) for chat in range(20)]
    await until(lambda: len(sender.stored) > 200)
    before = len(sender.stored)
    process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0
    await asyncio.gather(*chats)
    assert (
        len(sender.stored) > before
    )  # it listens on, as a balancer needs a while to see that it is not ready
    assert set(sender.statuses) == {200}
    assert_nothing_lost(sender.stored, await records(kafka.bootstrap, topic))


async def test_sigterm_while_kafka_is_away_keeps_what_is_spooled(
    broker: EmbeddedBroker, unique: str, launch: Launch, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    process = launch(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, process.port)
    broker.down()
    ended = asyncio.Event()
    chats = [asyncio.create_task(keep_sending(sender, chat, ended)) for chat in range(5)]
    await until(lambda: len(sender.stored) > 50)
    process.signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0
    await asyncio.gather(*chats)
    assert set(sender.statuses) == {200}
    broker.up()
    again = launch(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    await drained(session, again)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


@pytest.mark.parametrize("moment", ["sending", "spooling", "draining"])
async def test_kill_9_at_any_moment_loses_nothing_that_was_answered_200(
    broker: EmbeddedBroker, unique: str, launch: Launch, session: aiohttp.ClientSession, tmp_path: Path,
    moment: str,
) -> None:  # fmt: skip
    if moment != "sending":
        broker.down()
    process = launch(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, process.port)
    ended = asyncio.Event()
    chats = [asyncio.create_task(keep_sending(sender, chat, ended)) for chat in range(20)]
    await until(lambda: len(sender.stored) > (300 if moment == "sending" else 1_000))
    if moment == "draining":
        broker.up()
        await until(lambda: any(line["event"] == "kafka_connected" for line in process.log()))
    process.signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    ended.set()
    await asyncio.gather(*chats, return_exceptions=True)  # connections break, as they must
    broker.up()
    again = launch(broker.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    await drained(session, again)
    assert_nothing_lost(sender.stored, await records(broker.bootstrap, unique))


async def drained(session: aiohttp.ClientSession, process: Process) -> None:
    """All that was in the spool is acknowledged: webhooks go to Kafka again a moment before."""

    async def empty() -> bool:
        return "\ningest_spool_records 0.0\n" in await page(session, process, "/metrics")

    await until(empty)


async def page(session: aiohttp.ClientSession, process: Process, path: str) -> str:
    async with session.get(f"http://127.0.0.1:{process.admin_port}{path}") as answer:
        return await answer.text()


async def test_a_killed_kafka_that_comes_back_costs_neither_a_webhook_nor_the_order(
    kafka_own: Broker, unique: str, launch: Launch, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    Kafka(kafka_own.bootstrap).create_topic(unique, 3)
    process = launch(kafka_own.bootstrap, INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, process.port)
    ended = asyncio.Event()
    chats = [asyncio.create_task(keep_sending(sender, chat, ended)) for chat in range(10)]
    await until(lambda: len(sender.stored) > 200)
    await asyncio.to_thread(kafka_own.kill)
    await until(lambda: any(line["event"] == "spooling" for line in process.log()))
    await asyncio.to_thread(kafka_own.start_again)
    await until(lambda: any(line["event"] == "spooling_over" for line in process.log()))
    ended.set()
    await asyncio.gather(*chats)
    await drained(session, process)
    assert set(sender.statuses) == {200}
    assert_nothing_lost(sender.stored, await records(kafka_own.bootstrap, unique))


async def test_no_line_of_the_log_holds_content(
    broker: EmbeddedBroker, launch: Launch, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    process = launch(broker.bootstrap, LOG_LEVEL="debug", INGEST_SPOOL_DIR=str(tmp_path / "spool"))
    sender = Sender(session, process.port)
    canary = "canary-of-a-customer"
    bodies = [
        event(1, 1, note=canary),
        event(1, 2, action=canary),
        event(1, 3, secret_key=canary),
        canary.encode(),
    ]
    for body in (*bodies, event(1, 4, payload={"chat_id": [canary]}), event(1, 1, note=canary)[:-1]):
        await sender.send(body, **{"User-Agent": canary})
    await exchange(process.port, f"POST /{canary} HTTP/9\r\n{canary}\r\n\r\n".encode())
    broker.down()
    await sender.chat(1, 3, first=5)
    log = str(process.log())
    assert {line["reason"] for line in process.log() if line["event"] == "refused"} >= {
        "secret",
        "not_json",
        "no_secret",
    }
    assert canary not in log
    assert SECRET not in log.replace("'right'", "")
    assert os.environ["INGEST_SPOOL_DIR"] not in log
