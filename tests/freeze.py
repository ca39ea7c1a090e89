"""How a process is made to stand still.

SIGSTOP is taken by one thread, which has to run for it: on a busy machine the others go on, and answer, meanwhile.
"""

import os
import signal
from pathlib import Path

from tests.deadline import wait_until


def freeze(pid: int) -> None:
    """Returns when every thread stands still. SIGCONT lets it go on."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: all(_stands_still(stat) for stat in Path(f"/proc/{pid}/task").glob("*/stat")))


def _stands_still(stat: Path) -> bool:
    """The state of a thread comes after its name, which may hold anything (proc_pid_stat(5))."""
    try:
        return stat.read_text("utf-8", "replace").rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return True  # it ended
