"""pySHACL over a graph of rdflib that Oxigraph holds."""

from __future__ import annotations

from pathlib import Path

from rdflib import Graph

from engines.child import work
from engines.pyshacl_rdflib import read, run


def load(data: Path) -> Graph:
    return Graph(store="Oxigraph").parse(data, format="ox-nt")


if __name__ == "__main__":
    work(load, run, read)
