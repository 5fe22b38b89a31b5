"""What rules suggest clears what they find, and touches nothing that partners cannot touch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.assess import assess
from holdfast.ontology import read_ontology
from holdfast.remedies import candidates_for
from holdfast.rules import Rule, read_rules
from holdfast.ruletest import triples_in
from holdfast.vocabulary import HF, RDF_TYPE
from holdfast.whatif import what_if

ONTOLOGY = read_ontology()
RULES = {rule.id: rule for rule in read_rules(ONTOLOGY)}
SUGGESTING = [rule for rule in RULES.values() if rule.changes]
NO_ACT = {
    "area-split-between-like-partners",
    "competing-guidance",
    "institutional-resistance",
    "partner-of-another-commissioner",
    "partners-score-apart",
    "purpose-judged-by-fit",
    "scored-low-by-partners",
    "survey-against-register",
}
"""Others' guidance, institutions, areas and commissioners are theirs; `purpose-judged-by-fit` goes
with the findings on fit, and what partners answered is changed by asking them again."""

EX = "https://example.org/"
RISKS = ("undermines", "watch")
PARTNERS = """
<https://example.org/seat-1> <{hf}belongsTo> <{venture}> .
<https://example.org/seat-1> <{type}> <{hf}Membership> .
<https://example.org/seat-1> <{hf}member> <https://example.org/partner-1> .
<https://example.org/seat-1> <{hf}role> <{hf}ordinary-member> .
<https://example.org/partner-1> <{type}> <{hf}Organisation> .
<https://example.org/seat-2> <{hf}belongsTo> <{venture}> .
<https://example.org/seat-2> <{type}> <{hf}Membership> .
<https://example.org/seat-2> <{hf}member> <https://example.org/partner-2> .
<https://example.org/seat-2> <{hf}role> <{hf}ordinary-member> .
<https://example.org/partner-2> <{type}> <{hf}Organisation> .
"""
NEEDS_PARTNERS = {"mandate-without-purpose", "senior-players-absent"}
BRINGS: dict[str, set[str]] = {}
"""Rules whose suggestions may bring risks in their own example, and which."""


def as_stated(rule: Rule, folder: Path) -> Path:
    """The rule's example with stated facts in place of those that rules would infer."""
    lines, venture = set(), ""
    for s, p, o in sorted(triples_in(rule.file.parent / "fires.ttl")):
        name = p.strip("<>").removeprefix(HF)
        seat = f"<{EX}seat-{re.sub(r'[^a-z0-9]+', '-', s + o)}>"
        if o == f"<{HF}Venture>":
            venture = venture or s.strip("<>")
        if name == "has":
            lines.add(f"{o} <{HF}belongsTo> {s} .")
        elif name == "lacks":
            lines.add(f"{s} <{HF}listsAll> {o} .")
        elif name in ("hasPartner", "workingPartner", "essentialPartner"):
            role = {"essentialPartner": "essential-partner"}.get(name, "ordinary-member")
            lines |= {
                f"{seat} <{RDF_TYPE}> <{HF}Membership> .",
                f"{seat} <{HF}belongsTo> {s} .",
                f"{seat} <{HF}member> {o} .",
                f"{seat} <{HF}role> <{HF}{role}> .",
                f"{o} <{RDF_TYPE}> <{HF}Organisation> .",
                f"{s} <{RDF_TYPE}> <{HF}Venture> .",
            }
        elif name in ("workingArea", "territory"):
            lines |= {f"{s} <{HF}boundary> {o} .", f"{o} <{RDF_TYPE}> <{HF}Boundary> ."}
        elif name == "currentBody":
            lines.add(f"{s} <{HF}takesForm> {o} .")
        elif name == "partOrWholeOf":
            lines.add(f"{o} <{HF}unitOf> {s} .")
        elif name == "sharesTopicWith":
            lines |= {f"{each} <{HF}topic> <{EX}topic> ." for each in (s, o)}
        elif name in ("member",):
            lines |= {f"{s} {p} {o} .", f"{o} <{RDF_TYPE}> <{HF}Organisation> ."}
        elif not s.startswith(f"<{HF}"):
            lines.add(f"{s} {p} {o} .")
    text = "\n".join(sorted(lines))
    if rule.id in NEEDS_PARTNERS:
        text += PARTNERS.format(hf=HF, type=RDF_TYPE, venture=venture)
    file = folder / "stated.nt"
    file.write_text(text + "\n", encoding="utf-8")
    return file


def test_every_rule_that_judges_a_lever_suggests_a_change_or_cannot() -> None:
    constitutive = {ONTOLOGY.notation(iri) for iri in ONTOLOGY.constitutive}
    silent = {
        rule.id
        for rule in RULES.values()
        if rule.kind == "judgement"
        and rule.effect in RISKS
        and constitutive & set(rule.bases)
        and not rule.changes
    }
    assert NO_ACT == silent


@pytest.mark.parametrize("rule", SUGGESTING, ids=lambda rule: rule.id)
def test_a_change_that_a_rule_suggests_silences_it_and_brings_nothing(
    rule: Rule, tmp_path: Path
) -> None:
    found = assess([str(as_stated(rule, tmp_path))], evidence=False, editable=True)
    venture = next(
        one for one in found.ventures if any(each.rule == rule.id for each in one.findings)
    )
    wanted = {each.message for each in venture.findings if each.rule == rule.id}
    cleared, brought = set(), {}
    for candidate in candidates_for(found, venture.iri):
        if candidate.rule != rule.id:
            continue
        outcome = what_if(found, candidate.change)
        cleared |= {each.message for _, each in outcome.lost if each.rule == rule.id}
        new = {each.rule for _, each in outcome.gained if each.effect in RISKS}
        if new - BRINGS.get(rule.id, set()):
            brought[candidate.sentence] = new
    assert (wanted, {}) == (cleared & wanted, brought)


@pytest.mark.parametrize("rule", SUGGESTING, ids=lambda rule: rule.id)
def test_only_levers_are_pulled(rule: Rule) -> None:
    constitutive = {ONTOLOGY.notation(iri) for iri in ONTOLOGY.constitutive}
    assert set(rule.levers) <= constitutive
    assert constitutive & set(rule.bases)
