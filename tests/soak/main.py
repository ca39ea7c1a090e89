"""How every soak is started, and what it ends with.

A soak is a coroutine function: its first argument is a folder, the others are the options of its command, and it
returns the problems that it found.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NoReturn

import uvloop

from tests.options import given

Soak = Callable[..., Coroutine[None, None, list[str]]]


def main(soak: Soak) -> NoReturn:
    """Run it with the options of the command line; exits 1 where it finds a problem."""
    options = given(soak)
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        problems = runner.run(soak(Path(folder), **options))
    print("\n".join(f"problem: {problem}" for problem in problems) or "all of it holds")
    sys.exit(bool(problems))
