"""holdfast ask: saved questions through our own compiler, their parameters, and their page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from holdfast.answers import answer, plain_text
from holdfast.cli import main
from holdfast.columns import Columns
from holdfast.errors import HoldfastError
from holdfast.saved import Question, by_subject, page_of, read_questions

ROOT = Path(__file__).parents[2]
QUESTIONS = read_questions()
LANDSCAPE = [one for one in QUESTIONS if "\n# reads: " in one.text]


def ask(*words: str) -> Result:
    return CliRunner().invoke(main, ["ask", *words])


def solved(question: Question, **given: str) -> list[list[str]]:
    """The answer of a question over the data beside it, as stated."""
    columns = Columns()
    columns.load([str(question.folder / "data.ttl")])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    found = answer(columns, question.asked(given))
    rows = [
        ["" if cell == "-" else cell for cell in map(plain_text, row)]
        for row in found.solutions or []
    ]
    return [list(found.variables), *rows]


def comparable(cell: str) -> object:
    try:
        return float(cell)
    except ValueError:
        return cell


def test_strategists_have_twenty_questions_of_a_landscape() -> None:
    assert len(LANDSCAPE) >= 20
    assert {"strategist"} == {one.asked_by for one in LANDSCAPE}


@pytest.mark.parametrize("question", LANDSCAPE, ids=lambda one: one.id)
def test_a_saved_question_gets_its_answer_from_columns(question: Question) -> None:
    with (question.folder / "answer.csv").open(encoding="utf-8", newline="") as file:
        expected = [[comparable(cell) for cell in row] for row in csv.reader(file)]

    assert expected == [[comparable(cell) for cell in row] for row in solved(question)]


def test_a_parameter_changes_the_answer() -> None:
    (question,) = (
        one for one in LANDSCAPE if one.id == "which-districts-are-split-by-health-areas"
    )

    assert ["Hill", "Vale"] == [row[0] for row in solved(question, day="2015-04-01")[1:]]
    assert ["Vale"] == [row[0] for row in solved(question)[1:]]
    assert [] == solved(question, kind="hf:police-area")[1:]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dey": "2015-04-01"}, "Did you mean day?"),
        ({"day": "1 April 2015"}, "is not a day written YYYY-MM-DD"),
        ({"day": "2015-02-30"}, "is not a day written YYYY-MM-DD"),
        ({"kind": 'hf:x> . } DROP ALL #"'}, "is not an IRI"),
    ],
)
def test_a_wrong_parameter_is_refused(given: dict[str, str], words: str) -> None:
    (question,) = (
        one for one in LANDSCAPE if one.id == "which-districts-are-split-by-health-areas"
    )

    with pytest.raises(HoldfastError, match=words.replace("?", r"\?")):
        question.asked(given)


def test_a_question_is_asked_from_the_command_line() -> None:
    name = "which-organisations-carry-most-ventures"
    data = str(ROOT / "ontology" / "questions" / name / "data.ttl")

    told = json.loads(ask(data, name, "--param", "least=1", "--format", "json").output)
    assert 3 == len(told["results"]["bindings"])
    assert "Hill Trust" in ask(data, name).output
    assert "| Hill Trust | 2 | 1 |" in ask(data, name, "--format", "markdown").output


def test_a_question_is_asked_of_a_store(tmp_path: Path) -> None:
    name = "which-organisations-carry-most-ventures"
    data = str(ROOT / "ontology" / "questions" / name / "data.ttl")
    kept = str(tmp_path / "kept")
    loaded = CliRunner().invoke(main, ["load", "--kb", kept, data])
    assert 0 == loaded.exit_code, loaded.output

    assert ask(data, name).output == ask("--kb", kept, name).output
    assert 2 == ask("--kb", kept).exit_code
    assert "nowhere" in ask("--kb", str(tmp_path / "nowhere"), name).output


def test_what_is_not_there_is_refused_with_the_nearest_name(case_b: str) -> None:
    done = ask(case_b, "which-districts-are-split")

    assert 2 == done.exit_code
    assert "Did you mean which-districts-are-split-by-health-areas?" in done.output
    assert 2 == ask(case_b).exit_code


def test_the_list_says_what_can_be_set() -> None:
    told = {one["id"]: one for one in json.loads(ask("--list", "--format", "json").output)}

    assert {one.id for one in QUESTIONS} == set(told)
    assert "day" == told["which-networks-cross-commissioners"]["parameters"][0]["name"]
    assert "which-networks-cross-commissioners" in ask("--list").output


def test_questions_are_listed_by_what_they_are_about(tmp_path: Path) -> None:
    for name, about in (
        ("who-pays", "# about: money\n"),
        ("who-sits", ""),
        ("who-acts", "# about: acts\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "question.rq").write_text(
            f"# question: {name}?\n{about}# asked by: strategist\n# why: To know.\nASK {{}}\n",
            encoding="utf-8",
        )

    grouped = by_subject(read_questions(tmp_path))

    assert [("acts", ["who-acts"]), ("money", ["who-pays"]), ("other", ["who-sits"])] == [
        (about, [one.id for one in some]) for about, some in grouped.items()
    ]


def test_the_page_is_made_from_the_folders() -> None:
    assert page_of(QUESTIONS) == (ROOT / "docs" / "questions.md").read_text(encoding="utf-8")


NETWORK = """
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

ex:network a hf:Venture ; rdfs:label "Border Network" ; hf:commissioner ex:north .
ex:oak a hf:Organisation .
ex:oak-in-network a hf:Membership ; hf:belongsTo ex:network ; hf:member ex:oak .
ex:before a hf:Fact ; hf:ended "2020-04-01"^^xsd:date .
ex:since a hf:Fact ; hf:started "2020-04-01"^^xsd:date .
ex:before { ex:oak hf:commissioner ex:north . }
ex:since { ex:oak hf:commissioner ex:south . }
"""


@pytest.mark.parametrize(("day", "crossing"), [("2020-03-31", 0), ("2020-04-01", 1)])
def test_a_commissioner_counts_while_it_is_said_to_hold(
    tmp_path: Path, day: str, crossing: int
) -> None:
    register = tmp_path / "network.trig"
    register.write_text(NETWORK, encoding="utf-8")

    told = ask(
        str(register),
        "which-networks-cross-commissioners",
        *("--param", f"day={day}", "--format", "json"),
    )

    assert crossing == len(json.loads(told.output)["results"]["bindings"])


@pytest.mark.parametrize(("day", "carried"), [("2020-03-31", 1), ("2020-04-01", 0)])
def test_what_ended_on_a_day_is_past_on_that_day_as_in_an_assessment(
    tmp_path: Path, day: str, carried: int
) -> None:
    register = tmp_path / "oak.trig"
    register.write_text(
        NETWORK.replace("hf:member ex:oak", 'hf:member ex:oak ; hf:ended "2020-04-01"^^xsd:date')
        + 'ex:oak rdfs:label "Oak Surgery" .',
        encoding="utf-8",
    )

    told = ask(
        str(register),
        "which-organisations-carry-most-ventures",
        *("--param", f"day={day}", "--param", "least=1", "--format", "json"),
    )

    assert carried == len(json.loads(told.output)["results"]["bindings"])


def test_risks_cluster_over_what_follows(case_b: str) -> None:
    told = ask(case_b, "where-do-risks-cluster-by-place", "--as-of", "B3", "--format", "json")
    rows = json.loads(told.output)["results"]["bindings"]

    assert rows
    assert int(rows[0]["risks"]["value"]) > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * { }", "does not say 'question'"),
        ("# question: a\n# asked by: b\n# why: c\n# reads: tea\n", "is not known"),
        ("# question: a\n# asked by: b\n# why: c\n# parameter: x\n", "cannot be read"),
        ("# question: a\n# asked by: b\n# why: c\n# parameter: x integer 2: y\n", "does not bind"),
    ],
)
def test_a_question_that_does_not_say_what_it_must_is_refused(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "question.rq").write_text(text, encoding="utf-8")

    with pytest.raises(HoldfastError, match=words):
        read_questions(tmp_path)
