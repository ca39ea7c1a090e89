"""Settings are read once, and all wrong ones reported at once; health has pages; a process ends as it should."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from pydantic import Field, SecretStr

from ingest.runtime.admin import AdminServer, Health
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.logs import configure_logs
from ingest.runtime.process import Stopping, run
from ingest.runtime.settings import LogSettings, SecretFile, Settings, load, read_settings
from tests.deadline import DEADLINE_S


class Example(KafkaSettings, LogSettings):
    example_token: SecretStr = Field(description="what the door asks for")
    example_port: int = Field(8080, ge=1, description="where it listens")


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Any:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return read_settings(Example)


def test_defaults_hold_where_nothing_is_set_or_set_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, EXAMPLE_TOKEN="t", EXAMPLE_PORT="", KAFKA_GROUP_ID="")
    assert (settings.example_port, settings.kafka_group_id, settings.log_format) == (8080, "tagger", None)
    assert settings.client_options() == {
        "bootstrap_servers": "localhost:9092",
        "security_protocol": "PLAINTEXT",
    }


def test_all_problems_are_in_one_message_and_the_process_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EXAMPLE_PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "sasl_ssl")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "me")
    monkeypatch.setenv("KAFKA_SSL_CERTFILE", str(tmp_path / "none.pem"))
    with pytest.raises(SystemExit) as ended:
        load(Example)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    for variable in (
        "EXAMPLE_PORT",
        "EXAMPLE_TOKEN",
        "LOG_LEVEL",
        "KAFKA_SASL_PASSWORD",
        "KAFKA_SSL_CERTFILE",
    ):
        assert f"  {variable}: " in printed
    assert "what the door asks for" in printed
    assert "KAFKA_SASL_USERNAME" not in printed


@pytest.mark.parametrize("name", ["EXAMPLE_TOKEN", "KAFKA_SASL_PASSWORD"])
def test_a_secret_comes_from_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("EXAMPLE_TOKEN" if name != "EXAMPLE_TOKEN" else "LOG_LEVEL", "info")
    settings = given(monkeypatch, **{f"{name}_FILE": str(tmp_path / "secret")})
    assert settings.secret(name.lower()).value() == "from the file"
    assert "from the file" not in repr(settings) + str(settings)


def test_a_secret_that_is_set_twice_or_whose_file_is_missing_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    problems = given(
        monkeypatch, EXAMPLE_TOKEN="a", EXAMPLE_TOKEN_FILE=missing, KAFKA_SASL_PASSWORD_FILE=missing
    )
    assert problems == [
        f"KAFKA_SASL_PASSWORD_FILE: {missing} cannot be read (FileNotFoundError)",
        "EXAMPLE_TOKEN: set together with EXAMPLE_TOKEN_FILE; keep one of them",
    ]


def test_no_problem_tells_the_value_of_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    class Picky(Settings):
        picky_pin: SecretStr = Field(min_length=50, description="a long one")

    monkeypatch.setenv("PICKY_PIN", "hunter2")
    problems = read_settings(Picky)
    assert isinstance(problems, list)
    assert "PICKY_PIN" in problems[0]
    assert "hunter2" not in problems[0]


def test_a_changed_file_is_read_again_and_a_vanished_or_empty_one_changes_nothing(tmp_path: Path) -> None:
    now, path = 100.0, tmp_path / "secret"
    path.write_text("one")
    secret = SecretFile(path, "one", lambda: now)
    seen = [secret.value()]
    for content in ("two", "", None, "three"):
        if content is None:
            path.unlink()
        else:
            fresh = tmp_path / "fresh"
            fresh.write_text(content)
            fresh.rename(path)
        seen.append(secret.value())  # looked at a moment ago
        now += 1.0
        seen.append(secret.value())
    assert seen == ["one", "one", "two", "two", "two", "two", "two", "two", "three"]


def test_sasl_and_tls_reach_the_clients_options(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(
        monkeypatch,
        EXAMPLE_TOKEN="t",
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SASL_MECHANISM="scram-sha-512",
        KAFKA_SASL_USERNAME="me",
        KAFKA_SASL_PASSWORD="pw",
    )
    options = settings.client_options()
    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": "localhost:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "me",
        "sasl_plain_password": "pw",
    }


async def test_the_pages_tell_complaints_notes_and_metrics() -> None:
    registry = CollectorRegistry()
    Counter("example_total", "Examples.", registry=registry).inc(3)
    health = Health()
    server = AdminServer("127.0.0.1", 0, lambda: health, registry)
    await server.start()

    async def get(path: str) -> tuple[int, str]:
        async with session.get(f"http://127.0.0.1:{server.port}{path}") as answer:
            return answer.status, await answer.text()

    async with aiohttp.ClientSession() as session:
        assert await get("/health/live") == (200, '{"ok":true,"complaints":[],"notes":[]}\n')
        health = Health(ready=["No Kafka: start it."], notes=["Spooling."])
        assert await get("/health/live") == (200, '{"ok":true,"complaints":[],"notes":["Spooling."]}\n')
        assert (await get("/health/ready"))[0] == 503
        health = Health(live=["Stuck."])
        assert [(await get(f"/health/{page}"))[0] for page in ("live", "ready")] == [503, 503]
        assert "example_total 3.0" in (await get("/metrics"))[1]
        listed = [line.split()[0] for line in (await get("/"))[1].splitlines()]
        assert listed == ["/health/live", "/health/ready", "/metrics"]
        assert (await get("/metrics/"))[0] == 404
    await server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_the_exit_code_is_the_services(number: signal.Signals) -> None:
    async def main(stopping: asyncio.Event) -> int:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stopping.wait(), DEADLINE_S)
        return 7

    assert run(main) == 7


@pytest.mark.parametrize(
    ("numbers", "hurried"),
    [
        ([signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGTERM], True),
        ([signal.SIGINT, signal.SIGTERM], True),
        ([signal.SIGTERM, signal.SIGHUP], False),
    ],
)
def test_a_second_signal_means_hurry(numbers: list[signal.Signals], hurried: bool) -> None:
    async def main(stopping: Stopping) -> int:
        for number in numbers:
            stopping.on_signal(number)
        assert stopping.is_set()
        return int(stopping.hurry.is_set())

    assert run(main) == hurried


def test_an_error_ends_the_process_with_1_and_its_text_is_not_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def main(_: asyncio.Event) -> int:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
        return 0

    async def fails() -> None:
        raise ValueError("what a customer wrote")

    configure_logs("info", "json")
    assert run(main) == 1
    printed = capsys.readouterr().err
    assert '"error_type":"ValueError"' in printed
    assert "test_settings.py" in printed
    assert "what a customer wrote" not in printed
