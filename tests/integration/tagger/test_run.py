"""`tagger run` as a process: what it says where it cannot start, and that it waits where it can."""

import asyncio
import errno
import fcntl
import os
import signal
import socket
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

import orjson
import pytest

from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S
from tests.kafka.kafka import AnyKafka

RULES: Final = "version: 1\nrules:\n  - {id: refund, tag: Refund, any: [refund]}\n"
TOKEN: Final = "a-token-of-ours"


class Run:
    """The settings of one that could start, but for Kafka; `ended` changes them by keyword."""

    def __init__(self, folder: Path) -> None:
        (folder / "rules.yaml").write_text(RULES)
        self._settings = {
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "LIVECHAT_ACCESS_TOKEN": TOKEN,
            "LOG_FORMAT": "json",
            "TAGGER_ADMIN_PORT": "0",
            "TAGGER_CONFIG": str(folder),
        }

    async def begun(
        self,
        settings: Mapping[str, str] = MappingProxyType({}),
        controlled_by: Callable[[], None] = os.setsid,
    ) -> asyncio.subprocess.Process:
        """The process; `controlled_by` is called in it and gives it a terminal, or none."""
        env = environment_for({**self._settings, **settings})
        command = (sys.executable, "-m", "tagger", "run")
        return await asyncio.create_subprocess_exec(
            *command, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, preexec_fn=controlled_by
        )

    async def ended(self, **settings: str) -> tuple[int | None, str]:
        """Its exit code, and what it wrote for the person who started it."""
        process = await self.begun(settings)
        async with asyncio.timeout(DEADLINE_S):
            output, told = await process.communicate()
        assert not output
        assert TOKEN not in told.decode()
        return process.returncode, told.decode()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


async def test_all_wrong_settings_are_told_at_once(run: Run) -> None:
    code, told = await run.ended(KAFKA_SESSION_TIMEOUT_S="soon", TAGGER_ADMIN_PORT="x", LOG_LEVEL="loud")
    assert code == 2
    for variable in ("KAFKA_SESSION_TIMEOUT_S:", "TAGGER_ADMIN_PORT:", "LOG_LEVEL:"):
        assert variable in told


async def test_lacking_credentials_and_a_bad_keyword_file_are_told_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("version: 1\nrules: [{id: A, tag: B}]\n")
    code, told = await run.ended(LIVECHAT_ACCESS_TOKEN="")
    assert code == 2
    assert "LIVECHAT_CREDENTIALS_FILE" in told
    assert "bad.yaml:2:" in told
    assert "Traceback" not in told


async def test_where_its_port_is_taken_it_says_so(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = await run.ended(TAGGER_ADMIN_PORT=str(port))
    assert (code, told) == (
        2,
        f"Cannot listen on 127.0.0.1:{port} (TAGGER_ADMIN_HOST, TAGGER_ADMIN_PORT): "
        f"{os.strerror(errno.EADDRINUSE)}.\n",
    )


async def test_each_missing_topic_is_told_with_the_command_that_creates_it(
    run: Run, kafka: AnyKafka, unique: str
) -> None:
    kafka.create_topic(f"{unique}.there", 1)
    names = {"WEBHOOKS": "webhooks", "DECISIONS": "there", "PARKED": "parked", "KEYWORDS": "keywords"}
    topics = {f"KAFKA_{name}_TOPIC": f"{unique}.{topic}" for name, topic in names.items()}
    code, told = await run.ended(KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap, **topics)
    assert code == 2
    for topic in ("webhooks", "parked", "keywords"):
        assert (
            f"kafka-topics.sh --bootstrap-server {kafka.bootstrap} --create --topic {unique}.{topic}" in told
        )
    assert f"{unique}.there" not in told


TOPICS: Final = ("livechat.webhooks", "livechat.decisions", "livechat.parked", "livechat.keywords")


@pytest.fixture
async def broker() -> AsyncIterator[asyncio.subprocess.Process]:
    """The embedded broker as a process: it can be frozen and killed. Its address is the first line it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.embedded_broker", *(f"{topic}:2" for topic in TOPICS)),
        stdin=PIPE,
        stdout=PIPE,
        env=environment_for({}),
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.communicate()


@pytest.mark.parametrize("fate", [None, signal.SIGKILL, signal.SIGSTOP], ids=["well", "away", "frozen"])
async def test_sigterm_ends_it_with_0_whatever_kafka_does(
    run: Run, broker: asyncio.subprocess.Process, fate: signal.Signals | None
) -> None:
    assert broker.stdout is not None
    bootstrap = (await broker.stdout.readline()).decode().strip()
    process = await run.begun(
        {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "LIVECHAT_API_URL": "http://127.0.0.1:9"}
    )
    assert process.stderr is not None
    told = b""
    async with asyncio.timeout(DEADLINE_S):
        while told.count(b'"partition_ready"') < 2:
            told += await process.stderr.readline()
            assert process.returncode is None, told
        if fate is not None:
            broker.send_signal(fate)
        process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0, told + rest
    for line in (told + rest).splitlines():
        orjson.loads(line)  # no traceback, whoever wrote it


async def test_where_kafka_is_away_it_waits_and_stops_when_told(run: Run) -> None:
    process = await run.begun()
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        while b"kafka_away" not in await process.stderr.readline():
            assert process.returncode is None
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0


async def told(process: asyncio.subprocess.Process, *events: str) -> dict[str, dict[str, Any]]:
    """The next log lines of these events, in whichever order they come."""
    assert process.stderr is not None
    found: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(DEADLINE_S):
        while set(events) - set(found):
            line = await process.stderr.readline()
            assert line, f"it ended without {events}"
            said = orjson.loads(line)
            found.setdefault(said["event"], said)
    return found


async def test_a_bad_keyword_file_ends_nothing_and_work_begins_when_it_is_right(
    run: Run, tmp_path: Path, kafka_embedded: AnyKafka, unique: str
) -> None:
    names = {name: f"{unique}.{name.lower()}" for name in ("WEBHOOKS", "DECISIONS", "PARKED", "KEYWORDS")}
    for topic in names.values():
        kafka_embedded.create_topic(topic, 1)
    settings = {f"KAFKA_{name}_TOPIC": topic for name, topic in names.items()}
    settings |= {"KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap, "KAFKA_GROUP_ID": unique}
    bad = RULES.replace("any:", "anny:")

    (tmp_path / "rules.yaml").write_text(bad)
    process = await run.begun(settings)
    lines = await told(process, "started", "keywords_refused", "keywords_nowhere")
    assert "rules.yaml:3:" in lines["keywords_refused"]["reason"]
    port = lines["started"]["port"]
    status, body = await asyncio.to_thread(ready, port)
    assert (status, "No keyword files are in force" in body) == (503, True)
    (tmp_path / "rules.yaml").write_text(RULES)
    lines = await told(process, "keywords_in_force", "keywords_stored", "partition_ready")
    config = lines["keywords_in_force"]["config"]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0

    (tmp_path / "rules.yaml").write_text(bad)
    again = await run.begun(settings)
    lines = await told(again, "started", "keywords_from_topic", "partition_ready")
    assert lines["keywords_from_topic"]["config"] == config
    assert "the set stored last" in (await asyncio.to_thread(ready, lines["started"]["port"]))[1]
    again.send_signal(signal.SIGTERM)
    assert await again.wait() == 0


def ready(port: int) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
async def test_without_a_terminal_neither_signal_that_reloads_ends_it(
    run: Run, number: signal.Signals
) -> None:
    process = await run.begun()
    await told(process, "keywords_in_force", "kafka_away")
    process.send_signal(number)
    await told(process, "kafka_away")
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode == 0


async def test_a_terminal_that_closes_ends_it_like_sigterm(run: Run) -> None:
    ours, theirs = os.openpty()

    def take_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests that `nohup` runs have it ignored
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = await run.begun(controlled_by=take_terminal)
    os.close(theirs)
    await told(process, "kafka_away")
    os.close(ours)
    async with asyncio.timeout(DEADLINE_S):
        await process.communicate()
    assert process.returncode == 0
