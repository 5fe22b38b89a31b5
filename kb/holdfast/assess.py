"""Sources in, findings and standings out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import md5
from pathlib import Path
from sys import intern
from time import perf_counter
from typing import Any

import duckdb

from holdfast.columns import AsOf, Columns, Limits, check_terms, doubts_in, project
from holdfast.columns.scrutiny import NAMED
from holdfast.errors import HoldfastError, UnknownNameError, printable
from holdfast.limits import Progress
from holdfast.memory import usual_memory
from holdfast.ontology import Ontology, read_ontology
from holdfast.reason import Inconsistency, Reasoner, reason, sentences_for, standings_of
from holdfast.reason.edits import Edits
from holdfast.reason.proof import CLASH, Proofs
from holdfast.rules import Rule, read_rules
from holdfast.vocabulary import BASES, HF, IDS, RDF_TYPE, SEVERITIES, nearest

EFFECT_ORDER = {"undermines": 0, "watch": 1, "hopes": 2, "supports": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule concludes about one venture on one basis.

    `number` is its place among all findings of the assessment; `evidence` are the IRIs of the
    facts it rests on; `value` is what is at fault, as people call it. A contradiction is a finding
    to watch, a violation on no basis (''): `rule` is then that of OWL 2 RL, e.g. owl:cax-dw.
    """

    number: int
    rule: str
    basis: str
    effect: str
    severity: str
    certainty: str
    message: str
    evidence: tuple[str, ...]
    iri: str
    value: str


@dataclass(frozen=True)
class VentureAssessment:
    """One venture's stage (a notation, or 'unknown'), standings by basis and findings.

    Findings are worst first. `ended` says that the venture was past at that time.
    """

    iri: str
    label: str
    stage: str
    standing: dict[str, str]
    findings: tuple[Finding, ...]
    outlook: str = ""
    ended: bool = False


@dataclass(frozen=True)
class Contradiction:
    """What cannot be true together by an axiom.

    `rule` is that of OWL 2 RL, e.g. owl:cax-dw; `nodes` are IRIs; `premises` are the statements
    that clash, axioms among them; `certainty` is that of the least certain of them. `ventures` are
    the IRIs of those concerned; each has it among its findings.
    """

    rule: str
    nodes: tuple[str, ...]
    message: str
    premises: tuple[str, ...]
    certainty: str
    ventures: tuple[str, ...]


@dataclass
class Assessment:
    """An assessment with all that is needed to explain it.

    `triples` counts the distinct quads of the sources; `seconds` has `load` (parsing, encoding and
    projection in time) and `reason` (running the rules, wording and evidence). `asked` is the as-of
    date or phase as it was asked for, and what counted as today.
    """

    as_of: str
    triples: int
    seconds: dict[str, float]
    ventures: list[VentureAssessment]
    left_out: dict[str, str]
    rules: tuple[Rule, ...]
    ontology: Ontology
    columns: Columns
    reasoner: Reasoner
    projection: AsOf
    inconsistencies: tuple[Contradiction, ...] = ()
    asked: tuple[str | None, date] = (None, date.max)
    editable: bool = False
    _edits: Edits | None = None

    def edits(self) -> Edits:
        """The means to change quads and have findings follow.

        Only of an assessment made with `editable`; axioms that nothing bore on have a part in it.
        """
        if not self.editable:
            raise ValueError("the assessment was not made to be edited")
        if self._edits is None:
            self._edits = Edits(self.reasoner, self._anew)
        return self._edits

    def _anew(self) -> Reasoner:
        """The quads as they are now projected and reasoned over from the beginning."""
        self.columns.clear()
        as_of, today = self.asked
        projection = project(self.columns, as_of, today)
        return reason(
            self.columns, self.rules, self.ontology, projection.hidden,
            memory=self.reasoner.memory, every=True,
        )[0]  # fmt: skip

    def doubts(self) -> list[str]:
        """What a reader should know before trusting this assessment, in sentences.

        Files that were left out, values that cannot be read, phases out of order, no venture at
        all, contradictions that concern no venture.
        """
        lost = [clash.message for clash in self.inconsistencies if not clash.ventures]
        shown = lost[:NAMED]
        if len(lost) > NAMED:
            shown.append(f"… and {len(lost) - NAMED} more contradictions.")
        return [*doubts_in(self.columns, self.ontology), *shown]

    def venture(self, iri: str) -> VentureAssessment:
        """The venture of that IRI, or whose IRI ends in that name. Raises UnknownNameError."""
        for venture in self.ventures:
            if venture.iri == iri or venture.iri.rstrip("/").rsplit("/", 1)[-1] == iri:
                return venture
        names = [venture.iri for venture in self.ventures]
        endings = {name.rstrip("/").rsplit("/", 1)[-1]: name for name in names}
        raise UnknownNameError(
            f"there is no venture <{iri}> to be assessed here.",
            mend=" ".join(
                part
                for part in (
                    nearest(iri, names) or nearest(iri, endings),
                    f"Ventures: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}."
                    if names
                    else "",
                    " ".join(f"{label}: {why}." for label, why in list(self.left_out.items())[:3]),
                )
                if part
            ),
        )


def assess(
    sources: Sequence[str],
    *,
    as_of: str | None = None,
    rules: Path | None = None,
    today: date | None = None,
    evidence: bool = True,
    keep_going: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
    editable: bool = False,
) -> Assessment:
    """Assess every venture of the sources as of a date, a phase or now.

    `rules` is a folder of rules to use instead of the shipped ones. Without `evidence` findings
    say nothing of the facts they rest on, which is faster over many ventures. With `keep_going`
    files that cannot be read are left out; `doubts` then names them. `limits` are what may be used
    of the machine; beyond its memory, temporary files are used. With `editable` the assessment is
    ready for `Assessment.edits`. Raises HoldfastError for input that cannot be used; then nothing
    has been assessed.
    """
    try:
        return _assessed(
            sources, as_of, rules, today or date.today(), evidence, keep_going, limits, progress,
            editable,
        )  # fmt: skip
    except (duckdb.Error, HoldfastError) as error:
        cause = error if isinstance(error, duckdb.Error) else error.__cause__
        if isinstance(cause, duckdb.OutOfMemoryException):
            raise HoldfastError(
                f"the memory allowed does not suffice: {str(cause).splitlines()[0].rstrip('.')}.",
                where=", ".join(sources),
                mend="Allow more with --memory-limit, or free disk space for temporary files.",
            ) from error
        if isinstance(error, HoldfastError):
            raise
        raise HoldfastError(
            f"the columns could not hold these sources: {str(error).splitlines()[0]}.",
            where=", ".join(sources),
            mend="This is a fault in Holdfast; please report it with the source.",
        ) from error


def _assessed(
    sources: Sequence[str],
    as_of: str | None,
    rules: Path | None,
    today: date,
    evidence: bool,
    keep_going: bool,
    limits: Limits | None,
    progress: Progress | None,
    editable: bool,
) -> Assessment:
    ontology = read_ontology()
    with usual_memory() as memory:
        chosen = read_rules(ontology, rules, memory)
        begin = perf_counter()
        columns = Columns(limits)
        triples = columns.load(sources, background=ontology.files, keep_going=keep_going)
        check_terms(columns, columns.files, ontology)
        projection = project(columns, as_of, today)
        loaded = perf_counter()
        reasoner, inconsistencies = reason(
            columns, chosen, ontology, projection.hidden, memory=memory, every=editable,
            progress=progress,
        )  # fmt: skip
    ventures = judged_ventures(reasoner, ontology, evidence=evidence, clashes=inconsistencies)
    reasoned = perf_counter()
    return Assessment(
        as_of=projection.text,
        triples=triples,
        seconds={"load": round(loaded - begin, 3), "reason": round(reasoned - loaded, 3)},
        ventures=ventures,
        left_out=projection.left_out,
        rules=chosen,
        ontology=ontology,
        columns=columns,
        reasoner=reasoner,
        projection=projection,
        inconsistencies=tuple(contradiction_of(columns, ontology, one) for one in inconsistencies),
        asked=(as_of, today),
        editable=editable,
    )


def contradiction_of(columns: Columns, ontology: Ontology, found: Inconsistency) -> Contradiction:
    """What was found to clash, in words."""
    names = columns.labels(found.nodes)
    premises = sentences_for(columns, found)
    texts = dict(
        columns.rows(
            "SELECT id, coalesce(lex, n3) FROM terms WHERE id IN (SELECT unnest($n::BIGINT[]))",
            {"n": [*found.nodes, *found.ventures]},
        )
    )
    about = " and ".join(names[node] for node in found.nodes)
    return Contradiction(
        rule=found.rule,
        nodes=tuple(texts[node] for node in found.nodes),
        message=printable(
            f"What is recorded of {about} cannot all be true: {'; '.join(premises)}."
        ),
        premises=tuple(premises),
        certainty=_certainties(ontology).get(found.certainty, "stated"),
        ventures=tuple(texts[venture] for venture in found.ventures),
    )


def _certainties(ontology: Ontology) -> dict[int, str]:
    return {
        rank: ontology.notation(HF + name)
        for name in ("stated", "perceived", "hedged", "derived", "estimated")
        if (rank := ontology.ranks.get(HF + name)) is not None
    }


def judged_ventures(
    reasoner: Reasoner,
    ontology: Ontology,
    *,
    evidence: bool,
    among: Iterable[int] | None = None,
    clashes: Sequence[Inconsistency] = (),
) -> list[VentureAssessment]:
    """The ventures, or those `among` them, with their standings and findings, by IRI.

    `clashes` are the contradictions; each is a finding of the ventures that it concerns.
    """
    listed = "" if among is None else f" IN ({', '.join(map(str, among)) or 'NULL'})"
    which, whose = (f"s{listed}", f"venture{listed}") if listed else ("true", "true")
    columns = reasoner.columns
    typed = columns.table(RDF_TYPE)
    rows = columns.rows(
        f"""
        SELECT s, terms.lex, terms.n3 FROM {typed} JOIN terms ON terms.id = s
        WHERE o = $venture AND {which} AND s NOT IN (SELECT node FROM unassessed)
          AND s NOT IN (SELECT s FROM {typed} WHERE o = $merged) ORDER BY terms.n3
        """,
        {"venture": columns.id_of(f"<{HF}Venture>"), "merged": columns.id_of(f"<{HF}NotAssessed>")},
    )
    ids = [identifier for identifier, _, _ in rows]
    labels = columns.labels(ids)
    stages = _concepts(columns, ontology, HF + "stage", which)
    outlooks = _concepts(columns, ontology, HF + "outlook", which)
    past = columns.id_of(f"<{HF}Past>")
    ended = {s for (s,) in columns.rows(f"SELECT s FROM {typed} WHERE o = {past} AND {which}")}
    standings = standings_of(columns, ontology, ids, whose)
    findings = _findings(reasoner, ontology, whose, evidence=evidence, clashes=clashes)
    return [
        VentureAssessment(
            iri=lex or n3,
            label=labels[identifier],
            stage=stages.get(identifier, "unknown"),
            standing=standings[identifier],
            findings=tuple(findings.get(identifier, ())),
            outlook=outlooks.get(identifier, ""),
            ended=identifier in ended,
        )
        for identifier, lex, n3 in rows
    ]


def _concepts(columns: Columns, ontology: Ontology, predicate: str, which: str) -> dict[int, str]:
    rows = columns.rows(
        f"SELECT s, min(lex) FROM {columns.table(predicate)} JOIN terms ON terms.id = o"
        f" WHERE {which} GROUP BY s"
    )
    return {identifier: ontology.notation(concept) for identifier, concept in rows}


_WORDED = 50_000
"""How many findings are worded at once."""

_AT_A_TIME = 5_000
"""How many rows of them are looked at together: what many rows come to should not stand twice."""


def _findings(
    reasoner: Reasoner,
    ontology: Ontology,
    which: str,
    *,
    evidence: bool,
    clashes: Sequence[Inconsistency],
) -> dict[int, list[Finding]]:
    columns = reasoner.columns
    premises = {CLASH + place: clash.premises for place, clash in enumerate(clashes)}
    facts: dict[int, list[str]] = {}
    if evidence:
        numbers = columns.rows(f"SELECT n FROM findings WHERE {which}")
        facts = Proofs(reasoner, [n for (n,) in numbers], clashes=premises).evidence()
    rules = [compiled.rule for compiled in reasoner.rules]
    # the words of a message at odd places of its text name what stands there
    texts = [_PLACE.split(rule.message) for rule in rules]
    most = max((len(text) // 2 for text in texts), default=0)
    words = [f"w{place}" for place in range(1, most + 1)]
    spoken = "".join(
        f", CASE words[{place}] WHEN 'this' THEN v.n3 ELSE bindings[words[{place}]] END AS {word}"
        for place, word in enumerate(words, start=1)
    )
    columns.con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE told AS
        WITH asked AS (SELECT generate_subscripts($words::VARCHAR[][], 1) - 1 AS rule,
          unnest($words::VARCHAR[][]) AS words)
        SELECT f.n, f.venture, f.rule, f.basis, f.effect, f.c, f.node, f.value{spoken}
        FROM findings f JOIN asked USING (rule) JOIN terms v ON v.id = f.venture
        WHERE {which}
        """,
        {"words": [text[1::2] for text in texts]},
    )
    said = f"SELECT DISTINCT unnest([{', '.join(['value', *words])}]) FROM"
    columns.add_terms(f"{said} told")
    # the names of all at once may be more than the memory allowed
    parts = 1 + int(columns.value("SELECT count(*) FROM told")) // _WORDED
    some = f"(SELECT * FROM told WHERE venture % {parts} = $part)"
    names = columns.named(f"SELECT id FROM terms WHERE n3 IN ({said} {some})")
    message = " || ".join(
        [
            "texts[1]",
            *(
                f"CASE WHEN len(texts) > {place} THEN coalesce({word}.name, 'something')"
                f" || texts[{place + 1}] ELSE '' END"
                for place, word in enumerate(words, start=1)
            ),
        ]
    )
    asked = f"""
        WITH names AS MATERIALIZED ({names}),
        ruled AS (SELECT unnest($numbers::INTEGER[]) AS rule, unnest($ids::VARCHAR[]) AS id,
          unnest($severities::VARCHAR[]) AS severity, unnest($texts::VARCHAR[][]) AS texts)
        SELECT venture, n, rule, basis, c, upper(message[1]) || message[2:] AS message, iri, value
        FROM (
          SELECT told.venture, told.n, rule, ruled.id, basis, effect, severity, told.c,
            {message} AS message, node.lex AS iri, called.name AS value
          FROM {some} AS told JOIN ruled USING (rule) JOIN terms node ON node.id = told.node
            JOIN names called ON called.n3 = told.value
            {" ".join(f"LEFT JOIN names {word} ON {word}.n3 = told.{word}" for word in words)})
        ORDER BY venture, list_position($worst, severity), list_position($effects, effect),
          list_position($bases, basis), id, message, iri;
        """
    given = {
        "numbers": list(range(len(rules))),
        "ids": [rule.id for rule in rules],
        "severities": [rule.severity for rule in rules],
        "texts": [text[::2] for text in texts],
        "worst": list(reversed(SEVERITIES)),
        "effects": sorted(EFFECT_ORDER, key=EFFECT_ORDER.__getitem__),
        "bases": list(BASES),
    }
    certainties = _certainties(ontology)
    found: dict[int, list[Finding]] = {}
    for part in range(parts):
        columns.con.execute(asked, {**given, "part": part})
        while rows := columns.con.fetchmany(_AT_A_TIME):
            for venture, number, place, basis, c, said, iri, value in rows:
                rule = rules[place]
                found.setdefault(venture, []).append(
                    Finding(
                        number, rule.id, intern(basis), rule.effect, rule.severity,
                        certainties.get(c, "stated"), said, tuple(facts.get(number, ())), iri,
                        value,
                    )
                )  # fmt: skip
    columns.con.execute("DROP TABLE told")
    for number, clash in zip(premises, clashes, strict=True):
        told = contradiction_of(columns, ontology, clash)
        for venture, iri in zip(clash.ventures, told.ventures, strict=True):
            mark = "|".join((told.rule, *told.nodes, iri))
            name = md5(mark.encode(), usedforsecurity=False).hexdigest()
            listed = found.setdefault(venture, [])
            listed.append(
                Finding(
                    number=number,
                    rule=told.rule,
                    basis="",
                    effect="watch",
                    severity="violation",
                    certainty=told.certainty,
                    message=told.message,
                    evidence=tuple(facts.get(number, ())),
                    iri=f"{IDS}finding/{name}",
                    value=columns.labels(clash.nodes)[clash.nodes[0]],
                )
            )
            listed.sort(key=worst_first)
    return found


_SEVERITY_ORDER = {severity: -place for place, severity in enumerate(SEVERITIES)}
_BASIS_ORDER = {basis: place for place, basis in enumerate(BASES)}


def worst_first(finding: Finding) -> tuple[Any, ...]:
    """Where a finding stands among those of its venture."""
    return (
        _SEVERITY_ORDER[finding.severity],
        EFFECT_ORDER[finding.effect],
        _BASIS_ORDER.get(finding.basis, -1),
        finding.rule,
        finding.message,
        finding.iri,
    )


def worded(message: str, words: Mapping[str, str]) -> str:
    """A rule's message with the names of things put in for {$this} and {?variable}."""
    parts = _PLACE.split(message)
    parts[1::2] = [words.get(word, "something") for word in parts[1::2]]
    whole = "".join(parts)
    return whole[:1].upper() + whole[1:]


_PLACE = re.compile(r"\{[$?](\w+)\}")
