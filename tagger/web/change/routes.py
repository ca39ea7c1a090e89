"""The addresses of "Change". A draft comes by POST; a trial has an address of its own until it is forgotten."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.web import data
from tagger.web.change.checked import Checked, check
from tagger.web.change.opening import Desk
from tagger.web.change.part import NEW_RULE, Part
from tagger.web.change.pasted import Pasted, as_rules, is_list
from tagger.web.change.question import NEW_FILE, Draft, problem_of, read
from tagger.web.change.screen import CSV_HEADER, Screen, context, csv_row, diff, first_rows, screen
from tagger.web.change.trials import Trial, Trials
from tagger.web.form import fields_of
from tagger.web.frame import PAGE, Page, shown
from tagger.web.refusals import Busy
from tagger.web.source import file_name
from tagger.web.times import DAY_MS

TRIALS: Final = web.AppKey("trials", Trials)
FULL: Final = "Other changes are being tried. Try again in a minute: this one stays as it is."
GONE: Final = "It was forgotten, because it is old or the page was started again. Try the change once more."

routes = web.RouteTableDef()


@routes.get("/change")
async def opening(request: web.Request) -> web.Response:
    """A rule, a file, or an empty one: `?file=billing.yaml&rule=refund`, or `&line=27`."""
    page, query = request.config_dict[PAGE], request.query
    desk, line = desk_of(page), query.get("line", "")
    number = int(line) if line.isascii() and line.isdecimal() and len(line) < 9 else 0
    draft = desk.chosen(query.get("file", ""), query.get("rule") or None, number)
    return drawn(request, await page.computed(partial(_opened, draft, desk)), desk)


@routes.post("/change")
async def trying(request: web.Request) -> web.Response:
    """Check a draft; without errors, try it and lead on to the trial."""
    draft = read(await fields_of(request))
    desk = desk_of(request.config_dict[PAGE])
    found, note = await examined(request, draft, desk)
    if found.problem or found.checked is None or found.checked.errors:
        return drawn(request, found, desk)
    trials = request.config_dict[TRIALS]
    trials.cancel(draft.trial)
    asked = asked_of(request.config_dict[PAGE], found.checked, draft.days)
    trial = trials.start(found.draft, found.checked.tests, note, asked)
    if trial is None:
        return drawn(request, replace(found, problem=FULL), desk, status=503)
    raise web.HTTPSeeOther(f"/change/{trial.id}#result")


@routes.post("/parts/change")
async def part(request: web.Request) -> web.Response:
    """What changes of the screen while somebody types."""
    page, draft = request.config_dict[PAGE], read(await fields_of(request))
    desk = desk_of(page)
    if problem_of(draft, desk.names()) is None and is_list(draft.text):
        found = await page.computed(partial(plain, draft, desk))
    else:
        found, _ = await examined(request, draft, desk)
    return drawn(request, found, desk, template="change_parts.html")


@routes.post("/change/fix")
async def fixing(request: web.Request) -> web.Response:
    """The draft with every cure that is certain."""
    draft = read(await fields_of(request))
    desk = desk_of(request.config_dict[PAGE])
    found, _ = await examined(request, draft, desk)
    cured = found.checked.cured if found.checked else None
    if cured is not None:
        found, _ = await examined(request, replace(found.draft, text=cured), desk)
    return drawn(request, found, desk)


@routes.post("/change/file")
async def as_file(request: web.Request) -> web.Response:
    """The whole file, to be saved."""
    return await _taken(request, as_diff=False)


@routes.post("/change/diff")
async def as_diff(request: web.Request) -> web.Response:
    """What differs from the file in force, to be saved."""
    return await _taken(request, as_diff=True)


async def _taken(request: web.Request, *, as_diff: bool) -> web.Response:
    page = request.config_dict[PAGE]
    draft, desk = read(await fields_of(request)), desk_of(page)
    found, _ = await examined(request, draft, desk)
    if found.problem or found.checked is None or found.checked.errors:
        return drawn(request, found, desk)
    path, name = page.keywords.path_of(draft.called), draft.called
    after = found.checked.files.get(path, b"")
    if not as_diff:
        return data.attachment(after, name, "application/yaml")
    text = diff(name, page.keywords.files.get(path, b""), after)
    return data.attachment(text.encode(), f"{name.rpartition('.')[0]}.diff", "text/x-diff")


@routes.get(r"/change/{trial:[\w-]{16}}")
async def trial_page(request: web.Request) -> web.Response:
    """A trial: how far it is, or what came of it; `?all=1` lists every chat."""
    return await _trial(request, "change.html")


@routes.get(r"/parts/change/{trial:[\w-]{16}}")
async def trial_part(request: web.Request) -> web.Response:
    """What changes of that screen while it runs."""
    return await _trial(request, "change_parts.html")


@routes.post(r"/change/{trial:[\w-]{16}}/cancel")
async def cancelling(request: web.Request) -> web.Response:
    """End a trial."""
    request.config_dict[TRIALS].cancel(request.match_info["trial"])
    raise web.HTTPSeeOther(f"/change/{request.match_info['trial']}")


@routes.get(r"/change/{trial:[\w-]{16}}.json")
async def trial_json(request: web.Request) -> web.Response:
    """What came of a trial, for programs."""
    trial = _of(request)
    if trial is None or trial.outcome is None:
        raise web.HTTPNotFound
    return data.as_json(trial.outcome)


@routes.get(r"/change/{trial:[\w-]{16}}.csv")
async def trial_csv(request: web.Request) -> web.Response:
    """The chats that change, for a spreadsheet."""
    trial = _of(request)
    if trial is None or trial.outcome is None:
        raise web.HTTPNotFound
    return data.as_csv("chats-that-change.csv", CSV_HEADER, map(csv_row, trial.outcome.rows))


def _of(request: web.Request) -> Trial | None:
    return request.config_dict[TRIALS].get(request.match_info["trial"])


async def _trial(request: web.Request, template: str) -> web.Response:
    page, trial = request.config_dict[PAGE], _of(request)
    desk = desk_of(page)
    if trial is None:
        gone = {"title": "This trial is no longer there", "text": GONE}
        return shown(request, "problem.html", gone, status=404)
    found = await page.computed(partial(plain, trial.draft, desk))
    around: dict[str, Any] = {"trial": trial, "outcome": trial.outcome, "note": trial.note}
    if trial.outcome is not None:
        around["rows"] = first_rows(trial.outcome, everything="all" in request.query)
    return drawn(request, found, desk, template=template, around=around)


def desk_of(page: Page) -> Desk:
    """The files that can be edited."""
    keywords = page.keywords
    named = [{file_name(path): files[path] for path in files} for files in (keywords.files, keywords.refused)]
    return Desk(named[0], named[1], keywords.decider.rules if keywords.decider else ())


def plain(draft: Draft, desk: Desk) -> Screen:
    """A draft that is not checked; CPU only, like all that draws one: very different texts take a while to compare."""
    return screen(draft, desk.part(draft))


def _opened(draft: Draft, desk: Desk) -> Screen:
    part = desk.part(draft)
    return screen(replace(draft, text=part.text), part)


async def examined(request: web.Request, draft: Draft, desk: Desk) -> tuple[Screen, str]:
    """A draft, checked, with a list in it made rules; and a sentence on what became of the list, or ""."""
    page, edited, note = request.config_dict[PAGE], desk.part(draft), ""
    if problem := problem_of(draft, desk.names()):
        return screen(draft, edited, problem=problem), ""
    try:
        if (draft.file == NEW_FILE or draft.rule == NEW_RULE) and is_list(draft.text):
            made = await page.computed(partial(_listed, draft, edited, desk))
            if not isinstance(made, Pasted):
                return screen(draft, edited, problem=made), ""
            draft, note = replace(draft, text=made.text), str(made)
        return await page.computed(partial(_examined, page, draft, edited)), note
    except Busy as busy:  # who typed the text keeps it
        return screen(draft, edited, problem=busy.why), note


def _examined(page: Page, draft: Draft, edited: Part) -> Screen:
    return screen(draft, edited, _checked(page, draft, edited))


def _listed(draft: Draft, edited: Part, desk: Desk) -> Pasted | str:
    indent = edited.section.indent if edited.section else None
    return as_rules(draft.text, draft.tag, indent, {rule.id for rule in desk.rules})


def _checked(page: Page, draft: Draft, edited: Part) -> Checked:
    keywords, today = page.keywords, datetime.fromtimestamp(now_ms() / 1000, UTC).date()
    path = keywords.path_of(draft.called)
    return check(keywords.files, path, edited, draft.text, today, keywords.placeholder)


def asked_of(page: Page, checked: Checked, days: int) -> dict[str, Any]:
    """What a trial's process is told."""
    return {
        "old": _texts(page.keywords.files),
        "new": _texts(checked.files),
        "placeholder": page.keywords.placeholder,
        "since_ms": now_ms() - days * DAY_MS,
    }


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: content.decode() for name, content in files.items()}


def drawn(  # noqa: PLR0913 - a screen, and how it is drawn
    request: web.Request,
    found: Screen,
    desk: Desk,
    *,
    template: str = "change.html",
    status: int = 200,
    around: Mapping[str, Any] | None = None,
) -> web.Response:
    """A template of this screen."""
    return shown(request, template, context(found, desk) | dict(around or {}), status=status)
