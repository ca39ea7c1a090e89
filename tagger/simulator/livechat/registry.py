"""Which webhooks are registered, and which organizations have them switched on. Plain data, no I/O.

Since API 3.3 a webhook belongs to an app (client id) and acts on every organization that has installed it.
https://platform.text.com/docs/management/configuration-api#webhooks
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tagger.simulator.livechat.account import Organization
from tagger.simulator.livechat.errors import ApiError

WEBHOOKS_PER_ACTION_MAX: Final = 3  # a client id
URL_CHARACTERS_MAX: Final = 500

# Those of API 3.6 that the simulator sends; LiveChat has 20 more.
ACTIONS: Final = frozenset(
    {"incoming_chat", "incoming_event", "chat_deactivated", "thread_tagged", "thread_untagged"}
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One registration; `secret_key` comes back in every webhook sent, and in no answer."""

    id: str
    owner_client_id: str
    action: str
    url: str
    secret_key: str = field(repr=False)
    description: str = ""

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "action": self.action,
            "filters": {},
            "owner_client_id": self.owner_client_id,
            "type": "license",
        }


@dataclass(slots=True)
class Registry:
    webhooks: dict[str, Webhook] = field(default_factory=dict)  # by id

    def register(self, webhook: Webhook) -> ApiError | None:
        if webhook.action not in ACTIONS or len(webhook.url) > URL_CHARACTERS_MAX:
            return ApiError("validation")
        same = [other for other in self.of(webhook.owner_client_id) if other.action == webhook.action]
        if len(same) >= WEBHOOKS_PER_ACTION_MAX:
            return ApiError("limit_reached", "Maximum number of webhooks for this action reached")
        self.webhooks[webhook.id] = webhook
        return None

    def unregister(self, webhook_id: str, owner_client_id: str) -> ApiError | None:
        webhook = self.webhooks.get(webhook_id)
        if webhook is None or webhook.owner_client_id != owner_client_id:
            return ApiError("not_found", "Webhook not found")
        del self.webhooks[webhook_id]
        return None

    def of(self, owner_client_id: str) -> list[Webhook]:
        return [webhook for webhook in self.webhooks.values() if webhook.owner_client_id == owner_client_id]

    def wanted(self, organization: Organization, action: str) -> Iterator[Webhook]:
        """The webhooks to send for something that happened."""
        for webhook in self.webhooks.values():
            if webhook.action == action and organization.webhooks_enabled.get(webhook.owner_client_id):
                yield webhook
