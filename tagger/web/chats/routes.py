"""The addresses of Chats: the list, for people and for programs, and what comes in while somebody looks."""

from dataclasses import replace
from functools import partial
from typing import Final

import aiohttp_jinja2
from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.history.ledger_view import Decided, LedgerView
from tagger.web import data
from tagger.web.chats import tables
from tagger.web.chats.asked import SINCES, Asked, read
from tagger.web.chats.listed import decisions, listed, none_found, shown_rows
from tagger.web.chats.rows import Row, by_day
from tagger.web.frame import PAGE, shown
from tagger.web.past import trouble_of
from tagger.web.refusals import Wrong
from tagger.web.streams import last_of, stream

TABLE_ROWS: Final = 1_000  # for programs, with the address of the next ones
LIVE_ROWS: Final = 50  # of one event; beyond it a person rather opens the page again
LIVE_BEHIND_MAX: Final = 5_000  # decisions that a stream which is opened again may have missed
LIVE_ENDED_MS: Final = 3_600_000  # what is decided later than this after its end is not put on top
AGAIN_S: Final = 3  # an empty page asks again while the ledger is read after a start

routes = web.RouteTableDef()


@routes.get("/chats")
async def page_of(request: web.Request) -> web.Response:
    """The list, with filters."""
    page, asked = request.config_dict[PAGE], _asked(request)
    found = await page.past.answered(partial(listed, asked=asked, now_ms=now_ms()))
    filling, live = page.past.filling, ""
    if found.asked.is_first_page() and not found.asked.chat:
        live = found.asked.href("/live", last=found.last_id)
    context = {
        "list": found,
        "asked": found.asked,
        "sinces": SINCES,
        "none_found": none_found(found.asked),
        "trouble": trouble_of(filling) if filling.trouble is not None else "",
        "share": filling.share(),
        "live": live,
    }
    answer = shown(request, "chats.html", context)
    if found.is_empty and filling.progress is not None:
        answer.headers["Refresh"] = str(AGAIN_S)
    return answer


@routes.get("/chats.json")
async def as_data(request: web.Request) -> web.Response:
    """The list for programs."""
    rows, older = await _table(request, ".json")
    return _linked(data.as_json(tables.as_json(rows, older)), older)


@routes.get("/chats.csv")
async def as_table(request: web.Request) -> web.Response:
    """The list for spreadsheets."""
    rows, older = await _table(request, ".csv")
    return _linked(data.as_csv("chats.csv", tables.COLUMNS, map(tables.csv_row, rows)), older)


async def _table(request: web.Request, suffix: str) -> tuple[list[Decided], str]:
    """The rows, and the address of the next ones."""
    asked = _asked(request)
    question = partial(decisions, asked=asked, now_ms=now_ms(), limit=TABLE_ROWS)
    asked, found = await request.config_dict[PAGE].past.answered(question)
    last = found.rows[-1].key if len(found.rows) == TABLE_ROWS else found.looked_to
    return found.rows, asked.href(suffix, before=last) if last else ""


def _linked(answer: web.Response, older: str) -> web.Response:
    if older:
        answer.headers["Link"] = f'<{older}>; rel="next"'
    return answer


@routes.get("/chats/live")
async def live(request: web.Request) -> web.StreamResponse:
    """What comes into the list, as server-sent events with rows to put on top."""
    page, asked = request.config_dict[PAGE], _asked(request)
    last = last_of(request)
    if last is None:
        last = await page.past.answered(LedgerView.last_id)

    async def look(last: int) -> tuple[int, object | None]:
        now = now_ms()
        new_last, days = await page.past.answered(partial(_came, asked=asked, last=last, now=now))
        if days is None:
            return new_last, {"many": True}
        rows = sum(len(rows) for _, rows in days)
        html = aiohttp_jinja2.render_string("chats_rows.html", request, {"days": days, "new": True})
        return new_last, {"rows": html, "count": rows} if rows else None

    async with page.streams.one() as has_room:
        if not has_room:
            return web.Response(
                status=503, text="Too many windows are live.\n", headers={"Retry-After": "60"}
            )
        return await stream(request, last, look, page.past.filling.changed, page.streams.ended)


def _came(
    view: LedgerView, asked: Asked, last: int, now: int
) -> tuple[int, list[tuple[str, list[Row]]] | None]:
    """The last id, and the rows that came since by their days; None: too many."""
    newest = view.last_id()
    if newest - last > LIVE_BEHIND_MAX:
        return newest, None
    wanted = asked.wanted(now)
    since_ms = max(wanted.since_ms or 0, now - LIVE_ENDED_MS)
    rows = view.came_after(replace(wanted, since_ms=since_ms), last, LIVE_ROWS + 1)
    if len(rows) > LIVE_ROWS:
        return newest, None
    names_organization = len(view.names("organization")) > 1
    return newest, by_day(shown_rows(view, rows, now, names_organization=names_organization))


def _asked(request: web.Request) -> Asked:
    """The filters of the address."""
    asked = read(request.query)
    if isinstance(asked, str):
        raise Wrong(asked)
    return asked
