"""Which webhooks are registered. Plain data, no I/O.

Since API 3.3 a webhook belongs to an app (client id), and to every organization that has installed it.
https://platform.text.com/docs/management/configuration-api#webhooks
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from tagger.simulator.livechat.account import Organization
from tagger.simulator.livechat.errors import ApiError

WEBHOOKS_PER_ACTION_MAX: Final = 3  # and client id
URL_CHARACTERS_MAX: Final = 500

# Those of API 3.6 that the simulator sends; LiveChat has 20 more.
ACTIONS: Final = frozenset(
    {"incoming_chat", "incoming_event", "chat_deactivated", "thread_tagged", "thread_untagged"}
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """One registration; its `secret_key` is in every webhook sent and in no answer."""

    id: str
    owner_client_id: str
    action: str
    url: str
    secret_key: str = field(repr=False)
    description: str = ""
    type: Literal["license", "bot"] = "license"

    def json(self) -> dict[str, Any]:
        """As list_webhooks shows it."""
        shown = asdict(self) | {"filters": {}}
        del shown["secret_key"]
        return shown


@dataclass(slots=True)
class Registry:
    """The registrations of all apps."""

    webhooks: dict[str, Webhook] = field(default_factory=dict)  # by id

    def register(self, webhook: Webhook) -> ApiError | None:
        """Add a registration."""
        if webhook.action not in ACTIONS or len(webhook.url) > URL_CHARACTERS_MAX:
            return ApiError("validation")
        same = [other for other in self.of(webhook.owner_client_id) if other.action == webhook.action]
        if len(same) >= WEBHOOKS_PER_ACTION_MAX:
            return ApiError("limit_reached", "Maximum number of webhooks for this action reached")
        self.webhooks[webhook.id] = webhook
        return None

    def unregister(self, webhook_id: str, owner_client_id: str) -> ApiError | None:
        """Remove a registration of this app."""
        webhook = self.webhooks.get(webhook_id)
        if webhook is None or webhook.owner_client_id != owner_client_id:
            return ApiError("not_found", "Webhook not found")
        del self.webhooks[webhook_id]
        return None

    def of(self, owner_client_id: str) -> list[Webhook]:
        """The registrations of an app."""
        return [webhook for webhook in self.webhooks.values() if webhook.owner_client_id == owner_client_id]

    def wanted(self, organization: Organization, action: str) -> Iterator[Webhook]:
        """The webhooks to send when something happens in an organization."""
        for webhook in self.webhooks.values():
            owner = webhook.owner_client_id
            sent = (
                organization.has_bot_online(owner)
                if webhook.type == "bot"
                else organization.webhooks_enabled.get(owner)
            )
            if webhook.action == action and sent:
                yield webhook
