"""Shapes graphs (W3C SHACL), read into shapes or refused.

A shape is read when something reaches it: a target, a shape that refers to it, or the user who
names it. What nothing reaches may be ill-formed without harm (SHACL §1.1 leaves that open).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path as File
from typing import Any, NoReturn

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import (
    AlternativePath,
    InvPath,
    MulPath,
    OneOrMore,
    SequencePath,
    ZeroOrMore,
    ZeroOrOne,
)  # fmt: skip
from rdflib.paths import Path as SparqlPath
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier

from holdfast.errors import ShapeError
from holdfast.memory import Memory
from holdfast.queries import (
    QuerySyntaxError,
    members,
    names_in,
    read_query,
    term_of,
    with_triple_terms,
)  # fmt: skip
from holdfast.sources import line_of, quads_in, shown
from holdfast.vocabulary import OWL, RDF_TYPE, RDFS, SH, XSD

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NIL = URIRef(RDF + "nil")
TRUE = Literal("true", datatype=URIRef(XSD + "boolean"))
SHNEX = "http://www.w3.org/ns/shacl-node-expr#"
SPARQL_FUNCTIONS = ("http://www.w3.org/ns/sparql#", "http://datashapes.org/sparql#")
"""Where SPARQL's own functions have a name: in SHACL 1.2, and in DASH before it."""

SHACL = URIRef(SH.removesuffix("#"))

NODE_KINDS = {
    "BlankNode": (1,), "IRI": (0,), "Literal": (2,), "BlankNodeOrIRI": (1, 0),
    "BlankNodeOrLiteral": (1, 2), "IRIOrLiteral": (0, 2),
}  # fmt: skip
"""The values of sh:nodeKind, and which of IRI (0), blank node (1) and literal (2) each allows."""


# -- what a shapes graph says ------------------------------------------------------------------


@dataclass(frozen=True)
class Path:
    """A property path (SHACL §2.3.1).

    `kind` is predicate, inverse, sequence, alternative, zeroOrMore, oneOrMore or zeroOrOne; a
    predicate has its `iri`, the others their `parts`.
    """

    kind: str
    iri: str = ""
    parts: tuple[Path, ...] = ()

    def sparql(self) -> str:
        """The path as SPARQL writes it (§2.3.2)."""
        if self.kind == "predicate":
            return f"<{self.iri}>"
        inner = [part.sparql() for part in self.parts]
        if self.kind == "sequence":
            return f"({'/'.join(inner)})"
        if self.kind == "alternative":
            return f"({'|'.join(inner)})"
        if self.kind == "inverse":
            return f"(^{inner[0]})"
        return f"({inner[0]}{_SIGNS[self.kind]})"

    def algebra(self) -> URIRef | SparqlPath:
        """The path as SPARQL's algebra has it."""
        if self.kind == "predicate":
            return URIRef(self.iri)
        inner = [part.algebra() for part in self.parts]
        if self.kind == "sequence":
            return SequencePath(*inner)
        if self.kind == "alternative":
            return AlternativePath(*inner)
        if self.kind == "inverse":
            return InvPath(inner[0])
        return MulPath(inner[0], _SIGNS[self.kind])


_SIGNS: Mapping[str, Any] = {
    "zeroOrMore": ZeroOrMore,
    "oneOrMore": OneOrMore,
    "zeroOrOne": ZeroOrOne,
}


@dataclass(frozen=True)
class Query:
    """A SPARQL query in a shapes graph.

    `form` is select, ask or construct; `node` is the constraint, validator, target, rule or
    function that it belongs to; `messages` are those of that node.
    """

    form: str
    text: str
    prefixes: tuple[tuple[str, str], ...]
    node: Identifier
    messages: tuple[Literal, ...] = ()


@dataclass(frozen=True)
class Target:
    """What a shape is for. `kind` is node, class, subjectsOf, objectsOf or sparql."""

    kind: str
    term: Identifier
    query: Query | None = None
    bound: tuple[tuple[str, Identifier], ...] = ()


@dataclass(frozen=True)
class Function:
    """A function that queries and node expressions can call (SHACL-AF §4).

    `parameters` are the names of its parameters in the order of arguments, and whether each may be
    left out.
    """

    node: Identifier
    query: Query
    parameters: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Expression:
    """A node expression (SHACL-AF §5).

    `kind` is this, constant, path, filter, union, list, intersection, minus, function, if, exists,
    distinct, count, min, max, sum, orderBy, limit, offset, flatMap, instances, select or ask. The
    nodes that it works on come first among its `parts`.
    """

    kind: str
    parts: tuple[Expression, ...] = ()
    term: Identifier | None = None
    path: Path | None = None
    query: Query | None = None
    function: Function | None = None
    descending: bool = False


@dataclass(frozen=True)
class Constraint:
    """One constraint of a shape.

    `kind` is the local name of its (first) parameter, or 'custom' for a component that the shapes
    graph declares; `component` the IRI of its component. `value` is the parameter's value, `values`
    the members where it is a list or a set; `also` what else counts: the flags of a pattern, the
    sibling shapes of a qualified one, the parameters of a custom component.
    """

    kind: str
    component: str
    value: Identifier | None = None
    values: tuple[Identifier, ...] = ()
    number: int = 0
    path: Path | None = None
    text: str = ""
    query: Query | None = None
    bound: tuple[tuple[str, Identifier], ...] = ()
    optional: tuple[str, ...] = ()
    expression: Expression | None = None
    source: Identifier | None = None
    messages: tuple[Literal, ...] = ()
    severity: str = ""
    annotations: tuple[tuple[str, str, tuple[Identifier, ...]], ...] = ()
    """What a result says more (SHACL-AF §4): a property, the variable that has its value, and what
    its values are where that has none."""


@dataclass(frozen=True)
class Rule:
    """A rule (SHACL-AF §8, SHACL 1.2 Inference Rules).

    `shapes` have it as their sh:rule; a rule without any is run once, for no node. `triple` has the
    expressions of a sh:TripleRule; `query` the CONSTRUCT of a sh:SPARQLRule or of a template, with
    the parameters in `bound`. `conditions` are shapes that a focus node must conform to; `expected`
    are predicates whose derived values must be there.
    """

    node: Identifier
    shapes: tuple[Identifier, ...]
    order: float
    layer: float
    once: bool
    conditions: tuple[Identifier, ...]
    expected: tuple[str, ...]
    triple: tuple[Expression, Expression, Expression] | None = None
    query: Query | None = None
    bound: tuple[tuple[str, Identifier], ...] = ()


@dataclass(frozen=True)
class Shape:
    """A node shape, or with a `path` a property shape.

    `properties` are the shapes of sh:property, in the order of their names; `derived` gives value
    nodes besides those of the path (sh:values).
    """

    node: Identifier
    path: Path | None
    targets: tuple[Target, ...]
    constraints: tuple[Constraint, ...]
    properties: tuple[Identifier, ...]
    severity: str
    messages: tuple[Literal, ...]
    deactivated: bool
    derived: tuple[Expression, ...] = ()

    @property
    def references(self) -> tuple[Identifier, ...]:
        """The shapes that decide whether a node conforms to this one."""
        if self.deactivated:
            return ()
        found = list(self.properties)
        for constraint in self.constraints:
            if constraint.kind in _ONE_SHAPE and constraint.value is not None:
                found.append(constraint.value)
            if constraint.kind in (*_SHAPE_LISTS, *_QUALIFIED):
                found += constraint.values
            if constraint.expression is not None:
                found += _shapes_in(constraint.expression)
        for expression in self.derived:
            found += _shapes_in(expression)
        return tuple(dict.fromkeys(found))


_ONE_SHAPE = ("node", "not", "qualifiedMinCount", "qualifiedMaxCount")
_QUALIFIED = ("qualifiedMinCount", "qualifiedMaxCount")
_SHAPE_LISTS = ("and", "or", "xone")
_TARGETS = ("targetNode", "targetClass", "targetSubjectsOf", "targetObjectsOf", "target")
_PARAMETERS = frozenset(
    ("and", "class", "closed", "datatype", "disjoint", "equals", "expression", "hasValue", "in",
     "languageIn", "lessThan", "lessThanOrEquals", "maxCount", "maxExclusive", "maxInclusive",
     "maxLength", "minCount", "minExclusive", "minInclusive", "minLength", "node", "nodeKind",
     "not", "or", "pattern", "property", "qualifiedMaxCount", "qualifiedMinCount",
     "qualifiedValueShape", "rule", "sparql", "uniqueLang", "xone")
)  # fmt: skip


def _shapes_in(expression: Expression) -> list[Identifier]:
    own = [expression.term] if expression.kind == "filter" and expression.term is not None else []
    return own + [shape for part in expression.parts for shape in _shapes_in(part)]


# -- a graph to ask ----------------------------------------------------------------------------


class Statements:
    """The triples of some files: the values of each predicate of each node, in a fixed order."""

    def __init__(self) -> None:
        self.triples: dict[Identifier, dict[str, list[Identifier]]] = {}
        self.files: dict[Identifier, File] = {}
        self.subjects: dict[str, list[Identifier]] = {}
        self._named: dict[str, BNode] = {}

    def read(self, file: File) -> None:
        """Add the triples of one file, whatever graph they stand in. Raises SourceError."""
        for quad in quads_in(file):
            subject, predicate = self._term(quad.subject), str(quad.predicate.value)
            values = self.triples.setdefault(subject, {}).setdefault(predicate, [])
            value = self._term(quad.object)
            if value not in values:
                values.append(value)
                self.files.setdefault(subject, file)
                self.subjects.setdefault(predicate, []).append(subject)

    def _term(self, term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> Identifier:
        """A term; blank nodes are numbered, so that they are called the same in every run."""
        if isinstance(term, ox.BlankNode):
            return self._named.setdefault(term.value, BNode(f"s{len(self._named) + 1}"))
        return term_of(term)

    def all(self, node: Identifier, predicate: str) -> list[Identifier]:
        """The values of a predicate of a node: IRIs and literals in order, then blank nodes."""
        return sorted(self.triples.get(node, {}).get(predicate, []), key=_order)

    def with_value(self, predicate: str, value: Identifier) -> list[Identifier]:
        """The nodes that have this value of a predicate."""
        return [
            node
            for node in dict.fromkeys(self.subjects.get(predicate, []))
            if value in self.triples[node][predicate]
        ]

    def below(self, cls: str) -> set[Identifier]:
        """A class with all its sub-classes."""
        found: set[Identifier] = {URIRef(cls)}
        while (
            more := {node for high in found for node in self.with_value(RDFS + "subClassOf", high)}
            - found
        ):
            found |= more
        return found

    def instances(self, cls: str) -> list[Identifier]:
        """The SHACL instances of a class (§1.1)."""
        classes = self.below(cls)
        return [
            node
            for node in dict.fromkeys(self.subjects.get(RDF_TYPE, []))
            if classes.intersection(self.triples[node][RDF_TYPE])
        ]


def _order(term: Identifier) -> tuple[bool, str, str, str]:
    """What sorts terms the same in every run. Blank nodes stay as they stand in the files."""
    if isinstance(term, BNode):
        return True, "", "", ""
    language = getattr(term, "language", None) or ""
    return False, str(term), language, str(getattr(term, "datatype", None) or "")


# -- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Component:
    """A constraint component that a shapes graph declares (SHACL-SPARQL §6)."""

    node: Identifier
    parameters: tuple[tuple[str, str, bool], ...]
    """Of each parameter the predicate, the name in queries, and whether it is optional."""


@dataclass
class Shapes:
    """The shapes of a shapes graph, each read when it is asked for."""

    statements: Statements
    files: tuple[File, ...]
    advanced: bool = False
    memory: Memory = field(default_factory=partial(Memory, None))
    moment: datetime = field(default_factory=partial(datetime.now, UTC))
    _known: dict[Identifier, Shape] = field(default_factory=dict)
    _prefixes_of: dict[tuple[Identifier, ...], tuple[tuple[str, str], ...]] = field(
        default_factory=dict
    )
    _components: tuple[Component, ...] | None = None
    _functions: dict[Identifier, Function | None] | None = None

    # -- remembering -----------------------------------------------------------------------------

    @cached_property
    def _digest(self) -> str:
        digest = sha256(b"advanced" if self.advanced else b"")
        for file in self.files:
            text = file.read_bytes()  # what it says depends on its place, if its IRIs are relative
            digest.update(f"{file.resolve().as_uri()} {len(text)} ".encode())
            digest.update(text)
        return digest.hexdigest()

    def remember(self, node: Identifier, kind: str, compute: Callable[[], Any]) -> Any:
        """The JSON value that `compute` gives for a node, worked out only if the shapes graph has
        changed since it was known."""
        if any(str(file) == "-" for file in self.files):
            return compute()
        return self.memory.remember(kind, [self._digest, node.n3()], compute)

    # -- asking ----------------------------------------------------------------------------------

    def shape(self, node: Identifier) -> Shape:
        """One shape. Raises ShapeError where it is ill-formed."""
        if node not in self._known:
            self._known[node] = self._read(node)
        return self._known[node]

    def targeted(self) -> list[Shape]:
        """The shapes that name what they are for, ordered by name. Raises ShapeError.

        With `advanced` also those whose targets are queries (SHACL-AF §3).
        """
        found: list[Identifier] = []
        for name in _TARGETS if self.advanced else _TARGETS[:-1]:
            found += self.statements.subjects.get(SH + name, [])
        found += [node for node in self._classes if self.is_shape(node)]
        shapes = [self.shape(node) for node in sorted(dict.fromkeys(found), key=_order)]
        for shape in shapes:
            self._check_cycles(shape)
        return [shape for shape in shapes if not shape.deactivated]

    def check_depth(self, shapes: Iterable[Shape], most: int) -> None:
        """Refuse shapes that go through `most` others before they end. Raises ShapeError."""

        def visit(node: Identifier, way: tuple[Identifier, ...]) -> None:
            way = (*way, node)
            if len(way) > most:
                told = " → ".join(self.describe(one) for one in way)
                self._refuse(
                    way[0], f"is more than {most} deep: {told}.", "Allow more with --max-depth."
                )
            for reference in self.shape(node).references:
                visit(reference, way)

        for shape in shapes:
            visit(shape.node, ())

    def named(self, iris: Iterable[str]) -> list[Shape]:
        """The shapes of these IRIs. Raises ShapeError for one that is not there."""
        found = []
        for iri in iris:
            node = URIRef(iri)
            if not self.is_shape(node):
                raise ShapeError(
                    f"there is no shape <{iri}>.",
                    where=", ".join(str(file) for file in self.files),
                    mend="Name a sh:NodeShape or sh:PropertyShape by its IRI.",
                )
            shape = self.shape(node)
            self._check_cycles(shape)
            found.append(shape)
        return found

    def ill_formed(self) -> list[ShapeError]:
        """What is wrong with the shapes of the shapes graph, one error for each such shape."""
        errors: list[ShapeError] = []
        for node in sorted(self.statements.triples, key=_order):
            if not self.is_shape(node):
                continue
            try:
                self._check_cycles(self.shape(node))
            except ShapeError as error:
                if str(error) not in map(str, errors):
                    errors.append(error)
        return errors

    def is_shape(self, node: Identifier) -> bool:
        """Whether a node is a shape by what is said of it (§2.1)."""
        facts = self.statements.triples.get(node, {})
        if any(name.startswith(SH) and name.removeprefix(SH) in _SHAPELY for name in facts):
            return True
        types = set(facts.get(RDF_TYPE, []))
        below = self.statements.below
        kinds = ("NodeShape", "PropertyShape", "ShapeClass")
        return any(types & below(SH + kind) for kind in kinds)

    def describe(self, node: Identifier) -> str:
        """What to call a shape or another node of the shapes graph in a sentence."""
        if isinstance(node, URIRef):
            return f"<{node}>"
        if not isinstance(node, BNode):
            return f"'{node}'"
        shapely = ("property", "node", "not", "qualifiedValueShape", "rule")
        queries = ("sparql", "target", "validator", "nodeValidator", "propertyValidator")
        for predicate in (*shapely, *queries):
            owners = self.statements.with_value(SH + predicate, node)
            if owners:
                what = "the rule" if predicate == "rule" else "the shape"
                what = "the query" if predicate in queries else what
                paths = self.statements.all(node, SH + "path")
                on = f" on <{paths[0]}>" if paths and isinstance(paths[0], URIRef) else ""
                return f"{what}{on} in sh:{predicate} of {self.describe(owners[0])}"
        return "an unnamed shape"

    def place(self, node: Identifier) -> str:
        """Where a shape stands, for an error message."""
        file = self.statements.files.get(node, self.files[0] if self.files else None)
        if file is None:
            return ""
        named: Identifier | None = node
        seen = set()
        while isinstance(named, BNode) and named not in seen:
            seen.add(named)
            named = next(
                (
                    subject
                    for subject, facts in self.statements.triples.items()
                    if any(named in values for values in facts.values())
                ),
                None,
            )
        if isinstance(named, URIRef):
            tail = re.escape(re.split(r"[/#]", str(named))[-1])
            line = line_of(file, rf"^\s*(<[^>]*{tail}>|\w*:{tail})\s") if tail else None
            if line:
                return f"{shown(file)}: line {line}"
        return shown(file)

    def _refuse(self, node: Identifier, what: str, mend: str) -> NoReturn:
        raise ShapeError(f"{self.describe(node)} {what}", where=self.place(node), mend=mend)

    def _check_cycles(self, shape: Shape) -> None:
        """Refuse recursive shapes: SHACL §3.4.3 leaves open what they mean."""
        done: set[Identifier] = set()

        def visit(node: Identifier, way: tuple[Identifier, ...]) -> None:
            if node in way:
                cycle = " → ".join(self.describe(n) for n in (*way[way.index(node) :], node))
                self._refuse(
                    node,
                    f"refers to itself: {cycle}.",
                    "SHACL says nothing of what a recursive shape means; break the circle.",
                )
            if node in done:
                return
            for reference in self.shape(node).references:
                visit(reference, (*way, node))
            done.add(node)

        visit(shape.node, ())

    # -- shapes ----------------------------------------------------------------------------------

    @cached_property
    def _classes(self) -> list[Identifier]:
        """The classes of the shapes graph; owl:Class counts, whether or not it is said to be one"""
        found = [
            node
            for cls in (RDFS + "Class", OWL + "Class", SH + "ShapeClass")
            for node in self.statements.instances(cls)
        ]
        return [node for node in dict.fromkeys(found) if isinstance(node, URIRef)]

    def _read(self, node: Identifier) -> Shape:
        if isinstance(node, Literal):
            self._refuse(node, "is a literal, not a shape.", "Name a shape.")
        paths = self.statements.all(node, SH + "path")
        if len(paths) > 1:
            self._refuse(node, "has more than one sh:path.", "Keep one.")
        path = self.path(paths[0], node) if paths else None
        declared = self.statements.all(node, RDF_TYPE)
        if path is None and URIRef(SH + "PropertyShape") in declared:
            self._refuse(node, "is a sh:PropertyShape without sh:path.", "Add its sh:path.")
        if path is not None and URIRef(SH + "NodeShape") in declared:
            self._refuse(
                node, "is a sh:NodeShape, but has a sh:path.", "Make it a sh:PropertyShape."
            )
        severity = self._one(node, "severity")
        if severity is not None and not isinstance(severity, URIRef):
            self._refuse(node, "has a sh:severity that is no IRI.", "Use sh:Violation, say.")
        messages = tuple(self._messages(node))
        return Shape(
            node=node,
            path=path,
            targets=tuple(self._targets(node)),
            constraints=tuple(self._constraints(node, path)),
            properties=tuple(self._property_shapes(node)),
            severity=str(severity or SH + "Violation"),
            messages=messages,
            deactivated=self._flag(node, "deactivated"),
            derived=tuple(self._derived(node, path)),
        )

    def _targets(self, node: Identifier) -> Iterator[Target]:
        for term in self._values(node, "targetNode"):
            if isinstance(term, BNode):
                self._refuse(
                    node, "has a blank node as sh:targetNode.", "Name an IRI or a literal."
                )
            yield Target("node", term)
        for name in ("class", "subjectsOf", "objectsOf"):
            full = f"target{name[0].upper()}{name[1:]}"
            for term in self._values(node, full):
                if not isinstance(term, URIRef):
                    self._refuse(node, f"has a sh:{full} that is no IRI.", "Name an IRI.")
                yield Target(name, term)
        if node in self._classes:
            yield Target("class", node)
        if self.advanced:
            for term in self._values(node, "target"):
                target = self._sparql_target(node, term)
                if target is not None:
                    yield target

    def _sparql_target(self, node: Identifier, target: Identifier) -> Target | None:
        """A target that a query finds (SHACL-AF §3)."""
        if self._values(target, "select"):
            query = self._query(target, "select", ("shapesGraph",), gives="this")
            return Target("sparql", target, query)
        for kind in self.statements.all(target, RDF_TYPE):
            if not self._values(kind, "select"):
                continue
            bound = []
            for predicate, name, optional in self._parameters(kind):
                values = self.statements.all(target, predicate)
                if not values and not optional:
                    return None  # it has no nodes (SHACL-AF §3.2)
                if len(values) > 1 or any(isinstance(value, BNode) for value in values):
                    self._refuse(
                        node,
                        f"has a sh:target with {len(values)} values of <{predicate}>.",
                        "Give it one IRI or literal (SHACL-AF §3.2).",
                    )
                bound += [(name, value) for value in values]
            names = ("shapesGraph", *(name for name, _ in bound))
            return Target(
                "sparql", target, self._query(kind, "select", names, gives="this"), tuple(bound)
            )
        self._refuse(
            node,
            "has a sh:target that is no query.",
            "Give it sh:select, or a sh:SPARQLTargetType.",
        )

    def _derived(self, node: Identifier, path: Path | None) -> Iterator[Expression]:
        """What gives a property shape more value nodes than its path (SHACL 1.2 Core §3.7)."""
        if path is not None and self.advanced:
            for value in self._values(node, "values"):
                yield self.expression(value, node)

    def _property_shapes(self, node: Identifier) -> Iterator[Identifier]:
        for value in self._values(node, "property"):
            if isinstance(value, Literal):
                self._refuse(node, f"has the literal '{value}' as sh:property.", "Name a shape.")
            if value not in self.statements.triples:
                continue  # published shapes (DCAT-AP) name some of which nothing is said
            if not self._values(value, "path"):
                self._refuse(
                    node,
                    f"has {self.describe(value)} as sh:property, which has no sh:path.",
                    "Add its sh:path, or use sh:node for a node shape.",
                )
            yield value

    def _constraints(self, node: Identifier, path: Path | None) -> Iterator[Constraint]:
        for name in sorted(self.statements.triples.get(node, {})):
            local = name.removeprefix(SH)
            if name.startswith(SH) and local in _READERS:
                yield from _READERS[local](self, node, local, path)
        for component in self.components():
            yield from self._custom(node, component, path)

    # -- values of parameters --------------------------------------------------------------------

    def _values(self, node: Identifier, name: str) -> list[Identifier]:
        return self.statements.all(node, SH + name)

    def _one(self, node: Identifier, name: str) -> Identifier | None:
        values = self._values(node, name)
        if len(values) > 1:
            self._refuse(node, f"has {len(values)} values of sh:{name}.", "Keep one.")
        return values[0] if values else None

    def _flag(self, node: Identifier, name: str) -> bool:
        value = self._one(node, name)
        if value is None:
            return False
        if not isinstance(value, Literal) or str(value.datatype) != XSD + "boolean":
            self._refuse(node, f"has '{value}' as sh:{name}.", "Write true or false.")
        return str(value) == "true"  # "1" is another term, which SHACL does not name

    def _number(self, node: Identifier, value: Identifier | None, name: str) -> int:
        plain = isinstance(value, Literal) and str(value.datatype).removeprefix(XSD) in _INTEGERS
        if not plain or not re.fullmatch(r"[+-]?[0-9]+", str(value)):
            self._refuse(node, f"has '{value}' as sh:{name}.", "Write a whole number.")
        return int(str(value))

    def _messages(self, node: Identifier, name: str = "message") -> Iterator[Literal]:
        for value in self._values(node, name):
            datatypes = (None, URIRef(XSD + "string"), URIRef(RDF + "langString"))
            if not isinstance(value, Literal) or value.datatype not in datatypes:
                self._refuse(node, f"has a sh:{name} that is no text.", "Write a string.")
            yield value

    def members(self, node: Identifier, head: Identifier, name: str) -> tuple[Identifier, ...]:
        """The members of a list. Raises ShapeError where it is no list (§1.3.3)."""
        found: list[Identifier] = []
        seen: set[Identifier] = set()
        while head != NIL:
            firsts = self.statements.all(head, RDF + "first")
            rests = self.statements.all(head, RDF + "rest")
            if head in seen or len(firsts) != 1 or len(rests) != 1:
                self._refuse(
                    node, f"has a sh:{name} that is no list.", "Write the members between ( and )."
                )
            seen.add(head)
            found.append(firsts[0])
            head = rests[0]
        return tuple(found)

    def path(self, node: Identifier, owner: Identifier) -> Path:
        """A property path. Raises ShapeError where it is ill-formed (§2.3.1)."""
        return self._path(node, owner, ())

    def _path(self, node: Identifier, owner: Identifier, way: tuple[Identifier, ...]) -> Path:
        def wrong(what: str) -> NoReturn:
            self._refuse(
                owner, f"has a sh:path that {what}.", "SHACL §2.3.1 lists the forms of a path."
            )

        if node == NIL:
            wrong("is a list of fewer than two members")
        if isinstance(node, URIRef):
            return Path("predicate", str(node))
        if isinstance(node, Literal):
            wrong(f"is the literal '{node}'")
        if node in way:
            wrong("contains itself")
        way = (*way, node)
        if self.statements.all(node, RDF + "first"):
            parts = self.members(owner, node, "path")
            if len(parts) < 2:
                wrong("is a list of fewer than two members")
            return Path("sequence", parts=tuple(self._path(part, owner, way) for part in parts))
        kinds = ("alternative", "zeroOrMore", "oneOrMore", "zeroOrOne", "inverse")
        given = {kind: self._values(node, f"{kind}Path") for kind in kinds}
        given = {kind: values for kind, values in given.items() if values}
        if len(given) > 1:
            wrong(f"has {' and '.join(f'sh:{kind}Path' for kind in given)}")
        for kind, values in given.items():
            if len(values) > 1:
                wrong(f"has {len(values)} values of sh:{kind}Path")
            if kind == "alternative":
                parts = self.members(owner, values[0], "alternativePath")
                if len(parts) < 2:
                    wrong("has a sh:alternativePath of fewer than two members")
                return Path(kind, parts=tuple(self._path(part, owner, way) for part in parts))
            return Path(kind, parts=(self._path(values[0], owner, way),))
        wrong("is no path")

    # -- queries ---------------------------------------------------------------------------------

    def _query(
        self, node: Identifier, form: str, bound: Sequence[str] = (), *, gives: str = ""
    ) -> Query:
        """The query of a node, checked (SHACL-SPARQL §5.2.1). `bound` are its variables that have a
        value before it runs, `gives` is one that it must give."""
        value = self._one(node, form)
        if not isinstance(value, Literal):
            self._refuse(node, f"has a sh:{form} that is no text.", "Write the query as a string.")
        query = Query(
            form,
            with_triple_terms(str(value)),
            self._prefixes(node),
            node,
            tuple(self._messages(node)),
        )
        self.check(query, bound, gives)
        return query

    def check(self, query: Query, bound: Sequence[str], gives: str = "") -> None:
        """Refuse a query that is no SPARQL, has what SHACL forbids, or does not give the variable
        `gives`. Raises ShapeError."""

        def faults() -> list[str]:
            try:
                algebra = read_query(_probe(query.text), dict(query.prefixes))
            except QuerySyntaxError as error:
                return [
                    f"that is not SPARQL 1.1: line {error.line}: {error.reason}",
                    "Mend the query; prefixes are declared by sh:declare and named by sh:prefixes.",
                ]
            wrong = _forbidden(algebra, query, frozenset(bound))
            if wrong:
                return [wrong, "SHACL-SPARQL §5.2.1 says what it may hold."]
            given = {str(name) for name in algebra.PV or ()}
            if _STAR.search(query.text):  # what a FILTER reads is bound before it runs
                given |= names_in(algebra.p)
            if gives and gives not in given:
                return [f"that does not give ${gives}", f"Let its SELECT give ${gives}."]
            return []

        told = [query.form, query.text, repr(query.prefixes), repr(sorted(bound)), gives]
        found = self.memory.remember("faults of a query", told, faults)
        if found:
            itself = self.describe(query.node).startswith("the query")
            self._refuse(
                query.node, f"{'is one' if itself else 'has a query'} {found[0]}.", found[1]
            )

    def _prefixes(self, node: Identifier) -> tuple[tuple[str, str], ...]:
        """The prefixes of a query: sh:prefixes, owl:imports from there, sh:declare (§5.2.2)."""
        holders = tuple(self._values(node, "prefixes"))
        if holders not in self._prefixes_of:
            found = self._declared(holders) if holders else self._all_prefixes()
            self._prefixes_of[holders] = tuple(sorted(found))
        return self._prefixes_of[holders]

    def _declared(self, holders: Sequence[Identifier]) -> Iterator[tuple[str, str]]:
        todo, seen = list(holders), set[Identifier]()
        found: dict[str, str] = {}
        while todo:
            holder = todo.pop(0)
            if holder in seen:
                continue
            seen.add(holder)
            todo += self.statements.all(holder, OWL + "imports")
            for declaration in self._values(holder, "declare"):
                prefix = self._one(declaration, "prefix")
                namespace = self._one(declaration, "namespace")
                if not isinstance(prefix, Literal) or namespace is None:
                    self._refuse(
                        holder, "has a sh:declare without prefix or namespace.", "Give it both."
                    )
                if found.setdefault(str(prefix), str(namespace)) != str(namespace):
                    self._refuse(
                        holder, f"declares the prefix '{prefix}' for two namespaces.", "Keep one."
                    )
        yield from found.items()

    def _all_prefixes(self) -> Iterator[tuple[str, str]]:
        """Every prefix that the shapes graph declares for one namespace, for a query that names
        none (SHACL 1.2 SPARQL §3.2)."""
        found: dict[str, set[str]] = {}
        for holder in dict.fromkeys(self.statements.subjects.get(SH + "declare", [])):
            for declaration in self._values(holder, "declare"):
                for name in self._values(declaration, "prefix"):
                    for namespace in self._values(declaration, "namespace"):
                        found.setdefault(str(name), set()).add(str(namespace))
        for prefix, namespaces in sorted(found.items()):
            if len(namespaces) == 1:
                yield prefix, namespaces.pop()

    # -- components that the shapes graph declares -----------------------------------------------

    def components(self) -> tuple[Component, ...]:
        """The constraint components of the shapes graph, ordered by name."""
        if self._components is None:
            found = []
            for node in sorted(self.statements.instances(SH + "ConstraintComponent"), key=_order):
                names = ("validator", "nodeValidator", "propertyValidator")
                if any(self._values(node, name) for name in names):
                    found.append(Component(node, tuple(self._parameters(node))))
            self._components = tuple(found)
        return self._components

    def _parameters(self, node: Identifier) -> Iterator[tuple[str, str, bool]]:
        for parameter in self._values(node, "parameter"):
            path = self._one(parameter, "path")
            if not isinstance(path, URIRef):
                self._refuse(node, "has a sh:parameter without sh:path.", "Give it an IRI.")
            name = re.split(r"[/#:]", str(path))[-1]
            if not re.fullmatch(r"[A-Za-z_]\w*", name) or name in _RESERVED:
                self._refuse(
                    node,
                    f"has the parameter <{path}>, whose name '{name}' no query can use.",
                    "Let the IRI end in a name for a variable (§6.2.1).",
                )
            yield str(path), name, self._flag(parameter, "optional")

    def _custom(
        self, node: Identifier, component: Component, path: Path | None
    ) -> Iterator[Constraint]:
        required = [name for name, _, optional in component.parameters if not optional]
        if component.parameters and not required:
            self._refuse(
                component.node, "is a constraint component whose parameters are all optional.",
                "Let one of them be without sh:optional (SHACL §6.2.1).",
            )  # fmt: skip
        given = {name: self.statements.all(node, name) for name, _, _ in component.parameters}
        if not component.parameters or not all(given[name] for name in required):
            return
        if not any(given.values()):
            return
        sets: list[dict[str, Identifier]]
        if len(component.parameters) == 1:
            sets = [{component.parameters[0][1]: value} for value in given[required[0]]]
        else:
            for name, values in given.items():
                if len(values) > 1:
                    self._refuse(node, f"has {len(values)} values of <{name}>.", "Keep one (§6.2).")
            sets = [{name: given[iri][0] for iri, name, _ in component.parameters if given[iri]}]
        own = "propertyValidator" if path is not None else "nodeValidator"
        validators = self._values(component.node, own) or self._values(component.node, "validator")
        if not validators:
            return  # it has nothing to say of this kind of shape
        names = [name for _, name, _ in component.parameters]
        validator = validators[0]
        form = "ask" if self._values(validator, "ask") else "select"
        known = ("value", *names) if form == "ask" else names
        bound = ("this", *known, "currentShape", "shapesGraph")
        query = self._query(validator, form, bound, gives="this" if form == "select" else "")
        for values_of in sets:
            yield Constraint(
                "custom",
                str(component.node),
                query=query,
                bound=tuple(values_of.items()),
                optional=tuple(name for name in names if name not in values_of),
                messages=query.messages
                or tuple(self._messages(component.node))
                or tuple(self._messages(component.node, "labelTemplate")),
                annotations=tuple(self._annotations(validator)),
            )

    def _annotations(self, node: Identifier) -> Iterator[tuple[str, str, tuple[Identifier, ...]]]:
        """The result annotations of a query (SHACL-AF §4)."""
        for value in self._values(node, "resultAnnotation"):
            predicate = self._one(value, "annotationProperty")
            if not isinstance(predicate, URIRef):
                self._refuse(
                    node, "has a sh:resultAnnotation without property.",
                    "Give it an IRI as sh:annotationProperty.",
                )  # fmt: skip
            name = self._one(value, "annotationVarName")
            variable = str(name) if name is not None else re.split(r"[/#:]", str(predicate))[-1]
            yield str(predicate), variable, tuple(self._values(value, "annotationValue"))

    # -- rules -----------------------------------------------------------------------------------

    def rules(self, rule_set: str | None = None) -> list[Rule]:
        """The rules of the shapes graph, or those of one of its rule sets, that are not switched
        off. Raises ShapeError.

        A rule of several shapes comes once, with all of them.
        """
        shapes: dict[Identifier, list[Identifier]] = {}
        for shape in dict.fromkeys(self.statements.subjects.get(SH + "rule", [])):
            for node in self._values(shape, "rule"):
                shapes.setdefault(node, []).append(shape)
        types = [SH + "Rule", SH + "SPARQLRule", SH + "TripleRule"]
        templates = self.statements.instances(SH + "SPARQLRuleTemplate")
        for cls in [*types, *templates]:
            for node in self.statements.instances(str(cls)):
                shapes.setdefault(node, [])
        for node in list(shapes):
            kinds = self.statements.all(node, RDF_TYPE)
            if URIRef(SH + "SPARQLRuleTemplate") in kinds or node in templates:
                del shapes[node]
        chosen = list(shapes) if rule_set is None else self._members_of(URIRef(rule_set))
        sets = self.statements.instances(SH + "RuleSet")
        for node in [*sets, *shapes]:
            if (rule_set is None or node in chosen) and self._values(node, "ruleProcessor"):
                self._refuse(
                    node, "has a sh:ruleProcessor, and none is known here.", "Leave it out."
                )
        found = []
        for node in sorted(chosen, key=_order):
            rule = self._rule(node, tuple(sorted(shapes.get(node, []), key=_order)))
            if rule is not None:
                found.append(rule)
        return found

    def _members_of(self, rule_set: Identifier) -> list[Identifier]:
        """The rules of a rule set and of those that it includes."""
        if URIRef(SH + "RuleSet") not in self.statements.all(rule_set, RDF_TYPE):
            raise ShapeError(
                f"there is no sh:RuleSet <{rule_set}>.",
                where=", ".join(str(file) for file in self.files),
                mend="Name a rule set of the shapes graph by its IRI.",
            )
        found: dict[Identifier, None] = {}
        todo, seen = [rule_set], set[Identifier]()
        while todo:
            holder = todo.pop()
            if holder in seen:
                continue
            seen.add(holder)
            if self._values(holder, "ruleProcessor"):
                self._refuse(
                    holder, "has a sh:ruleProcessor, and none is known here.", "Leave it out."
                )
            found |= dict.fromkeys(self._values(holder, "hasRule"))
            todo += self._values(holder, "includesRuleSet")
        return list(found)

    def _rule(self, rule: Identifier, shapes: tuple[Identifier, ...]) -> Rule | None:
        if self._flag(rule, "deactivated"):
            return None
        used = tuple(shape for shape in shapes if not self._flag(shape, "deactivated"))
        if shapes and not used:
            return None
        conditions = [
            c for c in self._values(rule, "condition") if not self._flag(c, "deactivated")
        ]
        conditions += [above for c in conditions for above in self._shapes_above(c)]
        for condition in conditions:
            self._check_cycles(self.shape(condition))
        common = {
            "node": rule,
            "shapes": used,
            "order": self._decimal(rule, "order"),
            "layer": self._decimal(rule, "layer"),
            "once": self._flag(rule, "runOnce"),
            "conditions": tuple(dict.fromkeys(conditions)),
            "expected": tuple(str(value) for value in self._values(rule, "expectedPredicate")),
        }
        if self._values(rule, "construct"):
            before = ("this",) if shapes else ()
            return Rule(**common, query=self._query(rule, "construct", before))  # type: ignore[arg-type]
        for kind in self.statements.all(rule, RDF_TYPE):
            if URIRef(SH + "SPARQLRuleTemplate") in self.statements.all(kind, RDF_TYPE):
                given = []
                for predicate, name, optional in self._parameters(kind):
                    value = next(iter(self.statements.all(rule, predicate)), None)
                    if value is None and not optional:
                        self._refuse(rule, f"has no <{predicate}>.", "Give it a value.")
                    if value is not None:
                        given.append((name, value))
                before = (*(("this",) if shapes else ()), *(name for name, _ in given))
                query = self._query(kind, "construct", before)
                return Rule(**common, query=query, bound=tuple(given))  # type: ignore[arg-type]
        ends = [self._one(rule, name) for name in ("subject", "predicate", "object")]
        if all(end is None for end in ends):
            self._refuse(
                rule,
                "is no rule that is known here.",
                "Give it sh:construct, or sh:subject, sh:predicate and sh:object.",
            )
        triple = tuple(
            Expression("this") if end is None else self.expression(end, rule) for end in ends
        )
        for expression in triple:
            for shape in _shapes_in(expression):
                self._check_cycles(self.shape(shape))
        return Rule(**common, triple=triple)  # type: ignore[arg-type]

    def _shapes_above(self, condition: Identifier) -> Iterator[Identifier]:
        """The shapes that are classes above a condition which is a class too."""
        classes = self._classes
        if condition not in classes:
            return
        for cls in classes:
            above = cls != condition and condition in self.statements.below(str(cls))
            if above and self.is_shape(cls) and not self._flag(cls, "deactivated"):
                yield cls

    def deriving(self, predicate: str) -> Iterator[tuple[Shape, Shape]]:
        """The property shapes that give values of a predicate by sh:values or sh:defaultValue, each
        with a shape whose targets are its subjects."""
        names = ("values", "defaultValue")
        for node in self.statements.with_value(SH + "path", URIRef(predicate)):
            if any(self._values(node, name) for name in names) and not self._flag(
                node, "deactivated"
            ):
                owners = [node, *self.statements.with_value(SH + "property", node)]
                for owner in owners:
                    if not self._flag(owner, "deactivated"):
                        yield self.shape(node), self.shape(owner)

    def default(self, node: Identifier) -> Expression | None:
        """What the value of a property shape is where there is none."""
        values = self._values(node, "defaultValue")
        return self.expression(values[0], node) if values else None

    def entailments(self) -> list[str]:
        """The regimes of sh:entailment (SHACL §1.5), and rule sets named there."""
        named = self.statements.subjects.get(SH + "entailment", [])
        every = [str(v) for node in dict.fromkeys(named) for v in self._values(node, "entailment")]
        return sorted(set(every))

    def is_rule_set(self, iri: str) -> bool:
        """Whether the shapes graph has a rule set of this name."""
        return URIRef(SH + "RuleSet") in self.statements.all(URIRef(iri), RDF_TYPE)

    def order_of(self, shape: Identifier) -> float:
        """The execution order of a shape with rules (SHACL-AF §8.2.2)."""
        return self._decimal(shape, "order")

    def _decimal(self, node: Identifier, name: str) -> float:
        value = self._one(node, name)
        if value is not None and not re.fullmatch(_DECIMAL, str(value)):
            self._refuse(node, f"has '{value}' as sh:{name}.", "Write a number.")
        return float(str(value or 0))

    # -- node expressions ------------------------------------------------------------------------

    def expression(
        self, node: Identifier, owner: Identifier, way: tuple[Identifier, ...] = ()
    ) -> Expression:
        """A node expression (SHACL-AF §5, SHACL 1.2 Node Expressions). Raises ShapeError."""
        if node == URIRef(SH + "this"):
            return Expression("this")
        if node == NIL:
            return Expression("list")
        if not isinstance(node, BNode):
            return Expression("constant", term=node)
        if node in way:
            self._refuse(owner, "has a node expression that contains itself.", "Break the circle.")
        way = (*way, node)

        def inner(value: Identifier) -> Expression:
            return self.expression(value, owner, way)

        facts: dict[str, Identifier] = {}
        for name, values in self.statements.triples.get(node, {}).items():
            local = name.removeprefix(SHNEX) if name.startswith(SHNEX) else name.removeprefix(SH)
            if local != name:
                local = _SPELT_OTHERWISE.get(local, local)
                if len(values) > 1 and local not in ("message", "prefixes"):
                    self._refuse(owner, f"has {len(values)} values of <{name}>.", "Keep one.")
                facts[local] = values[0]
        if self._values(node, "message"):
            facts.pop("message")
        if self.statements.all(node, RDF + "first"):
            return Expression(
                "list", tuple(inner(part) for part in self.members(owner, node, "list"))
            )

        def nodes() -> tuple[Expression, ...]:
            chosen = facts.get("nodes", facts.get("focusNode"))
            return (inner(chosen) if chosen is not None else Expression("this"),)

        def shape(name: str) -> Identifier:
            self.shape(facts[name])
            return facts[name]

        if "var" in facts and str(facts["var"]) in ("focusNode", "this", "value"):
            return Expression("this")
        if "filterShape" in facts:
            if "nodes" not in facts:
                self._refuse(owner, "has a sh:filterShape without sh:nodes.", "Add sh:nodes.")
            return Expression("filter", nodes(), term=shape("filterShape"))
        if "path" in facts:
            found = Expression("path", nodes(), path=self.path(facts["path"], owner))
            return self._cut(facts, owner, found, inner, node)
        for name, least in (("union", 2), ("intersection", 2), ("concat", 0)):
            if name in facts:
                parts = tuple(inner(part) for part in self.members(owner, facts[name], name))
                if len(parts) < least:
                    self._refuse(
                        owner, f"has a sh:{name} of fewer than two members.", "Give it two."
                    )
                kind = "union" if name == "concat" else name
                return self._cut(facts, owner, Expression(kind, parts), inner, node)
        if "minus" in facts:
            return Expression("minus", (*nodes(), inner(facts["minus"])))
        if "if" in facts:
            none = Expression("union")
            chosen = [inner(facts[name]) if name in facts else none for name in ("then", "else")]
            return Expression("if", (inner(facts["if"]), *chosen))
        if "flatMap" in facts:
            return Expression("flatMap", (*nodes(), inner(facts["flatMap"])))
        if "instancesOf" in facts:
            return Expression("instances", term=facts["instancesOf"])
        if {"orderBy", "limit", "offset"} & facts.keys():
            return self._cut(facts, owner, nodes()[0], inner, node)
        for name in ("distinct", "count", "min", "max", "sum", "exists"):
            if name in facts:
                return Expression(name, (inner(facts[name]),))
        for name in ("select", "ask"):
            if name in facts:
                return Expression(name, query=self._query(node, name, ("this", "shapesGraph")))
        if "sparqlExpr" in facts:
            text = f"SELECT ({facts['sparqlExpr']} AS ?result) {{}}"
            query = Query("select", text, self._prefixes(node), node)
            self.check(query, ("this",))
            return Expression("select", query=query)
        others = [
            (name, values)
            for name, values in self.statements.triples.get(node, {}).items()
            if name not in (RDF_TYPE, SH + "message")
        ]
        if len(others) == 1 and len(others[0][1]) == 1:
            name, values = others[0]
            if values[0] == NIL or self.statements.all(values[0], RDF + "first"):
                arguments = tuple(inner(part) for part in self.members(owner, values[0], name))
                function = self.function(name, len(arguments))
                if function is None:
                    self._refuse(
                        owner,
                        f"calls the function <{name}>, which the shapes graph does not declare.",
                        "Declare it as a sh:SPARQLFunction (SHACL-AF §4).",
                    )
                if len(arguments) > len(function.parameters):
                    self._refuse(
                        owner,
                        f"calls <{name}> with {len(arguments)} arguments.",
                        f"It has {len(function.parameters)} parameters.",
                    )
                return Expression("function", arguments, function=function)
        self._refuse(
            owner, "has a node expression that is not known here.", "SHACL-AF §5 lists the forms."
        )

    def _cut(
        self,
        facts: Mapping[str, Identifier],
        owner: Identifier,
        found: Expression,
        inner: Callable[[Identifier], Expression],
        node: Identifier,
    ) -> Expression:
        """An expression in order, and cut off, where its node says so."""
        if "orderBy" in facts:
            down = self._flag(node, "desc") or self.statements.all(node, SHNEX + "desc") == [TRUE]
            parts = (found, inner(facts["orderBy"]))
            found = Expression("orderBy", parts, descending=down)
        for name in ("offset", "limit"):
            if name in facts:
                if self._number(owner, facts[name], name) < 0:
                    self._refuse(
                        owner, f"has {facts[name]} as sh:{name}.", "Write a number of at least 0."
                    )
                found = Expression(name, (found,), term=facts[name])
        return found

    def function(self, iri: str, count: int) -> Function | None:
        """The function of this name, for a call with that many arguments: a sh:SPARQLFunction of
        the shapes graph, or one of SPARQL's own. Raises ShapeError."""
        node = URIRef(iri)
        if self._functions is None:
            self._functions = dict.fromkeys(self.statements.instances(SH + "SPARQLFunction"))
        if node in self._functions:
            known = self._functions[node]
            if known is None:
                parameters = self._parameters_in_order(node)
                form = "ask" if self._values(node, "ask") else "select"
                query = self._query(node, form, [name for name, _ in parameters])
                if form == "select" and len(read_query(query.text, dict(query.prefixes)).PV) != 1:
                    self._refuse(
                        node, "has a query with several variables.", "Let its SELECT give one."
                    )
                known = self._functions[node] = Function(node, query, tuple(parameters))
            return known
        for namespace in SPARQL_FUNCTIONS:
            if iri.startswith(namespace) and (
                text := _sparql_call(iri.removeprefix(namespace), count)
            ):
                names = [f"a{place}" for place in range(count)]
                lenient = iri.removeprefix(namespace).lower() in ("coalesce", "bound", "if")
                query = Query("select", f"SELECT ({text} AS ?result) {{}}", (), node)
                return Function(node, query, tuple((name, lenient) for name in names))
        return None

    def _parameters_in_order(self, node: Identifier) -> list[tuple[str, bool]]:
        """The parameters of a function as arguments are given to it (SHACL-AF §4.1)."""
        order = {
            str(self._one(parameter, "path")): self._decimal(parameter, "order")
            for parameter in self._values(node, "parameter")
        }
        found = sorted(self._parameters(node), key=lambda each: (order[each[0]], each[1]))
        return [(name, optional) for _, name, optional in found]


_SPELT_OTHERWISE = {"pathValues": "path", "orderby": "orderBy", "remove": "minus"}
"""How other drafts call what a node expression is made of."""

_OPERATORS = {
    "plus": "+", "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "equals": "=",
    "not-equals": "!=", "less-than": "<", "greater-than": ">", "less-than-or-equal": "<=",
    "greater-than-or-equal": ">=", "logical-and": "&&", "logical-or": "||", "samevalue": "=",
    "eq": "=", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "and": "&&", "or": "||",
}  # fmt: skip
_PREFIXED = {
    "unary-minus": "-", "unary-plus": "+", "logical-not": "!", "not": "!", "unaryminus": "-"
}  # fmt: skip
_CALLS = {
    "abs": (1, 1), "bnode": (0, 1), "bound": (1, 1), "ceil": (1, 1), "coalesce": (1, 99),
    "concat": (0, 99), "contains": (2, 2), "datatype": (1, 1), "day": (1, 1), "floor": (1, 1),
    "hours": (1, 1), "if": (3, 3), "iri": (1, 1), "isblank": (1, 1), "isiri": (1, 1),
    "isliteral": (1, 1), "isnumeric": (1, 1), "isuri": (1, 1), "lang": (1, 1),
    "langmatches": (2, 2), "lcase": (1, 1), "md5": (1, 1), "minutes": (1, 1), "month": (1, 1),
    "now": (0, 0), "rand": (0, 0), "regex": (2, 3), "replace": (3, 4), "round": (1, 1),
    "sameterm": (2, 2), "seconds": (1, 1), "sha1": (1, 1), "sha256": (1, 1), "sha384": (1, 1),
    "sha512": (1, 1), "str": (1, 1), "strafter": (2, 2), "strbefore": (2, 2), "strdt": (2, 2),
    "strends": (2, 2), "strlang": (2, 2), "strlen": (1, 1), "strstarts": (2, 2),
    "struuid": (0, 0), "substr": (2, 3), "timezone": (1, 1), "tz": (1, 1), "ucase": (1, 1),
    "uri": (1, 1), "uuid": (0, 0), "year": (1, 1),
}  # fmt: skip


def _sparql_call(name: str, count: int) -> str:
    """A call of one of SPARQL's functions or operators, by the name that SHACL 1.2 gives it, with
    ?a0, ?a1 … as arguments; '' if there is none for that many."""
    name = name.lower()
    arguments = [f"?a{place}" for place in range(count)]
    if name in _OPERATORS and count >= 2:
        return f" {_OPERATORS[name]} ".join(arguments)
    if name in _PREFIXED and count == 1:
        return f"{_PREFIXED[name]} {arguments[0]}"
    name = {"encode": "ENCODE_FOR_URI", "encode_for_uri": "ENCODE_FOR_URI"}.get(name, name)
    low, high = (1, 1) if name == "ENCODE_FOR_URI" else _CALLS.get(name, (1, 0))
    return f"{name.upper()}({', '.join(arguments)})" if low <= count <= high else ""


_INTEGERS = (
    "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
    "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
)  # fmt: skip
_DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_RESERVED = ("this", "shapesGraph", "currentShape", "path", "PATH", "value")
_SHAPELY = _PARAMETERS | set(_TARGETS)


def _probe(text: str) -> str:
    """A query as it can be parsed: $PATH stands for a path, which is put in its place (§5.3)."""
    return re.sub(r"\$PATH\b", "<urn:x-shacl:path>", text)


_STAR = re.compile(r"SELECT\s+((DISTINCT|REDUCED)\s+)?\*", re.I)


def _forbidden(algebra: CompValue, query: Query, bound: frozenset[str]) -> str:
    """What of a query SHACL-SPARQL §5.2.1 forbids where `bound` have a value before it runs."""
    asked = algebra.name.removesuffix("Query").lower()
    if asked != query.form:
        return f"that is {asked.upper()} where {query.form.upper()} belongs"
    star = _STAR.search(query.text)
    if algebra.datasetClause:
        return "with FROM"

    def inside(node: Any) -> str:
        if isinstance(node, (list, tuple)):
            return next((wrong for part in node if (wrong := inside(part))), "")
        if not isinstance(node, CompValue):
            return ""
        if node.name == "ServiceGraphPattern":
            return "with SERVICE"
        if node.name in ("Minus", "values") and bound:
            return f"with {node.name.upper()}"
        if node.name == "Extend" and str(node.var) in bound:
            made = isinstance(node.expr, Variable) and str(node.expr).startswith("__agg_")
            if not made:
                return f"that binds ${node.var}, which has a value before it runs"
        if node.name == "ToMultiSet" and getattr(node.p, "name", "") != "values":
            inner = node.p
            while inner.name in ("Distinct", "Reduced", "Slice", "OrderBy"):
                inner = inner.p
            given = {str(name) for name in inner.get("PV", ())}
            if star:  # it gives what its pattern binds, which a FILTER does not
                given &= _binds(inner.p)
            used = names_in(inner) - {"shapesGraph", "currentShape"}
            for name in sorted(bound & (used | {"this"}) - given):
                return f"with a sub-SELECT that does not give ${name}"
        return next((wrong for _, part in members(node) if (wrong := inside(part))), "")

    return inside(algebra.p)


def _binds(node: Any) -> set[str]:
    """The variables that a pattern can bind (SPARQL 1.1 §18.2.1)."""
    if isinstance(node, (list, tuple)):
        return {name for part in node for name in _binds(part)}
    if not isinstance(node, CompValue):
        return set()
    if node.name == "BGP":
        return names_in(node.triples)
    found = {str(node.var)} if node.name == "Extend" else set()
    if node.name == "Project":
        return {str(name) for name in node.PV}
    return found.union(*(_binds(part) for key, part in members(node) if key != "expr"))


# -- the readers of core parameters --------------------------------------------------------------

Reader = Callable[[Shapes, Identifier, str, "Path | None"], Iterator[Constraint]]


def _component(name: str) -> str:
    return f"{SH}{name[0].upper()}{name[1:]}ConstraintComponent"


def _terms(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    for value in shapes._values(node, name):
        yield Constraint(name, _component(name), value)


def _iris(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    for constraint in _terms(shapes, node, name, path):
        if not isinstance(constraint.value, URIRef):
            shapes._refuse(node, f"has '{constraint.value}' as sh:{name}.", "Name an IRI.")
        yield constraint


def _one_iri(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    shapes._one(node, name)
    for constraint in _iris(shapes, node, name, path):
        local = str(constraint.value).removeprefix(SH)
        if name == "nodeKind" and local not in NODE_KINDS:
            shapes._refuse(
                node, f"has <{constraint.value}> as sh:nodeKind.",
                f"Use one of {', '.join('sh:' + kind for kind in NODE_KINDS)}.",
            )  # fmt: skip
        yield constraint


def _counts(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    number = shapes._number(node, shapes._one(node, name), name)
    if path is None and name.endswith("Count"):
        shapes._refuse(node, f"has sh:{name}, but no sh:path.", "Only a property shape may.")
    if number < 0:
        shapes._refuse(node, f"has {number} as sh:{name}.", "Write a number of at least 0.")
    yield Constraint(name, _component(name), number=number)


def _ranges(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    shapes._one(node, name)
    for constraint in _terms(shapes, node, name, path):
        if not isinstance(constraint.value, Literal):
            shapes._refuse(node, f"has '{constraint.value}' as sh:{name}.", "Write a literal.")
        yield constraint


def _patterns(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    flags = shapes._one(node, "flags")
    marks = str(flags or "")
    if set(marks) - set("smixq"):
        shapes._refuse(node, f"has the sh:flags '{marks}'.", "Use i, s, m, x and q.")
    for constraint in _terms(shapes, node, name, path):
        if not isinstance(constraint.value, Literal):
            shapes._refuse(node, f"has '{constraint.value}' as sh:pattern.", "Write a string.")
        text = regular(str(constraint.value), marks)
        yield Constraint(name, _component(name), constraint.value, text=text)


def regular(pattern: str, flags: str) -> str:
    """A regular expression of XPath as RE2 and Python read it, flags at its head."""
    if "q" in flags:
        return ("(?i)" if "i" in flags else "") + re.escape(pattern)
    if "x" in flags:
        pattern = re.sub(r"(\[(?:\\.|[^\]])*\])|\s+", lambda found: found[1] or "", pattern)
    marks = "".join(sorted(set(flags) & set("ism")))
    return f"(?{marks}){pattern}" if marks else pattern


def _lists(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    heads = shapes._values(node, name)
    if len(heads) > 1 and name in ("in", "languageIn"):
        shapes._refuse(node, f"has {len(heads)} values of sh:{name}.", "Keep one.")
    for head in heads:
        members = shapes.members(node, head, name)
        if name == "languageIn" and not all(
            isinstance(tag, Literal) and str(tag.datatype or XSD + "string") == XSD + "string"
            for tag in members
        ):
            shapes._refuse(node, "has a sh:languageIn that holds no tags.", 'Write ("en" "de").')
        if name in _SHAPE_LISTS:
            for member in members:
                _check_shape(shapes, node, name, member)
        yield Constraint(name, _component(name), head, values=members)


def _check_shape(shapes: Shapes, node: Identifier, name: str, value: Identifier) -> None:
    if isinstance(value, Literal):
        shapes._refuse(node, f"has the literal '{value}' in sh:{name}.", "Name a shape.")


def _inner_shapes(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    for constraint in _terms(shapes, node, name, path):
        assert constraint.value is not None
        _check_shape(shapes, node, name, constraint.value)
        if name == "node" and shapes._values(constraint.value, "path"):
            shapes._refuse(
                node,
                f"has {shapes.describe(constraint.value)} as sh:node, which has a sh:path.",
                "Use sh:property for a property shape.",
            )
        yield constraint


def _unique(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    if path is None:
        shapes._refuse(node, f"has sh:{name}, but no sh:path.", "Only a property shape may.")
    if shapes._flag(node, name):
        yield Constraint(name, _component(name))


def _comparisons(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    if path is None:
        shapes._refuse(node, f"has sh:{name}, but no sh:path.", "Only a property shape may.")
    yield from _iris(shapes, node, name, path)


def _closed(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    if not shapes._flag(node, name):
        return
    allowed: list[Identifier] = []
    for shape in shapes._values(node, "property"):
        allowed += [p for p in shapes._values(shape, "path") if isinstance(p, URIRef)]
    ignored = shapes._one(node, "ignoredProperties")
    if ignored is not None:
        members = shapes.members(node, ignored, "ignoredProperties")
        if not all(isinstance(member, URIRef) for member in members):
            shapes._refuse(node, "has sh:ignoredProperties that are no IRIs.", "Name properties.")
        allowed += members
    yield Constraint(name, _component(name), values=tuple(dict.fromkeys(allowed)))


def _qualified(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    """A count of the values that conform to a shape, and to none of its siblings (§4.7.3)."""
    qualified = shapes._values(node, "qualifiedValueShape")
    if not qualified or path is None:
        return
    number = shapes._number(node, shapes._one(node, name), name)
    if number < 0:
        shapes._refuse(node, f"has {number} as sh:{name}.", "Write a number of at least 0.")
    disjoint = shapes._flag(node, "qualifiedValueShapesDisjoint")
    parents = shapes.statements.with_value(SH + "property", node)
    siblings = dict.fromkeys(
        other
        for parent in parents
        for shape in shapes._values(parent, "property")
        for other in shapes._values(shape, "qualifiedValueShape")
    )
    for value in qualified:
        _check_shape(shapes, node, "qualifiedValueShape", value)
        others = [other for other in siblings if other != value] if disjoint else []
        yield Constraint(name, _component(name), value, values=tuple(others), number=number)


def _sparql(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    for value in shapes._values(node, name):
        if not shapes._flag(value, "deactivated"):
            bound = ("this", "currentShape", "shapesGraph")
            query = shapes._query(value, "select", bound, gives="this")
            severity = shapes._one(value, "severity")
            yield Constraint(
                name, SH + "SPARQLConstraintComponent", query=query, source=value,
                messages=query.messages, severity=str(severity or ""),
                annotations=tuple(shapes._annotations(value)),
            )  # fmt: skip


def _expressions(
    shapes: Shapes, node: Identifier, name: str, path: Path | None
) -> Iterator[Constraint]:
    for value in shapes._values(node, name):
        yield Constraint(
            name, SH + "ExpressionConstraintComponent", value,
            expression=shapes.expression(value, node), source=value,
            messages=tuple(shapes._messages(value)) if isinstance(value, BNode) else (),
        )  # fmt: skip


_READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("and", "or", "xone", "in", "languageIn"), _lists),
    **dict.fromkeys(("class", "equals", "disjoint"), _iris),
    **dict.fromkeys(("datatype", "nodeKind"), _one_iri),
    **dict.fromkeys(("lessThan", "lessThanOrEquals"), _comparisons),
    **dict.fromkeys(("minCount", "maxCount", "minLength", "maxLength"), _counts),
    **dict.fromkeys(("minExclusive", "minInclusive", "maxExclusive", "maxInclusive"), _ranges),
    **dict.fromkeys(("qualifiedMinCount", "qualifiedMaxCount"), _qualified),
    **dict.fromkeys(("node", "not"), _inner_shapes),
    "closed": _closed,
    "expression": _expressions,
    "hasValue": _terms,
    "pattern": _patterns,
    "sparql": _sparql,
    "uniqueLang": _unique,
}


def read_shapes(
    files: Iterable[File], *, advanced: bool = False, memory: Memory | None = None
) -> Shapes:
    """The shapes of some files, with `advanced` also what SHACL-AF adds to them.

    What `memory` knows of them is not worked out again. Raises SourceError for a file that cannot
    be read.
    """
    statements = Statements()
    found = tuple(files)
    for file in found:
        statements.read(file)
    return Shapes(statements, found, advanced, memory or Memory(None))
