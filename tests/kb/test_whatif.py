"""What a change would alter is told, and nothing is altered by asking."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from holdfast.assess import Assessment, assess
from holdfast.cli import main
from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.explain import prove
from holdfast.vocabulary import HF
from holdfast.whatif import Change, must_be_stated, operations_in, quads_in_turtle, what_if

ROOT = Path(__file__).resolve().parents[2]
CASE = str(ROOT / "kb" / "graphs" / "physical-activity.trig")


@pytest.fixture(scope="module")
def before_implementation() -> Assessment:
    return assess([CASE], as_of="A5", evidence=False, editable=True)


def _updated(assessment: Assessment, text: str) -> set[tuple[str, str]]:
    outcome = what_if(assessment, operations_in(text, where="change.ru"))
    lost = {("lost", finding.rule) for _, finding in outcome.lost}
    return lost | {("gained", finding.rule) for _, finding in outcome.gained}


CONTRACTED = """
DELETE { GRAPH ?fact { ?post hf:grade ?low } }
INSERT { ?post hf:grade hf:senior-officer }
WHERE { GRAPH ?fact { ?post hf:grade ?low } ?post a hf:Post ; hf:dedicated true }
"""


def test_a_senior_post_takes_the_risk_of_an_underpowered_one_away(
    before_implementation: Assessment,
) -> None:
    said = {f.rule for v in before_implementation.ventures for f in v.findings}
    assert "underpowered-post" in said
    assert ("lost", "underpowered-post") in _updated(before_implementation, CONTRACTED)


def test_asking_changes_nothing(before_implementation: Assessment) -> None:
    count = "SELECT (SELECT count(*) FROM quads), (SELECT count(*) FROM findings)"
    before = before_implementation.columns.rows(count)
    first = _updated(before_implementation, CONTRACTED)
    assert before == before_implementation.columns.rows(count)
    assert first == _updated(before_implementation, CONTRACTED)


@pytest.mark.parametrize(
    "where",
    [
        "?venture <https://example.org/plays> <https://example.org/chess>",
        "?venture ?plays <https://example.org/chess>",
        "?venture (<https://example.org/plays>|!rdfs:label)* <https://example.org/chess>",
    ],
)
def test_an_operation_reads_what_those_before_it_made(
    before_implementation: Assessment, where: str
) -> None:
    update = (
        "INSERT DATA { venture:physical-activity <https://example.org/plays>"
        " <https://example.org/chess> } ;"
        f" INSERT {{ ?venture <https://example.org/likes> 1 }} WHERE {{ {where} }}"
    )

    made = what_if(before_implementation, operations_in(update, where="change.ru")).change.added

    likes = {s for s, p, _, _ in made if p == "<https://example.org/likes>"}
    assert "<https://w3id.org/holdfast/id/venture/physical-activity>" in likes


def test_operations_follow_one_another(before_implementation: Assessment) -> None:
    put_and_taken = (
        "INSERT DATA { venture:physical-activity hf:topic <https://example.org/chess> } ;"
        " DELETE WHERE { ?venture hf:topic <https://example.org/chess> }"
    )
    assert set() == _updated(before_implementation, put_and_taken)


def test_what_is_taken_away_and_put_back_stays(before_implementation: Assessment) -> None:
    text = "venture:physical-activity a hf:Venture"
    triple = quads_in_turtle(text, where="--add")
    outcome = what_if(before_implementation, Change(added=triple, removed=triple))
    assert () == outcome.flips == outcome.lost == outcome.gained


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("venture:phsical-activity a hf:Venture", "Did you mean venture:physical-activity?"),
        ("venture:physical-activity a hf:Ventur", "Did you mean hf:Venture?"),
        ("venture:physical-activity hf:stage hf:early", "Take away what it follows from"),
    ],
)
def test_what_no_source_states_cannot_be_taken_away(
    before_implementation: Assessment, text: str, said: str
) -> None:
    must_be_stated(
        before_implementation,
        quads_in_turtle("venture:physical-activity a hf:Venture", where="--remove"),
    )
    with pytest.raises(UnknownNameError, match=re.escape(said)):
        must_be_stated(before_implementation, quads_in_turtle(text, where="--remove"))


def test_a_triple_with_a_term_that_is_not_declared_is_not_proved(
    before_implementation: Assessment,
) -> None:
    triple = quads_in_turtle("venture:physical-activity hf:stag hf:early", where="--triple")[0]
    with pytest.raises(UnknownNameError, match=r"hf:stag is not a term.*Did you mean hf:stage"):
        prove(before_implementation, triple[:3])


def test_a_term_that_is_not_declared_is_refused(before_implementation: Assessment) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean hf:grade"):
        _updated(before_implementation, "INSERT DATA { <https://example.org/p> hf:graed 1 }")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("INSERT DATA { hf:a hf:b }", "line 1, column"),
        ("CLEAR ALL", "CLEAR is not a change of facts"),
        ("LOAD <https://example.org/register>", "LOAD is not a change of facts"),
        ("WITH hf:g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", "WITH and USING name graphs"),
    ],
)
def test_an_update_that_cannot_be_made_is_refused(text: str, said: str) -> None:
    with pytest.raises(HoldfastError, match=said):
        operations_in(text, where="change.ru")


def test_a_triple_that_is_none_is_refused() -> None:
    with pytest.raises(HoldfastError, match="'hf:Post hf:' is not a triple"):
        quads_in_turtle("hf:Post hf:", where="--add")


def test_the_command_tells_what_moves(tmp_path: Path) -> None:
    file = tmp_path / "senior.ru"
    file.write_text(f"PREFIX hf: <{HF}>{CONTRACTED}", encoding="utf-8")
    told = CliRunner().invoke(main, ["whatif", CASE, "--as-of", "A5", "--change", str(file)])
    assert 0 == told.exit_code, told.output
    assert "underpowered-post" in told.output
    assert "no longer:" in told.output


def test_the_command_asks_for_a_change() -> None:
    told = CliRunner().invoke(main, ["whatif", CASE])
    assert 2 == told.exit_code
    assert "--change" in told.output
