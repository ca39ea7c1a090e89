"""What is around every screen: which screens there are, the strip, the addresses of style sheet and script."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp_jinja2
from aiohttp import web

from ingest.runtime.clock import now_ms
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.web.chat.decided import Remembered
from tagger.web.in_force import InForce
from tagger.web.past import Past, past_facts
from tagger.web.progress import Progress
from tagger.web.refusals import Busy
from tagger.web.statics import Statics
from tagger.web.streams import Streams
from tagger.web.strip import Strip, strip
from tagger.web.tags_there import TagsThere

VERSION: Final = version("livechat-tagger")


# What is computed at the same time: each takes a core.
COMPUTED_AT_ONCE: Final = 2
COMPUTE_S_MAX: Final = 20.0  # with its wait; the longest text takes a few seconds
BUSY: Final = "Long texts or large files from other people are being worked on. Try again in a moment."

T = TypeVar("T")


class Screen(NamedTuple):
    """An entry of the navigation."""

    name: str
    path: str


# In the order of the questions that people have; a screen that is not made yet is not here.
SCREENS: Final = (
    Screen("Try it", "/"),
    Screen("Chats", "/chats"),
    Screen("Keywords", "/keywords"),
    Screen("Change", "/change"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """What the screens share."""

    keywords: InForce
    statics: Statics
    livechat: tuple[Client, Credentials] | None  # None: no credentials are set
    past: Past
    progress: Progress
    tags: TagsThere | None  # None: no credentials are set
    remembered: Remembered = field(default_factory=Remembered)
    streams: Streams = field(default_factory=Streams)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COMPUTED_AT_ONCE))

    def strip(self) -> Strip:
        """What stands on top of every screen; it waits for nobody."""
        known = [*self.progress.facts(), *(self.tags.facts() if self.tags else ())]
        return strip(self.keywords.now(), *known, *past_facts(self.past, now_ms()))

    async def computed(self, work: Callable[[], T]) -> T:
        """What a function returns that takes long, run in a thread; raises Busy where others keep the threads busy."""
        try:
            async with asyncio.timeout(COMPUTE_S_MAX), self.turns:
                return await asyncio.to_thread(work)
        except TimeoutError:
            raise Busy(BUSY) from None


PAGE: Final = web.AppKey("page", Page)


def shown(
    request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200
) -> web.Response:
    """A template with what it has of its own, and what is around every screen."""
    page = request.config_dict[PAGE]
    around = {
        "screens": SCREENS,
        "strip": page.strip(),
        "static": page.statics.path,
        "version": VERSION,
    }
    return aiohttp_jinja2.render_template(template, request, around | dict(context), status=status)
