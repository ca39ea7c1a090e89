"""`tagger webhooks send` and `tail`: whether webhooks arrive on the topic.

Both read at the topic's end in no group, so they change nothing for anybody. No output holds the secret, and
none holds chat text unless `tail --content` is asked for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Final

import click
import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from pydantic import Field, SecretStr

from ingest.runtime import advice
from ingest.runtime.clock import now_ms
from ingest.runtime.exit import stop
from ingest.runtime.kafka_connections import end
from ingest.runtime.settings import KafkaConnection, load
from ingest.topic import Unreadable, decode
from tagger.commands.transcript import printable
from tagger.livechat.post import ACCEPTED, post
from tagger.livechat.sample_webhooks import samples
from tagger.livechat.webhooks import registered

KAFKA_TIMEOUT_S: Final = 15.0  # for the first answer of a broker
ARRIVAL_TIMEOUT_S: Final = 15.0  # of a stored webhook on the topic; from the spool it may take longer
CLOSE_S: Final = 5.0  # for the consumer to end
POLL_MS: Final = 500


class SendSettings(KafkaConnection):
    """Where webhooks arrive, and the secret that ingest knows."""

    livechat_webhook_secrets: SecretStr = Field(description="secret_key of the webhooks, as for ingest")


class NoTopicError(Exception):
    """The topic of webhooks does not exist; the text says how to create it."""


@click.command(short_help="Post samples to ingest, and see them arrive.")
@click.argument("url")
def send(url: str) -> None:
    """Post a sample of each action to ingest at URL, and see it arrive on the topic; else exit 1.

    The way to test a set-up without LiveChat. The samples' chat is called `tagger-sample-…`, and the
    tagger ignores it. The secret is the first of LIVECHAT_WEBHOOK_SECRETS.

    \b
    Example:
      tagger webhooks send http://127.0.0.1:8080/webhooks/livechat
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("must begin with http:// or https://")
    settings = load(SendSettings)
    secret, suffix = registered(settings.secret("livechat_webhook_secrets").value()), token_hex(4)
    sent = samples(secret, suffix, now_ms())

    async def main(consumer: AIOKafkaConsumer) -> int:
        stored = 0
        for sample in sent:
            answered = await asyncio.to_thread(post, url, sample)
            stored += answered == ACCEPTED
            click.echo(f"{sample['action']}: ingest answered {answered}")
        arrived = await _arrivals(consumer, suffix.encode(), stored)
        click.echo(f"{arrived} of {len(sent)} samples arrived on the topic")
        return 0 if arrived == len(sent) else 1

    raise SystemExit(_run(settings, main))


@click.command(short_help="Show webhooks as they arrive on the topic.")
@click.option("--content", is_flag=True, help="Show what the webhooks say, chat text included.")
def tail(content: bool) -> None:
    """Show webhooks as they arrive on the topic, until Ctrl-C; what they say stays hidden.

    \b
    Examples:
      tagger webhooks tail
      tagger webhooks tail --content
    """

    async def main(consumer: AIOKafkaConsumer) -> int:
        click.echo("waiting for webhooks; Ctrl-C ends it", err=True)
        async for record in consumer:
            click.echo(shown(record, content))
        return 0

    try:
        raise SystemExit(_run(load(KafkaConnection), main))
    except KeyboardInterrupt:
        raise SystemExit(0) from None


def shown(record: ConsumerRecord[bytes, bytes], content: bool) -> str:
    """One record as a line: when, where, action, organization and chat; its payload only if asked for."""
    at = time.strftime("%H:%M:%S", time.localtime(record.timestamp / 1000))
    webhook = decode(record.value)
    if isinstance(webhook, Unreadable):
        return f"{at}  {record.partition}:{record.offset}  unreadable: {webhook.reason}"
    key = (record.key or b"").decode("utf-8", "replace")
    said = orjson.dumps(webhook.payload).decode() if content else ""
    text = f"{at}  {record.partition}:{record.offset}  {webhook.action}  {key}  {said}".rstrip()
    return printable(text)


@asynccontextmanager
async def _at_end(kafka: KafkaConnection) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of the topic of webhooks that sees what arrives from now on."""
    topic = kafka.kafka_webhooks_topic
    consumer = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, auto_offset_reset="latest", **kafka.client_options()
    )
    try:
        async with asyncio.timeout(KAFKA_TIMEOUT_S):
            await consumer.start()
            if topic not in await consumer.topics():
                brokers = kafka.kafka_bootstrap_servers
                raise NoTopicError(advice.topic_missing(topic, brokers, advice.WEBHOOKS_TOPIC))
            consumer.subscribe([topic])
            while not consumer.assignment():
                await consumer.getmany(timeout_ms=POLL_MS)
            await consumer.seek_to_end()
            for partition in consumer.assignment():
                await consumer.position(partition)  # asks for it: from here on nothing is missed
        yield consumer
    finally:
        await end(consumer, CLOSE_S)


async def _arrivals(consumer: AIOKafkaConsumer, suffix: bytes, expected: int) -> int:
    """How many records of the samples' chat arrive before the deadline."""
    arrived, deadline = 0, time.monotonic() + ARRIVAL_TIMEOUT_S
    while arrived < expected and time.monotonic() < deadline:
        found = await consumer.getmany(timeout_ms=POLL_MS)
        keys = [record.key or b"" for records in found.values() for record in records]
        arrived += sum(key.endswith(suffix) for key in keys)
    return arrived


def _run(kafka: KafkaConnection, main: Callable[[AIOKafkaConsumer], Awaitable[int]]) -> int:
    async def reading() -> int:
        async with _at_end(kafka) as consumer:
            return await main(consumer)

    try:
        return asyncio.run(reading())
    except NoTopicError as error:
        stop(str(error))
    except (KafkaError, TimeoutError) as error:
        stop(advice.kafka_failed(error))
