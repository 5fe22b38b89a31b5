"""SPARQL text read into algebra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pyparsing import ParseException
from rdflib import URIRef
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, SequencePath
from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue


class QuerySyntaxError(Exception):
    """A query that is not SPARQL 1.1; `line` and `column` count from 1 within the query."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        self.reason = reason
        self.line = line
        self.column = column
        super().__init__(reason)


def read_query(text: str, prefixes: Mapping[str, str]) -> CompValue:
    """The algebra of a SPARQL 1.1 query. Raises QuerySyntaxError."""
    try:
        parsed = parseQuery(text)
    except ParseException as error:
        found = text.splitlines()[error.lineno - 1][error.column - 1 :].split() if text.strip() else []
        reason = f"'{found[0]}' does not belong here" if found else "the query ends too early"
        raise QuerySyntaxError(reason, error.lineno, error.column) from None
    try:
        algebra = translateQuery(parsed, initNs=dict(prefixes)).algebra
    except Exception as error:  # rdflib raises bare Exception for prefixes and scopes
        raise QuerySyntaxError(str(error).strip(), 1, 1) from None
    result: CompValue = algebra
    return result


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
        for key, value in node.items():
            if key != "_vars":
                yield from iris_in(value)
    elif isinstance(node, (list, tuple, set)):
        for value in node:
            yield from iris_in(value)
