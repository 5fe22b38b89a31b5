"""What would follow from a change: findings lost and gained, and standings that move."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef, Variable

from holdfast.answers import answer
from holdfast.assess import Assessment, Finding, VentureAssessment, judged_ventures
from holdfast.compile.values import n3_of
from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.explain import Explanation, Step, explained
from holdfast.queries import Operation, QuerySyntaxError, read_operations
from holdfast.reason.edits import Quad
from holdfast.reason.entailment import contradictions
from holdfast.reason.whynot import tried_for
from holdfast.vocabulary import BASES, HF, PREFIXES, nearest, short

_FAULT = re.compile(r"^Parser error [^:]*: | \(line \d+\)$")


@dataclass(frozen=True)
class Change:
    """Quads to be added to what is stated, and quads to be taken from it."""

    added: tuple[Quad, ...] = ()
    removed: tuple[Quad, ...] = ()


@dataclass(frozen=True)
class Flip:
    """A venture whose standing on a basis moves."""

    venture: str
    label: str
    basis: str
    before: str
    after: str


@dataclass(frozen=True)
class Outcome:
    """What a change does: findings, each with the IRI of its venture, and standings.

    `altered` are findings that stay, as they were and as they would be: more or less certain.
    `change` is what was added and removed in all.
    """

    lost: tuple[tuple[str, Finding], ...]
    gained: tuple[tuple[str, Finding], ...]
    altered: tuple[tuple[str, Finding, Finding], ...]
    flips: tuple[Flip, ...]
    change: Change = Change()


@dataclass(frozen=True)
class Loss:
    """Why a finding would be lost.

    `before` is its proof as things are. `gone` are the premises of that proof that would no longer
    hold; `fails` is the pattern of the rule that would then fail, in words.
    """

    before: Explanation
    gone: tuple[Step, ...]
    fails: str


@dataclass(frozen=True)
class Reasons:
    """Why the findings of an outcome would be gained (as proved after the change) and lost."""

    gained: tuple[Explanation, ...]
    lost: tuple[Loss, ...]


def what_if(assessment: Assessment, change: Change | Sequence[Operation | Change]) -> Outcome:
    """What would be found otherwise, had the change been made; nothing is changed by asking.

    The assessment must be `editable`. The operations of an update are made one after the other,
    each on what those before it left. A triple taken from no graph by name is taken from all that
    state it. Raises HoldfastError for a change that cannot be made.
    """
    edits = assessment.edits()
    before = {venture.iri: venture for venture in assessment.ventures}
    touched: set[int] = set()
    anew = False
    made: list[Change] = []
    with edits.undone():
        for part in [change] if isinstance(change, Change) else change:
            step = part if isinstance(part, Change) else _change_of(assessment, part)
            _check(assessment, step)
            changed = edits.apply(_where_stated(assessment, step.removed), step.added)
            touched |= changed.ventures
            anew = anew or changed.anew
            made.append(step)
        clashes = contradictions(assessment.columns, edits.reasoner.forbidding)
        touched |= {venture for one in clashes for venture in one.ventures}
        touched |= set(clashing(assessment))
        after = {
            venture.iri: venture
            for venture in judged_ventures(
                edits.reasoner,
                assessment.ontology,
                evidence=False,
                among=None if anew else touched,
                clashes=clashes,
            )
        }
    if not anew:
        names = assessment.columns.rows(
            "SELECT coalesce(lex, n3) FROM terms WHERE id IN (SELECT unnest($v::BIGINT[]))",
            {"v": sorted(touched)},
        )
        before = {iri: before[iri] for (iri,) in names if iri in before}
    one, other = _findings(before.values()), _findings(after.values())
    return Outcome(
        lost=tuple(found for key, found in one.items() if key not in other),
        gained=tuple(found for key, found in other.items() if key not in one),
        altered=tuple(
            (venture, found, now)
            for key, (venture, found) in one.items()
            if (now := other.get(key, ("", found))[1])
            and (now.certainty, now.message) != (found.certainty, found.message)
        ),
        flips=tuple(
            Flip(venture.iri, venture.label, basis, venture.standing[basis], moved.standing[basis])
            for venture in before.values()
            if (moved := after.get(venture.iri))
            for basis in BASES
            if venture.standing[basis] != moved.standing[basis]
        ),
        change=Change(
            tuple(quad for step in made for quad in step.added),
            tuple(quad for step in made for quad in step.removed),
        ),
    )


def reasons_for(
    assessment: Assessment, change: Change | Sequence[Operation | Change], outcome: Outcome
) -> Reasons:
    """Why a change would have its outcome; nothing is changed by asking.

    The change is made once more, so that what is found after it can be proved, and what was found
    before it can be held against it.
    """
    edits = assessment.edits()
    before = explained(assessment, [finding for _, finding in outcome.lost])
    losses: list[Loss] = []
    with edits.undone():
        for part in [change] if isinstance(change, Change) else change:
            step = part if isinstance(part, Change) else _change_of(assessment, part)
            edits.apply(_where_stated(assessment, step.removed), step.added)
        after = replace(assessment, reasoner=edits.reasoner, _edits=None)
        for (venture, finding), explanation in zip(outcome.lost, before, strict=True):
            gone = tuple(step for step in _steps(explanation.proof) if not _holds(assessment, step))
            losses.append(Loss(explanation, gone, _failing(after, venture, finding)))
        gained = explained(after, [finding for _, finding in outcome.gained])
    return Reasons(tuple(gained), tuple(losses))


def _steps(step: Step) -> Iterator[Step]:
    """The steps below a step, each before those that it rests on."""
    for below in step.premises:
        yield below
        yield from _steps(below)


def _holds(assessment: Assessment, step: Step) -> bool:
    """Whether what a step says is there now, as far as it is said by triples."""
    columns = assessment.columns
    if step.kind == "finding":
        return bool(
            columns.value(
                "SELECT count(*) FROM findings JOIN terms ON id = node WHERE n3 = $n3",
                {"n3": f"<{step.iri}>"},
            )
        )
    ids = columns.ids_of({term for triple in step.triples for term in triple})
    return all(
        p[1:-1] in columns.predicates
        and s in ids
        and o in ids
        and columns.value(
            f"SELECT count(*) FROM {columns.table(p[1:-1])} WHERE s = $s AND o = $o",
            {"s": ids[s], "o": ids[o]},
        )
        for s, p, o in step.triples
    )


def _failing(assessment: Assessment, venture: str, finding: Finding) -> str:
    """The pattern of a finding's rule that fails for its venture, where the rule is silent."""
    rule = next((rule for rule in assessment.rules if rule.id == finding.rule), None)
    columns = assessment.columns
    node = columns.ids_of([f"<{venture}>"]).get(f"<{venture}>", -1)
    if rule is None or columns.value(
        "SELECT count(*) FROM findings WHERE venture = $v AND rule = $r",
        {"v": node, "r": assessment.reasoner.number.get(rule.id, -1)},
    ):
        return ""
    tried = tried_for(assessment.reasoner, rule, node, follow=False).tried
    return tried[-1].pattern if tried and not tried[-1].met else ""


def clashing(assessment: Assessment) -> Iterable[int]:
    """The ventures that a contradiction concerns before the change."""
    named = {f"<{iri}>" for clash in assessment.inconsistencies for iri in clash.ventures}
    return assessment.columns.ids_of(named).values() if named else ()


def operations_in(text: str, *, where: str) -> list[Operation]:
    """The operations of a SPARQL Update; the usual prefixes need no declaration.

    Raises HoldfastError with the line in `where` it came from.
    """
    try:
        return read_operations(text, PREFIXES)
    except QuerySyntaxError as error:
        raise HoldfastError(
            f"the change cannot be read: {error.reason}.",
            where=f"{where}: line {error.line}, column {error.column}",
            mend="Write INSERT DATA, DELETE DATA, DELETE WHERE or DELETE … INSERT … WHERE.",
        ) from None


def quads_in_turtle(text: str, *, where: str) -> tuple[Quad, ...]:
    """The triples of a piece of Turtle; the usual prefixes need no declaration.

    Raises HoldfastError naming `where` the text came from.
    """
    head = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    body = text.strip()
    body += "" if body.endswith(".") else " ."
    try:
        found = list(ox.parse(head + body, format=ox.RdfFormat.TURTLE))
    except SyntaxError as error:
        raise HoldfastError(
            f"'{text}' is not a triple: {_FAULT.sub('', error.msg)}.",
            where=where,
            mend="Write it as in Turtle: '<subject> hf:property <object>'.",
        ) from None
    return tuple((str(quad.subject), str(quad.predicate), str(quad.object), "") for quad in found)


def must_be_stated(assessment: Assessment, removed: Iterable[Quad]) -> None:
    """Raise for triples that no source states: to take them away would alter nothing, in silence.

    Raises UnknownNameError with what is most like such a triple.
    """
    columns = assessment.columns
    for quad in removed:
        ids = columns.ids_of(quad[:3])
        if all(term in ids for term in quad[:3]) and columns.value(
            "SELECT count(*) FROM quads WHERE s = $s AND p = $p AND o = $o AND NOT background",
            {"s": ids[quad[0]], "p": ids[quad[1]], "o": ids[quad[2]]},
        ):
            continue
        raise UnknownNameError(
            f"{' '.join(map(_brief, quad[:3]))} is stated by no source, so it cannot be removed.",
            mend=_most_like(assessment, quad)
            or "Take away what it follows from: `holdfast explain --triple` shows that.",
        )


def _most_like(assessment: Assessment, quad: Quad) -> str:
    """The stated triple that differs least in one of its terms, as advice; empty where none is."""
    for place, column in enumerate("spo"):
        others = [at for at in range(3) if at != place]
        rows = assessment.columns.rows(
            f"SELECT DISTINCT x.n3 FROM quads JOIN terms x ON x.id = quads.{column}"
            " JOIN terms s ON s.id = quads.s JOIN terms p ON p.id = quads.p"
            " JOIN terms o ON o.id = quads.o WHERE NOT background AND"
            + " AND ".join(f" {'spo'[at]}.n3 = ${'spo'[at]}" for at in others)
            + " LIMIT 10000",
            {"spo"[at]: quad[at] for at in others},
        )
        if advice := nearest(_brief(quad[place]), [_brief(n3) for (n3,) in rows]):
            return advice
    return ""


def _brief(term: str) -> str:
    """An N-Triples term as people write it in Turtle."""
    if not term.startswith("<"):
        return term
    for prefix, namespace in PREFIXES.items():
        if term[1:].startswith(namespace):
            return f"{prefix}:{term[1 + len(namespace) : -1]}"
    return term


def _findings(ventures: Iterable[VentureAssessment]) -> dict[str, tuple[str, Finding]]:
    return {
        finding.iri: (venture.iri, finding) for venture in ventures for finding in venture.findings
    }


def _check(assessment: Assessment, change: Change) -> None:
    """Raise for terms of ours that are not declared: they would change nothing, in silence."""
    terms = assessment.ontology.terms
    for quad in (*change.added, *change.removed):
        for term in quad[:3]:
            iri = term[1:-1]
            if term.startswith(f"<{HF}") and iri not in terms:
                raise UnknownNameError(
                    f"the change uses {short(iri)}, which the ontology does not declare.",
                    mend=nearest(short(iri), [short(term) for term in terms])
                    or "Use a declared term.",
                )


def _where_stated(assessment: Assessment, removed: Iterable[Quad]) -> list[Quad]:
    """Quads to be removed; one without a graph stands for all that state its triple."""
    columns = assessment.columns
    found: list[Quad] = []
    for s, p, o, g in removed:
        ids = columns.ids_of((s, p, o))
        if g or len(ids) < len({s, p, o}):
            found.append((s, p, o, g))
            continue
        rows = columns.rows(
            "SELECT DISTINCT coalesce(g.n3, '') FROM quads LEFT JOIN terms g ON g.id = quads.g"
            " WHERE s = $s AND p = $p AND o = $o AND NOT background",
            {"s": ids[s], "p": ids[p], "o": ids[o]},
        )
        found += [(s, p, o, graph) for (graph,) in rows]
    return found


def _change_of(assessment: Assessment, operation: Operation) -> Change:
    """What one operation of an update comes to here."""
    solutions: list[dict[str, str]] = [{}]
    if operation.where is not None:
        found = answer(assessment.columns, operation.where)
        solutions = [
            {
                name: str(term)
                for name, term in zip(found.variables, row, strict=True)
                if term is not None
            }
            for row in found.solutions or ()
        ]
    fresh = count()
    return Change(
        added=tuple(dict.fromkeys(_filled(operation.insert, solutions, fresh))),
        removed=tuple(dict.fromkeys(_filled(operation.delete, solutions, fresh))),
    )


def _filled(
    template: Iterable[tuple[Any, Any, Any, Any]],
    solutions: Iterable[Mapping[str, str]],
    fresh: Iterator[int],
) -> Iterator[Quad]:
    """The quads of a template; those with an unbound term are left out (Update §3.1.3)."""
    listed = list(template)
    for solution in solutions:
        made: dict[BNode, str] = {}
        for quad in listed:
            terms: list[str] = []
            for term in quad:
                if term is None:
                    terms.append("")
                elif isinstance(term, Variable):
                    terms.append(solution.get(str(term)) or "?")
                elif isinstance(term, BNode):
                    if term not in made:
                        made[term] = f"_:new{next(fresh)}"
                    terms.append(made[term])
                else:
                    assert isinstance(term, (URIRef, Literal))
                    terms.append(n3_of(term))
            s, p, o, g = terms
            if "?" not in terms and not s.startswith('"') and p.startswith("<"):
                yield s, p, o, g
