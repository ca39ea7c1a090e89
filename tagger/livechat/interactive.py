"""The API for a person at a terminal: asks a few times, and ends with a sentence where it gets nothing.

Promises to say every call before it is made, where that is wanted, with the secret and the token left out.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.requests import Call, Done, told
from tagger.livechat.client import Client

HIDDEN: Final = "(hidden)"
NAMED_MAX: Final = 20  # organizations that one sentence names


class NoAnswerError(Exception):
    """LiveChat did not do what it was asked; the text says why and what to do."""


class Desk:
    """One organization's."""

    def __init__(self, client: Client, organization: str, say: Callable[[str], None] | None = None) -> None:
        self._client, self._organization, self._say = client, organization, say

    async def call(self, call: Call) -> Any:
        """Make a call; its JSON answer. NoAnswerError where LiveChat refuses or cannot be reached."""
        if self._say is not None:
            self._say(shown(call, self._client.api_url))
        answer = await self._client.ask(self._organization, call)
        if isinstance(answer, Done):
            return answer.value
        raise NoAnswerError(f"{call.method}: {told(answer)}")


def shown(call: Call, api_url: str) -> str:
    """A call as text. The token is no part of it; a secret is left out."""
    body = {name: HIDDEN if name == "secret_key" else value for name, value in call.body.items()}
    return f"POST {api_url}/{call.path} {orjson.dumps(body).decode()}  Authorization: {HIDDEN}"


def organization_of(credentials: Credentials, wanted: str | None) -> str:
    """Whose credentials to use; NoAnswerError where a file leaves it open and `wanted` does not tell."""
    known = credentials.organizations()
    if not known or wanted in known:
        return wanted or ""
    if wanted is None and len(known) == 1:
        return known[0]
    names = ", ".join(known[:NAMED_MAX]) + (", …" if len(known) > NAMED_MAX else "")
    raise NoAnswerError(f"name one of the organizations in the credentials file with --organization: {names}")
