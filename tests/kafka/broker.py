"""A real Apache Kafka on the loopback, without Docker: one process is broker and controller (KRaft).

`with start() as broker:` gives `broker.bootstrap`. Data and log lie in a temporary folder.
Promises that the broker serves when `start` returns, and that it ends with the process that started it, even
where that one is ended by `kill -9`. Never listens on any address but 127.0.0.1.
"""

import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from tagger.simulator.livechat.port import reserved_port
from tests.deadline import DEADLINE_S
from tests.freeze import freeze
from tests.kafka.jars import BROKER, jars, java

READY_S_MAX: Final = DEADLINE_S  # takes 2 s on an idle machine
SHUTDOWN_S_MAX: Final = DEADLINE_S  # takes 0.5 s
FORMAT_S_MAX: Final = DEADLINE_S  # takes 0.7 s
# One node serves tests: small heap, few threads, the quick compiler only. It starts in 2 s and uses 250 MB.
JVM: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={log_dir}
# As in production: a missing topic is an error, not a topic with the wrong number of partitions.
auto.create.topics.enable=false
# One node can hold one replica, and one partition of offsets is created sooner than fifty.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A killed broker is let in again when its session is over, so a shorter one would save seconds; but one that gets no
# CPU for so long is taken for dead, and this is what a busy machine does to it.
broker.session.timeout.ms=9000
# A heartbeat has to be answered within the interval, or it is sent anew; the default.
broker.heartbeat.interval.ms=2000
# One that finds no controller for a minute, the default, ends itself; three that start on a busy machine need longer.
initial.broker.registration.timeout.ms=600000
# Tests do not wait for more members to come.
group.initial.rebalance.delay.ms=0
# The default, 128 MB, is a quarter of the heap.
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
"""
# Where users are named: who they are and what they may is asked. A property that is named twice is the last one.
GUARDED: Final = """\
listeners=SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_PLAINTEXT
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
 org.apache.kafka.common.security.plain.PlainLoginModule required username="{admin}" password="{password}" {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin};User:ANONYMOUS
"""


class Broker:
    """One broker process. Ports and data stay the same from one `start_again` to the next.

    Not thread-safe. `bootstrap` is "127.0.0.1:<port>". With `users` (name → password) it asks who one is (SASL
    PLAIN), and lets the first of them do everything, the others what they are given.
    """

    def __init__(self, port: int = 0, users: Mapping[str, str] | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._log = self._folder / "broker-0.log"  # a log for each start: it is truncated when it is opened
        self._starts = 0
        self._data = self._folder / "data"
        self._properties = self._folder / "server.properties"
        self._broker: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._ports = ExitStack()
        port = self._ports.enter_context(reserved_port(port))
        self.controller_port = self._ports.enter_context(reserved_port())
        self.bootstrap = f"127.0.0.1:{port}"
        ports = {"port": port, "controller_port": self.controller_port}
        self._properties.write_text(
            PROPERTIES.format(log_dir=self._data, **ports) + _guarded(users or {}, ports)
        )

    def start_again(self) -> None:
        """Start the process; returns when it serves.

        Raises: RuntimeError with the log's end where it does not serve within READY_S_MAX seconds.
        """
        assert self._broker is None, "the broker is running"
        if not self._data.exists():
            self._format()
        self._starts += 1
        self._log = self._folder / f"broker-{self._starts}.log"
        # A session of its own: Ctrl-C on the terminal is for us, and we then end the broker.
        self._broker = subprocess.Popen(
            [*_java(f"-Dorg.slf4j.simpleLogger.logFile={self._log}"), "kafka.Kafka", str(self._properties)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._guard = _guard(self._broker.pid, self._folder)
        deadline = time.monotonic() + READY_S_MAX
        while "Kafka Server started" not in self._read_log():
            if self._broker.poll() is not None or time.monotonic() > deadline:
                log = self._read_log()
                errors = "\n".join([line for line in log.splitlines() if " ERROR " in line][:5])
                self.kill()
                raise RuntimeError(
                    f"Apache Kafka did not start on {self.bootstrap}; its errors:\n{errors}\nIts log ends:\n{log[-2000:]}"
                )
            time.sleep(0.05)

    def configure(self, properties: str) -> None:
        """Say something more, before a start; a property that is named twice is the last one."""
        with self._properties.open("a") as file:
            file.write(f"\n{properties}\n")

    def move(self) -> None:
        """Listen on another port, from the next start on."""
        port = self._ports.enter_context(reserved_port())
        self.bootstrap = f"127.0.0.1:{port}"
        ours, controllers = f"PLAINTEXT://{self.bootstrap}", f"CONTROLLER://127.0.0.1:{self.controller_port}"
        self.configure(f"listeners={ours},{controllers}\nadvertised.listeners={ours}")

    @property
    def data(self) -> Path:
        """The folder of the logs."""
        return self._data

    @property
    def pid(self) -> int | None:
        """The process's id; None where it is not running."""
        return None if self._broker is None or self._broker.poll() is not None else self._broker.pid

    def freeze(self) -> None:
        """Let the process stand still: its connections stay open, and nobody is answered."""
        assert self._broker is not None, "the broker is not running"
        freeze(self._broker.pid)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._broker is not None, "the broker is not running"
        self._broker.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once, as `kill -9` does; the data stay."""
        self._end(signal.SIGKILL)

    def shut_down(self) -> None:
        """End the process in order; the data stay."""
        self._end(signal.SIGTERM)

    def stop(self) -> None:
        """End the process and remove the data. Stopping twice is harmless."""
        self.kill()
        self._ports.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end(self, sent: signal.Signals) -> None:
        broker, self._broker = self._broker, None
        guard, self._guard = self._guard, None
        if guard is not None:  # first, while the number it would kill is still the broker's
            guard.kill()
            guard.communicate()
        if broker is None:
            return
        broker.send_signal(sent)
        try:
            broker.wait(SHUTDOWN_S_MAX)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()

    def _format(self, *how: str) -> None:
        """`how` names the cluster; by default it is a new one of this broker alone."""
        arguments = [
            "format",
            *(how or ("--standalone", "-t", new_cluster_id())),
            "-c",
            str(self._properties),
        ]
        command = [*_java(), "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_S_MAX, check=False)
        if done.returncode:
            raise RuntimeError(f"Apache Kafka could not format its data folder:\n{done.stdout}{done.stderr}")

    def _read_log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def start(port: int = 0, users: Mapping[str, str] | None = None) -> Broker:
    """Start a broker on `port` (0: a free one); returns when it serves.

    Raises: KafkaMissingError where Java or Maven is missing; RuntimeError where Kafka does not start.
    """
    broker = Broker(port, users)
    try:
        broker.start_again()
    except BaseException:
        broker.stop()
        raise
    return broker


def new_cluster_id() -> str:
    """As long as Kafka's own, and never with the look of an option."""
    return uuid.uuid4().hex[:22]


def _guarded(users: Mapping[str, str], ports: Mapping[str, int]) -> str:
    if not users:
        return ""
    admin, password = next(iter(users.items()))
    known = " ".join(f'user_{name}="{secret}"' for name, secret in users.items())
    return GUARDED.format(admin=admin, password=password, users=known, **ports)


def _java(*options: str) -> list[str]:
    return [java(), *JVM, *options, "-cp", f"{jars(BROKER)}/*"]


def _guard(pid: int, folder: Path) -> subprocess.Popen[bytes]:
    """A shell that waits for its input to end, as it does with this process, and then ends the broker."""
    script = 'read -r _; kill -KILL "$1"; rm -rf "$2"'
    command = ["sh", "-c", script, "guard", str(pid), str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
