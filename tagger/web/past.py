"""What the page knows of the past: the ledger, and where it comes from."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import structlog
from aiohttp import web

from tagger.history.filling import Filling
from tagger.history.kept_ledger import AskingTooLongError, KeptLedger
from tagger.history.ledger_view import LedgerView
from tagger.history.stored_sets import StoredSets
from tagger.kafka.reader import TopicMissingError
from tagger.web.strip import Fact, Notice
from tagger.web.times import DAY_MS, clock, moment

T = TypeVar("T")

log = structlog.get_logger()


class Topics(NamedTuple):
    """The topics that are read, and how."""

    options: Callable[[], Mapping[str, Any]]  # makes the keyword arguments of an aiokafka client
    webhooks: str


class Past(NamedTuple):
    """The ledger with what fills it."""

    ledger: KeptLedger
    filling: Filling
    topics: Topics
    sets: StoredSets

    async def answered(self, question: Callable[[LedgerView], T]) -> T:
        """Return the ledger's answer; raises the HTTP error where it has none."""
        try:
            return await self.ledger.ask(question)
        except (AskingTooLongError, sqlite3.Error) as error:
            log.error("ledger_not_answered", error_type=type(error).__name__)
            raise web.HTTPServiceUnavailable from None


def past_facts(past: Past, now: int) -> Iterator[Fact | Notice]:
    """Yield for the strip what is not as it should be with the decisions that the page knows."""
    filling = past.filling
    if filling.trouble is not None:
        as_of = f" What is shown of chats is as of {clock(filling.seen_ms)}." if filling.seen_ms else ""
        yield Notice(
            "warn",
            "Decisions do not come in.",
            f"{trouble_of(filling)}{as_of} It is tried again every 10 seconds.",
        )
    elif filling.progress is not None and filling.progress.total:
        done, total = filling.progress
        yield Fact("warn", f"Reading decisions: {100 * done // total} %")
    if filling.recreated_ms is not None and now - filling.recreated_ms < DAY_MS:
        text = f"What is shown of the time before {moment(filling.recreated_ms)} was read from the old one."
        yield Notice("warn", f"The topic {filling.topic} was recreated.", text)
    if filling.lost == 1:
        yield Notice("warn", "1 decision is not known here.", "Kafka deleted it before this page read it.")
    elif filling.lost:
        lead = f"{filling.lost:,} decisions are not known here."
        yield Notice("warn", lead, "Kafka deleted them before this page read them.")


def trouble_of(filling: Filling) -> str:
    """Why decisions do not come in, as a sentence."""
    match filling.trouble:
        case TopicMissingError():
            return f"Kafka has no topic {filling.topic}."
        case sqlite3.OperationalError() as error:
            return f"The ledger cannot be written: {error}."
        case sqlite3.Error() as error:
            return f"The ledger is damaged ({error}): stop `tagger web` and delete it. It is read from Kafka again."
        case _:
            since = f" since {clock(filling.seen_ms)}" if filling.seen_ms else ""
            return f"Kafka has not answered{since}."
