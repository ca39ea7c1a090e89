"""`tagger retag` as people run it: a plan, read and edited, applied, killed, applied again; people's tags untouched."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tagger.recovery import retag
from tagger.simulator.livechat.account import Thread
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.integration.test_corrections import CUSTOMER, records, said, told
from tests.integration.test_repair import Ran, drained, in_the_past, tagger
from tests.kafka.kafka import AnyKafka

BEFORE: Final = """version: 1
rules:
  - {id: refund, tag: Refund, any: [refund]}
  - {id: upset, tag: Upset, any: [angry]}
"""
AFTER: Final = BEFORE + "  - {id: broken, tag: Damaged item, any: [broken]}\n"
TAGS: Final = ("Refund", "Upset", "Refund request")


@dataclass
class Scene:
    """A stage whose service decides by `BEFORE`, and chats that it decided on."""

    stage: Stage
    folder: Path
    chats: dict[str, Thread] = field(default_factory=dict)  # by name

    async def chat(self, name: str, *texts: str) -> Thread:
        """A chat that ended and was decided on."""
        thread = self.stage.livechat.start_chat(self.stage.organizations[0], (CUSTOMER,), [*map(said, texts)])
        self.stage.livechat.deactivate(thread)
        await told(self.stage, kind="decision", thread_id=thread.id)
        self.chats[name] = thread
        return thread

    async def plan(self, rules: str, *options: str) -> tuple[Ran, Path]:
        """Make a plan by other keyword files than those in force."""
        config = self.folder / "today"
        config.mkdir(exist_ok=True)
        (config / "rules.yaml").write_text(rules)
        done = await tagger(self.stage, "retag", "--config", str(config), *options)
        return done, newest()

    async def apply(self, plan: Path, *options: str) -> Ran:
        return await tagger(self.stage, "retag", "--apply", str(plan), *options)

    def tags(self, *names: str) -> list[list[str]]:
        return [sorted(self.chats[name].tags) for name in names or self.chats]

    def calls(self, method: str) -> list[tuple[str | None, str | None]]:
        return [(call.thread_id, call.tag) for call in self.stage.livechat.calls if call.method == method]


@asynccontextmanager
async def a_past(
    kafka: AnyKafka, unique: str, folder: Path, *, corrections: bool = True
) -> AsyncIterator[Scene]:
    config = folder / "before"
    config.mkdir()
    (config / "rules.yaml").write_text(BEFORE)
    async with in_the_past(
        kafka, unique, folder, corrections=corrections, TAGGER_CONFIG=str(config)
    ) as stage:
        for name in TAGS:
            stage.organizations[0].create_tag(name, (0,), "owner@example.com", stage.livechat.now())
        yield Scene(stage, folder)


def newest() -> Path:
    """The newest plan in the current folder."""
    return max(Path().glob("retag-*.ndjson"), key=lambda path: path.stat().st_mtime_ns, default=Path())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(plan: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in plan.read_bytes().splitlines()]


async def test_tags_that_rules_call_for_now_are_set_and_those_they_no_longer_call_for_removed(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        stage, livechat = scene.stage, scene.stage.livechat
        await scene.chat("new", "it is broken")
        await scene.chat("stale", "I am angry, a refund please")
        by_hand = await scene.chat("by hand", "thanks, angry bird")
        removed = await scene.chat("removed", "broken and angry")
        livechat.tag(by_hand, "Refund")
        livechat.untag(removed, "Upset")
        await told(stage, 2, kind="correction")
        rules = AFTER.replace("[angry]", "[furious]")
        done, plan = await scene.plan(rules, "--remove")
        assert done.code == 0, done.errors
        assert (
            "2 tags to set and 2 tags to remove in 4 chats; 1 not touched (set or removed by people)"
            in done.lines[0]
        )
        assert "4 API calls, less than $0.01" in done.lines[-1]
        assert "broken and" not in plan.read_text()
        assert scene.calls("untag_thread") == []

        applied = await scene.apply(plan)
        assert applied.code == 0, applied.errors
        assert applied.lines[0].startswith("4 chats: 4 retagged (2 tags set and 2 tags removed).")
        assert scene.tags() == [["Damaged item"], ["Refund"], ["Refund"], ["Damaged item"]]
        (record,) = await records(stage, outcome="retagged", thread_id=scene.chats["stale"].id)
        assert (record["tags"], record["untagged"], record["held_back"]) == (["Refund"], ["Upset"], [])
        assert [reason["rule"] for reason in record["because"]] == ["refund"]

        again = await scene.apply(plan)
        assert (again.code, again.lines[0]) == (0, "4 chats: 0 retagged, 4 with nothing to do.")
        assert len(scene.calls("untag_thread")) == 2
        done, _ = await scene.plan(rules, "--remove")
        assert done.lines[0].startswith("Nothing to retag: 4 chats of 7 days")


async def test_our_own_removals_are_not_taken_for_peoples(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """The service records them as it records everybody's; who reads the topic knows them by the decision."""
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        thread = await scene.chat("upset", "I am angry")
        _, plan = await scene.plan(BEFORE, "--undo", "upset")
        assert (await scene.apply(plan)).code == 0
        await told(scene.stage, kind="correction", thread_id=thread.id)
        await drained(scene.stage)
        listed = await tagger(scene.stage, "decisions", "list", "--format", "json")
        (one, *_) = listed.json()
        assert (one["outcome"], one["tags"], one["untagged"], one["corrections"]) == (
            "retagged",
            [],
            ["Upset"],
            [],
        )
        # A late message sets it not again, nor does another retag by the same rule; one by a new rule does.
        scene.stage.livechat.add_event(thread, said("very angry!"))
        await told(scene.stage, 3, kind="decision", thread_id=thread.id)
        assert thread.tags == []
        done, _ = await scene.plan(BEFORE)
        assert "1 not touched (removed on purpose by an earlier retag)" in done.lines[0]
        rules = BEFORE + "  - {id: very-upset, tag: Upset, any: [very angry]}\n"
        done, plan = await scene.plan(rules)
        assert "1 tag to set in 1 chat" in done.lines[0]
        assert (await scene.apply(plan)).code == 0
        assert thread.tags == ["Upset"]


async def test_undo_leaves_alone_what_another_rule_called_for_or_people_touched(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        both = BEFORE + "  - {id: cross, tag: Upset, any: [cross]}\n"
        (tmp_path / "before" / "rules.yaml").write_text(both)
        await scene.stage.tagger.kill()
        await scene.stage.tagger.start()
        await scene.chat("alone", "angry")
        await scene.chat("shared", "angry and cross")
        touched = await scene.chat("touched", "angry")
        scene.stage.livechat.untag(touched, "Upset")
        await told(scene.stage, kind="correction")
        scene.stage.livechat.tag(touched, "Upset")
        done, plan = await scene.plan(both, "--undo", "upset")
        assert (
            "1 tag to remove in 1 chat; 2 not touched (1 set or removed by people, 1 also called for by another rule)"
            in done.lines[0]
        )
        assert "Rule upset is still in force" in done.errors
        assert (await scene.apply(plan)).code == 0
        assert scene.tags() == [[], ["Upset"], ["Upset"]]


async def test_a_renamed_tag_keeps_its_reason(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        thread = await scene.chat("refund", "a refund, and I am angry")
        by_hand = await scene.chat("by hand", "thanks")
        scene.stage.livechat.tag(by_hand, "Refund")
        rules = BEFORE.replace("tag: Refund,", "tag: Refund request,")
        done, plan = await scene.plan(rules, "--rename", "Refund=Refund request")
        assert "1 tag to set and 1 tag to remove in 1 chat" in done.lines[0]
        assert (await scene.apply(plan)).code == 0
        assert scene.tags() == [["Refund request", "Upset"], ["Refund"]]
        (record,) = await records(scene.stage, outcome="retagged", thread_id=thread.id)
        assert record["tags"] == ["Refund request", "Upset"]
        reasons = {reason["tag"]: (reason["rule"], reason["keyword"]) for reason in record["because"]}
        assert reasons == {"Refund request": ("refund", "refund"), "Upset": ("upset", "angry")}


async def test_a_new_name_that_is_refused_keeps_its_old_tag_only(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        await scene.chat("both", "a refund, and I am angry")
        stage = scene.stage
        stage.organizations[0].create_tag("Furious", (0,), "owner@example.com", stage.livechat.now())
        names = ("--rename", "Refund=Refund request", "--rename", "Upset=Furious")
        _, plan = await scene.plan(BEFORE, *names)
        stage.livechat.faults.append(Fault("authorization", method="tag_thread", tag="Furious"))
        done = await scene.apply(plan)
        assert done.code == 1
        assert scene.tags() == [["Refund request", "Upset"]]
        stage.livechat.faults.clear()
        assert (await scene.apply(plan)).code == 0
        assert scene.tags() == [["Furious", "Refund request"]]


async def test_a_rule_on_trial_sets_nothing_back(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """`--undo` removed the tag; then only a rule on trial calls for it newly."""
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        await scene.chat("upset", "angry and cross")
        _, plan = await scene.plan(BEFORE, "--undo", "upset")
        assert (await scene.apply(plan)).code == 0
        trial = BEFORE + "  - {id: cross, tag: Upset, any: [cross], dry_run: true}\n"
        done, _ = await scene.plan(trial)
        assert "Nothing to retag: 1 chat of 7 days" in done.lines[0]
        done, _ = await scene.plan(trial.replace(", dry_run: true", ""))
        assert "1 tag to set in 1 chat" in done.lines[0]


@pytest.mark.parametrize("corrections", [False, True])
async def test_a_plan_edited_and_killed_in_the_middle_goes_on_where_it_stopped(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, corrections: bool
) -> None:
    """Where LiveChat tells of tags, those of the few chats under way at the kill are taken for people's."""
    async with a_past(kafka_embedded, unique, tmp_path, corrections=corrections) as scene:
        for number in range(14):
            await scene.chat(f"{number}", "it is broken")
        done, plan = await scene.plan(AFTER)
        assert "14 tags to set in 14 chats" in done.lines[0]
        head, *changes = plan.read_bytes().splitlines(keepends=True)
        left_alone = {orjson.loads(line)["thread_id"] for line in changes[:2]}
        plan.write_bytes(b"".join([head, b"\n", *changes[2:]]))

        scene.stage.livechat.faults.append(Fault(delay_s=0.5, method="tag_thread"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tagger", "retag", "--apply", str(plan)),
            env=os.environ | scene.stage.tagger.settings,
        )
        recorded = {one["thread_id"] for one in await told(scene.stage, 2, outcome="retagged")}
        process.kill()
        await process.wait()
        await until(lambda: not any(scene.stage.livechat.in_flight.values()))
        recorded |= {one["thread_id"] for one in await records(scene.stage, outcome="retagged")}
        scene.stage.livechat.faults.clear()
        before = len(scene.calls("tag_thread"))

        finished = await scene.apply(plan)
        assert finished.code == 0, finished.errors
        again = [thread for thread, _ in scene.calls("tag_thread")[before:]]
        assert len(again) == len(set(again))
        assert not recorded & set(again)
        assert [thread.tags for thread in scene.chats.values()] == [
            [] if thread.id in left_alone else ["Damaged item"] for thread in scene.chats.values()
        ]
        retagged = [one["thread_id"] for one in await records(scene.stage, outcome="retagged")]
        assert len(retagged) == len(set(retagged)) >= 12 - (retag.AT_ONCE if corrections else 0)


async def test_ctrl_c_ends_with_what_is_done_and_how_to_go_on(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        for number in range(14):
            await scene.chat(f"{number}", "it is broken")
        _, plan = await scene.plan(AFTER)
        # Four go at once, so a process that is told late has ten more seconds before it is through.
        scene.stage.livechat.faults.append(Fault(delay_s=4.0, method="tag_thread"))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tagger", "retag", "--apply", str(plan)),
            env=os.environ | scene.stage.tagger.settings,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            await told(scene.stage, 2, outcome="retagged")
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(DEADLINE_S):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        first, *_, last = output.decode().splitlines()
        retagged = await records(scene.stage, outcome="retagged")
        tagged = [thread for thread in scene.chats.values() if thread.tags]
        assert 2 <= len(tagged) == len(retagged) < 14
        assert (
            first
            == f"14 chats: {len(retagged)} retagged ({len(retagged)} tags set), {14 - len(retagged)} left."
        )
        assert last == f"Stopped. Go on with: tagger retag --apply {plan}"
        assert process.returncode == 1


async def test_what_livechat_refuses_is_named_and_the_rest_is_done(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        good, gone = await scene.chat("good", "it is broken"), await scene.chat("gone", "broken")
        refused = await scene.chat("refused", "broken, angry")
        absent = await scene.chat("absent", "angry")
        _, plan = await scene.plan(AFTER.replace("[angry]", "[furious]"), "--remove")
        organization = scene.stage.organizations[0]
        del organization.chats[gone.chat.id]
        scene.stage.livechat.faults.append(
            Fault("authorization", method="tag_thread", chat_id=refused.chat.id)
        )
        absent.tags.clear()  # and no webhook told of it
        done = await scene.apply(plan, "--format", "json")
        *chats, report = done.json()
        assert done.code == 1
        results = {one["thread_id"]: one["result"] for one in chats}
        assert results == {
            good.id: "retagged",
            gone.id: "refused",
            refused.id: "refused",
            absent.id: "retagged",
        }
        assert (report["set"], report["removed"], report["gone"], report["refused"], report["left"]) == (
            1,
            1,
            1,
            2,
            0,
        )
        assert scene.tags() == [["Damaged item"], [], [], []]
        (record,) = await records(scene.stage, outcome="retagged", thread_id=refused.id)
        assert (record["tags"], record["untagged"]) == ([], ["Upset"])
        scene.stage.livechat.faults.clear()
        again = await scene.apply(plan)
        assert again.code == 1
        assert any("does not exist" in line and gone.id in line for line in again.lines)
        assert scene.tags("refused") == [["Damaged item"]]


async def test_an_outage_leaves_the_rest_for_the_next_time(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retag, "TRIES", 1)
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        for number in range(3):
            await scene.chat(f"{number}", "it is broken")
        _, plan = await scene.plan(AFTER)
        scene.stage.livechat.faults.append(Fault("service_unavailable", method="tag_thread"))
        done = await scene.apply(plan)
        assert (done.code, scene.tags()) == (1, [[], [], []])
        assert "3 left" in done.lines[0]
        assert done.lines[-1] == f"Try the rest again with: tagger retag --apply {plan}"
        scene.stage.livechat.faults.clear()
        assert (await scene.apply(plan)).code == 0
        assert scene.tags() == [["Damaged item"]] * 3


async def test_two_that_apply_the_same_plan_at_once_do_it_once(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        await scene.chat("one", "it is broken")
        _, plan = await scene.plan(AFTER)
        livechat = scene.stage.livechat
        livechat.faults.append(Fault(delay_s=1.0, method="tag_thread"))
        before = len(scene.calls("tag_thread"))
        first = asyncio.create_task(scene.apply(plan))
        await until(lambda: livechat.in_flight[scene.stage.organizations[0].id] > 0)
        second = await scene.apply(plan)
        assert second.code == 2
        assert "is being applied by another process" in second.errors
        assert (await first).code == 0
        assert len(scene.calls("tag_thread")) == before + 1


async def test_mistakes_in_a_plan_are_all_told_and_nothing_is_done(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_past(kafka_embedded, unique, tmp_path) as scene:
        await scene.chat("one", "it is broken")
        _, plan = await scene.plan(AFTER)
        (_, line) = plan.read_bytes().splitlines()
        changed = line.replace(b'"set":["Damaged item"]', b'"set":["Damaged item","VIP"]')
        plan.write_bytes(plan.read_bytes() + b"oops\n" + changed + b"\n" + line + b"\n")
        done = await scene.apply(plan)
        assert done.code == 2
        assert [error.partition(": ")[0] for error in done.errors.splitlines()[:3]] == [
            f"{plan}:{number}" for number in (3, 4, 5)
        ]
        assert done.errors.endswith("Nothing was done.\n")
        assert scene.tags() == [[]]
