"""The API for a person at a terminal: tries a few times, and fails with a sentence.

Can say every call before it is made, without the secret and the token.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.calls.answers import Done, described
from tagger.livechat.calls.requests import Call
from tagger.livechat.client import Client

HIDDEN: Final = "(hidden)"
NAMED_MAX: Final = 20  # organizations named in one sentence


class NoAnswerError(Exception):
    """LiveChat did not do what was asked; the text says why and what to do."""

    def __init__(self, text: str, error_type: str = "") -> None:
        super().__init__(text)
        self.error_type = error_type  # LiveChat's or ours (`calls.error_types`); "" if no call was refused


class Desk:
    """Calls for one organization; `say` gets each as text first."""

    def __init__(self, client: Client, organization: str, say: Callable[[str], None] | None = None) -> None:
        self._client, self._organization, self._say = client, organization, say

    async def call(self, call: Call) -> Any:
        """Make a call; its JSON answer. NoAnswerError if LiveChat refuses or cannot be reached."""
        if self._say is not None:
            body = {name: HIDDEN if name == "secret_key" else value for name, value in call.body.items()}
            url = f"{self._client.api_url}/{call.path}"
            self._say(f"POST {url} {orjson.dumps(body).decode()}  Authorization: {HIDDEN}")
        answer = await self._client.ask(self._organization, call)
        if isinstance(answer, Done):
            return answer.value
        raise NoAnswerError(f"{call.method}: {described(answer)}", answer.error_type)


def organization_of(credentials: Credentials, wanted: str | None) -> str:
    """Whose credentials to use; NoAnswerError if a file has several and `wanted` names none of them."""
    known = credentials.organizations()
    if not known or wanted in known:
        return wanted or ""
    if wanted is None and len(known) == 1:
        return known[0]
    names = ", ".join(known[:NAMED_MAX]) + (", …" if len(known) > NAMED_MAX else "")
    raise NoAnswerError(f"name one of the organizations in the credentials file with --organization: {names}")
