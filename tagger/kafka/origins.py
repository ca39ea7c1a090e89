"""Where the ends of threads come from: the `traceparent` of their records, which the core does not know."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

HEADER: Final = "traceparent"
END: Final = ("action", b"chat_deactivated")
# Ends whose job has not begun, about 300 bytes each: as many as wait with their text in four partitions.
ORIGINS_MAX: Final = 20_000


class Origins:
    """Made only where traces are on."""

    def __init__(self) -> None:
        # By partition and offset; the oldest go first.
        self._of = OrderedDict[tuple[int, int], str]()

    def note(self, partition: int, records: Iterable[Any]) -> None:
        """Keep those of records as aiokafka has them, whose headers are hints and may be anything."""
        for record in records:
            if record.headers and record.headers[0] == END:
                for name, value in record.headers:
                    if name == HEADER:
                        self._of[partition, record.offset] = (value or b"").decode("ascii", "replace")
        while len(self._of) > ORIGINS_MAX:
            self._of.popitem(last=False)

    def take(self, partition: int, offset: int) -> str | None:
        """The one of a record, once; None if it had none, or it came too long ago."""
        return self._of.pop((partition, offset), None)
