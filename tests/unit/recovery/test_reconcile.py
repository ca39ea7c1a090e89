"""Archives compared with decisions and repaired, on the embedded broker, with a simulated LiveChat."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import orjson
import pytest
from aiokafka.errors import KafkaConnectionError

from ingest.runtime.clock import now_ms
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decider, Decision
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Outcome, Source
from tagger.core.records.missed import Look, Window
from tagger.kafka.producer import Producer
from tagger.kafka.reader import read_topic
from tagger.keyword_files.reload import build
from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.recovery import reconcile
from tagger.recovery.reconcile import Reconcile, Report, Watch
from tagger.service import settle
from tagger.service.settle import Settle
from tagger.settings import RunSettings
from tagger.simulator.livechat.account import Draft, Organization, Thread, User
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.livechat.server import SimulatedLiveChat
from tagger.simulator.stage.broker import EmbeddedBroker
from tests.deadline import until

RULES = b"version: 1\nrules:\n  - {id: r, tag: Refund, any: [refund], tests: [absent: hello]}\n"
HOUR = 3_600_000
AGO = timedelta(minutes=30)


@dataclass
class Scene(Watch):
    """One organization whose webhooks go nowhere, one credential, and topics of their own."""

    livechat: SimulatedLiveChat
    organization: Organization
    kafka: RunSettings
    reconcile: Reconcile
    producer: Producer
    told: list[tuple[str, Outcome | None]] = field(default_factory=list)
    ago: timedelta = AGO

    def chat(self, text: str) -> Thread:
        """A chat that ended so long ago."""
        customer = User(self.organization.new_uuid(), "customer", "Ann", "ann@example.com")
        thread = self.livechat.start_chat(
            self.organization, (customer,), [Draft("message", {"text": text}, customer.id)]
        )
        self.livechat.deactivate(thread)
        return thread

    async def run(
        self, *, repairs: bool = True, since_ms: int | None = None, until_ms: int | None = None
    ) -> Report:
        self.told.clear()
        since = now_ms() - HOUR if since_ms is None else since_ms
        until = now_ms() if until_ms is None else until_ms
        return await self.reconcile.run(since, until, repairs=repairs, watch=self)

    async def records(self, topic: str) -> list[dict[str, Any]]:
        values: list[bytes | None] = []
        await read_topic(self.kafka.client_options(), topic, values.append)
        return [orjson.loads(value or b"") for value in values]

    def on_page(self, organization: str, looked: int, total: int) -> None:
        assert looked <= total

    def on_chat(self, found: Look, decision: Decision, outcome: Outcome | None) -> None:
        self.told.append((found.found, outcome))


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({}) as running:
        yield running


@pytest.fixture
async def scene(broker: EmbeddedBroker) -> AsyncIterator[Scene]:
    word = uuid4().hex[:8]
    topics = {name: f"{name}-{word}" for name in ("webhooks", "decisions", "parked")}
    for topic in topics.values():
        broker.create_topic(topic, 2)
    settings: dict[str, Any] = {f"kafka_{name}_topic": topic for name, topic in topics.items()}
    kafka = RunSettings(kafka_bootstrap_servers=broker.bootstrap, **settings)
    decider = build({"rules.yaml": RULES}, "%[a-z]+%")
    made: list[Scene] = []
    async with SimulatedLiveChat(
        seed=1, now=lambda: datetime.now(UTC) - (made[0].ago if made else AGO)
    ) as livechat:
        organization = livechat.add_organization(tags=["Refund"])
        account, pat = livechat.add_account(organization)
        who = ForAll(Fixed(lambda: pat, account.id))
        metrics = Metrics()
        client, producer = Client(who, livechat.url), Producer(kafka.client_options(), metrics)
        assert isinstance(decider, Decider)
        settles = Settle(
            lambda: decider,
            client,
            producer,
            metrics,
            kafka,
            dry_run=False,
        )
        reconcile = Reconcile(kafka, who, client, settles)
        made.append(Scene(livechat, organization, kafka, reconcile, producer))
        yield made[0]
        await client.close()
        await producer.stop()


async def test_every_page_is_gone_through(scene: Scene) -> None:
    threads = [scene.chat("a refund, please" if number % 2 else "hello") for number in range(60)]
    report = await scene.run()
    assert (report.looked, report.missed, report.repaired, report.problems) == (60, 60, 60, [])
    assert [thread.tags for thread in threads] == [[], ["Refund"]] * 30
    assert sorted(outcome or "" for _, outcome in scene.told) == ["no_match"] * 30 + ["tagged"] * 30


async def test_a_decision_says_that_it_came_from_the_api_and_that_no_record_stands_for_it(
    scene: Scene,
) -> None:
    thread = scene.chat("a refund, please")
    await scene.run()
    (record,) = await scene.records(scene.kafka.kafka_decisions_topic)
    assert (record["thread_id"], record["source"], record["messages"]) == (thread.id, "api", 1)
    assert (record["topic"], record["partition"], record["offset"]) == (None, None, None)
    assert "please" not in orjson.dumps(record).decode()


async def test_a_run_that_is_broken_off_goes_on_where_it_stopped(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "CALL_DEADLINE_S", 0.3)
    threads = [scene.chat("a refund, please") for _ in range(30)]
    fault = Fault("service_unavailable", method="tag_thread", share=0.5)
    scene.livechat.faults.append(fault)
    first = await scene.run()
    assert 0 < first.left <= first.missed
    assert any("did not answer in time" in problem for problem in first.problems)
    done = len(await scene.records(scene.kafka.kafka_decisions_topic))
    assert done == first.repaired
    scene.livechat.faults.clear()
    monkeypatch.undo()
    second = await scene.run()
    assert (second.missed, second.left, second.problems) == (30 - done, 0, [])
    assert [thread.tags for thread in threads] == [["Refund"]] * 30
    assert (await scene.run()).missed == 0


async def test_a_fault_leaves_no_repair_of_the_same_page_running(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(scene, "on_chat", fail)
    for number in range(20):
        scene.chat("hello" if number else "a refund, please")
    with pytest.raises(ValueError, match=r"^$"):
        await scene.run()
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert "Reconcile._see" not in names


async def test_a_tag_that_is_refused_is_parked_and_the_chat_is_no_longer_missed(scene: Scene) -> None:
    scene.organization.tags.clear()
    thread = scene.chat("a refund, please")
    assert (await scene.run()).left == 0
    assert scene.told == [("missed", "parked")]
    (item,) = await scene.records(scene.kafka.kafka_parked_topic)
    assert (item["thread_id"], item["tag"], item["offset"]) == (thread.id, "Refund", None)
    assert (await scene.run()).missed == 0


async def test_a_tag_that_a_person_removed_is_not_set_again(scene: Scene) -> None:
    thread = scene.chat("a refund, please")
    key = ThreadKey(scene.organization.id, thread.chat.id, thread.id)
    removal = correction_record(key, "Refund", "removed", Source("webhooks", 0, 7), now_ms())
    await scene.producer.send(scene.kafka.kafka_decisions_topic, b"any", removal)
    assert (await scene.run()).left == 0
    assert thread.tags == []
    records = await scene.records(scene.kafka.kafka_decisions_topic)
    (record,) = (each for each in records if each["kind"] == "decision")
    assert (record["tags"], record["held_back"]) == (["Refund"], ["Refund"])


async def test_to_look_changes_nothing(scene: Scene) -> None:
    thread = scene.chat("a refund, please")
    report = await scene.run(repairs=False)
    assert (report.missed, report.repaired, report.left) == (1, 0, 1)
    assert scene.told == [("missed", None)]
    assert thread.tags == []
    assert await scene.records(scene.kafka.kafka_decisions_topic) == []


async def test_chats_that_ended_before_the_window_are_left_alone(scene: Scene) -> None:
    thread = scene.chat("a refund, please")
    report = await scene.run(since_ms=now_ms() - 20 * 60_000)
    assert (report.looked, report.missed, thread.tags) == (0, 0, [])


async def test_chats_that_ended_just_now_are_counted_and_left_for_the_next_time(scene: Scene) -> None:
    older = scene.chat("a refund, please")
    scene.ago = timedelta(minutes=1)
    threads = [scene.chat("a refund, please") for _ in range(30)]
    report = await scene.run()
    assert (report.looked, report.recent, report.missed, report.problems) == (31, 30, 1, [])
    assert [thread.tags for thread in (older, *threads)] == [["Refund"]] + [[]] * 30


async def test_chats_that_ended_after_the_window_are_no_part_of_it(scene: Scene) -> None:
    scene.chat("a refund, please")
    report = await scene.run(until_ms=now_ms() - 40 * 60_000)
    assert (report.looked, report.recent, report.missed) == (0, 0, 0)


async def test_a_window_of_which_nothing_can_be_told_yet_is_said_so(scene: Scene) -> None:
    report = await scene.run(since_ms=now_ms() - 60_000)
    assert report.problems == [reconcile.TOO_EARLY]


async def test_whose_one_credential_is_shows_in_the_decisions(scene: Scene) -> None:
    record = {
        "organization": "104130000",
        "chat_id": "C",
        "thread_id": "T",
        "messages": 1,
        "outcome": "tagged",
    }
    await scene.producer.send(scene.kafka.kafka_decisions_topic, b"104130000:C", record)
    scene.chat("hello")
    await scene.run()
    organizations = [one["organization"] for one in await scene.records(scene.kafka.kafka_decisions_topic)]
    assert organizations == ["104130000"] * 2
    other = record | {"organization": "another"}
    await scene.producer.send(scene.kafka.kafka_decisions_topic, b"another:C", other)
    (problem,) = (await scene.run()).problems
    assert "LIVECHAT_CREDENTIALS_FILE" in problem


async def test_rounds_of_the_service_that_fail_are_counted_and_made_up_for() -> None:
    """As the service goes through the archives: Kafka is away, a fault of ours, a part is missing, all is well."""
    window = Window(1, 2, 2)
    turns: list[Exception | Report] = [
        KafkaConnectionError(),
        ValueError(),
        Report(window, problems=["organization O: it did not answer in time"]),
        Report(window),
    ]
    asked: list[int] = []

    class Archives:
        async def run(self, since_ms: int, _: int) -> Report:
            asked.append(since_ms)
            turn = turns[len(asked) - 1]
            if isinstance(turn, Exception):
                raise turn
            return turn

    metrics = Metrics()
    archives = cast("Reconcile", Archives())
    regularly = asyncio.create_task(
        reconcile.reconcile_regularly(archives, 0, lambda: len(asked) < len(turns), metrics)
    )
    await until(lambda: len(asked) == len(turns))
    regularly.cancel()
    await asyncio.wait([regularly])
    assert metrics.reconcile_failures._value.get() == 3
    assert max(asked) == asked[0]  # what could not be done is part of the next round
