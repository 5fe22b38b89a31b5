"""What would follow from a change: findings lost and gained, and standings that move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.assess import Assessment, Finding, VentureAssessment, judged_ventures
from holdfast.reason.edits import Quad
from holdfast.vocabulary import BASES


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
    """What a change does: findings, each with the IRI of its venture, and standings."""

    lost: tuple[tuple[str, Finding], ...]
    gained: tuple[tuple[str, Finding], ...]
    flips: tuple[Flip, ...]


def what_if(assessment: Assessment, change: Change) -> Outcome:
    """What would be found otherwise, had the change been made; nothing is changed by asking.

    The assessment must be `editable`. What is taken away must be stated in the graph named.
    """
    before = {venture.iri: venture for venture in assessment.ventures}
    with assessment.edits().tried(change.removed, change.added) as changed:
        after = {
            venture.iri: venture
            for venture in judged_ventures(
                assessment.edits().reasoner,
                assessment.ontology,
                evidence=False,
                among=None if changed.anew else changed.ventures,
            )
        }
        if not changed.anew:
            names = assessment.columns.rows(
                "SELECT coalesce(lex, n3) FROM terms WHERE id IN (SELECT unnest($v::BIGINT[]))",
                {"v": sorted(changed.ventures)},
            )
            before = {iri: before[iri] for (iri,) in names if iri in before}
    one, other = _findings(before.values()), _findings(after.values())
    return Outcome(
        lost=tuple(found for key, found in one.items() if key not in other),
        gained=tuple(found for key, found in other.items() if key not in one),
        flips=tuple(
            Flip(venture.iri, venture.label, basis, venture.standing[basis], moved.standing[basis])
            for venture in before.values()
            if (moved := after.get(venture.iri))
            for basis in BASES
            if venture.standing[basis] != moved.standing[basis]
        ),
    )


def _findings(ventures: Iterable[VentureAssessment]) -> dict[str, tuple[str, Finding]]:
    return {
        finding.iri: (venture.iri, finding) for venture in ventures for finding in venture.findings
    }


__all__ = ["Change", "Flip", "Outcome", "Quad", "what_if"]
