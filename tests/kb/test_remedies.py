"""What would help a venture, as the command says it; and suggestions that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.assess import assess
from holdfast.cli import main
from holdfast.errors import RuleError
from holdfast.ontology import read_ontology
from holdfast.remedies import remedies
from holdfast.rules import read_rule
from holdfast.shipped import shipped_folder

REGISTER = """
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:youth-compact a hf:Venture ; rdfs:label "Youth Compact" ;
  hf:stage hf:early ; hf:listsAll hf:Resource .
"""


def answer(tmp_path: Path, form: str) -> str:
    file = tmp_path / "youth.ttl"
    file.write_text(REGISTER, encoding="utf-8")
    run = CliRunner().invoke(
        main, ["remedies", str(file), "--venture", "youth-compact", "--format", form]
    )
    assert 0 == run.exit_code, run.output
    return run.stdout


def test_a_venture_without_resources_is_told_what_clears_what(tmp_path: Path) -> None:
    told = json.loads(answer(tmp_path, "json"))
    change = next(one for one in told["remedies"] if one["rule"] == "no-capacity")
    assert "no-capacity" in {finding["rule"] for finding in change["clears"]}
    assert [] == change["removed"]


def test_the_change_that_clears_most_comes_first(tmp_path: Path) -> None:
    weight = {"violation": 9, "warning": 3, "info": 1}
    told = json.loads(answer(tmp_path, "json"))
    cleared = [sum(weight[f["severity"]] for f in one["clears"]) for one in told["remedies"]]
    assert sorted(cleared, reverse=True) == cleared
    assert cleared


def test_changes_for_which_there_is_no_time_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "youth.ttl"
    file.write_text(REGISTER, encoding="utf-8")
    assessment = assess([str(file)], editable=True)

    whole = remedies(assessment, "youth-compact")
    late = remedies(assessment, "youth-compact", seconds=0)

    assert (0, ()) == (whole.untried, late.tried)
    assert late.untried >= len(whole.tried) > 0
    assert whole.without == late.without


def test_suggestions_are_written_as_dash_has_them(tmp_path: Path) -> None:
    turtle = answer(tmp_path, "turtle")
    types = {
        quad.object.value
        for quad in ox.parse(turtle, format=ox.RdfFormat.TURTLE)
        if quad.predicate.value.endswith("#type") and isinstance(quad.object, ox.NamedNode)
    }
    assert "http://datashapes.org/dash#GraphUpdate" in types
    assert "http://www.w3.org/ns/shacl#ValidationResult" in types


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ("CLEAR ALL", "not a DELETE or INSERT with WHERE"),
        ("INSERT { $focusNode hf:lacks hf:Post } WHERE { }", "only rules conclude"),
        ("INSERT { $focusNode hf:topic hf:security } WHERE { }", "a consequential basis"),
        ("INSERT { $focusNode hf:topik ?value } WHERE { }", "hf:topik is not declared"),
        ("INSERT { $focusNode hf:topic ?what } WHERE { }", r"writes \?what, which nothing binds"),
        ("INSERT { $focusNode ?value hf:Post } WHERE { }", "a predicate that is a variable"),
        ("WITH hf:g INSERT { $focusNode hf:topic hf:Post } WHERE { }", "WITH and USING"),
        ("INSERT { $focusNode hf:topic ?x } WHERE { SERVICE hf:s { ?x a ?y } }", "SERVICE"),
        ("INSERT { $focusNode hf:topic", "cannot be used"),
    ],
)
def test_a_change_that_partners_cannot_make_is_refused(
    tmp_path: Path, update: str, said: str
) -> None:
    text = (shipped_folder("rules") / "no-capacity" / "rule.ttl").read_text(encoding="utf-8")
    begin = text.index('sh:update """') + len('sh:update """')
    folder = tmp_path / "no-capacity"
    folder.mkdir()
    changed = text[:begin] + update + text[text.index('"""', begin) :]
    (folder / "rule.ttl").write_text(changed, encoding="utf-8")
    line = text.count("\n", 0, begin) + 1
    with pytest.raises(RuleError, match=said) as refused:
        read_rule(folder, read_ontology())
    assert f"rule.ttl: line {line}" in str(refused.value)
