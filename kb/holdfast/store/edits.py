"""A SPARQL 1.1 Update as quads taken and quads added.

Each operation is made on a copy of the index, one after the other, and what it takes and adds is
noted, so that it can be made on the sources as well (SPARQL 1.1 Update §3). The copy is thrown
away: whoever makes the update, in whatever process, may be stopped at any time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef, Variable

from holdfast.errors import StoreError, TooLargeError
from holdfast.policy import Token, place, read_request
from holdfast.queries import QuerySyntaxError, read_any_update
from holdfast.store.lines import line_of, quads_of, value_of

AT_ONCE = 65_536
"""How many signs of data are made without a draft: more would hold up others for long."""

Graph = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
Template = tuple[tuple[Any, Any, Any, Any], ...]


@dataclass(frozen=True)
class Update:
    """A SPARQL 1.1 Update that is to be made.

    `using` and `using_named` are the dataset of every WHERE (SPARQL 1.1 Protocol §2.2.3); without
    them it is the store, its default graph the `union` of all. New blank nodes are called `label`
    with a number. It may take and add up to `most` quads, or any number where that is 0.
    """

    text: str
    using: Sequence[str]
    using_named: Sequence[str]
    union: bool
    label: str
    most: int = 0


class Quads(Protocol):
    """Quads by their values, to be looked up and changed."""

    def __contains__(self, quad: Any, /) -> bool:
        """Whether a quad is there."""

    def remove(self, quad: ox.Quad, /) -> None:
        """Take a quad that is there."""

    def extend(self, quads: Iterable[ox.Quad], /) -> None:
        """Add quads that are not there."""


@dataclass
class Delta:
    """What an update comes to: the values of quads taken, and quads added, each by its value."""

    taken: set[ox.Quad] = field(default_factory=set)
    added: dict[ox.Quad, ox.Quad] = field(default_factory=dict)

    def make(self, store: Quads, less: Iterable[ox.Quad], more: Iterable[ox.Quad]) -> None:
        """Take quads from a store and add others to it, and note what that changes."""
        for quad in less:
            value = value_of(quad)
            if value in store:
                store.remove(value)
                if self.added.pop(value, None) is None:
                    self.taken.add(value)
        fresh: dict[ox.Quad, ox.Quad] = {}
        for quad in more:
            value = value_of(quad)
            if value not in store:
                fresh.setdefault(value, quad)
        store.extend(fresh)
        self.added.update(fresh)

    def lines(self) -> tuple[Iterator[bytes], Iterator[bytes]]:
        """Lines of N-Quads for what is taken, and for what is added as it was spelt."""
        return map(line_of, self.taken), map(line_of, self.added.values())

    @classmethod
    def of_lines(cls, taken: Iterable[bytes], added: Iterable[bytes]) -> Delta:
        """What `lines` gave."""
        return cls(set(quads_of(taken)), {value_of(quad): quad for quad in quads_of(added)})


def apply_update(store: ox.Store, update: Update) -> Delta:
    """Make an update on a store, and say what it comes to.

    Raises StoreError for what is not an update, PolicyError for what reaches out, TooLargeError;
    then the store may be half changed.
    """
    delta = Delta()
    fresh = _labels(update)
    operations = list(_operations(update.text, read_request(update.text).tokens))
    _check(update.text, operations)
    dataset = (update.using, update.using_named, update.union)
    for operation in operations:
        _make(store, operation, delta, dataset, fresh)
        check_size(len(delta.taken) + len(delta.added), update.most)
    return delta


def check_size(quads: int, most: int, registers: int = 0) -> None:
    """Raise TooLargeError where a change of so many quads and registers is more than it may be.

    A register takes as long to write as REGISTER quads. `most` 0 lets everything pass.
    """
    if most and quads + registers * REGISTER > most:
        plural = "register" if registers == 1 else "registers"
        among = f" in {registers:,} {plural}, {REGISTER} more for each," if registers else ""
        raise TooLargeError(
            f"it would change {quads:,} quads{among} and may change {most:,}. Nothing has changed.",
            where="the update",
            mend="Take it apart, or replace or drop the graphs as a whole.",
        )


REGISTER = 100
"""How many quads take as long to commit as what comes with each register, some 10 ms."""


def apply_data(store: ox.Store, update: Update) -> Delta | None:
    """What an update comes to that is INSERT DATA and DELETE DATA alone, as `apply_update` says it.

    It ends as soon as it is read, and so is made at once: the store stays as it is. None for any
    other update, for what takes long to read (more than AT_ONCE, RDF 1.2, and what is not TriG as
    well), and for what is no update: `apply_update` says why. Raises PolicyError.
    """
    if len(update.text) > AT_ONCE:
        return None
    tokens = read_request(update.text).tokens
    operations = list(_operations(update.text, tokens))
    # <<…>> may be nested without end, which only a process of its own should find out
    if any(one.words not in _DATA for one in operations) or any(t.text == "<" for t in tokens):
        return None
    delta, changed, fresh = Delta(), _Changed(store), _labels(update)
    try:
        _check_syntax(update.text)
        for one in operations:
            quads = _trig(one, fresh)
            if quads is None:
                return None
            _make_data(changed, one, delta, quads)
    except StoreError:
        return None
    return delta


_DATA = (("INSERT", "DATA"), ("DELETE", "DATA"))


class _Changed:
    """A store as it would be, while it stays as it is."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store
        self._there: dict[ox.Quad, bool] = {}

    def __contains__(self, quad: ox.Quad) -> bool:
        known = self._there.get(quad)
        return quad in self._store if known is None else known

    def remove(self, quad: ox.Quad) -> None:
        self._there[quad] = False

    def extend(self, quads: Iterable[ox.Quad]) -> None:
        self._there.update(dict.fromkeys(quads, True))


def _labels(update: Update) -> Iterator[str]:
    return (f"{update.label}{number}" for number in itertools.count())


@dataclass(frozen=True)
class _Operation:
    """One operation: what is declared before it, its text, its outer groups, its first words.

    It begins `at` a place in the update, and `end` is behind the semicolon that follows it.
    """

    declared: str
    text: str
    at: int
    end: int
    groups: tuple[str, ...]
    words: tuple[str, ...]
    where: str

    @property
    def whole(self) -> str:
        """The operation with what is declared before it."""
        return self.declared + self.text


def _operations(text: str, tokens: Sequence[Token]) -> Iterator[_Operation]:
    declared = ""
    at = 0
    while at < len(tokens):
        while at < len(tokens) and (head := tokens[at].word) in ("BASE", "PREFIX", "VERSION"):
            end = at + (3 if head == "PREFIX" else 2)
            declared += f"{text[tokens[at].at : _end(text, tokens, end)]}\n"
            at = end
        begin = at
        groups: list[str] = []
        opened = 0
        while at < len(tokens) and not (tokens[at].text == ";" and tokens[at].depth == 0):
            token = tokens[at]
            if token.text == "{" and token.depth == 0:
                opened = token.at
            elif token.text == "}" and token.depth == 0:
                groups.append(text[opened : token.at + 1])
            at += 1
        if at > begin:
            start = tokens[begin].at
            yield _Operation(
                declared,
                text[start : _end(text, tokens, at)],
                start,
                _end(text, tokens, at + 1),
                tuple(groups),
                tuple(token.word for token in tokens[begin : begin + 2]),
                f"the update: line {place(text, start)[0]}",
            )
        at += 1


def _end(text: str, tokens: Sequence[Token], number: int) -> int:
    """Where the text before a token ends."""
    return tokens[number].at if number < len(tokens) else len(text)


def _check(text: str, operations: Sequence[_Operation]) -> None:
    """Raise StoreError for what is not an update."""
    try:
        _check_syntax(text)
    except StoreError:
        if len({one.declared for one in operations}) < 2:
            raise
        # Oxigraph 0.5 takes no PREFIX and no BASE after a semicolon, where SPARQL has them
        # (SPARQL 1.1 §19.8, rule 29): it reads the operations one by one, each in its place
        before, done = "", 0
        for one in operations:
            before += text[done : one.at]
            _check_syntax(before + one.text)
            before += _SIGN.sub(" ", text[one.at : one.end])
            done = one.end


_SIGN = re.compile(r"[^\r\n]")


def _check_syntax(text: str) -> None:
    """Raise StoreError for what is not an update: an empty store reads it, and is thrown away."""
    try:
        ox.Store().update(text)
    except SyntaxError as error:
        found = _FAULT.match(str(error.msg))
        line, column, reason = found.groups() if found else ("1", "1", str(error.msg))
        raise StoreError(
            f"this is not SPARQL 1.1 Update: {reason.rstrip('.')}.",
            where=f"the update: line {line}, column {column}",
            mend="Mend it and send it again.",
        ) from None
    except (OSError, RuntimeError, ValueError):
        pass  # a graph that is not there: whether it is will be seen on the store itself


_FAULT = re.compile(r"error at (\d+):(\d+)[^:]*: (.*)", re.DOTALL)


def _make(
    store: ox.Store,
    operation: _Operation,
    delta: Delta,
    dataset: tuple[Sequence[str], Sequence[str], bool],
    fresh: Iterator[str],
) -> None:
    try:
        if operation.words in _DATA:
            _make_data(store, operation, delta, _data(operation, fresh))
            return
        (part,) = read_any_update(operation.whole)
        if part.name in ("Modify", "DeleteWhere"):
            _modify(store, operation, part, delta, dataset, fresh)
        else:
            _manage(store, part, delta, operation.where)
    except QuerySyntaxError as error:
        raise StoreError(
            f"the update cannot be read: {error.reason}.",
            where=operation.where,
            mend="Mend it and send it again.",
        ) from None


def _make_data(store: Quads, operation: _Operation, delta: Delta, quads: Sequence[ox.Quad]) -> None:
    inserts = operation.words[0] == "INSERT"
    delta.make(store, () if inserts else quads, quads if inserts else ())


def _data(operation: _Operation, fresh: Iterator[str]) -> list[ox.Quad]:
    """The quads of INSERT DATA or DELETE DATA.

    They are written as in TriG, but for full stops, and the parser of TriG is much the faster.
    """
    quads = _trig(operation, fresh)
    if quads is not None:
        return quads
    (part,) = read_any_update(operation.whole)
    return list(_filled(_template(part, None), [{}], fresh))


def _trig(operation: _Operation, fresh: Iterator[str]) -> list[ox.Quad] | None:
    """The quads of data that are TriG as well, with or without the last full stop; else None.

    Raises StoreError for what is RDF 1.2.
    """
    for end in ("", " ."):
        with suppress(SyntaxError):
            quads = ox.parse(
                f"{operation.declared}{operation.groups[0][1:-1]}{end}",
                format=ox.RdfFormat.TRIG,
                rename_blank_nodes=True,
            )
            read = list(quads)
            for quad in read:
                _check_plain(quad, operation.where)
            return _renamed(read, fresh)
    return None


def _check_plain(quad: ox.Quad, where: str) -> None:
    """Raise StoreError for a quad that RDF 1.1 does not have."""
    value = quad.object
    if isinstance(value, ox.Triple):
        what, mend = f"the object of {quad.predicate} is a triple term", "a node of its own"
    elif isinstance(value, ox.Literal) and value.direction is not None:
        what, mend = f"{value} has a text direction", "the language alone"
    else:
        return
    raise StoreError(
        f"{what} (RDF 1.2).", where=where, mend=f"Holdfast reads RDF 1.1: give {mend}."
    )


def _renamed(quads: list[ox.Quad], fresh: Iterator[str]) -> list[ox.Quad]:
    names: dict[ox.BlankNode, ox.BlankNode] = {}

    def named(term: Any) -> Any:
        if not isinstance(term, ox.BlankNode):
            return term
        if term not in names:
            names[term] = ox.BlankNode(next(fresh))
        return names[term]

    return [
        ox.Quad(named(quad.subject), quad.predicate, named(quad.object), quad.graph_name)
        for quad in quads
    ]


def _modify(
    store: ox.Store,
    operation: _Operation,
    part: Any,
    delta: Delta,
    dataset: tuple[Sequence[str], Sequence[str], bool],
    fresh: Iterator[str],
) -> None:
    """DELETE … INSERT … WHERE, and DELETE WHERE."""
    using, using_named, union = dataset
    own = part.withClause if part.name == "Modify" else None
    given = [*(part.using or ())] if part.name == "Modify" else []
    if (using or using_named) and (own is not None or given):
        raise StoreError(
            "the dataset is given twice: in the request, and by WITH or USING.",
            where=operation.where,
            mend="Give it once.",
        )
    if part.name == "DeleteWhere":
        delete, insert = _template(part, None), _template(None, None)
    else:
        delete, insert = _template(part.delete, own), _template(part.insert, own)
    terms = [term for quad in (*delete, *insert) for term in quad]
    variables = sorted({str(term) for term in terms if isinstance(term, Variable)})
    chosen = " ".join(f"?{name}" for name in variables) or "(1 AS ?one)"
    defaults = [str(one.default) for one in given if one.default] or list(using)
    named = [str(one.named) for one in given if one.named] or list(using_named)
    options: dict[str, Any] = {}
    if defaults or named:
        options["default_graph"] = [ox.NamedNode(iri) for iri in defaults]
        options["named_graphs"] = [ox.NamedNode(iri) for iri in named]
    elif own is not None:
        options["default_graph"] = [ox.NamedNode(str(own))]
    elif union:
        options["use_default_graph_as_union"] = True
    # each solution makes blank nodes of its own, and so must not be lost among its likes
    distinct = "" if any(isinstance(term, BNode) for term in terms) else "DISTINCT "
    query = f"{operation.declared}\nSELECT {distinct}{chosen} WHERE {operation.groups[-1]}"
    try:
        found = cast(ox.QuerySolutions, store.query(query, **options))
        solutions = [
            {name: solution[name] for name in variables if solution[name] is not None}
            for solution in found
        ]
    except (SyntaxError, ValueError) as error:
        raise StoreError(
            f"its WHERE cannot be asked: {error}.",
            where=operation.where,
            mend="Mend it and send it again.",
        ) from None
    delta.make(store, _filled(delete, solutions, fresh), _filled(insert, solutions, fresh))


def _template(part: Any, own: Any) -> Template:
    if part is None:
        return ()
    return (
        *((s, p, o, own) for s, p, o in part.triples or ()),
        *((s, p, o, graph) for graph, triples in (part.quads or {}).items() for s, p, o in triples),
    )


def _filled(
    template: Template, solutions: Iterable[Mapping[str, Any]], fresh: Iterator[str]
) -> Iterator[ox.Quad]:
    """The quads of a template; those that would not be RDF are left out (Update §3.1.3)."""
    for solution in solutions:
        made: dict[BNode, ox.BlankNode] = {}
        for quad in template:
            terms: list[Any] = []
            for term in quad:
                if term is None:
                    terms.append(ox.DefaultGraph())
                elif isinstance(term, Variable):
                    terms.append(solution.get(str(term)))
                elif isinstance(term, BNode):
                    if term not in made:
                        made[term] = ox.BlankNode(next(fresh))
                    terms.append(made[term])
                else:
                    terms.append(_term(term))
            s, p, o, g = terms
            if (
                isinstance(s, ox.NamedNode | ox.BlankNode)
                and isinstance(p, ox.NamedNode)
                and isinstance(o, ox.NamedNode | ox.BlankNode | ox.Literal)
                and isinstance(g, Graph)
            ):
                yield ox.Quad(s, p, o, g)


def _term(term: Any) -> ox.NamedNode | ox.Literal:
    if isinstance(term, URIRef):
        return ox.NamedNode(str(term))
    assert isinstance(term, Literal)
    if term.language:
        return ox.Literal(str(term), language=term.language)
    if term.datatype is None:
        return ox.Literal(str(term))
    return ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype)))


def _manage(store: ox.Store, part: Any, delta: Delta, where: str) -> None:
    """CLEAR, DROP, CREATE, ADD, MOVE and COPY (Update §3.1.3 to §3.2)."""
    silent = bool(part.silent)
    if part.name in ("Clear", "Drop"):
        which = part.graphiri
        if which in ("ALL", "NAMED", "DEFAULT") and not isinstance(which, URIRef):
            graphs: list[Graph] = [] if which == "DEFAULT" else list(store.named_graphs())
            graphs += [] if which == "NAMED" else [ox.DefaultGraph()]
        else:
            graphs = [_present(store, which, where, silent)]
        for graph in graphs:
            delta.make(store, list(store.quads_for_pattern(None, None, None, graph)), ())
            if isinstance(graph, ox.NamedNode | ox.BlankNode):
                store.remove_graph(graph)
    elif part.name == "Create":
        if not silent and store.contains_named_graph(ox.NamedNode(str(part.graphiri))):
            raise StoreError(
                f"there is a graph <{part.graphiri}> already.",
                where=where,
                mend="Write CREATE SILENT to pass over it.",
            )
    else:
        source = _present(store, part.graph[0], where, silent)
        target = _graph(part.graph[1])
        if source == target:
            return
        quads = list(store.quads_for_pattern(None, None, None, source))
        old = [] if part.name == "Add" else list(store.quads_for_pattern(None, None, None, target))
        more = [ox.Quad(quad.subject, quad.predicate, quad.object, target) for quad in quads]
        kept = set(more)
        less = [quad for quad in old if quad not in kept]
        delta.make(store, [*less, *(quads if part.name == "Move" else ())], more)


def _graph(name: Any) -> Graph:
    return ox.NamedNode(str(name)) if isinstance(name, URIRef) else ox.DefaultGraph()


def _present(store: ox.Store, name: Any, where: str, silent: bool) -> Graph:
    graph = _graph(name)
    if isinstance(graph, ox.NamedNode) and not silent and not store.contains_named_graph(graph):
        raise StoreError(
            f"there is no graph {graph}.", where=where, mend="Check its IRI, or add SILENT."
        )
    return graph
