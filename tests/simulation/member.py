"""One tagger process, as thin as it can be: the real core between the model broker and the model API.

What the real shell must do at assign, poll, commit and revoke is done here in the same order.
"""

from dataclasses import dataclass, field
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition import Partition
from tagger.core.work import FindTime, Refused, Seek, Wait, Work
from tests.simulation.world import Event, Thread, World

UNDER_WAY_MAX: Final = 4


class Violation(AssertionError):
    """A property does not hold."""


def judged(conversation: Conversation) -> frozenset[str]:
    """The rules of this small world, judged on what the core says was said."""
    tags = set()
    for said in conversation.said:
        word = said.fields[0]
        if word in ("a", "b", "z") and said.author == "customer":
            tags.add(word)
        if word == "g" and said.author == "agent":
            tags.add(word)
    if not conversation.complete or any("n" in said.fields for said in conversation.said):
        tags.discard("z")  # `none` is judged on what is complete only
    return frozenset(tags)


@dataclass(slots=True)
class Member:
    """A member of the group with the one partition, or one that had it."""

    world: World
    limits: Limits
    bytes_max: int
    clock_offset_ms: int = 0
    partition: Partition = field(init=False)
    generation: int = -1
    fetch_offset: int = 0
    assigned_at: int = 0  # committed when it was assigned
    works: dict[int, Work] = field(default_factory=dict)
    lose_seek: bool = False  # the next seek will have no effect
    orphans: list[Work] = field(default_factory=list)  # work of an assignment that is over

    def __post_init__(self) -> None:
        self.partition = Partition(self.limits)

    @property
    def now_ms(self) -> int:
        return self.world.now_ms + self.clock_offset_ms

    def assign(self) -> None:
        """A rebalance gave the partition to this member."""
        world = self.world
        world.generation += 1
        self.generation = world.generation
        self.begin()

    def begin(self) -> None:
        world = self.world
        committed, metadata = world.committed, world.metadata
        self.suspend()
        self.fetch_offset = world.log_start if committed is None else committed  # where a client would go on
        self.assigned_at = world.log_start if committed is None else committed
        if self.assigned_at > len(world.log):
            self.assigned_at = world.log_start
        move = self.partition.begin(
            committed, metadata, world.log_start, len(world.log), bytes_max=self.bytes_max
        )
        if self.partition.committable() is not None:
            self.commit()
        self.seek(move)

    def seek(self, move: Seek | FindTime | None) -> None:
        if isinstance(move, FindTime):
            move = self.partition.found(self._offset_at(move.ms))
        if move is not None:
            if not self.lose_seek:
                self.fetch_offset = move.offset
            self.lose_seek = False
            self.partition.sought()

    def _offset_at(self, ms: int) -> int | None:
        log = self.world.log
        return next((r.offset for r in log[self.world.log_start :] if r.timestamp >= ms), None)

    def poll(self, count: int) -> None:
        world = self.world
        if self.partition.paused:
            return
        if not world.log_start <= self.fetch_offset <= len(world.log):
            self.begin()  # offset out of range
            return
        records = world.log[self.fetch_offset : self.fetch_offset + count]
        if records:
            self.fetch_offset = records[-1].offset + 1
            self.seek(self.partition.receive(records, self.now_ms))
            self._check_limits()

    def tick(self) -> None:
        self.seek(self.partition.tick(self.now_ms, len(self.world.log), self.fetch_offset))

    def take(self) -> None:
        for work in self.partition.work(UNDER_WAY_MAX - len(self.works)):
            if work.id in self.works:
                raise Violation(f"work {work.id} was handed out twice")
            self.works[work.id] = work
            if work.offset < self.assigned_at:
                raise Violation(f"P2: work at {work.offset}, below {self.assigned_at} where it was assigned")

    def act(self, which: int, outcome: str) -> None:
        """One step of one work: ask for the chat, or set its tags and settle it."""
        self.take()
        if not self.works:
            return
        work = self.works[sorted(self.works)[which % len(self.works)]]
        if outcome == "fail":
            return
        if work.kind == "unreadable":
            if outcome == "ok":
                self.world.parked.add((work.thread.organization, work.thread.chat_id))
                self._settle(work, frozenset())
            return
        if work.incomplete is not None:
            self._ask(work)
            return
        tags = judged(work.conversation)
        self._check_work(work)
        self._thread(work).tags |= tags
        if outcome == "ok":  # else it was done, and the answer was lost
            self._settle(work, tags)

    def _ask(self, work: Work) -> None:
        chat = self.world.get_chat(work.thread.organization, work.thread.thread_id)
        answer = Refused("forbidden") if chat is None else chat
        result = self.partition.completed(work.id, answer, self.now_ms)
        thread = self._thread(work)
        if isinstance(result, Work):
            self.works[work.id] = result
            thread.kept_stale |= chat is not None and not result.conversation.complete
        elif not isinstance(result, Wait):
            thread.kept_stale |= not thread.active
            del self.works[work.id]

    def _settle(self, work: Work, tags: frozenset[str]) -> None:
        self.partition.settled(work.id, tags)
        self.works.pop(work.id, None)

    def _thread(self, work: Work) -> Thread:
        return self.world.threads[work.thread.organization, work.thread.thread_id]

    def suspend(self) -> None:
        """The partition is taken away; answers for its work may still come."""
        self.partition.suspended()
        self.orphans = [*self.works.values()]
        self.works.clear()

    def answer_late(self, a: int) -> None:
        """An answer comes for work of an assignment that is over. Its tags are set; nobody may count on that."""
        if self.orphans:
            self.partition.settled(self.orphans[a % len(self.orphans)].id, frozenset())

    def _check_work(self, work: Work) -> None:
        thread = self._thread(work)
        if work.thread.chat_id != thread.chat_id:
            raise Violation(f"thread {thread.thread_id} is taken for one of {work.thread}")
        ids = [said.event_id for said in work.conversation.said]
        if len(ids) != len(set(ids)):
            raise Violation(f"an event of {thread.thread_id} is in the conversation twice")
        if not set(ids) <= {event.id for event in thread.events}:
            raise Violation(f"{thread.thread_id} has events of another thread")

    def _check_limits(self) -> None:
        stats = self.partition.stats()
        if stats.unsettled >= self.limits.unsettled_max and stats.phase == "live" and not stats.paused:
            raise Violation(
                f"{stats.unsettled} threads wait, {self.limits.unsettled_max} may, and it is not paused"
            )
        waiting = 2 * stats.unsettled_bytes + 1_000 * (stats.unsettled + 1)
        if stats.bytes > self.bytes_max + waiting:
            raise Violation(f"{stats.bytes} bytes held, {self.bytes_max} may be")

    def commit(self, outcome: str = "ok") -> None:
        """Commit what may be committed; `lost`: the answer never came."""
        committable = self.partition.committable()
        if committable is None or outcome == "fail":
            return
        world = self.world
        before = world.committed
        if world.commit(self.generation, committable.offset, committable.metadata):
            if before is not None and committable.offset < before <= len(world.log):
                raise Violation(f"P5: committed went from {before} to {committable.offset}")
            self._check_truth(committable.offset)
            if outcome == "ok":
                self.partition.committed(committable.offset)

    def _check_truth(self, committed: int) -> None:
        """P1: nothing below the committed offset is unfinished.

        What came late below it, too, unless the thread may have been forgotten by then.
        """

        def came_late(event: Event) -> bool:
            return not self.world.untrue and event.first_offset is not None and event.first_offset < committed

        for thread in self.world.threads.values():
            end = thread.end_offset
            if (
                end is None
                or end >= committed
                or end < self.world.log_start
                or thread.refused
                or thread.kept_stale
            ):
                continue
            missing = self.world.wants(thread, came_late) - thread.tags
            if missing:
                raise Violation(
                    f"P1: {committed} is committed, {thread.thread_id} ended at {end} lacks {missing}"
                )
