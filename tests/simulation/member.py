"""One tagger process, as thin as it can be: the real core between the model broker and the model API.

What the real shell must do at assign, poll, commit and revoke is done here in the same order.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import FindTime, Refused, Seek, Wait, Work
from tests.simulation.world import Event, Log, Thread, World

UNDER_WAY_MAX: Final = 4


class Violation(AssertionError):
    """A property does not hold."""


def judged(conversation: Conversation) -> frozenset[str]:
    """The rules of this small world, judged on what the core says was said."""
    tags, halves = set(), set()
    for said in conversation.said:
        word = said.fields[0]
        if word in ("a", "b", "z") and said.author == "customer":
            tags.add(word)
        if word == "g" and said.author == "agent":
            tags.add(word)
        if said.author == "customer":
            halves.add(word)
    if {"x", "y"} <= halves:
        tags.add("xy")
    if not conversation.complete or any("n" in said.fields for said in conversation.said):
        tags.discard("z")  # `none` is judged on what is complete only
    return frozenset(tags)


@dataclass(slots=True)
class Member:
    """A member of the group with one partition, or one that had it."""

    world: World
    log: Log
    limits: Limits
    bytes_max: int
    met: Counter[str]  # what happened to members, for the coverage that is asserted
    failing: str = ""  # LiveChat answers nothing about this organization
    clock_offset_ms: int = 0
    partition: Partition = field(init=False)
    generation: int = -1
    fetch_offset: int = 0
    assigned_at: int = 0  # committed when it was assigned
    works: dict[int, Work] = field(default_factory=dict)
    asked: Counter[int] = field(
        default_factory=Counter
    )  # by work, get_chat calls that found the thread active
    called_for: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # in this assignment
    lose_seek: bool = False  # the next seek will have no effect
    interrupted: bool = False  # the next look-up will be cut short by a revoke
    hasty: bool = False  # the client hands on records before it was told where to seek
    orphans: list[Work] = field(default_factory=list)  # work of an assignment that is over

    def __post_init__(self) -> None:
        self.partition = Partition(self.limits, lambda _, chat_id: self.world.is_home(self.log, chat_id))

    @property
    def now_ms(self) -> int:
        return self.world.now_ms + self.clock_offset_ms

    def assign(self) -> None:
        """A rebalance gave the partition to this member."""
        self.log.generation += 1
        self.generation = self.log.generation
        self.begin()

    def begin(self, stale_by: int = 0) -> None:
        """`stale_by`: so many records were written after the log's end was looked up."""
        log = self.log
        committed, metadata = log.committed, log.metadata
        self.suspend()
        self.called_for.clear()
        self.fetch_offset = log.start if committed is None else committed  # where a client would go on
        self.assigned_at = log.start if committed is None else committed
        if self.assigned_at > log.end:
            self.assigned_at = log.start
        end = max(log.start, committed or 0, log.end - stale_by) if stale_by else log.end
        added = log.shift > 0 and committed is None
        self.met["partition added"] += added
        move = self.partition.begin(
            committed, metadata, log.start, end, bytes_max=self.bytes_max, added=added
        )
        if self.partition.committable() is not None:
            self.commit()
        self.seek(move)

    def seek(self, move: Seek | FindTime | None) -> None:
        if move is None:
            return
        if self.hasty:
            self.partition.receive(self.log.read(self.fetch_offset, 3), self.now_ms)
        if isinstance(move, FindTime):
            if self.interrupted:
                self.interrupted = False
                self.met["revoke between look-ups"] += 1
                self.assign()
                return
            move = self.partition.found(self._offset_at(move.ms))
        if not self.lose_seek:
            self.fetch_offset = move.offset
        self.lose_seek = False
        self.partition.sought()

    def _offset_at(self, ms: int) -> int | None:
        records = self.log.read(self.log.start, len(self.log.records))
        return next((r.offset for r in records if r.timestamp >= ms), None)

    def poll(self, count: int) -> None:
        log = self.log
        if self.partition.paused:
            if self.failing and not self._others_wait():
                raise Violation("P7: the partition is paused by one organization that fails")
            return
        if not log.start <= self.fetch_offset <= log.end:
            self.begin()  # offset out of range
            return
        records = log.read(self.fetch_offset, count)
        if self.fetch_offset < log.end:
            self.fetch_offset = min(self.fetch_offset + count, log.end)
        if records:
            self.seek(self.partition.receive(records, self.now_ms))
            self._check_limits()

    def pass_over(self, count: int) -> None:
        """The client drops what it fetched, and goes on behind it."""
        if self.fetch_offset + count <= self.log.end:
            self.fetch_offset += count
            self.met["position moved without delivery"] += 1

    def doubts(self) -> bool:
        """Whether it saw a gap where it is, and waits to see it again."""
        reading = self.partition._reading
        start, position = reading.start, reading.state.position
        return start is not None and (start._seen is not None or reading._gap[0] == position)

    def reread(self) -> None:
        """A poll failed: the client may have passed over records."""
        self.met["reread"] += 1
        self.seek(self.partition.reread())

    def tick(self, stale_by: int = 0) -> None:
        end = max(self.log.start, self.log.end - stale_by)
        self.seek(self.partition.tick(self.now_ms, end, self.fetch_offset))

    def take(self) -> None:
        for work in self.partition.work(UNDER_WAY_MAX - len(self.works)):
            if work.id in self.works:
                raise Violation(f"work {work.id} was handed out twice")
            self.works[work.id] = work
            if work.incomplete == "share":  # its text was dropped, so LiveChat's word is all there is
                self.world.untrue, self.world.log_is_whole = True, False
            # Before it is known that a chat moved nobody can know that the thread has a part elsewhere.
            if work.thread.thread_id:
                self._thread(work).split |= self.world.is_moving(self._thread(work))
            if work.offset < self.assigned_at:
                raise Violation(f"P2: work at {work.offset}, below {self.assigned_at} where it was assigned")
            key = (work.thread.organization, work.thread.thread_id)
            if work.kind != "late":
                self.called_for.pop(key, None)  # the thread was forgotten meanwhile, and what was decided too
            known = self.called_for.get(key, frozenset())
            if not known <= work.decided and not self.partition.stats().counters.get(("forgotten", "")):
                raise Violation(f"{sorted(known - work.decided)} was called for, and is not remembered")
        held = Counter(work.thread.organization for work in self.works.values())
        if held and max(held.values()) > UNDER_WAY_MAX // 2:
            raise Violation(f"P7: one organization has more than its share of what is under way: {held}")

    def act(self, which: int, outcome: str, refuses: int = 0) -> None:
        """One step of one work: ask for the chat, or set its tags and settle it.

        `refuses` picks a tag that LiveChat will not have; 0: none.
        """
        self.take()
        works = [w for w in self.works.values() if w.thread.organization != self.failing or not self.failing]
        if not works:
            self.met["nothing goes on but what fails"] += bool(self.works)
            return
        work = sorted(works, key=lambda work: work.id)[which % len(works)]
        if outcome == "fail":
            return
        if work.kind == "unreadable":
            if outcome == "ok":
                chat = (work.thread.organization, work.thread.chat_id)
                self.log.parked.append((*chat, work.offset, work.last_offset))
                self.met["range parked"] += work.last_offset > work.offset
                self._settle(work, frozenset())
            return
        if work.incomplete is not None:
            self._ask(work)
            return
        tags = judged(work.conversation)
        thread = self._thread(work)
        self._check_work(work)
        thread.split |= self.world.is_moving(thread)  # as when it was handed out
        self.met["two events made a tag"] += "xy" in tags
        fresh = sorted(tags - work.decided - thread.tags)
        if refuses and fresh:
            thread.refused_tags.add(fresh[refuses % len(fresh)])
            self.met["tag refused"] += 1
            self.met["tags partly refused"] += len(tags) > 1
        thread.tags |= tags - work.decided - thread.refused_tags  # as the shell: not those decided before
        if outcome == "ok":  # else it was done, and the answer was lost
            self._settle(work, tags)

    def _ask(self, work: Work) -> None:
        chat = self.world.get_chat(work.thread.organization, work.thread.thread_id)
        answer = Refused("forbidden") if chat is None else chat
        seen = self.partition._state.memory.threads.get(*work.thread)
        came = seen is not None and seen.ending is not None and bool(seen.ending.waiting)
        result = self.partition.completed(work.id, answer, self.now_ms)
        thread = self._thread(work)
        active = chat is not None and chat["thread"]["active"]
        if isinstance(result, Work):
            self.works[work.id] = result
            thread.kept_stale |= chat is not None and not result.conversation.complete
            if active and self.asked[work.id] < self.limits.still_active_asks_max:
                raise Violation(f"{thread.thread_id} was given up after {self.asked[work.id]} questions")
        elif isinstance(result, Wait):
            self.asked[work.id] += 1
        else:
            thread.kept_stale |= not thread.active and not came
            del self.works[work.id]
            self.met["event while asked"] += came
            if came and self.partition._state.memory.threads.get(*work.thread) is None:
                raise Violation(f"what came for {thread.thread_id} while LiveChat was asked is gone")

    def _settle(self, work: Work, tags: frozenset[str]) -> None:
        self.partition.settled(work.id, tags)
        self.works.pop(work.id, None)
        key = (work.thread.organization, work.thread.thread_id)
        self.called_for[key] = self.called_for.get(key, frozenset()) | tags

    def _thread(self, work: Work) -> Thread:
        return self.world.threads[work.thread.organization, work.thread.thread_id]

    def suspend(self) -> None:
        """The partition is taken away; answers for its work may still come."""
        self.partition.suspended()
        self.orphans = [*self.works.values()]
        self.works.clear()
        self.asked.clear()

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
        partition, state = self.partition, self.partition._state  # its `stats` would take a tenth of all time
        backlog, held = state.backlog, state.memory.threads.bytes + state.backlog.unfinished.bytes
        if backlog.threads >= self.limits.unsettled_max and partition._reading.live and not partition.paused:
            raise Violation(f"{backlog.threads} wait, {self.limits.unsettled_max} may, and it is not paused")
        waiting = 2 * backlog.bytes + 1_000 * (backlog.waiting + 1)
        if held > self.bytes_max + waiting:
            raise Violation(f"{held} bytes held, {self.bytes_max} may be")

    def _others_wait(self) -> bool:
        """Whether anything waits that is not the failing organization's; or nobody else was ever met."""
        backlog = self.partition._state.backlog
        waiting = [
            t for t in self.partition._state.memory.threads if t.ending is not None and t.ending.unfinished
        ]
        return not backlog.shares.several or any(thread.chat[0] != self.failing for thread in waiting)

    def commit(self, outcome: str = "ok") -> None:
        """Commit what may be committed. `lost`: the answer never came; `slow`: it may land later, or never."""
        committable = self.partition.committable()
        if committable is None or outcome == "fail":
            return
        log, before = self.log, self.log.committed
        if outcome == "slow":
            log.on_its_way.append((self.generation, committable.offset, committable.metadata))
            return
        if log.commit(self.generation, committable.offset, committable.metadata):
            if before is not None and committable.offset < before <= log.end:
                raise Violation(f"P5: committed went from {before} to {committable.offset}")
            self._check_truth(committable.offset)
            if outcome == "ok":
                self.partition.committed(committable.offset)

    def _check_truth(self, committed: int) -> None:
        """P1: nothing below the committed offset is unfinished.

        What came late below it, too, unless the thread may have been forgotten by then.
        """
        log = self.log

        def came_late(event: Event) -> bool:
            place = event.first_offset
            return not self.world.untrue and place is not None and place < committed + log.shift

        for thread in self.world.threads.values():
            end = log.offset(thread.end_offset)
            if end is None or not log.start <= end < committed:
                continue
            if thread.refused or thread.kept_stale or thread.split:
                continue
            missing = self.world.wants(thread, came_late) - thread.tags
            if missing:
                raise Violation(
                    f"P1: {committed} is committed, {thread.thread_id} ended at {end} lacks {missing}"
                )
        for offset, chat in log.poisoned.items():
            if log.start <= offset < committed and not self._was_told(chat, offset):
                raise Violation(
                    f"P1: {committed} is committed, nobody was told of what is unreadable at {offset}"
                )

    def _was_told(self, chat: tuple[str, str], offset: int) -> bool:
        return any(
            chat == (organization, chat_id) and first <= offset <= last
            for organization, chat_id, first, last in self.log.parked
        )
