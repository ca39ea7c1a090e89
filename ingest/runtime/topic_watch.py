"""Checks a service's topics every minute and logs when a problem begins or ends.

It promises to stop nothing: while Kafka is away the last result counts, and settings that are hidden from us (ACLs)
are reported once and not checked.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

from ingest.runtime.kafka_connections import end
from ingest.runtime.topic_check import CLEANUP, LARGEST, TEXTS, Problem, Wanted, problems
from ingest.runtime.topic_settings import topic_settings

LOOK_EVERY_S: Final = 60.0
LOOK_S_MAX: Final = 15.0  # for one check
CLOSE_S: Final = 1.0
REQUEST_S: Final = 5.0  # then another broker is asked

log = structlog.get_logger()


class TopicWatch:
    """Checks topics; `problems` is what the last check found."""

    def __init__(self, options: Callable[[], dict[str, Any]], wanted: Sequence[Wanted], unfit: Gauge) -> None:
        """unfit: has the labels `topic` and `kind`."""
        self.problems: list[Problem] = []
        self.looks = 0  # checks that succeeded
        self._options, self._wanted, self._unfit = options, wanted, unfit
        self._hidden_reported = False
        self._show()

    async def run(self) -> None:
        """Check indefinitely, the first time at once."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Check once. If Kafka does not answer, nothing changes."""
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                existing, configs = await self._ask()
        except (KafkaError, OSError) as error:  # TimeoutError is an OSError
            log.debug("topics_not_seen", error_type=type(error).__name__)  # others report that Kafka is away
            return
        self.looks += 1
        found = problems(self._wanted, existing, configs)
        for problem in found:
            if problem not in self.problems:
                log.error("topic_unfit", topic=problem.topic, reason=problem.text)
        for problem in self.problems:
            if problem not in found:
                log.info("topic_fixed", topic=problem.topic)
        self.problems = found
        self._show()

    async def _ask(self) -> tuple[set[str], dict[str, dict[str, str]]]:
        admin = AIOKafkaAdminClient(**self._options(), request_timeout_ms=int(REQUEST_S * 1000))
        try:
            await admin.start()
            existing = set(await admin.list_topics())
            ours = [want.topic for want in self._wanted if want.topic in existing]
            configs = await topic_settings(admin, ours, (CLEANUP, LARGEST))
            if len(configs) < len(ours):
                self._hidden()
            return existing, configs
        finally:
            await end(admin, CLOSE_S)

    def _hidden(self) -> None:
        if not self._hidden_reported:
            self._hidden_reported = True
            reason = "not checked: this user needs DescribeConfigs on its topics (deploy/kafka.md)"
            log.info("topic_settings_hidden", reason=reason)

    def _show(self) -> None:
        wrong = {(problem.topic, problem.kind) for problem in self.problems}
        for want in self._wanted:
            for kind in TEXTS:
                self._unfit.labels(want.topic, kind).set((want.topic, kind) in wrong)
