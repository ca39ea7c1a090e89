"""The bytes of one keyword file → its values, each with line and column."""

import pytest
import yaml

from tagger.core.rules import decode, yaml_document
from tagger.core.rules.problems import Findings
from tagger.core.rules.yaml_document import Mapping, Sequence, Text, read

LOADERS = [pytest.param(yaml_document.LOADER, id="libyaml"), pytest.param(yaml.SafeLoader, id="pure")]


def problems(content: str | bytes, loader: object = yaml_document.LOADER) -> list[str]:
    found = Findings("a.yaml")
    read(content.encode() if isinstance(content, str) else content, found, loader)
    return [f"{p.place.line}:{p.place.column} {p.code}" for p in found.problems]


def value(content: str | bytes, loader: object = yaml_document.LOADER) -> object:
    found = Findings("a.yaml")
    node = read(content.encode() if isinstance(content, str) else content, found, loader)
    assert found.problems == []
    return plain(node)


def plain(node: object) -> object:
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if isinstance(node, Mapping):
        return {key.value: plain(item) for key, item in node.pairs}
    return node


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "written",
    ["no", "on", "404", "12:30", "1_000", "~", "null", "0x1F", "1e3", "2027-03-31", "=", "<<", ":)"],
)
def test_a_scalar_is_the_text_that_was_written(written: str, loader: object) -> None:
    assert value(f"- {written}\n", loader) == [written]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\xef\xbb\xbfa: b\n", {"a": "b"}, id="byte order mark"),
        pytest.param(b"a: b\r\nc: d\r\n", {"a": "b", "c": "d"}, id="Windows line ends"),
        pytest.param(b"a: b\rc: d", {"a": "b", "c": "d"}, id="old Mac line ends, none at the end"),
        pytest.param("a: zwrot płatności 💸\n", {"a": "zwrot płatności 💸"}, id="any script, emoji"),
        pytest.param("a: >\n  one\n  two\n", {"a": "one two\n"}, id="folded text"),
        pytest.param('a: "x # y"   # note\n', {"a": "x # y"}, id="comment after a quote"),
        pytest.param("a: x # note\n", {"a": "x"}, id="comment with a space"),
        pytest.param("---\na: b\n...\n", {"a": "b"}, id="marks of a document"),
    ],
)
def test_it_reads(content: str | bytes, expected: object, loader: object) -> None:
    assert value(content, loader) == expected


@pytest.mark.parametrize("content", ["", "# nothing here\n", "\n\n"])
def test_a_file_without_a_value_is_none_and_no_problem(content: str) -> None:
    assert value(content) is None


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", ["3:1 repeated-key"], id="repeated key"),
        pytest.param("- &x [a]\n- *x\n", ["1:3 anchor", "2:3 alias"], id="anchor and alias"),
        pytest.param("- *fund\n", ["1:3 alias"], id="a star at the beginning"),
        pytest.param("- !important\n", ["1:3 type-mark"], id="an exclamation mark at the beginning"),
        pytest.param("? [a]\n: b\n", ["1:3 key"], id="a list as a key"),
        pytest.param("a: b\n---\nc: d\n", ["2:1 second-document"], id="two documents"),
        pytest.param("a: room #5\n", ["1:4 comment"], id="a text cut off by #"),
        pytest.param("a: b\x07\nc: \x00\n", ["1:5 control-character", "2:4 control-character"], id="control"),
        pytest.param("a: b\u2028c\n", ["1:5 control-character"], id="line separator"),
        pytest.param("[" * 13 + "]" * 13, ["1:13 too-deep"], id="nesting"),
    ],
)
def test_it_refuses(content: str, expected: list[str], loader: object) -> None:
    assert problems(content, loader) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("a: żółć\n".encode("utf-16"), ["1:1 encoding"], id="UTF-16"),
        pytest.param(b"a: b\n# caf\xe9\n", ["2:6 encoding"], id="Latin-1"),
        pytest.param(b"a" * (decode.FILE_BYTES_MAX + 1), ["1:1 file-too-large"], id="size"),
    ],
)
def test_it_refuses_bytes(content: bytes, expected: list[str]) -> None:
    assert problems(content) == expected


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_document, "VALUES_MAX", 3)
    assert problems("[1, 2, 3]") == []
    assert problems("[1, 2, 3, 4]") == ["1:11 too-many-values"]


def test_an_alias_bomb_is_refused_without_being_unfolded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}x]\n" for i in range(1, 50))
    assert len(problems(bomb)) == 50 + 49 * 9


def test_a_megabyte_of_brackets_is_refused_at_once() -> None:
    assert problems("[" * (1 << 20)) == ["1:13 too-deep"]


def test_values_know_their_place_in_characters() -> None:
    node = read("rules:\n  - tag: żółw 💸\n    id: x\n".encode(), Findings("a.yaml"))
    assert isinstance(node, Mapping)
    (_, rules) = node.pairs[0]
    assert isinstance(rules, Sequence)
    (rule,) = rules.items
    assert isinstance(rule, Mapping)
    assert [(key.line, key.column) for key, _ in rule.pairs] == [(2, 5), (3, 5)]


@pytest.mark.parametrize("loader", LOADERS)
def test_what_follows_a_syntax_error_is_read_as_well(loader: object) -> None:
    content = "a:\n  - %name%\n  - @me\n  - x\n  - 'don't'\n  - room #5\n"
    assert problems(content, loader) == ["2:5 yaml", "3:5 yaml", "5:10 yaml", "6:5 comment"]


def test_reading_ends_at_an_error_whose_cure_is_not_certain() -> None:
    assert problems("a: [x\nb: y\n") == ["1:4 yaml"]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param('"a \\ud83d\\udc4d"', ["3:6 yaml"], id="a pair"),
        pytest.param('"a\n    b \\ud83d\\udc4d"', ["4:7 yaml"], id="on a later line"),
        pytest.param('"a \\udc4d"', ["3:6 yaml"], id="the second half alone"),
        pytest.param('"\\\\ud83d \\ud83d"', ["3:12 yaml"], id="behind an escaped backslash"),
    ],
)
def test_characters_in_two_halves_are_found_by_either_reader(
    written: str, expected: list[str], loader: object
) -> None:
    assert problems(f"a:\n\n- {written}\n- x\n", loader) == expected
