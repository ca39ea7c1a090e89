"""The bytes of one keyword file → its values, each with line and column.

Every scalar stays the text that was written: `no`, `404` and `12:30` are keywords. Repeated keys, aliases,
anchors and type marks are refused, so nothing is larger in memory than it is on disk. After a syntax error
with an obvious fix the rest is read as well, so that all problems are reported at once.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from tagger.core.rules.problems import Findings, shown
from tagger.core.rules.yaml_errors import explain, quoted

FILE_BYTES_MAX: Final = 8 << 20  # 100,000 keywords of ordinary length take 2 MiB
VALUES_MAX: Final = 1_000_000  # 100,000 keywords in mapping form, as many tests, and room
NESTING_MAX: Final = 12  # the format's deepest is 8: file, rules, rule, tests, test, list, mapping, text
SYNTAX_ERRORS_MAX: Final = 20  # reported at once; each costs one more reading of the file

# libyaml is ten times as fast; installations without it exist, and then the pure reader serves.
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML forbids, and line ends that YAML counts and editors do not.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
# A comment that may be meant as text. The blanks before it are not part of the pattern: searching for a run of them
# and then for something else costs the square of the run, and an editor leaves runs of any length.
_CUT: Final = re.compile(r"(?<=\s)#[^\s#]")
_BLANKS: Final = re.compile(r"\s+")
_QUOTE: Final = "Put it in quotes."


class Text(NamedTuple):
    """A scalar, as written."""

    value: str
    line: int  # counts from 1, as the column does
    column: int
    plain: bool = True  # without quotes
    lines: int = 1  # how many it runs over


class Sequence(NamedTuple):
    items: list["Node"]
    line: int
    column: int


class Mapping(NamedTuple):
    pairs: list[tuple[Text, "Node"]]  # each key once
    line: int
    column: int


Node = Text | Sequence | Mapping


class _At(NamedTuple):
    line: int
    column: int


class _GivenUp(Exception):  # noqa: N818 - not an error: the reason was reported
    """The rest of the file is not worth reading."""


def read(content: bytes, found: Findings, loader: Any = LOADER) -> Node | None:
    """The document of a file; None if it has none. Problems are added to `found`."""
    text = _decode(content, found)
    if text is None:
        return None
    lines = text.splitlines()
    for _ in range(SYNTAX_ERRORS_MAX):
        notes = Findings(found.file)
        try:
            node = _Builder(notes, lines).document(yaml.parse("\n".join(lines) + "\n", Loader=loader))
        except _GivenUp:
            node = None
        except yaml.MarkedYAMLError as error:
            wrong = explain(error, lines)
            found.add(_At(wrong.line, wrong.column), "yaml", wrong.text, wrong.advice)
            if wrong.fixed is None or wrong.fixed == lines[wrong.line - 1]:
                return None
            lines[wrong.line - 1] = wrong.fixed
            continue
        found.problems += notes.problems
        return node
    return None


def _decode(content: bytes, found: Findings) -> str | None:
    start = _At(1, 1)
    if len(content) > FILE_BYTES_MAX:
        advice = "Split it into several files."
        found.add(start, "file-too-large", f"the file is larger than {FILE_BYTES_MAX >> 20} MiB", advice)
        return None
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        found.add(start, "encoding", "the file is saved as UTF-16", "Save it as UTF-8.")
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        at = _At(before.count("\n") + 1, len(before) - before.rfind("\n"))
        found.add(
            at, "encoding", "this character is not valid UTF-8", "Save the file as UTF-8 in your editor."
        )
        return None
    return _without_forbidden(text, found) if _FORBIDDEN.search(text) else text


def _without_forbidden(text: str, found: Findings) -> str:
    for match in _FORBIDDEN.finditer(text):
        before = text[: match.start()]
        at = _At(before.count("\n") + 1, len(before) - before.rfind("\n"))
        name = f"U+{ord(match[0]):04X}"
        what = f"there is an invisible control character ({name}) here"
        found.add(at, "control-character", what, "Delete it.")
        if len(found.problems) >= SYNTAX_ERRORS_MAX:
            break
    return _FORBIDDEN.sub(" ", text)


class _Builder:
    """Puts the events of YAML's reader together."""

    def __init__(self, found: Findings, lines: list[str]) -> None:
        self._found = found
        self._lines = lines
        self._cut = {number for number, line in enumerate(lines) if "#" in line and _CUT.search(line)}
        self._values = 0

    def document(self, events: Iterator[Any]) -> Node | None:
        node: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    mark: Any = event.start_mark
                    text = "`---` starts a second document"
                    self._found.add(_At(mark.line + 1, 1), "second-document", text, "Delete this line.")
                    raise _GivenUp
                node = self._node(next(events), events, 1)
        return node

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        kind = type(event)
        if kind is yaml.ScalarEvent and event.anchor is None and event.tag is None:
            return self._text(event)  # nearly every value
        mark = event.start_mark
        at = _At(mark.line + 1, mark.column + 1)
        if depth > NESTING_MAX:
            text = f"values are nested more than {NESTING_MAX} levels deep"
            self._found.add(at, "too-deep", text, "Put text that contains brackets in quotes.")
            raise _GivenUp
        if kind is yaml.AliasEvent:
            text = "text cannot start with *, which refers to another place in the file in YAML"
            self._found.add(at, "alias", text, f'Put it in quotes: "*{event.anchor}"')
            return Text("*" + event.anchor, *at, plain=False)
        if event.anchor is not None:
            self._found.add(
                at, "anchor", "text cannot start with &, which names a place in the file in YAML", _QUOTE
            )
        if event.tag is not None:
            self._found.add(at, "type-mark", "text cannot start with !, which marks a type in YAML", _QUOTE)
        if kind is yaml.ScalarEvent:
            return self._text(event)
        if kind is yaml.SequenceStartEvent:
            return Sequence(self._items(events, depth + 1), *at)
        return Mapping(self._pairs(events, depth + 1), *at)

    def _items(self, events: Iterator[Any], depth: int) -> list[Node]:
        items: list[Node] = []
        for event in events:
            if type(event) is yaml.SequenceEndEvent:
                break
            items.append(self._node(event, events, depth))
        return items

    def _pairs(self, events: Iterator[Any], depth: int) -> list[tuple[Text, Node]]:
        pairs: dict[str, tuple[Text, Node]] = {}
        for event in events:
            if type(event) is yaml.MappingEndEvent:
                break
            key = self._node(event, events, depth)
            value = self._node(next(events), events, depth)
            if not isinstance(key, Text):
                text = "expected a key, found a list or a mapping"
                self._found.add(key, "key", text, "Put the text in quotes.")
            elif first := pairs.get(key.value):
                text = f"the key {shown(key.value)} is already on line {first[0].line}"
                self._found.add(key, "repeated-key", text, "Merge the two, or delete one.")
            else:
                pairs[key.value] = (key, value)
        return list(pairs.values())

    def _text(self, event: Any) -> Text:
        start, end = event.start_mark, event.end_mark
        line, column = start.line + 1, start.column + 1
        self._values += 1
        if self._values > VALUES_MAX:
            text = f"the file has more than {VALUES_MAX:,} values"
            self._found.add(_At(line, column), "too-many-values", text, "Split it into several files.")
            raise _GivenUp
        plain = not event.style  # libyaml says "" where the pure reader says None
        if plain and event.value and end.line in self._cut and self._is_cut(end):
            self._cut_off(event)
        return Text(event.value, line, column, plain, end.line - start.line + 1)

    def _is_cut(self, end: Any) -> bool:
        """Whether only blanks are between the end of a text and what may be meant as more of it."""
        line = self._lines[end.line]
        blanks = _BLANKS.match(line, end.column)
        return blanks is not None and _CUT.match(line, blanks.end()) is not None

    def _cut_off(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        text = f"only {shown(event.value)} is read, because ` #` starts a comment"
        quotes = "Put the text in quotes"
        if start.line == end.line:
            quotes += f": {quoted(self._lines[end.line][start.column :].rstrip())}"
        at = _At(start.line + 1, start.column + 1)
        self._found.add(at, "comment", text, f"{quotes}. Or, if it is a comment, put a space after the #.")
