"""The axioms of a dataset as plans: OWL 2 RL, set at a time.

An axiom is compiled to a small join over the tables of the predicates it speaks of, never to the
general rule over all triples; axioms of one kind that write one predicate become one query.
Source: OWL 2 Web Ontology Language Profiles (W3C 2012) §4.3, tables 4 to 9; the names of the rules
are those of the tables. `docs/owl.md` says which conclusions are left out as empty of content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rdflib import Variable

from holdfast.columns import Columns
from holdfast.columns.names import quoted, told_apart
from holdfast.columns.terms import BOOLEAN, DECIMAL, INTEGER, INTEGERS
from holdfast.compile.dependencies import ANY_TYPE
from holdfast.compile.plan import Plan
from holdfast.compile.ruleplans import Template
from holdfast.compile.schema import DIFFERENT, SAME, SUBCLASS_OF, Atom, Given, Schema
from holdfast.rules import Rule, Target
from holdfast.vocabulary import OWL, RDF, RDF_TYPE, RDFS, XSD

_BOUNDS = {
    "nonNegativeInteger": (0, None), "positiveInteger": (1, None), "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1), "int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1),
    "short": (-(2**15), 2**15 - 1), "byte": (-128, 127), "unsignedInt": (0, 2**32 - 1),
    "unsignedLong": (0, 2**64 - 1), "unsignedShort": (0, 2**16 - 1), "unsignedByte": (0, 255),
}  # fmt: skip


@dataclass(frozen=True)
class Axiom:
    """One application of a rule of OWL 2 RL to the triples that state an axiom.

    It reads `atoms`, as the aliases a0, a1 … of SQL, under the conditions `where`, and concludes
    the triple of `head` with the predicate `target`; without a target it concludes a contradiction
    about the nodes in `head`. `constants` are the terms that {k0}, {k1} … stand for. `given` are
    the triples that state the axiom.
    """

    rule: str
    target: str | None
    atoms: tuple[Atom, ...]
    where: tuple[str, ...]
    head: tuple[str, ...]
    constants: tuple[int, ...]
    given: tuple[Given, ...] = field(compare=False)
    writes: frozenset[str] = field(compare=False, default=frozenset())
    said: str = field(compare=False, default="")
    found: str = field(compare=False, default="")
    """The key of the class whose members it finds, where it finds those of one."""

    @property
    def id(self) -> str:
        """What to call it where rules and axioms are spoken of together."""
        return f"owl:{self.rule} ({self.said})"

    @cached_property
    def reads(self) -> frozenset[str]:
        """The keys that it reads (see `dependencies`), in the manner of a rule."""
        stated = (
            ANY_TYPE if given.predicate == RDF_TYPE else given.predicate
            for given in self._unsettled()
        )
        return frozenset((*(atom.key for atom in self.atoms), *stated))

    @property
    def background(self) -> bool:
        """Whether the ontology states all of it."""
        return all(given.background for given in self.given)

    @property
    def lasting(self) -> bool:
        """Whether it is stated, not inferred."""
        return not self._unsettled()

    @property
    def types(self) -> bool:
        """Whether it says of what kind something is."""
        return self.target == RDF_TYPE

    def _unsettled(self) -> list[Given]:
        return [given for given in self.given if not given.settled]

    def all_atoms(self) -> tuple[list[Atom], list[str]]:
        """Its atoms and conditions with those for the triples that must first be inferred."""
        atoms, where = list(self.atoms), list(self.where)
        for given in self._unsettled():
            alias = f"a{len(atoms)}"
            atoms.append(Atom(given.predicate, given.predicate))
            where.append(f"{alias}.s = {given.s} AND {alias}.o = {given.o}")
        return atoms, where

    def premises(self) -> tuple[int, list[int]]:
        """Certainty and numbers of the stated triples that state it."""
        stated = [given for given in self.given if given.settled]
        return max((g.c for g in stated), default=0), sorted({g.t for g in stated})


@dataclass(frozen=True)
class Axioms:
    """What a dataset's axioms infer, and what they forbid."""

    inferring: tuple[Axiom, ...]
    forbidding: tuple[Axiom, ...]
    classes: Mapping[str, int]
    """The classes that have members or are spoken of, by key."""
    superclasses: tuple[tuple[str, str], ...]
    """Each class with each class above it, by IRI or as a blank node."""
    individuals: Mapping[str, frozenset[str]]
    """The classes of what the ontology itself says to be of some class, by IRI."""


@dataclass(frozen=True, eq=False)
class AxiomRule:
    """The axioms of one kind that write one predicate, in the manner of an inference rule."""

    id: str
    rule: str
    target: str
    axioms: tuple[Axiom, ...]

    iri = "https://www.w3.org/TR/owl2-profiles/"

    @property
    def name(self) -> str:
        """The rule of OWL 2 RL, e.g. owl:prp-dom."""
        return f"owl:{self.rule}"

    @property
    def closes_sameness(self) -> bool:
        """Whether its triples are all pairs of each set of equal things, made without joins."""
        return self.rule == "eq-trans"

    def place(self) -> str:
        """The axioms, for an error message."""
        return "; ".join(sorted({axiom.said for axiom in self.axioms})[:3])

    def plan(
        self,
        *,
        lineage: bool = False,
        delta: bool = False,
        feeds: frozenset[str] = frozenset(),
        known: bool = False,
        among: bool = False,
    ) -> Plan:
        """The triples ?s, ?o that follow; with `delta` those that rest on a triple of `feeds`
        whose number is $delta or more.

        Without `known` or `lineage` what is there already is left out; with `among` only subjects
        of `Plan.among` are looked at.
        """
        branches = list(_branches(self.axioms, lineage=lineage, feeds=feeds if delta else None))
        union = " UNION ALL ".join(sql for sql, _ in branches)
        if among:
            union = f"SELECT x.* FROM ({union}) AS x WHERE x.v_s IN ($focus)"
        if not lineage and not known:  # the common case is that all of it is there
            union = (
                f"SELECT x.* FROM ({union}) AS x ANTI JOIN {quoted(self.target)} AS known"
                " ON known.s = x.v_s AND known.o = x.v_o"
            )
        return Plan(
            sql=union,
            columns=(("s", "id"), ("o", "id")),
            tables=frozenset({self.target}.union(*(tables for _, tables in branches))),
        )

    def as_rule(self) -> Rule:
        """The same as an inference rule; its query is empty, for `plan` has it."""
        return Rule(
            id=self.id, iri=f"{self.iri}#{self.rule}", file=Path(self.place()), kind="inference",
            notations=(), label=self.name, description="", sources=(), scope_note="", remedy="",
            levers=(), bases=(), effect="", certainty="stated", severity="info", status="",
            message="", parameters=(), target=Target("targetSubjectsOf", self.target), query="",
            query_line=1, order=0.0, judged=(), prefixes={}, changes=(),
        )  # fmt: skip

    @property
    def templates(self) -> tuple[Template, ...]:
        """The one triple that it makes of each answer."""
        return (Template(Variable("s"), self.target, Variable("o")),)


def axiom_rules(
    axioms: Iterable[Axiom], feeds: frozenset[str], taken: set[str]
) -> list[tuple[AxiomRule, Plan, tuple[Plan, ...]]]:
    """The axioms as rules, each with its plan and, where it reads one of `feeds`, its semi-naive
    one. `taken` are the names already given; the new ones are added."""
    grouped: dict[tuple[int, str, str], list[Axiom]] = {}
    for axiom in axioms:
        if axiom.target is not None:
            kind = axiom.types, axiom.rule, axiom.target
            grouped.setdefault(kind, []).append(axiom)
    made: list[tuple[AxiomRule, Plan, tuple[Plan, ...]]] = []
    for (_, rule, target), members in sorted(grouped.items(), key=lambda item: item[0]):
        name = f"owl:{rule}"
        place = 1
        while f"{name}/{place}" in taken:
            place += 1
        taken.add(f"{name}/{place}")
        group = AxiomRule(f"{name}/{place}", rule, target, tuple(members))
        recursive = any(
            _feed(atom.key) in feeds for axiom in members for atom in axiom.all_atoms()[0]
        )
        deltas = [group.plan(delta=True, feeds=feeds)] if recursive else []
        made.append((group, group.plan(), tuple(deltas)))
    return made


def _feed(key: str) -> str:
    return RDF_TYPE if key == ANY_TYPE else key.removeprefix("a ")


def _branches(
    axioms: Sequence[Axiom], *, lineage: bool, feeds: frozenset[str] | None
) -> Iterator[tuple[str, frozenset[str]]]:
    """For each shape among some axioms one SELECT of v_s, v_o, c (and l), and the tables it reads.

    With `feeds` one for each atom that reads any of them, limited to what is new since $delta.
    """
    shapes: dict[tuple[tuple[bool, ...], tuple[object, ...]], list[Axiom]] = {}
    for axiom in axioms:
        atoms, where = axiom.all_atoms()
        fed = tuple(feeds is not None and _feed(atom.key) in feeds for atom in atoms)
        predicates = tuple(atom.predicate for atom in atoms)
        shape = (predicates, tuple(where), axiom.head, len(axiom.constants))
        shapes.setdefault((fed, shape), []).append(axiom)
    for (fed, _), members in shapes.items():
        chosen: list[int | None] = (
            [None] if feeds is None else [place for place, new in enumerate(fed) if new]
        )
        for place in chosen:
            yield _branch(members, lineage=lineage, new=place)


def _branch(
    members: Sequence[Axiom], *, lineage: bool, new: int | None
) -> tuple[str, frozenset[str]]:
    """One SELECT for axioms of the same shape; `new` is the atom limited by $delta."""
    first = members[0]
    atoms, where = first.all_atoms()
    sources = [f"{quoted(atom.predicate)} AS a{place}" for place, atom in enumerate(atoms)]
    width = len(first.constants)
    if len(members) == 1:
        constants = {f"k{place}": f"{term}::BIGINT" for place, term in enumerate(first.constants)}
        certainty, premises = first.premises()
        rank, listed = str(certainty), f"{premises}::BIGINT[]"
    else:
        constants = {f"k{place}": f"v.k{place}" for place in range(width)}
        names = ", ".join((*(f"k{place}" for place in range(width)), "c", "l"))
        rows = []
        for axiom in members:
            certainty, premises = axiom.premises()
            terms = [f"{term}::BIGINT" for term in axiom.constants]
            rows.append(f"({', '.join((*terms, str(certainty), f'{premises}::BIGINT[]'))})")
        sources.append(f"(VALUES {', '.join(dict.fromkeys(rows))}) AS v({names})")
        rank, listed = "v.c", "v.l"
    conditions = [part.format(**constants) for part in where]
    if new is not None:
        conditions.append(f"a{new}.t >= $delta")
    ends = [part.format(**constants) for part in first.head]
    ranks = [*(f"a{place}.c" for place in range(len(atoms))), rank]
    certainty_sql = f"greatest({', '.join(ranks)})" if atoms else rank
    columns = [
        f"{ends[0]} AS v_s",
        f"{ends[1] if len(ends) > 1 else 'NULL::BIGINT'} AS v_o",
        f"({certainty_sql})::TINYINT AS c",
    ]
    if lineage:
        numbers = ", ".join(f"a{place}.t" for place in range(len(atoms)))
        columns.append(f"list_concat([{numbers}]::BIGINT[], {listed}) AS l")
    sql = f"SELECT {', '.join(columns)}"
    if sources:
        sql += f" FROM {', '.join(sources)}"
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    return sql, frozenset(atom.predicate for atom in atoms)


def contradictions_sql(axiom_list: Sequence[Axiom]) -> tuple[str, frozenset[str]]:
    """A query for the contradictions (rule, v_s, v_o, c, l) that some axioms of one rule find."""
    branches = list(_branches(axiom_list, lineage=True, feeds=None))
    tables = frozenset().union(*(tables for _, tables in branches))
    return " UNION ALL ".join(sql for sql, _ in branches), tables


def construct_of(
    axiom: Axiom, names: Mapping[int, str], bound: Mapping[str, str]
) -> tuple[str, tuple[str, ...]] | None:
    """An inferring axiom as a CONSTRUCT query, and the subject and object of what it concludes.

    These are ?one and ?other, or terms: those of the axiom, or what `bound` has for one of the two.
    `names` are the N-Triples texts of its terms. None where it is about what has no name, comes to
    itself, or is not of a kind that a query says.
    """
    atoms, where = axiom.all_atoms()
    constants = {f"k{n}": names.get(term, "_:") for n, term in enumerate(axiom.constants)}
    root = {f"a{n}.{end}": f"a{n}.{end}" for n in range(len(atoms)) for end in "so"}
    fixed: dict[str, str] = {}
    tests: list[tuple[str, ...]] = []
    for condition in (one for part in where for one in part.split(" AND ")):
        found = _CONDITION.fullmatch(condition)
        if found is None:
            return None
        left, sign, right = found.groups()
        if sign == "% 2 =":
            tests.append(("node", left))
        elif sign == "<>":
            tests.append(("other", left, right))
        elif right in root:
            one, other = root[left], root[right]
            root = {end: one if of == other else of for end, of in root.items()}
        else:
            stated = names.get(int(right), "_:") if right.isdigit() else "_:"
            fixed[left] = constants.get(right.strip("{}"), stated)
    terms = {root[end]: term for end, term in fixed.items()}
    ends = []
    for variable, part in zip(("one", "other"), axiom.head, strict=True):
        known = bound.get(variable, f"?{variable}")
        if part in root:
            ends.append(terms.setdefault(root[part], known))
        else:
            ends.append(constants.get(part.strip("{}"), "_:"))
    between = [of for of in dict.fromkeys(root.values()) if of not in terms]
    terms |= {of: f"?between{place}" for place, of in enumerate(between, start=1)}
    said = [
        f"{terms[root[f'a{n}.s']]} <{atom.predicate}> {terms[root[f'a{n}.o']]} ."
        for n, atom in enumerate(atoms)
    ]
    for kind, *sides in tests:
        shown = [terms[root[side]] for side in sides]
        if kind == "node" and shown[0].startswith("?"):
            said.append(f"FILTER(!isLiteral({shown[0]}))")
        if kind == "other":
            said.append(f"FILTER(!sameTerm({shown[0]}, {shown[1]}))")
    concluded = f"{ends[0]} <{axiom.target}> {ends[1]}"
    text = f"CONSTRUCT {{ {concluded} }} WHERE {{ {' '.join(said)} }}"
    if "_:" in text or not atoms or f"{concluded} ." in said:
        return None
    return text, tuple(ends)


UNFOLDED = 200
"""How many axioms are made at most by unfolding."""


def unfolded(axioms: Sequence[Axiom]) -> list[Axiom]:
    """The axioms that read and conclude of named classes alone.

    An axiom that reads membership of a class without a name, a restriction for instance, is put
    together with each that concludes it, so that what it comes to is said in named terms: `Clinic`
    for whatever heals a patient. What concludes membership of a nameless class, or comes to itself,
    is left out.
    """
    makers: dict[str, list[Axiom]] = {}
    for axiom in axioms:
        makers.setdefault(axiom.found, []).append(axiom)
    found: list[Axiom] = []
    waiting: list[tuple[Axiom, tuple[Axiom, ...]]] = [
        (axiom, (axiom,)) for axiom in axioms if not _nameless(axiom.found)
    ]
    for axiom, through in waiting:
        place = next((n for n, atom in enumerate(axiom.atoms) if _nameless(atom.key)), None)
        if place is None:
            found.append(axiom)
        elif len(waiting) < len(axioms) + UNFOLDED:
            waiting += [
                (_put_together(axiom, place, inner), (*through, inner))
                for inner in makers.get(axiom.atoms[place].key, ())
                if inner not in through
            ]
    return list(dict.fromkeys(found))


def _nameless(key: str) -> bool:
    return key.startswith("a _:")


def _put_together(outer: Axiom, place: int, inner: Axiom) -> Axiom:
    """An axiom that has, for the membership which `outer` reads at a place, what `inner` reads."""
    rest = (*outer.atoms[:place], *outer.atoms[place + 1 :])
    shift = len(outer.constants)

    def within(text: str) -> str:
        text = re.sub(r"\ba(\d+)\.", lambda a: f"a{int(a[1]) + len(rest)}.", text)
        return re.sub(r"\{k(\d+)\}", lambda k: f"{{k{int(k[1]) + shift}}}", text)

    def around(text: str) -> str:
        def end(found: re.Match[str]) -> str:
            number = int(found[1])
            if number == place:
                return within(inner.head[0])
            return f"a{number - (number > place)}.{found[2]}"

        return re.sub(r"\ba(\d+)\.([so])", end, text)

    conditions = [part for text in outer.where for part in text.split(" AND ")]
    return replace(
        outer,
        atoms=(*rest, *inner.atoms),
        where=(
            *(around(text) for text in conditions if not text.startswith(f"a{place}.o ")),
            *map(within, inner.where),
        ),
        head=tuple(map(around, outer.head)),
        constants=(*outer.constants, *inner.constants),
        given=(*outer.given, *inner.given),
        said=f"{outer.said}; owl:{inner.rule} {inner.said}",
    )


_CONDITION = re.compile(r"(a\d+\.[so]) (=|<>|% 2 =) (a\d+\.[so]|\{k\d+\}|\d+)")


# -- reading the axioms ----------------------------------------------------------------------------


def read_axioms(
    columns: Columns,
    *,
    derived: Iterable[int] = (),
    vocabulary: bool = True,
    classes: bool = False,
) -> Axioms:
    """The axioms in the tables of `columns`, each specialised to the triples that state it.

    Triples that a rule inferred make an axiom that holds where they do; `derived` are the numbers
    of the rules whose triples say nothing new of the axioms. Without `vocabulary` what merely
    follows about properties and classes (narrower of narrower, domains of sub-properties) is not
    concluded: the same follows for the things that they describe. With `classes` that members of a
    class are members of those above it is an axiom, too; `columns` see to it by themselves.
    """
    schema = Schema(columns, frozenset(derived))
    inferring = list(_inferring(schema, vocabulary=vocabulary, classes=classes))
    forbidding = list(_forbidding(schema))
    return Axioms(
        tuple(dict.fromkeys(inferring)),
        tuple(dict.fromkeys(forbidding)),
        schema.populated,
        schema.superclasses(),
        schema.individuals,
    )


# -- what axioms infer -----------------------------------------------------------------------------


class _Maker:
    """Axioms from the triples that state them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __call__(
        self,
        rule: str,
        target: str | None,
        atoms: Sequence[Atom],
        head: Sequence[str],
        given: Sequence[Given],
        *,
        where: Sequence[str] = (),
        constants: Sequence[int] = (),
        cls: int | None = None,
    ) -> Axiom:
        """An axiom; `cls` is the class whose members it finds, where it finds those of one."""
        writes = frozenset[str]()
        if target == RDF_TYPE:
            writes = self.schema.written(cls) if cls is not None else frozenset({ANY_TYPE})
        elif target == SUBCLASS_OF:
            assert cls is not None
            writes = self.schema.written(cls) | {SUBCLASS_OF}
        elif target is not None:
            writes = frozenset({target})
        return Axiom(
            rule, target, tuple(atoms), tuple(where), tuple(head), tuple(constants),
            tuple(dict.fromkeys(given)), writes, self.schema.said(given),
            self.schema.class_key(cls) if cls is not None else "",
        )  # fmt: skip


def _plain(predicate: str) -> Atom:
    """The atom for a predicate that is not known to be rdf:type."""
    return Atom(predicate, ANY_TYPE if predicate == RDF_TYPE else predicate)


def _is_node(column: str) -> str:
    return f"{column} % 2 = 0"


def _inferring(schema: Schema, *, vocabulary: bool, classes: bool) -> Iterator[Axiom]:
    make = _Maker(schema)
    for (predicate, s, o), why in schema.narrower.items():
        if vocabulary or (predicate == SUBCLASS_OF and why.rule != "scm-sco"):
            yield make(
                why.rule, predicate, (), ("{k0}", "{k1}"), why.given,
                constants=(s, o), cls=o if predicate == SUBCLASS_OF else None,
            )  # fmt: skip
    yield from _of_classes(schema, make, every=classes)
    yield from _of_restrictions(schema, make)
    yield from _of_properties(schema, make)
    yield from _of_keys(schema, make)
    yield make(
        "eq-trans", SAME, [_plain(SAME), _plain(SAME)], ("a0.s", "a1.o"), (),
        where=("a0.o = a1.s", "a0.s <> a1.o"),
    )  # fmt: skip


def _of_classes(schema: Schema, make: _Maker, *, every: bool) -> Iterator[Axiom]:
    typed, members = schema.typed, ("a0.s", "{k1}")
    for given in schema.given(SUBCLASS_OF):
        if every or not given.settled:
            yield make(
                "cax-sco", RDF_TYPE, [typed(given.s)], members, (given,), where=("a0.o = {k0}",),
                constants=(given.s, given.o), cls=given.o,
            )  # fmt: skip
    for given in schema.given(OWL + "equivalentClass") if every else ():
        for rule, low, high in (
            ("cax-eqc1", given.s, given.o), ("cax-eqc2", given.o, given.s)
        ):  # fmt: skip
            yield make(
                rule, RDF_TYPE, [typed(low)], members, (given,), where=("a0.o = {k0}",),
                constants=(low, high), cls=high,
            )  # fmt: skip
    for cls, parts, stated in schema.listed("intersectionOf"):
        told = [part for part in dict.fromkeys(parts) if part != schema.thing]
        if told:
            yield make(
                "cls-int1", RDF_TYPE, [typed(part) for part in told], ("a0.s", "{k0}"), stated,
                where=[
                    f"a{n}.o = {{k{n + 1}}}" + (f" AND a{n}.s = a0.s" if n else "")
                    for n in range(len(told))
                ],
                constants=(cls, *told), cls=cls,
            )  # fmt: skip
        for part in told:
            yield make(
                "cls-int2", RDF_TYPE, [typed(cls)], members, stated, where=("a0.o = {k0}",),
                constants=(cls, part), cls=part,
            )  # fmt: skip
    for cls, parts, stated in schema.listed("unionOf"):
        for part in dict.fromkeys(parts):
            yield make(
                "cls-uni", RDF_TYPE, [typed(part)], members, stated, where=("a0.o = {k0}",),
                constants=(part, cls), cls=cls,
            )  # fmt: skip
    for cls, parts, stated in schema.listed("oneOf"):
        for part in dict.fromkeys(parts):
            if part % 2 == 0:
                yield make(
                    "cls-oo", RDF_TYPE, (), ("{k0}", "{k1}"), stated, constants=(part, cls), cls=cls
                )
    for same in schema.given(SAME):
        for one, other in ((same.s, same.o), (same.o, same.s)):
            if other % 2 == 0 and one != other:
                yield make(
                    "eq-rep-o", RDF_TYPE, [typed(one)], members, (same,), where=("a0.o = {k0}",),
                    constants=(one, other), cls=other,
                )  # fmt: skip
    if schema.is_below(schema.thing):
        yield make(
            "scm-cls", RDF_TYPE, [_plain(RDF_TYPE)], ("a0.s", "{k0}"), (),
            constants=(schema.thing,), cls=schema.thing,
        )  # fmt: skip


def _of_restrictions(schema: Schema, make: _Maker) -> Iterator[Axiom]:
    typed = schema.typed
    for x, p, y, given in schema.restrictions("someValuesFrom"):
        if y == schema.thing:
            yield make(
                "cls-svf2", RDF_TYPE, [_plain(p)], ("a0.s", "{k0}"), given, constants=(x,), cls=x
            )
        else:
            yield make(
                "cls-svf1", RDF_TYPE, [_plain(p), typed(y)], ("a0.s", "{k0}"), given,
                where=("a1.s = a0.o", "a1.o = {k1}"), constants=(x, y), cls=x,
            )  # fmt: skip
    for x, p, y, given in schema.restrictions("allValuesFrom"):
        yield make(
            "cls-avf", RDF_TYPE, [typed(x), _plain(p)], ("a1.o", "{k1}"), given,
            where=("a0.o = {k0}", "a1.s = a0.s", _is_node("a1.o")), constants=(x, y), cls=y,
        )  # fmt: skip
    for x, p, y, given in schema.restrictions("hasValue"):
        yield make(
            "cls-hv1", p, [typed(x)], ("a0.s", "{k1}"), given, where=("a0.o = {k0}",),
            constants=(x, y), cls=y,
        )  # fmt: skip
        yield make(
            "cls-hv2", RDF_TYPE, [typed(y) if p == RDF_TYPE else _plain(p)], ("a0.s", "{k0}"),
            given, where=("a0.o = {k1}",), constants=(x, y), cls=x,
        )  # fmt: skip
    for x, p, most, given in schema.restrictions("maxCardinality"):
        if schema.number(most) == 1:
            yield _one_value(schema, make, "cls-maxc2", x, p, None, given)
    for x, p, cls, given in _qualified(schema, 1):
        name = "cls-maxqc4" if cls == schema.thing else "cls-maxqc3"
        yield _one_value(schema, make, name, x, p, None if cls == schema.thing else cls, given)


def _one_value(
    schema: Schema, make: _Maker, rule: str, x: int, p: str, cls: int | None,
    given: Sequence[Given],
) -> Axiom:  # fmt: skip
    atoms = [schema.typed(x), _plain(p), _plain(p)]
    where = ["a0.o = {k0}", "a1.s = a0.s", "a2.s = a0.s", "a1.o <> a2.o"]
    where.append(_is_node("a1.o"))
    constants = [x]
    if cls is not None:
        atoms += [schema.typed(cls), schema.typed(cls)]
        where += ["a3.s = a1.o", "a4.s = a2.o", "a3.o = {k1}", "a4.o = {k1}"]
        constants.append(cls)
    return make(rule, SAME, atoms, ("a1.o", "a2.o"), given, where=where, constants=constants)


def _qualified(schema: Schema, most: int) -> Iterator[tuple[int, str, int, tuple[Given, ...]]]:
    """The restrictions to `most` values of a class."""
    for x, p, bound, given in schema.restrictions("maxQualifiedCardinality"):
        for on in schema.of("onClass", x):
            if schema.number(bound) == most:
                yield x, p, on.o, (*given, on)


def _of_properties(schema: Schema, make: _Maker) -> Iterator[Axiom]:
    for name, rule, end in (("domain", "prp-dom", "a0.s"), ("range", "prp-rng", "a0.o")):
        for given in schema.given(RDFS + name):
            p = schema.iri(given.s)
            if p is not None and given.o % 2 == 0 and given.o not in schema.everything:
                yield make(
                    rule, RDF_TYPE, [_plain(p)], (end, "{k0}"), (given,),
                    where=(_is_node(end),) if end == "a0.o" else (), constants=(given.o,),
                    cls=given.o,
                )  # fmt: skip
    steps: list[tuple[str, str, bool, bool]] = [
        (RDFS + "subPropertyOf", "prp-spo1", False, False),
        (OWL + "equivalentProperty", "prp-eqp1", False, False),
        (OWL + "equivalentProperty", "prp-eqp2", True, False),
        (SAME, "eq-rep-p", False, False),
        (SAME, "eq-rep-p", True, False),
        (OWL + "inverseOf", "prp-inv1", False, True),
        (OWL + "inverseOf", "prp-inv2", True, True),
    ]
    for name, rule, backwards, swapped in steps:
        for given in schema.given(name):
            pair = (given.o, given.s) if backwards else (given.s, given.o)
            p, q = map(schema.iri, pair)
            if p is None or q is None or (p == q and not swapped):
                continue
            head = ("a0.o", "a0.s") if swapped else ("a0.s", "a0.o")
            yield make(
                rule, q, [_plain(p)], head, (given,), where=(_is_node("a0.o"),) if swapped else ()
            )
    for given in schema.kinds.get("SymmetricProperty", ()):
        if p := schema.iri(given.s):
            yield make(
                "prp-symp", p, [_plain(p)], ("a0.o", "a0.s"), (given,), where=(_is_node("a0.o"),)
            )
    for given in schema.kinds.get("TransitiveProperty", ()):
        if p := schema.iri(given.s):
            yield make(
                "prp-trp", p, [_plain(p), _plain(p)], ("a0.s", "a1.o"), (given,),
                where=("a0.o = a1.s",),
            )  # fmt: skip
    for target, parts, given_list in schema.listed("propertyChainAxiom"):
        names = [schema.iri(part) for part in parts]
        q = schema.iri(target)
        chain = [name for name in names if name is not None]
        if q is not None and chain and len(chain) == len(names):
            yield make(
                "prp-spo2", q, [_plain(name) for name in chain],
                ("a0.s", f"a{len(chain) - 1}.o"), given_list,
                where=[f"a{n}.o = a{n + 1}.s" for n in range(len(chain) - 1)],
            )  # fmt: skip
    for kind, rule, shared, told in (
        ("FunctionalProperty", "prp-fp", "s", "o"),
        ("InverseFunctionalProperty", "prp-ifp", "o", "s"),
    ):
        for given in schema.kinds.get(kind, ()):
            if p := schema.iri(given.s):
                ends = (f"a0.{told}", f"a1.{told}")
                yield make(
                    rule, SAME, [_plain(p), _plain(p)], ends, (given,),
                    where=(
                        f"a0.{shared} = a1.{shared}", f"{ends[0]} <> {ends[1]}", _is_node(ends[0]),
                    ),
                )  # fmt: skip


def _of_keys(schema: Schema, make: _Maker) -> Iterator[Axiom]:
    for cls, parts, given in schema.listed("hasKey"):
        names = [schema.iri(part) for part in parts]
        if not names or None in names:
            continue
        everything = cls == schema.thing
        atoms = [] if everything else [schema.typed(cls), schema.typed(cls)]
        where = [] if everything else ["a0.o = {k0}", "a1.o = {k0}"]
        for name in names:
            assert name is not None
            n = len(atoms)
            atoms += [_plain(name), _plain(name)]
            if n:
                where += [f"a{n}.s = a0.s", f"a{n + 1}.s = a1.s"]
            where.append(f"a{n}.o = a{n + 1}.o")
        yield make(
            "prp-key", SAME, atoms, ("a0.s", "a1.s"), given, where=[*where, "a0.s <> a1.s"],
            constants=() if everything else (cls,),
        )  # fmt: skip


def live(axioms: Axioms, columns: Columns, written: Iterable[str]) -> list[Axiom]:
    """The axioms that can conclude anything here, with eq-rep where there may be an owl:sameAs.

    Those of which some premise has neither triples nor a rule (its keys are among `written`) nor
    another axiom to write them are left out, and cost nothing.
    """
    filled = dict(columns.rows("SELECT table_name, estimated_size FROM duckdb_tables()"))
    keys = {iri for iri in columns.predicates if filled.get(told_apart(iri), 1)}
    keys |= {*axioms.classes, *written}
    waiting = [*axioms.inferring, *axioms.forbidding]
    chosen: list[Axiom] = []
    typed = {key for key in keys if key.startswith("a ")}
    while True:
        ready: list[Axiom] = []
        still: list[Axiom] = []
        for axiom in waiting:
            (ready if all(_is_live(key, keys, typed) for key in axiom.reads) else still).append(
                axiom
            )
        if not ready:
            break
        chosen += ready
        waiting = still
        fresh = {key for axiom in ready for key in axiom.writes}
        keys |= fresh
        typed |= {key for key in fresh if key.startswith("a ")}
    if SAME in keys:
        classes = dict(axioms.classes)
        for key in sorted(typed - {ANY_TYPE} - set(classes)):
            name = key.removeprefix("a ")
            classes[key] = columns.id_of(name if name.startswith("_:") else f"<{name}>")
        predicates = sorted(key for key in keys if not key.startswith(("a ", "finding ")))
        chosen += replacing(predicates, sorted(classes.items()))
    return chosen


def _is_live(key: str, keys: set[str], typed: set[str]) -> bool:
    if key == ANY_TYPE:
        return bool(typed)
    return key in keys or (key.startswith("a ") and ANY_TYPE in typed)


_NOT_REPLACED = "a0.r <> $own"
"""Sameness is complete: what a replacement made needs no further one of the same kind."""


def replacing(predicates: Iterable[str], classes: Iterable[tuple[str, int]]) -> Iterator[Axiom]:
    """Rules eq-rep-s and eq-rep-o: what holds of a thing holds of whatever is the same thing.

    For each of `predicates`, and for the members of each of `classes` (its key and its term).
    """
    same = _plain(SAME)
    for predicate in predicates:
        if predicate not in (SAME, RDF_TYPE):
            for rule, end, head in (
                ("eq-rep-s", "s", ("a1.o", "a0.o")),
                ("eq-rep-o", "o", ("a0.s", "a1.o")),
            ):
                yield Axiom(
                    rule, predicate, (_plain(predicate), same),
                    (f"a1.s = a0.{end}", _NOT_REPLACED), head, (), (),
                    frozenset({predicate}), "owl:sameAs",
                )  # fmt: skip
    for key, cls in classes:
        yield Axiom(
            "eq-rep-s", RDF_TYPE, (Atom(RDF_TYPE, key), same),
            ("a1.s = a0.s", "a0.o = {k0}", _NOT_REPLACED), ("a1.o", "{k0}"), (cls,), (),
            frozenset({key}), "owl:sameAs",
        )  # fmt: skip


# -- what axioms forbid ----------------------------------------------------------------------------

_SAME_VALUE = (
    f"(x.cls IN ({INTEGER}, {DECIMAL}) AND y.cls IN ({INTEGER}, {DECIMAL}) AND x.num = y.num"
    " AND exact_key(x.lex) = exact_key(y.lex))"
    " OR (x.cls = y.cls AND x.dt = y.dt AND (x.num = y.num OR x.moment = y.moment))"
)


def _two_values(one: str, other: str) -> str:
    """Whether two terms are literals of different values (dt-diff)."""
    return (
        f"{one} % 2 = 1 AND {other} % 2 = 1 AND {one} < {other} AND NOT EXISTS (SELECT 1"
        f" FROM terms x, terms y WHERE x.id = {one} AND y.id = {other} AND ({_SAME_VALUE}))"
    )


def _forbidding(schema: Schema) -> Iterator[Axiom]:
    make = _Maker(schema)
    typed = schema.typed
    yield make("eq-diff1", None, [_plain(SAME), _plain(DIFFERENT)], ("a0.s", "a0.o"), (),
               where=("a0.s = a1.s", "a0.o = a1.o"))  # fmt: skip
    yield make("eq-diff1", None, [_plain(DIFFERENT)], ("a0.s",), (), where=("a0.s = a0.o",))
    alike = {given.s: given for given in schema.kinds.get("AllDifferent", ())}
    for name, rule in (("members", "eq-diff2"), ("distinctMembers", "eq-diff3")):
        for x, parts, stated in schema.listed(name):
            if x in alike:
                some = ", ".join(map(str, parts))
                for twice in _twice(parts):
                    yield make(rule, None, (), ("{k0}",), (*stated, alike[x]), constants=(twice,))
                yield make(
                    rule, None, [_plain(SAME)], ("a0.s", "a0.o"), (*stated, alike[x]),
                    where=(f"a0.s IN ({some})", f"a0.o IN ({some})", "a0.s < a0.o"),
                )  # fmt: skip
    yield make("cls-nothing2", None, [Atom(RDF_TYPE, f"a {OWL}Nothing")], ("a0.s",), (),
               where=("a0.o = {k0}",), constants=(schema.nothing,))  # fmt: skip
    for name, rule in (("complementOf", "cls-com"), ("disjointWith", "cax-dw")):
        for given in schema.given(name):
            yield make(
                rule, None, [typed(given.s), typed(given.o)], ("a0.s",), (given,),
                where=("a0.o = {k0}", "a1.o = {k1}", "a0.s = a1.s"), constants=(given.s, given.o),
            )  # fmt: skip
    apart = {given.s: given for given in schema.kinds.get("AllDisjointClasses", ())}
    never = {given.s: given for given in schema.kinds.get("AllDisjointProperties", ())}
    for x, parts, stated in schema.listed("members"):
        if x in apart and parts:
            some = ", ".join(map(str, parts))
            yield make(
                "cax-adc", None, [_plain(RDF_TYPE), _plain(RDF_TYPE)], ("a0.s",),
                (*stated, apart[x]),
                where=(f"a0.o IN ({some})", f"a1.o IN ({some})", "a0.s = a1.s", "a0.o < a1.o"),
            )  # fmt: skip
            for twice in _twice(parts):
                yield make(
                    "cax-adc", None, [typed(twice)], ("a0.s",), (*stated, apart[x]),
                    where=("a0.o = {k0}",), constants=(twice,),
                )  # fmt: skip
        if x in never:
            for place, one in enumerate(parts):
                for other in parts[place + 1 :]:
                    yield from _never_both(schema, make, "prp-adp", one, other, (*stated, never[x]))
    for disjoint in schema.given("propertyDisjointWith"):
        yield from _never_both(schema, make, "prp-pdw", disjoint.s, disjoint.o, (disjoint,))
    yield from _forbidden_by_properties(schema, make)
    yield from _forbidden_by_restrictions(schema, make)


def _twice(parts: Sequence[int]) -> list[int]:
    """What a list names more than once: it is then told to be apart from itself."""
    return sorted({part for part in parts if parts.count(part) > 1})


def _never_both(
    schema: Schema, make: _Maker, rule: str, one: int, other: int, given: Sequence[Given]
) -> Iterator[Axiom]:
    p, q = schema.iri(one), schema.iri(other)
    if p is not None and q is not None:
        yield make(rule, None, [_plain(p), _plain(q)], ("a0.s", "a0.o"), given,
                   where=("a0.s = a1.s", "a0.o = a1.o"))  # fmt: skip


def _forbidden_by_properties(schema: Schema, make: _Maker) -> Iterator[Axiom]:
    for given in schema.kinds.get("IrreflexiveProperty", ()):
        if p := schema.iri(given.s):
            yield make("prp-irp", None, [_plain(p)], ("a0.s",), (given,), where=("a0.s = a0.o",))
    for given in schema.kinds.get("AsymmetricProperty", ()):
        if p := schema.iri(given.s):
            yield make(
                "prp-asyp", None, [_plain(p), _plain(p)], ("a0.s", "a0.o"), (given,),
                where=("a0.s = a1.o", "a0.o = a1.s", "a0.t <= a1.t"),
            )  # fmt: skip
    for given in schema.kinds.get("FunctionalProperty", ()):
        if p := schema.iri(given.s):
            yield make(
                "dt-diff", None, [_plain(p), _plain(p)], ("a0.s",), (given,),
                where=("a0.s = a1.s", _two_values("a0.o", "a1.o")),
            )  # fmt: skip
    for target, rule in (("targetIndividual", "prp-npa1"), ("targetValue", "prp-npa2")):
        for source in schema.given("sourceIndividual"):
            for of in schema.of("assertionProperty", source.s):
                for to in schema.of(target, source.s):
                    if p := schema.iri(of.o):
                        yield make(
                            rule, None, [_plain(p)], ("a0.s", "a0.o"), (source, of, to),
                            where=("a0.s = {k0}", "a0.o = {k1}"), constants=(source.o, to.o),
                        )  # fmt: skip
    for given in schema.given(RDFS + "range"):
        p, datatype = schema.iri(given.s), schema.iri(given.o)
        lacking = _not_of(datatype) if datatype else None
        if p is not None and lacking is not None:
            yield make(
                "dt-not-type", None, [_plain(p)], ("a0.s", "a0.o"), (given,),
                where=("a0.o % 2 = 1", f"a0.o IN (SELECT id FROM terms WHERE {lacking})"),
            )  # fmt: skip


def _not_of(datatype: str) -> str | None:
    """The condition on `terms` for literals that are no value of a datatype, where that is known.

    Value spaces are those of XML Schema: 5 and 5.0 are one integer, a double is no decimal.
    """
    numeric = f"cls = {INTEGER} OR (cls = {DECIMAL} AND num = trunc(num))"
    local = datatype.removeprefix(XSD)
    inside: str | None = None
    if local in INTEGERS and datatype == XSD + local:
        low, high = _BOUNDS.get(local, (None, None))
        inside = f"({numeric})"
        inside += f" AND num >= {low}" if low is not None else ""
        inside += f" AND num <= {high}" if high is not None else ""
    elif local == "decimal":
        inside = f"cls IN ({INTEGER}, {DECIMAL})"
    elif local in ("double", "float"):
        inside = f"dt = '{datatype}' AND num IS NOT NULL"
    elif local == "boolean":
        inside = f"cls = {BOOLEAN}"
    elif local in ("string", "anyURI") or datatype == RDF + "langString":
        inside = f"dt = '{datatype}'"
    elif local in ("date", "dateTime", "gYear", "gYearMonth"):
        inside = f"dt = '{datatype}' AND moment IS NOT NULL"
    return f"id % 2 = 1 AND NOT coalesce({inside}, false)" if inside else None


def _forbidden_by_restrictions(schema: Schema, make: _Maker) -> Iterator[Axiom]:
    for x, p, most, given in schema.restrictions("maxCardinality"):
        if schema.number(most) == 0:
            yield make(
                "cls-maxc1", None, [schema.typed(x), _plain(p)], ("a0.s",), given,
                where=("a0.o = {k0}", "a0.s = a1.s"), constants=(x,),
            )  # fmt: skip
        elif schema.number(most) == 1:
            yield make(
                "dt-diff", None, [schema.typed(x), _plain(p), _plain(p)], ("a0.s",), given,
                where=(
                    "a0.o = {k0}", "a0.s = a1.s", "a0.s = a2.s", _two_values("a1.o", "a2.o"),
                ),
                constants=(x,),
            )  # fmt: skip
    for x, p, cls, given in _qualified(schema, 0):
        if cls == schema.thing:
            yield make(
                "cls-maxqc2", None, [schema.typed(x), _plain(p)], ("a0.s",), given,
                where=("a0.o = {k0}", "a0.s = a1.s"), constants=(x,),
            )  # fmt: skip
        else:
            yield make(
                "cls-maxqc1", None, [schema.typed(x), _plain(p), schema.typed(cls)], ("a0.s",),
                given, where=("a0.o = {k0}", "a0.s = a1.s", "a2.s = a1.o", "a2.o = {k1}"),
                constants=(x, cls),
            )  # fmt: skip
