"""What answers at an admin address, and how long it is waited for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

import pytest

from tagger.recovery.doctor import admin_page
from tagger.recovery.doctor.admin_page import Page, ask

PAGE: Final = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def answering(start: bytes, more: bytes) -> Iterator[int]:
    """A server that answers one request so, and then goes on with `more`, slowly and for ever; its port."""
    over = Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(start)
            while more and not over.wait(0.01):
                connection.sendall(more)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_a_page_comes_with_its_date() -> None:
    with answering(PAGE, b"") as port:
        page = ask("127.0.0.1", port, "/health/ready")
    assert isinstance(page, Page)
    assert (page.body, page.date) == (b"ok", "now")


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nServer: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (PAGE.replace(b"Length: 2", b"Length: 2000000"), b"x"),
    ],
    ids=["head", "body", "body of a known length"],
)
def test_an_answer_without_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, start: bytes, more: bytes
) -> None:
    monkeypatch.setattr(admin_page, "ANSWER_S", 0.2)
    with answering(start, more) as port:
        assert isinstance(ask("127.0.0.1", port, "/metrics"), str)
