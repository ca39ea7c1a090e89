"""The bytes of one keyword file → its values, each with line and column.

Every scalar stays the text that was written: `no`, `404` and `12:30` are keywords. Repeated keys, aliases,
anchors and type marks are refused, so nothing is larger in memory than it is on disk. After a syntax error
with an obvious fix the rest is read as well, so that all problems are reported at once.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import yaml

from tagger.core.rules import look_alikes
from tagger.core.rules.decode import decode
from tagger.core.rules.mistakes import Mistake, of_error, of_halves, of_look_alike
from tagger.core.rules.problems import Findings, shown
from tagger.core.rules.quotes import escape_advice, escapes_of, quoted, swallowed, without_escapes

VALUES_MAX: Final = 1_000_000  # 100,000 keywords in mapping form, as many tests, and room
NESTING_MAX: Final = 12  # the format's deepest is 8: file, rules, rule, tests, test, list, mapping, text
KEY_COLUMN_MAX: Final = (
    64  # of a key that is the first on its line; looking at a line for each key costs its square
)
SYNTAX_ERRORS_MAX: Final = 20  # reported at once; each costs one more reading of the file

# libyaml is ten times as fast; installations without it exist, and then the pure reader serves.
LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A comment that may be meant as text. The blanks before it are not part of the pattern: searching for a run of them
# and then for something else costs the square of the run, and an editor leaves runs of any length.
_CUT: Final = re.compile(r"(?<=\s)#[^\s#]")
_BLANKS: Final = re.compile(r"\s+")
_HALF: Final = re.compile("[\ud800-\udfff]")  # of a character: only the pure reader lets it pass
_QUOTE: Final = "Put it in quotes."


class Text(NamedTuple):
    """A scalar, as written."""

    value: str
    line: int  # counts from 1, as the column does
    column: int
    plain: bool = True  # without quotes
    lines: int = 1  # how many it runs over
    escaped: bool = False  # has a line break or a tab that is written as \n or \t


class Sequence(NamedTuple):
    """A list."""

    items: list["Node"]
    line: int
    column: int


class Mapping(NamedTuple):
    """Keys with their values, in order."""

    pairs: list[tuple[Text, "Node"]]  # each key once
    line: int
    column: int


Node = Text | Sequence | Mapping


class _At(NamedTuple):
    line: int
    column: int


class _Stopped(Exception):  # noqa: N818 - carries a mistake of the file
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake


class _GivenUp(Exception):  # noqa: N818 - not an error: the reason was reported
    """The rest of the file is not worth reading."""


class _OddKey(Exception):  # noqa: N818 - for `read`, which reports it
    """A key begins with what only looks like a space."""

    def __init__(self, odd: look_alikes.LookAlike) -> None:
        self.odd = odd


def read(content: bytes, found: Findings, loader: Any = LOADER) -> Node | None:
    """The document of a file; None if it has none. Problems are added to `found`."""
    text = decode(content, found)
    if text is None:
        return None
    lines = text.splitlines()
    for _ in range(SYNTAX_ERRORS_MAX):
        notes = Findings(found.file)
        try:
            node = _build(lines, notes, loader)
        except _Stopped as stopped:
            wrong = stopped.mistake
            found.add(_At(wrong.line, wrong.column), "yaml", wrong.text, wrong.advice)
            if wrong.probable is None or wrong.probable == lines:
                return None
            lines = wrong.probable
            continue
        found.problems += notes.problems
        return node
    return None


def first_mistake(lines: list[str], loader: Any = LOADER) -> Mistake | None:
    """The first thing in a file that YAML cannot read, if there is one."""
    try:
        _build(lines, Findings(""), loader)
    except _Stopped as stopped:
        return stopped.mistake
    return None


def _build(lines: list[str], notes: Findings, loader: Any) -> Node | None:
    """The document of these lines; `_Stopped` at the first thing that YAML cannot read."""
    try:
        return _Builder(notes, lines).document(yaml.parse("\n".join(lines) + "\n", Loader=loader))
    except _GivenUp:
        return None
    except _OddKey as key:
        raise _Stopped(of_look_alike(key.odd, lines)) from None
    except yaml.MarkedYAMLError as error:
        raise _Stopped(of_error(error, lines)) from None


class _Builder:
    """Puts the events of YAML's reader together."""

    def __init__(self, found: Findings, lines: list[str]) -> None:
        self._found = found
        self._lines = lines
        self._cut = {number for number, line in enumerate(lines) if "#" in line and _CUT.search(line)}
        self._values = 0
        self._is_joined = False  # two files in one

    def document(self, events: Iterator[Any]) -> Node | None:
        node: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    mark: Any = event.start_mark
                    text, advice = "`---` starts a second document", "Delete this line."
                    if any(line.startswith("version") for line in self._lines[mark.line : mark.line + 3]):
                        advice = "Delete this line, and the lines `version: 1` and `rules:` below it."
                    self._found.add(_At(mark.line + 1, 1), "second-document", text, advice)
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
            elif odd := self._odd(key):
                raise _OddKey(odd)
            elif first := pairs.get(key.value):
                self._repeated(key, first[0])
            else:
                pairs[key.value] = (key, value)
        return list(pairs.values())

    def _odd(self, key: Text) -> look_alikes.LookAlike | None:
        if key.column > KEY_COLUMN_MAX or not key.plain or not look_alikes.is_odd(key.value):
            return None
        return look_alikes.near(self._lines, {key.line - 1})

    def _repeated(self, key: Text, first: Text) -> None:
        text, advice = (
            f"the key {shown(key.value)} is already on line {first.line}",
            "Merge the two, or delete one.",
        )
        if key.column == 1 and key.value == "version":
            text = f"a second keyword file begins here: `version` is already on line {first.line}"
            advice = "Delete this line and the line `rules:` below it."
            self._is_joined = True
        elif key.column == 1 and key.value == "rules":
            if self._is_joined:
                return  # the other half of the same mistake
            advice = "Delete this line, so that all rules are in one list."
        self._found.add(key, "repeated-key", text, advice)

    def _text(self, event: Any) -> Text:
        start, end = event.start_mark, event.end_mark
        line, column = start.line + 1, start.column + 1
        self._values += 1
        if self._values > VALUES_MAX:
            text = f"the file has more than {VALUES_MAX:,} values"
            self._found.add(_At(line, column), "too-many-values", text, "Split it into several files.")
            raise _GivenUp
        if event.style == '"' and not event.value.isascii() and _HALF.search(event.value):
            raise _Stopped(of_halves(start, self._lines))
        plain = not event.style  # libyaml says "" where the pure reader says None
        if plain and event.value and end.line in self._cut and self._is_cut(end):
            self._cut_off(event)
        value, escaped = event.value, False
        if event.style == '"' and start.line == end.line:
            raw = self._lines[start.line][start.column + 1 : end.column - 1]
            if "\\" in raw:
                value, escaped = self._unescaped(raw, value, _At(line, column))
        return Text(value, line, column, plain, end.line - start.line + 1, escaped)

    def _unescaped(self, raw: str, value: str, at: _At) -> tuple[str, bool]:
        if letter := swallowed(raw):
            read = "".join(filter(str.isprintable, value))
            text = f"\\{letter} in double quotes becomes an invisible character, so {shown(read)} is read"
            self._found.add(at, "escape", text, escape_advice(raw))
            return without_escapes(raw), False
        return value, not {"n", "t"}.isdisjoint(escapes_of(raw))

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
