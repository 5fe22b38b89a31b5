"""Tables of strangers: how they write numbers, headings and letters, and mappings with mistakes."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from holdfast.assess import assess
from holdfast.errors import HoldfastError
from holdfast.tables.importing import import_register
from holdfast.tables.package import read_mapping
from holdfast.vocabulary import HF

QUADS = """\
prefixes:
  ex: https://example.org/
  hf: https://w3id.org/holdfast/ns#
  rdfs: http://www.w3.org/2000/01/rdf-schema#
  xsd: http://www.w3.org/2001/XMLSchema#
mappings:
  grant:
    sources: [{table: awards}]
    s: ex:grant/$(Award)
    po:
      - [a, hf:Funding]
      - [rdfs:label, $(Title), en~lang]
      - [hf:amount, $(Amount), xsd:decimal]
"""


def package(
    amount: dict[str, Any] | None = None, begun: dict[str, Any] | None = None, **resource: Any
) -> dict[str, Any]:
    return {
        "title": "Awards",
        "register": "https://example.org/awards",
        "resources": [
            {
                "name": "awards",
                "path": "awards.csv",
                "schema": {
                    "primaryKey": "Award",
                    "fields": [
                        {"name": "Award"},
                        {"name": "Title"},
                        {"name": "Amount", "type": "number", **(amount or {})},
                        *([begun] if begun else []),
                    ],
                },
                **resource,
            }
        ],
    }


def brought(
    folder: Path,
    rows: str | bytes,
    described: dict[str, Any] | None = None,
    quads: str = QUADS,
    views: str = "",
) -> set[tuple[str, str, str]]:
    """Subject, predicate and object of what comes of the rows of a table."""
    mapping = folder / "mapping"
    mapping.mkdir()
    (mapping / "datapackage.json").write_text(json.dumps(described or package()), encoding="utf-8")
    (mapping / "mapping.yaml").write_text(quads, encoding="utf-8")
    if views:
        (mapping / "views.sql").write_text(views, encoding="utf-8")
    table = folder / "awards.csv"
    table.write_bytes(rows if isinstance(rows, bytes) else rows.encode("utf-8"))
    output = folder / "awards.nq"
    try:
        import_register(read_mapping(str(mapping)), [str(table)], output)
    except HoldfastError:
        assert not output.exists()
        raise
    with output.open("rb") as stream:
        return {
            (str(quad.subject), str(quad.predicate), str(quad.object))
            for quad in ox.parse(stream, format=ox.RdfFormat.N_QUADS)
        }


def amount_of(said: set[tuple[str, str, str]]) -> Decimal:
    (value,) = (value for _, predicate, value in said if predicate == f"<{HF}amount>")
    return Decimal(value.split('"')[1])


def fault_in(folder: Path, rows: str | bytes, described: dict[str, Any], quads: str = QUADS) -> str:
    with pytest.raises(HoldfastError) as caught:
        brought(folder, rows, described, quads)
    return str(caught.value).replace(f"{folder}/", "").replace("\nNothing was imported.", "")


FRENCH = {"groupChar": " ", "decimalChar": ","}
POUNDS = {"groupChar": ",", "bareNumber": False}


@pytest.mark.parametrize(
    ("cell", "written", "expected"),
    [
        ("12 345,6", FRENCH, "12345.6"),
        ("12\u00a0345", FRENCH, "12345"),
        ("1\u202f234\u202f567,89", FRENCH, "1234567.89"),
        ("-0,5", FRENCH, "-0.5"),
        ("£1,120,016.30", POUNDS, "1120016.3"),
        ("GBP 40,000", POUNDS, "40000"),
        ("12.5 %", {"bareNumber": False}, "12.5"),
        ("1.234,5", {"groupChar": ".", "decimalChar": ","}, "1234.5"),
        ("1'234.5", {"groupChar": "'"}, "1234.5"),
        ("1.234", {"groupChar": "."}, "1234"),
        ("1,00,000", {"groupChar": ","}, "100000"),
        ("1.5e3", {}, "1500"),
    ],
)
def test_numbers_are_read_as_the_mapping_says_that_they_are_written(
    tmp_path: Path, cell: str, written: dict[str, Any], expected: str
) -> None:
    said = brought(tmp_path, f'Award,Title,Amount\nA1,Ageing,"{cell}"\n', package(written))

    assert Decimal(expected) == amount_of(said)


@pytest.mark.parametrize(
    ("cell", "written", "mend"),
    [
        (
            "9,5",
            {},
            'Mend the cell, or say of the field how its numbers are written: "decimalChar": ",".',
        ),
        (
            "9,500",
            {},
            'Mend the cell, or say of the field how its numbers are written: "groupChar": ",".',
        ),
        (
            "£1,120.30",
            {},
            "Mend the cell, or say of the field how its numbers are written: "
            '"groupChar": ",", "bareNumber": false.',
        ),
        ("12 34", FRENCH, "Mend the cell."),
        (
            "1.234",
            FRENCH,
            'Mend the cell, or say of the field how its numbers are written: "groupChar": ".".',
        ),
        ("£1.2m", {"bareNumber": False}, "Mend the cell."),
        ("£3 billion", {"bareNumber": False}, "Mend the cell."),
        ("(500)", {"bareNumber": False}, "Mend the cell."),
        ("some 500", {}, "Mend the cell."),
        ("many", {}, "Mend the cell."),
    ],
)
def test_a_number_that_is_written_otherwise_is_refused_and_never_misread(
    tmp_path: Path, cell: str, written: dict[str, Any], mend: str
) -> None:
    said = fault_in(tmp_path, f'Award,Title,Amount\nA1,Ageing,"{cell}"\n', package(written))

    assert f"awards.csv: row 2, column Amount: '{cell}' is not a number. {mend}" == said


def test_words_for_true_and_false_may_be_those_of_another_language(tmp_path: Path) -> None:
    yes = {"name": "Actif", "type": "boolean", "trueValues": ["Oui"], "falseValues": ["Non"]}
    quads = QUADS.replace(
        "- [hf:amount, $(Amount), xsd:decimal]", "- [hf:dedicated, $(Actif), xsd:boolean]"
    )

    said = brought(
        tmp_path, "Award,Title,Amount,Actif\nA1,Ageing,1,oui\n", package(begun=yes), quads
    )

    assert any('"true"' in value for _, predicate, value in said if predicate == f"<{HF}dedicated>")


def test_many_values_that_are_wrong_in_one_way_leave_room_for_other_faults(tmp_path: Path) -> None:
    rows = "".join(f"A{number},Ageing,{number}x\n" for number in range(200))

    said = fault_in(tmp_path, f"Award,Title,Amount\n{rows}A1,Sepsis,1\n", package())

    lines = said.splitlines()
    assert 7 == len(lines)
    assert (
        "awards.csv: rows 7, 8, 9, 10, 11 and 190 more, column Amount: 195 more values are wrong "
        "in the same way." in lines
    )
    assert any("'A1' stands in several rows" in line for line in lines)


@pytest.mark.parametrize(
    ("rows", "resource", "said"),
    [
        (
            "Award,Title,Amount\nA1,Santé,1\n".encode(),
            {"encoding": "windows-1252"},
            "awards.csv: row 1: the text is UTF-8 and not WINDOWS-1252. "
            'Say --encoding utf-8, or "encoding": "utf-8" in the mapping.',
        ),
        (
            "Award,Title,Amount\nA1,Health,1\n".encode("utf-16"),
            {},
            "awards.csv: row 1: the text is UTF-16 and not UTF-8. "
            'Say --encoding utf-16, or "encoding": "utf-16" in the mapping.',
        ),
        (
            'Award,Title,Amount\nA1,"two\nlines",1\nA2,Santé,1\n'.encode("latin-1"),
            {},
            "awards.csv: row 3, column Title: the text is not UTF-8 (byte 0xe9). Save the table as "
            "UTF-8, or say in which encoding it is: --encoding windows-1252.",
        ),
        (
            "Award;Title;Amount\nA1;Ageing;1;2\n",
            {"dialect": {"delimiter": ";"}},
            "awards.csv: row 2: the row has 4 cells, the heading 3. Look for a semicolon or a "
            "quotation mark too many or too few.",
        ),
        (
            "Award,Title,Amount\nA1,Ageing,1\n",
            {"dialect": {"delimiter": ";"}},
            "awards.csv: row 1: the cells are divided by ',' and not by ';'. "
            'Save it anew, or say "dialect": {"delimiter": ","}.',
        ),
        (
            "Award,Title,Amount\n",
            {},
            "awards.csv: the table has a heading and no rows. "
            'Give it rows; or say "optional": true of it, if it may have none.',
        ),
        (
            "Awards of 2024,,\n,,\nAward,Title,Amount\nA1,Ageing,1\n",
            {},
            "awards.csv: row 3: the heading is not where it should be, but here. "
            'Take out the rows above it, or say "dialect": {"headerRows": [3]}.',
        ),
        (
            "Award,Project,\n,Title,Amount\nA1,Ageing,1\n",
            {},
            "awards.csv: row 2: the heading goes on here, with Amount, Title. Make it one row, or "
            'say "dialect": {"headerRows": [1, 2]}. The columns are then called Award, Project '
            "Title, Project Amount.",
        ),
    ],
    ids=[
        "UTF-8 taken for another encoding",
        "UTF-16",
        "the row and column of a letter in another encoding",
        "a row with a cell too many",
        "a comma where a semicolon should be",
        "a heading without rows",
        "a title above the heading",
        "merged cells in the heading",
    ],
)
def test_what_is_told_of_a_table_in_another_form(
    tmp_path: Path, rows: str | bytes, resource: dict[str, Any], said: str
) -> None:
    assert said == fault_in(tmp_path, rows, package(**resource))


def test_a_heading_of_several_rows_is_joined(tmp_path: Path) -> None:
    described = package(dialect={"headerRows": [1, 2]})
    described["resources"][0]["schema"]["fields"][1:] = [
        {"name": "Project Title"},
        {"name": "Project Amount", "type": "number"},
    ]

    said = brought(
        tmp_path,
        "Award,Project,\n,Title,Amount\nA1,Ageing,7\n",
        described,
        QUADS.replace("$(Title)", "$(Project Title)").replace("$(Amount)", "$(Project Amount)"),
    )

    assert 7 == amount_of(said)


def test_a_column_may_have_brackets_and_any_sign_in_its_name(tmp_path: Path) -> None:
    odd = "Début (JJ/MM/AAAA) {n° 1}, $"
    described = package(begun={"name": odd, "type": "date", "format": "%d/%m/%Y"})
    quads = f"{QUADS}      - [hf:started, '$({odd})', xsd:date]\n"

    said = brought(
        tmp_path, f'Award,Title,Amount,"{odd}"\nA1,Ageing,1,31/12/2020\n', described, quads
    )

    assert any(value.startswith('"2020-12-31"') for _, _, value in said)


def test_a_columns_name_may_be_broken_over_lines(tmp_path: Path) -> None:
    said = brought(
        tmp_path,
        'Award,Title,"Amount\nin euro"\nA1,Ageing,1\n',
        package({"name": "Amount in euro"}),
        QUADS.replace("$(Amount)", "$(Amount in euro)"),
    )

    assert 1 == amount_of(said)


def test_a_statement_may_be_written_at_length(tmp_path: Path) -> None:
    quads = QUADS.replace(
        "[hf:amount, $(Amount), xsd:decimal]",
        "{predicates: hf:amount, objects: {value: $(Amount), datatype: xsd:decimal}}",
    )

    said = brought(tmp_path, "Award,Title,Amount\nA1,Ageing,7\n", quads=quads)

    assert 7 == amount_of(said)


def test_a_prefix_means_what_the_mapping_says(tmp_path: Path) -> None:
    quads = QUADS.replace("  xsd:", "  schema: https://schema.org/\n  xsd:")

    said = brought(
        tmp_path,
        "Award,Title,Amount\nA1,Ageing,1\n",
        quads=f"{quads}      - [schema:name, $(Title)]\n",
    )

    assert "<https://schema.org/name>" in {predicate for _, predicate, _ in said}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "hf:Funding",
            "hf:Fundings",
            "hf:Fundings is not a term of the ontology. Did you mean hf:Funding?",
        ),
        ("hf:Funding", "hf:amount", "hf:amount is a property, and no class. "),
        (
            "hf:amount",
            "hf:amunt",
            "hf:amunt is not a term of the ontology. Did you mean hf:amount?",
        ),
        (
            "rdfs:label",
            "dcterms:title",
            "the predicate dcterms:title has the prefix dcterms, which is not declared. Add it to "
            "the prefixes, or write it out.",
        ),
        (
            "xsd:decimal]",
            "xsd:decimal]\n      - [hf:fundedBy, ex:funder/$(Title)]",
            "[hf:fundedBy, ex:funder/$(Title)] makes a text, and hf:fundedBy leads to a thing. "
            "Write ex:funder/$(Title)~iri.",
        ),
        (
            "$(Amount), xsd:decimal",
            "ex:sum/$(Amount)~iri",
            "[hf:amount, ex:sum/$(Amount)~iri] makes an address, and hf:amount holds a value. "
            "Leave ~iri out.",
        ),
        (
            "xsd:decimal",
            "xsd:date",
            "[hf:amount, $(Amount), xsd:date] does not make what hf:amount holds, an xsd:decimal. "
            "Write [hf:amount, $(Amount), xsd:decimal].",
        ),
        (
            "$(Amount), xsd:decimal",
            "$(Title), xsd:decimal",
            "[hf:amount, $(Title), xsd:decimal] is to make an xsd:decimal, and 'Ageing' is none "
            "(awards, row 2). Give the column that type in datapackage.json, or make it one in a "
            "view.",
        ),
        (
            "xsd:decimal",
            "xsd:decimel",
            "xsd:decimel is no type of XML Schema. Did you mean xsd:decimal?",
        ),
        ("en~lang", "en_GB~lang", "en_GB is no code of a language. As fr~lang, en-GB~lang."),
        (
            "    po:",
            "    pos:",
            "an entry has sources, s and po, and nothing called pos. Did you mean po?",
        ),
        ("    s: ex:grant/$(Award)\n", "", "it has no s. An entry has sources, s and po."),
        (
            "[a, hf:Funding]",
            "a hf:Funding",
            "'a hf:Funding' is no statement. Write [predicate, object], or [predicate, object, "
            "type].",
        ),
        ("s: ex:grant", "s: grant", "the subject grant/$(Award) is no address. "),
        (
            "xsd:decimal]",
            "xsd:decimal]\n      - [hf:role, 'hf:$(Title)~iri']",
            "hf:Ageing is not a term of the ontology. ",
        ),
        (
            "{table: awards}",
            "{query: 'SELECT *, CAST(Title AS INTEGER) AS n FROM awards'}",
            "its source cannot be read: Conversion Error: Could not convert string 'Ageing'",
        ),
    ],
)
def test_a_mistake_in_an_entry_is_told_before_anything_is_made(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in QUADS

    told = fault_in(
        tmp_path, "Award,Title,Amount\nA1,Ageing,1\n", package(), QUADS.replace(old, new, 1)
    )

    assert told.startswith(f"mapping/mapping.yaml: grant: {said}")


def changed(described: dict[str, Any], *path: str | int, **words: Any) -> dict[str, Any]:
    part: Any = described
    for step in path:
        part = part[step]
    part.update(words)
    return described


AWARDS = ("resources", 0)
SCHEMA = (*AWARDS, "schema")
AMOUNT = (*SCHEMA, "fields", 2)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (
            changed(package(), registre="x"),
            '"registre" says nothing of a package. Did you mean register?',
        ),
        (
            changed(package(), *AWARDS, encodng="x"),
            'resource awards: "encodng" says nothing of a resource. Did you mean encoding?',
        ),
        (
            changed(package(), *SCHEMA, primarykey="x"),
            'resource awards: "primarykey" says nothing of a schema. Did you mean primaryKey?',
        ),
        (
            changed(package(), *AMOUNT, required=True),
            'resource awards: field Amount: "required" says nothing of a field. ',
        ),
        (
            changed(package(), *AMOUNT, constraints={"minimun": 1}),
            'resource awards: field Amount: "minimun" says nothing of a constraint. '
            "Did you mean minimum?",
        ),
        (
            changed(package(), *AMOUNT, type="date", format="DD/MM/YYYY"),
            "resource awards: field Amount: the format DD/MM/YYYY is not known here. That of a "
            "date is written as %d/%m/%Y; nothing else has one.",
        ),
        (
            changed(package(), *AMOUNT, type="date", format="%D"),
            "resource awards: field Amount: its format cannot be understood: ",
        ),
        (
            changed(package(), *AMOUNT, constraints={"pattern": "("}),
            "resource awards: field Amount: its pattern cannot be understood: ",
        ),
        (
            changed(package(), *AMOUNT, constraints={"minimum": "little"}),
            "resource awards: field Amount: its minimum cannot be understood: ",
        ),
        (
            changed(package(), *AMOUNT, groupChar=",", decimalChar=","),
            "resource awards: field Amount: groupChar and decimalChar are two different signs. ",
        ),
        (
            changed(package(), *AMOUNT, constraints={"notBefore": "Begin"}),
            "resource awards: notBefore names Begin, which is no field of it.",
        ),
        (
            changed(package(), *AMOUNT, name="Title"),
            "resource awards: several fields are called Title. Give each its own name.",
        ),
        (
            changed(package(), *SCHEMA, foreignKeys=[{"fields": "Award"}]),
            "resource awards: a reference is an object, in braces.",
        ),
        (
            changed(package(), *AWARDS, dialect={"delimiter": ";;"}),
            "resource awards: the delimiter ';;' is not one sign. ",
        ),
        (
            changed(package(), *AWARDS, dialect={"headerRows": 2}),
            "resource awards: headerRows is not a list of the rows that the heading takes up. ",
        ),
        (
            changed(package(), *AWARDS, encoding="windows-1525"),
            "resource awards: there is no encoding called windows-1525. ",
        ),
        (
            changed(package(), register="https://example.org/my awards"),
            "<https://example.org/my awards> is no address for a register. It may hold no spaces.",
        ),
    ],
)
def test_a_mistake_in_a_data_package_is_told_by_its_place(
    tmp_path: Path, described: dict[str, Any], said: str
) -> None:
    told = fault_in(tmp_path, "Award,Title,Amount\nA1,Ageing,1\n", described)

    assert told.startswith(f"mapping/datapackage.json: {said}")


DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
FILES = {"json": "datapackage.json", "sql": "views.sql", "yaml": "mapping.yaml"}


def as_documented(heading: str, folder: Path) -> Path:
    """The register that comes of the example under a heading of the documentation."""
    section = DOCUMENTATION.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    mapping, tables = folder / "mapping", folder / "tables"
    mapping.mkdir()
    tables.mkdir()
    for language, block in re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL):
        if language in FILES:
            (mapping / FILES[language]).write_text(block, encoding="utf-8")
        elif not language:
            name, _, rows = block.partition("\n")
            (tables / name).write_text(rows, encoding="utf-8")
    output = folder / "register.nq"
    import_register(read_mapping(str(mapping)), [str(tables)], output)
    return output


def test_the_unions_of_the_documentation_become_a_register_without_a_fault_of_its_own_making(
    tmp_path: Path,
) -> None:
    register = as_documented("A table never seen before", tmp_path)

    ventures = assess([str(register)]).ventures
    assert ["Union de la Vallée", "Union du Plateau"] == sorted(each.label for each in ventures)
    assert [] == [
        finding.rule
        for venture in ventures
        for finding in venture.findings
        if finding.rule == "poor-boundary-fit"
    ]


def test_the_awards_of_the_documentation_become_ventures_of_two_or_more(tmp_path: Path) -> None:
    register = as_documented("Another funder's consortia", tmp_path)

    (venture,) = assess([str(register)]).ventures
    assert "Sepsis" == venture.label
    with register.open("rb") as stream:
        made = list(ox.parse(stream, format=ox.RdfFormat.N_QUADS))
    members = {quad.object.value for quad in made if quad.predicate.value == f"{HF}member"}
    assert {
        "https://ror.org/0zab12c34",
        "https://ror.org/0yqz0dp38",
        "https://example.org/organisation/vale-council",
    } == members
