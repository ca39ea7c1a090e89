"""A port of the loopback that stays free for the process that is to listen on it."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from typing import Final

HOST: Final = "127.0.0.1"


@contextlib.contextmanager
def reserved_port(wanted: int = 0) -> Iterator[int]:
    """A port on which another process may listen, any number of times, while this lasts.

    It is `wanted`, or any that is free. Raises OSError if `wanted` is in use.

    On Linux, a port that is bound is not used for outgoing connections or for a process that asks for any port.
    A process that names it gets it, if both set SO_REUSEADDR and the holder does not listen. Elsewhere, the port
    was free a moment ago.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, wanted))
        port = int(holder.getsockname()[1])
        if sys.platform != "linux":
            holder.close()
        yield port
