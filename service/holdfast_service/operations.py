"""Operations: an address, the parameters that it takes, and what it answers, declared once.

What is declared is what is read from a request, what is refused, and what OpenAPI is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from holdfast.vocabulary import nearest
from holdfast_service.parameters import WHOLE, in_address
from holdfast_service.problem import Problem


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query part of an address, or with `path` of its path.

    `kind` is string, integer, number or boolean; one without a default that is not `required` is
    left out. `least` and `most` bound numbers.
    """

    name: str
    description: str
    kind: str = "string"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    path: bool = False

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        shown: dict[str, Any] = {"type": self.kind}
        if self.choices:
            shown["enum"] = list(self.choices)
        for name, value in (
            ("default", self.default),
            ("minimum", self.least),
            ("maximum", self.most),
        ):
            if value is not None:
                shown[name] = value
        return shown

    def read(self, text: str) -> Any:
        """The value that a text stands for. Raises Problem (400)."""
        if self.kind == "boolean":
            known = {"true": True, "1": True, "": True, "false": False, "0": False}
            if text.lower() in known:
                return known[text.lower()]
            raise self._refused(text, "Write true or false.")
        if self.kind == "integer":
            if not WHOLE.fullmatch(text):
                raise self._refused(text, "Write a whole number.")
            value = int(text)
            low, high = self.least, self.most
            if (low is not None and value < low) or (high is not None and value > high):
                bounds = f"from {low:g} on" if high is None else f"from {low or 0:g} to {high:g}"
                raise self._refused(text, f"Give a number {bounds}.")
            return value
        if self.choices and text not in self.choices:
            raise self._refused(
                text, nearest(text, self.choices) or f"Give one of {', '.join(self.choices)}."
            )
        return text

    def _refused(self, text: str, mend: str) -> Problem:
        return Problem("bad-request", f"{self.name} cannot be '{text}'. {mend}")


@dataclass(frozen=True)
class Operation:
    """What can be done at one address by one method, as OpenAPI is told."""

    method: str
    path: str
    summary: str
    parameters: tuple[Parameter, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    """Media types of the answer, each with the name of a schema or ''."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """Media types of the body, each with what it is."""
    problems: tuple[int, ...] = ()
    token: bool = False


class Operations:
    """The operations of the service, in the order in which they were declared."""

    def __init__(self) -> None:
        self.declared: list[Operation] = []

    def declare(self, *operations: Operation) -> None:
        """Declare operations whose requests are read elsewhere."""
        self.declared += operations

    def get(
        self,
        app: flask.Flask | flask.Blueprint,
        path: str,
        summary: str,
        *,
        parameters: Sequence[Parameter] = (),
        answers: Mapping[str, str] | None = None,
        problems: Iterable[int] = (),
    ) -> Callable[[Callable[..., ResponseReturnValue]], Callable[..., ResponseReturnValue]]:
        """Answer GET at a path, which may hold <parameters>, with what the function returns.

        The function gets every parameter by name, in Python's spelling.
        """

        def decorated(
            function: Callable[..., ResponseReturnValue],
        ) -> Callable[..., ResponseReturnValue]:
            operation = Operation(
                "get", _shown(path), summary, (*_in_path(path), *parameters),
                answers or {"application/json": ""}, problems=tuple(problems),
            )  # fmt: skip
            self.declared.append(operation)

            @wraps(function)
            def reading(**path_parts: str) -> ResponseReturnValue:
                given = read_parameters(parameters, _in_address())
                return function(**path_parts, **given)

            app.add_url_rule(path, view_func=reading, methods=["GET"])
            return reading

        return decorated

    def openapi(self, *, title: str, version: str, server: str, schemas: Mapping[str, Any]) -> Any:
        """The operations as an OpenAPI 3.1 document."""
        paths: dict[str, dict[str, Any]] = {}
        for operation in self.declared:
            paths.setdefault(operation.path, {})[operation.method] = _described(operation)
        return {
            "openapi": "3.1.0",
            "info": {"title": title, "version": version, "license": {"name": "Apache-2.0"}},
            "servers": [{"url": server}],
            "paths": paths,
            "components": {
                "schemas": {**schemas, "Problem": _PROBLEM},
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
        }


def read_parameters(parameters: Sequence[Parameter], args: Mapping[str, str]) -> dict[str, Any]:
    """The values of parameters, by name in Python's spelling.

    Raises Problem (400) for one that is unknown, missing or ill-formed.
    """
    known = {parameter.name: parameter for parameter in parameters if not parameter.path}
    for name in args:
        if name not in known and name not in ("format", "_profile"):
            known_words = nearest(name, known) or f"Known: {', '.join(known) or 'none'}."
            raise Problem("bad-request", f"There is no parameter '{name}' here. {known_words}")
    given: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in args:
            value = parameter.read(args[name])
        elif parameter.required:
            raise Problem("bad-request", f"'{name}' is missing. {parameter.description}")
        else:
            value = parameter.default
        given[name.replace("-", "_")] = value
    return given


def _in_address() -> dict[str, str]:
    """The parameters of the address. Raises Problem (400) for one that is given twice."""
    given = in_address()
    return {name: given.one(name) or "" for name, _ in given.pairs}


def _shown(path: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def _in_path(path: str) -> list[Parameter]:
    return [
        Parameter(name, f"The {name} in the address.", required=True, path=True)
        for name in re.findall(r"<(?:\w+:)?(\w+)>", path)
    ]


def _described(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": re.sub(r"\W+", "-", f"{operation.method}{operation.path}").strip("-"),
        "parameters": [
            {
                "name": parameter.name,
                "in": "path" if parameter.path else "query",
                "description": parameter.description,
                "required": parameter.required,
                "schema": parameter.schema(),
            }
            for parameter in operation.parameters
        ],
        "responses": {
            "200": {
                "description": operation.summary,
                "content": {
                    kind: {"schema": {"$ref": f"#/components/schemas/{name}"}} if name else {}
                    for kind, name in operation.answers.items()
                },
            },
            **{str(code): _REFUSED for code in operation.problems},
            "default": _REFUSED,
        },
    }
    if operation.takes:
        made["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": {"type": "string"}} for kind in operation.takes},
        }
    if operation.token:
        made["security"] = [{"token": []}]
    return made


_REFUSED = {
    "description": "What is wrong, and what to do.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_PROBLEM = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
