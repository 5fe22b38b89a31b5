"""Saved questions, with parameters: /questions and /questions/<id>."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import flask

from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.saved import Question, named, read_questions
from holdfast_service import asking
from holdfast_service.context import Service
from holdfast_service.parameters import in_address
from holdfast_service.problem import Problem
from holdfast_service.sparql import query

OWN = ("format", "timeout", "rows", "default-graph-uri", "named-graph-uri", "text")
"""Parameters of /questions/<id> that are none of the question's."""

SPARQL = "application/sparql-query; charset=utf-8"


def routes(app: flask.Flask, service: Service) -> None:
    """Answer at /questions and /questions/<id>."""
    folder = Path(service.settings.questions) if service.settings.questions else None
    questions_here = lru_cache(maxsize=1)(lambda: tuple(read_questions(folder)))

    @app.get("/questions", strict_slashes=False)
    def questions() -> flask.Response:
        if asking.wants_page():
            return asking.questions_page(questions_here())
        told = flask.jsonify(questions=[_told(one, service.base()) for one in questions_here()])
        told.headers["Vary"] = "Accept"
        return told

    @app.get("/questions/<name>")
    def question(name: str) -> flask.Response:
        given = in_address()
        values = {key: given.one(key) or "" for key, _ in given.pairs if key not in OWN}
        try:
            asked = named(name, questions_here())
            text = asked.asked(values)
        except UnknownNameError as error:
            kind = "bad-request" if "parameter" in error.what else "not-found"
            raise Problem(kind, str(error)) from None
        except HoldfastError as error:
            raise Problem("bad-request", str(error).replace("--param ", "")) from None
        if asking.wants_page() and not given.all("text"):
            return asking.question_page(service, asked, text, values)
        if given.all("text"):
            return flask.Response(text, content_type=SPARQL, headers={"Vary": "Accept"})
        return query(service, text, given)


def _told(question: Question, base: str) -> Mapping[str, Any]:
    """What the list of questions says of one."""
    return {
        "id": question.id,
        "question": question.question,
        "about": question.about,
        "asked_by": question.asked_by,
        "why": question.why,
        "parameters": [
            {"name": one.name, "kind": one.kind, "default": one.default, "meaning": one.meaning}
            for one in question.parameters
        ],
        "url": f"{base}/questions/{question.id}",
    }
