"""A trial is summed up: what makes chats gain a tag or lose it, and which chats."""

import orjson
import pytest

from tagger.core.conversation import Conversation, Said, ThreadKey
from tagger.core.matching.why_not import WhyNot
from tagger.core.review.backtest import Backtest
from tagger.core.review.difference import rules_by_id
from tagger.core.review.past_chat import PastChat
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.history.counts import Counts
from tagger.web.change.outcome import CHATS_MAX, Outcome, loss, outcome, read_outcome
from tagger.web.change.screen import FIRST_ROWS, csv_row, diff, first_rows

OLD = """\
version: 1
rules:
  - {id: refund, tag: Refund, any: [refund, money back, rebate]}
"""
NEW = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, money back, zwrot]
    ignore: [money back guarantee]
    none: [thank you]
"""


def rules(text: str) -> RuleSet:
    parsed = parse({"config/a.yaml": text.encode()})
    assert isinstance(parsed, RuleSet)
    return parsed


def tried(*texts: str, old: str = OLD, new: str = NEW) -> Outcome:
    test = Backtest(rules(old), rules(new), explain=True)
    for number, text in enumerate(texts):
        thread = ThreadKey("org", f"C{number}", f"T{number}")
        said = Conversation(thread, (Said("e", "customer", (text,)),))
        test.add(PastChat(thread, 1_000 + number, said))
    counts = Counts("topic", 0)
    counts.cut = 2
    return outcome(test, rules_by_id(rules(new).rules), counts, (1_000, 1_000 + len(texts)), seconds=1.26)


def test_each_change_says_what_makes_it() -> None:
    result = tried("zwrot", "money back guarantee", "a rebate", "a refund, thank you", "refund", "hello")
    assert (result.chats, result.gaining, result.losing, result.changed) == (6, 1, 3, 4)
    assert (result.newly_tagged, result.newly_untagged) == (1, 3)
    assert (result.untagged_before, result.untagged_after) == (2, 4)
    assert [(row.change, row.keyword, row.note, row.file, row.line, row.chats) for row in result.causes] == [
        ("lost", "money back guarantee", "ignored", "a.yaml", 6, 1),
        ("lost", "rebate", "no longer in the rule", "", 0, 1),
        ("lost", "thank you", "of `none`", "a.yaml", 7, 1),
        ("gained", "zwrot", "", "a.yaml", 5, 1),
    ]
    assert [(row.change, row.chat_id, row.keyword, row.before) for row in result.rows] == [
        ("lost", "C3", "thank you", ("Refund",)),
        ("lost", "C2", "rebate", ("Refund",)),
        ("lost", "C1", "money back guarantee", ("Refund",)),
        ("gained", "C0", "zwrot", ()),
    ]
    assert result.notes == ("Not repeated: 2 chats whose beginning is missing.",)


def test_it_goes_from_process_to_process_as_it_is() -> None:
    result = tried("zwrot", "a rebate")
    back = read_outcome(orjson.loads(orjson.dumps(result)))
    assert orjson.dumps(back) == orjson.dumps(result)


@pytest.mark.parametrize(
    ("why_not", "dry_run", "told"),
    [
        (None, False, ("refund", "the rule has another tag")),
        (None, True, ("refund", "the rule is on trial")),
        (WhyNot("other_author", "customer"), False, ("refund", "said by the customer")),
    ],
)
def test_a_loss_is_told_in_a_few_words(why_not: WhyNot | None, dry_run: bool, told: tuple[str, str]) -> None:
    new = rules(NEW + "    dry_run: true\n" if dry_run else NEW)
    assert loss("refund", "refund", why_not, rules_by_id(new.rules)) == told
    assert loss("other", "refund", why_not, {}) == ("refund", "rule other is gone")


def test_the_first_rows_show_both_losses_and_gains() -> None:
    result = tried(*["zwrot"] * 20, *["a rebate"] * 20)
    shown = first_rows(result, everything=False)
    assert [row.change for row in shown] == ["lost"] * 3 + ["gained"] * (FIRST_ROWS - 3)
    assert len(first_rows(result, everything=True)) == 40
    assert csv_row(shown[0])[:3] == ("lost", "Refund", "C39")


def test_rows_are_bounded_and_of_both_kinds() -> None:
    result = tried(*["zwrot"] * (CHATS_MAX + 5), *["a rebate"] * (CHATS_MAX + 5))
    assert [sum(row.change == way for row in result.rows) for way in ("lost", "gained")] == [500, 500]
    assert result.changes == 2 * CHATS_MAX + 10


def test_a_diff_is_one_that_patch_takes() -> None:
    text = diff("a.yaml", b"a\r\nb\r\n", b"a\r\nc\r\n")
    assert text == "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n"
    assert diff("a.yaml", b"", b"x").startswith("--- /dev/null\n+++ b/a.yaml\n")
    assert diff("a.yaml", b"", b"x").endswith("+x\n\\ No newline at end of file\n")
