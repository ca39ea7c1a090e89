"""What is sent for each call."""

import orjson
import pytest

from tagger.livechat.calls import requests
from tagger.livechat.calls.requests import Call

TAG = requests.tag_thread("PJ0MRSHTDG", "K600PKZON8", "Refund")
CHAT = requests.get_chat("PJ0MRSHTDG", "K600PKZON8")
EVERY_CALL = [
    TAG,
    CHAT,
    requests.untag_thread("PJ0MRSHTDG", "K600PKZON8", "Refund"),
    requests.list_threads("c"),
    requests.list_archives(0, 3_600_000),
    requests.list_archives(0, 1, page_id="p"),
    requests.list_tags(),
    requests.create_tag("Refund"),
    requests.register_webhook("incoming_chat", "https://example.com/hook", "s", "client", "a description"),
    requests.list_webhooks("client"),
    requests.unregister_webhook("w", "client"),
    requests.switch_license_webhooks("client", on=True),
    requests.switch_license_webhooks("client", on=False),
    requests.get_license_webhooks_state("client"),
]
CONFIGURATION = {"list_tags", "create_tag"}


@pytest.mark.parametrize("call", EVERY_CALL, ids=lambda call: call.method)
def test_a_call_goes_to_its_documented_path(call: Call) -> None:
    api = "configuration" if call.method in CONFIGURATION or "webhook" in call.method else "agent"
    assert call.path == f"{api}/action/{call.method}"
    orjson.dumps(call.body)


def test_archives_are_asked_for_by_instants_with_microseconds() -> None:
    body = requests.list_archives(1_764_000_000_123, 1_764_000_060_000, limit=10).body
    assert body == {
        "filters": {"from": "2025-11-24T16:00:00.123000+00:00", "to": "2025-11-24T16:01:00.000000+00:00"},
        "limit": 10,
        "sort_order": "asc",
    }


def test_a_later_page_names_nothing_but_its_page() -> None:
    assert requests.list_archives(0, 1, page_id="p").body == {"page_id": "p"}


@pytest.mark.parametrize("call", EVERY_CALL, ids=lambda call: call.method)
def test_a_call_shows_no_content(call: Call) -> None:
    assert repr(call) == f"Call(method={call.method!r}, path={call.path!r})"
