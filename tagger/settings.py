"""Every option of the tagger, with its default, unit and meaning; read once, at the start."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import LogSettings, Settings
from tagger.core.limits import Limits
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.livechat.calls.requests import API_URL

LIMITS: Final = Limits()


def _is_loopback(host: str | None) -> bool:
    if host in {"localhost", "localhost."}:
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _api_url(url: str) -> str:
    """An address that tokens may be sent to: https, or http on this machine only."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return url.rstrip("/")
    raise ValueError("must begin with https:// (http:// is accepted for the loopback only)")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a valid regular expression: {error.msg}") from None
    return text


ApiUrl = Annotated[str, AfterValidator(_api_url)]


class LiveChatSettings(Settings):
    """How to reach LiveChat's API, and as whom. One of the four kinds of credentials is needed to tag."""

    livechat_api_url: ApiUrl = Field(API_URL, description="base URL of LiveChat's API, including the version")
    livechat_accounts_url: ApiUrl = Field(
        "https://accounts.livechat.com", description="URL that issues and refreshes OAuth tokens"
    )
    livechat_account_id: str | None = Field(None, description="account id of LIVECHAT_PAT")
    livechat_pat: SecretStr | None = Field(None, description="personal access token")
    livechat_access_token: SecretStr | None = Field(None, description="a fixed OAuth access token")
    livechat_client_id: str | None = Field(None, description="OAuth client id of your app")
    livechat_client_secret: SecretStr | None = Field(None, description="OAuth client secret of your app")
    livechat_refresh_token: SecretStr | None = Field(None, description="OAuth refresh token")
    livechat_credentials_file: Path | None = Field(
        None, description="file with credentials for several organizations, written by `tagger login`"
    )


class TaggerSettings(LiveChatSettings):
    """What `tagger run` needs apart from Kafka and the log settings."""

    tagger_config: Path = Field(Path("config"), description="folder with the keyword files")
    tagger_canned_placeholder: Annotated[str, AfterValidator(_pattern)] = Field(
        DEFAULT_PLACEHOLDER, description="regular expression for placeholders in canned responses"
    )
    tagger_admin_host: str = Field("127.0.0.1", description="address to serve health and metrics on")
    tagger_admin_port: int = Field(8081, ge=0, le=65535, description="port for health and metrics")
    tagger_dry_run: bool = Field(
        False, description="decide and record but set no tags; uses its own consumer group"
    )
    tagger_replay_records_max: int = Field(
        LIMITS.replay_records_max, ge=1, description="maximum records re-read per partition after a restart"
    )
    tagger_chat_age_s_max: int = Field(
        LIMITS.chat_age_s_max, ge=60, description="seconds after which an open chat expires"
    )
    tagger_chat_idle_s_max: int = Field(
        LIMITS.chat_idle_s_max, ge=60, description="seconds without an event after which an open chat expires"
    )
    tagger_linger_s: int = Field(
        LIMITS.linger_s, ge=0, description="seconds to keep an ended chat for late events"
    )
    tagger_open_bytes_max: int = Field(
        1 << 30,
        ge=1 << 20,
        description="maximum memory for open chats, in bytes; the oldest are evicted, and fetched when they end",
    )
    tagger_reconcile_every_s: int = Field(0, ge=0, description="seconds between reconcile runs; 0: off")


class RunSettings(KafkaSettings, TaggerSettings, LogSettings):
    """All settings of `tagger run`, and of commands that do part of its job."""


class TopicSettings(KafkaSettings, LogSettings):
    """Settings of a command that only reads our topics."""


class ArchiveSettings(KafkaSettings, LiveChatSettings, LogSettings):
    """Settings of a command that reads LiveChat's archive as well."""


def group_of(settings: RunSettings) -> str:
    """The consumer group: a dry run has its own, so that switching it off skips no chat."""
    return f"{settings.kafka_group_id}-dry-run" if settings.tagger_dry_run else settings.kafka_group_id
