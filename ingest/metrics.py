"""Every metric of `ingest`, with its meaning. No label holds an id, a text or an address."""

from collections.abc import Iterator
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.topic import STORED_ACTIONS

# When each counter began would be half of all series, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left the annotation out

ACK_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5)


WEBHOOKS: Final = (
    "ingest_webhooks",
    "Webhooks with a right secret, by action, `other` where it is none that is stored. result: kafka, spool (both "
    "answered 200), ignored (200 and not stored), not_stored, refused (by Kafka, for good; both answered 503).",
)


class Webhooks(Collector):
    """Counts webhooks in a dictionary: prometheus-client takes a lock and four calls for each, 3 % of a request."""

    def __init__(self) -> None:
        # By action and result; what alerts look at begins with 0.
        self.counts = dict.fromkeys(product(STORED_ACTIONS, ("kafka", "spool", "not_stored", "refused")), 0)
        self.counts["other", "ignored"] = 0

    def count(self, action: str, result: str) -> None:
        self.counts[action, result] = self.counts.get((action, result), 0) + 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(*WEBHOOKS, labels=["action", "result"])
        for labels, count in sorted(self.counts.items()):
            family.add_metric(labels, count)
        yield family


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._about_webhooks(self.registry)
        self._about_connections(self.registry)
        self._about_kafka(self.registry)
        self._about_the_spool(self.registry)
        self.task_restarts = Counter(
            "ingest_task_restarts_total",
            "Background tasks that ended by themselves and were started again.",
            ["task"],
            registry=self.registry,
        )
        for task in ("producer", "deadlines", "spool", "slow_connections"):
            self.task_restarts.labels(task)

    def _about_webhooks(self, registry: CollectorRegistry) -> None:
        self.webhooks = Webhooks()
        registry.register(self.webhooks)
        self.refusals = Counter(
            "ingest_refusals_total", "Requests that were refused, and why.", ["reason"], registry=registry
        )
        # What alerts look at begins with 0: Prometheus cannot see a series rise that begins with 1.
        for reason in ("secret", "other_organization", "not_stored", "busy", "error"):
            self.refusals.labels(reason)
        self.mended = Counter(
            "ingest_mended_total", "Webhooks with half an emoji, replaced by U+FFFD.", registry=registry
        )
        self.last_webhook = Gauge(
            "ingest_last_webhook_timestamp_seconds",
            "When the last webhook with a right secret came, Unix time: silence is an alarm.",
            registry=registry,
        )

    def _about_connections(self, registry: CollectorRegistry) -> None:
        self.in_hand = Gauge("ingest_requests_in_hand", "Requests being worked on.", registry=registry)
        self.connections = Gauge("ingest_connections", "Open connections.", registry=registry)
        self.connections_closed = Counter(
            "ingest_connections_closed_total",
            "Connections that were closed on the sender. reason: slow (no whole head in time), head (too long), "
            "unread (answers that it does not read), body (goes on after its refusal), chunks (too small), "
            "yielded (at the limit, to a new connection or body), too_many (at the limit, and none could yield).",
            ["reason"],
            registry=registry,
        )
        self.admin_connections_closed = Counter(
            "ingest_admin_connections_closed_total",
            "Connections to health and metrics that were closed on the other side, for the same reasons.",
            ["reason"],
            registry=registry,
        )
        for reason in ("slow", "head", "unread", "body", "chunks", "yielded", "too_many"):
            self.connections_closed.labels(reason)

    def connection_closed(self, reason: str) -> None:
        self.connections_closed.labels(reason).inc()

    def admin_connection_closed(self, reason: str) -> None:
        self.admin_connections_closed.labels(reason).inc()

    def _about_kafka(self, registry: CollectorRegistry) -> None:
        self.kafka_up = Gauge(
            "ingest_kafka_up",
            "1 while a producer is connected and Kafka acknowledges what it is sent; after a failure 0 until it "
            "acknowledges something.",
            registry=registry,
        )
        self.producers_replaced = Counter(
            "ingest_producers_replaced_total", "Producers given up as stuck or broken.", registry=registry
        )
        self.topic_unfit = Gauge(
            "ingest_topic_unfit",
            "1 where the topic is wrong for us. kind: missing, compacted, not_compacted, too_small "
            "(max.message.bytes).",
            ["topic", "kind"],
            registry=registry,
        )
        self.ack_seconds = Histogram(
            "ingest_ack_seconds",
            "From taking a webhook in to Kafka's acknowledgement, of the longest waiting in each batch.",
            buckets=ACK_BUCKETS_S,
            registry=registry,
        )

    def _about_the_spool(self, registry: CollectorRegistry) -> None:
        self.spooling = Gauge("ingest_spooling", "1 while webhooks go to the spool.", registry=registry)
        self.spool_records = Gauge("ingest_spool_records", "Records in the spool.", registry=registry)
        self.spool_bytes = Gauge("ingest_spool_bytes", "Size of the spool in use.", registry=registry)
        self.spool_oldest = Gauge(
            "ingest_spool_oldest_timestamp_seconds",
            "When the oldest record in the spool came, Unix time; 0 while it is empty.",
            registry=registry,
        )
        self.set_aside = Counter(
            "ingest_records_set_aside_total",
            "Records that Kafka will never take, kept in the spool's table `refused`.",
            registry=registry,
        )
        self.spool_failures = Counter(
            "ingest_spool_failures_total",
            "Writes the spool could not make: full, disk, corrupt (the file was moved aside).",
            ["reason"],
            registry=registry,
        )
        for reason in ("full", "disk", "corrupt"):
            self.spool_failures.labels(reason)
