"""`tagger run`: its parts composed, run until told to stop, and taken apart."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Final

import structlog

from ingest.runtime.admin import AdminServer, Health
from ingest.runtime.process import cannot_listen, has_terminal
from ingest.runtime.supervision import Tasks, closed, unless_told
from tagger.core.limits import Limits
from tagger.kafka.consumer import Consumer
from tagger.kafka.keywords_topic import a_set_in_force, keep_stored
from tagger.kafka.producer import Producer
from tagger.kafka.topics import missing_topics, topic_watch
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.livechat.tags import Tags
from tagger.metrics import Metrics
from tagger.recovery.reconcile import Reconcile, reconcile_regularly
from tagger.service.announce import announce, announce_stored
from tagger.service.health import LiveChatFigures, PartitionFigures, health_of
from tagger.service.settle import settle_of
from tagger.service.tag_watch import TagWatch, watch_tags
from tagger.service.trouble import Troubles
from tagger.service.watchdog import Watchdog
from tagger.service.worker import Worker
from tagger.settings import RunSettings, TaggerSettings, group_of

# For each part to end, after the consumer drained for 8 s: all together stay below 30 s.
CLOSE_S: Final = 2.0

TROUBLE_LOOK_S: Final = 1.0

log = structlog.get_logger()


class Service:
    """One member of the group. To be made where an event loop runs."""

    def __init__(self, settings: RunSettings, keywords: Keywords, who: Credentials) -> None:
        self._settings, self._keywords, self._who = settings, keywords, who
        self._metrics = metrics = Metrics()
        self._client = client = Client(who, settings.livechat_api_url, metrics)
        self._producer = Producer(settings.client_options(), metrics)
        self._settle = settle_of(settings, keywords, client, self._producer, metrics)
        self._consumer = Consumer(
            settings.kafka_webhooks_topic,
            group_of(settings),
            settings.client_options(),
            session_timeout_s=settings.kafka_session_timeout_s,
            group_instance_id=settings.kafka_group_instance_id,
            limits=limits_of(settings),
            open_bytes_max=settings.tagger_open_bytes_max,
            settle=Worker(self._settle, client, settings.kafka_webhooks_topic, metrics).settle,
            metrics=metrics,
        )
        self._topics = topic_watch(settings, metrics)
        self._dog, self._tasks = Watchdog(), Tasks(lambda name: metrics.task_restarts.labels(task=name).inc())
        self._admin = AdminServer(
            settings.tagger_admin_host,
            settings.tagger_admin_port,
            self._health,
            metrics.registry,
            lambda reason: metrics.admin_connections_closed.labels(reason).inc(),
        )
        metrics.registry.register(PartitionFigures(self._consumer))
        metrics.registry.register(LiveChatFigures(client))
        metrics.rules_never_hit.set_function(self._settle.rules_never_hit)

    async def run(self, stopping: asyncio.Event, hurry: asyncio.Event | None = None) -> str | None:
        """Serve until told to stop. Why it could not begin, in sentences that say what to do; None: it could.

        hurry  told a second time: work under way is left to the next owner of its partition
        """
        try:
            if problem := await self._listen():
                return problem
            announce(self._metrics, self._keywords, self._keywords.origin == "files")
            for name, watch in self._watches():
                self._tasks.start(name, watch)
            reload_on_signals(self._keywords)
            if missing := await unless_told(stopping, self._begin()):
                return "\n".join(missing)
            if not stopping.is_set():
                await self._consumer.run(stopping, hurry)
        finally:
            await self._tasks.stop()
            await self._consumer.close()
            for close in (self._client.close, self._producer.stop, self._admin.stop):
                await closed(close(), CLOSE_S)
        log.info("stopped")
        return None

    async def _listen(self) -> str | None:
        """Serve health and metrics; where the address is taken, the sentence that says so."""
        host, port = self._settings.tagger_admin_host, self._settings.tagger_admin_port
        try:
            await self._admin.start()
        except OSError as error:
            return cannot_listen("TAGGER_ADMIN", host, port, error)
        log.info("started", host=host, port=self._admin.port)
        return None

    async def _begin(self) -> list[str]:
        """Wait for all that reading needs: topics, a keyword set, the group. What to do where a topic is missing."""
        if missing := await missing_topics(self._settings):
            return missing
        topic = self._settings.kafka_keywords_topic
        await a_set_in_force(self._keywords, self._settings.client_options, topic)
        announce_stored(self._metrics, self._keywords)
        await self._consumer.joined()
        return []

    def _watches(self) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What goes on beside the consumer, for as long as it runs."""
        settings, keywords, metrics = self._settings, self._keywords, self._metrics
        options, topic = settings.client_options, settings.kafka_keywords_topic
        tag_watch = TagWatch(keywords, self._who, Tags(self._client, time.monotonic), metrics)
        yield "slow_admin_connections", self._admin.close_the_slow
        yield "topics", self._topics.run
        yield "keywords", lambda: keywords.watch(partial(announce, metrics))
        yield "keywords_topic", lambda: keep_stored(keywords, options, topic, metrics)
        yield "troubles", lambda: tell_troubles(self._client)
        yield "tag_watch", lambda: watch_tags(tag_watch, keywords, self._is_mine)
        if every_s := settings.tagger_reconcile_every_s:
            group, age_s = group_of(settings), settings.tagger_chat_age_s_max
            reconcile = Reconcile(settings, group, self._who, self._client, self._settle, chat_age_s=age_s)
            yield "reconcile", lambda: reconcile_regularly(reconcile, every_s, self._is_mine, metrics)

    def _is_mine(self) -> bool:
        """What one member of the group does for all: partition 0 has one owner."""
        return 0 in self._consumer.assigned

    def _health(self) -> Health:
        now = time.monotonic()
        told = health_of(self._consumer, self._client, self._keywords, self._dog, self._tasks, now)
        told.notes.extend(self._producer.notes(now))
        for problem in self._topics.problems:
            (told.ready if problem.kind == "missing" else told.notes).append(problem.text)
        return told


def reload_on_signals(keywords: Keywords) -> None:
    """SIGUSR1 reloads; so does SIGHUP, unless it may be a closing terminal's, which ends the process."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, keywords.reload_soon)
    if not has_terminal():
        loop.add_signal_handler(signal.SIGHUP, keywords.reload_soon)


def limits_of(settings: TaggerSettings) -> Limits:
    return Limits(
        replay_records_max=settings.tagger_replay_records_max,
        chat_age_s_max=settings.tagger_chat_age_s_max,
        chat_idle_s_max=settings.tagger_chat_idle_s_max,
        linger_s=settings.tagger_linger_s,
    )


async def tell_troubles(client: Client) -> None:
    """Log when LiveChat begins to fail an organization, and when it serves it again."""
    troubles = Troubles()
    while True:
        for news in troubles.news(client.standings(), time.monotonic()):
            say = log.info if news.error_type is None else log.warning
            say("livechat_serves_again" if news.error_type is None else "livechat_fails", **news._asdict())
        await asyncio.sleep(TROUBLE_LOOK_S)
