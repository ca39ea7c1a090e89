"""Memory that was freed goes back to the system, so a service that has seen enough chats stays as large as it is."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from pathlib import Path
from ingest.runtime.process import LARGE_BLOCK_BYTES, return_large_blocks

def held_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

if sys.argv[1] == "returned":
    return_large_blocks()
bytearray(4 * LARGE_BLOCK_BYTES)  # from now on the C library keeps blocks of up to this size
before, large, small = held_mb(), [], []
for _ in range(100):
    large.append(bytearray(b"x") * LARGE_BLOCK_BYTES)
    small.append(bytearray(b"x") * 2_000)  # so that what is freed is never at the end
large.clear()
print(held_mb() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library, which does as it likes")
@pytest.mark.parametrize(("way", "least_mb", "most_mb"), [("returned", -5, 5), ("kept", 40, 60)])
def test_large_blocks_are_returned_and_would_be_kept_without_that(
    way: str, least_mb: float, most_mb: float
) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
    assert least_mb <= float(ran.stdout) <= most_mb
