"""The service ran with one keyword set, then with another: what was decided then is told with the words of then."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from click.testing import CliRunner

from tagger.__main__ import main
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.simulator.livechat.account import Thread
from tagger.simulator.stage.stage import Stage
from tests.integration.test_corrections import CUSTOMER, said, told
from tests.integration.test_repair import drained, tagger
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

RULES = "version: 1\nrules:\n  - {{id: money, tag: Refund, any: [{0}]}}\n"
BEFORE, AFTER = RULES.format("bread"), RULES.format("butter")
WORDS = "bread and butter"


def hash_of(text: str) -> str:
    rules = parse({"rules.yaml": text.encode()})
    assert isinstance(rules, RuleSet)
    return rules.hash


OLD, NEW = hash_of(BEFORE), hash_of(AFTER)


@dataclass
class Scene:
    stage: Stage
    config: Path
    first: Thread  # decided by the set of before
    second: Thread  # by that of after

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        ran = await tagger(self.stage, *arguments)
        return ran.code, "\n".join(ran.lines), ran.errors


async def a_chat(stage: Stage, text: str = WORDS, chat_id: str | None = None) -> Thread:
    thread = stage.livechat.start_chat(stage.organizations[0], (CUSTOMER,), [said(text)], chat_id=chat_id)
    stage.livechat.deactivate(thread)
    await told(stage, kind="decision", thread_id=thread.id)
    return thread


@asynccontextmanager
async def two_sets(kafka: AnyKafka, unique: str, folder: Path) -> AsyncIterator[Scene]:
    config = folder / "config"
    config.mkdir()
    rules = config / "rules.yaml"
    rules.write_text(BEFORE)
    async with a_stage(kafka, unique, folder, settings={"TAGGER_CONFIG": str(config)}) as stage:
        first = await a_chat(stage)
        await drained(stage)
        await stage.tagger.stop()
        rules.write_text(AFTER)
        await stage.tagger.start()
        second = await a_chat(stage)
        await drained(stage)
        rules.write_text("version: 1\nrules: [{id: broken}]\n")  # of today; nobody needs it for the past
        yield Scene(stage, config, first, second)


async def test_each_decision_is_told_with_its_set(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with two_sets(kafka_embedded, unique, tmp_path) as scene:
        for thread, keyword, name in ((scene.first, "bread", OLD), (scene.second, "butter", NEW)):
            code, out, err = await scene.run("explain", "--chat", thread.chat.id, "--as-of-decision")
            assert (code, err) == (0, "")
            title, words, carets = out.splitlines()
            assert title.startswith(
                f"Chat {thread.chat.id}, thread {thread.id}: tags: Refund   (config {name}, tagged "
            )
            assert words.endswith(WORDS)
            assert carets.split() == [
                "^" * len(keyword),
                keyword,
                "→",
                "Refund",
                "[rule",
                "money,",
                "rules.yaml:3]",
            ]
            code, out, _ = await scene.run(
                "explain", "--chat", thread.id, "--as-of-decision", "--format", "json"
            )
            (one,) = map(json.loads, out.splitlines())
            assert (code, one["config"], one["set_missing"]) == (0, name, None)
            assert [each["keyword"] for each in one["because"]] == [keyword]
            assert one["decided"]["because"][0]["keyword"] == keyword
        assert not [
            call for call in scene.stage.livechat.calls if call.method in {"get_chat", "list_threads"}
        ]

        (scene.config / "rules.yaml").write_text(AFTER)
        code, out, _ = await scene.run("decisions", "show", scene.first.chat.id)
        assert (code, f"by set {OLD}: tagged, Refund" in out, f"Today, by set {NEW}: Refund" in out) == (
            0,
            True,
            True,
        )
        then, today = [line for line in out.splitlines() if line.startswith("  Refund: ")]
        assert "`bread`, rule money (rules.yaml:3)" in then
        assert "`butter`, rule money (rules.yaml:3)" in today

        (scene.config / "rules.yaml").write_text(RULES.format("jam"))
        code, out, _ = await scene.run("decisions", "show", scene.first.chat.id)
        assert (code, "− Refund: " in out) == (1, True)
        for against, keyword in ((OLD, "bread"), (NEW, "butter")):
            code, out, _ = await scene.run("backtest", "--against", against)
            assert code == 0
            assert out.startswith(
                f"2 chats of 7 days, from {scene.stage.names.webhooks}. Old {against}, new "
            )
            assert f"Refund −2: all by `{keyword}` (rule money):" in out


async def test_a_late_message_is_explained_as_what_was_decided_then(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """The first decision knows nothing of what came later; the second one does, and was made by the other set."""
    async with two_sets(kafka_embedded, unique, tmp_path) as scene:
        stage = scene.stage
        stage.livechat.add_event(scene.first, said("butter again"))
        await told(stage, 2, kind="decision", thread_id=scene.first.id)
        third = await a_chat(stage, "nothing", scene.first.chat.id)
        code, out, err = await scene.run("explain", "--chat", scene.first.chat.id, "--as-of-decision")
        assert (code, f"thread {third.id}: tags: none" in out) == (0, True)
        assert (
            err
            == f"The chat has several threads; this one ended last. Others, for --thread: {scene.first.id}.\n"
        )
        asked = ("explain", "--chat", scene.first.chat.id, "--thread", scene.first.id, "--as-of-decision")
        code, out, err = await scene.run(*asked)
        earlier, later = out.split("\n\n")
        assert (code, err) == (0, "")
        assert (f"config {OLD}, tagged " in earlier, "again" in earlier) == (True, False)
        assert (f"config {NEW}, " in later, "butter again" in later) == (True, True)
        code, out, _ = await scene.run(*asked, "--format", "json")
        assert [json.loads(line)["decided"]["config"] for line in out.splitlines()] == [OLD, NEW]


async def test_what_is_gone_is_made_up_for_as_far_as_possible_and_said(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with two_sets(kafka_embedded, unique, tmp_path) as scene:
        stage, asked = scene.stage, ("explain", "--chat", scene.first.chat.id, "--as-of-decision")
        await overwrite(stage, OLD)
        code, out, _ = await scene.run(*asked)
        assert (code, "The keyword set used then cannot be had: its record is " in out) == (0, True)
        assert "bread → Refund  [rule money]" in out
        assert "butter →" not in out
        code, out, _ = await scene.run(*asked, "--format", "json")
        one = json.loads(out)
        assert (code, one["tags"], one["set_missing"].startswith("its record is ")) == (0, ["Refund"], True)

        for partition in range(3):
            ends = await end_of(stage, partition)
            if ends:
                kafka_embedded.delete_records(stage.names.webhooks, partition, ends)
        code, out, err = await scene.run(*asked)
        assert (code, "LiveChat is asked for the chat as it is now" in err) == (0, True)
        assert "bread → Refund  [rule money]" in out
        assert [call.method for call in stage.livechat.calls][-1] == "get_chat"
        code, out, err = await scene.run("explain", "--chat", "NOWHERE", "--as-of-decision")
        assert (code, out, "There is no decision on NOWHERE on " in err) == (2, "", True)


async def overwrite(stage: Stage, name: str) -> None:
    """Damage the record of a set."""
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap)
    await producer.start()
    await producer.send_and_wait(stage.names.keywords, b"damaged", key=name.encode(), partition=0)
    await producer.stop()


async def end_of(stage: Stage, partition: int) -> int:
    reader = AIOKafkaConsumer(bootstrap_servers=stage.bootstrap)
    await reader.start()
    try:
        tp = TopicPartition(stage.names.webhooks, partition)
        return int((await reader.end_offsets([tp]))[tp])
    finally:
        await reader.stop()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("hello", "--as-of-decision"), "--as-of-decision needs --chat."),
        (
            ("--chat", "C", "--as-of-decision", "--at", "2026-11-01"),
            "--at has no meaning with --as-of-decision",
        ),
        (("--chat", "C", "--as-of-decision", "--group", "1"), "--group has no meaning with --as-of-decision"),
        (
            ("--chat", "C", "--as-of-decision", "--config", "x"),
            "--config has no meaning with --as-of-decision",
        ),
    ],
)
def test_what_has_no_meaning_for_the_past_is_a_usage_error(arguments: tuple[str, ...], text: str) -> None:
    result = CliRunner().invoke(main, ["explain", *arguments])
    assert (result.exit_code, text in result.stderr) == (2, True)


def test_without_kafka_it_says_what_to_do(tmp_path: Path) -> None:
    env = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    result = CliRunner().invoke(main, ["explain", "--chat", "C", "--as-of-decision"], env=env)
    assert (result.exit_code, result.stdout, "Kafka cannot be reached" in result.stderr) == (2, "", True)
