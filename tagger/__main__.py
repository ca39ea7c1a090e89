"""`tagger COMMAND`: finds the command and runs it.

A command's module is imported when the command runs, not before, so that the offline ones start at once.
"""

import sys
from importlib import import_module
from io import TextIOWrapper
from keyword import iskeyword
from typing import Final

import click

GROUPS: Final = {
    "Keyword files": {
        "check": "Find errors in keyword files.",
        "test": "Run the tests beside the rules.",
        "explain": "Show why a text or a chat gets its tags, or does not.",
        "import": "Turn another product's keywords into a keyword file.",
        "schema": "Print the JSON Schema of keyword files, or of our topics.",
    },
    "History": {
        "decisions": "List what was decided on chats, explain one, or watch.",
        "backtest": "Show what a change would have done to past chats.",
        "stats": "Show what each rule and keyword did, and which never match.",
        "suggest": "Suggest keywords from chats that people tagged, or nothing did.",
        "retag": "Set and remove tags of past chats: a plan first, then apply it.",
    },
    "Service": {
        "run": "Read webhooks from Kafka and tag the chats that ended.",
        "web": "Serve the page that shows which tags a chat gets, and why.",
    },
    "Repair": {
        "doctor": "Check what the services depend on, and say what to do.",
        "reconcile": "Find and tag ended chats whose webhooks were lost.",
        "parked": "List parked items, retry them or drop them.",
        "skip": "Step over a batch of webhooks that cannot be read.",
    },
    "Setting up": {
        "login": "Log in to LiveChat and store the refresh token.",
        "webhooks": "Register webhooks with LiveChat, and see them arrive.",
        "demo": "Run everything on this machine with a simulated LiveChat.",
    },
}
HELP: Final = "help"  # in no group: the last line of the list names it
SUMMARIES: Final = {name: summary for group in GROUPS.values() for name, summary in group.items()}


class _Commands(click.Group):
    """Imports a command when it is needed, and lists the commands in groups."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*SUMMARIES, HELP]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in {*SUMMARIES, HELP}:
            if ctx.resilient_parsing:  # a shell asks for completions
                return None
            from difflib import get_close_matches

            close = get_close_matches(cmd_name, SUMMARIES, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"The commands are {', '.join(SUMMARIES)}."
            ctx.fail(f"There is no command {cmd_name}. {hint}")
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"tagger.commands.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, summaries in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<9}", summary) for name, summary in summaries.items()])


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`tagger help COMMAND` shows the options of a command, with examples.",
)
@click.version_option(
    None,
    "-V",
    "--version",
    package_name="livechat-tagger",
    prog_name="tagger",
    message="%(prog)s %(version)s",
    help="Show the version.",
)
# Any value means no colours: https://no-color.org. An option, because click then reads the environment.
@click.option("--no-color", envvar="NO_COLOR", default="", hidden=True)
@click.pass_context
def main(ctx: click.Context, no_color: str) -> None:
    """Tag LiveChat chats by the keywords and canned responses in them.

    \b
    Examples:
      tagger explain 'I want a refund!'
      tagger demo
    """
    if no_color:
        ctx.color = False
    for stream in (sys.stdout, sys.stderr):  # a terminal of another encoding gets ? for what it cannot show
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
