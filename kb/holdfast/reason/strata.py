"""The order in which rules run: whatever a rule negates or counts is complete before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from holdfast.compile import (
    ANY_TYPE,
    ANYTHING,
    Axiom,
    Refusal,
    reads_of,
    template_ends,
    template_keys,
)
from holdfast.errors import RuleError
from holdfast.memory import Memory
from holdfast.ontology import Ontology
from holdfast.rules import EFFECTS, Rule
from holdfast.vocabulary import BASES, HF, RDF_TYPE, RDFS


@dataclass(frozen=True)
class Stratum:
    """Rules and axioms that run together.

    `feeds` names what a recursive stratum writes that it also reads.
    """

    rules: tuple[Rule, ...]
    feeds: frozenset[str]
    axioms: tuple[Axiom, ...] = ()


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
    axioms: Sequence[Axiom] = (),
    individuals: Mapping[str, frozenset[str]] | None = None,
) -> list[Stratum]:
    """The rules in strata, lowest first; within a stratum by sh:order, then id.

    Axioms stand as low as what they read allows, as many as can be together. Raises RuleError for a
    cycle through negation or counting, and names the cycle.
    """
    ordered = sorted(rules, key=lambda rule: (rule.order, rule.id))
    by_id = {rule.id: rule for rule in ordered}
    named = _named(axioms)
    memory = memory or Memory(None)
    writes = {rule.id: writes_of(rule, superclasses, ontology, memory) for rule in ordered}
    writes |= {name: axiom.writes for name, axiom in named.items()}
    reads = {rule.id: _all_reads(rule, ontology, memory) for rule in ordered}
    reads |= {name: (set(axiom.reads), set()) for name, axiom in named.items()}
    nothing_new = _nothing_new(ordered, named, superclasses, individuals or {}, memory)
    arrows = [a for a in _arrows(reads, writes) if (a.writer, a.reader) not in nothing_new]
    outgoing: dict[str, list[str]] = {name: [] for name in reads}
    inner_of: dict[str, list[_Arrow]] = {name: [] for name in reads}
    for arrow in arrows:
        outgoing[arrow.reader].append(arrow.writer)
        inner_of[arrow.reader].append(arrow)
    strata: list[Stratum] = []
    for members in _batches(_components(outgoing), outgoing, named):
        inner = [a for name in members for a in inner_of[name] if a.writer in members]
        broken = next((arrow for arrow in inner if arrow.below), None)
        if broken is not None:
            raise _cycle(broken, inner, by_id, named)
        strata.append(
            Stratum(
                tuple(rule for rule in ordered if rule.id in members),
                frozenset(_feed(arrow.key) for arrow in inner),
                tuple(axiom for name, axiom in named.items() if name in members),
            )
        )
    return strata


def _named(axioms: Iterable[Axiom]) -> dict[str, Axiom]:
    """The axioms by a name that each has alone."""
    named: dict[str, Axiom] = {}
    for axiom in axioms:
        name, number = axiom.id, 1
        while name in named:
            number += 1
            name = f"{axiom.id} {number}"
        named[name] = axiom
    return named


def _batches(
    components: Sequence[Sequence[str]],
    outgoing: Mapping[str, Sequence[str]],
    axioms: Mapping[str, Axiom],
) -> list[frozenset[str]]:
    """What runs together: recursive rules alone, of the others as many at once as can be, and so
    of axioms.

    Axioms that say of what kind things are come after those that relate them, so that most run
    once.
    """
    batches: list[frozenset[str]] = []
    done: set[str] = set()
    pending = list(components)

    def ready(component: Sequence[str]) -> bool:
        known = {*done, *component}
        return all(writer in known for name in component for writer in outgoing[name])

    while pending:
        for types in (False, True):
            batch: set[str] = set()
            left = []
            for component in pending:
                kind = {axioms[name].types for name in component if name in axioms}
                alone = all(name in axioms for name in component)
                if alone and kind == {types} and ready(component):
                    batch.update(component)
                    done.update(component)
                else:
                    left.append(component)
            pending = left
            if batch:
                batches.append(frozenset(batch))
        plain: set[str] = set()
        circles: list[Sequence[str]] = []
        left = []
        for component in pending:
            mixed = {axioms[name].types for name in component if name in axioms} == {False, True}
            with_rule = any(name not in axioms for name in component)
            if not ((with_rule or mixed) and ready(component)):
                left.append(component)
            elif len(component) > 1 or component[0] in outgoing[component[0]]:
                circles.append(component)
            else:
                plain.update(component)
        pending = left
        batches += [frozenset(batch) for batch in (plain, *circles) if batch]
        done.update(plain, *circles)
    return batches


def writes_of(
    rule: Rule, superclasses: Mapping[str, Sequence[str]], ontology: Ontology, memory: Memory
) -> frozenset[str]:
    """The keys that a rule writes. Raises RuleError."""
    if rule.kind == "judgement":
        return frozenset(f"finding {basis} {rule.effect}" for basis in rule.bases)

    def keys() -> list[str]:
        if rule.algebra.name != "ConstructQuery":
            return []
        keys = template_keys(rule.algebra, superclasses)
        # a class that comes to stand below another gives it its members
        return sorted(keys | {ANY_TYPE} if RDFS + "subClassOf" in keys else keys)

    try:
        return frozenset(
            memory.remember("writes", [rule.query, repr(sorted(superclasses.items()))], keys)
        )
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


def _all_reads(rule: Rule, ontology: Ontology, memory: Memory) -> tuple[set[str], set[str]]:
    """The keys that a rule with its target reads, and those that must be complete before."""
    keys, below = _reads(rule, ontology, memory)
    if rule.kind == "judgement":
        below.add(f"a {HF}NotAssessed")
    keys.add(_target_key(rule))
    return keys, below


def _nothing_new(
    rules: Iterable[Rule],
    axioms: Mapping[str, Axiom],
    superclasses: Mapping[str, Sequence[str]],
    individuals: Mapping[str, frozenset[str]],
    memory: Memory,
) -> set[tuple[str, str]]:
    """The rules and axioms of which the rule gives the axiom nothing that was not known before.

    A rule that speaks of a venture, and writes a property of ventures, makes no venture: what it
    asks of the ends of its triple already has them of the kind that domain and range say. Nor does
    what holds of a thing because it holds of the same thing: the kind is handed on like the rest.
    """
    kinds: dict[str, set[str]] = {}
    by_property: dict[str, list[tuple[str, bool, str]]] = {}
    for name, axiom in axioms.items():
        if axiom.rule in ("prp-dom", "prp-rng") and axiom.lasting:
            (atom,), subject = axiom.atoms, axiom.rule == "prp-dom"
            end = atom.predicate if subject else f"^{atom.predicate}"
            cls = axiom.found.removeprefix("a ")
            kinds.setdefault(end, set()).update((cls, *superclasses.get(cls, ())))
            by_property.setdefault(atom.predicate, []).append((name, subject, cls))
    found: set[tuple[str, str]] = set()
    for writer, axiom in axioms.items():
        if axiom.rule in ("eq-rep-s", "eq-rep-o"):
            found |= {(writer, name) for name, _, _ in by_property.get(axiom.target or "", ())}
        if len(axiom.atoms) != 1 or axiom.target is None:
            continue
        ends = {"a0.s": axiom.atoms[0].predicate, "a0.o": f"^{axiom.atoms[0].predicate}"}
        for name, subject, cls in by_property.get(axiom.target, ()):
            place = ends.get(axiom.head[0] if subject else axiom.head[1], "")
            if cls in kinds.get(place, ()):
                found.add((writer, name))
    for rule in rules:
        if rule.kind != "inference":
            continue

        focus = rule.target.iri
        if rule.target.kind == "targetObjectsOf":
            focus = f"^{focus}"

        def ends_of(rule: Rule = rule, focus: str = focus) -> dict[str, list[list[list[str]]]]:
            if rule.algebra.name != "ConstructQuery":
                return {}
            return {
                predicate: [[sorted(end) for end in pair] for pair in pairs]
                for predicate, pairs in template_ends(rule.algebra, focus).items()
            }

        for predicate, pairs in memory.remember("ends", [rule.query, focus], ends_of).items():
            for name, subject, cls in by_property.get(predicate, ()):
                asked = [set(pair[0] if subject else pair[1]) for pair in pairs]
                for known in asked:
                    for one in list(known):
                        known |= individuals.get(one.removeprefix("="), frozenset())
                if all(
                    cls in known.union(*(superclasses.get(one, ()) for one in known))
                    or any(cls in kinds.get(end, ()) for end in known)
                    for known in asked
                ):
                    found.add((rule.id, name))
    return found


def _arrows(
    reads: Mapping[str, tuple[set[str], set[str]]], writes: Mapping[str, frozenset[str]]
) -> list[_Arrow]:
    """From each reader to whoever may write what it reads (see `meets`)."""
    by_key: dict[str, list[str]] = {}
    for writer, keys in writes.items():
        for key in sorted(keys):
            by_key.setdefault(key, []).append(writer)
    types = [key for key in by_key if key.startswith("a ")]

    def writers(key: str) -> Iterable[str]:
        if key == ANYTHING:
            return writes
        if key == ANY_TYPE:
            return dict.fromkeys(writer for one in types for writer in by_key[one])
        if key.startswith("a "):
            return dict.fromkeys((*by_key.get(key, ()), *by_key.get(ANY_TYPE, ())))
        return by_key.get(key, ())

    return [
        _Arrow(reader, writer, key, below)
        for reader, (some, complete) in reads.items()
        for keys, below in ((some, False), (complete, True))
        for key in sorted(keys)
        for writer in writers(key)
    ]


def _target_key(rule: Rule) -> str:
    return f"a {rule.target.iri}" if rule.target.kind == "targetClass" else rule.target.iri


def _feed(key: str) -> str:
    """The predicate or class whose new triples bring what is read under a key."""
    if key == "a *":
        return RDF_TYPE
    return HF + "Finding" if key.startswith("finding ") else key.removeprefix("a ")


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


def _cycle(
    broken: _Arrow,
    inner: Sequence[_Arrow],
    by_id: Mapping[str, Rule],
    axioms: Mapping[str, Axiom],
) -> RuleError:
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
    theirs = [name for name in dict.fromkeys(way) if name in axioms and not axioms[name].background]
    mend = "Let one of these rules read something that does not depend on the others."
    if theirs:
        mend = (
            f"A register states {' and '.join(theirs)}, not the ontology: leave that axiom out,"
            " or change the rules."
        )
    return RuleError(
        f"{' → '.join(way)} is a cycle through negation or counting"
        f" ({broken.reader} needs all of '{thing}' before it runs, and {broken.writer} writes it).",
        where=str(by_id[broken.reader].file),
        mend=mend,
    )
