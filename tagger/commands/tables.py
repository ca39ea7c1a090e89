"""Tables for people, spreadsheets and pull requests. The first column is text, the others are figures."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from rich.cells import cell_len, set_cell_size

from tagger.commands.transcript import printable

Row = Sequence[str | int]


def as_text(header: Row, rows: Sequence[Row], left: int = 1) -> Iterator[str]:
    """Lines for a terminal: so many columns to the left, the others to the right."""
    lines = [[printable(_shown(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [
            set_cell_size(cell, width) if at < left else " " * (width - cell_len(cell)) + cell
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "   ".join(cells).rstrip()


def as_markdown(header: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Lines of a table in Markdown, as GitHub shows it."""
    yield _piped(header)
    yield _piped(["---", *("---:" for _ in header[1:])])
    yield from map(_piped, rows)


def as_csv(header: Row, rows: Sequence[Row]) -> str:
    """The table as comma-separated values (RFC 4180, with plain line ends)."""
    written = StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return written.getvalue()


def _shown(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell


def _piped(row: Row) -> str:
    cells = (printable(_shown(cell)).replace("\\", "\\\\").replace("|", "\\|") for cell in row)
    return f"| {' | '.join(cells)} |"
