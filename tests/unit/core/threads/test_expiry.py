"""How long threads are kept, by the time that passes between records, and what is evicted to free memory."""

import gc
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tagger.core.limits import Limits
from tagger.core.threads import thread as chat_module
from tagger.core.threads.ending import Ending
from tagger.core.threads.expiry import Expiry
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import Thread
from tests.unit.core.partition.log import START_MS

ORGANIZATION: Final = "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"
TAGS: Final = ["Refund"]
LIMITS: Final = Limits(chat_age_s_max=4_000, chat_idle_s_max=1_000, linger_s=300, skew_s=60)


class Remembering:
    """An Expiry, what it asked for, and time that passes by the minute."""

    def __init__(self) -> None:
        self.count: Counter[tuple[str, str]] = Counter()
        self.asked: list[str] = []
        self.answer = True  # asking is a job
        self.settled = True
        self.home = True
        self.expiry = Expiry(LIMITS, self.count, self._ask, lambda _: self.settled, lambda *_: self.home)
        self.expiry.complete_since_ms = 0
        self.expiry.pass_to(START_MS, 0)

    def _ask(self, thread: Thread, offset: int) -> bool:
        self.asked.append(thread.thread_id)
        return self.answer

    def add(self, name: str = "T", *, begun: bool = True, text: str = "") -> Thread:
        thread = Thread(("org", name), name, 0, self.expiry.newest_ms, self.expiry.clock_ms)
        if begun:
            thread.begin(ChatStarted("org", name, name, self.expiry.newest_ms, True, (), (), None, (), 0))
        self.expiry.add(thread)
        if text:
            self.expiry.index.size += thread.add("1", "a@x", (text,))
        return thread

    def minutes(self, number: int) -> None:
        for _ in range(number):
            self.expiry.pass_to(self.expiry.newest_ms + 60_000, 0)

    def known(self, name: str = "T") -> Thread | None:
        return self.expiry.index.get("org", name, name)


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> Remembering:
    # The whole process shares the cache, which may grow just while a test measures.
    monkeypatch.setattr(chat_module, "_shared", str)
    return Remembering()


def test_nothing_is_left_of_a_silent_thread_whose_end_would_be_asked_for(remembering: Remembering) -> None:
    thread = remembering.add(text="hello")
    remembering.minutes(15)
    assert thread.text
    remembering.minutes(5)
    assert remembering.known() is None
    assert remembering.asked == []
    assert remembering.count["expired", ""] == 1


def test_what_is_known_only_by_events_of_a_chat_that_is_elsewhere_is_asked_for_soon(
    remembering: Remembering,
) -> None:
    remembering.home = False
    remembering.add("begun", text="hello")
    remembering.add("not begun", begun=False, text="hello")
    remembering.minutes(11)  # threads are looked at every ten minutes
    assert remembering.asked == ["not begun"]


def test_a_thread_that_goes_on_talking_expires_only_for_its_age(remembering: Remembering) -> None:
    thread = remembering.add(text="hello")
    for _ in range(60):
        remembering.minutes(1)
        thread.last_ms = remembering.expiry.clock_ms
    assert thread.text
    remembering.minutes(20)
    assert remembering.known() is None


def test_a_thread_without_beginning_is_asked_for_when_it_falls_silent(remembering: Remembering) -> None:
    thread = remembering.add(begun=False, text="hello")
    remembering.minutes(20)
    assert (remembering.asked, remembering.known()) == (["T"], thread)


def test_what_an_earlier_assignment_asked_for_is_deleted(remembering: Remembering) -> None:
    remembering.answer = False
    remembering.add(begun=False, text="hello")
    remembering.minutes(20)
    assert remembering.known() is None


@pytest.mark.parametrize(
    ("settled", "minutes", "known"), [(True, 10, False), (False, 10, True), (True, 4, True)]
)
def test_an_ended_thread_lingers_and_waits_until_the_committed_offset_has_passed_it(
    remembering: Remembering, settled: bool, minutes: int, known: bool
) -> None:
    thread = remembering.add()
    remembering.expiry.index.end(thread, Ending(remembering.expiry.clock_ms, START_MS, ended=True, late=True))
    remembering.expiry.look_later(thread)
    remembering.settled = settled
    remembering.minutes(minutes)
    assert (remembering.known() is not None) == known


@pytest.mark.parametrize("hours", [-1, 1, 1_000])
def test_a_jump_of_the_clock_counts_for_a_minute(remembering: Remembering, hours: int) -> None:
    thread = remembering.add(text="hello")
    remembering.expiry.pass_to(START_MS + hours * 3_600_000, 0)
    remembering.minutes(14)
    assert thread.text


def test_silence_that_nobody_writes_down_counts_as_it_passes(remembering: Remembering) -> None:
    thread = remembering.add(text="hello")
    for _ in range(1_020):
        remembering.expiry.idle(1_000, START_MS, 7)
    assert not thread.text


def test_what_is_deleted_unsettled_never_looks_whole_again(remembering: Remembering) -> None:
    remembering.add("begun", text="hello")
    remembering.minutes(20)
    assert remembering.expiry.complete_since_ms == START_MS + 1
    remembering.answer = False
    remembering.add("not begun", begun=False, text="hello")
    began_ms = remembering.expiry.newest_ms
    remembering.minutes(20)
    assert remembering.expiry.complete_since_ms == began_ms + 60_000 + 1


def test_a_time_that_cannot_be_does_not_make_the_log_incomplete_for_ever(remembering: Remembering) -> None:
    thread = remembering.add()
    thread.created_at_ms = START_MS * 1_000
    remembering.minutes(20)
    assert remembering.expiry.complete_since_ms is not None
    assert remembering.expiry.complete_since_ms <= remembering.expiry.newest_ms + 3_600_000


def test_over_the_limit_the_oldest_go_first_and_what_waits_stays(remembering: Remembering) -> None:
    threads = [remembering.add(str(number), text="x" * 2_000) for number in range(5)]
    ending = Ending(0, START_MS, ended=True, late=False)
    ending.waiting = (0,)
    remembering.expiry.index.end(threads[0], ending)
    remembering.expiry.evict(remembering.expiry.index.bytes, 0)
    assert all(thread.text for thread in threads)
    remembering.expiry.evict(remembering.expiry.index.bytes - 1, 0)
    assert [thread.deleted for thread in threads] == [False, True, False, False, False]
    assert remembering.count["evicted", ""] == 1


def test_of_what_is_evicted_the_threads_that_may_have_ended_are_asked_for(remembering: Remembering) -> None:
    remembering.add("begun", text="hello")
    unknown = remembering.add("not begun", begun=False, text="hello")
    remembering.expiry.evict(10, 0)
    assert remembering.known("begun") is None
    assert (remembering.asked, len(unknown.text)) == (["not begun"], 0)
    assert remembering.count["evicted", ""] == 2


def strings(
    messages: int, characters: int, agents: int
) -> Iterator[tuple[str, str, str, list[tuple[str, str, str]]]]:
    """Yield new strings for one thread after another: chat, thread, customer, and (event, author, text)s."""
    rng = random.Random(7)
    for number in range(300):
        thread, customer = f"K{number:09d}", f"{number:08x}-f8df-4364-8059-649c35c9ed0c"
        said = [
            (
                f"{thread}_{place}",
                customer if place % 2 else f"agent{rng.randrange(agents)}@example.com",
                text,
            )
            for place in range(messages)
            for text in [f"{number} {place} ".ljust(characters, "x")]
        ]
        yield f"P{number:09d}", thread, customer, said


def remember(expiry: Expiry, messages: int, characters: int, agents: int, *, ended: bool) -> None:
    """Add 300 threads with this many messages each, ended or open."""
    for chat, thread_id, customer, said in strings(messages, characters, agents):
        expiry.pass_to(expiry.newest_ms + 100, 0)
        now_ms, offset = expiry.newest_ms, 1_000 + 2 * expiry.index.count
        thread = Thread((ORGANIZATION, chat), thread_id, offset, now_ms, expiry.clock_ms)
        expiry.add(thread)
        began = ChatStarted(*thread.chat, thread_id, now_ms, True, (), (customer,), (0,), (), 0)
        expiry.index.size += thread.begin(began)[1]
        for event_id, author_id, text in said:
            expiry.index.size += thread.add(event_id, author_id, (text,))
        if ended:
            ending = Ending(expiry.clock_ms, now_ms, ended=True, late=True)
            expiry.index.end(thread, ending)
            ending.last, ending.decided, ending.rules = offset + 1, tuple(TAGS), tuple(TAGS)
            expiry.look_later(thread)


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize(
    ("messages", "characters", "agents"),
    [(0, 0, 1), (1, 20, 1), (3, 400, 5), (20, 80, 3), (150, 60, 3), (20, 4_000, 1)],
)
def test_accounted_bytes_are_those_that_are_allocated(
    remembering: Remembering, messages: int, characters: int, agents: int, ended: bool
) -> None:
    """Never fewer, or the limit would not hold; and not many more, or memory would stay unused."""
    gc.collect()
    tracemalloc.start()
    remember(remembering.expiry, messages, characters, agents, ended=ended)
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert allocated <= remembering.expiry.index.bytes <= allocated * 1.3 + 300 * 100


SHAPES: Final = {
    "organizations of their own": {"organization": "an organization of {0} whose name is long"},
    "authors of their own": {"author": "{0}.{1}." + "x" * 200 + "@example.com", "messages": 40},
    "no address": {"author": "{0}.{1}", "messages": 40},
    "groups": {"groups": 200},
    "tags": {"tags": 50},
    "letters of four bytes": {"author": "\N{GRINNING FACE}@{0}", "organization": "\N{GRINNING FACE} {0}"},
    "letters of three bytes": {"text": "\N{EURO SIGN}" * 400, "messages": 5},
    "many short messages": {"text": "x", "messages": 500},
}


def remember_shape(
    expiry: Expiry,
    *,
    organization: str = ORGANIZATION,
    author: str = "agent@example.com",
    text: str = "hello",
    messages: int = 1,
    groups: int = 1,
    tags: int = 0,
) -> None:
    """Add 200 ended threads of a shape that somebody may send."""
    for number in range(200):
        expiry.pass_to(expiry.newest_ms + 100, 0)
        name = f"K{number:09d}"
        chat = (organization.format(number), f"P{number:09d}")
        named = tuple(f"tag {number} {tag}" for tag in range(tags))
        thread = Thread(chat, name, 1_000 + 2 * number, expiry.newest_ms, expiry.clock_ms)
        expiry.add(thread)
        group_ids = tuple(1_000 + group for group in range(groups))
        began = ChatStarted(*chat, name, expiry.newest_ms, True, (), (f"c{number}",), group_ids, named, 0)
        expiry.index.size += thread.begin(began)[1]
        for place in range(messages):
            expiry.index.size += thread.add(f"{name}_{place}", author.format(number, place), (text,))
        ending = Ending(expiry.clock_ms, expiry.newest_ms, ended=True, late=True)
        ending.last, ending.decided = 1_001 + 2 * number, tuple(f"{tag}!" for tag in named)
        expiry.index.end(thread, ending)
        expiry.look_later(thread)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_everything_that_a_thread_holds_is_accounted(remembering: Remembering, shape: dict[str, Any]) -> None:
    """Also what only a stranger would send: 202 MB of addresses once counted as less than one."""
    gc.collect()
    tracemalloc.start()
    remember_shape(remembering.expiry, **shape)
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert allocated <= remembering.expiry.index.bytes <= allocated * 1.6


@pytest.mark.parametrize(("ended", "bytes_max"), [(False, 3_300), (True, 3_700)])
def test_a_thread_of_twenty_messages_of_eighty_characters_takes_three_and_a_half_kilobytes(
    remembering: Remembering, ended: bool, bytes_max: int
) -> None:
    remember(remembering.expiry, 20, 80, 3, ended=ended)
    assert remembering.expiry.index.bytes / remembering.expiry.index.count < bytes_max


@pytest.mark.parametrize("ended", [False, True])
def test_a_flood_of_threads_takes_no_more_than_the_limit(remembering: Remembering, ended: bool) -> None:
    """Nothing of a deleted thread may stay, in whichever way it was deleted."""
    limit, expiry = 500_000, remembering.expiry
    gc.collect()
    tracemalloc.start()
    for number in range(20_000):
        thread = remembering.add(str(number), text="x" * 100)
        if ended:
            expiry.index.end(thread, Ending(expiry.clock_ms, START_MS, ended=True, late=True))
            expiry.look_later(thread)
        expiry.pass_to(expiry.newest_ms + 10, 0)
        expiry.evict(limit, 0)
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert allocated <= limit * 1.1
