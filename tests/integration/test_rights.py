"""The rights that deploy/kafka.md gives are enough for all that each user does, and who lacks one is told so."""

import asyncio
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry, Gauge
from structlog.testing import capture_logs

from ingest.runtime.topic_check import webhooks
from ingest.runtime.topic_watch import TopicWatch
from ingest.topic import record_key
from tagger.core.conversation import ThreadKey
from tagger.core.records.decision import parked_record
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.service import environment_for
from tagger.simulator.stage.stage import PARTITIONS, Names, Stage
from tests.conftest import USERS
from tests.deadline import DEADLINE_S
from tests.kafka.broker import Broker
from tests.kafka.kafka import command_of

PAGE: Final = Path(__file__).parents[2] / "deploy" / "kafka.md"


def login(user: str, password: str | None = None) -> dict[str, str]:
    """Settings of ours for a user."""
    return {
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": USERS[user] if password is None else password,
    }


def options(bootstrap: str) -> dict[str, str]:
    """aiokafka's for the one who may do everything."""
    admin = {"sasl_plain_username": "admin", "sasl_plain_password": USERS["admin"]}
    return {
        "bootstrap_servers": bootstrap,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        **admin,
    }


class Guarded(Stage):
    """Both services with users of their own."""

    def _build_services(self) -> None:
        super()._build_services()
        self.ingest.settings.update(login("ingest"))
        self.tagger.settings.update(login("tagger"))


def page_commands() -> str:
    """The lines of the page that give rights, as they stand there."""
    (block,) = re.findall(r"^    acls\(\).*\n(?:    .*\n)+", PAGE.read_text("utf-8"), re.MULTILINE)
    return str(block)


def give_rights(bootstrap: str, folder: Path) -> None:
    """Do what the page says, with Apache's own command."""
    (folder / "admin.properties").write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="admin" password="{USERS["admin"]}";\n'
    )
    script = folder / "kafka-acls.sh"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command_of("kafka-acls"))} "$@"\n')
    script.chmod(0o700)
    commands = page_commands().replace("HOST:9092", bootstrap).replace("kafka-acls.sh", "./kafka-acls.sh")
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Error" not in done.stdout + done.stderr


async def create_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(**options(bootstrap))
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in Names().topics])
    await admin.close()


async def park(bootstrap: str, thread: ThreadKey, tag: str) -> None:
    record = parked_record(
        thread,
        None,
        tag=tag,
        reason="the tag does not exist",
        error_type="not_found",
        attempts=1,
        parked_at_ms=int(time.time() * 1_000),
    )
    key = record_key(thread.organization, thread.chat_id)
    producer = AIOKafkaProducer(**options(bootstrap))
    await producer.start()
    await producer.send_and_wait(Names().parked, orjson.dumps(record), key=key)
    await producer.stop()


async def command(settings: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    """Run `tagger` to its end: the exit code, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tagger", *arguments),
        env=environment_for(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE_S):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.timeout(600)  # a broker, nine commands of Kafka's, two services and eight commands of ours
async def test_with_the_rights_of_the_page_everybody_can_do_what_is_theirs(
    kafka_guarded: Broker, tmp_path: Path
) -> None:
    bootstrap = kafka_guarded.bootstrap
    await create_topics(bootstrap)
    await asyncio.to_thread(give_rights, bootstrap, tmp_path)
    async with Guarded(tmp_path, 5, bootstrap, versions=("3.6",)) as stage:
        await stage.play(visits(5, 10), 10)
        compared = await stage.settled(DEADLINE_S)
        assert await hidden_from("ingest", bootstrap) == []
        assert await hidden_from("operator", bootstrap) == ["topic_settings_hidden"]
        assert (compared.missing, compared.wrong) == ((), ())
        tagged = next(one.thread for one in stage.player.played.values() if one.thread.tags)
        thread = ThreadKey(tagged.chat.organization.id, tagged.chat.id, tagged.id)
        tagger = stage.tagger.settings
        assert "keywords_stored" in (tmp_path / "tagger.log").read_text("utf-8")
        operator = {**tagger, **login("operator"), "LIVECHAT_WEBHOOK_SECRETS": stage.secret}

        code, told = await command(tagger, "reconcile", "--since", "1h")
        assert code == 0, told
        await park(bootstrap, thread, tagged.tags[0])
        code, told = await command(operator, "parked", "list")
        assert (code, "1 open" in told) == (1, True), told
        code, told = await command(tagger, "parked", "retry")
        assert (code, "1 of 1 item done" in told) == (0, True), told
        await park(bootstrap, thread._replace(thread_id="another"), "Refund")
        code, told = await command(operator, "decisions", "list")
        assert (code, "chats of 7 days" in told or "chat of 7 days" in told) == (0, True), told
        code, told = await command(operator, "parked", "drop", "--all", "--yes")
        assert (code, "dropped 1" in told) == (0, True), told
        url = f"http://127.0.0.1:{stage.ingest.settings['INGEST_PORT']}/webhooks/livechat"
        code, told = await command(operator, "webhooks", "send", url)
        assert (code, "3 of 3 samples arrived" in told) == (0, True), told
        _, told = await command(tagger, "doctor", "--quiet")
        assert " rights " not in told, told
        _, told = await command(operator, "doctor", "--quiet")
        assert [line for line in told.splitlines() if " rights " in line] == [
            lacks("operator", bootstrap, "Write on livechat.decisions", "--topic livechat.decisions"),
            lacks("operator", bootstrap, "Write on livechat.keywords", "--topic livechat.keywords"),
            lacks("operator", bootstrap, "Read on the group tagger", "--group tagger"),
        ]


def lacks(user: str, bootstrap: str, right: str, resource: str) -> str:
    """What `tagger doctor` says of a right that a user does not have."""
    member = ", so it cannot join it" if "group" in resource else ""
    return (
        f"wrong        rights    this user lacks {right}{member}. To do: kafka-acls.sh --bootstrap-server {bootstrap} "
        f"--add --allow-principal User:{user} --operation {right.partition(' ')[0]} {resource}"
    )


async def hidden_from(user: str, bootstrap: str) -> list[str]:
    """Topics whose settings a user may not see, as the watch of a service tells."""
    who = {"sasl_plain_username": user, "sasl_plain_password": USERS[user]}
    gauge = Gauge("unfit", "As in life.", ["topic", "kind"], registry=CollectorRegistry())
    topic = webhooks(Names().webhooks)
    watch = TopicWatch(lambda: {**options(bootstrap), **who}, [topic], gauge)
    with capture_logs() as logs:
        await watch.look()
        await watch.look()
    assert (watch.looks, watch.problems) == (2, [])
    return [line["event"] for line in logs if line["event"].startswith("topic_")]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (login("nobody"), "this user may not see it (ACLs: deploy/kafka.md)"),
        (login("operator", "wrong"), "KAFKA_SECURITY_PROTOCOL, user and password"),
    ],
    ids=["no right", "wrong password"],
)
async def test_who_may_not_is_told_where_to_look(
    kafka_guarded: Broker, settings: dict[str, str], words: str
) -> None:
    code, told = await command(
        {"KAFKA_BOOTSTRAP_SERVERS": kafka_guarded.bootstrap, "LOG_FORMAT": "json", **settings},
        "parked",
        "list",
    )
    assert (code, words in told) == (2, True), told
    assert "Traceback" not in told


async def test_a_wrong_password_shows_in_the_log_as_what_it_is(kafka_guarded: Broker, tmp_path: Path) -> None:
    with ingest_log(kafka_guarded.bootstrap, tmp_path) as log:
        async with asyncio.timeout(DEADLINE_S):
            while "Authentication" not in log.read_text("utf-8"):
                await asyncio.sleep(0.1)
    lines = [orjson.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    assert any("Authentication" in line.get("error_type", "") for line in lines)
    assert "wrong" not in log.read_text("utf-8")


@contextmanager
def ingest_log(bootstrap: str, folder: Path) -> Iterator[Path]:
    """The log of an `ingest` with a wrong password, while it runs."""
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "LOG_FORMAT": "json",
        "INGEST_HOST": "127.0.0.1",
        "INGEST_PORT": "0",
        "INGEST_ADMIN_PORT": "0",
        "LIVECHAT_WEBHOOK_SECRETS": "a-secret",
        **login("ingest", "wrong"),
    }
    log = folder / "ingest.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ingest"], env=environment_for(settings), stdout=output, stderr=output
        )
    try:
        yield log
    finally:
        process.kill()
        process.wait()
