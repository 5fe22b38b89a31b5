"""Quads as integer columns.

    terms(id, n3, cls, lex, lang, dt, num, moment)   every term once; odd ids are literals
    quads(s, p, o, g, background)                    what was stated, and in which graph
    "<predicate>"(s, o, c, t, r)                     one table for each predicate, each triple once

`c` is the certainty of a triple as a rank (0 stated … 4 estimated), `t` its number in the order
in which it became known, and `r` the number of the rule that inferred it (STATED, SUBCLASS or AS_OF
when none did). Everything here is built from sources and may be thrown away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import duckdb

from holdfast.columns.arithmetic import ARITHMETIC, EXACT_DOUBLE
from holdfast.columns.hashes import HASHES
from holdfast.columns.moments import MOMENTS
from holdfast.columns.names import quoted
from holdfast.columns.terms import (
    BLANK,
    BOOLEAN,
    DATED,
    DECIMAL,
    DOUBLE,
    DURATION,
    FLOAT,
    INTEGER,
    INTEGERS,
    IRI,
    LANGSTRING,
    MONTHS,
    OTHER,
    SECONDS,
    STRING,
)  # fmt: skip
from holdfast.errors import SourceError
from holdfast.limits import Limits
from holdfast.sources import files_in, graphs_in_lines, write_lines
from holdfast.vocabulary import HF, RDF, RDF_TYPE, RDFS, SKOS, XSD

STATED = -1
SUBCLASS = -2
AS_OF = -3

# A number as XML Schema spells it; DuckDB itself would read infinity or 1_000 as well.
_DOUBLE = "[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN"

_DATED = "\n".join(f"    WHEN '{XSD}{name}' THEN {cls}" for name, cls in DATED.items())

_MACROS = f"""
CREATE MACRO term_dt(n3) AS CASE
  WHEN n3[1] <> '"' THEN NULL
  WHEN n3[-1] = '"' THEN '{XSD}string'
  WHEN n3[-1] = '>' THEN regexp_extract(n3, '\\^\\^<([^<>"]*)>$', 1)
  ELSE 'http://www.w3.org/1999/02/22-rdf-syntax-ns#langString' END;
CREATE MACRO term_escaped(n3) AS CASE
  WHEN n3[1] = '<' THEN n3[2:-2]
  WHEN n3[1] = '"' THEN regexp_extract(n3, '^"(.*)"[^"]*$', 1, 's') ELSE NULL END;
CREATE MACRO unescaped(part) AS
  replace(replace(replace(replace(replace(replace(CASE WHEN contains(part, '\\u') THEN
    array_to_string(list_transform(string_split(part, '\\u'), lambda piece, place:
      CASE WHEN place = 1 THEN piece
        ELSE chr(CAST('0x' || piece[1:4] AS INTEGER)) || piece[5:] END), '')
    ELSE part END, '\\"', '"'), '\\n', chr(10)), '\\r', chr(13)), '\\t', chr(9)),
    '\\b', chr(8)), '\\f', chr(12));
CREATE MACRO term_lex(n3) AS CASE WHEN contains(n3, '\\') THEN
  array_to_string(list_transform(string_split(term_escaped(n3), '\\\\'),
    lambda part: unescaped(part)), '\\')
  ELSE term_escaped(n3) END;
CREATE MACRO term_string(n3) AS CASE WHEN n3[1] = '"' AND n3[-1] <> '>' THEN term_lex(n3) END;
CREATE MACRO term_lang(n3) AS CASE WHEN n3[1] <> '"' THEN NULL
  ELSE regexp_extract(n3, '"@([A-Za-z0-9-]+)$', 1) END;
CREATE MACRO escaped(sign) AS CASE unicode(sign)
  WHEN 8 THEN '\\b' WHEN 9 THEN '\\t' WHEN 10 THEN '\\n' WHEN 12 THEN '\\f' WHEN 13 THEN '\\r'
  ELSE printf('\\u%04X', unicode(sign)) END;
CREATE MACRO quoted(lex) AS list_transform([lex], lambda lex: '"' ||
  CASE WHEN regexp_matches(lex, '[[:cntrl:]\\x{{FFFE}}\\x{{FFFF}}]')
  THEN array_to_string(list_transform(
    string_split(replace(replace(lex, '\\', '\\\\'), '"', '\\"'), ''), lambda sign:
    CASE WHEN regexp_matches(sign, '[[:cntrl:]\\x{{FFFE}}\\x{{FFFF}}]') THEN escaped(sign)
      ELSE sign END), '')
  ELSE replace(replace(lex, '\\', '\\\\'), '"', '\\"') END || '"')[1];
CREATE MACRO literal_n3(lex, dt) AS quoted(lex) || '^^<' || dt || '>';
CREATE MACRO cast_string(cls, lex, num) AS CASE
  WHEN cls = {BOOLEAN} THEN CASE WHEN num <> 0 THEN 'true' ELSE 'false' END
  WHEN cls = {INTEGER} THEN coalesce(amount_text(amount_of(cls, num, lex)), ltrim(lex, '+'))
  WHEN cls = {DECIMAL} THEN coalesce(amount_text(amount_of(cls, num, lex)), ltrim(lex, '+'))
  WHEN cls IN ({FLOAT}, {DOUBLE}) THEN
    CASE WHEN num = 0 OR abs(num) >= 1e-6 AND abs(num) < 1e6 THEN regexp_replace(
        CASE WHEN cls = {FLOAT} THEN num::FLOAT::VARCHAR ELSE num::VARCHAR END, '[.]0$', '')
      ELSE number_text(approximate(cls, num)) END
  ELSE lex END;
CREATE MACRO number_of(lex, dt) AS CASE
  WHEN dt = '{XSD}boolean' THEN CASE WHEN lex IN ('true', '1') THEN 1.0
    WHEN lex IN ('false', '0') THEN 0.0 END
  WHEN dt IN ({", ".join(f"'{XSD}{n}'" for n in INTEGERS)})
    THEN CASE WHEN regexp_matches(lex, '^[+-]?[0-9]+$') THEN TRY_CAST(lex AS DOUBLE) END
  WHEN dt = '{XSD}decimal'
    THEN CASE WHEN regexp_matches(lex, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)$')
      THEN TRY_CAST(lex AS DOUBLE) END
  WHEN dt IN ('{XSD}double', '{XSD}float')
    THEN CASE WHEN regexp_full_match(lex, '{_DOUBLE}')
      THEN CASE WHEN dt = '{XSD}double' THEN TRY_CAST(replace(lex, 'INF', 'Infinity') AS DOUBLE)
        ELSE CAST(TRY_CAST(replace(lex, 'INF', 'Infinity') AS FLOAT) AS DOUBLE) END END END;
CREATE MACRO readable(lex, cls) AS CASE
  WHEN cls = {BLANK} THEN 'an unnamed record' WHEN cls <> {IRI} THEN lex
  WHEN starts_with(lex, '{HF}') THEN replace(lex[{len(HF) + 1}:], '-', ' ')
  ELSE coalesce(nullif(replace(
    string_split(replace(rtrim(lex, '/#'), '#', '/'), '/')[-1], '-', ' '), ''), lex) END;
CREATE MACRO class_of(n3, lex, dt) AS CASE
  WHEN n3[1] = '<' THEN {IRI} WHEN n3[1] = '_' THEN {BLANK}
  WHEN dt = '{XSD}string' THEN {STRING}
  WHEN dt = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#langString' THEN {LANGSTRING}
  WHEN number_of(lex, dt) IS NOT NULL THEN CASE dt WHEN '{XSD}boolean' THEN {BOOLEAN}
    WHEN '{XSD}decimal' THEN {DECIMAL} WHEN '{XSD}double' THEN {DOUBLE}
    WHEN '{XSD}float' THEN {FLOAT} ELSE {INTEGER} END
  WHEN moment_of(lex, dt) IS NOT NULL THEN CASE dt
{_DATED} END
  WHEN dt = '{XSD}yearMonthDuration' AND lasting(lex) AND NOT regexp_matches(lex, '[DT]')
    THEN {MONTHS}
  WHEN dt = '{XSD}dayTimeDuration' AND lasting(lex) AND NOT regexp_matches(lex, '^[^T]*[YM]')
    THEN {SECONDS}
  WHEN dt = '{XSD}duration' AND lasting(lex) THEN {DURATION}
  ELSE {OTHER} END;
CREATE MACRO term_parts(n3) AS list_transform([n3], lambda n3: CASE WHEN n3 IS NOT NULL THEN
  list_transform([struct_pack(n3 := n3, lex := term_lex(n3), lang := term_lang(n3),
    dt := term_dt(n3))], lambda x: struct_pack(n3 := x.n3, lex := x.lex, lang := x.lang, dt := x.dt,
      cls := class_of(x.n3, x.lex, x.dt), num := number_of(x.lex, x.dt),
      moment := moment_of(x.lex, x.dt)))[1] END)[1];
CREATE MACRO amount_in(n3) AS list_transform([n3], lambda n3: list_transform(
  [struct_pack(lex := term_lex(n3), dt := term_dt(n3))], lambda x: list_transform(
    [struct_pack(lex := x.lex, dt := x.dt, num := number_of(x.lex, x.dt))], lambda y:
    CASE WHEN y.num IS NOT NULL AND y.dt <> '{XSD}boolean' THEN amount_of(CASE y.dt
      WHEN '{XSD}decimal' THEN {DECIMAL} WHEN '{XSD}double' THEN {DOUBLE}
      WHEN '{XSD}float' THEN {FLOAT} ELSE {INTEGER} END, y.num, y.lex) END)[1])[1])[1];
"""

_BY_CLASS = " ORDER BY o, s"
"""The order of types in their table: who looks for the members of a class then passes the most of
it over, for DuckDB knows what each part of a column begins and ends with."""

_LONG, _LONGEST = 4_000_000, 100_000_000
"""The longest line, in bytes: of a file to be split without parsing, and of any file."""

# A quad's four terms from its line. Only a literal may hold spaces, and only a literal quotes.
_PARTS = r"""
  SELECT x[1] AS s, x[2] AS p,
    CASE WHEN x[3][1] <> '"' THEN x[3]
      WHEN named THEN left(line, length(line) - 3 - length(x[-2]))[length(x[1]) + length(x[2]) + 3:]
      ELSE line[length(x[1]) + length(x[2]) + 3:-3] END AS o,
    CASE WHEN named THEN x[-2] END AS g,
    x[-1] = '.' AND x[1][1] IN ('<', '_') AND x[2][1] = '<' AND x[3][1] IN ('<', '_', '"')
      AND (x[3][1] = '"' OR len(x) = 4 + named::INTEGER) AND (NOT named OR x[-2][1] IN ('<', '_'))
      AS whole
  FROM (
    SELECT line, x, len(x) > 4 AND NOT contains(x[-2], '"') AS named
    FROM (
      SELECT line, string_split(line, ' ') AS x
      FROM read_csv($file, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false,
        delim = 'SOH', quote = '', escape = '', new_line = '\n', compression = 'none',
        max_line_size = $longest, strict_mode = false)
      WHERE line <> ''))
""".replace("SOH", "\x01")

_SPELT = """
SELECT DISTINCT n3, $f FROM (
  SELECT DISTINCT s AS n3 FROM raw WHERE f = $f UNION ALL SELECT DISTINCT p FROM raw WHERE f = $f
  UNION ALL SELECT DISTINCT o FROM raw WHERE f = $f
  UNION ALL SELECT DISTINCT g FROM raw WHERE f = $f AND g IS NOT NULL)
"""

_PATH = r"([A-Za-z0-9._~!$&'()*+,;=:@/\x{A1}-\x{D7FF}-]|%[0-9A-Fa-f]{2})*"
_USUAL_IRI = (
    r"<[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.-]+(:[0-9]+)?(/PATH)?|[A-Za-z0-9]PATH)"
    r"(\?PATH)?(#PATH)?>"
).replace("PATH", _PATH)
_USUAL = (
    rf"{_USUAL_IRI}|_:f[0-9]+-[A-Za-z0-9]+|"
    r'"([^"\\[:cntrl:]\x{FFFE}\x{FFFF}]|\\["\\nr])*"'
    rf"(@[a-z]{{2,3}}(-[a-z]{{2}})?|\^\^{_USUAL_IRI})?"
)
"""Terms that the parser is sure to accept, in the spelling that the serialiser gives them."""

# What compares two terms of the dictionary, and the terms for which the simple way will not do.
# A macro is written out wherever it is used, and planning that takes most of an edit's time.
_STORED = {
    "stored_number_order(n1, c1, lex1, n2, c2, lex2)": (
        f"cls BETWEEN {DECIMAL} AND {DOUBLE} OR cls = {INTEGER} AND abs(num) >= {EXACT_DOUBLE}",
        "order_of(n1, n2)",
        "number_order(n1, c1, lex1, n2, c2, lex2)",
    ),
    "stored_duration_order(lex1, lex2)": (
        f"cls BETWEEN {MONTHS} AND {DURATION}",
        "NULL::INTEGER",
        "duration_order(lex1, lex2)",
    ),
}


class Memo(NamedTuple):
    """What `Columns` keeps beside its tables."""

    predicates: dict[str, int]
    next_triple: int
    superclasses: list[tuple[str, str]]
    constants: dict[str, int]
    filled: dict[str, int]
    classes: set[int]
    lower: set[int]
    last_term: int
    simple: frozenset[str]


class Columns:
    """One dataset held as columns. Sources go in with `load`; `build` makes the tables."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Columns with nothing in them. Raises SourceError for a limit that cannot be."""
        self.limits = limits or Limits()
        self.con = _connected(self.limits)
        self.con.execute("SET enable_progress_bar = false")
        self.changing = False
        """Whether changes have begun: until they are kept, no other cursor sees them."""
        self.predicates: dict[str, int] = {}
        self.next_triple = 0
        self.superclasses: list[tuple[str, str]] = []
        self.files: list[Path] = []
        self.refused: list[SourceError] = []
        self._constants: dict[str, int] = {}
        self._filled: dict[str, int] = {}
        self._classes: set[int] = set()
        self._lower: set[int] = set()
        self._last_term = 0
        self._simple = frozenset(_STORED)
        simply = [f"CREATE MACRO {macro} AS {way};" for macro, (_, way, _) in _STORED.items()]
        self.con.execute("".join([ARITHMETIC, MOMENTS, HASHES, _MACROS, *simply]))
        self.con.execute(
            "CREATE TABLE terms(id BIGINT, n3 VARCHAR, cls TINYINT, lex VARCHAR, lang VARCHAR,"
            " dt VARCHAR, num DOUBLE, moment TIMESTAMP);"
            "CREATE TABLE quads(s BIGINT, p BIGINT, o BIGINT, g BIGINT, background BOOLEAN)"
        )

    # -- loading ---------------------------------------------------------------------------------

    def load(
        self, sources: Iterable[str], *, background: Iterable[Path] = (), keep_going: bool = False
    ) -> int:
        """Read sources, and beside them background files (the ontology), into terms and quads.

        Returns the number of distinct quads of the sources. Background triples take part in
        reasoning but are no evidence. Raises SourceError; then nothing has been loaded. With
        `keep_going` files that cannot be read are left out, each as a whole, and `refused` has
        their errors; still raised where no file is left.
        """
        found, self.refused = files_in(sources, keep_going=keep_going)
        files = [*((file, False) for file in found), *((file, True) for file in background)]
        self.files = list(found)
        refused = list(self.refused)
        careful = any(str(file) == "-" for file in found)
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            if not careful:
                careful = not self._read(Path(folder, "quick"), files, keep_going, careful=False)
            if careful:
                self.files, self.refused = list(found), refused
                self._read(Path(folder, "careful"), files, keep_going, careful=True)
        return self._encode()

    def _read(
        self, folder: Path, files: list[tuple[Path, bool]], keep_going: bool, *, careful: bool
    ) -> bool:
        """Read files into raw(s, p, o, g, b, f), and their distinct terms into spelt(n3, f).

        Unless `careful`, plain lines are not parsed but split at their spaces. Returns whether
        they may be: False if anything in them is not as the serialiser would have written it, which
        need not be wrong.
        """
        con = self.con
        con.execute(
            "CREATE OR REPLACE TEMP TABLE raw("
            "s VARCHAR, p VARCHAR, o VARCHAR, g VARCHAR, b BOOLEAN, f INTEGER);"
            "CREATE OR REPLACE TEMP TABLE spelt(n3 VARCHAR, f INTEGER)"
        )
        folder.mkdir()
        written = {behind: folder / f"{behind}.nq" for behind in (False, True)}
        for number, (file, behind) in enumerate(files, start=1):
            graphs = None if careful or _patterned(file) else graphs_in_lines(file)
            if graphs is not None and file.stat().st_size > 0:
                if not self._split(file, number, behind, graphs):
                    return False
                continue
            try:
                write_lines(file, written[behind], careful=careful)
            except SourceError as error:
                if behind or not keep_going:
                    raise
                self.refused.append(error)
                self.files.remove(file)
        if self.refused and not self.files:
            raise self.refused[0]
        for behind, lines in written.items():
            if lines.exists() and lines.stat().st_size > 0:
                con.execute(
                    f"INSERT INTO raw SELECT s, p, o, g, $behind, 0 FROM ({_PARTS})",
                    {"file": str(lines), "longest": _LONGEST, "behind": behind},
                )
        self._name_blank_nodes()
        con.execute(f"INSERT INTO spelt {_SPELT}", {"f": 0})
        return careful or not self.value(
            "SELECT count(*) FROM spelt WHERE f = 0 AND (starts_with(n3, '<<')"
            " OR (n3[1] = '\"' AND n3[-1] NOT IN ('\"', '>')"
            " AND regexp_matches(n3, '--[a-z]+$')))"
        )

    def _name_blank_nodes(self) -> None:
        """Name the blank nodes that a parser has named by chance after where they first stand, so
        that every run names and orders them alike."""
        con = self.con
        done = con.execute(
            "CREATE OR REPLACE TEMP TABLE by_chance AS"
            " SELECT n3, '_:b' || row_number() OVER (ORDER BY min(place)) AS name FROM ("
            + " UNION ALL ".join(
                f"SELECT {side} AS n3, rowid * 3 + {place} AS place FROM raw"
                f" WHERE f = 0 AND {side}[1] = '_'"
                for place, side in enumerate("gso")
            )
            + ") GROUP BY n3"
        ).fetchone()
        for side in "gso" if done and done[0] else "":
            con.execute(f"UPDATE raw SET {side} = name FROM by_chance WHERE f = 0 AND {side} = n3")
        con.execute("DROP TABLE by_chance")

    def _split(self, file: Path, number: int, behind: bool, graphs: bool) -> bool:
        """Read a file of plain lines; returns whether they are as the serialiser writes them."""
        con = self.con
        own = f"'_:f{number}-' ||"
        names = ", ".join(
            f"CASE WHEN {side}[1] = '_' THEN {own} {side}[3:] ELSE {side} END AS {side}"
            for side in "sog"
        )
        params = {"file": str(file.resolve()), "longest": _LONG}
        try:
            con.execute(
                f"""
                INSERT INTO raw
                SELECT s, p, o, g, {behind}, {number} FROM (
                  SELECT {names}, p, whole FROM ({_PARTS}))
                WHERE CASE WHEN whole AND {"true" if graphs else "g IS NULL"} THEN true
                  ELSE error('unlike') END
                """,
                params,
            )
            con.execute(f"INSERT INTO spelt {_SPELT}", {"f": number})
        except duckdb.Error:
            return False
        return not self.value(
            f"""
            SELECT count(*) FROM spelt
            WHERE f = {number} AND NOT (regexp_full_match(n3, $usual) AND n3 NOT LIKE $string
              AND n3 NOT LIKE $language)
            """,
            {
                "usual": _USUAL,
                "string": f"%^^<{XSD}string>",
                "language": "%^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#%angString>",
            },
        )

    def _encode(self) -> int:
        con = self.con
        self._number_terms("SELECT DISTINCT n3 FROM spelt ANTI JOIN terms USING (n3)")
        con.execute("DROP TABLE spelt")
        con.execute(
            """
            INSERT INTO quads
            SELECT DISTINCT s.id, p.id, o.id, g.id, b FROM raw
              JOIN terms s ON s.n3 = raw.s JOIN terms p ON p.n3 = raw.p JOIN terms o ON o.n3 = raw.o
              LEFT JOIN terms g ON g.n3 = raw.g;
            DROP TABLE raw
            """
        )
        return int(self.value("SELECT count(*) FROM quads WHERE NOT background"))

    # -- terms -----------------------------------------------------------------------------------

    def count_terms(self) -> int:
        """How many terms the dictionary holds."""
        return self._last_term

    def _number_terms(self, fresh: str) -> None:
        """Put the new terms of the query `fresh`(n3) into the dictionary, in alphabetical order."""
        done = self.con.execute(
            f"""
            INSERT INTO terms
            WITH numbered AS (
              SELECT n3, {self._last_term} + row_number() OVER (ORDER BY n3) AS n FROM ({fresh}))
            SELECT n * 2 + CASE WHEN n3[1] = '"' THEN 1 ELSE 0 END, n3, class_of(n3, lex, dt), lex,
              lang, dt, number_of(lex, dt), moment_of(lex, dt)
            FROM (SELECT n, n3, term_lex(n3) AS lex, term_lang(n3) AS lang, term_dt(n3) AS dt
                  FROM numbered)
            """
        ).fetchone()
        before, self._last_term = self._last_term, self._last_term + (int(done[0]) if done else 0)
        self._compare_fully(before)

    def _compare_fully(self, before: int) -> None:
        """Compare terms in full where one of those numbered after `before` is such as needs it."""
        if not self._simple or before == self._last_term:
            return
        macros = sorted(self._simple)
        needed = ", ".join(f"coalesce(bool_or({_STORED[macro][0]}), false)" for macro in macros)
        [row] = self.rows(f"SELECT {needed} FROM terms WHERE id >= {(before + 1) * 2}")
        for macro in (macro for macro, needs in zip(macros, row, strict=True) if needs):
            self.con.execute(f"CREATE OR REPLACE MACRO {macro} AS {_STORED[macro][2]}")
            self._simple -= {macro}

    def add_terms(self, query: str, params: Mapping[str, Any] | None = None) -> None:
        """Put into the dictionary the N-Triples terms of the one-column `query` that it lacks."""
        if self._make_fresh(query, params):
            self._number_terms("FROM fresh_terms")

    def add_iris(self, query: str) -> None:
        """Put into the dictionary the IRIs of the one-column `query` that it lacks."""
        fresh = self._make_fresh(f"SELECT '<' || iri || '>' FROM ({query}) AS wanted(iri)", None)
        if fresh:
            self.con.execute(
                f"""
                INSERT INTO terms
                SELECT ({self._last_term} + row_number() OVER (ORDER BY n3)) * 2, n3, {IRI},
                  n3[2:-2], NULL, NULL, NULL, NULL FROM fresh_terms
                """
            )
            self._last_term += fresh

    def _make_fresh(self, query: str, params: Mapping[str, Any] | None) -> int:
        """Put the terms of `query` that the dictionary lacks into fresh_terms(n3), and count them.

        The dictionary is gone through once, and hashed never: it is by far the larger.
        """
        done = self.con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE fresh_terms AS
            WITH wanted AS MATERIALIZED (
              SELECT DISTINCT n3 FROM ({query}) AS wanted(n3) WHERE n3 IS NOT NULL),
            known AS MATERIALIZED (
              SELECT n3 FROM terms WHERE n3 IN (SELECT n3 FROM wanted))
            FROM wanted WHERE n3 NOT IN (SELECT n3 FROM known)
            """,
            dict(params or {}),
        ).fetchone()
        return int(done[0]) if done else 0

    def append_iris(self, query: str, after: int) -> str:
        """Put new IRIs into the dictionary; returns the id of each as SQL, in terms of its n.

        They are the rows (n, iri) of `query`, with n counting on from `after`. None of them may be
        there yet, nor occur twice.
        """
        identifier = f"({self._last_term - after} + n) * 2"
        done = self.con.execute(
            f"""
            INSERT INTO terms
            SELECT {identifier}, '<' || iri || '>', {IRI}, iri,
              NULL, NULL, NULL, NULL FROM ({query})
            """
        ).fetchone()
        self._last_term += int(done[0]) if done else 0
        return identifier

    def index_terms(self) -> None:
        """Let the ids of a few terms be found without looking at all; loading is slower then."""
        self.con.execute("CREATE INDEX IF NOT EXISTS terms_by_n3 ON terms(n3)")

    def ids_of(self, n3s: Iterable[str]) -> dict[str, int]:
        """The ids of those of these N-Triples terms that the dictionary holds."""
        wanted = list(dict.fromkeys(n3s))
        if len(wanted) > _FEW:
            return dict(
                self.rows(
                    "SELECT n3, id FROM terms WHERE n3 IN (SELECT unnest($wanted))",
                    {"wanted": wanted},
                )
            )
        if not wanted:
            return {}
        params = {f"t{place}": n3 for place, n3 in enumerate(wanted)}
        listed = ", ".join(f"${name}" for name in params)
        return dict(self.rows(f"SELECT n3, id FROM terms WHERE n3 IN ({listed})", params))

    def ids(self, n3s: Iterable[str]) -> dict[str, int]:
        """The ids of terms, those that are new put into the dictionary."""
        wanted = list(dict.fromkeys(n3s))
        known = self.ids_of(wanted)
        if fresh := [n3 for n3 in wanted if n3 not in known]:
            self.add_terms("SELECT unnest($fresh)", {"fresh": fresh})
            known |= self.ids_of(fresh)
        return known

    def id_of(self, n3: str) -> int:
        """The id of a term, put into the dictionary if it is new."""
        if n3 not in self._constants:
            self._constants |= self.ids([n3])
        return self._constants[n3]

    def learn(self, n3s: Iterable[str]) -> None:
        """Look up the ids of many terms at once, so that `id_of` has them at hand."""
        wanted = [n3 for n3 in dict.fromkeys(n3s) if n3 not in self._constants]
        if wanted:
            self._constants |= self.ids(wanted)

    # -- tables ----------------------------------------------------------------------------------

    def build(self, visible: str) -> None:
        """Make one table for each predicate from the rows (s, p, o, c, r) of `visible`.

        Types are closed over the sub-classes that the background declares.
        """
        con = self.con
        con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE triples AS
            SELECT s, p, o, min(c) AS c, row_number() OVER (ORDER BY p, s, o) AS t, max(r) AS r
            FROM ({visible}) GROUP BY s, p, o
            """
        )
        self.next_triple = int(self.value("SELECT coalesce(max(t), 0) + 1 FROM triples"))
        for predicate, identifier in con.execute(
            "SELECT DISTINCT terms.lex, p FROM triples JOIN terms ON terms.id = p ORDER BY 1"
        ).fetchall():
            self.predicates[predicate] = identifier
            self._filled[predicate] = self.next_triple
            con.execute(
                f"CREATE TABLE {quoted(predicate)} AS"
                " SELECT s, o, c::TINYINT AS c, t, r::INTEGER AS r FROM triples"
                f" WHERE p = {identifier}{_BY_CLASS if predicate == RDF_TYPE else ''}"
            )
        con.execute("DROP TABLE triples")
        self._classes |= {
            cls for (cls,) in self.rows(f"SELECT DISTINCT o FROM {self.table(RDF_TYPE)}")
        }
        self.superclasses = self._read_superclasses()
        self._close_types(0)

    def table(self, predicate: str) -> str:
        """The quoted name of a predicate's table, made empty if nothing uses the predicate yet."""
        if predicate not in self.predicates:
            self.predicates[predicate] = self.id_of(f"<{predicate}>")
            self.con.execute(
                f"CREATE TABLE {quoted(predicate)}"
                "(s BIGINT, o BIGINT, c TINYINT, t BIGINT, r INTEGER)"
            )
        return quoted(predicate)

    def clear(self) -> None:
        """Take the tables of all predicates away; terms and quads stay."""
        for predicate in self.predicates:
            self.con.execute(f"DROP TABLE {quoted(predicate)}")
        self.predicates.clear()
        self._filled.clear()
        self._classes.clear()

    def begin(self) -> Memo:
        """Begin changes that will be kept together, or undone with what this returns."""
        self.con.execute("BEGIN")
        self.changing = True
        return Memo(
            dict(self.predicates), self.next_triple, self.superclasses, dict(self._constants),
            dict(self._filled), set(self._classes), set(self._lower), self._last_term,
            self._simple,
        )  # fmt: skip

    def keep(self) -> None:
        """Keep what was changed since `begin`."""
        self.con.execute("COMMIT")
        self.changing = False

    def undo(self, memo: Memo) -> None:
        """Be as at `begin` again."""
        while self.changing:
            with suppress(duckdb.InterruptException):  # meant for what was changing
                self.con.execute("ROLLBACK")
                self.changing = False
        self.predicates, self.next_triple, self.superclasses, self._constants = memo[:4]
        self._filled, self._classes, self._lower, self._last_term, self._simple = memo[4:]

    def may_hold(self, what: str) -> bool:
        """Whether there may be triples of a predicate, or members of a class (`a <class>`)."""
        if what.startswith("a <"):
            return self.id_of(what.removeprefix("a ")) in self._classes
        return what in self._filled

    def filled_since(self, start: int) -> list[str]:
        """The predicates that may have triples numbered from `start` on."""
        return sorted(name for name, end in self._filled.items() if end > start)

    def note(self, predicate: str, values: Iterable[int]) -> None:
        """Take note that triples with these values were put into a predicate's table."""
        self._filled[predicate] = self.next_triple
        if predicate == RDF_TYPE:
            self._classes |= {*values}

    def add(self, predicate: str, rows: str, rule: int) -> int:
        """Add the triples (s, o, c) of the query `rows` that are new; returns how many were."""
        return self.add_each(predicate, f"SELECT s, o, c, {rule} AS r FROM ({rows})")

    def add_each(self, predicate: str, rows: str) -> int:
        """The same for triples (s, o, c, r), each with the number of the rule that infers it.

        One that is known already counts as new where it is now more certain than it was. Where
        several rules infer one, it is put down to the first of those that are the most certain.
        """
        start = self.next_triple
        found, classes = self._add_better(predicate, rows)
        if self._lower.intersection(classes):
            self._close_types(start)
        elif found and predicate == RDFS + "subClassOf":
            self.superclasses = self._read_superclasses()
            self._close_types(0)
        return found

    def append(self, predicate: str, rows: str, number: int, *, cls: int | None = None) -> None:
        """Add triples (s, o, c, r) of which none is known yet, in the order of `n`.

        `n` counts on from `number`. Of types, `cls` is the only one that they give.
        """
        done = self.con.execute(
            f"INSERT INTO {self.table(predicate)}"
            f" SELECT s, o, c, {self.next_triple - number} + n, r FROM ({rows})"
        ).fetchone()
        self.next_triple += int(done[0]) if done else 0
        self.note(predicate, [] if cls is None else [cls])
        if cls is not None and cls in self._lower:
            self._close_types(self.next_triple - (int(done[0]) if done else 0))

    def _add_better(self, predicate: str, rows: str) -> tuple[int, list[int]]:
        """How many triples were new or better; and the classes of those that give types."""
        table = self.table(predicate)
        start = self.next_triple
        made = (
            "SELECT s, o, best.c, best.r FROM ("
            f"SELECT s, o, min(struct_pack(c := c, r := r)) AS best FROM ({rows})"
            " WHERE s IS NOT NULL AND o IS NOT NULL AND s % 2 = 0 GROUP BY s, o)"
        )
        numbered = f"SELECT s, o, c, {start} + row_number() OVER (ORDER BY s, o) - 1, r"
        typing = predicate == RDF_TYPE
        classes: list[int] = []
        if predicate not in self._filled and not typing:
            done = self.con.execute(f"INSERT INTO {table} {numbered} FROM ({made})").fetchone()
            found = int(done[0]) if done else 0
        else:
            self.con.execute(
                f"""
                CREATE OR REPLACE TEMP TABLE fresh AS
                SELECT made.*, known.s IS NOT NULL AS better
                FROM ({made}) AS made LEFT JOIN {table} AS known USING (s, o)
                WHERE known.s IS NULL OR made.c < known.c
                """
            )
            kinds = "coalesce(list(DISTINCT o), [])" if typing else "[]"
            found, better, classes = self.rows(
                f"SELECT count(*), bool_or(better), {kinds} FROM fresh"
            )[0]
            if better:
                self.con.execute(
                    f"DELETE FROM {table} WHERE (s, o) IN (SELECT s, o FROM fresh WHERE better)"
                )
            if found:
                by_class = _BY_CLASS if typing else ""
                self.con.execute(f"INSERT INTO {table} {numbered} FROM fresh{by_class}")
        if found:
            self.next_triple += found
            self.note(predicate, classes)
        return int(found), classes

    def forget_inferred(self) -> None:
        """Take out of the tables all that was inferred; types stay closed over sub-classes."""
        for predicate in self.predicates:
            self.con.execute(f"DELETE FROM {quoted(predicate)} WHERE r NOT IN ({STATED}, {AS_OF})")
        self.superclasses = self._read_superclasses()
        self._close_types(0)

    def _read_superclasses(self) -> list[tuple[str, str]]:
        """Each class of the background with each class above it, near or far."""
        above = self.table(RDFS + "subClassOf")
        self._lower = {low for (low,) in self.rows(f"SELECT DISTINCT s FROM {above}")}
        return self.con.execute(
            f"""
            WITH RECURSIVE above(low, high) AS (
              SELECT s, o FROM {quoted(RDFS + "subClassOf")}
              UNION SELECT low, o FROM above JOIN {quoted(RDFS + "subClassOf")} ON s = high)
            SELECT a.lex, b.lex FROM above JOIN terms a ON a.id = low JOIN terms b ON b.id = high
            WHERE low <> high AND a.cls = {IRI} AND b.cls = {IRI} ORDER BY 1, 2
            """
        ).fetchall()

    def _close_types(self, start: int) -> None:
        """Give what was typed since `start` the classes above its own as well."""
        sub = quoted(RDFS + "subClassOf")
        self._add_better(
            RDF_TYPE,
            f"""
            WITH RECURSIVE above(low, high) AS (
              SELECT s, o FROM {sub} UNION SELECT low, o FROM above JOIN {sub} ON s = high)
            SELECT typed.s, above.high AS o, typed.c, {SUBCLASS} AS r
            FROM {quoted(RDF_TYPE)} AS typed JOIN above ON above.low = typed.o
            WHERE typed.t >= {start} AND above.high % 2 = 0
            """,
        )

    # -- reading ---------------------------------------------------------------------------------

    def rows(self, query: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.con.execute(query, dict(params or {})).fetchall()

    def value(self, query: str, params: Mapping[str, Any] | None = None) -> Any:
        """The only value of a query."""
        row = self.con.execute(query, dict(params or {})).fetchone()
        return row[0] if row else None

    def labels(self, ids: Iterable[int]) -> dict[int, str]:
        """What to call each of these terms in a sentence: its label, a short IRI, or its value.

        A list is called by its members.
        """
        wanted = list(dict.fromkeys(ids))
        rows = self.rows(self.named("SELECT unnest($wanted) AS id"), {"wanted": wanted})
        called = {identifier: name for identifier, _, name in rows}
        unnamed = [identifier for identifier, n3, _ in rows if n3.startswith("_:")]
        if unnamed and FIRST in self.predicates and REST in self.predicates:
            called |= self._lists(unnamed)
        return called

    def _lists(self, nodes: Iterable[int]) -> dict[int, str]:
        """The nodes that begin a list, called by its members, at most twenty of each."""
        members = self.rows(
            f"""
            WITH RECURSIVE cells AS (
              SELECT DISTINCT s AS list, s AS cell, 0 AS place FROM {self.table(FIRST)}
              WHERE s IN (SELECT unnest($nodes::BIGINT[]))
              UNION
              SELECT list, o, place + 1 FROM cells JOIN {self.table(REST)} ON s = cell
              WHERE place < 20)
            SELECT list, o FROM cells JOIN {self.table(FIRST)} ON s = cell WHERE r = {STATED}
            ORDER BY list, place
            """,
            {"nodes": list(nodes)},
        )
        within = sorted({member for _, member in members})
        rows = self.rows(self.named("SELECT unnest($within::BIGINT[]) AS id"), {"within": within})
        names = {identifier: name for identifier, _, name in rows}
        found: dict[int, list[str]] = {}
        for head, member in members:
            found.setdefault(head, []).append(names[member])
        return {head: f"({', '.join(some)})" for head, some in found.items()}

    def labelled(self, iris: Sequence[str]) -> set[tuple[str, str, str]]:
        """All labels of these things: IRI, text, and the literal as N-Triples."""
        return set(
            self.rows(
                f"""
                SELECT named.lex, label.lex, label.n3
                FROM (SELECT s, o FROM {self.table(LABEL)}
                      UNION ALL SELECT s, o FROM {self.table(PREF_LABEL)})
                  JOIN terms named ON named.id = s JOIN terms label ON label.id = o
                WHERE named.n3 IN (SELECT '<' || unnest($iris::VARCHAR[]) || '>')
                """,
                {"iris": list(iris)},
            )
        )

    def named(self, ids: str) -> str:
        """A query for the rows (id, n3, name): the same names, for the ids of the query `ids`(id).

        What has no label is called by the last part of its IRI, or by its value. A label that is
        stated goes before one that is handed on, as by the same thing under another IRI.
        """
        label, pref = self.table(LABEL), self.table(PREF_LABEL)
        return f"""
            WITH asked AS MATERIALIZED ({ids}),
            labelled AS (
              SELECT s AS id, first(lex
                ORDER BY CASE lang WHEN 'en' THEN 0 WHEN '' THEN 1 ELSE 2 END, r <> {STATED}, lex)
                AS label
              FROM (SELECT s, o, r FROM {label} UNION ALL SELECT s, o, r FROM {pref})
                JOIN terms ON terms.id = o
              WHERE s IN (SELECT id FROM asked) GROUP BY s)
            SELECT asked.id, terms.n3, coalesce(nullif(label, ''), readable(lex, cls)) AS name
            FROM asked JOIN terms USING (id) LEFT JOIN labelled USING (id)
            """


_FEW = 16
"""Up to so many terms are looked up by the index, if there is one."""

FIRST, REST = RDF + "first", RDF + "rest"
LABEL = RDFS + "label"
PREF_LABEL = SKOS + "prefLabel"

MOST_ON_DISK = "40GB"
"""How much of the disk may be taken by what does not fit in memory."""


def _connected(limits: Limits) -> duckdb.DuckDBPyConnection:
    folder = limits.folder or Path(tempfile.gettempdir())
    if not folder.is_dir():
        raise SourceError(
            "there is no such folder for what does not fit in memory.", where=str(folder)
        )
    wanted: dict[str, Any] = {
        "temp_directory": str(folder / f"holdfast-{uuid4().hex}"),
        "max_temp_directory_size": MOST_ON_DISK,
        "autoinstall_known_extensions": False,  # nothing is fetched from the web
    }
    if limits.memory is not None:
        wanted["memory_limit"] = limits.memory
    if limits.threads is not None:
        wanted["threads"] = limits.threads
    try:
        con = duckdb.connect(config=wanted)
    except duckdb.Error as error:
        raise SourceError(
            f"the limits cannot be set: {str(error).splitlines()[0].rstrip('.')}.",
            mend="Write memory as 2GB or 500MB, and threads as a number from 1.",
        ) from None
    # DuckDB 2.0 loses columns in it where OPTIONAL stands within OPTIONAL within EXISTS
    con.execute("SET disabled_optimizers = 'projection_pullup'")
    return con


def _patterned(file: Path) -> bool:
    """Whether DuckDB would read the name of a file as a pattern for several."""
    return any(sign in str(file.resolve()) for sign in "*?[{")
