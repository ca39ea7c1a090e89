"""A port that is kept for the one who is to listen on it."""

import errno
import socket
import sys

import pytest

from tagger.simulator.livechat.port import HOST, reserved_port

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be held for others")


def test_a_process_that_names_it_can_listen_on_it_any_number_of_times() -> None:
    with reserved_port() as port:
        for _ in range(2):
            with (
                socket.create_server((HOST, port), reuse_port=True) as server,
                socket.create_connection((HOST, port)),
            ):
                server.accept()[0].close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port))


@linux_only
@pytest.mark.parametrize("reserved", [True, False])
def test_nobody_else_gets_it(reserved: bool) -> None:
    with reserved_port() as port, socket.socket() as stranger:
        if reserved:
            with pytest.raises(OSError, match="in use") as refused:
                stranger.bind((HOST, port))
            assert refused.value.errno == errno.EADDRINUSE
    if not reserved:
        with socket.socket() as stranger:
            stranger.bind((HOST, port))


def test_one_that_is_in_use_is_not_given() -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(OSError, match="in use"):
        reserved_port(taken.getsockname()[1]).__enter__()
