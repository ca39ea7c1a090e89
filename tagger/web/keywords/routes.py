"""The addresses of "Keywords"."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from aiohttp import web

from ingest.runtime.advice import kafka_failed
from ingest.runtime.clock import now_ms
from tagger.core.matching.decide import Decider
from tagger.core.review.daily import Day, added_up
from tagger.core.rules.model import RuleSet
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.web import data
from tagger.web.frame import PAGE, Page, shown
from tagger.web.in_force import NOTHING_IN_FORCE
from tagger.web.keywords import data as table
from tagger.web.keywords.ages import Ages
from tagger.web.keywords.asked import DAYS, SORTS, Asked, read
from tagger.web.keywords.counting import COUNTING, Counted, Counting
from tagger.web.keywords.screen import screen
from tagger.web.keywords.tests import tests_of
from tagger.web.past import trouble_of
from tagger.web.refusals import Unanswered, Unknown
from tagger.web.times import DAY_MS, moment

SETS_LISTED_MAX: Final = 30
NO_SUCH_SET: Final = (
    "This set is not on the topic of keyword sets any more, or it cannot be read by this version."
)

T = TypeVar("T")

routes = web.RouteTableDef()


@routes.get("/keywords")
async def keywords(request: web.Request) -> web.Response:
    """The screen."""
    asked = read(request.query)
    counted = await _counted(request, asked)
    page, now = request.config_dict[PAGE], now_ms()
    work = partial(screen, counted.rules, dict(counted.days), counted.ages or Ages(), asked, now)
    found = await page.computed(work)
    rule, tests = next((rule for rule in counted.rules.rules if rule.id == asked.rule), None), None
    if rule is not None:
        decider = await _decider(page, counted.rules)
        tests = await page.computed(partial(tests_of, decider, rule))
    context: dict[str, Any] = {
        "asked": asked,
        "screen": found,
        "counted": counted,
        "tests": tests,
        "periods": DAYS,
        "sorts": SORTS,
        "sets": _sets(request.config_dict[COUNTING], page),
        "now": now,
        "filling": page.past.filling,
        "trouble": trouble_of(page.past.filling) if page.past.filling.trouble is not None else "",
    }
    return shown(request, "keywords.html", context)


@routes.get("/keywords.json")
async def as_json(request: web.Request) -> web.Response:
    """The table, for programs."""
    return data.as_json(await _table(request, table.as_json))


@routes.get("/keywords.csv")
async def as_csv(request: web.Request) -> web.Response:
    """The table, for a spreadsheet."""
    rows = await _table(request, lambda *made_of: list(table.rows(*made_of)))
    return data.as_csv("keywords.csv", table.HEADER, rows)


async def _table(request: web.Request, made: Callable[[RuleSet, Day, Ages], T]) -> T:
    """What is made of all that is counted; a large set takes a while."""
    asked = read(request.query)
    counted = await _counted(request, asked)
    ages = counted.ages or Ages()
    return await request.config_dict[PAGE].computed(lambda: made(counted.rules, _total(counted, asked), ages))


async def _counted(request: web.Request, asked: Asked) -> Counted:
    """What is counted by the set that is asked for."""
    page, counting = request.config_dict[PAGE], request.config_dict[COUNTING]
    current = page.keywords.rules
    if not asked.set or (current and asked.set == current.hash):
        if current is None:
            raise Unknown(NOTHING_IN_FORCE)
        return counting.of(current)
    if (known := counting.known(asked.set)) is not None:
        return counting.of(known.rules)
    try:
        stored = await page.past.sets.get(asked.set)
    except TopicMissingError as error:
        raise Unanswered(f"Kafka has no topic {error}, on which keyword sets of the past are kept.") from None
    except NO_KAFKA as error:
        raise Unanswered(f"Sets of the past are on Kafka. {kafka_failed(error)}.") from None
    if isinstance(stored, str):
        raise Unknown(NO_SUCH_SET)
    return counting.of(stored.rules)


async def _decider(page: Page, rules: RuleSet) -> Decider:
    current = page.keywords.decider
    if current is not None and current.hash == rules.hash:
        return current
    return await page.computed(partial(Decider.compile, rules, page.keywords.placeholder))


def _total(counted: Counted, asked: Asked) -> Day:
    first = now_ms() // DAY_MS - asked.days + 1
    return added_up(day for number, day in dict(counted.days).items() if number >= first)


def _sets(counting: Counting, page: Page) -> list[tuple[str, str]]:
    """Sets to choose from: the one in force, and those of the past."""
    current = page.keywords.decider
    listed = [("", "in force")]
    for name, in_force_ms in counting.sets[:SETS_LISTED_MAX]:
        if current is None or name != current.hash:
            listed.append((name, f"of {moment(in_force_ms)}"))
    return listed
