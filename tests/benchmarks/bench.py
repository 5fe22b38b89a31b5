"""How long Holdfast takes, as ratios to what parsing alone takes in the same run.

    make bench                                  1,000 and 10,000 ventures
    python tests/benchmarks/bench.py 100000     another number of ventures

Results are compared first: three rules that look at one venture at a time must find the same here
and in pySHACL, over the same facts. Nothing asserts a time. Each run adds a row for each size to
docs/benchmarks.md; with --dry-run it only prints.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import pyoxigraph as ox
import pyshacl
from rdflib import RDF, Graph, URIRef
from rdflib.namespace import SH

from holdfast.assess import assess
from holdfast.columns import Columns, project
from holdfast.columns.store import quoted
from holdfast.compile import Plan
from holdfast.ontology import read_ontology
from holdfast.reason import Reasoner, compile_all
from holdfast.reason.fixpoint import CompiledRule
from holdfast.rules import read_rules
from holdfast.shipped import shipped_folder
from holdfast.synth import DRAWN_UP, write_register

SIZES = (1_000, 10_000)
EVIDENCE_UP_TO = 10_000
"""Evidence is measured up to this many ventures."""
COMPARED = ("contested-need", "token-membership", "underpowered-post")
COMPARED_VENTURES = 50
SEED = 2001
TABLE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True)
class Measured:
    """One size: seconds for each step, and bytes of memory for each triple."""

    ventures: int
    triples: int
    findings: int
    parse: float
    load: float
    reason: float
    with_evidence: float | None
    bytes_a_triple: float


@dataclass(frozen=True)
class Compared:
    """Seconds for the compared rules, here and in pySHACL, over the same facts."""

    findings: int
    here: float
    pyshacl: float


class Timed(Reasoner):
    """A reasoner that notes how long each rule takes."""

    def run_timed(self) -> dict[str, float]:
        self.seconds: dict[str, float] = {}
        self.run()
        return self.seconds

    def _run_rule(self, compiled: CompiledRule, plan: Plan, params: Mapping[str, int]) -> None:
        begin = perf_counter()
        super()._run_rule(compiled, plan, params)
        taken = perf_counter() - begin
        self.seconds[compiled.rule.id] = self.seconds.get(compiled.rule.id, 0.0) + taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="ventures")
    parser.add_argument("--dry-run", action="store_true", help="add nothing to docs/benchmarks.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        compared = compare(Path(folder))
        print(
            f"{len(COMPARED)} rules over {COMPARED_VENTURES} ventures: the same"
            f" {compared.findings} findings; {compared.here:.3f} s here, {compared.pyshacl:.1f} s"
            f" in pySHACL, {compared.pyshacl / compared.here:,.0f} times as long"
        )
        for size in sorted(options.sizes):
            measured = measure(size, Path(folder))
            print(
                f"{measured.ventures:,} ventures, {measured.triples:,} triples,"
                f" {measured.findings:,} findings: parse alone {measured.parse:.2f} s;"
                f" as ratios to that: {ratios(measured)};"
                f" {measured.bytes_a_triple:.0f} bytes a triple"
            )
            if not options.dry_run:
                add_row(measured, compared)
        for rule, seconds in slowest(max(options.sizes), Path(folder)):
            print(f"  {seconds * 1000:8.0f} ms  {rule}")


def ratios(measured: Measured) -> str:
    """Each step in words, as a multiple of parsing alone."""
    evidence = (
        f", with evidence {measured.with_evidence / measured.parse:.1f}"
        if measured.with_evidence is not None
        else ""
    )
    return (
        f"load {measured.load / measured.parse:.1f},"
        f" reason {measured.reason / measured.parse:.1f}{evidence}"
    )


def measure(size: int, folder: Path) -> Measured:
    """Parse, load and reason over a register of `size` ventures."""
    file = _register(size, folder)
    begin = perf_counter()
    count = sum(1 for _ in ox.parse(path=str(file), format=ox.RdfFormat.N_QUADS))
    parse = perf_counter() - begin
    before = _peak()
    plain = assess([str(file)], as_of=DRAWN_UP.isoformat(), evidence=False)
    used = _peak() - before
    findings = sum(len(venture.findings) for venture in plain.ventures)
    seconds = dict(plain.seconds)
    plain.columns.con.close()
    del plain
    proved = None
    if size <= EVIDENCE_UP_TO:
        proved = assess([str(file)], as_of=DRAWN_UP.isoformat()).seconds["reason"]
    return Measured(
        size, count, findings, parse, seconds["load"], seconds["reason"], proved, used / count
    )


def slowest(size: int, folder: Path) -> list[tuple[str, float]]:
    """The ten rules that take longest, with their seconds."""
    taken = _reasoned(_register(size, folder)).seconds
    return sorted(taken.items(), key=lambda item: -item[1])[:10]


def compare(folder: Path) -> Compared:
    """The compared rules here and in pySHACL. Stops where they do not find the same."""
    reasoner = _reasoned(_register(COMPARED_VENTURES, folder))
    places = [n for n, compiled in enumerate(reasoner.rules) if compiled.rule.id in COMPARED]
    here = {
        (reasoner.rules[rule].rule.id, venture, value)
        for rule, venture, value in reasoner.columns.rows(
            "SELECT rule, v.n3, value FROM findings JOIN terms v ON v.id = venture"
        )
        if rule in places
    }
    facts = _closure(reasoner.columns)
    prefixes = shipped_folder("ontology") / "holdfast.ttl"
    there: set[tuple[str, str, str]] = set()
    begin = perf_counter()
    for name in COMPARED:
        shape = reasoner.rules[next(p for p in places if reasoner.rules[p].rule.id == name)].rule
        shapes = Graph().parse(shape.file).parse(prefixes)
        _, report, _ = pyshacl.validate(facts, shacl_graph=shapes)
        assert isinstance(report, Graph)
        for result in report.subjects(RDF.type, SH.ValidationResult):
            venture = report.value(result, SH.focusNode)
            value = report.value(result, SH.value)
            assert isinstance(venture, URIRef)
            assert isinstance(value, URIRef)
            there.add((name, venture.n3(), value.n3()))
    peer = perf_counter() - begin
    if here != there:
        sys.exit(f"not the same findings: {sorted(here ^ there)[:5]}")
    return Compared(len(here), sum(reasoner.seconds[name] for name in COMPARED), peer)


def add_row(measured: Measured, compared: Compared) -> None:
    """Add one size to the table of docs/benchmarks.md."""
    evidence = measured.with_evidence
    cells = (
        date.today().isoformat(),
        _machine(),
        f"Python {platform.python_version()}, duckdb {version('duckdb')},"
        f" pyoxigraph {version('pyoxigraph')}, pyshacl {version('pyshacl')}",
        f"{measured.ventures:,}",
        f"{measured.triples:,}",
        f"{measured.findings:,}",
        f"{measured.parse:.2f} s",
        f"{measured.load / measured.parse:.1f}",
        f"{measured.reason / measured.parse:.1f}",
        f"{evidence / measured.parse:.1f}" if evidence is not None else "not measured",
        f"{measured.bytes_a_triple:.0f}",
        f"{compared.pyshacl / compared.here:,.0f}",
    )
    with TABLE.open("a", encoding="utf-8") as table:
        table.write(f"| {' | '.join(cells)} |\n")


def _register(size: int, folder: Path) -> Path:
    file = folder / f"{size}.nq"
    if not file.exists():
        write_register(size, SEED, file)
    return file


def _reasoned(file: Path) -> Timed:
    ontology = read_ontology()
    columns = Columns()
    columns.load([str(file)], background=ontology.files)
    projection = project(columns, DRAWN_UP.isoformat(), DRAWN_UP)
    strata = compile_all(read_rules(ontology), ontology, columns.superclasses)
    reasoner = Timed(columns, strata, ontology, projection.hidden)
    reasoner.run_timed()
    return reasoner


def _closure(columns: Columns) -> Graph:
    """Every stated and inferred triple, as an rdflib graph."""
    lines = [
        f"{subject} <{predicate}> {value} ."
        for predicate in columns.predicates
        for subject, value in columns.rows(
            f"SELECT s.n3, o.n3 FROM {quoted(predicate)} JOIN terms s ON s.id = s"
            " JOIN terms o ON o.id = o"
        )
    ]
    return Graph().parse(data="\n".join(lines), format="nt")


def _peak() -> int:
    """The most memory this process has had, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _machine() -> str:
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    count = _WORDS[cores] if cores < len(_WORDS) else str(cores)
    return f"{count} core{'s' if cores != 1 else ''}, {memory} GB"


if __name__ == "__main__":
    main()
