"""The job queue: jobs that are due, under way, or settled behind older unsettled ones. Pure.

Promises that an offset stays unsettled until every job at it is settled. A thread has at most one job under way;
what comes for it in the meantime is decided afterwards, knowing what was decided before.
"""

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.limits import TEXTS_SHARE, WAITING_SHARE, Limits
from tagger.core.partition.corrections import Corrections
from tagger.core.partition.offsets import Unsettled
from tagger.core.partition.protocol import Job, Kind
from tagger.core.threads.ending import Ending
from tagger.core.threads.shares import Account, Shares
from tagger.core.threads.thread import THREAD_BYTES, Thread


class Jobs:
    """All jobs of one assignment."""

    def __init__(self, limits: Limits, bytes_max: int, *, several: bool) -> None:
        self._limits = limits
        self._under_way: dict[int, Thread] = {}  # by the job's id
        self._held = 0  # bytes of the waiting threads
        self.bytes_max = bytes_max  # for all threads of the partition
        self.shares = Shares(several=several)
        self.unsettled = Unsettled()
        self.corrections = Corrections(self.unsettled)
        self.threads = 0  # waiting with their text
        self.texts = 0  # bytes of these
        self.shed = 0  # threads waiting without their text

    @property
    def waiting(self) -> int:
        """Threads waiting to be settled."""
        return self.threads + self.shed

    @property
    def bytes(self) -> int:
        """Bytes of everything that waits, and of the offsets kept."""
        return self._held + self.waiting * THREAD_BYTES + self.own_bytes

    @property
    def own_bytes(self) -> int:
        """Bytes that no thread is accounted for: of offsets and corrections."""
        return self.unsettled.bytes + self.corrections.bytes

    @property
    def fullness(self) -> float:
        """The share that is taken of the fullest limit; at 1 the partition pauses."""
        limits, bytes_max = self._limits, self.bytes_max or 1
        return max(
            self.threads / limits.unsettled_max,
            self.texts * TEXTS_SHARE / bytes_max,
            self.bytes * WAITING_SHARE / bytes_max,
            self.unsettled.tracked / limits.offsets_max,
        )

    def add(self, thread: Thread, offset: int, record_ms: int, now_ms: int) -> None:
        """Make a job due for the thread, which has an ending; it holds the offset until it is settled."""
        ending = thread.ending
        assert ending is not None, "a job without an ending"
        if ending.account is None:
            ending.account = self.shares.account(thread, now_ms)
            ending.account.waiting += 1
            self._count(ending, 1, thread.size())
        if ending.waiting:
            ending.waiting = (ending.waiting[0], offset)
            return
        self.unsettled.add(offset, record_ms)
        ending.waiting = (offset,)
        if not ending.handed:
            self.shares.ready(ending.account, thread)

    def grew(self, thread: Thread, by: int) -> None:
        """Account for `by` more bytes of the thread, if it waits."""
        ending = thread.ending
        if ending is None or ending.account is None:
            return
        if ending.shed:
            self._count(ending, -1, -ending.held)
            ending.shed = False
            self._count(ending, 1, thread.size())
        else:
            self._count(ending, 0, by)

    def _count(self, ending: Ending, threads: int, held: int) -> None:
        account = ending.account
        assert account is not None, "nothing is due"
        ending.held += held
        self._held += held
        if ending.shed:
            self.shed += threads
        else:
            self.threads += threads
            self.texts += held
            account.threads += threads
            account.bytes += held

    def is_over(self, thread: Thread) -> bool:
        """Return whether the thread waits with its text while its organization exceeds its share."""
        account = None if thread.ending is None or thread.ending.shed else thread.ending.account
        if account is None or not self.shares.several:
            return False
        texts_max = self.bytes_max // TEXTS_SHARE
        return (
            account.threads > self._limits.unsettled_max - self.threads
            or account.bytes > texts_max - self.texts
        )

    def lost_text(self, thread: Thread) -> None:
        """Account for the thread from now on as offsets and ids only."""
        ending = thread.ending
        assert ending is not None
        self._count(ending, -1, -ending.held)
        ending.shed = True
        self._count(ending, 1, thread.size())

    def next(self, free: int) -> Thread | None:
        """Take a thread with a job due and none under way, if `free` more may be started."""
        return self.shares.next(free)

    def hand(self, job_id: int, thread: Thread, incomplete: str | None, conversation: Conversation) -> Job:
        """Put the thread's job under way."""
        ending = thread.ending
        assert ending is not None, "a job without an ending"
        assert ending.waiting, "nothing is due"
        assert ending.account is not None
        ending.account.under_way += 1
        ending.handed, ending.waiting, ending.asked = ending.waiting, (), 0
        self._under_way[job_id] = thread
        return self.job(job_id, thread, incomplete, conversation)

    def job(self, job_id: int, thread: Thread, incomplete: str | None, conversation: Conversation) -> Job:
        """Describe the job under way to the shell."""
        ending = thread.ending
        assert ending is not None
        kind: Kind = "late" if ending.late else "end" if ending.ended else "expired"
        if not thread.thread_id:
            kind = "unreadable"
        return Job(
            job_id,
            kind,
            ThreadKey(*thread.chat, thread.thread_id),
            ending.handed[0],
            ending.record_ms,
            conversation,
            incomplete,
            frozenset(ending.decided),
            ending.handed[-1],
            None if ending.rules is None else frozenset(ending.rules),
            ending.parked,
            recall_ms=ending.recall_ms,
        )

    def under_way(self, job_id: int) -> Thread | None:
        """Return the job's thread; None if the job is not of this assignment."""
        return self._under_way.get(job_id)

    def settle(self, job_id: int) -> None:
        """End a job whose tags are answered and whose decision is acknowledged."""
        thread, account = self._ended(job_id)
        ending = thread.ending
        assert ending is not None
        ending.late = True
        if ending.waiting:
            self.shares.ready(account, thread)
        else:
            self._release(ending)

    def withdraw(self, job_id: int) -> None:
        """Cancel the job, and what else waits for its thread."""
        thread, _ = self._ended(job_id)
        ending = thread.ending
        assert ending is not None
        if ending.waiting:
            self.unsettled.settle(ending.waiting[0])
        self._release(ending)

    def _ended(self, job_id: int) -> tuple[Thread, Account]:
        thread = self._under_way.pop(job_id)
        ending = thread.ending
        assert ending is not None
        assert ending.account is not None
        ending.account.under_way -= 1
        self.unsettled.settle(ending.handed[0])
        ending.handed = ()
        return thread, ending.account

    def close(self) -> None:
        """Void all jobs under way: later answers to them are ignored."""
        self.shares = Shares(several=self.shares.several)
        self._under_way.clear()
        self.corrections.close()

    def _release(self, ending: Ending) -> None:
        assert ending.account is not None
        ending.account.waiting -= 1
        self._count(ending, -1, -ending.held)
        ending.account, ending.waiting, ending.shed = None, (), False
