"""The W3C's own tests of SHACL, core and SPARQL; the comparison is that of its README."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.namespace import RDF, SH

from holdfast.compile.values import n3_of
from holdfast.errors import ShapeError
from holdfast.validate import Result, validate

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT.parent / "shared" / "suites" / "shacl"
MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
SHT = Namespace("http://www.w3.org/ns/shacl-test#")


def _files(manifest: Path) -> Iterator[Path]:
    """The test files that a manifest includes; sub-manifests that leave some out are made whole."""
    for file in sorted(manifest.parent.rglob("*.ttl")):
        if "sht:Validate" in file.read_text(encoding="utf-8"):
            yield file


CASES = list(_files(SUITE / "manifest.ttl")) if SUITE.exists() else []


def _path(graph: Graph, node: Any) -> str:
    if node is None:
        return ""
    if isinstance(node, URIRef):
        return f"<{node}>"
    if (node, RDF.first, None) in graph:
        return "(" + "/".join(_path(graph, part) for part in Collection(graph, node)) + ")"
    for name, sign in (("zeroOrMore", "*"), ("oneOrMore", "+"), ("zeroOrOne", "?")):
        inner = graph.value(node, SH[f"{name}Path"])
        if inner is not None:
            return f"({_path(graph, inner)}{sign})"
    inverse = graph.value(node, SH.inversePath)
    if inverse is not None:
        return f"(^{_path(graph, inverse)})"
    members = Collection(graph, graph.value(node, SH.alternativePath))
    return "(" + "|".join(_path(graph, part) for part in members) + ")"


def _text(term: Any) -> str:
    return "_" if isinstance(term, BNode) else n3_of(term) if term is not None else ""


def expected_of(graph: Graph, report: Any) -> Counter[tuple[str, ...]]:
    return Counter(
        (
            _text(graph.value(result, SH.focusNode)),
            _path(graph, graph.value(result, SH.resultPath)),
            _text(graph.value(result, SH.value)),
            str(graph.value(result, SH.resultSeverity)),
            str(graph.value(result, SH.sourceConstraintComponent)),
            _text(graph.value(result, SH.sourceShape)),
        )
        for result in graph.objects(report, SH.result)
    )


def actual_of(results: tuple[Result, ...]) -> Counter[tuple[str, ...]]:
    def known(term: str | None) -> str:
        return "_" if term and term.startswith("_") else term or ""

    return Counter(
        (
            known(result.focus),
            result.path.sparql() if result.path else "",
            known(result.value),
            result.severity,
            result.component,
            _text(result.shape),
        )
        for result in results
    )


@pytest.fixture(autouse=True)
def _literals_as_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdflib.NORMALIZE_LITERALS", False)


def _local(iri: Any) -> str:
    return str(iri).removeprefix("file://").split("#")[0]


@pytest.mark.skipif(not SUITE.exists(), reason="../shared/suites/shacl is absent")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", CASES, ids=lambda file: str(file.relative_to(SUITE)))
def test_the_report_is_that_of_the_suite(file: Path) -> None:
    graph = Graph().parse(file, publicID=file.as_uri(), format="turtle")
    for test in graph.subjects(RDF.type, SHT.Validate):
        action, expected = graph.value(test, MF.action), graph.value(test, MF.result)
        data = _local(graph.value(action, SHT.dataGraph))
        shapes = _local(graph.value(action, SHT.shapesGraph))
        if expected == SHT.Failure:
            with pytest.raises(ShapeError):
                validate([data], [shapes])
            continue
        report = validate([data], [shapes])
        assert expected_of(graph, expected) == actual_of(report.results)
        conforms = graph.value(expected, SH.conforms)
        assert conforms == Literal(report.conforms) or str(conforms) == str(report.conforms).lower()


@pytest.mark.skipif(not SUITE.exists(), reason="../shared/suites/shacl is absent")
def test_the_suite_is_whole() -> None:
    core = [file for file in CASES if file.relative_to(SUITE).parts[0] == "core"]
    print(f"{len(core)} tests of SHACL Core, {len(CASES) - len(core)} of SHACL-SPARQL")
    assert len(core) >= 98
    assert len(CASES) - len(core) >= 22


DCAT = SUITE.parent / "dcat-ap" / "dcat-ap-SHACL.ttl"


@pytest.mark.skipif(not DCAT.exists(), reason="../shared/suites/dcat-ap is absent")
def test_a_catalogue_is_held_against_dcat_ap(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.ttl"
    catalogue.write_text(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> ."
        "<https://example.org/c> a dcat:Catalog ; dct:title 'Registers'@en ; dct:publisher 'us' .",
        encoding="utf-8",
    )
    found = {
        (result.path.sparql().rsplit("/", 1)[-1] if result.path else "", result.component)
        for result in validate([str(catalogue)], [str(DCAT)]).results
    }
    assert ("description>", f"{SH}MinCountConstraintComponent") in found
    assert ("publisher>", f"{SH}NodeKindConstraintComponent") in found
    assert all(path != "title>" for path, _ in found)
