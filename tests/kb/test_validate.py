"""holdfast validate: what users meet, and what the W3C's suite and pySHACL leave untested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyshacl
import pyshacl.errors
import pytest
from click.testing import CliRunner, Result
from rdflib import Graph
from rdflib.compare import isomorphic
from rdflib.namespace import RDF, RDFS, SH

from holdfast.cli import main
from holdfast.columns import Limits
from holdfast.errors import ShapeError
from holdfast.memory import Memory
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
EX = "https://example.org/"
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


@pytest.mark.filterwarnings("ignore")  # pySHACL uses what rdflib deprecates
@pytest.mark.parametrize("form", ["turtle", "xml", "json-ld", "nt", "n3"])
def test_formats_are_stated_as_pyshacl_takes_them(form: str, write: Write, tmp_path: Path) -> None:
    given = {}
    for name, text in (("data", DATA), ("shapes", SHAPES), ("ontology", "ex:Council a ex:Kind .")):
        file = tmp_path / name
        Graph().parse(data=HEAD + text, format="turtle").serialize(file, format=form)
        given[name] = str(file)
    _, report, _ = pyshacl.validate(
        given["data"], shacl_graph=given["shapes"], ont_graph=given["ontology"],
        data_graph_format=form, shacl_graph_format=form, ont_graph_format=form,
    )  # fmt: skip
    assert isinstance(report, Graph)

    done = run(
        given["data"], "-s", given["shapes"], "-e", given["ontology"], "-df", form, "-sf", form,
        "-ef", form, "-f", "json",
    )  # fmt: skip

    assert sorted(str(focus) for focus in report.objects(None, SH.focusNode)) == sorted(
        result["focusNode"] for result in json.loads(done.output)["results"]
    )


def test_a_stated_format_counts_for_more_than_the_suffix(write: Write, tmp_path: Path) -> None:
    (tmp_path / "d.nt").write_text(HEAD + DATA, encoding="utf-8")
    words = (str(tmp_path / "d.nt"), write("s.ttl", SHAPES))

    refused, done = run(*words), run(*words, "--data-file-format", "turtle")

    assert refused.exit_code == 2
    assert done.exit_code == 1
    assert "d.nt: line" in done.output


@pytest.mark.filterwarnings("ignore")  # pySHACL uses what rdflib deprecates
@pytest.mark.parametrize(("depth", "status"), [(1, 2), (2, 2), (3, 1)])
def test_shapes_that_are_too_deep_are_refused_as_pyshacl_refuses_them(
    depth: int, status: int, write: Write
) -> None:
    data = write("d.ttl", DATA)
    shapes = write("s.ttl", """
        ex:Deep a sh:NodeShape ; sh:targetClass ex:Venture ;
          sh:node [ sh:property [ sh:path ex:partner ; sh:nodeKind sh:IRI ] ] .""")  # fmt: skip

    done = run(data, shapes, "--max-depth", str(depth))

    if status == 2:
        with pytest.raises(pyshacl.errors.ReportableRuntimeError):
            pyshacl.validate(data, shacl_graph=shapes, max_validation_depth=depth)
        assert "Allow more with --max-depth." in done.output
    assert status == done.exit_code


def test_each_of_the_data_may_be_held_against_the_shapes_by_itself(write: Write) -> None:
    good, bad = write("good.ttl", "ex:Venture a ex:Kind ."), write("bad.ttl", DATA)

    done = run(good, bad, "-s", write("s.ttl", SHAPES), "--validate-each")

    assert done.exit_code == 1
    assert [f"=== Validation result for {good} ===", "The data conform."] == (
        done.stdout.splitlines()[:2]
    )
    assert f"=== Validation result for {bad} ===\nThe data do not conform" in done.stdout
    assert f"nothing in {good} is what a shape is for" in done.stderr


@pytest.mark.filterwarnings("ignore")  # pySHACL uses what rdflib deprecates
def test_both_inferences_find_what_pyshacl_finds(write: Write) -> None:
    data = write("d.ttl", """
        @prefix owl: <http://www.w3.org/2002/07/owl#> .
        ex:leads rdfs:subPropertyOf ex:joins . ex:joins owl:inverseOf ex:has .
        ex:has rdfs:range ex:Member . ex:trust ex:leads ex:forum .""")  # fmt: skip
    shapes = write("s.ttl", """
        ex:S a sh:NodeShape ; sh:targetClass ex:Member ;
          sh:property [ sh:path ex:joins ; sh:maxCount 0 ] .""")  # fmt: skip
    conforms, _, _ = pyshacl.validate(data, shacl_graph=shapes, inference="both")

    done = run(data, shapes, "-i", "both")

    assert not conforms
    assert "trust" in done.output


def test_an_endpoint_is_read_whole(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "holdfast.store.registers_as_files",
        lambda place, folder: [Path(write("d.ttl", DATA))] if place == "http://kb/sparql" else [],
    )
    shapes = write("s.ttl", SHAPES)

    done, refused = run("-q", "http://kb/sparql", shapes), run("-q", "kb.ttl", shapes)

    assert "The data do not conform: 2 results." in done.output
    assert "d.ttl" not in done.output
    assert "no SPARQL endpoint" in refused.output


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
    "more than one sh:path": "sh:property [ sh:path ex:a, ex:b ]",
    "sub-SELECT that does not give $this": 'sh:sparql [ sh:select "SELECT $this {'
    ' { SELECT ?x { ?x ?p $this } } }" ]',
    "with VALUES": 'sh:sparql [ sh:select "SELECT $this { VALUES ?x { 1 } $this ?p ?x }" ]',
    "with SERVICE": 'sh:sparql [ sh:select "SELECT $this { SERVICE <urn:x:y> { $this ?p ?x } }" ]',
    "2 values of sh:datatype": "sh:datatype xsd:string, xsd:date",
    "Bad> is one that does not give $this": 'sh:sparql [ sh:select "SELECT ?x { $this ?p ?x }" ]',
    "no path": "sh:property [ sh:path [ sh:inverse ex:partner ] ; sh:minCount 1 ]",
    "sh:zeroOrMorePath and sh:inversePath": "sh:property [ sh:path"
    " [ sh:inversePath ex:lead ; sh:zeroOrMorePath ex:partner ] ; sh:minCount 1 ]",
    "fewer than two members": "sh:property [ sh:path () ; sh:minCount 1 ]",
    "holds no tags": "sh:languageIn ( 1 )",
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


COMPONENTS = {
    "the query in sh:nodeValidator of <https://example.org/C> is one that does not give $this": (
        'sh:parameter [ sh:path ex:kind]; sh:nodeValidator [ sh:select "SELECT ?x { ?x ?y $this }"]'
    ),
    "<https://example.org/C> is a constraint component whose parameters are all optional": (
        'sh:parameter [ sh:path ex:kind ; sh:optional true ] ; sh:validator [ sh:ask "ASK {}" ]'
    ),
}


@pytest.mark.parametrize(("said", "body"), COMPONENTS.items())
def test_an_ill_formed_component_is_refused_with_its_place(
    write: Write, said: str, body: str
) -> None:
    component = f"ex:C a sh:ConstraintComponent ; {body} ."
    shape = "ex:S sh:targetClass ex:Venture ; ex:kind 1 ."
    done = run(write("d.ttl", DATA), write("s.ttl", f"{component}\n{shape}"))
    assert done.exit_code == 2
    assert f"s.ttl: line 6: {said}" in done.output


def test_a_target_whose_query_does_not_give_its_nodes_is_refused(write: Write) -> None:
    target = 'sh:target [ a sh:SPARQLTarget ; sh:select "SELECT ?x { ?x ?p ?y }" ]'
    done = run(write("d.ttl", DATA), write("s.ttl", f"ex:S {target} ; sh:nodeKind sh:IRI ."), "-a")
    assert done.exit_code == 2
    assert "s.ttl: line 6: the query in sh:target of <https://example.org/S>" in done.output


def test_shapes_that_nothing_reaches_are_read_with_metashacl(write: Write) -> None:
    data = write("d.ttl", DATA)
    shapes = write("s.ttl", 'ex:Unused a sh:NodeShape ; sh:closed "no" .')
    assert run(data, shapes).exit_code == 0
    assert run(data, shapes, "-m").exit_code == 2


UNCHECKED = {
    "there is no shape in it": ("ex:Venture a ex:Kind .", ()),
    "no shape names what it is for": ("ex:S a sh:NodeShape ; sh:nodeKind sh:IRI .", ()),
    "d.ttl is what a shape is for": ("ex:S sh:targetClass ex:Ventur .", ()),
    "none of https://example.org/nobody in ": (SHAPES, ("--focus", "https://example.org/nobody")),
}


@pytest.mark.parametrize(("said", "asked"), UNCHECKED.items())
def test_data_conform_without_merit_where_nothing_was_checked(
    said: str, asked: tuple[str, tuple[str, ...]], write: Write
) -> None:
    shapes, words = asked

    done = run(write("d.ttl", DATA), write("s.ttl", shapes), *words)

    assert done.exit_code == 0
    assert done.stdout == "The data conform.\n"
    assert said in done.stderr
    assert "s.ttl" in done.stderr


def test_nothing_more_is_said_where_something_was_checked(write: Write) -> None:
    fine = write("d.ttl", DATA.replace('"nobody"', "ex:council"))
    rule = write("r.ttl", "[] a sh:SPARQLRule ; sh:construct 'CONSTRUCT {} {}' .")

    assert run(fine, write("s.ttl", SHAPES)).stderr == ""
    assert run(fine, rule, "--advanced").stderr == ""


def test_infer_says_that_there_is_no_rule(write: Write) -> None:
    words = ["infer", write("d.ttl", DATA), write("s.ttl", SHAPES)]

    done = CliRunner().invoke(main, words)

    assert done.exit_code == 0
    assert "s.ttl: there is no rule in it" in done.stderr


@pytest.mark.filterwarnings("ignore")  # pySHACL uses what rdflib deprecates
def test_prefixes_of_the_files_name_nodes_and_shapes_as_with_pyshacl(write: Write) -> None:
    data, shapes = write("d.ttl", DATA), write("s.ttl", SHAPES)
    _, report, _ = pyshacl.validate(
        data, shacl_graph=shapes, focus_nodes=["ex:food-bank"], use_shapes=["ex:VentureShape"]
    )
    assert isinstance(report, Graph)

    done = run(data, shapes, "--focus", "ex:food-bank", "--shape", "ex:VentureShape", "-f", "json")

    assert sorted(str(focus) for focus in report.objects(None, SH.focusNode)) == [
        result["focusNode"] for result in json.loads(done.stdout)["results"]
    ]


def test_what_is_imported_is_read_once_and_what_is_not_read_is_told(
    write: Write, tmp_path: Path
) -> None:
    owl = "@prefix owl: <http://www.w3.org/2002/07/owl#> ."
    shapes = write("s.ttl", f"{owl} <> owl:imports <more.ttl>, <http://example.org/web> .{SHAPES}")
    named = "ex:Named sh:targetClass ex:Council ; sh:property [ sh:path ex:id ; sh:minCount 1 ] ."
    write("more.ttl", f"{owl} <> owl:imports <s.ttl> . {named}")
    data = write("d.ttl", DATA)

    done = run(data, shapes, "--imports", "-f", "json")
    (tmp_path / "more.ttl").unlink()
    missing = run(data, shapes, "--imports")

    assert [f"{EX}food-bank"] * 2 + [f"{EX}council"] == sorted(
        (result["focusNode"] for result in json.loads(done.stdout)["results"]), reverse=True
    )
    assert f"{shapes}: it imports <http://example.org/web>, which is not read" in done.stderr
    assert missing.exit_code == 2
    assert "more.ttl>, and there is no such file." in missing.stderr


def test_standard_input_may_hold_data_and_shapes_as_one(write: Write) -> None:
    text = Path(write("both.ttl", DATA + SHAPES)).read_text(encoding="utf-8")
    for words in (["-"], ["-", "-s", "-"], ["-", "--metashacl"]):
        done = CliRunner().invoke(main, ["validate", *words], input=text)
        assert "The data do not conform: 2 results." in done.stdout, words


def test_xml_of_standard_input_may_not_swell_either() -> None:
    swelling = f"""<!DOCTYPE rdf:RDF [<!ENTITY a "{"x" * 600}">]>
        <rdf:RDF xmlns:rdf="{RDF}"/>"""
    done = CliRunner().invoke(main, ["validate", "-", "-df", "xml"], input=swelling)
    assert done.exit_code == 2
    assert "standard input: line 1: the XML entity a could swell without limit." in done.stderr


def test_shapes_to_be_imported_are_hinted_at(write: Write) -> None:
    owl = "@prefix owl: <http://www.w3.org/2002/07/owl#> ."
    done = run(write("d.ttl", DATA), write("s.ttl", f"{owl} <> owl:imports <more.ttl> ."))
    assert "(what it imports is read with --imports)" in done.stderr


def test_what_is_programmed_in_javascript_is_not_left_out_in_silence(write: Write) -> None:
    shapes = write("s.ttl", "ex:S sh:targetClass ex:Venture ; sh:js [ sh:jsFunctionName 'f' ] .")
    done = run(write("d.ttl", DATA), shapes)
    assert done.exit_code == 0
    assert "sh:js (SHACL-JS) is not known here" in done.stderr


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


def test_a_pattern_that_never_comes_to_an_end_is_stopped(write: Write) -> None:
    data = f'ex:a ex:code "{"a" * 60}!" .'
    shapes = """ex:S sh:targetSubjectsOf ex:code ;
  sh:property [ sh:path ex:code ; sh:pattern "^(?=a)(a+)+$" ] ."""
    with pytest.raises(ShapeError, match="sh:pattern that was not done within"):
        focuses(write("d.ttl", data), write("s.ttl", shapes), limits=Limits(seconds=0.1))


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
    assert "still make new terms after 100 rounds" in done.output


def test_inference_is_done_before_validating(write: Write) -> None:
    data = write("d.ttl", "ex:leads rdfs:domain ex:Venture . ex:trust ex:leads ex:club .")
    shapes = write("s.ttl", SHAPES)
    assert [] == focuses(data, shapes)
    assert ["trust"] == focuses(data, shapes, inference="rdfs")
    assert ["trust"] == focuses(data, shapes, inference="owlrl")


# -- what SHACL-AF and the command add -----------------------------------------------------------


@pytest.mark.parametrize("inference", ["owlrl", "both"])
def test_axioms_that_follow_from_others_leave_the_data_as_they_are(
    inference: str, write: Write
) -> None:
    data = write("d.ttl", """
        @prefix owl: <http://www.w3.org/2002/07/owl#> .
        ex:bothWays rdfs:domain owl:SymmetricProperty . ex:near ex:bothWays true .
        ex:trust a ex:Venture ; ex:near ex:club .""")  # fmt: skip
    shapes = "ex:S sh:targetClass ex:Venture ; sh:nodeKind sh:Literal ."

    assert ["trust"] == focuses(data, write("s.ttl", shapes), inference=inference)


BROKEN_LISTS = {
    "comes back to itself": "ex:l . ex:l rdf:first ex:Club ; rdf:rest ex:l",
    "does not end in rdf:nil": "[ rdf:first ex:Club ]",
    "is none": "ex:clubs",
    "several values of rdf:first": "[ rdf:first ex:Club, ex:Trust ; rdf:rest () ]",
}


@pytest.mark.parametrize(("said", "given"), BROKEN_LISTS.items())
def test_an_axiom_whose_list_is_none_is_told(write: Write, said: str, given: str) -> None:
    rdf = "PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>\n"
    owl = "PREFIX owl: <http://www.w3.org/2002/07/owl#>\n"
    body = f"ex:Group owl:unionOf {given} . ex:Body owl:unionOf ( ex:Club ) . ex:rovers a ex:Club ."
    data = write("d.ttl", f"{rdf}{owl}{body}")
    shapes = write("s.ttl", "ex:S sh:targetClass ex:Group, ex:Body ; sh:nodeKind sh:Literal .")
    report = validate([data], [shapes], inference="owlrl")
    assert ["<https://example.org/rovers>"] == [result.focus for result in report.results]
    (doubt,) = report.doubts
    assert "The list in owl:unionOf of Group" in doubt
    assert said in doubt
    assert () == validate([data], [shapes], inference="rdfs").doubts[1:]


def test_severities_below_fail_on_leave_the_status_alone(write: Write) -> None:
    data = write("d.ttl", DATA.replace('ex:partner "nobody"', "ex:partner ex:council"))
    shapes = write("s.ttl", SHAPES)
    told = {
        s: run(data, shapes, "--fail-on", s).exit_code for s in ("info", "warning", "violation")
    }
    assert {"info": 1, "warning": 1, "violation": 0} == told
    own = write("own.ttl", SHAPES.replace("sh:Warning", "ex:Grave"))
    assert 1 == run(data, own, "--fail-on", "violation").exit_code
    assert 0 == run(data, own, "--fail-on", "never").exit_code


def test_results_carry_annotations_and_details(write: Write) -> None:
    shapes = """ex:S sh:targetClass ex:Venture ; sh:sparql [ sh:prefixes ex: ;
    sh:resultAnnotation [ sh:annotationProperty ex:seen ; sh:annotationVarName "partner" ],
      [ sh:annotationProperty ex:since ; sh:annotationValue 2001 ] ;
    sh:select "SELECT $this ?partner { $this ex:partner ?partner FILTER isLiteral(?partner) }" ] ;
  sh:or ( [ sh:property [ sh:path ex:charter ; sh:minCount 1 ] ] ex:Named ) .
ex:Named a sh:NodeShape ; sh:property [ sh:path rdfs:label ; sh:minCount 1 ] ."""
    done = run(write("d.ttl", DATA), write("s.ttl", shapes), "-f", "json")
    results = json.loads(done.output)["results"]
    noted = [result["annotations"] for result in results if "annotations" in result]
    number = '"2001"^^<http://www.w3.org/2001/XMLSchema#integer>'
    assert [
        {"https://example.org/seen": ['"nobody"'], "https://example.org/since": [number]}
    ] == noted
    paths = {detail["path"] for result in results for detail in result["details"]}
    assert {"<https://example.org/charter>", f"<{RDFS.label}>"} == paths


def test_a_component_without_a_message_is_told_by_its_template(write: Write) -> None:
    shapes = """ex:AtMost a sh:ConstraintComponent ; sh:parameter [ sh:path ex:letters ] ;
  sh:labelTemplate "at most {$letters} letters" ; sh:validator [ sh:prefixes ex: ;
    sh:ask "ASK { FILTER(STRLEN(STR($value)) <= $letters) }" ] .
ex:S sh:targetClass ex:Venture ; sh:property [ sh:path rdfs:label ; ex:letters 5 ] ."""
    report = validate([write("d.ttl", DATA)], [write("s.ttl", shapes)])
    assert ["at most 5 letters"] == [str(m) for r in report.results for m in r.messages]


def test_targets_are_found_by_queries_with_parameters(write: Write) -> None:
    shapes = """ex:Partners a sh:SPARQLTargetType ; rdfs:subClassOf sh:Target ; sh:prefixes ex: ;
  sh:parameter [ sh:path ex:of ] ; sh:select "SELECT ?this { $of ex:partner ?this }" .
ex:S sh:target [ a ex:Partners ; ex:of ex:leisure-trust ], [ a ex:Partners ] ;
  sh:property [ sh:path ex:charter ; sh:minCount 1 ] ."""
    data, file = write("d.ttl", DATA), write("s.ttl", shapes)
    assert [] == focuses(data, file)
    assert ["council"] == focuses(data, file, advanced=True)


def test_a_query_may_count_what_is_not_there(write: Write) -> None:
    shapes = """ex:S sh:targetClass ex:Venture ; sh:sparql [ sh:prefixes ex: ; sh:message "{?n}" ;
  sh:select '''SELECT $this (COUNT(?x) AS ?n) { OPTIONAL { $this ex:charter ?x } }
    GROUP BY $this''' ] ."""
    report = validate([write("d.ttl", DATA)], [write("s.ttl", shapes)])
    assert ["0", "0"] == [str(message) for r in report.results for message in r.messages]


def test_a_query_may_report_a_failure(write: Write) -> None:
    shapes = """ex:S sh:targetClass ex:Venture ; sh:sparql [ sh:prefixes ex: ;
  sh:select "SELECT $this ?failure { BIND(true AS ?failure) }" ] ."""
    with pytest.raises(ShapeError, match=r"\\?failure true"):
        validate([write("d.ttl", DATA)], [write("s.ttl", shapes)])


def test_kept_plans_go_with_the_constraints_they_were_made_for(
    write: Write, tmp_path: Path
) -> None:
    """What blank nodes are called changes from run to run; nothing may follow from it."""
    queries = [
        f'[ sh:prefixes ex: ; sh:message "{n}" ; sh:select "SELECT $this {{ $this ex:n {n} }}" ]'
        for n in range(8)
    ]
    shapes = write("s.ttl", f"ex:S sh:targetClass ex:Venture ; sh:sparql {', '.join(queries)} .")
    data = [write(f"{n}.ttl", f"ex:food-bank a ex:Venture ; ex:n {n} .") for n in range(8)]
    for n in range(8):
        results = validate([data[n]], [shapes], memory=Memory(tmp_path / "kept")).results
        assert [str(n)] == [str(message) for result in results for message in result.messages]


def test_kept_plans_go_with_the_place_of_shapes_whose_iris_are_relative(
    write: Write, tmp_path: Path
) -> None:
    text = """[] sh:targetClass <Trust> ; sh:property [ sh:path <chair> ; sh:minCount 1 ] .
<sport> a <Trust> ."""
    for place in ("north", "south"):
        (tmp_path / place).mkdir()
        file = write(f"{place}/s.ttl", text)
        (result,) = validate([file], [file], memory=Memory(tmp_path / "kept")).results
        assert f"<{(tmp_path / place).as_uri()}/sport>" == result.focus


def test_properties_and_variables_may_differ_in_case_alone(write: Write) -> None:
    data = "ex:food-bank a ex:Venture ; ex:Lead ex:council ; ex:lead ex:trust ."
    shapes = """ex:S sh:targetClass ex:Venture ; ex:Most 1 ; ex:most 2 ;
  sh:property [ sh:path ex:lead ; sh:hasValue ex:trust ] ,
    [ sh:path ex:Lead ; sh:in ( ex:trust ) ] ;
  sh:sparql [ sh:message "{?A} {?a}" ;
    sh:select "SELECT $this ?a ?A { $this ex:Lead ?A ; ex:lead ?a }" ] .
ex:Limit a sh:ConstraintComponent ; sh:parameter [ sh:path ex:Most ] , [ sh:path ex:most ] ;
  sh:validator [ a sh:SPARQLAskValidator ; sh:message "{$Most} {$most}" ;
    sh:ask "ASK { FILTER($Most > $most) }" ] ."""
    report = validate([write("d.ttl", data)], [write("s.ttl", shapes)])
    assert ["1 2", "A value of Lead must be one of trust.",
            "https://example.org/council https://example.org/trust"] == sorted(
        str(message) for result in report.results for message in result.messages
    )  # fmt: skip


def test_every_run_writes_the_same(write: Write) -> None:
    """A parser names blank nodes by chance; what is told about them may not depend on it."""
    data = write("d.ttl", "".join(f"[] a ex:Venture ; ex:partner {n} .\n" for n in range(9)))
    once, again = (run(data, write("s.ttl", SHAPES), "-f", "json").output for _ in range(2))
    assert once == again
    found = [result["focusNode"] for result in json.loads(once)["results"]]
    assert {f"_:b{n}" for n in range(2, 11)} == set(found)  # the first is in sh:declare


def test_a_file_may_say_something_of_itself(write: Write) -> None:
    data = write("d.ttl", f"<> a ex:Register .\n{DATA}")
    found = json.loads(run(data, write("s.ttl", SHAPES), "-f", "json").output)["results"]
    assert {9} == {result["line"] for result in found}


def test_plans_are_kept_until_the_shapes_change(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, file = write("d.ttl", DATA), write("s.ttl", SHAPES)
    kept = tmp_path / "kept"
    before = validate([data], [file], memory=Memory(kept)).results
    with monkeypatch.context() as none:
        none.setattr("holdfast.validate.compile_constraints", None)
        again = validate([data], [file], memory=Memory(kept)).results
    assert [r.focus for r in before] == [r.focus for r in again]
    write("s.ttl", SHAPES.replace("sh:minCount 1", "sh:maxCount 0"))
    assert 1 == len(validate([data], [file], memory=Memory(kept)).results) - 1
