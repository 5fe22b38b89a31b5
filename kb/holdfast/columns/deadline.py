"""Statements that are interrupted when they take too long.

One thread watches all of them. It is woken only for a deadline that comes before the one that it
waits for, so that a block costs next to nothing: a run of all rules enters hundreds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Thread, current_thread, main_thread
from time import monotonic

import duckdb

from holdfast.errors import HoldfastError

Late = Callable[[], HoldfastError]
"""What makes the error for a statement that is late."""

_AGAIN = 0.2
"""Seconds between two interruptions: one that comes between two statements is not heard."""


_DEAF = 5.0
"""Seconds of interruptions after which a statement is held to hear none: DuckDB hears nothing while
it plans, and what is written out in thousands of parts it may plan for hours."""

_last_resort: Callable[[HoldfastError], None] | None = None


def end_where_deaf(tell: Callable[[HoldfastError], None]) -> None:
    """Let a process that hears no interruption be ended: `tell` says why, and exits.

    For commands, which are a process by themselves; what is late elsewhere is waited for.
    """
    global _last_resort
    _last_resort = tell


@dataclass
class _Deadline:
    """When to interrupt next what a connection runs, since when it is late, and what that means."""

    until: float
    con: duckdb.DuckDBPyConnection
    since: float
    late: Late | None


class _Watch:
    """The deadlines that are not over, by number, and the thread that waits for the first."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._deadlines: dict[int, _Deadline] = {}
        self._waits_until = 0.0
        self._last = 0
        self._thread: Thread | None = None

    def begin(self, con: duckdb.DuckDBPyConnection, seconds: float, late: Late | None) -> int:
        """Interrupt what a connection runs after so many seconds, unless `end` comes before."""
        until = monotonic() + seconds
        with self._changed:
            self._last += 1
            self._deadlines[self._last] = _Deadline(until, con, until, late)
            if self._thread is None:
                self._waits_until = until
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif until < self._waits_until:
                self._changed.notify()
            return self._last

    def end(self, number: int) -> None:
        """Let a deadline go: from now on it interrupts nothing."""
        with self._changed:
            self._deadlines.pop(number, None)

    def _run(self) -> None:
        with self._changed:
            while self._deadlines:
                self._waits_until = min(one.until for one in self._deadlines.values())
                self._changed.wait(self._waits_until - monotonic())
                now = monotonic()
                for one in list(self._deadlines.values()):
                    if one.until <= now:
                        one.con.interrupt()
                        one.until = now + _AGAIN
                    if one.late and _last_resort and now - one.since > _DEAF:
                        _last_resort(one.late())
            self._thread = None


_watch = _Watch()


def _renew() -> None:
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_renew)  # threads do not survive a fork


@contextmanager
def interrupted(
    con: duckdb.DuckDBPyConnection, seconds: float, late: Late | None = None
) -> Iterator[None]:
    """A block in which what a connection runs after so many seconds is interrupted; `late` makes
    the error with which a command ends that hears nothing (`end_where_deaf`)."""
    watch = _watch
    number = watch.begin(con, seconds, late)
    try:
        yield
    finally:
        watch.end(number)


@contextmanager
def deadline(
    con: duckdb.DuckDBPyConnection, seconds: float, late: Late | None = None
) -> Iterator[None]:
    """A block in which a statement is interrupted after so many seconds.

    The order of rows does not matter in it: a LIMIT then keeps no thread waiting.
    """
    con.execute("SET preserve_insertion_order = false")
    try:
        with interrupted(con, seconds, late):
            yield
    finally:
        con.execute("SET preserve_insertion_order = true")


@contextmanager
def python_deadline(seconds: float) -> Iterator[None]:
    """A block that is ended by a TimeoutError after so many seconds, even within one regular
    expression. Nothing but the main thread can be interrupted so."""
    if current_thread() is not main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def too_deep(error: duckdb.Error) -> bool:
    """Whether a statement failed because what it computes is nested too deeply."""
    return "expression depth" in str(error)
