"""Counts what rules and keywords did, in the background: a day that is over once, the day that goes on as it goes.

Nobody who opens the page waits for it: they get what is counted, and how far it is.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.core.review.daily import Day, added_up, day_of
from tagger.core.rules.model import Rule, RuleSet
from tagger.history.kept_ledger import AskingTooLongError
from tagger.history.ledger_view import LedgerView
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.web.keywords.ages import Ages, Aging
from tagger.web.past import Past
from tagger.web.times import DAY_MS

DAYS_MAX: Final = 90  # counted; of each some kilobytes, for the keywords that were said on it
PAUSE_S: Final = 2.0  # between two looks at what changed
SETS_EVERY_S: Final = 300.0  # between two looks at the sets of the past, unless there is another one in force
SETS_RETRY_S: Final = 5.0
SETS_MAX: Final = 100  # of the past that are looked at: years of changes; each may have to be parsed
PIECES: Final = (
    24  # of a day, each a question of its own: of a million chats a month each takes below a second
)
COUNTED_SETS_MAX: Final = 3  # sets of the past that are counted, too, because somebody asked for them

log = structlog.get_logger()


@dataclass(slots=True)
class Counted:
    """What a set's rules did."""

    rules: RuleSet
    days: dict[int, Day] = field(default_factory=dict)  # by days since 1970
    versions: dict[int, int] = field(default_factory=dict)  # of what was counted, see `LedgerView.days`
    to_do: int | None = None  # days that are still to be counted; None: unknown
    ages: Ages | None = None  # None: the sets of the past are not known

    @property
    def is_whole(self) -> bool:
        """Whether every day has been counted."""
        return self.to_do == 0


class Counting:
    """Counts by the set in force, and by sets of the past that somebody asks for."""

    def __init__(self, past: Past, in_force: Callable[[], RuleSet | None]) -> None:
        """`in_force` tells the set that is in force now."""
        self._past, self._in_force = past, in_force
        self._counted: dict[str, Counted] = {}  # by hash
        # Sets that were in force, newest first: hash, and since when (ms).
        self.sets: tuple[tuple[str, int], ...] = ()
        self._asked: dict[str, RuleSet] = {}  # sets of the past that are counted, too; last asked last
        self._poked = asyncio.Event()

    def of(self, rules: RuleSet) -> Counted:
        """What is counted by a set so far; from now on it is, if it is none in force."""
        if (found := self._counted.get(rules.hash)) is None:
            found = self._counted[rules.hash] = Counted(rules)
            self._poked.set()
        current = self._in_force()
        if current is None or current.hash != rules.hash:
            self._asked.pop(rules.hash, None)
            self._asked[rules.hash] = rules
            for name in list(self._asked)[:-COUNTED_SETS_MAX]:
                del self._asked[name]
        return found

    def known(self, name: str) -> Counted | None:
        """What is counted by the set with this hash, if it is."""
        return self._counted.get(name)

    async def run(self) -> None:
        """Count, indefinitely."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_all())
            tasks.create_task(self._watch_sets())

    async def _count_all(self) -> None:
        while True:
            for counted in self._wanted():
                await self._count(counted)
            await self._pause()

    def _wanted(self) -> list[Counted]:
        """What is to be counted by; nothing else is kept."""
        current = self._in_force()
        wanted = [*([current] if current else []), *self._asked.values()]
        self._counted = {rules.hash: self._counted.get(rules.hash) or Counted(rules) for rules in wanted}
        return list(self._counted.values())

    async def _watch_sets(self) -> None:
        """Follow the sets of the past: soon where another one comes into force, which the tagger stores when it reads it,
        a moment before or after this page does; then less and less often."""
        loop = asyncio.get_running_loop()
        look_at_s, wait_s = loop.time(), SETS_RETRY_S
        while True:
            if any(each.ages is None for each in self._wanted()):
                look_at_s, wait_s = loop.time(), SETS_RETRY_S
            if loop.time() >= look_at_s:
                is_read = await self._look_at_sets()
                is_known = all(each.ages and each.ages.since_ms for each in self._counted.values())
                wait_s = SETS_EVERY_S if is_known else min(2 * wait_s, SETS_EVERY_S)
                look_at_s = loop.time() + (wait_s if is_read else SETS_RETRY_S)
            await asyncio.sleep(SETS_RETRY_S)

    async def _pause(self) -> None:
        self._poked.clear()
        await asyncio.sleep(PAUSE_S)
        changes = (self._past.filling.changed(), self._poked.wait())
        waits = [asyncio.ensure_future(each) for each in changes]
        try:
            # The set in force may be another one, too, of which nobody tells.
            await asyncio.wait(waits, timeout=PAUSE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _count(self, counted: Counted) -> None:
        today = now_ms() // DAY_MS
        first = today - DAYS_MAX + 1
        try:
            versions = await self._past.ledger.ask(partial(LedgerView.days, since_ms=first * DAY_MS))
            changed = [
                day for day in sorted(versions, reverse=True) if versions[day] != counted.versions.get(day)
            ]
            for done, day in enumerate(changed):
                counted.to_do = len(changed) - done if not counted.is_whole else 0
                counted.days[day] = await self._day(day, counted.rules.rules)
                counted.versions[day] = versions[day]
        except (AskingTooLongError, sqlite3.Error) as error:
            log.warning("keywords_not_counted", error_type=type(error).__name__)
            return
        for day in set(counted.days) - versions.keys():
            del counted.days[day], counted.versions[day]
        counted.to_do = 0

    async def _day(self, day: int, rules: tuple[Rule, ...]) -> Day:

        step = DAY_MS // PIECES
        pieces = []
        for start in range(day * DAY_MS, (day + 1) * DAY_MS, step):
            pieces.append(await self._past.ledger.ask(partial(_piece, rules, start, start + step)))
        return added_up(pieces)

    async def _look_at_sets(self) -> bool:
        """Whether they can be read."""
        try:
            names = (await self._past.sets.read())[:SETS_MAX]
            times = self._past.sets.times()
            self.sets = tuple((name, times[name]) for name in names if name in times)
            for counted in list(self._counted.values()):
                counted.ages = await self._ages(counted.rules)
        except (*NO_KAFKA, TopicMissingError) as error:
            log.info("keyword_sets_not_read", error_type=type(error).__name__)
            return False
        return True

    async def _ages(self, rules: RuleSet) -> Ages:
        aging = Aging(rules)
        for name, in_force_ms in self.sets:
            stored = await self._past.sets.get(name)
            if not isinstance(stored, str) and not await asyncio.to_thread(
                aging.take, in_force_ms, stored.rules
            ):
                break
        return aging.ages()


COUNTING: Final = web.AppKey("counting", Counting)


def _piece(rules: tuple[Rule, ...], since_ms: int, until_ms: int, view: LedgerView) -> Day:
    return day_of(rules, view.ended_between(since_ms, until_ms))
