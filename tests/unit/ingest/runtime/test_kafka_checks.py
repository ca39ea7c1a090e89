"""What cannot work with Kafka is said at the start, each with its variable, and never with a secret."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.runtime import kafka_checks
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import read_settings

Pem = Callable[[str], str]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("localhost:9092", "localhost:9092"),
        ("k1:9092,k2:9093", "k1:9092,k2:9093"),
        (" k1:9092 , k2:9093 ,", "k1:9092,k2:9093"),
        ("kafka", "kafka:9092"),
        ("my_kafka.internal:1", "my_kafka.internal:1"),
        ("10.0.0.1:65535", "10.0.0.1:65535"),
        ("[::1]:9094", "[::1]:9094"),
        ("[fe80::1]", "[fe80::1]:9092"),
    ],
)
def test_addresses_are_taken_in_the_form_that_kafkas_own_commands_want(text: str, taken: str) -> None:
    assert kafka_checks.brokers(text) == taken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SASL_SSL://h", "a scheme"),
        ("SASL_SSL://h", "KAFKA_SECURITY_PROTOCOL"),
        ("h:1;h:2", "a semicolon"),
        ('"h:9092"', "quotes"),
        ("'h:9092'", "quotes"),
        ("h:abc", "'h:abc' needs a port between 1 and 65535"),
        ("h:", "needs a port"),
        ("h:0", "needs a port"),
        ("h:65536", "needs a port"),
        ("h:٣", "needs a port"),
        ("h:1,k:2x", "'k:2x' needs a port"),
        ("h:1 k:2", "is not host:port"),
        ("h h", "separate several by commas"),
        (":9092", "is not host:port"),
        ("::1", "needs brackets"),
        ("[::1", "is not host:port"),
        ("[]:9092", "is not host:port"),
        (",", "names no broker"),
        ("   ", "names no broker"),
        ("me:s3cret@h:9092", "KAFKA_SASL_PASSWORD"),
    ],
)
def test_the_error_for_an_invalid_address_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", text)
    (problem,) = problems()
    assert problem.startswith("KAFKA_BOOTSTRAP_SERVERS: ")
    assert expected in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("KAFKA_WEBHOOKS_TOPIC", "live chat", "not a valid name in Kafka"),
        ("KAFKA_WEBHOOKS_TOPIC", "a/b", "not a valid name in Kafka"),
        ("KAFKA_DECISIONS_TOPIC", "..", "not a valid name in Kafka"),
        ("KAFKA_PARKED_TOPIC", "x" * 250, "249 at most"),
        ("KAFKA_PARKED_TOPIC", "livechat.decisions", "also the topic of KAFKA_DECISIONS_TOPIC"),
        ("KAFKA_DECISIONS_TOPIC", "livechat.webhooks", "also the topic of KAFKA_WEBHOOKS_TOPIC"),
        ("KAFKA_KEYWORDS_TOPIC", "livechat.parked", "also the topic of KAFKA_PARKED_TOPIC"),
        ("KAFKA_GROUP_ID", "  ", "is blank"),
        ("KAFKA_GROUP_INSTANCE_ID", "pod 1", "not a valid name in Kafka"),
    ],
)
def test_a_name_that_kafka_does_not_allow_is_an_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    (problem,) = problems()
    assert problem.startswith(f"{variable}: ")
    assert expected in problem


@pytest.fixture
def pem(tmp_path: Path) -> Pem:
    """Makes a file by its name and returns its path."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no `openssl` to make certificates with")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=tmp_path, timeout=60)

    def make(name: str) -> str:
        path = tmp_path / name
        match name:
            case "junk":
                path.write_bytes(b"\x00junk")
            case "empty":
                path.touch()
            case "encrypted.key":
                make("our.pem")
                openssl("pkey", "-in", "our.key", "-aes128", "-passout", "pass:hunter2", "-out", name)
            case "our.pem" | "other.pem":
                key = name.replace("pem", "key")
                kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
                openssl("req", "-x509", *kind, "-nodes", "-subj", "/CN=x", "-keyout", key, "-out", name)
        return str(path)

    make("our.pem")
    make("other.pem")
    return make


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CAFILE": "junk"}, {"CAFILE": "contains no PEM certificate"}),
        ({"CAFILE": "empty"}, {"CAFILE": "contains no PEM certificate"}),
        ({"CAFILE": "our.key"}, {"CAFILE": "contains no PEM certificate"}),
        ({"CAFILE": "none"}, {"CAFILE": "does not point to a file"}),
        ({"CERTFILE": "junk", "KEYFILE": "our.key"}, {"CERTFILE": "contains no PEM certificate"}),
        ({"CERTFILE": "our.pem", "KEYFILE": "junk"}, {"KEYFILE": "contains no PEM private key"}),
        ({"CERTFILE": "our.pem", "KEYFILE": "our.pem"}, {"KEYFILE": "contains no PEM private key"}),
        (
            {"CERTFILE": "our.pem", "KEYFILE": "other.key"},
            {"KEYFILE": "is not the key of KAFKA_SSL_CERTFILE"},
        ),
        ({"CERTFILE": "our.pem", "KEYFILE": "encrypted.key"}, {"KEYFILE": "decrypt it"}),
        ({"CERTFILE": "our.pem"}, {"KEYFILE": "belong together"}),
        ({"CAFILE": "our.pem", "CERTFILE": "our.pem", "KEYFILE": "our.key"}, {}),
        (
            {"CAFILE": "junk", "CERTFILE": "junk", "KEYFILE": "junk"},
            {"CAFILE": "no PEM certificate", "CERTFILE": "no PEM certificate"},
        ),
    ],
)
def test_an_unusable_certificate_or_key_is_an_error(
    monkeypatch: pytest.MonkeyPatch, pem: Pem, variables: dict[str, str], expected: dict[str, str]
) -> None:
    for name, file in variables.items():
        monkeypatch.setenv(f"KAFKA_SSL_{name}", pem(file))
    found = problems()
    assert [problem.split(":")[0] for problem in found] == [f"KAFKA_SSL_{name}" for name in expected]
    for problem, words in zip(found, expected.values(), strict=True):
        assert words in problem


def test_a_key_that_is_encrypted_later_is_an_error_and_no_question(pem: Pem, tmp_path: Path) -> None:
    encrypted = Path(pem("encrypted.key"))
    with pytest.raises(kafka_checks.EncryptedKeyError):
        kafka_checks.tls(None, tmp_path / "our.pem", encrypted)


def problems() -> list[str]:
    """All that is wrong with the environment."""
    found = read_settings(KafkaSettings)
    return found if isinstance(found, list) else []
