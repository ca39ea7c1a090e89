"""`tagger webhooks send` and `tail`, against the embedded broker and a pretend ingest."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer, ConsumerRecord
from click.testing import CliRunner, Result

from ingest.topic import encode
from tagger.commands import webhooks, webhooks_topic
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.unit.livechat.server import Asked, in_a_thread

SECRET = "webhook-secret"
TEXT = "my card number is 4111"


@dataclass
class Ingest:
    """Stores what carries the secret, as ingest does; it may lose some."""

    bootstrap: str
    topic: str = "livechat.webhooks"
    url: str = ""
    loses: frozenset[str] = frozenset()
    stored: list[str] = field(default_factory=list)

    async def answer(self, asked: Asked) -> web.Response:
        if asked.body.get("secret_key") != SECRET:
            return web.Response(status=401)
        if asked.body["action"] not in self.loses:
            await self.store(asked.body)
        return web.Response()

    async def store(self, webhook: dict[str, Any]) -> None:
        payload = webhook["payload"]
        chat_id = payload.get("chat_id") or payload["chat"]["id"]
        record = encode(webhook, webhook["organization_id"], chat_id, 0)
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            await producer.send_and_wait(self.topic, record.value, key=record.key)
        self.stored.append(webhook["action"])


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"livechat.webhooks": 3}) as running:
        yield running


@pytest.fixture
def ingest(broker: EmbeddedBroker) -> Iterator[Ingest]:
    pretend = Ingest(broker.bootstrap)
    with in_a_thread(pretend.answer) as address:
        pretend.url = f"{address}/webhooks/livechat"
        yield pretend


def send(ingest: Ingest, url: str | None = None, **settings: str) -> Result:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": ingest.bootstrap,
        "LIVECHAT_WEBHOOK_SECRETS": f"{SECRET},old",
        **settings,
    }
    result = CliRunner().invoke(webhooks.command, ["send", url or ingest.url], env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert SECRET not in result.output
    return result


def test_samples_that_arrive_are_counted(ingest: Ingest) -> None:
    result = send(ingest)
    assert result.exit_code == 0
    assert result.output.count("ingest answered 200") == 3
    assert "3 of 3 samples arrived" in result.output
    assert ingest.stored == ["incoming_chat", "incoming_event", "chat_deactivated"]


def test_a_sample_that_does_not_arrive_is_a_finding(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks_topic, "ARRIVAL_TIMEOUT_S", 2.0)
    ingest.loses = frozenset({"incoming_event"})
    result = send(ingest)
    assert result.exit_code == 1
    assert "2 of 3 samples arrived" in result.output


def test_a_wrong_secret_is_seen_at_once(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        webhooks_topic, "ARRIVAL_TIMEOUT_S", float("inf")
    )  # who waited for arrivals would hang
    result = send(ingest, LIVECHAT_WEBHOOK_SECRETS="wrong")
    assert result.exit_code == 1
    assert "ingest answered 401" in result.output
    assert result.stderr.count("must be one of LIVECHAT_WEBHOOK_SECRETS there") == 1
    assert "wrong" not in result.output


def test_nobody_at_the_address_is_told(ingest: Ingest) -> None:
    result = send(ingest, "http://127.0.0.1:1/webhooks/livechat")
    assert result.exit_code == 1
    assert "URLError" in result.output
    assert "whether ingest runs" in result.stderr


def test_a_topic_that_is_missing_comes_with_the_command_that_creates_it(ingest: Ingest) -> None:
    result = send(ingest, KAFKA_WEBHOOKS_TOPIC="no.such.topic")
    assert result.exit_code == 2
    assert "--create --topic no.such.topic" in result.stderr


def record(value: bytes, key: bytes = b"org:chat") -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord("livechat.webhooks", 2, 7, 1_764_000_000_000, 0, key, value, None, 0, 0, ())


WEBHOOK = (
    b'{"action": "incoming_event", "organization_id": "org", "payload": {"event": {"text": "'
    + TEXT.encode()
    + b'"}}}'
)


@pytest.mark.parametrize("content", [False, True])
def test_what_was_said_is_shown_only_on_request(content: bool) -> None:
    line = webhooks_topic.shown(record(WEBHOOK), content)
    assert "2:7  incoming_event  org:chat" in line
    assert (TEXT in line) is content


def test_what_is_no_webhook_is_shown_as_such() -> None:
    assert webhooks_topic.shown(record(b"{"), True).endswith("2:7  unreadable: not JSON")


def test_a_terminal_is_given_no_control_characters() -> None:
    line = webhooks_topic.shown(record(WEBHOOK, b"org:\x1b[2Jchat\n"), False)
    assert line.isprintable()
