"""A correction counts against what decisions called for, and the last word on a tag is the one."""

import pytest

from tagger.core.review.last_words import last_words
from tagger.core.review.past_chat import Correction


@pytest.mark.parametrize(
    ("called_for", "changes", "expected"),
    [
        (["Refund"], ["-Refund"], {"Refund": "removed"}),
        (["Refund"], ["-Refund", "+Refund"], {}),
        (["Refund"], ["+Refund"], {}),
        ([], ["+Refund"], {"Refund": "added"}),
        ([], ["+Refund", "-Refund"], {}),
        ([], ["-Refund"], {}),
        (["Refund"], ["+Delay", "-Refund"], {"Delay": "added", "Refund": "removed"}),
    ],
)
def test_the_last_word_on_a_tag_counts_where_it_changes_something(
    called_for: list[str], changes: list[str], expected: dict[str, str]
) -> None:
    made = [
        Correction(change[1:], "added" if change[0] == "+" else "removed", number)
        for number, change in enumerate(changes)
    ]
    assert {tag: one.change for tag, one in last_words(called_for, made).items()} == expected
