"""Rows to quads: a YARRRML mapping run by morph-kgc over the tables and views in DuckDB."""

from __future__ import annotations

import io
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Keyed
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyoxigraph as ox

from holdfast.errors import printable
from holdfast.limits import Progress
from holdfast.tables.checks import name, with_source
from holdfast.tables.entries import (
    NOTHING,
    REFERENCE,
    Entry,
    check_values,
    entry_of,
    expanded,
)
from holdfast.tables.package import QUADS, Mapping, MappingError, Table
from holdfast.tables.problems import Problem
from holdfast.tables.reading import Place, needed
from holdfast.vocabulary import nearest

PROV_FROM = "http://www.w3.org/ns/prov#wasDerivedFrom"
_BEGUN = re.compile(r"(\$\([^)]*\)(?!~(?:iri|lang)\b)[^$]+)")


def lines_of(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    register: str,
    places: Keyed[str, Place],
    progress: Progress = lambda step, done, total: None,
) -> tuple[set[str], list[Problem]]:
    """The quads that the mapping makes of the tables, as lines of N-Quads without their full stop,
    and the rows of which an entry makes nothing although they say something.

    Each entry of the mapping whose rows have a `_source` states it for its subjects. Quads are in
    the register's graph unless the entry names another.

    Raises MappingError naming what cannot be carried out.
    """
    place = str(mapping.folder / QUADS)
    document = _read(mapping.folder / QUADS)
    entries = document.get("mappings")
    if not isinstance(entries, dict) or not entries:
        raise MappingError("there are no mappings in it.", where=place, mend="Write one.")
    shared = document.get("sources") or {}
    prefixes = {str(key): str(value) for key, value in (document.get("prefixes") or {}).items()}
    read = [entry_of(entry, prefixes, f"{place}: {title}") for title, entry in entries.items()]
    joined: dict[str, Any] = {}
    doubts: list[Problem] = []
    tables = (name(f"rows {number}") for number in itertools.count())
    for at, entry in enumerate(read):
        progress(f"Joining {entry.where.rpartition(': ')[2]}", at, len(read))
        queries = [_query(connection, each, entry.where) for each in _sources(entry, shared)]
        traced = all("_source" in columns for _, columns in queries)
        for query, columns in queries:
            table = next(tables)
            try:
                connection.execute(f"CREATE TABLE {table} AS {query}")
            except duckdb.Error as error:
                culprit = _culprit(connection, query, mapping, register, places)
                raise MappingError(
                    f"its source cannot be read: {printable(str(error).splitlines()[0])}"
                    f"{f' ({culprit})' if culprit else ''}.",
                    where=entry.where,
                    mend="Mend the cell, the view or the query: try_cast gives an empty cell for "
                    "what cannot be converted.",
                ) from None
            doubts += _unmade(connection, entry, table, columns, places)
            check_values(connection, entry, table, columns)
            one = _spoken(entry, table, columns, register, traced)
            if (kept := _with_rows(connection, table, one)) is not None:
                joined[f"entry-{len(joined)}"] = kept
    progress("Mapping", 0, 1)
    if not joined:
        return set(), doubts
    with _spoken_to(connection), TemporaryDirectory(prefix="holdfast-") as folder:
        file = Path(folder) / "mapping.yaml"
        with file.open("w", encoding="utf-8") as out:
            _yaml().dump({"mappings": joined}, out)
        return _carried_out(file, place), doubts


def _culprit(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    mapping: Mapping,
    register: str,
    places: Keyed[str, Place],
) -> str:
    """The row of a table over which a query stumbles, as an error names it; '' where none does.

    The query is asked again with fewer and fewer rows of one table, the others being whole.
    """
    for table in mapping.tables:
        if table.name not in places:
            continue
        view = with_source(table, register)

        def stumbles(wanted: str, table: Table = table, view: str = view) -> bool:
            connection.execute(
                f"CREATE OR REPLACE VIEW {name(table.name)} AS FROM ({view}) WHERE {wanted}"
            )
            try:
                connection.execute(f"SELECT count(COLUMNS(*)) FROM ({query})").fetchall()
            except duckdb.Error:
                return True
            return False

        try:
            if stumbles("false"):
                continue
            listed = connection.execute(f"SELECT _row FROM ({view}) ORDER BY _row").fetchall()
            rows = [int(row) for (row,) in listed]
            first, last = 0, len(rows) - 1
            while first < last:
                middle = (first + last) // 2
                if stumbles(f"_row <= {rows[middle]}"):
                    last = middle
                else:
                    first = middle + 1
            if rows and stumbles(f"_row = {rows[first]}"):
                return f"{places[table.name].shown}, row {rows[first]:,}"
        finally:
            connection.execute(f"CREATE OR REPLACE VIEW {name(table.name)} AS {view}")
    return ""


def _unmade(
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    rows: str,
    columns: Sequence[str],
    places: Keyed[str, Place],
) -> Iterator[Problem]:
    """Rows of which an entry makes nothing for want of an address, although it would say more."""

    def asked(template: str) -> set[str]:
        return {column for column in columns if f"$({column})" in template}

    for subject in entry.subject if isinstance(entry.subject, list) else [entry.subject]:
        told = {column for each in entry.listed for column in asked(each.object)}
        for column in sorted(asked(str(subject))):
            more = sorted(told - asked(str(subject)))
            if not more:
                continue
            source = name("_source") if "_source" in columns else "''"
            said = " OR ".join(f"{name(each)} <> chr({ord(NOTHING)})" for each in more)
            found = connection.execute(
                f"SELECT DISTINCT {source} FROM {rows}"
                f" WHERE {name(column)} = chr({ord(NOTHING)}) AND ({said})"
            ).fetchall()
            by_table: dict[str, list[int]] = {}
            for (address,) in found:
                table, _, row = str(address).rpartition("/tables/")[2].partition("#row=")
                by_table.setdefault(table, []).append(int(row) if row.isdigit() else 0)
            for table, numbers in sorted(by_table.items()):
                title = entry.where.rpartition(": ")[2]
                yield Problem(
                    places[table].shown if table in places else entry.where,
                    f"nothing is made of it by {title}, whose address needs {column}.",
                    f"Fill in what {column} is made of, or leave such rows out:"
                    f" SELECT … WHERE {column} IS NOT NULL.",
                    rows=tuple(sorted(number for number in numbers if number))[:5],
                    count=len(numbers),
                    grave=False,
                )


def _spoken(
    entry: Entry, table: str, columns: Sequence[str], register: str, traced: bool
) -> dict[str, Any]:
    """An entry as morph-kgc takes it, of the rows in one table.

    Prefixes are written out, and columns have plain names, since morph-kgc has prefixes of its own
    that count before those of the mapping, uses some names itself, and cannot read brackets in one.
    """
    plain = {column: f"c{at}" for at, column in enumerate(columns)}
    any_column = re.compile("|".join(re.escape(f"$({column})") for column in columns))

    def spoken(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoken(each) for key, each in value.items()}
        if isinstance(value, list):
            return [spoken(each) for each in value]
        if not isinstance(value, str):
            return value
        said = expanded(value, entry.prefixes)
        said = any_column.sub(lambda found: f"$({plain[found[0][2:-1]]})", said)
        if _BEGUN.fullmatch(said):
            raise MappingError(
                f"{value} begins with a column and goes on, which morph-kgc misreads.",
                where=entry.where,
                mend="Put it together in a query: SELECT iri || '/more' AS address.",
            )
        for wanted in REFERENCE.findall(said):
            if wanted not in plain.values():
                raise MappingError(
                    f"it refers to a column {wanted}, which its source has not.",
                    where=entry.where,
                    mend=f"{nearest(wanted, columns)} Columns: {', '.join(columns)}.".strip(),
                )
        return said

    statements = list(entry.statements)
    if traced:
        statements.append([PROV_FROM, "$(_source)~iri"])
    named = ", ".join(f"{name(column)} AS {alias}" for column, alias in plain.items())
    return {
        "sources": [{"query": f"SELECT {named} FROM {table}"}],
        "graphs": spoken(entry.graphs) if entry.graphs else register,
        "s": spoken(entry.subject),
        "po": spoken(statements),
    }


def _with_rows(
    connection: duckdb.DuckDBPyConnection, table: str, entry: dict[str, Any]
) -> dict[str, Any] | None:
    """An entry without the statements of which no row has all columns.

    morph-kgc fails on such statements. None where nothing is left.
    """
    query = entry["sources"][0]["query"]

    def has_rows(*parts: Any) -> bool:
        columns = {column for part in parts for column in REFERENCE.findall(str(part))}
        wanted = " AND ".join(
            ["true", *(f"{column} <> chr({ord(NOTHING)})" for column in sorted(columns))]
        )
        return bool(
            connection.execute(f"SELECT 1 FROM ({query}) WHERE {wanted} LIMIT 1").fetchall()
        )

    around = [entry["graphs"], entry["s"]]
    kept = [each for each in entry["po"] if has_rows(*around, each)]
    return {**entry, "po": kept} if kept else None


def _carried_out(file: Path, where: str) -> set[str]:
    try:
        made: set[str] = needed("morph_kgc").materialize_set(
            "[CONFIGURATION]\n"
            "number_of_processes: 1\n"
            "output_format: N-QUADS\n"
            "logging_level: CRITICAL\n"
            f"na_values: {NOTHING}\n"
            f"[TABLES]\nmappings: {file}\n"
        )
    except Exception as error:  # morph-kgc raises whatever its libraries do
        reason = printable(str(error).splitlines()[0] if str(error) else repr(error))
        raise MappingError(
            f"morph-kgc cannot carry the mapping out: {reason}.",
            where=where,
            mend="Check its references against the columns of the table or view.",
        ) from None
    return made


def _read(file: Path) -> dict[str, Any]:
    try:
        document = _yaml().load(file.read_text(encoding="utf-8-sig"))
    except Exception as error:  # YAML errors are of many classes
        raise MappingError(
            f"this is not YAML: {printable(' '.join(str(error).split()))}.", where=str(file)
        ) from None
    if not isinstance(document, dict):
        raise MappingError("a mapping has prefixes and mappings.", where=str(file))
    return document


def _yaml() -> Any:
    yaml = needed("ruamel.yaml").YAML(typ="safe", pure=True)
    yaml.width = 1 << 20
    return yaml


def _sources(entry: Entry, shared: dict[str, Any]) -> Iterator[dict[str, Any]]:
    given = entry.sources
    for source in given if isinstance(given, list) else [given]:
        one = shared.get(source) if isinstance(source, str) else source
        if not isinstance(one, dict) or not {"table", "query"} & set(one):
            raise MappingError(
                "a source is a table or a query.",
                where=entry.where,
                mend="Write sources: [{table: NAME}] or [{query: SELECT …}].",
            )
        yield one


def _query(
    connection: duckdb.DuckDBPyConnection, source: dict[str, Any], where: str
) -> tuple[str, list[str]]:
    """SQL that gives a source's rows as texts, and the names of its columns."""
    asked = f"FROM {name(source['table'])}" if "table" in source else str(source["query"])
    try:
        described = connection.execute(f"DESCRIBE ({asked})").fetchall()
    except duckdb.Error as error:
        raise MappingError(
            f"its source cannot be read: {printable(str(error).splitlines()[0])}.",
            where=where,
            mend="Name a table of the Data Package or a view of views.sql.",
        ) from None
    columns = [str(row[0]) for row in described]
    texts = ", ".join(
        f"coalesce({_as_text(name(row[0]), str(row[1]))}, chr({ord(NOTHING)})) AS {name(row[0])}"
        for row in described
    )
    return f"SELECT {texts} FROM ({asked})", columns


def _as_text(column: str, kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return f"regexp_replace(CAST({column} AS VARCHAR), '(\\.\\d+?)0+$|\\.0+$', '\\1')"
    return f"CAST({column} AS VARCHAR)"


@contextmanager
def _spoken_to(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let morph-kgc, which asks DuckDB's default connection, ask this one; and be silent."""
    before = duckdb.default_connection()
    logger = logging.getLogger("morph_kgc")
    duckdb.set_default_connection(connection)
    disabled = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        duckdb.set_default_connection(before)
        logger.disabled = disabled


def spelt(lines: list[str], mapping: Mapping) -> list[ox.Quad]:
    """Lines of N-Quads as quads. Raises MappingError for a line that is not well formed."""
    text = "".join(f"{line} .\n" for line in lines).encode()
    try:
        return list(ox.parse(io.BytesIO(text), format=ox.RdfFormat.N_QUADS))
    except SyntaxError as error:
        line = lines[(error.lineno or 1) - 1]
        raise MappingError(
            f"the mapping makes what is not RDF: {printable(line)} "
            f"({printable(str(error.msg).rpartition(': ')[2])}).",
            where=str(mapping.folder / QUADS),
            mend="An address may hold no spaces: use slug(…) in a view, or a template.",
        ) from None
