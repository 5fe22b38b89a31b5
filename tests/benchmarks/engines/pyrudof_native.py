"""pyrudof, SHACL in Rust, in the mode that it recommends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pyrudof import RDFFormat, Rudof, RudofConfig, ShaclFormat, ShaclValidationReport

from engines.child import Result, work


def load(data: Path) -> Rudof:
    rudof = Rudof(RudofConfig())
    rudof.read_data(data, RDFFormat.NTriples)
    return rudof


def run(rudof: Rudof, shapes: Path) -> ShaclValidationReport:
    rudof.reset_shacl_validation()
    rudof.read_shacl(shapes, ShaclFormat.Turtle)
    return rudof.validate_shacl()


def read(report: ShaclValidationReport) -> Iterator[Result]:
    for entry in report.violations:
        yield _term(entry.source_shape), _term(entry.focus_node), _term(entry.value)


def _term(text: object) -> str:
    """A term as in N-Triples; pyrudof gives IRIs without their brackets, and shortens datatypes."""
    if text is None:
        return ""
    text = re.sub(r"\^\^xsd:(\w+)$", r"^^<http://www.w3.org/2001/XMLSchema#\1>", str(text))
    return f"<{text}>" if re.fullmatch(r"[a-z][a-z0-9+.-]*:[^\s\"]*", text) else text


if __name__ == "__main__":
    work(load, run, read)
