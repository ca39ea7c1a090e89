"""One log line when an organization's calls begin to fail for good, and one when they work again. Pure.

Metrics count organizations and name none; here is where one reads which it is, and what to do.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tagger.livechat.calls.error_types import ALL, TO_DO
from tagger.livechat.pacing.call_queue import Standing

TELL_AFTER_S: Final = 15.0  # of failure without a success: a rate limit alone does not last so long
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
            if one.trouble is None:
                if told is not None:
                    del self._told[one.organization]
                    found.append(News(one.organization, None, round(now - told[1]), "calls succeed again"))
            elif one.trouble_s >= TELL_AFTER_S and (told is None or told[0] != one.trouble):
                if told is None and len(self._told) >= TOLD_MAX:
                    continue
                self._told[one.organization] = one.trouble, now - one.trouble_s
                to_do = TO_DO.get(one.trouble, "nothing is lost, calls are tried again")
                why = f"{ALL[one.trouble].why}; {to_do}"
                found.append(News(one.organization, one.trouble, round(one.trouble_s), why))
        return found
