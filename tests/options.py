"""The options of a command are the arguments of a function: their names, types and defaults are written once."""

import argparse
import inspect
from collections.abc import Callable
from typing import Any


def given(command: Callable[..., object]) -> dict[str, Any]:
    """What the command line says of the arguments that have a default."""
    return vars(parser_of(command).parse_args())


def parser_of(command: Callable[..., object]) -> argparse.ArgumentParser:
    """A flag for each False, some words for a tuple, each one of it, and else an option of the default's type.

    The docstring of the function's module, `tests/<folder>/<name>/__main__.py`, is the help.
    """
    *_, folder, name, _ = inspect.getfile(command).split("/")
    parser = argparse.ArgumentParser(
        prog=f"python -m tests.{folder}.{name}",
        description=inspect.getdoc(inspect.getmodule(command)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for argument in inspect.signature(command).parameters.values():
        option, default = f"--{argument.name.replace('_', '-')}", argument.default
        if default is False:
            parser.add_argument(option, action="store_true")
        elif isinstance(default, tuple):
            parser.add_argument(argument.name, nargs="*", choices=default, default=default)
        elif default is not argument.empty:
            parser.add_argument(option, type=type(default), default=default, help=f"default {default}")
    return parser
