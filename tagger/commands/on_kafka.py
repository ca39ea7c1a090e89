"""A command that needs Kafka: run to its end, or ended with what to do about Kafka."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from ingest.runtime.exit import stop
from ingest.runtime.logs import configure_logs
from tagger.kafka.reader import NO_KAFKA, TopicMissingError
from tagger.kafka.topics import what_to_do
from tagger.settings import ArchiveSettings, RunSettings, TopicSettings

T = TypeVar("T")


def on_kafka(
    settings: RunSettings | TopicSettings | ArchiveSettings,
    main: Coroutine[Any, Any, T],
    log_level: str = "warning",
) -> T:
    """What `main` returns; exits 2 if a topic is missing or Kafka does not answer."""
    configure_logs(log_level, settings.log_format)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters is raised, and said in words
    try:
        return asyncio.run(main)
    except (TopicMissingError, *NO_KAFKA) as error:
        stop(what_to_do(settings, error))
