"""What a trial came to: counts, what made them, and the chats that change. Pure; goes from process to process as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from tagger.core.matching.explain import short
from tagger.core.matching.why_not import WhyNot, why
from tagger.core.review.backtest import Backtest, Change, Changed, TagChange
from tagger.core.review.difference import texts_of
from tagger.core.rules.model import Rule
from tagger.core.rules.places import Places, places_of
from tagger.history.counts import Counts
from tagger.web.source import file_name

CAUSES_MAX: Final = 100  # keywords listed, those with most chats
CHATS_MAX: Final = 1_000  # chats listed, the newest: some 300 bytes each
TAGS_MAX: Final = 200  # tags listed, those that change most


@dataclass(frozen=True, slots=True)
class TagRow:
    """What happens to a tag. Counts are chats."""

    tag: str
    before: int
    after: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A keyword that makes chats gain or lose a tag."""

    change: Change
    rule: str
    keyword: str
    note: str  # how it does so, in a few words; "" where the keyword says it
    file: str  # "" where it stands nowhere any more
    line: int
    chats: int


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A chat that gains or loses a tag."""

    change: Change
    tag: str
    organization: str
    chat_id: str
    thread_id: str
    ended_at_ms: int
    keyword: str
    note: str
    before: tuple[str, ...]  # its tags by the keywords in force


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial's end. Counts are chats."""

    chats: int
    gaining: int
    losing: int
    changed: int
    untagged_before: int
    untagged_after: int
    newly_tagged: int
    newly_untagged: int
    first_ms: int  # of the chats that were decided, when the first one and the last one ended
    last_ms: int
    tags: tuple[TagRow, ...]
    causes: tuple[CauseRow, ...]
    rows: tuple[ChatRow, ...]  # losses first, each newest first
    changes: int  # rows that there are: of a chat one for each tag that it gains or loses
    notes: tuple[str, ...]  # what a person should know beside
    stopped: bool = False  # before the end of what there is
    seconds: float = 0.0


def outcome(
    test: Backtest, rules: Mapping[str, Rule], counts: Counts, ended_ms: tuple[int, int], *, seconds: float
) -> Outcome:
    """Sum up a backtest; `rules` are those of the new set by id, `ended_ms` when the first and last chat ended."""
    places = places_of(rules.values())
    changed = [(tag, test.tags[tag]) for tag in test.changed_tags()]
    tags = [TagRow(tag, each.before, each.after, each.gained, each.lost) for tag, each in changed]
    causes = [row for _, each in changed for row in _causes(each, rules, places)]
    causes.sort(key=lambda row: (-row.chats, row.rule, row.keyword))
    rows = [row for tag, each in changed for row in _rows(tag, each, rules)]
    rows.sort(key=lambda row: (row.change != "lost", -row.ended_at_ms, row.thread_id))
    stopped, counts.stopped = counts.stopped, False
    return Outcome(
        test.chats,
        test.gaining,
        test.losing,
        test.changed_chats,
        test.untagged_before,
        test.untagged_after,
        test.newly_tagged,
        test.newly_untagged,
        *ended_ms,
        tuple(tags[:TAGS_MAX]),
        tuple(causes[:CAUSES_MAX]),
        tuple(_spread(rows)),
        sum(each.gained + each.lost for _, each in changed),
        tuple(counts.notes()),
        stopped,
        round(seconds, 1),
    )


def _spread(rows: list[ChatRow]) -> Iterator[ChatRow]:
    """As many as are kept; where there are too many, half of them losses and half gains, if there are so many."""
    lost = [row for row in rows if row.change == "lost"]
    gained = rows[len(lost) :]
    losses = max(CHATS_MAX // 2, CHATS_MAX - len(gained))
    yield from lost[:losses]
    yield from gained[: CHATS_MAX - min(len(lost), losses)]


def _causes(change: TagChange, rules: Mapping[str, Rule], places: Places) -> Iterator[CauseRow]:
    for (way, rule, keyword), chats in change.causes.items():
        if way == "gained":
            yield CauseRow(way, rule, short(keyword), "", *_where(places, rule, keyword), chats)
    for (rule, keyword, why_not), chats in change.losses.items():
        word, note = loss(rule, keyword, why_not, rules)
        yield CauseRow("lost", rule, short(word), note, *_where(places, rule, word), chats)


def _where(places: Places, rule: str, keyword: str) -> tuple[str, int]:
    place = places.get((rule, keyword))
    return (file_name(place.file), place.line) if place else ("", 0)


def _rows(tag: str, change: TagChange, rules: Mapping[str, Rule]) -> Iterator[ChatRow]:
    for way, sample in change.sample.items():
        for one in sample:
            yield _row(tag, way, one, rules)


def _row(tag: str, way: Change, one: Changed, rules: Mapping[str, Rule]) -> ChatRow:
    first = one.because[0]
    word, note = (
        (first.keyword, "") if way == "gained" else loss(first.rule, first.keyword, one.why_not, rules)
    )
    return ChatRow(way, tag, *one.thread, one.ended_at_ms, short(word), note, one.before)


def loss(rule: str, keyword: str, why_not: WhyNot | None, rules: Mapping[str, Rule]) -> tuple[str, str]:
    """What makes a rule no longer hold: a keyword, and how it does so in a few words."""
    new = rules.get(rule)
    if new is None:
        return keyword, f"rule {rule} is gone"
    if why_not is not None and why_not.kind == "ignored":
        return why_not.value, "ignored"
    if why_not is not None and why_not.kind == "none_said":
        return why_not.value, "of `none`"
    if keyword not in texts_of(new):
        return keyword, "no longer in the rule"
    if new.dry_run:
        return keyword, "the rule is on trial"
    return keyword, why(why_not) if why_not else "the rule has another tag"


def read_outcome(value: Mapping[str, Any]) -> Outcome:
    """An outcome as it comes out of JSON."""
    rows = {"tags": TagRow, "causes": CauseRow, "rows": ChatRow}
    given = {each.name: value[each.name] for each in fields(Outcome)}
    for name, kind in rows.items():
        given[name] = tuple(kind(**row) for row in given[name])
    return Outcome(**given)
