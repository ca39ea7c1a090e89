"""A port of the loopback that stays free until the one for whom it is meant listens on it."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Final

HOST: Final = "127.0.0.1"


@contextlib.contextmanager
def reserved_port(wanted: int = 0) -> Iterator[int]:
    """A port on which another process may listen, as often as it likes, for as long as this lasts.

    `wanted`, or any that is free. Raises OSError where `wanted` is in use.

    Linux gives a port that somebody holds to no outgoing connection and to nobody who asks for any port, but
    to him who names it, as long as both set SO_REUSEADDR and the holder does not listen. Elsewhere the port is
    one that was free a moment ago.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, wanted))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port
