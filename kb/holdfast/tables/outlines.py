"""Which ground areas have in common by their outlines, where no people can be counted."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyoxigraph as ox

from holdfast.errors import SourceError, printable
from holdfast.tables.reading import needed

GEO = "http://www.opengis.net/ont/geosparql#"
_READERS = {f"{GEO}asWKT": "from_wkt", f"{GEO}asGeoJSON": "from_geojson"}


@dataclass(frozen=True)
class Shared:
    """Two areas that share ground, and the share of each that it is."""

    one: str
    other: str
    share_of_one: float
    share_of_other: float


def shared_ground(lines: Iterable[str], known: frozenset[tuple[str, str]]) -> Iterator[Shared]:
    """Areas of N-Quads lines whose outlines overlap, without those pairs that are `known` already.

    Outlines are `geo:asWKT` or `geo:asGeoJSON` of a boundary, in longitude and latitude. Surfaces
    are compared on a cylinder of equal areas (Lambert 1772).

    Raises SourceError for an outline that is none.
    """
    told = [line for line in lines if f"<{GEO}as" in line]
    if not told:
        return
    shapely = needed("shapely")
    outlines: dict[str, Any] = {}
    text = "".join(f"{line} .\n" for line in told).encode()
    for quad in ox.parse(io.BytesIO(text), format=ox.RdfFormat.N_QUADS):
        reader = _READERS.get(quad.predicate.value)
        if reader is None or not isinstance(quad.object, ox.Literal):
            continue
        area = str(quad.subject)[1:-1]
        try:
            drawn = getattr(shapely, reader)(quad.object.value.rpartition("> ")[2])
        except shapely.errors.ShapelyError as error:
            raise SourceError(
                f"its outline cannot be read: {printable(str(error))}.",
                where=f"<{area}>",
                mend="Give it as WKT or GeoJSON, in longitude and latitude.",
            ) from None
        flat = shapely.transform(drawn, _on_cylinder)
        outlines[area] = flat if flat.is_valid else flat.buffer(0)
    areas = sorted(outlines)
    tree = shapely.STRtree([outlines[area] for area in areas])
    for at, one in enumerate(areas):
        for near in sorted(tree.query(outlines[one])):
            other = areas[near]
            if near <= at or (one, other) in known:
                continue
            ground = outlines[one].intersection(outlines[other]).area
            if ground > 0:
                yield Shared(one, other, ground / outlines[one].area, ground / outlines[other].area)


def _on_cylinder(points: Any) -> Any:
    flat = points.copy()
    flat[:, 1] = [math.degrees(math.sin(math.radians(latitude))) for latitude in points[:, 1]]
    return flat
