"""How service and workers speak: frames on a socket, each a letter, a length and a payload."""

from __future__ import annotations

import json
import signal
import socket
import struct
from typing import Any

_HEAD = struct.Struct("!cI")

JOB = b"J"
"""To the worker: what to do, as JSON."""
HEAD = b"H"
"""From the worker: how the answer begins, as JSON, or the problem in its stead."""
DATA = b"D"
"""From the worker: bytes of the body."""
END = b"E"
"""From the worker: the answer is whole, and what it cost, as JSON."""


def packed(letter: bytes, payload: bytes) -> bytes:
    """One frame."""
    return _HEAD.pack(letter, len(payload)) + payload


def packed_json(letter: bytes, value: Any) -> bytes:
    """One frame with a value as JSON."""
    return packed(letter, json.dumps(value, separators=(",", ":")).encode())


def loads(payload: bytes) -> dict[str, Any]:
    """The JSON of a frame."""
    value: dict[str, Any] = json.loads(payload)
    return value


GIVE_UP = signal.SIGUSR1
"""To the worker, as a signal: nobody waits for the answer any more."""


class Frames:
    """The frames that arrive on a socket; a wait that ends early loses nothing."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._held = bytearray()

    def next(self) -> tuple[bytes, bytes]:
        """The next frame: its letter and payload.

        Raises EOFError where the other side has gone, TimeoutError where the socket's time is over.
        """
        while True:
            if len(self._held) >= _HEAD.size:
                letter, length = _HEAD.unpack_from(self._held)
                end = _HEAD.size + length
                if len(self._held) >= end:
                    payload = bytes(self._held[_HEAD.size : end])
                    del self._held[:end]
                    return letter, payload
            piece = self.line.recv(1 << 17)
            if not piece:
                raise EOFError
            self._held += piece
