"""A decision as a row of Chats: what the thread got, because of what, and what is unusual about it. Pure."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from tagger.core.review.last_words import last_words
from tagger.history.ledger_view import Decided
from tagger.web.chats.asked import chat_href
from tagger.web.times import day_of, day_words, seconds_clock
from tagger.web.try_it.answer import shortened

KEYWORD_CHARS_MAX: Final = 40
TAG_CHARS_MAX: Final = 60
ID_CHARS_MAX: Final = 20  # LiveChat's have ten
REASONS_SHOWN: Final = 2
TAGS_SHOWN: Final = 12  # a chat has a handful
# What is unusual about an outcome; the others say nothing that the tags do not.
NOTES: Final = {
    "partial": "Part of it is missing",
    "late": "A message came after the end",
    "late_conflict": "A message after the end would have stopped a rule",
    "parked": "Not set in full: LiveChat refused a tag",
    "no_credentials": "Not set: no credentials for its organization",
    "dry_run": "Not set: a dry run",
    "retagged": "Retagged later",
}
# Outcomes in the order in which a person looks for them; any other one is listed behind them as it is written.
OUTCOMES: Final = {
    "tagged": "Tagged",
    "no_match": "No rule held",
    "late": "Late message",
    "late_conflict": "Late conflict",
    "partial": "Part missing",
    "parked": "Refused by LiveChat",
    "no_credentials": "No credentials",
    "dry_run": "Dry run",
    "retagged": "Retagged",
}


class TagShown(NamedTuple):
    """A tag, and how it is drawn."""

    name: str
    kind: str = ""  # of the style sheet: off, trial
    by: str = ""  # a few words behind it


class Because(NamedTuple):
    """A keyword that was found, and its rule."""

    keyword: str
    rule: str


class Row(NamedTuple):
    """One thread."""

    thread: str  # tells a row from another one
    id: int  # in the ledger
    chat_id: str
    href: str
    day: str
    clock: str
    tags: tuple[TagShown, ...]
    because: tuple[Because, ...]
    more: int  # reasons left out
    messages: int
    note: str


def row(each: Decided, called_for: Collection[str], now_ms: int, *, names_organization: bool = False) -> Row:
    """A row; `called_for` are the tags of all decisions on the thread."""
    made, thread = each.decision, each.thread
    pairs = dict.fromkeys((one.keyword, one.rule) for one in made.because)
    reasons = [Because(shortened(keyword, KEYWORD_CHARS_MAX), rule) for keyword, rule in pairs]
    note = NOTES.get(made.outcome, "" if made.outcome in OUTCOMES else shortened(made.outcome, 40))
    return Row(
        "/".join(thread),
        each.key.id,
        shortened(thread.chat_id, ID_CHARS_MAX) or "no id",
        chat_href(thread.chat_id, thread.thread_id, thread.organization if names_organization else ""),
        day_heading(made.ended_at_ms, now_ms),
        seconds_clock(made.ended_at_ms),
        tuple(_tags(each, called_for)),
        tuple(reasons[:REASONS_SHOWN]),
        max(0, len(reasons) - REASONS_SHOWN),
        made.messages,
        note,
    )


def _tags(each: Decided, called_for: Collection[str]) -> Iterator[TagShown]:
    made = each.decision
    people = last_words(called_for, each.corrections)
    off = dict.fromkeys(set(made.untagged) - set(made.tags), "removed by retag")
    off |= {tag: "removed by a person" for tag, one in people.items() if one.change == "removed"}
    names = sorted({*made.tags, *off})
    for tag in names[:TAGS_SHOWN]:
        yield TagShown(_short(tag), "off", off[tag]) if tag in off else TagShown(_short(tag))
    for tag in sorted({one.tag for one in made.because} - set(made.tags)):
        yield TagShown(_short(tag), "trial", "on trial, not set")
    for tag in sorted(tag for tag, one in people.items() if one.change == "added"):
        yield TagShown(_short(tag), "", "added by a person")
    if (left := len(names) - TAGS_SHOWN) > 0:
        yield TagShown(f"{left:,} more", "trial")


def _short(tag: str) -> str:
    return shortened(tag, TAG_CHARS_MAX)


def day_heading(ms: int, now_ms: int) -> str:
    """`Today, Monday 23 November`."""
    words, days = day_words(ms, now_ms), (day_of(now_ms) - day_of(ms)).days
    return {0: f"Today, {words}", 1: f"Yesterday, {words}"}.get(days, words)


def by_day(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Rows under the heading of their day, in their order."""
    days: list[tuple[str, list[Row]]] = []
    for one in rows:
        if not days or days[-1][0] != one.day:
            days.append((one.day, []))
        days[-1][1].append(one)
    return days
