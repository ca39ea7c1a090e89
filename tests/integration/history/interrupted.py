"""`tagger`, to which Ctrl-C comes when a bar is so far, in percent; at its first move, where its end is not known.

python -m tests.integration.history.interrupted BAR:PERCENT ARGUMENT...
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tagger.__main__ import main
from tagger.commands import history_reading, suggest
from tagger.commands.progress import Moved

named, _, percent = sys.argv[1].partition(":")
awaited = [named]


@contextmanager
def bar(what: str) -> Iterator[Moved]:
    """A bar that is not drawn; the one that was named sends SIGINT in time."""

    def moved(done: int, total: int) -> None:
        if what in awaited and 100 * done >= int(percent) * total:
            awaited.remove(what)
            os.kill(os.getpid(), signal.SIGINT)

    yield moved


if __name__ == "__main__":
    for module in (history_reading, suggest):
        module.bar = bar  # type: ignore[attr-defined]
    main(sys.argv[2:], prog_name="tagger")
