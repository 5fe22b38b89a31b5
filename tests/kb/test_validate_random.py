"""Random shapes over random data: our report is pySHACL's, and no order of triples changes it."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyshacl
import pytest
from rdflib import BNode, Graph
from rdflib.namespace import SH

from holdfast.compile.values import n3_of
from holdfast.validate import validate

CASES = int(os.environ.get("HOLDFAST_SHACL_CASES", "120"))
PREFIXES = """@prefix ex: <https://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
NODES = [f"ex:{name}" for name in ("council", "trust", "club", "school", "clinic")]
CLASSES = ["ex:Venture", "ex:Organisation", "ex:Charity"]
NUMBERS = ["1", "2", "5", "10", "2.5"]
PREDICATES = ["ex:partner", "ex:lead", "ex:name", "ex:started"]
LANGUAGES = ['"en"', '"de" "en-GB"', '"fr"']
LITERALS = [
    "1", "2", "5", "10", "2.5", '"10.0"^^xsd:double', '"club"', '"Trust"', '"trust"@en',
    '"Verein"@de', '"club"@en-GB', '"Club"@en', '"2001-01-01"^^xsd:date', '"2003-05-05"^^xsd:date',
    '"x1"^^xsd:integer', "true", '"2"^^xsd:int', '"2001-01-01T00:00:00+00:00"^^xsd:dateTime',
]  # fmt: skip


def data_of(dice: random.Random) -> list[str]:
    """Some statements about organisations."""
    lines = [f"{low} rdfs:subClassOf {high} ." for low, high in [("ex:Charity", "ex:Organisation")]]
    for node in NODES:
        lines += [f"{node} a {dice.choice(CLASSES)} ." for _ in range(dice.randint(0, 2))]
        for _ in range(dice.randint(0, 6)):
            predicate = dice.choice(PREDICATES)
            link = predicate in ("ex:partner", "ex:lead") and dice.random() < 0.85
            lines.append(f"{node} {predicate} {dice.choice(NODES if link else LITERALS)} .")
        for predicate in ("ex:budget", "ex:spent"):
            lines += [f"{node} {predicate} {number} ." for number in dice.sample(NUMBERS, 2)]
    return sorted(set(lines))


def path_of(dice: random.Random, depth: int = 2) -> str:
    """A property path."""
    form = dice.choice(("", "", "", "^", "/", "|", "*", "+", "?")) if depth else ""
    if not form:
        return dice.choice(PREDICATES)
    # pySHACL walks the inverse of a sequence from the wrong end, so that is left to other tests
    inner = dice.choice(PREDICATES) if form == "^" else path_of(dice, depth - 1)
    if form == "/":
        return f"( {inner} {path_of(dice, depth - 1)} )"
    if form == "|":
        return f"[ sh:alternativePath ( {inner} {path_of(dice, depth - 1)} ) ]"
    name = {"^": "inverse", "*": "zeroOrMore", "+": "oneOrMore", "?": "zeroOrOne"}[form]
    return f"[ sh:{name}Path {inner} ]"


def constraint_of(dice: random.Random, *, on_path: bool, depth: int) -> str:
    """One or two parameters of a shape.

    Only numbers are compared: pySHACL orders IRIs, ill-typed numbers and values of two kinds as
    rdflib sorts them, where SHACL asks for SPARQL's `<` (§4.6).
    """

    def inner() -> str:
        return f"[ {shape_of(dice, depth=depth - 1)} ]"

    choices = [
        f"sh:class {dice.choice(CLASSES)}",
        f"sh:datatype xsd:{dice.choice(('string', 'integer', 'date', 'boolean', 'decimal'))}",
        f"sh:nodeKind sh:{dice.choice(('IRI', 'Literal', 'BlankNodeOrIRI', 'IRIOrLiteral'))}",
        f"sh:minLength {dice.randint(1, 6)}",
        f"sh:maxLength {dice.randint(1, 6)}",
        f"sh:pattern '{dice.choice(('^T', 'u', 'ub$', '[0-9]+'))}'",
        "sh:pattern '^t' ; sh:flags 'i'",
        f"sh:languageIn ( {dice.choice(LANGUAGES)} )",
        f"sh:equals {dice.choice(PREDICATES)}",
        f"sh:disjoint {dice.choice(PREDICATES)}",
        f"sh:hasValue {dice.choice(NODES + LITERALS)}",
        f"sh:in ( {' '.join(dice.sample(NODES + LITERALS, 4))} )",
    ]
    if on_path:
        choices += [
            f"sh:minCount {dice.randint(0, 2)}",
            f"sh:maxCount {dice.randint(0, 2)}",
            "sh:uniqueLang true",
        ]
    else:
        choices.append(f"sh:closed true ; sh:ignoredProperties ( {dice.choice(PREDICATES)} )")
    if depth:
        choices += [
            f"sh:not {inner()}",
            f"sh:and ( {inner()} {inner()} )",
            f"sh:or ( {inner()} {inner()} )",
            f"sh:xone ( {inner()} {inner()} )",
            f"sh:node [ {shape_of(dice, depth=depth - 1, kind='node')} ]",
            "sh:property [ sh:path ex:budget ;"
            f" sh:{dice.choice(('min', 'max'))}{dice.choice(('Inclusive', 'Exclusive'))}"
            f" {dice.choice(NUMBERS)} ]",
            f"sh:property [ sh:path ex:spent ; sh:lessThan{dice.choice(('', 'OrEquals'))}"
            " ex:budget ]",
            f"sh:property [ {shape_of(dice, depth=depth - 1, kind='property')} ]",
        ]
        if on_path:
            low, high = dice.randint(0, 2), dice.randint(0, 2)
            choices.append(
                f"sh:qualifiedValueShape {inner()} ; sh:qualifiedMinCount {low} ;"
                f" sh:qualifiedMaxCount {high}"
            )
    return dice.choice(choices)


def shape_of(dice: random.Random, *, depth: int, kind: str = "") -> str:
    """What stands between the brackets of a shape."""
    on_path = kind == "property" or (not kind and dice.random() < 0.4)
    found: dict[str, str] = {}
    for _ in range(dice.randint(1, 3)):
        made = constraint_of(dice, on_path=on_path, depth=depth)
        found.setdefault(made.split()[0], made)
    if "sh:pattern" in found:
        found["sh:pattern"] = found["sh:pattern"].split(" ; ")[0]
    return " ; ".join([*([f"sh:path {path_of(dice)}"] if on_path else []), *found.values()])


def shapes_of(dice: random.Random) -> list[str]:
    """Some shapes, each a statement of its own."""
    targets = [
        f"sh:targetClass {dice.choice(CLASSES)}",
        f"sh:targetNode {', '.join(dice.sample(NODES, 2))}",
        f"sh:targetSubjectsOf {dice.choice(PREDICATES)}",
        f"sh:targetObjectsOf {dice.choice(PREDICATES)}",
    ]
    lines = []
    for number in range(dice.randint(2, 4)):
        severity = f"sh:severity sh:{dice.choice(('Violation', 'Warning', 'Info'))}"
        body = shape_of(dice, depth=2)
        lines.append(f"ex:shape{number} {dice.choice(targets)} ; {severity} ; {body} .")
    return lines


def written(folder: Path, name: str, lines: Sequence[str]) -> Path:
    file = folder / name
    file.write_text(PREFIXES + "\n".join(lines) + "\n", encoding="utf-8")
    return file


Row = tuple[str, str, str, str, str]


def ours(data: Path, shapes: Path) -> Counter[Row]:
    return Counter(
        (
            r.focus,
            "_" if (r.value or "").startswith("_") else r.value or "",
            r.severity,
            r.component,
            n3_of(r.shape) if not isinstance(r.shape, BNode) else "_",
        )
        for r in validate([str(data)], [str(shapes)]).results
    )


def theirs(data: Path, shapes: Path) -> Counter[Row]:
    _, report, _ = pyshacl.validate(Graph().parse(data), shacl_graph=Graph().parse(shapes))
    assert isinstance(report, Graph)
    rows: Counter[Row] = Counter()
    for result in report.objects(None, SH.result):
        found = [report.value(result, SH[name]) for name in ("focusNode", "value", "sourceShape")]
        focus, value, shape = (
            "" if t is None else "_" if isinstance(t, BNode) else n3_of(t) for t in found
        )
        severity = str(report.value(result, SH.resultSeverity))
        component = str(report.value(result, SH.sourceConstraintComponent))
        rows[focus, value, severity, component, shape] += 1
    return rows


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(CASES))
def test_random_shapes_find_what_pyshacl_finds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rdflib.NORMALIZE_LITERALS", False)
    dice = random.Random(seed)
    data, shapes = (
        written(tmp_path, "d.ttl", data_of(dice)),
        written(tmp_path, "s.ttl", shapes_of(dice)),
    )
    assert theirs(data, shapes) == ours(data, shapes), shapes.read_text()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_triples_and_shapes_changes_nothing(seed: int, tmp_path: Path) -> None:
    dice = random.Random(1000 + seed)
    statements, shapes = data_of(dice), shapes_of(dice)
    once = ours(written(tmp_path, "d.ttl", statements), written(tmp_path, "s.ttl", shapes))
    dice.shuffle(statements)
    dice.shuffle(shapes)
    again = ours(written(tmp_path, "d2.ttl", statements), written(tmp_path, "s2.ttl", shapes))
    assert once == again
