"""`tagger webhooks send` and `tail`: whether webhooks arrive on the topic.

Both read near the end of the topic and without a group, so they affect no other reader. No output contains the
secret; only `tail --content` prints chat text.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Final, TypeVar

import click
import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from pydantic import Field, SecretStr

from ingest.runtime import advice
from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from ingest.runtime.kafka import KafkaConnection
from ingest.runtime.settings import load
from ingest.topic import Unreadable, decode
from tagger.commands.transcript import printable
from tagger.kafka.reader import ANSWER_S, NO_KAFKA, TopicMissingError, connected
from tagger.livechat.sample_webhooks import (
    ACCEPTED,
    post,
    sample_organization,
    samples,
    to_do,
)
from tagger.livechat.webhooks import registered

ARRIVAL_TIMEOUT_S: Final = 15.0  # for a stored webhook to arrive; from the spool it may take longer
POLL_MS: Final = 500
# What arrives while a command starts and connects is shown, too, so that nobody has to wait for it before sending.
# Also room for clocks that differ.
LOOK_BACK_MS: Final = 5_000

T = TypeVar("T")


class _SendSettings(KafkaConnection):
    """Kafka, and the secret that ingest knows."""

    livechat_webhook_secrets: SecretStr = Field(description="secret_key of the webhooks, as for ingest")
    ingest_organizations: str | None = Field(None, description="as for ingest, which accepts no others")


@click.command()
@click.argument("url")
def send(url: str) -> None:
    """Post samples to ingest and see them arrive.

    Posts a sample of each action to URL, waits for them on the topic, and exits 1 if one does not arrive. This
    tests a set-up without LiveChat. The tagger ignores the samples: their chat is named `tagger-sample-…`. The
    secret is the first of LIVECHAT_WEBHOOK_SECRETS.

    \b
    Example:
      tagger webhooks send http://127.0.0.1:8080/webhooks/livechat
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("URL must begin with http:// or https://")
    settings = load(_SendSettings)
    secret, suffix = registered(settings.secret("livechat_webhook_secrets").value()), token_hex(4)
    sent = samples(secret, suffix, now_ms(), sample_organization(settings.ingest_organizations))

    async def main(consumer: AIOKafkaConsumer) -> int:
        stored, refused = 0, dict[int | str, None]()
        for sample in sent:
            answered = await asyncio.to_thread(post, url, sample)
            if answered == ACCEPTED:
                stored += 1
            else:
                refused[answered] = None
            click.echo(f"{sample['action']}: ingest answered {answered}")
        for answered in refused:
            click.echo(to_do(answered), err=True)
        return await _arrivals(consumer, suffix.encode(), stored)

    arrived = _run(settings, main)
    click.echo(f"{arrived} of {len(sent)} samples arrived on the topic")
    raise SystemExit(0 if arrived == len(sent) else 1)


@click.command()
@click.option("--content", is_flag=True, help="Show the content, too: chat text and addresses.")
def tail(content: bool) -> None:
    """Show webhooks as they arrive on the topic. Their content stays hidden; Ctrl-C stops it.

    Those of the last five seconds are shown, too.

    \b
    Examples:
      tagger webhooks tail
      tagger webhooks tail --content
    """

    async def main(consumer: AIOKafkaConsumer) -> None:
        click.echo("waiting for webhooks; press Ctrl-C to stop", err=True)
        async for record in consumer:
            click.echo(shown(record, content))

    try:
        _run(load(KafkaConnection), main)
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def shown(record: ConsumerRecord[bytes, bytes], content: bool) -> str:
    """One record as a line: time, offset, action, organization and chat; with `content`, the payload."""
    at = time.strftime("%H:%M:%S", time.localtime(record.timestamp / 1000))
    webhook = decode(record.value)
    if isinstance(webhook, Unreadable):
        return f"{at}  {record.partition}:{record.offset}  unreadable: {webhook.reason}"
    key = (record.key or b"").decode("utf-8", "replace")
    said = orjson.dumps(webhook.payload).decode() if content else ""
    text = f"{at}  {record.partition}:{record.offset}  {webhook.action}  {key}  {said}".rstrip()
    return printable(text)


@asynccontextmanager
async def arriving(kafka: KafkaConnection) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of webhooks that arrive from now on, and of the last LOOK_BACK_MS."""
    since_ms = now_ms() - LOOK_BACK_MS
    async with connected(kafka.client_options(), kafka.kafka_webhooks_topic) as (consumer, partitions, _):
        async with asyncio.timeout(ANSWER_S):
            ends = await consumer.end_offsets(partitions)
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        consumer.assign(partitions)
        for tp in partitions:  # from here on nothing is missed
            first = found.get(tp)
            consumer.seek(tp, ends[tp] if first is None else min(first.offset, ends[tp]))
        yield consumer


async def _arrivals(consumer: AIOKafkaConsumer, suffix: bytes, expected: int) -> int:
    """How many of the samples arrive before the deadline."""
    arrived, deadline = 0, time.monotonic() + ARRIVAL_TIMEOUT_S
    while arrived < expected and time.monotonic() < deadline:
        found = await consumer.getmany(timeout_ms=POLL_MS)
        keys = [record.key or b"" for records in found.values() for record in records]
        arrived += sum(key.endswith(suffix) for key in keys)
    return arrived


def _run(kafka: KafkaConnection, main: Callable[[AIOKafkaConsumer], Awaitable[T]]) -> T:
    async def reading() -> T:
        async with arriving(kafka) as consumer:
            return await main(consumer)

    try:
        return asyncio.run(reading())
    except TopicMissingError as error:
        stop(advice.topic_missing(str(error), kafka.kafka_bootstrap_servers, advice.WEBHOOKS_TOPIC))
    except NO_KAFKA as error:
        stop(advice.kafka_failed(error))
