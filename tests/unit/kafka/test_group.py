"""What a member says of offsets that no member committed."""

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from tagger.core.partition.offsets import Hint, encode
from tagger.kafka.group import SHOWN_S, OffsetsFound
from tagger.metrics import Metrics

OURS = encode(Hint(3, None, 0))


@pytest.mark.parametrize(
    ("committed", "metadata", "log_end", "reason", "said"),
    [
        (5, OURS, 9, None, None),
        (None, "", 0, None, None),  # a new topic
        (None, "", 9, "missing", "had no offset for partition 2"),
        (5, "", 9, "moved", "offset 5 of partition 2 was not set by `tagger`"),
        (0, "somebody else's", 9, "moved", "offset 0 of partition 2"),
        (5, OURS[:-1] + "0", 9, None, None),  # ours, and damaged
    ],
)
def test_offsets_that_no_member_committed_are_told_at_once_and_shown_for_a_while(
    committed: int | None, metadata: str, log_end: int, reason: str | None, said: str | None
) -> None:
    found = OffsetsFound(Metrics())
    with capture_logs() as lines:
        found.look(TopicPartition("topic", 2), committed, metadata, log_end, now=100.0)
    assert [line["reason"] for line in lines] == ([reason] if reason else [])
    notes = found.notes(now=100.0 + SHOWN_S - 1)
    assert len(notes) == (said is not None)
    assert all(said in note for note in notes if said)
    assert found.notes(now=100.0 + SHOWN_S) == []
