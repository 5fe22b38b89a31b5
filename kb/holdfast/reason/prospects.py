"""Which focus nodes a rule may have an answer for, told without asking the database for a plan.

A pattern is followed from each focus node, from neighbour to neighbour, over the triples that are
there now. What is found is sure, or it only may be: what is not understood here (a function, an
order of texts) leaves a match open. So a node without a match surely has no answer; whether one
with a match has any, its plan has to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, Path, SequencePath
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.columns import Columns
from holdfast.columns.terms import INTEGER
from holdfast.compile import group_of
from holdfast.compile.values import n3_of
from holdfast.queries import EXISTS, names_in
from holdfast.reason.reach import Neighbours, Unfollowed
from holdfast.rules import Rule
from holdfast.vocabulary import RDF_TYPE, XSD

FOCUS = "this"

FEW = 100
"""Up to so many focus nodes are followed: for more, planning is not what takes long."""

MOST = 10_000
"""How many matches are followed before a rule is left to its plan."""

_EXACT = 2**53
"""Up to here the number of a term is exact."""

_INTEGER = URIRef(XSD + "integer")


class _Range(NamedTuple):
    """A whole number, or bounds between which it is."""

    low: float
    high: float


class _Unknown(NamedTuple):
    """Any term, or none."""


_UNKNOWN = _Unknown()
_Known = int | _Range | _Unknown
"""What is known of a variable: the term of a number, a whole number, or nothing."""

_Truth = bool | None
"""None: not known."""


@dataclass(frozen=True, slots=True)
class _Match:
    """A solution, or what may be one; `seed` is the place of the match that it goes on from."""

    bound: Mapping[str, _Known]
    sure: bool
    seed: int


_Matches = list[_Match]


class Prospects:
    """What rules may find, while an edit goes on whose neighbours are looked up."""

    def __init__(self, columns: Columns, neighbours: Neighbours) -> None:
        self._columns = columns
        self._neighbours = neighbours
        self._numbers: dict[int, int | None] = {}
        self._fixed: frozenset[str] = frozenset()

    def of(self, rule: Rule, nodes: Collection[int]) -> Collection[int]:
        """Those of some focus nodes for which a rule may have an answer."""
        if len(nodes) > FEW:
            return nodes
        self._fixed = frozenset({FOCUS})
        listed = sorted(nodes)
        try:
            if rule.target.kind == "targetClass":
                cls = self._columns.id_of(f"<{rule.target.iri}>")
                kinds = self._neighbours.now(URIRef(RDF_TYPE), frozenset(nodes))
                listed = [node for node in listed if cls in kinds[node]]
            seeds = [_Match({FOCUS: node}, True, place) for place, node in enumerate(listed)]
            return {listed[match.seed] for match in self._matches(rule.algebra.p, seeds)}
        except Unfollowed:
            return nodes

    # -- patterns --------------------------------------------------------------------------------

    def _matches(self, node: CompValue, seeds: _Matches) -> _Matches:
        """The matches of a pattern that go on from some seeds."""
        if not seeds:
            return []
        way = _WAYS.get(node.name) if isinstance(node, CompValue) else None
        if way is None:
            raise Unfollowed
        found = way(self, node, seeds)
        if len(found) > MOST:
            raise Unfollowed
        return found

    def _bgp(self, node: CompValue, seeds: _Matches) -> _Matches:
        waiting = [
            (_end(subject), predicate, _end(value)) for subject, predicate, value in node.triples
        ]
        return self._followed(waiting, seeds)

    def _followed(self, waiting: list[tuple[Any, Any, Any]], found: _Matches) -> _Matches:
        """The matches of triple patterns, the one that narrows most before the others."""
        if not waiting or not found:
            return found
        alike: dict[frozenset[str], _Matches] = defaultdict(list)
        for match in found:
            alike[frozenset(n for n, v in match.bound.items() if isinstance(v, int))].append(match)
        if len(alike) > 1:
            return [one for some in alike.values() for one in self._followed(waiting, some)]
        ((known, _),) = alike.items()
        place = min(range(len(waiting)), key=lambda at: _rank(waiting[at], known))
        if _rank(waiting[place], known) > _LOOSE:
            raise Unfollowed
        following = self._extended(waiting[place], known, found)
        if len(following) > MOST:
            raise Unfollowed
        return self._followed([*waiting[:place], *waiting[place + 1 :]], following)

    def _extended(
        self, pattern: tuple[Any, Any, Any], known: frozenset[str], found: _Matches
    ) -> _Matches:
        subject, step, value = pattern
        closed = all(_is_known(end, known) for end in (subject, value))
        # of two ends that are known, a variable: constants tend to have many neighbours
        backwards = not _is_known(subject, known) or (closed and type(subject) is not str)
        here, there = (value, subject) if backwards else (subject, value)
        starts = [self._known(here, match) for match in found]
        joined = self._neighbours.now(step, frozenset(starts), backwards=backwards, most=MOST)
        made: _Matches = []
        for match, start in zip(found, starts, strict=True):
            if closed:
                if self._known(there, match) in joined[start]:
                    made.append(match)
                continue
            sure = match.sure and there not in match.bound
            made += (
                replace(match, bound={**match.bound, there: end}, sure=sure)
                for end in joined[start]
            )
        return made

    def _known(self, end: Any, match: _Match) -> int:
        if type(end) is not str:
            return self._columns.id_of(n3_of(end))
        value = match.bound[end]
        assert isinstance(value, int)
        return value

    def _join(self, node: CompValue, seeds: _Matches) -> _Matches:
        left, right = node.p1, node.p2
        known = self._fixed.union(*(seed.bound for seed in seeds))
        tied = [not known.isdisjoint(names_in(side)) for side in (left, right)]
        if tied == [False, True] or (right.name == "BGP" and all(tied)):
            left, right = right, left  # triples narrow before all else
        return self._onwards(right, self._within(left, seeds))

    def _onwards(self, node: CompValue, found: _Matches) -> _Matches:
        """Each match joined with those of another pattern."""
        return [replace(match, seed=found[match.seed].seed) for match in self._joined(node, found)]

    def _within(self, node: CompValue, seeds: _Matches) -> _Matches:
        """The matches of a pattern joined with its seeds."""
        return self._onwards(node, seeds)

    def _joined(self, node: CompValue, found: _Matches) -> _Matches:
        """The same, each with the place in `found` of the match that it was joined with.

        A pattern is told of what it binds in any case; what it may leave unbound is compared when
        it is done, since filters in it must not see it.
        """
        told = _certain(node) | self._fixed
        seeds = [
            _Match(
                {
                    name: value
                    for name, value in match.bound.items()
                    if name in told and (isinstance(value, int) or name in self._fixed)
                },
                True,
                place,
            )
            for place, match in enumerate(found)
        ]
        made: _Matches = []
        for match in self._matches(node, seeds):
            before = found[match.seed]
            merged = _merged(before.bound, match.bound)
            if merged is not None:
                bound, alike = merged
                made.append(_Match(bound, before.sure and match.sure and alike, match.seed))
        return made

    def _filter(self, node: CompValue, seeds: _Matches) -> _Matches:
        found = self._matches(node.p, seeds)
        return _passed(found, self._truths(node.expr, found))

    def _union(self, node: CompValue, seeds: _Matches) -> _Matches:
        return [*self._within(node.p1, seeds), *self._within(node.p2, seeds)]

    def _left_join(self, node: CompValue, seeds: _Matches) -> _Matches:
        found = self._within(node.p1, seeds)
        joined = self._joined(node.p2, found)
        joined = _passed(joined, self._truths(node.expr, joined))
        certainly = {match.seed for match in joined if match.sure}
        perhaps = {match.seed for match in joined}
        alone = [
            replace(match, sure=match.sure and place not in perhaps)
            for place, match in enumerate(found)
            if place not in certainly
        ]
        return [*alone, *(replace(match, seed=found[match.seed].seed) for match in joined)]

    def _minus(self, node: CompValue, seeds: _Matches) -> _Matches:
        found = self._within(node.p1, seeds)
        taken = self._joined(node.p2, [replace(match, sure=True) for match in found])
        share = not _certain(node.p1).isdisjoint(_certain(node.p2))
        perhaps = {match.seed for match in taken}
        surely = {match.seed for match in taken if match.sure and share}
        return [
            replace(match, sure=match.sure and place not in perhaps)
            for place, match in enumerate(found)
            if place not in surely
        ]

    def _extend(self, node: CompValue, seeds: _Matches) -> _Matches:
        name = str(node.var)
        made: _Matches = []
        for match in self._matches(node.p, seeds):
            merged = _merged(match.bound, {name: self._value(node.expr, match)})
            if merged is not None:
                made.append(replace(match, bound=merged[0], sure=match.sure and merged[1]))
        return made

    def _project(self, node: CompValue, seeds: _Matches) -> _Matches:
        kept = {str(name) for name in node.PV}
        hidden = names_in(node.p) - kept
        if hidden & self._fixed:
            raise Unfollowed
        before = [match.bound.keys() for match in seeds]
        found = self._within(
            node.p, [replace(m, seed=place, sure=True) for place, m in enumerate(seeds)]
        )
        return [
            _Match(
                {n: v for n, v in match.bound.items() if n in kept or n in before[match.seed]},
                match.sure and seeds[match.seed].sure,
                seeds[match.seed].seed,
            )
            for match in found
        ]

    def _part(self, node: CompValue, seeds: _Matches) -> _Matches:
        return self._matches(node.p, seeds)

    def _values(self, node: CompValue, seeds: _Matches) -> _Matches:
        rows = [
            {str(name): self._constant(term) for name, term in row.items() if term != "UNDEF"}
            for row in node.res
        ]
        made: _Matches = []
        for seed in seeds:
            for row in rows:
                merged = _merged(seed.bound, row)
                if merged is not None:
                    made.append(replace(seed, bound=merged[0], sure=seed.sure and merged[1]))
        return made

    def _aggregate_join(self, node: CompValue, seeds: _Matches) -> _Matches:
        group = node.p
        keys = group.expr or []
        if not all(isinstance(key, Variable) for key in keys):
            raise Unfollowed
        found = self._within(
            group.p, [replace(seed, seed=place, sure=True) for place, seed in enumerate(seeds)]
        )
        groups: dict[tuple[int, tuple[_Known | None, ...]], _Matches] = defaultdict(list)
        if not keys:
            groups |= {(place, ()): [] for place in range(len(seeds))}
        for match in found:
            key = tuple(match.bound.get(str(name)) for name in keys)
            if any(isinstance(value, (_Range, _Unknown)) for value in key):
                raise Unfollowed
            groups[match.seed, key].append(match)
        once = _each_once(group.p)
        made: _Matches = []
        for (place, key), members in groups.items():
            seed = seeds[place]
            bound = {
                str(name): value for name, value in zip(keys, key, strict=True) if value is not None
            }
            bound |= {
                str(aggregate.res): self._aggregate(aggregate, members, once)
                for aggregate in node.A
            }
            sure = seed.sure and any(member.sure for member in members)
            made.append(_Match({**seed.bound, **bound}, sure, seed.seed))
        return made

    def _aggregate(self, node: CompValue, members: _Matches, once: bool) -> _Known:
        if node.name != "Aggregate_Count":
            return _UNKNOWN
        everything = not isinstance(node.vars, Variable)
        if everything and (node.vars != "*" or node.distinct):
            return _UNKNOWN
        counted = (
            [(place, member.sure) for place, member in enumerate(members)]
            if everything
            else [
                (member.bound[str(node.vars)], member.sure)
                for member in members
                if str(node.vars) in member.bound
            ]
        )
        if node.distinct:
            known = {value: False for value, _ in counted if isinstance(value, int)}
            known |= {value: True for value, sure in counted if sure and isinstance(value, int)}
            others = sum(not isinstance(value, int) for value, _ in counted)
            return _Range(sum(known.values()), len(known) + others)
        if not once:
            return _Range(0, inf)
        return _Range(sum(sure and isinstance(value, int) for value, sure in counted), len(counted))

    # -- expressions -----------------------------------------------------------------------------

    def _truths(self, node: Any, found: _Matches) -> list[_Truth]:
        """Whether a condition holds in each of some matches; an error counts as not known."""
        if not found:
            return []
        name = node.name if isinstance(node, CompValue) else ""
        if name == "TrueFilter":
            return [True] * len(found)
        if name in EXISTS:
            return self._exist(node, found)
        if name in ("ConditionalAndExpression", "ConditionalOrExpression"):
            ending = name == "ConditionalOrExpression"  # either is settled by one of these
            known = self._truths(node.expr, found)
            for part in node.other:
                open_ones = [place for place, truth in enumerate(known) if truth is not ending]
                more = self._truths(part, [found[place] for place in open_ones])
                for place, truth in zip(open_ones, more, strict=True):
                    if truth is ending or (truth is None and known[place] is not None):
                        known[place] = truth
            return known
        if name == "UnaryNot":
            return [_denied(truth) for truth in self._truths(node.expr, found)]
        if name == "RelationalExpression":
            return self._compared(node, found)
        if name == "Builtin_BOUND":
            return [_is_bound(match.bound.get(str(node.arg))) for match in found]
        return [None] * len(found)

    def _exist(self, node: CompValue, found: _Matches) -> list[_Truth]:
        before = self._fixed
        self._fixed = before.union(*(match.bound for match in found))
        try:
            seeds = [_Match(match.bound, True, place) for place, match in enumerate(found)]
            there = self._matches(group_of(node), seeds)
        finally:
            self._fixed = before
        truths: list[_Truth] = [False] * len(found)
        for match in there:
            truths[match.seed] = True if match.sure else truths[match.seed] or None
        if node.name == "Builtin_NOTEXISTS":
            return [_denied(truth) for truth in truths]
        return truths

    def _compared(self, node: CompValue, found: _Matches) -> list[_Truth]:
        listed = node.op in ("IN", "NOT IN")
        others = (node.other if isinstance(node.other, list) else []) if listed else [node.other]
        ones = [self._value(node.expr, match) for match in found]
        rows = [[self._value(other, match) for other in others] for match in found]
        self._learn_numbers([*ones, *(value for row in rows for value in row)])
        truths: list[_Truth] = []
        for one, row in zip(ones, rows, strict=True):
            if not listed:
                truths.append(self._related(node.op, one, row[0]))
                continue
            equal = [self._related("=", one, value) for value in row]
            within: _Truth = True if True in equal else None if None in equal else False
            truths.append(within if node.op == "IN" else _denied(within))
        return truths

    def _related(self, operator: str, one: _Known, other: _Known) -> _Truth:
        if operator in (">", ">="):
            return self._related({">": "<", ">=": "<="}[operator], other, one)
        if operator == "!=":
            return _denied(self._related("=", one, other))
        if isinstance(one, _Unknown) or isinstance(other, _Unknown):
            return None
        if operator == "=" and any(isinstance(v, int) and v % 2 == 0 for v in (one, other)):
            return one == other
        left, right = self._number(one), self._number(other)
        if left is None or right is None:
            return None
        if operator == "=":
            if left.low == left.high == right.low == right.high:
                return True
            return False if left.high < right.low or right.high < left.low else None
        if operator == "<":
            return True if left.high < right.low else False if left.low >= right.high else None
        if operator == "<=":
            return True if left.high <= right.low else False if left.low > right.high else None
        return None

    def _value(self, node: Any, match: _Match) -> _Known:
        if isinstance(node, Variable):
            return match.bound.get(str(node), _UNKNOWN)
        if isinstance(node, (URIRef, Literal)):
            return self._constant(node)
        if isinstance(node, CompValue) and node.name == "AdditiveExpression":
            total = self._number(self._value(node.expr, match))
            for sign, part in zip(node.op, node.other, strict=True):
                more = self._number(self._value(part, match))
                if total is None or more is None:
                    return _UNKNOWN
                if str(sign) == "-":
                    more = _Range(-more.high, -more.low)
                total = _Range(total.low + more.low, total.high + more.high)
            return _UNKNOWN if total is None else total
        return _UNKNOWN

    def _constant(self, term: Any) -> _Known:
        if isinstance(term, URIRef):
            return self._columns.id_of(n3_of(term))
        if isinstance(term, Literal) and term.datatype == _INTEGER and isinstance(term.value, int):
            return _Range(term.value, term.value) if abs(term.value) < _EXACT else _UNKNOWN
        return _UNKNOWN

    def _learn_numbers(self, values: Iterable[_Known]) -> None:
        wanted = {v for v in values if isinstance(v, int) and v % 2} - self._numbers.keys()
        if wanted:
            self._numbers |= dict.fromkeys(wanted)
            self._numbers |= {
                term: int(number)
                for term, number in self._columns.rows(
                    f"SELECT id, num FROM terms WHERE id IN ({', '.join(map(str, wanted))})"
                    f" AND cls = {INTEGER} AND abs(num) < {_EXACT}"
                )
            }

    def _number(self, value: _Known) -> _Range | None:
        if isinstance(value, _Range):
            return value
        if isinstance(value, _Unknown):
            return None
        self._learn_numbers([value])
        number = self._numbers.get(value)
        return None if number is None else _Range(number, number)


_WAYS: Mapping[str, Callable[[Prospects, CompValue, _Matches], _Matches]] = {
    "AggregateJoin": Prospects._aggregate_join,
    "BGP": Prospects._bgp,
    "Distinct": Prospects._part,
    "Extend": Prospects._extend,
    "Filter": Prospects._filter,
    "Join": Prospects._join,
    "LeftJoin": Prospects._left_join,
    "Minus": Prospects._minus,
    "OrderBy": Prospects._part,
    "Project": Prospects._project,
    "Reduced": Prospects._part,
    "ToMultiSet": Prospects._part,
    "Union": Prospects._union,
    "values": Prospects._values,
}


def _end(term: Any) -> Any:
    """A variable as its name, another term as it is."""
    if isinstance(term, Variable):
        return str(term)
    return f"_:{term}" if isinstance(term, BNode) else term


def _is_known(end: Any, known: frozenset[str]) -> bool:
    return type(end) is not str or end in known


_LOOSE = 4
"""The worst rank of a pattern that is followed."""


def _rank(pattern: tuple[Any, Any, Any], known: frozenset[str]) -> int:
    """How soon to follow a pattern: what narrows most first."""
    subject, step, value = pattern
    if isinstance(step, Variable) or (isinstance(step, Path) and _denies(step)):
        return 9
    ends = [end for end in (subject, value) if _is_known(end, known)]
    if len(ends) == 2:
        return 0
    if any(type(end) is str for end in ends):
        return 1 if subject in ends else 2
    return _LOOSE if ends and step != URIRef(RDF_TYPE) else 9


def _denies(step: Any) -> bool:
    """Whether there is a negated set in a path."""
    if isinstance(step, (AlternativePath, SequencePath)):
        return any(map(_denies, step.args))
    if isinstance(step, InvPath):
        return _denies(step.arg)
    return isinstance(step, NegatedPath) or (isinstance(step, MulPath) and _denies(step.path))


def _certain(node: CompValue) -> frozenset[str]:
    """The variables that every solution of a pattern binds."""
    name = node.name
    if name == "BGP":
        ends = (_end(term) for triple in node.triples for term in (triple[0], triple[2]))
        return frozenset(end for end in ends if type(end) is str)
    if name == "Join":
        return _certain(node.p1) | _certain(node.p2)
    if name == "Union":
        return _certain(node.p1) & _certain(node.p2)
    if name in ("LeftJoin", "Minus"):
        return _certain(node.p1)
    if name == "Project":
        return _certain(node.p) & {str(name) for name in node.PV}
    if name == "values":
        rows = [{str(n) for n, term in row.items() if term != "UNDEF"} for row in node.res]
        return frozenset(set.intersection(*rows)) if rows else frozenset()
    if name in ("Distinct", "Extend", "Filter", "OrderBy", "Reduced", "ToMultiSet"):
        return _certain(node.p)
    return frozenset()


def _each_once(node: CompValue) -> bool:
    """Whether a pattern has as many solutions as are found for it here."""
    if node.name == "BGP":
        return all(isinstance(step, URIRef) for _, step, _ in node.triples)
    if node.name in ("Join", "Union"):
        return _each_once(node.p1) and _each_once(node.p2)
    return node.name in ("Extend", "Filter") and _each_once(node.p)


def _merged(
    one: Mapping[str, _Known], other: Mapping[str, _Known]
) -> tuple[Mapping[str, _Known], bool] | None:
    """What both bind, and whether they surely agree; None where they surely do not."""
    bound = dict(one)
    agree = True
    for name, value in other.items():
        known = bound.setdefault(name, value)
        if known is value or (known == value and isinstance(value, int)):
            continue
        if isinstance(known, int) and isinstance(value, int):
            return None
        agree = False
        if isinstance(value, int):
            bound[name] = value
    return bound, agree


def _passed(found: _Matches, truths: Sequence[_Truth]) -> _Matches:
    """The matches for which a condition may hold."""
    return [
        replace(match, sure=match.sure and truth is True)
        for match, truth in zip(found, truths, strict=True)
        if truth is not False
    ]


def _denied(truth: _Truth) -> _Truth:
    return None if truth is None else not truth


def _is_bound(value: _Known | None) -> _Truth:
    return None if isinstance(value, _Unknown) else value is not None
