"""The application: its parts put together, and what every answer has in common."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus

import flask
from flask.globals import request_ctx
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError

from holdfast_service import graphs, health, logs, questions, sparql
from holdfast_service.context import Service
from holdfast_service.negotiation import best
from holdfast_service.problem import KINDS, MEDIA, Problem

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

READABLE = (
    "Holdfast-Absent, Holdfast-Truncated, Holdfast-Rows, Location, Link, ETag, Retry-After, "
    "X-Request-Id"
)
"""The headers of an answer that a page elsewhere may read."""


def create_app(
    service: Service | None = None,
    *,
    trusted_hosts: Sequence[str] | None = None,
    cors: str = "",
) -> flask.Flask:
    """The application over `service`; without one only what others add to it.

    `trusted_hosts` are the host names under which a request is answered, any where it is None.
    A window on loopback must name them, or else a page elsewhere could read it by pointing a
    name of its own at this machine. `cors` is the origin whose pages may read the answers, or `*`.
    """
    app = flask.Flask("holdfast_service")
    app.config["TRUSTED_HOSTS"] = list(trusted_hosts) if trusted_hosts is not None else None
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if service is not None:
        app.config["MAX_FORM_MEMORY_SIZE"] = service.settings.upload_size * 1024
        for part in (sparql, graphs, questions, health):
            part.routes(app, service)

    @app.before_request
    def begin() -> ResponseReturnValue | None:
        flask.g.began = time.perf_counter()
        flask.g.id = logs.request_id(flask.request.headers.get("X-Request-Id"))
        if flask.request.method == "OPTIONS" and flask.request.routing_exception is None:
            return preflight()
        return None

    def preflight() -> flask.Response:
        adapter = request_ctx.url_adapter
        allowed = sorted({*(adapter.allowed_methods() if adapter else ()), "OPTIONS"})
        response = flask.Response(status=204)
        response.headers["Allow"] = ", ".join(allowed)
        if cors:
            response.headers["Access-Control-Allow-Methods"] = ", ".join(allowed)
            response.headers["Access-Control-Allow-Headers"] = (
                "Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-None-Match, "
                "X-Request-Id"
            )
            response.headers["Access-Control-Max-Age"] = "86400"
        return response

    @app.errorhandler(Problem)
    def problem(error: Problem) -> ResponseReturnValue:
        wanted = best(flask.request.headers.get("Accept", ""), [MEDIA, "text/html"])
        if wanted == "text/html" and "pages" in app.extensions:
            response = flask.Response(
                app.extensions["pages"].shown("problem.html", problem=error.members()),
                status=error.status,
                content_type="text/html; charset=utf-8",
            )
        else:
            response = flask.Response(
                error.body(request=flask.g.get("id", "")), status=error.status, content_type=MEDIA
            )
        response.headers.add("Vary", "Accept")
        response.headers.update(error.headers)
        return response

    @app.errorhandler(SecurityError)
    def wrong_name(error: SecurityError) -> ResponseReturnValue:
        # Flask refuses the host before it knows any address, so no page with links can be made.
        sentence = "This window does not answer under that name. Use the address that it printed.\n"
        return sentence, 400, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error  # a redirection
        kind = _KIND_OF.get(error.code, "bad-request")
        said = Problem(kind, _sentence(error), status=error.code)
        said.headers = {
            name: value
            for name, value in error.get_headers()
            if name not in ("Content-Type", "Content-Length")
        }
        return problem(said)

    @app.errorhandler(Exception)
    def fault(error: Exception) -> ResponseReturnValue:
        logs.LOGGER.error(
            "fault",
            exc_info=error,
            extra={"fields": {"id": flask.g.get("id", ""), "path": flask.request.path}},
        )
        return problem(Problem("internal", "Something went wrong here. It is in the log."))

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = flask.g.get("id", "")
        if response.status_code == 204:
            del response.headers["Content-Type"]
        if cors:
            response.headers["Access-Control-Allow-Origin"] = cors
            response.headers["Access-Control-Expose-Headers"] = READABLE
            if cors != "*":
                response.headers.add("Vary", "Origin")
        else:
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if service is not None:
            _account(service, response)
        return response

    return app


def _account(service: Service, response: flask.Response) -> None:
    """Count and log the request once its answer is sent, or cannot be sent."""
    request = flask.request
    rule = request.url_rule.rule if request.url_rule else "none"
    method, path, number = request.method, request.path, flask.g.get("id", "")
    client, began = request.remote_addr or "", flask.g.get("began", time.perf_counter())
    sent = [response.content_length or 0]
    if response.is_streamed:
        sent[0] = 0
        response.response = _counted(response.response, sent)  # type: ignore[assignment]

    def done() -> None:
        seconds = time.perf_counter() - began
        service.metrics.count(rule, method, response.status_code, seconds, sent[0])
        logs.event(
            "request",
            id=number,
            client=client,
            method=method,
            path=path,
            status=response.status_code,
            seconds=round(seconds, 4),
            bytes=sent[0],
        )

    response.call_on_close(done)


def _counted(pieces: Iterable[bytes | str], sent: list[int]) -> Iterator[bytes | str]:
    for piece in pieces:
        sent[0] += len(piece)
        yield piece


_KIND_OF = {
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "media-type",
}


def _sentence(error: HTTPException) -> str:
    if error.code == 404:
        return f"There is nothing at {flask.request.path}."
    if error.code == 405:
        return f"{flask.request.method} is not known at {flask.request.path}."
    assert error.code is not None
    return error.description or KINDS.get("bad-request", (0, HTTPStatus(error.code).phrase))[1]
