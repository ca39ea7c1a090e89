"""Every metric of the tagger, with its meaning; no other file makes one.

No chat id, text, keyword or organization is ever a label; `rule` is bounded by the keyword files. Figures of
partitions are read from the live state when Prometheus asks, not kept twice. Series that alerts look at start at 0:
Prometheus cannot see one rise that starts at 1.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tagger.core.records.decision import Outcome
from tagger.livechat.calls.requests import Purpose

# The creation time of each counter would be half of all series, and nobody uses it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left the annotation out
# Fine below a second, where a healthy system is; coarse up to the hour that an outage takes.
END_TO_TAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
TAG_DOUBTS: Final = ("missing", "other_case", "groups")

# What `core.partition` counts, by its name there: (metric, meaning).
STATE_COUNTERS: Final = {
    "evicted": ("tagger_evicted", "Threads deleted because the memory limit was reached."),
    "shed": (
        "tagger_shed",
        "Ended threads whose text was evicted while their organization was over its share.",
    ),
    "expired": ("tagger_expired", "Open threads deleted because of their age or silence."),
    "late": ("tagger_late", "Events after a thread's end that were decided."),
    "repeated_event": ("tagger_repeated_events", "Events that were already known."),
    "repeated_end": ("tagger_repeated_ends", "Ends of threads that had already ended."),
    "events_over_limit": ("tagger_events_over_limit", "Events left out of threads that are too long."),
    "text_cut": ("tagger_texts_cut", "Texts of which only the beginning is kept."),
    "replayed": ("tagger_replayed_records", "Records read again to rebuild open threads."),
    "window_cut": ("tagger_window_cut", "Assignments whose replay was cut off by its limit."),
    "lost_range": ("tagger_lost_range", "Assignments whose committed offset the log no longer reaches."),
    "recreated": ("tagger_recreated", "Assignments whose committed offset is beyond the log's end."),
    "seek_lost": ("tagger_seek_lost", "Seeks that had to be repeated."),
    "resumed": ("tagger_resumed", "Assignments that continued from state in memory."),
    "resume_void": ("tagger_resume_void", "Assignments whose state in memory did not fit the log."),
    "removed_over_limit": (
        "tagger_removed_over_limit",
        "Threads of which it is no longer known in memory what people removed.",
    ),
    "ignored_answers": ("tagger_ignored_answers", "Answers to jobs of an earlier assignment."),
}

# Likewise, with the label `reason`.
STATE_REASONS: Final = {
    "incomplete": ("tagger_incomplete", "Threads that LiveChat had to be asked for, by what was missing."),
    "ignored": ("tagger_ignored", "Records that the tagger does not need."),
    "unreadable": ("tagger_unreadable", "Records that could not be read, by what is wrong with them."),
    "hint_void": ("tagger_hint_void", "Commit metadata that could not be used, by reason."),
    "dropped": ("tagger_dropped", "Records that came while no position was confirmed."),
    "gap": ("tagger_gaps", "Gaps in the log: seen, and read again; believed, as they were there again."),
}

# Reasons that alerts watch: they are shown from the start.
SEEN_TO_RISE: Final = {"gap": ("believed",)}

# What a partition shows of itself: (metric, meaning). All have the labels `topic` and `partition`.
PARTITION_GAUGES: Final = {
    "committed_offset": ("tagger_committed_offset", "The last committed offset: every job below is settled."),
    "position": ("tagger_position", "The next offset to read."),
    "log_end_offset": ("tagger_log_end_offset", "The next offset that will be written."),
    "lag_records": ("tagger_lag_records", "Records from the committed offset to the log's end."),
    "replay_from_offset": ("tagger_replay_from_offset", "The offset that a restart would read from."),
    "replaying": ("tagger_replaying", "1 while open threads are rebuilt after an assignment."),
    "paused": ("tagger_paused", "1 while reading waits for ended threads to be settled."),
    "standing_still": ("tagger_standing_still", "1 while a batch that cannot be read stops the partition."),
    "open_threads": ("tagger_open_threads", "Threads in memory."),
    "open_bytes": ("tagger_open_bytes", "Bytes of the threads in memory, as estimated."),
    "unsettled_threads": ("tagger_unsettled_threads", "Ended threads that are not settled."),
    "unsettled_bytes": ("tagger_unsettled_bytes", "Bytes of the ended threads that are not settled."),
    "oldest_unsettled_age": (
        "tagger_oldest_unsettled_age_seconds",
        "Age of the oldest unsettled end, or of the last record read if more wait.",
    ),
}

# What the client of LiveChat's API shows for all organizations together: (metric, meaning).
LIVECHAT_GAUGES: Final = {
    "rate": ("tagger_livechat_rate_calls_per_second", "Calls a second that the slowest credential may make."),
    "circuits_open": ("tagger_livechat_circuits_open", "Organizations whose calls all failed recently."),
    "in_flight": ("tagger_livechat_calls_in_flight", "Calls that LiveChat has not answered yet."),
    "waiting": ("tagger_livechat_calls_waiting", "Calls that are waiting for their turn."),
    "refusing": ("tagger_livechat_refusing_organizations", "Organizations where all is refused: jobs wait."),
}
FAILING: Final = (
    "tagger_livechat_failing_organizations",
    "Organizations that LiveChat fails as a whole, by its error type.",
)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._rules: frozenset[str] = frozenset()  # shown, as many as the keyword files have
        self._about_threads()
        self._about_livechat()
        self._about_keyword_files()
        self._about_the_group()
        self._about_what_is_written()
        self._about_the_process()
        self._show_from_the_start()
        # To find a series takes as long as to count: these are looked up once.
        self._api_calls, self._api_requests = cache(self.api_calls.labels), cache(self.api_requests.labels)
        self._api_seconds, self.rule_hit = cache(self.api_seconds.labels), cache(self.rule_hits.labels)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        return Gauge(name, meaning, labels, registry=self.registry)

    def on_request(self, method: str, result: str, seconds: float, purpose: str | None) -> None:
        """Count one request to LiveChat; `purpose` None: a person's, from a command."""
        if purpose is not None:
            self._api_calls(purpose).inc()
        self._api_requests(method, result).inc()
        self._api_seconds(method).observe(seconds)

    def show_rules(self, rules: Collection[str]) -> None:
        """Show each of these rules from 0, and no more those that are gone."""
        for rule in self._rules.difference(rules):
            self.rule_hits.remove(rule)
        self.rule_hit.cache_clear()  # what was removed counts no more
        for rule in rules:
            self.rule_hit(rule)
        self._rules = frozenset(rules)

    def _about_threads(self) -> None:
        self.decisions = self._counter(
            "tagger_decisions", "Decisions on threads, by outcome; what comes late makes another.", "outcome"
        )
        self.tags = self._counter("tagger_tags", "Tags that were called for, by result.", "result")
        self.corrections = self._counter(
            "tagger_corrections", "Tags that people set or removed, recorded as corrections.", "change"
        )
        self.recalls = self._counter(
            "tagger_recalls",
            "Look-ups on the topic of decisions of what people removed from a chat that was not seen from its beginning.",
            "result",
        )
        self.tags_doubtful = self._gauge(
            "tagger_tags_doubtful", "Tags of the rules in force that LiveChat may refuse.", "kind"
        )
        self.rule_hits = self._counter("tagger_rule_hits", "Threads in which a rule in force held.", "rule")
        self.rules_never_hit = self._gauge(
            "tagger_rules_never_hit", "Rules in force that held in no thread of this process."
        )
        self.end_to_tag = Histogram(
            "tagger_end_to_tag_seconds",
            "From the record of a thread's end until it is settled.",
            buckets=END_TO_TAG_BUCKETS,
            registry=self.registry,
        )
        self.large_decisions = self._counter(
            "tagger_large_decisions", "Threads so large that they were decided in a thread pool."
        )
        self.parked = self._counter(
            "tagger_parked", "Items given up and parked, by LiveChat's error type.", "error_type"
        )
        self.backfills = self._counter(
            "tagger_backfills", "Threads completed by get_chat, by result.", "result"
        )

    def _about_livechat(self) -> None:
        self.api_requests = self._counter(
            "tagger_livechat_requests", "Requests to LiveChat, by method and result.", "method", "result"
        )
        self.api_calls = self._counter(
            "tagger_livechat_calls",
            "Requests to LiveChat's API, by purpose. LiveChat bills all but those it answers with status 500.",
            "purpose",
        )
        self.api_seconds = Histogram(
            "tagger_livechat_request_seconds",
            "How long LiveChat took to answer.",
            ["method"],
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
            registry=self.registry,
        )

    def _about_keyword_files(self) -> None:
        self.keywords_info = self._gauge(
            "tagger_keywords_info", "1 for the hash of the keyword files in force.", "hash"
        )
        self.keywords_reload_success = self._gauge(
            "tagger_keywords_reload_success", "1 if the newest keyword files are in force, 0 if refused."
        )
        self.keywords_from_topic = self._gauge(
            "tagger_keywords_from_topic", "1 while a stored set serves because the files were refused."
        )
        self.keywords_stored = self._gauge(
            "tagger_keywords_stored", "1 if the keyword files in force are on the keywords topic."
        )
        self.keyword_files_overlooked = self._gauge(
            "tagger_keyword_files_overlooked",
            "Files and folders among the keyword files that look meant and are not read.",
        )
        self.keywords_reload_time = self._gauge(
            "tagger_keywords_last_reload_timestamp_seconds", "When changed keyword files were last read."
        )

    def _about_the_group(self) -> None:
        self.batches_passed = self._counter(
            "tagger_batches_passed", "Unreadable, settled batches that a replay stepped over."
        )
        self.offsets_changed = self._counter(
            "tagger_offsets_changed", "Assigned partitions whose offset no tagger committed.", "reason"
        )
        self.partitions_unheld = self._gauge(
            "tagger_partitions_unheld", "Partitions of the topic that no member of the group holds."
        )
        self.put_out = self._counter(
            "tagger_put_out_of_group",
            "Times that the group put this member out: its session expired, or another member has its name.",
        )
        self.rebalances = self._counter("tagger_rebalances", "Assignments received from the group.")
        self.commits = self._counter("tagger_commits", "Commits of offsets, by result.", "result")
        self.commit_time = self._gauge(
            "tagger_last_commit_timestamp_seconds", "When offsets were last committed."
        )

    def _about_what_is_written(self) -> None:
        self.kafka_send_failures = self._counter(
            "tagger_kafka_send_failures", "Records sent again as Kafka did not acknowledge them.", "topic"
        )
        self.producers_replaced = self._counter(
            "tagger_producers_replaced", "Producers replaced because they were stuck or broken."
        )
        self.topic_unfit = self._gauge(
            "tagger_topic_unfit",
            "1 if a topic is unfit. kind: missing, compacted, not_compacted, too_small (max.message.bytes).",
            "topic",
            "kind",
        )
        self.records_refused = self._counter(
            "tagger_records_refused",
            "Decisions and parked items that Kafka will never accept, most likely as too large; decisions are parked.",
        )

    def _about_the_process(self) -> None:
        self.task_restarts = self._counter(
            "tagger_task_restarts", "Background tasks that ended unexpectedly and were started again.", "task"
        )
        self.faults = self._counter(
            "tagger_faults", "Failures caused by a fault of the tagger itself.", "error_type"
        )
        self.admin_connections_closed = self._counter(
            "tagger_admin_connections_closed",
            "Connections to health and metrics that we closed: slow, head, unread, body, chunks, yielded, too_many.",
            "reason",
        )
        self.reconciled = self._counter(
            "tagger_reconciled",
            "Ended threads that the service's reconcile found missed, or decided on less than LiveChat has.",
            "found",
        )
        self.reconcile_failures = self._counter(
            "tagger_reconcile_failures", "Reconcile runs that left something to the next one."
        )
        self.reconcile_time = self._gauge(
            "tagger_last_reconcile_timestamp_seconds", "When the service last checked all archives."
        )

    def _show_from_the_start(self) -> None:
        shown: tuple[tuple[Counter | Gauge, Sequence[str]], ...] = (
            (self.task_restarts, ("poll", "recover", "beat", "commits", "log_ends", "unheld")),
            (self.task_restarts, ("keywords", "troubles", "tag_watch", "reconcile")),
            (self.offsets_changed, ("missing", "moved")),
            (self.decisions, get_args(Outcome)),
            (self.api_calls, get_args(Purpose)),
            (self.reconciled, ("missed", "short")),
            (self.tags_doubtful, TAG_DOUBTS),
            (self.backfills, ("done",)),
            (self.tags, ("set", "refused", "held_back")),
            (self.corrections, ("added", "removed")),
            (self.recalls, ("done", "failed")),
            (self.commits, ("ok", "rebalanced", "failed")),
            # Those seen in practice; for the others, the second one is seen to rise.
            (self.parked, ("not_found", "validation", "authorization", "missing_access", "not_allowed")),
            (self.parked, ("chat_anonymized", "limit_reached", "incomplete", "unreadable")),
            (self.parked, ("organization_unavailable",)),
        )
        for metric, values in shown:
            for value in values:
                metric.labels(value)
        # A limit that is hit for the first time must show, too.
        for result in ("done", "too_many_requests", "pending_requests_limit_reached"):
            self.api_requests.labels(method="tag_thread", result=result)
