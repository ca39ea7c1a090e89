"""An argument for texts as people type them, those that begin with a dash too: `tagger explain "-20% is not applied"`.

Click takes everything that begins with a dash for an option. Here it is one only if it looks like one: `--name`,
`--name=…`, `-x`. Whatever else begins with a dash, and whatever follows `--`, is text.
"""

import re
from typing import Any, Final

import click

_OPTION: Final = re.compile(r"--[A-Za-z][A-Za-z0-9-]*(?:=.*)?|-[A-Za-z]", re.DOTALL)
# In front of a text that click must not look at: no argument of a process contains it.
_MARK: Final = "\0"


class TextArgument(click.ParamType[str]):
    """One word of the text, or all of it."""

    name = "text"

    def convert(self, value: Any, _param: click.Parameter | None, _ctx: click.Context | None) -> str:
        """The text as it was typed."""
        return str(value).removeprefix(_MARK)


class TextCommand(click.Command):
    """A command with such an argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Hide texts from click; say how an unknown option can be meant as a text."""
        try:
            return super().parse_args(ctx, self._marked(args))
        except click.NoSuchOption as error:
            advice = f"To give it as a text, write: {ctx.command_path} -- {error.option_name}"
            raise click.UsageError(f"{error.format_message()} {advice}", ctx) from None

    def _marked(self, args: list[str]) -> list[str]:
        with_value = {
            name
            for option in self.params
            if isinstance(option, click.Option) and not option.is_flag
            for name in option.opts
        }
        marked: list[str] = []
        is_value = False
        for at, arg in enumerate(args):
            if arg == "--" and not is_value:
                return [*marked, *args[at:]]
            is_text = not is_value and arg.startswith("-") and len(arg) > 1 and not _OPTION.fullmatch(arg)
            marked.append(_MARK + arg if is_text else arg)
            is_value = not is_value and arg in with_value
        return marked
