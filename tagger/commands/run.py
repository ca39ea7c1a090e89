"""`tagger run`: the service, in the foreground."""

from functools import partial

import click

from ingest.runtime.exit import stop
from ingest.runtime.kafka import KafkaSettings
from ingest.runtime.logs import configure_logs
from ingest.runtime.process import Stopping, run
from ingest.runtime.settings import LogSettings, TraceSettings, load
from ingest.runtime.tracing import begin
from tagger.commands.setup import equipment
from tagger.recovery.reconcile import reconcile_in_service
from tagger.service.serve import Service
from tagger.settings import RunSettings, TaggerSettings


@click.command("run", epilog="Settings come from the environment; `tagger run --settings` lists them.")
@click.option("--settings", "show_settings", is_flag=True, help="List every setting, and exit.")
def command(show_settings: bool) -> None:
    """Read webhooks from Kafka and tag the chats that ended.

    \b
    Examples:
      tagger run
      TAGGER_DRY_RUN=true tagger run      decides and records, but sets no tag
    """
    if show_settings:
        for owner in (KafkaSettings, TaggerSettings, LogSettings, TraceSettings):
            for variable, default, doc in owner.describe():
                click.echo(f"{variable}  (default: {default})\n    {doc}")
        return
    settings = load(RunSettings)
    configure_logs(settings.log_level, settings.log_format)
    who, keywords = equipment(settings, for_service=True)

    reconciling = partial(reconcile_in_service, settings) if settings.tagger_reconcile_every_s else None

    async def main(stopping: Stopping) -> int:
        traces = begin(settings.otel_traces_exporter, "tagger")
        service = Service(settings, keywords, who, reconciling, traces)
        problem = await service.run(stopping, stopping.hurry)
        if problem is not None:
            stop(problem)
        return 0

    raise SystemExit(run(main))
