"""One call under way, and what its tries have shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tagger.livechat.calls.requests import Call, Purpose
from tagger.livechat.pacing.call_queue import Place
from tagger.livechat.pacing.giving_up import Trial
from tagger.livechat.pacing.lane import Lane, chat_of

# A call that is refused as too fast while others go through is itself taken to be the reason once chance is less
# likely than this, given the share of calls refused so, which is assumed to be within these bounds.
ALONE_BY_CHANCE: Final = 0.001
ALONE_SHARE_MIN: Final = 0.05
ALONE_SHARE_MAX: Final = 0.9


def never() -> bool:
    """No: most calls are wanted until they are answered."""
    return False


@dataclass(slots=True)
class Work:
    """One call under way, and what is known of its tries."""

    organization: str
    call: Call
    purpose: Purpose | None
    place: Place
    trial: Trial = field(default_factory=Trial)
    redirects: int = 0
    held_as: str | None = None  # error type of the refusal for which it was held before this try
    went: int = -1  # the lane's `went` when this call last came too fast
    singled_out: int = 0  # how often it came too fast although others had gone through since the last time
    alone: bool = False  # it always comes too fast: the reason is not a limit but this call
    withdrawn: Callable[[], bool] = never  # asked before each try: whether nobody wants it (any more)

    def limited(self, lane: Lane, now: float) -> None:
        """Note that it was refused as too fast: a limit would hit others as often."""
        again = self.went >= 0
        lane.tried(again=again, refused=True)
        self.singled_out += lane.went > self.went
        self.went = lane.went
        share = min(ALONE_SHARE_MAX, max(ALONE_SHARE_MIN, lane.refused))
        known, self.alone = self.alone, share ** max(self.singled_out, again * lane.again) < ALONE_BY_CHANCE
        if self.alone and not known:
            lane.gate.pace.not_the_rate(now)

    @property
    def chat(self) -> str:
        """To whom its failure is attributed."""
        return chat_of(self.organization, self.call)
