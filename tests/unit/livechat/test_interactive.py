"""What a person at a terminal reads about calls to the API."""

import pytest
from aiohttp import web

from tagger.livechat.calls import requests
from tagger.livechat.client import Client
from tagger.livechat.interactive import Desk, NoAnswerError, organization_of
from tests.unit.livechat.server import Server, error
from tests.unit.livechat.tokens import Each

REGISTER = requests.register_webhook("incoming_chat", "https://example.com/", "very-secret", "client", "d")


async def test_every_call_is_said_without_the_secret_and_the_token(server: Server, client: Client) -> None:
    said: list[str] = []
    server.answer = lambda _: web.json_response({"id": "w1"})
    answer = await Desk(client, "org", said.append).call(REGISTER)
    assert answer == {"id": "w1"}
    (line,) = said
    assert line.startswith(f"POST {server.url}/configuration/action/register_webhook {{")
    assert '"action":"incoming_chat"' in line
    assert "very-secret" not in line
    assert "token-1" not in line
    assert server.asked[0].body["secret_key"] == "very-secret"


@pytest.mark.parametrize(
    ("error_type", "said"),
    [
        (
            "authentication",
            "register_webhook: the token is invalid or expired (authentication); create a new token",
        ),
        ("limit_reached", "register_webhook: a limit of the license is reached (limit_reached)"),
    ],
)
async def test_a_refusal_is_one_sentence_in_our_words(
    server: Server, client: Client, error_type: str, said: str
) -> None:
    server.answer = lambda _: error(error_type, 400, "very-secret is taken")
    with pytest.raises(NoAnswerError) as raised:
        await Desk(client, "org").call(REGISTER)
    assert str(raised.value).startswith(said)
    assert "very-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [((), None, ""), ((), "any", "any"), (("one",), None, "one"), (("one", "two"), "two", "two")],
)
def test_whose_credentials_to_use_is_plain(names: tuple[str, ...], wanted: str | None, chosen: str) -> None:
    assert organization_of(Each(*names), wanted) == chosen


@pytest.mark.parametrize(("names", "wanted"), [(("one", "two"), None), (("one",), "two")])
def test_whose_credentials_to_use_is_asked(names: tuple[str, ...], wanted: str | None) -> None:
    with pytest.raises(NoAnswerError, match="--organization: one"):
        organization_of(Each(*names), wanted)
