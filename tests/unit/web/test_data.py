"""Tables for spreadsheets: what people said or named is text in them, never a formula."""

import csv
import io

import pytest

from tagger.web.data import Cell, as_csv


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-5", "'-5"),
        ("@home", "'@home"),
        ("\tx", "'\tx"),
        ("a=b", "a=b"),
        (-5, "-5"),
        (None, ""),
        ('said “,” and "\n', 'said “,” and "\n'),
    ],
)
def test_no_text_is_a_formula(cell: Cell, written: str) -> None:
    answer = as_csv("a.csv", ("head",), [(cell, "next")])
    assert isinstance(answer.body, bytes)
    assert list(csv.reader(io.StringIO(answer.body.decode(), newline=""))) == [["head"], [written, "next"]]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.csv"'
