"""Times as the page writes them. UTC, as its foot says. Pure."""

from datetime import UTC, date, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONG_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAY_MS: Final = 86_400_000


def moment(ms: int) -> str:
    """`Mon 23 Nov 14:02`; strftime would name them in the machine's language."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {clock(ms)}"


def day_name(ms: int) -> str:
    """`23 Nov`."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at.day} {_MONTHS[at.month - 1]}"


def ago(ms: int, now_ms: int) -> str:
    """`4 s ago`, `11 min ago`, `3 h ago`; before yesterday the day, `Tue 17 Nov`."""
    passed = max(0, now_ms - ms) // 1000
    for size, unit in ((86_400, ""), (3_600, "h"), (60, "min"), (0, "s")):
        if passed >= size:
            return f"{passed // max(size, 1):,} {unit} ago" if unit else moment(ms).rpartition(" ")[0]
    return ""


def clock(ms: int) -> str:
    """`14:02`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")


def day_of(ms: int) -> date:
    """The day that a time falls on."""
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def start_of(day: date) -> int:
    """When a day begins, Unix time in ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def seconds_clock(ms: int) -> str:
    """`14:02:07`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def day_words(ms: int, now_ms: int) -> str:
    """`Monday 23 November`, with the year where it is another one."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    year = "" if at.year == datetime.fromtimestamp(now_ms / 1000, UTC).year else f" {at.year}"
    return f"{_LONG_DAYS[at.weekday()]} {at.day} {_LONG_MONTHS[at.month - 1]}{year}"


def span(ms: int) -> str:
    """How long something took: `0.1 s`, `4 minutes`, `3 hours`, `2 days`."""
    seconds = max(0, ms) / 1000
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
