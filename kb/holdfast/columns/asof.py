"""What can be seen as of a date or phase: what has not begun is invisible, what ended is past."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from holdfast.columns.store import AS_OF, STATED, Columns
from holdfast.errors import UnknownNameError
from holdfast.vocabulary import HF, RDF_TYPE, RDFS, SKOS, XSD, nearest

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


def project(columns: Columns, as_of: str | None, today: date) -> AsOf:
    """Build the tables of `columns` as they are to be seen as of a date or phase.

    `as_of` is a date (YYYY, YYYY-MM or YYYY-MM-DD; the end of that period counts), the notation of
    a phase, or None for the last phase of each venture that has phases, and today for all others.
    Ventures that do not have the phase are left out and named. Raises UnknownNameError for a phase
    that no venture has.
    """
    con = columns.con
    ids = _predicate_ids(columns)

    def stated(predicate: str) -> str:
        return f"(SELECT s, o, g FROM quads WHERE p = {ids[predicate]})"

    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE ranks AS
        SELECT DISTINCT s AS concept, TRY_CAST(num AS TINYINT) AS rank FROM {stated(HF + "rank")}
          JOIN terms ON terms.id = o WHERE TRY_CAST(num AS TINYINT) IS NOT NULL;
        CREATE OR REPLACE TEMP TABLE certainties AS
        SELECT s AS node, max(rank) AS c FROM {stated(HF + "certainty")}
          JOIN ranks ON concept = o GROUP BY s;
        CREATE OR REPLACE TEMP VIEW stated AS
        SELECT q.s, q.p, q.o, q.g, q.background,
          (CASE WHEN q.background THEN 0 ELSE coalesce(f.c, e.c, 0) END)::TINYINT AS c,
          {STATED} AS r
        FROM quads q LEFT JOIN certainties f ON f.node = q.g
          LEFT JOIN certainties e ON e.node = q.s;
        CREATE OR REPLACE TEMP TABLE spans AS
        SELECT s AS node, min(begins) AS begins, max(ends) AS ends FROM (
          SELECT s, moment AS begins, NULL AS ends FROM quads JOIN terms ON terms.id = o
            WHERE p IN ({ids[HF + "started"]}, {ids[HF + "date"]})
          UNION ALL SELECT s, NULL, last_moment_of(lex, dt) FROM quads JOIN terms ON terms.id = o
            WHERE p = {ids[HF + "ended"]}) GROUP BY s;
        CREATE OR REPLACE TEMP TABLE phases AS
        SELECT DISTINCT of.s AS phase, of.o AS venture, name.lex AS notation, place.num AS place,
          begins, ends
        FROM {stated(HF + "phaseOf")} of
          JOIN {stated(HF + "order")} ord ON ord.s = of.s JOIN terms place ON place.id = ord.o
          JOIN {stated(SKOS + "notation")} nota ON nota.s = of.s JOIN terms name ON name.id = nota.o
          LEFT JOIN spans ON spans.node = of.s;
        CREATE OR REPLACE TEMP TABLE ventures AS
        SELECT DISTINCT s AS venture FROM {stated(RDF_TYPE)} WHERE o = {ids["venture"]}
        """
    )
    _set_the_clock(columns, as_of, today)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE hidden_facts AS
        SELECT fact.s AS g FROM {stated(HF + "phase")} fact
          JOIN phases ON phases.phase = fact.o JOIN clock USING (venture)
          WHERE phases.place > clock.place
        UNION
        SELECT fact.s FROM {stated(HF + "untilPhase")} fact
          JOIN phases ON phases.phase = fact.o JOIN clock USING (venture)
          WHERE phases.place < clock.place;
        CREATE OR REPLACE TEMP TABLE owners AS
        SELECT s AS node, o AS venture FROM {stated(HF + "belongsTo")} WHERE o IN (FROM ventures)
        UNION SELECT r.s, f.s FROM {stated(HF + "belongsTo")} r
          JOIN {stated(HF + "takesForm")} f ON f.o = r.o
        UNION SELECT o, s FROM {stated(HF + "takesForm")}
        UNION SELECT venture, venture FROM ventures;
        CREATE OR REPLACE TEMP TABLE timed AS
        SELECT spans.node, begins > due AS unborn, ends <= due AS over FROM (
          SELECT node, CASE WHEN count(clock.venture) > 0 THEN min(clock.moment)
            ELSE (SELECT moment FROM wall) END AS due
          FROM (SELECT node FROM spans) LEFT JOIN owners USING (node)
            LEFT JOIN clock USING (venture)
          GROUP BY node) JOIN spans USING (node)
        WHERE node NOT IN (SELECT phase FROM phases);
        CREATE OR REPLACE TEMP TABLE unborn AS
        SELECT node FROM timed WHERE unborn
        UNION SELECT g FROM hidden_facts;
        CREATE OR REPLACE TEMP TABLE over AS
        SELECT node FROM timed WHERE over AND node NOT IN (SELECT g FROM quads WHERE g IS NOT NULL);
        INSERT INTO unborn SELECT node FROM timed
          WHERE over AND node IN (SELECT g FROM quads WHERE g IS NOT NULL)
        """
    )
    columns.add_terms(
        f"SELECT '\"' || strftime(moment, '%Y-%m-%d') || '\"^^<{XSD}date>' FROM clock"
        " WHERE moment IS NOT NULL"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE added AS
        SELECT node AS s, {ids[RDF_TYPE]} AS p, {ids["past"]} AS o FROM over
        UNION ALL SELECT venture, {ids[HF + "currentPhase"]}, phase FROM clock
          WHERE phase IS NOT NULL
        UNION ALL SELECT venture, {ids[HF + "asOf"]}, id FROM clock
          JOIN terms ON n3 = '"' || strftime(clock.moment, '%Y-%m-%d') || '"^^<{XSD}date>'
        """
    )
    columns.build(
        f"""
        SELECT s, p, o, c, r FROM stated
        WHERE (g IS NULL OR g NOT IN (SELECT node FROM unborn))
          AND s NOT IN (SELECT node FROM unborn) AND o NOT IN (SELECT node FROM unborn)
        UNION ALL SELECT s, p, o, 0, {AS_OF} FROM added
        """
    )
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


def _predicate_ids(columns: Columns) -> dict[str, int]:
    names = [
        HF + name
        for name in (
            "rank", "certainty", "started", "ended", "date", "phaseOf", "order", "phase",
            "untilPhase", "belongsTo", "takesForm", "currentPhase", "asOf",
        )
    ] + [RDF_TYPE, SKOS + "notation"]  # fmt: skip
    ids = {name: columns.id_of(f"<{name}>") for name in names}
    ids["venture"] = columns.id_of(f"<{HF}Venture>")
    ids["past"] = columns.id_of(f"<{HF}Past>")
    return ids


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
        due = columns.value("SELECT last_moment_of($d, $k)", {"d": as_of, "k": XSD + kind})
        if due is None:
            raise UnknownNameError(
                f"{as_of} is not a date.", mend="Write YYYY, YYYY-MM or YYYY-MM-DD."
            )
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
        known = f"Phases here: {', '.join(names)}." if names else "No venture here has phases."
        raise UnknownNameError(
            f"{as_of} is neither a date nor a phase of any venture here.",
            mend=f"{nearest(as_of, names)} {known} A date is YYYY, YYYY-MM or YYYY-MM-DD.".strip(),
        )
    con.execute("CREATE OR REPLACE TEMP TABLE wall AS SELECT max(moment) AS moment FROM clock")
