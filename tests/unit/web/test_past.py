"""What the strip says of decisions: nothing where all is well, else what is wrong and what that means."""

import sqlite3
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError

from tagger.history.filling import Filling, Progress
from tagger.history.kept_ledger import KeptLedger
from tagger.history.stored_sets import StoredSets
from tagger.kafka.reader import TopicMissingError
from tagger.web.past import Past, Topics, past_facts
from tagger.web.strip import Notice

NOW = 1_795_532_400_000  # Tue 24 Nov 2026 15:00 UTC
TOPIC = "livechat.decisions"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, []),
        ({"progress": Progress(610, 1_000)}, ["Reading decisions: 61 %"]),
        ({"progress": Progress(0, 0)}, []),
        (
            {"trouble": TimeoutError(), "seen_ms": NOW},
            [
                "No decisions are coming in. Kafka has not answered since 15:00. Chats are shown as of 15:00. "
                "The page tries again every 10 seconds."
            ],
        ),
        (
            {"trouble": TopicMissingError(TOPIC)},
            [
                "No decisions are coming in. Kafka has no topic livechat.decisions. The page tries again every 10 seconds."
            ],
        ),
        (
            {"trouble": TimeoutError()},
            [
                "No decisions are coming in. Kafka cannot be reached (TimeoutError): check KAFKA_BOOTSTRAP_SERVERS and, "
                "if Kafka needs them, KAFKA_SECURITY_PROTOCOL, user and password. The page tries again every 10 seconds."
            ],
        ),
        (
            {"trouble": GroupAuthorizationFailedError(), "seen_ms": NOW},
            [
                "No decisions are coming in. Kafka refuses it (GroupAuthorizationFailedError): this user is missing a "
                "permission; deploy/kafka.md lists what each needs. Chats are shown as of 15:00. "
                "The page tries again every 10 seconds."
            ],
        ),
        (
            {"trouble": sqlite3.OperationalError("database or disk is full")},
            [
                "No decisions are coming in. The ledger cannot be used: database or disk is full. "
                "The page tries again every 10 seconds."
            ],
        ),
        (
            {"trouble": sqlite3.DatabaseError("database disk image is malformed")},
            [
                "No decisions are coming in. The ledger is damaged (database disk image is malformed): stop `tagger web` "
                "and empty the folder WEB_DATA. It is read from Kafka again. The page tries again every 10 seconds."
            ],
        ),
        (
            {"recreated_ms": NOW - 60_000},
            [
                "The topic livechat.decisions was recreated. "
                "Decisions from before Tue 24 Nov 14:59 were read from the old one."
            ],
        ),
        ({"recreated_ms": NOW - 2 * 86_400_000}, []),
        ({"lost": 1}, ["1 decision is missing. Kafka deleted it before this page read it."]),
        (
            {"lost": 1_200},
            ["1,200 decisions are missing. Kafka deleted them before this page read them."],
        ),
    ],
)
async def test_what_is_not_as_it_should_be_is_said(state: dict[str, Any], expected: list[str]) -> None:
    ledger = KeptLedger(None, TOPIC)
    filling = Filling(ledger, dict, TOPIC)
    filling.progress = None
    for name, value in state.items():
        setattr(filling, name, value)
    past = Past(ledger, filling, Topics(dict, "livechat.webhooks"), StoredSets(dict, "livechat.keywords"))
    said = [
        f"{one.lead} {one.text}" if isinstance(one, Notice) else one.text for one in past_facts(past, NOW)
    ]
    await ledger.close()
    assert said == expected
