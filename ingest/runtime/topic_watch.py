"""Looks at the topics of a service every minute: what is wrong with them is logged when it begins and ends.

It promises that nothing ends because of it: while Kafka is away the last look counts, and where we may not see a
topic's settings (ACLs) nothing is said of them but once that it is so.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from ingest.runtime.kafka_connections import end
from ingest.runtime.topic_check import ASKED_FOR, KINDS, Problem, Wanted, problems

LOOK_EVERY_S: Final = 60.0
LOOK_S_MAX: Final = 15.0  # for one look
CLOSE_S: Final = 1.0
REQUEST_S: Final = 5.0  # a broker that does not answer in this time is one of several

log = structlog.get_logger()


class Figure(Protocol):
    """A gauge with the labels `topic` and `kind`."""

    def labels(self, *values: str) -> Any: ...


class TopicWatch:
    """`problems` is what was wrong at the last look."""

    def __init__(
        self, options: Callable[[], Mapping[str, Any]], wanted: Sequence[Wanted], figure: Figure
    ) -> None:
        self.problems: list[Problem] = []
        self.looks = 0  # that succeeded
        self._options, self._wanted, self._figure = options, wanted, figure
        self._told_hidden = False
        self._show()

    async def run(self) -> None:
        """Look for ever, the first time at once."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once. Where Kafka cannot be asked, all stays as it was."""
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                there, configs = await self._ask()
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            log.debug("topics_not_seen", error_type=type(error).__name__)  # others tell that Kafka is away
            return
        self.looks += 1
        found = problems(self._wanted, there, configs)
        for problem in found:
            if problem not in self.problems:
                log.error("topic_unfit", topic=problem.topic, reason=problem.text)
        for problem in self.problems:
            if problem not in found:
                log.info("topic_mended", topic=problem.topic)
        self.problems = found
        self._show()

    async def _ask(self) -> tuple[set[str], dict[str, dict[str, str]]]:
        admin = AIOKafkaAdminClient(**self._options(), request_timeout_ms=int(REQUEST_S * 1000))
        try:
            await admin.start()
            there = set(await admin.list_topics())
            ours = [want.topic for want in self._wanted if want.topic in there]
            return there, await self._configs(admin, ours)
        finally:
            await end(admin, CLOSE_S)

    async def _configs(self, admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """What is set for each topic; those whose settings we may not see are left out."""
        kind, names = ConfigResourceType.TOPIC, dict.fromkeys(ASKED_FOR, "")
        resources = [ConfigResource(kind, topic, names) for topic in topics]
        if not resources:
            return {}
        try:
            answers = await admin.describe_configs(resources)
        except KafkaError as error:
            self._hidden(type(error).__name__)
            return {}
        found: dict[str, dict[str, str]] = {}
        for code, _, _, topic, entries in (one for answer in answers for one in answer.resources):
            if code:
                self._hidden(f"error {code}")
            else:
                found[topic] = {entry[0]: entry[1] for entry in entries}
        return found

    def _hidden(self, why: str) -> None:
        if not self._told_hidden:
            self._told_hidden = True
            log.info(
                "topic_settings_hidden",
                reason="to have them checked give this user DescribeConfigs on its topics (deploy/kafka.md)",
                error_type=why,
            )

    def _show(self) -> None:
        wrong = {(problem.topic, problem.kind) for problem in self.problems}
        for want in self._wanted:
            for kind in KINDS:
                self._figure.labels(want.topic, kind).set((want.topic, kind) in wrong)
