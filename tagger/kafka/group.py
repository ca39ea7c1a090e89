"""What a member sees of its group: whether it is let stay, who holds which partitions, what offsets there are.

Nothing here changes anything but when this member joins again; it is for people, in words and figures.
"""

import asyncio
import random
from collections import deque
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from tagger.core.partition.offsets import Void, decode
from tagger.kafka.brokers import was_put_out
from tagger.metrics import Metrics

# Put out so often within so long: this is no restart of a broker, somebody has our name or we are too slow.
PUT_OUT_S: Final = 120.0
PUT_OUT_MAX: Final = 3
# Before such a member joins again, so that two of one name take turns of some length instead of a second each.
JOIN_AFTER_S_MAX: Final = 20.0
LOOK_S: Final = 30.0  # for partitions that nobody holds
LOOK_DEADLINE_S: Final = 20.0
SHOWN_S: Final = 600.0  # health tells so long of offsets that were changed

log = structlog.get_logger()


class Membership:
    """Whether the group lets this member stay. Times are monotonic seconds."""

    def __init__(self, kafka: AIOKafkaConsumer, instance_id: str | None, metrics: Metrics) -> None:
        self._kafka, self.instance_id, self._metrics = kafka, instance_id, metrics
        self._put_out: deque[float] = deque(maxlen=PUT_OUT_MAX)

    def on_revoked(self, count: int, now: float) -> None:
        """So many partitions are taken away; it may be because the group no longer knows this member."""
        if count and was_put_out(self._kafka):
            self._put_out.append(now)
            self._metrics.put_out.inc()
            log.warning("put_out_of_group", count=count)

    def is_unstable(self, now: float) -> bool:
        return len(self._put_out) == PUT_OUT_MAX and now - self._put_out[0] < PUT_OUT_S

    def complaint(self, now: float) -> str | None:
        if not self.is_unstable(now):
            return None
        if self.instance_id is None:
            return (
                f"The group put this member out {PUT_OUT_MAX} times within {PUT_OUT_S:.0f} s: it is too slow for "
                "KAFKA_SESSION_TIMEOUT_S, or the network to Kafka is cut again and again."
            )
        return (
            f"The group put this member out {PUT_OUT_MAX} times within {PUT_OUT_S:.0f} s: another process has the "
            "same KAFKA_GROUP_INSTANCE_ID; give each one of its own."
        )

    async def before_joining(self, now: float) -> None:
        """Let another process of this name work for a while."""
        if self.is_unstable(now):
            await asyncio.sleep(random.uniform(JOIN_AFTER_S_MAX / 2, JOIN_AFTER_S_MAX))  # noqa: S311


class OffsetsFound:
    """Tells of offsets that are not those that members of the group committed."""

    def __init__(self, topic: str, metrics: Metrics) -> None:
        self._topic, self._metrics = topic, metrics
        self._told: dict[
            int, tuple[str, float]
        ] = {}  # by partition: the sentence and when; as many as there are

    def look(self, partition: int, committed: int | None, metadata: str, log_end: int, now: float) -> None:
        """The group's offset of a partition that is assigned to this member, and where its log ends."""
        reason = text = ""
        hint = decode(metadata)
        if committed is None and log_end > 0:
            reason = "missing"
            text = (
                f"The group had no offset of partition {partition}, whose log is not empty: it is new, or its "
                "offsets were deleted. What the log still holds is read from its beginning."
            )
        elif committed is not None and isinstance(hint, Void) and hint.reason in ("absent", "foreign"):
            reason = "moved"
            text = (
                f"The offset {committed} of partition {partition} was set by another program than `tagger`: "
                "if it lies beyond ends that were not settled, `tagger reconcile` finds their chats."
            )
        if not reason:
            return
        self._told[partition] = (text, now)
        self._metrics.offsets_changed.labels(reason=reason).inc()
        where = {"topic": self._topic, "partition": partition, "committed": committed}
        log.warning("offsets_changed", reason=reason, **where)

    def notes(self, now: float) -> list[str]:
        self._told = {number: told for number, told in self._told.items() if now - told[1] < SHOWN_S}
        return [text for _, (text, _) in sorted(self._told.items())]


class Unheld:
    """Looks for partitions of the topic that no member of the group holds, as after more were made.

    Every member looks, as no partition's owner can be relied on where it may be that one.
    """

    def __init__(
        self,
        admin: AIOKafkaAdminClient,
        kafka: AIOKafkaConsumer,
        group_id: str,
        topic: str,
        metrics: Metrics,
    ) -> None:
        self._admin, self._kafka, self._group_id, self._topic = admin, kafka, group_id, topic
        self._metrics = metrics

    async def run(self) -> None:
        """For ever. Where it cannot be told, the figure stays as it was."""
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
