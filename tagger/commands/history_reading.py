"""What the commands over the past share: going through the chats that were asked for, with a bar and Ctrl-C."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

import click

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import load
from tagger.commands.history_options import Asked
from tagger.commands.on_kafka import on_kafka
from tagger.commands.progress import Moved, bar
from tagger.commands.setup import credentials_of
from tagger.commands.transcript import printable
from tagger.core.review.past_chat import PastChat
from tagger.history.archive import ArchiveHistory, Cost, DeclinedError
from tagger.history.chats_file import FileHistory
from tagger.history.counts import Counts
from tagger.history.ledger import Ledger
from tagger.history.topic import TopicHistory, fill
from tagger.history.wanted import Wanted
from tagger.livechat.client import Client
from tagger.settings import ArchiveSettings, RunSettings, TopicSettings

INTERRUPTED: Final = 130  # the shell's exit code for Ctrl-C

Take = Callable[[PastChat], None]


def read_history(asked: Asked, take: Take, *, joined: bool = True) -> Counts:
    """Hand over each chat that was asked for; exit 2 if they cannot be read, or the cost is declined.

    After Ctrl-C, what was handed over so far counts, and `stopped` is set; exit 130 if that is nothing. `joined`:
    chats of Kafka and the archive come with our decisions on them, which are read first. Those of a file come
    without; see `read_file_joined`.
    """
    if asked.file is not None:
        configure_logs("warning", "console")
        with bar("reading chats") as moved:
            return _some(asyncio.run(_each(_of_file(asked, None, moved), take)))
    assert asked.since is not None, "only a file is read as a whole"
    if asked.archive:
        return _some(_of_archive(asked, asked.since.ms, take, joined=joined))
    settings = load(TopicSettings)
    return _some(on_kafka(settings, _of_topic(settings, asked.since.ms, take, joined=joined)))


def read_decisions(asked: Asked, take: Take, *, partly: bool = True) -> Counts:
    """As `read_history` of Kafka, without what was said, so the webhooks are not read.

    `partly`: after Ctrl-C, chats may be handed over of which not all decisions and corrections are known.
    """
    settings, since = load(TopicSettings), asked.since
    assert since is not None, "only a file is read as a whole"
    counts = Counts(settings.kafka_decisions_topic, since.ms)
    ledger = on_kafka(settings, filled(settings, since.ms, counts=counts))
    try:
        if partly or not counts.stopped:
            for chat in ledger.chats(Wanted(since_ms=since.ms)):
                counts.chats += 1
                take(chat)
    except KeyboardInterrupt:
        counts.stopped = True
    finally:
        ledger.close()
    return _some(counts)


def _some(counts: Counts) -> Counts:
    if counts.stopped and not counts.chats:
        stop("Interrupted before a chat was read.", INTERRUPTED)
    return counts


def read_file_joined(asked: Asked, take: Take) -> Counts:
    """As `read_history` of a file, with our decisions on its chats, as far back as Kafka has them."""
    settings = load(TopicSettings)

    async def read() -> Counts:
        counts = Counts("")
        ledger = await filled(settings, 0, counts=counts)
        try:
            if counts.stopped:
                return counts
            with bar("reading chats") as moved:
                return await _each(_of_file(asked, ledger, moved), take)
        finally:
            ledger.close()

    return _some(on_kafka(settings, read()))


def _of_file(asked: Asked, ledger: Ledger | None, moved: Moved) -> FileHistory:
    assert asked.file is not None, "no file was named"
    name, since_ms = getattr(asked.file, "name", "input"), None if asked.since is None else asked.since.ms
    return FileHistory(asked.file, str(name), since_ms=since_ms, ledger=ledger, moved=moved)


async def filled(
    settings: TopicSettings | ArchiveSettings | RunSettings,
    since_ms: int,
    naming: str = "",
    counts: Counts | None = None,
) -> Ledger:
    """Return a ledger of the decisions since then, or of those that name an id; close it.

    With `counts`, Ctrl-C ends it with what was read until then, and sets `stopped`.
    """
    ledger = Ledger()
    try:
        with bar("reading decisions") as moved:
            await fill(
                ledger,
                settings.client_options(),
                settings.kafka_decisions_topic,
                since_ms=since_ms,
                naming=naming,
                moved=moved,
            )
    except asyncio.CancelledError:
        if counts is None:
            ledger.close()
            raise
        _stopped(counts)
    if unusable := ledger.unusable.total():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.unusable.most_common())
        say = (
            f"{unusable:,} records of {settings.kafka_decisions_topic} are neither decisions nor corrections"
        )
        click.echo(f"{say}: {reasons}.", err=True)
    if ledger.left_out:
        click.echo(f"{ledger.left_out:,} decisions are left out; choose a shorter time.", err=True)
    return ledger


async def _of_topic(settings: TopicSettings, since_ms: int, take: Take, *, joined: bool) -> Counts:
    options, topic = settings.client_options(), settings.kafka_webhooks_topic
    counts = Counts(topic, since_ms)
    ledger = await filled(settings, since_ms, counts=counts) if joined else Ledger()
    try:
        if counts.stopped:
            return counts  # chats without their decisions would say something else
        with bar("reading chats") as moved:
            return await _each(TopicHistory(options, topic, ledger, since_ms, moved=moved), take)
    finally:
        ledger.close()


def _of_archive(asked: Asked, since_ms: int, take: Take, *, joined: bool) -> Counts:
    settings = load(ArchiveSettings)
    who = credentials_of(settings)

    def agrees(cost: Cost) -> bool:
        click.echo(f"{cost}.", err=True)
        return asked.yes or click.confirm("Read them?", err=True)

    async def read(moved: Moved) -> Counts:
        counts = Counts("")
        ledger = await filled(settings, since_ms, counts=counts) if joined else None
        client = Client(who, settings.livechat_api_url)
        history = ArchiveHistory(
            client,
            who,
            since_ms,
            now_ms(),
            agrees,
            organization=asked.organization,
            ledger=ledger,
            moved=moved,
        )
        try:
            return counts if counts.stopped else await _each(history, take)
        finally:
            await client.close()
            if ledger is not None:
                ledger.close()

    try:
        with bar("reading chats") as moved:
            return on_kafka(settings, read(moved))
    except DeclinedError:
        stop("nothing was read")


async def _each(history: TopicHistory | FileHistory | ArchiveHistory, take: Take) -> Counts:
    """Hand over all chats, or those until Ctrl-C, for which asyncio cancels the task that runs."""
    try:
        async with aclosing(history.chats()) as chats:
            async for chat in chats:
                take(chat)
    except asyncio.CancelledError:
        _stopped(history.counts)
    return history.counts


def beside_data(counts: Counts, form: str) -> None:
    """Say on stderr, where the output is for programs, what text and Markdown say at their end."""
    if form in {"json", "csv"}:
        for note in counts.notes():
            click.echo(printable(note), err=True)


def _stopped(counts: Counts) -> None:
    """Go on after Ctrl-C with what there is."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
    counts.stopped = True
