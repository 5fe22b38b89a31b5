"""Rules that are shapes of SHACL Core: as findings, in proofs, near misses, changes and strata."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from holdfast.assess import Assessment, assess
from holdfast.compile import reads_of
from holdfast.errors import RuleError
from holdfast.explain import explain, why_not
from holdfast.ontology import Ontology, read_ontology
from holdfast.reason import compile_all
from holdfast.remedies import remedies
from holdfast.ruledocs import write_docs
from holdfast.rules import EFFECTS, Rule, read_rules
from holdfast.vocabulary import BASES
from holdfast.whatif import operations_in, what_if

RULE = """\
@prefix dash: <http://datashapes.org/dash#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rule: <https://w3id.org/holdfast/rules/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

rule:{name} a sh:NodeShape ;
  dcterms:identifier "{name}" ;
  rdfs:label "Too few from health"@en ;
  dcterms:description "Who works in the venture is too few, or from elsewhere."@en ;
  dcterms:source "No source: house judgement."@en ;
  skos:scopeNote "Silent where members are not listed."@en ;
  hf:remedy "Invite another."@en ;
  hf:lever hf:capacity ;
  hf:basis hf:{basis} ;
  hf:effect hf:undermines ;
  hf:certainty hf:stated ;
  hf:status "experimental" ;
  dcterms:creator "Holdfast" ;
  dcterms:created "2026-11-23"^^xsd:date ;
  dcterms:modified "2026-11-23"^^xsd:date ;
  sh:targetSubjectsOf hf:listsAll ;
  sh:severity sh:Warning ;
{body} .
"""
BODY = """\
  sh:property [
    sh:path ( [ sh:inversePath hf:belongsTo ] hf:member ) ;
    sh:minCount 2 ;
    sh:severity sh:Warning ;
    sh:message "Fewer than two are members."@en ] ;
  sh:property [
    sh:path ( [ sh:inversePath hf:belongsTo ] hf:member ) ;
    sh:node [ sh:property [ sh:path hf:sector ; sh:hasValue hf:health ] ] ;
    sh:severity sh:Warning ;
    sh:message "A member comes from elsewhere."@en ]"""
SUGGESTION = '''\
  dash:suggestionGenerator [
    a dash:SPARQLUpdateSuggestionGenerator ;
    sh:order 0 ;
    sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:message "Invite {?partner}."@en ;
    sh:update """
      INSERT { ?seat a hf:Membership ; hf:member ?partner ; hf:belongsTo $focusNode }
      WHERE {
        ?partner hf:sector hf:health
        FILTER NOT EXISTS { ?there hf:member ?partner ; hf:belongsTo $focusNode }
        BIND(IRI(CONCAT(STR($focusNode), "/proposed/seat")) AS ?seat)
      }""" ] ;
'''
REGISTER = """\
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

ex:falls a hf:Venture ; rdfs:label "Falls Partnership" ; hf:listsAll hf:Membership .
ex:homes a hf:Venture ; rdfs:label "Homes Partnership" ; hf:listsAll hf:Membership .
ex:seat-1 a hf:Membership ; hf:belongsTo ex:falls ; hf:member ex:school .
ex:seat-2 a hf:Membership ; hf:belongsTo ex:homes ; hf:member ex:clinic .
ex:seat-3 a hf:Membership ; hf:belongsTo ex:homes ; hf:member ex:trust .
ex:school a hf:Organisation ; rdfs:label "School" ; hf:sector hf:education .
ex:clinic a hf:Organisation ; rdfs:label "Clinic" ; hf:sector hf:health .
ex:trust a hf:Organisation ; rdfs:label "Trust" ; hf:sector hf:health .
"""
TODAY = date(2026, 11, 23)


def written(folder: Path, body: str = BODY, name: str = "too-few", basis: str = "capacity") -> Path:
    """A folder of rules with this one."""
    (folder / "rules" / name).mkdir(parents=True)
    text = RULE.replace("{name}", name).replace("{basis}", basis).replace("{body}", body)
    (folder / "rules" / name / "rule.ttl").write_text(text, encoding="utf-8")
    return folder / "rules"


def assessed(folder: Path, rules: Path) -> Assessment:
    (folder / "register.ttl").write_text(REGISTER, encoding="utf-8")
    return assess([str(folder / "register.ttl")], rules=rules, today=TODAY, editable=True)


def rule_of(rules: Path, ontology: Ontology) -> Rule:
    (rule,) = read_rules(ontology, rules)
    return rule


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    return read_ontology()


def test_each_violation_is_a_finding_with_its_evidence(tmp_path: Path) -> None:
    findings = assessed(tmp_path, written(tmp_path)).venture("falls").findings

    ex = "https://example.org/"
    assert [
        ("A member comes from elsewhere.", "School", (f"{ex}falls", f"{ex}seat-1")),
        ("Fewer than two are members.", "Falls Partnership", (f"{ex}falls",)),
    ] == [(f.message, f.value, f.evidence) for f in findings]


def test_a_venture_that_conforms_has_no_finding(tmp_path: Path) -> None:
    assert () == assessed(tmp_path, written(tmp_path)).venture("homes").findings


def test_a_proof_says_what_nobody_has_recorded_otherwise(tmp_path: Path) -> None:
    found = explain(assessed(tmp_path, written(tmp_path)), "falls")

    absent = [
        [step.sentence for step in one.proof.premises if step.kind == "absent"] for one in found
    ]
    assert [1, 1] == [len(said) for said in absent]
    assert "sector health" in absent[0][0]
    assert "at least 2" in absent[1][0]


def test_a_near_miss_tells_the_constraint_that_is_kept(tmp_path: Path) -> None:
    told = why_not(assessed(tmp_path, written(tmp_path)), "homes", "too-few")

    assert not told.fires
    assert "nothing is recorded such that (?value has sector health)" == told.tried[-1].pattern
    assert "?value is Clinic" in told.nearest
    assert not any("?constraint" in one.pattern for one in told.tried)


def test_a_change_alters_what_is_found(tmp_path: Path) -> None:
    text = (
        "PREFIX hf: <https://w3id.org/holdfast/ns#> PREFIX ex: <https://example.org/>"
        " DELETE DATA { ex:school hf:sector hf:education } ;"
        " INSERT DATA { ex:school hf:sector hf:health }"
    )
    before = assessed(tmp_path, written(tmp_path))

    outcome = what_if(before, operations_in(text, where="change.ru"))

    assert ["A member comes from elsewhere."] == [finding.message for _, finding in outcome.lost]


def test_a_suggestion_is_tried(tmp_path: Path) -> None:
    found = remedies(assessed(tmp_path, written(tmp_path, SUGGESTION + BODY)), "falls")

    assert {("Invite Clinic.", "Fewer than two are members."),
            ("Invite Trust.", "Fewer than two are members.")} == {
        (remedy.candidate.sentence, *(f.message for f in remedy.clears)) for remedy in found.tried
    }  # fmt: skip


def test_what_a_shape_denies_is_complete_before_it_runs(tmp_path: Path, ontology: Ontology) -> None:
    denies = '  sh:property [ sh:path hf:lacks ; sh:minCount 1 ; sh:severity sh:Warning ;\
 sh:message "Lacks nothing." ]'
    rules = written(tmp_path, denies)
    writes = next(r for r in read_rules(ontology) if r.id == "what-a-venture-lacks")

    strata = compile_all([rule_of(rules, ontology), writes], ontology, [])

    assert ["what-a-venture-lacks", "too-few"] == [
        compiled.rule.id for stratum in strata for compiled in stratum if not compiled.axioms
    ]


def test_the_query_is_the_same_in_every_reading(tmp_path: Path, ontology: Ontology) -> None:
    rules = written(tmp_path)

    assert 1 == len({rule_of(rules, ontology).query for _ in range(5)})


def test_the_page_of_a_rule_shows_the_query_that_it_comes_to(tmp_path: Path) -> None:
    rules = written(tmp_path)
    for name in ("fires", "quiet", "report"):
        (rules / "too-few" / f"{name}.ttl").write_text("", encoding="utf-8")

    write_docs(tmp_path / "out", rules=rules)

    page = (tmp_path / "out" / "docs" / "rules" / "too-few.md").read_text(encoding="utf-8")
    assert "This is the query that it comes to." in page
    assert "HAVING (COUNT(DISTINCT" in page


def test_a_shape_that_counts_findings_waits_for_all_of_them(
    tmp_path: Path, ontology: Ontology
) -> None:
    counts = (
        "  sh:property [ sh:path [ sh:inversePath hf:venture ] ; sh:maxCount 1 ;"
        ' sh:severity sh:Warning ; sh:message "More than one finding." ]'
    )
    rule = rule_of(written(tmp_path, counts), ontology)

    reads = reads_of(rule.algebra, ontology.notations, BASES, EFFECTS)

    assert {f"finding {basis} {effect}" for basis in BASES for effect in EFFECTS} <= reads.below
    with pytest.raises(RuleError, match="cycle through negation or counting"):
        compile_all([rule], ontology, [])
