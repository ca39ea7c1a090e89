"""`tagger demo`: the whole way, live: simulated visitors, real `ingest`, a broker, real `tagger run`.

It needs no account and no broker, reads no settings of yours, and ends every process that it started.
"""

import asyncio
import contextlib
import logging
import math
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from ingest.runtime.kafka_connections import end
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.keyword_files.reload import Keywords
from tagger.simulator.play.showing import line
from tagger.simulator.play.summary import Summary, seconds_to_tag
from tagger.simulator.play.visitors import RULES, visits
from tagger.simulator.stage.broker import BrokerUnavailableError
from tagger.simulator.stage.service import ServiceError
from tagger.simulator.stage.stage import PARTITIONS, Names, Stage

PAUSE_S: Final = 0.3  # between two events of a chat: quicker than life, slow enough to be concurrent
DECIDED_DEADLINE_S: Final = 30.0  # for the decisions of the last chats
LAG_DEADLINE_S: Final = 10.0  # the tagger commits every second
ADMIN_DEADLINE_S: Final = 10.0  # for one answer of the broker
CLOSE_S: Final = 5.0  # for a client of ours to end
POLL_MS: Final = 200
INTERRUPTED: Final = 130  # the shell's exit code for Ctrl-C
LISTED_MAX: Final = 20  # of the missing or wrong tags


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    chats: int
    rate: float
    seed: int
    config: Path | None
    kafka: str | None
    keep_running: bool


@click.command("demo")
@click.option(
    "--chats", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Chats to play."
)
@click.option(
    "--rate", default=5.0, show_default=True, type=click.FloatRange(0.1, 500), help="Chats a second."
)
@click.option("--seed", default=1, show_default=True, help="The same seed plays the same conversations.")
@click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Keyword files instead of the demo's own; tags that its conversations do not call for are wrong.",
)
@click.option("--kafka", metavar="HOST:PORT", help="A Kafka to use instead of the embedded broker.")
@click.option(
    "--keep-running", is_flag=True, help="Then go on playing until Ctrl-C, for a look at the metrics."
)
def command(**options: Any) -> None:
    """Play support chats against the real services, and watch them being tagged.

    Simulated visitors chat with simulated agents; a simulated LiveChat sends the webhooks to the real
    `ingest` and is told the tags by the real `tagger run`. Exits 1 if a tag is missing or wrong.

    \b
    Examples:
      tagger demo
      tagger demo --chats 1000 --rate 50
      tagger demo --config config/ --seed 7
      tagger demo --kafka localhost:9092 --keep-running
    """
    wish = Wish(**options)
    if wish.config is not None and (problems := Keywords(wish.config, DEFAULT_PLACEHOLDER).problems):
        click.echo("\n".join([*problems, "Nothing was started: fix these keyword files."]), err=True)
        raise SystemExit(2)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        raise SystemExit(asyncio.run(_until_signalled(wish, console)))
    except (BrokerUnavailableError, ServiceError, KafkaError) as error:
        click.echo(f"The demo could not be set up: {error}", err=True)
        raise SystemExit(2) from None


async def _until_signalled(wish: Wish, console: Console) -> int:
    """Run the demo; the first signal cancels it, and every process is stopped on the way out."""
    demo, signalled = asyncio.ensure_future(_demo(wish, console)), asyncio.Event()

    def stop() -> None:
        if not signalled.is_set():  # a second one would cut the way out short
            signalled.set()
            demo.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await demo
    except asyncio.CancelledError:
        console.print("Stopped; nothing is left running.")
        return INTERRUPTED


async def _demo(wish: Wish, console: Console) -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it comes as an exception
    names = Names() if wish.kafka is None else _names_of_a_run()
    with tempfile.TemporaryDirectory(prefix="livechat-tagger-demo-") as folder:
        config = (wish.config or RULES).absolute()
        stage = Stage(Path(folder), wish.seed, wish.kafka, names, config, pause_s=PAUSE_S)
        kafka = wish.kafka or "an embedded broker"
        console.print(f"Starting {kafka}, a simulated LiveChat, `ingest` and `tagger run` …", style="dim")
        async with _topics(wish.kafka, names), stage, _decisions_of(stage) as decisions:
            if wish.config:
                for organization in stage.organizations:  # their tags need not be among the demo's
                    organization.unknown_tag = None
            code = await _play(stage, wish, console, decisions)
            if wish.keep_running:
                _print_addresses(stage, console)
                with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C is how this is meant to end
                    playing = stage.play(visits(wish.seed + 1), wish.rate)
                    await _show_while(playing, stage, decisions, console.print, None)
    return code


async def _play(stage: Stage, wish: Wish, console: Console, decisions: AIOKafkaConsumer) -> int:
    """Play the chats, show each as it gets its tags, and sum up; the exit code."""
    began = time.monotonic()
    columns = (
        TextColumn("tagged"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("chats"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=wish.chats)

        def show(text: Text) -> None:
            console.print(text)
            bar.advance(task)

        playing = stage.play(visits(wish.seed, wish.chats), wish.rate)
        await _show_while(playing, stage, decisions, show, wish.chats)
    took_s, livechat = time.monotonic() - began, stage.livechat
    summary = Summary(
        webhooks_sent=livechat.sender.counts["sent"],
        webhooks_stored=livechat.sender.counts["stored"],
        tags=stage.expected_vs_set(),
        seconds=seconds_to_tag(livechat.sender.ended_at, livechat.tagged_at, stage.player.played),
        lag=await _lag_when_settled(stage, decisions),
        took_s=took_s,
    )
    _print_summary(summary, console)
    return 0 if summary.right else 1


async def _show_while(
    playing: Coroutine[Any, Any, None],
    stage: Stage,
    decisions: AIOKafkaConsumer,
    show: Callable[[Text], None],
    chats: int | None,
) -> None:
    """Show decisions until that many chats are decided, or the deadline after the play; None: without end.

    Raises ServiceError when a service ends meanwhile.
    """
    task, shown, deadline = asyncio.create_task(playing), set[str](), math.inf
    try:
        while (chats is None or len(shown) < chats) and time.monotonic() < deadline:
            for service in (stage.ingest, stage.tagger):
                service.check()
            for records in (await decisions.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    decision = orjson.loads(record.value)
                    played = stage.player.played.get(decision["thread_id"])
                    if played and decision["thread_id"] not in shown:
                        shown.add(decision["thread_id"])
                        show(line(played, decision["tags"], decision["because"]))
            shown &= stage.player.played.keys()
            if task.done():
                task.result()
                deadline = min(deadline, time.monotonic() + DECIDED_DEADLINE_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _decisions_of(stage: Stage) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of the decisions topic, outside any group."""
    consumer = AIOKafkaConsumer(
        stage.names.decisions,
        bootstrap_servers=stage.bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await end(consumer, CLOSE_S)


async def _lag_when_settled(stage: Stage, reader: AIOKafkaConsumer) -> int | None:
    """Records of the webhooks topic above the committed offsets; waits a little for it to become 0."""
    partitions = [TopicPartition(stage.names.webhooks, number) for number in range(PARTITIONS)]
    lag = None
    with contextlib.suppress(TimeoutError, KafkaError):
        async with _admin(stage.bootstrap) as admin, asyncio.timeout(LAG_DEADLINE_S):
            while lag != 0:
                ends = await reader.end_offsets(partitions)
                committed = await admin.list_consumer_group_offsets(stage.names.group, partitions=partitions)
                lag = sum(end - max(0, committed[partition].offset) for partition, end in ends.items())
                await asyncio.sleep(POLL_MS / 1000)
    return lag


def _names_of_a_run() -> Names:
    """Topics and a group of our own, so that a Kafka that is in use keeps its own."""
    run = f"livechat-tagger-demo-{uuid.uuid4().hex[:8]}"
    return Names(f"{run}.webhooks", f"{run}.decisions", f"{run}.parked", run)


@asynccontextmanager
async def _topics(kafka: str | None, names: Names) -> AsyncIterator[None]:
    """Create the topics of a run on a Kafka of the user's, and delete them after it."""
    if kafka is None:  # the stage's own broker has them
        yield
        return
    async with _admin(kafka) as admin:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in names.topics])
        try:
            yield
        finally:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(ADMIN_DEADLINE_S):
                    await admin.delete_topics(list(names.topics))


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Raises KafkaError where no broker answers there in time."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        try:
            async with asyncio.timeout(ADMIN_DEADLINE_S):
                await admin.start()
        except TimeoutError:
            raise KafkaConnectionError(f"no Kafka answers at {bootstrap}") from None
        yield admin
    finally:
        await end(admin, CLOSE_S)


def _print_addresses(stage: Stage, console: Console) -> None:
    console.print("\nIt goes on until Ctrl-C. Have a look at:")
    for service in (stage.ingest, stage.tagger):
        for page in ("metrics", "health/ready"):
            console.print(f"  {service.name:<11} {service.admin_url}/{page}")
    console.print(f"  {'Kafka':<11} {stage.bootstrap}  {' '.join(stage.names.topics)}\n")


def _print_summary(summary: Summary, console: Console) -> None:
    console.print()
    for what, how_much in summary.lines():
        console.print(Text.assemble((f"{what:<13}", "bold"), how_much))
    if summary.right:
        console.print("Every chat has exactly the tags that its conversation calls for.", style="green")
    for kind, tags in (("missing", summary.tags.missing), ("wrong", summary.tags.wrong)):
        for thread_id, tag in tags[:LISTED_MAX]:
            console.print(f"{kind}: {tag} on thread {thread_id}", style="red")
