"""What happens: a bug is planted into the real processes, one of each kind that has lost tags or webhooks elsewhere.
What must hold: the suite fails, and says so by the letter that the bug breaks: a suite that passes anyhow proves nothing.
Measured: tests of this folder run with the bug in their services, as `planted.py` has it, and what they print is read.
"""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.faults.planted import BUGS, ROOT, SUITE
from tests.faults.proof import Proof

WITHIN_S: Final = 1500.0  # what does not come is waited for 300 s, and more than once


class Caught(NamedTuple):
    """Which test fails with a bug in the services, and a line of what it says then."""

    test: str
    says: str


KILLED: Final = "test_tagger_killed.py::test_no_tag_is_missing_and_none_is_set_twice_without_need[3]"
TWICE: Final = "test_webhooks_twice.py::test_what_comes_twice_is_done_once"
CAUGHT: Final = {
    "commit too early": Caught(KILLED, r"C: the end at .* is committed and not decided"),
    "one too many is committed": Caught(KILLED, r"C: the end at .* is committed and not decided"),
    "200 too early": Caught(
        "test_broker_killed.py::test_it_comes_back_and_all_goes_on[2]",
        r"Q: .* was answered 200 and is not on the topic",
    ),
    "seek lost": Caught(KILLED, r"call\.method == .get_chat."),
    "late completion accepted": Caught(
        "test_slow_calls_at_a_rebalance.py::test_no_end_counts_as_settled_that_is_not",
        r"C: the end at .* is committed and not decided",
    ),
    "ended twice, decided twice": Caught(TWICE, r"assert \{1, 2.*\} == \{1\}"),
    "the task that commits dies": Caught(TWICE, r"L: lag stays at \d+"),
    "the task that reads dies": Caught(TWICE, r"T: lacks"),
}


@pytest.mark.long
@pytest.mark.parametrize("bug", BUGS)
async def test_the_suite_fails_with(bug: str, proof: Proof, tmp_path: Path) -> None:
    test, says = CAUGHT[bug]
    command = [
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"--basetemp={tmp_path / 'of-the-suite'}",
        f"tests/faults/{test}",
    ]
    suite = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env=os.environ | {"FAULTS": "all", SUITE: bug},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        said = (await suite.communicate())[0].decode()
    assert suite.returncode == 1, said
    assert re.search(says, said), said
    proof.did("the suite failed")
