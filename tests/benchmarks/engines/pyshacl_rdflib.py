"""pySHACL over a graph of rdflib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyshacl
from rdflib import RDF, Graph
from rdflib.namespace import SH

from engines.child import Result, work


def load(data: Path) -> Graph:
    return Graph().parse(data, format="nt")


def run(data: Graph, shapes: Path) -> Graph:
    report = pyshacl.validate(data, shacl_graph=Graph().parse(shapes), inplace=True)[1]
    if not isinstance(report, Graph):
        raise RuntimeError(str(report))
    return report


def read(report: Graph) -> Iterator[Result]:
    for result in report.subjects(RDF.type, SH.ValidationResult):
        if report.value(predicate=SH.detail, object=result) is None:
            shape, focus = report.value(result, SH.sourceShape), report.value(result, SH.focusNode)
            value = report.value(result, SH.value)
            assert shape is not None
            assert focus is not None
            yield shape.n3(), focus.n3(), "" if value is None else value.n3()


if __name__ == "__main__":
    work(load, run, read)
