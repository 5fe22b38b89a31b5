"""The tables that a mapping takes, empty and ready to be filled in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.errors import SourceError
from holdfast.tables.package import Field, Mapping, Table
from holdfast.tables.reading import needed

NOTES = "Notes"
_ROWS = 1000
"""Drop-downs and date formats reach so many rows down."""

_MUST = {"bold": True, "bg_color": "#1d4e5f", "font_color": "#ffffff", "text_wrap": True}
_MAY = {"bold": True, "bg_color": "#d5e4e8", "text_wrap": True}


def write_template(mapping: Mapping, output: Path) -> list[Path]:
    """Write the empty tables of a mapping, and give the files.

    An output that ends in .xlsx is a workbook: a sheet for each table, with its heading, an example
    row where the mapping gives one, drop-downs and comments, and a sheet of notes. Anything else is
    a folder with a CSV for each. Nothing that is there is overwritten.

    Raises SourceError.
    """
    tables = [table for table in mapping.tables if not table.own]
    if output.suffix and output.suffix.lower() != ".xlsx" and not output.is_dir():
        raise SourceError(
            f"a template is a workbook or a folder, and no '{output.suffix}'.",
            where=str(output),
            mend="Name a file that ends in .xlsx, or a folder.",
        )
    if output.exists() and (output.suffix.lower() == ".xlsx" or any(output.iterdir())):
        raise SourceError(
            "there is something of that name.", where=str(output), mend="Choose another name."
        )
    try:
        if output.suffix.lower() == ".xlsx":
            _write_workbook(mapping, tables, output)
            return [output]
        output.mkdir(parents=True, exist_ok=True)
        return [_write_csv(table, output) for table in tables]
    except OSError as error:
        raise SourceError(
            f"the template cannot be written: {error.strerror}.", where=str(output)
        ) from None


def _write_csv(table: Table, folder: Path) -> Path:
    file = folder / f"{_sheet(table)}.csv"
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([field.name for field in table.fields])
        if any(field.example for field in table.fields):
            writer.writerow([field.example for field in table.fields])
    return file


def _write_workbook(mapping: Mapping, tables: list[Table], output: Path) -> None:
    excel = needed("xlsxwriter")
    with excel.Workbook(str(output), {"default_date_format": "yyyy-mm-dd"}) as book:
        formats = {
            "must": book.add_format(_MUST),
            "may": book.add_format(_MAY),
            "example": book.add_format({"italic": True, "font_color": "#777777"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
            "head": book.add_format({"bold": True}),
        }
        for table in tables:
            _fill_sheet(book.add_worksheet(_sheet(table)[:31]), table, formats)
        notes = book.add_worksheet(NOTES)
        notes.set_column(0, 1, 26)
        notes.set_column(2, 2, 80, formats["text"])
        notes.set_column(3, 4, 24, formats["text"])
        for row, cells in enumerate(_notes(mapping, tables)):
            for column, cell in enumerate(cells):
                style = formats["head"] if row == 0 or cells[0] == "Sheet" else formats["text"]
                notes.write_string(row, column, cell, style)


def _fill_sheet(sheet: Any, table: Table, formats: dict[str, Any]) -> None:
    sheet.freeze_panes(1, 1)
    for column, field in enumerate(table.fields):
        sheet.set_column(column, column, max(14, min(len(field.name) + 4, 32)))
        sheet.write_string(0, column, field.name, formats["must" if field.required else "may"])
        if field.description:
            sheet.write_comment(0, column, field.description, {"x_scale": 2})
        if field.example:
            sheet.write_string(1, column, field.example, formats["example"])
        if field.enum:
            sheet.data_validation(
                1,
                column,
                _ROWS,
                column,
                {
                    "validate": "list",
                    "source": list(field.enum),
                    "error_title": field.name,
                    "error_message": f"One of: {', '.join(field.enum)}"[:255],
                },
            )
        if field.type == "date":
            sheet.set_column(column, column, 14, formats["date"])


def _notes(mapping: Mapping, tables: list[Table]) -> Iterator[list[str]]:
    yield [mapping.title]
    yield ["", "", mapping.description]
    yield ["Sheet", "Column", "What to write", "Must be filled in", "Values"]
    for table in tables:
        yield [_sheet(table), "", table.title, "may be left out" if table.optional else "", ""]
        for field in table.fields:
            yield [
                "",
                field.name,
                field.description,
                "yes" if field.required else "",
                ", ".join(field.enum) or _how(field),
            ]


def _how(field: Field) -> str:
    return {
        "date": "a date, as 2024-03-31",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "yes or no",
        "year": "a year, as 2024",
    }.get(field.type, "")


def _sheet(table: Table) -> str:
    return table.sheet or table.name
