"""Records on their way to Kafka, by partition: a queue, and the one batch in flight.

It promises the order within a partition: nothing leaves before its predecessors are acknowledged or refused.
It knows no client and no clock.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from ingest.pending import Waiting


@dataclass(slots=True)
class Flight:
    """A partition's batch, sent and not yet acknowledged."""

    records: list[Waiting]
    since: float  # the loop's time in seconds
    given_back: bool = False  # its records are in the spool as well


class Flights:
    """All queues and batches in flight. Bounded by the requests in flight, and by a round of the spool."""

    def __init__(self) -> None:
        self._queues: defaultdict[int, deque[Waiting]] = defaultdict(deque)
        self._flights: dict[int, Flight] = {}
        self._singly: dict[int, int] = {}  # by partition: how many records to send one by one

    @property
    def queued(self) -> int:
        """Records that wait."""
        return sum(map(len, self._queues.values()))

    @property
    def empty(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._flights and not any(self._queues.values())

    @property
    def settling(self) -> bool:
        """Whether records that were given back may still be acknowledged."""
        return any(flight.given_back for flight in self._flights.values())

    def put(self, partition: int, waiting: Waiting) -> None:
        """Queue a record."""
        self._queues[partition].append(waiting)

    def due(self) -> list[int]:
        """Partitions with records and no batch in flight."""
        return [number for number, queue in self._queues.items() if queue and number not in self._flights]

    def fill(self, batch: Any, partition: int, now: float) -> list[Waiting]:
        """Move what fits into an aiokafka batch; the records in it, which may be none."""
        queue, records = self._queues[partition], list[Waiting]()
        while queue and not (records and self._singly.get(partition)):
            waiting = queue[0]
            if not waiting.future.done():  # else its sender was answered: not stored
                key, value, headers = waiting.record.key, waiting.record.value, list(waiting.record.headers)
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break  # full
                records.append(waiting)
            queue.popleft()
        batch.close()  # nobody else adds to it
        if records:
            self._flights[partition] = Flight(records, now)
        return records

    def acknowledged(self, partition: int) -> bool:
        """End the batch in flight; True if more waits."""
        del self._flights[partition]
        if self._singly.get(partition):
            self._singly[partition] -= 1
        return bool(self._queues[partition])

    def refused(self, partition: int) -> Waiting | None:
        """End a batch that Kafka will never take; its one record, or None: then each is sent alone."""
        records = self._flights.pop(partition).records
        if len(records) == 1:
            self._singly[partition] = max(0, self._singly.get(partition, 0) - 1)
            return records[0]
        self._singly[partition] = len(records)
        self._queues[partition].extendleft(reversed(records))
        return None

    def drop_answered(self) -> None:
        """Drop records at the front whose sender was answered: not stored."""
        for queue in self._queues.values():
            while queue and queue[0].future.done():
                queue.popleft()

    def sent_at(self, otherwise: float) -> float:
        """When the oldest batch in flight was sent, the loop's time."""
        return min((flight.since for flight in self._flights.values()), default=otherwise)

    def waits_since(self, otherwise: float) -> float:
        """Since when the oldest record waits whose sender waits as well."""
        found = [otherwise]
        for some in [*(flight.records for flight in self._flights.values()), *self._queues.values()]:
            oldest = next((one for one in some if not (one.spooled or one.row or one.future.done())), None)
            if oldest is not None:
                found.append(oldest.since)
        return min(found)

    def give_back(self) -> list[Waiting]:
        """Empty the queues; all records without an outcome, in order. Batches in flight stay in flight as well."""
        for flight in self._flights.values():
            flight.given_back = True
        sent = [one for flight in self._flights.values() for one in flight.records if not one.spooled]
        queued = [one for queue in self._queues.values() for one in queue]
        self._queues.clear()
        return _open_in_order(sent + queued)

    def take_all(self) -> tuple[list[Waiting], Waiting | None]:
        """Empty everything; the records without an outcome, in order, and one record that was in flight."""
        sent = [one for flight in self._flights.values() for one in flight.records]
        queued = [one for queue in self._queues.values() for one in queue]
        self._flights.clear()
        self._queues.clear()
        self._singly.clear()
        return _open_in_order(sent + queued), next(iter(sent), None)


def _open_in_order(records: list[Waiting]) -> list[Waiting]:
    """Those without an outcome, by arrival; the sort is stable, so each partition keeps its order."""
    return sorted((one for one in records if not one.future.done()), key=lambda one: one.since)
