"""One call: a mapping and tables in, a register out, or every problem and nothing at all."""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import duckdb
import pyoxigraph as ox

from holdfast.errors import SourceError, printable
from holdfast.limits import Progress
from holdfast.tables.checks import (
    check,
    foreign_key_problems,
    load,
    make_views,
    name,
    table_iri,
    try_out,
)
from holdfast.tables.overlaps import common_parts
from holdfast.tables.package import DESCRIPTION, Mapping, MappingError, Table
from holdfast.tables.problems import Problem, TableError
from holdfast.tables.quads import lines_of, spelt
from holdfast.tables.reading import Place, needed, places_of
from holdfast.vocabulary import DCTERMS, HF, RDF_TYPE, RDFS, XSD

_FORMATS = {".nq": ox.RdfFormat.N_QUADS, ".trig": ox.RdfFormat.TRIG}
_PREFIXES = {
    "dcterms": DCTERMS,
    "hf": HF,
    "prov": "http://www.w3.org/ns/prov#",
    "rdfs": RDFS,
    "xsd": XSD,
}
_LIBRARIES = ("pandas", "ruamel.yaml", "morph_kgc")


@dataclass(frozen=True)
class Imported:
    """What an import read and made.

    `seconds` is keyed by step: read, check, map, overlaps, write. `doubts` are what looks wrong in
    the tables and was taken as it is.
    """

    register: str
    tables: int
    rows: int
    quads: int
    seconds: dict[str, float]
    doubts: tuple[Problem, ...] = ()


def import_register(
    mapping: Mapping,
    sources: Sequence[str],
    output: Path | None,
    *,
    encoding: str | None = None,
    register: str | None = None,
    progress: Progress = lambda step, done, total: None,
) -> Imported:
    """Make a register of tables and write it to `output`, or to standard output where None.

    `encoding` is that of every CSV, `register` the register's IRI, where they are not what the
    mapping says. The output is put in its place when it is whole. The same tables give the same
    bytes.

    Raises TableError with all problems of the tables; MappingError; SourceError.
    """
    for library in _LIBRARIES:
        needed(library)
    form = _format_of(output)
    clock = _Clock()
    places = places_of(mapping, sources)
    with duckdb.connect() as connection:
        for table in mapping.tables:
            try_out(connection, table, str(mapping.folder / DESCRIPTION))
        connection.execute("SET preserve_insertion_order = true")
        connection.execute("SET threads = 1")  # with more, any_value() is now one, now another
        rows = _load(connection, mapping, places, encoding, progress)
        clock.done("read")
        progress("Checking", 0, 1)
        doubts = _check(connection, mapping, places)
        address = register or _register_of(connection, mapping, places)
        make_views(connection, mapping, address)
        _check_keys(connection, mapping, places)
        clock.done("check")
        lines, unmade = lines_of(connection, mapping, address, places, progress)
    lines |= _described(mapping, address, places)
    clock.done("map")
    quads = spelt(sorted(lines), mapping)
    if mapping.overlaps:
        progress("People in common", 0, 1)
        quads += spelt(sorted(common_parts(lines, address)), mapping)
        clock.done("overlaps")
    progress("Writing", 0, 1)
    _write(quads, output, form)
    clock.done("write")
    return Imported(address, len(places), rows, len(quads), clock.seconds, (*unmade, *doubts))


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.last = time.perf_counter()

    def done(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step], self.last = now - self.last, now


def _load(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    places: dict[str, Place],
    encoding: str | None,
    progress: Progress,
) -> int:
    connection.execute("CREATE SCHEMA raw")
    connection.execute("CREATE SCHEMA checked")
    total = 0

    def count(rows: int) -> None:
        nonlocal total
        total += rows

    problems: list[Problem] = []
    for at, table in enumerate(mapping.tables):
        if table.name in places:
            progress(f"Reading {table.name}", at, len(mapping.tables))
            place = places[table.name]
            problems += load(
                connection,
                table,
                place,
                encoding=None if table.own else encoding,
                progress=count,
            )
        else:
            columns = ", ".join(f"{name(field.name)} VARCHAR" for field in table.fields)
            connection.execute(f"CREATE TABLE raw.{name(table.name)} (_row BIGINT, {columns})")
    if problems:  # values are checked too, so that one run tells everything
        for table in mapping.tables:
            if table.name in places:
                problems += check(connection, table, places[table.name])
        raise TableError(_in_order(problems, places))
    return total


def _check(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, places: dict[str, Place]
) -> list[Problem]:
    problems: list[Problem] = []
    for table in mapping.tables:
        problems += check(connection, table, places.get(table.name, Place(table.path)))
    if any(problem.grave for problem in problems):
        raise TableError(_in_order(problems, places))
    return _in_order(problems, places)


def _check_keys(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, places: dict[str, Place]
) -> None:
    problems: list[Problem] = []
    for table in mapping.tables:
        for key in table.foreign_keys if table.name in places else ():
            try:
                problems += foreign_key_problems(connection, table, key, places[table.name])
            except duckdb.Error as error:
                raise MappingError(
                    f"the foreign key to {key.table} cannot be followed: "
                    f"{printable(str(error).splitlines()[0])}.",
                    where=f"{mapping.folder / DESCRIPTION}: resource {table.name}",
                    mend="Name a table of the package or a view, and columns that it has.",
                ) from None
    if problems:
        raise TableError(_in_order(problems, places))


def _in_order(problems: Sequence[Problem], places: dict[str, Place]) -> list[Problem]:
    """Problems table by table, and row by row within."""
    files = {place.shown: at for at, place in enumerate(places.values())}
    return sorted(
        problems,
        key=lambda each: (files.get(each.file, -1), min(each.rows, default=0), each.column),
    )


def _register_of(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, places: dict[str, Place]
) -> str:
    if isinstance(mapping.register, str):
        return mapping.register
    table, field = mapping.register
    found = connection.execute(
        f"SELECT {name(field)} FROM checked.{name(table)} ORDER BY _row LIMIT 1"
    ).fetchall()
    if not found or "://" not in str(found[0][0]):
        place = places.get(table)
        raise TableError(
            [
                Problem(
                    place.shown if place else table,
                    "the register has no address on the web.",
                    "Give one that begins with https://, or say --register IRI.",
                    column=field,
                )
            ]
        )
    return str(found[0][0])


def _described(mapping: Mapping, register: str, places: dict[str, Place]) -> set[str]:
    """What a register says of itself and of the tables that it was made from."""
    lines = [
        (register, RDF_TYPE, _iri(f"{HF}Register")),
        (register, f"{RDFS}label", _english(mapping.title)),
        (register, f"{DCTERMS}description", _english(mapping.description)),
        (register, f"{DCTERMS}publisher", _literal(mapping.publisher)),
        (register, f"{DCTERMS}license", _iri_or_text(mapping.licence)),
        (register, f"{DCTERMS}issued", _date(mapping.issued)),
    ]
    for table in mapping.tables:
        if table.name in places:
            lines += _table_described(table, table_iri(register, table), register, places)
    return {
        f"<{subject}> <{predicate}> {value} <{register}>"
        for subject, predicate, value in lines
        if value
    }


def _table_described(
    table: Table, address: str, register: str, places: dict[str, Place]
) -> list[tuple[str, str, str]]:
    return [
        (register, f"{DCTERMS}source", _iri(address)),
        (address, RDF_TYPE, _iri("http://www.w3.org/ns/prov#Entity")),
        (address, f"{DCTERMS}title", _english(table.title)),
        (address, f"{DCTERMS}identifier", _literal(Path(places[table.name].address).name)),
        (address, f"{DCTERMS}publisher", _literal(table.publisher)),
        (address, f"{DCTERMS}license", _iri_or_text(table.licence)),
        (address, f"{DCTERMS}issued", _date(table.issued)),
        (address, f"{DCTERMS}source", _iri_or_text(table.source)),
    ]


def _iri(address: str) -> str:
    return f"<{address}>"


def _literal(words: str) -> str:
    return str(ox.Literal(words)) if words else ""


def _english(words: str) -> str:
    return str(ox.Literal(words, language="en")) if words else ""


def _date(day: str) -> str:
    return str(ox.Literal(day, datatype=ox.NamedNode(f"{XSD}date"))) if len(day) == 10 else ""


def _iri_or_text(words: str) -> str:
    return _iri(words) if words.startswith(("http://", "https://")) else _literal(words)


def _format_of(output: Path | None) -> ox.RdfFormat:
    if output is None:
        return ox.RdfFormat.N_QUADS
    suffixes = [each.lower() for each in output.suffixes if each.lower() != ".gz"]
    form = _FORMATS.get(suffixes[-1]) if suffixes else None
    if form is None:
        raise SourceError(
            "a register is written as .nq or .trig, each also with .gz.",
            where=str(output),
            mend="Choose one of these endings.",
        )
    return form


def _write(quads: Sequence[ox.Quad], output: Path | None, form: ox.RdfFormat) -> None:
    if output is None:
        ox.serialize(quads, sys.stdout.buffer, format=form)
        return
    try:
        handle, made = tempfile.mkstemp(dir=output.parent or ".", prefix=f".{output.name}-")
    except OSError as error:
        raise SourceError(
            f"nothing can be written there: {error.strerror}.", where=str(output)
        ) from None
    temporary = Path(made)
    try:
        with os.fdopen(handle, "wb") as out:
            if output.suffix.lower() == ".gz":
                with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
                    _serialise(quads, packed, form)
            else:
                _serialise(quads, out, form)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(output)
    except OSError as error:
        raise SourceError(
            f"the register cannot be written: {error.strerror}.",
            where=str(output),
            mend="Free some disk space, or choose another folder.",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _serialise(quads: Sequence[ox.Quad], out: IO[bytes] | Any, form: ox.RdfFormat) -> None:
    if form == ox.RdfFormat.TRIG:
        ox.serialize(quads, out, format=form, prefixes=_PREFIXES)
    else:
        ox.serialize(quads, out, format=form)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
