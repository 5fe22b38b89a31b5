"""What the rules of a shapes graph infer (SHACL-AF §8, SHACL 1.2 Inference Rules)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyoxigraph as ox
from rdflib import BNode, URIRef, Variable
from rdflib.term import Identifier

from holdfast.columns.names import column_of, quoted
from holdfast.columns.store import STATED
from holdfast.compile.kept import template_from_json, template_to_json
from holdfast.compile.shapes import (
    FOCUS,
    ShapePlan,
    compile_conforming,
    compile_construct,
    compile_default,
    compile_expressions,
    compile_values,
)  # fmt: skip
from holdfast.compile.values import n3_of
from holdfast.errors import ShapeError
from holdfast.queries import read_query
from holdfast.reason.examination import Examination
from holdfast.shapes import Query, Rule, Shape, Shapes
from holdfast.vocabulary import RDF, RDF_TYPE, RDFS, SH

ROUNDS = 100
"""In how many rounds rules that iterate may make new terms before they are taken never to end."""


@dataclass(frozen=True)
class Inferred:
    """A triple that a rule of the shapes graph adds, its terms in N-Triples, and that rule."""

    subject: str
    predicate: str
    value: str
    rule: Identifier


@dataclass
class Inference:
    """The rules of a shapes graph at work on a dataset."""

    examination: Examination
    sources: list[Identifier] = field(default_factory=list)
    """What triples were inferred by, in the order of their numbers from 1 on."""
    _first: int = -1
    _removed: set[tuple[int, int, int]] = field(default_factory=set)

    # -- rules -----------------------------------------------------------------------------------

    def run(self, rules: Sequence[Rule], *, iterate: bool) -> None:
        """Run rules layer by layer; in each those with sh:runOnce once, then the others, with
        `iterate` until they add nothing.

        Raises ShapeError where they add triples without end.
        """
        if self._first < 0:
            self._first = self.examination.columns.next_triple
        for layer in sorted({rule.layer for rule in rules}):
            here = [rule for rule in rules if rule.layer == layer]
            derived = self._derive(here)
            self._turn([rule for rule in here if rule.once])
            others = [rule for rule in here if not rule.once]
            grown = 0
            while True:
                before = self.examination.columns.count_terms()
                added = self._turn(others)
                most = self.examination.columns.limits.rows
                if self.examination.columns.next_triple - self._first > most:
                    raise self._endless(others[-1], f"triples, more than {most:,} by now")
                if not added or not iterate:
                    break
                grown += self.examination.columns.count_terms() > before
                if grown > ROUNDS:
                    raise self._endless(others[-1], f"new terms after {ROUNDS} rounds")
            self._forget(derived)
        self._forget_temporary()

    def _endless(self, rule: Rule, what: str) -> ShapeError:
        return ShapeError(
            f"the rules still make {what}.",
            where=self.examination.shapes.place(rule.node),
            mend="A rule makes a new node each round: give it sh:runOnce true, or a sh:condition"
            " that ends it.",
        )

    def _turn(self, rules: Sequence[Rule]) -> int:
        """Run each rule once, in order; those of the same order do not see what the others add."""
        shapes = self.examination.shapes
        pairs = [
            (shapes.order_of(shape) if shape is not None else 0.0, rule.order, rule, shape)
            for rule in rules
            for shape in rule.shapes or (None,)
        ]
        added = 0
        for orders in sorted({pair[:2] for pair in pairs}):
            made = [
                (rule, self._made(rule, shapes.shape(shape) if shape is not None else None))
                for *order, rule, shape in pairs
                if tuple(order) == orders
            ]
            for rule, tables in made:
                for table in tables:
                    added += self._add(rule, table)
            if made:
                self.examination.changed()
        return added

    def _made(self, rule: Rule, shape: Shape | None) -> list[str]:
        """Tables of the triples (s, p, o) that a rule makes of the focus nodes of a shape."""
        examination, shapes = self.examination, self.examination.shapes
        focus = ""
        if shape is not None:
            focus, count = examination.focus_of(shape)
            if count and rule.conditions:
                (plan,) = examination.plans(
                    rule.node, "conditions",
                    lambda: [compile_conforming(shapes, rule.conditions, FOCUS)],
                )  # fmt: skip
                kept = examination.fresh("focus")
                count = examination.execute(rule.node, plan, kept, focus)
                focus = kept
            if not count:
                return []
        given = FOCUS if shape is not None else None
        solutions = examination.fresh("made")
        what = "rule" if shape is not None else "global rule"
        if rule.triple is not None:
            triple = rule.triple
            (plan,) = examination.plans(
                rule.node, what, lambda: [compile_expressions(shapes, triple, given)]
            )
            examination.execute(rule.node, plan, solutions, focus)
            queries = [f"SELECT e0 AS s, e1 AS p, e2 AS o FROM {solutions}"]
        else:
            assert rule.query is not None
            query, bound = rule.query, dict(rule.bound)
            (plan,) = examination.plans(
                rule.node, what, lambda: [compile_construct(shapes, query, given, bound)]
            )
            examination.execute(rule.node, plan, solutions, focus)
            queries = [
                self._templated(rule, plan, solutions, triple)
                for triple in self._template(rule, query)
            ]
        tables = []
        for text in queries:
            table = examination.fresh("triples")
            examination.columns.con.execute(f"CREATE TEMP TABLE {table} AS {text}")
            tables.append(table)
        examination.columns.con.execute(f"DROP TABLE {solutions}")
        return tables

    def _template(self, rule: Rule, query: Query) -> list[tuple[Any, Any, Any]]:
        """The triples of a CONSTRUCT."""

        def read() -> Any:
            return template_to_json(read_query(query.text, dict(query.prefixes)).template)

        return template_from_json(self.examination.shapes.remember(rule.node, "template", read))

    def _templated(
        self, rule: Rule, plan: ShapePlan, solutions: str, triple: tuple[Any, Any, Any]
    ) -> str:
        """A query for the triples that one line of a template makes of solutions."""
        columns, joins = [], ""
        kinds = dict(plan.plan.columns)
        # an empty text where there is no value, for concat_ws would close the gap
        row = "".join(f", coalesce({column_of(name)}::VARCHAR, '')" for name in sorted(kinds))
        store = self.examination.columns
        for letter, term in zip("spo", triple, strict=True):
            if isinstance(term, Variable) and str(term) not in kinds:
                columns.append(f"NULL::BIGINT AS {letter}")
            elif isinstance(term, Variable) and kinds[str(term)] == "id":
                columns.append(f"m.{column_of(term)} AS {letter}")
            elif isinstance(term, Variable | BNode):
                text = column_of(term)
                if isinstance(term, BNode):  # one node for each solution, the same in each round
                    name = n3_of(rule.node).replace("'", "''")
                    text = f"'_:' || md5(concat_ws('|', '{name}', '{term}'{row}))"
                store.add_terms(f"SELECT {text} FROM {solutions}")
                joins += f" LEFT JOIN terms t_{letter} ON t_{letter}.n3 = {text}"
                columns.append(f"t_{letter}.id AS {letter}")
            else:
                columns.append(f"{store.id_of(n3_of(term))}::BIGINT AS {letter}")
        return f"SELECT {', '.join(columns)} FROM {solutions} m{joins}"

    def _add(self, rule: Rule, table: str) -> int:
        columns, number, added = self.examination.columns, self.number(rule.node), 0
        predicates = columns.rows(
            f"SELECT DISTINCT lex, p FROM {table} JOIN terms ON id = p WHERE cls = 0 ORDER BY 1"
        )
        derived = self._numbers(_DERIVED)
        for predicate, identifier in predicates:
            rows = f"SELECT s, o, 0 AS c FROM {table} WHERE p = {identifier} AND s % 2 = 0"
            added += self.examination.add(predicate, rows, number)
            if derived:  # what is derived and also inferred stays
                columns.con.execute(
                    f"UPDATE {quoted(predicate)} SET r = {number} WHERE r IN ({derived})"
                    f" AND (s, o) IN (SELECT s, o FROM {table} WHERE p = {identifier})"
                )
        columns.con.execute(f"DROP TABLE {table}")
        return added

    def number(self, source: Identifier) -> int:
        """The number of what triples are inferred by."""
        if source not in self.sources:
            self.sources.append(source)
        return self.sources.index(source) + 1

    def _numbers(self, source: Identifier) -> str:
        return str(self.number(source)) if source in self.sources else ""

    # -- triples that are there for a while ------------------------------------------------------

    def _derive(self, rules: Sequence[Rule]) -> list[str]:
        """Add the values of the predicates that rules expect (sh:values, sh:defaultValue)."""
        examination, shapes = self.examination, self.examination.shapes
        predicates = sorted({name for rule in rules for name in rule.expected})
        for predicate in predicates:
            for inner, owner in shapes.deriving(predicate):
                focus, count = examination.focus_of(owner)
                if not count:
                    continue
                for what, compiled in (("derived", compile_values), ("default", compile_default)):
                    (plan,) = examination.plans(
                        inner.node, what, partial(_one_plan, compiled, shapes, inner)
                    )
                    table = examination.fresh("values")
                    examination.execute(inner.node, plan, table, focus)
                    rows = f"SELECT this AS s, value AS o, 0 AS c FROM {table} WHERE this % 2 = 0"
                    examination.add(predicate, rows, self.number(_DERIVED))
        if predicates:
            examination.changed()
        return predicates

    def _forget(self, predicates: Sequence[str]) -> None:
        number = self._numbers(_DERIVED)
        for predicate in predicates if number else ():
            table = self.examination.columns.table(predicate)
            self.examination.columns.con.execute(f"DELETE FROM {table} WHERE r = {number}")
            self.examination.changed()

    def _forget_temporary(self) -> None:
        """Take away the triples that a reifier calls sh:tempTriple true, and the reifiers."""
        columns = self.examination.columns
        marks, reifies = SH + "tempTriple", RDF + "reifies"
        if marks not in columns.predicates or reifies not in columns.predicates:
            return
        true = columns.id_of(f'"true"^^<{_BOOLEAN}>')
        found = columns.rows(
            f"SELECT m.s, t.n3 FROM {quoted(marks)} m JOIN {quoted(reifies)} r USING (s)"
            f" JOIN terms t ON t.id = r.o WHERE m.o = {true} AND m.r > 0"
        )
        for _, text in found:
            triple = next(
                iter(ox.parse(f"_:x <urn:x:p> {text} .".encode(), format=ox.RdfFormat.N_TRIPLES))
            ).object
            assert isinstance(triple, ox.Triple)
            ids = columns.ids_of([str(triple.subject), str(triple.object)])
            if triple.predicate.value in columns.predicates and len(ids) == len(
                {str(triple.subject), str(triple.object)}
            ):
                columns.con.execute(
                    f"DELETE FROM {quoted(triple.predicate.value)} WHERE r > 0"
                    f" AND s = {ids[str(triple.subject)]} AND o = {ids[str(triple.object)]}"
                )
        for predicate in columns.predicates if found else ():
            nodes = ", ".join(sorted({str(node) for node, _ in found}))
            columns.con.execute(f"DELETE FROM {quoted(predicate)} WHERE r > 0 AND s IN ({nodes})")
        self.examination.changed()

    # -- RDFS ------------------------------------------------------------------------------------

    def infer_rdfs(self) -> None:
        """Add what follows by sub-properties, sub-classes, domains and ranges (RDF 1.1 §9.2)."""
        columns, number = self.examination.columns, STATED  # later rules take it for stated
        add = self.examination.add
        below, above = RDFS + "subPropertyOf", RDFS + "subClassOf"
        for name in (below, above, RDFS + "domain", RDFS + "range", RDF_TYPE):
            columns.table(name)
        added = 1
        while added:
            added = 0
            for name in (below, above):
                table = quoted(name)
                rows = f"SELECT a.s, b.o, 0 AS c FROM {table} a JOIN {table} b ON a.o = b.s"
                added += add(name, rows, number)
            pairs = f"FROM {quoted(below)} JOIN terms a ON a.id = s JOIN terms b ON b.id = o"
            for low, high in columns.rows(f"SELECT a.lex, b.lex {pairs} WHERE a.cls + b.cls = 0"):
                rows = f"SELECT s, o, 0 AS c FROM {columns.table(low)}"
                added += add(high, rows, number)
            for name, end in (("domain", "s"), ("range", "o")):
                ends = columns.rows(
                    f"SELECT lex, o FROM {quoted(RDFS + name)} JOIN terms ON id = s WHERE cls = 0"
                )
                for predicate, cls in ends:
                    table = columns.table(predicate)
                    rows = f"SELECT {end} AS s, {cls}::BIGINT AS o, 0 AS c FROM {table}"
                    added += add(RDF_TYPE, f"{rows} WHERE {end} % 2 = 0", number)
            rows = (
                f"SELECT a.s, b.o, 0 AS c FROM {quoted(RDF_TYPE)} a"
                f" JOIN {quoted(above)} b ON a.o = b.s"
            )
            added += add(RDF_TYPE, rows, number)
        self.examination.changed()

    # -- what came of it -------------------------------------------------------------------------

    def inferred(self) -> Iterator[Inferred]:
        """What the rules of the shapes graph have added, in order."""
        if self._first < 0:
            return
        columns = self.examination.columns
        for predicate in sorted(columns.predicates):
            rows = columns.rows(
                f"SELECT a.n3, b.n3, r FROM {quoted(predicate)} JOIN terms a ON a.id = s"
                f" JOIN terms b ON b.id = o WHERE r > 0 AND t >= {self._first} ORDER BY 1, 2"
            )
            for subject, value, rule in rows:
                yield Inferred(subject, f"<{predicate}>", value, self.sources[rule - 1])


def _one_plan(
    compiled: Callable[[Shapes, Shape], ShapePlan], shapes: Shapes, shape: Shape
) -> list[ShapePlan]:
    return [compiled(shapes, shape)]


_DERIVED = URIRef(SH + "values")
_BOOLEAN = "http://www.w3.org/2001/XMLSchema#boolean"
