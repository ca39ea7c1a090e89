"""A chat for programs: as JSON in the shape of `tagger decisions show`, and what was found as CSV. Pure.

Never what was said.
"""

from typing import Any, Final

from tagger.core.records.decision import reasons_json, rfc3339
from tagger.core.review.past_chat import PastChat
from tagger.web.chat.told import FoundRow, Today

COLUMNS: Final = ("tag", "keyword", "said_in", "rule", "file", "line", "decided")


def as_json(chat: PastChat, today: Today | None) -> dict[str, Any]:
    """What was decided on a thread, what people corrected, and what would be decided today (null: not known)."""
    changes = today.changes if today else ()
    return {
        **chat.thread._asdict(),
        "ended_at": rfc3339(chat.ended_at_ms),
        "decisions": [
            {
                "tags": made.tags,
                "because": reasons_json(made.because),
                "outcome": made.outcome,
                "config": made.config,
                "messages": made.messages,
                "settled_at": rfc3339(made.settled_at_ms),
            }
            for made in chat.decisions
        ],
        "corrections": [
            {"tag": one.tag, "change": one.change, "at": rfc3339(one.at_ms)} for one in chat.corrections
        ],
        "today": today
        and {
            "tags": today.decision.tags,
            "because": reasons_json(today.decision.because),
            "config": today.decision.config,
        },
        "gained": [change.tag for change in changes if change.change == "gained"],
        "lost": [change.tag for change in changes if change.change == "lost"],
        "why": {change.tag: change.why for change in changes},
    }


def csv_row(row: FoundRow) -> tuple[str | int, ...]:
    """A line for a match."""
    where = row.source or ("", "")
    return (row.tag, row.keyword, row.said_in, row.rule, *where, row.decided)
