"""Why a rule stays silent: its count, its nearest branch, the missing step, the rule beneath."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast import render
from holdfast.assess import Assessment, assess
from holdfast.explain import Unconcluded, WhyNot, why_not
from holdfast.terminal import page

REGISTER = """\
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

ex:harbour a hf:Venture ; rdfs:label "Harbour Trust"@en ; hf:boundary ex:quay , ex:docks .
ex:valley a hf:Venture ; rdfs:label "Valley Alliance"@en .
ex:quay a hf:Boundary ; rdfs:label "the quay"@en ; hf:within ex:town .
ex:docks a hf:Boundary ; rdfs:label "the docks"@en .
ex:town a hf:Boundary ; rdfs:label "the town"@en .
ex:seat a hf:Membership ; rdfs:label "the port's seat"@en ; hf:belongsTo ex:harbour ;
  hf:member ex:port .
ex:port a hf:Organisation ; rdfs:label "Port Authority"@en ; hf:unitOf ex:county .
ex:county a hf:Organisation ; rdfs:label "the county"@en .
ex:review a hf:Meeting ; rdfs:label "the review"@en ; hf:belongsTo ex:harbour .
"""
HEAD = """\
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rule: <https://w3id.org/holdfast/rules/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

rule:{name} a sh:NodeShape ;
  dcterms:identifier "{name}" ; rdfs:label "{name}"@en ; dcterms:description "As it says."@en ;
  dcterms:source "No source: house judgement." ; skos:scopeNote "Never silent."@en ;
  hf:status "experimental" ; dcterms:creator "Holdfast" ;
  dcterms:created "2026-11-25"^^xsd:date ; dcterms:modified "2026-11-25"^^xsd:date ;
  sh:targetClass hf:Venture ; {more}
"""
JUDGES = """
  hf:remedy "Name it."@en ; hf:lever hf:fit ; hf:basis {basis} ; hf:effect {effect} ;
  hf:certainty hf:stated ; sh:severity sh:Warning ;
  sh:sparql [ sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:message "{{$this}} is told of."@en ; sh:select \"\"\"{query}\"\"\" ] .
"""
INFERS = """
  sh:rule [ a sh:SPARQLRule ; sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:construct \"\"\"{query}\"\"\" ] .
"""
COUNTED = "SELECT $this (COUNT(DISTINCT ?area) AS ?areas) WHERE { $this hf:boundary ?area }"
NEEDS_THREE = 'hf:parameter [ hf:name "three" ; hf:default 3 ; hf:reason "Three."@en ] ;'

JUDGEMENTS = {
    "too-many-areas": f"""SELECT $this ?areas WHERE {{ BIND(3 AS ?three)
        {{ {COUNTED} GROUP BY $this }} FILTER(?areas >= ?three) }}""",
    "areas-having": """SELECT $this (COUNT(DISTINCT ?area) AS ?value) WHERE {
        BIND(3 AS ?three) $this hf:boundary ?area }
        GROUP BY $this ?three HAVING(COUNT(DISTINCT ?area) >= ?three)""",
    "either-way": """SELECT $this ?value WHERE {
        { $this hf:topic ?value . ?value hf:within ?wider }
        UNION { ?seat hf:belongsTo $this ; hf:member ?value . ?value hf:territory ?place }
        UNION { $this hf:replaces ?value } }""",
    "step-by-step": """SELECT $this ?value WHERE {
        $this ^hf:belongsTo/hf:member/hf:unitOf/hf:territory ?value }""",
    "at-some-remove": """SELECT $this ?value WHERE {
        $this hf:boundary ?value . ?value hf:within+ ?value }""",
    "one-of-two-paths": """SELECT $this ?value WHERE {
        $this hf:boundary ?value . ?value hf:overlaps|hf:coterminousWith ?other }""",
    "taken-away": """SELECT $this ?value WHERE {
        $this hf:boundary ?value . ?value hf:within ?town MINUS { ?value a hf:Boundary } }""",
    "said-somewhere": """SELECT $this ?value WHERE { $this hf:boundary ?value .
        GRAPH ?g { ?value hf:territory ?other } }""",
    "among-values": """SELECT $this ?value WHERE {
        VALUES ?kind { hf:Post hf:Event } ?value hf:belongsTo $this . ?value a ?kind .
        ?value hf:boundary ?area }""",
    "neighbours": """SELECT $this ?value WHERE {
        $this hf:hasPartner ?value . ?value hf:territory ?place }""",
    "no-neighbour": "SELECT $this ?value WHERE { $this hf:anchorPartner ?value }",
    "stands-on-others": """SELECT $this WHERE { ?one a hf:Finding ; hf:venture $this ;
        hf:basis hf:purpose ; hf:effect hf:hopes . }""",
}
BASES = {"too-many-areas": ("hf:purpose", "hf:hopes")}
INFERENCES = {
    "partner-by-seat": """CONSTRUCT { $this hf:hasPartner ?who } WHERE {
        ?seat hf:belongsTo $this ; hf:member ?who }""",
    "anchor-by-territory": """CONSTRUCT { $this hf:anchorPartner ?who } WHERE {
        $this hf:hasPartner ?who . ?who hf:territory ?place }""",
}


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    place = tmp_path_factory.mktemp("harbour")
    (place / "register.ttl").write_text(REGISTER, encoding="utf-8")
    for name, query in (JUDGEMENTS | INFERENCES).items():
        basis, effect = BASES.get(name, ("hf:fit", "hf:watch"))
        form = JUDGES if name in JUDGEMENTS else INFERS
        more = NEEDS_THREE if "?three" in query else ""
        (place / "rules" / name).mkdir(parents=True)
        (place / "rules" / name / "rule.ttl").write_text(
            HEAD.format(name=name, more=more)
            + form.format(query=query, basis=basis, effect=effect),
            encoding="utf-8",
        )
    return assess([str(place / "register.ttl")], rules=place / "rules")


def failing(told: WhyNot) -> str:
    """The pattern that fails, after it is seen to be the last."""
    assert not told.fires
    assert all(tried.met for tried in told.tried[:-1])
    assert 0 == told.tried[-1].met
    return told.tried[-1].pattern


@pytest.mark.parametrize("rule", ["too-many-areas", "areas-having"])
def test_a_count_is_told_with_what_was_needed_and_what_was_counted(
    harbour: Assessment, rule: str
) -> None:
    told = why_not(harbour, "harbour", rule)

    assert "is at least ?three" in failing(told)
    assert "is 2, and must be at least 3" in told.nearest
    assert "Counted: the docks, the quay." in told.nearest or (
        "Counted: the quay, the docks." in told.nearest
    )


def test_where_nothing_is_counted_the_number_asked_for_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "valley", "too-many-areas")

    assert "Valley Alliance has boundary ?area" == failing(told)
    assert "nothing is counted, where it is asked that ?areas is at least 3" in told.nearest


def test_of_a_union_the_branch_that_gets_furthest_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "harbour", "either-way")

    assert "?value has territory ?place" == failing(told)
    assert told.nearest.startswith("Of 3 alternatives this comes nearest.")
    assert "Port Authority" in told.nearest


def test_of_a_path_the_missing_step_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "harbour", "step-by-step")

    assert "has territory" in failing(told)
    assert 4 == len(told.tried)


def test_of_a_path_of_any_length_what_it_reaches_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "harbour", "at-some-remove")

    assert "lies within (directly or at some remove)" in failing(told)
    assert "the town instead" in told.nearest


def test_of_alternative_paths_the_nearest_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "harbour", "one-of-two-paths")

    assert "?other" in failing(told)
    assert "Of 2 alternatives" in told.nearest


def test_what_stands_against_a_rule_is_told(harbour: Assessment) -> None:
    told = why_not(harbour, "harbour", "taken-away")

    assert failing(told).startswith("without: ")
    assert told.nearest.startswith("But it is so")


@pytest.mark.parametrize("rule", ["said-somewhere", "among-values"])
def test_graphs_and_values_have_an_answer(harbour: Assessment, rule: str) -> None:
    assert failing(why_not(harbour, "harbour", rule))
    assert why_not(harbour, "harbour", rule).nearest


def test_a_chain_is_followed_into_the_rule_that_would_have_concluded_it(
    harbour: Assessment,
) -> None:
    told = why_not(harbour, "harbour", "no-neighbour")

    (under,) = told.under
    assert ("anchor-by-territory", "Harbour Trust") == (under.rule, under.about)
    assert "?who has territory ?place" == under.tried[-1].pattern
    assert "Port Authority" in under.nearest
    assert () == under.under  # no rule concludes a territory


def test_a_chain_is_followed_rule_by_rule(harbour: Assessment) -> None:
    told = why_not(harbour, "valley", "no-neighbour")

    (under,) = told.under
    assert "Valley Alliance has partner ?who" == under.tried[-1].pattern
    (deeper,) = under.under
    assert ("partner-by-seat", "Valley Alliance") == (deeper.rule, deeper.about)


def test_a_finding_that_is_missing_is_followed_into_the_rule_that_would_find_it(
    harbour: Assessment,
) -> None:
    told = why_not(harbour, "harbour", "stands-on-others")

    assert "on purpose whose effect is hopes" in failing(told)
    assert ["too-many-areas"] == [under.rule for under in told.under]
    assert "must be at least 3" in told.under[0].nearest


def test_an_inference_rule_that_concludes_something_does_not_count_as_silent(
    harbour: Assessment,
) -> None:
    told = why_not(harbour, "harbour", "partner-by-seat")

    assert told.fires
    assert "It concludes: Harbour Trust has partner Port Authority." == told.nearest


# -- axioms ----------------------------------------------------------------------------------------

AXIOMS = """\
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .

ex:valley a hf:Venture ; rdfs:label "Valley Alliance"@en ; ex:funds ex:clinic .
ex:clinic rdfs:label "the clinic"@en ; ex:near ex:school .
ex:school rdfs:label "the school"@en .
"""
NEEDS = {
    "needs-partner": "SELECT $this ?value WHERE { $this ex:knows ?value }",
    "needs-known-partner": "SELECT $this WHERE { $this ex:knows ex:school }",
    "needs-kind": "SELECT $this ?value WHERE { $this ex:funds ?value . ?value a ex:Clinic }",
}
PREFIXED = "PREFIX ex: <https://example.org/> "


def beneath(folder: Path, axioms: str, rule: str) -> list[Unconcluded]:
    """What is told beneath a rule of the axioms of a register, where no rule concludes anything."""
    (folder / "register.ttl").write_text(AXIOMS + axioms, encoding="utf-8")
    (folder / "rules" / rule).mkdir(parents=True)
    query = PREFIXED + NEEDS[rule]
    (folder / "rules" / rule / "rule.ttl").write_text(
        HEAD.format(name=rule, more="")
        + JUDGES.format(query=query, basis="hf:fit", effect="hf:watch"),
        encoding="utf-8",
    )
    found = assess([str(folder / "register.ttl")], rules=folder / "rules")
    return list(why_not(found, "valley", rule).under)


@pytest.mark.parametrize(
    ("axiom", "rule", "name", "fails"),
    [
        ("ex:leads rdfs:subPropertyOf ex:knows .", "needs-partner", "owl:prp-spo1",
         "Valley Alliance leads ?other"),
        ("ex:leads owl:equivalentProperty ex:knows .", "needs-partner", "owl:prp-eqp1",
         "Valley Alliance leads ?other"),
        ("ex:known owl:inverseOf ex:knows .", "needs-partner", "owl:prp-inv1",
         "?other has known Valley Alliance"),
        ("ex:knows a owl:SymmetricProperty .", "needs-known-partner", "owl:prp-symp",
         "the school knows Valley Alliance"),
        ("ex:knows a owl:TransitiveProperty . ex:valley ex:knows ex:clinic .",
         "needs-known-partner", "owl:prp-trp", "?between1 knows the school"),
        ("ex:knows owl:propertyChainAxiom ( ex:funds ex:near ex:part ) .", "needs-partner",
         "owl:prp-spo2", "?between2 has part ?other"),
        ("ex:heals rdfs:domain ex:Clinic .", "needs-kind", "owl:prp-dom",
         "the clinic heals ?between1"),
        ("ex:visits rdfs:range ex:Clinic .", "needs-kind", "owl:prp-rng",
         "?between1 visits the clinic"),
        ("ex:Surgery rdfs:subClassOf ex:Clinic .", "needs-kind", "owl:cax-sco",
         "the clinic is of the kind Surgery"),
        ("ex:Clinic owl:equivalentClass ex:Surgery .", "needs-kind", "owl:cax-eqc2",
         "the clinic is of the kind Surgery"),
        ("ex:Clinic owl:equivalentClass [ owl:onProperty ex:heals ; owl:someValuesFrom ex:Patient"
         " ] . ex:clinic ex:heals ex:anna .", "needs-kind", "owl:cax-eqc2",
         "?between1 is of the kind Patient"),
        ("[ owl:onProperty ex:heals ; owl:someValuesFrom owl:Thing ] rdfs:subClassOf ex:Clinic .",
         "needs-kind", "owl:cax-sco", "the clinic heals ?between1"),
        ("ex:Clinic owl:equivalentClass [ owl:onProperty ex:use ; owl:hasValue ex:healing ] .",
         "needs-kind", "owl:cax-eqc2", "the clinic has use healing"),
        ("ex:Trust rdfs:subClassOf [ owl:onProperty ex:funds ; owl:allValuesFrom ex:Clinic ] .",
         "needs-kind", "owl:cls-avf", "?between1 is of the kind Trust"),
        ("ex:Trust rdfs:subClassOf [ owl:onProperty ex:knows ; owl:hasValue ex:school ] .",
         "needs-known-partner", "owl:cls-hv1", "Valley Alliance is of the kind Trust"),
        ("ex:Clinic owl:equivalentClass [ owl:intersectionOf ( ex:Body [ owl:onProperty ex:heals ;"
         " owl:someValuesFrom ex:Patient ] ) ] . ex:clinic a ex:Body .", "needs-kind",
         "owl:cax-eqc2", "the clinic heals ?between1"),
    ],
)  # fmt: skip
def test_an_axiom_that_would_have_inferred_what_is_missing_is_told(
    axiom: str, rule: str, name: str, fails: str, tmp_path: Path
) -> None:
    (under,) = beneath(tmp_path, axiom, rule)

    assert name == under.rule.split(" ")[0]
    assert fails == under.tried[-1].pattern
    assert 0 == under.tried[-1].met


def test_a_chain_of_properties_is_met_as_far_as_it_goes(tmp_path: Path) -> None:
    axiom = "ex:knows owl:propertyChainAxiom ( ex:funds ex:near ex:part ) ."
    (under,) = beneath(tmp_path, axiom, "needs-partner")

    assert [1, 1, 0] == [tried.met for tried in under.tried]
    assert "Of ?between2 nothing of that sort is recorded." in under.nearest
    assert "?between2 is the school" in under.nearest


def test_axioms_are_followed_into_one_another(tmp_path: Path) -> None:
    axioms = "ex:leads rdfs:subPropertyOf ex:knows . ex:led owl:inverseOf ex:leads ."
    (under,) = beneath(tmp_path, axioms, "needs-partner")

    (deeper,) = under.under
    assert "owl:prp-inv1 (https://example.org/led owl:inverseOf https://example.org/leads)" == (
        deeper.rule
    )
    assert "Valley Alliance" == deeper.about


def test_what_a_thing_would_have_if_it_were_another_is_told(tmp_path: Path) -> None:
    axioms = (
        "ex:Body owl:hasKey ( ex:code ) . ex:clinic a ex:Body ; ex:code 5 ."
        " ex:klinik a ex:Body, ex:Clinic ; ex:code 6 ."
    )
    (under,) = beneath(tmp_path, axioms, "needs-kind")
    (deeper,) = under.under

    assert "owl:eq-rep-s" == under.rule.split(" ")[0]
    assert "the clinic is the same as ?between1" == under.tried[-1].pattern
    assert "?between1 is klinik" in under.nearest
    assert "owl:prp-key" == deeper.rule.split(" ")[0]
    assert "klinik has code ?between1" == deeper.tried[-1].pattern


def test_nobody_is_told_of_equals_where_none_has_what_is_missing(tmp_path: Path) -> None:
    axioms = "ex:Body owl:hasKey ( ex:code ) . ex:klinik owl:sameAs ex:hospital ."
    assert [] == beneath(tmp_path, axioms, "needs-kind")


def test_what_is_defined_by_itself_ends(tmp_path: Path) -> None:
    axioms = (
        "ex:Clinic owl:equivalentClass [ owl:onProperty ex:part ; owl:someValuesFrom ex:Clinic ] ."
        " ex:Clinic rdfs:subClassOf [ owl:onProperty ex:use ; owl:hasValue ex:healing ] ."
        " [ owl:onProperty ex:use ; owl:hasValue ex:healing ] rdfs:subClassOf ex:Clinic ."
    )
    told = beneath(tmp_path, axioms, "needs-kind")

    assert {"the clinic has use healing", "the clinic has part ?between1"} == {
        under.tried[-1].pattern for under in told
    }


def test_the_axiom_that_comes_nearest_is_told_first(tmp_path: Path) -> None:
    axioms = (
        "ex:leads rdfs:subPropertyOf ex:knows ."
        " ex:knows owl:propertyChainAxiom ( ex:funds ex:owns ) ."
    )

    told = beneath(tmp_path, axioms, "needs-partner")

    assert ["owl:prp-spo2", "owl:prp-spo1"] == [under.rule.split(" ")[0] for under in told]


def test_a_text_answer_shows_the_chain(
    harbour: Assessment, capsys: pytest.CaptureFixture[str]
) -> None:
    told = why_not(harbour, "valley", "no-neighbour")

    render.show_why_not(page(), harbour, harbour.venture("valley"), told)

    shown = capsys.readouterr().out
    assert "anchor-by-territory would have concluded it" in shown
    assert "partner-by-seat would have concluded it" in shown


def test_proliferation_tells_how_many_ventures_were_counted(
    case_a: str, assess_once: Callable[..., Assessment]
) -> None:
    told = why_not(assess_once([case_a], as_of="A5"), "physical-activity", "proliferation")

    assert "is at least ?manyVentures" in failing(told)
    assert "?others + 1 is 4, and must be at least 5 (?manyVentures)" in told.nearest
    assert "Counted: First Health Alliance" in told.nearest
