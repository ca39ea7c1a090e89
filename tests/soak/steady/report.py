"""The run as a CSV, a plot and some lines."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tagger.simulator.play.summary import percentile
from tests.soak.steady.look import Row

RESULTS: Final = Path(__file__).parent.parent / "results"
WARM: Final = 1 / 3  # of the time
TEN_MINUTES_S: Final = 600.0


def slope(rows: Sequence[Row], name: str) -> float:
    """By least squares, how much a figure grows in ten minutes."""
    xs, ys = [row.at_s for row in rows], [float(getattr(row, name)) for row in rows]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((each - x) ** 2 for each in xs)
    both = sum((one - x) * (other - y) for one, other in zip(xs, ys, strict=True))
    return both / spread * TEN_MINUTES_S if spread else 0.0


def tell(rows: Sequence[Row], seconds: Sequence[float]) -> None:
    warm = [row for row in rows if row.at_s >= rows[-1].at_s * WARM]
    took = [percentile(seconds or [0.0], percent) for percent in (50, 99, 100)]
    print(f"chats          {rows[-1].chats:,}, {len(seconds):,} tags")
    print(f"end to tag     median {took[0]:.3f} s, p99 {took[1]:.3f} s, slowest {took[2]:.2f} s")
    print(f"lag            at most {max(row.lag_records for row in rows):.0f} records")
    for name in ("tagger", "ingest"):
        of = [float(getattr(row, f"{name}_mb")) for row in warm]
        grows = slope(warm, f"{name}_mb")
        print(
            f"memory         {name} {of[0]:.1f} MB after the first third, {of[-1]:.1f} MB at the end, at most {max(of):.1f};"
            f" {grows:+.2f} MB in ten minutes"
        )


def write(rows: Sequence[Row]) -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "steady.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        writer.writerows([f"{value:.6g}" for value in row] for row in rows)
    plot(rows)


def plot(rows: Sequence[Row]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")  # a file, no window
    from matplotlib import pyplot

    minutes = [row.at_s / 60 for row in rows]
    figure, places = pyplot.subplots(3, sharex=True, figsize=(7, 7), layout="constrained")
    shown = (
        ("memory, MB", {"tagger": "tagger_mb", "ingest": "ingest_mb"}),
        ("lag, records", {"lag": "lag_records"}),
        ("end to tag, s", {"median": "tag_p50_s", "p99": "tag_p99_s"}),
    )
    for place, (title, lines) in zip(places, shown, strict=True):
        for label, name in lines.items():
            place.plot(minutes, [getattr(row, name) for row in rows], label=label)
        place.set_ylabel(title)
        place.set_ylim(bottom=0)
        place.legend()
    places[-1].set_xlabel("minutes")
    figure.savefig(RESULTS / "steady.png", dpi=100)
