"""What commands that call LiveChat start with: credentials, and to decide, the keyword files in force.

Everything that is wrong with either is reported at once, before anything starts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom
from typing import TypeVar

from ingest.runtime.exit import stop
from tagger.keyword_files.reload import Keywords
from tagger.livechat.authorization.credentials import Credentials, credentials
from tagger.livechat.client import Client
from tagger.livechat.interactive import NoAnswerError
from tagger.settings import LiveChatSettings, TaggerSettings

T = TypeVar("T")


def equipment(settings: TaggerSettings, *, for_service: bool = False) -> tuple[Credentials, Keywords]:
    """Read both; exit 2 with everything that is wrong.

    The service starts without valid keyword files, too: a set that was in force before may take their place.
    """
    keywords = Keywords(settings.tagger_config, settings.tagger_canned_placeholder)
    who, problems = _read(settings), keywords.problems
    if problems and not for_service:
        wrong = who if isinstance(who, list) else []
        stop("\n".join([*wrong, *problems, "Nothing was done: these keyword files are not valid."]))
    return _or_stop(who, problems), keywords


def credentials_of(settings: LiveChatSettings) -> Credentials:
    """Read them; exit 2 with everything that is wrong."""
    return _or_stop(_read(settings))


def with_client(settings: LiveChatSettings, main: Callable[[Client, Credentials], Awaitable[T]]) -> T:
    """Run what a person asks of LiveChat; exit 2 and say why without credentials or without an answer."""
    who = credentials_of(settings)

    async def connected() -> T:
        client = Client(who, settings.livechat_api_url)
        try:
            return await main(client, who)
        finally:
            await client.close()

    try:
        return asyncio.run(connected())
    except NoAnswerError as error:
        stop(str(error))


def _read(settings: LiveChatSettings) -> Credentials | list[str]:
    return credentials(settings, time.monotonic, SystemRandom())


def _or_stop(who: Credentials | list[str], others: Iterable[str] = ()) -> Credentials:
    if isinstance(who, list):
        stop("\n".join([*who, *others]))
    return who
