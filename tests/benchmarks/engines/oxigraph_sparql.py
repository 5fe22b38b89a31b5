"""Oxigraph: the query of each SPARQL constraint, over all focus nodes at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyoxigraph import QuerySolution, QuerySolutions, RdfFormat, Store

from engines.child import Result, query_of, work

Answered = tuple[str, bool, list[QuerySolution]]


def load(data: Path) -> Store:
    store = Store()
    store.bulk_load(path=str(data), format=RdfFormat.N_TRIPLES)
    return store


def run(store: Store, file: Path) -> Answered:
    shape, query = query_of(file)
    found = store.query(query)
    assert isinstance(found, QuerySolutions)
    return shape, "value" in {name.value for name in found.variables}, list(found)


def read(answered: Answered) -> Iterator[Result]:
    shape, has_value, solutions = answered
    for solution in solutions:
        focus = solution["this"]
        value = solution["value"] if has_value else None
        yield shape, str(focus), str(focus if value is None else value)


if __name__ == "__main__":
    work(load, run, read)
