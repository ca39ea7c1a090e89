"""What one chat, one organization or a bad quarter of an hour at LiveChat can do to all the others.

For `test_strangers.py`, which asks whether the others go on, and `make soak-strangers`, which asks how fast.
"""

import asyncio
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from tagger.simulator.livechat.account import Organization
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.play.player import Played
from tagger.simulator.play.visitors import Visit, visits
from tagger.simulator.stage.stage import Stage
from tests.stage import a_stage

PAUSE_S: Final = 0.05  # between two events of a chat: a fault finds it before it ends
# All chats of one organization, unless a test asks for more of them, wait in one line.
in_one_line = partial(a_stage, partitions=1, versions=("3.6",), pause_s=PAUSE_S)


def tagged_visits(seed: int, count: int) -> list[Visit]:
    """Visits of one chat each, every one of which calls for a tag."""
    fit: Iterator[Visit] = (
        visit for visit in visits(seed) if len(visit.conversations) == 1 and visit.conversations[0].expected
    )
    return list(islice(fit, count))


async def play_one(
    stage: Stage, visit: Visit, organization: Organization, *, poisoned: bool = False
) -> Played:
    """Play a chat to its end; whatever LiveChat is asked about a poisoned one it answers 500, forever."""
    (conversation,) = visit.conversations
    playing = asyncio.create_task(stage.player.play_visit(visit, organization))
    await asyncio.sleep(0)  # it has begun
    played = next(one for one in reversed(stage.player.played.values()) if one.conversation is conversation)
    if poisoned:
        stage.livechat.faults.append(Fault("internal", chat_id=played.thread.chat.id))
    await playing
    return played


async def play_some(
    stage: Stage,
    all_visits: Iterable[Visit],
    organization: Organization,
    per_s: float,
    *,
    poisoned: bool = False,
) -> list[Played]:
    """One after the other has begun, so many a second."""
    playing = []
    for visit in all_visits:
        playing.append(asyncio.create_task(play_one(stage, visit, organization, poisoned=poisoned)))
        await asyncio.sleep(1 / per_s)
    return await asyncio.gather(*playing)


def tried(stage: Stage, played: Iterable[Played]) -> bool:
    """Whether LiveChat was asked about each of these chats."""
    asked = {call.chat_id for call in list(stage.livechat.calls)}
    return {one.thread.chat.id for one in played} <= asked


def missing(played: Iterable[Played]) -> list[str]:
    """The threads that ended and lack a tag."""
    return [one.thread.id for one in played if not one.thread.active and one.missing]
