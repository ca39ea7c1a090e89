"""Hypothesis searches for histories of its own, and shortens those that fail."""

from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulation.history import History
from tests.simulation.setting import FAULTS, PLAIN, setting
from tests.simulation.verdict import check, heal

NUMBERS: Final = st.integers(0, (1 << 20) - 1)
EVERYDAY: Final = sorted(PLAIN)
RARE: Final = sorted(name for name, often in FAULTS.items() if often)


class Histories(RuleBasedStateMachine):
    """A history whose steps Hypothesis chooses; its limits and kinds of faults still come from a seed."""

    history: History

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        self.history = History(setting(seed))

    @rule(name=st.sampled_from(EVERYDAY), a=NUMBERS, b=NUMBERS)
    def live(self, name: str, a: int, b: int) -> None:
        self.history.do((name, a, b))

    @rule(data=st.data(), a=NUMBERS, b=NUMBERS)
    def suffer(self, data: Any, a: int, b: int) -> None:
        may = [name for name in RARE if name in self.history.setting.faults]
        self.history.do((data.draw(st.sampled_from(may)), a, b))

    def teardown(self) -> None:
        if hasattr(self, "history"):
            heal(self.history)
            check(self.history)


Histories.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistories = Histories.TestCase
