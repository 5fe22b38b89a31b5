"""Twenty questions of strategists over HTTP, against pyoxigraph in this very process.

    .venv/bin/python tests/benchmarks/serving.py KB [--clients N] [--seconds S] [--url URL]

KB is a folder that `holdfast load` filled. The service is started here unless --url names an
endpoint that runs, as another's server over the same triples. Answers are compared first; then
each question is asked in turn, both ways, and the median and the 95th percentile of the difference
are told; then N clients ask for S seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pyoxigraph as ox

from holdfast.store import Store

HEAD = """PREFIX hf: <https://w3id.org/holdfast/ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
"""

QUESTIONS = {
    "ventures and their names": "SELECT ?v ?l { ?v a hf:Venture ; rdfs:label ?l } LIMIT 50",
    "how many ventures": "SELECT (COUNT(?v) AS ?n) { ?v a hf:Venture }",
    "all about one venture": "DESCRIBE <https://w3id.org/holdfast/id/venture/2001-7>",
    "who takes part in one": (
        "SELECT ?o ?l ?r { ?m a hf:Membership ;"
        " hf:belongsTo <https://w3id.org/holdfast/id/venture/2001-7> ; hf:member ?o ; hf:role ?r ."
        " ?o rdfs:label ?l }"
    ),
    "is there a convenor": (
        "ASK { ?m hf:belongsTo <https://w3id.org/holdfast/id/venture/2001-7> ;"
        " hf:role hf:convenor }"
    ),
    "what one organisation is in": (
        "SELECT DISTINCT ?v { ?m a hf:Membership ;"
        " hf:member <https://w3id.org/holdfast/id/organisation/2001-11> ; hf:belongsTo ?v }"
    ),
    "organisations by sector": (
        "SELECT ?s (COUNT(?o) AS ?n) { ?o a hf:Organisation ; hf:sector ?s } GROUP BY ?s"
        " ORDER BY DESC(?n)"
    ),
    "forms of organisation": (
        "SELECT ?f (COUNT(?v) AS ?n) { ?v hf:organisationalForm ?f } GROUP BY ?f ORDER BY ?f"
    ),
    "short terms": "SELECT ?v ?y { ?v hf:termYears ?y FILTER(?y <= 1) } ORDER BY ?v LIMIT 20",
    "posts of middle managers": (
        "SELECT ?p ?l { ?p a hf:Post ; hf:grade hf:middle-manager OPTIONAL { ?p rdfs:label ?l } }"
        " LIMIT 50"
    ),
    "who funds one venture": (
        "SELECT ?f ?by { ?f a hf:Funding ;"
        " hf:belongsTo <https://w3id.org/holdfast/id/venture/2001-7> ; hf:fundedBy ?by }"
    ),
    "views on one venture": (
        "SELECT ?view ?p ?o { ?view a hf:View ;"
        " hf:belongsTo <https://w3id.org/holdfast/id/venture/2001-7> ; ?p ?o }"
    ),
    "who sits with whom": (
        "SELECT DISTINCT ?other {"
        " ?a hf:member <https://w3id.org/holdfast/id/organisation/2001-11> ; hf:belongsTo ?v ."
        " ?b hf:belongsTo ?v ; hf:member ?other } LIMIT 50"
    ),
    "areas within areas": "SELECT ?a ?b { ?a hf:within ?b } LIMIT 50",
    "area and all around it": (
        "SELECT ?b { <https://w3id.org/holdfast/id/area/2001-1> hf:within* ?b }"
    ),
    "a boundary's ventures": "SELECT ?v ?b { ?v hf:boundary ?b } LIMIT 50",
    "ventures without a strategy": (
        "SELECT ?v { ?v a hf:Venture FILTER NOT EXISTS { ?v hf:strategy ?s } } LIMIT 20"
    ),
    "meetings and who came": (
        "SELECT ?m ?d ?who { ?m a hf:Meeting ; hf:date ?d ; hf:attendedBy ?who } LIMIT 50"
    ),
    "what one venture says, as triples": (
        "CONSTRUCT { ?r ?p ?o } {"
        " ?r hf:belongsTo <https://w3id.org/holdfast/id/venture/2001-9> ; ?p ?o }"
    ),
    "names with a word": (
        'SELECT ?v ?l { ?v a hf:Venture ; rdfs:label ?l FILTER(CONTAINS(LCASE(?l), "health")) }'
        " LIMIT 20"
    ),
}


def bare(store: ox.Store, text: str) -> bytes:
    """pyoxigraph's own answer, in the form that the service gives."""
    found = store.query(text, use_default_graph_as_union=True)
    if isinstance(found, ox.QueryTriples):
        return found.serialize(format=ox.RdfFormat.N_TRIPLES) or b""
    return found.serialize(format=ox.QueryResultsFormat.JSON) or b""


class Client:
    """One client, which keeps its connection."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.path = place.path
        self.line = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=120)

    def ask(self, text: str) -> tuple[int, bytes]:
        """The status and the body of the answer to a question."""
        self.line.request(
            "POST",
            self.path,
            urlencode({"query": text}),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/sparql-results+json, application/n-triples",
            },
        )
        answer = self.line.getresponse()
        return answer.status, answer.read()


def same(one: bytes, other: bytes) -> bool:
    """Whether two answers hold the same rows, in any order of variables and rows."""
    if one[:1] != b"{":
        return sorted(one.splitlines()) == sorted(other.splitlines())
    left, right = json.loads(one), json.loads(other)
    if "boolean" in left:
        return bool(left["boolean"] == right["boolean"])
    rows = [sorted(json.dumps(r, sort_keys=True) for r in x["results"]["bindings"])
            for x in (left, right)]  # fmt: skip
    return rows[0] == rows[1]


def one_by_one(store: ox.Store, url: str, rounds: int) -> None:
    """Ask each question in turn, both ways, and tell the difference."""
    client = Client(url)
    texts = {name: HEAD + text for name, text in QUESTIONS.items()}
    for name, text in texts.items():
        status, body = client.ask(text)
        assert status == 200, (name, status, body)
        # which rows a LIMIT gives is for each engine to choose
        assert "LIMIT" in text or same(body, bare(store, text)), name
    served: list[float] = []
    alone: list[float] = []
    more: list[float] = []
    for _ in range(rounds):
        for text in texts.values():
            began = time.perf_counter()
            bare(store, text)
            middle = time.perf_counter()
            client.ask(text)
            ended = time.perf_counter()
            alone.append(middle - began)
            served.append(ended - middle)
            more.append(served[-1] - alone[-1])
    for name, values in (("bare", alone), ("served", served), ("difference", more)):
        cut = statistics.quantiles(values, n=20)
        print(f"{name:12} p50 {1e3 * cut[9]:7.2f} ms   p95 {1e3 * cut[18]:7.2f} ms")


def at_once(url: str, clients: int, seconds: float) -> list[float]:
    """The seconds that answers took while so many clients asked at once."""
    times: list[float] = []
    until = time.monotonic() + seconds
    failed: list[int] = []

    def ask(seed: int) -> None:
        client, chance = Client(url), random.Random(seed)
        texts = [HEAD + text for text in QUESTIONS.values()]
        while time.monotonic() < until:
            began = time.perf_counter()
            try:
                status, _ = client.ask(chance.choice(texts))
            except (OSError, http.client.HTTPException):
                status, client = 0, Client(url)
            if status == 200:
                times.append(time.perf_counter() - began)
            else:
                failed.append(status)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cut = statistics.quantiles(times, n=20)
    print(
        f"{clients} clients: {len(times) / seconds:.0f} answers a second,"
        f" p50 {1e3 * cut[9]:.1f} ms, p95 {1e3 * cut[18]:.1f} ms,"
        f" {len(failed)} not answered {sorted(set(failed))}"
    )
    return times


def bare_throughput(store: ox.Store, threads: int, seconds: float) -> None:
    """What pyoxigraph alone answers in this process."""
    counts = [0] * threads
    until = time.monotonic() + seconds

    def ask(number: int) -> None:
        chance = random.Random(number)
        texts = [HEAD + text for text in QUESTIONS.values()]
        while time.monotonic() < until:
            bare(store, chance.choice(texts))
            counts[number] += 1

    running = [threading.Thread(target=ask, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    print(f"bare, {threads} threads: {sum(counts) / seconds:.0f} answers a second")


def used(pid: int) -> float:
    """Seconds of processor time that a process and those it started have used (Linux)."""
    ticks = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pid in (int(place.parent.name), int(told[1])):
            ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rest(pid: int) -> None:
    """Wait until the service has found and indexed what follows, and has nothing to do."""
    before = -1.0
    while used(pid) - before > 0.3:
        before = used(pid)
        time.sleep(3)


@contextlib.contextmanager
def serving(kb: Path) -> Iterator[str]:
    """The address of a service over a folder, once it has assessed its registers and rests."""
    process = subprocess.Popen(
        [Path(sysconfig.get_path("scripts")) / "holdfast", "serve", "--kb", kb, "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "HOLDFAST_LOG": "off"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3].rstrip("/")
        place = urlsplit(url)
        line = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=600)
        while True:  # until the registers are assessed, which would take from what is measured
            line.request("GET", "/ventures?limit=1", headers={"Accept": "application/json"})
            answer = line.getresponse()
            answer.read()
            if answer.status != 503:
                break
            time.sleep(1)
        rest(process.pid)
        yield url
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kb", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--url")
    chosen = parser.parse_args()
    given = chosen.url
    with contextlib.nullcontext(given) if given else serving(chosen.kb) as address:
        url = given or f"{address}/sparql"
        with Store.open(chosen.kb, write=False) as kept, kept.reader() as reader:
            one_by_one(reader.store, url, chosen.rounds)
            bare_throughput(reader.store, 2, chosen.seconds / 2)
            at_once(url, chosen.clients, chosen.seconds)


if __name__ == "__main__":
    main()
