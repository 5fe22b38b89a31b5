"""Dates, times and durations (XML Schema 1.1 part 2) as macros of DuckDB.

A moment is that at which a date or time begins, at Greenwich; without a zone it is taken as
Greenwich time. A time, month or day of no year is that of 1972, as XML Schema has it.
"""

from __future__ import annotations

from holdfast.vocabulary import XSD

# Lexical forms of XML Schema; DuckDB itself would read 1995/01/01 or 10:00 as well.
_YEAR = "-?[0-9]{4,5}"
_TWO = "[0-9][0-9]"
_TIME = f"{_TWO}:{_TWO}:{_TWO}([.][0-9]+)?"
_ZONE = "(Z|[+-][0-9][0-9]:[0-9][0-9])?"
_LASTING = (
    "-?P([0-9]+Y)?([0-9]+M)?([0-9]+D)?"
    "(T([0-9]+H)?([0-9]+M)?([0-9]+S|[0-9]*[.][0-9]+S|[0-9]+[.]S)?)?"
)


def _read(datatype: str, form: str, whole: str) -> str:
    """One branch of moment_of: a lexical form, and how what precedes the zone is read whole."""
    return (
        f"WHEN '{XSD}{datatype}' THEN CASE WHEN regexp_full_match(lex, '{form}{_ZONE}')"
        f" THEN TRY_CAST({whole.format(f'''regexp_extract(lex, '^{form}')''')} AS TIMESTAMP)"
        " - zone_of(lex) END"
    )


_BRANCHES = "\n".join(
    _read(*parts)
    for parts in (
        ("dateTime", f"{_YEAR}-{_TWO}-{_TWO}T{_TIME}", "{}"),
        ("date", f"{_YEAR}-{_TWO}-{_TWO}", "{}"),
        ("gYear", _YEAR, "{} || '-01-01'"),
        ("gYearMonth", f"{_YEAR}-{_TWO}", "{} || '-01'"),
        ("time", _TIME, "'1972-12-31T' || {}"),
        ("gMonth", f"--{_TWO}", "'1972-' || {}[3:] || '-01'"),
        ("gMonthDay", f"--{_TWO}-{_TWO}", "'1972-' || {}[3:]"),
        ("gDay", f"---{_TWO}", "'1972-12-' || {}[4:]"),
    )
)

MOMENTS = f"""
CREATE MACRO zone_of(lex) AS CASE WHEN regexp_matches(lex, '[+-][0-9][0-9]:[0-9][0-9]$')
  THEN to_minutes(CAST(lex[-6] || '1' AS INTEGER)
    * (CAST(lex[-5:-4] AS INTEGER) * 60 + CAST(lex[-2:] AS INTEGER)))
  ELSE INTERVAL '0 seconds' END;
CREATE MACRO moment_of(lex, dt) AS CASE dt
{_BRANCHES} END;
CREATE MACRO day_begun(lex) AS CASE WHEN contains(lex, 'T24:')
    THEN (TRY_CAST(left(lex, 10) AS DATE) + 1)::VARCHAR || replace(lex[11:], 'T24', 'T00')
  WHEN starts_with(lex, '24:') THEN replace(lex, '24:', '00:') ELSE lex END;
CREATE MACRO last_moment_of(moment, dt) AS CASE dt
  WHEN '{XSD}dateTime' THEN moment WHEN '{XSD}date' THEN moment + INTERVAL '86399 seconds'
  WHEN '{XSD}gYear' THEN moment + INTERVAL '1 year' - INTERVAL '1 second'
  WHEN '{XSD}gYearMonth' THEN moment + INTERVAL '1 month' - INTERVAL '1 second' END;
CREATE MACRO lasting(lex) AS regexp_full_match(lex, '{_LASTING}')
  AND NOT regexp_matches(lex, '[PT]$');
CREATE MACRO counted(part) AS coalesce(TRY_CAST(part AS DOUBLE), 0);
CREATE MACRO months_of(lex) AS (12 * counted(regexp_extract(lex, '([0-9]+)Y', 1))
    + counted(regexp_extract(lex, '^[^T]*?([0-9]+)M', 1)))
  * CASE WHEN lex[1] = '-' THEN -1 ELSE 1 END;
CREATE MACRO seconds_of(lex) AS (86400 * counted(regexp_extract(lex, '([0-9]+)D', 1))
    + 3600 * counted(regexp_extract(lex, '([0-9]+)H', 1))
    + 60 * counted(regexp_extract(lex, 'T.*?([0-9]+)M', 1))
    + counted(regexp_extract(lex, '([0-9.]+)S', 1)))
  * CASE WHEN lex[1] = '-' THEN -1 ELSE 1 END;
CREATE MACRO duration_ends(lex) AS list_transform([TIMESTAMP '1696-09-01', TIMESTAMP '1697-02-01',
    TIMESTAMP '1903-03-01', TIMESTAMP '1903-07-01'], lambda start:
  epoch(start + to_months(CAST(months_of(lex) AS INTEGER))) - epoch(start) + seconds_of(lex));
CREATE MACRO duration_order(lex1, lex2) AS list_transform(
  [list_transform(list_zip(duration_ends(lex1), duration_ends(lex2)),
    lambda pair: sign(pair[1] - pair[2])::INTEGER)], lambda signs:
  CASE WHEN list_min(signs) = list_max(signs) THEN signs[1] ELSE 2 END)[1];
CREATE MACRO seconds_n3(lex) AS '"' || regexp_extract(lex,
    ':0?([0-9]+([.][0-9]*[1-9])?)[.]?0*(Z|[+-][0-9][0-9]:[0-9][0-9])?$', 1)
  || '"^^<{XSD}decimal>';
CREATE MACRO zone_n3(zone) AS CASE WHEN zone IN ('Z', '+00:00', '-00:00')
    THEN '"PT0S"^^<{XSD}dayTimeDuration>'
  WHEN zone <> '' THEN '"' || CASE WHEN zone[1] = '-' THEN '-' ELSE '' END || 'PT'
    || CASE WHEN zone[2:3] = '00' THEN '' ELSE ltrim(zone[2:3], '0') || 'H' END
    || CASE WHEN zone[5:6] = '00' THEN '' ELSE ltrim(zone[5:6], '0') || 'M' END
    || '"^^<{XSD}dayTimeDuration>' END;
"""
