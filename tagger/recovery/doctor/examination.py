"""All that `tagger doctor` looks at, at once, and its findings in the order of a webhook's way."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from tagger.core.diagnosis.finding import Finding, unchecked
from tagger.core.matching.decide import Decider
from tagger.recovery.doctor import admin_page, kafka, keywords, livechat, webhooks
from tagger.recovery.doctor.kafka import KafkaPart
from tagger.recovery.doctor.livechat import LiveChatPart
from tagger.recovery.doctor.settings import Given
from tagger.settings import group_name

# As they are shown: what one finds first explains most of what comes below.
ORDER: Final = (
    "settings", "kafka", "topics", "rights", "group", "keywords",
    "livechat", "scopes", "tags", "webhooks", "ingest", "tagger", "clocks",
)  # fmt: skip
NO_SETTINGS: Final = "the settings it needs are wrong"
CLIENT_ID: Final = "set LIVECHAT_CLIENT_ID, the client id of your app, which owns its webhooks"
OF_KAFKA: Final = ("topics", "rights", "group")
OF_LIVECHAT: Final = ("scopes", "tags")


async def examined(given: Given) -> list[Finding]:
    """Every finding. Takes some seconds; as long as Kafka and LiveChat need to be given up at most."""
    files, decider = keywords.examine(given.keywords) if given.keywords else ([], None)
    kafka_part, livechat_part, ingest, tagger = await asyncio.gather(
        _kafka(given),
        _livechat(given, decider),
        _ingest(given),
        _tagger(given),
    )
    found = [*given.found, *files, *kafka_part.found, *livechat_part.found, *ingest, *tagger]
    if given.keywords and given.kafka:
        found += keywords.in_force(decider, kafka_part.stored, given.kafka.kafka_keywords_topic)
    found += await _webhooks(given, kafka_part, livechat_part)
    found += _left_out(given, found)
    return sorted(found, key=lambda one: ORDER.index(one.check))


async def _kafka(given: Given) -> KafkaPart:
    if given.kafka is None:
        return KafkaPart()
    dry_run = given.tagger is not None and given.tagger.tagger_dry_run
    return await kafka.examine(
        given.kafka, given.tagger, group_name(given.kafka.kafka_group_id, dry_run=dry_run)
    )


async def _livechat(given: Given, decider: Decider | None) -> LiveChatPart:
    if given.livechat is None or given.who is None:
        return LiveChatPart()
    return await livechat.examine(given.livechat, given.who, decider.rules if decider else None)


async def _ingest(given: Given) -> Sequence[Finding]:
    if (beside := given.beside) is None:
        return []
    return await asyncio.to_thread(
        admin_page.examine, "ingest", beside.ingest_admin_host, beside.ingest_admin_port
    )


async def _tagger(given: Given) -> Sequence[Finding]:
    if (tagger := given.tagger) is None:
        return []
    return await asyncio.to_thread(
        admin_page.examine, "tagger", tagger.tagger_admin_host, tagger.tagger_admin_port
    )


async def _webhooks(given: Given, kafka_part: KafkaPart, livechat_part: LiveChatPart) -> list[Finding]:
    """Where LiveChat sends them, whether ingest is there, and when the last one came."""
    registered, found = livechat_part.registered, list[Finding]()
    if registered is not None:
        found += webhooks.examined(registered, livechat_part.disabled)
        if given.beside is not None:
            secret = given.beside.secret("livechat_webhook_secrets").value()
            secrets = [one for one in (part.strip() for part in secret.replace("\n", ",").split(",")) if one]
            organizations = given.beside.ingest_organizations
            found += await asyncio.to_thread(lambda: list(webhooks.tried(registered, secrets, organizations)))
    elif given.livechat is not None:
        missing = not given.livechat.livechat_client_id
        found.append(unchecked("webhooks", "where LiveChat sends them", CLIENT_ID if missing else ""))
    return found + ([kafka_part.arrived] if kafka_part.arrived else [])


def _left_out(given: Given, found: Sequence[Finding]) -> Iterator[Finding]:
    """What nothing was said of, and why."""
    seen = {one.check for one in found}
    if given.kafka is None:
        yield unchecked("kafka", NO_SETTINGS)
    if given.livechat is None or given.who is None:
        yield unchecked("livechat", NO_SETTINGS)
    for checks, behind in ((OF_KAFKA, "Kafka"), (OF_LIVECHAT, "LiveChat")):
        for check in checks:
            if check not in seen:
                yield unchecked(check, f"{behind} could not be asked")
    for check in ("keywords", "webhooks", "ingest", "tagger"):
        if check not in seen:
            yield unchecked(check, NO_SETTINGS)
