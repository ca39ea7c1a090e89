"""Nothing that people wrote, and no secret, leaves by a side door.

Marked words are in every place where a name, an address, a text, a secret or a token may be, and things go
wrong on the way. Then all that the services wrote is searched for them, except the topic, where chats are.
"""

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from ingest.runtime.settings import SecretFile
from tagger.__main__ import main
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.stored_sets import StoredSets
from tagger.simulator.livechat.account import Draft, User
from tagger.simulator.livechat.faults import Fault
from tagger.simulator.livechat.shapes import chat_json
from tagger.simulator.play.visitors import all_tags
from tagger.simulator.stage.stage import PARTITIONS, Stage
from tagger.web.app import make_app
from tagger.web.change.trials import Trials
from tagger.web.frame import Page
from tagger.web.gate import access_by
from tagger.web.in_force import InForce
from tagger.web.keywords.counting import Counting
from tagger.web.past import Past, Topics
from tagger.web.progress import Progress
from tagger.web.statics import Statics
from tests.deadline import DEADLINE_S, until
from tests.docs import metrics_page
from tests.integration.watch import everything_on
from tests.webhooks import incoming_event, webhook

MARK: Final = "kanarienvogel"
EMAIL: Final = f"{MARK}@example.com"
TAG, DELETED_TAG = sorted(all_tags())[:2]
KEYWORDS: Final = f"""
version: 1
rules:
  - {{id: refund, tag: {json.dumps(TAG)}, any: [refund]}}
  - {{id: deleted, tag: {json.dumps(DELETED_TAG)}, from: any, any: [parcel]}}
"""
# All there is to say; spans come into the logs, between their lines.
TOLD: Final = {"LOG_LEVEL": "debug", "OTEL_TRACES_EXPORTER": "console"}
EXPORTED: Final = {
    "ingest": {row.name for row in metrics_page.of_ingest()},
    "tagger": {row.name for row in metrics_page.of_tagger()},
}


@dataclass
class Written:
    """What the services wrote, by the name of the place; and what must be in none of it."""

    places: dict[str, bytes] = field(default_factory=dict)
    needles: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("canary")
    config = folder / "config"
    config.mkdir()
    (config / "rules.yaml").write_text(KEYWORDS, "utf-8")
    return asyncio.run(play(folder, config))


async def play(folder: Path, config: Path) -> Written:
    stage = Stage(folder, config=config, settings=TOLD, versions=("3.6",))
    stage.secret = f"{MARK}-webhook-secret"
    found = Written()
    async with stage:
        await talk(stage)
        await stage.livechat.sent(DEADLINE_S)
        await misbehave(stage)
        await until_settled(stage)
        await collect(stage, found)
        await look_back(stage, folder, found)
        await stage.ingest.stop()
        await stage.tagger.stop()
    for name in ("ingest", "tagger"):
        found.places[f"log of {name}"] = (folder / f"{name}.log").read_bytes()
    entries = orjson.loads((folder / "credentials.json").read_bytes())["organizations"]
    for entry in entries.values():
        pair = f"{entry['account_id']}:{entry['pat']}".encode()
        found.needles |= {"token": entry["pat"].encode(), "authorization": base64.b64encode(pair)}
    return found


async def talk(stage: Stage) -> None:
    """Chats with a mark in everything that a person fills in, while LiveChat answers in every bad way."""
    (organization,) = stage.organizations
    del organization.tags[next(tag for tag in organization.tags if tag.lower() == DELETED_TAG.lower())]
    bad = ("html", "internal", "not_json", "authentication", "too_many_requests", "cut", "lost", "truncated")
    stage.livechat.faults += [Fault(answer, tag=TAG, times=1) for answer in bad]
    for said in (f"I want a refund {MARK}", f"my parcel {MARK}", MARK):
        users = User(organization.new_uuid(), "customer", MARK, EMAIL), User(EMAIL, "agent", MARK, EMAIL)
        thread = stage.livechat.start_chat(organization, users, list(drafts(said, users)))
        stage.livechat.add_event(thread, Draft("message", {"text": said}, users[0].id))
        stage.livechat.deactivate(thread, EMAIL)


def drafts(said: str, users: tuple[User, User]) -> Iterator[Draft]:
    customer, agent = (user.id for user in users)
    name = {"type": "name", "id": "1", "label": MARK, "answer": MARK}
    email = {"type": "email", "id": "2", "label": MARK, "answer": EMAIL}
    question = {"type": "question", "id": "3", "label": MARK, "answer": said}
    fields = [name, email, question]
    button = {
        "text": MARK,
        "type": "url",
        "value": f"https://{MARK}.example",
        "postback_id": MARK,
        "user_ids": [],
    }
    card = {"template_id": "cards", "elements": [{"title": MARK, "subtitle": said, "buttons": [button]}]}
    yield Draft("filled_form", {"form_id": MARK, "form_type": "prechat", "fields": fields}, customer)
    yield Draft("rich_message", card, agent)
    yield Draft("message", {"text": said}, agent, visibility="agents")
    yield Draft(
        "file", {"name": f"{MARK}.pdf", "url": f"https://{MARK}.example", "content_type": "x"}, customer
    )
    yield Draft("system_message", {"text": MARK, "system_message_type": MARK}, None)
    yield Draft("message", {"text": said}, customer, properties={MARK: {MARK: MARK}})


async def misbehave(stage: Stage) -> None:
    """Requests that are no webhooks, a broken keyword file, and Kafka away for a while."""
    port = int(stage.ingest.settings["INGEST_PORT"])
    url = f"http://127.0.0.1:{port}/webhooks/livechat"
    chat = webhook("incoming_chat", {MARK: EMAIL}, secret_key=stage.secret)
    async with aiohttp.ClientSession() as session:
        for body in (
            chat,
            {**chat, "secret_key": f"{MARK}-wrong"},
            {**chat, "action": MARK},
            {**chat, "payload": {"chat": {"id": "X", "thread": {"id": [EMAIL]}, "users": MARK}}},
            incoming_event("X", "Y", MARK, secret_key=stage.secret),
        ):
            await (await session.post(url, json=body)).release()
        content = {"Content-Type": "application/json"}
        await (await session.post(url, data=f'{{"{MARK}', headers=content)).release()
        await (
            await session.post(f"{url}?{MARK}", data=MARK, headers={"Content-Type": MARK, MARK: MARK})
        ).release()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {MARK} {MARK}\r\n{MARK}: {MARK}\r\n\r\n{MARK}".encode())
    await reader.read()
    writer.close()
    rules = Path(stage.tagger.settings["TAGGER_CONFIG"]) / "rules.yaml"
    rules.write_text(KEYWORDS + "  - {id: [\n", "utf-8")


async def until_settled(stage: Stage) -> None:
    """All chats that were played are decided, and the bad file was looked at."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            log = stage.tagger.log.read_bytes()
            if log.count(b'"decided"') >= len(stage.organizations[0].chats) and b"keywords_refused" in log:
                return
            await asyncio.sleep(0.2)


async def collect(stage: Stage, found: Written) -> None:
    async with aiohttp.ClientSession() as session:
        for name, service in (("ingest", stage.ingest), ("tagger", stage.tagger)):
            for path in ("metrics", "health/live", "health/ready"):
                async with session.get(f"{service.admin_url}/{path}") as answer:
                    found.places[f"{path} of {name}"] = await answer.read()
    found.places["commit metadata"] = await commit_metadata(stage)
    for name in ("decisions", "parked", "webhooks"):
        records = await everything_on(stage.bootstrap, getattr(stage.names, name))
        if name != "webhooks":
            found.places[f"topic of {name}"] = b"\n".join(records)
            found.records[name] = [orjson.loads(record) for record in records]
        else:
            found.places["topic of webhooks"] = b"\n".join(records)
    found.needles |= {"mark": MARK.encode(), "webhook secret": stage.secret.encode()}


async def look_back(stage: Stage, folder: Path, found: Written) -> None:
    """What the commands over the past print, of good and of bad chats, and the ledger that is kept."""
    for name, keywords in (("past", KEYWORDS), ("new", KEYWORDS.replace("refund]", "money]"))):
        (folder / name).mkdir()
        (folder / name / "rules.yaml").write_text(keywords, "utf-8")
    good, bad = folder / "good.ndjson", folder / "bad.ndjson"
    whole = [chat_json(one, "3.6") for one in stage.organizations[0].ended_threads()]
    good.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in whole))
    bad.write_bytes(b"\n".join([orjson.dumps(whole[0]), *bad_lines(whole[0])]))
    chats = dict.fromkeys(record["chat_id"] for record in found.records["decisions"])
    (plans := folder / "plans").mkdir()
    planned = False
    for words in past_commands(folder, list(chats), good, bad):
        ran = CliRunner().invoke
        with contextlib.chdir(plans):
            result = await asyncio.to_thread(ran, main, words, env=stage.tagger.settings)
        assert isinstance(result.exception, SystemExit | None), repr(result.exception)
        said = result.output.replace(str(folder), "")
        written = b"".join(plan.read_bytes() for plan in plans.iterdir())
        for plan in plans.iterdir():
            plan.unlink()
        planned |= bool(written)
        found.places[" ".join(words).replace(str(folder), "")] = said.encode() + written
    assert planned, "retag found nothing to do"
    await look_at_the_page(stage, folder / "past", folder / "web", list(chats), found)


async def look_at_the_page(stage: Stage, rules: Path, data: Path, chats: list[str], found: Written) -> None:
    """What the page says of chats without being asked for their words, and the ledger that it keeps."""
    topic, options = stage.names.decisions, lambda: {"bootstrap_servers": stage.bootstrap}
    ledger = KeptLedger(data, topic)
    filling = Filling(ledger, options, topic)
    filled = asyncio.create_task(filling.run())
    await until(lambda: filling.progress is None)
    filled.cancel()
    await asyncio.wait({filled})
    sets = StoredSets(options, stage.names.keywords)
    past = Past(ledger, filling, Topics(options, stage.names.webhooks), sets)
    keywords, token = InForce(rules, "%[a-z]+%"), "a-token-for-the-page"
    in_force = keywords.rules
    assert in_force is not None, "the rules are good"
    counting = Counting(past, lambda: in_force)
    counts = asyncio.create_task(counting.run())
    await until(lambda: counting.of(in_force).is_whole)
    access = access_by(SecretFile(None, token), "127.0.0.1", 8083)
    progress = Progress(dict, "livechat.webhooks", "tagger")
    page = Page(keywords, Statics(), None, past, progress, None)
    app = make_app(page, access, Trials(), counting)
    async with TestClient(TestServer(app), headers={"Authorization": f"Bearer {token}"}) as client:
        lists = [f"/chats{form}?since=all" for form in ("", ".json", ".csv")]
        lists += [f"/keywords{form}?since=30d" for form in ("", ".json", ".csv")]
        looks = [f"/chats/chat{form}?chat={chat}" for chat in chats for form in ("", ".json", ".csv")]
        for path in (*lists, *looks):
            found.places[path] = await (await client.get(path)).read()
    counts.cancel()
    await asyncio.wait({counts})
    await ledger.close()
    found.places["ledger"] = all_of(data)


def all_of(folder: Path) -> bytes:
    """What is in the files of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def past_commands(folder: Path, chats: list[str], good: Path, bad: Path) -> Iterator[list[str]]:
    """Every command over the past in every format, without `--content`."""
    old, new = str(folder / "past"), str(folder / "new")
    tables = ("text", "json", "csv", "markdown")
    sources: list[list[str]] = [[], ["--file", str(good)], ["--file", str(bad)]]
    for form in tables:
        yield ["decisions", "list", "--format", form]
        for source in sources:
            yield ["backtest", new, "--against", old, "--sample", "50", *source, "--format", form]
            yield ["stats", "--config", old, *source, "--format", form]
            yield ["suggest", "--all", "--weak", *source, "--format", form]
            yield ["suggest", "--untagged", *source, "--format", form]
    for form in ("text", "json"):
        for source in sources:
            yield ["retag", "--remove", "--config", new, "--format", form, *source]
    yield ["retag", "--undo", "refund", "--config", new]
    yield ["retag", "--apply", str(bad)]
    for chat in chats:
        for form in ("text", "json"):
            yield ["decisions", "show", chat, "--config", old, "--format", form]
    yield ["decisions", "show", "NOWHERE", "--config", old]
    yield ["suggest", "Nothing", "--file", str(good)]
    yield ["backtest", new, "--against", "nothing", "--file", str(good)]


def bad_lines(chat: dict[str, Any]) -> Iterator[bytes]:
    """What is no chat, in every way, with a mark in it."""
    mark = MARK.encode()
    yield from (mark, b'{"%b": ' % mark, b'["%b"' % mark, b'"%b"' % mark, b"\xff" + mark)
    thread = chat["thread"]
    for odd in (
        {MARK: EMAIL},
        {"id": [MARK], "thread": {}},
        {**chat, "thread": MARK},
        {**chat, "thread": {**thread, "events": MARK}},
        {**chat, "thread": {**thread, "events": [MARK, {"id": {MARK: EMAIL}}]}},
        {**chat, "thread": {**thread, "tags": {MARK: EMAIL}, "created_at": MARK}},
        {**chat, "users": [MARK]},
    ):
        yield orjson.dumps(odd)


async def commit_metadata(stage: Stage) -> bytes:
    """Of all partitions. aiokafka's admin client fails with TypeError where the mock's answer is empty."""
    tps = [TopicPartition(stage.names.webhooks, number) for number in range(PARTITIONS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=stage.bootstrap)
    await admin.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                with contextlib.suppress(TypeError):
                    stored = await admin.list_consumer_group_offsets(stage.names.group, partitions=tps)
                    return "\n".join(each.metadata for each in stored.values()).encode()
                await asyncio.sleep(0.2)
    finally:
        await admin.close()


def test_the_marks_went_the_whole_way(written: Written) -> None:
    """Else nothing found would mean nothing."""
    assert MARK.encode() in written.places["topic of webhooks"]
    assert {decision["outcome"] for decision in written.records["decisions"]} >= {
        "tagged",
        "parked",
        "no_match",
    }
    assert written.records["parked"]
    assert written.places["commit metadata"].startswith(b"lt1;")
    refund = TAG.encode()
    assert refund in written.places["decisions list --format csv"]
    assert refund in written.places["ledger"]
    assert refund in written.places["/chats.csv?since=all"]
    told = [body for path, body in written.places.items() if path.startswith("/chats/chat?")]
    assert any(b"With today" in body for body in told)
    assert any(b"Today, by set" in content for content in written.places.values())
    backtest = "backtest /new --against /past --sample 50"
    for source in ("", " --file /good.ndjson"):
        assert "−".encode() in written.places[f"{backtest}{source} --format csv"]
    assert b"Not readable: " in written.places[f"{backtest} --file /bad.ndjson --format text"]
    for service, span in (
        ("ingest", "POST /webhooks/livechat"),
        ("tagger", "decide"),
        ("tagger", "POST tag_thread"),
    ):
        assert f'"name": "{span}"'.encode() in written.places[f"log of {service}"]
    for event in ("refused", "decided", "parked", "keywords_refused"):
        assert f'"{event}"'.encode() in written.places["log of ingest"] + written.places["log of tagger"]


def test_nothing_that_people_wrote_and_no_secret_is_found_anywhere_else(written: Written) -> None:
    leaks = [
        (place, name, line.decode("utf-8", "replace")[:300])
        for place, content in written.places.items()
        if place != "topic of webhooks"
        for name, needle in written.needles.items()
        for line in content.splitlines()
        if re.search(re.escape(needle), line, re.IGNORECASE)
    ]
    assert leaks == []


def test_no_secret_reaches_kafka(written: Written) -> None:
    for name in ("webhook secret", "token", "authorization"):
        assert written.needles[name] not in written.places["topic of webhooks"]


@pytest.mark.parametrize("service", ["ingest", "tagger"])
def test_a_running_service_exports_what_the_page_lists_and_nothing_else(
    written: Written, service: str
) -> None:
    families = text_string_to_metric_families(written.places[f"metrics of {service}"].decode())
    exported = {each.name + ("_total" if each.type == "counter" else "") for each in families}
    assert exported == EXPORTED[service]
