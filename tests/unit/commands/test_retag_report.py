"""What `tagger retag` says beside a plan."""

from pathlib import Path

import pytest

from tagger.commands.retag_report import Planned, warnings
from tagger.core.review.retag import Asked, Retag
from tagger.core.rules.model import Keyword, Rule
from tagger.history.counts import Counts
from tests.unit.core.review.test_authorship import decided
from tests.unit.core.review.test_retag import LATER, chat

RULES = (
    Rule("upset", "Upset", any=(Keyword("angry", "angry"),)),
    Rule("refund", "Refund", any=(Keyword("refund", "refund"),), dry_run=True),
)


def warned(asked: Asked) -> list[str]:
    """Of a plan over a chat to which the rule `refund` had given Refund."""
    plan = Retag(asked)
    plan.plan(chat(decided("Refund")), None, LATER)
    return list(warnings(Planned(plan, asked, Path("plan"), 0, Counts("Kafka"), "of 7 days", RULES)))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(undo=("refund",)), []),
        (Asked(undo=("refnud",)), ["No decision on these chats names the rule refnud. Did you mean refund?"]),
        (Asked(undo=("old",)), ["No decision on these chats names the rule old."]),
        (
            Asked(undo=("upset",)),
            [
                "No decision on these chats names the rule upset.",
                "Rule upset is still in force: chats that end from now on get its tag. Delete it, or try it with dry_run.",
            ],
        ),
        (Asked(rename={"Refund": "Money"}), []),
        (
            Asked(rename={"refund": "Money"}),
            ["No decision on these chats names the tag refund. Did you mean Refund?"],
        ),
    ],
)
def test_a_name_that_no_decision_has_is_said_and_so_is_a_rule_that_is_still_in_force(
    asked: Asked, said: list[str]
) -> None:
    assert warned(asked) == said
