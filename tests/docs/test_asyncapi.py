"""deploy/asyncapi.yaml is current, and says what deploy/kafka.md and upgrade.md say."""

import re
from typing import Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from tagger.core.records.schemas import TOPICS, Topic, record_schema
from tests.docs.asyncapi import CHANNELS, PAGE, ROOT, examples, written

KAFKA: Final = (ROOT / "deploy" / "kafka.md").read_text("utf-8")
ROWS: Final = dict(re.findall(r"^\| `livechat\.(\w+)` \| (\d+ \| [\w ]+) \|", KAFKA, re.MULTILINE))


def test_the_document_is_current() -> None:
    """`python -m tests.docs.asyncapi` rewrites it."""
    assert PAGE.read_text("utf-8") == written()


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_as_the_page_on_kafka_says(topic: Topic) -> None:
    partitions, days, _ = CHANNELS[topic]
    assert ROWS[topic] == f"{partitions} | {'compacted' if days is None else f'{days} days'}"


@pytest.mark.parametrize("topic", TOPICS)
def test_every_example_fits_its_schema(topic: Topic) -> None:
    validator = Draft202012Validator(record_schema(topic, closed=True))
    for example in examples(topic):
        validator.validate(example)


def test_it_is_for_this_version() -> None:
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert project
    assert yaml.safe_load(PAGE.read_text("utf-8"))["info"]["version"] == project[1]
