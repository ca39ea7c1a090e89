"""The strip is quiet when all is well, and says what is wrong, where, and what that means."""

import pytest

from tagger.web.strip import Fact, KeywordsNow, Notice, Unfinished, strip, tags, waiting

AT_MS = 1_795_442_520_000  # Mon 23 Nov 2026 14:02
LATER_MS = AT_MS + 29 * 60_000


def test_a_set_in_force_is_one_quiet_fact() -> None:
    assert strip(KeywordsNow("9bd59202516a", AT_MS)) == (
        (Fact("ok", "Keywords of Mon 23 Nov 14:02 in force", "9bd59202516a"),),
        (),
    )


@pytest.mark.parametrize(
    ("problems", "lead", "text", "href"),
    [
        (
            ("config/billing.yaml:27:9: the keyword runs over 2 lines. Put it on one line.",),
            "billing.yaml:27:9 was refused at 14:31.",
            "The keyword runs over 2 lines. Put it on one line. "
            "Until it is fixed, texts are tried with the keywords of 14:02.",
            "/change?file=refused%2Fbilling.yaml&line=27#L27",
        ),
        (
            ("a.yaml:1:1: the file is empty", "b.yaml:2:3: x", "b.yaml:3:3: y"),
            "a.yaml:1:1 was refused at 14:31.",
            "The file is empty. 2 more: `tagger check` lists all. "
            "Until they are fixed, texts are tried with the keywords of 14:02.",
            "/change?file=refused%2Fa.yaml&line=1#L1",
        ),
        (
            ("config: contains no *.yaml files. Name the folder of your keyword files.",),
            "The keyword files were refused at 14:31.",
            "config: contains no *.yaml files. Name the folder of your keyword files. "
            "Until it is fixed, texts are tried with the keywords of 14:02.",
            "",
        ),
    ],
)
def test_a_refused_file_is_a_band_and_the_fact_warns(
    problems: tuple[str, ...], lead: str, text: str, href: str
) -> None:
    facts, notices = strip(KeywordsNow("9bd59202516a", AT_MS, problems, LATER_MS))
    assert notices == (Notice("bad", lead, text, href),)
    assert [fact.sign for fact in facts] == ["warn"]


def test_without_a_set_nothing_is_said_to_be_in_force() -> None:
    facts, notices = strip(KeywordsNow(None, AT_MS, ("a.yaml:1:1: the file is empty.",), LATER_MS))
    assert facts == ()
    assert notices[0].text == "The file is empty. No keywords are in force, so nothing can be tried."


def test_what_others_know_follows() -> None:
    lag, missing = Fact("ok", "Up to date"), Notice("warn", "LiveChat has no tag “Wrong item”.", "Create it.")
    facts, notices = strip(KeywordsNow("9bd59202516a", AT_MS), lag, missing)
    assert (facts[1:], notices) == ((lag,), (missing,))


@pytest.mark.parametrize(
    ("unfinished", "sign", "said"),
    [
        (Unfinished(None), "ok", "Up to date: no chat is waiting"),
        (Unfinished(AT_MS - 4_000), "ok", "Up to date: the oldest waiting chat ended 4 s ago"),
        (Unfinished(AT_MS - 59_999), "ok", "Up to date: the oldest waiting chat ended 59 s ago"),
        (Unfinished(AT_MS - 60_000), "warn", "Chats are waiting; the oldest ended 1 min ago."),
        (Unfinished(AT_MS - 3 * 86_400_000), "warn", "Chats are waiting; the oldest ended Fri 20 Nov."),
        (None, "off", "Whether chats are waiting is unknown"),
    ],
)
def test_lag_is_told_in_words(unfinished: Unfinished | None, sign: str, said: str) -> None:
    shown = waiting(unfinished, AT_MS)
    assert isinstance(shown, Notice) == (sign == "warn")
    assert (shown.sign, shown.lead if isinstance(shown, Notice) else shown.text) == (sign, said)


@pytest.mark.parametrize(
    ("missing", "doubts", "count", "said"),
    [
        ([], [], 14, ["LiveChat has all 14 tags"]),
        ([], [], 1, ["LiveChat has the tag"]),
        ([], [], 0, []),
        (["Wrong item"], [], 14, ["LiveChat has no tag “Wrong item”."]),
        (["A", "B"], [], 14, ["LiveChat has no tags “A”, “B”."]),
        (["A", "B", "C", "D", "E"], [], 14, ["LiveChat has no tags “A”, “B”, “C” and 2 more."]),
        (["A"], ["it has 'b', not 'B'"], 2, ["LiveChat has no tag “A”.", "LiveChat will refuse a tag."]),
    ],
)
def test_tags_that_livechat_lacks_are_named(
    missing: list[str], doubts: list[str], count: int, said: list[str]
) -> None:
    assert [
        each.lead if isinstance(each, Notice) else each.text for each in tags(missing, doubts, count)
    ] == said
