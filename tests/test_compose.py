"""docker-compose.yml fits the compose specification, our settings and topics, and is closed as it says."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
import yaml

from ingest.runtime.settings import Settings
from tagger.simulator.livechat.port import reserved_port
from tests.deadline import DEADLINE_S
from tests.kafka.__main__ import TOPICS
from tests.kafka.jars import version
from tests.kafka.kafka import Kafka

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / "docker-compose.yml"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES: Final[dict[str, Any]] = COMPOSE["services"]
DAYS_MS: Final = 24 * 60 * 60 * 1000
KEPT: Final = {
    "livechat.webhooks": ("cleanup.policy=delete", f"retention.ms={7 * DAYS_MS}"),
    "livechat.decisions": ("cleanup.policy=delete", f"retention.ms={30 * DAYS_MS}"),
    "livechat.parked": ("cleanup.policy=delete", f"retention.ms={30 * DAYS_MS}"),
    "livechat.keywords": ("cleanup.policy=compact",),
}
# Stands in for the container's script and writes down how it was called, an argument a line.
SCRIPT_IN_IMAGE: Final = "opt/kafka/bin/kafka-topics.sh"
WRITES_DOWN: Final = '#!/bin/sh\nprintf "%s\\n" "$@" "" >> calls\n'


def test_it_fits_the_specifications_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec", str(FILE)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert checked.returncode == 0, checked.stdout


def test_a_misspelt_key_would_not_fit(tmp_path: Path) -> None:
    wrong = tmp_path / FILE.name
    wrong.write_text(FILE.read_text("utf-8").replace("healthcheck:", "health_check:"), "utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec", str(wrong)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert "health_check" in checked.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_restarts_has_limits_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", ["kafka", "ingest", "tagger", "web", "prometheus", "grafana"])
def test_a_service_that_stays_tells_its_health(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", ["ingest", "tagger", "web", "tools", "prometheus", "grafana"])
def test_all_but_kafka_cannot_write_to_its_root_or_to_what_is_mounted_from_the_host(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    for mount in SERVICES[name]["volumes"]:
        assert mount.split(":")[0] in COMPOSE["volumes"] or mount.endswith(":ro")


@pytest.mark.parametrize("name", ["ingest", "tagger", "web", "tools"])
def test_a_service_is_given_only_settings_that_exist_and_its_secrets_as_files(name: str) -> None:
    known = _settings()
    for variable, value in SERVICES[name]["environment"].items():
        setting = variable.removesuffix("_FILE")
        assert setting in known, f"{variable} is no setting"
        assert known[setting] == variable.endswith("_FILE"), (
            f"{variable}: secrets, and only they, come in files"
        )
        if known[setting]:
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]


def test_commands_are_typed_where_all_settings_of_both_services_are_and_only_when_asked_for() -> None:
    tools = SERVICES["tools"]
    assert tools["profiles"] == ["tools"]
    assert set(tools["secrets"]) == {*SERVICES["ingest"]["secrets"], *SERVICES["tagger"]["secrets"]}
    for name, value in SERVICES["tagger"]["environment"].items():
        if name != "TAGGER_ADMIN_HOST":
            assert tools["environment"][name] == value


def test_the_page_is_there_only_when_asked_for_and_its_token_is_asked_of_nobody_else() -> None:
    web = SERVICES["web"]
    assert web["profiles"] == ["page"]
    assert [name for name, each in SERVICES.items() if "web_token" in each.get("secrets", [])] == ["web"]
    assert "livechat_webhook_secrets" not in web["secrets"]
    assert f"page-ledger:{web['environment']['WEB_DATA']}" in web["volumes"]


def test_its_health_is_that_it_sends_strangers_away() -> None:
    _, *command = SERVICES["web"]["healthcheck"]["test"]
    assert command[0] == "python"
    for answers in (None, 403, 500):
        with _answering(answers) if answers else reserved_port() as at:
            checked = [sys.executable, *command[1:-1], command[-1].replace("8083", str(at))]
            done = subprocess.run(checked, capture_output=True, timeout=DEADLINE_S, check=False)
        assert (done.returncode == 0) == (answers == 403)


def test_prometheus_scrapes_the_services_where_they_serve_their_metrics() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    found = [job["dns_sd_configs"][0] for job in config["scrape_configs"]]
    targets = [f"{name}:{one['port']}" for one in found for name in one["names"]]
    assert {one["type"] for one in found} == {"A"}  # every container of the service
    defaults = {name: dict(_defaults())[f"{name.upper()}_ADMIN_PORT"] for name in ("ingest", "tagger")}
    assert targets == [f"{name}:{port}" for name, port in defaults.items()]
    for name in defaults:
        assert SERVICES[name]["environment"][f"{name.upper()}_ADMIN_HOST"] == "0.0.0.0"


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_published_is_published_on_this_machine_only_and_is_no_admin_address(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")
        assert not port.endswith((":8081", ":8082"))


def test_what_watches_cannot_reach_kafka() -> None:
    on = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert set.union(*on.values()) == set(COMPOSE["networks"])
    assert not (on["prometheus"] | on["grafana"]) & on["kafka"]
    assert on["grafana"] & on["prometheus"]
    assert not on["grafana"] & (on["ingest"] | on["tagger"])
    assert on["web"] == on["kafka"]
    for name in ("ingest", "tagger", "tools"):
        assert on[name] & on["kafka"]
        assert on[name] & on["prometheus"] or name == "tools"


@pytest.mark.parametrize("name", ["kafka", "prometheus", "grafana"])
def test_images_of_others_are_named_by_their_full_version(name: str) -> None:
    image, _, digest = SERVICES[name]["image"].partition("@")
    assert re.fullmatch(r"[a-z]+/[a-z]+:v?\d+\.\d+\.\d+", image)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or name == "kafka"


def test_our_image_is_built_on_one_python_by_its_full_version() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases[0])


def test_where_the_runbook_can_be_read_is_said_in_one_place() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (variable,) = SERVICES["prometheus"]["environment"]
    assert config["global"]["external_labels"] == {"runbooks": f"${{{variable}}}"}


def test_the_folders_mounted_from_the_repository_are_there() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert [mount for mount in mounts if mount.startswith("./") and not (ROOT / mount).is_dir()] == []


def test_the_broker_is_the_release_that_the_tests_run_on() -> None:
    assert SERVICES["kafka"]["image"] == SERVICES["topics"]["image"] == f"apache/kafka:{version()}"


def test_the_topics_are_those_of_make_kafka(tmp_path: Path) -> None:
    created = {call["--topic"]: int(call["--partitions"]) for call in _topic_calls(tmp_path)}
    assert created == TOPICS


def test_a_real_kafka_creates_the_topics_as_stated(kafka_real: Kafka, unique: str, tmp_path: Path) -> None:
    for call in _topic_calls(tmp_path):
        topic = call["--topic"]
        arguments = [f"{topic}-{unique}" if word == topic else word for word in call["arguments"]]
        kafka_real.run("kafka-topics", *arguments)
    described = kafka_real.run(
        "kafka-topics", "--describe", "--topic", f".*-{unique}"
    )  # a Java each: once for all
    found = {
        words[1]: shown for shown in described.splitlines() if (words := shown.split())[2:3] == ["TopicId:"]
    }
    for topic, partitions in TOPICS.items():
        shown = found[f"{topic}-{unique}"]
        assert f"PartitionCount: {partitions}\t" in shown
        for setting in (*KEPT[topic], "max.message.bytes=1048588"):
            assert setting in shown


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """A server that answers one request with this status; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.handle_request)
        thread.start()
        yield server.server_port
        thread.join()


def _settings() -> dict[str, bool]:
    """Every setting there is, and whether it is a secret."""
    import ingest.settings
    import tagger.settings

    assert ingest.settings, tagger.settings  # imported for the classes that they define
    found: dict[str, bool] = {}
    classes = [Settings]
    while classes:
        settings = classes.pop()
        classes += settings.__subclasses__()
        found |= {name.upper(): name in settings.secret_names() for name in settings.model_fields}
    return found


def _defaults() -> Iterator[tuple[str, str]]:
    """Every setting there is, with its default."""
    from ingest.settings import IngestSettings
    from tagger.settings import TaggerSettings

    for settings in (IngestSettings, TaggerSettings):
        for name, default, _ in settings.describe():
            yield name, default


def _topic_calls(folder: Path) -> list[dict[str, Any]]:
    """Run the command of the `topics` service as the container would; how it called Kafka's script."""
    script = folder / SCRIPT_IN_IMAGE
    script.parent.mkdir(parents=True)
    script.write_text(WRITES_DOWN, "utf-8")
    script.chmod(0o755)
    service = SERVICES["topics"]
    command = [word.replace("$$", "$") for word in [*service["entrypoint"], *service["command"]]]
    subprocess.run(command, cwd=folder, timeout=DEADLINE_S, check=True)
    calls = (folder / "calls").read_text("utf-8").split("\n\n")[:-1]
    return [_as_options(call.splitlines()) for call in calls]


def _as_options(words: list[str]) -> dict[str, Any]:
    """`--name value` pairs, and under "arguments" all words but those that name the server."""
    options: dict[str, Any] = dict(itertools.pairwise(words))
    options["arguments"] = words[words.index("--create") :]
    return options
