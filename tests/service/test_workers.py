"""Who gets a worker next."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast_service.frames import Frames
from holdfast_service.settings import Settings
from holdfast_service.workers import Workers, _Run, _Waiter, _Worker


def idle() -> _Worker:
    """A worker that waits for a job, without the process."""
    process: Any = SimpleNamespace(pid=0, kill=lambda: None, wait=lambda seconds=0: 0)
    line = socket.socket()
    line.close()  # nothing is said on it
    return _Worker(process, line, Frames(line), store="now")


def test_who_has_a_slow_query_leaves_the_last_worker_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Workers, "_start", lambda self: None)  # no worker is ever started
    now: Any = SimpleNamespace(store="now", hold="", name="now")
    workers = Workers(Settings(workers=2, slow_workers=2), lambda: now)
    try:
        with workers._lock:
            workers._runs.add(_Run("harbour", idle(), time.monotonic(), slow=True))
            workers._idle[:] = [idle(), idle()]

            first = workers._take(_Waiter("harbour"), slow=False)
            second = workers._take(_Waiter("harbour"), slow=False)
            other = workers._take(_Waiter("valley"), slow=False)

        assert (True, False, True) == (first is not None, second is not None, other is not None)
    finally:
        workers.stop()
