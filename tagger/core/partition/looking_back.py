"""Which threads people may have removed tags from without our having seen it. Pure.

A removal below the committed offset is on the topic of decisions: the offset passes it only once it is recorded. Above
it, the removal is in what an assignment reads. So what we do not know of a thread that we did not see from its beginning
can be recalled from that topic: `Job.recall_ms` says from when on.
"""

from tagger.core.limits import CLOCK_JUMP_MS
from tagger.core.threads.thread import Thread


def look_back(thread: Thread, *, cut: bool, skew_ms: int) -> None:
    """Note whether something must be recalled for a thread that is due.

    `cut`: part of the thread, or of what came after it, is not known here. A repeat of a thread that was deleted since
    looks complete, but was created long before its first record.
    """
    ending = thread.ending
    assert ending is not None, "a job without an ending"
    created_ms = thread.created_at_ms
    first_ms = thread.first_record_ms
    repeated = first_ms < 0 or (created_ms is not None and first_ms - created_ms > skew_ms)
    if ending.recall_ms is None and (cut or repeated):
        ending.recall_ms = recall_since(created_ms)


def recall_since(created_ms: int | None) -> int:
    """Return since when people can have removed tags from a thread, though a clock be wrong by an hour."""
    return 0 if created_ms is None else max(0, created_ms - CLOCK_JUMP_MS)
