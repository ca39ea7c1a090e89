"""What traces cost: CPU time of `ingest` a webhook and of `tagger run` a chat, with traces off, on, and before them.

    python -m tests.bench.traces [--before FOLDER] [--rounds 12] [--chats 300]

`--before` is a checkout of the commit to compare with. All variants run beside each other, each with a broker and a
simulated LiveChat of its own, and play the same chats in turn, each round in another order: so what else the machine does
meets all of them. With traces on, a collector takes every one, or one of 100. Medians count, because a round that meets
much other work takes up to twice as long; a round's time is known to 10 ms.
"""

import asyncio
import contextlib
import random
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.service import Service
from tagger.simulator.stage.stage import Stage
from tests.bench.ingest.servers import TICKS_A_S
from tests.options import given

ROOT: Final = Path(__file__).parents[3]
SETTLED_S_MAX: Final = 60.0
ONE_OF_100: Final = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
SHARE_MAX: Final = 0.03  # that traces may cost while they are off


class Cost(NamedTuple):
    """CPU time of one round in µs."""

    ingest: float  # a webhook
    tagger: float  # a chat


class _Takes(BaseHTTPRequestHandler):
    """A collector that takes everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def collector() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Takes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def cpu_us(service: Service) -> float:
    """User and system time so far (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{service.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_S * 1e6


async def play(stage: Stage, seed: int, chats: int) -> Cost:
    """Play chats until their tags are set."""
    sent = stage.livechat.sender.counts["attempts"]
    before = cpu_us(stage.ingest), cpu_us(stage.tagger)
    await stage.play(visits(seed, chats))
    result = await stage.settled(SETTLED_S_MAX)
    assert not result.missing, "tags are missing"
    webhooks = stage.livechat.sender.counts["attempts"] - sent
    return Cost((cpu_us(stage.ingest) - before[0]) / webhooks, (cpu_us(stage.tagger) - before[1]) / chats)


async def measure(before: str, rounds: int, chats: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {}
    async with AsyncExitStack() as ends:
        on = {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": ends.enter_context(collector()),
        }
        variants: dict[str, tuple[Path, Mapping[str, str]]] = {
            "off": (ROOT, {}),
            "on": (ROOT, on),
            "of 100": (ROOT, {**on, **ONE_OF_100}),
        }
        if before:
            variants["before"] = (Path(before), {})
        stages: dict[str, Stage] = {}
        for name, (checkout, settings) in variants.items():
            folder = Path(ends.enter_context(TemporaryDirectory(prefix="bench-")))
            with contextlib.chdir(checkout):  # where `python -m` finds the services
                stage = Stage(folder, 1, versions=("3.6",), settings=settings)
                stages[name] = await ends.enter_async_context(stage)
        for seed in range(rounds + 1):
            for name in random.sample(sorted(stages), len(stages)):
                cost = await play(stages[name], seed, chats)
                print(f"{name:7}{cost.ingest:8.1f}{cost.tagger:10.1f}", flush=True)
                if seed:  # the first round warms up
                    costs.setdefault(name, []).append(cost)
    return costs


def main(before: str = "", rounds: int = 12, chats: int = 300) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    costs = asyncio.run(measure(before, rounds, chats))
    print(f"\n{'CPU time in µs':26}{'mean':>8}{'median':>8}{'least':>8}   beside off: mean, median, least")
    met = True
    for what, service in (("ingest, a webhook", 0), ("tagger, a chat", 1)):
        of = {
            name: [how([cost[service] for cost in some]) for how in (fmean, median, min)]
            for name, some in sorted(costs.items())
        }
        for name, us in of.items():
            shares = [f"{mine / off - 1:8.1%}" for mine, off in zip(us, of["off"], strict=True)]
            print(f"{what:18}{name:8}{''.join(f'{one:8.1f}' for one in us)}   {''.join(shares)}")
        met &= "before" not in of or of["off"][1] <= (1 + SHARE_MAX) * of["before"][1]
    if before:
        print(f"{'met    ' if met else 'NOT met'} off, traces cost less than {SHARE_MAX:.0%}")


if __name__ == "__main__":
    main(**given(main))
