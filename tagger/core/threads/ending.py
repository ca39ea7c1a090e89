"""The end of a thread: the job that it is, what that job covers, and what was decided. Pure."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tagger.core.threads.shares import Account

# What an ending costs besides names. Measured; `tests/unit/core/threads/test_expiry.py` compares it with what the
# interpreter allocates.
_ENDING_BYTES: Final = 197
_RULE_BYTES: Final = 48  # each rule that held: its name belongs to the keyword files
NAME_BYTES: Final = 68  # what an author's id or a tag costs besides its characters


class Ending:
    """The job of a thread that ended, expired or was unreadable: due, under way, or settled."""

    __slots__ = (
        "account", "asked", "at_ms", "decided", "ended", "handed", "held", "last", "late", "parked", "recall_ms",
        "record_ms", "rules", "setting", "shed", "waiting",
    )  # fmt: skip

    def __init__(self, at_ms: int, record_ms: int, *, ended: bool, late: bool) -> None:
        self.ended = ended  # its end is in the log, or LiveChat said so
        self.late = late  # it was decided on: what is due from now on is late
        self.at_ms = at_ms  # the partition's clock when it became due
        self.record_ms = record_ms  # that record's own time
        self.last = 0  # offset of the thread's last record that counts
        # The first and last (or only) offset not covered by the job under way: a waiting thread takes no more
        # memory, however much comes for it.
        self.waiting: tuple[int, ...] = ()
        self.handed: tuple[int, ...] = ()  # the same for the offsets that the job under way covers
        self.account: Account | None = None  # whose share it takes while it waits
        self.held = 0  # bytes accounted for the thread while it waits
        self.shed = False  # it waits without its text, beyond its organization's share
        self.asked = 0  # times that LiveChat called the thread active
        self.decided: tuple[str, ...] = ()  # tags that decisions called for, each once
        self.parked = False  # LiveChat refused one of these for good
        self.rules: tuple[str, ...] | None = ()  # that held in decisions; None: not all are known
        # Tags that a job is setting: LiveChat may tell of them before it is settled. Those of a void job stay.
        self.setting: tuple[str, ...] = ()
        # Tags that people removed since then (Unix, ms) may be known to the topic of decisions alone; None: to us, too.
        self.recall_ms: int | None = None

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
