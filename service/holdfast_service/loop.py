"""Waiting for what happens on connections, so that idle ones cost nothing.

waitress looks at every connection before each wait, and is woken after each answer to do so again.
Here the system keeps the list of what is waited for, and only what has changed on a connection
changes it. Every second all are looked at nevertheless, and those that take up others every time.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping

from waitress import wasyncore

SCAN = 1.0
"""Seconds between two looks at all connections."""

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop:
    """What is waited for on each of the connections of a server.

    One thread runs it; others tell it to `look` at a connection on which they have done something.
    """

    def __init__(
        self, connections: MutableMapping[int, wasyncore.dispatcher], wake: Callable[[], None]
    ) -> None:
        """`connections` are all there are, by their file descriptors; `wake` ends a wait.

        Those that are there from the beginning, which take up others, are looked at every time.
        """
        self._connections = connections
        self._listeners = list(connections.values())
        self._wake = wake
        self._selector = selectors.DefaultSelector()
        self._awaited: dict[int, int] = {}
        self._told: deque[wasyncore.dispatcher] = deque()
        self._lock = threading.Lock()
        self._scanned = 0.0

    def run(self) -> None:
        """Serve connections until there are none, or the thread is told to end."""
        try:
            while self._connections:
                self._turn()
        finally:
            self._selector.close()

    def look(self, connection: wasyncore.dispatcher) -> None:
        """See what is to be waited for on a connection; the loop is woken only if it changes."""
        with self._lock:
            number = connection._fileno
            if number is None or self._awaited.get(number, 0) == _wanted(connection):
                return
        self._told.append(connection)
        self._wake()

    def forget(self, connection: wasyncore.dispatcher) -> None:
        """Wait for nothing any more on a connection that is about to be closed."""
        with self._lock:
            number = connection._fileno
            if number is not None and self._awaited.pop(number, 0):
                self._selector.unregister(number)

    def _turn(self) -> None:
        now = time.monotonic()
        if now - self._scanned >= SCAN:
            self._scanned = now
            for connection in list(self._connections.values()):
                self._settle(connection)
        while self._told:
            self._settle(self._told.popleft())
        for connection in self._listeners:
            self._settle(connection)
        for key, happened in self._selector.select(SCAN):
            connection = self._connections.get(key.fd)
            if connection is None:
                continue
            if happened & _READ:
                wasyncore.read(connection)
            if happened & _WRITE and self._connections.get(key.fd) is connection:
                wasyncore.write(connection)
            self._settle(connection)

    def _settle(self, connection: wasyncore.dispatcher) -> None:
        # what is wanted and that it is awaited is one step, or `look` could come in between
        with self._lock:
            number = connection._fileno
            if number is None or self._connections.get(number) is not connection:
                return  # it is closed
            wanted, awaited = _wanted(connection), self._awaited.get(number, 0)
            if wanted == awaited:
                return
            if not awaited:
                self._selector.register(number, wanted)
            elif wanted:
                self._selector.modify(number, wanted)
            else:
                self._selector.unregister(number)
            self._awaited[number] = wanted


def _wanted(connection: wasyncore.dispatcher) -> int:
    # who writes first and then reads nothing is waited for until it is written
    writes = _WRITE if connection.writable() and not connection.accepting else 0
    return writes | (_READ if connection.readable() else 0)
