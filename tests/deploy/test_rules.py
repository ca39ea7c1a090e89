"""Every alert fires when it should and is silent when it should not be, says `promtool test rules`.

A row: the series that make the alert fire at the minute that is named, and what of them is different where
nothing is wrong; None: that series is not there. Values are promtool's: `0x60 1+1x60` is 61 times 0, 1, 2, …
"""

import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.deadline import DEADLINE_S

RULES: Final = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"
GROUPS: Final[list[dict[str, Any]]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
ALERTS: Final[list[dict[str, Any]]] = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
WEEK: Final = 7 * 24 * 2  # in steps of 30 minutes
Series = dict[str, str]

UP_TAGGER: Final = 'up{job="tagger",instance="t"}'
UP_INGEST: Final = 'up{job="ingest",instance="i"}'
AGE: Final = "tagger_oldest_unsettled_age_seconds"
LAG: Final = "tagger_lag_records"
COMMIT: Final = 'tagger_last_commit_timestamp_seconds{instance="t"}'
REPLAYING: Final = 'tagger_replaying{instance="t",partition="0"}'
LAST: Final = "ingest_last_webhook_timestamp_seconds"
GAPS: Final = 'tagger_gaps_total{reason="believed"}'
SECRET: Final = 'ingest_refusals_total{reason="secret"}'


def webhooks(action: str = "incoming_event", result: str = "kafka") -> str:
    return f'ingest_webhooks_total{{action="{action}",result="{result}"}}'


def requests(result: str) -> str:
    return f'tagger_livechat_requests_total{{method="tag_thread",result="{result}"}}'


def calls(purpose: str) -> str:
    return f'tagger_livechat_calls_total{{purpose="{purpose}"}}'


def failing(error_type: str) -> str:
    return f'tagger_livechat_failing_organizations{{error_type="{error_type}"}}'


class Row(NamedTuple):
    alert: str
    at_min: int
    fires: Series
    silent: dict[str, str | None]
    step_min: int = 1  # from one value to the next


ROWS: Final = [
    Row("IngestDown", 5, {UP_INGEST: "1 0x9"}, {UP_INGEST: "1x10"}),
    Row("IngestDown", 5, {UP_TAGGER: "1x10"}, {UP_INGEST: "1x10"}),
    Row(
        "WebhooksNotStored",
        4,
        {webhooks(result="not_stored"): "0 0 0 1 1"},
        {webhooks(result="not_stored"): "1x9"},
    ),
    Row(
        "WebhooksNotStored",
        4,
        {webhooks(result="refused"): "0 0 0 1 1"},
        {webhooks(result="refused"): "1x9", 'ingest_refusals_total{reason="secret"}': "0+1x9"},
    ),
    Row(
        "WebhooksNotStored",
        4,
        {'ingest_refusals_total{reason="busy"}': "0 0 0 1 1"},
        {'ingest_refusals_total{reason="busy"}': "1x9", webhooks(): "0+9x9"},
    ),
    Row(
        "WebhooksNotStored",
        4,
        {'ingest_refusals_total{reason="error"}': "0 0 0 1 1"},
        {'ingest_refusals_total{reason="error"}': None, webhooks(): "0+9x9"},
    ),
    Row("IngestKafkaAway", 3, {"ingest_kafka_up": "1 0x9"}, {"ingest_kafka_up": "1 1 0 1 1"}),
    Row("SpoolInUse", 4, {"ingest_spooling": "0 1x9"}, {"ingest_spooling": "0 0 1 1 0"}),
    Row(
        "SpoolFailing",
        4,
        {'ingest_spool_failures_total{reason="full"}': "0 0 0 1 1"},
        {'ingest_spool_failures_total{reason="full"}': "1x9"},
    ),
    Row(
        "RecordsSetAside",
        4,
        {"ingest_records_set_aside_total": "0 0 1 1 1"},
        {"ingest_records_set_aside_total": "0x9"},
    ),
    Row(
        "TopicUnfit",
        5,
        {'ingest_topic_unfit{instance="i",topic="t",kind="compacted"}': "0 1x9"},
        {'ingest_topic_unfit{instance="i",topic="t",kind="compacted"}': "0 1 0x9"},
    ),
    Row(
        "TopicUnfit",
        5,
        {
            'tagger_topic_unfit{instance="t",topic="d",kind="missing"}': "0 1x9",
            'ingest_topic_unfit{instance="i",topic="w",kind="missing"}': "0x9",
        },
        {'tagger_topic_unfit{instance="t",topic="d",kind="missing"}': "0x9"},
    ),
    Row(
        "SecretRefused",
        12,
        {SECRET: "0+2x20", webhooks(): "0x20"},
        {SECRET: "0+2x20", webhooks(): "0+100x20"},
    ),
    Row("SecretRefused", 12, {SECRET: "0+2x20", webhooks(): "0x20"}, {SECRET: "0 1x20"}),
    Row("WebhooksNeverCame", 31, {LAST: "0x60"}, {LAST: "0x10 600x60"}),
    # It came for a day, and then not for two.
    Row("WebhooksNeverCame", 60 * 72, {LAST: f"0+3600x24 {24 * 3600}x60"}, {LAST: "0+3600x90"}, step_min=60),
    # Restarted in a quiet night: nothing came since, but something came that day.
    Row("WebhooksNeverCame", 90, {LAST: "0x100"}, {LAST: "60x10 0x100"}),
    Row(
        "WebhooksSilent",
        30 * (WEEK + 3),
        {LAST: f"{WEEK * 1800}x{WEEK + 9}", webhooks(): f"0+30x{WEEK} {WEEK * 30}x9"},
        {LAST: f"{(WEEK + 3) * 1800 - 600}x{WEEK + 9}"},  # the last came 10 minutes ago
        step_min=30,
    ),
    Row(
        "WebhooksSilent",
        30 * (WEEK + 3),
        {LAST: f"{WEEK * 1800}x{WEEK + 9}", webhooks(): f"0+30x{WEEK} {WEEK * 30}x9"},
        {webhooks(): f"0x9 0+30x{WEEK - 10} {WEEK * 30}x9"},  # a week ago it was as quiet
        step_min=30,
    ),
    # Restarted in a quiet moment: the gauge begins with 0, and something came 8 minutes ago.
    Row(
        "WebhooksSilent",
        30 * (WEEK + 3),
        {LAST: f"{WEEK * 1800}x{WEEK + 9}", webhooks(): f"0+30x{WEEK} {WEEK * 30}x9"},
        {LAST: f"0x{WEEK + 1} {(WEEK + 3) * 1800 - 600} 0x9"},
        step_min=30,
    ),
    Row(
        "ActionMissing",
        400,
        {webhooks("chat_deactivated"): "0x500", webhooks("incoming_chat"): "0+1x500"},
        {webhooks("chat_deactivated"): "0+1x500"},
    ),
    Row(
        "ActionMissing",
        400,
        {webhooks("chat_deactivated"): "0x500", webhooks("incoming_chat"): "0+1x500"},
        {webhooks("incoming_chat"): "0x390 1+1x100"},  # too few to tell
    ),
    Row(
        "IngestTaskRestarts",
        5,
        {'ingest_task_restarts_total{task="spool"}': "0 0 0 1 1 1"},
        {'ingest_task_restarts_total{task="spool"}': "7x9"},
    ),
    Row(
        "TaggerTaskRestarts",
        5,
        {'tagger_task_restarts_total{task="poll"}': "0 0 0 1 1 1"},
        {'tagger_task_restarts_total{task="poll"}': "7x9"},
    ),
    # One of two members knows it; the other one could not look.
    Row(
        "PartitionsUnheld",
        4,
        {'tagger_partitions_unheld{instance="t"}': "2x9", 'tagger_partitions_unheld{instance="u"}': "0x9"},
        {'tagger_partitions_unheld{instance="t"}': "2 2 0x9"},  # as long as a rebalance takes
    ),
    Row(
        "PartitionStandsStill",
        3,
        {'tagger_standing_still{partition="1"}': "1x9", 'tagger_standing_still{partition="0"}': "0x9"},
        {'tagger_standing_still{partition="1"}': "1 0x9"},
    ),
    Row(
        "PartitionNotRead",
        11,
        {
            'tagger_log_end_offset{partition="1"}': "50+1x19",
            'tagger_position{partition="1"}': "40x19",
            'tagger_paused{partition="1"}': "0x19",
            'tagger_standing_still{partition="1"}': "0x19",
        },
        {
            'tagger_log_end_offset{partition="1"}': "50+1x19",
            'tagger_position{partition="1"}': "40+1x19",  # it lags, but moves
            'tagger_paused{partition="1"}': "0x19",
            'tagger_standing_still{partition="1"}': "0x19",
        },
    ),
    Row(
        "GroupUnstable",
        12,
        {'tagger_put_out_of_group_total{instance="t"}': "0+1x20"},
        {'tagger_put_out_of_group_total{instance="t"}': "0x5 1x20"},
    ),
    Row(
        "GroupUnstable",
        12,
        {'tagger_rebalances_total{instance="t"}': "0+5x20"},
        {'tagger_rebalances_total{instance="t"}': "0+1x8 8x20"},  # members are rolled
    ),
    Row(
        "OffsetsChanged",
        5,
        {'tagger_offsets_changed_total{reason="moved"}': "_ _ 1 1 1 1"},
        {'tagger_offsets_changed_total{reason="moved"}': "_ _ 0 0 0 0"},
    ),
    Row(
        "OffsetsChanged",
        90,
        {'tagger_offsets_changed_total{reason="missing"}': "0x80 3x20"},
        {'tagger_offsets_changed_total{reason="missing"}': "3x100"},
    ),
    Row("TaggerDown", 5, {UP_TAGGER: "1 0x9"}, {UP_TAGGER: "1x10"}),
    # One of two is enough.
    Row("TaggerDown", 5, {UP_TAGGER: "1 0x9"}, {'up{job="tagger",instance="other"}': "1x10"}),
    Row("PartitionsUnassigned", 5, {UP_TAGGER: "1x10"}, {'tagger_log_end_offset{partition="0"}': "9x10"}),
    Row("PartitionsUnassigned", 5, {UP_TAGGER: "1x10"}, {UP_TAGGER: "0x10"}),  # TaggerDown tells that
    Row("CommitsStopped", 5, {COMMIT: "0x10", REPLAYING: "0x10"}, {COMMIT: "0+60x10"}),
    Row("CommitsStopped", 5, {COMMIT: "0x10", REPLAYING: "0x10"}, {REPLAYING: "1x10"}),
    Row("CommitsStopped", 5, {COMMIT: "0x10", REPLAYING: "0x10"}, {REPLAYING: None}),  # a member too many
    Row("ObjectiveMissed", 10, {AGE: "0+60x20"}, {AGE: "0+60x6 0x20"}),
    Row("ObjectiveMissed", 10, {AGE: "0+60x20"}, {AGE: "299x20"}),
    Row(
        "DecisionsRefused",
        4,
        {"tagger_records_refused_total": "0 0 1 1 1"},
        {"tagger_records_refused_total": "1x9"},
    ),
    Row(
        "LagGrowsAndLiveChatFails",
        10,
        {LAG: "0+50x20", requests("timeout"): "0+9x20", requests("done"): "0+1x20"},
        {requests("done"): "0+99x20"},
    ),
    Row(
        "LagGrowsAndLiveChatFails",
        10,
        {LAG: "0+50x20", "tagger_livechat_circuits_open": "1x20"},
        {LAG: "0x20"},
    ),
    Row(
        "LagGrows",
        25,
        {LAG: "0+50x30", AGE: "0+30x30", requests("done"): "0+9x30"},
        {requests("timeout"): "0+9x30"},
    ),
    Row("LagGrows", 25, {LAG: "0+50x30", AGE: "0+30x30", requests("done"): "0+9x30"}, {AGE: "9x30"}),
    Row(
        "TokenRefused",
        3,
        {failing("authentication"): "0 1x9"},
        {failing("authentication"): None, failing("timeout"): "1x9"},
    ),
    Row("TokenRefused", 3, {failing("token_refresh"): "0 1x9"}, {failing("token_refresh"): "0 1 0 0"}),
    Row(
        "LiveChatLimits",
        10,
        {requests("too_many_requests"): "0+9x20", AGE: "90x20"},
        {AGE: "10x20"},  # the rate is sought by trying, so a 429 now and then is nothing
    ),
    Row(
        "CallsAChatHigh",
        90,
        {calls("tag"): "0+5x100", 'tagger_tags_total{result="set"}': "0+1x100"},
        {
            calls("tag"): "0+5x100",
            calls("reconcile"): "0+50x100",
            'tagger_tags_total{result="set"}': "0+4x100",
        },
    ),
    Row(
        "EverythingRefused",
        3,
        {"tagger_livechat_refusing_organizations": "1x9"},
        {"tagger_livechat_refusing_organizations": "0x9"},
    ),
    Row(
        "ParkedGrows",
        5,
        {'tagger_parked_total{error_type="not_found"}': "0 0 0 1 1 1"},
        {'tagger_parked_total{error_type="not_found"}': "7x9"},
    ),
    Row(
        "ChatsMissed",
        5,
        {'tagger_reconciled_total{found="missed"}': "0 0 0 2 2 2"},
        {'tagger_reconciled_total{found="missed"}': "2x9", 'tagger_reconciled_total{found="short"}': "0+1x9"},
    ),
    Row(
        "ReconcileFails",
        130,
        {"tagger_reconcile_failures_total": "0+1x200", "tagger_last_reconcile_timestamp_seconds": "0x200"},
        {"tagger_last_reconcile_timestamp_seconds": "0x60 3600x200"},  # an hour ago it went through
    ),
    # Where nobody asked for it, nothing fails.
    Row(
        "ReconcileFails",
        130,
        {"tagger_reconcile_failures_total": "0+1x200", "tagger_last_reconcile_timestamp_seconds": "0x200"},
        {"tagger_reconcile_failures_total": "0x200"},
    ),
    Row(
        "TagsMissing",
        15,
        {'tagger_tags_doubtful{kind="missing"}': "1x20"},
        {'tagger_tags_doubtful{kind="missing"}': "0x20", 'tagger_tags_doubtful{kind="groups"}': "3x20"},
    ),
    Row(
        "NoCredentials",
        5,
        {'tagger_decisions_total{outcome="no_credentials"}': "0 0 1 2 3 4"},
        {'tagger_decisions_total{outcome="no_credentials"}': "0x9"},
    ),
    Row(
        "TaggerFaults",
        5,
        {'tagger_faults_total{error_type="KeyError"}': "_ _ _ 1 1 1"},
        {'tagger_faults_total{error_type="KeyError"}': None, AGE: "0x9"},
    ),
    Row(
        "TaggerFaults",
        30,
        {'tagger_faults_total{error_type="KeyError"}': "1x20 2x20"},
        {'tagger_faults_total{error_type="KeyError"}': "1x40"},
    ),
    Row(
        "KeywordsRefused",
        3,
        {'tagger_keywords_reload_success{instance="t"}': "1 0x9"},
        {'tagger_keywords_reload_success{instance="t"}': "1 0 1x9"},
    ),
    Row(
        "KeywordsNotStored",
        70,
        {
            'tagger_keywords_stored{instance="t"}': "0x80",
            'tagger_keywords_from_topic{instance="t"}': "0x80",
        },
        {
            'tagger_keywords_stored{instance="t"}': "0x10 1x70",
            'tagger_keywords_stored{instance="u"}': "0x80",
            'tagger_keywords_from_topic{instance="t"}': "0x80",
            'tagger_keywords_from_topic{instance="u"}': "1x80",
        },
    ),
    Row(
        "KeywordsDiffer",
        12,
        {
            'tagger_keywords_info{instance="t",hash="a"}': "1x20",
            'tagger_keywords_info{instance="u",hash="b"}': "1x20",
        },
        {
            'tagger_keywords_info{instance="u",hash="b"}': None,
            'tagger_keywords_info{instance="u",hash="a"}': "1x20",
        },
    ),
    Row("ReplayLong", 8, {REPLAYING: "1x20"}, {REPLAYING: "1x3 0x20"}),
    Row(
        "MemoryLimitBites",
        5,
        {"tagger_evicted_total": "0 0 0 5 5 5"},
        {"tagger_evicted_total": "5x9"},
    ),
    Row(
        "RecordsLost",
        5,
        {"tagger_lost_range_total": "_ _ 1 1 1 1", "tagger_recreated_total": "_ _ 0 0 0 0"},
        {"tagger_lost_range_total": "_ _ 0 0 0 0"},
    ),
    Row(
        "RecordsLost",
        90,
        {"tagger_recreated_total": "0x80 1x20", "tagger_lost_range_total": "0x100"},
        {"tagger_recreated_total": "1x100"},
    ),
    Row(
        "RecordsLost",
        90,
        {"tagger_lost_range_total": "0x80 1x20", "tagger_recreated_total": "0x100"},
        {"tagger_lost_range_total": "1x100"},
    ),
    Row(
        "RecordsMissing",
        90,
        {GAPS: "0x80 1x20", 'tagger_gaps_total{reason="seen"}': "0x80 1x20"},
        {GAPS: "0x100", 'tagger_gaps_total{reason="seen"}': "0x80 3x20"},
    ),
    Row("RecordsMissing", 5, {GAPS: "_ _ 1 1 1 1"}, {GAPS: "_ _ 0 0 0 0"}),
]


def run_by(promtool: str, folder: Path, test: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    file = folder / "rules_test.yml"
    file.write_text(yaml.safe_dump(test), "utf-8")
    return subprocess.run(
        [promtool, "test", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def fires(promtool: str, folder: Path, row: Row, series: Series) -> bool:
    """Whether the alert fires then. promtool is asked for both answers, so that an error is neither."""
    query = f'count(ALERTS{{alertname="{row.alert}",alertstate="firing"}}) >= bool 1'
    step, results = f"{row.step_min}m", []
    for expected in ([{"labels": "{}", "value": 1}], []):
        test = {
            "rule_files": [str(RULES)],
            "evaluation_interval": step,
            "group_eval_order": [group["name"] for group in GROUPS],  # promtool's own changes from run to run
            "tests": [
                {
                    "interval": step,
                    "input_series": [{"series": name, "values": values} for name, values in series.items()],
                    "promql_expr_test": [
                        {"expr": query, "eval_time": f"{row.at_min}m", "exp_samples": expected}
                    ],
                }
            ],
        }
        run = run_by(promtool, folder, test)
        results.append((run.returncode == 0, run.stdout + run.stderr))
    assert results[0][0] != results[1][0], results
    return results[0][0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.alert)
def test_an_alert_fires_when_it_should_and_is_silent_when_it_should_not(
    promtool: str, tmp_path: Path, row: Row
) -> None:
    assert fires(promtool, tmp_path, row, row.fires)
    right = {name: values for name, values in {**row.fires, **row.silent}.items() if values is not None}
    assert not fires(promtool, tmp_path, row, right)


@pytest.mark.parametrize(
    ("labels", "folder"),
    [({}, "deploy"), ({"runbooks": "https://git.example.com/deploy"}, "https://git.example.com/deploy")],
)
def test_an_alert_links_to_its_section_at_the_address_of_one_label(
    promtool: str, tmp_path: Path, labels: dict[str, str], folder: str
) -> None:
    link = f"{folder}/runbook.md#ingestdown"
    summary = "No `ingest` is up. LiveChat retries a webhook for about a minute; then it is lost."
    alert = {
        "exp_labels": {"severity": "critical", "runbook": link},
        "exp_annotations": {"summary": summary, "runbook_url": link},
    }
    test = {
        "rule_files": [str(RULES)],
        "tests": [
            {
                "interval": "1m",
                "external_labels": labels,
                "input_series": [{"series": UP_INGEST, "values": "0x9"}],
                "alert_rule_test": [{"eval_time": "5m", "alertname": "IngestDown", "exp_alerts": [alert]}],
            }
        ],
    }
    run = run_by(promtool, tmp_path, test)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_a_row() -> None:
    assert {row.alert for row in ROWS} == {rule["alert"] for rule in ALERTS}


def test_promtool_finds_nothing_wrong_with_the_files(promtool: str) -> None:
    """The configuration names the rules, so both are looked at."""
    config = str(RULES.with_name("prometheus.yml"))
    run = subprocess.run(
        [promtool, "check", "config", config], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
