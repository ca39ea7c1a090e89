"""How fast the past is read: chats from Kafka with their decisions, and a ledger of a million.

    python -m tests.bench.history [--chats 100000] [--events 12] [--decisions 1000000]

Starts a real Apache Kafka, fills `livechat.webhooks` (12 partitions) with ended chats and `livechat.decisions` with a
decision on each, then reads them as the commands do: the ledger, the chats joined with it, and the chats with two
sets of 1,000 keywords. Then a ledger of its
own takes a million decisions, and is asked for the newest ones by each filter. Prints seconds, CPU and memory, and
writes them to tests/bench/results/history.csv.
"""

import asyncio
import csv
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer

from ingest.topic import encode
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.decision import Source, decision_record
from tagger.core.review.backtest import Backtest
from tagger.core.rules.model import Keyword, Rule, RuleSet
from tagger.history.ledger import Ledger
from tagger.history.topic import TopicHistory, fill
from tagger.history.wanted import Wanted
from tests.bench.replay.__main__ import webhook
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.options import given

RESULTS = Path(__file__).parent.parent / "results" / "history.csv"
PARTITIONS = 12
RULES, KEYWORDS = 50, 20  # of a set, and of each of its rules
TOGETHER = 500  # chats that are open at a time
WEBHOOKS, DECISIONS = "livechat.webhooks", "livechat.decisions"
TAGS = ("Refund", "Shipping delay", "Praise", "Cancel", "Invoice")

Row = tuple[str, float, float, int, float]  # what, seconds, CPU seconds, how many, MB at most so far
rows: list[Row] = []


@contextmanager
def measured(what: str, many: Callable[[], int]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    took = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append((what, *took, many(), peak))
    print(
        f"{what}: {took[0]:.2f} s, {took[1]:.2f} s CPU, {many():,}, {many() / took[0]:,.0f}/s, peak {peak:,.0f} MB"
    )


def decision(chat: int, offset: int, ended_at_ms: int) -> bytes:
    thread = f"T{chat:09d}"
    tags = tuple(sorted({TAGS[chat % 5], TAGS[chat % 7 % 5]})) if chat % 3 else ()
    because = tuple(Reason(tag.lower(), tag, "a keyword", f"{thread}_2", 10, 19) for tag in tags)
    record = decision_record(
        ThreadKey("390e44e6-f1e6-0368c-z6ddb-74g14508c2ex", f"C{chat:09d}", thread),
        Decision(tags, because, (), "9bd59202516a"),
        "tagged" if tags else "no_match",
        Source(WEBHOOKS, chat % PARTITIONS, offset),
        read_from="webhooks",
        messages=12,
        ended_at_ms=ended_at_ms,
        settled_at_ms=ended_at_ms + 100,
    )
    return orjson.dumps(record)


async def write(bootstrap: str, chats: int, events: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=1 << 18, linger_ms=50)
    await producer.start()
    now_ms = time.time_ns() // 1_000_000
    begins_ms = now_ms - 5 * 86_400_000
    step_ms = 4 * 86_400_000 / max(1, chats)
    organization = "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"
    for first in range(0, chats, TOGETHER):
        block = range(first, min(chats, first + TOGETHER))
        at_ms = int(begins_ms + first * step_ms)
        for event in range(events + 1):
            for chat in block:
                if event < events:
                    made = webhook(chat, event)
                else:
                    ids = {"chat_id": f"C{chat:09d}", "thread_id": f"T{chat:09d}"}
                    made = {**webhook(chat, 1), "action": "chat_deactivated", "payload": ids}
                record = encode(made, organization, f"C{chat:09d}", 0)
                await producer.send(
                    WEBHOOKS, record.value, key=record.key, timestamp_ms=at_ms + event * 30_000
                )
        for chat in block:
            key = f"{organization}:C{chat:09d}".encode()
            await producer.send(DECISIONS, decision(chat, chat, at_ms), key=key, timestamp_ms=at_ms)
    await producer.flush()
    await producer.stop()


async def read(bootstrap: str, chats: int) -> None:
    options, ledger = {"bootstrap_servers": bootstrap}, Ledger()
    since_ms = time.time_ns() // 1_000_000 - 7 * 86_400_000
    with measured("decisions into the ledger", lambda: ledger.count(Wanted())):
        await fill(ledger, options, DECISIONS, since_ms=since_ms)
    history = TopicHistory(options, WEBHOOKS, ledger, since_ms)
    said = decided = 0
    with measured("chats of the topic, joined", lambda: history.counts.chats):
        async for chat in history.chats():
            said += len(chat.conversation.said) if chat.conversation else 0
            decided += len(chat.decisions)
    assert history.counts.chats == decided == chats, history.counts
    again = TopicHistory(options, WEBHOOKS, Ledger(), since_ms)
    test = Backtest(rules("found"), rules("changed"), sample=5)
    with measured(f"backtest of two sets of {RULES * KEYWORDS:,} keywords", lambda: test.chats):
        async for chat in again.chats():
            test.add(chat)
    ledger.close()


def rules(last: str) -> RuleSet:
    """Rules of which each has one keyword that is said in some chats, and one that only this set has."""
    words = "refund charged week check order twice".split()
    made = []
    for number in range(RULES):
        keywords = [f"word{number}x{at}" for at in range(KEYWORDS - 2)] + [
            f"{words[number % 6]} {number}",
            last,
        ]
        made.append(Rule(f"r{number}", f"Tag {number}", any=tuple(Keyword(each, each) for each in keywords)))
    return RuleSet(tuple(made), last)


def ask(decisions: int) -> None:
    ledger = Ledger()
    with measured("a ledger of its own", lambda: decisions):
        for first in range(0, decisions, 2_000):
            values = [decision(chat, chat, 1_700_000_000_000 + chat) for chat in range(first, first + 2_000)]
            ledger.take(DECISIONS, 0, values, first)
    for name, wanted in (
        ("all", Wanted()),
        ("tag", Wanted(tag="Refund")),
        ("rule", Wanted(rule="refund")),
        ("untagged", Wanted(untagged=True)),
        ("outcome", Wanted(outcome="no_match")),
        ("tag since", Wanted(tag="Refund", since_ms=1_700_000_000_000 + decisions // 2)),
        ("chat", Wanted(chat_id=f"C{decisions // 2:09d}")),
    ):
        with measured(f"the newest 50 by {name}", lambda wanted=wanted: len(ledger.page(wanted, 50))):  # type: ignore[misc]
            page = ledger.page(wanted, 50)
        with measured(f"the 50 behind them by {name}", lambda: 50):
            ledger.page(wanted, 50, page[-1].key)
        with measured(f"the number by {name}", lambda wanted=wanted: ledger.count(wanted)):  # type: ignore[misc]
            ledger.count(wanted)
    ledger.close()


def main(chats: int = 100_000, events: int = 12, decisions: int = 1_000_000) -> None:
    with start() as broker:
        kafka = Kafka(broker.bootstrap)
        kafka.create_topic(WEBHOOKS, PARTITIONS)
        kafka.create_topic(DECISIONS, 3)
        asyncio.run(write(broker.bootstrap, chats, events))
        print(f"written: {chats:,} chats of {events} events")
        asyncio.run(read(broker.bootstrap, chats))
    ask(decisions)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "wall_s", "cpu_s", "count", "peak_mb"])
        writer.writerows(
            (what, f"{wall:.4g}", f"{cpu:.4g}", count, f"{peak:.0f}") for what, wall, cpu, count, peak in rows
        )


if __name__ == "__main__":
    main(**given(main))
