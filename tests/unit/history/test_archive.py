"""Chats of LiveChat's archive, from the simulated LiveChat: what they cost is said first."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from ingest.runtime.clock import now_ms
from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Decision
from tagger.core.records.decision import decision_record
from tagger.history import archive
from tagger.history.archive import ArchiveHistory, Cost, DeclinedError
from tagger.history.ledger import Ledger
from tagger.livechat.authorization.credentials import ForAll
from tagger.livechat.authorization.tokens import Fixed
from tagger.livechat.calls.price import priced
from tagger.livechat.client import Client
from tagger.simulator.livechat.account import Draft, Thread, User
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.livechat.server import SimulatedLiveChat

HOUR = 3_600_000


class Scene:
    """One organization of a simulated LiveChat, and a client of it."""

    def __init__(self, livechat: SimulatedLiveChat) -> None:
        self.livechat, self.organization = livechat, livechat.add_organization("3.6", ["Refund"])
        account, pat = livechat.add_account(self.organization)
        self.who = ForAll(Fixed(lambda: pat, account.id))
        self.client = Client(self.who, livechat.url)
        self.asked: list[Cost] = []

    def chat(self, text: str, *, ends: bool = True) -> Thread:
        customer = User(self.organization.new_uuid(), "customer", "Ann", "ann@example.com")
        draft = Draft("message", {"text": text}, customer.id)
        thread = self.livechat.start_chat(self.organization, (customer,), [draft])
        if ends:
            self.livechat.deactivate(thread)
        return thread

    def history(self, *, agrees: bool = True, ledger: Ledger | None = None) -> ArchiveHistory:
        def asked(cost: Cost) -> bool:
            self.asked.append(cost)
            return agrees

        now = now_ms()
        return ArchiveHistory(self.client, self.who, now - HOUR, now + HOUR, asked, ledger=ledger)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with SimulatedLiveChat(seed=1) as livechat:
        made = Scene(livechat)
        yield made
        await made.client.close()


async def test_every_ended_chat_comes_with_its_words_and_tags(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "PAGE_CHATS", 3)
    threads = [scene.chat(f"refund {number}") for number in range(7)]
    scene.chat("not yet", ends=False)
    threads[2].tags = ["Refund"]
    history = scene.history()
    chats = [chat async for chat in history.chats()]
    assert {chat.thread.thread_id for chat in chats} == {thread.id for thread in threads}
    for chat in chats:
        assert chat.conversation is not None
        assert chat.conversation.complete
        assert "refund" in chat.conversation.said[0].fields[0]
    assert [chat.tags for chat in chats if chat.tags] == [frozenset({"Refund"})]
    assert history.counts.chats == 7
    assert scene.asked == [Cost(7, 4)]  # one to find out, and three pages


async def test_where_the_cost_is_declined_nothing_is_read(scene: Scene) -> None:
    scene.chat("refund")
    history = scene.history(agrees=False)
    with pytest.raises(DeclinedError):
        [chat async for chat in history.chats()]
    assert history.counts.chats == 0


async def test_decisions_are_joined_under_whatever_name_the_organization_has(scene: Scene) -> None:
    thread, ledger = scene.chat("refund"), Ledger()
    record: dict[str, Any] = decision_record(
        ThreadKey(scene.organization.id, thread.chat.id, thread.id),
        Decision(("Refund",), (), (), "0123456789ab"),
        "tagged",
        None,
        read_from="api",
        messages=1,
        ended_at_ms=0,
        settled_at_ms=0,
    )
    ledger.take("livechat.decisions", 0, [orjson.dumps(record)], 1)
    (chat,) = [chat async for chat in scene.history(ledger=ledger).chats()]
    assert [made.tags for made in chat.decisions] == [("Refund",)]
    ledger.close()


async def test_what_livechat_refuses_is_told_and_is_no_empty_archive(scene: Scene) -> None:
    scene.chat("refund")
    scene.livechat.faults.append(Fault("authorization"))
    history = scene.history()
    assert [chat async for chat in history.chats()] == []
    assert len(history.counts.problems) == 1
    assert "authorization" in list(history.counts.notes())[-1]


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (0, "0 API calls"),
        (1, "1 API call, less than $0.01 at LiveChat's published price"),
        (143, "143 API calls, about $0.04 at LiveChat's published price"),
        (1_000_000, "1,000,000 API calls, about $270.00 at LiveChat's published price"),
    ],
)
def test_a_price_is_said_in_words(calls: int, said: str) -> None:
    assert priced(calls) == said


def test_a_cost_is_said_with_its_chats() -> None:
    assert str(Cost(14_212, 144)) == "14,212 chats: 144 API calls, about $0.04 at LiveChat's published price"
