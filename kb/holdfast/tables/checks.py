"""Tables held against what the mapping says they hold, set at a time, in DuckDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb

from holdfast.errors import printable
from holdfast.tables.package import Field, ForeignKey, Mapping, MappingError, Table
from holdfast.tables.problems import Problem, quoted
from holdfast.tables.reading import Place, needed, rows_of

_CHUNK = 50_000
_SAME = 1000
"""Of problems alike in form, so many are kept apart."""

_VALUES_TOLD = 5
"""Of values that are wrong in the same way, so many are told of one by one."""

_SQL_TYPE = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DECIMAL(38, 6)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "year": "INTEGER",
}
_SPACES = "[\\s\\x{00A0}\\x{2009}\\x{202F}]"
"""What may stand for a space between thousands: also those that do not break a line."""

_MULTIPLIED = "(?i)\\d\\s*(k|m|b|t|md|mrd|bn|tn|thou\\w*|tsd|mil\\w*|mio|bil\\w*|tril\\w*)\\b"
"""A number that its unit multiplies, as 1.2m: the unit must not be passed over."""

_EXPECTED = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "year": "a year of four digits",
}


def load(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    place: Place,
    *,
    encoding: str | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> list[Problem]:
    """Read a table into `raw`, as text, and say what is wrong with its form.

    Its columns are the fields and `_row`, the number of the row. A missing value is NULL.
    """
    pandas = needed("pandas")
    names = ["_row", *(field.name for field in table.fields)]
    columns = ", ".join(
        f"{name(each)} {'BIGINT' if not at else 'VARCHAR'}" for at, each in enumerate(names)
    )
    connection.execute(f"CREATE TABLE raw.{name(table.name)} ({columns})")
    missing = frozenset(table.missing)
    problems: list[Problem] = []
    further = held = 0
    rows: list[list[Any]] = []

    def insert() -> None:
        frame = pandas.DataFrame(rows, columns=names, dtype=object)  # noqa: F841, read by name
        connection.execute(f"INSERT INTO raw.{name(table.name)} SELECT * FROM frame")
        progress(len(rows))
        rows.clear()

    for row in rows_of(table, place, encoding):
        if isinstance(row, Problem):
            if len(problems) < _SAME:
                problems.append(row)
            else:
                further += 1
            continue
        number, cells = row
        held += 1
        rows.append([number, *(None if cell in missing else cell for cell in cells)])
        if len(rows) >= _CHUNK:
            insert()
    if rows:
        insert()
    if not held and not problems and not table.optional:
        problems.append(
            Problem(
                place.shown,
                "the table has a heading and no rows.",
                'Give it rows; or say "optional": true of it, if it may have none.',
            )
        )
    if further:
        problems.append(Problem(place.shown, f"{further:,} more rows are not as they should be."))
    return problems


def name(word: str) -> str:
    """A word as a name in SQL."""
    return '"' + word.replace('"', '""') + '"'


def text(word: str) -> str:
    """A word as a text in SQL."""
    return "'" + word.replace("'", "''") + "'"


def check(connection: duckdb.DuckDBPyConnection, table: Table, place: Place) -> list[Problem]:
    """What is wrong with the values of a table in `raw`; and make the table `checked` of them.

    Its columns have the types of the fields; what is not of the type is NULL and a problem.
    """
    problems: list[Problem] = []
    for field in table.fields:
        problems += _field_problems(connection, table, field, place)
    for key in (table.primary_key, *((field.name,) for field in table.fields if field.unique)):
        if key:
            problems += _key_problems(connection, table, key, place)
    typed = ", ".join(f"{_value(field)} AS {name(field.name)}" for field in table.fields)
    connection.execute(
        f"CREATE TABLE checked.{name(table.name)} AS SELECT _row, {typed} "
        f"FROM raw.{name(table.name)} ORDER BY _row"
    )
    for field in table.fields:
        if field.not_before:
            problems += _order_problems(connection, table, field, place)
    connection.execute(f"DROP TABLE raw.{name(table.name)}")
    return problems


def try_out(connection: duckdb.DuckDBPyConnection, table: Table, where: str) -> None:
    """Raise MappingError for what a field demands and DuckDB does not understand."""
    for field in table.fields:
        kind = _SQL_TYPE[field.type]
        for word, asked in (
            ("pattern", f"regexp_full_match('', {text(field.pattern or '')})"),
            ("format", f"try_strptime('', {text(_date_format(field))})"),
            ("minimum", f"CAST({text(field.minimum)} AS {kind})" if field.minimum else "1"),
            ("maximum", f"CAST({text(field.maximum)} AS {kind})" if field.maximum else "1"),
        ):
            try:
                connection.execute(f"SELECT {asked}")
            except duckdb.Error as error:
                raise MappingError(
                    f"its {word} cannot be understood: {printable(str(error).splitlines()[0])}.",
                    where=f"{where}: resource {table.name}: field {field.name}",
                    mend="Mend it.",
                ) from None


def _date_format(field: Field) -> str:
    return field.format if "%" in field.format else "%Y-%m-%d"


def _cell(field: Field) -> str:
    """SQL for what stands in a field, once all that the field says is replaced."""
    cell = name(field.name)
    for old, new in field.replace:
        cell = f"replace({cell}, {text(old)}, {text(new)})"
    return f"trim({cell})"


def _value(field: Field) -> str:
    """SQL for the value of a field, NULL where it is not of its type."""
    cell = _cell(field)
    if field.type == "string":
        return cell
    if field.type == "date":
        tried = [
            f"try_strptime({cell}, {text(form)})"
            for form in dict.fromkeys((_date_format(field), "%Y-%m-%d"))
        ]
        tried.append(f"try_strptime({cell}, '%Y-%m-%dT%H:%M:%S')")
        return f"CAST(coalesce({', '.join(tried)}) AS DATE)"
    if field.type == "year":
        return f"CASE WHEN regexp_full_match({cell}, '\\d{{4}}') THEN CAST({cell} AS INTEGER) END"
    if field.type == "boolean":
        true, false = (", ".join(text(each) for each in said) for said in (field.true, field.false))
        return (
            f"CASE WHEN lower({cell}) IN ({true}) THEN true "
            f"WHEN lower({cell}) IN ({false}) THEN false END"
        )
    return f"try_cast({_numeral(field, cell)} AS {_SQL_TYPE[field.type]})"


def _numeral(field: Field, cell: str) -> str:
    """SQL for a number as SQL writes it, NULL where it is not written as the field says."""
    group = _SPACES if field.group == " " else re.escape(field.group)
    whole = f"(?:\\d{{1,3}}(?:{group}\\d{{2,3}})*{group}\\d{{3}}|\\d+)" if group else "\\d+"
    point = re.escape(field.decimal)
    form = (
        f"[-+]?{whole}(?:{point}0+)?"
        if field.type == "integer"
        else f"[-+]?(?:{whole}(?:{point}\\d*)?|{point}\\d+)(?:[eE][-+]?\\d+)?"
    )
    if not field.bare:
        stripped = f"regexp_replace({cell}, '^[^-+\\d()]+|[^\\d()]+$', '', 'g')"
        cell = f"CASE WHEN NOT regexp_matches({cell}, {text(_MULTIPLIED)}) THEN {stripped} END"
    plain = f"regexp_replace({cell}, {text(group)}, '', 'g')" if group else cell
    plain = f"replace({plain}, {text(field.decimal)}, '.')"
    if field.type == "integer":
        plain = f"regexp_replace({plain}, '\\.0+$', '')"
    return f"CASE WHEN regexp_full_match({cell}, {text(form)}) THEN {plain} END"


def _written(cell: str, field: Field) -> str:
    """What to do about a cell that is no number: how the mapping may say that it is written."""
    number = re.fullmatch(r"(\D*?)([-+]?\d[\d\s.,'’]*\d|\d)(\D*)", cell.strip())  # noqa: RUF001
    if not number or set("()") & set(cell):
        return "Mend the cell."
    said = []
    before, digits, after = number.groups()
    signs = re.sub(r"\s", " ", "".join(re.findall(r"[^-+\d]", digits)))
    group, decimal = field.group, field.decimal
    thousands = re.fullmatch(r"[-+]?\d{1,3}(?:[^\d]\d{3})+(?:[^\d]\d+)?", digits)
    could_be_fraction = signs == "." == field.decimal and field.type == "number"
    if len(set(signs)) == 1 and (len(signs) > 1 or (thousands and not could_be_fraction)):
        group = signs[0]
    elif signs in (".", ","):
        decimal = signs
    elif len(set(signs)) == 2 and thousands:
        group, decimal = signs[0], signs[-1]
    elif signs:
        return "Mend the cell."
    if group != field.group:
        said.append(f'"groupChar": "{group}"')
    if decimal != field.decimal:
        said.append(f'"decimalChar": "{decimal}"')
    if (before or after) and field.bare:
        said.append('"bareNumber": false')
    if not said or re.search(r"[^\W\d_]", before + after):  # words may change what it means
        return "Mend the cell."
    return f"Mend the cell, or say of the field how its numbers are written: {', '.join(said)}."


def _field_problems(
    connection: duckdb.DuckDBPyConnection, table: Table, field: Field, place: Place
) -> Iterator[Problem]:
    column = name(field.name)
    value = _value(field)
    tests: list[tuple[str, Callable[[str], str], str | Callable[[str], str]]] = []
    doubts: list[tuple[str, Callable[[str], str], str | Callable[[str], str]]] = []
    if field.required:
        tests.append(
            (
                f"{column} IS NULL OR {_cell(field)} = ''",
                lambda _: "the cell is empty.",
                "It must be filled in.",
            )
        )
    typed = doubts if field.tolerant else tests
    if field.type == "date":
        shown = _date_format(field)
        for sign, word in (("%Y", "YYYY"), ("%m", "MM"), ("%d", "DD"), ("%b", "Mon"), ("%y", "YY")):
            shown = shown.replace(sign, word)
        typed.append(
            (
                f"{column} IS NOT NULL AND {value} IS NULL",
                lambda cell: f"{quoted(cell)} is not a date that there is.",
                f"Write it as {shown}.",
            )
        )
    elif field.type != "string":
        typed.append(
            (
                f"{column} IS NOT NULL AND {value} IS NULL",
                lambda cell: f"{quoted(cell)} is not {_EXPECTED[field.type]}.",
                (lambda cell: _written(cell, field))
                if field.type in ("integer", "number")
                else "Mend the cell.",
            )
        )
    else:
        doubts.append(
            (
                f"contains({column}, chr(65533)) OR contains({column}, chr(0))",
                lambda cell: f"{quoted(cell)} holds signs that were lost in another encoding.",
                "Get the table anew, and keep it in UTF-8.",
            )
        )
    if field.minimum is not None:
        least = f"CAST({text(field.minimum)} AS {_SQL_TYPE[field.type]})"
        tests.append(
            (
                f"{value} < {least}",
                lambda cell: f"{quoted(cell)} is less than {field.minimum}.",
                "Mend the cell.",
            )
        )
    if field.maximum is not None:
        most = f"CAST({text(field.maximum)} AS {_SQL_TYPE[field.type]})"
        tests.append(
            (
                f"{value} > {most}",
                lambda cell: f"{quoted(cell)} is more than {field.maximum}.",
                "Mend the cell.",
            )
        )
    if field.pattern:
        tests.append(
            (
                f"NOT regexp_full_match({_cell(field)}, {text(field.pattern)})",
                lambda cell: f"{quoted(cell)} does not look like a {field.name}.",
                f"It must match {field.pattern}.",
            )
        )
    if field.enum:
        among = ", ".join(text(each) for each in field.enum)
        tests.append(
            (
                f"{_cell(field)} NOT IN ({among})",
                lambda cell: f"{quoted(cell)} is none of the values that may stand here.",
                f"They are {', '.join(field.enum)}.",
            )
        )
    for grave, judged in ((True, tests), (False, doubts)):
        for test, what, mend in judged:
            yield from _grouped(
                connection,
                f"FROM raw.{name(table.name)} WHERE {test}",
                column,
                place,
                field.name,
                what,
                mend,
                grave=grave,
            )


def _grouped(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    value: str,
    place: Place,
    column: str,
    what: Callable[[str], str],
    mend: str | Callable[[str], str],
    *,
    grave: bool = True,
) -> Iterator[Problem]:
    """A problem for each value, with the rows in which it stands; one for all further values."""
    found = connection.execute(
        f"SELECT CAST({value} AS VARCHAR) AS v, count(*), "
        f"list_slice(list(_row ORDER BY _row), 1, 5), count(*) OVER (), "
        f"sum(count(*)) OVER () {rows} "
        f"GROUP BY v ORDER BY min(_row) LIMIT {2 * _VALUES_TOLD}"
    ).fetchall()
    told = found if len(found) <= _VALUES_TOLD + 1 else found[:_VALUES_TOLD]
    for cell, count, numbers, _, _ in told:
        shown = "" if cell is None else str(cell)
        yield Problem(
            place.shown,
            what(shown),
            mend(shown) if callable(mend) else mend,
            column,
            tuple(numbers),
            int(count),
            grave,
        )
    if further := found[len(told) :]:
        _, _, _, values, count = found[0]
        yield Problem(
            place.shown,
            f"{values - len(told):,} more values are wrong in the same way.",
            "",
            column,
            tuple(sorted(row for each in further for row in each[2])[:5]),
            int(count) - sum(each[1] for each in told),
            grave,
        )


def _key_problems(
    connection: duckdb.DuckDBPyConnection, table: Table, key: Sequence[str], place: Place
) -> Iterator[Problem]:
    columns = ", ".join(name(each) for each in key)
    present = " AND ".join(f"{name(each)} IS NOT NULL" for each in key)
    yield from _grouped(
        connection,
        f"FROM (SELECT _row, concat_ws(', ', {columns}) AS k, "
        f"count(*) OVER (PARTITION BY {columns}) AS n FROM raw.{name(table.name)} "
        f"WHERE {present}) WHERE n > 1",
        "k",
        place,
        ", ".join(key),
        lambda cell: f"{quoted(cell)} stands in several rows, and may stand in one.",
        "Delete or mend the rows that are not meant.",
    )


def _order_problems(
    connection: duckdb.DuckDBPyConnection, table: Table, field: Field, place: Place
) -> Iterator[Problem]:
    earlier = str(field.not_before)
    yield from _grouped(
        connection,
        f"FROM checked.{name(table.name)} WHERE {name(field.name)} < {name(earlier)}",
        f"concat({name(field.name)}, ' is before ', {name(earlier)})",
        place,
        field.name,
        lambda cell: f"{cell} in {earlier}.",
        "Mend one of the two dates.",
    )


def foreign_key_problems(
    connection: duckdb.DuckDBPyConnection, table: Table, key: ForeignKey, place: Place
) -> Iterator[Problem]:
    """Values of a table that are not found where its foreign key says."""
    own = ", ".join(name(each) for each in key.fields)
    there = " AND ".join(
        f"there.{name(other)} = here.{name(each)}"
        for each, other in zip(key.fields, key.columns, strict=True)
    )
    present = " AND ".join(f"here.{name(each)} IS NOT NULL" for each in key.fields)
    yield from _grouped(
        connection,
        f"FROM {name(table.name)} AS here WHERE {present} AND NOT EXISTS "
        f"(FROM {name(key.table)} AS there WHERE {there})",
        f"concat_ws(', ', {own})",
        place,
        ", ".join(key.fields),
        lambda cell: f"{quoted(cell)} is not in {key.table}.",
        key.mend or f"Mend the code, or add it to {key.table}.",
    )


def make_views(connection: duckdb.DuckDBPyConnection, mapping: Mapping, register: str) -> None:
    """Give the checked tables their plain names and `_source`, and make the mapping's views.

    `_source` is the row's address: the table's, with the number of the row (RFC 7111).
    """
    for table in mapping.tables:
        connection.execute(f"CREATE VIEW {name(table.name)} AS {with_source(table, register)}")
    connection.execute(f"CREATE MACRO register_iri() AS {text(register)}")
    connection.execute(
        "CREATE MACRO slug(words) AS trim(regexp_replace(lower(strip_accents(words)), "
        "'[^a-z0-9]+', '-', 'g'), '-')"
    )
    if mapping.views:
        try:
            connection.execute(mapping.views)
        except duckdb.Error as error:
            raise MappingError(
                f"the views cannot be made: {printable(str(error).splitlines()[0])}.",
                where=str(mapping.folder / "views.sql"),
                mend="Mend the SQL; the tables have the names and fields of the Data Package.",
            ) from None


def with_source(table: Table, register: str) -> str:
    """SQL for the rows of a checked table with their addresses."""
    address = text(f"{table_iri(register, table)}#row=")
    return f"SELECT *, {address} || _row AS _source FROM checked.{name(table.name)}"


def table_iri(register: str, table: Table) -> str:
    """The address under which a register speaks of a table it was made from."""
    return f"{register.rstrip('/#')}/tables/{table.name}"
