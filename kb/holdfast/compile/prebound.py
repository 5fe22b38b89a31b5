"""SPARQL within shapes (SHACL-SPARQL §5.3, SHACL-AF §4): variables that have a value beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from rdflib import Literal, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from sqlglot import exp

from holdfast.columns.names import column_of, quoted
from holdfast.compile import sql
from holdfast.compile.expressions import compile_expression
from holdfast.compile.patterns import Compilation, Held, Relation, Source
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL
from holdfast.compile.values import Lookups, Nothing, Truth, Value, Written, n3_of
from holdfast.queries import EXISTS, TRIPLE_TERM, in_scope, names_in, read_query
from holdfast.shapes import RDF, SPARQL_FUNCTIONS, Function
from holdfast.vocabulary import XSD

SHAPES_GRAPH = "urn:x-holdfast:shapes-graph"
"""The name by which queries reach the shapes graph."""

SHAPES_TABLE = "shapes graph: "
"""What stands before a predicate in the name of its table of the shapes graph."""


class PreboundQueries(Compilation):
    """The compiling of SPARQL where several variables have a value before it runs (§5.3.1).

    Whatever is counted, sorted or cut off is so for each of their values apart. Inside GRAPH
    $shapesGraph the tables are those of the shapes graph. `function` finds the functions that the
    shapes graph declares, `named` gives a query a name.
    """

    def __init__(
        self,
        find: Callable[[str, int], Function | None],
        named: Callable[[str], str],
        moment: datetime,
    ) -> None:
        super().__init__()
        self.find = find
        self.named = named
        self.moment = moment
        self.bound: Callable[[], Relation] | None = None
        self.names: frozenset[str] = frozenset()
        self.in_shapes = False
        self.lasting = True
        self.node = ""
        self._calling: list[str] = []
        self._made = 0

    def run(self, pattern: CompValue, bound: Callable[[], Relation]) -> Relation:
        """The solutions of a pattern that agree with what is bound."""
        before = self.bound, self.names, self._outside
        self.bound, self.names, self._outside = bound, frozenset(bound().held), []
        try:
            return self.join(bound(), self.pattern(pattern))
        finally:
            self.bound, self.names, self._outside = before

    def _with_focus(self, relation: Relation, expression: Any) -> Relation:
        if self.bound is None or self._outside:
            return relation
        if (names_in(expression) & self.names) - set(relation.held):
            return self.join(self.bound(), relation)
        return relation

    def allow(self, name: str) -> None:
        return

    def apart(self, relation: Relation) -> list[str]:
        return [name for name in relation.held if name in self.names]

    def _project(self, node: CompValue) -> Relation:
        given = [*node.PV, *(Variable(n) for n in sorted(self.names) if Variable(n) not in node.PV)]
        return super()._project(CompValue("Project", p=node.p, PV=given))

    def _slice(self, node: CompValue) -> Relation:
        relation = self.pattern(node.p)
        names = self.apart(relation)
        apart = [relation.columns[name] for name in names]
        order = relation.order or [relation.columns[n] for n in relation.held if n not in names]
        query = relation.query(lineage=False)
        number = exp.Window(
            this=sql.call("row_number"),
            partition_by=[column.copy() for column in apart],
            order=exp.Order(expressions=[part.copy() for part in order]) if order else None,
        )
        query.append("expressions", sql.named(number, "v_#place"))
        found = self.of_query(query, relation.held)
        place = sql.column(found.sources[0].table.alias, "v_#place")
        start = node.start or 0
        found.where = [exp.GT(this=place, expression=sql.number(start))]
        if node.length is not None:
            last = sql.number(start + node.length)
            found.where.append(exp.LTE(this=place.copy(), expression=last))
        found.order = [place.copy()]
        return found

    def _aggregatejoin(self, node: CompValue) -> Relation:
        """Aggregates; without GROUP BY there is a solution for each of the values, also where the
        pattern has none (SPARQL 1.1 §18.5)."""
        relation = super()._aggregatejoin(node)
        apart = self.apart(relation)
        if node.p.expr or not apart or self.bound is None or self._outside:
            return relation
        one = self.bound()
        conditions, columns, held = self._compatible(one, relation, optional=True)
        none: dict[str, tuple[SQL, Held]] = {
            "Aggregate_Count": (sql.number(0), Held("integer")),
            "Aggregate_Sum": (sql.text(n3_of(Literal(0))), Held("n3", sure=False)),
            "Aggregate_Avg": (sql.text(n3_of(Literal(0))), Held("n3", sure=False)),
            "Aggregate_GroupConcat": (sql.text(""), Held("text", sure=False)),
        }
        for aggregate in node.A:
            if aggregate.name in none:
                name, (default, how) = str(aggregate.res), none[aggregate.name]
                column = columns[name]
                absent = sql.missing(relation.certainties[0].copy())
                columns[name] = sql.cases((absent, default), otherwise=column)
                held[name] = how
        source = relation.sources[0]
        return self.closed(
            Relation(
                held=held, columns=columns, where=one.where,
                sources=[*one.sources, Source(source.table, "LEFT", sql.both(conditions))],
            )
        )  # fmt: skip

    def changing(self, function: str) -> str:
        self.lasting = False
        return self.moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def pattern(self, node: CompValue) -> Relation:
        if node.name == "Ready":
            relation: Relation = node.relation
            return relation
        if node.name in ("Filter", "Extend"):
            node = self._called_first(node)
        return super().pattern(node)

    # -- functions (SHACL-AF §4) -----------------------------------------------------------------

    def _called_first(self, node: CompValue) -> CompValue:
        """A FILTER or BIND whose blank nodes are named by the solution, and whose functions that
        ask the data have been called: their results are variables."""
        relation: Relation | None = None

        def prepare(part: Any) -> Any:
            nonlocal relation
            if isinstance(part, list):
                return [prepare(inner) for inner in part]
            if not isinstance(part, CompValue) or part.name in EXISTS:
                return part
            if part.name == "Builtin_BNODE" and part.arg is None:
                self._made += 1
                known = sorted({*in_scope(node.p), *self.names})
                told = [Literal(f"{self.node} {self._made}"), *map(Variable, known)]
                return CompValue("Function", iri=URIRef(_NEW_NODE), expr=told)
            made = CompValue(part.name, **{key: prepare(value) for key, value in part.items()})
            if made.name != "Function" or str(made.iri).startswith((XSD, *SPARQL_FUNCTIONS)):
                return made
            function = self._function(str(made.iri), _arguments(made))
            if function is None or _plain_of(function) is not None:
                return made
            if relation is None:
                relation = self._with_focus(self.pattern(node.p), node.expr)
            name = f"call {self.alias()}"
            relation = self._called(relation, function, _arguments(made), name)
            return Variable(name)

        expression = prepare(node.expr)
        inner = node.p if relation is None else CompValue("Ready", relation=relation)
        parts = {**dict(node.items()), "p": inner, "expr": expression}
        return CompValue(node.name, **parts)

    def _function(self, iri: str, arguments: Sequence[Any]) -> Function | None:
        function = self.find(iri, len(arguments))
        if function is not None and len(arguments) > len(function.parameters):
            raise Refusal(
                f"a call of <{iri}> with {len(arguments)} arguments",
                f"It has {len(function.parameters)} parameters.",
            )
        return function

    def function(self, iri: str, arguments: list[Any], value: Callable[[Any], Value]) -> Value:
        """A function whose query has no pattern, put in the place of its call."""
        if iri == _NEW_NODE:
            told = [
                part for argument in arguments for part in (value(argument).n3(), sql.text(" "))
            ]
            named = sql.call("md5", sql.call("concat", *told))
            return Written(exp.DPipe(this=sql.text("_:"), expression=named))
        if iri == TRIPLE_TERM and len(arguments) == 3:
            texts = [value(argument).n3() for argument in arguments]
            made: SQL = sql.text("<<( ")
            for text in texts:
                made = exp.DPipe(this=made, expression=exp.paren(text))
                made = exp.DPipe(this=made, expression=sql.text(" "))
            return Written(exp.DPipe(this=made, expression=sql.text(")>>")))
        function = self._function(iri, arguments)
        if function is None:
            raise Refusal(f"the function <{iri}>", "Declare it as a sh:SPARQLFunction.")
        steps = _plain_of(function)
        if steps is None:
            raise Refusal(
                f"a call of <{iri}>, which asks the data, in this place",
                "Call it in a BIND, and use the variable.",
            )
        given = [value(argument) for argument in arguments]
        missing = []
        for place, (_, optional) in enumerate(function.parameters):
            if place < len(given) and not optional and not given[place].sure:
                missing.append(sql.missing(given[place].n3()))
            if place >= len(given) and not optional:
                return Nothing()
        names = [name for name, _ in function.parameters]
        environment: dict[str, Value] = dict(zip(names, given, strict=False))
        with self._in(iri):
            found: Value = Nothing()
            for name, expression in steps:
                found = compile_expression(expression, environment, self)
                if name is None:
                    test = sql.call("coalesce", found.truth(), exp.false())
                    return Truth(sql.cases((sql.either(missing), exp.null()), otherwise=test))
                environment[name] = found
        if not missing:
            return found
        return Written(
            sql.cases((sql.either(missing), exp.cast(exp.null(), "VARCHAR")), otherwise=found.n3())
        )

    @contextmanager
    def _in(self, iri: str) -> Iterator[None]:
        if iri in self._calling:
            raise Refusal(f"the function <{iri}>, which calls itself", "Break the circle.")
        self._calling.append(iri)
        try:
            yield
        finally:
            self._calling.pop()

    def _called(
        self, relation: Relation, function: Function, arguments: list[Any], name: str
    ) -> Relation:
        """A relation with the result of a function as one more variable."""
        relation = replace(relation, sources=[*relation.sources], where=[*relation.where])
        if not relation.sources:
            relation = self.closed(relation)
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        given = [name for name, _ in function.parameters[: len(arguments)]]
        columns: dict[str, SQL] = {
            f"argument {parameter}": compile_expression(argument, environment, self).n3()
            for parameter, argument in zip(given, arguments, strict=True)
        }
        self._look_up(relation, lookups)
        held = {key: Held("n3", sure=False) for key in columns}
        wider = replace(
            relation, held={**relation.held, **held}, columns={**relation.columns, **columns}
        )
        table = self.named(wider.query(lineage=False).sql(dialect="duckdb"))
        listed = (
            ", ".join(f"{column_of(f'argument {p}')} AS {quoted(p)}" for p in given) or "1 AS one"
        )
        tests = [
            f"{column_of(f'argument {parameter}')} IS NOT NULL"
            for parameter, optional in function.parameters
            if parameter in given and not optional
        ]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        source = self.named(f"SELECT DISTINCT {listed} FROM {table}{where}")
        results = self.results_of(function, source, dict.fromkeys(given, Held("n3", sure=False)))
        alias, other = self.alias(), self.alias()
        same = [
            exp.NullSafeEQ(
                this=sql.column(alias, f"v_argument {p}"), expression=sql.column(other, p)
            )
            for p in given
        ]
        return Relation(
            held={**relation.held, name: Held("n3", sure=False)},
            columns={
                **{key: sql.column(alias, f"v_{key}") for key in relation.held},
                name: sql.column(other, "result"),
            },
            sources=[
                Source(sql.table(table, alias)),
                Source(sql.table(results, other), "LEFT", sql.both(same)),
            ],
            certainties=[sql.column(alias, "c")],
        )

    def results_of(self, function: Function, source: str, given: Mapping[str, Held]) -> str:
        """The name of what a function gives, as `result`, for rows of arguments."""
        if any(
            name not in given and not optional for name, optional in function.parameters
        ):  # a call without one that it must have (SHACL-AF §4.1)
            front = "".join(f"{quoted(name)}, " for name in given)
            return self.named(f"SELECT {front}NULL::VARCHAR AS result FROM {source} WHERE false")

        def bound() -> Relation:
            alias = self.alias()
            return Relation(
                held=dict(given),
                columns={name: sql.column(alias, name) for name in given},
                sources=[Source(sql.table(source, alias))] if given else [],
            )

        query = function.query
        with self._in(str(function.node)):
            algebra = read_query(query.text, dict(query.prefixes))
            relation = self.run(algebra.p.p if query.form == "ask" else algebra.p, bound)
        columns: list[SQL] = [sql.named(relation.columns[name], name) for name in given]
        listed = "".join(f"{quoted(name)}, " for name in given)
        if query.form == "ask":
            found = self.named(relation.over(columns or [sql.number(1)]).sql(dialect="duckdb"))
            same = (
                " AND ".join(f"f.{quoted(n)} IS NOT DISTINCT FROM s.{quoted(n)}" for n in given)
                or "true"
            )
            return self.named(
                f"SELECT {listed}'\"' || EXISTS (SELECT 1 FROM {found} f WHERE {same}) ||"
                f" '\"^^<{XSD}boolean>' AS result FROM {source} s"
            )
        wanted = str(algebra.PV[0])
        if wanted not in relation.held:
            return self.named(f"SELECT {listed}NULL::VARCHAR AS result FROM {source} WHERE false")
        if relation.order:
            relation = self.numbered(relation)
            columns = [sql.named(relation.columns[name], name) for name in given]
        text = self.written(relation.held[wanted], relation.columns[wanted])
        columns.append(sql.named(text, "result"))
        columns.append(sql.named(relation.order[0] if relation.order else text.copy(), "place"))
        found = self.named(relation.over(columns).sql(dialect="duckdb"))
        return self.named(
            f"SELECT {listed}arg_min(result, place) AS result FROM {found} GROUP BY ALL"
            if given
            else f"SELECT arg_min(result, place) AS result FROM {found}"
        )

    def _graph(self, node: CompValue) -> Relation:
        if str(node.term) not in ("shapesGraph", SHAPES_GRAPH):
            raise Refusal("GRAPH", "Only GRAPH $shapesGraph is known in shapes.")
        before, self.in_shapes = self.in_shapes, True
        try:
            return self.pattern(node.p)
        finally:
            self.in_shapes = before

    def predicate_table(self, iri: str, alias: str) -> exp.Table | exp.Subquery:
        return super().predicate_table(SHAPES_TABLE + iri if self.in_shapes else iri, alias)

    def every_table(self, alias: str) -> exp.Table | exp.Subquery:
        if not self.in_shapes:
            return super().every_table(alias)
        self.read.add(SHAPES_TABLE)
        return sql.table(SHAPES_TABLE + "*", alias)


_NEW_NODE = "urn:x-holdfast:new-node"


def _arguments(call: CompValue) -> list[Any]:
    found = call.expr
    if isinstance(found, list):
        return list(found)
    return [] if found is None or found == URIRef(f"{RDF}nil") else [found]


def _plain_of(function: Function) -> list[tuple[str | None, Any]] | None:
    """What a function works out without asking the data: variables with their expressions, the
    last of them the result; without a name where it is whether an expression is true."""
    query = function.query
    pattern = read_query(query.text, dict(query.prefixes)).p
    ask = query.form == "ask"
    if pattern.name != "Project":
        return None
    wanted = None if ask else str(pattern.PV[0])
    inner = pattern.p
    steps: list[tuple[str | None, Any]] = []
    if ask:
        if inner.name != "Filter":
            return None
        steps.append((None, inner.expr))
        inner = inner.p
    while inner.name == "Extend":
        steps.append((str(inner.var), inner.expr))
        inner = inner.p
    if inner.name != "BGP" or inner.triples or any(_asks(step) for _, step in steps):
        return None
    steps.reverse()
    return steps if steps and steps[-1][0] == wanted else None


def _asks(node: Any) -> bool:
    """Whether an expression asks the data by itself, or may."""
    if isinstance(node, list):
        return any(_asks(part) for part in node)
    if not isinstance(node, CompValue):
        return False
    if node.name == "Function":
        if not str(node.iri).startswith((XSD, *SPARQL_FUNCTIONS)):
            return True
    elif node.name in EXISTS or node.name == "Builtin_BNODE":
        return True
    return any(_asks(part) for part in node.values())
