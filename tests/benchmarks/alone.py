"""Holdfast on its own: what parsing alone takes, an assessment, an edit, memory for each triple."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import pyoxigraph as ox

from holdfast.assess import assess
from holdfast.synth import DRAWN_UP
from holdfast.vocabulary import HF
from limits import run_limited
from workloads import register

EVIDENCE_UP_TO = 10_000
"""Evidence is measured up to this many ventures."""

EDITED = ("member", "representedBy", "grade", "role", "boundary", "sharedBy", "topic", "date")
"""The properties of which one statement each is taken away, to time an edit."""


@dataclass(frozen=True)
class Alone:
    """One size: seconds for each step; memory in bytes for each triple. None: not measured."""

    ventures: int
    triples: int
    findings: int
    parse: float
    load: float
    reason: float
    with_evidence: float | None
    edit: float | None
    bytes_a_triple: float


def measure_alone(size: int, folder: Path, memory: int) -> Alone:
    """Measure one size, each step in a process of its own, with plans compiled beforehand."""
    file = register(size, folder)
    _told(register(1, folder), "assess", folder, memory)  # compiles what the next run finds
    parsed = _told(file, "parse", folder, memory)
    plain = _told(file, "assess", folder, memory)
    proved = _told(file, "evidence", folder, memory) if size <= EVIDENCE_UP_TO else {}
    edited = _told(file, "edit", folder, memory)
    return Alone(
        ventures=size,
        triples=int(parsed["triples"]),
        findings=int(plain["findings"]),
        parse=parsed["seconds"],
        load=plain["load"],
        reason=plain["reason"],
        with_evidence=proved.get("reason"),
        edit=edited.get("seconds"),
        bytes_a_triple=(plain["peak"] - plain["before"]) / parsed["triples"],
    )


def _told(file: Path, step: str, folder: Path, memory: int) -> Mapping[str, float]:
    out = folder / f"{step}.json"
    ended = run_limited(
        [sys.executable, "-m", "alone", step, str(file), str(out)],
        seconds=3600,
        memory=4 * memory,
        folder=Path(__file__).parent,
        environment={"HOLDFAST_CACHE": str(folder / "cache")},
    )
    if ended.fault:
        sys.exit(f"Holdfast, {step} of {file.name}: {ended.fault}")
    told: dict[str, float] = json.loads(out.read_text(encoding="utf-8"))
    return {**told, "peak": ended.peak}


def _parse(file: Path) -> dict[str, float]:
    begin = perf_counter()
    triples = sum(1 for _ in ox.parse(path=str(file), format=ox.RdfFormat.N_QUADS))
    return {"seconds": perf_counter() - begin, "triples": triples}


def _assess(file: Path, evidence: bool) -> dict[str, float]:
    before = _resident()
    found = assess([str(file)], as_of=DRAWN_UP.isoformat(), evidence=evidence)
    findings = sum(len(venture.findings) for venture in found.ventures)
    return {**found.seconds, "findings": findings, "before": before}


def _edit(file: Path) -> dict[str, float]:
    """One edit to one venture, to new findings: the median over taking away one of each kind of
    statement, each undone before the next."""
    found = assess([str(file)], as_of=DRAWN_UP.isoformat(), evidence=False, editable=True)
    edits, columns = found.edits(), found.columns
    seconds = []
    for name in EDITED:
        quad = columns.rows(
            "SELECT s.n3, p.n3, o.n3, coalesce(g.n3, '') FROM quads q JOIN terms s ON s.id = q.s"
            " JOIN terms p ON p.id = q.p JOIN terms o ON o.id = q.o LEFT JOIN terms g ON g.id = q.g"
            " WHERE NOT background AND p.n3 = $p ORDER BY s.n3, o.n3 LIMIT 1",
            {"p": f"<{HF}{name}>"},
        )
        begin = perf_counter()
        with edits.undone():
            edits.apply(quad, ())
            seconds.append(perf_counter() - begin)
    return {"seconds": median(seconds)}


def _resident() -> int:
    """What this process needs before it has data, in bytes; 0 where the kernel does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * 4096


if __name__ == "__main__":
    _step, _file, _out = sys.argv[1:4]
    _told_of = {
        "parse": _parse,
        "assess": lambda file: _assess(file, evidence=False),
        "evidence": lambda file: _assess(file, evidence=True),
        "edit": _edit,
    }[_step](Path(_file))
    Path(_out).write_text(json.dumps(_told_of), encoding="utf-8")
