"""Statements that do not depend on each other, several at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import TypeVar

import duckdb

_PATIENCE = 0.05
"""Seconds between two interruptions of what still runs."""

T = TypeVar("T")
Task = Callable[[duckdb.DuckDBPyConnection], T]


def abreast(con: duckdb.DuckDBPyConnection, tasks: Iterable[Task[T]], many: int) -> Iterator[T]:
    """What tasks give, in their order, while `many` of them run, each with a cursor of its own.

    Few are ahead of what is asked for, so that their results do not pile up. Where one fails, those
    that still run are interrupted.
    """
    free: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    cursors = [con.cursor() for _ in range(many)]
    for cursor in cursors:
        free.put(cursor)

    def run(task: Task[T]) -> T:
        cursor = free.get()
        try:
            return task(cursor)
        finally:
            free.put(cursor)

    ahead: deque[Future[T]] = deque()
    left = iter(tasks)
    with ThreadPoolExecutor(many, "rules") as pool:
        try:
            while True:
                while len(ahead) < 2 * many and (task := next(left, None)) is not None:
                    ahead.append(pool.submit(run, task))
                if not ahead:
                    break
                yield ahead.popleft().result()
        finally:
            running = [future for future in ahead if not future.cancel()]
            # again and again, for one that is about to begin hears nothing
            while wait(running, timeout=_PATIENCE).not_done:
                for cursor in cursors:
                    cursor.interrupt()
    for cursor in cursors:
        cursor.close()
