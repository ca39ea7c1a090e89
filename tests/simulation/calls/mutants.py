"""Mistakes that are easily made in the client, each as a patch of one decision: a test of the tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from tagger.livechat import evidence
from tagger.livechat.circuit import Circuit
from tagger.livechat.credentials import ForAll
from tagger.livechat.evidence import Evidence
from tagger.livechat.gate import Gate, Place


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is wrong, and where: an attribute, and what takes its place."""

    name: str
    owner: Any
    attribute: str
    make: Callable[[Any], Any]  # the original → its wrong replacement
    seeds: int = 150  # histories within which it dies

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
            self, Place(place.background, False, 0 if place.failed else place.number + 1)
        )
        return entered

    return enter


def _always_new(original: Any) -> Any:
    def failed(self: Circuit, chat: str, now: float, **more: Any) -> None:
        self._failed.clear()
        original(self, chat, now, **more)

    return failed


def _not_found_counts(original: Any) -> Any:
    def failed(self: Evidence, organization: str, method: str, trial: Any, answer: Any, now: float) -> Any:
        if answer.error_type != "not_found":
            return original(self, organization, method, trial, answer, now)
        answer = type(answer)(answer.why, "validation")
        return original(self, organization, method, trial, answer, now)

    return failed


MUTANTS: Final = (
    Mutant("what failed keeps its place", Gate, "enter", _keeps_its_place, 600),
    Mutant("the same chats open the circuit again", Circuit, "failed", _always_new, 600),
    Mutant("not_found is believed at once", evidence, "NOT_FOUND_FOR_S", _instead(0.0)),
    Mutant("not_found is any refusal", Evidence, "failed", _not_found_counts),
    Mutant(
        "a lane for each organization named",
        ForAll,
        "lane",
        _instead(lambda self, organization: organization),
    ),
    Mutant("a minute is evidence enough", evidence, "CALL_FAILING_FOR_S", _instead(60.0)),
    Mutant("a call that fails alone is tried as often", evidence, "ALONE_S_MAX", _instead(0.0)),
)
