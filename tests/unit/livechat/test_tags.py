"""What is known of an organization's tags, and what is said of those that rules want."""

from typing import Any

import pytest
from aiohttp import web

from tagger.livechat.calls.answers import Permanent, Transient
from tagger.livechat.client import Client
from tagger.livechat.tags import (
    Finding,
    Wanted,
    findings,
    known_of,
    tags_of,
    to_create,
)
from tests.unit.livechat.server import Server, error

LISTED: list[dict[str, Any]] = [
    {"name": "Refund", "group_ids": [0], "author_id": "smith@example.com"},
    {"name": "Sales", "group_ids": [3, 7]},
    {"name": "Straße", "group_ids": []},
    {"name": "old"},
]
KNOWN = known_of(LISTED)


@pytest.mark.parametrize(
    ("tag", "groups", "kind"),
    [
        ("Refund", None, None),
        ("Refund", {42}, None),
        ("refund", None, "other_case"),
        ("REFUND", None, "other_case"),
        ("STRASSE", None, "other_case"),
        ("Refunds", None, "missing"),
        ("", None, "missing"),
        ("Sales", {3}, None),
        ("Sales", {1, 7}, None),
        ("Sales", {1, 0}, "groups"),
        ("Sales", None, "groups"),
        ("Straße", {5}, None),
        ("old", {5}, None),
    ],
)
def test_a_tag_that_will_be_refused_is_told(tag: str, groups: set[int] | None, kind: str | None) -> None:
    found = findings(KNOWN, [Wanted(tag, None if groups is None else frozenset(groups))])
    assert [finding.kind for finding in found] == ([] if kind is None else [kind])


def test_the_sentence_names_what_livechat_has() -> None:
    found = findings(KNOWN, [Wanted("refund"), Wanted("Sales", frozenset({9})), Wanted("New")])
    assert found == [
        Finding("other_case", "refund", "LiveChat has 'Refund', not 'refund': its tags are case-sensitive"),
        Finding("groups", "Sales", "LiveChat has 'Sales' in groups 3, 7, none of which is the rule's (9)"),
        Finding("missing", "New", "LiveChat has no tag 'New'"),
    ]


def test_only_missing_tags_can_be_made_and_each_once() -> None:
    found = findings(KNOWN, [Wanted("b"), Wanted("a"), Wanted("b"), Wanted("refund"), Wanted("Sales")])
    assert to_create(found) == ["a", "b"]


def test_a_long_list_of_groups_is_cut() -> None:
    known = known_of([{"name": "T", "group_ids": list(range(1, 200))}])
    (finding,) = findings(known, [Wanted("T")])
    assert len(finding.text) < 200


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [("authorization", Permanent), ("internal", Transient), ("authentication", Transient)],
)
async def test_tags_that_cannot_be_listed_are_reported_as_such(
    server: Server, client: Client, error_type: str, kind: type
) -> None:
    server.answer = lambda _: error(error_type)
    assert isinstance(await tags_of(client, "org"), kind)
    server.answer = lambda _: web.json_response(LISTED)
    assert await tags_of(client, "org") == KNOWN
