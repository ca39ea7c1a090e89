"""`tagger doctor` finds each planted fault, says what to do about it, and shows no secret."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import pytest

from ingest.runtime.clock import now_ms
from tagger.core.diagnosis.finding import Finding, exit_code
from tagger.simulator.livechat.access import SCOPES
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.service import environment_for
from tests.deadline import DEADLINE_S
from tests.integration.doctor.place import MIN_MS, RULES, SECRET, Place, a_place
from tests.kafka.kafka import AnyKafka, Kafka
from tests.stage import a_stage


class Row(NamedTuple):
    """A fault, and what is said of it."""

    plant: Callable[[Place], Awaitable[None] | None]
    state: str
    check: str
    words: str
    remedy: str
    code: int = 1


def settings(**values: str) -> Callable[[Place], None]:
    return lambda place: place.settings.update(values)


def topic(which: str, setting: str, value: str) -> Callable[[Place], None]:
    return lambda place: place.kafka.configure_topic(getattr(place.names, which), setting, value)


def topic_deleted(place: Place) -> None:
    place.kafka.delete_topic(place.names.decisions)


async def tagger_dead(place: Place) -> None:
    await place.commit()


async def jobs_wait(place: Place) -> None:
    await place.commit()
    await place.write(now_ms() - 10 * MIN_MS)


def token_revoked(place: Place) -> None:
    place.livechat.access.revoke()


def livechat_away(place: Place) -> None:
    place.settings["LIVECHAT_API_URL"] = "http://127.0.0.1:1/v3.6"


def scope_missing(place: Place) -> None:
    account, pat = place.livechat.add_account(place.organization, SCOPES - {"chats--all:rw"})
    place.settings |= {"LIVECHAT_ACCOUNT_ID": account.id, "LIVECHAT_PAT": pat}


def tag_renamed(place: Place) -> None:
    place.organization.tags.clear()
    place.organization.create_tag("refund", (0,), "owner", datetime.now(UTC))


def tag_deleted(place: Place) -> None:
    place.organization.tags.clear()


def end_not_registered(place: Place) -> None:
    webhooks = place.livechat.registry.webhooks
    for one in [one for one in webhooks.values() if one.action == "chat_deactivated"]:
        del webhooks[one.id]


def webhooks_disabled(place: Place) -> None:
    place.organization.webhooks_enabled[place.client_id] = False


def other_secret(place: Place) -> None:
    place.register(place.url, "another-secret")


def secret_unknown_to_ingest(place: Place) -> None:
    place.settings["LIVECHAT_WEBHOOK_SECRETS"] = "another-secret"
    place.register(place.url, "another-secret")


def wrong_path(place: Place) -> None:
    place.register(place.url.replace("/webhooks/livechat", "/livechat"))


def nobody_at_the_address(place: Place) -> None:
    place.register("http://127.0.0.1:1/webhooks/livechat")


def livechat_clock_ahead(place: Place) -> None:
    place.livechat.now = lambda: datetime.now(UTC) + timedelta(minutes=10)


async def ingest_clock_ahead(place: Place) -> None:
    await place.write(now_ms() + 10 * MIN_MS)


def keyword_file_breaks(place: Place) -> None:
    place.config.write_text(RULES.replace("tag:", "tgs:"), "utf-8")


async def another_set_in_force(place: Place) -> None:
    await place.store(RULES.replace("[refund]", "[refund, chargeback]"))


FAULTS: Final = [
    Row(
        settings(KAFKA_GROUP_ID=" ", TAGGER_ADMIN_PORT="99999"),
        "wrong",
        "settings",
        "KAFKA_GROUP_ID: is blank: leave it out, or give the group a name",
        "README.md lists every setting",
        2,
    ),
    Row(settings(LIVECHAT_PAT=""), "wrong", "settings", "exactly one kind of credentials", "", 2),
    Row(
        settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"),
        "wrong",
        "kafka",
        "nothing accepts connections",
        "KAFKA_BOOTSTRAP",
        2,
    ),
    Row(
        settings(KAFKA_SECURITY_PROTOCOL="SSL"),
        "wrong",
        "kafka",
        "not ours as a Kafka client",
        "SECURITY_PROTOCOL",
        2,
    ),
    Row(topic_deleted, "wrong", "topics", "there is no topic", "kafka-topics.sh --bootstrap-server"),
    Row(
        topic("webhooks", "cleanup.policy", "compact"),
        "wrong",
        "topics",
        "is compacted",
        "cleanup.policy to delete",
    ),
    Row(topic("keywords", "max.message.bytes", "9999"), "wrong", "topics", "9999 bytes", "max.message.bytes"),
    Row(
        topic("webhooks", "retention.ms", "3600000"), "wrong", "topics", "for 60 min only", "kafka-configs.sh"
    ),
    Row(tagger_dead, "wrong", "group", "has no member, so no chat is tagged", "start `tagger run`"),
    Row(jobs_wait, "wrong", "group", "the oldest is 10 min old", "/health/ready"),
    Row(token_revoked, "wrong", "livechat", "token is invalid", "create a new token", 2),
    Row(livechat_away, "wrong", "livechat", "could not be reached", "LIVECHAT_API_URL", 2),
    Row(scope_missing, "wrong", "scopes", "lacks chats--all:rw", "create a token with the scopes"),
    Row(tag_deleted, "wrong", "tags", "LiveChat has no tag 'Refund'", "Create it in LiveChat"),
    Row(tag_renamed, "wrong", "tags", "LiveChat has 'refund', not 'Refund'", "Write it as LiveChat does"),
    Row(
        end_not_registered,
        "wrong",
        "webhooks",
        "chat_deactivated: not registered",
        "tagger webhooks register",
    ),
    Row(webhooks_disabled, "wrong", "webhooks", "disabled", "tagger webhooks enable"),
    Row(other_secret, "wrong", "webhooks", "secret that is not in LIVECHAT_WEBHOOK_SECRETS", "rotate-secret"),
    Row(
        secret_unknown_to_ingest,
        "wrong",
        "webhooks",
        "answers 401",
        "must be one of LIVECHAT_WEBHOOK_SECRETS there",
    ),
    Row(wrong_path, "wrong", "webhooks", "answers 404", "/webhooks/livechat"),
    Row(nobody_at_the_address, "doubtful", "webhooks", "answers URLError", "whether ingest runs", 0),
    Row(livechat_clock_ahead, "wrong", "clocks", "LiveChat's clock is", "NTP"),
    Row(ingest_clock_ahead, "wrong", "clocks", "the clock of ingest", "NTP"),
    Row(keyword_file_breaks, "wrong", "keywords", "rules.yaml:4:5", "fix it"),
    Row(another_set_in_force, "wrong", "keywords", "not these files", "give every member the same files"),
]


def matching(found: list[Finding], row: Row) -> list[Finding]:
    return [
        one
        for one in found
        if (one.state, one.check) == (row.state, row.check)
        and row.words in one.text
        and row.remedy in one.remedy
    ]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: f"{row.check}: {row.words}"[:50])
async def test_a_planted_fault_is_found_with_what_to_do(
    kafka_real: Kafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    async with a_place(kafka_real, unique, tmp_path, monkeypatch) as place:
        if (planted := row.plant(place)) is not None:
            await planted
        found = await place.found(monkeypatch)
    assert len(matching(found, row)) == 1, found
    assert exit_code(found) == row.code, found
    assert SECRET not in repr(found)
    assert place.settings["LIVECHAT_PAT"] not in repr(found) or not place.settings["LIVECHAT_PAT"]


async def test_where_nothing_is_wrong_nothing_is_found(
    kafka_real: Kafka, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_place(kafka_real, unique, tmp_path, monkeypatch) as place:
        found = await place.found(monkeypatch)
    assert exit_code(found) == 0
    odd = [one for one in found if one.state not in ("ok", "not checked")]
    assert [one.text.rpartition("; ")[2] for one in odd] == ["none has run yet"]
    assert not any(matching(found, row) for row in FAULTS)


async def test_webhooks_that_wait_in_the_spool_are_found(
    kafka_embedded: AnyKafka, unique: str, tmp_path: Path
) -> None:
    spool = {"INGEST_SPOOL_DIR": str(tmp_path / "spool")}
    async with a_stage(kafka_embedded, unique, tmp_path, versions=("3.6",), settings=spool) as stage:
        await stage.ingest.kill()
        stage.ingest.settings["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
        await stage.ingest.start()
        await stage.play(visits(7, 2))
        environment = {**stage.ingest.settings, **stage.tagger.settings}
        _, lines = await run(environment, "--format", "json")
    found = [Finding(**orjson.loads(line)) for line in lines.splitlines()]
    waiting = [one for one in found if one.check == "ingest" and "in its spool, the oldest" in one.text]
    assert [one.state for one in waiting] in (["doubtful"], ["wrong"]), (
        lines
    )  # wrong once they wait for minutes


async def test_both_brokers_pass_it_with_both_services_and_no_output_has_a_secret(
    kafka: AnyKafka, unique: str, tmp_path: Path
) -> None:
    async with a_stage(kafka, unique, tmp_path) as stage:
        if isinstance(kafka, Kafka):
            kafka.configure_topic(stage.names.keywords, "cleanup.policy", "compact")
        await stage.play(visits(7, 5))
        await stage.settled(DEADLINE_S)
        more = {"LIVECHAT_CLIENT_ID": stage.app.client_id}
        code, text = await run({**stage.ingest.settings, **stage.tagger.settings, **more})
        secrets = [one for kind in stage.secrets().values() for one in kind]
    assert code == 0, text
    assert "  wrong  " not in f"  {text}"
    assert "(each of 4 organizations)" in text
    assert "lag 0" in text
    assert "\x1b" not in text  # no colours where nobody sees them
    assert not [one for one in secrets if one in text]


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    """`tagger doctor` as a process: its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tagger", "doctor", *arguments),
        env=environment_for(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE_S):
        output, _ = await process.communicate()
    return process.returncode, output.decode()
