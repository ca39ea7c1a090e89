"""The strip on every screen: what is well in a line, and what is not in a band, with its reason and the next step. Pure.

What a fact is not known of is left out: it is never guessed.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple
from urllib.parse import urlencode

from tagger.web.times import clock, moment

Sign = Literal["ok", "warn", "bad"]

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
    name = file.rpartition("/")[2]
    lead = f"{name}:{line}:{column} was refused at {at}."
    href = f"/change?{urlencode({'file': f'refused/{name}', 'line': line})}#L{line}"
    return [Notice("bad", lead, f"{_sentence(problem)}{others} {means}", href)]


def _them(keywords: KeywordsNow) -> str:
    return "it is" if len(keywords.problems) == 1 else "they are"


def _sentence(problem: str) -> str:
    """Begins with a capital letter and ends with a full stop."""
    return problem[:1].upper() + problem[1:] + ("" if problem.endswith((".", "!", "?")) else ".")
