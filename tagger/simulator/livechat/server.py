"""A LiveChat on the loopback: sends webhooks, answers API calls, misbehaves on request, and logs calls.

It is built from LiveChat's documentation alone and shares no code with the services that it tests.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

import aiohttp
from aiohttp import web

from tagger.simulator.livechat import api
from tagger.simulator.livechat.access import SCOPES, Access, Account, App, Granted
from tagger.simulator.livechat.account import Draft, Event, Organization, Queue, Thread, User, Version
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.faults import APPLIED, Fault, RateLimit, choose
from tagger.simulator.livechat.listener import Listener
from tagger.simulator.livechat.registry import Registry, Webhook
from tagger.simulator.livechat.responses import misbehave, read_object, respond
from tagger.simulator.livechat.shapes import chat_json, event_json, webhook_json
from tagger.simulator.livechat.webhooks import Sender

CALLS_LOGGED_MAX: Final = 100_000
REQUEST_BYTES_MAX: Final = 10 * 1024 * 1024  # entity_too_large: "Upload limit exceeded (10MB)"
VERSIONS: Final[dict[str, Version]] = {"v3.3": "3.3", "v3.4": "3.4", "v3.5": "3.5", "v3.6": "3.6"}
CHAT_WEBHOOKS: Final = ("incoming_chat", "incoming_event", "chat_deactivated")
TAG_WEBHOOKS: Final = ("thread_tagged", "thread_untagged")


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call, whether it was answered or cut off."""

    asked_at: float
    at: float  # when it took effect, or did not
    method: str
    organization: str | None  # Organization.id; None if the token was refused
    chat_id: str | None
    thread_id: str | None
    tag: str | None
    outcome: str  # "ok", an error's type, or a fault's shape
    applied: bool


class SimulatedLiveChat:
    """An async context manager. `faults`, `limits` and `sender.sending` may change at any time."""

    def __init__(
        self,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.rng = random.Random(seed)
        self.clock, self.now = clock, now
        self.access = Access(self.rng)
        self.registry = Registry()
        self.organizations: dict[str, Organization] = {}
        self.faults: list[Fault] = []
        self.limits: dict[str, RateLimit] = {}  # by Organization.id
        self.calls: deque[ApiCall] = deque(maxlen=CALLS_LOGGED_MAX)
        self.tagged_at: dict[tuple[str, str], float] = {}  # (thread id, tag) → when it was first set
        self.in_flight: Counter[str] = Counter()  # calls at once, by Organization.id
        self.consenting: Account | None = None  # who is logged in at accounts.livechat.com and clicks Allow
        self.sender = Sender(self._post, clock, self.rng)
        self.token_requests = 0  # to accounts.livechat.com
        self._session: aiohttp.ClientSession | None = None
        self.listener = Listener(self._make_app)  # may be closed and opened again, as in an outage

    @property
    def url(self) -> str:
        """For LIVECHAT_API_URL."""
        return f"{self.listener.url}/v3.6"

    @property
    def accounts_url(self) -> str:
        """For LIVECHAT_ACCOUNTS_URL."""
        return f"{self.listener.url}/accounts"

    async def __aenter__(self) -> "SimulatedLiveChat":
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        await self.listener.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sender.close()
        if self._session:
            await self._session.close()
        await self.listener.end()

    def _make_app(self) -> web.Application:
        app = web.Application(client_max_size=REQUEST_BYTES_MAX)
        app.router.add_post("/{version}/{kind}/action/{method}", self._serve_call)
        app.router.add_get("/accounts/", self._serve_consent)
        app.router.add_post("/accounts/v2/token", self._serve_token)
        app.on_response_prepare.append(self._date)
        return app

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        """Stamp an answer by LiveChat's own clock, which may differ from ours."""
        response.headers["Date"] = format_datetime(self.now(), usegmt=True)

    def add_organization(self, version: Version = "3.6", tags: Iterable[str] = ()) -> Organization:
        """A license with these tags in group 0. `version` decides the shape of its webhooks."""
        organization = Organization("", 104_130_000 + len(self.organizations), version, self.rng)
        organization.id = organization.new_uuid()
        for tag in tags:
            organization.create_tag(tag, (0,), "owner@example.com", self.now())
        self.organizations[organization.id] = organization
        return organization

    def add_account(self, organization: Organization, scopes: frozenset[str] = SCOPES) -> tuple[Account, str]:
        """A person in the organization, and their personal access token."""
        account = Account(organization.new_uuid(), organization.id, scopes)
        return account, self.access.add_pat(account)

    def add_app(self, client_secret: str, redirect_uris: tuple[str, ...] = ()) -> App:
        """An app of the Developer Console that nobody has installed yet."""
        app = App(f"{self.rng.getrandbits(128):032x}", client_secret, redirect_uris)
        self.access.apps[app.client_id] = app
        return app

    def install(
        self,
        app: App,
        organizations: Iterable[Organization],
        url: str,
        secret: str,
        actions: Iterable[str] = CHAT_WEBHOOKS,
    ) -> None:
        """Register the webhooks of the app, and install it, which enables them."""
        for action in actions:
            webhook = Webhook(f"{self.rng.getrandbits(96):024x}", app.client_id, action, url, secret)
            refused = self.registry.register(webhook)
            assert refused is None, refused
        for organization in organizations:
            organization.webhooks_enabled[app.client_id] = True

    def start_chat(  # noqa: PLR0913 - what a chat can begin with
        self,
        organization: Organization,
        users: tuple[User, ...],
        drafts: Iterable[Draft] = (),
        group_ids: tuple[int, ...] = (0,),
        chat_id: str | None = None,
        *,
        queue: Queue | None = None,
    ) -> Thread:
        """Start a chat, or a new thread of an ended one, with its first events; sends incoming_chat."""
        thread = organization.open_thread(users, group_ids, self.now(), chat_id)
        thread.queue = queue
        for draft in drafts:
            organization.add_event(thread, draft, self.now())
        self._emit(thread, "incoming_chat", {"chat": chat_json(thread, organization.version)})
        return thread

    def add_event(self, thread: Thread, draft: Draft) -> Event:
        """Add an event, even after the thread's end; sends incoming_event."""
        organization = thread.chat.organization
        event = organization.add_event(thread, draft, self.now())
        if any(user.id == draft.author_id and user.type == "agent" for user in thread.chat.users):
            thread.queue = None  # user_added_to_chat tells it, which is one of LiveChat's other webhooks
        payload = self._ids(thread) | {"event": event_json(event, organization.version)}
        self._emit(thread, "incoming_event", payload)
        return event

    def deactivate(self, thread: Thread, user_id: str | None = None) -> None:
        """End the thread; sends chat_deactivated. Without a user, the router closed it."""
        thread.active, thread.ended_at, thread.queue = False, self.now(), None
        self._emit(thread, "chat_deactivated", self._ids(thread) | ({"user_id": user_id} if user_id else {}))

    def tag(self, thread: Thread, name: str) -> ApiError | None:
        """A person sets a tag; sends thread_tagged, which does not say by whom."""
        refused = thread.chat.organization.tag_thread(thread, name)
        if refused is None:
            self._emit(thread, "thread_tagged", self._ids(thread) | {"tag": name})
        return refused

    def untag(self, thread: Thread, name: str) -> ApiError | None:
        """A person removes a tag; sends thread_untagged."""
        refused = thread.chat.organization.untag_thread(thread, name)
        if refused is None:
            self._emit(thread, "thread_untagged", self._ids(thread) | {"tag": name})
        return refused

    async def sent(self, timeout_s: float) -> bool:
        """Wait until every webhook is answered 200 or given up; False if that takes longer."""
        return await self.sender.sent(timeout_s)

    def _ids(self, thread: Thread) -> dict[str, Any]:
        return {"chat_id": thread.chat.id, "thread_id": thread.id}

    def _emit(self, thread: Thread, action: str, payload: dict[str, Any]) -> None:
        organization = thread.chat.organization
        for webhook in self.registry.wanted(organization, action):
            envelope = webhook_json(organization, webhook.id, webhook.secret_key, action, payload)
            self.sender.send(webhook.url, envelope, thread.chat.id, thread.id)

    async def _post(self, url: str, body: bytes, timeout_s: float) -> int | None:
        assert self._session is not None, "used outside its context"
        headers, timeout = {"Content-Type": "application/json"}, aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _serve_call(self, request: web.Request) -> web.StreamResponse:
        granted = self.access.check(request.headers.get("Authorization", ""), self.clock())
        organization = granted.account.organization_id if isinstance(granted, Granted) else ""
        self.in_flight[organization] += 1
        try:
            return await self._answer_call(request, granted)
        finally:
            self.in_flight[organization] -= 1

    async def _answer_call(self, request: web.Request, granted: Granted | ApiError) -> web.StreamResponse:
        asked_at = self.clock()
        method, body = request.match_info["method"], await read_object(request)
        organization = None if isinstance(granted, ApiError) else granted.account.organization_id
        said = body if isinstance(body, dict) else {}
        chat_id, thread_id, tag = (said.get(name) for name in ("chat_id", "thread_id", "tag"))
        fault = await self._fault(method=method, organization=organization, chat_id=chat_id, tag=tag)
        answer: api.Answer = None
        if served := fault.answer is None or fault.answer in APPLIED:
            answer = body if isinstance(body, ApiError) else self._apply(request, granted, body)
        outcome = fault.answer or (answer.type if isinstance(answer, ApiError) else "ok")
        applied = served and not isinstance(answer, ApiError)
        ids = (organization, chat_id, thread_id, tag)
        self.calls.append(ApiCall(asked_at, self.clock(), method, *ids, outcome, applied))
        if fault.answer:
            return misbehave(request, fault, answer)
        if isinstance(answer, ApiError):
            return respond(answer.body(), answer.status)
        return web.Response(content_type="application/json") if answer is None else respond(answer, 200)

    async def _fault(self, **call: str | None) -> Fault:
        """What goes wrong with a call, after its delay; nothing by default."""
        fault = choose(self.faults, self.rng, **call) or Fault()
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.until is not None:
            await fault.until.wait()
        return fault

    def _apply(self, request: web.Request, granted: Granted | ApiError, body: dict[str, Any]) -> api.Answer:
        """Do what the call asks for."""
        kind, method = request.match_info["kind"], request.match_info["method"]
        version = VERSIONS.get(request.match_info["version"])
        if version is None:
            return ApiError("unsupported_version")
        if isinstance(granted, ApiError):
            return granted
        organization = self.organizations[granted.account.organization_id]
        if organization.region and request.headers.get("X-Region") != organization.region:
            return ApiError("misdirected_request", data={"region": organization.region})
        limit = self.limits.get(organization.id)
        if limit is not None and not limit.allows(self.clock()):
            return ApiError("too_many_requests")
        call = api.Request(organization, granted, version, body, self.now(), self.access.apps, self.registry)
        answer = api.answer(call, f"{kind}/action/{method}")
        if not isinstance(answer, ApiError) and method in ("tag_thread", "untag_thread"):
            thread = organization.find_thread(body["chat_id"], body["thread_id"])
            assert isinstance(thread, Thread), "it was found when the tag was changed"
            if method == "tag_thread":
                self.tagged_at.setdefault((thread.id, body["tag"]), self.clock())
            action = "thread_tagged" if method == "tag_thread" else "thread_untagged"
            self._emit(thread, action, self._ids(thread) | {"tag": body["tag"]})
        return answer

    async def _serve_consent(self, request: web.Request) -> web.StreamResponse:
        if self.consenting is None:
            return web.Response(status=403, text="Nobody is logged in")
        location = self.access.authorize(self.consenting, request.query, self.clock())
        if location is None:
            return web.Response(status=400, text="Unknown client or redirect address")
        return web.Response(status=302, headers={"Location": location})

    async def _serve_token(self, request: web.Request) -> web.StreamResponse:
        self.token_requests += 1
        form = {name: str(value) for name, value in (await request.post()).items()}
        fault = await self._fault(method="token")
        if fault.answer and fault.answer not in APPLIED:
            return misbehave(request, fault, None)
        answer = self.access.exchange(form, self.clock())
        if isinstance(answer, str):
            return respond({"error": answer}, 401 if answer == "invalid_client" else 400)
        return misbehave(request, fault, answer) if fault.answer else respond(answer, 200)
