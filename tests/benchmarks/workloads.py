"""What every engine is given: data as N-Triples, and shapes in units that can be run alone.

rules    our judgement rules, unchanged, over all that is stated, inferred and found in a made-up
         register, so that each rule finds in the data what it reads
typical  nine shapes of the usual kinds (typical.ttl) over a made-up register as it is stated
lubm     shapes published by the makers of rudof, over universities in the form of LUBM
"""

from __future__ import annotations

import hashlib
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
from rdflib import BNode, Graph, URIRef
from rdflib.namespace import SH
from rdflib.term import Node

from holdfast.assess import assess
from holdfast.columns.names import quoted
from holdfast.shipped import shipped_folder
from holdfast.synth import DRAWN_UP, write_register
from lubm import write_universities

SEED = 2001
LUBM_SHAPES = (
    "https://raw.githubusercontent.com/rudof-project/rudof-shacl-benchmarks/"
    "8d5df19e247ba2cc6b449be0b13d625b59f72f66/data/utils/lubm-shapes.ttl"
)
"""Shapes under the MIT licence, read when they are measured and not copied into Holdfast."""
LUBM_DIGEST = "dfdc7bf172ee776e5280c5354b9c1ff1193d982e568680bab795a77175c248bf"


@dataclass(frozen=True)
class Unit:
    """A shape with a target, and all that it refers to.

    `shapes` are the shapes that may be the source of its results; `query` the file with its SPARQL
    constraint, all focus nodes at once, where a single one is all it has.
    """

    name: str
    file: Path
    shapes: frozenset[str]
    query: Path | None


@dataclass(frozen=True)
class Workload:
    """Data and shapes, ready for every engine."""

    name: str
    size: int
    data: Path
    triples: int
    units: dict[str, Unit]

    def file_of(self, names: frozenset[str]) -> Path:
        """One file with all shapes of these units."""
        digest = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]
        file = next(iter(self.units.values())).file.parent / f"whole-{digest}.ttl"
        if file.exists():  # written anew it would have its blank nodes in another order
            return file
        graph = Graph()
        for name in sorted(names):
            graph.parse(self.units[name].file)
        file.write_text(graph.serialize(format="turtle"), encoding="utf-8")
        return file


def prepare(name: str, size: int, folder: Path, fetched: Path) -> Workload:
    """The workload of that name at that size, made in `folder`.

    `size` is a number of ventures; a university of LUBM counts as a thousand. What was `fetched`
    is kept there for the next time. Raises OSError where shapes cannot be fetched.
    """
    shapes, write = WORKLOADS[name]
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    units = _units(shapes(fetched), place)
    data = place / f"{size}.nt"
    write(size, data)
    with data.open("rb") as lines:
        triples = sum(1 for _ in lines)
    return Workload(name, size, data, triples, units)


def register(size: int, folder: Path) -> Path:
    """A made-up register of that many ventures, in `folder`."""
    file = folder / "registers" / f"{size}.nq"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_register(size, SEED, file)
    return file


# -- shapes --------------------------------------------------------------------------------------


def _rules(fetched: Path) -> Graph:
    """Our judgement rules, with the prefixes that their queries use."""
    graph = Graph()
    for file in sorted(shipped_folder("rules").glob("*/rule.ttl")):
        rule = Graph().parse(file)
        if next(rule.subject_objects(SH.sparql), None):
            graph += rule
    ontology = Graph().parse(shipped_folder("ontology") / "holdfast.ttl")
    for subject, declaration in ontology.subject_objects(SH.declare):
        graph.add((subject, SH.declare, declaration))
        graph += ontology.triples((declaration, None, None))
    return graph


def _typical(fetched: Path) -> Graph:
    return Graph().parse(Path(__file__).with_name("typical.ttl"))


def _lubm(fetched: Path) -> Graph:
    file = fetched / "lubm-shapes.ttl"
    if not file.exists():
        fetched.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(LUBM_SHAPES, timeout=30) as answer:
            file.write_bytes(answer.read())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != LUBM_DIGEST:
        raise OSError(f"{file} is not the file that was published: its SHA-256 is {digest}")
    return Graph().parse(file)


def _units(graph: Graph, folder: Path) -> dict[str, Unit]:
    """A unit for each shape of `graph` with a target, written below `folder`.

    Property shapes without a name get one, so that results can be compared by shape.
    """
    graph = _named(graph)
    units: dict[str, Unit] = {}
    targets = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)
    for shape in sorted({s for target in targets for s in graph.subjects(target)}):
        name = re.split(r"[/#]", str(shape))[-1]
        part = Graph(namespace_manager=graph.namespace_manager)
        _describe(graph, shape, part, set())
        for other in set(part.subjects()) - {shape}:
            for target in targets:
                part.remove((other, target, None))
        file = folder / "units" / f"{name}.ttl"
        file.parent.mkdir(exist_ok=True)
        file.write_text(part.serialize(format="turtle"), encoding="utf-8")
        query = _query(part, shape)
        if query:
            file.with_suffix(".rq").write_text(query, encoding="utf-8")
        units[name] = Unit(
            name,
            file,
            frozenset(node.n3() for node in part.subjects() if isinstance(node, URIRef)),
            file.with_suffix(".rq") if query else None,
        )
    return units


def _named(graph: Graph) -> Graph:
    names: dict[Node, URIRef] = {}
    for shape in sorted(graph.subjects(SH.property, unique=True)):
        for inner in graph.objects(shape, SH.property):
            if isinstance(inner, BNode):
                path = graph.value(inner, SH.path)
                base = f"{shape}-{re.split(r'[/#]', str(path))[-1]}"
                names[inner] = URIRef(base)
    named = Graph(namespace_manager=graph.namespace_manager)
    for triple in graph:
        named.add(tuple(names.get(term, term) for term in triple))  # type: ignore[arg-type]
    return named


def _describe(graph: Graph, node: Node, part: Graph, seen: set[Node]) -> None:
    seen.add(node)
    for triple in graph.triples((node, None, None)):
        part.add(triple)
        if triple[2] not in seen:
            _describe(graph, triple[2], part, seen)


def _query(part: Graph, shape: Node) -> str:
    """The query of a shape that has one SPARQL constraint and nothing else; else ''."""
    constraints = list(part.objects(shape, SH.sparql))
    if len(constraints) != 1 or (shape, SH.property, None) in part:
        return ""
    select = str(part.value(constraints[0], SH.select))
    prefixes = "".join(
        f"PREFIX {part.value(declaration, SH.prefix)}: <{part.value(declaration, SH.namespace)}>\n"
        for holder in part.objects(constraints[0], SH.prefixes)
        for declaration in part.objects(holder, SH.declare)
    )
    target = part.value(shape, SH.targetClass)
    if target is None:
        return ""
    body = re.sub(r"\$(?=\w)", "?", select)
    joined = re.sub(r"\{", f"{{ ?this a {target.n3()} .", body, count=1)
    return f"# {shape.n3()}\n{prefixes}{joined}\n"


# -- data ----------------------------------------------------------------------------------------


def _closure(size: int, file: Path) -> None:
    """Every triple that is stated, inferred or found about a made-up register."""
    source = register(size, file.parents[1])
    columns = assess([str(source)], as_of=DRAWN_UP.isoformat(), evidence=False).columns
    triples = " UNION ALL ".join(
        f"SELECT s, {number}::BIGINT AS p, o FROM {quoted(predicate)}"
        for predicate, number in columns.predicates.items()
    )
    columns.con.execute(
        f"""
        CREATE TEMP MACRO named(n3) AS
          CASE WHEN n3[1] = '_' THEN '<urn:blank:' || n3[3:] || '>' ELSE n3 END;
        COPY (
          SELECT named(s.n3) || ' ' || p.n3 || ' ' || named(o.n3) || ' .' FROM ({triples}) AS t
          JOIN terms s ON s.id = t.s JOIN terms p ON p.id = t.p JOIN terms o ON o.id = t.o
        ) TO '{file}' (FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')
        """
    )
    columns.con.close()


def _stated(size: int, file: Path) -> None:
    """The triples of a made-up register."""
    quads = ox.parse(path=str(register(size, file.parents[1])), format=ox.RdfFormat.N_QUADS)
    ox.serialize((quad.triple for quad in quads), str(file), format=ox.RdfFormat.N_TRIPLES)


def _universities(size: int, file: Path) -> None:
    write_universities(size, SEED, file)


WORKLOADS: dict[str, tuple[Callable[[Path], Graph], Callable[[int, Path], None]]] = {
    "rules": (_rules, _closure),
    "typical": (_typical, _stated),
    "lubm": (_lubm, _universities),
}
