"""Twice what the tagger can do: lag grows, memory stays flat, nothing is lost, and it catches up.

    python -m tests.soak.overload [--seconds 480]

What a tagger can do is limited by LiveChat, so the simulated one has a limit that it tells nobody
(--calls-per-s, shared out to four organizations); at what rate chats are settled under it is measured first,
with a surplus of work. Then so many chats end for --seconds at twice that rate, on a real Kafka, in one
partition, so that the limit of chats that wait (5,000 a partition) is reached early; then nothing comes, and
the tagger catches up. Chats linger for --linger-s after their end, in life for 600 s, and up to a minute more until
the committed offset has passed them: memory is flat only after that, by the records' own time, of which a tagger that
falls behind sees half as much pass. So the one is shortened, and the run is long.

Exits 1 where one of these does not hold: lag grew all the time; memory at the end of the load is at most a
tenth above that at its middle; reading was paused; lag came back to 0; each chat has exactly its tags.
"""

import argparse
import asyncio
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tagger.simulator.livechat.faults import RateLimit
from tagger.simulator.stage.stage import Names, Stage
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.soak.overload.flood import Flood
from tests.soak.overload.gauge import Gauge, Look

CALIBRATE_S: Final = 30.0  # of which the last half is measured: the tagger first has to find LiveChat's limit
FLAT: Final = 1.1  # memory at the end of the load over memory at its middle
CATCH_UP_TIMES_MAX: Final = 3.0  # of the load's time; as long is what the surplus alone takes
PRINT_EVERY_S: Final = 10.0


@asynccontextmanager
async def a_stage(folder: Path, options: argparse.Namespace) -> AsyncIterator[Stage]:
    unique = uuid.uuid4().hex[:12]
    names = Names(f"{unique}.webhooks", f"{unique}.decisions", f"{unique}.parked", unique)
    with start() as broker:
        for topic, partitions in zip(names.topics, (options.partitions, 3, 3, 1), strict=True):
            Kafka(broker.bootstrap).create_topic(topic, partitions)
        settings = {"TAGGER_LINGER_S": str(options.linger_s), "LOG_LEVEL": "warning"}
        async with Stage(folder, 1, broker.bootstrap, names, settings=settings) as stage:
            share = options.calls_per_s / len(stage.organizations)
            stage.livechat.limits |= {one.id: RateLimit(share) for one in stage.organizations}
            yield stage


async def capacity(flood: Flood, gauge: Gauge, calls_per_s: float) -> float:
    """Chats settled a second while more work waits than can be done."""
    playing = asyncio.create_task(flood.play(2 * calls_per_s, CALIBRATE_S))
    await asyncio.sleep(CALIBRATE_S / 2)
    before = await gauge.look()
    await playing
    after = await gauge.look()
    assert after.lag > 0, "there was no surplus: --calls-per-s is more than this machine can do"
    return (after.settled - before.settled) / (after.at_s - before.at_s)


async def caught_up(gauge: Gauge, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while gauge.looks[-1].lag or gauge.looks[-1].waiting:
                await asyncio.sleep(0.2)
            return True
    except TimeoutError:
        return False


async def tell(gauge: Gauge) -> None:
    while True:
        await asyncio.sleep(PRINT_EVERY_S)
        print(f"  {gauge.looks[-1]}", flush=True)


async def soak(options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        async with a_stage(Path(folder), options) as stage, Flood(stage, 1) as flood:
            gauge = Gauge(stage.tagger)
            print(f"measuring what it can do at {options.calls_per_s} calls/s", flush=True)
            able = await capacity(flood, gauge, options.calls_per_s)
            watching = [asyncio.create_task(gauge.run())]
            await asyncio.sleep(1)
            await caught_up(gauge, 10 * CALIBRATE_S)
            gauge.looks.clear()
            print(f"{able:.1f} chats/s; now twice that for {options.seconds} s", flush=True)
            watching.append(asyncio.create_task(tell(gauge)))
            offered = await flood.play(2 * able, options.seconds)
            load = list(gauge.looks)
            print("nothing comes any more", flush=True)
            ended_at = load[-1].at_s
            done = await caught_up(gauge, CATCH_UP_TIMES_MAX * options.seconds)
            took_s = gauge.looks[-1].at_s - ended_at
            for task in watching:
                task.cancel()
            return report(able, offered, load, gauge.looks, took_s if done else None, flood)


def report(
    able: float, offered: float, load: list[Look], looks: list[Look], took_s: float | None, flood: Flood
) -> bool:
    """Print the figures; whether all holds."""
    first, middle, last = load[0], load[len(load) // 2], load[-1]
    quarters = [load[len(load) * n // 4 - 1].lag for n in (1, 2, 3, 4)]
    tags = flood.compared()
    print(f"capacity            {able:.1f} chats/s")
    print(f"offered             {offered:.1f} chats/s, {offered / able:.2f} times that")
    print(f"chats               {tags.chats} in {flood.records} records")
    print(f"lag by quarters     {', '.join(f'{lag} records' for lag in quarters)}; oldest {last.age_s:.0f} s")
    print(f"memory, start       {first.rss_mb:.1f} MB")
    print(f"memory, middle      {middle.rss_mb:.1f} MB, {middle.waiting} chats waiting")
    print(f"memory, end of load {last.rss_mb:.1f} MB, {last.waiting} chats waiting")
    print(f"memory, highest     {max(look.rss_mb for look in looks):.1f} MB")
    print(f"caught up after     {'never' if took_s is None else f'{took_s:.0f} s'}")
    print(f"tags                {tags.set} set, {tags.expected} expected")
    print(f"missing, wrong      {len(tags.missing)}, {len(tags.wrong)}")
    holds = {
        "twice the capacity was offered": offered >= 1.9 * able,
        "lag grew all the time": quarters == sorted(set(quarters)) and quarters[0] > 0,
        "reading was paused": any(look.paused for look in load),
        "memory stayed flat": max(look.rss_mb for look in load[len(load) // 2 :]) <= FLAT * middle.rss_mb,
        "lag came back to 0": took_s is not None,
        "nothing is lost": not tags.missing and not tags.wrong and tags.set == tags.expected > 0,
    }
    for what, is_so in holds.items():
        print(f"{'holds' if is_so else 'DOES NOT HOLD':<19} {what}")
    return all(holds.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=480, help="of load; 480")
    parser.add_argument("--calls-per-s", type=float, default=100, help="what LiveChat allows; 100")
    parser.add_argument("--linger-s", type=int, default=20, help="TAGGER_LINGER_S; 20")
    parser.add_argument("--partitions", type=int, default=1)
    sys.exit(not asyncio.run(soak(parser.parse_args())))


if __name__ == "__main__":
    main()
