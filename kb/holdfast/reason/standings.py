"""What the findings on each basis come to, as the ontology declares it."""

from __future__ import annotations

from holdfast.columns import Columns
from holdfast.ontology import Ontology
from holdfast.vocabulary import BASES, HF


def standings_of(
    columns: Columns, ontology: Ontology, ventures: list[int], which: str = "true"
) -> dict[int, dict[str, str]]:
    """The standing of each venture on every basis, in the order of `BASES`.

    A basis has the first standing declared whose required effects all occur among its findings;
    findings on a narrower basis count for the broader one. `which` is a condition that the
    findings of these ventures meet.
    """
    broader = [
        [ontology.notation(narrow), ontology.notation(wide)]
        for narrow, wide in sorted(ontology.broader.items())
    ]
    choices = [
        (standing.notation, {ontology.notation(effect) for effect in standing.requires})
        for standing in ontology.standings
    ]

    def standing(found: set[str]) -> str:
        return next(name for name, required in choices if required <= found)

    silent = dict.fromkeys(BASES, standing(set()))
    standings = {venture: silent.copy() for venture in ventures}
    named: dict[str, str] = {}
    for venture, basis, effects in columns.rows(
        f"""
        WITH pairs AS (SELECT unnest($broader::VARCHAR[][]) AS pair),
        found AS (SELECT DISTINCT venture, basis, effect FROM findings WHERE {which})
        SELECT venture, basis, string_agg(DISTINCT effect, ' ' ORDER BY effect)
        FROM (FROM found UNION ALL
          SELECT venture, pair[2], effect FROM found JOIN pairs ON pair[1] = basis)
        GROUP BY venture, basis
        """,
        {"broader": broader},
    ):
        if effects not in named:
            named[effects] = standing(set(effects.split()))
        if venture in standings:
            standings[venture][basis] = named[effects]
    return standings


STANDING = HF + "Standing"
