"""Times as the page writes them. UTC, as its foot says. Pure."""

from datetime import UTC, date, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY_MS: Final = 86_400_000


def moment(ms: int) -> str:
    """`Mon 23 Nov 14:02`; strftime would name them in the machine's language."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {clock(ms)}"


def clock(ms: int) -> str:
    """`14:02`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def day_of(ms: int) -> date:
    """The day that a time falls on."""
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def start_of(day: date) -> int:
    """When a day begins, Unix time in ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
