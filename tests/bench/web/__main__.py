"""How long the server takes for each page of Chats on a ledger of a million decisions, and what open streams cost.

    python -m tests.bench.web [--decisions 1000000] [--times 20] [--streams 100] [--keep FOLDER]

Fills a ledger on disk, 30 days of decisions with 40 tags, 60 rules and some corrections, then asks the real
application for each page over HTTP: the median, its CPU, which a busy machine does not lengthen (with the client's
share, a millisecond or two), the first time and the longest. `--keep` names a folder whose ledger
is made once and used again. Prints milliseconds and writes them to tests/bench/results/web.csv.
"""

import asyncio
import csv
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import orjson
from aiohttp import ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from ingest.runtime.settings import SecretFile
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.decision import Source, decision_record
from tagger.core.rules.model import RuleSet
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.ledger_view import LedgerView
from tagger.history.stored_sets import StoredSets
from tagger.web.app import make_app
from tagger.web.change.trials import Trials
from tagger.web.frame import Page
from tagger.web.gate import access_by
from tagger.web.in_force import InForce
from tagger.web.keywords.counting import Counting
from tagger.web.past import Past, Topics
from tagger.web.progress import Progress
from tagger.web.statics import Statics
from tests.options import given

RESULTS: Final = Path(__file__).parent.parent / "results" / "web.csv"
TOPIC: Final = "livechat.decisions"
TOKEN: Final = "a-token-for-the-bench"
DAYS: Final = 30
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 2_000
PAGES: Final = (
    "/",
    "/chats",
    "/chats?which=untagged",
    "/chats?since=all",
    "/chats?since=all&which=corrected",
    "/chats?since=30d&which=unset",
    "/chats?since=30d&tag=Tag+03",
    "/chats?since=30d&tag=Tag+00&rule=rule-59",
    "/chats?since=30d&which=untagged&outcome=parked",
    "/chats?since=30d&which=tagged&tag=Tag+00&rule=rule-00&outcome=tagged&organization=org",
    "/chats?since=all&tag=Tag+39&outcome=dry_run",
    "/chats?since=all&before={middle}.1",
    "/chats?since=30d&tag=Tag+00&before={middle}.1",
    "/chats?since=30d&tag=Tag+00&after={middle}.1",
    "/chats?chat=C{half}",
    "/chats?chat=nowhere",
    "/chats.json?since=30d",
    "/chats.csv?since=30d&tag=Tag+00",
    "/chats/chat?chat=C{half}&thread=T{half}",
    "/keywords",
    "/keywords?days=90&rule=refund&never=all",
    "/keywords.csv",
    "/change",
)


def records(count: int, now_ms: int) -> Iterator[bytes]:
    chance = Random(7)
    for number in range(count):
        ended_ms = now_ms - int(DAYS * DAY_MS * (count - number) / count)
        # The first ones are frequent, the last ones rare, as tags are.
        picked = {min(int(chance.expovariate(0.18)), 39) for _ in range(chance.choice([0, 0, 1, 1, 1, 2, 3]))}
        tags = tuple(sorted(f"Tag {one:02}" for one in picked))
        because = tuple(
            Reason(
                f"rule-{one + 20 * chance.randrange(2):02}", f"Tag {one:02}", "a keyword", f"E{number}", 1, 9
            )
            for one in picked
        )
        outcome = chance.choices(["tagged", "late", "parked"], [97, 2, 1])[0] if tags else "no_match"
        yield orjson.dumps(
            decision_record(
                ThreadKey("org", f"C{number}", f"T{number}"),
                Decision(tags, because, (), "9bd59202516a"),
                outcome,  # type: ignore[arg-type]
                Source("livechat.webhooks", 0, number),
                read_from="webhooks",
                messages=12,
                ended_at_ms=ended_ms,
                settled_at_ms=ended_ms + 100,
            )
        )
        if tags and chance.random() < 0.01:
            yield _correction(number, tags[0], ended_ms)


def _correction(number: int, tag: str, at_ms: int) -> bytes:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1000 + 60))
    ids = {"organization": "org", "chat_id": f"C{number}", "thread_id": f"T{number}"}
    place = {"topic": "livechat.webhooks", "partition": 1, "offset": number}
    change = {"kind": "correction", "format": 1, "tag": tag, "change": "removed", "at": at}
    return orjson.dumps({**change, **ids, **place})


async def fill(ledger: KeptLedger, decisions: int) -> None:
    if await ledger.ask(LedgerView.last_id):
        return
    began, values, taken = time.perf_counter(), list[bytes](), 0
    for value in records(decisions, time.time_ns() // 1_000_000):
        values.append(value)
        if len(values) == AT_ONCE:
            taken += len(values)
            await ledger.write(lambda writing, values=values, to=taken: writing.take(TOPIC, 0, values, to))  # type: ignore[misc]
            values = []
    await ledger.write(lambda writing: writing.take(TOPIC, 0, values, taken + len(values)))
    took = time.perf_counter() - began
    print(f"filled: {decisions:,} decisions in {took:.0f} s, {decisions / took:,.0f}/s")


async def ask(
    folder: Path, decisions: int, times: int, streams: int
) -> list[tuple[str, float, float, float, float]]:
    ledger = KeptLedger(folder, TOPIC)
    await fill(ledger, decisions)
    print(f"on disk: {bytes_of(folder) / 1e6:,.0f} MB")
    filling = Filling(ledger, dict, TOPIC)
    filling.trouble = TimeoutError()  # no Kafka: what it would tell is not measured
    past = Past(ledger, filling, Topics(dict, "livechat.webhooks"), StoredSets(dict, "livechat.keywords"))
    keywords = InForce(Path("config"), "%[a-z]+%")
    progress = Progress(dict, "livechat.webhooks", "tagger")
    page = Page(keywords, Statics(), None, past, progress, None)
    counting = Counting(past, lambda: keywords.rules)
    app = make_app(page, access_by(SecretFile(None, TOKEN), "127.0.0.1", 8083), Trials(), counting)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    task = asyncio.create_task(counting.run())
    began = time.perf_counter()
    while not counting.of(keywords.rules or RuleSet((), "")).is_whole:
        await asyncio.sleep(0.1)
    print(f"counted by day: {time.perf_counter() - began:.0f} s, in the background")
    rows = []
    async with TestClient(TestServer(app), headers=headers, timeout=ClientTimeout(600)) as client:
        names = {"middle": time.time_ns() // 1_000_000 - 15 * DAY_MS, "half": decisions // 2}
        for path in PAGES:
            took, cpu = [], []
            for _ in range(times):
                began, began_cpu = time.perf_counter(), time.process_time()
                answer = await client.get(path.format(**names))
                assert answer.status == 200, (path, answer.status)
                await answer.read()
                took.append((time.perf_counter() - began) * 1000)
                cpu.append((time.process_time() - began_cpu) * 1000)
            rows.append((path, took[0], statistics.median(took), max(took), statistics.median(cpu)))
            print(
                f"{path}: median {rows[-1][2]:.0f} ms, of CPU {rows[-1][4]:.0f} ms; "
                f"first {took[0]:.0f} ms, longest {max(took):.0f} ms"
            )
        await _streams(client, streams)
    task.cancel()
    await ledger.close()
    return rows


async def _streams(client: TestClient, count: int) -> None:  # type: ignore[type-arg]
    """Client and server are one process, so this counts both ends."""
    before = resident_kb()
    held = [await client.get("/chats/live?tag=Tag+00") for _ in range(count)]
    print(f"{count} open streams: {(resident_kb() - before) / 1024:.1f} MB with the clients' ends")
    for answer in held:
        answer.close()


def bytes_of(folder: Path) -> int:
    """The size of all files of a folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def resident_kb() -> int:
    """What the process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() // 1024


def main(decisions: int = 1_000_000, times: int = 20, streams: int = 100, keep: str = "") -> None:
    with tempfile.TemporaryDirectory() as temporary:
        rows = asyncio.run(ask(Path(keep or temporary), decisions, times, streams))
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["page", "first_ms", "median_ms", "longest_ms", "cpu_ms"])
        writer.writerows((path, *(f"{each:.1f}" for each in times)) for path, *times in rows)


if __name__ == "__main__":
    main(**given(main))
