"""What the pure core costs: CPU a record of a replay, beside parsing alone, and memory an open thread.

    python -m tests.bench.replay_fold [--threads 3000] [--rounds 5]

Both parts use the same records: threads of one `incoming_chat`, 20 messages of 80 characters and a
`chat_deactivated`, of about 900 bytes each, many threads at a time. CPU time of this process, best of all rounds:
other work on the machine makes single rounds slower, never faster.
"""

import csv
import gc
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from tagger.core.limits import Limits
from tagger.core.partition.offsets import Hint, encode
from tagger.core.partition.partition import Partition
from tests.options import given
from tests.webhooks import Record

RESULTS: Final = Path(__file__).parent.parent / "results" / "replay_fold.csv"
ORGANIZATION: Final = "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"
MESSAGES: Final = 20
CHARACTERS: Final = 80
OPEN_AT_ONCE: Final = 300
BATCH: Final = 500
START_MS: Final = 1_700_000_000_000


def webhook(action: str, payload: object, customer: str) -> bytes:
    envelope = {
        "webhook_id": "aa9f0c3e-9a1a-4b1c-8c55-0f1fd4e6a0b2",
        "action": action,
        "organization_id": ORGANIZATION,
        "payload": payload,
        "additional_data": {
            "chat_properties": {
                "routing": {"continuous": False, "email_follow_up": False, "pinned": True},
                "source": {
                    "client_id": "c5e4f61e1a6c3b1521b541bc5c5a2ac5",
                    "customer_client_id": "f8ef1ae1b6b6c1",
                },
            },
            "chat_presence_user_ids": [customer, "agent@example.com"],
        },
    }
    return orjson.dumps(envelope)


def of_thread(number: int) -> Iterator[bytes]:
    """The webhooks of one thread, in order."""
    chat_id, thread_id = f"P{number:09d}", f"K{number:09d}"
    customer = f"{number:08x}-f8df-4364-8059-649c35c9ed0c"
    users = [
        {"id": customer, "type": "customer", "name": "Jo", "present": True, "statistics": {"chats_count": 1}},
        {
            "id": "agent@example.com",
            "type": "agent",
            "name": "Sam",
            "email": "agent@example.com",
            "present": True,
        },
    ]
    thread = {"id": thread_id, "active": True, "created_at": "2023-11-14T22:13:20.000000Z", "events": []}
    chat = {"id": chat_id, "users": users, "thread": {**thread, "access": {"group_ids": [0]}}}
    yield webhook("incoming_chat", {"chat": chat}, customer)
    for message in range(MESSAGES):
        event = {
            "id": f"{thread_id}_{message + 1}",
            "custom_id": f"31-0C-1C-{number:06d}-{message}",
            "created_at": "2023-11-14T22:13:20.000000Z",
            "visibility": "all",
            "type": "message",
            "text": f"{number} {message} my order has not come, and I should like my money back".ljust(
                CHARACTERS, "."
            ),
            "author_id": customer if message % 2 else "agent@example.com",
            "properties": {"0805e283233042b37f460ed8fbf22160": {"string_property": "string value"}},
        }
        yield webhook(
            "incoming_event", {"chat_id": chat_id, "thread_id": thread_id, "event": event}, customer
        )
    yield webhook(
        "chat_deactivated", {"chat_id": chat_id, "thread_id": thread_id, "user_id": customer}, customer
    )


def records(threads: int, *, ended: bool) -> list[Record]:
    """The log of so many threads, OPEN_AT_ONCE of them at a time, in a fixed random order."""
    rng = random.Random(1)
    waiting = iter(range(threads))
    going = [of_thread(number) for _, number in zip(range(OPEN_AT_ONCE), waiting, strict=False)]
    log: list[Record] = []
    while going:
        place = rng.randrange(len(going))
        value = next(going[place], None)
        if value is None:
            number = next(waiting, None)
            going[place:] = going[place + 1 :] if number is None else [of_thread(number), *going[place + 1 :]]
        elif ended or b'"chat_deactivated"' not in value:
            log.append(Record(len(log), START_MS + len(log) * 6, None, value))
    return log


def replayed(log: list[Record]) -> Partition:
    """A partition that read the log again, from its start to the committed offset at its end."""
    partition = Partition(Limits(replay_records_max=len(log)))
    partition.begin(len(log), encode(Hint(0, log[0].timestamp, 0)), 0, len(log), bytes_max=1 << 40)
    partition.sought()
    for start in range(0, len(log), BATCH):
        partition.receive(log[start : start + BATCH], log[-1].timestamp)
    assert partition.stats().phase == "live"
    return partition


def cpu(log: list[Record], rounds: int) -> tuple[float, float]:
    """Microseconds a record: parsing alone, and the whole fold."""
    parse, fold = [], []
    for _ in range(rounds):
        gc.collect()
        began = time.process_time()
        for record in log:
            orjson.loads(record.value or b"")
        parse.append(time.process_time() - began)
        gc.collect()
        began = time.process_time()
        replayed(log)
        fold.append(time.process_time() - began)
    return min(parse) / len(log) * 1e6, min(fold) / len(log) * 1e6


def memory(log: list[Record], threads: int) -> tuple[float, float]:
    """Bytes an open thread: as the interpreter counts them, and as the core accounts for them."""
    gc.collect()
    tracemalloc.start()
    partition = replayed(log)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    stats = partition.stats()
    assert stats.threads == threads
    return held / threads, stats.bytes / threads


def main(threads: int = 3_000, rounds: int = 5) -> None:
    log = records(threads, ended=True)
    size = sum(len(record.value or b"") for record in log) / len(log)
    parse, fold = cpu(log, rounds)
    held, accounted = memory(records(threads, ended=False), threads)
    rows = [
        ("bytes a record", size),
        ("orjson.loads, us a record", parse),
        ("replay, us a record", fold),
        ("replay over orjson.loads", fold / parse),
        ("bytes an open thread, allocated", held),
        ("bytes an open thread, accounted", accounted),
    ]
    for name, value in rows:
        print(f"{value:10.2f}  {name}")
    with RESULTS.open("w", newline="") as file:
        csv.writer(file).writerows([("measure", "value"), *((name, f"{value:.2f}") for name, value in rows)])


if __name__ == "__main__":
    main(**given(main))
