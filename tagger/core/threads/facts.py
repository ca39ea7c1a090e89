"""What a record of the topic, or a chat as LiveChat returns it, tells: a few facts, as plain values. Pure."""

from typing import NamedTuple


class Event(NamedTuple):
    """One event of a thread that says something."""

    event_id: str
    author_id: str  # "": LiveChat did not say
    fields: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Event({self.event_id!r}, {len(self.fields)} fields)"


class ChatStarted(NamedTuple):
    """`incoming_chat`: a thread begins. Also a chat with one thread, as `get_chat` and `list_archives`.

    https://platform.text.com/docs/management/webhooks#incoming_chat
    """

    organization: str
    chat_id: str
    thread_id: str
    created_at_ms: int | None
    active: bool
    events: tuple[Event, ...]  # those that say something
    customers: tuple[str, ...]  # ids of the users whose type is customer
    group_ids: tuple[int, ...] | None  # None: LiveChat did not say
    tags: tuple[str, ...]
    odd_events: int  # events that could not be read: the thread has holes

    def __repr__(self) -> str:
        return f"ChatStarted({self.chat_id!r}, {self.thread_id!r}, {len(self.events)} events)"


class EventReceived(NamedTuple):
    """`incoming_event`: one more event of a thread.

    https://platform.text.com/docs/management/webhooks#incoming_event
    """

    organization: str
    chat_id: str
    thread_id: str
    event_id: str  # "" where it says nothing
    author_id: str  # "": LiveChat did not say
    fields: tuple[str, ...]  # () where it says nothing

    def __repr__(self) -> str:
        return f"EventReceived({self.chat_id!r}, {self.thread_id!r}, {self.event_id!r})"


class ChatEnded(NamedTuple):
    """`chat_deactivated`: the thread ended.

    https://platform.text.com/docs/management/webhooks#chat_deactivated
    """

    organization: str
    chat_id: str
    thread_id: str


class Ignored(NamedTuple):
    """A record that is no business of ours: `action` or `sample`."""

    reason: str


class Unreadable(NamedTuple):
    """Something that should be a webhook or a chat of LiveChat, and is not. The reason quotes nothing."""

    reason: str
    organization: str  # "" where it cannot be told
    chat_id: str  # "" where it cannot be told


class Restricted(NamedTuple):
    """LiveChat keeps the events of this thread back; the plan does not cover its age."""

    chat_id: str
    thread_id: str


Fact = ChatStarted | EventReceived | ChatEnded | Ignored | Unreadable
