"""`tagger webhooks` as a person runs it, against a pretend LiveChat on the loopback."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from tagger.commands import webhooks, webhooks_rotation
from tagger.livechat.webhooks import ACTIONS, PER_ACTION_MAX
from tests.unit.livechat.server import Asked, error, in_a_thread

TOKEN, SECRET, OLD = "access-token", "new-secret", "old-secret"
OTHER = "https://other.example.com/webhooks/livechat"


@dataclass
class Registrar:
    """LiveChat's registry of webhooks, and at the same address an ingest that knows some secrets."""

    url: str = ""
    registered: list[dict[str, Any]] = field(default_factory=list)
    enabled: bool = True
    organizations: frozenset[str] | None = None  # as INGEST_ORGANIZATIONS
    secrets: set[str] = field(default_factory=lambda: {SECRET, OLD})
    made: int = 0
    statuses: dict[str, str] = field(default_factory=dict)  # of bots

    def answer(self, asked: Asked) -> web.StreamResponse:
        if asked.method == "livechat":
            accepted = self.organizations is None or asked.body["organization_id"] in self.organizations
            return web.Response(status=200 if accepted and asked.body["secret_key"] in self.secrets else 401)
        if asked.headers["Authorization"] != f"Bearer {TOKEN}":
            return error("authentication", 401)
        answer: web.StreamResponse = getattr(self, asked.method)(asked.body)
        return answer

    def list_webhooks(self, _: dict[str, Any]) -> web.Response:
        listed = [{key: one[key] for key in one if key != "secret_key"} for one in self.registered]
        return web.json_response(listed)

    def register_webhook(self, body: dict[str, Any]) -> web.Response:
        if [one["action"] for one in self.registered].count(body["action"]) >= PER_ACTION_MAX:
            return error("limit_reached")
        self.made += 1
        self.registered.append(body | {"id": f"w{self.made}"})
        return web.json_response({"id": f"w{self.made}"})

    def unregister_webhook(self, body: dict[str, Any]) -> web.Response:
        self.registered = [one for one in self.registered if one["id"] != body["id"]]
        return web.Response()

    def set_routing_status(self, body: dict[str, Any]) -> web.Response:
        self.statuses[body["agent_id"]] = body["status"]
        return web.Response()

    def get_license_webhooks_state(self, _: dict[str, Any]) -> web.Response:
        return web.json_response({"license_webhooks_enabled": self.enabled})

    def enable_license_webhooks(self, _: dict[str, Any]) -> web.Response:
        self.enabled = True
        return web.Response()

    def disable_license_webhooks(self, _: dict[str, Any]) -> web.Response:
        self.enabled = False
        return web.Response()

    def secrets_of(self, url: str) -> list[str]:
        return [one["secret_key"] for one in self.registered if one["url"] == url]


@pytest.fixture
def livechat() -> Iterator[Registrar]:
    registrar = Registrar()
    with in_a_thread(registrar.answer) as registrar.url:
        yield registrar


@pytest.fixture
def here(livechat: Registrar) -> str:
    return f"{livechat.url}/webhooks/livechat"


def run(livechat: Registrar, *arguments: str, answer: str = "", **settings: str) -> Result:
    env = {
        "LIVECHAT_API_URL": livechat.url,
        "LIVECHAT_ACCESS_TOKEN": TOKEN,
        "LIVECHAT_CLIENT_ID": "client",
        "LIVECHAT_WEBHOOK_SECRETS": f"{SECRET},{OLD}",
        **settings,
    }
    result = CliRunner().invoke(webhooks.command, list(arguments), input=answer, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for secret in (TOKEN, SECRET, OLD):
        assert secret not in result.output
    return result


def test_registering_twice_registers_once(livechat: Registrar, here: str) -> None:
    first = run(livechat, "register", here)
    assert first.exit_code == 0
    assert livechat.secrets_of(here) == [SECRET] * 3
    assert {one["type"] for one in livechat.registered} == {"license"}
    second = run(livechat, "register", here)
    assert (second.exit_code, len(livechat.registered)) == (0, 3)
    assert "nothing was changed" in second.output


def test_what_people_correct_is_registered_if_asked_for(livechat: Registrar, here: str) -> None:
    run(livechat, "register", here)
    status = run(livechat, "status")
    assert status.exit_code == 0
    assert "thread_tagged, thread_untagged: not sent there, which is optional" in status.output
    for _ in range(2):
        assert run(livechat, "register", "--corrections", here).exit_code == 0
    assert len(livechat.registered) == 5
    status = run(livechat, "status", "--format", "json")
    told = orjson.loads(status.output)
    assert (told["enabled"], told["missing"], told["optional"]) == (True, [], [])


def test_bot_webhooks_are_registered_and_their_bot_is_set_online(livechat: Registrar, here: str) -> None:
    for _ in range(2):
        done = run(livechat, "register", "--bot", "b0t", here)
        assert done.exit_code == 0
        assert "bot b0t is online and gets no chats" in done.output
    assert [one["type"] for one in livechat.registered] == ["bot"] * 3
    assert livechat.statuses == {"b0t": "not_accepting_chats"}
    livechat.enabled = False  # is for webhooks of the license
    status = run(livechat, "status")
    assert status.exit_code == 0
    assert "only while the bot is online" in status.output
    assert run(livechat, "list").output.count("(bot)") == 3
    assert run(livechat, "register", here).exit_code == 2


def test_verbose_says_each_call(livechat: Registrar, here: str) -> None:
    result = run(livechat, "register", here, "--verbose")
    assert result.stderr.count("/configuration/action/register_webhook") == 3
    assert '"secret_key":"(hidden)"' in result.stderr


def test_the_limit_of_livechat_is_explained(livechat: Registrar, here: str) -> None:
    for number in range(3):
        livechat.register_webhook({"action": "incoming_chat", "url": f"https://x.example.com/{number}"})
    result = run(livechat, "register", here)
    assert result.exit_code == 2
    assert "LiveChat allows 3" in result.stderr
    assert len(livechat.registered) == 3


def test_list_shows_them_to_people_and_to_programs(livechat: Registrar, here: str) -> None:
    assert "begin with" in run(livechat, "list").output
    run(livechat, "register", here)
    assert run(livechat, "list").output.count(here) == 3
    listed = orjson.loads(run(livechat, "list", "--format", "json").output)
    assert sorted(one["action"] for one in listed) == list(ACTIONS)


@pytest.mark.parametrize("form", ["text", "json"])
def test_status_exits_1_unless_everything_flows(livechat: Registrar, here: str, form: str) -> None:
    assert run(livechat, "status", "--format", form).exit_code == 1
    run(livechat, "register", here)
    assert run(livechat, "status", "--format", form).exit_code == 0
    livechat.enabled = False
    assert run(livechat, "status", "--format", form).exit_code == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_status_names_another_address_that_gets_them_too(livechat: Registrar, here: str, form: str) -> None:
    run(livechat, "register", here)
    run(livechat, "register", OTHER)
    result = run(livechat, "status", "--format", form)
    assert result.exit_code == 0
    assert here in result.output
    assert OTHER in result.output


def test_status_is_no_success_if_the_actions_are_sent_to_different_addresses(
    livechat: Registrar, here: str
) -> None:
    run(livechat, "register", OTHER)
    run(livechat, "register", here)
    for one in livechat.registered[:2], livechat.registered[5:]:
        livechat.registered = [each for each in livechat.registered if each not in one]
    result = run(livechat, "status")
    assert result.exit_code == 1
    assert f"tagger webhooks register {here}" in result.output


def test_status_says_that_it_does_not_know_when_the_last_webhook_arrived(
    livechat: Registrar, here: str
) -> None:
    run(livechat, "register", here)
    result = run(livechat, "status")
    assert "is not known: set KAFKA_BOOTSTRAP_SERVERS" in result.output
    told = orjson.loads(run(livechat, "status", "--format", "json").output)
    assert (told["last_arrived_at"], told["missing"]) == (None, [])


def test_disabling_asks_first(livechat: Registrar) -> None:
    assert run(livechat, "disable", answer="n\n").exit_code == 2
    assert livechat.enabled
    assert run(livechat, "disable", answer="y\n").exit_code == 0
    assert not livechat.enabled
    assert run(livechat, "enable").exit_code == 0
    assert livechat.enabled


def test_unregistering_asks_first_and_takes_one_address_only(livechat: Registrar, here: str) -> None:
    run(livechat, "register", here)
    run(livechat, "register", "https://other.example.com/webhooks/livechat")
    assert run(livechat, "unregister", here, answer="n\n").exit_code == 2
    assert len(livechat.registered) == 6
    assert run(livechat, "unregister", here, "--yes").exit_code == 0
    assert livechat.secrets_of(here) == []
    assert len(livechat.registered) == 3
    assert run(livechat, "unregister", "--all", "--yes").exit_code == 0
    assert livechat.registered == []


@pytest.mark.parametrize("arguments", [("unregister",), ("unregister", "https://x.example.com/", "--all")])
def test_what_to_unregister_must_be_plain(livechat: Registrar, arguments: tuple[str, ...]) -> None:
    assert run(livechat, *arguments).exit_code == 2


def test_a_rotation_leaves_the_new_secret_only(
    livechat: Registrar, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_rotation, "SETTLE_S", 0.0)
    run(livechat, "register", here, LIVECHAT_WEBHOOK_SECRETS=OLD)
    result = run(livechat, "rotate-secret", here, "--yes")
    assert result.exit_code == 0
    assert livechat.secrets_of(here) == [SECRET] * 3


def test_a_rotation_waits_until_ingest_knows_the_new_secret(livechat: Registrar, here: str) -> None:
    run(livechat, "register", here, LIVECHAT_WEBHOOK_SECRETS=OLD)
    livechat.secrets = {OLD}
    result = run(livechat, "rotate-secret", here, "--yes")
    assert result.exit_code == 2
    assert "does not accept the new secret yet" in result.stderr
    assert livechat.secrets_of(here) == [OLD] * 3


def test_a_rotation_asks_ingest_for_an_organization_that_it_accepts(
    livechat: Registrar, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_rotation, "SETTLE_S", 0.0)
    run(livechat, "register", here, LIVECHAT_WEBHOOK_SECRETS=OLD)
    livechat.organizations = frozenset({"org"})
    refused = run(livechat, "rotate-secret", here, "--yes")
    assert refused.exit_code == 2
    assert "INGEST_ORGANIZATIONS" in refused.stderr
    assert run(livechat, "rotate-secret", here, "--yes", INGEST_ORGANIZATIONS="org").exit_code == 0


def test_a_rotation_that_is_not_agreed_to_keeps_both(
    livechat: Registrar, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks_rotation, "SETTLE_S", 0.0)
    run(livechat, "register", here, LIVECHAT_WEBHOOK_SECRETS=OLD)
    assert run(livechat, "rotate-secret", here, answer="n\n").exit_code == 2
    assert sorted(livechat.secrets_of(here)) == [SECRET] * 3 + [OLD] * 3
    assert run(livechat, "rotate-secret", here, answer="y\n").exit_code == 0
    assert livechat.secrets_of(here) == [SECRET] * 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LIVECHAT_CLIENT_ID": ""}, "LIVECHAT_CLIENT_ID: required"),
        ({"LIVECHAT_ACCESS_TOKEN": ""}, "set exactly one kind of credentials"),
        ({"LIVECHAT_ACCESS_TOKEN": "wrong"}, "the token is invalid or expired"),
        ({"LIVECHAT_WEBHOOK_SECRETS": ""}, "LIVECHAT_WEBHOOK_SECRETS: required"),
        ({"LIVECHAT_API_URL": "http://livechat.example.com"}, "LIVECHAT_API_URL"),
    ],
)
def test_what_is_missing_is_reported_and_nothing_is_done(
    livechat: Registrar, here: str, settings: dict[str, str], said: str
) -> None:
    result = run(livechat, "register", here, **settings)
    assert result.exit_code == 2
    assert said in result.stderr
    assert livechat.registered == []


def test_an_address_in_the_clear_is_refused(livechat: Registrar) -> None:
    result = run(livechat, "register", "http://chats.example.com/webhooks/livechat")
    assert result.exit_code == 2
    assert "https://" in result.stderr


@pytest.mark.parametrize(
    "name", ["register", "list", "enable", "disable", "status", "unregister", "rotate-secret", "send", "tail"]
)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(webhooks.command, [name, "--help"])
    assert result.exit_code == 0
    assert f"tagger webhooks {name}" in result.output
