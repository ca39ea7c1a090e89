"""LiveChat away for as long as in life, one way after the other, while chats go on ending.

The refresh of tokens fails for 2 minutes, everything is answered 503 for 3, nobody listens for 1, every answer
is lost for 1; all along access tokens expire and are refreshed. At last one tag is deleted forever. Nothing
may be parked but what needs that tag, nothing may be missing, and LiveChat may not be stormed. Takes 9 minutes;
`--times 0.1` makes everything a tenth as long.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from tagger.simulator.play.summary import seconds_to_tag
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.integration.outages import OUTAGES
from tests.integration.watch import everything_on, figures, finished, highest
from tests.soak.main import main

LAST_S: Final = {"refresh_fails": 120.0, "all_503": 180.0, "nobody_listens": 60.0, "answers_lost": 60.0}
TOKEN_LIFE_S: Final = 90.0  # refreshed a minute before its end, so every half minute
GO_ON_S: Final = 20.0  # chats go on ending for so long after an outage
CAUGHT_UP_AGE_S: Final = 1.5  # nothing older is unsettled: it is as if there had been no outage
CAUGHT_UP_S_MAX: Final = 60.0
CALLS_PER_S_MAX: Final = 1.0  # while everything fails; more would be a storm
UNDER_WAY_MAX: Final = 40  # calls that were let in before the circuit opened
FIRST_SECOND_MAX: Final = 20  # calls in the second after the first success: the rate starts at 10/s
TAG: Final = "Refund"


@dataclass(frozen=True, slots=True)
class Figures:
    """One outage."""

    kind: str
    lasted_s: float
    lag_max: float
    age_max_s: float
    parked: float
    calls: float  # to the API and for tokens, while it lasted
    caught_up_s: float  # from its end until nothing old was unsettled
    lag_zero_s: float  # from its end until the lag was 0, chats going on meanwhile
    slowest_s: float  # from the end of a chat to its tag
    first_second: int  # calls in the second after the first success
    busiest: int  # the most calls in one second after it
    missing: int
    wrong: int

    def line(self) -> str:
        return (
            f"{self.kind:<15} {self.lasted_s:4.0f} s: lag up to {self.lag_max:.0f} records, oldest "
            f"{self.age_max_s:.0f} s, {self.calls / self.lasted_s:.2f} calls/s; then caught up in "
            f"{self.caught_up_s:.1f} s, lag 0 after {self.lag_zero_s:.1f} s, slowest tag {self.slowest_s:.1f} s, "
            f"{self.first_second} calls in the first second, {self.busiest}/s at most; "
            f"{self.missing} tags missing, {self.wrong} wrong, {self.parked:.0f} parked"
        )

    def problems(self) -> list[str]:
        held = {
            "lag does not show it": self.lag_max > 0,
            "something was parked": self.parked == 0,
            "tags are missing": self.missing == 0,
            "tags are wrong": self.wrong == 0,
            "LiveChat was stormed meanwhile": self.calls <= CALLS_PER_S_MAX * self.lasted_s + UNDER_WAY_MAX,
            "LiveChat was stormed at its return": self.first_second <= FIRST_SECOND_MAX,
            "it took too long to catch up": self.caught_up_s <= CAUGHT_UP_S_MAX,
        }
        return [f"{self.kind}: {problem}" for problem, holds in held.items() if not holds]


async def outage(stage: Stage, kind: str, seconds: float, chats_per_s: float, seed: int) -> Figures:
    clock, before = stage.livechat.clock, set(stage.player.played)
    chats = int(chats_per_s * (seconds + GO_ON_S))
    playing = asyncio.create_task(stage.play(visits(seed, chats), chats_per_s))
    await asyncio.sleep(2.0)  # until chats are open
    lag = age = 0.0
    async with OUTAGES[kind].during(stage):
        began, calls = clock(), await asked(stage)
        while clock() < began + seconds:
            await asyncio.sleep(1.0)
            lag = max(lag, (await figures(stage.tagger))["tagger_lag_records"])
            age = max(age, await highest(stage.tagger, "tagger_oldest_unsettled_age_seconds"))
        over, calls = clock(), await asked(stage) - calls
    while await highest(stage.tagger, "tagger_oldest_unsettled_age_seconds") > CAUGHT_UP_AGE_S:
        await asyncio.sleep(0.2)
    caught_up = clock()
    await playing
    async with asyncio.timeout(2 * CAUGHT_UP_S_MAX):
        while not await finished(stage):
            await asyncio.sleep(0.2)
    lag_zero, result = clock(), stage.expected_vs_set()
    livechat, threads = stage.livechat, set(stage.player.played) - before
    back_at = min(call.at for call in livechat.calls if call.at >= over and call.outcome == "ok")
    each_second = Counter(int(call.at - back_at) for call in livechat.calls if call.at >= back_at)
    return Figures(
        kind,
        over - began,
        lag,
        age,
        (await figures(stage.tagger))["tagger_parked_total"],
        calls,
        caught_up - over,
        lag_zero - over,
        max(seconds_to_tag(livechat.sender.ended_at, livechat.tagged_at, threads)),
        each_second[0],
        max(each_second.values()),
        len(result.missing),
        len(result.wrong),
    )


async def asked(stage: Stage) -> float:
    """Requests so far: those the tagger sent, and those for tokens that came."""
    shown = await figures(stage.tagger)
    return shown["tagger_livechat_requests_total"] + stage.livechat.token_requests


async def deleted_tag(stage: Stage, chats: int, seed: int) -> list[str]:
    """One tag is refused forever; the problems."""
    (organization,) = stage.organizations
    del organization.tags[TAG.lower()]
    before = set(stage.player.played)
    await stage.play(visits(seed, chats), 10.0)
    async with asyncio.timeout(CAUGHT_UP_S_MAX):
        while not await finished(stage):
            await asyncio.sleep(0.2)
    played = {name: one for name, one in stage.player.played.items() if name not in before}
    called_for = {name for name, one in played.items() if TAG in one.conversation.expected}
    records = [orjson.loads(record) for record in await everything_on(stage.bootstrap, stage.names.parked)]
    parked = {record["thread_id"] for record in records if record["tag"] == TAG}
    result = stage.expected_vs_set()
    print(
        f"deleted tag: {len(parked)} of {len(called_for)} chats that need it parked, {len(records)} parked at all, "
        f"{len(result.missing)} tags missing of {sum(len(one.conversation.expected) for one in played.values())}, "
        f"lag 0"
    )
    right = parked == called_for and len(records) == len(called_for) == len(result.missing)
    return [] if right and not result.wrong else ["deleted tag: not its chats alone are parked"]


async def soak(folder: Path, chats_per_s: float = 2.0, times: float = 1.0, seed: int = 1) -> list[str]:
    problems: list[str] = []
    stage = Stage(folder, seed, versions=("3.6",), pause_s=0.1, oauth=True)
    stage.livechat.access.token_life_s = TOKEN_LIFE_S
    async with stage:
        for number, (kind, seconds) in enumerate(LAST_S.items()):
            found = await outage(stage, kind, seconds * times, chats_per_s, seed + number)
            print(found.line())
            problems += found.problems()
        problems += await deleted_tag(stage, 100, seed + len(LAST_S))
        refused = sum(call.outcome == "authentication" for call in stage.livechat.calls)
        print(
            f"tokens           {stage.livechat.token_requests} requests, {refused} calls refused as expired"
        )
    return problems


if __name__ == "__main__":
    main(soak)
