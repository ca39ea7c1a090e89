"""The figures as a CSV, a plot and a table with what is wanted of them."""

import csv
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

RESULTS: Final = Path(__file__).parent.parent / "results"


class Row(NamedTuple):
    """One server in one round."""

    round: int
    server: str
    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float  # of the server and its children
    non_2xx: int
    socket_errors: int
    half_load_per_s: float  # the rate at which the next two were measured
    half_load_p50_ms: float
    half_load_p99_ms: float


def line(row: Row) -> str:
    return (
        f"round {row.round} {row.server:13} {row.requests_per_s:7,.0f}/s  {row.cpu_us_per_request:4.0f} µs CPU"
        f"  p50 {row.p50_ms:.1f} p99 {row.p99_ms:.1f} ms"
        f"  at half load p50 {row.half_load_p50_ms:.1f} p99 {row.half_load_p99_ms:.1f} ms"
        f"  non-2xx {row.non_2xx}, socket errors {row.socket_errors}"
    )


def middle(rows: list[Row], server: str, field: str) -> float:
    return median(float(getattr(row, field)) for row in rows if row.server == server)


def ratio(rows: list[Row], field: str, server: str, to: str) -> float:
    """Median over the rounds of one server's figure in relation to another's."""
    of = {(row.round, row.server): float(getattr(row, field)) for row in rows}
    return median(of[number, server] / of[number, to] for number in {row.round for row in rows})


def table(rows: list[Row]) -> str:
    told = [
        "",
        "medians        req/s  p50 ms  p99 ms  CPU µs   (min)  CPU of bare  half load: /s  p50 ms  p99 ms  non-2xx",
    ]
    for server in dict.fromkeys(row.server for row in rows):
        figures = {field: middle(rows, server, field) for field in Row._fields[2:]}
        least = min(row.cpu_us_per_request for row in rows if row.server == server)
        told.append(
            f"{server:13}{figures['requests_per_s']:7,.0f}{figures['p50_ms']:8.1f}{figures['p99_ms']:8.1f}"
            f"{figures['cpu_us_per_request']:8.0f}{least:8.0f}"
            f"{ratio(rows, 'cpu_us_per_request', server, 'bare aiohttp'):12.2f}x"
            f"{figures['half_load_per_s']:15,.0f}{figures['half_load_p50_ms']:8.1f}"
            f"{figures['half_load_p99_ms']:8.1f}"
            f"{sum(row.non_2xx for row in rows if row.server == server):9}"
        )
    return "\n".join([*told, "", *wanted(rows)])


def wanted(rows: list[Row]) -> list[str]:
    """Each figure that is wanted of `ingest`, and whether it was met."""
    cpu = ratio(rows, "cpu_us_per_request", "ingest", "bare aiohttp")
    p99_ms = middle(rows, "ingest", "half_load_p99_ms")
    told = [f"{_met(cpu <= 1.1)} CPU a webhook {cpu:.2f} of bare aiohttp's (wanted: at most 1.1)"]
    for server, at_least in (("bare aiohttp", 0.9), ("FastAPI", 2.3), ("Flask", 6.0)):
        rate = ratio(rows, "requests_per_s", "ingest", server)
        cpu_rate = ratio(rows, "cpu_us_per_request", server, "ingest")
        told.append(
            f"{_met(rate >= at_least)} throughput {rate:.2f} of {server}'s (wanted: at least {at_least}); "
            f"by CPU time {cpu_rate:.2f}"
        )
    return [*told, f"{_met(p99_ms < 25)} p99 at half load {p99_ms:.1f} ms (wanted: below 25)"]


def _met(it_is: bool) -> str:
    return "met    " if it_is else "NOT met"


def write(rows: list[Row]) -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "ingest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(
            [f"{value:.4g}" if isinstance(value, float) else value for value in row] for row in rows
        )
    plot(rows)


def plot(rows: list[Row]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")  # a file, no window
    from matplotlib import pyplot

    figure, places = pyplot.subplots(1, 3, figsize=(12, 4), layout="constrained")
    titles = {
        "requests_per_s": "Requests a second",
        "cpu_us_per_request": "CPU µs a request",
        "half_load_p99_ms": "p99 at half load, ms",
    }
    servers = list(dict.fromkeys(row.server for row in rows))
    for place, (field, title) in zip(places, titles.items(), strict=True):
        bars = place.bar(servers, [middle(rows, server, field) for server in servers], color="#9bb8d3")
        place.bar_label(bars, fmt="{:,.0f}", label_type="center")
        for server in servers:
            each = [getattr(row, field) for row in rows if row.server == server]
            place.scatter([server] * len(each), each, s=12, color="#1f3b57")
        place.set_title(title)
    figure.suptitle("Medians; a dot is a round. Others' work on the machine is in the first and the third.")
    figure.savefig(RESULTS / "ingest.png", dpi=100)
