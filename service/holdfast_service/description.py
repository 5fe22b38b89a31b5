"""SPARQL 1.1 Service Description: what /sparql says of itself when no query is given."""

from __future__ import annotations

import flask
import pyoxigraph as ox

from holdfast_service.context import Service
from holdfast_service.formats import GRAPHS, SENT, SOLUTIONS, Form, chosen_form
from holdfast_service.worker import PREFIXES

SD = "http://www.w3.org/ns/sparql-service-description#"
VOID = "http://rdfs.org/ns/void#"
W3C_FORMATS = "http://www.w3.org/ns/formats/"
RDF_TYPE = ox.NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")

# The names that the W3C has given to formats (https://www.w3.org/ns/formats/).
_NAMES = {
    "json": "SPARQL_Results_JSON",
    "xml": "SPARQL_Results_XML",
    "csv": "SPARQL_Results_CSV",
    "tsv": "SPARQL_Results_TSV",
    "turtle": "Turtle",
    "ntriples": "N-Triples",
    "rdfxml": "RDF_XML",
    "jsonld": "JSON-LD",
    "trig": "TriG",
    "nquads": "N-Quads",
    "n3": "N3",
}

MOST_GRAPHS = 10_000
"""How many named graphs the description lists at most."""


def described(service: Service) -> flask.Response:
    """The description of this service, in the form that the client wants. Raises Problem (406)."""
    named = flask.request.args.get("format", "")
    accept = flask.request.headers.get("Accept", "")
    media, form = chosen_form(GRAPHS, named, accept, "the service description")
    graphs = graph_names(service)
    triples = list(description(service, service.address(), graphs))
    found = ox.serialize(
        triples,
        format=form.native,  # type: ignore[arg-type]
        prefixes={**PREFIXES, "sd": SD} if form.native == ox.RdfFormat.TURTLE else None,
    )
    return flask.Response(found, content_type=media, headers={"Vary": "Accept"})


def graph_names(service: Service) -> list[str]:
    """The IRIs of the named graphs, in alphabetical order, at most `MOST_GRAPHS` of them."""
    answer = service.answer({"do": "graphs", "head_only": False, "most": MOST_GRAPHS})
    return sorted(answer.whole().decode().splitlines())


def description(service: Service, endpoint: str, graphs: list[str]) -> list[ox.Triple]:
    """The triples of the description."""
    me, dataset, default = map(ox.BlankNode, ("service", "dataset", "default"))
    settings = service.settings

    def sd(name: str) -> ox.NamedNode:
        return ox.NamedNode(SD + name)

    found = [
        ox.Triple(me, RDF_TYPE, sd("Service")),
        ox.Triple(me, sd("endpoint"), ox.NamedNode(endpoint)),
        ox.Triple(me, sd("supportedLanguage"), sd("SPARQL11Query")),
        ox.Triple(me, sd("defaultDataset"), dataset),
        ox.Triple(dataset, RDF_TYPE, sd("Dataset")),
        ox.Triple(dataset, sd("defaultGraph"), default),
        ox.Triple(default, RDF_TYPE, sd("Graph")),
    ]
    if service.holdings.writable and settings.token:
        found.append(ox.Triple(me, sd("supportedLanguage"), sd("SPARQL11Update")))
    if settings.union:
        found.append(ox.Triple(me, sd("feature"), sd("UnionDefaultGraph")))
    for form in (*SOLUTIONS, *GRAPHS):
        found += _format(me, sd("resultFormat"), form)
    if service.holdings.writable and settings.token:
        for form in SENT:
            found += _format(me, sd("inputFormat"), form)
    for number, name in enumerate(graphs, start=1):
        node = ox.BlankNode(f"graph{number}")
        found += [
            ox.Triple(dataset, sd("namedGraph"), node),
            ox.Triple(node, RDF_TYPE, sd("NamedGraph")),
            ox.Triple(node, sd("name"), ox.NamedNode(name)),
        ]
    return found


def _format(me: ox.BlankNode, says: ox.NamedNode, form: Form) -> list[ox.Triple]:
    name = _NAMES.get(form.name)
    return [ox.Triple(me, says, ox.NamedNode(W3C_FORMATS + name))] if name else []
