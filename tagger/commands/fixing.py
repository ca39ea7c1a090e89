"""What `tagger check --fix` does with keyword files before they are checked: cures, a diff, and what is written."""

from collections.abc import Mapping
from difflib import unified_diff

import click

from ingest.runtime.exit import stop
from tagger.core.review.fix import fix
from tagger.keyword_files.write import replace

NO_END = "\\ No newline at end of file"


def fixed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with every cure that is certain."""
    return {name: fix(content) for name, content in files.items()}


def diff_of(name: str, before: bytes, after: bytes) -> str:
    """What changes in a file, as `diff -u` shows it; "" where nothing does."""
    old, new = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in (before, after))
    lines = unified_diff(old, new, name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n{NO_END}\n" for line in lines)


def coloured(diff: str) -> str:
    """A diff for a terminal: one line end each, added lines green, removed ones red."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "\n".join(
        click.style(line, fg=colours.get(line[:1]), bold=line.startswith(("+++", "---")) or None)
        for line in diff.replace("\r\n", "\n").split("\n")
    )


def write(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Write the files that changed; exits 2 where one cannot be written, after the others."""
    changed = (name for name in before if before[name] != after[name])
    wrongs = [wrong for name in changed if (wrong := replace(name, before[name], after[name]))]
    if wrongs:
        stop("\n".join(wrongs))
