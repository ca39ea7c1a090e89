"""The end of a thread: the job that it is, what that job covers, and what was decided. Pure."""

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from tagger.core.threads.shares import Account

# What an ending costs besides names. Measured; `tests/unit/core/threads/test_expiry.py` compares it with what the
# interpreter allocates.
_ENDING_BYTES: Final = 197
_RULE_BYTES: Final = 48  # each rule that held: its name belongs to the keyword files
NAME_BYTES: Final = 68  # what an author's id or a tag costs besides its characters


class Ending(msgspec.Struct, gc=False, eq=False):
    """The job of a thread that ended, expired or was unreadable: due, under way, or settled.

    The garbage collector does not track it, nor its thread: nothing that it holds may refer back to either.
    """

    at_ms: int  # the partition's clock when it became due
    record_ms: int  # that record's own time
    ended: bool  # its end is in the log, or LiveChat said so
    late: bool  # it was decided on: what is due from now on is late
    last: int = 0  # offset of the thread's last record that counts
    # The first and last (or only) offset not covered by the job under way: a waiting thread takes no more
    # memory, however much comes for it.
    waiting: tuple[int, ...] = ()
    handed: tuple[int, ...] = ()  # the same for the offsets that the job under way covers
    account: "Account | None" = None  # whose share it takes while it waits
    held: int = 0  # bytes accounted for the thread while it waits
    shed: bool = False  # it waits without its text, beyond its organization's share
    asked: int = 0  # times that LiveChat called the thread active
    decided: tuple[str, ...] = ()  # tags that decisions called for, each once
    parked: bool = False  # LiveChat refused one of these for good
    rules: tuple[str, ...] | None = ()  # that held in decisions; None: not all are known
    # Tags that a job is setting: LiveChat may tell of them before it is settled. Those of a void job stay.
    setting: tuple[str, ...] = ()
    # Tags that people removed since then (Unix, ms) may be known to the topic of decisions alone; None: to us, too.
    recall_ms: int | None = None

    @property
    def unsettled(self) -> bool:
        """Whether a job is due or under way."""
        return bool(self.waiting or self.handed)

    def is_ours(self, tag: str) -> bool:
        """Return whether we set the tag, or are about to: then nobody else need have done it."""
        return tag in self.decided or tag in self.setting


def cost(ending: Ending | None) -> int:
    """Return the bytes of an ending and the names it holds; 0 for None."""
    if ending is None:
        return 0
    tags = (*ending.decided, *ending.setting)
    return _ENDING_BYTES + sum(map(name_cost, tags)) + _RULE_BYTES * len(ending.rules or ())


def name_cost(name: str) -> int:
    """Return the bytes of an author's id or a tag."""
    return NAME_BYTES + (len(name) if name.isascii() else 4 * len(name))
