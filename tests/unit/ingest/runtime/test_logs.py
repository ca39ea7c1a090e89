"""No matter what is logged, by us or by a library, no line holds content."""

import errno
import logging
import ssl
from collections.abc import Callable

import orjson
import pytest
import structlog

from ingest.runtime.logs import LOGGED_CHARS_MAX, configure_logs

CONTENT = "my card is 4111"
Line = dict[str, object]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[Line]]:
    configure_logs("info", "json")
    return lambda: [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_listed_field_is_kept_and_another_is_dropped_and_named(lines: Callable[[], list[Line]]) -> None:
    structlog.get_logger().info("hello", chat_id="C", customer=CONTENT, text=CONTENT)
    (line,) = lines()
    assert (line["event"], line["chat_id"], line["unlisted"]) == ("hello", "C", "customer, text")
    assert CONTENT not in str(line)


def test_in_tests_an_unlisted_field_is_an_error() -> None:
    configure_logs("info", "json", strict=True)
    with pytest.raises(ValueError, match="text"):
        structlog.get_logger().info("hello", text=CONTENT)


def test_an_exception_shows_as_type_and_place(lines: Callable[[], list[Line]]) -> None:
    try:
        raise KeyError(CONTENT)
    except KeyError as error:
        structlog.get_logger().error("failed", exc_info=error)
        structlog.get_logger().exception("failed again")
    for line in lines():
        assert line["error_type"] == "KeyError"
        assert "test_logs.py" in str(line["where"])
        assert CONTENT not in str(line)


def test_an_error_of_the_system_shows_which_by_its_name(lines: Callable[[], list[Line]]) -> None:
    for error in (OSError(errno.ENOSPC, CONTENT), OSError(CONTENT), ssl.SSLError(1, CONTENT)):
        structlog.get_logger().error("failed", exc_info=error)
    found = lines()
    assert [line.get("errno") for line in found] == ["ENOSPC", None, None]
    assert CONTENT not in str(found)


@pytest.mark.parametrize(
    "value", ["x" * 10_000, "\ud800", 2**70, object, [CONTENT], b"\xff", float("nan"), None, True]
)
def test_no_value_makes_a_log_call_fail(lines: Callable[[], list[Line]], value: object) -> None:
    structlog.get_logger().info("odd", reason=value)
    (line,) = lines()
    assert len(str(line["reason"])) <= LOGGED_CHARS_MAX


def test_a_librarys_arguments_and_ready_made_messages_are_left_out(lines: Callable[[], list[Line]]) -> None:
    logging.getLogger("aiokafka.conn").error("cannot send %s", CONTENT)
    logging.getLogger("aiokafka.conn").error(f"cannot send {CONTENT}")
    try:
        raise ValueError(CONTENT)
    except ValueError:
        logging.getLogger("asyncio").exception(CONTENT)
    found = lines()
    assert [line.get("template") for line in found] == ["cannot send %s", None, None]
    assert found[2]["error_type"] == "ValueError"
    assert CONTENT not in str(found)


def test_an_error_among_a_librarys_arguments_is_logged_by_its_type(lines: Callable[[], list[Line]]) -> None:
    logging.getLogger("aiokafka").error('cannot connect to "%s": %s', CONTENT, ConnectionError(CONTENT))
    logging.getLogger("aiokafka").error("%(what)s", {"what": ConnectionError(CONTENT)})
    found = lines()
    assert [line.get("error_type") for line in found] == ["ConnectionError", None]
    assert CONTENT not in str(found)


def test_the_same_line_of_a_library_is_logged_once_in_a_while(lines: Callable[[], list[Line]]) -> None:
    for _ in range(100):
        logging.getLogger("aiokafka.client").error("no broker at %s", "here")
    assert len(lines()) == 1


def test_the_loggers_that_quote_requests_are_silent(lines: Callable[[], list[Line]]) -> None:
    logging.getLogger("aiohttp.server").error("bad request %s", CONTENT)
    logging.getLogger("aiohttp.access").error(CONTENT)
    assert lines() == []


def test_a_level_holds_for_our_lines_and_the_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error", "json")
    structlog.get_logger().warning("ours")
    logging.getLogger("aiokafka").warning("theirs")
    assert capsys.readouterr().err == ""


def test_the_console_shows_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console")
    structlog.get_logger().info("hello", chat_id="C", text=CONTENT)
    printed = capsys.readouterr().err
    assert "hello" in printed
    assert CONTENT not in printed
