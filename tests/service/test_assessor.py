"""The process that assesses: what it is asked, how it gives up, and what an edit comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
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

SAID = "<https://example.org/clerk> hf:grade hf:specialist ."

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


def test_nobody_is_answered_between_an_edit_and_its_end(assessor: Assessor) -> None:
    senior = quads_in_turtle("<https://example.org/clerk> hf:grade hf:director .", where="the edit")
    before = assessor.judged().ventures
    with ThreadPoolExecutor(1) as others, assessor.turn(60) as put:
        put("edit", seconds=60, removed=[], added=senior)
        asked = others.submit(assessor.ask, "judged", seconds=60)
        tried = others.submit(assessor.ask, "what_if", seconds=60, remove=SAID)
        assert not wait([asked], timeout=0.2).done
        put("undo", seconds=60)

    assert before == asked.result().ventures
    assert "lost" in json.loads(tried.result())


def test_an_edit_waits_for_one_question_and_not_for_all(assessor: Assessor) -> None:
    with ThreadPoolExecutor(4) as others:
        long = others.submit(assessor.ask, "what_if", seconds=1, update=ENDLESS)
        wait([long], timeout=0.2)
        behind = [others.submit(assessor.ask, "judged", seconds=60) for _ in range(3)]
        wait(behind, timeout=0.2)
        with assessor.turn(60) as put:
            put("judged", seconds=60)
            before = sum(one.done() for one in behind)

    assert isinstance(long.exception(), TookTooLong)
    assert before <= 1


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
        with assessor.turn(60) as put:
            edited, _ = put("edit", seconds=60, removed=[], added=clash)
            put("keep", seconds=60)
        there = contradictions()
        assert "owl:cax-dw" in {finding.rule for _, finding in edited.gained}
        assert there == (["owl:cax-dw"], ["owl:cax-dw"])
        told = assessor.ask("venture", seconds=30, venture=COMPACT)
        assert "owl:cax-dw" in {finding.rule for finding in told.findings}
        with assessor.turn(60) as put:
            edited, _ = put("edit", seconds=60, removed=clash, added=[])
            put("keep", seconds=60)
        assert "owl:cax-dw" in {finding.rule for _, finding in edited.lost}
        assert ([], []) == contradictions()
    finally:
        assessor.stop()
