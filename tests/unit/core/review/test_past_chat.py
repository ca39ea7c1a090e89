"""What decisions on a thread called for together."""

from tagger.core.review.past_chat import PastDecision, called_for


def test_what_retag_removed_is_not_called_for_until_a_later_decision_calls_for_it_again() -> None:
    first = PastDecision(("Refund", "Upset"), (), "tagged", "hash", 1, 1, 1, None)
    retagged = first._replace(tags=("Refund",), untagged=("Upset",))
    late = first._replace(tags=("Upset",), outcome="late")
    assert called_for([]) == frozenset()
    assert called_for([first, late]) == {"Refund", "Upset"}
    assert called_for([first, retagged]) == {"Refund"}
    assert called_for([first, retagged, late]) == {"Refund", "Upset"}
