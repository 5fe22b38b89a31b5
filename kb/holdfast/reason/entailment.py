"""Rules and axioms together, until neither adds anything; and what the axioms forbid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdfast.columns import Columns
from holdfast.columns.store import quoted
from holdfast.compile import (
    ANY_TYPE,
    Axiom,
    Axioms,
    contradictions_sql,
    live,
    read_axioms,
    schema_keys,
)
from holdfast.errors import RuleError
from holdfast.memory import Memory
from holdfast.ontology import Ontology
from holdfast.reason.fixpoint import Progress, Reasoner, compile_all
from holdfast.reason.strata import writes_of
from holdfast.rules import Rule

ROUNDS = 50
"""How often axioms may come to light that rules had inferred, before reasoning is given up."""

_NO_ONTOLOGY = Ontology((), {}, {}, (), {}, {}, {}, frozenset())


@dataclass(frozen=True)
class Inconsistency:
    """What cannot be true together: the rule of OWL 2 RL that says so, and of which terms.

    `certainty` is the rank of its least certain premise; `premises` are numbers of triples, the
    axioms among them.
    """

    rule: str
    nodes: tuple[int, ...]
    certainty: int
    premises: tuple[int, ...]


def reason(
    columns: Columns,
    rules: Sequence[Rule],
    ontology: Ontology,
    hidden: Iterable[int] = (),
    *,
    memory: Memory | None = None,
    vocabulary: bool = False,
    every: bool = False,
    progress: Progress | None = None,
) -> tuple[Reasoner, list[Inconsistency]]:
    """Run rules and axioms over the tables of `columns`, to which what follows is added.

    Axioms that rules infer are applied too, wherever they are inferred. With `vocabulary` what
    follows about classes and properties themselves is concluded as well; with `every` axioms that
    nothing here bears on take part, as edits may bring what does. Raises RuleError, also
    where an axiom closes a cycle through negation.
    """
    axioms = read_axioms(columns, vocabulary=vocabulary)
    for _ in range(ROUNDS):
        above: dict[str, list[str]] = {}
        for low, high in axioms.superclasses:
            above.setdefault(low, []).append(high)
        known = memory or Memory(None)
        written = {key for rule in rules for key in writes_of(rule, above, ontology, known)}
        chosen = (
            [*axioms.inferring, *axioms.forbidding] if every else live(axioms, columns, written)
        )
        concluding = [axiom for axiom in chosen if axiom.target is not None]
        strata = compile_all(
            rules, ontology, axioms.superclasses, memory, concluding, axioms.individuals
        )
        reasoner = Reasoner(columns, strata, ontology, hidden, memory)
        reasoner.run(progress)
        for axiom in concluding:
            if not axiom.rule.startswith("scm-"):
                written |= axiom.writes
        more = axioms
        if written & schema_keys() or ANY_TYPE in written:
            more = _with_inferred(axioms, reasoner, vocabulary=vocabulary)
        if (more.inferring, more.forbidding) == (axioms.inferring, axioms.forbidding):
            return reasoner, contradictions(columns, [a for a in chosen if a.target is None])
        axioms = more
        columns.forget_inferred()
    raise RuleError(
        "rules and axioms infer ever new axioms from one another.",
        mend="Let no rule write axioms that it depends on itself.",
    )


def sentences_for(columns: Columns, inconsistency: Inconsistency) -> list[str]:
    """The premises of an inconsistency as triples in words, axioms among them."""
    branches = " UNION ALL ".join(
        f"SELECT t, s, {number}::BIGINT AS p, o FROM {quoted(predicate)}"
        " WHERE t IN (SELECT unnest($t::BIGINT[]))"
        for predicate, number in sorted(columns.predicates.items())
    )
    rows = columns.rows(
        f"SELECT s, p, o FROM ({branches}) ORDER BY t", {"t": list(inconsistency.premises)}
    )
    names = columns.labels({term for row in rows for term in row})
    return [" ".join(names[term] for term in row) for row in rows]


def _with_inferred(axioms: Axioms, reasoner: Reasoner, *, vocabulary: bool) -> Axioms:
    """These axioms and those that the triples add which a run has inferred."""
    derived = [
        number
        for number, compiled in enumerate(reasoner.rules)
        if compiled.axioms and compiled.axioms.rule.startswith("scm-")
    ]
    again = read_axioms(reasoner.columns, derived=derived, vocabulary=vocabulary)
    return Axioms(
        tuple(dict.fromkeys((*axioms.inferring, *again.inferring))),
        tuple(dict.fromkeys((*axioms.forbidding, *again.forbidding))),
        axioms.classes,
        tuple(dict.fromkeys((*axioms.superclasses, *again.superclasses))),
        axioms.individuals,
    )


def entail(
    columns: Columns, *, rules: Sequence[Rule] = (), ontology: Ontology | None = None
) -> tuple[Reasoner, list[Inconsistency]]:
    """What OWL 2 RL entails of any dataset whose tables are built: all of it is added to them.

    No ontology is needed beside the axioms in the data. Returns the inconsistencies too.
    """
    return reason(columns, rules, ontology or _NO_ONTOLOGY, vocabulary=True)


def contradictions(columns: Columns, axioms: Iterable[Axiom]) -> list[Inconsistency]:
    """What some forbidding axioms find, each pair of nodes once for each rule."""
    by_rule: dict[str, list[Axiom]] = {}
    for axiom in axioms:
        by_rule.setdefault(axiom.rule, []).append(axiom)
    found: list[Inconsistency] = []
    for rule, members in sorted(by_rule.items()):
        sql, tables = contradictions_sql(members)
        for predicate in sorted(tables):
            columns.table(predicate)
        rows = columns.rows(
            f"""
            SELECT v_s, v_o, c, l FROM ({sql})
            QUALIFY row_number() OVER (PARTITION BY v_s, v_o ORDER BY c, len(l), l) = 1
            ORDER BY v_s, v_o
            """
        )
        found += [
            Inconsistency(
                f"owl:{rule}", (s,) if o is None else (s, o), c, tuple(dict.fromkeys(premises))
            )
            for s, o, c, premises in rows
        ]
    return found


__all__ = ["Inconsistency", "contradictions", "entail", "reason", "sentences_for"]
