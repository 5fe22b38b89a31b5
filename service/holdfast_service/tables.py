"""Rows of a result as people take them away: CSV, Excel, Parquet, and any form cut to a limit."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pyoxigraph as ox

Row = Sequence[ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None]
Write = Callable[[bytes], object]

XSD = "http://www.w3.org/2001/XMLSchema#"
STRING = XSD + "string"
LANGUAGE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"

_WHOLE = (
    *("integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger"),
    *("nonPositiveInteger", "negativeInteger"),
    *("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
)
INTEGERS = frozenset(XSD + name for name in _WHOLE)
NUMBERS = INTEGERS | {XSD + "decimal", XSD + "double", XSD + "float"}

MOST_ROWS = 1_048_575
"""How many rows a sheet of Excel takes beside its head."""

_MOST_SIGNS = 32_767  # in one cell of Excel
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four as wide as kanji
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_PLAIN = re.compile(r'[^",\r\n]*')
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def guarded(text: str) -> str:
    """A text that a spreadsheet shows and never runs: `'` before what would begin a formula."""
    if _FORMULA.match(text) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def write_csv(
    names: Sequence[str], rows: Iterable[Row], write: Write, *, guard: bool = True
) -> None:
    """Rows as the SPARQL 1.1 CSV results format; with `guard` no literal begins a formula."""
    write((",".join(_cell(name) for name in names) + "\r\n").encode())
    lines: list[str] = []
    for row in rows:
        cells = []
        for term in row:
            if term is None:
                cells.append("")
            elif isinstance(term, ox.Literal):
                cells.append(_cell(guarded(term.value) if guard else term.value))
            elif isinstance(term, ox.NamedNode):
                cells.append(_cell(term.value))
            else:
                cells.append(_cell(str(term)))
        lines.append(",".join(cells))
        if len(lines) == 500:
            write(("\r\n".join(lines) + "\r\n").encode())
            lines.clear()
    if lines:
        write(("\r\n".join(lines) + "\r\n").encode())


def _cell(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def write_tsv(names: Sequence[str], rows: Iterable[Row], write: Write) -> None:
    """Rows as the SPARQL 1.1 TSV results format."""
    write(("\t".join("?" + name for name in names) + "\n").encode())
    for row in rows:
        cells = ("" if term is None else str(term).replace("\t", "\\t") for term in row)
        write(("\t".join(cells) + "\n").encode())


def write_json(names: Sequence[str], rows: Iterable[Row], write: Write) -> None:
    """Rows as the SPARQL 1.1 JSON results format."""
    write(b'{"head":{"vars":%s},"results":{"bindings":[' % json.dumps(list(names)).encode())
    between = b""
    for row in rows:
        binding = {
            name: _json(term) for name, term in zip(names, row, strict=True) if term is not None
        }
        write(between + json.dumps(binding, ensure_ascii=False, separators=(",", ":")).encode())
        between = b","
    write(b"]}}")


def _json(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> dict[str, object]:
    if isinstance(term, ox.NamedNode):
        return {"type": "uri", "value": term.value}
    if isinstance(term, ox.BlankNode):
        return {"type": "bnode", "value": term.value}
    if isinstance(term, ox.Triple):
        parts = {
            "subject": _json(term.subject),
            "predicate": _json(term.predicate),
            "object": _json(term.object),
        }
        return {"type": "triple", "value": parts}
    made: dict[str, object] = {"type": "literal", "value": term.value}
    if term.language:
        made["xml:lang"] = term.language
    elif term.datatype.value != STRING:
        made["datatype"] = term.datatype.value
    return made


def write_xml(names: Sequence[str], rows: Iterable[Row], write: Write) -> None:
    """Rows as the SPARQL Query Results XML Format."""
    write(b'<?xml version="1.0"?><sparql xmlns="http://www.w3.org/2005/sparql-results#"><head>')
    write("".join(f"<variable name={quoteattr(name)}/>" for name in names).encode())
    write(b"</head><results>")
    for row in rows:
        bound = (
            f"<binding name={quoteattr(name)}>{_xml(term)}</binding>"
            for name, term in zip(names, row, strict=True)
            if term is not None
        )
        write(f"<result>{''.join(bound)}</result>".encode())
    write(b"</results></sparql>")


def _xml(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> str:
    if isinstance(term, ox.NamedNode):
        return f"<uri>{escape(term.value)}</uri>"
    if isinstance(term, ox.BlankNode):
        return f"<bnode>{escape(term.value)}</bnode>"
    if isinstance(term, ox.Triple):
        return (
            f"<triple><subject>{_xml(term.subject)}</subject>"
            f"<predicate>{_xml(term.predicate)}</predicate>"
            f"<object>{_xml(term.object)}</object></triple>"
        )
    says = ""
    if term.language:
        says = f" xml:lang={quoteattr(term.language)}"
    elif term.datatype.value != STRING:
        says = f" datatype={quoteattr(term.datatype.value)}"
    return f"<literal{says}>{escape(term.value, {chr(13): '&#13;'})}</literal>"


# -- Excel -----------------------------------------------------------------------------------------

_SHEET_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Target="xl/workbook.xml" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/officeDocument"/></Relationships>'
    ),
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="Result" sheetId="1" r:id="r1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" Target="worksheets/sheet1.xml" Type="http://schemas.openxmlformats'
        '.org/officeDocument/2006/relationships/worksheet"/></Relationships>'
    ),
}


def write_xlsx(names: Sequence[str], rows: Iterable[Row], file: Path) -> None:
    """Rows as a workbook of Excel (ECMA-376). Text is written as text, so nothing is a formula."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as book:
        for name, content in _SHEET_PARTS.items():
            book.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + content)
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(
                b'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.'
                b'openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
            )
            sheet.write("".join(_text_cell(name) for name in names).encode() + b"</row>")
            for row in rows:
                cells = "".join(_excel_cell(term) for term in row)
                sheet.write(f"<row>{cells}</row>".encode())
            sheet.write(b"</sheetData></worksheet>")


def _excel_cell(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None) -> str:
    if term is None:
        return "<c/>"
    if isinstance(term, ox.Literal):
        kind, value = term.datatype.value, term.value
        # beyond 15 digits Excel would round: such a number stays as it is written
        if kind in NUMBERS and _NUMBER.fullmatch(value) and len(value.strip("+-")) <= 15:
            return f"<c><v>{value.lstrip('+')}</v></c>"
        if kind == XSD + "boolean" and value in ("true", "false"):
            return f'<c t="b"><v>{int(value == "true")}</v></c>'
        return _text_cell(value)
    return _text_cell(term.value if isinstance(term, ox.NamedNode) else str(term))


def _text_cell(text: str) -> str:
    # ECMA-376 §22.9.2.19: what XML cannot hold is written _xHHHH_, and such text itself escaped
    shown = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", text[:_MOST_SIGNS])
    shown = _NOT_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", shown)
    shown = escape(shown, {"\r": "_x000D_"})
    return f'<c t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'


# -- Parquet ---------------------------------------------------------------------------------------


def write_parquet(names: Sequence[str], rows: Iterable[Row], file: Path) -> None:
    """Rows as a Parquet file: a column of numbers or truth values as such, any other as text.

    Of names that differ in capitals alone, which DuckDB takes for one, the later get a number.
    """
    import duckdb  # heavy, and few ask for it

    kinds: list[set[str]] = [set() for _ in names]

    def lines() -> Iterator[bytes]:
        for row in rows:
            line = {}
            for number, term in enumerate(row):
                if term is None:
                    continue
                if isinstance(term, ox.Literal):
                    kinds[number].add(_column_kind(term))
                    line[str(number)] = term.value
                else:
                    kinds[number].add("VARCHAR")
                    line[str(number)] = term.value if isinstance(term, ox.NamedNode) else str(term)
            yield json.dumps(line, ensure_ascii=False).encode() + b"\n"

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.ndjson"
        with source.open("wb") as out:
            out.writelines(lines())
        columns = {str(number): "VARCHAR" for number in range(len(names))} or {"0": "VARCHAR"}
        chosen = []
        for number, name in enumerate(names):
            kind = _wider(kinds[number])
            quoted = '"' + name.replace('"', '""') + '"'
            chosen.append(f'CAST("{number}" AS {kind}) AS {quoted}')
        shown = ", ".join(chosen) or '"0" AS "none"'
        with duckdb.connect(":memory:", config={"threads": 1}) as database:
            database.execute(
                f"COPY (SELECT {shown} FROM read_json($source, format='newline_delimited',"
                f" columns={columns!r}))"
                f" TO '{str(file).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)",
                {"source": str(source)},
            )


def _column_kind(term: ox.Literal) -> str:
    kind, value = term.datatype.value, term.value
    if kind in INTEGERS and re.fullmatch(r"[+-]?\d{1,18}", value):
        return "BIGINT"
    if kind in NUMBERS and _NUMBER.fullmatch(value) and (kind not in INTEGERS):
        return "DOUBLE"
    if kind == XSD + "boolean" and value in ("true", "false"):
        return "BOOLEAN"
    if kind == XSD + "date" and _is_date(value):
        return "DATE"
    return "VARCHAR"


def _is_date(value: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _wider(kinds: set[str]) -> str:
    """The kind of column that holds values of all these kinds."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "DOUBLE" if kinds == {"BIGINT", "DOUBLE"} else "VARCHAR"


WRITERS: dict[str, Callable[[Sequence[str], Iterable[Row], Write], None]] = {
    "json": write_json,
    "xml": write_xml,
    "csv": write_csv,
    "tsv": write_tsv,
}
"""Writers to a stream, by the short name of their form."""

FILES: dict[str, Callable[[Sequence[str], Iterable[Row], Path], None]] = {
    "xlsx": write_xlsx,
    "parquet": write_parquet,
}
"""Writers of forms that are whole files, by the short name of their form."""
