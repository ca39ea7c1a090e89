"""Registration of webhooks through the simulated Configuration API."""

import pytest

from tests.deadline import DEADLINE_S
from tests.unit.simulator.conftest import AGENT, CUSTOMER, Account, Receiver

REGISTER = "configuration/action/register_webhook"


def registration(client_id: str, **changes: object) -> dict[str, object]:
    return {
        "action": "incoming_chat",
        "secret_key": "secret",
        "url": "https://example.com/webhooks",
        "owner_client_id": client_id,
        "type": "license",
    } | changes


async def test_a_webhook_is_registered_listed_without_its_secret_and_unregistered(account: Account) -> None:
    owner = account.livechat.add_app("s").client_id
    status, answer = await account.call(REGISTER, registration(owner, description="tagger"))
    assert status == 200
    _, listed = await account.call("configuration/action/list_webhooks", {"owner_client_id": owner})
    assert listed == [
        {
            "id": answer["id"],
            "url": "https://example.com/webhooks",
            "description": "tagger",
            "action": "incoming_chat",
            "filters": {},
            "owner_client_id": owner,
            "type": "license",
        }
    ]
    body = {"id": answer["id"], "owner_client_id": owner}
    assert await account.call("configuration/action/unregister_webhook", body) == (200, None)
    assert (await account.call("configuration/action/unregister_webhook", body))[1]["error"][
        "type"
    ] == "not_found"
    assert await account.call("configuration/action/list_webhooks", {"owner_client_id": owner}) == (200, [])


async def test_a_bot_webhook_is_sent_while_its_bot_is_online_in_the_shape_of_the_others(
    account: Account, receiver: Receiver
) -> None:
    owner = account.livechat.add_app("s").client_id
    for kind in ("license", "bot"):
        await account.call(REGISTER, registration(owner, type=kind, url=receiver.url))
    account.organization.webhooks_enabled[owner] = True
    _, bot = await account.call(
        "configuration/action/create_bot", {"name": "Tagger", "owner_client_id": owner}
    )
    for status, count in (("offline", 1), ("not_accepting_chats", 2), ("accepting_chats", 2)):
        body = {"agent_id": bot["id"], "status": status}
        assert await account.call("agent/action/set_routing_status", body) == (200, None)
        receiver.bodies.clear()
        account.livechat.start_chat(account.organization, (CUSTOMER, AGENT))
        assert await account.livechat.sent(timeout_s=DEADLINE_S)
        assert len(receiver.bodies) == count
        shapes = [{**body, "webhook_id": ""} for body in receiver.bodies]
        assert shapes == shapes[:1] * count
    wrong = {"agent_id": "nobody", "status": "offline"}
    assert (await account.call("agent/action/set_routing_status", wrong))[1]["error"]["type"] == "not_found"
    wrong = {"agent_id": bot["id"], "status": "asleep"}
    assert (await account.call("agent/action/set_routing_status", wrong))[1]["error"]["type"] == "validation"


async def test_a_client_id_has_at_most_three_webhooks_an_action(account: Account) -> None:
    owner = account.livechat.add_app("s").client_id
    answers = [await account.call(REGISTER, registration(owner)) for _ in range(4)]
    assert [status for status, _ in answers] == [200, 200, 200, 400]
    assert answers[3][1]["error"]["type"] == "limit_reached"
    assert (await account.call(REGISTER, registration(owner, action="chat_deactivated")))[0] == 200


@pytest.mark.parametrize(
    ("changes", "error_type"),
    [
        ({"action": "chat_started"}, "validation"),
        ({"url": "https://example.com/" + "x" * 500}, "validation"),
        ({"secret_key": None}, "validation"),
        ({"type": "other"}, "validation"),
        ({"owner_client_id": "somebody else's"}, "authorization"),
    ],
)
async def test_a_wrong_registration_is_refused(
    account: Account, changes: dict[str, object], error_type: str
) -> None:
    owner = account.livechat.add_app("s").client_id
    _, answer = await account.call(REGISTER, registration(owner, **changes))
    assert answer["error"]["type"] == error_type


@pytest.mark.parametrize("method", ["enable_license_webhooks", "get_license_webhooks_state"])
async def test_the_client_id_must_be_named(account: Account, method: str) -> None:
    assert (await account.call(f"configuration/action/{method}"))[1]["error"]["type"] == "validation"
