"""What open chats take: memory, stalls, garbage collection; and what grows with their number.

    python -m tests.bench.memory [--chats 10000,100000,1000000] [--rounds 5]

The pure core of `tagger run`, fed as the service feeds it, without Kafka. (1) In a process of its own each, so many open
chats of 20 messages: bytes a chat (resident memory), the longest that one step held the event loop (CPU time of the
thread, so that other work on the machine does not count), and the collections of garbage in between. (2) CPU time a
record while chats come and end, with ten times as many open chats, keywords, partitions, organizations: each beside the
base in the same round.
"""

import csv
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from ingest.runtime.process import collect_garbage_seldom
from tests.bench.memory.partitions import CHAT_MESSAGES, Setting, Tagger
from tests.options import given

RESULTS: Final = Path(__file__).parent.parent / "results" / "memory.csv"
CHATS_MEASURED: Final = 2_000  # that come and end, for the cost a record
# The base has 10,000 open chats, 1,000 keywords, 6 partitions and 40 organizations.
GROWN: Final = {
    "base": Setting(),
    "10 x open chats": Setting(open_chats=100_000),
    "10 x keywords": Setting(keywords=10_000),
    "10 x partitions": Setting(partitions=60),
    "10 x organizations": Setting(organizations=400),
}
GROWTH_MAX: Final = 1.2  # that is wanted of all but keywords
STALL_MS_MAX: Final = 100.0
BYTES_MAX: Final = 3_200  # a chat


class Held(NamedTuple):
    """What so many open chats came to."""

    chats: int
    bytes_a_chat: float
    accounted_a_chat: float
    stall_ms: float  # the longest step
    collections: int  # of all generations
    collecting_ms: float  # the longest of them
    full_ms: float  # a full one afterwards, which the service never needs


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def hold(chats: int) -> Held:
    """Fold so many open chats, and look at them."""
    tagger = Tagger(Setting(open_chats=0))
    collect_garbage_seldom()
    before, spent = resident_bytes(), Collections()
    stall_s = tagger.open_chats(chats)
    collections, longest_ms = spent.count, spent.longest_s * 1e3
    taken = resident_bytes() - before
    began = time.thread_time()
    gc.collect()
    full_ms = (time.thread_time() - began) * 1e3
    return Held(
        chats, taken / chats, tagger.accounted() / chats, stall_s * 1e3, collections, longest_ms, full_ms
    )


class Collections:
    """Counts and times the collections of garbage from now on."""

    def __init__(self) -> None:
        self.count, self.longest_s, self._began = 0, 0.0, 0.0
        gc.callbacks.append(self._on)

    def _on(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.count += 1
            self.longest_s = max(self.longest_s, time.thread_time() - self._began)


def cpu_of(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def grow(rounds: int) -> dict[str, float]:
    """CPU µs a record of each setting: the median of its relation to the base, times the base's."""
    taggers = {name: Tagger(setting) for name, setting in GROWN.items()}
    collect_garbage_seldom()
    costs: dict[str, list[float]] = {name: [] for name in taggers}
    for number in range(rounds + 1):
        for name, tagger in taggers.items():
            records = tagger.chats(CHATS_MEASURED)
            cost = cpu_of(lambda: tagger.work(records)) / len(records) * 1e6  # noqa: B023
            assert tagger.settled == CHATS_MEASURED * (number + 1), "every chat that ended is settled"
            if number:  # the first round is for the caches
                costs[name].append(cost)
    base = costs["base"]
    return {
        name: median(base) * median(one / other for one, other in zip(each, base, strict=True))
        for name, each in costs.items()
    }


def in_a_fresh_process(chats: int) -> Held:
    command = [sys.executable, "-m", "tests.bench.memory", "--hold", str(chats)]
    done = subprocess.run(command, check=True, capture_output=True)
    return Held(*json.loads(done.stdout))


def met(it_is: bool) -> str:
    return "met    " if it_is else "NOT met"


def main(chats: str = "10000,100000,1000000", rounds: int = 5, hold: int = 0) -> None:
    if hold:
        print(json.dumps(globals()["hold"](hold)))
        return
    print(
        f"{'open chats':>12}{'bytes':>9}{'accounted':>11}{'stall ms':>10}{'collections':>13}{'ms':>7}{'full, ms':>10}"
    )
    held = []
    for count in map(int, chats.split(",")):
        one = in_a_fresh_process(count)
        held.append(one)
        print(
            f"{one.chats:12,}{one.bytes_a_chat:9,.0f}{one.accounted_a_chat:11,.0f}{one.stall_ms:10.1f}"
            f"{one.collections:13}{one.collecting_ms:7.1f}{one.full_ms:10.1f}",
            flush=True,
        )
    most = held[-1]
    stall_ms = max(most.stall_ms, most.collecting_ms)  # a collection may come at any step
    print(
        f"{met(most.bytes_a_chat <= BYTES_MAX)} {most.bytes_a_chat * most.chats / 1e9:.2f} GB for {most.chats:,} chats of"
        f" {CHAT_MESSAGES} messages (wanted: at most {BYTES_MAX} bytes a chat)\n"
        f"{met(stall_ms <= STALL_MS_MAX)} longest stall {stall_ms:.0f} ms (wanted: at most {STALL_MS_MAX:.0f})"
    )
    costs = grow(rounds)
    for name, cost in costs.items():
        growth = cost / costs["base"]
        wanted = "" if name in {"base", "10 x keywords"} else met(growth <= GROWTH_MAX)
        print(f"{wanted:8}{name:20}{cost:7.2f} µs CPU a record, {growth:.2f} times the base")
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Held._fields)
        writer.writerows([f"{value:.5g}" for value in one] for one in held)
        writer.writerow(["setting", "us_a_record"])
        writer.writerows((name, f"{cost:.3g}") for name, cost in costs.items())


if __name__ == "__main__":
    main(**given(main))
