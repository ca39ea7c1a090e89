"""What findings amount to: an exit code, a summary, and one line for what all organizations have."""

import pytest

from tagger.core.diagnosis.finding import (
    Finding,
    doubtful,
    exit_code,
    merged,
    ok,
    split,
    summary,
    unchecked,
    wrong,
)

FINE = ok("kafka", "1 broker")
DOUBT = doubtful("topics", "one copy", "make two")
BAD = wrong("tags", "no tag", "create it")
BLIND = wrong("kafka", "away", "start it", blocks=True)
UNSEEN = unchecked("group", "not told")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([], 0),
        ([FINE, DOUBT, UNSEEN], 0),
        ([FINE, BAD], 1),
        ([BAD, BLIND], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_finding(found: list[Finding], code: int) -> None:
    assert exit_code(found) == code


def test_the_summary_counts_the_worst_first_and_leaves_out_what_is_not() -> None:
    assert summary([FINE, BAD, UNSEEN, FINE]) == "1 wrong, 1 not checked, 2 ok"


@pytest.mark.parametrize(
    ("organizations", "found", "texts"),
    [
        ([""], [("", FINE)], ["1 broker"]),
        (["a"], [("a", FINE)], ["1 broker (organization a)"]),
        (["a", "b"], [("a", FINE), ("b", FINE)], ["1 broker (each of 2 organizations)"]),
        (["a", "b"], [("a", FINE), ("b", BAD)], ["1 broker (organization a)", "no tag (organization b)"]),
    ],
)
def test_what_all_organizations_have_is_said_once(
    organizations: list[str], found: list[tuple[str, Finding]], texts: list[str]
) -> None:
    assert [one.text for one in merged(found, organizations)] == texts


def test_a_sentence_of_the_services_is_split_into_what_is_so_and_what_to_do() -> None:
    assert split("topics", "It is compacted: alter it: now") == wrong(
        "topics", "It is compacted", "alter it: now"
    )
