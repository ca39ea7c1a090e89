"""Tables for people, spreadsheets and pull requests."""

from tagger.commands import tables

HEADER = ("phrase", "of them", "of 9,000 others")
ROWS = [("late|parcel", 1200, 3), ("返金\x1b", 8, 0)]


def test_figures_stand_below_each_other_whatever_the_script() -> None:
    assert list(tables.as_text(HEADER, ROWS)) == [
        "phrase        of them   of 9,000 others",
        "late|parcel     1,200                 3",
        "返金\ufffd               8                 0",
    ]


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    assert list(tables.as_markdown(HEADER, ROWS)) == [
        "| phrase | of them | of 9,000 others |",
        "| --- | ---: | ---: |",
        "| late\\|parcel | 1,200 | 3 |",
        "| 返金\ufffd | 8 | 0 |",
    ]


def test_a_spreadsheet_gets_plain_figures() -> None:
    assert list(tables.as_csv(("a", "b"), [('say "x", y', 1200)])) == ["a,b", '"say ""x"", y",1200']
