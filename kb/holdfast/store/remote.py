"""A store behind a SPARQL 1.1 endpoint, of any make: its graphs are its registers.

Servers cut answers short without a word (Virtuoso after 10,000 rows, as it comes). So each graph is
counted, asked for whole, and where less comes asked for in pages; what does not add up is refused.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError

import pyoxigraph as ox
from SPARQLWrapper import POST, URLENCODED, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from holdfast.errors import StoreError, UnknownNameError, printable
from holdfast.limits import Progress
from holdfast.store.lines import graph_of, quads_of
from holdfast.store.local import DEFAULT, Store

TIMEOUT = 60
"""So many seconds may pass before a server says something."""

_BATCH = 500
"""So many triples go to the server at once: Virtuoso refuses much longer updates."""

_ITS_OWN = re.compile(
    r"http://(?:www\.openlinksw\.com|localuriqaserver)/|http://localhost:\d+/(?:DAV/|sparql$)"
    r"|http://www\.w3\.org/(?:2002/07/owl|ns/ldp)#$|urn:(?:activitystreams-owl|core:services):"
)
"""Graphs that Virtuoso has of its own."""


def is_remote(place: str) -> bool:
    """Whether a store is named by a web address."""
    return re.match(r"https?://", place) is not None


def registers_as_files(place: str, folder: Path) -> list[Path]:
    """The current registers of a store, as files of N-Quads in a folder that is made for them.

    `place` is the folder of a store, or the address of a SPARQL endpoint.
    """
    folder.mkdir()
    if is_remote(place):
        return [RemoteStore(place).write_all(folder / "registers.nq")]
    with Store.open(place, write=False) as store:
        return store.files(folder)


@dataclass(frozen=True)
class RemoteStore:
    """A SPARQL endpoint; `update_url` is where updates go, by default the same address.

    With a `token`, or else HOLDFAST_TOKEN, updates carry it as `Authorization: Bearer`.
    """

    url: str
    update_url: str = ""
    token: str = ""
    timeout: int = TIMEOUT

    def registers(self) -> dict[str, int]:
        """The graphs with the number of their triples, by IRI; what no graph has is in DEFAULT."""
        found = {
            solution["g"].value: int(solution["n"].value)
            for solution in self._pages(
                "SELECT ?g ?n WHERE { { SELECT ?g (COUNT(*) AS ?n)"
                " WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g } } ORDER BY ?g"
            )
            if isinstance(solution["g"], ox.NamedNode) and not _ITS_OWN.match(solution["g"].value)
        }
        if rest := self._count(_pattern(DEFAULT)):
            found[DEFAULT] = rest
        return found

    def quads(self, register: str) -> Iterator[ox.Quad]:
        """The quads of one graph. Raises UnknownNameError where there is none."""
        lines = list(self._lines(register, self._count(_pattern(register))))
        if not lines:
            raise UnknownNameError(f"there is no graph <{register}> at {self.url}.")
        return quads_of(lines)

    def write_all(self, out: Path, progress: Progress | None = None) -> Path:
        """Every graph as N-Quads, in one file."""
        registers = self.registers()
        with out.open("wb") as stream:
            for place, (register, count) in enumerate(registers.items()):
                if progress:
                    progress("Fetching", place, len(registers))
                stream.writelines(self._lines(register, count))
        return out

    def put(self, lines: Iterable[bytes]) -> tuple[int, int]:
        """Make these lines of N-Quads the content of the graphs they name.

        Returns how many were sent and how many quads the server then has in these graphs: fewer,
        where it takes several literals for one. They go into graphs of passing names first, and
        take their place at once when all have arrived. Raises StoreError; then the graphs are as
        they were.
        """
        by_graph: dict[bytes, list[bytes]] = {}
        for line in lines:
            by_graph.setdefault(graph_of(line), []).append(line)
        mark = f"urn:x-holdfast:arriving:{secrets.token_hex(8)}:"
        arriving = {graph: f"<{mark}{place}>" for place, graph in enumerate(sorted(by_graph))}
        try:
            for graph, listed in by_graph.items():
                for batch in _batches(listed, graph):
                    # Virtuoso takes blank nodes in a template only
                    kind, where = (
                        ("INSERT", " WHERE { }") if b"_:" in batch else ("INSERT DATA", "")
                    )
                    triples = batch.decode()
                    self.update(f"{kind} {{ GRAPH {arriving[graph]} {{\n{triples}}} }}{where}")
            self.update(
                " ;\n".join(
                    f"MOVE {name} TO {graph.decode() or 'DEFAULT'}"
                    for graph, name in arriving.items()
                )
            )
        except StoreError:
            for name in arriving.values():
                try:
                    self.update(f"CLEAR SILENT GRAPH {name}")
                except StoreError:
                    break  # the server is gone; what failed first is what is told
            raise
        counts = self.registers()
        return (
            sum(len(listed) for listed in by_graph.values()),
            sum(counts.get(graph[1:-1].decode() or DEFAULT, 0) for graph in by_graph),
        )

    def drop(self, register: str) -> None:
        """Take a graph away. Raises UnknownNameError where there is none."""
        if not self._count(_pattern(register)):
            raise UnknownNameError(f"there is no graph <{register}> at {self.url}.")
        # DROP would do, but Virtuoso drops only what it was told to CREATE
        self.update("CLEAR DEFAULT" if register == DEFAULT else f"CLEAR GRAPH <{register}>")

    def update(self, text: str) -> None:
        """Make a SPARQL Update there."""
        wrapper = self._wrapper(text, "*/*")
        token = self.token or os.environ.get("HOLDFAST_TOKEN", "")
        if token:
            wrapper.addCustomHttpHeader("Authorization", f"Bearer {token}")
        with self._answer(wrapper, self.update_url or self.url) as answer:
            answer.read()

    # -- reading -----------------------------------------------------------------------------------

    def _lines(self, register: str, count: int) -> Iterator[bytes]:
        """The lines of a graph that has so many triples."""
        pattern = _pattern(register)
        graph = ox.DefaultGraph() if register == DEFAULT else ox.NamedNode(register)
        found = self._triples(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {pattern} }}", graph)
        if len(found) < count and found:
            page = len(found)
            if any(line.startswith(b"_:") or b" _:" in line for line in found):
                self._check_blanks(pattern)
            for offset in range(page, count, page):
                found |= self._triples(
                    f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {pattern} }} LIMIT {page} OFFSET {offset}",
                    graph,
                )
        if len(found) != count:
            raise StoreError(
                f"of the {count:,} triples of the graph <{register}> the server gave"
                f" {len(found):,}.",
                where=self.url,
                mend="Raise its limit on rows, or try again if it was being written.",
            )
        yield from sorted(found)

    def _check_blanks(self, pattern: str) -> None:
        """Raise StoreError where the server calls a blank node now this and now that."""
        query = f"SELECT ?s WHERE {{ {pattern} FILTER(isBlank(?s)) }} LIMIT 1"
        one, other = ([row["s"].value for row in self._solutions(query)] for _ in range(2))
        if one != other:
            raise StoreError(
                "the server cuts its answers short, and names blank nodes anew in each.",
                where=self.url,
                mend="Raise its limit on rows above the size of the largest graph.",
            )

    def _triples(self, query: str, graph: ox.NamedNode | ox.DefaultGraph) -> set[bytes]:
        wrapper = self._wrapper(query, "application/n-triples, text/plain;q=0.5")
        with self._answer(wrapper, self.url) as answer:
            try:
                triples = ox.parse(answer, format=ox.RdfFormat.N_TRIPLES)
                quads = (ox.Quad(t.subject, t.predicate, t.object, graph) for t in triples)
                written = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
            except (SyntaxError, ValueError) as error:
                raise self._unreadable(error) from None
        return set((written or b"").splitlines(keepends=True))

    def _count(self, pattern: str) -> int:
        (row,) = self._solutions(f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}")
        return int(row["n"].value)

    def _pages(self, query: str) -> Iterator[Any]:
        offset = 0
        while rows := self._solutions(f"{query} LIMIT 5000 OFFSET {offset}"):
            yield from rows
            offset += len(rows)

    def _solutions(self, query: str) -> list[Any]:
        wrapper = self._wrapper(query, "application/sparql-results+json")
        with self._answer(wrapper, self.url) as answer:
            try:
                found = ox.parse_query_results(answer, format=ox.QueryResultsFormat.JSON)
                return list(cast(ox.QuerySolutions, found))
            except (SyntaxError, ValueError) as error:
                raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(
            f"the server's answer cannot be read: {printable(str(error))}.",
            where=self.url,
            mend="Check that this is the address of a SPARQL endpoint.",
        )

    def _wrapper(self, text: str, accept: str) -> SPARQLWrapper:
        wrapper = SPARQLWrapper(self.url, updateEndpoint=self.update_url or self.url)
        wrapper.setMethod(POST)
        wrapper.setRequestMethod(URLENCODED)
        wrapper.setTimeout(self.timeout)
        wrapper.setOnlyConneg(True)
        wrapper.setQuery(text)
        wrapper.addCustomHttpHeader("Accept", accept)
        return wrapper

    def _answer(self, wrapper: SPARQLWrapper, url: str) -> IO[bytes]:
        try:
            return cast(IO[bytes], wrapper.query().response)
        except SPARQLWrapperException as error:
            said = printable(str(error).split("Response:", 1)[-1].strip(" \nb'\""))[:300]
            reason = f"the server refuses: {said}"
        except HTTPError as error:
            said = printable(error.read(300).decode("utf-8", "replace").strip())
            reason = f"the server answers {error.code} {error.reason}: {said}"
        except TimeoutError:
            reason = f"the server said nothing for {self.timeout} seconds"
        except (URLError, HTTPException, OSError) as error:
            cause = getattr(error, "reason", error)
            if isinstance(cause, TimeoutError):
                reason = f"the server said nothing for {self.timeout} seconds"
            else:
                reason = f"the server cannot be reached: {printable(str(cause))}"
        raise StoreError(
            f"{reason.rstrip('.')}.",
            where=url,
            mend="Check the address, that it is running, and that it allows this.",
        ) from None


def _pattern(register: str) -> str:
    """The triples of a graph; those of DEFAULT are in no graph at all."""
    if register == DEFAULT:
        return "?s ?p ?o FILTER NOT EXISTS { GRAPH ?g { ?s ?p ?o } }"
    return f"GRAPH <{ox.NamedNode(register).value}> {{ ?s ?p ?o }}"


def _batches(lines: Iterable[bytes], graph: bytes) -> Iterator[bytes]:
    """The triples of lines in batches; triples that share a blank node stay together."""
    end = b" %s .\n" % graph if graph else b" .\n"
    groups: dict[bytes, list[bytes]] = {}
    of_node: dict[ox.BlankNode, bytes] = {}
    for line in lines:
        triple = line.removesuffix(end) + b" .\n"
        if b"_:" not in line:
            groups.setdefault(b"", []).append(triple)
            continue
        (quad,) = quads_of([line])
        nodes = [term for term in (quad.subject, quad.object) if isinstance(term, ox.BlankNode)]
        known = sorted({of_node[node] for node in nodes if node in of_node})
        first = known[0] if known else line
        for node in nodes:
            of_node[node] = first
        for other in known[1:]:
            groups[first] += groups.pop(other)
            of_node.update({node: first for node, name in of_node.items() if name == other})
        groups.setdefault(first, []).append(triple)
    plain = groups.pop(b"", [])
    batch: list[bytes] = []
    for group in (*([triple] for triple in plain), [], *groups.values()):
        if batch and (not group or len(batch) + len(group) > _BATCH):
            yield b"".join(batch)
            batch = []
        batch += group
    if batch:
        yield b"".join(batch)
