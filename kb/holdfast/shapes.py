"""Shapes graphs (W3C SHACL), read into shapes or refused.

A shape is read when something reaches it: a target, a shape that refers to it, or the user who
names it. What nothing reaches may be ill-formed without harm (SHACL §1.1 leaves that open).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

from holdfast.errors import ShapeError, printable
from holdfast.queries import QuerySyntaxError, members, names_in, read_query
from holdfast.sources import line_of, quads_in
from holdfast.vocabulary import OWL, RDF_TYPE, RDFS, SH, XSD

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NIL = URIRef(RDF + "nil")
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
class Expression:
    """A node expression (SHACL-AF §5).

    `kind` is this, constant, path, filter, union, intersection, minus, function, if, exists,
    distinct, count, min, max, sum, orderBy, limit, offset or ask.
    """

    kind: str
    parts: tuple[Expression, ...] = ()
    term: Identifier | None = None
    path: Path | None = None
    query: Query | None = None
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


@dataclass(frozen=True)
class Rule:
    """One sh:rule of a shape, or one of a rule set (SHACL-AF §8, SHACL 1.2 Inference Rules).

    `triple` has the expressions of a sh:TripleRule; `query` the CONSTRUCT of a sh:SPARQLRule.
    `conditions` are shapes that a focus node must conform to.
    """

    node: Identifier
    order: float
    layer: float
    once: bool
    conditions: tuple[Identifier, ...]
    triple: tuple[Expression, Expression, Expression] | None = None
    query: Query | None = None


@dataclass(frozen=True)
class Shape:
    """A node shape, or with a `path` a property shape.

    `properties` are the shapes of sh:property, in the order of their names.
    """

    node: Identifier
    path: Path | None
    targets: tuple[Target, ...]
    constraints: tuple[Constraint, ...]
    properties: tuple[Identifier, ...]
    severity: str
    messages: tuple[Literal, ...]
    deactivated: bool
    rules: tuple[Rule, ...] = ()

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

    def read(self, file: File) -> None:
        """Add the triples of one file, whatever graph they stand in. Raises SourceError."""
        for quad in quads_in(file):
            subject, predicate = term_of(quad.subject), str(quad.predicate.value)
            values = self.triples.setdefault(subject, {}).setdefault(predicate, [])
            value = term_of(quad.object)
            if value not in values:
                values.append(value)
                self.files.setdefault(subject, file)
                self.subjects.setdefault(predicate, []).append(subject)

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


def term_of(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> Identifier:
    """A parsed term, its lexical form kept as it is spelt."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    assert isinstance(term, ox.Literal)
    if term.language:
        return Literal(term.value, lang=term.language)
    return Literal(term.value, datatype=URIRef(term.datatype.value), normalize=False)


def _order(term: Identifier) -> tuple[bool, str, str, str]:
    language = getattr(term, "language", None) or ""
    return isinstance(term, BNode), str(term), language, str(getattr(term, "datatype", None) or "")


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
    _known: dict[Identifier, Shape] = field(default_factory=dict)
    _components: tuple[Component, ...] | None = None
    _functions: set[Identifier] | None = None

    # -- asking ----------------------------------------------------------------------------------

    def shape(self, node: Identifier) -> Shape:
        """One shape. Raises ShapeError where it is ill-formed."""
        if node not in self._known:
            self._known[node] = self._read(node)
        return self._known[node]

    def targeted(self, *, advanced: bool = False) -> list[Shape]:
        """The shapes that name what they are for, ordered by name. Raises ShapeError.

        With `advanced` also those whose targets are queries (SHACL-AF §3).
        """
        found: list[Identifier] = []
        for name in _TARGETS if advanced else _TARGETS[:-1]:
            found += self.statements.subjects.get(SH + name, [])
        found += [node for node in self._classes() if self.is_shape(node)]
        shapes = [self.shape(node) for node in sorted(dict.fromkeys(found), key=_order)]
        for shape in shapes:
            self._check_cycles(shape)
        return [shape for shape in shapes if not shape.deactivated]

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
        return bool(types & (below(SH + "NodeShape") | below(SH + "PropertyShape")))

    def describe(self, node: Identifier) -> str:
        """What to call a shape or another node of the shapes graph in a sentence."""
        if isinstance(node, URIRef):
            return f"<{node}>"
        if not isinstance(node, BNode):
            return f"'{node}'"
        for predicate in ("property", "node", "not", "qualifiedValueShape", "sparql", "rule"):
            owners = self.statements.with_value(SH + predicate, node)
            if owners:
                what = {"sparql": "the query", "rule": "the rule"}.get(predicate, "the shape")
                paths = self.statements.all(node, SH + "path")
                on = f" on <{paths[0]}>" if paths and isinstance(paths[0], URIRef) else ""
                return f"{what}{on} in sh:{predicate} of {self.describe(owners[0])}"
        return "an unnamed shape"

    def place(self, node: Identifier) -> str:
        """Where a shape stands, for an error message."""
        file = self.statements.files.get(node, self.files[0] if self.files else None)
        if file is None:
            return ""
        shown = "standard input" if str(file) == "-" else printable(str(file))
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
                return f"{shown}: line {line}"
        return shown

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
        for rule in shape.rules:
            for condition in rule.conditions:
                visit(condition, ())

    # -- shapes ----------------------------------------------------------------------------------

    def _classes(self) -> list[Identifier]:
        """The classes of the shapes graph; owl:Class counts, whether or not it is said to be one"""
        found = self.statements.instances(RDFS + "Class") + self.statements.instances(OWL + "Class")
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
            rules=tuple(self._rules(node)),
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
        if node in self._classes():
            yield Target("class", node)
        for term in self._values(node, "target"):
            yield self._sparql_target(node, term)

    def _sparql_target(self, node: Identifier, target: Identifier) -> Target:
        """A target that a query finds (SHACL-AF §3)."""
        if self._values(target, "select"):
            return Target("sparql", target, self._query(target, "select", ("shapesGraph",)))
        for kind in self.statements.all(target, RDF_TYPE):
            if not self._values(kind, "select"):
                continue
            bound = []
            for predicate, name, optional in self._parameters(kind):
                values = self.statements.all(target, predicate)
                if not values and not optional:
                    self._refuse(
                        node, f"has a sh:target without <{predicate}>.", "Give it a value."
                    )
                bound += [(name, value) for value in values[:1]]
            names = ("shapesGraph", *(name for name, _ in bound))
            return Target("sparql", target, self._query(kind, "select", names), tuple(bound))
        self._refuse(
            node,
            "has a sh:target that is no query.",
            "Give it sh:select, or a sh:SPARQLTargetType.",
        )

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

    def _messages(self, node: Identifier) -> Iterator[Literal]:
        for value in self._values(node, "message"):
            datatypes = (None, URIRef(XSD + "string"), URIRef(RDF + "langString"))
            if not isinstance(value, Literal) or value.datatype not in datatypes:
                self._refuse(node, "has a sh:message that is no text.", "Write a string.")
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
        for kind in ("alternative", "zeroOrMore", "oneOrMore", "zeroOrOne", "inverse"):
            values = self._values(node, f"{kind}Path")
            if len(values) > 1:
                wrong(f"has {len(values)} values of sh:{kind}Path")
            if not values:
                continue
            if kind == "alternative":
                parts = self.members(owner, values[0], "alternativePath")
                if len(parts) < 2:
                    wrong("has a sh:alternativePath of fewer than two members")
                return Path(kind, parts=tuple(self._path(part, owner, way) for part in parts))
            return Path(kind, parts=(self._path(values[0], owner, way),))
        wrong("is no path")

    # -- queries ---------------------------------------------------------------------------------

    def _query(self, node: Identifier, form: str, bound: Sequence[str] = ()) -> Query:
        """The query of a node, checked (SHACL-SPARQL §5.2.1). `bound` are its variables that have a
        value before it runs."""
        value = self._one(node, form)
        if not isinstance(value, Literal):
            self._refuse(node, f"has a sh:{form} that is no text.", "Write the query as a string.")
        query = Query(
            form, str(value), tuple(self._prefixes(node)), node, tuple(self._messages(node))
        )
        self.check(query, bound)
        return query

    def check(self, query: Query, bound: Sequence[str]) -> None:
        """Refuse a query that is no SPARQL, or has what SHACL forbids. Raises ShapeError."""
        try:
            algebra = read_query(_probe(query.text), dict(query.prefixes))
            wrong = _forbidden(algebra, query, frozenset(bound))
        except QuerySyntaxError as error:
            self._refuse(
                query.node,
                f"has a query that is not SPARQL 1.1: line {error.line}: {error.reason}.",
                "Mend the query; prefixes are declared by sh:declare and named by sh:prefixes.",
            )
        if wrong:
            self._refuse(
                query.node, f"has a query {wrong}.", "SHACL-SPARQL §5.2.1 says what it may hold."
            )

    def _prefixes(self, node: Identifier) -> Iterator[tuple[str, str]]:
        """The prefixes of a query: sh:prefixes, owl:imports from there, sh:declare (§5.2.2)."""
        todo, seen = self._values(node, "prefixes"), set[Identifier]()
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
        yield from sorted(found.items())

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
        query = self._query(validator, form, ("this", *known, "currentShape", "shapesGraph"))
        for values_of in sets:
            yield Constraint(
                "custom",
                str(component.node),
                query=query,
                bound=tuple(values_of.items()),
                optional=tuple(name for name in names if name not in values_of),
                messages=query.messages or tuple(self._messages(component.node)),
            )

    # -- rules -----------------------------------------------------------------------------------

    def _rules(self, node: Identifier) -> Iterator[Rule]:
        for rule in self._values(node, "rule"):
            yield from self.rules_of(rule, owner=node)

    def rules_of(self, rule: Identifier, *, owner: Identifier) -> Iterator[Rule]:
        """A rule, or all rules of a sh:RuleSet. Raises ShapeError."""
        if URIRef(SH + "RuleSet") in self.statements.all(rule, RDF_TYPE):
            for member in self._values(rule, "rule"):
                yield from self.rules_of(member, owner=rule)
            return
        if self._flag(rule, "deactivated"):
            return
        common = {
            "node": rule,
            "order": self._decimal(rule, "order"),
            "layer": self._decimal(rule, "layer"),
            "once": self._flag(rule, "runOnce"),
            "conditions": tuple(self._values(rule, "condition")),
        }
        if self._values(rule, "construct"):
            yield Rule(**common, query=self._query(rule, "construct", ("this",)))  # type: ignore[arg-type]
            return
        ends = [self._one(rule, name) for name in ("subject", "predicate", "object")]
        if any(end is None for end in ends):
            self._refuse(
                rule,
                f"is no rule that is known here, in sh:rule of {self.describe(owner)}.",
                "Give it sh:construct, or sh:subject, sh:predicate and sh:object.",
            )
        triple = tuple(self.expression(end, rule) for end in ends if end is not None)
        yield Rule(**common, triple=triple)  # type: ignore[arg-type]

    def _decimal(self, node: Identifier, name: str) -> float:
        value = self._one(node, name)
        try:
            return float(str(value)) if value is not None else 0.0
        except ValueError:
            self._refuse(node, f"has '{value}' as sh:{name}.", "Write a number.")

    # -- node expressions ------------------------------------------------------------------------

    def expression(
        self, node: Identifier, owner: Identifier, way: tuple[Identifier, ...] = ()
    ) -> Expression:
        """A node expression (SHACL-AF §5). Raises ShapeError."""
        if node == URIRef(SH + "this"):
            return Expression("this")
        if not isinstance(node, BNode):
            return Expression("constant", term=node)
        if node in way:
            self._refuse(owner, "has a node expression that contains itself.", "Break the circle.")
        way = (*way, node)

        def inner(value: Identifier) -> Expression:
            return self.expression(value, owner, way)

        def nodes() -> tuple[Expression, ...]:
            values = self._values(node, "nodes")
            return (inner(values[0]),) if values else (Expression("this"),)

        facts = {
            name.removeprefix(SH): values[0]
            for name, values in self.statements.triples.get(node, {}).items()
            if name.startswith(SH)
        }
        if "filterShape" in facts:
            return Expression("filter", nodes(), term=facts["filterShape"])
        if "path" in facts:
            return Expression("path", nodes(), path=self.path(facts["path"], owner))
        for name in ("union", "intersection"):
            if name in facts:
                parts = tuple(inner(part) for part in self.members(owner, facts[name], name))
                if len(parts) < 2:
                    self._refuse(
                        owner, f"has a sh:{name} of fewer than two members.", "Give it two."
                    )
                return Expression(name, parts)
        if "minus" in facts:
            return Expression("minus", (*nodes(), inner(facts["minus"])))
        if "if" in facts:
            none = Expression("union")
            chosen = [inner(facts[name]) if name in facts else none for name in ("then", "else")]
            return Expression("if", (inner(facts["if"]), *chosen))
        if "orderBy" in facts or "orderby" in facts:
            by = inner(facts.get("orderBy", facts.get("orderby", NIL)))
            return Expression("orderBy", (*nodes(), by), descending=self._flag(node, "desc"))
        for name in ("limit", "offset"):
            if name in facts:
                self._number(owner, facts[name], name)
                return Expression(name, nodes(), term=facts[name])
        for name in ("distinct", "count", "min", "max", "sum", "exists"):
            if name in facts:
                return Expression(name, (inner(facts[name]),))
        others = [
            (name, values)
            for name, values in self.statements.triples.get(node, {}).items()
            if name != RDF_TYPE
        ]
        if len(others) == 1:
            name, values = others[0]
            arguments = tuple(inner(part) for part in self.members(owner, values[0], name))
            return Expression("function", arguments, term=URIRef(name), query=self.function(name))
        self._refuse(
            owner, "has a node expression that is not known here.", "SHACL-AF §5 lists the forms."
        )

    def function(self, iri: str) -> Query | None:
        """The query of a sh:SPARQLFunction, if the shapes graph declares that one."""
        node = URIRef(iri)
        if self._functions is None:
            self._functions = set(self.statements.instances(SH + "SPARQLFunction"))
        if node not in self._functions:
            return None
        names = [name for _, name, _ in self.parameters_in_order(node)]
        form = "ask" if self._values(node, "ask") else "select"
        return self._query(node, form, names)

    def parameters_in_order(self, node: Identifier) -> list[tuple[str, str, bool]]:
        """The parameters of a function as arguments are given to it (SHACL-AF §4)."""
        order = {
            str(self._one(parameter, "path")): (self._decimal(parameter, "order"), place)
            for place, parameter in enumerate(self._values(node, "parameter"))
        }
        found = list(self._parameters(node))
        return sorted(found, key=lambda parameter: (order[parameter[0]][0], parameter[1]))


_INTEGERS = (
    "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
    "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte",
)  # fmt: skip
_RESERVED = ("this", "shapesGraph", "currentShape", "path", "PATH", "value")
_SHAPELY = _PARAMETERS | set(_TARGETS)


def _probe(text: str) -> str:
    """A query as it can be parsed: $PATH stands for a path, which is put in its place (§5.3)."""
    return re.sub(r"\$PATH\b", "<urn:x-shacl:path>", text)


def _forbidden(algebra: CompValue, query: Query, bound: frozenset[str]) -> str:
    """What of a query SHACL-SPARQL §5.2.1 forbids where `bound` have a value before it runs."""
    asked = algebra.name.removesuffix("Query").lower()
    if asked != query.form:
        return f"that is {asked.upper()} where {query.form.upper()} belongs"
    star = re.search(r"SELECT\s+((DISTINCT|REDUCED)\s+)?\*", query.text, re.I)
    if algebra.datasetClause:
        return "with FROM"

    def inside(node: Any) -> str:
        if isinstance(node, (list, tuple)):
            return next((wrong for part in node if (wrong := inside(part))), "")
        if not isinstance(node, CompValue):
            return ""
        if node.name in ("Minus", "ServiceGraphPattern"):
            return "with MINUS" if node.name == "Minus" else "with SERVICE"
        if node.name == "values":
            return "with VALUES"
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
        if name == "languageIn" and not all(isinstance(tag, Literal) for tag in members):
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
    siblings = {
        other
        for parent in parents
        for shape in shapes._values(parent, "property")
        for other in shapes._values(shape, "qualifiedValueShape")
    }
    for value in qualified:
        _check_shape(shapes, node, "qualifiedValueShape", value)
        others = sorted(siblings - {value}, key=_order) if disjoint else []
        yield Constraint(name, _component(name), value, values=tuple(others), number=number)


def _sparql(shapes: Shapes, node: Identifier, name: str, path: Path | None) -> Iterator[Constraint]:
    for value in shapes._values(node, name):
        if not shapes._flag(value, "deactivated"):
            query = shapes._query(value, "select", ("this", "currentShape", "shapesGraph"))
            yield Constraint(
                name, SH + "SPARQLConstraintComponent", query=query, source=value,
                messages=query.messages,
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


def read_shapes(files: Iterable[File]) -> Shapes:
    """The shapes of some files. Raises SourceError for a file that cannot be read."""
    statements = Statements()
    found = tuple(files)
    for file in found:
        statements.read(file)
    return Shapes(statements, found)
