"""All ventures as they are judged, to be looked through: by place, basis, standing and rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from holdfast.assess import Finding, VentureAssessment
from holdfast.compare import concern
from holdfast.vocabulary import BASES
from holdfast_service.assessor import Edited, Judged

PER_PAGE = 50
MOST_PER_PAGE = 1_000

Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some of `total` rows: those of page `number`, from 1, with `size` rows on a page."""

    rows: Sequence[Row]
    number: int
    size: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last page."""
        return max(1, -(-self.total // self.size))


class Landscape:
    """What one assessment came to, indexed; never changed, an edit makes a new one."""

    def __init__(self, judged: Judged, commit: int) -> None:
        """`commit` is the number of the commit that was assessed."""
        self.judged = judged
        self.commit = commit
        self.by_slug = ventures_by_slug(judged.ventures)
        self.slugs = {venture.iri: slug for slug, venture in self.by_slug.items()}
        self._in_order = sorted(
            judged.ventures, key=lambda v: (-concern(v), v.label.casefold(), v.iri)
        )

    def after(self, edited: Edited, commit: int, triples: int) -> Landscape:
        """The landscape once an edit is made."""
        ventures = {venture.iri: venture for venture in self.judged.ventures}
        for iri in edited.gone:
            ventures.pop(iri, None)
        ventures |= {venture.iri: venture for venture in edited.ventures}
        old = self.judged
        return Landscape(
            Judged(
                as_of=old.as_of,
                asked=old.asked,
                triples=triples,
                seconds=old.seconds,
                ventures=tuple(ventures[iri] for iri in sorted(ventures)),
                left_out=old.left_out,
                contradictions=edited.contradictions,
                doubts=old.doubts,
            ),
            commit,
        )

    def ventures(
        self,
        *,
        name: str = "",
        basis: str = "",
        standing: str = "",
        rule: str = "",
        stage: str = "",
        among: Iterable[str] | None = None,
    ) -> list[VentureAssessment]:
        """Ventures that fit all that is given, the most worrying first.

        `standing` is one on `basis`, or on any where no basis is given; `rule` is one that
        undermines them; `among` are IRIs.
        """
        chosen = None if among is None else set(among)
        return [
            venture
            for venture in self._in_order
            if name.casefold() in venture.label.casefold()
            and (chosen is None or venture.iri in chosen)
            and stage in ("", venture.stage)
            and (not standing or _stands(venture, basis, standing))
            and (not rule or any(finding.rule == rule for finding in venture.findings))
        ]

    def findings(
        self,
        *,
        venture: str = "",
        rule: str = "",
        basis: str = "",
        effect: str = "",
        severity: str = "",
    ) -> list[tuple[VentureAssessment, Finding]]:
        """Findings that fit all that is given, by venture as above, worst first."""
        return [
            (judged, finding)
            for judged in self._in_order
            if venture in ("", judged.iri)
            for finding in judged.findings
            if rule in ("", finding.rule)
            and basis in ("", finding.basis)
            and effect in ("", finding.effect)
            and severity in ("", finding.severity)
        ]

    def standings(self) -> dict[str, Counter[str]]:
        """For each basis how many ventures stand how."""
        return {
            basis: Counter(venture.standing[basis] for venture in self.judged.ventures)
            for basis in BASES
        }

    def risks(self) -> list[tuple[str, int]]:
        """Rules that undermine, with how many ventures each hits, the most frequent first."""
        hit = Counter(
            rule
            for venture in self.judged.ventures
            for rule in {f.rule for f in venture.findings if f.effect == "undermines"}
        )
        return sorted(hit.items(), key=lambda item: (-item[1], item[0]))


def _stands(venture: VentureAssessment, basis: str, standing: str) -> bool:
    return (
        venture.standing.get(basis) == standing if basis else standing in venture.standing.values()
    )


def page_of(rows: Sequence[Row], number: int, size: int) -> Page[Row]:
    """One page of rows; a number beyond the last gives an empty page."""
    size = min(max(size, 1), MOST_PER_PAGE)
    start = (max(number, 1) - 1) * size
    return Page(rows[start : start + size], max(number, 1), size, len(rows))


def ventures_by_slug(ventures: Iterable[VentureAssessment]) -> dict[str, VentureAssessment]:
    """Each venture under a short name for its page: the last part of its IRI.

    Where two ventures end alike, the later IRI gets a number, so that names do not depend on the
    order in which ventures are given.
    """
    listed = {venture.iri: venture for venture in ventures}
    return {slug: listed[iri] for slug, iri in slugs_of(listed)}


def slugs_of(iris: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A short name for each IRI: its last part, with a number where several end alike."""
    taken: set[str] = set()
    for iri in sorted(iris):
        last = re.split(r"[/#:]", iri.rstrip("/#:"))[-1]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-") or "thing"
        slug, number = stem, 2
        while slug in taken:
            slug, number = f"{stem}-{number}", number + 1
        taken.add(slug)
        yield slug, iri
