"""Which of our forms a client wants: the Accept header, read as RFC 9110 §12.5.1 says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

_PART = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PARAMETER = re.compile(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+')

MOST_RANGES = 100
"""How many media ranges of a header are read: browsers send less than ten."""


@dataclass(frozen=True)
class Range:
    """One media range of an Accept header: `text/*;q=0.5`, its parameters apart."""

    kind: str
    subtype: str
    quality: float
    parameters: tuple[tuple[str, str], ...] = ()

    def fits(self, media: str) -> int:
        """How closely the range names a media type: 3 by name, 2 by kind, 1 as `*/*`, 0 not."""
        kind, _, subtype = media.partition(";")[0].strip().lower().partition("/")
        if self.kind == "*":
            return 1 if self.subtype == "*" else 0
        if self.kind != kind:
            return 0
        return 2 if self.subtype == "*" else 3 if self.subtype == subtype else 0


def media_ranges(header: str) -> list[Range]:
    """The media ranges of an Accept header, in its order; what is no media range is passed over."""
    found = []
    for part in islice(_PART.finditer(header), MOST_RANGES):
        media, *rest = [piece.strip() for piece in _PARAMETER.findall(part[0])] or [""]
        kind, slash, subtype = media.lower().partition("/")
        if not slash or not kind or not subtype or re.search(r"\s", media):
            continue
        quality = 1.0
        parameters = []
        for parameter in rest:
            name, _, value = parameter.partition("=")
            name, value = name.strip().lower(), value.strip().strip('"')
            if name == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
            else:
                parameters.append((name, value))
        found.append(Range(kind, subtype, quality, tuple(parameters)))
    return found


def best(header: str, offers: Sequence[str]) -> str | None:
    """The offer that an Accept header prefers, the earlier one among equals; None where none fits.

    Offers are media types, best first; parameters on either side do not count, `charset=utf-8`
    least of all. The most specific range that fits an offer decides its quality. No header, or one
    without a readable media range, takes anything.
    """
    ranges = media_ranges(header)
    if not ranges:
        return offers[0] if offers else None
    chosen, highest = None, 0.0
    for offer in offers:
        fitting = [(one.fits(offer), one.quality) for one in ranges]
        closest = max(fitting, key=lambda fit: fit[0])
        # among ranges that fit alike the kindest counts
        quality = max(quality for fit, quality in fitting if fit == closest[0])
        if closest[0] and quality > highest:
            chosen, highest = offer, quality
    return chosen
