"""`tagger run` that says when the end of each chat passes which point, as a process.

    python -m tests.bench.pipeline.traced FILE

Writes `<point> <chat id> <time.monotonic()>` a line: `stamped` (when `ingest` gave the record its time), `folded`,
`started` (its job), `called` (its first call goes out), `settled`. That costs some 10 µs a chat.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tagger.__main__ import main
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job, Record
from tagger.kafka.assigned import Assigned
from tagger.livechat.calls.requests import Call
from tagger.livechat.transport import Connections
from tagger.service.worker import Worker


def trace(file: Path) -> None:
    """Wrap what an end passes."""
    points = file.open("w", buffering=1)
    began = time.time() - time.monotonic()  # of the wall clock

    def note(point: str, chat_id: str, at: float | None = None) -> None:
        points.write(f"{point} {chat_id} {time.monotonic() if at is None else at}\n")

    receive, settle, post = Partition.receive, Worker.settle, Connections.post

    def traced_receive(self: Partition, records: Sequence[Record], now_ms: int) -> Any:
        for record in records:
            if b'"action":"chat_deactivated"' in (record.value or b""):
                chat_id = (record.key or b"").decode().partition(":")[2]
                note("stamped", chat_id, record.timestamp / 1000 - began)
                note("folded", chat_id)
        return receive(self, records, now_ms)

    async def traced_settle(self: Worker, assigned: Assigned, job: Job) -> None:
        note("started", job.thread.chat_id)
        await settle(self, assigned, job)
        note("settled", job.thread.chat_id)

    async def traced_post(self: Connections, url: str, headers: dict[str, str], call: Call) -> Any:
        if call.method == "tag_thread":
            note("called", call.body["chat_id"])
        return await post(self, url, headers, call)

    Partition.receive, Worker.settle, Connections.post = traced_receive, traced_settle, traced_post  # type: ignore[method-assign]


if __name__ == "__main__":
    trace(Path(sys.argv[1]))
    main(["run"])
