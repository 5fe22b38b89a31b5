"""Queries asked in a browser: a form, and the answer as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import flask

from holdfast.saved import Question, by_subject
from holdfast_service.context import Service
from holdfast_service.formats import GRAPHS, SOLUTIONS, offers
from holdfast_service.negotiation import best
from holdfast_service.problem import Problem

SHOWN = 1_000
"""How many rows a page shows."""

_FORMS = (*offers(SOLUTIONS + GRAPHS), "text/html")
_WANTED = "application/sparql-results+json, text/turtle;q=0.9"

EXAMPLE = """PREFIX hf: <https://w3id.org/holdfast/ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>

SELECT ?venture ?label WHERE {
  ?venture a hf:Venture ; rdfs:label ?label .
}
ORDER BY ?label
"""


def wants_page() -> bool:
    """Whether whoever asks would rather read a page, and there are pages."""
    return (
        "pages" in flask.current_app.extensions
        and not flask.request.args.get("format")
        and best(flask.request.headers.get("Accept", ""), _FORMS) == "text/html"
    )


def query_page(service: Service, text: str | None) -> flask.Response:
    """The form for a query, with the answer to `text` where that is given."""
    return _page(service, text, heading="SPARQL", why="", address="/sparql", text=text or EXAMPLE)


def question_page(
    service: Service, asked: Question, text: str, values: dict[str, str]
) -> flask.Response:
    """A saved question with its answer; `values` are what was set in it."""
    fields = [
        {"name": one.name, "meaning": one.meaning, "value": values.get(one.name, one.default)}
        for one in asked.parameters
    ]
    return _page(
        service, text, heading=asked.question, why=asked.why, text=text, fields=fields,
        address=f"/questions/{asked.id}",
    )  # fmt: skip


def questions_page(questions: Sequence[Question]) -> flask.Response:
    """All saved questions, by what they are about."""
    page = _shown("questions.html", subjects=by_subject(questions))
    return flask.Response(page, content_type=_HTML, headers={"Vary": "Accept"})


_HTML = "text/html; charset=utf-8"


def _page(service: Service, asked: str | None, **given: Any) -> flask.Response:
    found: dict[str, Any] = {"columns": [], "rows": [], "told": None, "graph": "", "problem": ""}
    status = 200
    if asked is not None:
        try:
            found |= _answer(service, asked)
        except Problem as problem:
            found["problem"], status = problem.detail, problem.status
    page = _shown("answer.html", **given, **found)
    return flask.Response(page, status=status, content_type=_HTML, headers={"Vary": "Accept"})


def _answer(service: Service, text: str) -> dict[str, Any]:
    answer = service.answer(
        {
            "do": "query",
            "query": text,
            "base": service.address(),
            "default": [],
            "named": [],
            "union": service.settings.union,
            "accept": _WANTED,
            "format": "",
            "rows": SHOWN,
            "guard": False,
            "head_only": False,
        },
        service.settings.timeout,
    )
    head, body = answer.head, answer.whole()
    if "json" not in head["type"]:
        return {"graph": body.decode()}
    results = json.loads(body)
    if "boolean" in results:
        return {"told": "yes" if results["boolean"] else "no"}
    columns = results["head"]["vars"]
    rows = [[row.get(name) for name in columns] for row in results["results"]["bindings"]]
    told = None if rows else "Nothing fits."
    return {"columns": columns if rows else [], "rows": rows, "told": told,
            "truncated": bool(head.get("truncated"))}  # fmt: skip


def _shown(template: str, **given: Any) -> str:
    shown: str = flask.current_app.extensions["pages"].shown(template, **given)
    return shown
