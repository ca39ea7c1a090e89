"""The sender of webhooks: what is sent, in which shape, and how often it is tried."""

from collections.abc import Sequence

import pytest

from tagger.simulator.livechat.account import Draft, Queue, Version
from tagger.simulator.livechat.server import CHAT_WEBHOOKS
from tagger.simulator.livechat.shapes import timestamp
from tests.deadline import DEADLINE_S
from tests.unit.simulator.conftest import AGENT, CUSTOMER, Account, Receiver

SECRET = "a secret of the registration"


def install(account: Account, receiver: Receiver, actions: Sequence[str] = CHAT_WEBHOOKS) -> None:
    app = account.livechat.add_app("client secret")
    account.livechat.install(app, [account.organization], receiver.url, SECRET, actions)


async def test_a_chat_is_three_kinds_of_webhooks_in_order(account: Account, receiver: Receiver) -> None:
    install(account, receiver)
    thread = account.livechat.start_chat(account.organization, (CUSTOMER, AGENT))
    account.say(thread, "my parcel is late")
    account.livechat.deactivate(thread, CUSTOMER.id)
    assert await account.livechat.sent(timeout_s=DEADLINE_S)
    assert [body["action"] for body in receiver.bodies] == [
        "incoming_chat",
        "incoming_event",
        "chat_deactivated",
    ]
    chat, event, end = (body["payload"] for body in receiver.bodies)
    assert chat["chat"]["thread"]["active"] is True
    assert chat["chat"]["thread"]["events"] == []
    assert (event["event"]["text"], event["event"]["author_id"]) == ("my parcel is late", CUSTOMER.id)
    assert end == {"chat_id": thread.chat.id, "thread_id": thread.id, "user_id": CUSTOMER.id}
    assert {body["secret_key"] for body in receiver.bodies} == {SECRET}
    assert account.livechat.sender.counts == {"sent": 3, "stored": 3, "attempts": 3}
    assert account.livechat.sender.ended_at == {thread.id: 1000.0}


async def test_a_customer_in_the_queue_is_alone_until_an_agent_writes(
    account: Account, receiver: Receiver
) -> None:
    install(account, receiver)
    queue = Queue(3, 120, account.livechat.now())
    thread = account.livechat.start_chat(account.organization, (CUSTOMER, AGENT), queue=queue)
    assert await account.livechat.sent(timeout_s=DEADLINE_S)
    chat = receiver.bodies[0]["payload"]["chat"]
    assert [user["type"] for user in chat["users"]] == ["customer"]
    assert chat["thread"]["queue"] == {
        "position": 3,
        "wait_time": 120,
        "queued_at": timestamp(queue.queued_at),
    }
    asked = {"chat_id": thread.chat.id, "thread_id": thread.id}
    for author, waits in ((CUSTOMER, True), (AGENT, False)):
        account.livechat.add_event(thread, Draft("message", {"text": "hello"}, author.id))
        _, now = await account.call("agent/action/get_chat", asked)
        assert ("queue" in now["thread"]) is waits
        assert len(now["users"]) == (1 if waits else 2)


async def test_a_thread_that_the_router_closed_has_no_user(account: Account, receiver: Receiver) -> None:
    install(account, receiver)
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert set(receiver.bodies[-1]["payload"]) == {"chat_id", "thread_id"}


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("3.3", ("license_id", "recipients", "last_visit")),
        ("3.4", ("organization_id", "visibility", "last_visit")),
        ("3.5", ("organization_id", "visibility", "last_visit")),
        ("3.6", ("organization_id", "visibility", "visit")),
    ],
)
async def test_each_api_version_has_its_own_shape(
    account: Account, receiver: Receiver, version: Version, names: tuple[str, str, str]
) -> None:
    owner, seen_by, visit = names
    account.organization.version = version
    install(account, receiver)
    form = {"form_id": "1", "form_type": "prechat", "fields": []}
    drafts = [Draft("message", {"text": "hi"}, CUSTOMER.id), Draft("filled_form", form, CUSTOMER.id)]
    account.livechat.start_chat(account.organization, (CUSTOMER, AGENT), drafts)
    await account.livechat.sent(timeout_s=DEADLINE_S)
    (body,) = receiver.bodies
    assert {"license_id", "organization_id"} & set(body) == {owner}
    message, form = body["payload"]["chat"]["thread"]["events"]
    assert message[seen_by] == "all"
    assert {"recipients", "visibility"} & set(message) == {seen_by}
    assert ("form_type" in form) == (version != "3.3")
    customer, agent = body["payload"]["chat"]["users"]
    assert visit in customer
    assert ("routing_status" in agent) == (version == "3.3")


async def test_only_registered_actions_of_apps_that_are_enabled_are_sent(
    account: Account, receiver: Receiver
) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    account.ended_chat()
    (client_id,) = account.organization.webhooks_enabled
    state = {"owner_client_id": client_id}
    assert await account.call("configuration/action/disable_license_webhooks", state) == (200, None)
    _, answer = await account.call("configuration/action/get_license_webhooks_state", state)
    assert answer == {"license_webhooks_enabled": False}
    account.ended_chat()
    await account.call("configuration/action/enable_license_webhooks", state)
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert [body["action"] for body in receiver.bodies] == ["chat_deactivated"] * 2


async def test_a_tag_that_is_set_is_sent_as_a_webhook(account: Account, receiver: Receiver) -> None:
    install(account, receiver, actions=["thread_tagged", "thread_untagged"])
    thread = account.ended_chat()
    body = {"chat_id": thread.chat.id, "thread_id": thread.id, "tag": "Refund"}
    await account.call("agent/action/tag_thread", body)
    await account.call("agent/action/untag_thread", body)
    await account.livechat.sent(timeout_s=DEADLINE_S)
    sent = [(webhook["action"], webhook["payload"]) for webhook in receiver.bodies]
    assert sent == [("thread_tagged", body), ("thread_untagged", body)]


async def test_what_people_do_to_tags_is_sent_as_the_same_webhooks(
    account: Account, receiver: Receiver
) -> None:
    install(account, receiver, actions=["thread_tagged", "thread_untagged"])
    thread = account.ended_chat()
    body = {"chat_id": thread.chat.id, "thread_id": thread.id, "tag": "Refund"}
    assert account.livechat.tag(thread, "Refund") is None
    assert thread.tags == ["Refund"]
    assert account.livechat.untag(thread, "Refund") is None
    assert account.livechat.untag(thread, "Refund") is not None
    assert thread.tags == []
    await account.livechat.sent(timeout_s=DEADLINE_S)
    sent = [(webhook["action"], webhook["payload"]) for webhook in receiver.bodies]
    assert sent == [("thread_tagged", body), ("thread_untagged", body)]


@pytest.mark.parametrize("status", [201, 202, 204, 302, 400, 401, 500, 503])
async def test_anything_but_200_is_retried(account: Account, receiver: Receiver, status: int) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    account.livechat.sender.sending.retry_after_s = (0.0, 0.0, 0.0)
    receiver.answers = [status, status]
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert [attempt.status for attempt in account.livechat.sender.attempts] == [status, status, 200]
    assert account.livechat.sender.counts["stored"] == 1


async def test_after_three_retries_a_webhook_is_gone(account: Account, receiver: Receiver) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    account.livechat.sender.sending.retry_after_s = (0.0, 0.0, 0.0)
    receiver.answers = [503] * 4
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert account.livechat.sender.counts == {"sent": 1, "attempts": 4, "given_up": 1}
    assert account.livechat.sender.ended_at == {}


async def test_no_answer_within_the_patience_counts_as_a_failure(
    account: Account, receiver: Receiver
) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    account.livechat.sender.sending.patience_s = 0.05
    account.livechat.sender.sending.retry_after_s = (0.0,)
    receiver.answers = [None]
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert [attempt.status for attempt in account.livechat.sender.attempts] == [None, 200]


async def test_a_receiver_that_is_down_is_retried(account: Account) -> None:
    app = account.livechat.add_app("client secret")
    account.livechat.install(app, [account.organization], "http://127.0.0.1:1/", SECRET, ["chat_deactivated"])
    account.livechat.sender.sending.retry_after_s = (0.0,)
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert [attempt.status for attempt in account.livechat.sender.attempts] == [None, None]


async def test_a_webhook_can_come_twice(account: Account, receiver: Receiver) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    account.livechat.sender.sending.duplicate_share = 1.0
    account.ended_chat()
    await account.livechat.sent(timeout_s=DEADLINE_S)
    assert len(receiver.bodies) == 2
    assert receiver.bodies[0] == receiver.bodies[1]
    assert account.livechat.sender.counts == {"sent": 1, "stored": 1, "attempts": 2}


@pytest.mark.parametrize("in_order", [True, False])
async def test_webhooks_of_a_chat_come_in_order_or_not(
    account: Account, receiver: Receiver, in_order: bool
) -> None:
    install(account, receiver, actions=["incoming_event"])
    account.livechat.sender.sending.in_order = in_order
    account.livechat.sender.sending.held_back_s_max = 0.2
    thread = account.livechat.start_chat(account.organization, (CUSTOMER, AGENT))
    for number in range(12):
        account.say(thread, str(number))
    await account.livechat.sent(timeout_s=DEADLINE_S)
    order = [int(body["payload"]["event"]["text"]) for body in receiver.bodies]
    assert sorted(order) == list(range(12))
    assert (order == list(range(12))) == in_order


async def test_a_slow_receiver_of_one_chat_holds_up_no_other(account: Account, receiver: Receiver) -> None:
    install(account, receiver, actions=["chat_deactivated"])
    receiver.answers = [None]
    for _ in range(5):
        account.ended_chat()
    assert not await account.livechat.sent(timeout_s=0.3)
    assert len(account.livechat.sender.ended_at) == 4
