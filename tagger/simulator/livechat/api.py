"""What LiveChat's Agent Chat API and Configuration API answer. No I/O: a request in, its answer out.

https://platform.text.com/docs/messaging/agent-chat-api and https://platform.text.com/docs/management/configuration-api
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tagger.simulator.livechat import archives
from tagger.simulator.livechat.access import App, Granted
from tagger.simulator.livechat.account import Organization, Thread, Version
from tagger.simulator.livechat.errors import ApiError
from tagger.simulator.livechat.registry import Registry, Webhook
from tagger.simulator.livechat.shapes import chat_json, tag_json

JSON = dict[str, Any] | list[Any]
TAG_NAME_CHARACTERS_MAX: Final = 255  # LiveChat's own limit is not published


@dataclass(frozen=True, slots=True)
class Request:
    """One call, after its token was looked at."""

    organization: Organization
    granted: Granted
    version: Version
    body: Mapping[str, Any]
    now: datetime
    apps: Mapping[str, App]
    registry: Registry

    def text(self, name: str) -> str | None:
        value = self.body.get(name)
        return value if isinstance(value, str) and value else None


Answer = JSON | ApiError | None  # None: "No response payload (200 OK)"
Answerer = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Method:
    scopes: frozenset[str]  # any of them will do
    answer: Answerer


def answer(request: Request, path: str) -> Answer:
    """The answer to a POST to `<version>/<path>`; path as "agent/action/tag_thread"."""
    method = METHODS.get(path)
    if method is None:
        return ApiError("not_found", "Unknown action")
    if not method.scopes & _implied(request.granted.scopes):
        wanted = " or ".join(sorted(method.scopes))
        return ApiError("authorization", f"Insufficient scopes: {wanted}")
    return method.answer(request)


def _implied(scopes: frozenset[str]) -> frozenset[str]:
    """A scope to write is one to read; one for all is one for those that the requester can access."""
    reads = {scope[:-1] + "o" for scope in scopes if scope.endswith(":rw")}
    return scopes | reads


def _thread_of(request: Request) -> Thread | ApiError:
    chat_id, thread_id = request.text("chat_id"), request.text("thread_id")
    if chat_id is None or thread_id is None:
        return ApiError("validation", "`chat_id` and `thread_id` are required")
    return request.organization.find_thread(chat_id, thread_id)


def _change_tag(request: Request, change: Callable[[Thread, str], ApiError | None]) -> Answer:
    thread, tag = _thread_of(request), request.text("tag")
    if tag is None:
        return ApiError("validation", "`tag` is required")
    return thread if isinstance(thread, ApiError) else change(thread, tag)


def tag_thread(request: Request) -> Answer:
    return _change_tag(request, request.organization.tag_thread)


def untag_thread(request: Request) -> Answer:
    return _change_tag(request, request.organization.untag_thread)


def get_chat(request: Request) -> Answer:
    chat_id = request.text("chat_id")
    if chat_id is None:
        return ApiError("validation", "`chat_id` is required")
    thread = request.organization.find_thread(chat_id, request.text("thread_id"))
    return thread if isinstance(thread, ApiError) else chat_json(thread, request.version)


def list_threads(request: Request) -> Answer:
    chat_id = request.text("chat_id")
    chat = request.organization.chats.get(chat_id or "")
    if chat is None:
        return ApiError("not_found", "Chat not found") if chat_id else ApiError("validation")
    return archives.list_threads(chat, request.body, request.version)


def list_archives(request: Request) -> Answer:
    return archives.list_archives(request.organization, request.body, request.version)


def list_tags(request: Request) -> Answer:
    return [tag_json(tag) for tag in request.organization.tags.values()]


def create_tag(request: Request) -> Answer:
    name, groups = request.text("name"), request.body.get("group_ids", [])
    if name is None or len(name) > TAG_NAME_CHARACTERS_MAX or not isinstance(groups, list):
        return ApiError("validation")
    return request.organization.create_tag(name, tuple(groups), request.granted.account.id, request.now)


def register_webhook(request: Request) -> Answer:
    action, url, secret = request.text("action"), request.text("url"), request.text("secret_key")
    owner = request.text("owner_client_id")
    if not (action and url and secret and owner and request.text("type") == "license"):
        return ApiError("validation")
    if owner not in request.apps:
        return ApiError("authorization", "Client ID is not owned by your organization")
    webhook_id, description = request.organization.new_id().lower(), request.text("description") or ""
    webhook = Webhook(webhook_id, owner, action, url, secret, description)
    return request.registry.register(webhook) or {"id": webhook_id}


def list_webhooks(request: Request) -> Answer:
    owner = request.text("owner_client_id")
    return [webhook.json() for webhook in request.registry.of(owner)] if owner else ApiError("validation")


def unregister_webhook(request: Request) -> Answer:
    webhook_id, owner = request.text("id"), request.text("owner_client_id")
    if webhook_id is None or owner is None:
        return ApiError("validation")
    return request.registry.unregister(webhook_id, owner)


def _switch_webhooks(request: Request, on: bool) -> Answer:
    owner = request.text("owner_client_id")
    if owner is None:
        return ApiError("validation", "`owner_client_id` is required")
    request.organization.webhooks_enabled[owner] = on
    return None


def enable_license_webhooks(request: Request) -> Answer:
    return _switch_webhooks(request, True)


def disable_license_webhooks(request: Request) -> Answer:
    return _switch_webhooks(request, False)


def get_license_webhooks_state(request: Request) -> Answer:
    owner = request.text("owner_client_id")
    if owner is None:
        return ApiError("validation", "`owner_client_id` is required")
    return {"license_webhooks_enabled": request.organization.webhooks_enabled.get(owner, False)}


def _methods(prefix: str, scopes: frozenset[str], *answerers: Answerer) -> dict[str, Method]:
    return {f"{prefix}/action/{answerer.__name__}": Method(scopes, answerer) for answerer in answerers}


METHODS: Final[dict[str, Method]] = (
    _methods("agent", frozenset({"chats--all:rw", "chats--access:rw"}), tag_thread, untag_thread)
    | _methods(
        "agent", frozenset({"chats--all:ro", "chats--access:ro"}), get_chat, list_threads, list_archives
    )
    | _methods("configuration", frozenset({"tags--all:ro", "tags--groups:ro"}), list_tags)
    | _methods("configuration", frozenset({"tags--all:rw", "tags--groups:rw"}), create_tag)
    | _methods(
        "configuration",
        frozenset({"webhooks.configuration:rw"}),
        register_webhook,
        list_webhooks,
        unregister_webhook,
    )
    | _methods(
        "configuration", frozenset({"webhooks.state:rw"}), enable_license_webhooks, disable_license_webhooks
    )
    | _methods("configuration", frozenset({"webhooks.state:ro"}), get_license_webhooks_state)
)
