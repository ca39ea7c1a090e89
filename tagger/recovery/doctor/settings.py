"""The settings, read in parts: what is wrong in one keeps no other from being looked at."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, TypeVar

from pydantic import Field, SecretStr

from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.settings import LogSettings, Settings, read_settings
from tagger.core.diagnosis.finding import Finding, ok, wrong
from tagger.livechat.authorization.credentials import Credentials, credentials
from tagger.settings import KeywordSettings, LiveChatSettings, TaggerSettings

REMEDY: Final = "change it where the service gets it from, too; README.md lists every setting"

S = TypeVar("S", bound=Settings)


class BesideSettings(Settings):
    """What the tagger does not need, and its neighbour `ingest` has."""

    ingest_admin_host: str = Field("127.0.0.1", description="as for ingest")
    ingest_admin_port: int = Field(8082, ge=0, le=65535, description="as for ingest")
    livechat_webhook_secrets: SecretStr | None = Field(None, description="as for ingest")
    ingest_organizations: str | None = Field(None, description="as for ingest")


@dataclass(frozen=True, slots=True)
class Given:
    """The parts that are right; None: something in it is wrong, and among the findings."""

    kafka: KafkaSettings | None
    tagger: TaggerSettings | None
    livechat: LiveChatSettings | None
    keywords: KeywordSettings | None
    beside: BesideSettings | None
    who: Credentials | None
    found: tuple[Finding, ...]


def read() -> Given:
    """Read the environment: every mistake is a finding, and none of them shows a secret."""
    mistakes: dict[str, None] = {}

    def part(of: type[S]) -> S | None:
        settings = read_settings(of)
        if isinstance(settings, list):
            mistakes.update(dict.fromkeys(settings))
            return None
        return settings

    kafka, tagger, beside = part(KafkaSettings), part(TaggerSettings), part(BesideSettings)
    livechat, keywords = tagger or part(LiveChatSettings), tagger or part(KeywordSettings)
    part(LogSettings)
    who = credentials(livechat, time.monotonic, SystemRandom()) if livechat else None
    if isinstance(who, list):
        mistakes.update(dict.fromkeys(who))
        who = None
    found = tuple(_findings(list(mistakes)))
    return Given(kafka, tagger, livechat, keywords, beside, who, found)


def _findings(mistakes: list[str]) -> Iterator[Finding]:
    if not mistakes:
        yield ok("settings", "every setting is valid")
    for mistake in mistakes:
        yield wrong("settings", mistake, REMEDY, blocks=True)
