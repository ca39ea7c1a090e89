"""Each example runs by the lines of its own README, beside a demo that plays, on both brokers."""

import csv
import json
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.deadline import DEADLINE_S, wait_until
from tests.examples.readme import Terminal, a_terminal, section
from tests.kafka.kafka import Kafka


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real_kafka)])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal whose demo has a broker of its own, or plays on a real Kafka."""
    kafka: Kafka | None = request.getfixturevalue("kafka_real") if request.param == "real" else None
    with a_terminal(tmp_path, kafka.bootstrap if kafka else None) as typed:
        yield typed


def type_all(terminal: Terminal, example: str) -> str:
    return "".join(terminal.type(line) for line in section(example, "Try it"))


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_decisions_become_a_table_with_each_thread_once(terminal: Terminal) -> None:
    said = type_all(terminal, "decisions")
    rows = rows_of(terminal.folder / "decisions.csv")
    assert len(rows) >= 20
    assert f"wrote {len(rows)} threads" in said
    assert len({row["thread_id"] for row in rows}) == len(rows)
    assert {"tagged", "no_match"} >= {row["outcome"] for row in rows}
    assert any(row["tags"] for row in rows)
    again = terminal.type(section("decisions", "Try it")[-1])  # goes on where it stopped
    read = re.search(r"read (\d+) records", again)
    assert read
    assert len(rows_of(terminal.folder / "decisions.csv")) == len(rows) + int(read[1])


def test_customers_who_agreed_are_on_the_list_and_refused_ones_aside(terminal: Terminal) -> None:
    *lines, look = section("contacts", "Try it")
    for line in lines:
        terminal.type(line)
    found: dict[str, Any] = {}

    def some_of_each() -> bool:
        with suppress(OSError):  # it does not listen yet
            url = f"http://127.0.0.1:{terminal.port('8099')}/contacts"
            with urllib.request.urlopen(url, timeout=DEADLINE_S) as answer:
                found.update(json.loads(answer.read()))
        return len(found) >= 3 and bool(refused(terminal.folder))

    wait_until(some_of_each)
    assert look.startswith("curl ")
    assert json.loads(found_by(look, terminal)).keys() >= found.keys()
    emails = {contact["email"] for contact in found.values()}
    assert not any("visitor1" in email for email in emails)
    assert all("visitor1" in json.loads(body)["email"] for body in refused(terminal.folder).values())
    assert all(len(email) % 2 == 0 for email in emails)  # the demo's visitors who agree
    assert (terminal.folder / "refused.db").stat().st_mode & 0o077 == 0
    printed = (terminal.folder / "contacts.log").read_text("utf-8")
    assert "kept aside (422)" in printed
    assert "@" not in printed


def found_by(curl: str, terminal: Terminal) -> str:
    """What the README's line shows, without the progress that curl prints."""
    return terminal.type(curl.replace("curl ", "curl --silent "))


def refused(folder: Path) -> dict[str, str]:
    if not (folder / "refused.db").exists():
        return {}
    store = sqlite3.connect(folder / "refused.db")
    try:
        return dict(store.execute("SELECT path, body FROM refused").fetchall())
    except sqlite3.OperationalError:  # it is being made
        return {}
    finally:
        store.close()


def test_who_waits_is_shown_and_called_out(terminal: Terminal) -> None:
    told: list[dict[str, Any]] = []
    with listening(int(terminal.port("8098")), told):
        type_all(terminal, "queue")
        wait_until(lambda: {one["waiting"] for one in told} == {True, False})
        over = next(one["thread_id"] for one in told if not one["waiting"])
        wait_until(lambda: bool(re.search(r"^[1-9]\d* waiting$", printed(terminal), re.MULTILINE)))
    began = [one for one in told if one["waiting"] and one["thread_id"] == over]
    assert len(began) <= 1  # none: the wait began before the example
    assert all(one["position"] >= 1 and one["customer"] for one in told)
    assert re.search(r"^ +\d+ s  place +\d+  chat \w+$", printed(terminal), re.MULTILINE)


def printed(terminal: Terminal) -> str:
    return (terminal.folder / "waiting.log").read_text("utf-8")


class listening:  # noqa: N801 - reads as what it does
    """A callback that notes what it is told."""

    def __init__(self, port: int, told: list[dict[str, Any]]) -> None:
        class Noting(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing to say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Noting)
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
