"""How long something lasts or is past, in words. Pure."""

from typing import Final

# Each unit up to twice the next: 90 minutes say more than 1 hour.
_UNITS: Final = (("s", 1, 120), ("min", 60, 120), ("h", 3_600, 48))


def span(ms: float) -> str:
    """A span of time for people, in one unit and rounded down: 12 s, 90 min, 3 h, 2 days."""
    seconds = max(0, int(ms)) // 1_000
    for unit, length_s, most in _UNITS:
        if seconds < most * length_s:
            return f"{seconds // length_s} {unit}"
    return f"{seconds // 86_400:,} days"
