"""Answers as people and programs read them: tables and sentences, JSON, CSV and Turtle."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import md5
from typing import Any

import pyoxigraph as ox
from rich.console import Console
from rich.table import Table
from rich.text import Text

from holdfast.assess import EFFECT_ORDER, Assessment, Finding, VentureAssessment
from holdfast.compare import Comparison, Difference, weakest_first
from holdfast.compile import AxiomRule
from holdfast.compile.values import n3_of
from holdfast.errors import clean
from holdfast.explain import Advice, Explanation, Fact, Proved, Step, Tried, Unconcluded, WhyNot
from holdfast.ontology import Ontology
from holdfast.profile import Profile
from holdfast.reason.inferring import Inferred
from holdfast.remedies import Remedies, Remedy
from holdfast.rules import Rule
from holdfast.shapes import Path as ShapePath
from holdfast.sources import lines_of
from holdfast.terminal import empty_table, say, show_heading
from holdfast.timeline import Timeline
from holdfast.validate import Report, Result, name_of, path_in_words, words
from holdfast.vocabulary import BASES, CONSTITUTIVE, DASH, HF, IDS, RDF_TYPE, RDFS, SH, XSD
from holdfast.whatif import Loss, Outcome, Reasons

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PROV = "http://www.w3.org/ns/prov#"

GLYPHS = {"sound": "✓", "weak": "✗", "contested": "±", "hoped": "○", "unknown": "?"}
STYLES = {"sound": "green", "weak": "red", "contested": "yellow", "hoped": "cyan", "unknown": "dim"}

WEAKEST = 20
"""How many ventures a landscape names."""
RISKS = 12
"""How many rules a landscape names."""
MOMENT = 11
"""How many signs wide the column of a phase or year is: room for the longest standing."""


def _basis(notation: str) -> str:
    return notation.replace("-", " ") or "the record itself"


def _standing(notation: str) -> Text:
    return Text(f"{GLYPHS.get(notation, '·')} {notation}", STYLES.get(notation, ""))


def _when(assessment: Assessment) -> str:
    return "latest view" if assessment.as_of == "latest" else f"as of {clean(assessment.as_of)}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


# -- an assessment -----------------------------------------------------------------------------


def show_ventures(
    console: Console,
    assessment: Assessment,
    shown: Sequence[tuple[VentureAssessment, Sequence[Advice]]],
    look: Mapping[str, str],
) -> None:
    """Each venture in full: standings, risks, what else was found, and what would help.

    `look` gives for a venture's IRI the command that shows the reasons.
    """
    for place, (venture, advice) in enumerate(shown):
        if place:
            console.print()
        say(console, venture.label, style="bold")
        outlook = f", outlook: {_basis(venture.outlook)}" if venture.outlook else ""
        stage = "stage unknown" if venture.stage == "unknown" else _basis(venture.stage)
        ended = "ended, " if venture.ended else ""
        say(console, f"{ended}{stage}, {_when(assessment)}{outlook}")
        say(console, venture.iri)
        console.print()
        console.print(_standings(venture, assessment.ontology))
        _risks(console, venture)
        _merged(console, "Contradictions", [f for f in venture.findings if not f.basis])
        for heading, effect in (("Hopes", "hopes"), ("Watch", "watch")):
            some = [f for f in venture.findings if f.effect == effect and f.basis]
            _merged(console, heading, some)
        _advice(console, advice)
        if venture.findings:
            console.print()
            say(console, f"Reasons: {look[venture.iri]}")
    show_left_out(console, assessment.left_out)


def _standings(venture: VentureAssessment, ontology: Ontology) -> Table:
    wider = {ontology.notation(n): ontology.notation(w) for n, w in ontology.broader.items()}
    counts: Counter[tuple[str, str]] = Counter()
    for finding in venture.findings:
        for basis in {finding.basis, wider.get(finding.basis, finding.basis)}:
            counts[basis, finding.effect] += 1
    columns = {"Risks": "undermines", "Supports": "supports", "Hopes": "hopes", "Watch": "watch"}
    table = empty_table("Basis", "Standing", *columns, right=columns)
    for basis in BASES:
        table.add_row(
            _basis(basis),
            _standing(venture.standing[basis]),
            *(str(counts[basis, effect] or "-") for effect in columns.values()),
        )
        if basis == CONSTITUTIVE[-1]:
            table.add_row()
    return table


def _risks(console: Console, venture: VentureAssessment) -> None:
    risks = [finding for finding in venture.findings if finding.effect == "undermines"]
    show_heading(console, "Risks")
    if not risks:
        say(console, "None was found. What a register does not say is unknown, not sound.")
    for basis in BASES:
        listed = [finding for finding in risks if finding.basis == basis]
        if listed:
            say(console, _basis(basis), lead="  ")
        for finding in listed:
            say(console, f"{finding.message} ({finding.certainty}; {finding.rule})", lead="    - ")


def _merged(console: Console, heading: str, findings: Sequence[Finding]) -> None:
    """Findings in one line each, those that only differ in their basis together."""
    bases: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        bases.setdefault((finding.message, finding.certainty), []).append(_basis(finding.basis))
    if bases:
        show_heading(console, heading)
    for (message, certainty), named in bases.items():
        say(console, f"{message} ({', '.join(named)}; {certainty})", lead="  - ")


def _advice(console: Console, advice: Sequence[Advice]) -> None:
    if advice:
        show_heading(console, "What would help")
    for place, one in enumerate(advice, start=1):
        levers = ", ".join(_basis(lever) for lever in one.levers)
        answers = f" (for {', '.join(_basis(basis) for basis in one.answers)}; {one.rule})"
        say(console, f"On {levers}: {one.text}{answers}", lead=f"{place:>3}. ")


def show_landscape(
    console: Console, assessment: Assessment, ventures: Sequence[VentureAssessment], look: str
) -> None:
    """Many ventures in summary; `look` is the command that shows one, less the venture's name."""
    past = sum(venture.ended for venture in ventures)
    ended = f"; {past:,} {'has' if past == 1 else 'have'} ended" if past else ""
    many = _counted(len(ventures), "venture")
    say(console, f"{many}, {_when(assessment)}{ended}", style="bold")
    console.print()
    standings = [s.notation for s in assessment.ontology.standings]
    heads = [f"{GLYPHS.get(s, '·')} {s}" for s in standings]
    table = empty_table("Basis", *heads, right=heads)
    for basis in BASES:
        counts = Counter(venture.standing[basis] for venture in ventures)
        table.add_row(
            _basis(basis),
            *(f"{counts[s]:,}" if counts[s] else "-" for s in standings),
        )
        if basis == CONSTITUTIVE[-1]:
            table.add_row()
    console.print(table)
    hit = Counter(
        rule
        for venture in ventures
        for rule in {f.rule for f in venture.findings if f.effect == "undermines"}
    )
    show_heading(console, "Most frequent risks")
    labels = {rule.id: rule.label for rule in assessment.rules}
    table = empty_table("Ventures", "Rule", "What it means", right=["Ventures"])
    for rule, count in sorted(hit.items(), key=lambda item: (-item[1], item[0]))[:RISKS]:
        table.add_row(f"{count:,}", rule, Text(clean(labels[rule])))
    if hit:
        console.print(table)
    else:
        say(console, "None was found. What a register does not say is unknown, not sound.")
    if len(hit) > RISKS:
        say(console, f"and {_counted(len(hit) - RISKS, 'rule')} more (--format csv lists all).")
    worst = [v for v in weakest_first(ventures) if "weak" in v.standing.values()][:WEAKEST]
    if worst:
        show_heading(console, f"The {len(worst)} weakest" if len(worst) > 1 else "The weakest")
        names = names_of(ventures)
        table = empty_table(
            "Venture", "Name", "Risks", "Contested", "Weak on", right=["Risks", "Contested"]
        )
        for venture in worst:
            risks = sum(finding.effect == "undermines" for finding in venture.findings)
            weak = ", ".join(_basis(b) for b in BASES if venture.standing[b] == "weak")
            contested = list(venture.standing.values()).count("contested")
            about = (Text(clean(venture.label)), Text(clean(names[venture.iri])))
            table.add_row(*about, str(risks), str(contested or "-"), weak)
        console.print(table)
        console.print()
        say(console, f"To look at one: {look} {names[worst[0].iri]}")
    show_left_out(console, assessment.left_out)


def names_of(ventures: Iterable[VentureAssessment]) -> dict[str, str]:
    """For each venture's IRI the shortest name that a command takes: its last part, if unique."""
    listed = list(ventures)
    lasts = {venture.iri: venture.iri.rstrip("/").rsplit("/", 1)[-1] for venture in listed}
    shared = Counter(lasts.values())
    return {iri: last if shared[last] == 1 else iri for iri, last in lasts.items()}


def left_out_in_words(left_out: Mapping[str, str]) -> list[str]:
    """A sentence for each reason why ventures were left out, naming some of them."""
    by_reason: dict[str, list[str]] = {}
    for label, why in left_out.items():
        by_reason.setdefault(why, []).append(clean(label))
    sentences = []
    for why, labels in by_reason.items():
        named = ", ".join(labels[:5])
        more = f" and {_counted(len(labels) - 5, 'other')}" if len(labels) > 5 else ""
        sentences.append(f"Left out: {named}{more}: {clean(why)}.")
    return sentences


def show_left_out(console: Console, left_out: Mapping[str, str]) -> None:
    """Name the ventures that cannot be seen at the time asked for, with the reason."""
    if left_out:
        console.print()
    for sentence in left_out_in_words(left_out):
        say(console, sentence)


# -- an assessment for programs ----------------------------------------------------------------


def json_of(
    assessment: Assessment, ventures: Iterable[VentureAssessment], as_of: str | None
) -> str:
    """An assessment as docs/findings.schema.json describes it; `as_of` is what was asked for."""
    return _json(
        {
            "as_of": as_of,
            "triples": assessment.triples,
            "seconds": {name: assessment.seconds[name] for name in ("load", "reason")},
            "ventures": [venture_json(venture) for venture in _by_iri(ventures)],
            "inconsistencies": [asdict(one) for one in assessment.inconsistencies],
        }
    )


def venture_json(venture: VentureAssessment) -> dict[str, Any]:
    """A venture as docs/findings.schema.json describes it."""
    return {
        "iri": venture.iri,
        "label": venture.label,
        "stage": venture.stage,
        **({"ended": True} if venture.ended else {}),
        "standing": {basis: venture.standing[basis] for basis in BASES},
        "findings": [finding_json(finding) for finding in venture.findings],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as docs/findings.schema.json describes it."""
    return {
        "rule": finding.rule,
        "basis": finding.basis or None,
        "effect": finding.effect,
        "severity": finding.severity,
        "certainty": finding.certainty,
        "message": finding.message,
        "evidence": list(finding.evidence),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _by_iri(ventures: Iterable[VentureAssessment]) -> list[VentureAssessment]:
    return sorted(ventures, key=lambda venture: venture.iri)


def csv_of(ventures: Iterable[VentureAssessment]) -> str:
    """One row for each finding; the evidence is a list of IRIs with spaces between."""
    out = io.StringIO()
    fields = ("rule", "basis", "effect", "severity", "certainty", "message")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("venture", "label", "stage", *fields, "evidence"))
    for venture in _by_iri(ventures):
        for finding in venture.findings:
            values = (getattr(finding, field) for field in fields)
            start = (venture.iri, venture.label, venture.stage)
            writer.writerow((*start, *values, " ".join(finding.evidence)))
    return out.getvalue()


def turtle_of(assessment: Assessment, ventures: Iterable[VentureAssessment]) -> str:
    """Findings and standings as RDF, the same text for the same findings.

    A standing is a node with the venture, the basis, and the standing as its rdf:value.
    """
    ontology = assessment.ontology
    ventures = list(ventures)
    # in the language of the register: read beside it, a venture is not to have two labels
    labelled = assessment.columns.labelled([venture.iri for venture in ventures])
    labels = {(iri, label): literal for iri, label, literal in sorted(labelled, reverse=True)}
    triples: set[tuple[str, str, str]] = set()
    for venture in ventures:
        this = _n3(venture.iri)
        plain = str(ox.Literal(venture.label))
        triples |= {
            (this, RDF_TYPE, f"<{HF}Venture>"),
            (this, RDFS + "label", labels.get((venture.iri, venture.label), plain)),
        }
        if venture.stage != "unknown":
            triples.add((this, HF + "stage", _concept(ontology, venture.stage)))
        for basis, standing in venture.standing.items():
            mark = f"{venture.iri}|{basis}|{assessment.as_of}"
            node = f"<{IDS}standing/{md5(mark.encode(), usedforsecurity=False).hexdigest()}>"
            triples |= {
                (node, HF + "venture", this),
                (node, HF + "basis", _concept(ontology, basis)),
                (node, RDF + "value", _concept(ontology, standing)),
            }
        for finding in venture.findings:
            node = _n3(finding.iri)
            if finding.basis:
                triples.add((node, HF + "basis", _concept(ontology, finding.basis)))
            triples |= {
                (node, RDF_TYPE, f"<{HF}Finding>"),
                (node, HF + "venture", this),
                (node, HF + "rule", f"<{rule_iri(assessment, finding.rule)}>"),
                (node, HF + "effect", _concept(ontology, finding.effect)),
                (node, HF + "certainty", _concept(ontology, finding.certainty)),
                (node, SH + "resultSeverity", f"<{SH}{finding.severity.capitalize()}>"),
                (node, SH + "resultMessage", str(ox.Literal(finding.message, language="en"))),
                *((node, PROV + "wasDerivedFrom", _n3(fact)) for fact in finding.evidence),
            }
    lines = "".join(f"{s} <{p}> {o} .\n" for s, p, o in sorted(triples))
    prefixes = {"hf": HF, "prov": PROV, "rdf": RDF, "rdfs": RDFS, "sh": SH, "xsd": XSD}
    parsed = ox.parse(lines, format=ox.RdfFormat.N_TRIPLES)
    written = ox.serialize(
        (quad.triple for quad in parsed), format=ox.RdfFormat.TURTLE, prefixes=prefixes
    )
    return (written or b"").decode("utf-8")


def _n3(node: str) -> str:
    return node if node.startswith("_:") else f"<{node}>"


def rule_iri(assessment: Assessment, name: str) -> str:
    """The IRI of a rule by its id, or of a rule of OWL 2 RL by its name (owl:cax-dw)."""
    if name.startswith("owl:"):
        return AxiomRule.iri + "#" + name.removeprefix("owl:")
    return next(rule.iri for rule in assessment.rules if rule.id == name)


def _concept(ontology: Ontology, notation: str) -> str:
    return f"<{ontology.concept(notation)}>"


# -- reasons -----------------------------------------------------------------------------------


def show_explanations(
    console: Console,
    assessment: Assessment,
    venture: VentureAssessment,
    found: Sequence[Explanation],
    asked: str,
) -> None:
    """Each finding with its proof as a tree; `asked` is the basis or rule asked for, or nothing."""
    say(console, f"{clean(venture.label)}, {_when(assessment)}", style="bold")
    if asked in venture.standing:
        console.print(Text.assemble(f"{_basis(asked)}: ", _standing(venture.standing[asked])))
    if not found:
        console.print()
        say(console, f"Nothing was found{f' on {asked}' if asked else ''}.")
    for explanation in found:
        finding = explanation.finding
        console.print()
        say(console, finding.message, style="bold")
        say(
            console,
            f"{finding.effect} {_basis(finding.basis)}; {finding.severity}; {finding.certainty};"
            f" rule {finding.rule}{_cited(explanation.sources)}",
            lead="  ",
        )
        say(console, f"{explanation.rule_label}. {explanation.description}", lead="  ")
        _premises(console, explanation.proof.premises, "  ")
        for place, other in enumerate(explanation.others, start=2):
            say(console, f"Proof {place}:", lead="  ")
            _premises(console, other.premises, "  ")


def show_proved(console: Console, proved: Proved) -> None:
    """A triple with its proofs as trees."""
    say(console, proved.sentence, style="bold")
    for place, proof in enumerate(proved.proofs, start=1):
        if len(proved.proofs) > 1:
            say(console, f"Proof {place}:", lead="  ")
        say(console, _step(proof), lead="  ")
        _premises(console, proof.premises, "  ")


def _cited(sources: Sequence[str]) -> str:
    return f" (after {', '.join(sources)})" if sources else ""


def _premises(console: Console, steps: Sequence[Step], margin: str) -> None:
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        below = margin + ("   " if last else "│  ")
        hang = below + ("│  " if step.premises else "")
        say(console, _step(step), lead=margin + ("└─ " if last else "├─ "), hang=hang)
        if not (step.kind == "stated" and len(step.facts) == 1):
            for fact in step.facts:
                say(console, _fact(fact), lead=hang)
        _premises(console, step.premises, below)


def _step(step: Step) -> str:
    again = "; shown above" if step.repeated else ""
    if step.kind == "stated" and len(step.facts) == 1:
        told = _fact(step.facts[0])
        if step.repeated:
            return f"{step.facts[0].identifier}, shown above"
        same = step.sentence in ("", step.facts[0].description)
        return told if same else f"{step.sentence} {told}"
    ground = {
        "finding": f"found by {step.rule}, {step.certainty}",
        "inferred": f"inferred by {step.rule}, {step.certainty}",
        "stated": step.certainty or "stated",
        "given": "given by the date or phase",
        "ontology": "by definition in the ontology",
        "absent": "nobody has recorded otherwise",
    }.get(step.kind, step.kind)
    return f"{step.sentence} ({ground.rstrip(', ')}{again})"


def _fact(fact: Fact) -> str:
    about = [
        ", ".join(fact.lines),
        fact.register,
        f"phase {fact.phase}" if fact.phase else "",
        fact.certainty,
        f"held by {fact.holder}" if fact.holder else "",
    ]
    told = "; ".join(part for part in about if part)
    return f"{fact.identifier}: {fact.description}{f' ({told})' if told else ''}"


def show_why_not(
    console: Console, assessment: Assessment, venture: VentureAssessment, answer: WhyNot
) -> None:
    """The patterns of a rule as they were tried, the one that fails, and the nearest miss."""
    verb = "fires" if answer.fires else "does not fire"
    head = f"{answer.rule} {verb} for {clean(venture.label)}, {_when(assessment)}"
    say(console, head, style="bold")
    if answer.fires and not answer.tried:
        say(console, f"Ask without --not to see why: --rule {answer.rule}.")
    _show_tried(console, answer.tried, "  ")
    if answer.nearest:
        console.print()
        say(console, answer.nearest if answer.fires else f"Nearest: {answer.nearest}")
    _show_under(console, answer.under, "")


def _show_tried(console: Console, listed: Sequence[Tried], indent: str) -> None:
    for tried in listed:
        met = f"met in {_counted(tried.met, 'way')}" if tried.met else "not met"
        mark = "✓" if tried.met else "✗"
        say(console, f"{tried.pattern} ({met})", lead=f"{indent}{mark} ")


def _show_under(console: Console, under: Sequence[Unconcluded], indent: str) -> None:
    """The rules that would have concluded what is missing."""
    for one in under:
        console.print()
        say(
            console,
            f"{one.rule} would have concluded it, but does not for {clean(one.about)}:",
            lead=indent,
        )
        _show_tried(console, one.tried, f"{indent}  ")
        say(console, f"Nearest: {one.nearest}", lead=f"{indent}  ")
        _show_under(console, one.under, f"{indent}    ")


def explanations_json(
    venture: VentureAssessment, found: Sequence[Explanation], as_of: str | None
) -> str:
    """The findings with their proofs; a step's `premises` are steps again."""
    return _json(
        {
            **_about(venture, as_of),
            "explanations": [
                {
                    **asdict(one),
                    "finding": {
                        key: value
                        for key, value in asdict(one.finding).items()
                        if key not in ("number", "evidence")
                    },
                }
                for one in found
            ],
        }
    )


def proved_json(proved: Proved, as_of: str | None) -> str:
    """A triple with its proofs; a step's `premises` are steps again."""
    return _json({"as_of": as_of, **asdict(proved)})


def why_not_json(venture: VentureAssessment, answer: WhyNot, as_of: str | None) -> str:
    """Why a rule stays silent, with the patterns tried."""
    return _json({**_about(venture, as_of), "why_not": asdict(answer)})


def _about(venture: VentureAssessment, as_of: str | None) -> dict[str, Any]:
    about = {"iri": venture.iri, "label": venture.label, "stage": venture.stage}
    return {"as_of": as_of, "venture": about}


# -- through time, side by side ----------------------------------------------------------------


def show_timeline(console: Console, line: Timeline) -> None:
    """Bases by phases or years, as many side by side as there is room for; then the changes."""
    say(console, line.label, style="bold")
    if line.earlier:
        say(console, f"{_counted(line.earlier, 'earlier year')} left out.")
    width = max(1, (console.width - 22) // (MOMENT + 3))
    for start in range(0, len(line.moments), width):
        console.print()
        some = line.moments[start : start + width]
        table = empty_table("Basis", *(clean(moment.as_of) for moment in some))
        for column in table.columns[1:]:
            column.max_width = MOMENT
        for basis in BASES:
            cells = [_standing(m.venture.standing[basis]) if m.venture else Text("-") for m in some]
            table.add_row(_basis(basis), *cells)
            if basis == CONSTITUTIVE[-1]:
                table.add_row()
        stages = [_basis(m.venture.stage) if m.venture else "-" for m in some]
        table.add_row("stage", *stages)
        console.print(table)
    for place, change in enumerate(line.changes):
        before, after = line.moments[place], line.moments[place + 1]
        show_heading(console, f"{clean(before.as_of)} to {clean(after.as_of)}")
        if change is None:
            gone = before if before.venture is None else after
            say(console, f"The venture cannot be seen as of {gone.as_of}.", lead="  ")
            continue
        for basis, old, new in change.standings:
            say(console, f"{_basis(basis)}: {old} → {new}", lead="  ")
        _changed(console, change, "appeared", "cleared")
        if not (change.standings or change.only_first or change.only_second):
            say(console, "Nothing changed.", lead="  ")


def _changed(console: Console, change: Difference, new: str, gone: str) -> None:
    for word, findings in ((new, change.only_second), (gone, change.only_first)):
        if findings:
            say(console, f"{word}:", lead="  ")
        _listed(console, findings)


def _listed(console: Console, findings: Sequence[Finding]) -> None:
    """Findings in one line each with what they do; those that differ in basis only, together."""
    bases: dict[tuple[str, str], list[str]] = {}
    for finding in sorted(findings, key=lambda f: EFFECT_ORDER[f.effect]):
        bases.setdefault((finding.effect, finding.message), []).append(_basis(finding.basis))
    for (effect, message), named in bases.items():
        say(console, f"{effect} {', '.join(named)}: {message}", lead="    - ")


def show_comparison(console: Console, assessment: Assessment, both: Comparison) -> None:
    """Two ventures side by side: all standings, then the findings that only one of them has."""
    first, second = both.first, both.second
    say(console, f"Two ventures, {_when(assessment)}", style="bold")
    console.print()
    table = empty_table("Basis", clean(first.label), clean(second.label), "")
    unlike = {basis for basis, _, _ in both.difference.standings}
    for basis in BASES:
        table.add_row(
            _basis(basis),
            _standing(first.standing[basis]),
            _standing(second.standing[basis]),
            "differs" if basis in unlike else "",
        )
        if basis == CONSTITUTIVE[-1]:
            table.add_row()
    unlike_stage = "differs" if first.stage != second.stage else ""
    table.add_row("stage", _basis(first.stage), _basis(second.stage), unlike_stage)
    console.print(table)
    for venture, only in (
        (first, both.difference.only_first),
        (second, both.difference.only_second),
    ):
        show_heading(console, f"Only {clean(venture.label)}")
        _listed(console, only)
        if not only:
            say(console, "Nothing.", lead="  ")
    console.print()
    say(console, f"In common: {_counted(both.difference.alike, 'finding')}.")
    show_left_out(console, assessment.left_out)


# -- what would help ---------------------------------------------------------------------------


def show_outcome(
    console: Console, assessment: Assessment, outcome: Outcome, reasons: Reasons
) -> None:
    """What a change would do: standings that move, findings lost, gained and altered, by venture.

    Each finding gained has the premises of its proof, each one lost what of its proof would go.
    """
    because = {one.before.finding.iri: _why_lost(one) for one in reasons.lost}
    because |= {
        one.finding.iri: [f"because {_step(step)}" for step in one.proof.premises]
        for one in reasons.gained
    }
    change = outcome.change
    say(
        console,
        f"{len(change.added)} added, {len(change.removed)} removed, {_when(assessment)};"
        f" {len(outcome.lost)} findings lost, {len(outcome.gained)} gained",
        style="bold",
    )
    if not (outcome.lost or outcome.gained or outcome.altered or outcome.flips):
        say(console, "Nothing would be found otherwise.")
    labels = {one.iri: one.label for one in assessment.ventures}
    moved = [*((flip.venture, flip.label) for flip in outcome.flips)]
    altered = [(venture, finding) for venture, finding, _ in outcome.altered]
    found = [(iri, labels.get(iri, iri)) for iri, _ in (*outcome.lost, *outcome.gained, *altered)]
    for iri, label in dict.fromkeys([*moved, *found]):
        show_heading(console, label)
        for flip in outcome.flips:
            if flip.venture == iri:
                say(console, f"{_basis(flip.basis)}: {flip.before} → {flip.after}", lead="  ")
        for word, listed in (("no longer", outcome.lost), ("now", outcome.gained)):
            for venture, finding in listed:
                if venture == iri:
                    said = f"{word}: {finding.message} ({_basis(finding.basis)}; {finding.rule})"
                    say(console, said, lead="  - ")
                    for sentence in because.get(finding.iri, ()):
                        say(console, sentence, lead="      ")
        for venture, before, finding in outcome.altered:
            if venture == iri:
                said = f"{before.certainty} → {finding.certainty}: {finding.message}"
                say(console, f"{said} ({_basis(finding.basis)}; {finding.rule})", lead="  - ")


def _why_lost(loss: Loss) -> list[str]:
    said = [f"no longer: {_step(step)}" for step in loss.gone]
    return said or ([f"not met: {loss.fails}"] if loss.fails else [])


def outcome_json(
    assessment: Assessment, outcome: Outcome, reasons: Reasons, as_of: str | None
) -> str:
    """What a change would do and why, as JSON."""
    losses = {one.before.finding.iri: one for one in reasons.lost}
    proofs = {one.finding.iri: one.proof for one in reasons.gained}
    return _json(
        {
            "as_of": as_of or assessment.as_of,
            "added": [list(quad) for quad in outcome.change.added],
            "removed": [list(quad) for quad in outcome.change.removed],
            "flips": [
                {
                    "venture": flip.venture,
                    "basis": flip.basis,
                    "before": flip.before,
                    "after": flip.after,
                }
                for flip in outcome.flips
            ],
            "lost": [
                {
                    "venture": iri,
                    **finding_json(found),
                    "gone": [asdict(step) for step in losses[found.iri].gone],
                    "fails": losses[found.iri].fails or None,
                }
                for iri, found in outcome.lost
            ],
            "gained": [
                {"venture": iri, **finding_json(found), "proof": asdict(proofs[found.iri])}
                for iri, found in outcome.gained
            ],
            "altered": [
                {
                    "venture": iri,
                    **finding_json(found),
                    "before": {"certainty": before.certainty, "message": before.message},
                }
                for iri, before, found in outcome.altered
            ],
        }
    )


def show_remedies(console: Console, assessment: Assessment, answer: Remedies) -> None:
    """What would help a venture, the best first, and the risks that nothing known would clear."""
    venture = assessment.venture(answer.venture)
    labels = {one.iri: one.label for one in assessment.ventures}
    say(console, f"{venture.label}, {_when(assessment)}", style="bold")
    if not answer.tried:
        say(console, "No change that the rules suggest would clear a risk.")
    else:
        show_heading(console, "What would help")
    for place, remedy in enumerate(answer.tried, start=1):
        levers = ", ".join(_basis(lever) for lever in remedy.candidate.levers)
        say(
            console,
            f"{remedy.candidate.sentence} ({levers}; {remedy.candidate.rule})",
            lead=f"{place:>3}. ",
        )
        for message in dict.fromkeys(finding.message for finding in remedy.clears):
            say(console, f"clears: {message}", lead="       - ")
        for iri, message in dict.fromkeys((iri, f.message) for iri, f in remedy.brings):
            whose = "" if iri == answer.venture else f" ({labels.get(iri, iri)})"
            say(console, f"brings: {message}{whose}", lead="       - ")
        for flip in remedy.flips:
            whose = "" if flip.venture == answer.venture else f" of {flip.label}"
            say(
                console,
                f"moves: {_basis(flip.basis)}{whose} from {flip.before} to {flip.after}",
                lead="       - ",
            )
        for sentence in remedy.added:
            say(console, f"adds: {sentence}", lead="       - ")
        for sentence in remedy.removed:
            say(console, f"removes: {sentence}", lead="       - ")
    if answer.without:
        show_heading(console, "No act of the partners is known that clears")
    for finding in answer.without:
        say(console, f"{finding.message} ({_basis(finding.basis)}; {finding.rule})", lead="  - ")


def remedies_json(assessment: Assessment, answer: Remedies, as_of: str | None) -> str:
    """What would help a venture, as JSON."""
    return _json(
        {
            **_about(assessment.venture(answer.venture), as_of),
            "remedies": [
                {
                    "rule": remedy.candidate.rule,
                    "levers": list(remedy.candidate.levers),
                    "change": remedy.candidate.sentence,
                    "clears": [finding_json(finding) for finding in remedy.clears],
                    "brings": [
                        {"venture": iri, **finding_json(finding)} for iri, finding in remedy.brings
                    ],
                    "moves": [
                        {
                            "venture": flip.venture,
                            "basis": flip.basis,
                            "before": flip.before,
                            "after": flip.after,
                        }
                        for flip in remedy.flips
                    ],
                    "added": [list(quad) for quad in remedy.candidate.change.added],
                    "removed": [list(quad) for quad in remedy.candidate.change.removed],
                }
                for remedy in answer.tried
            ],
            "without": [finding_json(finding) for finding in answer.without],
            "untried": answer.untried,
        }
    )


def remedies_turtle(assessment: Assessment, answer: Remedies) -> str:
    """What would help, as suggestions (dash:GraphUpdate) on validation results (DASH)."""
    rules = {rule.id: rule for rule in assessment.rules}
    report = "_:report"
    lines = [
        f"{report} <{RDF_TYPE}> <{SH}ValidationReport> .",
        f'{report} <{SH}conforms> "{str(not answer.tried).lower()}"^^<{XSD}boolean> .',
    ]
    results: dict[str, str] = {}
    for place, remedy in enumerate(answer.tried):
        rule = rules[remedy.candidate.rule]
        suggestion = f"_:suggestion{place}"
        messages = [f.message for f in remedy.clears if f.rule == rule.id]
        for message in dict.fromkeys(messages):
            key = f"{rule.id} {message}"
            if key not in results:
                results[key] = result = f"_:result{len(results)}"
                lines += [
                    f"{report} <{SH}result> {result} .",
                    f"{result} <{RDF_TYPE}> <{SH}ValidationResult> .",
                    f"{result} <{SH}focusNode> {_n3(answer.venture)} .",
                    f"{result} <{SH}sourceShape> <{rule.iri}> .",
                    f"{result} <{SH}sourceConstraintComponent> <{SH}SPARQLConstraintComponent> .",
                    f"{result} <{SH}resultSeverity> <{SH}{rule.severity.capitalize()}> .",
                    f"{result} <{SH}resultMessage> {ox.Literal(message, language='en')} .",
                ]
            lines.append(f"{results[key]} <{DASH}suggestion> {suggestion} .")
        lines += _suggestion(suggestion, place, remedy)
    parsed = ox.parse("\n".join(lines), format=ox.RdfFormat.N_TRIPLES)
    prefixes = {"dash": DASH, "hf": HF, "rdf": RDF, "rdfs": RDFS, "sh": SH, "xsd": XSD}
    written = ox.serialize(
        (quad.triple for quad in parsed), format=ox.RdfFormat.TURTLE, prefixes=prefixes
    )
    return (written or b"").decode("utf-8")


def _suggestion(node: str, place: int, remedy: Remedy) -> list[str]:
    lines = [
        f"{node} <{RDF_TYPE}> <{DASH}GraphUpdate> .",
        f'{node} <{SH}order> "{place}"^^<{XSD}integer> .',
        f"{node} <{SH}message> {ox.Literal(remedy.candidate.sentence, language='en')} .",
    ]
    change = remedy.candidate.change
    for predicate, quads in (("addedTriple", change.added), ("deletedTriple", change.removed)):
        for number, (s, p, o) in enumerate(dict.fromkeys(quad[:3] for quad in quads)):
            triple = f"{node}{predicate}{number}"
            lines += [
                f"{node} <{DASH}{predicate}> {triple} .",
                f"{triple} <{RDF_TYPE}> <{RDF}Statement> .",
                f"{triple} <{RDF}subject> {s} .",
                f"{triple} <{RDF}predicate> {p} .",
                f"{triple} <{RDF}object> {o} .",
            ]
    return lines


# -- what rules cost ---------------------------------------------------------------------------


def show_profile(console: Console, profiled: Profile) -> None:
    """What the rules cost, the dearest first, then the same by stratum."""
    say(
        console,
        f"{profiled.load:.2f} s to load, {profiled.reason:.2f} s for"
        f" {_counted(len(profiled.costs), 'rule')}, axioms of a kind counted as one",
        style="bold",
    )
    heads = ("Seconds", "Planning", "Answers", "Runs", "SQL")
    for first, costs in (("Rule", profiled.costs), ("Rules", profiled.strata())):
        console.print()
        table = empty_table("Stratum", first, *heads, right=("Stratum", *heads))
        for cost in costs:
            table.add_row(
                str(cost.stratum), cost.rule, f"{cost.seconds:.3f}", f"{cost.planning:.3f}",
                f"{cost.answers:,}", str(cost.runs), f"{cost.size:,}",
            )  # fmt: skip
        console.print(table)


def profile_json(profiled: Profile) -> str:
    """What the rules cost, as JSON."""
    return _json(
        {
            "seconds": {"load": round(profiled.load, 4), "reason": round(profiled.reason, 4)},
            "rules": [asdict(cost) for cost in profiled.costs],
            "strata": [asdict(cost) for cost in profiled.strata()],
        }
    )


# -- rules -------------------------------------------------------------------------------------


def show_rules(console: Console, rules: Sequence[Rule]) -> None:
    """One line for each rule."""
    table = empty_table("Rule", "Paper", "Effect", "Basis", "What it means")
    for rule in rules:
        table.add_row(
            rule.id,
            ", ".join(rule.notations) or "-",
            rule.effect or "infers",
            ", ".join(_basis(basis) for basis in rule.bases) or "-",
            Text(clean(rule.label)),
        )
    console.print(table)
    judging = sum(rule.kind == "judgement" for rule in rules)
    console.print()
    say(console, f"{judging} judge, {len(rules) - judging} add facts for them to read.")


def show_rule(console: Console, rule: Rule) -> None:
    """All that a rule's folder says of it, with its query."""
    say(console, f"{rule.id}: {clean(rule.label)}", style="bold")
    say(console, rule.description)
    console.print()
    said = [
        ("Basis", ", ".join(_basis(basis) for basis in rule.bases)),
        ("Effect", rule.effect or "adds facts, judges nothing"),
        ("Severity", rule.severity if rule.effect else ""),
        ("Certainty", f"{rule.certainty} at best" if rule.effect else ""),
        ("Of the paper", ", ".join(rule.notations)),
        ("Source", ", ".join(source.rpartition("#")[2] for source in rule.sources)),
        ("Silent", rule.scope_note),
        ("Says", " / ".join(rule.messages)),
        ("What to do", rule.remedy if rule.levers else ""),
        ("Lever", ", ".join(_basis(lever) for lever in rule.levers)),
        *((f"{p.name} = {p.default}", p.reason) for p in rule.parameters),
        ("Status", rule.status),
        ("File", str(rule.file)),
    ]
    room = max(len(name) for name, text in said if text) + 2
    for name, text in said:
        if text:
            say(console, text, lead=f"{name}:".ljust(room))
    console.print()
    console.print(Text(textwrap.dedent(rule.query).strip("\n")), soft_wrap=True)


# -- validation reports ------------------------------------------------------------------------


def report_turtle(report: Report, kind: ox.RdfFormat = ox.RdfFormat.TURTLE) -> str:
    """A report as the W3C defines it (SHACL §3.6), in Turtle or another format of RDF."""
    triples: list[ox.Triple] = []
    nodes: dict[str, ox.BlankNode] = {}

    def term(n3: str) -> Any:
        if n3.startswith("_:"):
            return nodes.setdefault(n3, ox.BlankNode(f"n{len(nodes)}"))
        return next(iter(ox.parse(f"<x:> <x:> {n3} .", format=ox.RdfFormat.N_TRIPLES))).object

    def say(subject: Any, predicate: str, value: Any) -> None:
        triples.append(ox.Triple(subject, ox.NamedNode(predicate), value))

    def listed(members: Sequence[Any]) -> Any:
        rest: Any = ox.NamedNode(RDF + "nil")
        for place, member in reversed(list(enumerate(members))):
            node = ox.BlankNode(f"l{len(triples)}x{place}")
            say(node, RDF + "first", member)
            say(node, RDF + "rest", rest)
            rest = node
        return rest

    def path(found: ShapePath) -> Any:
        if found.kind == "predicate":
            return ox.NamedNode(found.iri)
        parts = [path(part) for part in found.parts]
        if found.kind == "sequence":
            return listed(parts)
        node = ox.BlankNode(f"p{len(triples)}")
        value = listed(parts) if found.kind == "alternative" else parts[0]
        say(node, f"{SH}{found.kind}Path", value)
        return node

    def result(found: Result) -> Any:
        node = ox.BlankNode(f"r{len(triples)}")
        say(node, RDF_TYPE, ox.NamedNode(SH + "ValidationResult"))
        say(node, SH + "focusNode", term(found.focus))
        if found.path is not None:
            say(node, SH + "resultPath", path(found.path))
        if found.value is not None:
            say(node, SH + "value", term(found.value))
        say(node, SH + "resultSeverity", ox.NamedNode(found.severity))
        say(node, SH + "sourceConstraintComponent", ox.NamedNode(found.component))
        say(node, SH + "sourceShape", term(n3_of(found.shape)))
        if found.constraint is not None:
            say(node, SH + "sourceConstraint", term(n3_of(found.constraint)))
        for message in found.messages:
            say(node, SH + "resultMessage", term(n3_of(message)))
        for predicate, value in found.annotations:
            say(node, predicate, term(value))
        for detail in found.details:
            say(node, SH + "detail", result(detail))
        return node

    head = ox.BlankNode("report")
    say(head, RDF_TYPE, ox.NamedNode(SH + "ValidationReport"))
    conforms = ox.Literal(
        "true" if report.conforms else "false", datatype=ox.NamedNode(XSD + "boolean")
    )
    say(head, SH + "conforms", conforms)
    said, triples = triples, []
    for found in report.results:
        said.append(ox.Triple(head, ox.NamedNode(SH + "result"), result(found)))
    triples = [*said, *triples]
    prefixes = {"sh": SH, "xsd": XSD, "rdf": RDF}
    known = prefixes if kind in (ox.RdfFormat.TURTLE, ox.RdfFormat.RDF_XML) else None
    written = ox.serialize(triples, format=kind, prefixes=known)
    return (written or b"").decode("utf-8")


def inferred_text(inferred: Iterable[Inferred], form: str, *, sources: bool) -> str:
    """What the rules of a shapes graph add, in turtle or nt.

    With `sources` each triple has a reifier with the rule it comes from (SHACL 1.2 Inference Rules,
    sh:sourceRule; RDF 1.2, rdf:reifies).
    """
    lines = []
    for place, made in enumerate(inferred):
        triple = f"{made.subject} {made.predicate} {made.value}"
        lines.append(f"{triple} .")
        if sources:
            lines.append(f"_:made{place} <{RDF}reifies> <<( {triple} )>> .")
            lines.append(f"_:made{place} <{SH}sourceRule> {n3_of(made.rule)} .")
    triples = (quad.triple for quad in ox.parse("\n".join(lines), format=ox.RdfFormat.N_TRIPLES))
    kind = _RDF_FORMS[form]
    prefixes = {"rdf": RDF, "sh": SH, "xsd": XSD} if form == "turtle" else None
    return (ox.serialize(triples, format=kind, prefixes=prefixes) or b"").decode("utf-8")


def report_json(report: Report) -> str:
    """A report as JSON; docs/shacl.md describes it."""
    lines = lines_of(report.columns.files, {r.focus for r in report.results})

    def told(result: Result) -> dict[str, Any]:
        place = lines.get(result.focus)
        return {
            "focusNode": _plain(result.focus),
            "path": result.path.sparql() if result.path else None,
            "value": _plain(result.value) if result.value else None,
            "severity": name_of(result.severity),
            "component": result.component,
            "shape": _plain(n3_of(result.shape)),
            "constraint": _plain(n3_of(result.constraint)) if result.constraint else None,
            "messages": [
                {"text": str(m), **({"language": m.language} if m.language else {})}
                for m in result.messages
            ],
            "file": str(place[0]) if place else None,
            "line": place[1] if place else None,
            "details": [told(detail) for detail in result.details],
            **({"annotations": _annotations(result)} if result.annotations else {}),
        }

    whole = {"conforms": report.conforms, "results": [told(r) for r in report.results]}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _annotations(result: Result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for predicate, value in result.annotations:
        found.setdefault(predicate, []).append(_plain(value))
    return found


def _plain(n3: str) -> str:
    """A term for programs: an IRI bare, all else in N-Triples."""
    return n3[1:-1] if n3.startswith("<") else n3


def report_sarif(report: Report, version: str) -> str:
    """A report in SARIF 2.1.0, as code scanners and editors read it."""
    lines = lines_of(report.columns.files, {r.focus for r in report.results})
    levels = {SH + "Violation": "error", SH + "Warning": "warning"}
    components = sorted({r.component for r in report.results})
    results: list[dict[str, Any]] = []
    for r in report.results:
        found: dict[str, Any] = {
            "ruleId": name_of(r.component),
            "level": levels.get(r.severity, "note"),
            "message": {"text": f"{_node(report, r.focus)}: {_said(r)}"},
            "properties": {"focusNode": _plain(r.focus), "shape": _plain(n3_of(r.shape))},
        }
        where: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": _plain(r.focus)}]}
        if place := lines.get(r.focus):
            where["physicalLocation"] = {
                "artifactLocation": {"uri": place[0].as_posix()},
                "region": {"startLine": place[1]},
            }
        found["locations"] = [where]
        results.append(found)
    rules = [{"id": name_of(c), "helpUri": c} for c in components]
    driver = {"name": "Holdfast", "version": version, "rules": rules}
    whole = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _said(result: Result) -> str:
    spoken = sorted(result.messages, key=lambda m: (m.language not in (None, "en"), str(m)))
    return clean(str(spoken[0])) if spoken else name_of(result.component)


def _node(report: Report, n3: str) -> str:
    label = report.labels.get(n3, n3)
    return clean(label if label != n3 else words(n3))


def show_report(console: Console, report: Report) -> None:
    """A report in sentences, grouped by focus node, with the line of its source where known."""
    if not report.results:
        say(console, "The data conform.", style="bold")
        return
    count = len(report.results)
    verdict = "conform" if report.conforms else "do not conform"
    say(
        console, f"The data {verdict}: {count} {'result' if count == 1 else 'results'}.",
        style="bold",
    )  # fmt: skip
    lines = lines_of(report.columns.files, {r.focus for r in report.results})
    grouped: dict[str, list[Result]] = {}
    for result in report.results:
        grouped.setdefault(result.focus, []).append(result)
    for focus, results in grouped.items():
        label, place = _node(report, focus), lines.get(focus)
        iri = f" <{focus[1:-1]}>" if focus.startswith("<") and label != focus[1:-1] else ""
        at = f" ({place[0]}: line {place[1]})" if place else ""
        show_heading(console, f"{label}{iri}{at}")
        for result in results:
            value = ""
            if result.value is not None and result.value != focus:
                value = f" It is {_node(report, result.value)}."
            path = path_in_words(result.path) if result.path else ""
            on = "" if path.lower() in _said(result).lower() else f"{path}: "
            say(console, f"{on}{_said(result)}{value}", lead=f"  {name_of(result.severity)}: ")


def report_text(report: Report, form: str, version: str) -> str:
    """A report in one of the formats that `holdfast validate` writes."""
    if form == "json":
        return report_json(report)
    if form == "sarif":
        return report_sarif(report, version)
    if form in _RDF_FORMS:
        return report_turtle(report, _RDF_FORMS[form])
    written = io.StringIO()
    show_report(Console(file=written, width=100_000, highlight=False), report)
    return written.getvalue()


_RDF_FORMS = {
    "turtle": ox.RdfFormat.TURTLE,
    "n3": ox.RdfFormat.N3,
    "nt": ox.RdfFormat.N_TRIPLES,
    "xml": ox.RdfFormat.RDF_XML,
    "json-ld": ox.RdfFormat.JSON_LD,
}
