"""holdfast identity: one organisation in several registers, found and never merged unasked."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cli import main
from holdfast.identity import Correspondence, correspondences, normal, scheme_of

PREFIXES = """@prefix adms: <http://www.w3.org/ns/adms#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
COUNCILS = """@prefix c: <https://councils.example/> .
c:hill a hf:Organisation ; rdfs:label "Hill District Council" ; dcterms:identifier "E07000001" ;
  hf:ended "2019-03-31"^^xsd:date ; hf:succeededBy c:hill-and-shore .
c:hill-and-shore a hf:Organisation ; rdfs:label "Hill and Shore Council" ;
  hf:started "2019-04-01"^^xsd:date .
c:mid-devon a hf:Organisation ; rdfs:label "Mid Devon District Council" .
c:vale a hf:Organisation ; rdfs:label "Vale of Allen Borough Council" .
c:ford-1 a hf:Organisation ; rdfs:label "Ford Surgery" .
c:ford-2 a hf:Organisation ; rdfs:label "Ford Surgery" .
c:university a hf:Organisation ; rdfs:label "Université de Genève" .
"""
VENTURES = """@prefix v: <https://ventures.example/> .
v:hill a hf:OrganisationalUnit ; rdfs:label "The Council of Hill" ; adms:identifier v:code .
v:code skos:notation "E07000001" .
v:north-devon a hf:Organisation ; rdfs:label "North Devon District Council" .
v:vale a hf:Organisation ; rdfs:label "Vale of Alen BC" .
v:ford a hf:Organisation ; rdfs:label "FORD SURGERY" .
v:geneve a hf:Organisation ; rdfs:label "Universite de Geneve" .
v:hill-and-shore a hf:Organisation ; rdfs:label "Hill & Shore Council" .
"""


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("registers")
    for name, text in (("councils", COUNCILS), ("ventures", VENTURES)):
        (folder / f"{name}.ttl").write_text(PREFIXES + text, encoding="utf-8")
    return [str(folder / "councils.ttl"), str(folder / "ventures.ttl")]


@pytest.fixture(scope="module")
def found(registers: list[str]) -> dict[tuple[str, str], Correspondence]:
    pairs = {}
    for one in correspondences(registers):
        names = sorted((one.one.iri, one.other.iri))
        pairs[(names[0].rsplit("/", 1)[-1], names[1].rsplit("/", 1)[-1])] = one
    return pairs


def test_codes_come_first_then_names(found: dict[tuple[str, str], Correspondence]) -> None:
    assert {
        ("hill", "hill"): "same-code",
        ("university", "geneve"): "same-name",
        ("hill-and-shore", "hill-and-shore"): "same-name",
        ("ford-1", "ford"): "same-name",
        ("ford-2", "ford"): "same-name",
        ("vale", "vale"): "similar-name",
    } == {pair: one.method for pair, one in found.items()}


def test_a_link_says_how_sure_it_is_and_why(found: dict[tuple[str, str], Correspondence]) -> None:
    assert "both have the code E07000001 (gss)" == found["hill", "hill"].why
    assert found["hill", "hill"].confidence > found["university", "geneve"].confidence
    assert found["university", "geneve"].confidence > found["vale", "vale"].confidence > 0.75


def test_two_that_are_about_as_near_halve_the_confidence(
    found: dict[tuple[str, str], Correspondence],
) -> None:
    assert found["ford-1", "ford"].confidence < 0.5
    assert "2 entries are about as near" in found["ford-1", "ford"].why


def test_a_link_to_a_replaced_council_leads_to_its_heir_with_the_day(
    found: dict[tuple[str, str], Correspondence],
) -> None:
    assert (("https://councils.example/hill-and-shore", "2019-03-31"),) == found[
        "hill", "hill"
    ].leads_to


def test_successions_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    circle = """@prefix c: <https://c.example/> .
    c:a a hf:Organisation ; rdfs:label "Hill Council" ; hf:succeededBy c:b .
    c:b a hf:Organisation ; rdfs:label "Shore Council" ; hf:succeededBy c:a .
    c:c a hf:Organisation ; rdfs:label "Hill Council" ."""
    (tmp_path / "c.ttl").write_text(PREFIXES + circle, encoding="utf-8")

    (one,) = correspondences([str(tmp_path / "c.ttl")])
    assert () == one.leads_to


def test_what_speaks_against_a_link_lowers_it(tmp_path: Path) -> None:
    text = """@prefix c: <https://c.example/> .
    c:a a hf:Organisation ; rdfs:label "Hill Board" ; hf:sector hf:health ;
      dcterms:identifier "A1"^^c:ods ; hf:ended "1974"^^xsd:gYear .
    c:b a hf:Organisation ; rdfs:label "Hill Board" ; hf:sector hf:education ;
      dcterms:identifier "A2"^^c:ods ; hf:started "1990-04-01"^^xsd:date ."""
    (tmp_path / "c.ttl").write_text(PREFIXES + text, encoding="utf-8")

    (one,) = correspondences([str(tmp_path / "c.ttl")])
    assert 0.49 == one.confidence
    for doubt in ("ended before the other began", "different kinds", "codes differ (ods)"):
        assert doubt in one.why


def identity(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["identity", *map(str, words)])


def same_as(file: Path) -> list[tuple[str, str, str]]:
    store = ox.Store()
    store.load(file.read_bytes(), ox.RdfFormat.TURTLE)
    owl = "http://www.w3.org/2002/07/owl#"
    return [
        (q.subject.value, name, q.object.value)  # type: ignore[union-attr]
        for name in ("sameAs", "differentFrom")
        for q in store.quads_for_pattern(None, ox.NamedNode(owl + name), None)
    ]


def test_only_what_a_person_confirmed_says_that_two_are_one(
    registers: list[str], tmp_path: Path
) -> None:
    links, review = tmp_path / "links.ttl", tmp_path / "review.csv"
    done = identity(*registers, "-o", links, "--review", review)
    assert 0 == done.exit_code, done.output
    assert [] == same_as(links)

    rows = list(csv.DictReader(io.StringIO(review.read_text(encoding="utf-8"))))
    assert 6 == len(rows)
    for row in rows:
        row["decision"] = {"Ford Surgery": "different", "FORD SURGERY": "different"}.get(
            row["one_name"], "same" if "Vale" in row["one_name"] else ""
        )
    confirmed = tmp_path / "confirmed.csv"
    with confirmed.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)

    done = identity(*registers, "-o", links, "--review", review, "--confirmed", confirmed)
    assert "3 to be confirmed, 1 confirmed, 2 said to be different" in done.output
    assert {
        ("https://councils.example/vale", "sameAs", "https://ventures.example/vale"),
        ("https://councils.example/ford-1", "differentFrom", "https://ventures.example/ford"),
        ("https://councils.example/ford-2", "differentFrom", "https://ventures.example/ford"),
    } == set(same_as(links))
    assert 4 == len(review.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("one,other\na,b\n", "the list has no column decision"),
        ("one,other,decision\nx:a,x:b,perhaps\n", "row 2, column decision: 'perhaps'"),
        ("one,other,decision\nx:a,x:a,same\n", "row 2, column other: a decision is about two"),
        ("one,other,decision\nx:a,x:b,same\nx:b,x:a,different\n", "row 3, column decision"),
        ("one,other,decision\nx:a,x:b,same\n", "<x:a> is decided on, and no source"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused(
    registers: list[str], tmp_path: Path, rows: str, words: str
) -> None:
    (tmp_path / "list.csv").write_text(rows, encoding="utf-8")
    done = identity(registers[0], "--confirmed", tmp_path / "list.csv", "-o", tmp_path / "l.ttl")

    assert 2 == done.exit_code
    assert words in done.output
    assert not (tmp_path / "l.ttl").exists()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("The Royal Borough of Hill (CIO)", "royal borough hill"),
        ("St. John's & St Mary's Surgery Ltd.", "st johns st marys surgery"),
        ("Hill MBC", "hill metropolitan borough council"),
        ("Technische Universität München", "technische universitat munchen"),
        ("Ltd", "ltd"),
        ("株式会社", "株式会社"),
    ],
)
def test_a_name_is_compared_without_what_tells_nothing(name: str, plain: str) -> None:
    assert plain == normal(name)


@given(st.text())
def test_a_normal_name_is_its_own_normal_form(name: str) -> None:
    assert normal(normal(name)) == normal(name)


def test_schemes_are_known_by_form_or_by_the_last_part_of_their_address() -> None:
    assert "gss" == scheme_of("E07000001", "")
    assert "org-id" == scheme_of("GB-COH-01234567", "http://www.w3.org/2001/XMLSchema#string")
    assert "ods" == scheme_of("RX1", "https://one.example/ods-code") == scheme_of("RX1", "x:/ods")
    assert "" == scheme_of("12345", "http://www.w3.org/2001/XMLSchema#integer")
