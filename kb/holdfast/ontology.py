"""The ontology as the reasoner needs it: what is declared, and how findings come to a standing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox

from holdfast.errors import RuleError
from holdfast.shipped import shipped_folder
from holdfast.sources import quads_in
from holdfast.vocabulary import HF, OWL, RDFS, SH, SKOS, short

Statements = dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class Standing:
    """A standing and the effects that findings must have for it, e.g. contested: both signs."""

    notation: str
    requires: frozenset[str]


@dataclass(frozen=True)
class Ontology:
    """What `ontology/` declares.

    `terms` are all declared terms of our namespace, by IRI, with their labels. `standings` are in
    order of precedence: a basis has the first whose required effects all occur among its findings.
    `notations` maps a concept's IRI to its name in JSON; `broader` a narrower basis to the wider
    one for which its findings count too. `ranks` gives the place of concepts that have an order;
    `kinds` says of each term whether it is a class, a property or a concept, and `takes` of each
    property whether it leads to a thing or holds a value, where it is declared to.
    """

    files: tuple[Path, ...]
    terms: dict[str, str]
    prefixes: dict[str, str]
    standings: tuple[Standing, ...]
    notations: dict[str, str]
    broader: dict[str, str]
    ranks: dict[str, int]
    constitutive: frozenset[str]
    kinds: dict[str, str] = field(default_factory=dict)
    takes: dict[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """A hash of all that is declared."""
        whole = sha256()
        for file in self.files:
            whole.update(file.read_bytes())
        return whole.hexdigest()

    def notation(self, iri: str) -> str:
        """The JSON name of a concept."""
        return self.notations.get(iri, short(iri))

    def concept(self, notation: str) -> str:
        """The IRI of the concept with a JSON name; where none has it, what it would be called."""
        return self._concepts.get(notation, HF + notation)

    @cached_property
    def _concepts(self) -> dict[str, str]:
        """Concepts by notation, of several the one that is called so."""
        return {
            notation: iri
            for iri, notation in sorted(
                self.notations.items(), key=lambda item: item[0] == HF + item[1]
            )
        }


def read_ontology(folder: Path | None = None) -> Ontology:
    """The ontology in a folder, by default the shipped one: its Turtle files, alignments apart.

    Raises RuleError where a file cannot be read or no standing is declared.
    """
    folder = folder or shipped_folder("ontology")
    files = tuple(sorted(folder.glob("*.ttl")))
    if not files:
        raise RuleError(
            "there is no ontology here.", where=str(folder), mend="Give a folder with .ttl files."
        )
    statements = statements_in(files)
    terms = {
        subject: next(iter(facts.get(RDFS + "label", [])), "")
        for subject, facts in statements.items()
        if subject.startswith(HF) and len(facts) > 0
    }
    prefixes: dict[str, str] = {}
    for facts in statements.values():
        for prefix, namespace in zip(
            facts.get(SH + "prefix", []), facts.get(SH + "namespace", []), strict=False
        ):
            prefixes[prefix] = namespace
    declared = [
        (
            float(facts[HF + "order"][0]),
            _notation(iri, facts),
            frozenset(facts.get(HF + "requires", [])),
        )
        for iri, facts in statements.items()
        if HF + "order" in facts and f"{HF}Standing" in facts.get("a", [])
    ]
    if not declared:
        raise RuleError(
            "no standing is declared.",
            where=str(folder),
            mend="Declare hf:Standing concepts with hf:order and hf:requires.",
        )
    return Ontology(
        files=files,
        terms=terms,
        prefixes=prefixes,
        standings=tuple(
            Standing(name, requires) for _, name, requires in sorted(declared, key=lambda d: d[0])
        ),
        notations={
            iri: facts[SKOS + "notation"][0]
            for iri, facts in statements.items()
            if SKOS + "notation" in facts
        },
        broader={
            iri: facts[SKOS + "broader"][0]
            for iri, facts in statements.items()
            if SKOS + "broader" in facts and iri.startswith(HF)
        },
        ranks={
            iri: int(float(facts[HF + "rank"][0]))
            for iri, facts in statements.items()
            if HF + "rank" in facts
        },
        constitutive=frozenset(
            iri
            for iri, facts in statements.items()
            if f"{HF}ConstitutiveBasis" in facts.get("a", [])
        ),
        kinds={iri: kind for iri in terms if (kind := _kind(statements[iri].get("a", [])))},
        takes={
            iri: taken
            for iri in terms
            for sort, taken in (("Object", "thing"), ("Datatype", "value"))
            if f"{OWL}{sort}Property" in statements[iri].get("a", [])
        },
    )


def statements_in(files: Iterable[Path]) -> Statements:
    """Subject → predicate → objects, as plain strings; `a` stands for rdf:type."""
    statements: Statements = {}
    for file in files:
        for quad in quads_in(file):
            predicate = quad.predicate.value
            name = "a" if predicate.endswith("22-rdf-syntax-ns#type") else predicate
            values = statements.setdefault(_name(quad.subject), {}).setdefault(name, [])
            values.append(_name(quad.object))
    return statements


def _name(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
    if isinstance(term, ox.BlankNode):
        return f"_:{term.value}"
    return str(getattr(term, "value", term))


def _kind(types: Iterable[str]) -> str:
    names = {name.replace("#", "/").rsplit("/", 1)[-1] for name in types}
    if "Class" in names:
        return "class"
    if any(name.endswith("Property") for name in names):
        return "property"
    return "concept" if names & {"Concept", "ConceptScheme"} else ""


def _notation(iri: str, facts: dict[str, list[str]]) -> str:
    return facts.get(SKOS + "notation", [iri.removeprefix(HF)])[0]
