"""The running service: builds the parts from the settings, serves, and stops so that nothing is lost."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from ingest.app import App
from ingest.http.connection import Door
from ingest.metrics import Metrics
from ingest.runtime import advice, topic_check
from ingest.runtime.admin import AdminServer, Health
from ingest.runtime.process import cannot_listen
from ingest.runtime.supervision import Tasks, unless_set
from ingest.runtime.topic_watch import TopicWatch
from ingest.settings import IngestSettings, WebhookSecrets
from ingest.spans import Spans
from ingest.spool import Spool
from ingest.store import KEEP_S, Store

if TYPE_CHECKING:
    from ingest.runtime.traces import Traces

LISTEN_ON_S: Final = 5.0  # after SIGTERM: until a balancer sees that we are not ready
LAST_REQUESTS_S: Final = 1.0  # for requests on connections made at the last moment
FINISH_S: Final = KEEP_S + 3.0  # for requests in flight: a body's time and a record's
DRAIN_S: Final = 5.0  # for draining the spool; the rest waits on the disk
FLUSH_S: Final = 3.0  # for the producer; all of these together are below 30 s
FIRST_TRY_S: Final = 5.0  # to reach Kafka at start, before serving without it

log = structlog.get_logger()


class Service:
    """One `ingest`: `open` it, then `serve`. The ports are known once it is open."""

    def __init__(
        self,
        settings: IngestSettings,
        listen_on_s: float = LISTEN_ON_S,
        *,
        traces: "Traces | None" = None,
    ) -> None:
        """Raises SpoolError if the spool cannot be used."""
        self._settings, self._listen_on_s, self._traces = settings, listen_on_s, traces
        self._metrics = metrics = Metrics()
        folder = settings.ingest_spool_dir
        spool = Spool(folder, settings.ingest_spool_bytes_max, metrics) if folder else None
        self.store = Store(settings.client_options, settings.kafka_webhooks_topic, spool, metrics)
        wanted = topic_check.webhooks(settings.kafka_webhooks_topic)
        self._topics = TopicWatch(settings.client_options, [wanted], metrics.topic_unfit)
        secrets = WebhookSecrets(settings.secret("livechat_webhook_secrets"))
        spans = None if traces is None else Spans(traces, settings.kafka_webhooks_topic)
        if traces is not None:
            metrics.registry.register(traces)
        self._app = App(self.store, secrets, metrics, settings.organizations(), spans)
        closed, closed_admin = metrics.connections_closed.labels, metrics.admin_connections_closed.labels
        self._door = Door(self._app.handle, self._app.on_error, lambda reason: closed(reason).inc())
        metrics.connections.set_function(lambda: self._door.count)
        self._admin = AdminServer(
            settings.ingest_admin_host,
            settings.ingest_admin_port,
            self.health,
            metrics.registry,
            lambda reason: closed_admin(reason).inc(),
        )
        self._tasks = Tasks(lambda name: metrics.task_restarts.labels(name).inc())
        self.port = self.admin_port = 0

    def health(self) -> Health:
        """What works, and what does not."""
        store, settings = self.store, self._settings
        complaints = []
        notes = [
            f"The task {name} ended ({error_type}) and is being restarted; the log says why."
            for name, error_type in sorted(self._tasks.failing().items())
        ]
        if self._app.stopping:
            complaints.append("Stopping, as asked.")
        if not store.producer.up:
            what = "does not answer, has no such topic or refuses this user"
            if store.producer.connected:
                what = "acknowledges nothing: check that the topic's partitions have enough in-sync replicas"
            away = f"Kafka at {settings.kafka_bootstrap_servers} {what}."
            if store.spool is None:
                complaints.append(f"{away} Webhooks are answered 503; INGEST_SPOOL_DIR would keep them.")
            else:
                notes.append(f"{away} Webhooks are kept in the spool.")
        if store.spool is not None and store.spooling:
            notes.append(f"Spooling: {store.spool.count} records wait to be sent to Kafka.")
            if store.spool.failing:
                failing = "The spool is full or its disk fails: webhooks are answered 503."
                complaints.append(f"{failing} Free space, or raise INGEST_SPOOL_BYTES_MAX.")
        notes += [problem.text for problem in self._topics.problems]
        return Health(ready=complaints, notes=notes)

    async def open(self) -> str | None:
        """Start everything; if that fails, return why and what to do."""
        settings = self._settings
        loops = {"slow_connections": self._door.close_the_slow, "topics": self._topics.run}
        for task, run in {**self.store.loops(), **loops}.items():
            self._tasks.start(task, run)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.store.producer.tried.wait(), FIRST_TRY_S)
        if self.store.producer.topic_missing:
            topic, brokers = settings.kafka_webhooks_topic, settings.kafka_bootstrap_servers
            return advice.topic_missing(topic, brokers, advice.WEBHOOKS_TOPIC)
        try:
            name, host, port = "INGEST_ADMIN", settings.ingest_admin_host, settings.ingest_admin_port
            await self._admin.start()
            self.admin_port = self._admin.port
            self._tasks.start("slow_admin_connections", self._admin.close_the_slow)
            log.info("admin_listening", host=host, port=self.admin_port)
            name, host, port = "INGEST", settings.ingest_host, settings.ingest_port
            self.port = await self._door.open(host, port)
            log.info("listening", host=host, port=self.port)
        except OSError as error:
            return cannot_listen(name, host, port, error)
        return None

    async def serve(self, stopping: asyncio.Event, hurry: asyncio.Event | None = None) -> int:
        """Serve until `stopping` is set, then stop, at once if `hurry` is set; returns the exit code."""
        await stopping.wait()
        await unless_set(hurry or asyncio.Event(), self._wind_down())
        await self.close()
        return 0

    async def _wind_down(self) -> None:
        log.info("stopping", seconds=self._listen_on_s)
        self._app.stopping = True
        await asyncio.sleep(self._listen_on_s)
        await self._door.stop_listening()
        await self._until(lambda: self._door.count == 0, LAST_REQUESTS_S)
        self._door.pre_shutdown()  # closes each connection once it has no request
        await self._until(lambda: self._app.requests == 0, FINISH_S)
        await self._until(lambda: not (self.store.spooling and self.store.producer.up), DRAIN_S)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait for something, but no longer than `seconds`."""
        end = asyncio.get_running_loop().time() + seconds
        while not done() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110  # no event says so
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Free everything, what others need last."""
        await self._door.close()
        await self._tasks.stop()
        await self.store.stop(FLUSH_S)
        if self._traces is not None:
            await self._traces.stop()
        await self._admin.stop()
        log.info("stopped")
