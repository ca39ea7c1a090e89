"""A record on its way, and the future that gets its outcome."""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from ingest.topic import Record

# kafka       acknowledged by all in-sync replicas
# spool       on the local disk, synced
# not_stored  neither, as far as is known: it may still be on the topic
# refused     Kafka will never take it: too large for the topic
Outcome = Literal["kafka", "spool", "not_stored", "refused"]
STORED: Final[frozenset[Outcome]] = frozenset({"kafka", "spool"})  # answered 200


@dataclass(slots=True, eq=False)
class Waiting:
    """A record that waits for its outcome."""

    record: Record
    future: asyncio.Future[Outcome]
    since: float  # the loop's time in seconds
    spooled: bool = False  # it is in the spool as well, and its sender was answered
    row: int = 0  # in the spool, if it went there while its batch was at Kafka; else 0
    landed: bool = False  # Kafka acknowledged it, whatever its sender was answered

    def ends(self, outcome: Outcome) -> None:
        """Set the outcome, unless there is one (its time was up)."""
        if not self.future.done():
            self.future.set_result(outcome)
