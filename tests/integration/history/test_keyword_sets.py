"""Keyword sets of the past, by their hash."""

from typing import Final

from aiokafka import AIOKafkaProducer

from tagger.core.records.keyword_set import pack
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.history.keyword_sets import sets_of
from tests.kafka.kafka import AnyKafka

RULES: Final = "version: 1\nrules:\n  - id: {0}\n    tag: T\n    any: [{0}]\n"


def files_of(word: str) -> dict[str, bytes]:
    return {"rules.yaml": RULES.format(word).encode()}


def hash_of(word: str) -> str:
    rules = parse(files_of(word))
    assert isinstance(rules, RuleSet)
    return rules.hash


async def test_a_set_is_found_by_its_hash_or_told_why_not(kafka: AnyKafka, unique: str) -> None:
    kafka.create_topic(unique, 1)
    bad = {"rules.yaml": b"version: 1\nrules: [{id: x}]\n"}
    records = [
        (hash_of("one"), b"damaged"),
        (hash_of("one"), pack(files_of("one"))),
        (hash_of("two"), pack(files_of("two"))),
        (hash_of("three"), pack(files_of("two"))),
        ("bad", pack(bad)),
        ("cut", (pack(files_of("two")) or b"")[:20]),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for key, value in records:
        await producer.send_and_wait(unique, value, key=key.encode(), partition=0)
    await producer.stop()
    wanted = [hash_of("one"), hash_of("two"), hash_of("three"), "bad", "cut", "nowhere", "nowhere"]
    found = await sets_of({"bootstrap_servers": kafka.bootstrap}, unique, wanted)
    assert list(found) == wanted[:-1]
    one, two, *others = found.values()
    assert isinstance(one, RuleSet)
    assert isinstance(two, RuleSet)
    assert [one.rules[0].id, two.rules[0].id] == ["one", "two"]
    assert [str(why).split(":")[0] for why in others] == [
        "its record holds another set",
        "this version no longer accepts it",
        "its record is cut off",
        f"it is not on {unique}",
    ]
