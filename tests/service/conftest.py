"""A service that runs: on a free port of this machine, over a folder of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

TOKEN = "open-sesame"
HOLDFAST = Path(sysconfig.get_path("scripts")) / "holdfast"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    def column(self, name: str = "x") -> list[str]:
        """The values of one variable of a result in JSON."""
        return [row[name]["value"] for row in self.json["results"]["bindings"] if name in row]


@dataclass(frozen=True)
class Live:
    """A service that runs."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    token: str = TOKEN
    log: Path = field(default=Path("/dev/null"))

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        *,
        token: str | None = None,
        timeout: float = 60,
        **headers: str,
    ) -> Reply:
        """One request, on a connection of its own. `content_type=` is the header Content-Type."""
        line = http.client.HTTPConnection(self.host, timeout=timeout)
        with contextlib.closing(line):
            named = {name.replace("_", "-").title(): value for name, value in headers.items()}
            if token is not None:
                named["Authorization"] = f"Bearer {token}"
            content = body.encode() if isinstance(body, str) else body
            line.request(method, path, content, named)
            answer = line.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())

    def query(self, text: str, accept: str = "", **parameters: str) -> Reply:
        """A query by GET."""
        address = "/sparql?" + urlencode({"query": text, **parameters})
        return self.ask("GET", address, **({"accept": accept} if accept else {}))

    def write(self, method: str, path: str, body: str | bytes | None = None, **more: str) -> Reply:
        """A write with the token."""
        return self.ask(method, path, body, token=self.token, **more)

    def put(self, graph: str, turtle: str) -> Reply:
        """Let a graph hold this."""
        path = "/graphs?graph=" + quote(graph, safe="")
        return self.write("PUT", path, turtle, content_type="text/turtle")

    def update(self, text: str, address: str = "/update") -> Reply:
        """An update, sent directly."""
        return self.write("POST", address, text, content_type="application/sparql-update")


@contextlib.contextmanager
def running(folder: Path, *arguments: str, token: str = TOKEN, **settings: str) -> Iterator[Live]:
    """A service with these settings, until the end of the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HOLDFAST_")}
    if cache := os.environ.get("HOLDFAST_CACHE"):
        environment["HOLDFAST_CACHE"] = cache
    environment |= {f"HOLDFAST_{name.upper()}": value for name, value in settings.items()}
    environment["HOLDFAST_TOKEN"] = token
    log = folder / "service.log"
    given = arguments or ("--kb", str(folder / "kb"))
    with log.open("w") as errors:
        process = subprocess.Popen(
            [HOLDFAST, "serve", *given, "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
        )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said.startswith("Holdfast is at"), log.read_text()
        live = Live(said.split()[3].rstrip("/"), folder, process, token, log)
        until = time.monotonic() + 90
        while live.ask("GET", "/ready").status != 200:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield live
    finally:
        process.terminate()
        process.wait(90)
        process.stdout.close()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The service that most tests ask; each test keeps to graphs of its own."""
    settings = {
        "workers": "2",
        "slow_workers": "2",
        "memory": "768",
        "timeout": "20",
        "timeout_most": "20",
        "stop_seconds": "2",
        "log": "json",
    }
    with running(tmp_path_factory.mktemp("service"), **settings) as service:
        yield service


@pytest.fixture(scope="session")
def start() -> Any:
    """How a test starts a service of its own: `with start(folder, …) as live`."""
    return running


@pytest.fixture(scope="session")
def endless(crowded: str) -> str:
    """A query that has no end that anybody would see."""
    return f"{ENDLESS}"


ENDLESS = "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }"
"""Over a few hundred triples this has no end that anybody would see."""


@pytest.fixture(scope="session")
def crowded(live: Live) -> str:
    """The IRI of a graph with enough triples for a query to run without end."""
    graph = "https://example.org/crowded"
    members = (
        f"<https://example.org/member/{n}> <https://example.org/in> {n} ." for n in range(400)
    )
    assert live.put(graph, "\n".join(members)).status == 201
    return graph
