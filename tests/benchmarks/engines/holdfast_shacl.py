"""Holdfast: all shapes at once, as `holdfast validate` runs them. Loading cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rdflib import URIRef

from engines.child import Result, work
from holdfast.validate import Report, validate


def run(data: Path, shapes: Path) -> Report:
    return validate([str(data)], [str(shapes)])


def read(report: Report) -> Iterator[Result]:
    for result in report.results:
        shape = f"<{result.shape}>" if isinstance(result.shape, URIRef) else f"_:{result.shape}"
        yield shape, result.focus, result.value or ""


if __name__ == "__main__":
    work(None, run, read)
