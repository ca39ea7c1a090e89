"""What a command needs to repair, made from its settings and closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.settle import Settle
from tagger.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Tools:
    """What settles threads that did not come from the log."""

    who: Credentials
    client: Client
    producer: Producer
    settle: Settle


@asynccontextmanager
async def tools(settings: RunSettings, who: Credentials, keywords: Keywords) -> AsyncIterator[Tools]:
    """Tools that are closed at the end of the block."""
    client = Client(who, settings.livechat_api_url)
    metrics = Metrics()  # which nobody asks a command for
    producer = Producer(settings.client_options(), metrics, COMMAND_PATIENCE_S)
    settle = Settle(
        lambda: keywords.decider, client, producer, metrics, settings, dry_run=settings.tagger_dry_run
    )
    try:
        yield Tools(who, client, producer, settle)
    finally:
        await client.close()
        await producer.stop()
