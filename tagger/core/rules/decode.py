"""The bytes of a keyword file → its text, or what kind of file it is instead."""

import re
from typing import Final, NamedTuple

from tagger.core.rules.problems import Findings

FILE_BYTES_MAX: Final = 8 << 20  # 100,000 keywords of ordinary length take 2 MiB
FORBIDDEN_SHOWN_MAX: Final = 20  # characters that are reported one by one

# What YAML forbids, and line ends that YAML counts and editors do not.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")

_PLAIN: Final = "Save it as plain text in UTF-8, without formatting."
_KINDS: Final = {
    b"{\\rtf": ("an RTF document", _PLAIN),
    b"pk\x03\x04": ("a document of a word processor or a spreadsheet", _PLAIN),
    b"\xd0\xcf\x11\xe0": ("a document of a word processor or a spreadsheet", _PLAIN),
    b"%pdf": ("a PDF document", _PLAIN),
    b"<!doctype": ("a web page (HTML)", "Save the keyword file itself, not the page that shows it."),
    b"<html": ("a web page (HTML)", "Save the keyword file itself, not the page that shows it."),
    b"<?xml": ("an XML document", _PLAIN),
}
_ENCODINGS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class _At(NamedTuple):
    line: int
    column: int


def decode(content: bytes, found: Findings) -> str | None:
    """The text, without a byte order mark; None after a report."""
    start = _At(1, 1)
    if len(content) > FILE_BYTES_MAX:
        advice = "Split it into several files."
        found.add(start, "file-too-large", f"the file is larger than {FILE_BYTES_MAX >> 20} MiB", advice)
        return None
    if encoding := _encoding(content):
        found.add(start, "encoding", f"the file is saved as {encoding}", "Save it as UTF-8.")
        return None
    content = content.removeprefix(b"\xef\xbb\xbf")
    begin = content[:64].lstrip().lower()
    for signature, (kind, advice) in _KINDS.items():
        if begin.startswith(signature):
            found.add(start, "file-kind", f"the file is {kind}, not a keyword file", advice)
            return None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        at = _place(content[: error.start].decode("utf-8", "replace"))
        advice = "Save the file as UTF-8 in your editor."
        found.add(at, "encoding", "this character is not valid UTF-8", advice)
        return None
    return _without_forbidden(text, found) if FORBIDDEN.search(text) else text


def _encoding(content: bytes) -> str | None:
    for mark, encoding in _ENCODINGS.items():
        if content.startswith(mark):
            return encoding
    # Without a mark: every other byte of ASCII text is zero.
    return "UTF-16" if content[:2].count(0) == 1 else None


def _place(before: str) -> _At:
    return _At(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _without_forbidden(text: str, found: Findings) -> str:
    for match in FORBIDDEN.finditer(text):
        what = f"there is an invisible control character (U+{ord(match[0]):04X}) here"
        found.add(_place(text[: match.start()]), "control-character", what, "Delete it.")
        if len(found.problems) >= FORBIDDEN_SHOWN_MAX:
            break
    return FORBIDDEN.sub(" ", text)
