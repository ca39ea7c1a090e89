"""The command `ingest`: reads the environment, serves until SIGTERM, and says why where it cannot."""

import sys
from importlib.metadata import version

import click

from ingest.runtime.logs import configure_logs
from ingest.runtime.process import Stopping, collect_garbage_seldom, run
from ingest.runtime.settings import load
from ingest.service import Service
from ingest.settings import IngestSettings
from ingest.spool import SpoolError


def _help() -> str:
    rows = [f"  {name}  [{default}]\n      {doc}" for name, default, doc in IngestSettings.describe()]
    secrets = ", ".join(name.upper() for name in IngestSettings.secret_names())
    return "\n".join(
        [
            "Take LiveChat's webhooks in at POST /webhooks/livechat and keep them on a Kafka topic.",
            "",
            "An answer of 200 means stored. Health and metrics are on the admin address:",
            "/health/live, /health/ready, /metrics. SIGTERM stops it without losing a webhook.",
            "",
            "\b",
            "Examples:",
            "  LIVECHAT_WEBHOOK_SECRETS=s3cret ingest",
            "  LIVECHAT_WEBHOOK_SECRETS_FILE=/run/secrets/webhooks KAFKA_BOOTSTRAP_SERVERS=kafka:9092 \\",
            "      INGEST_SPOOL_DIR=/var/lib/ingest ingest",
            "",
            "\b",
            "Environment (in brackets: default):",
            *rows,
            "",
            f"Each of {secrets} may come from the file that the same name with _FILE behind it names;",
            "the file is read anew when it changes.",
        ]
    )


async def _main(settings: IngestSettings, stopping: Stopping) -> int:
    try:
        service = Service(settings)
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
    settings = load(IngestSettings)
    configure_logs(settings.log_level, settings.log_format)
    collect_garbage_seldom()
    sys.exit(run(lambda stopping: _main(settings, stopping)))


if __name__ == "__main__":
    main()
