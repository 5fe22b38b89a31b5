"""One venture through its phases, or through the years in which something begins or ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from holdfast.assess import VentureAssessment, assess
from holdfast.columns import Columns, Limits, project
from holdfast.columns.asof import phases_of
from holdfast.compare import Difference, changes
from holdfast.errors import UnknownNameError
from holdfast.limits import Progress
from holdfast.ontology import read_ontology
from holdfast.vocabulary import nearest

MOST_YEARS = 12
"""How many years are shown; where more have a beginning or an end, the latest are."""


@dataclass(frozen=True)
class Moment:
    """A venture as of one phase or year; `venture` is None where it cannot be seen then."""

    as_of: str
    venture: VentureAssessment | None


@dataclass(frozen=True)
class Timeline:
    """A venture at its moments in order, and what changed from each to the next.

    `changes` has an entry for each neighbouring pair of moments, None where the venture could not
    be seen at both. `earlier` counts the years before the first shown.
    """

    iri: str
    label: str
    moments: tuple[Moment, ...]
    changes: tuple[Difference | None, ...]
    earlier: int


def timeline(
    sources: Sequence[str],
    venture: str,
    *,
    rules: Path | None = None,
    today: date | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Timeline:
    """A venture through its phases; one without phases through years; one without years today.

    `venture` is an IRI, or the name in which it ends. Raises HoldfastError for input that cannot
    be used; `limits` are those of `assess`.
    """
    iri, label, names, earlier = _moments(sources, venture, today or date.today(), limits)
    moments: list[Moment] = []
    for place, name in enumerate(names):
        assessment = assess(
            sources,
            as_of=name,
            rules=rules,
            today=today,
            evidence=False,
            limits=limits,
            progress=_part(progress, place, len(names)),
        )
        seen = next((v for v in assessment.ventures if v.iri == iri), None)
        moments.append(Moment(name or "today", seen))
    return Timeline(
        iri=iri,
        label=label,
        moments=tuple(moments),
        changes=tuple(
            changes(before.venture, after.venture) if before.venture and after.venture else None
            for before, after in pairwise(moments)
        ),
        earlier=earlier,
    )


def _moments(
    sources: Sequence[str], venture: str, today: date, limits: Limits | None
) -> tuple[str, str, list[str | None], int]:
    """The venture's IRI and label, when to look at it, and how many earlier years are left out."""
    columns = Columns(limits)
    columns.load(sources, background=read_ontology().files)
    project(columns, None, today)
    known = dict(
        columns.rows(
            "SELECT coalesce(lex, n3), venture FROM ventures JOIN terms ON id = venture ORDER BY 1"
        )
    )
    iri = next((i for i in known if venture in (i, i.rstrip("/").rsplit("/", 1)[-1])), None)
    if iri is None:
        listed = f"Ventures: {', '.join(list(known)[:5])}{' …' if len(known) > 5 else ''}."
        raise UnknownNameError(
            f"there is no venture <{venture}> here.",
            mend=f"{nearest(venture, known)} {listed if known else ''}".strip(),
        )
    node = known[iri]
    label = columns.labels([node])[node]
    phases = phases_of(columns, node)
    if phases:
        return iri, label, [*phases], 0
    years = _years_of(columns, node)
    if years:
        return iri, label, [*years[-MOST_YEARS:]], max(len(years) - MOST_YEARS, 0)
    return iri, label, [None], 0


def _years_of(columns: Columns, venture: int) -> list[str]:
    """The years in which something of a venture begins or ends. Needs a projected dataset."""
    rows = columns.rows(
        """
        WITH mine AS (
          SELECT node FROM owners WHERE venture = $venture
          UNION SELECT g FROM quads WHERE s IN (SELECT node FROM owners WHERE venture = $venture))
        SELECT DISTINCT year(moment) FROM (
          SELECT begins AS moment FROM spans WHERE node IN (FROM mine)
          UNION ALL SELECT ends FROM spans WHERE node IN (FROM mine))
        WHERE moment IS NOT NULL AND year(moment) BETWEEN 1 AND 9999 ORDER BY 1
        """,
        {"venture": venture},
    )
    return [f"{year:04d}" for (year,) in rows]


def _part(progress: Progress | None, place: int, parts: int) -> Progress | None:
    """Progress of one assessment among several, told as progress of the whole."""
    if progress is None:
        return None
    return lambda text, done, total: progress(text, place * total + done, parts * total)


__all__ = ["Moment", "Timeline", "timeline"]
