"""Ten minutes of requests of any kind against a running `ingest`: no 5xx, no process end, memory flat.

The requests are those of tests/integration/ingest/test_fuzz.py, drawn from a seed that is printed where one
fails. A good webhook between any two of them must be answered 200.
"""

import time
from collections import Counter
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.integration.ingest.test_fuzz import requests, statuses_of
from tests.soak.ingest import on_embedded_broker
from tests.soak.main import main

ROUND: Final = 500  # requests between two looks at the time and at memory
# The broker of the run keeps what is stored in memory of its own; ingest itself may not grow by more.
GROWTH_BYTES_MAX: Final = 20 << 20
# Allocators and caches (of keys, of compiled metrics) fill in the first rounds.
WARM_UP_ROUNDS: Final = 3


def one_round(port: int, number: int, seen: Counter[int]) -> None:
    """Raises AssertionError with the request where an answer is not one of those allowed."""

    @seeded(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def send(request: bytes) -> None:
        seen.update(statuses_of(port, request, answers_in_s=0.01))

    send()


async def soak(folder: Path, minutes: float = 10.0, seed: int = 1) -> list[str]:
    seen: Counter[int] = Counter()
    sizes: list[int] = []
    with on_embedded_broker(folder) as process:
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            one_round(process.port, seed, seen)
            sizes.append(process.resident_bytes)
            print(f"seed {seed}: {sum(seen.values()):,} answers, {sizes[-1] >> 20} MiB", flush=True)
            seed += 1
    warm = sizes[min(WARM_UP_ROUNDS, len(sizes)) - 1]
    print(f"answers {dict(sorted(seen.items()))}")
    print(f"memory after {WARM_UP_ROUNDS} rounds {warm >> 20} MiB, at the end {sizes[-1] >> 20} MiB")
    return ["memory is not flat"] * (sizes[-1] - warm > GROWTH_BYTES_MAX)


if __name__ == "__main__":
    main(soak)
