"""What a change would alter is told, and nothing is altered by asking."""

from __future__ import annotations

import json
import os
import random
import re
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.assess import Assessment, assess
from holdfast.cli import main
from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.explain import prove
from holdfast.reason.edits import Quad
from holdfast.synth import write_register
from holdfast.vocabulary import HF
from holdfast.whatif import Change, must_be_stated, operations_in, quads_in_turtle, what_if

ROOT = Path(__file__).resolve().parents[2]
CASE = str(ROOT / "kb" / "graphs" / "physical-activity.trig")


@pytest.fixture(scope="module")
def before_implementation() -> Assessment:
    return assess([CASE], as_of="A5", evidence=False, editable=True)


HEDGED = [
    *("--remove", "<https://w3id.org/holdfast/id/fact/A41> hf:certainty hf:stated"),
    *("--add", "<https://w3id.org/holdfast/id/fact/A41> hf:certainty hf:hedged"),
]
"""A change that makes what poor-boundary-fit rests on a hedged fact."""


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
        ("PREFIX ex: <https://example.org/> CLEAR ALL", "CLEAR is not a change of facts"),
        ("LOAD <https://example.org/register>", "LOAD is not a change of facts"),
        ("WITH hf:g DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", "WITH and USING name graphs"),
        ("", "it holds no operation"),
        ("# to be written\n", "it holds no operation"),
        ("INSERT DATA { hf:a hf:b ?what }", r"\?what is a variable, and DATA has none"),
        ("DELETE { ?s ?p _:b } WHERE { ?s ?p ?o }", "a blank node cannot be deleted"),
        ("DELETE WHERE { ?s hf:topic [ hf:in ?o ] }", "a blank node cannot be deleted"),
    ],
)
def test_an_update_that_cannot_be_made_is_refused(text: str, said: str) -> None:
    with pytest.raises(HoldfastError, match=said):
        operations_in(text, where="change.ru")


def test_comments_stand_anywhere_in_a_change() -> None:
    text = (
        "# why\nPREFIX ex: <https://example.org/> # who\n"
        'DELETE WHERE { ?post ex:says "# this" } ; # then\n'
        "INSERT DATA { ex:post a hf:Post } ;\n# and no more\n"
    )

    first, second = operations_in(text, where="change.ru")

    assert '"# this"' in str(first.where)
    assert (1, None) == (len(second.insert), second.where)


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


def test_a_fact_that_is_hedged_makes_what_rests_on_it_less_certain() -> None:
    words = ["whatif", CASE, "--as-of", "A5", *HEDGED]

    told = CliRunner().invoke(main, words).stdout
    listed = json.loads(CliRunner().invoke(main, [*words, "--format", "json"]).stdout)["altered"]
    graph = CliRunner().invoke(main, [*words, "--format", "turtle"]).stdout

    assert "stated → hedged: Physical activity in the district works across" in told
    assert "Nothing would be found otherwise" not in told
    altered = {(f["rule"], f["before"]["certainty"], f["certainty"]) for f in listed}
    assert ("poor-boundary-fit", "stated", "hedged") in altered
    assert 2 * len(listed) == graph.count("specializationOf")


MADE_UP = "made up"


def _quads(source: str, folder: Path) -> list[Quad]:
    file = Path(source)
    if source == MADE_UP:
        file = folder / "made-up.nq"
        write_register(12, 3, file)
    return sorted(
        {
            (str(quad.subject), str(quad.predicate), str(quad.object), _graph(quad))
            for quad in ox.parse(path=str(file))
        }
    )


def _graph(quad: ox.Quad) -> str:
    return "" if isinstance(quad.graph_name, ox.DefaultGraph) else str(quad.graph_name)


def _random_change(chance: random.Random, quads: list[Quad]) -> Change:
    """A few facts taken away, said of something else, or said otherwise."""
    predicates = sorted({quad[1] for quad in quads})
    gone: set[Quad] = set()
    come: set[Quad] = set()
    for _ in range(chance.randint(1, 4)):
        predicate = chance.choice(predicates)
        alike = [quad for quad in quads if quad[1] == predicate]
        s, p, o, g = chance.choice(alike)
        other = chance.choice(alike)
        way = chance.random()
        if way < 0.7:
            gone.add((s, p, o, g))
        if 0.35 < way < 0.7:
            come.add((s, p, other[2], g))
        elif 0.7 < way < 0.85:
            come.add((other[0], p, o, g))
        elif way > 0.85:
            fact = {quad for quad in quads if g and quad[3] == g}
            gone |= fact if len(fact) < 30 else set()
    return Change(tuple(sorted(come - gone - {*quads})), tuple(sorted(gone)))


@pytest.mark.parametrize(
    ("source", "as_of"),
    [(CASE, "A5"), (str(ROOT / "kb" / "graphs" / "easington.trig"), "B3"), (MADE_UP, None)],
)
def test_what_would_be_found_is_what_is_found_when_the_change_is_made(
    source: str, as_of: str | None, tmp_path: Path
) -> None:
    quads = _quads(source, tmp_path)

    def assessed(stated: set[Quad], *, editable: bool = False) -> Assessment:
        file = tmp_path / "register.nq"
        lines = [f"{' '.join(term for term in quad if term)} .\n" for quad in sorted(stated)]
        file.write_text("".join(lines), encoding="utf-8")
        return assess([str(file)], as_of=as_of, evidence=False, editable=editable)

    def findings(assessment: Assessment) -> dict[tuple[str, str], str]:
        return {(f.iri, f.message): f.certainty for v in assessment.ventures for f in v.findings}

    def standings(assessment: Assessment) -> dict[tuple[str, str], str]:
        return {
            (v.iri, basis): how for v in assessment.ventures for basis, how in v.standing.items()
        }

    before = assessed({*quads}, editable=True)
    for seed in range(int(os.environ.get("HOLDFAST_SEEDS", "20")) // 7):
        change = _random_change(random.Random(seed), quads)

        told = what_if(before, change)

        after = assessed({*quads} - {*change.removed} | {*change.added})
        found = findings(before)
        for _, finding in told.lost:
            del found[finding.iri, finding.message]
        found |= {(f.iri, f.message): f.certainty for _, f in told.gained}
        for _, was, now in told.altered:
            del found[was.iri, was.message]
            found[now.iri, now.message] = now.certainty
        moved = {(f.venture, f.basis): (f.before, f.after) for f in told.flips}
        now_stand = standings(after)
        expected = {
            place: (how, now_stand[place])
            for place, how in standings(before).items()
            if now_stand.get(place, how) != how
        }
        assert findings(after) == found, (seed, change)
        assert expected == moved, (seed, change)
