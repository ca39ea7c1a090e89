"""The rights that an example's README gives are enough for it, on a Kafka that asks who one is."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from ingest.topic import encode
from tagger.simulator.stage.stage import Names
from tests.deadline import DEADLINE_S, until
from tests.examples.readme import Terminal, a_terminal, section
from tests.examples.test_contacts import AGREED, MAIL, at_the_start, form
from tests.examples.test_decisions import a_decision
from tests.examples.test_readmes import listening
from tests.examples.test_waiting import BEGAN
from tests.integration.test_rights import login, options
from tests.kafka.broker import Broker
from tests.kafka.kafka import command_of

WHO: Final = "nobody"  # has no rights but those


def give_rights(example: str, bootstrap: str, folder: Path) -> None:
    """Type the lines of the README's section, as the admin."""
    (folder / "admin.properties").write_text(
        "".join(
            f"{name}={value}\n"
            for name, value in {
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
                'username="admin" password="admin-password";',
            }.items()
        )
    )
    for line in section(example, "Rights"):
        words = shlex.split(line.replace("HOST:9092", bootstrap).replace(f"User:{example}", f"User:{WHO}"))
        assert words[0] == "kafka-acls.sh"
        assert f"User:{WHO}" in words
        command = [
            *command_of("kafka-acls"),
            *words[1:],
            "--command-config",
            str(folder / "admin.properties"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


async def put(bootstrap: str, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(**options(bootstrap))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()
    producer = AIOKafkaProducer(**options(bootstrap))
    await producer.start()
    await producer.send_and_wait(topic, value)
    await producer.stop()


def stored(webhook: dict[str, Any]) -> bytes:
    return encode(webhook, "org", "C", 0).value


ROWS: Final[list[tuple[str, str, bytes, Callable[[Terminal], bool]]]] = [
    (
        "decisions",
        Names().decisions,
        a_decision("T", 4, 10, "Refund"),
        lambda terminal: (terminal.folder / "decisions.csv").exists(),
    ),
    (
        "contacts",
        Names().webhooks,
        stored(at_the_start(form(MAIL, AGREED))),
        lambda terminal: "put\n" in (terminal.folder / "contacts.log").read_text("utf-8"),
    ),
    (
        "queue",
        Names().webhooks,
        stored(BEGAN),
        lambda terminal: "1 waiting" in (terminal.folder / "waiting.log").read_text("utf-8"),
    ),
]


@pytest.mark.parametrize(("example", "topic", "value", "worked"), ROWS, ids=[row[0] for row in ROWS])
async def test_an_example_has_all_the_rights_that_it_needs(
    kafka_guarded: Broker,
    tmp_path: Path,
    example: str,
    topic: str,
    value: bytes,
    worked: Callable[[Terminal], bool],
) -> None:
    (clone := tmp_path / "clone").mkdir()
    await put(kafka_guarded.bootstrap, topic, value)
    give_rights(example, kafka_guarded.bootstrap, tmp_path)
    told: list[dict[str, Any]] = []
    with a_terminal(clone) as terminal, listening(int(terminal.port("8098")), told):
        terminal.settings |= {"KAFKA_BOOTSTRAP_SERVERS": kafka_guarded.bootstrap, **login(WHO)}
        for line in section(example, "Try it"):
            if "demo" not in line and "curl" not in line:
                terminal.type(line.replace("'You may e-mail me offers'", f"'{AGREED['label']}'"))
        await until(lambda: worked(terminal))
