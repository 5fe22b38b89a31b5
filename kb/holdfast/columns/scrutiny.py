"""A loaded register looked over: terms that do not exist, and what would mislead in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from holdfast.columns.store import Columns
from holdfast.errors import SourceError, printable
from holdfast.ontology import Ontology
from holdfast.sources import line_of
from holdfast.vocabulary import HF, OWL, RDF, RDF_TYPE, XSD, nearest, short

NAMED = 5
"""How many of one kind of doubt are named; the rest are counted."""

_NEEDED = {"predicate": "property", "class": "class"}


def check_terms(columns: Columns, files: Sequence[Path], ontology: Ontology) -> None:
    """Raise SourceError for a term of ours that is not declared, or not used as what it is.

    A misspelt property and a class in a property's place would leave every rule silent. `files` are
    those that were loaded; the first line that names the term is looked for in them.
    """
    wrong = list(_wrong_terms(columns, ontology))
    if not wrong:
        return
    iri, use, what, mend = wrong[0]
    others = sorted({short(other) for other, *_ in wrong[1:]} - {short(iri)})
    more = (
        f" The same goes for {', '.join(others[:NAMED])}{' …' if len(others) > NAMED else ''}."
        if others
        else ""
    )
    raise SourceError(what, where=_place(iri, use, files), mend=mend + more)


def _wrong_terms(columns: Columns, ontology: Ontology) -> Iterator[tuple[str, str, str, str]]:
    """Each wrong term: its IRI, how it is used, what is wrong, and what to do."""
    base = HF.removesuffix("#")
    rows = columns.rows(
        """
        WITH ours AS (SELECT id, lex FROM terms WHERE n3[1] = '<'
          AND (starts_with(lex, $base) OR starts_with(lex, $plain))),
        used AS (
          SELECT p AS id, 0 AS place FROM quads WHERE NOT background AND p IN (SELECT id FROM ours)
          UNION SELECT o, 1 FROM quads
            WHERE NOT background AND p = $type AND o IN (SELECT id FROM ours)
          UNION SELECT s, 2 FROM quads WHERE NOT background AND s IN (SELECT id FROM ours)
          UNION SELECT o, 2 FROM quads
            WHERE NOT background AND p <> $type AND o IN (SELECT id FROM ours))
        SELECT lex, ['predicate', 'class', 'name'][place + 1] FROM used JOIN ours USING (id)
        ORDER BY place, lex
        """,
        {
            "base": base,
            "plain": base.replace("https:", "http:").removesuffix("ns"),
            "type": columns.id_of(f"<{RDF_TYPE}>"),
        },
    )
    for iri, use in rows:
        needed = _NEEDED.get(use, "")
        if not iri.startswith(HF):
            if needed:
                yield iri, use, f"<{iri}> is not in our namespace, <{HF}>.", "Mend the prefix."
            continue
        kind = ontology.kinds.get(iri)
        if iri not in ontology.terms:
            close = _close(iri, needed, ontology) or "See ontology/ for the terms."
            yield iri, use, f"{short(iri)} is not a term of the ontology.", close
        elif needed and kind and kind != needed:
            close = _close(iri, needed, ontology) or f"Put a {needed} in its place."
            yield iri, use, f"{short(iri)} is a {kind}, and stands here as a {needed}.", close


def _close(iri: str, needed: str, ontology: Ontology) -> str:
    kinds = ontology.kinds.items()
    known = [term.removeprefix(HF) for term, kind in kinds if not needed or kind == needed]
    return nearest(iri.removeprefix(HF), known).replace("mean ", "mean hf:")


def _place(iri: str, use: str, files: Iterable[Path]) -> str:
    name = re.escape(iri.removeprefix(HF)) + r"(?![\w-])"
    patterns = (
        [rf"[:#]{name}", rf"(?<![\w-]){name}"]
        if iri.startswith(HF)
        else [re.escape(iri), r"w3id\.org/holdfast"]
    )
    if use == "predicate":
        patterns.insert(0, rf"[:#]{name}>?\s+[^\s;,.\]]")
    elif use == "class":
        patterns.insert(0, rf"(\ba|type>?|,)\s+\S*[:#]{name}")
    listed = list(files)
    for pattern in patterns:
        for file in listed:
            if line := line_of(file, pattern):
                return f"{printable(str(file))}: line {line}"
    return ", ".join(printable(str(file)) for file in listed[:1])


def doubts_in(columns: Columns, ontology: Ontology) -> list[str]:
    """What a reader should know before trusting an assessment of these sources, in sentences.

    Nothing here stops a run: each is a place where a register says something that cannot be
    taken at its word, and says what was done with it. Needs a projected dataset.
    """
    return [
        *(str(error) for error in columns.refused),
        *_no_venture(columns),
        *misread_in(columns, ontology),
        *broken_lists_in(columns),
        *_odd_phases(columns),
        *_odd_order(columns),
        *_in_circles(columns),
        *_without_names(columns),
    ]


def misread_in(columns: Columns, ontology: Ontology) -> list[str]:
    """What no rule reads as it was meant, in sentences: values that are none, and texts for things.

    Also of a dataset that is not projected.
    """
    return [*_unreadable_values(columns), *_misplaced(columns, ontology)]


_LISTS = (
    "intersectionOf", "unionOf", "oneOf", "disjointUnionOf", "propertyChainAxiom", "hasKey",
    "members", "distinctMembers",
)  # fmt: skip


def broken_lists_in(columns: Columns) -> list[str]:
    """The axioms of OWL whose list is none, in sentences: nothing, or not all, follows from them.

    Also of a dataset that is not projected.
    """
    names = {columns.id_of(f"<{OWL}{name}>"): name for name in _LISTS}
    first, rest, nil = (columns.id_of(f"<{RDF}{name}>") for name in ("first", "rest", "nil"))
    ids = {"names": list(names), "first": first, "rest": rest}
    axioms = columns.rows(
        "SELECT DISTINCT s, p, o FROM quads WHERE list_contains($names::BIGINT[], p)"
        " AND NOT background ORDER BY ALL",
        {"names": ids["names"]},
    )
    cells: dict[int, tuple[list[int], list[int]]] = {}
    for cell, predicate, value in columns.rows(
        """
        WITH RECURSIVE cell(s) AS (
          SELECT o FROM quads WHERE list_contains($names::BIGINT[], p) AND NOT background
          UNION SELECT q.o FROM cell JOIN quads q ON q.s = cell.s WHERE q.p = $rest)
        SELECT DISTINCT s, p, o FROM quads JOIN cell USING (s) WHERE p IN ($first, $rest)
        """,
        ids,
    ):
        cells.setdefault(cell, ([], []))[predicate == rest].append(value)

    def fault(here: int) -> str:
        seen: set[int] = set()
        while here != nil:
            values, after = cells.get(here, ([], []))
            if here in seen:
                return "comes back to itself"
            if len(values) > 1 or len(after) > 1:
                return "has a part with several values of rdf:first or rdf:rest"
            if not values or not after:
                return "does not end in rdf:nil" if values or seen else "is none"
            seen.add(here)
            (here,) = after
        return ""

    wrong = [(s, names[p], said) for s, p, o in axioms if (said := fault(o))]
    owners = columns.rows(
        "SELECT o, min(s) FROM quads JOIN terms ON id = s WHERE n3[1] = '<'"
        " AND list_contains($blank::BIGINT[], o) GROUP BY o",
        {"blank": [s for s, *_ in wrong]},
    )
    owner = dict(owners)
    called = columns.labels({owner.get(s, s) for s, *_ in wrong})
    told = [
        printable(
            f"The list in owl:{name} of {called[owner.get(s, s)]} {said}, so that what follows from"
            " it is not inferred. Write it as ( … ) in Turtle."
        )
        for s, name, said in wrong[:NAMED]
    ]
    more = len(wrong) - NAMED
    return [*told, f"… and {more} more lists that are none."] if more > 0 else told


def _named(columns: Columns, rows: Sequence[tuple[int, ...]], sentence: str) -> Iterator[str]:
    """`sentence` with the names of each row's terms put in, for the first few rows."""
    names = columns.labels({identifier for row in rows for identifier in row})
    for row in rows[:NAMED]:
        yield printable(sentence.format(*(names[identifier] for identifier in row)))
    if len(rows) > NAMED:
        yield f"… and {len(rows) - NAMED} more of the same kind."


def _no_venture(columns: Columns) -> Iterator[str]:
    inferred = f"SELECT s FROM {columns.table(RDF_TYPE)} JOIN terms ON id = o WHERE n3 = $venture"
    if not columns.value(
        f"SELECT count(*) FROM (FROM ventures UNION ALL {inferred})", {"venture": f"<{HF}Venture>"}
    ):
        yield (
            "There is no venture in these sources, so there is nothing to assess:"
            " a venture says `a hf:Venture`."
        )


def _unreadable_values(columns: Columns) -> Iterator[str]:
    readable = ", ".join(f"'{XSD}{name}'" for name in ("date", "dateTime", "gYear", "gYearMonth"))
    numeric = (
        "dt LIKE '" + XSD + "%' AND regexp_matches(dt, '([iI]nteger|[iI]nt|[lL]ong|[sS]hort|[bB]yte"
        "|decimal|double|float|boolean)$')"
    )
    times = ", ".join(
        str(columns.id_of(f"<{HF}{name}>")) for name in ("started", "ended", "date", "due")
    )
    rows = columns.rows(
        f"""
        SELECT DISTINCT s, p, o FROM quads JOIN terms ON terms.id = o
        WHERE NOT background AND (
          (dt IN ({readable}) AND moment IS NULL) OR ({numeric} AND num IS NULL)
          OR (p IN ({times}) AND moment IS NULL)) ORDER BY s, p, o
        """
    )
    yield from _named(
        columns, rows, "{0}: the {1} “{2}” is no such value, and counts as not given."
    )


def _misplaced(columns: Columns, ontology: Ontology) -> Iterator[str]:
    for taken, is_one, sentence in (
        (
            "thing",
            "n3[1] = '\"'",
            "{0}, {1}: “{2}” is a text where a thing is needed, and no rule knows which."
            " Name the thing by its IRI.",
        ),
        (
            "value",
            "n3[1] <> '\"'",
            "{0}, {1}: {2} is a thing where a value is needed, and no rule can read it."
            " Write the value itself.",
        ),
    ):
        properties = [iri for iri, takes in ontology.takes.items() if takes == taken]
        rows = columns.rows(
            f"""
            SELECT DISTINCT s, p, o FROM quads JOIN terms ON terms.id = o
            WHERE NOT background AND {is_one}
              AND p IN (SELECT id FROM terms WHERE n3 IN (SELECT unnest($properties::VARCHAR[])))
            ORDER BY s, p, o
            """,
            {"properties": [f"<{iri}>" for iri in properties]},
        )
        yield from _named(columns, rows, sentence)


def _odd_phases(columns: Columns) -> Iterator[str]:
    def stated(name: str) -> str:
        return f"(SELECT s, o FROM quads WHERE p = {columns.id_of(f'<{name}>')} AND NOT background)"

    undeclared = columns.rows(
        f"""
        SELECT DISTINCT o FROM (FROM {stated(HF + "phase")} UNION FROM {stated(HF + "untilPhase")})
        WHERE o NOT IN (SELECT s FROM {stated(HF + "phaseOf")}) ORDER BY o
        """
    )
    yield from _named(
        columns,
        undeclared,
        "{0} is not declared as a phase of any venture, so facts dated by it always hold.",
    )
    partial = columns.rows(
        f"""
        SELECT DISTINCT of.s FROM {stated(HF + "phaseOf")} of
        WHERE of.s NOT IN (SELECT phase FROM phases WHERE place IS NOT NULL) ORDER BY 1
        """
    )
    yield from _named(
        columns,
        partial,
        "{0} is a phase without a number in hf:order or without a skos:notation,"
        " and is passed over.",
    )
    same = columns.rows(
        "SELECT DISTINCT a.phase, b.phase FROM phases a JOIN phases b USING (venture, place)"
        " WHERE a.phase < b.phase"
        " ORDER BY ALL"
    )
    yield from _named(
        columns,
        same,
        "{0} and {1} are phases of the same hf:order;"
        " the one later in the alphabet counts as later.",
    )
    backwards = columns.rows(
        f"""
        SELECT DISTINCT f.s, a.phase, b.phase
        FROM {stated(HF + "phase")} f JOIN {stated(HF + "untilPhase")} u USING (s)
          JOIN phases a ON a.phase = f.o JOIN phases b ON b.phase = u.o AND b.venture = a.venture
        WHERE b.place < a.place ORDER BY ALL
        """
    )
    yield from _named(
        columns,
        backwards,
        "{0} begins in {1} and ends in {2}, which is earlier, so it never holds.",
    )


def _odd_order(columns: Columns) -> Iterator[str]:
    rows = columns.rows("SELECT node FROM spans WHERE ends < begins ORDER BY node")
    yield from _named(
        columns, rows, "{0} ended before it started, so it counts as past and is never current."
    )


def _in_circles(columns: Columns) -> Iterator[str]:
    for name, verb in (
        ("belongsTo", "belongs to"),
        ("within", "lies within"),
        ("unitOf", "is a unit of"),
    ):
        rows = columns.rows(
            """
            WITH RECURSIVE step AS (SELECT s, o FROM quads WHERE p = $p AND NOT background),
            way(s, o) AS (FROM step UNION SELECT way.s, step.o FROM way JOIN step ON step.s = way.o)
            SELECT s FROM way WHERE s = o ORDER BY s
            """,
            {"p": columns.id_of(f"<{HF}{name}>")},
        )
        yield from _named(columns, rows, f"{{0}} {verb} itself, directly or through others.")


def _without_names(columns: Columns) -> Iterator[str]:
    unnamed = columns.value(
        "SELECT count(*) FROM ventures JOIN terms ON id = venture WHERE n3[1] = '_'"
    )
    if unnamed:
        what = "1 venture has no IRI" if unnamed == 1 else f"{unnamed} ventures have no IRI"
        yield f"{what} (a blank node), so that nobody can ask for it by name."
    relative = columns.rows(
        "SELECT id FROM terms WHERE starts_with(n3, '<file:') AND id IN"
        " (SELECT s FROM quads WHERE NOT background) ORDER BY id"
    )
    yield from _named(
        columns,
        relative,
        "{0} has a relative IRI, and is another thing wherever the file is moved.",
    )


__all__ = ["check_terms", "doubts_in", "misread_in"]
