"""SPARQL 1.1 property paths (§9) as SQL over the predicate tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from rdflib import URIRef
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, SequencePath
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL


class Tables(Protocol):
    """What a path needs of the compilation that it is part of."""

    lineage: bool

    @property
    def by_graph(self) -> bool:
        """Whether triples have their graph in `g`, and a path stays within one."""

    def graphs_table(self, alias: str) -> exp.Subquery:
        """The named graphs, in `g`."""

    def alias(self) -> str:
        """A fresh name for a table."""

    def predicate_table(self, iri: str, alias: str) -> exp.Table | exp.Subquery:
        """The table of one predicate."""

    def every_table(self, alias: str) -> exp.Table | exp.Subquery:
        """All triples, with the predicate in `p`."""

    def nodes_table(self, alias: str) -> exp.Table | exp.Subquery:
        """Whatever is subject or object of a triple, in `n`."""

    def constant_key(self, n3: str) -> SQL:
        """The integer of a term."""


@dataclass(frozen=True)
class Ends:
    """What is known of the ends of a path: which pairs can matter.

    `terms` are those that the query writes at one end or both; else `nodes` is a query of one
    column for all that one of the ends can be, where something else in the pattern says so. These
    are few where `side` is the end ("s" or "o") that they are known of: ways then begin there.
    """

    terms: tuple[SQL, ...] = ()
    nodes: exp.Query | None = None
    side: str | None = None

    def turned(self) -> Ends:
        """The same for the path against the arrow."""
        return replace(self, side={"s": "o", "o": "s", None: None}[self.side])


_ANY = Ends()


def compile_path(path: Any, tables: Tables, ends: Ends = _ANY) -> exp.Select:
    """Pairs (s, o) that a path joins, with `c` and, for lineage, `l`.

    A closure (`+`, `*`) gives each pair once for each certainty. Pairs that the `ends` cannot have
    may be left out. Raises Refusal.
    """
    if isinstance(path, URIRef):
        alias = tables.alias()
        return _edge(tables.predicate_table(str(path), alias), alias, tables)
    if isinstance(path, InvPath):
        alias = tables.alias()
        inner = compile_path(path.arg, tables, ends.turned())
        return _select(
            alias, sql.column(alias, "o"), sql.column(alias, "s"), tables,
            sql.column(alias, "c"), sql.column(alias, "l"),
        ).from_(sql.derived(inner, alias))  # fmt: skip
    if isinstance(path, SequencePath):
        result = compile_path(path.args[0], tables)
        for step in path.args[1:]:
            result = _step(result, compile_path(step, tables), tables)
        return result
    if isinstance(path, AlternativePath):
        alias = tables.alias()
        branches = sql.together([compile_path(branch, tables, ends) for branch in path.args])
        return _all(alias, tables).from_(sql.derived(branches, alias))
    if isinstance(path, MulPath):
        return _repeated(path, tables, ends)
    if isinstance(path, NegatedPath):
        return _negated(path, tables)
    raise Refusal(f"the path {path}")


def _edge(table: exp.Table | exp.Subquery, alias: str, tables: Tables) -> exp.Select:
    lineage = exp.Array(expressions=[sql.column(alias, "t")])
    return _select(
        alias,
        sql.column(alias, "s"),
        sql.column(alias, "o"),
        tables,
        sql.column(alias, "c"),
        lineage,
    ).from_(table)


def _all(alias: str, tables: Tables) -> exp.Select:
    return _select(
        alias, sql.column(alias, "s"), sql.column(alias, "o"), tables,
        sql.column(alias, "c"), sql.column(alias, "l"),
    )  # fmt: skip


def _select(alias: str, s: SQL, o: SQL, tables: Tables, c: SQL, lineage: SQL) -> exp.Select:
    columns = [sql.named(s, "s"), sql.named(o, "o"), sql.named(c, "c")]
    if tables.lineage:
        columns.append(sql.named(lineage, "l"))
    if tables.by_graph:
        columns.append(sql.named(sql.column(alias, "g"), "g"))
    return exp.select(*columns)


def _meet(one: str, other: str, tables: Tables) -> SQL:
    """The end of one edge is the start of another, in the same graph."""
    meeting: list[SQL] = [sql.equal(sql.column(one, "o"), sql.column(other, "s"))]
    if tables.by_graph:
        meeting.append(sql.equal(sql.column(one, "g"), sql.column(other, "g")))
    return sql.both(meeting) if len(meeting) > 1 else meeting[0]


def _step(first: exp.Select, then: exp.Select, tables: Tables) -> exp.Select:
    a, b = tables.alias(), tables.alias()
    return (
        _select(
            a, sql.column(a, "s"), sql.column(b, "o"), tables,
            sql.call("greatest", sql.column(a, "c"), sql.column(b, "c")),
            sql.call("list_concat", sql.column(a, "l"), sql.column(b, "l")),
        )
        .from_(sql.derived(first, a))
        .join(sql.derived(then, b), on=_meet(a, b, tables))
    )  # fmt: skip


def _repeated(path: MulPath, tables: Tables, ends: Ends) -> exp.Select:
    edges = compile_path(path.path, tables)
    if path.mod == "?":
        result: exp.Query = edges
    else:
        result = _closure(edges, tables, ends)
    if path.zero:
        result = sql.together([result, _itself(tables, ends)])
    alias = tables.alias()
    pairs = _all(alias, tables).from_(sql.derived(result, alias))
    if tables.lineage:
        return pairs
    # the pairs of a closure are a set (§9.3): keep the most certain way
    keys = [sql.column(alias, name) for name in ("s", "o", *("g" if tables.by_graph else ""))]
    named = [sql.named(key, key.name) for key in keys]
    named.insert(2, sql.named(sql.call("min", sql.column(alias, "c")), "c"))
    return exp.select(*named).from_(sql.derived(result, alias)).group_by(*keys)


def _closure(edges: exp.Select, tables: Tables, ends: Ends) -> exp.Select:
    reach, step = tables.alias(), tables.alias()
    start = tables.alias()
    base = _all(start, tables).from_(sql.derived(edges, start))
    if ends.side:
        end = sql.column(start, ends.side)
        known: dict[str, Any] = (
            {"query": exp.Subquery(this=ends.nodes.copy())}
            if ends.nodes is not None
            else {"expressions": [ends.terms[0].copy()]}
        )
        base = base.where(exp.In(this=end, **known))
    first, then = (step, reach) if ends.side == "o" else (reach, step)
    grown = (
        _select(
            reach, sql.column(first, "s"), sql.column(then, "o"), tables,
            sql.call("greatest", sql.column(first, "c"), sql.column(then, "c")),
            sql.call("list_concat", sql.column(first, "l"), sql.column(then, "l")),
        )
        .from_(sql.table(reach, reach))
        .join(
            sql.derived(edges.copy(), step),
            on=_meet(first, then, tables),
        )
    )  # fmt: skip
    if tables.lineage:  # a way that comes back to where it was proves nothing more
        again = sql.call("list_has_any", sql.column(reach, "l"), sql.column(step, "l"))
        grown = grown.where(exp.Not(this=again))
    recursive = exp.union(base, grown, distinct=True)
    outer = tables.alias()
    query = _all(outer, tables).from_(sql.table(reach, outer))
    return query.with_(sql.identifier(reach), as_=recursive, recursive=True)


def _itself(tables: Tables, ends: Ends) -> exp.Query:
    """Every node of the data, and each term at an end, paired with itself (the path of no length).

    With a term at an end no other can be, and with `ends.nodes` none but these.
    """
    node = tables.alias()
    columns = [sql.named(exp.cast(sql.number(0), "TINYINT"), "c")]
    if tables.lineage:
        columns.append(sql.named(exp.cast(exp.Array(expressions=[]), "BIGINT[]"), "l"))
    if tables.by_graph:
        columns.append(sql.named(sql.column(node, "g"), "g"))

    def pair(same: SQL) -> exp.Select:
        both = [sql.named(same.copy(), name) for name in ("s", "o")]
        return exp.select(*both, *(column.copy() for column in columns))

    if not ends.terms:
        source = (
            tables.nodes_table(node) if ends.nodes is None else sql.derived(ends.nodes.copy(), node)
        )
        return pair(sql.column(node, "n")).from_(source)
    pairs = [pair(exp.cast(term.copy(), "BIGINT")) for term in ends.terms]
    if tables.by_graph:
        pairs = [one.from_(tables.graphs_table(node)) for one in pairs]
    return sql.together(pairs)


def _negated(path: NegatedPath, tables: Tables) -> exp.Select:
    """Edges of any other predicate; those against the arrow where an inverse is denied (§9.3)."""
    args = path.args if isinstance(path.args, (list, tuple)) else [path.args]
    along = [arg for arg in args if isinstance(arg, URIRef)]
    against = [arg.arg for arg in args if isinstance(arg, InvPath)]

    def edges(denied: list[Any]) -> exp.Select:
        alias = tables.alias()
        found = _edge(tables.every_table(alias), alias, tables)
        keys = [tables.constant_key(f"<{arg}>") for arg in denied]
        if not keys:
            return found
        return found.where(exp.Not(this=exp.In(this=sql.column(alias, "p"), expressions=keys)))

    if not against:
        return edges(along)
    inner, alias = tables.alias(), tables.alias()
    turned = _select(
        inner, sql.column(inner, "o"), sql.column(inner, "s"), tables,
        sql.column(inner, "c"), sql.column(inner, "l"),
    ).from_(sql.derived(edges(against), inner))  # fmt: skip
    if not along:
        return turned
    both = sql.together([edges(along), turned])
    return _all(alias, tables).from_(sql.derived(both, alias))
