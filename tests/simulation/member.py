"""One tagger process, as thin as possible: the real core between a model broker and a model API.

It does what the real shell does at assign, poll, commit and revoke, in the same order.
"""

from collections import Counter
from dataclasses import dataclass, field

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import AskAgain, Job, NotGiven, Seek
from tagger.core.threads.thread import Thread as KnownThread
from tests.simulation.people import Violation, check_calls, check_correction, check_recorded
from tests.simulation.retagging import note_correction, note_decision
from tests.simulation.setting import UNDER_WAY_MAX
from tests.simulation.world import OWN_LATE_MS, Event, Log, Thread, World


def decided(conversation: Conversation) -> frozenset[str]:
    """Apply the rules of this small world to what the core says was said."""
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
        tags.discard("z")  # a rule with `none` counts only if the conversation is complete
    return frozenset(tags)


@dataclass(slots=True)
class Member:
    """A member of the group that has the partition, or had it."""

    world: World
    log: Log
    limits: Limits
    bytes_max: int
    met: Counter[str]  # what happened to members, for the tests' check of coverage
    failing: str = ""  # LiveChat answers nothing about this organization
    clock_offset_ms: int = 0
    partition: Partition = field(init=False)
    generation: int = -1
    fetch_offset: int = 0
    assigned_at: int = 0  # committed when it was assigned
    jobs: dict[int, Job] = field(default_factory=dict)
    asked: Counter[int] = field(default_factory=Counter)  # by job: get_chat calls answered "active"
    called_for: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # in this assignment
    lose_seek: bool = False  # the next seek will have no effect
    interrupted: bool = False  # the partition is revoked before the next seek
    hasty: bool = False  # the client delivers records before the seek
    orphans: list[Job] = field(default_factory=list)  # jobs of an assignment that is over
    end_when_assigned: int = 0  # the log's end, as the partition was told
    fold_from: int = 0  # where the state that it has now began to read
    folded: object = None  # that state
    # By thread: what is known of it, and the tags that it was told we are about to set, in this assignment, with the
    # offset that it had come to then.
    announced: dict[tuple[str, str], tuple[KnownThread | None, dict[str, int]]] = field(default_factory=dict)

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
        """`stale_by`: how many records were written after the log's end was looked up."""
        log = self.log
        committed, metadata = log.committed, log.metadata
        self.suspend()
        self.called_for.clear()
        self.announced.clear()
        self.fetch_offset = log.start if committed is None else committed  # where a client would continue
        self.assigned_at = log.start if committed is None else committed
        if self.assigned_at > log.end:
            self.assigned_at = log.start
        end = max(log.start, committed or 0, log.end - stale_by) if stale_by else log.end
        added = log.shift > 0 and committed is None
        self.end_when_assigned = end
        self.met["partition added"] += added
        move = self.partition.begin(
            committed, metadata, log.start, end, bytes_max=self.bytes_max, added=added
        )
        if self.partition.committable() is not None:
            self.commit()
        self.seek(move)

    def seek(self, move: Seek | None) -> None:
        if move is None:
            return
        if self.hasty:
            self.partition.receive(self.log.read(self.fetch_offset, 3), self.now_ms)
        if self.interrupted:
            self.interrupted = False
            self.met["revoke before a seek"] += 1
            self.assign()
            return
        if not self.lose_seek:
            self.fetch_offset = move.offset
        self.lose_seek = False
        self.partition.sought()

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
            self._note_state()
            self._check_limits()

    def _note_state(self) -> None:
        reading = self.partition._reading
        if reading.opened and reading.resume is not None and reading.state is not self.folded:
            self.folded, self.fold_from = reading.state, reading.resume.target

    def pass_over(self, count: int) -> None:
        """The client loses what it fetched, and continues after it."""
        if self.fetch_offset + count <= self.log.end:
            self.fetch_offset += count
            self.met["position moved without delivery"] += 1

    def doubts(self) -> bool:
        """Return whether the partition saw a gap here and is waiting to see it again."""
        reading = self.partition._reading
        resume, position = reading.resume, reading.state.position
        return resume is not None and (resume._seen is not None or reading._gap[0] == position)

    def reread(self) -> None:
        """A poll failed: the client may have skipped records."""
        self.met["reread"] += 1
        self.seek(self.partition.reread())

    def tick(self, stale_by: int = 0) -> None:
        end = max(self.log.start, self.log.end - stale_by)
        self.seek(self.partition.tick(self.now_ms, end, self.fetch_offset))

    def take(self) -> None:
        for job in self.partition.jobs(UNDER_WAY_MAX - len(self.jobs)):
            if job.id in self.jobs:
                raise Violation(f"job {job.id} was handed out twice")
            self.jobs[job.id] = job
            if job.offset < self.assigned_at:
                raise Violation(f"P2: job at {job.offset}, below {self.assigned_at} where it was assigned")
            if job.kind == "correction":
                check_correction(self, job, self._thread(job))
                continue
            if job.incomplete == "share":  # its text was evicted: there is only what LiveChat returns
                self.world.untrue, self.world.log_is_whole = True, False
            # Until processes know that a chat moved, none can know that part of the thread is elsewhere.
            if job.thread.thread_id:
                self._thread(job).split |= self.world.is_moving(self._thread(job))
            key = (job.thread.organization, job.thread.thread_id)
            if job.kind != "late":
                self.called_for.pop(key, None)  # the thread was deleted meanwhile, with what was decided
            known = self.called_for.get(key, frozenset())
            # What was decided is deleted with its thread if memory is tight, even in the middle of a replay.
            if not known <= job.decided and not self.partition.stats().counters.get(("evicted", "")):
                raise Violation(f"{sorted(known - job.decided)} was called for, but the job does not know it")
        held = Counter(job.thread.organization for job in self.jobs.values() if job.kind != "correction")
        if held and max(held.values()) > UNDER_WAY_MAX // 2:
            raise Violation(f"P7: one organization has more than its share of what is under way: {held}")

    def act(self, which: int, outcome: str, refuses: int = 0) -> None:
        """Do one step of one job: fetch the chat, or set its tags and settle it.

        `refuses` picks a tag that LiveChat refuses; 0: none.
        """
        self.take()
        jobs = [
            each
            for each in self.jobs.values()
            if each.kind == "correction" or not self.failing or each.thread.organization != self.failing
        ]
        if not jobs:
            self.met["only failing jobs are left"] += bool(self.jobs)
            return
        job = sorted(jobs, key=lambda job: job.id)[which % len(jobs)]
        if outcome == "fail":
            return
        if job.kind == "correction":
            self._record(job, outcome)
            return
        if job.kind == "unreadable":
            if outcome == "ok":
                chat = (job.thread.organization, job.thread.chat_id)
                self.log.parked.append((*chat, job.offset, job.last_offset))
                self.met["range parked"] += job.last_offset > job.offset
                self._settle(job, frozenset())
            return
        if job.incomplete is not None:
            self._ask(job)
            return
        tags = decided(job.conversation)
        thread = self._thread(job)
        self._check_job(job)
        thread.split |= self.world.is_moving(thread)  # as when it was handed out
        self.met["two events made a tag"] += "xy" in tags
        fresh = sorted(tags - job.decided - thread.tags)
        if refuses and fresh:
            thread.refused_tags.add(fresh[refuses % len(fresh)])
            self.met["tag refused"] += 1
            self.met["tags partly refused"] += len(tags) > 1
        thread.called |= tags
        self._set(job, thread, tags)
        if outcome == "ok":  # otherwise the tags were set and the answer was lost
            held_back = tags & frozenset(self.partition.removed(job.thread))
            note_decision(thread, job, self.log, tags, held_back, self.now_ms)
            self._settle(job, tags)

    def _set(self, job: Job, thread: Thread, tags: frozenset[str]) -> None:
        """Set tags as the shell does: neither those that were decided before, nor those that people removed."""
        self._recall(job, thread)
        removed = frozenset(self.partition.removed(job.thread))
        self.met["held back"] += bool((tags - job.decided) & removed)
        calls = tags - job.decided - removed
        self.partition.sets(job.id, calls)
        known = self.partition._state.expiry.index.get(*job.thread)
        key = (thread.organization, thread.thread_id)
        if self.partition._state.jobs.under_way(job.id) is not None:
            earlier, told = self.announced.get(key, (None, {}))
            now = dict.fromkeys(calls, self.partition._state.position)
            self.announced[key] = (known, {**now, **told} if earlier is known else now)
        check_calls(self, job, thread, calls - thread.refused_tags)
        for tag in sorted(calls - thread.refused_tags):
            self.world.tags(thread, tag, by_us=True, delay_ms=(0, 0, OWN_LATE_MS)[self.world.appended % 3])

    def _recall(self, job: Job, thread: Thread) -> None:
        """Read from the topic of decisions what people removed before we knew the thread, if the job says so."""
        if job.recall_ms is not None:
            tags = thread.removals_since(job.recall_ms)
            self.met["recalled"] += bool({*tags} - {*self.partition.removed(job.thread)})
            self.partition.recalled(job.id, tags)

    def _record(self, job: Job, outcome: str) -> None:
        """Record a correction; `lost`: the acknowledgement is lost."""
        assert job.correction is not None
        self._thread(job).recorded[job.correction] = self.now_ms
        note_correction(self._thread(job), job, self.log)
        self.met[f"correction {job.correction.change}"] += 1
        if outcome == "ok":
            self.partition.settled(job.id)
            del self.jobs[job.id]

    def _ask(self, job: Job) -> None:
        chat = self.world.get_chat(job.thread.organization, job.thread.thread_id)
        answer = NotGiven("forbidden") if chat is None else chat
        seen = self.partition._state.expiry.index.get(*job.thread)
        came = seen is not None and seen.ending is not None and bool(seen.ending.waiting)
        result = self.partition.completed(job.id, answer, self.now_ms)
        thread = self._thread(job)
        active = chat is not None and chat["thread"]["active"]
        if isinstance(result, Job):
            self.jobs[job.id] = result
            thread.kept_stale |= chat is not None and not result.conversation.complete
            if active and self.asked[job.id] < self.limits.still_active_asks_max:
                raise Violation(f"{thread.thread_id} was given up after {self.asked[job.id]} questions")
        elif isinstance(result, AskAgain):
            self.asked[job.id] += 1
        else:
            thread.kept_stale |= not thread.active and not came
            del self.jobs[job.id]
            self.met["event while asked"] += came
            if came and self.partition._state.expiry.index.get(*job.thread) is None:
                raise Violation(f"what came for {thread.thread_id} while LiveChat was asked is gone")

    def _settle(self, job: Job, tags: frozenset[str]) -> None:
        self.partition.settled(job.id, tags)
        self.jobs.pop(job.id, None)
        key = (job.thread.organization, job.thread.thread_id)
        self.called_for[key] = self.called_for.get(key, frozenset()) | tags

    def _thread(self, job: Job) -> Thread:
        return self.world.threads[job.thread.organization, job.thread.thread_id]

    def suspend(self) -> None:
        """The partition is revoked; answers for its jobs may still come."""
        self.partition.suspended()
        self.orphans = [*self.jobs.values()]
        self.jobs.clear()
        self.asked.clear()

    def answer_late(self, a: int) -> None:
        """An answer comes for a job of an assignment that is over: it must have no effect."""
        if self.orphans:
            self.partition.settled(self.orphans[a % len(self.orphans)].id, frozenset())

    def _check_job(self, job: Job) -> None:
        thread = self._thread(job)
        if job.thread.chat_id != thread.chat_id:
            raise Violation(f"thread {thread.thread_id} was mistaken for one of {job.thread}")
        ids = [said.event_id for said in job.conversation.said]
        if len(ids) != len(set(ids)):
            raise Violation(f"an event of {thread.thread_id} is in the conversation twice")
        if not set(ids) <= {event.id for event in thread.events}:
            raise Violation(f"{thread.thread_id} has events of another thread")

    def _check_limits(self) -> None:
        partition, state = self.partition, self.partition._state  # `stats` would take a tenth of the run time
        jobs, held = state.jobs, state.expiry.index.bytes + state.jobs.unsettled.bytes
        if jobs.threads >= self.limits.unsettled_max and partition._reading.live and not partition.paused:
            raise Violation(
                f"{jobs.threads} threads wait, {self.limits.unsettled_max} may, and it is not paused"
            )
        waiting = 2 * jobs.bytes + 1_000 * (jobs.waiting + 1)
        if held > self.bytes_max + waiting:
            raise Violation(f"{held} bytes held, the limit is {self.bytes_max}")

    def _others_wait(self) -> bool:
        """Return whether another organization's jobs wait, or only one organization was ever seen."""
        jobs = self.partition._state.jobs
        waiting = [
            t for t in self.partition._state.expiry.index if t.ending is not None and t.ending.unsettled
        ]
        return not jobs.shares.several or any(thread.chat[0] != self.failing for thread in waiting)

    def commit(self, outcome: str = "ok") -> None:
        """Commit what may be committed. `lost`: the answer is lost; `slow`: the commit lands later, or never."""
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
        """P1: nothing below the committed offset is unsettled.

        That includes late events below it, unless the thread may have been deleted by then.
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
                    f"P1: {committed} is committed, but {thread.thread_id}, ended at {end}, is missing {missing}"
                )
        check_recorded(self.world, log, committed)
        for offset, chat in log.poisoned.items():
            if log.start <= offset < committed and not self._was_parked(chat, offset):
                raise Violation(f"P1: {committed} is committed, but unreadable {offset} is not parked")

    def _was_parked(self, chat: tuple[str, str], offset: int) -> bool:
        return any(
            chat == (organization, chat_id) and first <= offset <= last
            for organization, chat_id, first, last in self.log.parked
        )
