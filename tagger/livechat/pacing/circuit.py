"""Whether LiveChat fails as a whole: many different chats in a row. Pure.

While the circuit is open, one call at a time asks whether the outage is over. A chat that fails again shows nothing
new, so however many chats keep failing, the others pass. `now` is in seconds of any steady clock.
"""

import math
from collections import OrderedDict
from random import Random
from typing import Final

FAILURES_TO_OPEN: Final = 8  # chats that failed in a row for the first time, without an answer in between
# Chats that failed and are retried, remembered until their calls end; the oldest goes first. There are never more
# calls than this under way; a chat that is evicted counts once more, which costs a probe.
CHATS_MAX: Final = 4_096
BACK_OFF_S: Final = 0.25  # before the second try at most; doubled for each further one
BACK_OFF_S_MAX: Final = 10.0  # after an outage nobody waits longer


def back_off_s(failures: int, rng: Random) -> float:
    """Seconds to wait after so many failures in a row; full jitter, so that calls do not come in step."""
    return rng.uniform(0.0, min(BACK_OFF_S_MAX, BACK_OFF_S * 2.0 ** min(failures, 16)))


class Circuit:
    """The circuit of one lane."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._failed: OrderedDict[str, None] = OrderedDict()  # chats that failed and are not over
        self._in_a_row = 0  # of them, since LiveChat last answered
        self._probe_at: float | None = None  # a time: the circuit is open
        self.probes_failed = 0  # since it opened

    @property
    def open(self) -> bool:
        """Whether LiveChat fails as a whole."""
        return self._probe_at is not None

    def wait_s(self, now: float) -> float:
        """Seconds until a call may go; 0 or less: now."""
        return -math.inf if self._probe_at is None else self._probe_at - now

    def worked(self) -> bool:
        """LiveChat answered. True: that ended an outage, which a probe had met too."""
        ended = self.open and self.probes_failed > 0
        self._probe_at, self._in_a_row, self.probes_failed = None, 0, 0
        return ended

    def failed(self, chat: str, now: float, *, probe: bool, retry_after_s: float | None) -> None:
        """A call for this chat failed; `probe`: it was the one that asked whether the outage is over."""
        known = chat in self._failed
        self._failed[chat] = None
        self._failed.move_to_end(chat)
        if len(self._failed) > CHATS_MAX:
            self._failed.popitem(last=False)
        self._in_a_row += not known
        if probe and self.open:
            self.probes_failed += 1
        elif self.open or self._in_a_row < FAILURES_TO_OPEN:
            return
        # Each call obeys its Retry-After, but one chat's must not bind all others.
        asked = min(retry_after_s or 0.0, BACK_OFF_S_MAX) if probe else 0.0
        self._probe_at = now + max(back_off_s(self.probes_failed + 1, self._rng), asked)

    def over(self, chat: str) -> None:
        """The call for this chat is done, given up or cancelled."""
        self._failed.pop(chat, None)
