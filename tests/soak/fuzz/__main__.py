"""Ten minutes of requests of any kind against a running `ingest`: no 5xx, no process end, memory flat.

    python -m tests.soak.fuzz [--minutes 10] [--seed 1]

The requests are those of tests/integration/ingest/test_fuzz.py, drawn anew from a seed that is printed where one
fails. A good webhook between any two of them must be answered 200.
"""

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from hypothesis import HealthCheck, Phase, given, seed, settings

from tagger.simulator.stage.broker import EmbeddedBroker
from tests.integration.ingest.process import Process
from tests.integration.ingest.sender import PATIENCE_S, SECRET
from tests.integration.ingest.test_fuzz import GOOD, STATUS, answer_to, requests

ROUND: Final = 500  # requests between two looks at the time and at memory
ALLOWED: Final = frozenset({100, 200, 400, 401, 404, 405, 408, 413, 415})
# The broker of the run keeps what is stored in memory of its own; ingest itself may not grow by more.
GROWTH_BYTES_MAX: Final = 20 << 20
# Allocators and caches (of keys, of compiled metrics) fill in the first rounds.
WARM_UP_ROUNDS: Final = 3


def rss(pid: int) -> int:
    """Resident bytes of the process (proc_pid_statm(5))."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_round(port: int, number: int, seen: Counter[int]) -> None:
    """Raises AssertionError with the request where an answer is none that is allowed."""

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests())
    def send(request: bytes) -> None:
        statuses = {int(status) for status in STATUS.findall(answer_to(port, request, answers_in_s=0.01))}
        seen.update(statuses)
        assert statuses <= ALLOWED, (statuses, request)
        assert answer_to(port, GOOD, PATIENCE_S).startswith(b"HTTP/1.1 200")

    send()


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    seen: Counter[int] = Counter()
    sizes: list[int] = []
    with TemporaryDirectory(prefix="fuzz-") as folder, EmbeddedBroker({"livechat.webhooks": 3}) as broker:
        os.environ |= {
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": "0",
            "INGEST_ADMIN_PORT": "0",
            "LOG_FORMAT": "json",
        }
        process = Process(Path(folder) / "ingest.log")
        try:
            process.wait_until_it_listens()
            end, number = time.monotonic() + chosen.minutes * 60, chosen.seed
            while time.monotonic() < end:
                one_round(process.port, number, seen)
                sizes.append(rss(process.pid))
                print(f"seed {number}: {sum(seen.values()):,} answers, {sizes[-1] >> 20} MiB", flush=True)
                number += 1
        finally:
            process.end()
    warm = sizes[min(WARM_UP_ROUNDS, len(sizes)) - 1]
    print(f"answers {dict(sorted(seen.items()))}")
    print(f"memory after {WARM_UP_ROUNDS} rounds {warm >> 20} MiB, at the end {sizes[-1] >> 20} MiB")
    flat = sizes[-1] - warm <= GROWTH_BYTES_MAX
    print("Everything holds." if flat else "Memory is NOT flat.")
    return not flat


if __name__ == "__main__":
    raise SystemExit(main())
