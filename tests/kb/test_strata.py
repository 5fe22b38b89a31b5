"""The order of rules: what a rule negates or counts is complete before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

import pytest

from holdfast.errors import RuleError
from holdfast.ontology import Ontology, read_ontology
from holdfast.reason import Stratum, strata_of
from holdfast.rules import Rule, Target, read_rules
from holdfast.vocabulary import HF

EX = "https://example.org/"
HEAD = f"PREFIX ex: <{EX}>\nPREFIX hf: <{HF}>\n"


@cache
def _shipped() -> tuple[Ontology, tuple[Rule, ...]]:
    ontology = read_ontology()
    return ontology, read_rules(ontology)


def rule(name: str, query: str, target: Target | None = None, order: float = 0.0) -> Rule:
    """A rule of ours with another name, query and target."""
    kind = "inference" if query.startswith("CONSTRUCT") else "judgement"
    model = next(known for known in _shipped()[1] if known.kind == kind)
    target = target or Target("targetClass", EX + "Venture")
    return replace(model, id=name, query=HEAD + query, target=target, order=order)


def strata(
    *rules: Rule, superclasses: Mapping[str, Sequence[str]] | None = None
) -> list[list[str]]:
    """The ids of the rules, stratum by stratum."""
    found: list[Stratum] = strata_of(rules, _shipped()[0], superclasses or {})
    return [[member.id for member in stratum.rules] for stratum in found]


READS = {
    "a pattern": "$this ex:lacks ?x",
    "NOT EXISTS": "$this ex:name ?n FILTER NOT EXISTS { $this ex:lacks ?x }",
    "a FILTER deep in NOT EXISTS": "$this ex:name ?n FILTER NOT EXISTS { $this ex:name ?m"
    " FILTER EXISTS { $this ex:lacks ?x FILTER(?x != ?m) } }",
    "OPTIONAL": "$this ex:name ?n OPTIONAL { $this ex:lacks ?x }",
    "MINUS": "$this ex:name ?n MINUS { $this ex:lacks ?x }",
    "a count": "{ SELECT $this (COUNT(?x) AS ?n) { $this ex:lacks ?x } GROUP BY $this }",
    "a path": "$this ex:lead/ex:lacks ?x",
    "a repeated path": "$this ex:lacks+ ?x",
    "a negated set": "$this !ex:name ?x",
    "a negated set deep in a path": "$this (ex:lead/!ex:name)+ ?x",
    "a variable predicate": "$this ?p ?x",
}
DENIALS = ("NOT EXISTS", "a FILTER deep in NOT EXISTS", "OPTIONAL", "MINUS", "a count")


@pytest.mark.parametrize("way", READS)
def test_what_a_rule_reads_is_written_before(way: str) -> None:
    writer = rule("z-writer", "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:wants ?o }")
    reader = rule("a-reader", f"CONSTRUCT {{ $this ex:told ex:so }} WHERE {{ {READS[way]} }}")
    assert [["z-writer"], ["a-reader"]] == strata(reader, writer)


@pytest.mark.parametrize("way", DENIALS)
def test_a_cycle_through_denial_or_counting_is_refused_and_named(way: str) -> None:
    body = f"$this ex:partner ?o . {READS[way]}"
    one = rule("one", f"CONSTRUCT {{ $this ex:told ?o }} WHERE {{ {body} }}")
    other = rule("other", "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:told ?o }")
    with pytest.raises(RuleError) as error:
        strata(one, other)
    assert "one → other → one is a cycle through negation or counting" in str(error.value)
    assert EX + "lacks" in str(error.value)


def test_a_rule_that_denies_what_it_writes_is_refused() -> None:
    alone = rule(
        "alone",
        "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:wants ?o"
        " FILTER NOT EXISTS { $this ex:lacks ?x } }",
    )
    with pytest.raises(RuleError, match="alone → alone"):
        strata(alone)


def test_rules_that_feed_each_other_without_denial_run_together() -> None:
    one = rule("one", "CONSTRUCT { $this ex:told ?o } WHERE { $this ex:lacks ?o }", order=2.0)
    other = rule("other", "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:told ?o }", order=1.0)
    (stratum,) = strata_of([one, other], _shipped()[0], {})
    assert ["other", "one"] == [member.id for member in stratum.rules]
    assert {EX + "told", EX + "lacks"} == stratum.feeds


def test_rules_that_do_not_read_each_other_run_together() -> None:
    told = rule("told", "CONSTRUCT { $this ex:told ?o } WHERE { $this ex:near ?o }")
    lacking = rule("lacking", "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:near ?o }")
    both = rule("a-both", "CONSTRUCT { $this ex:both ?o } WHERE { $this ex:told ?o ; ex:lacks ?o }")
    assert [["lacking", "told"], ["a-both"]] == strata(told, both, lacking)


def test_a_target_class_is_inferred_before() -> None:
    classed = rule("z-classed", "CONSTRUCT { $this a ex:Hub } WHERE { $this ex:near ?o }")
    hub = Target("targetClass", EX + "Hub")
    judged = rule("a-judged", "CONSTRUCT { $this ex:told ?o } WHERE { $this ex:near ?o }", hub)
    assert [["z-classed"], ["a-judged"]] == strata(judged, classed)


@pytest.mark.parametrize("kind", ["targetSubjectsOf", "targetObjectsOf"])
def test_a_target_predicate_is_inferred_before(kind: str) -> None:
    writer = rule("z-writer", "CONSTRUCT { $this ex:lacks ?o } WHERE { $this ex:wants ?o }")
    reader = rule(
        "a-reader", "CONSTRUCT { $this ex:told ?o } WHERE { $this ex:near ?o }",
        Target(kind, EX + "lacks"),
    )  # fmt: skip
    assert [["z-writer"], ["a-reader"]] == strata(reader, writer)


def test_a_type_brings_the_classes_above_it() -> None:
    writer = rule("z-writer", "CONSTRUCT { ?o a ex:Inner } WHERE { $this ex:near ?o }")
    hub = Target("targetClass", EX + "Outer")
    reader = rule("a-reader", "CONSTRUCT { $this ex:told ?o } WHERE { $this ex:wants ?o }", hub)
    above = {EX + "Inner": [EX + "Outer"]}
    assert [["z-writer"], ["a-reader"]] == strata(reader, writer, superclasses=above)


def test_a_rule_may_deny_findings_on_other_bases() -> None:
    judging = next(known for known in _shipped()[1] if known.kind == "judgement")
    reader = replace(
        judging,
        id="reader",
        bases=("security",),
        effect="undermines",
        query=HEAD + "SELECT $this { $this a hf:Venture FILTER NOT EXISTS"
        " { ?f a hf:Finding ; hf:venture $this ; hf:basis hf:fit ; hf:effect hf:supports } }",
    )
    writer = replace(
        reader, id="writer", bases=("fit",), effect="supports",
        query=HEAD + "SELECT $this { $this a hf:Venture }",
    )  # fmt: skip
    assert [["writer"], ["reader"]] == strata(reader, writer)
    with pytest.raises(RuleError, match="cycle through negation"):
        strata(replace(reader, bases=("fit",), effect="supports"))


def test_every_shipped_rule_has_a_stratum() -> None:
    ontology, rules = _shipped()
    found = [member.id for stratum in strata_of(rules, ontology, {}) for member in stratum.rules]
    assert sorted(known.id for known in rules) == sorted(found)
