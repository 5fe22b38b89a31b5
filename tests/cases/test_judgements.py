"""The reasoner reaches the authors' judgements from the facts of the two cases, phase by phase."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pyoxigraph as ox
import pytest

from holdfast.assess import VentureAssessment

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT.parent / "shared" / "domain"
REGISTERS = {
    "A": ROOT / "kb" / "graphs" / "physical-activity.trig",
    "B": ROOT / "kb" / "graphs" / "easington.trig",
}
HF = "https://w3id.org/holdfast/ns#"
DCTERMS = "http://purl.org/dc/terms/"
PAPER = "https://w3id.org/holdfast/id/paper/knight-smith-cropper-2001#"
FACTS = {"A": 62, "B": 51}

Assessed = Callable[[str], VentureAssessment]

MUST_FIRE = {
    "A1": (
        "attendance-decline",
        "driven-by-few",
        "essential-partner-missing",
        "institutional-resistance",
        "internal-legitimacy-unbuilt",
        "no-common-purpose",
        "no-resources-for-participation",
        "partial-priority-alignment",
        "poor-boundary-fit",
        "senior-players-absent",
        "task-exceeds-agreement",
        "token-membership",
        "underpowered-post",
    ),
    "A2": ("early-opportunity-lost", "imposed-timescale", "missing-delivery-link"),
    "A3": ("contested-need", "internal-legitimacy-unbuilt", "little-value-on-joint-working"),
    "A4": ("invisible-identity", "poor-boundary-fit", "underpowered-post"),
    "A5": (
        "competing-guidance",
        "conduct-builds-no-value",
        "dissipates-resources",
        "institutional-resistance",
        "limited-ownership",
        "no-core-productive-capacity",
        "poor-boundary-fit",
        "post-adoption-drift",
        "security-threatened",
        "tenuous-connection",
        "unclear-relation-to-existing-ventures",
        "underpowered-post",
        "undone-legitimacy",
    ),
    "B1": ("subsidy-dependence",),
    "B2": ("involvement-downgraded",),
    "B3": (
        "involvement-downgraded",
        "no-regular-review",
        "person-dependence",
        "planning-process-gap",
        "security-threatened",
        "unclear-terms-and-weak-communication",
        "uninformed-participants",
    ),
}
"""The risks and watches that the paper names, by the phase in which they must be found."""

NEVER_IN_EASINGTON = (
    "essential-partner-missing",
    "limited-ownership",
    "no-common-purpose",
    "poor-boundary-fit",
    "unclear-relation-to-existing-ventures",
    "underpowered-post",
)
CLEARED = {
    "A6": ("poor-boundary-fit", "unclear-relation-to-existing-ventures", "underpowered-post"),
    "B2": ("subsidy-dependence",),
    "B4": ("person-dependence", "security-threatened", "subsidy-dependence"),
}

STANDINGS = {
    ("A1", "external-legitimacy"): {"sound"},
    ("A1", "productivity"): {"hoped"},
    ("A2", "productivity"): {"weak"},
    ("A3", "internal-legitimacy"): {"weak"},
    ("A5", "purpose"): {"weak"},
    ("A5", "capacity"): {"weak"},
    ("A5", "fit"): {"weak"},
    ("A5", "conduct"): {"weak"},
    ("A5", "external-legitimacy"): {"sound"},
    ("A5", "internal-legitimacy"): {"weak"},
    ("A5", "security"): {"weak"},
    ("A6", "fit"): {"sound"},
    ("A6", "internal-legitimacy"): {"sound"},
    ("A6", "adaptability"): {"sound"},
    ("B1", "capacity"): {"sound"},
    ("B1", "fit"): {"sound"},
    ("B1", "adaptability"): {"unknown"},
    ("B3", "productivity"): {"sound"},
    ("B3", "conduct"): {"weak", "contested"},
    ("B4", "security"): {"sound"},
    ("B4", "adaptability"): {"sound"},
}
"""The judgements on which the paper's argument turns; the full table stands in ../shared."""


def _expected() -> list[tuple[str, str, str]]:
    """(phase, basis, standings allowed) for each row of the table, or none where it is absent."""
    table = DOMAIN / "judgements.tsv"
    if not table.exists():
        return []
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    return [(phase, basis, standing) for _, phase, basis, standing, *_ in rows]


def _rules(venture: VentureAssessment, *effects: str) -> set[str]:
    return {finding.rule for finding in venture.findings if finding.effect in effects}


@pytest.mark.skipif(not DOMAIN.exists(), reason="../shared/domain/judgements.tsv is absent")
def test_the_table_of_judgements_has_all_its_rows() -> None:
    assert 64 == len(_expected())


@pytest.mark.parametrize(("phase", "basis", "standings"), _expected())
def test_a_basis_stands_as_the_authors_judge_it(
    assessed: Assessed, phase: str, basis: str, standings: str
) -> None:
    assert assessed(phase).standing[basis] in standings.split("|")


@pytest.mark.parametrize(
    ("phase", "basis", "standings"), [(*key, value) for key, value in STANDINGS.items()]
)
def test_a_basis_on_which_the_argument_turns_stands_as_judged(
    assessed: Assessed, phase: str, basis: str, standings: set[str]
) -> None:
    assert assessed(phase).standing[basis] in standings


@pytest.mark.parametrize(
    ("phase", "rule"), [(phase, rule) for phase, rules in MUST_FIRE.items() for rule in rules]
)
def test_a_risk_that_the_paper_names_is_found(assessed: Assessed, phase: str, rule: str) -> None:
    assert rule in _rules(assessed(phase), "undermines", "watch")


@pytest.mark.parametrize("phase", ["B1", "B2", "B3", "B4"])
@pytest.mark.parametrize("rule", NEVER_IN_EASINGTON)
def test_a_risk_of_the_other_case_is_not_found_in_easington(
    assessed: Assessed, phase: str, rule: str
) -> None:
    assert rule not in _rules(assessed(phase), "undermines", "watch")


@pytest.mark.parametrize(
    ("phase", "rule"), [(phase, rule) for phase, rules in CLEARED.items() for rule in rules]
)
def test_a_risk_is_cleared_once_its_ground_is_gone(
    assessed: Assessed, phase: str, rule: str
) -> None:
    assert rule not in _rules(assessed(phase), "undermines")


def test_nothing_is_undermined_after_the_new_start(assessed: Assessed) -> None:
    assert set() == _rules(assessed("A6"), "undermines")


def test_a_downgraded_involvement_is_a_watch_and_no_fault(assessed: Assessed) -> None:
    assert {"watch"} == {
        finding.effect
        for finding in assessed("B3").findings
        if finding.rule == "involvement-downgraded"
    }


@pytest.mark.parametrize("phase", ["A1", "A3", "A5", "A6", "B1", "B3", "B4"])
def test_a_message_is_a_short_plain_sentence(assessed: Assessed, phase: str) -> None:
    for finding in assessed(phase).findings:
        assert finding.message.endswith("."), finding.message
        assert 30 >= len(finding.message.split()), finding.message
        assert not re.search(r"https?:|_:|\{[$?]| something ", finding.message), finding.message
        name = assessed(phase).label
        assert 1 >= finding.message.count(name), finding.message


# The registers


@cache
def _quads(case: str) -> tuple[ox.Quad, ...]:
    text = REGISTERS[case].read_text(encoding="utf-8")
    return tuple(ox.parse(text, format=ox.RdfFormat.TRIG))


def _values(case: str, predicate: str) -> Iterator[tuple[str, str]]:
    for quad in _quads(case):
        if quad.predicate.value == predicate:
            assert not isinstance(quad.subject, ox.Triple)
            assert not isinstance(quad.object, ox.Triple)
            yield quad.subject.value.rsplit("/", 1)[-1], quad.object.value


@pytest.mark.parametrize("case", ["A", "B"])
def test_every_fact_is_in_the_register_and_says_something(case: str) -> None:
    expected = {f"{case}{number:02}" for number in range(1, FACTS[case] + 1)}
    graphs = {
        quad.graph_name.value.rsplit("/", 1)[-1]
        for quad in _quads(case)
        if isinstance(quad.graph_name, ox.NamedNode)
    }
    assert expected == {identifier for _, identifier in _values(case, f"{DCTERMS}identifier")}
    assert expected == {name for name in graphs if re.fullmatch(r"[AB]\d\d", name)}


@pytest.mark.skipif(not DOMAIN.exists(), reason="../shared/domain/cases.md is absent")
@pytest.mark.parametrize("case", ["A", "B"])
def test_every_fact_points_at_the_lines_that_state_it(case: str) -> None:
    rows = re.findall(
        rf"^\| ({case}\d\d) \| [^|]* \| [^|]* \| (L\d+(?:-\d+)?) \|",
        (DOMAIN / "cases.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert FACTS[case] == len(rows)
    expected = {fact: PAPER + lines.replace("-", "-L") for fact, lines in rows}
    sources = {
        fact: source
        for fact, source in _values(case, f"{DCTERMS}source")
        if re.fullmatch(r"[AB]\d\d", fact)
    }
    assert expected == sources


@pytest.mark.parametrize("case", ["A", "B"])
def test_a_register_holds_no_judgement(case: str) -> None:
    judging = {HF + name for name in ("Finding", "Judgement", "NotAssessed", "Past", "Rule")}
    inferred = {
        HF + name
        for name in (
            "aboutBasis",
            "basis",
            "effect",
            "has",
            "judgedAgainst",
            "lacks",
            "outlook",
            "rule",
            "standing",
            "venture",
        )
    }
    terms = {"sound", "contested", "hoped", "unknown", "supports", "undermines", "watch", "hopes"}
    for quad in _quads(case):
        assert quad.predicate.value not in inferred, quad
        if isinstance(quad.object, ox.NamedNode):
            assert quad.object.value not in judging, quad
            assert quad.object.value not in {HF + term for term in terms}, quad
            assert not quad.object.value.startswith("https://w3id.org/holdfast/rules/"), quad
