"""The command `ingest`: reads the environment and serves until SIGTERM, or says why it cannot."""

import sys
from importlib.metadata import version

import click

from ingest.runtime.logs import configure_logs
from ingest.runtime.process import Stopping, collect_garbage_seldom, run
from ingest.runtime.settings import load
from ingest.runtime.tracing import begin
from ingest.service import Service
from ingest.settings import IngestSettings
from ingest.spool import SpoolError


def _help() -> str:
    options = IngestSettings.describe()
    rows = "\n".join(f"  {name}  [{default}]\n      {doc}" for name, default, doc in options)
    secrets = " or ".join(name.upper() for name in IngestSettings.secret_names())
    return f"""\
Accept LiveChat's webhooks at POST /webhooks/livechat and store them in a Kafka topic.

The answer 200 means stored. Health and metrics are on the admin address:
/health/live, /health/ready, /metrics. SIGTERM stops it without losing a webhook.

\b
Examples:
  LIVECHAT_WEBHOOK_SECRETS=s3cret ingest
  LIVECHAT_WEBHOOK_SECRETS_FILE=/run/secrets/webhooks KAFKA_BOOTSTRAP_SERVERS=kafka:9092 \\
      INGEST_SPOOL_DIR=/var/lib/ingest ingest

\b
Environment (in brackets: default):
{rows}

To read {secrets} from a file, append _FILE to the name and give the path;
a changed file is read again.
"""


async def _main(settings: IngestSettings, stopping: Stopping) -> int:
    try:
        service = Service(settings, traces=begin(settings.otel_traces_exporter, "ingest"))
    except SpoolError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    problem = await service.open()
    if problem is not None:
        sys.stderr.write(f"{problem}\n")
        await service.close()
        return 2
    return await service.serve(stopping, stopping.hurry)


@click.command(help=_help())
@click.version_option(version("livechat-tagger"), prog_name="ingest")
def main() -> None:
    """Run `ingest`."""
    settings = load(IngestSettings)
    configure_logs(settings.log_level, settings.log_format)
    collect_garbage_seldom()
    sys.exit(run(lambda stopping: _main(settings, stopping)))


if __name__ == "__main__":
    main()
