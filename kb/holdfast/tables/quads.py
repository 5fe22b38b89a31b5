"""Rows to quads: a YARRRML mapping run by morph-kgc over the tables and views in DuckDB."""

from __future__ import annotations

import io
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyoxigraph as ox

from holdfast.errors import printable
from holdfast.limits import Progress
from holdfast.tables.checks import name
from holdfast.tables.entries import (
    NOTHING,
    REFERENCE,
    Entry,
    check_values,
    entry_of,
    expanded,
)
from holdfast.tables.package import QUADS, Mapping, MappingError
from holdfast.tables.reading import needed
from holdfast.vocabulary import nearest

PROV_FROM = "http://www.w3.org/ns/prov#wasDerivedFrom"
_BEGUN = re.compile(r"(\$\([^)]*\)(?!~(?:iri|lang)\b)[^$]+)")


def lines_of(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    register: str,
    progress: Progress = lambda step, done, total: None,
) -> set[str]:
    """The quads that the mapping makes of the tables, as lines of N-Quads without their full stop.

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
                raise MappingError(
                    f"its source cannot be read: {printable(str(error).splitlines()[0])}.",
                    where=entry.where,
                    mend="Mend the view or the query: try_cast gives an empty cell for what "
                    "cannot be converted.",
                ) from None
            check_values(connection, entry, table, columns)
            one = _spoken(entry, table, columns, register, traced)
            if (kept := _with_rows(connection, table, one)) is not None:
                joined[f"entry-{len(joined)}"] = kept
    progress("Mapping", 0, 1)
    if not joined:
        return set()
    with _spoken_to(connection), TemporaryDirectory(prefix="holdfast-") as folder:
        file = Path(folder) / "mapping.yaml"
        with file.open("w", encoding="utf-8") as out:
            _yaml().dump({"mappings": joined}, out)
        return _carried_out(file, place)


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
