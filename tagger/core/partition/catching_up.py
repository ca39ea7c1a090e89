"""When jobs may be handed out after an assignment: once what people corrected before it is known. Pure.

An earlier assignment may have set a tag, and died before that was committed. If a person removed the tag since, that
is further on in the log, so jobs wait until what was there at the assignment is read. They do not wait for long: not
beyond half of a limit at which reading would pause, not behind records that cannot be read, and at most `TICKS_MAX`.
Then what people removed further on in the log comes too late for jobs that are repeated, except what an earlier
assignment read and recorded: such jobs recall it from the topic of decisions.
"""

from typing import Final

# Of 0.25 s: 10 s, twice as long as it takes to read 300,000 records.
TICKS_MAX: Final = 40
FULL_ENOUGH: Final = 0.5  # of a limit: beyond it, an organization's threads would lose their text


class CatchingUp:
    """From an assignment until its jobs may begin."""

    def __init__(self) -> None:
        self._until: int | None = None  # the log's end at the assignment; None: jobs may begin
        self._ticks, self._end = 0, 0
        self.cut_short = False  # jobs began although not all of it was read

    def begin(self, log_end: int) -> None:
        """Start an assignment."""
        self._until, self._end, self._ticks, self.cut_short = log_end, log_end, 0, False

    def tick(self, *, stands_still: bool) -> None:
        """Note that time passes; `stands_still`: the next records cannot be read."""
        self._ticks += 1
        if self._until is not None and (stands_still or self._ticks >= TICKS_MAX):
            self._until, self.cut_short = None, True

    def is_behind(self, position: int) -> bool:
        """Return whether jobs began before all that was there at the assignment was read, and that is not read yet."""
        return self.cut_short and position < self._end

    def is_over(self, position: int, fullness: float) -> bool:
        """Return whether jobs may be handed out; `fullness` 1 pauses reading."""
        if self._until is None:
            return True
        caught_up = position >= self._until
        if caught_up or fullness >= FULL_ENOUGH:
            self._until, self.cut_short = None, not caught_up
        return self._until is None
