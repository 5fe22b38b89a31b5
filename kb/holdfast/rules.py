"""Rule folders, read and refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.errors import RuleError
from holdfast.ontology import Ontology, Statements, statements_in
from holdfast.queries import QuerySyntaxError, iris_in, read_query
from holdfast.shipped import shipped_folder
from holdfast.vocabulary import DCTERMS, HF, RDFS, RULES, SH, SKOS, nearest

EFFECTS = ("supports", "undermines", "hopes", "watch")


@dataclass(frozen=True)
class Parameter:
    """A number or word that a rule's query binds, with the reason for its default."""

    name: str
    default: str
    reason: str


@dataclass(frozen=True)
class Target:
    """Which nodes a rule looks at (SHACL §2.1.3).

    `kind` is targetClass (the members of the class `iri`), targetSubjectsOf or targetObjectsOf (what
    stands at that end of the predicate `iri`).
    """

    kind: str
    iri: str


TARGETS = ("targetClass", "targetSubjectsOf", "targetObjectsOf")


@dataclass(frozen=True)
class Rule:
    """One rule as its folder states it.

    `kind` is 'judgement' (its query finds) or 'inference' (its query adds facts). `bases` and
    `effect` are notations, `certainty` the floor's notation, `severity` info, warning or violation.
    `query_line` is the line of `file` on which the query begins.
    """

    id: str
    iri: str
    file: Path
    kind: str
    notations: tuple[str, ...]
    label: str
    description: str
    sources: tuple[str, ...]
    scope_note: str
    remedy: str
    levers: tuple[str, ...]
    bases: tuple[str, ...]
    effect: str
    certainty: str
    severity: str
    status: str
    message: str
    parameters: tuple[Parameter, ...]
    target: Target
    query: str
    query_line: int
    algebra: CompValue
    order: float

    def place(self, line: int = 1) -> str:
        """Where line `line` of the query stands, for an error message."""
        return f"{self.file}: line {self.query_line + line - 1}"


def read_rules(ontology: Ontology, folder: Path | None = None) -> tuple[Rule, ...]:
    """The rules of a folder of rule folders, by default the shipped ones, ordered by id.

    Raises RuleError for the first rule that cannot be read: then no rule is to be run in its stead.
    """
    folder = folder or shipped_folder("rules")
    if (folder / "rule.ttl").is_file():
        folders = [folder]
    elif folder.is_dir():
        folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    else:
        raise RuleError("there is no such folder of rules.", where=str(folder))
    rules = [rule for entry in folders if (rule := read_rule(entry, ontology)) is not None]
    if not rules:
        raise RuleError("there is no rule here.", where=str(folder), mend="A rule is a folder with a rule.ttl.")
    return tuple(rules)


def read_rule(folder: Path, ontology: Ontology) -> Rule | None:
    """The rule in a folder; None where it is deactivated. Raises RuleError."""
    file = folder / "rule.ttl"
    if not file.is_file():
        raise RuleError("the rule folder has no rule.ttl.", where=str(folder), mend="Write it, or remove the folder.")
    statements = statements_in([file])
    text = file.read_text(encoding="utf-8")
    iri = RULES + folder.name
    if iri not in statements:
        shapes = [s for s, facts in statements.items() if f"{SH}NodeShape" in facts.get("a", [])]
        raise RuleError(
            f"the shape is {' and '.join(f'<{s}>' for s in shapes) or 'missing'}, not <{iri}>.",
            where=str(file),
            mend="A rule's IRI ends in the name of its folder.",
        )
    facts = statements[iri]
    _check_terms(statements, text, file, ontology)
    if "true" in facts.get(SH + "deactivated", []):
        return None
    reading = _Reading(facts, statements, file, text)
    kind, body = reading.body()
    query = reading.one(SH + ("select" if kind == "judgement" else "construct"), body)
    query_line = _line_of(text, query)
    if not body.get(SH + "prefixes"):
        raise RuleError(
            "the query has no sh:prefixes.",
            where=f"{file}: line {query_line}",
            mend=f"Add sh:prefixes <{HF.removesuffix('#')}>, so that every SHACL engine can read it.",
        )
    algebra = _read_algebra(query, ontology.prefixes, file, query_line)
    _check_query_terms(algebra, query, query_line, file, ontology)
    parameters = reading.parameters()
    _check_parameters(parameters, query, file, query_line)
    judges = kind == "judgement"
    bases = tuple(ontology.notation(basis) for basis in facts.get(HF + "basis", []))
    levers = tuple(ontology.notation(lever) for lever in facts.get(HF + "lever", []))
    effect = ontology.notation(reading.one(HF + "effect")) if judges else ""
    rule = Rule(
        id=folder.name,
        iri=iri,
        file=file,
        kind=kind,
        notations=tuple(sorted(facts.get(SKOS + "notation", []))),
        label=reading.one(RDFS + "label"),
        description=reading.one(DCTERMS + "description"),
        sources=tuple(sorted(facts.get(DCTERMS + "source", []))),
        scope_note=reading.one(SKOS + "scopeNote"),
        remedy=reading.one(HF + "remedy") if judges else "",
        levers=levers,
        bases=bases,
        effect=effect,
        certainty=ontology.notation(reading.one(HF + "certainty")) if judges else "stated",
        severity=reading.one(SH + "severity").removeprefix(SH).lower() if judges else "info",
        status=reading.one(HF + "status"),
        message=reading.one(SH + "message", body) if judges else "",
        parameters=parameters,
        target=reading.target(),
        query=query,
        query_line=query_line,
        algebra=algebra,
        order=float(next(iter(body.get(SH + "order", facts.get(SH + "order", []))), "0")),
    )
    _check_judgement(rule, ontology, facts)
    return rule


@dataclass(frozen=True)
class _Reading:
    facts: Mapping[str, list[str]]
    statements: Statements
    file: Path
    text: str

    def one(self, predicate: str, facts: Mapping[str, list[str]] | None = None) -> str:
        values = (self.facts if facts is None else facts).get(predicate, [])
        if not values:
            raise RuleError(
                f"the rule does not say its {_readable(predicate)}.",
                where=str(self.file),
                mend=f"Add {_readable(predicate)} (CONTRIBUTING.md lists what a rule must say).",
            )
        return values[0]

    def body(self) -> tuple[str, Mapping[str, list[str]]]:
        constraints, inferences = self.facts.get(SH + "sparql", []), self.facts.get(SH + "rule", [])
        if len(constraints) + len(inferences) != 1:
            raise RuleError(
                f"the shape has {len(constraints)} sh:sparql and {len(inferences)} sh:rule.",
                where=str(self.file),
                mend="A rule folder holds one rule: one sh:sparql that judges, or one sh:rule that infers.",
            )
        unknown = sorted(
            predicate
            for predicate in self.facts
            if predicate.startswith(SH)
            and predicate.removeprefix(SH) not in ("sparql", "rule", *TARGETS, "severity", "order", "deactivated")
        )
        if unknown:
            raise RuleError(
                f"sh:{unknown[0].removeprefix(SH)} is not compiled.",
                where=f"{self.file}: line {_line_of(self.text, 'sh:' + unknown[0].removeprefix(SH))}",
                mend="A rule has one sh:target… and one sh:sparql or sh:rule.",
            )
        if constraints:
            return "judgement", self.statements[constraints[0]]
        return "inference", self.statements[inferences[0]]

    def target(self) -> Target:
        found = [Target(kind, iri) for kind in TARGETS for iri in self.facts.get(SH + kind, [])]
        if len(found) != 1:
            raise RuleError(
                f"the shape has {len(found)} targets.",
                where=str(self.file),
                mend="Give it one sh:targetClass, sh:targetSubjectsOf or sh:targetObjectsOf.",
            )
        return found[0]

    def parameters(self) -> tuple[Parameter, ...]:
        found = [
            Parameter(
                self.one(HF + "name", self.statements[node]),
                self.one(HF + "default", self.statements[node]),
                self.one(HF + "reason", self.statements[node]),
            )
            for node in self.facts.get(HF + "parameter", [])
        ]
        return tuple(sorted(found, key=lambda parameter: parameter.name))


def _read_algebra(query: str, prefixes: Mapping[str, str], file: Path, first: int) -> CompValue:
    try:
        return read_query(query, prefixes)
    except QuerySyntaxError as error:
        raise RuleError(
            f"line {error.line} of the query is not SPARQL 1.1: {error.reason}.",
            where=f"{file}: line {first + error.line - 1}",
            mend="Mend the query; no rule was run.",
        ) from None


def _check_terms(statements: Statements, text: str, file: Path, ontology: Ontology) -> None:
    for subject, facts in statements.items():
        for predicate, values in facts.items():
            for iri in (subject, predicate, *values):
                if iri.startswith(HF) and iri not in ontology.terms:
                    _unknown(iri, text, 1, file, ontology)


def _check_query_terms(algebra: CompValue, query: str, first: int, file: Path, ontology: Ontology) -> None:
    for iri in iris_in(algebra):
        if iri.startswith(HF) and iri not in ontology.terms:
            _unknown(iri, query, first, file, ontology)


def _unknown(iri: str, text: str, first: int, file: Path, ontology: Ontology) -> None:
    name = iri.removeprefix(HF)
    known = [term.removeprefix(HF) for term in ontology.terms]
    close = nearest(name, known).replace("mean ", "mean hf:")
    found = re.search(rf"hf:{re.escape(name)}(?![\w-])", text)
    line = first + text.count("\n", 0, found.start()) if found else first
    raise RuleError(
        f"hf:{name} is not declared in ontology/.",
        where=f"{file}: line {line}",
        mend=close or "Declare it there, with a label and a definition.",
    )


def _check_parameters(parameters: Iterable[Parameter], query: str, file: Path, first: int) -> None:
    for parameter in parameters:
        value = re.escape(parameter.default)
        if not re.search(rf"BIND\s*\(\s*\"?{value}\"?\S*\s+AS\s+[?$]{re.escape(parameter.name)}\s*\)", query):
            raise RuleError(
                f"the parameter {parameter.name} (default {parameter.default}) is not bound in the query.",
                where=f"{file}: line {first}",
                mend=f"Write BIND({parameter.default} AS ?{parameter.name}) where the query uses it.",
            )


def _check_judgement(rule: Rule, ontology: Ontology, facts: Mapping[str, list[str]]) -> None:
    if rule.kind != "judgement":
        return
    if not rule.bases:
        raise RuleError("the rule does not say its hf:basis.", where=str(rule.file), mend="Name one basis or more.")
    if rule.effect not in EFFECTS:
        raise RuleError(
            f"hf:effect {rule.effect} is not an effect.", where=str(rule.file), mend=f"One of {', '.join(EFFECTS)}."
        )
    constitutive = {ontology.notation(basis) for basis in ontology.constitutive}
    if rule.effect == "undermines" and not rule.levers:
        raise RuleError(
            "a rule that undermines must name the lever of its remedy.",
            where=str(rule.file),
            mend="Add hf:lever, one of purpose, capacity, fit, conduct.",
        )
    for lever in rule.levers:
        if lever not in constitutive:
            raise RuleError(
                f"hf:lever {lever} is not a constitutive basis.",
                where=str(rule.file),
                mend="Consequential bases are not susceptible to direct manipulation (L281-287).",
            )


def _line_of(text: str, part: str) -> int:
    place = text.find(part)
    if place < 0:
        first = next((line for line in part.splitlines() if line.strip()), "")
        place = max(text.find(first), 0)
    return text.count("\n", 0, place) + 1


def _readable(predicate: str) -> str:
    for prefix, namespace in (("dcterms:", DCTERMS), ("hf:", HF), ("rdfs:", RDFS), ("sh:", SH), ("skos:", SKOS)):
        if predicate.startswith(namespace):
            return prefix + predicate.removeprefix(namespace)
    return predicate
