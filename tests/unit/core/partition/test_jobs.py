"""Work that is due, under way, or done: an offset stays unfinished until everything due at it is settled."""

from tagger.core.limits import Limits
from tagger.core.partition.jobs import Backlog
from tagger.core.partition.protocol import Work
from tagger.core.threads.thread import Ending, Thread


def a_backlog(unsettled_max: int = 100, bytes_max: int = 1 << 30) -> Backlog:
    return Backlog(Limits(unsettled_max=unsettled_max), bytes_max, several=False)


def an_ended_thread(name: str = "T", organization: str = "org") -> Thread:
    thread = Thread((organization, "C"), name, 0, 0, 0)
    thread.ending = Ending(0, 0, ended=True, judged=False)
    return thread


def hand(backlog: Backlog, work_id: int) -> Work:
    thread = backlog.next(10)
    assert thread is not None
    return backlog.hand(work_id, thread, None, thread.conversation(complete=True))


def lowest(backlog: Backlog) -> int | None:
    found = backlog.unfinished.lowest()
    return None if found is None else found[0]


def test_what_is_due_twice_before_it_is_handed_out_is_one_work() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.add(thread, 4, 0, 0)
    backlog.add(thread, 6, 0, 0)
    assert (hand(backlog, 1).offset, backlog.next(10)) == (4, None)
    backlog.settle(1)
    assert (lowest(backlog), backlog.waiting, backlog.bytes) == (None, 0, 0)


def test_what_becomes_due_while_work_is_under_way_waits_for_it() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.add(thread, 4, 0, 0)
    hand(backlog, 1)
    backlog.add(thread, 6, 0, 0)
    assert backlog.next(10) is None
    backlog.settle(1)
    assert (lowest(backlog), backlog.waiting) == (6, 1)
    late = hand(backlog, 2)
    assert (late.kind, late.offset) == ("late", 6)


def test_work_that_turned_out_to_be_none_frees_all_that_waited() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.add(thread, 4, 0, 0)
    hand(backlog, 1)
    backlog.add(thread, 6, 0, 0)
    backlog.drop(1)
    assert (lowest(backlog), backlog.waiting, backlog.bytes, backlog.next(10)) == (None, 0, 0, None)


def test_a_thread_counts_for_what_it_grew_to_while_it_waited() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.grew(thread, 1_000)  # it does not wait yet
    backlog.add(thread, 4, 0, 0)
    waiting = backlog.bytes
    backlog.grew(thread, 50)
    assert waiting > thread.size()  # its offset takes room too
    assert backlog.bytes == waiting + 50
    hand(backlog, 1)
    backlog.settle(1)
    assert lowest(backlog) is None
    assert backlog.bytes == 0


def test_of_several_threads_the_first_is_handed_out_first() -> None:
    backlog = a_backlog()
    for number in range(3):
        backlog.add(an_ended_thread(str(number)), number, 0, 0)
    assert [hand(backlog, number).thread.thread_id for number in range(3)] == ["0", "1", "2"]


def test_after_closing_nothing_is_under_way() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.add(thread, 4, 0, 0)
    hand(backlog, 1)
    backlog.close()
    assert backlog.under_way(1) is None
    assert backlog.next(10) is None


def test_however_much_comes_for_a_thread_that_waits_it_takes_no_more_room() -> None:
    backlog, thread = a_backlog(), an_ended_thread()
    backlog.add(thread, 4, 0, 0)
    waiting = backlog.bytes
    for offset in range(5, 1_000):
        backlog.add(thread, offset, 0, 0)
    assert backlog.bytes == waiting
    work = hand(backlog, 1)
    assert (work.offset, work.last_offset, lowest(backlog)) == (4, 999, 4)


def test_over_its_share_is_who_has_more_than_is_left_for_others_where_there_are_others() -> None:
    backlog = a_backlog(unsettled_max=10)
    for number in range(6):
        thread = an_ended_thread(str(number))
        backlog.add(thread, number, 0, 0)
        assert not backlog.is_over(thread)
    other = an_ended_thread("6", "another")
    backlog.add(other, 6, 0, 0)
    assert backlog.is_over(thread)
    assert not backlog.is_over(other)
    backlog.lost_text(thread)
    backlog.lost_text(an_ended_thread_of(backlog))
    assert (backlog.threads, backlog.shed, backlog.waiting) == (5, 2, 7)


def an_ended_thread_of(backlog: Backlog) -> Thread:
    return backlog.shares.waiting()[1]


def test_an_organization_is_over_its_share_by_bytes_as_well() -> None:
    backlog = a_backlog(bytes_max=40_000)
    backlog.add(an_ended_thread("T", "another"), 0, 0, 0)
    thread = an_ended_thread()
    thread.add("T_1", "a@x", ("x" * 6_000,))
    backlog.add(thread, 1, 0, 0)
    assert backlog.is_over(thread)
    backlog.lost_text(thread)
    assert not backlog.is_over(thread)
