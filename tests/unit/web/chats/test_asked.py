"""Filters of an address are read with limits, and what is read makes the same address."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tagger.history.wanted import Key
from tagger.web.chats.asked import SINCES, Asked, chat_href, read
from tagger.web.times import DAY_MS

NOW = 1_795_000_000_000


def fields_of(href: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(href).query))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"which": "untagged", "since": "7d"},
        {"tag": "Größe & Farbe+1", "rule": "a/b\nc", "outcome": "parked", "organization": "org"},
        {"chat": "<script>\u202e/../", "before": "1795000000000.12"},
        {"since": "all", "after": "5.7"},
    ],
)
def test_an_address_says_all_that_is_asked(fields: dict[str, str]) -> None:
    asked = read(fields)
    assert isinstance(asked, Asked)
    assert fields_of(asked.href(before=asked.before, after=asked.after)) == fields


@pytest.mark.parametrize(
    "fields",
    [
        {"which": "odd"},
        {"since": "9d"},
        {"before": "x"},
        {"before": "1.2", "after": "3.4"},
        {"before": "1" * 16 + ".1"},
        {"before": "١.٢"},
        {"tag": "a" * 1_025},
        {"chat": "ä" * 200},
    ],
)
def test_what_no_link_of_ours_says_is_refused_in_words(fields: dict[str, str]) -> None:
    told = read(fields)
    assert isinstance(told, str)
    assert told.endswith(".")


def test_another_list_begins_at_its_first_page() -> None:
    asked = Asked(before=Key(1, 2), tag="Refund")
    assert asked.href(which="untagged") == "/chats?which=untagged&tag=Refund"
    assert asked.href(".csv", before=asked.before) == "/chats.csv?tag=Refund&before=1.2"


def test_an_id_is_looked_for_in_all_that_there_is() -> None:
    assert Asked(chat="C1").wanted(NOW).since_ms is None
    assert Asked().wanted(NOW).since_ms == NOW - DAY_MS
    assert Asked(since=SINCES[-1]).wanted(NOW).since_ms is None


def test_an_id_is_no_part_of_a_path() -> None:
    href = chat_href("../a b\n", "T/1", "org")
    assert urlsplit(href).path == "/chats/chat"
    assert fields_of(href) == {"chat": "../a b\n", "thread": "T/1", "organization": "org"}
