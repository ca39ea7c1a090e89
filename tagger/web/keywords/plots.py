"""Plots as values that a template draws as SVG: counts a day, as bars. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

HEIGHT: Final = 22  # of a small plot, in its own units
TALL: Final = 72  # of the large one
BAR: Final = 4  # width of a bar with its gap
_LOWEST: Final = 2  # of a bar that stands for something


class Spark(NamedTuple):
    """A small plot, with its own height."""

    width: int
    bars: str  # a path
    zeros: str  # a path: days without any
    label: str


class Bar(NamedTuple):
    """One day of the large plot: a filled part below and a hollow one above."""

    x: float
    width: float
    filled_y: float
    filled: float
    rest_y: float
    rest: float


def spark(counts: Sequence[int]) -> Spark:
    """Draw chats a day, oldest first."""
    most = max(counts, default=0)
    bars, zeros = list[str](), list[str]()
    for at, count in enumerate(counts):
        height = max(_LOWEST, round((HEIGHT - 2) * count / most)) if count else 1
        (bars if count else zeros).append(f"M{BAR * at} {HEIGHT}v-{height}h{BAR - 1}v{height}z")
    label = (
        f"{min(counts, default=0):,} to {most:,} chats a day, the last day {counts[-1] if counts else 0:,}"
    )
    return Spark(max(1, BAR * len(counts)), "".join(bars), "".join(zeros), label)


def days(filled: Sequence[int], whole: Sequence[int], width: int = 300) -> tuple[Bar, ...]:
    """Draw parts of wholes a day, oldest first, over `width` units."""
    most, step = max([*whole, 1]), width / max(1, len(whole))
    bars = []
    for at, (part, total) in enumerate(zip(filled, whole, strict=True)):
        low, high = _round(TALL * part / most), _round(TALL * (total - part) / most)
        bars.append(
            Bar(
                _round(at * step + step / 10),
                _round(step * 0.8),
                TALL - low,
                low,
                _round(TALL - low - high),
                high,
            )
        )
    return tuple(bars)


def _round(value: float) -> float:
    return round(value, 1)
