"""What bad input gets: an error that says what, where and what to do, and nothing half-done."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.answers import answer, serialised
from holdfast.assess import Assessment, assess
from holdfast.columns import Columns, Limits
from holdfast.errors import HoldfastError, SourceError
from holdfast.ontology import read_ontology
from holdfast.policy import check_dataset, read_request
from holdfast.reason import compile_all
from holdfast.rules import Rule, read_rules
from holdfast.sources import files_of, quads_in, write_lines
from holdfast.store import RemoteStore, Store
from holdfast.tables.importing import import_register
from holdfast.tables.package import read_mapping
from holdfast.tables.problems import TableError
from holdfast.validate import infer, validate
from holdfast.vocabulary import HF, IDS, SH
from holdfast_service.settings import read_settings

ROOT = Path(__file__).parents[2]
ERRORS = ROOT / "docs" / "errors.md"

PREFIXES = """\
@prefix ex: <https://example.org/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
HARBOUR = """\
ex:harbour-trust a hf:Venture ;
  rdfs:label "Harbour Trust"@en ;
  hf:boundary ex:harbour .
"""
RULE = '''\
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix rule: <https://w3id.org/holdfast/rules/> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

rule:area-of-its-own a sh:NodeShape ;
  dcterms:identifier "area-of-its-own" ;
  rdfs:label "The venture has an area"@en ;
  dcterms:description "The venture works in an area that lies within no other."@en ;
  dcterms:source <https://example.org/how-we-work> ;
  skos:scopeNote "Silent where no area is recorded."@en ;
  hf:remedy "Name the wider area."@en ;
  hf:lever hf:fit ;
  hf:basis hf:fit ;
  hf:effect hf:watch ;
  hf:certainty hf:stated ;
  hf:status "experimental" ;
  dcterms:creator "Holdfast" ;
  dcterms:created "2026-11-23"^^xsd:date ;
  dcterms:modified "2026-11-23"^^xsd:date ;
  hf:parameter [ hf:name "most" ; hf:default 3 ; hf:reason "As many as fit on a page."@en ] ;
  sh:targetClass hf:Venture ;
  sh:severity sh:Warning ;
  sh:sparql [
    sh:prefixes <https://w3id.org/holdfast/ns> ;
    sh:message "{$this} works in {?value}."@en ;
    sh:select """
      SELECT $this ?value
      WHERE {
        BIND(3 AS ?most)
        $this hf:boundary ?value .
        FILTER NOT EXISTS { ?value hf:within ?wider . }
      }""" ] .
'''


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A text with some of its parts replaced, each of which must be in it."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def with_rule(text: str, name: str = "area-of-its-own") -> Path:
    """A folder of rules, in the current folder, with one rule more."""
    folder = Path("house-rules")
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "rule.ttl").write_text(text, encoding="utf-8")
    return folder


def with_query(*lines: str) -> Path:
    """A folder with the same rule, whose WHERE has these lines alone."""
    before, _, _ = RULE.partition("        BIND(3 AS ?most)")
    body = "".join(f"        {line}\n" for line in ("BIND(3 AS ?most)", *lines))
    return with_rule(f'{before}{body}      }}""" ] .\n')


def with_shape(constraints: str) -> Path:
    """A folder with the same rule, which is a shape of SHACL Core."""
    head, _, _ = RULE.partition("  hf:parameter")
    target = "  sh:targetClass hf:Venture ;\n  sh:severity sh:Warning ;\n"
    return with_rule(f"{head}{target}{constraints} .\n")


def written(name: str, content: str | bytes) -> str:
    """A file in the current folder; text gets the prefixes."""
    data = content if isinstance(content, bytes) else (PREFIXES + content).encode()
    Path(name).write_bytes(data)
    return name


def assessed(text: str, as_of: str | None = None, name: str = "register.ttl") -> Assessment:
    """A small register assessed by one small rule."""
    return assess([written(name, text)], as_of=as_of, rules=with_rule(RULE))


def pipe(name: str) -> str:
    """A pipe in the current folder, into which nobody writes."""
    os.mkfifo(name)
    return name


def rdf_xml(entity: str, value: str) -> bytes:
    """A venture in RDF/XML whose label is an entity."""
    return f"""<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [
  {entity}
]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    xmlns:hf="{HF}" xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#">
  <hf:Venture rdf:about="https://example.org/harbour-trust">
    <rdfs:label>{value}</rdfs:label>
  </hf:Venture>
</rdf:RDF>
""".encode()


def read(source: str) -> list[ox.Quad]:
    """What a source states."""
    return [quad for file in files_of(source) for quad in quads_in(file)]


def run_rules(folder: Path) -> list[Rule]:
    """The rules of a folder, read and compiled."""
    ontology = read_ontology()
    rules = read_rules(ontology, folder)
    compile_all(rules, ontology, [])
    return list(rules)


def folder(name: str) -> str:
    """An empty folder in the current one."""
    Path(name).mkdir()
    return name


def cut_short(text: str) -> bytes:
    """A gzip file of many lines of which the end has not arrived."""
    return gzip.compress(text.encode())[:-20]


PHASED = (
    HARBOUR
    + """
ex:first a hf:Phase ; hf:phaseOf ex:harbour-trust ; hf:order 1 ; skos:notation "H1" .
"""
)
COUNTING = changed(
    RULE,
    ("area-of-its-own", "counts-silence"),
    ("$this hf:boundary ?value .", "$this hf:boundary ?value .\n        ?finding a hf:Finding ."),
    ("?value hf:within ?wider .", "?other a hf:Finding ; hf:basis hf:fit ; hf:effect hf:watch ."),
)

Failing = Callable[[], object]

IN_SOURCES: dict[str, Failing] = {
    "missing file": lambda: read("regsiter.ttl"),
    "pipe": lambda: read(pipe("pipe.ttl")),
    "web address": lambda: read("https://example.org/register.ttl"),
    "folder without RDF": lambda: read(folder("minutes")),
    "folder named like a file": lambda: read(folder("register.ttl")),
    "unknown suffix": lambda: read(written("register.doc", "")),
    "a table": lambda: read(written("register.csv", "")),
    "Turtle": lambda: read(
        written("register.ttl", "ex:harbour-trust a hf:Venture ;; hf:boundary .")
    ),
    "undeclared prefix": lambda: read(written("register.ttl", "ex:harbour-trust a org:Venture .")),
    "TriG": lambda: read(written("register.trig", "ex:register { ex:harbour-trust a hf:Venture")),
    "N-Quads": lambda: read(written("register.nq", b"<https://example.org/a> <b> <c> .\n")),
    "JSON-LD": lambda: read(written("register.jsonld", b'{\n  "@id": "https://example.org/a",\n}')),
    "JSON-LD in sense": lambda: read(
        written(
            "register.jsonld", b'{\n  "@id": "urn:a",\n  "urn:b": {"@value": "x", "@type": 1}\n}'
        )
    ),
    "RDF/XML": lambda: read(written("register.rdf", rdf_xml("", "<hf:b>Harbour</hf:c>"))),
    "remote context": lambda: read(
        written(
            "register.jsonld", b'{\n  "@context": "https://schema.org/",\n  "name": "Harbour"\n}'
        )
    ),
    "outside entity": lambda: read(
        written("register.rdf", rdf_xml('<!ENTITY secret SYSTEM "/etc/hostname">', "&secret;"))
    ),
    "swelling entity": lambda: read(
        written("register.rdf", rdf_xml('<!ENTITY a "ha"><!ENTITY b "&a;&a;">', "&b;"))
    ),
    "damaged gzip": lambda: read(written("register.ttl.gz", cut_short(PREFIXES + HARBOUR * 99))),
    "no gzip": lambda: read(written("register.ttl.gz", b"not compressed")),
    "hidden gzip": lambda: read(
        written("register.ttl", gzip.compress(b"")),
    ),
    "Latin-1": lambda: read(
        written("register.nt", '<urn:a> <urn:b> "Caf\u00e9" .'.encode("latin-1"))
    ),
    "UTF-16": lambda: read(
        written("register.nt", '<urn:a> <urn:b> "Caf\u00e9" .'.encode("utf-16"))
    ),
    "binary": lambda: read(written("register.ttl", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
    "triple term": lambda: read(written("register.ttl", "ex:a ex:says <<( ex:b ex:c ex:d )>> .")),
    "text direction": lambda: read(
        written("register.ttl", 'ex:a rdfs:label "\u0645\u064a\u0646\u0627\u0621"@ar--rtl .')
    ),
    "formula": lambda: read(written("register.n3", "{ ex:a ex:b ex:c } ex:d ex:e .")),
}

IN_REGISTERS: dict[str, Failing] = {
    "unknown property": lambda: assessed(changed(HARBOUR, ("hf:boundary", "hf:boundry"))),
    "wrong case": lambda: assessed(changed(HARBOUR, ("hf:boundary", "hf:BOUNDARY"))),
    "class as property": lambda: assessed(changed(HARBOUR, ("hf:boundary", "hf:Boundary"))),
    "property as class": lambda: assessed(HARBOUR + "ex:harbour a hf:boundary ."),
    "concept as class": lambda: assessed(HARBOUR + "ex:harbour a hf:early ."),
    "unknown concept": lambda: assessed(HARBOUR + "ex:harbour-trust hf:stage hf:earley ."),
    "foreign namespace": lambda: assess(
        [
            written(
                "register.nt",
                b"<urn:a> a <urn:b> .".replace(b" a ", b" <http://w3id.org/holdfast/ns#has> "),
            )
        ],
        rules=with_rule(RULE),
    ),
}

IN_RULES: dict[str, Failing] = {
    "no such folder": lambda: run_rules(Path("house-rules")),
    "empty folder": lambda: run_rules(Path(folder("house-rules"))),
    "no rule.ttl": lambda: (
        folder("house-rules"),
        folder("house-rules/new-rule"),
        run_rules(Path("house-rules")),
    ),
    "Turtle": lambda: run_rules(with_rule(changed(RULE, ("hf:basis hf:fit ;", "hf:basis hf:fit")))),
    "another name": lambda: run_rules(
        with_rule(changed(RULE, ("rule:area-of-its-own", "rule:own-area")))
    ),
    "another identifier": lambda: run_rules(
        with_rule(changed(RULE, ('"area-of-its-own"', '"own-area"')))
    ),
    "no label": lambda: run_rules(
        with_rule(changed(RULE, ('  rdfs:label "The venture has an area"@en ;\n', "")))
    ),
    "two effects": lambda: run_rules(
        with_rule(changed(RULE, ("hf:effect hf:watch", "hf:effect hf:watch , hf:hopes")))
    ),
    "unknown term": lambda: run_rules(with_rule(changed(RULE, ("hf:remedy", "hf:remedie")))),
    "unknown term in the query": lambda: run_rules(with_query("$this hf:boundry ?value .")),
    "class in a pattern": lambda: run_rules(
        with_query(
            "$this hf:boundary ?value .", "FILTER NOT EXISTS { ?value hf:Boundary ?wider . }"
        )
    ),
    "property as target": lambda: run_rules(
        with_rule(changed(RULE, ("sh:targetClass hf:Venture", "sh:targetClass hf:venture")))
    ),
    "no prefixes": lambda: run_rules(
        with_rule(changed(RULE, ("    sh:prefixes <https://w3id.org/holdfast/ns> ;\n", "")))
    ),
    "unknown prefix": lambda: run_rules(
        with_query("$this hf:boundary ?value .", "?value geo:within ?wider .")
    ),
    "SPARQL": lambda: run_rules(
        with_query("$this hf:boundary ?value", "FILTER NOT EXITS { ?value hf:within ?wider }")
    ),
    "SPARQL ends early": lambda: run_rules(with_query("$this hf:boundary ?value . {")),
    "unbound parameter": lambda: run_rules(
        with_rule(changed(RULE, ("BIND(3 AS ?most)", "BIND(4 AS ?most)")))
    ),
    "two targets": lambda: run_rules(
        with_rule(changed(RULE, ("hf:Venture ;", "hf:Venture , hf:Body ;")))
    ),
    "two queries": lambda: run_rules(
        with_rule(changed(RULE, ("  sh:severity", "  sh:rule [] ;\n  sh:severity")))
    ),
    "form of the query": lambda: run_rules(
        with_rule(changed(RULE, ("SELECT $this ?value", "DESCRIBE $this")))
    ),
    "finding made by hand": lambda: run_rules(
        with_rule(
            changed(
                RULE,
                ('    sh:message "{$this} works in {?value}."@en ;\n', ""),
                ("sh:sparql", "sh:rule"),
                ("sh:select", "sh:construct"),
                ("SELECT $this ?value", "CONSTRUCT { ?value a hf:Finding }"),
            )
        )
    ),
    "other shape": lambda: run_rules(
        with_rule(changed(RULE, ("  sh:severity", "  sh:js [] ;\n  sh:severity")))
    ),
    "severity": lambda: run_rules(with_rule(changed(RULE, ("sh:Warning", "sh:Disaster")))),
    "effect": lambda: run_rules(
        with_rule(changed(RULE, ("hf:effect hf:watch", "hf:effect hf:early")))
    ),
    "date": lambda: run_rules(
        with_rule(changed(RULE, ('created "2026-11-23', 'created "2026-13-23')))
    ),
    "text for a thing": lambda: run_rules(
        with_rule(changed(RULE, ("hf:basis hf:fit", 'hf:basis "fit"')))
    ),
    "thing for a value": lambda: run_rules(
        with_rule(changed(RULE, ('hf:status "experimental"', "hf:status hf:stated")))
    ),
    "basis": lambda: run_rules(with_rule(changed(RULE, ("hf:basis hf:fit", "hf:basis hf:early")))),
    "lever": lambda: run_rules(
        with_rule(changed(RULE, ("hf:lever hf:fit", "hf:lever hf:security")))
    ),
    "change without a lever": lambda: run_rules(
        with_rule(
            changed(
                RULE,
                (
                    "  hf:lever hf:fit ;\n",
                    "  <http://datashapes.org/dash#suggestionGenerator> [\n"
                    "    a <http://datashapes.org/dash#SPARQLUpdateSuggestionGenerator> ;\n"
                    '    sh:message "Widen {?value}." ;\n'
                    '    sh:update "INSERT { ?value hf:within $this } WHERE { }" ] ;\n',
                ),
            )
        )
    ),
    "no lever": lambda: run_rules(
        with_rule(
            changed(
                RULE,
                ("hf:effect hf:watch", "hf:effect hf:undermines"),
                ("  hf:lever hf:fit ;\n", ""),
            )
        )
    ),
    "order": lambda: run_rules(
        with_rule(changed(RULE, ("  sh:severity", '  sh:order "first" ;\n  sh:severity')))
    ),
    "message": lambda: run_rules(with_rule(changed(RULE, ("{?value}", "{?area}")))),
    "message about nothing": lambda: run_rules(with_query("$this hf:boundary ?area .")),
    "message without a question mark": lambda: run_rules(
        with_rule(changed(RULE, ("{?value}", "{value}")))
    ),
    "no $this": lambda: run_rules(
        with_rule(
            changed(RULE, ("SELECT $this ?value", "SELECT ?value"), ("{$this} works", "It works"))
        )
    ),
    "SERVICE": lambda: run_rules(
        with_query("SERVICE <https://example.org/sparql> { $this hf:boundary ?value }")
    ),
    "LIMIT": lambda: run_rules(
        with_query("{ SELECT $this ?value WHERE { $this hf:boundary ?value } LIMIT 1 }")
    ),
    "NOW": lambda: run_rules(with_query("$this hf:boundary ?value .", "FILTER(NOW() > ?most)")),
    "cycle": lambda: run_rules(with_rule(COUNTING, "counts-silence")),
    "query beside SHACL Core": lambda: run_rules(
        with_rule(changed(RULE, ("  sh:severity", "  sh:property [] ;\n  sh:severity")))
    ),
    "severity of an inner shape": lambda: run_rules(
        with_shape('  sh:property [ sh:path hf:boundary ; sh:minCount 1 ; sh:message "No area." ]')
    ),
    "no message of an inner shape": lambda: run_rules(
        with_shape("  sh:property [ sh:path hf:boundary ; sh:maxCount 1 ; sh:severity sh:Warning ]")
    ),
    "place in a message of SHACL Core": lambda: run_rules(
        with_shape('  sh:message "{$this} is odd." ; sh:not [ sh:class hf:Body ]')
    ),
    "misspelt term of SHACL": lambda: run_rules(
        with_shape("  sh:property [ sh:path hf:boundary ; sh:minCout 1 ]")
    ),
    "ill-formed shape": lambda: run_rules(
        with_shape('  sh:property [ sh:path hf:boundary ; sh:minCount "one" ]')
    ),
    "shape that asks nothing": lambda: run_rules(
        with_shape("  sh:property [ sh:path hf:boundary ]")
    ),
}

IN_QUESTIONS: dict[str, Failing] = {
    "no date": lambda: assessed(PHASED, "soon"),
    "impossible date": lambda: assessed(PHASED, "1995-13"),
    "unknown phase": lambda: assessed(PHASED, "H11"),
    "unknown venture": lambda: assessed(HARBOUR).venture("harbor-trust"),
}


def kept() -> Store:
    """A store in the current folder, with one register."""
    store = Store.open("kb", create=True)
    store.put(REGISTER, (PREFIXES + HARBOUR).encode(), "text/turtle")
    return store


def while_open(change: Callable[[Store], object]) -> None:
    with kept() as store:
        change(store)


def damaged(name: str, content: bytes) -> Store:
    """The store opened again after one of its files, the first of that name, was overwritten."""
    kept().close()
    next(file for file in sorted(Path("kb").rglob(name)) if file.is_file()).write_bytes(content)
    return Store.open("kb")


def answered(query: str, **limits: int) -> object:
    columns = Columns()
    columns.load([written("register.ttl", HARBOUR)])
    columns.build("SELECT s, p, o, 0 AS c, 0 AS r FROM quads")
    return answer(columns, query, **limits)


def imported(rows: str, **changes: object) -> object:
    """A register made of a table of partnerships, whose mapping is as `changes` has it."""
    package: dict[str, object] = {
        "register": "https://example.org/partnerships",
        "resources": [{"name": "partnerships", "path": "partnerships.csv", "schema": {
            "primaryKey": "code", "fields": [
                {"name": "code", "type": "string"},
                {"name": "started", "type": "date"},
                {"name": "members", "type": "integer", "constraints": {"minimum": 1}},
            ]}}],
    }  # fmt: skip
    Path("mapping").mkdir(exist_ok=True)
    Path("mapping", "datapackage.json").write_text(json.dumps({**package, **changes}))
    Path("mapping", "mapping.yaml").write_text(
        "prefixes: {ex: 'https://example.org/'}\nmappings:\n  partnership:\n"
        "    sources: [{table: partnerships}]\n    s: ex:$(code)\n"
        "    po: [[a, ex:Partnership]]\n"
    )
    Path("partnerships.csv").write_text(rows)
    return import_register(read_mapping("mapping"), ["partnerships.csv"], Path("register.nq"))


def settled(text: str, **environment: str) -> object:
    Path("serve.toml").write_text(text)
    named = {f"HOLDFAST_{name.upper()}": value for name, value in environment.items()}
    return read_settings(file=Path("serve.toml"), environment=named)


REGISTER = "https://example.org/register/harbour"
OTHER = "https://example.org/register/quay"
TURTLE = "text/turtle"
IN_STORES: dict[str, Failing] = {
    "no store": lambda: Store.open("kb", create=False),
    "something else": lambda: [
        written(f"{folder('kb')}/notes.txt", ""), Store.open("kb", create=True)
    ],
    "another version": lambda: damaged("holdfast.json", b'{"holdfast": "store", "format": 99}'),
    "damaged log": lambda: damaged("log*", b"{}\n{}\n"),
    "no IRI": lambda: while_open(lambda s: s.put("harbour", b"", TURTLE)),
    "own graph": lambda: while_open(lambda s: s.put(f"{IDS}graph/inferred", b"", TURTLE)),
    "unknown format": lambda: while_open(lambda s: s.put(OTHER, b"", "text/csv")),
    "unknown register": lambda: while_open(lambda s: s.version(OTHER)),
    "changed meanwhile": lambda: while_open(lambda s: s.put(REGISTER, b"", TURTLE, if_match=7)),
    "graph of another": lambda: while_open(
        lambda s: s.put(
            OTHER, b"<urn:a> <urn:b> <urn:c> <" + REGISTER.encode() + b"> .",
            "application/n-quads",
        )
    ),
    "graph that is there": lambda: while_open(lambda s: s.update(f"CREATE GRAPH <{REGISTER}>")),
    "graph that is not there": lambda: while_open(lambda s: s.update(f"DROP GRAPH <{OTHER}>")),
    "no endpoint": lambda: RemoteStore("http://127.0.0.1:9/sparql").registers(),
}  # fmt: skip

IN_QUERIES: dict[str, Failing] = {
    "syntax": lambda: answered("SELECT ?v { ?v a }"),
    "SERVICE in sources": lambda: answered("ASK { SERVICE <https://example.org/sparql> { } }"),
    "too many": lambda: answered("SELECT ?s { ?s ?p ?o }", rows=1),
    "no such form": lambda: serialised(answered("ASK { ?s ?p ?o }"), "csv"),  # type: ignore[arg-type]
    "SERVICE": lambda: read_request("SELECT * {\n  SERVICE <https://example.org/sparql> { }\n}"),
    "LOAD": lambda: read_request("LOAD <https://example.org/register.ttl>"),
    "two datasets": lambda: check_dataset(
        read_request("WITH <urn:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }")
    ),
}

IN_TABLES: dict[str, Failing] = {
    "no mapping": lambda: read_mapping(folder("mapping")),
    "unknown mapping": lambda: read_mapping("survey"),
    "no Data Package": lambda: imported("", resources="partnerships.csv"),
    "no address": lambda: imported("", register=None),
    "no such key": lambda: imported("", resources=[{"name": "partnerships", "schema": {
        "primaryKey": "cod", "fields": [{"name": "code"}]}}]),
    "missing column": lambda: imported("code,started\nA1,1998-04-01\n"),
    "no date": lambda: imported("code,started,members\nA1,soon,3\n"),
    "too small": lambda: imported("code,started,members\nA1,1998-04-01,0\n"),
    "same key": lambda: imported("code,started,members\nA1,,3\nA1,,4\n"),
}  # fmt: skip

IN_SETTINGS: dict[str, Failing] = {
    "no file": lambda: read_settings(file=Path("service.toml")),
    "unknown": lambda: settled("prot = 8000"),
    "wrong kind": lambda: settled('workers = "many"'),
    "of the environment": lambda: settled("", workers="many"),
    "out of bounds": lambda: settled("port = 80000"),
    "against another": lambda: settled("timeout = 90\ntimeout_most = 60"),
}

SHAPE = "ex:VentureShape a sh:NodeShape ; sh:targetClass hf:Venture ; "


def with_shapes(body: str, *, more: str = "", **options: Any) -> object:
    """A small register held against a shape with this body."""
    text = f"@prefix sh: <{SH}> .\n{SHAPE}{body} .\n{more}"
    told = options.pop("infer", False)
    data, shapes = [written("register.ttl", HARBOUR)], [written("shapes.ttl", text)]
    return infer(data, shapes, **options) if told else validate(data, shapes, **options)


def asking(query: str, **options: Any) -> object:
    """The same with a query."""
    return with_shapes(f'sh:sparql [ sh:select "{query}" ]', **options)


def ruled(body: str) -> object:
    """The same with a rule."""
    return with_shapes(f"sh:rule [ {body} ]", infer=True)


IN_SHAPES: dict[str, Callable[[], object]] = {
    "a count that is none": lambda: with_shapes('sh:property [ sh:path ex:a ; sh:minCount "1" ]'),
    "a property shape without a path": lambda: with_shapes("sh:property [ sh:minCount 1 ]"),
    "a path that is none": lambda: with_shapes("sh:property [ sh:path [ sh:inverse ex:a ] ]"),
    "a list that is none": lambda: with_shapes("sh:in ex:harbour"),
    "two where one may be": lambda: with_shapes("sh:datatype xsd:string, xsd:date"),
    "a shape that refers to itself": lambda: with_shapes("sh:node ex:VentureShape"),
    "a query that is none": lambda: asking("SELECT $this WHERE { $this hf:boundary"),
    "what SHACL forbids": lambda: asking("SELECT $this { $this ?p ?o MINUS { ?o ?p $this } }"),
    "a sub-SELECT that hides the node": lambda: asking(
        "SELECT $this { { SELECT ?o { $this ?p ?o } } }"
    ),
    "a path where there is none": lambda: asking("SELECT $this { $this $PATH ?o }"),
    "a function that nobody declares": lambda: asking("SELECT $this { FILTER(<urn:x:f>($this)) }"),
    "an expression that is none": lambda: with_shapes("sh:expression [ sh:maximum ex:a ]"),
    "a target that is none": lambda: with_shapes("sh:target [ a ex:Target ]", advanced=True),
    "a rule that is none": lambda: ruled("a ex:Rule"),
    "a rule without end": lambda: ruled(
        "a sh:SPARQLRule ; sh:construct 'CONSTRUCT { ?x <urn:x:next> [] }"
        " WHERE { { BIND($this AS ?x) } UNION { ?y <urn:x:next> ?x } }'"
    ),
    "a shape that is not there": lambda: with_shapes("sh:closed false", only=["urn:x:none"]),
    "an entailment that is not known": lambda: with_shapes(
        "sh:closed false", more="<> sh:entailment <http://www.w3.org/ns/entailment/OWL-Direct> ."
    ),
    "nothing to be followed": lambda: with_shapes("sh:not [ " * 500 + "sh:in ()" + " ]" * 500),
    "an order that is none": lambda: ruled("sh:order 'first' ; sh:predicate ex:a ; sh:object 1"),
    "shapes too deep": lambda: with_shapes("sh:node [ sh:node [ sh:closed false ] ]", depth=1),
}

SCENARIOS = {
    f"{section}: {name}": scenario
    for section, scenarios in (
        ("Sources", IN_SOURCES),
        ("Registers", IN_REGISTERS),
        ("Rules", IN_RULES),
        ("Shapes", IN_SHAPES),
        ("Questions", IN_QUESTIONS),
        ("Stores", IN_STORES),
        ("Queries", IN_QUERIES),
        ("Tables", IN_TABLES),
        ("Settings", IN_SETTINGS),
    )
    for name, scenario in scenarios.items()
}


ODD = """
ex:harbour-trust a hf:Venture ;
  rdfs:label "Harbour Trust"@en , "Ymddiriedolaeth yr Harbwr"@cy , "Trust" ;
  hf:belongsTo ex:harbour-trust ;
  hf:boundary ex:harbour , ex:wharf .
ex:wharf rdfs:label '''The "old" port\\\\
by the sea \U0001f600 \u0645\u064a\u0646\u0627\u0621''' .
ex:harbour hf:within ex:bay .
ex:bay hf:within ex:harbour .
ex:council a hf:Organisation ; hf:unitOf ex:council ; hf:sector "health" ; hf:started ex:summer .
ex:grade hf:rank 5000 , 99999999999999999999999999 , "abc"^^xsd:integer .
ex:seat a hf:Membership ; hf:belongsTo ex:harbour-trust ; hf:member ex:council ;
  hf:started "1995-02-30"^^xsd:date .
ex:post a hf:Post ; hf:belongsTo ex:harbour-trust ;
  hf:started "0000"^^xsd:gYear ; hf:ended "-0044-03-15"^^xsd:date .
ex:fund a hf:Funding ; hf:belongsTo ex:harbour-trust ;
  hf:started "1995-01-01T00:00:00+14:00"^^xsd:dateTime ; hf:ended "soon" .
ex:later a hf:Venture ; hf:started "99999"^^xsd:gYear .
ex:loose a hf:Fact ; hf:phase ex:undeclared .
ex:one a hf:Phase ; hf:phaseOf ex:harbour-trust ; skos:notation "H1" ; hf:order 1 .
ex:two a hf:Phase ; hf:phaseOf ex:harbour-trust ; skos:notation "H2" ; hf:order 1 .
ex:three a hf:Phase ; hf:phaseOf ex:harbour-trust ; skos:notation "H3" .
ex:four a hf:Phase ; hf:phaseOf ex:harbour-trust ; skos:notation "H4" ; hf:order 4 .
ex:never a hf:Fact ; hf:phase ex:four ; hf:untilPhase ex:one .
<http://example.org/p\u00e4ss/\u65e5\u672c> a hf:Venture ; rdfs:label "\u6e2f"@ja , "Port"@fr .
<quay> a hf:Venture .
[] a hf:Venture ; hf:boundary [] .
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, HoldfastError]:
    """What each scenario is told; each has run in a folder of its own."""
    found = {}
    for name, scenario in SCENARIOS.items():
        with chdir(tmp_path_factory.mktemp("scenario")), pytest.raises(HoldfastError) as caught:
            scenario()
        found[name] = _first(caught.value)
    return found


def _first(error: HoldfastError) -> HoldfastError:
    """An error, of those that tell of several things at once the first."""
    if isinstance(error, TableError):
        where, _, rest = str(error.problems[0]).rpartition(f": {error.problems[0].what}")
        return HoldfastError(error.problems[0].what, where=where, mend=rest.strip())
    return error


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """The odd register assessed by one small rule."""
    with chdir(tmp_path_factory.mktemp("odd")):
        return assessed(ODD)


# -- every error ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_error_says_on_one_line_what_to_do(
    refusals: dict[str, HoldfastError], name: str
) -> None:
    error = refusals[name]

    assert error.what
    assert error.mend
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    "name",
    [name for name in SCENARIOS if name.startswith(("Sources", "Registers", "Rules", "Shapes"))],
)
def test_an_error_in_a_file_names_the_file(refusals: dict[str, HoldfastError], name: str) -> None:
    assert refusals[name].where


def test_the_docs_show_each_error_as_it_is(refusals: dict[str, HoldfastError]) -> None:
    sections = re.split(r"^## ", ERRORS.read_text(encoding="utf-8"), flags=re.M)
    shown = {
        (section.split("\n", 1)[0], message.replace("\\|", "|"))
        for section in sections
        if section.split("\n", 1)[0] in {name.partition(":")[0] for name in SCENARIOS}
        for _, message in re.findall(r"^\| (``?) ?(.*?) ?\1 \| ", section, flags=re.M)
    }

    assert {(name.partition(":")[0], str(error)) for name, error in refusals.items()} == shown


# -- sources -------------------------------------------------------------------------------------


def test_one_bad_source_among_good_ones_leaves_nothing_loaded() -> None:
    good, bad = written("good.ttl", HARBOUR), written("bad.ttl", "ex:harbour-trust a")
    columns = Columns()

    with pytest.raises(SourceError, match=r"bad\.ttl: line 6"):
        columns.load([good, bad])

    assert 0 == columns.value("SELECT count(*) FROM quads")


def test_good_registers_load_without_the_bad_ones_when_told_to_keep_going() -> None:
    good, bad = (
        written("good.ttl", HARBOUR),
        written("bad.ttl", "ex:council a hf:Organisation . ex:b a"),
    )

    found = assess([good, bad, "missing.ttl"], rules=with_rule(RULE), keep_going=True)

    assert ["Harbour Trust"] == [venture.label for venture in found.ventures]
    assert 3 == found.triples
    assert ["missing.ttl", "bad.ttl: line 6, column 38"] == [
        error.where for error in found.columns.refused
    ]


def test_what_was_left_out_is_said_with_the_result() -> None:
    good, bad = written("good.ttl", HARBOUR), written("bad.ttl", "ex:b a")

    found = assess([good, bad], rules=with_rule(RULE), keep_going=True)

    assert [str(error) for error in found.columns.refused] == found.doubts()


def test_nothing_to_go_on_with_is_an_error_even_when_told_to_keep_going() -> None:
    bad = written("bad.ttl", "ex:b a")

    with pytest.raises(SourceError, match=r"^missing\.ttl: "):
        Columns().load([bad, "missing.ttl"], keep_going=True)


def test_no_line_of_a_file_cut_short_is_kept() -> None:
    lines = "".join(f'<urn:a> <urn:b> "{number}" .\n' for number in range(50_000))
    good, cut = written("good.ttl", HARBOUR), written("cut.nt.gz", cut_short(lines))
    columns = Columns()

    triples = columns.load([good, cut], keep_going=True)

    assert 3 == triples
    assert [Path("good.ttl")] == columns.files


def test_a_file_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    register = written("register.ttl", HARBOUR)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(SourceError, match=r"^register\.ttl: .* Permission denied\."):
        read(register)


def test_a_full_disk_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Path(written("register.ttl", HARBOUR))

    def fill(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ox, "serialize", fill)

    with pytest.raises(SourceError, match=r"No space left on device\. Free some disk space"):
        write_lines(register, Path("register.nq"))


@pytest.mark.parametrize("name", ["a\0b.ttl", "x" * 5000 + ".ttl"])
def test_a_path_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(SourceError):
        read(name)


def test_a_short_entity_is_read_as_its_text() -> None:
    register = written("register.rdf", rdf_xml('<!ENTITY name "Harbour Trust">', "&name;"))

    assert {"Harbour Trust"} == {
        quad.object.value for quad in read(register) if isinstance(quad.object, ox.Literal)
    }


def test_a_byte_order_mark_is_passed_over() -> None:
    register = written("register.ttl", b"\xef\xbb\xbf" + (PREFIXES + HARBOUR).encode())

    assert 3 == len(read(register))


@pytest.mark.parametrize("name", ["empty.ttl", "empty.nq", "empty.ttl.gz", "empty.rdf"])
def test_an_empty_file_holds_no_venture_and_that_is_said(name: str) -> None:
    found = assess([written(name, b"")], rules=with_rule(RULE))

    assert [] == found.ventures
    assert ["There is no venture in these sources"] == [
        doubt.split(",")[0] for doubt in found.doubts()
    ]


def test_a_source_named_twice_counts_once() -> None:
    register = written(
        "register.ttl", HARBOUR + "[] a hf:Membership ; hf:belongsTo ex:harbour-trust ."
    )

    assert 5 == Columns().load([register, f"./{register}", "."])


def test_a_triple_in_two_graphs_is_one_finding() -> None:
    harbour = HARBOUR.replace("\n", "\n  ")
    found = assessed(f"ex:spring {{ {harbour} }} ex:autumn {{ {harbour} }}", name="register.trig")

    assert ["Harbour Trust works in harbour."] == [
        finding.message for venture in found.ventures for finding in venture.findings
    ]


# -- registers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("register.ttl.gz", gzip.compress((PREFIXES + "ex:a\n  hf:boundry ex:b .").encode()), 7),
        (
            "register.rdf",
            changed(rdf_xml("", "x").decode(), ("rdfs:label", "hf:boundry")).encode(),
            8,
        ),
        ("register.jsonld", f'{{"@id": "urn:a",\n"{HF}boundry": 1}}'.encode(), 2),
        ("register.nt", f"# boundry\n<urn:a> <{HF}boundry> <urn:b> .".encode(), 2),
    ],
)
def test_the_line_of_an_unknown_term_is_found_in_any_format(
    name: str, content: bytes, line: int
) -> None:
    with pytest.raises(SourceError, match=rf"^{name}: line {line}: hf:boundry is not a term"):
        assess([written(name, content)], rules=with_rule(RULE))


def test_several_unknown_terms_are_named_together() -> None:
    with pytest.raises(SourceError, match=r"The same goes for hf:memberr, hf:postt\.$"):
        assessed("ex:a hf:boundry ex:b ; hf:memberr ex:c .\nex:d a hf:postt .")


def test_the_shipped_registers_raise_no_doubt() -> None:
    found = assess([str(ROOT / "kb" / "graphs")], rules=with_rule(RULE))

    assert [] == found.doubts()


@pytest.mark.parametrize(
    "doubt",
    [
        "seat: the started “1995-02-30” is no such value, and counts as not given.",
        "fund: the ended “soon” is no such value, and counts as not given.",
        "grade: the rank “abc” is no such value, and counts as not given.",
        "undeclared is not declared as a phase of any venture, so facts dated by it always hold.",
        "three is a phase without a number in hf:order or without a skos:notation,"
        " and is passed over.",
        "council, sector: “health” is a text where a thing is needed, and no rule knows which."
        " Name the thing by its IRI.",
        "council, started: summer is a thing where a value is needed, and no rule can read it."
        " Write the value itself.",
        "one and two are phases of the same hf:order;"
        " the one later in the alphabet counts as later.",
        "never begins in four and ends in one, which is earlier, so it never holds.",
        "post ended before it started, so it counts as past and is never current.",
        "Harbour Trust belongs to itself, directly or through others.",
        "bay lies within itself, directly or through others.",
        "council is a unit of itself, directly or through others.",
        "1 venture has no IRI (a blank node), so that nobody can ask for it by name.",
        "quay has a relative IRI, and is another thing wherever the file is moved.",
    ],
)
def test_what_would_mislead_is_said(odd: Assessment, doubt: str) -> None:
    assert doubt in odd.doubts()


def test_doubts_of_one_kind_are_counted_beyond_the_first_few() -> None:
    seats = (f'ex:seat{n} a hf:Membership ; hf:started "{n}" .' for n in range(8))

    found = assessed(HARBOUR + "\n".join(seats))

    assert "… and 3 more of the same kind." == found.doubts()[-1]


def test_names_in_any_script_reach_the_reader_whole(odd: Assessment) -> None:
    messages = {f.message for v in odd.ventures for f in v.findings}

    assert (
        'Harbour Trust works in The "old" port\\\nby the sea \U0001f600'
        " \u0645\u064a\u0646\u0627\u0621." in messages
    )


def test_a_venture_is_called_by_its_english_name_else_by_any(odd: Assessment) -> None:
    labels = {venture.iri: venture.label for venture in odd.ventures}

    assert "Harbour Trust" == labels["https://example.org/harbour-trust"]
    assert "Port" == labels["http://example.org/p\u00e4ss/\u65e5\u672c"]


def test_a_venture_that_has_not_begun_is_left_out_by_name(odd: Assessment) -> None:
    assert ["later"] == list(odd.left_out)


def test_no_shipped_rule_stumbles_over_an_odd_register() -> None:
    found = assess([written("register.ttl", ODD)])

    assert 4 == len(found.ventures)


def test_a_very_long_text_is_read_whole() -> None:
    found = assessed(changed(HARBOUR, ("Harbour Trust", "Harbour " * 200_000)))

    assert "Harbour " * 200_000 == found.ventures[0].label


def test_ventures_without_the_phase_asked_for_are_named() -> None:
    found = assessed(PHASED + 'ex:quay a hf:Venture ; rdfs:label "Quay" .', "H1")

    assert ["Harbour Trust"] == [venture.label for venture in found.ventures]
    assert {"Quay": "it has no phase H1"} == found.left_out


@pytest.mark.parametrize(
    ("text", "datatype", "moment"),
    [
        ("1995", "gYear", "1995-01-01 00:00:00"),
        ("1995+01:00", "gYear", "1994-12-31 23:00:00"),
        ("0000", "gYear", "0001-01-01 (BC) 00:00:00"),
        ("-0044", "gYear", "0045-01-01 (BC) 00:00:00"),
        ("12345", "gYear", "12345-01-01 00:00:00"),
        ("-0044-03-15", "date", "0045-03-15 (BC) 00:00:00"),
        ("1995-01-01Z", "date", "1995-01-01 00:00:00"),
        ("1995-01-01T00:00:00+14:00", "dateTime", "1994-12-31 10:00:00"),
        ("1995-02-30", "date", None),
        ("1995/01/01", "date", None),
        ("1995-1-1", "date", None),
        ("infinity", "date", None),
        ("1995-13", "gYearMonth", None),
        ("1995", "dateTime", None),
    ],
)
def test_a_date_is_what_xml_schema_says_it_is(text: str, datatype: str, moment: str | None) -> None:
    found = Columns().value(
        "SELECT moment_of($text, $dt)::VARCHAR",
        {"text": text, "dt": f"http://www.w3.org/2001/XMLSchema#{datatype}"},
    )

    assert moment == found


COLUMNS = Columns()

# Characters that N-Quads writes with an escape, among all others that a literal may hold.
texts = st.text(
    st.characters(codec="utf-8") | st.sampled_from('\\"\n\r\t\b\f\x00\x7fu\ue000\uffff')
)
literals = st.one_of(
    texts.map(ox.Literal),
    st.builds(
        lambda text, tag: ox.Literal(text, language=tag),
        texts,
        st.sampled_from(["en", "cy", "zh-hant"]),
    ),
    st.builds(
        lambda text, name: ox.Literal(text, datatype=ox.NamedNode(f"https://example.org/{name}")),
        texts,
        st.sampled_from(["metres", "pounds"]),
    ),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(literals, min_size=1, max_size=40, unique_by=str))
def test_a_literal_comes_back_from_the_dictionary_as_it_went_in(found: list[ox.Literal]) -> None:
    label = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#label")
    things = [ox.NamedNode(f"https://example.org/{number}") for number in range(len(found))]
    quads = [ox.Quad(thing, label, literal) for thing, literal in zip(things, found, strict=True)]
    Path("register.nq").write_bytes(ox.serialize(quads, format=ox.RdfFormat.N_QUADS))
    columns = Columns()
    columns.load(["register.nq"])
    columns.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")

    ids = columns.ids_of(str(thing) for thing in things)
    named = columns.labels(ids.values())
    rows = columns.rows("SELECT s, n3, lex, lang, dt FROM quads JOIN terms ON terms.id = o")
    by_thing = {identifier: row for identifier, *row in rows}
    for thing, literal in zip(things, found, strict=True):
        n3, lex, lang, datatype = by_thing[ids[str(thing)]]
        assert (
            literal
            == ox.parse(f"<urn:a> <urn:b> {n3} .", format=ox.RdfFormat.N_TRIPLES).__next__().object
        )
        assert (literal.value, literal.language or "", literal.datatype.value) == (
            lex,
            lang,
            datatype,
        )
        assert (literal.value or named[ids[str(thing)]]) == named[ids[str(thing)]]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts)
def test_a_text_made_by_a_rule_is_written_as_the_dictionary_writes_it(text: str) -> None:
    written_by_parser = ox.serialize(
        [ox.Quad(ox.NamedNode("urn:a"), ox.NamedNode("urn:b"), ox.Literal(text))],
        format=ox.RdfFormat.N_QUADS,
    ).decode()

    assert (
        f"<urn:a> <urn:b> {COLUMNS.value('SELECT quoted($text)', {'text': text})} .\n"
        == written_by_parser
    )


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(memory="much"), "Write memory as 2GB"),
        (Limits(memory="4MB"), "the memory allowed does not suffice"),
        (Limits(folder=Path("nowhere")), "nowhere: there is no such folder"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_told_in_a_sentence(limits: Limits, told: str) -> None:
    with pytest.raises(HoldfastError, match=told):
        assess([written("register.ttl", HARBOUR)], limits=limits)
