"""Stores behind the SPARQL endpoints of others: real servers, where they are installed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pyoxigraph as ox
import pytest
from click.testing import CliRunner

from holdfast.cli import main
from holdfast.errors import StoreError, UnknownNameError
from holdfast.store import DEFAULT, RemoteStore

ROOT = Path(__file__).parents[2]
CASE = ROOT / "kb" / "graphs" / "easington.trig"
FUSEKI = ROOT / "build" / "servers" / "fuseki.jar"
HARBOUR = "https://example.org/register/harbour"

VIRTUOSO = """
[Database]
DatabaseFile = virtuoso.db
ErrorLogFile = virtuoso.log
LockFile = virtuoso.lck
TransactionFile = virtuoso.trx
xa_persistent_file = virtuoso.pxa
[TempDatabase]
DatabaseFile = temporary.db
TransactionFile = temporary.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
NumberOfBuffers = 2000
CheckpointInterval = 0
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = .
ServerThreads = 5
[SPARQL]
ResultSetMaxRows = 300
"""


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def running(words: list[object], folder: Path, url: str) -> Iterator[None]:
    """A server, from when it answers to the end."""
    with (folder / "out").open("wb") as out:
        server = subprocess.Popen([str(word) for word in words], cwd=folder, stdout=out, stderr=out)
        try:
            until = time.monotonic() + 120
            while True:
                assert server.poll() is None, (folder / "out").read_text(errors="replace")
                try:
                    with urlopen(f"{url}?query=ASK%7B%7D", timeout=10):
                        break
                except (URLError, OSError):
                    assert time.monotonic() < until, "the server does not answer"
                    time.sleep(0.1)
            yield
        finally:
            server.kill()
            server.wait()


@contextmanager
def fuseki(folder: Path) -> Iterator[str]:
    if not shutil.which("java") or not FUSEKI.exists():
        pytest.skip("no Fuseki: `make servers` fetches it where there are Java and Maven")
    url = f"http://127.0.0.1:{(port := free_port())}/kb"
    words = ["java", "-Xmx512m", "-jar", FUSEKI, "--mem", "--update", "--localhost"]
    with running([*words, "--port", port, "/kb"], folder, url):
        yield url


@contextmanager
def virtuoso(folder: Path) -> Iterator[str]:
    if not shutil.which("virtuoso-t") or not shutil.which("isql-vt"):
        pytest.skip("no Virtuoso: Debian's virtuoso-opensource has it")
    sql, http = free_port(), free_port()
    (folder / "virtuoso.ini").write_text(VIRTUOSO.format(sql=sql, http=http), encoding="utf-8")
    url = f"http://127.0.0.1:{http}/sparql"
    with running(["virtuoso-t", "-f", "-c", "virtuoso.ini"], folder, url):
        grant = 'GRANT SPARQL_UPDATE TO "SPARQL";'
        subprocess.run(
            ["isql-vt", str(sql), "dba", "dba", f"exec={grant}"], check=True, capture_output=True
        )
        yield url


@pytest.fixture(scope="module", params=[fuseki, virtuoso], ids=["Fuseki", "Virtuoso"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        with request.param(tmp_path_factory.mktemp("server")) as address:
            yield address


def line(subject: int, value: str, graph: str = HARBOUR) -> bytes:
    return f"<https://example.org/{subject}> <https://example.org/p> {value} <{graph}> .\n".encode()


def canonical(quads: Iterator[ox.Quad]) -> set[str]:
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


def run(*words: object) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert 0 == result.exit_code, result.output
    return result.output


def test_a_register_is_loaded_listed_asked_dumped_and_dropped(url: str, tmp_path: Path) -> None:
    said = run("load", "--kb", url, CASE)
    assert said.endswith("983 quads sent to " + url + ", which now holds 983 in these graphs.\n")
    assert "register/easington  " in run("registers", "--kb", url)
    query = "SELECT ?g ?s ?p ?o { GRAPH ?g { ?s ?p ?o } } ORDER BY ?g ?s ?p ?o"

    there = run("query", "--kb", url, query, "--format", "csv")

    assert run("query", CASE, query, "--format", "csv") == there
    run("dump", "--kb", url, "-o", tmp_path / "all.nq")
    assert 983 == len((tmp_path / "all.nq").read_bytes().splitlines())
    for register in RemoteStore(url).registers():
        run("drop", "--kb", url, register)
    assert "" == run("registers", "--kb", url)


def test_a_graph_longer_than_the_server_answers_at_once_comes_whole(url: str) -> None:
    remote = RemoteStore(url)
    lines = {line(number, f'"{number}"') for number in range(1000)}

    assert (1000, 1000) == remote.put(lines)
    assert 1000 == remote.registers()[HARBOUR]
    assert len(lines) == len(list(remote.quads(HARBOUR)))
    remote.put([line(1, '"alone"')])
    assert ["alone"] == [quad.object.value for quad in remote.quads(HARBOUR)]
    remote.drop(HARBOUR)


def test_blank_nodes_stay_who_they_are(url: str) -> None:
    remote = RemoteStore(url)
    lines = [
        *(line(number, f"_:n{number}") for number in range(100)),
        *(
            f"_:n{number} <https://example.org/q> _:n{number // 3 * 3} <{HARBOUR}> .\n".encode()
            for number in range(100)
        ),
    ]

    remote.put(lines)

    wanted = canonical(ox.parse(b"".join(lines), format=ox.RdfFormat.N_QUADS))
    assert wanted == canonical(remote.quads(HARBOUR))
    remote.drop(HARBOUR)


def test_what_a_server_refuses_is_told_and_leaves_things_as_they_were(url: str) -> None:
    remote = RemoteStore(url)
    remote.put([line(1, '"kept"')])

    with pytest.raises(StoreError, match="the server refuses"):
        remote.put([line(2, '"good"'), b"<a:s> <a:p> <not an iri> <%s> .\n" % HARBOUR.encode()])

    assert {HARBOUR: 1} == remote.registers()
    assert ["kept"] == [quad.object.value for quad in remote.quads(HARBOUR)]
    remote.drop(HARBOUR)
    with pytest.raises(UnknownNameError, match="there is no graph"):
        remote.drop(HARBOUR)


def test_triples_without_a_graph_are_fetched_where_the_server_has_such(url: str) -> None:
    remote = RemoteStore(url)
    if url.endswith("/sparql"):  # Virtuoso, which has no such place
        with pytest.raises(StoreError, match="the server refuses"):
            remote.update("INSERT DATA { <https://example.org/s> <https://example.org/p> 1 }")
        return
    remote.update("INSERT DATA { <https://example.org/s> <https://example.org/p> 1 }")

    assert {DEFAULT: 1} == remote.registers()
    assert [ox.DefaultGraph()] == [quad.graph_name for quad in remote.quads(DEFAULT)]
    remote.drop(DEFAULT)


class _Silent:
    """A server that takes a call and says nothing."""

    def __enter__(self) -> str:
        self.socket = socket.create_server(("127.0.0.1", 0))
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/sparql"

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def test_a_server_that_is_silent_or_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with _Silent() as url, pytest.raises(StoreError, match="said nothing for 1 seconds"):
        RemoteStore(url, timeout=1).registers()

    with pytest.raises(StoreError, match=r"the server cannot be reached: .*refused"):
        RemoteStore(url).registers()
