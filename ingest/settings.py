"""Every option of `ingest`, with its doc. Names, defaults and meaning are part of the product."""

import re
from pathlib import Path

import structlog
from pydantic import Field, SecretStr, field_validator

from ingest.runtime import KafkaConnection, LogSettings, SecretFile

log = structlog.get_logger()


class IngestSettings(KafkaConnection, LogSettings):
    ingest_host: str = Field("0.0.0.0", description="address that LiveChat's webhooks come in at")  # noqa: S104  # public by purpose
    ingest_port: int = Field(8080, ge=0, le=65535, description="port of that address")
    ingest_admin_host: str = Field("127.0.0.1", description="address of health and metrics; keep it private")
    ingest_admin_port: int = Field(8082, ge=0, le=65535, description="port of that address")
    ingest_spool_dir: Path | None = Field(
        None, description="folder that keeps webhooks while Kafka is away; unset: they are answered 503"
    )
    ingest_spool_bytes_max: int = Field(
        1 << 30, ge=1 << 20, description="size of the spool in bytes; beyond it webhooks are answered 503"
    )
    livechat_webhook_secrets: SecretStr = Field(
        description="secret_key of the webhooks' registration; several for rotation, comma separated"
    )

    @field_validator("livechat_webhook_secrets")
    @classmethod
    def _all_secrets_say_something(cls, value: SecretStr) -> SecretStr:
        if not all(split_secrets(value.get_secret_value())):
            raise ValueError("one of the secrets is empty, and an empty one would let everybody in")
        return value


def split_secrets(text: str) -> tuple[bytes, ...]:
    """The secrets in a variable or a file: separated by commas or lines, blanks around them left out."""
    return tuple(part.encode() for part in re.split(r"\s*[,\n]\s*", text.strip()))


class WebhookSecrets:
    """All secrets in force, following their file. A changed file that names an empty one changes nothing."""

    def __init__(self, source: SecretFile) -> None:
        self._source, self._text = source, source.value()
        self._secrets = split_secrets(self._text)

    def __call__(self) -> tuple[bytes, ...]:
        text = self._source.value()
        if text is not self._text:
            self._text = text
            secrets = split_secrets(text)
            if all(secrets):
                self._secrets = secrets
                log.info("webhook secrets read anew", count=len(secrets))
            else:
                log.error("the changed file of LIVECHAT_WEBHOOK_SECRETS names an empty one and is ignored")
        return self._secrets
