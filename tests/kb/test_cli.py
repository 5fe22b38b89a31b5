"""The command line: what each command prints, and the exit status that it leaves."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pyoxigraph as ox
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

import holdfast.timeline
from holdfast import render
from holdfast.assess import Assessment, Finding, VentureAssessment
from holdfast.cli import add_commands, fails, main
from holdfast.compare import changes, weakest_first
from holdfast.errors import clean
from holdfast.shipped import shipped_folder
from holdfast.timeline import timeline
from holdfast.vocabulary import BASES, HF, RDFS

ROOT = Path(__file__).parents[2]
IN_A = "https://w3id.org/holdfast/id/venture/physical-activity"

HARBOUR = """
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix venture: <https://example.org/ventures/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

pytestmark = pytest.mark.usefixtures("quick")


def run(*words: str, given: str | None = None) -> Result:
    """The outcome of `holdfast` with these words, on a page 100 signs wide."""
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, list(words), input=given)


def venture(label: str, *findings: Finding, **standing: str) -> VentureAssessment:
    """A venture with these findings, and of unknown standing on every basis that is not given."""
    named = {basis.replace("_", "-"): value for basis, value in standing.items()}
    return VentureAssessment(
        iri=f"https://example.org/ventures/{label.lower().replace(' ', '-')}",
        label=label,
        stage="early",
        standing={basis: named.get(basis, "unknown") for basis in BASES},
        findings=findings,
    )


def finding(**said: Any) -> Finding:
    """A risk to fit, unless said otherwise."""
    usual = Finding(
        number=1,
        rule="poor-boundary-fit",
        basis="fit",
        effect="undermines",
        severity="warning",
        certainty="stated",
        message="Harbour Health works across the harbour wards.",
        evidence=("https://example.org/facts/1",),
        iri="https://example.org/findings/1",
        value="the harbour wards",
    )
    return replace(usual, **said)


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A register with one dated venture of which little is known."""
    register = tmp_path_factory.mktemp("register") / "harbour.ttl"
    register.write_text(
        HARBOUR
        + """
        venture:harbour-health a hf:Venture ; rdfs:label "Harbour Health"@en ;
          hf:started "2015"^^xsd:gYear .
        <https://example.org/money> a hf:Funding ; hf:belongsTo venture:harbour-health ;
          hf:started "2017"^^xsd:gYear ; hf:ended "2020"^^xsd:gYear .
        """,
        encoding="utf-8",
    )
    return str(register)


def test_a_venture_that_has_ended_is_shown_as_such(tmp_path: Path) -> None:
    register = tmp_path / "quay.ttl"
    register.write_text(
        HARBOUR + 'venture:quay a hf:Venture ; hf:ended "2019"^^xsd:gYear .', encoding="utf-8"
    )

    def told(when: str) -> tuple[str, Any]:
        shown = run("assess", str(register), "--as-of", when).stdout.splitlines()[1]
        written = run("assess", str(register), "--as-of", when, "--format", "json").stdout
        (venture,) = json.loads(written)["ventures"]
        return shown, venture.get("ended")

    assert ("stage unknown, as of 2018", None) == told("2018")
    assert ("ended, stage unknown, as of 2020", True) == told("2020")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A register with six ventures, three of them seen as a drain on resources."""
    register = tmp_path_factory.mktemp("register") / "coast.ttl"
    lines = [HARBOUR, "@prefix ex: <https://example.org/> ."]
    for number in range(6):
        lines.append(
            f'venture:bay-{number} a hf:Venture ; rdfs:label "Bay {number}"@en ;'
            " hf:stage hf:soon-after-inception ."
        )
        if number < 3:
            lines.append(
                f"ex:view-{number} a hf:View ; hf:belongsTo venture:bay-{number} ;"
                " hf:condition hf:drain-on-resources ."
            )
    register.write_text("\n".join(lines), encoding="utf-8")
    return str(register)


# -- assess ------------------------------------------------------------------------------------


def test_an_assessment_in_json_has_the_shape_that_the_schema_says(case_a: str) -> None:
    schema = json.loads((ROOT / "docs" / "findings.schema.json").read_text(encoding="utf-8"))

    answer = json.loads(run("assess", case_a, "--as-of", "A5", "--format", "json").stdout)

    Draft202012Validator.check_schema(schema)
    assert [] == [error.message for error in Draft202012Validator(schema).iter_errors(answer)]
    assert "A5" == answer["as_of"]
    assert [IN_A] == [venture["iri"] for venture in answer["ventures"]]
    assert list(BASES) == list(answer["ventures"][0]["standing"])


def test_as_of_is_null_in_json_where_none_was_given(harbour: str) -> None:
    answer = json.loads(run("assess", harbour, "--format", "json").stdout)

    assert answer["as_of"] is None


def test_csv_has_one_row_for_each_finding(case_a: str) -> None:
    answer = json.loads(run("assess", case_a, "--as-of", "A5", "--format", "json").stdout)

    rows = list(
        csv.DictReader(
            io.StringIO(run("assess", case_a, "--as-of", "A5", "--format", "csv").stdout)
        )
    )

    (judged,) = answer["ventures"]
    assert [f["message"] for f in judged["findings"]] == [row["message"] for row in rows]
    assert judged["findings"][0]["evidence"] == rows[0]["evidence"].split()


def test_turtle_says_the_same_as_json_and_says_it_the_same_way_twice(case_a: str) -> None:
    answer = json.loads(run("assess", case_a, "--as-of", "A5", "--format", "json").stdout)
    once = run("assess", case_a, "--as-of", "A5", "--format", "turtle").stdout

    store = ox.Store()
    store.load(once.encode(), format=ox.RdfFormat.TURTLE)
    found = store.query(f"SELECT ?f WHERE {{ ?f a <{HF}Finding> ; <{HF}venture> <{IN_A}> }}")
    standing = store.query(
        f"ASK {{ ?s <{HF}venture> <{IN_A}> ; <{HF}basis> <{HF}fit> ;"
        f" <http://www.w3.org/1999/02/22-rdf-syntax-ns#value> <{HF}weak> }}"
    )

    assert len(answer["ventures"][0]["findings"]) == len(list(found))  # type: ignore[arg-type]
    assert bool(standing)
    assert once == run("assess", case_a, "--as-of", "A5", "--format", "turtle").stdout


def test_turtle_calls_a_venture_what_the_register_calls_it(tmp_path: Path) -> None:
    file = tmp_path / "register.ttl"
    file.write_text(
        f'<https://example.org/falls> a <{HF}Venture> ; <{RDFS}label> "Les Chutes"@fr .'
        f" <https://example.org/homes> a <{HF}Venture> .",
        encoding="utf-8",
    )

    text = run("assess", str(file), "--format", "turtle").stdout

    said = ox.Store()
    said.load(text.encode(), format=ox.RdfFormat.TURTLE)
    label = ox.NamedNode(RDFS + "label")
    assert {ox.Literal("Les Chutes", language="fr"), ox.Literal("homes")} == {
        quad.object for quad in said.quads_for_pattern(None, label, None)
    }


def test_turtle_uses_declared_terms_of_ours_only(case_a: str, assess_once: Any) -> None:
    text = run("assess", case_a, "--as-of", "A5", "--format", "turtle").stdout
    declared = assess_once([case_a], as_of="A5").ontology.terms

    used = {
        term.value
        for quad in ox.parse(text, format=ox.RdfFormat.TURTLE)
        for term in (quad.predicate, quad.object)
        if isinstance(term, ox.NamedNode) and term.value.startswith(HF)
    }

    assert set() == used - set(declared)


def test_one_venture_is_shown_in_full(case_a: str) -> None:
    outcome = run("assess", case_a, "--as-of", "A5")

    lines = outcome.stdout.splitlines()
    assert 0 == outcome.exit_code
    assert "Physical activity in the district" == lines[0]
    assert "soon after inception, as of A5" == lines[1]
    bases = [line.split("  ")[0] for line in lines[5:17] if line.strip()]
    assert [basis.replace("-", " ") for basis in BASES] == bases
    assert any(line.split()[:3] == ["fit", "✗", "weak"] for line in lines)
    heads = ("Basis", "Risks", "Watch", "What would help", "Reasons:")
    places = [next(n for n, line in enumerate(lines) if line.startswith(head)) for head in heads]
    assert sorted(places) == places


def test_nothing_that_is_piped_has_colour_in_it(case_a: str) -> None:
    assert "\x1b" not in run("assess", case_a, "--as-of", "A5").output


def test_more_than_five_ventures_are_shown_as_a_landscape(many: str) -> None:
    outcome = run("assess", many)

    assert outcome.stdout.startswith("6 ventures")
    assert "dissipates-resources" in outcome.stdout
    assert "The 3 weakest" in outcome.stdout
    assert "To look at one: holdfast assess" in outcome.stdout


def test_the_landscape_says_how_to_look_at_one_and_that_works(many: str) -> None:
    outcome = run("assess", many, "--venture", "bay-1")

    assert outcome.stdout.startswith("Bay 1\n")
    assert "Bay 0" not in outcome.stdout


def test_two_ventures_whose_iris_end_alike_are_named_in_full() -> None:
    north = replace(venture("Sport"), iri="https://north.example/sport")
    south = replace(venture("Sport"), iri="https://south.example/sport")

    assert {v.iri: v.iri for v in (north, south)} == render.names_of([north, south])
    assert {north.iri: "sport"} == render.names_of([north])


def test_a_source_may_come_from_standard_input() -> None:
    text = HARBOUR + 'venture:harbour-health a hf:Venture ; rdfs:label "Harbour Health"@en .'

    outcome = run("assess", "-", given=text)

    assert outcome.stdout.startswith("Harbour Health\n")


def test_text_from_a_register_cannot_steer_the_terminal() -> None:
    assert "Harbour [31m Health" == clean("Harbour\x1b[31m\r\nHealth\u202e")


def test_ventures_that_cannot_be_seen_are_named_with_the_reason(harbour: str) -> None:
    shown = run("assess", harbour, "--as-of", "2012")
    written = run("assess", harbour, "--as-of", "2012", "--format", "json")

    sentence = "left out: harbour health: it had not begun"
    assert sentence in " ".join(shown.stdout.split()).casefold()
    assert sentence in written.stderr.casefold()
    assert [] == json.loads(written.stdout)["ventures"]


def test_ventures_left_out_for_one_reason_are_named_together() -> None:
    left_out = {f"Bay {number}": "it has no phase A5" for number in range(7)}

    assert [
        "Left out: Bay 0, Bay 1, Bay 2, Bay 3, Bay 4 and 2 others: it has no phase A5."
    ] == render.left_out_in_words(left_out)


# -- exit status -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fail_on", "status"), [("info", 1), ("warning", 1), ("violation", 0), ("never", 0)]
)
def test_findings_at_or_above_fail_on_leave_1(case_a: str, fail_on: str, status: int) -> None:
    assert status == run("assess", case_a, "--as-of", "A5", "--fail-on", fail_on).exit_code


def test_findings_that_support_or_hope_never_fail() -> None:
    for effect in ("supports", "hopes"):
        assert not fails([venture("Bay", finding(effect=effect, severity="violation"))], "info")
    for effect in ("undermines", "watch"):
        assert fails([venture("Bay", finding(effect=effect, severity="violation"))], "violation")


@pytest.mark.parametrize(
    "words",
    [
        ["assess"],
        ["assess", "x.ttl", "--format", "pdf"],
        ["explain", "x.ttl", "--venture", "bay", "--basis", "fit", "--rule", "no-capacity"],
        ["explain", "x.ttl", "--venture", "bay", "--not"],
        ["compare", "x.ttl"],
        ["rules", "mend"],
    ],
)
def test_words_that_make_no_sense_leave_2(words: list[str]) -> None:
    outcome = run(*words)

    assert 2 == outcome.exit_code
    assert "Usage: " in outcome.stderr


def errors(case_a: str, tmp_path: Path) -> Iterator[tuple[list[str], str]]:
    """Commands that cannot be obeyed, with what they must say."""
    broken = tmp_path / "broken.ttl"
    broken.write_text("@prefix hf: <https://w3id.org/holdfast/ns#> .\nhf:a hf:b", encoding="utf-8")
    yield ["assess", str(tmp_path / "missing.ttl")], "missing.ttl"
    yield ["assess", str(broken)], "broken.ttl: line 2"
    yield ["assess", case_a, "--as-of", "A55"], "Did you mean A5?"
    yield ["assess", case_a, "--as-of", "A5", "--venture", "physical-activities"], "Did you mean"
    yield ["assess", case_a, "--rules", str(tmp_path / "nowhere")], "no such folder of rules"
    yield ["explain", case_a, "--as-of", "A5", "--venture", "fysical-activity"], "physical-activity"
    yield (
        ["explain", case_a, "--as-of", "A5", "--venture", IN_A, "--rule", "poor-boundry-fit"],
        "Did you mean poor-boundary-fit?",
    )
    yield ["timeline", case_a, "--venture", IN_A[:-1]], f"Did you mean {IN_A}?"
    yield ["rules", "show", "poor-boundry-fit"], "Did you mean poor-boundary-fit?"
    yield ["rules", "test", "poor-boundry-fit"], "Did you mean poor-boundary-fit?"
    yield ["rules", "lint", "--rules", str(tmp_path / "nowhere")], "no such folder of rules"
    yield ["synth", "--ventures", "1", "-o", str(tmp_path / "no" / "r.ttl")], "cannot be written"


def test_input_that_cannot_be_used_leaves_2_and_a_sentence(case_a: str, tmp_path: Path) -> None:
    for words, said in errors(case_a, tmp_path):
        outcome = run(*words)

        assert 2 == outcome.exit_code, words
        assert said in outcome.stderr, words
        assert "Traceback" not in outcome.output
        assert "" == outcome.stdout, words


# -- explain -----------------------------------------------------------------------------------


def test_an_explanation_goes_down_to_the_facts_and_their_lines(case_a: str) -> None:
    words = ["explain", case_a, "--as-of", "A5", "--venture", IN_A, "--rule"]
    by_name, by_number = (run(*words, name) for name in ("poor-boundary-fit", "P64"))

    assert 0 == by_name.exit_code == by_number.exit_code
    assert by_name.stdout in by_number.stdout  # the other rule of P64 finds nothing at A5
    text = " ".join(by_name.stdout.replace("│", " ").split())
    for part in ("├─", "└─", "rule poor-boundary-fit", "A41", "L475-L478", "phase A1", "stated"):
        assert part in text
    assert "A district strategy for physical activity" in text


def test_an_explanation_in_json_holds_the_proof(case_a: str) -> None:
    words = ["--as-of", "A5", "--venture", IN_A, "--basis", "fit", "--format", "json"]
    answer = json.loads(run("explain", case_a, *words).stdout)

    assert IN_A == answer["venture"]["iri"]
    assert {"fit"} == {one["finding"]["basis"] for one in answer["explanations"]}
    assert "finding" == answer["explanations"][0]["proof"]["kind"]


def test_where_nothing_was_found_the_explanation_says_so(harbour: str) -> None:
    outcome = run("explain", harbour, "--venture", "harbour-health", "--basis", "conduct")

    assert 0 == outcome.exit_code
    assert "Nothing was found on conduct." in outcome.stdout


def test_why_not_shows_the_pattern_that_fails(case_a: str) -> None:
    words = ["--as-of", "A6", "--venture", IN_A, "--rule", "poor-boundary-fit", "--not"]
    text = run("explain", case_a, *words).stdout
    answer = json.loads(run("explain", case_a, *words, "--format", "json").stdout)["why_not"]

    assert "poor-boundary-fit does not fire" in text
    assert "(not met)" in text
    assert not answer["fires"]
    assert [0] == [tried["met"] for tried in answer["tried"]][-1:]


def test_why_not_says_where_the_rule_fires_after_all(case_a: str) -> None:
    words = ["--as-of", "A5", "--venture", IN_A, "--rule", "poor-boundary-fit", "--not"]

    assert "poor-boundary-fit fires for" in run("explain", case_a, *words).stdout


# -- timeline and compare ----------------------------------------------------------------------


def test_a_timeline_goes_through_the_phases(case_b: str) -> None:
    outcome = run("timeline", case_b, "--venture", "easington")

    assert 0 == outcome.exit_code
    lines = outcome.stdout.splitlines()
    assert ["Basis", "B0", "B1", "B2", "B3", "B4"] == lines[2].split()
    assert "B2 to B3" in lines
    between = outcome.stdout.partition("B2 to B3")[2].partition("B3 to B4")[0]
    assert "capacity: sound → contested" in between
    assert "appeared:" in between


@pytest.fixture
def unjudged(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a timeline find its moments without judging anything at them."""
    nothing = SimpleNamespace(ventures=[])
    monkeypatch.setattr(holdfast.timeline, "assess", lambda sources, **options: nothing)


@pytest.mark.usefixtures("unjudged")
def test_a_venture_without_phases_is_shown_through_its_years(harbour: str) -> None:
    line = timeline([harbour], "harbour-health")

    assert ["2015", "2017", "2020"] == [moment.as_of for moment in line.moments]
    assert 2 == len(line.changes)


@pytest.mark.usefixtures("unjudged")
def test_at_most_twelve_years_are_shown_the_latest(tmp_path: Path) -> None:
    register = tmp_path / "long.ttl"
    money = "\n".join(
        f"<https://example.org/money/{year}> a hf:Funding ;"
        f' hf:belongsTo venture:harbour-health ; hf:started "{year}"^^xsd:gYear .'
        for year in range(2000, 2014)
    )
    text = f"{HARBOUR} venture:harbour-health a hf:Venture . {money}"
    register.write_text(text, encoding="utf-8")

    outcome = run("timeline", str(register), "--venture", "harbour-health")

    assert "2 earlier years left out." in outcome.stdout
    years = [word for word in outcome.stdout.split() if word.startswith("20") and len(word) == 4]
    assert {str(year) for year in range(2002, 2014)} == set(years)


@pytest.mark.usefixtures("unjudged")
def test_a_timeline_may_come_from_standard_input(harbour: str) -> None:
    text = Path(harbour).read_text(encoding="utf-8").replace("hf:ended", "hf:due")

    outcome = run("timeline", "-", "--venture", "harbour-health", given=text)

    assert 0 == outcome.exit_code
    assert ["Basis", "2015", "2017"] == outcome.stdout.splitlines()[2].split()


def test_a_syntax_error_in_a_timeline_is_placed_in_standard_input() -> None:
    outcome = run("timeline", "-", "--venture", "harbour-health", given="hf:a hf:b")

    assert 2 == outcome.exit_code
    assert "standard input: line 1" in outcome.stderr


def test_a_finding_that_says_the_same_again_has_not_changed() -> None:
    before = venture("Bay", finding(), fit="weak")
    after = venture("Bay", finding(number=9), finding(basis="purpose"), fit="weak", purpose="weak")

    difference = changes(before, after)

    assert (("purpose", "unknown", "weak"),) == difference.standings
    assert () == difference.only_first
    assert ("purpose",) == tuple(f.basis for f in difference.only_second)
    assert 1 == difference.alike


def test_two_ventures_are_shown_side_by_side_with_what_differs(many: str) -> None:
    outcome = run("compare", many, "bay-0", "https://example.org/ventures/bay-4")

    assert 0 == outcome.exit_code
    lines = [line.split() for line in outcome.stdout.splitlines()]
    assert ["Basis", "Bay", "0", "Bay", "4"] in lines
    assert ["efficiency", "✗", "weak", "?", "unknown", "differs"] in lines
    assert "Only Bay 0" in outcome.stdout
    assert "undermines efficiency" in outcome.stdout


def test_the_weakest_venture_comes_first() -> None:
    weak = venture("Weak", fit="weak")
    contested = venture("Contested", fit="contested")
    unknown = venture("Unknown")

    assert [weak, contested, unknown] == weakest_first([unknown, contested, weak])


# -- rules and synth ---------------------------------------------------------------------------


def test_the_rules_are_listed() -> None:
    outcome = run("rules", "list")

    folders = [entry.name for entry in shipped_folder("rules").iterdir() if entry.is_dir()]
    assert 0 == outcome.exit_code
    listed = {line.split()[0] for line in outcome.stdout.splitlines() if line.strip()}
    assert set() == {name for name in folders if name not in listed}


def test_a_rule_shows_what_it_says_of_itself() -> None:
    outcome = run("rules", "show", "poor-boundary-fit")

    for part in ("Basis:", "fit", "P64", "What to do:", "Silent:", "minAreas = 2", "SELECT"):
        assert part in outcome.stdout


def test_lint_counts_rules_and_strata() -> None:
    outcome = run("rules", "lint")

    assert 0 == outcome.exit_code, outcome.output
    assert " rules in " in outcome.stdout
    assert outcome.stdout.endswith(" strata.\n")


def test_lint_names_every_rule_that_cannot_be_read(tmp_path: Path) -> None:
    shipped = shipped_folder("rules") / "no-capacity" / "rule.ttl"
    text = shipped.read_text(encoding="utf-8")
    for name in ("first-fault", "second-fault"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rule.ttl").write_text(
            text.replace("no-capacity", name).replace("hf:effect", "hf:efect"), encoding="utf-8"
        )

    outcome = run("rules", "lint", "--rules", str(tmp_path))

    assert 2 == outcome.exit_code
    assert "first-fault" in outcome.stderr
    assert "second-fault" in outcome.stderr
    assert "Did you mean hf:effect?" in outcome.stderr


def test_a_rule_is_held_against_its_examples() -> None:
    outcome = run("rules", "test", "poor-boundary-fit")

    assert 0 == outcome.exit_code, outcome.output
    assert "poor-boundary-fit: does what its examples say" in outcome.stdout
    assert "hf:workingArea" in outcome.stdout  # what tells the two examples apart


def test_rules_are_tested_by_their_number_in_the_paper() -> None:
    outcome = run("rules", "test", "P64")

    assert 0 == outcome.exit_code, outcome.output
    for name in ("anchor-partner", "coterminous-with-partner", "poor-boundary-fit"):
        assert f"{name}: does what its examples say" in outcome.stdout
    assert "3 rules tested" in outcome.stdout


def test_a_number_that_no_rule_has_is_refused() -> None:
    outcome = run("rules", "test", "P640")

    assert 2 == outcome.exit_code
    assert "there is no rule P640" in outcome.output


def test_a_rule_that_fails_its_examples_leaves_1(tmp_path: Path) -> None:
    folder = tmp_path / "poor-boundary-fit"
    folder.mkdir()
    for file in (shipped_folder("rules") / "poor-boundary-fit").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "quiet.ttl").write_bytes((folder / "fires.ttl").read_bytes())

    outcome = run("rules", "test", "--rules", str(tmp_path))

    assert 1 == outcome.exit_code, outcome.output
    assert "poor-boundary-fit: fails" in outcome.stdout
    assert "1 rule tested, 1 failed." in outcome.stdout


@pytest.mark.parametrize("kind", [(), ("--infers",)])
def test_a_new_rule_does_what_its_examples_say(kind: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "my-rules"

    made = run("rules", "new", "no-shared-office", "--rules", str(folder), *kind)
    tested = run("rules", "test", "no-shared-office", "--rules", str(folder))

    assert 0 == made.exit_code
    assert {str(file) for file in folder.rglob("*.ttl")} <= set(made.stdout.split())
    assert "no-shared-office: does what its examples say" in tested.stdout
    assert "1 rule tested, all well." in tested.stdout
    assert "1 rules in 1 strata." == run("rules", "lint", "--rules", str(folder)).stdout.strip()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("No Shared Office", "cannot be the id of a rule"),
        ("../elsewhere", "cannot be the id of a rule"),
        ("poor-boundary-fit", "there is a rule poor-boundary-fit already"),
        ("no-shared-office", "nothing was written"),
    ],
)
def test_a_new_rule_takes_no_others_place(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "no-shared-office").mkdir()

    refused = run("rules", "new", name, "--rules", str(tmp_path))

    assert 2 == refused.exit_code
    assert said in refused.stderr
    assert not [*tmp_path.rglob("*.ttl")]


def test_pages_of_the_rules_are_written_where_asked(tmp_path: Path) -> None:
    outcome = run("rules", "docs", "-o", str(tmp_path))

    assert 0 == outcome.exit_code, outcome.output
    assert (tmp_path / "docs" / "rules" / "poor-boundary-fit.md").is_file()


def test_a_made_up_register_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    files = [tmp_path / "one.ttl", tmp_path / "two.ttl"]

    for file in files:
        outcome = run("synth", "--ventures", "3", "--seed", "7", "-o", str(file))
        assert 0 == outcome.exit_code, outcome.output
        assert "3 ventures" in outcome.stderr

    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_made_up_register_on_standard_output_can_be_read_from_standard_input() -> None:
    written = run("synth", "--ventures", "2", "--seed", "7", "-o", "-")

    outcome = run("assess", "-", "--format", "json", given=written.stdout)

    assert 0 == written.exit_code, written.output
    assert 0 == outcome.exit_code, outcome.output
    assert 2 == len(json.loads(outcome.stdout)["ventures"])


# -- commands of other packages ----------------------------------------------------------------


def test_a_command_that_cannot_be_loaded_says_so_and_leaves_the_others_alone() -> None:
    group = click.Group("holdfast")
    points = [
        EntryPoint("serve", "harbour_pages.nowhere:serve", "holdfast.commands"),
        EntryPoint("sum", "builtins:sum", "holdfast.commands"),
        EntryPoint("assess", "holdfast.cli:assess_command", "holdfast.commands"),
    ]

    add_commands(group, points)

    assert {"assess", "serve", "sum"} == set(group.commands)
    refused = CliRunner().invoke(group, ["serve", "--port", "80"])
    assert 2 == refused.exit_code
    assert "holdfast serve: harbour_pages.nowhere:serve" in refused.stderr
    assert "it is not a command" in CliRunner().invoke(group, ["sum"]).stderr
    assert 0 == CliRunner().invoke(group, ["assess", "--help"]).exit_code


def test_a_command_of_another_package_cannot_take_the_name_of_ours() -> None:
    ours = main.commands["assess"]

    add_commands(main, [EntryPoint("assess", "holdfast.cli:rules_group", "holdfast.commands")])

    assert ours is main.commands["assess"]


# -- documentation -----------------------------------------------------------------------------


def commands_below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group that we make ourselves, with its name as a user types it."""
    for word, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands_below(command, f"{name} {word}")
        elif getattr(command.callback, "__module__", "").startswith("holdfast"):
            yield f"{name} {word}", command


@pytest.mark.parametrize(("name", "command"), list(commands_below(main, "holdfast")))
def test_every_option_of_every_command_is_documented(name: str, command: click.Command) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"\n## {name}\n" in page, f"docs/commands.md has no heading for {name}"

    section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

    for parameter in command.params:
        if isinstance(parameter, click.Option):
            for shown in (*parameter.opts, *parameter.secondary_opts):
                assert f"`{shown}" in section, f"docs/commands.md does not tell {name} {shown}"


@pytest.mark.parametrize(
    "words", [("--help",), ("rules", "--help"), ("assess",), ("assess", "--help"), ("asess",)]
)
def test_help_and_words_that_are_wrong_wait_for_no_library(words: tuple[str, ...]) -> None:
    asked = (
        "import sys\n"
        "from holdfast.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'duckdb', 'flask', 'rdflib', 'rich', 'sqlglot'} & set(sys.modules) or 'none')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", asked, *words], capture_output=True, check=True, text=True
    )

    assert "none" == done.stdout.splitlines()[-1]


def test_today_is_an_argument(harbour: str, assess_once: Any) -> None:
    early: Assessment = assess_once([harbour], today=date(2012, 1, 1))

    assert [] == early.ventures
    assert 1 == len(early.left_out)
