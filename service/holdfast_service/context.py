"""What every part of the service works with, and who asks."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Any

import flask
from werkzeug.datastructures import Headers
from werkzeug.urls import iri_to_uri

from holdfast_service.holdings import Holdings
from holdfast_service.metrics import Metrics
from holdfast_service.problem import Problem
from holdfast_service.settings import Settings
from holdfast_service.workers import Answer, Workers

WRITERS = 64
"""How many writes may be under way at once, most of them waiting: each holds a thread."""


@dataclass(eq=False)
class Service:
    """The store, the workers and the settings of a service that runs."""

    settings: Settings
    holdings: Holdings
    workers: Workers
    metrics: Metrics = field(default_factory=Metrics)
    writers: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(WRITERS))
    stopping: bool = False
    at_end: list[Callable[[], None]] = field(default_factory=list)

    def stop(self) -> None:
        """Finish what runs, then end the workers and let go of the store."""
        self.stopping = True
        self.workers.stop(self.settings.stop_seconds)
        for end in self.at_end:
            end()
        self.holdings.close()

    # -- who asks ----------------------------------------------------------------------------------

    def may_write(self, authorization: str) -> bool:
        """Whether an Authorization header has the token; compared in constant time."""
        scheme, _, token = authorization.strip().partition(" ")
        known = self.settings.token.encode()
        right = hmac.compare_digest(token.strip().encode("utf-8", "replace"), known)
        return bool(known) and scheme.lower() == "bearer" and right

    def require_token(self) -> None:
        """Raise Problem (401, 403 or 503) unless this request may write."""
        if not self.holdings.writable:
            raise Problem(
                "read-only",
                "What is served here was read from sources, and stays as it is. To write, serve a"
                " folder: `holdfast serve --kb DIR`.",
            )
        if not self.settings.token:
            raise Problem(
                "read-only",
                "Nothing can be written, since no token is set. Whoever runs the service sets"
                " HOLDFAST_TOKEN to allow it.",
            )
        given = flask.request.headers.get("Authorization", "")
        if not given:
            raise Problem(
                "token-missing",
                "Writing needs the token of this service, as `Authorization: Bearer TOKEN`.",
                headers={"WWW-Authenticate": 'Bearer realm="Holdfast"'},
            )
        if not self.may_write(given):
            raise Problem(
                "token-wrong",
                "The token is not that of this service.",
                headers={"WWW-Authenticate": 'Bearer realm="Holdfast", error="invalid_token"'},
            )
        if not self.writers.acquire(blocking=False):
            raise Problem("busy", f"{WRITERS} writes are under way already. Try again soon.")

        @flask.after_this_request
        def leave(response: flask.Response) -> flask.Response:
            self.writers.release()
            return response

    def base(self) -> str:
        """The address of the service as clients know it, without a stroke at its end."""
        return (self.settings.public_url or flask.request.host_url).rstrip("/")

    def address(self) -> str:
        """The address of this request, without its parameters, as clients know it: an IRI."""
        # what was percent-encoded and may not stand in an IRI stays so
        path = _NO_IRI.sub(lambda sign: f"%{ord(sign[0]):02X}", flask.request.path)
        return self.base() + path

    # -- asking workers ----------------------------------------------------------------------------

    def answer(self, job: dict[str, Any], seconds: float | None = None) -> Answer:
        """The answer of a worker to a job of this request. Raises Problem."""
        job.setdefault("head_only", flask.request.method == "HEAD")
        return self.workers.answer(
            job,
            client=flask.request.remote_addr or "",
            seconds=self.settings.timeout if seconds is None else seconds,
            gone=client_gone(),
        )


_NO_IRI = re.compile(r"""[\x00-\x20%<>"{}|\\^`\x7f]""")


def client_gone() -> Callable[[], bool]:
    """Whether the client of this request has left, as far as the server can tell."""
    gone: Callable[[], bool] = flask.request.environ.get(
        "waitress.client_disconnected", lambda: False
    )
    return gone


def respond(answer: Answer, headers: dict[str, str] | None = None) -> flask.Response:
    """An answer of a worker as a response that streams."""
    head = answer.head
    made = Headers(headers or {})
    made["Content-Type"] = head["type"]
    made.add("Vary", "Accept")
    if "length" in head:
        made["Content-Length"] = str(head["length"])
    if "truncated" in head:
        made["Holdfast-Truncated"] = "true" if head["truncated"] else "false"
        made["Holdfast-Rows"] = str(head["rows"])
    if "absent" in head:
        # a header is a line of Latin-1: an IRI is given as a URI
        made["Holdfast-Absent"] = ", ".join(f"<{iri_to_uri(iri)}>" for iri in head["absent"][:20])
    if head.get("form") in ("xlsx", "parquet"):
        made["Content-Disposition"] = f'attachment; filename="result.{head["suffix"]}"'
    if flask.request.method == "HEAD":
        answer.close()
        return _Streamed(iter(()), headers=made)
    if "length" in head and head["length"] <= 1 << 16:
        return _Streamed([answer.whole()], headers=made)
    response = _Streamed(iter(answer), headers=made)
    response.call_on_close(answer.close)
    return response


class _Streamed(flask.Response):
    automatically_set_content_length = False
