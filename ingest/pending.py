"""A record on its way, and whoever waits to hear where it ended."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from ingest.topic import Record

# kafka       acknowledged by all in-sync replicas
# spool       on the local disk, synced
# not_stored  neither, as far as is known: it may be on the topic all the same
# refused     Kafka will never take it: too large for the topic
Outcome = Literal["kafka", "spool", "not_stored", "refused"]
STORED: Final[frozenset[Outcome]] = frozenset({"kafka", "spool"})  # answered 200


@dataclass(slots=True, eq=False)
class Waiting:
    record: Record
    future: asyncio.Future[Outcome]
    since: float  # the loop's time in seconds
    spooled: bool = False  # it lies in the spool as well, and its sender has been answered
    row: int = 0  # in the spool, where it went there while Kafka had it in hand; 0: it did not
    landed: bool = False  # Kafka has acknowledged it, whatever its sender was told

    def ends(self, outcome: Outcome) -> None:
        """Tell whoever waits, unless they were told before (their time was up)."""
        if not self.future.done():
            self.future.set_result(outcome)
