"""What a play needs: a broker, a simulated LiveChat, and the real `ingest` and `tagger run` as processes; the page too.

It ends everything that it started, even after a failed start. At the end it searches the logs for every secret that
it issued.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from tagger.simulator.livechat.access import App, Granted
from tagger.simulator.livechat.account import Organization, Version
from tagger.simulator.livechat.port import reserved_port
from tagger.simulator.livechat.server import CHAT_WEBHOOKS, TAG_WEBHOOKS, SimulatedLiveChat
from tagger.simulator.play.player import Comparison, Player, compare
from tagger.simulator.play.visitors import RULES, Visit, all_tags
from tagger.simulator.stage.broker import EmbeddedBroker
from tagger.simulator.stage.leaks import check_logs
from tagger.simulator.stage.service import Service

VERSIONS: Final[tuple[Version, ...]] = ("3.6", "3.3", "3.5", "3.4")
PARTITIONS: Final = 3
LOOK_EVERY_S: Final = 0.05
STRANGER: Final = ("/", 403)  # the page's answer to whoever has no token: it listens


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a run's topics and group."""

    webhooks: str = "livechat.webhooks"
    decisions: str = "livechat.decisions"
    parked: str = "livechat.parked"
    group: str = "tagger"

    @property
    def keywords(self) -> str:
        """The topic of keyword sets."""
        return f"{self.webhooks.removesuffix('webhooks')}keywords"

    @property
    def topics(self) -> tuple[str, str, str, str]:
        """All topics."""
        return self.webhooks, self.decisions, self.parked, self.keywords


@dataclass
class Stage:
    """An async context manager: once it is entered, the services are ready.

    Logs and credentials go to `folder`. With `kafka`, the topics must exist; without, a broker is embedded.
    `settings` are environment variables for all services; they override those of the stage.
    """

    folder: Path
    seed: int = 0
    kafka: str | None = None
    names: Names = field(default_factory=Names)
    config: Path = RULES
    versions: Sequence[Version] = VERSIONS  # of the organizations, one each
    pause_s: float = 0.0  # between two events of a chat
    settings: Mapping[str, str] = field(default_factory=dict)
    corrections: bool = False  # LiveChat also sends which tags are set and removed, and people do
    oauth: bool = False  # refresh tokens instead of personal access tokens
    with_page: bool = False  # `tagger web` as well

    livechat: SimulatedLiveChat = field(init=False)
    broker: EmbeddedBroker | None = field(init=False, default=None)  # unless `kafka` names one
    bootstrap: str = field(init=False, default="")
    organizations: list[Organization] = field(init=False, default_factory=list)
    app: App = field(init=False)
    player: Player = field(init=False)
    ingest: Service = field(init=False)
    tagger: Service = field(init=False)
    page: Service | None = field(init=False, default=None)  # with `with_page`
    page_token: str = field(init=False, repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    secret: str = field(init=False, repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    _ends: AsyncExitStack = field(init=False, repr=False, default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.livechat = SimulatedLiveChat(self.seed)
        self.app = self.livechat.add_app(client_secret=secrets.token_urlsafe(24))
        self.player = Player(self.livechat, self.organizations, self.pause_s, self.corrections)

    async def __aenter__(self) -> "Stage":
        try:
            await self._set_up()
        except BaseException:
            await self._ends.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Raises LeakError if a log contains a secret, unless the play itself failed."""
        await self._ends.aclose()
        if kind is None:
            check_logs(self.folder, self.secrets())

    def secrets(self) -> dict[str, list[str]]:
        """Everything that no output may contain: kind → values."""
        return {
            "webhook secret": [self.secret],
            "client secret": [self.app.client_secret],
            "page's token": [self.page_token],
            "token or code": list(self.livechat.access.handed_out),
        }

    @property
    def services(self) -> tuple[Service, ...]:
        """All that are there."""
        return (self.ingest, self.tagger) if self.page is None else (self.ingest, self.tagger, self.page)

    @property
    def page_address(self) -> str:
        """What to open in a browser; only with `with_page`."""
        assert self.page is not None
        return f"{self.page.admin_url}/?token={self.page_token}"

    async def play(self, visits: Iterable[Visit], visits_per_s: float | None = None) -> None:
        """Play the visits until the last chat has ended and all webhooks are answered."""
        await self.player.play(visits, visits_per_s)
        await self.livechat.sent(timeout_s=90.0)

    async def settled(self, timeout_s: float) -> Comparison:
        """Wait until no tag is missing, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.expected_vs_set().missing:  # noqa: ASYNC110  # tags are set in many places
                    await asyncio.sleep(LOOK_EVERY_S)
        return self.expected_vs_set()

    def expected_vs_set(self) -> Comparison:
        """The tags of all chats that ended, as they are now."""
        return compare(self.player.played.values())

    async def _set_up(self) -> None:
        await self._ends.enter_async_context(self.livechat)
        if self.kafka:
            self.bootstrap = self.kafka
        else:
            topics = dict.fromkeys(self.names.topics, PARTITIONS)
            self.broker = self._ends.enter_context(EmbeddedBroker(topics))
            self.bootstrap = self.broker.bootstrap
        for version in self.versions:
            self.organizations.append(self.livechat.add_organization(version, sorted(all_tags())))
        self._build_services()
        self._ends.push_async_callback(self._stop_services)
        started = (service.start() for service in self.services)
        results = await asyncio.gather(*started, return_exceptions=True)
        for failure in results:
            if isinstance(failure, BaseException):
                raise failure

    async def _stop_services(self) -> None:
        """`ingest` is killed: it would wait 5 s for a load balancer, and what it answered 200 is stored."""
        stopped = (service.stop() for service in self.services if service is not self.ingest)
        await asyncio.gather(self.ingest.kill(), *stopped)

    def _build_services(self) -> None:
        ports = {
            name: self._ends.enter_context(reserved_port())
            for name in ("INGEST_PORT", "INGEST_ADMIN_PORT", "TAGGER_ADMIN_PORT")
        }
        common = {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_WEBHOOKS_TOPIC": self.names.webhooks,
            "KAFKA_DECISIONS_TOPIC": self.names.decisions,
            "KAFKA_PARKED_TOPIC": self.names.parked,
            "KAFKA_KEYWORDS_TOPIC": self.names.keywords,
            "KAFKA_GROUP_ID": self.names.group,
            "KAFKA_SESSION_TIMEOUT_S": "6",
            "LOG_FORMAT": "json",
        }
        ingest = common | {
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(ports["INGEST_PORT"]),
            "INGEST_ADMIN_PORT": str(ports["INGEST_ADMIN_PORT"]),
            "LIVECHAT_WEBHOOK_SECRETS": self.secret,
        }
        tagger = common | {
            "TAGGER_ADMIN_PORT": str(ports["TAGGER_ADMIN_PORT"]),
            "TAGGER_CONFIG": str(self.config),
            "TAGGER_DRY_RUN": "false",
            "LIVECHAT_API_URL": self.livechat.url,
            "LIVECHAT_ACCOUNTS_URL": self.livechat.accounts_url,
            "LIVECHAT_CREDENTIALS_FILE": str(self._write_credentials()),
        }
        admin = ports["INGEST_ADMIN_PORT"]
        self.ingest = Service("ingest", (), {**ingest, **self.settings}, admin, self.folder / "ingest.log")
        admin = ports["TAGGER_ADMIN_PORT"]
        self.tagger = Service(
            "tagger", ("run",), {**tagger, **self.settings}, admin, self.folder / "tagger.log"
        )
        if self.with_page:
            self.page = self._build_page(tagger)
        url = f"http://127.0.0.1:{ports['INGEST_PORT']}/webhooks/livechat"
        actions = (*CHAT_WEBHOOKS, *TAG_WEBHOOKS) if self.corrections else CHAT_WEBHOOKS
        self.livechat.install(self.app, self.organizations, url, self.secret, actions)

    def _build_page(self, tagger: Mapping[str, str]) -> Service:
        """The page of the same keyword files, topics and organizations as the tagger's."""
        port = self._ends.enter_context(reserved_port())
        page = {**tagger, "WEB_PORT": str(port), "WEB_TOKEN": self.page_token, **self.settings}
        service = Service("tagger", ("web",), page, port, self.folder / "web.log")
        service.ready_by = STRANGER
        return service

    def _write_credentials(self) -> Path:
        """Credentials for every organization, under the id that its records have."""
        entries = {}
        for organization in self.organizations:
            by = str(organization.license_id) if organization.version == "3.3" else organization.id
            entries[by] = self._credential_of(organization)
        path = self.folder / "credentials.json"
        path.touch(mode=0o600)
        path.write_bytes(orjson.dumps({"version": 1, "organizations": entries}))
        return path

    def _credential_of(self, organization: Organization) -> dict[str, str]:
        account, pat = self.livechat.add_account(organization)
        if not self.oauth:
            return {"account_id": account.id, "pat": pat}
        granted = Granted(account, self.app.scopes & account.scopes, self.app.client_id)
        refresh_token = self.livechat.access.add_refresh_token(granted)
        app = {"client_id": self.app.client_id, "client_secret": self.app.client_secret}
        return app | {"refresh_token": refresh_token}
