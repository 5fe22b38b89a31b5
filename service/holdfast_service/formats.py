"""The forms in which results and graphs are given and taken, each by media type and short name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyoxigraph as ox

from holdfast_service.negotiation import best
from holdfast_service.problem import Problem

Kind = Literal["solutions", "boolean", "graph"]


@dataclass(frozen=True)
class Form:
    """One form of a result: how it is named, served and saved.

    `native` is pyoxigraph's own writer of it; where there is none, the rows are written here.
    """

    name: str
    media: str
    suffix: str
    native: ox.QueryResultsFormat | ox.RdfFormat | None = None
    also: tuple[str, ...] = ()

    @property
    def content_type(self) -> str:
        """The media type with the encoding, which is always UTF-8 for text."""
        text = self.media.startswith("text/") or self.media in _TEXT
        return f"{self.media}; charset=utf-8" if text else self.media


_TEXT = ("application/n-triples", "application/n-quads", "application/trig")

JSON = Form(
    "json",
    "application/sparql-results+json",
    "srj",
    ox.QueryResultsFormat.JSON,
    ("application/json",),
)
XML = Form(
    "xml",
    "application/sparql-results+xml",
    "srx",
    ox.QueryResultsFormat.XML,
    ("application/xml", "text/xml"),
)
CSV = Form("csv", "text/csv", "csv")
TSV = Form("tsv", "text/tab-separated-values", "tsv", ox.QueryResultsFormat.TSV)
XLSX = Form("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx")
PARQUET = Form("parquet", "application/vnd.apache.parquet", "parquet")

SOLUTIONS = (JSON, XML, CSV, TSV, XLSX, PARQUET)
BOOLEANS = (JSON, XML)

TURTLE = Form(
    "turtle",
    "text/turtle",
    "ttl",
    ox.RdfFormat.TURTLE,
    ("application/x-turtle",),
)
N_TRIPLES = Form(
    "ntriples",
    "application/n-triples",
    "nt",
    ox.RdfFormat.N_TRIPLES,
    ("text/plain",),
)
RDF_XML = Form(
    "rdfxml",
    "application/rdf+xml",
    "rdf",
    ox.RdfFormat.RDF_XML,
    ("application/xml", "text/xml"),
)
JSON_LD = Form(
    "jsonld",
    "application/ld+json",
    "jsonld",
    ox.RdfFormat.JSON_LD,
    ("application/json",),
)
TRIG = Form("trig", "application/trig", "trig", ox.RdfFormat.TRIG)
N_QUADS = Form("nquads", "application/n-quads", "nq", ox.RdfFormat.N_QUADS)
N3 = Form("n3", "text/n3", "n3", ox.RdfFormat.N3)

GRAPHS = (TURTLE, JSON_LD, RDF_XML, N_TRIPLES, TRIG, N_QUADS, N3)
"""In which graphs are given, the first to who does not say."""

SENT = (TURTLE, N_TRIPLES, RDF_XML, JSON_LD, TRIG, N_QUADS, N3)
"""In which graphs are taken."""


def forms_of(kind: Kind) -> tuple[Form, ...]:
    """The forms in which a result of some kind is given, the first to who does not say."""
    return {"solutions": SOLUTIONS, "boolean": BOOLEANS, "graph": GRAPHS}[kind]


def offers(forms: tuple[Form, ...]) -> dict[str, Form]:
    """The media types under which some forms can be asked for, their own names first."""
    named = {form.media: form for form in forms}
    for form in forms:
        for media in form.also:
            named.setdefault(media, form)
    return named


def form_named(name: str, forms: tuple[Form, ...]) -> Form | None:
    """The form with a short name, a suffix or a media type, as `format=` gives it."""
    sought = name.strip().lower()
    for form in forms:
        if sought in (form.name, form.suffix, form.media, *form.also):
            return form
    return None


def chosen_form(forms: tuple[Form, ...], named: str, accept: str, what: str) -> tuple[str, Form]:
    """The media type and form in which something is given: as named, else as accepted.

    Raises Problem (406), which lists the forms that there are.
    """
    by_media = offers(forms)
    shown = ", ".join(form.media for form in forms)
    if named:
        form = form_named(named, forms)
        if form is None:
            names = ", ".join(form.name for form in forms)
            raise Problem("not-acceptable", f"{what} has no form {named!r}. It has {names}.")
        return form.content_type, form
    media = best(accept, list(by_media))
    if media is None:
        raise Problem("not-acceptable", f"{what} is given as one of {shown}.")
    form = by_media[media]
    text = "charset=utf-8" in form.content_type or media.startswith("text/")
    return (f"{media}; charset=utf-8" if text else media), form
