"""Twice what the tagger can do: lag grows, memory stays flat, nothing is lost, and it catches up.

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

import asyncio
from pathlib import Path
from typing import Final

from tagger.simulator.livechat.faults import RateLimit
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.soak.main import main
from tests.soak.overload.flood import Flood
from tests.soak.overload.gauge import Gauge, Look
from tests.stage import a_stage

CALIBRATE_S: Final = 30.0  # of which the last half is measured: the tagger first has to find LiveChat's limit
FLAT: Final = 1.1  # memory at the end of the load over memory at its middle
CATCH_UP_TIMES_MAX: Final = 3.0  # of the load's time; as long is what the surplus alone takes
PRINT_EVERY_S: Final = 10.0


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


async def soak(
    folder: Path,
    seconds: float = 480.0,
    calls_per_s: float = 100.0,
    linger_s: int = 20,
    partitions: int = 1,
) -> list[str]:
    settings = {"TAGGER_LINGER_S": str(linger_s), "LOG_LEVEL": "warning"}
    with start() as broker:
        kafka = Kafka(broker.bootstrap)
        async with (
            a_stage(kafka, "overload", folder, seed=1, partitions=partitions, settings=settings) as stage,
            Flood(stage, 1) as flood,
        ):
            share = calls_per_s / len(stage.organizations)
            stage.livechat.limits |= {one.id: RateLimit(share) for one in stage.organizations}
            return await overloaded(Gauge(stage.tagger), flood, calls_per_s, seconds)


async def overloaded(gauge: Gauge, flood: Flood, calls_per_s: float, seconds: float) -> list[str]:
    print(f"measuring what it can do at {calls_per_s} calls/s", flush=True)
    able = await capacity(flood, gauge, calls_per_s)
    watching = [asyncio.create_task(gauge.run())]
    await asyncio.sleep(1)
    await caught_up(gauge, 10 * CALIBRATE_S)
    gauge.looks.clear()
    print(f"{able:.1f} chats/s; now twice that for {seconds} s", flush=True)
    watching.append(asyncio.create_task(tell(gauge)))
    offered = await flood.play(2 * able, seconds)
    load = list(gauge.looks)
    print("nothing comes any more", flush=True)
    ended_at = load[-1].at_s
    done = await caught_up(gauge, CATCH_UP_TIMES_MAX * seconds)
    took_s = gauge.looks[-1].at_s - ended_at
    for task in watching:
        task.cancel()
    return report(able, offered, load, gauge.looks, took_s if done else None, flood)


def report(
    able: float, offered: float, load: list[Look], looks: list[Look], took_s: float | None, flood: Flood
) -> list[str]:
    """Print the figures; returns what does not hold."""
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
        "less than twice the capacity was offered": offered >= 1.9 * able,
        "lag did not grow all the time": quarters == sorted(set(quarters)) and quarters[0] > 0,
        "reading was never paused": any(look.paused for look in load),
        "memory did not stay flat": max(look.rss_mb for look in load[len(load) // 2 :])
        <= FLAT * middle.rss_mb,
        "lag did not come back to 0": took_s is not None,
        "tags are missing or wrong": not tags.missing and not tags.wrong and tags.set == tags.expected > 0,
    }
    return [problem for problem, is_so in holds.items() if not is_so]


if __name__ == "__main__":
    main(soak)
