"""How ventures are judged as the index tells it: what the last assessment left there."""

from __future__ import annotations

from typing import cast

import pyoxigraph as ox

from holdfast.assess import Finding, VentureAssessment, worst_first
from holdfast.ontology import Ontology
from holdfast.store import FINDINGS, INFERRED
from holdfast.vocabulary import BASES, HF, RDF, RDF_TYPE, SH
from holdfast_service.entities import label_of
from holdfast_service.landscape import slugs_of

_FINDINGS, _INFERRED = ox.NamedNode(FINDINGS), ox.NamedNode(INFERRED)
_VENTURE, _FINDING = ox.NamedNode(HF + "venture"), HF + "Finding"


def told_ventures(store: ox.Store) -> dict[str, str]:
    """The IRIs of all ventures that are judged, by a short name for an address."""
    # each is named a hundred times and more, so that they are made distinct before they come here
    asked = f"SELECT DISTINCT ?venture {{ GRAPH {_FINDINGS} {{ ?told {_VENTURE} ?venture }} }}"
    found = cast(ox.QuerySolutions, store.query(asked))
    return dict(slugs_of(node.value for (node,) in found if isinstance(node, ox.NamedNode)))


def told_venture(store: ox.Store, iri: str, ontology: Ontology) -> VentureAssessment:
    """A venture's standings and findings, without their evidence."""
    node = ox.NamedNode(iri)
    standing = dict.fromkeys(BASES, "unknown")
    findings = []
    for quad in store.quads_for_pattern(None, _VENTURE, node, _FINDINGS):
        subject = quad.subject
        said = {
            told.predicate.value: getattr(told.object, "value", "")
            for told in store.quads_for_pattern(subject, None, None, _FINDINGS)
        }
        basis = said.get(HF + "basis", "")
        basis = ontology.notation(basis) if basis else ""
        if said.get(RDF_TYPE) == _FINDING and isinstance(subject, ox.NamedNode):
            findings.append(
                Finding(
                    number=0,
                    rule=_rule(said[HF + "rule"]),
                    basis=basis,
                    effect=ontology.notation(said[HF + "effect"]),
                    severity=said[SH + "resultSeverity"].removeprefix(SH).lower(),
                    certainty=ontology.notation(said[HF + "certainty"]),
                    message=said[SH + "resultMessage"],
                    evidence=(),
                    iri=subject.value,
                    value="",
                )
            )
        else:
            standing[basis] = ontology.notation(said[RDF + "value"])
    return VentureAssessment(
        iri=iri,
        label=label_of(store, node),
        stage=_concept(store, node, "stage", ontology) or "unknown",
        standing=standing,
        findings=tuple(sorted(findings, key=worst_first)),
        outlook=_concept(store, node, "outlook", ontology),
    )


def _rule(iri: str) -> str:
    """The id of a rule, or the name of a rule of OWL 2 RL."""
    _, mark, name = iri.partition("#")
    return f"owl:{name}" if mark else iri.rpartition("/")[2]


def _concept(store: ox.Store, node: ox.NamedNode, name: str, ontology: Ontology) -> str:
    quads = store.quads_for_pattern(node, ox.NamedNode(HF + name), None, _INFERRED)
    found = [quad.object.value for quad in quads if isinstance(quad.object, ox.NamedNode)]
    return ontology.notation(min(found)) if found else ""
