"""Conversations: seeded, believable in number and kind, with tags that follow from what they are made of."""

from collections import Counter
from typing import get_args

import pytest

from tagger.simulator.play.visitors import Conversation, Kind, all_tags, scenes, visits


def conversations(seed: int, chats: int) -> list[Conversation]:
    return [conversation for visit in visits(seed, chats) for conversation in visit.conversations]


def test_a_seed_always_gives_the_same_conversations_and_another_seed_others() -> None:
    assert conversations(7, 50) == conversations(7, 50)
    assert conversations(7, 50) != conversations(8, 50)


@pytest.mark.parametrize("chats", [1, 2, 7, 200])
def test_there_are_exactly_as_many_chats_as_asked_for(chats: int) -> None:
    assert len(conversations(3, chats)) == chats


def test_every_language_every_tag_and_every_kind_of_event_comes_up() -> None:
    made = conversations(1, 1000)
    assert {one.language for one in made} == set(scenes())
    assert frozenset().union(*(one.expected for one in made)) == all_tags()
    kinds = {line.kind for one in made for line in one.opening + one.lines}
    assert kinds == set(get_args(Kind))
    assert any(len(visit.conversations) == 2 for visit in visits(1, 100))
    assert {one.closed_by_router for one in made} == {True, False}


def test_some_chats_call_for_no_tag_and_some_for_several() -> None:
    counts = Counter(min(len(one.expected), 2) for one in conversations(1, 1000))
    assert all(counts[number] > 100 for number in (0, 1, 2))


def test_no_blank_is_left_open_and_addresses_are_nobodys() -> None:
    for one in conversations(1, 500):
        texts = [line.text for line in one.opening + one.lines]
        assert not any("{" in text or "}" in text for text in texts)
        assert one.customer_email.endswith("@example.com")


def test_customers_type_differently_from_the_scene_and_agents_do_not() -> None:
    made = conversations(1, 1000)
    customers = {line.text for one in made for line in one.lines if line.author == "customer"}
    assert any(text.isupper() and len(text) > 12 for text in customers)
    assert any("\u2019" in text for text in customers)
    assert any("\u00a0" in text for text in customers)
    agents = {line.text for one in made for line in one.lines if line.author == "agent"}
    assert not any("\u00a0" in text for text in agents)
