"""What a rule reads and writes, so that rules can be put in order.

A key is what one rule may give another: a predicate's IRI; `a <class>` for members of a class
(`a *` where the class is a variable); `finding <basis> <effect>` for findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from rdflib import URIRef, Variable
from rdflib.paths import NegatedPath, Path
from rdflib.plugins.sparql.algebra import translateGroupGraphPattern
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.compile.plan import Refusal
from holdfast.queries import iris_in, members
from holdfast.vocabulary import HF, RDF_TYPE

ANY_TYPE = "a *"
ANYTHING = "*"
_TYPE = URIRef(RDF_TYPE)
_FINDING = URIRef(HF + "Finding")
_FINDING_PREDICATES = frozenset(
    URIRef(HF + name) for name in ("venture", "rule", "basis", "effect", "certainty")
)

_FINDINGS_ONLY = frozenset(URIRef(HF + name) for name in ("venture", "rule", "basis", "effect"))
"""What is said of findings alone, so that whoever asks for it asks for findings."""


@dataclass(frozen=True)
class Reads:
    """The keys that a query reads; `below` are those that must be complete before it runs."""

    keys: frozenset[str]
    below: frozenset[str]


def reads_of(
    algebra: CompValue,
    notations: Mapping[str, str],
    bases: Iterable[str],
    effects: Iterable[str],
) -> Reads:
    """What a query reads.

    `notations` names concepts; `bases` and `effects` are all that a finding may have, for the
    patterns that leave them open. Negation, OPTIONAL and aggregates read from below only.
    """
    collector = _Collector(notations, tuple(bases), tuple(effects))
    collector.walk(algebra, {}, below=False)
    return Reads(frozenset(collector.keys), frozenset(collector.below))


def template_keys(algebra: CompValue, superclasses: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The keys that a CONSTRUCT query writes. Raises Refusal for a variable as predicate.

    A type brings its superclasses with it, save those that the pattern already asks of the same
    node: they are not new.
    """
    keys: set[str] = set()
    asked = _types_asked(algebra.p)
    for subject, predicate, value in algebra.template:
        if not isinstance(predicate, URIRef):
            raise Refusal(
                "a variable as predicate in CONSTRUCT",
                "Write one rule for each predicate.",
            )
        if predicate != _TYPE:
            keys.add(str(predicate))
        elif isinstance(value, URIRef):
            known = {cls for node, cls in asked if node == subject}
            known |= {above for cls in known for above in superclasses.get(cls, ())}
            keys |= {
                f"a {cls}"
                for cls in (str(value), *superclasses.get(str(value), ()))
                if cls not in known
            }
        else:
            keys.add(ANY_TYPE)
    return frozenset(keys)


def template_ends(
    algebra: CompValue, focus: str
) -> dict[str, list[tuple[frozenset[str], frozenset[str]]]]:
    """For each predicate that a CONSTRUCT query writes what its pattern says of both ends.

    `focus` is what the rule's target says of $this. It is the classes asked of a term, by IRI,
    `^p` for the object of a predicate p that it must be, `p` for the subject, and `=x` where the
    term is x itself. One pair, of subject and value, for each triple of the template and each way
    of meeting the pattern.
    """
    ends: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
    for asked in _ends_asked(algebra.p):
        told: dict[Any, set[str]] = {Variable("this"): {focus}}
        for node, name in asked:
            told.setdefault(node, set()).add(name)
        for subject, predicate, value in algebra.template:
            pair = tuple(
                frozenset(told.get(end, ()) if isinstance(end, Variable) else (f"={end}",))
                for end in (subject, value)
            )
            ends.setdefault(str(predicate), []).append((pair[0], pair[1]))
    return ends


_MOST_ALTERNATIVES = 64

_Asked = frozenset[tuple[Any, str]]


def _ends_asked(node: Any) -> list[_Asked]:
    """What a pattern asks of its terms, in each of the ways in which it may be met."""
    if not isinstance(node, CompValue) or node.name == "Graph":
        return [frozenset()]
    if node.name == "BGP":
        found: set[tuple[Any, str]] = set()
        for s, p, o in node.triples:
            if p == _TYPE and isinstance(o, URIRef):
                found.add((s, str(o)))
            elif isinstance(p, URIRef):
                found |= {(s, str(p)), (o, f"^{p}")}
        return [frozenset(found)]
    if node.name == "Union":
        ways = [*_ends_asked(node.p1), *_ends_asked(node.p2)]
    elif node.name in ("LeftJoin", "Minus"):
        return _ends_asked(node.p1)
    elif node.name == "Project":
        return [
            frozenset((s, name) for s, name in way if s in node.PV) for way in _ends_asked(node.p)
        ]
    else:
        ways = [frozenset()]
        for part in (node.get("p"), node.get("p1"), node.get("p2")):
            ways = [one | other for one in ways for other in _ends_asked(part)]
    return ways if len(ways) <= _MOST_ALTERNATIVES else [frozenset()]


def _types_asked(node: Any) -> set[tuple[Any, str]]:
    """The classes that every solution of a pattern has for its variables."""
    if not isinstance(node, CompValue) or node.name in ("Union", "Graph"):
        return set()
    if node.name == "BGP":
        return {(s, str(o)) for s, p, o in node.triples if p == _TYPE and isinstance(o, URIRef)}
    if node.name in ("LeftJoin", "Minus"):
        return _types_asked(node.p1)
    if node.name == "Project":
        return {(s, cls) for s, cls in _types_asked(node.p) if s in node.PV}
    return {
        pair
        for part in (node.get("p"), node.get("p1"), node.get("p2"))
        for pair in _types_asked(part)
    }


def group_of(exists: CompValue) -> CompValue:
    """The algebra of the pattern in an EXISTS."""
    group: CompValue = exists.graph
    if group.name in ("GroupGraphPatternSub", "SubSelect"):
        group = translateGroupGraphPattern(group)
    return group


def meets(read: str, written: str) -> bool:
    """Whether a key that is written may be what another key reads."""
    if read in (ANYTHING, written):
        return True
    return (
        {read, written} & {ANY_TYPE} != set() and read.startswith("a ") and written.startswith("a ")
    )


def _denies(path: Any) -> bool:
    """Whether a path has a negated property set in it, which reads all predicates but those."""
    if isinstance(path, NegatedPath):
        return True
    inner = [
        *getattr(path, "args", ()),
        getattr(path, "arg", None),
        getattr(path, "path", None),
    ]
    return any(_denies(part) for part in inner if isinstance(part, Path))


Limits = Mapping[str, frozenset[str]]


class _Collector:
    def __init__(
        self,
        notations: Mapping[str, str],
        bases: tuple[str, ...],
        effects: tuple[str, ...],
    ) -> None:
        self.notations = notations
        self.bases = bases
        self.effects = effects
        self.keys: set[str] = set()
        self.below: set[str] = set()

    def add(self, key: str, below: bool) -> None:
        (self.below if below else self.keys).add(key)

    def walk(self, node: Any, limits: Limits, *, below: bool) -> None:
        if isinstance(node, (list, tuple)):
            for part in node:
                self.walk(part, limits, below=below)
            return
        if not isinstance(node, CompValue):
            return
        if node.name == "BGP":
            self._bgp(node.triples, limits, below)
        elif node.name == "Filter":
            limits = {**limits, **dict(self._limits(node.expr))}
            self.walk(node.p, limits, below=below)
            self.walk(node.expr, limits, below=below)
        elif node.name in ("Builtin_NOTEXISTS", "Builtin_EXISTS"):
            self.walk(group_of(node), limits, below=True)
        elif node.name in ("LeftJoin", "Minus"):
            self.walk(node.p1, limits, below=below)
            self.walk(node.p2, limits, below=True)
            self.walk(node.get("expr"), limits, below=True)
        elif node.name == "AggregateJoin":
            self.walk(node.p, limits, below=True)
        else:
            for key, value in members(node):
                if key not in ("PV", "template"):
                    self.walk(value, limits, below=below)

    def _limits(self, expression: Any) -> Iterator[tuple[str, frozenset[str]]]:
        """The variables that a FILTER limits to some IRIs."""
        if not isinstance(expression, CompValue):
            return
        if expression.name == "ConditionalAndExpression":
            for part in [expression.expr, *expression.other]:
                yield from self._limits(part)
        elif expression.name == "RelationalExpression" and isinstance(expression.expr, Variable):
            values = expression.other if isinstance(expression.other, list) else [expression.other]
            if expression.op in ("=", "IN") and all(isinstance(value, URIRef) for value in values):
                yield str(expression.expr), frozenset(str(value) for value in values)

    def _bgp(self, triples: Iterable[tuple[Any, Any, Any]], limits: Limits, below: bool) -> None:
        listed = list(triples)
        findings = {
            subject
            for subject, predicate, value in listed
            if (predicate == _TYPE and value == _FINDING) or predicate in _FINDINGS_ONLY
        }
        for finding in findings:
            star = [
                (predicate, value) for subject, predicate, value in listed if subject == finding
            ]
            bases = self._choices(star, "basis", limits, self.bases)
            effects = self._choices(star, "effect", limits, self.effects)
            for basis, effect in product(bases, effects):
                self.add(f"finding {basis} {effect}", below)
        for subject, predicate, value in listed:
            if subject in findings and (predicate in _FINDING_PREDICATES or predicate == _TYPE):
                continue
            if isinstance(predicate, Variable):
                self.add(ANYTHING, below)
            elif isinstance(predicate, Path):
                if _denies(predicate):
                    self.add(ANYTHING, below)
                named = [*iris_in(predicate)]
                for iri in named:
                    self.add(ANY_TYPE if iri == RDF_TYPE else iri, below)
                if not _FINDINGS_ONLY.isdisjoint(map(URIRef, named)):
                    for basis, effect in product(self.bases, self.effects):
                        self.add(f"finding {basis} {effect}", below)
            elif predicate != _TYPE:
                self.add(str(predicate), below)
            elif isinstance(value, URIRef):
                self.add(f"a {value}", below)
            else:
                self.add(ANY_TYPE, below)

    def _choices(
        self,
        star: list[tuple[Any, Any]],
        name: str,
        limits: Limits,
        every: tuple[str, ...],
    ) -> Iterable[str]:
        for predicate, value in star:
            if predicate == URIRef(HF + name):
                if isinstance(value, URIRef):
                    return [self.notations.get(str(value), str(value))]
                chosen = limits.get(str(value))
                if chosen is not None:
                    return [self.notations.get(iri, iri) for iri in sorted(chosen)]
        return every
