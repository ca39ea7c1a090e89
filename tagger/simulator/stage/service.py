"""One of our services as a process of its own: started, watched until it is ready, stopped or killed.

It ends only the process it started, and its output goes to a file, so that nobody waits for a full pipe.
"""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

READY_DEADLINE_S: Final = 90.0  # takes 1 s, and 6 s more to join a group again; a busy machine is slow
STOP_DEADLINE_S: Final = 30.0  # each service promises to be done by then
PROBE_EVERY_S: Final = 0.05
TAIL_BYTES_MAX: Final = 16_384

# Settings of ours in the caller's environment must not reach a process that is to be set up by us.
OUR_PREFIXES: Final = ("KAFKA_", "LIVECHAT_", "TAGGER_", "INGEST_", "LOG_")


class ServiceError(Exception):
    """A service ended when it should not, or did not become ready in time; the message has its last lines."""


def environment_for(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with `settings` in place of all our own variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUR_PREFIXES)}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


class Service:
    """`module` is run as `python -m <module> <arguments>`; it is ready when /health/ready says 200."""

    def __init__(
        self, module: str, arguments: tuple[str, ...], settings: Mapping[str, str], admin_port: int, log: Path
    ) -> None:
        self.name = " ".join((module, *arguments))
        self.settings = dict(settings)  # may be changed between two starts
        self.log = log
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self._command = (sys.executable, "-m", module, *arguments)
        self._admin_port = admin_port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Start it and wait until it is ready. Raises ServiceError; a process that is up is left running."""
        assert not self.running, f"{self.name} is running already"
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment_for(self.settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop our processes in order
            )
        await self.ready(deadline_s)

    def check(self) -> None:
        """Raises ServiceError if it has ended."""
        if not self.running:
            raise self._failure("ended")

    async def ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait until /health/ready says 200."""
        try:
            async with asyncio.timeout(deadline_s):
                while not await asyncio.to_thread(self._is_ready):
                    if not self.running:
                        raise self._failure("ended before it was ready")
                    await asyncio.sleep(PROBE_EVERY_S)
        except TimeoutError:
            raise self._failure(f"was not ready within {deadline_s:.0f} s") from None

    async def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """SIGTERM, and SIGKILL after the deadline. Its exit code; None if it was never started."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(deadline_s):
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int | None:
        """SIGKILL, as when the machine takes it away."""
        if self._process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    def last_lines(self, count: int = 10) -> list[str]:
        """The end of its output."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES_MAX))
                return log.read().decode("utf-8", "replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._admin_port, timeout=1.0)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _failure(self, what: str) -> ServiceError:
        code = self._process.returncode if self._process else None
        ended = "" if code is None else f" (exit code {code})"
        lines = self.last_lines() or ["(it printed nothing)"]
        return ServiceError("\n  ".join([f"`{self.name}` {what}{ended}. Its last lines:", *lines]))
