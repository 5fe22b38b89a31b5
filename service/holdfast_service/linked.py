"""Linked data: every identifier resolves, and harvesters are told what is published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import flask
import pyoxigraph as ox
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

import holdfast
from holdfast.rules import Rule
from holdfast.sources import quads_in
from holdfast.vocabulary import BASES, DCTERMS, HF, OWL, RDF_TYPE, RDFS, SKOS
from holdfast_service.catalogue import (
    FEED_PAGE,
    SERIALISATIONS,
    Published,
    addresses,
    catalogue,
    feed,
    void_description,
)
from holdfast_service.entities import LABELS, Entity, entity, label_of
from holdfast_service.landscape import page_of
from holdfast_service.operations import Operations, Parameter
from holdfast_service.pages import Pages
from holdfast_service.problem import Problem
from holdfast_service.representations import HTML, Link, Thing, represented
from holdfast_service.window import DERIVED, Snapshot, Window

STATED = "https://w3id.org/holdfast/profiles/stated"
ASSESSED = "https://w3id.org/holdfast/profiles/assessed"
"""Profiles in which a thing is given: only what registers state; or with findings told in full."""

_READS = ("GET", "HEAD")

MOST_ADDRESSES = 50_000
"""How many addresses a sitemap may hold (sitemaps.org)."""

RDF_FORMS = {media_type: "" for media_type, _ in SERIALISATIONS.values()}


def add_linked_data(app: flask.Flask, window: Window, pages: Pages, operations: Operations) -> None:
    """Add the addresses at which identifiers resolve, and those that tell what is published."""

    @operations.get(app, "/registers", "All registers.", answers={"text/html": "", **RDF_FORMS})
    def registers() -> ResponseReturnValue:
        return _catalogue_thing("registers", "registers.html")

    @operations.get(
        app,
        "/catalogue",
        "The catalogue of all registers, as DCAT 3.",
        answers={"text/html": "", **RDF_FORMS},
    )
    def catalogue_of_all() -> ResponseReturnValue:
        return _catalogue_thing("catalogue", "registers.html")

    def _catalogue_thing(place: str, template: str) -> flask.Response:
        published = window.registers.published()
        snapshot = window.registers.snapshot()
        address = f"{window.house.public}/{place}"
        thing = Thing(
            canonical=f"{window.house.public}/catalogue",
            address=address,
            version=snapshot.revision,
            modified=snapshot.moment,
            triples=lambda: catalogue(window.house, published),
            page=lambda: pages.shown(template, registers=published),
            links=(Link(f"{window.house.public}/.well-known/void", "describedby", "text/turtle"),),
        )
        return represented(thing)

    @operations.get(
        app, "/.well-known/void", "What there is and how much, as VoID.", answers=RDF_FORMS
    )
    def void() -> ResponseReturnValue:
        snapshot = window.registers.snapshot()
        thing = Thing(
            canonical=f"{window.house.public}/.well-known/void",
            address=f"{window.house.public}/.well-known/void",
            version=snapshot.revision,
            modified=snapshot.moment,
            triples=lambda: void_description(
                window.house,
                window.registers.published(),
                snapshot.figures,
                [*window.spaces],
            ),
        )
        return represented(thing)

    @operations.get(
        app,
        "/feed",
        "Every change to the registers, as a Linked Data Event Stream.",
        parameters=[Parameter("page", "Which page of the feed.", "integer", 1, least=1)],
        answers={"text/html": "", **RDF_FORMS},
    )
    def changes(page: int) -> ResponseReturnValue:
        listed = window.registers.changes()
        triples, forever = feed(window.house, listed, page)
        address = f"{window.house.public}/feed?page={page}"
        newest = listed[-1].committed if listed else None
        version = "full" if forever else str(listed[-1].number if listed else 0)
        answer = represented(
            Thing(
                address,
                address,
                f"feed-{version}",
                newest,
                triples=lambda: triples,
                page=lambda: pages.shown(
                    "feed.html",
                    page=page_of(listed, page, FEED_PAGE),
                    titles={r.name: r.title for r in window.registers.published()},
                    address=lambda number: f"/feed?page={number}",
                ),
            )
        )
        if forever and answer.mimetype != HTML:  # a page has more on it than the changes
            answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer

    @operations.get(
        app,
        "/registers/<path:name>",
        "A register as it is now: its page, or its content.",
        answers={"text/html": "", **RDF_FORMS},
    )
    def register(name: str) -> ResponseReturnValue:
        return represented(register_thing(window, pages, published_as(window, name), None))

    @operations.get(
        app,
        "/registers/<path:name>/versions/<int:number>",
        "A version of a register, which never changes: as it was sent, or in another form.",
        answers={"text/html": "", **RDF_FORMS},
    )
    def version(name: str, number: int) -> ResponseReturnValue:
        published = published_as(window, name)
        if number not in {release.number for release in published.releases}:
            raise Problem("not-found", f"{published.title} has no version {number}.")
        answer = represented(register_thing(window, pages, published, number))
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer

    @operations.get(app, "/ns", "The vocabulary.", answers={"text/html": "", **RDF_FORMS})
    def vocabulary() -> ResponseReturnValue:
        own = ox.NamedNode(HF.rstrip("#"))
        thing = Thing(
            canonical=HF.rstrip("#"),
            address=f"{window.house.public}/ns",
            version=window.ontology.digest,
            modified=None,
            triples=lambda: _ontology_triples(window),
            page=lambda: pages.shown(
                "ontology.html",
                title=label_of(window.shelf, own),
                description=_first(window.shelf, own, DCTERMS + "description"),
                number=_first(window.shelf, own, OWL + "versionInfo"),
                groups=_terms(window),
            ),
        )
        return represented(thing)

    @operations.get(app, "/rules", "All rules.", answers={"text/html": "", **RDF_FORMS})
    def rules() -> ResponseReturnValue:
        listed = sorted(window.rules.values(), key=lambda rule: rule.label)
        groups = [
            *(
                (basis.replace("-", " ").capitalize(), [r for r in listed if basis in r.bases])
                for basis in BASES
            ),
            ("Inference", [rule for rule in listed if rule.kind == "inference"]),
        ]
        thing = Thing(
            canonical=f"{window.house.public}/rules",
            address=f"{window.house.public}/rules",
            version=holdfast.__version__ + window.ontology.digest,
            modified=None,
            triples=lambda: _rule_triples(listed),
            page=lambda: pages.shown("rules.html", groups=groups, hits=pages.hits()),
        )
        return represented(thing)

    @operations.get(app, "/rules/<name>", "A rule.", answers={"text/html": "", **RDF_FORMS})
    def rule(name: str) -> ResponseReturnValue:
        found = window.rules.get(name.rstrip("/"))
        if found is None:
            raise Problem("not-found", f"There is no rule '{name}'. /rules lists them all.")
        thing = Thing(
            canonical=found.iri,
            address=f"{window.house.public}/rules/{found.id}",
            version=holdfast.__version__ + found.id,
            modified=None,
            triples=lambda: _rule_triples([found]),
            page=lambda: pages.shown(
                "rule.html",
                rule=found,
                hits=pages.hits().get(found.id, 0),
                sources=found.sources,
                parts=_parts(found),
            ),
            links=(Link(f"{window.house.public}/rules", "collection"),),
        )
        return represented(thing)

    @operations.get(
        app,
        "/context.jsonld",
        "The JSON-LD context of what is answered in JSON.",
        answers={"application/ld+json": ""},
    )
    def context() -> ResponseReturnValue:
        answer = flask.Response(
            flask.json.dumps(CONTEXT, indent=2) + "\n", content_type="application/ld+json"
        )
        answer.add_etag()
        return answer.make_conditional(flask.request)

    @operations.get(
        app, "/sitemap.xml", "What a crawler should read.", answers={"application/xml": ""}
    )
    def sitemap() -> ResponseReturnValue:
        snapshot = window.registers.snapshot()
        listed = list(
            addresses(window.house, window.registers.published(), _crawled(window, snapshot))
        )[:MOST_ADDRESSES]
        entries = "".join(f"<url><loc>{_xml(a)}</loc></url>\n" for a in listed)
        return flask.Response(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{entries}</urlset>\n",
            content_type="application/xml",
        )

    @operations.get(app, "/robots.txt", "What a crawler may read.", answers={"text/plain": ""})
    def robots() -> ResponseReturnValue:
        closed = ("/sparql", "/explain", "/whatif", "/remedies", "/compare", "/update", "/graphs")
        lines = [
            "User-agent: *",
            *(f"Disallow: {path}" for path in closed),
            f"Sitemap: {window.house.public}/sitemap.xml",
        ]
        return flask.Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")

    @operations.get(
        app,
        "/resource",
        "What the registers say of anything that has an IRI.",
        parameters=[Parameter("iri", "The IRI of the thing.", required=True)],
        answers={"text/html": "", **RDF_FORMS},
        problems=(404,),
    )
    def resource(iri: str) -> ResponseReturnValue:
        return _thing([iri], f"{window.house.public}/resource?{urlencode({'iri': iri})}")

    @operations.get(
        app,
        "/id/<path:place>",
        "What the registers say of an identifier.",
        answers={"text/html": "", **RDF_FORMS},
        problems=(404,),
    )
    def identifier(place: str) -> ResponseReturnValue:
        return _at(f"/id/{place}")

    @app.errorhandler(NotFound)
    def nothing_else(error: NotFound) -> ResponseReturnValue:
        # an address that nothing else answers may be somebody's identifier
        try:
            if flask.request.routing_exception is not None and flask.request.method in _READS:
                return _at(flask.request.path)
            raise Problem("not-found", f"There is nothing at {flask.request.path}.")
        except Problem as problem:
            return app.handle_user_exception(problem)

    def _at(path: str) -> ResponseReturnValue:
        spelt = quote(path, safe="/:@!$&'()*+,;=~-._%")
        return _thing(
            list(dict.fromkeys([*window.iris_at(path), *window.iris_at(spelt)])),
            f"{window.house.public}{spelt}",
        )

    def _thing(iris: Sequence[str], address: str) -> ResponseReturnValue:
        snapshot = window.registers.snapshot()
        for iri in iris:
            try:
                ox.NamedNode(iri)
            except ValueError:
                raise Problem(
                    "bad-request", f"'{iri}' is no IRI. Give one that is absolute."
                ) from None
            for store in (snapshot.store, window.shelf):
                found = entity(store, iri)
                if found is not None and (found.about or store is snapshot.store):
                    return represented(_entity_thing(found, store, address, snapshot))
        raise Problem("not-found", f"Nothing is known here of {iris[-1]}. Look in /ventures.")

    def _entity_thing(found: Entity, store: ox.Store, address: str, snapshot: Snapshot) -> Thing:
        landscape = window.landscape()
        slug = landscape.slugs.get(found.iri) if landscape else None
        of_registers = store is snapshot.store
        links = [Link(f"{window.house.public}/catalogue", "collection")]
        links += [Link(graph, "via") for graph in found.graphs if not graph.startswith(DERIVED)][
            :10
        ]
        links += [
            Link(t.object.value, "type")
            for t in found.about
            if t.predicate.value == RDF_TYPE
            and isinstance(t.object, ox.NamedNode)
            and t.subject == ox.NamedNode(found.iri)
        ][:10]
        return Thing(
            canonical=found.iri,
            address=address,
            version=snapshot.revision,
            modified=snapshot.moment if of_registers else None,
            triples=found.triples,
            page=lambda: (
                pages.venture(landscape.by_slug[slug], slug, found, landscape)
                if landscape and slug
                else pages.entity(found, store)
            ),
            links=tuple(links),
            profiles={
                STATED: lambda: _stated(store, found),
                ASSESSED: lambda: [*found.triples(), *_told(store, found)],
            }
            if of_registers
            else None,
            prefixes=window.ontology.prefixes,
        )


def published_as(window: Window, name: str) -> Published:
    """The register of a name. Raises Problem (404)."""
    found = next(
        (r for r in window.registers.published() if r.name in (name, quote(name, safe=""))), None
    )
    if found is None:
        raise Problem("not-found", f"There is no register '{name}'. /registers lists them all.")
    return found


def register_thing(window: Window, pages: Pages, register: Published, number: int | None) -> Thing:
    """A register, or a version of it, as it is given."""
    place = f"{window.house.public}/registers/{register.name}"
    address = place if number is None else f"{place}/versions/{number}"
    release = next(
        r for r in register.releases if r.number == (number or register.releases[-1].number)
    )

    return Thing(
        canonical=address,
        address=address,
        version=release.sha256,
        modified=release.committed,
        stream=lambda media_type: window.registers.given(register.iri, release.number, media_type),
        page=lambda: pages.shown(
            "register.html",
            register=register,
            number=number,
            downloads=[
                (name, f"{address}?format={end}") for end, (_, name) in SERIALISATIONS.items()
            ],
        ),
        links=(
            Link(f"{window.house.public}/catalogue", "collection"),
            Link(f"{place}/versions/{register.releases[-1].number}", "latest-version"),
            Link(register.licence or window.house.licence, "license"),
            *(
                [Link(f"{place}/versions/{release.number - 1}", "predecessor-version")]
                if release.number > 1
                else []
            ),
        ),
        prefixes=window.ontology.prefixes,
    )


def _stated(store: ox.Store, found: Entity) -> Iterator[ox.Triple]:
    """The triples about a thing that a register states."""
    for triple in found.triples():
        quads = store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None)
        if any(not getattr(quad.graph_name, "value", "").startswith(DERIVED) for quad in quads):
            yield triple


def _told(store: ox.Store, found: Entity) -> Iterator[ox.Triple]:
    """What is said of each finding that points to a thing, and the labels of its neighbours."""
    finding = ox.NamedNode(f"{HF}Finding")
    for triple in found.pointing:
        if isinstance(triple.subject, ox.NamedNode) and any(
            store.quads_for_pattern(triple.subject, ox.NamedNode(RDF_TYPE), finding, None)
        ):
            for quad in store.quads_for_pattern(triple.subject, None, None, None):
                yield quad.triple
    for triple in found.about:
        if isinstance(triple.object, ox.NamedNode):
            for name in LABELS[:2]:
                for quad in store.quads_for_pattern(triple.object, name, None, None):
                    yield quad.triple


def _crawled(window: Window, snapshot: Snapshot) -> Iterator[str]:
    for cls in ("Venture", "Organisation", "Boundary"):
        for iri in snapshot.named(HF + cls).values():
            path = window.path_of(iri)
            if path is not None:
                yield f"{window.house.public}{path}"


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# -- the vocabulary and the rules --------------------------------------------------------------


def _ontology_triples(window: Window) -> Iterator[ox.Triple]:
    for file in window.ontology.files:
        for quad in quads_in(file):
            yield quad.triple


def _rule_triples(rules: Iterable[Rule]) -> Iterator[ox.Triple]:
    for rule in rules:
        for quad in quads_in(rule.file):
            yield quad.triple


def _first(store: ox.Store, subject: ox.NamedNode, predicate: str) -> str:
    found = [
        quad.object.value
        for quad in store.quads_for_pattern(subject, ox.NamedNode(predicate), None, None)
        if not isinstance(quad.object, ox.Triple)
    ]
    return min(found, default="")


_TERM_LINKS = {
    "Kind of": RDFS + "subClassOf",
    "Part of": RDFS + "subPropertyOf",
    "Domain": RDFS + "domain",
    "Range": RDFS + "range",
    "Scheme": SKOS + "inScheme",
    "Broader": SKOS + "broader",
}


def _terms(window: Window) -> list[tuple[str, list[dict[str, Any]]]]:
    store, kinds = window.shelf, window.ontology.kinds
    groups: dict[str, list[dict[str, Any]]] = {"Classes": [], "Properties": [], "Concepts": []}
    heads = {"class": "Classes", "property": "Properties", "concept": "Concepts"}
    for iri, label in sorted(window.ontology.terms.items(), key=lambda item: item[1].casefold()):
        if kinds.get(iri) not in heads:
            continue
        node = ox.NamedNode(iri)
        links = []
        for name, predicate in _TERM_LINKS.items():
            values = [
                (label_of(store, quad.object), quad.object.value)
                for quad in store.quads_for_pattern(node, ox.NamedNode(predicate), None, None)
                if isinstance(quad.object, ox.NamedNode)
            ]
            if values:
                links.append((name, sorted(values)))
        sentences = [
            _first(store, node, predicate)
            for predicate in (SKOS + "definition", SKOS + "scopeNote", SKOS + "example")
        ]
        groups[heads[kinds[iri]]].append(
            {
                "name": iri.removeprefix(HF),
                "label": label or iri.removeprefix(HF),
                "sentences": [s[:1].upper() + s[1:] for s in sentences if s],
                "links": links,
            }
        )
    return list(groups.items())


def _parts(rule: Rule) -> list[tuple[str, str]]:
    def text(name: str) -> str:
        file = rule.file.with_name(name)
        return file.read_text(encoding="utf-8") if file.exists() else ""

    return [
        ("What it means", rule.description),
        ("Fires here", text("fires.ttl")),
        ("Silent here", text("quiet.ttl")),
        ("Before", text("before.ttl")),
        ("After", text("after.ttl")),
        ("What to do", rule.remedy),
        ("Known gaps", rule.scope_note),
        ("The query", rule.query),
    ]


CONTEXT = {
    "@context": {
        "@version": 1.1,
        "@vocab": HF,
        "iri": "@id",
        "label": RDFS + "label",
        "stage": {"@id": HF + "stage", "@type": "@vocab"},
        "standing": None,
        "as_of": None,
        "triples": None,
        "seconds": None,
        "findings": {"@reverse": HF + "venture"},
        "venture": {"@id": HF + "venture", "@type": "@id"},
        "rule": {
            "@id": HF + "rule",
            "@type": "@vocab",
            "@context": {"@vocab": "https://w3id.org/holdfast/rules/"},
        },
        "basis": {"@id": HF + "basis", "@type": "@vocab"},
        "effect": {"@id": HF + "effect", "@type": "@vocab"},
        "certainty": {"@id": HF + "certainty", "@type": "@vocab"},
        "severity": None,
        "message": {"@id": "http://www.w3.org/ns/shacl#resultMessage", "@language": "en"},
        "evidence": {"@id": "http://www.w3.org/ns/prov#wasDerivedFrom", "@type": "@id"},
        "ventures": {"@id": "@graph"},
    }
}
"""The meaning of what is answered in JSON, as JSON-LD 1.1."""
