"""How long a large decision keeps the event loop from running, and what it costs.

    python -m tests.bench.deciding

A task wakes up all the time while a conversation is decided; the longest it had to wait is the hold. That is wall
time, and other work on the machine lengthens it: the best of five runs counts. CPU time is of the whole decision.
"""

import asyncio
import csv
import gc
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

from tagger.core.conversation import Author, Conversation, Said, ThreadKey
from tagger.core.matching.decide import Decider
from tagger.core.rules.model import Canned, Keyword, Rule, RuleSet
from tagger.metrics import Metrics
from tagger.service.deciding import Deciding

RESULTS = Path(__file__).parent.parent / "results" / "deciding.csv"
COLUMNS = ["what", "kib", "cpu_s", "longest_hold_ms"]
RNG = Random(1)
WORDS = [f"wort{n}" for n in range(400)]
LONGEST = 16_384  # characters of a message


def keywords(count: int) -> Decider:
    return compiled(
        Rule(f"r{n}", f"T{n}", from_="any", any=(Keyword(f"word{n}", f"word{n}"),)) for n in range(count)
    )


def canned(*texts: str) -> Decider:
    return compiled(Rule(f"r{n}", f"T{n}", canned=(Canned(text),)) for n, text in enumerate(texts))


def compiled(rules: Iterable[Rule]) -> Decider:
    return Decider.compile(RuleSet(tuple(rules), ""))


def conversation(author: Author, text: str, messages: int) -> Conversation:
    said = tuple(Said(f"e{n}", author, (text[:LONGEST],)) for n in range(messages))
    return Conversation(ThreadKey("", "chat", "thread"), said)


CASES = {
    "an ordinary chat": (keywords(1_000), conversation("customer", "where is my word7, please?", 20)),
    "as much as is kept of a thread": (
        keywords(1_000),
        conversation("customer", " ".join(f"word{n} and so on" for n in range(1_000)), 32),
    ),
    "500 of the longest messages": (
        keywords(1_000),
        conversation("customer", " ".join(f"word{n} and so on" for n in range(1_000)), 500),
    ),
    "accents typed apart": (keywords(1_000), conversation("customer", "e\u0301a word7 " * 2_000, 20)),
    "500 responses of one vocabulary": (
        canned(*(" ".join(RNG.sample(WORDS, 60)) for _ in range(500))),
        conversation("agent", " ".join(RNG.choices(WORDS, k=2_500)), 4),
    ),
    "2 responses of 8 KB and two words": (
        canned(*(" ".join(RNG.choices("ab", k=4_096)) for _ in range(2))),
        conversation("agent", " ".join(RNG.choices("ab", k=LONGEST // 2)), 1),
    ),
}


async def longest_hold_s(decider: Decider, thread: Conversation) -> float:
    deciding, longest = Deciding(Metrics()), 0.0
    work = asyncio.create_task(deciding.decide(decider, thread, 0))
    last = time.perf_counter()
    while not work.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


def main() -> None:
    rows: list[list[str | float]] = []
    print(("{:<36}" + "{:>18}" * 3).format(*COLUMNS))
    for name, (decider, thread) in CASES.items():
        gc.collect()
        gc.freeze()
        kib = sum(len(text) for said in thread.said for text in said.fields) / 1024
        begin = time.process_time()
        decider.decide(thread, 0)
        cpu_s = time.process_time() - begin
        hold_s = min(asyncio.run(longest_hold_s(decider, thread)) for _ in range(5))
        rows.append([name, round(kib, 1), round(cpu_s, 4), round(hold_s * 1e3, 1)])
        print(("{:<36}" + "{:>18}" * 3).format(*rows[-1]), flush=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
