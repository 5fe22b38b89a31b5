"""Work that is left out leaves no result out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest

from holdfast.assess import Assessment, assess
from holdfast.columns import Columns
from holdfast.compile import Plan
from holdfast.reason import Reasoner
from holdfast.reason.alone import compiled_alone
from holdfast.reason.fixpoint import plan_of
from holdfast.reason.prospects import Prospects
from holdfast.reason.reach import Neighbours
from holdfast.rules import Rule, Target
from holdfast.shipped import shipped_folder
from holdfast.synth import DRAWN_UP, write_register
from holdfast.vocabulary import HF, RDF_TYPE, readable

CASE = shipped_folder("graphs") / "easington.trig"
FEW = slice(None, None, 5)
"""Compiling takes a while, so these tests look at every fifth rule."""


@cache
def _case() -> Assessment:
    return assess([str(CASE)], evidence=False)


def _solutions(plan: Plan, rule: Rule) -> set[tuple[object, ...]]:
    reasoner = _case().reasoner
    reasoner.materialise(plan, "answers", {}, rule)
    names = ", ".join(f'"v_{name}"' for name, _ in plan.columns)
    return set(reasoner.columns.rows(f"SELECT {names}, c FROM answers"))


def _rules() -> list[Rule]:
    return list(_case().rules)[FEW]


def test_a_rule_that_is_not_run_would_have_found_nothing() -> None:
    columns = _case().columns
    plans = [(plan_of(rule, _case().reasoner.memory)[0], rule) for rule in _rules()]
    left = [one for one in plans if not all(map(columns.may_hold, one[0].needs))]
    assert left
    assert {} == {rule.id: found for plan, rule in left if (found := _solutions(plan, rule))}


@pytest.mark.parametrize("count", [1, 3])
def test_chosen_focus_nodes_have_the_solutions_that_they_have_among_all(count: int) -> None:
    memory = _case().reasoner.memory
    for rule in _rules():
        whole = _solutions(plan_of(rule, memory)[0], rule)
        nodes = sorted({row[0] for row in whole} | {2, 4, 6})[-count:]  # type: ignore[type-var]
        plan, _ = plan_of(rule, memory, among=True)
        expected = {row for row in whole if row[0] in nodes}
        assert expected == _solutions(plan.among(nodes), rule), rule.id  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "iri",
    ["https://example.org/town-hall", "https://example.org/a#b-c", "https://example.org/", "urn:x",
     "https://example.org/-/", "https://example.org/#", f"{HF}commonPurpose", "x:/#/", f"{HF}a-b"],
)  # fmt: skip
def test_a_thing_is_called_the_same_in_columns_and_out_of_them(iri: str) -> None:
    columns = Columns()
    number = columns.id_of(f"<{iri}>")
    assert {number: readable(iri)} == columns.labels([number])


def test_no_venture_is_left_out_for_which_a_rule_has_an_answer(tmp_path: Path) -> None:
    write_register(60, 2001, tmp_path / "register.nq")
    found = assess([str(CASE), str(tmp_path / "register.nq")], as_of=str(DRAWN_UP), evidence=False)
    columns, reasoner = found.columns, found.reasoner
    ventures = {v for (v,) in columns.rows(f"SELECT s FROM {columns.table(RDF_TYPE)} WHERE o = $o",
                                           {"o": columns.id_of(f"<{HF}Venture>")})}  # fmt: skip
    told: Counter[str] = Counter()
    for rule in found.rules:
        if rule.target.iri != f"{HF}Venture":
            continue
        plan, _ = plan_of(rule, reasoner.memory)
        reasoner.materialise(plan, "answers", {}, rule)
        answered = {node for (node,) in columns.rows("SELECT v_this FROM answers")}
        likely = set(Prospects(columns, Neighbours(columns)).of(rule, ventures))
        assert answered <= likely, rule.id
        told["has"] += len(answered)
        told["may have"] += len(likely)
    assert told["may have"] < 1.5 * told["has"]


MERGERS = """
    @prefix ex: <https://example.org/> .
    ex:boards a ex:Venture ; ex:partner ex:trust, ex:council .
    ex:parks a ex:Venture ; ex:partner ex:county .
    ex:seat ex:of ex:parks ; ex:member ex:trust .
    ex:chair ex:of ex:boards ; ex:member ex:agency .
    ex:trust ex:mergedInto ex:authority . ex:authority ex:mergedInto ex:county .
    ex:council ex:mergedInto ex:county . ex:county ex:mergedInto ex:region .
    ex:agency ex:mergedInto ex:agency .
"""
ALONG_PATHS = [
    "{ $this ex:partner ?one } UNION { ?seat ex:of $this ; ex:member ?one } ?one ex:mergedInto* ?x",
    "{ ?seat ex:of $this ; ex:member ?one } ?one ex:mergedInto+ ?x",
    "$this ex:partner ?one . ?x ex:mergedInto+ ?one",
    "?seat ex:of $this . ?seat ex:member ?one . ?x ex:mergedInto* ?one",
    "$this ex:partner ?one . ?one (ex:mergedInto|^ex:member)* ?x",
    "$this ex:partner ?x . ?x ex:mergedInto+ ex:county",
    "$this ex:partner ?x . ex:trust ex:mergedInto* ?x",
    "$this ex:partner ?x . ?x ^(ex:mergedInto+) ex:authority",
    "$this ex:partner ?x FILTER NOT EXISTS { ?one ex:mergedInto* ?x . ?seat ex:member ?one }",
    "$this ex:partner ?one OPTIONAL { ?one ex:mergedInto+ ?x }",
    "{ SELECT $this ?x (COUNT(?one) AS ?n) { $this ex:partner ?one . ?one ex:mergedInto* ?x }"
    " GROUP BY $this ?x } FILTER(?n > 1)",
    "?seat ex:member ?one { SELECT $this ?x (COUNT(?one) AS ?n) { $this ex:partner ?p ."
    " ?p ex:mergedInto* ?one . ?one ex:mergedInto ?x } GROUP BY $this ?x } FILTER(?n > 1)",
    "{ $this ex:partner ?x FILTER EXISTS { ?one ex:mergedInto* ?x } } ?seat ex:member ?one",
    "$this (ex:partner|^ex:of)/(ex:mergedInto|ex:member)* ?x",
]


@pytest.mark.parametrize("pattern", ALONG_PATHS)
def test_a_path_is_followed_from_what_stands_beside_it_and_misses_nothing(
    tmp_path: Path, pattern: str
) -> None:
    model = next(rule for rule in _case().rules if rule.kind == "judgement")
    head = "PREFIX ex: <https://example.org/> SELECT DISTINCT $this ?x "
    rule = replace(
        model,
        query=f"{head}{{ {pattern} }}",
        target=Target("targetClass", "https://example.org/Venture"),
    )
    (tmp_path / "mergers.ttl").write_text(MERGERS, encoding="utf-8")
    columns = Columns()
    columns.load([str(tmp_path / "mergers.ttl")])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    compiled = compiled_alone(rule, _case().ontology)
    reasoner = Reasoner(columns, [[compiled]], _case().ontology, ())
    store = ox.Store()
    store.load(MERGERS.encode(), format=ox.RdfFormat.TURTLE)
    asked = store.query(f"{head}{{ $this a ex:Venture . {pattern} }}")
    expected = {tuple(str(term) if term else None for term in row) for row in asked}  # type: ignore
    assert expected

    def found(plan: Plan) -> set[tuple[str | None, ...]]:
        reasoner.materialise(plan, "answers", {}, rule)
        return set(
            columns.rows(
                "SELECT t.n3, x.n3 FROM answers JOIN terms t ON t.id = v_this"
                " LEFT JOIN terms x ON x.id = v_x"
            )
        )

    assert expected == found(compiled.plan) == found(compiled.traced()[0])
    for name in ("boards", "parks"):
        venture = f"<https://example.org/{name}>"
        plan = plan_of(rule, among=True)[0].among([columns.id_of(venture)])
        assert {row for row in expected if row[0] == venture} == found(plan)


def test_a_path_of_no_length_goes_through_the_nodes_that_others_bind_and_not_all() -> None:
    query = f"PREFIX ex: <https://example.org/> SELECT DISTINCT $this ?x {{ {ALONG_PATHS[0]} }}"
    model = next(rule for rule in _case().rules if rule.kind == "judgement")
    rule = replace(model, query=query)
    assert not compiled_alone(rule, _case().ontology).plan.any_predicate
