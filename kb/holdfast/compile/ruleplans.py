"""A rule as a plan: the solutions of its query over all its focus nodes at once."""

from __future__ import annotations

from dataclasses import dataclass

from rdflib import BNode, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.patterns import Compilation, Relation
from holdfast.compile.plan import Plan, Refusal
from holdfast.rules import Target
from holdfast.vocabulary import HF, RDF_TYPE

FOCUS = "this"


@dataclass(frozen=True)
class Template:
    """One triple of a CONSTRUCT template: variables by name, other terms as they are."""

    subject: Variable | Identifier
    predicate: str
    value: Variable | Identifier


def compile_rule(
    algebra: CompValue,
    target: Target,
    *,
    assessed_only: bool = False,
    lineage: bool = False,
    delta: int | None = None,
    feeds: frozenset[str] = frozenset(),
) -> tuple[Plan, tuple[Template, ...]]:
    """The plan of a rule's SELECT or CONSTRUCT for every focus node of its target.

    `assessed_only` leaves out what is not to be assessed. For a SELECT the templates are empty; for
    a CONSTRUCT the plan gives the variables that its template uses. Raises Refusal.
    """
    compilation = Compilation(focus=FOCUS, lineage=lineage, delta=delta, feeds=feeds)
    compilation.targets = _targets(compilation, target, assessed_only=assessed_only)
    templates: tuple[Template, ...] = ()
    if algebra.name == "SelectQuery":
        if FOCUS not in {str(name) for name in algebra.PV}:
            raise Refusal("a SELECT that does not give $this", "Add $this to the SELECT.")
        relation = compilation.pattern(algebra.p)
    elif algebra.name == "ConstructQuery":
        templates = _templates(algebra)
        relation = compilation.pattern(algebra.p)
        wanted = [
            str(term)
            for t in templates
            for term in (t.subject, t.value)
            if isinstance(term, Variable)
        ]
        names = list(dict.fromkeys([FOCUS, *wanted]))
        loose = [name for name in names if name not in relation.held and name != FOCUS]
        if loose:
            raise Refusal(f"?{loose[0]} in the template, which the pattern does not bind")
        relation = Relation(
            relation.query, {n: relation.held[n] for n in names if n in relation.held}
        )
    else:
        raise Refusal(
            f"{algebra.name.removesuffix('Query').upper()} in a rule", "Use SELECT or CONSTRUCT."
        )
    relation = compilation.join(compilation.targeted(), relation)
    names = [FOCUS, *(name for name in relation.held if name != FOCUS)]
    return _plan(compilation, relation, names), templates


def compile_pattern(
    pattern: CompValue, target: Target | None = None, *, lineage: bool = False
) -> tuple[Plan, Relation]:
    """The plan of a bare pattern, with the focus nodes joined in where there is a `target`."""
    compilation = Compilation(focus=FOCUS if target else None, lineage=lineage)
    if target:
        compilation.targets = _targets(compilation, target, assessed_only=False)
    relation = compilation.pattern(pattern)
    if target:
        relation = compilation.join(compilation.targeted(), relation)
    return _plan(compilation, relation, list(relation.held)), relation


def _plan(compilation: Compilation, relation: Relation, names: list[str]) -> Plan:
    alias = compilation.alias()
    columns: list[exp.Expression] = []
    kinds: list[tuple[str, str]] = []
    for name in names:
        held = relation.held[name]
        column: exp.Expression = sql.column(alias, f"v_{name}")
        if held.kind == "integer":
            column = sql.call("number_n3", column, sql.number(4))
        elif held.kind == "text":
            column = sql.call("quoted", column)
        kinds.append((name, "id" if held.kind == "id" else "n3"))
        columns.append(sql.named(column, f"v_{name}"))
    columns.append(sql.named(sql.column(alias, "c"), "c"))
    if compilation.lineage:
        columns.append(sql.named(sql.column(alias, "l"), "l"))
    query = exp.select(*columns).from_(sql.derived(relation.query, alias))
    return Plan(
        sql=query.sql(dialect="duckdb"),
        columns=tuple(kinds),
        constants=dict(compilation.constants),
        tables=frozenset(compilation.read),
        any_predicate=compilation.any_predicate,
        recursive=compilation.recursive,
    )


def _targets(compilation: Compilation, target: Target, *, assessed_only: bool) -> exp.Select:
    alias = compilation.alias()
    by_class = target.kind == "targetClass"
    members = compilation.predicate_table(RDF_TYPE if by_class else target.iri, alias)
    side = sql.column(alias, "o" if target.kind == "targetObjectsOf" else "s")
    columns = [sql.named(side, f"v_{FOCUS}"), sql.named(sql.column(alias, "c"), "c")]
    if compilation.lineage:
        columns.append(sql.named(exp.Array(expressions=[sql.column(alias, "t")]), "l"))
    query = exp.select(*columns).from_(members)
    if by_class:
        query = query.where(
            sql.equal(sql.column(alias, "o"), compilation.constant_key(f"<{target.iri}>"))
        )
    if assessed_only:
        other = compilation.alias()
        excluded = (
            exp.select(sql.column(other, "s"))
            .from_(compilation.predicate_table(RDF_TYPE, other))
            .where(
                sql.equal(sql.column(other, "o"), compilation.constant_key(f"<{HF}NotAssessed>"))
            )
        )
        unseen = exp.select(exp.column("node")).from_(exp.to_table("unassessed"))
        for query_out in (excluded, unseen):
            query = query.where(
                exp.Not(this=exp.In(this=side.copy(), query=exp.Subquery(this=query_out)))
            )
    return query


def _templates(algebra: CompValue) -> tuple[Template, ...]:
    result: list[Template] = []
    for subject, predicate, value in sorted(algebra.template, key=str):
        if isinstance(predicate, Variable):
            raise Refusal(
                "a variable as predicate in CONSTRUCT", "Write one rule for each predicate."
            )
        if isinstance(subject, BNode) or isinstance(value, BNode):
            raise Refusal(
                "a blank node in CONSTRUCT", "Give the new node an IRI with BIND(IRI(…) AS ?node)."
            )
        result.append(Template(subject, str(predicate), value))
    return tuple(result)
