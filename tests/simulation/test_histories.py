"""Twenty thousand histories keep every property, and cover everything they are meant to."""

from collections import Counter
from typing import Final

import pytest

from tests.simulation.setting import setting, steps
from tests.simulation.story import fails, run, shortened, story

CHUNKS: Final = 8  # so that test workers can share them
HISTORIES: Final = 2_500
SEEN_MIN: Final = 5

# What must happen in every chunk, or the histories no longer test it. Most are the core's own counters.
MUST_MEET: Final = frozenset(
    {
        "added by a person",
        "commit landed after a newer one",
        "correction added",
        "correction removed",
        "corrected after the plan",
        "customer named later",
        "dropped not_sought",
        "end while asked",
        "event while asked",
        "events_over_limit",
        "evicted",
        "expired",
        "gap believed",
        "gap seen",
        "held back",
        "hint_void absent",
        "hint_void foreign",
        "hint_void garbled",
        "hint_void implausible",
        "hint_void mismatch",
        "hint_void version",
        "ignored_answers",
        "incomplete before_complete_since",
        "incomplete evicted",
        "incomplete expired",
        "incomplete gap",
        "incomplete limit",
        "incomplete moved",
        "incomplete never_seen",
        "incomplete no_author",
        "incomplete no_beginning",
        "incomplete no_created_at",
        "incomplete share",
        "incomplete still_active",
        "incomplete unreadable",
        "late",
        "limits changed",
        "lost_range",
        "only failing jobs are left",
        "partition added",
        "position moved without delivery",
        "range parked",
        "recalled",
        "recreated",
        "left alone by retag",
        "removed before the end",
        "removed by retag",
        "set by retag",
        "removed by a person",
        "repeated_end",
        "repeated_event",
        "reread",
        "replayed",
        "resume_void",
        "resumed",
        "revoke before a seek",
        "seek_lost",
        "set back under kept state",
        "shed",
        "stale log end",
        "tag refused",
        "tags partly refused",
        "two events made a tag",
        "untimely record",
        "unreadable no action",
        "unreadable no chat_id",
        "unreadable not JSON",
        "unreadable not an object",
        "window_cut",
    }
)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_history_violates_a_property(chunk: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(chunk * HISTORIES, (chunk + 1) * HISTORIES):
        drawn = setting(seed)
        try:
            seen += run(drawn).seen
        except Exception:
            pytest.fail(f"seed {seed}\n{story(drawn, shortened(drawn, steps(drawn)))}", pytrace=False)
    met = {name for name, count in seen.items() if count >= SEEN_MIN}
    assert met >= MUST_MEET, f"too rare: {sorted(MUST_MEET - met)}"


def test_a_history_is_the_same_each_time_it_is_run() -> None:
    for seed in range(50):
        first, second = run(setting(seed)), run(setting(seed))
        assert first.world.logs == second.world.logs
        assert first.seen == second.seen


def test_a_history_that_fails_is_shown_as_a_short_story() -> None:
    """The mistake is a step that does not exist."""
    drawn = setting(1)
    history = [("begins", 0, 1 << 9), ("says", 0, 16), ("ends", 0, 1 << 9), *steps(drawn)]
    broken = [*history, ("nobody_knows_this_step", 0, 0)]
    assert fails(drawn, history) is None
    assert "nobody_knows_this_step" in (fails(drawn, broken) or "")
    short = shortened(drawn, broken)
    assert short == [("nobody_knows_this_step", 0, 0)]
    assert "nobody_knows_this_step" in story(drawn, short)
