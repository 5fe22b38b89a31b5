"""SPARQL 1.1 graph patterns (§18) as SQL, a whole dataset at a time.

A pattern becomes a query with a column `v_<name>` for each variable, `c` for the certainty of the
solution (that of its least certain triple) and, with lineage, `l`, the numbers of its triples.
Joins, filters and projections add to one SELECT as long as they can: DuckDB spends more time on
binding a nested query than on running it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import InvPath, NegatedPath, Path, SequencePath
from rdflib.plugins.sparql.algebra import translateGroupGraphPattern
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.columns.terms import BLANK, INTEGER, IRI, NUMBERS, STRING
from holdfast.compile import sql
from holdfast.compile.expressions import (
    Environment,
    compile_expression,
    taken_apart,
    unknown_function,
)
from holdfast.compile.paths import Ends, compile_path
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL
from holdfast.compile.values import (
    AMOUNT,
    MOMENTS,
    Amount,
    Constant,
    Known,
    Lookups,
    Nothing,
    Number,
    Text,
    Value,
    Written,
    n3_of,
)  # fmt: skip
from holdfast.queries import iris_in, members, names_in
from holdfast.vocabulary import RDF_TYPE


@dataclass(frozen=True)
class Held:
    """How one variable is held in a relation.

    `kind` is 'id' (the term's integer), 'n3' (its N-Triples text), 'integer' (a count), 'text' (a
    plain string) or, for what only the compiler names, 'amount' (a number, of which one value has
    several forms); `sure` where every solution binds it; `node` where it is never a literal;
    `number` where it is never anything else; `term` where it is always this one.
    """

    kind: str
    sure: bool = True
    node: bool = False
    number: bool = False
    term: Literal | None = None

    @property
    def type(self) -> str:
        """The SQL type of its column."""
        types = {"id": "BIGINT", "integer": "BIGINT", "amount": AMOUNT}
        return types.get(self.kind, "VARCHAR")


@dataclass(frozen=True)
class Dataset:
    """What a query asked by itself, and not as a rule, runs over (§13).

    `strict`: the default graph holds the triples that stand in no named graph, instead of all.
    `default` and `named` are the IRIs of FROM and FROM NAMED; None where the query has neither.
    """

    strict: bool = False
    default: tuple[str, ...] | None = None
    named: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Source:
    """One entry of a FROM clause; `how` is '' for a plain join, else LEFT or ANTI."""

    table: exp.Table | exp.Subquery | exp.Lateral
    how: str = ""
    on: SQL | None = None


@dataclass
class Relation:
    """A compiled pattern: a SELECT in parts, to which more can be joined.

    `columns` says how each variable of `held` is read from the sources; the certainty of a solution
    is the greatest of `certainties`, its triples are those of all `lineages`.
    """

    held: dict[str, Held]
    columns: dict[str, SQL]
    sources: list[Source] = field(default_factory=list)
    where: list[SQL] = field(default_factory=list)
    certainties: list[SQL] = field(default_factory=list)
    lineages: list[SQL] = field(default_factory=list)
    entries: dict[tuple[str, bool], str] = field(default_factory=dict)
    """The dictionary entries that are already joined, by column and whether it is never NULL."""
    order: list[SQL] = field(default_factory=list)
    """What its solutions are in order of, where ORDER BY asks for one."""

    @property
    def empty_group(self) -> bool:
        """Whether it is the pattern {}, whose only solution binds nothing."""
        return not (self.sources or self.where or self.held)

    def over(self, selected: list[SQL]) -> exp.Select:
        """These columns of it."""
        query = exp.Select(expressions=selected)
        for place, source in enumerate(self.sources):
            if place == 0:
                query.set("from_", exp.From(this=source.table))
                continue
            if source.how == "ANTI":
                join = exp.Join(this=source.table, kind="ANTI", on=source.on)
            elif source.how == "LEFT":
                join = exp.Join(this=source.table, side="LEFT", on=source.on or exp.true())
            elif source.on is not None:
                join = exp.Join(this=source.table, on=source.on)
            else:
                join = exp.Join(this=source.table, kind="CROSS")
            query.append("joins", join)
        if self.where:
            query.set("where", exp.Where(this=sql.both(self.where)))
        return query

    def query(self, *, lineage: bool, names: list[str] | None = None) -> exp.Select:
        """The whole of it as a query: `v_` columns, `c`, and `l` with lineage."""
        chosen = list(self.held) if names is None else names
        columns: list[SQL] = [sql.named(self.columns[name], f"v_{name}") for name in chosen]
        return self.over([*columns, *self.solution(lineage=lineage)])

    def certainty(self) -> SQL:
        """The certainty of a solution."""
        if not self.certainties:
            return exp.cast(sql.number(0), "TINYINT")
        return sql.greatest(self.certainties)

    def lineage(self) -> SQL:
        """The triples of a solution."""
        return sql.joined(self.lineages) if self.lineages else NO_TRIPLES

    def solution(self, *, lineage: bool) -> list[SQL]:
        """The columns `c` and, with lineage, `l`."""
        columns: list[SQL] = [sql.named(self.certainty(), "c")]
        return [*columns, sql.named(self.lineage(), "l")] if lineage else columns


STAGE = 40
"""How many tables are joined at once: what has more is worked out in stages."""

_HIDDEN = "#"
"""What the names of variables begin with that the compiler makes."""

NO_TRIPLES = exp.cast(exp.Array(expressions=[]), "BIGINT[]")


class _Noting(dict[str, Value]):
    """Values by variable that remember whether one from outside was asked for."""

    def __init__(
        self, outside: Environment, inside: Mapping[str, Value], told: Environment | None = None
    ) -> None:
        """`told` is who else is to know of it, by default `outside`."""
        super().__init__({**outside, **inside})
        self._outer = outside.keys() - inside.keys()
        self._outside = outside if told is None else told
        self._inside = inside
        self.used = False

    def note(self, name: str) -> None:
        if name in self._outer:
            self.used = True
            if isinstance(self._outside, _Noting):
                self._outside.note(name)
        elif isinstance(self._inside, _Noting):
            self._inside.note(name)

    def __getitem__(self, name: str) -> Value:
        self.note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.note(name)
        return super().get(name, default)


@dataclass
class _Outside:
    """What a pattern of EXISTS sees of the solution that it is asked for.

    `inserted`: its values are put into every triple pattern, wherever it is nested. Without that
    the solutions of the whole are held against them, which is quicker, and for many patterns the
    same (`_held_afterwards`).
    """

    values: _Noting
    inserted: bool
    seen: frozenset[str]


class Compilation:
    """The compiling of one query.

    `focus` is the pre-bound variable (SHACL-SPARQL §5.3) and `targets` makes the nodes that it
    ranges over. With `delta`, the recursive pattern of that number reads only triples from the
    placeholder `delta` on (semi-naive evaluation); recursive are those that read one of the
    predicates or classes of `feeds`. With `among` only focus nodes of `Plan.among` matter.
    """

    def __init__(
        self,
        *,
        focus: str | None = None,
        among: bool = False,
        targets: Callable[[], Relation] | None = None,
        lineage: bool = False,
        delta: int | None = None,
        feeds: frozenset[str] = frozenset(),
        dataset: Dataset | None = None,
    ) -> None:
        self.dataset = dataset
        self._graph_now: SQL | str | None = None
        self._now: str | None = None
        self.focus = focus
        self.among = among
        self.targets = targets
        self.lineage = lineage
        self.delta = delta
        self.feeds = feeds
        self.recursive = 0
        self.constants: dict[str, str] = {}
        self.read: set[str] = set()
        self.any_predicate = False
        self._keys: dict[str, str] = {}
        self._aliases = 0
        self._outside: list[_Outside] = []
        self._joined: tuple[CompValue, ...] = ()
        """The groups with whose solutions those of what is being compiled are joined."""

    def chosen(self, node: SQL) -> SQL:
        """The condition that a node is one of `Plan.among`."""
        return exp.In(this=node, expressions=[exp.Placeholder(this="focus")])

    # -- names -----------------------------------------------------------------------------------

    def alias(self) -> str:
        self._aliases += 1
        return f"r{self._aliases}"

    def constant_key(self, n3: str) -> SQL:
        if n3 not in self._keys:
            self._keys[n3] = f"k{len(self._keys)}"
            self.constants[self._keys[n3]] = n3
        return exp.Placeholder(this=self._keys[n3])

    def constant(self, term: Identifier) -> Constant:
        return Constant(term, self.constant_key(n3_of(term)))

    @property
    def by_graph(self) -> bool:
        """Whether each named graph is looked at for itself, so that paths stay within one."""
        return isinstance(self._graph_now, str)

    def predicate_table(self, iri: str, alias: str) -> exp.Table | exp.Subquery:
        if self._by_quads():
            key = self.constant_key(f"<{iri}>")
            return self._quads(alias, [sql.equal(sql.column("q", "p"), key)], iri)
        self.read.add(iri)
        return sql.table(iri, alias)

    def every_table(self, alias: str) -> exp.Table | exp.Subquery:
        if self._by_quads():
            return self._quads(alias, [], "*")
        self.any_predicate = True
        return sql.table("*", alias)

    def nodes_table(self, alias: str) -> exp.Table | exp.Subquery:
        """Whatever is subject or object of a triple, in `n`."""
        if not self._by_quads():
            self.every_table(alias)  # says that the plan reads every predicate
            return sql.table("*nodes", alias)
        inner = self.alias()
        ends = exp.Array(expressions=[sql.column(inner, "s"), sql.column(inner, "o")])
        columns = [sql.named(exp.Unnest(expressions=[ends]), "n")]
        if self.by_graph:
            columns.append(sql.named(sql.column(inner, "g"), "g"))
        query = exp.select(*columns).distinct()
        return sql.derived(query.from_(self._quads(inner, [], "*")), alias)

    def _by_quads(self) -> bool:
        """Whether triples are read from one graph or some, and not from the union of all."""
        if self._graph_now is not None:
            return True
        return self.dataset is not None and (
            self.dataset.strict
            or self.dataset.default is not None
            or self.dataset.named is not None
        )

    def _quads(self, alias: str, conditions: list[SQL], held_in: str) -> exp.Subquery:
        """The triples of the active graph; with a variable GRAPH those of each, with it in `g`.

        In a rule they are those that are there as of its date, each with its certainty and number
        from the table of its predicate, or of all.
        """
        graph, assert_default = sql.column("q", "g"), self._graph_now is None
        dataset = self.dataset or Dataset()
        if assert_default and (dataset.default is not None or dataset.named is not None):
            keys = [self.constant_key(f"<{iri}>") for iri in dataset.default or ()]
            conditions = [
                *conditions,
                exp.In(this=graph, expressions=keys) if keys else exp.false(),
            ]
        elif assert_default:
            conditions = [*conditions, sql.missing(graph)]
        else:
            if isinstance(self._graph_now, exp.Expression):
                conditions = [*conditions, sql.equal(graph, self._graph_now.copy())]
            conditions = [*conditions, self._is_named(graph)]
        columns = [sql.named(sql.column("q", name), name) for name in ("s", "p", "o")]
        if isinstance(self._graph_now, str):
            columns.append(sql.named(graph.copy(), "g"))
        if self.dataset is None:
            same = ("s", "o") if held_in != "*" else ("s", "p", "o")
            on = [sql.equal(sql.column("q", name), sql.column("x", name)) for name in same]
            columns += [sql.named(sql.column("x", name), name) for name in ("c", "t")]
            if held_in == "*":
                self.any_predicate = True
            else:
                self.read.add(held_in)
            query = exp.select(*columns).from_(sql.table("quads", "q"))
            query = query.join(sql.table(held_in, "x"), on=sql.both(on))
            return sql.derived(query.where(sql.both(conditions)).distinct(), alias)
        columns += [
            sql.named(exp.cast(sql.number(0), kind), name)
            for name, kind in (("c", "TINYINT"), ("t", "BIGINT"))
        ]
        query = exp.select(*columns).from_(sql.table("quads", "q")).where(sql.both(conditions))
        return sql.derived(query.distinct(), alias)

    def _is_named(self, graph: SQL) -> SQL:
        named = (self.dataset or Dataset()).named
        if named is None:
            if self.dataset is not None and self.dataset.default is not None:
                return exp.false()
            return exp.Not(this=sql.missing(graph.copy()))
        keys = [self.constant_key(f"<{iri}>") for iri in named]
        return exp.In(this=graph.copy(), expressions=keys) if keys else exp.false()

    def graphs_table(self, alias: str) -> exp.Subquery:
        """The named graphs, in `g`."""
        graph = sql.column("q", "g")
        query = exp.select(sql.named(graph, "g")).distinct()
        query = query.from_(sql.table("quads", "q")).where(self._is_named(graph))
        return sql.derived(query, alias)

    def named_graphs(self, name: str) -> Relation:
        """Every named graph as a variable."""
        alias = self.alias()
        return Relation(
            held={name: Held("id", node=True)},
            columns={name: sql.column(alias, "g")},
            sources=[Source(self.graphs_table(alias))],
        )

    def _graph(self, node: CompValue) -> Relation:
        """Graph(g, P): P over one named graph, or over each of them (§18.6)."""
        before = self._graph_now
        if not isinstance(node.term, Variable):
            self._graph_now = self.constant_key(n3_of(node.term))
            inner = self.pattern(node.p)
            self._graph_now = before
            if inner.empty_group:
                inner = self.named_graphs("graph:")
                inner.where.append(
                    sql.equal(inner.columns["graph:"], self.constant_key(n3_of(node.term)))
                )
                inner = replace(inner, held={}, columns={})
            return inner
        hidden = f"graph:{self.alias()}"
        self._graph_now = hidden
        inner = self._settled(self.pattern(node.p), hidden)
        self._graph_now = before
        column = inner.columns[hidden]
        held = {name: how for name, how in inner.held.items() if name != hidden}
        inner = replace(inner, held=held, columns={name: inner.columns[name] for name in held})
        name = str(node.term)
        inner.where = [*inner.where, *self._inserted(name, column)]
        return self.join(inner, Relation({name: Held("id", node=True)}, {name: column}))

    def _settled(self, relation: Relation, hidden: str) -> Relation:
        if hidden in relation.held:
            return relation
        return self.join(relation, self.named_graphs(hidden))

    def allow(self, name: str) -> None:
        """Refuse what only a query asked by itself may have."""
        if self.dataset is None:
            raise Refusal(_NAMES[name], _MENDS[name])

    # -- relations -------------------------------------------------------------------------------

    def of_query(self, query: exp.Query, held: Mapping[str, Held]) -> Relation:
        """A query that gives `v_` columns, `c` and `l` as a relation."""
        alias = self.alias()
        return Relation(
            held=dict(held),
            columns={name: sql.column(alias, f"v_{name}") for name in held},
            sources=[Source(sql.derived(query, alias))],
            certainties=[sql.column(alias, "c")],
            lineages=[sql.column(alias, "l")],
        )

    def closed(self, relation: Relation) -> Relation:
        """The same relation as a query within."""
        return self.of_query(relation.query(lineage=self.lineage), relation.held)

    def _staged(self, relation: Relation) -> Relation:
        """The same, worked out by itself first where it has very many sources: the time to put
        joins in order grows with the third power of how many they are."""
        if len(relation.sources) < STAGE or self._outside:
            return relation
        stage, alias = self.alias(), self.alias()
        cte = exp.CTE(
            this=relation.query(lineage=self.lineage),
            alias=sql.alias_of_table(stage),
            materialized=True,
        )
        query = exp.select("*").from_(sql.table(stage, stage))
        query.set("with_", exp.With(expressions=[cte]))
        return Relation(
            held=relation.held,
            columns={name: sql.column(alias, f"v_{name}") for name in relation.held},
            sources=[Source(sql.derived(query, alias))],
            certainties=[sql.column(alias, "c")],
            lineages=[sql.column(alias, "l")],
        )

    def pattern(self, node: CompValue) -> Relation:
        """The solutions of a pattern. Raises Refusal for one that is not compiled."""
        compile_node = getattr(self, f"_{node.name.lower()}", None)
        if compile_node is None:
            raise Refusal(_NAMES.get(node.name, node.name), _MENDS.get(node.name, ""))
        around = self._joined
        if node.name not in _JOINED_AS_WHOLE:
            self._joined = ()
        relation: Relation = compile_node(node)
        self._joined = around
        return relation

    def _bgp(self, node: CompValue) -> Relation:
        if len(node.triples) > STAGE and not self._outside:
            return self._long_bgp(node)
        found = Relation({}, {})

        def place(term: Any, column: SQL, never_literal: bool) -> None:
            if isinstance(term, (Variable, BNode)):
                name = str(term) if isinstance(term, Variable) else f"_:{term}"
                if name in found.columns:
                    found.where.append(sql.equal(found.columns[name], column))
                else:
                    found.columns[name] = column
                    if isinstance(term, Variable):
                        found.where += self._inserted(name, column)
                if never_literal or name not in found.held:
                    known = name in found.held and found.held[name].node
                    found.held[name] = Held("id", node=never_literal or known)
            else:
                found.where.append(sql.equal(column, self.constant_key(n3_of(term))))

        between = (BNode(f"step{self._aliases}.{n}") for n in count())
        steps = [step for triple in _in_order(node.triples) for step in _steps(*triple, between)]
        for subject, predicate, value in steps:
            alias = self.alias()
            triple = exp.Array(expressions=[sql.column(alias, "t")])
            if isinstance(predicate, Variable):
                found.sources.append(Source(self.every_table(alias)))
                place(predicate, sql.column(alias, "p"), True)
                self._recursive_whole(bool(self.feeds))
            elif isinstance(predicate, Path):
                found.sources.append(
                    Source(
                        sql.derived(
                            compile_path(predicate, self, self._ends(subject, value, steps)), alias
                        )
                    )
                )
                self._recursive_whole(_may_read(predicate, self.feeds))
                found.lineages.append(sql.column(alias, "l"))
            else:
                found.sources.append(Source(self.predicate_table(str(predicate), alias)))
                if self.feeds_itself(str(predicate), value):
                    found.where += self.since(alias)
            if not isinstance(predicate, Path):
                found.lineages.append(triple)
            found.certainties.append(sql.column(alias, "c"))
            if isinstance(self._graph_now, str):
                place(Variable(self._graph_now), sql.column(alias, "g"), True)
            place(subject, sql.column(alias, "s"), not isinstance(predicate, Path))
            place(value, sql.column(alias, "o"), False)
        for name in [name for name in found.held if name.startswith("_:")]:
            del (
                found.held[name],
                found.columns[name],
            )  # a blank node is not known outside its BGP
        return found

    def _long_bgp(self, node: CompValue) -> Relation:
        """A group of very many triple patterns, a stage's worth at a time."""
        named: dict[Any, Variable] = {}

        def plain(term: Any) -> Any:
            return (
                named.setdefault(term, Variable(f"{_HIDDEN}{term}"))
                if isinstance(term, BNode)
                else term
            )

        triples = [tuple(map(plain, triple)) for triple in _connected(_in_order(node.triples))]
        found = Relation({}, {})
        step = STAGE - 1  # fewer than are worked out by themselves: what is new joins what is there
        for start in range(0, len(triples), step):
            part = CompValue("BGP", triples=triples[start : start + step])
            found = self.join(found, self._bgp(part))
        for name in map(str, named.values()):
            found.held.pop(name)
            found.columns.pop(name)
        return found

    def _inserted(self, name: str, column: SQL) -> list[SQL]:
        """The condition that a term of the data is what an EXISTS around it has for a variable."""
        if not self._outside or not self._outside[-1].inserted:
            return []
        seen = self._seen(name)
        return [] if seen is None else [self._same(Held("id"), column, seen)]

    def _seen(self, name: str) -> Value | None:
        """The value of a variable that is bound outside the EXISTS that is being compiled."""
        if not self._outside or name not in self._outside[-1].seen:
            return None
        return self._outside[-1].values[name]

    def _ends(self, subject: Any, value: Any, steps: list[tuple[Any, Any, Any]]) -> Ends:
        """What the patterns joined to a path, or the targets, say of its two ends."""
        ends = {"s": subject, "o": value}
        known = {side: end for side, end in ends.items() if not isinstance(end, (Variable, BNode))}
        if known:
            keys = tuple(self.constant_key(n3_of(end)) for end in known.values())
            return Ends(terms=keys, side=min(known, key="so".index))
        if self._by_quads():
            return Ends()
        focus = Variable(str(self.focus))
        if self.among:
            beside = [*steps, *(step for group in self._joined for step in _sure_steps(group))]
            for side, end in ends.items():
                query = self._focus() if end == focus else self._from_focus(end, beside)
                if query is not None:
                    return Ends(nodes=query, side=side)
        found = [
            way
            for end in ends.values()
            for way in [
                *_ways_to(end, steps),
                *(way for group in self._joined for way in _ways_into(end, group)),
            ]
        ]
        if found:  # a class may have very many members
            return Ends(nodes=self._any_of(min(found, key=_by_name)))
        if self.targets is not None and focus in ends.values():
            return Ends(nodes=self._focus())
        return Ends()

    def _focus(self) -> exp.Query:
        """The focus nodes, in `n`."""
        targeted = self.targeted()
        return targeted.over([sql.named(targeted.columns[str(self.focus)], "n")])

    def _any_of(self, ways: tuple[_Way, ...]) -> exp.Query:
        """The nodes that one of some ways leads to, in `n`."""
        queries: list[exp.Query] = []
        for way in ways:
            alias = self.alias()
            query = exp.select(sql.named(sql.column(alias, way.side), "n")).distinct()
            query = query.from_(self.predicate_table(way.predicate, alias))
            if way.value is not None:
                key = self.constant_key(n3_of(way.value))
                query = query.where(sql.equal(sql.column(alias, "o"), key))
            queries.append(query)
        return exp.union(*queries, distinct=True) if len(queries) > 1 else queries[0]

    def _from_focus(self, end: Any, steps: list[tuple[Any, Any, Any]]) -> exp.Query | None:
        """The nodes that a variable can be for the chosen focus nodes, in `n`, if steps lead from
        these to it."""
        focus = Variable(str(self.focus))
        known: dict[Any, exp.Query | None] = {focus: None}
        waiting = [focus]
        while waiting and end not in known:
            here = waiting.pop(0)
            for one, predicate, other in steps:
                for near, far, sides in ((one, other, "so"), (other, one, "os")):
                    fresh = isinstance(far, (Variable, BNode)) and far not in known
                    if near != here or not fresh or not isinstance(predicate, URIRef):
                        continue
                    alias = self.alias()
                    from_ = sql.column(alias, sides[0])
                    inner = known[here]
                    held = (
                        self.chosen(from_)
                        if inner is None
                        else exp.In(this=from_, query=exp.Subquery(this=inner.copy()))
                    )
                    query = exp.select(sql.named(sql.column(alias, sides[1]), "n")).distinct()
                    query = query.from_(self.predicate_table(str(predicate), alias))
                    known[far] = query.where(held)
                    waiting.append(far)
        return known.get(end)

    def feeds_itself(self, predicate: str, value: Any) -> bool:
        """Whether a triple pattern reads what the rule's own stratum writes."""
        if self._outside:
            return False
        if predicate == RDF_TYPE:
            return str(value) in self.feeds if isinstance(value, URIRef) else RDF_TYPE in self.feeds
        return predicate in self.feeds

    def since(self, alias: str) -> list[SQL]:
        """The condition that a recursive pattern reads new triples only, if it is its turn."""
        turn = self.delta == self.recursive
        self.recursive += 1
        new = exp.GTE(this=sql.column(alias, "t"), expression=exp.Placeholder(this="delta"))
        return [new] if turn else []

    def _recursive_whole(self, feeds: bool) -> None:
        """A path or a variable predicate that may read its own stratum: it is read anew, whole."""
        if feeds and not self._outside:
            self.recursive += 1

    def _join(self, node: CompValue) -> Relation:
        around = self._joined
        self._joined = (*around, node.p2)
        one = self.pattern(node.p1)
        self._joined = (*around, node.p1)
        other = self.pattern(node.p2)
        return self.join(one, other)

    def join(self, one: Relation, other: Relation) -> Relation:
        """The solutions of one that are compatible with those of the other."""
        if one.empty_group:
            return other
        if other.empty_group:
            return one
        one, other = self._staged(one), self._staged(other)
        conditions, columns, held = self._compatible(one, other)
        return Relation(
            held=held,
            columns=columns,
            sources=[*one.sources, *other.sources],
            where=[*one.where, *other.where, *conditions],
            certainties=[*one.certainties, *other.certainties],
            lineages=[*one.lineages, *other.lineages],
            entries={**other.entries, **one.entries},
        )

    def _leftjoin(self, node: CompValue) -> Relation:
        """LeftJoin(A, B, F): each of A with all of B that agrees where F is true (§18.5)."""
        one = self._with_focus(self._staged(self.pattern(node.p1)), [node.expr, node.p2])
        other = self.pattern(node.p2)
        if not one.sources:
            one = self.closed(one)
        test: SQL | None = None
        fields: list[SQL] = []
        tested = node.expr is not None and getattr(node.expr, "name", "") != "TrueFilter"
        if tested:
            shared = {name for name in other.held if name in one.held and not one.held[name].sure}
            asks = any(part.name in _EXISTS for part in _parts(node.expr))
            if asks or shared & names_in(node.expr):
                return self._optional_for_each(one, other, node.expr)
            other = self.closed(other)
            inner = Lookups(self.alias, other.entries)
            alias = self.alias()
            inside = self._handed_out(other, alias, inner, fields)
            near = Lookups(self.alias, one.entries)
            environment = {**inside, **self._environment(one, near)}
            test = compile_expression(node.expr, environment, self).truth()
            self._look_up(one, near)
            self._look_up(other, inner)
            query = other.query(lineage=self.lineage)
            for part in fields:
                query.append("expressions", part)
            other = self.of_query(query, other.held)
            other.sources = [Source(sql.derived(query, alias))]
            other.columns = {name: sql.column(alias, f"v_{name}") for name in other.held}
            other.certainties = [sql.column(alias, "c")]
            other.lineages = [sql.column(alias, "l")]
        elif (
            len(other.sources) != 1
            or self._outside
            or not all(isinstance(column, exp.Column) for column in other.columns.values())
        ):
            other = self.closed(other)
        conditions, columns, held = self._compatible(one, other, optional=True)
        on = [*other.where, *conditions, *([test] if test is not None else [])]
        absent = sql.call("coalesce", other.certainty(), sql.number(0))
        missed = sql.missing(other.certainties[0])
        lineage = sql.cases((missed, NO_TRIPLES), otherwise=other.lineage())
        return Relation(
            held=held,
            columns=columns,
            sources=[
                *one.sources,
                Source(other.sources[0].table, "LEFT", sql.both(on)),
            ],
            where=one.where,
            certainties=[*one.certainties, absent],
            lineages=[*one.lineages, lineage],
            entries=one.entries,
        )

    def _handed_out(
        self, relation: Relation, alias: str, lookups: Lookups, fields: list[SQL]
    ) -> dict[str, Value]:
        """The values of a relation that is joined as a table `alias`; what these need of the
        dictionary comes to `fields`, which its query is to give too."""
        return {
            name: _Far(self._read(held, relation.columns[name], lookups), alias, fields, name)
            if held.kind == "id" and held.term is None
            else self._read(held, sql.column(alias, f"v_{name}"), lookups)
            for name, held in relation.held.items()
        }

    def _optional_for_each(self, one: Relation, other: Relation, expression: Any) -> Relation:
        """LeftJoin whose condition needs both sides together, as EXISTS does."""
        if not all(isinstance(column, exp.Column) for column in one.columns.values()):
            one = self.closed(one)
        conditions, columns, held = self._compatible(one, other)
        both = Relation(held=held, columns=columns, sources=[*other.sources])
        lookups = Lookups(self.alias, {})
        test = compile_expression(expression, self._environment(both, lookups), self).truth()
        if not both.sources:
            both.sources = [Source(sql.derived(exp.select(sql.number(1)), self.alias()))]
        self._look_up(both, lookups)
        both.where = [*other.where, *conditions, test]
        both.certainties, both.lineages = other.certainties, other.lineages
        query = both.query(lineage=self.lineage, names=[n for n in held if n in other.held])
        alias = self.alias()
        lateral = exp.Lateral(
            this=exp.Subquery(this=query),
            alias=sql.alias_of_table(alias),
        )
        absent = exp.Is(this=sql.column(alias, "c"), expression=exp.null())
        columns = dict(one.columns)
        for name in other.held:
            far = sql.column(alias, f"v_{name}")
            if name not in one.held:
                columns[name] = far
            elif not one.held[name].sure:
                columns[name] = sql.call(
                    "coalesce", self._alike(held[name], far, one.held[name], columns[name])[1], far
                )
            elif one.held[name].kind != held[name].kind:
                columns[name] = self.written(one.held[name], columns[name])
        held = {
            name: replace(how, sure=name in one.held and one.held[name].sure, term=None)
            if name in other.held
            else how
            for name, how in held.items()
        }
        lineage = sql.cases((absent, NO_TRIPLES), otherwise=sql.column(alias, "l"))
        return Relation(
            held=held,
            columns=columns,
            sources=[*one.sources, Source(lateral, "LEFT")],
            where=one.where,
            certainties=[
                *one.certainties, sql.call("coalesce", sql.column(alias, "c"), sql.number(0)),
            ],
            lineages=[*one.lineages, lineage],
            entries=one.entries,
        )  # fmt: skip

    def _compatible(
        self, one: Relation, other: Relation, *, optional: bool = False
    ) -> tuple[list[SQL], dict[str, SQL], dict[str, Held]]:
        """How two relations agree: conditions, the columns of both together, how these are held."""
        conditions: list[SQL] = []
        columns: dict[str, SQL] = {}
        held: dict[str, Held] = {}
        for name in dict.fromkeys([*one.held, *other.held]):
            left, right = one.held.get(name), other.held.get(name)
            if left and right:
                x, y = self._alike(left, one.columns[name], right, other.columns[name])
                tests = [sql.equal(x, y)]
                tests += [] if left.sure else [sql.missing(x)]
                tests += [] if right.sure else [sql.missing(y)]
                conditions.append(sql.either(tests))
                same = left.kind == right.kind
                held[name] = Held(
                    left.kind if same else "n3",
                    sure=left.sure or (right.sure and not optional),
                    node=left.node or (right.node and left.sure and right.sure),
                    number=left.number and right.number,
                    term=left.term if left.term == right.term else None,
                )
                columns[name] = x if left.sure else sql.call("coalesce", x, y)
            elif left:
                held[name] = left
                columns[name] = one.columns[name]
            elif right:
                held[name] = replace(
                    right,
                    sure=right.sure and not optional,
                    term=None if optional else right.term,
                )
                columns[name] = other.columns[name]
        return conditions, columns, held

    def _alike(self, left: Held, x: SQL, right: Held, y: SQL) -> tuple[SQL, SQL]:
        if left.kind == right.kind:
            return x, y
        return self.written(left, x), self.written(right, y)

    def written(self, held: Held, column: SQL) -> SQL:
        """A held value as N-Triples text, looked up on the spot."""
        if held.kind == "id" and held.term is None:
            entry = exp.select(sql.column("terms", "n3")).from_(exp.to_table("terms"))
            same = sql.equal(sql.column("terms", "id"), column)
            return exp.Subquery(this=entry.where(same))
        return self._read(held, column, Lookups(self.alias, {})).n3()

    def told(
        self, relation: Relation, names: Iterable[str]
    ) -> tuple[list[SQL], tuple[tuple[str, str], ...]]:
        """The `v_` columns by which a query gives these variables, and the kind of each: an 'id'
        or 'n3' text."""
        columns: list[SQL] = []
        kinds: list[tuple[str, str]] = []
        for name in names:
            held, column = relation.held[name], relation.columns[name]
            if held.kind not in ("id", "n3"):
                column = self.written(held, column)
            kinds.append((name, "id" if held.kind == "id" else "n3"))
            columns.append(sql.named(column, f"v_{name}"))
        return columns, tuple(kinds)

    def _union(self, node: CompValue) -> Relation:
        sides = [self.pattern(branch) for branch in _branches(node)]
        hidden = {name for side in sides for name in side.held if name.startswith("graph:")}
        for name in hidden:
            sides = [self._settled(side, name) for side in sides]
        held: dict[str, Held] = {}
        for name in dict.fromkeys(name for side in sides for name in side.held):
            ways = [side.held[name] for side in sides if name in side.held]
            kinds = {way.kind for way in ways}
            held[name] = Held(
                kinds.pop() if len(kinds) == 1 else "n3",
                sure=len(ways) == len(sides) and all(way.sure for way in ways),
                node=all(way.node for way in ways),
                number=all(way.number for way in ways),
            )

        def branch(relation: Relation) -> exp.Select:
            columns: list[SQL] = []
            for name, how in held.items():
                side = relation.held.get(name)
                if side is None:
                    value: SQL = exp.cast(exp.null(), how.type)
                elif side.kind == how.kind:
                    value = relation.columns[name]
                else:
                    value = self.written(side, relation.columns[name])
                columns.append(sql.named(value, f"v_{name}"))
            return relation.over([*columns, *relation.solution(lineage=self.lineage)])

        return self.of_query(sql.together([branch(side) for side in sides]), held)

    def _minus(self, node: CompValue) -> Relation:
        one, other = self._staged(self.pattern(node.p1)), self.pattern(node.p2)
        shared = [name for name in one.held if name in other.held and not name.startswith("graph:")]
        if not shared:
            return one
        other = self.closed(other)
        conditions, _, _ = self._compatible(one, other)
        overlap = [
            sql.both([exp.Not(this=sql.missing(side.columns[name])) for side in (one, other)])
            for name in shared
        ]
        if not any(one.held[name].sure and other.held[name].sure for name in shared):
            conditions.append(sql.either(overlap))
        taken = Source(other.sources[0].table, "ANTI", sql.both(conditions))
        return replace(one, sources=[*one.sources, taken])

    def _filter(self, node: CompValue) -> Relation:
        node = _in_stages(node)
        pattern, expression = self._prepared(node)
        relation = self._asking(self._staged(self.pattern(pattern)), expression)
        relation = self._with_focus(relation, expression)
        if not relation.sources:
            relation = self.closed(relation)
        relation = replace(relation, sources=[*relation.sources], where=[*relation.where])
        rest: list[Any] = []
        asked: list[CompValue] = []
        for part in _conjuncts(expression):
            (asked if getattr(part, "name", "") in _EXISTS else rest).append(part)
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        tests = [compile_expression(part, environment, self).truth() for part in rest]
        outcomes: list[SQL | Source | _Witness] = []
        for part in asked:
            outcomes += self._asked(part, relation, environment)
        self._look_up(relation, lookups)
        relation.where += tests
        for outcome in outcomes:
            if isinstance(outcome, Source):
                relation.sources.append(outcome)
            elif isinstance(outcome, _Witness):
                relation.sources.append(outcome.source)
                relation.certainties = [*relation.certainties, *outcome.certainties]
                relation.lineages = [*relation.lineages, *outcome.lineages]
                relation.where += outcome.where
            else:
                relation.where.append(outcome)
        return relation

    def _asking(self, relation: Relation, expression: Any) -> Relation:
        """The same with the graph that it stands in, if an EXISTS is to look there as well."""
        asks = any(part.name in _EXISTS for part in _parts(expression))
        if asks and isinstance(self._graph_now, str):
            return self._settled(relation, self._graph_now)
        return relation

    def _asked(
        self, node: CompValue, relation: Relation, environment: Environment
    ) -> Sequence[SQL | Source | _Witness]:
        """EXISTS or NOT EXISTS as conditions by themselves.

        What EXISTS finds is evidence: the solution gets the certainty and the triples of one
        witness, the most certain.
        """
        if node.name == "Builtin_NOTEXISTS":
            return self._without(node, relation, environment)
        group = _group_of(node)
        if group.name == "Union" or self._outside:
            return [self.exists(group, environment)]
        within = self._within(group, environment)
        inner, shared = within.relation, within.shared
        if not inner.certainties:
            return [within.exists()]
        best: list[SQL] = [sql.named(sql.call("min", inner.certainty()), "c")]
        if self.lineage:
            order = sql.record(c=inner.certainty(), l=inner.lineage())
            best.append(sql.named(sql.call("arg_min", inner.lineage(), order), "l"))
        alias = self.alias()
        plain = within.apart and (within.parts == 1 or not within.tests)
        if plain and _alike_by_id(inner, shared, environment):
            inner = within.filtered()
            keys = [sql.named(inner.columns[name], f"v_{name}") for name in shared]
            query = inner.over([*keys, *best])
            if shared:
                query.set(
                    "group",
                    exp.Group(expressions=[inner.columns[name] for name in shared]),
                )
            on = self._agree(inner, alias, shared, environment)
            source = Source(sql.derived(query, alias), "", sql.both(on) if on else None)
        else:
            query = within.agreeing().over(best)
            lateral = exp.Lateral(
                this=exp.Subquery(this=query),
                alias=sql.alias_of_table(alias),
            )
            source = Source(lateral)
        return [
            _Witness(
                source,
                [exp.Not(this=sql.missing(sql.column(alias, "c")))],
                [sql.column(alias, "c")],
                [sql.column(alias, "l")],
            )
        ]

    def _without(
        self, node: CompValue, relation: Relation, environment: Environment
    ) -> list[SQL | Source]:
        """NOT EXISTS as conditions by themselves.

        A pattern is joined as a table of its own where nothing but its filters looks outside:
        DuckDB takes long to plan what is asked anew of each solution, longer still for one within
        another.
        """
        group = _group_of(node)
        if group.name == "Union":
            both = (self._without(side, relation, environment) for side in (group.p1, group.p2))
            return [outcome for outcomes in both for outcome in outcomes]
        within = self._within(group, environment, relation.held)
        inner, shared = within.filtered(), within.shared
        if not (
            shared
            and within.apart
            and within.parts == 1
            and all(name in relation.held for name in shared)
            and _alike_by_id(inner, shared, environment)
            and (self.focus in shared or not self.among or len(inner.sources) == 1)
        ):
            return [exp.Not(this=self._within(group, environment).exists())]
        if self.among and self.focus in shared:
            chosen = self.chosen(inner.columns[str(self.focus)])
            inner = replace(inner, where=[*inner.where, chosen])
        alias = self.alias()
        lookups, fields = Lookups(self.alias, inner.entries), list[SQL]()
        together = _Noting(environment, self._handed_out(inner, alias, lookups, fields))
        tests = [compile_expression(part, together, self).truth() for part in within.across]
        self._look_up(inner, lookups)
        names = [name for name in inner.held if name in {*shared, *names_in(within.across)}]
        columns = [sql.named(inner.columns[name], f"v_{name}") for name in names]
        on = [*self._agree(inner, alias, shared, environment), *tests]
        return [Source(sql.derived(inner.over([*columns, *fields]), alias), "ANTI", sql.both(on))]

    def _agree(
        self, inner: Relation, alias: str, shared: list[str], environment: Environment
    ) -> list[SQL]:
        columns = {name: sql.column(alias, f"v_{name}") for name in shared}
        return [self._same(inner.held[name], columns[name], environment[name]) for name in shared]

    def _same(self, held: Held, column: SQL, outer: Value) -> SQL:
        """Whether a variable of an inner pattern agrees with its value outside."""
        inner = self._read(held, column, Lookups(self.alias, {}))
        x, y = inner.id(), outer.id()
        if x is not None and y is not None and held.term is None:
            tests = [sql.equal(x, y)]
        else:
            tests = [sql.equal(self.written(held, column), outer.n3())]
        if not held.sure:
            tests.append(sql.missing(column))
        if not outer.sure:
            tests.append(sql.missing(y if y is not None else outer.n3()))
        return sql.either(tests)

    def _within(
        self, group: CompValue, environment: Environment, beside: Collection[str] = ()
    ) -> _Within:
        """A pattern of EXISTS, beside what is outside.

        Those of its filters that read nothing from outside but variables of `beside` are put by.
        """
        if self._outside:
            above = self._outside[-1]
            farther = above.seen - environment.keys()
            if farther:
                environment = _Noting(
                    {name: value for name, value in above.values.items() if name in farther},
                    environment, above.values,
                )  # fmt: skip
        filters: list[Any] = []
        while group.name == "Filter":
            group, condition = self._prepared(group)
            filters.append(condition)
        inserted = not _held_afterwards(group, environment.keys())
        outside = _Outside(_Noting(environment, {}), inserted, frozenset(environment))
        self._outside.append(outside)
        around, self._joined = self._joined, ()
        try:
            inner = self.pattern(group)
            if filters and not inner.sources and inner.held:
                inner = self.closed(inner)
            inner = replace(inner, sources=[*inner.sources], where=[*inner.where])
            lookups = Lookups(self.alias, inner.entries)
            shared = [name for name in inner.held if name in environment]
            conditions = [
                self._same(inner.held[name], inner.columns[name], environment[name])
                for name in shared
            ]
            together = _Noting(environment, self._environment(inner, lookups))
            if filters and not inner.sources:  # nothing but a FILTER inside
                inner = self.closed(inner)
            own: list[Any] = []
            across: list[Any] = []
            for part in (one for condition in filters for one in _conjuncts(condition)):
                crossing = _reads_beside(part, inner.held, beside, environment)
                (across if crossing else own).append(part)
            tests, without = self._tested(own, inner, together)
            parts = _parts_of(inner)
            self._look_up(inner, lookups)
            inner.sources += without
        finally:
            self._outside.pop()
            self._joined = around
        apart = not (together.used or outside.values.used)
        return _Within(inner, conditions, tests, across, shared, apart, parts)

    def _extend(self, node: CompValue) -> Relation:
        pattern, expression = self._prepared(node)
        relation = self._with_focus(self._asking(self.pattern(pattern), expression), expression)
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        name = str(node.var)
        value = compile_expression(expression, environment, self)
        held, column = self._hold(name, value, expression, relation)
        relation = replace(
            relation,
            held={**relation.held, name: held},
            columns={**relation.columns, name: column},
            sources=[*relation.sources],
        )
        self._look_up(relation, lookups)
        plain = isinstance(column, exp.Column) or held.term is not None
        return relation if plain else self.closed(relation)

    def _hold(
        self, name: str, value: Value, expression: Any, relation: Relation
    ) -> tuple[Held, SQL]:
        key = value.id()
        if isinstance(expression, Variable) and str(expression) in relation.held:
            held = relation.held[str(expression)]
            if held.kind != "amount" or name.startswith(_HIDDEN):
                return held, relation.columns[str(expression)]
        if isinstance(value, Constant):
            term = value.term if isinstance(value.term, Literal) else None
            return Held("id", node=term is None, term=term), exp.cast(value.key, "BIGINT")
        if isinstance(value, Number) and value.kind == INTEGER:
            whole = exp.TryCast(this=value.figure, to=exp.DataType.build("BIGINT"))
            return Held("integer", sure=False), whole
        if isinstance(value, Text):
            return Held("text", sure=False), value.words
        if key is not None:
            return Held("id", sure=False), key
        if isinstance(value, Amount) and name.startswith(_HIDDEN):
            return Held("amount", sure=False), value.made
        return Held("n3", sure=False, number=value.kinds <= {*NUMBERS}), value.n3()

    def _with_focus(self, relation: Relation, expression: Any) -> Relation:
        """The pre-bound variable is bound everywhere (SHACL §5.3.1), so also in this group."""
        focus = self.focus
        if focus is None or self.targets is None or focus in relation.held or self._outside:
            return relation
        if focus not in names_in(expression):
            return relation
        return self.join(self.targeted(), relation)

    def _with_outside(self, relation: Relation, aggregates: Any) -> Relation:
        """The same with what aggregates read from outside an EXISTS as columns of its own: SQL
        takes an aggregate over outer columns alone for one of the outer query."""
        seen = {
            name: value
            for name in sorted(names_in(aggregates) - set(relation.held))
            if (value := self._seen(name)) is not None
        }
        if not seen:
            return relation
        held, columns = dict(relation.held), dict(relation.columns)
        for name, value in seen.items():
            held[name], columns[name] = self._hold(name, value, Variable(name), relation)
        return self.closed(replace(relation, held=held, columns=columns))

    def targeted(self) -> Relation:
        """The focus nodes."""
        assert self.targets is not None
        return self.targets()

    def _project(self, node: CompValue) -> Relation:
        wanted = [str(name) for name in node.PV]
        if self._outside:  # a variable that a sub-SELECT does not give is another one
            outside = self._outside[-1]
            self._outside.append(replace(outside, seen=outside.seen & frozenset(wanted)))
        try:
            relation = self.pattern(node.p)
        finally:
            if self._outside:
                self._outside.pop()
        hidden = [name for name in relation.held if name.startswith("graph:")]
        names = [name for name in [*wanted, *hidden] if name in relation.held]
        return replace(
            relation,
            held={name: relation.held[name] for name in names},
            columns={name: relation.columns[name] for name in names},
        )

    def _distinct(self, node: CompValue) -> Relation:
        return self.distinct(self.pattern(node.p))

    _reduced = _distinct

    def distinct(self, relation: Relation, *, by_certainty: bool = False) -> Relation:
        """Each solution once, as certain as its most certain way, with the triples of all ways.

        With `by_certainty` a solution comes once for each certainty, with the triples of the ways
        that have it: so that what is told of a conclusion is as certain as the conclusion.
        """
        if relation.order:
            relation = self.numbered(relation)
        columns = relation.columns
        keys = [name for name, held in relation.held.items() if held.term is None]
        if not all(isinstance(columns[name], exp.Column) for name in keys):
            return self.distinct(self.closed(relation), by_certainty=by_certainty)
        selected: list[SQL] = [
            sql.named(
                columns[name] if name in keys else sql.call("any_value", columns[name]),
                f"v_{name}",
            )
            for name in relation.held
        ]
        selected.append(sql.named(sql.call("min", relation.certainty()), "c"))
        if self.lineage:
            selected.append(sql.named(_flattened(relation.lineage()), "l"))
        query = relation.over(selected)
        if relation.order:
            selected.append(sql.named(sql.call("min", relation.order[0]), "v_#order"))
        groups = [columns[name] for name in keys]
        if by_certainty:
            groups.append(relation.certainty())
        if groups:
            query.set("group", exp.Group(expressions=groups))
        else:
            _if_any(query)
        found = self.of_query(query, relation.held)
        if relation.order:
            found.order = [sql.column(found.sources[0].table.alias, "v_#order")]
        return found

    def numbered(self, relation: Relation) -> Relation:
        """The same with its order as a number."""
        query = relation.query(lineage=self.lineage)
        number = exp.Window(
            this=sql.call("row_number"), order=exp.Order(expressions=relation.order)
        )
        query.append("expressions", sql.named(number, "v_#order"))
        found = self.of_query(query, relation.held)
        found.order = [sql.column(found.sources[0].table.alias, "v_#order")]
        return found

    def _orderby(self, node: CompValue) -> Relation:
        """OrderBy (§15.1): unbound, blank nodes, IRIs, numbers by value, then other literals."""
        self.allow("OrderBy")
        inner, keys = self._computed(node.p, [condition.expr for condition in node.expr])
        relation = self.pattern(inner)
        if not relation.sources:
            relation = self.closed(relation)
        relation = replace(relation, sources=[*relation.sources])
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        order: list[SQL] = []
        for condition, key in zip(node.expr, keys, strict=True):
            value = compile_expression(key, environment, self)
            down = condition.order == "DESC"
            for key in _order_keys(value):
                order.append(exp.Ordered(this=key, desc=down, nulls_first=not down))
        self._look_up(relation, lookups)
        relation.order = order
        return relation

    def _computed(self, pattern: CompValue, parts: list[Any]) -> tuple[CompValue, list[Any]]:
        """A pattern with what is computed in `parts` as variables of its own, and these."""
        found: list[Any] = []
        for part in parts:
            if isinstance(part, CompValue):
                name = Variable(f"{_HIDDEN}{self.alias()}")
                pattern = CompValue("Extend", p=pattern, expr=part, var=name)
                part = name
            found.append(part)
        return pattern, found

    def _prepared(self, node: CompValue) -> tuple[CompValue, Any]:
        """The pattern and the expression of an Extend or Filter, this not too deeply nested."""
        pattern = node.p

        def name(part: CompValue) -> Variable:
            nonlocal pattern
            pattern, found = self._computed(pattern, [part])
            variable: Variable = found[0]
            return variable

        expression = taken_apart(node.expr, name)
        return pattern, expression

    def _slice(self, node: CompValue) -> Relation:
        """LIMIT and OFFSET (§15.4, §15.5)."""
        self.allow("Slice")
        relation = self.pattern(node.p)
        if relation.order:
            relation = self.numbered(relation)
        hidden = [name for name in relation.held if name.startswith("graph:")]
        if hidden:
            return self._slice_of_each(relation, hidden, node)
        query = relation.query(lineage=self.lineage)
        if relation.order:
            query.append("expressions", sql.named(relation.order[0], "v_#order"))
            query.set("order", exp.Order(expressions=[exp.Ordered(this=relation.order[0].copy())]))
        if node.length is not None:
            query = query.limit(node.length)
        if node.start:
            query = query.offset(node.start)
        found = self.of_query(query, relation.held)
        if relation.order:
            found.order = [sql.column(found.sources[0].table.alias, "v_#order")]
        return found

    def _slice_of_each(self, relation: Relation, hidden: list[str], node: CompValue) -> Relation:
        """The slice of each named graph's solutions."""
        query = relation.query(lineage=self.lineage)
        number = exp.Window(
            this=sql.call("row_number"),
            partition_by=[relation.columns[name] for name in hidden],
            order=exp.Order(expressions=relation.order) if relation.order else None,
        )
        query.append("expressions", sql.named(number, "v_#place"))
        found = self.of_query(query, relation.held)
        place = sql.column(found.sources[0].table.alias, "v_#place")
        found.where.append(exp.GT(this=place, expression=sql.number(node.start or 0)))
        if node.length is not None:
            last = (node.start or 0) + node.length
            found.where.append(exp.LTE(this=place.copy(), expression=sql.number(last)))
        if relation.order:
            found.order = [place.copy()]
        return found

    def _tomultiset(self, node: CompValue) -> Relation:
        if not isinstance(node.p, CompValue):
            return self._table_of_values([])
        if node.p.name == "values":
            return self._table_of_values([dict(row) for row in node.p.res])
        inner = node.p
        while inner.name in ("Distinct", "Reduced"):
            inner = inner.p
        if (
            self.focus
            and inner.name == "Project"
            and self.focus not in {str(name) for name in inner.PV}
            and self.focus in names_in(inner)
        ):
            raise Refusal(
                f"a sub-SELECT that uses ${self.focus} without giving it",
                f"Add ${self.focus} to its SELECT (SHACL 1.0 §5.3.1).",
            )
        return self.pattern(node.p)

    def _table_of_values(self, rows: list[dict[Any, Any]]) -> Relation:
        names = list(dict.fromkeys(name for row in rows for name in row))
        branches: list[exp.Query] = []
        nothing = Relation({}, {})
        for row in rows:
            columns: list[SQL] = []
            for name in names:
                term = row.get(name)
                value = (
                    self.constant_key(n3_of(term))
                    if isinstance(term, (URIRef, Literal))
                    else exp.null()
                )
                columns.append(sql.named(exp.cast(value, "BIGINT"), f"v_{name}"))
            branches.append(nothing.over([*columns, *nothing.solution(lineage=self.lineage)]))
        if not branches:
            none = nothing.over(nothing.solution(lineage=self.lineage))
            none.set("where", exp.Where(this=exp.false()))
            return self.of_query(none, {})
        held = {
            str(name): Held(
                "id",
                sure=all(isinstance(row.get(name), (URIRef, Literal)) for row in rows),
            )
            for name in names
        }
        return self.of_query(sql.together(branches), held)

    def _group(self, node: CompValue) -> Relation:
        return self.pattern(node.p)

    def _aggregatejoin(self, node: CompValue) -> Relation:
        grouped = node.p
        adding = ("Aggregate_Sum", "Aggregate_Avg")
        rest = [part for part in node.A if part.name not in adding]
        inner, arguments = self._computed(grouped.p, [part.vars for part in rest])
        aggregates = [part for part in node.A if part.name in adding]
        aggregates += [
            CompValue(part.name, **{**part, "vars": argument})
            for part, argument in zip(rest, arguments, strict=True)
        ]
        relation = self._with_outside(self._with_focus(self.pattern(inner), node.A), node.A)
        keys = list(grouped.expr or [])
        keys += [Variable(name) for name in self.apart(relation) if Variable(name) not in keys]
        if self.focus and not self._outside and self.focus not in {str(key) for key in keys}:
            raise Refusal(
                f"an aggregate over all of ${self.focus}",
                f"GROUP BY ${self.focus}, so that each has its own.",
            )
        relation, amounts = self._with_amounts(relation, aggregates)
        if not all(isinstance(column, exp.Column) for column in relation.columns.values()):
            relation = self.closed(relation)
        relation = replace(relation, sources=[*relation.sources])
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        columns: list[SQL] = []
        held: dict[str, Held] = {}
        groups = [
            relation.columns[str(key)]
            for key in keys
            if str(key) in relation.held and relation.held[str(key)].term is None
        ]
        for name in [str(key) for key in keys if str(key) in relation.held]:
            held[name] = relation.held[name]
            key = relation.columns[name]
            columns.append(
                sql.named(
                    key if held[name].term is None else sql.call("any_value", key), f"v_{name}"
                )
            )
        for aggregate in aggregates:
            name = str(aggregate.res)
            value, held[name] = self._aggregate(aggregate, environment, amounts)
            columns.append(sql.named(value, f"v_{name}"))
        worst = sql.call("coalesce", sql.call("max", relation.certainty()), sql.number(0))
        columns.append(sql.named(worst, "c"))
        if self.lineage:
            columns.append(sql.named(_flattened(relation.lineage()), "l"))
        self._look_up(relation, lookups)
        query = relation.over(columns)
        if groups:
            query.set("group", exp.Group(expressions=groups))
        elif keys:
            _if_any(query)
        found = self.of_query(query, held)
        hidden = [name for name in held if name.startswith("graph:")]
        if hidden and not grouped.expr:
            return self._counted_in_each(found, hidden[0], node.A)
        return found

    def apart(self, relation: Relation) -> list[str]:
        """The variables for whose values aggregates are worked out apart, grouped or not."""
        return [name for name in relation.held if name.startswith("graph:")]

    def _counted_in_each(
        self, found: Relation, hidden: str, aggregates: list[CompValue]
    ) -> Relation:
        """Aggregates over the whole of each named graph, those without a match included."""
        graphs = self.named_graphs(hidden)
        same = sql.equal(graphs.columns[hidden], found.columns[hidden])
        columns = {**found.columns, hidden: graphs.columns[hidden]}
        zero = sql.text(n3_of(Literal(0)))
        of_none = {
            "Aggregate_Count": sql.number(0), "Aggregate_Sum": zero, "Aggregate_Avg": zero,
            "Aggregate_GroupConcat": sql.text(""),
        }  # fmt: skip
        for node in aggregates:
            if node.name in of_none:
                column = columns[str(node.res)]
                missed = sql.missing(found.columns[hidden])
                nothing = of_none[node.name].copy()
                columns[str(node.res)] = sql.cases((missed, nothing), otherwise=column)
        return Relation(
            held=found.held,
            columns=columns,
            sources=[*graphs.sources, Source(found.sources[0].table, "LEFT", same)],
            certainties=[sql.call("coalesce", found.certainty(), sql.number(0))],
            lineages=[sql.call("coalesce", found.lineage(), NO_TRIPLES)],
        )

    def _with_amounts(
        self, relation: Relation, aggregates: list[CompValue]
    ) -> tuple[Relation, dict[str, SQL]]:
        """The same with a column for what each SUM and AVG adds up, by the aggregate's name."""
        adding = [node for node in aggregates if node.name in ("Aggregate_Sum", "Aggregate_Avg")]
        if not adding:
            return relation, {}
        relation = replace(relation, sources=[*relation.sources])
        lookups = Lookups(self.alias, relation.entries)
        environment = self._environment(relation, lookups)
        made = [
            sql.named(compile_expression(node.vars, environment, self).amount(), f"a_{node.res}")
            for node in adding
        ]
        self._look_up(relation, lookups)
        query = relation.query(lineage=self.lineage)
        for column in made:
            query.append("expressions", column)
        found = self.of_query(query, relation.held)
        alias = found.sources[0].table.alias
        return found, {str(node.res): sql.column(alias, f"a_{node.res}") for node in adding}

    def _aggregate(
        self, node: CompValue, environment: Environment, amounts: Mapping[str, SQL]
    ) -> tuple[SQL, Held]:
        distinct = bool(node.distinct)
        rows = sql.call("count", exp.Star())
        if node.name == "Aggregate_Count":
            count = Held("integer")
            if str(node.vars) == "*" and not isinstance(node.vars, Variable):
                if distinct:
                    row = [
                        value.id() if value.id() is not None else value.n3()
                        for name, value in environment.items()
                        if not name.startswith(_HIDDEN)
                    ]
                    whole = sql.call("row", *row) if row else sql.number(1)  # type: ignore[arg-type]
                    return exp.Count(this=exp.Distinct(expressions=[whole])), count
                return rows, count
            value = compile_expression(node.vars, environment, self)
            key = value.id()
            counted = key if key is not None else value.n3()
            return exp.Count(
                this=exp.Distinct(expressions=[counted]) if distinct else counted
            ), count
        maybe = Held("n3", sure=False)
        if node.name in ("Aggregate_Sum", "Aggregate_Avg"):
            macro = "summed" if node.name == "Aggregate_Sum" else "averaged"
            amount = amounts[str(node.res)]
            sums = _sums(amount, distinct=distinct)
            made = sql.once(sums, "sums", lambda it: sql.call(macro, it))
            whole = sql.equal(rows, sql.call("count", sql.call("as_double", amount)))
            return sql.cases((whole, Amount(made).n3())), maybe
        value = compile_expression(node.vars, environment, self)
        if node.name in ("Aggregate_Min", "Aggregate_Max"):
            function = "min" if node.name == "Aggregate_Min" else "max"
            if value.kinds <= {STRING}:
                return sql.call(function, value.lex()), Held("text", sure=False)
            ordered = sql.record(
                **{f"k{n}": key for n, key in enumerate(_order_keys(value))}, n3=value.n3()
            )
            best = sql.call(function, sql.cases((exp.Not(this=sql.missing(value.n3())), ordered)))
            return sql.field(best, "n3"), maybe
        if node.name == "Aggregate_Sample":
            return sql.call("min", value.n3()), maybe
        if node.name == "Aggregate_GroupConcat":
            words = value.lex()
            separator = sql.text(str(node.separator) if node.separator is not None else " ")
            listed = sql.call("list", words)
            if distinct:
                listed = sql.call("list_distinct", listed)
            joined = sql.call("array_to_string", sql.call("list_sort", listed), separator)
            whole = sql.equal(rows, sql.call("count", words))
            text = sql.call("coalesce", joined, sql.text(""))
            return sql.cases((whole, text)), Held("text", sure=False)
        raise Refusal(node.name.removeprefix("Aggregate_").upper())

    # -- expressions -----------------------------------------------------------------------------

    def _look_up(self, relation: Relation, lookups: Lookups) -> None:
        """Join the dictionary entries that an expression reads."""
        for alias, column, sure in lookups.fresh():
            same = sql.equal(sql.column(alias, "id"), column)
            relation.sources.append(Source(sql.table("terms", alias), "" if sure else "LEFT", same))
        relation.entries = lookups.entries

    def _environment(self, relation: Relation, lookups: Lookups) -> dict[str, Value]:
        return {
            name: self._read(held, relation.columns[name], lookups)
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
        elif held.kind == "amount":
            value = Amount(column)
        else:
            value = Written(column)
            if held.number:
                value.kinds = frozenset(NUMBERS)
        value.sure = held.sure
        return value

    def unbound(self, name: str) -> Value:
        return self._seen(name) or Nothing()

    def changing(self, function: str) -> str:
        """The moment of the query; a rule has none, so that its runs agree."""
        if self.dataset is None:
            raise Refusal(f"the function {function.removeprefix('Builtin_')}")
        if self._now is None:
            self._now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self._now

    def _tested(
        self, filters: list[Any], inner: Relation, environment: Environment
    ) -> tuple[list[SQL], list[Source]]:
        """The filters of a pattern of EXISTS: as tests, and as tables that must not agree."""
        tests: list[SQL] = []
        without: list[Source] = []
        for part in filters:
            if getattr(part, "name", "") != "Builtin_NOTEXISTS":
                tests.append(compile_expression(part, environment, self).truth())
                continue
            for outcome in self._without(part, inner, environment):
                (without if isinstance(outcome, Source) else tests).append(outcome)  # type: ignore[arg-type]
        return tests, without

    def function(self, iri: str, arguments: list[Any], value: Callable[[Any], Value]) -> Value:
        """The value of a function that is not SPARQL's own. Raises Refusal."""
        raise unknown_function(iri)

    def exists(self, group: CompValue, environment: Environment) -> SQL:
        """Whether a pattern has a solution that agrees with the environment (§18.6, EXISTS)."""
        group = _group_of(group)
        if group.name == "Union":
            branches = [self.exists(branch, environment) for branch in (group.p1, group.p2)]
            return sql.either(branches)
        return self._within(group, environment).exists()


@dataclass(frozen=True)
class _Within:
    """A pattern of EXISTS: its relation, how it agrees with what is outside, its filters, those put
    by, and the variables that both share. `apart`: its filters read nothing else from outside.
    `parts` are the groups of its sources that no equation connects.
    """

    relation: Relation
    conditions: list[SQL]
    tests: list[SQL]
    across: list[Any]
    shared: list[str]
    apart: bool
    parts: int

    def filtered(self) -> Relation:
        """Its solutions, whether they agree with what is outside or not."""
        return replace(self.relation, where=[*self.relation.where, *self.tests])

    def agreeing(self) -> Relation:
        """Those of its solutions that agree with what is outside."""
        tests = self.tests
        if tests and self.conditions and self.parts > 1:
            # else DuckDB would test all pairs before it asks which of them agree with outside
            tests = [sql.cases((sql.both(self.conditions), sql.both(tests)))]
        return replace(self.relation, where=[*self.relation.where, *tests, *self.conditions])

    def exists(self) -> SQL:
        """Whether some solution agrees with what is outside."""
        return exp.Exists(this=self.agreeing().over([sql.number(1)]))


@dataclass(frozen=True)
class _Witness:
    """What EXISTS joins to a pattern: the best of what it finds."""

    source: Source
    where: list[SQL]
    certainties: list[SQL]
    lineages: list[SQL]


class _Far(Known):
    """A term on the inner side of an OPTIONAL, whose fields are handed out of its query."""

    def __init__(self, value: Value, alias: str, fields: list[SQL], name: str) -> None:
        assert isinstance(value, Known)
        super().__init__(sql.column(alias, f"v_{name}"), value.lookups, node=value.node)
        self.sure = value.sure
        self._value = value
        self._alias = alias
        self._fields = fields
        self._name = name

    def _field(self, name: str) -> SQL:
        label = f"{name}_{self._name}"
        if sql.identifier(label).name not in [part.alias for part in self._fields]:
            self._fields.append(sql.named(self._value._field(name), label))
        return sql.column(self._alias, label)


_NAMES = {
    "ServiceGraphPattern": "SERVICE",
    "Slice": "LIMIT or OFFSET",
    "OrderBy": "ORDER BY",
}
_MENDS = {
    "ServiceGraphPattern": "Load the remote data as a source instead.",
    "Slice": "A rule gives all its answers; use MIN, MAX or FILTER NOT EXISTS for the first.",
    "OrderBy": "Findings have an order of their own.",
}
_EXISTS = ("Builtin_EXISTS", "Builtin_NOTEXISTS")
_JOINED_AS_WHOLE = ("BGP", "Extend", "Filter", "Join", "Union")
"""Patterns of which each part is joined with whatever the whole is joined with."""


class _Way(NamedTuple):
    """A triple pattern that says what a variable can be: a side of a predicate's table, where it is
    the subject with a value, if that is known."""

    predicate: str
    side: str
    value: Any


def _by_name(ways: tuple[_Way, ...]) -> tuple[Any, ...]:
    return any(way.predicate == RDF_TYPE for way in ways), len(ways), [way[:2] for way in ways]


def _ways_to(end: Any, steps: Iterable[tuple[Any, Any, Any]]) -> list[tuple[_Way]]:
    """What triple patterns, each by itself, say of a variable."""
    return [
        (_Way(str(predicate), side, value if isinstance(value, (URIRef, Literal)) else None),)
        for subject, predicate, value in steps
        if isinstance(predicate, URIRef)
        for side, term in (("s", subject), ("o", value))
        if term == end
    ]


def _ways_into(end: Any, group: CompValue) -> list[tuple[_Way, ...]]:
    """The same for a group that surely binds a variable: ways of which one at least leads to it."""
    if group.name == "Union":
        sides = [_ways_into(end, side) for side in (group.p1, group.p2)]
        return [(*min(sides[0], key=_by_name), *min(sides[1], key=_by_name))] if all(sides) else []
    if group.name == "Join":
        return [*_ways_into(end, group.p1), *_ways_into(end, group.p2)]
    if group.name in ("Filter", "Extend"):
        return _ways_into(end, group.p)
    return [*_ways_to(end, _sure_steps(group))]


def _sure_steps(group: CompValue) -> list[tuple[Any, Any, Any]]:
    """Triple patterns that every solution of a group fits."""
    if group.name == "BGP":
        return _in_order(group.triples)
    if group.name == "Join":
        return [*_sure_steps(group.p1), *_sure_steps(group.p2)]
    if group.name in ("Filter", "Extend"):
        return _sure_steps(group.p)
    return _sure_steps(group.p1) if group.name in ("LeftJoin", "Minus") else []


def _alike_by_id(inner: Relation, shared: list[str], environment: Environment) -> bool:
    """Whether all that a pattern shares with what is outside is surely there and an identifier."""
    return all(
        inner.held[name].sure and inner.held[name].kind == "id" and environment[name].sure
        for name in shared
    )


def _held_afterwards(group: CompValue, outside: Set[str]) -> bool:
    """Whether holding the solutions of a pattern against what is outside is the same as putting
    the values from outside into its parts.

    So it is with joins and unions of triples, and with an OPTIONAL, FILTER or BIND over these that
    reads nothing from outside but what is surely bound beside it.
    """

    def apart(*parts: Any) -> bool:
        reads = set().union(*map(names_in, parts)) & outside
        asks = any(part.name in _EXISTS for part in _parts(parts[-1]))
        return not asks and reads <= _surely(group.p1 if "p1" in group else group.p)

    if group.name in ("Join", "Union"):
        return _held_afterwards(group.p1, outside) and _held_afterwards(group.p2, outside)
    if group.name == "LeftJoin":
        both = _held_afterwards(group.p1, outside) and _held_afterwards(group.p2, outside)
        return both and apart(group.p2, group.expr)
    if group.name == "Filter":
        return _held_afterwards(group.p, outside) and apart(group.expr)
    if group.name == "Extend":
        return _held_afterwards(group.p, outside) and apart(group.var, group.expr)
    if group.name == "Graph":
        return _held_afterwards(group.p, outside)
    return group.name == "BGP" or (group.name == "ToMultiSet" and group.p.name == "values")


def _surely(group: CompValue) -> set[str]:
    """The variables that every solution of such a pattern binds."""
    if group.name == "Join":
        return _surely(group.p1) | _surely(group.p2)
    if group.name == "Union":
        return _surely(group.p1) & _surely(group.p2)
    if group.name == "LeftJoin":
        return _surely(group.p1)
    if group.name in ("Filter", "Extend"):
        return _surely(group.p)
    if group.name == "Graph":
        return _surely(group.p) | names_in(group.term)
    return names_in(group.triples) if group.name == "BGP" else set()


def _order_keys(value: Value) -> list[SQL]:
    """What a value is ordered by (§15.1), NULL where a key says nothing of it."""
    if value.kinds <= {*NUMBERS}:  # a long expression would take long to plan
        return [value.num(), sql.call("tie_key", value.cls(), value.num(), value.lex())]
    cls = value.cls()
    rank = sql.cases(
        (sql.missing(value.n3()), sql.number(0)),
        (sql.equal(cls, sql.number(BLANK)), sql.number(1)),
        (sql.equal(cls.copy(), sql.number(IRI)), sql.number(2)),
        (Value._is(cls.copy(), NUMBERS), sql.number(3)),
        otherwise=exp.Add(this=sql.number(4), expression=cls.copy()),
    )
    tie = sql.call("tie_key", value.cls(), value.num(), value.lex())
    moment = [value.moment()] if value.kinds & {*MOMENTS} else []
    return [rank, value.num(), tie, *moment, value.lex()]


def _sums(amount: SQL, *, distinct: bool) -> SQL:
    """The sums of a group from which `summed` and `averaged` are made."""
    if not distinct:

        def over(function: str, macro: str | None) -> SQL:
            return sql.call(function, sql.call(macro, amount) if macro else sql.field(amount, "c"))

        exact = sql.call("count", sql.field(amount, "u"))
        count = sql.call("count", amount)
    else:
        every = exp.Distinct(expressions=[sql.call("trimmed", amount)])
        listed = sql.call("list", every)

        def over(function: str, macro: str | None) -> SQL:
            each = exp.column("each")
            part = sql.call(macro, each) if macro else sql.field(each, "c")
            made = exp.Lambda(this=part, expressions=[exp.to_identifier("each")])
            return sql.call(f"list_{function}", sql.call("list_transform", listed, made))

        some = sql.call("list_transform", listed, exp.Lambda(
            this=sql.field(exp.column("each"), "u"), expressions=[exp.to_identifier("each")]
        ))  # fmt: skip
        exact = sql.call("list_count", some)
        count = sql.call("coalesce", sql.call("len", listed), sql.number(0))
    return sql.record(
        c=over("max", None), n=over("sum", "as_double"), h=over("sum", "high_part"),
        m=over("sum", "middle_part"), l=over("sum", "low_part"), e=exact, k=count,
    )  # fmt: skip


def _parts_of(relation: Relation) -> int:
    """How many groups of sources it has that no equation connects."""
    groups = [{source.table.alias} for source in relation.sources]
    for condition in [
        *relation.where,
        *(s.on for s in relation.sources if s.on is not None),
    ]:
        named = {column.table for column in condition.find_all(exp.Column)}
        touched = [group for group in groups if group & named]
        groups = [group for group in groups if not group & named]
        groups += [set().union(*touched)] if touched else []
    return len(groups)


def _if_any(query: exp.Select) -> None:
    """Give an aggregate over no rows no row."""
    some = exp.GT(this=sql.call("count", exp.Star()), expression=sql.number(0))
    query.set("having", exp.Having(this=some))


def _flattened(lineage: SQL) -> SQL:
    every = sql.call("flatten", sql.call("list", lineage))
    return sql.call("coalesce", sql.call("list_distinct", every), NO_TRIPLES)


def _group_of(node: CompValue) -> CompValue:
    """The pattern of an EXISTS, without the braces and empty groups around it."""
    group: CompValue = node.graph if node.name in _EXISTS else node
    if group.name in ("GroupGraphPatternSub", "SubSelect"):
        group = translateGroupGraphPattern(group)
    while group.name == "Join" and group.p1.name == "BGP" and not group.p1.triples:
        group = group.p2
    return group


def _conjuncts(node: Any) -> Iterator[Any]:
    """The conditions that a FILTER joins by &&; !EXISTS counts as NOT EXISTS."""
    name = getattr(node, "name", "")
    if name == "ConditionalAndExpression":
        for part in [node.expr, *node.other]:
            yield from _conjuncts(part)
    elif name == "UnaryNot" and getattr(node.expr, "name", "") in _EXISTS:
        other = _EXISTS[1 - _EXISTS.index(node.expr.name)]
        yield CompValue(other, graph=node.expr.graph)
    else:
        yield node


def _in_stages(node: CompValue) -> CompValue:
    """A FILTER with very many conditions as FILTERs of a stage's worth, one after the other."""
    parts = list(_conjuncts(node.expr))
    if sum(getattr(part, "name", "") in _EXISTS for part in parts) <= STAGE:
        return node
    for start in range(0, len(parts), STAGE):
        first, *rest = parts[start : start + STAGE]
        both = CompValue("ConditionalAndExpression", expr=first, other=rest)
        node = CompValue("Filter", p=node.p if start == 0 else node, expr=both if rest else first)
    return node


def _branches(node: CompValue) -> Iterator[CompValue]:
    """The branches of a UNION, and of those that are its first branches."""
    if node.name == "Union":
        yield from _branches(node.p1)
        yield node.p2
    else:
        yield node


def _reads_beside(
    node: Any, inside: Collection[str], beside: Collection[str], environment: Environment
) -> bool:
    """Whether what a condition reads from outside is all to be had from `beside`."""
    outer = {name for name in names_in(node) if name not in inside and name in environment}
    asks = any(part.name in _EXISTS for part in _parts(node))
    return bool(outer) and outer <= {*beside} and not asks


def _steps(
    subject: Any, predicate: Any, value: Any, between: Iterator[BNode]
) -> Iterator[tuple[Any, Any, Any]]:
    """A triple pattern with its path's sequences and inverses taken apart (§18.2.2.4)."""
    if isinstance(predicate, InvPath):
        yield from _steps(value, predicate.arg, subject, between)
    elif isinstance(predicate, SequencePath):
        here = subject
        for step in predicate.args[:-1]:
            there = next(between)
            yield from _steps(here, step, there, between)
            here = there
        yield from _steps(here, predicate.args[-1], value, between)
    else:
        yield subject, predicate, value


def _may_read(path: Any, feeds: frozenset[str]) -> bool:
    """Whether a path may read one of the predicates that `feeds` names."""
    if feeds and isinstance(path, NegatedPath):
        return True
    inner = [getattr(path, name, ()) for name in ("args", "arg", "path")]
    parts = [part for found in inner for part in (found if isinstance(found, list) else [found])]
    return bool(feeds & frozenset(iris_in(path))) or any(
        _may_read(part, feeds) for part in parts if isinstance(part, Path)
    )


def _in_order(triples: Any) -> list[tuple[Any, Any, Any]]:
    return sorted(triples, key=lambda triple: tuple(str(term) for term in triple))


def _connected(triples: list[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
    """Triple patterns each after one that shares a variable with it, if there is one."""
    by_term: dict[Any, list[int]] = {}
    for place, triple in enumerate(triples):
        for term in triple:
            if isinstance(term, (Variable, BNode)):
                by_term.setdefault(term, []).append(place)
    order: dict[int, None] = {}
    for start in range(len(triples)):
        waiting = [start]
        for place in waiting:
            if place not in order:
                order[place] = None
                terms = (term for term in triples[place] if term in by_term)
                waiting += [near for term in terms for near in by_term.pop(term)]
    return [triples[place] for place in order]


def _parts(node: Any) -> Iterator[CompValue]:
    if isinstance(node, CompValue):
        yield node
        for _, value in members(node):
            yield from _parts(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _parts(value)
