"""Why a finding holds, why a rule stays silent, and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rdflib.util import from_n3

from holdfast.assess import Assessment, Finding, VentureAssessment
from holdfast.columns.store import AS_OF, STATED, SUBCLASS
from holdfast.columns.terms import BOOLEAN
from holdfast.compile import reads_of
from holdfast.errors import UnknownNameError
from holdfast.ontology import Ontology
from holdfast.reason.entailment import contradictions
from holdfast.reason.proof import CLASH, Proofs
from holdfast.reason.whynot import (
    AXIOMS,
    Tried,
    Unconcluded,
    absences_asked,
    tried_for,
    verb_phrase,
)
from holdfast.rules import EFFECTS, Rule, rules_named
from holdfast.vocabulary import (
    BASES,
    CONSTITUTIVE,
    DCTERMS,
    HF,
    RDF,
    RDF_TYPE,
    SKOS,
    nearest,
    short,
)


@dataclass(frozen=True)
class Fact:
    """A stated fact as a reader can look it up.

    `identifier` is what the register calls it (A41) or the last part of its IRI; `lines` are the
    places in its source, as written there (L475-L478); `register` is the register's title.
    """

    iri: str
    identifier: str
    description: str
    lines: tuple[str, ...]
    register: str
    phase: str
    certainty: str
    holder: str


@dataclass(frozen=True)
class Step:
    """One step of a proof tree.

    `kind` is 'finding', 'inferred' (by the rule `rule`), 'stated' (then `facts` say where), 'given'
    (by the as-of date or phase), 'ontology', or 'absent' (what the rule asked for and nobody has
    recorded). `repeated` marks a step shown in full further up. `triples` are what the step says
    as N-Triples terms, `iri` is the finding of a finding.
    """

    kind: str
    sentence: str
    certainty: str = ""
    rule: str = ""
    facts: tuple[Fact, ...] = ()
    premises: tuple[Step, ...] = ()
    repeated: bool = False
    triples: tuple[tuple[str, str, str], ...] = ()
    iri: str = ""


@dataclass(frozen=True)
class Explanation:
    """A finding with its proof and what the paper and the rule say of it.

    `others` are further proofs, where they were asked for.
    """

    finding: Finding
    rule_label: str
    description: str
    sources: tuple[str, ...]
    proof: Step
    others: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Proved:
    """A triple of the dataset with its proofs, the shortest first."""

    triple: tuple[str, str, str]
    sentence: str
    proofs: tuple[Step, ...]


@dataclass(frozen=True)
class Advice:
    """What a rule advises, on constitutive bases only, with the risks it would answer."""

    rule: str
    levers: tuple[str, ...]
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class WhyNot:
    """Why a rule does not fire for a venture.

    `fires` where it does after all. `tried` are its patterns in the order tried, the last of them
    the one that fails; `nearest` says how near it came, or what an inference rule concludes.
    `under` are the rules that would have had to conclude what is missing, the nearest first.
    """

    rule: str
    fires: bool
    tried: tuple[Tried, ...]
    nearest: str
    under: tuple[Unconcluded, ...] = ()


def explain(
    assessment: Assessment,
    venture: str,
    *,
    basis: str | None = None,
    rule: str | None = None,
    most: int = 1,
) -> list[Explanation]:
    """The findings about a venture, each with its proof, worst first.

    Only those on `basis` (a broader basis includes the narrower) or of `rule` where given. A proof
    is the shortest there is; up to `most` are given of each finding. Raises UnknownNameError for a
    venture, basis or rule that is not there.
    """
    found = assessment.venture(venture)
    bases = _bases_under(assessment, basis) if basis else frozenset(("", *BASES))
    names = {rule} if rule else set()
    if rule and not any(rule == finding.rule for finding in found.findings):
        names = {one.id for one in rules_named(rule, assessment.rules)}
    chosen = [f for f in found.findings if f.basis in bases and (not names or f.rule in names)]
    return explained(assessment, chosen, most=most)


def explained(
    assessment: Assessment, findings: Sequence[Finding], *, most: int = 1
) -> list[Explanation]:
    """Some findings of an assessment with their proofs, in their order."""
    clashes = {
        CLASH + place: clash.premises
        for place, clash in enumerate(
            contradictions(assessment.columns, assessment.reasoner.forbidding)
        )
    }
    numbers = [finding.number for finding in findings if finding.number < CLASH]
    proofs = Proofs(assessment.reasoner, numbers, clashes=clashes, every=True)
    teller = _Teller(assessment, proofs, findings)
    rules = {known.id: known for known in assessment.rules}
    found = []
    for finding in findings:
        rule = rules.get(finding.rule)
        ways = proofs.ways(finding=finding.number)
        shortest, *others = [
            teller.finding(finding.number, set(), way) for way in ways[:most] or [[]]
        ]
        found.append(
            Explanation(
                finding=finding,
                rule_label=rule.label if rule else "What is recorded contradicts an axiom",
                description=rule.description
                if rule
                else f"OWL 2 RL, {finding.rule}: its premises cannot all be true.",
                sources=tuple(_line(source) for source in rule.sources) if rule else (),
                proof=shortest,
                others=tuple(others),
            )
        )
    return found


def prove(assessment: Assessment, triple: tuple[str, str, str], *, most: int = 1) -> Proved:
    """A triple of N-Triples terms with its proofs down to what is stated, at most `most`.

    Raises UnknownNameError where it is neither stated nor follows.
    """
    columns = assessment.columns
    subject, predicate, value = triple
    iri = predicate[1:-1]
    ids = columns.ids_of(triple)
    number = None
    if iri in columns.predicates and subject in ids and value in ids:
        number = columns.value(
            f"SELECT t FROM {columns.table(iri)} WHERE s = $s AND o = $o",
            {"s": ids[subject], "o": ids[value]},
        )
    if number is None:
        for name in (short(term[1:-1]) for term in triple if term.startswith(f"<{HF}")):
            known = [short(term) for term in assessment.ontology.terms]
            if name not in known:
                raise UnknownNameError(
                    f"{name} is not a term of the ontology.", mend=nearest(name, known)
                )
        raise UnknownNameError(
            f"{subject} {predicate} {value} is neither stated nor does it follow.",
            mend="`holdfast query --inferred` shows what does; --not with --rule says why a rule"
            " is silent.",
        )
    proofs = Proofs(assessment.reasoner, [], [number], every=True)
    teller = _Teller(assessment, proofs)
    ways = proofs.ways(triple=number)[:most] or [[]]
    return Proved(
        triple=triple,
        sentence=teller.sentence(number),
        proofs=tuple(teller.triple(number, way) for way in ways),
    )


def why_not(assessment: Assessment, venture: str, rule: str) -> WhyNot:
    """Which pattern of a rule fails for a venture, and how near it came.

    An inference rule fires where it concludes something. Raises UnknownNameError.
    """
    found = assessment.venture(venture)
    chosen = _rule(assessment, rule)
    if any(finding.rule == chosen.id for finding in found.findings):
        return WhyNot(chosen.id, True, (), "")
    columns = assessment.columns
    node = columns.ids_of([f"<{found.iri}>"]).get(f"<{found.iri}>", -1)
    miss = tried_for(assessment.reasoner, chosen, node)
    fires = not miss.left and chosen.kind == "inference"
    return WhyNot(chosen.id, fires, miss.tried, miss.nearest, miss.under)


def advice_for(
    assessment: Assessment, venture: VentureAssessment, *, basis: str | None = None
) -> list[Advice]:
    """The remedies of the rules behind a venture's risks, those that answer most first.

    For a risk on a consequential basis the advice is that of the constitutive risks under it, never
    on the consequential basis itself (L281-287).
    """
    risks = [finding for finding in venture.findings if finding.effect == "undermines"]
    if basis is not None:
        bases = _bases_under(assessment, basis)
        risks = _grounds(assessment, [risk for risk in risks if risk.basis in bases])
    return advice_on(risks, {rule.id: rule for rule in assessment.rules}, assessment.ontology)


def advice_on(
    findings: Iterable[Finding], rules: Mapping[str, Rule], ontology: Ontology
) -> list[Advice]:
    """The remedies of the rules behind the risks among some findings, those that answer most first.

    `rules` are by id. Rules that read the findings of others count only where no other has spoken.
    """
    risks = [finding for finding in findings if finding.effect == "undermines"]
    later = {name for name in {r.rule for r in risks} if _reads_findings(rules[name], ontology)}
    direct = [risk for risk in risks if risk.rule not in later]
    answered: dict[str, list[str]] = {}
    for risk in direct or risks:
        answered.setdefault(risk.rule, []).append(risk.basis)
    advice = [
        Advice(
            rule=name,
            levers=tuple(sorted(rules[name].levers, key=BASES.index)),
            text=rules[name].remedy,
            answers=tuple(sorted(set(bases), key=BASES.index)),
        )
        for name, bases in answered.items()
    ]
    return sorted(advice, key=lambda a: (-len(a.answers), BASES.index(a.levers[0]), a.rule))


def _grounds(assessment: Assessment, risks: Iterable[Finding]) -> list[Finding]:
    """These risks and all constitutive risks that their proofs rest on."""
    listed = list(risks)
    by_number = {
        finding.number: finding for venture in assessment.ventures for finding in venture.findings
    }
    proofs = Proofs(assessment.reasoner, [risk.number for risk in listed])
    found = {risk.number: risk for risk in listed}
    for number in proofs.findings_under(list(found)):
        below = by_number.get(number)
        if below is not None and below.effect == "undermines" and below.basis in CONSTITUTIVE:
            found[number] = below
    return list(found.values())


def _reads_findings(rule: Rule, ontology: Ontology) -> bool:
    reads = reads_of(rule.algebra, ontology.notations, BASES, EFFECTS)
    return any(key.startswith("finding ") for key in reads.keys | reads.below)


def _bases_under(assessment: Assessment, basis: str) -> frozenset[str]:
    if basis not in BASES:
        raise UnknownNameError(
            f"there is no basis {basis}.",
            mend=f"{nearest(basis, BASES)} Bases: {', '.join(BASES)}.".strip(),
        )
    ontology = assessment.ontology
    under = {
        ontology.notation(n)
        for n, wide in ontology.broader.items()
        if ontology.notation(wide) == basis
    }
    return frozenset({basis} | under)


def _rule(assessment: Assessment, name: str) -> Rule:
    found = rules_named(name, assessment.rules)
    if len(found) > 1:
        ids = [rule.id for rule in found]
        raise UnknownNameError(
            f"{name} is told by {len(ids)} rules.",
            mend=f"Name one of them: {', '.join(ids[:-1])} or {ids[-1]}.",
        )
    return found[0]


def _line(source: str) -> str:
    return source.rpartition("#")[2] if "#" in source else source


class _Teller:
    """Proof trees in words."""

    def __init__(
        self, assessment: Assessment, proofs: Proofs, told: Iterable[Finding] = ()
    ) -> None:
        self.assessment = assessment
        self.columns = assessment.columns
        self.proofs = proofs
        self.findings = {f.number: f for v in assessment.ventures for f in v.findings}
        self.findings |= {f.number: f for f in told}
        rows = proofs.used_triples()
        terms = {term for _, s, p, o, _, _ in rows for term in (s, p, o)}
        self.labels = self.columns.labels(terms)
        self.texts = dict(
            self.columns.rows(
                "SELECT id, n3 FROM terms WHERE id IN (SELECT unnest($ids::BIGINT[]))",
                {"ids": sorted(terms)},
            )
        )
        self._cells = {
            identifier
            for name in ("first", "rest")
            for identifier in self.columns.ids_of([f"<{RDF}{name}>"]).values()
        }
        self.triples = {t: (s, p, o, c, r) for t, s, p, o, c, r in rows}
        judged = self.columns.rows(
            "SELECT n, node, bindings['constraint'] FROM findings WHERE node IS NOT NULL"
        )
        self.nodes = {node: number for number, node, _ in judged}
        self.constraints = {n: from_n3(name) for n, _, name in judged if name}
        self.booleans = {
            term: value == 1
            for term, value in self.columns.rows(f"SELECT id, num FROM terms WHERE cls = {BOOLEAN}")
        }
        self.facts, self.background = self._facts_behind()
        self.certainties = {
            rank: assessment.ontology.notation(iri)
            for iri, rank in assessment.ontology.ranks.items()
            if iri.removeprefix(HF) in ("stated", "perceived", "hedged", "derived", "estimated")
        }
        used = {finding.rule for finding in self.findings.values()}
        self.ruled = {rule.id: rule for rule in assessment.rules if rule.id in used}
        self.absences: dict[tuple[str, str], tuple[str, ...]] = {}
        self._type = self.columns.id_of(f"<{RDF_TYPE}>")

    def finding(self, number: int, shown: set[int | str], way: Sequence[int] | None = None) -> Step:
        """The proof of a finding, by its shortest way unless another is given.

        What is already shown is only named.
        """
        finding = self.findings.get(number)
        key = f"finding {number}"
        sentence = (
            f"{finding.message} [{finding.effect} {finding.basis}]" if finding else "A finding."
        )
        kind = "finding"
        rule = finding.rule if finding else ""
        certainty = finding.certainty if finding else ""
        iri = finding.iri if finding else ""
        if key in shown:
            return Step(kind, sentence, certainty, rule, repeated=True, iri=iri)
        shown.add(key)
        below = self.proofs.premises(finding=number) if way is None else way
        premises = self._premises(below, shown, axioms=number >= CLASH)
        absent = tuple(Step("absent", words) for words in self.absent(rule, number))
        return Step(kind, sentence, certainty, rule, premises=premises + absent, iri=iri)

    def absent(self, rule: str, finding: int) -> tuple[str, ...]:
        """What a rule asked not to be recorded, and for this finding was not."""
        if rule not in self.ruled:
            return ()
        constraint = str(self.constraints.get(finding, ""))
        if (rule, constraint) not in self.absences:
            self.absences[rule, constraint] = absences_asked(
                self.assessment.reasoner, self.ruled[rule], constraint
            )
        return self.absences[rule, constraint]

    def triple(self, number: int, way: Sequence[int]) -> Step:
        """The proof of a triple by one of its ways."""
        s, _, _, c, r = self.triples[number]
        if s in self.nodes and r >= 0:
            return self.finding(self.nodes[s], set())
        if not way:
            (step,) = self._premises([number], set()) or (Step("stated", self.sentence(number)),)
            return step
        rule = self._rule_of(self.proofs.rule_of(number, way))
        return Step(
            "inferred", self.sentence(number), self.certainties.get(c, ""), rule,
            premises=self._premises(way, {number}, axioms=rule.startswith("owl:")),
            triples=(self._texts(number),),
        )  # fmt: skip

    def _rule_of(self, number: int) -> str:
        return "owl:cax-sco" if number == SUBCLASS else self.assessment.reasoner.rules[number].name

    def _texts(self, number: int) -> tuple[str, str, str]:
        s, p, o, _, _ = self.triples[number]
        return self.texts[s], self.texts[p], self.texts[o]

    def _premises(
        self, triples: Sequence[int], shown: set[int | str], *, axioms: bool = False
    ) -> tuple[Step, ...]:
        """Steps for some triples: conclusions first, then facts, each fact once.

        That something is of some kind is told only where nothing else is, or for `axioms`.
        """
        steps: list[Step] = []
        facts: dict[str, Fact] = {}
        said: dict[str, list[int]] = {}  # what of a fact is a premise
        beside: list[Step] = []
        kinds: list[Step] = []  # what kind of thing something is, told only where nothing else is
        done: set[int] = set()
        for triple in triples:
            s, p, _, c, r = self.triples[triple]
            if p in self._cells:
                continue  # the list of an axiom, told with the axiom
            if s in self.nodes and r >= 0:
                number = self.nodes[s]
                if number not in done:
                    done.add(number)
                    steps.append(self.finding(number, shown))
            elif r == SUBCLASS and not axioms:
                below = self._premises(self.proofs.premises(triple=triple), shown)
                facts.update({fact.iri: fact for step in below for fact in step.facts})
                kinds += [step for step in below if not step.facts]
            elif r == STATED:
                cited = self.facts.get(triple, [])
                facts.update({fact.iri: fact for fact in cited})
                for fact in cited:
                    said.setdefault(fact.iri, []).append(triple)
                if not cited:
                    kind = "ontology" if triple in self.background else "stated"
                    step = Step(
                        kind, self.sentence(triple), self.certainties.get(c, ""),
                        triples=(self._texts(triple),),
                    )  # fmt: skip
                    (kinds if p == self._type else beside).append(step)
            elif r == AS_OF:
                beside.append(Step("given", self.sentence(triple), triples=(self._texts(triple),)))
            else:
                steps.append(self._inferred(triple, shown))
        told: list[Step] = []
        for fact in sorted(facts.values(), key=lambda fact: fact.identifier):
            told.append(
                Step(
                    "stated",
                    fact.description,
                    fact.certainty,
                    facts=(fact,),
                    repeated=fact.iri in shown,
                    triples=tuple(self._texts(one) for one in said.get(fact.iri, ())),
                )
            )
            shown.add(fact.iri)
        some = (*steps, *told, *beside)
        return (*some, *kinds) if axioms or not some else some

    def _inferred(self, triple: int, shown: set[int | str]) -> Step:
        _, _, _, c, r = self.triples[triple]
        rule = self._rule_of(r)
        sentence = self.sentence(triple)
        certainty = self.certainties.get(c, "")
        texts = (self._texts(triple),)
        if triple in shown:
            return Step("inferred", sentence, certainty, rule, repeated=True, triples=texts)
        shown.add(triple)
        below = self.proofs.premises(triple=triple)
        premises = self._premises(below, shown, axioms=rule.startswith("owl:"))
        return Step("inferred", sentence, certainty, rule, premises=premises, triples=texts)

    def sentence(self, triple: int) -> str:
        """A triple as a short sentence."""
        s, p, o, _, _ = self.triples[triple]
        subject, value = self.labels.get(s, "something"), self.labels.get(o, "something")
        if p == self._type:
            return f"{subject} is of the kind {value}."
        axiom = AXIOMS.get(self.texts.get(p, "")[1:-1])
        phrase = axiom or verb_phrase(self.labels.get(p, "has"))
        if o in self.booleans:
            return (
                f"{subject} {phrase}."
                if self.booleans[o]
                else f"It is not so that {subject} {phrase}."
            )
        return f"{subject} {phrase} {value}."

    def _facts_behind(self) -> tuple[dict[int, list[Fact]], set[int]]:
        columns = self.columns
        rows = columns.rows(
            f"""
            SELECT known.t, q.g, q.background, fact.s IS NOT NULL
            FROM known JOIN quads q ON q.s = known.s AND q.p = known.p AND q.o = known.o
            LEFT JOIN (SELECT s FROM {columns.table(RDF_TYPE)} WHERE o = $fact) AS fact
              ON fact.s = q.g
            WHERE known.t IN (SELECT unnest($triples::BIGINT[])) AND known.r = {STATED}
              AND (q.g IS NULL OR q.g NOT IN (SELECT node FROM unborn))
            """,
            {"fact": columns.id_of(f"<{HF}Fact>"), "triples": list(self.triples)},
        )
        graphs = {g for _, g, _, is_fact in rows if is_fact}
        told = self._fact_records(graphs)
        facts: dict[int, list[Fact]] = {}
        for triple, graph, _, is_fact in rows:
            if is_fact:
                facts.setdefault(triple, []).append(told[graph])
        background = {t for t, _, behind, _ in rows if behind}
        return facts, background - {t for t, _, behind, _ in rows if not behind}

    def _fact_records(self, graphs: set[int]) -> dict[int, Fact]:
        columns = self.columns
        wanted = (
            DCTERMS + "identifier", DCTERMS + "description", DCTERMS + "source", HF + "inRegister",
            HF + "phase", HF + "certainty", HF + "holder",
        )  # fmt: skip
        said: dict[int, dict[str, list[int]]] = {graph: {} for graph in graphs}
        for predicate in wanted:
            rows = columns.rows(
                f"SELECT s, o FROM {columns.table(predicate)}"
                " WHERE s IN (SELECT unnest($g::BIGINT[])) ORDER BY o",
                {"g": sorted(graphs)},
            )
            for graph, value in rows:
                said[graph].setdefault(predicate, []).append(value)
        values = {value for facts in said.values() for listed in facts.values() for value in listed}
        names = columns.labels([*values, *graphs])
        texts = dict(columns.rows("SELECT id, coalesce(lex, n3) FROM terms"
            " WHERE id IN (SELECT unnest($v::BIGINT[]))",
                                  {"v": [*values, *graphs]}))  # fmt: skip
        notations = dict(columns.rows(
            f"SELECT s, min(lex) FROM {columns.table(SKOS + 'notation')}"
            " JOIN terms ON terms.id = o GROUP BY s"
        ))  # fmt: skip
        titles = dict(columns.rows(
            f"SELECT s, min(lex) FROM {columns.table(DCTERMS + 'title')}"
            " JOIN terms ON terms.id = o GROUP BY s"
        ))  # fmt: skip

        def record(graph: int) -> Fact:
            facts = said[graph]

            def first(predicate: str, names_by: dict[int, str]) -> str:
                found = facts.get(predicate, [])
                return names_by.get(found[0], names.get(found[0], "")) if found else ""

            iri = texts[graph]
            return Fact(
                iri=iri,
                identifier=first(DCTERMS + "identifier", texts)
                or iri.rstrip("/").rsplit("/", 1)[-1],
                description=first(DCTERMS + "description", texts),
                lines=tuple(
                    sorted(_line(texts[source]) for source in facts.get(DCTERMS + "source", []))
                ),
                register=first(HF + "inRegister", titles),
                phase=first(HF + "phase", notations),
                certainty=first(HF + "certainty", notations),
                holder=first(HF + "holder", {}),
            )

        return {graph: record(graph) for graph in graphs}


__all__ = [
    "Advice", "Explanation", "Fact", "Proved", "Step", "Tried", "Unconcluded", "WhyNot",
    "advice_for", "advice_on", "explain", "explained", "prove", "why_not",
]  # fmt: skip
