"""The bytes of a keyword file → its text, or what kind of file it is instead."""

import pytest

from tagger.core.rules.decode import decode
from tagger.core.rules.problems import Findings

FILE = "version: 1\nrules: []\n"


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        pytest.param(FILE.encode("utf-16"), "encoding", "saved as UTF-16", id="UTF-16"),
        pytest.param(FILE.encode("utf-16-le"), "encoding", "saved as UTF-16", id="UTF-16, no mark"),
        pytest.param(FILE.encode("utf-16-be"), "encoding", "saved as UTF-16", id="UTF-16, big end first"),
        pytest.param(FILE.encode("utf-32"), "encoding", "saved as UTF-32", id="UTF-32"),
        pytest.param((FILE + "é").encode("latin-1"), "encoding", "not valid UTF-8", id="Latin-1"),
        pytest.param(b"{\\rtf1\\ansi version: 1\\par}", "file-kind", "an RTF document", id="RTF"),
        pytest.param(b"<!DOCTYPE html>\n<html>", "file-kind", "a web page", id="HTML"),
        pytest.param(b"\n <HTML><body>", "file-kind", "a web page", id="HTML, no type"),
        pytest.param(b"PK\x03\x04\x14\x00", "file-kind", "a word processor", id="docx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1", "file-kind", "a word processor", id="doc"),
        pytest.param(b"%PDF-1.7\n", "file-kind", "a PDF document", id="PDF"),
    ],
)
def test_another_kind_of_file_is_named_in_one_line(content: bytes, code: str, says: str) -> None:
    found = Findings("a.yaml")
    assert decode(content, found) is None
    (problem,) = found.problems
    assert (problem.code, says in problem.text) == (code, True)
    assert problem.advice.startswith("Save ")
