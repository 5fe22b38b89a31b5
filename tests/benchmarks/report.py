"""What a run measured, as a table on the terminal, as rows of docs/benchmarks.md and as a chart."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from alone import Alone

_NONE = "\N{EN DASH}"
RUNS = "Runs"
PEERS = "Against other engines"
ALONE = "Holdfast on its own"


@dataclass(frozen=True)
class Row:
    """One engine on one workload; what begins with `own` is Holdfast over the same units.

    `units` is how many there are, `same` on how many the engine finds what Holdfast finds. Seconds,
    and bytes of memory at the peak; None: not to be told, or nothing to measure.
    """

    workload: str
    size: int
    triples: int
    engine: str
    units: int
    same: int
    results: int
    load: float | None
    seconds: float | None
    peak: int
    own_load: float
    own_seconds: float
    own_peak: int
    one_by_one: bool
    given_up: dict[str, str]

    def total(self) -> float | None:
        """Seconds from the file to the results."""
        return None if self.seconds is None else (self.load or 0.0) + self.seconds

    def times(self) -> float | None:
        """How many times as long as Holdfast it takes from the file to the results."""
        total = self.total()
        return None if total is None else total / (self.own_load + self.own_seconds)

    def times_validating(self) -> float | None:
        """The same for the validation alone, where it can be told from loading."""
        if self.seconds is None or self.load is None:
            return None
        return self.seconds / self.own_seconds


@dataclass(frozen=True)
class Run:
    """All that one run measured, with the versions of what took part."""

    versions: list[str]
    rows: list[Row]
    alone: list[Alone]


# -- on the terminal -----------------------------------------------------------------------------


def show(run: Run, console: Console, workload: str, size: int) -> None:
    """Print what was measured of one workload at one size, or of Holdfast on its own."""
    if workload == "alone":
        table = Table(*_ALONE_COLUMNS, title="Holdfast on its own")
        for alone in run.alone:
            table.add_row(*_alone_cells(alone))
        console.print(table)
        return
    rows = [row for row in run.rows if (row.workload, row.size) == (workload, size)]
    if not rows:
        return
    table = Table(*_PEER_COLUMNS[2:], title=f"{workload}, {size:,}")
    for row in rows:
        table.add_row(*_peer_cells(row, growth(row, run.rows))[2:])
    console.print(table)
    for row in rows:
        for kind, names in _kinds(row.given_up).items():
            listed = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if names[8:] else "")
            detail = row.given_up[names[0]].removeprefix(kind)[:400]
            line = f"  {row.engine}: {kind}{detail} ({listed})"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def growth(row: Row, rows: Iterable[Row]) -> float | None:
    """By which power of the number of triples the time grew since the size before; 1 is linear."""
    before = [
        other
        for other in rows
        if (other.workload, other.engine, other.same) == (row.workload, row.engine, row.same)
        and other.size < row.size
    ]
    if not before:
        return None
    last = max(before, key=lambda other: other.size)
    now, then = row.total(), last.total()
    if not now or not then:
        return None
    return math.log(now / then) / math.log(row.triples / last.triples)


def _kinds(given_up: dict[str, str]) -> dict[str, list[str]]:
    """Units by the kind of reason why they are not compared: what it says before it is precise."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for name, reason in sorted(given_up.items()):
        kinds[re.split(r"[:,(<]", reason)[0][:80].strip()].append(name)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


# -- in docs/benchmarks.md -----------------------------------------------------------------------

_PEER_COLUMNS = (
    "workload", "size", "engine", "same", "results", "load", "validate", "times in all",
    "times validating", "growth", "memory", "times memory", "could not",
)  # fmt: skip
_ALONE_COLUMNS = (
    "ventures", "triples", "findings", "parse", "load", "reason", "all", "with evidence", "edit",
    "bytes a triple",
)  # fmt: skip


def publish(run: Run, docs: Path) -> None:
    """Add the run to the tables of benchmarks.md in `docs`, and draw benchmarks.svg anew."""
    page = docs / "benchmarks.md"
    text = page.read_text(encoding="utf-8")
    number = str(1 + len(_rows_of(text, RUNS)))
    versions = ", ".join(dict.fromkeys(part for name in run.versions for part in name.split(", ")))
    about = (number, date.today().isoformat(), machine(), f"Python {platform.python_version()}")
    text = _added(text, RUNS, [(*about[:3], f"{about[3]}, {versions}")])
    text = _added(text, ALONE, [(number, *_alone_cells(alone)) for alone in run.alone])
    peers = [(number, *_peer_cells(row, growth(row, run.rows))) for row in run.rows]
    page.write_text(_added(text, PEERS, peers), encoding="utf-8")
    if run.rows:
        title = f"Run {number}, {about[1]}, {about[2]}"
        (docs / "benchmarks.svg").write_text(chart(run.rows, title), encoding="utf-8")


def _alone_cells(alone: Alone) -> tuple[str, ...]:
    def ratio(seconds: float | None) -> str:
        return _NONE if seconds is None else f"{seconds / alone.parse:.1f}"

    return (
        f"{alone.ventures:,}",
        f"{alone.triples:,}",
        f"{alone.findings:,}",
        f"{alone.parse:.2f} s",
        ratio(alone.load),
        ratio(alone.reason),
        ratio(alone.load + alone.reason),
        ratio(alone.with_evidence),
        _NONE if alone.edit is None else f"{alone.edit * 1000:.0f} ms",
        f"{alone.bytes_a_triple:.0f}",
    )


def _peer_cells(row: Row, grown: float | None) -> tuple[str, ...]:
    could_not = "; ".join(
        f"{len(names)}: {reason}" if len(names) > 1 else f"{names[0]}: {reason}"
        for reason, names in _kinds(row.given_up).items()
    )
    return (
        row.workload,
        f"{row.size:,}",
        f"{row.engine}{' (one by one)' if row.one_by_one and row.same else ''}",
        f"{row.same}/{row.units}",
        f"{row.results:,}",
        _NONE if row.load is None or row.seconds is None else _seconds(row.load),
        _NONE if row.seconds is None else _seconds(row.seconds),
        _times(row.times()),
        _times(row.times_validating()),
        _NONE if grown is None else f"{grown:.2f}",
        f"{row.peak / 2**20:,.0f} MB" if row.same else _NONE,
        _times(row.peak / row.own_peak if row.same and row.own_peak else None),
        could_not.replace("|", "/") or _NONE,
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds < 1 else f"{seconds:,.1f} s"


def _times(ratio: float | None) -> str:
    if ratio is None:
        return _NONE
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"


def _rows_of(text: str, heading: str) -> list[str]:
    """The rows of the first table below a heading, without its head."""
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def _added(text: str, heading: str, rows: Sequence[Sequence[str]]) -> str:
    """The page with rows added to the end of the first table below a heading."""
    before, after = text.split(f"\n## {heading}\n", 1)
    lines = after.split("\n")
    last = max(
        place
        for place, line in enumerate(lines)
        if line.startswith("|") and not any(known.startswith("## ") for known in lines[:place])
    )
    lines[last + 1 : last + 1] = [f"| {' | '.join(cells)} |" for cells in rows]
    return f"{before}\n## {heading}\n" + "\n".join(lines)


def machine() -> str:
    """The cores and memory of this machine."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    system = {"linux": "Linux", "darwin": "macOS"}.get(sys.platform, sys.platform)
    return f"{cores} core{'s' if cores != 1 else ''}, {memory} GB, {system} {platform.machine()}"


# -- as a chart ----------------------------------------------------------------------------------

_PANEL, _TALL, _LEFT, _TOP, _GAP = 250, 190, 62, 64, 74
# Okabe and Ito's, which colour-blind readers tell apart, for light and dark; each has a mark too.
_COLOURS = (
    "#009e73",
    "#d55e00",
    "#0072b2",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#a08f00",
    "#888888",
    "#a06cd5",
)


Measure = Callable[[Row], float]


def chart(rows: Sequence[Row], title: str) -> str:
    """An SVG: seconds and memory by triples, a column for each workload, a line for each engine.

    A hollow mark is an engine that finds what Holdfast finds on some of the shapes only; its time
    is for these alone.
    """
    workloads = list(dict.fromkeys(row.workload for row in rows))
    engines = list(dict.fromkeys(row.engine for row in rows))
    wide = max(_LEFT + len(workloads) * (_PANEL + _GAP), 120 * len(engines), 520)
    legend = _TOP + 2 * (_TALL + _GAP) - 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {legend + 46}"'
        f' role="img" aria-label="{escape(title)}" font-family="system-ui, sans-serif"'
        ' font-size="11">',
        "<style>text{fill:#222}.grid{stroke:#ddd}.ground{fill:#fff}.hollow{fill:#fff}"
        "@media (prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#3a3f46}"
        ".ground{fill:#0d1117}.hollow{fill:#0d1117}}</style>",
        f'<rect class="ground" width="{wide}" height="{legend + 46}"/>',
        f'<text x="{_LEFT - 44}" y="20" font-size="13" font-weight="600">{escape(title)}</text>',
    ]
    measures: tuple[tuple[str, Measure], ...] = (
        ("seconds, from the file to the results", lambda row: row.total() or 0.0),
        ("peak memory, MB", lambda row: row.peak / 2**20 if row.same else 0.0),
    )
    for down, (name, measure) in enumerate(measures):
        for across, workload in enumerate(workloads):
            shown = [row for row in rows if row.workload == workload and measure(row)]
            left, top = _LEFT + across * (_PANEL + _GAP), _TOP + down * (_TALL + _GAP)
            heading = f"{workload}: {name}"
            parts += _panel(shown, measure, engines, heading, left, top)
    for place, engine in enumerate(engines):
        x = _LEFT - 40 + place * (wide - _LEFT) / len(engines)
        parts.append(_mark(x, legend + 16, place, False))
        parts.append(f'<text x="{x + 9}" y="{legend + 20}">{escape(engine)}</text>')
    hollow = "Hollow: the same results on some of the shapes only, and the time for these alone."
    parts.append(f'<text x="{_LEFT - 44}" y="{legend + 40}">{hollow}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    rows: Sequence[Row],
    measure: Measure,
    engines: Sequence[str],
    heading: str,
    left: int,
    top: int,
) -> list[str]:
    parts = [
        f'<text x="{left - 4}" y="{top - 10}" font-weight="600">{escape(heading)}</text>',
        f'<path class="grid" fill="none" d="M{left} {top}h{_PANEL}v{_TALL}h-{_PANEL}z"/>',
    ]
    values = [measure(row) for row in rows]
    if not values:
        return parts
    low_x, high_x = (math.log10(pick(row.triples for row in rows)) for pick in (min, max))
    low_x, high_x = low_x - 0.15, high_x + 0.15
    if math.floor(high_x) < math.ceil(low_x):  # one size, and no power of ten near
        low_x, high_x = math.floor(low_x), math.ceil(high_x)
    low_y = math.floor(math.log10(min(values)))
    high_y = max(low_y + 1, math.ceil(math.log10(max(values))))

    def x(triples: float) -> float:
        return left + _PANEL * (math.log10(triples) - low_x) / (high_x - low_x)

    def y(value: float) -> float:
        return top + _TALL * (1 - (math.log10(value) - low_y) / (high_y - low_y))

    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        at = x(10**power)
        parts.append(f'<path class="grid" d="M{at:.1f} {top}v{_TALL}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{top + _TALL + 15}" text-anchor="middle">{_power(power)}</text>'
        )
    for power in range(low_y, high_y + 1):
        at = y(10**power)
        parts.append(f'<path class="grid" d="M{left} {at:.1f}h{_PANEL}"/>')
        parts.append(
            f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{_power(power)}</text>'
        )
    parts.append(
        f'<text x="{left + _PANEL / 2}" y="{top + _TALL + 30}" text-anchor="middle">triples</text>'
    )
    for place, engine in enumerate(engines):
        points = sorted(
            (row.triples, measure(row), row.same < row.units)
             for row in rows if row.engine == engine
        )  # fmt: skip
        line = " ".join(f"{x(triples):.1f},{y(value):.1f}" for triples, value, _ in points)
        colour = _COLOURS[place % len(_COLOURS)]
        width = 2.5 if place == 0 else 1.5
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        )
        parts += [_mark(x(triples), y(value), place, part) for triples, value, part in points]
    return parts


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def _mark(x: float, y: float, place: int, hollow: bool) -> str:
    colour = _COLOURS[place % len(_COLOURS)]
    look = (
        f'class="hollow" stroke="{colour}" stroke-width="1.5"'
        if hollow
        else f'fill="{colour}" stroke="{colour}"'
    )
    if place % 3 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" {look}/>'
    if place % 3 == 1:
        return f'<rect x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4" {look}/>'
    return f'<path d="M{x:.1f} {y - 4.2:.1f}l4 7h-8z" {look}/>'
