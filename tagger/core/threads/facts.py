"""The facts in a record of the topic, or in a chat as LiveChat returns it, as plain values. Pure."""

from typing import Literal, NamedTuple

Change = Literal["added", "removed"]


class Event(NamedTuple):
    """One event of a thread that says something."""

    event_id: str
    author_id: str  # "" if LiveChat does not say
    fields: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Event({self.event_id!r}, {len(self.fields)} fields)"


class ChatStarted(NamedTuple):
    """`incoming_chat`: a thread begins. Also a chat with one thread, as `get_chat` and `list_archives` return it.

    https://platform.text.com/docs/management/webhooks#incoming_chat
    """

    organization: str
    chat_id: str
    thread_id: str
    created_at_ms: int | None
    active: bool
    events: tuple[Event, ...]  # those that say something
    customers: tuple[str, ...]  # ids of the users whose type is customer
    group_ids: tuple[int, ...] | None  # None if LiveChat does not say
    tags: tuple[str, ...]
    odd_events: int  # how many events could not be read: the thread has holes
    deleted: tuple[str, ...] = ()  # ids of the events that somebody deleted

    def __repr__(self) -> str:
        return f"ChatStarted({self.chat_id!r}, {self.thread_id!r}, {len(self.events)} events)"


class EventReceived(NamedTuple):
    """`incoming_event`: one more event of a thread.

    https://platform.text.com/docs/management/webhooks#incoming_event
    """

    organization: str
    chat_id: str
    thread_id: str
    event_id: str  # "" if it says nothing
    author_id: str  # "" if LiveChat does not say
    fields: tuple[str, ...]  # () if it says nothing

    def __repr__(self) -> str:
        return f"EventReceived({self.chat_id!r}, {self.thread_id!r}, {self.event_id!r})"


class ChatEnded(NamedTuple):
    """`chat_deactivated`: the thread ended.

    https://platform.text.com/docs/management/webhooks#chat_deactivated
    """

    organization: str
    chat_id: str
    thread_id: str


class TagChanged(NamedTuple):
    """`thread_tagged` or `thread_untagged`: a tag was set or removed, by a person, by us or by another program.

    LiveChat does not say by whom. https://platform.text.com/docs/management/webhooks#thread_tagged
    """

    organization: str
    chat_id: str
    thread_id: str
    tag: str
    change: Change


class Ignored(NamedTuple):
    """A record that does not concern us: `action`, `sample`, or `tag_change` (one that names no thread or tag)."""

    reason: str


class Unreadable(NamedTuple):
    """Something that should be a LiveChat webhook or chat, but is not. The reason quotes none of it."""

    reason: str
    organization: str  # "" if unknown
    chat_id: str  # "" if unknown


class Restricted(NamedTuple):
    """LiveChat withholds this thread's events: the plan does not cover its age."""

    chat_id: str
    thread_id: str


Fact = ChatStarted | EventReceived | ChatEnded | TagChanged | Ignored | Unreadable
