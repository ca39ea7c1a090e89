"""What the strip says of decisions: nothing where all is well, else what is wrong and what that means."""

import sqlite3
from typing import Any

import pytest

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
                "Decisions do not come in. Kafka has not answered since 15:00. What is shown of chats is as of 15:00. "
                "It is tried again every 10 seconds."
            ],
        ),
        (
            {"trouble": TopicMissingError(TOPIC)},
            [
                "Decisions do not come in. Kafka has no topic livechat.decisions. It is tried again every 10 seconds."
            ],
        ),
        (
            {"trouble": sqlite3.OperationalError("database or disk is full")},
            [
                "Decisions do not come in. The ledger cannot be written: database or disk is full. "
                "It is tried again every 10 seconds."
            ],
        ),
        (
            {"recreated_ms": NOW - 60_000},
            [
                "The topic livechat.decisions was recreated. "
                "What is shown of the time before Tue 24 Nov 14:59 was read from the old one."
            ],
        ),
        ({"recreated_ms": NOW - 2 * 86_400_000}, []),
        ({"lost": 1}, ["1 decision is not known here. Kafka deleted it before this page read it."]),
        (
            {"lost": 1_200},
            ["1,200 decisions are not known here. Kafka deleted them before this page read them."],
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
