"""One log line when an organization's calls begin to fail for good, and one when they work again. Pure.

Metrics count organizations and name none; here is where one reads which it is, and what to do.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tagger.livechat.calls.error_types import advised
from tagger.livechat.pacing.call_queue import Standing

TOLD_MAX: Final = 1_000  # organizations that are remembered as failing; of more, metrics tell the number


class News(NamedTuple):
    """What changed for an organization. `error_type` None: its calls work again."""

    organization: str
    error_type: str | None
    seconds: int
    reason: str


class Troubles:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, float]] = {}  # organization → error type, when it began

    def news(self, standings: Iterable[Standing], now: float) -> list[News]:
        """What to tell now, in seconds of any steady clock."""
        found: list[News] = []
        for one in standings:
            told = self._told.get(one.organization)
            if one.error_type is None:
                if told is not None:
                    del self._told[one.organization]
                    found.append(News(one.organization, None, round(now - told[1]), "calls succeed again"))
            elif one.lasting and (told is None or told[0] != one.lasting):
                if told is None and len(self._told) >= TOLD_MAX:
                    continue
                self._told[one.organization] = one.lasting, now - one.failing_s
                found.append(News(one.organization, one.lasting, round(one.failing_s), advised(one.lasting)))
        return found
