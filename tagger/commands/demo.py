"""`tagger demo`: simulated visitors and a simulated LiveChat, with the real `ingest`, `tagger run` and `tagger web`.

It needs no account and no broker, reads none of your settings, and ends every process that it started.
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
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.text import Text

from ingest.runtime.exit import stop
from ingest.runtime.kafka_connections import end
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.keyword_files.reload import Keywords
from tagger.simulator.play.showing import line
from tagger.simulator.play.summary import Summary, seconds_to_tag
from tagger.simulator.play.visitors import RULES, visits
from tagger.simulator.stage.broker import BrokerUnavailableError
from tagger.simulator.stage.service import ServiceError
from tagger.simulator.stage.stage import PARTITIONS, Names, Stage

PAUSE_S: Final = 0.3  # between two events of a chat: faster than life, slow enough for chats to overlap
DECIDED_DEADLINE_S: Final = 30.0  # for the last chats to be decided
LAG_DEADLINE_S: Final = 10.0  # the tagger commits every second
ADMIN_DEADLINE_S: Final = 10.0  # for one answer of Kafka
CLOSE_S: Final = 5.0  # for a Kafka client to close
POLL_MS: Final = 200
INTERRUPTED: Final = 130  # the shell's exit code for Ctrl-C
LISTED_MAX: Final = 20  # missing or wrong tags, each


@dataclass(frozen=True, slots=True)
class _Options:
    """The options of the command line."""

    chats: int
    rate: float
    seed: int
    config: Path | None
    kafka: str | None
    keep_running: bool


@click.command("demo")
@click.option(
    "--chats", default=200, show_default=True, type=click.IntRange(1, 100_000), help="Number of chats."
)
@click.option(
    "--rate", default=5.0, show_default=True, type=click.FloatRange(0.1, 500), help="Chats per second."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same conversations.")
@click.option(
    "--config",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Your keyword files instead of the demo's; tags that its chats do not call for count as wrong.",
)
@click.option("--kafka", metavar="HOST:PORT", help="Your Kafka instead of the embedded broker.")
@click.option(
    "--keep-running",
    is_flag=True,
    help="Keep playing until Ctrl-C, so that you can look at the page and the metrics.",
)
def command(**given: Any) -> None:
    """Watch simulated support chats get their tags from the real services.

    Simulated visitors chat with simulated agents. A simulated LiveChat sends the webhooks to the real
    `ingest`, and the real `tagger run` sets the tags. The first line has the address of the page (`tagger web`)
    that shows why. Exits 1 if a tag is missing or wrong.

    \b
    Examples:
      tagger demo
      tagger demo --chats 1000 --rate 50
      tagger demo --config config/ --seed 7
      tagger demo --kafka localhost:9092 --keep-running
    """
    options = _Options(**given)
    if options.config and (problems := Keywords(options.config, DEFAULT_PLACEHOLDER).problems):
        stop("\n".join([*problems, "Nothing was started: fix these keyword files first."]))
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        raise SystemExit(asyncio.run(_until_signalled(options, console)))
    except (BrokerUnavailableError, ServiceError, KafkaError, TimeoutError) as error:
        stop(f"The demo failed: {str(error) or 'Kafka did not answer in time'}")


async def _until_signalled(options: _Options, console: Console) -> int:
    """Run the demo; the first signal cancels it, which stops every process."""
    demo, signalled = asyncio.ensure_future(_demo(options, console)), asyncio.Event()

    def cancel() -> None:
        if not signalled.is_set():  # a second one would cut the cleaning up short
            signalled.set()
            demo.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, cancel)
    try:
        return await demo
    except asyncio.CancelledError:
        console.print("Stopped; nothing is left running.")
        return INTERRUPTED


async def _demo(options: _Options, console: Console) -> int:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters is raised
    names = Names() if options.kafka is None else _names_of_a_run()
    with tempfile.TemporaryDirectory(prefix="livechat-tagger-demo-") as folder:
        config, kafka = (options.config or RULES).absolute(), options.kafka or "an embedded broker"
        stage = Stage(
            Path(folder), options.seed, options.kafka, names, config, pause_s=PAUSE_S, with_page=True
        )
        starting = f"Starting {kafka}, a simulated LiveChat, `ingest`, `tagger run` and `tagger web` …"
        console.print(starting, style="dim")
        async with _topics(options.kafka, names), stage, _decisions_of(stage) as decisions:
            console.print(f"Open {stage.page_address} to see why each chat gets its tags.")
            until = "Ctrl-C" if options.keep_running else "the demo ends, or until Ctrl-C with --keep-running"
            console.print(f"The page is there until {until}.\n", style="dim")
            if options.config:
                for organization in stage.organizations:  # which do not have the tags of these files
                    organization.unknown_tag = None
            code = await _play(stage, options, console, decisions)
            if options.keep_running:
                _print_addresses(stage, console)
                with contextlib.suppress(asyncio.CancelledError):  # ended by Ctrl-C
                    playing = stage.play(visits(options.seed + 1), options.rate)
                    await _show_while(playing, stage, decisions, console.print, None)
    return code


async def _play(stage: Stage, options: _Options, console: Console, decisions: AIOKafkaConsumer) -> int:
    """Play the chats, show each as it is tagged, and print the summary; the exit code."""
    began = time.monotonic()
    columns = ("tagged", BarColumn(), MofNCompleteColumn(), "chats", TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=options.chats)

        def show(text: Text) -> None:
            console.print(text)
            bar.advance(task)

        playing = stage.play(visits(options.seed, options.chats), options.rate)
        await _show_while(playing, stage, decisions, show, options.chats)
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
    """Show chats until so many are decided, or the deadline after the play has passed; None: indefinitely.

    Raises ServiceError if a service ends.
    """
    task, shown, deadline = asyncio.create_task(playing), set[str](), math.inf
    try:
        while (chats is None or len(shown) < chats) and time.monotonic() < deadline:
            for service in stage.services:
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
    """A reader of the topic of decisions, without a group."""
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
    """Webhooks above the committed offsets; waits a few seconds for it to become 0. None: not known."""
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
    """Topics and a group of this run only, so that a Kafka in use is left as it is."""
    run = f"livechat-tagger-demo-{uuid.uuid4().hex[:8]}"
    return Names(f"{run}.webhooks", f"{run}.decisions", f"{run}.parked", run)


@asynccontextmanager
async def _topics(kafka: str | None, names: Names) -> AsyncIterator[None]:
    """Create the topics of a run on the user's Kafka, and delete them afterwards."""
    if kafka is None:  # the embedded broker has them
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
    """Raises KafkaError or TimeoutError if no broker answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        async with asyncio.timeout(ADMIN_DEADLINE_S):
            await admin.start()
        yield admin
    finally:
        await end(admin, CLOSE_S)


def _print_addresses(stage: Stage, console: Console) -> None:
    console.print("\nRunning until Ctrl-C. Meanwhile, look at:")
    console.print(f"  {'the page':<11} {stage.page_address}")
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
