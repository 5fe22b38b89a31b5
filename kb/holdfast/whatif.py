"""What would follow from a change: findings lost and gained, and standings that move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.assess import Assessment, Finding, assess
from holdfast.vocabulary import BASES

Quad = tuple[str, str, str, str]
"""Subject, predicate, object and graph as N-Quads terms; the default graph is ''."""


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
    """What would be found otherwise, had the change been made; nothing is changed by asking."""
    columns = assessment.columns
    stated = columns.rows(
        """
        SELECT s.n3, p.n3, o.n3, coalesce(g.n3, '') FROM quads JOIN terms s ON s.id = quads.s
          JOIN terms p ON p.id = quads.p JOIN terms o ON o.id = quads.o
          LEFT JOIN terms g ON g.id = quads.g WHERE NOT background
        """
    )
    quads = (set(stated) - set(change.removed)) | set(change.added)
    with TemporaryDirectory(prefix="holdfast-") as folder:
        file = Path(folder) / "changed.nq"
        file.write_text("".join(_lines(quads)), encoding="utf-8")
        after = assess(
            [str(file)],
            as_of=assessment.as_of if assessment.as_of != "latest" else None,
            rules=assessment.rules[0].file.parent.parent,
            evidence=False,
        )
    one, other = _findings(assessment), _findings(after)
    standings = {venture.iri: venture.standing for venture in after.ventures}
    return Outcome(
        lost=tuple(found for key, found in one.items() if key not in other),
        gained=tuple(found for key, found in other.items() if key not in one),
        flips=tuple(
            Flip(venture.iri, venture.label, basis, venture.standing[basis], moved[basis])
            for venture in assessment.ventures
            if (moved := standings.get(venture.iri))
            for basis in BASES
            if venture.standing[basis] != moved[basis]
        ),
    )


def _lines(quads: Iterable[Quad]) -> Iterable[str]:
    return (" ".join(part for part in quad if part) + " .\n" for quad in sorted(quads))


def _findings(assessment: Assessment) -> dict[tuple[str, ...], tuple[str, Finding]]:
    return {
        (venture.iri, finding.rule, finding.basis, finding.effect, finding.message): (
            venture.iri,
            finding,
        )
        for venture in assessment.ventures
        for finding in venture.findings
    }
