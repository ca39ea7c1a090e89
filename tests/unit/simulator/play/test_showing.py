"""An ended chat as a line: which words are marked, and where."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from tagger.simulator.livechat.account import Draft, Organization, Thread, User
from tagger.simulator.play.player import Played
from tagger.simulator.play.showing import EXCERPTS_MAX, excerpt, excerpts, line
from tagger.simulator.play.visitors import Conversation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def thread_of(*drafts: Draft) -> Thread:
    organization = Organization("o", 1, "3.6", random.Random(1))
    thread = organization.open_thread((User("c", "customer"),), (0,), NOW)
    for draft in drafts:
        organization.add_event(thread, draft, NOW)
    return thread


def message(text: str) -> Draft:
    return Draft("message", {"text": text}, "c")


def reason(thread: Thread, number: int, start: int, end: int, keyword: str = "refund") -> dict[str, Any]:
    return {"event_id": thread.events[number].id, "start": start, "end": end, "keyword": keyword}


@pytest.mark.parametrize(
    ("text", "hits", "line"),
    [
        ("a refund", [(2, 8)], "a [refund]"),
        ("refund!", [(0, 6)], "[refund]!"),
        ("x" * 30 + " refund " + "y" * 30, [(31, 37)], "…" + "x" * 23 + " [refund] " + "y" * 23 + "…"),
        ("money\u00a0\nback", [(0, 11)], "[money  back]"),
        ("late parcel", [(5, 11), (0, 4)], "[late] [parcel]"),
        ("money back", [(0, 10), (0, 5), (6, 10)], "[money back]"),
        (
            "late" + " so" * 30 + " parcel",
            [(0, 4), (95, 101)],
            "[late] so so so so so so so so…so so so so so so so so [parcel]",
        ),
        ("z" * 60, [(0, 60)], "[" + "z" * 24 + "…" + "z" * 24 + "]"),
    ],
)
def test_an_excerpt_is_one_line_around_its_hits(text: str, hits: list[tuple[int, int]], line: str) -> None:
    assert excerpt(text, hits).plain == line


def test_a_place_that_several_rules_name_is_shown_once_and_an_unknown_event_not_at_all() -> None:
    thread = thread_of(message("refund"))
    because = [reason(thread, 0, 0, 6), reason(thread, 0, 0, 6), {**reason(thread, 0, 0, 6), "event_id": "?"}]
    assert [shown.plain for shown in excerpts(thread, because)] == ["[refund]"]


def test_a_hit_in_a_form_is_looked_for_among_its_answers() -> None:
    fields = [{"type": "name", "answer": "Maya Lindqvist"}, {"type": "question", "answer": "A refund"}]
    thread = thread_of(Draft("filled_form", {"fields": fields}, "c"))
    assert [shown.plain for shown in excerpts(thread, [reason(thread, 0, 2, 8)])] == ["A [refund]"]


def test_a_hit_in_a_card_is_looked_for_among_its_titles_and_buttons() -> None:
    card = {"title": "Choose", "buttons": [{"text": "refund"}]}
    thread = thread_of(Draft("rich_message", {"elements": [card]}, "a"))
    assert [shown.plain for shown in excerpts(thread, [reason(thread, 0, 0, 6)])] == ["[refund]"]


def test_a_hit_in_a_product_is_looked_for_among_its_labels() -> None:
    product = {"label": "Repair kit", "options": [{"label": "for a refund"}]}
    thread = thread_of(Draft("rich_message", {"elements": [{"ecommerce": product}]}, "a"))
    assert [shown.plain for shown in excerpts(thread, [reason(thread, 0, 6, 12)])] == ["for a [refund]"]


def test_a_line_shows_few_excerpts() -> None:
    thread = thread_of(*[message("refund")] * 9)
    assert len(excerpts(thread, [reason(thread, number, 0, 6) for number in range(9)])) == EXCERPTS_MAX


@pytest.mark.parametrize(
    ("tags", "begin", "end"),
    [
        (["Refund"], "✓ Refund", "[refund] please"),
        ([], "✗ no tag", "expected: Refund"),
        (["Billing", "Refund"], "✗ Billing, Refund", "expected: Refund"),
    ],
)
def test_a_line_tells_right_from_wrong(tags: list[str], begin: str, end: str) -> None:
    thread = thread_of(message("a refund please"))
    conversation = Conversation(
        "english", "Maya", "m@example.com", "Nora", "?", (), (), frozenset({"Refund"}), False, False
    )
    shown = line(Played(conversation, thread), tags, [reason(thread, 0, 2, 8)] if tags else []).plain
    assert shown.startswith(begin)
    assert shown.endswith(end)
