"""The world outside the client: a LiveChat that answers as a setting says, and the topics that are written to.

It knows the truth: who set which tag when, and every request that came. Deterministic: chance is the seed's.
"""

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tagger.livechat.authorization.tokens import Authorization
from tagger.livechat.calls.answers import Answer, Done, Permanent, Transient, failed
from tagger.livechat.calls.error_types import ALL
from tagger.livechat.calls.requests import Call
from tests.simulation.calls.setting import Chat, Setting, Trouble

ORDINARY_S: Final = 0.1  # until an answer
TIMEOUT_S: Final = 20.0


@dataclass(slots=True)
class Request:
    at: float
    organization: str  # whose token it carried
    call: Call
    error_type: str | None = None
    answered_at: float = math.inf

    @property
    def writes(self) -> bool:
        return self.call.method == "tag_thread"


def _error(error_type: str, retry_after_s: float | None = None) -> Transient | Permanent:
    known = ALL[error_type]
    if known.is_permanent:
        return Permanent(known.why, error_type)
    return Transient(known.why, error_type, retry_after_s)


class LiveChat:
    """Takes the place of the connections to LiveChat."""

    session: Any = None

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.chats: dict[str, Chat] = {chat.id: chat for chat in setting.chats}
        self.rng = Random(setting.seed + 1)
        self.requests: list[Request] = []
        self.tags: dict[tuple[str, str], float] = {}  # (chat, tag) → when it was set first
        self.removed: set[tuple[str, str]] = set()  # by a person
        self.set_again: list[tuple[str, str, float]] = []  # after that, and when: never
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight = 0
        self.allowance, self.allowed_at = 2.0, 0.0  # calls that a limit lets pass
        self.seen: Counter[str] = Counter()
        named = {chat.organization for chat in setting.chats} | set(setting.organizations)
        self.troubles = {
            name: [one for one in setting.troubles if setting.one_for_all or one.organization in {None, name}]
            for name in named
        }

    def now(self) -> float:
        return self.loop.time() - self.began

    async def post(self, url: str, headers: dict[str, str], call: Call) -> Answer:
        organization = headers["Authorization"]
        request = Request(self.now(), organization, call)
        self.requests.append(request)
        self.in_flight[organization] += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight[organization])
        try:
            answer, seconds = self._answer(organization, call, headers.get("X-Region"))
            if seconds > 5 and self._troubles("slow", organization):
                self.seen["slow answer"] += 1
            await asyncio.sleep(seconds)
        finally:
            self.in_flight[organization] -= 1
        request.answered_at = self.now()
        if not isinstance(answer, Done):
            request.error_type = answer.error_type
            self.seen[f"answered {answer.error_type}"] += 1
        return answer

    async def close(self) -> None:
        pass

    def _troubles(self, kind: str, organization: str) -> Trouble | None:
        for one in self.troubles[organization]:
            if one.kind == kind and one.begin <= self.now() < one.end:
                return one
        return None

    def _answer(self, organization: str, call: Call, region: str | None) -> tuple[Answer, float]:
        """The answer, and how long it takes."""
        seconds = ORDINARY_S * self.rng.uniform(0.5, 1.5)
        if self._troubles("slow", organization):
            seconds = self.rng.uniform(2.0, 10.0)
        if outage := self._troubles("outage", organization):
            return _error(outage.error_type), TIMEOUT_S if outage.error_type == "timeout" else seconds
        if self._troubles("revoked", organization):
            return _error("authentication"), seconds
        if self.setting.elsewhere == organization and region != "fra":
            self.seen["misdirected"] += 1
            return Transient("", "misdirected_request", 0.0, "fra"), seconds
        if (limit := self._troubles("limit", organization)) and not self._passes(limit):
            return _error("too_many_requests"), seconds
        if (storm := self._troubles("storm", organization)) and self.rng.random() < storm.share:
            return _error("too_many_requests", storm.retry_after_s), seconds
        hiccups = self._troubles("hiccups", organization)
        if hiccups and self.rng.random() < hiccups.share / 2:
            return _error(hiccups.error_type), seconds
        if self._troubles("read_only", organization) and call.method == "tag_thread":
            return _error("authorization"), seconds
        answer = self._done(call)
        if isinstance(answer, Transient) and answer.error_type == "timeout":
            return answer, TIMEOUT_S
        if hiccups and self.rng.random() < hiccups.share / 2:
            self.seen["answer lost"] += 1
            return failed("timeout"), TIMEOUT_S  # it was done, and nobody heard of it
        return answer, seconds

    def _passes(self, limit: Trouble) -> bool:
        """Whether a call is within a limit of so many a second, two at once."""
        now = self.now()
        self.allowance = min(2.0, self.allowance + (now - self.allowed_at) * limit.share)
        self.allowed_at = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    def _done(self, call: Call) -> Answer:
        """What a LiveChat in order makes of a call."""
        if call.method == "list_tags":
            return Done([])
        chat = self.chats[call.body["chat_id"]]
        if chat.bad is not None:
            return _error(chat.bad, 50.0 if chat.bad == "service_unavailable" else None)
        if call.method == "get_chat":
            if self._spoiled(chat):
                return _error("internal")
            tags = [
                tag for tag in chat.tags if (chat.id, tag) in self.tags and not self._is_removed(chat, tag)
            ]
            return Done({"id": chat.id, "thread": {"id": "T", "active": False, "tags": tags}})
        key = (chat.id, call.body["tag"])
        if key[1] == self.setting.bad_tag:
            return _error("internal")
        if self._is_removed(chat, key[1]):
            self.set_again.append((*key, self.now()))
        self.tags.setdefault(key, self.now())
        return Done()

    def _is_removed(self, chat: Chat, tag: str) -> bool:
        at = self.tags.get((chat.id, tag))
        removed = (
            at is not None and chat.removed_after_s is not None and self.now() > at + chat.removed_after_s
        )
        if removed:
            self.removed.add((chat.id, tag))
        return removed

    def _spoiled(self, chat: Chat) -> bool:
        at = max((at for (name, _), at in self.tags.items() if name == chat.id), default=None)
        return at is not None and chat.spoiled_after_s is not None and self.now() > at + chat.spoiled_after_s


class Token:
    """An organization's credential."""

    def __init__(self, livechat: LiveChat, organization: str) -> None:
        self._livechat, self._organization = livechat, organization

    async def authorization(self, session: Any) -> Authorization | Transient:
        if self._livechat._troubles("no_token", self._organization):
            self._livechat.seen["no token"] += 1
            return failed("token_refresh")
        return Authorization(self._organization)

    def refused(self, used: Authorization) -> bool:
        return False

    def problem(self) -> str | None:
        return None

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class File:
    """Credentials of several organizations."""

    livechat: LiveChat
    named: list[str]
    made: dict[str, Token] = field(default_factory=dict)

    def of(self, organization: str) -> Token | None:
        if organization not in self.named:
            return None
        return self.made.setdefault(organization, Token(self.livechat, organization))

    def lane(self, organization: str) -> str:
        return organization

    def organizations(self) -> list[str]:
        return self.named

    def problems(self) -> list[str]:
        return []

    async def close(self) -> None:
        pass


@dataclass(slots=True)
class Topics:
    """What was written, in order: (when, topic, record)."""

    livechat: LiveChat
    records: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    async def send(self, topic: str, key: bytes, record: dict[str, Any]) -> None:
        self.records.append((self.livechat.now(), topic, record))
