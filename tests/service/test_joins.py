"""Queries are joined set at a time where that pays, and always have the answers they had."""

from __future__ import annotations

import json
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.policy import read_request
from holdfast_service import joins
from holdfast_service.rewriting import reworded
from holdfast_service.worker import _joins_over

BASE = "https://example.org/sparql"
HEAD = "PREFIX hf: <https://w3id.org/holdfast/ns#> PREFIX : <https://example.org/> "

MANY_SEATS = "".join(
    f":seat{n} a hf:Membership ; hf:member :partner{n % 40} ; hf:belongsTo :venture{n % 300} .\n"
    for n in range(2_500)
)


def store_of(turtle: str) -> ox.Store:
    """A store with one register."""
    store = ox.Store()
    store.load(f"{HEAD}{turtle}", format=ox.RdfFormat.TRIG)
    return store


def rows(store: ox.Store, text: str) -> list[str]:
    """The rows of an answer, in an order of their own."""
    found: Any = store.query(text, base_iri=BASE, use_default_graph_as_union=True)
    listed = json.loads(found.serialize(format=ox.QueryResultsFormat.JSON))
    return sorted(json.dumps(row, sort_keys=True) for row in listed["results"]["bindings"])


@pytest.fixture(scope="module")
def seats() -> ox.Store:
    """Some three hundred ventures, with more seats in them than are looked up one by one."""
    return store_of(f"GRAPH :register {{ {MANY_SEATS} }}")


def text_for(store: ox.Store, query: str, *, some: bool = False) -> str:
    """A query as the store is given it."""
    return reworded(HEAD + query, _joins_over(store)(HEAD + query, BASE, some))


def test_a_question_over_a_whole_register_is_joined_set_at_a_time(seats: ox.Store) -> None:
    query = (
        "SELECT ?v (COUNT(DISTINCT ?o) AS ?n)"
        " { ?m a hf:Membership ; hf:member ?o . FILTER(?o != :partner7) ?m hf:belongsTo ?v }"
        " GROUP BY ?v"
    )
    made = text_for(seats, query)

    assert 3 == made.count("{ ?m ")
    assert "FILTER(?o != :partner7)" in made
    assert rows(seats, HEAD + query) == rows(seats, made)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?o { ?m hf:belongsTo :venture7 ; hf:member ?o }",  # few: they are looked up
        "SELECT ?o { ?m a hf:Membership ; hf:member ?o } LIMIT 20",
        "ASK { ?m a hf:Membership ; hf:member ?o }",
        "SELECT (GROUP_CONCAT(?o) AS ?all) { ?m a hf:Membership ; hf:member ?o }",
        "SELECT ?o { VALUES ?m { :seat1 } ?m a hf:Membership ; hf:member ?o }",
        "SELECT ?o { ?m a hf:Membership ; hf:member ?o } VALUES ?m { :seat1 }",
        "SELECT ?o { ?m a hf:Membership ; hf:member/hf:within ?o }",
        "SELECT ?o { ?m a hf:Membership ; ^hf:member ?o }",
        "SELECT ?o { ?m a hf:Membership ; hf:member ?o . { ?m hf:belongsTo :venture7 } }",
        "SELECT ?o { ?m a hf:Membership OPTIONAL { ?m hf:belongsTo ?v } ?m hf:member ?o }",
        "SELECT ?o { GRAPH :register { ?m a hf:Membership ; hf:member ?o } }",
        "SELECT ?o FROM :register { ?m a hf:Membership ; hf:member ?o }",
        "SELECT ?o { _:m a hf:Membership ; hf:member ?o }",
        "SELECT ?o { [ a hf:Membership ] hf:member ?o }",
        "SELECT ?a ?b { ?a hf:member ?c . ?b a hf:Membership }",  # a product
        "SELECT ?a ?b { ?a a ?c . ?b a ?c }",  # fans out
    ],
)
def test_any_other_query_stays_as_it_is(seats: ox.Store, query: str) -> None:
    assert HEAD + query == text_for(seats, query)


def test_where_some_rows_are_wanted_only_what_gathers_is_joined_so(seats: ox.Store) -> None:
    listed = "SELECT ?m ?o { ?m a hf:Membership ; hf:member ?o }"
    counted = "SELECT (COUNT(*) AS ?n) { ?m a hf:Membership ; hf:member ?o }"

    assert HEAD + listed == text_for(seats, listed, some=True)
    assert HEAD + counted != text_for(seats, counted, some=True)


TERMS = st.sampled_from([":harbour", ":valley", ":council", ":trust"])
FACTS = st.lists(
    st.tuples(
        st.sampled_from([":one", ":two"]),
        TERMS,
        st.sampled_from(["hf:member", "hf:within", "a"]),
        st.one_of(TERMS, st.sampled_from(['"Harbour"@en', "3", '"3"^^hf:code'])),
    ),
    max_size=14,
)
VARIABLES = st.sampled_from(["?a", "?b", "?c", "$d"])
PATTERNS = st.lists(
    st.tuples(
        st.one_of(VARIABLES, TERMS),
        st.one_of(VARIABLES, st.sampled_from(["hf:member", "hf:within", "a"])),
        VARIABLES,
    ),
    min_size=2,
    max_size=4,
)
FILTERS = st.lists(
    st.sampled_from(
        [
            "FILTER(?a != :valley)",
            "FILTER EXISTS { ?a hf:within ?x }",
            "FILTER NOT EXISTS { ?b hf:member ?a }",
            "FILTER(BOUND(?c) || ?b = ?a)",
        ]
    ),
    max_size=2,
)
AFTER = st.sampled_from(
    ["", "OPTIONAL { ?a hf:within ?e FILTER(?e != ?b) }", "MINUS { ?a hf:member ?b }",
     "BIND(STR(?a) AS ?e)"]
)  # fmt: skip
FORMS = st.sampled_from(
    [
        "SELECT * { %s }",
        "SELECT DISTINCT ?a ?b WHERE { %s }",
        "SELECT ?a (COUNT(*) AS ?n) (COUNT(DISTINCT ?b) AS ?m) { %s } GROUP BY ?a",
        "SELECT (MAX(?b) AS ?most) { %s } HAVING (COUNT(?a) > 1)",
    ]
)


@given(facts=FACTS, patterns=PATTERNS, filters=FILTERS, after=AFTER, form=FORMS)
def test_a_reworded_query_has_the_same_rows_as_often(
    facts: list[tuple[str, str, str, str]],
    patterns: list[tuple[str, str, str]],
    filters: list[str],
    after: str,
    form: str,
) -> None:
    store = ox.Store()
    trig = "".join(f"GRAPH {g} {{ {s} {p} {o} }}\n" for g, s, p, o in facts)
    store.load(HEAD + trig, format=ox.RdfFormat.TRIG)
    first, *others = [" ".join(pattern) for pattern in patterns]
    query = HEAD + form % " ".join([first, *filters, *(f". {one}" for one in others), after])
    group = joins.group_of(read_request(query, base=BASE))
    assert group is not None
    (start, end), *more = group.places
    text = joins.nested(group.patterns)
    pieces = [joins.Piece(start, end, text), *(joins.Piece(*place, "") for place in more)]

    made = reworded(query, pieces)
    assert rows(store, query) == rows(store, made)
