"""Records on their way to Kafka, by partition: those that wait, and the one batch that is sent.

It promises the order within a partition: nothing leaves before what came before it is acknowledged or refused.
It knows no client and no clock.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from ingest.pending import Waiting


@dataclass(slots=True)
class Flight:
    """The batch of a partition that is sent and not acknowledged."""

    records: list[Waiting]
    since: float  # the loop's time in seconds
    given_back: bool = False  # its records lie in the spool as well


class Flights:
    """Bounded by the requests in hand, and by a round of the spool."""

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
        return not self._flights and not any(self._queues.values())

    @property
    def settling(self) -> bool:
        """Whether records that were given back may still be acknowledged."""
        return any(flight.given_back for flight in self._flights.values())

    def put(self, partition: int, waiting: Waiting) -> None:
        self._queues[partition].append(waiting)

    def due(self) -> list[int]:
        """Partitions that have records and no batch under way."""
        return [number for number, queue in self._queues.items() if queue and number not in self._flights]

    def fill(self, batch: Any, partition: int, now: float) -> bool:
        """Move what fits into a batch of aiokafka's; False where nothing is left to send."""
        queue, records = self._queues[partition], list[Waiting]()
        while queue and not (records and self._singly.get(partition)):
            waiting = queue[0]
            if not waiting.future.done():  # else its sender was told that it is not stored
                key, value, headers = waiting.record.key, waiting.record.value, list(waiting.record.headers)
                if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    break  # full
                records.append(waiting)
            queue.popleft()
        batch.close()  # nobody else adds to it
        if records:
            self._flights[partition] = Flight(records, now)
        return bool(records)

    def of(self, partition: int) -> list[Waiting]:
        """The records of the batch under way."""
        return self._flights[partition].records

    def acknowledged(self, partition: int) -> bool:
        """The batch is done; tells whether more waits."""
        del self._flights[partition]
        if self._singly.get(partition):
            self._singly[partition] -= 1
        return bool(self._queues[partition])

    def refused(self, partition: int) -> Waiting | None:
        """The batch will never be taken. The one record that is to blame, or None: each is tried by itself."""
        records = self._flights.pop(partition).records
        if len(records) == 1:
            self._singly[partition] = max(0, self._singly.get(partition, 0) - 1)
            return records[0]
        self._singly[partition] = len(records)
        self._queues[partition].extendleft(reversed(records))
        return None

    def forget_told(self) -> None:
        """Drop those in front whose sender was told that they are not stored."""
        for queue in self._queues.values():
            while queue and queue[0].future.done():
                queue.popleft()

    def sent_at(self, otherwise: float) -> float:
        """When the oldest batch under way was sent, the loop's time."""
        return min((flight.since for flight in self._flights.values()), default=otherwise)

    def waits_since(self, otherwise: float) -> float:
        """Since when the record waits that has waited longest of those that a sender waits for."""
        found = [otherwise]
        for some in [*(flight.records for flight in self._flights.values()), *self._queues.values()]:
            oldest = next((one for one in some if not (one.spooled or one.row or one.future.done())), None)
            if oldest is not None:
                found.append(oldest.since)
        return min(found)

    def give_back(self) -> list[Waiting]:
        """Empty the queues and return all that nobody was told about, in order; what is sent stays sent as well."""
        back: list[Waiting] = []
        for flight in self._flights.values():
            flight.given_back = True
            back += [waiting for waiting in flight.records if not waiting.spooled]
        back += [waiting for queue in self._queues.values() for waiting in queue]
        self._queues.clear()
        return _open_in_order(back)

    def take_all(self) -> tuple[list[Waiting], Waiting | None]:
        """Empty everything: what nobody was told about, in order, and one of the records that were sent."""
        sent = [waiting for flight in self._flights.values() for waiting in flight.records]
        queued = [waiting for queue in self._queues.values() for waiting in queue]
        self._flights.clear()
        self._queues.clear()
        self._singly.clear()
        return _open_in_order(sent + queued), next(iter(sent), None)


def _open_in_order(records: list[Waiting]) -> list[Waiting]:
    """By the time they came; the sort is stable, so within a partition the order stays."""
    return sorted((one for one in records if not one.future.done()), key=lambda one: one.since)
