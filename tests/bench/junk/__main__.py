"""What a body without the secret costs `ingest`, beside a good one of its size.

    python -m tests.bench.junk [--rounds 20]

CPU time spent on one body of 256 KiB, the least of all rounds: reading it from the wire costs the same for
all of them. Exits 1 where one costs more than the good one.
"""

import sys
import time

from ingest import delivery
from tests.options import given
from tests.unit.ingest.test_delivery import GOOD, JUNK, SECRETS


def least_us(body: bytes, rounds: int) -> float:
    """CPU time in microseconds."""
    times = []
    for _ in range(rounds):
        began = time.process_time_ns()
        delivery.read(body, SECRETS, 1)
        times.append(time.process_time_ns() - began)
    return min(times) / 1_000


def main(rounds: int = 20) -> int:
    good = least_us(GOOD, rounds)
    print(f"{'good':<26} {good:8.0f} µs")
    worst = 0.0
    for name, body in JUNK.items():
        cost = least_us(body, rounds)
        worst = max(worst, cost / good)
        print(f"{name:<26} {cost:8.0f} µs  {cost / good:6.2f} of the good one")
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main(**given(main)))
