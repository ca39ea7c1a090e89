"""The chats of a small shop, of which `config/history.md` shows what the commands make."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final

# The tag that people set, or None; then what the customers wrote: every combination of the columns is a chat.
SHOP: Final[tuple[tuple[str | None, tuple[str, ...], tuple[str, ...]], ...]] = (
    (
        "Refund",
        (
            "please reimburse me",
            "will you reimburse",
            "waiting for my reimbursement",
            "any reimbursement yet?",
        ),
        ("for the lamp", "for the red chair", "for my order"),
    ),
    (
        "Refund",
        ("can I send it back", "let me send it back"),
        ("it does not fit", "wrong colour", "I bought two", "the lamp is too small", "it was a gift"),
    ),
    (None, ("we want to send it back to the repair shop",), ("the lamp", "the desk")),
    (
        None,
        ("the app crashes", "your app crashed again", "app crashing since today"),
        ("when I open it", "when I pay", "on my phone", "please help", "any news?"),
    ),
    (
        "Delivery",
        ("where is my parcel", "the driver took it back, please send it again", "the parcel did not come"),
        ("I ordered the lamp", "please help", "it was a gift", "any news?", "for my order", "it is late"),
    ),
    (
        "Invoice",
        ("I need an invoice", "the invoice is wrong", "please send me the invoice", "invoice for my company"),
        ("for the lamp", "for my order", "please help", "wrong address", "can you call back?"),
    ),
    (
        None,
        ("hello",),
        ("do you sell lamps?", "is the red chair in stock?", "a nice shop", "your site is slow"),
    ),
)


# The keyword files of the shop, and a change of them.
RULES: Final = """version: 1
rules:
  - {id: refund, tag: Refund, any: [reimburse]}
  - {id: delivery, tag: Delivery, any: [parcel]}
  - {id: summer-sale, tag: Sale, any: [summer sale]}
"""
CHANGED: Final = RULES.replace("[reimburse]", "[reimburse*, send it back]")


def write_rules(folder: Path) -> None:
    """Write the keyword files into `config`, and the changed ones into `new`."""
    for name, text in (("config", RULES), ("new", CHANGED)):
        (folder / name).mkdir()
        (folder / name / "shop.yaml").write_text(text)


def write(path: Path) -> None:
    """Write the chats as get_chat returns them, one JSON object a line."""
    path.write_text("".join(json.dumps(chat) + "\n" for chat in _chats()), "utf-8")


def _chats() -> Iterator[dict[str, Any]]:
    number = 0
    for tag, *columns in SHOP:
        for texts in product(*columns):
            number += 1
            yield chat(f"C{number}", texts, [tag] if tag else [])


def chat(name: str, texts: tuple[str, ...], tags: list[str]) -> dict[str, Any]:
    """A chat in which only the customer wrote."""
    events = [
        {"id": f"{name}_{at}", "type": "message", "author_id": "customer", "text": text}
        for at, text in enumerate(texts, 1)
    ]
    thread = {
        "id": f"T{name}",
        "active": False,
        "created_at": "2026-11-23T10:00:00Z",
        "tags": tags,
        "events": events,
    }
    return {"id": name, "users": [{"id": "customer", "type": "customer"}], "thread": thread}
