"""What is published here, told in DCAT 3 (after DCAT-AP 3), VoID, and a feed of changes (LDES).

Sources: Data Catalog Vocabulary (DCAT) version 3, W3C 2024; DCAT-AP 3.0.1; Describing Linked
Datasets with the VoID Vocabulary, W3C 2011; Linked Data Event Streams 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyoxigraph as ox

from holdfast.vocabulary import DCTERMS, HF, RDF_TYPE, RDFS, XSD

DCAT = "http://www.w3.org/ns/dcat#"
FOAF = "http://xmlns.com/foaf/0.1/"
LDES = "https://w3id.org/ldes#"
SPDX = "http://spdx.org/rdf/terms#"
TREE = "https://w3id.org/tree#"
VOID = "http://rdfs.org/ns/void#"
MEDIA = "https://www.iana.org/assignments/media-types/"
FORMATS = "http://www.w3.org/ns/formats/"

PREFIXES = {
    "dcat": DCAT,
    "dcterms": DCTERMS,
    "foaf": FOAF,
    "hf": HF,
    "ldes": LDES,
    "rdfs": RDFS,
    "spdx": SPDX,
    "tree": TREE,
    "void": VOID,
    "xsd": XSD,
}

SERIALISATIONS = {
    "ttl": ("text/turtle", "Turtle"),
    "trig": ("application/trig", "TriG"),
    "nt": ("application/n-triples", "N-Triples"),
    "nq": ("application/n-quads", "N-Quads"),
    "rdf": ("application/rdf+xml", "RDF/XML"),
    "jsonld": ("application/ld+json", "JSON-LD"),
}
"""The RDF formats in which everything is given: the end of an address, media type and name."""

FEED_PAGE = 100
"""How many changes one page of the feed holds."""


@dataclass(frozen=True)
class Release:
    """One version of a register: its number, when it was committed, and the bytes as sent."""

    number: int
    committed: datetime
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Published:
    """A register as the catalogue tells of it; `releases` are in order, the last is current.

    `name` is its place below /registers/; `iri` is the graph in which it stands.
    """

    name: str
    iri: str
    title: str
    description: str
    releases: tuple[Release, ...]
    publisher: str = ""
    licence: str = ""
    themes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A commit as the feed tells of it; `release` is None where a register was taken away."""

    number: int
    register: str
    committed: datetime
    release: int | None


@dataclass(frozen=True)
class House:
    """Who publishes, where: `public` is the address at which the service is reached, without /."""

    public: str
    title: str
    publisher: str
    licence: str
    description: str = ""


@dataclass
class Figures:
    """How much there is: triples, subjects, and how often each class and property occurs."""

    triples: int = 0
    entities: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    properties: dict[str, int] = field(default_factory=dict)


def figures_of(store: ox.Store) -> Figures:
    """The figures of all graphs of a store together."""
    found = Figures()
    for row in _rows(store, "SELECT (COUNT(*) AS ?n) (COUNT(DISTINCT ?s) AS ?e) {?s ?p ?o}"):
        found.triples, found.entities = int(row["n"].value), int(row["e"].value)
    for name, query in (
        ("classes", "SELECT ?k (COUNT(DISTINCT ?s) AS ?n) {?s a ?k FILTER(isIRI(?k))} GROUP BY ?k"),
        ("properties", "SELECT ?k (COUNT(*) AS ?n) {?s ?k ?o} GROUP BY ?k"),
    ):
        getattr(found, name).update(
            {row["k"].value: int(row["n"].value) for row in _rows(store, query)}
        )
    return found


def _rows(store: ox.Store, query: str) -> ox.QuerySolutions:
    rows = store.query(query, use_default_graph_as_union=True)
    assert isinstance(rows, ox.QuerySolutions)
    return rows


def catalogue(house: House, registers: Sequence[Published]) -> list[ox.Triple]:
    """The catalogue of all registers, their versions and forms, and the services over them."""
    own = f"{house.public}/catalogue"
    sparql, feed = f"{house.public}/sparql", f"{house.public}/feed"
    latest = [register.releases[-1].committed for register in registers]
    made = _Made()
    made.say(
        own,
        (RDF_TYPE, _iri(DCAT + "Catalog")),
        (DCTERMS + "title", _text(house.title)),
        (DCTERMS + "description", _text(house.description or house.title)),
        (DCTERMS + "publisher", made.agent(house.publisher, f"{house.public}/#publisher")),
        (DCTERMS + "license", made.licence(house.licence)),
        (FOAF + "homepage", made.typed(f"{house.public}/", FOAF + "Document")),
        (DCTERMS + "language", made.typed(_ENGLISH, DCTERMS + "LinguisticSystem")),
        *([(DCTERMS + "modified", _moment(max(latest)))] if latest else []),
        *((DCAT + "dataset", _iri(f"{house.public}/registers/{r.name}")) for r in registers),
        (DCAT + "dataset", _iri(feed)),
        (DCAT + "service", _iri(sparql)),
    )
    made.say(
        sparql,
        (RDF_TYPE, _iri(DCAT + "DataService")),
        (DCTERMS + "title", _text("SPARQL endpoint")),
        (
            DCTERMS + "description",
            _text("SPARQL 1.1 over all registers and what follows from them."),
        ),
        (DCAT + "endpointURL", made.typed(sparql, RDFS + "Resource")),
        (
            DCAT + "endpointDescription",
            made.typed(f"{house.public}/openapi.json", RDFS + "Resource"),
        ),
        (DCTERMS + "conformsTo", made.typed(_PROTOCOL, DCTERMS + "Standard")),
        (DCTERMS + "license", made.licence(house.licence)),
        (DCTERMS + "publisher", made.agent(house.publisher, f"{house.public}/#publisher")),
        *((DCAT + "servesDataset", _iri(f"{house.public}/registers/{r.name}")) for r in registers),
    )
    made.say(
        feed,
        (RDF_TYPE, _iri(DCAT + "Dataset")),
        (DCTERMS + "title", _text("Changes to the registers")),
        (DCTERMS + "description", _text("A feed of all versions of all registers (LDES).")),
        (DCTERMS + "publisher", made.agent(house.publisher, f"{house.public}/#publisher")),
    )
    for register in registers:
        _describe_register(made, house, register)
    return made.triples()


def register_description(house: House, register: Published) -> list[ox.Triple]:
    """What the catalogue says of one register."""
    made = _Made()
    _describe_register(made, house, register)
    return made.triples()


def _describe_register(made: _Made, house: House, register: Published) -> None:
    place = f"{house.public}/registers/{register.name}"
    current = register.releases[-1]
    made.say(
        place,
        (RDF_TYPE, _iri(DCAT + "Dataset")),
        *_of_register(made, house, register),
        (DCTERMS + "identifier", ox.Literal(register.iri)),
        (DCTERMS + "issued", _moment(register.releases[0].committed)),
        (DCTERMS + "modified", _moment(current.committed)),
        (DCAT + "version", ox.Literal(str(current.number))),
        (DCAT + "landingPage", made.typed(place, FOAF + "Document")),
        (FOAF + "primaryTopic", _iri(register.iri)),
        (DCAT + "hasCurrentVersion", _iri(f"{place}/versions/{current.number}")),
        *((DCAT + "hasVersion", _iri(f"{place}/versions/{r.number}")) for r in register.releases),
        *((DCAT + "distribution", _iri(f"{place}?format={end}")) for end in SERIALISATIONS),
    )
    for end, (media_type, name) in SERIALISATIONS.items():
        made.say(f"{place}?format={end}", *_form(made, house, place, end, media_type, name))
    for before, release in zip((None, *register.releases), register.releases, strict=False):
        version = f"{place}/versions/{release.number}"
        sent = f"{version}#as-sent"
        made.say(
            version,
            (RDF_TYPE, _iri(DCAT + "Dataset")),
            *_of_register(made, house, register, f", version {release.number}"),
            (DCAT + "isVersionOf", _iri(place)),
            (DCAT + "version", ox.Literal(str(release.number))),
            (DCTERMS + "issued", _moment(release.committed)),
            *(
                [(DCAT + "previousVersion", _iri(f"{place}/versions/{before.number}"))]
                if before
                else []
            ),
            (DCAT + "distribution", _iri(sent)),
        )
        made.say(
            sent,
            *_form(made, house, version, "", release.media_type, "As it was sent"),
            (DCAT + "byteSize", ox.Literal(str(release.size), datatype=_xsd("nonNegativeInteger"))),
            (SPDX + "checksum", _iri(f"{version}#checksum")),
        )
        made.say(
            f"{version}#checksum",
            (RDF_TYPE, _iri(SPDX + "Checksum")),
            (SPDX + "algorithm", made.typed(_SHA256, SPDX + "ChecksumAlgorithm")),
            (SPDX + "checksumValue", ox.Literal(release.sha256, datatype=_xsd("hexBinary"))),
        )


def _of_register(
    made: _Made, house: House, register: Published, which: str = ""
) -> list[tuple[str, Term]]:
    return [
        (DCTERMS + "title", _text(register.title + which)),
        (DCTERMS + "description", _text(register.description)),
        (
            DCTERMS + "publisher",
            made.agent(register.publisher or house.publisher, f"{house.public}/#publisher"),
        ),
        (DCTERMS + "license", made.licence(register.licence or house.licence)),
        *((DCAT + "keyword", _text(theme)) for theme in register.themes),
    ]


def _form(
    made: _Made, house: House, place: str, end: str, media_type: str, name: str
) -> list[tuple[str, Term]]:
    download = f"{place}?format={end}" if end else place
    listed: list[tuple[str, Term]] = [
        (RDF_TYPE, _iri(DCAT + "Distribution")),
        (DCTERMS + "title", _text(name)),
        (DCAT + "accessURL", made.typed(place, RDFS + "Resource")),
        (DCAT + "downloadURL", made.typed(download, RDFS + "Resource")),
        (DCAT + "mediaType", made.typed(MEDIA + media_type, DCTERMS + "MediaType")),
        (DCTERMS + "license", made.licence(house.licence)),
    ]
    return listed


def void_description(
    house: House, registers: Sequence[Published], figures: Figures, spaces: Sequence[str]
) -> list[ox.Triple]:
    """All registers together as a VoID data set with its parts, counts and access points."""
    own = f"{house.public}/.well-known/void#data"
    made = _Made()
    made.say(
        f"{house.public}/.well-known/void",
        (RDF_TYPE, _iri(VOID + "DatasetDescription")),
        (FOAF + "primaryTopic", _iri(own)),
    )
    made.say(
        own,
        (RDF_TYPE, _iri(VOID + "Dataset")),
        (DCTERMS + "title", _text(house.title)),
        (DCTERMS + "license", made.licence(house.licence)),
        (VOID + "sparqlEndpoint", _iri(f"{house.public}/sparql")),
        (FOAF + "homepage", _iri(f"{house.public}/")),
        (VOID + "triples", _count(figures.triples)),
        (VOID + "distinctSubjects", _count(figures.entities)),
        (VOID + "classes", _count(len(figures.classes))),
        (VOID + "properties", _count(len(figures.properties))),
        (VOID + "vocabulary", _iri(HF)),
        *((VOID + "uriSpace", ox.Literal(space)) for space in spaces),
        *((VOID + "feature", _iri(FORMATS + name)) for name in _FEATURES),
        *((VOID + "subset", _iri(f"{house.public}/registers/{r.name}")) for r in registers),
    )
    for kind, counted, key in (
        ("class", figures.classes, "entities"),
        ("property", figures.properties, "triples"),
    ):
        for number, (iri, count) in enumerate(sorted(counted.items())):
            part = f"{own}-{kind}-{number}"
            made.say(own, (f"{VOID}{kind}Partition", _iri(part)))
            made.say(part, (f"{VOID}{kind}", _iri(iri)), (VOID + key, _count(count)))
    for register in registers:
        place = f"{house.public}/registers/{register.name}"
        made.say(
            place,
            (RDF_TYPE, _iri(VOID + "Dataset")),
            (DCTERMS + "title", _text(register.title)),
            (DCTERMS + "license", made.licence(register.licence or house.licence)),
            *((VOID + "dataDump", _iri(f"{place}?format={end}")) for end in SERIALISATIONS),
        )
    return made.triples()


def feed(house: House, changes: Sequence[Change], page: int) -> tuple[list[ox.Triple], bool]:
    """One page (from 1) of the feed of changes, oldest first, and whether it will never change.

    A page is full, and so unchanging, with FEED_PAGE changes; each tells what comes after it.
    Members are in the order of their time, as LDES asks of a page.
    """
    stream, here = f"{house.public}/feed", f"{house.public}/feed?page={page}"
    listed = changes[(page - 1) * FEED_PAGE : page * FEED_PAGE]
    made = _Made()
    made.say(
        stream,
        (RDF_TYPE, _iri(LDES + "EventStream")),
        (DCTERMS + "title", _text("Changes to the registers")),
        (LDES + "timestampPath", _iri(DCTERMS + "created")),
        (LDES + "versionOfPath", _iri(DCTERMS + "isVersionOf")),
        (LDES + "versionDeleteObject", _iri(_DELETED)),
        (TREE + "view", _iri(f"{stream}?page=1")),
        *((TREE + "member", _iri(f"{stream}#{change.number}")) for change in listed),
    )
    made.say(here, (RDF_TYPE, _iri(TREE + "Node")))
    full = len(listed) == FEED_PAGE
    if page * FEED_PAGE < len(changes):
        relation = f"{here}#next"
        made.say(here, (TREE + "relation", _iri(relation)))
        made.say(
            relation,
            (RDF_TYPE, _iri(TREE + "GreaterThanOrEqualToRelation")),
            (TREE + "node", _iri(f"{stream}?page={page + 1}")),
            (TREE + "path", _iri(DCTERMS + "created")),
            (TREE + "value", _moment(changes[page * FEED_PAGE].committed)),
        )
    for change in listed:
        register = f"{house.public}/registers/{change.register}"
        made.say(
            f"{stream}#{change.number}",
            (RDF_TYPE, _iri(DCAT + "Dataset" if change.release is not None else _DELETED)),
            (DCTERMS + "isVersionOf", _iri(register)),
            (DCTERMS + "created", _moment(change.committed)),
            *(
                [(DCTERMS + "source", _iri(f"{register}/versions/{change.release}"))]
                if change.release is not None
                else []
            ),
        )
    return made.triples(), full and page * FEED_PAGE < len(changes)


_ENGLISH = "http://publications.europa.eu/resource/authority/language/ENG"
_PROTOCOL = "https://www.w3.org/TR/sparql11-protocol/"
_SHA256 = SPDX + "checksumAlgorithm_sha256"
_DELETED = "https://www.w3.org/ns/activitystreams#Delete"
_FEATURES = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD", "TriG", "N-Quads")

Term = ox.NamedNode | ox.Literal


class _Made:
    """Triples as they are put together."""

    def __init__(self) -> None:
        self._triples: dict[ox.Triple, None] = {}

    def say(self, subject: str, *facts: tuple[str, Term]) -> None:
        for predicate, value in facts:
            self._triples[ox.Triple(_iri(subject), _iri(predicate), value)] = None

    def typed(self, iri: str, cls: str) -> ox.NamedNode:
        self.say(iri, (RDF_TYPE, _iri(cls)))
        return _iri(iri)

    def licence(self, iri: str) -> ox.NamedNode:
        return self.typed(iri, DCTERMS + "LicenseDocument")

    def agent(self, name: str, fallback: str) -> ox.NamedNode:
        iri = name if "://" in name else fallback
        self.say(iri, (RDF_TYPE, _iri(FOAF + "Agent")), (FOAF + "name", _text(name)))
        return _iri(iri)

    def triples(self) -> list[ox.Triple]:
        return list(self._triples)


def _iri(text: str) -> ox.NamedNode:
    return ox.NamedNode(text)


def _text(text: str) -> ox.Literal:
    return ox.Literal(text, language="en")


def _xsd(name: str) -> ox.NamedNode:
    return _iri(XSD + name)


def _moment(moment: datetime) -> ox.Literal:
    return ox.Literal(moment.isoformat().replace("+00:00", "Z"), datatype=_xsd("dateTime"))


def _count(number: int) -> ox.Literal:
    return ox.Literal(str(number), datatype=_xsd("integer"))


def addresses(house: House, registers: Iterable[Published], iris: Iterable[str]) -> Iterator[str]:
    """What a crawler should know of: pages of the house, of registers, and of things."""
    yield f"{house.public}/"
    for place in ("catalogue", "ns", "rules", "questions"):
        yield f"{house.public}/{place}"
    for register in registers:
        yield f"{house.public}/registers/{register.name}"
    yield from iris
