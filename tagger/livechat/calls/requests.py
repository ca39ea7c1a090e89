"""Build requests to the LiveChat API. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

API_URL: Final = "https://api.livechatinc.com/v3.6"

# Webhooks of type bot are sent only while a bot of the client id is not offline.
WebhookKind = Literal["license", "bot"]
RoutingStatus = Literal["accepting_chats", "not_accepting_chats", "offline"]  # the last one: of bots only

# What a request is for, as LiveChat bills each: failed ones too, except those it answers with status 500.
Purpose = Literal["tag", "complete", "reconcile", "tag_list", "probe", "retag"]
_PURPOSES: Final[Mapping[str, Purpose]] = {
    "tag_thread": "tag",
    "untag_thread": "retag",
    "get_chat": "complete",
    "list_archives": "reconcile",
    "list_tags": "tag_list",
}


PAGE_CHATS: Final = 25  # keeps answers far below ANSWER_BYTES_MAX; LiveChat allows 100


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a LiveChat API: POST <base>/<path> with a JSON body."""

    method: str  # LiveChat's own name, for metrics and logs: "tag_thread"
    path: str  # "agent/action/tag_thread"
    body: Mapping[str, Any] = field(repr=False)


def purpose_of(call: Call) -> Purpose | None:
    """What a call is for unless its caller says otherwise; None: for a person who sets something up."""
    return _PURPOSES.get(call.method)


def _agent(method: str, **body: Any) -> Call:
    return Call(method, f"agent/action/{method}", body)


def _configuration(method: str, **body: Any) -> Call:
    return Call(method, f"configuration/action/{method}", body)


def tag_thread(chat_id: str, thread_id: str, tag: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#tag-thread; the tag is case-sensitive."""
    return _agent("tag_thread", chat_id=chat_id, thread_id=thread_id, tag=tag)


def untag_thread(chat_id: str, thread_id: str, tag: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#untag-thread; the tag is case-sensitive."""
    return _agent("untag_thread", chat_id=chat_id, thread_id=thread_id, tag=tag)


def get_chat(chat_id: str, thread_id: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#get-chat; always names the thread."""
    return _agent("get_chat", chat_id=chat_id, thread_id=thread_id)


def list_threads(chat_id: str, *, limit: int = 100) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#list-threads; newest first."""
    return _agent("list_threads", chat_id=chat_id, limit=limit)


def list_archives(from_ms: int, to_ms: int, *, limit: int = PAGE_CHATS, page_id: str | None = None) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#list-archives

    Threads that ended between two instants (Unix time in ms), oldest first. `page_id` is the previous answer's
    `next_page_id`: it remembers the filters, and LiveChat accepts no others with it.
    """
    if page_id is not None:
        return _agent("list_archives", page_id=page_id)
    filters = {"from": rfc3339(from_ms), "to": rfc3339(to_ms)}
    return _agent("list_archives", filters=filters, limit=limit, sort_order="asc")


def list_archives_of_thread(thread_id: str) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#list-archives; at most one chat, whatever chat it is of.

    Threads that are still active are not in the archives.
    """
    return _agent("list_archives", filters={"thread_ids": [thread_id]}, limit=1)


def list_tags() -> Call:
    """https://platform.text.com/docs/management/configuration-api#list-tags; of all groups."""
    return _configuration("list_tags")


def create_tag(name: str, group_ids: tuple[int, ...] = (0,)) -> Call:
    """https://platform.text.com/docs/management/configuration-api#create-tag

    LiveChat compares names without regard to case: `already_exists` may mean "refund".
    """
    return _configuration("create_tag", name=name, group_ids=list(group_ids))


def register_webhook(  # noqa: PLR0913, PLR0917 - LiveChat's fields
    action: str,
    url: str,
    secret_key: str,
    owner_client_id: str,
    description: str,
    kind: WebhookKind = "license",
) -> Call:
    """https://platform.text.com/docs/management/configuration-api#register-webhook"""
    body = {"action": action, "url": url, "secret_key": secret_key, "description": description}
    return _configuration("register_webhook", **body, owner_client_id=owner_client_id, type=kind)


def set_routing_status(agent_id: str, status: RoutingStatus) -> Call:
    """https://platform.text.com/docs/messaging/agent-chat-api#set-routing-status; of an agent or a bot."""
    return _agent("set_routing_status", status=status, agent_id=agent_id)


def list_webhooks(owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#list-webhooks; secrets are not returned."""
    return _configuration("list_webhooks", owner_client_id=owner_client_id)


def unregister_webhook(webhook_id: str, owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#unregister-webhook"""
    return _configuration("unregister_webhook", id=webhook_id, owner_client_id=owner_client_id)


def switch_license_webhooks(owner_client_id: str, *, on: bool) -> Call:
    """https://platform.text.com/docs/management/configuration-api#enable-license-webhooks, and disable-…"""
    method = "enable_license_webhooks" if on else "disable_license_webhooks"
    return _configuration(method, owner_client_id=owner_client_id)


def get_license_webhooks_state(owner_client_id: str) -> Call:
    """https://platform.text.com/docs/management/configuration-api#get-license-webhooks-state"""
    return _configuration("get_license_webhooks_state", owner_client_id=owner_client_id)


def rfc3339(ms: int) -> str:
    """A time as LiveChat's filters want it: with microseconds and an offset."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="microseconds")
