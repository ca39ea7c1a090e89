"""What a command needs to repair: made from its settings, taken apart at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.service.settle import Settle, settle_of
from tagger.service.setup import equipment
from tagger.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Tools:
    """What settles threads that the log did not bring."""

    who: Credentials
    client: Client
    producer: Producer
    settle: Settle


@asynccontextmanager
async def tools(settings: RunSettings) -> AsyncIterator[Tools]:
    """For as long as the block lasts. Exits 2 where something lacks."""
    who, keywords = equipment(settings)
    client = Client(who, settings.livechat_api_url)
    metrics = Metrics()  # which nobody asks a command for
    producer = Producer(settings.client_options(), metrics, COMMAND_PATIENCE_S)
    try:
        yield Tools(who, client, producer, settle_of(settings, keywords, client, producer, metrics))
    finally:
        await client.close()
        await producer.stop()
