"""A share never says "none" of some, or "all" of most."""

import pytest

from tagger.core.review.shares import share


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 7, "0.0 %"),
        (1, 100_000, "0.1 %"),
        (1, 8, "12.5 %"),
        (99_999, 100_000, "99.9 %"),
        (7, 7, "100.0 %"),
    ],
)
def test_only_none_is_no_share_and_only_all_the_whole(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text
