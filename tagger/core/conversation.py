"""What was said in one thread, as the keyword rules see it.

The two halves of the core meet here: `threads` makes conversations from records, `matching` decides on them.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Author = Literal["customer", "agent"]


class ThreadKey(NamedTuple):
    """What is tagged. A re-opened chat is a new thread, and two organizations may have the same chat id."""

    organization: str  # organization_id, or license_id as text; "" for API 3.1, which sends neither
    chat_id: str
    thread_id: str


class Said(NamedTuple):
    """One event that says something.

    `fields` are its texts: one for a message, several for a rich message or a filled form. Each is searched
    separately; a keyword never matches across two of them.
    """

    event_id: str
    author: Author
    fields: tuple[str, ...]

    def __repr__(self) -> str:  # chat text must not show in a traceback
        return f"Said({self.event_id!r}, {self.author!r})"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A thread at the moment it is decided on."""

    thread: ThreadKey
    said: tuple[Said, ...]  # in the order they were seen
    group_ids: frozenset[int] | None = None  # LiveChat groups the thread began in; None: unknown
    tags: frozenset[str] = frozenset()  # known to be on the thread already
    complete: bool = True  # False: something may be missing, so rules with `none` do not count
