"""Every metric of the tagger, with its meaning; nothing else makes one.

No chat id, text or keyword is ever a label. `rule` is bounded by the keyword files, `organization` is
no label at all. Figures of partitions are read from the live state when Prometheus asks, not kept twice.
What alerts look at is there from the start with 0: Prometheus cannot see a series rise that begins with 1.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tagger.core.records.decision import Outcome
from tagger.livechat.calls.requests import Purpose

# When each counter began would be half of all series, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left the annotation out
# Fine below a second, where a healthy system is; coarse up to the hour that an outage takes.
END_TO_TAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
TAG_DOUBTS: Final = ("missing", "other_case", "groups")

# What `core.partition` counts, by its name there: (metric, meaning).
STATE_COUNTERS: Final = {
    "evicted": ("tagger_evicted", "Threads deleted because the memory limit was reached."),
    "shed": (
        "tagger_shed",
        "Ended threads whose text was evicted while they wait, as their organization had its share; asked for later.",
    ),
    "expired": ("tagger_expired", "Open threads deleted because of their age or silence."),
    "late": ("tagger_late", "Things that came after a thread's end and were decided on."),
    "repeated_event": ("tagger_repeated_events", "Events that were known already."),
    "repeated_end": ("tagger_repeated_ends", "Ends of threads that had ended already."),
    "events_over_limit": ("tagger_events_over_limit", "Events left out of threads that are too long."),
    "text_cut": ("tagger_texts_cut", "Texts of which only the beginning is kept."),
    "replayed": ("tagger_replayed_records", "Records read again to rebuild open threads."),
    "window_cut": ("tagger_window_cut", "Assignments whose replay was cut off by its limit."),
    "lost_range": ("tagger_lost_range", "Assignments whose committed offset the log no longer reaches."),
    "recreated": ("tagger_recreated", "Assignments whose committed offset lies beyond the log's end."),
    "seek_lost": ("tagger_seek_lost", "Seeks that had to be made twice."),
    "resumed": ("tagger_resumed", "Assignments that went on from state in memory."),
    "resume_void": ("tagger_resume_void", "Assignments whose state in memory did not fit the log."),
    "ignored_answers": ("tagger_ignored_answers", "Answers to jobs of an earlier assignment."),
}

# Likewise, with the label `reason`.
STATE_REASONS: Final = {
    "incomplete": ("tagger_incomplete", "Threads that LiveChat had to be asked for, by what was missing."),
    "ignored": ("tagger_ignored", "Records that are no business of the tagger."),
    "unreadable": ("tagger_unreadable", "Records that could not be read, by what is wrong with them."),
    "hint_void": ("tagger_hint_void", "Commit metadata that was of no use, by reason."),
    "dropped": ("tagger_dropped", "Records handed over while no position was confirmed."),
    "gap": ("tagger_gaps", "Gaps in the log: seen, and read again; believed, where they were there again."),
}

# Reasons that alerts see rise: they are shown from the start.
SEEN_TO_RISE: Final = {"gap": ("believed",)}

# What a partition shows of itself: (metric, meaning). All have the labels `topic` and `partition`.
PARTITION_GAUGES: Final = {
    "committed_offset": (
        "tagger_committed_offset",
        "The offset committed last: every job below it is settled.",
    ),
    "position": ("tagger_position", "The next offset to read."),
    "log_end_offset": ("tagger_log_end_offset", "The next offset that will be written."),
    "lag_records": ("tagger_lag_records", "Records from the committed offset to the log's end."),
    "replay_from_offset": ("tagger_replay_from_offset", "From where a restart would read again."),
    "replaying": ("tagger_replaying", "1 while open threads are rebuilt after an assignment."),
    "paused": ("tagger_paused", "1 while reading waits for ended threads to be settled."),
    "standing_still": (
        "tagger_standing_still",
        "1 while the partition stands still before a batch that cannot be read.",
    ),
    "open_threads": ("tagger_open_threads", "Threads in memory."),
    "open_bytes": ("tagger_open_bytes", "Bytes of the threads in memory, as accounted."),
    "unsettled_threads": ("tagger_unsettled_threads", "Ended threads that are not settled yet."),
    "unsettled_bytes": ("tagger_unsettled_bytes", "Bytes of the ended threads that are not settled yet."),
    "oldest_unsettled_age": (
        "tagger_oldest_unsettled_age_seconds",
        "Age of the oldest end that is not settled, or of what was read last where more waits; else 0.",
    ),
}

# What the client of LiveChat's API shows, all organizations together: (metric, meaning).
LIVECHAT_GAUGES: Final = {
    "rate": (
        "tagger_livechat_rate_calls_per_second",
        "Calls a second that the slowest credential may be sent, as LiveChat's answers taught.",
    ),
    "circuits_open": (
        "tagger_livechat_circuits_open",
        "Organizations of which everything failed of late: one call at a time asks whether it is over.",
    ),
    "in_flight": ("tagger_livechat_calls_in_flight", "Calls that LiveChat has not answered yet."),
    "waiting": ("tagger_livechat_calls_waiting", "Calls that wait for their turn."),
    "refusing": (
        "tagger_livechat_refusing_organizations",
        "Organizations in which everything is refused, so that nothing more is parked and work waits.",
    ),
}
FAILING: Final = (
    "tagger_livechat_failing_organizations",
    "Organizations whose last call failed for a reason that is not its own, by LiveChat's error type.",
)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._about_threads()
        self._about_livechat()
        self._about_keyword_files()
        self._about_the_group()
        self._about_what_is_written()
        self._about_the_process()
        self._show_from_the_start()

    def on_request(self, method: str, result: str, seconds: float, purpose: str | None) -> None:
        """One request to LiveChat; `purpose` is None for what a person sets up, which no service does."""
        if purpose is not None:
            self.api_calls.labels(purpose=purpose).inc()
        self.api_requests.labels(method=method, result=result).inc()
        self.api_seconds.labels(method=method).observe(seconds)

    def _about_threads(self) -> None:
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.decisions = counter("tagger_decisions", "Threads settled, by what became of them.", ["outcome"])
        self.tags = counter("tagger_tags", "Tags, by what became of them.", ["result"])
        self.tags_doubtful = gauge(
            "tagger_tags_doubtful",
            "Tags of the rules in force that LiveChat will, or may, refuse, as its list of tags shows.",
            ["kind"],
        )
        self.rule_hits = counter("tagger_rule_hits", "Threads in which a rule held.", ["rule"])
        self.rules_never_hit = gauge(
            "tagger_rules_never_hit", "Rules in force that held in no thread that this process settled."
        )
        self.end_to_tag = histogram(
            "tagger_end_to_tag_seconds",
            "From the record of a thread's end to its settlement.",
            buckets=END_TO_TAG_BUCKETS,
        )
        self.large_decisions = counter(
            "tagger_large_decisions", "Threads so large that they were decided outside of the event loop."
        )
        self.parked = counter(
            "tagger_parked", "Items given up and parked, by LiveChat's error type.", ["error_type"]
        )
        self.backfills = counter("tagger_backfills", "Threads completed by get_chat, by result.", ["result"])

    def _about_livechat(self) -> None:
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.api_requests = counter(
            "tagger_livechat_requests",
            "Requests to LiveChat's API, by method and class of the answer.",
            ["method", "result"],
        )
        self.api_calls = counter(
            "tagger_livechat_calls",
            "Requests to LiveChat's API, by what they are for. LiveChat bills each but those it answers with status 500.",
            ["purpose"],
        )
        self.api_seconds = histogram(
            "tagger_livechat_request_seconds",
            "How long LiveChat's API took to answer.",
            ["method"],
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
        )

    def _about_keyword_files(self) -> None:
        gauge = partial(Gauge, registry=self.registry)
        self.keywords_info = gauge(
            "tagger_keywords_info", "1 for the hash of the keyword files in force.", ["hash"]
        )
        self.keywords_reload_success = gauge(
            "tagger_keywords_reload_success",
            "1 when the newest keyword files are in force, 0 when they were refused.",
        )
        self.keywords_from_topic = gauge(
            "tagger_keywords_from_topic",
            "1 while a set stored before is in force because the files were refused at the start.",
        )
        self.keywords_stored = gauge(
            "tagger_keywords_stored",
            "1 when the newest record of the keywords topic is the set of files in force, 0 while it is not stored.",
        )
        self.keywords_reload_time = gauge(
            "tagger_keywords_last_reload_timestamp_seconds",
            "When keyword files were last looked at after a change.",
        )

    def _about_the_group(self) -> None:
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.batches_passed = counter(
            "tagger_batches_passed",
            "Unreadable batches that a replay stepped over: all in them was settled before.",
        )
        self.offsets_changed = counter(
            "tagger_offsets_changed",
            "Partitions assigned whose offset no tagger committed: missing (and the log is not empty) or moved.",
            ["reason"],
        )
        self.partitions_unheld = gauge(
            "tagger_partitions_unheld",
            "Partitions of the topic that no member of the group holds, as this member sees it.",
        )
        self.put_out = counter(
            "tagger_put_out_of_group",
            "Times that the group no longer knew this member: its session was over, or another one has its name.",
        )
        self.rebalances = counter("tagger_rebalances", "Assignments received from the group.")
        self.commits = counter("tagger_commits", "Commits of offsets, by result.", ["result"])
        self.commit_time = gauge("tagger_last_commit_timestamp_seconds", "When offsets were last committed.")

    def _about_what_is_written(self) -> None:
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.kafka_send_failures = counter(
            "tagger_kafka_send_failures",
            "Records that Kafka did not acknowledge in time and that are sent again.",
            ["topic"],
        )
        self.producers_replaced = counter(
            "tagger_producers_replaced", "Producers given up as stuck or broken."
        )
        self.topic_unfit = gauge(
            "tagger_topic_unfit",
            "1 where a topic is wrong for us. kind: missing, compacted, not_compacted, too_small (max.message.bytes).",
            ["topic", "kind"],
        )
        self.records_refused = counter(
            "tagger_records_refused",
            "Decisions and parked items that Kafka will never take, most likely too large for their topic; a decision is "
            "parked instead.",
        )

    def _about_the_process(self) -> None:
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        self.task_restarts = counter(
            "tagger_task_restarts",
            "Background tasks that ended by themselves and were started again.",
            ["task"],
        )
        self.faults = counter(
            "tagger_faults", "Pieces of work that failed by a fault of the tagger itself.", ["error_type"]
        )
        self.admin_connections_closed = counter(
            "tagger_admin_connections_closed",
            "Connections to health and metrics that were closed on the other side, and why: slow, head, unread, body, "
            "chunks, yielded, too_many.",
            ["reason"],
        )
        self.reconciled = counter(
            "tagger_reconciled",
            "Ended threads that the service's own reconcile found missed, or judged on less than LiveChat has.",
            ["found"],
        )
        self.reconcile_failures = counter(
            "tagger_reconcile_failures",
            "Times that the service could not go through all archives; it is part of the next time.",
        )
        self.reconcile_time = gauge(
            "tagger_last_reconcile_timestamp_seconds", "When the service last went through all archives."
        )

    def _show_from_the_start(self) -> None:
        shown: tuple[tuple[Counter | Gauge, Sequence[str]], ...] = (
            (self.task_restarts, ("poll", "mend", "beat", "commits", "log_ends", "unheld")),
            (self.task_restarts, ("keywords", "troubles", "tag_watch", "reconcile")),
            (self.offsets_changed, ("missing", "moved")),
            (self.decisions, get_args(Outcome)),
            (self.api_calls, get_args(Purpose)),
            (self.reconciled, ("missed", "short")),
            (self.tags_doubtful, TAG_DOUBTS),
            (self.backfills, ("done",)),
            (self.tags, ("set", "refused")),
            (self.commits, ("ok", "rebalanced", "failed")),
            # Those that a chat or a tag gets in practice; of the others the second one is seen.
            (self.parked, ("not_found", "validation", "authorization", "missing_access", "not_allowed")),
            (self.parked, ("chat_anonymized", "limit_reached", "incomplete", "unreadable")),
            (self.parked, ("organization_unavailable",)),
        )
        for metric, values in shown:
            for value in values:
                metric.labels(value)
        # A limit that is met for the first time is to be seen, too.
        for result in ("done", "too_many_requests", "pending_requests_limit_reached"):
            self.api_requests.labels(method="tag_thread", result=result)
