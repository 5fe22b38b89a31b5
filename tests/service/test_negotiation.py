"""Which form a client gets: the Accept header, in all the ways in which it is written."""

from __future__ import annotations

import pytest

from holdfast_service.negotiation import best, media_ranges

OFFERS = ("text/turtle", "application/ld+json", "application/rdf+xml", "text/html")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "text/turtle"),
        ("*/*", "text/turtle"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("TEXT/Turtle", "text/turtle"),
        ("text/turtle; charset=utf-8", "text/turtle"),
        ('text/turtle;profile="https://e.org/a,b;q=0";q=0.5, text/html;q=0.1', "text/turtle"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "text/html"),
        ("application/*", "application/ld+json"),
        ("application/*;q=0.9, application/rdf+xml", "application/rdf+xml"),
        ("*/*, text/turtle;q=0", "application/ld+json"),
        ("text/*;q=0.3, text/turtle;q=0, */*;q=0.2", "text/html"),
        ("application/rdf+xml;q=0.5, application/ld+json;q=0.5", "application/ld+json"),
        ("text/turtle;q=nonsense, text/html", "text/html"),
        ("text/turtle;q=0.001", "text/turtle"),
        ("nonsense", "text/turtle"),
        (" , ,text/html", "text/html"),
        (",,;;;, ;q=1,text/html", "text/html"),
        ("image/png," * 50_000 + "text/html", None),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/turtle;q=0", None),
    ],
)
def test_the_offer_that_the_header_prefers_is_chosen(accept: str, chosen: str | None) -> None:
    assert chosen == best(accept, OFFERS)


def test_parameters_are_told_apart_from_the_quality() -> None:
    (one,) = media_ranges('application/ld+json; profile="https://e.org/p"; q=0.7')

    assert (0.7, (("profile", "https://e.org/p"),)) == (one.quality, one.parameters)
