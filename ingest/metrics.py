"""Every metric of `ingest`, with its meaning. No label holds an id, a text or an address."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.topic import STORED_ACTIONS

# When each counter began would be half of all series, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no annotation for it

ACK_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 7.5)
WEBHOOKS: Final = (
    "ingest_webhooks",
    "Webhooks with a right secret, by action (`other`: one that is not stored). result: kafka, spool (both "
    "answered 200), ignored (200 and not stored), not_stored, refused (by Kafka, for good; both answered 503).",
)


class Webhooks(Collector):
    """Counts webhooks in a dictionary: prometheus-client takes a lock and four calls for each, 3 % of a request."""

    def __init__(self) -> None:
        # By action and result; what alerts look at begins with 0.
        self.counts = dict.fromkeys(product(STORED_ACTIONS, ("kafka", "spool", "not_stored", "refused")), 0)
        self.counts["other", "ignored"] = 0

    def count(self, action: str, result: str) -> None:
        """Count one webhook."""
        self.counts[action, result] = self.counts.get((action, result), 0) + 1

    def collect(self) -> Iterator[Metric]:
        """What Prometheus reads."""
        family = CounterMetricFamily(*WEBHOOKS, labels=["action", "result"])
        for labels, count in sorted(self.counts.items()):
            family.add_metric(labels, count)
        yield family


class Metrics:
    """The metrics of one process, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.webhooks = Webhooks()
        self.registry.register(self.webhooks)
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        self._about_requests(counter, gauge)
        self._about_kafka(counter, gauge)
        self._about_the_spool(counter, gauge)
        # What alerts look at begins with 0: Prometheus cannot see a series rise that begins with 1.
        for metric, labels in (
            (self.refusals, ("secret", "other_organization", "not_stored", "busy", "error")),
            (self.connections_closed, ("slow", "head", "unread", "body", "chunks", "yielded", "too_many")),
            (self.spool_failures, ("full", "disk", "corrupt")),
            (self.task_restarts, ("producer", "deadlines", "spool", "slow_connections")),
        ):
            for label in labels:
                metric.labels(label)

    def _about_requests(self, counter: partial[Counter], gauge: partial[Gauge]) -> None:
        self.refusals = counter("ingest_refusals", "Requests that were refused, and why.", ["reason"])
        self.repaired = counter("ingest_repaired", "Webhooks with half an emoji, replaced by U+FFFD.")
        self.last_webhook = gauge(
            "ingest_last_webhook_timestamp_seconds",
            "When the last webhook with a right secret came, Unix time: silence is a reason to look.",
        )
        self.requests = gauge("ingest_requests_in_flight", "Requests in flight.")
        self.connections = gauge("ingest_connections", "Open connections.")
        self.connections_closed = counter(
            "ingest_connections_closed",
            "Connections that ingest cut. reason: slow (no complete head in time), head (too long), "
            "unread (answers that the sender does not read), body (too long after its refusal), chunks (too small), "
            "yielded (at the limit, to a new connection or body), too_many (at the limit, and none could yield).",
            ["reason"],
        )
        self.admin_connections_closed = counter(
            "ingest_admin_connections_closed",
            "Connections to health and metrics that were cut, for the same reasons.",
            ["reason"],
        )
        ended = "Background tasks that ended and were restarted."
        self.task_restarts = counter("ingest_task_restarts", ended, ["task"])

    def _about_kafka(self, counter: partial[Counter], gauge: partial[Gauge]) -> None:
        self.kafka_up = gauge(
            "ingest_kafka_up",
            "1 while a producer is connected and Kafka acknowledges its records; after a failure 0 until Kafka "
            "acknowledges something.",
        )
        self.producers_replaced = counter("ingest_producers_replaced", "Producers given up: stuck or broken.")
        self.topic_unfit = gauge(
            "ingest_topic_unfit",
            "1 while the topic is unfit for us. kind: missing, compacted, not_compacted, too_small "
            "(max.message.bytes).",
            ["topic", "kind"],
        )
        self.ack_seconds = Histogram(
            "ingest_ack_seconds",
            "From a webhook's arrival to Kafka's acknowledgement, for the oldest of each batch.",
            buckets=ACK_BUCKETS_S,
            registry=self.registry,
        )

    def _about_the_spool(self, counter: partial[Counter], gauge: partial[Gauge]) -> None:
        self.spooling = gauge("ingest_spooling", "1 while webhooks go to the spool.")
        self.spool_records = gauge("ingest_spool_records", "Records in the spool.")
        self.spool_bytes = gauge("ingest_spool_bytes", "Size of the spool in use.")
        self.spool_oldest = gauge(
            "ingest_spool_oldest_timestamp_seconds",
            "When the oldest record in the spool came, Unix time; 0 while it is empty.",
        )
        self.set_aside = counter(
            "ingest_records_set_aside",
            "Records that Kafka will never take, kept in the spool's table `refused`.",
        )
        self.spool_failures = counter(
            "ingest_spool_failures",
            "Operations of the spool that failed: full, disk, corrupt (the file was moved aside).",
            ["reason"],
        )
