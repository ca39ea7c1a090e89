"""What these tests need of Debian: `apt-get install prometheus` brings promtool and prometheus."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def promtool() -> str:
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    return _program("prometheus")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        why = f"{name} is missing: apt-get install prometheus"
        if os.environ.get("CI"):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return found
