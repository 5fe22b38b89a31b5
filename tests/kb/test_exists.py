"""EXISTS, graphs and limits in any place of a query, against Oxigraph where it keeps to SPARQL."""

from __future__ import annotations

from collections import Counter

import pyoxigraph as ox
import pytest

from holdfast.answers import QueryError, answer
from holdfast.columns import Columns

HEAD = "PREFIX ex: <https://example.org/> "
DATA = """@prefix ex: <https://example.org/> .
ex:walking ex:partner ex:council, ex:trust ; ex:size 1 .
ex:council ex:partner ex:trust ; ex:size 2 .
ex:trust ex:lead ex:walking ; ex:size 3 .
ex:north { ex:walking ex:partner ex:club . ex:club ex:size 5 }
ex:south { ex:council ex:partner ex:club . ex:club ex:lead ex:club }"""


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    """Partners and their leads, some told by a register."""
    file = tmp_path_factory.mktemp("partners") / "partners.trig"
    file.write_text(DATA, encoding="utf-8")
    made = Columns()
    made.load([str(file)])
    made.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return made


@pytest.fixture(scope="module")
def store() -> ox.Store:
    """The same in Oxigraph."""
    made = ox.Store()
    made.load(DATA.encode(), format=ox.RdfFormat.TRIG)
    return made


def rows(columns: Columns, query: str, *, strict: bool = False) -> Counter[tuple[str, ...]]:
    """Our solutions."""
    found = answer(columns, HEAD + query, strict=strict).solutions
    return Counter(tuple(str(term) for term in row) for row in found or [])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?x ?y { ?x ex:partner ?y"
        " FILTER EXISTS { ?y ex:partner ?z { ?z ex:size ?k FILTER(?k > 1 && ?x = ex:walking) } } }",
        "SELECT ?x ?y { ?x ex:size ?k OPTIONAL { ?x ex:partner ?y"
        " FILTER EXISTS { ?y ex:lead ?x } } }",
        "SELECT ?x ?y { ?x ex:size ?k OPTIONAL { ?x ex:partner ?y"
        " FILTER(!EXISTS { ?y ex:lead ?x } || ?k = 1) } }",
        "SELECT ?x ?z { ?x ex:size ?k OPTIONAL { ?x ex:lead ?z }"
        " OPTIONAL { ?y ex:partner ?z FILTER(?z = ex:club) } }",
        "SELECT ?x ?y { ?x ex:partner ?y FILTER NOT EXISTS {"
        " ?x ex:size ?k . ?y ex:lead ?z FILTER(?k > 1 && ?z != ex:club) } }",
        "SELECT ?x ?y { ?x ex:partner ?y FILTER NOT EXISTS {"
        " ?y ex:partner ?z OPTIONAL { ?x ex:lead ?z } FILTER(!BOUND(?z) || ?z != ex:trust) } }",
        "SELECT ?x ?y { ?x ex:partner ?y FILTER NOT EXISTS {"
        " ?y ex:partner ?z OPTIONAL { ?y ex:lead ?w } FILTER(!BOUND(?w)) } }",
        "SELECT ?x ?y { ?x ex:partner ?y FILTER NOT EXISTS { ?y ex:partner ?z"
        " FILTER NOT EXISTS { ?z ex:lead ?w } FILTER NOT EXISTS { ?y ex:lead ?x } } }",
        "SELECT ?x { ?x ex:size ?k FILTER NOT EXISTS {"
        " { ?x ex:lead ?y } UNION { ?x ex:partner ?y . ?y ex:size ?n BIND(?n + 1 AS ?m)"
        " FILTER(?m > 4) } } }",
        "SELECT ?x (EXISTS { ?x ex:partner ?y } AS ?e) { ?x ex:size ?k }",
        "SELECT ?x (COUNT(?y) AS ?n) { ?x ex:partner ?y }"
        " GROUP BY ?x HAVING(EXISTS { ?x ex:size 1 })",
        "SELECT (SUM(IF(EXISTS { ?x ex:partner ?y }, 1, 0)) AS ?n) { ?x ex:size ?k }",
        "SELECT ?x { ?x ex:size ?k FILTER EXISTS { ?z ex:partner ?w MINUS { ?w ex:lead ?x } } }",
        "SELECT ?x { ?x ex:size ?k"
        " FILTER EXISTS { ?z ex:partner ?w OPTIONAL { ?w ex:lead ?x } FILTER(BOUND(?z)) } }",
        "SELECT ?x { ?x ex:size ?k FILTER NOT EXISTS"
        " { { SELECT (COUNT(?w) AS ?c) { ?x ex:partner ?w } } FILTER(?c > 1) } }",
        "SELECT ?x { ?x ex:size ?k FILTER EXISTS"
        " { { SELECT ?x (COUNT(?w) AS ?c) { ?x ex:partner ?w } GROUP BY ?x } FILTER(?c > 1) } }",
        "SELECT ?x { ?x ex:size ?k"
        " FILTER EXISTS { { ?z ex:partner ?w FILTER EXISTS { ?w ex:lead ?x } } } }",
        "SELECT ?x { ?x ex:size ?k"
        " FILTER EXISTS { ?y ex:size ?l FILTER(ABS((?k - ?l) * 2 + 1) + ?k < 2) } }",
        "SELECT ?x { ?x ex:size ?k FILTER EXISTS { BIND(?k + 1 AS ?j) FILTER(?j = 2) } }",
        "SELECT ?x { ?x ex:size ?k"
        " FILTER EXISTS { GRAPH ?g { ?x ex:partner ?w FILTER(?k < 2) } } }",
        "SELECT ?g ?x { GRAPH ?g { ?x ex:partner ?y FILTER NOT EXISTS { ?y ex:size ?k } } }",
        "SELECT ?g { GRAPH ?g { FILTER EXISTS { ?y ex:size ?k } } }",
    ],
)
def test_exists_may_stand_anywhere(columns: Columns, store: ox.Store, query: str) -> None:
    found = store.query(HEAD + query, use_default_graph_as_union=True)
    assert isinstance(found, ox.QuerySolutions)
    names = [variable.value for variable in found.variables]
    expected = Counter(tuple(str(row[name]) for name in names) for row in found)
    assert expected == rows(columns, query)


def test_solutions_are_ordered_by_whether_something_exists(columns: Columns) -> None:
    query = "SELECT ?x { ?x ex:size ?k } ORDER BY DESC(EXISTS { ?x ex:partner ?y }) ?k"
    found = answer(columns, HEAD + query).solutions
    assert ["walking", "council", "trust", "club"] == [
        row[0].value.rsplit("/", 1)[-1] for row in found or [] if row[0]
    ]


def test_each_graph_is_counted_by_itself_even_one_without_a_match(columns: Columns) -> None:
    query = "SELECT ?g ?n { GRAPH ?g { SELECT (COUNT(*) AS ?n) { ?y ex:size ?k } } }"
    integer = "^^<http://www.w3.org/2001/XMLSchema#integer>"
    expected = {("north", f'"1"{integer}'): 1, ("south", f'"0"{integer}'): 1}
    assert expected == {
        (graph.rsplit("/", 1)[-1].strip(">"), n): count
        for (graph, n), count in rows(columns, query).items()
    }


def test_each_graph_has_a_limit_of_its_own(columns: Columns) -> None:
    query = "SELECT ?g ?s { GRAPH ?g { SELECT ?s { ?s ?p ?o } ORDER BY DESC(?s) LIMIT 1 } }"
    assert ["council", "walking"] == sorted(
        subject.rsplit("/", 1)[-1].strip(">") for _, subject in rows(columns, query)
    )


def test_the_default_graph_may_be_what_no_graph_names(columns: Columns) -> None:
    query = "SELECT ?s { ?s ex:size ?n }"
    assert (4, 3) == (len(rows(columns, query)), len(rows(columns, query, strict=True)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('REGEX("a b", "A  b", "xi")', "false"),
        ('REGEX("ab", "A b", "xi")', "true"),
        ('REGEX("a.b", "a.b", "q")', "true"),
        ('REGEX("acb", "a.b", "q")', "false"),
        ('REGEX("ab", "(")', None),
        ('REGEX("ab", "a", "z")', None),
        ('REGEX("ab", CONCAT("^", "b"))', "false"),
        ('REPLACE("abab", "B", "$0$0", "i")', "abbabb"),
        ('SUBSTR("hello", 0, 3)', "he"),
        ('SUBSTR("hello", -1)', "hello"),
        ('SUBSTR("hello", 1.5, 2.6)', "ell"),
        ('SUBSTR("hello", 9)', ""),
        ('SUBSTR("hello", 2, STRLEN("abc"))', "ell"),
        ('SUBSTR("hello", 2, STRLEN(""))', ""),
        ('SUBSTR("hello", 2, YEAR("-2026-11-30T00:00:00"^^xsd:dateTime))', ""),
        ('SUBSTR("hello", 1, STRLEN(1/0))', None),
        ('IRI("no scheme")', None),
        ("LANG(1/0)", None),
        ("isLITERAL(STR(1/0))", None),
        ('STR(1/0) = "a"', None),
        ('"abc"^^<http://www.w3.org/2001/XMLSchema#integer> || false', "false"),
    ],
)
def test_an_expression_has_the_value_that_sparql_gives_it(
    columns: Columns, expression: str, expected: str | None
) -> None:
    found = answer(columns, f"{HEAD}SELECT ({expression} AS ?value) {{}}").solutions
    assert found is not None
    assert expected == (found[0][0].value if found[0][0] else None)


def test_functions_may_be_nested_deeply(columns: Columns) -> None:
    expression, expected = "?x", "é"
    for _ in range(4):
        expression = f'CONCAT(UCASE(COALESCE({expression}, "")), "x")'
        expected = expected.upper() + "x"
    query = f'SELECT ({expression} AS ?value) {{ VALUES ?x {{ "é" }} }}'
    assert {(f'"{expected}"',): 1} == rows(columns, query)


NESTED = {
    "OPTIONAL": "SELECT * {{ VALUES ?x {{ 1 }} {} {} }}".format(
        "OPTIONAL { ?x ?p ?y " * 100, "}" * 100
    ),
    "groups": "SELECT * {{ {} VALUES ?x {{ 1 }} {} }}".format("{" * 100, "}" * 100),
    "SELECT": "SELECT * {{ {} VALUES ?x {{ 1 }} {} }}".format("{ SELECT ?x { " * 100, "} }" * 100),
    "IF": "SELECT ({} 1 {} AS ?x) {{}}".format("IF(1 > 2, 0, " * 100, ")" * 100),
    "UNION": "SELECT * {{ {} }}".format(" UNION ".join(["{ VALUES ?x { 1 } }"] * 100)),
}


@pytest.mark.parametrize("query", NESTED.values(), ids=NESTED)
def test_patterns_may_be_nested_a_hundred_deep(columns: Columns, query: str) -> None:
    found = answer(columns, query).solutions
    assert found is not None
    assert {"1"} == {row[0].value for row in found if row[0]}


def test_what_is_nested_thousands_deep_is_told_so(columns: Columns) -> None:
    with pytest.raises(QueryError, match="nested too deeply"):
        answer(columns, "SELECT ({} 1 {} AS ?x) {{}}".format("(" * 5000, ")" * 5000))


@pytest.mark.parametrize("often", ["", "*"])
def test_a_path_may_have_hundreds_of_alternatives(often: str, columns: Columns) -> None:
    kinds = "|".join(f"ex:kind{number}" for number in range(300))
    found = answer(columns, f"{HEAD}SELECT ?y {{ ex:nobody ({kinds}){often} ?y }}").solutions
    assert found is not None
    assert (1 if often else 0) == len(found)


EVERYTHING = " . ".join(f"?a{n} ?b{n} ?c{n}" for n in range(14))


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"SELECT * {{ {EVERYTHING} }}", "more than 1,000 solutions"),
        (f"SELECT (COUNT(*) AS ?n) {{ {EVERYTHING} FILTER(?a0 != ?a9) }}", "within 1 seconds"),
    ],
)
def test_a_query_without_bound_ends_with_a_reason(
    columns: Columns, query: str, reason: str
) -> None:
    with pytest.raises(QueryError, match=reason):
        answer(columns, HEAD + query, seconds=1 if "within" in reason else 60, rows=1000)
