"""A check of a register shown: in words, as JSON, Turtle, SARIF, a page, and mends to be run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pyoxigraph as ox
from rich.console import Console

from holdfast.errors import clean
from holdfast.publication import DQV, PUBLICATION, WORST_FIRST, Check, Measurement, Shortfall
from holdfast.render import report_sarif, report_turtle
from holdfast.terminal import say
from holdfast.vocabulary import DCTERMS, RDF_TYPE, RDFS, SKOS, XSD

FEW = 5
"""So many things with the same shortfall are named; the rest are counted."""

VERDICTS = {"violation": "must", "warning": "should", "info": "may"}
"""What each severity means for whoever keeps the register."""


def grouped(shortfalls: Iterable[Shortfall]) -> list[tuple[Shortfall, list[Shortfall]]]:
    """Shortfalls that say the same of things of one kind, each with all that share it."""
    found: dict[tuple[str, str, str, str], list[Shortfall]] = {}
    for one in shortfalls:
        found.setdefault((one.severity, one.kind, one.field, one.message), []).append(one)
    ordered = sorted(
        found.values(), key=lambda s: (WORST_FIRST.index(s[0].severity), -len(s), s[0].message)
    )
    return [(same[0], same) for same in ordered]


def verdict(found: Check) -> str:
    """In one sentence, whether the register can be published."""
    counts = found.counts()
    if not found.shortfalls:
        return "Nothing falls short: it can be published."
    must, should, may = (counts[word] for word in WORST_FIRST)
    first = "It cannot be published yet" if must else "It can be published"
    return f"{first}: {must} must be mended, {should} should be, {may} would help."


def show_check(console: Console, found: Check) -> None:
    """A check in sentences: what falls short, then how good the register is."""
    for iri, title in found.registers:
        say(console, f"{title} <{iri}>", style="bold")
    say(console, verdict(found), style="bold")
    for one, same in grouped(found.shortfalls):
        console.print()
        what = f"{one.kind}, {one.field}" if one.field else one.kind
        many = f" ({len(same):,})" if len(same) > 1 else ""
        say(console, f"{what}{many}: {one.message}", lead=f"{VERDICTS[one.severity]}: ")
        for each in same[:FEW]:
            at = f" ({each.file}: line {each.line})" if each.file else ""
            iri = f" <{each.iri}>" if each.iri and each.iri != each.name else ""
            say(console, f"{each.name}{iri}{at}", lead="  - ")
        if len(same) > FEW:
            say(console, f"and {len(same) - FEW:,} more", lead="  - ")
    console.print()
    say(console, "How good it is", style="bold")
    for measure in _worst_first(found.measurements):
        say(console, f"{measure.label}: {figure(measure)}", lead="  ")


def check_text(found: Check) -> str:
    """What `show_check` shows, as text without colour or broken lines."""
    written = io.StringIO()
    show_check(Console(file=written, width=100_000, highlight=False), found)
    return written.getvalue()


def _worst_first(measurements: Sequence[Measurement]) -> list[Measurement]:
    order = ("completeness", "consistency", "identification", "timeliness")
    known = [m for m in measurements if m.of != 0]
    return sorted(
        known, key=lambda m: (order.index(m.dimension) if m.dimension in order else 9, m.label)
    )


def figure(measure: Measurement) -> str:
    """The value of a measurement as people read it."""
    if measure.of is not None and measure.met is not None:
        share = f"{measure.met / measure.of:.0%}" if measure.of else "nothing to measure"
        if measure.of and measure.met < measure.of and share == "100%":
            share = "nearly 100%"
        return f"{share} ({measure.met:,} of {measure.of:,})"
    return "not known" if measure.value is None else f"{measure.value:,}"


def check_json(found: Check) -> str:
    """A check as JSON; docs/publication.md describes it."""
    whole = {
        "registers": [{"iri": iri, "title": title} for iri, title in found.registers],
        "day": found.day.isoformat(),
        "publishable": not found.counts()["violation"],
        "counts": found.counts(),
        "shortfalls": [
            {
                "iri": one.iri,
                "name": one.name,
                "kind": one.kind,
                "field": one.field or None,
                "severity": one.severity,
                "message": one.message,
                "demand": one.demand if one.demand.startswith("http") else None,
                "file": str(one.file) if one.file else None,
                "line": one.line,
            }
            for one in found.shortfalls
        ],
        "quality": [
            {
                "metric": m.metric,
                "dimension": m.dimension,
                "label": m.label,
                "value": m.value,
                "met": m.met,
                "of": m.of,
            }
            for m in found.measurements
        ],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def check_sarif(found: Check, version: str) -> str:
    """The shortfalls in SARIF 2.1.0, as code scanners and editors read it."""
    told: dict[str, Any] = json.loads(report_sarif(found.report, version))
    levels = {"violation": "error", "warning": "warning", "info": "note"}
    demands = sorted({_rule_id(one) for one in found.shortfalls})
    results: list[dict[str, Any]] = []
    for one in found.shortfalls:
        where: dict[str, Any] = {}
        if one.iri:
            where["logicalLocations"] = [{"fullyQualifiedName": one.iri}]
        if one.file and one.line:
            where["physicalLocation"] = {
                "artifactLocation": {"uri": one.file.as_posix()},
                "region": {"startLine": one.line},
            }
        results.append(
            {
                "ruleId": _rule_id(one),
                "level": levels[one.severity],
                "message": {"text": clean(f"{one.name}: {one.message}")},
                "locations": [where] if where else [],
            }
        )
    run = told["runs"][0]
    run["tool"]["driver"]["rules"] = [
        {"id": name, "helpUri": f"{PUBLICATION}{name}"} for name in demands
    ]
    run["results"] = results
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _rule_id(one: Shortfall) -> str:
    return one.demand.rsplit("/", 1)[-1] if one.demand.startswith("http") else one.kind


def quality_triples(found: Check) -> list[ox.Triple]:
    """The measurements as data (W3C Data Quality Vocabulary), each computed on the registers.

    Without a described register they are computed on a dataset that the sources name.
    """
    triples: list[ox.Triple] = []

    def say_that(subject: Any, predicate: str, value: Any) -> None:
        triples.append(ox.Triple(subject, ox.NamedNode(predicate), value))

    about: list[Any] = [ox.NamedNode(iri) for iri, _ in found.registers]
    if not about:
        about = [ox.BlankNode("sources")]
        say_that(about[0], RDF_TYPE, ox.NamedNode("http://www.w3.org/ns/dcat#Dataset"))
        say_that(about[0], DCTERMS + "title", ox.Literal(", ".join(found.sources)))
    day = ox.Literal(found.day.isoformat(), datatype=ox.NamedNode(XSD + "date"))
    for place, measure in enumerate(found.measurements):
        if measure.value is None:
            continue
        named = measure.metric.startswith("http")
        metric: Any = ox.NamedNode(measure.metric) if named else ox.BlankNode(f"metric{place}")
        node = ox.BlankNode(f"measurement{place}")
        kind = "integer" if isinstance(measure.value, int) else "decimal"
        kind = "decimal" if measure.of is not None else kind
        value = ox.Literal(str(measure.value), datatype=ox.NamedNode(XSD + kind))
        dimension = ox.NamedNode(PUBLICATION + measure.dimension)
        say_that(node, RDF_TYPE, ox.NamedNode(DQV + "QualityMeasurement"))
        for register in about:
            say_that(node, DQV + "computedOn", register)
        say_that(node, DQV + "isMeasurementOf", metric)
        say_that(node, DQV + "value", value)
        say_that(node, DCTERMS + "date", day)
        if measure.of is not None:
            said = f"{measure.met} of {measure.of}"
            say_that(node, RDFS + "comment", ox.Literal(said, language="en"))
        say_that(metric, RDF_TYPE, ox.NamedNode(DQV + "Metric"))
        say_that(metric, SKOS + "definition", ox.Literal(measure.label, language="en"))
        say_that(metric, DQV + "inDimension", dimension)
        say_that(dimension, RDF_TYPE, ox.NamedNode(DQV + "Dimension"))
    return list(dict.fromkeys(triples))


def check_turtle(found: Check) -> str:
    """The W3C's validation report, then the measurements."""
    report = report_turtle(found.report)
    prefixes = {"dcterms": DCTERMS, "dqv": DQV, "rdfs": RDFS, "skos": SKOS, "xsd": XSD}
    written = ox.serialize(quality_triples(found), format=ox.RdfFormat.TURTLE, prefixes=prefixes)
    return f"{report}\n{(written or b'').decode()}"


def mends_text(found: Check) -> tuple[str, int, int]:
    """The suggested mends as one SPARQL Update; how many can be run as they stand, how many not.

    What needs a word from a person stands behind `#`: the word is put in, and the `#` is taken out.
    Each thing has one mend for each demand: the first that can be run, else the first.
    """
    chosen: dict[tuple[str, str, str | None], Any] = {}
    for mend in found.mends:
        key = (mend.shortfall.node, mend.shortfall.demand, mend.shortfall.value)
        if key not in chosen or (chosen[key].blanks and not mend.blanks):
            chosen[key] = mend
    ready = [mend for mend in chosen.values() if not mend.blanks]
    asking = [mend for mend in chosen.values() if mend.blanks]
    lines = [
        "# Suggested mends. What follows can be run as it stands, on a copy first.",
        "# `holdfast whatif SOURCE --change FILE` says what it would change in the findings.",
    ]
    steps = dict.fromkeys(mend.update for mend in ready)
    for place, update in enumerate(steps):
        mend = next(m for m in ready if m.update == update)
        said = f"{mend.shortfall.name}: {mend.shortfall.message} {mend.sentence}"
        lines += ["", f"# {clean(said)}", update + (" ;" if place < len(steps) - 1 else "")]
    if asking:
        lines += [
            "",
            "# What follows needs a word from you: put it in and take out the # in front.",
        ]
        lines += ["# Operations are parted by semicolons."]
    for mend in asking:
        said = f"{mend.shortfall.name}: {mend.shortfall.message} {mend.sentence}"
        body = mend.update.replace("\n", "\n# ")
        lines += ["", f"# {clean(said)}", f"# {body}"]
    return "\n".join(lines) + "\n", len(steps), len(asking)


# -- the page ----------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfb; --ink: #1d2226; --quiet: #55606a;
  --line: #c9d0d6; --must: #a3241c; --should: #7a4a00; --may: #3a4fa0; --good: #1c6434; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181b; --ink: #e6e9eb; --quiet: #a3adb5; --line: #3a444c;
    --must: #ff9a8f; --should: #f0c06a; --may: #aebcff; --good: #7fd39a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; background: var(--paper); padding: .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: start; color: var(--quiet); padding-block: .5rem; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem; text-align: start;
  vertical-align: top; }
td.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
.must { color: var(--must); } .should { color: var(--should); } .may { color: var(--may); }
.must, .should, .may { font-weight: 600; }
code { overflow-wrap: anywhere; }
ul { margin: 0; padding-inline-start: 1.2rem; }
meter { width: 8rem; }
footer { margin-top: 2rem; border-top: 1px solid var(--line); color: var(--quiet); }
"""


def check_html(found: Check) -> str:
    """A check as one page that needs nothing else: no script, no style and no font from elsewhere.

    Every text of the register is escaped.
    """
    titles = ", ".join(title for _, title in found.registers) or ", ".join(found.sources)
    counts = found.counts()
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en-GB">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Check of {escape(titles)}</title>",
        f"<style>{_STYLE}</style></head>",
        '<body><a class="skip" href="#main">To the content</a>',
        f"<header><p>Register check, {found.day.isoformat()}</p><h1>{escape(titles)}</h1></header>",
        f'<main id="main"><p><strong>{escape(verdict(found))}</strong></p>',
        "<section aria-labelledby='short'><h2 id='short'>What falls short</h2>",
    ]
    if found.shortfalls:
        parts.append(_shortfall_table(found, counts))
    else:
        parts.append("<p>Nothing.</p>")
    parts += [
        "</section>",
        "<section aria-labelledby='quality'><h2 id='quality'>How good it is</h2>",
        _quality_table(found),
        "</section></main>",
        "<footer><p>Made by Holdfast from the register itself. What a register does not say is"
        " unknown, and no fault of those of whom it speaks.</p></footer></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _shortfall_table(found: Check, counts: dict[str, int]) -> str:
    said = ", ".join(f"{VERDICTS[word]}: {counts[word]:,}" for word in WORST_FIRST)
    rows = []
    for one, same in grouped(found.shortfalls):
        things = []
        for each in same[: FEW * 4]:
            at = f", line {each.line}" if each.line else ""
            iri = f" <code>{escape(each.iri)}</code>" if each.iri else ""
            things.append(f"<li>{escape(clean(each.name))}{iri}{at}</li>")
        if len(same) > FEW * 4:
            things.append(f"<li>and {len(same) - FEW * 4:,} more</li>")
        word = VERDICTS[one.severity]
        what = f"{one.kind}: {one.field}" if one.field else one.kind
        rows.append(
            f'<tr><td class="{word}">{word}</td><th scope="row">{escape(what)}</th>'
            f"<td>{escape(clean(one.message))}</td>"
            f'<td class="number">{len(same):,}</td><td><ul>{"".join(things)}</ul></td></tr>'
        )
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Demand", "Field", "What to do", "How many", "Where")
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="What falls short"><table>'
        f"<caption>{said}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _quality_table(found: Check) -> str:
    rows = []
    for measure in _worst_first(found.measurements):
        bar = ""
        if measure.of and measure.value is not None:
            said = escape(figure(measure))
            bar = f'<meter min="0" max="1" value="{measure.value}">{said}</meter> '
        rows.append(
            f'<tr><td>{escape(measure.dimension)}</td><th scope="row">'
            f"{escape(clean(measure.label))}</th>"
            f'<td class="number">{bar}{escape(figure(measure))}</td></tr>'
        )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Dimension", "Measure", "Value"))
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="How good it is"><table>'
        "<caption>Shares are of the things that the measure is about.</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
