"""Rules without order, end or bound are refused by name, whichever command meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.cli import main

REGISTER = """\
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

ex:harbour-trust a hf:Venture ; hf:boundary ex:harbour , ex:quay , ex:town ;
  hf:started "soon"^^xsd:date .
ex:river-trust a hf:Venture ; hf:boundary ex:river .
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
  sh:targetClass hf:Venture ;
"""
INFERS = (
    '  sh:rule [ a sh:SPARQLRule ; sh:prefixes <https://w3id.org/holdfast/ns> ; sh:construct """'
)
JUDGES = """\
  hf:remedy "Name it."@en ; hf:lever hf:fit ; hf:basis hf:fit ; hf:effect hf:watch ;
  hf:certainty hf:stated ; sh:severity sh:Warning ;
  sh:sparql [ sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:message "{$this} has {?value}."@en ; sh:select \"\"\""""

FAULTS = {
    "multiplies": (
        INFERS + "CONSTRUCT { $this hf:within ?o } WHERE {"
        ' $this hf:boundary ?a . ?b hf:boundary ?o . ?c hf:boundary ?d . ?e ?f ?g }""" ] .',
        "multiplies has more than 400 answers",
    ),
    "denies-itself": (
        INFERS + "CONSTRUCT { $this hf:within ?a } WHERE { $this hf:boundary ?a ."
        ' FILTER NOT EXISTS { $this hf:within ?a } }""" ] .',
        "denies-itself → denies-itself is a cycle through negation",
    ),
    "endless": (
        INFERS + "CONSTRUCT { $this hf:within ?w } WHERE { $this hf:boundary|hf:within ?a ."
        ' BIND(IRI(CONCAT(STR(?a), "/more")) AS ?w) }""" ] .',
        "endless, owl:prp-trp never come to an end",
    ),
    "reads-a-number": (
        JUDGES + "SELECT $this ?value WHERE { $this hf:boundary ?value ; hf:started ?n ."
        ' FILTER(?n + 1 > 0 && ?n < 3) }""" ] .',
        "",
    ),
}
COMMANDS = {
    "assess": ["assess", "register.ttl", "--format", "json"],
    "explain": ["explain", "register.ttl", "--venture", "harbour-trust"],
    "remedies": ["remedies", "register.ttl", "--venture", "harbour-trust"],
    "whatif": ["whatif", "register.ttl", "--add", "<urn:a> hf:boundary <urn:b>"],
    "timeline": ["timeline", "register.ttl", "--venture", "river-trust"],
    "compare": ["compare", "register.ttl", "harbour-trust", "river-trust"],
    "query": ["query", "register.ttl", "ASK { ?s ?p ?o }", "--inferred"],
}


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "register.ttl").write_text(REGISTER, encoding="utf-8")
    return tmp_path / "rules"


def run(folder: Path, name: str, command: str, *more: str) -> Result:
    """A command over the register with the one rule."""
    body = FAULTS[name][0]
    text = HEAD.format(name=name) + body
    (folder / name).mkdir(parents=True)
    (folder / name / "rule.ttl").write_text(text, encoding="utf-8")
    return CliRunner().invoke(main, [*COMMANDS[command], "--rules", str(folder), *more])


@pytest.mark.parametrize(
    ("name", "command"),
    [
        *(("multiplies", command) for command in COMMANDS),
        *(("denies-itself", command) for command in ("query", "whatif")),
        *(("endless", command) for command in ("assess", "whatif")),
    ],
)
def test_a_rule_without_order_end_or_bound_is_refused(name: str, command: str, rules: Path) -> None:
    outcome = run(rules, name, command, "--max-rows", "400")

    assert 2 == outcome.exit_code, outcome.output
    assert FAULTS[name][1] in outcome.stderr
    assert f"{name}/rule.ttl" in outcome.stderr.replace("\\", "/")
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize("command", ["assess", "remedies", "query"])
def test_a_literal_that_is_no_number_is_no_answer_and_no_error(command: str, rules: Path) -> None:
    outcome = run(rules, "reads-a-number", command)

    assert 0 == outcome.exit_code, outcome.output
    assert "Traceback" not in outcome.output


def test_a_rule_may_take_no_longer_than_allowed(rules: Path) -> None:
    many = "".join(f"ex:v{n} a hf:Venture ; hf:boundary ex:b{n} .\n" for n in range(3000))
    Path("register.ttl").write_text(REGISTER + many, encoding="utf-8")

    outcome = run(rules, "multiplies", "query", "--max-seconds", "2", "--max-rows", "900000000000")

    assert 2 == outcome.exit_code, outcome.output
    assert "multiplies was not done within 2 seconds" in outcome.stderr
    assert "--max-seconds" in outcome.stderr
