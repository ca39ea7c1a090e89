"""What "Change" shows, in one value for its templates. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from typing import Any, Final

from tagger.web.change.checked import Checked
from tagger.web.change.editor import Editor, editor
from tagger.web.change.opening import Desk
from tagger.web.change.outcome import ChatRow, Outcome
from tagger.web.change.part import Part
from tagger.web.change.question import DAYS, NEW_FILE, Draft

FIRST_ROWS: Final = 8  # chats shown before somebody asks for all of them
FIRST_LOSSES: Final = 3  # of these, if there are so many gains
CSV_HEADER: Final = ("change", "tag", "chat_id", "thread_id", "ended_at", "keyword", "note", "tags_before")
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
NO_END: Final = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Screen:
    """A draft, and what is known of it."""

    draft: Draft
    part: Part
    editor: Editor
    checked: Checked | None = None
    problem: str | None = None  # why nothing was checked or tried


def screen(draft: Draft, part: Part, checked: Checked | None = None, problem: str | None = None) -> Screen:
    """A draft as it is drawn; one with a problem is not compared with what is in force."""
    found = (checked.problems, checked.elsewhere) if checked else ((), ())
    drawn = editor(part, draft.text, *found, compares=problem is None)
    return Screen(draft, part, drawn, checked, problem)


def context(shown: Screen, desk: Desk) -> dict[str, Any]:
    """What the templates of this screen need."""
    return {
        "draft": shown.draft,
        "editor": shown.editor,
        "checked": shown.checked,
        "problem": shown.problem,
        "files": desk.files(),
        "rules": desk.rules_to_choose(shown.draft.file),
        "is_new_file": shown.draft.file == NEW_FILE,
        "takes_list": shown.draft.file == NEW_FILE or not shown.part.text,
        "days": DAYS,
        "trial": None,
        "outcome": None,
        "note": "",
        "rows": (),
    }


def first_rows(outcome: Outcome, *, everything: bool) -> Sequence[ChatRow]:
    """The chats to show."""
    rows = outcome.rows
    if everything or len(rows) <= FIRST_ROWS:
        return rows
    lost = [row for row in rows if row.change == "lost"]
    gained = rows[len(lost) :]
    losses = lost[: max(FIRST_LOSSES, FIRST_ROWS - len(gained))]
    return [*losses, *gained[: FIRST_ROWS - len(losses)]]


def csv_row(row: ChatRow) -> tuple[str, ...]:
    """A chat for a spreadsheet."""
    at = datetime.fromtimestamp(row.ended_at_ms / 1000, UTC).isoformat(timespec="seconds")
    ids = (row.chat_id, row.thread_id)
    return row.change, row.tag, *ids, at, row.keyword, row.note, ", ".join(row.before)


def diff(name: str, before: bytes, after: bytes) -> str:
    """What changes in a file, as `git diff` shows it, to be applied with `patch -p1` or `git apply`."""
    old, new = (_LINE.findall(content.decode("utf-8", "replace")) for content in (before, after))
    source, target = (f"a/{name}" if before else "/dev/null"), (f"b/{name}" if after else "/dev/null")
    lines = unified_diff(old, new, source, target)
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_END}\n" for line in lines)
