"""Worker processes that answer queries, try updates, and can be killed; who gets one next.

A query begins on a *quick* place. One that has used up `patience`, or a fifth of that while others
wait, goes on at the lowest priority on a *slow* place, and a new worker takes its quick one; the
same query asked again waits for a slow place at once. So a query that never ends keeps nobody
waiting. A worker is killed at its query's deadline, at its memory limit (the system does that),
when the client has gone, and when slow places are wanted and it has had one longest.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast_service import frames
from holdfast_service.problem import Problem
from holdfast_service.remembered import LONGEST, Remembered
from holdfast_service.settings import Settings

TICK = 0.05
"""Seconds between two looks at who runs too long."""

WAITING = 4
"""How many times the patience a query may wait for the machine."""

REMEMBERED = 300.0
"""Seconds for which a query is known to be slow."""

GLANCE = 0.2
"""Seconds between two looks at whether a client is still there."""

LEAVING = 0.3
"""Seconds that a worker has to give up an answer for which nobody waits; then it is killed."""

STARTING = 30.0
"""Seconds within which a new worker must have opened its snapshot."""


class Snapshot(Protocol):
    """A frozen state of the store that workers can open."""

    @property
    def store(self) -> str:
        """The folder of the Oxigraph store."""

    @property
    def hold(self) -> str:
        """A file to keep locked while it is read, or nothing."""

    @property
    def name(self) -> str:
        """A name that no other state has."""


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    line: socket.socket
    frames: frames.Frames
    store: str = ""
    used: float = 0.0
    """Seconds of processor time before the job that it is at."""

    def seconds(self) -> float:
        """The processor time that the process has used; what is known where it cannot be told."""
        try:
            with open(f"/proc/{self.process.pid}/stat", "rb") as stream:
                told = stream.read().rpartition(b")")[2].split()
        except OSError:
            return self.used
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def send(self, job: dict[str, Any]) -> None:
        self.line.sendall(frames.packed_json(frames.JOB, job))

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()

    def bury(self) -> int:
        """Wait for the end of a process that was killed or is ending; its exit status."""
        self.line.close()
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()


@dataclass(eq=False)
class _Run:
    """One query that a worker is at."""

    client: str
    worker: _Worker
    began: float
    query: int = 0
    used_before: float = 0.0
    slow: bool = False
    remembered: bool = False
    ended_for: str = ""


@dataclass(eq=False)
class _Waiter:
    client: str
    query: int = 0
    ready: threading.Event = field(default_factory=threading.Event)
    run: _Run | None = None
    refused: str = ""


@dataclass(frozen=True)
class Counts:
    """How busy the workers are, and what became of the queries so far."""

    running: int
    slow: int
    waiting: int
    ready: int
    ended: Mapping[str, int]


class Answer:
    """A worker's answer to a job: its head, then its body piece by piece."""

    def __init__(
        self, head: dict[str, Any], pieces: Iterator[bytes], give_up: Callable[[], None]
    ) -> None:
        self.head = head
        self._pieces = pieces
        self._give_up = give_up

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def whole(self) -> bytes:
        """The body at once."""
        try:
            return b"".join(self._pieces)
        finally:
            self.close()

    def close(self) -> None:
        """Be done with the answer; a worker that is still at it is killed."""
        self._give_up()


class Workers:
    """The pool: `answer` gives a job to a worker, or says why not."""

    def __init__(self, settings: Settings, current: Callable[[], Snapshot]) -> None:
        """Start the workers; `current` is the newest snapshot, asked for before each job."""
        self.settings = settings
        self.current = current
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._idle: list[_Worker] = []
        self._starting = 0
        self._runs: set[_Run] = set()
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._waiting_slow: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._known_slow: OrderedDict[int, float] = OrderedDict()
        self._ended: dict[str, int] = {}
        self._stopping = False
        self._updates = False
        self._faults = 0
        self._remembered = Remembered(settings.answers << 20)
        self._keeper = threading.Thread(target=self._keep, name="workers", daemon=True)
        self._keeper.start()

    # -- asking ------------------------------------------------------------------------------------

    def answer(
        self,
        job: dict[str, Any],
        *,
        client: str,
        seconds: float,
        gone: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """The answer of a worker to `job`, once its head is there.

        `seconds` bounds the time that a worker is waited for, the body included; time in which the
        client is slow to take it does not count. `gone` tells whether the client has left.

        Raises Problem: what the worker refuses, busy, deadline, memory, too-complex.
        """
        snapshot = self.current()
        known = self._remembered.get(snapshot.name, job)
        if known is not None:
            with self._lock:
                self._count("remembered")
            return Answer(known.head, iter((known.body,)), lambda: None)
        asked = job
        job = {**job, "store": snapshot.store, "hold": snapshot.hold}
        self._updates = self._updates or job["do"] == "update"
        run = self._place(client, _mark(job), gone)
        left = [seconds]
        try:
            run.worker.send(job)
            letter, payload = self._next(run, left, gone)
        except _Over as over:
            raise self._failed(run, over.why, seconds) from None
        except (EOFError, OSError):
            raise self._failed(run, "died", seconds) from None
        except BaseException:
            self._end(run, "failed", kill=True)
            raise
        head = frames.loads(payload)
        if letter != frames.HEAD:
            raise self._failed(run, "died", seconds)
        if "problem" in head:
            kind, detail = head.pop("problem"), head.pop("detail")
            self._finish(run, "refused", left, gone)
            raise Problem(kind, detail, **head)
        body = self._body(run, left, gone, seconds)
        if head.get("lasting") and head.get("length", LONGEST + 1) <= LONGEST:
            body = self._kept(body, snapshot, asked, head)
        return Answer(
            head,
            body,
            lambda: self._leave(run),
        )

    def _kept(
        self, body: Iterator[bytes], snapshot: Snapshot, asked: dict[str, Any], head: dict[str, Any]
    ) -> Iterator[bytes]:
        """A short body, which is remembered once it is whole, if nothing was written meanwhile."""
        whole = b"".join(body)
        if len(whole) == head["length"] and snapshot.name == self.current().name:
            self._remembered.put(snapshot.name, asked, head, whole)
        yield whole

    def _body(
        self, run: _Run, left: list[float], gone: Callable[[], bool], seconds: float
    ) -> Iterator[bytes]:
        try:
            while True:
                letter, payload = self._next(run, left, gone)
                if letter == frames.DATA:
                    yield payload
                elif letter == frames.END:
                    end = frames.loads(payload)
                    run.worker.used = end["used"]
                    self._end(run, "failed" if end["failed"] else "answered", kill=end["tired"])
                    if end["failed"]:
                        raise Problem("internal", end["failed"])
                    return
        except _Over as over:
            raise self._failed(run, over.why, seconds) from None
        except (EOFError, OSError):
            raise self._failed(run, "died", seconds) from None

    def _finish(self, run: _Run, how: str, left: list[float], gone: Callable[[], bool]) -> None:
        try:
            _, payload = self._next(run, left, gone)
            end = frames.loads(payload)
            run.worker.used = end["used"]
            self._end(run, how, kill=end["tired"])
        except (_Over, EOFError, OSError, KeyError):
            self._end(run, how, kill=True)

    def _next(self, run: _Run, left: list[float], gone: Callable[[], bool]) -> tuple[bytes, bytes]:
        while True:
            began = time.monotonic()
            run.worker.line.settimeout(min(GLANCE, max(left[0], 0.001)))
            try:
                return run.worker.frames.next()
            except TimeoutError:
                pass
            finally:
                left[0] -= time.monotonic() - began
            if gone():
                raise _Over("left")
            if left[0] <= 0:
                raise _Over("deadline")

    def _leave(self, run: _Run) -> None:
        """Let a worker give up its answer, since the client has gone; else it is killed.

        Starting another takes some hundred times as long as giving up.
        """
        with self._lock:
            if run not in self._runs:
                return
        until = time.monotonic() + LEAVING
        try:
            run.worker.process.send_signal(frames.GIVE_UP)
            while True:
                run.worker.line.settimeout(max(until - time.monotonic(), 0.001))
                letter, payload = run.worker.frames.next()
                if letter == frames.END:
                    end = frames.loads(payload)
                    run.worker.used = end["used"]
                    self._end(run, "left", kill=end["tired"])
                    return
                if time.monotonic() > until:
                    raise TimeoutError
        except (EOFError, OSError):
            self._end(run, "left", kill=True)
            if run.ended_for:  # somebody else has killed it
                run.worker.bury()

    def _failed(self, run: _Run, why: str, seconds: float) -> Problem:
        """What to say of a query whose worker was killed or died."""
        why = run.ended_for or why
        if why == "left":
            self._leave(run)
            return Problem("internal", "The client has left.")
        if why != "died":
            run.worker.kill()
        status = run.worker.bury()
        if why == "died":
            # Rust aborts when it gets no memory; a stack that is exhausted is a fault of segments
            why = {-signal.SIGABRT: "memory", -signal.SIGSEGV: "crashed"}.get(status, why)
        self._end(run, why, kill=True)
        return {
            "deadline": Problem(
                "deadline",
                f"It was ended after {seconds:g} s. Ask for less, or give it longer with timeout="
                f" (at most {self.settings.timeout_most:g}).",
            ),
            "memory": Problem(
                "memory",
                f"It needed more than {self.settings.memory} MiB of memory. Ask for less, or send"
                " less, at once.",
            ),
            "crashed": Problem(
                "too-complex", "It is too long or too deeply nested to be read. Take it apart."
            ),
            "room": Problem(
                "busy",
                "It was ended to make room: it had run longest, and others were waiting.",
                headers={"Retry-After": "10"},
            ),
            "stopping": Problem("stopping", "The service is stopping.", headers=_SOON),
        }.get(why, Problem("internal", "The worker that had the query has ended. Ask again."))

    # -- places ------------------------------------------------------------------------------------

    def _place(self, client: str, query: int, gone: Callable[[], bool]) -> _Run:
        """A worker to run on, once it is this client's turn. Raises Problem (busy, stopping)."""
        waiter = _Waiter(client, query)
        with self._lock:
            if self._stopping:
                raise Problem("stopping", "The service is stopping.", headers=_SOON)
            slow = time.monotonic() - self._known_slow.get(query, -REMEMBERED) < REMEMBERED
            queues = self._waiting_slow if slow else self._waiting
            if not queues:
                run = self._take(waiter, slow=slow)
                if run is not None:
                    return run
            self._make_room(client, queues)
            queues.setdefault(client, deque()).append(waiter)
            self._serve_waiting()  # those before may wait for what this one needs not
        self._changed.set()
        until = time.monotonic() + self.settings.queue_seconds
        while not waiter.ready.wait(GLANCE):
            over = time.monotonic() >= until
            if over or gone():
                with self._lock:
                    if waiter.run is None and not waiter.refused:
                        self._forget(waiter, queues)
                        waiter.refused = "waited" if over else "left"
                        self._count(waiter.refused)
                        break
        if waiter.run is not None:
            return waiter.run
        raise Problem(
            "stopping" if waiter.refused == "stopping" else "busy",
            f"Others were before you for {self.settings.queue_seconds:g} s. Ask again soon."
            if waiter.refused == "waited"
            else "Too many are waiting. Ask again soon.",
            headers=_SOON,
        )

    def _take(self, waiter: _Waiter, *, slow: bool) -> _Run | None:
        """A place with a worker, if one is free. The lock is held."""
        quick = sum(not run.slow for run in self._runs)
        if slow:
            # workers that quick places may need are left for them
            spare = len(self._idle) - (self.settings.workers - quick)
            if len(self._runs) - quick >= self.settings.slow_workers or spare <= 0:
                return None
        elif quick >= self.settings.workers or len(self._idle) <= self._left_for_others(waiter):
            return None
        worker = self._idle.pop()
        run = _Run(waiter.client, worker, time.monotonic(), waiter.query, worker.used)
        self._runs.add(run)
        if slow:
            self._set_low(run)
        return run

    def _left_for_others(self, waiter: _Waiter) -> int:
        """How many idle workers this client leaves: one, where a query of its is slow already.

        Each slow query costs the start of a worker. Who asks one after the other would else take
        each new worker before anybody else can have it.
        """
        return int(any(run.slow and run.client == waiter.client for run in self._runs))

    def _set_low(self, run: _Run) -> None:
        run.slow = True
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, run.worker.process.pid, 19)

    def _make_room(self, client: str, queues: OrderedDict[str, deque[_Waiter]]) -> None:
        """Raise Problem if the queue is full and this client's share of it as well."""
        waiting = {name: len(queue) for name, queue in queues.items()}
        if sum(waiting.values()) < self.settings.queue:
            return
        heaviest = max(waiting, key=lambda name: waiting[name])
        if waiting.get(client, 0) + 1 >= waiting[heaviest]:
            self._count("full")
            raise Problem("busy", "Too many are waiting. Ask again soon.", headers=_SOON)
        last = queues[heaviest][-1]
        self._forget(last, queues)
        self._refuse(last, "full")

    def _forget(self, waiter: _Waiter, queues: OrderedDict[str, deque[_Waiter]]) -> None:
        queue = queues.get(waiter.client)
        if queue and waiter in queue:
            queue.remove(waiter)
        if not queue:
            queues.pop(waiter.client, None)

    def _refuse(self, waiter: _Waiter, why: str) -> None:
        waiter.refused = why
        self._count(why)
        waiter.ready.set()

    def _serve_waiting(self) -> None:
        """Give free places to those who wait: first to the client with the fewest running."""
        for queues, slow in ((self._waiting, False), (self._waiting_slow, True)):
            while queues:
                running: dict[str, int] = {}
                for run in self._runs:
                    running[run.client] = running.get(run.client, 0) + 1
                given = None
                for client in sorted(queues, key=lambda name: running.get(name, 0)):
                    given = self._take(queues[client][0], slow=slow)
                    if given is not None:
                        break
                if given is None:
                    break
                waiter = queues[client].popleft()
                if queues[client]:
                    queues.move_to_end(client)
                else:
                    del queues[client]
                waiter.run = given
                waiter.ready.set()

    def _end(self, run: _Run, how: str, *, kill: bool) -> None:
        with self._lock:
            if run not in self._runs:
                return
            self._runs.discard(run)
            self._count(how)
            # who has once been slow keeps its low priority
            back = not kill and not run.slow and not self._stopping
            if back:
                self._idle.append(run.worker)
            self._serve_waiting()
        if not back:
            run.worker.kill()
            run.worker.bury()
            self._changed.set()

    def _count(self, how: str) -> None:
        self._ended[how] = self._ended.get(how, 0) + 1

    # -- keeping -----------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Start workers that are wanted, move slow queries aside; until the service stops."""
        opened = ""
        while True:
            self._changed.wait(TICK)
            self._changed.clear()
            with self._lock:
                if self._stopping:
                    return
                self._tell_slow_from_quick()
                self._serve_waiting()
                quick = sum(not run.slow for run in self._runs)
                # one more than can be used, so that moving aside costs nobody the start of a worker
                missing = self.settings.workers + 1 - quick - len(self._idle) - self._starting
                self._starting += max(missing, 0)
                stale: list[_Worker] = []
                snapshot = self.current().store
                if snapshot != opened:
                    stale = [worker for worker in self._idle if worker.store != snapshot]
                    opened = snapshot
            for _ in range(missing):
                threading.Thread(target=self._start, name="worker-start", daemon=True).start()
            for worker in stale:
                self._reopen(worker)

    def _tell_slow_from_quick(self) -> None:
        """Move queries aside that have used up the patience there is, and remember long ones.

        Patience is processor time: on a machine that is busy elsewhere quick queries take long as
        well, and must not be held for slow. One that has merely waited, for a disk or for its turn,
        is moved aside after some times as long.
        """
        patience = self.settings.patience
        allowed = patience / (5 if self._waiting else 1)
        now = time.monotonic()
        for run in sorted(self._runs, key=lambda run: run.began):
            long = now - run.began
            if long < allowed or (run.slow and run.remembered):
                continue
            used = run.worker.seconds() - run.used_before
            if used > patience:
                self._remember(run)
            if not run.slow and (used > allowed or long > WAITING * patience):
                self._move_aside(run)

    def _remember(self, run: _Run) -> None:
        run.remembered = True
        if not run.query:
            return
        self._known_slow[run.query] = time.monotonic()
        self._known_slow.move_to_end(run.query)
        if len(self._known_slow) > 10_000:
            self._known_slow.popitem(last=False)

    def _move_aside(self, run: _Run) -> None:
        """Let a query go on beside the quick ones, if there is room or room can be made."""
        slow = sorted((one for one in self._runs if one.slow), key=lambda one: one.began)
        if len(slow) >= self.settings.slow_workers:
            if not self._waiting:
                return
            share: dict[str, int] = {}
            for one in slow:
                share[one.client] = share.get(one.client, 0) + 1
            most = max(share.values())
            longest = next(one for one in slow if share[one.client] == most)
            longest.ended_for = "room"
            self._remember(longest)
            longest.worker.kill()
            longest.slow = True
            self._runs.discard(longest)
            self._count("room")
        self._set_low(run)

    def _start(self) -> None:
        here, there = socket.socketpair()
        with there:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "holdfast_service.worker"),
                    str(there.fileno()),
                    str(self.settings.memory << 20),
                ],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the service, which ends its workers itself
            )
        try:
            self._ready(_Worker(process, here, frames.Frames(here)))
        finally:
            with self._lock:
                self._starting -= 1

    def _reopen(self, worker: _Worker) -> None:
        with self._lock:
            if worker not in self._idle:
                return
            self._idle.remove(worker)
        self._ready(worker)

    def _ready(self, worker: _Worker) -> None:
        """Let a worker open the newest snapshot, and put it with those that wait for work."""
        snapshot = self.current()
        try:
            worker.line.settimeout(STARTING)
            job = {"do": "open", "store": snapshot.store, "hold": snapshot.hold}
            worker.send({**job, "updates": self._updates})
            letter = b""
            while letter != frames.END:
                letter, payload = worker.frames.next()
            worker.used = frames.loads(payload)["used"]
            worker.store = snapshot.store
            self._faults = 0
        except (EOFError, OSError):
            worker.kill()
            worker.bury()
            self._faults += 1
            time.sleep(min(0.1 * 2**self._faults, 5.0))
            return
        with self._lock:
            if not self._stopping:
                self._idle.append(worker)
                self._serve_waiting()
                return
        worker.kill()
        worker.bury()

    def counts(self) -> Counts:
        """How busy the workers are now."""
        with self._lock:
            return Counts(
                running=len(self._runs),
                slow=sum(run.slow for run in self._runs),
                waiting=sum(
                    len(queue)
                    for queues in (self._waiting, self._waiting_slow)
                    for queue in queues.values()
                ),
                ready=len(self._idle),
                ended=dict(self._ended),
            )

    def stop(self, seconds: float = 0.0) -> None:
        """Take no new queries, wait up to `seconds` for those that run, then end all workers."""
        with self._lock:
            self._stopping = True
            for queues in (self._waiting, self._waiting_slow):
                for queue in queues.values():
                    for waiter in queue:
                        self._refuse(waiter, "stopping")
                queues.clear()
        until = time.monotonic() + seconds
        while self._runs and time.monotonic() < until:
            time.sleep(TICK)
        with self._lock:
            for run in self._runs:
                run.ended_for = "stopping"
                run.worker.kill()
            idle, self._idle = self._idle, []
        self._changed.set()
        for worker in idle:
            worker.kill()
            worker.bury()
        self._keeper.join(STARTING)


def _mark(job: dict[str, Any]) -> int:
    """What stands for a job's query among those that are known to be slow; 0 if it has none."""
    return hash(job["query"]) if "query" in job else 0


_SOON = {"Retry-After": "2"}


class _Over(Exception):
    """Why a worker is no longer waited for."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)
