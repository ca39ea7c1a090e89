"""`tagger doctor`: checks everything that the services depend on, and says what to do."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import click
import orjson

from tagger.commands.keyword_options import format_option
from tagger.commands.transcript import printable
from tagger.core.diagnosis.finding import Finding, State, exit_code, summary

COLOURS: Final[dict[State, str]] = {
    "ok": "green",
    "doubtful": "yellow",
    "wrong": "red",
    "not checked": "cyan",
}
STATE_WIDTH: Final = max(map(len, COLOURS))
CHECK_WIDTH: Final = 8  # of the longest name of a check


@click.command("doctor")
@format_option()
@click.option("-q", "--quiet", is_flag=True, help="Print only what is wrong or doubtful.")
def command(form: str, quiet: bool) -> None:
    """Check everything that the services depend on, and say what to do about each problem.

    One line for each thing: settings, Kafka, the topics and how they are kept, this user's rights on topics and
    group, the group's members and lag, keyword files, the token and its scopes, tags, webhooks, clocks, and what
    `ingest` and `tagger run` say of themselves. Each is ok, doubtful, wrong or not checked.

    It needs the settings of `tagger run`. With LIVECHAT_CLIENT_ID and LIVECHAT_WEBHOOK_SECRETS it checks the webhooks,
    too; INGEST_ADMIN_HOST and INGEST_ADMIN_PORT say where ingest answers. It changes nothing: rights are tried on
    what does not exist. LiveChat bills up to four calls for each organization.

    \b
    Exit code: 0 nothing is wrong, perhaps something is doubtful; 1 something is wrong; 2 something is, and what
    depends on it could not be checked (settings, Kafka, LiveChat).
    \b
    Examples:
      tagger doctor
      tagger doctor --quiet
      tagger doctor --format json
    """
    from rich.console import Console

    from ingest.runtime.logs import configure_logs
    from tagger.recovery.doctor.examination import examined
    from tagger.recovery.doctor.settings import read

    configure_logs("critical", None)  # what the libraries say is said again, in sentences
    with Console(stderr=True).status("checking Kafka, LiveChat and the services …"):
        found = asyncio.run(examined(read()))
    shown = [one for one in found if not quiet or one.state in ("wrong", "doubtful")]
    for one in shown:
        click.echo(orjson.dumps(_as_json(one)).decode() if form == "json" else _line(one))
    if form == "text":
        click.echo(_closing(found))
    raise SystemExit(exit_code(found))


def _line(one: Finding) -> str:
    state = click.style(f"{one.state:<{STATE_WIDTH}}", fg=COLOURS[one.state], bold=one.state == "wrong")
    remedy = f". To do: {one.remedy}" if one.remedy else ""
    return f"{state}  {one.check:<{CHECK_WIDTH}}  {printable(one.text)}{click.style(printable(remedy), bold=True)}"


def _as_json(one: Finding) -> dict[str, str]:
    return {name: value for name, value in asdict(one).items() if name != "blocks"}


def _closing(found: Sequence[Finding]) -> str:
    states = {one.state for one in found}
    worst: State = "wrong" if "wrong" in states else "doubtful" if "doubtful" in states else "ok"
    return click.style(f"{summary(found)}.", fg=COLOURS[worst])
