"""The strip knows the tags that LiveChat lacks, and says nothing where not all organizations answered."""

import asyncio
from typing import Any

import pytest

from tagger.core.rules.model import RuleSet
from tagger.core.rules.parse import parse
from tagger.livechat.calls.answers import Answer, Done, failed
from tagger.livechat.calls.requests import Call
from tagger.livechat.pacing.giving_up import UNAVAILABLE
from tagger.web.tags_there import ORGANIZATIONS_MAX, TagsThere


class LiveChat:
    """Answers with the tags of each organization; without them it is unavailable."""

    def __init__(self, *tags: list[str] | None) -> None:
        self.tags, self.calls = {f"o{number}": each for number, each in enumerate(tags)}, 0

    async def ask(self, organization: str, call: Call, *, background: bool = False) -> Answer:
        assert (call.method, background) == ("list_tags", True)
        self.calls += 1
        names = self.tags[organization]
        return failed(UNAVAILABLE) if names is None else Done([{"name": name} for name in names])

    def organizations(self) -> list[str]:
        return list(self.tags)


def rules() -> RuleSet:
    parsed = parse(
        {
            "a.yaml": b"version: 1\nrules:\n  - {id: a, tag: Refund, any: [refund]}\n"
            b"  - {id: b, tag: Login, any: [login]}\n  - {id: c, tag: Trial, any: [trial], dry_run: true}\n"
        }
    )
    assert isinstance(parsed, RuleSet)
    return parsed


@pytest.mark.parametrize(
    ("organizations", "said"),
    [
        ([["Refund", "Login"]], ["LiveChat has all 2 tags"]),
        ([["Refund", "Login"], ["Refund"]], ["LiveChat has no tag “Login”."]),
        ([["refund", "Login"]], ["LiveChat will refuse a tag."]),
        ([["Refund"], None], []),
        ([["Refund"]] * (ORGANIZATIONS_MAX + 1), []),
    ],
)
async def test_what_the_strip_says(organizations: list[list[str] | None], said: list[str]) -> None:
    livechat: Any = LiveChat(*organizations)
    there = TagsThere(livechat, livechat, rules)
    assert there.facts() == []
    await there.look()
    assert [each[1] for each in there.facts()] == said


async def test_livechat_is_asked_only_once_somebody_looks() -> None:
    livechat: Any = LiveChat(["Refund", "Login"])
    there = TagsThere(livechat, livechat, rules)
    asking = asyncio.create_task(there.run())
    for _ in range(10):
        await asyncio.sleep(0)
    assert livechat.calls == 0
    there.facts()
    while not livechat.calls:
        await asyncio.sleep(0)
    asking.cancel()
