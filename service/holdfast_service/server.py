"""The HTTP server: waitress, with limits that depend on who sends what.

waitress reads a request whole, from all clients at once in one thread, before the application sees
it; so a client that is slow holds nobody up. What it may send is settled from its headers: nothing
is taken of a body that is too large, and large ones are only taken from who may write.
"""

from __future__ import annotations

import copy
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error, RequestEntityTooLarge

from holdfast_service.context import WRITERS, Service
from holdfast_service.loop import Loop
from holdfast_service.problem import Problem

WRITES = ("/graphs", "/registers")
"""Where large bodies go."""

SWITCH = 0.0005
"""Seconds after which a thread that computes lets another run; Python's own are ten times as many.

A request needs the interpreter four times, and what follows from a register may be indexed
meanwhile.
"""

LINGER = 2.0
"""Seconds for which what a refused client still sends is thrown away: so it sees the answer."""


def serve(app: flask.Flask, service: Service, ready: Callable[[str], None]) -> None:
    """Answer requests until told to stop (SIGTERM, Ctrl-C); then finish what runs, and return.

    `ready` is told the address. Raises OSError where nobody can listen there.
    """
    settings = service.settings
    sys.setswitchinterval(SWITCH)
    server = create_server(app, **arguments(service))
    listeners = [one for one in server._map.values() if hasattr(one, "effective_port")]
    loop = Loop(server._map, server.pull_trigger)
    for listener in listeners:
        listener.channel_class = _channel_class(service, loop)
    stop = threading.Event()

    def told_to_stop(*_: object) -> None:
        if stop.is_set():  # told twice, or all is done
            raise SystemExit
        stop.set()

    def finish() -> None:
        stop.wait()
        try:
            service.stop()
            _flushed(server, until=time.monotonic() + settings.stop_seconds)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=finish, name="stop", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told_to_stop)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    ready(f"http://{host}:{listeners[0].effective_port}/")
    try:
        loop.run()
    except (SystemExit, KeyboardInterrupt):
        server.task_dispatcher.shutdown()
    finally:
        if not service.stopping:
            service.stop()


def arguments(service: Service) -> dict[str, Any]:
    """What waitress is told."""
    settings = service.settings
    # each query and each write holds a thread; some more are left for what takes no worker
    threads = settings.workers + settings.slow_workers + settings.queue + WRITERS + 16
    found: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "ident": "holdfast",
        "threads": threads,
        "connection_limit": settings.connections,
        "backlog": 1024,
        "asyncore_use_poll": True,
        "channel_request_lookahead": 1,
        "max_request_header_size": 128 * 1024,
        "outbuf_high_watermark": 1 << 20,
        "max_request_body_size": settings.upload_size * 1024 + 1,
    }
    if settings.trusted_proxy:
        found |= {
            "trusted_proxy": settings.trusted_proxy,
            "trusted_proxy_count": 1,
            "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"},
            "clear_untrusted_proxy_headers": True,
        }
    return found


def _flushed(server: Any, until: float) -> None:
    """Wait until every answer has gone out."""
    while time.monotonic() < until:
        channels = [one for one in list(server._map.values()) if isinstance(one, HTTPChannel)]
        if not any(one.requests or one.total_outbufs_len for one in channels):
            return
        time.sleep(0.05)


def _channel_class(service: Service, loop: Loop) -> type[HTTPChannel]:
    class Parser(_Parser):
        pass

    class Channel(_Channel):
        parser_class = Parser

    Parser.service = service
    Channel.loop = loop
    return Channel


class _Near:
    """A server as one connection sees it, which wakes the loop for its own sake alone."""

    def __init__(self, server: Any, channel: _Channel) -> None:
        self._server = server
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def pull_trigger(self) -> None:
        """Let the loop look at the connection."""
        self._channel.loop.look(self._channel)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """A request on its way in, with the limit that its sender has."""

    service: Service
    adj: Adjustments
    command = path = ""  # for a request whose headers cannot be read

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers, and settle how large the body may be."""
        super().parse_header(header_plus)
        # who stands before us may read such a request otherwise, and take its end for another one
        if "TRANSFER_ENCODING" in self.headers or (
            self.chunked and "CONTENT_LENGTH" in self.headers
        ):
            raise ParsingError("Where the body ends could be read in two ways.")
        settings = self.service.settings
        limit = settings.query_size * 1024
        there = any(self.path == path or self.path.startswith(path + "/") for path in WRITES)
        if there and self.service.may_write(self.headers.get("AUTHORIZATION", "")):
            limit = settings.upload_size * 1024
        if limit + 1 != self.adj.max_request_body_size:
            limited = copy.copy(self.adj)
            limited.max_request_body_size = limit + 1
            self.adj = limited


class _Ending:
    """Whether a connection ends with an answer, told once and no oftener than it must."""

    version: str
    request: HTTPRequestParser
    close_on_finish: bool
    _open = False

    def build_response_header(self) -> bytes:
        """The head of the answer."""
        headers = self.request.headers
        if self.close_on_finish:  # or else HTTP/1.0 is told of both
            headers["CONNECTION"] = "close"
        self._open = self.version == "1.1" and headers.get("CONNECTION", "").lower() != "close"
        try:
            head: bytes = super().build_response_header()  # type: ignore[misc]
            return head
        finally:
            self._open = False

    def set_close_on_finish(self) -> None:
        """End the connection; not for the mere lack of a length, since the last piece says it."""
        if not self._open:
            super().set_close_on_finish()  # type: ignore[misc]


class _Task(_Ending, WSGITask):  # type: ignore[misc]
    channel: _Channel
    content_length: int | None
    wrote_header: bool

    def write(self, data: bytes) -> None:
        """Send some of the body; the head goes with the first of it, so that clients wake once."""
        if data and not self.wrote_header and self.has_body and self.content_length != 0:
            self.channel.head = self.build_response_header()
            self.wrote_header = True
        super().write(data)

    def finish(self) -> None:
        """End the answer; an answer to HEAD has no body, not even an empty one in pieces."""
        if self.request.command == "HEAD":
            if not self.wrote_header:
                self.write(b"")
            return
        super().finish()


class _ErrorTask(_Ending, ErrorTask):  # type: ignore[misc]
    def execute(self) -> None:
        """Answer what cannot be read as a request with a problem."""
        error: Error = self.request.error
        if isinstance(error, RequestEntityTooLarge):
            limit = self.request.adj.max_request_body_size - 1
            said = Problem(
                "too-large",
                f"The body has more than {limit} bytes. Larger ones are only taken at"
                f" {' and '.join(WRITES)}, from who has the token.",
            )
        else:
            said = Problem("bad-request", str(error.body), status=error.code)
        body = said.body()
        self.status = f"{said.status} {error.reason}"
        self.response_headers += [
            ("Content-Type", "application/problem+json"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(b"" if self.request.command == "HEAD" else body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection. One that is closed while its client still sends is drained for a moment."""

    task_class = _Task
    error_task_class = _ErrorTask
    loop: Loop

    def __init__(self, server: Any, *given: Any, **more: Any) -> None:
        """Take up a connection; where there are many, idle ones have to go."""
        super().__init__(_Near(server, self), *given, **more)
        self.loop.look(self)
        limit = self.adj.connection_limit
        if len(server.active_channels) > limit * 3 // 4:
            # some more than one, since looking for them takes as long for many
            _end_idle(list(server.active_channels.values()), 1 + limit // 64)

    def del_channel(self, map: Any = None) -> None:
        """Leave the connections that are served."""
        self.loop.forget(self)
        super().del_channel(map)

    def handle_close(self) -> None:
        """Close; first let the client of a refused body see why."""
        request = self.refused
        if request and self.connected and self.socket is not None:
            self.refused = False
            threading.Thread(
                target=_drain, args=(self.socket.dup(),), name="drain", daemon=True
            ).start()
        super().handle_close()

    refused = False
    head = b""
    """The head of an answer, which is sent with what is written next."""

    def write_soon(self, data: bytes) -> int:
        """Send some of an answer."""
        head, self.head = self.head, b""
        sent: int = super().write_soon(head + data if head else data)
        return sent - len(head)

    def received(self, data: bytes) -> bool:
        """Take in some of a request."""
        result: bool = super().received(data)
        self.refused |= any(isinstance(one.error, Error) for one in self.requests)
        return result


PAUSE = 0.01
"""Seconds between two pieces that are thrown away: who sends on and on is not to keep us busy."""


def _end_idle(channels: Sequence[_Channel], number: int) -> None:
    """End the oldest connections without a whole request, of the client that has the most.

    Who begins requests and never ends them would else hold all the connections there are.
    """
    clients = Counter(one.addr[0] for one in channels)
    for client, _ in clients.most_common():
        idle = [
            one
            for one in channels
            if one.addr[0] == client and not one.requests and not one.total_outbufs_len
        ]
        if idle:
            for one in sorted(idle, key=lambda one: one.creation_time)[:number]:
                one.will_close = True
                one.loop.look(one)
            return


def _drain(connection: socket.socket) -> None:
    """Throw away what a client still sends, so that its system does not lose our answer."""
    until = time.monotonic() + LINGER
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.2)
        while time.monotonic() < until:
            try:
                if not connection.recv(1 << 18):
                    return
            except TimeoutError:
                continue
            time.sleep(PAUSE)
    except OSError:
        pass
    finally:
        connection.close()
