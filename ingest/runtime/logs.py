"""What a log line of any process of ours may hold.

It promises that no line holds content: only fields of an allow list pass, an exception appears as its type and
place, a library's message as its template and the type of an error in it. An exception's text is never printed: it
may quote a webhook.
"""

import errno
import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from ssl import SSLError  # its numbers are OpenSSL's
from typing import Any, Final

import orjson
import structlog

LOGGED_CHARS_MAX: Final = 500  # of one field; ids and reasons are shorter
LIBRARY_EVERY_S: Final = 10.0  # for one line of library code: aiokafka repeats itself while a broker is away

# Ids, sizes, reasons, places. No field holds what a person wrote, or a person's address.
LOGGED_FIELDS: Final = frozenset(
    (
        *("event", "level", "timestamp", "logger", "where", "template", "error_type", "unlisted"),
        *("action", "reason", "result", "outcome", "status", "method", "attempts", "count", "suppressed"),
        *("bytes", "records", "seconds", "age_s", "limit", "signal", "version", "exit_code", "host", "port"),
        *("organization", "chat_id", "thread_id", "event_id", "rule", "tag", "config", "task"),
        *("file", "line", "column", "variable", "errno"),
        *("topic", "partition", "offset", "committed", "replay_from", "lag", "group", "generation"),
    )
)

Line = MutableMapping[str, Any]


def configure_logs(level: str, log_format: str | None, *, strict: bool = False) -> None:
    """Send all logs to stderr.

    log_format None means console on a terminal, else json. strict raises ValueError for an unlisted field, instead
    of dropping it: for tests.
    """
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            _stamped,
            _exception_as_place,
            lambda _, __, line: _listed_only(line, strict),
            structlog.dev.ConsoleRenderer() if console else lambda _, __, line: orjson.dumps(line).decode(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: _Stderr(),
    )
    logging.basicConfig(handlers=[_Libraries()], level=max(threshold, logging.WARNING), force=True)
    for quoting in ("aiohttp.server", "aiohttp.access"):  # they quote requests
        logging.getLogger(quoting).disabled = True


class _Stderr:
    """Where lines go. One that cannot be written is dropped: a full disk must not fail a webhook."""

    def msg(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def _stamped(_: Any, level: str, line: Line) -> Line:
    line["level"] = "warning" if level == "warn" else level
    seconds, rest = divmod(time.time_ns() // 1_000, 1_000_000)
    line["timestamp"] = f"{_second(seconds)}.{rest:06d}Z"
    return line


@lru_cache(2)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _exception_as_place(_: Any, __: str, line: Line) -> Line:
    if "exc_info" not in line:
        return line
    error = line.pop("exc_info")
    if error is True:
        error = sys.exc_info()[1]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # a task group's: the first cause says the most
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        line["error_type"] = type(error).__name__
        number = error.errno if isinstance(error, OSError) and not isinstance(error, SSLError) else None
        if name := errno.errorcode.get(number or 0):
            line["errno"] = name
        line["where"] = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return line


def _listed_only(line: Line, strict: bool) -> Line:
    if line.keys() <= LOGGED_FIELDS:
        return {name: _short(value) for name, value in line.items()}
    unlisted = ", ".join(sorted(line.keys() - LOGGED_FIELDS))
    if strict:
        raise ValueError(f"not in LOGGED_FIELDS: {unlisted}")
    kept = {name: _short(value) for name, value in line.items() if name in LOGGED_FIELDS}
    return {**kept, "unlisted": unlisted}


def _short(value: object) -> object:
    """A value that any renderer can write: a log call must not raise."""
    if type(value) is str and len(value) <= LOGGED_CHARS_MAX and value.isascii():
        return value  # nearly all
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**53):
        return value
    return str(value).encode("utf-8", "replace").decode()[:LOGGED_CHARS_MAX]


class _Libraries(logging.Handler):
    """Libraries' loggers: level, place and the message's template; its arguments may hold content."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}  # bounded by the libraries' lines that log

    def emit(self, record: logging.LogRecord) -> None:
        place, now = (record.name, record.lineno), time.monotonic()
        if now - self._last.get(place, -LIBRARY_EVERY_S) < LIBRARY_EVERY_S:
            return
        self._last[place] = now
        fields: dict[str, Any] = {"logger": record.name}
        if record.args:  # without any, the message may be formatted already
            fields["template"] = record.msg
            for error in record.args if isinstance(record.args, tuple) else ():
                if isinstance(error, BaseException):  # aiokafka, for one, reports errors as arguments
                    fields["error_type"] = type(error).__name__
        if record.exc_info and record.exc_info[1]:
            fields["exc_info"] = record.exc_info[1]
        else:
            fields["where"] = f"{record.filename}:{record.lineno} {record.funcName}"
        structlog.get_logger().log(record.levelno, "library_reports", **fields)
