"""The result of a play, in figures. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tagger.simulator.play.player import Comparison


@dataclass(frozen=True, slots=True)
class Summary:
    """`seconds` are from the answer to chat_deactivated to each tag; `lag` is in records, None: not known."""

    webhooks_sent: int
    webhooks_stored: int
    tags: Comparison
    seconds: Sequence[float]
    lag: int | None
    took_s: float

    @property
    def right(self) -> bool:
        """No tag is missing and none is wrong."""
        return not self.tags.missing and not self.tags.wrong

    def lines(self) -> list[tuple[str, str]]:
        """(name, figures), in the order they are shown."""
        tags, missing, wrong = self.tags, len(self.tags.missing), len(self.tags.wrong)
        half, most = (percentile(self.seconds or [0.0], percent) for percent in (50, 99))
        seconds = f"median {half:.2f} s, p99 {most:.2f} s" if self.seconds else "no tag was set"
        return [
            ("webhooks", f"{self.webhooks_sent} sent, {self.webhooks_stored} stored"),
            ("chats", f"{tags.chats} played in {self.took_s:.0f} s"),
            ("tags", f"{tags.set} set, {tags.expected} expected, {missing} missing, {wrong} wrong"),
            ("end to tag", seconds),
            ("consumer lag", "not known" if self.lag is None else f"{self.lag} records"),
        ]


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many percent of the values do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def seconds_to_tag(
    ended_at: Mapping[str, float], tagged_at: Mapping[tuple[str, str], float], threads: Iterable[str]
) -> list[float]:
    """From the answer to chat_deactivated to each tag of these threads; 0 if the tag came first."""
    wanted = set(threads) & ended_at.keys()
    return [max(0.0, at - ended_at[thread]) for (thread, _), at in tagged_at.items() if thread in wanted]
