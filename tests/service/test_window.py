"""The window: what its pages say, and what they never let through."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from holdfast.assess import Finding, VentureAssessment, assess
from holdfast_service.command import LOOPBACK, serve
from holdfast_service.pages import concern, create_app, ventures_by_slug

REGISTER = """
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix venture: <https://example.org/ventures/> .

venture:harbour-health a hf:Venture ; rdfs:label "Harbour <b>Health</b> & Housing"@en .
venture:valley-sport a hf:Venture ; rdfs:label "Valley Sport"@en .
"""


def venture(iri: str, **standing: str) -> VentureAssessment:
    return VentureAssessment(iri=iri, label=iri, stage="early", standing=standing, findings=())


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The window on two ventures, to one of which a finding was added."""
    register: Path = tmp_path_factory.mktemp("register") / "partnerships.ttl"
    register.write_text(REGISTER, encoding="utf-8")
    assessment = assess([str(register)], as_of="2026-11-23")
    harbour = assessment.venture("harbour-health")
    assessment.ventures[assessment.ventures.index(harbour)] = VentureAssessment(
        iri=harbour.iri,
        label=harbour.label,
        stage=harbour.stage,
        standing={"fit": "weak"},
        findings=(
            Finding(
                number=0,
                rule="poor-boundary-fit",
                basis="fit",
                effect="undermines",
                severity="warning",
                certainty="stated",
                message="It works across <script>alert(1)</script>.",
                evidence=("https://example.org/facts/1",),
                iri="https://example.org/findings/0",
                value="the harbour wards",
            ),
        ),
    )
    return create_app(assessment, trusted_hosts=LOOPBACK).test_client()


def test_the_first_page_lists_every_venture_the_most_worrying_first(window: FlaskClient) -> None:
    page = window.get("/").get_data(as_text=True)

    assert 0 < page.index("/ventures/harbour-health") < page.index("/ventures/valley-sport")


def test_a_search_shows_the_ventures_with_that_in_their_name(window: FlaskClient) -> None:
    page = window.get("/?name=VALLEY").get_data(as_text=True)

    assert "/ventures/valley-sport" in page
    assert "/ventures/harbour-health" not in page


def test_the_page_of_a_venture_shows_each_finding_with_its_evidence(window: FlaskClient) -> None:
    page = window.get("/ventures/harbour-health").get_data(as_text=True)

    for shown in ("poor-boundary-fit", "undermines", "stated", "https://example.org/facts/1"):
        assert shown in page


@pytest.mark.parametrize("address", ["/", "/ventures/harbour-health", "/?name=<script>"])
def test_text_from_outside_never_becomes_markup(window: FlaskClient, address: str) -> None:
    page = window.get(address).get_data(as_text=True)

    assert "<script>" not in page
    assert "<b>" not in page


@pytest.mark.parametrize("address", ["/", "/ventures/harbour-health", "/health", "/nowhere"])
def test_every_answer_forbids_what_the_window_does_not_use(
    window: FlaskClient, address: str
) -> None:
    headers = window.get(address).headers

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_venture_that_is_not_there_gets_a_page_that_says_so(window: FlaskClient) -> None:
    answer = window.get("/ventures/atlantis")

    assert answer.status_code == 404
    assert "no such venture" in answer.get_data(as_text=True)


def test_a_request_under_another_host_name_is_refused(window: FlaskClient) -> None:
    assert window.get("/", headers={"Host": "elsewhere.example"}).status_code == 400
    assert window.get("/", headers={"Host": "localhost:8000"}).status_code == 200


def test_health_counts_what_is_shown(window: FlaskClient) -> None:
    health = window.get("/health").get_json()

    assert health["status"] == "ok"
    assert health["ventures"] == 2


def test_ventures_whose_iris_end_alike_get_pages_of_their_own_in_any_order() -> None:
    north, south = venture("https://north.example/sport"), venture("https://south.example/sport")

    assert {"sport": north, "sport-2": south} == ventures_by_slug([north, south])
    assert {"sport": north, "sport-2": south} == ventures_by_slug([south, north])


def test_unknown_standings_are_no_concern() -> None:
    assert concern(venture("https://example.org/sport", fit="unknown", purpose="hoped")) == 0
    assert concern(venture("https://example.org/sport", fit="weak", purpose="sound")) > 0


def test_serving_what_cannot_be_read_ends_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    missing = tmp_path / "missing.ttl"

    outcome = CliRunner().invoke(serve, [str(missing)])

    assert outcome.exit_code == 2
    assert str(missing) in outcome.output
