"""What a settled job leaves behind: with the partition for what comes late, and in the metrics."""

from typing import Any, Final, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.partition.protocol import Job, Kind
from tagger.kafka.assigned import Assigned
from tagger.kafka.reader import TopicMissingError
from tagger.kafka.recall import Recall
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service import worker
from tagger.service.settle import Ended, Settle
from tagger.service.worker import Worker
from tests.removals import NothingRemoved

THREAD: Final = ThreadKey("org", "CHAT", "THREAD")
DECISION: Final = Decision(("A",), (Reason("a", "A", "word", "1", 0, 4),), (), "hash")


class Partition:
    """Settles, and is what was assigned and its state in one."""

    tp = TopicPartition("webhooks", 3)

    def __init__(self, outcome: str = "tagged") -> None:
        self.outcome, self.known, self.faults = outcome, cast(Ended, None), 0
        self.told: tuple[Any, ...] = ()
        self.remembered: tuple[str, ...] | None = None

    @property
    def state(self) -> "Partition":
        return self

    async def thread(self, ended: Ended, *, live: bool) -> tuple[Decision, str]:
        assert live
        if self.faults:
            self.faults -= 1
            raise ValueError
        self.known = ended
        if ended.recall is not None:
            await ended.recall()
        return DECISION, self.outcome

    def removed(self, _: ThreadKey) -> tuple[str, ...]:
        return ()

    def recalled(self, _: int, tags: tuple[str, ...]) -> None:
        self.remembered = tags

    def sets(self, *_: Any) -> None:
        """What is about to be set matters to the real one only."""

    def settled(self, *what: Any, parked: bool) -> None:
        self.told = (*what, parked)


async def settle(partition: Partition, kind: Kind, recall: Any = None, **more: Any) -> float:
    """How many ends the histogram counts after one job."""
    metrics = Metrics()
    working = Worker(
        cast(Settle, partition),
        cast(Client, None),
        cast(Recall, recall or NothingRemoved()),
        "webhooks",
        metrics,
    )
    await working.settle(
        cast(Assigned, partition), Job(1, kind, THREAD, 7, 0, Conversation(THREAD, ()), **more)
    )
    return float(sum(bucket.get() for bucket in metrics.end_to_tag._buckets))


@pytest.mark.parametrize("outcome", ["tagged", "parked"])
async def test_the_partition_learns_tags_rules_and_whether_a_tag_was_refused(outcome: str) -> None:
    partition = Partition(outcome)
    await settle(partition, "end")
    assert partition.told == (1, {"A"}, {"a"}, outcome == "parked")


async def test_what_is_known_of_earlier_decisions_is_passed_on() -> None:
    partition = Partition()
    known: dict[str, Any] = {"decided": frozenset({"A"}), "rules": frozenset({"a"}), "parked": True}
    await settle(partition, "late", **known)
    assert {name: getattr(partition.known, name) for name in known} == known
    assert partition.known.late


@pytest.mark.parametrize(("kind", "ends"), [("end", 1), ("late", 0), ("expired", 0)])
async def test_only_an_end_is_timed(kind: Kind, ends: int) -> None:
    """What comes late, or expires, would count as a delay of minutes or hours."""
    assert await settle(Partition(), kind) == ends


async def test_the_line_of_a_job_that_failed_names_its_organization(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "FAULT_RETRY_S", 0.0)
    partition = Partition()
    partition.faults = 1
    with capture_logs() as lines:
        await settle(partition, "end")
    (line,) = (line for line in lines if line["event"] == "job_failed")
    assert THREAD._asdict().items() <= line.items()


class Forgetful:
    """Kafka, which answers the second time."""

    def __init__(self, error: Exception) -> None:
        self._error: Exception | None = error
        self.asked: list[tuple[ThreadKey, int]] = []

    async def of(self, thread: ThreadKey, since_ms: int) -> tuple[str, ...]:
        self.asked.append((thread, since_ms))
        error, self._error = self._error, None
        if error is not None:
            raise error
        return ("A",)


@pytest.mark.parametrize("error", [TimeoutError(), KafkaConnectionError(), TopicMissingError("decisions")])
async def test_a_job_waits_until_what_people_removed_is_known(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RECALL_RETRY_S", 0.0)
    partition, recall = Partition(), Forgetful(error)
    with capture_logs() as lines:
        await settle(partition, "end", recall, recall_ms=5)
    assert recall.asked == [(THREAD, 5)] * 2
    assert partition.remembered == ("A",)
    assert [line["event"] for line in lines] == ["recall_failed"]


async def test_of_a_thread_that_is_known_nothing_is_looked_up() -> None:
    partition = Partition()
    await settle(partition, "end", Forgetful(TimeoutError()))
    assert partition.remembered is None
