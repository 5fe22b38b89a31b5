"""The engines that are measured, and how each is started."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines import jena


@dataclass(frozen=True)
class Engine:
    """One engine.

    `packages` are what it needs from the package index, its own first. With `whole` it is given
    all shapes in one call, because each call costs it more than the shapes do; and with `sparql`
    it is given the queries of SPARQL constraints, because it has no SHACL or none that is open.
    Holdfast keeps compiled plans from one run to the next; with `first` it has none yet.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    whole: bool = False
    sparql: bool = False
    first: bool = False

    def versions(self) -> str:
        """Its version, and those of what it stands on; '' where it is not installed."""
        if self.module == "jena":
            return f"Jena {jena.VERSION}"
        try:
            return ", ".join(f"{package} {version(package)}" for package in self.packages)
        except PackageNotFoundError:
            return ""

    def missing(self) -> str:
        """Why it cannot be measured here, or ''."""
        if self.module == "jena":
            return jena.missing()
        return "" if self.versions() else f"needs {', '.join(self.packages)}"

    def command(self, build: Path, memory: int) -> list[str]:
        """What starts it, before the arguments that `child` tells of."""
        if self.module == "jena":
            return jena.command(build, memory)
        return [sys.executable, "-m", f"engines.{self.module}"]


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("holdfast", "holdfast_shacl", ("holdfast", "duckdb"), whole=True),
        Engine("holdfast-first", "holdfast_shacl", ("holdfast", "duckdb"), whole=True, first=True),
        Engine("jena", "jena", ()),
        Engine("pyshifty", "pyshifty", ("pyshifty",), whole=True),
        Engine("pyrudof", "pyrudof_native", ("pyrudof",), whole=True),
        Engine("oxigraph", "oxigraph_sparql", ("pyoxigraph",), sparql=True),
        Engine("maplib", "maplib_sparql", ("maplib", "polars"), sparql=True),
        Engine("pyshacl", "pyshacl_rdflib", ("pyshacl", "rdflib")),
        Engine("pyshacl-oxigraph", "pyshacl_oxigraph", ("pyshacl", "oxrdflib", "pyoxigraph")),
    )
}
