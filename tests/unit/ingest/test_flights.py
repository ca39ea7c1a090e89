"""Records of a partition leave in order, and what was refused with others is tried alone."""

import asyncio
from typing import Any

from ingest.flights import Flights
from ingest.pending import Waiting
from ingest.topic import Record


class Batch:
    """Takes two records."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def append(self, *, key: bytes, **_: Any) -> object:
        if len(self.keys) == 2:
            return None
        self.keys.append(key)
        return self

    def close(self) -> None:
        pass


def put(flights: Flights, *keys: bytes, partition: int = 0, since: float = 0.0) -> list[Waiting]:
    made = [
        Waiting(Record(key, b"{}", ()), asyncio.get_running_loop().create_future(), since) for key in keys
    ]
    for waiting in made:
        flights.put(partition, waiting)
    return made


def sent(flights: Flights, partition: int = 0, now: float = 0.0) -> list[bytes]:
    batch = Batch()
    flights.fill(batch, partition, now)
    return batch.keys


async def test_a_batch_leaves_when_the_one_before_it_is_acknowledged() -> None:
    flights = Flights()
    put(flights, b"1", b"2", b"3")
    assert (flights.due(), sent(flights), flights.due()) == ([0], [b"1", b"2"], [])
    assert flights.acknowledged(0)
    assert (flights.due(), sent(flights)) == ([0], [b"3"])
    assert not flights.acknowledged(0)
    assert flights.empty


async def test_of_a_refused_batch_each_record_is_sent_alone_and_the_next_ones_together_again() -> None:
    flights = Flights()
    bad, _, _, _ = put(flights, b"bad", b"2", b"3", b"4")
    assert sent(flights) == [b"bad", b"2"]
    assert flights.refused(0) is None
    assert sent(flights) == [b"bad"]
    assert flights.refused(0) is bad
    assert sent(flights) == [b"2"]
    flights.acknowledged(0)
    assert sent(flights) == [b"3", b"4"]


async def test_a_record_whose_sender_was_answered_is_not_sent() -> None:
    flights = Flights()
    answered, _ = put(flights, b"answered", b"2")
    answered.ends("not_stored")
    flights.drop_answered()
    assert (flights.queued, sent(flights)) == (1, [b"2"])


async def test_what_is_given_back_stays_in_flight_and_leaves_the_queue() -> None:
    flights = Flights()
    first = put(flights, b"1", b"2", b"3", since=1.0)
    other = put(flights, b"x", partition=1, since=0.5)
    sent(flights)
    assert not flights.settling
    assert flights.give_back() == other + first
    assert (flights.settling, flights.queued, flights.due()) == (True, 0, [])
    flights.acknowledged(0)
    assert not flights.settling


async def test_how_long_something_takes_counts_for_those_that_somebody_waits_for() -> None:
    flights = Flights()
    assert (flights.sent_at(9.0), flights.waits_since(9.0)) == (9.0, 9.0)
    drained, waits = *put(flights, b"drained", since=1.0), *put(flights, b"waits", since=3.0)
    drained.spooled = True
    sent(flights, now=4.0)
    assert (flights.sent_at(9.0), flights.waits_since(9.0)) == (4.0, 3.0)
    waits.row = 7  # in the spool by now
    assert flights.waits_since(9.0) == 9.0


async def test_when_all_is_taken_one_that_was_sent_is_named_even_if_its_sender_was_answered() -> None:
    flights = Flights()
    (answered,) = put(flights, b"answered")
    sent(flights)
    answered.ends("not_stored")
    assert flights.take_all() == ([], answered)
    assert flights.empty
