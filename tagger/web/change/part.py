"""The part of a keyword file that is edited: a rule, a new rule, or the whole file; cut out, and put back. Pure.

Only its lines change: byte order mark, line ends and everything around it stay as they are in the file.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from tagger.core.rules.model import Rule
from tagger.web.marks import shared

NEW_RULE: Final = "+"  # in place of a rule's id, which begins with a letter or a digit
COMPARED_LINES_MAX: Final = 2_000  # that differ, on either side: comparing more takes seconds

_MARK: Final = b"\xef\xbb\xbf"


class Section(NamedTuple):
    """Lines of a file; counted from 1, `last` included, before `first` where it has none yet."""

    first: int
    last: int
    indent: int = 2  # spaces before the dash of a rule


@dataclass(frozen=True, slots=True)
class Part:
    """What is edited."""

    content: bytes  # of the whole file in force; empty for a new one
    section: Section | None  # None: the whole file
    text: str  # to begin with

    @property
    def first(self) -> int:
        """The number of its first line in the file."""
        return self.section.first if self.section else 1

    @property
    def in_force(self) -> str:
        """What is in force in its place."""
        return self.text if self.section else text_of(self.content)


def text_of(content: bytes) -> str:
    """A file's text as an editor shows it: without byte order mark, line ends as line feeds."""
    text = content.removeprefix(_MARK).decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def sections(text: str, rules: Iterable[Rule]) -> dict[str, Section]:
    """The lines of each rule, by its id. Rules that share a line with others have none of their own."""
    lines = text.split("\n")
    starts = [(rule.id, rule.place.line) for rule in rules]
    sharing = Counter(first for _, first in starts)
    found: dict[str, Section] = {}
    for at, (id, first) in enumerate(starts):
        line = lines[first - 1] if first <= len(lines) else ""
        if line.lstrip(" ").startswith("-") and sharing[first] == 1:
            following = starts[at + 1][1] if at + 1 < len(starts) else len(lines) + 1
            indent = len(line) - len(line.lstrip(" "))
            found[id] = Section(first, _last(lines, first, following, indent), indent)
    return found


def _last(lines: Sequence[str], first: int, following: int, indent: int) -> int:
    """The last line of a rule; what is blank or a comment below it belongs to what follows."""
    last = first
    for number in range(first + 1, following):
        line = lines[number - 1]
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if len(line) - len(line.lstrip(" ")) <= indent:
            break
        last = number
    return last


def opened(content: bytes, rule: str | None, rules: Sequence[Rule]) -> Part | None:
    """The part of a file to be edited; None where it has no such rule with lines of its own.

    rule    id, or NEW_RULE; None for the whole file
    rules   those of the file, in order
    """
    text = text_of(content)
    if rule is None:
        return Part(content, None, text)
    known = sections(text, rules)
    if rule == NEW_RULE:
        if not known:
            return None
        end = max(known.values(), key=lambda section: section.last)
        return Part(content, Section(end.last + 1, end.last, end.indent), "")
    if (section := known.get(rule)) is None:
        return None
    return Part(content, section, "\n".join(text.split("\n")[section.first - 1 : section.last]))


def rule_at(text: str, line: int, rules: Sequence[Rule]) -> str | None:
    """The id of the rule that a line belongs to; None: to none that has lines of its own."""
    for id, section in sections(text, rules).items():
        if section.first <= line <= section.last:
            return id
    return None


def put_back(part: Part, text: str) -> bytes:
    """The whole file with this text in place of the part's."""
    whole = text
    if part.section is not None:
        lines = text_of(part.content).split("\n")
        edited = text.rstrip("\n").split("\n") if text.strip() else []
        whole = "\n".join([*lines[: part.section.first - 1], *edited, *lines[part.section.last :]])
    elif whole.strip() and not whole.endswith("\n") and (not part.content or part.content.endswith(b"\n")):
        whole += "\n"
    if b"\r\n" in part.content:
        whole = whole.replace("\n", "\r\n")
    mark = _MARK if part.content.startswith(_MARK) else b""
    return mark + whole.encode("utf-8", "replace")


class Differing(NamedTuple):
    """What differs between two texts."""

    new: frozenset[int]  # lines of the second one that are not in the first, from 0
    lines: int | None  # how many lines differ, those that are gone counted too; None: nobody looked


NOT_COMPARED: Final = Differing(frozenset(), None)


def differing(before: str, after: str) -> Differing:
    """Compare line by line; of very different texts every line between their ends counts as new."""
    old, new = before.rstrip("\n").split("\n"), after.rstrip("\n").split("\n")
    same = shared(old, new)
    behind = min(shared(old[::-1], new[::-1]), len(old) - same, len(new) - same)
    mid_old, mid_new = old[same : len(old) - behind], new[same : len(new) - behind]
    if max(len(mid_old), len(mid_new)) > COMPARED_LINES_MAX:
        lines = max(len(mid_old), len(mid_new))
        return Differing(frozenset(range(same, same + len(mid_new))), lines)
    numbers, count = set[int](), 0
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, mid_old, mid_new, autojunk=False).get_opcodes():
        if kind != "equal":
            numbers.update(range(same + j1, same + j2))
            count += max(i2 - i1, j2 - j1)
    return Differing(frozenset(numbers), count)
