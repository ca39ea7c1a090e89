"""`python -m tests.simulation.calls [HISTORIES] [FIRST_SEED]`: run histories, print what happened; exit 1 at a violation."""

import sys
import time
from collections import Counter

from tests.simulation.calls.history import play
from tests.simulation.calls.setting import setting
from tests.simulation.calls.verdict import check


def main(arguments: list[str]) -> int:
    histories = int(arguments[0]) if arguments else 1_000
    first = int(arguments[1]) if len(arguments) > 1 else 0
    seen: Counter[str] = Counter()
    began, violations = time.process_time(), 0
    for seed in range(first, first + histories):
        try:
            history = play(setting(seed))
            seen += history.seen
            check(history)
        except Exception as error:
            violations += 1
            print(f"seed {seed}: {error!r}")
    print(f"{histories} histories, {time.process_time() - began:.1f} s of CPU, {violations} violations")
    for name, count in sorted(seen.items()):
        print(f"{count:10} {name}")
    return 1 if violations else 0


sys.exit(main(sys.argv[1:]))
