"""A dataset as columns: every term comes back as it went in, with its value beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.answers import answer, plain_text
from holdfast.columns import Columns
from holdfast.columns.terms import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INTEGER,
    LANGSTRING,
    MONTH,
    MONTHS,
    OTHER,
    STRING,
    TIME,
    YEAR,
)  # fmt: skip
from holdfast.compile.values import n3_of
from holdfast.errors import SourceError
from holdfast.vocabulary import RDF_TYPE, RDFS

EX = "https://example.org/"
XSD = "http://www.w3.org/2001/XMLSchema#"


def load(text: str, folder: Path, name: str = "data.ttl") -> Columns:
    """Columns of some Turtle or TriG."""
    file = folder / name
    file.write_text(f"@prefix ex: <{EX}> .\n@prefix xsd: <{XSD}> .\n{text}", encoding="utf-8")
    columns = Columns()
    columns.load([str(file)])
    return columns


def build(columns: Columns) -> Columns:
    """The same with its tables made, all of it visible and stated."""
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return columns


@pytest.mark.parametrize(
    ("literal", "kind", "number"),
    [
        ("7", INTEGER, 7.0),
        ('"007"^^xsd:integer', INTEGER, 7.0),
        ('"7"^^xsd:nonNegativeInteger', INTEGER, 7.0),
        ("-7.50", DECIMAL, -7.5),
        ("7e2", DOUBLE, 700.0),
        ('"INF"^^xsd:double', DOUBLE, float("inf")),
        ('"0.1"^^xsd:float', FLOAT, 0.10000000149011612),
        ("true", BOOLEAN, 1.0),
        ('"0"^^xsd:boolean', BOOLEAN, 0.0),
        ('"seven"^^xsd:integer', OTHER, None),
        ('"7.5"^^xsd:integer', OTHER, None),
        ('"infinity"^^xsd:double', OTHER, None),
        ('"7"', STRING, None),
        ('"sept"@fr', LANGSTRING, None),
        ('"7"^^ex:grade', OTHER, None),
    ],
)
def test_a_literal_has_its_kind_and_number(
    tmp_path: Path, literal: str, kind: int, number: float | None
) -> None:
    columns = load(f"ex:walking ex:grade {literal} .", tmp_path)
    (found,) = columns.rows("SELECT cls, num FROM terms WHERE id % 2 = 1")
    assert (kind, number) == found


@pytest.mark.parametrize(
    ("literal", "kind", "moment"),
    [
        ('"2001-04-01"^^xsd:date', DATE, "2001-04-01 00:00:00"),
        ('"2001"^^xsd:gYear', YEAR, "2001-01-01 00:00:00"),
        ('"2001-04-01T10:00:00Z"^^xsd:dateTime', DATETIME, "2001-04-01 10:00:00"),
        ('"2001-04-01T10:00:00+02:00"^^xsd:dateTime', DATETIME, "2001-04-01 08:00:00"),
        ('"2001-04-01+02:00"^^xsd:date', DATE, "2001-03-31 22:00:00"),
        ('"10:30:00+02:00"^^xsd:time', TIME, "1972-12-31 08:30:00"),
        ('"--04"^^xsd:gMonth', MONTH, "1972-04-01 00:00:00"),
        ('"P1Y2M"^^xsd:yearMonthDuration', MONTHS, None),
        ('"P1Y2D"^^xsd:yearMonthDuration', OTHER, None),
        ('"P"^^xsd:duration', OTHER, None),
        ('"2001-04-01T10:00"^^xsd:dateTime', OTHER, None),
        ('"2001-02-30"^^xsd:date', OTHER, None),
        ('"1/4/2001"^^xsd:date', OTHER, None),
    ],
)
def test_a_date_has_its_first_moment(
    tmp_path: Path, literal: str, kind: int, moment: str | None
) -> None:
    columns = load(f"ex:walking ex:started {literal} .", tmp_path)
    (found,) = columns.rows("SELECT cls, moment::VARCHAR FROM terms WHERE id % 2 = 1")
    assert (kind, moment) == found


def test_literals_alone_have_odd_numbers(tmp_path: Path) -> None:
    columns = load('ex:a ex:b ex:c, "c", [], 1 .', tmp_path)
    rows = columns.rows("SELECT n3, id % 2 FROM terms")
    assert all((n3[0] == '"') == (odd == 1) for n3, odd in rows)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.tuples(_texts, st.sampled_from([None, "en", "en-GB"])), min_size=1, max_size=6))
def test_any_text_comes_back_as_it_was(listed: list[tuple[str, str | None]]) -> None:
    from tempfile import TemporaryDirectory

    literals = [ox.Literal(text, language=language) for text, language in listed]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "data.nt"
        quads = [ox.Triple(ox.NamedNode(EX + "a"), ox.NamedNode(EX + "b"), one) for one in literals]
        ox.serialize(quads, str(file), format=ox.RdfFormat.N_TRIPLES)
        columns = Columns()
        columns.load([str(file)])
    rows = columns.rows("SELECT lex, lang, n3 FROM terms WHERE id % 2 = 1")
    assert {(one.value, (one.language or "").lower()) for one in literals} == {
        (lex, lang.lower()) for lex, lang, _ in rows
    }
    assert {n3 for *_, n3 in rows} == {
        n3 for (n3,) in columns.rows(
            "SELECT quoted(lex) || CASE WHEN lang <> '' THEN '@' || lang ELSE '' END"
            " FROM terms WHERE id % 2 = 1"
        )
    }  # fmt: skip


def test_a_triple_in_two_graphs_is_held_once(tmp_path: Path) -> None:
    text = "ex:g { ex:a ex:b ex:c } ex:h { ex:a ex:b ex:c . ex:a ex:b ex:d }"
    columns = build(load(text, tmp_path, "data.trig"))
    assert (3, 2) == (
        columns.value("SELECT count(*) FROM quads"),
        columns.value(f'SELECT count(*) FROM "{EX}b"'),
    )


def test_properties_that_differ_in_capitals_alone_stay_apart(tmp_path: Path) -> None:
    columns = build(
        load('ex:trust ex:name "Harbour" ; ex:Name "HARBOUR" ; ex:É 1 ; ex:é 2 .', tmp_path)
    )

    found = answer(
        columns,
        f"SELECT ?one ?two {{ ?s <{EX}name> ?one ; <{EX}Name> ?two ; <{EX}É> 1 ; <{EX}é> 2 }}",
    ).solutions

    assert [["Harbour", "HARBOUR"]] == [[plain_text(term) for term in row] for row in found or ()]


def test_a_type_holds_for_the_classes_above(tmp_path: Path) -> None:
    columns = build(
        load(
            f"ex:Project <{RDFS}subClassOf> ex:Venture . ex:Venture <{RDFS}subClassOf> ex:Thing ."
            " ex:walking a ex:Project .",
            tmp_path,
        )
    )
    rows = columns.rows(
        f'SELECT cls.lex, typed.r FROM "{RDF_TYPE}" typed'
        " JOIN terms cls ON cls.id = typed.o ORDER BY 1"
    )
    assert [(EX + "Project", -1), (EX + "Thing", -2), (EX + "Venture", -2)] == rows


def test_the_members_of_a_class_stand_together_in_the_table_of_types(tmp_path: Path) -> None:
    columns = build(
        load(
            f"ex:Walking <{RDFS}subClassOf> ex:Venture . ex:council a ex:Partner ."
            " ex:footpaths a ex:Walking . ex:housing a ex:Venture . ex:school a ex:Partner ."
            " ex:trails a ex:Walking .",
            tmp_path,
        )
    )
    rows = columns.rows(f'SELECT o, s FROM "{RDF_TYPE}" WHERE r = -1 ORDER BY rowid')
    assert sorted(rows) == rows


def test_adding_what_is_known_adds_nothing(tmp_path: Path) -> None:
    columns = build(load("ex:a ex:b ex:c .", tmp_path))
    rows = f'SELECT s, o, c FROM "{EX}b"'
    assert (1, 0) == (columns.add(EX + "d", rows, 0), columns.add(EX + "d", rows, 0))


def test_a_literal_is_never_a_subject(tmp_path: Path) -> None:
    columns = build(load('ex:a ex:b "c" .', tmp_path))
    assert 0 == columns.add(EX + "d", f'SELECT o AS s, s AS o, c FROM "{EX}b"', 0)


@pytest.mark.parametrize("line", ["\n", "\r", "\t", "\\", '"', "\u0008"])
def test_the_query_and_the_data_spell_a_literal_alike(tmp_path: Path, line: str) -> None:
    import rdflib

    file = tmp_path / "data.nt"
    literal = ox.Literal(f"one{line}two")
    ox.serialize(
        [ox.Triple(ox.NamedNode(EX + "a"), ox.NamedNode(EX + "b"), literal)],
        str(file), format=ox.RdfFormat.N_TRIPLES,
    )  # fmt: skip
    columns = Columns()
    columns.load([str(file)])
    known: dict[str, Any] = columns.ids_of([n3_of(rdflib.Literal(f"one{line}two"))])
    assert 1 == len(known)


LINES = """\
<https://example.org/quay> <https://example.org/label> "Quay"@en <https://example.org/register> .
<https://example.org/quay> <https://example.org/note> "a <b> \\"c\\" ." .
<https://example.org/quay> <https://example.org/note> "ends in a graph <https://example.org/x>" .
<https://example.org/quay> <https://example.org/note> "odd <a"^^<https://example.org/dt> _:where .
<https://example.org/quay> <https://example.org/note> " " <https://example.org/register> .
<https://example.org/quay> <https://example.org/note> "\\\\" .
<https://example.org/quay> <https://example.org/near> _:b0 .
_:b0 <https://example.org/near> <https://example.org/quay?a=1#b> .
"""


def stated(columns: Columns) -> set[tuple[str, ...]]:
    """The quads of columns as N-Quads terms, blank nodes all alike."""
    rows = columns.rows(
        "SELECT s.n3, p.n3, o.n3, g.n3 FROM quads JOIN terms s ON s.id = s JOIN terms p ON p.id = p"
        " JOIN terms o ON o.id = o LEFT JOIN terms g ON g.id = g"
    )
    return {tuple("_" if str(n3).startswith("_:") else str(n3) for n3 in row) for row in rows}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a comment\n",
        '<https://example.org/quay>  <https://example.org/label>  "two spaces" .\n',
        '<https://example.org/quay> <https://example.org/label> "\\u00e9t\\u00e9" .\n',
        '<https://example.org/quay> <https://example.org/label> "Kai"@DE .\n',
        '<https://example.org/quay> <https://example.org/label> "Kai"@x-ours .\n',
        '<https://example.org/quay> <https://example.org/label> "Kai"^^'
        "<http://www.w3.org/2001/XMLSchema#string> .\n",
        '<https://example.org/quay> <https://example.org/label> "tab\there \x01" .\r\n',
        "<https://example.org/%C3%A9t%C3%A9> <urn:x:y> <https://[::1]/> <mailto:a@b.example> .\n",
        "<https://example.org/été> <urn:x:y> <https://example.org/#a> <https://example.org/?q> .\n",
        "_:b0 <https://example.org/near> _:b0 _:b0 .",
    ],
)
def test_lines_are_read_as_the_parser_reads_them(tmp_path: Path, line: str) -> None:
    file = tmp_path / "lines.nq"
    file.write_text(LINES + line, encoding="utf-8", newline="")
    expected = {
        tuple(
            "_" if isinstance(term, ox.BlankNode) else n3
            for term in quad
            if (n3 := "None" if isinstance(term, ox.DefaultGraph) else str(term))
        )
        for quad in ox.parse(path=file)
    }
    columns = Columns()

    columns.load([str(file)])

    assert expected == stated(columns)


def test_blank_nodes_of_two_files_of_lines_stay_apart(tmp_path: Path) -> None:
    files = [tmp_path / "east.nt", tmp_path / "west.nt"]
    for file in files:
        file.write_text("_:b0 <https://example.org/near> _:b0 .\n", encoding="utf-8")
    columns = Columns()

    columns.load([str(file) for file in files])

    assert [(2,)] == columns.rows("SELECT count(DISTINCT s) FROM quads")


@pytest.mark.parametrize("name", ["lines.nq", "lines.nt", "lines.ttl"])
def test_a_line_that_breaks_the_syntax_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    good = "<https://example.org/quay> <https://example.org/near> <https://example.org/pier> .\n"
    file.write_text(good + good.replace("pier", "pi er"), encoding="utf-8")

    with pytest.raises(SourceError, match="line 2"):
        Columns().load([str(file)])


def test_a_graph_in_n_triples_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lines.nt"
    file.write_text(LINES.splitlines()[0] + "\n", encoding="utf-8")

    with pytest.raises(SourceError, match="line 1"):
        Columns().load([str(file)])


@pytest.mark.parametrize("name", ["quay*.nq", "quay[1].nq", "quay's.nq"])
def test_a_file_of_any_name_is_read_alone(tmp_path: Path, name: str) -> None:
    other, file = tmp_path / "quay1.nq", tmp_path / name
    for number, path in enumerate((other, file)):
        path.write_text(LINES.replace("quay", f"quay-{number}"), encoding="utf-8")
    columns = Columns()

    columns.load([str(file)])

    assert [] == columns.rows("SELECT n3 FROM terms WHERE contains(n3, 'quay-0')")
