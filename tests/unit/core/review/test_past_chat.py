"""Which corrections on a thread are by people."""

from typing import Literal

import pytest

from tagger.core.review.past_chat import Correction, PastDecision, by_people

Changes = list[tuple[Literal["added", "removed"], str]]


@pytest.mark.parametrize(
    ("corrections", "people"),
    [
        pytest.param([("added", "Upset")], [("added", "Upset")], id="a tag of theirs"),
        pytest.param([("added", "Refund")], [], id="a tag of ours"),
        pytest.param([("removed", "Refund")], [("removed", "Refund")], id="our tag removed"),
        pytest.param(
            [("added", "Refund"), ("removed", "Refund"), ("added", "Refund")],
            [("removed", "Refund"), ("added", "Refund")],
            id="our tag removed, and set again",
        ),
        pytest.param([("removed", "Upset")], [("removed", "Upset")], id="a tag that nobody set"),
    ],
)
def test_a_tag_that_a_decision_called_for_was_set_by_a_person_only_after_one_removed_it(
    corrections: Changes, people: Changes
) -> None:
    decision = PastDecision(("Refund",), (), "tagged", "hash", 1, 1, 1, None)
    made = [Correction(tag, change, at) for at, (change, tag) in enumerate(corrections)]
    assert [(one.change, one.tag) for one in by_people(made, [decision])] == people
