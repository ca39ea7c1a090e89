"""Mistakes that are easily made do not live through two thousand histories."""

from typing import Final

import pytest

from tests.simulation.history import fails, setting, steps
from tests.simulation.mutants import MUTANTS, Mutant

SEEDS: Final = 2_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant) -> None:
    with mutant.alive():
        assert any(fails(drawn, steps(drawn)) for drawn in map(setting, range(SEEDS)))
