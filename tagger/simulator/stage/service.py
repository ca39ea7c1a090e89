"""One of our services as a process: started, watched until it is ready, stopped or killed.

It ends only the process that it started. Output goes to a file, because a full pipe would block the service.
"""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

READY_DEADLINE_S: Final = 90.0  # usually 1 s, and 6 s more to rejoin a group; much more on a busy machine
STOP_DEADLINE_S: Final = 30.0  # each service ends earlier than that
PROBE_EVERY_S: Final = 0.05
TAIL_BYTES_MAX: Final = 16_384
READY: Final = ("/health/ready", 200)

# Our settings in the caller's environment must not reach a process that we configure.
OUR_PREFIXES: Final = ("KAFKA_", "LIVECHAT_", "TAGGER_", "INGEST_", "LOG_", "WEB_")


class ServiceError(Exception):
    """A service ended unexpectedly or was not ready in time; the message has the last lines of its output."""


def environment_for(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with `settings` instead of our variables in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUR_PREFIXES)}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


class Service:
    """`python -m <module> <arguments>`; ready when /health/ready, or what `ready_by` names, answers."""

    def __init__(
        self, module: str, arguments: tuple[str, ...], settings: Mapping[str, str], admin_port: int, log: Path
    ) -> None:
        self.name = " ".join((module, *arguments))
        self.settings = dict(settings)  # may change between two starts
        self.log = log
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self._command = (sys.executable, "-m", module, *arguments)
        self.ready_by = READY  # a path, and the status of its answer once the process is ready
        self._admin_port = admin_port
        self._process: asyncio.subprocess.Process | None = None
        self._told_to_end = False

    @property
    def running(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def ended_by_itself(self) -> bool:
        """It was started, and has ended without being told to."""
        return self._process is not None and not self.running and not self._told_to_end

    @property
    def pid(self) -> int | None:
        """The last process's id; None if it was never started."""
        return self._process.pid if self._process else None

    async def start(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Start it and wait until it is ready. After a ServiceError it may still be running."""
        assert not self.running, f"{self.name} is running already"
        self._told_to_end = False
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment_for(self.settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only us, and we stop our processes in order
            )
        await self.ready(deadline_s)

    def check(self) -> None:
        """Raises ServiceError if it has ended."""
        if not self.running:
            raise self._failure("ended")

    async def ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait until it answers as `ready_by` says."""
        try:
            async with asyncio.timeout(deadline_s):
                while not await asyncio.to_thread(self._is_ready):
                    if not self.running:
                        raise self._failure("ended before it was ready")
                    await asyncio.sleep(PROBE_EVERY_S)
        except TimeoutError:
            raise self._failure(f"was not ready within {deadline_s:.0f} s") from None

    async def stop(self, deadline_s: float = STOP_DEADLINE_S) -> int | None:
        """SIGTERM, then SIGKILL after the deadline. The exit code; None if it was never started."""
        if self._process is None:
            return None
        self._told_to_end = True
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(deadline_s):
                return await self._process.wait()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int | None:
        """SIGKILL. The exit code; None if it was never started."""
        if self._process is None:
            return None
        self._told_to_end = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()

    def last_lines(self, count: int = 10) -> list[str]:
        """The last lines of its output."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES_MAX))
                return log.read().decode("utf-8", "replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._admin_port, timeout=1.0)
        try:
            path, status = self.ready_by
            connection.request("GET", path)
            return connection.getresponse().status == status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _failure(self, what: str) -> ServiceError:
        code = self._process.returncode if self._process else None
        ended = "" if code is None else f" (exit code {code})"
        lines = self.last_lines() or ["(no output)"]
        return ServiceError("\n  ".join([f"`{self.name}` {what}{ended}. Its last lines:", *lines]))
