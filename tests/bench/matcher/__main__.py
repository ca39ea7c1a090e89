"""What a verdict on one message costs, beside what others take for a part of it.

    python -m tests.bench.matcher [--counts 10,100,1000,10000,100000] [--messages 4000] [--rounds 7]

CPU time, so that other work on the machine counts little. All engines run in turn, round by round, over the
same messages in one process; figures are medians over the rounds, ratios are medians of the ratios of each
round. After that the matcher is built in a process of its own, and beside a running event loop.
"""

import argparse
import asyncio
import csv
import gc
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.folding.fold import fold
from tagger.core.matching.automaton import Matcher
from tagger.core.matching.decide import Decider
from tagger.core.rules.model import Canned, Keyword, Rule, RuleSet
from tests.bench.matcher import chats, engines

RESULTS = Path(__file__).parent.parent / "results" / "matcher.csv"
COLUMNS = ["what", "count", "us_per_message", "times_bare_iter", "hits_per_message", "build_s"]
Row = list[str | int | float]

# What an engine is given fewer messages of, because it takes a millisecond for one.
SLOW = {"re alternation": 60}
ENGINES: dict[str, tuple[Callable[[list[str]], engines.Engine], int]] = {
    "bare Automaton.iter": (engines.bare_iter, 1_000_000),
    "verdict": (engines.verdict, 1_000_000),
    "ahocorasick_rs": (engines.rust, 1_000_000),
    "hyperscan": (engines.intel, 1_000_000),
    "re alternation": (engines.re_alternation, 10_000),  # up to how many keywords
}


def cpu_of(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def compared(count: int, messages: list[str], words: list[str], rounds: int) -> list[Row]:
    """All engines with so many keywords."""
    keywords = chats.keywords(words, count)
    folded = [fold(message).text for message in messages]
    rows: list[Row] = []
    running: dict[str, tuple[engines.Engine, list[str], float]] = {}
    for name, (make, count_max) in ENGINES.items():
        if count <= count_max:
            begin = time.process_time()
            engine = make(keywords)
            built = time.process_time() - begin
            texts = messages if name == "verdict" else folded
            running[name] = (
                engine,
                texts[: SLOW.get(name, len(texts))] if count >= 1_000 else texts[:1_000],
                built,
            )
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, (engine, texts, _built) in running.items():
            times[name].append(cpu_of(lambda: [engine(text) for text in texts]) / len(texts) * 1e6)  # noqa: B023
    bare = times["bare Automaton.iter"]
    for name, (engine, texts, built) in running.items():
        ratio = median(one / floor for one, floor in zip(times[name], bare, strict=True))
        hits = sum(len(engine(text)) for text in texts) / len(texts)
        rows.append(
            [name, count, round(median(times[name]), 2), round(ratio, 2), round(hits, 2), round(built, 3)]
        )
    return rows


def decided_canned(count: int, messages: list[str], words: list[str], rounds: int) -> Row:
    """Whole decisions on agents' messages, a tenth of them one of so many canned responses of 20 words."""
    rng = Random(4)
    texts = [chats.sentence(rng, words, 20) for _ in range(count)]
    rule = Rule("r", "T", canned=tuple(Canned(f"Hi %name%, {text}.") for text in texts))
    begin = time.process_time()
    decider = Decider.compile(RuleSet((rule,), ""))
    built = time.process_time() - begin
    said = [
        f"Hi Ann, {texts[at % count]}." if at % 10 == 0 else message for at, message in enumerate(messages)
    ]
    thread = Conversation(
        ThreadKey("", "", ""), tuple(Said(str(at), "agent", (text,)) for at, text in enumerate(said))
    )
    cost = median(cpu_of(lambda: decider.decide(thread, 0)) for _ in range(rounds)) / len(said) * 1e6
    return ["canned responses", count, round(cost, 2), "", "", round(built, 3)]


def in_a_fresh_process(count: int) -> Row:
    """Ready time and memory of the matcher and its keywords."""
    command = [sys.executable, "-m", "tests.bench.matcher", "--build", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    figures = json.loads(done.stdout)
    return [f"fresh process, {figures['mb']:.0f} MB", count, "", "", "", round(figures["cpu_s"], 3)]


def build(count: int) -> None:
    written = chats.keywords(chats.vocabulary(120_000), count)
    before = resident_mb()
    keywords = [Keyword(word, word) for word in written]
    made: list[Matcher] = []
    cpu_s = cpu_of(lambda: made.append(Matcher(keywords)))
    print(json.dumps({"cpu_s": cpu_s, "mb": resident_mb() - before}))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def longest_pause_ms(keywords: list[Keyword]) -> float:
    """How long building, and freeing, in a thread keep the event loop from running."""
    longest, last = 0.0, time.perf_counter()
    thread = threading.Thread(target=Matcher, args=(keywords,))
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest * 1e3


def beside_a_loop(count: int, words: list[str]) -> Row:
    """The best of five: a pause is wall time, and other work on the machine lengthens it."""
    keywords = [Keyword(word, word) for word in chats.keywords(words, count)]
    gc.collect()
    gc.freeze()  # full collections of whatever else this process holds are not the matcher's
    pause = min(asyncio.run(longest_pause_ms(keywords)) for _ in range(5))
    return [f"reload, longest pause {pause:.0f} ms", count, "", "", "", ""]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--counts", default="10,100,1000,10000,100000")
    options.add_argument("--messages", type=int, default=4_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--build", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.build:
        return build(given.build)
    words = chats.vocabulary(120_000)
    messages = chats.messages(words, given.messages)
    counts = [int(count) for count in given.counts.split(",")]
    rows: list[Row] = []
    print(("{:<32}" + "{:>18}" * 5).format(*COLUMNS))

    def add(row: Row) -> None:
        rows.append(row)
        print(("{:<32}" + "{:>18}" * 5).format(*row), flush=True)

    for count in counts:
        for row in compared(count, messages, words, given.rounds):
            add(row)
    for count in counts[:4]:
        add(decided_canned(count, messages, words, given.rounds))
    add(in_a_fresh_process(counts[-1]))
    add(beside_a_loop(counts[-1], words))
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
