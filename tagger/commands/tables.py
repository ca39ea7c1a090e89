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
    yield markdown_line(header)
    yield markdown_line(["---", *("---:" for _ in header[1:])])
    yield from map(markdown_line, rows)


def as_csv(header: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Lines of comma-separated values."""
    yield from map(csv_line, (header, *rows))


def markdown_line(row: Row) -> str:
    """One row of a table in Markdown."""
    cells = (printable(_shown(cell)).replace("\\", "\\\\").replace("|", "\\|") for cell in row)
    return f"| {' | '.join(cells)} |"


def csv_line(row: Row) -> str:
    """One row as comma-separated values (RFC 4180), without a line end."""
    written = StringIO()
    csv.writer(written, lineterminator="").writerow(row)
    return written.getvalue()


def _shown(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell
