"""`make faults`: every fault, and deploy/proof.md from what came of it.

python -m tests.faults --times 3      all of it three times, the last time on a machine that is busy otherwise
"""

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from tests.faults.proof import HERE, PAGE, page
from tests.kafka.jars import version as kafka_version

ROOT: Final = HERE.parents[1]
WORKERS: Final = "3"  # tests wait for sessions and processes most of the time; each may have three brokers


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--times", type=int, default=1, help="how often; with 2 and more, the last time is busy"
    )
    parser.add_argument(
        "tests", nargs="*", default=["tests/faults"], help="these only; then no page is written"
    )
    given = parser.parse_args()
    began, code = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        results = Path(folder) / "results"
        for number in range(1, given.times + 1):
            busy = number == given.times > 1
            with busy_cores() if busy else idle_cores():
                code |= run(given.tests, results)
            if given.tests == ["tests/faults"] and results.exists():
                write(results, said(number, busy, time.monotonic() - began))
    return code


def write(results: Path, runs: str) -> None:
    """The page of the runs so far: what ends the next run takes nothing from it."""
    PAGE.write_text(page([orjson.loads(line) for line in results.read_bytes().splitlines()], runs), "utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written")


def run(tests: list[str], results: Path) -> int:
    """All long tests, too, and none may be skipped."""
    settings = {"FAULTS": "all", "FAULTS_RESULTS": str(results), "CI": "1"}
    command = [sys.executable, "-m", "pytest", "-n", WORKERS, "--dist", "worksteal", *tests]
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, check=False).returncode


def said(times: int, busy: bool, seconds: float) -> str:
    """When, of which version, where."""
    version, revision = words(".ci/version"), words("git", "describe", "--always", "--dirty")
    runs = "one run" if times == 1 else f"{times} runs"
    if busy:
        runs += ", in the last of which other processes kept all cores busy"
    return (
        f"This is of {datetime.now(UTC):%Y-%m-%d}, version {version} ({revision}): {runs}, "
        f"{seconds / 60:.0f} minutes, on Apache Kafka {kafka_version()}, Python {platform.python_version()} and "
        f"{os.cpu_count()} cores."
    )


def words(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def busy_cores() -> Iterator[None]:
    """A process for each core that never rests."""
    processes = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@contextmanager
def idle_cores() -> Iterator[None]:
    """Nothing but what runs anyway."""
    yield


def spin() -> None:
    while True:
        pass


if __name__ == "__main__":
    sys.exit(main())
