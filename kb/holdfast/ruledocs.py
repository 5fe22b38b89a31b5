"""Pages about the rules, made from the rule folders: nothing is said twice by hand."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.compile import meets, reads_of, template_keys
from holdfast.memory import usual_memory
from holdfast.ontology import Ontology, read_ontology, statements_in
from holdfast.queries import iris_in
from holdfast.rules import EFFECTS, Rule, read_rules
from holdfast.ruletest import difference, expected_results
from holdfast.shipped import shipped_folder
from holdfast.vocabulary import BASES, CONSTITUTIVE, HF, SKOS

PARTS = (
    ("The theory", 1, 22, "What the paper says of collaboration at large."),
    ("The chain", 30, 40, "How the bases rest on each other, and when each of them matters."),
    ("From the first case", 41, 77, "Promoting physical activity in a health district."),
    (
        "From the second case",
        80,
        104,
        "A board that commissions for a district divided among authorities.",
    ),
)
"""The parts into which the numbers of the paper's statements fall, each with its first and last."""

SAYS = {
    "supports": "supports",
    "undermines": "undermines",
    "hopes": "gives hope for",
    "watch": "asks to watch",
}

FOOT = "*Made by `holdfast rules docs`. To change it, change the rule folder.*\n"


@dataclass(frozen=True)
class Statement:
    """One numbered statement, of the paper or found elsewhere: its lines in the paper, what it
    says, and where it went if not (only) to rules."""

    number: str
    lines: tuple[str, ...]
    saying: str
    note: str


@dataclass(frozen=True)
class _House:
    rules: tuple[Rule, ...]
    ontology: Ontology
    stages: dict[str, str]
    statements: tuple[Statement, ...]
    heuristics: tuple[Statement, ...]
    readers: dict[str, list[Rule]]


def write_docs(out: Path, *, rules: Path | None = None) -> list[Path]:
    """Write a page for each rule, its indexes, and where statements went, below the folder `out`.

    The rules are those of the folder `rules`, by default the shipped ones; docs/paper-rules.md is
    made where that folder has a paper-numbers.tsv, docs/further-heuristics.md where it has a
    further-heuristics.tsv. Returns the files written, in order. The same rules give the same pages
    to the last byte.
    """
    folder = rules or shipped_folder("rules")
    house = _read(folder)
    pages = {Path("docs", "rules", f"{rule.id}.md"): _page(rule, house) for rule in house.rules}
    pages[Path("rules", "README.md")] = _index(house)
    if house.statements:
        pages[Path("docs", "paper-rules.md")] = _paper(house)
    if house.heuristics:
        pages[Path("docs", "further-heuristics.md")] = _further(house)
    for place, text in pages.items():
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).write_text(text, encoding="utf-8")
    return sorted(out / place for place in pages)


def read_statements(
    folder: Path | None = None, name: str = "paper-numbers.tsv"
) -> tuple[Statement, ...]:
    """The numbered statements in a table of a folder of rules, if it has it; else the paper's."""
    file = (folder or shipped_folder("rules")) / name
    if not file.is_file():
        return ()
    with file.open(encoding="utf-8", newline="") as stream:
        return tuple(
            Statement(
                row["number"],
                tuple(row["lines"].split(", ")) if "lines" in row else (),
                row["saying"],
                row["note"] or "",
            )
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        )


def _read(folder: Path) -> _House:
    ontology = read_ontology()
    with usual_memory() as memory:
        rules = read_rules(ontology, folder, memory)
    facts = statements_in(ontology.files)
    stages = sorted(
        (iri for iri, of in facts.items() if f"{HF}stages" in of.get(SKOS + "inScheme", [])),
        key=lambda iri: float(facts[iri].get(HF + "order", ["0"])[0]),
    )
    return _House(
        rules=rules,
        ontology=ontology,
        stages={iri: ontology.terms[iri] for iri in stages},
        statements=read_statements(folder),
        heuristics=read_statements(folder, "further-heuristics.tsv"),
        readers=_readers(rules, ontology),
    )


def _readers(rules: Sequence[Rule], ontology: Ontology) -> dict[str, list[Rule]]:
    """For each rule the rules that read what it concludes."""
    reads = {rule.id: reads_of(rule.algebra, ontology.notations, BASES, EFFECTS) for rule in rules}
    written = {
        rule.id: template_keys(rule.algebra, {})
        if rule.kind == "inference"
        else frozenset(f"finding {basis} {rule.effect}" for basis in rule.bases)
        for rule in rules
    }
    return {
        writer.id: [
            reader
            for reader in rules
            if reader.id != writer.id
            and any(
                meets(key, made)
                for key in reads[reader.id].keys | reads[reader.id].below
                for made in written[writer.id]
            )
        ]
        for writer in rules
    }


# -- a page for each rule -------------------------------------------------------------------------


def _page(rule: Rule, house: _House) -> str:
    judges = rule.kind == "judgement"
    folder = rule.file.parent
    heads = [
        ("What it means", rule.description),
        ("Fires here", _fires(rule)),
        ("Silent here", _silent(rule))
        if judges
        else ("What it adds", _turtle(folder / "after.ttl")),
        ("Why", _why(rule, house)),
        ("What to do", _what_to_do(rule)),
        ("Known gaps", rule.scope_note),
        ("Source", _source(rule)),
        ("The query", _query(rule)),
        ("Parameters", _parameters(rule)),
    ]
    sections = "\n\n".join(f"## {head}\n\n{text}" for head, text in heads)
    return f"# {rule.label}\n\n{_card(rule, house)}\n\n{sections}\n\n{FOOT}"


def _card(rule: Rule, house: _House) -> str:
    stages = ", ".join(_stages_of(rule, house)) or "any"
    if rule.kind == "judgement":
        rows = [
            ("rule", f"[`{rule.id}`](../../rules/{rule.id}/rule.ttl)"),
            ("finding", f"{SAYS[rule.effect]} {_links(rule.bases, '../../rules/README.md')}"),
            ("stage", stages),
            ("severity", rule.severity),
            ("certainty", f"{rule.certainty} at best"),
            ("status", rule.status),
        ]
    else:
        rows = [
            ("rule", f"[`{rule.id}`](../../rules/{rule.id}/rule.ttl)"),
            ("finding", "none: it adds facts that other rules read, and judges nothing"),
            ("status", rule.status),
        ]
    return _table(("", ""), rows)


def _fires(rule: Rule) -> str:
    folder = rule.file.parent
    if rule.kind == "inference":
        return f"Where this is stated:\n\n{_turtle(folder / 'before.ttl')}"
    said = sorted({_in_words(result.message) for result in expected_results(folder / "report.ttl")})
    told = "\n>\n".join(f"> {sentence}" for sentence in said)
    return f"{_turtle(folder / 'fires.ttl')}\n\nThe rule then says:\n\n{told}"


def _silent(rule: Rule) -> str:
    return (
        "In the nearest neighbour, which is the same but for this:\n\n"
        f"```turtle\n{difference(rule.file.parent).strip()}\n```"
    )


def _why(rule: Rule, house: _House) -> str:
    said = [
        f"- {statement.saying}"
        f" ([{statement.number}](../paper-rules.md#{_anchor(_part(statement)[0])}))"
        for statement in house.statements
        if statement.number in rule.notations
    ]
    lines = ["The paper:", "", *said, ""] if said else []
    further = [
        f"- {each.saying} ([{each.number}](../further-heuristics.md))"
        for each in house.heuristics
        if each.number in rule.notations
    ]
    if further:
        lines += ["Others have found, or ask in practice:", "", *further, ""]
    if not said and not further and rule.kind == "judgement":
        lines = [
            "None of the paper's numbered statements is behind it, but what stands under Source.",
            "",
        ]
    readers = house.readers[rule.id]
    concluded = "concludes" if rule.kind == "judgement" else "adds"
    if len(readers) > 12:
        lines.append(f"What it {concluded} is read by {len(readers)} other rules.")
    elif readers:
        lines.append(f"What it {concluded} is read by {_rule_links(readers, '')}.")
    else:
        lines.append(f"No other rule reads what it {concluded}.")
    return "\n".join(lines)


def _what_to_do(rule: Rule) -> str:
    if rule.kind == "inference":
        return "Nothing: the rule adds facts and judges none of them."
    said = [rule.remedy]
    if rule.levers:
        said.append(f"The lever is {_links(rule.levers, '../../rules/README.md')}.")
    if rule.changes:
        listed = "\n".join(f"- {_with_holes(change.message)}" for change in rule.changes)
        said.append(f"`holdfast remedies` tries these changes:\n\n{listed}")
    elif rule.effect in ("undermines", "watch"):
        said.append(
            "`holdfast remedies` tries no change for it: either no act of the partners undoes it,"
            " or it goes with the findings that it rests on."
        )
    return "\n\n".join(said)


def _source(rule: Rule) -> str:
    places = [
        f"[lines {part}]({iri})"
        if (part := _lines_in(iri))
        else (f"<{iri}>" if "://" in iri else iri)
        for iri in rule.sources
    ]
    paper = any("/paper/" in iri for iri in rule.sources)
    return f"{'Knight, Smith and Cropper (2001), ' if paper else ''}{', '.join(places)}"


def _query(rule: Rule) -> str:
    text = f"```sparql\n{_flush(rule.query)}\n```"
    if not rule.judged:
        return text
    return f"The rule is a shape of SHACL Core. This is the query that it comes to.\n\n{text}"


def _parameters(rule: Rule) -> str:
    if not rule.parameters:
        return "None."
    rows = [(f"`{each.name}`", each.default, each.reason) for each in rule.parameters]
    return _table(("name", "default", "why this number"), rows)


# -- the index ------------------------------------------------------------------------------------


def _index(house: _House) -> str:
    judging = [rule for rule in house.rules if rule.kind == "judgement"]
    adding = [rule for rule in house.rules if rule.kind == "inference"]
    bases = [(basis, [rule for rule in judging if basis in rule.bases]) for basis in BASES]
    parts = [
        "# The rules",
        f"What to worry about: {len(judging)} rules that judge, and {len(adding)} that add facts"
        " for them to read. Each is a folder with the rule and the examples that prove it; its page"
        " shows them.",
        "[How to write a rule](../docs/write-a-rule.md) begins from nothing,"
        " [six steps](../CONTRIBUTING.md#add-a-rule-in-six-steps) are the short form, and"
        " [where the paper went](../docs/paper-rules.md) tells which rule has which statement of"
        " the paper, and [further heuristics](../docs/further-heuristics.md) what became of those"
        " found elsewhere.",
        "- By basis: " + " · ".join(f"[{_words(b)}](#{b}) {len(of)}" for b, of in bases if of),
        "- By stage: "
        + " · ".join(
            f"[{stage}](#{_anchor(stage)})" for stage in [*house.stages.values(), "any stage"]
        ),
        "- [Rules that add facts](#rules-that-add-facts)",
    ]
    parts[3:] = ["\n".join(parts[3:])]
    for basis, rules in bases:
        if rules:
            kind = (
                "a lever"
                if basis in CONSTITUTIVE
                else "a product: advice goes to the levers beneath it"
            )
            parts += [f"## {_words(basis).capitalize()}", f"*{kind}*", _listing(rules, house)]
    for stage in house.stages.values():
        parts += [
            f"## {stage.capitalize()}",
            "Rules that read this stage:",
            _names([rule for rule in judging if stage in _stages_of(rule, house)]),
        ]
    parts += [
        "## Any stage",
        "Rules that read no stage:",
        _names([r for r in judging if not _stages_of(r, house)]),
    ]
    rows = [(f"[`{rule.id}`](../docs/rules/{rule.id}.md)", rule.label) for rule in adding]
    parts += ["## Rules that add facts", _table(("rule", "what it says"), rows), FOOT]
    return "\n\n".join(parts)


def _listing(rules: Iterable[Rule], house: _House) -> str:
    ordered = sorted(
        rules,
        key=lambda rule: (("undermines", "watch", "hopes", "supports").index(rule.effect), rule.id),
    )
    rows = [
        (
            f"[`{rule.id}`](../docs/rules/{rule.id}.md)",
            rule.label,
            rule.effect,
            ", ".join(_stages_of(rule, house)) or "any",
            " ".join(rule.notations),
        )
        for rule in ordered
    ]
    return _table(("rule", "what it says", "effect", "stage", "paper"), rows)


def _names(rules: Sequence[Rule]) -> str:
    return _rule_links(rules, "../docs/rules") or "None."


# -- where the paper went -------------------------------------------------------------------------


def _paper(house: _House) -> str:
    text = [
        "# Where the paper went",
        f"Knight, Smith and Cropper (2001) is read here as {len(house.statements)} numbered"
        " statements. For each, the rules that carry it, or what became of it instead. The lines"
        " are those of the text that registers and rules cite.",
    ]
    for head, first, last, about in PARTS:
        rows = [
            (
                statement.number,
                ", ".join(f"[{line}]({_PAPER}{line})" for line in statement.lines),
                statement.saying,
                _went(statement, house.rules),
            )
            for statement in house.statements
            if first <= int(statement.number[1:]) <= last
        ]
        text += [f"## {head}", about, _table(("", "lines", "the paper", "went to"), rows)]
    numbers = {statement.number for statement in house.statements}
    unnumbered = [
        rule
        for rule in house.rules
        if numbers.isdisjoint(rule.notations) and rule.kind == "judgement"
    ]
    text += [
        "## Rules without a number",
        "They rest on lines of the paper, or on what their pages say, but on no numbered"
        " statement:",
        _rule_links(unnumbered, "rules"),
        "Rules that only prepare facts for others are listed"
        " [by themselves](../rules/README.md#rules-that-add-facts).",
        FOOT,
    ]
    return "\n\n".join(text)


_PAPER = "https://w3id.org/holdfast/id/paper/knight-smith-cropper-2001#"


def _further(house: _House) -> str:
    rows = [(each.number, each.saying, _went(each, house.rules)) for each in house.heuristics]
    return "\n\n".join(
        [
            "# Further heuristics",
            f"What research, auditors and survey instruments worry about beyond the paper, in"
            f" {len(rows)} statements: for each, the rule that carries it, what shows it instead,"
            " or why nothing does. A rule is written only where a register can state what it needs,"
            " and where its number is somebody's finding or is not needed.",
            _table(("", "it is said that", "went to"), rows),
            "Deliberately no rules, because the evidence speaks against them: that members come and"
            " go, how many sectors take part, that there is a steering committee, that there is a"
            " lead organisation, and that areas agree, by itself.",
            FOOT,
        ]
    )


def _went(statement: Statement, rules: Iterable[Rule]) -> str:
    links = _rule_links([rule for rule in rules if statement.number in rule.notations], "rules")
    return ". ".join(part for part in (links, statement.note) if part)


def _part(statement: Statement) -> tuple[str, int, int, str]:
    return next(part for part in PARTS if part[1] <= int(statement.number[1:]) <= part[2])


# -- pieces ---------------------------------------------------------------------------------------


def _stages_of(rule: Rule, house: _House) -> list[str]:
    """The stages that a rule's query names, in order."""
    named = set(iris_in(rule.algebra))
    return [label for iri, label in house.stages.items() if iri in named]


def _rule_links(rules: Iterable[Rule], folder: str) -> str:
    prefix = f"{folder}/" if folder else ""
    return ", ".join(f"[`{rule.id}`]({prefix}{rule.id}.md)" for rule in rules)


def _links(bases: Iterable[str], page: str) -> str:
    linked = [f"[{_words(basis)}]({page}#{basis})" for basis in bases]
    return " and ".join([", ".join(linked[:-1]), linked[-1]] if len(linked) > 1 else linked)


def _words(notation: str) -> str:
    return notation.replace("-", " ")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lines_in(iri: str) -> str:
    found = re.search(r"#L(\d+)(?:-L(\d+))?$", iri)
    return " to ".join(part for part in found.groups() if part) if found else ""


def _turtle(file: Path) -> str:
    lines = [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if not line.startswith("@prefix")
    ]
    return f"```turtle\n{chr(10).join(lines).strip()}\n```"


def _flush(query: str) -> str:
    """A query without the indent that it has inside Turtle."""
    lines = query.strip("\n").rstrip().splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:].rstrip() for line in lines)


def _with_holes(message: str) -> str:
    """The message of a suggestion, with what it names of a register as a word in italics."""
    text = message.replace("{$this}", "the venture")
    return re.sub(r"\{[?$](\w+)\}", lambda hole: f"*{hole[1]}*", text)


def _in_words(message: str) -> str:
    """A message of a report, with the last part of each IRI in place of the whole."""

    def name(found: re.Match[str]) -> str:
        return re.split(r"[/#]", found[0])[-1].replace("-", " ")

    text = re.sub(r"https?://[^\s,;]*\w", name, message)
    return text[:1].upper() + text[1:]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return (
            "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
        )

    return "\n".join([line(heads), "|" + "---|" * len(heads), *(line(row) for row in rows)])
