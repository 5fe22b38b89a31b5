"""The query of a shape: what SHACL Core asks of focus nodes, as SPARQL that finds violations.

A rule may be a shape of SHACL Core. As a query it goes the way of every other rule: what it reads
and denies, its evidence, edits and near misses need no second mechanism.

Source: SHACL (W3C 2017) §4, which defines what violates each kind of constraint.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from rdflib import BNode, Literal, URIRef
from rdflib.term import Identifier

from holdfast.errors import ShapeError
from holdfast.lexical import bounds_of, form_of
from holdfast.shapes import Constraint, Path, Shape, Shapes
from holdfast.sources import line_of
from holdfast.vocabulary import SH, XSD

CORE = frozenset(
    ("and", "class", "closed", "datatype", "disjoint", "equals", "flags", "hasValue",
     "ignoredProperties", "in", "languageIn", "lessThan", "lessThanOrEquals", "maxCount",
     "maxExclusive", "maxInclusive", "maxLength", "minCount", "minExclusive", "minInclusive",
     "minLength", "node", "nodeKind", "not", "or", "pattern", "property", "qualifiedMaxCount",
     "qualifiedMinCount", "qualifiedValueShape", "qualifiedValueShapesDisjoint", "uniqueLang",
     "xone")
)  # fmt: skip
"""The parameters of SHACL Core."""

BESIDE = frozenset(
    ("message", "severity", "deactivated", "path", "inversePath", "alternativePath",
     "zeroOrMorePath", "oneOrMorePath", "zeroOrOnePath", "name", "description", "order", "group",
     "defaultValue")
)  # fmt: skip
"""What else of SHACL a shape within such a shape may have."""


@dataclass(frozen=True)
class Judged:
    """One constraint whose violations a shape reports.

    `name` is what tells it from the others of the shape, as 'sh:minCount of hf:boundary'; `shape`
    is the IRI of the shape that has it, '' where that is a blank node; `message` is that shape's.
    """

    name: str
    shape: str
    message: str


@dataclass(frozen=True)
class ShapeQuery:
    """A shape as a query.

    `text` is a SELECT that gives $this and, as far as results have them, ?value, ?other (of
    sh:lessThan), ?language (of sh:uniqueLang) and ?focus (of a sh:property within a sh:property).
    Where there are several constraints ?constraint has the name of one of
    `judged`, and ?message its message if they differ.
    """

    text: str
    judged: tuple[Judged, ...]
    message: str


def query_of(shapes: Shapes, iri: str, prefixes: Mapping[str, str]) -> ShapeQuery:
    """The query that finds what violates a shape of SHACL Core. Raises ShapeError.

    `prefixes` are those that the query may use without declaring them.
    """
    (shape,) = shapes.named([iri])
    found = [*_Writer(shapes, prefixes, shape.severity).reported(shape, "$this", ())]
    # blank nodes have another order in every run
    found.sort(key=lambda v: (v.judged.name, [b.group() for b in v.bodies], v.judged.message))
    names = Counter[str]()
    for place, one in enumerate(found):
        names[one.judged.name] += 1
        if names[one.judged.name] > 1:
            name = f"{one.judged.name} ({names[one.judged.name]})"
            found[place] = replace(one, judged=replace(one.judged, name=name))
    judged = tuple(one.judged for one in found)
    messages = dict.fromkeys(one.message for one in judged)
    said = " ".join(body.group() for one in found for body in one.bodies).split()
    given = [name for name in _GIVEN if f"?{name}" in said or f"?{name})" in said]
    given += ["constraint"] if len(judged) > 1 else []
    given += ["message"] if len(messages) > 1 else []
    blocks = []
    for one in found:
        for body in one.bodies:
            lines = body.lines()
            if "constraint" in given:
                lines.append(f"BIND({_quoted(one.judged.name)} AS ?constraint)")
            if "message" in given:
                lines.append(f"BIND({_quoted(one.judged.message)} AS ?message)")
            blocks.append(lines)
    if not blocks:
        raise ShapeError(
            f"<{iri}> asks nothing that could be violated.", where=shapes.place(shape.node),
            mend="Give it a constraint, or write sh:deactivated true.",
        )  # fmt: skip
    head = f"SELECT DISTINCT {' '.join(['$this', *(f'?{name}' for name in given)])}\nWHERE {{"
    if len(blocks) == 1:
        where = "\n".join(f"  {line}" for line in blocks[0])
    else:
        where = "\n  UNION\n".join(
            "\n".join(["  {", *(f"    {line}" for line in lines), "  }"]) for lines in blocks
        )
    return ShapeQuery(
        f"{head}\n{where}\n}}", judged,
        next(iter(messages)) if len(messages) == 1 else "{?message}",
    )  # fmt: skip


_GIVEN = ("value", "focus", "other", "language")


@dataclass(frozen=True)
class _Test:
    """A condition: `plain` text, that a group `exists`, or that `any` or `all` parts are true."""

    kind: str
    text: str = ""
    parts: tuple[_Test, ...] = ()
    denied: bool = False

    def __str__(self) -> str:
        if self.kind in ("any", "all"):
            sign, none = (" || ", "false") if self.kind == "any" else (" && ", "true")
            return sign.join(f"({p})" if len(p.parts) > 1 else str(p) for p in self.parts) or none
        if self.kind == "exists":
            return f"{'NOT ' if self.denied else ''}EXISTS {{ {self.text} }}"
        call = re.fullmatch(r"[\w:]+\(.*\)", self.text)
        return (f"!{self.text}" if call else f"!({self.text})") if self.denied else self.text

    def denial(self) -> _Test:
        """That it is not so."""
        if self.kind in ("any", "all"):
            return (_all if self.kind == "any" else _any)(*(part.denial() for part in self.parts))
        return replace(self, denied=not self.denied)


def _plain(text: str) -> _Test:
    return _Test("plain", text)


def _exists(group: str) -> _Test:
    return _Test("exists", group)


def _any(*tests: _Test) -> _Test:
    """That one of some conditions is true; of none, false."""
    return _joined("any", tests)


def _all(*tests: _Test) -> _Test:
    """That all of some conditions are true, as they are of none."""
    return _joined("all", tests)


def _joined(kind: str, tests: Sequence[_Test]) -> _Test:
    parts: list[_Test] = []
    for test in tests:
        if test.kind in ("any", "all") and test.kind != kind and not test.parts:
            return test
        parts += test.parts if test.kind == kind else (test,)
    # in an order that does not depend on the names of blank nodes
    listed = sorted(dict.fromkeys(parts), key=str)
    return listed[0] if len(listed) == 1 else _Test(kind, parts=tuple(listed))


@dataclass(frozen=True)
class _Body:
    """A group of a query: patterns, then a condition on what they bind."""

    patterns: tuple[str, ...] = ()
    test: _Test = _Test("all")

    def lines(self) -> list[str]:
        tests = self.test.parts if self.test.kind == "all" else (self.test,)
        return [
            *self.patterns,
            *(f"FILTER {test}" if test.kind == "exists" else f"FILTER({test})" for test in tests),
        ]

    def group(self) -> str:
        return " ".join(self.lines())

    def holds(self) -> _Test:
        """That the group has a solution."""
        return _exists(self.group()) if self.patterns else self.test


@dataclass(frozen=True)
class _Violation:
    judged: Judged
    bodies: tuple[_Body, ...]


class _Writer:
    def __init__(self, shapes: Shapes, prefixes: Mapping[str, str], severity: str) -> None:
        self.shapes = shapes
        self.prefixes = prefixes
        self.severity = severity
        self.lead = ""
        """The pattern that leads from $this to ?focus, while what ?focus violates is written."""

    # -- what is reported --------------------------------------------------------------------------

    def reported(self, shape: Shape, focus: str, way: tuple[Path, ...]) -> Iterator[_Violation]:
        """The violations of a shape and of those under its sh:property, each as a group; `way`
        leads from $this to the focus nodes, if these are others."""
        if shape.deactivated:
            return
        named = str(shape.node) if isinstance(shape.node, URIRef) else ""
        lead = (f"$this {self.path(_sequence(way))} {focus} .",) if way else ()
        for constraint in shape.constraints:
            if not shape.messages:
                self.refuse(
                    shape, "has no sh:message.",
                    "Say in a sentence what is wrong where it is violated: that is the finding.",
                )  # fmt: skip
            if shape.severity != self.severity:
                own, whole = (s.removeprefix(SH) for s in (shape.severity, self.severity))
                self.refuse(
                    shape, f"has the severity {own}, and the rule {whole}.",
                    f"Say sh:severity sh:{whole} there too: SHACL takes it from the shape that has"
                    " the constraint.",
                )  # fmt: skip
            name = f"sh:{constraint.kind}"
            if shape.path is not None:
                name += f" of {self.path(shape.path)}"
            judged = Judged(name, named, self.message(shape))
            bodies = []
            self.lead = lead[0] if lead else ""
            for body in self.bodies(constraint, shape, focus, "?value", 0):
                itself = shape.path is None and constraint.kind != "hasValue"
                told = "?value" not in body.group().split() and itself
                value = (f"BIND({focus} AS ?value)",) if told else ()
                bodies.append(_Body((*lead, *body.patterns, *value), body.test))
            yield _Violation(judged, tuple(bodies))
        for node in shape.properties:
            inner = self.shapes.shape(node)
            if shape.path is None:
                yield from self.reported(inner, focus, way)
            else:
                yield from self.reported(inner, "?focus", (*way, shape.path))

    def message(self, shape: Shape) -> str:
        if len(shape.messages) > 1:
            self.refuse(shape, f"has {len(shape.messages)} values of sh:message.", "Keep one.")
        text = str(shape.messages[0])
        hole = re.search(r"\{[$?]?\w+\}", text)
        if hole:
            self.refuse(
                shape, f"has a message that names {hole[0]}: SHACL Core puts nothing in its place.",
                "Write the message as a plain sentence; the finding shows venture and value.",
            )  # fmt: skip
        return text

    def refuse(self, shape: Shape, what: str, mend: str) -> NoReturn:
        place = self.shapes.place(shape.node)
        if shape.path is not None and shape.path.kind == "predicate":
            tail = re.escape(re.split(r"[/#]", shape.path.iri)[-1])
            line = line_of(self.shapes.files[0], rf"sh:path\s+\S*[:/#]{tail}\b")
            place = f"{self.shapes.files[0]}: line {line}" if line else place
        raise ShapeError(f"{self.shapes.describe(shape.node)} {what}", where=place, mend=mend)

    # -- conforming --------------------------------------------------------------------------------

    def fails(self, node: Identifier | None, focus: str, depth: int) -> _Test:
        """That `focus` does not conform to a shape."""
        assert node is not None
        shape = self.shapes.shape(node)
        if shape.deactivated:
            return _any()
        value = _variable(shape, depth)
        whole: list[_Test] = []
        single: list[_Test] = []  # of the value nodes one by one, which are looked at together
        lead = (f"{focus} {self.path(shape.path)} {value} .",) if shape.path is not None else ()
        for constraint in shape.constraints:
            for body in self.bodies(constraint, shape, focus, value, depth):
                if lead and body.patterns == lead:
                    single.append(body.test)
                else:
                    whole.append(body.holds())
        for inner in shape.properties:
            if lead:
                single.append(self.fails(inner, value, depth + 1))
            else:
                whole.append(self.fails(inner, focus, depth))
        if single:
            whole.append(_Body(lead, _any(*single)).holds())
        return _any(*whole)

    # -- constraints (§4) --------------------------------------------------------------------------

    def bodies(
        self, c: Constraint, shape: Shape, focus: str, value: str, depth: int
    ) -> Iterator[_Body]:
        """What violates a constraint, as groups that have a solution for each violation; `value` is
        the value at fault, if there is one."""
        kind = c.kind
        if kind not in CORE:
            self.refuse(
                shape, f"has sh:{kind}, which is not SHACL Core." if kind != "custom"
                else f"has the constraint <{c.component}>, which is not SHACL Core.",
                "Write the rule with one sh:sparql instead.",
            )  # fmt: skip
        each, loose = value, f"?_other{depth + 1}"
        lead: tuple[str, ...] = ()
        if shape.path is None:
            each = focus
        else:
            path = self.path(shape.path)
            lead = (f"{focus} {path} {value} .",)
        if kind in _SINGLE:
            yield _Body(lead, self.single(c, shape, each, depth + 1))
        elif kind in ("minCount", "maxCount", "qualifiedMinCount", "qualifiedMaxCount"):
            yield from self.counted(c, focus, path, _variable(shape, depth), depth)
        elif kind == "hasValue":
            assert c.value is not None
            wanted = self.term(c.value, shape)
            if shape.path is None:
                yield _Body((), _plain(f"sameTerm({focus}, {wanted})").denial())
            else:
                yield _Body((), _exists(f"{focus} {path} {wanted}").denial())
        elif kind == "closed":
            node = focus if shape.path is None else f"?_node{depth + 1}"
            first = () if shape.path is None else (f"{focus} {path} {node} .",)
            others = "|".join(self.iri(str(known)) for known in c.values)
            yield _Body((*first, f"{node} !({others}) {value} ."))
        elif kind == "uniqueLang":
            inner = _variable(shape, depth)
            names, way = self.grouped(focus)
            yield _Body((
                f"{{ SELECT {names} ?language WHERE {{ {way}{focus} {path} {inner} ."
                f' FILTER(isLiteral({inner}) && LANG({inner}) != "") }}'
                f" GROUP BY {names} (LCASE(LANG({inner})) AS ?language)"
                f" HAVING (COUNT(DISTINCT {inner}) > 1) }}",
            ))  # fmt: skip
        elif kind in ("equals", "disjoint"):
            other = self.term(c.value, shape)
            if kind == "disjoint":
                yield _Body((*lead, f"{focus} {other} {each} ."))
                return
            yield _Body(lead, _exists(f"{focus} {other} {each}").denial())
            back = (
                _plain(f"sameTerm({value}, {focus})") if shape.path is None
                else _exists(f"{focus} {path} {value}")
            )  # fmt: skip
            yield _Body((f"{focus} {other} {value} .",), back.denial())
        else:
            assert kind in ("lessThan", "lessThanOrEquals")
            bound = "?other" if value == "?value" else loose
            sign = "<" if kind == "lessThan" else "<="
            yield _Body(
                (*lead, f"{focus} {self.term(c.value, shape)} {bound} ."),
                _plain(f"COALESCE({value} {sign} {bound}, false)").denial(),
            )

    def counted(
        self, c: Constraint, focus: str, path: str, value: str, depth: int
    ) -> Iterator[_Body]:
        """Too few values, or too many; of qualified counts those that conform (§4.7.3)."""
        least = c.kind in ("minCount", "qualifiedMinCount")
        if least and not c.number:
            return
        pattern = inner = f"{focus} {path} {value} ."
        if c.kind.startswith("qualified"):
            assert c.value is not None
            tests = [self.fails(c.value, value, depth + 1).denial()]
            tests += [self.fails(sibling, value, depth + 1) for sibling in c.values]
            inner = _Body((pattern,), _all(*tests)).group()
        number = c.number if least else c.number + 1
        if number > 1:
            names, way = self.grouped(focus)
            inner = (
                f"{{ SELECT {names} WHERE {{ {way}{inner} }} GROUP BY {names}"
                f" HAVING (COUNT(DISTINCT {value}) >= {number}) }}"
            )
        yield _Body((), _exists(inner).denial()) if least else _Body((inner,))

    def grouped(self, focus: str) -> tuple[str, str]:
        """By what the values of `focus` are counted, and how that is come to: each $this apart."""
        return (f"$this {focus}", f"{self.lead} ") if focus == "?focus" else (focus, "")

    def single(self, c: Constraint, shape: Shape, value: str, depth: int) -> _Test:
        """That one value violates a constraint."""
        kind = c.kind
        if kind == "class":
            return _exists(f"{value} a {self.term(c.value, shape)}").denial()
        if kind == "datatype":
            return self.has_datatype(str(c.value), value).denial()
        if kind == "nodeKind":
            local = str(c.value).rpartition("#")[2]
            names = {"IRI": "IRI", "Literal": "Literal", "Blank": "BlankNode"}
            tests = [_plain(f"is{n}({value})") for n, part in names.items() if part in local]
            return _any(*tests).denial()
        if kind in _SIGNS:
            compared = f"{value} {_SIGNS[kind]} {self.term(c.value, shape)}"
            return _plain(f"COALESCE({compared}, false)").denial()
        blank = _plain(f"isBlank({value})")
        if kind in ("minLength", "maxLength"):
            sign = "<" if kind == "minLength" else ">"
            return _any(blank, _plain(f"STRLEN(STR({value})) {sign} {c.number}"))
        if kind == "pattern":
            flags = "".join(map(str, self.shapes.statements.all(shape.node, SH + "flags")))
            more = f", {_quoted(flags)}" if flags else ""
            matched = _plain(f"REGEX(STR({value}), {_quoted(str(c.value))}{more})")
            return _any(blank, matched.denial())
        if kind == "languageIn":
            tags = [_plain(f"LANGMATCHES(LANG({value}), {_quoted(str(tag))})") for tag in c.values]
            return _all(_plain(f"isLiteral({value})"), _any(*tags)).denial()
        if kind == "in":
            members = (self.term(member, shape) for member in c.values)
            return _any(*(_plain(f"sameTerm({value}, {member})") for member in members)).denial()
        if kind == "node":
            return self.fails(c.value, value, depth)
        if kind == "not":
            return self.fails(c.value, value, depth).denial()
        failing = [self.fails(member, value, depth) for member in c.values]
        if kind in ("and", "or"):
            return (_any if kind == "and" else _all)(*failing)
        total = " + ".join(f"IF({test}, 0, 1)" for test in failing) or "0"
        return _plain(f"{total} != 1")

    def has_datatype(self, datatype: str, value: str) -> _Test:
        tests = [f"isLiteral({value})", f"DATATYPE({value}) = {self.iri(datatype)}"]
        if form := form_of(datatype):
            tests.append(f"REGEX(STR({value}), {_quoted(f'^({form})$')})")
        if bounds := bounds_of(datatype):
            whole = f"{self.iri(XSD + 'integer')}(STR({value}))"
            tests += [f"{whole} >= {bounds[0]}", f"{whole} <= {bounds[1]}"]
        return _all(*map(_plain, tests))

    # -- terms -------------------------------------------------------------------------------------

    def term(self, term: Identifier | None, shape: Shape) -> str:
        if isinstance(term, BNode):
            self.refuse(
                shape, "asks for a blank node, which no data can name.", "Name an IRI or a literal."
            )
        assert term is not None
        return self.iri(str(term)) if isinstance(term, URIRef) else _literal(term)

    def iri(self, iri: str) -> str:
        for prefix, namespace in self.prefixes.items():
            local = iri.removeprefix(namespace)
            if iri.startswith(namespace) and re.fullmatch(r"[A-Za-z_]([\w-]*\w)?", local):
                return f"{prefix}:{local}"
        return f"<{iri}>"

    def path(self, path: Path) -> str:
        return re.sub(r"<([^>]*)>", lambda found: self.iri(found[1]), path.sparql())


def _variable(shape: Shape, depth: int) -> str:
    """A variable for the value nodes of a shape, named for the last predicate on the way there."""
    path = shape.path
    while path is not None and path.parts:
        path = path.parts[-1]
    name = re.sub(r"\W", "", re.split(r"[/#:]", path.iri)[-1]) if path is not None else ""
    return f"?{name or 'node'}{depth + 1}"


def _sequence(way: tuple[Path, ...]) -> Path:
    return way[0] if len(way) == 1 else Path("sequence", parts=way)


_SIGNS = {"minInclusive": ">=", "minExclusive": ">", "maxInclusive": "<=", "maxExclusive": "<"}
_SINGLE = frozenset(
    ("class", "datatype", "nodeKind", "minLength", "maxLength", "pattern", "languageIn", "in",
     "node", "not", "and", "or", "xone", *_SIGNS)
)  # fmt: skip


def _quoted(text: str) -> str:
    return _literal(Literal(text))


def _literal(term: Identifier) -> str:
    assert isinstance(term, Literal)
    text = "".join(_ESCAPES.get(sign, sign) for sign in str(term))
    if term.language:
        return f'"{text}"@{term.language}'
    return f'"{text}"^^<{term.datatype}>' if term.datatype else f'"{text}"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
