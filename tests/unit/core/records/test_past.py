"""Records of decisions and corrections, read back from the topic."""

from typing import Any, Final

import orjson
import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision, Reason
from tagger.core.records.correction import correction_record
from tagger.core.records.decision import Source, Untagged, decision_record
from tagger.core.records.past import VALUE_BYTES_MAX, Past, because_json, because_of, read_past
from tagger.core.review.past_chat import Correction, PastDecision, Place

THREAD: Final = ThreadKey("org", "C", "T")
WHY: Final = Reason("refund", "Refund", "refund", "T_1", 4, 10)
DECIDED: Final = Decision(("Refund",), (WHY,), (), "9bd59202516a")


def record(**changed: Any) -> dict[str, Any]:
    made = decision_record(
        THREAD,
        DECIDED,
        "tagged",
        Source("livechat.webhooks", 3, 17),
        read_from="webhooks",
        messages=2,
        ended_at_ms=1_000,
        settled_at_ms=2_500,
    )
    return {**made, **changed}


CORRECTION: Final = correction_record(THREAD, "Refund", "removed", Source("livechat.webhooks", 3, 20), 3_000)
PLACE: Final = Place("livechat.webhooks", 3, 17)
AS_READ: Final = PastDecision(("Refund",), (WHY,), "tagged", "9bd59202516a", 2, 1_000, 2_500, PLACE)


def read(value: object) -> Past | str:
    return read_past(orjson.dumps(value))


def test_what_was_decided_is_read_back() -> None:
    assert read(record()) == Past(THREAD, AS_READ)


@pytest.mark.parametrize("without", [("kind", "format"), ("kind",), ("format",)])
def test_a_record_of_an_earlier_version_is_a_decision(without: tuple[str, ...]) -> None:
    assert read({name: value for name, value in record().items() if name not in without}) == Past(
        THREAD, AS_READ
    )


def test_unknown_fields_and_outcomes_are_of_a_later_version_and_do_no_harm() -> None:
    read_back = read(record(outcome="retagged", new={"field": 1}))
    assert read_back == Past(THREAD, AS_READ._replace(outcome="retagged"))


def test_a_decision_without_a_record_of_its_end_has_no_place() -> None:
    read_back = read(record(topic=None, partition=None, offset=None))
    assert read_back == Past(THREAD, AS_READ._replace(place=None))


def test_what_retag_did_is_read_back() -> None:
    made = decision_record(
        *(THREAD, DECIDED, "retagged", None),
        read_from="api",
        messages=2,
        ended_at_ms=1_000,
        settled_at_ms=2_500,
        held_back=["Upset"],
        untagged=Untagged(("Upset", "Late"), 2_000),
    )
    expected = AS_READ._replace(
        outcome="retagged", place=None, held_back=("Upset",), untagged=("Late", "Upset"), began_at_ms=2_000
    )
    assert read(made) == Past(THREAD, expected)
    assert read({**made, "untagged": [7]}) == "odd untagged"
    assert read({**made, "began_at": None}) == "odd began_at"


@pytest.mark.parametrize("change", ["removed", "added"])
def test_a_correction_is_read_back(change: Any) -> None:
    place = Place("livechat.webhooks", 3, 20)
    assert read({**CORRECTION, "change": change}) == Past(THREAD, Correction("Refund", change, 3_000, place))


NOT_READ: Final = {"source"}
FREE: Final = ("organization", "outcome", "config", "tag", "topic")  # any text will do


@pytest.mark.parametrize("odd", [None, True, -1, 1.5, "", [], {}, [None], [{}], "x" * 2_000, 1 << 63])
@pytest.mark.parametrize("made", [record(), CORRECTION], ids=["decision", "correction"])
def test_a_field_of_another_type_is_told_and_never_quoted(made: dict[str, Any], odd: Any) -> None:
    for name in made.keys() - NOT_READ:
        answer = read({**made, name: odd})
        if (name in FREE and odd == "") or (name in {"tags", "because", "held_back"} and odd == []):
            assert isinstance(answer, Past)
        else:
            assert isinstance(answer, str), name
            assert len(answer) < 30


@pytest.mark.parametrize("odd", [None, True, "", [], {"rule": 1}])
def test_a_reason_of_another_shape_is_refused(odd: Any) -> None:
    assert read(record(because=[odd])) in ("odd because", "odd rule")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "no value"),
        (b"", "not a JSON object"),
        (b"{", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b" " * (VALUE_BYTES_MAX + 1), "too large"),
        (orjson.dumps(record(format=2)), "of another format"),
        (orjson.dumps(record(kind="verdict")), "of another kind"),
        (orjson.dumps(record(chat_id="é" * 129)), "odd chat_id"),
        (orjson.dumps(record(thread_id="")), "no thread"),
        (orjson.dumps({**CORRECTION, "change": "moved"}), "odd change"),
        (orjson.dumps({**CORRECTION, "at": "yesterday"}), "odd at"),
    ],
)
def test_what_is_not_ours_is_told_in_a_few_words(value: bytes | None, why: str) -> None:
    assert read_past(value) == why


def test_reasons_survive_a_store() -> None:
    because = (WHY, Reason("ümlaut", 'T"ag', "Geld zurück", "T_2", 0, 11, 3))
    assert because_of(because_json(because)) == because
