"""A progress bar for long commands: on stderr, on a terminal only, removed at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

Moved = Callable[[int, int], None]  # (done, total); total 0: not known yet


@contextmanager
def bar(what: str) -> Iterator[Moved]:
    """Yields a function to call with the progress so far."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
