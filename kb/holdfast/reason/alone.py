"""One rule run over one small file and nothing else: no ontology, no other rule, no clock.

That is how any SHACL engine sees a rule's examples, so that what comes out can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rdflib import Variable

from holdfast.columns import Columns, check_terms, misread_in
from holdfast.columns.names import column_of, quoted
from holdfast.columns.store import STATED
from holdfast.compile.values import n3_of
from holdfast.ontology import Ontology
from holdfast.reason.fixpoint import CompiledRule, Reasoner, compile_all
from holdfast.rules import Rule
from holdfast.vocabulary import SH

Triple = tuple[str, str, str]
"""Subject, predicate and object as N-Triples terms."""


@dataclass(frozen=True, order=True)
class Result:
    """One result of a SHACL validation report; terms as N-Triples, the message as plain text.

    Unlike the message of a finding, this one names things by IRI, as SHACL has it (§5.3.2). A
    `shape` that is a blank node is written [].
    """

    focus: str
    value: str
    severity: str
    shape: str
    message: str


def compiled_alone(rule: Rule, ontology: Ontology) -> CompiledRule:
    """A rule's plan as if there were no other rule. Raises RuleError."""
    return compile_all([rule], ontology, [])[0][0]


class Trial:
    """One rule and one file, ready to be run, whole or without one of the file's triples."""

    def __init__(self, compiled: CompiledRule, ontology: Ontology, file: Path) -> None:
        """Load `file` alone. Raises SourceError where it cannot be read."""
        self.rule = compiled.rule
        self._ontology = ontology
        self._compiled = compiled
        self._columns = Columns()
        con = self._columns.con
        con.execute("SET threads = 1")  # a few dozen rows
        self._columns.load([str(file)])
        self._columns.build(f"SELECT s, p, o, 0 AS c, {STATED} AS r FROM quads")
        self._reasoner = Reasoner(self._columns, [[compiled]], ontology, ())
        # all tables and terms must be there before the first run, which is rolled back
        for plan in (compiled.plan, *compiled.deltas):
            for predicate in plan.tables:
                self._columns.table(predicate)
            for n3 in plan.constants.values():
                self._columns.id_of(n3)
        for template in compiled.templates:
            self._columns.table(template.predicate)
            for term in (template.subject, template.value):
                if not isinstance(term, Variable):
                    self._columns.id_of(n3_of(term))
        self._first = self._columns.next_triple

    def close(self) -> None:
        """Give up the tables."""
        self._columns.con.close()

    def misread(self) -> list[str]:
        """What the file says that no rule reads as it was meant, in sentences.

        Raises SourceError for a term of ours that is not declared or not used as what it is.
        """
        check_terms(self._columns, self._columns.files, self._ontology)
        return misread_in(self._columns, self._ontology)

    def triples(self) -> dict[int, Triple]:
        """The triples of the file by their numbers."""
        return {
            number: (subject, f"<{predicate}>", value)
            for predicate in sorted(self._columns.predicates)
            for number, subject, value in self._columns.rows(
                f"SELECT t, s.n3, o.n3 FROM {quoted(predicate)} JOIN terms s ON s.id = s"
                f" JOIN terms o ON o.id = o WHERE r = {STATED}"
            )
        }

    def results(self, *, without: int | None = None) -> list[Result]:
        """What a judgement rule reports of the file, or of all but the triple of that number."""
        with self._undone(without):
            return sorted(self._results())

    def added(self, *, without: int | None = None) -> frozenset[Triple]:
        """The triples that an inference rule adds to the file, or to all but one triple of it."""
        with self._undone(without):
            self._reasoner.run()
            return frozenset(
                (subject, f"<{predicate}>", value)
                for predicate in {template.predicate for template in self._compiled.templates}
                for subject, value in self._columns.rows(
                    f"SELECT s.n3, o.n3 FROM {quoted(predicate)} JOIN terms s ON s.id = s"
                    f" JOIN terms o ON o.id = o WHERE r >= 0"
                )
            )

    def _results(self) -> list[Result]:
        plan = self._compiled.plan
        names = [name for name, _ in plan.columns]
        if not self._reasoner.materialise(plan, "answers", {}, self.rule):
            return []
        terms, joins = [], []
        for place, (name, kind) in enumerate(plan.columns):
            if kind == "id":
                joins.append(f" LEFT JOIN terms t{place} ON t{place}.id = a.{column_of(name)}")
            terms.append(f"t{place}.n3" if kind == "id" else f"a.{column_of(name)}")
        texts = ", ".join(
            f"CASE WHEN {term}[1] = '_' THEN {term} ELSE term_lex({term}) END" for term in terms
        )
        rows = self._columns.rows(
            f"SELECT DISTINCT {', '.join(terms)}, {texts} FROM answers a{''.join(joins)}"
        )
        return [self._result(names, row[: len(names)], row[len(names) :]) for row in rows]

    def _result(
        self, names: list[str], terms: tuple[str | None, ...], texts: tuple[str | None, ...]
    ) -> Result:
        bound = dict(zip(names, terms, strict=True))
        said = {name: text for name, text in zip(names, texts, strict=True) if text is not None}
        focus = bound.get("focus") or bound["this"] or ""
        value, shape = bound.get("value") or focus, f"<{self.rule.iri}>"
        if judged := {one.name: one for one in self.rule.judged}:
            value = bound.get("value") or ""
            one = judged.get(said.get("constraint", ""), self.rule.judged[0])
            shape = f"<{one.shape}>" if one.shape else "[]"
        return Result(
            focus=focus,
            value=value,
            severity=f"<{SH}{self.rule.severity.capitalize()}>",
            shape=shape,
            message=re.sub(
                r"\{[$?](\w+)\}", lambda found: said.get(found[1], found[0]), self.rule.message
            ),
        )

    @contextmanager
    def _undone(self, without: int | None) -> Iterator[None]:
        """A run after which the tables are as they were."""
        con = self._columns.con
        con.execute("BEGIN")
        try:
            if without is not None:
                for predicate in self._columns.predicates:
                    con.execute(f"DELETE FROM {quoted(predicate)} WHERE t = {without}")
            yield
        finally:
            con.execute("ROLLBACK")
            self._columns.next_triple = self._first
