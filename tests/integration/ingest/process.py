"""An `ingest` of its own, as operations run it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from tests.deadline import DEADLINE_S


class Process:
    """An `ingest` of its own."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        with errors.open("wb") as file:
            self._process = subprocess.Popen([sys.executable, "-m", "ingest"], stderr=file)
        self.port = self.admin_port = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """From proc_pid_status(5), in kB."""
        status = Path(f"/proc/{self.pid}/status").read_text("utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def wait_until_it_listens(self) -> None:
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end and self._process.poll() is None:
            ports = {line["event"]: int(line["port"]) for line in self.log() if "port" in line}
            if "listening" in ports:
                self.port, self.admin_port = ports["listening"], ports["admin_listening"]
                return
            time.sleep(0.02)
        raise AssertionError(f"it does not listen: {self._errors.read_text()}")

    def log(self) -> list[dict[str, Any]]:
        """Its whole lines so far."""
        lines = self._errors.read_bytes().split(b"\n")[:-1]
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        return self._process.wait(timeout_s)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
