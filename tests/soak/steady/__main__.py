"""An hour at half of the highest rate: memory is flat, lag comes back to 0, and every chat has exactly its tags.

Both services as processes, a real Kafka and the simulated LiveChat share this machine. The highest rate is measured
first: chats are played as fast as the senders can, and it is how many have all their tags a second. Then chats end at
half of that for --minutes, each some seconds long. Every ten seconds memory, lag and the time from a chat's end to its
tags are noted, in `tests/soak/results/steady.csv` and a plot beside it.

Exits 1 where one of these does not hold: after the first third, memory of each service grows by less than 1 MB in ten
minutes (asked only where twenty minutes are left); lag is 0 at the end; no tag is missing, none is wrong.
Ended chats stay in memory for ten minutes; a run of less than an hour shortens that, so that the first third covers it.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.integration.watch import finished
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.soak.main import main
from tests.soak.steady.look import Looks
from tests.soak.steady.report import WARM, slope, tell, write
from tests.stage import a_stage

FASTEST_CHATS: Final = 2_000
SHARE: Final = 0.5  # of the highest rate
PAUSE_S: Final = 0.5  # between two events of a chat
VISIT_S: Final = 20.0  # how long a visit takes with such pauses; some open a chat twice
LINGER_S_MAX: Final = 600
LATE_S: Final = 90.0  # for what is left at the end
SLOPE_MB_MAX: Final = 1.0  # in ten minutes
JUDGED_S_MIN: Final = 1200.0  # in less, one allocation of the interpreter looks like growth


async def highest_rate(stage: Stage) -> float:
    """Chats a second, with more at a time than can be done."""
    began = time.monotonic()
    await stage.play(visits(1, FASTEST_CHATS))
    result = await stage.settled(LATE_S)
    assert not result.missing, "the warm-up is not tagged"
    return result.chats / (time.monotonic() - began)


async def caught_up(stage: Stage) -> bool:
    try:
        async with asyncio.timeout(LATE_S):
            while not await finished(stage):
                await asyncio.sleep(0.5)
            return True
    except TimeoutError:
        return False


async def soak(folder: Path, minutes: float = 60.0, seed: int = 2) -> list[str]:
    linger_s = min(LINGER_S_MAX, int(minutes * 60 * WARM / 2))
    settings = {"TAGGER_LINGER_S": str(linger_s), "LOG_LEVEL": "warning"}
    with start() as broker:
        async with a_stage(Kafka(broker.bootstrap), "steady", folder, seed=seed, settings=settings) as stage:
            highest = await highest_rate(stage)
            rate = SHARE * highest
            print(f"highest rate {highest:.0f} chats/s; {minutes:g} minutes at {rate:.0f}", flush=True)
            stage.player.pause_s, stage.player.at_once = PAUSE_S, int(rate * VISIT_S)
            looks = Looks(stage)
            watching = asyncio.create_task(looks.run())
            await stage.play(visits(seed, int(minutes * 60 * rate)), rate)
            done = await caught_up(stage)
            watching.cancel()
            await asyncio.wait([watching])
            await looks.last()
    return verdict(looks, done)


def verdict(looks: Looks, done: bool) -> list[str]:
    write(looks.rows)
    tell(looks.rows, looks.seconds)
    held = {
        "lag did not come back to 0": done,
        f"{len(looks.missing)} tags are missing": not looks.missing,
        f"{len(looks.wrong)} tags are wrong": not looks.wrong,
    }
    warm = [row for row in looks.rows if row.at_s >= looks.rows[-1].at_s * WARM]
    if warm[-1].at_s - warm[0].at_s >= JUDGED_S_MIN:
        for name in ("tagger_mb", "ingest_mb"):
            grows = slope(warm, name)
            held[f"{name} grows by {grows:.2f} MB in ten minutes"] = grows < SLOPE_MB_MAX
    else:
        print("too short to judge memory by")
    return [problem for problem, holds in held.items() if not holds]


if __name__ == "__main__":
    main(soak)
