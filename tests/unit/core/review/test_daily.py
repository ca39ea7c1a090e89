"""Days that are counted alone and added up are the days counted together."""

from random import Random

import pytest

from tagger.core.conversation import ThreadKey
from tagger.core.matching.decide import Reason
from tagger.core.review.daily import Day, added_up, day_of
from tagger.core.review.past_chat import Correction, PastChat, PastDecision
from tagger.core.rules.model import Keyword, Rule

RULES = (
    Rule("refund", "Refund", any=(Keyword("refund", "refund"), Keyword("money", "money"))),
    Rule("late", "Late", any=(Keyword("late", "late"),)),
    Rule("never", "Never", any=(Keyword("never", "never"),)),
)


def chat(number: int, because: tuple[Reason, ...], *corrections: Correction) -> PastChat:
    tags = tuple(sorted({reason.tag for reason in because}))
    made = PastDecision(tags, because, "tagged", "", 1, number, number, None)
    return PastChat(ThreadKey("o", f"C{number}", f"T{number}"), number, None, (made,), corrections)


@pytest.mark.parametrize("seed", range(4))
def test_days_add_up(seed: int) -> None:
    chance = Random(seed)
    reasons = [Reason("refund", "Refund", word, "e", 0, 1) for word in ("refund", "money")]
    reasons.append(Reason("late", "Late", "late", "e", 0, 1))
    chats = [
        chat(
            number,
            tuple(chance.sample(reasons, chance.randrange(4))),
            *[Correction(chance.choice(["Refund", "Late", "Other"]), chance.choice(["added", "removed"]), 1)]
            * chance.randrange(2),
        )
        for number in range(100)
    ]
    together = day_of(RULES, chats)
    assert added_up([day_of(RULES, chats[:30]), day_of(RULES, chats[30:]), Day()]) == together
    assert together.chats == 100
    assert ("never", "Never") not in together.rules
    assert together.rules["refund", "Refund"].keywords.keys() <= {"refund", "money"}
    assert together.removed + together.added > 0


def test_adding_up_changes_no_day() -> None:
    day = day_of(RULES, [chat(1, (Reason("late", "Late", "late", "e", 0, 1),))])
    added_up([day, day])
    assert (day.chats, day.rules["late", "Late"].chats) == (1, 1)
