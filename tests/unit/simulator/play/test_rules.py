"""The demo's own keyword files against the tags that its conversations have by construction."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tagger.core.matching.decide import Decider
from tagger.core.review.rule_tests import run_tests
from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.core.threads.fact_reader import chat_of
from tagger.core.threads.facts import ChatStarted
from tagger.core.threads.thread import conversation_of
from tagger.simulator.livechat.account import Thread
from tagger.simulator.livechat.server import SimulatedLiveChat
from tagger.simulator.livechat.shapes import chat_json
from tagger.simulator.play.player import Played, Player
from tagger.simulator.play.visitors import RULES, all_tags, visits
from tagger.simulator.stage.stage import VERSIONS


@pytest.fixture(scope="module")
def decider() -> Decider:
    rules = parse({path.name: path.read_bytes() for path in sorted(RULES.glob("*.yaml"))})
    assert isinstance(rules, RuleSet), rules
    return Decider.compile(rules)


def test_all_tests_beside_the_rules_pass(decider: Decider) -> None:
    assert [str(outcome) for outcome in run_tests(decider) if not outcome.passed] == []


def test_rules_and_conversations_know_the_same_tags(decider: Decider) -> None:
    assert {rule.tag for rule in decider.rules} == all_tags()


async def test_every_conversation_gets_its_tags_and_no_other(decider: Decider) -> None:
    """2,000 of them; a decoy that counts, or a line that does not, shows here with its text."""
    livechat = SimulatedLiveChat(seed=5)
    organizations = [livechat.add_organization(version) for version in VERSIONS]
    player = Player(livechat, organizations)
    await player.play(visits(seed=5, chats=2000))
    for played in player.played.values():
        assert set(decided(decider, played.thread)) == played.conversation.expected, list(said(played))


async def test_a_conversation_of_which_all_was_deleted_gets_no_tag(decider: Decider) -> None:
    livechat = SimulatedLiveChat(seed=6)
    player = Player(livechat, [livechat.add_organization(version) for version in VERSIONS])
    await player.play(visits(seed=6, chats=200))
    for played in player.played.values():
        for event in played.thread.events:
            played.thread.chat.organization.delete_event(played.thread, event.id)
        assert decided(decider, played.thread) == ()


def decided(decider: Decider, thread: Thread) -> tuple[str, ...]:
    organization = thread.chat.organization
    chat = chat_of(organization.id, chat_json(thread, organization.version))
    assert isinstance(chat, ChatStarted)
    return decider.decide(conversation_of(chat), ended_at_ms=0).tags


def said(played: Played) -> Iterator[str]:
    for line in played.conversation.opening + played.conversation.lines:
        yield f"{line.author} {line.kind}: {line.text}"


def test_the_rules_are_found_where_the_package_is_installed() -> None:
    assert Path(RULES).is_dir()
    assert len(list(RULES.glob("*.yaml"))) == 5
