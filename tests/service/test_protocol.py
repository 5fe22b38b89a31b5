"""SPARQL 1.1 Protocol: every way to ask and to change, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pyoxigraph as ox
import pytest

if TYPE_CHECKING:
    from conftest import Live

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
HARBOUR, VALLEY = "https://example.org/harbour", "https://example.org/valley"
NAMES = "SELECT ?x { ?s <https://example.org/name> ?x }"


@pytest.fixture(scope="module", autouse=True)
def registers(live: Live) -> None:
    """Two registers, each a graph."""
    for graph, name in ((HARBOUR, "Harbour Health"), (VALLEY, "Valley Sport")):
        turtle = f'<{graph}/1> <https://example.org/name> "{name}" .'
        assert live.put(graph, turtle).status == 201


def test_a_query_comes_by_get_by_form_and_directly(live: Live) -> None:
    query = "SELECT (1 + 1 AS ?x) {}"
    by_get = live.query(query)
    by_form = live.ask("POST", "/sparql", urlencode({"query": query}), content_type=FORM)
    direct = live.ask("POST", "/sparql/", query, content_type=f"{QUERY}; charset=UTF-8")

    assert [["2"]] * 3 == [reply.column() for reply in (by_get, by_form, direct)]


def test_the_default_graph_is_the_union_of_all(live: Live) -> None:
    assert {"Harbour Health", "Valley Sport"} <= set(live.query(NAMES).column())


@pytest.mark.parametrize("way", ["get", "form", "direct"])
def test_the_dataset_is_what_the_parameters_say(live: Live, way: str) -> None:
    query = (
        "SELECT ?x ?g { { ?s <https://example.org/name> ?x } UNION"
        " { GRAPH ?g { ?s <https://example.org/name> ?x } } }"
    )
    graphs = [("default-graph-uri", HARBOUR), ("named-graph-uri", VALLEY)]
    if way == "get":
        reply = live.ask("GET", "/sparql?" + urlencode([("query", query), *graphs]))
    elif way == "form":
        body = urlencode([("query", query), *graphs])
        reply = live.ask("POST", "/sparql", body, content_type=FORM)
    else:
        reply = live.ask("POST", f"/sparql?{urlencode(graphs)}", query, content_type=QUERY)

    found = {(row["x"]["value"], "g" in row) for row in reply.json["results"]["bindings"]}
    assert {("Harbour Health", False), ("Valley Sport", True)} == found


def test_the_dataset_of_the_parameters_counts_before_that_of_the_query(live: Live) -> None:
    query = NAMES.replace("{", f"FROM <{VALLEY}> {{", 1)

    assert ["Valley Sport"] == live.query(query).column()
    reply = live.ask("GET", "/sparql?" + urlencode({"query": query, "default-graph-uri": HARBOUR}))
    assert ["Harbour Health"] == reply.column()


@pytest.mark.parametrize("way", ["parameters", "FROM"])
def test_a_graph_that_is_named_twice_counts_once(live: Live, crowded: str, way: str) -> None:
    named = f"FROM <{crowded}> FROM <{crowded}>" if way == "FROM" else ""
    twice = f"&default-graph-uri={crowded}" * 2 if way == "parameters" else ""
    query = quote(f"SELECT (COUNT(*) AS ?x) {named} {{ ?s ?p ?o }}")

    assert ["400"] == live.ask("GET", f"/sparql?query={query}{twice}").column()


def test_a_graph_that_is_not_here_is_empty_and_the_answer_says_so(live: Live) -> None:
    away = "http://127.0.0.1:9/elsewhere"

    reply = live.query(f"SELECT ?x FROM <{away}> {{ ?s ?p ?x }}")

    assert (200, []) == (reply.status, reply.column())
    assert f"<{away}>" == reply.headers["holdfast-absent"]


@pytest.mark.parametrize(
    ("query", "accept", "media"),
    [
        ("SELECT (1 AS ?x) {}", "", "application/sparql-results+json"),
        ("SELECT (1 AS ?x) {}", "application/json", "application/json"),
        ("SELECT (1 AS ?x) {}", "text/csv, */*;q=0.1", "text/csv"),
        ("SELECT (1 AS ?x) {}", "text/tab-separated-values", "text/tab-separated-values"),
        ("SELECT (1 AS ?x) {}", "application/sparql-results+xml; charset=utf-8",
         "application/sparql-results+xml"),
        ("SELECT (1 AS ?x) {}", "text/*", "text/csv"),
        ("ASK {}", "application/sparql-results+xml", "application/sparql-results+xml"),
        ("ASK {}", "", "application/sparql-results+json"),
        ("DESCRIBE <https://example.org/harbour/1>", "", "text/turtle"),
        ("CONSTRUCT { <s> <p> 1 } {}", "application/rdf+xml", "application/rdf+xml"),
        ("CONSTRUCT { <s> <p> 1 } {}", "application/ld+json", "application/ld+json"),
        ("CONSTRUCT { <s> <p> 1 } {}", "application/n-triples;q=0.2, text/turtle;q=0.1",
         "application/n-triples"),
    ],
)  # fmt: skip
def test_an_answer_has_the_form_that_the_client_wants(
    live: Live, query: str, accept: str, media: str
) -> None:
    reply = live.query(query, accept)

    assert (200, media) == (reply.status, reply.media)
    assert "Accept" in reply.headers["vary"]


@pytest.mark.parametrize("form", ["turtle", "ntriples", "rdfxml", "jsonld", "trig", "nquads", "n3"])
def test_triples_are_the_same_in_every_form(live: Live, form: str) -> None:
    reply = live.query('CONSTRUCT { <https://e.org/s> <https://e.org/p> "né"@fr } {}', format=form)

    read = ox.RdfFormat.from_media_type(reply.media)
    (quad,) = ox.parse(reply.body, format=read)  # type: ignore[arg-type]
    assert ox.Literal("né", language="fr") == quad.object


def test_a_form_that_is_not_to_be_had_is_406_and_the_forms_are_listed(live: Live) -> None:
    reply = live.query("ASK {}", "image/png")

    assert (406, "application/problem+json") == (reply.status, reply.media)
    assert "application/sparql-results+json" in reply.json["detail"]


def test_the_columns_of_a_star_stand_in_the_order_of_the_query(live: Live) -> None:
    reply = live.query(f"SELECT * {{ GRAPH <{HARBOUR}> {{ ?who ?says ?it }} }}", "text/csv")

    assert "who,says,it" == reply.text.splitlines()[0]


def test_group_concat_gives_a_plain_text(live: Live) -> None:
    reply = live.query('SELECT (GROUP_CONCAT(?o) AS ?x) { VALUES ?o { "Hafen"@de "Tal"@de } }')

    assert "xml:lang" not in reply.json["results"]["bindings"][0]["x"]


def test_relative_iris_are_under_the_address_of_the_endpoint(live: Live) -> None:
    assert [f"{live.url}/here"] == live.query("SELECT (IRI('here') AS ?x) {}").column()


def test_head_says_what_get_would_and_sends_nothing(live: Live) -> None:
    address = "/sparql?" + urlencode({"query": NAMES})
    given, told = live.ask("GET", address), live.ask("HEAD", address)

    assert (200, b"") == (told.status, told.body)
    for name in ("content-type", "content-length", "vary"):
        assert given.headers[name] == told.headers[name]


def test_a_page_elsewhere_may_ask(live: Live) -> None:
    told = live.ask(
        "OPTIONS",
        "/sparql",
        origin="https://elsewhere.example",
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )

    assert 204 == told.status
    assert "*" == told.headers["access-control-allow-origin"]
    assert "POST" in told.headers["access-control-allow-methods"]
    assert "Content-Type" in told.headers["access-control-allow-headers"]
    assert "*" == live.query("ASK {}").headers["access-control-allow-origin"]


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "status"),
    [
        ("PUT", "/sparql?query=ASK%7B%7D", b"", FORM, 405),
        ("GET", "/sparql?query=ASK%7B%7D&query=ASK%7B%7D", None, "", 400),
        ("POST", "/sparql", b"ASK {}", "text/plain", 415),
        ("POST", "/sparql", b"query=ASK%20%7B%7D", "", 415),
        ("POST", "/sparql", "ASK {}".encode("utf-16"), f"{QUERY}; charset=UTF-16", 415),
        ("POST", "/sparql", "ASK {}".encode("utf-16"), QUERY, 400),
        ("GET", "/sparql?query=ASK%20%7B", None, "", 400),
        ("GET", "/sparql?query=ASK%7B%7D&default-graph-uri=harbour", None, "", 400),
        ("GET", "/sparql?query=%FF", None, "", 400),
        ("GET", "/sparql?update=CLEAR%20ALL", None, "", 405),
        ("GET", "/update?update=CLEAR%20ALL", None, "", 405),
        ("POST", "/sparql", b"update=CLEAR+ALL&query=ASK%7B%7D", FORM, 400),
        ("POST", "/update", b"update=CLEAR+NAMED&update=CLEAR+DEFAULT", FORM, 400),
        ("POST", "/update", b"CLEAR NAMED", "text/plain", 415),
        ("POST", "/update", "CLEAR NAMED".encode("utf-16"), f"{UPDATE}; charset=UTF-16", 415),
        ("POST", "/update", b"update=CLEAR%20XYZ", FORM, 400),
        ("POST", "/update?default-graph-uri=http%3A%2F%2Fe.org%2Fg", b"CLEAR DEFAULT", UPDATE, 400),
        ("GET", "/nowhere", None, "", 404),
    ],
)  # fmt: skip
def test_what_the_protocol_does_not_know_is_refused(
    live: Live, method: str, path: str, body: bytes | None, media: str, status: int
) -> None:
    headers = {"content_type": media} if media else {}

    reply = live.ask(method, path, body, token=live.token, **headers)

    assert (status, "application/problem+json") == (reply.status, reply.media)
    assert reply.json["status"] == status
    assert reply.json["detail"]


def test_an_error_of_syntax_names_line_and_column(live: Live) -> None:
    reply = live.query("SELECT ?x {\n  ?x ex:name ?n }")

    assert (400, 2) == (reply.status, reply.json["line"])
    assert "prefix" in reply.json["detail"]


def test_a_function_that_is_not_known_is_the_clients_error(live: Live) -> None:
    reply = live.query("SELECT (<https://example.org/distance>(1) AS ?x) {}")

    assert 400 == reply.status
    assert "https://example.org/distance" in reply.json["detail"]


# -- updates ---------------------------------------------------------------------------------------

MADE = "https://example.org/made"


def test_an_update_comes_by_form_and_directly_and_is_seen_at_once(live: Live) -> None:
    insert = f'INSERT DATA {{ GRAPH <{MADE}> {{ <{MADE}/1> <https://e.org/n> "%s" }} }}'
    by_form = urlencode({"update": insert % "one"})
    assert 204 == live.write("POST", "/update", by_form, content_type=FORM).status
    assert 204 == live.update(insert % "two", "/sparql").status

    found = live.query(f"SELECT ?x {{ GRAPH <{MADE}> {{ ?s ?p ?x }} }} ORDER BY ?x").column()
    assert ["one", "two"] == found
    live.update(f"DROP GRAPH <{MADE}>")


def test_relative_iris_of_an_update_are_under_its_address(live: Live) -> None:
    live.update(f"INSERT DATA {{ GRAPH <{MADE}/base> {{ <{MADE}> <https://e.org/n> <near> }} }}")

    found = live.query(f"SELECT ?x {{ GRAPH <{MADE}/base> {{ ?s ?p ?x }} }}").column()
    assert [f"{live.url}/near"] == found


def test_the_place_of_an_error_is_one_in_the_update_that_was_sent(live: Live) -> None:
    reply = live.update("CLEAR GRAPH here")

    assert (400, 1) == (reply.status, reply.json["line"])
    assert reply.json["column"] <= len("CLEAR GRAPH here") + 1


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([("using-graph-uri", HARBOUR)], {"Harbour Health"}),
        ([("using-graph-uri", HARBOUR), ("using-graph-uri", VALLEY)],
         {"Harbour Health", "Valley Sport"}),
        ([("using-named-graph-uri", VALLEY)], {"named Valley Sport"}),
        ([("using-graph-uri", HARBOUR), ("using-named-graph-uri", VALLEY)],
         {"Harbour Health", "named Valley Sport"}),
    ],
)  # fmt: skip
def test_an_update_reads_the_graphs_of_its_parameters(
    live: Live, parameters: list[tuple[str, str]], expected: set[str]
) -> None:
    graph = "https://example.org/read"
    text = (
        f"INSERT {{ GRAPH <{graph}> {{ ?s <https://e.org/read> ?n }} }} WHERE {{"
        " { ?s <https://example.org/name> ?n } UNION"
        ' { GRAPH ?g { ?s <https://example.org/name> ?m } BIND(CONCAT("named ", ?m) AS ?n) } }'
    )

    assert 204 == live.update(text, f"/update?{urlencode(parameters)}").status
    found = live.query(f"SELECT ?x {{ GRAPH <{graph}> {{ ?s ?p ?x }} }}").column()
    live.write("DELETE", "/graphs?graph=" + quote(graph, safe=""))
    assert expected == set(found)


@pytest.mark.parametrize("clause", [f"WITH <{HARBOUR}> DELETE {{ ?s ?p 1 }}",
                                    f"DELETE {{ ?s ?p 1 }} USING <{HARBOUR}>"])  # fmt: skip
def test_a_dataset_in_the_update_and_in_its_parameters_is_refused(live: Live, clause: str) -> None:
    address = "/update?" + urlencode({"using-named-graph-uri": VALLEY})

    reply = live.update(f"{clause} WHERE {{ ?s ?p 1 }}", address)

    assert 400 == reply.status
    assert "Say it once" in reply.json["detail"]


def test_writing_needs_the_token(live: Live) -> None:
    text = f"DROP GRAPH <{HARBOUR}>"
    without = live.ask("POST", "/update", text, content_type=UPDATE)
    wrong = live.ask("POST", "/update", text, content_type=UPDATE, token="close-sesame")

    assert [401, 401] == [without.status, wrong.status]
    assert "Bearer" in without.headers["www-authenticate"]
    assert 200 == live.ask("GET", "/graphs?graph=" + quote(HARBOUR, safe="")).status


# -- limits that a client sets ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "xml", "csv", "tsv"])
def test_rows_beyond_a_limit_are_left_out_and_the_answer_says_so(
    live: Live, crowded: str, form: str
) -> None:
    query = f"SELECT ?x {{ GRAPH <{crowded}> {{ ?s ?p ?x }} }}"
    cut, whole = (live.query(query, rows=rows, format=form) for rows in ("7", "400"))

    assert ("true", "7") == (cut.headers["holdfast-truncated"], cut.headers["holdfast-rows"])
    assert ("false", "400") == (whole.headers["holdfast-truncated"], whole.headers["holdfast-rows"])
    if form == "json":
        assert 7 == len(cut.json["results"]["bindings"])
    if form in ("json", "xml", "tsv"):
        read = ox.QueryResultsFormat.from_media_type(cut.media)
        found = list(ox.parse_query_results(cut.body, format=read))  # type: ignore[arg-type]
        assert 7 == len(found)


def test_triples_beyond_a_limit_are_left_out(live: Live, crowded: str) -> None:
    query = f"CONSTRUCT {{ ?s ?p ?o }} {{ GRAPH <{crowded}> {{ ?s ?p ?o }} }}"
    reply = live.query(query, "application/n-triples", rows="9")

    assert 9 == len(reply.body.splitlines())
    assert "true" == reply.headers["holdfast-truncated"]


@pytest.mark.parametrize(("name", "value"), [("rows", "0"), ("rows", "all"), ("timeout", "-1")])
def test_a_limit_that_is_no_number_is_refused(live: Live, name: str, value: str) -> None:
    assert 400 == live.query("ASK {}", **{name: value}).status


def test_a_long_answer_arrives_whole(live: Live, crowded: str) -> None:
    pairs = f"SELECT ?x {{ GRAPH <{crowded}> {{ ?a ?b ?x . ?c ?d ?e }} }}"

    reply = live.query(pairs)

    assert 160_000 == len(reply.json["results"]["bindings"])
