"""What LiveChat's Agent Chat API and Configuration API answer. No I/O: a request in, its answer out.

https://platform.text.com/docs/messaging/agent-chat-api and https://platform.text.com/docs/management/configuration-api
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from tagger.simulator.livechat.access import App, Granted
from tagger.simulator.livechat.account import Bot, Organization, RoutingStatus, Thread, Version
from tagger.simulator.livechat.archives import list_archives, list_threads
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.registry import Registry, Webhook
from tagger.simulator.livechat.shapes import chat_json, tag_json

TAG_NAME_CHARACTERS_MAX: Final = 255  # LiveChat's own limit is not published


@dataclass(frozen=True, slots=True)
class Request:
    """One call whose token is valid."""

    organization: Organization
    granted: Granted
    version: Version
    body: Mapping[str, Any]
    now: datetime
    apps: Mapping[str, App]
    registry: Registry


Answer = dict[str, Any] | list[Any] | ApiError | None  # None: "No response payload (200 OK)"


@dataclass(frozen=True, slots=True)
class _Method:
    scopes: frozenset[str]  # any of them is enough
    required: tuple[str, ...]  # fields of the body that must be texts and not empty
    answer: Callable[[Request], Answer]


def answer(request: Request, path: str) -> Answer:
    """The answer to a POST to `<version>/<path>`; path as "agent/action/tag_thread"."""
    method = _METHODS.get(path)
    if method is None:
        return ApiError("not_found", "Unknown action")
    may_write = {scope for scope in request.granted.scopes if scope.endswith(":rw")}
    if not method.scopes & (request.granted.scopes | {scope[:-1] + "o" for scope in may_write}):
        return ApiError("authorization", f"Insufficient scopes: {' or '.join(sorted(method.scopes))}")
    for name in method.required:
        value = request.body.get(name)
        if not (isinstance(value, str) and value):
            return ApiError("validation", f"`{name}` is required")
    return method.answer(request)


def _change_tag(request: Request, change: Callable[[Thread, str], ApiError | None]) -> Answer:
    thread = _thread_of(request)
    return thread if isinstance(thread, ApiError) else change(thread, request.body["tag"])


def _tag_thread(request: Request) -> Answer:
    return _change_tag(request, request.organization.tag_thread)


def _untag_thread(request: Request) -> Answer:
    return _change_tag(request, request.organization.untag_thread)


def _get_chat(request: Request) -> Answer:
    thread = _thread_of(request)
    return thread if isinstance(thread, ApiError) else chat_json(thread, request.version)


def _thread_of(request: Request) -> Thread | ApiError:
    return request.organization.find_thread(request.body["chat_id"], request.body.get("thread_id") or None)


def _list_threads(request: Request) -> Answer:
    chat = request.organization.chats.get(request.body["chat_id"])
    if chat is None:
        return ApiError("not_found", "Chat not found")
    return list_threads(chat, request.body, request.version)


def _list_archives(request: Request) -> Answer:
    return list_archives(request.organization, request.body, request.version)


def _list_tags(request: Request) -> Answer:
    return [tag_json(tag) for tag in request.organization.tags.values()]


def _create_tag(request: Request) -> Answer:
    name, groups = request.body["name"], request.body.get("group_ids", [])
    if len(name) > TAG_NAME_CHARACTERS_MAX or not isinstance(groups, list):
        return ApiError("validation")
    return request.organization.create_tag(name, tuple(groups), request.granted.account.id, request.now)


def _register_webhook(request: Request) -> Answer:
    body, owner = request.body, request.body["owner_client_id"]
    if body["type"] not in {"license", "bot"}:
        return ApiError("validation")
    if owner not in request.apps:
        return ApiError("authorization", "Client ID is not owned by your organization")
    webhook_id, description = request.organization.new_id().lower(), body.get("description") or ""
    webhook = Webhook(
        webhook_id, owner, body["action"], body["url"], body["secret_key"], description, body["type"]
    )
    return request.registry.register(webhook) or {"id": webhook_id}


def _create_bot(request: Request) -> Answer:
    """The owner is named, since the token is of a person: "Required only when authorizing via PATs"."""
    owner = request.body["owner_client_id"]
    if owner not in request.apps:
        return ApiError("authorization", "Client ID is not owned by your organization")
    bot = Bot(f"{request.organization.rng.getrandbits(128):032x}", owner, request.body["name"])
    request.organization.bots[bot.id] = bot
    return {"id": bot.id}


def _set_routing_status(request: Request) -> Answer:
    """Of bots; the agents here have no status."""
    bot, status = request.organization.bots.get(request.body["agent_id"]), request.body["status"]
    if bot is None:
        return ApiError("not_found", "Agent not found")
    if status not in get_args(RoutingStatus):
        return ApiError("validation")
    bot.status = status
    return None


def _list_webhooks(request: Request) -> Answer:
    return [webhook.json() for webhook in request.registry.of(request.body["owner_client_id"])]


def _unregister_webhook(request: Request) -> Answer:
    return request.registry.unregister(request.body["id"], request.body["owner_client_id"])


def _enable_webhooks(request: Request) -> Answer:
    request.organization.webhooks_enabled[request.body["owner_client_id"]] = True
    return None


def _disable_webhooks(request: Request) -> Answer:
    request.organization.webhooks_enabled[request.body["owner_client_id"]] = False
    return None


def _webhooks_state(request: Request) -> Answer:
    enabled = request.organization.webhooks_enabled.get(request.body["owner_client_id"], False)
    return {"license_webhooks_enabled": enabled}


# A scope to write includes the one to read.
_READ_CHATS: Final = frozenset({"chats--all:ro", "chats--access:ro"})
_TAG_CHATS: Final = frozenset({"chats--all:rw", "chats--access:rw"})
_READ_TAGS: Final = frozenset({"tags--all:ro", "tags--groups:ro"})
_CREATE_TAGS: Final = frozenset({"tags--all:rw", "tags--groups:rw"})
_REGISTER: Final = frozenset({"webhooks.configuration:rw"})
_READ_STATE: Final = frozenset({"webhooks.state:ro"})
_SWITCH: Final = frozenset({"webhooks.state:rw"})
_BOTS: Final = frozenset({"agents-bot--my:rw", "agents-bot--all:rw"})
_TAG: Final = ("chat_id", "thread_id", "tag")
_OWNER: Final = ("owner_client_id",)
_WEBHOOK: Final = (*_OWNER, "action", "url", "secret_key", "type")
_METHODS: Final = {
    "agent/action/tag_thread": _Method(_TAG_CHATS, _TAG, _tag_thread),
    "agent/action/untag_thread": _Method(_TAG_CHATS, _TAG, _untag_thread),
    "agent/action/set_routing_status": _Method(_BOTS, ("agent_id", "status"), _set_routing_status),
    "agent/action/get_chat": _Method(_READ_CHATS, ("chat_id",), _get_chat),
    "agent/action/list_threads": _Method(_READ_CHATS, ("chat_id",), _list_threads),
    "agent/action/list_archives": _Method(_READ_CHATS, (), _list_archives),
    "configuration/action/list_tags": _Method(_READ_TAGS, (), _list_tags),
    "configuration/action/create_tag": _Method(_CREATE_TAGS, ("name",), _create_tag),
    "configuration/action/create_bot": _Method(_BOTS, ("name", *_OWNER), _create_bot),
    "configuration/action/register_webhook": _Method(_REGISTER, _WEBHOOK, _register_webhook),
    "configuration/action/list_webhooks": _Method(_REGISTER, _OWNER, _list_webhooks),
    "configuration/action/unregister_webhook": _Method(_REGISTER, ("id", *_OWNER), _unregister_webhook),
    "configuration/action/enable_license_webhooks": _Method(_SWITCH, _OWNER, _enable_webhooks),
    "configuration/action/disable_license_webhooks": _Method(_SWITCH, _OWNER, _disable_webhooks),
    "configuration/action/get_license_webhooks_state": _Method(_READ_STATE, _OWNER, _webhooks_state),
}
