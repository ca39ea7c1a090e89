"""What `tagger retag` says beside a plan."""

from pathlib import Path

import pytest

from tagger.commands.retag_report import Planned, report_lines, warnings
from tagger.core.review.retag import Asked, Retag
from tagger.core.rules.model import Keyword, Rule
from tagger.history.counts import Counts
from tagger.recovery.retag import Applied, Report
from tests.unit.core.review.test_authorship import decided
from tests.unit.core.review.test_retag import LATER, THREAD, chat

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


def test_a_report_says_why_chats_are_left_and_what_to_do() -> None:
    report = Report(3, problems={"org": "no answer", "": "no credentials"})
    report.add(Applied(THREAD, "refused"))
    assert list(report_lines(report, Path("plan"), 0, "text")) == [
        "3 chats: 0 retagged, 1 partly refused by LiveChat, 2 left.",
        "organization org: no answer",
        "chats without an organization: no credentials. Write it into their lines of the plan.",
        "0 API calls.",
        "Try the rest again with: tagger retag --apply plan",
    ]
