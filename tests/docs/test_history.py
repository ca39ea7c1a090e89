"""The examples of config/history.md are what the commands print, on a past that is made for them."""

import asyncio
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from ingest.topic import record_key
from tagger.__main__ import main
from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, decision_record, rfc3339
from tagger.core.records.keyword_set import pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of
from tests.webhooks import chat_deactivated, get_chat, incoming_chat, incoming_event, message

PAGE: Final = (Path(__file__).parents[2] / "config" / "history.md").read_text("utf-8")
# Those that read a file instead are in `test_history_manual`.
EXAMPLES: Final = [
    (typed, shown)
    for typed, shown in re.findall(r"^\$ tagger (.+)\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
    if "--file" not in typed
]
# What differs from day to day, and from one set of files to the next.
CHANGES: Final = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "WHEN"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "SET"),
    (re.compile(r"-20\d{6}\b"), "-DAY"),
)
ORGANIZATION: Final = "org"
RULES: Final = """version: 1
rules:
  - {{id: refund, tag: Refund, any: [refund]}}
  - {{id: delay, tag: Shipping delay, any: [{0}]}}
"""
CHATS: Final = {
    "A": ("a refund, please",),
    "B": ("I want a refund", "it is late"),
    "C": ("thanks",),
}
MINUTE: Final = 60_000


class Past:
    """Writes the chats, what was decided on them, and one correction."""

    def __init__(self, producer: AIOKafkaProducer, topics: Mapping[str, str], decider: Decider) -> None:
        self._producer, self._topics, self._decider = producer, topics, decider

    async def write(self, begin_ms: int) -> None:
        for place, (letter, texts) in enumerate(CHATS.items()):
            thread = ThreadKey(ORGANIZATION, f"PJ0MRSHTD{letter}", f"TA0{letter}")
            end, ended_ms = (
                await self._said(thread, texts, begin_ms + place * MINUTE),
                begin_ms + place * MINUTE,
            )
            said = tuple(
                Said(f"{thread.thread_id}_{n}", "customer", (text,)) for n, text in enumerate(texts, 1)
            )
            decision = self._decider.decide(Conversation(thread, said), ended_ms)
            outcome: Any = "tagged" if decision.tags else "no_match"
            made = decision_record(
                thread,
                decision,
                outcome,
                end,
                read_from="webhooks",
                messages=len(texts),
                ended_at_ms=ended_ms,
                settled_at_ms=ended_ms,
            )
            await self._send("decisions", thread, made, ended_ms)
            if letter == "A":
                record = correction_record(
                    thread, "Refund", "removed", end._replace(offset=end.offset + 1), ended_ms + MINUTE
                )
                await self._send("decisions", thread, record, ended_ms)

    async def _said(self, thread: ThreadKey, texts: tuple[str, ...], at_ms: int) -> Source:
        _, chat_id, thread_id = thread
        events = [message(f"{thread_id}_{n}", text) for n, text in enumerate(texts, 1)]
        first = get_chat(
            thread_id, events=events[:1], active=True, chat=chat_id, created_at=rfc3339(at_ms - MINUTE)
        )
        await self._send("webhooks", thread, incoming_chat(first), at_ms)
        for event in events[1:]:
            await self._send("webhooks", thread, incoming_event(chat_id, thread_id, event), at_ms)
        return await self._send("webhooks", thread, chat_deactivated(chat_id, thread_id), at_ms)

    async def _send(self, topic: str, thread: ThreadKey, value: object, at_ms: int) -> Source:
        key = record_key(thread.organization, thread.chat_id)
        sent = await self._producer.send_and_wait(
            self._topics[topic], orjson.dumps(value), key=key, timestamp_ms=at_ms
        )
        return Source(sent.topic, sent.partition, sent.offset)


@pytest.fixture(scope="module")
def env(kafka_embedded: AnyKafka, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    config, names = tmp_path_factory.mktemp("config"), names_of("history-page")
    (config / "rules.yaml").write_text(RULES.format("delayed"))
    for topic in names.topics:
        kafka_embedded.create_topic(topic, 2)
    files = {"rules.yaml": RULES.format("late").encode()}
    rules = parse(files)
    assert isinstance(rules, RuleSet)

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_embedded.bootstrap)
        await producer.start()
        topics = {"webhooks": names.webhooks, "decisions": names.decisions}
        yesterday_ms = (time.time_ns() // 1_000_000 // MINUTE - 24 * 60) * MINUTE
        await Past(producer, topics, Decider.compile(rules)).write(yesterday_ms)
        await producer.send_and_wait(names.keywords, pack(files), key=rules.hash.encode(), partition=0)
        await producer.stop()

    asyncio.run(write())
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": names.webhooks,
        "KAFKA_DECISIONS_TOPIC": names.decisions,
        "KAFKA_KEYWORDS_TOPIC": names.keywords,
        "TAGGER_CONFIG": str(config),
    }


def lasting(text: str) -> str:
    for pattern, word in CHANGES:
        text = pattern.sub(word, text)
    return text


def test_the_examples_have_not_gone_missing() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_an_example_prints_what_the_page_says(
    env: dict[str, str], command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, shlex.split(command), env=env)
    assert lasting(result.stdout) == lasting(output)


def test_every_option_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", PAGE))
    source = "".join(
        path.read_text("utf-8") for path in (Path(__file__).parents[2] / "tagger" / "commands").glob("*.py")
    )
    assert {option for option in named if f'"{option}"' not in source} == set()
