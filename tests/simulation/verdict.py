"""How a history ends: the faults stop, everything is settled in a bounded number of steps, and nothing is wrong.

`member` checks P1, P2, P5, P7 and the limits at every step, with `people` also P8. Checked here: P3 (nothing is left
over), P4 (the tags are what the oracle wants) and P6 (LiveChat was not asked for what was not missing).
"""

from tests.simulation.history import History
from tests.simulation.people import Violation
from tests.simulation.setting import LOSSY, UNTRUE
from tests.simulation.world import LEARNS_MS, OWN_LATE_MS, Event


def heal(history: History) -> None:
    """The faults stop; within a bounded number of steps nothing is left to do."""
    world, limits = history.world, history.limits
    world.ingest_offset_ms, world.odd_times = 0, ()
    for seat in history.seats:
        member = seat.member
        member.clock_offset_ms, member.failing, member.hasty, member.interrupted = 0, "", False, False
        seat.log.on_its_way.clear()
    # What was on its way arrives, and every process knows where chats belong.
    history.passes(max(limits.skew_s * 1000, LEARNS_MS if len(history.seats) > 1 else 0))
    _drain(history)
    history.passes(OWN_LATE_MS)  # LiveChat tells of the tags that were just set
    _drain(history)
    _check_questions(history)
    ages = [limits, *(seat.member.limits for seat in history.seats)]  # a member may have those of before
    longest_s = max(each.chat_age_s_max + each.chat_idle_s_max for each in ages) + 60
    for _ in range(longest_s // limits.skew_s):
        if not any(seat.member.partition._state.expiry.index.count for seat in history.seats):
            break  # everything has expired
        history.passes(limits.skew_s * 1000)
        _drain(history)
    for seat in history.seats:
        history.count(seat.member)


def _drain(history: History) -> None:
    for seat in history.seats:
        member, log = seat.member, seat.log
        for _ in range(60 + 20 * len(log.records)):
            member.poll(5)
            member.tick()
            member.act(0, "ok")
            committable = member.partition.committable()
            at_end = committable is not None and committable.offset == log.end
            if at_end and not member.partition.stats().unsettled:
                break
        member.commit()
        if log.committed != log.end and (log.committed is not None or log.records):
            raise Violation(f"P3: {log.committed} is committed, the log ends at {log.end}")


def _check_questions(history: History) -> None:
    """Checked before so much time passes that asking becomes right for every thread."""
    if history.world.gets and not history.world.untrue:
        raise Violation(f"P6: LiveChat was asked {history.world.gets} times although nothing was missing")


def _check_accounts(history: History) -> None:
    """What was counted step by step is what a recount finds."""
    for seat in history.seats:
        state = seat.member.partition._state
        threads, jobs = list(state.expiry.index), state.jobs
        waiting = [thread for thread in threads if thread.ending is not None and thread.ending.unsettled]
        counted = (state.expiry.index.count, state.expiry.index.size, jobs.waiting, jobs._held)
        there = (len(threads), sum(t.size() for t in threads), len(waiting), sum(t.size() for t in waiting))
        if counted != there:
            raise Violation(f"accounted {counted}, found {there}")


def check(history: History) -> None:
    """What must hold at the end."""
    world, faults = history.world, history.setting.faults

    def counts_late(event: Event) -> bool:
        """A late event counts unless it may be gone; an unreadable one only if its thread was known."""
        return not faults & LOSSY and (event.readable or faults & UNTRUE == {"poison"})

    for thread in world.threads.values():
        wrong = thread.tags - world.allows(thread)
        if wrong:
            raise Violation(f"P4: {thread.thread_id} has {wrong}, which nothing calls for")
        if thread.refused or thread.kept_stale:
            continue
        missing = world.wants(thread, counts_late) - thread.tags
        if missing:
            raise Violation(f"P4: {thread.thread_id} is missing {missing}")
    _check_accounts(history)
