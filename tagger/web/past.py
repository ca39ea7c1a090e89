"""What the page knows of the past: the ledger, and where it comes from."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import structlog

from ingest.runtime.advice import kafka_failed
from tagger.history.filling import Filling
from tagger.history.kept_ledger import AskingTooLongError, KeptLedger
from tagger.history.ledger_view import LedgerView
from tagger.history.stored_sets import StoredSets
from tagger.kafka.reader import TopicMissingError
from tagger.web.refusals import Unanswered
from tagger.web.strip import Fact, Notice
from tagger.web.times import DAY_MS, clock, moment

SLOW: Final = "It takes too long to look through the decisions. Try again in a moment, or with fewer filters."

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
            is_slow = isinstance(error, AskingTooLongError)
            raise Unanswered(SLOW if is_slow else f"{ledger_failed(error)} Try again in a moment.") from None


def past_facts(past: Past, now: int) -> Iterator[Fact | Notice]:
    """Yield for the strip what is not as it should be with the decisions that the page knows."""
    filling = past.filling
    if filling.trouble is not None:
        as_of = f" Chats are shown as of {clock(filling.seen_ms)}." if filling.seen_ms else ""
        yield Notice(
            "warn",
            "No decisions are coming in.",
            f"{trouble_of(filling)}{as_of} The page tries again every 10 seconds.",
        )
    elif filling.progress is not None and filling.progress.total:
        done, total = filling.progress
        yield Fact("warn", f"Reading decisions: {100 * done // total} %")
    if filling.recreated_ms is not None and now - filling.recreated_ms < DAY_MS:
        text = f"Decisions from before {moment(filling.recreated_ms)} were read from the old one."
        yield Notice("warn", f"The topic {filling.topic} was recreated.", text)
    if filling.lost == 1:
        yield Notice("warn", "1 decision is missing.", "Kafka deleted it before this page read it.")
    elif filling.lost:
        lead = f"{filling.lost:,} decisions are missing."
        yield Notice("warn", lead, "Kafka deleted them before this page read them.")


def trouble_of(filling: Filling) -> str:
    """Why no decisions are coming in, as a sentence."""
    match filling.trouble:
        case TopicMissingError():
            return f"Kafka has no topic {filling.topic}."
        case sqlite3.Error() as error:
            return ledger_failed(error)
        case error if filling.seen_ms and "Authorization" not in type(error).__name__:
            return f"Kafka has not answered since {clock(filling.seen_ms)}."
        case error:  # the settings may be wrong, or a permission is missing
            return f"{kafka_failed(error or TimeoutError())}."


def ledger_failed(error: Exception) -> str:
    """What is wrong with the ledger, as a sentence."""
    if (
        type(error) is sqlite3.DatabaseError
    ):  # its file is malformed, or no ledger; the classes below it mean others
        return (
            f"The ledger is damaged ({error}): stop `tagger web` and empty the folder WEB_DATA. "
            "It is read from Kafka again."
        )
    return f"The ledger cannot be used: {error}."
