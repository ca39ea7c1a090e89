"""A progress bar for long commands, with its rate: on stderr, on a terminal only, removed at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text

Moved = Callable[[int, int], None]  # (done, total); total 0: not known yet


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


@contextmanager
def bar(what: str) -> Iterator[Moved]:
    """Yields a function to call with the progress so far; the bar shows with the first call, after any question."""
    console = Console(stderr=True)
    progress = Progress(
        *Progress.get_default_columns(),
        _Rate(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = progress.add_task(what, total=None)

    def moved(done: int, total: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=total or None)

    try:
        yield moved
    finally:
        progress.stop()
