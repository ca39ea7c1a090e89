"""Discourse's watched words as CSV: word; action, or what replaces it, or its tags; whether case counts.

Its export has no heading, and for the actions `tag`, `replace` and `link` a second column; its import takes a third one,
`true` or `false`. A heading names the columns in another order.
https://github.com/discourse/discourse/blob/main/app/controllers/admin/watched_words_controller.rb
"""

import csv
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tagger.core.importing.source import Draft, Left, Source, words_of

KIND: Final = "Discourse's watched words"
ACTIONS: Final = frozenset("block censor require_approval flag link replace tag silence".split())

_DELIMITERS: Final = ",;\t"
_NAMES: Final = {
    "word": "word", "words": "word", "keyword": "word", "keywords": "word", "watched word": "word",
    "action": "action", "action_key": "action",
    "replacement": "tags", "tag": "tags", "tags": "tags",
    "case": "case", "case_sensitive": "case", "case sensitive": "case", "case-sensitive": "case",
}  # fmt: skip
_BOOLEANS: Final = frozenset(("", "true", "false"))


class _Row(NamedTuple):
    line: int
    cells: list[str]


class _Entry(NamedTuple):
    line: int
    word: str
    action: str
    tags: list[str]
    case_sensitive: bool


def read(lines: list[str]) -> Source | None:
    """The watched words; None where the lines are no such table."""
    for delimiter in _DELIMITERS:
        rows = _rows(lines, delimiter)
        if rows and (entries := list(_entries(rows))):
            return _source(entries)
    return None


def _rows(lines: list[str], delimiter: str) -> list[_Row]:
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    rows: list[_Row] = []
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append(_Row(reader.line_num, cells))
    except csv.Error:
        return []
    return rows


def _entries(rows: Sequence[_Row]) -> Iterator[_Entry]:
    names = [_NAMES.get(cell.strip().lower()) for cell in rows[0].cells]
    if "word" in names and len(set(names) - {None}) > 1:
        for row in rows[1:]:
            cells = {name: cell.strip() for name, cell in zip(names, row.cells, strict=False) if name}
            yield _entry(row.line, cells.get("word", ""), cells)
    elif all(map(_is_exported, rows)):
        for row in rows:
            second, third = [*row.cells, "", ""][1:3]
            is_action = second.strip().lower() in ACTIONS
            cells = {"action" if is_action else "tags": second.strip(), "case": third.strip()}
            yield _entry(row.line, row.cells[0], cells)


def _is_exported(row: _Row) -> bool:
    """Whether a row is one that Discourse writes or reads; a blank behind a comma is one of a sentence."""
    _, *others = row.cells
    if len(others) not in (1, 2) or any(cell[:1].isspace() for cell in others):
        return False
    return bool(others[0]) if len(others) == 1 else others[1].strip().lower() in _BOOLEANS


def _entry(line: int, word: str, cells: dict[str, str]) -> _Entry:
    action, tags = cells.get("action", "").lower(), cells.get("tags", "")
    is_tag = bool(tags) and action in ("", "tag") and not tags.startswith(("http://", "https://"))
    named = [tag.strip() for tag in tags.split(",") if tag.strip()] if is_tag else []
    return _Entry(line, word.strip(), action, named, cells.get("case", "").lower() == "true")


def _source(entries: Sequence[_Entry]) -> Source:
    """One rule a tag; words that Discourse does something else with are in one rule without a tag."""
    drafts: dict[str | None, Draft] = {}
    left: list[Left] = []
    for entry in entries:
        if not entry.word:
            left.append(Left(entry.line, "", "there is no word"))
            continue
        words = words_of(entry.word, case_sensitive=entry.case_sensitive, is_one=", " in entry.word)
        if isinstance(words, str):
            left.append(Left(entry.line, entry.word, words))
            continue
        tags: list[str | None] = [*entry.tags] or [None]
        for tag in tags:
            drafts.setdefault(tag, Draft(tag)).any += words
    return Source(KIND, list(drafts.values()), left)
