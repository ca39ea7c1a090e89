"""Easy mistakes in the client, each as a patch of one decision: a test of the tests."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.pacing import circuit, giving_up
from tagger.livechat.pacing.call_queue import Gate, Place
from tagger.livechat.pacing.circuit import Circuit
from tagger.livechat.pacing.giving_up import Evidence
from tagger.livechat.pacing.lane import Witness
from tagger.livechat.pacing.pace import Pace
from tagger.livechat.probes import Probes


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and where: an attribute, and its replacement."""

    name: str
    owner: Any
    attribute: str
    make: Callable[[Any], Any]  # original → wrong replacement
    where: str = "anything"  # the story whose histories can show it
    histories: int = 40  # how many of them it must not survive

    @contextmanager
    def alive(self) -> Iterator[None]:
        with ExitStack() as patched:
            patched.enter_context(
                patch.object(self.owner, self.attribute, self.make(self.owner.__dict__[self.attribute]))
            )
            yield


def _instead(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def _keeps_its_place(original: Any) -> Any:
    async def enter(self: Gate, place: Place) -> bool:
        entered: bool = await original(
            self, Place(place.background, False, place.number - 10**9 * place.failed)
        )
        return entered

    return enter


def _always_new(original: Any) -> Any:
    def failed(self: Circuit, chat: str, now: float, **more: Any) -> None:
        self._failed.clear()
        original(self, chat, now, **more)

    return failed


def _not_found_counts(original: Any) -> Any:
    def failed(
        self: Evidence, organization: str, method: str, trial: Any, answer: Any, now: float, **more: Any
    ) -> Any:
        if answer.error_type != "not_found":
            return original(self, organization, method, trial, answer, now, **more)
        answer = type(answer)(answer.why, "validation")
        return original(self, organization, method, trial, answer, now, **more)

    return failed


def _keeps_its_ceiling(original: Any) -> Any:
    def grow(self: Pace, now: float) -> None:
        ceiling = self._ceiling
        original(self, now)
        if ceiling is not None:
            self._ceiling, self.rate = ceiling, min(self.rate, ceiling)

    return grow


def _failed_last(self: Gate) -> Any:
    for queue in (self._fresh, self._failed):
        while queue and queue[0][1].done():
            heapq.heappop(queue)
    return self._fresh or self._failed or None


def _oldest(self: Gate, queue: Any) -> Any:
    return heapq.heappop(queue)[1]


def _stands(self: Witness, chat: Any) -> bool:
    return True


MUTANTS: Final = (
    Mutant("what failed keeps its place", Gate, "enter", _keeps_its_place, "strangers"),
    Mutant("what failed has no turn", Gate, "_next", _instead(_failed_last), "overload", 3),
    Mutant("the oldest call asks alone", Gate, "_pop", _instead(_oldest), "strangers"),
    Mutant("the same chats open the circuit again", Circuit, "failed", _always_new, "strangers"),
    Mutant("no circuit opens", circuit, "FAILURES_TO_OPEN", _instead(10**9), "crowd", 10),
    Mutant("the ceiling is never forgotten", Pace, "_grow", _keeps_its_ceiling, "rush", 5),
    Mutant("nobody else is asked", Probes, "ask_another", _instead(lambda *_: None), "alone", 10),
    Mutant("not_found is believed at once", giving_up, "NOT_FOUND_FOR_S", _instead(0.0)),
    Mutant("not_found is any refusal", Evidence, "failed", _not_found_counts),
    Mutant("one refusal too many is parked", giving_up, "REFUSALS_IN_A_ROW", _instead(10**9), "refused"),
    Mutant(
        "a witness is asked to write what a person removed", Witness, "stands", _instead(_stands), "refused"
    ),
    Mutant(
        "a lane for each organization named",
        ForAll,
        "lane",
        _instead(lambda self, organization: organization),
        "refused",
    ),
    Mutant("a minute is evidence enough", giving_up, "CALL_FAILING_FOR_S", _instead(60.0)),
    Mutant("a call that fails alone is tried as often", giving_up, "ALONE_S_MAX", _instead(0.0)),
)
