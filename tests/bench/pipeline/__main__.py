"""From a webhook to the tag: `ingest`, Kafka, `tagger run` and LiveChat, all on this machine.

    python -m tests.bench.pipeline [--seconds 6] [--rounds 3] [--step 1000] [--highest 12000]

A real Apache Kafka with 6 partitions, chats of 21 webhooks of 40 organizations, 1,000 keywords, a LiveChat that answers
at once, and a sender that sends at a rate whatever the answers do; nobody has a core of their own. (1) Rising rates,
until p99 from a chat's end to its tag passes 1 s. (2) A quarter, half and three quarters of that rate, and 1,500/s live
and from a backlog, in turn. (3) Half of it with a tagger that says where the milliseconds go. Times count from when a
webhook was due. Other work on the machine lengthens all of them; CPU time less so.
"""

import csv
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from subprocess import CalledProcessError
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.pipeline.stage import Run, Stage, on_stage
from tests.kafka.broker import start
from tests.options import given

RESULTS: Final = Path(__file__).parent.parent / "results" / "pipeline.csv"
TAG_P99_MS_MAX: Final = 1_000.0
COMPARED_RATE: Final = 1_500.0
BACKLOG_RATE: Final = 3_000.0  # at which what becomes the backlog is sent
LIVE_TO_BACKLOG_MAX: Final = 1.5


def line(run: Run) -> str:
    return (
        f"{run.what:8} {run.rate:7,.0f}/s {run.webhooks:7,} webhooks, {run.refused} refused; answered p50"
        f" {run.answer_p50_ms:.1f} p99 {run.answer_p99_ms:.1f} ms; end to tag p50 {run.tag_p50_ms:.1f} p99"
        f" {run.tag_p99_ms:.1f} ms; CPU a webhook: ingest {run.ingest_us:.0f}, tagger {run.tagger_us:.0f} µs"
    )


def rise(stage: Stage, seconds: float, step: float, highest: float) -> tuple[list[Run], float]:
    """Runs at rising rates, and the highest at which tags came in time."""
    runs: list[Run] = []
    reached, rate = 0.0, step
    while rate <= highest:
        try:
            run, _ = stage.load(rate, seconds, "rising")
        except CalledProcessError:  # answers did not come in time
            break
        runs.append(run)
        print(line(run), flush=True)
        if run.tag_p99_ms > TAG_P99_MS_MAX or run.refused:
            break
        reached, rate = rate, rate + step
    return runs, reached


def compare(stage: Stage, seconds: float, reached: float, rounds: int) -> list[Run]:
    runs: list[Run] = []
    for _ in range(rounds):
        for share in (0.25, 0.5, 0.75):
            runs.append(stage.load(share * reached, seconds)[0])
            print(line(runs[-1]), flush=True)
        for what, rate in (("backlog", BACKLOG_RATE), ("1500", COMPARED_RATE)):
            run, _ = stage.load(rate, seconds * COMPARED_RATE / rate, what)
            runs.append(run)
            print(line(run), flush=True)
    return runs


def tell(runs: Sequence[Run], reached: float) -> None:
    print(f"\np99 from end to tag stays below {TAG_P99_MS_MAX / 1000:.0f} s up to {reached:,.0f} webhooks/s")
    for what, rate in dict.fromkeys((run.what, run.rate) for run in runs if run.what != "rising"):
        same = [run for run in runs if (run.what, run.rate) == (what, rate)]
        of = {field: median(getattr(run, field) for run in same) for field in Run._fields[4:]}
        print(line(Run(what, rate, same[0].webhooks, sum(run.refused for run in same), **of)))
    live, backlog = ([run.tagger_us for run in runs if run.what == what] for what in ("1500", "backlog"))
    ratio = median(a / b for a, b in zip(live, backlog, strict=True))
    print(
        f"{'met    ' if ratio <= LIVE_TO_BACKLOG_MAX else 'NOT met'} the tagger's CPU a webhook at"
        f" {COMPARED_RATE:,.0f}/s is {ratio:.2f} of that from a backlog (wanted: at most {LIVE_TO_BACKLOG_MAX})"
    )


def main(seconds: float = 6.0, rounds: int = 3, step: float = 1_000.0, highest: float = 12_000.0) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with start() as broker, TemporaryDirectory(prefix="bench-") as made:
        folder = Path(made)
        with on_stage(broker.bootstrap, "plain", folder) as stage:
            rising, reached = rise(stage, seconds, step, highest)
            runs = [*rising, *compare(stage, seconds, reached or step, rounds)]
        with on_stage(broker.bootstrap, "traced", folder, traced=True) as stage:
            rate = (reached or step) / 2
            steps = stage.stages(stage.load(rate, seconds)[1])
    tell(runs, reached)
    print(f"\nAt {rate:,.0f} webhooks/s, ms                                     median     90 %")
    for name, middle, high in steps:
        print(f"{name:58}{middle:9.1f}{high:9.1f}")
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Run._fields)
        writer.writerows(
            [f"{value:.4g}" if isinstance(value, float) else value for value in run] for run in runs
        )
        writer.writerow(["where the time goes", "ms median", "ms 90 %"])
        writer.writerows((name, f"{middle:.1f}", f"{high:.1f}") for name, middle, high in steps)


if __name__ == "__main__":
    main(**given(main))
