"""Holdfast: all shapes at once, over columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rdflib import RDF, Graph
from rdflib.namespace import SH

from engines.child import Result, work
from holdfast.columns import Columns
from holdfast.compile import Plan
from holdfast.memory import usual_memory
from holdfast.ontology import read_ontology
from holdfast.reason import Reasoner, compile_all
from holdfast.reason.fixpoint import CompiledRule
from holdfast.rules import read_rules


class Judge(Reasoner):
    """Runs judgement rules for their solutions alone."""

    def _judge(self, compiled: CompiledRule, plan: Plan) -> None:
        columns = dict(plan.columns)
        value = ""
        if "value" in columns:
            value = '"v_value"' if columns["value"] == "n3" else "o.n3"
        join = ' LEFT JOIN terms o ON o.id = "v_value"' if columns.get("value") == "id" else ""
        picked = f"coalesce({value}, t.n3)" if value else "t.n3"
        rows = self.columns.rows(
            f"SELECT t.n3, {picked} FROM answers JOIN terms t ON t.id = v_this{join}"
        )
        self.found += [(f"<{compiled.rule.iri}>", focus, value) for focus, value in rows]

    found: list[Result]


def load(data: Path) -> Columns:
    columns = Columns()
    columns.load([str(data)])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


def run(columns: Columns, shapes: Path) -> list[Result]:
    ontology, memory = read_ontology(), usual_memory()
    wanted = {str(shape) for shape in Graph().parse(shapes).subjects(RDF.type, SH.NodeShape)}
    rules = [rule for rule in read_rules(ontology, None, memory) if rule.iri in wanted]
    if len(rules) < len(wanted):
        raise RuntimeError("these shapes are no rules of Holdfast")
    strata = compile_all(rules, ontology, columns.superclasses, memory)
    judge = Judge(columns, strata, ontology, [], memory)
    judge.found = []
    judge.run()
    memory.save()
    return judge.found


def read(found: list[Result]) -> Iterator[Result]:
    yield from found


if __name__ == "__main__":
    work(load, run, read)
