"""What an edit reaches: the focus nodes whose answers a changed triple may alter.

A rule is taken apart into occurrences: each triple pattern of its query, wherever it stands (in a
denial, an OPTIONAL, a sub-query, a path), with the patterns that hold around it. A changed triple
matters to a focus node only where it fits an occurrence and what stands around it is met, before or
after the change. Filters are not looked at: what is found may be too much, never too little.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from rdflib import BNode, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, Path, SequencePath
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier

from holdfast.columns import Columns
from holdfast.columns.names import among, quoted
from holdfast.compile import Axiom, group_of
from holdfast.compile.values import n3_of
from holdfast.queries import members
from holdfast.rules import Rule
from holdfast.vocabulary import HF, RDF_TYPE

FOCUS = "?this"
LIMIT = 5000
"""How many partial matches are followed before what stands around is left unread."""

Step = str | Path
"""An IRI, a variable (with its question mark), or a path."""


@dataclass(frozen=True)
class Pattern:
    """A triple pattern; ends are variables (`?name`) or N-Triples terms.

    An end `#7` is the term of that number; the step `=` says that both ends are the same term.
    """

    subject: str
    step: Step
    value: str


@dataclass(frozen=True)
class Occurrence:
    """A pattern that a changed triple may fit, and those that hold wherever it matters."""

    pattern: Pattern
    around: tuple[Pattern, ...]


@dataclass(frozen=True)
class Readings:
    """All occurrences of a rule by predicate; those under `''` fit any predicate.

    `everywhere` tells that a change of any kind may alter any answer.
    """

    by_predicate: Mapping[str, tuple[Occurrence, ...]]
    everywhere: bool

    def of(self, predicate: str) -> tuple[Occurrence, ...]:
        """The occurrences that a triple of this predicate may fit."""
        return (*self.by_predicate.get(predicate, ()), *self.by_predicate.get("", ()))


def readings_of(rule: Rule) -> Readings:
    """Where a rule reads what."""
    target = _target_pattern(rule)
    walker = _Walker()
    found = [Occurrence(target, ())]
    if rule.kind == "judgement":
        left_out = Pattern(FOCUS, RDF_TYPE, f"<{HF}NotAssessed>")
        found.append(Occurrence(left_out, (target,)))
    found += walker.occurrences(rule.algebra.p, (target,))
    by_predicate: dict[str, list[Occurrence]] = {}
    for occurrence in found:
        for plain in _plain(occurrence, walker.fresh):
            step = plain.pattern.step
            key = "" if isinstance(step, Path) or step.startswith("?") else step
            by_predicate.setdefault(key, []).append(plain)
    return Readings(
        {key: tuple(dict.fromkeys(listed)) for key, listed in by_predicate.items()},
        walker.everywhere,
    )


def readings_of_axioms(axioms: Iterable[Axiom]) -> Readings:
    """Where some axioms read what; the focus node is the subject of what they conclude."""
    by_predicate: dict[str, list[Occurrence]] = {}
    for axiom in axioms:
        atoms, where = axiom.all_atoms()
        names = _joined_ends(where)
        constants = {f"{{k{place}}}": f"#{term}" for place, term in enumerate(axiom.constants)}

        def end(
            column: str,
            names: Mapping[str, str] = names,
            constants: Mapping[str, str] = constants,
        ) -> str:
            name = names.get(column, column)
            return constants.get(name) or (f"#{name}" if name.isdecimal() else f"?{name}")

        focus = end(axiom.head[0])
        patterns = [
            Pattern(
                *(
                    FOCUS if term == focus else term
                    for term in (end(f"a{place}.s"), atom.predicate, end(f"a{place}.o"))
                )
            )
            for place, atom in enumerate(atoms)
        ]
        for place, pattern in enumerate(patterns):
            around = (*patterns[:place], *patterns[place + 1 :])
            if not focus.startswith("?"):
                around = (*around, Pattern(focus, "=", FOCUS))
            assert isinstance(pattern.step, str)
            by_predicate.setdefault(pattern.step, []).append(Occurrence(pattern, around))
    return Readings({key: tuple(listed) for key, listed in by_predicate.items()}, False)


def _joined_ends(where: Iterable[str]) -> dict[str, str]:
    """For each column of a join the one name, or the constant, that it must equal."""
    names: dict[str, str] = {}

    def root(name: str) -> str:
        while name in names:
            name = names[name]
        return name

    for condition in where:
        for one, other in re.findall(r"(a\d+\.[so]) = (a\d+\.[so]|\{k\d+\}|\d+)", condition):
            left, right = root(one), root(other)
            if left != right:
                if not left.startswith("a"):
                    left, right = right, left
                names[left] = right
    return {name: root(name) for name in names}


def _target_pattern(rule: Rule) -> Pattern:
    target = rule.target
    if target.kind == "targetClass":
        return Pattern(FOCUS, RDF_TYPE, f"<{target.iri}>")
    if target.kind == "targetObjectsOf":
        return Pattern("?target", target.iri, FOCUS)
    return Pattern(FOCUS, target.iri, "?target")


class _Walker:
    """Goes through a query's algebra with the patterns that hold where it is."""

    def __init__(self) -> None:
        self.everywhere = False
        self._numbers = count()

    def fresh(self) -> str:
        return f"?.{next(self._numbers)}"

    def occurrences(self, node: Any, around: tuple[Pattern, ...]) -> Iterator[Occurrence]:
        if not isinstance(node, CompValue):
            return
        name = node.name
        if name == "BGP":
            own = self.patterns(node)
            for place, pattern in enumerate(own):
                yield Occurrence(pattern, (*around, *own[:place], *own[place + 1 :]))
        elif name == "Join":
            yield from self.occurrences(node.p1, (*around, *self.certain(node.p2)))
            yield from self.occurrences(node.p2, (*around, *self.certain(node.p1)))
        elif name in ("LeftJoin", "Minus"):
            left = self.certain(node.p1)
            yield from self.occurrences(node.p1, around)
            yield from self.occurrences(node.p2, (*around, *left))
            both = (*around, *left, *self.certain(node.p2))
            yield from self.tests(node.get("expr"), both)
        elif name == "Union":
            yield from self.occurrences(node.p1, around)
            yield from self.occurrences(node.p2, around)
        elif name in ("Filter", "Extend"):
            yield from self.occurrences(node.p, around)
            yield from self.tests(node.expr, (*around, *self.certain(node)))
        elif name == "ToMultiSet" and "p" not in node:
            return
        elif name == "Graph":
            self.everywhere = True
        elif name == "AggregateJoin":
            yield from self.occurrences(node.p, around)
            yield from self.tests(node.A, (*around, *self.certain(node.p)))
        elif name == "Project":
            renamed = self.renaming(node)
            for occurrence in self.occurrences(node.p, ()):
                yield Occurrence(
                    _renamed(occurrence.pattern, renamed),
                    (*around, *(_renamed(p, renamed) for p in occurrence.around)),
                )
        else:
            for key, value in members(node):
                if key in ("p", "p1", "p2"):
                    yield from self.occurrences(value, around)
                elif key not in ("PV", "template", "var"):
                    yield from self.tests(value, around)

    def tests(self, node: Any, around: tuple[Pattern, ...]) -> Iterator[Occurrence]:
        """The occurrences within the EXISTS of an expression."""
        if isinstance(node, (list, tuple)):
            for part in node:
                yield from self.tests(part, around)
        elif isinstance(node, CompValue):
            if node.name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
                yield from self.occurrences(group_of(node), around)
                return
            for _, value in members(node):
                yield from self.tests(value, around)

    def certain(self, node: Any) -> tuple[Pattern, ...]:
        """The patterns that hold in every solution of a group."""
        if not isinstance(node, CompValue):
            return ()
        name = node.name
        if name == "BGP":
            return self.patterns(node)
        if name == "Join":
            return (*self.certain(node.p1), *self.certain(node.p2))
        if name in ("LeftJoin", "Minus"):
            return self.certain(node.p1)
        if name in ("Union", "Graph"):
            return ()
        if name == "Extend":
            same = (
                (Pattern(f"?{node.expr}", "=", f"?{node.var}"),)
                if isinstance(node.expr, Variable)
                else ()
            )
            return (*self.certain(node.p), *same)
        if name == "Project":
            renamed = self.renaming(node)
            return tuple(_renamed(pattern, renamed) for pattern in self.certain(node.p))
        if name == "AggregateJoin":
            return self.certain(node.p.p) if node.p.get("expr") else ()
        return self.certain(node.get("p"))

    def patterns(self, node: CompValue) -> tuple[Pattern, ...]:
        return tuple(
            Pattern(_end(subject), _step(predicate), _end(value))
            for subject, predicate, value in sorted(
                node.triples, key=lambda triple: tuple(map(str, triple))
            )
        )

    def renaming(self, node: CompValue) -> Callable[[str], str]:
        """New names for the variables that a sub-query keeps to itself."""
        given = {f"?{name}" for name in node.PV} | {FOCUS}
        made: dict[str, str] = {}

        def name(term: str) -> str:
            if not term.startswith("?") or term in given:
                return term
            return made.setdefault(term, self.fresh())

        return name


def _renamed(pattern: Pattern, name: Callable[[str], str]) -> Pattern:
    step = name(pattern.step) if isinstance(pattern.step, str) else pattern.step
    return Pattern(name(pattern.subject), step, name(pattern.value))


def _end(term: Identifier) -> str:
    if isinstance(term, Variable):
        return f"?{term}"
    return f"?_:{term}" if isinstance(term, BNode) else n3_of(term)


def _step(predicate: Any) -> Step:
    if isinstance(predicate, Variable):
        return f"?{predicate}"
    return predicate if isinstance(predicate, Path) else str(predicate)


def _plain(occurrence: Occurrence, fresh: Callable[[], str]) -> Iterator[Occurrence]:
    """An occurrence of a path as those of each predicate in it, with the way there and on."""
    pattern, around = occurrence.pattern, occurrence.around
    if not isinstance(pattern.step, Path):
        yield occurrence
        return
    for before, predicate, after, backwards in _places(pattern.step):
        ends = fresh(), fresh()
        near, far = reversed(ends) if backwards else ends
        ways = [
            Pattern(pattern.subject, before or "=", near),
            Pattern(far, after or "=", pattern.value),
        ]
        yield Occurrence(Pattern(ends[0], predicate, ends[1]), (*ways, *around))


_Place = tuple[Path | str | None, Step, Path | str | None, bool]


def _places(path: Any) -> list[_Place]:
    """Each predicate of a path: what leads to it, itself, what follows, and whether backwards."""
    if isinstance(path, URIRef):
        return [(None, str(path), None, False)]
    if isinstance(path, NegatedPath):
        return [(None, path, None, False), (None, path, None, True)]
    if isinstance(path, InvPath):
        return [
            (_inverse(after), step, _inverse(before), not backwards)
            for before, step, after, backwards in _places(path.arg)
        ]
    if isinstance(path, AlternativePath):
        return [place for arg in path.args for place in _places(arg)]
    if isinstance(path, SequencePath):
        return [
            (_chain([*path.args[:at], before]), step, _chain([after, *path.args[at + 1 :]]), back)
            for at, arg in enumerate(path.args)
            for before, step, after, back in _places(arg)
        ]
    if isinstance(path, MulPath):
        again = [] if path.mod == "?" else [MulPath(path.path, "*")]
        return [
            (_chain([*again, before]), step, _chain([after, *again]), back)
            for before, step, after, back in _places(path.path)
        ]
    raise TypeError(f"{path!r} is not a path")


def _chain(parts: Sequence[Any]) -> Any:
    steps = [URIRef(part) if type(part) is str else part for part in parts if part is not None]
    if len(steps) < 2:
        return steps[0] if steps else None
    return SequencePath(*steps)


def _inverse(path: Any) -> Any:
    return None if path is None else InvPath(path)


class Unfollowed(Exception):
    """There is more to a pattern than is followed from neighbour to neighbour."""


class Neighbours:
    """Who is joined to whom, looked up once and kept while an edit goes on.

    `along` tells of before the edit and after it together, `now` of what there is now; for that
    `note` has to be told of the triples that come and go.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._known: dict[tuple[str, bool], dict[int, set[int]]] = {}
        self._noted: dict[tuple[str, bool, int], set[int]] = defaultdict(set)
        self._gone: dict[tuple[str, bool, int], set[int]] = defaultdict(set)

    def note(self, predicate: str, subject: int, value: int, *, gone: bool) -> None:
        """Tell of a triple that has come, or gone."""
        for end, other, backwards in ((subject, value, False), (value, subject, True)):
            self._noted[predicate, backwards, end].add(other)
            if gone:
                self._gone[predicate, backwards, end].add(other)
            else:
                self._gone[predicate, backwards, end].discard(other)
            known = self._known.get((predicate, backwards), {})
            if end in known:
                known[end].add(other)

    def fetch(
        self,
        predicate: str,
        nodes: Iterable[int],
        *,
        backwards: bool = False,
        most: int | None = None,
    ) -> None:
        """Look up the neighbours of some nodes along one predicate at once.

        Raises Unfollowed where there are more than `most`; then none is kept.
        """
        known = self._known.setdefault((predicate, backwards), {})
        wanted = [node for node in nodes if node not in known]
        if not wanted:
            return
        found: dict[int, set[int]] = {
            node: set(self._noted.get((predicate, backwards, node), ())) for node in wanted
        }
        if predicate in self.columns.predicates:
            here, there = ("o", "s") if backwards else ("s", "o")
            limit = "" if most is None else f" LIMIT {most + 1}"
            rows = self.columns.rows(
                f"SELECT {here}, {there} FROM {quoted(predicate)}"
                f" WHERE {among(here, wanted)}{limit}"
            )
            if most is not None and len(rows) > most:
                raise Unfollowed
            for node, other in rows:
                found[node].add(other)
        known |= found

    def now(
        self,
        step: Step,
        nodes: frozenset[int],
        *,
        backwards: bool = False,
        most: int | None = None,
    ) -> dict[int, set[int]]:
        """What each node reaches now in one step.

        Raises Unfollowed where more than `most` are looked up at once.
        """
        return self.along(step, nodes, backwards=backwards, now=True, most=most)

    def along(
        self,
        step: Step,
        nodes: frozenset[int],
        *,
        backwards: bool = False,
        now: bool = False,
        most: int | None = None,
    ) -> dict[int, set[int]]:
        """What each node reaches in one step: along a predicate, a path, or the path read back."""
        if isinstance(step, (URIRef, str)):
            self.fetch(str(step), nodes, backwards=backwards, most=most)
            known = self._known[str(step), backwards]
            if not now:
                return {node: known[node] for node in nodes}
            none: set[int] = set()
            return {
                node: known[node] - self._gone.get((str(step), backwards, node), none)
                for node in nodes
            }
        if isinstance(step, InvPath):
            return self.along(step.arg, nodes, backwards=not backwards, now=now, most=most)
        if isinstance(step, AlternativePath):
            return _merged(
                [
                    self.along(arg, nodes, backwards=backwards, now=now, most=most)
                    for arg in step.args
                ]
            )
        if isinstance(step, SequencePath):
            reached = {node: {node} for node in nodes}
            for arg in reversed(step.args) if backwards else step.args:
                reached = self._on(reached, arg, backwards, now, most)
            return reached
        if isinstance(step, NegatedPath):
            if now:
                raise Unfollowed
            ways = [
                self.along(predicate, nodes, backwards=back)
                for predicate in list(self.columns.predicates)
                for back in (False, True)
            ]
            return _merged(ways) if ways else {node: set() for node in nodes}
        assert isinstance(step, MulPath)
        once = self.along(step.path, nodes, backwards=backwards, now=now, most=most)
        if step.mod == "?":
            return {node: {node, *others} for node, others in once.items()}
        reached = {n: {n, *others} if step.mod == "*" else {*others} for n, others in once.items()}
        while True:
            further = self._on(reached, step.path, backwards, now, most)
            grown = {node: reached[node] | further[node] for node in nodes}
            if grown == reached:
                return reached
            reached = grown

    def _on(
        self,
        reached: dict[int, set[int]],
        step: Step,
        backwards: bool,
        now: bool,
        most: int | None,
    ) -> dict[int, set[int]]:
        ends = frozenset(end for others in reached.values() for end in others)
        if most is not None and len(ends) > most:
            raise Unfollowed
        following = self.along(step, ends, backwards=backwards, now=now, most=most)
        return {
            node: {far for end in others for far in following[end]}
            for node, others in reached.items()
        }


def _merged(ways: Sequence[dict[int, set[int]]]) -> dict[int, set[int]]:
    return {node: set().union(*(way[node] for way in ways)) for node in ways[0]}


Bindings = dict[str, int]


def reached_from(
    occurrence: Occurrence, triples: Iterable[tuple[int, int, int]], neighbours: Neighbours
) -> frozenset[int] | None:
    """The focus nodes that changed triples (s, p, o) of a fitting predicate may matter to.

    None where the pattern is not tied to the focus node: then they may matter to all.
    """
    columns = neighbours.columns
    pattern = occurrence.pattern
    found: list[Bindings] = []
    for subject, predicate, value in triples:
        bound: Bindings | None = {}
        ends = [(pattern.subject, subject), (pattern.value, value)]
        if isinstance(pattern.step, str) and pattern.step.startswith("?"):
            ends.append((pattern.step, predicate))
        for term, node in ends:
            bound = _bind(bound, term, node, columns) if bound is not None else None
        if bound is not None:
            found.append(bound)
    waiting = list(occurrence.around)
    while found:
        known = {term for bound in found[:1] for term in bound}
        following = _tied(waiting, known)
        if following is None or (len(found) > LIMIT and FOCUS in known):
            break
        waiting.remove(following)
        found = _extended(found, following, neighbours)
    if not found:
        return frozenset()
    if FOCUS not in found[0]:
        return None
    return frozenset(bound[FOCUS] for bound in found)


def _bind(bound: Bindings, term: str, node: int, columns: Columns) -> Bindings | None:
    if not term.startswith("?"):
        return bound if _number(term, columns) == node else None
    if term in bound:
        return bound if bound[term] == node else None
    return {**bound, term: node}


def _number(term: str, columns: Columns) -> int:
    return int(term[1:]) if term.startswith("#") else columns.id_of(term)


def _tied(waiting: Sequence[Pattern], known: set[str]) -> Pattern | None:
    """The pattern to look up next: one with both ends known, else one with an end known."""

    def rank(pattern: Pattern) -> int:
        if isinstance(pattern.step, str) and pattern.step.startswith("?"):
            return 9  # a variable predicate narrows nothing that is worth the looking
        variables = [end for end in (pattern.subject, pattern.value) if end.startswith("?")]
        if not variables:
            return 9
        open_ends = [end for end in variables if end not in known]
        if not open_ends or (pattern.step == "=" and len(variables) == 1):
            return 0
        if len(open_ends) == 2 or not set(variables) & known:
            return 9
        return 1 if pattern.step == "=" else 2 if FOCUS in open_ends else 3

    best = min(waiting, key=rank, default=None)
    return best if best is not None and rank(best) < 9 else None


def _extended(found: list[Bindings], pattern: Pattern, neighbours: Neighbours) -> list[Bindings]:
    columns = neighbours.columns
    first = found[0]
    subject, value = pattern.subject, pattern.value
    from_subject = subject in first
    here, there = (subject, value) if from_subject else (value, subject)
    if pattern.step == "=":
        if not here.startswith("?"):
            here, there = there, here
        same = (
            _bind(bound, there, bound[here], columns)
            if here in bound
            else _bind(bound, here, _number(there, columns), columns)
            for bound in found
        )
        return [bound for bound in same if bound is not None]
    nodes = frozenset(bound[here] for bound in found)
    joined = neighbours.along(pattern.step, nodes, backwards=not from_subject)
    made: dict[tuple[int, ...], Bindings] = {}
    for bound in found:
        if there in bound:
            ends = {bound[there]} & joined[bound[here]]
        elif there.startswith("?"):
            ends = joined[bound[here]]
        else:
            ends = {_number(there, columns)} & joined[bound[here]]
        for end in ends:
            grown_bound = {**bound, there: end} if there.startswith("?") else bound
            made[tuple(grown_bound.values())] = grown_bound
    return list(made.values())
