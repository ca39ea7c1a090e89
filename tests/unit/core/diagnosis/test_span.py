"""Spans of time in words."""

import pytest

from tagger.core.diagnosis.span import span


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h"),
        (172_799_999, "47 h"),
        (172_800_000, "2 days"),
        (86_400_000_000, "1,000 days"),
    ],
)
def test_a_span_is_told_in_one_unit(ms: int, text: str) -> None:
    assert span(ms) == text
