"""Whole SPARQL queries answered over columns."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

import duckdb
import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef, Variable
from rdflib.term import Identifier

from holdfast.columns import Columns
from holdfast.columns.deadline import interrupted, too_deep
from holdfast.columns.names import column_of, quoted
from holdfast.compile import Dataset, Plan, Refusal, compile_query
from holdfast.compile.patterns import STAGE
from holdfast.compile.values import n3_of
from holdfast.errors import HoldfastError
from holdfast.queries import QuerySyntaxError, read_query
from holdfast.vocabulary import PREFIXES

_UNDECLARED = re.compile(r"Unknown namespace prefix ?: ?(\S*?)")

Term = ox.NamedNode | ox.BlankNode | ox.Literal


class QueryError(HoldfastError):
    """A query that cannot be read, compiled or answered within its limits."""


@dataclass(frozen=True)
class Answer:
    """What a query gives: solutions of SELECT, the truth of ASK, triples of CONSTRUCT or DESCRIBE.

    The one that the query's form does not give is None.
    """

    variables: tuple[str, ...] = ()
    solutions: list[tuple[Term | None, ...]] | None = None
    boolean: bool | None = None
    triples: list[ox.Triple] | None = None


def answer(
    columns: Columns,
    query: str,
    *,
    base: str = "",
    strict: bool = False,
    seconds: float | None = None,
    rows: int | None = None,
) -> Answer:
    """The answer to a SPARQL 1.1 query over a loaded dataset, with whatever was inferred in it.

    The default graph is the union of all; with `strict` it is what stands in no named graph.
    `seconds` and `rows` bound the time and the solutions. Raises QueryError.
    """
    with _Asked(columns, seconds, rows) as asked:
        algebra, plan, ordered = _planned(query, base, strict)
        if algebra.name == "AskQuery":
            return Answer(boolean=bool(asked.rows(plan, ordered, "LIMIT 1")))
        found = asked.rows(plan, ordered, "")
        if algebra.name == "SelectQuery":
            names = tuple(str(name) for name in algebra.PV)
            listed = [tuple(row.get(name) for name in names) for row in found]
            return Answer(variables=names, solutions=listed)
        if algebra.name == "ConstructQuery":
            return Answer(triples=list(dict.fromkeys(_constructed(algebra.template, found))))
        wanted = [
            node
            for term in algebra.var
            for node in (
                [row.get(str(term)) for row in found]
                if isinstance(term, Variable)
                else [ox.NamedNode(str(term))]
            )
        ]
        return Answer(triples=asked.described(wanted))


def plan_of_query(columns: Columns, query: str, *, base: str = "", strict: bool = False) -> str:
    """The SQL of a query, and how DuckDB goes about it. Raises QueryError."""
    _, plan, ordered = _planned(query, base, strict)
    with _Asked(columns, None, None) as asked:
        return f"{plan.sql}\n\n{asked.explained(plan, ordered)}"


def _planned(query: str, base: str, strict: bool) -> tuple[Any, Plan, bool]:
    try:
        algebra = read_query(query, {}, base)
    except QuerySyntaxError as error:
        prefix = _UNDECLARED.fullmatch(error.reason)
        iri = PREFIXES.get(prefix[1]) if prefix else None
        raise QueryError(
            f"the prefix {prefix[1]}: is not declared." if prefix else f"{error.reason}.",
            where=f"the query: line {error.line}, column {error.column}",
            mend=f"Write PREFIX {prefix[1]}: <{iri or '…'}> before it."
            if prefix
            else "Mend the query: what stands there is not SPARQL 1.1.",
        ) from None
    default = tuple(str(part.default) for part in algebra.datasetClause if part.default)
    named = tuple(str(part.named) for part in algebra.datasetClause if part.named)
    given = bool(algebra.datasetClause)
    dataset = Dataset(strict, default if given else None, named if given else None)
    try:
        plan, ordered = compile_query(algebra, dataset)
    except Refusal as refusal:
        raise QueryError(
            f"{refusal.construct} is not answered here.", where="the query", mend=refusal.mend
        ) from None
    except RecursionError:
        raise QueryError("it is nested too deeply.", where="the query") from None
    return algebra, plan, ordered


def serialised(found: Answer, form: str) -> str:
    """An answer as json, csv, tsv, xml, turtle or ntriples.

    Raises QueryError for a form that it has not.
    """
    written: bytes | None
    if found.triples is not None:
        kinds = {"turtle": ox.RdfFormat.TURTLE, "ntriples": ox.RdfFormat.N_TRIPLES}
        if form not in kinds:
            raise QueryError(
                f"triples have no {form} form.", where="the query", mend="Use turtle or ntriples."
            )
        written = ox.serialize(found.triples, format=kinds[form])
        return (written or b"").decode()
    results = {
        "json": ox.QueryResultsFormat.JSON, "csv": ox.QueryResultsFormat.CSV,
        "tsv": ox.QueryResultsFormat.TSV, "xml": ox.QueryResultsFormat.XML,
    }  # fmt: skip
    if form not in results or (found.boolean is not None and form in ("csv", "tsv")):
        what = "a truth has" if found.boolean is not None else "solutions have"
        raise QueryError(f"{what} no {form} form.", where="the query", mend="Use json or xml.")
    if found.boolean is not None:
        truth = f'{{"head":{{}},"boolean":{str(found.boolean).lower()}}}'
        read: Any = ox.parse_query_results(truth, format=results["json"])
    else:
        read = _results(found)
    written = read.serialize(format=results[form])
    return (written or b"").decode()


def plain_text(term: Term | None) -> str:
    """A term as people read it in a table: the text of a literal, an IRI, - for nothing."""
    if term is None:
        return "-"
    return "an unnamed node" if isinstance(term, ox.BlankNode) else term.value


def _results(found: Answer) -> ox.QuerySolutions:
    """Solutions as Oxigraph's serialisers take them: read from the JSON format of results."""

    def cell(term: Term) -> dict[str, str]:
        if isinstance(term, ox.NamedNode):
            return {"type": "uri", "value": term.value}
        if isinstance(term, ox.BlankNode):
            return {"type": "bnode", "value": term.value}
        if term.language:
            return {"type": "literal", "value": term.value, "xml:lang": term.language}
        return {"type": "literal", "value": term.value, "datatype": term.datatype.value}

    rows = [
        {
            name: cell(term)
            for name, term in zip(found.variables, row, strict=True)
            if term is not None
        }
        for row in found.solutions or []
    ]
    text = json.dumps({"head": {"vars": list(found.variables)}, "results": {"bindings": rows}})
    read = ox.parse_query_results(text, format=ox.QueryResultsFormat.JSON)
    assert isinstance(read, ox.QuerySolutions)
    return read


class _Asked:
    """One query at work: a connection of its own that ends at its deadline.

    Amid changes it is that of the columns, since no other sees what is not kept yet.
    """

    def __init__(self, columns: Columns, seconds: float | None, limit: int | None) -> None:
        self.columns = columns
        self.limit = limit
        self.seconds = math.inf if seconds is None else seconds
        self.until = monotonic() + self.seconds
        self._amid = columns.changing
        self.con = columns.con if self._amid else columns.con.cursor()
        self._first = ""
        self._ending = ExitStack()

    def late(self) -> QueryError:
        """The error for a query that is not answered at its deadline."""
        return QueryError(
            f"it was not answered within {self.seconds:g} seconds.", where="the query",
            mend="Look for patterns that share no variable, or ask for less.",
        )  # fmt: skip

    def __enter__(self) -> _Asked:
        if not self._amid:
            self._ending.callback(self.con.close)
        if self.seconds < math.inf:
            self._ending.enter_context(interrupted(self.con, self.seconds, self.late))
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def _ready(self, plan: Plan) -> dict[str, int]:
        self.columns.learn([*(f"<{iri}>" for iri in plan.tables), *plan.constants.values()])
        for predicate in sorted(plan.tables):
            self.columns.table(predicate)
        if plan.any_predicate:
            every = " UNION ALL ".join(
                f"SELECT s, {number}::BIGINT AS p, o, c, t FROM {quoted(predicate)}"
                for predicate, number in sorted(self.columns.predicates.items())
            )
            nothing = "SELECT 0::BIGINT AS s, 0::BIGINT AS p, 0::BIGINT AS o, 0::TINYINT AS c,"
            every = every or f"{nothing} 0::BIGINT AS t WHERE false"
            nodes = 'SELECT s AS n FROM "*" UNION SELECT o FROM "*"'
            if self._amid:  # rules have views of these names there
                self._first = f'WITH "*" AS NOT MATERIALIZED ({every}), "*nodes" AS ({nodes}) '
            else:
                self.con.execute(f'CREATE OR REPLACE TEMP VIEW "*" AS {every}')
                self.con.execute(f'CREATE OR REPLACE TEMP VIEW "*nodes" AS {nodes}')
        return {key: self.columns.id_of(n3) for key, n3 in plan.constants.items()}

    def _statement(self, plan: Plan, ordered: bool, more: str) -> tuple[str, list[str]]:
        names = [name for name, _ in plan.columns if name != "#order"]
        kinds = dict(plan.columns)
        selected, joins = [], []
        for place, name in enumerate(names):
            if kinds[name] == "id" and not _read_later(plan):
                joins.append(f" LEFT JOIN terms t{place} ON t{place}.id = a.{column_of(name)}")
                selected.append(f"t{place}.n3")
            else:
                selected.append(f"a.{column_of(name)}")
        order = ' ORDER BY a."v_#order"' if ordered else ""
        chosen = ", ".join(selected) or "1"
        asked = f"SELECT {chosen} FROM ({plan.sql}) AS a{''.join(joins)}{order} {more}"
        return self._first + asked, names

    def rows(self, plan: Plan, ordered: bool, more: str) -> list[dict[str, Term | None]]:
        """The solutions of a plan."""
        try:
            bound = self._ready(plan)
            text, names = self._statement(plan, ordered, more)
            self.con.execute(text, bound)
            found: list[tuple[Any, ...]] = []
            while batch := self.con.fetchmany(10_000):
                found += batch
                if self.limit is not None and len(found) > self.limit:
                    raise QueryError(
                        f"it has more than {self.limit:,} solutions.", where="the query",
                        mend="Ask for fewer with LIMIT, or say more of what is wanted.",
                    )  # fmt: skip
                if monotonic() > self.until:
                    raise duckdb.InterruptException("late")
        except duckdb.InterruptException:
            if monotonic() <= self.until:  # the deadline is somebody else's
                raise
            raise self.late() from None
        except duckdb.OutOfMemoryException:
            raise QueryError(
                "it needs more memory than is allowed.", where="the query",
                mend="Look for patterns that share no variable, or ask for less.",
            ) from None  # fmt: skip
        except duckdb.Error as error:
            if too_deep(error):
                raise QueryError("it is nested too deeply.", where="the query") from None
            raise QueryError(
                f"it could not be answered: {str(error).splitlines()[0]}.", where="the query",
                mend="This is a fault in Holdfast; please report it with the query.",
            ) from None  # fmt: skip
        if _read_later(plan):
            found = self._read(found)
        known: dict[str, Term] = {}
        return [
            {name: _term(n3, known) for name, n3 in zip(names, row, strict=False)} for row in found
        ]

    def _read(self, found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Solutions with terms in the place of their numbers."""
        ids = {value for row in found for value in row if isinstance(value, int)}
        listed = self.con.execute(
            "SELECT id, n3 FROM terms WHERE id IN (SELECT unnest($ids::BIGINT[]))",
            {"ids": list(ids)},
        ).fetchall()
        terms = dict(listed)
        return [tuple(terms.get(value, value) for value in row) for row in found]

    def explained(self, plan: Plan, ordered: bool) -> str:
        """DuckDB's plan."""
        bound = self._ready(plan)
        text, _ = self._statement(plan, ordered, "")
        return "\n".join(
            str(row[1]) for row in self.con.execute(f"EXPLAIN {text}", bound).fetchall()
        )

    def described(self, nodes: Sequence[Term | None]) -> list[ox.Triple]:
        """All that is said of these nodes, and of the blank nodes that this names in turn."""
        found: dict[ox.Triple, None] = {}
        done: set[Term] = set()
        waiting = [node for node in nodes if isinstance(node, (ox.NamedNode, ox.BlankNode))]
        while waiting:
            node = waiting.pop()
            if node in done:
                continue
            done.add(node)
            for predicate in sorted(self.columns.predicates):
                for row in self.con.execute(
                    f"SELECT o.n3 FROM {quoted(predicate)} x JOIN terms s ON s.id = x.s"
                    " JOIN terms o ON o.id = x.o WHERE s.n3 = $node ORDER BY 1",
                    {"node": str(node)},
                ).fetchall():
                    value = _term(row[0], {})
                    assert value is not None
                    found[ox.Triple(node, ox.NamedNode(predicate), value)] = None
                    if isinstance(value, ox.BlankNode):
                        waiting.append(value)
        return list(found)


def _read_later(plan: Plan) -> bool:
    """Whether a plan gives so many terms that joining the dictionary for each takes too long."""
    return sum(kind == "id" for _, kind in plan.columns) >= STAGE


def _term(n3: str | None, known: dict[str, Term]) -> Term | None:
    if n3 is None:
        return None
    if n3 not in known:
        if n3.startswith("<"):
            known[n3] = ox.NamedNode(n3[1:-1])
        elif n3.startswith("_:"):
            known[n3] = ox.BlankNode(n3[2:])
        else:
            line = f"<a:> <a:> {n3} .".encode()
            (quad,) = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
            value = quad.object
            assert isinstance(value, ox.Literal)
            known[n3] = value
    return known[n3]


def _constructed(
    template: Sequence[tuple[Identifier, Identifier, Identifier]],
    found: Sequence[dict[str, Term | None]],
) -> Iterator[ox.Triple]:
    """The template with each solution put in, without the triples that RDF does not know."""
    for row in found:
        fresh: dict[str, ox.BlankNode] = {}
        for triple in template:
            s, p, o = (_filled(term, row, fresh) for term in triple)
            if isinstance(s, (ox.NamedNode, ox.BlankNode)) and isinstance(p, ox.NamedNode) and o:
                yield ox.Triple(s, p, o)


def _filled(
    term: Identifier, row: dict[str, Term | None], fresh: dict[str, ox.BlankNode]
) -> Term | None:
    if isinstance(term, Variable):
        return row.get(str(term))
    if isinstance(term, BNode):
        return fresh.setdefault(str(term), ox.BlankNode())
    assert isinstance(term, (URIRef, Literal))
    return _term(n3_of(term), {})
