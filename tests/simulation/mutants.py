"""Easy mistakes, each as a patch of one decision of the real core: a test of the tests.

If a mutant survives the histories, they no longer contain the situation in which it is wrong.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest.mock import patch

from tagger.core.partition.catching_up import CatchingUp
from tagger.core.partition.corrections import Corrections
from tagger.core.partition.jobs import Jobs
from tagger.core.partition.offsets import Hint, Unsettled, encode
from tagger.core.partition.partition import Partition
from tagger.core.partition.protocol import Committable, Job
from tagger.core.partition.reading import Reading
from tagger.core.partition.resume import Resume
from tagger.core.partition.settling import Settling
from tagger.core.partition.state import State
from tagger.core.review.authorship import _Tags
from tagger.core.review.past_chat import Correction
from tagger.core.threads.ending import Ending
from tagger.core.threads.expiry import Expiry
from tagger.core.threads.index import Index
from tagger.core.threads.shares import Shares
from tagger.core.threads.thread import Thread
from tests.simulation.world import ORGANIZATIONS, Log


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and where: an attribute, and its replacement."""

    name: str
    owner: type
    attribute: str
    make: Callable[[Any], Any]  # original → wrong replacement
    where: str = ""  # the kind of fault that shows it; "": any history may

    @contextmanager
    def alive(self) -> Iterator[None]:
        original = self.owner.__dict__[self.attribute]
        with patch.object(self.owner, self.attribute, self.make(original)):
            yield


def _committing(change: Callable[[Partition, Committable], Committable]) -> Callable[[Any], Any]:
    """Change what `committable` returns."""

    def make(original: Any) -> Any:
        def committable(self: Partition) -> Committable | None:
            committable = original(self)
            return None if committable is None else change(self, committable)

        return committable

    return make


def _hint(partition: Partition, offset: int, **changed: int | None) -> Committable:
    """Return a commit of this offset with its right hint, except for what is changed."""
    state = partition._state
    oldest = state.expiry.index.oldest()
    holds = oldest is not None and oldest.first <= offset
    hint = Hint(
        oldest.first if holds and oldest else offset,
        oldest.first_record_ms if holds and oldest else None,
        state.expiry.complete_since_ms or 0,
    )
    values = {
        "replay_from": hint.replay_from,
        "record_ms": hint.record_ms,
        "complete_since_ms": hint.complete_since_ms,
        **changed,
    }
    return Committable(offset, encode(Hint(**values)))  # type: ignore[arg-type]


def _one_too_many(original: Any) -> Any:
    def lowest(self: Unsettled) -> tuple[int, int] | None:
        found: tuple[int, int] | None = original(self)
        return None if found is None else (found[0] + 1, found[1])

    return lowest


def _only(holding: Callable[[Thread], bool]) -> Callable[[Any], Any]:
    """Compute `replay_from` from some of the threads only."""

    def make(original: Any) -> Any:
        def oldest(self: Index) -> Thread | None:
            original(self)
            return min((t for t in self if holding(t)), key=lambda t: t.first, default=None)

        return oldest

    return make


def _after(change: Callable[..., None]) -> Callable[[Any], Any]:
    """Do the original, then something more."""

    def make(original: Any) -> Any:
        def replacement(self: Any, *arguments: Any, **named: Any) -> Any:
            result = original(self, *arguments, **named)
            change(self, *arguments)
            return result

        return replacement

    return make


def _instead(replacement: Any) -> Callable[[Any], Any]:
    return lambda original: replacement


def _trust_missing_hint(self: Resume, why: str) -> None:
    self.stage, self.target, self._expected_ms = "ready", self.effects_from, None
    self.complete_since_ms = 0


def _lost_seek_believed(original: Any) -> Any:
    def look(self: Resume, offset: int, record_ms: int | None) -> Any:
        if offset > self.target:
            self.stage, self.complete_since_ms = "ready", self.complete_since_ms or self._least_since_ms
            return None
        return original(self, offset, record_ms)

    return look


def _cut_without_margin(original: Any) -> Any:
    def complete_after(self: Resume, record_ms: int, now_ms: int) -> int:
        return int(max(self._least_since_ms, original(self, record_ms, now_ms) - self._limits.skew_s * 1000))

    return complete_after


def _complete_cut(original: Any) -> Any:
    def cut_at(self: Resume, target: int) -> None:
        original(self, target)
        if self._least_since_ms or self.target > 0:
            self.complete_since_ms = self._least_since_ms

    return cut_at


def _live_while_replaying(self: Reading) -> bool:
    return self.resume is not None and self.resume.stage == "ready"


def _late_is_open_forever(original: Any) -> Any:
    def expire(self: Expiry, thread: Thread, offset: int) -> None:
        thread.asks = False
        original(self, thread, offset)

    return expire


def _commit_unfenced(self: Log, generation: int, offset: int, metadata: str) -> bool:
    self.committed, self.metadata = offset, metadata
    return True


def _add_repeats(original: Any) -> Any:
    def add(self: Thread, event_id: str, author_id: str, fields: tuple[str, ...]) -> int:
        known, self.ids = self.ids, bytearray()
        grown: int = original(self, event_id, author_id, fields)
        self.ids = known + self.ids
        return grown

    return add


def _new_without_hole(original: Any) -> Any:
    def new(self: State, *arguments: Any) -> Thread:
        thread: Thread = original(self, *arguments)
        thread.incomplete = None
        return thread

    return new


def _resume_unseen(original: Any) -> Any:
    def look(self: Resume, *seen: Any) -> Any:
        if self.stage != "kept":
            return original(self, *seen)
        self.stage = "ready"
        return None

    return look


def _replace_text(original: Any) -> Any:
    def unite(self: Thread, chat: Any) -> Any:
        self.ids, self.text, self.events = bytearray(), bytearray(), 0
        return original(self, chat)

    return unite


def _always_whole(original: Any) -> Any:
    def conversation(self: Thread, *, complete: bool, more: Any = ()) -> Any:
        return original(self, complete=True, more=more)

    return conversation


def _believe_jumps(original: Any) -> Any:
    def pass_to(self: Expiry, at_ms: int, offset: int) -> None:
        if self.newest_ms:
            self.clock_ms += max(0, at_ms - self.newest_ms - self._limits.skew_s * 1000)
        original(self, at_ms, offset)

    return pass_to


def _late_undecided(original: Any) -> Any:
    def due(self: State, thread: Thread, offset: int, at_ms: int) -> None:
        if thread.ending is None or not thread.ending.late:
            original(self, thread, offset, at_ms)

    return due


def _very_late_replayed_in_silence(original: Any) -> Any:
    def due(self: State, thread: Thread, offset: int, at_ms: int) -> None:
        if offset >= self.effects_from:
            original(self, thread, offset, at_ms)

    return due


def _forget_jobs(self: Settling, *_: Any) -> None:
    self.jobs = Jobs(self._limits, 1 << 30, several=False)


def _any_organization(original: Any) -> Any:
    def get(self: Index, organization: str, chat_id: str, thread_id: str) -> Thread | None:
        for other in ORGANIZATIONS:
            thread: Thread | None = original(self, other, chat_id, thread_id)
            if thread is not None:
                return thread
        return None

    return get


def _author_needless(original: Any) -> Any:
    def missing(self: Thread, complete_since_ms: int | None) -> str | None:
        why: str | None = original(self, complete_since_ms)
        return None if why == "no_author" else why

    return missing


def _unknown_end_dropped(original: Any) -> Any:
    def chat_ended(self: State, fact: Any, offset: int, at_ms: int) -> None:
        if self.expiry.index.get(*fact) is not None:
            original(self, fact, offset, at_ms)

    return chat_ended


def _asked_forever(original: Any) -> Any:
    """Count how often LiveChat called a thread active over all its jobs together."""

    def hand(self: Jobs, job_id: int, thread: Thread, *rest: Any) -> Any:
        asked = 0 if thread.ending is None else thread.ending.asked
        job = original(self, job_id, thread, *rest)
        assert thread.ending is not None
        thread.ending.asked = asked
        return job

    return hand


def _end_while_asked_unseen(original: Any) -> Any:
    def chat_ended(self: State, fact: Any, offset: int, at_ms: int) -> None:
        thread = self.expiry.index.get(*fact)
        asked = thread is not None and thread.ending is not None and not thread.ending.ended
        original(self, fact, offset, at_ms)
        if asked and thread is not None and thread.ending is not None:
            thread.ending.ended = False

    return chat_ended


def _never_whole(self: Thread, complete_since_ms: int | None) -> str:
    return "never_seen"


def _undated_complete(original: Any) -> Any:
    def missing(self: Thread, complete_since_ms: int | None) -> str | None:
        why: str | None = original(self, complete_since_ms)
        return None if why == "no_created_at" else why

    return missing


def _still_open_forgets(original: Any) -> Any:
    def still_open(self: Settling, job_id: int, thread: Thread) -> None:
        original(self, job_id, thread)
        if not thread.deleted:
            self._expiry.abandon(thread)

    return still_open


def _set_back_unnoticed(original: Any) -> Any:
    def continues(self: Resume, kept: Any) -> bool:
        return bool(original(self, replace(kept, committed=-1)))

    return continues


def _decided_forgotten(self: Settling, job_id: int, thread: Thread, *_: Any, **__: Any) -> None:
    assert thread.ending is not None
    size, thread.ending.decided = thread.size(), ()
    self.grew(thread, thread.size() - size)


def _gap_believed_at_once(original: Any) -> Any:
    def missing(self: Reading, to: int) -> Any:
        self._gap = (self.state.position, to)
        return original(self, to)

    return missing


def _gap_harmless(self: State, position: int) -> None:
    self.position = position


def _gap_complete(original: Any) -> Any:
    def torn(self: State, position: int) -> None:
        complete_since_ms = self.expiry.complete_since_ms
        original(self, position)
        self.expiry.complete_since_ms = complete_since_ms

    return torn


def _takes_all_slots(original: Any) -> Any:
    def following(self: Shares, free: int) -> Thread | None:
        for account in self._turns if free else ():
            account.under_way = 0
        return original(self, free) if free else None

    return following


def _range_parked_as_one(original: Any) -> Any:
    def job(self: Jobs, *arguments: Any) -> Any:
        return replace(original(self, *arguments), last_offset=original(self, *arguments).offset)

    return job


def _moved_unnoticed(original: Any) -> Any:
    def missing(self: Partition, thread: Thread) -> str | None:
        why: str | None = original(self, thread)
        return None if why == "moved" else why

    return missing


def _added_unnoticed(original: Any) -> Any:
    def begin(self: Partition, *arguments: Any, added: bool, **named: Any) -> Any:
        return original(self, *arguments, added=False, **named)

    return begin


def _removed_silently_missed(original: Any) -> Any:
    def tag_changed(self: State, fact: Any, offset: int, at_ms: int) -> None:
        if offset >= self.effects_from:
            original(self, fact, offset, at_ms)

    return tag_changed


def _recorded_again(original: Any) -> Any:
    def tag_changed(self: State, fact: Any, offset: int, at_ms: int) -> None:
        effects_from, self.effects_from = self.effects_from, 0
        original(self, fact, offset, at_ms)
        self.effects_from = effects_from

    return tag_changed


def _added_again_counts(self: State, fact: Any, *_: Any) -> None:
    thread = self.expiry.index.get(*fact[:3])
    if thread is not None and fact.change == "added" and fact.tag in thread.removed:
        size = thread.size()
        thread.removed = tuple(tag for tag in thread.removed if tag != fact.tag)
        self.settling.grew(thread, thread.size() - size)


def _never_looks_back(original: Any) -> Any:
    def completed(self: Partition, *arguments: Any) -> Any:
        job = original(self, *arguments)
        return replace(job, recall_ms=None) if isinstance(job, Job) else job

    return completed


def _forget_removed(self: Thread) -> None:
    self.removed = ()


def _settled_at_once(self: Corrections, job_id: int) -> None:
    self.settle(job_id)


def _deaf_to(change: str) -> Callable[[Any], Any]:
    """Whose a tag is, is told without what people did in one way."""

    def make(original: Any) -> Any:
        def told(self: _Tags, correction: Correction) -> None:
            if correction.change != change:
                original(self, correction)

        return told

    return make


MUTANTS: Final = (
    Mutant(
        "the position is committed",
        Partition,
        "committable",
        _committing(lambda p, c: _hint(p, p._state.position)),
    ),
    Mutant("one too many is committed", Unsettled, "lowest", _one_too_many),
    Mutant("replay_from is over open threads only", Index, "oldest", _only(lambda t: t.ending is None)),
    Mutant("a half-built state is committed", Reading, "live", lambda _: property(_live_while_replaying)),
    Mutant("a missing hint is trusted", Resume, "_void", _instead(_trust_missing_hint)),
    Mutant(
        "replay has effects",
        State,
        "_due",
        lambda _: lambda s, thread, offset, ms: s.settling.add(thread, offset, ms),
    ),
    Mutant("a zombie's commit counts", Log, "commit", _instead(_commit_unfenced)),
    Mutant("a lost seek is not noticed", Resume, "look", _lost_seek_believed, where="lost_seek"),
    Mutant("the cut has no margin", Resume, "complete_after", _cut_without_margin, where="window"),
    Mutant(
        "the time since which the log is complete is lost",
        Partition,
        "committable",
        _committing(lambda p, c: _hint(p, c.offset, complete_since_ms=0)),
    ),
    Mutant("what the window cuts is complete", Resume, "_cut_at", _complete_cut),
    Mutant(
        "a lingering thread does not hold replay_from",
        Index,
        "oldest",
        _only(lambda t: t.ending is None or t.ending.unsettled),
    ),
    Mutant(
        "a late event of an expired thread is open forever",
        Expiry,
        "_expire",
        _late_is_open_forever,
        where="silence",
    ),
    Mutant("repeats are not recognised", Thread, "add", _add_repeats),
    Mutant("answers of an earlier assignment count", Jobs, "close", _instead(lambda self: None)),
    Mutant("a hole is lost before its thread begins", State, "_new", _new_without_hole, where="poison"),
    Mutant(
        "what was evicted looks complete later",
        Expiry,
        "abandon",
        _instead(Expiry.delete),
        where="memory",
    ),
    Mutant("kept state is not checked against the log", Resume, "look", _resume_unseen, where="truncate"),
    Mutant("LiveChat's answer replaces what was seen", Thread, "unite", _replace_text),
    Mutant("half a conversation counts as complete", Thread, "conversation", _always_whole, where="hole"),
    Mutant("a clock's jump is believed", Expiry, "pass_to", _believe_jumps),
    Mutant("what comes late is not decided on", State, "_due", _late_undecided),
    Mutant(
        "what comes very late is ignored in a replay",
        State,
        "_due",
        _very_late_replayed_in_silence,
        where="very_late",
    ),
    Mutant("kept state forgets what was due", Settling, "keep", _after(_forget_jobs)),
    Mutant("two organizations share a chat", Index, "get", _any_organization),
    Mutant("an unknown author is an agent", Thread, "missing", _author_needless),
    Mutant("the end of an unknown thread is dropped", State, "_chat_ended", _unknown_end_dropped),
    Mutant("nothing is paused", Partition, "_balance", _instead(lambda self: None)),
    Mutant("nothing is evicted", State, "evict", _instead(lambda self, bytes_max: None)),
    Mutant("`asked` is never reset", Jobs, "hand", _asked_forever),
    Mutant(
        "an end that comes while LiveChat is asked is ignored",
        State,
        "_chat_ended",
        _end_while_asked_unseen,
        where="ends_while_asked",
    ),
    Mutant("LiveChat is asked for what is complete", Thread, "missing", _instead(_never_whole)),
    Mutant("a thread without `created_at` is complete", Thread, "missing", _undated_complete),
    Mutant(
        "what came while LiveChat was asked is dropped",
        Settling,
        "still_open",
        _still_open_forgets,
        where="ends_while_asked",
    ),
    Mutant(
        "kept state is used though the group was set back",
        Resume,
        "_continues",
        _set_back_unnoticed,
        where="reset",
    ),
    Mutant("what was decided is forgotten", Settling, "settle", _after(_decided_forgotten)),
    Mutant("a gap is believed at once", Reading, "_missing", _gap_believed_at_once, where="passed_over"),
    Mutant("a gap cuts nothing", State, "torn", _instead(_gap_harmless), where="hole"),
    Mutant("what begins in a gap is complete", State, "torn", _gap_complete, where="hole"),
    Mutant("one organization takes all that may be under way", Shares, "next", _takes_all_slots),
    Mutant(
        "one organization takes all that may wait",
        Jobs,
        "is_over",
        _instead(lambda self, thread: False),
        where="failing",
    ),
    Mutant("only one of a range of unreadable records is parked", Jobs, "job", _range_parked_as_one),
    Mutant(
        "a thread is decided on though its chat moved", Partition, "_missing", _moved_unnoticed, where="grow"
    ),
    Mutant("jobs begin before the log is caught up", CatchingUp, "is_over", _instead(lambda *_: True)),
    Mutant("our own tags are taken for a person's", Ending, "is_ours", _instead(lambda self, tag: False)),
    Mutant("what is about to be set is not noted", Settling, "sets", _instead(lambda *_: None)),
    Mutant(
        "a removed tag is evicted with the text", Thread, "clear", _after(_forget_removed), where="memory"
    ),
    Mutant("a removed tag is forgotten by a restart", State, "_tag_changed", _removed_silently_missed),
    Mutant(
        "a removed tag may be set again once a person did",
        State,
        "_tag_changed",
        _after(_added_again_counts),
    ),
    Mutant("what people removed is not recalled", Settling, "recalled", _instead(lambda *_: None)),
    Mutant(
        "a thread without its beginning recalls nothing",
        Partition,
        "completed",
        _never_looks_back,
    ),
    Mutant(
        "jobs that began early recall nothing",
        CatchingUp,
        "is_behind",
        _instead(lambda *_: False),
        where="memory",
    ),
    Mutant("a correction is recorded again in a replay", State, "_tag_changed", _recorded_again),
    Mutant("a correction is settled before it is recorded", Corrections, "hand", _after(_settled_at_once)),
    Mutant("corrections under way are lost at a revoke", Corrections, "all", _instead(lambda self: [])),
    Mutant("retag does not know what people removed", _Tags, "told", _deaf_to("removed")),
    Mutant("retag does not know what people set", _Tags, "told", _deaf_to("added")),
    Mutant(
        "a partition that was added counts as complete", Partition, "begin", _added_unnoticed, where="grow"
    ),
)
