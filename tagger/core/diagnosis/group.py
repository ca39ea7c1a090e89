"""How the consumer group stands: its members, its lag, and offsets that the log no longer has. Pure. Times in ms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tagger.core.diagnosis.finding import Finding, doubtful, ok, unchecked, wrong
from tagger.core.diagnosis.span import span
from tagger.core.plurals import counted

CHECK: Final = "group"
LATE_MS: Final = 300_000  # the objective: an ended chat has its tags within 5 minutes
START: Final = "start `tagger run`; if it ran, its log says why it ended"


class Progress(NamedTuple):
    """How far the group has finished a partition. Offsets."""

    partition: int
    committed: int | None  # None: nothing yet
    log_start: int
    log_end: int

    @property
    def lag(self) -> int:
        """Records that are not finished."""
        return max(0, self.log_end - max(self.committed or 0, self.log_start))


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """The group as Kafka describes it."""

    name: str
    progress: Sequence[Progress]
    members: int | None  # None: Kafka did not tell
    held: frozenset[int]  # partitions that a member has
    is_changing: bool  # between two assignments: who holds what is not known
    oldest_ms: int | None  # record time of the oldest record that is not finished; None: all are


def examined(group: GroupSeen, now_ms: int) -> list[Finding]:
    """All that is to be said of it."""
    found = [*_members(group), *_offsets(group), *_lag(group, now_ms)]
    return found


def _members(group: GroupSeen) -> Iterator[Finding]:
    ran = any(one.committed is not None for one in group.progress)
    if group.members is None:
        text = f"members of {group.name}: this user lacks Describe on the group, or the broker does not tell"
        yield unchecked(CHECK, text, "kafka-consumer-groups.sh --describe --group NAME --members")
    elif not group.members:
        text = (
            f"{group.name} has no member, so no chat is tagged; nothing is lost while Kafka keeps its records"
        )
        yield wrong(CHECK, text, START) if ran else doubtful(CHECK, f"{text}; none has run yet", START)
    elif group.is_changing:
        yield doubtful(
            CHECK, f"the members of {group.name} are agreeing on who reads what", "ask again in a minute"
        )
    else:
        yield from _share(group, group.members)


def _share(group: GroupSeen, members: int) -> Iterator[Finding]:
    unheld = [one.partition for one in group.progress if one.partition not in group.held]
    if unheld:
        count = f"{len(unheld)} of {len(group.progress)} partitions"
        text = f"no member of {group.name} holds {count}: chats there are not tagged"
        yield wrong(CHECK, text, "restart every `tagger run`, so that all agree on the partitions")
    elif members > len(group.progress):
        idle, partitions = members - len(group.progress), counted(len(group.progress), "partition")
        nothing = "1 does nothing" if idle == 1 else f"{idle} do nothing"
        text = f"{group.name} has {counted(members, 'member')} for {partitions}, so {nothing}"
        yield doubtful(CHECK, text, "run fewer, or see More partitions in deploy/kafka.md")
    else:
        yield ok(
            CHECK,
            f"{group.name} has {counted(members, 'member')}, and every partition is held",
        )


def _offsets(group: GroupSeen) -> Iterator[Finding]:
    lost = [
        one.partition for one in group.progress if one.committed is not None and one.committed < one.log_start
    ]
    beyond = [
        one.partition for one in group.progress if one.committed is not None and one.committed > one.log_end
    ]
    if lost:
        text = f"records of {counted(len(lost), 'partition')} were deleted before {group.name} had read them"
        yield wrong(
            CHECK, text, "tagger reconcile --since TIME finds the chats in them; keep records for longer"
        )
    if beyond:
        where = counted(len(beyond), "partition")
        text = f"{group.name} has offsets beyond the log's end in {where}: the topic was recreated"
        yield wrong(CHECK, text, "start `tagger run`, which reads it from its start, then: tagger reconcile")


def _lag(group: GroupSeen, now_ms: int) -> Iterator[Finding]:
    lag = sum(one.lag for one in group.progress)
    if not lag:
        yield ok(CHECK, "lag 0: every stored end is tagged or parked")
        return
    age_ms = max(0, now_ms - group.oldest_ms) if group.oldest_ms is not None else 0
    text = f"lag {counted(lag, 'record')}; the oldest is {span(age_ms)} old"
    if age_ms <= LATE_MS:
        yield ok(CHECK, text)
    else:
        yield wrong(
            CHECK,
            text,
            "GET /health/ready of `tagger run` says what it waits for: LiveChat, the token or Kafka",
        )
