"""The benchmarks compare what they say they compare. No time is asserted."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent
RULES = ("contested-need", "token-membership", "underpowered-post")


def bench(*options: str, cwd: Path) -> str:
    """What a run over a small register prints."""
    done = subprocess.run(
        [sys.executable, FOLDER / "bench.py", "--dry-run", "--sizes", "30", *options],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("report")


def test_engines_with_and_without_shacl_find_what_holdfast_finds(tmp_path: Path) -> None:
    chosen = ["--workloads", "rules", "--rules", ",".join(RULES)]
    said = bench(*chosen, "--engines", "holdfast,oxigraph,pyshacl", cwd=tmp_path)
    rows = re.findall(r"^│ (\S+).*?│ (\d/\d) *│ (\d+)", said, flags=re.M)
    engines, same, results = zip(*rows, strict=True)
    assert ("holdfast", "oxigraph", "pyshacl") == engines
    assert ("3/3", "3/3", "3/3") == same
    assert len(set(results)) == 1
    assert int(results[0]) > 0


def test_a_row_is_added_to_the_table_of_its_heading(report: ModuleType) -> None:
    page = "# T\n\n## Runs\n\n| run |\n|---|\n| 1 |\n\nMore.\n\n## Other\n\n| a |\n|---|\n| x |\n"
    added = report._added(page, "Runs", [("2",)])
    assert page.replace("| 1 |\n", "| 1 |\n| 2 |\n") == added


def test_times_are_divided_by_those_of_holdfast_over_the_same_shapes(report: ModuleType) -> None:
    row = report.Row(
        workload="rules", size=100, triples=1000, engine="jena", units=3, same=2, results=5,
        load=1.0, seconds=5.0, peak=4, own_load=0.5, own_seconds=1.0, own_peak=2,
        one_by_one=True, given_up={"third": "other results: 1 more"},
    )  # fmt: skip
    assert (4.0, 5.0) == (row.times(), row.times_validating())


def test_the_chart_is_drawn_anew_for_light_and_dark(report: ModuleType) -> None:
    sizes = ((100, 1.0), (1000, 4.0))
    rows = [
        report.Row(
            workload="rules", size=size, triples=size * 100, engine=engine, units=3, same=same,
            results=5, load=1.0, seconds=seconds, peak=2**28, own_load=0.5, own_seconds=1.0,
            own_peak=2**27, one_by_one=False, given_up={},
        )
        for size, seconds in sizes
        for engine, same in (("holdfast", 3), ("jena", 2))
    ]  # fmt: skip
    chart = report.chart(rows, "Run 1")
    assert 4 == chart.count("<polyline")
    assert "prefers-color-scheme:dark" in chart
    assert 4 == chart.count('class="hollow"')
