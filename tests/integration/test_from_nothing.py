"""From an empty account to a tagged chat with the commands of the README alone."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from tagger.simulator.livechat.access import App
from tagger.simulator.livechat.account import Draft, Organization, User
from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.livechat.server import SimulatedLiveChat
from tagger.simulator.stage.leaks import leaks
from tagger.simulator.stage.service import Service, environment_for
from tests.deadline import DEADLINE_S
from tests.kafka.kafka import AnyKafka

RULES: Final = """version: 1
rules:
  - {id: refund, tag: Refund, any: [refund], tests: [match: a refund, absent: hello]}
"""


@dataclass
class Newcomer:
    """Somebody with an app in the Developer Console, a broker, and nothing registered."""

    livechat: SimulatedLiveChat
    organization: Organization
    app: App
    env: dict[str, str]
    port: int  # of ingest
    login_port: int
    admin_ports: dict[str, int]  # by module
    outputs: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/livechat"

    async def tagger(self, *arguments: str) -> int | None:
        """Run a command to its end."""
        process = await self.begin(*arguments)
        async with asyncio.timeout(DEADLINE_S):
            output, _ = await process.communicate()
        self.outputs.append(output.decode())
        return process.returncode

    async def begin(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tagger", *arguments),
            env=environment_for(self.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def log_in(self) -> int | None:
        """`tagger login`, and the address it prints opened in a browser."""
        process = await self.begin("login", "--port", str(self.login_port))
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            while not (line := (await process.stdout.readline()).decode().strip()).startswith("http"):
                assert not process.stdout.at_eof()
            async with aiohttp.ClientSession() as browser, browser.get(line) as page:
                assert page.status == 200, await page.text()
            output, _ = await process.communicate()
        self.outputs.append(output.decode())
        return process.returncode

    def service(self, module: str, arguments: tuple[str, ...], log: Path, **settings: str) -> Service:
        port = self.admin_ports[module]
        admin = {"INGEST_ADMIN_PORT" if module == "ingest" else "TAGGER_ADMIN_PORT": str(port)}
        return Service(module, arguments, {**self.env, **admin, **settings}, port, log)


@asynccontextmanager
async def a_newcomer(kafka: AnyKafka, unique: str, folder: Path) -> AsyncIterator[Newcomer]:
    (folder / "config").mkdir()
    (folder / "config" / "rules.yaml").write_text(RULES)
    topics = {name: f"{unique}.{name.lower()}" for name in ("WEBHOOKS", "DECISIONS", "PARKED", "KEYWORDS")}
    for topic in topics.values():
        kafka.create_topic(topic, 2)
    async with SimulatedLiveChat(seed=3) as livechat, AsyncExitStack() as ends:
        port, login_port, *two = (ends.enter_context(reserved_port()) for _ in range(4))
        admin_ports = dict(zip(("ingest", "tagger"), two, strict=True))
        organization = livechat.add_organization()
        livechat.consenting, _ = livechat.add_account(organization)
        app = livechat.add_app(secrets.token_urlsafe(24), (f"http://127.0.0.1:{login_port}/",))
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            **{f"KAFKA_{name}_TOPIC": topic for name, topic in topics.items()},
            "KAFKA_GROUP_ID": unique,
            "KAFKA_SESSION_TIMEOUT_S": "6",
            "LIVECHAT_API_URL": livechat.url,
            "LIVECHAT_ACCOUNTS_URL": livechat.accounts_url,
            "LIVECHAT_CLIENT_ID": app.client_id,
            "LIVECHAT_CLIENT_SECRET": app.client_secret,
            "LIVECHAT_CREDENTIALS_FILE": str(folder / "credentials.json"),
            "LIVECHAT_WEBHOOK_SECRETS": secrets.token_urlsafe(24),
            "TAGGER_CONFIG": str(folder / "config"),
        }
        yield Newcomer(livechat, organization, app, env, port, login_port, admin_ports, [])


def hidden(newcomer: Newcomer) -> dict[str, list[str]]:
    """What no output may hold."""
    return {
        "client secret": [newcomer.app.client_secret],
        "webhook secret": [newcomer.env["LIVECHAT_WEBHOOK_SECRETS"]],
        "token or code": list(newcomer.livechat.access.handed_out),
    }


async def test_the_commands_alone_lead_from_an_empty_account_to_a_tagged_chat(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_newcomer(kafka_embedded, unique, tmp_path) as newcomer, AsyncExitStack() as ends:
        ingest = newcomer.service(
            "ingest", (), tmp_path / "ingest.log", INGEST_HOST="127.0.0.1", INGEST_PORT=str(newcomer.port)
        )
        ends.push_async_callback(ingest.stop)
        await ingest.start()

        assert await newcomer.tagger("webhooks", "status") == 2  # nobody is logged in
        assert await newcomer.log_in() == 0
        assert await newcomer.tagger("webhooks", "send", newcomer.url) == 0
        assert await newcomer.tagger("webhooks", "register", newcomer.url) == 0
        assert await newcomer.tagger("webhooks", "enable") == 0
        assert await newcomer.tagger("webhooks", "status") == 0
        assert await newcomer.tagger("check", "--online") == 1  # the tag is missing
        assert await newcomer.tagger("check", "--online", "--create") == 0

        service = newcomer.service("tagger", ("run",), tmp_path / "tagger.log")
        ends.push_async_callback(service.stop)
        await service.start()
        customer = User(newcomer.organization.new_uuid(), "customer", "Ann", "ann@example.com")
        said = Draft("message", {"text": "I want a refund"}, customer.id)
        thread = newcomer.livechat.start_chat(newcomer.organization, (customer,), [said])
        newcomer.livechat.deactivate(thread, customer.id)
        async with asyncio.timeout(DEADLINE_S):
            while thread.tags != ["Refund"]:
                await asyncio.sleep(0.05)
        assert await newcomer.tagger("parked", "list") == 0

        outputs = "".join([*newcomer.outputs, ingest.log.read_text(), service.log.read_text()])
        stored = (tmp_path / "credentials.json").read_bytes()
        assert leaks(stored, hidden(newcomer)) == ["client secret", "token or code"]
        assert leaks(outputs.encode(), hidden(newcomer)) == []
