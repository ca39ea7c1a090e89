"""The records that a test produces fit their schema, of those that refuse what they do not know.

The functions that make records are watched in this process: `watch` has to run before others import them. What services
in processes of their own have written, `check_topics` reads from the broker.
"""

import asyncio
import functools
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer
from jsonschema import Draft202012Validator

from tagger.core.records import schemas
from tagger.core.records.keyword_set import unpack
from tests.deadline import DEADLINE_S

# Module → its functions that make a record, and the topic it is for.
MAKERS: Final[Mapping[str, Mapping[str, schemas.Topic]]] = {
    "ingest.topic": {"encode": "webhooks"},
    "tagger.core.records.decision": {"decision_record": "decisions", "parked_record": "parked"},
    "tagger.core.records.correction": {"correction_record": "decisions"},
    "tagger.core.records.parked": {"resolved_record": "parked", "refused_again": "parked"},
    "tagger.core.records.keyword_set": {"pack": "keywords"},
}
# Who imports a maker by name must come later, or it would go on with the one that nobody watches.
USERS: Final = ("ingest.delivery", "tagger.kafka.skip", "tagger.service.settle", "tagger.recovery.retry")
VALIDATORS: Final = {
    topic: Draft202012Validator(schemas.record_schema(topic, closed=True)) for topic in schemas.TOPICS
}
POLL_MS: Final = 200
SHOWN_MAX: Final = 10  # complaints; the first says enough
NEWEST_MAX: Final = 10_000  # records of a partition: a soak writes millions, all alike, 200 µs each


def complaints(topic: schemas.Topic, record: Any) -> list[str]:
    """What of a record's JSON does not fit; it names fields and quotes no value."""
    found = VALIDATORS[topic].iter_errors(record)
    return [f"{topic}: {each.json_path} breaks {each.validator} of its schema" for each in found][:SHOWN_MAX]


def document_of(topic: schemas.Topic, value: bytes) -> Any:
    """A record's value as JSON."""
    if topic != "keywords":
        return orjson.loads(value)
    files = unpack(value)
    assert not isinstance(files, str), files
    return {"format": 1, "files": {name: text.decode() for name, text in files.items()}}


def watch() -> None:
    """From now on, whatever makes a record asserts that it fits."""
    early = [name for name in USERS if name in sys.modules]
    assert not early, f"imported before the makers of records are watched: {early}"
    for module_name, makers in MAKERS.items():
        module = import_module(module_name)
        for name, topic in makers.items():
            setattr(module, name, _watched(getattr(module, name), topic))


def _watched(make: Callable[..., Any], topic: schemas.Topic) -> Callable[..., Any]:
    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        record = make(*args, **kwargs)
        match topic:
            case "webhooks":
                found = complaints(topic, orjson.loads(record.value))
            case "keywords":
                found = [] if record is None else complaints(topic, document_of(topic, record))
            case _:
                found = complaints(topic, orjson.loads(orjson.dumps(record)))
        assert not found, found
        return record

    return made


async def check_topics(bootstrap: str, names: Mapping[schemas.Topic, str]) -> int:
    """Assert that records on these topics fit, but for those that a test itself put there; how many there are.

    Of a partition that has more than NEWEST_MAX, only the newest are read.
    `ingest` writes headers, and so does who stores a keyword set: a webhook without them is a test's own.
    """
    topics = {name: topic for topic, name in names.items()}
    reader = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    count, found = 0, list[str]()
    try:
        async with asyncio.timeout(DEADLINE_S):
            await reader.start()
            for record in await _records(reader):
                topic = topics[record.topic]
                if topic not in {"webhooks", "keywords"} or record.headers:
                    count += 1
                    found += complaints(topic, document_of(topic, record.value))
    finally:
        await reader.stop()
    assert not found, found[:SHOWN_MAX]
    return count


async def _records(reader: AIOKafkaConsumer) -> list[Any]:
    """The records of the reader's topics, as they are now."""
    records = list[Any]()
    ends = await reader.end_offsets(reader.assignment())
    for partition, end in ends.items():
        if await reader.position(partition) < end - NEWEST_MAX:
            reader.seek(partition, end - NEWEST_MAX)
    for partition, end in ends.items():
        while await reader.position(partition) < end:
            for batch in (await reader.getmany(timeout_ms=POLL_MS)).values():
                records += batch
    return records
