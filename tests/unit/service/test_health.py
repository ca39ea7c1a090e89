"""What the tagger shows and says of its partitions."""

from typing import Any

import pytest
from aiokafka import TopicPartition

from tagger.core.limits import Limits
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Stats
from tagger.kafka.assigned import Assigned
from tagger.service.health import about_log_ends, oldest_unsettled_age_s

NOW_MS = 1_000_000


def stats(**given: Any) -> Stats:
    given = {"phase": "live", "position": 10, "oldest_unsettled": None, "event_time_ms": NOW_MS, **given}
    return Stats(
        **given,
        replay_from=0,
        threads=0,
        bytes=0,
        unsettled=0,
        unsettled_bytes=0,
        paused=False,
        counters={},
    )


@pytest.mark.parametrize(
    ("given", "log_end", "age_s"),
    [
        ({}, 10, 0.0),
        ({"oldest_unsettled": (4, NOW_MS - 60_000)}, 10, 60.0),
        ({"event_time_ms": NOW_MS - 90_000}, 11, 90.0),  # a record waits, and it is no older than that
        ({"event_time_ms": NOW_MS - 90_000, "oldest_unsettled": (4, NOW_MS - 100_000)}, 11, 100.0),
        ({"event_time_ms": NOW_MS - 90_000, "phase": "replaying"}, 11, 0.0),  # these were settled before
        ({"event_time_ms": 0}, 11, 0.0),  # nothing was read yet
        ({"oldest_unsettled": (4, NOW_MS + 5_000)}, 10, 0.0),  # the broker's clock is ahead of ours
    ],
)
def test_the_objective_is_the_age_of_the_oldest_end_that_waits(
    given: dict[str, Any], log_end: int, age_s: float
) -> None:
    assert oldest_unsettled_age_s(stats(**given), log_end, NOW_MS) == age_s


@pytest.mark.parametrize(
    ("heard_at", "said"),
    [
        ((100.0, 100.0), None),
        ((100.0, 70.0), None),
        ((100.0, 60.0), "for 40 s where the logs of partitions [1] end"),
        ((40.0, 60.0), "for 60 s where the logs of partitions [0, 1] end"),
    ],
)
def test_it_is_said_when_kafka_no_longer_tells_where_a_log_ends(
    heard_at: tuple[float, ...], said: str | None
) -> None:
    mine = [
        Assigned(TopicPartition("topic", partition), Partition(Limits()), log_end_at=at)
        for partition, at in enumerate(heard_at)
    ]
    note = about_log_ends(mine, now=100.0)
    assert note is None if said is None else note is not None and said in note
