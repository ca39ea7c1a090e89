"""`tagger run`: the running service, composed."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import click
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from ingest.runtime import advice, topic_check
from ingest.runtime.admin import AdminServer, Health
from ingest.runtime.kafka_connections import end
from ingest.runtime.logs import configure_logs
from ingest.runtime.process import cannot_listen, has_terminal, run, stop
from ingest.runtime.settings import KafkaSettings, LogSettings, load
from ingest.runtime.supervision import Tasks, closed, unless_told
from ingest.runtime.topic_watch import TopicWatch
from tagger import metrics
from tagger.core.limits import Limits
from tagger.kafka.consumer import Consumer
from tagger.kafka.keywords_topic import a_set_in_force, keep_stored
from tagger.kafka.producer import Producer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.livechat.tags import Tags
from tagger.recovery.reconcile import Reconcile, reconcile_regularly
from tagger.recovery.repair import repair_of
from tagger.service.announce import announce, announce_stored
from tagger.service.health import LiveChatFigures, PartitionFigures, health_of
from tagger.service.setup import service_equipment
from tagger.service.tag_watch import TagWatch, watch_tags
from tagger.service.trouble import Troubles
from tagger.service.watchdog import Watchdog
from tagger.service.worker import Worker
from tagger.settings import RunSettings, TaggerSettings, group_of

# Kafka may come up after us; so often and so long is it asked for its topics before we say what is wrong.
START_RETRY_S: Final = 2.0
START_DEADLINE_S: Final = 10.0
# For each part to end, after the consumer drained for 8 s: all together stay below 30 s.
CLOSE_S: Final = 2.0

TROUBLE_LOOK_S: Final = 1.0

log = structlog.get_logger()


@click.command("run", epilog="Settings come from the environment; `tagger run --settings` lists them.")
@click.option("--settings", "show_settings", is_flag=True, help="List every setting and exit.")
def command(show_settings: bool) -> None:
    """Read webhooks from Kafka and tag the chats that ended.

    \b
    Examples:
      tagger run
      TAGGER_DRY_RUN=true tagger run      decide and record, but set no tag
    """
    if show_settings:
        for owner in (KafkaSettings, TaggerSettings, LogSettings):
            for variable, default, doc in owner.describe():
                click.echo(f"{variable}  (default: {default})\n    {doc}")
        return
    settings = load(RunSettings)
    configure_logs(settings.log_level, settings.log_format)
    who, keywords = service_equipment(settings)
    raise SystemExit(run(lambda stopping: serve(stopping, settings, keywords, who, stopping.hurry)))


class Requests:
    """Hears of every request to LiveChat, for the metrics."""

    def on_request(self, method: str, result: str, seconds: float, purpose: str | None) -> None:
        if purpose is not None:  # None: a person sets something up, which this process never does
            metrics.API_CALLS.labels(purpose=purpose).inc()
        metrics.API_REQUESTS.labels(method=method, result=result).inc()
        metrics.API_SECONDS.labels(method=method).observe(seconds)


async def serve(
    stopping: asyncio.Event,
    settings: RunSettings,
    keywords: Keywords,
    who: Credentials,
    hurry: asyncio.Event | None = None,
) -> int:
    """Compose the parts, run until told to stop, take them apart. The exit code.

    hurry  told a second time: work under way is left to the next owner of its partition
    """
    client, producer = Client(who, settings.livechat_api_url, Requests()), Producer(settings.client_options())
    worker = worker_of(settings, keywords, client, producer)
    consumer = consumer_of(settings, worker)
    dog, tasks = Watchdog(), Tasks(lambda name: metrics.TASK_RESTARTS.labels(task=name).inc())
    topics = topics_of(settings)

    def health() -> Health:
        now = time.monotonic()
        told = health_of(consumer, client, keywords, dog, tasks, now)
        told.notes.extend(producer.notes(now))
        for problem in topics.problems:
            (told.ready if problem.kind == "missing" else told.notes).append(problem.text)
        return told

    metrics.REGISTRY.register(PartitionFigures(consumer))
    metrics.REGISTRY.register(LiveChatFigures(client))
    metrics.RULES_NEVER_HIT.set_function(worker.rules_never_hit)
    admin = AdminServer(
        settings.tagger_admin_host,
        settings.tagger_admin_port,
        health,
        metrics.REGISTRY,
        lambda reason: metrics.ADMIN_CONNECTIONS_CLOSED.labels(reason).inc(),
    )
    try:
        await listen(admin, settings)
        tasks.start("slow_admin_connections", admin.close_the_slow)
        announce(keywords, keywords.origin == "files")
        for name, watch in watches_of(settings, keywords, who, client, producer, consumer):
            tasks.start(name, watch)
        tasks.start("topics", topics.run)
        reload_on_signals(keywords)
        missing = await unless_told(stopping, begin(settings, keywords, consumer))
        if missing:
            stop("\n".join(missing))
        if not stopping.is_set():
            await consumer.run(stopping, hurry)
    finally:
        await tasks.stop()
        await consumer.close()
        for close in (client.close, producer.stop, admin.stop):
            await closed(close(), CLOSE_S)
    log.info("stopped")
    return 0


async def begin(settings: RunSettings, keywords: Keywords, consumer: Consumer) -> list[str]:
    """Wait for all that reading needs: topics, a keyword set, the group. What to do where a topic is missing."""
    missing = await missing_topics(settings)
    if missing:
        return missing
    await a_set_in_force(keywords, settings.client_options, settings.kafka_keywords_topic)
    announce_stored(keywords)
    await joined(consumer)
    return []


def reload_on_signals(keywords: Keywords) -> None:
    """SIGUSR1 reloads; so does SIGHUP, unless it may be a closing terminal's, which ends the process."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, keywords.reload_soon)
    if not has_terminal():
        loop.add_signal_handler(signal.SIGHUP, keywords.reload_soon)


async def listen(admin: AdminServer, settings: TaggerSettings) -> None:
    """Serve health and metrics; where the address is taken, end with a sentence that says so."""
    host, port = settings.tagger_admin_host, settings.tagger_admin_port
    try:
        await admin.start()
    except OSError as error:
        stop(cannot_listen("TAGGER_ADMIN", host, port, error))
    log.info("started", host=host, port=admin.port)


def watches_of(  # noqa: PLR0913, PLR0917 - the parts of the service
    settings: RunSettings,
    keywords: Keywords,
    who: Credentials,
    client: Client,
    producer: Producer,
    consumer: Consumer,
) -> Iterator[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """What goes on beside the consumer, for as long as it runs."""

    def is_mine() -> bool:
        """What one member of the group does for all: partition 0 has one owner."""
        return 0 in consumer.assigned

    tag_watch = TagWatch(keywords, who, Tags(client, time.monotonic))
    options, topic = settings.client_options, settings.kafka_keywords_topic
    yield "keywords", lambda: keywords.watch(announce)
    yield "keywords_topic", lambda: keep_stored(keywords, options, topic)
    yield "troubles", lambda: tell_troubles(client)
    yield "tag_watch", lambda: watch_tags(tag_watch, keywords, is_mine)
    if every_s := settings.tagger_reconcile_every_s:
        repair = repair_of(settings, keywords, client, producer)
        age_s = settings.tagger_chat_age_s_max
        reconcile = Reconcile(settings, group_of(settings), who, client, repair, chat_age_s=age_s)
        yield "reconcile", lambda: reconcile_regularly(reconcile, every_s, is_mine)


def topics_of(settings: RunSettings) -> TopicWatch:
    """Looks after the topics that this service reads and writes."""
    wanted = [
        topic_check.webhooks(settings.kafka_webhooks_topic),
        topic_check.decisions(settings.kafka_decisions_topic),
        topic_check.parked(settings.kafka_parked_topic),
        topic_check.keywords(settings.kafka_keywords_topic),
    ]
    return TopicWatch(settings.client_options, wanted, metrics.TOPIC_UNFIT)


def worker_of(settings: RunSettings, keywords: Keywords, client: Client, producer: Producer) -> Worker:
    return Worker(
        keywords,
        client,
        producer,
        webhooks_topic=settings.kafka_webhooks_topic,
        decisions_topic=settings.kafka_decisions_topic,
        parked_topic=settings.kafka_parked_topic,
        dry_run=settings.tagger_dry_run,
    )


def consumer_of(settings: RunSettings, worker: Worker) -> Consumer:
    return Consumer(
        settings.kafka_webhooks_topic,
        group_of(settings),
        settings.client_options(),
        session_timeout_s=settings.kafka_session_timeout_s,
        group_instance_id=settings.kafka_group_instance_id,
        limits=limits_of(settings),
        open_bytes_max=settings.tagger_open_bytes_max,
        settle=worker.settle,
    )


async def tell_troubles(client: Client) -> None:
    """Log when LiveChat begins to fail an organization, and when it serves it again."""
    troubles = Troubles()
    while True:
        for news in troubles.news(client.standings(), time.monotonic()):
            say = log.info if news.error_type is None else log.warning
            say("livechat_serves_again" if news.error_type is None else "livechat_fails", **news._asdict())
        await asyncio.sleep(TROUBLE_LOOK_S)


def limits_of(settings: TaggerSettings) -> Limits:
    return Limits(
        replay_records_max=settings.tagger_replay_records_max,
        chat_age_s_max=settings.tagger_chat_age_s_max,
        chat_idle_s_max=settings.tagger_chat_idle_s_max,
        linger_s=settings.tagger_linger_s,
    )


async def joined(consumer: Consumer) -> None:
    """Connect, however long Kafka is away."""
    while True:
        try:
            await consumer.start()
            return
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("kafka_away", error_type=type(error).__name__)
        await asyncio.sleep(START_RETRY_S)


async def missing_topics(kafka: KafkaSettings) -> list[str]:
    """What to do about each topic that does not exist. Waits for Kafka as long as it is away."""
    while True:
        admin = AIOKafkaAdminClient(**kafka.client_options())
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                await admin.start()
                there = set(await admin.list_topics())
            return advice_on(kafka, there)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("kafka_away", error_type=type(error).__name__)
        finally:
            await end(admin, CLOSE_S)
        await asyncio.sleep(START_RETRY_S)


def advice_on(kafka: KafkaSettings, there: set[str]) -> list[str]:
    """What to do about each topic that is not there."""
    wanted = {
        kafka.kafka_webhooks_topic: advice.WEBHOOKS_TOPIC,
        kafka.kafka_decisions_topic: advice.DECISIONS_TOPIC,
        kafka.kafka_parked_topic: advice.PARKED_TOPIC,
        kafka.kafka_keywords_topic: advice.KEYWORDS_TOPIC,
    }
    return [
        advice.topic_missing(topic, kafka.kafka_bootstrap_servers, suggested)
        for topic, suggested in wanted.items()
        if topic not in there
    ]
