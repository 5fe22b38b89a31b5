"""holdfast check: what a register must and should hold, told to whoever keeps it, and mended."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.checkpage import check_html, check_json, check_sarif, check_turtle, mends_text
from holdfast.cli import main
from holdfast.publication import Check, check
from holdfast.synth import write_register

PREFIXES = """@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
SOUND = """
ex:register a hf:Register ; dcterms:title "Partnerships of the valley" ;
  dcterms:description "All of them." ; dcterms:publisher ex:valley-council ;
  dcterms:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcterms:modified "2026-03-01"^^xsd:date .
ex:alliance a hf:Venture ; rdfs:label "Valley Health Alliance" ; hf:boundary ex:valley ;
  hf:started "2021"^^xsd:gYear ; hf:topic ex:health .
ex:valley a hf:Boundary ; rdfs:label "The valley" .
ex:valley-council a hf:Organisation ; rdfs:label "Valley Council" ;
  dcterms:identifier "E07000001"^^ex:gss ; hf:sector hf:local-government .
ex:valley-trust a hf:Organisation ; rdfs:label "Valley Trust" ;
  dcterms:identifier "RX1"^^ex:ods ; hf:sector hf:health .
ex:m1 a hf:Membership ; hf:belongsTo ex:alliance ; hf:member ex:valley-council ; hf:role hf:lead .
ex:m2 a hf:Membership ; hf:belongsTo ex:alliance ; hf:member ex:valley-trust ;
  hf:role hf:ordinary-member .
"""
DAMAGED = """
ex:register a hf:Register .
ex:alliance a hf:Venture ; dcterms:title "Hill Alliance" ; hf:started "2021-05-01" .
ex:pact a hf:Venture ; rdfs:label "Hill <b>Pact</b>" .
ex:only a hf:Membership ; hf:belongsTo ex:pact ; hf:member ex:hill-council .
ex:again a hf:Membership ; hf:belongsTo ex:alliance ; hf:member ex:hill-council ; hf:role hf:lead .
ex:once a hf:Membership ; hf:belongsTo ex:alliance ; hf:member ex:hill-council ; hf:role hf:lead .
[] a hf:Membership ; hf:belongsTo ex:alliance ; hf:member ex:shore-council ;
  hf:started "2022"^^xsd:gYear ; hf:ended "2020-03-01"^^xsd:date .
ex:stray a hf:Membership ; hf:belongsTo ex:allience ; hf:member ex:shore-trust .
ex:hill-council a hf:Organisation ; rdfs:label "Hill Council" ; hf:succeededBy ex:shore-council ;
  hf:ended "2019-03-31"^^xsd:date ; dcterms:identifier "E07000001"^^ex:gss .
ex:shore-council a hf:Organisation ; rdfs:label "Shore Council" ; hf:succeededBy ex:hill-council ;
  hf:started "2019-06-01"^^xsd:date ; dcterms:identifier "E07000001"^^ex:gss , "E07000002"^^ex:gss .
ex:old-council a hf:Organisation ; rdfs:label "Old Council" ;
  hf:mergedInto "E07000002" , ex:old-council .
ex:shore-trust rdfs:label "Shore Trust" .
"""


def checked(tmp_path: Path, text: str, name: str = "register.ttl") -> Check:
    file = tmp_path / name
    file.write_text(PREFIXES + text, encoding="utf-8")
    return check([str(file)], today=date(2026, 3, 11))


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Check:
    return checked(tmp_path_factory.mktemp("damaged"), DAMAGED)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Check:
    return checked(tmp_path_factory.mktemp("sound"), SOUND)


def demands(found: Check, severity: str) -> set[tuple[str, str]]:
    return {
        (one.demand.rsplit("/", 1)[-1], (one.iri or "").rsplit("/", 1)[-1])
        for one in found.shortfalls
        if one.severity == severity
    }


def test_a_whole_register_falls_short_in_nothing(sound: Check) -> None:
    assert () == sound.shortfalls
    assert {1.0} == {m.value for m in sound.measurements if m.of}


def test_what_must_be_mended_is_found(damaged: Check) -> None:
    assert {
        ("register-title", "register"),
        ("venture-name", "alliance"),
        ("venture-of-one", "pact"),
        ("belonging", "allience"),
        ("taking-part", "shore-trust"),
        ("started", "alliance"),
        ("end-before-start", ""),
        ("succession-by-itself", "old-council"),
        ("succession-in-a-circle", "hill-council"),
        ("succession-in-a-circle", "shore-council"),
        ("succession-unknown", "old-council"),
    } == demands(damaged, "violation")


def test_what_should_be_mended_is_found(damaged: Check) -> None:
    found = {name for name, _ in demands(damaged, "warning")}

    assert {
        "register-licence",
        "venture-area",
        "membership-twice",
        "succession-gap",
        "succession-end-unknown",
        "identifier-shared",
        "identifier-twice",
    } <= found


def test_no_blank_node_is_named(damaged: Check) -> None:
    (one,) = (s for s in damaged.shortfalls if s.demand.endswith("end-before-start"))

    assert "an unnamed membership (Shore Council, alliance)" == one.name
    told = check_json(damaged) + check_html(damaged) + check_sarif(damaged, "1")
    assert not re.search(r"_:\w", told)


def test_a_message_names_things_and_says_what_to_do(damaged: Check) -> None:
    (one,) = (s for s in damaged.shortfalls if s.demand.endswith("succession-gap"))

    assert (
        "It ended on 2019-03-31, and its successor Shore Council started on 2019-06-01 only: more"
        " than a month between them. Mend one of the dates, or name who came between."
    ) == one.message
    assert "Hill Council" == one.name
    assert one.line


def test_mends_that_need_no_word_make_good_what_they_are_for(
    damaged: Check, tmp_path: Path
) -> None:
    text, ready, asking = mends_text(damaged)
    assert (ready, asking > 5) == (5, True)

    store = ox.Store()
    store.load((PREFIXES + DAMAGED).encode(), ox.RdfFormat.TURTLE)
    store.update(text)
    mended = store.dump(format=ox.RdfFormat.N_TRIPLES, from_graph=ox.DefaultGraph())
    assert mended is not None
    (tmp_path / "mended.nt").write_bytes(mended)
    left = demands(check([str(tmp_path / "mended.nt")]), "violation")

    assert {
        ("register-title", "register"),
        ("venture-of-one", "pact"),
        ("belonging", "allience"),
        ("end-before-start", ""),
        ("succession-in-a-circle", "hill-council"),
        ("succession-in-a-circle", "shore-council"),
    } == left


def test_a_mend_goes_into_the_graph_that_describes_the_thing(tmp_path: Path) -> None:
    graph = "ex:book { ex:a a hf:Venture ; dcterms:title 'Hill Pact' . }"
    found = checked(tmp_path, graph, "register.trig")

    assert "INSERT DATA { GRAPH <https://example.org/book> {" in mends_text(found)[0]


def test_the_measurements_are_data_on_the_register(sound: Check) -> None:
    store = ox.Store()
    store.load(check_turtle(sound).encode(), ox.RdfFormat.TURTLE)
    rows = store.query(
        """PREFIX dqv: <http://www.w3.org/ns/dqv#>
        SELECT ?metric ?value { ?m a dqv:QualityMeasurement ; dqv:value ?value ;
          dqv:isMeasurementOf ?metric ; dqv:computedOn <https://example.org/register> .
          ?metric a dqv:Metric ; dqv:inDimension ?dimension }"""
    )
    found = {row[0].value.rsplit("/", 1)[-1]: row[1].value for row in rows}  # type: ignore[union-attr]

    assert "1" == found["organisation-identifier"]
    assert "10" == found["days-since-change"]
    assert {"1"} == {found["codes-gss"], found["codes-ods"]}


def test_the_page_needs_nothing_else_and_runs_nothing_from_the_data(damaged: Check) -> None:
    page = check_html(damaged)

    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert not re.search(r"<script|<link|<img|src=|url\(", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_the_shipped_cases_and_a_made_up_register_can_be_published(
    case_a: str, case_b: str, tmp_path: Path
) -> None:
    write_register(5, 1, tmp_path / "made-up.nq")
    words = ["check", case_a, case_b, str(tmp_path / "made-up.nq"), "--format", "json"]
    done = CliRunner().invoke(main, words)

    assert 0 == done.exit_code, done.output
    assert 0 == json.loads(done.output)["counts"]["violation"]


def test_the_command_writes_report_and_mends_and_fails_on_what_must_be_mended(
    tmp_path: Path,
) -> None:
    (tmp_path / "r.ttl").write_text(PREFIXES + "ex:a a hf:Venture .", encoding="utf-8")
    words = ["check", str(tmp_path / "r.ttl"), "--mends", str(tmp_path / "m.ru")]
    done = CliRunner().invoke(main, words)

    assert 1 == done.exit_code
    assert "must: venture, name: It has no name." in done.output
    assert "should: venture: No register is described beside it." in done.output
    assert "?name" in (tmp_path / "m.ru").read_text(encoding="utf-8")


def test_sources_with_nothing_to_check_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.ttl").write_text(PREFIXES + "ex:a rdfs:label 'A' .", encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(tmp_path / "r.ttl")])

    assert 2 == done.exit_code
    assert "nothing in it is of a kind that a register holds" in done.output


def test_a_misspelt_term_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.ttl").write_text(PREFIXES + "ex:a hf:memeber ex:b .", encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(tmp_path / "r.ttl")])

    assert 2 == done.exit_code
    assert "Did you mean hf:member?" in done.output
