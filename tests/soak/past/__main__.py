"""5,000 chats of the past: every number of the commands over them equals a count of its own.

    python -m tests.soak.past [--chats 5000]

The tests of tests/integration/history/test_seeded.py, on more chats than a test run has time for: half a minute of CPU
for 1,500 chats, a minute and a half for 5,000.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.soak.main import main


async def soak(_folder: Path, chats: int = 5_000) -> list[str]:
    """Run the tests, and say what fails."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/integration/history/test_seeded.py"]
    tests = await asyncio.create_subprocess_exec(*command, env={**os.environ, "SEEDED_CHATS": str(chats)})
    code = await tests.wait()
    return [f"pytest ended with {code}"] if code else []


if __name__ == "__main__":
    main(soak)
