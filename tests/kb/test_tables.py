"""Tables to registers: what comes of good ones, and what is said of damaged ones."""

from __future__ import annotations

import csv
import gzip
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.assess import assess
from holdfast.cli import main
from holdfast.errors import HoldfastError
from holdfast.tables.importing import Imported, import_register
from holdfast.tables.overlaps import common_parts
from holdfast.tables.package import Mapping, read_mapping, shipped_mappings
from holdfast.tables.problems import TableError
from holdfast.vocabulary import HF

# Another country's unions of communes: one list of unions, one of their communes with people.
PACKAGE = {
    "title": "Unions of communes",
    "register": "https://example.org/unions",
    "licenses": [{"path": "https://creativecommons.org/publicdomain/zero/1.0/"}],
    "resources": [
        {
            "name": "unions",
            "path": "unions.csv",
            "created": "2024-01-01",
            "schema": {
                "primaryKey": "siren",
                "fields": [
                    {"name": "siren", "type": "string", "constraints": {"pattern": "\\d{9}"}},
                    {"name": "nom", "type": "string", "constraints": {"required": True}},
                    {"name": "création", "type": "date", "format": "%d/%m/%Y"},
                    {
                        "name": "dissolution",
                        "type": "date",
                        "format": "%d/%m/%Y",
                        "constraints": {"notBefore": "création"},
                    },
                    {"name": "nature", "type": "string", "constraints": {"enum": ["CC", "CA"]}},
                ],
            },
        },
        {
            "name": "communes",
            "path": "communes.csv",
            "schema": {
                "primaryKey": ["siren", "insee"],
                "foreignKeys": [
                    {"fields": "siren", "reference": {"resource": "unions", "fields": "siren"}}
                ],
                "fields": [
                    {"name": "siren", "type": "string", "constraints": {"required": True}},
                    {"name": "insee", "type": "string", "constraints": {"pattern": "\\w{5}"}},
                    {"name": "commune", "type": "string", "constraints": {"required": True}},
                    {"name": "population", "type": "integer", "constraints": {"minimum": 0}},
                ],
            },
        },
    ],
}
QUADS = """\
prefixes:
  ex: https://example.org/
  hf: https://w3id.org/holdfast/ns#
  rdfs: http://www.w3.org/2000/01/rdf-schema#
  xsd: http://www.w3.org/2001/XMLSchema#
mappings:
  union:
    sources: [{table: unions}]
    s: ex:union/$(siren)
    po:
      - [a, hf:Venture]
      - [rdfs:label, $(nom), fr~lang]
      - [hf:boundary, ex:area/$(siren)~iri]
      - [hf:started, $(création), xsd:date]
      - [hf:ended, $(dissolution), xsd:date]
  area:
    sources: [{table: communes}]
    s: ex:area/$(siren)
    po:
      - [a, hf:Boundary]
      - [hf:madeOf, ex:commune/$(insee)~iri]
  commune:
    sources: [{table: communes}]
    s: ex:commune/$(insee)
    po:
      - [a, hf:SmallArea]
      - [hf:population, $(population), xsd:integer]
  membership:
    sources: [{table: communes}]
    s: ex:union/$(siren)/$(insee)
    po:
      - [a, hf:Membership]
      - [hf:belongsTo, ex:union/$(siren)~iri]
      - [hf:member, ex:council/$(insee)~iri]
"""
UNIONS = """\
siren,nom,création,dissolution,nature
200000001,Union de « la "Vallée" »,01/01/2014,,CC
200000002,Union du Plateau,31/12/2016,01/01/2020,CA
"""
COMMUNES = """\
siren,insee,commune,population
200000001,01001,Aval,800
200000001,01002,Amont,200
200000002,01002,Amont,200
200000002,2A004,Haut,600
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    return written(tmp_path / "unions", PACKAGE)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "unions.csv").write_text(UNIONS, encoding="utf-8-sig")
    (folder / "communes.csv").write_text(COMMUNES, encoding="utf-8")
    return folder


def written(folder: Path, package: object, quads: str = QUADS, views: str = "") -> Path:
    folder.mkdir()
    (folder / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    (folder / "mapping.yaml").write_text(quads, encoding="utf-8")
    if views:
        (folder / "views.sql").write_text(views, encoding="utf-8")
    return folder


def imported(mapping: Path, *sources: Path | str, output: Path) -> Imported:
    return import_register(read_mapping(str(mapping)), [str(each) for each in sources], output)


def triples_in(file: Path) -> set[tuple[str, str, str]]:
    with file.open("rb") as stream:
        return {
            (str(quad.subject), str(quad.predicate), str(quad.object))
            for quad in ox.parse(stream, format=ox.RdfFormat.from_extension(file.suffix[1:]))
        }


VALLEY = "<https://example.org/union/200000001>"
PLATEAU = "<https://example.org/union/200000002>"


def test_a_row_becomes_a_venture_that_says_from_which_row(
    mapping: Path, tables: Path, tmp_path: Path
) -> None:
    imported(mapping, tables, output=tmp_path / "unions.nq")

    triples = triples_in(tmp_path / "unions.nq")
    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    assert (VALLEY, label, '"Union de « la \\"Vallée\\" »"@fr') in triples
    day = '"2020-01-01"^^<http://www.w3.org/2001/XMLSchema#date>'
    assert (PLATEAU, f"<{HF}ended>", day) in triples
    row = "<https://example.org/unions/tables/unions#row=3>"
    assert (PLATEAU, "<http://www.w3.org/ns/prov#wasDerivedFrom>", row) in triples
    ventures = assess([str(tmp_path / "unions.nq")]).ventures
    assert {'Union de « la "Vallée" »', "Union du Plateau"} == {each.label for each in ventures}


def test_the_same_tables_give_the_same_bytes(mapping: Path, tables: Path, tmp_path: Path) -> None:
    for name in ("one.trig", "two.trig"):
        imported(mapping, tables, output=tmp_path / name)

    assert (tmp_path / "one.trig").read_bytes() == (tmp_path / "two.trig").read_bytes()


def test_areas_of_shared_communes_have_people_in_common(
    mapping: Path, tables: Path, tmp_path: Path
) -> None:
    imported(mapping, tables, output=tmp_path / "unions.nq")

    triples = triples_in(tmp_path / "unions.nq")
    share = {
        (subject.rpartition("/common/")[2].rstrip(">"), value.partition("^")[0])
        for subject, predicate, value in triples
        if predicate == f"<{HF}share>"
    }
    assert {("200000001/200000002", '"0.200000"'), ("200000002/200000001", '"0.250000"')} == share


def in_workbook(tables: Path) -> list[str]:
    import xlsxwriter

    with xlsxwriter.Workbook(str(tables / "all.xlsx")) as book:
        for name in ("unions", "communes"):
            sheet = book.add_worksheet(name)
            with (tables / f"{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
                for number, row in enumerate(csv.reader(stream)):
                    sheet.write_row(number, 0, row)
    return [str(tables / "all.xlsx")]


def in_json(tables: Path) -> list[str]:
    found = []
    for name in ("unions", "communes"):
        with (tables / f"{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
            records = list(csv.DictReader(stream))
        file = tables / f"{name}.json"
        file.write_text(json.dumps(records), encoding="utf-8")
        found.append(f"{name}={file}")
    return found


def in_sqlite(tables: Path) -> list[str]:
    file = tables / "all.sqlite"
    connection = sqlite3.connect(file)
    for name in ("unions", "communes"):
        with (tables / f"{name}.csv").open(encoding="utf-8-sig", newline="") as stream:
            heading, *rows = csv.reader(stream)
        columns = ", ".join(f'"{column}"' for column in heading)
        connection.execute(f"CREATE TABLE {name} ({columns})")
        marks = ", ".join("?" for _ in heading)
        connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    connection.commit()
    connection.close()
    return [str(file)]


def in_any_database(tables: Path) -> list[str]:
    (file,) = in_sqlite(tables)
    return [f"sqlite:///{file}"]


def in_older_encoding(tables: Path) -> list[str]:
    for file in tables.glob("*.csv"):
        text = file.read_text(encoding="utf-8-sig")
        with gzip.open(f"{file}.gz", "wt", encoding="windows-1252", newline="") as out:
            out.write(text)
        file.unlink()
    return [str(tables)]


@pytest.mark.parametrize(
    ("kept", "encoding"),
    [
        (in_workbook, None),
        (in_json, None),
        (in_sqlite, None),
        (in_any_database, None),
        (in_older_encoding, "windows-1252"),
    ],
)
def test_it_does_not_matter_how_a_table_is_kept(
    mapping: Path,
    tables: Path,
    tmp_path: Path,
    kept: Callable[[Path], list[str]],
    encoding: str | None,
) -> None:
    imported(mapping, tables, output=tmp_path / "csv.nq")
    package = read_mapping(str(mapping))
    if kept is in_workbook:
        resources = [
            {**each, "dialect": {"sheetName": each["name"]}} for each in PACKAGE["resources"]
        ]
        package = read_mapping(
            str(written(tmp_path / "sheets", {**PACKAGE, "resources": resources}))
        )

    import_register(package, kept(tables), tmp_path / "other.nq", encoding=encoding)

    def said(file: Path) -> set[tuple[str, str, str]]:
        return {triple for triple in triples_in(file) if "/tables/" not in "".join(triple)}

    assert said(tmp_path / "csv.nq") == said(tmp_path / "other.nq")


Damage = Callable[[Path], None]


def replaced(name: str, old: str, new: str, encoding: str = "utf-8") -> Damage:
    def damage(tables: Path) -> None:
        file = tables / name
        text = file.read_text(encoding="utf-8-sig")
        assert old in text
        file.write_bytes(text.replace(old, new).encode(encoding))

    return damage


DAMAGES: dict[str, tuple[Damage, str]] = {
    "wrong encoding": (
        replaced("unions.csv", "200000001", "200000001", "latin-1"),
        "unions.csv: row 1: the text is not UTF-8 (byte 0xe9). "
        "Save the table as UTF-8, or say in which encoding it is: --encoding windows-1252.",
    ),
    "missing column": (
        replaced("communes.csv", "population", "popuation"),
        "communes.csv: row 1, column population: the column is missing. Did you mean popuation? "
        "The heading has siren, insee, commune, popuation.",
    ),
    "column twice": (
        replaced("communes.csv", "commune,population", "commune,population,siren"),
        "communes.csv: row 1, column siren: the heading names the column twice. "
        "Rename the one that is not meant.",
    ),
    "other sign between cells": (
        replaced("communes.csv", ",", ";"),
        "communes.csv: row 1: the cells are divided by ';' and not by ','. "
        'Save it anew, or say "dialect": {"delimiter": ";"}.',
    ),
    "duplicate key": (
        replaced("unions.csv", "200000002", "200000001"),
        "unions.csv: rows 2, 3, column siren: '200000001' stands in several rows, and may stand in "
        "one. Delete or mend the rows that are not meant.",
    ),
    "impossible date": (
        replaced("unions.csv", "31/12/2016", "31/02/2016"),
        "unions.csv: row 3, column création: '31/02/2016' is not a date that there is. "
        "Write it as DD/MM/YYYY.",
    ),
    "end before beginning": (
        replaced("unions.csv", "01/01/2020", "01/01/2015"),
        "unions.csv: row 3, column dissolution: 2015-01-01 is before 2016-12-31 in création. "
        "Mend one of the two dates.",
    ),
    "a million cells in a row": (
        replaced("communes.csv", "01001,Aval,800", "01001,Aval,800" + "," * 999_995 + "x"),
        "communes.csv: row 2: the row has 999,999 cells, the heading 4. "
        "Look for a comma or a quotation mark too many or too few.",
    ),
    "quotation mark not closed": (
        replaced("communes.csv", "Haut", '"Haut'),
        "communes.csv: row 5: the row is not CSV: unexpected end of data. "
        "Look for a quotation mark that is not closed.",
    ),
    "a code recoded last year": (
        replaced("communes.csv", "200000002,2A004", "200000003,2A004"),
        "communes.csv: row 5, column siren: '200000003' is not in unions. "
        "Mend the code, or add it to unions.",
    ),
    "a value that is none of those": (
        replaced("unions.csv", ",CA", ",XX"),
        "unions.csv: row 3, column nature: 'XX' is none of the values that may stand here. "
        "They are CC, CA.",
    ),
    "not a number": (
        replaced("communes.csv", "600", "many"),
        "communes.csv: row 5, column population: 'many' is not a whole number. Mend the cell.",
    ),
    "a number written otherwise": (
        replaced("communes.csv", "600", "6 000"),
        "communes.csv: row 5, column population: '6 000' is not a whole number. Mend the cell, or "
        'say of the field how its numbers are written: "groupChar": " ".',
    ),
    "another encoding, without doubt": (
        replaced("communes.csv", "siren", "siren", "utf-16"),
        "communes.csv: row 1: the text is UTF-16 and not UTF-8. "
        'Say --encoding utf-16, or "encoding": "utf-16" in the mapping.',
    ),
    "a title above the heading": (
        replaced("communes.csv", "siren,", "Communes of 2024,,,\n,,,\nsiren,"),
        "communes.csv: row 3: the heading is not where it should be, but here. "
        'Take out the rows above it, or say "dialect": {"headerRows": [3]}.',
    ),
    "merged cells in the heading": (
        replaced("communes.csv", "insee,commune,population", "member,,population\n,insee,commune,"),
        "communes.csv: row 2: the heading goes on here, with commune, insee. Make it one row, or "
        'say "dialect": {"headerRows": [1, 2]}. The columns are then called siren, member insee, '
        "member commune, population.",
    ),
    "a column renamed after what stands in a row": (
        replaced(
            "communes.csv",
            "commune,population\n200000001,01001,Aval",
            "name,population\n200000001,01001,commune",
        ),
        "communes.csv: row 1, column commune: the column is missing. "
        "The heading has siren, insee, name, population.",
    ),
    "an encoding of Japan": (
        replaced("communes.csv", "Amont", "上流の村", "cp932"),
        "communes.csv: row 3, column commune: the text is not UTF-8 (byte 0x8f). "
        "Save the table as UTF-8, or say in which encoding it is: --encoding cp932, for instance.",
    ),
    "a heading alone": (
        replaced("communes.csv", COMMUNES, COMMUNES.splitlines()[0]),
        "communes.csv: the table has a heading and no rows. "
        'Give it rows; or say "optional": true of it, if it may have none.',
    ),
    "too small": (
        replaced("communes.csv", "600", "-600"),
        "communes.csv: row 5, column population: '-600' is less than 0. Mend the cell.",
    ),
    "another form": (
        replaced("communes.csv", "2A004", "2A0045"),
        "communes.csv: row 5, column insee: '2A0045' does not look like a insee. "
        "It must match \\w{5}.",
    ),
    "empty cell": (
        replaced("communes.csv", "Haut", ""),
        "communes.csv: row 5, column commune: the cell is empty. It must be filled in.",
    ),
    "no rows": (
        replaced("communes.csv", COMMUNES, ""),
        "communes.csv: the table is empty. Give a table with a heading.",
    ),
    "absent": (
        lambda tables: (tables / "communes.csv").unlink(),
        "communes.csv: the table communes is in none of the sources. "
        "Give the folder in which it lies, or say communes=FILE.",
    ),
}


@pytest.mark.parametrize(("damage", "said"), list(DAMAGES.values()), ids=list(DAMAGES))
def test_a_damaged_table_is_told_of_and_nothing_is_written(
    mapping: Path,
    tables: Path,
    tmp_path: Path,
    damage: Damage,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    damage(tables)
    output = tmp_path / "unions.nq"
    output.write_text("as it was\n", encoding="utf-8")
    monkeypatch.chdir(tables)

    with pytest.raises(TableError) as caught:
        imported(mapping, ".", output=output)

    assert f"{said}\nNothing was imported." == str(caught.value)
    assert "as it was\n" == output.read_text(encoding="utf-8")
    assert {"unions.nq", "tables", "unions"} == set(os.listdir(tmp_path))


def test_what_is_told_of_damaged_tables_is_documented() -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")

    assert [] == [said for _, said in DAMAGES.values() if f"| `{said}` |" not in documentation]


def test_a_cell_of_a_database_that_is_no_text_is_told_by_row_and_column(
    mapping: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_sqlite(tables)
    (database,) = tables.glob("*.sqlite")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE communes SET commune = x'ff00' WHERE insee = '01001'")
        connection.execute("UPDATE unions SET nom = CAST(x'56616ce9' AS TEXT) WHERE rowid = 2")
    monkeypatch.chdir(tables)

    with pytest.raises(TableError) as caught:
        imported(mapping, database.name, output=tmp_path / "unions.nq")

    said = str(caught.value)
    assert "table communes: row 1, column commune: the cell holds bytes and no text." in said
    assert (
        "table unions: row 2, column nom: the cell holds text that is not UTF-8 (byte 0xe9)."
        in said
    )


def test_a_fault_in_a_workbook_is_told_with_its_sheet(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = json.loads(json.dumps(PACKAGE))
    for resource in package["resources"]:
        resource["dialect"] = {"sheetName": resource["name"]}
    replaced("communes.csv", "600", "many")(tables)
    in_workbook(tables)
    monkeypatch.chdir(tables)

    with pytest.raises(TableError) as caught:
        imported(written(tmp_path / "kept", package), "all.xlsx", output=tmp_path / "unions.nq")

    assert str(caught.value).startswith("all.xlsx, sheet communes: row 5, column population: ")


def test_notes_about_a_table_are_no_rows_of_it(tmp_path: Path, tables: Path) -> None:
    package = json.loads(json.dumps(PACKAGE))
    package["resources"][1]["dialect"] = {"headerRows": [2], "commentRows": [4], "commentChar": "*"}
    lines = ["Communes of 2024", *COMMUNES.splitlines(), "", "* Counted on 1 January."]
    lines.insert(3, "of which in the valley:,,,")
    (tables / "communes.csv").write_text("\n".join(lines), encoding="utf-8")

    found = imported(written(tmp_path / "noted", package), tables, output=tmp_path / "unions.nq")

    assert len(UNIONS.splitlines()) + len(COMMUNES.splitlines()) - 2 == found.rows


def test_a_date_in_words_is_read_and_checked_as_one(
    tmp_path: Path, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = json.loads(json.dumps(PACKAGE))
    founded = package["resources"][0]["schema"]["fields"][2]
    founded["replace"] = {"1er": "1", "mars": "03", "令和2年": "2020", " ": "/"}
    folder = written(tmp_path / "worded", package)
    monkeypatch.chdir(tables)
    replaced("unions.csv", "01/01/2014", "1er mars 2014")(tables)
    imported(folder, ".", output=tmp_path / "unions.nq")
    replaced("unions.csv", "1er mars 2014", "32 mars 令和2年")(tables)

    with pytest.raises(TableError) as caught:
        imported(folder, ".", output=tmp_path / "other.nq")

    assert '"2014-03-01"^^' in (tmp_path / "unions.nq").read_text(encoding="utf-8")
    assert "unions.csv: row 2, column création: '32 mars 令和2年' is not a date" in str(
        caught.value
    )


def test_all_that_is_wrong_is_told_at_once(
    mapping: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced("unions.csv", "31/12/2016", "31/02/2016")(tables)
    replaced("communes.csv", "600", "many")(tables)
    monkeypatch.chdir(tables)

    with pytest.raises(TableError) as caught:
        imported(mapping, ".", output=tmp_path / "unions.nq")

    assert ["création", "population"] == [each.column for each in caught.value.problems]


def test_rows_with_the_same_fault_are_told_of_together(
    mapping: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tables / "communes.csv").open("a", encoding="utf-8") as out:
        out.writelines(f"200000001,{number:05},Hameau,none\n" for number in range(20000, 20030))
    monkeypatch.chdir(tables)

    with pytest.raises(TableError) as caught:
        imported(mapping, ".", output=tmp_path / "unions.nq")

    (problem,) = caught.value.problems
    assert str(problem).startswith(
        "communes.csv: rows 6, 7, 8, 9, 10 and 25 more, column population: 'none' is not"
    )


def test_signs_lost_in_another_encoding_are_told_of_and_taken(
    mapping: Path, tables: Path, tmp_path: Path
) -> None:
    replaced("communes.csv", "Haut", "H\ufffdt")(tables)

    made = imported(mapping, tables, output=tmp_path / "unions.nq")

    assert ["commune"] == [doubt.column for doubt in made.doubts]
    assert (tmp_path / "unions.nq").is_file()


@pytest.mark.parametrize(
    ("quads", "said"),
    [
        (
            QUADS.replace("$(nom)", "$(nomm)"),
            "mapping.yaml: union: it refers to a column nomm, which its source has not. Did you "
            "mean nom? Columns: _row, siren, nom, création, dissolution, nature, _source.",
        ),
        (
            QUADS.replace("{table: unions}", "{table: union}"),
            "mapping.yaml: union: its source cannot be read: ",
        ),
        (
            QUADS.replace("ex:union/$(siren)\n", "$(siren)/union\n"),
            "mapping.yaml: union: $(siren)/union begins with a column and goes on, which morph-kgc "
            "misreads. Put it together in a query: SELECT iri || '/more' AS address.",
        ),
        (
            QUADS.replace("s: ex:union/$(siren)\n", "s: $(nom)\n"),
            "mapping.yaml: the mapping makes what is not RDF: <Union",
        ),
    ],
)
def test_a_fault_in_a_mapping_is_told_by_its_entry(
    tables: Path, tmp_path: Path, quads: str, said: str
) -> None:
    folder = written(tmp_path / "unions", PACKAGE, quads)

    with pytest.raises(HoldfastError) as caught:
        imported(folder, tables, output=tmp_path / "unions.nq")

    assert str(caught.value).startswith(f"{folder}/{said}")
    assert not (tmp_path / "unions.nq").exists()


AWARDS = {
    "title": "Awards",
    "register": "https://example.org/awards",
    "overlaps": False,
    "resources": [
        {"name": "awards", "path": "awards.json", "schema": {"fields": [
            {"name": "award", "constraints": {"required": True}}, {"name": "partners"},
        ]}},
    ],
}  # fmt: skip
PARTNERS = """\
prefixes: {ex: https://example.org/, hf: https://w3id.org/holdfast/ns#,
  rdfs: http://www.w3.org/2000/01/rdf-schema#, xsd: http://www.w3.org/2001/XMLSchema#}
mappings:
  award:
    sources: [{table: awards}]
    s: ex:award/$(award)
    po: [[a, hf:Venture]]
  partner:
    sources: [{table: partners}]
    s: ex:partner/$(id)
    po: [[a, hf:Organisation], [rdfs:label, $(label)]]
  grant:
    sources: [{table: partners}]
    s: ex:award/$(award)/$(id)
    po: [[a, hf:Funding], [hf:amount, $(pounds), xsd:decimal]]
"""
NESTED = """\
CREATE VIEW partners AS
WITH each AS (SELECT award, _source, unnest(from_json(partners, '["json"]')) AS p FROM awards)
SELECT award, _source, p->>'id' AS id, p->>'name' AS label,
  CAST(p->>'pounds' AS DECIMAL(18, 2)) AS pounds
FROM each
"""


def of_awards(tmp_path: Path, *partners: list[dict[str, str]]) -> tuple[Path, Path]:
    """A mapping of awards whose partners are nested in each, and a file with these."""
    file = tmp_path / "awards.json"
    file.write_text(
        json.dumps([{"award": f"A{n}", "partners": some} for n, some in enumerate(partners)]),
        encoding="utf-8",
    )
    return written(tmp_path / "awards", AWARDS, PARTNERS, NESTED), file


def test_a_nested_partner_without_an_address_is_told_of(tmp_path: Path) -> None:
    folder, file = of_awards(
        tmp_path,
        [{"id": "vale", "name": "Vale Trust", "pounds": "10"}],
        [{"name": "Hill Council"}, {"id": "vale", "name": "Vale Trust"}],
    )

    made = imported(folder, file, output=tmp_path / "awards.nq")

    assert [
        f"{file}: row 2: nothing is made of it by partner, whose address needs id. Fill in what id"
        " is made of, or leave such rows out: SELECT … WHERE id IS NOT NULL."
    ] == [str(doubt) for doubt in made.doubts]


def test_rows_that_have_nothing_to_say_are_left_out_in_silence(tmp_path: Path) -> None:
    folder, file = of_awards(tmp_path, [{"id": "vale", "name": "Vale Trust"}, {}])

    assert () == imported(folder, file, output=tmp_path / "awards.nq").doubts


def test_what_a_view_cannot_convert_is_told_by_its_row(tmp_path: Path) -> None:
    folder, file = of_awards(
        tmp_path,
        *([{"id": f"p{n}", "name": "Vale Trust", "pounds": str(n)}] for n in range(5)),
        [{"id": "hill", "name": "Hill Council", "pounds": "ten"}],
        [{"id": "vale", "name": "Vale Trust", "pounds": "10"}],
    )

    with pytest.raises(HoldfastError) as caught:
        imported(folder, file, output=tmp_path / "awards.nq")

    assert str(caught.value).startswith(
        f"{folder}/mapping.yaml: partner: its source cannot be read: Conversion Error: "
    )
    assert f"({file}, row 6). Mend the cell" in str(caught.value)


def test_a_word_that_looks_like_nothing_stays_a_word(
    mapping: Path, tables: Path, tmp_path: Path
) -> None:
    replaced("unions.csv", "Union du Plateau", "None")(tables)

    imported(mapping, tables, output=tmp_path / "unions.nq")

    label = "<http://www.w3.org/2000/01/rdf-schema#label>"
    assert (PLATEAU, label, '"None"@fr') in triples_in(tmp_path / "unions.nq")


def test_dated_extents_have_people_in_common_while_both_hold_and_as_one_takes_over() -> None:
    graph = "<https://example.org/g>"

    def fact(subject: str, predicate: str, value: str) -> str:
        return f"<https://example.org/{subject}> <{HF}{predicate}> {value} {graph}"

    lines = {fact("street", "population", '"100"'), fact("lane", "population", '"300"')}
    for extent, area, began, ended, parts in (
        ("old-1", "old", "2010-01-01", "2020-01-01", ("street", "lane")),
        ("new-1", "new", "2020-01-01", "", ("street",)),
        ("board-1", "board", "2015-01-01", "", ("lane",)),
    ):
        lines.add(fact(extent, "extentOf", f"<https://example.org/{area}>"))
        lines.add(fact(extent, "started", f'"{began}"'))
        if ended:
            lines.add(fact(extent, "ended", f'"{ended}"'))
        lines |= {fact(extent, "madeOf", f"<https://example.org/{part}>") for part in parts}

    made = common_parts(lines, "https://example.org/register")

    people = {
        line.partition("/common/")[2].partition(">")[0]: line.partition('"')[2].partition('"')[0]
        for line in made
        if f"<{HF}people>" in line
    }
    assert {
        "old/board/2015-01-01": "300",
        "board/old/2015-01-01": "300",
        "old/new/2020-01-01": "100",
        "new/old/2020-01-01": "100",
    } == people


@pytest.mark.parametrize("name", sorted(shipped_mappings()))
def test_a_shipped_mapping_can_be_read_and_says_whose_the_tables_are(name: str) -> None:
    mapping: Mapping = read_mapping(name)

    assert "" not in (mapping.title, mapping.description)
    assert mapping.tables
    for table in mapping.tables:
        if name not in ("council-register", "surveys"):  # tables of whoever fills them in
            assert "" not in (table.publisher, table.licence, table.issued), table.name


def test_a_template_is_a_workbook_or_a_folder(tmp_path: Path) -> None:
    asked = ["import", "--template", "council-register", "-o", str(tmp_path / "ours.doc")]

    said = CliRunner().invoke(main, asked)

    assert (2, True) == (said.exit_code, "no '.doc'" in said.output)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("output", ["mine.xlsx", "mine"])
def test_the_template_of_a_council_comes_back_as_a_register(output: str, tmp_path: Path) -> None:
    runner = CliRunner()
    target = tmp_path / output
    made = runner.invoke(main, ["import", "--template", "council-register", "-o", str(target)])
    assert 0 == made.exit_code, made.output
    filled = target
    if target.suffix:
        filled = tmp_path / "filled.xlsx"
        fill_workbook(target, filled)
    else:
        for sheet, cells in FILLED.items():
            file = target / f"{sheet}.csv"
            with file.open(encoding="utf-8-sig", newline="") as empty:
                heading = next(csv.reader(empty))
            with file.open("a", encoding="utf-8", newline="") as out:
                csv.DictWriter(out, heading).writerow(cells)

    register = tmp_path / "register.nq"
    done = runner.invoke(main, ["import", "council-register", str(filled), "-o", str(register)])

    assert 0 == done.exit_code, done.output
    (venture,) = assess([str(register)], as_of="2024").ventures
    assert "Vale Alliance" == venture.label
    triples = triples_in(register)
    base = "https://www.example.org/partnerships/p7"
    assert (f"<{base}/purpose>", f"<{HF}belongsTo>", f"<{base}>") in triples
    assert (f"<{base}/without/review>", f"<{HF}absentKind>", f"<{HF}Review>") in triples
    assert any(subject == f"<{base}/partner/vale-trust>" for subject, _, _ in triples)


def test_a_last_review_long_ago_is_a_risk(tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(main, ["import", "--template", "council-register", "-o", str(tmp_path)])
    file = tmp_path / "Partnerships.csv"
    with file.open(encoding="utf-8-sig", newline="") as empty:
        heading = next(csv.reader(empty))
    old = {"Reference": "P8", "Title": "Hill Alliance", "Started": "2001-04-01"}
    with file.open("a", encoding="utf-8", newline="") as out:
        csv.DictWriter(out, heading).writerow({**old, "Last review": "2012-02-15"})
    register = tmp_path / "register.nq"

    runner.invoke(main, ["import", "council-register", str(tmp_path), "-o", str(register)])

    (then,) = assess([str(register)], as_of="2013").ventures
    (later,) = assess([str(register)], as_of="2024").ventures
    assert [False, True] == [
        any(finding.rule == "value-unmanaged" for finding in venture.findings)
        for venture in (then, later)
    ]


FILLED = {
    "Partnerships": {
        "Reference": "P7",
        "Title": "Vale Alliance",
        "Objective": "More people are active",
        "Started": "2019-04-01",
        "Ever reviewed": "no",
        "Funding contribution": "12000",
    },
    "Partners": {"Reference": "P7", "Organisation": "Vale Trust", "Role": "essential-partner"},
}


def fill_workbook(template: Path, filled: Path) -> None:
    import python_calamine
    import xlsxwriter

    book = python_calamine.CalamineWorkbook.from_path(str(template))
    assert ["Register", "Partnerships", "Partners", "Notes"] == book.sheet_names
    with xlsxwriter.Workbook(str(filled)) as out:
        for name in book.sheet_names[:3]:
            sheet = out.add_worksheet(name)
            rows = book.get_sheet_by_name(name).to_python()
            if name in FILLED:
                rows.append([FILLED[name].get(str(title), "") for title in rows[0]])
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)


def test_without_its_libraries_import_says_what_to_install(
    mapping: Path, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "morph_kgc", None)

    with pytest.raises(HoldfastError, match=r"needs morph_kgc.*pip install 'holdfast\[import\]'"):
        imported(mapping, tables, output=tmp_path / "unions.nq")


def test_outlines_stand_in_where_there_are_no_small_areas() -> None:
    def outline(area: str, shape: str) -> str:
        return (
            f"<https://example.org/{area}> <http://www.opengis.net/ont/geosparql#asWKT> "
            f'"{shape}" <https://example.org/g>'
        )

    lines = {
        outline("north", "POLYGON ((0 0, 4 0, 4 1, 0 1, 0 0))"),
        outline("east", "POLYGON ((3 0, 5 0, 5 1, 3 1, 3 0))"),
        outline("far", "POLYGON ((9 0, 10 0, 10 1, 9 1, 9 0))"),
    }

    made = common_parts(lines, "https://example.org/register")

    share = {
        line.partition("/common/")[2].partition(">")[0]: line.partition('"')[2].partition('"')[0]
        for line in made
        if f"<{HF}share>" in line
    }
    assert {"north/east/outlines": "0.250000", "east/north/outlines": "0.500000"} == share
