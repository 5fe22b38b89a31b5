"""Plans as JSON values, so that they can be kept from one run to the next."""

from __future__ import annotations

from typing import Any

from rdflib import Variable
from rdflib.term import Identifier
from rdflib.util import from_n3

from holdfast.compile.plan import Plan
from holdfast.compile.ruleplans import Template
from holdfast.compile.values import n3_of


def to_json(plan: Plan, templates: tuple[Template, ...]) -> dict[str, Any]:
    """A plan and its templates as a JSON value."""
    return {
        "sql": plan.sql,
        "columns": [list(column) for column in plan.columns],
        "constants": plan.constants,
        "tables": sorted(plan.tables),
        "any_predicate": plan.any_predicate,
        "recursive": plan.recursive,
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
    )
    templates = (
        Template(_term(subject), predicate, _term(term))
        for subject, predicate, term in value["templates"]
    )
    return plan, tuple(templates)


def _text(term: Variable | Identifier) -> str:
    return f"?{term}" if isinstance(term, Variable) else n3_of(term)


def _term(text: str) -> Variable | Identifier:
    term = Variable(text[1:]) if text.startswith("?") else from_n3(text)
    assert isinstance(term, Identifier)
    return term
