"""Work that is due, under way, or done: an offset stays unfinished until everything due at it is settled."""

from tagger.core.backlog import Backlog
from tagger.core.chat import Ending, Thread
from tagger.core.work import Work


def an_ended_thread(name: str = "T") -> Thread:
    thread = Thread(("org", "C"), name, 0, 0, 0)
    thread.ending = Ending(0, 0, ended=True, judged=False)
    return thread


def hand(backlog: Backlog, work_id: int) -> Work:
    thread = backlog.next()
    assert thread is not None
    return backlog.hand(work_id, thread, None, thread.conversation(complete=True))


def lowest(backlog: Backlog) -> int | None:
    found = backlog.unfinished.lowest()
    return None if found is None else found[0]


def test_what_is_due_twice_before_it_is_handed_out_is_one_work() -> None:
    backlog, thread = Backlog(), an_ended_thread()
    backlog.add(thread, 4, 0)
    backlog.add(thread, 6, 0)
    assert (hand(backlog, 1).offset, backlog.next()) == (4, None)
    backlog.settle(1)
    assert (lowest(backlog), backlog.threads, backlog.bytes) == (None, 0, 0)


def test_what_becomes_due_while_work_is_under_way_waits_for_it() -> None:
    backlog, thread = Backlog(), an_ended_thread()
    backlog.add(thread, 4, 0)
    hand(backlog, 1)
    backlog.add(thread, 6, 0)
    assert backlog.next() is None
    backlog.settle(1)
    assert (lowest(backlog), backlog.threads) == (6, 1)
    late = hand(backlog, 2)
    assert (late.kind, late.offset) == ("late", 6)


def test_work_that_turned_out_to_be_none_frees_all_that_waited() -> None:
    backlog, thread = Backlog(), an_ended_thread()
    backlog.add(thread, 4, 0)
    hand(backlog, 1)
    backlog.add(thread, 6, 0)
    backlog.drop(1)
    assert (lowest(backlog), backlog.threads, backlog.bytes, backlog.next()) == (None, 0, 0, None)


def test_a_thread_counts_for_what_it_grew_to_while_it_waited() -> None:
    backlog, thread = Backlog(), an_ended_thread()
    assert thread.ending is not None
    backlog.grew(thread.ending, 1_000)  # it does not wait yet
    backlog.add(thread, 4, 0)
    backlog.grew(thread.ending, 50)
    assert backlog.bytes == thread.size() + 50
    hand(backlog, 1)
    backlog.settle(1)
    assert backlog.bytes == 0


def test_of_several_threads_the_first_is_handed_out_first() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.add(an_ended_thread(str(number)), number, 0)
    assert [hand(backlog, number).thread.thread_id for number in range(3)] == ["0", "1", "2"]


def test_after_closing_nothing_is_under_way() -> None:
    backlog, thread = Backlog(), an_ended_thread()
    backlog.add(thread, 4, 0)
    hand(backlog, 1)
    backlog.close()
    assert backlog.under_way(1) is None
    assert backlog.next() is None
