"""Where the time goes: what each rule and each stratum costs over some sources."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

from rdflib.plugins.sparql.algebra import pprintAlgebra

from holdfast.columns import Columns, Limits, check_terms, project
from holdfast.errors import UnknownNameError
from holdfast.memory import usual_memory
from holdfast.ontology import read_ontology
from holdfast.reason import Reasoner, reason
from holdfast.reason.spent import Ledger
from holdfast.rules import read_rules
from holdfast.vocabulary import nearest


@dataclass(frozen=True)
class Cost:
    """What one rule costs; the numbers are those of `Spent`. Strata are counted from 1."""

    rule: str
    stratum: int
    runs: int
    answers: int
    seconds: float
    planning: float
    size: int


@dataclass(frozen=True)
class Profile:
    """What the rules cost, the dearest first; `load` and `reason` are seconds in all.

    `reasoner` has run; `plan_of` asks it.
    """

    load: float
    reason: float
    costs: tuple[Cost, ...]
    reasoner: Reasoner

    def strata(self) -> list[Cost]:
        """The same added up by stratum, lowest first; `rule` says how many rules it has."""
        found = []
        for number in sorted({cost.stratum for cost in self.costs}):
            some = [cost for cost in self.costs if cost.stratum == number]
            found.append(
                Cost(
                    rule=f"{len(some)} rules" if len(some) > 1 else some[0].rule,
                    stratum=number,
                    runs=sum(cost.runs for cost in some),
                    answers=sum(cost.answers for cost in some),
                    seconds=sum(cost.seconds for cost in some),
                    planning=sum(cost.planning for cost in some),
                    size=sum(cost.size for cost in some),
                )
            )
        return found


def profile(
    sources: Sequence[str],
    *,
    as_of: str | None = None,
    rules: Path | None = None,
    today: date | None = None,
    limits: Limits | None = None,
) -> Profile:
    """What each rule, and each group of axioms, costs over some sources.

    Each statement is planned once more, so that planning can be told from executing; the seconds
    do not count that. Raises HoldfastError for input that cannot be used.
    """
    begin = perf_counter()
    ontology = read_ontology()
    ledger = Ledger()
    with usual_memory() as memory:
        chosen = read_rules(ontology, rules, memory)
        columns = Columns(limits)
        columns.load(sources, background=ontology.files)
        check_terms(columns, columns.files, ontology)
        projection = project(columns, as_of, today or date.today())
        loaded = perf_counter()
        reasoner, _ = reason(
            columns, chosen, ontology, projection.hidden, memory=memory, ledger=ledger
        )
    strata = {
        reasoner.number[compiled.rule.id]: place
        for place, stratum in enumerate(reasoner.strata, start=1)
        for compiled in stratum
    }
    costs = [
        Cost(
            reasoner.rules[number].rule.id, strata[number], spent.runs, spent.answers,
            spent.seconds, spent.planning, spent.size,
        )
        for number, spent in ledger.rules.items()
    ]  # fmt: skip
    return Profile(
        load=loaded - begin,
        reason=sum(cost.seconds for cost in costs),
        costs=tuple(sorted(costs, key=lambda cost: (-cost.seconds, cost.rule))),
        reasoner=reasoner,
    )


def plan_of(profiled: Profile, name: str) -> str:
    """A rule's algebra, its SQL and how DuckDB goes about it over the profiled sources.

    Raises UnknownNameError.
    """
    reasoner = profiled.reasoner
    if name not in reasoner.number:
        raise UnknownNameError(
            f"there is no rule {name} here.",
            mend=nearest(name, reasoner.number) or "`holdfast rules profile` names all.",
        )
    compiled = reasoner.rules[reasoner.number[name]]
    parts = []
    if compiled.axioms is None:
        with redirect_stdout(io.StringIO()) as told:
            pprintAlgebra(SimpleNamespace(algebra=compiled.rule.algebra))
        parts.append(told.getvalue().strip())
    else:
        parts.append("\n".join(axiom.id for axiom in compiled.axioms.axioms))
    return "\n\n".join([*parts, compiled.plan.sql, reasoner.explained(compiled)]) + "\n"
