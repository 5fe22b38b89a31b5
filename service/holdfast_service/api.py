"""What the assessment says, for programs in JSON and for people as pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import flask
import pyoxigraph as ox
from flask.typing import ResponseReturnValue

from holdfast.render import finding_json, venture_json
from holdfast.vocabulary import BASES, DCTERMS, HF, RDF_TYPE, SEVERITIES
from holdfast_service.entities import entity, label_of
from holdfast_service.judgements import Judgements
from holdfast_service.landscape import (
    MOST_PER_PAGE,
    PER_PAGE,
    Landscape,
    Page,
    page_of,
)
from holdfast_service.operations import Operation, Operations, Parameter, read_parameters
from holdfast_service.pages import Pages
from holdfast_service.problem import Problem
from holdfast_service.representations import Link, Thing, represented
from holdfast_service.told import told_venture
from holdfast_service.window import Window

STANDINGS = ("sound", "weak", "contested", "hoped", "unknown")
EFFECTS = ("undermines", "watch", "hopes", "supports")

AS_OF = Parameter("as-of", "A date or a phase: judge as things stood then.")
EVIDENCE = Parameter(
    "evidence", "Tell of each finding the facts that it rests on.", "boolean", False
)
PAGE = Parameter("page", "Which page of the list.", "integer", 1, least=1)
PER = Parameter("per-page", "How many to a page.", "integer", PER_PAGE, least=1, most=MOST_PER_PAGE)
VENTURE = Parameter("venture", "The IRI of a venture, or the last part of it.", required=True)
BEGIN = Parameter("venture", "A venture to begin with: its page shows how to write.", default="")
CHANGE = (
    Parameter("update", "The change as a SPARQL update."),
    Parameter("add", "Triples to be added, as Turtle."),
    Parameter("remove", "Triples to be taken away, as Turtle."),
)

BOTH = {"application/json": "", "text/html": ""}


def add_api(
    app: flask.Flask,
    window: Window,
    judgements: Judgements,
    pages: Pages,
    operations: Operations,
) -> None:
    """Add the addresses at which the assessment is looked through and asked."""

    def landscape(as_of: str | None = None) -> Landscape:
        found = judgements.at(as_of)
        if found is None:
            raise Problem(
                "busy", "The registers are still being assessed. Ask again in some seconds."
            )
        return found

    def listed(
        path: str, found: Landscape, page: Page[Any], rows: list[Any], html: Callable[[], str]
    ) -> flask.Response:
        address = _turned(path)
        own = window.house.public + address(page.number)
        return represented(
            Thing(
                canonical=own,
                address=own,
                version=_version(found),
                modified=None,
                page=html,
                json=lambda: {"as_of": found.judged.asked, **_counted(page), "items": rows},
                links=(*_around(window, page, address), _context(window)),
            )
        )

    @operations.get(
        app,
        "/",
        "The landscape: how all ventures stand.",
        parameters=(AS_OF,),
        answers={"text/html": ""},
    )
    def home(as_of: str | None) -> ResponseReturnValue:
        found = judgements.at(as_of)
        snapshot = window.registers.snapshot()
        thing = Thing(
            canonical=f"{window.house.public}/",
            address=f"{window.house.public}/",
            version=f"{snapshot.revision}|{_version(found) if found else None}",
            modified=None,
            page=lambda: pages.shown(
                "home.html",
                organisations=len(snapshot.named(HF + "Organisation")),
                areas=len(snapshot.named(HF + "Boundary")),
                landscape=found,
                registers=window.registers.published(),
                worst=[v for v in found.ventures() if "weak" in v.standing.values()][:20]
                if found
                else [],
            ),
            links=(
                Link(f"{window.house.public}/catalogue", "describedby", "text/turtle"),
                Link(f"{window.house.public}/.well-known/void", "describedby", "text/turtle"),
                Link(f"{window.house.public}/openapi.json", "service-desc", "application/json"),
            ),
        )
        return represented(thing)

    @operations.get(
        app,
        "/ventures",
        "Ventures and their standings, the most worrying first.",
        parameters=(
            Parameter("name", "Part of the name.", default=""),
            Parameter("basis", "A basis of value.", default="", choices=("", *BASES)),
            Parameter(
                "standing",
                "A standing, on that basis or on any.",
                default="",
                choices=("", *STANDINGS),
            ),
            Parameter("rule", "A rule that has found something.", default=""),
            Parameter("stage", "The stage of the venture.", default=""),
            Parameter("member", "The IRI of an organisation that is a member.", default=""),
            Parameter("register", "The name of a register.", default=""),
            AS_OF,
            PAGE,
            PER,
        ),
        answers=BOTH,
    )
    def ventures(
        as_of: str | None, page: int, per_page: int, member: str, register: str, **asked: str
    ) -> ResponseReturnValue:
        found = landscape(as_of)
        among = _among(window, member, register)
        chosen = page_of(found.ventures(**asked, among=among), page, per_page)
        rows = [
            {**venture_json(v), "href": f"{window.house.public}/ventures/{found.slugs[v.iri]}"}
            for v in chosen.rows
        ]
        for row, venture in zip(rows, chosen.rows, strict=True):
            row["findings"] = sum(f.effect == "undermines" for f in venture.findings)
            row["risks"] = row.pop("findings")
        return listed(
            "/ventures",
            found,
            chosen,
            rows,
            lambda: pages.shown(
                "ventures.html",
                landscape=found,
                page=chosen,
                asked=asked,
                address=_turned("/ventures"),
            ),
        )

    @operations.get(
        app,
        "/ventures/<slug>",
        "A venture: standings, findings, advice.",
        parameters=(EVIDENCE, AS_OF),
        answers=BOTH,
        problems=(404,),
    )
    def venture(slug: str, evidence: bool, as_of: str | None) -> ResponseReturnValue:
        snapshot = window.registers.snapshot()
        found = judgements.at(as_of)
        if found is None and snapshot.judged and not evidence:
            iri = snapshot.ventures.get(slug)
            judged = told_venture(snapshot.store, iri, window.ontology) if iri else None
        else:
            found = landscape(as_of)
            judged = found.by_slug.get(slug)
        if judged is None:
            raise Problem("not-found", f"There is no venture '{slug}' here. /ventures lists them.")
        own = f"{window.house.public}/ventures/{slug}"
        about = entity(snapshot.store, judged.iri)

        def whole() -> dict[str, Any]:
            # evidence is traced on demand, and the assessor may be at something else
            told = judgements.ask(as_of, "venture", venture=judged.iri) if evidence else judged
            shown = venture_json(told)
            if not evidence:
                for finding in shown["findings"]:
                    del finding["evidence"]
            return {**shown, "advice": pages.advice(judged)}

        thing = Thing(
            canonical=judged.iri,
            address=_asked(own),
            version=_version(found) if found else snapshot.revision,
            modified=None,
            page=lambda: pages.venture(judged, slug, about, found),
            json=whole,
            triples=about.triples if about and as_of is None else None,
            links=(Link(f"{window.house.public}/ventures", "collection"), _context(window)),
            prefixes=window.ontology.prefixes,
        )
        return represented(thing)

    @operations.get(
        app,
        "/findings",
        "What rules have found, by venture, the worst first.",
        parameters=(
            Parameter("venture", "The IRI of a venture.", default=""),
            Parameter("rule", "The id of a rule.", default=""),
            Parameter("basis", "A basis of value.", default="", choices=("", *BASES)),
            Parameter("effect", "What findings do.", default="", choices=("", *EFFECTS)),
            Parameter("severity", "How grave they are.", default="", choices=("", *SEVERITIES)),
            AS_OF,
            PAGE,
            PER,
        ),
        answers=BOTH,
    )
    def findings(as_of: str | None, page: int, per_page: int, **asked: str) -> ResponseReturnValue:
        found = landscape(as_of)
        chosen = page_of(found.findings(**asked), page, per_page)
        rows = [
            {"iri": f.iri, "venture": v.iri, "venture_label": v.label, **finding_json(f)}
            for v, f in chosen.rows
        ]
        for row in rows:
            del row["evidence"]  # of one venture at a time: /ventures/<id>?evidence=true
        return listed(
            "/findings",
            found,
            chosen,
            rows,
            lambda: pages.shown(
                "findings.html",
                landscape=found,
                page=chosen,
                asked=asked,
                address=_turned("/findings"),
            ),
        )

    @operations.get(
        app,
        "/organisations",
        "Organisations.",
        parameters=(
            Parameter("name", "Part of the name.", default=""),
            PAGE,
            PER,
        ),
        answers=BOTH,
    )
    def organisations(name: str, page: int, per_page: int) -> ResponseReturnValue:
        return _things("Organisation", "/organisations", name, page, per_page, _partner)

    @operations.get(
        app,
        "/organisations/<slug>",
        "An organisation: what it is called, and where it is a member.",
        problems=(404,),
    )
    def organisation(slug: str) -> ResponseReturnValue:
        return _one("Organisation", slug, "/organisations", _organisation)

    @operations.get(
        app,
        "/areas",
        "Boundaries.",
        parameters=(
            Parameter("name", "Part of the name.", default=""),
            PAGE,
            PER,
        ),
        answers=BOTH,
    )
    def areas(name: str, page: int, per_page: int) -> ResponseReturnValue:
        return _things("Boundary", "/areas", name, page, per_page, _place)

    @operations.get(
        app, "/areas/<slug>", "A boundary: what has it, and how it lies to others.", problems=(404,)
    )
    def area(slug: str) -> ResponseReturnValue:
        return _one("Boundary", slug, "/areas", _area)

    def _things(
        cls: str,
        path: str,
        name: str,
        number: int,
        size: int,
        told: Callable[[ox.Store, str], dict[str, Any]],
    ) -> flask.Response:
        snapshot = window.registers.snapshot()
        page = page_of(
            [one for one in snapshot.listed(HF + cls) if name.casefold() in one.label.casefold()],
            number,
            size,
        )
        address = _turned(path)
        own = window.house.public + address(page.number)
        return represented(
            Thing(
                canonical=own,
                address=own,
                version=snapshot.revision,
                modified=snapshot.moment,
                page=lambda: pages.shown(
                    f"{path[1:]}.html",
                    page=page,
                    rows=[(one, told(snapshot.store, one.iri)) for one in page.rows],
                    name=name,
                    address=address,
                ),
                json=lambda: {
                    **_counted(page),
                    "items": [
                        {
                            "iri": one.iri,
                            "label": one.label,
                            "href": f"{window.house.public}{path}/{one.slug}",
                        }
                        for one in page.rows
                    ],
                },
                links=(*_around(window, page, address), _context(window)),
            )
        )

    def _one(
        cls: str, slug: str, path: str, told: Callable[[ox.Store, str], dict[str, Any]]
    ) -> flask.Response:
        snapshot = window.registers.snapshot()
        iri = snapshot.named(HF + cls).get(slug)
        about = entity(snapshot.store, iri) if iri else None
        if iri is None or about is None:
            raise Problem("not-found", f"There is no '{slug}' here. {path} lists what there is.")
        return represented(
            Thing(
                canonical=iri,
                address=f"{window.house.public}{path}/{slug}",
                version=snapshot.revision,
                modified=snapshot.moment,
                json=lambda: told(snapshot.store, iri),
                page=lambda: pages.entity(about, snapshot.store),
                triples=about.triples,
                links=(Link(f"{window.house.public}{path}", "collection"), _context(window)),
                prefixes=window.ontology.prefixes,
            )
        )

    # -- questions to the assessor ---------------------------------------------------------------

    @operations.get(
        app,
        "/assess",
        "The whole assessment, as docs/findings.schema.json describes it.",
        parameters=(AS_OF,),
        answers={"application/json": "Assessment"},
    )
    def assess(as_of: str | None) -> ResponseReturnValue:
        found = landscape(as_of)
        return represented(
            Thing(
                canonical=f"{window.house.public}/assess",
                address=f"{window.house.public}/assess",
                version=_version(found),
                modified=None,
                json=lambda: {
                    "as_of": found.judged.asked,
                    "triples": found.judged.triples,
                    "seconds": dict(found.judged.seconds),
                    "ventures": [venture_json(v) for v in found.judged.ventures],
                    "inconsistencies": [asdict(one) for one in found.judged.contradictions],
                },
                links=(_context(window),),
            )
        )

    def answered(template: str, text: str, found: Landscape, **given: Any) -> flask.Response:
        answer = json.loads(text)
        own = f"{window.house.public}{flask.request.full_path.rstrip('?')}"
        return represented(
            Thing(
                canonical=own,
                address=own,
                version=_version(found) + text,
                modified=None,
                page=lambda: pages.shown(template, landscape=found, answer=answer, **given),
                json=lambda: answer,
            )
        )

    @operations.get(
        app,
        "/explain",
        "Why the findings on a venture hold, or why a rule is silent.",
        parameters=(
            VENTURE,
            Parameter("basis", "Only findings on this basis.", choices=BASES),
            Parameter("rule", "Only findings of this rule."),
            Parameter("not", "Why the rule does not fire.", "boolean", False),
            AS_OF,
        ),
        answers=BOTH,
        problems=(404,),
    )
    def explain(
        venture: str, basis: str | None, rule: str | None, as_of: str | None, **more: bool
    ) -> ResponseReturnValue:
        found = landscape(as_of)
        if more["not"]:
            if rule is None:
                raise Problem("bad-request", "'not' needs a rule. Name it: rule=poor-boundary-fit.")
            text = judgements.ask(as_of, "why_not", venture=venture, rule=rule)
        else:
            text = judgements.ask(as_of, "explain", venture=venture, basis=basis, rule=rule)
        return answered("explain.html", text, found)

    @operations.get(
        app,
        "/remedies",
        "What would help a venture: each change tried, the best first.",
        parameters=(
            VENTURE,
            Parameter("basis", "Only what helps on this basis.", choices=BASES),
            AS_OF,
        ),
        answers=BOTH,
        problems=(404,),
    )
    def remedies(venture: str, basis: str | None, as_of: str | None) -> ResponseReturnValue:
        found = landscape(as_of)
        text = judgements.ask(as_of, "remedies", venture=venture, basis=basis)
        iri = json.loads(text)["venture"]
        iri = iri["iri"] if isinstance(iri, dict) else iri
        return answered("remedies.html", text, found, venture=iri)

    @operations.get(
        app,
        "/compare",
        "Two ventures side by side.",
        parameters=(
            Parameter("first", "The IRI of a venture, or its last part.", required=True),
            Parameter("second", "That of another.", required=True),
            AS_OF,
        ),
        answers=BOTH,
        problems=(404,),
    )
    def compare(first: str, second: str, as_of: str | None) -> ResponseReturnValue:
        found = landscape(as_of)
        both = judgements.ask(as_of, "compare", first=first, second=second)
        return answered("compare.html", json.dumps(both), found, both=both)

    @operations.get(
        app,
        "/whatif",
        "The page on which a change can be tried; with a change, what it does.",
        parameters=(BEGIN, *CHANGE, AS_OF),
        answers=BOTH,
    )
    def whatif(venture: str, as_of: str | None, **change: str | None) -> ResponseReturnValue:
        return _tried({k: v or "" for k, v in change.items()}, as_of, venture)

    def _tried(change: dict[str, str], as_of: str | None, venture: str) -> ResponseReturnValue:
        found = landscape(as_of)
        begun = next((v for v in found.judged.ventures if v.iri == venture), None)
        if begun is None:
            begun = found.by_slug.get(venture)
        if venture and begun is None:
            raise Problem("not-found", f"There is no venture '{venture}' here. See /ventures.")
        outcome, trouble = None, None
        if any(change.values()):
            try:
                outcome = json.loads(judgements.ask(as_of, "what_if", **change))
            except Problem as problem:
                if flask.request.accept_mimetypes.best != "text/html":
                    raise
                trouble = problem
        own = f"{window.house.public}/whatif"
        return represented(
            Thing(
                canonical=own,
                address=own,
                version=_version(found) + repr((change, venture, str(trouble))),
                modified=None,
                page=lambda: pages.shown(
                    "whatif.html",
                    landscape=found,
                    venture=begun,
                    asked=change,
                    outcome=outcome,
                    problem=trouble,
                ),
                json=lambda: outcome,
            ),
            status=trouble.status if trouble else 200,
        )

    @app.post("/whatif")
    def post_whatif() -> ResponseReturnValue:
        kind = (flask.request.content_type or "").split(";")[0].strip().lower()
        as_of, venture = (flask.request.args.get(name, "") for name in ("as-of", "venture"))
        if kind == "application/sparql-update":
            change = {"update": flask.request.get_data(as_text=True)}
        elif kind == "application/json":
            body = flask.request.get_json(silent=True)
            if not isinstance(body, dict):
                raise Problem("bad-request", 'The body is no JSON object. Send {"add": "…"}.')
            change = read_parameters(CHANGE, {k: str(v) for k, v in body.items()})
        else:
            change = read_parameters(CHANGE, flask.request.form)
        if not any(change.values()):
            raise Problem(
                "bad-request", "There is no change to be tried. Give update, add or remove."
            )
        return _tried({k: v or "" for k, v in change.items()}, as_of, venture)

    operations.declare(
        Operation(
            "post",
            "/whatif",
            "What a change would alter; nothing is changed.",
            (BEGIN, AS_OF),
            BOTH,
            takes={
                "application/sparql-update": "a SPARQL update",
                "application/json": "update, add, remove",
                "application/x-www-form-urlencoded": "update, add, remove",
            },
            problems=(400,),
        )
    )


def _asked(address: str) -> str:
    """An address of this request, with all that was asked but the format."""
    given = {k: v for k, v in flask.request.args.items() if k != "format"}
    return f"{address}?{urlencode(given)}" if given else address


def _turned(path: str) -> Callable[[int], str]:
    """The address of each page of the list that is asked for, with what else was asked."""
    given = {k: v for k, v in flask.request.args.items() if k not in ("page", "format")}
    return lambda number: f"{path}?{urlencode({**given, 'page': number})}"


def _around(window: Window, page: Page[Any], address: Callable[[int], str]) -> list[Link]:
    """Links to the pages around one."""
    return [
        Link(window.house.public + address(number), relation)
        for relation, number in (
            ("first", 1),
            ("prev", page.number - 1),
            ("next", page.number + 1),
            ("last", page.last),
        )
        if 1 <= number <= page.last
    ]


def _counted(page: Page[Any]) -> dict[str, int]:
    return {
        "total": page.total, "page": page.number, "per_page": page.size, "pages": page.last,
    }  # fmt: skip


def _version(found: Landscape) -> str:
    return f"{found.commit}|{found.judged.as_of}"


def _context(window: Window) -> Link:
    return Link(
        f"{window.house.public}/context.jsonld",
        "http://www.w3.org/ns/json-ld#context",
        "application/ld+json",
    )


def _among(window: Window, member: str, register: str) -> set[str] | None:
    """The ventures of which an organisation is a member, or that stand in a register."""
    store = window.registers.snapshot().store
    found: set[str] | None = None
    if member:
        try:
            node = ox.NamedNode(member)
        except ValueError:
            raise Problem("bad-request", f"'{member}' is no IRI. Give a whole IRI.") from None
        found = {
            to.object.value
            for held in store.quads_for_pattern(None, ox.NamedNode(HF + "member"), node, None)
            for to in store.quads_for_pattern(
                held.subject, ox.NamedNode(HF + "belongsTo"), None, None
            )
            if isinstance(to.object, ox.NamedNode)
        }
    if register:
        graph = next((r.iri for r in window.registers.published() if r.name == register), None)
        if graph is None:
            raise Problem("bad-request", f"There is no register '{register}'. See /registers.")
        within = {
            quad.subject.value
            for quad in store.quads_for_pattern(
                None, ox.NamedNode(RDF_TYPE), ox.NamedNode(f"{HF}Venture"), ox.NamedNode(graph)
            )
            if isinstance(quad.subject, ox.NamedNode)
        }
        found = within if found is None else found & within
    return found


def _organisation(store: ox.Store, iri: str) -> dict[str, Any]:
    """An organisation in JSON: its names and codes, area, successions and memberships."""
    node = ox.NamedNode(iri)
    return {
        "iri": iri,
        "label": label_of(store, node),
        "identifiers": _texts(store, node, DCTERMS + "identifier"),
        "sector": _names(store, node, HF + "sector"),
        "boundary": _names(store, node, HF + "boundary"),
        "started": _texts(store, node, HF + "started"),
        "ended": _texts(store, node, HF + "ended"),
        "replaced_by": _names(store, node, DCTERMS + "isReplacedBy"),
        "memberships": [
            {
                "membership": _name(store, held.subject),
                "ventures": _names(store, held.subject, HF + "belongsTo"),
                "roles": _names(store, held.subject, HF + "role"),
                "started": _texts(store, held.subject, HF + "started"),
                "ended": _texts(store, held.subject, HF + "ended"),
            }
            for held in dict.fromkeys(
                store.quads_for_pattern(None, ox.NamedNode(HF + "member"), node, None)
            )
        ],
    }


def _area(store: ox.Store, iri: str) -> dict[str, Any]:
    """A boundary in JSON: what has it, and how it lies to others."""
    node = ox.NamedNode(iri)
    return {
        "iri": iri,
        "label": label_of(store, node),
        "identifiers": _texts(store, node, DCTERMS + "identifier"),
        "of": [
            _name(store, quad.subject)
            for quad in store.quads_for_pattern(None, ox.NamedNode(HF + "boundary"), node, None)
        ],
        **{
            key: _names(store, node, HF + name)
            for key, name in (
                ("within", "within"),
                ("overlaps", "overlaps"),
                ("coterminous_with", "coterminousWith"),
            )
        },
        "contains": [
            _name(store, quad.subject)
            for quad in store.quads_for_pattern(None, ox.NamedNode(HF + "within"), node, None)
        ][:1_000],
    }


def _partner(store: ox.Store, iri: str) -> dict[str, Any]:
    """An organisation in a row of a list: its sector, and in how many ventures it is a member."""
    node = ox.NamedNode(iri)
    ventures = {
        to.object
        for held in store.quads_for_pattern(None, ox.NamedNode(HF + "member"), node, None)
        for to in store.quads_for_pattern(held.subject, ox.NamedNode(HF + "belongsTo"), None, None)
    }
    return {"sectors": _names(store, node, HF + "sector"), "ventures": len(ventures)}


def _place(store: ox.Store, iri: str) -> dict[str, Any]:
    """A boundary in a row of a list: in which it lies, and how many things have it."""
    node = ox.NamedNode(iri)
    having = {
        quad.subject
        for quad in store.quads_for_pattern(None, ox.NamedNode(HF + "boundary"), node, None)
    }
    return {"within": _names(store, node, HF + "within"), "of": len(having)}


def _name(store: ox.Store, node: Any) -> dict[str, str]:
    return {
        "iri": node.value if isinstance(node, ox.NamedNode) else "",
        "label": label_of(store, node),
    }


def _names(store: ox.Store, node: Any, predicate: str) -> list[dict[str, str]]:
    found = {q.object for q in store.quads_for_pattern(node, ox.NamedNode(predicate), None, None)}
    return sorted((_name(store, value) for value in found), key=lambda n: (n["label"], n["iri"]))


def _texts(store: ox.Store, node: Any, predicate: str) -> list[str]:
    return sorted(
        {
            quad.object.value
            for quad in store.quads_for_pattern(node, ox.NamedNode(predicate), None, None)
            if isinstance(quad.object, ox.Literal)
        }
    )
