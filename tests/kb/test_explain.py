"""Why a finding holds, why a rule stays silent, and what would help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.assess import Assessment, assess
from holdfast.errors import UnknownNameError
from holdfast.explain import Step, advice_for, explain, why_not
from holdfast.vocabulary import CONSTITUTIVE

AFTER_ADOPTION = "A5"
VENTURE = "physical-activity"


@pytest.fixture(scope="module")
def after_adoption(case_a: str, assess_once: Callable[..., Assessment]) -> Assessment:
    return assess_once([case_a], as_of=AFTER_ADOPTION)


def steps_of(step: Step) -> Iterator[Step]:
    yield step
    for premise in step.premises:
        yield from steps_of(premise)


def identifiers(step: Step) -> set[str]:
    return {fact.identifier for inner in steps_of(step) for fact in inner.facts}


def test_internal_legitimacy_is_explained_by_all_four_grounds_and_their_facts(
    after_adoption: Assessment,
) -> None:
    told = explain(after_adoption, VENTURE, basis="internal-legitimacy")

    by_rule = [e for e in told if e.finding.rule == "ground-of-legitimacy-failing"]
    under = [step for e in by_rule for step in steps_of(e.proof) if step.kind == "finding"]
    rules = {step.rule for step in under}
    facts = {identifier for e in by_rule for identifier in identifiers(e.proof)}

    assert 4 == len(by_rule)
    assert {
        "poor-boundary-fit",
        "unclear-relation-to-existing-ventures",
        "no-core-productive-capacity",
        "underpowered-post",
        "limited-ownership",
        "no-common-purpose",
        "conduct-builds-no-value",
    } <= rules
    assert {"A16", "A38", "A39", "A40", "A41", "A43", "A44", "A51"} <= facts


def test_every_branch_of_a_proof_ends_in_something_stated_or_given(
    after_adoption: Assessment,
) -> None:
    leaves = {
        step.kind
        for explanation in explain(after_adoption, VENTURE)
        for step in steps_of(explanation.proof)
        if not step.premises and not step.repeated
    }

    assert leaves <= {"stated", "given", "ontology", "absent"}


def test_a_stated_fact_is_told_with_its_lines_register_phase_and_certainty(
    after_adoption: Assessment,
) -> None:
    (told,) = explain(after_adoption, VENTURE, rule="poor-boundary-fit")

    (fact,) = {f for step in steps_of(told.proof) for f in step.facts if f.identifier == "A41"}

    assert ("L475-L478",) == fact.lines
    assert "A district strategy for physical activity" == fact.register
    assert ("A1", "stated") == (fact.phase, fact.certainty)
    assert fact.description


def test_a_rule_is_found_by_its_number_in_the_paper(after_adoption: Assessment) -> None:
    by_number = explain(after_adoption, VENTURE, rule="P73")

    assert {"underpowered-post"} == {explanation.finding.rule for explanation in by_number}


def test_a_number_of_several_rules_stands_for_all_their_findings(
    after_adoption: Assessment,
) -> None:
    found = explain(after_adoption, VENTURE, rule="P60")

    assert {"post-adoption-drift", "tenuous-connection"} == {one.finding.rule for one in found}
    with pytest.raises(UnknownNameError, match=r"P60 is told by 2 rules\. Name one of them"):
        why_not(after_adoption, VENTURE, "P60")


def test_no_evidence_is_less_certain_than_the_finding_it_is_given_for(
    after_adoption: Assessment,
) -> None:
    ranks = {"stated": 0, "perceived": 1, "hedged": 2, "derived": 3, "estimated": 4}

    for explanation in explain(after_adoption, VENTURE):
        used = [
            fact.certainty
            for step in steps_of(explanation.proof)
            if not any(inner.kind == "finding" for inner in step.premises)
            for fact in step.facts
        ]
        worst = max((ranks[certainty] for certainty in used), default=0)
        assert worst <= ranks[explanation.finding.certainty], explanation.finding


def test_what_the_rule_asked_not_to_be_recorded_is_told(after_adoption: Assessment) -> None:
    (told,) = explain(after_adoption, VENTURE, rule="limited-ownership")[:1]

    absent = [step.sentence for step in told.proof.premises if step.kind == "absent"]

    assert any("was commissioned by" in sentence for sentence in absent)


def test_advice_names_constitutive_bases_only(after_adoption: Assessment) -> None:
    venture = after_adoption.venture(VENTURE)

    for basis in (None, "security", "internal-legitimacy", "productivity"):
        advice = advice_for(after_adoption, venture, basis=basis)
        assert advice, basis
        assert {lever for item in advice for lever in item.levers} <= set(CONSTITUTIVE)


def test_advice_on_security_goes_to_the_grounds_beneath_it(after_adoption: Assessment) -> None:
    advice = advice_for(after_adoption, after_adoption.venture(VENTURE), basis="security")

    assert {"underpowered-post", "conduct-builds-no-value"} <= {item.rule for item in advice}


def test_why_not_names_the_pattern_that_fails_and_what_came_nearest(
    after_adoption: Assessment,
) -> None:
    told = why_not(after_adoption, VENTURE, "coterminous-with-partner")

    assert not told.fires
    assert 0 == told.tried[-1].met
    assert "coterminous" in told.tried[-1].pattern
    assert all(tried.met > 0 for tried in told.tried[:-1])
    assert "first local authority" in told.nearest


def test_why_not_says_when_the_rule_does_fire(after_adoption: Assessment) -> None:
    assert why_not(after_adoption, VENTURE, "poor-boundary-fit").fires


@pytest.mark.parametrize("rule", ["subsidy-dependence", "senior-dedicated-post", "proliferation"])
def test_why_not_has_an_answer_for_rules_of_every_shape(
    after_adoption: Assessment, rule: str
) -> None:
    told = why_not(after_adoption, VENTURE, rule)

    assert not told.fires
    assert told.tried
    assert told.nearest


def test_why_not_has_an_answer_for_every_silent_rule(after_adoption: Assessment) -> None:
    fired = {finding.rule for finding in after_adoption.venture(VENTURE).findings}

    for rule in after_adoption.rules:
        if rule.kind == "judgement" and rule.id not in fired:
            told = why_not(after_adoption, VENTURE, rule.id)
            assert told.tried, rule.id
            assert 0 == told.tried[-1].met, rule.id
            assert told.nearest, rule.id
            assert not re.search(r"__agg|\?_|not to be assessed", str(told)), rule.id


@pytest.mark.parametrize(
    ("venture", "options", "named"),
    [
        ("physical-activty", {}, "physical-activity"),
        (VENTURE, {"basis": "purpos"}, "purpose"),
        (VENTURE, {"rule": "poor-boundry-fit"}, "poor-boundary-fit"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    after_adoption: Assessment, venture: str, options: dict[str, str], named: str
) -> None:
    with pytest.raises(UnknownNameError, match=named):
        explain(after_adoption, venture, **options)


def test_a_plain_register_is_explained_by_its_records(tmp_path: Path) -> None:
    register = tmp_path / "alliance.ttl"
    register.write_text(
        """
        @prefix ex: <https://example.org/> .
        @prefix hf: <https://w3id.org/holdfast/ns#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
        ex:alliance a hf:Venture ; rdfs:label "Valley Health Alliance"@en .
        ex:view a hf:View ; hf:belongsTo ex:alliance ; hf:condition hf:priorities-differ ;
          hf:about ex:aim ; hf:certainty hf:hedged .
        ex:aim a hf:Purpose ; hf:belongsTo ex:alliance ; rdfs:label "fewer falls"@en .
        """,
        encoding="utf-8",
    )
    assessment = assess([str(register)])

    findings = {finding.rule: finding for finding in assessment.venture("alliance").findings}
    finding = findings["no-common-purpose"]

    assert "hedged" == finding.certainty
    assert ("https://example.org/aim", "https://example.org/view") == finding.evidence
