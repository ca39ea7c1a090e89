"""`tagger parked` as a person runs it, on the embedded broker, with a pretend LiveChat."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from tagger.commands import parked
from tagger.core.conversation import ThreadKey
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, parked_record
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.unit.livechat.server import Asked, error, in_a_thread

TOKEN = "access-token"
RULES = "version: 1\nrules:\n  - {id: r, tag: Refund, any: [refund], tests: [absent: hello]}\n"
SECRET_TEXT = "I want a refund, my card is 4111"
PRODUCE, TOPIC_AUTHORIZATION_FAILED = 0, 29  # API key and error code, https://kafka.apache.org/protocol


@dataclass
class LiveChat:
    """Answers each call with what a test says, by method; 200 otherwise."""

    url: str = ""
    answers: dict[str, web.Response] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> web.Response:
        self.asked.append(asked)
        said = self.answers.get(asked.method)
        return web.Response() if said is None else web.Response(status=said.status, body=said.body)


@dataclass
class Topics:
    """A broker with topics of their own for each test."""

    bootstrap: str
    env: dict[str, str]

    def park(self, *records: dict[str, Any], topic: str = "KAFKA_PARKED_TOPIC") -> None:
        async def write() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
            await producer.start()
            try:
                for record in records:
                    key = f"{record['organization']}:{record['chat_id']}".encode()
                    await producer.send_and_wait(self.env[topic], orjson.dumps(record), key=key)
            finally:
                await producer.stop()

        asyncio.run(write())


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({}) as running:
        yield running


@pytest.fixture
def topics(broker: EmbeddedBroker) -> Topics:
    names = {name: f"{name.lower()}-{uuid4().hex[:8]}" for name in ("PARKED", "DECISIONS", "WEBHOOKS")}
    for topic in names.values():
        broker.create_topic(topic, 2)
    env = {f"KAFKA_{name}_TOPIC": topic for name, topic in names.items()}
    return Topics(broker.bootstrap, {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, **env})


@pytest.fixture
def livechat() -> Iterator[LiveChat]:
    pretend = LiveChat()
    with in_a_thread(pretend.answer) as pretend.url:
        yield pretend


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES)
    return tmp_path


def an_item(thread: str, tag: str | None = "Refund", **changes: Any) -> dict[str, Any]:
    record = parked_record(
        ThreadKey("org", f"C{thread}", thread),
        Source("livechat.webhooks", 0, 7),
        tag=tag,
        reason="the chat, thread or tag does not exist",
        error_type="not_found",
        attempts=3,
        parked_at_ms=1_000,
    )
    return record | changes


def a_removal(thread: str) -> dict[str, Any]:
    source = Source("livechat.webhooks", 0, 9)
    return correction_record(ThreadKey("org", f"C{thread}", thread), "Refund", "removed", source, 2_000)


def run(topics: Topics, *arguments: str, answer: str = "", **settings: str) -> Result:
    result = CliRunner().invoke(parked.command, list(arguments), input=answer, env={**topics.env, **settings})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert TOKEN not in result.output
    assert SECRET_TEXT not in result.output
    return result


def retry(topics: Topics, livechat: LiveChat, config: Path, *arguments: str) -> Result:
    settings = {
        "LIVECHAT_API_URL": livechat.url,
        "LIVECHAT_ACCESS_TOKEN": TOKEN,
        "TAGGER_CONFIG": str(config),
    }
    return run(topics, "retry", *arguments, **settings)


def left(topics: Topics) -> list[str]:
    (items,) = map(orjson.loads, run(topics, "list", "--format", "json").stdout.splitlines())
    return sorted(item["thread_id"] for item in items)


def test_what_is_open_is_listed_once_and_is_a_finding(topics: Topics) -> None:
    later = {"error_type": "incomplete", "parked_at": "1970-01-01T00:00:02.000Z"}
    topics.park(an_item("T1"), an_item("T1"), an_item("T2", tag=None, **later))
    result = run(topics, "list")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "1970-01-01T00:00:01.000Z  not_found  tag 'Refund'  org  CT1  T1",
        "1970-01-01T00:00:02.000Z  incomplete  the chat  org  CT2  T2",
        "2 open: 1 not_found, 1 incomplete",
    ]


def test_nothing_open_is_fine(topics: Topics) -> None:
    result = run(topics, "list")
    assert (result.exit_code, result.stdout) == (0, "nothing is open\n")


@pytest.mark.parametrize(("which", "code"), [("CT1", 0), ("T1", 0), ("T9", 1)])
def test_an_item_is_shown_with_all_that_is_known(topics: Topics, which: str, code: int) -> None:
    topics.park(an_item("T1"), an_item("T2"))
    result = run(topics, "show", which)
    assert result.exit_code == code
    assert ("offset       7" in result.stdout) is (code == 0)
    assert "T2" not in result.stdout


def test_a_terminal_is_given_no_control_characters(topics: Topics) -> None:
    topics.park(an_item("T1", chat_id="C\x1b[2J"))
    for command in ("list", "show"):
        assert all(line.isprintable() for line in run(topics, command).stdout.splitlines())


def test_a_retry_that_succeeds_closes_the_items_that_are_meant(
    topics: Topics, livechat: LiveChat, config: Path
) -> None:
    topics.park(an_item("T1"), an_item("T2"), an_item("T3", error_type="limit_reached"))
    result = retry(topics, livechat, config, "--error-type", "not_found")
    assert (result.exit_code, result.stdout) == (0, "2 of 2 items done, 0 still open\n")
    assert sorted(asked.body["thread_id"] for asked in livechat.asked) == ["T1", "T2"]
    assert left(topics) == ["T3"]


def test_what_is_refused_again_stays_open_with_its_new_reason(
    topics: Topics, livechat: LiveChat, config: Path
) -> None:
    livechat.answers["tag_thread"] = error("missing_access")
    topics.park(an_item("T1"))
    result = retry(topics, livechat, config, "--format", "json")
    assert result.exit_code == 1
    tried = orjson.loads(result.stdout)
    assert (tried["thread_id"], tried["result"]) == ("T1", "refused")
    assert run(topics, "list", "--error-type", "missing_access").exit_code == 1


def test_an_organization_that_fails_is_not_asked_for_every_item(
    topics: Topics, livechat: LiveChat, config: Path
) -> None:
    livechat.answers["tag_thread"] = error("authentication", 401)
    topics.park(*(an_item(f"T{number}") for number in range(20)))
    result = retry(topics, livechat, config)
    assert result.exit_code == 1
    assert "create a new token" in result.stdout
    assert result.stdout.endswith("0 of 20 items done, 20 still open\n")
    assert len(livechat.asked) <= parked.AT_ONCE
    assert len(left(topics)) == 20


def a_chat(**thread: Any) -> web.Response:
    said = {"id": "T1_1", "type": "message", "text": SECRET_TEXT, "author_id": "c", "visibility": "all"}
    shape = {"id": "T1", "active": False, "events": [said], "created_at": "2026-01-01T00:00:00Z", **thread}
    chat = {"id": "CT1", "users": [{"id": "c", "type": "customer"}], "thread": shape}
    return web.json_response(chat)


@pytest.mark.parametrize(
    ("chat", "calls", "still"),
    [
        (a_chat(), ["get_chat", "tag_thread"], []),
        (a_chat(tags=["Refund"]), ["get_chat"], []),
        (a_chat(active=True), ["get_chat"], ["T1"]),
        (a_chat(restricted_access="plan", events=[]), ["get_chat"], ["T1"]),
        (error("not_found", 404), ["get_chat"], ["T1"]),
    ],
)
def test_a_chat_that_could_not_be_fetched_is_fetched_and_decided(
    topics: Topics, livechat: LiveChat, config: Path, chat: web.Response, calls: list[str], still: list[str]
) -> None:
    livechat.answers["get_chat"] = chat
    topics.park(an_item("T1", tag=None))
    assert retry(topics, livechat, config).exit_code == len(still)
    assert [asked.method for asked in livechat.asked] == calls
    assert left(topics) == still


@pytest.mark.parametrize(("tag", "calls"), [("Refund", []), (None, ["get_chat"])])
def test_a_tag_that_a_person_removed_is_not_set_and_its_item_is_closed(
    topics: Topics, livechat: LiveChat, config: Path, tag: str | None, calls: list[str]
) -> None:
    livechat.answers["get_chat"] = a_chat()
    topics.park(an_item("T1", tag=tag))
    topics.park(a_removal("T1"), topic="KAFKA_DECISIONS_TOPIC")
    result = retry(topics, livechat, config)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "1 of 1 item done, 0 still open")
    assert ("closed: a person removed this tag" in result.stdout) is (tag is not None)
    assert [asked.method for asked in livechat.asked] == calls
    assert left(topics) == []


def test_what_names_no_thread_can_only_be_dropped(topics: Topics, livechat: LiveChat, config: Path) -> None:
    topics.park(an_item("T1", tag=None, thread_id="", error_type="unreadable"))
    result = retry(topics, livechat, config)
    assert result.exit_code == 1
    assert "drop the item" in result.stdout
    assert livechat.asked == []
    assert run(topics, "drop", "--error-type", "unreadable", "--yes").exit_code == 0
    assert left(topics) == []


@pytest.mark.parametrize(
    ("arguments", "answer", "code", "still"),
    [
        (["CT1"], "y\n", 0, ["T2"]),
        (["CT1"], "n\n", 2, ["T1", "T2"]),
        (["CT1", "--yes"], "", 0, ["T2"]),
        (["--all", "--yes"], "", 0, []),
        (["--organization", "another", "--yes"], "", 0, ["T1", "T2"]),
        ([], "", 2, ["T1", "T2"]),
        (["CT1", "--all"], "", 2, ["T1", "T2"]),
    ],
)
def test_items_are_dropped_only_when_that_is_confirmed(
    topics: Topics, arguments: list[str], answer: str, code: int, still: list[str]
) -> None:
    topics.park(an_item("T1"), an_item("T2"))
    assert run(topics, "drop", *arguments, answer=answer).exit_code == code
    assert left(topics) == still


def test_a_topic_that_is_missing_comes_with_the_command_that_creates_it(topics: Topics) -> None:
    result = run(topics, "list", KAFKA_PARKED_TOPIC="no.such.topic")
    assert result.exit_code == 2
    assert "--create --topic no.such.topic" in result.stderr


def test_kafka_away_is_reported(topics: Topics) -> None:
    result = run(topics, "list", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert result.exit_code == 2
    assert "check KAFKA_BOOTSTRAP_SERVERS" in result.stderr


def test_a_result_that_kafka_refuses_to_store_is_reported(
    topics: Topics, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "COMMAND_PATIENCE_S", 3.0)
    topics.park(an_item("T1"))
    broker.inject(PRODUCE, *[TOPIC_AUTHORIZATION_FAILED] * 9)
    result = run(topics, "drop", "--all", "--yes")
    broker.heal(PRODUCE)
    assert result.exit_code == 2
    assert "this user is missing a permission" in result.stderr
    assert left(topics) == ["T1"]


@pytest.mark.parametrize("name", ["list", "show", "retry", "drop"])
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(parked.command, [name, "--help"])
    assert result.exit_code == 0
    assert f"tagger parked {name}" in result.output
