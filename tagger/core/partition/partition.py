"""One assigned partition: records in, jobs out, and what may be committed. Pure.

Promises that the committed offset never passes an unsettled job, and that the hint committed with it never hides a
record that a thread still needs. Never looks at a clock, never waits, never raises over the content of a record or
of LiveChat's answer. One object per partition; it survives a revoke. `offsets` defines the offsets.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tagger.core.conversation import ThreadKey
from tagger.core.limits import Limits
from tagger.core.partition.catching_up import CatchingUp
from tagger.core.partition.looking_back import look_back, recall_since
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint, encode
from tagger.core.partition.protocol import AskAgain, Committable, Job, NotGiven, Phase, Record, Seek, Stats
from tagger.core.partition.reading import Reading
from tagger.core.partition.resume import Kept, Resume
from tagger.core.partition.state import State
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import Thread


class Partition:
    """The life of one partition in this process.

    Per assignment: `begin`, seek, `sought`; then `receive` and `tick` until `suspended`. A `Seek` returned by
    `begin`, `receive`, `tick` or `reread` must be done before the next record is passed in.
    """

    def __init__(self, limits: Limits, is_home: Callable[[str, str], bool] = lambda *_: True) -> None:
        """`is_home` says whether the records of (organization, chat id) currently go to this partition."""
        self._limits, self._is_home = limits, is_home
        self._count: Counter[tuple[str, str]] = Counter()
        self._reading = Reading(limits, self._count, is_home)
        self._committed = -1  # the highest offset that the group is known to have committed
        self._job_id = 0  # of the last job
        self._paused = False
        self._tick_ms: int | None = None  # time of the last tick
        self._idle = False  # no record came since the last tick
        self._catching_up = CatchingUp()

    def begin(  # noqa: PLR0913 - what the broker knows of a partition
        self,
        committed: int | None,
        metadata: str,
        log_start: int,
        log_end: int,
        *,
        bytes_max: int,
        added: bool = False,
    ) -> Seek:
        """Start an assignment, or look at the log again after an offset out of range.

        `committed` is None if the group has no offset here; `bytes_max` is what the threads may hold. `added`: the
        group has offsets for other partitions but not for this one, so it was added later, and earlier records of
        its chats are in another partition.
        """
        self.suspended()
        state = self._state
        kept = None
        if state.last_record_ms is not None:
            since_ms = state.expiry.complete_since_ms
            kept = Kept(state.position, state.last_record_ms, self._committed, since_ms)
        resume = Resume(
            committed, metadata, log_start, log_end, kept, self._limits, self._counted, added=added
        )
        self._committed = -1 if committed is None else committed
        self._catching_up.begin(log_end)
        return self._reading.begin(resume, bytes_max)

    def sought(self) -> None:
        """Note that the seek was done: from now on records come from where they were asked for."""
        self._reading.sought = True

    def reread(self) -> Seek | None:
        """Read again from the position: the client may have skipped records.

        Until `sought` nothing is folded. None: not assigned, or a seek is already under way.
        """
        return self._reading.reread()

    def receive(self, records: Sequence[Record], now_ms: int) -> Seek | None:
        """Fold records, except those below the position; none before `sought`."""
        if not self._reading.sought:
            self._count["dropped", "not_sought"] += len(records)
            return None
        state = self._state
        before, newest_ms = state.position, state.expiry.newest_ms
        move = self._reading.take(records, now_ms)
        self._idle = self._idle and newest_ms == state.expiry.newest_ms
        self._count["replayed", ""] += max(0, min(state.position, state.effects_from) - before)
        self._make_room()
        return move

    def tick(self, now_ms: int, log_end: int, position: int | None) -> Seek | None:
        """Let time pass; call at least once a second. `position` is the client's next offset, None if it has none.

        Call it between two `receive`s, when everything that was fetched has been passed in.
        """
        passed_ms = 0 if self._tick_ms is None else now_ms - self._tick_ms
        idle, self._idle, self._tick_ms = self._idle, True, now_ms
        reading = self._reading
        if reading.resume is None or not reading.sought:
            return None
        self._catching_up.tick(stands_still=position is None)
        move = None if position is None else reading.at(position)
        if move is not None:
            return move
        state = self._state
        if idle and reading.live and state.position >= log_end:
            state.expiry.idle(passed_ms, now_ms, state.position)
        self._make_room()  # what has been settled since may go
        return None

    def _make_room(self) -> None:
        self._state.evict(self._reading.bytes_max)
        self._balance()

    @property
    def _state(self) -> State:
        return self._reading.state

    def jobs(self, count_max: int) -> list[Job]:
        """Hand out jobs that are due, at most `count_max`; a thread has at most one under way.

        Organizations take turns, and none may have more under way than it leaves for the others. After an
        assignment there are none until it has caught up: see `catching_up`.
        """
        handed: list[Job] = []
        jobs = self._state.jobs
        if not self._reading.opened:  # a position kept from an earlier assignment says nothing yet
            return []
        if not self._catching_up.is_over(self._state.position, jobs.fullness):
            return []
        while len(handed) < count_max and (noted := jobs.corrections.hand(self._job_id + 1)) is not None:
            self._job_id += 1
            handed.append(noted)
        while (thread := jobs.next(count_max - len(handed))) is not None:
            why = self._missing(thread)
            if why is not None:
                self._count["incomplete", why if thread.thread_id else "unreadable"] += 1
            self._job_id += 1
            behind = self._catching_up.is_behind(self._state.position)
            look_back(thread, cut=why is not None or behind, skew_ms=self._limits.skew_s * 1000)
            handed.append(jobs.hand(self._job_id, thread, why, thread.conversation(complete=why is None)))
        return handed

    def _missing(self, thread: Thread) -> str | None:
        """Say why LiveChat must be asked about a thread that is due; None if it need not."""
        ending = thread.ending
        assert ending is not None, "a job without an ending"
        if thread.thread_id and not ending.ended and not ending.late:
            return "evicted" if thread.incomplete == "evicted" else "expired"
        why = thread.missing(self._state.expiry.complete_since_ms)
        if why is None and thread.thread_id and not thread.completed and not self._is_home(*thread.chat):
            return "moved"  # part of it went, or will go, to another partition
        return why

    def completed(self, job_id: int, answer: object, now_ms: int) -> Job | AskAgain | None:
        """Take LiveChat's answer for the chat of an incomplete job: its JSON, or NotGiven.

        Job: decide on this, and settle it. None: there is nothing left to do.
        """
        jobs = self._state.jobs
        thread = jobs.under_way(job_id)
        if thread is None or thread.ending is None:
            self._count["ignored_answers", ""] += 1
            return None
        chat = None if isinstance(answer, NotGiven) else chat_of(thread.chat[0], answer)
        asked_for = (*thread.chat, thread.thread_id)
        if not isinstance(chat, ChatStarted) or chat[:3] != asked_for:
            return jobs.job(job_id, thread, None, thread.conversation(complete=False))
        thread.ending.recall_ms = recall_since(chat.created_at_ms)
        if not chat.active:
            return jobs.job(job_id, thread, None, self._state.settling.unite(thread, chat))
        if not thread.ending.ended:
            self._state.settling.still_open(job_id, thread)
            return None
        thread.ending.asked += 1
        if thread.ending.asked <= self._limits.still_active_asks_max:
            return AskAgain(now_ms + self._limits.still_active_every_s * 1000)
        return jobs.job(job_id, thread, None, self._state.settling.unite(thread, chat))

    def sets(self, job_id: int, tags: Iterable[str]) -> None:
        """Note which tags a job is about to set, so that what LiveChat then tells of them is known to be ours."""
        thread = self._state.jobs.under_way(job_id)
        if thread is not None:
            self._state.settling.sets(thread, tags)

    def removed(self, thread: ThreadKey) -> tuple[str, ...]:
        """Return the tags that people removed from a thread, as far as the log and memory reach."""
        return self._state.removed(thread)

    def recalled(self, job_id: int, tags: Iterable[str]) -> None:
        """Note which tags people removed from a job's thread, as the topic of decisions says: see `Job.recall_ms`."""
        thread = self._state.jobs.under_way(job_id)
        if thread is not None:
            self._state.settling.recalled(thread, tags)

    def settled(
        self,
        job_id: int,
        tags: frozenset[str] = frozenset(),
        rules: frozenset[str] = frozenset(),
        *,
        parked: bool = False,
    ) -> None:
        """Settle a job: its tag calls are answered, and its decision (or the correction) is acknowledged.

        `tags` are those that the decision called for, set or not, and `rules` those that held. `parked`: LiveChat
        refused a tag for good. A job of an earlier assignment is ignored.
        """
        if self._state.jobs.corrections.settle(job_id):
            self._balance()
            return
        thread = self._state.jobs.under_way(job_id)
        if thread is None:
            self._count["ignored_answers", ""] += 1
            return
        self._state.settling.settle(job_id, thread, tags, rules, parked=parked)
        self._balance()

    def committable(self) -> Committable | None:
        """Return what to commit now, the same each time while idle; None while the state is half rebuilt."""
        if not self._reading.live:
            return None
        state = self._state
        lowest = state.jobs.unsettled.lowest()
        offset = state.position if lowest is None else lowest[0]
        oldest = state.expiry.index.oldest()
        since_ms = state.expiry.complete_since_ms
        since_ms = NEVER_COMPLETE_MS if since_ms is None else since_ms
        if oldest is None or oldest.first > offset:
            return Committable(offset, encode(Hint(offset, None, since_ms)))
        return Committable(offset, encode(Hint(oldest.first, oldest.first_record_ms, since_ms)))

    def committed(self, offset: int) -> None:
        """Note that the group has this offset: a commit succeeded."""
        self._committed = max(self._committed, offset)

    def suspended(self) -> None:
        """End the assignment: jobs under way are void, the state is kept for the next assignment."""
        self._reading.end()
        self._paused, self._tick_ms = False, None

    @property
    def paused(self) -> bool:
        """Whether to fetch nothing for now, because enough ended threads wait."""
        return self._paused

    def _balance(self) -> None:
        """Pause at a limit and resume at half of it, so that the partition does not flap."""
        jobs = self._state.jobs
        if not (self._reading.opened and (jobs.waiting or jobs.corrections)):
            self._paused = False
            return
        fullness = jobs.fullness
        self._paused = fullness > 0.5 if self._paused else fullness >= 1

    @property
    def _phase(self) -> Phase:
        reading = self._reading
        if reading.resume is None:
            return "away"
        if reading.live:
            return "live"
        return "replaying" if reading.resume.stage == "ready" and reading.sought else "starting"

    def stats(self) -> Stats:
        """Return what operators see."""
        state = self._state
        oldest = state.expiry.index.oldest()
        return Stats(
            self._phase,
            state.position,
            state.position if oldest is None else oldest.first,
            state.expiry.index.count,
            state.expiry.index.bytes + state.jobs.own_bytes,
            state.jobs.waiting,
            state.jobs.bytes,
            state.jobs.unsettled.lowest(),
            state.expiry.newest_ms,
            self._paused,
            dict(self._count),
            state.jobs.shed,
        )

    def _counted(self, name: str, reason: str) -> None:
        self._count[name, reason] += 1
