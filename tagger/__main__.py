"""`tagger <command>`: finds the command and hands over.

A command's module is imported when the command runs, not before, so that the offline ones start at once.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Any, Final

import click

SUMMARIES: Final = {
    "run": "Read webhooks from Kafka and tag the chats that ended.",
    "check": "Find errors in keyword files.",
    "test": "Run the tests that are written with the rules.",
    "explain": "Show why a text or a chat gets its tags, or does not get them.",
    "schema": "Print the JSON Schema of keyword files, for editors.",
    "login": "Store credentials for LiveChat.",
    "webhooks": "Register webhooks with LiveChat, and see whether they arrive.",
    "reconcile": "Tag ended chats whose webhooks were lost.",
    "parked": "Show or retry what was given up on.",
    "skip": "Step over one batch of webhooks that cannot be read.",
    "demo": "Run everything on this machine, with a simulated LiveChat.",
}


class _Commands(click.Group):
    """Knows the commands by name, and only those whose module exists."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in SUMMARIES if find_spec(f"tagger.commands.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"tagger.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], known, n=1)
            meant = f" Did you mean {close[0]}?" if close else f" There are {', '.join(known)}."
            ctx.fail(f"There is no command {args[0]}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in self.list_commands(ctx)])


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: Any) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"tagger {version('livechat-tagger')}")
        ctx.exit()


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`tagger COMMAND --help` has options and examples.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
# Any value means no colours: https://no-color.org. An option, because click then reads the environment.
@click.option("--no-color", envvar="NO_COLOR", default="", hidden=True)
@click.pass_context
def main(ctx: click.Context, no_color: str) -> None:
    """Tags LiveChat chats by the keywords and canned responses that were said in them."""
    if no_color:
        ctx.color = False
    for stream in (sys.stdout, sys.stderr):  # a terminal of another encoding gets ? for what it cannot show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
