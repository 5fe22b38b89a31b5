"""The order in which rules run: whatever a rule negates or counts is complete before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from holdfast.compile import Refusal, meets, reads_of, template_keys
from holdfast.errors import RuleError
from holdfast.memory import Memory
from holdfast.ontology import Ontology
from holdfast.rules import EFFECTS, Rule
from holdfast.vocabulary import BASES, HF, RDF_TYPE


@dataclass(frozen=True)
class Stratum:
    """Rules that run together. `feeds` names what a recursive stratum writes that it also reads."""

    rules: tuple[Rule, ...]
    feeds: frozenset[str]


@dataclass(frozen=True)
class _Arrow:
    reader: str
    writer: str
    key: str
    below: bool


def strata_of(
    rules: Iterable[Rule],
    ontology: Ontology,
    superclasses: Mapping[str, Sequence[str]],
    memory: Memory | None = None,
) -> list[Stratum]:
    """The rules in strata, lowest first; within a stratum by sh:order, then id.

    Raises RuleError for a cycle through negation or counting, and names the cycle.
    """
    ordered = sorted(rules, key=lambda rule: (rule.order, rule.id))
    by_id = {rule.id: rule for rule in ordered}
    memory = memory or Memory(None)
    writes = {rule.id: _writes(rule, superclasses, ontology, memory) for rule in ordered}
    arrows = _arrows(ordered, writes, ontology, memory)
    outgoing: dict[str, list[str]] = {rule.id: [] for rule in ordered}
    for arrow in arrows:
        outgoing[arrow.reader].append(arrow.writer)
    strata: list[Stratum] = []
    for component in _components(outgoing):
        members = frozenset(component)
        inner = [a for a in arrows if a.reader in members and a.writer in members]
        broken = next((arrow for arrow in inner if arrow.below), None)
        if broken is not None:
            raise _cycle(broken, inner, by_id)
        chosen = tuple(
            sorted((by_id[name] for name in component), key=lambda rule: (rule.order, rule.id))
        )
        strata.append(Stratum(chosen, frozenset(_feed(arrow.key) for arrow in inner)))
    return strata


def _writes(
    rule: Rule, superclasses: Mapping[str, Sequence[str]], ontology: Ontology, memory: Memory
) -> frozenset[str]:
    if rule.kind == "judgement":
        return frozenset(f"finding {basis} {rule.effect}" for basis in rule.bases)

    def keys() -> list[str]:
        if rule.algebra.name != "ConstructQuery":
            return []
        return sorted(template_keys(rule.algebra, superclasses))

    try:
        return frozenset(memory.remember("writes", [rule.query, ontology.digest], keys))
    except Refusal as refusal:
        raise RuleError(
            f"{refusal.construct} is not compiled.", where=rule.place(), mend=refusal.mend
        ) from None


def _reads(rule: Rule, ontology: Ontology, memory: Memory) -> tuple[set[str], set[str]]:
    """The keys that a rule reads, and those that must be complete before."""

    def keys() -> list[list[str]]:
        reads = reads_of(rule.algebra, ontology.notations, BASES, EFFECTS)
        return [sorted(reads.keys), sorted(reads.below)]

    some, below = memory.remember("reads", [rule.query, ontology.digest], keys)
    return set(some), set(below)


def _arrows(
    rules: Sequence[Rule],
    writes: Mapping[str, frozenset[str]],
    ontology: Ontology,
    memory: Memory,
) -> list[_Arrow]:
    arrows: list[_Arrow] = []
    for reader in rules:
        keys, below = _reads(reader, ontology, memory)
        if reader.kind == "judgement":
            below.add(f"a {HF}NotAssessed")
        keys.add(_target_key(reader))
        for writer in rules:
            for (key, is_below), written in product(
                [*((k, False) for k in sorted(keys)), *((k, True) for k in sorted(below))],
                sorted(writes[writer.id]),
            ):
                if meets(key, written):
                    arrows.append(_Arrow(reader.id, writer.id, key, is_below))
    return arrows


def _target_key(rule: Rule) -> str:
    return f"a {rule.target.iri}" if rule.target.kind == "targetClass" else rule.target.iri


def _feed(key: str) -> str:
    if key == "a *":
        return RDF_TYPE
    return key.removeprefix("a ")


def _components(outgoing: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Strongly connected components, what is read before what reads it (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(start: str) -> None:
        work = [(start, iter(outgoing[start]))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            node, rest = work[-1]
            for following in rest:
                if following not in index:
                    index[following] = low[following] = len(index)
                    stack.append(following)
                    work.append((following, iter(outgoing[following])))
                    break
                if following in stack:
                    low[node] = min(low[node], index[following])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                    found.append(component)

    for name in outgoing:
        if name not in index:
            visit(name)
    return found


def _cycle(broken: _Arrow, inner: Sequence[_Arrow], by_id: Mapping[str, Rule]) -> RuleError:
    """The error that names a cycle through negation, as the shortest way back to its reader."""
    ways: dict[str, list[str]] = {broken.writer: [broken.reader, broken.writer]}
    queue = [broken.writer]
    while queue and broken.reader not in ways:
        here = queue.pop(0)
        for arrow in inner:
            if arrow.reader == here and arrow.writer not in ways:
                ways[arrow.writer] = [*ways[here], arrow.writer]
                queue.append(arrow.writer)
    way = ways.get(broken.reader, [broken.reader, broken.writer, broken.reader])
    thing = broken.key.replace(HF, "hf:")
    return RuleError(
        f"{' → '.join(way)} is a cycle through negation or counting"
        f" ({broken.reader} needs all of '{thing}' before it runs, and {broken.writer} writes it).",
        where=str(by_id[broken.reader].file),
        mend="Let one of these rules read something that does not depend on the others.",
    )
