"""A register held against the publication shapes: what falls short, how good it is, and mends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pyoxigraph as ox
from rdflib import Literal, URIRef
from rdflib.term import Identifier

from holdfast.columns import Columns, Limits, check_terms
from holdfast.columns.names import quoted
from holdfast.errors import HoldfastError, ShapeError, SourceError
from holdfast.limits import Progress
from holdfast.ontology import Ontology, read_ontology
from holdfast.queries import QuerySyntaxError, read_update
from holdfast.shapes import Shape, Shapes
from holdfast.shipped import shipped_folder
from holdfast.sources import lines_of, quads_in
from holdfast.store import Proposal
from holdfast.suggestions import filled, solutions_of
from holdfast.validate import Report, Result, name_of, path_in_words, validate, words
from holdfast.vocabulary import DASH, DCTERMS, HF, RDF_TYPE, RDFS, SEVERITIES, SH, UNNAMED, readable

WORST_FIRST = SEVERITIES[::-1]
"""What must be, what should be, and what would help, by SHACL's words."""


@dataclass(frozen=True)
class Shortfall:
    """One thing that falls short of one demand of the publication shapes.

    `node` is the thing in N-Triples and `name` what to call it, never the name of a blank node;
    `field` is what the demand is about, in words, or nothing where it is about the whole. `demand`
    is the IRI of the shape or constraint; `file` and `line` say where the thing is described.
    """

    node: str
    name: str
    kind: str
    field: str
    severity: str
    message: str
    demand: str
    value: str | None
    file: Path | None
    line: int | None

    @property
    def iri(self) -> str | None:
        """The IRI of the thing, if it has one."""
        return self.node[1:-1] if self.node.startswith("<") else None


@dataclass(frozen=True)
class Mend:
    """A change that would make good a shortfall: an operation of SPARQL Update.

    `blanks` are the variables that a person must put something in for; without any, the operation
    can be run as it stands.
    """

    shortfall: Shortfall
    sentence: str
    update: str
    blanks: tuple[str, ...]


@dataclass(frozen=True)
class Measurement:
    """One measure of quality: how many of how many things meet a demand, or a plain number.

    `metric` is an IRI, `dimension` completeness, consistency, timeliness or identification. `value`
    is the share of 0 to 1 where `of` is given, else the number itself, or None where there is
    nothing to measure.
    """

    metric: str
    dimension: str
    label: str
    value: float | int | None
    met: int | None = None
    of: int | None = None


@dataclass
class Check:
    """What checking came to: shortfalls, the most severe first, and measurements."""

    report: Report
    ontology: Ontology
    shortfalls: tuple[Shortfall, ...]
    measurements: tuple[Measurement, ...]
    registers: tuple[tuple[str, str], ...]
    sources: tuple[str, ...]
    day: date

    def counts(self) -> dict[str, int]:
        """How many shortfalls there are of each severity."""
        return {word: sum(s.severity == word for s in self.shortfalls) for word in WORST_FIRST}

    @cached_property
    def mends(self) -> tuple[Mend, ...]:
        """The changes that the shapes suggest. Raises ShapeError for one that cannot be run."""
        return tuple(_mends(self))


class NothingHeld(SourceError):
    """A source in which there is nothing to be checked."""


def publishable(proposal: Proposal) -> None:
    """Raise HoldfastError where a register that is sent whole breaks what must hold.

    It is asked before a commit (`holdfast.store.Check`). What is no register of ventures at all may
    be kept.
    """
    files = {change.source: change.register for change in proposal.changes if change.source}
    if not files:
        return
    named = f"register <{next(iter(files.values()))}>"
    try:
        found = check([str(file) for file in files]).shortfalls
    except NothingHeld:
        return
    except HoldfastError as error:
        raise HoldfastError(error.what, where=named, mend=error.mend) from None
    wrong = [one for one in found if one.severity == "violation"]
    if wrong:
        where = f"register <{files[wrong[0].file]}>" if wrong[0].file in files else named
        line = f": line {wrong[0].line}" if wrong[0].file in files and wrong[0].line else ""
        raise HoldfastError(
            f"{wrong[0].message.rstrip('.')}."
            + (f" {len(wrong) - 1:,} more must be mended." if len(wrong) > 1 else ""),
            where=where + line,
            mend="`holdfast check` names all that must be mended.",
        )


def check(
    sources: Sequence[str],
    *,
    shapes: Path | None = None,
    today: date | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Check:
    """Registers held against the publication shapes, by default those that are shipped.

    Raises SourceError where a source cannot be read, names a term of ours that does not exist, or
    holds nothing to be checked, and ShapeError where the shapes cannot be used.
    """
    ontology = read_ontology()
    folder = shapes or shipped_folder("ontology") / "publication"
    if progress:
        progress("Checking", 0, 1)
    report = validate(
        sources, [str(folder)], ontology=[str(file) for file in ontology.files], limits=limits
    )
    columns = report.columns
    background = {file.resolve() for file in ontology.files}
    files = [f for f in columns.files if str(f) == "-" or f.resolve() not in background]
    check_terms(columns, files, ontology)
    day = today or date.today()
    shares = tuple(_shares(report))
    if not any(share.of for share in shares):
        raise NothingHeld(
            "nothing in it is of a kind that a register holds.",
            where=", ".join(sources),
            mend="Describe ventures and organisations (a hf:Venture, a hf:Organisation).",
        )
    return Check(
        report=report,
        ontology=ontology,
        shortfalls=tuple(_shortfalls(report, ontology, files)),
        measurements=(*shares, *_figures(columns, day)),
        registers=tuple(_registers(columns)),
        sources=tuple(sources),
        day=day,
    )


# -- shortfalls --------------------------------------------------------------------------------


def _shortfalls(report: Report, ontology: Ontology, files: Sequence[Path]) -> Iterator[Shortfall]:
    places = lines_of(files, {result.focus for result in report.results})
    names = _Names(report, ontology)
    for result in dict.fromkeys(report.results):
        place = places.get(result.focus)
        yield Shortfall(
            node=result.focus,
            name=names.name(result.focus),
            kind=names.kind(result.focus),
            field=_field(report.shapes, result),
            severity=name_of(result.severity).lower(),
            message=names.worded(str(result.messages[0]) if result.messages else ""),
            demand=str(_demand(result)),
            value=result.value if result.value != result.focus else None,
            file=place[0] if place else None,
            line=place[1] if place else None,
        )


def _demand(result: Result) -> Identifier:
    return result.constraint if isinstance(result.constraint, URIRef) else result.shape


def _field(shapes: Shapes, result: Result) -> str:
    named = shapes.statements.all(result.shape, SH + "name")
    if named:
        return str(named[0])
    return path_in_words(result.path) if result.path else ""


class _Names:
    """What to call the things of a report: by label, else by what they are and belong to."""

    def __init__(self, report: Report, ontology: Ontology) -> None:
        self._columns = report.columns
        self._terms = ontology.terms
        self._order = {iri: place for place, iri in enumerate(KINDS)}
        nodes = {term for r in report.results for term in (r.focus, r.value) if term}
        spoken = {f"<{iri}>" for r in report.results for m in r.messages for iri in _IRI.findall(m)}
        self._ids = self._columns.ids_of(nodes | spoken)
        self._labels = self._columns.labels(self._ids.values())
        self._kinds = self._read_kinds()
        self._titles = self._read_titles()
        self._of = self._read_owners()

    def _read_kinds(self) -> dict[int, str]:
        rows = self._columns.rows(
            f"SELECT s, lex FROM {self._columns.table(RDF_TYPE)} JOIN terms ON terms.id = o"
            " WHERE s IN (SELECT unnest($ids::BIGINT[]))",
            {"ids": sorted(self._ids.values())},
        )
        found: dict[int, str] = {}
        for node, cls in sorted(rows, key=lambda row: (self._order.get(row[1], 99), row[1])):
            found.setdefault(node, cls)
        return found

    def _read_titles(self) -> dict[int, str]:
        rows = self._columns.rows(
            f"SELECT s, min(lex) FROM {self._columns.table(DCTERMS + 'title')} JOIN terms"
            " ON terms.id = o WHERE s IN (SELECT unnest($ids::BIGINT[])) GROUP BY s",
            {"ids": sorted(self._ids.values())},
        )
        return dict(rows)

    def _read_owners(self) -> dict[int, list[str]]:
        """Of each unnamed thing, what it speaks of."""
        unnamed = sorted(number for n3, number in self._ids.items() if n3.startswith("_:"))
        found: dict[int, list[int]] = {}
        for predicate in (HF + "member", HF + "belongsTo", HF + "hostedBy", HF + "holder"):
            rows = self._columns.rows(
                f"SELECT s, o FROM {self._columns.table(predicate)}"
                " WHERE s IN (SELECT unnest($ids::BIGINT[])) ORDER BY 1, 2",
                {"ids": unnamed},
            )
            for node, value in rows:
                found.setdefault(node, []).append(value)
        labels = self._columns.labels({v for values in found.values() for v in values})
        return {node: [labels[value] for value in values] for node, values in found.items()}

    def kind(self, node: str) -> str:
        """The class of a thing in words; a thing where none is known."""
        cls = self._kinds.get(self._ids.get(node, -1), "")
        return self._terms.get(cls) or (name_of(cls) if cls else "thing")

    def name(self, node: str) -> str:
        """What to call a thing: its label or title, else its kind with what tells it apart."""
        number = self._ids.get(node)
        if number is None:
            return words(node)
        label = self._labels[number]
        if node.startswith("_:"):
            of = ", ".join(self._of.get(number, []))
            unnamed = f"an unnamed {self.kind(node)}" + (f" ({of})" if of else "")
            return unnamed if label == UNNAMED else label
        if node.startswith("<") and label == readable(node[1:-1]):
            return self._titles.get(number) or f"{self.kind(node)} {label}"
        return label

    def worded(self, message: str) -> str:
        """A message with labels in place of IRIs."""
        return _IRI.sub(lambda found: self.name(f"<{found[0]}>"), message)


KINDS = tuple(
    HF + name
    for name in ("Register", "Venture", "OrganisationalUnit", "Organisation", "Body", "Membership")
)
_IRI = re.compile(r"https?://[^\s,()]*[^\s,().;:]")


# -- measuring ---------------------------------------------------------------------------------


def _shares(report: Report) -> Iterator[Measurement]:
    """Of each demand, the share of things that meet it."""
    failing: dict[str, set[str]] = {}
    for result in report.results:
        failing.setdefault(str(_demand(result)), set()).add(result.focus)
    for shape in report.shapes.targeted():
        of = _targets(report.columns, shape)
        demands = [*shape.properties]
        demands += [c.source for c in shape.constraints if isinstance(c.source, URIRef)]
        if any(c.kind not in ("sparql",) for c in shape.constraints):
            demands.append(shape.node)
        for demand in dict.fromkeys(demands):
            statements = report.shapes.statements
            named = statements.all(demand, RDFS + "label")
            dimension = statements.all(demand, DQV + "inDimension")
            met = of - len(failing.get(str(demand), ()))
            yield Measurement(
                metric=str(demand),
                dimension=name_of(dimension[0]) if dimension else "consistency",
                label=str(named[0]) if named else name_of(demand).replace("-", " "),
                value=round(met / of, 4) if of else None,
                met=met,
                of=of,
            )


DQV = "http://www.w3.org/ns/dqv#"


def _targets(columns: Columns, shape: Shape) -> int:
    """How many things a shape is for."""
    parts = []
    for target in shape.targets:
        if target.kind == "class":
            classes = [str(target.term)]
            classes += [low for low, high in columns.superclasses if high == str(target.term)]
            ids = sorted(columns.ids_of([f"<{iri}>" for iri in classes]).values())
            among = ", ".join(map(str, ids)) or "-1"
            parts.append(f"SELECT s FROM {columns.table(RDF_TYPE)} WHERE o IN ({among})")
        elif target.kind in ("subjectsOf", "objectsOf"):
            side = "s" if target.kind == "subjectsOf" else "o"
            parts.append(f"SELECT {side} AS s FROM {columns.table(str(target.term))}")
    return int(columns.value(f"SELECT count(*) FROM ({' UNION '.join(parts)})")) if parts else 0


def _figures(columns: Columns, day: date) -> Iterator[Measurement]:
    """Measures that are no share: how fresh the sources are, and under which schemes they have
    codes."""
    for name, label, predicates in (
        ("days-since-change", "days since the register says that it was issued or changed",
         (DCTERMS + "modified", DCTERMS + "issued")),
        ("days-since-event", "days since the latest thing that began, ended or happened",
         (HF + "started", HF + "ended", HF + "date")),
    ):  # fmt: skip
        dated = " UNION ALL ".join(f"SELECT o FROM {columns.table(p)}" for p in predicates)
        newest = columns.value(
            f"SELECT max(moment)::DATE FROM ({dated}) JOIN terms ON terms.id = o"
            " WHERE moment::DATE <= $day::DATE",
            {"day": day.isoformat()},
        )
        age = (day - newest).days if newest else None
        yield Measurement(PUBLICATION + name, "timeliness", label, age)
    organisations = columns.ids_of([f"<{HF}Organisation>", f"<{HF}OrganisationalUnit>"])
    among = ", ".join(map(str, organisations.values())) or "-1"
    codes = " UNION ".join(
        f"SELECT s, o FROM {columns.table(p)}"
        for p in (DCTERMS + "identifier", "http://www.w3.org/2004/02/skos/core#notation")
    )
    schemes = columns.rows(
        f"SELECT dt, count(DISTINCT s) FROM ({codes}) JOIN terms ON terms.id = o WHERE s IN"
        f" (SELECT s FROM {columns.table(RDF_TYPE)} WHERE o IN ({among})) GROUP BY dt ORDER BY 1"
    )
    for scheme, count in schemes:
        plain = not scheme or scheme.endswith("#string")
        label = "no scheme named" if plain else f"scheme {scheme}"
        part = "plain" if plain else name_of(scheme)
        yield Measurement(
            f"{PUBLICATION}codes-{part}",
            "identification",
            f"organisations with a code, {label}",
            count,
        )


PUBLICATION = "https://w3id.org/holdfast/publication/"


def _registers(columns: Columns) -> list[tuple[str, str]]:
    """The registers described, each as its IRI and title."""
    cls = columns.id_of(f"<{HF}Register>")
    title = columns.table(DCTERMS + "title")
    rows = columns.rows(
        f"SELECT r.n3, min(t.lex) FROM {quoted(RDF_TYPE)} x JOIN terms r ON r.id = x.s"
        f" LEFT JOIN {title} named ON named.s = x.s LEFT JOIN terms t ON t.id = named.o"
        f" WHERE x.o = {cls} AND r.n3[1] = '<' GROUP BY 1 ORDER BY 1"
    )
    return [(n3[1:-1], name or n3[1:-1]) for n3, name in rows]


# -- mending -----------------------------------------------------------------------------------


def _mends(found: Check) -> Iterator[Mend]:
    report = found.report
    generators = _Generators(report.shapes)
    asked = [s for s in found.shortfalls if generators.of(s.demand)]
    if not asked:
        return
    store = _store(report.columns, found.ontology)
    graphs = _Graphs(report.columns)
    for shortfall in asked:
        for generator in generators.of(shortfall.demand):
            yield from generator.mends(shortfall, store, graphs)


def _store(columns: Columns, ontology: Ontology) -> ox.Store:
    """What the sources state, to be asked by the patterns of suggestions."""
    store = ox.Store()
    background = {file.resolve() for file in ontology.files}
    for file in columns.files:
        if str(file) != "-" and file.resolve() not in background:
            store.bulk_extend(quads_in(file))
    return store


class _Graphs:
    """In which graph the sources state a triple, or describe a thing."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def stating(self, s: str, p: str, o: str) -> list[str]:
        ids = self._columns.ids_of([s, p, o])
        if len(ids) < len({s, p, o}):
            return []
        rows = self._columns.rows(
            "SELECT DISTINCT coalesce(g.n3, '') FROM quads LEFT JOIN terms g ON g.id = quads.g"
            " WHERE s = $s AND p = $p AND o = $o ORDER BY 1",
            {"s": ids[s], "p": ids[p], "o": ids[o]},
        )
        return [graph for (graph,) in rows]

    def describing(self, node: str) -> str:
        """The graph that says of what kind a thing is, or the first that speaks of it."""
        ids = self._columns.ids_of([node, f"<{RDF_TYPE}>"])
        rows = self._columns.rows(
            "SELECT coalesce(g.n3, '') FROM quads LEFT JOIN terms g ON g.id = quads.g"
            " WHERE s = $s OR o = $s ORDER BY s <> $s, p <> $type, 1 LIMIT 1",
            {"s": ids.get(node, -1), "type": ids.get(f"<{RDF_TYPE}>", -1)},
        )
        return rows[0][0] if rows else ""


@dataclass(frozen=True)
class _Generator:
    """One dash:SPARQLUpdateSuggestionGenerator of a demand."""

    message: str
    update: str
    prefixes: dict[str, str]
    order: float
    place: str

    def mends(self, shortfall: Shortfall, store: ox.Store, graphs: _Graphs) -> Iterator[Mend]:
        if shortfall.iri is None:
            return  # a blank node cannot be named in an update
        given = {"focusNode": shortfall.node, "this": shortfall.node}
        if shortfall.value is not None:
            given["value"] = shortfall.value
        try:
            algebra = read_update(self.update, self.prefixes)
            solutions = list(solutions_of(store, self.update, self.prefixes, given))
        except (QuerySyntaxError, SyntaxError, ValueError) as error:
            raise ShapeError(
                f"the update of a suggestion cannot be run: {error}.",
                where=self.place,
                mend="Mend its sh:update.",
            ) from None
        for solution in solutions[:1]:
            removed = list(self._rows(algebra.delete, solution))
            added = list(self._rows(algebra.insert, solution))
            blanks = dict.fromkeys(t[1:] for row in added for t in row if t.startswith("?"))
            home = graphs.describing(shortfall.node)
            lines = [
                *_data("DELETE", [(row, g) for row in removed for g in graphs.stating(*row)]),
                *_data("INSERT", [(row, home) for row in added]),
            ]
            if lines:
                yield Mend(shortfall, self.message, " ;\n".join(lines), tuple(blanks))

    def _rows(self, part: object, solution: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        for row in getattr(part, "triples", None) or ():
            terms = [filled(one, solution) or f"?{one}" for one in row]
            if not terms[0].startswith('"'):
                yield terms[0], terms[1], terms[2]


def _data(word: str, rows: Iterable[tuple[tuple[str, str, str], str]]) -> list[str]:
    """Operations that delete or insert some triples, each in its graph."""
    by_graph: dict[str, list[str]] = {}
    for triple, graph in rows:
        by_graph.setdefault(graph, []).append(" ".join(triple) + " .")
    return [
        f"{word} DATA {{ {f'GRAPH {graph} {{ ' if graph else ''}{' '.join(lines)}"
        f"{' }' if graph else ''} }}"
        for graph, lines in by_graph.items()
    ]


class _Generators:
    """The suggestion generators of a shapes graph, by the IRI of their demand."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[str, tuple[_Generator, ...]] = {}

    def of(self, demand: str) -> tuple[_Generator, ...]:
        if demand not in self._known:
            self._known[demand] = tuple(sorted(self._read(demand), key=lambda g: g.order))
        return self._known[demand]

    def _read(self, demand: str) -> Iterator[_Generator]:
        statements = self._shapes.statements
        for node in statements.all(URIRef(demand), DASH + "suggestionGenerator"):
            update = statements.all(node, SH + "update")
            if not update:
                continue
            messages = statements.all(node, SH + "message")
            order = statements.all(node, SH + "order")
            prefixes = {
                str(name): str(iri)
                for head in statements.all(node, SH + "prefixes")
                for declared in statements.all(head, SH + "declare")
                for name in statements.all(declared, SH + "prefix")
                for iri in statements.all(declared, SH + "namespace")
            }
            yield _Generator(
                message=str(messages[0]) if messages else "",
                update=str(update[0]),
                prefixes=prefixes,
                order=float(order[0]) if order and isinstance(order[0], Literal) else 0.0,
                place=self._shapes.place(node),
            )
