"""What a member sees of its group: whether it may stay, who holds which partitions, which offsets exist.

All of it is for people, in words and figures; it changes nothing but when this member joins again.
"""

import asyncio
import random
from collections import deque
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from tagger.core.partition.offsets import Void, decode
from tagger.kafka.brokers import was_put_out
from tagger.metrics import Metrics

# Put out this often within this long: no broker's restart, but another member has our name or we are too slow.
PUT_OUT_S: Final = 120.0
PUT_OUT_MAX: Final = 3
# Before such a member joins again, so that two of one name take longer turns than a second each.
JOIN_AFTER_S_MAX: Final = 20.0
LOOK_S: Final = 30.0  # between two looks for partitions that nobody holds
LOOK_DEADLINE_S: Final = 20.0
SHOWN_S: Final = 600.0  # how long health shows that offsets were changed

log = structlog.get_logger()


class Membership:
    """Notices when the group puts this member out. Times are monotonic seconds."""

    def __init__(self, kafka: AIOKafkaConsumer, instance_id: str | None, metrics: Metrics) -> None:
        self._kafka, self._instance_id, self._metrics = kafka, instance_id, metrics
        self._put_out: deque[float] = deque(maxlen=PUT_OUT_MAX)

    def on_revoked(self, count: int, now: float) -> None:
        """Note that `count` partitions were taken away, perhaps because the group put this member out."""
        if count and was_put_out(self._kafka):
            self._put_out.append(now)
            self._metrics.put_out.inc()
            log.warning("put_out_of_group", count=count)

    def _is_unstable(self, now: float) -> bool:
        return len(self._put_out) == PUT_OUT_MAX and now - self._put_out[0] < PUT_OUT_S

    def complaint(self, now: float) -> str | None:
        """What is wrong if the group keeps putting this member out, and what to do."""
        if not self._is_unstable(now):
            return None
        why = "another process has the same KAFKA_GROUP_INSTANCE_ID; give each process a different one."
        if self._instance_id is None:
            why = "it is too slow for KAFKA_SESSION_TIMEOUT_S, or its network to Kafka keeps failing."
        return f"The group put this member out {PUT_OUT_MAX} times within {PUT_OUT_S:.0f} s: {why}"

    async def before_joining(self, now: float) -> None:
        """Let another process of the same name run for a while."""
        if self._is_unstable(now):
            await asyncio.sleep(random.uniform(JOIN_AFTER_S_MAX / 2, JOIN_AFTER_S_MAX))  # noqa: S311


class OffsetsFound:
    """Notices offsets that no member of the group committed."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._notes: dict[int, tuple[str, float]] = {}  # by partition: the sentence, and when

    def look(
        self, tp: TopicPartition, committed: int | None, metadata: str, log_end: int, now: float
    ) -> None:
        """Check the group's offset of a partition that is assigned to this member."""
        hint = decode(metadata)
        if committed is None and log_end > 0:
            reason = "missing"
            text = (
                f"The group had no offset for partition {tp.partition}, whose log is not empty: it is new, or its "
                "offsets were deleted. What the log still holds is read from its start."
            )
        elif committed is not None and isinstance(hint, Void) and hint.reason in ("absent", "foreign"):
            reason = "moved"
            text = (
                f"The offset {committed} of partition {tp.partition} was not set by `tagger`: if ended chats before "
                "it were not settled, `tagger reconcile` finds them."
            )
        else:
            return
        self._notes[tp.partition] = (text, now)
        self._metrics.offsets_changed.labels(reason=reason).inc()
        log.warning("offsets_changed", reason=reason, committed=committed, **tp._asdict())

    def notes(self, now: float) -> list[str]:
        """What health should say, for a while."""
        self._notes = {number: note for number, note in self._notes.items() if now - note[1] < SHOWN_S}
        return [text for _, (text, _) in sorted(self._notes.items())]


class Unheld:
    """Looks for partitions of the topic that no member of the group holds, as after more were created.

    Every member looks: the partition that nobody holds may be any of them.
    """

    def __init__(self, admin: AIOKafkaAdminClient, group_id: str, topic: str, metrics: Metrics) -> None:
        self._admin, self._group_id, self._topic, self._metrics = admin, group_id, topic, metrics

    async def run(self) -> None:
        """Look forever. If a look fails, the figure stays as it was."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                async with asyncio.timeout(LOOK_DEADLINE_S):
                    unheld = await self.look()
            except Exception as error:  # noqa: BLE001 - no right to describe, no broker, AttributeError of aiokafka
                log.debug("group_not_described", error_type=type(error).__name__)
                continue
            if unheld is not None:
                self._metrics.partitions_unheld.set(len(unheld))
                if unheld:
                    log.warning("partitions_unheld", topic=self._topic, count=len(unheld))

    async def look(self) -> set[int] | None:
        """The partitions that nobody holds; None while the group is changing."""
        (described,) = await self._admin.describe_consumer_groups([self._group_id])
        group: Any = described.groups[0]
        error_code, _, state, _, _, members = group[:6]
        if error_code or state != "Stable":
            return None
        held: set[int] = set()
        for member in members:
            assignment = ConsumerProtocolMemberAssignment.decode(member[-1])
            for topic, partitions in assignment.assignment:
                held |= set(partitions) if topic == self._topic else set()
        (topic,) = await self._admin.describe_topics([self._topic])
        return {one["partition"] for one in topic["partitions"]} - held
