"""Which pattern of a rule fails for one node, found by adding its patterns one at a time.

Each pattern joins those that were met before it. Where one fails that is itself made of patterns, a
UNION, a sub-query, an EXISTS, the search goes on inside it; where another rule would have had to
conclude what is missing, it goes on in that rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, SequencePath
from rdflib.plugins.sparql.algebra import (
    BGP,
    Extend,
    Filter,
    Graph,
    Join,
    LeftJoin,
    Minus,
    ToMultiSet,
    Values,
    translateGroupGraphPattern,
)
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.util import from_n3

from holdfast.columns.names import column_of
from holdfast.compile import (
    Axiom,
    Refusal,
    axiom_rules,
    compile_pattern,
    construct_of,
    group_of,
    meets,
    read_axioms,
    reads_of,
    unfolded,
)
from holdfast.compile.schema import Atom
from holdfast.compile.values import n3_of
from holdfast.queries import names_in
from holdfast.reason.fixpoint import Reasoner
from holdfast.reason.strata import writes_of
from holdfast.rules import EFFECTS, Rule
from holdfast.vocabulary import BASES, HF, IDS, OWL, RDF_TYPE, RDFS, readable, short

SHOWN = 3
"""How many near misses, and how many rules that might have concluded what is missing, are told."""

DEPTH = 3
"""How far a chain of rules is followed."""

AXIOMS_TRIED = 20
"""How many axioms are tried that might have inferred what is missing."""

FOCI = 8
"""For how many nodes a rule is tried that might have concluded what is missing."""


@dataclass(frozen=True)
class Tried:
    """One pattern of a rule, in words, tried for a venture: how many ways it was met."""

    pattern: str
    met: int


@dataclass(frozen=True)
class Unconcluded:
    """A rule, or an axiom by its rule of OWL 2 RL, that would have concluded what is missing, and
    why it did not, for `about`.

    `under` are the rules that would have had to conclude what this one misses.
    """

    rule: str
    about: str
    tried: tuple[Tried, ...]
    nearest: str
    under: tuple[Unconcluded, ...] = ()


@dataclass(frozen=True)
class Miss:
    """How near a rule came: its patterns as far as the first that fails, and the nearest miss.

    `left` counts the patterns that are not met or were not reached: 0 where all are met. `under`
    are the rules that would have had to conclude what is missing, the nearest first.
    """

    tried: tuple[Tried, ...]
    nearest: str
    left: int = 0
    under: tuple[Unconcluded, ...] = ()
    missing: tuple[_Triple, ...] = field(default=(), repr=False)
    context: CompValue | None = field(default=None, repr=False)


def tried_for(reasoner: Reasoner, rule: Rule, node: int, *, follow: bool = True) -> Miss:
    """How near a rule comes to firing for `node`; with `follow` also the rules under it."""
    return _Trial(reasoner, rule, (node,)).whole(follow=DEPTH if follow else 0, seen={rule.id})


def absences_asked(reasoner: Reasoner, rule: Rule, constraint: str = "") -> tuple[str, ...]:
    """What a rule asks not to be recorded, in words; where it is a shape of SHACL Core with several
    constraints, what the `constraint` of that name asks."""
    words = _Words(reasoner, ())
    found: list[str] = []
    node = rule.algebra.p
    while isinstance(node, CompValue):
        if node.name == "Union" and constraint:
            node = next(
                (one for one in _branches(node) if _named_constraint(one) == constraint), None
            )
            continue
        if node.name == "Filter":
            tests = [
                part
                for part in _conjuncts(node.expr)
                if getattr(part, "name", "") == "Builtin_NOTEXISTS"
            ]
            found += [words.expression(test) for test in tests]
        node = node.get("p")
    return tuple(text[:1].upper() + text[1:] + "." for text in found)


def _named_constraint(branch: CompValue) -> str:
    """Which constraint of a shape an alternative of its query stands for."""
    node: Any = branch
    while isinstance(node, CompValue):
        if node.name == "Extend" and str(node.var) == "constraint":
            return str(node.expr)
        node = node.get("p")
    return ""


_Triple = tuple[Any, Any, Any]


@dataclass(frozen=True)
class _Part:
    """One conjunct: how it is joined to a pattern, and how it is said.

    `within` are the patterns that it is made of, any of which would do; `against` is one that must
    not be met; `select` is a sub-query; `triples` are what must be there; `test` is a condition.
    """

    join: Callable[[CompValue], CompValue]
    words: str
    names: frozenset[str]
    gives: frozenset[str] = frozenset()
    within: tuple[CompValue, ...] = ()
    against: CompValue | None = None
    select: CompValue | None = None
    triples: tuple[_Triple, ...] = ()
    test: Any = None


@dataclass(frozen=True)
class _Value:
    label: str
    n3: str


_Row = dict[str, _Value]


def _asked(triple: _Triple, row: _Row) -> str:
    """A triple as it is sought, so that what is asked for a second time is known."""
    return " ".join(row[str(t)].n3 if str(t) in row else t.n3() for t in triple)


@dataclass(frozen=True)
class _Told:
    """An axiom that a query says as well; `names` are the texts of its terms."""

    axiom: Axiom
    names: Mapping[int, str]

    def query(self, bound: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        said = construct_of(self.axiom, self.names, bound)
        assert said is not None
        return said

    def ends(self) -> list[Any]:
        """The subject and object of what it concludes, as terms and variables."""
        return [
            Variable(end[1:]) if end.startswith("?") else from_n3(end) for end in self.query({})[1]
        ]

    def rule(self, bound: Mapping[str, str]) -> Rule:
        """The same as an inference rule, for the ends that are known."""
        (made, _, _), *_ = axiom_rules([self.axiom], frozenset(), set())
        return replace(made.as_rule(), id=self.axiom.id, query=self.query(bound)[0])


def _equal(predicate: str, end: str, cls: int | None = None) -> Axiom:
    """eq-rep-s or eq-rep-o for one predicate, and for one class where that is rdf:type."""
    other = "so".replace(end, "")
    heads = {end: f"a1.{end}", other: f"a0.{other}" if cls is None else "{k0}"}
    typed = () if cls is None else ("a0.o = {k0}",)
    return Axiom(
        rule=f"eq-rep-{end}", target=predicate, said=OWL + "sameAs",
        atoms=(Atom(predicate, predicate), Atom(OWL + "sameAs", OWL + "sameAs")),
        where=(f"a1.{other} = a0.{end}", *typed), head=(heads["s"], heads["o"]),
        constants=() if cls is None else (cls,), given=(),
    )  # fmt: skip


def _axioms_of(reasoner: Reasoner) -> list[_Told]:
    columns = reasoner.columns
    derived = [
        number
        for number, compiled in enumerate(reasoner.rules)
        if compiled.axioms and compiled.axioms.rule.startswith("scm-")
    ]
    axioms = read_axioms(columns, derived=derived, vocabulary=False, classes=True)
    inferring = [one for one in axioms.inferring if not one.rule.startswith(("scm-", "eq-"))]
    listed = unfolded(inferring)
    terms = {term for axiom in listed for term in axiom.constants}
    terms |= {t for axiom in listed for given in axiom.given for t in (given.s, given.o)}
    names = dict(
        columns.rows(
            "SELECT id, n3 FROM terms WHERE id IN (SELECT unnest($i::BIGINT[]))",
            {"i": sorted(terms)},
        )
    )
    return [_Told(axiom, names) for axiom in listed if construct_of(axiom, names, {}) is not None]


class _Trial:
    def __init__(
        self,
        reasoner: Reasoner,
        rule: Rule,
        nodes: Sequence[int] | None,
        given: Mapping[str, Sequence[Any]] | None = None,
        *,
        axioms: Sequence[_Told] | None = None,
        about: str = "",
    ) -> None:
        """Try a rule for some nodes, or for all where none are named; `given` are values that its
        variables must have. A rule that says what an axiom says, `about` some things, looks at no
        kind of thing. `axioms` are those of the dataset, where they have been read."""
        self._axioms = axioms
        self.loose = bool(about)
        self.reasoner = reasoner
        self.columns = reasoner.columns
        self.rule = rule
        self.nodes = nodes
        self.words = _Words(reasoner, nodes or (), rule.target.iri)
        if about:
            self.words.name = about
        self.asked = False  # whether it is the rule that was asked about
        self.start = BGP([])
        for name, values in (given or {}).items():
            listed = Values([{Variable(name): value} for value in values])
            self.start = Join(self.start, ToMultiSet(listed))
        self.given = frozenset(given or ())

    def whole(self, *, follow: int, seen: set[str]) -> Miss:
        """The rule as a whole, and the rules that might have concluded what it misses."""
        self.asked = bool(follow)
        algebra = self.rule.algebra
        if not self.loose and not self.solutions(BGP([])):
            kind = self.words.term(URIRef(self.rule.target.iri))
            looks = {
                "targetClass": f"what is of the kind {kind}",
                "targetSubjectsOf": f"what has a value of: {kind}",
                "targetObjectsOf": f"what is a value of: {kind}",
            }.get(self.rule.target.kind, kind)
            words = f"the rule looks at {looks}"
            left = 1 + len(self.parts(_group(algebra.p)))
            return Miss((Tried(words, 0),), f"{self.words.name} is not one of them.", left)
        miss = self.select(algebra.p, self.start, {"this", *self.given}, alone=True)
        if not miss.left:
            if self.rule.kind == "inference":
                return replace(miss, nearest=self.concluded(algebra))
            return replace(
                miss, nearest="Every pattern is met; it is silent only because"
                f" {self.words.name} is not to be assessed."
            )  # fmt: skip
        if follow and miss.missing and miss.context is not None:
            return replace(miss, under=self.under(miss, follow, seen))
        return miss

    def concluded(self, algebra: CompValue) -> str:
        """What an inference rule concludes where all its patterns are met."""
        rows = self.solutions(Join(self.start, algebra.p))
        said: dict[str, None] = {}
        for row in rows:
            for triple in algebra.template:
                words = self.words.triple(triple)
                said[_filled(words, {name: value.label for name, value in row.items()})] = None
        listed = list(said)
        more = f"; and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        return f"It concludes: {'; '.join(listed[:SHOWN])}{more}." if listed else ""

    # -- one group of patterns ---------------------------------------------------------------------

    def select(
        self, node: CompValue, before: CompValue, bound: set[str], *, alone: bool = False
    ) -> Miss:
        """A query or sub-query: its patterns, then what it counts and the HAVING on that."""
        counting = _aggregate_in(node)
        self.words.counting(node)
        projected = _projected(node)
        if not alone and projected is not None:
            bound = bound & projected  # others of that name are other variables
            if bound <= {"this"}:
                before, bound = BGP([]), {"this"}
        miss = self.patterns(_group(node), before, bound, alone=alone)
        if miss.left or counting is None:
            return miss
        tests, base = _having(node)
        pattern = Join(before, base)
        tried = list(miss.tried)
        for place, test in enumerate(tests):
            following = Filter(test, pattern)
            found = self.solutions(following)
            words = self.words.expression(test)
            tried.append(Tried(words, len(found)))
            if not found:
                nearest = self.compared(test, pattern, (node,)) or self.met_so_far(
                    self.solutions(pattern), frozenset()
                )
                return Miss(tuple(tried), nearest, len(tests) - place)
            pattern = following
        return Miss(tuple(tried), "")

    def patterns(
        self, group: CompValue, before: CompValue, bound: set[str], *, alone: bool = False
    ) -> Miss:
        """The patterns of a group, each joined to those before it, as far as the first that fails.

        With `alone` it is told, of the rule that was asked about, whether that is the only one.
        """
        tried: list[Tried] = []
        pattern, bound = before, set(bound)
        waiting = self.parts(group)
        counts: list[CompValue] = []
        rows: list[_Row] = []
        while waiting:
            part = _next(waiting, bound)
            waiting.remove(part)
            following = part.join(pattern)
            try:
                found = self.solutions(following)
            except Refusal:  # a pattern that cannot be tried alone is tried with the next
                pattern = following
                continue
            tried.append(Tried(part.words, len(found)))
            if not found:
                miss = self.failed(part, pattern, bound, rows, counts)
                needed = [w.words for w in waiting if w.test is not None and w.names & part.gives]
                if part.select is not None and _aggregate_in(part.select) is not None and needed:
                    said = _filled("; ".join(needed), _settled(rows))
                    told = f"{miss.nearest} So nothing is counted, where it is asked that {said}."
                    miss = replace(miss, nearest=told)
                inside = miss.tried
                settled = {"this", *_settled(rows)}
                if alone and self.asked and not part.gives - bound and part.names <= settled:
                    miss = replace(
                        miss, nearest=f"{miss.nearest} {self.besides(waiting, pattern, bound)}"
                    )
                return replace(
                    miss,
                    tried=(*tried[:-1], *inside) if inside else tuple(tried),
                    left=len(waiting) + max(1, miss.left),
                )
            if part.select is not None and _aggregate_in(part.select) is not None:
                counts.append(part.select)
            pattern, rows = following, found
            bound |= part.gives
        return Miss(tuple(tried), "")

    def besides(self, waiting: Sequence[_Part], pattern: CompValue, bound: set[str]) -> str:
        """Whether what fails is all that fails."""
        waiting, bound = list(waiting), set(bound)
        while waiting:
            part = _next(waiting, bound)
            waiting.remove(part)
            pattern = part.join(pattern)
            try:
                if not self.solutions(pattern):
                    return f"Nor would it be enough alone; this is not met either: {part.words}."
            except Refusal:
                continue
            bound |= part.gives
        return "Nothing else is missing."

    def failed(
        self,
        part: _Part,
        before: CompValue,
        bound: set[str],
        rows: list[_Row],
        counts: Sequence[CompValue],
    ) -> Miss:
        """Why a part fails: what of it comes nearest, or what stands against it."""
        if part.select is not None:
            miss = self.select(part.select, before, bound)
            if miss.left:
                return miss
        if part.within:
            misses = [self.patterns(branch, before, bound) for branch in part.within]
            misses = [miss for miss in misses if miss.left]
            if misses:
                best = min(misses, key=lambda miss: (miss.left, -len(miss.tried)))
                if len(part.within) == 1:
                    return best
                said = f"Of {len(part.within)} alternatives this comes nearest. {best.nearest}"
                return replace(best, nearest=said)
        if part.against is not None:
            pattern = before
            for inner in self.parts(part.against):
                pattern = inner.join(pattern)
            against = self.solutions(pattern)
            if against:
                new = frozenset(names_in(part.against)) - bound
                told = self.told(against, new or frozenset(bound - {"this"}))
                return Miss((), f"But it is so with {told}." if told else "But it is so.")
        if part.test is not None:
            return Miss(
                (), self.compared(part.test, before, counts) or self.met_so_far(rows, part.names)
            )
        nearest = self.met_so_far(rows, part.names)
        if [str(p) for _, p, _ in part.triples] == [RDF_TYPE]:
            name = str(part.triples[0][0])
            among = {row[name].n3 for row in rows if name in row}
            if len(among) > SHOWN:
                nearest = f"None of the {len(among)} met so far is one."
        if len(part.triples) == 1:
            instead = self.instead(part.triples[0], before, bound)
            nearest = f"{instead} {nearest}".strip() if rows else instead or nearest
        return Miss((), nearest, missing=part.triples, context=before)

    # -- near misses in words ----------------------------------------------------------------------

    def instead(self, triple: _Triple, before: CompValue, bound: set[str]) -> str:
        """What the subject of a missing triple has in place of its object."""
        subject, predicate, value = triple
        known = not isinstance(value, Variable) or str(value) in bound
        if (
            str(predicate) == RDF_TYPE
            or isinstance(predicate, Variable)
            or not (isinstance(subject, Variable) and str(subject) in bound)
        ):
            return ""
        name = self.words.term(subject)
        verb = self.words.verb(predicate)
        there = self.solutions(Join(before, BGP([(subject, predicate, Variable("_had"))])))
        had = {row["_had"].label for row in there if "_had" in row}
        if not had:
            return f"Of {name} nothing of that sort is recorded."
        if not known:
            return ""
        shown = ", ".join(sorted(had)[:SHOWN])
        more = f" and {len(had) - SHOWN} more" if len(had) > SHOWN else ""
        return f"{name} {verb} {shown}{more} instead."

    def compared(self, test: Any, pattern: CompValue, counts: Sequence[CompValue]) -> str:
        """By how much a comparison of numbers fails: what was reached, and what was needed."""
        if getattr(test, "name", "") != "RelationalExpression" or test.op not in _ASKED:
            return ""
        sides = Extend(
            Extend(pattern, test.expr, Variable("_left")), test.other, Variable("_right")
        )
        try:
            rows = self.solutions(sides)
        except Refusal:
            return ""
        pairs = []
        for row in rows:
            left, right = (_number(row.get(name)) for name in ("_left", "_right"))
            if left is not None and right is not None:
                pairs.append((abs(left - right), row))
        if not pairs:
            return ""
        row = min(pairs, key=lambda pair: pair[0])[1]
        reached, needed = row["_left"].label, row["_right"].label
        said = (
            f"{self.words.expression(test.expr)} is {reached}, and {_ASKED[str(test.op)]} {needed}"
        )
        if not isinstance(test.other, Literal):
            said += f" ({self.words.expression(test.other)})"
        asked = names_in(test)
        others = {
            name: value
            for name, value in row.items()
            if name != "this" and not name.startswith("_") and name not in asked
        }
        told = self.told([others], frozenset(others)) if others else ""
        counted = next(
            (c for c in (self.counted(count, asked, pattern, row) for count in counts) if c), ""
        )
        near = f"; with {told}" if told else ""
        return f"{said}{near}.{f' Counted: {counted}.' if counted else ''}"

    def counted(self, select: CompValue, asked: Iterable[str], before: CompValue, row: _Row) -> str:
        """What a sub-query counted for one of its groups, where a test asks about that count."""
        aggregate = _aggregate_in(select)
        assert aggregate is not None
        given = {
            str(extend.expr): str(extend.var)
            for extend in _wrappers(select)
            if extend.name == "Extend" and isinstance(extend.expr, Variable)
        }
        names = set(asked)
        for one in aggregate.A:
            made = str(one.res)
            if one.name != "Aggregate_Count" or not isinstance(one.vars, Variable):
                continue
            if made not in names and given.get(made) not in names:
                continue
            grouped = [str(term) for term in aggregate.p.expr or () if isinstance(term, Variable)]
            told: dict[str, None] = {}
            for inner in self.solutions(aggregate.p.p):
                same = all(inner.get(g) == row[g] for g in grouped if g in row and g != "this")
                if same and str(one.vars) in inner:
                    told[inner[str(one.vars)].label] = None
            listed = list(told)
            more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
            return ", ".join(listed[:SHOWN]) + more
        return ""

    def met_so_far(self, rows: list[_Row], names: frozenset[str]) -> str:
        told = self.told(rows, names)
        return f"Met so far with {told}." if told else "No pattern before it narrows the search."

    def told(self, rows: list[_Row], names: frozenset[str]) -> str:
        """The first few rows in words, by these variables, or by all where they have none."""
        shown = [name for name in (rows[0] if rows else ()) if not name.startswith("_")]
        if self.nodes is not None and len(self.nodes) == 1:
            shown = [name for name in shown if name != "this"]
        wanted = [name for name in shown if name in names] or shown
        said: dict[str, None] = {}
        for row in rows:
            parts = [f"?{n} is {row[n].label if n in row else 'unbound'}" for n in wanted]
            said[", ".join(parts)] = None
        listed = [words for words in said if words]
        more = f"; and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        return "; or ".join(listed[:SHOWN]) + more

    # -- the rules under this one ------------------------------------------------------------------

    def under(self, miss: Miss, follow: int, seen: set[str]) -> tuple[Unconcluded, ...]:
        """The rules that would have concluded what is missing, and how near each came."""
        ontology, columns = self.reasoner.ontology, self.columns
        reads = reads_of(BGP(list(miss.missing)), ontology.notations, BASES, EFFECTS)
        above: dict[str, list[str]] = {}
        for low, high in columns.superclasses:
            above.setdefault(low, []).append(high)
        assert miss.context is not None
        rows = self.solutions(miss.context)
        seen = seen | {_asked(triple, row) for triple in miss.missing for row in rows or [{}]}
        found: list[tuple[Miss, _Trial, Rule]] = []
        for compiled in self.reasoner.rules:
            rule = compiled.rule
            if compiled.axioms or rule.id in seen:
                continue
            writes = writes_of(rule, above, ontology, self.reasoner.memory)
            if not any(meets(read, written) for read in reads.keys for written in writes):
                continue
            for nodes, given in self.foci(rule, miss.missing, rows, above):
                trial = _Trial(self.reasoner, rule, nodes, given, axioms=self.axioms)
                if nodes is not None and not trial.solutions(BGP([])):
                    continue  # it looks at other things
                came = trial.whole(follow=0, seen=seen)
                if came.left:
                    found.append((came, trial, rule))
        usual: list[tuple[Miss, _Trial, Rule]] = []  # what the ontology says of everything
        for axiom, trial in self.axioms_under(miss, rows, seen, reads.keys):
            came = trial.whole(follow=0, seen=seen)
            near = not axiom.background or any(one.met for one in came.tried)
            circle = any(_asked(triple, {}) in seen for triple in came.missing)
            if not near and axiom.rule.startswith("eq-rep"):
                continue
            if came.left and not circle:
                (found if near else usual).append((came, trial, trial.rule))
        told = self.unconcluded(found, SHOWN, follow, seen)
        more = self.unconcluded(usual, SHOWN, follow, seen)
        return (*told, *(one for one in more if one.under or not told))[:SHOWN]

    def unconcluded(
        self,
        found: list[tuple[Miss, _Trial, Rule]],
        most: int,
        follow: int,
        seen: set[str],
    ) -> tuple[Unconcluded, ...]:
        """What was tried, the nearest first, with what is under each."""
        found.sort(key=lambda one: (one[0].left, -len(one[0].tried), one[2].id))
        told: list[Unconcluded] = []
        for came, trial, rule in found[:most]:
            below = (
                trial.under(came, follow - 1, seen | {rule.id})
                if follow > 1 and came.missing
                else ()
            )
            told.append(Unconcluded(rule.id, trial.words.name, came.tried, came.nearest, below))
        return tuple(told)

    @property
    def axioms(self) -> Sequence[_Told]:
        """The axioms of the dataset that infer, also those that nothing here bears on."""
        if self._axioms is None:
            self._axioms = _axioms_of(self.reasoner)
        return self._axioms

    def axioms_under(
        self, miss: Miss, rows: list[_Row], seen: set[str], keys: Iterable[str]
    ) -> Iterator[tuple[Axiom, _Trial]]:
        """The axioms that would have inferred what is missing, tried for it: those of a register
        first, and of the ontology so many as bear on it closely."""
        wanted = [
            one for one in self.axioms
            if one.axiom.id not in seen and any(meets(k, w) for k in keys for w in one.axiom.writes)
        ]  # fmt: skip
        wanted.sort(key=lambda one: (one.axiom.background, one.axiom.types, one.axiom.id))
        wanted = [*wanted[:AXIOMS_TRIED], *self.equals(miss.missing, seen)]
        for one in wanted:
            for subject, predicate, value in miss.missing:
                if str(predicate) != one.axiom.target:
                    continue
                own = one.ends()
                sought = [(own[0], subject)]
                if str(predicate) != RDF_TYPE:
                    sought.append((own[1], value))
                for _, given in self.unified(sought, rows):
                    single = {n: n3_of(v[0]) for n, v in given.items() if len(v) == 1}
                    more = {n: v for n, v in given.items() if n not in single}
                    about = [
                        self.words.term(v) for v in given.get("one", given.get("other", ()))
                    ] or ["anything"]  # fmt: skip
                    yield one.axiom, _Trial(
                        self.reasoner, one.rule(single), None, more, axioms=self.axioms,
                        about=" or ".join(about[:SHOWN]),
                    )  # fmt: skip

    def equals(self, missing: Sequence[_Triple], seen: set[str]) -> Iterator[_Told]:
        """What says that a thing has what its equals have, where anything can be the same."""
        same = OWL + "sameAs"
        if any(id.startswith("owl:eq-rep") for id in seen) or (
            not self.columns.may_hold(same) and all(one.axiom.target != same for one in self.axioms)
        ):
            return
        for _, predicate, value in missing:
            name = str(predicate)
            if not isinstance(predicate, URIRef) or name == same:
                continue
            if name == RDF_TYPE:
                names = {n: n3 for n3, n in self.columns.ids_of([n3_of(value)]).items()}
                yield from (_Told(_equal(name, "s", cls), names) for cls in names)
                continue
            yield _Told(_equal(name, "s"), {})
            if not isinstance(value, Literal):
                yield _Told(_equal(name, "o"), {})

    def foci(
        self,
        rule: Rule,
        missing: Sequence[_Triple],
        rows: list[_Row],
        above: Mapping[str, Sequence[str]],
    ) -> Iterator[tuple[Sequence[int] | None, dict[str, list[Any]]]]:
        """For which nodes, and which values of its variables, a rule would have to be tried."""
        if rule.kind == "judgement":
            asked = [o for _, p, o in missing if str(p) == HF + "rule" and isinstance(o, URIRef)]
            if asked and URIRef(rule.iri) not in asked:
                return
            ends = [(Variable("this"), o) for _, p, o in missing if str(p) == HF + "venture"]
            yield from self.unified(ends, rows)
            return
        done: list[object] = []
        for subject, predicate, value in missing:
            for s, p, o in rule.algebra.template:
                if p != predicate or (
                    str(p) == RDF_TYPE
                    and isinstance(o, URIRef)
                    and str(value) not in (str(o), *above.get(str(o), ()))
                ):
                    continue
                ends = [(s, subject)] if str(p) == RDF_TYPE else [(s, subject), (o, value)]
                for way in self.unified(ends, rows):
                    if way not in done:
                        done.append(way)
                        yield way

    def unified(
        self, ends: Sequence[tuple[Any, Any]], rows: list[_Row]
    ) -> Iterator[tuple[Sequence[int] | None, dict[str, list[Any]]]]:
        nodes: Sequence[int] | None = None
        given: dict[str, list[Any]] = {}
        for own, theirs in ends:
            if isinstance(theirs, Variable):
                texts = list({row[str(theirs)].n3: None for row in rows if str(theirs) in row})
                if str(theirs) == "this" and not texts and self.nodes:
                    texts = self.columns_texts(self.nodes)
            else:
                texts = [n3_of(theirs)]
            if not texts:
                continue  # nothing is asked of it
            if not isinstance(own, Variable):
                if n3_of(own) not in texts:
                    return
            elif str(own) == "this":
                ids = self.columns.ids_of(texts)
                nodes = sorted(ids.values())[:FOCI]
                if not nodes:
                    return
            elif not any(text.startswith("_:") for text in texts):
                given[str(own)] = [from_n3(text) for text in texts[:FOCI]]
        yield nodes, given

    def columns_texts(self, nodes: Iterable[int]) -> list[str]:
        rows = self.columns.rows(
            "SELECT n3 FROM terms WHERE id IN (SELECT unnest($i::BIGINT[]))", {"i": list(nodes)}
        )
        return [text for (text,) in rows]

    # -- solutions ---------------------------------------------------------------------------------

    def solutions(self, pattern: CompValue) -> list[_Row]:
        """The first thousand solutions of a pattern for the nodes, in a steady order."""
        target = None if self.loose else self.rule.target
        plan, _ = compile_pattern(pattern, target, among=self.nodes is not None)
        if self.nodes is not None:
            plan = plan.among(self.nodes)
        self.reasoner.materialise(plan, "trial", {}, self.rule)
        names = [name for name, _ in plan.columns]
        if not names:  # nothing in it is left open
            return [{}] if self.columns.value("SELECT count(*) FROM trial") else []
        columns = ", ".join(column_of(name) for name in names)
        rows = self.columns.rows(f"SELECT DISTINCT {columns} FROM trial ORDER BY ALL LIMIT 1000")
        kinds = dict(plan.columns)
        cells = [
            (kinds[name], value)
            for row in rows
            for name, value in zip(names, row, strict=True)
            if value is not None
        ]
        known = self.columns.ids_of({value for kind, value in cells if kind == "n3" and value})
        ids = {value for kind, value in cells if kind == "id"}
        labels = self.columns.labels({*ids, *known.values()})
        texts = dict(
            self.columns.rows(
                "SELECT id, n3 FROM terms WHERE id IN (SELECT unnest($i::BIGINT[]))",
                {"i": sorted(ids)},
            )
        )
        if any(text.startswith(f"<{IDS}finding/") for text in texts.values()):
            rules = self.reasoner.rules
            for node, rule in self.columns.rows("SELECT node, rule FROM findings"):
                if node in ids:
                    labels[node] = f"a finding of {rules[rule].name}"

        def value(kind: str, cell: Any) -> _Value:
            if kind == "id":
                return _Value(labels.get(cell, ""), texts.get(cell, ""))
            return _Value(labels.get(known.get(cell, -1), _bare(cell)), cell)

        return [
            {
                name: value(kinds[name], cell)
                for name, cell in zip(names, row, strict=True)
                if cell is not None
            }
            for row in rows
        ]

    # -- parts -------------------------------------------------------------------------------------

    def parts(self, node: CompValue) -> list[_Part]:
        """The conjuncts of a pattern."""
        if node.name == "Filter":
            return [*self.parts(node.p), *(self.test(part) for part in _conjuncts(node.expr))]
        if node.name == "Join":
            return [*self.parts(node.p1), *self.parts(node.p2)]
        if node.name == "BGP":
            return self.triples(node.triples)
        if node.name == "Extend":
            name = str(node.var)
            if self.rule.judged and name in ("constraint", "message", "value"):
                return self.parts(node.p)  # it names what is found, and asks nothing
            bind = _Part(
                lambda p, e=node.expr, v=node.var: Extend(p, e, v),  # type: ignore[misc]
                f"let ?{name} be {self.words.expression(node.expr)}",
                frozenset(names_in(node.expr)), frozenset({name}),
            )  # fmt: skip
            return [*self.parts(node.p), bind]
        if node.name == "LeftJoin":
            names = frozenset(names_in(node.p2))
            optional = _Part(
                lambda p, n=node: LeftJoin(p, n.p2, n.expr),  # type: ignore[misc]
                f"where there is one: {self.words.pattern(node.p2)}", names, names,
            )  # fmt: skip
            return [*self.parts(node.p1), optional]
        if node.name == "Minus":
            without = _Part(
                lambda p, n=node: Minus(p, n.p2),  # type: ignore[misc]
                f"without: {self.words.pattern(node.p2)}", frozenset(names_in(node.p2)),
                against=node.p2,
            )  # fmt: skip
            return [*self.parts(node.p1), without]
        if node.name == "Graph" and node.p.name == "BGP":
            return [self.within_graph(node.term, part) for part in self.triples(node.p.triples)]
        return [self.other(node)]

    def within_graph(self, graph: Any, part: _Part) -> _Part:
        names = part.names | ({str(graph)} if isinstance(graph, Variable) else frozenset())
        return replace(
            part, join=lambda p: Join(p, Graph(graph, BGP(list(part.triples)))),
            words=f"in graph {self.words.term(graph)}: {part.words}", names=names, gives=names,
            within=(), triples=(),
        )  # fmt: skip

    def other(self, node: CompValue) -> _Part:
        """What is told as a whole first: a UNION, a sub-query, VALUES."""
        projected = _projected(node) if node.name == "ToMultiSet" else None
        if projected is not None:
            names = projected
        elif node.name == "ToMultiSet":
            names = frozenset(str(name) for row in node.p.res for name in row)
        else:
            names = frozenset(names_in(node))
        return _Part(
            lambda p, n=node: Join(p, n),  # type: ignore[misc]
            self.words.pattern(node), names, names,
            within=tuple(_branches(node)) if node.name == "Union" else (),
            select=node if projected is not None else None,
        )  # fmt: skip

    def triples(self, listed: Iterable[_Triple]) -> list[_Part]:
        """Triples as parts: paths step by step, what is asked of a finding together."""
        steps = [step for triple in listed for step in _steps(triple)]
        findings = {s for s, p, o in steps if str(p) == RDF_TYPE and str(o) == HF + "Finding"}
        stars = {
            one: tuple(step for step in steps if step[0] == one) for one in dict.fromkeys(findings)
        }
        told: set[Any] = set()
        parts: list[_Part] = []
        for triple in steps:
            star = stars.get(triple[0])
            if star is None:
                parts.append(self.triple((triple,), self.words.triple(triple)))
            elif triple[0] not in told:
                told.add(triple[0])
                parts.append(self.triple(star, self.words.finding(star)))
        return parts

    def triple(self, triples: tuple[_Triple, ...], words: str) -> _Part:
        names = frozenset(str(t) for triple in triples for t in triple if isinstance(t, Variable))
        path = triples[0][1]
        ways: tuple[CompValue, ...] = ()
        if isinstance(path, AlternativePath):
            s, _, o = triples[0]
            ways = tuple(BGP([(s, one, o)]) for one in path.args)  # type: ignore[list-item]
        return _Part(
            lambda p, t=triples: Join(p, BGP(list(t))),  # type: ignore[misc]
            words, names, names, within=ways, triples=triples,
        )  # fmt: skip

    def test(self, expression: Any) -> _Part:
        name = getattr(expression, "name", "")
        exists = name in ("Builtin_EXISTS", "Builtin_NOTEXISTS")
        group = group_of(expression) if exists else None
        return _Part(
            lambda p, e=expression: Filter(e, p),  # type: ignore[misc]
            self.words.expression(expression), frozenset(names_in(expression)),
            within=(group,) if group is not None and name == "Builtin_EXISTS" else (),
            against=group if name == "Builtin_NOTEXISTS" else None,
            test=expression,
        )  # fmt: skip


def _next(waiting: list[_Part], bound: set[str]) -> _Part:
    """What to try next: what can be decided at once, then what is tied to what is bound."""

    def rank(part: _Part) -> tuple[int, int]:
        place = waiting.index(part)
        if part.against is not None or (part.test is not None and part.within):
            return 5, place
        if part.test is not None:
            return (1 if part.names <= bound else 5), place
        if not part.names:
            return 0, place
        if part.names <= bound:
            return 1, place
        return (2 if part.names & bound else 4), place

    return min(waiting, key=rank)


def _steps(triple: _Triple) -> list[_Triple]:
    """A triple with a path of steps as one triple for each; nodes in between are variables."""
    subject, path, value = (
        Variable(f"_{term}") if isinstance(term, BNode) else term for term in triple
    )
    if isinstance(path, SequencePath):
        ends = [subject]
        # named after the path, so that the same pattern has the same plan in every run
        name = sha256(repr(triple).encode()).hexdigest()[:12]
        ends += [Variable(f"_{place}_{name}") for place in range(1, len(path.args))]
        ends.append(value)
        listed = zip(ends[:-1], path.args, ends[1:], strict=True)
        return [step for one in listed for step in _steps(one)]
    if isinstance(path, InvPath):
        return _steps((value, path.arg, subject))
    return [(subject, path, value)]


_ABOVE = ("Project", "Distinct", "Reduced", "ToMultiSet", "OrderBy", "Slice")


def _wrappers(node: CompValue) -> Iterator[CompValue]:
    """A query and what it has above its patterns, from outside in, an aggregate last."""
    while isinstance(node, CompValue) and node.name in (*_ABOVE, "Extend", "Filter"):
        yield node
        node = node.p
    if isinstance(node, CompValue) and node.name == "AggregateJoin":
        yield node


def _aggregate_in(node: CompValue) -> CompValue | None:
    """The aggregate of a query or sub-query that counts."""
    last = [*_wrappers(node)][-1:]
    return last[0] if last and last[0].name == "AggregateJoin" else None


def _group(node: CompValue) -> CompValue:
    """The pattern under the SELECT of a query or sub-query, and under its aggregates."""
    counting = _aggregate_in(node)
    if counting is not None:
        inner: CompValue = counting.p.p
        return inner
    while node.name in _ABOVE or (
        node.name == "Extend"
        and isinstance(node.expr, Variable)
        and str(node.var) in ("value", "basis")
    ):
        node = node.p
    return node


def _having(node: CompValue) -> tuple[list[Any], CompValue]:
    """The conditions on what is counted, and the counting without them."""
    tests: list[Any] = []
    extends: list[CompValue] = []
    base = node
    for base in _wrappers(node):
        if base.name == "Filter":
            tests = [*_conjuncts(base.expr), *tests]
        elif base.name == "Extend":
            extends.append(base)
    for extend in reversed(extends):
        base = Extend(base, extend.expr, extend.var)
    return tests, base


def _projected(node: CompValue) -> frozenset[str] | None:
    """The variables that a sub-query gives; none where it is no sub-query."""
    for part in _wrappers(node):
        if part.name == "Project":
            return frozenset(str(name) for name in part.PV)
    return None


def _branches(node: CompValue) -> list[CompValue]:
    if node.name == "Union":
        return [*_branches(node.p1), *_branches(node.p2)]
    return [node]


def _conjuncts(expression: Any) -> list[Any]:
    if isinstance(expression, CompValue) and expression.name == "ConditionalAndExpression":
        return [
            part for inner in [expression.expr, *expression.other] for part in _conjuncts(inner)
        ]
    return [expression]


def _settled(rows: list[_Row]) -> dict[str, str]:
    """The variables that have the same value in all rows."""
    if not rows:
        return {}
    return {
        name: value.label
        for name, value in rows[0].items()
        if all(row.get(name) == value for row in rows)
    }


def _filled(words: str, values: Mapping[str, str]) -> str:
    """Words with variables replaced by their values."""
    return re.sub(r"\?(\w+)", lambda found: values.get(found[1], found[0]), words)


def _number(value: _Value | None) -> float | None:
    try:
        return float(_bare(value.n3)) if value else None
    except ValueError:
        return None


def _bare(text: str | None) -> str:
    if text is None:
        return ""
    return text[1:].split('"')[0] if text.startswith('"') else text


class _Words:
    """Patterns in words: labels of the ontology, variables with their question mark."""

    def __init__(self, reasoner: Reasoner, nodes: Sequence[int], kind: str = "") -> None:
        """`kind` is the IRI of what a rule looks at, told where it is not tried for one node."""
        self.columns = reasoner.columns
        self.terms = reasoner.ontology.terms
        self.aggregates: dict[str, str] = {}
        labels = self.columns.labels(nodes)
        if len(nodes) == 1:
            self.name = labels.get(nodes[0], "the venture")
        elif nodes:
            self.name = "?this, one of " + ", ".join(sorted(labels.values()))
        else:
            self.name = f"any {self.terms.get(kind) or short(kind)}" if kind else "the venture"
        self.this = self.name if len(nodes) == 1 or not kind else "?this"

    def term(self, term: Any) -> str:
        if isinstance(term, Variable):
            name = str(term)
            if name in self.aggregates:
                return self.aggregates[name]
            if name.startswith("_"):
                return "something"
            return self.this if name == "this" else f"?{name}"
        if isinstance(term, BNode):
            return "something"
        if isinstance(term, Literal):
            return str(term)
        iri = str(term)
        if self.terms.get(iri):
            return self.terms[iri]
        known = self.columns.ids_of([n3_of(term)])
        return (
            self.columns.labels(known.values()).get(next(iter(known.values()), -1), readable(iri))
            if known
            else readable(iri)
        )

    def verb(self, path: Any) -> str:
        if isinstance(path, URIRef):
            return verb_phrase(self.term(path))
        if isinstance(path, InvPath):
            return f"is what ({self.verb(path.arg)})"
        if isinstance(path, MulPath):
            return f"{self.verb(path.path)} (directly or at some remove)"
        if isinstance(path, SequencePath):
            return ", which ".join(self.verb(part) for part in path.args)
        if isinstance(path, AlternativePath):
            return " or ".join(self.verb(part) for part in path.args)
        return str(path)

    def triple(self, triple: tuple[Any, Any, Any]) -> str:
        subject, predicate, value = triple
        if str(predicate) == RDF_TYPE:
            return f"{self.term(subject)} is of the kind {self.term(value)}"
        if str(predicate) == RDFS + "label":
            return f"{self.term(subject)} is called {self.term(value)}"
        if str(predicate) == OWL + "sameAs":
            return f"{self.term(subject)} is the same as {self.term(value)}"
        verb = (
            f"has some relation ({self.term(predicate)}) to"
            if isinstance(predicate, Variable)
            else self.verb(predicate)
        )
        if isinstance(value, Literal) and str(value) in ("true", "false"):
            said = f"{self.term(subject)} {verb}"
            return said if str(value) == "true" else f"it is not so that {said}"
        return f"{self.term(subject)} {verb} {self.term(value)}"

    def finding(self, star: Sequence[_Triple]) -> str:
        """What is asked of a finding, in a sentence."""
        said = {str(p).removeprefix(HF): self.term(o) for _, p, o in star if str(p) != RDF_TYPE}
        effect = said.pop("effect", "")
        about = {
            "venture": "about", "basis": "on", "rule": "of the rule", "certainty": "with certainty",
        }  # fmt: skip
        words = " ".join(f"{about[name]} {said[name]}" for name in about if name in said)
        rest = [triple for triple in star if str(triple[1]).removeprefix(HF) not in
                (*about, "effect") and str(triple[1]) != RDF_TYPE]  # fmt: skip
        head = f"there is a finding ({self.term(star[0][0])}) {words}"
        head += f" whose effect is {effect}" if effect else ""
        return "; ".join([head, *(self.triple(triple) for triple in rest)])

    def counting(self, node: CompValue) -> str:
        """What a sub-query counts, and of what; its own variables are then told in words."""
        aggregate = _aggregate_in(node)
        if aggregate is None:
            return ""
        for one in aggregate.A:
            function = one.name.removeprefix("Aggregate_")
            what = self.expression(one.vars) if one.vars != "*" else "solutions"
            if function == "Sample":
                self.aggregates[str(one.res)] = what
            else:
                verb = _AGGREGATES.get(function, function.lower())
                self.aggregates[str(one.res)] = f"{verb} {what}"
        names = [
            f"?{extend.var} be {self.aggregates[str(extend.expr)]}"
            for extend in _wrappers(node)
            if extend.name == "Extend"
            and str(extend.expr) in self.aggregates
            and str(extend.var) not in [str(one.vars) for one in aggregate.A]
        ]
        return f"let {' and '.join(names)}, of: " if names else "counted: "

    def pattern(self, node: CompValue) -> str:
        if node.name in ("GroupGraphPatternSub", "SubSelect"):
            node = translateGroupGraphPattern(node)
        counting = self.counting(node)
        if counting:
            tests = "; ".join(self.expression(test) for test in _having(node)[0])
            inner = self.pattern(_group(node))
            return f"{counting}{inner}{f'; where {tests}' if tests else ''}"
        if node.name == "ToMultiSet" and _projected(node) is None:
            rows = [
                " and ".join(f"?{name} is {self.term(value)}" for name, value in row.items())
                for row in node.p.res
            ]
            return "either " + ", or ".join(rows) if len(rows) > 1 else "".join(rows)
        if node.name == "Graph":
            return f"in graph {self.term(node.term)}: {self.pattern(node.p)}"
        node = _group(node)
        if node.name == "BGP":
            return "; ".join(self.triple(triple) for triple in node.triples) or "anything"
        if node.name == "Filter":
            inner = self.pattern(node.p)
            return (
                self.expression(node.expr)
                if inner == "anything"
                else f"{inner}; {self.expression(node.expr)}"
            )
        if node.name == "Join":
            both = (self.pattern(node.p1), self.pattern(node.p2))
            return "; ".join(words for words in both if words != "anything") or "anything"
        if node.name == "Union":
            return "either " + ", or ".join(self.pattern(branch) for branch in _branches(node))
        if node.name == "LeftJoin":
            return f"{self.pattern(node.p1)}; where there is one: {self.pattern(node.p2)}"
        if node.name == "Extend":
            let = f"let ?{node.var} be {self.expression(node.expr)}"
            inner = self.pattern(node.p)
            return let if inner == "anything" else f"{inner}; {let}"
        if node.name == "Minus":
            return f"{self.pattern(node.p1)}; without: {self.pattern(node.p2)}"
        return node.name

    def expression(self, node: Any) -> str:
        if not isinstance(node, CompValue):
            return self.term(node)
        name = node.name
        if name == "ConditionalAndExpression":
            return "; ".join(self.expression(part) for part in [node.expr, *node.other])
        if name == "ConditionalOrExpression":
            return " or ".join(self.expression(part) for part in [node.expr, *node.other])
        if name == "UnaryNot":
            return f"not ({self.expression(node.expr)})"
        if name == "RelationalExpression":
            if node.op in ("IN", "NOT IN"):
                listed = ", ".join(self.expression(part) for part in node.other)
                verb = "is one of" if node.op == "IN" else "is not one of"
                return f"{self.expression(node.expr)} {verb}: {listed}"
            verb = _COMPARISONS[str(node.op)]
            return f"{self.expression(node.expr)} {verb} {self.expression(node.other)}"
        if name in ("Builtin_NOTEXISTS", "Builtin_EXISTS"):
            opening = (
                "nothing is recorded such that"
                if name == "Builtin_NOTEXISTS"
                else "something is recorded such that"
            )
            return f"{opening} ({self.pattern(node.graph)})"
        if name in ("AdditiveExpression", "MultiplicativeExpression"):
            rest = "".join(
                f" {op} {self.expression(part)}"
                for op, part in zip(node.op, node.other, strict=True)
            )
            return f"{self.expression(node.expr)}{rest}"
        if name == "Builtin_BOUND":
            return f"?{node.arg} is known"
        # CompValue.get answers with the key itself where there is no such value
        places = ("arg", "arg1", "arg2", "arg3", "start", "length", "text", "pattern", "expr")
        arguments: list[Any] = []
        for place in places:
            if place not in node:
                continue
            given = node[place]
            arguments += given if isinstance(given, list) else [given]
        function = (
            name.removeprefix("Builtin_")
            if name != "Function"
            else str(node.iri).rpartition("#")[2]
        )
        return f"{function}({', '.join(self.expression(part) for part in arguments)})"


_AGGREGATES = {
    "Count": "the number of", "Sum": "the sum of", "Avg": "the average of", "Min": "the least of",
    "Max": "the greatest of",
}  # fmt: skip

_ASKED = {
    "=": "must be", "<": "must be less than", ">": "must be more than", "<=": "must be at most",
    ">=": "must be at least",
}  # fmt: skip

_COMPARISONS = {
    "=": "is", "!=": "is not", "<": "is less than", ">": "is more than",
    "<=": "is at most", ">=": "is at least",
}  # fmt: skip

_PREPOSITIONS = frozenset(
    (
        "about",
        "against",
        "among",
        "as",
        "by",
        "from",
        "in",
        "of",
        "on",
        "through",
        "to",
        "under",
        "with",
    )
)
_NOUNS = frozenset(("basis", "status"))


AXIOMS = {
    namespace + name: words
    for namespace, names in (
        (RDFS, {
            "subClassOf": "is a kind of", "subPropertyOf": "is a way of",
            "domain": "is said only of what is of the kind",
            "range": "leads only to what is of the kind",
        }),
        (OWL, {
            "disjointWith": "has no member in common with",
            "complementOf": "has all members but those of",
            "equivalentClass": "has the same members as", "equivalentProperty": "says the same as",
            "propertyDisjointWith": "never holds where it is so that something",
            "inverseOf": "is the other way round of", "sameAs": "is the same as",
            "differentFrom": "is not the same as", "onProperty": "is about",
            "someValuesFrom": "has a value of the kind",
            "allValuesFrom": "has only values of the kind",
            "members": "keeps apart", "distinctMembers": "keeps apart",
            "hasKey": "has no two members that share",
            "propertyChainAxiom": "follows from the chain",
            "oneOf": "has only the members", "unionOf": "has the members of each of",
            "intersectionOf": "has the members common to",
            "hasValue": "has the value", "onClass": "counts values of the kind",
            "maxCardinality": "has values no more in number than",
            "maxQualifiedCardinality": "has values no more in number than",
        }),
    )
    for name, words in names.items()
}  # fmt: skip
"""The verbs of axioms in a proof."""


def verb_phrase(label: str) -> str:
    """A property's label as the verb of a sentence: 'grade' becomes 'has grade'."""
    first = label.split()[0] if label else ""
    if first in _PREPOSITIONS:
        return f"is {label}"
    if first in ("must", "was") or (first.endswith("s") and first not in _NOUNS):
        return label
    return f"has {label}"
