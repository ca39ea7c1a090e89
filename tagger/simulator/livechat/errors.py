"""The errors that LiveChat's APIs answer with: `{"error": {"type", "message", "data"?}}`.

Types and messages are LiveChat's. Which HTTP status goes with which type is not published, so a caller must read the
type first; `Fault.status` gives any of them another status.
"""

from dataclasses import dataclass, field
from typing import Any, Final

# type → (status, message). https://platform.text.com/docs/messaging/agent-chat-api#errors for the types and
# messages. LiveChat's Go SDK tests 401 for `authentication` and 400 for others; the rest is our guess.
ERRORS: Final[dict[str, tuple[int, str]]] = {
    "agent_offline": (400, "Agent offline"),
    "already_exists": (400, "Already exists"),
    "authentication": (401, "Invalid access token"),
    "authorization": (403, "Authorization error"),
    "chat_inactive": (400, "Chat is inactive"),
    "entity_too_large": (413, "Upload limit exceeded (10MB)."),
    "group_not_found": (400, "Group not found"),
    "internal": (500, "Internal server error"),
    "license_expired": (402, "License expired"),
    "license_not_found": (404, "License not found"),
    "limit_reached": (400, "Limit reached"),
    "misdirected_request": (421, "Wrong region"),
    "missing_access": (403, "Missing access"),
    "not_found": (404, "Not found"),
    "ownership_transfer": (400, "Invalid transfer ownership request"),
    "request_timeout": (504, "Request timed out"),
    "service_unavailable": (503, "Service unavailable"),
    "too_many_requests": (429, "Too many requests"),
    "unsupported_version": (400, "Cannot call unsupported API versions."),
    "validation": (400, "Wrong format of request"),
    "wrong_product_version": (400, "Wrong product version"),
}


@dataclass(frozen=True, slots=True)
class ApiError:
    """Why LiveChat refuses a request. `type` is a key of `ERRORS`."""

    type: str
    message: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return ERRORS[self.type][0]

    def body(self) -> dict[str, Any]:
        """The JSON answer."""
        error = {"type": self.type, "message": self.message or ERRORS[self.type][1]}
        return {"error": error | ({"data": self.data} if self.data else {})}
