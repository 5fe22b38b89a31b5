"""Plans as JSON values, so that they can be kept from one run to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyoxigraph as ox
from rdflib import Variable
from rdflib.term import Identifier

from holdfast.compile.plan import Plan
from holdfast.compile.ruleplans import Template
from holdfast.compile.shapes import ShapePlan
from holdfast.compile.values import n3_of
from holdfast.queries import term_of


def to_json(plan: Plan, templates: tuple[Template, ...]) -> dict[str, Any]:
    """A plan and its templates as a JSON value."""
    return {
        "sql": plan.sql,
        "columns": [list(column) for column in plan.columns],
        "constants": plan.constants,
        "tables": sorted(plan.tables),
        "any_predicate": plan.any_predicate,
        "recursive": plan.recursive,
        "needs": sorted(plan.needs),
        "templates": [[_text(t.subject), t.predicate, _text(t.value)] for t in templates],
    }


def from_json(value: dict[str, Any]) -> tuple[Plan, tuple[Template, ...]]:
    """The plan and templates that `to_json` made the value of."""
    plan = Plan(
        sql=value["sql"],
        columns=tuple((name, kind) for name, kind in value["columns"]),
        constants=dict(value["constants"]),
        tables=frozenset(value["tables"]),
        any_predicate=value["any_predicate"],
        recursive=value["recursive"],
        needs=frozenset(value["needs"]),
    )
    templates = (
        Template(_term(subject), predicate, _term(term))
        for subject, predicate, term in value["templates"]
    )
    return plan, tuple(templates)


def shape_plan_to_json(plan: ShapePlan) -> dict[str, Any] | None:
    """A plan of a shape as a JSON value; None where it is good for one run only."""
    if not plan.lasting:
        return None
    return {
        **to_json(plan.plan, ()),
        "names": list(plan.names),
        "regexes": [list(pair) for pair in plan.regexes],
        "stages": [list(pair) for pair in plan.stages],
    }


def shape_plan_from_json(value: dict[str, Any]) -> ShapePlan:
    """The plan that `shape_plan_to_json` made the value of."""
    return ShapePlan(
        from_json(value)[0],
        tuple(value["names"]),
        tuple((name, pattern) for name, pattern in value["regexes"]),
        tuple((name, query) for name, query in value["stages"]),
    )


def template_to_json(template: Iterable[tuple[Any, Any, Any]]) -> list[list[str]]:
    """The template of a CONSTRUCT as a JSON value."""
    return [[_text(term) for term in triple] for triple in template]


def template_from_json(value: list[list[str]]) -> list[tuple[Any, Any, Any]]:
    """The template that `template_to_json` made the value of."""
    return [(_term(s), _term(p), _term(o)) for s, p, o in value]


def _text(term: Variable | Identifier) -> str:
    return f"?{term}" if isinstance(term, Variable) else n3_of(term)


def _term(text: str) -> Variable | Identifier:
    if text.startswith("?"):
        return Variable(text[1:])
    line = f"<urn:x:s> <urn:x:p> {text} ."
    return term_of(next(iter(ox.parse(line, format=ox.RdfFormat.N_TRIPLES))).object)
