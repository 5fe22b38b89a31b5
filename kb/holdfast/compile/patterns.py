"""SPARQL 1.1 graph patterns (§18) as SQL, a whole dataset at a time.

A pattern becomes a query with a column `v_<name>` for each variable, `c` for the certainty of the
solution (that of its least certain triple) and, with lineage, `l`, the numbers of its triples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import Path
from rdflib.plugins.sparql.algebra import translateGroupGraphPattern
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.expressions import Environment, compile_expression
from holdfast.compile.paths import compile_path
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL
from holdfast.compile.values import (
    DECIMAL, INTEGER, STRING, Amount, Constant, Known, Lookups, Nothing, Number, Text, Value, Written,
    n3_of,
)  # fmt: skip
from holdfast.vocabulary import RDF_TYPE


@dataclass(frozen=True)
class Held:
    """How one variable is held in a relation.

    `kind` is 'id' (the term's integer), 'n3' (its N-Triples text), 'integer' (a count) or 'text' (a
    plain string); `sure` where every
    solution binds it; `node` where it is never a literal; `term` where it is always this one.
    """

    kind: str
    sure: bool = True
    node: bool = False
    term: Literal | None = None


@dataclass(frozen=True)
class Relation:
    """A compiled pattern."""

    query: exp.Query
    held: Mapping[str, Held]
    empty_group: bool = False


class Compilation:
    """The compiling of one query.

    `focus` is the pre-bound variable (SHACL-SPARQL §5.3) and `targets` the class whose members it
    ranges over. With `delta`, the recursive pattern of that number reads only triples numbered
    from the placeholder `delta` on (semi-naive evaluation); recursive are those that read one of
    the predicates or classes of `feeds`.
    """

    def __init__(
        self,
        *,
        focus: str | None = None,
        targets: exp.Select | None = None,
        lineage: bool = False,
        delta: int | None = None,
        feeds: frozenset[str] = frozenset(),
    ) -> None:
        self.focus = focus
        self.targets = targets
        self.lineage = lineage
        self.delta = delta
        self.feeds = feeds
        self.recursive = 0
        self.constants: dict[str, str] = {}
        self.read: set[str] = set()
        self.any_predicate = False
        self._aliases = 0
        self._outside: list[frozenset[str]] = []

    # -- names -----------------------------------------------------------------------------------

    def alias(self) -> str:
        self._aliases += 1
        return f"r{self._aliases}"

    def constant_key(self, n3: str) -> SQL:
        name = next((key for key, term in self.constants.items() if term == n3), None)
        if name is None:
            name = f"k{len(self.constants)}"
            self.constants[name] = n3
        return exp.Placeholder(this=name)

    def constant(self, term: Identifier) -> Constant:
        return Constant(term, self.constant_key(n3_of(term)))

    def predicate_table(self, iri: str, alias: str) -> exp.Table:
        self.read.add(iri)
        return sql.table(iri, alias)

    def every_table(self, alias: str) -> exp.Table:
        self.any_predicate = True
        return sql.table("*", alias)

    # -- patterns --------------------------------------------------------------------------------

    def pattern(self, node: CompValue) -> Relation:
        """The solutions of a pattern. Raises Refusal for one that is not compiled."""
        compile_node = getattr(self, f"_{node.name.lower()}", None)
        if compile_node is None:
            raise Refusal(_NAMES.get(node.name, node.name), _MENDS.get(node.name, ""))
        relation: Relation = compile_node(node)
        return relation

    def _bgp(self, node: CompValue) -> Relation:
        places: dict[str, SQL] = {}
        held: dict[str, Held] = {}
        sources: list[exp.Table | exp.Subquery] = []
        conditions: list[SQL] = []
        certainties: list[SQL] = []
        lineages: list[SQL] = []

        def place(term: Any, column: SQL, never_literal: bool) -> None:
            if isinstance(term, (Variable, BNode)):
                name = str(term) if isinstance(term, Variable) else f"_{term}"
                if name in places:
                    conditions.append(sql.equal(places[name].copy(), column))
                else:
                    places[name] = column
                if never_literal or name not in held:
                    held[name] = Held(
                        "id", node=never_literal or (name in held and held[name].node)
                    )
            else:
                conditions.append(sql.equal(column, self.constant_key(n3_of(term))))

        for subject, predicate, value in _in_order(node.triples):
            alias = self.alias()
            if isinstance(predicate, Variable):
                sources.append(self.every_table(alias))
                place(predicate, sql.column(alias, "p"), True)
                lineages.append(exp.Array(expressions=[sql.column(alias, "t")]))
            elif isinstance(predicate, Path):
                sources.append(sql.derived(compile_path(predicate, self), alias))
                lineages.append(sql.column(alias, "l"))
            else:
                sources.append(self.predicate_table(str(predicate), alias))
                lineages.append(exp.Array(expressions=[sql.column(alias, "t")]))
                if self._feeds_itself(str(predicate), value):
                    if self.delta == self.recursive:
                        since = exp.Placeholder(this="delta")
                        conditions.append(exp.GTE(this=sql.column(alias, "t"), expression=since))
                    self.recursive += 1
            certainties.append(sql.column(alias, "c"))
            place(subject, sql.column(alias, "s"), not isinstance(predicate, Path))
            place(value, sql.column(alias, "o"), False)
        columns = [sql.named(column.copy(), f"v_{name}") for name, column in places.items()]
        if not sources:
            return Relation(exp.select(*self._solution([], [])), {}, empty_group=True)
        query = exp.select(*columns, *self._solution(certainties, lineages)).from_(sources[0])
        for source in sources[1:]:
            query = query.join(source, join_type="CROSS")
        if conditions:
            query = query.where(sql.both(conditions))
        return Relation(query, held)

    def _feeds_itself(self, predicate: str, value: Any) -> bool:
        if self._outside:
            return False
        if predicate == RDF_TYPE:
            return str(value) in self.feeds if isinstance(value, URIRef) else RDF_TYPE in self.feeds
        return predicate in self.feeds

    def _solution(self, certainties: list[SQL], lineages: list[SQL]) -> list[SQL]:
        nothing = exp.cast(sql.number(0), "TINYINT")
        columns = [sql.named(sql.greatest(certainties) if certainties else nothing, "c")]
        if self.lineage:
            empty = exp.cast(exp.Array(expressions=[]), "BIGINT[]")
            columns.append(sql.named(sql.joined(lineages) if lineages else empty, "l"))
        return columns

    def _join(self, node: CompValue) -> Relation:
        return self.join(self.pattern(node.p1), self.pattern(node.p2))

    def join(self, one: Relation, other: Relation) -> Relation:
        """The solutions of one that are compatible with those of the other."""
        if not one.held and one.empty_group:
            return other
        if not other.held and other.empty_group:
            return one
        a, b = self.alias(), self.alias()
        conditions, columns, held = self._compatible(one, a, other, b)
        columns += self._solution(
            [sql.column(a, "c"), sql.column(b, "c")], [sql.column(a, "l"), sql.column(b, "l")]
        )
        query = exp.select(*columns).from_(sql.derived(one.query, a))
        right = sql.derived(other.query, b)
        if conditions:
            query = query.join(right, on=sql.both(conditions))
        else:
            query = query.join(right, join_type="CROSS")
        return Relation(query, held)

    def _leftjoin(self, node: CompValue) -> Relation:
        one, other = self.pattern(node.p1), self.pattern(node.p2)
        a, b = self.alias(), self.alias()
        conditions, columns, held = self._compatible(one, a, other, b, optional=True)
        if node.expr is not None and getattr(node.expr, "name", "") != "TrueFilter":
            if any(part.name.endswith("EXISTS") for part in _parts(node.expr)):
                raise Refusal("EXISTS in a FILTER of an OPTIONAL")
            near, far = Lookups(self.alias), Lookups(self.alias)
            environment = {**self._environment(other, b, far), **self._environment(one, a, near)}
            test = compile_expression(node.expr, environment, self).truth()
            return self._optional_where(
                one, a, near, other, b, far, conditions, columns, held, test
            )
        absent = exp.cast(exp.Array(expressions=[]), "BIGINT[]")
        columns += self._solution(
            [sql.column(a, "c"), sql.call("coalesce", sql.column(b, "c"), sql.number(0))],
            [sql.column(a, "l"), sql.call("coalesce", sql.column(b, "l"), absent)],
        )
        query = exp.select(*columns).from_(sql.derived(one.query, a))
        query = query.join(sql.derived(other.query, b), on=sql.both(conditions), join_type="LEFT")
        return Relation(query, held)

    def _optional_where(
        self,
        one: Relation,
        a: str,
        near: Lookups,
        other: Relation,
        b: str,
        far: Lookups,
        conditions: list[SQL],
        columns: list[SQL],
        held: dict[str, Held],
        test: SQL,
    ) -> Relation:
        """OPTIONAL with a FILTER over both sides: its join, and what finds no partner in it.

        LeftJoin(A, B, F) = Filter(F, A ⋈ B) ∪ those of A without a partner (§18.5).
        """
        columns += self._solution(
            [sql.column(a, "c"), sql.column(b, "c")], [sql.column(a, "l"), sql.column(b, "l")]
        )

        def joined(*selected: SQL) -> exp.Select:
            query = exp.select(*selected).from_(sql.derived(one.query.copy(), a))
            right = sql.derived(other.query.copy(), b)
            query = (
                query.join(right, on=sql.both(conditions))
                if conditions
                else query.join(right, join_type="CROSS")
            )
            return far.onto(near.onto(query)).where(test.copy())

        lone = self.alias()
        same = [
            exp.NullSafeEQ(
                this=sql.column(a, f"v_{name}"), expression=sql.column(lone, f"v_{name}")
            )
            for name in one.held
        ]
        partner = (
            joined(exp.Literal.number(1)).where(sql.both(same))
            if same
            else joined(exp.Literal.number(1))
        )
        alone: list[SQL] = []
        for name, how in held.items():
            kind = "BIGINT" if how.kind in ("id", "integer") else "VARCHAR"
            if name not in one.held:
                alone.append(sql.named(exp.cast(exp.null(), kind), f"v_{name}"))
                continue
            value: SQL = sql.column(lone, f"v_{name}")
            if one.held[name].kind != how.kind:
                raise Refusal(f"?{name} in an OPTIONAL with a FILTER, computed on one side only")
            alone.append(sql.named(value, f"v_{name}"))
        alone += self._solution([sql.column(lone, "c")], [sql.column(lone, "l")])
        rest = exp.select(*alone).from_(sql.derived(one.query.copy(), lone))
        rest = rest.where(exp.Not(this=exp.Exists(this=partner)))
        alias = self.alias()
        return Relation(
            exp.select("*").from_(
                sql.derived(exp.union(joined(*columns), rest, distinct=False), alias)
            ),
            held,
        )

    def _compatible(
        self, one: Relation, a: str, other: Relation, b: str, *, optional: bool = False
    ) -> tuple[list[SQL], list[SQL], dict[str, Held]]:
        """How two relations agree: conditions, the columns of both together, how these are held."""
        conditions: list[SQL] = []
        columns: list[SQL] = []
        held: dict[str, Held] = {}
        for name in dict.fromkeys([*one.held, *other.held]):
            left, right = one.held.get(name), other.held.get(name)
            if left and right:
                x, y = self._alike(
                    left, sql.column(a, f"v_{name}"), right, sql.column(b, f"v_{name}")
                )
                tests = [sql.equal(x, y)]
                tests += [] if left.sure else [sql.missing(x.copy())]
                tests += [] if right.sure else [sql.missing(y.copy())]
                conditions.append(sql.either(tests))
                same = left.kind == right.kind
                value = x if left.sure else sql.call("coalesce", x.copy(), y.copy())
                held[name] = Held(
                    left.kind if same else "n3",
                    sure=left.sure or (right.sure and not optional),
                    node=left.node or (right.node and left.sure and right.sure),
                    term=left.term if left.term == right.term else None,
                )
                columns.append(sql.named(value.copy(), f"v_{name}"))
            elif left:
                held[name] = left
                columns.append(sql.named(sql.column(a, f"v_{name}"), f"v_{name}"))
            elif right:
                held[name] = replace(
                    right, sure=right.sure and not optional, term=None if optional else right.term
                )
                columns.append(sql.named(sql.column(b, f"v_{name}"), f"v_{name}"))
        return conditions, columns, held

    def _alike(self, left: Held, x: SQL, right: Held, y: SQL) -> tuple[SQL, SQL]:
        if left.kind == right.kind:
            return x, y
        return self._written(left, x), self._written(right, y)

    def _written(self, held: Held, column: SQL) -> SQL:
        """A held value as N-Triples text, looked up on the spot."""
        if held.kind == "id" and held.term is None:
            entry = exp.select(sql.column("terms", "n3")).from_(exp.to_table("terms"))
            return exp.Subquery(this=entry.where(sql.equal(sql.column("terms", "id"), column)))
        return self._read(held, column, Lookups(self.alias)).n3()

    def _union(self, node: CompValue) -> Relation:
        one, other = self.pattern(node.p1), self.pattern(node.p2)
        names = list(dict.fromkeys([*one.held, *other.held]))
        held: dict[str, Held] = {}
        for name in names:
            left, right = one.held.get(name), other.held.get(name)
            kinds = {side.kind for side in (left, right) if side}
            held[name] = Held(
                kinds.pop() if len(kinds) == 1 else "n3",
                sure=bool(left and left.sure and right and right.sure),
                node=all(side.node for side in (left, right) if side),
            )

        def branch(relation: Relation) -> exp.Select:
            alias = self.alias()
            columns: list[SQL] = []
            for name in names:
                side = relation.held.get(name)
                kind = held[name].kind
                if side is None:
                    value: SQL = exp.cast(
                        exp.null(), "BIGINT" if kind in ("id", "integer") else "VARCHAR"
                    )
                elif side.kind == kind:
                    value = sql.column(alias, f"v_{name}")
                else:
                    value = self._written(side, sql.column(alias, f"v_{name}"))
                columns.append(sql.named(value, f"v_{name}"))
            columns += self._solution([sql.column(alias, "c")], [sql.column(alias, "l")])
            return exp.select(*columns).from_(sql.derived(relation.query, alias))

        query = exp.union(branch(one), branch(other), distinct=False)
        alias = self.alias()
        return Relation(exp.select("*").from_(sql.derived(query, alias)), held)

    def _minus(self, node: CompValue) -> Relation:
        one, other = self.pattern(node.p1), self.pattern(node.p2)
        shared = [name for name in one.held if name in other.held]
        if not shared:
            return one
        a, b = self.alias(), self.alias()
        conditions, _, _ = self._compatible(one, a, other, b)
        overlap = [
            sql.both([
                exp.Not(this=sql.missing(sql.column(a, f"v_{name}"))),
                exp.Not(this=sql.missing(sql.column(b, f"v_{name}"))),
            ])
            for name in shared
        ]  # fmt: skip
        taken = (
            exp.select("1")
            .from_(sql.derived(other.query, b))
            .where(sql.both([*conditions, sql.either(overlap)]))
        )
        query = exp.select("*").from_(sql.derived(one.query, a))
        return Relation(query.where(exp.Not(this=exp.Exists(this=taken))), one.held)

    def _filter(self, node: CompValue) -> Relation:
        relation = self._with_focus(self.pattern(node.p), node.expr)
        alias, lookups = self.alias(), Lookups(self.alias)
        environment = self._environment(relation, alias, lookups)
        condition = compile_expression(node.expr, environment, self).truth()
        query = exp.select(_every(alias)).from_(sql.derived(relation.query, alias))
        return Relation(lookups.onto(query).where(condition), relation.held)

    def _extend(self, node: CompValue) -> Relation:
        relation = self._with_focus(self.pattern(node.p), node.expr)
        alias, lookups = self.alias(), Lookups(self.alias)
        environment = self._environment(relation, alias, lookups)
        name = str(node.var)
        value = compile_expression(node.expr, environment, self)
        held, column = self._hold(value, node.expr, relation)
        query = exp.select(_every(alias), sql.named(column, f"v_{name}")).from_(
            sql.derived(relation.query, alias)
        )
        return Relation(lookups.onto(query), {**relation.held, name: held})

    def _hold(self, value: Value, expression: Any, relation: Relation) -> tuple[Held, SQL]:
        if (
            isinstance(expression, Variable)
            and str(expression) in relation.held
            and value.id() is not None
        ):
            column = value.id()
            assert column is not None
            return relation.held[str(expression)], column
        if isinstance(value, Constant):
            term = value.term if isinstance(value.term, Literal) else None
            return Held("id", node=term is None, term=term), value.key
        if isinstance(value, Number) and value.kind == INTEGER:
            return Held("integer", sure=False), exp.cast(value.amount, "BIGINT")
        if isinstance(value, Text):
            return Held("text", sure=False), value.words
        key = value.id()
        if key is not None:
            return Held("id", sure=False), key
        return Held("n3", sure=False), value.n3()

    def _with_focus(self, relation: Relation, expression: Any) -> Relation:
        """The pre-bound variable is bound everywhere (SHACL-SPARQL §5.3.1), so also in this group."""
        focus = self.focus
        if focus is None or self.targets is None or focus in relation.held or self._outside:
            return relation
        if focus not in _names(expression):
            return relation
        return self.join(self.targeted(), relation)

    def targeted(self) -> Relation:
        """The focus nodes."""
        assert self.targets is not None
        return Relation(self.targets.copy(), {str(self.focus): Held("id", node=True)})

    def _project(self, node: CompValue) -> Relation:
        relation = self.pattern(node.p)
        alias = self.alias()
        names = [str(name) for name in node.PV]
        columns: list[SQL] = []
        held: dict[str, Held] = {}
        for name in names:
            if name in relation.held:
                held[name] = relation.held[name]
                columns.append(sql.named(sql.column(alias, f"v_{name}"), f"v_{name}"))
        columns += self._solution([sql.column(alias, "c")], [sql.column(alias, "l")])
        return Relation(exp.select(*columns).from_(sql.derived(relation.query, alias)), held)

    def _distinct(self, node: CompValue) -> Relation:
        relation = self.pattern(node.p)
        alias = self.alias()
        keys = [sql.column(alias, f"v_{name}") for name in relation.held]
        columns = [
            sql.named(key.copy(), f"v_{name}")
            for key, name in zip(keys, relation.held, strict=True)
        ]
        columns.append(sql.named(sql.call("min", sql.column(alias, "c")), "c"))
        if self.lineage:
            columns.append(sql.named(_flattened(alias), "l"))
        query = exp.select(*columns).from_(sql.derived(relation.query, alias))
        return Relation(query.group_by(*keys) if keys else query, relation.held)

    _reduced = _distinct

    def _tomultiset(self, node: CompValue) -> Relation:
        if node.p.name == "values":
            return self._table_of_values(node.p)
        if (
            self.focus
            and self.focus not in {str(name) for name in node.p.get("PV", [])}
            and (self.focus in _names(node.p) and _is_select(node.p))
        ):
            raise Refusal(
                f"a sub-SELECT that uses ${self.focus} without giving it",
                f"Add ${self.focus} to its SELECT (SHACL 1.0 §5.3.1).",
            )
        return self.pattern(node.p)

    def _table_of_values(self, node: CompValue) -> Relation:
        rows = [dict(row) for row in node.res]
        names = list(dict.fromkeys(name for row in rows for name in row))
        branches: exp.Query | None = None
        for row in rows:
            columns: list[SQL] = []
            for name in names:
                term = row.get(name)
                bound = isinstance(term, (URIRef, Literal))
                value = self.constant_key(n3_of(term)) if bound else exp.null()
                columns.append(sql.named(exp.cast(value, "BIGINT"), f"v_{name}"))
            branch = exp.select(*columns, *self._solution([], []))
            branches = branch if branches is None else exp.union(branches, branch, distinct=False)
        if branches is None:
            raise Refusal("VALUES without a row")
        held = {
            str(name): Held(
                "id", sure=all(isinstance(row.get(name), (URIRef, Literal)) for row in rows)
            )
            for name in names
        }
        return Relation(branches, held)

    def _group(self, node: CompValue) -> Relation:
        return self.pattern(node.p)

    def _aggregatejoin(self, node: CompValue) -> Relation:
        grouped = node.p
        relation = self.pattern(grouped.p)
        keys = [key for key in (grouped.expr or [])]
        alias, lookups = self.alias(), Lookups(self.alias)
        environment = self._environment(relation, alias, lookups)
        columns: list[SQL] = []
        held: dict[str, Held] = {}
        groups: list[SQL] = []
        for key in keys:
            if not isinstance(key, Variable):
                raise Refusal("GROUP BY an expression", "BIND the expression to a variable first.")
            name = str(key)
            if name not in relation.held:
                continue
            groups.append(sql.column(alias, f"v_{name}"))
        if self.focus and not self._outside and self.focus not in {str(key) for key in keys}:
            raise Refusal(
                f"an aggregate over all of ${self.focus}",
                f"GROUP BY ${self.focus}, so that each has its own.",
            )
        for aggregate in node.A:
            name = str(aggregate.res)
            if aggregate.name == "Aggregate_Sample" and aggregate.vars in keys:
                source = str(aggregate.vars)
                if source in relation.held:
                    held[name] = relation.held[source]
                    columns.append(sql.named(sql.column(alias, f"v_{source}"), f"v_{name}"))
                continue
            value, how = self._aggregate(aggregate, environment, relation, alias)
            columns.append(sql.named(value, f"v_{name}"))
            held[name] = how
        columns.append(
            sql.named(
                sql.call("coalesce", sql.call("max", sql.column(alias, "c")), sql.number(0)), "c"
            )
        )
        if self.lineage:
            columns.append(sql.named(_flattened(alias), "l"))
        query = lookups.onto(exp.select(*columns).from_(sql.derived(relation.query, alias)))
        return Relation(query.group_by(*groups) if groups else query, held)

    def _aggregate(
        self, node: CompValue, environment: Environment, relation: Relation, alias: str
    ) -> tuple[SQL, Held]:
        distinct = bool(node.distinct)
        count = Held("integer")
        if node.name == "Aggregate_Count":
            if str(node.vars) == "*" and not isinstance(node.vars, Variable):
                if distinct:
                    raise Refusal("COUNT(DISTINCT *)")
                return sql.call("count", exp.Star()), count
            value = compile_expression(node.vars, environment, self)
            counted = value.id() if value.id() is not None else value.n3()
            assert counted is not None
            return exp.Count(
                this=exp.Distinct(expressions=[counted]) if distinct else counted
            ), count
        value = compile_expression(node.vars, environment, self)
        maybe = Held("n3", sure=False)
        if node.name in ("Aggregate_Sum", "Aggregate_Avg"):
            number: SQL = value.number()
            kind: SQL = sql.call("coalesce", sql.call("max", value.cls()), sql.number(INTEGER))
            inner: SQL = exp.Distinct(expressions=[number]) if distinct else number
            total = exp.Sum(this=inner) if node.name == "Aggregate_Sum" else exp.Avg(this=inner)
            if node.name == "Aggregate_Avg":
                kind = sql.call("greatest", kind, sql.number(DECIMAL))
            whole = sql.equal(sql.call("count", exp.Star()), sql.call("count", value.number()))
            return sql.cases(
                (whole, Amount(sql.call("coalesce", total, sql.number(0)), kind).n3())
            ), maybe
        if node.name in ("Aggregate_Min", "Aggregate_Max"):
            function = "min" if node.name == "Aggregate_Min" else "max"
            if value.kinds <= {STRING}:
                return sql.call(function, value.lex()), Held("text", sure=False)
            ordered = exp.Struct(expressions=[
                exp.PropertyEQ(this=exp.to_identifier(key), expression=part)
                for key, part in (
                    ("a", exp.cast(exp.GT(this=value.cls(), expression=sql.number(3)), "INTEGER")),
                    ("b", value.num()), ("d", value.moment()), ("e", value.lex()), ("f", value.n3()),
                )
            ])  # fmt: skip
            best = sql.call(function, sql.cases((exp.Not(this=sql.missing(value.n3())), ordered)))
            return sql.call("struct_extract", best, sql.text("f")), maybe
        if node.name == "Aggregate_Sample":
            return sql.call("min", value.n3()), maybe
        if node.name == "Aggregate_GroupConcat":
            words = value.lex()
            separator = sql.text(str(node.separator) if node.separator is not None else " ")
            listed = sql.call(
                "list_sort",
                sql.call("list_distinct", sql.call("list", words))
                if distinct
                else sql.call("list", words),
            )
            return Text(sql.call("array_to_string", listed, separator)).n3(), maybe
        raise Refusal(node.name.removeprefix("Aggregate_").upper())

    # -- expressions -----------------------------------------------------------------------------

    def _environment(self, relation: Relation, alias: str, lookups: Lookups) -> dict[str, Value]:
        return {
            name: self._read(held, sql.column(alias, f"v_{name}"), lookups)
            for name, held in relation.held.items()
        }

    def _read(self, held: Held, column: SQL, lookups: Lookups) -> Value:
        value: Value
        if held.term is not None:
            value = self.constant(held.term)
        elif held.kind == "id":
            value = Known(column, lookups, node=held.node)
        elif held.kind == "integer":
            value = Number(column, INTEGER)
        elif held.kind == "text":
            value = Text(column)
        else:
            value = Written(column)
        value.sure = held.sure
        return value

    def unbound(self, name: str) -> Value:
        if any(name in names for names in self._outside):
            raise Refusal(
                f"?{name} inside a nested group of EXISTS, bound outside it",
                "Move the FILTER to the outer braces of the EXISTS.",
            )
        return Nothing()

    def exists(self, group: CompValue, environment: Environment) -> SQL:
        """Whether a pattern has a solution that agrees with the environment (§18.6, EXISTS)."""
        if group.name in ("GroupGraphPatternSub", "SubSelect"):
            group = translateGroupGraphPattern(group)
        if group.name == "Union":
            return sql.either(
                [self.exists(group.p1, environment), self.exists(group.p2, environment)]
            )
        filters: list[Any] = []
        while group.name == "Filter":
            filters.append(group.expr)
            group = group.p
        if filters and group.name == "Union":
            raise Refusal("a FILTER over a UNION inside EXISTS", "Write the FILTER in each branch.")
        self._outside.append(frozenset(environment))
        try:
            relation = self.pattern(group)
            alias, lookups = self.alias(), Lookups(self.alias)
            inside = self._environment(relation, alias, lookups)
            together = {**environment, **inside}
            conditions: list[SQL] = []
            for name, held in relation.held.items():
                if name in environment:
                    outer = environment[name]
                    inner = inside[name]
                    x, y = inner.id(), outer.id()
                    same = (
                        sql.equal(x, y) if x is not None and y is not None and held.term is None
                        else sql.equal(inner.n3(), outer.n3())
                    )  # fmt: skip
                    tests = [same]
                    if not held.sure:
                        tests.append(sql.missing(sql.column(alias, f"v_{name}")))
                    if not outer.sure:
                        tests.append(sql.missing(y.copy() if y is not None else outer.n3()))
                    conditions.append(sql.either(tests))
            conditions += [compile_expression(part, together, self).truth() for part in filters]
        finally:
            self._outside.pop()
        found = lookups.onto(exp.select("1").from_(sql.derived(relation.query, alias)))
        return exp.Exists(this=found.where(sql.both(conditions)) if conditions else found)


_NAMES = {
    "Graph": "GRAPH",
    "ServiceGraphPattern": "SERVICE",
    "Slice": "LIMIT or OFFSET",
    "OrderBy": "ORDER BY",
}
_MENDS = {
    "Graph": "Rules read the union of all graphs.",
    "ServiceGraphPattern": "Load the remote data as a source instead.",
    "Slice": "A rule gives all its answers; use MIN, MAX or FILTER NOT EXISTS for the first.",
    "OrderBy": "Findings have an order of their own.",
}


def _every(alias: str) -> SQL:
    return exp.Column(this=exp.Star(), table=exp.to_identifier(alias, quoted=True))


def _flattened(alias: str) -> SQL:
    empty = exp.cast(exp.Array(expressions=[]), "BIGINT[]")
    every = sql.call("flatten", sql.call("list", sql.column(alias, "l")))
    return sql.call("coalesce", sql.call("list_distinct", every), empty)


def _in_order(triples: Any) -> list[tuple[Any, Any, Any]]:
    return sorted(triples, key=lambda triple: tuple(str(term) for term in triple))


def _is_select(node: CompValue) -> bool:
    return node.name in ("Project", "Distinct", "Reduced")


def _parts(node: Any) -> Iterator[CompValue]:
    if isinstance(node, CompValue):
        yield node
        for value in node.values():
            yield from _parts(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _parts(value)


def _names(node: Any) -> set[str]:
    """The variables that occur anywhere in a part of a query."""
    if isinstance(node, Variable):
        return {str(node)}
    if isinstance(node, CompValue):
        return {name for key, value in node.items() if key != "_vars" for name in _names(value)}
    if isinstance(node, (list, tuple, set, frozenset)):
        return {name for value in node for name in _names(value)}
    return set()
