"""A keyword file → the same file with every certain cure applied. Pure.

Everything else stays byte by byte: comments, line ends, a byte order mark, and what is wrong without a certain cure.
Each cure is tried first: one that does not make its problem go away, or that makes another error, is not applied.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.core.review.cures import cure
from tagger.core.review.indentation import is_wide, with_spaces
from tagger.core.review.lint import lint
from tagger.core.rules.decode import FORBIDDEN, decode
from tagger.core.rules.mistakes import Edit, Mistake
from tagger.core.rules.parse import RuleSet, parse
from tagger.core.rules.problems import Findings, Problem
from tagger.core.rules.yaml_document import first_mistake

ROUNDS_MAX: Final = 200  # each reads the file once more; whoever has more mistakes in one file runs it again
ONE_BY_ONE_MAX: Final = 50  # edits that are tried alone where all of a kind together do not help

_MARK: Final = b"\xef\xbb\xbf"
_LINE: Final = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
# Control characters that no text is joined or parted by: beside a blank, or at an end of a line.
_CONTROL: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+"
_STRAY: Final = re.compile(f"(?:^|(?<=[ \t])){_CONTROL}|{_CONTROL}(?=[ \t]|$)")


@dataclass(frozen=True, slots=True)
class _File:
    """The lines of a file, twice: with certain cures only, and also as the rest was probably meant, to read on.

    Both have as many lines.
    """

    lines: list[str]
    probable: list[str]
    ends: list[str]  # the line ends, the last of which may be empty

    def edited(self, edit: Edit) -> "_File":
        """With an edit applied; where a line is only probable, what is made of it is, too."""
        begin, end, new = edit
        probable = [*self.probable[:begin], *new, *self.probable[end:]]
        if len(new) == end - begin:
            here = zip(self.lines[begin:end], self.probable[begin:end], new, strict=True)
            certain = [cured if line == read else line for line, read, cured in here]
            return replace(self, lines=[*self.lines[:begin], *certain, *self.lines[end:]], probable=probable)
        if self.lines[begin:end] != self.probable[begin:end]:
            return self
        end_of_line = next((each for each in self.ends[begin:end] if each), self.ends[0] or "\n")
        ends = [end_of_line] * len(new)
        if ends and end == len(self.ends):
            ends[-1] = self.ends[-1]
        return _File(
            [*self.lines[:begin], *new, *self.lines[end:]],
            probable,
            [*self.ends[:begin], *ends, *self.ends[end:]],
        )

    def checked(self) -> list[Problem]:
        """What is said of the probable file."""
        read = parse({"": "\n".join(self.probable).encode()})
        return lint(read, date.min, DEFAULT_PLACEHOLDER) if isinstance(read, RuleSet) else read


def fix(content: bytes) -> bytes:
    """The file with all certain cures; itself where there are none."""
    text = decode(content, Findings(""))
    if text is None:
        return content
    mark = _MARK if content.startswith(_MARK) else b""
    parts = _LINE.findall(content[len(mark) :].decode())
    if parts[-1] == ("", "") and len(parts) > 1:
        parts.pop()
    lines = [_STRAY.sub("", line) for line, _ in parts]
    # What else YAML forbids is read as a blank, as `decode` does.
    probable = [FORBIDDEN.sub(" ", line) for line in lines]
    file = _values(_syntax(_File(lines, probable, [end for _, end in parts])))
    return mark + "".join(map("".join, zip(file.lines, file.ends, strict=True))).encode()


def _syntax(file: _File) -> _File:
    """Until YAML can read the file, or what it cannot read has no probable cure."""
    wrong = first_mistake(file.probable)
    for _ in range(ROUNDS_MAX):
        if wrong is None:
            return file
        edit = _certain(wrong, file.probable)
        if edit is not None:
            cured = file.edited(edit)
            after = first_mistake(cured.probable)
            if after is None or after.cause != wrong.cause:
                file, wrong = cured, after
                continue
        if wrong.probable is None:
            return file
        probable = replace(file, probable=wrong.probable)
        after = first_mistake(probable.probable)
        if after is not None and after.cause == wrong.cause:
            return file
        file, wrong = probable, after
    return file


def _certain(wrong: Mistake, lines: Sequence[str]) -> Edit | None:
    if wrong.certain is None and is_wide(lines[wrong.line - 1]):
        spaced = with_spaces(lines)
        return None if spaced is None else Edit(0, len(lines), tuple(spaced))
    return wrong.certain


def _values(file: _File) -> _File:
    """What YAML can read, and is wrong or doubtful all the same."""
    problems = file.checked()
    for _ in range(ROUNDS_MAX):
        by_code: dict[str, list[Edit]] = defaultdict(list)
        for problem in problems:
            if edit := cure(problem, file.probable):
                by_code[problem.code].append(edit)
        for code, edits in by_code.items():
            better = _better(file, problems, code, edits)
            if better is not None:
                file, problems = better
                break
        else:
            return file
    return file


def _better(
    file: _File, problems: list[Problem], code: str, edits: list[Edit]
) -> tuple[_File, list[Problem]] | None:
    """The file after all edits, or else after the first that helps, and what is said of it then."""
    for chosen in [edits] if len(edits) == 1 else [edits, *([one] for one in edits[:ONE_BY_ONE_MAX])]:
        cured = file
        for edit in _apart(chosen):
            cured = cured.edited(edit)
        after = cured.checked()
        is_cured = _codes(after)[code] < _codes(problems)[code]
        if is_cured and _codes(_errors(after)) <= _codes(_errors(problems)):
            return cured, after
    return None


def _apart(edits: Iterable[Edit]) -> list[Edit]:
    """From the last line to the first, so that no edit moves another; of two that meet, the earlier waits its turn."""
    apart: list[Edit] = []
    for edit in sorted(edits, reverse=True):
        if not apart or edit.end <= apart[-1].begin:
            apart.append(edit)
    return apart


def _errors(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def _codes(problems: Iterable[Problem]) -> Counter[str]:
    return Counter(problem.code for problem in problems)
