"""Plays conversations on a simulated LiveChat, and compares the tags they get with those they call for."""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

from tagger.simulator.livechat.account import Draft, Organization, Queue, Thread, User
from tagger.simulator.livechat.server import SimulatedLiveChat
from tagger.simulator.play.visitors import Conversation, Line, Visit

AT_ONCE_MAX: Final = 500  # visits at a time; without pauses, more would only wait for each other
CORRECTS_S_MAX: Final = 60.0  # how long an agent waits for a tag, in order to remove it
LOOK_S: Final = 0.05
CONSENT: Final = "You may e-mail me offers"  # the label of a field in the pre-chat survey
QUEUED_EVERY: Final = 4  # every fourth chat that no agent greets begins in the queue
WAIT_PAUSES: Final = 10  # which ends after as many pauses
WAIT_S: Final = 40  # what the simulated LiveChat estimates for each place in the queue
PLAYED_MAX: Final = 20_000  # threads kept, about 5 kB each; the oldest are dropped


@dataclass(frozen=True, slots=True)
class Played:
    """A thread that was played. `thread.tags` are the tags it has so far."""

    conversation: Conversation
    thread: Thread
    added: set[str] = field(default_factory=set)  # tags that a person set
    removed: set[str] = field(default_factory=set)  # tags that a person removed, for good

    @property
    def expected(self) -> frozenset[str]:
        """Tags that the thread should have: those that it calls for, as people corrected them."""
        return (self.conversation.expected | self.added) - self.removed

    @property
    def missing(self) -> frozenset[str]:
        """Tags that the thread should have and has not."""
        return self.expected - set(self.thread.tags)

    @property
    def wrong(self) -> frozenset[str]:
        """Tags that the thread has and should not have."""
        return frozenset(self.thread.tags) - self.expected


@dataclass(frozen=True, slots=True)
class Comparison:
    """The threads that have ended. `missing` and `wrong` are (thread id, tag)."""

    chats: int
    expected: int
    set: int
    missing: tuple[tuple[str, str], ...]
    wrong: tuple[tuple[str, str], ...]


def compare(played: Iterable[Played]) -> Comparison:
    """The tags of all ended threads with those they call for."""
    ended = [one for one in played if not one.thread.active]
    return Comparison(
        chats=len(ended),
        expected=sum(len(one.expected) for one in ended),
        set=sum(len(one.thread.tags) for one in ended),
        missing=tuple((one.thread.id, tag) for one in ended for tag in sorted(one.missing)),
        wrong=tuple((one.thread.id, tag) for one in ended for tag in sorted(one.wrong)),
    )


def users_of(conversation: Conversation, organization: Organization) -> tuple[User, ...]:
    """The customer and the agent. An agent's id is their e-mail, a customer's is a UUID."""
    email = f"{conversation.agent.lower()}@example.com"
    customer = User(organization.new_uuid(), "customer", conversation.customer, conversation.customer_email)
    return customer, User(email, "agent", conversation.agent, email)


def draft_of(line: Line, conversation: Conversation, users: Sequence[User]) -> Draft:
    """The line as LiveChat's event."""
    customer, agent = users[0].id, users[1].id
    author = {"customer": customer, "agent": agent}.get(line.author)
    message: dict[str, Any] = {"text": line.text}
    match line.kind:
        # https://platform.text.com/docs/messaging/references/default-properties
        case "greeting":
            return Draft("message", message, author, properties={"lc2": {"welcome_message": True}})
        case "buttons":
            properties = {"lc2": {"greeting_id": 7, "greeting_unique_id": "Q10X0W041P"}}
            return Draft("rich_message", _card_of(line.text, line.buttons), author, properties=properties)
        case "click":
            return Draft(
                "message", message | {"postback": {"id": "0", "type": "message", "value": "0"}}, author
            )
        case "product":
            return Draft("rich_message", _product_of(line), author)
        case "note":
            return Draft("message", message, author, visibility="agents")
        case "system":
            return Draft("system_message", message | {"system_message_type": "chat_transferred"})
        case "card":
            return Draft("rich_message", _card_of(line.text, ["OK"], conversation.agent), author)
        case "form":
            return Draft("filled_form", _form_of(line, conversation), author)
    return Draft("message", message, author)


def _card_of(title: str, buttons: Iterable[str], subtitle: str = "") -> dict[str, Any]:
    """A title with buttons that answer for the customer."""
    shown = [
        {"text": text, "type": "message", "value": str(number), "postback_id": str(number), "user_ids": []}
        for number, text in enumerate(buttons)
    ]
    element = {"title": title, **({"subtitle": subtitle} if subtitle else {}), "buttons": shown}
    return {"template_id": "quick_replies", "elements": [element]}


def _product_of(line: Line) -> dict[str, Any]:
    """A product with its options, as a message of the template `ecommerce`."""
    options = [
        {
            "option_id": f"5001-{number}",
            "label": label,
            "price": "12.00",
            "currency": "EUR",
            "available": True,
        }
        for number, label in enumerate(line.buttons)
    ]
    product = {
        "view_type": "tags",
        "product_id": "5001",
        "label": line.text,
        "options": options,
        "addons": [],
    }
    return {"template_id": "ecommerce", "elements": [{"title": "", "buttons": [], "ecommerce": product}]}


def _form_of(line: Line, conversation: Conversation) -> dict[str, Any]:
    """A pre-chat survey; name and e-mail in it call for no tag."""
    fields: list[dict[str, Any]] = [
        {"type": "name", "id": "10021", "label": "Name", "answer": conversation.customer},
        {"type": "email", "id": "10022", "label": "E-mail", "answer": conversation.customer_email},
        {"type": "question", "id": "10023", "label": conversation.form_label, "answer": line.text},
    ]
    # Every other visitor agrees to be written to. The words are the form's, so they call for no tag.
    agrees = len(conversation.customer_email) % 2 == 0
    answers = [{"id": "0", "label": "I agree"}] if agrees else []
    fields.append({"type": "checkbox", "id": "10024", "label": CONSENT, "answers": answers})
    return {"form_id": "1002", "form_type": "prechat", "fields": fields}


@dataclass(slots=True)
class Player:
    """Gives visits to the organizations in turn, with `pause_s` between two events of a chat.

    With `corrects`, in every third chat the agent sets a tag by hand, and afterwards removes one that the tagger set.
    """

    livechat: SimulatedLiveChat
    organizations: Sequence[Organization]
    pause_s: float = 0.0
    corrects: bool = False
    at_once: int = AT_ONCE_MAX  # visits
    played: dict[str, Played] = field(default_factory=dict)  # by thread id, in the order they started
    _unanswered: int = 0  # chats that no agent greeted
    _waiting: list[Thread] = field(default_factory=list)  # in the queue

    async def play(self, visits: Iterable[Visit], visits_per_s: float | None = None) -> None:
        """Play all visits until the last chat has ended; without a rate, as fast as possible."""
        room, loop = asyncio.Semaphore(self.at_once), asyncio.get_running_loop()
        next_at = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for visit, organization in zip(visits, cycle(self.organizations), strict=False):
                await room.acquire()
                task = tasks.create_task(self.play_visit(visit, organization))
                task.add_done_callback(lambda _: room.release())
                next_at += 1 / visits_per_s if visits_per_s else 0.0
                await asyncio.sleep(max(0.0, next_at - loop.time()))  # what comes late makes no other late

    async def play_visit(self, visit: Visit, organization: Organization) -> None:
        """Play the threads of one chat."""
        chat_id = None
        for conversation in visit.conversations:
            thread = await self.play_conversation(conversation, organization, chat_id)
            chat_id = thread.chat.id
            await asyncio.sleep(self.pause_s)

    async def play_conversation(
        self, conversation: Conversation, organization: Organization, chat_id: str | None = None
    ) -> Thread:
        """Play one thread, of a new chat or of one that is opened again."""
        users = users_of(conversation, organization)
        if chat_id:
            users = organization.chats[chat_id].users[0], users[1]
        opening = [draft_of(line, conversation, users) for line in conversation.opening]
        queue = self._queue_for(conversation)
        thread = self.livechat.start_chat(organization, users, opening, chat_id=chat_id, queue=queue)
        if queue:
            self._waiting.append(thread)
        while len(self.played) >= PLAYED_MAX:
            del self.played[next(iter(self.played))]
        played = self.played[thread.id] = Played(conversation, thread)
        corrects = self.corrects and len(self.played) % 3 == 0
        await asyncio.sleep(self.pause_s * WAIT_PAUSES if queue else 0)
        for line in conversation.lines:
            await asyncio.sleep(self.pause_s)
            event = self.livechat.add_event(thread, draft_of(line, conversation, users))
            if line.kind == "deleted":
                organization.delete_event(thread, event.id)
        if corrects:
            self._set_by_hand(played)
        await asyncio.sleep(self.pause_s)
        self.livechat.deactivate(thread, None if conversation.closed_by_router else users[0].id)
        if conversation.rated:
            await asyncio.sleep(self.pause_s)
            rated = {"text": "The customer rated the chat", "system_message_type": "rating.chat_rated"}
            self.livechat.add_event(thread, Draft("system_message", rated))
        if corrects:
            await self._remove_one(played)
        return thread

    def _queue_for(self, conversation: Conversation) -> Queue | None:
        """Where the customer waits; None: an agent is free."""
        if any(line.author == "agent" for line in conversation.opening):
            return None
        self._unanswered += 1
        if self._unanswered % QUEUED_EVERY:
            return None
        self._waiting = [thread for thread in self._waiting if thread.queue]
        place = len(self._waiting) + 1
        return Queue(place, place * WAIT_S, self.livechat.now())

    def _set_by_hand(self, played: Played) -> None:
        names = sorted(tag.name for tag in played.thread.chat.organization.tags.values())
        tag = next((name for name in names if name not in played.conversation.expected), None)
        if tag is not None and self.livechat.tag(played.thread, tag) is None:
            played.added.add(tag)

    async def _remove_one(self, played: Played) -> None:
        """Remove a tag that the conversation calls for, once it is there; an agent does not wait forever."""
        tag = min(played.conversation.expected, default=None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CORRECTS_S_MAX):
                while tag is not None and tag not in played.thread.tags:  # noqa: ASYNC110  # set by another process
                    await asyncio.sleep(LOOK_S)
        if tag is not None and self.livechat.untag(played.thread, tag) is None:
            played.removed.add(tag)
