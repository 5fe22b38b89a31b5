"""What a worker gives up before it sees a query: the network, core files, memory without end."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from functools import lru_cache

# The system call `socket` and the name of the instruction set, by machine (Linux uapi headers).
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 13  # EACCES


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def give_up_network() -> bool:
    """Let this process open no socket from now on; whether the system can do that (Linux).

    The query policy refuses SERVICE before this: here is the second wall, should it be mistaken.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return False
    architecture, call = machine
    steps = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, 0),
        (_JUMP_EQUAL, 0, 1, call),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def give_up_core_files() -> None:
    """Leave no core file behind: it would hold what others asked."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(more: int) -> int:
    """Let this process take so many bytes more than it has now; returns what it has.

    Nothing is limited, and 0 is returned, where the system does not tell.
    """
    held = address_space()
    if held and more:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = held + more
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    return held


def lift_memory_limit() -> None:
    """Take back what `limit_memory` did, as far as the system lets this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def address_space() -> int:
    """How many bytes of address space this process has; 0 where the system does not tell."""
    try:
        return int(os.pread(_figures(), 64, 0).split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=1)  # a worker reads them after each job
def _figures() -> int:
    """The file in which the system tells how much memory this process has."""
    return os.open("/proc/self/statm", os.O_RDONLY)
