"""What the kernel is asked for a socket that listens: files enough, and an end without a reset."""

import ctypes
import resource
import socket
import struct
import sys
from typing import Final

SO_ATTACH_FILTER: Final = 26  # of Linux; Python's socket module does not name it


def files_allowed(wanted: int) -> int:
    """How many files this process may open, raised as far as it is allowed to: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def let_nobody_in(listening: socket.socket) -> None:
    """Have the kernel drop what comes for the socket: senders try again a second later and find it closed."""
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(
            struct.pack("HBBI", 0x06, 0, 0, 0)
        )  # BPF: return 0 bytes, always
        filter_ = struct.pack("HP", 1, ctypes.addressof(program))  # struct sock_fprog of one instruction
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
