"""The page as tests talk to it: the real application, and a pretend LiveChat where a test needs one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from ingest.runtime.settings import SecretFile
from ingest.runtime.supervision import Tasks
from tagger.history.filling import Filling
from tagger.history.kept_ledger import KeptLedger
from tagger.history.stored_sets import StoredSets
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.web.app import make_app
from tagger.web.change.trials import COMMAND, Trials
from tagger.web.frame import Page
from tagger.web.gate import access_by
from tagger.web.in_force import InForce
from tagger.web.keywords.counting import Counting
from tagger.web.past import Past, Topics
from tagger.web.progress import Progress
from tagger.web.statics import Statics
from tagger.web.tags_there import TagsThere

DECISIONS: Final = "livechat.decisions"
TOKEN: Final = "a-token-for-this-test"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
RULES: Final = """\
version: 1
rules:
  - id: refund
    tag: Refund
    any: [refund, 返金, "استرداد", zwrot, reembolso, Rückerstattung]
    tests: [match: "I want a refund"]
  - {id: cancel, tag: Cancellation, any: [cancel], none: [changed my mind]}
"""


def _nowhere() -> dict[str, str]:
    return {"bootstrap_servers": "127.0.0.1:9"}


AClient = TestClient[Request, Application]


@asynccontextmanager
async def a_page(
    folder: Path,
    rules: str = RULES,
    livechat: tuple[Client, Credentials] | None = None,
    headers: dict[str, str] = BEARER,
    decisions: Sequence[bytes] = (),
    trial: Sequence[str] = COMMAND,
    *,
    counts: bool = False,
) -> AsyncIterator[AClient]:
    """A client that brings the token, unless `headers` say otherwise; `trial` is the command that tries a change.

    `counts`: what keywords did is counted.
    """
    (folder / "a.yaml").write_text(rules, "utf-8")
    ledger = KeptLedger(None, DECISIONS)
    await ledger.write(lambda writing: writing.take(DECISIONS, 0, decisions, len(decisions)))
    filling = Filling(ledger, _nowhere, DECISIONS)
    filling.progress = None
    past = Past(
        ledger, filling, Topics(_nowhere, "livechat.webhooks"), StoredSets(_nowhere, "livechat.keywords")
    )
    keywords = InForce(folder, "%[a-z]+%")
    progress = Progress(_nowhere, "livechat.webhooks", "tagger")
    tags = TagsThere(*livechat, lambda: keywords.rules) if livechat else None  # asks only where it is run
    page = Page(keywords, Statics(), livechat, past, progress, tags)
    trials, counting = Trials(trial), Counting(past, lambda: keywords.rules)
    app = make_app(page, access_by(SecretFile(None, TOKEN), "127.0.0.1", 8083), trials, counting)
    tasks = Tasks(lambda _: None)
    if counts:
        tasks.start("counting", counting.run)
    try:
        async with TestClient(TestServer(app), headers=headers) as client:
            yield client
    finally:
        await tasks.stop()
        await trials.close()
        await ledger.close()
