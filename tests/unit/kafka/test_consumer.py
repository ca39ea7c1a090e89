"""What the consumer's limits must be to each other."""

from tagger.core.limits import Limits
from tagger.kafka.consumer import JOBS_MAX


def test_what_one_organization_has_under_way_cannot_keep_a_partition_paused() -> None:
    """Half of the jobs may be of one that was alone, and they keep their text; at half of the limit reading goes on."""
    assert Limits().unsettled_max >= JOBS_MAX
