"""Commands over the past: what Ctrl-C leaves, and decisions as they come; as processes, as people run them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import orjson
import pytest

from tagger.commands.history_options import Asked, Since
from tagger.commands.history_reading import read_history
from tagger.core.review.past_chat import PastChat
from tagger.simulator.stage.stage import Names
from tests.deadline import DEADLINE_S
from tests.integration.history.past import Play
from tests.integration.history.test_topic import NOW, played
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of
from tests.webhooks import get_chat, message

TAGGER = [sys.executable, "-m", "tagger"]


def env_of(kafka: AnyKafka, names: Names) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": names.webhooks,
        "KAFKA_DECISIONS_TOPIC": names.decisions,
        "KAFKA_KEYWORDS_TOPIC": names.keywords,
    }


async def test_decisions_and_corrections_are_shown_as_they_come(
    kafka_embedded: AnyKafka, unique: str
) -> None:
    names = names_of(unique)
    for topic in names.topics:
        kafka_embedded.create_topic(topic, 2)
    env = {**os.environ, **env_of(kafka_embedded, names)}
    process = await asyncio.create_subprocess_exec(
        *TAGGER, "decisions", "tail", env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE_S):
        assert b"waiting" in await process.stderr.readline()
        past = await Play(kafka_embedded, unique, 7, NOW).run(60)
        decisions = sum(told.decisions for told in past.threads.values())
        corrections = sum(len(told.removed) for told in past.threads.values())
        lines: list[str] = []
        while len({line for line in lines if line}) < decisions + corrections:
            lines.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        await process.communicate()
    assert process.returncode == 0
    assert {line.split()[2] for line in lines} == {
        told.thread.chat_id for told in past.threads.values() if told.decisions
    }
    assert sum("by a person" in line for line in set(lines)) == corrections > 0


def past_of(thread: str) -> bytes:
    return orjson.dumps(get_chat(thread, events=[message(f"{thread}_1")], created_at="2026-11-01T10:00:00Z"))


def test_what_came_before_ctrl_c_counts_and_is_said_to_be_part(tmp_path: Path) -> None:
    path = tmp_path / "chats.ndjson"
    path.write_bytes(b"\n".join(past_of(f"T{number}") for number in range(1_000)))
    seen: list[PastChat] = []

    def take(chat: PastChat) -> None:
        seen.append(chat)
        if len(seen) == 150:
            os.kill(os.getpid(), signal.SIGINT)

    with path.open("rb") as file:
        counts = read_history(Asked(file, False, None, None, False), take)
    assert counts.stopped
    assert 150 <= counts.chats == len(seen) < 1_000
    assert next(counts.notes()) == f"Stopped before the end: these results cover {len(seen)} chats."


async def test_chats_of_the_topic_are_handed_over_with_their_decisions(
    kafka_embedded: AnyKafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = await played(kafka_embedded, unique, 40)
    for name, value in env_of(kafka_embedded, names_of(unique)).items():
        monkeypatch.setenv(name, value)
    seen: list[PastChat] = []
    asked = Asked(None, False, Since("7d", 0), None, False)
    counts = await asyncio.to_thread(read_history, asked, seen.append)
    assert counts.chats == len(seen) == sum(told.ended_at_ms is not None for told in past.threads.values())
    assert sum(len(chat.decisions) for chat in seen) == sum(told.decisions for told in past.threads.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [("7d", "of 7 days"), ("1h", "of 1 hour"), ("1970-01-01", "since 1970-01-01T00:00:00.000Z")],
)
def test_a_time_is_said_as_people_say_it(text: str, said: str) -> None:
    assert str(Since(text, 0)) == said
