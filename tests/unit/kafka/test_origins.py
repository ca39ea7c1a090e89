"""Which `traceparent` the end of a thread came with."""

from typing import Any, Final, NamedTuple

import pytest

from tagger.kafka.origins import ORIGINS_MAX, Origins

END: Final = ("action", b"chat_deactivated")
OF_TRACE: Final = ("traceparent", b"00-a-b-01")


class Record(NamedTuple):
    offset: int
    headers: Any


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ((END, ("received_at_ms", b"1"), OF_TRACE), "00-a-b-01"),
        ((END, ("received_at_ms", b"1")), None),
        ((("action", b"incoming_event"), OF_TRACE), None),
        ((OF_TRACE,), None),
        ((), None),
        (None, None),
        ((END, ("traceparent", None)), ""),
        ((END, ("traceparent", b"\xff")), "\ufffd"),
    ],
)
def test_an_end_has_its_own_and_gives_it_once(headers: Any, taken: str | None) -> None:
    origins = Origins()
    origins.note(3, [Record(7, headers)])
    assert origins.take(2, 7) is None
    assert origins.take(3, 7) == taken
    assert origins.take(3, 7) is None


def test_the_oldest_are_dropped() -> None:
    origins = Origins()
    origins.note(0, [Record(offset, (END, OF_TRACE)) for offset in range(ORIGINS_MAX + 1)])
    assert origins.take(0, 0) is None
    assert origins.take(0, 1) == origins.take(0, ORIGINS_MAX) == "00-a-b-01"
