"""SPARQL text read into algebra."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from threading import RLock
from typing import Any

import rdflib
from pyparsing import ParseException, ParseResults
from rdflib import Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, SequencePath
from rdflib.plugins.sparql.algebra import translateQuery, translateUpdate
from rdflib.plugins.sparql.parser import parseQuery, parseUpdate
from rdflib.plugins.sparql.parserutils import CompValue


class _AsWritten:
    """While it holds, rdflib leaves literals as they are spelt: 1.2e4 is not made 12000.0."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._before = True

    def __enter__(self) -> None:
        self._lock.acquire()
        self._before, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False

    def __exit__(self, *_: object) -> None:
        rdflib.NORMALIZE_LITERALS = self._before
        self._lock.release()


_as_written = _AsWritten()


class QuerySyntaxError(Exception):
    """A query that is not SPARQL 1.1; `line` and `column` count from 1 within the query."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(reason)


def read_query(text: str, prefixes: Mapping[str, str]) -> CompValue:
    """The algebra of a SPARQL 1.1 query; nobody may change it. Raises QuerySyntaxError."""
    return _read(text, tuple(sorted(prefixes.items())))


@lru_cache(maxsize=1024)  # parsing takes 15 ms, and checking, ordering and compiling all read
def _read(text: str, prefixes: tuple[tuple[str, str], ...]) -> CompValue:
    try:
        with _as_written:
            parsed = parseQuery(text)
    except ParseException as error:
        found = (
            text.splitlines()[error.lineno - 1][error.column - 1 :].split() if text.strip() else []
        )
        reason = f"'{found[0]}' does not belong here" if found else "the query ends too early"
        raise QuerySyntaxError(reason, error.lineno, error.column) from None
    _keep_constant_filters(parsed)
    try:
        with _as_written:
            algebra = translateQuery(parsed, initNs=dict(prefixes)).algebra
    except Exception as error:  # rdflib raises bare Exception for prefixes and scopes
        raise QuerySyntaxError(str(error).strip(), 1, 1) from None
    result: CompValue = algebra
    return result


def read_update(text: str, prefixes: Mapping[str, str]) -> CompValue:
    """The algebra of one DELETE … INSERT … WHERE; nobody may change it.

    It has `delete` and `insert`, each with `triples` or None, and `where`. Raises QuerySyntaxError
    for any other update, and for one that names graphs or reaches out.
    """
    try:
        with _as_written:
            parsed = parseUpdate(text)
    except ParseException as error:
        raise QuerySyntaxError("it is not SPARQL 1.1 Update", error.lineno, error.column) from None
    try:
        with _as_written:
            listed = translateUpdate(parsed, initNs=dict(prefixes)).algebra
    except Exception as error:  # rdflib raises bare Exception for prefixes and scopes
        raise QuerySyntaxError(str(error).strip(), 1, 1) from None
    if len(listed) != 1:
        raise QuerySyntaxError(f"it holds {len(listed)} updates", 1, 1)
    if listed[0].name != "Modify":
        raise QuerySyntaxError("it is not a DELETE or INSERT with WHERE", 1, 1)
    if listed[0].withClause or listed[0].using:
        raise QuerySyntaxError("WITH and USING name graphs", 1, 1)
    algebra: CompValue = listed[0]
    for part in (algebra.delete, algebra.insert):
        if part and part.quads:
            raise QuerySyntaxError("GRAPH names a graph", 1, 1)
    outside = _kinds_in(algebra.where) & {"ServiceGraphPattern", "Graph"}
    if outside:
        raise QuerySyntaxError("SERVICE and GRAPH are not allowed in a change", 1, 1)
    if not _FORM.match(text):
        raise QuerySyntaxError("its parts are not in the usual order", 1, 1)
    return algebra


_FORM = re.compile(
    r"\s*(?:DELETE\s*\{[^{}]*\}\s*)?(?:INSERT\s*\{[^{}]*\}\s*)?WHERE\s*(?=\{)", re.IGNORECASE
)


def pattern_of(update: str) -> str:
    """The text of the WHERE of an update that `read_update` takes, its braces included."""
    found = _FORM.match(update)
    return update[found.end() :] if found else ""


def _kinds_in(node: Any) -> set[str]:
    if isinstance(node, CompValue):
        return {node.name} | {kind for _, value in members(node) for kind in _kinds_in(value)}
    if isinstance(node, (list, tuple, set, frozenset)):
        return {kind for value in node for kind in _kinds_in(value)}
    return set()


def _keep_constant_filters(node: Any) -> None:
    """Deny the condition of FILTER and HAVING twice where it is a mere literal.

    rdflib asks whether there is a filter by its truth, and so loses FILTER(false).
    """
    if isinstance(node, CompValue):
        if node.name == "Filter" and _is_literal(_innermost(node.expr)):
            node["expr"] = CompValue(
                "UnaryNot", expr=CompValue("UnaryNot", expr=_innermost(node.expr))
            )
        for value in node.values():
            _keep_constant_filters(value)
    elif isinstance(node, (list, tuple, ParseResults)):
        for value in node:
            _keep_constant_filters(value)


def _is_literal(node: Any) -> bool:
    return isinstance(node, Literal) or getattr(node, "name", "") == "literal"


_STEPS = frozenset(
    ("ConditionalOrExpression", "ConditionalAndExpression", "RelationalExpression",
     "AdditiveExpression", "MultiplicativeExpression")
)  # fmt: skip


def _innermost(node: Any) -> Any:
    """An expression without the empty steps that the grammar puts around it."""
    while isinstance(node, CompValue) and node.name in _STEPS and node.other is None:
        node = node.expr
    return node


def members(node: CompValue) -> Iterator[tuple[str, Any]]:
    """The parts of a node of a query's algebra by name.

    rdflib keeps the algebra of an EXISTS beside its entry `graph`, which it leaves as parsed but
    without its FILTERs.
    """
    for key, value in node.items():
        if key != "_vars":
            yield key, node.graph if key == "graph" else value


def names_in(node: Any) -> set[str]:
    """The variables that occur anywhere in a part of a query, EXISTS included."""
    if isinstance(node, Variable):
        return {str(node)}
    if isinstance(node, CompValue):
        return {name for _, value in members(node) for name in names_in(value)}
    if isinstance(node, (list, tuple, set, frozenset)):
        return {name for value in node for name in names_in(value)}
    return set()


def iris_in(node: Any) -> Iterator[str]:
    """Every IRI that a query names, paths and EXISTS included."""
    if isinstance(node, URIRef):
        yield str(node)
    elif isinstance(node, (AlternativePath, SequencePath)):
        for part in node.args:
            yield from iris_in(part)
    elif isinstance(node, InvPath):
        yield from iris_in(node.arg)
    elif isinstance(node, MulPath):
        yield from iris_in(node.path)
    elif isinstance(node, NegatedPath):
        yield from iris_in(node.args)
    elif isinstance(node, CompValue):
        for _, value in members(node):
            yield from iris_in(value)
    elif isinstance(node, (list, tuple, set)):
        for value in node:
            yield from iris_in(value)
