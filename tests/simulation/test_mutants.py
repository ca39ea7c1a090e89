"""No easy mistake survives 1,500 histories that could show it."""

from itertools import count, islice
from typing import Final

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.setting import setting, steps
from tests.simulation.story import fails

HISTORIES: Final = 1_500


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_dies(mutant: Mutant) -> None:
    drawn = (each for each in map(setting, count()) if not mutant.where or mutant.where in each.faults)
    with mutant.alive():
        assert any(fails(each, steps(each)) for each in islice(drawn, HISTORIES))
