"""What the commands over the past share: where chats come from, and going through them with a bar and Ctrl-C."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import wraps
from typing import Any, BinaryIO, Final

import click

from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from ingest.runtime.settings import load
from tagger.commands.on_kafka import on_kafka
from tagger.commands.progress import Moved, bar
from tagger.commands.setup import credentials_of
from tagger.commands.transcript import printable
from tagger.core.records.decision import rfc3339
from tagger.core.records.missed import instant_ms
from tagger.core.review.past_chat import PastChat
from tagger.history.archive import ArchiveHistory, Cost, DeclinedError
from tagger.history.chats_file import FileHistory
from tagger.history.counts import Counts
from tagger.history.ledger import Ledger
from tagger.history.topic import TopicHistory, fill
from tagger.livechat.client import Client
from tagger.settings import ArchiveSettings, RunSettings, TopicSettings

DEFAULT_SINCE: Final = "7d"
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}

Take = Callable[[PastChat], None]


@dataclass(frozen=True, slots=True)
class Since:
    """From when on, as a person gave it."""

    text: str  # 7d, or RFC 3339
    ms: int

    def __str__(self) -> str:
        """Say it after a number of chats: `of 7 days`, `since 2026-11-01T00:00:00.000Z`."""
        number, unit = self.text[:-1], _UNITS.get(self.text[-1:])
        if unit is None or not number.isdigit():
            return f"since {rfc3339(self.ms)}"
        return f"of {int(number):,} {unit}{'' if int(number) == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which chats a person asked for."""

    file: BinaryIO | None
    archive: bool
    since: Since | None  # None: all of a file
    organization: str | None
    yes: bool

    def __str__(self) -> str:
        """Say it after a number of chats: `of 7 days`; nothing for a whole file."""
        return "" if self.since is None else str(self.since)


def _since(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Since | None:
    if value is None:
        return None
    at = instant_ms(value, now_ms())
    if at is None:
        raise click.BadParameter(f"{value} is neither an age (90s, 30m, 2h, 7d) nor an RFC 3339 time")
    return Since(value, at)


def since_option(default: str | None = DEFAULT_SINCE) -> Callable[..., Any]:
    """`--since`: an age or a time, as Since."""
    return click.option(
        "--since",
        metavar="TIME",
        default=default,
        show_default=default is not None,
        callback=_since,
        help="Only chats that ended since: an age (30m, 2h, 7d) or an RFC 3339 time.",
    )


def history_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which chats, and pass them on as `asked`."""

    @wraps(function)
    def with_asked(*given: Any, **options: Any) -> Any:
        chats, archive, topic = (options.pop(name) for name in ("chats", "archive", "topic"))
        since, organization, yes = (options.pop(name) for name in ("since", "organization", "yes"))
        if sum((chats is not None, archive, topic)) > 1:
            raise click.UsageError("Give one of --topic, --file and --archive.")
        if since is None and chats is None:
            since = Since(DEFAULT_SINCE, instant_ms(DEFAULT_SINCE, now_ms()) or 0)
        return function(*given, asked=Asked(chats, archive, since, organization, yes), **options)

    for option in (
        click.option("--yes", is_flag=True, help="With --archive: do not ask before spending API calls."),
        click.option("--organization", metavar="ID", help="With --archive: only chats of this organization."),
        since_option(None),
        click.option("--archive", is_flag=True, help="Read chats from LiveChat's archive; costs API calls."),
        click.option(
            "--file",
            "chats",
            metavar="CHATS",
            type=click.File("rb"),
            help="Read chats from a file: as get_chat returns them, one a line.",
        ),
        click.option(
            "--topic",
            is_flag=True,
            help="Read chats from Kafka: of the last 7 days, or --since. The default.",
        ),
    ):
        option(with_asked)
    return with_asked


def read_history(asked: Asked, take: Take, *, joined: bool = True) -> Counts:
    """Hand over each chat that was asked for; exit 2 if they cannot be read, or the cost is declined.

    After Ctrl-C, what was handed over so far counts, and `stopped` is set. `joined`: chats of Kafka and the archive
    come with our decisions on them, which are read first. Those of a file come without; see `read_file_joined`.
    """
    if asked.file is not None:
        configure_logs("warning", "console")
        with bar("reading chats") as moved:
            return asyncio.run(_each(_of_file(asked, None, moved), take))
    assert asked.since is not None, "only a file is read as a whole"
    if asked.archive:
        return _of_archive(asked, asked.since.ms, take, joined=joined)
    settings = load(TopicSettings)
    return on_kafka(settings, _of_topic(settings, asked.since.ms, take, joined=joined))


def read_file_joined(asked: Asked, take: Take) -> Counts:
    """As `read_history` of a file, with our decisions on its chats, as far back as Kafka has them."""
    settings = load(TopicSettings)

    async def read() -> Counts:
        ledger = await filled(settings, 0)
        try:
            with bar("reading chats") as moved:
                return await _each(_of_file(asked, ledger, moved), take)
        finally:
            ledger.close()

    return on_kafka(settings, read())


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
        ledger = await filled(settings, since_ms) if joined else None
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
            return await _each(history, take)
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
