"""The pages: all ventures with their standings, and one venture with its findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, SecurityError

import holdfast
from holdfast.assess import Assessment, VentureAssessment
from holdfast.vocabulary import BASES, CONSTITUTIVE

VENTURES_PER_PAGE = 200

# Worst first: how a standing on one basis counts when ventures are put in order.
CONCERN = {"weak": 3, "contested": 2, "unknown": 0, "hoped": 0, "sound": 0}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(
    assessment: Assessment, *, trusted_hosts: Sequence[str] | None = None
) -> flask.Flask:
    """The pages of `assessment`, which is not changed and is never read again from its sources.

    `trusted_hosts` are the host names under which a request is answered, any where it is None.
    A window on loopback must name them, or else a page elsewhere could read it by pointing a
    name of its own at this machine.
    """
    app = flask.Flask(__name__)
    app.config["TRUSTED_HOSTS"] = list(trusted_hosts) if trusted_hosts is not None else None
    app.jinja_env.globals.update(
        assessment=assessment, bases=BASES, levers=CONSTITUTIVE, version=holdfast.__version__
    )
    by_slug = ventures_by_slug(assessment.ventures)
    in_order = sorted(by_slug.items(), key=lambda item: (-concern(item[1]), item[1].label, item[0]))

    @app.get("/")
    def landscape() -> str:
        sought = flask.request.args.get("name", "").strip()
        found = [
            (slug, venture)
            for slug, venture in in_order
            if sought.casefold() in venture.label.casefold()
        ]
        pages = max(1, -(-len(found) // VENTURES_PER_PAGE))
        page = min(max(flask.request.args.get("page", 1, type=int), 1), pages)
        start = (page - 1) * VENTURES_PER_PAGE
        return flask.render_template(
            "landscape.html",
            found=len(found),
            page=page,
            pages=pages,
            rows=found[start : start + VENTURES_PER_PAGE],
            sought=sought,
        )

    @app.get("/ventures/<slug>")
    def venture(slug: str) -> str:
        if slug not in by_slug:
            flask.abort(404, description="This assessment has no such venture.")
        return flask.render_template("venture.html", venture=by_slug[slug])

    @app.get("/health")
    def health() -> dict[str, object]:
        return {
            "status": "ok",
            "version": holdfast.__version__,
            "as_of": assessment.as_of,
            "ventures": len(by_slug),
            "triples": assessment.triples,
        }

    @app.errorhandler(SecurityError)
    def wrong_name(error: SecurityError) -> ResponseReturnValue:
        # Flask refuses the host before it knows any address, so no page with links can be made.
        sentence = "This window does not answer under that name. Use the address that it printed.\n"
        return sentence, 400, {"Content-Type": "text/plain; charset=utf-8"}

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error  # a redirection
        headers = [(name, value) for name, value in error.get_headers() if name != "Content-Type"]
        return flask.render_template("problem.html", problem=error), error.code, headers

    @app.after_request
    def guarded(response: flask.Response) -> flask.Response:
        response.headers.update(HEADERS)
        return response

    return app


def concern(venture: VentureAssessment) -> int:
    """How much there is to worry about: more, and more clearly, weak standings count for more."""
    return sum(CONCERN.get(standing, 0) for standing in venture.standing.values())


def ventures_by_slug(ventures: Iterable[VentureAssessment]) -> dict[str, VentureAssessment]:
    """Each venture under a short name for its page: the last part of its IRI.

    Where two ventures end alike, the later IRI gets a number, so that names do not depend on the
    order in which ventures are given.
    """
    by_slug: dict[str, VentureAssessment] = {}
    for venture in sorted(ventures, key=lambda venture: venture.iri):
        last = re.split(r"[/#:]", venture.iri.rstrip("/#:"))[-1]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-") or "venture"
        slug, number = stem, 2
        while slug in by_slug:
            slug, number = f"{stem}-{number}", number + 1
        by_slug[slug] = venture
    return by_slug
