"""Mistakes that are easily made do not live through two thousand histories."""

from typing import Final

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.setting import setting, steps
from tests.simulation.story import fails

SEEDS: Final = 2_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant) -> None:
    with mutant.alive():
        assert any(fails(drawn, steps(drawn)) for drawn in map(setting, range(SEEDS)))
