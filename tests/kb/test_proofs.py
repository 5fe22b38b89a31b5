"""Proofs over rules, axioms and facts: of findings, contradictions and triples, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.assess import Assessment, assess
from holdfast.cli import main
from holdfast.errors import UnknownNameError
from holdfast.explain import explain, prove
from holdfast.proofs import explanations_turtle, outcome_turtle
from holdfast.render import csv_of, json_of, turtle_of
from holdfast.whatif import Change, quads_in_turtle, reasons_for, what_if

ROOT = Path(__file__).resolve().parents[2]
RULES = [ROOT / "rules" / name for name in ("poor-boundary-fit", "what-a-venture-has")]
HARBOUR = "https://example.org/harbour"
REGISTER = """
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

ex:harbour a hf:Venture ; rdfs:label "Harbour Trust"@en ; ex:near ex:quay .
ex:seat a hf:Membership ; hf:belongsTo ex:harbour ; hf:member ex:port .
ex:PublicBody owl:disjointWith ex:Company ; rdfs:label "public body"@en .
ex:Company rdfs:label "company"@en .
ex:PortCompany rdfs:subClassOf ex:Company ; rdfs:label "port company"@en .
ex:f1 { ex:port a ex:PublicBody ; rdfs:label "Port Authority"@en . }
ex:f2 { ex:port a ex:PortCompany . }
ex:f1 a hf:Fact ; hf:certainty hf:stated .
ex:f2 a hf:Fact ; hf:certainty hf:hedged .
ex:near rdfs:subPropertyOf ex:about .
ex:about a owl:SymmetricProperty .
ex:quay ex:about ex:harbour .
"""
PREFIXES = """
PREFIX ex: <https://example.org/>
PREFIX hf: <https://w3id.org/holdfast/ns#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX sh: <http://www.w3.org/ns/shacl#>
PREFIX dash: <http://datashapes.org/dash#>
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register with a contradiction about a partner, and two rules."""
    place = tmp_path_factory.mktemp("harbour")
    (place / "register.trig").write_text(REGISTER, encoding="utf-8")
    for rule in RULES:
        (place / "rules" / rule.name).mkdir(parents=True)
        for file in rule.iterdir():
            (place / "rules" / rule.name / file.name).write_bytes(file.read_bytes())
    return place


@pytest.fixture(scope="module")
def harbour(folder: Path) -> Assessment:
    return assess([str(folder / "register.trig")], rules=folder / "rules", editable=True)


def asked(turtle: str, query: str) -> list[Any]:
    """The solutions of a query over Turtle."""
    store = ox.Store()
    store.load(turtle.encode(), format=ox.RdfFormat.TURTLE)
    found = store.query(PREFIXES + query)
    return list(found) if isinstance(found, ox.QuerySolutions) else [bool(found)]


# -- contradictions ----------------------------------------------------------------------------


def test_a_contradiction_about_a_partner_is_a_finding_of_its_venture(harbour: Assessment) -> None:
    (clash,) = [f for f in harbour.venture("harbour").findings if f.rule == "owl:cax-dw"]

    assert ("watch", "violation", "hedged", "") == (
        clash.effect, clash.severity, clash.certainty, clash.basis,
    )  # fmt: skip
    assert clash.message.startswith("What is recorded of Port Authority cannot all be true: ")
    assert ("https://example.org/f1", "https://example.org/f2") == clash.evidence[-2:]
    assert not [doubt for doubt in harbour.doubts() if "Port Authority" in doubt]


def test_a_contradiction_of_no_venture_stays_a_doubt(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "register.trig"
    lonely = "\n".join(line for line in REGISTER.splitlines() if "ex:seat" not in line)
    file.write_text(lonely, encoding="utf-8")

    found = assess([str(file)], rules=folder / "rules")

    assert [] == [f for f in found.venture("harbour").findings if f.rule.startswith("owl:")]
    assert ["What is recorded of Port Authority"] == [doubt[:34] for doubt in found.doubts()]


def test_a_contradiction_is_in_every_format(harbour: Assessment) -> None:
    told = json.loads(json_of(harbour, harbour.ventures, None))
    schema = json.loads((ROOT / "docs" / "findings.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(told, schema)
    (finding,) = [f for f in told["ventures"][0]["findings"] if f["rule"] == "owl:cax-dw"]
    assert finding["basis"] is None
    assert [HARBOUR] == told["inconsistencies"][0]["ventures"]
    rows = list(csv.DictReader(io.StringIO(csv_of(harbour.ventures))))
    assert "owl:cax-dw" in {row["rule"] for row in rows}
    assert asked(
        turtle_of(harbour, harbour.ventures),
        "ASK { ?f hf:rule <https://www.w3.org/TR/owl2-profiles/#cax-dw> ; hf:venture ex:harbour"
        " FILTER NOT EXISTS { ?f hf:basis ?b } }",
    ) == [True]


def test_a_contradiction_fails_the_command(folder: Path) -> None:
    words = ["assess", str(folder / "register.trig"), "--rules", str(folder / "rules")]
    told = CliRunner().invoke(main, words)
    assert 1 == told.exit_code, told.output
    assert "\nContradictions\n" in told.output


def test_a_contradiction_is_proved_down_to_facts_and_axioms(harbour: Assessment) -> None:
    (found,) = explain(harbour, "harbour", rule="owl:cax-dw")

    def leaves(step: Any) -> list[str]:
        below = [leaf for premise in step.premises for leaf in leaves(premise)]
        return below or [fact.identifier for fact in step.facts] or [step.sentence]

    assert {
        "f1", "f2", "public body has no member in common with company.",
        "port company is a kind of company.",
    } == set(leaves(found.proof))  # fmt: skip


def test_a_change_that_mends_a_contradiction_clears_it(harbour: Assessment) -> None:
    change = Change(removed=quads_in_turtle(f"<{HARBOUR[:-7]}port> a <{HARBOUR[:-7]}PublicBody>",
                                            where="--remove"))  # fmt: skip
    outcome = what_if(harbour, change)
    assert ["owl:cax-dw"] == [finding.rule for _, finding in outcome.lost]
    (loss,) = reasons_for(harbour, change, outcome).lost
    assert ["f1"] == [fact.identifier for step in loss.gone for fact in step.facts]


# -- triples -----------------------------------------------------------------------------------


def triple(text: str) -> tuple[str, str, str]:
    prefix = "@prefix ex: <https://example.org/> .\n"
    ((s, p, o, _),) = quads_in_turtle(prefix + text, where="--triple")
    return s, p, o


def test_an_inferred_triple_is_proved_by_axioms_the_shortest_way_first(
    harbour: Assessment,
) -> None:
    proved = prove(harbour, triple("ex:harbour ex:about ex:quay"), most=5)

    said = {proof.rule: {step.sentence for step in proof.premises} for proof in proved.proofs}
    assert {
        "owl:prp-spo1": {"Harbour Trust has near quay.", "near is a way of about."},
        "owl:prp-symp": {"quay is about Harbour Trust.", "about is of the kind SymmetricProperty."},
    } == said


def test_a_type_is_proved_by_the_way_of_sub_classes(harbour: Assessment) -> None:
    proved = prove(harbour, triple("ex:port a ex:Company"))
    (proof,) = proved.proofs
    assert "owl:cax-sco" == proof.rule
    assert "port company is a kind of company." in {step.sentence for step in proof.premises}


def test_a_stated_triple_is_proved_by_its_fact(harbour: Assessment) -> None:
    (proof,) = prove(harbour, triple("ex:port a ex:PublicBody")).proofs
    assert ["f1"] == [fact.identifier for fact in proof.facts]


def test_a_triple_that_does_not_follow_is_refused(harbour: Assessment) -> None:
    with pytest.raises(UnknownNameError, match="neither stated nor does it follow"):
        prove(harbour, triple("ex:port ex:about ex:quay"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--triple", "ex:port ex:about"], "is not a triple"),
        ([], "either --venture IRI or --triple TRIPLE"),
        (["--venture", "harbour", "--rule", "x", "--not", "--format", "turtle"], "text or json"),
        (["--triple", "<urn:a> <urn:b> <urn:c>", "--basis", "fit"], "choose findings"),
    ],
)
def test_what_cannot_be_explained_is_refused(words: list[str], said: str, folder: Path) -> None:
    told = CliRunner().invoke(main, ["explain", str(folder / "register.trig"), *words])
    assert 2 == told.exit_code
    assert said in told.stderr


# -- linked data -------------------------------------------------------------------------------


def test_a_proof_in_turtle_names_rules_triples_facts_and_runs(harbour: Assessment) -> None:
    turtle = explanations_turtle(harbour, HARBOUR, explain(harbour, "harbour", rule="owl:cax-dw"))

    assert [True] == asked(
        turtle,
        """ASK {
          ?report a sh:ValidationReport ; sh:conforms false ; sh:result ?finding .
          ?finding a sh:ValidationResult ; sh:focusNode ex:harbour ;
            sh:sourceShape <https://www.w3.org/TR/owl2-profiles/#cax-dw> ;
            sh:resultSeverity sh:Violation ;
            prov:wasGeneratedBy/prov:qualifiedAssociation/prov:hadPlan
              <https://www.w3.org/TR/owl2-profiles/#cax-dw> .
          ?finding sh:detail+ ?step .
          ?step rdf:reifies <<( ex:port rdf:type ex:Company )>> ;
            sh:sourceRule <https://www.w3.org/TR/owl2-profiles/#cax-sco> .
          ?finding sh:detail ?axiom .
          ?axiom rdf:reifies <<( ex:PublicBody owl:disjointWith ex:Company )>> .
          ?finding prov:wasDerivedFrom+ ex:f1 , ex:f2 . ex:f1 a hf:Fact }""",
    )


def test_an_outcome_in_turtle_says_what_the_change_makes_and_ends(harbour: Assessment) -> None:
    change = Change(
        removed=quads_in_turtle(
            "<https://example.org/port> a <https://example.org/PublicBody>", where="--remove"
        )
    )
    outcome = what_if(harbour, change)
    turtle = outcome_turtle(harbour, outcome, reasons_for(harbour, change, outcome))

    assert [True] == asked(
        turtle,
        """ASK {
          ?change a dash:GraphUpdate ; dash:deletedTriple [ rdf:subject ex:port ] .
          ?finding a hf:Finding ; prov:wasInvalidatedBy ?change ; sh:detail ?step .
          ?step prov:wasInvalidatedBy ?change ; prov:wasDerivedFrom ex:f1 }""",
    )


@pytest.mark.parametrize("form", ["text", "json", "turtle"])
def test_the_command_proves_a_triple_in_every_format(form: str, folder: Path) -> None:
    words = ["explain", str(folder / "register.trig"), "--rules", str(folder / "rules")]
    text = "<https://example.org/port> a <https://example.org/Company>"
    told = CliRunner().invoke(main, [*words, "--triple", text, "--all", "--format", form])
    assert 0 == told.exit_code, told.output
    assert "cax-sco" in told.output


# -- what rules cost ---------------------------------------------------------------------------


def test_a_profile_tells_what_each_rule_and_stratum_costs(folder: Path) -> None:
    words = ["rules", "profile", str(folder / "register.trig"), "--rules", str(folder / "rules")]
    told = json.loads(CliRunner().invoke(main, [*words, "--format", "json"]).stdout)

    rules = {cost["rule"]: cost for cost in told["rules"]}
    assert 1 <= rules["what-a-venture-has"]["answers"]
    assert all(cost["runs"] for cost in told["rules"])
    assert all(cost["planning"] > 0 for cost in told["rules"] if cost["answers"])
    assert sorted(-cost["seconds"] for cost in told["rules"]) == [
        -cost["seconds"] for cost in told["rules"]
    ]
    assert sum(c["answers"] for c in told["strata"]) == sum(c["answers"] for c in told["rules"])


def test_a_profile_shows_how_a_rule_is_run(folder: Path) -> None:
    words = ["rules", "profile", str(folder / "register.trig"), "--rules", str(folder / "rules")]
    told = CliRunner().invoke(main, [*words, "--explain-plan", "what-a-venture-has"])
    assert 0 == told.exit_code, told.output
    assert "BGP" in told.output
    assert "SELECT" in told.output
    refused = CliRunner().invoke(main, [*words, "--explain-plan", "what-a-venture-hsa"])
    assert "Did you mean what-a-venture-has?" in refused.stderr


def test_lists_and_equal_things_are_told_apart_in_a_proof(tmp_path: Path) -> None:
    file = tmp_path / "register.ttl"
    file.write_text(
        """
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:vale-board a hf:Venture .
ex:seat a hf:Membership ; hf:belongsTo ex:vale-board ; hf:member ex:trust , ex:council .
ex:trust a hf:Organisation ; rdfs:label "Vale Trust" ; ex:code "V1" .
ex:council a hf:Organisation ; rdfs:label "Vale Council" ; ex:code "V1" .
hf:Organisation owl:hasKey ( ex:code ) .
[] a owl:AllDifferent ; owl:distinctMembers ( ex:trust ex:council ) .
""",
        encoding="utf-8",
    )

    assessment = assess([str(file)], evidence=False)
    (found,) = explain(assessment, "vale-board", rule="owl:eq-diff3")

    said = str(found)
    assert "Vale Trust and Vale Council" in found.finding.message or (
        "Vale Council and Vale Trust" in found.finding.message
    )
    assert "keeps apart (Vale Trust, Vale Council)" in said
    assert "organisation has no two members that share (code)" in said
