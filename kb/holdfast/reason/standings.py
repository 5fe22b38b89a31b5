"""What the findings on each basis come to, as the ontology declares it."""

from __future__ import annotations

from holdfast.columns import Columns
from holdfast.ontology import Ontology
from holdfast.vocabulary import BASES, HF


def standings_of(
    columns: Columns, ontology: Ontology, ventures: list[int]
) -> dict[int, dict[str, str]]:
    """The standing of each venture on every basis, in the order of `BASES`.

    A basis has the first standing declared whose required effects all occur among its findings;
    findings on a narrower basis count for the broader one.
    """
    broader = {
        ontology.notation(narrow): ontology.notation(wide)
        for narrow, wide in ontology.broader.items()
    }
    effects: dict[int, dict[str, set[str]]] = {venture: {} for venture in ventures}
    for venture, basis, effect in columns.rows(
        "SELECT DISTINCT venture, basis, effect FROM findings"
    ):
        if venture not in effects:
            continue
        seen = effects[venture]
        seen.setdefault(basis, set()).add(effect)
        if basis in broader:
            seen.setdefault(broader[basis], set()).add(effect)
    choices = [
        (standing.notation, {ontology.notation(effect) for effect in standing.requires})
        for standing in ontology.standings
    ]

    def standing(found: set[str]) -> str:
        return next(name for name, required in choices if required <= found)

    return {
        venture: {basis: standing(seen.get(basis, set())) for basis in BASES}
        for venture, seen in effects.items()
    }


STANDING = HF + "Standing"
