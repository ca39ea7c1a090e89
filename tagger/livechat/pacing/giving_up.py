"""When a call that keeps failing is given up: the error type gives the first guess, this decides. Pure.

Promises that nothing is given up for what hits everything: an outage, a limit, a revoked token of the only
credential. What is given up is hopeless while others succeed, or refused by its type while not everything is.
A success counts for calls that need no more rights: who may write may read, but a token that may only read
fetches every chat and tags none. `now` is in seconds of any steady clock.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tagger.livechat.calls.answers import GivenUp, Permanent, Transient
from tagger.livechat.calls.error_types import ALL
from tagger.livechat.pacing.circuit import BACK_OFF_S, BACK_OFF_S_MAX, back_off_s

NOT_FOUND_FOR_S: Final = 60.0  # before "not found" is believed: what is new may not be visible everywhere yet
# A call is hopeless after failing for so long while other calls succeed. One success vouches for at most so much
# of that time: so it takes at least ten failures, and an outage does not count.
CALL_FAILING_FOR_S: Final = 600.0
VOUCHED_S_MAX: Final = 67.0
# A call that fails while others succeed is retried less and less often, because failed requests are billed, too.
# Below VOUCHED_S_MAX, so that all of that time counts: about twenty tries in the ten minutes.
ALONE_S_MAX: Final = 60.0
# So is a call after so many tries if no other is made that could succeed. In an outage of many chats few are
# tried as often: the circuit is open, and one probe is enough for all.
TRIES_UNTIL_ALONE: Final = 15
UNANSWERED: Final = frozenset({"dns", "network", "tls", "timeout", "token_refresh"})  # cost nothing
# So many calls refused in a row mean that we or the token are wrong, and not that many chats. `not_found` does
# not count: the chat is gone, with any token.
REFUSALS_IN_A_ROW: Final = 50
# An organization is out after failing for so long, and so often, while another succeeds: otherwise one success of
# another just before a general outage would be evidence against it.
ORGANIZATION_FAILURES: Final = 10
ORGANIZATION_FAILING_FOR_S: Final = 900.0
# Organizations remembered, about 500 bytes each. The least recently active goes first: it is then treated as new,
# which can only delay giving up.
ORGANIZATIONS_MAX: Final = 10_000

UNAVAILABLE: Final = "organization_unavailable"
READS: Final = ("get_", "list_")  # begin the names of LiveChat's methods that change nothing


@dataclass(slots=True)
class _Streak:
    """Failures in a row of one call or organization, and the successes of others meanwhile."""

    failures: int = 0
    since: float = 0.0
    beside: int = 0  # the first failure, and those with a success of another since the previous failure
    vouched_s: float = 0.0  # for how long this has failed while others are known to have succeeded
    _vouched_at: float = 0.0
    seen: int = 0  # successes of others at the last failure

    def failed(self, now: float, successes_of_others: int) -> None:
        if self.failures == 0:
            self.since = self._vouched_at = now
            self.beside = 1
        elif successes_of_others > self.seen:
            self.beside += 1
            self.vouched_s += min(now - self._vouched_at, VOUCHED_S_MAX)
            self._vouched_at = now
        self.failures, self.seen = self.failures + 1, successes_of_others


@dataclass(slots=True)
class Trial:
    """The tries of one call so far."""

    streak: _Streak = field(default_factory=_Streak)
    refused_in: int = -1  # the run of refusals in which this call already counts

    @property
    def attempts(self) -> int:
        """How many have failed."""
        return self.streak.failures

    def back_off_s(self, error_type: str, rng: Random) -> float:
        """Seconds until the next try: more and more for a call that fails alone."""
        tries = 0 if error_type in UNANSWERED else self.attempts - TRIES_UNTIL_ALONE
        alone = max(self.streak.beside, tries)
        alone_s = min(ALONE_S_MAX, BACK_OFF_S * 2.0 ** max(0, min(alone, 16)))
        if alone_s > BACK_OFF_S_MAX:
            return rng.uniform(alone_s / 2, alone_s)
        return back_off_s(self.attempts, rng)


@dataclass(slots=True)
class _Calls:
    """One organization's calls that read, or those that write, and the successes that count for them."""

    successes: int = 0
    failing: _Streak | None = None  # None: the last try was no failure
    refused: int = 0  # calls refused since the last success
    run: int = 0  # which run of refusals this is

    def succeeded(self) -> None:
        self.successes += 1
        self.failing = None
        if self.refused:
            self.refused, self.run = 0, self.run + 1


@dataclass(slots=True)
class _Organization:
    reading: _Calls = field(default_factory=_Calls)
    writing: _Calls = field(default_factory=_Calls)

    @property
    def calls(self) -> tuple[_Calls, _Calls]:
        return self.reading, self.writing

    def like(self, method: str) -> _Calls:
        return self.reading if method.startswith(READS) else self.writing

    @property
    def failing(self) -> bool:
        return self.reading.failing is not None or self.writing.failing is not None


class Evidence:
    """What is known of all organizations together."""

    def __init__(self) -> None:
        self._organizations: OrderedDict[str, _Organization] = OrderedDict()
        self._successes = 0
        self._failing = 0  # organizations in which something fails

    def succeeded(self, organization: str, method: str) -> None:
        """Take in one success."""
        known = self._of(organization)
        self._successes += 1
        failed = known.failing
        known.reading.succeeded()
        if not method.startswith(READS):
            known.writing.succeeded()
        self._failing += known.failing - failed

    def failed(  # noqa: PLR0913 - all of one failed try
        self,
        organization: str,
        method: str,
        trial: Trial,
        answer: Transient | Permanent,
        now: float,
        *,
        is_its_own: bool = True,
    ) -> GivenUp | None:
        """Take in one failed try; None: try again.

        `is_its_own` is False for a limit that others meet as well: then their successes show nothing.
        """
        known = self._of(organization)
        calls = known.like(method)
        trial.streak.failed(now, calls.successes if is_its_own else trial.streak.seen)
        if answer.error_type == "not_found":
            young = now - trial.streak.since < NOT_FOUND_FOR_S
            return None if young else GivenUp(answer.why, answer.error_type, trial.attempts)
        if isinstance(answer, Permanent) and _counted(calls, trial) < REFUSALS_IN_A_ROW:
            return GivenUp(answer.why, answer.error_type, trial.attempts)
        if calls.failing is None:
            self._failing += not known.failing
            calls.failing = _Streak()
        calls.failing.failed(now, self.beside(organization))
        if trial.streak.vouched_s >= CALL_FAILING_FOR_S:
            return GivenUp(f"{answer.why}; other calls succeed", answer.error_type, trial.attempts)
        if self.unavailable(organization, now):
            return GivenUp(ALL[UNAVAILABLE].why, UNAVAILABLE, trial.attempts)
        return None

    def unavailable(self, organization: str, now: float) -> bool:
        """Whether all that this organization reads, or all that it writes, fails while another succeeds."""
        known = self._organizations.get(organization)
        if known is None or not known.failing or len(self._organizations) == self._failing:
            return False  # if everything fails, this one is not at fault
        return any(
            failing.beside >= ORGANIZATION_FAILURES and now - failing.since >= ORGANIZATION_FAILING_FOR_S
            for failing in (calls.failing for calls in known.calls)
            if failing is not None
        )

    def beside(self, organization: str) -> int:
        """All successes of others; each of its own counts as one of reading."""
        known = self._organizations.get(organization)
        return self._successes - (known.reading.successes if known else 0)

    def failing_s(self, organization: str, now: float) -> float:
        """For how long something in this organization has failed without a success; 0: nothing does."""
        known = self._organizations.get(organization)
        since = [calls.failing.since for calls in known.calls if calls.failing] if known else []
        return now - min(since) if since else 0.0

    def stopped(self, organization: str, method: str) -> bool:
        """Whether so many calls like this one are refused that none is given up for it."""
        known = self._organizations.get(organization)
        return known is not None and known.like(method).refused >= REFUSALS_IN_A_ROW

    def parking_stopped(self) -> list[str]:
        """Organizations in which so much is refused that refused work waits."""
        return [
            name
            for name, known in self._organizations.items()
            if any(calls.refused >= REFUSALS_IN_A_ROW for calls in known.calls)
        ]

    def _of(self, organization: str) -> _Organization:
        known = self._organizations.get(organization)
        if known is None:
            known = self._organizations[organization] = _Organization()
            if len(self._organizations) > ORGANIZATIONS_MAX:
                self._failing -= self._organizations.popitem(last=False)[1].failing
        self._organizations.move_to_end(organization)
        return known


def _counted(calls: _Calls, trial: Trial) -> int:
    """Calls refused in a row, this one included; it counts once in a run, however often it is tried."""
    if trial.refused_in != calls.run:
        trial.refused_in = calls.run
        calls.refused += 1
    return calls.refused
