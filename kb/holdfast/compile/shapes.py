"""Shapes (W3C SHACL) as SQL: all focus nodes of a shape at once.

The focus nodes are a table F(this); a path makes value nodes V(this, value) of them, each once; a
constraint gives the rows of V that violate it. Whether a node conforms to an inner shape is worked
out the same way, with the value nodes as focus nodes, and joined back. So a shape with all the
shapes that it rests on is a fixed list of statements, whatever the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from rdflib import Literal, URIRef
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.paths import compile_path
from holdfast.compile.patterns import Compilation, Held, Relation, Source
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.values import (
    INTEGER,
    MOMENTS,
    Known,
    Lookups,
    Value,
    less_than,
    n3_of,
)  # fmt: skip
from holdfast.queries import names_in, read_query
from holdfast.shapes import (
    NODE_KINDS,
    Constraint,
    Expression,
    Path,
    Query,
    Shape,
    Shapes,
    Target,
)  # fmt: skip
from holdfast.vocabulary import RDF_TYPE, RDFS, XSD

SHAPES_GRAPH = "urn:x-holdfast:shapes-graph"
"""The name by which queries reach the shapes graph."""

SHAPES_TABLE = "shapes graph: "
"""What stands before a predicate in the name of its table of the shapes graph."""


@dataclass(frozen=True)
class ShapePlan:
    """A statement for some constraints of one shape, over the focus nodes in the table `focus`.

    The statement for core constraints gives (k, this, value, path, extra), `k` being the place in
    `constraints`. That of a query gives its variables as `v_` columns, each an 'id' or 'n3' text as
    `plan.columns` says, in the order of `names`. `regexes` are tables of the terms that match a
    regular expression which RE2 does not know.
    """

    plan: Plan
    constraints: tuple[Constraint, ...]
    names: tuple[str, ...] = ()
    regexes: tuple[tuple[str, str], ...] = ()


def compile_constraints(shapes: Shapes, shape: Shape, focus: str) -> list[ShapePlan]:
    """The statements that find what violates a shape's own constraints, sh:property apart.

    Raises Refusal.
    """
    core = tuple(c for c in shape.constraints if c.query is None)
    found = []
    if core:
        statement = _Statement(shapes)
        values = statement.values(shape, focus)
        branches = [
            f"SELECT {place} AS k, this, value, path, extra FROM ("
            f"{statement.violations(constraint, shape, focus, values)})"
            for place, constraint in enumerate(core)
        ]
        query = statement.whole(" UNION ALL ".join(branches))
        found.append(ShapePlan(statement.plan(query), core, (), tuple(statement.regexes.items())))
    for constraint in shape.constraints:
        if constraint.query is not None:
            statement = _Statement(shapes)
            query, names, kinds = statement.solutions_of(constraint, shape, focus)
            plan = statement.plan(statement.whole(query), kinds)
            found.append(ShapePlan(plan, (constraint,), names, tuple(statement.regexes.items())))
    return found


def compile_values(shapes: Shapes, shape: Shape, focus: str) -> ShapePlan:
    """The value nodes (this, value) of a shape. Raises Refusal."""
    statement = _Statement(shapes)
    values = statement.values(shape, focus)
    query = statement.whole(f"SELECT this, value FROM {values}")
    return ShapePlan(statement.plan(query), ())


def compile_targets(shapes: Shapes, shape: Shape) -> ShapePlan:
    """The focus nodes (this) of a shape, each once (SHACL §2.1.3). Raises Refusal."""
    statement = _Statement(shapes)
    branches = [statement.target(target) for target in shape.targets]
    union = " UNION ".join(branches) or "SELECT NULL::BIGINT AS this WHERE false"
    return ShapePlan(statement.plan(statement.whole(f"SELECT DISTINCT this FROM ({union})")), ())


def compile_conforming(shapes: Shapes, nodes: Sequence[Identifier], focus: str) -> ShapePlan:
    """Those of the focus nodes that conform to all these shapes. Raises Refusal."""
    statement = _Statement(shapes)
    query = f"SELECT this FROM {focus}"
    for node in nodes:
        query += f" ANTI JOIN {statement.failing(node, focus)} USING (this)"
    whole = statement.whole(query)
    return ShapePlan(statement.plan(whole), (), (), tuple(statement.regexes.items()))


def compile_construct(
    shapes: Shapes, query: Query, focus: str
) -> tuple[ShapePlan, tuple[tuple[Any, Any, Any], ...]]:
    """The solutions of a rule's CONSTRUCT, and its template. Raises Refusal."""
    statement = _Statement(shapes)
    algebra = read_query(query.text, dict(query.prefixes))
    bound = statement.prebound(focus, (), {})
    relation = statement.compilation.run(algebra.p, bound)
    text, names, kinds = statement.columns_of(relation)
    plan = statement.plan(statement.whole(text), kinds)
    return ShapePlan(plan, (), names), tuple(algebra.template)


def compile_expressions(shapes: Shapes, expressions: Sequence[Expression], focus: str) -> ShapePlan:
    """All combinations (this, e0, e1 …) of what some expressions give. Raises Refusal."""
    statement = _Statement(shapes)
    source = statement.cte(f"SELECT this, this AS value FROM {focus}")
    query = f"SELECT f.this{''.join(f', e{i}.value AS e{i}' for i in range(len(expressions)))}"
    query += f" FROM {focus} f"
    for i, expression in enumerate(expressions):
        query += f" JOIN {statement.expression(expression, source)} e{i} ON e{i}.this = f.this"
    whole = statement.whole(f"SELECT DISTINCT * FROM ({query})")
    return ShapePlan(statement.plan(whole), (), (), tuple(statement.regexes.items()))


# -- queries within shapes -----------------------------------------------------------------------


class _Queries(Compilation):
    """The compiling of SPARQL where several variables have a value before it runs (§5.3.1).

    Inside GRAPH $shapesGraph the tables are those of the shapes graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bound: Callable[[], Relation] | None = None
        self.names: frozenset[str] = frozenset()
        self.in_shapes = False

    def run(self, pattern: CompValue, bound: Callable[[], Relation]) -> Relation:
        """The solutions of a pattern that agree with what is bound."""
        self.bound, self.names = bound, frozenset(bound().held)
        relation = self.join(bound(), self.pattern(pattern))
        self.bound, self.names = None, frozenset()
        return relation

    def _with_focus(self, relation: Relation, expression: Any) -> Relation:
        if self.bound is None or self._outside:
            return relation
        if (names_in(expression) & self.names) - set(relation.held):
            return self.join(self.bound(), relation)
        return relation

    def _graph(self, node: CompValue) -> Relation:
        if str(node.term) not in ("shapesGraph", SHAPES_GRAPH):
            compile_graph = getattr(super(), "_graph", None)
            if compile_graph is None:
                raise Refusal("GRAPH", "Only GRAPH $shapesGraph is known in shapes.")
            relation: Relation = compile_graph(node)
            return relation
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


@dataclass
class _Statement:
    """One SQL statement in the making: the queries that it names, from the first to the last."""

    shapes: Shapes
    compilation: _Queries = field(default_factory=_Queries)
    named: list[tuple[str, str]] = field(default_factory=list)
    regexes: dict[str, str] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    # -- the statement ---------------------------------------------------------------------------

    def cte(self, query: str, key: tuple[Any, ...] | None = None) -> str:
        """The name of a query, the same for the same key."""
        if key is not None and key in self._known:
            return self._known[key]
        name = f"q{len(self.named)}"
        self.named.append((name, query))
        if key is not None:
            self._known[key] = name
        return name

    def whole(self, query: str) -> str:
        """The statement that ends in a query."""
        if not self.named:
            return query
        listed = ", ".join(
            f"{name} AS {'' if f' {name} ' in text else 'MATERIALIZED '}({text})"
            for name, text in self.named
        )
        return f"WITH RECURSIVE {listed} {query}"

    def plan(self, query: str, kinds: tuple[tuple[str, str], ...] = ()) -> Plan:
        """The plan of the finished statement."""
        used = set(re.findall(r"\$(k\d+)", query))
        constants = self.compilation.constants
        return Plan(
            sql=query,
            columns=kinds,
            constants={key: n3 for key, n3 in constants.items() if key in used},
            tables=frozenset(self.compilation.read),
            any_predicate=self.compilation.any_predicate,
        )

    def key(self, term: Identifier) -> str:
        """The integer of a term."""
        return self.compilation.constant_key(n3_of(term)).sql(dialect="duckdb")

    def table(self, iri: str) -> str:
        """The table of a predicate."""
        self.compilation.read.add(iri)
        return '"' + iri.replace('"', '""') + '"'

    # -- nodes -----------------------------------------------------------------------------------

    def target(self, target: Target) -> str:
        """The focus nodes of one target."""
        if target.kind == "node":
            return f"SELECT {self.key(target.term)}::BIGINT AS this"
        if target.kind == "class":
            return f"SELECT s AS this FROM {self.members(target.term)}"
        if target.kind == "sparql":
            assert target.query is not None
            constants = {
                **dict(target.bound),
                "shapesGraph": URIRef(SHAPES_GRAPH),
            }
            bound = self.prebound(None, (), constants)
            algebra = read_query(target.query.text, dict(target.query.prefixes))
            relation = self.compilation.run(algebra.p, bound)
            text, names, kinds = self.columns_of(relation)
            if "this" not in names:
                raise Refusal("a target that does not give ?this", "Let its SELECT give ?this.")
            return self.as_ids(self.cte(text), names, kinds, ("this",))
        end = "s" if target.kind == "subjectsOf" else "o"
        return f"SELECT {end} AS this FROM {self.table(str(target.term))}"

    def members(self, cls: Identifier) -> str:
        """The SHACL instances (s) of a class: of it, or of a class below it in the data."""
        below = self.cte(
            f"SELECT {self.key(cls)}::BIGINT AS class UNION SELECT s FROM"
            f" {self.table(RDFS + 'subClassOf')} JOIN q{len(self.named)} ON o = class",
            ("below", cls),
        )
        return self.cte(
            f"SELECT DISTINCT s FROM {self.table(RDF_TYPE)} SEMI JOIN {below} ON class = o",
            ("members", cls),
        )

    def values(self, shape: Shape, focus: str) -> str:
        """The name of the value nodes (this, value) of a shape."""
        start = self.cte(f"SELECT DISTINCT this, this AS value FROM {focus}", ("focus", focus))
        if shape.path is None:
            return start
        reached = self.image(shape.path, start)
        return self.cte(f"SELECT DISTINCT this, value FROM ({reached})", ("at", shape.path, focus))

    def image(self, path: Path, source: str, *, back: bool = False) -> str:
        """Where a path leads to from the values of (this, value)."""
        if path.kind == "predicate":
            near, far = ("o", "s") if back else ("s", "o")
            return (
                f"SELECT i.this, p.{far} AS value FROM {source} i"
                f" JOIN {self.table(path.iri)} p ON p.{near} = i.value"
            )
        if path.kind == "inverse":
            return self.image(path.parts[0], source, back=not back)
        if path.kind == "sequence":
            steps = path.parts[::-1] if back else path.parts
            for step in steps[:-1]:
                reached = self.image(step, source, back=back)
                source = self.cte(f"SELECT DISTINCT this, value FROM ({reached})")
            return self.image(steps[-1], source, back=back)
        if path.kind == "alternative":
            return " UNION ALL ".join(self.image(part, source, back=back) for part in path.parts)
        inner = path.parts[0]
        if path.kind == "zeroOrOne":
            once = self.image(inner, source, back=back)
            return f"SELECT this, value FROM {source} UNION ALL {once}"
        reached = source
        if path.kind == "oneOrMore":
            reached = self.cte(self.image(inner, source, back=back))
        while inner.kind in ("zeroOrMore", "oneOrMore", "zeroOrOne"):
            inner = inner.parts[0]  # (p+)* is p*
        if inner.kind == "predicate":
            edges = self.table(inner.iri)
        else:
            pairs = compile_path(inner.algebra(), self.compilation).sql(dialect="duckdb")
            edges = self.cte(f"SELECT DISTINCT s, o FROM ({pairs})")
        near, far = ("o", "s") if back else ("s", "o")
        name = f"q{len(self.named)}"
        closure = self.cte(
            f"SELECT this, value FROM {reached} UNION SELECT r.this, e.{far} FROM {name} r"
            f" JOIN {edges} e ON e.{near} = r.value"
        )
        return f"SELECT this, value FROM {closure}"

    def looked_up(self, values: str) -> str:
        """The value nodes with what the dictionary says of them."""
        return self.cte(
            "SELECT v.this, v.value, t.n3, t.cls, t.lex, t.lang, t.dt"
            f" FROM {values} v JOIN terms t ON t.id = v.value",
            ("terms", values),
        )

    # -- conformance -----------------------------------------------------------------------------

    def failing(self, node: Identifier, focus: str) -> str:
        """The name of those focus nodes (this) that do not conform to a shape."""
        if ("failing", node, focus) in self._known:
            return self._known["failing", node, focus]
        shape = self.shapes.shape(node)
        parts = []
        if not shape.deactivated:
            values = self.values(shape, focus)
            for constraint in shape.constraints:
                parts.append(
                    f"SELECT this FROM ({self.violations(constraint, shape, focus, values)})"
                )
            for inner in shape.properties:
                failing = self.failing(inner, self.focus_of(values))
                parts.append(
                    f"SELECT v.this FROM {values} v SEMI JOIN {failing} b ON b.this = v.value"
                )
        union = " UNION ALL ".join(parts) or "SELECT NULL::BIGINT AS this WHERE false"
        return self.cte(f"SELECT DISTINCT this FROM ({union})", ("failing", node, focus))

    def focus_of(self, values: str) -> str:
        """The value nodes as focus nodes of an inner shape."""
        return self.cte(f"SELECT DISTINCT value AS this FROM {values}", ("as focus", values))

    def violations(self, constraint: Constraint, shape: Shape, focus: str, values: str) -> str:
        """What violates a constraint: rows (this, value, path, extra)."""
        if constraint.query is not None:
            query, _, _ = self.solutions_of(constraint, shape, focus)
            return (
                "SELECT DISTINCT v_this AS this, NULL::BIGINT AS value, NULL::BIGINT AS path,"
                f" NULL AS extra FROM ({query})"
            )
        return _VIOLATIONS[constraint.kind](self, constraint, focus, values)

    # -- expressions and queries -----------------------------------------------------------------

    def comparison(
        self, one: str, other: str | Identifier, compare: Callable[[Value, Value], exp.Expr]
    ) -> tuple[str, str]:
        """A condition on values, and the joins that it needs: columns, or one and a constant."""
        lookups = Lookups(self.compilation.alias, {})

        def known(column: str) -> Known:
            value = Known(sql.column(*column.split(".")), lookups)
            value.sure = True
            return value

        left = known(one)
        right: Value
        right = self.compilation.constant(other) if isinstance(other, Identifier) else known(other)
        condition = compare(left, right).sql(dialect="duckdb")
        joins = "".join(
            f' JOIN terms "{alias}" ON "{alias}".id = {column.sql(dialect="duckdb")}'
            for alias, column, _ in lookups.fresh()
        )
        return condition, joins

    def prebound(
        self, source: str | None, names: Sequence[str], constants: dict[str, Identifier]
    ) -> Callable[[], Relation]:
        """What has a value before a query runs: columns of a table, and constants."""

        def relation() -> Relation:
            compilation = self.compilation
            held: dict[str, Held] = {}
            columns: dict[str, sql.SQL] = {}
            sources: list[Source] = []
            if source is not None:
                alias = compilation.alias()
                sources = [Source(sql.table(source, alias))]
                for name in ("this", *names):
                    held[name] = Held("id")
                    columns[name] = sql.column(alias, name)
            if constants:
                alias = compilation.alias()
                made: list[sql.SQL] = []
                for name, term in constants.items():
                    held[name] = Held(
                        "id",
                        node=not isinstance(term, Literal),
                        term=term if isinstance(term, Literal) else None,
                    )
                    columns[name] = sql.column(alias, f"v_{name}")
                    key = compilation.constant_key(n3_of(term))
                    made.append(sql.named(exp.cast(key, "BIGINT"), f"v_{name}"))
                sources.append(Source(sql.derived(exp.Select(expressions=made), alias)))
            return Relation(held=held, columns=columns, sources=sources)

        return relation

    def columns_of(
        self, relation: Relation
    ) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
        """A relation as a query of `v_` columns, with their names and kinds."""
        columns: list[sql.SQL] = []
        kinds: list[tuple[str, str]] = []
        for name, held in relation.held.items():
            column = relation.columns[name]
            if held.kind == "integer":
                column = sql.call("number_n3", column, sql.number(INTEGER))
            elif held.kind == "text":
                column = sql.call("quoted", column)
            kinds.append((name, "id" if held.kind == "id" else "n3"))
            columns.append(sql.named(column, f"v_{name}"))
        text = relation.over(columns).sql(dialect="duckdb")
        return text, tuple(relation.held), tuple(kinds)

    def as_ids(
        self,
        query: str,
        names: Sequence[str],
        kinds: Sequence[tuple[str, str]],
        wanted: Sequence[str],
    ) -> str:
        """Some columns of solutions as integers of terms; what is no known term is left out."""
        columns, joins = [], ""
        for name in wanted:
            if dict(kinds)[name] == "id":
                columns.append(f'x."v_{name}" AS "{name}"')
            else:
                joins += f' JOIN terms "t_{name}" ON "t_{name}".n3 = x."v_{name}"'
                columns.append(f'"t_{name}".id AS "{name}"')
        return f"SELECT {', '.join(columns)} FROM {query} x{joins}"

    def solutions_of(
        self, constraint: Constraint, shape: Shape, focus: str
    ) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
        """What a query of a shape finds at fault (SHACL-SPARQL §5.3.2, §6.3)."""
        query = constraint.query
        assert query is not None
        constants: dict[str, Identifier] = {
            **dict(constraint.bound),
            "currentShape": shape.node,
            "shapesGraph": URIRef(SHAPES_GRAPH),
        }
        text = query.text
        if "$PATH" in text:
            if shape.path is None:
                raise Refusal("$PATH in a node shape", "Use it in property shapes only.")
            path = shape.path.sparql()
            text = re.sub(r"\$PATH\b", lambda _: path, text)
        algebra = read_query(text, dict(query.prefixes))
        used = names_in(algebra.p)
        constants = {name: term for name, term in constants.items() if name in used}
        if query.form == "select":
            bound = self.prebound(focus, (), constants)
            relation = self.compilation.run(algebra.p, bound)
            given = {str(name) for name in algebra.PV} | {"this"}
            keep = [name for name in relation.held if name in given]
            relation.held = {name: relation.held[name] for name in keep}
            return self.columns_of(relation)
        values = self.values(shape, focus)
        bound = self.prebound(values, ("value",), constants)
        relation = self.compilation.run(algebra.p.p, bound)  # an ASK projects nothing
        relation.held = {name: relation.held[name] for name in ("this", "value")}
        found = self.cte(self.columns_of(relation)[0])
        rows = (
            f"SELECT v.this AS v_this, v.value AS v_value FROM {values} v"
            f" ANTI JOIN {found} a ON a.v_this = v.this AND a.v_value = v.value"
        )
        return rows, ("this", "value"), (("this", "id"), ("value", "id"))

    def expression(self, node: Expression, source: str) -> str:
        """The name of what a node expression gives (this, value) for the values of `source`."""
        return self.cte(f"SELECT DISTINCT this, value FROM ({self._expression(node, source)})")

    def _expression(self, node: Expression, source: str) -> str:
        parts = [self.expression(part, source) for part in node.parts[:1]]
        rest = node.parts[1:]
        if node.kind == "this":
            return f"SELECT this, value FROM {source}"
        if node.kind == "constant":
            assert node.term is not None
            return f"SELECT this, {self.key(node.term)}::BIGINT AS value FROM {source}"
        if node.kind == "path":
            assert node.path is not None
            return self.image(node.path, parts[0])
        if node.kind == "filter":
            assert node.term is not None
            failing = self.failing(node.term, self.focus_of(parts[0]))
            return (
                f"SELECT e.this, e.value FROM {parts[0]} e"
                f" ANTI JOIN {failing} b ON b.this = e.value"
            )
        if node.kind in ("union", "intersection", "minus"):
            word = {"union": "UNION", "intersection": "INTERSECT", "minus": "EXCEPT"}[node.kind]
            every = [*parts, *(self.expression(part, source) for part in rest)]
            if not every:
                return f"SELECT this, value FROM {source} WHERE false"
            return f" {word} ".join(f"SELECT this, value FROM {part}" for part in every)
        if node.kind == "distinct":
            return f"SELECT this, value FROM {parts[0]}"
        if node.kind == "exists":
            yes, no = self.key(_boolean(True)), self.key(_boolean(False))
            return (
                f"SELECT f.this, CASE WHEN e.this IS NULL THEN {no}::BIGINT ELSE {yes} END AS value"
                f" FROM {source} f LEFT JOIN (SELECT DISTINCT this FROM {parts[0]}) e USING (this)"
            )
        if node.kind == "if":
            yes = self.key(_boolean(True))
            then, other = (self.expression(part, source) for part in rest)
            true = self.cte(f"SELECT this FROM {parts[0]} WHERE value = {yes}")
            return (
                f"SELECT e.this, e.value FROM {then} e SEMI JOIN {true} t USING (this) UNION ALL"
                f" SELECT e.this, e.value FROM {other} e ANTI JOIN {true} t USING (this)"
            )
        raise Refusal(f"the node expression sh:{node.kind}", "Use a rule with sh:construct.")


def _boolean(value: bool) -> Literal:
    return Literal("true" if value else "false", datatype=URIRef(XSD + "boolean"))


# -- the components of SHACL Core (§4) -------------------------------------------------------------

Violations = Callable[[_Statement, Constraint, str, str], str]


def _rows(query: str) -> str:
    return f"SELECT this, value, NULL::BIGINT AS path, NULL AS extra FROM ({query})"


def _nodes(query: str) -> str:
    """Rows for focus nodes at fault as a whole, with no value."""
    return f"SELECT this, NULL::BIGINT AS value, NULL::BIGINT AS path, NULL AS extra FROM ({query})"


def _class(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    return _rows(f"SELECT v.* FROM {values} v ANTI JOIN {s.members(c.value)} m ON m.s = v.value")


def _datatype(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    datatype = str(c.value)
    fit = f"dt = {sql.text(datatype).sql(dialect='duckdb')}"
    if form := well_formed(datatype):
        fit += f" AND {form}"
    terms = s.looked_up(values)
    return _rows(f"SELECT this, value FROM {terms} WHERE NOT coalesce({fit}, false)")


def _node_kind(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    kinds = NODE_KINDS[str(c.value).rsplit("#", 1)[-1]]
    terms = s.looked_up(values)
    listed = ", ".join(str(kind) for kind in kinds)
    return _rows(f"SELECT this, value FROM {terms} WHERE least(cls, 2) NOT IN ({listed})")


def _count(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    if c.kind == "minCount":
        if c.number == 0:
            return _nodes(f"SELECT this FROM {focus} WHERE false")
        if c.number == 1:
            return _nodes(f"SELECT f.this FROM {focus} f ANTI JOIN {values} v USING (this)")
    return _nodes(_counted(values, focus, c))


def _counted(values: str, focus: str, c: Constraint) -> str:
    sign = "<" if "min" in c.kind or c.kind == "qualifiedMinCount" else ">"
    return (
        f"SELECT f.this FROM (SELECT DISTINCT this FROM {focus}) f"
        f" LEFT JOIN (SELECT this, count(*) AS n FROM {values} GROUP BY this) USING (this)"
        f" WHERE coalesce(n, 0) {sign} {c.number}"
    )


def _range(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    comparison = _COMPARISONS[c.kind]
    condition, joins = s.comparison("v.value", c.value, lambda a, b: _ordered(a, b, comparison))
    return _rows(
        f"SELECT v.this, v.value FROM {values} v{joins} WHERE NOT coalesce({condition}, false)"
    )


_COMPARISONS: dict[str, type[exp.Binary]] = {
    "minExclusive": exp.GT, "minInclusive": exp.GTE, "maxExclusive": exp.LT,
    "maxInclusive": exp.LTE, "lessThan": exp.LT, "lessThanOrEquals": exp.LTE,
}  # fmt: skip


def _ordered(one: Value, other: Value, comparison: type[exp.Binary]) -> exp.Expr:
    """SPARQL's comparison; of two moments of which one has no zone, only if 14 hours part them.

    Source: XML Schema 1.1 part 2, §3.3.7.1: else their order is not determined.
    """
    compared = less_than(one, other, comparison)
    if not (one.kinds & set(MOMENTS) and other.kinds & set(MOMENTS)):
        return compared
    zones = [
        sql.call("regexp_matches", side.lex(), sql.text("(Z|[+-][0-9][0-9]:[0-9][0-9])$"))
        for side in (one, other)
    ]
    seconds = [sql.call("epoch", side.moment()) for side in (one, other)]
    apart = sql.call("abs", exp.Sub(this=seconds[0], expression=seconds[1]))
    decided = sql.either(
        [
            sql.missing(seconds[0].copy()),
            sql.missing(seconds[1].copy()),
            sql.equal(*zones),
            exp.GT(this=apart, expression=sql.number(14 * 3600)),
        ]
    )
    return sql.cases((decided, compared))


def _length(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    sign = "<" if c.kind == "minLength" else ">"
    terms = s.looked_up(values)
    return _rows(f"SELECT this, value FROM {terms} WHERE cls = 1 OR length(lex) {sign} {c.number}")


def _pattern(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    pattern = sql.text(c.text).sql(dialect="duckdb")
    if _known_to_re2(c.text):
        terms = s.looked_up(values)
        return _rows(
            f"SELECT this, value FROM {terms} WHERE cls = 1 OR NOT regexp_matches(lex, {pattern})"
        )
    try:
        re.compile(c.text)
    except re.error as error:
        raise Refusal(
            f"the sh:pattern '{c.text}' ({error})", "Mend the regular expression."
        ) from None
    name = f"matching {len(s.regexes)}"
    s.regexes[name] = c.text
    return _rows(f'SELECT v.this, v.value FROM {values} v ANTI JOIN "{name}" m ON m.id = v.value')


def _known_to_re2(pattern: str) -> bool:
    try:
        duckdb.execute("SELECT regexp_matches('', ?)", [pattern])
    except duckdb.Error:
        return False
    return True


def _language_in(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    tests = ["false"]
    for term in c.values:
        tag = str(term).lower()
        text = sql.text(tag).sql(dialect="duckdb")
        if tag == "*":
            tests.append("lang <> ''")
        else:
            begins = sql.text(f"{tag}-").sql(dialect="duckdb")
            tests.append(f"lower(lang) = {text} OR starts_with(lower(lang), {begins})")
    terms = s.looked_up(values)
    return _rows(f"SELECT this, value FROM {terms} WHERE NOT coalesce({' OR '.join(tests)}, false)")


def _unique_lang(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    terms = s.looked_up(values)
    return (
        "SELECT this, NULL::BIGINT AS value, NULL::BIGINT AS path, lower(lang) AS extra"
        f" FROM {terms} WHERE lang <> '' GROUP BY this, lower(lang) HAVING count(*) > 1"
    )


def _others(s: _Statement, c: Constraint, focus: str) -> str:
    """What the other property of a pair leads to from the focus nodes."""
    table = s.table(str(c.value))
    return s.cte(
        f"SELECT DISTINCT f.this, p.o AS value FROM {focus} f JOIN {table} p ON p.s = f.this",
        ("other", focus, c.value),
    )


def _equals(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    other = _others(s, c, focus)
    both = "b ON b.this = a.this AND b.value = a.value"
    return _rows(
        f"SELECT a.this, a.value FROM {values} a ANTI JOIN {other} {both} UNION ALL"
        f" SELECT a.this, a.value FROM {other} a ANTI JOIN {values} {both}"
    )


def _disjoint(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    other = _others(s, c, focus)
    both = "b ON b.this = a.this AND b.value = a.value"
    return _rows(f"SELECT a.this, a.value FROM {values} a SEMI JOIN {other} {both}")


def _less_than(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    comparison = _COMPARISONS[c.kind]
    other = _others(s, c, focus)
    pairs = s.cte(
        f"SELECT v.this, v.value, w.value AS bound FROM {values} v JOIN {other} w USING (this)"
    )
    condition, joins = s.comparison(
        "pair.value", "pair.bound", lambda a, b: _ordered(a, b, comparison)
    )
    return _rows(
        f"SELECT pair.this, pair.value FROM {pairs} pair{joins}"
        f" WHERE NOT coalesce({condition}, false)"
    )


def _not(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    failing = s.failing(c.value, s.focus_of(values))
    return _rows(f"SELECT v.* FROM {values} v ANTI JOIN {failing} b ON b.this = v.value")


def _node(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    failing = s.failing(c.value, s.focus_of(values))
    return _rows(f"SELECT v.* FROM {values} v SEMI JOIN {failing} b ON b.this = v.value")


def _logic(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    inner = s.focus_of(values)
    failing = [s.failing(member, inner) for member in c.values]
    union = " UNION ALL ".join(f"SELECT this FROM {name}" for name in failing)
    union = union or "SELECT NULL::BIGINT AS this WHERE false"
    counts = f"SELECT this, count(*) AS n FROM ({union}) GROUP BY this"
    test = {
        "and": "coalesce(n, 0) > 0",
        "or": f"coalesce(n, 0) = {len(failing)}",
        "xone": f"{len(failing)} - coalesce(n, 0) <> 1",
    }[c.kind]
    return _rows(
        f"SELECT v.this, v.value FROM {values} v LEFT JOIN ({counts}) b ON b.this = v.value"
        f" WHERE {test}"
    )


def _qualified(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    inner = s.focus_of(values)
    query = (
        f"SELECT v.this, v.value FROM {values} v"
        f" ANTI JOIN {s.failing(c.value, inner)} b ON b.this = v.value"
    )
    for place, sibling in enumerate(c.values):
        name = f"s{place}"
        query += f" SEMI JOIN {s.failing(sibling, inner)} {name} ON {name}.this = v.value"
    return _nodes(_counted(s.cte(query), focus, c))


def _closed(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    s.compilation.any_predicate = True
    allowed = ", ".join(s.key(predicate) for predicate in c.values)
    test = f"WHERE q.p NOT IN ({allowed})" if allowed else ""
    return (
        "SELECT v.this, q.o AS value, q.p AS path, NULL AS extra"
        f' FROM {values} v JOIN "*" q ON q.s = v.value {test}'
    )


def _has_value(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.value is not None
    wanted = f"(SELECT this FROM {values} WHERE value = {s.key(c.value)})"
    return _nodes(f"SELECT DISTINCT f.this FROM {focus} f ANTI JOIN {wanted} v USING (this)")


def _in(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    listed = ", ".join(s.key(member) for member in c.values)
    test = f"value NOT IN ({listed})" if listed else "true"
    return _rows(f"SELECT this, value FROM {values} WHERE {test}")


def _expression(s: _Statement, c: Constraint, focus: str, values: str) -> str:
    assert c.expression is not None
    inner = s.focus_of(values)
    source = s.cte(f"SELECT this, this AS value FROM {inner}", ("self", inner))
    given = s.expression(c.expression, source)
    true = s.key(_boolean(True))
    fit = f"SELECT this FROM {given} GROUP BY this HAVING count(*) = 1 AND min(value) = {true}"
    return _rows(f"SELECT v.* FROM {values} v ANTI JOIN ({fit}) g ON g.this = v.value")


_VIOLATIONS: dict[str, Violations] = {
    "and": _logic, "or": _logic, "xone": _logic, "not": _not, "node": _node,
    "class": _class, "closed": _closed, "datatype": _datatype, "nodeKind": _node_kind,
    "minCount": _count, "maxCount": _count, "minLength": _length, "maxLength": _length,
    "minExclusive": _range, "minInclusive": _range, "maxExclusive": _range, "maxInclusive": _range,
    "pattern": _pattern, "languageIn": _language_in, "uniqueLang": _unique_lang,
    "equals": _equals, "disjoint": _disjoint, "lessThan": _less_than,
    "lessThanOrEquals": _less_than, "qualifiedMinCount": _qualified,
    "qualifiedMaxCount": _qualified, "hasValue": _has_value, "in": _in, "expression": _expression,
}  # fmt: skip


# -- well-formed literals (XML Schema 1.1, part 2) -----------------------------------------------

_ZONE = "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_YEAR = "-?([1-9][0-9]{3,}|0[0-9]{3})"
_MONTH = "(0[1-9]|1[0-2])"
_DAY = "(0[1-9]|[12][0-9]|3[01])"
_TIME = "(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?|24:00:00([.]0+)?)"
_WHOLE = "[+-]?[0-9]+"
_DECIMAL = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)"
_LETTER = r"\pL_\x{B7}"
_FORMS = {
    "boolean": "true|false|1|0",
    "decimal": _DECIMAL,
    "double": f"{_DECIMAL}([eE][+-]?[0-9]+)?|[+-]?INF|NaN",
    "float": f"{_DECIMAL}([eE][+-]?[0-9]+)?|[+-]?INF|NaN",
    "integer": _WHOLE,
    "nonNegativeInteger": r"\+?[0-9]+|-0+",
    "positiveInteger": r"\+?0*[1-9][0-9]*",
    "nonPositiveInteger": r"-[0-9]+|\+?0+",
    "negativeInteger": "-0*[1-9][0-9]*",
    "date": f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}",
    "dateTime": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}",
    "dateTimeStamp": f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE.removesuffix('?')}",
    "time": _TIME + _ZONE,
    "gYear": _YEAR + _ZONE,
    "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}",
    "gMonth": f"--{_MONTH}{_ZONE}",
    "gDay": f"---{_DAY}{_ZONE}",
    "gMonthDay": f"--((01|03|05|07|08|10|12)-{_DAY}|(04|06|09|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|[12][0-9])){_ZONE}",
    "duration": r"-?P([0-9]+Y)?([0-9]+M)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+([.][0-9]+)?S)?)?",
    "yearMonthDuration": r"-?P([0-9]+Y)?([0-9]+M)?",
    "dayTimeDuration": r"-?P([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+([.][0-9]+)?S)?)?",
    "hexBinary": "([0-9a-fA-F]{2})*",
    "base64Binary": r"((\s*[A-Za-z0-9+/]){4})*((\s*[A-Za-z0-9+/]){2}\s*=\s*=|(\s*[A-Za-z0-9+/]){3}"
    r"\s*=)?\s*",
    "language": "[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*",
    "normalizedString": r"[^\t\n\r]*",
    "token": r"([^\t\n\r ]+( [^\t\n\r ]+)*)?",
    "Name": rf"[{_LETTER}:][{_LETTER}0-9:.\-\pM\pN]*",
    "NCName": rf"[{_LETTER}][{_LETTER}0-9.\-\pM\pN]*",
    "ID": rf"[{_LETTER}][{_LETTER}0-9.\-\pM\pN]*",
    "IDREF": rf"[{_LETTER}][{_LETTER}0-9.\-\pM\pN]*",
    "ENTITY": rf"[{_LETTER}][{_LETTER}0-9.\-\pM\pN]*",
    "NMTOKEN": rf"[{_LETTER}0-9:.\-\pM\pN]+",
    "anyURI": r"[^\x00-\x20<>\"{{}}|\\^`]*",
}
_BOUNDS = {
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}


def well_formed(datatype: str) -> str:
    """A condition on `lex`, that it is in the lexical space of a datatype; '' where all texts are.

    Source: XML Schema 1.1 part 2, §3.3 and §3.4, without surrounding space (RDF 1.1 §5).
    """
    if not datatype.startswith(XSD):
        return ""
    name = datatype.removeprefix(XSD)
    if name in _BOUNDS:
        low, high = _BOUNDS[name]
        return (
            f"regexp_full_match(lex, '{_WHOLE}')"
            f" AND TRY_CAST(lex AS HUGEINT) BETWEEN {low} AND {high}"
        )
    if name not in _FORMS:
        return ""
    form = _FORMS[name].replace("{{}}", "{}").replace("'", "''")
    tests = [f"regexp_full_match(lex, '{form}')"]
    if name in ("date", "dateTime", "dateTimeStamp"):
        year = "TRY_CAST(right(regexp_extract(lex, '^-?([0-9]+)-', 1), 4) AS INTEGER)"
        tests.append("NOT regexp_matches(lex, '^-?[0-9]+-((04|06|09|11)-31|02-3[01])')")
        tests.append(
            f"(NOT regexp_matches(lex, '^-?[0-9]+-02-29') OR ({year} % 4 = 0 AND ({year} % 100 <> 0"
            " OR TRY_CAST(regexp_extract(lex, '^-?([0-9]+)-', 1) AS HUGEINT) % 400 = 0)))"
        )
    if name.endswith("uration"):
        tests.append("NOT regexp_matches(lex, '(P|T)$')")
    return " AND ".join(tests)
