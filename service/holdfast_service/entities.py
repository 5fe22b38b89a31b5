"""What the registers say of one thing: the triples about it, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import pyoxigraph as ox

from holdfast.vocabulary import DCTERMS, RDF_TYPE, RDFS, SKOS, UNNAMED, readable

MOST_ABOUT = 5_000
"""How many triples about one thing are given, at the most."""
MOST_POINTING = 500
"""How many triples that point to one thing are given, at the most."""

LABELS = tuple(
    ox.NamedNode(iri)
    for iri in (
        RDFS + "label",
        SKOS + "prefLabel",
        DCTERMS + "title",
        "http://xmlns.com/foaf/0.1/name",
    )
)
"""What names a thing, the best first."""

Subject = ox.NamedNode | ox.BlankNode
Node = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple


@dataclass(frozen=True)
class Entity:
    """One thing: what is said of it (blank nodes followed), and what points to it.

    `graphs` are those in which it is a subject. `more` tells that there is more of either.
    """

    iri: str
    about: tuple[ox.Triple, ...]
    pointing: tuple[ox.Triple, ...]
    graphs: tuple[str, ...]
    more: bool

    def triples(self) -> Iterator[ox.Triple]:
        """All of it."""
        yield from self.about
        yield from self.pointing


@dataclass(frozen=True)
class Value:
    """A value in words: its text, and where it is an IRI, that too."""

    text: str
    iri: str = ""
    note: str = ""


@dataclass(frozen=True)
class Statement:
    """One property of a thing with all its values in words."""

    name: str
    property: str
    values: tuple[Value, ...]


def entity(store: ox.Store, iri: str) -> Entity | None:
    """What the store says of a thing; None where it says nothing."""
    node = ox.NamedNode(iri)
    about: dict[ox.Triple, None] = {}
    graphs: set[str] = set()
    waiting: list[Subject] = [node]
    seen: set[Subject] = {node}
    while waiting and len(about) <= MOST_ABOUT:
        subject = waiting.pop()
        for quad in store.quads_for_pattern(subject, None, None, None):
            about[quad.triple] = None
            if subject == node:
                graphs.add(getattr(quad.graph_name, "value", ""))
            if isinstance(quad.object, ox.BlankNode) and quad.object not in seen:
                seen.add(quad.object)
                waiting.append(quad.object)
            if len(about) > MOST_ABOUT:
                break
    found = list(
        islice(
            dict.fromkeys(q.triple for q in store.quads_for_pattern(None, None, node, None)),
            MOST_POINTING + 1,
        )
    )
    if not about and not found:
        return None
    return Entity(
        iri=iri,
        about=tuple(list(about)[:MOST_ABOUT]),
        pointing=tuple(found[:MOST_POINTING]),
        graphs=tuple(sorted(graphs - {""})),
        more=len(about) > MOST_ABOUT or len(found) > MOST_POINTING,
    )


def label_of(store: ox.Store, term: Node) -> str:
    """What people call a thing: its label (English before others), or the end of its IRI."""
    if isinstance(term, ox.Literal):
        return term.value
    if isinstance(term, ox.Triple):
        return " ".join(
            label_of(store, part) for part in (term.subject, term.predicate, term.object)
        )
    for predicate in LABELS:
        names = [
            quad.object
            for quad in islice(store.quads_for_pattern(term, predicate, None, None), 50)
            if isinstance(quad.object, ox.Literal)
        ]
        if names:
            return min(names, key=_english_first).value
    return UNNAMED if isinstance(term, ox.BlankNode) else readable(term.value)


def _english_first(name: ox.Literal) -> tuple[int, str]:
    language = (name.language or "").lower()
    return (0 if language.startswith("en") else 1 if not language else 2, name.value)


def statements(
    store: ox.Store,
    triples: Iterable[ox.Triple],
    *,
    of: Subject,
    shelf: ox.Store,
    backwards: bool = False,
) -> list[Statement]:
    """What triples say of a thing in words, its types first, then properties by name.

    `store` names things, `shelf` terms. With `backwards` the triples point to it, and their
    subjects are the values.
    """
    found: dict[ox.NamedNode, dict[Node, None]] = {}
    for triple in triples:
        near, far = (
            (triple.object, triple.subject) if backwards else (triple.subject, triple.object)
        )
        if near == of:
            found.setdefault(triple.predicate, {})[far] = None
    listed = [
        Statement(
            name=_property_name(store, shelf, predicate),
            property=predicate.value,
            values=tuple(sorted((_value(store, v) for v in values), key=lambda v: v.text)),
        )
        for predicate, values in found.items()
    ]
    return sorted(listed, key=lambda s: (s.property != RDF_TYPE, s.name, s.property))


def _property_name(store: ox.Store, shelf: ox.Store, predicate: ox.NamedNode) -> str:
    if predicate.value == RDF_TYPE:
        return "type"
    told = any(shelf.quads_for_pattern(predicate, LABELS[0], None, None))
    return label_of(shelf if told else store, predicate)


def _value(store: ox.Store, term: Node) -> Value:
    if isinstance(term, ox.Literal):
        plain = ("http://www.w3.org/2001/XMLSchema#string", None)
        kind = "" if term.datatype.value in plain or term.language else term.datatype.value
        return Value(
            term.value, note=term.language or readable(kind) if kind or term.language else ""
        )
    return Value(label_of(store, term), iri=term.value if isinstance(term, ox.NamedNode) else "")
