"""What is kept, what is ignored and what is refused, case by case."""

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from ingest import delivery, topic
from ingest.delivery import Ignore, Keep, Refuse
from tests.webhooks import incoming_event

SAMPLES: Final = sorted((Path(__file__).parents[2] / "samples" / "webhooks").glob("*.json"))
SECRET: Final = "s3cret-of-the-samples"
SECRETS: Final = (b"old one", SECRET.encode())


def body(without: str = "", **changed: Any) -> bytes:
    envelope = {
        "webhook_id": "w1",
        "secret_key": SECRET,
        **incoming_event("CHAT", "THREAD", {"text": "hi"}, "org-1"),
        **changed,
    }
    envelope.pop(without, None)
    return orjson.dumps(envelope)


def read(raw: bytes) -> delivery.Verdict:
    return delivery.read(raw, SECRETS, 1_700_000_000_123)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_documented_body_is_kept_or_ignored_by_its_action(sample: Path) -> None:
    envelope = orjson.loads(sample.read_bytes())
    verdict = read(sample.read_bytes())
    if envelope["action"] not in topic.STORED_ACTIONS:
        assert verdict == Ignore()
        return
    assert isinstance(verdict, Keep)
    owner = envelope.get("organization_id", envelope.get("license_id", ""))
    assert verdict.record.key == f"{owner}:SR3K8WQ1ZM".encode()
    assert verdict.record.headers == (
        ("action", envelope["action"].encode()),
        ("received_at_ms", b"1700000000123"),
    )
    del envelope["secret_key"]
    assert orjson.loads(verdict.record.value) == envelope


def test_the_samples_hold_each_stored_action_of_each_version() -> None:
    names = {path.stem for path in SAMPLES}
    assert names >= {f"v3{n}-{action}" for n in (3, 4, 5, 6) for action in topic.STORED_ACTIONS}


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        # Nothing is revealed before the secret is right.
        (body(secret_key="wrong"), Refuse(401, "secret")),
        (body(secret_key=SECRET + "x"), Refuse(401, "secret")),
        (body(secret_key=SECRET[:-1]), Refuse(401, "secret")),
        (body(secret_key=""), Refuse(401, "secret")),
        (body(secret_key=None), Refuse(401, "secret")),
        (body(secret_key=[SECRET]), Refuse(401, "secret")),
        (body(without="secret_key"), Refuse(401, "no_secret")),
        (body(secret_key="wrong", action="no such"), Refuse(401, "secret")),
        (body(secret_key="wrong", payload=None), Refuse(401, "secret")),
        (b"[]", Refuse(401, "no_secret")),
        (b'"s3cret-of-the-samples"', Refuse(401, "no_secret")),
        (b"null", Refuse(401, "no_secret")),
        (b"", Refuse(401, "no_secret")),
        (b"secret_key=" + SECRET.encode(), Refuse(401, "no_secret")),
        (body(secret_key="wrong")[:-1], Refuse(401, "secret")),
        (body().decode().encode("utf-16"), Refuse(401, "no_secret")),
        (b"[" * 100_000, Refuse(401, "no_secret")),
        (b"[" + body() + b"]", Refuse(401, "secret")),
        (body(secret_key="wrong", payload={"secret_key": SECRET}), Refuse(401, "secret")),
        # With it: other actions are ignored, and what has nothing to key by is malformed.
        (body(action="chat_transferred"), Ignore()),
        (body(action="chat_transferred", payload=None), Ignore()),
        (body(action="customer@example.com"), Ignore()),
        (body(without="action"), Refuse(400, "action")),
        (body(action=7), Refuse(400, "action")),
        (body(without="payload"), Refuse(400, "chat_id")),
        (body(payload=[]), Refuse(400, "chat_id")),
        (body(payload={}), Refuse(400, "chat_id")),
        (body(payload={"chat_id": 7}), Refuse(400, "chat_id")),
        (body(payload={"chat_id": ""}), Refuse(400, "chat_id")),
        (body(payload={"chat_id": "C" * 600}), Refuse(400, "chat_id")),
        (body(payload={"chat": {"id": "C"}}), Refuse(400, "chat_id")),
        (body(action="incoming_chat", payload={"chat_id": "C"}), Refuse(400, "chat_id")),
        (body(action="incoming_chat", payload={"chat": []}), Refuse(400, "chat_id")),
        (body(organization_id=7), Refuse(400, "organization")),
        (body(organization_id=""), Refuse(400, "organization")),
        (body(organization_id=None, license_id="11"), Refuse(400, "organization")),
        # No JSON.
        (body()[:-1], Refuse(400, "not_json")),
        (body() + b"x", Refuse(400, "not_json")),
        (b"\xef\xbb\xbf" + body(), Refuse(400, "not_json")),
        (body().replace(b"hi", b"\xff\xfe"), Refuse(400, "not_json")),
        (body().replace(b"hi", b"\xed\xa0\xbd"), Refuse(400, "not_json")),
        (body().replace(b"hi", b"\x00"), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"NaN"), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"-Infinity"), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"1e999"), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"'hi'"), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"[" * 2000 + b"]" * 2000), Refuse(400, "not_json")),
        (body().replace(b'"hi"', b"[" * 1000 + b"]" * 1000), Refuse(400, "too_deep")),
        (body(note="x" * delivery.BODY_BYTES_MAX), Refuse(413, "body_too_large")),
        (b" " * (delivery.BODY_BYTES_MAX + 1), Refuse(413, "body_too_large")),
        (body().replace(b'"hi"', b"[" + b"1E15," * 40_000 + b"1]"), Refuse(413, "record_too_large")),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_body_gets_its_verdict(raw: bytes, verdict: delivery.Verdict) -> None:
    assert read(raw) == verdict


@pytest.mark.parametrize(
    "payload",
    [
        {"chat_id": "CHAT"},
        {"chat_id": "CHAT", "thread_id": None},
        {"chat_id": "CHAT", "thread_id": 7, "event": "no object"},
        {"chat_id": "CHAT", "thread_id": "T", "event": {"text": "\x00"}, "unknown": {"field": [1, {}]}},
    ],
)
def test_all_that_has_a_chat_is_kept_for_the_tagger_to_make_sense_of(payload: dict[str, Any]) -> None:
    verdict = read(body(payload=payload, brand_new_field="kept"))
    assert isinstance(verdict, Keep)
    value = orjson.loads(verdict.record.value)
    assert (value["payload"], value["brand_new_field"]) == (payload, "kept")


@pytest.mark.parametrize("secret", [b"old one", SECRET.encode()])
def test_each_of_several_secrets_opens(secret: bytes) -> None:
    assert isinstance(read(body(secret_key=secret.decode())), Keep)


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ({"secret_key": SECRET}, {"secret_key": "[secret]"}),
        ({"Secret-Key": [SECRET, 1]}, {"Secret-Key": ["[secret]", 1]}),
        ({"note": f"it is {SECRET}, {SECRET}"}, {"note": "it is [secret], [secret]"}),
        ({f"<{SECRET}>": {"a": None}}, {"<[secret]>": {"a": None}}),
        ({"json": f'{{"secret_key":"{SECRET}"}}'}, {"json": '{"secret_key":"[secret]"}'}),
        ({"short": "old one", "n": 7}, {"short": "[secret]", "n": 7}),
        ({"words": "an old one is a word"}, {"words": "an old one is a word"}),
        ({"nothing": "no secret here"}, {"nothing": "no secret here"}),
        ({"number": 20260302}, {"number": "[secret]"}),
    ],
)
def test_the_secret_stands_nowhere_in_a_record_and_all_else_stays(
    field: dict[str, Any], kept: dict[str, Any]
) -> None:
    verdict = delivery.read(body(additional_data=field), (*SECRETS, b"20260302"), 1)
    assert isinstance(verdict, Keep)
    assert SECRET not in repr(verdict)
    value = orjson.loads(verdict.record.value)
    assert value["additional_data"] == kept
    assert value["payload"] == orjson.loads(body())["payload"]


@pytest.mark.parametrize("spelling", [r"\u0073", r"\u0053"])
def test_however_the_secret_is_escaped_it_is_recognised(spelling: str) -> None:
    escaped = SECRET.replace("s", spelling)
    raw = body().replace(SECRET.encode(), escaped.encode())[:-1] + f',"x":"{escaped}"}}'.encode()
    verdict = read(raw)
    if spelling == r"\u0053":
        assert verdict == Refuse(401, "secret")
    else:
        assert isinstance(verdict, Keep)
        assert orjson.loads(verdict.record.value)["x"] == "[secret]"


def test_an_id_that_holds_the_secret_keys_no_record() -> None:
    verdict = read(body(organization_id=SECRET, payload={"chat_id": f"C{SECRET}"}))
    assert isinstance(verdict, Keep)
    assert verdict.record.key == b"[secret]:C[secret]"


def test_a_secret_of_quotes_and_other_alphabets_opens_and_stays_out() -> None:
    secret = 'a "quoted" \\ sécrèt/🔑'
    raw = body(secret_key=secret, payload={"chat_id": "C", "x": f"<{secret}>"})
    for spelled in (raw, raw.replace(b"/", rb"\/")):
        verdict = delivery.read(spelled, (secret.encode(),), 1)
        assert isinstance(verdict, Keep)
        assert orjson.loads(verdict.record.value)["payload"]["x"] == "<[secret]>"


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"organization_id": "org-2"}, False),
        ({"organization_id": None}, False),
        ({"organization_id": 7}, False),
        ({"organization_id": None, "license_id": 11}, True),
        ({"organization_id": None, "license_id": 12}, False),
        ({"organization_id": "org-2", "action": "tag_created"}, False),
        ({"organization_id": "org-2", "payload": None}, False),
    ],
)
def test_of_other_organizations_nothing_is_taken(changed: dict[str, Any], taken: bool) -> None:
    verdict = delivery.read(body(**changed), SECRETS, 1, frozenset({"org-1", "11"}))
    assert (verdict == Refuse(401, "other_organization")) == (not taken)
    assert isinstance(verdict, Keep) == taken


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"bye \ud83d", "bye \ufffd"),
        (rb"\ude00 late half", "\ufffd late half"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\uD83D\uDE00 \uD83D", "😀 \ufffd"),
        (rb"\ud83d\ud83d\ude00\ude00", "\ufffd😀\ufffd"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\\\ud83d", "\\\ufffd"),
        (rb"\n\ud83d\t\u00e9", "\n\ufffd\té"),
    ],
)
def test_half_an_emoji_is_repaired_and_nothing_else_is_touched(written: bytes, kept: str) -> None:
    verdict = read(body().replace(b"hi", written))
    assert isinstance(verdict, Keep)
    assert orjson.loads(verdict.record.value)["payload"]["event"]["text"] == kept
    assert verdict.repaired == ("\ufffd" in kept)


def test_of_a_key_given_twice_the_same_value_is_compared_and_kept() -> None:
    verdict = read(body()[:-1] + b',"secret_key":"wrong"}')
    assert verdict == Refuse(401, "secret")
    verdict = read(b'{"secret_key":"wrong","x":1,' + body()[1:])
    assert isinstance(verdict, Keep)
    assert b"secret_key" not in verdict.record.value


def filled(piece: bytes, start: bytes = b"", end: bytes = b"") -> bytes:
    """A body as large as one may be."""
    return start + piece * ((delivery.BODY_BYTES_MAX - len(start) - len(end)) // len(piece)) + end


GOOD: Final = body(payload={"chat_id": "C", "event": {"text": "hi " * 87_000}})
JUNK: Final = {
    "blanks": filled(b" "),
    "digits": filled(b"7"),
    "brackets": filled(b"["),
    "objects": filled(b'{"a":'),
    "quotes": filled(b'"'),
    "backslashes": filled(b"\\"),
    "a string of backslashes": filled(b"\\", b'{"x":"', b'"}'),
    "numbers": filled(b"1.234567890123456789e-300,", b"[", b"1]"),
    "lists": filled(b"[],", b"[", b"1]"),
    "deep lists": filled(b"[" * 1000 + b"]" * 1000 + b",", b"[", b"1]"),
    "half emoji": filled(rb"\ud83d", b'{"x":"', b'"}'),
    "nearly right": GOOD.replace(SECRET.encode(), b"x" + SECRET.encode()[1:])[:-1],
    "names": filled(b'"secret_key"'),
    "wrong secrets": filled(b'"secret_key":"wrong",', b"{", b'"x":1}'),
    "long secrets": filled(b'"secret_key" : "' + b"x" * 1536 + b'",', b"{", b'"x":1}'),
    "escaped secrets": filled(b'"secret_key":"' + rb"\u0073" * 256 + b'",', b"{", b'"x":1}'),
    "endless secret": filled(rb"\\", b'{"secret_key":"', b'"}'),
}


class Counting:
    """orjson, counting the bytes that it is given to parse."""

    def __init__(self) -> None:
        self.parsed = 0

    def loads(self, text: bytes) -> Any:
        self.parsed += len(text)
        return orjson.loads(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(orjson, name)


@pytest.mark.parametrize("junk", JUNK)
def test_no_body_without_the_secret_costs_more_than_a_good_one(
    junk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_ESCAPE", None)  # nothing is repaired, or this fails
    counting = Counting()
    monkeypatch.setattr(delivery, "orjson", counting)
    assert isinstance(read(GOOD), Keep)
    good, counting.parsed = counting.parsed, 0
    assert isinstance(read(JUNK[junk]), Refuse)
    assert counting.parsed <= delivery.SECRETS_TRIED_MAX * delivery._SECRET_SPAN < good


@pytest.mark.timeout(60)  # a hundredth of a second is enough; the square of the length would take minutes
@pytest.mark.parametrize("piece", [rb'"\\', rb"\ud83d", b'{"a":', b"[],", rb"\\", b" "])
def test_no_body_with_the_secret_takes_long(piece: bytes) -> None:
    assert isinstance(read(filled(piece, body()[:-1] + b',"x":"')), Refuse)


@pytest.mark.parametrize(
    ("method", "target", "content_type", "encoding", "length", "refusal"),
    [
        ("POST", "/webhooks/livechat", "application/json", "", 10, None),
        ("POST", "/webhooks/livechat", "application/json", "", None, None),
        ("POST", "/webhooks/livechat?a=b", "Application/JSON; charset=utf-8", "", 10, None),
        ("POST", "/webhooks/livechat", "application/json", "", delivery.BODY_BYTES_MAX, None),
        (
            "POST",
            "/webhooks/livechat",
            "application/json",
            "",
            delivery.BODY_BYTES_MAX + 1,
            (413, "body_too_large"),
        ),
        ("POST", "http://tagger.example.com/webhooks/livechat", "application/json", "", 10, None),
        ("POST", "HTTPS://[::1]:8080/webhooks/livechat?a=b", "application/json", "identity", 10, None),
        ("POST", "http://tagger.example.com", "application/json", "", 10, (404, "path")),
        ("POST", "http://tagger.example.com?/webhooks/livechat", "application/json", "", 10, (404, "path")),
        ("POST", "ftp://tagger.example.com/webhooks/livechat", "application/json", "", 10, (404, "path")),
        ("POST", "webhooks/livechat", "application/json", "", 10, (404, "path")),
        ("POST", "/webhooks/livechat", "application/json", "Identity", 10, None),
        ("POST", "/webhooks/livechat", "application/json", "gzip", 10, (415, "content_encoding")),
        ("POST", "/webhooks/livechat", "application/json", "identity, br", 10, (415, "content_encoding")),
        ("POST", "/webhooks/livechat/", "application/json", "", 10, (404, "path")),
        ("POST", "/metrics", "application/json", "", 10, (404, "path")),
        ("GET", "/health/live", "", "", None, (404, "path")),
        ("GET", "/webhooks/livechat", "", "", None, (405, "method")),
        ("PUT", "/webhooks/livechat", "application/json", "", 10, (405, "method")),
        ("HEAD", "/webhooks/livechat", "", "", None, (405, "method")),
        ("POST", "/webhooks/livechat", "", "", 10, (415, "content_type")),
        ("POST", "/webhooks/livechat", "text/json", "", 10, (415, "content_type")),
        ("POST", "/webhooks/livechat", "application/x-www-form-urlencoded", "", 10, (415, "content_type")),
        ("POST", "/webhooks/livechat", "application/jsonp", "", 10, (415, "content_type")),
    ],
)
def test_a_head_is_answered_before_the_body_is_read(
    method: str,
    target: str,
    content_type: str,
    encoding: str,
    length: int | None,
    refusal: tuple[int, str] | None,
) -> None:
    assert delivery.read_head(method, target, content_type, encoding, length) == refusal
