"""What every shipped rule promises, with pySHACL as referee, and what its pages say."""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pyshacl
import pytest
from rdflib import RDF, Graph, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast import ruledocs, ruletest
from holdfast.assess import Assessment, VentureAssessment, assess
from holdfast.compile import reads_of
from holdfast.ontology import Ontology, read_ontology
from holdfast.reason.alone import Result
from holdfast.rules import EFFECTS, Rule, read_rule, read_rules
from holdfast.sources import quads_in
from holdfast.vocabulary import BASES, CONSTITUTIVE, HF, SH

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
FOLDERS = sorted(file.parent for file in RULES.glob("*/rule.ttl"))
JUDGING = [folder for folder in FOLDERS if (folder / "fires.ttl").is_file()]
ADDING = [folder for folder in FOLDERS if folder not in JUDGING]
FRAMEWORK = ROOT.parent / "shared" / "domain" / "framework.md"

PAPER = re.compile(r"https://w3id\.org/holdfast/id/paper/knight-smith-cropper-2001#L(\d+)(-L\d+)?")
HOUSE = "house judgement"
CASES = re.compile(r"easington|physical|leisure|health alliance", re.I)
EXAMPLES = "https://example.org/"
PREFIXES = {
    "dcterms": "http://purl.org/dc/terms/",
    "ex": EXAMPLES,
    "hf": HF,
    "org": "http://www.w3.org/ns/org#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "sh": SH,
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# What outsiders bring: with these alone nobody inside need agree (L716-719).
OUTSIDE = {
    HF + name
    for name in (
        "Appeal", "Duty", "Endorsement", "Evidence", "Ground", "Need", "NeedsAssessment", "Policy",
        "Purpose", "ReviewOfEvidence", "Venture",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def ontology() -> Ontology:
    return read_ontology()


@pytest.fixture(scope="module")
def rules(ontology: Ontology) -> dict[str, Rule]:
    return {rule.id: rule for rule in read_rules(ontology, RULES)}


@functools.cache
def shape(folder: Path) -> Graph:
    return Graph().parse(folder / "rule.ttl", format="turtle")


def facts(file: Path) -> Graph:
    """The triples of an example, under the prefixes that a query may use."""
    graph = Graph()
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace, override=True, replace=True)
    return graph.parse(file, format="turtle")


def told_by_the_referee(folder: Path, file: str) -> list[Result]:
    """What pySHACL reports of an example, result by result."""
    _, report, _ = pyshacl.validate(facts(folder / file), shacl_graph=shape(folder))
    assert isinstance(report, Graph)

    def term(result: Any, name: str) -> str:
        value = report.value(result, URIRef(SH + name))
        if value is None:
            return ""
        # through one parser and writer, so that literals read alike
        quads = list(
            ox.parse(f"<x:s> <x:p> {value.n3()} .".encode(), format=ox.RdfFormat.N_TRIPLES)
        )
        return str(quads[0].object)

    return sorted(
        Result(
            focus=term(result, "focusNode"),
            value=term(result, "value"),
            severity=term(result, "resultSeverity"),
            shape=term(result, "sourceShape"),
            message=str(report.value(result, URIRef(SH + "resultMessage"))),
        )
        for result in report.subjects(RDF.type, URIRef(SH + "ValidationResult"))
    )


def named(folders: Iterable[Path]) -> Any:
    return pytest.mark.parametrize("folder", list(folders), ids=lambda folder: folder.name)


# -- each rule and its examples --------------------------------------------------------------------


@named(FOLDERS)
def test_a_rule_does_what_its_examples_say(folder: Path, ontology: Ontology) -> None:
    outcome = ruletest.test_rule(folder, ontology)

    print(outcome.difference)
    assert [] == outcome.problems
    assert outcome.difference


@named(JUDGING)
def test_the_referee_finds_what_the_report_says(folder: Path) -> None:
    assert ruletest.expected_results(folder / "report.ttl") == told_by_the_referee(
        folder, "fires.ttl"
    )
    assert [] == told_by_the_referee(folder, "quiet.ttl")


@named(ADDING)
def test_the_referee_adds_what_follows(folder: Path) -> None:
    before = facts(folder / "before.ttl")
    stated = set(before)

    # pySHACL gives a wrapper that iterates quads
    outcome: Any = pyshacl.shacl_rules(before, shacl_graph=shape(folder), iterate_rules=True)
    added = {tuple(quad)[:3] for quad in outcome} - stated

    assert set(facts(folder / "after.ttl")) == added


@named(FOLDERS)
def test_a_rule_folder_is_complete(folder: Path) -> None:
    kind = "judgement" if folder in JUDGING else "inference"

    assert sorted(ruletest.FILES[kind]) == sorted(entry.name for entry in folder.iterdir())


@named(FOLDERS)
def test_a_rule_says_who_made_it_and_when(folder: Path) -> None:
    rule = URIRef(f"https://w3id.org/holdfast/rules/{folder.name}")
    said = {
        name: shape(folder).value(rule, URIRef(PREFIXES["dcterms"] + name))
        for name in ("identifier", "creator", "created", "modified")
    }

    assert folder.name == str(said["identifier"])
    assert None not in said.values()


# -- each rule in the house ------------------------------------------------------------------------


@named(JUDGING)
def test_a_remedy_acts_on_a_lever(folder: Path, rules: dict[str, Rule]) -> None:
    rule = rules[folder.name]

    assert rule.remedy
    assert set(rule.levers) <= set(CONSTITUTIVE)
    assert rule.levers or rule.effect != "undermines"


@named(FOLDERS)
def test_a_rule_knows_no_case(folder: Path) -> None:
    text = (folder / "rule.ttl").read_text(encoding="utf-8")
    prose = r'(dcterms:description|skos:scopeNote|hf:remedy|hf:reason)\s+"[^"]*"'

    assert [] == CASES.findall(re.sub(prose, "", text))


@named(FOLDERS)
def test_a_number_in_a_query_is_a_parameter(folder: Path, rules: dict[str, Rule]) -> None:
    rule = rules[folder.name]

    assert [] == ruletest.loose_numbers(rule)
    assert all(each.reason for each in rule.parameters)


@named(FOLDERS)
def test_a_rule_cites_the_paper_or_says_that_it_is_our_own(
    folder: Path, rules: dict[str, Rule]
) -> None:
    sources = rules[folder.name].sources

    assert [] == [each for each in sources if not PAPER.fullmatch(each) and HOUSE not in each]


@named(JUDGING)
def test_policy_evidence_and_need_alone_never_support_internal_legitimacy(
    folder: Path, rules: dict[str, Rule], ontology: Ontology
) -> None:
    rule = rules[folder.name]
    if rule.effect != "supports" or not {"internal-legitimacy", "legitimacy"} & set(rule.bases):
        return
    # what is counted is read, what is denied is not
    asked = _asked(rule.algebra)
    findings = {
        key.split()[1]
        for key in reads_of(rule.algebra, ontology.notations, BASES, EFFECTS).keys
        if key.startswith("finding ")
    }

    assert asked - OUTSIDE or findings & set(CONSTITUTIVE)


def _asked(node: Any) -> set[str]:
    """The classes that a query asks for, NOT EXISTS apart."""
    if isinstance(node, (list, tuple)):
        return {cls for part in node for cls in _asked(part)}
    if not isinstance(node, CompValue) or node.name in ("Builtin_NOTEXISTS", "Minus"):
        return set()
    if node.name == "BGP":
        return {
            str(o)
            for _, p, o in node.triples
            if p == RDF.type and not isinstance(o, Variable) and str(o) != HF + "Finding"
        }
    return {cls for key, part in node.items() if key != "_vars" for cls in _asked(part)}


# -- all rules together ----------------------------------------------------------------------------

OUTSIDERS = """
@prefix ex: <https://example.org/outsiders/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .

ex:forum a hf:Venture ;
  hf:has ex:aim , ex:appeal , ex:endorsement , ex:needs , ex:assessment , ex:policy , ex:report ;
  hf:mandatedBy ex:policy ;
  hf:stage hf:early .
ex:aim a hf:Purpose ; hf:answers ex:needs , ex:policy ; hf:topic ex:falls .
ex:appeal a hf:Appeal ; hf:appealsTo ex:needs , ex:policy , ex:report ; hf:madeBy ex:trust .
ex:assessment a hf:NeedsAssessment ; hf:continuing true .
ex:endorsement a hf:Endorsement ; hf:agreesWith ex:aim ; hf:by ex:ministry ; hf:under ex:policy .
ex:ministry a hf:Organisation ; hf:tier hf:national .
ex:needs a hf:Need ; hf:assessedBy ex:trust ; hf:topic ex:falls .
ex:policy a hf:Policy ; hf:issuedBy ex:ministry ; hf:topic ex:falls .
ex:report a hf:Evidence ; hf:topic ex:falls .
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """All examples of all rules in one register, each with names of its own, fully assessed."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "outsiders.ttl").write_text(OUTSIDERS, encoding="utf-8")
    with (folder / "examples.nt").open("w", encoding="utf-8") as lines:
        for rule in FOLDERS:
            for name in ("fires", "quiet", "before"):
                if (rule / f"{name}.ttl").is_file():
                    for quad in quads_in(rule / f"{name}.ttl"):
                        terms = (quad.subject, quad.predicate, quad.object)
                        moved = (_moved(str(term), f"{rule.name}/{name}") for term in terms)
                        lines.write(f"{' '.join(moved)} .\n")
    return assess([str(folder)], rules=RULES, today=date(2026, 11, 23), evidence=False)


def _moved(term: str, where: str) -> str:
    return term.replace(f"<{EXAMPLES}", f"<{EXAMPLES}{where}/")


def found_by(rule: str, ventures: Iterable[VentureAssessment], where: str) -> set[str]:
    """The ventures of an example that a rule has a finding about, as the full assessment has it."""
    home = f"{EXAMPLES}{rule}/{where}/"
    return {
        f"<{EXAMPLES}{venture.iri.removeprefix(home)}>"
        for venture in ventures
        if venture.iri.startswith(home)
        and any(finding.rule == rule for finding in venture.findings)
    }


@named(JUDGING)
def test_a_rule_fires_and_is_silent_among_all_others(folder: Path, together: Assessment) -> None:
    expected = {result.focus for result in ruletest.expected_results(folder / "report.ttl")}

    assert expected == found_by(folder.name, together.ventures, "fires")
    assert set() == found_by(folder.name, together.ventures, "quiet")


@named(ADDING)
def test_a_rule_adds_its_facts_among_all_others(folder: Path, together: Assessment) -> None:
    columns = together.columns
    for subject, predicate, value in ruletest.triples_in(folder / "after.ttl"):
        known = columns.value(
            f"SELECT count(*) FROM {columns.table(predicate[1:-1])} JOIN terms s ON s.id = s"
            " JOIN terms o ON o.id = o WHERE s.n3 = $subject AND o.n3 = $value",
            {
                "subject": _moved(subject, f"{folder.name}/before"),
                "value": _moved(value, f"{folder.name}/before"),
            },
        )
        assert known == 1, f"{subject} {predicate} {value} was not added"


def test_of_a_venture_that_has_ended_nothing_is_feared(tmp_path: Path) -> None:
    register = tmp_path / "bays.ttl"
    lines = [
        "@prefix ex: <https://example.org/> . @prefix hf: <https://w3id.org/holdfast/ns#> .",
        '@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . ex:bay0 hf:ended "2015"^^xsd:gYear .',
        *(
            f"ex:bay{n} a hf:Venture ; hf:topic ex:safety . ex:seat{n} a hf:Membership ;"
            f" hf:belongsTo ex:bay{n} ; hf:member ex:police ."
            for n in range(6)
        ),
    ]
    register.write_text("\n".join(lines), encoding="utf-8")

    ended, *going = assess([str(register)], today=date(2026, 11, 23), evidence=False).ventures

    assert () == ended.findings
    assert all(one.standing["fit"] == "weak" for one in going)


def test_outsiders_alone_never_make_a_venture_legitimate_within(together: Assessment) -> None:
    forum = together.venture(f"{EXAMPLES}outsiders/forum")

    assert forum.standing["external-legitimacy"] == "sound"
    assert forum.standing["internal-legitimacy"] not in ("sound", "contested", "hoped")


# -- what is said when an example is wrong ---------------------------------------------------------


def copied(name: str, tmp_path: Path, **changes: tuple[str, str]) -> Path:
    """A copy of a rule folder; `changes` gives for a file what to replace, and with what."""
    folder = tmp_path / name
    folder.mkdir()
    for file in (RULES / name).iterdir():
        text = file.read_text(encoding="utf-8")
        old, new = changes.get(file.stem, ("", ""))
        assert old in text
        (folder / file.name).write_text(text.replace(old, new) if old else text, encoding="utf-8")
    return folder


def test_a_fact_that_does_not_matter_is_named(tmp_path: Path, ontology: Ontology) -> None:
    idle = (
        "ex:coast-council hf:territory",
        "ex:mill a hf:Facility .\nex:coast-council hf:territory",
    )
    outcome = ruletest.test_rule(copied("poor-boundary-fit", tmp_path, fires=idle), ontology)

    assert any("example.org/mill" in problem for problem in outcome.problems)
    assert any("does not matter" in problem for problem in outcome.problems)


def test_another_message_is_told(tmp_path: Path, ontology: Ontology) -> None:
    other = ("works across", "reaches over")
    outcome = ruletest.test_rule(copied("poor-boundary-fit", tmp_path, report=other), ontology)

    assert ["expected, but not found", "found, but not expected"] == [
        problem.split(": ")[1] for problem in outcome.problems
    ]


def test_a_missing_file_is_told(tmp_path: Path, ontology: Ontology) -> None:
    folder = copied("poor-boundary-fit", tmp_path)
    (folder / "quiet.ttl").unlink()

    assert [
        f"{folder}: quiet.ttl is missing. A folder for a judgement rule holds rule.ttl, fires.ttl,"
        " quiet.ttl, report.ttl."
    ] == ruletest.test_rule(folder, ontology).problems


def test_the_difference_shows_what_was_changed() -> None:
    assert (
        "# only in fires.ttl\n"
        "ex:stroke-network hf:workingArea ex:hospital-catchment .\n\n"
        "# only in quiet.ttl\n"
        "ex:stroke-network hf:workingArea ex:coast-district .\n"
    ) == ruletest.difference(RULES / "poor-boundary-fit")


# -- pages -----------------------------------------------------------------------------------------


def test_the_pages_are_as_made(tmp_path: Path) -> None:
    made = {file.relative_to(tmp_path) for file in ruledocs.write_docs(tmp_path, rules=RULES)}
    kept = {file.relative_to(ROOT) for file in (ROOT / "docs" / "rules").glob("*.md")}

    assert kept <= made, "docs/rules has a page for a rule that is not there"
    for page in sorted(made):
        assert (ROOT / page).is_file(), f"{page} is missing; run holdfast rules docs"
        assert (tmp_path / page).read_text(encoding="utf-8") == (ROOT / page).read_text(
            encoding="utf-8"
        ), f"{page} is not what its rule says; run holdfast rules docs"


def test_every_link_of_the_index_leads_somewhere() -> None:
    text = (RULES / "README.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ +(.+)$", text, flags=re.M)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, fragment = target.partition("#")
        assert (RULES / path).exists() if path else fragment in headings, target


def test_every_number_of_the_paper_went_somewhere(rules: dict[str, Rule]) -> None:
    statements = {statement.number: statement for statement in ruledocs.read_statements(RULES)}
    carried = {number for rule in rules.values() for number in rule.notations}

    assert set() == {n for n in carried if re.fullmatch(r"P\d+", n)} - set(statements)
    assert set() == {n for n, each in statements.items() if n not in carried and not each.note}


def test_every_further_heuristic_went_somewhere(rules: dict[str, Rule]) -> None:
    heuristics = ruledocs.read_statements(RULES, "further-heuristics.tsv")
    numbers = [each.number for each in heuristics]
    carried = {number for rule in rules.values() for number in rule.notations if number[0] == "H"}

    assert [f"H{number:02}" for number in range(1, 64)] == numbers
    assert carried <= set(numbers)
    assert [] == [
        each.number for each in heuristics if not each.note and each.number not in carried
    ]


def test_every_statement_of_the_framework_has_its_number() -> None:
    if not FRAMEWORK.is_file():
        pytest.skip("The framework's own list is not here (../shared/domain/framework.md).")
    rows = re.findall(r"^\| (P\d+) \| ([^|]+) \|", FRAMEWORK.read_text(encoding="utf-8"), re.M)
    framework = {number: set(re.findall(r"L\d+(?:-\d+)?", lines)) for number, lines in rows}
    ours = {
        statement.number: {line.replace("-L", "-") for line in statement.lines}
        for statement in ruledocs.read_statements(RULES)
    }

    assert set(framework) == set(ours)
    assert {} == {n: lines for n, lines in ours.items() if not lines <= framework[n]}


def test_a_deactivated_rule_is_no_rule(tmp_path: Path, ontology: Ontology) -> None:
    off = ("sh:targetClass hf:Venture ;", "sh:targetClass hf:Venture ;\n  sh:deactivated true ;")
    folder = copied("poor-boundary-fit", tmp_path, rule=off)

    assert read_rule(folder, ontology) is None
    assert [] == ruletest.test_rule(folder, ontology).problems


def test_a_number_that_is_no_parameter_is_seen(tmp_path: Path, ontology: Ontology) -> None:
    odd = ("FILTER(?areas >= ?minAreas)", "FILTER(?areas >= ?minAreas && ?areas < 7)")
    outcome = ruletest.test_rule(copied("poor-boundary-fit", tmp_path, rule=odd), ontology)

    assert "nothing explains the number 7." in outcome.problems[0]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "rule", '"2026-11-23"^^xsd:date', '"2026-13-23"^^xsd:date',
            "dcterms:created “2026-13-23” is no xsd:date.",
        ),
        (
            "rule", '"2026-11-23"^^xsd:date', '"lately"',
            "dcterms:created “lately” is no xsd:date.",
        ),
        (
            "rule", "hf:basis hf:fit", 'hf:basis "fit"',
            "hf:basis is given as the text “fit”, and leads to a thing. Did you mean hf:fit?",
        ),
        (
            "rule", 'hf:status "experimental"', "hf:status hf:stated",
            "hf:status is given as a thing, and holds a value.",
        ),
        (
            "fires", "hf:workingArea ex:hospital", "hf:workingAera ex:hospital",
            "hf:workingAera is not a term of the ontology. Did you mean hf:workingArea?",
        ),
        (
            "quiet", "hf:workingArea ex:coast", "hf:workingAera ex:coast",
            "hf:workingAera is not a term of the ontology. Did you mean hf:workingArea?",
        ),
        (
            "quiet", "hf:workingArea ex:coast-district", 'hf:workingArea "the coast"',
            "“the coast” is a text where a thing is needed, and no rule knows which.",
        ),
    ],
)  # fmt: skip
def test_what_would_be_read_otherwise_than_it_was_meant_is_told(
    file: str, old: str, new: str, said: str, tmp_path: Path, ontology: Ontology
) -> None:
    folder = copied("poor-boundary-fit", tmp_path, **{file: (old, new)})

    problems = ruletest.test_rule(folder, ontology).problems

    assert any(said in problem for problem in problems), problems


# -- the tutorial ----------------------------------------------------------------------------------

TUTORIAL = (ROOT / "docs" / "write-a-rule.md").read_text(encoding="utf-8")
MISTAKES = re.findall(
    r"Write (?:`([^`]+)`|nothing) for\s`([^`]+)` in\s`([^`]+)`.*?```text\n(.*?)\n```",
    TUTORIAL,
    re.S,
)


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rule folder that the tutorial writes, beside its register; the work is done there."""
    monkeypatch.chdir(tmp_path)
    folder = Path("trial", "one-sector-venture")
    folder.mkdir(parents=True)
    for name, text in re.findall(r"^```turtle (\S+)\n(.*?)^```", TUTORIAL, flags=re.M | re.S):
        where = Path("trial") if "/" in name else folder if name != "landscape.ttl" else Path()
        Path("trial", name).parent.mkdir(exist_ok=True)
        (where / name).write_text(text, encoding="utf-8")
    return folder


def test_the_rule_of_the_tutorial_is_right(tutorial: Path, ontology: Ontology) -> None:
    outcome = ruletest.test_rule(tutorial, ontology)

    assert [] == outcome.problems
    assert outcome.difference in TUTORIAL


def test_the_rule_without_a_query_is_right_and_the_referee_agrees(
    tutorial: Path, ontology: Ontology
) -> None:
    folder = tutorial.parent / "national-partner"

    assert [] == ruletest.test_rule(folder, ontology).problems
    assert ["A partner is a national body."] == [
        result.message for result in told_by_the_referee(folder, "fires.ttl")
    ]
    assert [] == told_by_the_referee(folder, "quiet.ttl")


def test_the_tutorial_makes_mistakes() -> None:
    assert len(MISTAKES) == 6


@pytest.mark.parametrize(("new", "old", "name", "said"), MISTAKES)
def test_a_mistake_of_the_tutorial_is_told(
    new: str, old: str, name: str, said: str, tutorial: Path, ontology: Ontology
) -> None:
    text = (tutorial / name).read_text(encoding="utf-8")
    assert old in text
    (tutorial / name).write_text(text.replace(old, new), encoding="utf-8")

    assert said.splitlines() == ruletest.test_rule(tutorial, ontology).problems


def test_the_rule_of_the_tutorial_hits_whom_it_should(tutorial: Path) -> None:
    for name in ("partners-of-a-venture", "what-a-venture-has", "working-partners"):
        shutil.copytree(RULES / name, tutorial.parent / name)

    assessed = assess(["landscape.ttl"], rules=tutorial.parent, today=date(2026, 11, 23))

    assert ["All partners of Falls Partnership come from health."] == [
        finding.message for finding in assessed.venture("falls-partnership").findings
    ]
    assert f"“{assessed.ventures[0].findings[0].message}”" in TUTORIAL
