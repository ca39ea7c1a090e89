"""Chats sent to `ingest` at a rate, as a process, whatever the answers do.

    python -m tests.bench.pipeline.load PORT RATE SECONDS RUN

Prints one JSON object: p50 and p99 of the answers in ms, how many were not 200, and when the webhooks that end the
chats were due (`time.monotonic_ns()`) and how long each took to be answered, by chat.
"""

import asyncio
import sys
from statistics import quantiles

import orjson
import uvloop

from tests.bench.ingest.load import Paced
from tests.bench.ingest.servers import SECRET
from tests.bench.tagger.chats import RECORDS, Talk, order, webhook

ANSWERS_S_MAX = 60.0  # a machine that is too slow shows in the figures
TURNS = 60  # chats start in so many turns, so two thirds of a run have all kinds of webhooks in equal shares


def send(port: int, rate: float, seconds: float, run: str) -> dict[str, object]:
    talk, chats = Talk(), range(max(TURNS, int(rate * seconds / RECORDS)))
    ends: dict[int, str] = {}  # chat by place in the order
    bodies: list[bytes] = []
    for chat, number in order(chats, len(chats) // TURNS):
        one = webhook(talk, chat, number, run)
        if number == RECORDS - 1:
            ends[len(bodies)] = one.chat_id
        bodies.append(one.body[:-1] + b',"secret_key":"%b"}' % SECRET.encode())
    client = Paced(rate, bodies)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(client.run(port, len(bodies) / rate + 1e-6, ANSWERS_S_MAX))
    took = client.took_s
    percentiles = quantiles(took.values(), n=100)
    return {
        "webhooks": len(took),
        "p50_ms": percentiles[49] * 1e3,
        "p99_ms": percentiles[98] * 1e3,
        "refused": client.refused,
        "ends": {
            chat_id: [due := client.began + place / rate, took[due]]
            for place, chat_id in ends.items()
            if client.began + place / rate in took
        },
    }


if __name__ == "__main__":
    port, rate, seconds, run = sys.argv[1:]
    sys.stdout.buffer.write(orjson.dumps(send(int(port), float(rate), float(seconds), run)))
