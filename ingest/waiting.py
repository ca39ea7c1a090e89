"""A record on its way, and whoever waits to hear where it ended."""

import asyncio
import enum
from dataclasses import dataclass

from ingest.topic import Record


class Outcome(enum.Enum):
    """Where a record ended. The first two are answered 200."""

    KAFKA = "kafka"  # acknowledged by all in-sync replicas
    SPOOL = "spool"  # on the local disk, synced
    NOT_STORED = "not_stored"  # neither, as far as is known: it may be on the topic all the same
    REFUSED = "refused"  # Kafka will never take it: too large for the topic


@dataclass(slots=True, eq=False)
class Waiting:
    record: Record
    future: asyncio.Future[Outcome]
    since: float  # the loop's time in seconds
    spooled: bool = False  # it lies in the spool as well, and its sender has been answered

    def ends(self, outcome: Outcome) -> None:
        """Tell whoever waits, unless they were told before (their time was up)."""
        if not self.future.done():
            self.future.set_result(outcome)
