"""Chats as a page shows them: asked of the ledger, each question bounded by what it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, get_args

from tagger.history.ledger_view import Decided, LedgerView, Page
from tagger.history.wanted import Wanted
from tagger.web.chats.asked import SINCES, Asked, Which
from tagger.web.chats.rows import OUTCOMES, Row, by_day, row

ROWS: Final = 50  # of a page
LOOKED_AT: Final = 10_000  # decisions that one question looks at: some 20 ms
TABS: Final = {
    "untagged": "No tag",
    "all": "All",
    "tagged": "Tagged",
    "corrected": "Corrected",
    "unset": "Not set",
}


class Tab(NamedTuple):
    """One of the lists, and how many chats the other filters leave in it."""

    name: str
    href: str
    chats: str
    is_here: bool


class Way(NamedTuple):
    """A link out of an empty list."""

    words: str
    href: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What is shown of a list."""

    asked: Asked
    tabs: tuple[Tab, ...]
    days: tuple[tuple[str, list[Row]], ...]
    place: str  # "1 to 50 of 470, newest first"
    newer: str  # addresses; "": there is nothing
    older: str
    looked_through: int  # of a list with few rows: what was looked at; 0: all
    last_id: int  # what comes has a greater one
    tags: tuple[str, ...]  # to choose from
    rules: tuple[str, ...]
    outcomes: tuple[tuple[str, str], ...]
    organizations: tuple[str, ...]
    is_empty: bool  # the ledger as a whole
    ways: tuple[Way, ...]


def counted(count: int) -> str:
    """A count that may have stopped."""
    return f"over {count:,}" if count >= LOOKED_AT else f"{count:,}"


def decisions(view: LedgerView, asked: Asked, now_ms: int, limit: int) -> tuple[Asked, Page]:
    """The decisions that are asked for. Ahead of a key there may be fewer than a page: then it is the first one."""
    wanted = asked.wanted(now_ms)
    page = view.look(wanted, limit, before=asked.before, after=asked.after, examined=LOOKED_AT)
    if asked.after is not None and len(page.rows) < limit:
        asked = replace(asked, after=None)
        page = view.look(wanted, limit, examined=LOOKED_AT)
    return asked, page


def listed(view: LedgerView, asked: Asked, now_ms: int) -> Listed:
    """A page of the list."""
    last_id = view.last_id()
    # Ahead of a key the nearest ones are taken, so there an extra one would be at the wrong end.
    asked, page = decisions(view, asked, now_ms, ROWS if asked.after else ROWS + 1)
    has_more = bool(asked.after) or len(page.rows) > ROWS
    rows = page.rows[:ROWS]
    organizations = view.names("organization")
    shown = shown_rows(view, rows, now_ms, names_organization=len(organizations) > 1)
    tabs, total = _tabs(view, asked, now_ms)
    older = ""
    if rows and has_more:
        older = asked.href(before=rows[-1].key)
    elif page.looked_to is not None:
        older = asked.href(before=page.looked_to)
    outcomes = view.names("outcome")
    return Listed(
        asked,
        tabs,
        tuple(by_day(shown)),
        _place(view, asked, rows, total, now_ms),
        "" if asked.is_first_page() or not rows else asked.href(after=rows[0].key),
        older,
        LOOKED_AT if page.looked_to is not None else 0,
        last_id,
        tuple(view.names("tag")),
        tuple(view.names("rule")),
        tuple(
            (name, OUTCOMES.get(name, name))
            for name in dict.fromkeys([*OUTCOMES, *outcomes])
            if name in outcomes
        ),
        tuple(organizations),
        last_id == 0,
        () if rows else _ways(view, asked, now_ms),
    )


def shown_rows(
    view: LedgerView, rows: Sequence[Decided], now_ms: int, *, names_organization: bool
) -> list[Row]:
    """Rows of the table."""
    return [row(each, view.called_for(each), now_ms, names_organization=names_organization) for each in rows]


def _tabs(view: LedgerView, asked: Asked, now_ms: int) -> tuple[tuple[Tab, ...], int]:
    """The lists with their counts, and the count of this one."""
    counts = dict.fromkeys(get_args(Which), 0)
    for which in counts.keys() - {"all"} - ({"untagged"} if asked.tag else set()):
        counts[which] = view.count(replace(asked, which=which).wanted(now_ms), LOOKED_AT)
    # Each decision called for a tag or for none, so both together are all of them.
    counts["all"] = min(counts["untagged"] + counts["tagged"], LOOKED_AT)
    tabs = tuple(
        Tab(TABS[which], asked.href(which=which), counted(counts[which]), which == asked.which)
        for which in get_args(Which)
    )
    return tabs, counts[asked.which]


def _place(view: LedgerView, asked: Asked, rows: Sequence[Decided], total: int, now_ms: int) -> str:
    if not rows:
        return ""
    ahead = 0
    if not asked.is_first_page():
        ahead = view.count(asked.wanted(now_ms), LOOKED_AT, after=rows[0].key)
    if ahead >= LOOKED_AT:
        return f"{len(rows):,} of {counted(total)}, newest first"
    return f"{ahead + 1:,} to {ahead + len(rows):,} of {counted(max(total, ahead + len(rows)))}, newest first"


def _ways(view: LedgerView, asked: Asked, now_ms: int) -> tuple[Way, ...]:
    """What would find chats: one filter less, or a longer time."""
    ways: list[tuple[str, Asked]] = [
        (f"Without the {name}", replace(asked, **{name: ""}, before=None, after=None))  # type: ignore[arg-type]
        for name in ("tag", "rule", "outcome", "organization")
        if getattr(asked, name)
    ]
    longer = [since for since in SINCES if (since.ms or 1 << 60) > (asked.since.ms or 1 << 60)]
    for since in longer if not asked.chat else ():
        words = f"In the last {since.words}" if since.words else "At any time"
        ways.append((words, replace(asked, since=since, before=None, after=None)))
    found = [(words, one, _count(view, one.wanted(now_ms))) for words, one in ways]
    return tuple(
        Way(f"{words}: {counted(count)} chat{'' if count == 1 else 's'}", one.href())
        for words, one, count in found
        if count
    )


def _count(view: LedgerView, wanted: Wanted) -> int:
    return view.count(wanted, LOOKED_AT)


def none_found(asked: Asked) -> str:
    """`No chat with the tag Refund in the last 24 hours`."""
    if asked.chat:
        return "No decision on a chat or thread of this id"
    kinds = {
        "untagged": "No chat without a tag",
        "all": "No chat",
        "tagged": "No tagged chat",
        "corrected": "No chat that people corrected",
        "unset": "No chat with tags that are not set",
    }
    named = [("tag", asked.tag), ("rule", asked.rule)]
    parts = [f"the {kind} {name}" for kind, name in named if name]
    if asked.outcome:
        parts.append(f"the outcome {OUTCOMES.get(asked.outcome, asked.outcome)}")
    if asked.organization:
        parts.append(f"the organization {asked.organization}")
    words = kinds[asked.which] + (f" with {' and '.join(parts)}" if parts else "")
    return words + (f" in the last {asked.since.words}" if asked.since.words else "")
