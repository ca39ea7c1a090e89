"""What LiveChat knows about one organization: chats, their threads and events, and tags. Plain data, no I/O.

A chat belongs to one customer. Of its threads only the last can be active; tags belong to threads.
https://platform.text.com/docs/messaging#chats
"""

import random
import string
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from tagger.simulator.livechat.errors import ApiError

# Chats that an organization keeps, about 10 kB each; beyond that the oldest ended ones are deleted, so that a demo
# can run for days.
CHATS_MAX: Final = 20_000

Version = Literal["3.3", "3.4", "3.5", "3.6"]
EventType = Literal["message", "filled_form", "rich_message", "file", "system_message"]


@dataclass(frozen=True, slots=True)
class User:
    """A customer (id: a UUID) or an agent (id: the e-mail)."""

    id: str
    type: Literal["customer", "agent"]
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is sent. `content` has the fields of its type as API 3.6 names them."""

    type: EventType
    content: dict[str, Any]
    author_id: str | None = None  # None: a system message has no author
    visibility: Literal["all", "agents"] = "all"
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that was sent."""

    id: str
    created_at: datetime
    draft: Draft
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """Where a customer waits for an agent, and for how long that may be, in seconds: LiveChat estimates it."""

    position: int
    wait_time: int
    queued_at: datetime


@dataclass(slots=True)
class Thread:
    """A conversation, from its start to its end."""

    id: str
    chat: "Chat" = field(repr=False)
    created_at: datetime
    group_ids: tuple[int, ...]
    events: list[Event] = field(default_factory=list, repr=False)
    tags: list[str] = field(default_factory=list)
    active: bool = True
    ended_at: datetime | None = None
    previous_thread_id: str | None = None
    next_thread_id: str | None = None
    queue: Queue | None = None  # until an agent writes, or the thread ends


@dataclass(slots=True)
class Chat:
    """All conversations with one customer. `users` are those of the last thread."""

    id: str
    organization: "Organization" = field(repr=False)
    users: tuple[User, ...] = field(repr=False)
    threads: list[Thread] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the organization. Names are unique regardless of case, and looked up with their case."""

    name: str
    group_ids: tuple[int, ...]
    author_id: str
    created_at: datetime


RoutingStatus = Literal["accepting_chats", "not_accepting_chats", "offline"]


@dataclass(slots=True)
class Bot:
    """A bot of an app; it is offline until somebody sets its status."""

    id: str
    owner_client_id: str
    name: str
    status: RoutingStatus = "offline"


@dataclass(slots=True)
class Organization:
    """One LiveChat license. Its webhooks have the shape of API `version`."""

    id: str
    license_id: int
    version: Version
    rng: random.Random = field(repr=False)
    region: str | None = None  # if set, a request must name it in X-Region
    unknown_tag: str | None = (
        "validation"  # the error of setting one, which is not documented; None: it is set
    )
    tags: dict[str, Tag] = field(default_factory=dict, repr=False)  # by lower-case name
    chats: dict[str, Chat] = field(default_factory=dict, repr=False)
    webhooks_enabled: dict[str, bool] = field(default_factory=dict)  # by the client id of an installed app
    bots: dict[str, Bot] = field(default_factory=dict)

    def has_bot_online(self, owner_client_id: str) -> bool:
        """Whether bot webhooks of this app are sent: "If the bot is offline, webhooks won't be received"."""
        bots = self.bots.values()
        return any(bot.owner_client_id == owner_client_id and bot.status != "offline" for bot in bots)

    def open_thread(
        self, users: tuple[User, ...], group_ids: tuple[int, ...], now: datetime, chat_id: str | None = None
    ) -> Thread:
        """A new chat, or a new thread of an ended one."""
        if chat_id is None:
            self._delete_oldest()
            chat_id = self.new_id()
            self.chats[chat_id] = Chat(chat_id, self, users)
        chat = self.chats[chat_id]
        chat.users = users  # same customer, perhaps another agent
        thread = Thread(self.new_id(), chat, now, group_ids)
        if chat.threads:
            before = chat.threads[-1]
            assert not before.active, "only the last thread of a chat can be active"
            thread.previous_thread_id, before.next_thread_id = before.id, thread.id
        chat.threads.append(thread)
        return thread

    def add_event(self, thread: Thread, draft: Draft, now: datetime) -> Event:
        """The event, with an id as in the fixtures of LiveChat's SDKs: the thread's and a rising number."""
        event = Event(f"{thread.id}_{len(thread.events) + 1}", now, draft)
        thread.events.append(event)
        return event

    def delete_event(self, thread: Thread, event_id: str) -> None:
        """Mark the event as deleted. LiveChat keeps it, and shows its text to administrators."""
        thread.events = [
            replace(event, deleted=True) if event.id == event_id else event for event in thread.events
        ]

    def find_thread(self, chat_id: str, thread_id: str | None = None) -> Thread | ApiError:
        """The thread, or the chat's last if none is named."""
        chat = self.chats.get(chat_id)
        if chat is None:
            return ApiError("not_found", "Chat not found")
        if thread_id is None:
            return chat.threads[-1]
        found = next((thread for thread in chat.threads if thread.id == thread_id), None)
        return found or ApiError("not_found", "Thread not found")

    def ended_threads(self) -> list[Thread]:
        """Those of all chats."""
        return [thread for chat in self.chats.values() for thread in chat.threads if not thread.active]

    def create_tag(
        self, name: str, group_ids: tuple[int, ...], author_id: str, now: datetime
    ) -> ApiError | None:
        """Add a tag to the organization."""
        if name.lower() in self.tags:
            return ApiError("already_exists")
        self.tags[name.lower()] = Tag(name, group_ids, author_id, now)
        return None

    def tag_thread(self, thread: Thread, name: str) -> ApiError | None:
        """https://platform.text.com/docs/messaging/agent-chat-api#tag-thread; ended threads can be tagged."""
        tag = self.tags.get(name.lower())
        if tag is None or tag.name != name:
            if self.unknown_tag is not None:
                return ApiError(self.unknown_tag, "Tag does not exist")
        elif not set(tag.group_ids) & set(thread.group_ids):
            # "only if the thread and the tag are assigned to at least one common group" (Configuration API, Tags)
            return ApiError("authorization", "Tag and thread share no group")
        if name not in thread.tags:
            thread.tags.append(name)
        return None

    def untag_thread(self, thread: Thread, name: str) -> ApiError | None:
        """https://platform.text.com/docs/messaging/agent-chat-api#untag-thread"""
        if name not in thread.tags:
            return ApiError("not_found", "Tag not found")
        thread.tags.remove(name)
        return None

    def new_id(self) -> str:
        """An id as chats and threads have: PJ0MRSHTDG."""
        return "".join(self.rng.choices(string.ascii_uppercase + string.digits, k=10))

    def new_uuid(self) -> str:
        """An id as customers, accounts and organizations have."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _delete_oldest(self) -> None:
        if len(self.chats) >= CHATS_MAX:
            ended = [chat.id for chat in self.chats.values() if not chat.threads[-1].active]
            for chat_id in ended[: CHATS_MAX // 10]:
                del self.chats[chat_id]
