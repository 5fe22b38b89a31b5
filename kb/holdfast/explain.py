"""Why a finding holds, why a rule stays silent, and what would help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.assess import Assessment, Finding, VentureAssessment
from holdfast.columns.store import AS_OF, BOOLEAN, STATED, SUBCLASS
from holdfast.compile import reads_of
from holdfast.errors import UnknownNameError
from holdfast.reason.proof import Proofs
from holdfast.reason.whynot import Tried, absences_asked, tried_for, verb_phrase
from holdfast.rules import EFFECTS, Rule
from holdfast.vocabulary import BASES, CONSTITUTIVE, DCTERMS, HF, RDF_TYPE, SKOS, nearest


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
    recorded). `repeated` marks a step shown in full further up.
    """

    kind: str
    sentence: str
    certainty: str = ""
    rule: str = ""
    facts: tuple[Fact, ...] = ()
    premises: tuple[Step, ...] = ()
    repeated: bool = False


@dataclass(frozen=True)
class Explanation:
    """A finding with its proof and what the paper and the rule say of it."""

    finding: Finding
    rule_label: str
    description: str
    sources: tuple[str, ...]
    proof: Step


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
    the one that fails; `nearest` says how near it came.
    """

    rule: str
    fires: bool
    tried: tuple[Tried, ...]
    nearest: str


def explain(
    assessment: Assessment, venture: str, *, basis: str | None = None, rule: str | None = None
) -> list[Explanation]:
    """The findings about a venture, each with its proof, worst first.

    Only those on `basis` (a broader basis includes the narrower) or of `rule` where given. Raises
    UnknownNameError for a venture, basis or rule that is not there.
    """
    found = assessment.venture(venture)
    bases = _bases_under(assessment, basis) if basis else frozenset(BASES)
    if rule:
        rule = _rule(assessment, rule).id
    chosen = [f for f in found.findings if f.basis in bases and rule in (None, f.rule)]
    proofs = Proofs(assessment.reasoner, [finding.number for finding in chosen])
    teller = _Teller(assessment, proofs)
    rules = {known.id: known for known in assessment.rules}
    return [
        Explanation(
            finding=finding,
            rule_label=rules[finding.rule].label,
            description=rules[finding.rule].description,
            sources=tuple(_line(source) for source in rules[finding.rule].sources),
            proof=teller.finding(finding.number, set()),
        )
        for finding in chosen
    ]


def why_not(assessment: Assessment, venture: str, rule: str) -> WhyNot:
    """Which pattern of a rule fails for a venture. Raises UnknownNameError."""
    found = assessment.venture(venture)
    chosen = _rule(assessment, rule)
    if any(finding.rule == chosen.id for finding in found.findings):
        return WhyNot(chosen.id, True, (), "")
    columns = assessment.columns
    node = columns.ids_of([f"<{found.iri}>"]).get(f"<{found.iri}>", -1)
    tried, nearest_miss = tried_for(assessment.reasoner, chosen, node)
    return WhyNot(chosen.id, False, tried, nearest_miss)


def advice_for(
    assessment: Assessment, venture: VentureAssessment, *, basis: str | None = None
) -> list[Advice]:
    """The remedies of the rules behind a venture's risks, those that answer most first.

    For a risk on a consequential basis the advice is that of the constitutive risks under it, never
    on the consequential basis itself (L281-287).
    """
    rules = {rule.id: rule for rule in assessment.rules}
    risks = [finding for finding in venture.findings if finding.effect == "undermines"]
    if basis is not None:
        bases = _bases_under(assessment, basis)
        risks = _grounds(assessment, [risk for risk in risks if risk.basis in bases])
    direct = [risk for risk in risks if not _reads_findings(assessment, rules[risk.rule])]
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


def _reads_findings(assessment: Assessment, rule: Rule) -> bool:
    reads = reads_of(rule.algebra, assessment.ontology.notations, BASES, EFFECTS)
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
    for rule in assessment.rules:
        if name == rule.id or name == rule.iri:
            return rule
    by_number = [rule.id for rule in assessment.rules if name in rule.notations]
    known = [rule.id for rule in assessment.rules]
    if len(by_number) == 1:
        return _rule(assessment, by_number[0])
    hint = f"{name} is told by {' and '.join(by_number)}." if by_number else nearest(name, known)
    raise UnknownNameError(
        f"there is no rule {name}.", mend=f"{hint} `holdfast rules list` shows all.".strip()
    )


def _line(source: str) -> str:
    return source.rpartition("#")[2] if "#" in source else source


class _Teller:
    """Proof trees in words."""

    def __init__(self, assessment: Assessment, proofs: Proofs) -> None:
        self.assessment = assessment
        self.columns = assessment.columns
        self.proofs = proofs
        self.findings = {f.number: f for v in assessment.ventures for f in v.findings}
        rows = proofs.used_triples()
        terms = {term for _, s, p, o, _, _ in rows for term in (s, p, o)}
        self.labels = self.columns.labels(terms)
        self.triples = {t: (s, p, o, c, r) for t, s, p, o, c, r in rows}
        self.nodes = {
            node: number
            for number, node in self.columns.rows(
                "SELECT n, node FROM findings WHERE node IS NOT NULL"
            )
        }
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
        self.absences = {
            rule.id: absences_asked(assessment.reasoner, rule)
            for rule in assessment.rules
            if rule.id in used
        }
        self._type = self.columns.id_of(f"<{RDF_TYPE}>")

    def finding(self, number: int, shown: set[int | str]) -> Step:
        """The proof of a finding; what is already shown is only named."""
        finding = self.findings.get(number)
        key = f"finding {number}"
        sentence = (
            f"{finding.message} [{finding.effect} {finding.basis}]" if finding else "A finding."
        )
        kind = "finding"
        rule = finding.rule if finding else ""
        certainty = finding.certainty if finding else ""
        if key in shown:
            return Step(kind, sentence, certainty, rule, repeated=True)
        shown.add(key)
        premises = self._premises(self.proofs.premises(finding=number), shown)
        absent = tuple(Step("absent", words) for words in self.absences.get(rule, ()))
        return Step(kind, sentence, certainty, rule, premises=premises + absent)

    def _premises(self, triples: list[int], shown: set[int | str]) -> tuple[Step, ...]:
        """Steps for some triples: conclusions first, then facts, each fact once."""
        steps: list[Step] = []
        facts: dict[str, Fact] = {}
        beside: list[Step] = []
        kinds: list[Step] = []  # what kind of thing something is, told only where nothing else is
        done: set[int] = set()
        for triple in triples:
            s, p, _, c, r = self.triples[triple]
            if s in self.nodes and r >= 0:
                number = self.nodes[s]
                if number not in done:
                    done.add(number)
                    steps.append(self.finding(number, shown))
            elif r == SUBCLASS:
                below = self._premises(self.proofs.premises(triple=triple), shown)
                facts.update({fact.iri: fact for step in below for fact in step.facts})
                kinds += [step for step in below if not step.facts]
            elif r == STATED:
                cited = self.facts.get(triple, [])
                facts.update({fact.iri: fact for fact in cited})
                if not cited:
                    kind = "ontology" if triple in self.background else "stated"
                    step = Step(kind, self.sentence(triple), self.certainties.get(c, ""))
                    (kinds if p == self._type else beside).append(step)
            elif r == AS_OF:
                beside.append(Step("given", self.sentence(triple)))
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
                )
            )
            shown.add(fact.iri)
        return (*steps, *told, *beside) or tuple(kinds)

    def _inferred(self, triple: int, shown: set[int | str]) -> Step:
        _, _, _, c, r = self.triples[triple]
        rule = self.assessment.reasoner.rules[r].name
        sentence = self.sentence(triple)
        certainty = self.certainties.get(c, "")
        if triple in shown:
            return Step("inferred", sentence, certainty, rule, repeated=True)
        shown.add(triple)
        premises = self._premises(self.proofs.premises(triple=triple), shown)
        return Step("inferred", sentence, certainty, rule, premises=premises)

    def sentence(self, triple: int) -> str:
        """A triple as a short sentence."""
        s, p, o, _, _ = self.triples[triple]
        subject, value = self.labels.get(s, "something"), self.labels.get(o, "something")
        if p == self._type:
            return f"{subject} is of the kind {value}."
        phrase = verb_phrase(self.labels.get(p, "has"))
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
    "Advice", "Explanation", "Fact", "Step", "Tried", "WhyNot", "advice_for", "explain", "why_not",
]  # fmt: skip
