"""Answers that are given again while nothing is written: the same query over the same state.

Only the newest state of the store has any, and only so many bytes of them are kept: those that were
asked for last.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

LONGEST = 1 << 16
"""Bytes of the longest answer that is kept."""

_ITSELF = 1_000
"""Bytes that an answer takes beside its query and its body, roughly."""

_ASKED = ("query", "base", "default", "named", "union", "accept", "format", "rows", "guard")
"""What in a job decides its answer."""


class Known(NamedTuple):
    """An answer: its head, its body, and how many bytes it takes."""

    head: dict[str, Any]
    body: bytes
    size: int


class Remembered:
    """Answers by the job that they answer."""

    def __init__(self, most: int) -> None:
        """Keep up to `most` bytes; none where that is 0."""
        self._most = most
        self._lock = Lock()
        self._state = ""
        self._size = 0
        self._answers: OrderedDict[tuple[Any, ...], Known] = OrderedDict()

    def get(self, state: str, job: dict[str, Any]) -> Known | None:
        """The answer to a job over a state of the store, if it is known."""
        if not self._most or job["do"] != "query":
            return None
        key = _key(job)
        with self._lock:
            found = self._answers.get(key) if state == self._state else None
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def put(self, state: str, job: dict[str, Any], head: dict[str, Any], body: bytes) -> None:
        """Keep an answer, in the place of those that were asked for longest ago."""
        size = len(job["query"]) + len(body) + _ITSELF
        if not self._most or len(body) > LONGEST or size > self._most:
            return
        key = _key(job)
        with self._lock:
            if state != self._state:
                self._answers.clear()
                self._state, self._size = state, 0
            if key in self._answers:
                return
            self._answers[key] = Known(head, body, size)
            self._size += size
            while self._size > self._most:
                self._size -= self._answers.popitem(last=False)[1].size


def _key(job: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(tuple(v) if isinstance(v := job[name], list) else v for name in _ASKED)
