"""Every error type that LiveChat documents: whose fault it is by guess, and what to say about it. Pure.

The list is https://platform.text.com/docs/messaging/agent-chat-api#possible-errors and
https://platform.text.com/docs/management/configuration-api#errors, taken together. The sentences are ours:
LiveChat's own messages may repeat what was sent to it, so they go nowhere.
"""

from enum import Enum
from typing import Final, NamedTuple


class Fault(Enum):
    """The first guess; `evidence` has the last word."""

    SYSTEM = "system"  # of LiveChat, the network, the organization or its token: the same call may work later
    ITEM = "item"  # of this call: sent again it would be refused again


class ErrorType(NamedTuple):
    fault: Fault
    why: str


def _system(why: str) -> ErrorType:
    return ErrorType(Fault.SYSTEM, why)


def _item(why: str) -> ErrorType:
    return ErrorType(Fault.ITEM, why)


DOCUMENTED: Final[dict[str, ErrorType]] = {
    # the service
    "internal": _system("LiveChat failed inside"),
    "request_timeout": _system("LiveChat took longer than its own 15 s"),
    "service_unavailable": _system("LiveChat accepts no requests for the moment"),
    "too_many_requests": _system("the rate limit was exceeded"),
    "pending_requests_limit_reached": _system("too many requests are pending"),
    "misdirected_request": _system("another region serves this organization"),
    "unsupported_version": _system("LiveChat no longer serves this version of the API"),
    # the organization, its license, its token
    "authentication": _system("the token is invalid or expired"),
    "license_expired": _system("the license has expired"),
    "license_not_found": _system("the license does not exist"),
    "wrong_product_version": _system("the license is of another product version"),
    "agent_offline": _system("the token's owner is offline"),
    "requester_already_offline": _system("the token's owner is offline"),
    "requester_awaiting_approval": _system("the token's owner awaits approval"),
    "requester_suspended": _system("the token's owner is suspended"),
    "seats_limit_exceeded": _system("all seats of the license are taken"),
    "users_limit_reached": _system("the license's limit of users is reached"),
    # this call
    "validation": _item("LiveChat finds the request malformed"),
    "authorization": _item("the token lacks the scope or the right for this"),
    "missing_access": _item("the token's owner has no access to this"),
    "not_allowed": _item("LiveChat does not allow this"),
    "not_found": _item("the chat, thread or tag does not exist"),
    "already_exists": _item("it exists already, maybe in another case"),
    "chat_inactive": _item("the chat has no active thread"),
    "chat_anonymized": _item("the chat was anonymized"),
    "customer_banned": _item("the customer is banned"),
    "entity_too_large": _item("the request is too large"),
    "limit_reached": _item("a limit of the license is reached"),
    "greeting_not_found": _item("the greeting does not exist"),
    "group_not_found": _item("the group does not exist"),
    "group_offline": _item("the group is offline"),
    "groups_offline": _item("the groups are offline"),
    "group_unavailable": _item("nobody in the group is available"),
    "ownership_transfer": _item("ownership cannot be transferred"),
    "transfer_ownership": _item("ownership cannot be transferred"),
}

# What we call answers, and missing answers, that name no documented type.
OURS: Final[dict[str, ErrorType]] = {
    "undocumented": _system("LiveChat names an error that its documentation does not have"),
    "not_json": _system("the answer is no JSON: something other than LiveChat's API wrote it, or it was cut"),
    "wrong_shape": _system("the answer lacks what LiveChat documents for it"),
    "answer_too_large": _item("the answer is larger than we accept"),
    "not_encodable": _item("a text of the request is not Unicode"),
    "redirected": _system("the address answers with a redirect: check LIVECHAT_API_URL"),
    "http_client_error": _item("refused without a reason"),
    "http_server_error": _system("failed without a reason"),
    "network": _system("LiveChat could not be reached"),
    "dns": _system("LiveChat's host name could not be resolved"),
    "tls": _system("LiveChat's certificate was not accepted"),
    "timeout": _system("LiveChat did not answer in time"),
    "token_refresh": _system("the access token could not be refreshed"),
    "no_credentials": _system("no credentials for this organization"),
    "organization_unavailable": _system("nothing of this organization succeeds while another's does"),
}

ALL: Final = DOCUMENTED | OURS

# What a person can do about a failure that lasts; for the others nothing but to wait.
TO_DO: Final = {
    "authentication": "make a new token (or log in again: tagger login) and put it where the old one is",
    "authorization": "give the token's owner the rights, and the token the scope chats--all:rw",
    "token_refresh": "log in again if it lasts: tagger login",
    "license_expired": "renew the LiveChat license",
    "requester_suspended": "use a token of an agent who is not suspended",
    "requester_awaiting_approval": "have the token's owner approved in LiveChat",
    "unsupported_version": "set LIVECHAT_API_URL to a version that LiveChat still serves, or upgrade",
    "redirected": "check LIVECHAT_API_URL",
    "not_json": "check LIVECHAT_API_URL and any proxy on the way",
    "network": "check that this machine may connect to LIVECHAT_API_URL",
    "dns": "check LIVECHAT_API_URL and this machine's name server",
    "tls": "check LIVECHAT_API_URL, this machine's clock and its certificate authorities",
}

# Status codes are published for no type. These are HTTP's own meanings, used where the body names no type.
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
    return f"{ALL[error_type].why}; {TO_DO.get(error_type, 'nothing is lost, calls are tried again')}"


def type_of_status(status: int) -> str:
    """The error type that an HTTP status stands for, where the body gives none."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return "redirected"
    return "http_client_error" if 400 <= status < 500 else "http_server_error"
