"""`tagger web`: the page, in the foreground."""

import click


@click.command("web", epilog="Settings come from the environment; `tagger web --settings` lists them.")
@click.option("--settings", "show_settings", is_flag=True, help="List every setting, and exit.")
def command(show_settings: bool) -> None:
    """Serve the page that shows which tags a chat gets, and why.

    It changes no keyword file and sets no tag. Open the address that it prints; the token in it lets you in. Without
    Kafka you can try texts; LiveChat's credentials are needed only to show what was said in a chat.

    \b
    Exit code: 0 stopped; 2 it could not start.
    \b
    Examples:
      tagger web
      WEB_DATA=/var/lib/tagger tagger web                keeps what it read over a restart
      TAGGER_CONFIG=drafts WEB_PORT=9000 tagger web      other keyword files, another port
      WEB_TOKEN_FILE=/run/secrets/web_token tagger web   behind a proxy: deploy/security.md
    """
    from ingest.runtime.exit import stop
    from ingest.runtime.logs import configure_logs
    from ingest.runtime.process import Stopping, run
    from ingest.runtime.settings import load
    from tagger.history.ledger_file import LedgerError
    from tagger.settings import WebSettings
    from tagger.web.serve import Service, who_calls

    if show_settings:
        for variable, default, doc in WebSettings.describe():
            click.echo(f"{variable}  (default: {default})\n    {doc}")
        return
    settings = load(WebSettings)
    configure_logs(settings.log_level, settings.log_format)
    who = who_calls(settings)
    if isinstance(who, list):
        stop("\n".join(who))

    def say(address: str) -> None:
        click.echo(f"The page: {address}\nOpen it in a browser. Ctrl-C stops it.")

    async def main(stopping: Stopping) -> int:
        try:
            service = Service(settings, who)
        except LedgerError as error:
            stop(f"WEB_DATA: {error}")
        problem = await service.run(stopping, say)
        if problem is not None:
            stop(problem)
        return 0

    raise SystemExit(run(main))
