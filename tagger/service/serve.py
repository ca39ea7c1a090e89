"""`tagger run`: makes its parts, runs them until it is stopped, and closes them."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final

import structlog

from ingest.runtime.admin import AdminServer, Health
from ingest.runtime.process import cannot_listen, has_terminal
from ingest.runtime.supervision import Tasks, closed, unless_set
from tagger.core.limits import Limits
from tagger.kafka.consumer import Consumer
from tagger.kafka.keywords_topic import a_set_in_force, keep_stored
from tagger.kafka.origins import Origins
from tagger.kafka.producer import Producer
from tagger.kafka.recall import Recall
from tagger.kafka.topics import missing_topics, topic_watch
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.announce import announce, announce_stored, overlooked_teller
from tagger.service.health import LiveChatFigures, PartitionFigures, health_of
from tagger.service.settle import Settle
from tagger.service.spans import CallSpans, JobSpans
from tagger.service.tag_watch import TagWatch
from tagger.service.trouble import Troubles
from tagger.service.watchdog import Watchdog
from tagger.service.worker import Worker
from tagger.settings import RunSettings, TaggerSettings, group_of

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces

CLOSE_S: Final = 2.0  # for each part, after the consumer drained for 8 s: all together stay below 30 s
TROUBLE_LOOK_S: Final = 1.0

log = structlog.get_logger()

# Finds and tags every so often what was missed, while the function that is passed says that this member is to do it.
Reconciling = Callable[[Credentials, Client, Settle, Callable[[], bool], Metrics], Coroutine[Any, Any, None]]


class Service:
    """One member of the group. Make it where an event loop runs."""

    def __init__(
        self,
        settings: RunSettings,
        keywords: Keywords,
        who: Credentials,
        reconciling: Reconciling | None = None,
        traces: "Traces | None" = None,
    ) -> None:
        self._settings, self._keywords, self._who = settings, keywords, who
        self._reconciling, self._traces = reconciling, traces
        self._metrics = metrics = Metrics()
        url = settings.livechat_api_url
        measure = metrics if traces is None else CallSpans(traces, metrics, url)
        self._client = client = Client(who, url, measure)
        self._producer = Producer(settings.client_options(), metrics, traces=traces)
        self._tag_watch = TagWatch(keywords, who, client, metrics)
        self._settle = Settle(
            lambda: keywords.decider,
            client,
            self._producer,
            metrics,
            settings,
            dry_run=settings.tagger_dry_run,
            on_tag=self._tag_watch.was_set,
            traces=traces,
        )
        self._consumer = self._new_consumer()
        self._tell_overlooked = overlooked_teller(metrics, keywords)
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
        if traces is not None:
            metrics.registry.register(traces)

    def _new_consumer(self) -> Consumer:
        """What reads webhooks and settles threads."""
        settings, metrics, topic = self._settings, self._metrics, self._settings.kafka_webhooks_topic
        removals = Recall(settings.client_options, settings.kafka_decisions_topic)
        settle, origins = Worker(self._settle, self._client, removals, topic, metrics).settle, None
        if self._traces is not None:
            origins = Origins()
            settle = JobSpans(self._traces, origins, topic, group_of(settings), settle).settle
        return Consumer(
            settings,
            group_of(settings),
            limits=_limits_of(settings),
            open_bytes_max=settings.tagger_open_bytes_max,
            settle=settle,
            metrics=metrics,
            origins=origins,
        )

    async def run(self, stopping: asyncio.Event, hurry: asyncio.Event | None = None) -> str | None:
        """Serve until `stopping` is set; why it could not start, in sentences that say what to do, else None.

        hurry  stopped a second time: jobs in flight are left to the next owner of their partition
        """
        try:
            if problem := await self._listen():
                return problem
            announce(self._metrics, self._keywords)
            self._tell_overlooked()
            for name, watch in self._watches():
                self._tasks.start(name, watch)
            _reload_on_signals(self._keywords)
            if missing := await unless_set(stopping, self._begin()):
                return "\n".join(missing)
            if not stopping.is_set():
                await self._consumer.run(stopping, hurry)
        finally:
            await self._tasks.stop()
            await self._consumer.close()
            for close in (self._client.close, self._producer.stop, self._admin.stop):
                await closed(close(), CLOSE_S)
            if self._traces is not None:
                await self._traces.stop()
        log.info("stopped")
        return None

    async def _listen(self) -> str | None:
        """Serve health and metrics; why the address could not be used, else None."""
        host, port = self._settings.tagger_admin_host, self._settings.tagger_admin_port
        try:
            await self._admin.start()
        except OSError as error:
            return cannot_listen("TAGGER_ADMIN", host, port, error)
        log.info("started", host=host, port=self._admin.port)
        return None

    async def _begin(self) -> list[str]:
        """Wait for what reading needs: topics, a keyword set, the group. What to do about each missing topic."""
        if missing := await missing_topics(self._settings):
            return missing
        topic = self._settings.kafka_keywords_topic
        await a_set_in_force(self._keywords, self._settings.client_options, topic)
        announce_stored(self._metrics, self._keywords)
        await self._consumer.joined()
        return []

    def _watches(self) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """The background tasks beside the consumer's own."""
        settings, keywords, metrics = self._settings, self._keywords, self._metrics
        options, topic = settings.client_options, settings.kafka_keywords_topic
        yield "slow_admin_connections", self._admin.close_the_slow
        yield "topics", self._topics.run
        yield "keywords", lambda: keywords.watch(lambda: announce(metrics, keywords), self._tell_overlooked)
        yield "keywords_topic", lambda: keep_stored(keywords, options, topic, metrics)
        yield "troubles", lambda: _log_troubles(self._client)
        yield "tag_watch", lambda: self._tag_watch.run(self._is_mine)
        if reconciling := self._reconciling:
            yield (
                "reconcile",
                lambda: reconciling(self._who, self._client, self._settle, self._is_mine, metrics),
            )

    def _is_mine(self) -> bool:
        """Whether this member does what one does for the whole group: partition 0 has one owner."""
        return 0 in self._consumer.assigned

    def _health(self) -> Health:
        now = time.monotonic()
        health = health_of(self._consumer, self._client, self._keywords, self._dog, self._tasks, now)
        health.notes.extend(self._producer.notes(now))
        for problem in self._topics.problems:
            (health.ready if problem.kind == "missing" else health.notes).append(problem.text)
        return health


def _reload_on_signals(keywords: Keywords) -> None:
    """SIGUSR1 reloads; so does SIGHUP, except on a terminal, whose closing ends the process."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, keywords.reload_soon)
    if not has_terminal():
        loop.add_signal_handler(signal.SIGHUP, keywords.reload_soon)


def _limits_of(settings: TaggerSettings) -> Limits:
    return Limits(
        replay_records_max=settings.tagger_replay_records_max,
        chat_age_s_max=settings.tagger_chat_age_s_max,
        chat_idle_s_max=settings.tagger_chat_idle_s_max,
        linger_s=settings.tagger_linger_s,
    )


async def _log_troubles(client: Client) -> None:
    """Log when LiveChat starts to fail an organization, and when it serves it again."""
    troubles = Troubles()
    while True:
        for news in troubles.news(client.standings(), time.monotonic()):
            say = log.info if news.error_type is None else log.warning
            say("livechat_serves_again" if news.error_type is None else "livechat_fails", **news._asdict())
        await asyncio.sleep(TROUBLE_LOOK_S)
