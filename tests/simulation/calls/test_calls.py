"""Histories of the client's world keep every property, and no easy mistake survives them."""

from collections import Counter
from itertools import count, islice
from typing import Final

import pytest

from tests.simulation.calls.history import play
from tests.simulation.calls.mutants import MUTANTS, Mutant
from tests.simulation.calls.setting import setting
from tests.simulation.calls.verdict import check, fails

CHUNKS: Final = 2  # so that two workers can share them
HISTORIES: Final = 100
MUST_MEET: Final = frozenset(
    {
        "answer lost",
        "answered authentication",
        "answered authorization",
        "answered internal",
        "answered too_many_requests",
        "answered undocumented",
        "misdirected",
        "no token",
        "parked internal",
        "parked not_found",
        "parked organization_unavailable",
        "parked validation",
        "removed by a person",
        "slow answer",
    }
)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_history_violates_a_property(chunk: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(chunk * HISTORIES, (chunk + 1) * HISTORIES):
        history = play(setting(seed))
        seen += history.seen
        try:
            check(history)
        except Exception as error:
            pytest.fail(f"seed {seed}: {error!r}\n{history.setting}", pytrace=False)
    assert seen.keys() >= MUST_MEET, f"never happened: {sorted(MUST_MEET - seen.keys())}"


def test_a_history_is_the_same_each_time_it_is_played() -> None:
    for seed in range(5):
        first, second = play(setting(seed)), play(setting(seed))
        assert [(one.at, one.call) for one in first.livechat.requests] == [
            (one.at, one.call) for one in second.livechat.requests
        ]
        assert first.settled == second.settled


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant) -> None:
    fitting = (drawn for seed in count() if (drawn := setting(seed)).story == mutant.where)
    with mutant.alive():
        assert any(fails(drawn) for drawn in islice(fitting, mutant.histories))
