"""`tagger check --online` as a person runs it, against a simulated LiveChat."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tagger.__main__ import main
from tagger.core.rules.model import Rule
from tagger.service.tag_check import groups_of
from tagger.simulator.livechat.account import Organization
from tagger.simulator.livechat.server import SimulatedLiveChat

RULES = """version: 1
rules:
  - {id: fine, tag: Refund, any: [refund], tests: [absent: hello]}
  - {id: case, tag: shipping, any: [parcel], tests: [absent: hello]}
  - {id: lacks, tag: Sales, any: [offer], groups: [3, 7], tests: [absent: hello]}
  - {id: elsewhere, tag: Local, any: [local], groups: [3], tests: [absent: hello]}
  - {id: somewhere, tag: Local, any: [near], tests: [absent: hello]}
  - {id: tried, tag: Later, any: [later], dry_run: true, tests: [absent: hello]}
"""
TOLD = [
    ("error", "tag-case", 4),
    ("error", "tag-missing", 5),
    ("error", "tag-groups", 6),
    ("warning", "tag-groups", 7),
    ("warning", "tag-missing", 8),
]


@dataclass
class Account:
    """An organization, and the settings of somebody who may look at its tags and make some."""

    organization: Organization
    env: dict[str, str] = field(repr=False)


@pytest.fixture
def account() -> Iterator[Account]:
    """Served by a thread of its own: the command brings its own event loop."""
    up, stop, made = threading.Event(), asyncio.Event(), list[Account]()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with SimulatedLiveChat(seed=1) as livechat:
            organization = livechat.add_organization(tags=["Refund", "Shipping"])
            organization.create_tag("Local", (8,), "owner@example.com", livechat.now())
            owner, pat = livechat.add_account(organization)
            env = {"LIVECHAT_API_URL": livechat.url, "LIVECHAT_ACCOUNT_ID": owner.id, "LIVECHAT_PAT": pat}
            made.append(Account(organization, env))
            up.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert up.wait(10)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def check(folder: Path, account: Account, *options: str, **settings: str) -> Result:
    (folder / "a.yaml").write_text(RULES)
    result = CliRunner().invoke(main, ["check", str(folder), *options], env={**account.env, **settings})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert account.env["LIVECHAT_PAT"] not in result.output
    return result


def told(result: Result) -> list[tuple[str, str, int]]:
    problems = json.loads(result.stdout)["problems"]
    return [(problem["severity"], problem["code"], problem["line"]) for problem in problems]


def test_what_livechat_would_refuse_is_told_at_the_rule(tmp_path: Path, account: Account) -> None:
    result = check(tmp_path, account, "--online", "--format", "json")
    assert (result.exit_code, told(result)) == (1, TOLD)
    text = check(tmp_path, account, "--online").output
    assert f"{tmp_path}/a.yaml:4:5: rule `case`: LiveChat has 'Shipping', not 'shipping'" in text
    assert text.splitlines()[-1] == "3 errors found."


def test_without_online_nobody_is_asked(tmp_path: Path, account: Account) -> None:
    result = check(tmp_path, account, LIVECHAT_API_URL="http://127.0.0.1:1")
    assert result.exit_code == 0


def test_missing_tags_are_created_with_the_groups_of_their_rules(tmp_path: Path, account: Account) -> None:
    result = check(tmp_path, account, "--online", "--create", "--format", "json")
    assert told(result) == [row for row in TOLD if row[1] != "tag-missing"]
    assert result.stderr.splitlines() == ["created the tag 'Later'", "created the tag 'Sales'"]
    tags = account.organization.tags
    assert (tags["sales"].group_ids, tags["later"].group_ids) == ((3, 7), (0,))
    again = check(tmp_path, account, "--online", "--create", "--format", "json")
    assert (told(again), again.stderr) == (told(result), "")


@pytest.mark.parametrize(
    ("options", "settings", "says"),
    [
        (["--create"], {}, "--create needs --online"),
        (["--online"], {"LIVECHAT_PAT": ""}, "set exactly one kind of credentials"),
        (["--online"], {"LIVECHAT_PAT": "wrong"}, "the token is invalid or expired"),
    ],
)
def test_what_lacks_is_told(
    tmp_path: Path, account: Account, options: list[str], settings: dict[str, str], says: str
) -> None:
    result = check(tmp_path, account, *options, **settings)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    ("groups", "made_for"),
    [
        ([None], {0}),
        ([{3}], {3}),
        ([{3}, {7}], {3, 7}),
        ([{3}, None], {0}),
    ],
)
def test_a_new_tag_gets_the_groups_that_its_rules_are_for(
    groups: list[set[int] | None], made_for: set[int]
) -> None:
    rules = [
        Rule(f"r{at}", "Sales", groups=None if one is None else frozenset(one))
        for at, one in enumerate(groups)
    ]
    assert groups_of("Sales", [*rules, Rule("other", "Refund", groups=frozenset({99}))]) == made_for
