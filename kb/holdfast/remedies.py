"""What would help: the changes that a venture's risks suggest, each tried, the best first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

import pyoxigraph as ox

from holdfast.assess import Assessment, Finding, worded
from holdfast.errors import RuleError, UnknownNameError
from holdfast.limits import Progress
from holdfast.queries import iris_in, read_update
from holdfast.reason.edits import Quad
from holdfast.rules import Rule, Suggestion
from holdfast.suggestions import solutions_of, term, variables_in, written
from holdfast.vocabulary import BASES, nearest
from holdfast.whatif import Change, Flip, Outcome, what_if

MOST = 20
"""How many candidates one suggestion gives at most, in the order of their sentences."""

WEIGHT = {"violation": 9, "warning": 3, "info": 1}
"""How much a risk counts, by its severity, when remedies are put in order."""

RISKS = ("undermines", "watch")


@dataclass(frozen=True)
class Candidate:
    """One change that a rule suggests: a sentence, and what is added and removed."""

    rule: str
    levers: tuple[str, ...]
    sentence: str
    change: Change


@dataclass(frozen=True)
class Remedy:
    """A candidate that was tried.

    `clears` are the risks of the venture that go, `brings` the new risks with the IRI of the
    venture that has them, `flips` the standings that move. `added` and `removed` say the changed
    triples in sentences.
    """

    candidate: Candidate
    clears: tuple[Finding, ...]
    brings: tuple[tuple[str, Finding], ...]
    flips: tuple[Flip, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Remedies:
    """What would help a venture, the best first.

    `without` are its risks on constitutive bases for which no act of the partners is known. A risk
    on a consequential basis has no remedies of its own: it goes with what it rests on. `untried`
    counts the changes for which there was no time.
    """

    venture: str
    tried: tuple[Remedy, ...]
    without: tuple[Finding, ...]
    untried: int = 0


def remedies(
    assessment: Assessment,
    venture: str,
    *,
    basis: str | None = None,
    seconds: float = math.inf,
    progress: Progress | None = None,
) -> Remedies:
    """The changes suggested by the rules behind a venture's risks, each tried, the best first.

    A change that clears no risk of the rule that suggests it is left out. The best clears most
    risks of the venture, by severity; then it brings fewest new risks to any venture; then it
    changes fewest triples; then the alphabet decides. With `basis` only what is suggested for a
    risk on that basis or clears one there is listed. None is begun after so many `seconds`. Raises
    UnknownNameError.
    """
    if basis is not None and basis not in BASES:
        raise UnknownNameError(f"{basis} is no basis.", mend=nearest(basis, BASES))
    until = monotonic() + seconds
    found = assessment.venture(venture)
    risks = [finding for finding in found.findings if finding.effect in RISKS]
    candidates = list(candidates_for(assessment, found.iri))
    told = _Teller(assessment)
    tried = []
    untried = 0
    for place, candidate in enumerate(candidates):
        if monotonic() > until:
            untried = len(candidates) - place
            break
        if progress:
            progress("Trying", place, len(candidates))
        outcome = what_if(assessment, candidate.change)
        remedy = _tried(candidate, found.iri, outcome, told)
        if any(finding.rule == candidate.rule for finding in remedy.clears):
            tried.append(remedy)
    constitutive = {assessment.ontology.notation(iri) for iri in assessment.ontology.constitutive}
    suggesting = {rule.id for rule in assessment.rules if rule.changes}
    under = {rule.id for rule in assessment.rules if basis in (None, *rule.bases)}
    return Remedies(
        venture=found.iri,
        tried=tuple(
            remedy
            for remedy in sorted(tried, key=_best_first)
            if remedy.candidate.rule in under or any(f.basis == basis for f in remedy.clears)
        ),
        without=tuple(
            {
                (risk.rule, risk.message): risk
                for risk in risks
                if risk.basis in constitutive
                and risk.rule not in suggesting
                and basis in (None, risk.basis)
            }.values()
        ),
        untried=untried,
    )


def candidates_for(assessment: Assessment, venture: str) -> Iterator[Candidate]:
    """The changes that the rules behind a venture's risks suggest, none tried yet.

    A sentence is one candidate: solutions of a suggestion's WHERE that word the same sentence of
    the same things make their changes together. Those that would change nothing are left out, and
    of equal changes the first is kept.
    """
    rules = {rule.id: rule for rule in assessment.rules}
    rows = assessment.columns.rows(
        """
        SELECT DISTINCT f.rule, f.value, f.bindings FROM findings f
          JOIN terms v ON v.id = f.venture
        WHERE v.n3 = $venture AND f.effect IN ('undermines', 'watch')
        ORDER BY f.rule, f.value, f.bindings::VARCHAR
        """,
        {"venture": f"<{venture}>"},
    )
    asked = [
        (rule, bindings)
        for number, value, bindings in rows
        if (rule := rules[assessment.reasoner.rules[number].rule.id]).changes
    ]
    facts = _Facts(assessment, {rule.id: rule for rule, _ in asked}.values())
    seen: set[Change] = set()
    for rule, bindings in asked:
        for suggestion in rule.changes:
            for candidate in facts.candidates(rule, suggestion, venture, bindings):
                if candidate.change not in seen:
                    seen.add(candidate.change)
                    yield candidate


class _Facts:
    """What the suggestions of some rules read, stated and inferred, ready to be asked."""

    def __init__(self, assessment: Assessment, rules: Iterable[Rule]) -> None:
        self._assessment = assessment
        self._store = ox.Store()
        columns = assessment.columns
        named = {
            iri
            for rule in rules
            for suggestion in rule.changes
            for iri in iris_in(read_update(suggestion.update, rule.prefixes))
        }
        for predicate in sorted(named & set(columns.predicates)):
            rows = columns.rows(
                "SELECT s.n3, o.n3 FROM "
                f"{columns.table(predicate)} AS t JOIN terms s ON s.id = t.s"
                " JOIN terms o ON o.id = t.o"
            )
            lines = "".join(f"{s} <{predicate}> {o} .\n" for s, o in rows)
            self._store.bulk_load(lines, format=ox.RdfFormat.N_TRIPLES)

    def candidates(
        self, rule: Rule, suggestion: Suggestion, venture: str, bindings: Mapping[str, str]
    ) -> Iterator[Candidate]:
        """The candidates of one suggestion for one finding, at most `MOST`, by their sentences."""
        given = {**bindings, "focusNode": f"<{venture}>", "this": f"<{venture}>"}
        algebra = read_update(suggestion.update, rule.prefixes)
        named = variables_in(suggestion.message)
        parts: dict[tuple[str, ...], tuple[dict[str, str], set[Quad], set[Quad]]] = {}
        for solution in self._solutions(rule, suggestion, given):
            key = tuple(solution.get(name, "") for name in named)
            _, added, removed = parts.setdefault(key, (solution, set(), set()))
            removed |= set(written(algebra.delete, solution))
            added |= set(written(algebra.insert, solution))
        labels = self._labels(text for words, _, _ in parts.values() for text in words.values())
        found = []
        for words, added, removed in parts.values():
            change = self._change(added, removed)
            if change.added or change.removed:
                sentence = worded(
                    suggestion.message, {name: labels[text] for name, text in words.items()}
                )
                found.append(Candidate(rule.id, rule.levers, sentence, change))
        yield from sorted(found, key=lambda one: (one.sentence, one.change.added))[:MOST]

    def _solutions(
        self, rule: Rule, suggestion: Suggestion, given: Mapping[str, str]
    ) -> Iterator[dict[str, str]]:
        try:
            yield from solutions_of(self._store, suggestion.update, rule.prefixes, given)
        except (SyntaxError, ValueError) as error:
            raise RuleError(
                f"the update of a suggestion cannot be run: {error}.",
                where=f"{rule.file}: line {suggestion.line}",
                mend="Mend its WHERE.",
            ) from None

    def _change(self, added: set[Quad], removed: set[Quad]) -> Change:
        """A change of what is stated: nothing that stands is added, nothing else is removed."""
        stands = self._stated(added | removed)
        return Change(
            added=tuple(sorted(quad for quad in added if quad[:3] not in stands)),
            removed=tuple(
                sorted(
                    (*triple, graph)
                    for triple in {quad[:3] for quad in removed - added}
                    for graph in stands.get(triple, ())
                )
            ),
        )

    def _stated(self, quads: set[Quad]) -> dict[tuple[str, str, str], list[str]]:
        columns = self._assessment.columns
        ids = columns.ids_of(text for quad in quads for text in quad[:3])
        found: dict[tuple[str, str, str], list[str]] = {}
        for quad in quads:
            triple = quad[:3]
            if all(text in ids for text in triple):
                s, p, o = (ids[text] for text in triple)
                rows = columns.rows(
                    "SELECT DISTINCT coalesce(g.n3, '') FROM quads"
                    " LEFT JOIN terms g ON g.id = quads.g"
                    " WHERE s = $s AND p = $p AND o = $o AND NOT background ORDER BY 1",
                    {"s": s, "p": p, "o": o},
                )
                if rows:
                    found[triple] = [graph for (graph,) in rows]
        return found

    def _labels(self, texts: Iterable[str]) -> dict[str, str]:
        columns = self._assessment.columns
        wanted = list(dict.fromkeys(texts))
        columns.learn(wanted)
        ids = columns.ids_of(wanted)
        labels = columns.labels(ids.values())
        return {text: labels[identifier] for text, identifier in ids.items()}


class _Teller:
    """Says changed triples in sentences, new things by the labels that the change gives them."""

    def __init__(self, assessment: Assessment) -> None:
        self._columns = assessment.columns

    def sentences(self, quads: Iterable[Quad], change: Change) -> tuple[str, ...]:
        """Each triple once, without the labels themselves."""
        label = "<http://www.w3.org/2000/01/rdf-schema#label>"
        new = {s: term(o) for s, p, o, _ in change.added if p == label}
        triples = list(dict.fromkeys(quad[:3] for quad in quads if quad[1] != label))
        texts = list(dict.fromkeys(text for triple in triples for text in triple))
        self._columns.learn(texts)
        ids = self._columns.ids_of(texts)
        labels = self._columns.labels(ids.values())
        words = {text: labels[identifier] for text, identifier in ids.items()}
        words |= {text: f"the {getattr(name, 'value', name)}" for text, name in new.items()}
        words["<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"] = "is of the kind"
        return tuple(" ".join(words[text] for text in triple) for triple in triples)


def _tried(candidate: Candidate, venture: str, outcome: Outcome, teller: _Teller) -> Remedy:
    change = candidate.change
    return Remedy(
        candidate=candidate,
        clears=tuple(f for iri, f in outcome.lost if iri == venture and f.effect in RISKS),
        brings=tuple((iri, f) for iri, f in outcome.gained if f.effect in RISKS),
        flips=outcome.flips,
        added=teller.sentences(change.added, change),
        removed=teller.sentences(change.removed, change),
    )


def _best_first(remedy: Remedy) -> tuple[Any, ...]:
    change = remedy.candidate.change
    return (
        -sum(WEIGHT[finding.severity] for finding in remedy.clears),
        sum(WEIGHT[finding.severity] for _, finding in remedy.brings),
        len(change.added) + len(change.removed),
        remedy.candidate.sentence,
        remedy.candidate.rule,
    )
