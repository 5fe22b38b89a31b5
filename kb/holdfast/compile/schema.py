"""The triples that state axioms, read once, and what follows about classes and properties alone.

Source: OWL 2 Web Ontology Language Profiles (W3C 2012) §4.3, table 9.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from holdfast.columns import Columns
from holdfast.columns.names import quoted
from holdfast.columns.store import AS_OF, STATED
from holdfast.vocabulary import OWL, RDF, RDF_TYPE, RDFS, short

SAME = OWL + "sameAs"
DIFFERENT = OWL + "differentFrom"
SUBCLASS_OF = RDFS + "subClassOf"

_LISTS = tuple(
    OWL + name
    for name in (
        "intersectionOf", "unionOf", "oneOf", "propertyChainAxiom", "hasKey", "members",
        "distinctMembers",
    )
)  # fmt: skip
_READ = (
    SUBCLASS_OF, RDFS + "subPropertyOf", RDFS + "domain", RDFS + "range",
    *(OWL + name for name in (
        "equivalentClass", "equivalentProperty", "inverseOf", "complementOf", "someValuesFrom",
        "allValuesFrom", "hasValue", "onProperty", "onClass", "maxCardinality",
        "maxQualifiedCardinality", "disjointWith", "propertyDisjointWith", "sourceIndividual",
        "assertionProperty", "targetIndividual", "targetValue",
    )),
    *_LISTS,
)  # fmt: skip
_KINDS = (
    "FunctionalProperty", "InverseFunctionalProperty", "IrreflexiveProperty", "SymmetricProperty",
    "AsymmetricProperty", "TransitiveProperty", "AllDisjointClasses", "AllDisjointProperties",
    "AllDifferent",
)  # fmt: skip


def schema_keys() -> frozenset[str]:
    """The keys whose writing may make an axiom (see `dependencies`)."""
    kinds = (f"a {OWL}{kind}" for kind in _KINDS)
    return frozenset((*_READ, *kinds, SAME, RDF + "first", RDF + "rest"))


@dataclass(frozen=True)
class Given:
    """A triple that states an axiom or a part of one.

    `settled` where it is stated; else a rule inferred it, and an axiom holds only as long as it
    does. `background` where the ontology states it rather than a register.
    """

    predicate: str
    s: int
    o: int
    t: int = field(compare=False)
    c: int = field(compare=False)
    settled: bool = field(compare=False)
    background: bool = field(compare=False)


@dataclass(frozen=True)
class Atom:
    """A triple that an axiom reads: its predicate, and the class where it is a type."""

    predicate: str
    key: str


class Schema:
    """The triples that state axioms, by predicate."""

    def __init__(self, columns: Columns, derived: frozenset[int]) -> None:
        self.columns = columns
        self.rows: dict[str, list[Given]] = {}
        self.kinds: dict[str, list[Given]] = {}
        self.lists: dict[int, tuple[tuple[int, ...], tuple[Given, ...]]] = {}
        self._derived = derived
        self._read()
        ids = {
            term
            for rows in (*self.rows.values(), *self.kinds.values())
            for given in rows
            for term in (given.s, given.o)
        } | {member for members, _ in self.lists.values() for member in members}
        self.names: dict[int, tuple[str | None, str, str | None, float | None]] = {
            identifier: (lex if n3[0] == "<" else None, n3, dt, num)
            for identifier, lex, n3, dt, num in columns.rows(
                "SELECT id, lex, n3, dt, num FROM terms"
                " WHERE id IN (SELECT unnest($ids::BIGINT[]))",
                {"ids": sorted(ids)},
            )
        }
        self.predicates = {number: iri for iri, number in columns.predicates.items()}
        self.thing = columns.id_of(f"<{OWL}Thing>")
        self.nothing = columns.id_of(f"<{OWL}Nothing>")
        self.everything = {self.thing, columns.id_of(f"<{RDFS}Resource>")}
        self.narrower, self._above = self._closed()

    def _read(self) -> None:
        columns = self.columns
        terms = (*_READ, *(OWL + name for name in (*_KINDS, "Thing", "Nothing")))
        more = (RDF + "nil", RDF + "first", RDF + "rest", RDF_TYPE, RDFS + "Resource", SAME)
        columns.learn(f"<{term}>" for term in (*terms, *more))
        kinds = {columns.id_of(f"<{OWL}{kind}>"): kind for kind in _KINDS}
        numbers = ", ".join(map(str, kinds))
        typed = columns.table(RDF_TYPE)
        known = [predicate for predicate in _READ if predicate in columns.predicates]
        parts = [
            f"SELECT '{predicate}' AS p, t, s, o, c, r FROM {quoted(predicate)}"
            for predicate in known
        ]
        parts.append(
            f"SELECT '{RDF_TYPE}', t, s, o, c, r FROM {typed} WHERE o IN ({numbers}) AND r >= -3"
        )
        if SAME in columns.predicates:
            named = ", ".join(map(str, columns.predicates.values()))
            parts.append(
                f"SELECT '{SAME}', t, s, o, c, r FROM {quoted(SAME)}"
                f" WHERE s IN ({named}) OR s IN (SELECT o FROM {typed})"
            )
        rows = columns.rows(" UNION ALL ".join(parts))
        heads = [row[3] for row in rows if row[0] in _LISTS]
        first, rest = columns.table(RDF + "first"), columns.table(RDF + "rest")
        links = (
            columns.rows(
                f"""
                WITH RECURSIVE cells(n) AS (SELECT unnest($heads::BIGINT[])
                  UNION SELECT o FROM cells JOIN {rest} ON s = n)
                SELECT '{RDF}first', t, s, o, c, r FROM {first} JOIN cells ON s = n
                UNION ALL SELECT '{RDF}rest', t, s, o, c, r FROM {rest} JOIN cells ON s = n
                """,
                {"heads": heads},
            )
            if heads
            else []
        )
        told = set(
            columns.rows(
                "SELECT s, terms.lex, o FROM quads JOIN terms ON terms.id = p WHERE background"
                " AND p IN (SELECT unnest($p::BIGINT[]))",
                {"p": [columns.predicates[p] for p in (*known, RDF_TYPE)]},
            )
        )
        self.individuals: dict[str, frozenset[str]] = {}
        for thing, cls in columns.rows(
            "SELECT a.lex, b.lex FROM quads JOIN terms a ON a.id = s JOIN terms b ON b.id = o"
            " WHERE background AND p = $type AND a.cls = 0 AND b.cls = 0",
            {"type": columns.predicates[RDF_TYPE]},
        ):
            self.individuals[thing] = self.individuals.get(thing, frozenset()) | {cls}
        cells: dict[int, dict[str, Given]] = {}
        doubled: set[int] = set()  # no parts of a list: each says one thing and one thing only
        for predicate, t, s, o, c, r in [*rows, *links]:
            if r in self._derived:
                continue
            given = Given(
                predicate, s, o, t, c, r in (STATED, AS_OF), (s, predicate, o) in told
            )  # fmt: skip
            if predicate == RDF_TYPE:
                self.kinds.setdefault(kinds[o], []).append(given)
            elif predicate.startswith(RDF):
                said = cells.setdefault(s, {}).setdefault(predicate.removeprefix(RDF), given)
                if said.o != o:
                    doubled.add(s)
            else:
                self.rows.setdefault(predicate, []).append(given)
        nil = columns.id_of(f"<{RDF}nil>")
        for head in heads:
            members: list[int] = []
            parts_of: list[Given] = []
            here = head
            while here != nil and here in cells and len(members) <= len(cells):
                cell = cells[here]
                if set(cell) != {"first", "rest"} or here in doubled:
                    break
                members.append(cell["first"].o)
                parts_of += [cell["first"], cell["rest"]]
                here = cell["rest"].o
            if here == nil:
                self.lists[head] = tuple(members), tuple(parts_of)
        by_class = columns.rows(
            f"SELECT id, lex, n3 FROM (SELECT DISTINCT o FROM {typed}) JOIN terms ON id = o"
        )
        self.populated = {
            f"a {lex if n3[0] == '<' else n3}": number for number, lex, n3 in by_class
        }

    def given(self, name: str) -> list[Given]:
        """The triples of a predicate of OWL or RDF Schema."""
        return self.rows.get(name if ":" in name else OWL + name, [])

    def of(self, name: str, subject: int) -> list[Given]:
        """Those of one subject."""
        if name not in self._by_subject:
            index: dict[int, list[Given]] = {}
            for given in self.given(name):
                index.setdefault(given.s, []).append(given)
            self._by_subject[name] = index
        return self._by_subject[name].get(subject, [])

    @cached_property
    def _by_subject(self) -> dict[str, dict[int, list[Given]]]:
        return {}

    def listed(self, name: str) -> Iterator[tuple[int, tuple[int, ...], tuple[Given, ...]]]:
        """Each list of a predicate: whose it is, its members, and the triples that state it."""
        for given in self.given(name):
            if given.o in self.lists:
                members, parts = self.lists[given.o]
                yield given.s, members, (given, *parts)

    def restrictions(self, name: str) -> Iterator[tuple[int, str, int, tuple[Given, ...]]]:
        """Each restriction of a kind: itself, its property and value, what states it."""
        for value in self.given(name):
            for on in self.of("onProperty", value.s):
                if p := self.iri(on.o):
                    yield value.s, p, value.o, (value, on)

    def superclasses(self) -> tuple[tuple[str, str], ...]:
        """Each class with each class above it."""
        return tuple(
            sorted(
                (self.class_key(low).removeprefix("a "), self.class_key(high).removeprefix("a "))
                for low, highs in self._above.items()
                for high in highs
            )
        )

    def is_below(self, cls: int) -> bool:
        """Whether any class is above this one."""
        return cls in self._above

    def iri(self, term: int) -> str | None:
        """The IRI of a property; None for what can be no predicate."""
        if term in self.predicates:
            return self.predicates[term]
        return self.names[term][0] if term in self.names else None

    def number(self, term: int) -> float | None:
        """The number of a literal."""
        return self.names[term][3] if term in self.names else None

    def class_key(self, term: int) -> str:
        """The key for the members of a class."""
        iri, n3, *_ = self.names.get(term, (None, "", None, None))
        if term == self.thing:
            return f"a {OWL}Thing"
        return f"a {iri or n3}"

    def typed(self, cls: int) -> Atom:
        """The atom for the members of a class."""
        return Atom(RDF_TYPE, self.class_key(cls))

    def written(self, cls: int) -> frozenset[str]:
        """The keys for a class and all classes above it."""
        return frozenset(map(self.class_key, (cls, *self._above.get(cls, ()))))

    def said(self, given: Sequence[Given]) -> str:
        """The first of the triples that state an axiom, as in Turtle."""
        if not given:
            return ""

        def name(term: int) -> str:
            iri, n3, *_ = self.names.get(term, (None, "[]", None, None))
            return short(iri) if iri else "[…]" if n3[0] == "_" else n3

        first = given[0]
        verb = "a" if first.predicate == RDF_TYPE else _abridged(first.predicate)
        return f"{name(first.s)} {verb} {name(first.o)}"

    def _closed(self) -> tuple[dict[tuple[str, int, int], Derived], dict[int, set[int]]]:
        closure = _Closure(self)
        above: dict[int, set[int]] = {}
        for predicate, low, high in closure.known:
            if predicate == SUBCLASS_OF and low != high:
                above.setdefault(low, set()).add(high)
        return closure.derived, above


def _abridged(iri: str) -> str:
    for prefix, namespace in (("owl:", OWL), ("rdfs:", RDFS), ("rdf:", RDF)):
        if iri.startswith(namespace):
            return prefix + iri.removeprefix(namespace)
    return short(iri)


Fact = tuple[str, int, int]


@dataclass(frozen=True)
class Derived:
    """A triple about classes and properties that follows: by which rule, from what was given."""

    rule: str
    given: tuple[Given, ...]


class _Closure:
    """Table 9: what follows about classes and properties themselves.

    A class is below itself here, as far as other rules ask for it, but that is never concluded.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.known: dict[Fact, tuple[Given, ...]] = {}
        self.derived: dict[Fact, Derived] = {}
        self._from: dict[tuple[str, int], list[int]] = {}
        self._to: dict[tuple[str, int], list[int]] = {}
        self._fresh: deque[Fact] = deque()
        self._stated = (
            SUBCLASS_OF, RDFS + "subPropertyOf", RDFS + "domain", RDFS + "range",
            OWL + "equivalentClass", OWL + "equivalentProperty",
        )  # fmt: skip
        for predicate in self._stated:
            for given in schema.given(predicate):
                self._put((predicate, given.s, given.o), (given,), None)
        for name, rule in (("intersectionOf", "scm-int"), ("unionOf", "scm-uni")):
            for cls, members, stated in schema.listed(name):
                for member in members:
                    pair = (cls, member) if rule == "scm-int" else (member, cls)
                    self._put((SUBCLASS_OF, *pair), stated, rule)
        self._restrictions: dict[str, list[tuple[int, int, int, tuple[Given, ...]]]] = {
            name: [
                (x.s, p.o, x.o, (x, p))
                for x in schema.given(name)
                for p in schema.of("onProperty", x.s)
            ]
            for name in ("hasValue", "someValuesFrom", "allValuesFrom")
        }
        self._same_property()
        while self._fresh:
            self._follow(self._fresh.popleft())

    def _put(self, fact: Fact, given: Iterable[Given], rule: str | None) -> None:
        if fact in self.known or (rule and fact[1] == fact[2]):
            return
        why = tuple(dict.fromkeys(given))
        self.known[fact] = why
        if rule:
            self.derived[fact] = Derived(rule, why)
        predicate, s, o = fact
        self._from.setdefault((predicate, s), []).append(o)
        self._to.setdefault((predicate, o), []).append(s)
        self._fresh.append(fact)

    def _same_property(self) -> None:
        """Restrictions that differ in nothing, or on one property: below each other."""
        for name in self._restrictions:
            alike: dict[tuple[int, int], list[tuple[int, tuple[Given, ...]]]] = {}
            for x, p, y, given in self._restrictions[name]:
                alike.setdefault((p, y), []).append((x, given))
            rule = {"hasValue": "scm-hv", "someValuesFrom": "scm-svf1", "allValuesFrom": "scm-avf1"}
            for group in alike.values():
                for one, given in group:
                    for other, more in group:
                        if one != other:
                            self._put((SUBCLASS_OF, one, other), (*given, *more), rule[name])

    def _follow(self, fact: Fact) -> None:
        predicate, s, o = fact
        why = self.known[fact]
        name = predicate.rpartition("#")[2]
        if name in ("subClassOf", "subPropertyOf"):
            short_name = "scm-sco" if name == "subClassOf" else "scm-spo"
            equivalent = "equivalentClass" if name == "subClassOf" else "equivalentProperty"
            self._chain(predicate, s, o, why, short_name)
            if (predicate, o, s) in self.known:
                both = (*why, *self.known[predicate, o, s])
                rule = "scm-eqc2" if name == "subClassOf" else "scm-eqp2"
                self._put((OWL + equivalent, s, o), both, rule)
                self._put((OWL + equivalent, o, s), both, rule)
        if name == "subClassOf":
            for end, rule in (("domain", "scm-dom1"), ("range", "scm-rng1")):
                for p in list(self._to.get((RDFS + end, s), ())):
                    self._put((RDFS + end, p, o), (*self.known[RDFS + end, p, s], *why), rule)
            for kind, rule in (("someValuesFrom", "scm-svf1"), ("allValuesFrom", "scm-avf1")):
                for x, p, _, given in self._with(kind, "filler", s):
                    for z, q, _, more in self._with(kind, "filler", o):
                        if p == q:
                            self._put((SUBCLASS_OF, x, z), (*given, *more, *why), rule)
        elif name == "subPropertyOf":
            for end, rule in (("domain", "scm-dom2"), ("range", "scm-rng2")):
                for cls in list(self._from.get((RDFS + end, o), ())):
                    self._put((RDFS + end, s, cls), (*self.known[RDFS + end, o, cls], *why), rule)
            for kind, rule in (
                ("hasValue", "scm-hv"),
                ("someValuesFrom", "scm-svf2"),
                ("allValuesFrom", "scm-avf2"),
            ):
                for x, _, y, given in self._with(kind, "property", s):
                    for z, _, v, more in self._with(kind, "property", o):
                        if y == v:
                            pair = (z, x) if rule == "scm-avf2" else (x, z)
                            self._put((SUBCLASS_OF, *pair), (*given, *more, *why), rule)
        elif name in ("domain", "range"):
            one, two = ("scm-dom1", "scm-dom2") if name == "domain" else ("scm-rng1", "scm-rng2")
            for high in list(self._from.get((SUBCLASS_OF, o), ())):
                self._put((predicate, s, high), (*why, *self.known[SUBCLASS_OF, o, high]), one)
            below = RDFS + "subPropertyOf"
            for p in list(self._to.get((below, s), ())):
                self._put((predicate, p, o), (*why, *self.known[below, p, s]), two)
        else:
            cls = name == "equivalentClass"
            below = SUBCLASS_OF if cls else RDFS + "subPropertyOf"
            rule = "scm-eqc1" if cls else "scm-eqp1"
            self._put((below, s, o), why, rule)
            self._put((below, o, s), why, rule)

    def _chain(self, predicate: str, s: int, o: int, why: tuple[Given, ...], rule: str) -> None:
        for high in list(self._from.get((predicate, o), ())):
            self._put((predicate, s, high), (*why, *self.known[predicate, o, high]), rule)
        for low in list(self._to.get((predicate, s), ())):
            self._put((predicate, low, o), (*self.known[predicate, low, s], *why), rule)

    def _with(
        self, kind: str, end: str, term: int
    ) -> list[tuple[int, int, int, tuple[Given, ...]]]:
        key = kind, end
        if key not in self._ends:
            index: dict[int, list[tuple[int, int, int, tuple[Given, ...]]]] = {}
            for row in self._restrictions[kind]:
                index.setdefault(row[2] if end == "filler" else row[1], []).append(row)
            self._ends[key] = index
        return self._ends[key].get(term, [])

    @cached_property
    def _ends(
        self,
    ) -> dict[tuple[str, str], dict[int, list[tuple[int, int, int, tuple[Given, ...]]]]]:
        return {}
