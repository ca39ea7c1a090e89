"""Which lines of the keyword files changed between two sets, of the rules that matter for a chat. Pure."""

from collections.abc import Collection, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple

from tagger.core.rules.model import Rule
from tagger.web.source import file_name

CONTEXT: Final = 1  # lines around a change
LINES_MAX: Final = 120  # of all that is shown
# Of a rule, for a comparison line by line, which takes quadratic time; of longer ones, what is only in one of both.
COMPARED_MAX: Final = 1_000


class Line(NamedTuple):
    """A line, or one that is there no more."""

    number: int | None  # in the file now; None: it was deleted
    sign: Literal[" ", "+", "−"]
    text: str


class ChangedRule(NamedTuple):
    """What changed in one rule."""

    file: str
    rule: str
    lines: tuple[Line, ...]


def changed(
    rules: Collection[str],
    then: Mapping[str, Rule],
    files_then: Mapping[str, bytes],
    now: Mapping[str, Rule],
    files_now: Mapping[str, bytes],
) -> list[ChangedRule]:
    """The changes of these rules, by id; files by name, with folder or without."""
    found, left = [], LINES_MAX
    for name in sorted(rules):
        _, old = _lines(name, then, files_then)
        first, new = _lines(name, now, files_now)
        if old == new or left <= 0:
            continue
        lines = list(_compared(old, new, first))[:left]
        left -= len(lines)
        rule = now.get(name) or then[name]
        found.append(ChangedRule(file_name(rule.place.file), name, tuple(lines)))
    return found


def _lines(name: str, rules: Mapping[str, Rule], files: Mapping[str, bytes]) -> tuple[int, list[str]]:
    """The number of a rule's first line, from 1, and its lines up to the next rule."""
    if name not in rules:
        return 1, []
    place = rules[name].place
    content = {file_name(file): text for file, text in files.items()}.get(file_name(place.file), b"")
    lines = content.decode("utf-8", "replace").splitlines()
    later = [one.place.line for one in rules.values() if file_name(one.place.file) == file_name(place.file)]
    end = min((line for line in later if line > place.line), default=len(lines) + 1)
    return place.line, lines[place.line - 1 : end - 1]


def _compared(old: list[str], new: list[str], first: int) -> Iterator[Line]:
    if max(len(old), len(new)) > COMPARED_MAX:
        was, has = set(old), set(new)
        yield from (Line(None, "−", text) for text in old if text not in has)
        yield from (Line(first + at, "+", text) for at, text in enumerate(new) if text not in was)
        return
    shown_to = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for at in range(max(shown_to, j1 - CONTEXT), j1):
            yield Line(first + at, " ", new[at])
        for text in old[i1:i2]:
            yield Line(None, "−", text)
        for at in range(j1, j2):
            yield Line(first + at, "+", new[at])
        shown_to = min(len(new), j2 + CONTEXT)
        for at in range(j2, shown_to):
            yield Line(first + at, " ", new[at])
