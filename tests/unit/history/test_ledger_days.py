"""A ledger tells the chats of a stretch of time at once, and which days changed."""

from random import Random
from typing import Final

from tagger.history.ledger import Ledger
from tagger.history.ledger_view import DAY_MS
from tagger.history.wanted import Wanted
from tests.unit.history.test_ledger import TOPIC, corrected, decided

DAYS: Final = 5


def filled(seed: int) -> Ledger:
    """Threads of some days, some of which are decided twice and corrected."""
    chance, ledger, values = Random(seed), Ledger(), list[bytes]()
    for number in range(200):
        name, organization = f"T{chance.randrange(120)}", chance.choice(["org", "other"])
        if chance.random() < 0.2:
            values.append(corrected(name, "A", chance.choice(["added", "removed"]), number, organization))
        else:
            at, tags = chance.randrange(DAYS * DAY_MS), ("A",) if number % 3 else ()
            values.append(
                decided(
                    name, *tags, at=at, settled=number, offset=number, rules=("r",), organization=organization
                )
            )
    ledger.take(TOPIC, 0, values, len(values))
    return ledger


def test_all_chats_of_a_time_are_those_that_are_told_one_by_one() -> None:
    for seed in range(5):
        ledger = filled(seed)
        since, until = DAY_MS, 3 * DAY_MS
        told = list(ledger.ended_between(since, until))
        wanted = [
            chat for chat in ledger.chats(Wanted()) if since <= _newest_end(ledger, chat.thread) < until
        ]
        assert sorted(told, key=repr) == sorted(wanted, key=repr)
        assert told
        ledger.close()


def _newest_end(ledger: Ledger, thread: object) -> int:
    return next(each.decision.ended_at_ms for each in ledger.page(Wanted(), 1_000) if each.thread == thread)


def test_a_day_has_another_number_once_something_changed_in_it() -> None:
    ledger = filled(1)
    before = ledger.days(0)
    assert before.keys() == set(range(DAYS))
    assert ledger.days(0) == before
    assert ledger.days(2 * DAY_MS).keys() == {2, 3, 4}
    ledger.take(TOPIC, 0, [decided("NEW", "A", at=DAY_MS + 5, settled=999, offset=999)], 1_000)
    assert {day for day, number in ledger.days(0).items() if number != before[day]} == {1}
    once = ledger.days(0)
    ledger.take(TOPIC, 0, [corrected("NEW", "A", "removed", 1_001)], 1_002)
    assert {day for day, number in ledger.days(0).items() if number != once[day]} == {1}
    ledger.close()
