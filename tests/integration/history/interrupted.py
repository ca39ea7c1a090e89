"""`tagger`, to which Ctrl-C comes when a bar moves: python -m tests.integration.history.interrupted BAR ARGUMENT..."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tagger.__main__ import main
from tagger.commands import history_options, suggest
from tagger.commands.progress import Moved

awaited = [sys.argv[1]]


@contextmanager
def bar(what: str) -> Iterator[Moved]:
    """A bar that is not drawn; the one that was named sends SIGINT when it first moves."""

    def moved(_done: int, _total: int) -> None:
        if what in awaited:
            awaited.remove(what)
            os.kill(os.getpid(), signal.SIGINT)

    yield moved


if __name__ == "__main__":
    for module in (history_options, suggest):
        module.bar = bar  # type: ignore[attr-defined]
    main(sys.argv[2:], prog_name="tagger")
