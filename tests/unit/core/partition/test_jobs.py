"""Jobs that are due, under way, or settled: an offset stays unsettled until every job at it is settled."""

import gc
from collections import deque
from collections.abc import Iterator

from tagger.core.limits import Limits
from tagger.core.partition.jobs import Jobs
from tagger.core.partition.protocol import Job
from tagger.core.threads.ending import Ending
from tagger.core.threads.thread import Thread


def some_jobs(unsettled_max: int = 100, bytes_max: int = 1 << 30) -> Jobs:
    return Jobs(Limits(unsettled_max=unsettled_max), bytes_max, several=False)


def an_ended_thread(name: str = "T", organization: str = "org") -> Thread:
    thread = Thread((organization, "C"), name, 0, 0, 0)
    thread.ending = Ending(0, 0, ended=True, late=False)
    return thread


def hand(jobs: Jobs, job_id: int) -> Job:
    thread = jobs.next(10)
    assert thread is not None
    return jobs.hand(job_id, thread, None, thread.conversation(complete=True))


def lowest(jobs: Jobs) -> int | None:
    found = jobs.unsettled.lowest()
    return None if found is None else found[0]


def test_what_is_due_twice_before_it_is_handed_out_is_one_job() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    jobs.add(thread, 6, 0, 0)
    assert (hand(jobs, 1).offset, jobs.next(10)) == (4, None)
    jobs.settle(1)
    assert (lowest(jobs), jobs.waiting, jobs.bytes) == (None, 0, 0)


def test_what_becomes_due_while_a_job_is_under_way_waits_for_it() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    hand(jobs, 1)
    jobs.add(thread, 6, 0, 0)
    assert jobs.next(10) is None
    jobs.settle(1)
    assert (lowest(jobs), jobs.waiting) == (6, 1)
    late = hand(jobs, 2)
    assert (late.kind, late.offset) == ("late", 6)


def test_a_job_that_is_withdrawn_frees_everything_that_waited() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    hand(jobs, 1)
    jobs.add(thread, 6, 0, 0)
    jobs.withdraw(1)
    assert (lowest(jobs), jobs.waiting, jobs.bytes, jobs.next(10)) == (None, 0, 0, None)


def test_a_thread_counts_for_what_it_grew_to_while_it_waited() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.grew(thread, 1_000)  # it does not wait yet
    jobs.add(thread, 4, 0, 0)
    waiting = jobs.bytes
    jobs.grew(thread, 50)
    assert waiting > thread.size()  # its offset takes room too
    assert jobs.bytes == waiting + 50
    hand(jobs, 1)
    jobs.settle(1)
    assert lowest(jobs) is None
    assert jobs.bytes == 0


def test_of_several_threads_the_first_is_handed_out_first() -> None:
    jobs = some_jobs()
    for number in range(3):
        jobs.add(an_ended_thread(str(number)), number, 0, 0)
    assert [hand(jobs, number).thread.thread_id for number in range(3)] == ["0", "1", "2"]


def test_after_closing_nothing_is_under_way() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    hand(jobs, 1)
    jobs.close()
    assert jobs.under_way(1) is None
    assert jobs.next(10) is None


def test_a_waiting_thread_takes_no_more_offsets_however_much_comes_for_it() -> None:
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    waiting = jobs.bytes
    for offset in range(5, 1_000):
        jobs.add(thread, offset, 0, 0)
    assert jobs.bytes == waiting
    job = hand(jobs, 1)
    assert (job.offset, job.last_offset, lowest(jobs)) == (4, 999, 4)


def test_an_organization_is_over_its_share_if_it_has_more_than_it_leaves_for_others() -> None:
    jobs = some_jobs(unsettled_max=10)
    for number in range(6):
        thread = an_ended_thread(str(number))
        jobs.add(thread, number, 0, 0)
        assert not jobs.is_over(thread)
    other = an_ended_thread("6", "another")
    jobs.add(other, 6, 0, 0)
    assert jobs.is_over(thread)
    assert not jobs.is_over(other)
    jobs.lost_text(thread)
    jobs.lost_text(an_ended_thread_of(jobs))
    assert (jobs.threads, jobs.shed, jobs.waiting) == (5, 2, 7)


def an_ended_thread_of(jobs: Jobs) -> Thread:
    return jobs.shares.waiting()[1]


def test_an_organization_is_over_its_share_by_bytes_as_well() -> None:
    jobs = some_jobs(bytes_max=40_000)
    jobs.add(an_ended_thread("T", "another"), 0, 0, 0)
    thread = an_ended_thread()
    thread.add("T_1", "a@x", ("x" * 6_000,))
    jobs.add(thread, 1, 0, 0)
    assert jobs.is_over(thread)
    jobs.lost_text(thread)
    assert not jobs.is_over(thread)


def held_by(thing: object) -> Iterator[object]:
    """Yield what a thing of our own or a collection holds."""
    match thing:
        case tuple() | list() | set() | frozenset() | deque():
            yield from thing
        case dict():
            yield from (*thing, *thing.values())
        case _:
            names: tuple[str, ...] = getattr(thing, "__struct_fields__", getattr(thing, "__slots__", ()))
            yield from (getattr(thing, name) for name in names)
            yield from getattr(thing, "__dict__", {}).values()


def test_the_garbage_collector_does_not_track_threads_and_nothing_that_they_hold_refers_back() -> None:
    """Or they would never be freed once their partition is gone."""
    jobs, thread = some_jobs(), an_ended_thread()
    jobs.add(thread, 4, 0, 0)
    hand(jobs, 1)
    jobs.add(thread, 6, 0, 0)
    ending = thread.ending
    assert ending is not None
    assert ending.account is not None, "it waits"
    assert not gc.is_tracked(thread)
    assert not gc.is_tracked(ending)
    found, next_ones = {id(thread)}, list(held_by(thread))
    while next_ones:
        one = next_ones.pop()
        assert one is not thread
        if id(one) not in found:
            found.add(id(one))
            next_ones += held_by(one)
    assert id(ending.account) in found
