"""pyshifty, SHACL in Rust. It reads data and shapes in one call: loading cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
from shifty._shifty import PreparedValidator

from engines.child import Result, work

SH = "http://www.w3.org/ns/shacl#"


def run(data: Path, shapes: Path) -> str:
    prepared = PreparedValidator(shapes_path=str(shapes), shapes_format="turtle")
    result = prepared.validate_w3c(
        data_path=str(data), data_format="ntriples", run_infer=False, sort_results=False
    )
    if result.diagnostics:
        raise RuntimeError("; ".join(result.diagnostics))
    return str(result._report_ntriples)


def read(report: str) -> Iterator[Result]:
    results: dict[str, dict[str, str]] = {}
    details: set[str] = set()
    for quad in ox.parse(report, format=ox.RdfFormat.N_TRIPLES):
        results.setdefault(str(quad.subject), {})[quad.predicate.value] = str(quad.object)
        if quad.predicate.value == SH + "detail":
            details.add(str(quad.object))
    for name, result in results.items():
        if SH + "sourceShape" in result and name not in details:
            value = result.get(SH + "value", "")
            yield result[SH + "sourceShape"], result[SH + "focusNode"], value


if __name__ == "__main__":
    work(None, run, read)
