"""The strip on every screen: what is well in a line, and what is not in a band, with its reason and the next step. Pure.

What a fact is not known of is left out: it is never guessed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

from tagger.web.source import file_name
from tagger.web.times import ago, clock, moment

Sign = Literal["ok", "warn", "bad", "off"]  # off: not known

WAIT_MS: Final = 60_000  # a chat that waits no longer is on its way; alerts are about much more
NAMED_MAX: Final = 3  # tags in a sentence
DRY_RUN_TEXT: Final = "Tags are decided and recorded, and not set."

_PLACED: Final = re.compile(r"(.+?):(\d+):(\d+): (.+)", re.DOTALL)


class Fact(NamedTuple):
    """One short sentence of the line."""

    sign: Sign
    text: str
    code: str = ""  # shown small and quiet behind it


class Notice(NamedTuple):
    """A band: what is wrong, and what that means."""

    sign: Sign
    lead: str  # bold
    text: str
    href: str = ""  # of the file and line, on Change


class Strip(NamedTuple):
    """What is in force, whether chats wait, which tags are missing; as far as it is known."""

    facts: tuple[Fact, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class KeywordsNow:
    """The keyword files as they stand."""

    hash: str | None  # of the set in force; None: no set is
    since_ms: int  # the set in force is as old as this
    problems: tuple[str, ...] = ()  # of the files on disk, where they were refused
    refused_at_ms: int = 0


class Unfinished(NamedTuple):
    """How far the tagger is, as its committed offsets tell."""

    oldest_ms: int | None  # the record time of the oldest record that is not finished; None: all are


def waiting(unfinished: Unfinished | None, now_ms: int) -> Fact | Notice:
    """Whether chats wait, and since when; None: Kafka does not tell."""
    if unfinished is None:
        return Fact("off", "Whether chats are waiting is unknown")
    oldest = unfinished.oldest_ms
    if oldest is None:
        return Fact("ok", "Up to date: no chat is waiting")
    if now_ms - oldest < WAIT_MS:
        return Fact("ok", f"Up to date: the oldest waiting chat ended {ago(oldest, now_ms)}")
    means = "Nothing is lost: they are tagged in turn. `tagger doctor` says what holds them up."
    return Notice("warn", f"Chats are waiting; the oldest ended {ago(oldest, now_ms)}.", means)


def tags(missing: Sequence[str], doubts: Sequence[str], count: int) -> list[Fact | Notice]:
    """Whether LiveChat has the tags that the rules set: of `count`, those it lacks, and what else it will refuse."""
    shown: list[Fact | Notice] = []
    if missing:
        named = ", ".join(f"“{tag}”" for tag in missing[:NAMED_MAX])
        more = f" and {len(missing) - NAMED_MAX:,} more" if len(missing) > NAMED_MAX else ""
        one = len(missing) == 1
        means = (
            f"Chats are waiting for {'it' if one else 'them'}. Create {'it' if one else 'them'} in LiveChat, "
            "in this spelling, then run `tagger parked retry`."
        )
        shown.append(Notice("warn", f"LiveChat has no {'tag' if one else 'tags'} {named}{more}.", means))
    if doubts:
        more = f" {len(doubts) - 1:,} more: `tagger check --online` lists all." if len(doubts) > 1 else ""
        shown.append(Notice("warn", "LiveChat will refuse a tag.", f"{doubts[0]}.{more}"))
    if not shown and count:
        shown.append(Fact("ok", f"LiveChat has all {count:,} tags" if count > 1 else "LiveChat has the tag"))
    return shown


def strip(keywords: KeywordsNow, *others: Fact | Notice) -> Strip:
    """The strip; `others` are facts and bands that need Kafka or LiveChat, in their order."""
    facts = [*_facts(keywords), *(other for other in others if isinstance(other, Fact))]
    notices = [*_notices(keywords), *(other for other in others if isinstance(other, Notice))]
    return Strip(tuple(facts), tuple(notices))


def _facts(keywords: KeywordsNow) -> list[Fact]:
    if keywords.hash is None:
        return []
    sign: Sign = "warn" if keywords.problems else "ok"
    return [Fact(sign, f"Keywords of {moment(keywords.since_ms)} in force", keywords.hash)]


def _notices(keywords: KeywordsNow) -> list[Notice]:
    if not keywords.problems:
        return []
    if keywords.hash is None:
        means = "No keywords are in force, so nothing can be tried."
    else:
        means = (
            f"Until {_them(keywords)} fixed, texts are tried with the keywords of {clock(keywords.since_ms)}."
        )
    first, more = keywords.problems[0], len(keywords.problems) - 1
    others = f" {more:,} more: `tagger check` lists all." if more else ""
    at = clock(keywords.refused_at_ms)
    if (placed := _PLACED.fullmatch(first)) is None:
        return [Notice("bad", f"The keyword files were refused at {at}.", f"{first}{others} {means}")]
    file, line, column, problem = placed.groups()
    name = file_name(file)
    lead = f"{name}:{line}:{column} was refused at {at}."
    href = f"/change?{urlencode({'file': f'refused/{name}', 'line': line})}#L{line}"
    return [Notice("bad", lead, f"{_sentence(problem)}{others} {means}", href)]


def _them(keywords: KeywordsNow) -> str:
    return "it is" if len(keywords.problems) == 1 else "they are"


def _sentence(problem: str) -> str:
    """Begins with a capital letter and ends with a full stop."""
    return problem[:1].upper() + problem[1:] + ("" if problem.endswith((".", "!", "?")) else ".")
