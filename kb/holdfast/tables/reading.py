"""Tables as they lie about: CSV, Excel, JSON and databases, read as text, row by row."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import importlib
import itertools
import json
import lzma
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, SourceError, printable
from holdfast.tables.package import Mapping, Table
from holdfast.tables.problems import Problem, TableError, quoted
from holdfast.vocabulary import nearest

LONGEST_CELL = 1 << 20
"""A cell of more characters than this is taken for a quotation mark that was never closed."""

_PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
_EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_DATABASES = (".sqlite", ".sqlite3", ".db")
_COLUMNS_NAMED = 20
_ROWS_SEARCHED = 20
"""So far down is a heading looked for that is not where it should be."""
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""What a text begins with, and the encoding that it tells."""
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Place:
    """Where a table lies: a file, the sheet of a workbook, or a database's address and a table."""

    address: str
    table: str = ""
    sheet: str = ""

    @property
    def shown(self) -> str:
        """The place as an error names it."""
        for word, name in (("table", self.table), ("sheet", self.sheet)):
            if name:
                return f"{self.address}, {word} {name}"
        return self.address


def places_of(mapping: Mapping, sources: Sequence[str]) -> dict[str, Place]:
    """Where each table of a mapping lies among the sources, by the table's name.

    A source is a folder, a file, a database's address (SQLAlchemy), or `table=file`. Tables that
    need not be there are left out where they are not. Raises TableError naming every table that
    is missing, SourceError for a source that is none.
    """
    named: dict[str, Place] = {}
    folders: list[Path] = []
    files: list[Path] = []
    databases: list[str] = []
    known = {table.name: table for table in mapping.tables}
    for source in sources:
        name, equals, rest = source.partition("=")
        if equals and name in known:
            named[name] = (
                Place(rest, name) if "://" in rest or _suffix(rest) in _DATABASES else Place(rest)
            )
            if "://" not in rest:
                _exists(Path(rest), rest)
        elif "://" in source:
            databases.append(source)
        elif Path(source).is_dir():
            folders.append(Path(source))
        else:
            _exists(Path(source), source)
            if _suffix(source) in _DATABASES:
                databases.append(source)
            else:
                files.append(Path(source))
    lone = [table for table in mapping.tables if not table.own and not table.optional]
    problems: list[Problem] = []
    used: set[Path] = set()
    for table in mapping.tables:
        if table.name in named:
            continue
        if table.own:
            named[table.name] = Place(str(mapping.folder / table.path))
            continue
        found = _found(table, folders, files)
        if found is None and len(files) == 1 and len(lone) == 1 and table is lone[0]:
            found = files[0]
        if found is not None:
            named[table.name] = Place(str(found))
            used.add(found)
        elif held := next((each for each in databases if table.name in _tables_in(each)), None):
            named[table.name] = Place(held, table.name)
        elif not table.optional:
            problems.append(
                Problem(
                    table.path,
                    f"the table {table.name} is in none of the sources.",
                    f"Give the folder in which it lies, or say {table.name}=FILE.",
                )
            )
    for file in files:
        if file not in used and Place(str(file)) not in named.values():
            expected = ", ".join(table.path for table in mapping.tables[:_COLUMNS_NAMED])
            problems.append(
                Problem(
                    str(file),
                    "no table of the mapping has this name.",
                    f"The mapping takes {expected}; or say TABLE={file}.",
                )
            )
    if problems:
        raise TableError(problems)
    return {
        name: replace(place, sheet=known[name].sheet or "")
        if _suffix(place.address) in _EXCEL
        else place
        for name, place in named.items()
    }


def _found(table: Table, folders: Sequence[Path], files: Sequence[Path]) -> Path | None:
    path = Path(table.path)
    for folder in folders:
        for candidate in (folder / path, folder / path.name):
            for suffix in ("", *_PACKED):
                if (packed := candidate.with_name(candidate.name + suffix)).is_file():
                    return packed
            plain = candidate.with_name(candidate.stem)
            if candidate.suffix in _PACKED and plain.is_file():  # the table was unpacked
                return plain
    for file in files:
        if _bare(file.name) == _bare(path.name):
            return file
        if table.sheet and _suffix(file.name) in _EXCEL and table.sheet in _sheets(file):
            return file
    if table.sheet:  # a workbook may have been saved as a CSV for each sheet
        for folder in folders:
            for suffix in (".csv", ".csv.gz"):
                if (sheet := folder / f"{table.sheet}{suffix}").is_file():
                    return sheet
    return None


def _exists(path: Path, source: str) -> None:
    if not path.exists():
        raise SourceError(
            "there is no such file or folder.", where=source, mend="Check the spelling of the path."
        )


def _suffix(name: str) -> str:
    """The suffix that tells the format: that of the packed file where it is packed."""
    path = Path(name)
    return Path(path.stem).suffix.lower() if path.suffix.lower() in _PACKED else path.suffix.lower()


def _bare(name: str) -> str:
    return Path(name).stem.lower() if Path(name).suffix.lower() in _PACKED else name.lower()


def rows_of(
    table: Table, place: Place, encoding: str | None = None
) -> Iterator[tuple[int, list[str | None]] | Problem]:
    """The rows of a table as text, in the order of its fields, each with its number.

    Rows count from 1 and include the heading, in JSON and databases from the first record. What
    is wrong with the form of a row is given in its place; where that is a column that is missing,
    or text that cannot be read, it is the last thing given.
    """
    suffix = _suffix(place.address)
    if place.table:
        return _by_name(table, place, _told(place, _database_records(place)))
    if suffix in _EXCEL:
        return _by_position(table, place, _excel_rows(table, place))
    if suffix in (".json", ".geojson", ".jsonl", ".ndjson"):
        return _by_name(table, place, _json_records(table, place, suffix))
    return _by_position(table, place, _csv_rows(table, place, encoding))


def _by_position(
    table: Table, place: Place, rows: Iterable[tuple[int, list[str]] | Problem]
) -> Iterator[tuple[int, list[str | None]] | Problem]:
    """Rows whose cells stand under a heading."""
    positions: list[int | None] | None = None
    width = 0
    broken = False
    heading: list[list[str]] = []
    rows = iter(rows)
    for row in rows:
        if isinstance(row, Problem):
            broken = True
            yield row
            continue
        number, cells = row
        if number in table.comment_rows or (
            table.comment_char and cells and cells[0].lstrip().startswith(table.comment_char)
        ):
            continue
        if positions is None:
            if table.header:
                if number in table.header_rows:
                    heading.append([_plain(cell) for cell in cells])
                if number < table.header_rows[-1]:
                    continue
                names = _joined(heading, table.header_join)
            else:
                names = [_plain(field.name) for field in table.fields]
            found = list(_heading_problems(table, place, names, number if table.header else 0))
            if found:
                yield from _heading_below(table, place, heading, rows) or found
                return
            positions = [
                names.index(name) if (name := _plain(field.name)) in names else None
                for field in table.fields
            ]
            while names and not names[-1]:
                names.pop()
            width = len(names)
            if table.header:
                continue
        if not any(cells):
            continue
        surplus = any(cells[width:]) if len(cells) > width else len(cells) < width
        if surplus:
            yield Problem(
                place.shown,
                f"the row has {len(cells):,} cells, the heading {width:,}.",
                f"Look for a {_SIGNS.get(table.delimiter, quoted(table.delimiter))} or a quotation "
                "mark too many or too few.",
                rows=(number,),
                count=1,
            )
            continue
        yield number, [None if at is None else cells[at] for at in positions]
    if positions is None and not broken:
        yield Problem(place.shown, "the table is empty.", "Give a table with a heading.")


def _plain(name: str) -> str:
    """A column's name on one line, as a heading may be broken to fit."""
    return " ".join(name.split())


_SIGNS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


def _joined(rows: Sequence[Sequence[str]], between: str) -> list[str]:
    """The names of columns whose heading takes up several rows, as a spreadsheet merges cells.

    What stands over a cell is joined to it; an empty cell over a filled one goes on with what is
    to its left.
    """
    names: list[list[str]] = [[] for _ in range(max(map(len, rows), default=0))]
    for at, row in enumerate(rows):
        said = ""
        for column, name in enumerate(names):
            own = row[column] if column < len(row) else ""
            below = any(column < len(under) and under[column] for under in rows[at + 1 :])
            said = own or (said if below else "")
            if said:
                name.append(said)
    return [between.join(name) for name in names]


def _heading_below(
    table: Table,
    place: Place,
    heading: Sequence[Sequence[str]],
    rows: Iterator[tuple[int, list[str]] | Problem],
) -> list[Problem]:
    """Told instead of missing columns, where rows further down name them."""
    wanted = {_plain(field.name) for field in table.fields if not field.optional}
    names = _joined(heading, table.header_join)
    missing = wanted - set(names)
    filled = [at for at, name in enumerate(names) if name in wanted]
    for row in itertools.islice(rows, _ROWS_SEARCHED) if table.header else ():
        if isinstance(row, Problem):
            continue
        number, cells = row[0], [_plain(cell) for cell in row[1]]
        if wanted <= set(cells):
            return [
                Problem(
                    place.shown,
                    "the heading is not where it should be, but here.",
                    f'Take out the rows above it, or say "dialect": {{"headerRows": [{number}]}}.',
                    rows=(number,),
                )
            ]
        # a row under a name that is there already is a row of the table
        below = [cell for at in filled for cell in cells[at : at + 1]]
        if missing and missing <= set(cells) and not any(below):
            several = [*table.header_rows, number]
            names = [each for each in _joined([*heading, cells], table.header_join) if each]
            return [
                Problem(
                    place.shown,
                    f"the heading goes on here, with {', '.join(sorted(missing))}.",
                    f'Make it one row, or say "dialect": {{"headerRows": {several}}}. The columns '
                    f"are then called {', '.join(names[:_COLUMNS_NAMED])}.",
                    rows=(number,),
                )
            ]
    return []


def _heading_problems(
    table: Table, place: Place, names: Sequence[str], number: int
) -> Iterator[Problem]:
    if len(set(names[:1000])) == 1 and len(names) == 1 and len(table.fields) > 1:
        for sign in _SIGNS:
            if sign in names[0] and sign != table.delimiter:
                yield Problem(
                    place.shown,
                    f"the cells are divided by {sign!r} and not by {table.delimiter!r}.",
                    f'Save it anew, or say "dialect": {{"delimiter": {json.dumps(sign)}}}.',
                    rows=(number,),
                )
                return
    present = set(names)
    for field in table.fields:
        if _plain(field.name) not in present and not field.optional:
            shown = [name for name in names if name][:_COLUMNS_NAMED]
            yield Problem(
                place.shown,
                "the column is missing.",
                f"{nearest(field.name, shown)} The heading has {', '.join(shown)}"
                f"{' and others' if len(names) > len(shown) else ''}.".strip(),
                column=field.name,
                rows=(number,) if number else (),
            )
        elif list(names).count(_plain(field.name)) > 1:
            yield Problem(
                place.shown,
                "the heading names the column twice.",
                "Rename the one that is not meant.",
                column=field.name,
                rows=(number,) if number else (),
            )


def _by_name(
    table: Table, place: Place, records: Iterable[tuple[int, dict[str, Any]]]
) -> Iterator[tuple[int, list[str | None]] | Problem]:
    """Records whose cells carry their names."""
    seen: set[str] = set()
    for number, record in records:
        flat = _flat(record)
        seen |= set(flat)
        for field in table.fields:
            if (said := _no_text(flat.get(field.name))) is not None:
                yield Problem(
                    place.shown,
                    f"the cell holds {said}.",
                    "Put text in UTF-8 there, or a number.",
                    column=field.name,
                    rows=(number,),
                    count=1,
                )
                flat[field.name] = None
        yield (
            number,
            [
                None if flat.get(field.name) is None else _cell(flat[field.name])
                for field in table.fields
            ],
        )
    if not seen:
        yield Problem(place.shown, "the table is empty.", "Give a table with records.")
        return
    for field in table.fields:
        if field.name not in seen and not field.optional:
            shown = sorted(seen)[:_COLUMNS_NAMED]
            yield Problem(
                place.shown,
                "no record has this field.",
                f"{nearest(field.name, shown)} They have {', '.join(shown)}.".strip(),
                column=field.name,
            )


def _no_text(value: Any) -> str | None:
    """What a cell holds that is no text, number or date; None where it is one."""
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes and no text"
    if isinstance(value, str) and (unread := _UNREAD.search(value)):
        return f"text that is not UTF-8 (byte {ord(unread[0]) - 0xDC00:#04x})"
    return None


def _flat(record: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep="T")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _csv_rows(
    table: Table, place: Place, encoding: str | None
) -> Iterator[tuple[int, list[str]] | Problem]:
    name = encoding or table.encoding
    path = Path(place.address)
    number = 0
    try:
        if other := _other_encoding(path, name):
            yield Problem(
                place.shown,
                f"the text is {other.upper()} and not {name.upper()}.",
                f'Say --encoding {other}, or "encoding": "{other}" in the mapping.',
                rows=(1,),
            )
            return
        for number, cells in _cells(path, table, name, "strict"):
            yield number, cells
    except UnicodeError as error:
        yield _not_decoded(path, table, place, name, error)
    except LookupError:
        raise SourceError(
            f"there is no encoding called {quoted(name)}.",
            where=place.shown,
            mend="Usual ones: utf-8, windows-1252, iso-8859-1, utf-16.",
        ) from None
    except csv.Error as error:
        long = "field larger" in str(error)
        yield Problem(
            place.shown,
            f"a cell has more than {LONGEST_CELL:,} characters."
            if long
            else f"the row is not CSV: {error}.",
            "Look for a quotation mark that is not closed.",
            rows=(number + 1,),
            count=1,
        )
    except _BROKEN as error:
        yield Problem(
            place.shown,
            f"the file cannot be read: {printable(str(error))}.",
            "It is damaged or cut short: get it again.",
            rows=(number + 1,) if number else (),
            count=1,
        )


def _cells(path: Path, table: Table, encoding: str, errors: str) -> Iterator[tuple[int, list[str]]]:
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    opened = _PACKED.get(path.suffix.lower(), open)
    csv.field_size_limit(LONGEST_CELL)
    with opened(path, "rt", encoding=name, errors=errors, newline="") as stream:
        yield from enumerate(csv.reader(stream, delimiter=table.delimiter, strict=True), start=1)


def _other_encoding(path: Path, name: str) -> str | None:
    """The encoding that a text is in without doubt, where that is not the one named.

    Any bytes are letters in an encoding of one byte a letter, so that a wrong one would not show.
    """
    codec = codecs.lookup(name).name
    opened = _PACKED.get(path.suffix.lower(), open)
    with opened(path, "rb") as stream:
        begun = stream.read(4)
        marked = next((told for mark, told in _MARKS.items() if begun.startswith(mark)), None)
        if marked:
            return None if codec.startswith(marked) else marked
        if codec.startswith("utf") or codec == "ascii":
            return None
        decoder = codecs.getincrementaldecoder("utf-8")()
        beyond_ascii = False
        block = begun
        try:
            while block:
                beyond_ascii = beyond_ascii or not block.isascii()
                decoder.decode(block)
                block = stream.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return None
    return "utf-8" if beyond_ascii else None


def _not_decoded(path: Path, table: Table, place: Place, name: str, error: UnicodeError) -> Problem:
    """Where a text stops being in its encoding: the row and column, as far as can be told."""
    row, column, byte = 0, "", ""
    if isinstance(error, UnicodeDecodeError):
        byte = f" (byte {error.object[error.start]:#04x})"
    try:
        heading: list[str] = []
        for row, cells in _cells(path, table, name, "surrogateescape"):  # noqa: B007, read below
            heading = heading or cells
            unread = [at for at, cell in enumerate(cells) if _UNREAD.search(cell)]
            if unread:
                column = heading[unread[0]] if unread[0] < len(heading) else ""
                break
    except (UnicodeError, csv.Error):  # some encodings cannot be read on
        pass
    return Problem(
        place.shown,
        f"the text is not {name.upper()}{byte}.",
        f"Save the table as UTF-8, or say in which encoding it is: --encoding {_likely(path)}.",
        column="" if _UNREAD.search(column) else column,
        rows=(max(row, 1),),
        count=1,
    )


def _likely(path: Path) -> str:
    """The usual encoding that all of a text's beginning could be in."""
    opened = _PACKED.get(path.suffix.lower(), open)
    with opened(path, "rb") as stream:
        begun = stream.read(1 << 20)
    for name in ("windows-1252", "euc_jp", "cp932", "gb18030"):
        try:
            codecs.getincrementaldecoder(name)().decode(begun)
        except UnicodeDecodeError:
            continue
        return name if name == "windows-1252" else f"{name}, for instance"
    return "NAME"


_UNREAD = re.compile("[\udc80-\udcff]")
"""What Python puts in the place of a byte that it cannot decode."""


def _excel_rows(table: Table, place: Place) -> Iterator[tuple[int, list[str]] | Problem]:
    try:
        book = _calamine().CalamineWorkbook.from_path(place.address)
        sheets = list(book.sheet_names)
        if table.sheet and table.sheet not in sheets:
            yield Problem(
                place.shown,
                f"there is no sheet {quoted(table.sheet)}.",
                f"{nearest(table.sheet, sheets)} Its sheets: {', '.join(sheets)}.".strip(),
            )
            return
        cells = book.get_sheet_by_name(table.sheet or sheets[0]).to_python(skip_empty_area=False)
    except HoldfastError:
        raise
    except Exception as error:  # the library has a class of its own for each format
        yield Problem(
            place.shown,
            f"the workbook cannot be read: {printable(str(error))}.",
            "Open it in a spreadsheet and save it anew.",
        )
        return
    for number, row in enumerate(cells, start=1):
        yield number, ["" if value is None else _cell(value).strip() for value in row]


def _sheets(file: Path) -> list[str]:
    try:
        return list(_calamine().CalamineWorkbook.from_path(str(file)).sheet_names)
    except HoldfastError:
        raise
    except Exception:  # what is wrong with it is said when it is read
        return []


def _json_records(table: Table, place: Place, suffix: str) -> Iterator[tuple[int, dict[str, Any]]]:
    path = Path(place.address)
    opened = _PACKED.get(path.suffix.lower(), open)
    try:
        with opened(path, "rt", encoding="utf-8-sig") as stream:
            if suffix in (".jsonl", ".ndjson"):
                given: Any = [json.loads(line) for line in stream if line.strip()]
            else:
                given = json.load(stream)
    except UnicodeDecodeError as error:
        raise TableError(
            [
                Problem(
                    place.shown,
                    f"the text is not UTF-8 (byte {error.object[error.start]:#04x} at "
                    f"{error.start:,}).",
                    "Save it as UTF-8.",
                )
            ]
        ) from None
    except (ValueError, *_BROKEN) as error:
        raise TableError(
            [Problem(place.shown, f"this is not JSON: {error}.", "Mend the place named.")]
        ) from None
    if table.property is None and suffix == ".geojson" and isinstance(given, dict):
        given = given.get("features")
    for step in table.property.split(".") if table.property else ():
        given = given.get(step) if isinstance(given, dict) else None
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise TableError(
            [
                Problem(
                    place.shown,
                    "a table in JSON is a list of objects, and there is none"
                    + (f" at {quoted(table.property)}." if table.property else "."),
                    'Say where it is: "dialect": {"property": "results"}.',
                )
            ]
        )
    for number, record in enumerate(given, start=1):
        yield (
            number,
            {
                name: json.dumps(value) if name == "geometry" else value
                for name, value in record.items()
            },
        )


def _tables_in(address: str) -> list[str]:
    if "://" not in address:
        with sqlite3.connect(f"file:{address}?mode=ro", uri=True) as connection:
            try:
                rows = connection.execute("SELECT name FROM sqlite_master").fetchall()
            except sqlite3.DatabaseError as error:
                raise SourceError(
                    f"this is no database: {error}.", where=address, mend="Name a SQLite file."
                ) from None
        return [str(row[0]) for row in rows]
    alchemy = needed("sqlalchemy")
    try:
        inspector = alchemy.inspect(alchemy.create_engine(address))
        return [*inspector.get_table_names(), *inspector.get_view_names()]
    except Exception as error:  # each database's driver has errors of its own
        raise SourceError(
            f"the database cannot be read: {printable(str(error).splitlines()[0])}.",
            where=_without_password(address),
            mend="Check the address; its driver must be installed (pip install psycopg).",
        ) from None


def _told(
    place: Place, records: Iterator[tuple[int, dict[str, Any]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a database, and TableError where it gives no more of them."""
    number = 0
    try:
        for number, record in records:
            yield number, record
    except (HoldfastError, GeneratorExit):
        raise
    except Exception as error:  # each database's driver has errors of its own
        problem = Problem(
            place.shown,
            f"the database cannot be read: {printable(str(error).splitlines()[0])}.",
            "It is damaged, or not allowed: get it again.",
            rows=(number + 1,),
            count=1,
        )
        raise TableError([problem]) from None


def _database_records(place: Place) -> Iterator[tuple[int, dict[str, Any]]]:
    if "://" not in place.address:
        with sqlite3.connect(f"file:{place.address}?mode=ro", uri=True) as connection:
            # what is not UTF-8 is told of with its row and column
            connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            name = place.table.replace('"', '""')
            cursor = connection.execute(f'SELECT * FROM "{name}"')
            names = [column[0] for column in cursor.description]
            for number, row in enumerate(cursor, start=1):
                yield number, dict(zip(names, row, strict=True))
        return
    alchemy = needed("sqlalchemy")
    engine = alchemy.create_engine(place.address)
    read = alchemy.Table(place.table, alchemy.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        for number, row in enumerate(connection.execute(alchemy.select(read)), start=1):
            yield number, dict(row._mapping)


def _without_password(address: str) -> str:
    before, at, after = address.rpartition("@")
    return f"{before.partition('://')[0]}://…@{after}" if at else address


def _calamine() -> Any:
    return needed("python_calamine")


def needed(module: str) -> Any:
    """A module of the libraries that importing needs and the rest of Holdfast does not.

    Raises SourceError saying how to install them.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise SourceError(
            f"importing tables needs {module}, which is not installed.", mend=INSTALL
        ) from None


INSTALL = (
    "Install what it needs: pip install 'holdfast[import]' && "
    "pip install --no-deps morph-kgc==2.10.0"
)
