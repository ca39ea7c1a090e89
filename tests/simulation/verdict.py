"""How a history ends: the faults stop, everything is done in a bounded number of steps, and nothing is wrong.

P1, P2, P5 and the limits are held at every step, by `member`. Here are P3 (nothing is left over), P4 (the tags are
those the oracle wants) and P6 (LiveChat was not asked for what was not missing).
"""

from tests.simulation.history import History
from tests.simulation.member import Violation
from tests.simulation.setting import LOSSY, UNTRUE
from tests.simulation.world import Event


def heal(history: History) -> None:
    """The faults stop; within a bounded number of steps nothing is left to do."""
    world, member, limits = history.world, history.member, history.setting.limits
    world.ingest_offset_ms = member.clock_offset_ms = 0
    history.passes(limits.skew_s * 1000)  # what was on its way arrives
    _drain(history)
    for _ in range((limits.chat_age_s_max + limits.chat_idle_s_max + 60) // limits.skew_s):
        history.passes(limits.skew_s * 1000)
        member.partition.tick(member.now_ms, len(world.log), len(world.log))
    _drain(history)
    history.count(member)


def _drain(history: History) -> None:
    member, world = history.member, history.world
    for _ in range(60 + 20 * len(world.log)):
        member.poll(5)
        member.tick()
        member.act(0, "ok")
        committable = member.partition.committable()
        at_end = committable is not None and committable.offset == len(world.log)
        if at_end and not member.partition.stats().unsettled:
            break
    member.commit()
    if world.committed != len(world.log):
        raise Violation(f"P3: {world.committed} is committed, the log ends at {len(world.log)}")


def _check_accounts(history: History) -> None:
    """What is counted as it comes and goes is what is there."""
    state = history.member.partition._state
    threads, backlog = list(state.memory.threads), state.backlog
    waiting = [thread for thread in threads if thread.ending is not None and thread.ending.unfinished]
    counted = (state.memory.threads.count, state.memory.threads.size, backlog.threads, backlog.bytes)
    there = (len(threads), sum(t.size() for t in threads), len(waiting), sum(t.size() for t in waiting))
    if counted != there:
        raise Violation(f"accounts of {counted} for {there}")


def check(history: History) -> None:
    """What must hold at the end."""
    world, faults = history.world, history.setting.faults

    def counts_late(event: Event) -> bool:
        """A late event counts unless it may be gone; one that nobody can read only where its thread was known."""
        gone = faults & LOSSY or history.seen["forgotten"]
        return not gone and (event.readable or faults & UNTRUE == {"poison"})

    for thread in world.threads.values():
        wrong = thread.tags - world.allows(thread)
        if wrong:
            raise Violation(f"P4: {thread.thread_id} has {wrong}, which nothing calls for")
        if thread.refused or thread.kept_stale:
            continue
        missing = world.wants(thread, counts_late) - thread.tags
        if missing:
            raise Violation(f"P4: {thread.thread_id} lacks {missing}")
    _check_accounts(history)
    untold = set(world.poisoned.values()) - world.parked
    if untold and not faults & LOSSY:
        raise Violation(f"nobody was told of what is unreadable in {sorted(untold)}")
    if world.gets and not world.untrue:
        raise Violation(f"P6: LiveChat was asked {world.gets} times for what was not missing")
