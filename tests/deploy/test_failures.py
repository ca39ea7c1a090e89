"""Each failure of the runbook's table, made for real, shows where the table says that one sees it.

Prometheus scrapes the real services by the rules of this repository, in which minutes became seconds. The table
names the alerts, the metric and the log line; a row passes when each of the three is there.
"""

import asyncio
import dataclasses
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import pytest

from tagger.simulator.livechat.faults import RateLimit
from tagger.simulator.play.visitors import RULES as KEYWORDS
from tagger.simulator.play.visitors import visits
from tagger.simulator.stage.stage import Stage
from tests.deadline import DEADLINE_S
from tests.deploy.watcher import DEPLOY, Watcher, a_prometheus, in_seconds

SEEN_S_MAX: Final = 150  # LiveChatLimits waits for a chat that is a minute old


class Row(NamedTuple):
    """A row of the table."""

    failure: str
    alerts: list[str]
    metric: str  # a query: the series, and the value where one is named
    log: str  # whose
    line: dict[str, str]  # what one line of it holds; empty: nothing is logged


def table() -> list[Row]:
    rows = []
    page = (DEPLOY / "runbook.md").read_text("utf-8")
    section = page.split("## Eight failures")[1].split("\n## ")[0]
    for line in section.splitlines()[4:]:
        if not line.startswith("|"):
            continue
        failure, _, alerts, metric, log = (cell.strip() for cell in line.strip("|").split(" | "))
        series = re.match(r"`([^`]+)`(?: (\d))?", metric)
        event = re.match(r"(?:(\w+): )?(?:`([^`]+)`|none)", log)
        assert series, line
        assert event, line
        said = dict(re.findall(r"`(\w+)` (\w+)(?:,|$)", log)) | ({"event": event[2]} if event[2] else {})
        query = f"{series[1]} > 0" if series[2] is None else f"{series[1]} == {series[2]}"
        rows.append(Row(failure, re.findall(r"\[(\w+)\]\(#", alerts), query, f"{event[1]}.log", said))
    return rows


async def play(stage: Stage, count: int = 20) -> None:
    """Chats come and go; whether their webhooks are taken is another matter."""
    await stage.player.play(visits(7, count), 20)


async def token_expires(stage: Stage) -> None:
    stage.livechat.access.revoke()
    await play(stage)


async def tag_is_deleted(stage: Stage) -> None:
    for organization in stage.organizations:
        for tag in list(organization.tags)[1:]:
            del organization.tags[tag]
    await play(stage)


async def keyword_file_breaks(stage: Stage) -> None:
    (stage.config / "english.yaml").write_text(
        "version: 1\nrules:\n  - id: refund\n    tgs: Refund\n", "utf-8"
    )


async def livechat_limits(stage: Stage) -> None:
    stage.livechat.limits |= {one.id: RateLimit(0.05) for one in stage.organizations}
    await play(stage)


async def kafka_goes(stage: Stage) -> None:
    assert stage.broker is not None
    stage.broker.down()
    await play(stage)


async def tagger_dies(stage: Stage) -> None:
    await stage.tagger.kill()


async def webhook_is_not_registered(stage: Stage) -> None:
    webhooks = stage.livechat.registry.webhooks
    for webhook in [one for one in webhooks.values() if one.action == "chat_deactivated"]:
        del webhooks[webhook.id]
    await play(stage)


async def secret_changes(stage: Stage) -> None:
    webhooks = stage.livechat.registry.webhooks
    for webhook in list(webhooks.values()):
        webhooks[webhook.id] = dataclasses.replace(webhook, secret_key="another")
    await play(stage)


FAILURES: Final[dict[str, Callable[[Stage], Awaitable[None]]]] = {
    "expired token": token_expires,
    "deleted tag": tag_is_deleted,
    "broken keyword file": keyword_file_breaks,
    "LiveChat returns 429": livechat_limits,
    "Kafka away": kafka_goes,
    "tagger dead": tagger_dies,
    "webhook not registered": webhook_is_not_registered,
    "secret changed": secret_changes,
}


def logged(log: Path, wanted: dict[str, str]) -> bool:
    """Whether a line of the log says all that is wanted."""
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    return any(wanted.items() <= {name: str(value) for name, value in line.items()}.items() for line in lines)


async def unseen(row: Row, stage: Stage, watcher: Watcher) -> list[str]:
    """What of the row is not to be seen."""
    there = {
        " or ".join(row.alerts): bool(await watcher.firing() & set(row.alerts)),
        row.metric: bool(await watcher.ask(row.metric)),
        f"{row.log}: {row.line}": not row.line or logged(stage.folder / row.log, row.line),
    }
    return [what for what, seen in there.items() if not seen]


@pytest.mark.parametrize("row", table(), ids=lambda row: row.failure)
async def test_a_failure_shows_where_the_runbook_says(prometheus: str, tmp_path: Path, row: Row) -> None:
    config = tmp_path / "config"
    shutil.copytree(KEYWORDS, config)
    async with (
        Stage(tmp_path, seed=4, config=config) as stage,
        a_prometheus(prometheus, tmp_path, stage, in_seconds(tmp_path)) as watcher,
    ):
        async with asyncio.timeout(DEADLINE_S):
            while len(await watcher.ask("up == 1")) < 2 or await watcher.firing():
                await asyncio.sleep(1)
        await FAILURES[row.failure](stage)
        missing = [row.failure]
        try:
            async with asyncio.timeout(SEEN_S_MAX):
                while missing := await unseen(row, stage, watcher):  # it is elsewhere
                    await asyncio.sleep(1)
        except TimeoutError:
            pytest.fail(f"not seen: {missing}; firing: {await watcher.firing()}")


def test_every_failure_of_the_table_is_made() -> None:
    assert [row.failure for row in table()] == list(FAILURES)
