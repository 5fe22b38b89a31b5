"""Data and shapes in, a validation report out (W3C SHACL)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path as File
from typing import Any
from urllib.parse import unquote, urlparse

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef
from rdflib.term import Identifier

from holdfast.columns import Columns, Limits, broken_lists_in
from holdfast.columns.names import column_of, quoted
from holdfast.columns.store import STATED
from holdfast.compile.shapes import ShapePlan, compile_constraints, compile_values, constraints_of
from holdfast.compile.values import n3_of
from holdfast.errors import HoldfastError, ShapeError, SourceError
from holdfast.memory import Memory, usual_memory
from holdfast.queries import term_of
from holdfast.reason.entailment import entail
from holdfast.reason.examination import Examination
from holdfast.reason.inferring import Inference, Inferred
from holdfast.shapes import NODE_KINDS, Constraint, Path, Shape, Shapes, read_shapes
from holdfast.sources import files_in, prefixes_in, shown
from holdfast.vocabulary import INFERENCES, OWL, SH, XSD

TRUE = f'"true"^^<{XSD}boolean>'


@dataclass(frozen=True)
class Result:
    """One validation result (§3.6.2.2). `focus` and `value` are N-Triples terms.

    `constraint` is the node of a SPARQL constraint or an expression; `details` are the results of
    the inner shapes of sh:node, sh:and, sh:or and sh:xone; `annotations` are properties with their
    values (SHACL-AF §4).
    """

    focus: str
    path: Path | None
    value: str | None
    shape: Identifier
    component: str
    severity: str
    messages: tuple[Literal, ...]
    constraint: Identifier | None = None
    details: tuple[Result, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass
class Report:
    """A validation report: its results in a fixed order, and what they were found in.

    `conforms` is False where there is a result that counts. `doubts` say why nothing was checked,
    if so.
    """

    conforms: bool
    results: tuple[Result, ...]
    inference: Inference
    shapes: Shapes
    columns: Columns
    doubts: tuple[str, ...] = ()

    def reaches(self, severity: str) -> bool:
        """Whether a result is of this severity (info, warning, violation, never) or above; one that
        SHACL does not define is above all."""
        ranks = ["info", "warning", "violation", "never"]
        return any(
            ranks.index(name if name in ranks[:2] else "violation") >= ranks.index(severity)
            for name in (result.severity.removeprefix(SH).lower() for result in self.results)
        )

    @property
    def inferred(self) -> Iterator[Inferred]:
        """What the rules of the shapes graph added to the data, in order: it may be much."""
        return self.inference.inferred()

    @cached_property
    def labels(self) -> dict[str, str]:
        """What to call each focus node and value in a sentence, by N-Triples term."""
        terms = {term for r in self.results for term in (r.focus, r.value) if term}
        ids = self.columns.ids_of(terms)
        named = self.columns.labels(ids.values())
        return {n3: named.get(number, n3) for n3, number in ids.items()}


@dataclass(frozen=True)
class Additions:
    """What rules add to some data; `doubts` say why no rule was run, if so."""

    triples: tuple[Inferred, ...]
    doubts: tuple[str, ...] = ()


def validate(
    data: Iterable[str],
    shapes: Iterable[str] = (),
    *,
    ontology: Iterable[str] = (),
    inference: str = "none",
    imports: bool = False,
    advanced: bool = False,
    iterate: bool = False,
    abort: bool = False,
    allow: Iterable[str] = (),
    focus: Sequence[str] = (),
    only: Sequence[str] = (),
    depth: int | None = None,
    memory: Memory | None = None,
    limits: Limits | None = None,
) -> Report:
    """The report on some data against some shapes, both files and folders of RDF.

    Without `shapes` the data hold their own. `ontology` takes part in the data graph; `inference`
    is none, rdfs, owlrl or both; with `imports` local files named by owl:imports are read too.
    `advanced` turns on SHACL-AF: query targets and rules, which with `iterate` run until they add
    nothing. What the shapes graph itself asks for with sh:entailment is done first.
    `abort` stops at the first result. Results whose severity is in `allow` (IRIs) do not count
    against the data. `focus` keeps to these nodes, `only` to these shapes: IRIs, or names with a
    prefix that the data, or the shapes, declare.
    Shapes that are more than `depth` deep, one inside the other, are refused.

    Raises SourceError, and ShapeError where the shapes graph is ill-formed: then nothing was run.
    """
    loaded, doubts = _load(data, shapes, ontology, imports, advanced, memory, limits)
    focus, only = _in_full(focus, loaded.columns.files), _in_full(only, loaded.shapes.files)
    rule_sets: list[str | None] = [None] if advanced else []
    for regime in loaded.shapes.entailments():
        if regime in (SH + "Rules", SH + "RulesEntailment"):
            rule_sets.append(None)
            iterate = iterate or regime == SH + "RulesEntailment"
        elif loaded.shapes.is_rule_set(regime):
            rule_sets.append(regime)
            iterate = True
        elif regime in _REGIMES:
            inference = inference if inference != "none" else _REGIMES[regime]
        else:
            raise ShapeError(
                f"the shapes graph asks for the entailment <{regime}>, which is not known here.",
                where=_where(loaded.shapes),
                mend="Known are sh:Rules, sh:RulesEntailment, rule sets, RDFS and OWL 2 RL.",
            )
    with _deep_enough(loaded.shapes):
        roots = loaded.shapes.named(only) if only else loaded.shapes.targeted()
        if depth is not None:
            loaded.shapes.check_depth(roots, depth)
        found, rules = _inferred(loaded, inference, rule_sets, iterate=iterate)
        doubts += _broken_lists(loaded, inference)
        validation = _Validation(loaded, abort=abort)
        results = validation.results(focus, roots, named=bool(only))
        loaded.shapes.memory.save()
    if not rules and not validation.looked_at:
        doubts.append(_why_unchecked(loaded, roots, focus, imports=imports))
    allowed = set(allow)
    return Report(
        conforms=all(result.severity in allowed for result in results),
        results=tuple(results),
        inference=found,
        shapes=loaded.shapes,
        columns=loaded.columns,
        doubts=tuple(doubts),
    )


def _in_full(names: Iterable[str], files: Iterable[File]) -> list[str]:
    """The IRIs of some names, each an IRI or one with a prefix that the files declare."""
    words = [(name, *name.partition(":")[::2]) for name in names]
    if all(local.startswith("//") for _, _, local in words):
        return [name for name, _, _ in words]
    known: dict[str, str] = {}
    for file in files:
        known = {**prefixes_in(file), **known}
    return [known[p] + local if p in known else name for name, p, local in words]


def _why_unchecked(
    loaded: Examination, roots: Sequence[Shape], focus: Sequence[str], *, imports: bool
) -> str:
    """Why there was no node to check: the data conform without merit."""
    shapes = loaded.shapes
    if not any(map(shapes.is_shape, shapes.statements.triples)):
        why = "there is no shape in it"
        if not imports and shapes.statements.subjects.get(OWL + "imports"):
            why += " (what it imports is read with --imports)"
    elif not roots:
        why = "no shape names what it is for (sh:targetClass …)"
        if not shapes.advanced and shapes.statements.subjects.get(SH + "target"):
            why += " (sh:target is read with --advanced)"
    else:
        those = "nothing" if not focus else f"none of {', '.join(focus)}"
        why = f"{those} in {', '.join(map(shown, loaded.columns.files))} is what a shape is for"
    return f"{_where(shapes)}: {why}, so nothing was checked."


def _where(shapes: Shapes) -> str:
    return ", ".join(map(shown, shapes.files))


def infer(
    data: Iterable[str],
    shapes: Iterable[str] = (),
    *,
    ontology: Iterable[str] = (),
    inference: str = "none",
    imports: bool = False,
    rule_sets: Sequence[str] = (),
    once: bool = False,
    memory: Memory | None = None,
    limits: Limits | None = None,
) -> Additions:
    """What the rules of a shapes graph add to some data (SHACL 1.2 Inference Rules).

    `rule_sets` (IRIs) keeps to the rules of these; with `once` each rule runs once, as SHACL-AF has
    it. The rest is as for `validate`.

    Raises SourceError, and ShapeError where a rule is ill-formed or of a type not known here.
    """
    loaded, doubts = _load(data, shapes, ontology, imports, True, memory, limits)
    with _deep_enough(loaded.shapes):
        found, rules = _inferred(loaded, inference, list(rule_sets) or [None], iterate=not once)
        doubts += _broken_lists(loaded, inference)
    loaded.shapes.memory.save()
    if not rules:
        doubts.append(f"{_where(loaded.shapes)}: there is no rule in it, so no rule was run.")
    return Additions(tuple(found.inferred()), tuple(doubts))


_REGIMES = {
    "http://www.w3.org/ns/entailment/RDFS": "rdfs",
    "http://www.w3.org/ns/owl-profile/RL": "owlrl",
}


@contextmanager
def _deep_enough(shapes: Shapes) -> Iterator[None]:
    """A block in which shapes that go deeper than can be followed are refused."""
    try:
        yield
    except RecursionError:
        raise ShapeError(
            "shapes, paths or expressions are nested too deeply.",
            where=_where(shapes),
            mend="A hundred levels are possible; take what is deeper apart.",
        ) from None


def _load(
    data: Iterable[str],
    shapes: Iterable[str],
    ontology: Iterable[str],
    imports: bool,
    advanced: bool,
    memory: Memory | None,
    limits: Limits | None,
) -> tuple[Examination, list[str]]:
    """Data and shapes as they are examined, and what a reader should know of them."""
    sources = [*data, *ontology]
    data_files, _ = files_in(sources)
    shape_files, _ = files_in(list(shapes) or sources)
    doubts: list[str] = []
    if imports:
        data_files, shape_files = _imported(data_files, doubts), _imported(shape_files, doubts)
    read = read_shapes(shape_files, advanced=advanced, memory=memory or usual_memory())
    columns = Columns(limits)
    columns.load([str(file) for file in data_files])
    columns.build(f"SELECT s, p, o, 0 AS c, {STATED} AS r FROM quads")
    if read.statements.subjects.get(SH + "js"):
        doubts.append(f"{_where(read)}: sh:js (SHACL-JS) is not known here, and is not run.")
    return Examination(columns, read), doubts


def _inferred(
    examination: Examination, inference: str, rule_sets: Sequence[str | None], *, iterate: bool
) -> tuple[Inference, int]:
    """What is inferred before validating: by a regime, then by rules, and how many these are."""
    if inference not in INFERENCES:
        raise HoldfastError(
            f"there is no inference '{inference}'.", mend=f"Use one of {', '.join(INFERENCES)}."
        )
    shapes = examination.shapes
    chosen = [None] if None in rule_sets else list(rule_sets)
    rules = {rule.node: rule for name in chosen for rule in shapes.rules(name)}
    found = Inference(examination)
    examination.types_as_stated = inference not in ("owlrl", "both")
    examination.forget_types()
    if inference in ("rdfs", "both"):
        found.infer_rdfs()
    if inference in ("owlrl", "both"):
        entail(examination.columns)
        for predicate in examination.columns.predicates:  # for the rules it is as if stated
            examination.columns.con.execute(
                f"UPDATE {quoted(predicate)} SET r = {STATED} WHERE r >= 0"
            )
    if rules:
        found.run(list(rules.values()), iterate=iterate)
    return found, len(rules)


def _broken_lists(examination: Examination, inference: str) -> list[str]:
    """What OWL's axioms could not say for want of proper lists, if they were asked."""
    asked = inference in ("owlrl", "both")
    return broken_lists_in(examination.columns) if asked else []


def check_shapes(sources: Iterable[str]) -> None:
    """Read every shape of a shapes graph, also what nothing reaches.

    Raises ShapeError that names all those which are ill-formed, a line for each.
    """
    files, _ = files_in(sources)
    shapes = read_shapes(files)
    with _deep_enough(shapes):
        wrong = shapes.ill_formed()
    if wrong:
        raise ShapeError("\n".join(str(error) for error in wrong))


def _imported(files: Iterable[File], doubts: list[str]) -> list[File]:
    """Some files with those that they import, near or far, from this machine alone; what is not
    read is a doubt. Raises SourceError for a file that is not there."""
    found = {file if str(file) == "-" else file.resolve(): file for file in files}
    todo = list(found.values())
    for file in todo:
        read = read_shapes([file]).statements
        for subject in read.subjects.get(OWL + "imports", []):
            for value in read.all(subject, OWL + "imports"):
                place = urlparse(str(value))
                path = File(unquote(place.path))
                if place.scheme != "file":
                    doubts.append(
                        f"{shown(file)}: it imports <{value}>, which is not read: nothing is"
                        " fetched from the web."
                    )
                elif not path.is_file():
                    raise SourceError(
                        f"it imports <{value}>, and there is no such file.",
                        where=shown(file),
                        mend="Put it there, or mend the owl:imports.",
                    )
                elif path.resolve() not in found:
                    found[path.resolve()] = path
                    todo.append(path)
    return list(found.values())


class _Validation:
    """The validating of one dataset against one shapes graph."""

    def __init__(self, examination: Examination, *, abort: bool) -> None:
        self.examination = examination
        self.shapes = examination.shapes
        self.columns = examination.columns
        self.abort = abort
        self.looked_at = 0

    def results(self, focus: Sequence[str], roots: Sequence[Shape], *, named: bool) -> list[Result]:
        """The results of some shapes, in a fixed order; those that are `named` and not found by
        their targets take `focus` as it is."""
        wanted = [self.columns.id_of(f"<{iri}>") for iri in focus]
        found: list[Result] = []
        terms: set[str] = set()
        for shape in roots:
            for plan in (self.examination.targets(shape), *self._plans(shape)):
                terms.update(plan.plan.constants.values())
        self.columns.learn(sorted(terms))  # at once, for each look into the dictionary takes time
        for shape in roots:
            if shape.deactivated:
                continue
            if named and focus:
                table, count = self.examination.nodes(wanted), len(wanted)
            else:
                table, count = self.examination.focus_of(shape, wanted)
            self.looked_at += count
            if count:
                found += self._results(shape, table)
            if self.abort and found:
                del found[1:]
                break
        return sorted(found, key=_place)

    def _plans(self, shape: Shape) -> list[ShapePlan]:
        return self.examination.plans(
            shape.node, "constraints", lambda: compile_constraints(self.shapes, shape)
        )

    def _results(self, shape: Shape, focus: str) -> list[Result]:
        """What a shape finds at fault in the focus nodes (this, n), each reported n times."""
        if shape.deactivated:
            return []
        examination = self.examination
        core, queries = constraints_of(shape)
        groups = [*([core] if core else []), *((constraint,) for constraint in queries)]
        found: list[Result] = []
        for plan, constraints in zip(self._plans(shape), groups, strict=True):
            if examination.execute(shape.node, plan, "found", focus):
                found += self._read(shape, plan, constraints, focus)
                if self.abort:
                    return found
        if not shape.properties:
            return found
        inner = focus
        if shape.path is not None:
            inner = examination.fresh("focus")
            (plan,) = examination.plans(
                shape.node, "values", lambda: [compile_values(self.shapes, shape)]
            )
            examination.execute(shape.node, plan, "values_found", focus)
            self.columns.con.execute(
                f"CREATE TEMP TABLE {inner} AS SELECT value AS this, sum(n)::BIGINT AS n"
                f" FROM values_found JOIN {focus} USING (this) GROUP BY value"
            )
            if not self.columns.value(f"SELECT count(*) FROM {inner}"):
                return found
        for node in shape.properties:
            found += self._results(self.shapes.shape(node), inner)
            if self.abort and found:
                break
        return found

    def _read(
        self, shape: Shape, plan: ShapePlan, constraints: Sequence[Constraint], focus: str
    ) -> list[Result]:
        if plan.names:
            return self._read_solutions(shape, plan, constraints[0], focus)
        rows = self.columns.rows(
            f"SELECT k, n, a.n3, b.n3, p.lex, extra FROM found JOIN {focus} USING (this)"
            " JOIN terms a ON a.id = this LEFT JOIN terms b ON b.id = value"
            " LEFT JOIN terms p ON p.id = found.path"
        )
        made: list[Result] = []
        wording: dict[tuple[int, str | None], tuple[Literal, ...]] = {}
        for place, times, node, value, predicate, extra in rows:
            constraint = constraints[place]
            if (place, extra) not in wording:
                wording[place, extra] = self._messages(shape, constraint, extra)
            result = Result(
                focus=node,
                path=Path("predicate", predicate) if predicate else shape.path,
                value=value,
                shape=shape.node,
                component=constraint.component,
                severity=shape.severity,
                messages=wording[place, extra],
                constraint=constraint.source,
            )
            made += [result] * times
        return made if self.abort else self._detailed(constraints, made)

    def _detailed(self, constraints: Sequence[Constraint], results: list[Result]) -> list[Result]:
        """The results with what the inner shapes of sh:node, sh:and, sh:or and sh:xone find."""
        nested = [c for c in constraints if c.kind in ("node", "and", "or", "xone")]
        for constraint in nested:
            component = constraint.component
            values = {r.value for r in results if r.value and r.component == component}
            if not values:
                continue
            table = self.examination.nodes(sorted(self.columns.ids_of(values).values()))
            inner: dict[str, list[Result]] = {}
            shapes = constraint.values if constraint.kind != "node" else (constraint.value,)
            for node in dict.fromkeys(node for node in shapes if node is not None):
                for detail in sorted(self._results(self.shapes.shape(node), table), key=_place):
                    inner.setdefault(detail.focus, []).append(detail)
            results = [
                replace(r, details=(*r.details, *inner.get(r.value or "", ())))
                if r.component == component
                else r
                for r in results
            ]
        return results

    def _read_solutions(
        self, shape: Shape, plan: ShapePlan, constraint: Constraint, focus: str
    ) -> list[Result]:
        columns, joins = [], ""
        for place, (name, kind) in enumerate(plan.plan.columns):
            if kind == "id":
                joins += f" LEFT JOIN terms t{place} ON t{place}.id = f.{column_of(name)}"
            columns.append(f"t{place}.n3" if kind == "id" else f"f.{column_of(name)}")
        rows = self.columns.rows(
            f"SELECT n, {', '.join(columns)} FROM found f JOIN {focus} ON this = f.v_this{joins}"
        )
        made: list[Result] = []
        given = {name: n3_of(term) for name, term in constraint.bound}
        for times, *terms in rows:
            bound = {n: t for n, t in zip(plan.names, terms, strict=True) if t is not None}
            node = bound["this"]
            if bound.get("failure") == TRUE:  # §5.3.2
                raise ShapeError(
                    f"{self.shapes.describe(shape.node)} has a query that gives ?failure true for"
                    f" {words(node)}.",
                    where=self.shapes.place(shape.node),
                    mend="The query says by this that it cannot be answered.",
                )
            value = bound.get("value", node if shape.path is None else None)
            path = shape.path
            if bound.get("path", "").startswith("<"):
                path = Path("predicate", bound["path"][1:-1])
            messages = constraint.messages or shape.messages
            if "message" in bound and bound["message"].startswith('"'):
                found = term_of(_term(bound["message"]))
                messages = (found,) if isinstance(found, Literal) else messages
            messages = tuple(_filled(m, {**given, **bound}) for m in messages)
            annotations = []
            for predicate, variable, defaults in constraint.annotations:
                if variable in bound or variable in given:
                    annotations.append((predicate, {**given, **bound}[variable]))
                else:
                    annotations += [(predicate, n3_of(term)) for term in defaults]
            result = Result(
                focus=node,
                path=path,
                value=value,
                shape=shape.node,
                component=constraint.component,
                severity=constraint.severity or shape.severity,
                messages=messages or self._messages(shape, constraint, None),
                constraint=constraint.source,
                annotations=tuple(annotations),
            )
            made += [result] * times
        return made

    def _messages(
        self, shape: Shape, constraint: Constraint, extra: str | None
    ) -> tuple[Literal, ...]:
        own = constraint.messages or shape.messages
        if own:
            given = {constraint.kind: n3_of(constraint.value)} if constraint.value else {}
            given |= {name: n3_of(term) for name, term in constraint.bound}
            return tuple(_filled(message, given) for message in own)
        return (Literal(_sentence(self.shapes, shape, constraint, extra)),)


# -- words -----------------------------------------------------------------------------------------


def _term(n3: str) -> Any:
    """A term from its N-Triples text."""
    quad = next(ox.parse(f"<urn:x:s> <urn:x:p> {n3} .".encode(), format=ox.RdfFormat.N_TRIPLES))
    return quad.object


def _filled(message: Literal, given: dict[str, str]) -> Literal:
    """A message with the values that its {$name} and {?name} stand for."""

    def value(found: re.Match[str]) -> str:
        return words(given[found[1]]) if found[1] in given else found[0]

    return Literal(re.sub(r"\{[$?](\w+)\}", value, str(message)), lang=message.language)


def words(n3: str) -> str:
    """A term as people read it: the text of a literal, the IRI, 'an unnamed node'."""
    if n3.startswith("<"):
        return n3[1:-1]
    if n3.startswith("_"):
        return "an unnamed node"
    return str(_term(n3).value)


def name_of(term: Identifier | str) -> str:
    """The last part of an IRI, or the text of a literal."""
    text = str(term)
    return re.split(r"[/#]", text.rstrip("/#"))[-1] or text


def _sentence(shapes: Shapes, shape: Shape, c: Constraint, extra: str | None) -> str:
    """What a constraint asks for, where no message says so."""
    what = "a value" if shape.path is None else f"a value of {path_in_words(shape.path)}"
    value = name_of(c.value) if isinstance(c.value, URIRef) else str(c.value)
    listed = ", ".join(name_of(member) for member in c.values)
    counted = path_in_words(shape.path) if shape.path else "the node"
    many = "value" if c.number == 1 else "values"
    if isinstance(c.value, BNode):
        value = "what the shape asks for"
    kinds = {"IRI": "an IRI", "BlankNode": "a blank node", "Literal": "a literal",
             "BlankNodeOrIRI": "a blank node or an IRI", "IRIOrLiteral": "an IRI or a literal",
             "BlankNodeOrLiteral": "a blank node or a literal"}  # fmt: skip
    assert kinds.keys() == NODE_KINDS.keys()
    said = {
        "minCount": f"{counted} needs at least {c.number} {many}",
        "maxCount": f"{counted} may have at most {c.number} {many}",
        "class": f"{what} must be {_article(value)} {value}",
        "datatype": f"{what} must be a well-formed {value}",
        "nodeKind": f"{what} must be {kinds.get(value, value)}",
        "minExclusive": f"{what} must be greater than {value}",
        "minInclusive": f"{what} must be at least {value}",
        "maxExclusive": f"{what} must be less than {value}",
        "maxInclusive": f"{what} must be at most {value}",
        "minLength": f"{what} must have at least {c.number} signs",
        "maxLength": f"{what} may have at most {c.number} signs",
        "pattern": f"{what} must match '{value}'",
        "languageIn": f"{what} must be text in one of the languages {listed}",
        "uniqueLang": f"{counted} has more than one text in the language '{extra}'",
        "equals": f"{counted} and {value} must have the same values",
        "disjoint": f"{counted} and {value} may have no value in common",
        "lessThan": f"{what} must be less than each value of {value}",
        "lessThanOrEquals": f"{what} must be at most each value of {value}",
        "not": f"{what} must not be as {value} says",
        "and": f"{what} must conform to all of the shapes listed in sh:and",
        "or": f"{what} must conform to one of the shapes listed in sh:or",
        "xone": f"{what} must conform to exactly one of the shapes listed in sh:xone",
        "node": f"{what} must be as {value} says",
        "qualifiedMinCount": f"{counted} needs at least {c.number} {many} as {value} says",
        "qualifiedMaxCount": f"{counted} may have at most {c.number} {many} as {value} says",
        "closed": "the shape is closed and does not know this property",
        "hasValue": f"{counted} must have the value {value}",
        "in": f"{what} must be one of {listed}",
        "expression": f"{what} must make the expression true",
    }.get(c.kind, f"{what} breaks a rule of {name_of(c.component)}")
    return f"{said[0].upper()}{said[1:]}."


def _article(word: str) -> str:
    return "an" if word[:1] in "AEIOaeio" else "a"


def path_in_words(path: Path) -> str:
    """A path as people read it."""
    if path.kind == "predicate":
        return name_of(path.iri)
    inner = [path_in_words(part) for part in path.parts]
    if path.kind == "sequence":
        return " / ".join(inner)
    if path.kind == "alternative":
        return f"({' or '.join(inner)})"
    if path.kind == "inverse":
        return f"is {inner[0]} of"
    return inner[0] + {"zeroOrMore": "*", "oneOrMore": "+", "zeroOrOne": "?"}[path.kind]


_SEVERITIES = (SH + "Violation", SH + "Warning", SH + "Info")


def _place(result: Result) -> tuple[Any, ...]:
    """Where a result stands among others: by severity, focus node, path, shape, value."""
    rank = _SEVERITIES.index(result.severity) if result.severity in _SEVERITIES else 3

    def known(term: str) -> str:
        return "_" if term.startswith("_") else term

    return (
        rank,
        known(result.focus),
        result.path.sparql() if result.path else "",
        "" if isinstance(result.shape, BNode) else str(result.shape),
        result.component,
        known(result.value or ""),
        tuple(sorted(map(str, result.messages))),
    )
