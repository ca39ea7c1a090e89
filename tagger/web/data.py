"""A table for programs and spreadsheets: the same address with `.json` or `.csv` behind it."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, Final

import orjson
from aiohttp import web

Cell = str | int | float | None
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # with these a spreadsheet takes a text for one


def as_json(value: Any) -> web.Response:
    """A value as JSON."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def as_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> web.Response:
    """Rows as comma-separated values (RFC 4180), to be saved as a file of this name; no text in them is a formula."""
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows(map(_plain, row) for row in rows)
    return attachment(written.getvalue().encode(), name, "text/csv")


def _plain(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def attachment(body: bytes, name: str, content_type: str) -> web.Response:
    """A file to be saved. `name` has no quotes and no control characters."""
    answer = web.Response(body=body, content_type=content_type, charset="utf-8")
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "_")
    answer.headers["Content-Disposition"] = f'attachment; filename="{ascii_name}"' + (
        "" if ascii_name == name else f"; filename*=UTF-8''{_escaped(name)}"
    )
    return answer


def _escaped(name: str) -> str:
    """Percent-encoded (RFC 8187)."""
    return "".join(
        chr(byte) if chr(byte).isalnum() and byte < 0x80 else f"%{byte:02X}" for byte in name.encode()
    )
