"""What a process that speaks to LiveChat begins with: credentials, and to decide the keyword files in force.

It promises a command that whatever is wrong with either of them is told at once, before anything is started.
The service begins with bad keyword files, too: a set that was in force before may serve meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom
from typing import TypeVar

from ingest.runtime.exit import stop
from tagger.keyword_files.reload import Keywords, Unloadable
from tagger.livechat.authorization.credentials import Credentials, credentials
from tagger.livechat.client import Client
from tagger.livechat.interactive import NoAnswerError
from tagger.settings import LiveChatSettings, TaggerSettings

T = TypeVar("T")


def equipment(settings: TaggerSettings) -> tuple[Credentials, Keywords]:
    """Read both; where they are not to be had, say all there is to say and exit 2."""
    who, keywords = _read(settings), Keywords.load(settings.tagger_config, settings.tagger_canned_placeholder)
    if isinstance(keywords, Unloadable):
        problems = [*who] if isinstance(who, list) else []
        stop(
            "\n".join([*problems, *keywords.problems, "Nothing was done: these keyword files are not valid."])
        )
    return _or_stop(who), keywords


def service_equipment(settings: TaggerSettings) -> tuple[Credentials, Keywords]:
    """The same for the service: keyword files that are not valid leave nothing in force, and exit nothing."""
    keywords = Keywords.begin(settings.tagger_config, settings.tagger_canned_placeholder)
    return _or_stop(_read(settings), keywords.problems), keywords


def with_client(settings: LiveChatSettings, main: Callable[[Client, Credentials], Awaitable[T]]) -> T:
    """Run what a person asks of LiveChat; say why and exit 2 without credentials, and without an answer."""
    who = _or_stop(_read(settings))

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
