"""What happens: nothing to the services; their books are changed by hand.
What must hold: each letter is missed where it is missing, and the story of the thread is told.
Measured: by what the verdict says.
"""

from tests.deadline import until
from tests.faults.conftest import MakeWorld
from tests.faults.entrance import Sent
from tests.faults.verdict import MEMORY_MB_MAX, Problem, problems
from tests.faults.watch import Watch
from tests.faults.webhook import Webhook
from tests.faults.world import World


def letters(w: World) -> set[str]:
    return {problem.letter for problem in problems(w)}


async def test_each_letter_is_missed_where_it_is_missing_and_the_story_is_told(world: MakeWorld) -> None:
    async with world(pause_s=0.0) as w:
        async with w.chats():
            await w.ended(10)
        await w.everything_holds()
        tagged = next(one for one in w.stage.player.played.values() if one.thread.tags)
        thread, tags = tagged.thread.id, list(tagged.thread.tags)

        tagged.thread.tags.clear()
        assert letters(w) == {"T"}
        story = w.story(thread)
        assert all(f"\n  {chapter}" in story for chapter in ("sent", "stored", "read", "decided", "called"))
        tagged.thread.tags.extend([*tags, "Nobody's"])
        assert letters(w) == {"T"}
        assert letters_without(w, thread) == set()
        tagged.thread.tags.remove("Nobody's")

        w.entrance.sent[thread].append(Sent(0.0, Webhook("incoming_event", thread, "lost"), 0, 200))
        assert letters(w) == {"Q"}
        w.entrance.sent[thread].pop()

        w.watch = Watch(w)  # the one that runs goes on, and notes what it sees with itself
        w.watch.lag, w.watch.memory_mb = 1, MEMORY_MB_MAX + 1
        assert letters(w) == {"L", "M"}

        w.watch = Watch(w)
        del w.truth.told[thread]

        async def is_missed() -> bool:
            w.truth._committed = {partition: offset + 1 for partition, offset in w.truth._committed.items()}
            await w.watch.look()
            return letters(w) == {"C", "N"}

        await until(is_missed)


def letters_without(w: World, thread: str) -> set[str]:
    found: list[Problem] = list(problems(w, {thread}))
    return {problem.letter for problem in found}
