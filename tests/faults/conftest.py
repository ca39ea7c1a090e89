"""Which tests a run has, and what they are given: a world, and a page to be noted on.

A test with the mark `long` is for `make faults` only, which sets FAULTS=all; so does whoever wants one of them. `make
test` has the others.
"""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from tests.faults.planted import SUITE, planted
from tests.faults.proof import Proof, result_of
from tests.faults.world import World, a_world

ALL: Final = os.environ.get("FAULTS") == "all"
RESULTS: Final = os.environ.get("FAULTS_RESULTS")  # a file that gets one line of JSON a test
FOLDER: Final = Path(__file__).parent
PLANTED: Final = os.environ.get(SUITE)  # a bug that is in all services: see `test_planted_bugs.py`
LONG_S: Final = 1800.0  # a test may take then; what it waits for is bounded by itself

MakeWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Proof:
    """What the test does and counts, for deploy/proof.md."""
    return Proof(request.node)


@pytest.fixture
def world(tmp_path: Path, unique: str, proof: Proof, request: pytest.FixtureRequest) -> MakeWorld:
    """Makes the world of one test: `async with world(brokers=3) as w`. See `a_world`."""

    def make(**how: Any) -> AbstractAsyncContextManager[World]:
        if not {"brokers", "kafka"} & how.keys():
            how["kafka"] = request.getfixturevalue("kafka_real")
        if PLANTED:
            how["settings"] = {**how.get("settings", {}), **planted(PLANTED)}
        return a_world(tmp_path, unique, proof, **how)

    return make


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if item.get_closest_marker("long") and not ALL]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    for item in items:
        if ALL and FOLDER in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONG_S), append=False)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what became of a test: of its call, or of what kept it from being called."""
    if RESULTS and "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or report.failed):
        with Path(RESULTS).open("ab") as file:
            file.write(orjson.dumps(result_of(report)) + b"\n")
