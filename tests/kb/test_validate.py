"""holdfast validate: what users meet, and what the W3C's suite and pySHACL leave untested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rdflib import Graph
from rdflib.compare import isomorphic
from rdflib.namespace import RDF, SH

from holdfast.cli import main
from holdfast.errors import ShapeError
from holdfast.validate import validate

HEAD = """@prefix ex: <https://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
ex: sh:declare [ sh:prefix "ex" ; sh:namespace "https://example.org/"^^xsd:anyURI ] .
"""
DATA = """
ex:leisure-trust a ex:Venture ; rdfs:label "Leisure Trust" ; ex:partner ex:council .
ex:food-bank a ex:Venture ; ex:partner "nobody" .
ex:council a ex:Council ; rdfs:label "County Council" .
ex:Council rdfs:subClassOf ex:Organisation .
"""
SHAPES = """
ex:VentureShape a sh:NodeShape ; sh:targetClass ex:Venture ;
  sh:property [ sh:path ex:partner ; sh:class ex:Organisation ] ;
  sh:property [ sh:path rdfs:label ; sh:minCount 1 ; sh:severity sh:Warning ] .
"""


Write = Callable[[str, str], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(name: str, text: str) -> str:
        (tmp_path / name).write_text(HEAD + text, encoding="utf-8")
        return str(tmp_path / name)

    return file


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["validate", *words])


def focuses(data: str, shapes: str, **options: object) -> list[str]:
    report = validate([data], [shapes], **options)  # type: ignore[arg-type]
    return [result.focus.rsplit("/", 1)[-1].rstrip(">") for result in report.results]


# -- the command -------------------------------------------------------------------------------


def test_a_report_is_told_in_sentences_with_the_line_of_the_source(write: Write) -> None:
    done = run(write("d.ttl", DATA), write("s.ttl", SHAPES))
    assert done.exit_code == 1
    assert "The data do not conform: 2 results." in done.output
    assert "food bank <https://example.org/food-bank>" in done.output
    assert "d.ttl: line 8)" in done.output
    assert "A value of partner must be an Organisation. It is nobody." in done.output


def test_warnings_may_be_allowed(write: Write) -> None:
    data = write("d.ttl", DATA.replace('ex:partner "nobody"', "ex:partner ex:council"))
    shapes = write("s.ttl", SHAPES)
    assert run(data, shapes).exit_code == 1
    assert run(data, shapes, "-w").exit_code == 0


def test_data_may_hold_their_own_shapes(write: Write) -> None:
    assert run(write("both.ttl", DATA + SHAPES)).exit_code == 1


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")
def test_every_rdf_format_says_the_same(write: Write) -> None:
    words = (write("d.ttl", DATA), "-s", write("s.ttl", SHAPES), "-f")
    turtle = Graph().parse(data=run(*words, "turtle").output, format="turtle")
    assert len(list(turtle.subjects(RDF.type, SH.ValidationResult))) == 2
    for form, name in (("nt", "nt"), ("xml", "xml"), ("json-ld", "json-ld")):
        assert isomorphic(turtle, Graph().parse(data=run(*words, form).output, format=name))


def test_json_and_sarif_give_the_place(write: Write) -> None:
    words = (write("d.ttl", DATA), write("s.ttl", SHAPES), "-f")
    told = json.loads(run(*words, "json").output)
    assert (told["conforms"], len(told["results"])) == (False, 2)
    assert told["results"][0]["line"] == 8
    sarif = json.loads(run(*words, "sarif").output)
    place = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 8}


def test_one_node_and_one_shape_can_be_asked_for(write: Write) -> None:
    data, shapes = write("d.ttl", DATA), write("s.ttl", SHAPES)
    assert focuses(data, shapes, focus=["https://example.org/leisure-trust"]) == []
    name = "https://example.org/VentureShape"
    assert len(focuses(data, shapes, only=[name])) == 2
    with pytest.raises(ShapeError, match="there is no shape"):
        validate([data], [shapes], only=["https://example.org/Nothing"])


# -- what is refused ---------------------------------------------------------------------------

ILL_FORMED = {
    "sh:minCount": 'sh:property [ sh:path ex:partner ; sh:minCount "abc" ]',
    "sh:path": "sh:property [ sh:minCount 1 ]",
    "sh:nodeKind": "sh:nodeKind sh:Iri",
    "no list": "sh:in ex:council",
    "2 values of sh:datatype": "sh:datatype xsd:string, xsd:date",
    "no path": "sh:property [ sh:path [ sh:inverse ex:partner ] ; sh:minCount 1 ]",
    "refers to itself": "sh:node ex:Bad",
    "not SPARQL 1.1": 'sh:sparql [ sh:select "SELECT $this WHERE { $this foo:x ?y }" ]',
    "MINUS": 'sh:sparql [ sh:select "SELECT $this { ?s ?p $this MINUS { $this ?p ?s } }" ]',
    "sh:severity": 'sh:severity "bad"',
    "true or false": 'sh:deactivated "yes"',
}


@pytest.mark.parametrize(("said", "body"), ILL_FORMED.items())
def test_an_ill_formed_shape_is_refused_with_its_place(write: Write, said: str, body: str) -> None:
    done = run(write("d.ttl", DATA), write("s.ttl", f"ex:Bad sh:targetClass ex:Venture ; {body} ."))
    assert done.exit_code == 2
    assert said in done.output
    assert "s.ttl: line 6" in done.output


def test_shapes_that_nothing_reaches_are_read_with_metashacl(write: Write) -> None:
    data = write("d.ttl", DATA)
    shapes = write("s.ttl", 'ex:Unused a sh:NodeShape ; sh:closed "no" .')
    assert run(data, shapes).exit_code == 0
    assert run(data, shapes, "-m").exit_code == 2


# -- core --------------------------------------------------------------------------------------

WELL_FORMED = {
    "byte": ("127", "-128", "+5", "007"),
    "unsignedLong": ("18446744073709551615",),
    "date": ("2000-02-29", "2024-02-29Z", "-0001-01-01", "12024-06-30+14:00"),
    "dateTime": ("2001-01-01T24:00:00", "2001-01-01T00:00:00.5Z"),
    "duration": ("P1Y2M3DT4H5M6.7S", "-PT1S"),
    "decimal": ("1.", ".5", "-0"),
    "double": ("INF", "-INF", "NaN", "1e5"),
    "gMonthDay": ("--02-29",),
    "hexBinary": ("", "0aFF"),
    "language": ("en-GB",),
    "positiveInteger": ("1", "+01"),
}
BROKEN = {
    "byte": ("128", "-129", "1.0", ""),
    "unsignedLong": ("18446744073709551616", "-1"),
    "date": ("1900-02-29", "2023-02-29", "2023-04-31", "2023-13-01", "23-01-01", "2023-1-1"),
    "dateTime": ("2001-01-01T24:00:01", "2001-01-01 00:00:00", "2001-01-01T25:00:00"),
    "duration": ("P", "P1YT", "1Y", "P-1Y"),
    "decimal": (".", "1e5", "INF"),
    "double": ("infinity", "1e", " 1"),
    "gMonthDay": ("--02-30", "02-29"),
    "hexBinary": ("0", "xy"),
    "language": ("english-language-tag!",),
    "positiveInteger": ("0", "-1"),
    "boolean": ("True", "yes"),
    "time": ("24:00:01", "12:60:00"),
}


def _typed(write: Write, table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    pairs = [(kind, text) for kind, texts in table.items() for text in texts]
    lines = [f'ex:n{n} ex:{kind} "{text}"^^xsd:{kind} .' for n, (kind, text) in enumerate(pairs)]
    shapes = [f"ex:{k}S sh:targetSubjectsOf ex:{k} ; sh:property [ sh:path ex:{k} ;"
              f" sh:datatype xsd:{k} ] ." for k in table]  # fmt: skip
    found = focuses(write("d.ttl", "\n".join(lines)), write("s.ttl", "\n".join(shapes)))
    return [pairs[int(name[1:])] for name in found]


def test_well_formed_literals_of_xml_schema_have_their_datatype(write: Write) -> None:
    assert _typed(write, WELL_FORMED) == []


def test_broken_literals_of_xml_schema_do_not(write: Write) -> None:
    expected = sorted((kind, text) for kind, texts in BROKEN.items() for text in texts)
    assert expected == sorted(_typed(write, BROKEN))


def test_what_has_no_order_is_neither_less_nor_more(write: Write) -> None:
    data = """ex:a ex:on "2001-01-01"^^xsd:date . ex:b ex:on ex:today .
ex:c ex:on "x1"^^xsd:integer . ex:d ex:on 7 . ex:e ex:on 3 ."""
    shapes = "ex:S sh:targetSubjectsOf ex:on ; sh:property [ sh:path ex:on ; sh:minInclusive 5 ] ."
    assert ["a", "b", "c", "e"] == sorted(focuses(write("d.ttl", data), write("s.ttl", shapes)))


def test_a_pattern_may_look_ahead(write: Write) -> None:
    data = 'ex:a ex:code "A1" . ex:b ex:code "b1" .'
    shapes = """ex:S sh:targetSubjectsOf ex:code ;
  sh:property [ sh:path ex:code ; sh:pattern "^(?=[A-Z])" ] ."""
    assert ["b"] == focuses(write("d.ttl", data), write("s.ttl", shapes))


def test_the_inverse_of_a_sequence_is_walked_from_its_end(write: Write) -> None:
    data = "ex:trust ex:partner ex:club . ex:club ex:lead ex:council ."
    shapes = """ex:S sh:targetNode ex:council ; sh:property [
  sh:path [ sh:inversePath ( ex:partner ex:lead ) ] ; sh:hasValue ex:trust ] ."""
    assert [] == focuses(write("d.ttl", data), write("s.ttl", shapes))


# -- SHACL-SPARQL and SHACL-AF -----------------------------------------------------------------


def test_a_message_names_what_the_query_found(write: Write) -> None:
    shapes = """ex:S sh:targetClass ex:Venture ; sh:sparql [ sh:prefixes ex: ;
  sh:message "{$this} has {?partner}" ;
  sh:select "SELECT $this ?partner { $this ex:partner ?partner FILTER isLiteral(?partner) }" ] ."""
    report = validate([write("d.ttl", DATA)], [write("s.ttl", shapes)])
    assert ["https://example.org/food-bank has nobody"] == [
        str(message) for result in report.results for message in result.messages
    ]


def test_rules_feed_targets_and_say_where_triples_come_from(write: Write) -> None:
    shapes = """ex:V sh:targetClass ex:Venture ; sh:rule ex:works, ex:for .
ex:works a sh:TripleRule ; sh:subject sh:this ; sh:predicate ex:worksWith ;
  sh:object [ sh:path ex:partner ] ; sh:condition ex:Linked .
ex:Linked a sh:NodeShape ; sh:property [ sh:path ex:partner ; sh:nodeKind sh:IRI ] .
ex:for a sh:SPARQLRule ; sh:prefixes ex: ; sh:order -1 ;
  sh:construct "CONSTRUCT { ?p ex:worksFor $this } WHERE { $this ex:worksWith ?p }" .
ex:O sh:target [ sh:prefixes ex: ; sh:select "SELECT ?this { ?this ex:worksFor ?x }" ] ;
  sh:expression [ sh:exists [ sh:path ex:charter ] ] ."""
    data, file = write("d.ttl", DATA), write("s.ttl", shapes)
    assert [] == focuses(data, file)
    assert [] == focuses(data, file, advanced=True)  # in order, once: ex:for runs before ex:works
    report = validate([data], [file], advanced=True, iterate=True)
    assert ["<https://example.org/council>"] == [result.focus for result in report.results]
    assert {"works", "for"} == {str(made.rule).rsplit("/", 1)[-1] for made in report.inferred}


def test_rules_without_end_are_stopped(write: Write) -> None:
    shapes = '''ex:S sh:targetSubjectsOf ex:partner, ex:next ; sh:rule [ sh:prefixes ex: ;
  sh:construct """CONSTRUCT { $this ex:next ?n . ?n ex:next $this }
    WHERE { BIND(IRI(CONCAT(STR($this), 'x')) AS ?n) }""" ] .'''
    done = run("-a", "-it", write("d.ttl", "ex:a ex:partner ex:b ."), write("s.ttl", shapes))
    assert done.exit_code == 2
    assert "still add triples after 100 rounds" in done.output


def test_inference_is_done_before_validating(write: Write) -> None:
    data = write("d.ttl", "ex:leads rdfs:domain ex:Venture . ex:trust ex:leads ex:club .")
    shapes = write("s.ttl", SHAPES)
    assert [] == focuses(data, shapes)
    assert ["trust"] == focuses(data, shapes, inference="rdfs")
    assert ["trust"] == focuses(data, shapes, inference="owlrl")
