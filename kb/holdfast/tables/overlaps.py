"""Which people areas have in common, counted on the small areas of which they are made."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyoxigraph as ox

from holdfast.tables.outlines import shared_ground
from holdfast.tables.reading import needed
from holdfast.vocabulary import HF, RDF_TYPE, XSD

ARTEFACT = 0.01
"""Less than this share of both areas may come of fitting small areas to boundaries.

Measured by the publishers: lookups of small areas are best fit, and shares below one in a hundred
are as a rule the people of a street or two on the wrong side.
"""

_READ = ("madeOf", "extentOf", "population", "countedOn", "started", "ended")

_PARTS = """
WITH RECURSIVE
  facts AS (SELECT * FROM given),
  edges AS (SELECT s, o FROM facts WHERE p = 'madeOf'),
  people AS (SELECT s, max(CAST(o AS BIGINT)) AS n FROM facts WHERE p = 'population' GROUP BY s),
  leaves AS (
    SELECT s AS top, o AS leaf FROM edges
    UNION SELECT leaves.top, edges.o FROM leaves JOIN edges ON edges.s = leaves.leaf),
  small AS (
    SELECT top, leaf, n FROM leaves JOIN people ON people.s = leaf
    WHERE leaf NOT IN (SELECT s FROM edges)),
  spans AS (
    SELECT s, min(o) FILTER (p = 'started') AS begins, max(o) FILTER (p = 'ended') AS ends
    FROM facts WHERE p IN ('started', 'ended') GROUP BY s),
  sets AS (SELECT s, min(o) AS counted FROM facts WHERE p = 'countedOn' GROUP BY s),
  extents AS (
    SELECT top AS extent, coalesce(owner.o, top) AS area, any_value(counted) AS counted,
      any_value(begins) AS begins, any_value(ends) AS ends, sum(n) AS n
    FROM (SELECT DISTINCT top, leaf, n FROM small)
      LEFT JOIN facts owner ON owner.s = top AND owner.p = 'extentOf'
      LEFT JOIN spans ON spans.s = top
      LEFT JOIN sets ON sets.s = leaf
    GROUP BY top, area),
  tops AS (
    SELECT extents.*, leaf, small.n AS here,
      NOT EXISTS (FROM extents later WHERE later.area = extents.area
        AND later.begins >= extents.ends) AS last
    FROM extents JOIN (SELECT DISTINCT * FROM small) small ON top = extent),
  pairs AS (
    SELECT a.area AS a, b.area AS b, a.counted, a.extent AS ea, b.extent AS eb,
      any_value(a.n) AS na, any_value(b.n) AS nb, sum(a.here) AS n,
      any_value(a.begins) AS a_begins, any_value(b.begins) AS b_begins,
      any_value(a.ends) AS a_ends, any_value(b.ends) AS b_ends
    FROM tops a JOIN tops b ON a.leaf = b.leaf AND a.area < b.area
      AND (
        (coalesce(a.begins, '') < coalesce(b.ends, '9')
          AND coalesce(b.begins, '') < coalesce(a.ends, '9'))
        OR (a.last AND a.ends = b.begins) OR (b.last AND b.ends = a.begins))
    GROUP BY ALL)
SELECT a, b, counted, na, nb, n,
  CASE WHEN a_begins IS NULL OR b_begins > a_begins THEN b_begins ELSE a_begins END AS begins,
  CASE WHEN a_ends = b_begins OR b_ends = a_begins THEN NULL
    WHEN a_ends IS NULL OR b_ends < a_ends THEN b_ends ELSE a_ends END AS ends
FROM pairs WHERE n > 0
ORDER BY a, b, counted NULLS FIRST, begins NULLS FIRST
"""
"""Areas with people in common: those that hold at the same time, and one that ends as another
begins, whose common part tells how the areas were redrawn."""


def common_parts(lines: Iterable[str], register: str) -> set[str]:
    """A hf:CommonPart each way for each two areas in N-Quads lines that share small areas.

    Where two have no small areas in common but outlines that overlap, the part is of the surface.

    Areas are boundaries that are `hf:madeOf` small areas, themselves or through their extents;
    what counts is `hf:population` of the small areas.
    """
    lines = list(lines)
    rows = _counted(lines)
    made: set[str] = set()
    for a, b, counted, na, nb, n, begins, ends in rows:
        small = n < ARTEFACT * na and n < ARTEFACT * nb
        for whole, other, people in ((a, b, na), (b, a, nb)):
            facts = [(f"{HF}people", f'"{n}"^^<{XSD}integer>')]
            if counted:
                facts.append((f"{HF}countedOn", f"<{counted}>"))
            for word, moment in (("started", begins), ("ended", ends)):
                if moment:
                    facts.append((f"{HF}{word}", _moment(moment)))
            iri = _part_iri(register, whole, other, counted, begins)
            made |= _part(iri, register, whole, other, n / people, small, facts)
    known = frozenset((row[0], row[1]) for row in rows)
    for each in shared_ground(lines, known):
        small = max(each.share_of_one, each.share_of_other) < ARTEFACT
        for whole, other, share in (
            (each.one, each.other, each.share_of_one),
            (each.other, each.one, each.share_of_other),
        ):
            iri = _part_iri(register, whole, other, f"{HF}outlines", None)
            facts = [(f"{HF}countedOn", f"<{HF}outlines>")]
            made |= _part(iri, register, whole, other, share, small, facts)
    return made


def _counted(lines: Sequence[str]) -> list[tuple[Any, ...]]:
    marks = tuple(f"<{HF}{word}>" for word in _READ)
    told = [line for line in lines if any(mark in line for mark in marks)]
    if not any(marks[0] in line for line in told):
        return []
    pandas = needed("pandas")
    text = "".join(f"{line} .\n" for line in told).encode()
    given = pandas.DataFrame(
        [
            (str(quad.subject)[1:-1], quad.predicate.value.removeprefix(HF), _value(quad.object))
            for quad in ox.parse(io.BytesIO(text), format=ox.RdfFormat.N_QUADS)
        ],
        columns=["s", "p", "o"],
    )
    with duckdb.connect() as connection:
        connection.register("given", given)
        return connection.execute(_PARTS).fetchall()


def _value(term: object) -> str:
    return term.value if isinstance(term, ox.NamedNode | ox.Literal) else str(term)


def _part(
    iri: str,
    register: str,
    whole: str,
    other: str,
    share: float,
    small: bool,
    facts: Sequence[tuple[str, str]],
) -> set[str]:
    said = [
        (RDF_TYPE, f"<{HF}CommonPart>"),
        (f"{HF}ofArea", f"<{whole}>"),
        (f"{HF}inArea", f"<{other}>"),
        (f"{HF}share", f'"{share:.6f}"^^<{XSD}decimal>'),
        (f"{HF}certainty", f"<{HF}derived>"),
        *facts,
    ]
    if small:
        said.append((f"{HF}artefact", f'"true"^^<{XSD}boolean>'))
    return {f"<{iri}> <{predicate}> {value} <{register}>" for predicate, value in said}


def _part_iri(
    register: str, whole: str, other: str, counted: str | None, begins: str | None
) -> str:
    names = [each.rstrip("/#").replace("#", "/").rpartition("/")[2] for each in (whole, other)]
    if counted:
        names.append(counted.rstrip("/#").replace("#", "/").rpartition("/")[2])
    if begins:
        names.append(begins)
    return f"{register.rstrip('/#')}/common/{'/'.join(names)}"


def _moment(text: str) -> str:
    kind = {4: "gYear", 7: "gYearMonth"}.get(len(text), "date")
    return f'"{text}"^^<{XSD}{kind}>'
