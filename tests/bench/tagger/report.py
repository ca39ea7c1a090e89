"""The figures as a CSV, a plot and a table with what is wanted of them."""

import csv
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

RESULTS: Final = Path(__file__).parent.parent / "results"


class Row(NamedTuple):
    """One program in one round."""

    round: int
    program: str
    chats: int
    cpu_us_a_chat: float  # without start-up
    chats_per_s: float
    calls: int  # tags set


def line(row: Row) -> str:
    return (
        f"round {row.round} {row.program:8}{row.cpu_us_a_chat:8,.0f} µs CPU a chat {row.chats_per_s:8,.0f} chats/s"
        f"{row.calls:8} calls"
    )


def ratio(rows: Sequence[Row], field: str, program: str, to: str) -> float:
    """Median over the rounds of one program's figure in relation to another's."""
    of = {(row.round, row.program): float(getattr(row, field)) for row in rows}
    return median(of[number, program] / of[number, to] for number in sorted({row.round for row in rows}))


def table(rows: Sequence[Row]) -> str:
    programs = list(dict.fromkeys(row.program for row in rows))
    told = ["", "medians    CPU µs a chat   (min)  CPU of bare   chats/s a core (calculated)"]
    for program in programs:
        each = [row.cpu_us_a_chat for row in rows if row.program == program]
        told.append(
            f"{program:10}{median(each):14,.0f}{min(each):8,.0f}"
            f"{ratio(rows, 'cpu_us_a_chat', program, 'bare'):12.2f}x{1e6 / median(each):18,.0f}"
        )
    return "\n".join([*told, "", *wanted(rows, programs)])


def wanted(rows: Sequence[Row], programs: Sequence[str]) -> list[str]:
    """Each figure that is wanted of `tagger run`, and whether it was met."""
    if not {"bare", "tagger"} <= {*programs}:
        return []
    cpu = ratio(rows, "cpu_us_a_chat", "tagger", "bare")
    told = [
        f"{_met(cpu <= 1.9)} CPU a chat {cpu:.2f} of the bare program's (wanted: at most 1.9; 1.6 is the aim)"
    ]
    if "thinking" in programs:
        core = ratio(rows, "cpu_us_a_chat", "thinking", "bare")
        service = ratio(rows, "cpu_us_a_chat", "tagger", "thinking")
        told.append(
            f"the core alone takes {core:.2f} times the bare program's; the tagger {service:.2f} times that"
        )
    for program in ("quix", "sqlite"):
        if program in programs:
            times = ratio(rows, "cpu_us_a_chat", program, "tagger")
            told.append(
                f"{_met(times >= 3)} throughput {times:.1f} of {program}'s by CPU time (wanted: at least 3)"
            )
        else:
            told.append(f"{program} was not measured")
    return told


def _met(it_is: bool) -> str:
    return "met    " if it_is else "NOT met"


def write(rows: Sequence[Row]) -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "tagger.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows(
            [f"{value:.5g}" if isinstance(value, float) else value for value in row] for row in rows
        )
    plot(rows)


def plot(rows: Sequence[Row]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")  # a file, no window
    from matplotlib import pyplot

    figure, place = pyplot.subplots(figsize=(6, 4), layout="constrained")
    programs = list(dict.fromkeys(row.program for row in rows))
    of = {name: [row.cpu_us_a_chat for row in rows if row.program == name] for name in programs}
    bars = place.bar(programs, [median(of[name]) for name in programs], color="#9bb8d3")
    place.bar_label(bars, fmt="{:,.0f}", label_type="center")
    for name in programs:
        place.scatter([name] * len(of[name]), of[name], s=12, color="#1f3b57")
    place.set_title("CPU µs a chat of 21 records; medians, a dot is a round")
    figure.savefig(RESULTS / "tagger.png", dpi=100)
