"""What any process of ours is made of: its settings and Kafka's address here, the rest taken from its neighbours.

It promises that everything wrong with the settings is told at once.
It never shows a secret's value, and it is the one place that reads the environment.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args

from pydantic import Field, FilePath, PrivateAttr, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.runtime import kafka_checks
from ingest.runtime.exit import stop

SECRET_REREAD_S: Final = 1.0  # a file is looked at this often at most: cheap, and rotation never waits longer

S = TypeVar("S", bound="Settings")
Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class SecretFile:
    """A secret that may change while we run; without a path it is constant.

    A file that vanished or is empty leaves the last value in force: rotation by rename has such moments.
    """

    def __init__(self, path: Path | None, value: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._value, self._clock = path, value, clock
        self._look_at, self._seen = clock(), (0, 0, 0)

    def value(self) -> str:
        if self._path is not None and (now := self._clock()) >= self._look_at:
            self._look_at = now + SECRET_REREAD_S
            try:
                stat = self._path.stat()
                seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
                if seen != self._seen and (value := self._path.read_text("utf-8").strip()):
                    self._value, self._seen = value, seen
            except (OSError, UnicodeDecodeError):
                pass
        return self._value


class Settings(BaseSettings):
    """Options from the environment: a field's variable is its name in capitals.

    A field of type SecretStr may come from the file that NAME_FILE names instead.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )
    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @classmethod
    def secret_names(cls) -> list[str]:
        return [name for name, info in cls.model_fields.items() if "SecretStr" in str(info.annotation)]

    @classmethod
    def describe(cls) -> list[tuple[str, str, str]]:
        """(variable, default, doc) of every option, for --help and for the README's table."""
        defaults = {n: "required" if f.is_required() else f.default for n, f in cls.model_fields.items()}
        return [
            (name.upper(), "unset" if defaults[name] is None else str(defaults[name]), info.description or "")
            for name, info in cls.model_fields.items()
        ]

    def secret(self, name: str) -> SecretFile:
        """The value of a SecretStr field, following its file if it came from one."""
        held: SecretStr | None = getattr(self, name)
        return SecretFile(self._files.get(name), held.get_secret_value() if held else "")


class KafkaConnection(Settings):
    """How to reach Kafka, and the topic that both services share."""

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", description="brokers as host:port, comma-separated"
    )
    kafka_webhooks_topic: str = Field("livechat.webhooks", description="topic for webhooks")
    kafka_security_protocol: Protocol = Field("PLAINTEXT", description=" or ".join(get_args(Protocol)))
    kafka_sasl_mechanism: Mechanism = Field("PLAIN", description=" or ".join(get_args(Mechanism)))
    kafka_sasl_username: str | None = Field(None, validate_default=True, description="SASL user")
    kafka_sasl_password: SecretStr | None = Field(None, validate_default=True, description="SASL password")
    kafka_ssl_cafile: FilePath | None = Field(None, description="CA certificates, PEM; unset: the system's")
    kafka_ssl_certfile: FilePath | None = Field(None, description="client certificate for mutual TLS, PEM")
    kafka_ssl_keyfile: FilePath | None = Field(
        None, validate_default=True, description="key of the client certificate, PEM"
    )

    @field_validator("kafka_security_protocol", "kafka_sasl_mechanism", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _brokers(cls, value: str) -> str:
        return kafka_checks.brokers(value)

    @field_validator("kafka_webhooks_topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        return kafka_checks.topic(value)

    @field_validator("kafka_ssl_cafile", "kafka_ssl_certfile")
    @classmethod
    def _certificates(cls, value: Path | None) -> Path | None:
        return value and kafka_checks.authorities(value)

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _sasl_needs_it(cls, value: object, info: ValidationInfo) -> object:
        if not value and str(info.data.get("kafka_security_protocol")).startswith("SASL"):
            raise ValueError("required by KAFKA_SECURITY_PROTOCOL")
        return value

    @field_validator("kafka_ssl_keyfile")
    @classmethod
    def _pair(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "kafka_ssl_certfile" not in info.data:  # wrong itself, and said so
            return value
        certificate = info.data["kafka_ssl_certfile"]
        if bool(value) != bool(certificate):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE belong together: set both or neither")
        return value and kafka_checks.key_of(certificate, value)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client; password and certificates are read anew at each call."""
        protocol = self.kafka_security_protocol
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap_servers,
            "security_protocol": protocol,
        }
        if protocol.endswith("SSL"):
            options["ssl_context"] = kafka_checks.tls(
                self.kafka_ssl_cafile, self.kafka_ssl_certfile, self.kafka_ssl_keyfile
            )
        if protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = self.secret("kafka_sasl_password").value()
        return options


class KafkaSettings(KafkaConnection):
    """What a consumer of the webhooks needs beside: its group, and the topics it writes."""

    kafka_decisions_topic: str = Field("livechat.decisions", description="topic for decisions")
    kafka_parked_topic: str = Field("livechat.parked", description="topic for parked items")
    kafka_keywords_topic: str = Field("livechat.keywords", description="topic for keyword sets")
    kafka_group_id: str = Field("tagger", description="consumer group")
    kafka_session_timeout_s: float = Field(
        15, ge=1, le=300, description="seconds without a heartbeat after which a member loses its partitions"
    )
    kafka_group_instance_id: str | None = Field(None, description="set: static membership; unset: dynamic")

    @field_validator("kafka_decisions_topic", "kafka_parked_topic", "kafka_group_instance_id")
    @classmethod
    def _names(cls, value: str | None, info: ValidationInfo) -> str | None:
        others = {name for name, other in info.data.items() if name.endswith("_topic") and other == value}
        if others and str(info.field_name).endswith("_topic"):
            raise ValueError(f"is the topic of {', '.join(sorted(others)).upper()} as well: each has its own")
        return value and kafka_checks.topic(value)

    @field_validator("kafka_group_id")
    @classmethod
    def _group(cls, value: str) -> str:
        return kafka_checks.group(value)


class LogSettings(Settings):
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] | None = Field(
        None, description="json or console; unset: console on a terminal"
    )


def load(settings_class: type[S]) -> S:
    """Read the environment; print every problem there is, each with its variable, and exit 2."""
    settings = read_settings(settings_class)
    if isinstance(settings, list):
        stop("These settings are wrong:\n" + "\n".join(f"  {problem}" for problem in settings))
    return settings


def read_settings(settings_class: type[S]) -> S | list[str]:
    """Settings, or all problems as sentences that begin with the variable. No value of a secret is told."""
    files = {
        name: Path(file)
        for name in settings_class.secret_names()
        if (file := os.environ.get(f"{name.upper()}_FILE"))
    }
    given, problems = dict[str, str](), dict[str, str]()
    for name, path in files.items():
        try:
            given[name] = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems[name] = f"{name.upper()}_FILE: {path} cannot be read ({type(error).__name__})"
        if os.environ.get(name.upper()):
            problems[name] = f"{name.upper()}: set together with {name.upper()}_FILE; keep one of them"
    try:
        settings = settings_class(**given)
    except ValidationError as failure:
        for problem in failure.errors(include_url=False, include_context=False, include_input=False):
            name = str(problem["loc"][0])
            doc = settings_class.model_fields[name].description
            problems.setdefault(
                name, f"{name.upper()}: {problem['msg'].removeprefix('Value error, ')} ({doc})"
            )
        return list(problems.values())
    settings._files.update(files)
    return list(problems.values()) or settings
