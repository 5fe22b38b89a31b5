"""The process that assesses: what it is asked, how it gives up, and what an edit comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.assess import assess
from holdfast.whatif import quads_in_turtle
from holdfast_service.assessor import Assessor, Judged, TookTooLong

SEATS = """
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

ex:harbour-compact a hf:Venture ; rdfs:label "Harbour compact"@en ;
  hf:has ex:port-seat , ex:town-seat , ex:clerk .
ex:clerk a hf:Post ; rdfs:label "Clerk"@en ; hf:dedicated true ; hf:grade hf:specialist .
ex:port-seat a hf:Membership ; hf:belongsTo ex:harbour-compact ;
  hf:member ex:port ; hf:representedBy ex:harbour-master .
ex:town-seat a hf:Membership ; hf:belongsTo ex:harbour-compact ;
  hf:member ex:town ; hf:representedBy ex:harbour-master .
ex:port a hf:Organisation . ex:town a hf:Organisation .
ex:harbour-master hf:grade hf:chief-officer .
ex:tidal-board a hf:Venture ; rdfs:label "Tidal board"@en ; hf:has ex:tide-seat , ex:keeper .
ex:keeper a hf:Post ; rdfs:label "Keeper"@en ; hf:dedicated true ; hf:grade hf:specialist .
ex:tide-seat a hf:Membership ; hf:belongsTo ex:tidal-board ;
  hf:member ex:town ; hf:representedBy ex:harbour-master .
"""
COMPACT, BOARD = "https://example.org/harbour-compact", "https://example.org/tidal-board"

ENDLESS = (
    "INSERT { ?a hf:has ?n } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o"
    " FILTER(?c != ?f && ?f != ?i && ?i != ?l && ?l != ?o && ?c = ?o && ?b = ?n && ?a != ?m) }"
)
"""A change that has no end that anybody would see."""


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("register") / "seats.ttl"
    file.write_text(SEATS)
    return file


@pytest.fixture(scope="module")
def assessor(register: Path) -> Iterator[Assessor]:
    made = Assessor(lambda: [str(register)])
    yield made
    made.stop()


def test_a_question_without_end_costs_only_whoever_asks_it(assessor: Assessor) -> None:
    before = assessor.judged().ventures
    process = assessor._process

    with pytest.raises(TookTooLong):
        assessor.ask("what_if", seconds=1, update=ENDLESS)

    assert before == assessor.judged().ventures
    assert process is assessor._process


def test_the_evidence_of_one_venture_is_that_of_a_whole_assessment(
    assessor: Assessor, register: Path
) -> None:
    whole = assess([str(register)], evidence=True)

    for iri in (COMPACT, BOARD):
        asked = assessor.ask("venture", seconds=30, venture=iri)
        assert any(finding.evidence for finding in asked.findings)
        assert whole.venture(iri).findings == asked.findings


def test_a_contradiction_comes_and_goes_with_an_edit(register: Path) -> None:
    clash = quads_in_turtle("<https://example.org/port> a hf:Boundary .", where="the edit")
    assessor = Assessor(lambda: [str(register)])

    def contradictions() -> tuple[list[str], list[str]]:
        judged: Judged = assessor.judged()
        found = next(venture for venture in judged.ventures if venture.iri == COMPACT)
        return (
            [finding.rule for finding in found.findings if not finding.basis],
            [one.rule for one in judged.contradictions],
        )

    try:
        assert ([], []) == contradictions()
        edited, _ = assessor.ask("edit", seconds=60, removed=[], added=clash)
        assessor.ask("keep", seconds=60)
        there = contradictions()
        assert "owl:cax-dw" in {finding.rule for _, finding in edited.gained}
        assert there == (["owl:cax-dw"], ["owl:cax-dw"])
        told = assessor.ask("venture", seconds=30, venture=COMPACT)
        assert "owl:cax-dw" in {finding.rule for finding in told.findings}
        edited, _ = assessor.ask("edit", seconds=60, removed=clash, added=[])
        assessor.ask("keep", seconds=60)
        assert "owl:cax-dw" in {finding.rule for _, finding in edited.lost}
        assert ([], []) == contradictions()
    finally:
        assessor.stop()
