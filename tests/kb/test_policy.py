"""The query policy: what a text may do, told from its words."""

from __future__ import annotations

import pytest

from holdfast.policy import DEEPEST, PolicyError, check_dataset, read_request
from holdfast.shipped import shipped_folder

AWAY = "http://elsewhere.example/"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <%s> { ?s ?p ?o } }",
        "SELECT * { sErViCe SILENT <%s> { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?o } # not in here:\n LOAD <%s>",
        "PREFIX : <%s> SELECT * { SERVICE:x { ?s ?p ?o } }",
        "PREFIX : <%s> SELECT * { ?s ?p trueSERVICE:x { ?s ?p ?o } }",
        "PREFIX : <%s> CLEAR DEFAULT;LOAD:x",
        "PREFIX : <%s>LOAD:x",
        "SELECT * { FILTER(?a<'>' && ?b) SERVICE<%s>{} FILTER('x'=?z) }",
        "SELECT * { FILTER(?a<#>'''\n?b) SERVICE<%s>{} #''' }",
    ],
)
def test_whatever_reaches_out_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_request(text % AWAY)

    assert refused.value.line >= 1
    assert refused.value.where.startswith("line ")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?s <https://e.org/service> 'SERVICE' } # SERVICE <x> {}",
        "PREFIX service: <x:> SELECT * FROM service:g { GRAPH service:g { ?s a service:T } }",
        "PREFIX load: <https://e.org/> COPY load:a TO load:b",
        'SELECT * { ?s ?p """a "LOAD" <x>"""@en , \'\'\'it\'s\'\'\', "", \'\' }',
        "SELECT ?service ?load { ?service ?p ?load FILTER(?service<?load && ?load>?p) }",
        "SELECT * { ?s ex:it\\'s ?o . ?o (<#a>|<#b>)* ?x }",
        "ASK { ?s ?p 1.5e3, .5, -1, true, 'x'@en-GB, _:b.c }",
    ],
)
def test_what_only_looks_so_is_let_pass(text: str) -> None:
    read_request(text)


def test_every_saved_question_is_let_pass() -> None:
    for file in (shipped_folder("ontology") / "questions").glob("*/question.rq"):
        assert read_request(file.read_text(encoding="utf-8")).form in ("SELECT", "ASK", "CONSTRUCT")


def test_the_graphs_of_from_are_told_with_prefixes_and_base() -> None:
    reading = read_request(
        "BASE <https://e.org/a/> PREFIX g: <graphs/> SELECT * FROM g:one FROM NAMED <two> {}",
    )

    assert ("https://e.org/a/graphs/one",) == reading.default
    assert ("https://e.org/a/two",) == reading.named


@pytest.mark.parametrize("bracket", ["(", "{", "["])
def test_brackets_may_be_nested_only_so_deep(bracket: str) -> None:
    read_request("SELECT * " + bracket * DEEPEST)
    with pytest.raises(PolicyError, match="deep"):
        read_request("SELECT * " + bracket * (DEEPEST + 1))


@pytest.mark.parametrize("text", ["SELECT * { 'open }", "SELECT * { ''' }", 'ASK { "\n" }'])
def test_a_quotation_mark_that_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match="not closed"):
        read_request(text)


def test_a_dataset_is_said_once() -> None:
    check_dataset(read_request("INSERT { ?s ?p 'WITH' } WHERE { ?s ?p 1 }"))
    with pytest.raises(PolicyError, match="WITH"):
        check_dataset(read_request("WITH <https://e.org/g> DELETE WHERE { ?s ?p 1 }"))
