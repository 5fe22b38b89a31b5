"""Whole queries over loaded sources: their forms, order, graphs and limits."""

from __future__ import annotations

from pathlib import Path
from subprocess import run
from sys import executable

import pyoxigraph as ox
import pytest

from holdfast.answers import QueryError, answer, serialised
from holdfast.columns import Columns

HEAD = "PREFIX ex: <https://example.org/> "


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    """Two registers that tell of one trust."""
    file = tmp_path_factory.mktemp("town") / "town.trig"
    file.write_text(
        """@prefix ex: <https://example.org/> .
        ex:north { ex:trust ex:size 9, 10 ; ex:near ex:council . }
        ex:south { ex:trust ex:size "many" ; ex:near ex:council . ex:council ex:near ex:club . }""",
        encoding="utf-8",
    )
    columns = Columns()
    columns.load([str(file)])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


def _values(columns: Columns, query: str) -> list[str]:
    found = answer(columns, HEAD + query).solutions
    assert found is not None
    return [" ".join(term.value.rsplit("/", 1)[-1] for term in row if term) for row in found]


def test_solutions_come_in_the_order_asked_for(town: Columns) -> None:
    assert ["many", "10", "9"] == _values(town, "SELECT ?n { ?s ex:size ?n } ORDER BY DESC(?n)")
    assert ["10"] == _values(town, "SELECT ?n { ?s ex:size ?n } ORDER BY ?n LIMIT 1 OFFSET 1")


def test_a_triple_that_two_registers_state_is_one_triple_of_the_union(town: Columns) -> None:
    near = "{ ex:trust ex:near ?x }"
    assert ["council"] == _values(town, f"SELECT ?x {near}")
    assert ["north", "south"] == _values(town, f"SELECT ?g {{ GRAPH ?g {near} }} ORDER BY ?g")
    assert [] == _values(town, "SELECT ?x FROM ex:north { ex:council ex:near ?x }")


def test_the_end_of_a_day_is_the_beginning_of_the_next(town: Columns) -> None:
    parts = " ".join(f"({part}(?end) AS ?{part})" for part in ("YEAR", "MONTH", "DAY", "HOURS"))
    midnight = '"1999-12-31T24:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'
    assert ["2000 1 1 0"] == _values(town, f"SELECT {parts} {{ BIND({midnight} AS ?end) }}")


def test_one_letter_may_be_two_in_another_case(town: Columns) -> None:
    query = 'SELECT (UCASE("Straße") AS ?street) (LCASE("İzmir") AS ?city) {}'
    assert ["STRASSE i\u0307zmir"] == _values(town, query)


def test_a_path_stays_within_one_graph(town: Columns) -> None:
    path = "GRAPH ?g { ex:trust ex:near/ex:near ?x }"
    assert ["south club"] == _values(town, f"SELECT ?g ?x {{ {path} }}")


def test_each_solution_has_blank_nodes_of_its_own(town: Columns) -> None:
    query = "CONSTRUCT { ?s ex:has [ ex:of ?n ] } { ?s ex:size ?n }"
    triples = answer(town, HEAD + query).triples
    assert triples is not None
    assert 3 == len({t.subject for t in triples if isinstance(t.subject, ox.BlankNode)})


def test_a_truth_is_written_as_json(town: Columns) -> None:
    found = answer(town, HEAD + "ASK { ex:club ?p ?o }")
    assert '{"head":{},"boolean":false}' == serialised(found, "json")


@pytest.mark.parametrize(
    ("query", "limits", "said"),
    [
        ("SELECT * { ?s ?p ?o }", {"rows": 2}, "more than 2 solutions"),
        ("SELECT * {\n ?s ?p }", {}, "line 2, column"),
        ("SELECT * { SERVICE <https://example.org/sparql> { ?s ?p ?o } }", {}, "SERVICE"),
        ("SELECT (<https://example.org/area>(1) AS ?x) {}", {}, "area"),
        ("SELECT ?p (COUNT(?o) AS ?n) { ?s ?p ?o }", {}, "neither grouped nor aggregated: ?p"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(
    town: Columns, query: str, limits: dict[str, int], said: str
) -> None:
    with pytest.raises(QueryError, match=r".") as error:
        answer(town, query, rows=limits.get("rows"))
    assert said in str(error.value)


MANY = 60
OFTEN = {
    "OPTIONAL {{ ?s ex:near ?n{n} }}": ["council 9"],
    "OPTIONAL {{ ?s ex:near ?n{n} FILTER(?n{n} != ?s) }}": ["council 9"],
    "?s ex:near ?n{n} .": ["council 9"],
    "?s ex:near [ ex:near ?n{n} ] .": ["club 9"],
    "?s ex:near ?n0 . MINUS {{ ?s ex:far ?n{n} }}": ["council 9"],
    "?s ex:near ?n0 . FILTER NOT EXISTS {{ ?s ex:far{n} ?x }}": ["council 9"],
    "?s ex:near ?n0 . FILTER EXISTS {{ ?s ex:near ?x }}": ["council 9"],
}


@pytest.mark.parametrize(("part", "said"), OFTEN.items())
def test_very_many_patterns_of_a_group_are_joined_in_stages(
    town: Columns, part: str, said: list[str]
) -> None:
    group = " ".join(part.format(n=n) for n in range(MANY))
    query = f"SELECT ?n0 ?size {{ ?s ex:size ?size FILTER(?size = 9) {group} }}"
    assert said == _values(town, query)


def test_the_links_of_a_long_chain_may_be_written_in_any_order(town: Columns) -> None:
    links = " ".join(f"?s{n} ex:near{'?' * (n > 0)} ?s{n + 1} ." for n in range(MANY))
    assert ["club", "council"] == _values(
        town, f"SELECT DISTINCT ?s{MANY} {{ {links} }} ORDER BY ?s{MANY}"
    )


def test_all_of_very_many_variables_are_told(town: Columns) -> None:
    names = " ".join(f"?n{n}" for n in range(MANY))
    group = " ".join(f"OPTIONAL {{ ?s ex:near ?n{n} }}" for n in range(MANY))
    found = _values(town, f"SELECT {names} (3 AS ?x) {{ ?s ex:size 9 {group} }}")
    assert [" ".join([*["council"] * MANY, "3"])] == found


def test_the_branches_of_a_long_union_keep_what_each_binds(town: Columns) -> None:
    branches = " UNION ".join(
        f"{{ ?s ex:near ?n{n % 3} BIND({n} + 1 AS ?from) }}" for n in range(MANY)
    )
    query = f"SELECT ?n1 (COUNT(*) AS ?k) (SUM(?from) AS ?sum) {{ {branches} }} GROUP BY ?n1"
    assert ["80 2440", "club 20 610", "council 20 610"] == sorted(_values(town, query))


def test_a_query_without_end_ends_at_its_deadline(town: Columns) -> None:
    every = " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(12))
    with pytest.raises(QueryError) as error:
        answer(town, f"SELECT (SUM(?c0) AS ?n) {{ {every} }}", seconds=0.2)
    assert "not answered within 0.2 seconds" in str(error.value)


def test_a_command_whose_query_is_planned_without_end_ends(tmp_path: Path) -> None:
    (tmp_path / "town.ttl").write_text("<a:a> <a:b> 1 .", encoding="utf-8")
    keys = " ".join(f"(?o + {n})" for n in range(400))
    (tmp_path / "q.rq").write_text(f"SELECT * {{ ?s ?p ?o }} ORDER BY {keys}", encoding="utf-8")
    words = [tmp_path / "town.ttl", tmp_path / "q.rq", "--seconds", "0.1"]
    done = run(
        [Path(executable).with_name("holdfast"), "query", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (2, "Error: the query: it was not answered within 0.1 seconds.") == (
        done.returncode, done.stderr[:57],
    )  # fmt: skip
