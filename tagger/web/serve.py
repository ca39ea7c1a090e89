"""`tagger web`: makes its parts, serves the page until it is stopped, and closes them."""

import asyncio
import secrets
import time
from collections.abc import Callable
from random import SystemRandom
from typing import Final

import structlog

from ingest.runtime.app_server import AppServer
from ingest.runtime.process import cannot_listen
from ingest.runtime.settings import SecretFile
from ingest.runtime.supervision import Tasks, closed
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.stored_sets import StoredSets
from tagger.livechat.authorization.credentials import Credentials, credentials
from tagger.livechat.client import Client
from tagger.settings import WebSettings, group_of
from tagger.web.app import make_app
from tagger.web.change.trials import Trials
from tagger.web.frame import Page
from tagger.web.gate import access_by
from tagger.web.in_force import InForce
from tagger.web.keywords.counting import Counting
from tagger.web.past import Past, Topics
from tagger.web.progress import Progress
from tagger.web.statics import Statics
from tagger.web.tags_there import TagsThere

CLOSE_S: Final = 2.0  # for each part
TOKEN_BYTES: Final = 24  # of a token that we make

log = structlog.get_logger()


class Service:
    """One `tagger web`. Make it where an event loop runs."""

    def __init__(self, settings: WebSettings, who: Credentials | None) -> None:
        """who: None where no credentials are set; then no chat can be fetched. Raises LedgerError."""
        self._settings = settings
        self._token = settings.secret("web_token")
        self._made: str | None = None
        if not self._token.value():
            self._made = secrets.token_urlsafe(TOKEN_BYTES)
            self._token = SecretFile(None, self._made)
        self._client = Client(who, settings.livechat_api_url) if who else None
        livechat = (self._client, who) if self._client and who else None
        self._keywords = InForce(settings.tagger_config, settings.tagger_canned_placeholder)
        self._past = _past(settings)
        self._progress = Progress(
            settings.client_options,
            settings.kafka_webhooks_topic,
            group_of(settings),
            dry_run=settings.tagger_dry_run,
        )
        self._tags = TagsThere(*livechat, lambda: self._keywords.rules) if livechat else None
        self._page = page = Page(self._keywords, Statics(), livechat, self._past, self._progress, self._tags)
        self._trials = Trials()
        access = access_by(self._token, settings.web_host, settings.web_port)
        self._counting = Counting(self._past, lambda: self._keywords.rules)
        self._server = AppServer(make_app(page, access, self._trials, self._counting))
        self._tasks = Tasks(lambda _: None)

    async def run(self, stopping: asyncio.Event, say: Callable[[str], None]) -> str | None:
        """Serve until `stopping` is set; why it could not start, else None. `say` gets what to open, for a person."""
        host, port = self._settings.web_host, self._settings.web_port
        try:
            port = await self._server.start(host, port)
            say(address(host, port, self._made))
            log.info("listening", host=host, port=port)
            self._tasks.start("slow_connections", self._server.close_the_slow)
            self._tasks.start("keywords", self._keywords.watch)
            self._tasks.start("ledger", self._past.filling.run)
            self._tasks.start("ledger_cleaning", self._past.filling.clean)
            self._tasks.start("counting", self._counting.run)
            self._tasks.start("progress", self._progress.run)
            if self._tags is not None:
                self._tasks.start("tags", self._tags.run)
            await stopping.wait()
        except OSError as error:
            return cannot_listen("WEB", host, port, error)
        finally:
            await self._tasks.stop()
            self._page.streams.ended.set()
            await closed(self._server.stop(), CLOSE_S)
            await closed(self._trials.close(), CLOSE_S)
            if self._client is not None:
                await closed(self._client.close(), CLOSE_S)
            await closed(self._past.ledger.close(), CLOSE_S)
        log.info("stopped")
        return None


def _past(settings: WebSettings) -> Past:
    """What is known of the past. Raises LedgerError."""
    topic = settings.kafka_decisions_topic
    ledger = KeptLedger(settings.web_data, topic)
    topics = Topics(settings.client_options, settings.kafka_webhooks_topic)
    sets = StoredSets(settings.client_options, settings.kafka_keywords_topic)
    return Past(ledger, Filling(ledger, settings.client_options, topic), topics, sets)


def address(host: str, port: int, token: str | None) -> str:
    """What to open in a browser on this machine; the token only if it was made for this run."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def who_calls(settings: WebSettings) -> Credentials | list[str] | None:
    """The credentials for LiveChat; None where none are set, or what is wrong with them."""
    given = [getattr(settings, name) for name in settings.model_fields if name in CREDENTIALS]
    return credentials(settings, time.monotonic, SystemRandom()) if any(given) else None


# Settings that say that somebody meant to give credentials.
CREDENTIALS: Final = frozenset(
    {"livechat_pat", "livechat_access_token", "livechat_refresh_token", "livechat_credentials_file"}
)
