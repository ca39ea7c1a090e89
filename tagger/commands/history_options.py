"""The options by which a person says which chats of the past: their source, and since when."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, BinaryIO, Final

import click

from ingest.runtime.clock import now_ms
from tagger.core.records.decision import rfc3339
from tagger.core.records.missed import instant_ms

DEFAULT_SINCE: Final = "7d"
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


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
