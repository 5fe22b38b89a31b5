"""Shapes (W3C SHACL) as SQL: all focus nodes of a shape at once.

The focus nodes are a table F(this); a path makes value nodes V(this, value) of them, each once; a
constraint gives the rows of V that violate it. Whether a node conforms to an inner shape is worked
out the same way, with the value nodes as focus nodes, and joined back. So a shape with all the
shapes that it rests on is a fixed list of statements, whatever the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rdflib import Literal, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.columns.store import quoted
from holdfast.columns.terms import INTEGER, NUMBERS
from holdfast.compile import sql
from holdfast.compile.expressions import known_to_re2
from holdfast.compile.paths import compile_path
from holdfast.compile.patterns import Held, Relation, Source
from holdfast.compile.plan import Plan, Refusal
from holdfast.compile.prebound import SHAPES_GRAPH, PreboundQueries
from holdfast.compile.values import MOMENTS, Known, Lookups, Number, Value, less_than, n3_of
from holdfast.lexical import bounds_of, form_of
from holdfast.queries import names_in, read_query
from holdfast.shapes import (
    NODE_KINDS,
    Constraint,
    Expression,
    Function,
    Path,
    Query,
    Shape,
    Shapes,
    Target,
)  # fmt: skip
from holdfast.vocabulary import RDF_TYPE, RDFS, XSD


@dataclass(frozen=True)
class ShapePlan:
    """A statement for some constraints of one shape, over the focus nodes in the table `focus`.

    The statement for core constraints gives (k, this, value, path, extra), `k` being the place in
    the constraints that it is for. That of a query gives its variables as `v_` columns, each an
    'id' or 'n3' text as `plan.columns` says, in the order of `names`. `regexes` are tables of the
    terms that match a regular expression which RE2 does not know. `stages` are tables to be made
    first, each with a query whose `n3` are terms that the dictionary must learn. With `lasting` the
    plan depends on nothing but the shapes graph.
    """

    plan: Plan
    names: tuple[str, ...] = ()
    regexes: tuple[tuple[str, str], ...] = ()
    stages: tuple[tuple[str, str], ...] = ()
    lasting: bool = True

    def over(self, query: str) -> ShapePlan:
        """The same with a query around its own."""
        return replace(self, plan=replace(self.plan, sql=query))


FOCUS = "focus_nodes_4f1d"
"""The table of focus nodes in a plan, in the place of which whoever runs it puts its own."""


def compile_constraints(shapes: Shapes, shape: Shape, focus: str = FOCUS) -> list[ShapePlan]:
    """The statements that find what violates a shape's own constraints, sh:property apart.

    The first is for those without a query, if there are any; then there is one for each query.
    Raises Refusal.
    """
    core, queries = constraints_of(shape)
    found = []
    if core:
        statement = _Statement(shapes)
        values = statement.values(shape, focus)
        branches = [
            f"SELECT {place} AS k, this, value, path, extra FROM ("
            f"{statement.violations(constraint, shape, focus, values)})"
            for place, constraint in enumerate(core)
        ]
        found.append(statement.shape_plan(" UNION ALL ".join(branches)))
    for constraint in queries:
        statement = _Statement(shapes)
        query, names, kinds = statement.solutions_of(constraint, shape, focus)
        found.append(statement.shape_plan(query, names, kinds))
    return found


def constraints_of(shape: Shape) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
    """The constraints of a shape without a query and those with one."""
    core = tuple(c for c in shape.constraints if c.query is None)
    return core, tuple(c for c in shape.constraints if c.query is not None)


def compile_values(shapes: Shapes, shape: Shape, focus: str = FOCUS) -> ShapePlan:
    """The value nodes (this, value) of a shape. Raises Refusal."""
    statement = _Statement(shapes)
    return statement.shape_plan(f"SELECT this, value FROM {statement.values(shape, focus)}")


def compile_default(shapes: Shapes, shape: Shape, focus: str = FOCUS) -> ShapePlan:
    """The default values (this, value) of a property shape where it has no others."""
    statement = _Statement(shapes)
    default = shapes.default(shape.node)
    source = statement.cte(f"SELECT DISTINCT this, this AS value FROM {focus}")
    if default is None:
        return statement.shape_plan(f"SELECT * FROM {source} WHERE false")
    given = statement.expression(default, source)
    values = statement.values(shape, focus)
    return statement.shape_plan(
        f"SELECT e.this, e.value FROM {given} e ANTI JOIN {values} v USING (this)"
    )


def compile_targets(shapes: Shapes, shape: Shape) -> ShapePlan:
    """The focus nodes (this) of a shape, each once (SHACL §2.1.3). Raises Refusal."""
    statement = _Statement(shapes)
    branches = [statement.target(target) for target in shape.targets]
    union = " UNION ".join(branches) or "SELECT NULL::BIGINT AS this WHERE false"
    return statement.shape_plan(f"SELECT DISTINCT this FROM ({union})")


def compile_conforming(shapes: Shapes, nodes: Sequence[Identifier], focus: str) -> ShapePlan:
    """Those of the focus nodes that conform to all these shapes. Raises Refusal."""
    statement = _Statement(shapes)
    query = f"SELECT this, 1 AS n FROM {focus}"
    for node in nodes:
        query += f" ANTI JOIN {statement.failing(node, focus)} USING (this)"
    return statement.shape_plan(query)


def compile_construct(
    shapes: Shapes, query: Query, focus: str | None, bound: Mapping[str, Identifier]
) -> ShapePlan:
    """The solutions of a rule's CONSTRUCT; without `focus` those of a rule which no shape has.

    `bound` are parameters that have a value. Raises Refusal.
    """
    statement = _Statement(shapes)
    algebra = read_query(query.text, dict(query.prefixes))
    held = {} if focus is None else {"this": Held("id")}
    relation = statement.solve(query, algebra.p, statement.prebound(focus, held, bound))
    text, names, kinds = statement.columns_of(relation)
    return statement.shape_plan(text, names, kinds)


def compile_expressions(
    shapes: Shapes, expressions: Sequence[Expression], focus: str | None
) -> ShapePlan:
    """All combinations (this, e0, e1 …) of what some expressions give. Raises Refusal."""
    statement = _Statement(shapes)
    every = f"SELECT this, this AS value FROM {focus}"
    source = statement.cte(every if focus else "SELECT 0::BIGINT AS this, NULL::BIGINT AS value")
    query = f"SELECT f.this{''.join(f', e{i}.value AS e{i}' for i in range(len(expressions)))}"
    query += f" FROM {source} f"
    for i, expression in enumerate(expressions):
        query += f" JOIN {statement.expression(expression, source)} e{i} ON e{i}.this = f.this"
    return statement.shape_plan(f"SELECT DISTINCT * FROM ({query})")


# -- statements ------------------------------------------------------------------------------------


@dataclass
class _Statement:
    """One SQL statement in the making: the queries that it names, from the first to the last."""

    shapes: Shapes
    named: list[tuple[str, str]] = field(default_factory=list)
    regexes: dict[str, str] = field(default_factory=dict)
    stages: list[tuple[str, str]] = field(default_factory=list)
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.compilation = PreboundQueries(self.shapes.function, self.cte, self.shapes.moment)

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
        """The statement that ends in a query, with the queries that it names."""
        listed: list[str] = []
        wanted = set(_NAMED.findall(query))
        for name, text in reversed(self.named):
            if name in wanted:
                inner = set(_NAMED.findall(text))
                wanted |= inner
                once = "" if name in inner else "MATERIALIZED "
                listed.append(f"{name} AS {once}({text})")
        return f"WITH RECURSIVE {', '.join(reversed(listed))} {query}" if listed else query

    def staged(self, query: str) -> str:
        """The name of a table to be made first, whose `n3` are terms that may be new."""
        name = f'"made {len(self.stages)}"'
        self.stages.append((name, self.whole(query)))
        return name

    def shape_plan(
        self, query: str, names: tuple[str, ...] = (), kinds: tuple[tuple[str, str], ...] = ()
    ) -> ShapePlan:
        """The plan of the finished statement."""
        compilation, text = self.compilation, self.whole(query)
        used = set(re.findall(r"\$(k\d+)", text + "".join(stage for _, stage in self.stages)))
        plan = Plan(
            sql=text,
            columns=kinds,
            constants={key: n3 for key, n3 in compilation.constants.items() if key in used},
            tables=frozenset(compilation.read),
            any_predicate=compilation.any_predicate,
        )
        return ShapePlan(
            plan, names, tuple(self.regexes.items()), tuple(self.stages), compilation.lasting
        )

    def solve(self, query: Query, pattern: CompValue, bound: Callable[[], Relation]) -> Relation:
        """The solutions of a query's pattern where some variables have a value."""
        self.compilation.node = self.shapes.label(query.node)
        return self.compilation.run(pattern, bound)

    def key(self, term: Identifier) -> str:
        """The integer of a term."""
        return self.compilation.constant_key(n3_of(term)).sql(dialect="duckdb")

    def table(self, iri: str) -> str:
        """The table of a predicate."""
        self.compilation.read.add(iri)
        return quoted(iri)

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
            algebra = read_query(target.query.text, dict(target.query.prefixes))
            relation = self.solve(target.query, algebra.p, self.prebound(None, {}, constants))
            text, names, kinds = self.columns_of(relation)
            if "this" not in names:
                raise Refusal("a target that does not give ?this", "Let its SELECT give ?this.")
            return self.as_ids(self.cte(text), kinds, "this", "this")
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
        for derived in shape.derived:
            reached += f" UNION ALL SELECT this, value FROM {self.expression(derived, start)}"
        key = ("at", shape.path, focus, shape.derived)
        return self.cte(f"SELECT DISTINCT this, value FROM ({reached})", key)

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
        self, source: str | None, names: Mapping[str, Held], constants: Mapping[str, Identifier]
    ) -> Callable[[], Relation]:
        """What has a value before a query runs: columns of a table, and constants."""

        def relation() -> Relation:
            compilation = self.compilation
            held: dict[str, Held] = dict(names)
            columns: dict[str, sql.SQL] = {}
            sources: list[Source] = []
            if source is not None:
                alias = compilation.alias()
                sources = [Source(sql.table(source, alias))]
                columns = {name: sql.column(alias, name) for name in names}
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
                column = Number(column, INTEGER).n3()
            elif held.kind == "text":
                column = sql.call("quoted", column)
            kinds.append((name, "id" if held.kind == "id" else "n3"))
            columns.append(sql.named(column, f"v_{name}"))
        whole = relation.over(columns or [sql.named(sql.number(1), "one")])
        return whole.sql(dialect="duckdb"), tuple(relation.held), tuple(kinds)

    def as_ids(self, query: str, kinds: Sequence[tuple[str, str]], name: str, column: str) -> str:
        """One variable of solutions as integers of terms, `this` with it if it is another."""
        this = ", ".join(dict.fromkeys(['x."v_this" AS this'] if column != "this" else []))
        front = f"{this}, " if this else ""
        if dict(kinds)[name] == "id":
            return f'SELECT {front}x."v_{name}" AS {column} FROM {query} x'
        made = self.staged(f'SELECT {front}x."v_{name}" AS n3 FROM {query} x')
        front = "m.this, " if this else ""
        return f"SELECT {front}t.id AS {column} FROM {made} m JOIN terms t USING (n3)"

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
            bound = self.prebound(focus, {"this": Held("id")}, constants)
            relation = self.solve(query, algebra.p, bound)
            given = {str(name) for name in algebra.PV} | {"this"}
            keep = [name for name in relation.held if name in given]
            relation.held = {name: relation.held[name] for name in keep}
            return self.columns_of(relation)
        values = self.values(shape, focus)
        bound = self.prebound(values, {"this": Held("id"), "value": Held("id")}, constants)
        relation = self.solve(query, algebra.p.p, bound)  # an ASK projects nothing
        relation.held = {name: relation.held[name] for name in ("this", "value")}
        found = self.cte(self.columns_of(relation)[0])
        rows = (
            f"SELECT v.this AS v_this, v.value AS v_value FROM {values} v"
            f" ANTI JOIN {found} a ON a.v_this = v.this AND a.v_value = v.value"
        )
        return rows, ("this", "value"), (("this", "id"), ("value", "id"))

    # -- node expressions (SHACL-AF §5) ----------------------------------------------------------

    def expression(self, node: Expression, source: str) -> str:
        """The name of what a node expression gives for the focus nodes of `source`: rows (this,
        value, place), each value once; `place` is NULL where they are in no order."""
        return self.cte(
            f"SELECT this, value, min(place) AS place FROM ({self._expression(node, source)})"
            " GROUP BY this, value"
        )

    def _expression(self, node: Expression, source: str) -> str:
        kind = node.kind
        if kind == "this":
            return f"SELECT this, value, {_NOWHERE} FROM {source} WHERE value IS NOT NULL"
        if kind == "constant":
            assert node.term is not None
            return f"SELECT this, {self.key(node.term)}::BIGINT AS value, {_NOWHERE} FROM {source}"
        if kind in ("select", "ask"):
            return self._asked(node, source)
        if kind == "instances":
            assert node.term is not None
            members = self.members(node.term)
            return f"SELECT f.this, m.s AS value, {_NOWHERE} FROM {source} f CROSS JOIN {members} m"
        parts = [
            self.expression(part, source)
            for part in (node.parts[:1] if kind in ("flatMap", "orderBy") else node.parts)
        ]
        if kind == "path":
            assert node.path is not None
            return f"SELECT this, value, {_NOWHERE} FROM ({self.image(node.path, parts[0])})"
        if kind == "filter":
            assert node.term is not None
            failing = self.failing(node.term, self.focus_of(parts[0]))
            return f"SELECT e.* FROM {parts[0]} e ANTI JOIN {failing} b ON b.this = e.value"
        if kind == "union":
            branches = [f"SELECT this, value, {_NOWHERE} FROM {part}" for part in parts]
            return " UNION ALL ".join(branches) or self._none(source)
        if kind == "list":
            branches = [
                f"SELECT this, value, {place}::BIGINT AS place FROM {part}"
                for place, part in enumerate(parts)
            ]
            return " UNION ALL ".join(branches) or self._none(source)
        if kind in ("intersection", "minus"):
            word = "SEMI" if kind == "intersection" else "ANTI"
            joins = " ".join(f"{word} JOIN {part} USING (this, value)" for part in parts[1:])
            return f"SELECT * FROM {parts[0]} {joins}"
        if kind == "distinct":
            return f"SELECT * FROM {parts[0]}"
        if kind == "exists":
            yes, no = self.key(_boolean(True)), self.key(_boolean(False))
            return (
                f"SELECT f.this, CASE WHEN e.this IS NULL THEN {no} ELSE {yes} END::BIGINT"
                f" AS value, {_NOWHERE} FROM {source} f"
                f" LEFT JOIN (SELECT DISTINCT this FROM {parts[0]}) e USING (this)"
            )
        if kind == "if":
            true = f"(SELECT this FROM {parts[0]} WHERE value = {self.key(_boolean(True))})"
            return (
                f"SELECT e.* FROM {parts[1]} e SEMI JOIN {true} t USING (this) UNION ALL"
                f" SELECT e.* FROM {parts[2]} e ANTI JOIN {true} t USING (this)"
            )
        if kind == "flatMap":
            inner = self.expression(node.parts[1], self._each(parts[0]))
            return (
                f"SELECT e.this, i.value, {_NOWHERE} FROM {parts[0]} e"
                f" JOIN {inner} i ON i.this = e.value"
            )
        if kind == "orderBy":
            by = self.expression(node.parts[1], self._each(parts[0]))
            order = ", ".join(
                f"{key} {'DESC NULLS LAST' if node.descending else 'ASC NULLS FIRST'}"
                for key in _ORDER
            )
            return (
                "SELECT e.this, e.value, row_number() OVER"
                f" (PARTITION BY e.this ORDER BY {order}, v.n3) AS place FROM {parts[0]} e"
                f" LEFT JOIN {by} b ON b.this = e.value LEFT JOIN terms t ON t.id = b.value"
                " JOIN terms v ON v.id = e.value"
            )
        if kind in ("limit", "offset"):
            sign = "<=" if kind == "limit" else ">"
            return (
                "SELECT e.this, e.value, e.place FROM"
                f" {parts[0]} e JOIN terms t ON t.id = e.value QUALIFY row_number() OVER"
                f" (PARTITION BY e.this ORDER BY e.place NULLS LAST, t.n3) {sign} {node.term}"
            )
        if kind in ("min", "max"):
            turn = "DESC NULLS LAST" if kind == "max" else "ASC NULLS FIRST"
            order = ", ".join(f"{key} {turn}" for key in _ORDER)
            return (
                f"SELECT e.this, e.value, {_NOWHERE} FROM {parts[0]} e"
                " JOIN terms t ON t.id = e.value"
                f" QUALIFY row_number() OVER (PARTITION BY e.this ORDER BY {order}, t.n3) = 1"
            )
        if kind == "count":
            return self._learnt(
                f"SELECT f.this, '\"' || count(e.value) || '\"^^<{XSD}integer>' AS n3"
                f" FROM {source} f LEFT JOIN {parts[0]} e USING (this) GROUP BY f.this"
            )
        if kind == "sum":
            zero = f"'\"0\"^^<{XSD}integer>'"
            return self._learnt(
                f"SELECT f.this, CASE WHEN s.v_this IS NULL THEN {zero} ELSE s.v_sum END AS n3"
                f" FROM {source} f LEFT JOIN {self._summed(parts[0])} s ON s.v_this = f.this"
            )
        assert kind == "function"
        assert node.function is not None
        return self._function(node.function, parts, source)

    def _summed(self, nodes: str) -> str:
        """The sum (v_this, v_sum) of the values of each node, as SPARQL adds."""
        alias = self.compilation.alias()
        names = ("this", "value")
        ready = Relation(
            held={name: Held("id") for name in names},
            columns={name: sql.column(alias, name) for name in names},
            sources=[Source(sql.table(nodes, alias))],
        )
        adding = CompValue("Aggregate_Sum", vars=Variable("value"), res=Variable("sum"))
        group = CompValue("Group", p=CompValue("Ready", relation=ready), expr=[Variable("this")])
        relation = self.compilation.pattern(CompValue("AggregateJoin", A=[adding], p=group))
        return self.cte(self.columns_of(relation)[0])

    def _none(self, source: str) -> str:
        return f"SELECT this, value, {_NOWHERE} FROM {source} WHERE false"

    def _each(self, nodes: str) -> str:
        """Nodes as focus nodes of an expression."""
        return self.cte(f"SELECT DISTINCT value AS this, value FROM {nodes}", ("each", nodes))

    def _learnt(self, query: str) -> str:
        """What a query gives as text (this, n3), as terms."""
        made = self.staged(query)
        return f"SELECT m.this, t.id AS value, {_NOWHERE} FROM {made} m JOIN terms t USING (n3)"

    def _asked(self, node: Expression, source: str) -> str:
        """What a query gives for $this; for ASK, whether it has a solution."""
        assert node.query is not None
        algebra = read_query(node.query.text, dict(node.query.prefixes))
        focus = self.cte(f"SELECT DISTINCT value AS this FROM {source}", ("asked", source))
        ask = node.kind == "ask"
        bound = self.prebound(focus, {"this": Held("id")}, {"shapesGraph": URIRef(SHAPES_GRAPH)})
        relation = self.solve(node.query, algebra.p.p if ask else algebra.p, bound)
        text, _, kinds = self.columns_of(relation)
        if ask:
            yes, no = self.key(_boolean(True)), self.key(_boolean(False))
            found = self.cte(f"SELECT DISTINCT v_this AS this FROM ({text})")
            return (
                f"SELECT f.this, CASE WHEN e.this IS NULL THEN {no} ELSE {yes} END::BIGINT"
                f" AS value, {_NOWHERE} FROM {source} f LEFT JOIN {found} e ON e.this = f.value"
            )
        wanted = next((str(n) for n in algebra.PV if str(n) != "this"), "this")
        if wanted not in relation.held:
            return self._none(source)
        ids = self.cte(self.as_ids(self.cte(text), kinds, wanted, "value"))
        return (
            f"SELECT f.this, e.value, {_NOWHERE} FROM {source} f JOIN {ids} e ON e.this = f.value"
            " WHERE e.value IS NOT NULL"
        )

    def _function(self, function: Function, parts: Sequence[str], source: str) -> str:
        """A function of all combinations of what its arguments give (SHACL-AF §5.4)."""
        columns, joins = "f.this", ""
        given: dict[str, Held] = {}
        for part, (name, optional) in zip(parts, function.parameters, strict=False):
            columns += f', "e {name}".value AS "{name}"'
            joins += f'{" LEFT" if optional else ""} JOIN {part} "e {name}"'
            joins += f' ON "e {name}".this = f.this'
            given[name] = Held("id", sure=not optional)
        rows = self.cte(f"SELECT {columns} FROM {source} f{joins}")
        listed = ", ".join(f'"{name}"' for name in given) or "1 AS one"
        distinct = self.cte(f"SELECT DISTINCT {listed} FROM {rows}")
        results = self.compilation.results_of(function, distinct, given)
        same = " AND ".join(f'a."{n}" IS NOT DISTINCT FROM r."{n}"' for n in given) or "true"
        return self._learnt(
            f"SELECT a.this, r.result AS n3 FROM {rows} a JOIN {results} r ON {same}"
        )


_NAMED = re.compile(r"\bq\d+\b")
_NOWHERE = "NULL::BIGINT AS place"
_ORDER = (
    "CASE WHEN t.id IS NULL THEN 0 WHEN t.cls = 1 THEN 1 WHEN t.cls = 0 THEN 2"
    f" WHEN t.cls IN ({', '.join(map(str, NUMBERS))}) THEN 3 ELSE 4 + t.cls END",
    "t.num",
    "t.moment",
    "t.lex",
)
"""What terms are ordered by (SPARQL 1.1 §15.1)."""


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
    if form := form_of(datatype):
        fit += f" AND regexp_full_match(lex, {sql.text(form).sql(dialect='duckdb')})"
    if bounds := bounds_of(datatype):
        fit += f" AND TRY_CAST(lex AS HUGEINT) BETWEEN {bounds[0]} AND {bounds[1]}"
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
    if known_to_re2(c.text):
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
