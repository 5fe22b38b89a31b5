"""What comes at a service on the internet: each is met, and nobody else is disturbed."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

if TYPE_CHECKING:
    from conftest import Live

GRAPH = "/graphs?graph=" + quote("https://example.org/hostile", safe="")
LARGE = (
    "SELECT (COUNT(DISTINCT ?big) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i"
    ' BIND(CONCAT(STR(?a), STR(?d), STR(?g), "%s") AS ?big) }'
)


def answers(live: Live) -> bool:
    """Whether another user gets an answer."""
    return live.query("SELECT (2 AS ?x) {}", timeout="10").column() == ["2"]


def until(live: Live, ended: str, more_than: float) -> None:
    """Wait until the service counts one more query that ended in this way."""
    for _ in range(200):
        if counted(live, ended) > more_than:
            return
        time.sleep(0.05)
    raise AssertionError(live.ask("GET", "/metrics").text)


def counted(live: Live, ended: str) -> float:
    for line in live.ask("GET", "/metrics").text.splitlines():
        if line.startswith(f'holdfast_queries_total{{ended="{ended}"}}'):
            return float(line.split()[-1])
    return 0


def test_a_query_without_end_is_ended_at_its_deadline(live: Live, endless: str) -> None:
    reply = live.query(endless, timeout="0.3")

    assert (504, "application/problem+json") == (reply.status, reply.media)
    assert "0.3 s" in reply.json["detail"]
    assert answers(live)


def test_queries_without_end_take_nobodys_place(live: Live, endless: str) -> None:
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(live.query(endless, timeout="4").status)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    served = [answers(live) for _ in range(5)]
    for thread in threads:
        thread.join()

    assert [True] * 5 == served
    assert set(statuses) <= {503, 504}


def test_a_query_that_eats_memory_is_ended(live: Live, crowded: str) -> None:
    reply = live.query(LARGE % ("long " * 8000))

    assert 507 == reply.status
    assert "768 MiB" in reply.json["detail"]
    assert answers(live)


NOTED = "https://example.org/noted"
NOTE = f"INSERT DATA {{ GRAPH <{NOTED}> {{ <{NOTED}> <https://example.org/says> %s }} }}"
MANY = " ".join(str(number) for number in range(400))


def noted(live: Live) -> list[str]:
    return live.query(f"SELECT ?x {{ GRAPH <{NOTED}> {{ ?s ?p ?x }} }} ORDER BY ?x").column()


@pytest.mark.parametrize(
    "where",
    [
        "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o FILTER(?c + ?f + ?i + ?l + ?o < 0)",
        " ".join(f"VALUES ?{name} {{ {MANY} }}" for name in "abcde")
        + " FILTER(?a + ?b + ?c + ?d + ?e < 0)",
    ],
    ids=["over what is there", "over what it brings itself"],
)
def test_an_update_without_end_is_ended_and_leaves_nothing_changed(
    live: Live, crowded: str, where: str
) -> None:
    live.update(NOTE % "1")
    endless = f"{NOTE % 2} ; DELETE {{ ?a ?b ?c }} WHERE {{ {where} }}"
    replies = []
    updating = threading.Thread(
        target=lambda: replies.append(live.update(endless, "/update?timeout=2"))
    )
    updating.start()
    meanwhile = [(answers(live), noted(live)) for _ in range(4)]
    still = updating.is_alive()
    updating.join()

    assert (504, "application/problem+json") == (replies[0].status, replies[0].media)
    assert "2 s" in replies[0].json["detail"]
    assert ([(True, ["1"])] * 4, True) == (meanwhile, still)
    assert ["1"] == noted(live)
    assert 204 == live.update(NOTE % "3").status
    assert ["1", "3"] == noted(live)
    assert [] == list((live.folder / "kb" / "index").glob(".*"))
    live.update(f"DROP GRAPH <{NOTED}>")


def test_who_waits_too_long_for_a_long_update_is_told_when_to_come_again(
    start: object, tmp_path: object
) -> None:
    with start(tmp_path, write_seconds="0.05", stop_seconds="0") as live:  # type: ignore[operator]
        live.update(f"INSERT DATA {{ {' '.join(f'<a:> <b:> {n} .' for n in range(300))} }}")
        held = "DELETE { ?a ?b ?c } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"
        updating = threading.Thread(target=live.update, args=(held, "/update?timeout=3"))
        updating.start()
        refused = []
        while updating.is_alive() and not refused:
            reply = live.put(NOTED, "<a:> <b:> 1 .")
            refused += [reply] if reply.status not in (201, 204) else []
        updating.join()

        assert (503, "application/problem+json") == (refused[0].status, refused[0].media)
        assert "another write (update) has gone on" in refused[0].json["detail"].lower()
        assert int(refused[0].headers["retry-after"]) > 0
        assert live.put(NOTED, "<a:> <b:> 2 .").status in (201, 204)


@pytest.mark.parametrize("operation", ["INSERT DATA { %s }", "INSERT { %s } WHERE {}"])
def test_an_update_that_would_change_too_much_is_refused(
    start: object, tmp_path: object, operation: str
) -> None:
    facts = " ".join(f"<a:> <b:> {n} ." for n in range(300))
    with start(tmp_path, update_quads="350") as live:  # type: ignore[operator]
        refused = live.update(operation % facts)
        there = live.query("SELECT ?x { ?s ?p ?x }").column()
        taken = live.update(operation % facts[: len(facts) // 2].rpartition(".")[0])

    assert (413, "application/problem+json") == (refused.status, refused.media)
    assert "300 quads in 1 register" in refused.json["detail"]
    assert ([], 204) == (there, taken.status)


def test_an_update_that_eats_memory_is_ended_and_leaves_nothing_changed(
    live: Live, crowded: str
) -> None:
    where = LARGE[LARGE.index("{") :] % ("long " * 8000)
    reply = live.update(
        f"{NOTE % 1} ; INSERT {{ GRAPH <{NOTED}> {{ ?a <https://example.org/says> ?big }} }}"
        f" WHERE {where}"
    )

    assert (507, []) == (reply.status, noted(live))
    assert 204 == live.update(f"{NOTE % 2} ; DROP GRAPH <{NOTED}>").status


def test_the_update_of_a_client_that_leaves_is_ended(live: Live, endless: str) -> None:
    before = counted(live, "left")
    text = f"{NOTE % 1} ; INSERT {{ GRAPH <{NOTED}> {{ <{NOTED}> <https://example.org/x> ?x }} }}"
    body = f"{text} WHERE {{ {{ {endless} }} }}".encode()
    head = [
        f"POST /update HTTP/1.1\r\nHost: {live.host}",
        f"Authorization: Bearer {live.token}",
        "Content-Type: application/sparql-update",
        f"Content-Length: {len(body)}\r\n\r\n",
    ]
    host, port = live.host.split(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall("\r\n".join(head).encode() + body)
        time.sleep(0.2)

    until(live, "left", before)
    assert [] == noted(live)


def test_the_query_of_a_client_that_leaves_is_ended(live: Live, endless: str) -> None:
    before = counted(live, "left")
    host, port = live.host.split(":")
    line = socket.create_connection((host, int(port)))
    address = "/sparql?" + urlencode({"query": endless})
    line.sendall(f"GET {address} HTTP/1.1\r\nHost: {live.host}\r\n\r\n".encode())
    time.sleep(0.2)
    line.close()

    until(live, "left", before)


def test_a_client_that_leaves_in_the_middle_of_an_answer_frees_its_worker(
    live: Live, crowded: str
) -> None:
    before = counted(live, "left")
    line = http.client.HTTPConnection(live.host, timeout=30)
    pairs = f"SELECT * {{ GRAPH <{crowded}> {{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }} }}"
    line.request("GET", "/sparql?" + urlencode({"query": pairs}))
    assert line.getresponse().read(1000)
    line.close()

    until(live, "left", before)


def test_an_answer_that_is_broken_off_is_seen_to_be(live: Live, crowded: str) -> None:
    pairs = f"SELECT * {{ GRAPH <{crowded}> {{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }} }}"

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        live.query(pairs, timeout="0.5")


def test_a_body_of_two_gigabytes_is_refused_before_it_is_sent(live: Live) -> None:
    for path, token in (("/sparql", ""), (GRAPH, ""), (GRAPH, live.token)):
        line = http.client.HTTPConnection(live.host, timeout=10)
        method = "POST" if path == "/sparql" else "PUT"
        line.putrequest(method, path)
        line.putheader("Content-Type", "text/turtle")
        line.putheader("Content-Length", str(2 << 30))
        line.putheader("Authorization", f"Bearer {token}")
        line.endheaders(b"<#1> a <#Register> .")
        answer = line.getresponse()
        assert (413, "application/problem+json") == (answer.status, answer.headers["Content-Type"])
        line.close()


def test_a_query_in_endless_pieces_is_refused_once_it_is_too_long(live: Live) -> None:
    def pieces() -> object:
        for _ in range(3000):
            yield b"#" * 1024

    line = http.client.HTTPConnection(live.host, timeout=10)
    # it may hang up on us: the answer is there all the same
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.request(
            "POST", "/sparql", pieces(), {"Content-Type": "application/sparql-query"},
            encode_chunked=True,
        )  # fmt: skip
    assert 413 == line.getresponse().status


def test_what_unpacks_to_gigabytes_is_refused(start: object, tmp_path: object) -> None:
    bomb = gzip.compress(b" " * (64 << 20), compresslevel=9)
    with start(tmp_path, upload_size="2048", workers="1", slow_workers="1") as live:  # type: ignore[operator]
        reply = live.write("PUT", GRAPH, bomb, content_type="text/turtle", content_encoding="gzip")
        assert 413 == reply.status


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE rdf [ <!ENTITY a "ha"> <!ENTITY b "&a;&a;&a;&a;&a;&a;">'
    ' <!ENTITY c "&b;&b;&b;&b;&b;&b;"> ]>'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="https://e.org/">'
    "<e:Register><e:name>&c;</e:name></e:Register></rdf:RDF>"
)
INSIDE = LAUGHS.replace('"ha"', 'SYSTEM "file:///etc/passwd"').replace("&c;", "&a;")
DEEP = '{"@id": "https://e.org/1", "https://e.org/in": ' * 20_000 + "1" + "}" * 20_000


@pytest.mark.parametrize(
    ("body", "media"),
    [(LAUGHS, "application/rdf+xml"), (INSIDE, "application/rdf+xml"),
     (DEEP, "application/ld+json")],
    ids=["entities that swell", "an entity of a file here", "a nest without end"],
)  # fmt: skip
def test_data_made_to_harm_the_reader_are_refused(live: Live, body: str, media: str) -> None:
    reply = live.write("PUT", GRAPH, body, content_type=media)

    # a reader that is broken by it may run out of its stack or of its memory first
    assert reply.status in (400, 507)
    assert 404 == live.ask("GET", GRAPH).status
    assert answers(live)


@pytest.fixture
def listener() -> object:
    """A server on this machine, and whether anybody came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


def unvisited(listener: socket.socket) -> bool:
    try:
        listener.accept()
    except TimeoutError:
        return True
    return False


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <%s> { ?s ?p ?o } }",
        "SELECT * { service SILENT <%s> { ?s ?p ?o } }",
        "SELECT * { SERVICESILENT<%s>{ ?s ?p ?o } }",
        "SELECT * { ?s ?p 1SERVICE<%s>{ ?s ?p ?o } }",
        "SELECT * { ?s ?p trueSERVICE<%s>{ ?s ?p ?o } }",
        "PREFIX : <%s> SELECT * { SERVICE:{ ?s ?p ?o } }",
        "SELECT * { FILTER(?a<'>' && ?b) SERVICE<%s>{ ?s ?p ?o } FILTER('x'=?z) }",
        "SELECT * { { SELECT * { VALUES ?g { <%s> } SERVICE ?g { ?s ?p ?o } } } }",
        "SELECT * { FILTER EXISTS { SERVICE <%s> { ?s ?p ?o } } }",
    ],
)
def test_a_query_never_reaches_out(live: Live, listener: socket.socket, query: str) -> None:
    reply = live.query(query % f"http://127.0.0.1:{listener.getsockname()[1]}/")

    assert 400 == reply.status
    assert unvisited(listener)


@pytest.mark.parametrize(
    "update",
    [
        "LOAD <%s>",
        "LOAD SILENT <%s> INTO GRAPH <https://e.org/g>",
        "PREFIX : <%s> LOAD:",
        "CLEAR DEFAULT;LOADSILENT<%s>",
        "INSERT { ?s ?p ?o } WHERE { SERVICE <%s> { ?s ?p ?o } }",
    ],
)
def test_an_update_never_reaches_out(live: Live, listener: socket.socket, update: str) -> None:
    reply = live.update(update % f"http://127.0.0.1:{listener.getsockname()[1]}/")

    assert 400 == reply.status
    assert unvisited(listener)


def test_from_and_contexts_fetch_nothing(live: Live, listener: socket.socket) -> None:
    away = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    context = f'{{"@context": "{away}", "name": "Harbour"}}'

    assert [] == live.query(f"SELECT ?x FROM <{away}> {{ ?s ?p ?x }}").column()
    reply = live.write("PUT", GRAPH, context, content_type="application/ld+json")

    assert 400 == reply.status
    assert "nothing is fetched" in reply.json["detail"]
    assert unvisited(listener)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { FILTER(" + "(" * 50_000 + "1" + ")" * 50_000 + ") }",
        "SELECT * " + "{" * 50_000 + "}" * 50_000,
        "SELECT * { FILTER(" + "!" * 200_000 + "1) }",
        "SELECT * { FILTER(" + "||".join(["?a"] * 50_000) + ") }",
    ],
    ids=["parentheses", "braces", "denials", "alternatives"],
)
def test_a_query_too_deep_to_be_read_is_refused(live: Live, query: str) -> None:
    body = urlencode({"query": query})
    reply = live.ask("POST", "/sparql", body, content_type="application/x-www-form-urlencoded")

    assert reply.status in (400, 504)
    assert answers(live)


def test_requests_that_are_never_ended_keep_nobody_out(start: object, tmp_path: object) -> None:
    with start(tmp_path, connections="32", stop_seconds="0") as live:  # type: ignore[operator]
        host, port = live.host.split(":")
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                line = stack.enter_context(socket.create_connection((host, int(port)), 10))
                with contextlib.suppress(ConnectionError):
                    line.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")

            assert answers(live)


def test_what_is_no_http_is_refused(live: Live) -> None:
    host, port = live.host.split(":")
    for sent in (b"GET /health HTTP/1.1\r\nX-Id: not\x00 a header\r\n\r\n", b"HELO\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(sent)
            assert b" 400 " in line.recv(100).splitlines()[0]


@pytest.mark.parametrize(
    ("version", "lengths"),
    [
        ("1.1", "Content-Length: 4\r\nTransfer-Encoding: chunked"),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 4"),
        ("1.0", "Transfer-Encoding: chunked"),
        ("1.1", "Content-Length: 4\r\nContent-Length: 60"),
        ("1.1", "Content-Length: +4"),
        ("1.1", "Transfer-Encoding: xchunked"),
        ("1.1", "Transfer-Encoding : chunked"),
    ],
)
def test_a_request_whose_end_could_be_read_in_two_ways_is_the_last_on_its_line(
    live: Live, version: str, lengths: str
) -> None:
    host, port = live.host.split(":")
    hidden = f"GET /health HTTP/1.1\r\nHost: {live.host}\r\n\r\n"
    head = f"POST /sparql HTTP/{version}\r\nHost: {live.host}\r\nConnection: keep-alive"
    media = "Content-Type: application/sparql-query"
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"{head}\r\n{media}\r\n{lengths}\r\n\r\n5\r\nASK{{}}\r\n0\r\n\r\n{hidden}".encode()
        )
        came = b""
        while piece := line.recv(1 << 16):
            came += piece

    assert came.split()[1] in (b"400", b"501")
    assert 1 == came.count(b"HTTP/1.")
    assert b'"status":"ok"' not in came


@pytest.mark.parametrize(
    "path",
    ["/questions", "/questions/which-links-are-thin", "/sparql", "/nowhere", "/ventures", "/id/x"],
)
def test_no_store_between_gives_one_form_for_another(live: Live, path: str) -> None:
    for accept in ("text/html", "application/json", "image/png"):
        assert "Accept" in live.ask("GET", path, accept=accept).headers["vary"]


@pytest.mark.parametrize(
    "given",
    [
        *(
            f"timeout={odd}"
            for odd in ("-1", "nan", "inf", "1e400", "0", "", "1_0", "%D9%A5", "0x1")
        ),
        *(f"rows={odd}" for odd in ("-1", "nan", "0", "1.5", "1e3", "1_0", "%D9%A5", "9" * 30)),
        "timeout=1&timeout=2",
    ],
)
def test_a_limit_that_is_no_number_is_refused(live: Live, given: str) -> None:
    assert 400 == live.ask("GET", f"/sparql?query=ASK%7B%7D&{given}").status


@pytest.mark.parametrize("page", ["0", "-1", "nan", "1.5", "1_0", "%D9%A5", "%201", "", "9" * 30])
def test_a_page_that_is_no_number_is_refused(live: Live, page: str) -> None:
    assert 400 == live.ask("GET", f"/ventures?page={page}").status


def test_an_update_in_rdf_1_2_is_refused(live: Live) -> None:
    for data in ("<a:> <b:> <<( <a:> <b:> 1 )>>", "<a:> <b:> 1 ~ <c:>", "<a:> <b:> 'c'@en--ltr"):
        reply = live.update(f"INSERT DATA {{ {data} }}")

        assert 400 == reply.status
        assert "Holdfast reads RDF 1.1" in reply.json["detail"]


def test_a_path_outside_leads_nowhere(live: Live) -> None:
    for path in ("/questions/..%2F..%2Fetc%2Fpasswd", "/static/../../../etc/passwd"):
        reply = live.ask("GET", path)
        assert 404 == reply.status
        assert b"root:" not in reply.body


def test_text_in_a_problem_is_never_markup(live: Live) -> None:
    reply = live.ask("GET", "/nowhere/<script>alert(1)</script>", accept="text/html")

    assert b"<script>" not in reply.body or reply.media == "application/problem+json"
    assert "nosniff" == reply.headers["x-content-type-options"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_a_queue_that_is_full_says_when_to_come_again(start: object, tmp_path: object) -> None:
    settings = {"workers": "1", "slow_workers": "1", "queue": "1", "patience": "30",
                "queue_seconds": "0.5", "timeout": "3", "stop_seconds": "0"}  # fmt: skip
    with start(tmp_path, **settings) as live:  # type: ignore[operator]
        facts = " ".join(f"<https://e.org/{n}> <https://e.org/in> {n} ." for n in range(300))
        live.update(f"INSERT DATA {{ {facts} }}")
        replies = []
        pairs = "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"

        def ask() -> None:
            replies.append(live.query(pairs))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    busy = [reply for reply in replies if reply.status == 503]
    assert len(busy) >= 2
    assert all(int(reply.headers["retry-after"]) > 0 for reply in busy)
    assert 504 in {reply.status for reply in replies}


def test_a_connection_stays_open_after_an_answer_of_unknown_length(
    live: Live, crowded: str
) -> None:
    pairs = f"SELECT * {{ GRAPH <{crowded}> {{ ?a ?b ?c . ?d ?e ?f }} }} LIMIT 2000"
    line = http.client.HTTPConnection(live.host, timeout=30)
    with contextlib.closing(line):
        found = []
        for _ in range(2):
            line.request("GET", "/sparql?" + urlencode({"query": pairs}))
            answer = line.getresponse()
            found.append((answer.headers["Transfer-Encoding"], len(answer.read()) > 1 << 16))
            assert line.sock is not None
        line.request("OPTIONS", "/sparql")
        assert (204, b"") == ((last := line.getresponse()).status, last.read())
        assert line.sock is not None

    assert [("chunked", True)] * 2 == found


def test_an_old_client_is_told_once_whether_its_connection_ends(live: Live) -> None:
    def told(lines: str) -> list[str]:
        host, _, port = live.host.partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(f"{lines}\r\nConnection: keep-alive\r\n\r\n".encode())
            head = line.recv(1 << 16).partition(b"\r\n\r\n")[0].decode().lower().split("\r\n")
        return [one for one in head if one.startswith("connection:")]

    assert ["connection: keep-alive"] == told("GET /health HTTP/1.0")
    assert ["connection: close"] == told("POST /sparql HTTP/1.0\r\nContent-Length: 99999999")
