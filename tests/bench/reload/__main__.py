"""How long the event loop stands still while new keyword files are taken over.

    python -m tests.bench.reload [--keywords 100000]

Writes a folder of keyword files, and while it is parsed, validated and compiled as the running service does
it, asks the event loop every millisecond to wake up. Prints how late the wake-ups came, beside the same
without a reload, and how long the reload took.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from ingest.runtime.process import collect_garbage_seldom
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.keyword_files.reload import Keywords
from tests.options import given

SYLLABLES = ["ba", "ke", "li", "mo", "nu", "pra", "ste", "tri", "vo", "zu", "cha", "dre", "fi", "go", "hu"]


def word(number: int) -> str:
    """A made-up word, another for every number."""
    parts = []
    while True:
        number, place = divmod(number, len(SYLLABLES))
        parts.append(SYLLABLES[place])
        if not number:
            return "".join(parts) + "x"


def write(folder: Path, keywords: int, tag: str) -> None:
    """Files of 10,000 keywords in rules of 100."""
    rules = []
    for first in range(0, keywords, 100):
        listed = ", ".join(word(number) for number in range(first, min(first + 100, keywords)))
        rules.append(f"  - {{id: r{first}, tag: {tag}, any: [{listed}]}}\n")
    for number in range(0, len(rules), 100):
        text = "version: 1\nrules:\n" + "".join(rules[number : number + 100])
        (folder / f"rules-{number:04d}.yaml").write_text(text)


async def latest_ms(stop: asyncio.Event) -> list[float]:
    """How many milliseconds too late each wake-up came."""
    late = []
    while not stop.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - began - 0.001) * 1000)
    return late


async def measure(keywords: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, keywords, "A")
        began = time.process_time()
        loaded = Keywords(folder, DEFAULT_PLACEHOLDER)
        assert loaded.origin == "files"
        print(f"start: {time.process_time() - began:.2f} s of CPU for {keywords:,} keywords")
        collect_garbage_seldom()  # as the service does
        idle = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, idle.set)
        quiet = await latest_ms(idle)
        done = asyncio.Event()
        watch = asyncio.create_task(loaded.watch(lambda *_: done.set()))
        await asyncio.sleep(0.2)
        write(folder, keywords, "B")
        began = time.perf_counter()
        late = await latest_ms(done)
        print(f"reload: {time.perf_counter() - began:.2f} s from the change to the swap")
        for what, figures in (("quiet", quiet), ("reload", late)):
            figures.sort()
            p99 = figures[int(len(figures) * 0.99)]
            print(
                f"{what:<7} wake-ups {len(figures):>6}, late p99 {p99:.1f} ms, at most {figures[-1]:.1f} ms"
            )
        watch.cancel()


def main(keywords: int = 100_000) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(measure(keywords))


if __name__ == "__main__":
    main(**given(main))
