"""Conversations as LiveChat's events, and the comparison of tags at the end."""

import asyncio
import random
from datetime import UTC, datetime

from tagger.simulator.livechat.account import Draft, Organization
from tagger.simulator.livechat.shapes import chat_json
from tagger.simulator.play.player import QUEUED_EVERY, Comparison, Player, compare, draft_of, users_of
from tagger.simulator.play.visitors import Author, Kind, Line, Visit, all_tags, visits
from tests.deadline import DEADLINE_S, until
from tests.unit.simulator.conftest import Account, Receiver

BY = next(visits(1, 1)).conversations[0]


def draft(author: Author, kind: Kind, organization: Organization) -> Draft:
    return draft_of(Line(author, kind, "my parcel", ("Late?", "Other")), BY, users_of(BY, organization))


async def test_each_kind_of_line_is_the_event_that_livechat_would_send(account: Account) -> None:
    organization = account.organization
    assert draft("customer", "message", organization).content == {"text": "my parcel"}
    assert draft("agent", "greeting", organization).properties == {"lc2": {"welcome_message": True}}
    buttons = draft("agent", "buttons", organization)
    assert set(buttons.properties["lc2"]) == {"greeting_id", "greeting_unique_id"}
    assert [button["text"] for button in buttons.content["elements"][0]["buttons"]] == ["Late?", "Other"]
    assert draft("customer", "click", organization).content["postback"]["type"] == "message"
    product = draft("agent", "product", organization).content["elements"][0]["ecommerce"]
    assert (product["label"], [option["label"] for option in product["options"]]) == (
        "my parcel",
        ["Late?", "Other"],
    )
    assert draft("agent", "note", organization).visibility == "agents"
    assert draft("system", "system", organization).author_id is None
    assert draft("agent", "card", organization).content["elements"][0]["title"] == "my parcel"
    fields = {
        field["type"]: field.get("answer") or [one["label"] for one in field["answers"]]
        for field in draft("customer", "form", organization).content["fields"]
    }
    agreed = fields.pop("checkbox")
    assert agreed in ([], ["I agree"])
    assert fields == {"name": BY.customer, "email": BY.customer_email, "question": "my parcel"}


async def test_all_events_of_a_conversation_reach_the_receiver(account: Account, receiver: Receiver) -> None:
    account.livechat.install(account.livechat.add_app("s"), [account.organization], receiver.url, "secret")
    player = Player(account.livechat, [account.organization])
    chosen = list(visits(2, 30))
    await player.play(chosen)
    assert await account.livechat.sent(timeout_s=DEADLINE_S)
    played = [one for visit in chosen for one in visit.conversations]
    actions = [body["action"] for body in receiver.bodies]
    assert actions.count("incoming_chat") == actions.count("chat_deactivated") == 30
    assert actions.count("incoming_event") == sum(len(one.lines) + one.rated for one in played)


async def test_a_deleted_event_is_kept_and_shown_as_deleted(account: Account) -> None:
    player = Player(account.livechat, [account.organization])
    await player.play(visits(1, 50))
    for one in player.played.values():
        lines = (*one.conversation.opening, *one.conversation.lines)
        shown = chat_json(one.thread, "3.6")["thread"]["events"]
        assert [event.get("deleted", False) for event in shown[: len(lines)]] == [
            line.kind == "deleted" for line in lines
        ]
    assert any(event.deleted for one in player.played.values() for event in one.thread.events)


async def test_some_customers_whom_no_agent_greets_wait_in_the_queue(
    account: Account, receiver: Receiver
) -> None:
    account.livechat.install(account.livechat.add_app("s"), [account.organization], receiver.url, "secret")
    await Player(account.livechat, [account.organization]).play(visits(seed=1, chats=40))
    assert await account.livechat.sent(timeout_s=DEADLINE_S)
    begun = [body["payload"]["chat"] for body in receiver.bodies if body["action"] == "incoming_chat"]
    queued = [chat for chat in begun if "queue" in chat["thread"]]
    assert 1 < len(queued) < len(begun) / QUEUED_EVERY
    for chat in queued:
        (customer,) = chat["users"]
        assert {event.get("author_id", customer["id"]) for event in chat["thread"]["events"]} == {
            customer["id"]
        }


async def test_a_customer_who_comes_back_opens_the_same_chat_again(account: Account) -> None:
    player = Player(account.livechat, [account.organization])
    back = next(visit for visit in visits(1) if len(visit.conversations) == 2)
    await player.play([back])
    (chat,) = account.organization.chats.values()
    assert [thread.active for thread in chat.threads] == [False, False]
    first, second = (one.thread for one in player.played.values())
    assert second.previous_thread_id == first.id


async def test_visits_go_to_the_organizations_in_turn(account: Account) -> None:
    other = account.livechat.add_organization("3.3", sorted(all_tags()))
    await Player(account.livechat, [account.organization, other]).play(
        Visit(visit.conversations[:1]) for visit in visits(1, 10)
    )
    assert abs(len(account.organization.chats) - len(other.chats)) <= 1


async def test_missing_and_wrong_tags_are_named_and_open_chats_are_left_out(account: Account) -> None:
    player = Player(account.livechat, [account.organization])
    await player.play(visits(1, 20))
    expected = sum(len(one.conversation.expected) for one in player.played.values())
    found = compare(player.played.values())
    assert (found.chats, found.expected, found.set, len(found.missing)) == (20, expected, 0, expected)
    for one in player.played.values():
        one.thread.tags.extend(one.conversation.expected)
    assert compare(player.played.values()) == Comparison(20, expected, expected, (), ())
    last = next(reversed(player.played.values()))
    last.thread.tags.append("Unasked")
    assert compare(player.played.values()).wrong == ((last.thread.id, "Unasked"),)
    last.thread.active = True
    assert compare(player.played.values()).wrong == ()


async def test_an_agent_who_corrects_sets_a_tag_and_removes_one_of_ours(account: Account) -> None:
    player = Player(account.livechat, [account.organization], corrects=True)
    visit = next(v for v in visits(1) if len(v.conversations) == 1 and v.conversations[0].expected)

    async def tagger() -> None:
        await until(lambda: len(player.played) == 3)
        for one in player.played.values():
            one.thread.tags.extend(sorted(one.conversation.expected))

    await asyncio.gather(player.play([visit] * 3), tagger())
    first, _, third = player.played.values()
    assert (first.added, first.removed) == (set(), set())
    assert (len(third.added), len(third.removed)) == (1, 1)
    assert third.removed == {min(third.conversation.expected)}
    assert compare(player.played.values()).missing == ()
    assert compare(player.played.values()).wrong == ()


def test_an_event_gets_the_next_number_of_its_thread() -> None:
    organization = Organization("o", 1, "3.6", random.Random(1))
    thread = organization.open_thread(users_of(BY, organization), (0,), datetime.now(UTC))
    drafts = [draft_of(line, BY, thread.chat.users) for line in BY.lines[:2]]
    ids = [organization.add_event(thread, one, datetime.now(UTC)).id for one in drafts]
    assert ids == [f"{thread.id}_1", f"{thread.id}_2"]
