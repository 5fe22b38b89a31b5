"""Rules and axioms together, until neither adds anything; and what the axioms forbid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from holdfast.columns import Columns
from holdfast.columns.names import quoted
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
from holdfast.limits import Progress
from holdfast.memory import Memory
from holdfast.ontology import Ontology
from holdfast.reason.fixpoint import Reasoner, compile_all
from holdfast.reason.spent import Ledger
from holdfast.reason.strata import writes_of
from holdfast.reason.whynot import AXIOMS, verb_phrase
from holdfast.rules import Rule
from holdfast.vocabulary import HF, RDF, RDF_TYPE

ROUNDS = 50
"""How often axioms may come to light that rules had inferred, before reasoning is given up."""

_NO_ONTOLOGY = Ontology((), {}, {}, (), {}, {}, {}, frozenset())


@dataclass(frozen=True)
class Inconsistency:
    """What cannot be true together: the rule of OWL 2 RL that says so, and of which terms.

    `certainty` is the rank of its least certain premise; `premises` are numbers of triples, the
    axioms among them; `ventures` are those concerned (see `concerned`).
    """

    rule: str
    nodes: tuple[int, ...]
    certainty: int
    premises: tuple[int, ...]
    ventures: tuple[int, ...] = ()


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
    ledger: Ledger | None = None,
) -> tuple[Reasoner, list[Inconsistency]]:
    """Run rules and axioms over the tables of `columns`, to which what follows is added.

    Axioms that rules infer are applied too, wherever they are inferred. With `vocabulary` what
    follows about classes and properties themselves is concluded as well; with `every` axioms that
    nothing here bears on take part, as edits may bring what does. In `ledger` is written what each
    rule takes. Raises RuleError, also
    where an axiom closes a cycle through negation.
    """
    axioms = read_axioms(columns, vocabulary=vocabulary)
    for _ in range(ROUNDS):
        above: dict[str, list[str]] = {}
        for low, high in axioms.superclasses:
            above.setdefault(low, []).append(high)
        known = memory or Memory(None)
        written = {key for rule in rules for key in writes_of(rule, above, ontology, known)}
        chosen = live(axioms, columns, written)
        if every:
            chosen = list(dict.fromkeys([*axioms.inferring, *axioms.forbidding, *chosen]))
        concluding = [axiom for axiom in chosen if axiom.target is not None]
        strata = compile_all(
            rules, ontology, axioms.superclasses, memory, concluding, axioms.individuals
        )
        reasoner = Reasoner(columns, strata, ontology, hidden, memory)
        if ledger is not None:
            ledger.rules.clear()
            reasoner.ledger = ledger
        reasoner.run(progress)
        for axiom in concluding:
            if not axiom.rule.startswith("scm-"):
                written |= axiom.writes
        more = axioms
        if written & schema_keys() or ANY_TYPE in written:
            more = _with_inferred(axioms, reasoner, vocabulary=vocabulary)
        if (more.inferring, more.forbidding) == (axioms.inferring, axioms.forbidding):
            reasoner.forbidding = tuple(axiom for axiom in chosen if axiom.target is None)
            return reasoner, contradictions(columns, reasoner.forbidding)
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
    verbs = {number: iri for iri, number in columns.predicates.items()}

    def verb(predicate: int) -> str:
        iri = verbs[predicate]
        if iri == RDF_TYPE:
            return "is of the kind"
        return AXIOMS.get(iri) or verb_phrase(names[predicate])

    lists = (RDF + "first", RDF + "rest")
    return [f"{names[s]} {verb(p)} {names[o]}" for s, p, o in rows if verbs[p] not in lists]


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
    return concerned(columns, found)


def concerned(columns: Columns, found: Sequence[Inconsistency]) -> list[Inconsistency]:
    """Contradictions with the ventures that they concern.

    That is the venture that clashes, or to which what clashes belongs, or whose form it is; where
    there is none, the ventures of whatever speaks of what clashes: a contradiction about a partner
    concerns the venture of its membership.
    """
    nodes = sorted({node for one in found for node in one.nodes})
    if not nodes:
        return list(found)
    belongs, form = columns.table(HF + "belongsTo"), columns.table(HF + "takesForm")
    branches = " UNION ALL ".join(
        f"SELECT s AS node, o AS named FROM {quoted(predicate)} WHERE o IN (FROM clashing)"
        for predicate in sorted(columns.predicates)
    )
    rows = columns.rows(
        f"""
        WITH clashing AS (SELECT unnest($nodes::BIGINT[]) AS node),
        venture AS (SELECT s AS v FROM {columns.table(RDF_TYPE)} WHERE o = $venture
          AND s NOT IN (SELECT node FROM unassessed)),
        owned AS (SELECT v AS node, v FROM venture
          UNION SELECT s, o FROM {belongs} WHERE o IN (FROM venture)
          UNION SELECT o, s FROM {form} WHERE s IN (FROM venture))
        SELECT 0, node, v FROM owned WHERE node IN (FROM clashing)
        UNION SELECT 1, named, v FROM ({branches}) JOIN owned USING (node) WHERE named <> v
        ORDER BY ALL
        """,
        {"nodes": nodes, "venture": columns.id_of(f"<{HF}Venture>")},
    )
    near: tuple[dict[int, list[int]], dict[int, list[int]]] = {}, {}
    for far, node, venture in rows:
        near[far].setdefault(node, []).append(venture)

    def ventures(one: Inconsistency) -> tuple[int, ...]:
        for by_node in near:
            if some := [venture for node in one.nodes for venture in by_node.get(node, ())]:
                return tuple(dict.fromkeys(some))
        return ()

    return [replace(one, ventures=ventures(one)) for one in found]


__all__ = ["Inconsistency", "contradictions", "entail", "reason", "sentences_for"]
