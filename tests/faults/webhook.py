"""What tells one webhook from all others, as it is sent and as it is stored."""

from typing import Any, NamedTuple


class Webhook(NamedTuple):
    """A webhook by what it says. `item` is an event's id, or a tag."""

    action: str
    thread: str
    item: str

    @classmethod
    def of(cls, envelope: Any) -> "Webhook | None":
        """None: it is none that names a thread."""
        try:
            payload = envelope["payload"]
            thread = payload.get("thread_id") or payload["chat"]["thread"]["id"]
            action, item = envelope["action"], payload.get("tag") or payload.get("event", {}).get("id", "")
        except (TypeError, KeyError, AttributeError):
            return None
        found = (action, thread, item)
        return cls(*found) if all(isinstance(each, str) for each in found) else None

    def __str__(self) -> str:
        return f"{self.action} {self.item}".strip()
