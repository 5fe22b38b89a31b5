"""What the ontology promises: it is in order, free of contradiction, and used to the last term."""

from __future__ import annotations

import csv
import io
import re
import shutil
import warnings
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph as ox
import pytest

ROOT = Path(__file__).parents[2]
ONTOLOGY = ROOT / "ontology"
FILES = sorted(ONTOLOGY.glob("*.ttl"))
ALIGNMENTS = sorted((ONTOLOGY / "alignments").glob("*.ttl"))
HYGIENE = sorted((ONTOLOGY / "hygiene").glob("*.rq"))
QUESTIONS = sorted(path.parent for path in (ONTOLOGY / "questions").glob("*/question.rq"))
RULES = sorted((ROOT / "rules").glob("*/*.ttl"))
REGISTERS = sorted((ROOT / "kb" / "graphs").glob("*.trig"))

HERE = "https://w3id.org/holdfast/ns"
TERM = re.compile(r"\bhf:([A-Za-z](?:[\w-]*\w)?)")
IS_DEFINED_BY = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#isDefinedBy")
IMPORTS = ox.NamedNode("http://www.w3.org/2002/07/owl#imports")
USERS = {"strategist", "rule author", "linked-data publisher"}


def triples_in(files: Iterable[Path]) -> ox.Store:
    """All triples of some Turtle files."""
    store = ox.Store()
    for file in files:
        store.load(file.read_bytes(), ox.RdfFormat.TURTLE, base_iri=HERE)
    return store


def declared_terms() -> set[str]:
    """The local names of all terms that the ontology declares."""
    quads = triples_in(FILES).quads_for_pattern(None, IS_DEFINED_BY, ox.NamedNode(HERE))
    return {str(quad.subject.value).removeprefix(f"{HERE}#") for quad in quads}


def terms_written_in(files: Iterable[Path]) -> dict[str, str]:
    """Each term of ours that some files write, with one file that writes it; comments apart."""
    found = {}
    for file in files:
        text = re.sub(r"(?m)(^|\s)#\s.*$", "", file.read_text(encoding="utf-8"))
        for name in TERM.findall(text):
            found[name] = str(file.relative_to(ROOT))
    return found


@pytest.mark.parametrize("query", HYGIENE, ids=lambda path: path.stem)
def test_hygiene_finds_nothing(query: Path) -> None:
    rows = triples_in(FILES).query(query.read_text(encoding="utf-8"))

    assert [] == [f"{row[0]} {row[1].value}" for row in rows]


@pytest.mark.parametrize("file", [*FILES, *ALIGNMENTS], ids=lambda path: path.stem)
def test_subjects_and_prefixes_are_sorted(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    prefixes = re.findall(r"^@prefix ([\w-]*):", text, flags=re.M)
    subjects = re.findall(r"^([\w-]+:[\w-]+) ", text, flags=re.M)

    assert sorted(prefixes) == prefixes
    assert sorted(subjects) == subjects


def test_the_header_imports_every_file() -> None:
    imported = triples_in(FILES).quads_for_pattern(None, IMPORTS, None)
    names = {quad.object.value.removeprefix(f"{HERE}/") for quad in imported}

    assert {file.stem for file in FILES if file.stem != "holdfast"} == names


@pytest.mark.parametrize("files", [FILES, [*FILES, *ALIGNMENTS]], ids=["alone", "with-alignments"])
def test_no_class_is_a_contradiction(files: list[Path], tmp_path: Path) -> None:
    if not shutil.which("java"):
        pytest.skip("HermiT needs Java, and there is none here.")
    store = triples_in(files)
    for quad in list(store.quads_for_pattern(None, IMPORTS, None)):
        store.remove(quad)  # nothing may be fetched
    triples = tmp_path / "ontology.nt"
    store.dump(str(triples), ox.RdfFormat.N_TRIPLES, from_graph=ox.DefaultGraph())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # owlready2 leaves files and processes to the collector
        import owlready2

        world = owlready2.World()
        ontology = world.get_ontology(triples.as_uri()).load(only_local=True)
        with ontology:
            # raises OwlReadyInconsistentOntologyError where nothing can be true at all
            owlready2.sync_reasoner_hermit(world, debug=0)
        empty = list(world.inconsistent_classes())
        classes = list(world.classes())
        world.close()

    assert [] == empty
    assert len(classes) > 100


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda path: path.name)
def test_a_question_gets_its_answer(question: Path) -> None:
    store = triples_in([question / "data.ttl"])
    solutions = store.query((question / "question.rq").read_text(encoding="utf-8"))
    actual = solutions.serialize(format=ox.QueryResultsFormat.CSV).decode()
    expected = (question / "answer.csv").read_text(encoding="utf-8")

    assert list(csv.reader(io.StringIO(expected))) == list(csv.reader(io.StringIO(actual)))
    assert len(expected.splitlines()) > 1


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda path: path.name)
def test_a_question_says_what_is_asked_by_whom_about_what_and_why(question: Path) -> None:
    text = (question / "question.rq").read_text(encoding="utf-8")
    head = dict(re.findall(r"^# (question|about|asked by|why): (.+)$", text, flags=re.M))

    assert {"question", "about", "asked by", "why"} == set(head)
    assert head["asked by"] in USERS


def test_every_kind_of_user_asks() -> None:
    texts = [(question / "question.rq").read_text(encoding="utf-8") for question in QUESTIONS]

    assert USERS == set(re.findall(r"^# asked by: (.+)$", "\n".join(texts), flags=re.M))


def test_every_term_is_used_in_a_question_or_rule() -> None:
    asked = [question / name for question in QUESTIONS for name in ("question.rq", "data.ttl")]
    ruled = [file for file in RULES if file.name == "rule.ttl"]
    used = set(terms_written_in([*asked, *ruled]))

    assert [] == sorted(declared_terms() - used)


def test_rules_registers_and_questions_use_declared_terms_only() -> None:
    asked = [question / name for question in QUESTIONS for name in ("question.rq", "data.ttl")]
    written = terms_written_in([*RULES, *REGISTERS, *asked])
    declared = declared_terms()

    assert {} == {name: file for name, file in sorted(written.items()) if name not in declared}
