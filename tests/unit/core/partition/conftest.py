"""Logs that tests of a partition read."""

import pytest

from tests.unit.core.partition.log import Log
from tests.webhooks import AGENT, CUSTOMER, message


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def ended(log: Log) -> Log:
    """A whole thread: offsets 0 to 3."""
    log.begins(events=(message("T_1", "hello"),))
    log.says(message("T_2", "my refund", CUSTOMER))
    log.says(message("T_3", "I see", AGENT))
    log.ends()
    return log
