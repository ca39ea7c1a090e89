"""Sets of the past are read when one is asked for, and what cannot be had is said in words."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tagger.core.records.keyword_set import IN_FORCE_AT, pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.history import stored_sets
from tagger.history.stored_sets import StoredSet, StoredSets
from tests.kafka.kafka import AnyKafka


def files(keyword: str) -> dict[str, bytes]:
    return {"a.yaml": f"version: 1\nrules:\n  - {{id: r, tag: T, any: [{keyword}]}}\n".encode()}


def hash_of(keyword: str) -> str:
    rules = parse(files(keyword))
    assert isinstance(rules, RuleSet)
    return rules.hash


async def put(kafka: AnyKafka, topic: str, config: str, value: bytes | None, at_ms: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        headers = [(IN_FORCE_AT, str(at_ms).encode())]
        await producer.send_and_wait(topic, value, key=config.encode(), partition=0, headers=headers)
    finally:
        await producer.stop()


async def test_a_set_comes_with_its_files_and_its_time(
    kafka_embedded: AnyKafka, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka_embedded.create_topic(unique, 1)
    options: dict[str, Any] = {"bootstrap_servers": kafka_embedded.bootstrap}
    sets = StoredSets(lambda: options, unique)
    for at_ms, keyword in enumerate(("one", "two", "one"), 1):
        await put(kafka_embedded, unique, hash_of(keyword), pack(files(keyword)), at_ms)
    await put(kafka_embedded, unique, "damaged", b"\x00", 9)
    await put(kafka_embedded, unique, hash_of("other"), pack(files("two")), 9)
    one = await sets.get(hash_of("one"))
    assert isinstance(one, StoredSet)
    assert (one.rules.hash, one.files, one.in_force_at_ms) == (hash_of("one"), files("one"), 3)
    assert await sets.get("damaged") == "its record is cut off"
    assert await sets.get(hash_of("other")) == "its record holds another set"
    assert sets.times()[hash_of("two")] == 2
    # One that comes later is there at the next reading.
    await put(kafka_embedded, unique, hash_of("new"), pack(files("new")), 10)
    assert "are not stored" in str(await sets.get(hash_of("new")))
    monkeypatch.setattr(stored_sets, "READ_AGAIN_MS", 0)
    assert isinstance(await sets.get(hash_of("new")), StoredSet)
