"""What a listening socket needs from the kernel: enough files, and an end without a reset."""

import ctypes
import resource
import socket
import struct
import sys
from typing import Final

SO_ATTACH_FILTER: Final = 26  # Linux's; Python's socket module does not name it


def files_allowed(wanted: int) -> int:
    """How many files this process may open, raised towards `wanted` as far as allowed: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def drop_newcomers(listening: socket.socket) -> None:
    """Let the kernel drop what arrives: senders try again a second later and find the socket closed."""
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0 bytes
        filter_ = struct.pack("HP", 1, ctypes.addressof(program))  # struct sock_fprog of one instruction
        listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter_)
