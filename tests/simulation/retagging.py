"""`tagger retag` in the small world: the real plan, made of what is on the topic of decisions, applied now or later.

P9: it sets no tag that a person removed, and removes none that a person set, as far as the topic tells.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tagger.core.conversation import Conversation, ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.partition.protocol import Job
from tagger.core.review.authorship import SKEW_MS, authorship
from tagger.core.review.past_chat import Correction, PastChat, PastDecision, Place
from tagger.core.review.retag import Asked, Change, Retag, still
from tests.simulation.people import Violation
from tests.simulation.world import OWN_LATE_MS, Log, Thread, World, said

if TYPE_CHECKING:
    from collections import Counter

DAY_MS: Final = 86_400_000


def note_decision(
    thread: Thread, job: Job, log: Log, tags: frozenset[str], held_back: frozenset[str], now_ms: int
) -> None:
    """Put a decision of the service on the topic."""
    place = Place("webhooks", log.shift, job.offset)
    made = PastDecision(
        *(tuple(sorted(tags)), because(tags), "tagged", "config", 0, job.ended_at_ms, now_ms, place),
        tuple(sorted(held_back)),
    )
    thread.topic = [one for one in thread.topic if not isinstance(one, PastDecision) or one.place != place]
    thread.topic.append(made)


def note_correction(thread: Thread, job: Job, log: Log) -> None:
    """Put a correction on the topic; once, however often it is recorded."""
    assert job.correction is not None
    tag, change = job.correction
    noted = Correction(tag, change, job.ended_at_ms, Place("webhooks", log.shift, job.offset))
    if noted not in thread.topic:
        thread.topic.append(noted)


def because(tags: frozenset[str] | set[str]) -> tuple[Reason, ...]:
    """Return a reason for each tag: a rule of its name, and for one of them a second rule."""
    rules = [(tag, tag) for tag in sorted(tags)] + [("both", "a")] * ("a" in tags and "b" in tags)
    return tuple(Reason(rule, tag, rule, "E", 0, 1) for rule, tag in rules)


def plan(thread: Thread, a: int, b: int, met: "Counter[str]") -> tuple[Asked, Change] | None:
    """Make a plan for a thread; rules changed, so that some of what was said calls for nothing any more."""
    decisions, corrections = _on_topic(thread)
    if not decisions:
        return None
    key = ThreadKey(thread.organization, thread.chat_id, thread.thread_id)
    chat = PastChat(
        key, decisions[0].ended_at_ms, Conversation(key, ()), tuple(decisions), told=tuple(corrections)
    )
    calls_for = {tag for number, tag in enumerate(sorted(said(thread.events))) if b >> number & 1 or a & 4}
    rules = "again" if a & 8 else ""
    today = Decision(
        tuple(sorted(calls_for)),
        tuple(replace(reason, rule=reason.rule + rules) for reason in because(calls_for)),
        (),
        "today",
    )
    asked = (Asked(), Asked(remove=True), Asked(undo=("a", "both")), Asked(rename={"b": "vip"}))[a & 3]
    retag = Retag(asked)
    change = retag.plan(chat, today, decisions[-1].settled_at_ms + DAY_MS)
    met["left alone by retag"] += bool(retag.untouched)
    return None if change is None else (asked, change)


def applied(
    world: World, thread: Thread, asked: Asked, change: Change, met: "Counter[str]", *, killed: bool
) -> None:
    """Apply a plan as the shell does. `killed`: before the decision is recorded."""
    decisions, corrections = _on_topic(thread)
    whose = authorship(decisions, corrections)
    todo = still(change, whose)
    began_ms, removed, gone = world.now_ms, set[str](), set[str]()
    for tag in todo.set:
        _check_set(thread, tag, decisions, corrections)
        world.tags(thread, tag, by_us=True, delay_ms=world.appended % 2 * OWN_LATE_MS)
        thread.retag_set.add(tag)
        met["set by retag"] += 1
    for tag in todo.remove:
        _check_remove(thread, tag, decisions, corrections)
        if tag not in thread.tags:
            gone.add(tag)
            continue
        world.untags(thread, tag, by_us=True, delay_ms=world.appended % 2 * OWN_LATE_MS)
        removed.add(tag)
        thread.retag_removed.add(tag)
        met["removed by retag"] += 1
    met["corrected after the plan"] += bool(todo.untouched)
    if killed or not (todo.set or removed or gone):
        return
    ours = (whose.ours - removed - gone) | {*todo.set}
    thread.topic.append(
        PastDecision(
            *(
                tuple(sorted(ours)),
                because(ours),
                "retagged",
                "today",
                0,
                change.ended_at_ms,
                world.now_ms,
                None,
            ),
            tuple(sorted(removed)) if asked.keeps_away else (),
            tuple(sorted(removed)),
            began_ms,
        )
    )


def _on_topic(thread: Thread) -> tuple[list[PastDecision], list[Correction]]:
    decisions = [one for one in thread.topic if isinstance(one, PastDecision)]
    return (
        sorted(decisions, key=lambda made: made.settled_at_ms),
        [one for one in thread.topic if isinstance(one, Correction)],
    )


def _check_set(
    thread: Thread, tag: str, decisions: list[PastDecision], corrections: list[Correction]
) -> None:
    """More removals than ours are on the topic, and a person's is among them."""
    told = {one.place for one in corrections if (one.tag, one.change) == (tag, "removed")}
    ours = sum(tag in made.untagged for made in decisions)
    if len(told) > ours and told & _places(thread, tag, "removed"):
        raise Violation(f"P9: retag sets {tag} of {thread.thread_id}, which a person removed")


def _check_remove(
    thread: Thread, tag: str, decisions: list[PastDecision], corrections: list[Correction]
) -> None:
    """A person set it before we did, or removed it; or we never set it."""
    sets = [
        made.settled_at_ms if made.began_at_ms is None else made.began_at_ms - SKEW_MS
        for made in decisions
        if tag in made.tags and tag not in made.held_back
    ]
    if not sets:
        raise Violation(f"P9: retag removes {tag} of {thread.thread_id}, which we never set")
    theirs = _places(thread, tag, "added")
    for one in corrections:
        if (one.tag, one.change) == (tag, "added") and one.place in theirs and one.at_ms < min(sets):
            raise Violation(f"P9: retag removes {tag} of {thread.thread_id}, which a person set")
    told = {one.place for one in corrections if (one.tag, one.change) == (tag, "removed")}
    if len(told) > sum(tag in made.untagged for made in decisions) and told & _places(thread, tag, "removed"):
        raise Violation(f"P9: retag removes {tag} of {thread.thread_id}, which a person touched")


def _places(thread: Thread, tag: str, change: str) -> set[Place | None]:
    """Where LiveChat told what people did; a tag set that was there already is not told of by LiveChat."""
    found = (
        one
        for one in thread.changes
        if (one.tag, one.change) == (tag, change) and not one.by_us and one.fresh and one.place is not None
    )
    second = 1_000_000
    return {
        Place("webhooks", second if one.place >= second else 0, one.place % second)
        for one in found
        if one.place is not None
    }
