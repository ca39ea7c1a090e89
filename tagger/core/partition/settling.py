"""What happens to threads until their jobs are settled, and the memory they take while they wait. Pure.

Promises that the accounts follow each thread as it grows, waits and is settled, and that an organization's threads
beyond its share wait as offsets and ids only.
"""

from collections import Counter
from collections.abc import Iterable

from tagger.core.conversation import Conversation
from tagger.core.limits import Limits
from tagger.core.partition.corrections import Noted
from tagger.core.partition.jobs import Jobs
from tagger.core.threads.ending import cost
from tagger.core.threads.expiry import Expiry
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import Thread


class Settling:
    """The job queue of one assignment, together with its threads."""

    def __init__(self, limits: Limits, count: Counter[tuple[str, str]], expiry: Expiry, jobs: Jobs) -> None:
        self._limits, self._count = limits, count
        self._expiry, self.jobs = expiry, jobs

    def add(self, thread: Thread, offset: int, record_ms: int) -> None:
        """As `Jobs.add`; what then exceeds its organization's share loses its text."""
        alone = not self.jobs.shares.several
        self.jobs.add(thread, offset, record_ms, self._expiry.clock_ms)
        if alone and self.jobs.shares.several:  # the first may hold what is now the second's share
            for waiting in self.jobs.shares.waiting():
                self._fit(waiting)
        self._fit(thread)

    def _fit(self, thread: Thread) -> None:
        """Drop the thread's text if its organization exceeds its share."""
        if self.jobs.is_over(thread):
            self._count["shed", ""] += 1
            self._expiry.evict_text(thread, "share")
            self.jobs.lost_text(thread)

    def grew(self, thread: Thread, by: int) -> None:
        """Account for `by` more bytes of the thread."""
        self._expiry.index.size += by
        self.jobs.grew(thread, by)

    def unite(self, thread: Thread, chat: ChatStarted) -> Conversation:
        """Unite LiveChat's chat with what was seen of the thread, and keep it for late events."""
        size = thread.size()
        more = thread.unite(chat)
        events = thread.events + len(more) + len(chat.deleted)
        fits = len(thread.text) + sum(len(field) for event in more for field in event.fields)
        if events > self._limits.thread_events_max or fits > self._limits.thread_bytes_max:
            thread.completed, thread.incomplete = False, "limit"
        else:
            thread.expect_deleted(chat.deleted)
            for event in more:
                thread.add(*event)
            more = ()
        if chat.odd_events or chat.active:
            thread.completed = False
            thread.incomplete = "unreadable" if chat.odd_events else "still_active"
        self.grew(thread, thread.size() - size)
        conversation = thread.conversation(complete=not (chat.odd_events or chat.active), more=more)
        if thread.completed and not conversation.complete:
            thread.completed, thread.incomplete = False, "no_author"
        self._fit(thread)
        return conversation

    def still_open(self, job_id: int, thread: Thread) -> None:
        """Drop the job of a thread that LiveChat calls active: its end is still to come."""
        assert thread.ending is not None, "no job"
        came = bool(thread.ending.waiting)
        self.jobs.withdraw(job_id)
        self._expiry.index.end(thread, None)
        if came:
            self._expiry.look_later(thread)
        else:
            self._expiry.abandon(thread)

    def settle(
        self,
        job_id: int,
        thread: Thread,
        tags: Iterable[str],
        rules: Iterable[str] = (),
        *,
        parked: bool = False,
    ) -> None:
        """Settle the job; `tags` were called for by `rules`. `parked`: LiveChat refused one of them for good."""
        ending = thread.ending
        assert ending is not None, "no job"
        size = cost(ending)
        self.jobs.settle(job_id)
        ending.decided, ending.setting = tuple(sorted({*ending.decided, *tags})), ()
        ending.parked |= parked
        if ending.rules is not None:
            ending.rules = tuple(sorted({*ending.rules, *rules}))
        self.grew(thread, cost(ending) - size)
        self._fit(thread)
        if thread.thread_id and not ending.ended:
            ending.ended, ending.at_ms = True, self._expiry.clock_ms

    def sets(self, thread: Thread, tags: Iterable[str]) -> None:
        """Note which tags the thread's job under way is about to set."""
        ending = thread.ending
        assert ending is not None, "no job"
        size = cost(ending)
        ending.setting = tuple(sorted({*ending.setting, *tags} - {*ending.decided}))
        self.grew(thread, cost(ending) - size)

    def recalled(self, thread: Thread, tags: Iterable[str]) -> None:
        """Note which tags people removed from the thread before we knew it."""
        ending = thread.ending
        assert ending is not None, "no job"
        for tag in tags:
            self.grew(thread, thread.remove(tag))
        ending.recall_ms = None

    def keep(self, effects_from: int, bytes_max: int) -> None:
        """Start a new assignment: what was due below `effects_from` has been settled, the rest is due again."""
        noted = [each for each in self.jobs.corrections.all() if each.offset >= effects_from]
        self.jobs = Jobs(self._limits, bytes_max, several=self.jobs.shares.several)
        due: list[tuple[int, int, Thread | Noted]] = [(each.offset, each.record_ms, each) for each in noted]
        for thread in list(self._expiry.index):
            ending = thread.ending
            if ending is None or not ending.unsettled:
                continue
            spans = [ending.handed, ending.waiting]
            offsets = ending.handed + ending.waiting
            ending.handed, ending.waiting, ending.account, ending.held, ending.shed = (), (), None, 0, False
            came_late = ending.late or len(offsets) > 1
            if offsets[0] < effects_from:
                ending.late, ending.rules = True, None
            if came_late and offsets[-1] < effects_from and self._expiry.may_have_been_deleted(thread):
                offsets = (effects_from,)
                spans = [offsets]
            if offsets[-1] >= effects_from:
                due += [(offset, ending.record_ms, thread) for offset in _from(effects_from, spans)]
            elif thread.thread_id and not ending.ended:
                self._expiry.abandon(thread)
        for offset, record_ms, each in sorted(due, key=lambda each: each[0]):
            if isinstance(each, Noted):
                self.jobs.corrections.add(each)
            else:
                self.add(each, offset, record_ms)


def _from(effects_from: int, spans: Iterable[tuple[int, ...]]) -> list[int]:
    """What is left of spans of offsets, each its first and last (or only) one.

    What a span covers in between is not known: if it begins below, something may have come at `effects_from`.
    """
    left = {
        max(offset, effects_from) for span in spans if span and span[-1] >= effects_from for offset in span
    }
    return sorted(left)
