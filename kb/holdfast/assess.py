"""Sources in, findings and standings out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb

from holdfast.columns import AsOf, Columns, Limits, check_terms, doubts_in, project
from holdfast.columns.scrutiny import NAMED
from holdfast.errors import HoldfastError, UnknownNameError, printable
from holdfast.memory import usual_memory
from holdfast.ontology import Ontology, read_ontology
from holdfast.reason import Inconsistency, Reasoner, reason, sentences_for, standings_of
from holdfast.reason.edits import Edits
from holdfast.reason.proof import Proofs
from holdfast.rules import Rule, read_rules
from holdfast.vocabulary import BASES, HF, RDF_TYPE, nearest

SEVERITIES = ("info", "warning", "violation")
EFFECT_ORDER = {"undermines": 0, "watch": 1, "hopes": 2, "supports": 3}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """What one rule concludes about one venture on one basis.

    `number` is its place among all findings of the assessment; `evidence` are the IRIs of the
    facts it rests on; `value` is what is at fault, as people call it.
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

    Findings are worst first.
    """

    iri: str
    label: str
    stage: str
    standing: dict[str, str]
    findings: tuple[Finding, ...]
    outlook: str = ""


@dataclass(frozen=True)
class Contradiction:
    """What cannot be true together by an axiom.

    `rule` is that of OWL 2 RL, e.g. owl:cax-dw; `nodes` are IRIs; `premises` are the statements
    that clash, axioms among them; `certainty` is that of the least certain of them.
    """

    rule: str
    nodes: tuple[str, ...]
    message: str
    premises: tuple[str, ...]
    certainty: str


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
        all.
        """
        shown = [clash.message for clash in self.inconsistencies[:NAMED]]
        if len(self.inconsistencies) > NAMED:
            shown.append(f"… and {len(self.inconsistencies) - NAMED} more contradictions.")
        return [*doubts_in(self.columns), *shown]

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
    memory = usual_memory()
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
    ventures = judged_ventures(reasoner, ontology, evidence=evidence)
    reasoned = perf_counter()
    memory.save()
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
        inconsistencies=tuple(_contradiction(columns, ontology, one) for one in inconsistencies),
        asked=(as_of, today),
        editable=editable,
    )


def _contradiction(columns: Columns, ontology: Ontology, found: Inconsistency) -> Contradiction:
    names = columns.labels(found.nodes)
    premises = sentences_for(columns, found)
    texts = dict(
        columns.rows(
            "SELECT id, coalesce(lex, n3) FROM terms WHERE id IN (SELECT unnest($n::BIGINT[]))",
            {"n": list(found.nodes)},
        )
    )
    about = " and ".join(names[node] for node in found.nodes)
    return Contradiction(
        rule=found.rule,
        nodes=tuple(texts[node] for node in found.nodes),
        message=printable(
            f"{about}: what is recorded cannot all be true ({found.rule}): {'; '.join(premises)}."
        ),
        premises=tuple(premises),
        certainty=_certainties(ontology).get(found.certainty, "stated"),
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
) -> list[VentureAssessment]:
    """The ventures, or those `among` them, with their standings and findings, by IRI."""
    which = "true" if among is None else f"s IN ({', '.join(map(str, among)) or 'NULL'})"
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
    stages = _concepts(columns, ontology, HF + "stage")
    outlooks = _concepts(columns, ontology, HF + "outlook")
    standings = standings_of(columns, ontology, ids)
    chosen = None if among is None else ids
    findings = _findings(reasoner, ontology, evidence=evidence, among=chosen)
    return [
        VentureAssessment(
            iri=lex or n3,
            label=labels[identifier],
            stage=stages.get(identifier, "unknown"),
            standing=standings[identifier],
            findings=tuple(findings.get(identifier, ())),
            outlook=outlooks.get(identifier, ""),
        )
        for identifier, lex, n3 in rows
    ]


def _concepts(columns: Columns, ontology: Ontology, predicate: str) -> dict[int, str]:
    rows = columns.rows(
        f"SELECT s, min(lex) FROM {columns.table(predicate)} JOIN terms ON terms.id = o GROUP BY s"
    )
    return {identifier: ontology.notation(concept) for identifier, concept in rows}


def _findings(
    reasoner: Reasoner, ontology: Ontology, *, evidence: bool, among: list[int] | None
) -> dict[int, list[Finding]]:
    columns = reasoner.columns
    facts = Proofs(reasoner).evidence() if evidence else {}
    texts = {
        number: _PLACE.split(compiled.rule.message)
        for number, compiled in enumerate(reasoner.rules)
    }
    # the words of a message at odd places of its text name what stands there
    asked = {number: list(dict.fromkeys(text[1::2])) for number, text in texts.items()}
    most = max((len(words) for words in asked.values()), default=0)
    rows = columns.rows(
        f"""
        WITH asked AS (SELECT unnest($rules::INTEGER[]) AS rule,
          unnest($asked::VARCHAR[][]) AS words)
        SELECT f.n, f.venture, f.rule, f.basis, f.effect, f.c, node.lex, f.value, v.n3
          {"".join(f", f.bindings[words[{place}]]" for place in range(1, most + 1))}
        FROM findings f JOIN asked USING (rule) JOIN terms v ON v.id = f.venture
          JOIN terms node ON node.id = f.node
        {"" if among is None else f"WHERE f.venture IN ({', '.join(map(str, among)) or 'NULL'})"}
        """,
        {"rules": list(asked), "asked": list(asked.values())},
    )
    names = _names_of(columns, {text for row in rows for text in row[7:] if text is not None})
    certainties = _certainties(ontology)
    found: dict[int, list[Finding]] = {}
    for number, venture, rule_number, basis, effect, c, iri, value, this, *bound in rows:
        rule = reasoner.rules[rule_number].rule
        words = {
            "this": names[this],
            **{
                word: names[text]
                for word, text in zip(asked[rule_number], bound, strict=False)
                if text is not None
            },
        }
        found.setdefault(venture, []).append(
            Finding(
                number=number,
                rule=rule.id,
                basis=basis,
                effect=effect,
                severity=rule.severity,
                certainty=certainties.get(c, "stated"),
                message=_put_together(texts[rule_number], words),
                evidence=tuple(facts.get(number, ())),
                iri=iri,
                value=names[value],
            )
        )
    for listed in found.values():
        listed.sort(key=_worst_first)
    return found


_SEVERITY_ORDER = {severity: -place for place, severity in enumerate(SEVERITIES)}
_BASIS_ORDER = {basis: place for place, basis in enumerate(BASES)}


def _worst_first(finding: Finding) -> tuple[Any, ...]:
    return (
        _SEVERITY_ORDER[finding.severity],
        EFFECT_ORDER[finding.effect],
        _BASIS_ORDER[finding.basis],
        finding.rule,
        finding.message,
        finding.iri,
    )


def _names_of(columns: Columns, texts: Iterable[str]) -> dict[str, str]:
    wanted = list(dict.fromkeys(texts))
    columns.add_terms("SELECT unnest($wanted)", {"wanted": wanted})
    ids = columns.ids_of(wanted)
    labels = columns.labels(ids.values())
    return {text: labels[identifier] for text, identifier in ids.items()}


def worded(message: str, words: Mapping[str, str]) -> str:
    """A rule's message with the names of things put in for {$this} and {?variable}."""
    return _put_together(_PLACE.split(message), words)


_PLACE = re.compile(r"\{[$?](\w+)\}")


def _put_together(text: list[str], words: Mapping[str, str]) -> str:
    """A rule's message, split at {$this} and {?variable}, with the names of things put in."""
    parts = text.copy()
    parts[1::2] = [words.get(word, "something") for word in text[1::2]]
    whole = "".join(parts)
    return whole[:1].upper() + whole[1:]
