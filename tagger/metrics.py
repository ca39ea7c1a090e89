"""Every metric of the tagger, with its meaning; nothing else makes one.

No chat id, text or keyword is ever a label. `rule` is bounded by the keyword files, `organization` is
no label at all. Figures of partitions are read from the live state when Prometheus asks, not kept twice.
What alerts look at is there from the start with 0: Prometheus cannot see a series rise that begins with 1.
"""

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tagger.core.records.decision import Outcome

# When each counter began would be half of all series, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]  # its author left the annotation out
REGISTRY: Final = CollectorRegistry()

# Fine below a second, where a healthy system is; coarse up to the hour that an outage takes.
END_TO_TAG_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

DECISIONS: Final = Counter(
    "tagger_decisions", "Threads settled, by what became of them.", ["outcome"], registry=REGISTRY
)
TAGS: Final = Counter("tagger_tags", "Tags, by what became of them.", ["result"], registry=REGISTRY)
TAG_DOUBTS: Final = ("missing", "other_case", "groups")
TAGS_DOUBTFUL: Final = Gauge(
    "tagger_tags_doubtful",
    "Tags of the rules in force that LiveChat will, or may, refuse, as its list of tags shows.",
    ["kind"],
    registry=REGISTRY,
)
RULE_HITS: Final = Counter("tagger_rule_hits", "Threads in which a rule held.", ["rule"], registry=REGISTRY)
ADMIN_CONNECTIONS_CLOSED: Final = Counter(
    "tagger_admin_connections_closed",
    "Connections to health and metrics that were closed on the other side, and why: slow, head, unread, body, chunks, "
    "yielded, too_many.",
    ["reason"],
    registry=REGISTRY,
)
RULES_NEVER_HIT: Final = Gauge(
    "tagger_rules_never_hit",
    "Rules in force that held in no thread that this process settled.",
    registry=REGISTRY,
)
END_TO_TAG: Final = Histogram(
    "tagger_end_to_tag_seconds",
    "From the record of a thread's end to its settlement.",
    buckets=END_TO_TAG_BUCKETS,
    registry=REGISTRY,
)
LARGE_DECISIONS: Final = Counter(
    "tagger_large_decisions",
    "Threads so large that they were decided outside of the event loop.",
    registry=REGISTRY,
)
PARKED: Final = Counter(
    "tagger_parked", "Items given up and parked, by LiveChat's error type.", ["error_type"], registry=REGISTRY
)
BACKFILLS: Final = Counter(
    "tagger_backfills", "Threads completed by get_chat, by result.", ["result"], registry=REGISTRY
)
API_REQUESTS: Final = Counter(
    "tagger_livechat_requests",
    "Requests to LiveChat's API, by method and class of the answer.",
    ["method", "result"],
    registry=REGISTRY,
)
API_PURPOSES: Final = ("tag", "complete", "reconcile", "tag_list", "probe", "retag")
API_CALLS: Final = Counter(
    "tagger_livechat_calls",
    "Requests to LiveChat's API, by what they are for. LiveChat bills each but those it answers with status 500.",
    ["purpose"],
    registry=REGISTRY,
)
API_SECONDS: Final = Histogram(
    "tagger_livechat_request_seconds",
    "How long LiveChat's API took to answer.",
    ["method"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
    registry=REGISTRY,
)
KEYWORDS_INFO: Final = Gauge(
    "tagger_keywords_info", "1 for the hash of the keyword files in force.", ["hash"], registry=REGISTRY
)
KEYWORDS_RELOAD_SUCCESS: Final = Gauge(
    "tagger_keywords_reload_success",
    "1 when the newest keyword files are in force, 0 when they were refused.",
    registry=REGISTRY,
)
KEYWORDS_FROM_TOPIC: Final = Gauge(
    "tagger_keywords_from_topic",
    "1 while a set stored before is in force because the files were refused at the start.",
    registry=REGISTRY,
)
KEYWORDS_STORED: Final = Gauge(
    "tagger_keywords_stored",
    "1 when the newest record of the keywords topic is the set of files in force, 0 while it is not stored.",
    registry=REGISTRY,
)
KEYWORDS_RELOAD_TIME: Final = Gauge(
    "tagger_keywords_last_reload_timestamp_seconds",
    "When keyword files were last looked at after a change.",
    registry=REGISTRY,
)
TASK_RESTARTS: Final = Counter(
    "tagger_task_restarts",
    "Background tasks that ended by themselves and were started again.",
    ["task"],
    registry=REGISTRY,
)
BATCHES_PASSED: Final = Counter(
    "tagger_batches_passed",
    "Unreadable batches that a replay stepped over: all in them was settled before.",
    registry=REGISTRY,
)
OFFSETS_CHANGED: Final = Counter(
    "tagger_offsets_changed",
    "Partitions assigned whose offset no tagger committed: missing (and the log is not empty) or moved.",
    ["reason"],
    registry=REGISTRY,
)
PARTITIONS_UNHELD: Final = Gauge(
    "tagger_partitions_unheld",
    "Partitions of the topic that no member of the group holds, as this member sees it.",
    registry=REGISTRY,
)
PUT_OUT: Final = Counter(
    "tagger_put_out_of_group",
    "Times that the group no longer knew this member: its session was over, or another one has its name.",
    registry=REGISTRY,
)
REBALANCES: Final = Counter("tagger_rebalances", "Assignments received from the group.", registry=REGISTRY)
COMMITS: Final = Counter("tagger_commits", "Commits of offsets, by result.", ["result"], registry=REGISTRY)
COMMIT_TIME: Final = Gauge(
    "tagger_last_commit_timestamp_seconds", "When offsets were last committed.", registry=REGISTRY
)
KAFKA_SEND_FAILURES: Final = Counter(
    "tagger_kafka_send_failures",
    "Records that Kafka did not acknowledge in time and that are sent again.",
    ["topic"],
    registry=REGISTRY,
)
PRODUCERS_REPLACED: Final = Counter(
    "tagger_producers_replaced", "Producers given up as stuck or broken.", registry=REGISTRY
)
TOPIC_UNFIT: Final = Gauge(
    "tagger_topic_unfit",
    "1 where a topic is wrong for us. kind: missing, compacted, not_compacted, too_small (max.message.bytes).",
    ["topic", "kind"],
    registry=REGISTRY,
)
RECORDS_REFUSED: Final = Counter(
    "tagger_records_refused",
    "Decisions and parked items that Kafka will never take, most likely too large for their topic; a decision is "
    "parked instead.",
    registry=REGISTRY,
)
FAULTS: Final = Counter(
    "tagger_faults",
    "Pieces of work that failed by a fault of the tagger itself.",
    ["error_type"],
    registry=REGISTRY,
)
RECONCILED: Final = Counter(
    "tagger_reconciled",
    "Ended threads that the service's own reconcile found missed, or judged on less than LiveChat has.",
    ["found"],
    registry=REGISTRY,
)
RECONCILE_FAILURES: Final = Counter(
    "tagger_reconcile_failures",
    "Times that the service could not go through all archives; it is part of the next time.",
    registry=REGISTRY,
)
RECONCILE_TIME: Final = Gauge(
    "tagger_last_reconcile_timestamp_seconds",
    "When the service last went through all archives.",
    registry=REGISTRY,
)

# What `core.partition` counts, by its name there: (metric, meaning).
STATE_COUNTERS: Final = {
    "evicted": ("tagger_evicted", "Open threads forgotten because the memory limit was reached."),
    "forgotten": (
        "tagger_forgotten",
        "Threads of which nothing is kept at all because the memory limit was reached.",
    ),
    "shed": (
        "tagger_shed",
        "Ended threads whose text was dropped while they wait, as their organization had its share; asked for later.",
    ),
    "expired": ("tagger_expired", "Open threads forgotten because of their age or silence."),
    "late": ("tagger_late", "Things that came after a thread's end and were judged."),
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
    "ignored_answers": ("tagger_ignored_answers", "Answers to work of an earlier assignment."),
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
        "The offset committed last: nothing below it is unfinished.",
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

for _task in (
    *("poll", "mend", "beat", "commits", "log_ends", "unheld"),
    *("keywords", "troubles", "tag_watch", "reconcile"),
):
    TASK_RESTARTS.labels(task=_task)
for _reason in ("missing", "moved"):
    OFFSETS_CHANGED.labels(reason=_reason)
for _outcome in get_args(Outcome):
    DECISIONS.labels(outcome=_outcome)
for _purpose in API_PURPOSES:
    API_CALLS.labels(purpose=_purpose)
for _found in ("missed", "short"):
    RECONCILED.labels(found=_found)
for _kind in TAG_DOUBTS:
    TAGS_DOUBTFUL.labels(kind=_kind)
BACKFILLS.labels(result="done")
for _result in ("set", "refused"):
    TAGS.labels(result=_result)
for _result in ("ok", "rebalanced", "failed"):
    COMMITS.labels(result=_result)
# Those that a chat or a tag gets in practice; of the others the second one is seen.
for _error_type in (
    *("not_found", "validation", "authorization", "missing_access", "not_allowed", "chat_anonymized"),
    *("limit_reached", "incomplete", "unreadable", "organization_unavailable"),
):
    PARKED.labels(error_type=_error_type)
# A limit that is met for the first time is to be seen, too.
for _result in ("done", "too_many_requests", "pending_requests_limit_reached"):
    API_REQUESTS.labels(method="tag_thread", result=_result)
