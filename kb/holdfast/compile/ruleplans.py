"""A rule as a plan: the solutions of its query over all its focus nodes at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from rdflib import BNode, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.columns.terms import INTEGER
from holdfast.compile import sql
from holdfast.compile.expressions import check_patterns
from holdfast.compile.patterns import Compilation, Dataset, Held, Relation, Source
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.values import Number
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
    among: bool = False,
) -> tuple[Plan, tuple[Template, ...]]:
    """The plan of a rule's SELECT or CONSTRUCT for every focus node of its target.

    `assessed_only` leaves out what is not to be assessed; with `among` only nodes of the table
    `Plan.among` are looked at. For a SELECT the templates are empty; for a CONSTRUCT the plan
    gives the variables that its template uses. Raises Refusal.
    """
    compilation = Compilation(focus=FOCUS, among=among, lineage=lineage, delta=delta, feeds=feeds)
    compilation.targets = partial(_targets, compilation, target, assessed_only=assessed_only)
    templates: tuple[Template, ...] = ()
    check_patterns(algebra)
    if algebra.datasetClause:
        raise Refusal("FROM", "Rules read the union of all graphs; GRAPH asks for one.")
    if algebra.name == "SelectQuery":
        if FOCUS not in {str(name) for name in algebra.PV}:
            raise Refusal("a SELECT that does not give $this", "Add $this to the SELECT.")
        selected = algebra.p
        if lineage and selected.name in ("Distinct", "Reduced"):
            relation = compilation.distinct(compilation.pattern(selected.p), by_certainty=True)
        else:
            relation = compilation.pattern(selected)
        relation = compilation.join(compilation.targeted(), relation)
    elif algebra.name == "ConstructQuery":
        templates = _templates(algebra)
        relation = compilation.pattern(algebra.p)
        wanted = [term for t in templates for term in (t.subject, t.value)]
        names = [FOCUS, *(str(term) for term in wanted if isinstance(term, Variable))]
        loose = [name for name in names if name not in relation.held and name != FOCUS]
        if loose:
            raise Refusal(f"?{loose[0]} in the template, which the pattern does not bind")
        held = {name: relation.held[name] for name in names if name in relation.held}
        columns = {name: relation.columns[name] for name in held}
        relation = replace(relation, held=held, columns=columns)
        relation = compilation.join(compilation.targeted(), relation)
    else:
        kind = algebra.name.removesuffix("Query").upper()
        raise Refusal(f"{kind} in a rule", "Use SELECT or CONSTRUCT.")
    names = [FOCUS, *(name for name in relation.held if name != FOCUS)]
    return _plan(compilation, relation, names), templates


def compile_pattern(
    pattern: CompValue,
    target: Target | None = None,
    *,
    lineage: bool = False,
    among: bool = False,
) -> tuple[Plan, Relation]:
    """The plan of a bare pattern, with the focus nodes joined in where there is a `target`.

    With `among` only nodes of `Plan.among` are looked at.
    """
    compilation = Compilation(focus=FOCUS if target else None, among=among, lineage=lineage)
    if target:
        compilation.targets = partial(_targets, compilation, target, assessed_only=False)
    relation = compilation.pattern(pattern)
    if target:
        relation = compilation.join(compilation.targeted(), relation)
    return _plan(compilation, relation, list(relation.held)), relation


def compile_query(algebra: CompValue, dataset: Dataset) -> tuple[Plan, bool]:
    """The plan of a whole query, and whether its solutions are to be put in order of `"#order"`.

    Raises Refusal for SERVICE and for functions that are not SPARQL's.
    """
    compilation = Compilation(dataset=dataset)
    relation = compilation.pattern(algebra.p)
    if relation.order:
        relation = compilation.numbered(relation)
        relation.held["#order"] = Held("id")
        relation.columns["#order"] = relation.order[0]
    return _plan(compilation, relation, list(relation.held)), bool(relation.order)


def _plan(compilation: Compilation, relation: Relation, names: list[str]) -> Plan:
    columns: list[sql.SQL] = []
    kinds: list[tuple[str, str]] = []
    for name in names:
        held, column = relation.held[name], relation.columns[name]
        if held.kind == "integer":
            column = Number(column, INTEGER).n3()
        elif held.kind == "text":
            column = sql.call("quoted", column)
        kinds.append((name, "id" if held.kind == "id" else "n3"))
        columns.append(sql.named(column, f"v_{name}"))
    query = relation.over([*columns, *relation.solution(lineage=compilation.lineage)])
    text = query.sql(dialect="duckdb")
    used = set(re.findall(r"\$(k\d+)", text))
    return Plan(
        sql=text,
        columns=tuple(kinds),
        constants={key: n3 for key, n3 in compilation.constants.items() if key in used},
        tables=frozenset(compilation.read),
        any_predicate=compilation.any_predicate,
        recursive=compilation.recursive,
        needs=_needs(query, compilation),
    )


def _needs(query: exp.Expression, compilation: Compilation) -> frozenset[str]:
    """The predicates and classes without which a query surely has no rows."""
    if isinstance(query, exp.Subquery):
        return _needs(query.this, compilation)
    if isinstance(query, exp.Union):
        sides = (_needs(query.this, compilation), _needs(query.expression, compilation))
        return sides[0] & sides[1]
    if not isinstance(query, exp.Select) or query.args.get("with_"):
        return frozenset()
    grouped = query.args.get("group") or query.args.get("having")
    if not grouped and any(part.find(exp.AggFunc) for part in query.expressions):
        return frozenset()  # counts of nothing
    found: set[str] = set()
    typed: set[str] = set()
    joined = [join.this for join in query.args.get("joins") or [] if _is_inner(join)]
    first = query.args.get("from_")
    for source in [*([first.this] if first else []), *joined]:
        if isinstance(source, exp.Table) and (name := sql.name_of(source)) in compilation.read:
            found.add(name)
            if name == RDF_TYPE:
                typed.add(source.alias)
        elif isinstance(source, exp.Subquery):
            found |= _needs(source, compilation)
    for condition in _all_of(query.args.get("where")):
        if isinstance(condition, exp.Exists):
            found |= _needs(condition.this, compilation)
        elif isinstance(condition, exp.EQ) and isinstance(condition.expression, exp.Placeholder):
            column = condition.this
            if isinstance(column, exp.Column) and column.name == "o" and column.table in typed:
                found.add(f"a {compilation.constants[condition.expression.name]}")
    return frozenset(found)


def _is_inner(join: exp.Join) -> bool:
    return not join.side and join.kind in ("", "CROSS", "INNER")


def _all_of(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """The conditions that must all be true."""
    if isinstance(condition, (exp.Where, exp.Paren)):
        yield from _all_of(condition.this)
    elif isinstance(condition, exp.And):
        yield from _all_of(condition.left)
        yield from _all_of(condition.right)
    elif condition is not None:
        yield condition


def _targets(compilation: Compilation, target: Target, *, assessed_only: bool) -> Relation:
    """The focus nodes, each once."""
    alias = compilation.alias()
    by_class = target.kind == "targetClass"
    table = compilation.predicate_table(RDF_TYPE if by_class else target.iri, alias)
    node: sql.SQL = sql.column(alias, "o" if target.kind == "targetObjectsOf" else "s")
    found = Relation(
        held={FOCUS: Held("id", node=target.kind != "targetObjectsOf")},
        columns={FOCUS: node},
        sources=[Source(table)],
        certainties=[sql.column(alias, "c")],
        lineages=[exp.Array(expressions=[sql.column(alias, "t")])],
    )
    if by_class:
        cls = compilation.constant_key(f"<{target.iri}>")
        found.where.append(sql.equal(sql.column(alias, "o"), cls))
    if compilation.among:
        found.where.append(compilation.chosen(node))
    reads = RDF_TYPE if by_class else target.iri
    if compilation.feeds_itself(reads, URIRef(target.iri)):
        found.where += compilation.since(alias)
    if not by_class:
        best = sql.record(c=found.certainty(), l=found.lineage())
        columns: list[sql.SQL] = [
            sql.named(node, f"v_{FOCUS}"),
            sql.named(sql.call("min", found.certainty()), "c"),
        ]
        if compilation.lineage:
            columns.append(sql.named(sql.call("arg_min", found.lineage(), best), "l"))
        query = found.over(columns)
        query.set("group", exp.Group(expressions=[node]))
        found = compilation.of_query(query, found.held)
    if assessed_only:
        node = found.columns[FOCUS]
        typed, unseen = compilation.alias(), compilation.alias()
        merged = compilation.constant_key(f"<{HF}NotAssessed>")
        said = [
            sql.equal(sql.column(typed, "s"), node),
            sql.equal(sql.column(typed, "o"), merged),
        ]
        found.sources += [
            Source(compilation.predicate_table(RDF_TYPE, typed), "ANTI", sql.both(said)),
            Source(
                sql.table("unassessed", unseen),
                "ANTI",
                sql.equal(sql.column(unseen, "node"), node),
            ),
        ]
    return found


def _templates(algebra: CompValue) -> tuple[Template, ...]:
    result: list[Template] = []
    for subject, predicate, value in sorted(algebra.template, key=str):
        if isinstance(predicate, Variable):
            raise Refusal(
                "a variable as predicate in CONSTRUCT",
                "Write one rule for each predicate.",
            )
        if isinstance(subject, BNode) or isinstance(value, BNode):
            raise Refusal(
                "a blank node in CONSTRUCT",
                "Give the new node an IRI with BIND(IRI(…) AS ?node).",
            )
        result.append(Template(subject, str(predicate), value))
    return tuple(result)
