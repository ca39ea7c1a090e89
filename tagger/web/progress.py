"""How far the tagger is, looked at now and then, so that no page waits for Kafka."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from ingest.runtime.clock import now_ms
from tagger.kafka.reader import NO_KAFKA, TopicMissingError, oldest_unfinished_ms
from tagger.web.strip import DRY_RUN_TEXT, Fact, Notice, Unfinished, waiting

EVERY_S: Final = 15.0  # two connections and a few small answers each time
LOOK_S_MAX: Final = 30.0  # then it is not known


class Progress:
    """The committed offsets of the tagger's group against the ends of the log."""

    def __init__(
        self, options: Callable[[], Mapping[str, Any]], topic: str, group: str, *, dry_run: bool = False
    ) -> None:
        """options: makes the keyword arguments of an aiokafka client."""
        self._options, self._topic, self._group, self._dry_run = options, topic, group, dry_run
        self._looked = False
        self._unfinished: Unfinished | None = None

    async def run(self) -> None:
        """Look again and again, indefinitely."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once; what cannot be read is not known."""
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                found = await oldest_unfinished_ms(self._options(), self._topic, self._group)
                self._unfinished = Unfinished(found)
        except (*NO_KAFKA, TopicMissingError):
            self._unfinished = None
        self._looked = True

    def facts(self) -> list[Fact | Notice]:
        """What the strip says; nothing before the first look."""
        shown: list[Fact | Notice] = []
        if self._dry_run:
            shown.append(Notice("warn", "This is a dry run.", DRY_RUN_TEXT))
        if self._looked:
            shown.append(waiting(self._unfinished, now_ms()))
        return shown
