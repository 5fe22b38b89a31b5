"""SPARQL 1.1 Protocol: queries at /sparql, updates at /update (and at /sparql)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import flask

from holdfast.policy import PolicyError, check_dataset, read_request
from holdfast.store import Delta, Update
from holdfast_service import asking
from holdfast_service.context import Service, respond
from holdfast_service.description import described
from holdfast_service.parameters import (
    FORM,
    Parameters,
    body,
    in_address,
    media_type,
    text_of,
    with_form,
)
from holdfast_service.problem import Problem

QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"


def routes(app: flask.Flask, service: Service) -> None:
    """Answer at /sparql and /update."""

    @app.route("/sparql", methods=["GET", "POST"], strict_slashes=False)
    def sparql() -> flask.Response:
        if flask.request.method != "POST":
            parameters = in_address()
            if parameters.all("update"):
                raise Problem(
                    "method-not-allowed",
                    "An update is sent by POST.",
                    headers={"Allow": "POST"},
                )
            text = parameters.one("query")
            if asking.wants_page():
                return asking.query_page(service, text)
            if text is None:
                return described(service)
            return query(service, text, parameters)
        kind, text, parameters = _sent((FORM, QUERY, UPDATE), service)
        if kind == "query":
            return query(service, text, parameters)
        return update(service, text, parameters)

    @app.route("/update", methods=["POST"], strict_slashes=False)
    def update_alone() -> flask.Response:
        kind, text, parameters = _sent((FORM, UPDATE), service)
        if kind == "query":
            raise Problem("bad-request", "This is where updates go; queries go to /sparql.")
        return update(service, text, parameters)


def _sent(known: tuple[str, ...], service: Service) -> tuple[str, str, Parameters]:
    """What a POST asks for (`query` or `update`), its text and its parameters. Raises Problem."""
    media = media_type(known)
    found = body(service.settings.query_size * 1024)
    if media != FORM:
        parameters = in_address()
        kind = "query" if media == QUERY else "update"
        if parameters.all("query") or parameters.all("update"):
            raise Problem("bad-request", f"The {kind} is in the body and in the address as well.")
        return kind, text_of(found), parameters
    parameters = with_form(found)
    queried, updated = parameters.one("query"), parameters.one("update")
    if (queried is None) == (updated is None):
        raise Problem("bad-request", "Give either query= or update=.")
    if queried is not None:
        return "query", queried, parameters
    return "update", updated or "", parameters


def query(service: Service, text: str, parameters: Parameters) -> flask.Response:
    """The answer to a query. Raises Problem."""
    settings = service.settings
    for name in ("using-graph-uri", "using-named-graph-uri"):
        if parameters.all(name):
            raise Problem("bad-request", f"{name} is for updates.")
    allowed = _seconds(service, parameters)
    rows = parameters.number("rows", 1, 1e15, whole=True)
    limits = [int(limit) for limit in (rows or 0, settings.rows) if limit]
    job: dict[str, Any] = {
        "do": "query",
        "query": text,
        "base": service.address(),
        "default": [*dict.fromkeys(parameters.iris("default-graph-uri"))],
        "named": [*dict.fromkeys(parameters.iris("named-graph-uri"))],
        "union": settings.union,
        "accept": flask.request.headers.get("Accept", ""),
        "format": parameters.one("format") or "",
        "rows": min(limits, default=0),
        "guard": settings.csv_guard,
    }
    return respond(service.answer(job, allowed))


def _seconds(service: Service, parameters: Parameters) -> float:
    """How long a query or an update may take. Raises Problem."""
    settings = service.settings
    asked = parameters.number("timeout", 0.001, 1e9)
    return settings.timeout if asked is None else min(asked, settings.timeout_most)


def update(service: Service, text: str, parameters: Parameters) -> flask.Response:
    """Make an update: 204 once it is committed. Raises Problem."""
    service.require_token()
    for name in ("default-graph-uri", "named-graph-uri"):
        if parameters.all(name):
            raise Problem("bad-request", f"{name} is for queries; updates have using-graph-uri.")
    using = parameters.iris("using-graph-uri")
    named = parameters.iris("using-named-graph-uri")
    allowed = _seconds(service, parameters)

    def make(folder: Path, one: Update) -> Delta:
        job = {"do": "update", "draft": str(folder), **asdict(one)}
        answer = service.answer(job, allowed)
        lines = answer.whole().splitlines(keepends=True)
        taken = answer.head["taken"]
        return Delta.of_lines(lines[:taken], lines[taken:])

    try:
        reading = read_request(text)
        if using or named:
            check_dataset(reading)
    except PolicyError as error:
        kind = "not-allowed-in-query" if "reaches out" in error.what else "update-syntax"
        raise Problem(kind, str(error), line=error.line, column=error.column) from None
    declared = f"BASE <{service.address()}> "
    try:
        service.holdings.update(
            declared + text,
            using,
            named,
            union=service.settings.union,
            most=service.settings.update_quads,
            make=make,
        )
    except Problem as problem:
        # the client counts columns in its own text
        if problem.extra.get("line") == 1 and "column" in problem.extra:
            there = max(1, problem.extra["column"] - len(declared))
            problem.detail = problem.detail.replace(
                f"column {problem.extra['column']}", f"column {there}", 1
            )
            problem.extra["column"] = there
        raise
    return flask.Response(status=204)
