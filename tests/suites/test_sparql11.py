"""The W3C's SPARQL 1.1 query tests through our compiler: `suites/sparql11`, beside the checkout."""

from __future__ import annotations

import csv
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from holdfast.answers import Answer, QueryError, answer
from holdfast.columns import Columns
from holdfast.queries import QuerySyntaxError, read_query

SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "sparql11"
MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
FIRST = "http://www.w3.org/1999/02/22-rdf-syntax-ns#first"

DIFFERENT: dict[str, str] = {}
"""Tests whose result differs from the W3C's, with the reason; docs/conformance.md has the same."""


def _cases() -> list[Any]:
    if not SUITE.is_dir():
        return []
    found = []
    for manifest in sorted(SUITE.glob("*/manifest.ttl")):
        store = ox.Store()
        store.load(path=str(manifest), format=ox.RdfFormat.TURTLE, base_iri=manifest.as_uri())
        entries = store.query(
            f"""PREFIX mf: <{MF}> PREFIX qt: <{QT}>
            SELECT ?t ?kind ?name ?query ?action ?result
              (GROUP_CONCAT(DISTINCT STR(?d); separator=" ") AS ?data)
              (GROUP_CONCAT(DISTINCT STR(?g); separator=" ") AS ?graphs)
            WHERE {{ ?t a ?kind ; mf:name ?name ; mf:action ?action
              OPTIONAL {{ ?action qt:query ?query }} OPTIONAL {{ ?t mf:result ?result }}
              OPTIONAL {{ ?action qt:data ?d }} OPTIONAL {{ ?action qt:graphData ?g }} }}
            GROUP BY ?t ?kind ?name ?query ?action ?result"""
        )
        for entry in entries:  # type: ignore[union-attr]
            kind = entry["kind"].value.rsplit("#", 1)[-1]
            if "Update" in kind or "Service" in kind:
                continue
            name = f"{manifest.parent.name}/{entry['t'].value.rsplit('#', 1)[-1]}"
            query = entry["query"] or entry["action"]
            case = (
                kind, query.value, entry["result"].value if entry["result"] else "",
                *(entry[part].value.split() if entry[part] else [] for part in ("data", "graphs")),
            )  # fmt: skip
            found.append(pytest.param(name, *case, id=f"{name} {entry['name'].value}"))
    return found


CASES = _cases()


def test_the_suite_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES:
        pytest.skip("suites/sparql11 is not beside the checkout")
    with capsys.disabled():
        print(f"\n{len(CASES)} SPARQL 1.1 query tests, {len(DIFFERENT)} expected to differ")


def _file(iri: str) -> Path:
    return Path(iri.removeprefix("file://"))


def _loaded(data: list[str], graphs: list[str], folder: str) -> Columns:
    store = ox.Dataset()
    named: list[tuple[str, ox.NamedNode | ox.DefaultGraph]] = [
        *((iri, ox.DefaultGraph()) for iri in data),
        *((iri, ox.NamedNode(iri)) for iri in graphs),
    ]
    for iri, graph in named:
        form = ox.RdfFormat.from_extension(_file(iri).suffix[1:])
        for quad in ox.parse(path=str(_file(iri)), format=form, base_iri=iri):
            store.add(ox.Quad(quad.subject, quad.predicate, quad.object, graph))
    file = Path(folder) / "data.nq"
    file.write_bytes(ox.serialize(store, format=ox.RdfFormat.N_QUADS))
    columns = Columns()
    columns.load([str(file)])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


def _expected(result: str) -> Any:
    file = _file(result)
    text = file.read_bytes()
    if file.suffix in (".srx", ".srj", ".tsv"):
        form = ox.QueryResultsFormat.from_extension(file.suffix[1:])
        return ox.parse_query_results(text, format=form)
    if file.suffix == ".csv":
        return [tuple(row) for row in csv.reader(text.decode().splitlines())]
    return list(
        ox.parse(text, format=ox.RdfFormat.from_extension(file.suffix[1:]), base_iri=result)
    )


_NUMBER = re.compile(r'^"(.*)"\^\^<.*#(integer|decimal|double|float)>$')


def _spelt(term: Any) -> str:
    if isinstance(term, ox.Literal) and (number := _NUMBER.match(str(term))):
        try:
            return f"{float(number[1].replace('INF', 'inf')):.10g} {number[2]}"
        except ValueError:
            pass
    return "_:" if isinstance(term, ox.BlankNode) else str(term)


def _rows(found: Any) -> Counter[tuple[tuple[str, str], ...]]:
    names = [variable.value for variable in found.variables]
    return Counter(
        tuple(sorted((name, _spelt(row[name])) for name in names if row[name] is not None))
        for row in found
    )


def _same(expected: Any, given: Answer, query: str) -> bool:
    if isinstance(expected, ox.QueryBoolean):
        return bool(expected) == given.boolean
    if given.triples is not None:
        one, other = (ox.Dataset(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
                      for triples in (expected, given.triples))  # fmt: skip
        for dataset in (one, other):
            dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
        return one == other
    assert given.solutions is not None
    if isinstance(expected, list) and expected and isinstance(expected[0], tuple):
        cells = Counter(
            tuple("_:" if isinstance(t, ox.BlankNode) else t.value if t else "" for t in row)
            for row in given.solutions
        )
        wanted = Counter(
            tuple("_:" if cell.startswith("_:") else cell.strip('"') for cell in row)
            for row in expected[1:]
        )
        return wanted == cells and expected[0] == given.variables
    if isinstance(expected, list):
        return _rows_of_graph(expected) == _rows_of(given)
    wanted_rows = _rows(expected)
    if re.search(r"\bREDUCED\b", query):
        return set(wanted_rows) == set(_rows_of(given))
    return wanted_rows == _rows_of(given)


def _rows_of(given: Answer) -> Counter[tuple[tuple[str, str], ...]]:
    assert given.solutions is not None
    return Counter(
        tuple(sorted((n, _spelt(t)) for n, t in zip(given.variables, row, strict=True) if t))
        for row in given.solutions
    )


def _rows_of_graph(quads: list[ox.Quad]) -> Counter[tuple[tuple[str, str], ...]]:
    said: dict[Any, list[ox.Quad]] = {}
    for quad in quads:
        said.setdefault(quad.subject, []).append(quad)
    place = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"

    def value(node: Any, name: str) -> Any:
        return next((q.object for q in said[node] if q.predicate.value == place + name), None)

    return Counter(
        tuple(
            sorted(
                (value(q.object, "variable").value, _spelt(value(q.object, "value")))
                for q in said[node]
                if q.predicate.value == place + "binding"
            )
        )
        for node in {q.object for q in quads if q.predicate.value == place + "solution"}
    )


@pytest.mark.parametrize(("name", "kind", "query", "result", "data", "graphs"), CASES)
def test_the_w3cs_query_gives_the_w3cs_answer(
    name: str, kind: str, query: str, result: str, data: list[str], graphs: list[str]
) -> None:
    text = _file(query).read_text(encoding="utf-8")
    if "Syntax" in kind:
        try:
            read_query(text, {}, query)
            read = True
        except QuerySyntaxError:
            read = False
        assert (read == kind.startswith("Positive")) == (name not in DIFFERENT)
        return
    with tempfile.TemporaryDirectory() as folder:
        columns = _loaded(data, graphs, folder)
        try:
            same = _same(_expected(result), answer(columns, text, base=query, strict=True), text)
        except QueryError:
            if name not in DIFFERENT:
                raise
            same = False
    assert same == (name not in DIFFERENT)
