"""One log line when an organization's calls start to fail persistently, and one when they work again. Pure.

Metrics count organizations and name none; the log says which it is, and what to do.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from tagger.livechat.calls.error_types import advised
from tagger.livechat.pacing.call_queue import Standing

FAILING_MAX: Final = 1_000  # organizations remembered as failing; the metrics count all


class News(NamedTuple):
    """What changed for an organization. `error_type` None: its calls work again."""

    organization: str
    error_type: str | None
    seconds: int
    reason: str


class Troubles:
    """Remembers which organizations were reported as failing."""

    def __init__(self) -> None:
        self._failing: dict[str, tuple[str, float]] = {}  # organization → error type, since when

    def news(self, standings: Iterable[Standing], now: float) -> list[News]:
        """What changed since the last call; `now` in seconds of any steady clock."""
        found: list[News] = []
        for one in standings:
            known = self._failing.get(one.organization)
            if one.error_type is None:
                if known is not None:
                    del self._failing[one.organization]
                    found.append(News(one.organization, None, round(now - known[1]), "calls succeed again"))
            elif one.lasting and (known is None or known[0] != one.lasting):
                if known is None and len(self._failing) >= FAILING_MAX:
                    continue
                self._failing[one.organization] = one.lasting, now - one.failing_s
                found.append(News(one.organization, one.lasting, round(one.failing_s), advised(one.lasting)))
        return found
