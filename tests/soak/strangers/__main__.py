"""How fast the others are served while one chat, one organization or LiveChat's limit misbehaves.

Both services as processes on a real Kafka, all chats in one partition, each of which calls for a tag.

poisoned    eight chats are answered 500 forever, and then eighty good ones end; with --until-parked good ones go
            on ending until the eight are parked, which takes ten minutes
mixed       likewise, but the eight end among the eighty
storm       for 15 s one call in five is answered 429, while chats go on ending
dead-token  another organization's token is revoked, and its chats go on ending

Prints its figures and exits 1 where one of these does not hold: of the good chats' tags 99 in 100 are set within
a second of the end, none is missing at last and nothing of them is parked; 10 s after the storm its backlog is gone.
"""

import asyncio
import functools
import math
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.player import Played
from tagger.simulator.play.summary import percentile, seconds_to_tag
from tagger.simulator.stage.stage import Stage
from tests.faults.strangers import in_one_line, missing, play_one, play_some, tagged_visits, tried
from tests.integration.watch import everything_on, figures
from tests.kafka.broker import start
from tests.kafka.kafka import Kafka
from tests.soak.main import main

P99_S_MAX: Final = 1.0
PER_S: Final = 4.0  # good chats that end a second
BAD: Final = 8
GOOD: Final = 80
STORM_S: Final = 15.0
STORM_PER_S: Final = 15.0  # chats that end a second during the storm, 5 s before and 10 s after
GONE_S: Final = 10.0  # after the storm
REFUSED_SHARE: Final = 0.2
STANDING: Final = 3_000  # chats of the organization that is out
GRACE_S: Final = 60.0  # for what is late, so that it can be told how late
PARKED_S_MAX: Final = 900.0  # from the first try of a bad chat; evidence takes ten minutes


class Found(NamedTuple):
    """What a scenario came to: its lines, and what does not hold."""

    lines: list[str]
    problems: list[str]


async def all_tagged(played: Sequence[Played], within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            while missing(played):
                await asyncio.sleep(0.05)
        return True
    except TimeoutError:
        return False


def seconds(stage: Stage, played: Sequence[Played]) -> list[float]:
    """From end to tag, of every tag; without end where it is not set."""
    threads = [one.thread.id for one in played]
    came = seconds_to_tag(stage.livechat.sender.ended_at, stage.livechat.tagged_at, threads)
    return came + [math.inf] * sum(len(one.missing) for one in played)


def told(name: str, stage: Stage, played: Sequence[Played]) -> Found:
    """How the good chats fared."""
    took = seconds(stage, played)
    late = sum(each > P99_S_MAX for each in took)
    shown = [f"{percentile(took, percent):.2f} s" for percent in (50, 99, 100)]
    lines = [
        f"{name}: {len(played)} good chats, {len(took)} tags, median {shown[0]}, p99 {shown[1]}, slowest {shown[2]}, "
        f"{late} later than {P99_S_MAX:g} s, {sum(map(math.isinf, took))} missing"
    ]
    problems = []
    if percentile(took, 99) > P99_S_MAX:
        problems.append(f"{name}: the p99 from end to tag is {shown[1]}")
    if missing(played):
        problems.append(f"{name}: {len(missing(played))} good chats lack tags")
    return Found(lines, problems)


async def parked(stage: Stage) -> Counter[str]:
    """Chat id → how often it is on the topic."""
    records = await everything_on(stage.bootstrap, stage.names.parked, partitions=1)
    return Counter(orjson.loads(record)["chat_id"] for record in records)


async def poisoned(
    kafka: Kafka, folder: Path, seed: int, until_parked: bool, *, mixed: bool = False
) -> Found:
    name = "mixed" if mixed else "poisoned"
    async with in_one_line(kafka, name, folder) as stage:
        (organization,) = stage.organizations
        warm = await play_some(stage, tagged_visits(seed, 10), organization, PER_S)
        kinds = [True] * BAD + [False] * GOOD
        if mixed:
            random.Random(seed).shuffle(kinds)
        playing = []
        for poison, visit in zip(kinds, tagged_visits(seed + 1, BAD + GOOD), strict=True):
            playing.append(asyncio.create_task(play_one(stage, visit, organization, poisoned=poison)))
            await asyncio.sleep(1 / PER_S if mixed or not poison else 0)
        played = await asyncio.gather(*playing)
        good = [one for one, poison in zip(played, kinds, strict=True) if not poison]
        bad = [one for one, poison in zip(played, kinds, strict=True) if poison]
        await all_tagged([*warm, *good], GRACE_S)
        found = told(name, stage, good)
        calls = Counter(call.chat_id for call in stage.livechat.calls)
        asked = sum(calls[one.thread.chat.id] for one in bad)
        found.lines.append(f"{name}: {asked} calls about {len(bad)} bad chats, tried: {tried(stage, bad)}")
        if until_parked:
            await go_on_until_parked(stage, bad, seed, found)
        gone = (await parked(stage)).keys() & {one.thread.chat.id for one in good}
        return Found(
            found.lines, found.problems + [f"{name}: {len(gone)} good chats are parked"] * bool(gone)
        )


async def go_on_until_parked(stage: Stage, bad: Sequence[Played], seed: int, found: Found) -> None:
    """Good chats end, one every few seconds, until all bad ones are parked."""
    (organization,), clock = stage.organizations, stage.livechat.clock
    wanted, began, good = {one.thread.chat.id for one in bad}, clock(), list[Played]()
    more = iter(tagged_visits(seed + 2, int(PARKED_S_MAX)))
    while not wanted <= (await parked(stage)).keys() and clock() < began + PARKED_S_MAX:
        good += await play_some(stage, [next(more)], organization, 1.0)
        await asyncio.sleep(2.0)
    found.lines.append(
        f"parked: {len(wanted & (await parked(stage)).keys())} of {len(bad)} after {clock() - began:.0f} s"
    )
    if not wanted <= (await parked(stage)).keys():
        found.problems.append("parked: not all bad chats were given up")
    await all_tagged(good, GRACE_S)
    meanwhile = told("meanwhile", stage, good)
    found.lines.extend(meanwhile.lines)
    found.problems.extend(meanwhile.problems)


async def storm(kafka: Kafka, folder: Path, seed: int, _: bool) -> Found:
    async with in_one_line(kafka, "storm", folder) as stage:
        (organization,), clock, sender = stage.organizations, stage.livechat.clock, stage.livechat.sender
        chats = int(STORM_PER_S * (5.0 + STORM_S + GONE_S))
        playing = asyncio.create_task(play_some(stage, tagged_visits(seed, chats), organization, STORM_PER_S))
        await asyncio.sleep(5.0)  # the rate is found
        fault = Fault("too_many_requests", share=REFUSED_SHARE)
        stage.livechat.faults.append(fault)
        await asyncio.sleep(STORM_S)
        stage.livechat.faults.remove(fault)
        over = clock()
        await asyncio.sleep(GONE_S)
        # What ended in the storm, and what ended since, but for the last second.
        old = [
            one
            for one in stage.player.played.values()
            if sender.ended_at.get(one.thread.id, math.inf) < clock() - 1
        ]
        left = sum(len(one.missing) for one in old)
        rate = (await figures(stage.tagger))["tagger_livechat_rate_calls_per_second"]
        played = await playing
        await all_tagged(played, GRACE_S)
        refused = sum(call.outcome == "too_many_requests" for call in stage.livechat.calls)
        gone = max((at for at in stage.livechat.tagged_at.values()), default=over) - over
        took = seconds(stage, played)
        lines = [
            f"storm: {len(played)} chats, {len(took)} tags, {refused} calls answered 429; {GONE_S:g} s after it "
            f"{left} tags were late, at {rate:.1f} calls/s; median {percentile(took, 50):.2f} s, p99 "
            f"{percentile(took, 99):.2f} s, slowest {max(took):.2f} s, the last tag {gone:.0f} s after it"
        ]
        problems = [f"storm: {left} tags are late {GONE_S:g} s after it"] * bool(left)
        return Found(
            lines, problems + [f"storm: {len(missing(played))} chats lack tags"] * bool(missing(played))
        )


async def dead_token(kafka: Kafka, folder: Path, seed: int, _: bool) -> Found:
    async with in_one_line(kafka, "dead-token", folder, versions=("3.6", "3.6")) as stage:
        alive, dead = stage.organizations
        warm = await play_some(stage, tagged_visits(seed, 10), alive, PER_S)
        stage.livechat.access.revoke(dead.id)
        standing = await play_some(stage, tagged_visits(seed + 1, STANDING), dead, 100.0)
        await stage.livechat.sent(GRACE_S)
        going_on = asyncio.create_task(play_some(stage, tagged_visits(seed + 2, 100), dead, PER_S))
        good = await play_some(stage, tagged_visits(seed + 3, GOOD), alive, PER_S)
        standing += await going_on
        await all_tagged([*warm, *good], GRACE_S)
        found = told("dead-token", stage, good)
        refused = sum(call.outcome == "authentication" for call in stage.livechat.calls)
        found.lines.append(
            f"dead-token: {len(missing(standing))} of its {len(standing)} chats wait, {refused} calls refused"
        )
        others = (await parked(stage)).keys() & {one.thread.chat.id for one in good}
        return Found(found.lines, found.problems + ["dead-token: good chats are parked"] * bool(others))


SCENARIOS: Final[dict[str, Callable[[Kafka, Path, int, bool], Coroutine[None, None, Found]]]] = {
    "poisoned": poisoned,
    "mixed": functools.partial(poisoned, mixed=True),
    "storm": storm,
    "dead-token": dead_token,
}


async def soak(
    folder: Path,
    scenarios: tuple[str, ...] = tuple(SCENARIOS),
    until_parked: bool = False,
    seed: int = 1,
) -> list[str]:
    problems: list[str] = []
    with start() as broker:
        for name in scenarios:
            (folder / name).mkdir()
            found = await SCENARIOS[name](Kafka(broker.bootstrap), folder / name, seed, until_parked)
            print("\n".join(found.lines), flush=True)
            problems += found.problems
    return problems


if __name__ == "__main__":
    main(soak)
