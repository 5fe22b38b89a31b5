"""Proofs in random small worlds: each step follows, and none is shorter than the first."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from holdfast.assess import Assessment, assess
from holdfast.reason.proof import Proofs
from holdfast.shipped import shipped_folder
from holdfast.vocabulary import OWL, RDF_TYPE, RDFS

EX = "https://example.org/"
PREFIXES = f"""@prefix : <{EX}> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix owl: <{OWL}> .
@prefix rdfs: <{RDFS}> .
"""
PARTNERS = ["trust", "council", "club", "clinic"]
PROPERTIES = ["leads", "knows", "funds", "joins"]
AXIOMS = {
    "narrower": ":{0} rdfs:subPropertyOf :{1}", "inverse": ":{0} owl:inverseOf :{1}",
    "symmetric": ":{0} a owl:SymmetricProperty", "transitive": ":{0} a owl:TransitiveProperty",
}  # fmt: skip
WORLDS = 12

Triple = tuple[str, str, str]


def axiom_of(dice: random.Random, world: str) -> Triple:
    """An axiom: its kind, and the property or two that it is about."""
    one, other = dice.sample(PROPERTIES, 2)
    kind = dice.choice([*AXIOMS, "narrower"])
    return kind, world + one, world + other if kind in ("narrower", "inverse") else ""


def following(axiom: Triple, one: Triple, other: Triple) -> Iterator[Triple]:
    """What an axiom concludes of a triple, or of that and another."""
    kind, p, q = axiom
    s, r, o = one
    if kind == "narrower" and r == p:
        yield s, q, o
    if (kind == "symmetric" and r == p) or (kind == "inverse" and r in (p, q)):
        yield o, {p: q, q: p}[r] if q else p, s
    if kind == "transitive" and r == p and other[:2] == (o, p):
        yield s, p, other[2]


def fewest_steps(facts: set[Triple], axioms: set[Triple]) -> dict[Triple, int]:
    """For each triple that follows, and each fact, the steps of its shortest proof: a fact and an
    axiom are one step, a conclusion one more than what it rests on."""
    steps = dict.fromkeys(facts, 1)
    while True:
        before = dict(steps)
        for axiom in axioms:
            for one, size in before.items():
                for other, more in before.items():
                    both = size + (more if axiom[0] == "transitive" else 0) + 2
                    for made in following(axiom, one, other):
                        steps[made] = min(both, steps.get(made, both))
        if before == steps:
            return steps


@pytest.fixture(scope="module")
def worlds(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Assessment, list[tuple[set[Triple], set[Triple]]]]:
    """Facts and axioms of some worlds that share no term, in one register."""
    dice = random.Random(2001)
    made = []
    lines = [':venture a hf:Venture ; rdfs:label "Venture" .']
    for number in range(WORLDS):
        world = f"w{number}-"
        named = [world + name for name in PARTNERS]
        facts = {
            (dice.choice(named), world + dice.choice(PROPERTIES), dice.choice(named))
            for _ in range(4)
        }
        axioms = {axiom_of(dice, world) for _ in range(4)}
        lines += [f":{s} :{p} :{o} ." for s, p, o in sorted(facts)]
        lines += [f"{AXIOMS[kind].format(*about)} ." for kind, *about in sorted(axioms)]
        made.append((facts, axioms))
    register = tmp_path_factory.mktemp("worlds") / "register.ttl"
    register.write_text(PREFIXES + "\n".join(lines), encoding="utf-8")
    rules = shipped_folder("rules") / "poor-boundary-fit"
    return assess([str(register)], rules=rules, evidence=False), made


def told(assessment: Assessment, triple: Triple) -> int:
    """The number of a triple."""
    columns = assessment.columns
    s, p, o = (columns.id_of(f"<{EX}{term}>") for term in triple)
    assert p
    found = columns.value(
        f"SELECT t FROM {columns.table(EX + triple[1])} WHERE s = $s AND o = $o", {"s": s, "o": o}
    )
    return int(found)


def said(assessment: Assessment, number: int) -> Triple:
    """A fact, or an axiom as `axiom_of` gives it, by its number."""
    ((s, p, o),) = assessment.columns.rows(
        "SELECT a.lex, b.lex, c.lex FROM known JOIN terms a ON a.id = s JOIN terms b ON b.id = p"
        " JOIN terms c ON c.id = o WHERE t = $t",
        {"t": number},
    )
    kinds = {RDFS + "subPropertyOf": "narrower", OWL + "inverseOf": "inverse"}
    types = {OWL + "SymmetricProperty": "symmetric", OWL + "TransitiveProperty": "transitive"}
    if p == RDF_TYPE:
        return types[o], s.removeprefix(EX), ""
    first = kinds.get(p)
    short = [term.removeprefix(EX) for term in (s, p, o)]
    return (first, short[0], short[2]) if first else (short[0], short[1], short[2])


def test_the_first_proof_is_as_short_as_any_and_each_step_follows(
    worlds: tuple[Assessment, list[tuple[set[Triple], set[Triple]]]],
) -> None:
    assessment, made = worlds
    conclusions = 0
    for facts, axioms in made:
        for triple, size in sorted(fewest_steps(facts, axioms).items()):
            if triple in facts:
                continue
            conclusions += 1
            number = told(assessment, triple)
            proofs = Proofs(assessment.reasoner, [], [number], every=True)
            assert size == proofs.steps(number), triple
            for way in proofs.ways(triple=number):
                premises = [said(assessment, one) for one in way]
                (axiom,) = (one for one in premises if one[0] in AXIOMS)
                rest = [one for one in premises if one != axiom]
                assert axiom in axioms
                assert triple not in rest
                assert triple in {
                    end for one in rest for other in rest for end in following(axiom, one, other)
                }, (triple, premises)
    assert conclusions > 50
