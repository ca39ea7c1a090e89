"""What SREs see of the lag is true: Kafka's own command, our metrics and Burrow's rules, through a bad day.

The rules are those that Burrow publishes (https://github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules),
rewritten, as Burrow itself cannot talk to Kafka 4: where 1.2.1 asks for a log's end, the broker hangs up.
"""

import asyncio
import time
from collections import deque
from pathlib import Path
from typing import Final, Literal, NamedTuple

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import PARTITIONS, Names, Stage
from tests.deadline import DEADLINE_S, until
from tests.faults.crowd import Crowd
from tests.faults.truth import Truth
from tests.integration.tagger.scene import Scene, whole_thread
from tests.kafka.kafka import Kafka
from tests.stage import a_stage

WINDOW: Final = 6  # commits; Burrow keeps 10, and all we wait for would take as much longer
Status = Literal["OK", "WARN", "STALL", "STOP", "REWIND"]


class Commit(NamedTuple):
    """One commit of a partition, and the lag when it was made."""

    at_s: float
    offset: int
    lag: int


def status(commits: deque[Commit], now_s: float, lag_now: int) -> Status:
    """Burrow's verdict on a partition; commits oldest first, at most WINDOW of them."""
    if lag_now == 0:
        return "OK"
    if any(later.offset < earlier.offset for earlier, later in zip(commits, list(commits)[1:], strict=False)):
        return "REWIND"
    if now_s - commits[-1].at_s > commits[-1].at_s - commits[0].at_s:
        return "STOP"
    if any(commit.lag == 0 for commit in commits):
        return "OK"
    if len({commit.offset for commit in commits}) == 1:
        return "STALL"
    return "OK" if any(b.lag < a.lag for a, b in zip(commits, list(commits)[1:], strict=False)) else "WARN"


def commits_at(*offset_and_lag: tuple[int, int]) -> deque[Commit]:
    return deque((Commit(float(at), *each) for at, each in enumerate(offset_and_lag)), WINDOW)


@pytest.mark.parametrize(
    ("commits", "now_s", "lag_now", "expected"),
    [
        ([(5, 0)] * 10, 9.5, 0, "OK"),
        ([(5, 0), (6, 0), (7, 2)], 2.5, 2, "OK"),
        ([(5, 1), (6, 2), (7, 3)], 2.5, 3, "WARN"),
        ([(5, 1), (5, 2), (5, 3)], 2.5, 3, "STALL"),
        ([(5, 1), (5, 2), (5, 3)], 9.5, 3, "STOP"),
        ([(5, 1), (4, 2)], 1.5, 2, "REWIND"),
    ],
)
def test_the_rules_tell_the_cases_apart(
    commits: list[tuple[int, int]], now_s: float, lag_now: int, expected: Status
) -> None:
    assert status(commits_at(*commits), now_s, lag_now) == expected


class Watch:
    """Looks at the tagger's metrics once a second, and keeps what Burrow would keep."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.commits: dict[int, deque[Commit]] = {n: deque(maxlen=WINDOW) for n in range(PARTITIONS)}
        self.lag = dict.fromkeys(range(PARTITIONS), 0)
        self.seen: set[Status] = set()

    async def run(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"{self._stage.tagger.admin_url}/metrics") as answer:
                        self._take(await answer.text())
                except aiohttp.ClientError:
                    pass  # it is dead: its last commits age
                self.seen |= self.statuses()
                await asyncio.sleep(1.0)

    def _take(self, page: str) -> None:
        values = {
            (sample.name, int(sample.labels.get("partition", -1))): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }
        at_s = values["tagger_last_commit_timestamp_seconds", -1]
        for number, commits in self.commits.items():
            if (lag := values.get(("tagger_lag_records", number))) is not None:
                self.lag[number] = int(lag)
                if not commits or at_s > commits[-1].at_s:
                    commits.append(Commit(at_s, int(values["tagger_committed_offset", number]), int(lag)))

    def statuses(self) -> set[Status]:
        """Of the partitions whose window is full; before, Burrow calls its verdict incomplete."""
        full = [n for n, commits in self.commits.items() if len(commits) == WINDOW]
        return {status(self.commits[n], time.time(), self.lag[n]) for n in full}


def lag_by_kafka(kafka: Kafka, names: Names) -> dict[int, int]:
    """As kafka-consumer-groups.sh shows it: GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG …"""
    shown = kafka.run("kafka-consumer-groups", "--describe", "--group", names.group)
    rows = [line.split() for line in shown.splitlines() if line.startswith(names.group)]
    return {int(row[2]): int(row[5]) for row in rows}


async def agreed(kafka: Kafka, stage: Stage, watch: Watch, *, zero: bool) -> dict[int, int]:
    """The lag by both, once they agree and it is 0 or is not; nothing is sent meanwhile, so they have to."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            by_kafka = await asyncio.to_thread(lag_by_kafka, kafka, stage.names)
            if by_kafka == watch.lag and (sum(by_kafka.values()) == 0) is zero:
                return by_kafka
            await asyncio.sleep(0.5)


@pytest.mark.timeout(600)
async def test_lag_is_the_truth_when_idle_busy_stuck_rebalanced_dead_and_back(
    kafka_real: Kafka, unique: str, tmp_path: Path
) -> None:
    async with (
        a_stage(kafka_real, unique, tmp_path, seed=5, versions=("3.6",)) as stage,
        Truth(stage.bootstrap, stage.names) as truth,
        Crowd(stage) as crowd,
    ):
        watch = Watch(stage)
        watching = asyncio.create_task(watch.run())
        try:
            await stage.play(visits(1, 20), 4)  # busy
            assert (await stage.settled(DEADLINE_S)).missing == ()
            await agreed(kafka_real, stage, watch, zero=True)
            await asyncio.sleep(WINDOW)  # idle: it commits all the same
            assert watch.seen == {"OK"}

            outage = Fault("internal")
            stage.livechat.faults.append(outage)
            await stage.play(visits(2, 20), 20)  # stuck
            await until(lambda: "STALL" in watch.statuses())
            stuck = await agreed(kafka_real, stage, watch, zero=False)
            assert stage.expected_vs_set().missing != ()
            assert stuck == await truth.true_lag()

            second = await crowd.join()  # rebalance: others own the partitions, and are as stuck
            assert await asyncio.to_thread(lag_by_kafka, kafka_real, stage.names) == stuck
            assert await crowd.leave(second) == 0
            assert await agreed(kafka_real, stage, watch, zero=False) == stuck

            await stage.tagger.kill()  # dead
            await until(lambda: "STOP" in watch.statuses())
            assert await asyncio.to_thread(lag_by_kafka, kafka_real, stage.names) == stuck

            stage.livechat.faults.remove(outage)
            await stage.tagger.start()  # replay, and all is caught up
            assert (await stage.settled(DEADLINE_S)).missing == ()
            await agreed(kafka_real, stage, watch, zero=True)
            assert not any((await truth.true_lag()).values())
            assert "REWIND" not in watch.seen
        finally:
            watching.cancel()


@pytest.fixture
def scene(kafka_real: Kafka, unique: str) -> Scene:
    kafka_real.create_topic(unique, 1)
    return Scene(kafka_real, unique)


def lag_of(describe: str, topic: str) -> list[str]:
    """The LAG column of `kafka-consumer-groups --describe`."""
    rows = [line.split() for line in describe.splitlines() if topic in line.split()]
    return [row[5] for row in rows]


async def describe(kafka: Kafka, group: str) -> str:
    return await asyncio.to_thread(kafka.run, "kafka-consumer-groups", "--describe", "--group", group)


async def test_apaches_own_tool_shows_lag_zero_only_when_every_end_is_settled(
    scene: Scene, kafka_real: Kafka
) -> None:
    group = f"group-{scene.topic}"

    async def shows(lag: str) -> bool:
        return lag_of(await describe(kafka_real, group), scene.topic) == [lag]

    scene.hold.add("T2")
    async with scene.running():
        await until(lambda: shows("0"))  # never "-", though nothing was ever written
        await scene.write(*whole_thread(1), *whole_thread(2), *whole_thread(3))
        await until(lambda: set(scene.settled) == {"T1", "T3"})
        await until(lambda: shows("4"))  # back to the end of thread 2: offset 5 of 9
        scene.hold.clear()
        await until(lambda: shows("0"))
