"""How long a test waits for what has to come, and how: it looks again and again, and goes on when it is so.

A deadline says that it will not come any more. It costs nothing where all is well, so it is long enough for a
machine that is busy with other things; how fast something is, `bench/` and `soak/` measure.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Final

# The longest takes 15 s on an idle machine, and each test has 300 s for all its waits. `make faults` has three brokers
# and more started at once, and that on a machine which it keeps busy otherwise.
DEADLINE_S: Final = 300.0 if os.environ.get("FAULTS") == "all" else 100.0
LOOK_EVERY_S: Final = 0.05


async def until(true: Callable[[], Awaitable[bool] | bool], every_s: float = LOOK_EVERY_S) -> None:
    """Look until it is so; TimeoutError where it does not come. A look that costs more is not taken so often."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            seen = true()
            if seen if isinstance(seen, bool) else await seen:
                return
            await asyncio.sleep(every_s)


def wait_until(true: Callable[[], bool]) -> None:
    """Likewise, for a test that is not a coroutine."""
    end = time.monotonic() + DEADLINE_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(LOOK_EVERY_S)
