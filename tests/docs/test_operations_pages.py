"""Runbook, alerts and dashboard speak of what exists: alerts, metrics, log lines, sections and pages."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.docs import metrics_page

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
RUNBOOK: Final = (DEPLOY / "runbook.md").read_text("utf-8")
DASHBOARD: Final = (DEPLOY / "grafana" / "dashboards" / "livechat-tagger.json").read_text("utf-8")
GROUPS: Final[list[dict[str, Any]]] = yaml.safe_load(
    (DEPLOY / "prometheus" / "rules.yml").read_text("utf-8")
)["groups"]
RULES: Final[list[dict[str, Any]]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS: Final = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED: Final = {rule["record"] for rule in RULES if "record" in rule}
SECTIONS: Final = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
PAGES: Final = [
    *(
        ROOT / name
        for name in ("README.md", "CHANGELOG.md", "config/README.md", "config/history.md", "tests/README.md")
    ),
    *DEPLOY.rglob("*.md"),
    *(ROOT / ".github").glob("*.md"),
    *(ROOT / "examples").rglob("*.md"),
]
PARTS: Final = ["**Meaning.**", "**Impact.**", "**Diagnosis.**", "**Mitigation.**"]
METRIC: Final = re.compile(r"\b(?:ingest|tagger)_[a-z_]+")
# Names in documents that are settings, files or other people's, and look like metrics of ours.
EXPORTED: Final = {
    name
    for row in [*metrics_page.of_ingest(), *metrics_page.of_tagger()]
    for name in (row.name, f"{row.name}_bucket", f"{row.name}_count", f"{row.name}_sum")
}
# Lower-case words in backquotes after "event" or "Log:" are events of our logs.
LOGGED: Final = re.compile(
    r"""
    \ssay\("(\w+)"\ if\ [^"]+\ else\ "(\w+)"
    | \ssay\("(\w+)"
    | (?:log|logger\(\))\.(?:debug|info|warning|error|log)\((?:\w+\.levelno,)?\s*"([^"]+)"
    """,
    re.VERBOSE,
)


def events_of_the_code() -> set[str]:
    sources = [
        path.read_text("utf-8") for name in ("ingest", "tagger") for path in (ROOT / name).rglob("*.py")
    ]
    return {event for source in sources for found in LOGGED.findall(source) for event in found if event}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_bad_it_is_what_is_wrong_and_where_one_reads_on(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")
    link = f'{{{{ or $externalLabels.runbooks "deploy" }}}}/runbook.md#{alert.lower()}'
    assert rule["annotations"]["runbook_url"] == rule["labels"]["runbook"] == link


def test_the_runbook_has_a_section_for_every_alert_and_no_other() -> None:
    assert SECTIONS.keys() == ALERTS.keys()


@pytest.mark.parametrize("alert", SECTIONS)
def test_a_section_tells_meaning_impact_diagnosis_and_mitigation(alert: str) -> None:
    assert re.findall(r"^\*\*\w+\.\*\*", SECTIONS[alert], re.MULTILINE) == PARTS


@pytest.mark.parametrize("page", ["runbook.md", "metrics.md", "sizing.md", "prometheus/rules.yml"])
def test_every_metric_that_a_page_names_is_exported(page: str) -> None:
    named = set(METRIC.findall((DEPLOY / page).read_text("utf-8")))
    assert {name for name in named if not name.endswith("_")} <= EXPORTED | {"tagger_lost_range_total"}


def test_every_metric_of_the_dashboard_is_exported_or_recorded() -> None:
    queries = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    assert queries
    for query in queries:
        assert set(METRIC.findall(query)) <= EXPORTED
        assert set(re.findall(r"\b\w+:\w+(?::\w+)?\b", re.sub(r'"[^"]*"', "", query))) <= RECORDED


def test_every_log_line_that_the_runbook_names_exists() -> None:
    text = re.sub(r"^\| .*?\n", "", RUNBOOK, flags=re.MULTILINE)
    named = {
        event
        for sentence in re.findall(r"[Ll]og: (.*?)(?:\. |\.\n|\Z)", text, re.DOTALL)
        for event in re.findall(r"`([^`]+)`", sentence.replace("\n", " "))
    }
    rows = re.findall(r"^\| .* \| (.*?) \|$", RUNBOOK, re.MULTILINE)
    named |= {event for row in rows for event in re.findall(r"(?:ingest|tagger): `([^`]+)`", row)}
    fields = {"status", "reason", "error_type", "organization", "chat_id", "tag", "where", "count"}
    kinds = set(re.findall(r"error_type=\"(\w+)\"", RUNBOOK))
    assert len(named) > 10
    assert {name for name in named - fields - kinds if not _is_error_type(name)} <= events_of_the_code()


def test_every_event_of_the_log_is_snake_case() -> None:
    odd = [event for event in events_of_the_code() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", event)]
    assert odd == []


def _is_error_type(name: str) -> bool:
    from tagger.livechat.calls.error_types import ALL

    return name in ALL or name.endswith(("Error", "…")) or "Error" in name


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD)["panels"]
    return found


def anchors(page: Path) -> set[str]:
    """Where a link may point to within a page: its headings, as code hosts name them, and marks."""
    text = page.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_and_section_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8"))
    for link, anchor in links:
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), f"{link}#{anchor}"
