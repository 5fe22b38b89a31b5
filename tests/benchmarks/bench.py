"""Measures Holdfast against other engines on the same data and shapes, and on its own.

    make bench                                            all engines and workloads
    make bench OPTIONS='--sizes 1000 --engines jena'      some

Results are compared first: the multiset of (source shape, focus node, value) of each unit of shapes
must be that of Holdfast. Times are compared over the units on which they are; the others are named,
with the reason. Each engine runs in a process of its own with a limit on time and memory. Nothing
asserts a time. A run adds its rows to docs/benchmarks.md and draws the chart there anew; with
--dry-run it only prints.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from rich.console import Console

from alone import measure_alone
from engines import ENGINES, Engine
from limits import run_limited
from report import Row, Run, publish, show
from workloads import WORKLOADS, Workload, prepare

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "bench"
OURS = "holdfast"


@dataclass(frozen=True)
class Limits:
    """Seconds for one engine on one workload, seconds for one unit of it, bytes of memory."""

    seconds: float
    unit_seconds: float
    memory: int


@dataclass
class Outcome:
    """What one engine did: seconds by unit ('*' for all at once), what it found, what it could not.

    `load` is None where loading cannot be told from the rest; `peak` is in bytes.
    """

    load: float | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    found: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    faults: dict[str, str] = field(default_factory=dict)
    peak: int = 0


class Bench:
    """Runs engines on workloads, smallest first, and remembers what each could not do."""

    def __init__(self, limits: Limits, folder: Path, console: Console) -> None:
        self.limits = limits
        self.console = console
        self.folder = folder
        self._given_up: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        self._number = 0

    def compare(self, workload: Workload, engines: Sequence[Engine]) -> list[Row]:
        """A row for each engine, Holdfast first."""
        every = frozenset(workload.units)
        self._say(f"{workload.name} {workload.size:,}: {OURS}")
        self._all_at_once(ENGINES[OURS], workload, every)  # compiles what the next run finds
        own = self._all_at_once(ENGINES[OURS], workload, every)
        if own.faults:
            self._say(f"{workload.name} is left out: Holdfast itself: {own.faults['*']}")
            return []
        times = {every: own}
        rows = [_row(ENGINES[OURS], workload, own, own, every, {})]
        for engine in engines:
            if engine.name == OURS:
                continue
            self._say(f"{workload.name} {workload.size:,}: {engine.name}")
            given_up = self._given_up[engine.name, workload.name]
            outcome, same = self._outcome(engine, workload, own, given_up)
            if same not in times:
                times[same] = self._all_at_once(ENGINES[OURS], workload, same)
            rows.append(_row(engine, workload, outcome, times[same], same, given_up))
        return rows

    def _outcome(
        self, engine: Engine, workload: Workload, own: Outcome, given_up: dict[str, str]
    ) -> tuple[Outcome, frozenset[str]]:
        """What an engine did on the units where it finds what Holdfast finds, and which these are.

        `given_up` has the units that it could not do at a smaller size, and gets those of this one.
        """
        for name, unit in workload.units.items():
            if engine.sparql and unit.query is None:
                given_up.setdefault(name, "not one query: SHACL Core")
        tried = frozenset(workload.units).difference(given_up)
        if not tried:
            return Outcome(), tried
        outcome = self._all_at_once(engine, workload, tried) if engine.whole else None
        if outcome is None or outcome.faults:
            why = outcome.faults["*"] if outcome else ""
            outcome = self._one_by_one(engine, workload, tried)
            given_up |= outcome.faults
            if why and not outcome.faults:
                given_up["all at once"] = why
        ran = tried.difference(given_up)
        same = frozenset(name for name in ran if outcome.found[name] == own.found[name])
        for name in ran - same:
            given_up[name] = _difference(outcome.found[name], own.found[name])
        if same and engine.whole and (same < tried or "*" not in outcome.seconds):
            again = self._all_at_once(engine, workload, same)
            outcome = outcome if again.faults else again
        outcome.seconds = {name: s for name, s in outcome.seconds.items() if name in {"*", *same}}
        return outcome, same

    def _all_at_once(self, engine: Engine, workload: Workload, units: frozenset[str]) -> Outcome:
        outcome = Outcome()
        self._start(engine, workload, [("*", workload.file_of(units))], outcome, self.limits)
        whole = outcome.found.pop("*", Counter())
        owners = {shape: name for name in sorted(units) for shape in workload.units[name].shapes}
        for result, times in whole.items():
            outcome.found[owners.get(result.split("\t")[0], "?")][result] += times
        return outcome

    def _one_by_one(self, engine: Engine, workload: Workload, units: frozenset[str]) -> Outcome:
        outcome = Outcome()
        left = sorted(units)
        ends = monotonic() + self.limits.seconds
        while left and monotonic() < ends:
            pairs = [(name, workload.units[name]) for name in left]
            files = [(n, unit.query if engine.sparql else unit.file) for n, unit in pairs]
            limits = Limits(ends - monotonic(), self.limits.unit_seconds, self.limits.memory)
            self._start(engine, workload, files, outcome, limits)
            done = {*outcome.seconds, *outcome.faults}
            if left[0] not in done:
                break
            left = [name for name in left if name not in done]
        for name in left:
            outcome.faults[name] = f"not reached in {self.limits.seconds:.0f} s"
        return outcome

    def _start(
        self,
        engine: Engine,
        workload: Workload,
        files: Sequence[tuple[str, Path | None]],
        outcome: Outcome,
        limits: Limits,
    ) -> None:
        """One process for these units; what it tells goes into `outcome`."""
        self._number += 1
        out = self.folder / "runs" / f"{self._number}-{engine.name}"
        out.mkdir(parents=True)
        (out / "units").write_text(
            "".join(f"{name}\t{file}\n" for name, file in files), encoding="utf-8"
        )
        log = out / "log"
        log.touch()
        since = [monotonic(), 0.0]

        def stuck() -> bool:
            """Whether nothing has been told for longer than one unit may take."""
            told = log.stat().st_size
            if told != since[1]:
                since[:] = [monotonic(), told]
            return len(files) > 1 and monotonic() - since[0] > limits.unit_seconds

        try:
            command = engine.command(BUILD, limits.memory)
        except RuntimeError as error:
            outcome.faults |= {name: str(error) for name, _ in files}
            return
        ended = run_limited(
            [*command, str(workload.data), str(out), str(out / "units")],
            seconds=limits.seconds,
            memory=limits.memory,
            folder=Path(__file__).parent,
            environment={"HOLDFAST_CACHE": "" if engine.first else str(self.folder / "cache")},
            stuck=stuck,
        )
        outcome.peak = max(outcome.peak, ended.peak)
        fault = ended.fault
        if fault == "stuck":
            fault = f"not done in {limits.unit_seconds:.0f} s"
        _read(out, outcome, fault)
        shutil.rmtree(out)

    def _say(self, text: str) -> None:
        self.console.print(text, style="dim", highlight=False)


def _read(out: Path, outcome: Outcome, fault: str) -> None:
    """Take in what a process told; what it was at when it was stopped is at fault."""
    at, ended = "", False
    for line in (out / "log").read_text(encoding="utf-8").splitlines():
        word, *rest = line.split("\t")
        if word == "loaded" and outcome.load is None:
            outcome.load = float(rest[0])
        elif word == "begin":
            at = rest[0]
        elif word == "ran":
            outcome.seconds[rest[0]], at = float(rest[1]), ""
        elif word == "failed":
            outcome.faults[rest[0]], at = rest[1], ""
        elif word == "end":
            ended = True
    if not ended:
        first = (out / "units").read_text(encoding="utf-8").split("\t")[0]
        if at or not outcome.seconds:
            outcome.faults[at or first] = fault or "ended without a word"
    if (out / "results").exists():
        with (out / "results").open(encoding="utf-8") as results:
            for line in results:
                unit, _, result = line.rstrip("\n").partition("\t")
                if unit in outcome.seconds:
                    outcome.found[unit][result] += 1


def _difference(found: Counter[str], own: Counter[str]) -> str:
    more, fewer = found - own, own - found
    example = next(iter(more or fewer)).split("\t", 1)[1].replace("\t", " ")
    return f"other results: {more.total()} more, {fewer.total()} fewer, such as {example}"


def _row(
    engine: Engine,
    workload: Workload,
    outcome: Outcome,
    own: Outcome,
    same: frozenset[str],
    given_up: dict[str, str],
) -> Row:
    """A row of the report; with `own` over the same units."""
    return Row(
        workload=workload.name,
        size=workload.size,
        triples=workload.triples,
        engine=engine.name,
        units=len(workload.units),
        same=len(same),
        results=sum(own.found[name].total() for name in same),
        load=outcome.load,
        seconds=sum(outcome.seconds.values()) if same else None,
        peak=outcome.peak,
        own_load=own.load or 0.0,
        own_seconds=sum(own.seconds.values()),
        own_peak=own.peak,
        one_by_one="*" not in outcome.seconds,
        given_up=dict(given_up),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="100,1000,10000", help="ventures, such as 100,1000")
    parser.add_argument("--engines", default=",".join(ENGINES), help=", ".join(ENGINES))
    parser.add_argument(
        "--workloads", default=f"alone,{','.join(WORKLOADS)}", help=f"alone, {', '.join(WORKLOADS)}"
    )
    parser.add_argument("--rules", default="", help="only these rules or shapes")
    parser.add_argument("--seconds", type=float, default=300, help="for one engine on one workload")
    parser.add_argument("--rule-seconds", type=float, default=60, help="for one rule or shape")
    parser.add_argument("--memory", type=float, default=8, help="GB for one engine")
    parser.add_argument("--dry-run", action="store_true", help="add nothing to docs/")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and with it what it started
    sizes = sorted(int(size) for size in options.sizes.split(","))
    chosen = _chosen(options.engines, ENGINES, "engine")
    workloads = _chosen(options.workloads, ["alone", *WORKLOADS], "workload")
    console = Console(width=None if sys.stdout.isatty() else 170)
    limits = Limits(options.seconds, options.rule_seconds, int(options.memory * 2**30))
    engines = []
    for name in chosen:
        lacking = ENGINES[name].missing()
        if lacking:
            console.print(f"{name} is left out: it {lacking}")
        else:
            engines.append(ENGINES[name])
    run = Run(versions=[engine.versions() for engine in engines], rows=[], alone=[])
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=BUILD) as folder:
        bench = Bench(limits, Path(folder), console)
        for name in workloads:
            for size in sizes:
                if name == "alone":
                    run.alone.append(measure_alone(size, bench.folder, limits.memory))
                    continue
                try:
                    workload = prepare(name, size, bench.folder, BUILD / "fetched")
                except OSError as error:
                    console.print(f"{name} is left out: {error}")
                    break
                if options.rules:
                    workload = _only(workload, options.rules.split(","))
                run.rows.extend(bench.compare(workload, engines))
                show(run, console, name, size)
            if name == "alone":
                show(run, console, name, 0)
    if not options.dry_run:
        publish(run, ROOT / "docs")


def _chosen(text: str, known: object, kind: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:  # type: ignore[operator]
            sys.exit(f"{name} is no {kind}; there are {', '.join(known)}")  # type: ignore[call-overload]
    return names


def _only(workload: Workload, names: Sequence[str]) -> Workload:
    units = {name: unit for name, unit in workload.units.items() if name in names}
    if not units:
        sys.exit(f"{workload.name} has none of {', '.join(names)}")
    return Workload(workload.name, workload.size, workload.data, workload.triples, units)


if __name__ == "__main__":
    main()
