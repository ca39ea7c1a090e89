"""A progress bar for commands that take their time: on a terminal only, on stderr, gone at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

Moved = Callable[[int, int], None]  # (done, of how many); 0: nobody knows yet


@contextmanager
def bar(what: str) -> Iterator[Moved]:
    """Call what it gives as the work goes on."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
