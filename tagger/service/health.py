"""What the tagger says of itself: health in sentences, and live figures for Prometheus.

Live means that it moves, ready that it can work now. A slow or refusing LiveChat changes neither: a restart
would not help, and lag shows it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.runtime.admin import Health
from ingest.runtime.clock import now_ms
from ingest.runtime.supervision import Tasks
from tagger.core.partition.protocol import Stats
from tagger.kafka.assigned import Assigned
from tagger.kafka.consumer import Consumer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.client import Client
from tagger.metrics import (
    FAILING,
    LIVECHAT_GAUGES,
    PARTITION_GAUGES,
    SEEN_TO_RISE,
    STATE_COUNTERS,
    STATE_REASONS,
)
from tagger.service.watchdog import Standing, Watchdog

END_AGE_S_MAX: Final = 30.0  # it is asked for every second; a new leader is known within 15 s


def health_of(  # noqa: PLR0913, PLR0917 - the parts of the service
    consumer: Consumer, client: Client, keywords: Keywords, dog: Watchdog, tasks: Tasks, now: float
) -> Health:
    """Health in sentences; `now` is monotonic, in seconds."""
    health = Health(notes=client.health())
    for name, error_type in sorted((consumer.tasks.failing() | tasks.failing()).items()):
        health.notes.append(f"The task {name} ended ({error_type}) and is started again: the log says why.")
    _about_the_group(consumer, health, now)
    _about_what_stands_still(consumer, dog, health, now)
    _about_keywords(keywords, health)
    _about_overlooked(keywords, health)
    return health


def _about_what_stands_still(consumer: Consumer, dog: Watchdog, health: Health, now: float) -> None:
    stuck = dog.look(now, {number: _standing(consumer, a) for number, a in consumer.assigned.items()})
    if stuck.whole:
        seconds = max(stuck.seconds.values())
        health.live.append(f"Nothing was read for {seconds:.0f} s while records wait: restart this process.")
        return
    for number, seconds in sorted(stuck.seconds.items()):
        health.notes.append(
            f"Nothing was read of partition {number} for {seconds:.0f} s while records wait, though other partitions "
            "move: restart this process if it stays so."
        )


def _standing(consumer: Consumer, assigned: Assigned) -> Standing:
    stats = assigned.state.stats()
    excused = assigned.unreadable is not None or stats.paused  # said elsewhere
    waiting = 0 if excused else max(0, assigned.log_end - stats.position)
    return Standing((consumer.rebalanced_at, stats.position), waiting, len(assigned.tasks))


def _about_keywords(keywords: Keywords, health: Health) -> None:
    if keywords.origin == "nowhere":
        health.ready.append(
            "No keyword files are in force, so nothing is read: the files were refused, and no earlier set could be "
            "used. Run `tagger check`; reading starts once the files are valid."
        )
    elif keywords.origin == "topic":
        health.notes.append(
            f"The keyword files were refused at startup; the set stored last ({keywords.decider.hash}) is in force: "
            "run `tagger check`."
        )
    elif keywords.problems:
        health.notes.append(
            "The newest keyword files were refused; older ones stay in force: run `tagger check`."
        )


def _about_overlooked(keywords: Keywords, health: Health) -> None:
    if keywords.overlooked:
        first, *more = keywords.overlooked
        others = f" {len(more)} more like it: `tagger check` names them." if more else ""
        health.notes.append(f"{first}{others}")


def _about_the_group(consumer: Consumer, health: Health, now: float) -> None:
    mine = list(consumer.assigned.values())
    if consumer.rebalanced_at is None:
        health.ready.append(
            "No partitions are assigned yet: check that Kafka can be reached and the group joined."
        )
    elif not mine:
        health.notes.append(
            "No partition is assigned to this member: there are more members than partitions."
        )
    if (since := consumer.commits.fail_since) is not None:
        health.ready.append(
            f"Kafka has accepted no commit for {now - since:.0f} s: check that it can be reached."
        )
    unprepared = [a.tp.partition for a in mine if not a.ready]
    if unprepared:
        health.ready.append(
            f"Partitions {unprepared} are being prepared: if this does not end, the log says why."
        )
    if complaint := consumer.membership.complaint(now):
        health.ready.append(complaint)
    if unknown := about_log_ends(mine, now):
        health.notes.append(unknown)
    for assigned in mine:
        if (bad := assigned.unreadable) is not None:  # not unready: the other partitions are served
            health.notes.append(
                f"Partition {assigned.tp.partition} stands still: what begins at offset {bad.offset} cannot be "
                f"read ({bad.error_type}). It is tried again; `tagger skip {assigned.tp.partition} {bad.offset}` "
                "steps over it once all members are stopped."
            )
    health.notes.extend(consumer.preparing.found.notes(now))


def about_log_ends(mine: Iterable[Assigned], now: float) -> str | None:
    """Of which partitions the lag may be larger than it shows; None: of none. `now` is monotonic, in seconds."""
    old = {assigned.tp.partition: now - assigned.log_end_at for assigned in mine}
    old = {partition: age_s for partition, age_s in old.items() if age_s > END_AGE_S_MAX}
    if not old:
        return None
    return (
        f"Kafka has not said for {max(old.values()):.0f} s where the logs of partitions {sorted(old)} end, so their lag may "
        "be larger than it shows: check that they have a leader that can be reached."
    )


class PartitionFigures(Collector):
    """Reads the live state when Prometheus asks, so that counting costs nothing per record."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def collect(self) -> Iterator[Metric]:
        """Gauges of each partition, and the counters of all."""
        at_ms, counts = now_ms(), Counter(self._consumer.retired)
        gauges = {
            name: GaugeMetricFamily(metric, meaning, labels=["topic", "partition"])
            for name, (metric, meaning) in PARTITION_GAUGES.items()
        }
        for assigned in list(self._consumer.assigned.values()):
            counts.update(assigned.state.stats().counters)
            for name, value in _figures_of(assigned, at_ms).items():
                gauges[name].add_metric([assigned.tp.topic, str(assigned.tp.partition)], value)
        yield from gauges.values()
        for name, (metric, meaning) in STATE_COUNTERS.items():
            yield CounterMetricFamily(metric, meaning, value=counts[name, ""])
        for name, (metric, meaning) in STATE_REASONS.items():
            family = CounterMetricFamily(metric, meaning, labels=["reason"])
            seen = {reason: value for (counted, reason), value in counts.items() if counted == name}
            for reason, value in sorted({**dict.fromkeys(SEEN_TO_RISE.get(name, ()), 0), **seen}.items()):
                family.add_metric([reason], value)
            yield family


def _figures_of(assigned: Assigned, at_ms: int) -> dict[str, float]:
    """The gauges of one partition at a wall clock time, except those not known yet."""
    stats = assigned.state.stats()
    figures: dict[str, float] = {
        "position": stats.position,
        "log_end_offset": assigned.log_end,
        "replay_from_offset": stats.replay_from,
        "replaying": stats.phase in ("starting", "replaying"),
        "paused": stats.paused,
        "standing_still": assigned.unreadable is not None,
        "open_threads": stats.threads,
        "open_bytes": stats.bytes,
        "unsettled_threads": stats.unsettled,
        "unsettled_bytes": stats.unsettled_bytes,
        "oldest_unsettled_age": oldest_unsettled_age_s(stats, assigned.log_end, at_ms),
    }
    if assigned.committed is not None:
        figures["committed_offset"] = assigned.committed
        figures["lag_records"] = max(0, assigned.log_end - assigned.committed)
    return figures


def oldest_unsettled_age_s(stats: Stats, log_end: int, at_ms: int) -> float:
    """Seconds since the oldest end that is not settled.

    The first record that waits to be read may be an end, no older than what was read last. Not so in a replay:
    it reads what was settled before.
    """
    since = [at_ms] if stats.oldest_unsettled is None else [stats.oldest_unsettled[1]]
    if stats.phase == "live" and stats.position < log_end and stats.event_time_ms:
        since.append(stats.event_time_ms)
    return max(0, at_ms - min(since)) / 1000


class LiveChatFigures(Collector):
    """How LiveChat's API serves us; organizations are counted, never named."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def collect(self) -> Iterator[Metric]:
        """Figures of all organizations together."""
        standings = self._client.standings()
        figures: dict[str, float] = {
            "circuits_open": sum(one.open for one in standings),
            "in_flight": sum(one.in_flight for one in standings),
            "waiting": sum(one.waiting for one in standings),
            "refusing": len(self._client.refusing()),
        }
        if standings:  # before the first call nothing is known of a rate
            figures["rate"] = min(one.rate for one in standings)
        for name, (metric, meaning) in LIVECHAT_GAUGES.items():
            yield GaugeMetricFamily(metric, meaning, value=figures.get(name))
        failing = GaugeMetricFamily(*FAILING, labels=["error_type"])
        error_types = Counter(one.error_type for one in standings if one.error_type)
        for error_type, count in sorted(error_types.items()):
            failing.add_metric([error_type], count)
        yield failing
