"""Every option of `ingest`, with its doc. Names, defaults and meaning are part of the product."""

import re
from pathlib import Path

import structlog
from pydantic import Field, SecretStr, field_validator

from ingest.delivery import SECRET_BYTES_MAX
from ingest.runtime.kafka import KafkaConnection
from ingest.runtime.settings import LogSettings, SecretFile, TraceSettings

log = structlog.get_logger()


class IngestSettings(KafkaConnection, LogSettings, TraceSettings):
    """All options."""

    ingest_host: str = Field("0.0.0.0", description="address to listen on for webhooks")  # noqa: S104  # public by purpose
    ingest_port: int = Field(8080, ge=0, le=65535, description="port for webhooks")
    ingest_admin_host: str = Field(
        "127.0.0.1", description="address to serve health and metrics on; keep it private"
    )
    ingest_admin_port: int = Field(8082, ge=0, le=65535, description="port for health and metrics")
    ingest_spool_dir: Path | None = Field(
        None, description="folder to spool webhooks in while Kafka is away; unset: answer 503"
    )
    ingest_spool_bytes_max: int = Field(
        1 << 30, ge=1 << 20, description="maximum size of the spool, in bytes; when full: answer 503"
    )
    livechat_webhook_secrets: SecretStr = Field(
        description="secret_key that the webhooks are registered with; several during rotation, comma-separated"
    )
    ingest_organizations: str | None = Field(
        None, description="ids of the organizations to accept webhooks from, comma-separated; unset: any"
    )

    @field_validator("livechat_webhook_secrets")
    @classmethod
    def _secrets_are_usable(cls, value: SecretStr) -> SecretStr:
        problem = _problem_with(split_secrets(value.get_secret_value()))
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator("ingest_organizations")
    @classmethod
    def _organizations_have_ids(cls, value: str | None) -> str | None:
        if value is not None and not all(split(value)):
            raise ValueError("one of the ids is empty")
        return value

    def organizations(self) -> frozenset[str] | None:
        """Whose webhooks are accepted; None: any. API 3.3 names a license; then its number is the id."""
        return None if self.ingest_organizations is None else frozenset(split(self.ingest_organizations))


def split(text: str) -> list[str]:
    """Split at commas and line ends, without blanks around."""
    return re.split(r"\s*[,\n]\s*", text.strip())


def split_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a variable or a file, as bytes of UTF-8."""
    return tuple(part.encode() for part in split(text))


def _problem_with(secrets: tuple[bytes, ...]) -> str | None:
    """Why these are unusable, quoting none; None if they are usable."""
    if not all(secrets):
        return "one of the secrets is empty, which would let everybody in"
    if max(map(len, secrets)) > SECRET_BYTES_MAX:
        return f"one of the secrets is longer than {SECRET_BYTES_MAX} bytes"
    return None


class WebhookSecrets:
    """All secrets in force, following their file. A file with an unusable secret changes nothing."""

    def __init__(self, source: SecretFile) -> None:
        self._source, self._text = source, source.value()
        self._secrets = split_secrets(self._text)

    def __call__(self) -> tuple[bytes, ...]:
        """The secrets in force."""
        text = self._source.value()
        if text is not self._text:
            self._text = text
            secrets = split_secrets(text)
            if _problem_with(secrets) is None:
                self._secrets = secrets
                log.info("webhook_secrets_read", count=len(secrets))
            else:
                log.error("webhook_secrets_refused", reason="one is unusable, so the old ones stay in force")
        return self._secrets
