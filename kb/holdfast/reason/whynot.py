"""Which pattern of a rule fails for one node, found by adding its patterns one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, SequencePath
from rdflib.plugins.sparql.algebra import (
    BGP,
    Extend,
    Filter,
    Join,
    LeftJoin,
    translateGroupGraphPattern,
)
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.compile import Refusal, compile_pattern
from holdfast.compile.values import n3_of
from holdfast.queries import names_in
from holdfast.reason.fixpoint import Reasoner
from holdfast.rules import Rule
from holdfast.vocabulary import RDF_TYPE, RDFS, short

SHOWN = 3
"""How many near misses are told."""


@dataclass(frozen=True)
class Tried:
    """One pattern of a rule, in words, tried for a venture: how many ways it was met."""

    pattern: str
    met: int


def tried_for(reasoner: Reasoner, rule: Rule, node: int) -> tuple[tuple[Tried, ...], str]:
    """The patterns of a rule as far as the first that fails for `node`, and the nearest miss.

    The patterns before it are met together; the miss tells what they were met by.
    """
    return _Trial(reasoner, rule, node).run(_group(rule.algebra.p))


def absences_asked(reasoner: Reasoner, rule: Rule) -> tuple[str, ...]:
    """What a rule asks not to be recorded, in words."""
    words = _Words(reasoner, -1)
    found: list[str] = []
    node = rule.algebra.p
    while isinstance(node, CompValue):
        if node.name == "Filter":
            tests = [
                part
                for part in _conjuncts(node.expr)
                if getattr(part, "name", "") == "Builtin_NOTEXISTS"
            ]
            found += [words.expression(test) for test in tests]
        node = node.get("p")
    return tuple(text[:1].upper() + text[1:] + "." for text in found)


@dataclass(frozen=True)
class _Part:
    """One conjunct: how it is joined to a pattern, and how it is said."""

    join: Callable[[CompValue], CompValue]
    words: str
    names: frozenset[str]
    gives: frozenset[str]
    node: CompValue | None = None


class _Trial:
    def __init__(self, reasoner: Reasoner, rule: Rule, node: int) -> None:
        self.reasoner = reasoner
        self.columns = reasoner.columns
        self.rule = rule
        self.node = node
        self.words = _Words(reasoner, node)

    def run(self, group: CompValue) -> tuple[tuple[Tried, ...], str]:
        if not self.solutions(BGP([]))[1]:
            kind = self.words.term(URIRef(self.rule.target.iri))
            return (
                Tried(f"the rule looks at what is of the kind {kind}", 0),
            ), "This is not one of them."
        tried: list[Tried] = []
        pattern = BGP([])
        bound = {"this"}
        waiting = self.parts(group)
        names: list[str] = []
        rows: list[tuple[Any, ...]] = []
        while waiting:
            part = _next(waiting, bound)
            waiting.remove(part)
            following = part.join(pattern)
            try:
                found_names, found = self.solutions(following)
            except Refusal:  # a pattern that cannot be tried alone is tried with the next
                pattern = following
                continue
            tried.append(Tried(part.words, len(found)))
            if not found:
                deeper = self.deeper(part, pattern)
                if deeper is not None:
                    return (*tried[:-1], *deeper[0]), deeper[1]
                return tuple(tried), self.nearest(names, rows, part)
            pattern, names, rows = following, found_names, found
            bound |= part.gives
        return tuple(
            tried
        ), "Every pattern is met; only what the rule then counts or selects is not."

    def deeper(self, part: _Part, before: CompValue) -> tuple[tuple[Tried, ...], str] | None:
        """The same within a sub-query, or within the branch of a UNION that gets furthest."""
        if part.node is None:
            return None
        branches = _branches(part.node)
        trials = [self.run_within(branch, before) for branch in branches]
        if not trials:
            return None
        best = max(trials, key=lambda trial: len(trial[0]))
        if len(branches) == 1:
            return best
        return best[0], f"Of {len(branches)} alternatives this comes nearest. {best[1]}"

    def run_within(self, group: CompValue, before: CompValue) -> tuple[tuple[Tried, ...], str]:
        trial = _Trial(self.reasoner, self.rule, self.node)
        return trial.run(_group(group))

    def solutions(self, pattern: CompValue) -> tuple[list[str], list[tuple[Any, ...]]]:
        plan, _ = compile_pattern(pattern, self.rule.target)
        self.reasoner.materialise(plan, "trial", {}, self.rule)
        names = [name for name, _ in plan.columns]
        columns = ", ".join(f'"v_{name}"' for name in names)
        rows = self.columns.rows(
            f"SELECT DISTINCT {columns} FROM trial WHERE v_this = $node ORDER BY ALL LIMIT 1000",
            {"node": self.node},
        )
        kinds = dict(plan.columns)
        ids = {
            value
            for row in rows
            for name, value in zip(names, row, strict=True)
            if kinds[name] == "id" and value is not None
        }
        texts = {
            value
            for row in rows
            for name, value in zip(names, row, strict=True)
            if kinds[name] == "n3" and value
        }
        labels = self.columns.labels(ids)
        known = self.columns.ids_of(texts)
        shown = self.columns.labels(known.values())
        return names, [
            tuple(
                labels.get(value, "")
                if kinds[name] == "id"
                else shown.get(known.get(value, -1), _bare(value))
                for name, value in zip(names, row, strict=True)
            )
            for row in rows
        ]

    def nearest(self, names: list[str], rows: list[tuple[Any, ...]], part: _Part) -> str:
        shown = [name for name in names if name != "this" and not name.startswith("_")]
        wanted = [name for name in shown if name in part.names] or shown
        if not rows or not wanted:
            return "Nothing before it narrows the search."
        told: list[str] = []
        for row in rows:
            values = dict(zip(names, row, strict=True))
            words = ", ".join(f"?{name} is {values[name] or 'unbound'}" for name in wanted)
            if words not in told:
                told.append(words)
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        return f"Met so far with {'; or '.join(told[:SHOWN])}{more}."

    def parts(self, node: CompValue) -> list[_Part]:
        if node.name == "Filter":
            return [*self.parts(node.p), *(self.test(part) for part in _conjuncts(node.expr))]
        if node.name == "Join":
            return [*self.parts(node.p1), *self.parts(node.p2)]
        if node.name == "BGP":
            return [self.triple(triple) for triple in node.triples]
        if node.name == "Extend":
            name = str(node.var)
            said = f"let ?{name} be {self.words.expression(node.expr)}"
            bind = _Part(
                lambda p, e=node.expr, v=node.var: Extend(p, e, v),  # type: ignore[misc]
                said, frozenset(names_in(node.expr)), frozenset({name}),
            )  # fmt: skip
            return [*self.parts(node.p), bind]
        if node.name == "LeftJoin":
            optional = _Part(
                lambda p, n=node: LeftJoin(p, n.p2, n.expr),  # type: ignore[misc]
                f"where there is one: {self.words.pattern(node.p2)}",
                frozenset(names_in(node.p2)), frozenset(names_in(node.p2)),
            )  # fmt: skip
            return [*self.parts(node.p1), optional]
        words = self.words.pattern(node)
        gives = (
            frozenset(str(v) for v in node.p.PV)
            if node.name == "ToMultiSet" and "PV" in node.p
            else frozenset(names_in(node))
        )
        return [_Part(lambda p, n=node: Join(p, n), words, gives, gives, node)]  # type: ignore[misc]

    def triple(self, triple: tuple[Any, Any, Any]) -> _Part:
        names = frozenset(str(term) for term in triple if isinstance(term, Variable))
        return _Part(
            lambda p, t=triple: Join(p, BGP([t])),  # type: ignore[misc]
            self.words.triple(triple), names, names,
        )  # fmt: skip

    def test(self, expression: Any) -> _Part:
        return _Part(
            lambda p, e=expression: Filter(e, p),  # type: ignore[misc]
            self.words.expression(expression), frozenset(names_in(expression)), frozenset(),
        )  # fmt: skip


def _next(waiting: list[_Part], bound: set[str]) -> _Part:
    """What to try next: a binding, what is tied to what is bound, a test that can be made."""

    def rank(part: _Part) -> tuple[int, int]:
        place = waiting.index(part)
        test = not part.gives
        if test:
            return (
                1
                if part.names <= bound and not part.words.startswith(("nothing", "something"))
                else 5
            ), place
        if not part.names:
            return 0, place
        return (2 if part.names & bound else 4), place

    return min(waiting, key=rank)


def _group(node: CompValue) -> CompValue:
    """The pattern under the SELECT of a query or sub-query, and under its aggregates."""
    while True:
        above = ("Project", "Distinct", "Reduced", "ToMultiSet", "AggregateJoin", "Group")
        if node.name in above or _belongs_to_select(node):
            node = node.p
        else:
            return node


def _belongs_to_select(node: CompValue) -> bool:
    """Whether a BIND or FILTER comes from SELECT (… AS …), GROUP BY or HAVING."""
    if node.name == "Filter":
        return any(_is_made_up(Variable(name)) for name in names_in(node.expr))
    if node.name != "Extend":
        return False
    renames = isinstance(node.expr, Variable) and str(node.var) in ("value", "basis")
    return renames or _is_made_up(node.var) or _is_made_up(node.expr)


def _is_made_up(term: Any) -> bool:
    return isinstance(term, Variable) and str(term).startswith("__agg")


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


def _bare(text: str | None) -> str:
    if text is None:
        return ""
    return text[1:].split('"')[0] if text.startswith('"') else text


class _Words:
    """Patterns in words: labels of the ontology, variables with their question mark."""

    def __init__(self, reasoner: Reasoner, node: int) -> None:
        self.columns = reasoner.columns
        self.terms = reasoner.ontology.terms
        self.name = self.columns.labels([node]).get(node, "the venture")

    def term(self, term: Any) -> str:
        if isinstance(term, Variable):
            return self.name if str(term) == "this" else f"?{term}"
        if isinstance(term, BNode):
            return "something"
        if isinstance(term, Literal):
            return str(term)
        iri = str(term)
        if self.terms.get(iri):
            return self.terms[iri]
        known = self.columns.ids_of([n3_of(term)])
        return (
            self.columns.labels(known.values()).get(next(iter(known.values()), -1), short(iri))
            if known
            else short(iri)
        )

    def verb(self, path: Any) -> str:
        if isinstance(path, URIRef):
            return verb_phrase(self.terms.get(str(path)) or short(str(path)).rpartition("#")[2])
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
        verb = (
            f"has some relation ({self.term(predicate)}) to"
            if isinstance(predicate, Variable)
            else self.verb(predicate)
        )
        if isinstance(value, Literal) and str(value) in ("true", "false"):
            said = f"{self.term(subject)} {verb}"
            return said if str(value) == "true" else f"it is not so that {said}"
        return f"{self.term(subject)} {verb} {self.term(value)}"

    def pattern(self, node: CompValue) -> str:
        if node.name in ("GroupGraphPatternSub", "SubSelect"):
            node = translateGroupGraphPattern(node)
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
            return f"{self.pattern(node.p)}; let ?{node.var} be {self.expression(node.expr)}"
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


_COMPARISONS = {
    "=": "is", "!=": "is not", "<": "is less than", ">": "is more than",
    "<=": "is at most", ">=": "is at least",
}  # fmt: skip

_PREPOSITIONS = frozenset(
    ("about", "against", "among", "by", "from", "in", "of", "on", "through", "to", "under", "with")
)
_NOUNS = frozenset(("basis", "status"))


def verb_phrase(label: str) -> str:
    """A property's label as the verb of a sentence: 'grade' becomes 'has grade'."""
    first = label.split()[0] if label else ""
    if first in _PREPOSITIONS:
        return f"is {label}"
    if first in ("must", "was") or (first.endswith("s") and first not in _NOUNS):
        return label
    return f"has {label}"
