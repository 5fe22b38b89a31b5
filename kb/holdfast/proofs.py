"""Proofs as linked data: validation results with what they rest on, in RDF 1.2.

A finding is an `sh:ValidationResult` whose `sh:detail` are the steps of its proof. A step that is a
triple reifies it (`rdf:reifies`) and names the rule that inferred it (`sh:sourceRule`, SHACL 1.2
Inference Rules); `prov:wasDerivedFrom` leads on to what it rests on, down to the facts of a
register, and `prov:wasGeneratedBy` to the run of a rule. docs/proofs.md describes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import md5

import pyoxigraph as ox

from holdfast.assess import Assessment, Finding
from holdfast.explain import Explanation, Fact, Proved, Step
from holdfast.render import rule_iri
from holdfast.vocabulary import DASH, DCTERMS, HF, IDS, RDF, RDFS, SH, XSD
from holdfast.whatif import Outcome, Reasons

PROV = "http://www.w3.org/ns/prov#"
HOLDFAST = "https://w3id.org/holdfast"

Node = ox.NamedNode | ox.BlankNode


def explanations_turtle(assessment: Assessment, venture: str, found: Sequence[Explanation]) -> str:
    """The findings about a venture with their proofs, as a validation report."""
    graph = _Graph(assessment)
    graph.report(venture, found)
    return graph.turtle()


def proved_turtle(assessment: Assessment, proved: Proved) -> str:
    """A triple with its proofs, each a reifier of it."""
    graph = _Graph(assessment)
    for place, proof in enumerate(proved.proofs):
        node = graph.step(proof, apart=f"proof{place}")
        if not proof.triples:
            graph.reify(node, proved.triple)
    return graph.turtle()


def outcome_turtle(assessment: Assessment, outcome: Outcome, reasons: Reasons) -> str:
    """What a change would do: the change as a dash:GraphUpdate, findings that it generates or
    invalidates, each with its proof, versions of those that it makes more or less certain, and
    standings that it moves."""
    graph = _Graph(assessment)
    change = ox.BlankNode("change")
    graph.say(change, RDF + "type", ox.NamedNode(DASH + "GraphUpdate"))
    graph.say(change, RDF + "type", ox.NamedNode(PROV + "Activity"))
    for name, quads in (
        ("addedTriple", outcome.change.added),
        ("deletedTriple", outcome.change.removed),
    ):
        for place, quad in enumerate(dict.fromkeys(quad[:3] for quad in quads)):
            statement = ox.BlankNode(f"{name}{place}")
            graph.say(change, DASH + name, statement)
            graph.say(statement, RDF + "type", ox.NamedNode(RDF + "Statement"))
            for part, text in zip(("subject", "predicate", "object"), quad, strict=True):
                graph.say(statement, RDF + part, graph.term(text))
    ventures = {finding.iri: iri for iri, finding in (*outcome.gained, *outcome.lost)}
    for explanation in reasons.gained:
        node = graph.finding(ventures[explanation.finding.iri], explanation)
        graph.say(node, PROV + "wasGeneratedBy", change)
    for loss in reasons.lost:
        node = graph.finding(ventures[loss.before.finding.iri], loss.before)
        graph.say(node, PROV + "wasInvalidatedBy", change)
        for step in loss.gone:
            graph.say(graph.step(step), PROV + "wasInvalidatedBy", change)
    for venture, before, after in outcome.altered:
        for finding, how in ((before, "wasInvalidatedBy"), (after, "wasGeneratedBy")):
            mark = f"{finding.iri}|{finding.certainty}|{finding.message}"
            version = ox.BlankNode("v" + md5(mark.encode(), usedforsecurity=False).hexdigest())
            graph.say(version, PROV + "specializationOf", graph.node(finding.iri))
            graph.say(version, HF + "venture", graph.node(venture))
            graph.say(version, HF + "certainty", graph.concept(finding.certainty))
            graph.say(version, PROV + how, change)
    for flip in outcome.flips:
        for standing, how in ((flip.before, "wasInvalidatedBy"), (flip.after, "wasGeneratedBy")):
            mark = f"{flip.venture}|{flip.basis}|{standing}"
            moved = ox.BlankNode("s" + md5(mark.encode(), usedforsecurity=False).hexdigest())
            graph.say(moved, HF + "venture", graph.node(flip.venture))
            graph.say(moved, HF + "basis", graph.concept(flip.basis))
            graph.say(moved, RDF + "value", graph.concept(standing))
            graph.say(moved, PROV + how, change)
    return graph.turtle()


class _Graph:
    """Triples as they are gathered; a step that occurs twice has one node."""

    def __init__(self, assessment: Assessment) -> None:
        self._assessment = assessment
        self._triples: dict[ox.Triple, None] = {}
        self._nodes: dict[object, Node] = {}
        self._findings = {
            finding.iri: (venture.iri, finding)
            for venture in assessment.ventures
            for finding in venture.findings
        }

    # -- terms -----------------------------------------------------------------------------------

    def say(self, subject: Node, predicate: str, value: Node | ox.Literal | ox.Triple) -> None:
        self._triples[ox.Triple(subject, ox.NamedNode(predicate), value)] = None

    def term(self, n3: str) -> Node | ox.Literal:
        """A term from its N-Triples form."""
        if n3.startswith("_:"):
            return ox.BlankNode(n3[2:].replace("-", "x"))
        quad = next(iter(ox.parse(f"<x:> <x:> {n3} .", format=ox.RdfFormat.N_TRIPLES)))
        value = quad.object
        assert isinstance(value, (ox.NamedNode, ox.Literal))
        return value

    def node(self, iri: str) -> Node:
        """A node from an IRI, or from a blank node's label."""
        return ox.BlankNode(iri[2:].replace("-", "x")) if iri[:2] == "_:" else ox.NamedNode(iri)

    def concept(self, notation: str) -> ox.NamedNode:
        """A basis, standing, effect or certainty by its notation."""
        return ox.NamedNode(self._assessment.ontology.concept(notation))

    def _english(self, text: str) -> ox.Literal:
        return ox.Literal(text, language="en")

    # -- what is told ----------------------------------------------------------------------------

    def report(self, venture: str, found: Sequence[Explanation]) -> None:
        """A validation report of some findings."""
        report = ox.BlankNode("report")
        self.say(report, RDF + "type", ox.NamedNode(SH + "ValidationReport"))
        conforms = "false" if found else "true"
        boolean = ox.NamedNode(XSD + "boolean")
        self.say(report, SH + "conforms", ox.Literal(conforms, datatype=boolean))
        for explanation in found:
            self.say(report, SH + "result", self.finding(venture, explanation))

    def finding(self, venture: str, explanation: Explanation) -> ox.NamedNode:
        """A finding with the steps of its proofs; the first is its `sh:detail`."""
        node = ox.NamedNode(explanation.finding.iri)
        self._nodes[explanation.finding.iri] = node
        self._about(node, venture, explanation.finding)
        self._premises(node, explanation.proof.premises)
        for other in explanation.others:
            self._premises(node, other.premises)
        return node

    def _about(self, node: Node, venture: str, finding: Finding) -> None:
        rule = ox.NamedNode(rule_iri(self._assessment, finding.rule))
        component = "SPARQLConstraintComponent"
        self.say(node, RDF + "type", ox.NamedNode(SH + "ValidationResult"))
        self.say(node, RDF + "type", ox.NamedNode(HF + "Finding"))
        self.say(node, SH + "focusNode", self.node(venture))
        self.say(node, SH + "sourceShape", rule)
        self.say(node, SH + "sourceConstraintComponent", ox.NamedNode(SH + component))
        severity = ox.NamedNode(SH + finding.severity.capitalize())
        self.say(node, SH + "resultSeverity", severity)
        self.say(node, SH + "resultMessage", self._english(finding.message))
        self.say(node, HF + "venture", self.node(venture))
        self.say(node, HF + "effect", self.concept(finding.effect))
        self.say(node, HF + "certainty", self.concept(finding.certainty))
        if finding.basis:
            self.say(node, HF + "basis", self.concept(finding.basis))
        self._made_by(node, finding.rule)

    def _made_by(self, node: Node, name: str) -> None:
        rule = ox.NamedNode(rule_iri(self._assessment, name))
        run = ox.BlankNode("run" + md5(name.encode(), usedforsecurity=False).hexdigest())
        who = ox.BlankNode(run.value.replace("run", "plan"))
        agent = ox.NamedNode(HOLDFAST)
        self.say(node, PROV + "wasGeneratedBy", run)
        self.say(run, RDF + "type", ox.NamedNode(PROV + "Activity"))
        self.say(run, PROV + "qualifiedAssociation", who)
        self.say(who, RDF + "type", ox.NamedNode(PROV + "Association"))
        self.say(who, PROV + "agent", agent)
        self.say(who, PROV + "hadPlan", rule)
        self.say(agent, RDF + "type", ox.NamedNode(PROV + "SoftwareAgent"))

    def _premises(self, node: Node, steps: Iterable[Step]) -> None:
        for step in steps:
            below = self.step(step)
            self.say(node, SH + "detail", below)
            self.say(node, PROV + "wasDerivedFrom", below)

    def step(self, step: Step, *, apart: str = "") -> Node:
        """One step of a proof, with those it rests on; `apart` keeps proofs of one triple apart."""
        fact = step.facts[0].iri if step.facts else ""
        key = step.iri or (step.kind, step.triples, fact, step.sentence, apart)
        known = self._nodes.get(key)
        if known is not None and (step.repeated or not step.premises):
            return known
        node = known or (
            ox.NamedNode(step.iri) if step.iri else ox.BlankNode(f"step{len(self._nodes)}")
        )
        self._nodes[key] = node
        if step.kind == "finding":
            if step.iri in self._findings and known is None:
                self._about(node, *self._findings[step.iri])
            self._premises(node, step.premises)
            return node
        self.say(node, RDF + "type", ox.NamedNode(SH + "AbstractResult"))
        self.say(node, SH + "resultMessage", self._english(step.sentence))
        if step.certainty:
            self.say(node, HF + "certainty", self.concept(step.certainty))
        for triple in step.triples:
            self.reify(node, triple)
        if step.rule:
            self.say(node, SH + "sourceRule", ox.NamedNode(rule_iri(self._assessment, step.rule)))
            self._made_by(node, step.rule)
        for one in step.facts:
            self.say(node, PROV + "wasDerivedFrom", self._fact(one))
        self._premises(node, step.premises)
        return node

    def reify(self, node: Node, triple: tuple[str, str, str]) -> None:
        """Let a node stand for a triple."""
        s, p, o = map(self.term, triple)
        assert isinstance(p, ox.NamedNode)
        if not isinstance(s, ox.Literal):
            self.say(node, RDF + "reifies", ox.Triple(s, p, o))

    def _fact(self, fact: Fact) -> Node:
        """A fact of a register with its sources and whoever holds it so."""
        node = self.node(fact.iri)
        if fact.iri in self._nodes:
            return node
        self._nodes[fact.iri] = node
        self.say(node, RDF + "type", ox.NamedNode(HF + "Fact"))
        self.say(node, DCTERMS + "description", self._english(fact.description))
        columns = self._assessment.columns
        ids = columns.ids_of([f"<{fact.iri}>"])
        for predicate, told in (
            (DCTERMS + "identifier", DCTERMS + "identifier"),
            (DCTERMS + "source", PROV + "hadPrimarySource"),
            (HF + "inRegister", HF + "inRegister"),
            (HF + "holder", PROV + "wasAttributedTo"),
        ):
            rows = columns.rows(
                f"SELECT n3 FROM {columns.table(predicate)} JOIN terms ON id = o"
                " WHERE s = $s ORDER BY 1",
                {"s": ids.get(f"<{fact.iri}>", -1)},
            )
            for (n3,) in rows:
                self.say(node, told, self.term(n3))
        return node

    def turtle(self) -> str:
        """All that was said, in Turtle 1.2."""
        prefixes = {
            "dash": DASH, "dcterms": DCTERMS, "finding": IDS + "finding/", "hf": HF, "prov": PROV,
            "rdf": RDF, "rdfs": RDFS, "sh": SH, "xsd": XSD,
        }  # fmt: skip
        written = ox.serialize(self._triples, format=ox.RdfFormat.TURTLE, prefixes=prefixes)
        return (written or b"").decode("utf-8")
