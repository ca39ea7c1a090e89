"""Which webhooks LiveChat has registered for us, and what to register or remove. Pure.

https://platform.text.com/docs/management/configuration-api#webhooks. A registration cannot be changed and its
secret cannot be read, so its description names the secret by a fingerprint: with it, registering again
changes nothing, and a rotation that was interrupted goes on where it stopped.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.topic import STORED_ACTIONS

ACTIONS: Final = tuple(sorted(STORED_ACTIONS))
PER_ACTION_MAX: Final = 3  # registrations of one action for one client id; LiveChat's limit
URL_CHARS_MAX: Final = 500  # LiveChat's limit
SECRET_CHARS_MAX: Final = 255  # LiveChat's limit
OURS: Final = "livechat-tagger, secret "  # begins the description of what this program registered


@dataclass(frozen=True, slots=True)
class Registration:
    """One registered webhook, as `list_webhooks` shows it."""

    id: str
    action: str
    url: str
    description: str = ""
    whole: bool = True  # of the license and without a filter: it sends everything


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order. With problems, nothing."""

    register: tuple[str, ...] = ()  # actions
    remove: tuple[Registration, ...] = ()
    problems: tuple[str, ...] = ()


def registrations(answer: Iterable[Any]) -> list[Registration]:
    """An answer of `list_webhooks`, whose shape was checked."""
    return [
        Registration(
            one["id"],
            one["action"],
            one["url"],
            one["description"] if isinstance(one.get("description"), str) else "",
            one.get("type", "license") == "license" and not one.get("filters"),
        )
        for one in answer
    ]


def registered(secrets: str) -> str:
    """The one that LiveChat is to send: the first of those that commas or lines separate."""
    return secrets.replace("\n", ",").partition(",")[0].strip()


def description(secret: str) -> str:
    """Says whose registration it is and, by a slow hash that does not lead back to it, with which secret."""
    mark = hashlib.scrypt(secret.encode(), salt=b"livechat-tagger webhook", n=1 << 14, r=8, p=1, dklen=6)
    return f"{OURS}{mark.hex()}"


def to_register(existing: Sequence[Registration], url: str, secret: str) -> Plan:
    """What lacks so that every action is sent to `url` with `secret`."""
    problems = _unusable(url, secret)
    lacking = _lacking(existing, url, secret)
    others = [one for one in existing if one.action in lacking and one.url == url and one.whole]
    if others and not problems:
        problems = [
            f"{one.action} is registered at this address by hand or with another secret ({one.id}); "
            "to put this secret in its place: tagger webhooks rotate-secret"
            for one in others
        ]
    return _planned(existing, lacking, (), problems)


def to_rotate(existing: Sequence[Registration], url: str, secret: str) -> Plan:
    """What to register beside what is there, and what to remove afterwards: `secret` alone stays."""
    problems = _unusable(url, secret)
    ours = [one for one in existing if one.url == url and one.action in ACTIONS]
    if not ours:
        problems.append("nothing is registered at this address; begin with: tagger webhooks register")
    former = tuple(one for one in ours if one.description != description(secret))
    return _planned(existing, _lacking(existing, url, secret), former, problems)


def to_remove(existing: Sequence[Registration], url: str | None) -> Plan:
    """What to remove so that nothing is sent to `url`, or nothing at all."""
    found = tuple(one for one in existing if url is None or one.url == url)
    return Plan(remove=found)


def missing(existing: Iterable[Registration], url: str | None = None) -> list[str]:
    """The actions that nothing sends, or nothing sends to `url`."""
    sent = {one.action for one in existing if one.whole and url in (None, one.url)}
    return [action for action in ACTIONS if action not in sent]


def _lacking(existing: Sequence[Registration], url: str, secret: str) -> tuple[str, ...]:
    wanted = description(secret)
    there = {one.action for one in existing if one.url == url and one.whole and one.description == wanted}
    return tuple(action for action in ACTIONS if action not in there)


def _planned(
    existing: Sequence[Registration],
    register: tuple[str, ...],
    remove: tuple[Registration, ...],
    problems: list[str],
) -> Plan:
    for action in register:
        held = [one for one in existing if one.action == action]
        if len(held) >= PER_ACTION_MAX:
            ids = ", ".join(f"{one.id} ({one.url})" for one in held)
            problems.append(
                f"{action}: LiveChat allows {PER_ACTION_MAX} registrations of an action for one client id, "
                f"and there are {ids}; remove one: tagger webhooks unregister"
            )
    return Plan(problems=tuple(problems)) if problems else Plan(register, remove)


def _unusable(url: str, secret: str) -> list[str]:
    problems = []
    if len(url) > URL_CHARS_MAX:
        problems.append(f"the address has more than {URL_CHARS_MAX} characters, LiveChat's limit")
    if len(secret) > SECRET_CHARS_MAX:
        problems.append(f"the secret has more than {SECRET_CHARS_MAX} characters, LiveChat's limit")
    return problems
