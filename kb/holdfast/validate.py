"""Data and shapes in, a validation report out (W3C SHACL)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path as File
from typing import Any
from urllib.parse import unquote, urlparse

import duckdb
import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef, Variable
from rdflib.term import Identifier

from holdfast.columns import Columns
from holdfast.columns.store import SUBCLASS, quoted
from holdfast.compile import Refusal
from holdfast.compile.shapes import (
    SHAPES_TABLE,
    ShapePlan,
    compile_conforming,
    compile_constraints,
    compile_construct,
    compile_expressions,
    compile_targets,
    compile_values,
)  # fmt: skip
from holdfast.compile.values import n3_of
from holdfast.errors import HoldfastError, ShapeError
from holdfast.reason.entailment import entail
from holdfast.shapes import NODE_KINDS, Constraint, Path, Rule, Shape, Shapes, read_shapes, term_of
from holdfast.sources import files_in
from holdfast.vocabulary import OWL, RDF_TYPE, RDFS, SH

ROUNDS = 100
"""How often rules may feed themselves before they are taken to make new nodes without end."""

INFERENCES = ("none", "rdfs", "owlrl")


@dataclass(frozen=True)
class Result:
    """One validation result (§3.6.2.2). `focus` and `value` are N-Triples terms.

    `constraint` is the node of a SPARQL constraint or an expression; `details` are the results of
    the inner shape where the component is sh:node.
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


@dataclass(frozen=True)
class Inferred:
    """A triple that a rule of the shapes graph adds, its terms in N-Triples, and that rule."""

    subject: str
    predicate: str
    value: str
    rule: Identifier


@dataclass
class Report:
    """A validation report: its results in a fixed order, and what they were found in.

    `conforms` is False where there is a result that counts.
    """

    conforms: bool
    results: tuple[Result, ...]
    inferred: tuple[Inferred, ...]
    shapes: Shapes
    columns: Columns

    @cached_property
    def labels(self) -> dict[str, str]:
        """What to call each focus node and value in a sentence, by N-Triples term."""
        terms = {term for r in self.results for term in (r.focus, r.value) if term}
        ids = self.columns.ids_of(terms)
        named = self.columns.labels(ids.values())
        return {n3: named.get(number, n3) for n3, number in ids.items()}


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
) -> Report:
    """The report on some data against some shapes, both files and folders of RDF.

    Without `shapes` the data hold their own. `ontology` takes part in the data graph; `inference`
    is none, rdfs or owlrl; with `imports` local files named by owl:imports are read too. `advanced`
    turns on SHACL-AF: query targets and rules, which with `iterate` run until they add nothing.
    `abort` stops at the first result. Results whose severity is in `allow` (IRIs) do not count
    against the data. `focus` (IRIs) keeps to these nodes, `only` (IRIs) to these shapes.

    Raises SourceError, and ShapeError where the shapes graph is ill-formed: then nothing was run.
    """
    sources = [*data, *ontology]
    data_files, _ = files_in(sources)
    shape_files, _ = files_in(list(shapes) or sources)
    if imports:
        data_files, shape_files = _imported(data_files), _imported(shape_files)
    read = read_shapes(shape_files)
    columns = Columns()
    columns.load([str(file) for file in data_files])
    columns.build("SELECT s, p, o, 0 AS c, 0 AS r FROM quads")
    run = _Run(columns, read, advanced=advanced, abort=abort)
    run.types_as_stated = inference != "owlrl"
    run.forget_types()
    if inference == "rdfs":
        run.infer_rdfs()
    elif inference == "owlrl":
        entail(columns)
    elif inference != "none":
        raise HoldfastError(
            f"there is no inference '{inference}'.", mend=f"Use one of {', '.join(INFERENCES)}."
        )
    if advanced:
        run.infer(iterate=iterate)
    results = run.results(focus, only)
    allowed = set(allow)
    return Report(
        conforms=all(result.severity in allowed for result in results),
        results=tuple(results),
        inferred=tuple(run.inferred()),
        shapes=read,
        columns=columns,
    )


def check_shapes(sources: Iterable[str]) -> None:
    """Read every shape of a shapes graph, also what nothing reaches.

    Raises ShapeError that names all those which are ill-formed, a line for each.
    """
    files, _ = files_in(sources)
    shapes = read_shapes(files)
    wrong = shapes.ill_formed()
    if wrong:
        raise ShapeError("\n".join(str(error) for error in wrong))


def _imported(files: Iterable[File]) -> list[File]:
    """Some files with those that they import, near or far, from this machine alone."""
    found = list(files)
    for file in found:
        if str(file) == "-":
            continue
        read = read_shapes([file]).statements
        for subject in read.subjects.get(OWL + "imports", []):
            for value in read.all(subject, OWL + "imports"):
                place = urlparse(str(value))
                path = File(unquote(place.path))
                if place.scheme == "file" and path.is_file() and path not in found:
                    found.append(path)
    return found


class _Run:
    """One dataset held against one shapes graph."""

    def __init__(self, columns: Columns, shapes: Shapes, *, advanced: bool, abort: bool) -> None:
        self.columns = columns
        self.shapes = shapes
        self.advanced = advanced
        self.abort = abort
        self.types_as_stated = True
        self.rules: list[Identifier] = []
        self._first = 0
        self._tables = 0
        self._shapes_loaded = False
        self._viewed = -1

    # -- statements ------------------------------------------------------------------------------

    def execute(self, shape: Shape, found: ShapePlan, table: str) -> int:
        """Put what a plan gives into a temporary table; returns the number of rows."""
        plan, columns = found.plan, self.columns
        for name in sorted(plan.tables):
            if name.startswith(SHAPES_TABLE):
                self._load_shapes(name)
            else:
                columns.table(name)
        if '"*" ' in plan.sql:
            self._view_all()
        if '"*nodes" ' in plan.sql:
            self._list_nodes()
        for name, pattern in found.regexes:
            self._match(name, pattern)
        columns.learn(plan.constants.values())
        bound = {key: columns.id_of(n3) for key, n3 in plan.constants.items()}
        try:
            done = columns.con.execute(
                f"CREATE OR REPLACE TEMP TABLE {table} AS {plan.sql}", bound
            ).fetchone()
        except duckdb.Error as error:
            raise ShapeError(
                f"the plan of {self.shapes.describe(shape.node)} failed:"
                f" {str(error).splitlines()[0]}.",
                where=self.shapes.place(shape.node),
                mend="This is a fault in Holdfast's compiler; please report the shape.",
            ) from error
        return int(done[0]) if done else 0

    def refused(self, shape: Shape, refusal: Refusal) -> ShapeError:
        """The error for what is not compiled."""
        return ShapeError(
            f"{self.shapes.describe(shape.node)} has {refusal.construct}, which is not compiled.",
            where=self.shapes.place(shape.node),
            mend=refusal.mend or "Write the shape without it.",
        )

    def _view_all(self) -> None:
        predicates = sorted(self.columns.predicates.items())
        if len(predicates) == self._viewed:
            return
        self._viewed = len(predicates)
        branches = " UNION ALL ".join(
            f"SELECT s, {number}::BIGINT AS p, o, c, t FROM {quoted(predicate)}"
            for predicate, number in predicates
        )
        self.columns.con.execute(f'CREATE OR REPLACE TEMP VIEW "*" AS {branches}')

    def _list_nodes(self) -> None:
        self._view_all()
        self.columns.con.execute(
            'CREATE OR REPLACE TEMP TABLE "*nodes" AS SELECT DISTINCT n FROM'
            ' (SELECT unnest([s, o]) AS n FROM "*")'
        )

    def _match(self, name: str, pattern: str) -> None:
        """List the terms that match a regular expression that only Python knows."""
        matches = re.compile(pattern).search
        rows = self.columns.rows("SELECT id, lex FROM terms WHERE cls <> 1")
        ids = [number for number, text in rows if matches(text)]
        self.columns.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT unnest($ids::BIGINT[]) AS id",
            {"ids": ids},
        )

    def _load_shapes(self, table: str) -> None:
        """Make the tables of the shapes graph, and this one."""
        con = self.columns.con
        if not self._shapes_loaded:
            self._shapes_loaded = True
            triples = [
                (n3_of(subject), predicate, n3_of(value))
                for subject, facts in self.shapes.statements.triples.items()
                for predicate, values in facts.items()
                for value in values
            ]
            self.columns.learn({n3 for s, p, o in triples for n3 in (s, f"<{p}>", o)})
            known = self.columns.id_of
            rows = [(known(s), known(f"<{p}>"), known(o)) for s, p, o in triples]
            every = quoted(SHAPES_TABLE + "*")
            con.execute(
                f"CREATE TEMP TABLE {every} AS SELECT unnest($s::BIGINT[]) AS s,"
                " unnest($p::BIGINT[]) AS p, unnest($o::BIGINT[]) AS o, 0::TINYINT AS c,"
                " 0::BIGINT AS t",
                {"s": [r[0] for r in rows], "p": [r[1] for r in rows], "o": [r[2] for r in rows]},
            )
        predicate = table.removeprefix(SHAPES_TABLE)
        if predicate:
            number = self.columns.id_of(f"<{predicate}>")
            con.execute(
                f"CREATE OR REPLACE TEMP VIEW {quoted(table)} AS SELECT s, o, c, t FROM"
                f" {quoted(SHAPES_TABLE + '*')} WHERE p = {number}"
            )

    # -- validating ------------------------------------------------------------------------------

    def results(self, focus: Sequence[str], only: Sequence[str]) -> list[Result]:
        """The results of all shapes, in a fixed order."""
        roots = self.shapes.named(only) if only else self.shapes.targeted(advanced=self.advanced)
        found: list[Result] = []
        for shape in roots:
            if shape.deactivated:
                continue
            table = self._targets(shape, focus, given=bool(only and focus))
            found += self._results(shape, table)
            if self.abort and found:
                del found[1:]
                break
        return sorted(found, key=_place)

    def _targets(self, shape: Shape, focus: Sequence[str], *, given: bool) -> str:
        con = self.columns.con
        wanted = [self.columns.id_of(f"<{iri}>") for iri in focus]
        table = self._fresh("focus")
        if given:
            con.execute(
                f"CREATE TEMP TABLE {table} AS SELECT unnest($ids::BIGINT[]) AS this, 1 AS n",
                {"ids": wanted},
            )
            return table
        try:
            found = compile_targets(self.shapes, shape)
        except Refusal as refusal:
            raise self.refused(shape, refusal) from None
        self.execute(shape, found, "targets_found")
        kept = "WHERE this IN (SELECT unnest($ids::BIGINT[]))" if focus else ""
        con.execute(
            f"CREATE TEMP TABLE {table} AS SELECT this, 1 AS n FROM targets_found {kept}",
            {"ids": wanted} if focus else {},
        )
        return table

    def _fresh(self, name: str) -> str:
        self._tables += 1
        return f"{name}_{self._tables}"

    def _results(self, shape: Shape, focus: str) -> list[Result]:
        """What a shape finds at fault in the focus nodes (this, n), each reported n times."""
        if shape.deactivated or not self.columns.value(f"SELECT count(*) FROM {focus}"):
            return []
        try:
            plans = compile_constraints(self.shapes, shape, focus)
        except Refusal as refusal:
            raise self.refused(shape, refusal) from None
        found: list[Result] = []
        for plan in plans:
            if self.execute(shape, plan, "found"):
                found += self._read(shape, plan, focus)
                if self.abort:
                    return found
        inner = focus
        if shape.properties and shape.path is not None:
            inner = self._fresh("focus")
            self.execute(shape, compile_values(self.shapes, shape, focus), "values_found")
            self.columns.con.execute(
                f"CREATE TEMP TABLE {inner} AS SELECT value AS this, sum(n)::BIGINT AS n"
                f" FROM values_found JOIN {focus} USING (this) GROUP BY value"
            )
        for node in shape.properties:
            found += self._results(self.shapes.shape(node), inner)
            if self.abort and found:
                break
        return found

    def _read(self, shape: Shape, plan: ShapePlan, focus: str) -> list[Result]:
        if plan.names:
            return self._read_solutions(shape, plan, focus)
        rows = self.columns.rows(
            f"SELECT k, n, a.n3, b.n3, p.lex, extra FROM found JOIN {focus} USING (this)"
            " JOIN terms a ON a.id = this LEFT JOIN terms b ON b.id = value"
            " LEFT JOIN terms p ON p.id = found.path"
        )
        made: list[Result] = []
        wording: dict[tuple[int, str | None], tuple[Literal, ...]] = {}
        for place, times, node, value, predicate, extra in rows:
            constraint = plan.constraints[place]
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
        return self._detailed(plan, made)

    def _detailed(self, plan: ShapePlan, results: list[Result]) -> list[Result]:
        """The results with what the inner shapes of sh:node find."""
        nodes = {c.component: [] for c in plan.constraints if c.kind == "node"}  # type: ignore[var-annotated]
        if not nodes or self.abort:
            return results
        inner: dict[str, list[Result]] = {}
        values = {r.value for r in results if r.value and r.component in nodes}
        if not values:
            return results
        for constraint in plan.constraints:
            if constraint.kind == "node" and constraint.value is not None:
                table = self._fresh("focus")
                ids = sorted(self.columns.ids_of(values).values())
                self.columns.con.execute(
                    f"CREATE TEMP TABLE {table} AS SELECT unnest($ids::BIGINT[]) AS this, 1 AS n",
                    {"ids": ids},
                )
                for detail in sorted(
                    self._results(self.shapes.shape(constraint.value), table), key=_place
                ):
                    inner.setdefault(detail.focus, []).append(detail)
        return [
            replace(r, details=tuple(inner.get(r.value or "", ()))) if r.component in nodes else r
            for r in results
        ]

    def _read_solutions(self, shape: Shape, plan: ShapePlan, focus: str) -> list[Result]:
        constraint = plan.constraints[0]
        columns, joins = [], ""
        for place, (name, kind) in enumerate(plan.plan.columns):
            if kind == "id":
                joins += f' LEFT JOIN terms t{place} ON t{place}.id = f."v_{name}"'
            columns.append(f"t{place}.n3" if kind == "id" else f'f."v_{name}"')
        rows = self.columns.rows(
            f"SELECT n, {', '.join(columns)} FROM found f JOIN {focus} ON this = f.v_this{joins}"
        )
        made: list[Result] = []
        given = {name: n3_of(term) for name, term in constraint.bound}
        for times, *terms in rows:
            bound = {n: t for n, t in zip(plan.names, terms, strict=True) if t is not None}
            node = bound["this"]
            value = bound.get("value", node if shape.path is None else None)
            path = shape.path
            if bound.get("path", "").startswith("<"):
                path = Path("predicate", bound["path"][1:-1])
            messages = constraint.messages or shape.messages
            if "message" in bound and bound["message"].startswith('"'):
                found = term_of(_term(bound["message"]))
                messages = (found,) if isinstance(found, Literal) else messages
            messages = tuple(_filled(m, {**given, **bound}) for m in messages)
            result = Result(
                focus=node,
                path=path,
                value=value,
                shape=shape.node,
                component=constraint.component,
                severity=shape.severity,
                messages=messages or self._messages(shape, constraint, None),
                constraint=constraint.source,
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

    # -- inferring -------------------------------------------------------------------------------

    def forget_types(self) -> None:
        """Leave rdf:type as it was stated: SHACL asks for sub-classes where it wants them."""
        if not self.types_as_stated:
            return
        table = self.columns.table(RDF_TYPE)
        self.columns.con.execute(f"DELETE FROM {table} WHERE r = {SUBCLASS}")

    def _add(self, predicate: str, rows: str, rule: int, params: dict[str, Any]) -> int:
        added = self.columns.add(predicate, rows, rule, params)
        if predicate == RDF_TYPE:
            self.forget_types()
        return added

    def infer_rdfs(self) -> None:
        """Add what follows by sub-properties, sub-classes, domains and ranges (RDF 1.1 §9.2)."""
        columns, number = self.columns, self._number(URIRef(RDFS))
        below, above = RDFS + "subPropertyOf", RDFS + "subClassOf"
        for name in (below, above, RDFS + "domain", RDFS + "range", RDF_TYPE):
            columns.table(name)
        added = 1
        while added:
            added = 0
            for name in (below, above):
                table = quoted(name)
                rows = f"SELECT a.s, b.o, 0 AS c FROM {table} a JOIN {table} b ON a.o = b.s"
                added += self._add(name, rows, number, {})
            pairs = f"FROM {quoted(below)} JOIN terms a ON a.id = s JOIN terms b ON b.id = o"
            for low, high in columns.rows(f"SELECT a.lex, b.lex {pairs} WHERE a.cls + b.cls = 0"):
                rows = f"SELECT s, o, 0 AS c FROM {columns.table(low)}"
                added += self._add(high, rows, number, {})
            for name, end in (("domain", "s"), ("range", "o")):
                ends = columns.rows(
                    f"SELECT lex, o FROM {quoted(RDFS + name)} JOIN terms ON id = s WHERE cls = 0"
                )
                for predicate, cls in ends:
                    table = columns.table(predicate)
                    rows = f"SELECT {end} AS s, {cls}::BIGINT AS o, 0 AS c FROM {table}"
                    added += self._add(RDF_TYPE, f"{rows} WHERE {end} % 2 = 0", number, {})
            rows = (
                f"SELECT a.s, b.o, 0 AS c FROM {quoted(RDF_TYPE)} a"
                f" JOIN {quoted(above)} b ON a.o = b.s"
            )
            added += self._add(RDF_TYPE, rows, number, {})

    def infer(self, *, iterate: bool) -> None:
        """Run the rules of the shapes graph (SHACL-AF §8), layer by layer, in their order.

        Raises ShapeError where rules that iterate add triples without end.
        """
        self._first = self.columns.next_triple
        held = self.shapes.statements.subjects.get(SH + "rule", [])
        shapes = [self.shapes.shape(node) for node in dict.fromkeys(held)]
        pairs = sorted(
            ((s, rule) for s in shapes if s.targets and not s.deactivated for rule in s.rules),
            key=lambda pair: (pair[1].layer, pair[1].order, str(pair[0].node), str(pair[1].node)),
        )
        for layer in sorted({rule.layer for _, rule in pairs}):
            here = [(shape, rule) for shape, rule in pairs if rule.layer == layer]
            for turn in range(ROUNDS):
                added = 0
                for shape, rule in here:
                    if not (turn and rule.once):
                        added += self._apply(shape, rule)
                if not added or not iterate:
                    break
            else:
                shape, rule = here[-1]
                raise ShapeError(
                    f"the rules still add triples after {ROUNDS} rounds.",
                    where=self.shapes.place(rule.node if rule else shape.node),
                    mend="A rule makes a new node each round: give it sh:runOnce true, or a"
                    " sh:condition that ends it.",
                )

    def _apply(self, shape: Shape, rule: Rule) -> int:
        """Add what one rule infers; returns how many triples are new."""
        columns = self.columns
        table = self._targets(shape, (), given=False)
        try:
            if rule.conditions:
                kept = self._fresh("focus")
                conforming = compile_conforming(self.shapes, rule.conditions, table)
                self.execute(shape, conforming, kept)
                table = kept
            if rule.triple is not None:
                self.execute(shape, compile_expressions(self.shapes, rule.triple, table), "made")
                made = ["SELECT e0 AS s, e1 AS p, e2 AS o FROM made"]
            else:
                assert rule.query is not None
                plan, template = compile_construct(self.shapes, rule.query, table)
                self.execute(shape, plan, "made")
                made = [self._templated(rule, plan, triple) for triple in template]
        except Refusal as refusal:
            raise self.refused(shape, refusal) from None
        number, added = self._number(rule.node), 0
        for query in made:
            columns.con.execute(f"CREATE OR REPLACE TEMP TABLE new_triples AS {query}")
            predicates = columns.rows(
                "SELECT DISTINCT lex, p FROM new_triples JOIN terms ON id = p WHERE cls = 0"
                " ORDER BY 1"
            )
            for predicate, identifier in predicates:
                rows = f"SELECT s, o, 0 AS c FROM new_triples WHERE p = {identifier}"
                added += self._add(predicate, rows, number, {})
        return added

    def _templated(self, rule: Rule, plan: ShapePlan, triple: tuple[Any, Any, Any]) -> str:
        """A query for the triples that one line of a template makes of the table `made`."""
        columns, joins = [], ""
        kinds = dict(plan.plan.columns)
        row = ", ".join(f'"v_{name}"' for name in sorted(kinds))
        for letter, term in zip("spo", triple, strict=True):
            if isinstance(term, Variable) and str(term) not in kinds:
                columns.append(f"NULL::BIGINT AS {letter}")
            elif isinstance(term, Variable) and kinds[str(term)] == "id":
                columns.append(f'm."v_{term}" AS {letter}')
            elif isinstance(term, Variable | BNode):
                text = f'"v_{term}"'
                if isinstance(term, BNode):  # one node for each solution, the same in each round
                    text = f"'_:' || md5(concat_ws('|', '{n3_of(rule.node)}', '{term}', {row}))"
                self.columns.add_terms(f"SELECT {text} FROM made")
                joins += f" LEFT JOIN terms t_{letter} ON t_{letter}.n3 = {text}"
                columns.append(f"t_{letter}.id AS {letter}")
            else:
                columns.append(f"{self.columns.id_of(n3_of(term))}::BIGINT AS {letter}")
        return f"SELECT {', '.join(columns)} FROM made m{joins}"

    def _number(self, rule: Identifier) -> int:
        if rule not in self.rules:
            self.rules.append(rule)
        return self.rules.index(rule) + 1

    def inferred(self) -> Iterator[Inferred]:
        """What the rules of the shapes graph have added, in order."""
        if not self._first:
            return
        for predicate in sorted(self.columns.predicates):
            rows = self.columns.rows(
                f"SELECT a.n3, b.n3, r FROM {quoted(predicate)} JOIN terms a ON a.id = s"
                f" JOIN terms b ON b.id = o WHERE r > 0 AND t >= {self._first} ORDER BY 1, 2"
            )
            for subject, value, rule in rows:
                yield Inferred(subject, f"<{predicate}>", value, self.rules[rule - 1])


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
