"""What `tagger doctor` makes of clocks, topics, the group, the spool and the last webhook."""

from dataclasses import replace
from typing import Any, Final

import pytest

from tagger.core.diagnosis import arrivals, clocks, group, topics
from tagger.core.diagnosis.arrivals import SpoolSeen
from tagger.core.diagnosis.finding import Finding
from tagger.core.diagnosis.group import GroupSeen, Progress
from tagger.core.diagnosis.topics import DAY_MS, Kept, PartitionSeen, TopicSeen

NOW_MS: Final = 1_800_000_000_000
MIN_MS: Final = 60_000


def states(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.state, one.text) for one in found]


def has(found: list[Finding], state: str, words: str) -> bool:
    """Whether a finding says so; what is wrong or doubtful also says what to do."""
    assert all(one.remedy for one in found if one.state in ("wrong", "doubtful")), found
    return any(one.state == state and words in one.text for one in found)


@pytest.mark.parametrize(
    ("date", "sent", "came", "ahead"),
    [
        (5_000, 5_100, 5_300, 0),  # stamped in the second that it was asked in
        (5_000, 4_900, 5_200, 0),
        (9_000, 5_000, 5_300, 3_700),
        (1_000, 5_000, 5_300, -3_000),
        (5_000, 5_000, 65_000, 0),  # a slow answer proves nothing
    ],
)
def test_another_clock_is_off_by_what_the_answers_date_cannot_explain(
    date: int, sent: int, came: int, ahead: int
) -> None:
    assert clocks.ahead_ms(date, sent, came) == ahead


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        (0, "ok"),
        (9_999, "ok"),
        (-10_000, "doubtful"),
        (59_999, "doubtful"),
        (60_000, "wrong"),
        (-600_000, "wrong"),
    ],
)
def test_a_clock_is_doubtful_from_ten_seconds_and_wrong_from_a_minute(ahead: int, state: str) -> None:
    assert clocks.compared("LiveChat's clock", ahead).state == state


@pytest.mark.parametrize(
    ("at_ms", "state"),
    [
        (None, None),
        (NOW_MS - 5 * MIN_MS, "ok"),
        (NOW_MS + 30_000, "doubtful"),
        (NOW_MS + 5 * MIN_MS, "wrong"),
    ],
)
def test_only_a_record_from_the_future_gives_a_clock_away(at_ms: int | None, state: str | None) -> None:
    found = clocks.newest("webhooks", at_ms, NOW_MS, "ingest")
    assert (found and found.state) == state


WELL: Final = TopicSeen(
    "t",
    [PartitionSeen(0, 1, 3, 3), PartitionSeen(1, 2, 3, 3)],
    {"retention.ms": str(7 * DAY_MS), "min.insync.replicas": "2", "retention.bytes": "-1"},
)
KEPT: Final = Kept(4 * 3_600_000, 3 * DAY_MS, 7 * DAY_MS, "chats are lost")


def kept_so(**settings: str) -> TopicSeen:
    names = {name.replace("_", "."): value for name, value in settings.items()}
    return replace(WELL, settings={**(WELL.settings or {}), **names})


@pytest.mark.parametrize(
    ("topic", "brokers", "state", "words"),
    [
        (WELL, 3, "ok", "t: 2 partitions, 3 copies of each record, kept for 7 days"),
        (replace(WELL, settings=None), 3, "ok", "t: 2 partitions, 3 copies of each record"),
        (kept_so(retention_ms="-1"), 3, "ok", "kept for good"),
        (kept_so(retention_ms="3600000"), 3, "wrong", "keeps records for 60 min only: chats are lost"),
        (kept_so(retention_ms="86400000"), 3, "doubtful", "keeps records for 24 h only"),
        (kept_so(retention_bytes="1000"), 3, "doubtful", "1,000 bytes a partition"),
        (kept_so(min_insync_replicas="1"), 3, "doubtful", "as stored once one broker has it"),
        (kept_so(min_insync_replicas="3"), 3, "doubtful", "no record while one of its 3 replicas is away"),
        (kept_so(unclean_leader_election_enable="true"), 3, "doubtful", "lags behind"),
        (
            replace(WELL, partitions=[PartitionSeen(0, 1, 1, 1)]),
            3,
            "doubtful",
            "one copy of each record, though",
        ),
        (
            replace(WELL, partitions=[PartitionSeen(0, -1, 3, 0)]),
            3,
            "wrong",
            "partition 0 of t is without a leader",
        ),
        (replace(WELL, partitions=[PartitionSeen(0, 1, 3, 1)]), 3, "wrong", "all writes are refused"),
    ],
)
def test_a_topic_is_judged_by_how_it_is_kept(topic: TopicSeen, brokers: int, state: str, words: str) -> None:
    found = topics.examined(topic, KEPT, brokers, "alter")
    assert has(found, state, words), found


def test_a_compacted_topic_is_not_judged_by_its_retention() -> None:
    assert states(topics.examined(kept_so(retention_ms="1", cleanup_policy="compact"), None, 3, "alter")) == [
        ("ok", "t: 2 partitions, 3 copies of each record, compacted")
    ]


FINISHED: Final = GroupSeen(
    "tagger", [Progress(0, 9, 0, 9), Progress(1, 4, 2, 4)], 1, frozenset({0, 1}), False, None
)
WAITING: Final = [Progress(0, 5, 0, 9), Progress(1, 4, 2, 4)]


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({}, "ok", "1 member, and every partition is held"),
        ({}, "ok", "lag 0"),
        ({"members": None}, "not checked", "members of tagger"),
        ({"members": 0, "held": frozenset()}, "wrong", "has no member, so no chat is tagged"),
        (
            {"members": 0, "progress": [Progress(0, None, 0, 3)], "oldest_ms": NOW_MS},
            "doubtful",
            "none has run yet",
        ),
        ({"is_changing": True}, "doubtful", "agreeing on who reads what"),
        ({"held": frozenset({0})}, "wrong", "no member of tagger holds 1 of 2 partitions"),
        ({"members": 3}, "doubtful", "3 members for 2 partitions, so 1 does nothing"),
        ({"members": 4}, "doubtful", "so 2 do nothing"),
        (
            {"members": 2, "progress": [Progress(0, 9, 0, 9)], "held": frozenset({0})},
            "doubtful",
            "2 members for 1 partition, so 1 does nothing",
        ),
        (
            {"progress": [Progress(0, 1, 5, 9)], "oldest_ms": NOW_MS},
            "wrong",
            "records of 1 partition were deleted before tagger had read them",
        ),
        ({"progress": [Progress(0, 99, 5, 9)]}, "wrong", "beyond the log's end in 1 partition: "),
        (
            {"progress": [Progress(0, 8, 0, 9)], "oldest_ms": NOW_MS},
            "ok",
            "lag 1 record; the oldest is 0 s old",
        ),
        ({"progress": WAITING, "oldest_ms": NOW_MS - MIN_MS}, "ok", "lag 4 records; the oldest is 60 s old"),
        ({"progress": WAITING, "oldest_ms": NOW_MS - 6 * MIN_MS}, "wrong", "the oldest is 6 min old"),
    ],
)
def test_the_group_is_judged_by_its_members_and_its_lag(
    changed: dict[str, Any], state: str, words: str
) -> None:
    found = group.examined(replace(FINISHED, **changed), NOW_MS)
    assert has(found, state, words), found


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        (SpoolSeen(0, 4096, 0, False), "ok", "nothing waits"),
        (SpoolSeen(0, 4096, 0, True), "doubtful", "at present none waits there"),
        (SpoolSeen(1, 4096, NOW_MS - MIN_MS, True), "doubtful", "1 webhook (4,096 bytes) waits"),
        (SpoolSeen(3, 4096, NOW_MS - MIN_MS, True), "doubtful", "3 webhooks (4,096 bytes) wait"),
        (SpoolSeen(3, 4096, NOW_MS - 3 * MIN_MS, True), "wrong", "the oldest for 3 min"),
    ],
)
def test_what_waits_in_the_spool_is_wrong_after_two_minutes(seen: SpoolSeen, state: str, words: str) -> None:
    assert has([arrivals.spool(seen, NOW_MS)], state, words)


@pytest.mark.parametrize(
    ("at_ms", "state", "words"),
    [
        (NOW_MS - 3_600_000, "ok", "the last one came 60 min ago, on t"),
        (NOW_MS - 2 * DAY_MS, "doubtful", "2 days ago"),
        (None, "doubtful", "no webhook is on t"),
    ],
)
def test_webhooks_are_missed_after_a_day(at_ms: int | None, state: str, words: str) -> None:
    assert has([arrivals.last_came("t", at_ms, NOW_MS)], state, words)
