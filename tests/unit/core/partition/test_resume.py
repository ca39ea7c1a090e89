"""Where an assignment starts to read: metadata may only make it look further back, never skip."""

from collections import Counter
from typing import Any, Final

import pytest

from tagger.core.limits import METADATA_AGE_MS, Limits
from tagger.core.partition.offsets import NEVER_COMPLETE_MS, Hint, encode
from tagger.core.partition.protocol import Seek
from tagger.core.partition.resume import Kept, Resume
from tests.unit.core.partition.log import START_MS

LIMITS: Final = Limits(replay_records_max=100, chat_age_s_max=3_600, skew_s=60)
MARGIN_MS: Final = 60_000


class Begun:
    """A Resume, and what it counted."""

    def __init__(
        self,
        committed: int | None,
        metadata: str = "",
        *,
        log_start: int = 0,
        log_end: int = 1_000,
        kept: Kept | None = None,
        added: bool = False,
    ) -> None:
        self.counted: Counter[str] = Counter()
        self.start = Resume(committed, metadata, log_start, log_end, kept, LIMITS, self._count, added=added)

    def _count(self, name: str, reason: str) -> None:
        self.counted[f"{name} {reason}".rstrip()] += 1

    def first(self, offset: int, record_ms: int | None = START_MS) -> Any:
        return self.start.look(offset, record_ms)

    def since_ms(self, record_ms: int = START_MS) -> int:
        """Return since when the log is complete, after a first record with this time."""
        assert self.start.stage == "ready"
        complete_since_ms = self.start.complete_since_ms
        return (
            self.start.complete_after(record_ms, START_MS) if complete_since_ms is None else complete_since_ms
        )


def hint(replay_from: int, record_ms: int | None = START_MS, complete_since_ms: int = 7) -> str:
    return encode(Hint(replay_from, record_ms, complete_since_ms))


def test_without_a_commit_everything_is_read_and_nothing_was_cut() -> None:
    begun = Begun(None)
    assert (begun.start.target, begun.start.effects_from, begun.start.complete_since_ms) == (0, 0, 0)
    assert begun.start.stage == "ready"
    assert begun.first(0) is None


def test_a_log_that_does_not_begin_at_0_was_cut_at_its_first_record() -> None:
    begun = Begun(None, log_start=40)
    assert (begun.start.target, begun.start.effects_from, begun.start.complete_since_ms) == (40, 40, None)
    assert begun.first(40) is None
    assert begun.start.complete_since_ms is None
    assert begun.since_ms() == START_MS + MARGIN_MS


def test_a_good_hint_is_followed_once_the_record_it_names_was_seen() -> None:
    begun = Begun(500, hint(450))
    assert (begun.start.target, begun.start.effects_from) == (450, 500)
    assert begun.start.stage == "hinted"
    assert begun.first(450) is None
    assert (begun.start.complete_since_ms, begun.counted) == (7, {})


def test_a_hint_that_names_the_committed_offset_itself_needs_no_record() -> None:
    begun = Begun(500, hint(500, None), log_end=500)
    assert begun.start.stage == "ready"
    assert (begun.start.target, begun.start.complete_since_ms) == (500, 7)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("", "absent"),
        ("AAAA", "foreign"),
        ("lt2;r=1", "version"),
        ("lt1;r=1", "garbled"),
        (hint(501), "implausible"),
        (hint(450, None), "implausible"),
    ],
)
def test_a_void_hint_means_looking_back_as_far_as_the_window_goes(metadata: str, why: str) -> None:
    begun = Begun(500, metadata)
    assert begun.start.target == 400
    assert begun.first(400, START_MS - 5) is None
    assert begun.since_ms(START_MS - 5) == START_MS - 5 + MARGIN_MS + METADATA_AGE_MS
    assert begun.start.effects_from == 500
    assert begun.counted == {f"hint_void {why}": 1}


@pytest.mark.parametrize("record_ms", [START_MS + 1, -1])
def test_a_hint_whose_record_has_another_time_is_void(record_ms: int) -> None:
    begun = Begun(500, hint(450))
    assert begun.first(450, record_ms) == Seek(400)
    assert begun.counted == {"hint_void mismatch": 1}


def test_a_first_record_without_a_time_tells_nothing() -> None:
    begun = Begun(500)
    assert begun.first(400, -1) is None
    assert begun.start.complete_since_ms is None  # no time: it takes a later record


def test_the_logs_very_beginning_is_no_proof_where_the_hint_is_void_as_the_partition_may_have_been_added() -> (
    None
):
    begun = Begun(50)
    assert (begun.start.target, begun.start.complete_since_ms) == (0, None)
    assert begun.first(0) is None
    assert begun.since_ms() == START_MS + MARGIN_MS + METADATA_AGE_MS


def test_a_hint_beyond_the_window_is_cut_and_keeps_its_complete_since() -> None:
    begun = Begun(500, hint(300, complete_since_ms=START_MS + 10**9))
    assert (begun.start.target, begun.counted) == (400, {"window_cut": 1})
    assert begun.start.complete_since_ms is None
    begun.first(400)
    assert begun.since_ms() == START_MS + 10**9


def test_a_hint_below_the_logs_start_is_cut_there() -> None:
    begun = Begun(500, hint(450), log_start=470)
    assert begun.start.target == 470
    begun.first(470)
    assert begun.since_ms() == START_MS + MARGIN_MS


@pytest.mark.parametrize(("committed", "counted"), [(30, "lost_range"), (2_000, "recreated")])
def test_a_committed_offset_that_the_log_does_not_have_means_its_start(committed: int, counted: str) -> None:
    begun = Begun(committed, hint(min(committed, 20)), log_start=40)
    assert (begun.start.target, begun.start.effects_from, begun.counted) == (40, 40, {counted: 1})


def test_a_lost_seek_is_asked_for_again_and_then_believed() -> None:
    begun = Begun(None, log_start=40)
    assert begun.first(45) == Seek(40)
    assert begun.first(45) is None
    assert begun.counted == {"seek_lost": 1}
    assert (begun.start.target, begun.since_ms()) == (45, START_MS + MARGIN_MS)


@pytest.mark.parametrize(
    ("looks", "target"), [((45, 43), 43), ((43, 45), 43), ((35, 45), 40), ((45, 40), 40)]
)
def test_of_a_gap_only_what_both_looks_showed_is_believed(looks: tuple[int, int], target: int) -> None:
    begun = Begun(None, log_start=40)
    assert begun.first(looks[0]) == Seek(40)
    assert begun.first(looks[1]) is None
    assert begun.start.target == target


def test_what_was_seen_before_an_error_of_the_client_makes_nothing_believed() -> None:
    begun = Begun(None, log_start=40)
    assert begun.first(45) == Seek(40)
    begun.start.reread()
    assert begun.first(45) == Seek(40)


@pytest.mark.parametrize("record_ms", [START_MS, START_MS + 5])
def test_of_a_partition_that_was_added_the_very_beginning_is_a_cut(record_ms: int) -> None:
    begun = Begun(None, added=True)
    assert (begun.start.target, begun.start.complete_since_ms) == (0, None)
    assert begun.first(0) is None
    assert begun.since_ms(record_ms) == record_ms + MARGIN_MS + METADATA_AGE_MS


def test_a_hint_that_calls_nothing_complete_yet_says_so_to_the_next_owner() -> None:
    begun = Begun(0, hint(0, None, NEVER_COMPLETE_MS))
    assert (begun.start.target, begun.start.complete_since_ms) == (0, None)
    assert begun.first(0) is None
    assert begun.since_ms() == START_MS + MARGIN_MS + METADATA_AGE_MS
    read = Begun(500, hint(450, complete_since_ms=NEVER_COMPLETE_MS))
    assert read.first(450) is None
    assert read.start.complete_since_ms is None


def test_a_gap_where_the_hint_points_voids_it() -> None:
    begun = Begun(500, hint(450))
    assert begun.first(451) == Seek(450)
    assert begun.first(451) == Seek(400)
    assert begun.counted == {"seek_lost": 1, "hint_void mismatch": 1}


def test_a_gap_after_an_uncut_start_is_a_cut() -> None:
    begun = Begun(None)
    assert begun.first(3) == Seek(0)
    assert begun.first(3) is None
    assert begun.since_ms() == START_MS + MARGIN_MS


def test_a_time_far_ahead_of_ours_is_not_believed_for_ever() -> None:
    begun = Begun(None, log_start=40)
    begun.first(40, START_MS * 1_000)
    assert begun.since_ms(START_MS * 1_000) == START_MS + 3_600_000 + MARGIN_MS


KEPT: Final = Kept(position=480, last_record_ms=START_MS, committed=460, complete_since_ms=7)


@pytest.mark.parametrize("committed", [460, 470, 480, 490])
def test_kept_state_goes_on_once_its_last_record_was_seen_again(committed: int) -> None:
    begun = Begun(committed, kept=KEPT)
    assert (begun.start.target, begun.start.stage) == (479, "kept")
    assert begun.first(479) is None
    assert begun.start.effects_from == committed
    assert begun.start.stage == "ready"


@pytest.mark.parametrize(
    ("committed", "log_start", "log_end"),
    [
        (459, 0, 1_000),  # somebody set the group back
        (None, 0, 1_000),  # its offsets were deleted
        (470, 480, 1_000),  # the log no longer reaches its last record
        (470, 0, 479),  # it lost records
        (600, 0, 1_000),  # reading from a hint is nearer
    ],
)
def test_kept_state_does_not_go_on(committed: int | None, log_start: int, log_end: int) -> None:
    assert Begun(committed, log_start=log_start, log_end=log_end, kept=KEPT).start.stage != "kept"


@pytest.mark.parametrize(
    ("complete_since_ms", "stage"), [(6, "kept"), (7, "kept"), (8, "hinted"), (NEVER_COMPLETE_MS, "hinted")]
)
def test_kept_state_does_not_go_on_where_another_member_evicted_threads(
    complete_since_ms: int, stage: str
) -> None:
    metadata = hint(450, complete_since_ms=complete_since_ms)
    assert Begun(490, metadata, kept=KEPT).start.stage == stage


def test_kept_state_knows_what_retention_took() -> None:
    begun = Begun(460, log_start=470, kept=KEPT)
    assert begun.start.stage == "kept"
    assert (begun.first(479), begun.start.effects_from, begun.counted) == (None, 460, {})


def test_kept_state_of_another_log_is_void() -> None:
    begun = Begun(470, hint(450), kept=KEPT)
    assert begun.first(479, START_MS + 1) == Seek(450)
    assert begun.first(450) is None
    assert begun.counted == {"resume_void": 1}


@pytest.mark.parametrize(
    ("begun", "position", "move"),
    [
        (Begun(500, hint(450)), 455, Seek(400)),
        (Begun(500), 401, None),
        (Begun(470, hint(450), kept=KEPT), 480, Seek(450)),
        (Begun(None, log_start=40), 41, None),
    ],
)
def test_where_no_record_comes_at_all_the_gap_is_believed_the_second_time(
    begun: Begun, position: int, move: Seek | None
) -> None:
    assert begun.first(position, None) == Seek(begun.start.target)
    assert begun.first(position, None) == move
