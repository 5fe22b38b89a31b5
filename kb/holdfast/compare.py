"""Two ventures, or one venture at two times, side by side."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from holdfast.assess import Assessment, Finding, VentureAssessment
from holdfast.vocabulary import BASES

CONCERN = {"weak": 3, "contested": 2}
"""How much a standing on one basis counts when ventures are put in order; others: nothing."""


@dataclass(frozen=True)
class Difference:
    """What differs between two judged ventures, or two times of one.

    `standings` are (basis, first, second) where the two differ; `only_first` and `only_second` are
    the findings that the other lacks, worst first; `alike` counts the findings that both have.
    """

    standings: tuple[tuple[str, str, str], ...]
    only_first: tuple[Finding, ...]
    only_second: tuple[Finding, ...]
    alike: int


@dataclass(frozen=True)
class Comparison:
    """Two ventures of one assessment and what differs between them."""

    first: VentureAssessment
    second: VentureAssessment
    difference: Difference


def compare(assessment: Assessment, first: str, second: str) -> Comparison:
    """Two ventures side by side. Raises UnknownNameError for one that is not there.

    Findings are alike where the same rule says the same of the same basis, whatever its sentence
    names.
    """
    left, right = assessment.venture(first), assessment.venture(second)
    return Comparison(left, right, _difference(left, right, lambda f: (f.rule, f.basis, f.effect)))


def changes(before: VentureAssessment, after: VentureAssessment) -> Difference:
    """What has changed for one venture between two times.

    A finding is still there where the same rule says the same sentence of the same basis.
    """
    return _difference(before, after, lambda f: (f.rule, f.basis, f.effect, f.message))


def concern(venture: VentureAssessment) -> int:
    """How much there is to worry about: weak standings count most, contested ones less."""
    return sum(CONCERN.get(standing, 0) for standing in venture.standing.values())


def weakest_first(ventures: Iterable[VentureAssessment]) -> list[VentureAssessment]:
    """Ventures by concern; among equals those with more risks first, then by label and IRI."""
    return sorted(
        ventures,
        key=lambda venture: (
            -concern(venture),
            -sum(finding.effect == "undermines" for finding in venture.findings),
            venture.label,
            venture.iri,
        ),
    )


def _difference(
    first: VentureAssessment, second: VentureAssessment, key: Callable[[Finding], Hashable]
) -> Difference:
    in_first = {key(finding) for finding in first.findings}
    in_second = {key(finding) for finding in second.findings}
    return Difference(
        standings=tuple(
            (basis, first.standing[basis], second.standing[basis])
            for basis in BASES
            if first.standing[basis] != second.standing[basis]
        ),
        only_first=tuple(f for f in first.findings if key(f) not in in_second),
        only_second=tuple(f for f in second.findings if key(f) not in in_first),
        alike=len(in_first & in_second),
    )
