"""Every option of the tagger, with its default, unit and meaning; read once, at the start."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import LogSettings, Settings, TraceSettings
from tagger.core.limits import Limits
from tagger.core.matching.canned import DEFAULT_PLACEHOLDER
from tagger.livechat.calls.requests import API_URL

LIMITS: Final = Limits()
TOKEN_CHARS_MIN: Final = 16  # of WEB_TOKEN


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


class KeywordSettings(LiveChatSettings):
    """What decides on chats needs: the keyword files, and LiveChat."""

    tagger_config: Path = Field(Path("config"), description="folder with the keyword files")
    tagger_canned_placeholder: Annotated[str, AfterValidator(_pattern)] = Field(
        DEFAULT_PLACEHOLDER, description="regular expression for placeholders in canned responses"
    )


class DryRunSettings(Settings):
    """Whether the tagger only tries."""

    tagger_dry_run: bool = Field(
        False, description="decide and record but set no tags; uses its own consumer group"
    )


class TaggerSettings(KeywordSettings, DryRunSettings):
    """What `tagger run` needs apart from Kafka and the log settings."""

    tagger_admin_host: str = Field("127.0.0.1", description="address to serve health and metrics on")
    tagger_admin_port: int = Field(8081, ge=0, le=65535, description="port for health and metrics")
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


class RunSettings(KafkaSettings, TaggerSettings, LogSettings, TraceSettings):
    """All settings of `tagger run`, and of commands that do part of its job."""


def _token(secret: SecretStr | None) -> SecretStr | None:
    """A token that fits an address and a header, and that nobody guesses."""
    text = secret.get_secret_value() if secret else ""
    if secret and (
        len(text) < TOKEN_CHARS_MIN or not text.isascii() or not text.isprintable() or " " in text
    ):
        raise ValueError(
            f"must have at least {TOKEN_CHARS_MIN} characters, without spaces: openssl rand -hex 24"
        )
    return secret


class WebSettings(KafkaSettings, KeywordSettings, DryRunSettings, LogSettings):
    """Settings of `tagger web`."""

    web_host: str = Field("127.0.0.1", description="address to serve the page on")
    web_port: int = Field(8083, ge=0, le=65535, description="port of the page")
    web_token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        None, description="token that opens the page; unset: one is made and printed at each start"
    )
    web_data: Path | None = Field(
        None,
        description="folder of the page's ledger of decisions; unset: it is read from Kafka at each start",
    )


class TopicSettings(KafkaSettings, LogSettings):
    """Settings of a command that only reads our topics."""


class ArchiveSettings(KafkaSettings, LiveChatSettings, LogSettings):
    """Settings of a command that reads LiveChat's archive as well."""


def group_of(settings: RunSettings | WebSettings) -> str:
    """The consumer group of a service with these settings."""
    return group_name(settings.kafka_group_id, dry_run=settings.tagger_dry_run)


def group_name(group_id: str, *, dry_run: bool) -> str:
    """The consumer group: a dry run has its own, so that switching it off skips no chat."""
    return f"{group_id}-dry-run" if dry_run else group_id
