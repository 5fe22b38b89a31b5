"""What can be seen as of a date or phase: what has not begun is invisible, what ended is past."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from holdfast.columns.names import among
from holdfast.columns.store import AS_OF, STATED, Columns
from holdfast.errors import UnknownNameError
from holdfast.vocabulary import HF, OWL, RDF_TYPE, RDFS, SKOS, XSD, nearest

Quad = tuple[int, int, int, int | None]
"""Subject, predicate, object and graph as ids; None is the default graph."""

Triple = tuple[int, int, int]
"""Predicate, subject, object."""

_DATE = re.compile(r"^\d{4}(-\d{2}(-\d{2})?)?$")


@dataclass(frozen=True)
class AsOf:
    """How a dataset was projected.

    `text` is what was asked for, or how today's view is called. `left_out` tells for the label of
    each venture that cannot be seen at that time why not; `hidden` holds their ids.
    """

    text: str
    left_out: dict[str, str]
    hidden: frozenset[int]


_TIME = {
    "ranks": """
        SELECT DISTINCT s AS concept, TRY_CAST(num AS TINYINT) AS rank
        FROM quads JOIN terms ON terms.id = o
        WHERE p = {rank} AND TRY_CAST(num AS TINYINT) IS NOT NULL""",
    "certainties": """
        SELECT s AS node, max(rank) AS c FROM quads JOIN ranks ON concept = o
        WHERE p = {certainty} AND {chosen:s} GROUP BY s""",
    "spans": """
        SELECT s AS node, min(begins) AS begins, max(ends) AS ends FROM (
          SELECT s, moment AS begins, NULL AS ends FROM quads JOIN terms ON terms.id = o
            WHERE p IN ({started}, {date}) AND {chosen:s}
          UNION ALL SELECT s, NULL, last_moment_of(moment, dt) FROM quads JOIN terms ON terms.id = o
            WHERE p = {ended} AND {chosen:s}) GROUP BY s""",
    "phases": """
        SELECT DISTINCT q.s AS phase, q.o AS venture, name.lex AS notation, place.num AS place,
          begins, ends
        FROM quads q
          JOIN quads ord ON ord.s = q.s AND ord.p = {order} JOIN terms place ON place.id = ord.o
          JOIN quads nota ON nota.s = q.s AND nota.p = {notation}
          JOIN terms name ON name.id = nota.o
          LEFT JOIN spans ON spans.node = q.s
        WHERE q.p = {phaseOf}""",
    "venture_kinds": """
        WITH RECURSIVE ways AS MATERIALIZED (
          SELECT s AS low, o AS high FROM quads WHERE p IN ({subClassOf}, {equivalentClass})
          UNION ALL SELECT o, s FROM quads WHERE p = {equivalentClass}),
        kinds AS (
          SELECT {venture}::BIGINT AS kind UNION SELECT low FROM ways JOIN kinds ON high = kind)
        FROM kinds""",
    "ventures": """
        SELECT DISTINCT s AS venture FROM quads WHERE p = {type} AND o IN (FROM venture_kinds)""",
    "hidden_facts": """
        SELECT fact.s AS g FROM quads fact
          JOIN phases ON phases.phase = fact.o JOIN clock USING (venture)
          WHERE fact.p = {phase} AND {chosen:fact.s} AND phases.place > clock.place
        UNION
        SELECT fact.s FROM quads fact
          JOIN phases ON phases.phase = fact.o JOIN clock USING (venture)
          WHERE fact.p = {untilPhase} AND {chosen:fact.s} AND phases.place < clock.place""",
    "owners": """
        SELECT s AS node, o AS venture FROM quads
          WHERE p = {belongsTo} AND {chosen:s} AND o IN (FROM ventures)
        UNION SELECT r.s, f.s FROM quads r JOIN quads f ON f.o = r.o AND f.p = {takesForm}
          WHERE r.p = {belongsTo} AND {chosen:r.s}
        UNION SELECT o, s FROM quads WHERE p = {takesForm} AND {chosen:o}
        UNION SELECT venture, venture FROM ventures WHERE {chosen:venture}""",
    "timed": """
        SELECT spans.node, begins > due AS unborn, ends <= due AS over FROM (
          SELECT node, CASE WHEN count(clock.venture) > 0 THEN min(clock.moment)
            ELSE (SELECT moment FROM wall) END AS due
          FROM (SELECT node FROM spans) LEFT JOIN owners USING (node)
            LEFT JOIN clock USING (venture)
          WHERE {chosen:node} GROUP BY node) JOIN spans USING (node)
        WHERE node NOT IN (SELECT phase FROM phases)""",
    "unborn": """
        SELECT node FROM timed WHERE unborn AND {chosen:node}
        UNION SELECT g FROM hidden_facts WHERE {chosen:g}
        UNION ALL SELECT node FROM timed
          WHERE over AND {chosen:node} AND node IN (SELECT g FROM quads WHERE g IS NOT NULL)""",
    "over": """
        SELECT node FROM timed
        WHERE over AND {chosen:node} AND node NOT IN (SELECT g FROM quads WHERE g IS NOT NULL)""",
}
"""What time makes of the nodes, each table from those above it.

`{name}` is the id of a term, `{chosen:column}` says of which nodes rows are made.
"""

GIVEN = (RDF_TYPE, HF + "currentPhase", HF + "asOf")
"""Predicates of which time itself gives triples, of subjects of which something is stated."""

_HANGING = {
    "certainty": ("certainties",),
    "started": ("spans", "timed"),
    "ended": ("spans", "timed"),
    "date": ("spans", "timed"),
    "phase": ("hidden_facts",),
    "untilPhase": ("hidden_facts",),
    "belongsTo": ("owners", "timed"),
}
"""Predicates and the tables that hang on them, but for unborn and over, which hang on all."""

_STRUCTURE = (
    "rank", "phaseOf", "order", "notation", "takesForm", "subClassOf", "equivalentClass"
)  # fmt: skip
"""What all of a register's time hangs on."""

_STATED = """
    SELECT q.s, q.p, q.o,
      (CASE WHEN q.background THEN 0 ELSE coalesce(f.c, e.c, 0) END)::TINYINT AS c,
      {stated} AS r
    FROM quads q LEFT JOIN certainties f ON f.node = q.g LEFT JOIN certainties e ON e.node = q.s
    WHERE (q.g IS NULL OR q.g NOT IN (SELECT node FROM unborn))
      AND q.s NOT IN (SELECT node FROM unborn) AND q.o NOT IN (SELECT node FROM unborn)"""

_GIVEN = """
    SELECT node AS s, {type} AS p, {past} AS o, 0::TINYINT AS c, {given} AS r FROM over
    UNION ALL SELECT venture, {currentPhase}, phase, 0::TINYINT, {given} FROM clock
      WHERE phase IS NOT NULL
    UNION ALL SELECT venture, {asOf}, id, 0::TINYINT, {given} FROM clock
      JOIN terms ON n3 = '"' || strftime(clock.moment, '%Y-%m-%d') || '"^^<{xsd}date>'"""


def _spelt(columns: Columns, query: str, among: str = "") -> str:
    """One of the queries above with the ids put in; `among` lists the nodes that are chosen."""
    ids = _predicate_ids(columns)
    words = {**{key.rsplit("#", 1)[-1]: str(number) for key, number in ids.items()}}
    words |= {"stated": str(STATED), "given": str(AS_OF), "xsd": XSD}

    def word(found: re.Match[str]) -> str:
        name, _, column = found[1].partition(":")
        if name != "chosen":
            return words[name]
        return f"{column} IN ({among})" if among else "true"

    return re.sub(r"\{([A-Za-z]+(?::[a-z.]+)?)\}", word, query)


def retime(columns: Columns, edited: Sequence[Quad]) -> set[Triple] | None:
    """Bring time up to date after quads came or went, without looking at what they do not touch.

    `quads` is as it is to be. Gives the triples that may be seen otherwise than before; None where
    the change reaches the phases, ventures or ranks on which all else hangs: then project anew.
    """
    ids = _predicate_ids(columns)
    structure = {ids[name] for name in ids if name.rsplit("#", 1)[-1] in _STRUCTURE}
    typed = {o for _, p, o, _ in edited if p == ids[RDF_TYPE]}
    kinds = {kind for (kind,) in columns.rows("FROM venture_kinds")} if typed else set()
    if (
        any(p in structure for _, p, _, _ in edited)
        or typed & kinds
        or columns.rows(
            "SELECT n FROM (SELECT phase AS n FROM phases UNION ALL SELECT concept FROM ranks)"
            f" WHERE {among('n', (s for s, _, _, _ in edited))}"
        )
    ):
        return None
    timely = {ids[HF + name]: tables for name, tables in _HANGING.items()}
    retimed = {s for s, p, _, _ in edited if p in timely}
    if graphs := {g for _, _, _, g in edited if g is not None}:
        timed = columns.rows(f"SELECT node FROM timed WHERE {among('node', graphs)}")
        retimed |= {node for (node,) in timed}
    touched = {(p, s, o) for s, p, o, _ in edited}
    if not retimed:
        return touched
    hanging = {table for _, p, _, _ in edited for table in timely.get(p, ())}
    moved = _retimed(columns, retimed, hanging | {"unborn", "over"})
    if moved:
        chosen = [among(end, moved) for end in ("s", "o", "g")]
        touched |= {*columns.rows(f"SELECT p, s, o FROM quads WHERE {' OR '.join(chosen)}")}
        touched |= {(ids[RDF_TYPE], node, ids["past"]) for node in moved}
    if columns.rows(f"SELECT venture FROM ventures WHERE {among('venture', moved)}"):
        return None
    return touched


def _retimed(columns: Columns, nodes: set[int], tables: set[str]) -> set[int]:
    """Bring tables of time up to date for some nodes; gives those of which they tell otherwise."""
    listed = ", ".join(map(str, sorted(nodes)))
    status = (
        f"SELECT node, c, NULL AS way FROM certainties WHERE node IN ({listed})"
        f" UNION ALL SELECT node, 0, 'unborn' FROM unborn WHERE node IN ({listed})"
        f" UNION ALL SELECT node, 0, 'over' FROM over WHERE node IN ({listed})"
    )
    before = {*columns.rows(status)}
    for name in (name for name in _TIME if name in tables):
        key = "g" if name == "hidden_facts" else "node"
        columns.con.execute(
            f"DELETE FROM {name} WHERE {key} IN ({listed});"
            f"INSERT INTO {name} {_spelt(columns, _TIME[name], listed)}"
        )
    return {node for node, _, _ in before ^ {*columns.rows(status)}}


def _predicate_ids(columns: Columns) -> dict[str, int]:
    names = [
        HF + name
        for name in (
            "rank", "certainty", "started", "ended", "date", "phaseOf", "order", "phase",
            "untilPhase", "belongsTo", "takesForm", "currentPhase", "asOf",
        )
    ] + [RDF_TYPE, SKOS + "notation", RDFS + "subClassOf", OWL + "equivalentClass"]  # fmt: skip
    columns.learn([*(f"<{name}>" for name in names), f"<{HF}Venture>", f"<{HF}Past>"])
    ids = {name: columns.id_of(f"<{name}>") for name in names}
    ids["venture"] = columns.id_of(f"<{HF}Venture>")
    ids["past"] = columns.id_of(f"<{HF}Past>")
    return ids


def project(columns: Columns, as_of: str | None, today: date) -> AsOf:
    """Build the tables of `columns` as they are to be seen as of a date or phase.

    `as_of` is a date (YYYY, YYYY-MM or YYYY-MM-DD; the end of that period counts), the notation of
    a phase, or None for the last phase of each venture that has phases, and today for all others.
    Ventures that do not have the phase are left out and named. Raises UnknownNameError for a phase
    that no venture has. Leaves the views stated and given(s, p, o, c, r) behind: what the tables
    are built from, each triple once for each place that states it, and what time itself gives.
    """
    con = columns.con
    for name, made in _TIME.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_spelt(columns, made)}")
        if name == "ventures":
            _set_the_clock(columns, as_of, today)
    columns.add_terms(
        f"SELECT '\"' || strftime(moment, '%Y-%m-%d') || '\"^^<{XSD}date>' FROM clock"
        " WHERE moment IS NOT NULL"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW stated AS {_spelt(columns, _STATED)};"
        f"CREATE OR REPLACE TEMP VIEW given AS {_spelt(columns, _GIVEN)}"
    )
    columns.build("FROM stated UNION ALL FROM given")
    missing = columns.rows(
        "SELECT venture FROM ventures WHERE venture NOT IN (SELECT venture FROM clock)"
        " OR venture IN (SELECT node FROM unborn)"
    )
    hidden = frozenset(venture for (venture,) in missing)
    reasons = {
        label: f"it has no phase {as_of}"
        if as_of and not _DATE.match(as_of)
        else f"it had not begun, or its phases have no dates, as of {as_of or today}"
        for label in sorted(_names_of(columns, hidden))
    }
    return AsOf(text=as_of or "latest", left_out=reasons, hidden=hidden)


def _names_of(columns: Columns, ventures: frozenset[int]) -> list[str]:
    """What to call ventures of which the projected tables may say nothing."""
    said = dict(
        columns.rows(
            "SELECT s, min(lex) FROM quads JOIN terms ON terms.id = o WHERE p = $label"
            " AND s IN (SELECT unnest($ventures::BIGINT[])) GROUP BY s",
            {"label": columns.id_of(f"<{RDFS}label>"), "ventures": sorted(ventures)},
        )
    )
    return list({**columns.labels(ventures), **said}.values())


def phases_of(columns: Columns, venture: int) -> list[str]:
    """The notations of a venture's phases in their order. Needs a projected dataset."""
    rows = columns.rows(
        "SELECT notation FROM phases WHERE venture = $venture ORDER BY place", {"venture": venture}
    )
    return [notation for (notation,) in rows]


def check_time(as_of: str, phases: Sequence[str]) -> None:
    """Raise UnknownNameError unless `as_of` is a date or one of these notations of phases."""
    if not _DATE.match(as_of):
        if as_of not in phases:
            raise _no_phase(as_of, sorted(phases))
        return
    try:
        date(*(int(part) for part in f"{as_of}-01-01"[:10].split("-")))
    except ValueError:
        raise _no_date(as_of) from None


def _no_date(as_of: str) -> UnknownNameError:
    return UnknownNameError(f"{as_of} is not a date.", mend="Write YYYY, YYYY-MM or YYYY-MM-DD.")


def _no_phase(as_of: str, phases: Sequence[str]) -> UnknownNameError:
    known = f"Phases here: {', '.join(phases)}." if phases else "No venture here has phases."
    return UnknownNameError(
        f"{as_of} is neither a date nor a phase of any venture here.",
        mend=f"{nearest(as_of, phases)} {known} A date is YYYY, YYYY-MM or YYYY-MM-DD.".strip(),
    )


def _set_the_clock(columns: Columns, as_of: str | None, today: date) -> None:
    """Make wall(moment), and clock(venture, phase, place, moment): when each venture is seen."""
    con = columns.con
    now = f"{today.isoformat()} 23:59:59"
    clock = "CREATE OR REPLACE TEMP TABLE clock AS "
    if as_of is None:
        con.execute(
            clock
            + """
            SELECT venture, last.phase, last.place,
              CASE WHEN last.phase IS NULL THEN $now::TIMESTAMP
                ELSE least(last.ends, $now::TIMESTAMP) END AS moment
            FROM ventures LEFT JOIN (
              SELECT *, CASE WHEN ends IS NOT NULL THEN ends END FROM phases
              QUALIFY row_number()
                OVER (PARTITION BY venture ORDER BY place DESC, notation DESC) = 1) AS last
              USING (venture)
            """,
            {"now": now},
        )
        # least() skips NULL: a last phase without dates has no moment
        con.execute(
            "UPDATE clock SET moment = NULL WHERE phase IS NOT NULL AND phase IN"
            " (SELECT phase FROM phases WHERE ends IS NULL)"
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE wall AS SELECT $now::TIMESTAMP AS moment", {"now": now}
        )
        return
    if _DATE.match(as_of):
        kind = {4: "gYear", 7: "gYearMonth", 10: "date"}[len(as_of)]
        due = columns.value(
            "SELECT last_moment_of(moment_of($d, $k), $k)", {"d": as_of, "k": XSD + kind}
        )
        if due is None:
            raise _no_date(as_of)
        con.execute(
            clock
            + """
            SELECT venture, now.phase, now.place, $due::TIMESTAMP AS moment
            FROM ventures LEFT JOIN (
              SELECT * FROM phases WHERE begins <= $due
              QUALIFY row_number()
                OVER (PARTITION BY venture ORDER BY place DESC, notation DESC) = 1) AS now
              USING (venture)
            WHERE now.phase IS NOT NULL OR venture NOT IN (SELECT venture FROM phases)
            """,
            {"due": due},
        )
        con.execute(
            "CREATE OR REPLACE TEMP TABLE wall AS SELECT $due::TIMESTAMP AS moment", {"due": due}
        )
        return
    con.execute(
        clock + "SELECT venture, phase, place, ends AS moment FROM phases WHERE notation = $name",
        {"name": as_of},
    )
    if not columns.value("SELECT count(*) FROM clock"):
        names = [n for (n,) in columns.rows("SELECT DISTINCT notation FROM phases ORDER BY 1")]
        raise _no_phase(as_of, names)
    con.execute("CREATE OR REPLACE TEMP TABLE wall AS SELECT max(moment) AS moment FROM clock")
