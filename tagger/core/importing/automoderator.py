"""Rules of Reddit's AutoModerator: YAML documents, each with searches that must all hold.

`title+body (includes, case-sensitive): [words]` searches fields for words; `~` in front asks that none is there.
https://www.reddit.com/wiki/automoderator/full-documentation
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from tagger.core.importing.source import Draft, Left, Source, Word, expression, why_not
from tagger.core.rules import yaml_document
from tagger.core.rules.keyword_field import MatchKind
from tagger.core.rules.problems import Findings, listed
from tagger.core.rules.yaml_document import Mapping, Node, Text

KIND: Final = "rules of Reddit's AutoModerator"

_TEXTS: Final = frozenset(("title", "body"))
_FIELDS: Final = _TEXTS | frozenset(
    "id name domain url flair_text flair_css_class flair_template_id poll_option_text media_author media_author_url "
    "media_title media_description crosspost_id crosspost_title".split()
)
# What a rule does there, and what says nothing of words.
_ACTIONS: Final = frozenset(
    "action action_reason report_reason comment comment_locked comment_stickied modmail modmail_subject message "
    "message_subject set_flair overwrite_flair set_sticky set_nsfw set_spoiler set_contest_mode set_original_content "
    "set_suggested_sort set_locked set_post_crowd_control_level priority moderators_exempt type".split()
)
_PLACES: Final = ("starts-with", "ends-with", "full-exact", "full-text")
_KEY: Final = re.compile(r"(~?)([a-z_]+(?:\s*\+\s*[a-z_]+)*)(?:#\S+)?\s*(?:\(([^()]*)\))?")
_SEARCH: Final = re.compile(
    r"""["']?~?(?:title|body)(?:\s*\+\s*[a-z_]+)*(?:#\w+)?\s*(?:\([a-z, -]+\))?["']?:(?:\s|$)""", re.I
)
_OTHER: Final = re.compile(r"""["']?~?[a-z_]+\s*\+\s*(?:title|body)[^:]*:(?:\s|$)""", re.I)


class _Search(NamedTuple):
    is_none: bool
    fields: frozenset[str]
    modifiers: frozenset[str]


def is_one(lines: Sequence[str]) -> bool:
    """Whether some line searches the title or the body of a post."""
    return any(_SEARCH.match(line) or _OTHER.match(line) for line in lines)


def read(lines: list[str]) -> Source:
    """Each document with words to look for becomes a rule."""
    source = Source(KIND, [], [])
    for first, part in _documents(lines):
        found = Findings("")
        node = yaml_document.read("\n".join(part).encode(), found)
        if found.problems:
            source.left += [
                Left(first + one.place.line, part[one.place.line - 1].strip(), one.text)
                for one in found.problems
            ]
        elif isinstance(node, Mapping):
            _document(node, first, source)
    return source


def _documents(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The number of lines above each document, and its lines."""
    begin = 0
    for number, line in enumerate([*lines, "---"]):
        if line.rstrip() == "---" or line.startswith("--- "):
            yield begin, lines[begin:number]
            begin = number + 1


def _document(node: Mapping, first: int, source: Source) -> None:
    draft, groups = Draft(None), list[list[Word]]()
    for key, value in node.pairs:
        name, line = key.value.strip().lower(), first + key.line
        if name == "set_flair":
            draft.tag = (
                next(iter(_texts(value)), key).value if isinstance(value, Text) or _texts(value) else None
            )
        search = _search(name)
        if name in _ACTIONS:
            continue
        if search is None or not search.fields & _TEXTS:
            why = "chats have nothing like it; without it the rule fires more often"
            source.left.append(Left(line, key.value, why))
            continue
        words, left = _words(search, value, first)
        source.left += left
        if search.is_none:
            draft.none += words
        elif words:
            groups.append(words)
    if not groups:
        source.left.append(Left(first + node.line, "this rule", "it has no words to look for"))
        return
    draft.any, draft.all = (groups[0], []) if len(groups) == 1 else ([], groups)
    source.drafts.append(draft)


def _search(name: str) -> _Search | None:
    found = _KEY.fullmatch(name)
    if found is None:
        return None
    fields = frozenset(part.strip() for part in found[2].split("+"))
    modifiers = frozenset(part.strip() for part in (found[3] or "").split(",") if part.strip())
    return _Search(bool(found[1]), fields, modifiers) if fields <= _FIELDS else None


def _texts(node: Node) -> list[Text]:
    items = node.items if isinstance(node, yaml_document.Sequence) else [node]
    return [item for item in items if isinstance(item, Text) and item.value.strip()]


def _words(search: _Search, value: Node, first: int) -> tuple[list[Word], list[Left]]:
    words, left = list[Word](), list[Left]()
    places = [place for place in _PLACES if place in search.modifiers]
    match: MatchKind = "anywhere" if "includes" in search.modifiers else "word"
    for text in _texts(value):
        written = " ".join(text.value.split())
        why: str | None = None
        if places:
            why = f"{listed(places)}: a keyword may stand anywhere in a message"
        elif "regex" in search.modifiers:
            read = expression(text.value.strip(), "case-sensitive" in search.modifiers, match)
            if isinstance(read, str):
                why = read
            else:
                words += read
        elif not (why := why_not(written)):
            words.append(Word(written, match, "case-sensitive" in search.modifiers))
        if why:
            left.append(Left(first + text.line, written, why))
    return words, left
