"""A tag that a person removed stays removed: over late messages, restarts, reconcile and parked retry."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tagger.simulator.livechat.account import Draft, Thread, User
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S, until
from tests.integration.test_repair import drained, in_the_past, tagger
from tests.integration.watch import everything_on, figures
from tests.kafka.kafka import AnyKafka
from tests.stage import a_stage

CUSTOMER = User("7f0c5b92-customer", "customer", "Ann", "ann@example.com")


def said(text: str) -> Draft:
    return Draft("message", {"text": text}, CUSTOMER.id)


async def records(stage: Stage, **fields: Any) -> list[dict[str, Any]]:
    """What is on the topic of decisions and has these fields."""
    values = [orjson.loads(value) for value in await everything_on(stage.bootstrap, stage.names.decisions)]
    return [one for one in values if fields.items() <= one.items()]


async def told(stage: Stage, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Wait for so many records that have these fields."""

    async def there() -> bool:
        return len(await records(stage, **fields)) >= count

    await until(there)
    return await records(stage, **fields)


@asynccontextmanager
async def a_tag_removed(
    kafka: AnyKafka, unique: str, folder: Path, **settings: str
) -> AsyncIterator[tuple[Stage, Thread]]:
    """A chat that was tagged, and whose tag a person removed."""
    async with in_the_past(kafka, unique, folder, corrections=True, **settings) as stage:
        livechat = stage.livechat
        thread = livechat.start_chat(stage.organizations[0], (CUSTOMER,), [said("I want a refund")])
        livechat.deactivate(thread)
        await until(lambda: thread.tags == ["Refund"])
        await told(stage, kind="decision", thread_id=thread.id)
        livechat.untag(thread, "Refund")
        (record,) = await told(stage, kind="correction", thread_id=thread.id)
        assert (record["change"], record["tag"]) == ("removed", "Refund")
        await drained(stage)
        yield stage, thread
        assert thread.tags == []
        calls = [
            call for call in livechat.calls if (call.method, call.thread_id) == ("tag_thread", thread.id)
        ]
        assert [call.tag for call in calls] == ["Refund"]


async def test_a_late_message_sets_it_not_again_before_or_after_a_restart(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_tag_removed(kafka, unique, tmp_path) as (stage, thread):
        for number in (1, 2):
            stage.livechat.add_event(thread, said("my refund!"))
            decisions = await told(stage, number + 1, kind="decision", thread_id=thread.id)
            assert (decisions[-1]["outcome"], decisions[-1]["held_back"]) == ("tagged", ["Refund"])
            await stage.tagger.kill()
            await stage.tagger.start()
        await drained(stage)


async def test_a_message_that_comes_after_a_restart_and_the_linger_time_sets_it_not_again(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """Nothing of the thread is read any more: what the person did is on the topic of decisions alone."""
    async with a_tag_removed(kafka, unique, tmp_path, TAGGER_LINGER_S="0") as (stage, thread):
        await stage.tagger.kill()
        await stage.tagger.start()
        stage.livechat.add_event(thread, said("my refund!"))
        stage.livechat.deactivate(thread)
        decisions = await told(stage, 2, kind="decision", thread_id=thread.id)
        assert (decisions[-1]["source"], decisions[-1]["held_back"]) == ("api", ["Refund"])
        assert (await figures(stage.tagger, result="done"))["tagger_recalls_total"] > 0
        await drained(stage)


async def test_a_crash_before_the_commit_sets_it_not_again(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """A chat that LiveChat does not answer for holds the offset below, so the others are settled a second time."""
    async with in_the_past(kafka_embedded, unique, tmp_path, corrections=True) as stage:
        livechat, organization = stage.livechat, stage.organizations[0]
        livechat.faults.append(Fault("service_unavailable", method="tag_thread", tag="Damaged item"))
        stuck = livechat.start_chat(organization, (CUSTOMER,), [said("it is broken")])
        livechat.deactivate(stuck)
        again = [said("I want a refund")]  # in the same chat, and therefore in the same partition
        thread = livechat.start_chat(organization, (CUSTOMER,), again, chat_id=stuck.chat.id)
        livechat.deactivate(thread)
        await until(lambda: thread.tags == ["Refund"])
        await told(stage, kind="decision", thread_id=thread.id)
        livechat.untag(thread, "Refund")
        await told(stage, kind="correction", thread_id=thread.id, change="removed")
        await stage.tagger.kill()
        livechat.faults.clear()
        await stage.tagger.start()
        await drained(stage)
        assert (stuck.tags, thread.tags) == (["Damaged item"], [])
        assert [call.tag for call in livechat.calls if call.thread_id == thread.id] == ["Refund"]
        decisions = await records(stage, kind="decision", thread_id=thread.id)
        assert [one["held_back"] for one in decisions] == [[], ["Refund"]]


async def test_reconcile_sets_it_not_again(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> None:
    async with a_tag_removed(kafka_embedded, unique, tmp_path) as (stage, thread):
        stage.livechat.sender.sending.retry_after_s = ()
        await stage.ingest.kill()
        stage.livechat.add_event(thread, said("my refund!"))
        assert await stage.livechat.sent(DEADLINE_S)
        done = await tagger(stage, "reconcile", "--since", "2h", "--format", "json")
        short, report = done.json()
        assert (short["found"], short["thread_id"], report["left"]) == ("short", thread.id, 0)
        (decision,) = await records(stage, kind="decision", thread_id=thread.id, source="api")
        assert decision["held_back"] == ["Refund"]


async def test_reconcile_knows_what_the_service_has_not_recorded_yet(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """The service is down: what a person removes now is on the topic of webhooks alone."""
    async with a_tag_removed(kafka_embedded, unique, tmp_path) as (stage, _):
        livechat = stage.livechat
        livechat.sender.sending.retry_after_s = ()
        await stage.ingest.kill()
        lost = livechat.start_chat(stage.organizations[0], (CUSTOMER,), [said("I want a refund")])
        livechat.deactivate(lost)
        assert await livechat.sent(DEADLINE_S)
        await stage.tagger.stop()
        await stage.ingest.start()
        livechat.tag(lost, "Refund")
        livechat.untag(lost, "Refund")
        assert await livechat.sent(DEADLINE_S)
        livechat.now = lambda: datetime.now(UTC)  # what is not finished is younger than what was lost
        done = await tagger(stage, "reconcile", "--since", "2h", "--format", "json")
        missed, report = done.json()
        assert (missed["found"], missed["thread_id"], report["left"]) == ("missed", lost.id, 0), done
        (decision,) = await records(stage, kind="decision", thread_id=lost.id)
        assert (decision["held_back"], lost.tags) == (["Refund"], [])


async def test_parked_retry_knows_what_the_service_has_not_recorded_yet(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path, corrections=True) as stage:
        livechat, organization = stage.livechat, stage.organizations[0]
        tag = organization.tags.pop("refund")
        thread = livechat.start_chat(organization, (CUSTOMER,), [said("I want a refund")])
        livechat.deactivate(thread)
        await told(stage, kind="decision", thread_id=thread.id, outcome="parked")
        await drained(stage)
        await stage.tagger.stop()
        organization.tags["refund"] = tag
        livechat.tag(thread, "Refund")
        livechat.untag(thread, "Refund")
        assert await livechat.sent(DEADLINE_S)
        done = await tagger(stage, "parked", "retry")
        assert (done.code, done.lines[-1]) == (0, "1 of 1 item done, 0 still open")
        assert "closed: a person removed this tag" in done.lines[0]
        assert (thread.tags, await records(stage, kind="correction")) == ([], [])


async def test_parked_retry_of_a_chat_that_was_not_given_sets_it_not_again(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    """Its beginning was lost, and LiveChat refused it when it ended."""
    async with in_the_past(kafka_embedded, unique, tmp_path, corrections=True) as stage:
        livechat = stage.livechat
        livechat.sender.sending.retry_after_s = ()
        await stage.ingest.kill()
        thread = livechat.start_chat(stage.organizations[0], (CUSTOMER,), [said("I want a refund")])
        assert await livechat.sent(DEADLINE_S)
        await stage.ingest.start()
        livechat.faults.append(Fault("authorization", method="get_chat"))
        livechat.deactivate(thread)
        await told(stage, kind="decision", thread_id=thread.id, outcome="partial")
        livechat.faults.clear()
        livechat.tag(thread, "Refund")
        livechat.untag(thread, "Refund")
        await told(stage, kind="correction", thread_id=thread.id, change="removed")
        done = await tagger(stage, "parked", "retry")
        assert (done.code, done.lines[-1]) == (0, "1 of 1 item done, 0 still open")
        decisions = await records(stage, kind="decision", thread_id=thread.id)
        assert (decisions[-1]["tags"], decisions[-1]["held_back"]) == (["Refund"], ["Refund"])
        assert thread.tags == []


async def test_parked_retry_sets_it_not_again(kafka_embedded: AnyKafka, unique: str, tmp_path: Path) -> None:
    async with in_the_past(kafka_embedded, unique, tmp_path, corrections=True) as stage:
        livechat, organization = stage.livechat, stage.organizations[0]
        tag = organization.tags.pop("refund")
        thread = livechat.start_chat(organization, (CUSTOMER,), [said("I want a refund")])
        livechat.deactivate(thread)
        await told(stage, kind="decision", thread_id=thread.id, outcome="parked")
        organization.tags["refund"] = tag
        livechat.tag(thread, "Refund")
        livechat.untag(thread, "Refund")
        await told(stage, kind="correction", thread_id=thread.id, change="removed")
        done = await tagger(stage, "parked", "retry")
        assert (done.code, done.lines[-1]) == (0, "1 of 1 item done, 0 still open")
        assert "closed: a person removed this tag" in done.lines[0]
        assert thread.tags == []


async def test_what_people_correct_is_recorded_and_what_we_set_is_not(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_stage(kafka_embedded, unique, tmp_path, corrections=True) as stage:
        await stage.play(visits(7, 40))
        result = await stage.settled(DEADLINE_S)
        assert (result.missing, result.wrong) == ((), ())
        await drained(stage)
        played = stage.player.played.values()
        expected = {
            *(("added", one.thread.id, tag) for one in played for tag in one.added),
            *(("removed", one.thread.id, tag) for one in played for tag in one.removed),
        }
        found = await records(stage, kind="correction")
        assert {(one["change"], one["thread_id"], one["tag"]) for one in found} == expected
        assert {change for change, _, _ in expected} == {"added", "removed"}
