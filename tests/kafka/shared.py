"""One real Kafka for all processes of a test run: the first that asks starts it, and ends it when no other uses it.

Promises that a broker serves as long as anybody who asked holds it. Whoever asks after it has ended gets another.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.kafka.broker import Broker, start

LOOK_EVERY_S: Final = 0.2


class Shared:
    """Not thread-safe; one for each process. `folder` is the same for all."""

    def __init__(self, folder: Path) -> None:
        self._lock, self._address = folder / "kafka.lock", folder / "kafka.address"
        self._users = (folder / "kafka.users").open("a")  # each user holds a lock on it
        self._broker: Broker | None = None

    def bootstrap(self) -> str:
        """ "host:port", to be used until `close`. Raises: as `broker.start`."""
        with self._locked():
            if not self._address.exists():
                self._broker = start()
                self._address.write_text(self._broker.bootstrap)
            fcntl.flock(self._users, fcntl.LOCK_SH)
            return self._address.read_text()

    def close(self) -> None:
        """Use it no more; who started it waits for the others."""
        fcntl.flock(self._users, fcntl.LOCK_UN)
        while self._broker is not None:
            with self._locked():
                try:
                    fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass
                else:
                    self._address.unlink()
                    self._broker.stop()
                    self._broker = None
            time.sleep(LOOK_EVERY_S)
        self._users.close()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
