"""The store keeps registers as they were sent, and answers from an index of them."""

from __future__ import annotations

import gzip
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pyoxigraph as ox
import pytest

from holdfast.errors import (
    BusyError,
    ConflictError,
    HoldfastError,
    SourceError,
    StoreError,
    TooLargeError,
    UnknownNameError,
)
from holdfast.policy import PolicyError
from holdfast.store import (
    DEFAULT,
    FINDINGS,
    INFERRED,
    Delta,
    Derived,
    Proposal,
    Sent,
    Store,
    Update,
    back_up,
    lines,
    local,
    make_update,
    restore,
)

HARBOUR = "https://example.org/register/harbour"
VALLEY = "https://example.org/register/valley"
TRUST = b"""@prefix ex: <https://example.org/> .
ex:trust ex:members 01 ; ex:cost 1.50 ; ex:name "Trust"@en .
"""
ODD = """
PREFIX ex: <https://example.org/> PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
ex:odd ex:value 01, +7, 1.50, 1., -0.0, 1e3, true, "1"^^xsd:boolean, "5"^^xsd:byte,
  "-3"^^xsd:negativeInteger, "007"^^xsd:unsignedShort, "99999999999999999999999999"^^xsd:integer,
  "3.14159265358979323846264338327950288"^^xsd:decimal, "INF"^^xsd:double, "1.50"^^xsd:float,
  "2020-01-01T00:00:00.000Z"^^xsd:dateTime, "2020-01-01T24:00:00"^^xsd:dateTime,
  "00:00:00.00"^^xsd:time, "2020-02-30"^^xsd:date, "02020"^^xsd:gYear, "P12M"^^xsd:duration,
  "soon"^^xsd:integer, "0A"^^xsd:hexBinary, "colour"@en-GB, "colour"@en, "colour", "",
  "tab\\t quote\\" back\\\\slash \\r\\n next \\u00E9 \\U0001F30A", "_:b0 <x> .", "a\\u007Fb" .
ex:odd ex:knows [ ex:knows [ ex:value ( 1 01 "1" ) ] ], _:same . _:same ex:knows _:same, ex:odd .
""".replace("1.,", '"1."^^xsd:decimal,')
FORMATS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "text/n3": ox.RdfFormat.N3,
    "application/trig": ox.RdfFormat.TRIG,
    "application/n-quads": ox.RdfFormat.N_QUADS,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A passing folder, in memory where there is one: not the disk is tested here."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "kb", create=True) as opened:
        yield opened


def in_short(quads: Iterator[ox.Quad] | set[ox.Quad]) -> set[str]:
    """Triples with IRIs by their last parts."""
    return {
        " ".join(
            str(term).replace("http://www.w3.org/2001/XMLSchema#", "xsd:").replace(
                "https://example.org/", ""
            )
            for term in (quad.subject, quad.predicate, quad.object)
        )
        for quad in quads
    }  # fmt: skip


def canonical(quads: Iterator[ox.Quad] | list[ox.Quad]) -> set[str]:
    """Quads with blank nodes named by what is said of them (RDFC-1.0)."""
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


def indexed(store: Store) -> set[ox.Quad]:
    with store.reader() as reader:
        return set(reader.store)


def everything(store: Store) -> tuple[object, ...]:
    """All that a write could have changed."""
    return (
        store.last,
        store.seal,
        {one.register: canonical(store.quads(one.register)) for one in store.registers()},
        {str(quad) for quad in indexed(store)},
        sorted(path.name for path in store.record.blobs.glob("*/*")),
    )


# -- what is published equals what was sent -------------------------------------------------------


def test_a_register_is_given_back_as_it_was_sent(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")

    assert (TRUST, "text/turtle") == store.read(store.version(HARBOUR))


def test_what_came_gzipped_is_kept_so_and_given_back_unpacked(store: Store) -> None:
    packed = gzip.compress(TRUST)
    store.put(HARBOUR, packed, "text/turtle", packed=True)

    assert (TRUST, "text/turtle") == store.read(store.version(HARBOUR))
    assert packed == store.record.bytes_of(store.version(HARBOUR))


@pytest.mark.parametrize("media_type", FORMATS)
def test_odd_literals_come_back_as_they_were_sent_in_any_format(
    store: Store, media_type: str
) -> None:
    sent = list(ox.parse(ODD, format=ox.RdfFormat.TURTLE))
    form = FORMATS[media_type]
    if form == ox.RdfFormat.RDF_XML:  # which has no way to write this character
        sent = [quad for quad in sent if "\x7f" not in str(quad.object.value)]
    written = ox.serialize(
        sent if form.supports_datasets else [quad.triple for quad in sent], format=form
    )
    assert written is not None

    store.put(HARBOUR, written, media_type)
    store.put(VALLEY, b'<s> <p> "03"^^<http://www.w3.org/2001/XMLSchema#int> .', "text/turtle")
    store.update(
        f"DELETE DATA {{ GRAPH <{VALLEY}> {{ <{VALLEY}> <p> 1 }} }} ;"
        f"INSERT DATA {{ GRAPH <{HARBOUR}> {{ <https://example.org/new> <p:> 1 }} }} ;"
        f"DELETE DATA {{ GRAPH <{HARBOUR}> {{ <https://example.org/new> <p:> 01 }} }}".replace(
            "<p>", "<p:>"
        )
    )
    store.patch(
        HARBOUR, added=[quad_of("new", "p", ox.BlankNode("x"))]
    )  # so that the register is no longer what was sent

    wanted = [ox.Quad(q.subject, q.predicate, q.object, ox.NamedNode(HARBOUR)) for q in sent]
    assert canonical([*wanted, quad_of("new", "p", ox.BlankNode("x"))]) == canonical(
        store.quads(HARBOUR)
    )
    assert canonical(wanted) == canonical(store.quads(HARBOUR, 1))


def quad_of(subject: str, predicate: str, value: object, graph: str = HARBOUR) -> ox.Quad:
    return ox.Quad(
        ox.NamedNode(f"https://example.org/{subject}"),
        ox.NamedNode(f"https://example.org/{predicate}"),
        value,  # type: ignore[arg-type]
        ox.NamedNode(graph),
    )


def integer(text: str) -> ox.Literal:
    return ox.Literal(text, datatype=ox.NamedNode("http://www.w3.org/2001/XMLSchema#integer"))


def test_named_graphs_of_what_was_sent_stay_and_the_rest_is_in_the_registers_own(
    store: Store,
) -> None:
    store.put(HARBOUR, b"<https://a.org/s> <p:> 1 . <g:> { <s:> <p:> 2 }", "application/trig")

    graphs = {str(quad.graph_name): str(quad.object)[1] for quad in store.quads(HARBOUR)}

    assert {f"<{HARBOUR}>": "1", "<g:>": "2"} == graphs
    assert {f"<{HARBOUR}>", "<g:>"} == {str(quad.graph_name) for quad in indexed(store)}
    assert HARBOUR == store.owner("g:")


def test_what_is_said_twice_counts_once(store: Store) -> None:
    commit = store.put(HARBOUR, b"<s:> <p:> 1 . <s:> <p:> 1 , 2 .", "text/turtle")

    assert 2 == commit.versions[0].quads
    store.update("DELETE WHERE { GRAPH ?g { ?s ?p ?o } }")
    assert [] == store.registers()


def test_relative_iris_are_relative_to_the_register(store: Store) -> None:
    store.put(HARBOUR, b"<#trust> <p:> <> .", "text/turtle")

    (quad,) = store.quads(HARBOUR)

    assert (f"{HARBOUR}#trust", HARBOUR) == (quad.subject.value, quad.object.value)


# -- changes --------------------------------------------------------------------------------------


def test_an_update_leaves_the_spelling_of_what_it_does_not_touch(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")

    commit = store.update(
        "PREFIX ex: <https://example.org/>"
        f"DELETE {{ GRAPH <{HARBOUR}> {{ ?s ex:cost ?c }} }}"
        f"INSERT {{ GRAPH <{HARBOUR}> {{ ?s ex:cost 2.00 }} }} WHERE {{ ?s ex:cost ?c }}"
    )

    assert commit is not None
    assert "application/rdf-patch" == commit.versions[0].media_type
    assert in_short(store.quads(HARBOUR)) == {
        '<trust> <members> "01"^^<xsd:integer>',
        '<trust> <cost> "2.00"^^<xsd:decimal>',
        '<trust> <name> "Trust"@en',
    }
    assert in_short(store.quads(HARBOUR, 1)) != in_short(store.quads(HARBOUR))


UPDATES = {
    "CLEAR": (f"CLEAR GRAPH <{HARBOUR}>", {VALLEY: {"<v> <p> <v>"}}),
    "DROP ALL": ("DROP ALL", {}),
    "COPY": (f"COPY <{HARBOUR}> TO <{VALLEY}>", {HARBOUR: {"01"}, VALLEY: {"01"}}),
    "ADD": (f"ADD <{HARBOUR}> TO <{VALLEY}>", {HARBOUR: {"01"}, VALLEY: {"01", "<v> <p> <v>"}}),
    "MOVE": (f"MOVE <{HARBOUR}> TO <{VALLEY}>", {VALLEY: {"01"}}),
    "MOVE to a new one": (
        f"MOVE <{HARBOUR}> TO <n:>",
        {"n:": {"01"}, VALLEY: {"<v> <p> <v>"}},
    ),
    "WITH": (
        f"WITH <{HARBOUR}> DELETE {{ ?s ?p ?o }} INSERT {{ GRAPH <n:> {{ ?s ?p 02 }} }}"
        " WHERE { ?s ?p ?o }",
        {"n:": {"02"}, VALLEY: {"<v> <p> <v>"}},
    ),
    "USING": (
        f"INSERT {{ GRAPH <n:> {{ ?s ?p ?o }} }} USING <{VALLEY}> WHERE {{ ?s ?p ?o }}",
        {"n:": {"<v> <p> <v>"}, HARBOUR: {"01"}, VALLEY: {"<v> <p> <v>"}},
    ),
    "the default graph": (
        "INSERT DATA { <https://example.org/v> <https://example.org/p> <https://example.org/v> }",
        {DEFAULT: {"<v> <p> <v>"}, HARBOUR: {"01"}, VALLEY: {"<v> <p> <v>"}},
    ),
}


@pytest.mark.parametrize("name", UPDATES)
def test_every_kind_of_update_reaches_the_sources(store: Store, name: str) -> None:
    store.put(HARBOUR, b"@prefix : <https://example.org/> . :v :p 01 .", "text/turtle")
    store.put(VALLEY, b"@prefix : <https://example.org/> . :v :p :v .", "text/turtle")
    update, wanted = UPDATES[name]
    wanted = {
        register: {
            one if one.startswith("<") else f'<v> <p> "{one}"^^<xsd:integer>' for one in rows
        }
        for register, rows in wanted.items()
    }
    if name == "COPY":  # one value has one spelling in the index, and many in sources
        wanted[VALLEY] = {row.replace('"01"', '"1"') for row in wanted[VALLEY]}
    if name in ("ADD", "MOVE", "MOVE to a new one"):
        wanted = {
            register: {row if register == HARBOUR else row.replace('"01"', '"1"') for row in rows}
            for register, rows in wanted.items()
        }

    store.update(update)

    assert wanted == {
        one.register: in_short(store.quads(one.register)) for one in store.registers()
    }
    assert sum(len(rows) for rows in wanted.values()) == len(indexed(store))


def test_operations_of_an_update_see_what_those_before_them_did(store: Store) -> None:
    store.update(
        "PREFIX : <https://example.org/> INSERT DATA { GRAPH :g { :a :n 01 } } ;"
        "INSERT { GRAPH :g { ?s :m [ :n ?n ] } } WHERE { ?s :n ?n } ;"
        "DELETE WHERE { GRAPH :g { :a :n ?n } }"
    )

    found = list(store.quads("https://example.org/g"))

    assert ["m", "n"] == sorted(quad.predicate.value[-1] for quad in found)


def test_prefixes_may_be_declared_before_each_operation_of_an_update(store: Store) -> None:
    update = (
        "PREFIX a: <https://example.org/> INSERT DATA { a:v a:says 'a;b' } ;\n"
        "PREFIX a: <https://example.com/> BASE <https://example.org/>"
        " DELETE { ?s ?p ?o } INSERT { <v> a:says ?o } WHERE { ?s ?p ?o } ;"
    )
    store.update(update)

    assert {'v https://example.com/says "a;b"'} == {
        line.replace("<", "").replace(">", "") for line in in_short(indexed(store))
    }
    with pytest.raises(StoreError, match=r"line 3, column 55: this is not SPARQL"):
        store.update(f"{update}\nINSERT DATA {{ <v> a:says 1 }} ; DELETE {{ <v> a:says 1 }}")


def test_an_update_that_changes_nothing_is_no_commit(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")

    done = store.update(
        "PREFIX ex: <https://example.org/>"
        f" INSERT DATA {{ GRAPH <{HARBOUR}> {{ ex:trust ex:members 1 }} }}"
    )

    assert (None, 1) == (done, store.last)


def test_a_value_is_gone_from_the_index_only_when_its_last_spelling_is(store: Store) -> None:
    store.put(HARBOUR, b"<https://example.org/a> <p:> 1, 01, 001 .", "text/turtle")
    store.put(HARBOUR, b"<https://example.org/a> <p:> 001 .", "text/turtle")

    assert {'<a> <p:> "1"^^<xsd:integer>'} == in_short(indexed(store))
    store.patch(HARBOUR, removed=list(store.quads(HARBOUR)))
    assert (set(), []) == (indexed(store), store.registers())


def test_a_patch_of_many_edits_keeps_every_version_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.store.local._CHAIN", 3)
    store.put(HARBOUR, TRUST + b"ex:trust ex:office [ ex:name 01 ] .", "text/turtle")
    for number in range(9):  # more than are chained before a version is written whole
        store.patch(HARBOUR, added=[quad_of("trust", "year", integer(f"{number:04d}"))])

    years = [
        sum("year" in line for line in in_short(store.quads(HARBOUR, version.number)))
        for version in store.versions(HARBOUR)
    ]

    assert list(range(10)) == years
    assert 14 == len(list(store.quads(HARBOUR)))


def test_a_register_that_changes_much_is_indexed_anew_and_nothing_else_is_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.store.local.MANY", 5)
    monkeypatch.setattr("holdfast.store.index.MANY", 5)
    store.put(VALLEY, TRUST + b"<g:> { ex:trust ex:members 02 }", "application/trig")
    store.put(HARBOUR, b"".join(b"<s:%d> <p:> 0%d .\n" % (n, n) for n in range(50)), "text/turtle")
    store.derived(Derived([quad_of("trust", "risk", integer("1"), FINDINGS)], anew=True))

    store.put(
        HARBOUR, b"".join(b"<s:%d> <p:> 0%d .\n" % (n, n) for n in range(40, 70)), "text/turtle"
    )

    assert 4 + 30 + 1 == len(indexed(store))
    assert (VALLEY, 2, 30) == (
        store.owner("g:"),
        store.snapshot().derived,
        store.version(HARBOUR).quads,
    )
    store.update("DELETE WHERE { GRAPH ?g { ?s <p:> ?o } }")
    assert 4 + 1 == len(indexed(store))


def test_a_graph_of_a_register_is_replaced_and_merged_alone(store: Store) -> None:
    store.put(HARBOUR, b"<s:> <p:> 1 . <g:raph> { <s:> <p:> 02 }", "application/trig")

    with pytest.raises(ConflictError, match="belongs to register"):
        store.put("g:raph", b"<s:> <p:> 3 .", "text/turtle")
    store.put("g:raph", b"<s:> <p:> 03 .", "text/turtle", within=True)
    store.merge("g:raph", b"<s:> <p:> [ <p:> 4 ] .", "text/turtle")

    assert [HARBOUR] == [version.register for version in store.registers()]
    found = store.graph("g:raph")
    assert found is not None
    assert {"03", "4"} == {q.object.value for q in found if isinstance(q.object, ox.Literal)}
    store.drop("g:raph")
    assert 1 == len(list(store.quads(HARBOUR)))


def test_a_patch_takes_nothing_from_another_register(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")
    store.put(VALLEY, TRUST, "text/turtle")

    store.patch(HARBOUR, [quad_of("trust", "open", integer("1"))], list(store.quads(VALLEY)))

    assert [(HARBOUR, 4), (VALLEY, 3)] == [(one.register, one.quads) for one in store.registers()]
    assert 7 == len(indexed(store))


def test_a_snapshot_tells_what_its_derived_graphs_were_told_to_hold(store: Store) -> None:
    risk = [quad_of("trust", "risk", integer("1"), FINDINGS)]
    store.put(HARBOUR, TRUST, "text/turtle")
    store.derived(Derived(risk, anew=True, digest="one risk"))
    assert (1, "one risk") == (store.snapshot().derived, store.snapshot().digest)
    store.put(HARBOUR, TRUST + b"ex:trust ex:seat ex:quay .", "text/turtle")
    assert (1, "one risk") == (store.snapshot().derived, store.snapshot().digest)

    store.derived(Derived(removed=risk))
    assert (2, "") == (store.snapshot().derived, store.snapshot().digest)


def test_derived_graphs_change_with_a_commit_or_after_it(store: Store) -> None:
    def judged(proposal: Proposal) -> Derived:
        return Derived([quad_of("trust", "risk", integer("1"), FINDINGS)], anew=True)

    store.put(HARBOUR, TRUST, "text/turtle", check=judged)
    assert (1, 1) == (store.snapshot().derived, len(in_short(indexed(store)) & {
        '<trust> <risk> "1"^^<xsd:integer>'}))  # fmt: skip
    store.put(HARBOUR, TRUST + b"ex:trust ex:seat ex:quay .", "text/turtle")
    assert (2, 1) == (store.snapshot().commit, store.snapshot().derived)
    store.derived(Derived([quad_of("trust", "inferred", integer("1"), INFERRED)], anew=True))

    assert (2, 2) == (store.snapshot().commit, store.snapshot().derived)
    assert 5 == len(indexed(store))


def test_readers_keep_their_snapshot_while_others_write(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")
    with store.reader() as before:
        for number in range(5):
            store.patch(HARBOUR, added=[quad_of("trust", "year", integer(str(number)))])
        store.drop(HARBOUR)
        with store.reader() as after:
            assert (3, 0) == (len(before.store), len(after.store))
        assert before.snapshot.path.exists()
    store.put(VALLEY, TRUST, "text/turtle")
    assert not before.snapshot.path.exists()


def test_changes_are_told_in_their_order(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle", note="first", author="Ann")
    store.drop(HARBOUR, note="moved")

    assert [(1, "put", "first"), (2, "drop", "moved")] == [
        (commit.number, commit.kind, commit.note) for commit in store.changes()
    ]
    assert store.wait(1, 0)
    assert not store.wait(2, 0)
    assert f"{HARBOUR}/versions/2" == store.versions(HARBOUR)[1].iri


# -- what is refused, and then nothing has changed ------------------------------------------------


def refuse(proposal: Proposal) -> None:
    raise HoldfastError("the register breaks the publication shapes.")


REFUSED = {
    "a syntax error": (lambda s: s.put(HARBOUR, b"<a:> <b:> .", "text/turtle"), SourceError),
    "a syntax error at the end of much": (
        lambda s: s.put(VALLEY, b"<a:> <b:> 1 .\n" * 9000 + b"!", "text/turtle"),
        SourceError,
    ),
    "text that is not UTF-8": (
        lambda s: s.put(HARBOUR, b'<a:> <b:> "\xff" .', "text/turtle"),
        SourceError,
    ),
    "a damaged archive": (
        lambda s: s.put(HARBOUR, gzip.compress(TRUST)[:-9], "text/turtle", packed=True),
        SourceError,
    ),
    "a check": (lambda s: s.put(VALLEY, TRUST, "text/turtle", check=refuse), HoldfastError),
    "a check of an update": (
        lambda s: s.update("INSERT DATA { GRAPH <g:> { <a:> <b:> 1 } }", check=refuse),
        HoldfastError,
    ),
    "a check of a drop": (lambda s: s.drop(HARBOUR, check=refuse), HoldfastError),
    "another version": (
        lambda s: s.put(HARBOUR, TRUST, "text/turtle", if_match=7),
        ConflictError,
    ),
    "a new register that is there": (
        lambda s: s.put(HARBOUR, TRUST, "text/turtle", if_match=0),
        ConflictError,
    ),
    "a graph of another register": (
        lambda s: s.put(VALLEY, b"<g:> { <a:> <b:> 1 }", "application/trig"),
        ConflictError,
    ),
    "a register within another": (
        lambda s: s.put(VALLEY, f"<{HARBOUR}> {{ <a:> <b:> 1 }}".encode(), "application/trig"),
        ConflictError,
    ),
    "two registers with one graph": (
        lambda s: s.put_all(
            [Sent(iri, b"<n:> { <a:> <b:> 1 }", "application/trig") for iri in (VALLEY, "m:oor")]
        ),
        ConflictError,
    ),
    "the second of two": (
        lambda s: s.put_all(
            [Sent(VALLEY, TRUST, "text/turtle"), Sent("m:oor", b"!", "text/turtle")]
        ),
        SourceError,
    ),
    "a derived graph": (
        lambda s: s.put(VALLEY, f"<{FINDINGS}> {{ <a:> <b:> 1 }}".encode(), "application/trig"),
        ConflictError,
    ),
    "an update of a derived graph": (
        lambda s: s.update(f"INSERT DATA {{ GRAPH <{FINDINGS}> {{ <a:> <b:> 1 }} }}"),
        ConflictError,
    ),
    "a triple term": (
        lambda s: s.put(VALLEY, b"<a:> <b:> <<( <a:> <b:> 1 )>> .", "text/turtle"),
        SourceError,
    ),
    "entities that swell": (
        lambda s: s.put(
            VALLEY,
            b'<!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>',
            "application/rdf+xml",
        ),
        SourceError,
    ),
    "an unknown format": (lambda s: s.put(VALLEY, b"a,b", "text/csv"), StoreError),
    "a way out of the folder": (
        lambda s: s.put("../../etc/passwd", TRUST, "text/turtle"),
        StoreError,
    ),
    "no IRI": (lambda s: s.put("https://example.org/a b", TRUST, "text/turtle"), StoreError),
    "LOAD": (lambda s: s.update("LOAD <https://example.org/x.ttl>"), PolicyError),
    "SILENT LOAD": (lambda s: s.update("LOAD SILENT <http://127.0.0.1:1/>"), PolicyError),
    "SERVICE": (
        lambda s: s.update(
            "INSERT { GRAPH <g:> { ?s ?p 1 } } WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p 1 } }"
        ),
        PolicyError,
    ),
    "SERVICE without a space": (
        lambda s: s.update(
            "PREFIX x: <http://127.0.0.1:1/>"
            " INSERT { ?s ?p 1 } WHERE { FILTER(true)SERVICE x:y { ?s ?p 1 } }"
        ),
        PolicyError,
    ),
    "no update": (lambda s: s.update("INSERT DATA { <a:> <b:> }"), StoreError),
    "the second operation": (
        lambda s: s.update("INSERT DATA { GRAPH <g:> { <a:> <b:> 1 } } ; CLEAR GRAPH <none:>"),
        StoreError,
    ),
    **{
        f"RDF 1.2: {said}": (lambda s, said=said: s.update(f"INSERT DATA {{ {said} }}"), StoreError)
        for said in (
            "<a:> <b:> <<( <a:> <b:> 1 )>>",
            "<a:> <b:> 1 ~ <c:>",
            "<a:> <b:> 1 {| <c:> 2 |}",
            "<a:> <b:> 'c'@en--ltr",
        )
    },
    "a register that is not there": (lambda s: s.drop(VALLEY), UnknownNameError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_changes_nothing(store: Store, name: str) -> None:
    store.put(HARBOUR, TRUST + b"<g:> { ex:trust ex:members 02 }", "application/trig")
    before = everything(store)
    attempt, error = REFUSED[name]

    with pytest.raises(error) as raised:
        attempt(store)

    assert "/incoming/" not in str(raised.value)
    assert before == everything(store)
    assert [] == list(store.record.incoming.iterdir())
    assert [] == list((store.folder / "lines").glob("new-*"))
    store.put(HARBOUR, TRUST, "text/turtle")
    assert 3 == len(indexed(store))


@pytest.mark.parametrize(
    "update",
    [
        "INSERT DATA { GRAPH <g:> { <a:> <b:> 007, _:it . _:it <b:> 1.50 } }",
        "DELETE { GRAPH ?g { ?s ?p ?o } } INSERT { GRAPH ?g { ?s ?p 2 } }"
        " WHERE { GRAPH ?g { ?s ?p ?o } }",
        f"DROP GRAPH <{HARBOUR}> ; INSERT DATA {{ GRAPH <{HARBOUR}> {{ <a:> <b:> 01 }} }}",
    ],
)
def test_an_update_made_elsewhere_comes_to_the_same(
    store: Store, tmp_path: Path, update: str
) -> None:
    def made_elsewhere(folder: Path, one: Update) -> Delta:
        taken, added = make_update(folder, one).lines()
        return Delta.of_lines(list(taken), list(added))

    store.put(HARBOUR, TRUST, "text/turtle")
    with Store.open(tmp_path / "other", create=True) as other:
        other.put(HARBOUR, TRUST, "text/turtle")
        store.update(update)
        other.update(update, make=made_elsewhere)

        # all but the seals, which tell the time
        assert everything(store)[2:4] == everything(other)[2:4]


SAID = """
    01 1 "1"^^xsd:integer "1"^^xsd:byte +1 1.0 1.50 "1.5"^^xsd:decimal 1e0 true "1"^^xsd:boolean
    "soon"^^xsd:integer "2020-01-01T00:00:00.000Z"^^xsd:dateTime "colour"@en-GB "colour"@EN
    "colour" 'a;b' "}" "#" "" ex:trust <trust>
"""


def data_of(chance: random.Random) -> str:
    """An update of data alone, over so few terms that it often takes what is there."""
    operations = []
    for number in range(chance.randint(1, 4)):
        inserts = chance.random() < 0.6
        blanks = [f"_:it{number}", f"_:other{number}", "[]"] if inserts else []
        parts = []
        for graph in chance.choices(["", HARBOUR, "g:", "g:"], k=chance.randint(1, 3)):
            triples = "".join(
                f"{chance.choice(['ex:trust', '<trust>', 'ex:a', *blanks])} ex:says"
                f" {chance.choice([*SAID.split(), *blanks])} . "
                for _ in range(chance.randint(0, 4))
            )
            parts.append(f"GRAPH <{graph}> {{ {triples.rstrip('. ')} }}" if graph else triples)
        before = chance.choice(["", "# more; {\n"])
        words = "INSERT DATA" if inserts else "delete  data"
        operations.append(f"{before}{words} {{ {' '.join(parts)} }}")
    return f"{PROLOGUE} {' ; '.join(operations)}{chance.choice(['', ' ;'])}"


PROLOGUE = (
    "BASE <https://example.org/base/> PREFIX ex: <https://example.org/>"
    " PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>"
)


def not_asked(folder: Path, one: Update) -> Delta:
    raise AssertionError(one.text)


@pytest.mark.parametrize("seed", range(int(os.environ.get("HOLDFAST_SEEDS", "20"))))
def test_data_alone_come_to_what_a_draft_of_them_comes_to(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    with Store.open(tmp_path / "other", create=True) as other:
        for one in (store, other):
            one.put(HARBOUR, TRUST, "text/turtle")
        for _ in range(5):
            update = data_of(chance)
            store.update(update, make=not_asked)
            with monkeypatch.context() as long:
                long.setattr(local, "apply_data", lambda *_: None)
                other.update(update)

            # all but the seals, which tell the time
            assert (other.last, *everything(other)[2:]) == (store.last, *everything(store)[2:])


@pytest.mark.parametrize(
    "update",
    [
        "INSERT DATA { <a:> <b:> 1 } ; DELETE WHERE { <a:> <b:> ?x }",
        "INSERT { <a:> <b:> 1 } WHERE {}",
        "INSERT DATA { <a:> <b:> 1 GRAPH <g:> { <a:> <b:> 2 } }",  # not TriG: no full stop
        f"INSERT DATA {{ <a:> <b:> {'<< <a:> <b:> ' * 3000} 1 {'>>' * 3000} }}",
        "INSERT DATA { <a:> <b:> ?x }",
        "INSERT DATA { <a:> <b:> }",
    ],
)
def test_what_is_more_than_plain_data_is_left_to_a_draft(store: Store, update: str) -> None:
    with pytest.raises(AssertionError):
        store.update(update, make=not_asked)


def test_a_graph_that_an_update_leaves_empty_is_gone(store: Store) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")
    store.put(VALLEY, TRUST, "text/turtle")

    store.update(f"DELETE WHERE {{ GRAPH <{VALLEY}> {{ ?s ?p ?o }} }}")

    with store.reader() as reader:
        assert [HARBOUR] == [graph.value for graph in reader.store.named_graphs()]


def test_an_update_that_is_given_up_changes_nothing(store: Store) -> None:
    def given_up(folder: Path, one: Update) -> Delta:
        make_update(folder, one)
        raise TimeoutError

    store.put(HARBOUR, TRUST, "text/turtle")
    before = everything(store)

    with pytest.raises(HoldfastError):
        store.update(f"DROP GRAPH <{HARBOUR}>", make=given_up)

    assert before == everything(store)
    assert [] == list((store.folder / "index").glob(".*"))
    assert store.update(f"DROP GRAPH <{HARBOUR}>") is not None


@pytest.mark.parametrize(
    "update",
    [
        f"INSERT DATA {{ GRAPH <{HARBOUR}> {{ <a:> <b:> {', '.join(map(str, range(401)))} }} }}",
        "INSERT { GRAPH <g:> { ?s ?p ?n } } WHERE { GRAPH ?g { ?s ?p ?o }"
        f" VALUES ?n {{ {' '.join(map(str, range(140)))} }} }}",
        "INSERT DATA { " + " ".join(f"GRAPH <g:{n}> {{ <a:> <b:> 1 }}" for n in range(5)) + " }",
    ],
    ids=["of data alone", "by way of a draft", "in many registers"],
)
def test_an_update_that_would_change_too_much_changes_nothing(store: Store, update: str) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")
    before = everything(store)

    with pytest.raises(TooLargeError, match=r"would change \d+ quads.* and may change 500\."):
        store.update(update, most=500)

    assert before == everything(store)
    assert store.update(update, most=1000) is not None


def test_each_line_is_read_once_however_many_values_are_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = f"DATA {{ GRAPH <{HARBOUR}> {{ <a:> <b:> {', '.join(map(str, range(200)))} }} }}"
    store.put(HARBOUR, TRUST, "text/turtle")
    store.update(f"INSERT {data}")
    read: list[bytes] = []
    quad_of = lines.quad_of
    monkeypatch.setattr(lines, "quad_of", lambda line: (read.append(line), quad_of(line))[1])

    store.update(f"DELETE {data}")

    assert 3 == len(indexed(store))
    assert 200 == len(read)


def test_a_write_that_waits_too_long_for_another_gives_up_and_changes_nothing(
    store: Store,
) -> None:
    store.wait_seconds = 0.01

    def meanwhile(_: Proposal) -> None:
        with ThreadPoolExecutor() as others:
            for one in (
                others.submit(store.put, VALLEY, TRUST, "text/turtle"),
                others.submit(store.update, "INSERT DATA { <a:> <b:> 1 }"),
            ):
                with pytest.raises(BusyError, match=r"another write \(put\) .* waited for 0.01 s"):
                    one.result()

    store.put(HARBOUR, TRUST, "text/turtle", check=meanwhile)

    assert [HARBOUR] == [one.register for one in store.registers()]
    store.put(VALLEY, TRUST, "text/turtle")
    assert 2 == store.last


def test_a_name_that_looks_like_a_path_leads_nowhere(store: Store, tmp_path: Path) -> None:
    for register in ("file:///etc/passwd", "x:/../../../escaped", "https://e.org/..%2F..%2Fup"):
        store.put(register, TRUST, "text/turtle")
    outside = {path.name for path in tmp_path.iterdir()}
    folder = tmp_path / "files"
    folder.mkdir()

    files = store.files(folder)

    assert {"kb"} == outside
    assert {folder} == {file.parent for file in files}
    assert 3 == len(files)


# -- what lasts -----------------------------------------------------------------------------------


def test_a_second_writer_is_refused_and_told_who_writes(store: Store) -> None:
    with pytest.raises(StoreError, match=f"process {os.getpid()} on .* has it open for writing"):
        Store.open(store.folder)

    with Store.open(store.folder, write=False) as reader:
        store.put(HARBOUR, TRUST, "text/turtle")
        assert (0, 1) == (reader.last, reader.refresh())
        with pytest.raises(StoreError, match="open for reading only"):
            reader.put(HARBOUR, TRUST, "text/turtle")
        with reader.reader() as snapshot:
            assert 3 == len(snapshot.store)


def filled(folder: Path) -> tuple[object, ...]:
    """A store with some history; what is in it."""
    with Store.open(folder, create=True) as store:
        store.put(HARBOUR, TRUST + b"<g:> { ex:trust ex:at [ ex:n 02 ] }", "application/trig")
        store.put(VALLEY, TRUST, "text/turtle")
        store.update("DELETE WHERE { GRAPH ?g { ?s <https://example.org/cost> ?o } }")
        return everything(store)


DAMAGE = {
    "the index is gone": lambda kb: shutil.rmtree(kb / "index"),
    "the lines are gone": lambda kb: shutil.rmtree(kb / "lines"),
    "both are gone": lambda kb: [shutil.rmtree(kb / name) for name in ("lines", "index")],
    "the newest snapshot lacks a table": lambda kb: tables(kb)[-1].unlink(),
    "a table is cut short": lambda kb: os.truncate(tables(kb)[-1], 10),
    "a bit is flipped in every table": lambda kb: [flip(table) for table in tables(kb)],
    "the seals are gone": lambda kb: [path.unlink() for path in kb.glob("index/*/seal.json")],
    "the seals are not JSON": lambda kb: [
        path.write_text("{", encoding="utf-8") for path in kb.glob("index/*/seal.json")
    ],
    "the lines are changed": lambda kb: [flip(path) for path in kb.glob("lines/*.nq")],
    "the index is another's": lambda kb: other_index(kb),
    "a snapshot was not finished": lambda kb: (kb / "index" / ".new-9").mkdir(),
}


def tables(kb: Path) -> list[Path]:
    return sorted(kb.glob("index/*/oxigraph/*.sst"))


def flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_index(kb: Path) -> None:
    with Store.open(kb.parent / "other", create=True) as other:
        for _ in range(3):
            other.put(HARBOUR, b"<s:> <p:> <o:> .", "text/turtle")
    shutil.rmtree(kb / "index")
    shutil.move(kb.parent / "other" / "index", kb / "index")


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_made_from_the_record_is_made_again_and_it_is_said(
    tmp_path: Path, name: str
) -> None:
    kb = tmp_path / "kb"
    before = filled(kb)
    DAMAGE[name](kb)

    with Store.open(kb) as store:
        assert before == everything(store)
        said = " ".join(store.said)
        if name not in ("the lines are gone", "a snapshot was not finished"):
            assert "from the record" in said
        store.put(HARBOUR, TRUST, "text/turtle")
    with Store.open(kb) as store:
        assert () == store.said


def test_a_commit_cut_short_is_taken_off_the_log_and_kept_aside(tmp_path: Path) -> None:
    kb = tmp_path / "kb"
    before = filled(kb)
    with (kb / "record" / "log").open("ab") as log:
        log.write(b'0badc0de {"number":4,"after')

    with Store.open(kb) as store:
        assert before == everything(store)
        assert "A commit that was cut short" in store.said[0]
        store.drop(VALLEY)
        assert 4 == store.last
    (kept,) = kb.glob("record/cut-*")
    assert b"0badc0de" in kept.read_bytes()


def damaged_log(kb: Path) -> None:
    log = kb / "record" / "log"
    log.write_bytes(log.read_bytes().replace(b'"put"', b'"pat"', 1))


LOST = {
    "a line of the log is damaged": (damaged_log, r"log: line 1: this line of the log is damaged"),
    "the log is gone": (lambda kb: (kb / "record" / "log").unlink(), "the log of commits cannot"),
    "the end of the log is missing": (
        lambda kb: os.truncate(
            kb / "record" / "log", (kb / "record" / "log").read_bytes().index(b"\n") + 1
        ),
        "the log ends at commit 1, but the index shows commit 3",
    ),
    "it is no store": (lambda kb: (kb / "holdfast.json").write_text("{}"), "is not a store that"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_record_that_cannot_be_trusted_is_refused_and_left_alone(
    tmp_path: Path, name: str
) -> None:
    kb = tmp_path / "kb"
    filled(kb)
    damage, said = LOST[name]
    damage(kb)
    files = {path: path.read_bytes() for path in (kb / "record").rglob("*") if path.is_file()}

    with pytest.raises(StoreError, match=said):
        Store.open(kb)

    assert files == {p: p.read_bytes() for p in (kb / "record").rglob("*") if p.is_file()}


def test_a_damaged_blob_is_named_and_the_rest_can_be_read(tmp_path: Path) -> None:
    kb = tmp_path / "kb"
    filled(kb)
    with Store.open(kb) as store:
        store.put(VALLEY, TRUST, "text/turtle")
        version = store.versions(HARBOUR)[0]
        flip(store.record.path(version))

        with pytest.raises(StoreError, match=r"version 1 of .*harbour is not what was sent"):
            store.read(version)
        assert (TRUST, "text/turtle") == store.read(store.version(VALLEY))
        store.put(HARBOUR, TRUST, "text/turtle")
        (fault,) = store.rebuild()
        assert "version 1 of" in fault
        assert 6 == len(indexed(store))


def test_a_damaged_blob_of_a_current_version_leaves_its_lines_to_answer_from(
    tmp_path: Path,
) -> None:
    kb = tmp_path / "kb"
    before = filled(kb)
    with Store.open(kb) as store:
        flip(store.record.path(store.version(VALLEY, 1)))
        (fault,) = store.rebuild()
        assert "version 1 of" in fault
        assert before == everything(store)


def test_a_store_whose_making_was_cut_short_is_made_after_all(tmp_path: Path) -> None:
    kb = tmp_path / "kb"
    (kb / "record" / "blobs").mkdir(parents=True)
    (kb / ".holdfast.json.new").write_text("{", encoding="utf-8")

    with Store.open(kb, create=True) as store:
        store.put(HARBOUR, TRUST, "text/turtle")
        assert 3 == len(indexed(store))


def test_what_was_never_committed_is_cleared_away(tmp_path: Path) -> None:
    kb = tmp_path / "kb"
    before = filled(kb)
    (kb / "record" / "blobs" / "ab").mkdir(exist_ok=True)
    (kb / "record" / "blobs" / "ab" / f"ab{'0' * 62}.ttl").write_bytes(b"")
    (kb / "record" / "incoming" / "half.ttl").write_bytes(b"<a:> <b:")

    with Store.open(kb) as store:
        assert [] == list(store.record.incoming.iterdir())
        assert [] == store.rebuild()
        assert before == everything(store)


def test_a_store_that_was_killed_a_hundred_times_holds_all_that_was_committed(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed.py"), tmp_path / "kb", "100", "2001"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert 0 == done.returncode, done.stderr
    assert done.stdout.startswith("100 killed")


@pytest.mark.parametrize("limit", [0, 2_000, 60_000])
def test_a_full_disk_changes_nothing_and_the_next_write_succeeds(store: Store, limit: int) -> None:
    store.put(HARBOUR, TRUST, "text/turtle")
    before = everything(store)
    many = b"".join(b"<https://example.org/s%d> <p:> %d .\n" % (n, n) for n in range(20_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(StoreError, match="Nothing has changed"):
            store.put(VALLEY, many, "text/turtle")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert before == everything(store)
    store.put(VALLEY, many, "text/turtle")
    assert 20_003 == len(indexed(store))


def test_a_commit_whose_snapshot_cannot_be_published_stands_and_the_index_follows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store.put(VALLEY, TRUST, "text/turtle")
    with monkeypatch.context() as patch:
        patch.setattr("holdfast.store.index.Index.publish", full)
        assert 2 == store.put(HARBOUR, TRUST, "text/turtle").number
    store.drop(VALLEY)

    assert 3 == store.snapshot().commit
    assert {f"<{HARBOUR}>"} == {str(quad.graph_name) for quad in indexed(store)}
    assert "Commit 2 stands" in store.said[0]


def test_a_line_that_cannot_be_flushed_is_not_committed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(VALLEY, TRUST, "text/turtle")
    before = store.record.log.read_bytes()
    flush = os.fsync

    def failing(handle: int) -> None:
        if os.path.samestat(os.fstat(handle), store.record.log.stat()):
            raise OSError(5, "Input/output error")
        flush(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(StoreError, match=r"Input/output error\. Nothing has changed"):
            store.put(HARBOUR, TRUST, "text/turtle")

    assert (before, 3) == (store.record.log.read_bytes(), len(indexed(store)))
    store.put(HARBOUR, TRUST, "text/turtle")
    assert (2, 6) == (store.last, len(indexed(store)))


# -- backups --------------------------------------------------------------------------------------


def test_a_backup_made_while_writing_goes_on_is_whole(tmp_path: Path) -> None:
    before = filled(tmp_path / "kb")
    with Store.open(tmp_path / "kb") as writer, Store.open(tmp_path / "kb", write=False) as other:
        writer.drop(HARBOUR)
        assert 3 == back_up(other, tmp_path / "backup")

    with restore(tmp_path / "backup", tmp_path / "restored") as restored:
        assert before == everything(restored)


def test_nothing_is_restored_or_backed_up_over_what_is_there(tmp_path: Path) -> None:
    filled(tmp_path / "kb")
    (tmp_path / "minutes").mkdir()
    (tmp_path / "minutes" / "january.txt").write_text("Present: all.", encoding="utf-8")

    for target in (tmp_path / "kb", tmp_path / "minutes"):
        with pytest.raises(StoreError, match="something is there already"):
            restore(tmp_path / "kb", target)
    with pytest.raises(StoreError, match="the folder holds something else"):
        Store.open(tmp_path / "minutes", create=True)

    assert ["january.txt"] == [path.name for path in (tmp_path / "minutes").iterdir()]


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    filled(tmp_path / "kb")
    with Store.open(tmp_path / "kb") as store:
        back_up(store, tmp_path / "backup")
    flip(next((tmp_path / "backup").glob("record/blobs/*/*.trig")))

    with pytest.raises(StoreError, match="is not what was sent"):
        restore(tmp_path / "backup", tmp_path / "restored")

    assert not (tmp_path / "restored").exists()
