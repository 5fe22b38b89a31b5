"""The names that the reasoner itself must know; all other terms it reads from the ontology."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

HF = "https://w3id.org/holdfast/ns#"
RULES = "https://w3id.org/holdfast/rules/"
IDS = "https://w3id.org/holdfast/id/"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
DASH = "http://datashapes.org/dash#"
SH = "http://www.w3.org/ns/shacl#"
XSD = "http://www.w3.org/2001/XMLSchema#"
OWL = "http://www.w3.org/2002/07/owl#"

PREFIXES = {
    "dcterms": DCTERMS,
    "hf": HF,
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "venture": IDS + "venture/",
    "xsd": XSD,
}
"""What a change may use without declaring it, and what a query is reminded of."""

CONSTITUTIVE = ("purpose", "capacity", "fit", "conduct")
"""The levers (Table 1, L279-295), by their notation; advice is given on these alone."""

BASES = (
    "purpose",
    "capacity",
    "fit",
    "conduct",
    "external-legitimacy",
    "internal-legitimacy",
    "legitimacy",
    "productivity",
    "efficiency",
    "security",
    "adaptability",
)
"""Every basis in the order in which standings are shown; the ontology declares what each means."""

SEVERITIES = ("info", "warning", "violation")
"""How grave a finding or a shortfall may be, by SHACL's words, the least first."""

INFERENCES = ("none", "rdfs", "owlrl", "both")
"""What may be inferred from data before shapes look at them."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence suggesting the known name most like `name`, whatever its case, or nothing."""
    begins_low = name[:1].islower()
    by_case: dict[str, str] = {}
    for candidate in known:
        if candidate[:1].islower() == begins_low:
            by_case[candidate.casefold()] = candidate
        else:
            by_case.setdefault(candidate.casefold(), candidate)
    close = get_close_matches(name.casefold(), list(by_case), n=1, cutoff=0.6)
    return f"Did you mean {by_case[close[0]]}?" if close else ""


def short(iri: str) -> str:
    """An IRI as people write it in Turtle: `hf:fit` for a term of ours, else the IRI."""
    return "hf:" + iri.removeprefix(HF) if iri.startswith(HF) else iri


UNNAMED = "an unnamed record"
"""What a blank node without a label is called in a sentence."""


def readable(iri: str) -> str:
    """A thing without a label in words: the last part of its IRI."""
    if iri.startswith(HF):
        return iri.removeprefix(HF).replace("-", " ")
    tail = iri.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]
    return tail.replace("-", " ") or iri
