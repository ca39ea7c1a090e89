"""What LiveChat knows of one organization: chats, their threads and events, tags. Plain data, no I/O.

A chat belongs to one customer and has many threads, of which only the last can be active; the unit that is
tagged is the thread. https://platform.text.com/docs/messaging#chats
"""

import random
import string
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from tagger.simulator.livechat.errors import ApiError

# Chats an organization remembers; above it the oldest ended ones are forgotten, so that a demo that is kept
# running for days stays small (about 10 kB a chat).
CHATS_MAX: Final = 20_000

Version = Literal["3.3", "3.4", "3.5", "3.6"]
EventType = Literal["message", "filled_form", "rich_message", "file", "system_message"]
ID_LETTERS: Final = string.ascii_uppercase + string.digits


@dataclass(frozen=True, slots=True)
class User:
    """A customer (id: a UUID) or an agent (id: the e-mail)."""

    id: str
    type: Literal["customer", "agent"]
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is sent. `content` holds the fields of its type as API 3.6 names them."""

    type: EventType
    content: dict[str, Any]
    author_id: str | None = None  # None: a system message has no author
    visibility: Literal["all", "agents"] = "all"
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    created_at: datetime
    draft: Draft


@dataclass(slots=True)
class Thread:
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


@dataclass(slots=True)
class Chat:
    id: str
    organization: "Organization" = field(repr=False)
    users: tuple[User, ...] = field(repr=False)
    threads: list[Thread] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Tag:
    """Names are unique whatever their case, and are named with their case."""

    name: str
    group_ids: tuple[int, ...]
    author_id: str
    created_at: datetime


@dataclass(slots=True)
class Organization:
    """One LiveChat license. `version` is that of its registered webhooks, which decides their shape."""

    id: str
    license_id: int
    version: Version
    rng: random.Random = field(repr=False)
    region: str | None = None  # where set, a request must name it in X-Region, or it is misdirected
    unknown_tag: str | None = "validation"  # the error of setting one, documented nowhere; None: it is set
    tags: dict[str, Tag] = field(default_factory=dict, repr=False)  # by lower-case name
    chats: dict[str, Chat] = field(default_factory=dict, repr=False)
    webhooks_enabled: dict[str, bool] = field(default_factory=dict)  # by the client id of an installed app

    def open_thread(
        self, users: tuple[User, ...], group_ids: tuple[int, ...], now: datetime, chat_id: str | None = None
    ) -> Thread:
        """A new chat, or a new thread of the ended one that is named."""
        if chat_id is None:
            self._forget()
            chat_id = self.new_id()
            self.chats[chat_id] = Chat(chat_id, self, users)
        chat = self.chats[chat_id]
        chat.users = users  # the customer stays, another agent may take over
        thread = Thread(self.new_id(), chat, now, group_ids)
        if chat.threads:
            before = chat.threads[-1]
            assert not before.active, "only the last thread of a chat can be active"
            thread.previous_thread_id, before.next_thread_id = before.id, thread.id
        chat.threads.append(thread)
        return thread

    def add_event(self, thread: Thread, draft: Draft, now: datetime) -> Event:
        """Event ids are the thread's and a rising number, as in the fixtures of LiveChat's SDKs."""
        event = Event(f"{thread.id}_{len(thread.events) + 1}", now, draft)
        thread.events.append(event)
        return event

    def find_thread(self, chat_id: str, thread_id: str | None = None) -> Thread | ApiError:
        """The thread, or the chat's last where none is named."""
        chat = self.chats.get(chat_id)
        if chat is None:
            return ApiError("not_found", "Chat not found")
        if thread_id is None:
            return chat.threads[-1]
        found = next((thread for thread in chat.threads if thread.id == thread_id), None)
        return found or ApiError("not_found", "Thread not found")

    def ended_threads(self) -> list[Thread]:
        return [thread for chat in self.chats.values() for thread in chat.threads if not thread.active]

    def create_tag(
        self, name: str, group_ids: tuple[int, ...], author_id: str, now: datetime
    ) -> ApiError | None:
        if name.lower() in self.tags:
            return ApiError("already_exists")
        self.tags[name.lower()] = Tag(name, group_ids, author_id, now)
        return None

    def find_tag(self, name: str) -> Tag | None:
        """By exact case, as everything but the creation of a tag looks it up."""
        tag = self.tags.get(name.lower())
        return tag if tag is not None and tag.name == name else None

    def tag_thread(self, thread: Thread, name: str) -> ApiError | None:
        """https://platform.text.com/docs/messaging/agent-chat-api#tag-thread; ended threads can be tagged."""
        tag = self.find_tag(name)
        if tag is None and self.unknown_tag is not None:
            return ApiError(self.unknown_tag, "Tag does not exist")
        # "only if the thread and the tag are assigned to at least one common group" (Configuration API, Tags)
        if tag and not set(tag.group_ids) & set(thread.group_ids):
            return ApiError("authorization", "Tag and thread share no group")
        if name not in thread.tags:
            thread.tags.append(name)
        return None

    def untag_thread(self, thread: Thread, name: str) -> ApiError | None:
        if name not in thread.tags:
            return ApiError("not_found", "Tag not found")
        thread.tags.remove(name)
        return None

    def new_id(self) -> str:
        """A chat or thread id as LiveChat's look: PJ0MRSHTDG."""
        return "".join(self.rng.choices(ID_LETTERS, k=10))

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _forget(self) -> None:
        if len(self.chats) >= CHATS_MAX:
            ended = [chat.id for chat in self.chats.values() if not chat.threads[-1].active]
            for chat_id in ended[: CHATS_MAX // 10]:
                del self.chats[chat_id]
