"""Every error type that LiveChat documents: transient or permanent at first guess, and what to say about it. Pure.

The list is https://platform.text.com/docs/messaging/agent-chat-api#possible-errors and
https://platform.text.com/docs/management/configuration-api#errors, taken together. The sentences are ours:
LiveChat's own messages may repeat what was sent to it, so they are dropped.
"""

from functools import partial
from typing import Final, NamedTuple


class _ErrorType(NamedTuple):
    is_permanent: bool  # at first guess; `pacing.giving_up` has the last word
    why: str


# Of LiveChat, the network, the organization or its token: the same call may work later.
_transient: Final = partial(_ErrorType, False)
# Of this call: sent again it would be refused again.
_permanent: Final = partial(_ErrorType, True)

DOCUMENTED: Final[dict[str, _ErrorType]] = {
    # the service
    "internal": _transient("LiveChat failed inside"),
    "request_timeout": _transient("LiveChat took longer than its own 15 s"),
    "service_unavailable": _transient("LiveChat accepts no requests at the moment"),
    "too_many_requests": _transient("the rate limit was exceeded"),
    "pending_requests_limit_reached": _transient("too many requests are pending"),
    "misdirected_request": _transient("another region serves this organization"),
    "unsupported_version": _transient("LiveChat no longer serves this version of the API"),
    # the organization, its license, its token
    "authentication": _transient("the token is invalid or expired"),
    "license_expired": _transient("the license has expired"),
    "license_not_found": _transient("the license does not exist"),
    "wrong_product_version": _transient("the license is for another product version"),
    "agent_offline": _transient("the token's owner is offline"),
    "requester_already_offline": _transient("the token's owner is offline"),
    "requester_awaiting_approval": _transient("the token's owner is awaiting approval"),
    "requester_suspended": _transient("the token's owner is suspended"),
    "seats_limit_exceeded": _transient("all seats of the license are taken"),
    "users_limit_reached": _transient("the license's user limit is reached"),
    # this call
    "validation": _permanent("LiveChat finds the request malformed"),
    "authorization": _permanent("the token lacks the scope or the right for this"),
    "missing_access": _permanent("the token's owner has no access to this"),
    "not_allowed": _permanent("LiveChat does not allow this"),
    "not_found": _permanent("the chat, thread or tag does not exist"),
    "already_exists": _permanent("it exists already, perhaps in different case"),
    "chat_inactive": _permanent("the chat has no active thread"),
    "chat_anonymized": _permanent("the chat was anonymized"),
    "customer_banned": _permanent("the customer is banned"),
    "entity_too_large": _permanent("the request is too large"),
    "limit_reached": _permanent("a limit of the license is reached"),
    "greeting_not_found": _permanent("the greeting does not exist"),
    "group_not_found": _permanent("the group does not exist"),
    "group_offline": _permanent("the group is offline"),
    "groups_offline": _permanent("the groups are offline"),
    "group_unavailable": _permanent("nobody in the group is available"),
    "ownership_transfer": _permanent("ownership cannot be transferred"),
    "transfer_ownership": _permanent("ownership cannot be transferred"),
}

# Whatever the type, if that is what LiveChat's message says of a tag.
NO_TAG: Final = "the tag does not exist in LiveChat"

# Our names for answers, and missing answers, that name no documented type.
OURS: Final[dict[str, _ErrorType]] = {
    "undocumented": _transient("LiveChat returned an error that it does not document"),
    "not_json": _transient(
        "the answer is not JSON: something other than LiveChat's API wrote it, or it was cut off"
    ),
    "wrong_shape": _transient("the answer is missing what LiveChat documents for it"),
    "not_tagged": _permanent("the thread does not have the tag"),
    "answer_too_large": _permanent("the answer is larger than we accept"),
    "not_encodable": _permanent("a text in the request is not valid Unicode"),
    "redirected": _transient("the address answers with a redirect: check LIVECHAT_API_URL"),
    "http_client_error": _permanent("refused without a reason"),
    "http_server_error": _transient("failed without a reason"),
    "network": _transient("LiveChat could not be reached"),
    "dns": _transient("LiveChat's host name could not be resolved"),
    "tls": _transient("LiveChat's certificate was not accepted"),
    "timeout": _transient("LiveChat did not answer in time"),
    "token_refresh": _transient("the access token could not be refreshed"),
    "no_credentials": _transient("no credentials for this organization"),
    "organization_unavailable": _transient("every call for this organization fails while another's succeed"),
}

ALL: Final = DOCUMENTED | OURS

# What a person can do about a failure that lasts; for the others, only wait.
TO_DO: Final = {
    "authentication": "create a new token (or log in again: tagger login) and replace the old one",
    "authorization": "give the token's owner the rights, and the token the scope chats--all:rw",
    "token_refresh": "if it lasts, log in again: tagger login",
    "license_expired": "renew the LiveChat license",
    "requester_suspended": "use a token of an agent who is not suspended",
    "requester_awaiting_approval": "approve the token's owner in LiveChat",
    "unsupported_version": "set LIVECHAT_API_URL to a version that LiveChat still serves, or upgrade",
    "redirected": "check LIVECHAT_API_URL",
    "not_json": "check LIVECHAT_API_URL and any proxy in between",
    "network": "check that this machine may connect to LIVECHAT_API_URL",
    "dns": "check LIVECHAT_API_URL and this machine's DNS server",
    "tls": "check LIVECHAT_API_URL, this machine's clock and its certificate authorities",
}

# LiveChat documents no status codes for its types. These are HTTP's own meanings, used if the body names no type.
_BY_STATUS: Final = {
    401: "authentication",
    403: "authorization",
    400: "validation",
    408: "request_timeout",
    413: "entity_too_large",
    421: "misdirected_request",
    422: "validation",
    429: "too_many_requests",
    503: "service_unavailable",
    504: "request_timeout",
}


def advised(error_type: str) -> str:
    """Why calls keep failing, and what to do."""
    return f"{ALL[error_type].why}; {TO_DO.get(error_type, 'nothing is lost; calls are retried')}"


def type_of_status(status: int) -> str:
    """The error type that an HTTP status stands for if the body names none."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return "redirected"
    return "http_client_error" if 400 <= status < 500 else "http_server_error"
