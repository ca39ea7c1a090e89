"""What people did to tags, and what the tagger must make of it.

P8: a tag is never set again once its removal could be known: it is in what the member has read, or was in the log when
the member was assigned, or is on the topic of decisions and out of the member's reach. P1 for corrections: whatever
people did below the committed offset is on that topic.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from tagger.core.partition.protocol import Job
from tests.simulation.world import Log, Thread, World

if TYPE_CHECKING:
    from tests.simulation.member import Member


class Violation(AssertionError):
    """A property does not hold."""


def check_calls(member: "Member", job: Job, thread: Thread, calls: Collection[str]) -> None:
    """P8, when a member is about to set these tags."""
    partition = member.partition
    position = partition._state.position
    for change in thread.changes:
        offset = member.log.offset(change.place)
        if change.change != "removed" or change.tag not in calls or offset is None:
            continue
        was_read = member.fold_from <= offset < position
        could_be_read = position <= offset < member.end_when_assigned
        cut_short = partition._catching_up.cut_short
        is_recorded = thread.recorded.get((change.tag, "removed"), -1) >= 0
        out_of_reach = offset < member.fold_from or (could_be_read and cut_short)
        if was_read or (could_be_read and not cut_short) or (is_recorded and out_of_reach):
            raise Violation(f"P8: {job.thread} gets {change.tag}, which a person removed at {offset}")
        member.met["removed where nobody could know"] += 1


def check_correction(member: "Member", job: Job, thread: Thread) -> None:
    """A correction is what happened, and no tag that we set while the thread is in memory.

    One that `retag` removed is recorded as anybody's; readers know it by its decision.
    """
    assert job.correction is not None
    tag, how = job.correction
    found = [one for one in thread.changes if (one.tag, one.change) == (tag, how)]
    if not found:
        raise Violation(f"{how} {tag} of {job.thread} is recorded and did not happen")
    key = (thread.organization, thread.thread_id)
    kept = member.partition._state.expiry.index.get(*job.thread)
    known, told = member.announced.get(key, (None, {}))
    ours = known is not None and kept is known and told.get(tag, job.offset + 1) <= job.offset
    if how == "added" and ours and all(one.by_us for one in found):
        raise Violation(f"{tag} of {job.thread} is recorded as a person's, and is ours")


def check_recorded(world: World, log: Log, committed: int) -> None:
    """P1: what people did below the committed offset is recorded, unless a decision called for the same."""
    for thread in world.threads.values():
        for change in thread.changes:
            offset = log.offset(change.place)
            if change.by_us or offset is None or not log.start <= offset < committed or offset in log.holes:
                continue
            agreed = change.change == "added" and change.tag in thread.called
            if (change.tag, change.change) not in thread.recorded and not agreed:
                raise Violation(
                    f"P1: {committed} is committed, but {change.change} {change.tag} of {thread.thread_id}, told at "
                    f"{offset}, is not recorded"
                )
