"""A rule held against its own examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib import Literal
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.errors import HoldfastError
from holdfast.ontology import Ontology, statements_in
from holdfast.reason.alone import Result, Trial, Triple, compiled_alone
from holdfast.rules import Rule, read_rule
from holdfast.shapequeries import CORE
from holdfast.sources import line_of, quads_in
from holdfast.vocabulary import RDF_TYPE, SH, XSD

FILES = {
    "judgement": ("rule.ttl", "fires.ttl", "quiet.ttl", "report.ttl"),
    "inference": ("rule.ttl", "before.ttl", "after.ttl"),
}
"""What a rule folder holds, by the kind of its rule."""

PAIR = 4
"""How many triples may differ, counted in both files: one or two changed."""


@dataclass(frozen=True)
class RuleTest:
    """What came of holding a rule against its examples.

    `problems` are sentences that say what is wrong, where, and what to do; empty when all is well.
    `difference` is what a reviewer reads first: the triples in which the two examples differ, as
    Turtle under the prefixes of the files themselves.
    """

    rule: str
    problems: list[str]
    difference: str


def test_rule(folder: Path, ontology: Ontology) -> RuleTest:
    """Run the rule of a folder over its examples, and over them with each triple left out in turn.

    Never raises for a fault of the rule or of its files: that is a problem among others.
    """
    try:
        rule = read_rule(folder, ontology)
        if rule is None:
            return RuleTest(folder.name, [], "")
        missing = [name for name in FILES[rule.kind] if not (folder / name).is_file()]
        if missing:
            return RuleTest(
                folder.name,
                [
                    f"{folder}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'}"
                    f" missing. A folder for {_article(rule.kind)} rule holds"
                    f" {', '.join(FILES[rule.kind])}."
                ],
                "",
            )
        unnamed = [
            f"{folder / name}: a thing has no name. Give it an IRI, so that a report can name it."
            for name in FILES[rule.kind]
            if name not in ("rule.ttl", "report.ttl") and _has_blank_node(folder / name)
        ]
        problems = unnamed or (_judged if rule.kind == "judgement" else _inferred)(rule, ontology)
        loose = [
            f"{rule.file}: line {line}: nothing explains the number {number}. Declare an"
            " hf:parameter with its default and its reason"
            + ("." if rule.judged else f", and write BIND({number} AS ?…) in the query.")
            for number, line in loose_numbers(rule)
        ]
        return RuleTest(folder.name, [*loose, *problems], difference(folder))
    except HoldfastError as error:
        return RuleTest(folder.name, [str(error)], "")


def difference(folder: Path) -> str:
    """What tells a rule's examples apart, as Turtle with a comment that says which file has it.

    For a judgement rule the triples of one example that the other lacks; for an inference rule the
    triples that it adds.
    """
    if (folder / "after.ttl").is_file():
        return _block(
            "added by the rule", triples_in(folder / "after.ttl"), _prefixes(folder / "after.ttl")
        )
    fires, quiet = folder / "fires.ttl", folder / "quiet.ttl"
    prefixes = _prefixes(fires) | _prefixes(quiet)
    one, other = triples_in(fires), triples_in(quiet)
    blocks = [
        _block("only in fires.ttl", one - other, prefixes),
        _block("only in quiet.ttl", other - one, prefixes),
    ]
    return "\n".join(block for block in blocks if block)


def loose_numbers(rule: Rule) -> list[tuple[str, int]]:
    """The numbers that a rule writes without declaring them as parameters, each with its line.

    Not counted: 0 and 1, and the places in a string that SUBSTR has.
    """
    if rule.judged:
        known = {(parameter.name, parameter.default) for parameter in rule.parameters}
        return sorted(
            (value.value, line_of(rule.file, rf"sh:{name}\s+{re.escape(value.value)}") or 1)
            for quad in quads_in(rule.file)
            if (name := quad.predicate.value.removeprefix(SH)) in CORE
            and isinstance(value := quad.object, ox.Literal)
            and value.datatype.value in _NUMBERS
            and value.value not in ("0", "1")
            and (name, value.value) not in known
        )
    parameters = {parameter.name for parameter in rule.parameters}
    found = []
    for number in sorted(_loose(rule.algebra, parameters)):
        place = re.search(rf"(?<![\w.-]){re.escape(number)}(?![\w.-])", rule.query)
        line = rule.query.count("\n", 0, place.start()) if place else 0
        found.append((number, rule.query_line + line))
    return found


_NUMBERS = frozenset(XSD + name for name in ("integer", "decimal", "double", "float"))


def _loose(node: Any, parameters: set[str]) -> set[str]:
    if isinstance(node, Literal):
        number = isinstance(node.value, (int, float, Decimal)) and not isinstance(node.value, bool)
        return {str(node)} - {"0", "1"} if number else set()
    parts: list[Any] = []
    if isinstance(node, CompValue):
        binds = node.name in ("Extend", "Bind") and str(node.var) in parameters
        if binds and isinstance(node.expr, Literal):
            parts = [node.get("p")]
        elif node.name == "Builtin_SUBSTR":
            parts = [node.arg]
        else:
            parts = [part for key, part in node.items() if key != "_vars"]
    elif isinstance(node, (list, tuple)):
        parts = list(node)
    return {number for part in parts for number in _loose(part, parameters)}


def triples_in(file: Path) -> frozenset[Triple]:
    """The triples of a file as N-Triples terms."""
    return frozenset(
        (str(quad.subject), str(quad.predicate), str(quad.object)) for quad in quads_in(file)
    )


def expected_results(report: Path) -> list[Result]:
    """The results that a validation report states, in order."""
    facts: dict[str, dict[str, ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple]] = {}
    for quad in quads_in(report):
        facts.setdefault(str(quad.subject), {})[quad.predicate.value.removeprefix(SH)] = quad.object
    results = [of for of in facts.values() if str(of.get(RDF_TYPE)) == f"<{SH}ValidationResult>"]
    return sorted(
        Result(
            focus=str(of.get("focusNode", "")),
            value=str(of.get("value", "")),
            severity=str(of.get("resultSeverity", "")),
            shape="[]"
            if isinstance(of.get("sourceShape"), ox.BlankNode)
            else str(of.get("sourceShape", "")),
            message=str(getattr(of.get("resultMessage"), "value", "")),
        )
        for of in results
    )


def _judged(rule: Rule, ontology: Ontology) -> list[str]:
    folder = rule.file.parent
    fires, quiet, report = folder / "fires.ttl", folder / "quiet.ttl", folder / "report.ttl"
    problems: list[str] = []
    compiled = compiled_alone(rule, ontology)
    expected = expected_results(report)
    trial = Trial(compiled, ontology, fires)
    try:
        problems += _misread(fires, trial)
        actual = trial.results()
        if not actual:
            problems.append(f"{fires}: the rule has nothing to say. It must fire here.")
        for result in (Counter(expected) - Counter(actual)).elements():
            problems.append(f"{report}: expected, but not found: {_told(result)}.")
        for result in (Counter(actual) - Counter(expected)).elements():
            problems.append(f"{report}: found, but not expected: {_told(result)}.")
        if "false" not in _conforms(report):
            problems.append(f"{report}: sh:conforms must be false, since the rule fires.")
        if actual:
            for number, triple in trial.triples().items():
                if trial.results(without=number) == actual:
                    problems.append(_idle(fires, triple))
    finally:
        trial.close()
    trial = Trial(compiled, ontology, quiet)
    try:
        problems += _misread(quiet, trial)
        for result in trial.results():
            problems.append(f"{quiet}: the rule must be silent here, but says {_told(result)}.")
    finally:
        trial.close()
    one, other = triples_in(fires), triples_in(quiet)
    if not one ^ other:
        problems.append(f"{quiet}: the same as fires.ttl. It must differ in one or two triples.")
    elif len(one ^ other) > PAIR:
        problems.append(
            f"{quiet}: differs from fires.ttl in {len(one - other)} triples taken away and"
            f" {len(other - one)} added. Show its nearest neighbour: change one or two."
        )
    return problems


def _conforms(report: Path) -> list[str]:
    """What a validation report says of sh:conforms."""
    return [
        value
        for facts in statements_in([report]).values()
        for value in facts.get(SH + "conforms", [])
    ]


def _inferred(rule: Rule, ontology: Ontology) -> list[str]:
    folder = rule.file.parent
    before, after = folder / "before.ttl", folder / "after.ttl"
    problems: list[str] = []
    expected = triples_in(after)
    trial = Trial(compiled_alone(rule, ontology), ontology, before)
    try:
        problems += _misread(before, trial)
        actual = trial.added()
        if not actual:
            problems.append(
                f"{before}: the rule adds nothing. It must add the triples of after.ttl."
            )
        for triple in sorted(expected - actual):
            problems.append(f"{after}: expected, but not added: {' '.join(triple)} .")
        for triple in sorted(actual - expected):
            problems.append(f"{after}: added, but not expected: {' '.join(triple)} .")
        if actual:
            for number, triple in trial.triples().items():
                if trial.added(without=number) == actual:
                    problems.append(_idle(before, triple))
    finally:
        trial.close()
    return problems


def _misread(file: Path, trial: Trial) -> list[str]:
    return [f"{file}: {sentence}" for sentence in trial.misread()]


def _idle(file: Path, triple: Triple) -> str:
    return (
        f"{file}: {' '.join(triple)} . does not matter: without it the rule concludes the same."
        " Take it out, or let the rule ask for it."
    )


def _told(result: Result) -> str:
    severity = result.severity.rpartition("#")[2].rstrip(">")
    value = f" with {result.value}" if result.value else ""
    return f"{result.focus}{value} ({severity}), “{result.message}”"


def _article(kind: str) -> str:
    return f"{'an' if kind == 'inference' else 'a'} {kind}"


def _has_blank_node(file: Path) -> bool:
    return any(
        isinstance(term, ox.BlankNode)
        for quad in quads_in(file)
        for term in (quad.subject, quad.object)
    )


def _prefixes(file: Path) -> dict[str, str]:
    found = re.findall(
        r"^\s*@prefix\s+([\w-]*):\s*<([^>]*)>", file.read_text(encoding="utf-8"), flags=re.M
    )
    return {namespace: prefix for prefix, namespace in found}


def _block(title: str, triples: Iterable[Triple], prefixes: dict[str, str]) -> str:
    lines = sorted(" ".join(_short(term, prefixes) for term in triple) + " ." for triple in triples)
    return "\n".join([f"# {title}", *lines, ""]) if lines else ""


def _short(term: str, prefixes: dict[str, str]) -> str:
    """An N-Triples term as people write it in Turtle."""
    if term == f"<{RDF_TYPE}>":
        return "a"
    if term.startswith("<"):
        for namespace, prefix in prefixes.items():
            local = term[1:-1].removeprefix(namespace)
            if term[1:].startswith(namespace) and re.fullmatch(r"[A-Za-z]([\w-]*\w)?", local):
                return f"{prefix}:{local}"
        return term
    text, _, datatype = term.rpartition("^^")
    if datatype in (f"<{XSD}integer>", f"<{XSD}boolean>", f"<{XSD}decimal>"):
        return text.strip('"')
    return f"{text}^^{_short(datatype, prefixes)}" if text else term
