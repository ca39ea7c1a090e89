"""The tables of deploy/metrics.md, made from the metrics: `python -m tests.docs.metrics_page` writes them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from prometheus_client.metrics import MetricWrapperBase

import ingest.metrics
from ingest.runtime import traces
from tagger import metrics

PAGE: Final = Path(__file__).parents[2] / "deploy" / "metrics.md"
TABLE: Final = re.compile(r"<!-- (ingest|tagger) -->\n.*?<!-- end -->", re.DOTALL)


class Row(NamedTuple):
    """One metric as it is exported."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str

    def __str__(self) -> str:
        labels = ", ".join(f"`{label}`" for label in self.labels) or "–"
        return f"| `{self.name}` | {self.type} | {labels} | {self.meaning} |"


def of_ingest() -> list[Row]:
    name, meaning = ingest.metrics.WEBHOOKS
    webhooks = Row(f"{name}_total", "counter", ("action", "result"), meaning)
    made = _made_by_prometheus_client(vars(ingest.metrics.Metrics()).values())
    return sorted({*made, webhooks, _spans("ingest")})


def of_tagger() -> list[Row]:
    return sorted([*_made_by_prometheus_client(vars(metrics.Metrics()).values()), *_made_by_collectors()])


def _made_by_prometheus_client(values: Iterable[object]) -> Iterator[Row]:
    for metric in values:
        owner = getattr(metric, "__wrapped__", metric)  # a cached look-up of labels
        owner = getattr(owner, "__self__", owner)
        if isinstance(owner, MetricWrapperBase):
            # Nothing public tells the labels of a metric that has no sample yet.
            suffix = "_total" if owner._type == "counter" else ""
            yield Row(
                str(owner._name) + suffix, str(owner._type), tuple(owner._labelnames), owner._documentation
            )


def _made_by_collectors() -> Iterator[Row]:
    for metric, meaning in metrics.STATE_COUNTERS.values():
        yield Row(f"{metric}_total", "counter", (), meaning)
    for metric, meaning in metrics.STATE_REASONS.values():
        yield Row(f"{metric}_total", "counter", ("reason",), meaning)
    for metric, meaning in metrics.PARTITION_GAUGES.values():
        yield Row(metric, "gauge", ("topic", "partition"), meaning)
    for metric, meaning in metrics.LIVECHAT_GAUGES.values():
        yield Row(metric, "gauge", (), meaning)
    yield _spans("tagger")
    yield Row(metrics.FAILING[0], "gauge", ("error_type",), metrics.FAILING[1])


def _spans(service: str) -> Row:
    return Row(f"{service}_spans_total", "counter", ("stage",), traces.SPANS)


def filled(page: str) -> str:
    """The page with its tables as they should be."""
    tables = {"ingest": of_ingest(), "tagger": of_tagger()}

    def table(found: re.Match[str]) -> str:
        rows = ["| metric | type | labels | meaning |", "|---|---|---|---|", *map(str, tables[found[1]])]
        return "\n".join([f"<!-- {found[1]} -->", *rows, "<!-- end -->"])

    return TABLE.sub(table, page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
