"""How a process that cannot continue ends. It imports nothing slow: most commands are short."""

import sys
from typing import NoReturn


def stop(message: str, code: int = 2) -> NoReturn:
    """End the process with a message for the person who started it; 2 is usage or I/O, 1 is findings."""
    sys.stderr.write(message + "\n")
    raise SystemExit(code)
