"""Rule folders, read and refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib import URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.errors import RuleError, ShapeError, UnknownNameError
from holdfast.lexical import is_value
from holdfast.memory import Memory
from holdfast.ontology import Ontology, Statements, statements_in
from holdfast.queries import QuerySyntaxError, iris_in, members, read_query, read_update
from holdfast.shapequeries import BESIDE, CORE, Judged, ShapeQuery, query_of
from holdfast.shapes import read_shapes
from holdfast.shipped import shipped_folder
from holdfast.sources import line_of, quads_in
from holdfast.vocabulary import (
    BASES,
    DASH,
    DCTERMS,
    HF,
    RDF_TYPE,
    RDFS,
    RULES,
    SEVERITIES,
    SH,
    SKOS,
    XSD,
    nearest,
    short,
)

EFFECTS = ("supports", "undermines", "hopes", "watch")
CERTAINTIES = ("stated", "perceived", "hedged", "derived", "estimated")
STATUSES = ("experimental", "stable", "deprecated")


@dataclass(frozen=True)
class Parameter:
    """A number or word that a rule's query binds, with the reason for its default."""

    name: str
    default: str
    reason: str


@dataclass(frozen=True)
class Target:
    """Which nodes a rule looks at (SHACL §2.1.3).

    `kind` is targetClass (the members of the class `iri`), targetSubjectsOf or targetObjectsOf
    (what stands at that end of the predicate `iri`).
    """

    kind: str
    iri: str


TARGETS = ("targetClass", "targetSubjectsOf", "targetObjectsOf")


@dataclass(frozen=True)
class Suggestion:
    """A change that would help, with holes in it: a DASH suggestion generator.

    `message` says it in words, `update` is DELETE and INSERT … WHERE in SPARQL. `$focusNode` is the
    venture, and the variables of the finding are bound by name. The first in `order` is listed
    first; `line` is the line of the rule's file on which the update begins.
    Source: https://datashapes.org/suggestions.html
    """

    message: str
    update: str
    order: float
    line: int


@dataclass(frozen=True)
class Rule:
    """One rule as its folder states it.

    `kind` is 'judgement' (its query finds) or 'inference' (its query adds facts). `bases` and
    `effect` are notations, `certainty` the floor's notation, `severity` info, warning or violation.
    `query_line` is the line of `file` on which the query begins. A rule of SHACL Core has `judged`,
    the constraints that it reports, and the query that they come to; `query_line` is the line of
    the shape.
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
    order: float
    judged: tuple[Judged, ...]
    changes: tuple[Suggestion, ...]
    prefixes: Mapping[str, str] = field(repr=False, compare=False)

    @cached_property
    def algebra(self) -> CompValue:
        """The query in SPARQL algebra, worked out when first asked for."""
        return _read_algebra(self.query, self.prefixes, self.file, self.query_line)

    def place(self, line: int = 1) -> str:
        """Where line `line` of the query stands, for an error message."""
        return f"{self.file}: line {self.query_line + (0 if self.judged else line - 1)}"

    @property
    def messages(self) -> tuple[str, ...]:
        """What its findings say, each once, with its places for names."""
        said = [one.message for one in self.judged] or [self.message]
        return tuple(dict.fromkeys(text for text in said if text))


_KEPT = tuple(
    item.name
    for item in fields(Rule)
    if item.name not in ("file", "prefixes", "target", "parameters", "changes", "judged")
)


def read_rules(
    ontology: Ontology, folder: Path | None = None, memory: Memory | None = None
) -> tuple[Rule, ...]:
    """The rules of a folder of rule folders, by default the shipped ones, ordered by id.

    A rule whose text `memory` knows is not checked again. Raises RuleError for the first rule that
    cannot be read: then no rule is to be run in its stead.
    """
    folder = folder or shipped_folder("rules")
    if (folder / "rule.ttl").is_file():
        folders = [folder]
    elif folder.is_dir():
        folders = sorted(
            entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )
    else:
        raise RuleError(
            "there is no such folder of rules.",
            where=str(folder),
            mend="Check the spelling of the path.",
        )
    memory = memory or Memory(None)
    declared = ontology.digest
    rules = [
        rule
        for entry in folders
        if (rule := _remembered(entry, ontology, declared, memory)) is not None
    ]
    if not rules:
        raise RuleError(
            "there is no rule here.", where=str(folder), mend="A rule is a folder with a rule.ttl."
        )
    return tuple(rules)


def rules_named(name: str, rules: Iterable[Rule]) -> list[Rule]:
    """The rule of that id or IRI, or the rules of that number in the paper, such as P64.

    Raises UnknownNameError where there is none.
    """
    known = list(rules)
    found = [rule for rule in known if name in (rule.id, rule.iri)]
    found = found or [rule for rule in known if name.upper() in rule.notations]
    if not found:
        hint = f"{nearest(name, [rule.id for rule in known])} `holdfast rules list` shows all."
        raise UnknownNameError(f"there is no rule {name}.", mend=hint.strip())
    return found


def _remembered(folder: Path, ontology: Ontology, declared: str, memory: Memory) -> Rule | None:
    file = folder / "rule.ttl"
    if not file.is_file():
        return read_rule(folder, ontology)

    def read() -> dict[str, Any] | None:
        rule = read_rule(folder, ontology)
        if rule is None:
            return None
        facts = {name: getattr(rule, name) for name in _KEPT}
        parameters = [astuple(parameter) for parameter in rule.parameters]
        changes = [astuple(change) for change in rule.changes]
        judged = [astuple(one) for one in rule.judged]
        target = astuple(rule.target)
        return {
            **facts, "target": target, "parameters": parameters, "changes": changes,
            "judged": judged,
        }  # fmt: skip

    text = file.read_bytes().decode("utf-8", errors="replace")
    facts = memory.remember("rule", [declared, folder.name, text], read)
    if facts is None:
        return None
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()
    }
    known["target"] = Target(*facts["target"])
    known["parameters"] = tuple(Parameter(*parameter) for parameter in facts["parameters"])
    known["changes"] = tuple(Suggestion(*change) for change in facts["changes"])
    known["judged"] = tuple(Judged(*one) for one in facts["judged"])
    return Rule(file=file, prefixes=ontology.prefixes, **known)


def read_rule(folder: Path, ontology: Ontology) -> Rule | None:
    """The rule in a folder; None where it is deactivated. Raises RuleError."""
    file = folder / "rule.ttl"
    if not file.is_file():
        raise RuleError(
            "the rule folder has no rule.ttl.",
            where=str(folder),
            mend="Write it, or remove the folder.",
        )
    statements = statements_in([file])
    _check_values(file, ontology)
    text = file.read_text(encoding="utf-8")
    iri = RULES + folder.name
    if iri not in statements:
        shapes = [s for s, facts in statements.items() if f"{SH}NodeShape" in facts.get("a", [])]
        named = " and ".join(f"<{shape}>" for shape in shapes)
        raise RuleError(
            f"the shape is {named}, not <{iri}>." if named else f"there is no shape <{iri}>.",
            where=str(file),
            mend="A rule's IRI ends in the name of its folder.",
        )
    facts = statements[iri]
    _check_terms(statements, text, file, ontology)
    if "true" in facts.get(SH + "deactivated", []):
        return None
    reading = _Reading(facts, statements, file, text)
    identifier = reading.one(DCTERMS + "identifier")
    if identifier != folder.name:
        raise RuleError(
            f"the rule calls itself {identifier}, and its folder {folder.name}.",
            where=reading.place("dcterms:identifier"),
            mend="Let dcterms:identifier be the name of the folder, so that no two rules share it.",
        )
    for name in ("source", "creator", "created", "modified"):
        reading.some(DCTERMS + name)
    kind, body = reading.body()
    judged: tuple[Judged, ...] = ()
    if reading.core():
        reading.one(SH + "severity")
        query_line = _line_of(text, f"sh:{reading.core()[0]}")
        made = reading.shape(iri, ontology.prefixes)
        query, judged, message = made.text, made.judged, made.message
    else:
        query = reading.one(SH + ("select" if kind == "judgement" else "construct"), body)
        query_line = _line_of(text, query)
        message = reading.one(SH + "message", body) if kind == "judgement" else ""
        if not body.get(SH + "prefixes"):
            raise RuleError(
                "the query has no sh:prefixes.",
                where=f"{file}: line {query_line}",
                mend=f"Add sh:prefixes <{HF.removesuffix('#')}>, so that every SHACL engine"
                " can read it.",
            )
    algebra = _read_algebra(query, ontology.prefixes, file, query_line)
    _check_form(kind, algebra, f"{file}: line {query_line}")
    written, first = (text, 1) if judged else (query, query_line)
    _check_query_terms(algebra, written, first, file, ontology)
    _check_uses(algebra, written, first, file, ontology)
    parameters = reading.parameters()
    if judged:
        reading.check_parameters(parameters)
    else:
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
        message=message,
        parameters=parameters,
        target=reading.target(),
        query=query,
        query_line=query_line,
        prefixes=ontology.prefixes,
        order=reading.order(body),
        judged=judged,
        changes=reading.changes(),
    )
    _check_rule(rule, reading, ontology)
    return rule


@dataclass(frozen=True)
class _Reading:
    facts: Mapping[str, list[str]]
    statements: Statements
    file: Path
    text: str

    def one(self, predicate: str, facts: Mapping[str, list[str]] | None = None) -> str:
        values = self.some(predicate, facts)
        if len(values) > 1 and predicate in _ONCE:
            raise RuleError(
                f"the rule says its {_readable(predicate)} {len(values)} times.",
                where=self.place(_readable(predicate)),
                mend="Keep one.",
            )
        return values[0]

    def some(self, predicate: str, facts: Mapping[str, list[str]] | None = None) -> list[str]:
        values = (self.facts if facts is None else facts).get(predicate, [])
        if not values:
            raise RuleError(
                f"the rule does not say its {_readable(predicate)}.",
                where=str(self.file),
                mend=f"Add {_readable(predicate)} (CONTRIBUTING.md lists what a rule must say).",
            )
        return values

    def place(self, text: str) -> str:
        return f"{self.file}: line {_line_of(self.text, text)}"

    def order(self, body: Mapping[str, list[str]]) -> float:
        text = next(iter(body.get(SH + "order", self.facts.get(SH + "order", []))), "0")
        try:
            return float(text)
        except ValueError:
            raise RuleError(
                f"sh:order {text} is not a number.",
                where=self.place("sh:order"),
                mend="Give a number.",
            ) from None

    def node(self, name: str) -> Mapping[str, list[str]]:
        if name not in self.statements:
            raise RuleError(
                f"nothing is said about {name}.",
                where=str(self.file),
                mend="Write it between [ and ].",
            )
        return self.statements[name]

    def body(self) -> tuple[str, Mapping[str, list[str]]]:
        """Whether the rule judges or infers, and the node of its query; the shape itself where it
        is one of SHACL Core."""
        constraints, inferences = self.facts.get(SH + "sparql", []), self.facts.get(SH + "rule", [])
        core = self.core()
        if len(constraints) + len(inferences) != (0 if core else 1):
            beside = f" beside sh:{core[0]}" if core else ""
            raise RuleError(
                f"the shape has {len(constraints)} sh:sparql and {len(inferences)} sh:rule"
                f"{beside}.",
                where=self.place(f"sh:{core[0]}") if core else str(self.file),
                mend="A rule folder holds one rule: one sh:sparql or constraints of SHACL Core that"
                " judge, or one sh:rule that infers.",
            )
        unknown = sorted(
            predicate.removeprefix(SH)
            for predicate in self.facts
            if predicate.startswith(SH)
            and predicate.removeprefix(SH)
            not in ("sparql", "rule", *TARGETS, "severity", "order", "deactivated")
            and not (core and predicate.removeprefix(SH) in (*CORE, "message"))
        )
        if unknown:
            raise RuleError(
                f"sh:{unknown[0]} is not compiled.",
                where=self.place(f"sh:{unknown[0]}"),
                mend=nearest(unknown[0], CORE).replace("mean ", "mean sh:")
                or "A rule has one sh:target…, and one sh:sparql, constraints of SHACL Core, or one"
                " sh:rule.",
            )
        if core:
            return "judgement", self.facts
        if constraints:
            return "judgement", self.node(constraints[0])
        return "inference", self.node(inferences[0])

    # -- SHACL Core --------------------------------------------------------------------------------

    def core(self) -> list[str]:
        """The parameters of SHACL Core that the shape has, in the order of the file."""
        found = [name.removeprefix(SH) for name in self.facts if name.startswith(SH)]
        return [name for name in found if name in CORE]

    def shape(self, iri: str, prefixes: Mapping[str, str]) -> ShapeQuery:
        """The query of a rule that is a shape of SHACL Core."""
        for node, facts in self.statements.items():
            if node == iri or SH + "update" in facts:
                continue
            for predicate in facts:
                name = predicate.removeprefix(SH)
                if predicate.startswith(SH) and name not in CORE | BESIDE:
                    raise RuleError(
                        f"sh:{name} is not a term that a shape within a rule of SHACL Core may"
                        " have.",
                        where=self.place(f"sh:{name}"),
                        mend=nearest(name, CORE | BESIDE).replace("mean ", "mean sh:")
                        or "Write the rule as one sh:sparql instead.",
                    )
        try:
            return query_of(read_shapes([self.file]), iri, prefixes)
        except ShapeError as error:
            what = re.sub(rf"<{HF}([\w-]+)>", r"hf:\1", error.what.replace(f"<{iri}>", "the rule"))
            raise RuleError(what, where=error.where, mend=error.mend) from None

    def check_parameters(self, parameters: Iterable[Parameter]) -> None:
        """Refuse a parameter that is not in the shape, where it is one of SHACL Core."""
        for parameter in parameters:
            values = [
                value
                for facts in self.statements.values()
                for value in facts.get(SH + parameter.name, [])
            ]
            if parameter.default not in values:
                raise RuleError(
                    f"the parameter {parameter.name} (default {parameter.default}) is not in the"
                    " shape.",
                    where=self.place("hf:parameter"),
                    mend="Let hf:name be that of SHACL's own parameter, as minCount, and hf:default"
                    " its value.",
                )

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
                self.one(HF + "name", self.node(node)),
                self.one(HF + "default", self.node(node)),
                self.one(HF + "reason", self.node(node)),
            )
            for node in self.facts.get(HF + "parameter", [])
        ]
        return tuple(sorted(found, key=lambda parameter: parameter.name))

    def changes(self) -> tuple[Suggestion, ...]:
        found = []
        for name in self.facts.get(DASH + "suggestionGenerator", []):
            node = self.node(name)
            if DASH + "SPARQLUpdateSuggestionGenerator" not in node.get("a", []):
                raise RuleError(
                    "a suggestion generator is not a dash:SPARQLUpdateSuggestionGenerator.",
                    where=self.place("dash:suggestionGenerator"),
                    mend="Give it that type and an sh:update.",
                )
            update = self.one(SH + "update", node)
            found.append(
                Suggestion(
                    message=self.one(SH + "message", node),
                    update=update,
                    order=self.order({SH + "order": node.get(SH + "order", ["0"])}),
                    line=_line_of(self.text, update),
                )
            )
        return tuple(sorted(found, key=lambda change: (change.order, change.line)))


def _read_algebra(query: str, prefixes: Mapping[str, str], file: Path, first: int) -> CompValue:
    # rdflib itself knows many prefixes, which other engines do not
    bare = re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|<[^<>\s]*>|(?<!\S)#.*", "", query)
    declared = {*prefixes, *re.findall(r"(?i)\bPREFIX\s+([\w-]*):", bare)}
    for prefix in re.findall(r"(?<![\w?$:-])([A-Za-z][\w-]*):", bare):
        if prefix not in declared:
            raise RuleError(
                f"the prefix {prefix}: is not declared.",
                where=f"{file}: line {first + _line_of(query, f'{prefix}:') - 1}",
                mend="Write the IRI in full,"
                " or declare the prefix with sh:declare in the ontology.",
            )
    try:
        return read_query(query, prefixes)
    except QuerySyntaxError as error:
        raise RuleError(
            f"line {error.line} of the query is not SPARQL 1.1: {error.reason}.",
            where=f"{file}: line {first + error.line - 1}",
            mend="Mend the query; no rule was run.",
        ) from None
    except Exception as error:  # rdflib's parser has more ways to fail than it declares
        raise RuleError(
            f"the query is not SPARQL 1.1: {error}.",
            where=f"{file}: line {first}",
            mend="Mend the query; no rule was run.",
        ) from None


def _check_form(kind: str, algebra: CompValue, where: str) -> None:
    """Refuse a query that is not of the form that its property holds, and findings made by hand."""
    form = algebra.name.removesuffix("Query").upper()
    held, proper = ("sh:select", "SELECT") if kind == "judgement" else ("sh:construct", "CONSTRUCT")
    if form != proper:
        raise RuleError(
            f"{held} holds a query that begins with {form}.",
            where=where,
            mend=f"Begin it with {proper}: a rule that judges has sh:sparql with sh:select,"
            " one that adds facts sh:rule with sh:construct.",
        )
    finding = URIRef(HF + "Finding")
    if kind != "judgement" and any(o == finding for _, _, o in algebra.template or ()):
        raise RuleError(
            "the rule makes a finding of its own, which has no part in any standing.",
            where=where,
            mend="Write a rule that judges: each of its results is a finding.",
        )


def _check_terms(statements: Statements, text: str, file: Path, ontology: Ontology) -> None:
    for subject, facts in statements.items():
        for predicate, values in facts.items():
            for iri in (subject, predicate, *values):
                if iri.startswith(HF) and iri not in ontology.terms:
                    _unknown(iri, text, 1, file, ontology)


def _check_values(file: Path, ontology: Ontology) -> None:
    """Refuse a text where a thing is needed, the reverse, and a value that its datatype has not."""
    for quad in quads_in(file):
        predicate, value = quad.predicate.value, quad.object
        name, taken = _readable(predicate), ontology.takes.get(predicate, "")
        if isinstance(value, ox.Literal):
            datatype = value.datatype.value
            wanted = XSD + "date" if predicate in _DATED else datatype
            if taken == "thing":
                known = [iri for iri, kind in ontology.kinds.items() if kind == "concept"]
                what = f"{name} is given as the text “{value.value}”, and leads to a thing"
                mend = nearest(value.value, [iri.removeprefix(HF) for iri in known])
                mend = mend.replace("mean ", "mean hf:") or "Name it by its IRI."
            elif datatype != wanted or not is_value(value.value, wanted):
                kind = wanted.removeprefix(XSD)
                what = f"{name} “{value.value}” is no xsd:{kind}"
                mend = _FORMS.get(kind, f"Write a value that xsd:{kind} has.")
            else:
                continue
        elif taken == "value":
            what, mend = f"{name} is given as a thing, and holds a value", "Write the value itself."
        else:
            continue
        place = line_of(file, rf"(?<!\w){re.escape(name)}\s+[^\w]*{re.escape(_told(value))}")
        place = place or line_of(file, re.escape(name)) or 1
        raise RuleError(f"{what}.", where=f"{file}: line {place}", mend=mend)


def _told(value: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
    return value.value if isinstance(value, ox.Literal) else ""


_DATED = (DCTERMS + "created", DCTERMS + "modified")
_FORMS = {"date": 'Write it as "2026-11-23"^^xsd:date.', "boolean": "Write true or false."}


def _check_query_terms(
    algebra: CompValue, query: str, first: int, file: Path, ontology: Ontology
) -> None:
    for iri in iris_in(algebra):
        if iri.startswith(HF) and iri not in ontology.terms:
            _unknown(iri, query, first, file, ontology)


def _check_uses(algebra: CompValue, query: str, first: int, file: Path, ontology: Ontology) -> None:
    """Refuse a class in the place of a property, and the reverse: both would find nothing."""
    for iri, needed in _uses_in(algebra):
        kind = ontology.kinds.get(iri, needed)
        if kind == needed:
            continue
        name = iri.removeprefix(HF)
        known = [term.removeprefix(HF) for term, is_a in ontology.kinds.items() if is_a == needed]
        place = re.search(rf"hf:{re.escape(name)}(?![\w-])", query)
        line = first + query.count("\n", 0, place.start()) if place else first
        raise RuleError(
            f"hf:{name} is a {kind}, and stands here as a {needed}.",
            where=f"{file}: line {line}",
            mend=nearest(name, known).replace("mean ", "mean hf:")
            or f"Put a {needed} in its place.",
        )


def _uses_in(node: Any) -> Iterator[tuple[str, str]]:
    """Each IRI that a query uses as a property or as a class, with which of them it is used as."""
    if isinstance(node, CompValue):
        for key, value in members(node):
            if key in ("triples", "template"):
                for _, predicate, thing in _triples(value):
                    if str(predicate) != RDF_TYPE:
                        yield from (
                            (iri, "property") for iri in iris_in(predicate) if iri != RDF_TYPE
                        )
                    elif isinstance(thing, URIRef):
                        yield str(thing), "class"
            else:
                yield from _uses_in(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _uses_in(value)


def _triples(listed: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Triples in rows, or one after the other as the parser leaves them inside EXISTS."""
    for row in listed or ():
        if isinstance(row, (list, tuple)) or type(row).__name__ == "ParseResults":
            parts = list(row)
            yield from zip(parts[0::3], parts[1::3], parts[2::3], strict=False)


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
        if not re.search(
            rf"BIND\s*\(\s*\"?{value}\"?\S*\s+AS\s+[?$]{re.escape(parameter.name)}\s*\)", query
        ):
            raise RuleError(
                f"the parameter {parameter.name} (default {parameter.default})"
                " is not bound in the query.",
                where=f"{file}: line {first}",
                mend=f"Write BIND({parameter.default} AS ?{parameter.name})"
                " where the query uses it.",
            )


def _check_rule(rule: Rule, reading: _Reading, ontology: Ontology) -> None:
    targets = "class" if rule.target.kind == "targetClass" else "property"
    kind = ontology.kinds.get(rule.target.iri, targets)
    if kind != targets:
        raise RuleError(
            f"{short(rule.target.iri)} is a {kind}, and sh:{rule.target.kind} needs a {targets}.",
            where=reading.place(f"sh:{rule.target.kind}"),
            mend=nearest(
                rule.target.iri.removeprefix(HF),
                [term.removeprefix(HF) for term, is_a in ontology.kinds.items() if is_a == targets],
            ).replace("mean ", "mean hf:")
            or f"Name a {targets}.",
        )
    _check_one_of("hf:status", [rule.status], STATUSES, reading)
    if rule.changes and rule.kind != "judgement":
        raise RuleError(
            "a rule that judges nothing suggests a change.",
            where=reading.place("dash:suggestionGenerator"),
            mend="Move the suggestion to the rule whose finding it answers.",
        )
    for change in rule.changes:
        _check_change(change, rule, ontology)
    if rule.kind != "judgement":
        return
    reading.some(HF + "basis")
    _check_one_of("hf:basis", rule.bases, BASES, reading)
    _check_one_of("hf:effect", [rule.effect], EFFECTS, reading)
    _check_one_of("hf:certainty", [rule.certainty], CERTAINTIES, reading)
    _check_one_of("sh:severity", [rule.severity], SEVERITIES, reading)
    _check_message(rule, reading)
    constitutive = {ontology.notation(basis) for basis in ontology.constitutive}
    if (rule.effect == "undermines" or rule.changes) and not rule.levers:
        does = "undermines" if rule.effect == "undermines" else "suggests a change"
        raise RuleError(
            f"a rule that {does} must name the lever of its remedy.",
            where=reading.place("hf:remedy"),
            mend="Add hf:lever, one of purpose, capacity, fit, conduct.",
        )
    for lever in rule.levers:
        if lever not in constitutive:
            raise RuleError(
                f"hf:lever {lever} is not a constitutive basis.",
                where=reading.place("hf:lever"),
                mend="Name purpose, capacity, fit or conduct:"
                " nothing else can be acted on directly.",
            )


def _check_change(change: Suggestion, rule: Rule, ontology: Ontology) -> None:
    """Refuse a change that partners cannot make, or that would not do what it says."""
    algebra = _read_update(change, rule)
    _check_query_terms(algebra, change.update, change.line, rule.file, ontology)
    _check_uses(algebra, change.update, change.line, rule.file, ontology)
    where = f"{rule.file}: line {change.line}"
    written = list(_written_by(algebra))
    consequential = {iri for iri in ontology.notations if _is_consequential(iri, ontology)}
    for subject, predicate, thing in written:
        for term in (subject, predicate, thing):
            iri = str(term)
            place = re.search(rf"hf:{re.escape(iri.removeprefix(HF))}(?![\w-])", change.update)
            line = change.line + (change.update.count("\n", 0, place.start()) if place else 0)
            if iri in consequential:
                raise RuleError(
                    f"the change writes of {short(iri)}, a consequential basis.",
                    where=f"{rule.file}: line {line}",
                    mend="Change what it rests on: purpose, capacity, fit or conduct.",
                )
            if iri in CONCLUDED and (term is predicate or str(predicate) == RDF_TYPE):
                raise RuleError(
                    f"the change writes {short(iri)}, which only rules conclude.",
                    where=f"{rule.file}: line {line}",
                    mend="Write the facts from which a rule concludes it.",
                )
        if isinstance(predicate, Variable) or not isinstance(predicate, URIRef):
            raise RuleError(
                "the change writes a predicate that is a variable.",
                where=where,
                mend="Name the predicate.",
            )
    given = {"this", "value", "focusNode", *_bound_in(rule.algebra), *_bound_in(algebra.where)}
    for row in written:
        for term in row:
            if isinstance(term, Variable) and str(term) not in given:
                raise RuleError(
                    f"the change writes ?{term}, which nothing binds.",
                    where=where,
                    mend=f"Bind ?{term} in its WHERE.",
                )
    for name in re.findall(r"\{[?$](\w+)\}", change.message):
        if name not in given:
            raise RuleError(
                f"the message of the change names {{?{name}}}, which nothing binds.",
                where=where,
                mend=f"Bind ?{name} in the WHERE of its update.",
            )


def _is_consequential(iri: str, ontology: Ontology) -> bool:
    return ontology.notations[iri] in BASES and iri not in ontology.constitutive


def _written_by(algebra: CompValue) -> Iterator[tuple[Any, Any, Any]]:
    for part in (algebra.delete, algebra.insert):
        if part:
            yield from _triples(part.triples)


def _read_update(change: Suggestion, rule: Rule) -> CompValue:
    try:
        return read_update(change.update, rule.prefixes)
    except QuerySyntaxError as error:
        raise RuleError(
            f"line {error.line} of the update cannot be used: {error.reason}.",
            where=f"{rule.file}: line {change.line + error.line - 1}",
            mend="Write one DELETE { … } INSERT { … } WHERE { … }, of which DELETE or INSERT"
            " may be left out.",
        ) from None


CONCLUDED = frozenset(
    HF + name
    for name in (
        "Finding", "Judgement", "Standing", "Past", "Merged", "NotAssessed", "SharedPurpose",
        "SeniorRepresentative", "has", "lacks", "hasPartner", "workingPartner", "essentialPartner",
        "anchorPartner", "workingArea", "territory", "currentBody", "currentPhase",
        "partOrWholeOf", "sharesTopicWith", "lessAttendedThan", "stage", "outlook", "asOf",
        "listsAll", "basis", "effect", "aboutBasis", "venture", "rule",
    )
)  # fmt: skip
"""What no partner can state into being: conclusions of rules, and what a register vouches for."""


def _check_one_of(
    name: str, values: Iterable[str], known: Iterable[str], reading: _Reading
) -> None:
    for value in values:
        if value not in known:
            raise RuleError(
                f"{name} {value} is not known.",
                where=reading.place(name),
                mend=f"It is one of {', '.join(known)}.",
            )


def _check_message(rule: Rule, reading: _Reading) -> None:
    """Refuse a message that would say 'something' where a reader expects a name."""
    given = {"this", *_bound_in(rule.algebra)}
    for name in re.findall(r"\{([^{}]*)\}", rule.message):
        if not re.fullmatch(r"[$?]\w+", name):
            what, mend = f"the message names {{{name}}}", "Write {?name}, with the question mark."
        elif name[1:] not in given:
            what = f"the message names {{{name}}}, which the query does not give"
            listed = ", ".join(f"?{word}" for word in sorted(given))
            mend = f"Bind ?{name[1:]} in its WHERE and add it to its SELECT. It gives {listed}."
        else:
            continue
        raise RuleError(f"{what}.", where=reading.place("sh:message"), mend=mend)


def _bound_in(node: Any) -> set[str]:
    """The variables that a solution of a pattern may bind; FILTER and MINUS bind none."""
    if not isinstance(node, CompValue):
        return set()
    if node.name == "BGP":
        return {str(term) for row in node.triples for term in row if isinstance(term, Variable)}
    if node.name == "values":
        return {str(name) for row in node.res for name in row}
    if node.name == "ServiceGraphPattern":  # refused later, by its own name
        return {str(term) for term in _variables(node.graph)}
    bound = _bound_in(node.get("p")) | _bound_in(node.get("p1"))
    if node.name != "Minus":
        bound |= _bound_in(node.get("p2"))
    if node.name == "Extend":
        bound.add(str(node.var))
    elif node.name == "AggregateJoin":
        bound = {str(aggregate.res) for aggregate in node.A}
    elif node.name in ("Project", "SelectQuery"):
        bound &= {str(name) for name in node.PV}
    return bound


def _variables(node: Any) -> Iterator[Variable]:
    if isinstance(node, Variable):
        yield node
    elif isinstance(node, CompValue):
        yield from _variables([value for _, value in members(node)])
    elif isinstance(node, (list, tuple)) or type(node).__name__ == "ParseResults":
        for part in node:
            yield from _variables(part)


_ONCE = frozenset(
    (
        SH + "select", SH + "construct", SH + "severity", HF + "effect", HF + "certainty",
        HF + "status", DCTERMS + "identifier",
    )
)  # fmt: skip


def _line_of(text: str, part: str) -> int:
    place = text.find(part)
    if place < 0:
        first = next((line for line in part.splitlines() if line.strip()), "")
        place = max(text.find(first), 0)
    return text.count("\n", 0, place) + 1


def _readable(predicate: str) -> str:
    for prefix, namespace in (
        ("dcterms:", DCTERMS),
        ("hf:", HF),
        ("rdfs:", RDFS),
        ("sh:", SH),
        ("skos:", SKOS),
    ):
        if predicate.startswith(namespace):
            return prefix + predicate.removeprefix(namespace)
    return predicate
