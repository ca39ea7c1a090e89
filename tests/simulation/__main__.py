"""`python -m tests.simulation [HISTORIES] [FIRST_SEED]`: run histories, print what happened; exit 1 at a violation."""

import sys
import time
from collections import Counter

from tests.simulation.setting import setting, steps
from tests.simulation.story import run, shortened, story


def main(arguments: list[str]) -> int:
    histories = int(arguments[0]) if arguments else 1_000
    first = int(arguments[1]) if len(arguments) > 1 else 0
    seen: Counter[str] = Counter()
    began = time.process_time()
    for seed in range(first, first + histories):
        drawn = setting(seed)
        try:
            seen += run(drawn).seen
        except Exception as error:
            print(f"seed {seed}: {error!r}")
            history = shortened(drawn, steps(drawn))
            print(story(drawn, history))
            return 1
    print(f"{histories} histories, {time.process_time() - began:.1f} s of CPU")
    for name, count in sorted(seen.items()):
        print(f"{count:10} {name}")
    return 0


sys.exit(main(sys.argv[1:]))
