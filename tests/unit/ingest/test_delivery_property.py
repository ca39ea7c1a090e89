"""No body, however made, gets anything but a verdict, and no verdict reveals more than it may."""

from typing import Any, Final

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import delivery, topic

SECRET: Final = "s3cret"
SECRETS: Final = (SECRET.encode(),)
MANY: Final = settings(max_examples=300, deadline=None)

# Any JSON, with the numbers and characters that parsers disagree about.
LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
)
JSON: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
NAMES: Final = ["secret_key", "action", "organization_id", "license_id", "payload", "additional_data"]
PAYLOADS: Final = JSON | st.fixed_dictionaries(
    {}, optional={"chat_id": JSON, "thread_id": JSON, "chat": JSON, "event": JSON}
)
ENVELOPES: Final = st.fixed_dictionaries(
    {},
    optional={
        "secret_key": st.just(SECRET) | JSON,
        "action": st.sampled_from([*sorted(topic.STORED_ACTIONS), "chat_transferred"]) | JSON,
        "organization_id": JSON,
        "license_id": JSON,
        "payload": PAYLOADS,
        "additional_data": JSON,
    },
)


def check(raw: bytes) -> delivery.Verdict:
    """Read a body and hold the verdict against what every verdict has to keep to."""
    verdict = delivery.read(raw, SECRETS, 1)
    match verdict:
        case delivery.Refuse(status, reason):
            assert status in {400, 401, 413}
            assert reason in {
                *(
                    "not_json",
                    "no_secret",
                    "secret",
                    "action",
                    "organization",
                    "chat_id",
                    "too_deep",
                    "record_too_large",
                ),
            }
        case delivery.Ignore():
            assert delivery._parse(raw)[0]["action"] not in topic.STORED_ACTIONS
        case delivery.Keep(record, action):
            assert action in topic.STORED_ACTIONS
            webhook = topic.decode(record.value)
            assert isinstance(webhook, topic.Webhook)
            assert "secret_key" not in orjson.loads(record.value)
            assert orjson.dumps(SECRET) not in record.value
            split = topic.split_key(record.key)
            assert split is not None
            assert split[0] == webhook.organization or ":" in webhook.organization
    return verdict


@given(st.binary(max_size=400))
@MANY
def test_bytes_of_any_kind(raw: bytes) -> None:
    check(raw)


@given(ENVELOPES)
@MANY
def test_envelopes_of_any_kind(envelope: dict[str, Any]) -> None:
    verdict = check(orjson.dumps(envelope))
    if envelope.get("secret_key") != SECRET:
        assert verdict in (delivery.Refuse(401, "secret"), delivery.Refuse(401, "no_secret"))


@given(ENVELOPES, st.data())
@MANY
def test_envelopes_with_a_piece_cut_out_doubled_or_replaced(
    envelope: dict[str, Any], data: st.DataObject
) -> None:
    raw = orjson.dumps({"secret_key": SECRET, **envelope})
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 20)))
    piece = data.draw(
        st.sampled_from(
            [b"", raw[start:end] * 2, b"\x00", b"\xff", rb"\ud800", rb"\\", b'"', b"{", b"NaN", b"1e999"]
        )
    )
    check(raw[:start] + piece + raw[end:])


@given(st.text(st.characters(), max_size=30))
@MANY
def test_no_text_is_lost_for_a_lone_surrogate(text: str) -> None:
    escaped = "".join(
        f"\\u{ord(c):04x}" if 0xD800 <= ord(c) < 0xE000 else orjson.dumps(c).decode()[1:-1] for c in text
    )
    raw = f'{{"secret_key":"{SECRET}","action":"incoming_event","payload":{{"chat_id":"C","t":"{escaped}"}}}}'
    verdict = check(raw.encode())
    assert isinstance(verdict, delivery.Keep)
    # A pair that was written as two escapes is one character after all.
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert orjson.loads(verdict.record.value)["payload"]["t"] == expected
