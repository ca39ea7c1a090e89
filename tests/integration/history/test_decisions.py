"""`tagger decisions` over a past that was made up: every number equals that of the play which wrote it."""

import asyncio
import csv
import io
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tagger.core.records.decision import rfc3339
from tagger.core.records.keyword_set import pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tests.integration.history import past as past_module
from tests.integration.history.past import MARK, Past, Play, Told
from tests.kafka.kafka import AnyKafka
from tests.stage import names_of

NOW: Final = time.time_ns() // 1_000_000
HOUR: Final = 3_600_000
CHATS: Final = 120
THEN: Final = """version: 1
rules:
  - {id: refund, tag: Refund, any: [refund]}
  - {id: late, tag: Late, any: [late]}
"""
TODAY: Final = """version: 1
rules:
  - {id: late, tag: Late, any: [parcel], none: [nothing]}
  - {id: thanks, tag: Praise, any: [thanks]}
"""


@dataclass
class Topics:
    """The past of one test, and its settings."""

    past: Past
    env: dict[str, str]
    config: Path

    def run(self, *arguments: str) -> Result:
        env = {**self.env, "TAGGER_CONFIG": str(self.config)}
        result = CliRunner().invoke(main, ["decisions", *arguments], env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture(scope="module")
def topics(kafka_embedded: AnyKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topics]:
    unique, monkeypatch = uuid.uuid4().hex[:12], pytest.MonkeyPatch()
    names, config = names_of(unique), tmp_path_factory.mktemp("config")
    (config / "rules.yaml").write_text(TODAY)
    for topic in names.topics:
        kafka_embedded.create_topic(topic, 3)
    files = {"rules.yaml": THEN.encode()}
    rules = parse(files)
    assert isinstance(rules, RuleSet)
    monkeypatch.setattr(past_module, "CONFIG", rules.hash)
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_embedded.bootstrap,
        "KAFKA_WEBHOOKS_TOPIC": names.webhooks,
        "KAFKA_DECISIONS_TOPIC": names.decisions,
        "KAFKA_KEYWORDS_TOPIC": names.keywords,
    }
    past = asyncio.run(Play(kafka_embedded, unique, 7, NOW).run(CHATS))
    asyncio.run(store(kafka_embedded, env["KAFKA_KEYWORDS_TOPIC"], rules.hash, pack(files)))
    yield Topics(past, env, config)
    monkeypatch.undo()


async def store(kafka: AnyKafka, topic: str, name: str, value: bytes | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, value, key=name.encode(), partition=0)
    await producer.stop()


def decided(past: Past) -> list[Told]:
    return [told for told in past.threads.values() if told.decisions]


WHICH: Final[list[tuple[tuple[str, ...], Callable[[Told], bool]]]] = [
    ((), lambda _: True),
    (("--tag", "Refund"), lambda told: "Refund" in told.tags),
    (("--rule", "late"), lambda told: "Late" in told.tags),
    (("--tag", "Refund", "--rule", "late"), lambda told: told.tags == ["Late", "Refund"]),
    (("--untagged",), lambda told: not told.tags),
    (("--outcome", "no_match"), lambda told: not told.tags),
    (("--organization", "org-a"), lambda told: told.thread.organization == "org-a"),
    (("--since", rfc3339(NOW - 5 * HOUR)), lambda told: (told.ended_at_ms or 0) >= NOW - 5 * HOUR),
    (("--tag", "nothing"), lambda _: False),
]


@pytest.mark.parametrize(("options", "wanted"), WHICH, ids=[" ".join(options[::2]) for options, _ in WHICH])
def test_each_filter_lists_its_chats_newest_first_in_every_format(
    topics: Topics, options: tuple[str, ...], wanted: Callable[[Told], bool]
) -> None:
    expected = [told for told in decided(topics.past) if wanted(told)]
    threads = {told.thread.thread_id for told in expected}
    as_json = topics.run("list", *options, "--most", "1000", "--format", "json")
    found = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {each["thread_id"] for each in found} == threads
    assert len(found) == len(threads)
    ends = [each["ended_at"] for each in found]
    assert ends == sorted(ends, reverse=True)
    by_id = {told.thread.thread_id: told for told in expected}
    for each in found:
        told = by_id[each["thread_id"]]
        assert (each["tags"], each["chat_id"]) == (told.tags, told.thread.chat_id)
        assert [(one["tag"], one["change"]) for one in each["corrections"]] == [
            (tag, "removed") for tag in told.removed
        ]
    rows = list(
        csv.DictReader(io.StringIO(topics.run("list", *options, "--most", "1000", "--format", "csv").stdout))
    )
    assert [row["thread_id"] for row in rows] == [each["thread_id"] for each in found]
    text = topics.run("list", *options, "--most", "1000").stdout.splitlines()
    number = f"{len(found)} chat{'' if len(found) == 1 else 's'}"
    assert text[-1] == f"{number} {f'since {options[1]}' if '--since' in options else 'of 7 days'}."
    assert len(text) == len(found) + 1
    table = topics.run("list", *options, "--most", "1000", "--format", "markdown").stdout.splitlines()
    assert len(table) == len(found) + 2


def test_a_stated_number_is_shown_and_the_rest_is_counted(topics: Topics) -> None:
    result, total = topics.run("list", "--most", "7"), len(decided(topics.past))
    lines = result.stdout.splitlines()
    assert len(lines) == 8
    assert lines[-1] == (f"{total} chats of 7 days; {total - 7} older ones not shown (--most).")
    assert f"{topics.past.unusable} records of" in result.stderr
    assert (result.exit_code, json.loads(topics.run("list", "--most", "1", "--format", "json").stdout)) == (
        0,
        json.loads(topics.run("list", "--most", "2", "--format", "json").stdout.splitlines()[0]),
    )


def today_of(told: Told) -> list[str]:
    text = " ".join(told.texts)
    return sorted({tag for word, tag in (("parcel", "Late"), ("thanks", "Praise")) if word in text})


def test_what_would_be_decided_today_and_the_difference_agree_with_the_play(topics: Topics) -> None:
    kinds = Counter[str]()
    for told in [told for told in decided(topics.past) if not told.cut][:12]:
        result = topics.run("show", told.thread.chat_id, "--format", "json")
        shown = json.loads(result.stdout)
        assert [made["tags"] for made in shown["decisions"]] == [told.tags]
        assert shown["today"]["tags"] == today_of(told)
        assert shown["gained"] == sorted(set(today_of(told)) - set(told.tags))
        assert shown["lost"] == sorted(set(told.tags) - set(today_of(told)))
        assert result.exit_code == int(bool(shown["gained"] or shown["lost"]))
        kinds.update(shown["gained"])
        kinds.update(shown["lost"])
        if "Refund" in shown["lost"]:
            assert shown["why"]["Refund"] == "there is no rule refund any more"
        if "Praise" in shown["gained"]:
            assert shown["why"]["Praise"] == "`thanks` (rule thanks is new)"
    assert kinds.keys() >= {"Refund", "Praise"}


def test_show_says_it_in_words_with_the_set_of_then(topics: Topics) -> None:
    told = next(
        told for told in decided(topics.past) if "Refund" in told.tags and told.removed and not told.cut
    )
    lines = topics.run("show", told.thread.chat_id).stdout.splitlines()
    assert lines[0].startswith(f"Chat {told.thread.chat_id}, thread {told.thread.thread_id}, ended ")
    assert any(line.startswith("Decided ") for line in lines)
    assert any("Refund: `refund`, rule refund (rules.yaml:3), event E, 0..4" in line for line in lines)
    assert any(line.startswith(f"{told.removed[0]} was removed by a person, ") for line in lines)
    assert any(line == "− Refund: there is no rule refund any more" for line in lines)


def test_words_of_chats_are_shown_only_on_request(topics: Topics) -> None:
    for told in [told for told in decided(topics.past) if not told.cut][:3]:
        for form in ("text", "json"):
            assert MARK not in topics.run("show", told.thread.chat_id, "--format", form).output
        shown = topics.run("show", told.thread.chat_id, "--content").stdout
        assert shown.count(MARK) == len(told.texts)
    for form in ("text", "json", "csv", "markdown"):
        assert MARK not in topics.run("list", "--most", "1000", "--format", form).output


def test_a_chat_that_was_never_decided_is_told_as_such(topics: Topics) -> None:
    result = topics.run("show", "NOWHERE")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "There is no decision on NOWHERE" in result.stderr


def test_without_the_set_of_then_the_rest_is_shown(
    topics: Topics, kafka_embedded: AnyKafka, unique: str
) -> None:
    kafka_embedded.create_topic(unique, 1)
    told = decided(topics.past)[0]
    other = Topics(topics.past, {**topics.env, "KAFKA_KEYWORDS_TOPIC": unique}, topics.config)
    lines = other.run("show", told.thread.chat_id).stdout.splitlines()
    assert any(
        line.startswith("  The keyword set used then cannot be shown: it is not on ") for line in lines
    )
    assert any(line.startswith("Today, by set ") for line in lines)


def test_where_what_was_said_is_gone_today_is_not_known(
    topics: Topics, kafka_embedded: AnyKafka, unique: str
) -> None:
    kafka_embedded.create_topic(unique, 3)
    told = decided(topics.past)[0]
    made: dict[str, Any] = {
        "kind": "decision", "format": 1, **told.thread._asdict(), "tags": [], "because": [], "outcome": "no_match",
        "config": "x", "messages": 1, "topic": unique, "partition": 0, "offset": 5,
        "ended_at": "2026-11-01T10:00:00Z", "settled_at": "2026-11-01T10:00:01Z",
    }  # fmt: skip
    decisions = f"{unique}.decisions"
    kafka_embedded.create_topic(decisions, 1)
    asyncio.run(store(kafka_embedded, decisions, "x", orjson.dumps(made)))
    other = Topics(topics.past, {**topics.env, "KAFKA_DECISIONS_TOPIC": decisions}, topics.config)
    result = other.run("show", told.thread.chat_id)
    assert "What was said is no longer on Kafka." in result.stdout
    assert result.exit_code == 0
    assert json.loads(other.run("show", told.thread.chat_id, "--format", "json").stdout)["today"] is None


def test_a_topic_that_is_missing_is_told_with_what_to_do(topics: Topics) -> None:
    other = Topics(topics.past, {**topics.env, "KAFKA_DECISIONS_TOPIC": "nowhere"}, topics.config)
    result = other.run("list")
    assert result.exit_code == 2
    assert "Kafka has no topic nowhere" in result.stderr
