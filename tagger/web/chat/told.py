"""What is shown of a chat: the answer in a sentence, each tag then, today and in LiveChat, and what was found. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tagger.core.matching.decide import Decision, Reason
from tagger.core.review.authorship import NOT_SET
from tagger.core.review.difference import Change
from tagger.core.review.last_words import last_words
from tagger.core.review.past_chat import Correction, PastChat, PastDecision, called_for
from tagger.core.rules.model import Rule
from tagger.core.rules.places import places_of
from tagger.web.keywords.ages import Word
from tagger.web.source import Source, source_of
from tagger.web.times import moment
from tagger.web.try_it.answer import KEYWORD_CHARS_MAX, shortened

ROWS_MAX: Final = 200  # of a table
Decided = Literal["then and today", "then only", "today only", "then"]
State = Literal["yes", "no", "gained", "lost", "trial", "unknown"]
# What is unusual about an outcome, in words behind the sentence.
REMARKS: Final = {
    "no_credentials": "Nothing was set: there are no credentials for the organization.",
    "dry_run": "Nothing was set: it was a dry run.",
    "parked": "LiveChat refused at least one tag: `tagger parked list` says which, and why.",
    "partial": "Part of the chat was missing, so rules with `none` were skipped.",
    "late": "A message that came after the end called for more tags.",
    "late_conflict": "A message that came after the end would have stopped a rule; nothing was taken back.",
    "retagged": "Its tags are as `tagger retag` left them.",
}
SET: Final = frozenset(
    {"tagged", "partial", "late", "late_conflict", "retagged"}
)  # outcomes that set the tags


@dataclass(frozen=True, slots=True)
class Today:
    """What the keywords in force decide on the chat."""

    decision: Decision
    changes: tuple[Change, ...]  # against the newest decision
    rules: Mapping[str, Rule]  # by id
    numbers: Mapping[str, int]  # event id → number of the message, from 1
    complete: bool


class Sets(NamedTuple):
    """What is known of the keyword files: rules by id, and since when each keyword is in force without a break."""

    then: Mapping[str, Rule]  # of the set that made the newest decision; empty where it cannot be had
    now: Mapping[str, Rule]
    since_ms: Mapping[Word, int]  # of the set in force, where it is known


class Part(NamedTuple):
    """Part of a sentence."""

    text: str
    strong: bool = False


class TagRow(NamedTuple):
    """One tag, then, today and now."""

    name: str
    then: State
    today: State
    now: State
    happened: str  # sentences; keywords in backticks


class FoundRow(NamedTuple):
    """One match, then or today."""

    tag: str
    trial: bool
    keyword: str
    said_in: str
    rule: str
    source: Source | None
    is_in_force: bool  # whether that is a line of the files in force; else of those of then
    decided: Decided
    event_id: str
    field: int  # of the event's texts, and where in it the match ends
    end: int


@dataclass(frozen=True, slots=True)
class Told:
    """What is shown above the words."""

    sentence: tuple[Part, ...]
    remark: str
    tags: tuple[TagRow, ...]
    found: tuple[FoundRow, ...]
    left_out: int


def told(
    chat: PastChat,
    sets: Sets,
    today: Today | None,
    *,
    there: Collection[str] | None,
    hears_of_people: bool,
) -> Told:
    """What is shown of a thread with at least one decision.

    there            the tags on the thread as LiveChat has just said; None: it was not asked
    hears_of_people  whether LiveChat tells of tags that people set and remove
    """
    last = chat.decisions[-1]
    people = last_words(called_for(chat.decisions), chat.corrections)
    found = _found(last, sets, today)
    tags = _tags(chat, people, today, there, hears_of_people)
    return Told(
        tuple(_sentence(last.tags, today)),
        REMARKS.get(last.outcome, "") if last.tags or last.outcome in {"partial", "retagged"} else "",
        tuple(_with_age(row, chat, sets, today) for row in tags),
        tuple(found[:ROWS_MAX]),
        max(0, len(found) - ROWS_MAX),
    )


def _sentence(tags: Sequence[str], today: Today | None) -> Iterator[Part]:
    yield Part("It got ")
    yield from _and(tags)
    if today is None:
        yield Part(".")
        return
    gained = [change.tag for change in today.changes if change.change == "gained"]
    lost = [change.tag for change in today.changes if change.change == "lost"]
    if not gained and not lost:
        yield Part(". With today’s keywords it would get the same.")
        return
    yield Part(". With today’s keywords it would ")
    if gained:
        yield Part("also get " if tags else "get ")
        yield from _and(gained)
    if lost:
        yield Part(f"{' and ' if gained else ''}no longer get ")
        yield from _and(lost)
    yield Part(".")


def _and(tags: Sequence[str]) -> Iterator[Part]:
    if not tags:
        yield Part("no tag", True)
    for at, tag in enumerate(tags):
        if at:
            yield Part(" and " if at == len(tags) - 1 else ", ")
        yield Part(tag, True)


def _tags(
    chat: PastChat,
    people: Mapping[str, Correction],
    today: Today | None,
    there: Collection[str] | None,
    hears_of_people: bool,
) -> Iterator[TagRow]:
    last = chat.decisions[-1]
    trial_then = {each.tag for each in last.because} - set(last.tags)
    has = today.decision.tags if today else ()
    trial_today = {each.tag for each in today.decision.because} - set(has) if today else set[str]()
    by_retag = {tag: made.settled_at_ms for made in chat.decisions for tag in made.untagged}
    by_retag = {tag: at_ms for tag, at_ms in by_retag.items() if tag not in last.tags}
    names = {*last.tags, *trial_then, *has, *trial_today, *people, *by_retag, *(there or ())}
    why = {change.tag: change for change in today.changes} if today else {}
    for name in sorted(names):
        then: State = "yes" if name in last.tags else "trial" if name in trial_then else "no"
        state: State = "unknown"
        if today is not None:
            change = why.get(name)
            state = change.change if change else "yes" if name in has else "no"
            state = "trial" if state == "no" and name in trial_today else state
        now = _now(name, last.tags, last.outcome, people, there, hears_of_people)
        happened = list(_happened(then, people.get(name), why.get(name), last.outcome))
        if name in by_retag:
            happened.insert(0, f"`tagger retag` removed it on {moment(by_retag[name])}.")
            now = "no" if now == "unknown" else now
        yield TagRow(name, then, state, now, " ".join(happened))


def _with_age(row: TagRow, chat: PastChat, sets: Sets, today: Today | None) -> TagRow:
    """Say since when the files have what finds a tag today, if that came after the chat."""
    if row.today != "gained" or today is None:
        return row
    words = {(each.rule, each.keyword) for each in today.decision.because if each.tag == row.name}
    since_ms = min((sets.since_ms[word] for word in words if word in sets.since_ms), default=0)
    if since_ms <= chat.ended_at_ms:
        return row
    return row._replace(happened=f"{row.happened} In the files since {moment(since_ms)}.")


def _now(  # noqa: PLR0913, PLR0917 - everything that is known of the tag
    name: str,
    tags: Collection[str],
    outcome: str,
    people: Mapping[str, Correction],
    there: Collection[str] | None,
    hears_of_people: bool,
) -> State:
    if there is not None:
        return "yes" if name in there else "no"
    if name in people:
        return "yes" if people[name].change == "added" else "no"
    if not hears_of_people or outcome == "parked":
        return "unknown"
    return "yes" if name in tags and outcome not in NOT_SET else "no"


def _happened(then: State, by: Correction | None, change: Change | None, outcome: str) -> Iterator[str]:
    if by is not None:
        yield f"A person {by.change} it on {moment(by.at_ms)}."
        if by.change == "removed":
            yield "It is not set again."
    if change is not None:
        yield f"{'Today by' if change.change == 'gained' else 'Not today:'} {change.why}."
    if then == "trial":
        yield "On trial: decided, not set."
    if then == "yes" and by is None and change is None and outcome in SET:
        yield "Set at the end of the chat." if outcome in {"tagged", "partial"} else "Set."


def _found(last: PastDecision, sets: Sets, today: Today | None) -> list[FoundRow]:
    """Matches of then and today, those of one place as one row, in reading order as far as that is known."""
    before = {_place(each): each for each in last.because}
    after = dict.fromkeys(today.decision.because) if today else {}
    there = {_place(each) for each in after}
    gone = [each for place, each in before.items() if place not in there]
    numbers = today.numbers if today else {}
    places_then, places_now = places_of(sets.then.values()), places_of(sets.now.values())
    rows = []
    for each in (*after, *gone):
        is_today = each in after
        rules = sets.now if is_today else sets.then
        word = (each.rule, each.keyword)
        number = numbers.get(each.event_id)
        where = f"message {number:,}" if number else f"event {shortened(each.event_id, 40)}"
        row = FoundRow(
            each.tag,
            rules[each.rule].dry_run if each.rule in rules else each.tag not in last.tags,
            shortened(each.keyword, KEYWORD_CHARS_MAX),
            f"{where}, character {each.start + 1:,}",
            each.rule,
            source_of(places_now.get(word) or places_then.get(word)),
            word in places_now,
            _decided(_place(each) in before, is_today, today is not None),
            each.event_id,
            each.field,
            each.end,
        )
        rows.append((number or 0, each.start, row))
    return [row for *_, row in sorted(rows, key=lambda one: one[:2])]


def _decided(was: bool, is_today: bool, known: bool) -> Decided:
    if not known:
        return "then"
    if was:
        return "then and today" if is_today else "then only"
    return "today only"


def _place(each: Reason) -> tuple[str, str, str, str, int, int]:
    """Where it is, as decisions on Kafka say it: they do not tell which text of an event with several it was in."""
    return each.rule, each.tag, each.keyword, each.event_id, each.start, each.end
