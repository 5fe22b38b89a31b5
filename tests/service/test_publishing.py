"""What is published beside SPARQL: identifiers, registers, the JSON API, pages."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import flask
import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import holdfast
from holdfast_service.assessor import Fault
from holdfast_service.command import made
from holdfast_service.keeper import Keeper
from holdfast_service.linked import ASSESSED, CONTEXT, STATED
from holdfast_service.problem import Problem
from holdfast_service.settings import Settings

HF = "https://w3id.org/holdfast/ns#"
TOKEN = {"Authorization": "Bearer secret"}
TURTLE = {"Accept": "text/turtle"}
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

YOUTH = """
@prefix ex: <https://w3id.org/holdfast/id/> .
@prefix hf: <https://w3id.org/holdfast/ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

ex:youth-partnership a hf:Venture ; rdfs:label "Youth <script>alert(1)</script> partnership"@en ;
  hf:has ex:probation-seat , ex:council-seat , ex:youth-worker ; hf:boundary ex:valley .
ex:youth-worker a hf:Post ; rdfs:label "Youth worker"@en ;
  hf:dedicated true ; hf:grade hf:specialist .
ex:probation-seat a hf:Membership ; hf:belongsTo ex:youth-partnership ;
  hf:member ex:probation-service ; hf:representedBy ex:head-of-probation .
ex:council-seat a hf:Membership ; hf:belongsTo ex:youth-partnership ;
  hf:member ex:valley-council ; hf:representedBy ex:head-of-probation .
ex:valley-council a hf:Organisation ; rdfs:label "Valley Council"@en .
ex:probation-service a hf:Organisation ; rdfs:label "Probation service"@en .
ex:head-of-probation hf:grade hf:chief-officer .
ex:valley a hf:Boundary ; rdfs:label "The valley"@en ; hf:population "0120000"^^xsd:integer .
"""
SENIOR = YOUTH.replace("hf:specialist", "hf:chief-officer")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[flask.Flask]:
    settings = Settings(token="secret", workers=1, slow_workers=1, timeout=60, timeout_most=120)
    made_app, service = made(settings, tmp_path_factory.mktemp("kb") / "kb", [], None)
    made_app.extensions["keeper"].judgements.wait()
    yield made_app
    service.stop()


@pytest.fixture(scope="module")
def client(app: flask.Flask) -> FlaskClient:
    """The service over a store with one register."""
    client = app.test_client()
    answer = client.put("/registers/youth", data=YOUTH, content_type="text/turtle", headers=TOKEN)
    assert 201 == answer.status_code, answer.text
    return client


IDS = "https://w3id.org/holdfast/id/"


def put(client: FlaskClient, content: str, **headers: str) -> TestResponse:
    return client.put(
        "/registers/youth", data=content, content_type="text/turtle", headers={**TOKEN, **headers}
    )


def triples(answer: TestResponse) -> set[ox.Triple]:
    kind = ox.RdfFormat.from_media_type(answer.content_type)
    return {quad.triple for quad in ox.parse(answer.data, format=kind)}


def canonical(data: bytes | str, kind: ox.RdfFormat) -> ox.Dataset:
    found = ox.Dataset(ox.parse(data, format=kind))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


def test_a_register_comes_back_byte_for_byte_as_it_was_sent(client: FlaskClient) -> None:
    assert YOUTH == client.get("/registers/youth", headers=TURTLE).text


@pytest.mark.parametrize("end", ["trig", "nt", "nq", "jsonld"])
def test_a_register_in_another_form_keeps_each_literal_as_it_was_sent(
    client: FlaskClient, end: str
) -> None:
    answer = client.get(f"/registers/youth?format={end}")

    kind = ox.RdfFormat.from_media_type(answer.content_type)
    assert canonical(YOUTH, ox.RdfFormat.TURTLE) == canonical(answer.data, kind)
    assert "0120000" in answer.text


def test_a_change_answers_which_findings_were_lost_and_gained(client: FlaskClient) -> None:
    eased, back = put(client, SENIOR).json, put(client, YOUTH).json

    assert "underpowered-post" in {finding["rule"] for finding in eased["lost"]}
    assert "underpowered-post" in {finding["rule"] for finding in back["gained"]}
    assert back["version"] == eased["version"] + 1


def test_findings_follow_a_change_in_every_place_where_they_are_told(client: FlaskClient) -> None:
    query = f"ASK {{ ?f <{HF}rule> <https://w3id.org/holdfast/rules/underpowered-post> }}"

    def told() -> tuple[bool, bool, bool]:
        venture = client.get("/ventures/youth-partnership").json
        return (
            client.get("/sparql", query_string={"query": query}).json["boolean"],
            any(f["rule"] == "underpowered-post" for f in venture["findings"]),
            client.get("/findings?rule=underpowered-post").json["total"] > 0,
        )

    assert (True, True, True) == told()
    put(client, SENIOR)
    assert (False, False, False) == told()
    put(client, YOUTH)
    assert (True, True, True) == told()


def test_what_is_written_through_sparql_is_assessed_soon_after(
    app: flask.Flask, client: FlaskClient
) -> None:
    senior = f"""PREFIX hf: <{HF}>
        DELETE {{ GRAPH ?g {{ <{IDS}youth-worker> hf:grade hf:specialist }} }}
        INSERT {{ GRAPH ?g {{ <{IDS}youth-worker> hf:grade hf:chief-officer }} }}
        WHERE {{ GRAPH ?g {{ <{IDS}youth-worker> hf:grade hf:specialist }} }}"""

    kind = "application/sparql-update"
    assert 204 == client.post("/update", data=senior, content_type=kind, headers=TOKEN).status_code

    app.extensions["keeper"].settle()
    assert 0 == client.get("/findings?rule=underpowered-post").json["total"]
    assert "chief-officer" in client.get("/registers/youth?format=nt").text
    put(client, YOUTH)


def test_what_follows_is_written_once_and_found_there_after_a_restart(
    app: flask.Flask, client: FlaskClient
) -> None:
    keeper = app.extensions["keeper"]

    def assessed_anew() -> str:
        keeper.judgements.refresh()
        return str(keeper._store.snapshot().name)

    assert assessed_anew() == assessed_anew()
    put(client, SENIOR)
    assert 0 == client.get("/findings?rule=underpowered-post").json["total"]
    assert assessed_anew() == assessed_anew()
    put(client, YOUTH)


def test_a_register_sent_while_all_is_assessed_anew_keeps_no_other_writer_waiting(
    app: flask.Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = app.extensions["keeper"]
    monkeypatch.setattr(keeper._store, "wait_seconds", 0.01)
    with ThreadPoolExecutor() as others, keeper.judgements.turn(None):
        refused = others.submit(put, app.test_client(), SENIOR).result()
        others.submit(keeper._store.update, "INSERT DATA { <a:> <b:> 1 }").result()

    assert (503, "5") == (refused.status_code, refused.headers["Retry-After"])
    assert "still being assessed" in refused.json["detail"]
    keeper.write(lambda check: keeper._store.update("DELETE DATA { <a:> <b:> 1 }", check=check))


def test_what_cannot_be_read_changes_nothing(client: FlaskClient) -> None:
    before = client.get("/registers/youth?format=ttl").text

    answer = put(client, YOUTH + "ex:youth-worker hf:grade")

    assert 400 == answer.status_code
    assert "line" in answer.json["detail"]
    assert before == client.get("/registers/youth?format=ttl").text


def test_what_must_not_be_published_is_refused_in_a_sentence(client: FlaskClient) -> None:
    nameless = YOUTH.replace('rdfs:label "Probation service"@en', "hf:sector hf:public")

    answer = client.put(
        "/registers/nameless", data=nameless, content_type="text/turtle", headers=TOKEN
    )

    assert 422 == answer.status_code
    assert "It has no name" in answer.json["detail"]
    assert 404 == client.get("/registers/nameless").status_code


def test_what_is_no_register_of_ventures_is_kept_as_it_is(client: FlaskClient) -> None:
    number = '"01"^^<http://www.w3.org/2001/XMLSchema#integer>'
    odd = f"<https://example.org/a> <https://example.org/b> {number} .\n"
    kind = {"content_type": "application/n-triples", "headers": TOKEN}

    assert 201 == client.put("/registers/odd", data=odd, **kind).status_code
    assert odd == client.get("/registers/odd?format=nt").text
    assert 200 == client.delete("/registers/odd", headers=TOKEN).status_code


def test_nobody_writes_without_the_token(client: FlaskClient) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = client.put(
            "/registers/other", data=YOUTH, content_type="text/turtle", headers=headers
        )
        assert 401 == answer.status_code
    assert 404 == client.get("/registers/other").status_code


def test_a_change_that_follows_an_older_version_is_refused(client: FlaskClient) -> None:
    newest = put(client, YOUTH).json["version"]

    for header, value in (
        ("If-Match", f'"{newest - 1}"'),
        ("If-Match", f'W/"{newest}"'),
        ("If-Match", "garbage"),
        ("If-None-Match", "*"),
        ("If-None-Match", f'"{newest}"'),
    ):
        answer = put(client, SENIOR, **{header: value})
        assert (412, "precondition") == (answer.status_code, answer.json["type"].split("#")[1])
    assert YOUTH == client.get("/registers/youth", headers=TURTLE).text
    assert 200 == put(client, YOUTH, **{"If-Match": f'"7777", "{newest}"'}).status_code


def test_the_tag_of_whatever_form_was_read_says_what_a_change_follows(client: FlaskClient) -> None:
    for form in ("ttl", "jsonld", "html"):
        read = client.get(f"/registers/youth?format={form}", buffered=True).headers["ETag"]

        assert 200 == put(client, SENIOR, **{"If-Match": read}).status_code
        assert 412 == put(client, YOUTH, **{"If-Match": read}).status_code
        assert 200 == put(client, YOUTH, **{"If-Match": "*"}).status_code
    gone = client.delete("/registers/nowhere", headers={**TOKEN, "If-Match": "*"})
    assert 412 == gone.status_code


def test_a_register_says_by_which_methods_it_may_be_changed(client: FlaskClient) -> None:
    answer = client.options("/registers/youth")

    assert "DELETE, GET, HEAD, OPTIONS, PUT" == answer.headers["Allow"]
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("address", "said"),
    [("/ventures?page=1&page=2", "page is given 2 times"),
     ("/ventures?format=json&format=html", "format is given 2 times"),
     ("/ventures?name=%FF", "not UTF-8")],
)  # fmt: skip
def test_parameters_that_could_be_read_in_two_ways_are_refused(
    client: FlaskClient, address: str, said: str
) -> None:
    answer = client.get(address)
    assert 400 == answer.status_code
    assert said in answer.json["detail"]


def test_what_has_the_same_tag_is_the_same_to_the_byte(client: FlaskClient) -> None:
    for address in ("/rules/poor-boundary-fit", "/ns", "/id/youth-partnership"):
        one, other = client.get(address, headers=TURTLE), client.get(address, headers=TURTLE)
        assert one.headers["ETag"] == other.headers["ETag"]
        assert one.data == other.data, address


def test_the_links_to_profiles_lead_to_them(client: FlaskClient) -> None:
    links = client.get("/id/youth-partnership", headers=TURTLE).headers["Link"]
    found = re.findall(r'<[^>]*(/id/youth-partnership\?_profile=[^>]*)>; rel="alternate"', links)

    assert 2 == len(found)
    for link in found:
        assert 200 == client.get(link, headers=TURTLE).status_code


def test_an_old_version_stays_as_it_was(client: FlaskClient) -> None:
    number = put(client, SENIOR).json["version"]
    put(client, YOUTH)

    old = client.get(f"/registers/youth/versions/{number}", headers=TURTLE)

    assert SENIOR == old.text
    assert "immutable" in old.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/turtle", "text/turtle; charset=utf-8"),
        ("text/turtle; charset=utf-8", "text/turtle; charset=utf-8"),
        ("application/ld+json", "application/ld+json"),
        ("application/rdf+xml;q=0.9, text/turtle;q=0.1", "application/rdf+xml"),
        ("application/n-triples", "application/n-triples"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/turtle; charset=utf-8"),
    ],
)
def test_an_identifier_resolves_in_the_form_that_is_asked_for(
    client: FlaskClient, accept: str, kind: str
) -> None:
    answer = client.get("/id/youth-partnership", headers={"Accept": accept})

    assert (200, kind) == (answer.status_code, answer.content_type)
    assert "Accept" in answer.headers["Vary"]


def test_an_identifier_tells_what_is_said_and_what_was_found(client: FlaskClient) -> None:
    venture = ox.NamedNode("https://w3id.org/holdfast/id/youth-partnership")

    found = triples(client.get("/id/youth-partnership", headers=TURTLE))

    assert ox.Triple(venture, ox.NamedNode(HF + "has"), ox.NamedNode(f"{IDS}youth-worker")) in found
    assert any(t.object == venture and t.predicate == ox.NamedNode(HF + "venture") for t in found)


def test_a_profile_narrows_or_widens_what_is_told(client: FlaskClient) -> None:
    rule = ox.NamedNode(HF + "rule")
    stated, plain, assessed = (
        triples(client.get("/id/youth-partnership", headers={**TURTLE, "Accept-Profile": profile}))
        for profile in (f"<{STATED}>", "", f"<{ASSESSED}>")
    )

    assert stated < plain < assessed
    assert any(t.predicate == rule for t in assessed)


def test_what_has_not_changed_need_not_be_sent_again(client: FlaskClient) -> None:
    first = client.get("/id/youth-partnership", headers=TURTLE)
    tag = {"If-None-Match": first.headers["ETag"]}

    assert 304 == client.get("/id/youth-partnership", headers={**TURTLE, **tag}).status_code
    assert 200 == client.get("/id/youth-partnership?format=nt", headers=tag).status_code
    put(client, SENIOR)
    assert 200 == client.get("/id/youth-partnership", headers={**TURTLE, **tag}).status_code
    put(client, YOUTH)


def test_an_answer_links_to_its_other_forms_and_says_what_it_is(client: FlaskClient) -> None:
    links = client.head("/id/youth-partnership").headers["Link"]

    assert '<https://w3id.org/holdfast/id/youth-partnership>; rel="canonical"' in links
    assert 'rel="alternate"; type="application/ld+json"' in links
    assert f'<{HF}Venture>; rel="type"' in links


def test_nothing_fits_an_image(client: FlaskClient) -> None:
    assert 406 == client.get("/id/youth-partnership", headers={"Accept": "image/png"}).status_code


def test_a_thing_that_nobody_knows_is_not_there(client: FlaskClient) -> None:
    answer = client.get("/id/atlantis")

    assert (404, "application/problem+json") == (answer.status_code, answer.content_type)


PAGES = [
    "/", "/ventures", "/ventures/youth-partnership", "/findings", "/registers", "/registers/youth",
    "/rules", "/rules/underpowered-post", "/ns", "/id/youth-worker", "/whatif",
    "/explain?venture=youth-partnership", "/organisations/probation-service", "/id/atlantis",
    "/explain?venture=youth-partnership&rule=poor-boundary-fit&not=true",
    "/questions", "/questions/which-organisations-carry-most-ventures", "/sparql",
    "/organisations", "/areas", "/feed", "/organisations?name=atlantis", "/areas?name=atlantis",
    "/feed?page=9",
    "/sparql?query=SELECT+*+%7B?s+a+%3Chttps://w3id.org/holdfast/ns%23Venture%3E;+?p+?o%7D",
]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_text_from_a_register_never_becomes_markup(client: FlaskClient, address: str) -> None:
    page = client.get(address, headers=HTML)

    assert page.content_type.startswith("text/html")
    assert "<script" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_organisations_are_listed_with_their_ventures_page_by_page(client: FlaskClient) -> None:
    first = client.get("/organisations?per-page=1", headers=HTML).text
    second = client.get("/organisations?per-page=1&page=2", headers=HTML).text
    found = client.get("/organisations?name=COUNCIL", headers=HTML).text

    assert "Probation service</a>" in first
    assert "Valley Council" not in first
    assert 'rel="next" href="/organisations?per-page=1&amp;page=2"' in first
    assert f'href="/ventures?member={IDS}valley-council"' in second.replace("%3A", ":")
    assert ("Valley Council</a>" in found, "Probation service" in found) == (True, False)


def test_areas_are_listed_with_how_many_things_have_them(client: FlaskClient) -> None:
    page = client.get("/areas", headers=HTML).text

    assert re.search(
        r'<a href="/areas/valley">The valley</a></th>\s*<td>.</td>\s*<td[^>]*>1<', page
    )


def test_a_list_is_given_to_programs_as_before(client: FlaskClient) -> None:
    answer = client.get("/areas", headers={"Accept": "*/*"})

    assert ["The valley"] == [item["label"] for item in answer.json["items"]]


def test_the_changes_are_a_page_and_a_feed_at_one_address(client: FlaskClient) -> None:
    page, feed = client.get("/feed", headers=HTML), client.get("/feed", headers=TURTLE)

    assert 'href="/registers/youth/versions/1">version 1</a>' in page.text
    assert {"/registers/youth/versions/1"} <= {
        t.object.value.removeprefix("http://localhost")
        for t in triples(feed)
        if isinstance(t.object, ox.NamedNode)
    }


def test_a_page_names_its_other_forms(client: FlaskClient) -> None:
    page = client.get("/ventures/youth-partnership", headers=HTML).text

    assert '<a href="/ventures/youth-partnership?format=ttl">Turtle</a>' in page
    assert 'rel="alternate" href="http://localhost/ventures/youth-partnership?format=json"' in page


def test_a_page_calls_properties_as_the_vocabulary_does(client: FlaskClient) -> None:
    page = client.get("/ventures/youth-partnership", headers=HTML).text

    assert "belongs to</a>" in page
    assert "belongsTo</a>" not in page


def test_the_page_of_a_venture_waits_for_no_assessment(
    app: flask.Flask, client: FlaskClient
) -> None:
    with app.extensions["keeper"].judgements._now.assessor._lock:
        page = client.get("/ventures/youth-partnership", headers=HTML)

    assert 200 == page.status_code
    assert "What would help" in page.text


def test_a_query_is_answered_as_a_table_with_names_for_iris(client: FlaskClient) -> None:
    query = f"SELECT ?venture {{ ?venture a <{HF}Venture> }}"

    page = client.get("/sparql", query_string={"query": query}, headers=HTML)
    broken = client.get("/sparql?query=SELEC", headers=HTML)

    assert "partnership</a>" in page.text
    assert (400, True) == (broken.status_code, 'role="alert"' in broken.text)


def test_every_link_of_every_page_leads_somewhere(client: FlaskClient) -> None:
    inside = {
        link.replace("&amp;", "&")
        for address in PAGES
        for link in re.findall(r'href="(/[^"#]*)"', client.get(address, headers=HTML).text)
        if not link.startswith("/static/")
    }

    def status(link: str) -> int:
        return client.get(link, headers=HTML, buffered=True).status_code  # some answers stream

    assert set() == {link for link in inside if status(link) >= 400}


def test_ventures_can_be_asked_for_by_standing_and_by_member(client: FlaskClient) -> None:
    weak = client.get("/ventures?basis=capacity&standing=weak").json
    member = client.get(f"/ventures?member={IDS}probation-service").json
    other = client.get(f"/ventures?member={IDS}youth-worker").json

    assert ["youth-partnership"] == [item["href"].rpartition("/")[2] for item in weak["items"]]
    assert (1, 0) == (member["total"], other["total"])


def test_a_parameter_that_is_not_known_is_refused_with_the_nearest(client: FlaskClient) -> None:
    answer = client.get("/ventures?standin=weak")

    assert 400 == answer.status_code
    assert "standing" in answer.json["detail"]


def test_a_change_can_be_tried_and_leaves_no_trace(client: FlaskClient) -> None:
    change = {
        "remove": f"<{IDS}youth-worker> hf:grade hf:specialist",
        "add": f"<{IDS}youth-worker> hf:grade hf:chief-officer",
    }

    outcome = client.post("/whatif", json=change).json

    assert "underpowered-post" in {finding["rule"] for finding in outcome["lost"]}
    assert client.get("/findings?rule=underpowered-post").json["total"]


def test_what_would_help_is_told_in_a_page_as_in_json(client: FlaskClient) -> None:
    address = "/remedies?venture=youth-partnership&basis=capacity"
    tried = client.get(address).json["remedies"]

    page = client.get(address, headers=HTML).text

    assert tried
    assert all(html.escape(remedy["change"]) in page for remedy in tried)
    moves = [move for remedy in tried for move in remedy["moves"]]
    assert moves
    assert all(f"from {move['before']} to {move['after']}" in page for move in moves)


def test_a_venture_is_told_from_the_index_until_its_register_is_assessed(
    app: flask.Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "/ventures/youth-partnership"
    put(client, SENIOR)
    put(client, YOUTH)  # what follows from an edit is in the index as well
    assessed = client.get(address).json

    monkeypatch.setattr(app.extensions["keeper"].judgements, "at", lambda as_of: None)
    told, page = client.get(address).json, client.get(address, headers=HTML).text
    traced = client.get(f"{address}?evidence=true")

    assert assessed == told
    assert [f for f in told["findings"] if f["rule"] == "underpowered-post"]
    assert all(
        html.escape(finding["message"], quote=False)[:20] in page for finding in told["findings"]
    )
    assert (503, True) == (traced.status_code, "Retry-After" in traced.headers)
    assert 404 == client.get("/ventures/atlantis").status_code


def test_what_the_index_tells_counts_for_the_time_for_which_it_was_found(
    app: flask.Flask, client: FlaskClient
) -> None:
    now = app.extensions["keeper"]
    then = Keeper(now._store, as_of="2020", workers=now._workers)

    assert (True, False) == (now.snapshot().judged, then.snapshot().judged)
    then.close()


def test_the_evidence_of_a_venture_is_told_when_it_is_asked_for(client: FlaskClient) -> None:
    plain = client.get("/ventures/youth-partnership").json["findings"]
    traced = client.get("/ventures/youth-partnership?evidence=true").json["findings"]

    assert any(finding["evidence"] for finding in traced)
    assert plain == [{k: v for k, v in f.items() if k != "evidence"} for f in traced]


def test_an_earlier_time_is_judged_on_its_own(client: FlaskClient) -> None:
    assert 200 == client.get("/ventures/youth-partnership?as-of=2020").status_code
    assert 404 == client.get("/ventures?as-of=B9").status_code
    for page in (
        "/ventures?as-of=2020",
        "/explain?venture=youth-partnership&as-of=2020",
        "/whatif?venture=youth-partnership&as-of=2020",
    ):
        assert "as of 2020" in client.get(page, headers=HTML).text, page


@pytest.mark.parametrize(
    "address",
    ["/", "/ventures", "/findings", "/ventures/youth-partnership",
     "/explain?venture=youth-partnership",
     "/compare?first=youth-partnership&second=youth-partnership"],
)  # fmt: skip
def test_a_page_of_an_earlier_time_leads_to_pages_of_that_time(
    client: FlaskClient, address: str
) -> None:
    judged = re.compile(r'href="(/(?:ventures|findings|explain|whatif|remedies|compare)[^"]*)"')

    then = client.get(f"{address}{'&' if '?' in address else '?'}as-of=2020", headers=HTML)
    links = {html.unescape(link) for link in judged.findall(then.text)}

    assert 200 == then.status_code
    assert [link for link in links if "as-of=2020" in link]
    assert {address} >= {link for link in links if "as-of" not in link}  # the way back to now
    assert "as-of" not in client.get(address, headers=HTML).text.replace('"as-of"', "")


def test_a_change_and_what_would_help_can_be_asked_for_of_an_earlier_time(
    client: FlaskClient,
) -> None:
    junior = f"<{IDS}youth-worker> hf:grade hf:specialist"

    outcome = client.post("/whatif?as-of=2020", data={"remove": junior})
    helping = client.get("/remedies?venture=youth-partnership&basis=capacity&as-of=2020")

    assert "underpowered-post" in {finding["rule"] for finding in outcome.json["lost"]}
    assert helping.json["remedies"]


def test_the_form_for_a_change_begins_empty_and_keeps_what_was_tried(client: FlaskClient) -> None:
    fields = re.compile(r"<textarea[^>]*>([^<]*)</textarea>")
    change = f"<{IDS}youth-worker> hf:grade hf:specialist"

    begun = client.get("/whatif?venture=youth-partnership", headers=HTML).text
    tried = client.post("/whatif", data={"remove": change}, headers=HTML).text

    assert ["", "", ""] == fields.findall(begun)
    assert f"{IDS}youth-partnership" in begun
    assert ["", change, ""] == [html.unescape(text) for text in fields.findall(tried)]
    assert 404 == client.get("/whatif?venture=atlantis", headers=HTML).status_code


def test_every_page_says_which_holdfast_made_it(client: FlaskClient) -> None:
    for address in PAGES:
        assert f"Holdfast {holdfast.__version__}" in client.get(address, headers=HTML).text, address


class _Deadly:
    """What ends the process that reads it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (1,)


def test_a_question_that_ends_the_assessor_is_told_as_such_and_the_next_is_answered(
    app: flask.Flask, client: FlaskClient
) -> None:
    judgements = app.extensions["keeper"].judgements

    with pytest.raises(Problem) as ended:
        judgements.ask(None, "venture", venture=_Deadly())
    with pytest.raises(Fault, match="AttributeError"):
        judgements.ask(None, "horoscope")

    assert "memory" == ended.value.kind
    assert 200 == client.get("/explain?venture=youth-partnership").status_code


def test_json_is_json_ld_by_its_context(client: FlaskClient) -> None:
    venture = client.get("/ventures/youth-partnership")
    assert "/context.jsonld" in venture.headers["Link"]

    text = json.dumps({**CONTEXT, **venture.json})
    found = {quad.triple for quad in ox.parse(text, format=ox.RdfFormat.JSON_LD)}

    told = triples(
        client.get("/id/youth-partnership", headers={**TURTLE, "Accept-Profile": ASSESSED})
    )
    rules = {t.object for t in told if t.predicate.value == HF + "rule"}
    assert rules
    assert rules == {t.object for t in found if t.predicate.value == HF + "rule"}


def test_openapi_tells_of_every_address_and_of_no_other(
    app: flask.Flask, client: FlaskClient
) -> None:
    told = {
        (method, path)
        for path, methods in client.get("/openapi.json").json["paths"].items()
        for method in methods
    }
    there = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }
    assert there == told


def test_every_address_is_documented(app: flask.Flask) -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = "".join(
        (docs / name).read_text(encoding="utf-8")
        for name in ("linked-data.md", "service.md")
        if (docs / name).exists()
    )
    paths = {
        rule.rule.split("<")[0].rstrip("/") or "/"
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "static" and not rule.rule.startswith("/<")
    }

    assert set() == {path for path in paths if path not in text}
