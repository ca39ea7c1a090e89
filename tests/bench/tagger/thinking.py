"""What `bare` costs if it also thinks: the tagger's pure core with `bare`'s input and output, as a process.

    python -m tests.bench.tagger.thinking BOOTSTRAP TOPIC DECISIONS URL RULES

It folds, decides, writes whole decisions and settles, and has nothing of what makes `tagger run` safe: it does not hand
partitions over, tries nothing again, watches no task, paces no call, and has no log and no metrics. So what `tagger run`
costs beyond it is the service, and what it costs beyond `bare` is the core.
"""

import asyncio
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

import orjson
import uvloop
from aiokafka import TopicPartition

from ingest.runtime.clock import now_ms
from ingest.runtime.process import collect_garbage_seldom
from ingest.topic import record_key
from tagger.core.limits import Limits
from tagger.core.matching.decide import Decider
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Job
from tagger.core.records.decision import Source, decision_record
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tests.bench.tagger.bare import UNDER_WAY_MAX, connections

BYTES_MAX: Final = 1 << 30  # nothing is evicted


def assigned() -> Partition:
    """A partition that reads its log from the start."""
    partition = Partition(Limits())
    partition.begin(None, "", 0, 0, bytes_max=BYTES_MAX)
    partition.sought()
    return partition


def compiled(rules: str) -> Decider:
    """The keyword file, as the tagger reads it."""
    ruleset = parse({rules: Path(rules).read_bytes()})
    assert isinstance(ruleset, RuleSet), ruleset
    return Decider.compile(ruleset)


async def serve(bootstrap: str, topic: str, decisions: str, url: str, rules: str) -> None:
    decider = compiled(rules)
    consumer, producer, session = await connections(bootstrap, topic, f"{topic}-thinking")
    partitions: dict[TopicPartition, Partition] = defaultdict(assigned)
    running: set[asyncio.Task[None]] = set()

    async def settle(tp: TopicPartition, job: Job) -> None:
        decision = decider.decide(job.conversation, job.ended_at_ms)
        organization, chat_id, thread_id = job.thread
        for tag in decision.tags:
            body = orjson.dumps({"chat_id": chat_id, "thread_id": thread_id, "tag": tag})
            async with session.post(f"{url}/agent/action/tag_thread", data=body) as answer:
                await answer.read()
        record = decision_record(
            job.thread,
            decision,
            "tagged" if decision.tags else "no_match",
            Source(topic, tp.partition, job.offset),
            read_from="webhooks",
            messages=len(job.conversation.said),
            ended_at_ms=job.ended_at_ms,
            settled_at_ms=now_ms(),
        )
        key = record_key(organization, chat_id)
        await producer.send_and_wait(decisions, orjson.dumps(record), key=key)
        partitions[tp].settled(job.id, frozenset(decision.tags), decision.rules)

    while True:
        for tp, batch in (await consumer.getmany(timeout_ms=50, max_records=2_000)).items():
            partitions[tp].receive(batch, now_ms())
        for tp, partition in partitions.items():
            for job in partition.jobs(UNDER_WAY_MAX - len(running)):
                task = asyncio.create_task(settle(tp, job))
                running.add(task)
                task.add_done_callback(running.discard)


if __name__ == "__main__":
    collect_garbage_seldom()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
