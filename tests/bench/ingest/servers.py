"""The four servers as processes, each on a core of its own, and the CPU time they take.

A server is ended with this process, even where that one is ended by `kill -9`.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

SECRET: Final = "k9d8f7s6a5q4w3e2r1t0y9u8i7o6p5"
START_S_MAX: Final = 30  # takes 1 s on an idle machine
TICKS_A_S: Final = os.sysconf("SC_CLK_TCK")
HERE: Final = "tests.bench.ingest"
THREADS: Final = 8  # of Flask's one worker process


def _uvicorn(port: int) -> list[str]:
    options = "--loop uvloop --http httptools --no-access-log --log-level error".split()
    return ["uvicorn", f"{HERE}.with_fastapi:app", "--host", "127.0.0.1", "--port", str(port), *options]


def _gunicorn(port: int) -> list[str]:
    options = f"--worker-class gthread --workers 1 --threads {THREADS} --keep-alive 75 --log-level error"
    return ["gunicorn", f"{HERE}.with_flask:app", "--bind", f"127.0.0.1:{port}", *options.split()]


# Name → what to run with `python -m`, given a port.
SERVERS: Final[dict[str, Callable[[int], list[str]]]] = {
    "bare aiohttp": lambda port: [f"{HERE}.with_aiohttp", str(port)],
    "ingest": lambda _port: ["ingest"],
    "FastAPI": _uvicorn,
    "Flask": _gunicorn,
}


class Server:
    """A running server and the processes that it started: all of one process group."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def cpu_s(self) -> float:
        """User and system time in seconds of all its processes so far (proc_pid_stat(5), fields 14 and 15)."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()  # from field 3: the name may hold blanks
            except OSError:
                continue  # it has ended
            if int(fields[2]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_A_S

    def wait_until_it_listens(self) -> None:
        end = time.monotonic() + START_S_MAX
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server at port {self.port} does not listen; what it says is above")

    def end(self) -> None:
        """Kill it: it has nothing to finish, and a stop in order would take `ingest` 6 s."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(name: str, bootstrap: str, topic: str, core: int) -> Iterator[Server]:
    """The server of that name, listening. Raises: RuntimeError where it does not come to that."""
    with socket.socket() as free, TemporaryDirectory(prefix="spool-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        variables = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KAFKA_WEBHOOKS_TOPIC": topic,
            "LIVECHAT_WEBHOOK_SECRETS": SECRET,
            "INGEST_HOST": "127.0.0.1",
            "INGEST_PORT": str(port),
            "INGEST_ADMIN_PORT": "0",
            "INGEST_SPOOL_DIR": folder,
            "LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", *SERVERS[name](port)]
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core), *command],
            env={**os.environ, **variables},
            process_group=0,
        )
        server = Server(process, port)
        try:
            server.wait_until_it_listens()
            yield server
        finally:
            server.end()
