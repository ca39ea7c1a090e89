"""How to reach Kafka, and what our topics are called: the settings that services and commands share."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, FilePath, SecretStr, ValidationInfo
from pydantic.functional_validators import AfterValidator, BeforeValidator, field_validator

from ingest.runtime import kafka_checks
from ingest.runtime.settings import Settings

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
InCapitals = BeforeValidator(str.upper)  # "ssl" means SSL
Pem = Annotated[FilePath, AfterValidator(kafka_checks.authorities)]
Name = Annotated[str, AfterValidator(kafka_checks.topic)]


class KafkaConnection(Settings):
    """How to reach Kafka, and the topic that both services share."""

    kafka_bootstrap_servers: Annotated[str, AfterValidator(kafka_checks.brokers)] = Field(
        "localhost:9092", description="brokers as host:port, comma-separated"
    )
    kafka_webhooks_topic: Name = Field("livechat.webhooks", description="topic for webhooks")
    kafka_security_protocol: Annotated[Protocol, InCapitals] = Field(
        "PLAINTEXT", description=" or ".join(get_args(Protocol))
    )
    kafka_sasl_mechanism: Annotated[Mechanism, InCapitals] = Field(
        "PLAIN", description=" or ".join(get_args(Mechanism))
    )
    kafka_sasl_username: str | None = Field(None, validate_default=True, description="SASL user")
    kafka_sasl_password: SecretStr | None = Field(None, validate_default=True, description="SASL password")
    kafka_ssl_cafile: Pem | None = Field(None, description="CA certificates, PEM; unset: the system's")
    kafka_ssl_certfile: Pem | None = Field(None, description="client certificate for mutual TLS, PEM")
    kafka_ssl_keyfile: FilePath | None = Field(
        None, validate_default=True, description="key of the client certificate, PEM"
    )

    @field_validator("kafka_sasl_username", "kafka_sasl_password")
    @classmethod
    def _sasl_needs_it(cls, value: object, info: ValidationInfo) -> object:
        if not value and str(info.data.get("kafka_security_protocol")).startswith("SASL"):
            raise ValueError("required by KAFKA_SECURITY_PROTOCOL")
        return value

    @field_validator("kafka_ssl_keyfile")
    @classmethod
    def _pair(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "kafka_ssl_certfile" not in info.data:  # it is wrong itself, and reported
            return value
        certificate = info.data["kafka_ssl_certfile"]
        if bool(value) != bool(certificate):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE belong together: set both or neither")
        return value and kafka_checks.key_of(certificate, value)

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for any aiokafka client; each call reads password and certificates again."""
        protocol = self.kafka_security_protocol
        options = dict[str, Any](bootstrap_servers=self.kafka_bootstrap_servers, security_protocol=protocol)
        if protocol.endswith("SSL"):
            files = self.kafka_ssl_cafile, self.kafka_ssl_certfile, self.kafka_ssl_keyfile
            options["ssl_context"] = kafka_checks.tls(*files)
        if protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.kafka_sasl_mechanism
            options["sasl_plain_username"] = self.kafka_sasl_username
            options["sasl_plain_password"] = self.secret("kafka_sasl_password").value()
        return options


class KafkaSettings(KafkaConnection):
    """What a consumer of the webhooks needs as well: its group, and the topics that it writes."""

    kafka_decisions_topic: Name = Field("livechat.decisions", description="topic for decisions")
    kafka_parked_topic: Name = Field("livechat.parked", description="topic for parked items")
    kafka_keywords_topic: Name = Field("livechat.keywords", description="topic for keyword sets")
    kafka_group_id: Annotated[str, AfterValidator(kafka_checks.group)] = Field(
        "tagger", description="consumer group"
    )
    kafka_session_timeout_s: float = Field(
        15, ge=1, le=300, description="seconds without a heartbeat after which a member loses its partitions"
    )
    kafka_group_instance_id: Name | None = Field(None, description="set: static membership; unset: dynamic")

    @field_validator("kafka_decisions_topic", "kafka_parked_topic", "kafka_keywords_topic")
    @classmethod
    def _each_its_own(cls, value: str, info: ValidationInfo) -> str:
        others = [name.upper() for name, set_to in info.data.items() if "_topic" in name and set_to == value]
        if others:
            raise ValueError(f"is also the topic of {', '.join(sorted(others))}: each needs its own")
        return value
