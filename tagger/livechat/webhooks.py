"""Which webhooks LiveChat has registered for us, what to register or remove, and doing so.

https://platform.text.com/docs/management/configuration-api#webhooks. A registration cannot be changed and its
secret cannot be read, so its description holds a fingerprint of the secret: with it, registering again
changes nothing, and an interrupted rotation resumes. Planning is pure. Nothing is removed without asking, and
a step that fails ends the rest.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.topic import CHAT_ACTIONS, TAG_ACTIONS
from tagger.livechat.calls import requests
from tagger.livechat.calls.requests import WebhookKind
from tagger.livechat.interactive import Desk, NoAnswerError

ACTIONS: Final = tuple(sorted(CHAT_ACTIONS))  # required
CORRECTIONS: Final = tuple(sorted(TAG_ACTIONS))  # optional: they tell which tags people set and remove
PER_ACTION_MAX: Final = 3  # registrations of one action for one client id; LiveChat's limit
URL_CHARS_MAX: Final = 500  # LiveChat's limit
SECRET_CHARS_MAX: Final = 255  # LiveChat's limit
OURS: Final = "livechat-tagger, secret "  # begins the descriptions of our registrations


@dataclass(frozen=True, slots=True)
class Registration:
    """One registered webhook, as `list_webhooks` shows it."""

    id: str
    action: str
    url: str
    description: str = ""
    whole: bool = True  # without a filter: it sends everything
    kind: WebhookKind = "license"


@dataclass(frozen=True, slots=True)
class Address:
    """Where webhooks are sent, and which of our actions."""

    url: str
    actions: tuple[str, ...]
    twice: tuple[str, ...] = ()  # of these: registered more than once, so that each webhook arrives as often
    bot: bool = False  # some of them are sent only while a bot is online

    @property
    def missing(self) -> tuple[str, ...]:
        """The actions that are not sent there."""
        return tuple(action for action in ACTIONS if action not in self.actions)

    @property
    def optional(self) -> tuple[str, ...]:
        """The actions that tell what people correct and are not sent there."""
        return tuple(action for action in CORRECTIONS if action not in self.actions)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in this order; nothing if there are problems."""

    register: tuple[str, ...] = ()  # actions
    remove: tuple[Registration, ...] = ()
    problems: tuple[str, ...] = ()
    kind: WebhookKind = "license"  # of what to register


def registrations(answer: Iterable[Any]) -> list[Registration]:
    """The registrations in an answer of `list_webhooks`, whose shape was checked."""
    return [
        Registration(
            one["id"],
            one["action"],
            one["url"],
            one["description"] if isinstance(one.get("description"), str) else "",
            not one.get("filters"),
            "bot" if one.get("type") == "bot" else "license",
        )
        for one in answer
    ]


def registered(secrets: str) -> str:
    """The secret to register: the first of several, separated by commas or lines."""
    return secrets.replace("\n", ",").partition(",")[0].strip()


def description(secret: str) -> str:
    """Marks a registration as ours, and its secret by a slow hash that does not reveal it."""
    mark = hashlib.scrypt(secret.encode(), salt=b"livechat-tagger webhook", n=1 << 14, r=8, p=1, dklen=6)
    return f"{OURS}{mark.hex()}"


def is_ours(one: Registration) -> bool:
    """Whether `tagger webhooks` registered it."""
    return one.description.startswith(OURS)


def to_register(
    existing: Sequence[Registration],
    url: str,
    secret: str,
    *,
    corrections: bool = False,
    kind: WebhookKind = "license",
) -> Plan:
    """What is missing for every required action, and those of `corrections`, to be sent to `url` with `secret`."""
    lacking = _lacking(existing, url, secret, ACTIONS + CORRECTIONS if corrections else ACTIONS, kind)
    problems = _unusable(url, secret) or [
        f"{one.action} is registered at this address by hand or with another secret ({one.id}); "
        "to replace it with this secret: tagger webhooks rotate-secret"
        if one.kind == kind
        else f"{one.action} is registered at this address as a {one.kind} webhook ({one.id}), and would be sent twice; "
        "to remove that first: tagger webhooks unregister"
        for one in existing
        if one.action in lacking and one.url == url and one.whole
    ]
    return _planned(existing, lacking, (), problems, kind)


def to_rotate(existing: Sequence[Registration], url: str, secret: str) -> Plan:
    """What to register in addition, and what to remove afterwards, so that only `secret` is left."""
    problems = _unusable(url, secret)
    ours = [one for one in existing if one.url == url and one.action in ACTIONS + CORRECTIONS]
    if not ours:
        problems.append("nothing is registered at this address; start with: tagger webhooks register")
    former = tuple(one for one in ours if one.description != description(secret))
    kept = {one.action for one in ours}
    wanted = ACTIONS + tuple(action for action in CORRECTIONS if action in kept)
    kind: WebhookKind = "bot" if any(one.kind == "bot" for one in ours) else "license"
    return _planned(existing, _lacking(existing, url, secret, wanted, kind), former, problems, kind)


def to_remove(existing: Sequence[Registration], url: str | None) -> Plan:
    """What to remove so that nothing is sent to `url`; None: nothing at all."""
    return Plan(remove=tuple(one for one in existing if url in (None, one.url)))


def addresses(existing: Sequence[Registration]) -> list[Address]:
    """Where our actions are sent, the most complete address first; what is filtered does not count."""
    sent: dict[str, Counter[str]] = {}
    for one in existing:
        if one.whole and one.action in ACTIONS + CORRECTIONS:
            sent.setdefault(one.url, Counter())[one.action] += 1
    of_bots = {one.url for one in existing if one.kind == "bot" and one.whole}
    found = [
        Address(
            url,
            tuple(sorted(counts)),
            tuple(sorted(each for each in counts if counts[each] > 1)),
            url in of_bots,
        )
        for url, counts in sent.items()
    ]
    return sorted(found, key=lambda address: (len(address.missing), address.url))


def summarized(found: Sequence[Address]) -> dict[str, Any]:
    """The same for programs: what the most complete address lacks, and where what is sent."""
    best = found[0] if found else Address("", ())
    sent = [{"url": one.url, "actions": one.actions, "twice": one.twice, "bot": one.bot} for one in found]
    return {"missing": best.missing, "optional": best.optional, "addresses": sent}


def described(found: Sequence[Address]) -> list[str]:
    """What is registered, in sentences; what is wrong with it, with what to do."""
    if not found:
        return ["nothing is registered; to register the webhooks: tagger webhooks register URL"]
    lines = []
    for place, address in enumerate(found):
        url, missing = address.url, address.missing
        sent = f"{', '.join(address.actions)} {'is' if len(address.actions) == 1 else 'are'} sent to {url}"
        if place:
            unwanted = f"if that is an old address: tagger webhooks unregister {url}"
            lines.append(f"{sent}, too; {unwanted}")
        elif missing:
            to_do = f"to register the rest: tagger webhooks register {url}"
            lines.append(f"{sent}, but not {', '.join(missing)}; {to_do}")
        else:
            lines.append(sent)
        if not place and address.optional:
            to_do = f"to register them: tagger webhooks register --corrections {url}"
            lines.append(f"{', '.join(address.optional)}: not sent there, which is optional; {to_do}")
        if address.bot:
            lines.append(f"bot webhooks: LiveChat sends them to {url} only while the bot is online")
        if address.twice:
            to_do = f"to finish replacing the secret: tagger webhooks rotate-secret {url}"
            lines.append(
                f"{', '.join(address.twice)}: registered there more than once, so each comes as often; {to_do}"
            )
    return lines


def _lacking(
    existing: Sequence[Registration], url: str, secret: str, actions: Sequence[str], kind: WebhookKind
) -> tuple[str, ...]:
    mark = description(secret)
    ours = (one for one in existing if one.url == url and one.whole and one.kind == kind)
    there = {one.action for one in ours if one.description == mark}
    return tuple(action for action in actions if action not in there)


def _planned(
    existing: Sequence[Registration],
    register: tuple[str, ...],
    remove: tuple[Registration, ...],
    problems: list[str],
    kind: WebhookKind,
) -> Plan:
    for action in register:
        held = [one for one in existing if one.action == action]
        if len(held) >= PER_ACTION_MAX:
            ids = ", ".join(f"{one.id} ({one.url})" for one in held)
            problems.append(
                f"{action}: LiveChat allows {PER_ACTION_MAX} registrations of an action per client id, "
                f"and there are {ids}; remove one: tagger webhooks unregister"
            )
    return Plan(problems=tuple(problems)) if problems else Plan(register, remove, kind=kind)


def _unusable(url: str, secret: str) -> list[str]:
    limits = (("address", url, URL_CHARS_MAX), ("secret", secret, SECRET_CHARS_MAX))
    return [
        f"the {name} has more than {most} characters, LiveChat's limit"
        for name, text, most in limits
        if len(text) > most
    ]


class Registry:
    """The registered webhooks of one client id."""

    def __init__(self, desk: Desk, client_id: str, say: Callable[[str], None]) -> None:
        self._desk, self._client_id, self._say = desk, client_id, say

    async def listed(self) -> list[Registration]:
        """All registrations of the client id."""
        return registrations(await self._desk.call(requests.list_webhooks(self._client_id)))

    async def register(self, plan: Plan, url: str, secret: str) -> None:
        """Register what a plan names; NoAnswerError with its problems if it has any."""
        if plan.problems:
            raise NoAnswerError("\n".join(plan.problems))
        mark = description(secret)
        for action in plan.register:
            call = requests.register_webhook(action, url, secret, self._client_id, mark, plan.kind)
            answer = await self._desk.call(call)
            self._say(f"registered {action}  {url}  ({answer['id']})")

    async def wake(self, bot_id: str) -> None:
        """Have a bot be there without getting chats: while it is offline, its webhooks are not sent."""
        await self._desk.call(requests.set_routing_status(bot_id, "not_accepting_chats"))
        self._say(f"bot {bot_id} is online and gets no chats")

    async def remove(self, found: tuple[Registration, ...], ask: Callable[[str], bool]) -> bool:
        """Remove registrations if `ask` agrees; False if it does not."""
        for one in found:
            self._say(f"to be removed: {line(one)}")
        if found and not ask(f"Remove {len(found)} of LiveChat's registrations?"):
            return False
        for one in found:
            await self._desk.call(requests.unregister_webhook(one.id, self._client_id))
        self._say(f"removed {len(found)}")
        return True

    async def enabled(self) -> bool:
        """Whether LiveChat sends webhooks of this license."""
        answer = await self._desk.call(requests.get_license_webhooks_state(self._client_id))
        return bool(answer["license_webhooks_enabled"])

    async def switch(self, *, on: bool) -> None:
        """Let LiveChat send webhooks of this license, or stop it."""
        await self._desk.call(requests.switch_license_webhooks(self._client_id, on=on))
        self._say(f"{'enabled' if on else 'disabled'}; it may take two minutes to take effect")


def line(one: Registration) -> str:
    """A registration as text."""
    note = "  (bot)" if one.kind == "bot" else ""
    note += "" if one.whole else "  (filtered: it does not send everything)"
    return f"{one.action}  {one.url}  ({one.id}){note}"
