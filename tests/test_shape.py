"""Rooms that a stranger can survey: few entries, short files and functions, and a sentence on every public name."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
ENTRIES_MAX: Final = 14  # what a person reads at a glance in one `ls`
FILE_LINES_MAX: Final = 300
FUNCTION_LINES_MAX: Final = 50
FILES: Final = sorted(path for room in ("ingest", "tagger") for path in (ROOT / room).rglob("*.py"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

PLANTED: Final = '''
class Open:
    """Has a sentence."""

    def said(self) -> None:
        """Has one, too."""

    def mute(self) -> None: ...

    def _private(self) -> None: ...

class _Closed:
    def inside(self) -> None: ...
'''


def definitions(body: list[ast.stmt], *, public: bool = True) -> Iterator[tuple[Definition, bool]]:
    """Every function and class of a file, and whether others may use it."""
    for node in body:
        if isinstance(node, Definition):
            open_to_others = public and not node.name.startswith("_")
            yield node, open_to_others
            if isinstance(node, ast.ClassDef):
                yield from definitions(node.body, public=open_to_others)


def without_docstring(source: str) -> list[str]:
    return [
        node.name
        for node, public in definitions(ast.parse(source).body)
        if public and not ast.get_docstring(node)
    ]


def too_long(source: str) -> list[str]:
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES_MAX
    ]


def test_a_planted_public_name_without_a_docstring_is_found() -> None:
    assert without_docstring(PLANTED) == ["mute"]


def test_a_planted_long_function_is_found() -> None:
    assert too_long("def short(): ...\ndef long():\n" + "    pass\n" * FUNCTION_LINES_MAX) == ["long"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_short_its_functions_too_and_every_public_name_has_a_docstring(path: Path) -> None:
    source = path.read_text("utf-8")
    assert source.count("\n") <= FILE_LINES_MAX
    assert too_long(source) == []
    assert without_docstring(source) == []


@pytest.mark.parametrize("room", ["tagger", "tagger/core", "tagger/livechat"])
def test_a_room_shows_no_more_entries_than_one_sees_at_a_glance(room: str) -> None:
    entries = [entry.name for entry in (ROOT / room).iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= ENTRIES_MAX
