"""The axioms of OWL 2 RL, rule by rule: what follows from an axiom, and what contradicts it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from holdfast.assess import assess
from holdfast.columns import Columns, Limits
from holdfast.columns.names import quoted
from holdfast.columns.store import STATED
from holdfast.errors import RuleError
from holdfast.reason import Inconsistency, Reasoner, entail
from holdfast.reason.proof import Proofs
from holdfast.timeline import timeline
from holdfast.whatif import Change, quads_in_turtle, what_if

PREFIXES = """
@prefix : <https://example.org/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

INFERRED = {
    "eq-sym": (":ccg owl:sameAs :board .", ":board owl:sameAs :ccg"),
    "eq-trans": (":a owl:sameAs :b . :b owl:sameAs :c .", ":a owl:sameAs :c"),
    "eq-rep-s": (":pct owl:sameAs :trust . :pct :funds :post .", ":trust :funds :post"),
    "eq-rep-p": (":pays owl:sameAs :funds . :pct :pays :post .", ":pct :funds :post"),
    "eq-rep-o": (":pct owl:sameAs :trust . :post :paidBy :pct .", ":post :paidBy :trust"),
    "prp-dom": (":leads rdfs:domain :Body . :pct :leads :venture .", ":pct a :Body"),
    "prp-rng": (":leads rdfs:range :Venture . :pct :leads :v .", ":v a :Venture"),
    "prp-fp": (
        ":chair a owl:FunctionalProperty . :v :chair :ann , :anne .",
        ":ann owl:sameAs :anne",
    ),
    "prp-ifp": (
        ":runs a owl:InverseFunctionalProperty . :pct :runs :v . :trust :runs :v .",
        ":pct owl:sameAs :trust",
    ),
    "prp-symp": (":worksWith a owl:SymmetricProperty . :a :worksWith :b .", ":b :worksWith :a"),
    "prp-trp": (":in a owl:TransitiveProperty . :a :in :b . :b :in :c .", ":a :in :c"),
    "prp-spo1": (":heads rdfs:subPropertyOf :in . :a :heads :b .", ":a :in :b"),
    "prp-spo2": (
        ":seat owl:propertyChainAxiom ( :post :of ) . :v :post :p . :p :of :pct .",
        ":v :seat :pct",
    ),
    "prp-eqp1": (":pays owl:equivalentProperty :funds . :a :pays :b .", ":a :funds :b"),
    "prp-eqp2": (":pays owl:equivalentProperty :funds . :a :funds :b .", ":a :pays :b"),
    "prp-inv1": (":leads owl:inverseOf :ledBy . :a :leads :v .", ":v :ledBy :a"),
    "prp-inv2": (":leads owl:inverseOf :ledBy . :v :ledBy :a .", ":a :leads :v"),
    "prp-key": (
        ':Body owl:hasKey ( :code ) . :a a :Body ; :code "5" . :b a :Body ; :code "5" .',
        ":a owl:sameAs :b",
    ),
    "cls-int1": (":X owl:intersectionOf ( :A :B ) . :v a :A , :B .", ":v a :X"),
    "cls-int2": (":X owl:intersectionOf ( :A :B ) . :v a :X .", ":v a :B"),
    "cls-uni": (":X owl:unionOf ( :A :B ) . :v a :B .", ":v a :X"),
    "cls-svf1": (
        ":X owl:someValuesFrom :Body ; owl:onProperty :has . :v :has :b . :b a :Body .",
        ":v a :X",
    ),
    "cls-svf2": (
        ":X owl:someValuesFrom owl:Thing ; owl:onProperty :has . :v :has :b .",
        ":v a :X",
    ),
    "cls-avf": (
        ":X owl:allValuesFrom :Body ; owl:onProperty :has . :v a :X ; :has :b .",
        ":b a :Body",
    ),
    "cls-hv1": (":X owl:hasValue :nhs ; owl:onProperty :in . :v a :X .", ":v :in :nhs"),
    "cls-hv2": (":X owl:hasValue :nhs ; owl:onProperty :in . :v :in :nhs .", ":v a :X"),
    "cls-maxc2": (
        ":X owl:maxCardinality 1 ; owl:onProperty :chair . :v a :X ; :chair :a , :b .",
        ":a owl:sameAs :b",
    ),
    "cls-maxqc3": (
        ":X owl:maxQualifiedCardinality 1 ; owl:onProperty :has ; owl:onClass :Chair ."
        " :v a :X ; :has :a , :b . :a a :Chair . :b a :Chair .",
        ":a owl:sameAs :b",
    ),
    "cls-maxqc4": (
        ":X owl:maxQualifiedCardinality 1 ; owl:onProperty :has ; owl:onClass owl:Thing ."
        " :v a :X ; :has :a , :b .",
        ":a owl:sameAs :b",
    ),
    "cls-oo": (":X owl:oneOf ( :a :b ) .", ":b a :X"),
    "cax-sco": (":A rdfs:subClassOf :B . :v a :A .", ":v a :B"),
    "cax-eqc1": (":A owl:equivalentClass :B . :v a :A .", ":v a :B"),
    "cax-eqc2": (":A owl:equivalentClass :B . :v a :B .", ":v a :A"),
    "scm-sco": (
        ":A rdfs:subClassOf :B . :B rdfs:subClassOf :C .",
        ":A rdfs:subClassOf :C",
    ),
    "scm-eqc1": (":A owl:equivalentClass :B .", ":B rdfs:subClassOf :A"),
    "scm-eqc2": (
        ":A rdfs:subClassOf :B . :B rdfs:subClassOf :A .",
        ":A owl:equivalentClass :B",
    ),
    "scm-spo": (
        ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :r .",
        ":p rdfs:subPropertyOf :r",
    ),
    "scm-eqp1": (":p owl:equivalentProperty :q .", ":q rdfs:subPropertyOf :p"),
    "scm-eqp2": (
        ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :p .",
        ":p owl:equivalentProperty :q",
    ),
    "scm-dom1": (":p rdfs:domain :A . :A rdfs:subClassOf :B .", ":p rdfs:domain :B"),
    "scm-dom2": (":p rdfs:domain :A . :q rdfs:subPropertyOf :p .", ":q rdfs:domain :A"),
    "scm-rng1": (":p rdfs:range :A . :A rdfs:subClassOf :B .", ":p rdfs:range :B"),
    "scm-rng2": (":p rdfs:range :A . :q rdfs:subPropertyOf :p .", ":q rdfs:range :A"),
    "scm-hv": (
        ":X owl:hasValue :i ; owl:onProperty :p . :Y owl:hasValue :i ; owl:onProperty :q ."
        " :p rdfs:subPropertyOf :q .",
        ":X rdfs:subClassOf :Y",
    ),
    "scm-svf1": (
        ":X owl:someValuesFrom :A ; owl:onProperty :p . :Y owl:someValuesFrom :B ;"
        " owl:onProperty :p . :A rdfs:subClassOf :B .",
        ":X rdfs:subClassOf :Y",
    ),
    "scm-svf2": (
        ":X owl:someValuesFrom :A ; owl:onProperty :p . :Y owl:someValuesFrom :A ;"
        " owl:onProperty :q . :p rdfs:subPropertyOf :q .",
        ":X rdfs:subClassOf :Y",
    ),
    "scm-avf1": (
        ":X owl:allValuesFrom :A ; owl:onProperty :p . :Y owl:allValuesFrom :B ;"
        " owl:onProperty :p . :A rdfs:subClassOf :B .",
        ":X rdfs:subClassOf :Y",
    ),
    "scm-avf2": (
        ":X owl:allValuesFrom :A ; owl:onProperty :p . :Y owl:allValuesFrom :A ;"
        " owl:onProperty :q . :p rdfs:subPropertyOf :q .",
        ":Y rdfs:subClassOf :X",
    ),
    "scm-int": (":X owl:intersectionOf ( :A :B ) .", ":X rdfs:subClassOf :B"),
    "scm-uni": (":X owl:unionOf ( :A :B ) .", ":B rdfs:subClassOf :X"),
}

FORBIDDEN = {
    "eq-diff1": ":a owl:sameAs :b . :a owl:differentFrom :b .",
    "eq-diff2": ":a owl:sameAs :b . [] a owl:AllDifferent ; owl:members ( :a :b ) .",
    "eq-diff3": ":a owl:sameAs :b . [] a owl:AllDifferent ; owl:distinctMembers ( :a :b ) .",
    "prp-irp": ":leads a owl:IrreflexiveProperty . :a :leads :a .",
    "prp-asyp": ":leads a owl:AsymmetricProperty . :a :leads :b . :b :leads :a .",
    "prp-pdw": ":hates owl:propertyDisjointWith :likes . :a :hates :b ; :likes :b .",
    "prp-adp": "[] a owl:AllDisjointProperties ; owl:members ( :p :q ) . :a :p :b ; :q :b .",
    "prp-npa1": "[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetIndividual :b ."
    " :a :p :b .",
    "prp-npa2": '[] owl:sourceIndividual :a ; owl:assertionProperty :p ; owl:targetValue "5" .'
    ' :a :p "5" .',
    "cls-nothing2": ":a a owl:Nothing .",
    "cls-com": ":A owl:complementOf :B . :a a :A , :B .",
    "cls-maxc1": ":X owl:maxCardinality 0 ; owl:onProperty :p . :a a :X ; :p :b .",
    "cls-maxqc1": ":X owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass :A ."
    " :a a :X ; :p :b . :b a :A .",
    "cls-maxqc2": ":X owl:maxQualifiedCardinality 0 ; owl:onProperty :p ; owl:onClass owl:Thing ."
    " :a a :X ; :p :b .",
    "cax-dw": ":A owl:disjointWith :B . :C rdfs:subClassOf :B . :a a :A , :C .",
    "cax-adc": "[] a owl:AllDisjointClasses ; owl:members ( :A :B ) . :a a :A , :B .",
    "dt-not-type": ':p rdfs:range xsd:integer . :a :p "many" .',
    "dt-diff": ":p a owl:FunctionalProperty . :a :p 1 , 2 .",
}


APART_FROM_ITSELF = {
    "eq-diff2": "[] a owl:AllDifferent ; owl:members ( :a :b :a ) .",
    "eq-diff3": "[] a owl:AllDifferent ; owl:distinctMembers ( :a :a ) .",
    "prp-adp": "[] a owl:AllDisjointProperties ; owl:members ( :p :p ) . :a :p :b .",
    "cax-adc": "[] a owl:AllDisjointClasses ; owl:members ( :A :B :A ) . :a a :A .",
}


def closed(
    folder: Path, turtle: str, limits: Limits | None = None
) -> tuple[Columns, Reasoner, list[Inconsistency]]:
    """The axioms and facts of a register, and all that follows from them."""
    file = folder / "register.ttl"
    file.write_text(PREFIXES + turtle)
    columns = Columns(limits)
    columns.con.execute("SET threads = 1")  # a few triples
    columns.load([str(file)])
    columns.build(f"SELECT s, p, o, 0 AS c, {STATED} AS r FROM quads")
    return columns, *entail(columns)


def holds(columns: Columns, statement: str) -> bool:
    (subject, predicate, value), names = statement.split(), []
    for name in (subject, predicate, value):
        for prefix, namespace in (
            ("owl:", "http://www.w3.org/2002/07/owl#"),
            ("rdfs:", "http://www.w3.org/2000/01/rdf-schema#"),
            (":", "https://example.org/"),
        ):
            if name.startswith(prefix):
                names.append(namespace + name.removeprefix(prefix))
                break
        else:
            names.append("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    ids = [columns.id_of(f"<{name}>") for name in (names[0], names[2])]
    table = columns.table(names[1])
    return bool(columns.value(f"SELECT count(*) FROM {table} WHERE (s, o) = ({ids[0]}, {ids[1]})"))


@pytest.mark.parametrize("rule", INFERRED)
def test_what_an_axiom_infers(rule: str, tmp_path: Path) -> None:
    turtle, expected = INFERRED[rule]
    columns, _, inconsistencies = closed(tmp_path, turtle)
    assert holds(columns, expected)
    assert [] == inconsistencies


@pytest.mark.parametrize("rule", INFERRED)
def test_every_statement_of_an_axiom_is_needed(rule: str, tmp_path: Path) -> None:
    turtle, expected = INFERRED[rule]
    statements = [part for part in turtle.removesuffix(" .").split(" . ") if part]
    columns, *_ = closed(tmp_path, " . ".join(statements[1:]) + (" ." if statements[1:] else ""))
    assert not holds(columns, expected)


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_what_an_axiom_forbids_is_found(rule: str, tmp_path: Path) -> None:
    _, _, inconsistencies = closed(tmp_path, FORBIDDEN[rule])
    assert f"owl:{rule}" in {found.rule for found in inconsistencies}
    assert all(found.premises for found in inconsistencies)


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_nothing_is_found_without_the_last_statement(rule: str, tmp_path: Path) -> None:
    statements = FORBIDDEN[rule].removesuffix(" .").split(" . ")
    _, _, inconsistencies = closed(tmp_path, "".join(f"{one} . " for one in statements[:-1]))
    assert [] == inconsistencies


@pytest.mark.parametrize("rule", APART_FROM_ITSELF)
def test_what_a_list_names_twice_is_told_to_be_apart_from_itself(rule: str, tmp_path: Path) -> None:
    _, _, inconsistencies = closed(tmp_path, APART_FROM_ITSELF[rule])
    assert [f"owl:{rule}"] == [found.rule for found in inconsistencies]


def test_a_thing_may_be_the_same_as_a_literal_and_things_through_it(tmp_path: Path) -> None:
    turtle = ':code a owl:FunctionalProperty . :v :code :a , "5" . :w :code :b , "5" .'
    columns, *_ = closed(tmp_path, turtle)
    assert holds(columns, ":a owl:sameAs :b")


def equal_bodies(count: int) -> str:
    """Bodies that are all said to be the first of them, and one fact about each."""
    same = "".join(f":b{n} owl:sameAs :b0 .\n" for n in range(1, count))
    return same + "".join(f":b{n} :funds :post{n % 7} .\n" for n in range(count))


def test_hundreds_of_equal_things_share_what_is_known_of_each(tmp_path: Path) -> None:
    columns, *_ = closed(tmp_path, equal_bodies(300))
    same, funds = "http://www.w3.org/2002/07/owl#sameAs", "https://example.org/funds"
    assert 300 * 299 == columns.value(f"SELECT count(*) FROM {quoted(same)}")
    assert 300 * 7 == columns.value(f"SELECT count(*) FROM {quoted(funds)}")


def test_more_equal_things_than_are_allowed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"20 things are one and the same as stated .* 400 triples"):
        closed(tmp_path, equal_bodies(20), Limits(rows=399))


def test_equal_things_are_proved_by_the_shortest_way(tmp_path: Path) -> None:
    said = ":a owl:sameAs :b . :b owl:sameAs :c . :c owl:sameAs :d . :d owl:sameAs :b ."
    columns, reasoner, _ = closed(tmp_path, said)
    same = quoted("http://www.w3.org/2002/07/owl#sameAs")
    ends = [columns.id_of(f"<https://example.org/{name}>") for name in "ad"]
    number = columns.value(f"SELECT t FROM {same} WHERE s = {ends[0]} AND o = {ends[1]}")
    proofs = Proofs(reasoner, [], [number])
    assert 2 == len(proofs.premises(triple=number))


def test_what_is_the_same_is_of_the_kind_that_domains_and_ranges_say(tmp_path: Path) -> None:
    said = (
        ":funds rdfs:domain :Payer ; rdfs:range :Post . :pct :funds :post ."
        " :pct owl:sameAs :trust . :post owl:sameAs :job ."
    )
    columns, *_ = closed(tmp_path, said)

    for statement in (":trust a :Payer", ":job a :Post", ":trust :funds :job"):
        assert holds(columns, statement)


def test_a_register_that_says_what_is_the_same_is_judged_by_the_shipped_rules(
    tmp_path: Path,
) -> None:
    file = tmp_path / "register.ttl"
    file.write_text(
        PREFIXES
        + """
@prefix hf: <https://w3id.org/holdfast/ns#> .
:valley-alliance a hf:Venture ; hf:started "2024"^^xsd:gYear .
:trust-seat a hf:Membership ; hf:belongsTo :valley-alliance ; hf:member :trust ; hf:role hf:lead .
:dedicated-post a hf:Post ; hf:belongsTo :alliance-of-the-valley ; hf:dedicated true ;
  hf:grade hf:specialist ; hf:mustEngage hf:senior-officer .
:alliance-of-the-valley owl:sameAs :valley-alliance .
:trust owl:sameAs :hospital-trust .
""",
        encoding="utf-8",
    )

    assessment = assess([str(file)], as_of="2025", evidence=False)

    found = {f.rule for f in assessment.venture("valley-alliance").findings}
    assert "underpowered-post" in found
    assert found == {f.rule for f in assessment.venture("alliance-of-the-valley").findings}


def test_an_axiom_that_an_axiom_infers_is_applied(tmp_path: Path) -> None:
    turtle = ":kindOf rdfs:subPropertyOf rdfs:subPropertyOf . :pays :kindOf :funds . :a :pays :b ."
    columns, *_ = closed(tmp_path, turtle)
    assert holds(columns, ":a :funds :b")


def test_a_kind_of_property_that_an_axiom_infers_is_applied_after_it(tmp_path: Path) -> None:
    said = ":mutual rdfs:domain owl:SymmetricProperty . :near :mutual :yes . :a :near :b ."
    columns, *_ = closed(tmp_path, said)
    assert holds(columns, ":b :near :a")


def test_an_inferred_triple_has_the_axiom_among_its_premises(tmp_path: Path) -> None:
    columns, reasoner, _ = closed(tmp_path, INFERRED["prp-dom"][0])
    typed = quoted("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    ((number, rule),) = columns.rows(f"SELECT t, r FROM {typed}")
    assert "owl:prp-dom" == reasoner.rules[rule].name
    plan, _ = reasoner.rules[rule].traced()
    ((premises,),) = columns.rows(f"SELECT l FROM ({plan.sql})")
    assert 2 == len(premises)
    assert max(premises) < number
    assert Proofs(reasoner, []).used_triples() == []


def test_a_venture_by_way_of_a_class_of_the_registers_own_lives_in_time(tmp_path: Path) -> None:
    file = tmp_path / "register.ttl"
    file.write_text(
        PREFIXES
        + """
@prefix hf: <https://w3id.org/holdfast/ns#> .
:Partnership rdfs:subClassOf :Alliance . hf:Venture owl:equivalentClass :Alliance .
:vale a :Partnership ; rdfs:label "Vale" ; hf:started "2015"^^xsd:gYear .
""",
        encoding="utf-8",
    )

    early, never = (assess([str(file)], as_of=day, evidence=False) for day in ("2016", "2014"))

    assert ["early"] == [venture.stage for venture in early.ventures]
    assert ["Vale"] == list(never.left_out)
    assert [] == early.doubts() == never.doubts()
    assert "Vale" == timeline([str(file)], "vale", today=date(2017, 1, 1)).label


def test_edits_see_ventures_of_the_registers_own_classes(tmp_path: Path) -> None:
    file = tmp_path / "register.ttl"
    file.write_text(
        PREFIXES
        + """
@prefix hf: <https://w3id.org/holdfast/ns#> .
:Partnership rdfs:subClassOf hf:Venture .
:vale a :Partnership .
:hill hf:started "2015"^^xsd:gYear ; hf:boundary :hill-area .
""",
        encoding="utf-8",
    )
    assessment = assess([str(file)], as_of="2016", evidence=False, editable=True)
    typed = quads_in_turtle(
        "<https://example.org/hill> a <https://example.org/Partnership>", where="--add"
    )

    told = what_if(assessment, Change(added=typed))

    file.write_text(file.read_text(encoding="utf-8") + ":hill a :Partnership .\n", encoding="utf-8")
    after = assess([str(file)], as_of="2016", evidence=False).venture("hill")
    assert {f.iri for f in after.findings} == {finding.iri for _, finding in told.gained}
    assert ("early", True) == (after.stage, bool(after.findings))
