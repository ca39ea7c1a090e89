"""What must hold after every fault, by the letters of each hazard's second line.

T  every thread whose end was stored has every tag that it calls for, and no other
C  no committed offset was above an end that was neither decided nor parked
L  the lag comes to 0
N  no committed offset went back
M  no process took more memory than MEMORY_MB_MAX
Q  every webhook that was answered 200 is on the topic
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from tagger.simulator.play.player import Played
from tests.faults.truth import Stored

if TYPE_CHECKING:
    from tests.faults.world import World

MEMORY_MB_MAX: Final = 300  # a process that has just started has 70, one in these worlds 100
TOLD_MAX: Final = 3  # stories
LISTED_MAX: Final = 10  # problems of each letter: what comes first must not hide another kind


class Problem(NamedTuple):
    """What does not hold."""

    letter: str
    text: str
    thread: str = ""


def problems(world: "World", without: Collection[str] = ()) -> Iterator[Problem]:
    """All that does not hold now. `without` are threads that nobody promised to tag."""
    for service in (*world.ingests, *world.taggers):
        if service.ended_by_itself:
            yield Problem("-", f"{service.name} ended by itself")
    for played in promised(world, without):
        if played.missing:
            yield Problem("T", f"lacks {sorted(played.missing)}", played.thread.id)
        if played.wrong and in_order(world.truth.stored[played.thread.id]):
            yield Problem("T", f"has {sorted(played.wrong)}", played.thread.id)
    yield from world.watch.problems
    if world.watch.lag:
        yield Problem("L", f"lag stays at {world.watch.lag}")
    if world.watch.memory_mb > MEMORY_MB_MAX:
        yield Problem("M", f"a process took {world.watch.memory_mb:.0f} MB")
    there = {one.webhook for stored in world.truth.stored.values() for one in stored}
    for webhook in sorted(world.entrance.stored() - there):
        yield Problem("Q", f"{webhook} was answered 200 and is not on the topic", webhook.thread)


def promised(world: "World", without: Collection[str] = ()) -> Iterator[Played]:
    """Threads whose end is on the topic, but for those of which LiveChat gave up another webhook: what nobody
    received in the middle of a thread, nobody misses."""
    gave_up = {webhook.thread for webhook in world.entrance.refused()} | world.truth.given_up
    for played in list(world.stage.player.played.values()):
        thread = played.thread.id
        ended = any(one.webhook.action == "chat_deactivated" for one in world.truth.stored.get(thread, ()))
        if ended and thread not in gave_up and thread not in without:
            yield played


def in_order(stored: Collection[Stored]) -> bool:
    """Whether everything that was said was stored before the end, and beside it. A webhook that LiveChat sends again
    can come after it, too late to keep a tag off; so can one in another partition, after more were added."""
    if len({one.partition for one in stored}) > 1:
        return False
    end = min((one.at, one.offset) for one in stored if one.webhook.action == "chat_deactivated")
    return all((one.at, one.offset) <= end for one in stored if one.webhook.action == "incoming_event")
