"""What "Try it" shows: the tags, what was found, what nearly was, and the text with all of it marked. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tagger.core.conversation import Author, Conversation
from tagger.core.matching.decide import Decision, NearMiss, Reason
from tagger.core.matching.why_not import effect, why
from tagger.core.rules.model import Rule
from tagger.core.rules.places import Places, places_of
from tagger.web.marks import Kind, Mark, Piece, cut
from tagger.web.source import Source, source_of
from tagger.web.try_it.stops import stopped_by, stops

ROWS_MAX: Final = 200  # of a table: more than anybody reads
SAID_CHARS_MAX: Final = 80  # of what was said, in a table
KEYWORD_CHARS_MAX: Final = 80  # of a keyword, or a canned response, in a table
WORD_CHARS_MAX: Final = 24  # of a word around a match, on either side


class Tag(NamedTuple):
    """A tag, and how it is drawn."""

    name: str
    trial: bool = False  # of a dry-run rule: decided, not set


class Excerpt(NamedTuple):
    """Words of a message, with the rest of the word that they stand in."""

    before: str
    words: str
    after: str


class Stop(NamedTuple):
    """What stopped a rule."""

    said: Excerpt
    message: int  # from 1


class Row(NamedTuple):
    """One match or near miss, and how many more there are like it."""

    kind: Kind
    tag: Tag
    said: Excerpt
    author: Author
    message: int  # from 1
    more: int
    keyword: str
    why: str  # why it did not count; "" for a match
    cure: str  # what would make it count, as it is written in the keyword file; "" if nothing simple would
    effect: str  # "would find it"
    rule: str
    source: Source | None
    field: int  # of the message, and where it ends in it
    end: int
    stop: Stop | None = None  # a keyword of `none`


@dataclass(frozen=True, slots=True)
class Passage:
    """One text that was said, with what is marked in it."""

    message: int  # from 1
    author: Author
    pieces: tuple[Piece, ...]
    field: int = 0  # of the message, which may have several texts


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer: first in a sentence, then proved."""

    headline: str
    tags: tuple[Tag, ...]
    found: tuple[Row, ...]
    near: tuple[Row, ...]
    left_out: int  # rows of both tables beyond the limit
    marks: Mapping[tuple[int, int], tuple[Mark, ...]]  # by message, from 0, and its field


def answer(conversation: Conversation, decision: Decision, rules: Sequence[Rule]) -> Answer:
    """What is shown of a decision that was asked to explain."""
    known = _Known(conversation, {rule.id: rule for rule in rules})
    fired = {reason.rule for reason in decision.because}
    near = [no for no in decision.near_misses if no.rule not in fired]
    known.stops = stops(near, conversation, known.rules)
    found_rows, near_rows = list(_rows(known, decision.because)), list(_rows(known, near))
    trial = {reason.tag for reason in decision.because} - set(decision.tags)
    return Answer(
        headline(len(decision.tags)),
        (*map(Tag, decision.tags), *(Tag(tag, True) for tag in sorted(trial))),
        tuple(found_rows[:ROWS_MAX]),
        tuple(near_rows[:ROWS_MAX]),
        max(0, len(found_rows) - ROWS_MAX) + max(0, len(near_rows) - ROWS_MAX),
        _marks(known, [*decision.because, *near]),
    )


def headline(count: int) -> str:
    """`This chat gets 2 tags`."""
    return f"This chat gets {count or 'no'} tag{'s' if count > 1 else ''}"


def passages(conversation: Conversation, answered: Answer) -> Iterator[Passage]:
    """Every text of a conversation, marked."""
    for at, said in enumerate(conversation.said):
        for field, text in enumerate(said.fields):
            yield Passage(at + 1, said.author, cut(text, answered.marks.get((at, field), ())), field)


def in_text(text: str, starts: Sequence[int], answered: Answer) -> tuple[Piece, ...]:
    """A whole transcript, marked; `starts` is where each of its messages begins."""
    shifted = (
        mark._replace(start=mark.start + starts[at], end=mark.end + starts[at])
        for (at, _), marks in answered.marks.items()
        for mark in marks
    )
    return cut(text, shifted)


class _Known:
    """What rows need beside the decision."""

    def __init__(self, conversation: Conversation, rules: Mapping[str, Rule]) -> None:
        self.said, self.rules = conversation.said, rules
        self.number = {said.event_id: at for at, said in reversed([*enumerate(conversation.said)])}
        self.stops: Mapping[str, Reason] = {}  # by rule
        self._places: dict[str, Places] = {}

    def at(self, found: Reason | NearMiss) -> tuple[int, int, int]:
        """In reading order."""
        return self.number[found.event_id], found.field, found.start

    def tag(self, found: Reason | NearMiss) -> Tag:
        """The tag that a rule sets, or would."""
        rule = self.rules[found.rule]
        return Tag(rule.tag, rule.dry_run)

    def excerpt(self, found: Reason | NearMiss) -> Excerpt:
        """What was said."""
        at, field, _ = self.at(found)
        return excerpt(self.said[at].fields[field], found.start, found.end)

    def stop(self, found: Reason | NearMiss) -> Stop | None:
        """What stopped the rule."""
        is_stopped = isinstance(found, NearMiss) and stopped_by(found) is not None
        reason = self.stops.get(found.rule) if is_stopped else None
        return Stop(self.excerpt(reason), self.number[reason.event_id] + 1) if reason else None

    def source(self, found: Reason | NearMiss) -> Source | None:
        """Where the keyword stands."""
        if found.rule not in self._places:
            self._places[found.rule] = places_of([self.rules[found.rule]])
        place = self._places[found.rule].get((found.rule, found.keyword))
        return source_of(place)


def _rows(known: _Known, found: Iterable[Reason | NearMiss]) -> Iterator[Row]:
    """Rows in reading order; what differs in its place only is one row."""
    alike: dict[tuple[str, str, str], list[Reason | NearMiss]] = {}
    for one in sorted(found, key=known.at):
        alike.setdefault((one.rule, one.keyword, why_of(one)), []).append(one)
    for (rule, keyword, sentence), ones in alike.items():
        at = known.at(ones[0])[0]
        cure = ones[0].why_not if isinstance(ones[0], NearMiss) else None
        yield Row(
            "found" if isinstance(ones[0], Reason) else "near",
            known.tag(ones[0]),
            known.excerpt(ones[0]),
            known.said[at].author,
            at + 1,
            len(ones) - 1,
            shortened(keyword, KEYWORD_CHARS_MAX),
            sentence,
            cure.cure if cure else "",
            effect(cure) if cure else "",
            rule,
            known.source(ones[0]),
            ones[0].field,
            ones[0].end,
            known.stop(ones[0]),
        )


def why_of(found: Reason | NearMiss) -> str:
    """Why something did not count, as a sentence; "" for a match."""
    if isinstance(found, Reason):
        return ""
    told = why(found.why_not)
    is_a_key = "_" in told.split()[0]  # of the keyword file, and written small there
    return (told if is_a_key else told[:1].upper() + told[1:]) + "."


def _marks(known: _Known, found: Iterable[Reason | NearMiss]) -> dict[tuple[int, int], tuple[Mark, ...]]:
    marks: dict[tuple[int, int], list[Mark]] = {}
    for one in found:
        kind: Kind = "found" if isinstance(one, Reason) else "near"
        marks.setdefault(known.at(one)[:2], []).append(Mark(one.start, one.end, kind))
    for stop in known.stops.values():
        marks.setdefault(known.at(stop)[:2], []).append(Mark(stop.start, stop.end, "stop"))
    return {place: tuple(several) for place, several in marks.items()}


def excerpt(text: str, start: int, end: int) -> Excerpt:
    """Words of a text with the rest of the word around them, unless that is long."""
    begin, stop = start, end
    while begin > 0 and start - begin <= WORD_CHARS_MAX and _joined(text, begin):
        begin -= 1
    while stop < len(text) and stop - end <= WORD_CHARS_MAX and _joined(text, stop):
        stop += 1
    before = text[begin:start] if start - begin <= WORD_CHARS_MAX else ""
    after = text[end:stop] if stop - end <= WORD_CHARS_MAX else ""
    return Excerpt(before, shortened(text[start:end], SAID_CHARS_MAX), after)


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on from the character before a position to the one after it."""
    return text[at - 1].isalnum() and text[at].isalnum()


def shortened(text: str, chars_max: int) -> str:
    """A text on one line, cut."""
    line = " ".join(text[: chars_max * 4].split())
    return line if len(line) <= chars_max and len(text) <= chars_max * 4 else line[: chars_max - 1] + "…"
