"""Work that is left out leaves no result out."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from holdfast.assess import Assessment, assess
from holdfast.columns import Columns
from holdfast.compile import Plan
from holdfast.reason.fixpoint import plan_of
from holdfast.reason.prospects import Prospects
from holdfast.reason.reach import Neighbours
from holdfast.rules import Rule
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
