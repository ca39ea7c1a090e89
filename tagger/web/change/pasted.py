"""A list of keywords that somebody pasted in place of rules → rules, as `tagger import` makes them. Pure."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from tagger.core.importing.rule_file import recognised, rule_file, tag_problem

SOURCE: Final = "pasted text"
NO_TAG: Final = "Say which tag chats with these keywords get."

# What begins a keyword file or a rule, and hardly ever a keyword. No blank can be matched by two parts of it: that would
# take cubic time, which a text of blanks makes minutes of.
_RULES: Final = re.compile(r"^[ \t]*(?:-[ \t]+)?(?:\{[ \t]*)?(?:id|tag|version|rules)[ \t]*:", re.MULTILINE)
_HEAD: Final = ("# yaml-language-server:", "version:", "rules:")
_INDENT: Final = 2  # of the rules that are made


class Pasted(NamedTuple):
    """What became of a list."""

    text: str
    rules: int
    keywords: int
    duplicates: int
    left: int  # not taken over; they stand in the text as comments

    def __str__(self) -> str:
        more = [f"{self.duplicates:,} stood there twice"] if self.duplicates else []
        more += [f"{self.left:,} not taken over: see the comments"] if self.left else []
        rules = "one rule" if self.rules == 1 else f"{self.rules:,} rules"
        keywords = f"{self.keywords:,} keyword{'' if self.keywords == 1 else 's'}"
        return f"The list became {rules} with {keywords}" + "".join(f"; {each}" for each in more) + "."


def is_list(text: str) -> bool:
    """Whether a text holds something else than rules."""
    return bool(text.strip()) and _RULES.search(text) is None


def as_rules(text: str, tag: str, indent: int | None, taken: Collection[str]) -> Pasted | str:
    """A list as rules, or what is wrong and what to do.

    tag     of all rules; "" where the list names them
    indent  of the dashes, to be put among the rules of a file; None: a file of their own
    taken   ids of rules that there are
    """
    source = recognised(text)
    if isinstance(source, str):
        return f"This cannot be read as a list of keywords: {source}."
    if not tag and any(draft.tag is None for draft in source.drafts):
        return NO_TAG
    if tag and (problem := tag_problem(tag)):
        return f"{problem[:1].upper()}{problem[1:]}."
    made = rule_file(source, SOURCE, tag or None, taken)
    if isinstance(made, str):
        return f"This looks like {source.kind}; {made}."
    text = made.text if indent is None else _among(made.text, indent)
    return Pasted(text, made.rules, made.keywords, made.duplicates, made.left)


def _among(text: str, indent: int) -> str:
    """The rules of a file without its head, at another indent."""
    shift = " " * indent
    lines = [line for line in text.rstrip("\n").split("\n") if not line.startswith(_HEAD)]
    return "\n".join(
        f"{shift}{line}" if line.startswith("#") else f"{shift}{line[_INDENT:]}" for line in lines
    )
