"""What was lost or given up, found again and tagged: `tagger reconcile` and `parked` as people run them."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement
from math import ceil
from pathlib import Path
from typing import Any, Final

import orjson
from click.testing import CliRunner

from tagger.__main__ import main
from tagger.kafka.reader import oldest_unfinished_ms
from tagger.simulator.livechat.account import Draft, Thread, User
from tagger.simulator.play.player import Played
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.leaks import leaks
from tagger.simulator.stage.service import OUR_PREFIXES
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

CHATS: Final = 40
AGO: Final = timedelta(minutes=30)  # what is played ended so long ago, and is thus not too recent to tell


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    lines: list[str]  # of stdout
    errors: str

    def json(self) -> list[Any]:
        return [orjson.loads(line) for line in self.lines]


async def tagger(stage: Stage, *arguments: str) -> Ran:
    """Run a command with the settings of the service; in a thread, as a Python of its own takes a second of CPU."""
    env = dict.fromkeys((name for name in os.environ if name.startswith(OUR_PREFIXES)), None)
    runner = CliRunner(env=env | stage.tagger.settings)
    done = await asyncio.to_thread(runner.invoke, main, arguments)
    assert leaks(done.stdout_bytes + done.stderr_bytes, stage.secrets()) == []
    return Ran(done.exit_code, done.stdout.splitlines(), done.stderr)


@asynccontextmanager
async def in_the_past(
    kafka: AnyKafka, unique: str, folder: Path, *, corrections: bool = False, **settings: str
) -> AsyncIterator[Stage]:
    async with a_stage(kafka, unique, folder, corrections=corrections, settings=settings) as stage:
        stage.livechat.now = lambda: datetime.now(UTC) - AGO
        yield stage


async def drained(stage: Stage) -> None:
    """Every end that was stored is settled, and its offset committed."""
    options, names = {"bootstrap_servers": stage.bootstrap}, stage.names

    async def finished() -> bool:
        return await oldest_unfinished_ms(options, names.webhooks, names.group) is None

    await until(finished)


def ended_after(stage: Stage, number: int) -> list[Played]:
    return [one for one in list(stage.player.played.values())[number:] if not one.thread.active]


async def test_what_ended_while_ingest_was_away_is_found_tagged_and_found_no_more(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka, unique, tmp_path) as stage:
        stage.livechat.sender.sending.retry_after_s = ()  # its minute of retries is over at once
        await stage.play(visits(7, CHATS))
        assert (await stage.settled(DEADLINE_S)).missing == ()
        before = len(stage.player.played)
        await stage.ingest.kill()
        await stage.play(visits(8, CHATS))
        lost = ended_after(stage, before)
        assert (
            sum(len(one.missing) for one in lost) == sum(len(one.conversation.expected) for one in lost) > 0
        )
        await drained(stage)

        told = await tagger(stage, "reconcile", "--since", "2h", "--dry-run", "--format", "json")
        assert told.code == 1
        *chats, report = told.json()
        assert {chat["thread_id"] for chat in chats} == {one.thread.id for one in lost}
        beforehand = re.findall(r"Comparing (\d+) chats of \S+ takes (\d+) API call", told.errors)
        assert sum(int(listed) for listed, _ in beforehand) == len(stage.player.played)
        assert all(int(calls) == ceil(int(listed) / 25) for listed, calls in beforehand)
        assert (report["missed"], report["repaired"], report["left"]) == (len(lost), 0, len(lost))
        assert stage.expected_vs_set().missing  # a dry run sets nothing

        repaired = await tagger(stage, "reconcile", "--since", "2h")
        assert repaired.code == 0, repaired
        assert f"{len(lost)} chats missed since " in repaired.lines[-2]
        assert f"{len(lost)} repaired, 0 left" in repaired.lines[-2]
        result = stage.expected_vs_set()
        assert (result.missing, result.wrong) == ((), ())

        again = await tagger(stage, "reconcile", "--since", "2h")
        assert again.code == 0
        assert again.lines[0].startswith("0 chats missed since ")


async def test_a_chat_that_lost_messages_is_completed(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path) as stage:
        stage.livechat.sender.sending.retry_after_s = ()
        organization = stage.organizations[0]
        customer = User(organization.new_uuid(), "customer", "Ann", "ann@example.com")
        agent = User("smith@example.com", "agent", "Smith", "smith@example.com")
        said = Draft("message", {"text": "hello"}, customer.id)
        thread = stage.livechat.start_chat(organization, (customer, agent), [said])
        assert await stage.livechat.sent(DEADLINE_S)
        await stage.ingest.kill()
        stage.livechat.add_event(thread, Draft("message", {"text": "I want a refund"}, customer.id))
        assert await stage.livechat.sent(DEADLINE_S)
        await stage.ingest.start()
        stage.livechat.deactivate(thread, customer.id)
        assert await stage.livechat.sent(DEADLINE_S)
        await drained(stage)
        assert thread.tags == []

        told = await tagger(stage, "reconcile", "--since", "2h", "--format", "json")
        short, report = told.json()
        assert (short["found"], short["thread_id"], short["outcome"]) == ("short", thread.id, "tagged")
        assert (told.code, report["short"], report["missed"], report["left"]) == (0, 1, 0, 0)
        assert thread.tags == short["tags"] == ["Refund"]


# Simulated minutes: ingest is stopped at the 10th and started at the 15th. A chat begins, its customer asks for
# a refund, and it ends, each before, within or after that.
STOPPED, STARTED, LAST = 10, 15, 20
TIMES: Final = tuple(combinations_with_replacement((8, 12, 17), 3))


async def test_five_minutes_without_ingest_cost_no_tag_wherever_in_a_chat_they_fall(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path) as stage:
        livechat, organization = stage.livechat, stage.organizations[0]
        livechat.sender.sending.retry_after_s = ()  # its minute of retries is over within the five
        threads: dict[tuple[int, ...], Thread] = {}
        at = began = datetime.now(UTC) - AGO
        livechat.now = lambda: at
        for minute in range(LAST):
            at = began + timedelta(minutes=minute)
            if minute == STOPPED:
                await stage.ingest.kill()
            if minute == STARTED:
                await stage.ingest.start()
            for times in TIMES:
                customer = User(f"customer-{times}", "customer", "Ann", "ann@example.com")
                if minute == times[0]:
                    hello = Draft("message", {"text": "hello"}, customer.id)
                    threads[times] = livechat.start_chat(organization, (customer,), [hello])
                if minute == times[1]:
                    said = Draft("message", {"text": "I want a refund"}, customer.id)
                    livechat.add_event(threads[times], said)
                if minute == times[2]:
                    livechat.deactivate(threads[times], customer.id)
            assert await livechat.sent(DEADLINE_S)
        await drained(stage)
        missed = {thread.id for times, thread in threads.items() if STOPPED <= times[2] < STARTED}
        short = {threads[8, 12, 17].id}  # both ends of it came, and not what was said between
        without = {thread.id for thread in threads.values() if not thread.tags}
        assert without == missed | short

        told = await tagger(stage, "reconcile", "--since", "2h", "--format", "json")
        *chats, report = told.json()
        assert {(chat["found"], chat["thread_id"]) for chat in chats} == {
            *(("missed", thread_id) for thread_id in missed),
            *(("short", thread_id) for thread_id in short),
        }
        assert (told.code, report["missed"], report["short"], report["left"]) == (0, len(missed), 1, 0)
        assert [thread.tags for thread in threads.values()] == [["Refund"]] * len(TIMES)


async def test_the_service_reconciles_by_itself(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path, TAGGER_RECONCILE_EVERY_S="1") as stage:
        stage.livechat.sender.sending.retry_after_s = ()
        await stage.ingest.kill()
        await stage.play(visits(9, 12))
        result = await stage.settled(DEADLINE_S)
        assert (result.missing, result.wrong) == ((), ())
        assert result.set == result.expected > 0


async def test_what_livechat_does_not_list_is_said_and_exit_code_2(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path) as stage:
        stage.livechat.access.revoke()
        told = await tagger(stage, "reconcile", "--since", "2h")
        assert told.code == 2
        assert told.errors.count("the token is invalid or expired") == len(stage.organizations)


async def test_a_parked_tag_is_set_once_it_exists_again(kafka: AnyKafka, unique: str, tmp_path: Path) -> None:
    async with in_the_past(kafka, unique, tmp_path) as stage:
        organizations = stage.organizations
        for organization in organizations:
            del organization.tags["refund"]
        await stage.play(visits(7, CHATS))
        without = [
            (one.thread.id, "Refund")
            for one in ended_after(stage, 0)
            if "Refund" in one.conversation.expected
        ]
        assert without
        await drained(stage)
        assert sorted(stage.expected_vs_set().missing) == sorted(without)

        listed = await tagger(stage, "parked", "list", "--format", "json")
        assert listed.code == 1
        (items,) = listed.json()
        assert sorted((item["thread_id"], item["tag"]) for item in items) == sorted(without)
        shown = await tagger(stage, "parked", "show", without[0][0])
        assert (shown.code, "tag          Refund" in shown.lines) == (0, True)

        in_vain = await tagger(stage, "parked", "retry")
        assert in_vain.code == 1
        assert in_vain.lines[-1] == f"0 of {len(without)} items done, {len(without)} still open"

        for organization in organizations:
            organization.create_tag("Refund", (0,), "owner@example.com", stage.livechat.now())
        done = await tagger(stage, "parked", "retry", "--error-type", items[0]["error_type"])
        assert done.code == 0
        assert done.lines == [f"{len(without)} of {len(without)} items done, 0 still open"]
        assert stage.expected_vs_set().missing == ()
        nothing = await tagger(stage, "parked", "list")
        assert (nothing.code, nothing.lines) == (0, ["nothing is open"])
