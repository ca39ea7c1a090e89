"""Whether a rate limit that nobody tells of is found and used: no chat lost, few refusals, little left unused.

While LiveChat answers 503, that many chats end in one organization, each of which calls for a tag. Then LiveChat
is back and takes so many calls a second and no more, without a word about it. Takes six minutes with the defaults.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tagger.simulator.livechat.faults import Fault, RateLimit
from tagger.simulator.livechat.server import ApiCall
from tagger.simulator.play.player import Comparison
from tagger.simulator.play.visitors import Visit, visits
from tagger.simulator.stage.stage import Stage
from tests.integration.watch import everything_on, figures
from tests.soak.main import main

LEARNING_S: Final = 60.0  # in which the limit is found; refusals are counted after it
REFUSED_SHARE_MAX: Final = 0.05
USED_SHARE_MIN: Final = 0.80
TELL_EVERY_S: Final = 20.0
LAG_S: Final = 10.0  # from the last tag to lag 0: the tagger commits every second


@dataclass(frozen=True, slots=True)
class Found:
    """What one run came to. Calls are those that were answered since LiveChat is back."""

    result: Comparison
    parked: int
    lag: float
    calls: list[ApiCall]
    back_at: float
    calls_per_s: float

    @property
    def took_s(self) -> float:
        return self.calls[-1].at - self.back_at

    def done_per_s(self, after_s: float) -> float:
        """Calls a second that LiveChat served, from so many seconds after it was back to the last one."""
        served = [call for call in self.calls if call.applied and call.at >= self.back_at + after_s]
        return len(served) / (self.took_s - after_s)

    def refused_share(self, after_s: float) -> float:
        later = [call for call in self.calls if call.at >= self.back_at + after_s]
        return sum(call.outcome == "too_many_requests" for call in later) / len(later)

    def problems(self) -> list[str]:
        held = {
            "tags are missing": not self.result.missing,
            "tags are wrong": not self.result.wrong,
            "something was parked": self.parked == 0,
            "the lag does not end": self.lag == 0,
            "too many calls were refused": self.refused_share(LEARNING_S) <= REFUSED_SHARE_MAX,
            "too little of the limit was used": self.done_per_s(0.0) >= USED_SHARE_MIN * self.calls_per_s,
        }
        return [problem for problem, holds in held.items() if not holds]


def that_call_for_tags(seed: int, chats: int) -> Iterator[Visit]:
    """Visits of so many threads, each of which is to get a tag."""
    left = chats
    for visit in visits(seed):
        if len(visit.conversations) <= left and all(one.expected for one in visit.conversations):
            left -= len(visit.conversations)
            yield visit
        if not left:
            return


async def tagged(folder: Path, chats: int, calls_per_s: float, seed: int) -> Found:
    async with Stage(folder, seed, versions=("3.6",)) as stage:
        livechat, (organization,) = stage.livechat, stage.organizations
        livechat.limits[organization.id] = RateLimit(calls_per_s)
        livechat.faults.append(Fault("service_unavailable"))
        await stage.play(that_call_for_tags(seed, chats))
        waiting = stage.expected_vs_set()
        print(f"{waiting.chats} chats wait for {len(waiting.missing)} tags")
        livechat.calls.clear()
        livechat.faults.clear()
        back_at = livechat.clock()
        await drained(stage, waiting.expected / calls_per_s * 2)
        return Found(
            stage.expected_vs_set(),
            len(await everything_on(stage.bootstrap, stage.names.parked)),
            await lag_after(stage, LAG_S),
            list(livechat.calls),
            back_at,
            calls_per_s,
        )


async def drained(stage: Stage, deadline_s: float) -> None:
    """Wait until no tag is missing or the time is up, and say how it goes."""
    ends_at = time.monotonic() + deadline_s
    while stage.expected_vs_set().missing and time.monotonic() < ends_at:
        result = await stage.settled(min(TELL_EVERY_S, max(0.0, ends_at - time.monotonic())))
        metrics = await figures(stage.tagger)
        rate = metrics["tagger_livechat_rate_calls_per_second"]
        outcomes = Counter(call.outcome for call in stage.livechat.calls)
        print(f"{len(result.missing)} tags to go, {rate:.1f} calls/s, answers so far {dict(outcomes)}")


async def lag_after(stage: Stage, deadline_s: float) -> float:
    """The lag as soon as it is 0, or when the time is up."""
    ends_at = time.monotonic() + deadline_s
    while (lag := (await figures(stage.tagger))["tagger_lag_records"]) and time.monotonic() < ends_at:
        await asyncio.sleep(0.2)
    return lag


async def soak(folder: Path, chats: int = 2_000, calls_per_s: float = 10.0, seed: int = 1) -> list[str]:
    if chats < 2 * LEARNING_S * calls_per_s:
        return [f"so few chats are tagged before the limit is learnt, which may take {LEARNING_S:.0f} s"]
    found = await tagged(folder, chats, calls_per_s, seed)
    result = found.result
    print(f"chats            {result.chats}")
    print(
        f"tags             {result.set} set, {result.expected} expected, "
        f"{len(result.missing)} missing, {len(result.wrong)} wrong, {found.parked} parked, lag {found.lag:.0f}"
    )
    print(f"took             {found.took_s:.0f} s, {len(found.calls)} calls")
    for name, after_s in (("from the start", 0.0), (f"after {LEARNING_S:.0f} s", LEARNING_S)):
        print(
            f"{name:<16} {found.done_per_s(after_s):.2f} calls/s served of {found.calls_per_s:g}, "
            f"{found.refused_share(after_s):.1%} answered 429"
        )
    return found.problems()


if __name__ == "__main__":
    main(soak)
