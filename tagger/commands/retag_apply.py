"""`tagger retag --apply`: a checked plan, applied with a bar, and what came of it."""

from pathlib import Path
from typing import NoReturn

import click

from ingest.runtime.exit import stop
from ingest.runtime.settings import load
from tagger.commands.history_reading import filled
from tagger.commands.on_kafka import on_kafka
from tagger.commands.progress import Moved, bar
from tagger.commands.retag_report import applied_line, report_lines
from tagger.commands.setup import credentials_of
from tagger.history.counts import Counts
from tagger.history.topic import fill
from tagger.kafka.producer import COMMAND_PATIENCE_S, Producer
from tagger.livechat.authorization.credentials import Credentials
from tagger.livechat.client import Client
from tagger.metrics import Metrics
from tagger.recovery.plan_file import Plan, PlanChangedError, PlanError, checked
from tagger.recovery.retag import Applied, CountCalls, Report, Retagging
from tagger.settings import RunSettings


def apply(path: Path, form: str) -> NoReturn:
    """Apply the plan and end the process."""
    settings = load(RunSettings)
    if settings.tagger_dry_run:
        stop("TAGGER_DRY_RUN is set, so nothing is retagged")
    who, counter = credentials_of(settings), CountCalls()
    try:
        with checked(path) as plan, bar("retagging") as moved:
            report = on_kafka(settings, _run(settings, who, plan, counter, _Shown(form, plan.chats, moved)))
    except PlanError as error:
        stop(f"{error}\nNothing was done.")
    except PlanChangedError as error:
        stop(str(error))
    for line in report_lines(report, path, counter.calls, form):
        click.echo(line)
    raise SystemExit(1 if report.left or report.refused else 0)


async def _run(
    settings: RunSettings, who: Credentials, plan: Plan, counter: CountCalls, shown: "_Shown"
) -> Report:
    options, topic = settings.client_options(), settings.kafka_decisions_topic
    client = Client(who, settings.livechat_api_url, counter)
    producer = Producer(options, Metrics(), COMMAND_PATIENCE_S)  # metrics that nobody asks a command for
    counts = Counts(topic)
    ledger = await filled(settings, plan.head.since_ms, counts=counts)

    async def refresh() -> None:
        await fill(ledger, options, topic, since_ms=plan.head.since_ms)

    try:
        if counts.stopped:
            return Report(plan.chats, stopped=True)
        retagging = Retagging(client, producer, topic, ledger, refresh=refresh, on_chat=shown.on_chat)
        return await retagging.run(plan.head, plan.changes(), plan.chats)
    finally:
        await client.close()
        await producer.stop()
        ledger.close()


class _Shown:
    """Moves the bar; prints each chat for programs."""

    def __init__(self, form: str, chats: int, moved: Moved) -> None:
        self._form, self._chats, self._moved = form, chats, moved
        self._done = 0

    def on_chat(self, applied: Applied) -> None:
        """A chat was come to."""
        self._done += 1
        self._moved(self._done, self._chats)
        if self._form == "json":
            click.echo(applied_line(applied))
