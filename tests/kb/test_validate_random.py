"""Random shapes over random data: our report is pySHACL's, and no order of triples changes it."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyshacl
import pytest
from rdflib import BNode, Graph
from rdflib.namespace import RDF, SH

from holdfast.compile.values import n3_of
from holdfast.errors import RuleError
from holdfast.ontology import read_ontology
from holdfast.reason.alone import Trial, compiled_alone
from holdfast.rules import Target, read_rules
from holdfast.shapequeries import query_of as query_of_shape
from holdfast.shapes import read_shapes
from holdfast.validate import validate

EX = "https://example.org/"
CASES = int(os.environ.get("HOLDFAST_SHACL_CASES", "120"))
PREFIXES = """@prefix ex: <https://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
DECLARED = 'ex: sh:declare [ sh:prefix "ex" ; sh:namespace "https://example.org/"^^xsd:anyURI ] .'
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
    inner = path_of(dice, depth - 1)
    if form == "^" and "( " in inner and "alternative" not in inner:
        # pySHACL walks the inverse of a sequence from the wrong end: left to other tests
        inner = dice.choice(PREDICATES)
    if form == "/":
        return f"( {inner} {path_of(dice, depth - 1)} )"
    if form == "|":
        return f"[ sh:alternativePath ( {inner} {path_of(dice, depth - 1)} ) ]"
    name = {"^": "inverse", "*": "zeroOrMore", "+": "oneOrMore", "?": "zeroOrOne"}[form]
    return f"[ sh:{name}Path {inner} ]"


# DISTINCT where a solution may come twice: that is two results (§5.3.2), of which pySHACL tells one
QUERIES = [
    "SELECT $this ?value { $this ex:partner ?value FILTER NOT EXISTS { ?value ex:lead $this } }",
    "SELECT $this ?value { $this ex:partner ?value OPTIONAL { ?value ex:name ?n }"
    " FILTER(!BOUND(?n)) }",
    "SELECT $this { FILTER NOT EXISTS { $this ex:partner ?x FILTER EXISTS { ?x ex:lead ?y } } }",
    "SELECT $this (COUNT(DISTINCT ?x) AS ?value) { $this ex:partner|ex:lead ?x } GROUP BY $this"
    " HAVING (COUNT(DISTINCT ?x) > 1)",
    "SELECT DISTINCT $this ?value { { $this ex:lead ?value } UNION { ?value ex:lead $this } }",
    "SELECT DISTINCT $this ?value { { SELECT $this (MAX(?b) AS ?value) { $this ex:budget ?b }"
    " GROUP BY $this } $this ex:spent ?s FILTER(?s > ?value) }",
    "SELECT $this ?path ?value { $this ?path ?value FILTER(isLiteral(?value) && lang(?value)"
    " = 'en') }",
    "SELECT DISTINCT $this ?value { $this ex:name ?n BIND(STRLEN(STR(?n)) AS ?value)"
    " FILTER(?value > 3) }",
]


def query_of(dice: random.Random, *, on_path: bool) -> str:
    """A SPARQL constraint; `on_path` it may name its path.

    That must be simple, since pySHACL writes (p*)+ as p*+, which is no SPARQL.
    """
    queries = list(QUERIES)
    if on_path:
        queries.append("SELECT $this ?value { $this $PATH ?value FILTER isIRI(?value) }")
        queries.append("SELECT $this { FILTER NOT EXISTS { $this $PATH ?x } }")
    return f'sh:sparql [ sh:prefixes ex: ; sh:select """{dice.choice(queries)}""" ]'


def constraint_of(dice: random.Random, *, path: str, depth: int) -> str:
    """One or two parameters of a shape.

    Only numbers are compared: pySHACL orders IRIs, ill-typed numbers and values of two kinds as
    rdflib sorts them, where SHACL asks for SPARQL's `<` (§4.6).
    """

    on_path = bool(path)

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
    choices += [query_of(dice, on_path=path.startswith("ex:")) for _ in range(2)]
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
        else:
            low = dice.randint(0, 2)
            qualified = [
                f"sh:property [ sh:path ex:partner ; sh:qualifiedValueShape {inner()} ;"
                f" sh:qualifiedValueShapesDisjoint true ; sh:qualified{end}Count {low} ]"
                for end in ("Min", "Max")
            ]
            choices.append(" ; ".join(qualified))
    return dice.choice(choices)


def shape_of(dice: random.Random, *, depth: int, kind: str = "") -> str:
    """What stands between the brackets of a shape."""
    on_path = kind == "property" or (not kind and dice.random() < 0.4)
    path = path_of(dice) if on_path else ""
    found: dict[str, str] = {}
    for _ in range(dice.randint(1, 3)):
        made = constraint_of(dice, path=path, depth=depth)
        found.setdefault(made.split()[0], made)
    if "sh:pattern" in found:
        found["sh:pattern"] = found["sh:pattern"].split(" ; ")[0]
    return " ; ".join([*([f"sh:path {path}"] if path else []), *found.values()])


def shapes_of(dice: random.Random) -> list[str]:
    """Some shapes, each a statement of its own."""
    targets = [
        f"sh:targetClass {dice.choice(CLASSES)}",
        f"sh:targetNode {', '.join(dice.sample(NODES, 2))}",
        f"sh:targetSubjectsOf {dice.choice(PREDICATES)}",
        f"sh:targetObjectsOf {dice.choice(PREDICATES)}",
    ]
    lines = [DECLARED]
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


def in_a_rule(data: Path, shapes: Path, kind: str, iri: str) -> Counter[tuple[str, str, str]]:
    """What a rule that is one shape of SHACL Core finds, by focus node, value and message."""
    ontology = read_ontology()
    (model,) = (rule for rule in read_rules(ontology) if rule.id == "no-teeth")
    found = query_of_shape(read_shapes([shapes]), f"{EX}shape", {"ex": EX})
    rule = replace(
        model, iri=f"{EX}shape", target=Target(kind, iri), query=found.text, judged=found.judged,
        message=found.message, prefixes={"ex": EX},
    )  # fmt: skip
    trial = Trial(compiled_alone(rule, ontology), ontology, data)
    try:
        return Counter((result.focus, result.value, result.message) for result in trial.results())
    finally:
        trial.close()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(CASES // 6))
def test_a_rule_of_shacl_core_finds_what_pyshacl_finds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rdflib.NORMALIZE_LITERALS", False)
    dice = random.Random(seed)
    body = "sh:sparql"
    while re.search(r"sh:sparql|[mM]inCount 0", body):
        body = shape_of(dice, depth=2)
    # what the reasoner concludes counts for sh:closed, and that is what else a thing is
    body = body.replace("ignoredProperties (", f"ignoredProperties ( <{RDF.type}>")
    kind, name = dice.choice(
        [("targetClass", "Organisation"), ("targetSubjectsOf", "partner"),
         ("targetObjectsOf", "lead")]
    )  # fmt: skip
    told = re.sub(r"sh:path", 'sh:message "Of a path." ; sh:path', body)
    if not told.startswith("sh:message"):
        told = f'sh:message "Of the node." ; {told}'
    data = written(tmp_path, "d.ttl", data_of(dice))
    shapes = written(tmp_path, "s.ttl", [f"ex:shape sh:{kind} ex:{name} ; {told} ."])
    _, report, _ = pyshacl.validate(Graph().parse(data), shacl_graph=Graph().parse(shapes))
    assert isinstance(report, Graph)
    expected = Counter(
        (
            n3_of(report.value(result, SH.focusNode)),
            n3_of(value) if (value := report.value(result, SH.value)) is not None else "",
            str(report.value(result, SH.resultMessage)),
        )
        for result in report.objects(None, SH.result)
    )

    try:
        found = in_a_rule(data, shapes, kind, f"{EX}{name}")
    except RuleError as error:  # it denies whatever may be said of a node: its own findings, too
        if "cycle through negation" in str(error) and "sh:closed" in body:
            return
        raise

    # what is reached by several ways is reported as often, which a finding is not
    assert set(expected) == set(found), shapes.read_text()


def test_a_closed_rule_finds_what_it_does_not_name(tmp_path: Path) -> None:
    said = "ex:trust a ex:Venture ; ex:name 'Trust' ; ex:lead ex:clinic . ex:clinic ex:budget 5 ."
    data = written(tmp_path, "d.ttl", [said])
    closed = f"sh:closed true ; sh:ignoredProperties ( ex:name <{RDF.type}> )"
    body = f"""ex:shape sh:message 'Unknown.' ; {closed} ; sh:property
      [ sh:path ex:lead ; sh:message 'Unknown of who leads.' ; sh:closed true ] ."""
    shapes = written(tmp_path, "s.ttl", [body])

    found = in_a_rule(data, shapes, "targetClass", f"{EX}Venture")

    five = '"5"^^<http://www.w3.org/2001/XMLSchema#integer>'
    assert {(f"<{EX}trust>", five, "Unknown of who leads.")} == set(found)
