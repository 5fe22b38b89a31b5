"""SPARQL 1.1 Graph Store HTTP Protocol: graphs as they were sent, replaced, added to, removed."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyoxigraph as ox
import pytest

if TYPE_CHECKING:
    from conftest import Live, Reply

HARBOUR = "https://example.org/store/harbour"
XSD = "http://www.w3.org/2001/XMLSchema#"


def at(graph: str) -> str:
    return "/graphs?graph=" + quote(graph, safe="")


def triples(reply: Reply) -> set[str]:
    """The triples of an answer, blank nodes as they are named."""
    form = ox.RdfFormat.from_media_type(reply.media)
    return {str(q.triple) for q in ox.parse(reply.body, format=form)}  # type: ignore[arg-type]


def test_a_graph_is_made_replaced_given_and_removed(live: Live) -> None:
    assert 404 == live.ask("GET", at(HARBOUR)).status
    assert 201 == live.put(HARBOUR, '<#1> <#name> "Harbour Health" .').status
    assert 204 == live.put(HARBOUR, '<#1> <#name> "Harbour Housing" .').status

    given = live.ask("GET", at(HARBOUR), accept="text/turtle; charset=utf-8")
    assert (200, "text/turtle; charset=utf-8") == (given.status, given.headers["content-type"])
    assert {f'<{HARBOUR}#1> <{HARBOUR}#name> "Harbour Housing"'} == triples(given)

    assert 204 == live.write("DELETE", at(HARBOUR)).status
    assert [404, 404] == [live.ask(m, at(HARBOUR)).status for m in ("GET", "HEAD")]
    assert 404 == live.write("DELETE", at(HARBOUR)).status


def test_a_write_is_made_only_where_its_condition_holds(live: Live) -> None:
    graph = "https://example.org/store/conditional"
    sent = {"content_type": "text/turtle"}

    assert 412 == live.write("PUT", at(graph), "<#1> <#is> 1 .", if_match="*", **sent).status
    assert 412 == live.write("DELETE", at(graph), if_match="*").status
    assert 404 == live.ask("GET", at(graph)).status
    assert 201 == live.write("PUT", at(graph), "<#1> <#is> 1 .", if_none_match="*", **sent).status
    for method, conditions in (
        ("PUT", {"if_none_match": "*"}),
        ("POST", {"if_none_match": "*"}),
        ("PUT", {"if_match": '"1"'}),  # graphs have no tags
    ):
        answer = live.write(method, at(graph), "<#2> <#is> 2 .", **conditions, **sent)
        assert 412 == answer.status
    assert {f'<{graph}#1> <{graph}#is> "1"^^<{XSD}integer>'} == triples(live.ask("GET", at(graph)))
    assert 204 == live.write("DELETE", at(graph), if_match="*").status


def test_the_address_of_a_graph_keeps_what_an_iri_may_not_hold_in_percent_encoding(
    live: Live,
) -> None:
    path = "/graphs/harbour%20and%20town/50%25"
    assert 201 == live.write("PUT", path, "<> <#of> <x> .", content_type="text/turtle").status

    there = live.ask("GET", path, accept="application/n-triples").text

    assert there.startswith(f"<{live.url}{path}> ")
    assert there == live.ask("GET", at(live.url + path), accept="application/n-triples").text
    assert 204 == live.write("DELETE", path).status


def test_every_literal_comes_back_as_it_was_sent(live: Live) -> None:
    graph = "https://example.org/store/spelling"
    sent = {
        f'<https://e.org/v> <https://e.org/n> "{value}"^^<{XSD}{kind}>'
        for value, kind in [
            ("01", "integer"),
            ("1.50", "decimal"),
            ("7", "byte"),
            ("-3", "negativeInteger"),
            ("2001-05-01T00:00:00.000Z", "dateTime"),
            ("1.0E6", "double"),
        ]
    }
    live.put(graph, " .\n".join(sent) + " .")
    first = triples(live.ask("GET", at(graph), accept="application/n-triples"))
    live.update(f'INSERT DATA {{ GRAPH <{graph}> {{ <https://e.org/v> <https://e.org/s> "x" }} }}')
    second = triples(live.ask("GET", at(graph), accept="application/n-triples"))
    live.write("DELETE", at(graph))

    assert sent == first
    assert sent < second


def test_a_graph_stands_at_its_own_address(live: Live) -> None:
    path = "/graphs/person/1.ttl"
    made = live.write("PUT", path, "<> <#name> 'Ann' .", content_type="text/turtle")
    direct, named = live.ask("GET", path), live.ask("GET", at(live.url + path))
    told = live.ask("HEAD", path)
    live.write("DELETE", path)

    assert 201 == made.status
    assert {f'<{live.url}{path}> <{live.url}{path}#name> "Ann"'} == triples(direct)
    assert triples(direct) == triples(named)
    assert (200, direct.headers["content-length"]) == (told.status, told.headers["content-length"])


def test_posting_to_the_store_makes_a_graph_and_says_where(live: Live) -> None:
    made = live.write("POST", "/graphs", "<> a <#Register> .", content_type="text/turtle")
    place = made.headers["location"]
    given = live.ask("GET", place.removeprefix(live.url))
    live.write("DELETE", at(place))

    assert 201 == made.status
    assert any(line.startswith(f"<{place}> ") for line in triples(given))


def test_several_files_are_added_at_once(live: Live) -> None:
    parts = "".join(
        '--part\r\nContent-Disposition: form-data; name="f"; filename="f.ttl"\r\n'
        f"Content-Type: text/turtle\r\n\r\n{turtle}\r\n"
        for turtle in ("<#1> <#first> 'Ann' .", "<#1> <#last> 'Lee' .")
    )
    live.put(HARBOUR, "<#1> a <#Person> .")
    added = live.write("POST", at(HARBOUR), parts + "--part--\r\n",
                       content_type="multipart/form-data; boundary=part")  # fmt: skip
    found = triples(live.ask("GET", at(HARBOUR)))
    live.write("DELETE", at(HARBOUR))

    assert 204 == added.status
    assert 3 == len(found)


def test_the_default_graph_can_be_written_and_read(live: Live) -> None:
    made = live.write("PUT", "/graphs?default", "<#1> a <#Note> .", content_type="text/turtle")
    given = live.ask("GET", "/graphs?default")
    live.write("DELETE", "/graphs?default")

    assert made.status in (201, 204)
    assert 1 == len(triples(given))
    assert b"Note" not in live.ask("GET", "/graphs?default").body


@pytest.mark.parametrize("form", ["turtle", "ntriples", "rdfxml", "jsonld", "trig", "nquads", "n3"])
def test_a_graph_goes_in_and_out_in_every_form(live: Live, form: str) -> None:
    graph = f"https://example.org/store/{form}"
    live.put(HARBOUR, '<https://e.org/1> <https://e.org/name> "Hafen \\"A\\"\\n"@de .')
    given = live.ask("GET", at(HARBOUR) + f"&format={form}")
    back = live.write("PUT", at(graph), given.body, content_type=given.headers["content-type"])
    same = triples(live.ask("GET", at(HARBOUR))) == triples(live.ask("GET", at(graph)))
    live.write("DELETE", at(graph))
    live.write("DELETE", at(HARBOUR))

    assert (200, 201, True) == (given.status, back.status, same)


def test_a_gzipped_body_is_unpacked(live: Live) -> None:
    packed = gzip.compress(b"<#1> a <#Register> .")

    made = live.write("PUT", at(HARBOUR), packed, content_type="text/turtle",
                      content_encoding="gzip")  # fmt: skip
    live.write("DELETE", at(HARBOUR))
    assert 201 == made.status


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "status"),
    [
        ("PUT", "/graphs?graph=harbour", b"", "text/turtle", 400),
        ("PUT", "/graphs?default&graph=https%3A%2F%2Fe.org%2Fg", b"", "text/turtle", 400),
        ("GET", "/graphs", None, "", 400),
        ("PUT", at(HARBOUR), b"<#1> a <#Register> .", "", 415),
        ("PUT", at(HARBOUR), b"a,b", "text/csv", 415),
        ("PUT", at(HARBOUR), b"<#1> a .", "text/turtle", 400),
        ("PUT", at(HARBOUR), b"<#g> { <#1> a <#R> }", "application/trig", 400),
        ("PUT", at("https://w3id.org/holdfast/id/graph/findings"), b"", "text/turtle", 422),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    live: Live, method: str, path: str, body: bytes | None, media: str, status: int
) -> None:
    reply = live.write(method, path, body, **({"content_type": media} if media else {}))

    assert (status, "application/problem+json") == (reply.status, reply.media)
    assert 404 == live.ask("GET", at(HARBOUR)).status


def test_an_error_in_the_data_names_line_and_column(live: Live) -> None:
    reply = live.put(HARBOUR, "<#1> a <#Register> ;\n  <#name> .")

    assert (400, 2) == (reply.status, reply.json["line"])


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_nothing_is_written_without_the_token(live: Live, method: str) -> None:
    live.put(HARBOUR, "<#1> a <#Register> .")
    reply = live.ask(method, at(HARBOUR), b"<#2> a <#Register> .", content_type="text/turtle")
    kept = triples(live.ask("GET", at(HARBOUR)))
    live.write("DELETE", at(HARBOUR))

    assert 401 == reply.status
    assert 1 == len(kept)
