"""A worker: a process that reads one snapshot, answers one job after the other, and may be killed.

Started by `holdfast_service.workers` as `python -m holdfast_service.worker FD`; it imports little,
so that it is soon there.
"""

from __future__ import annotations

import fcntl
import gc
import gzip
import importlib
import itertools
import os
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import IO, Any, cast

import pyoxigraph as ox

from holdfast.errors import HoldfastError, StoreError, TooLargeError
from holdfast.policy import PolicyError, Reading, read_request
from holdfast.sources import quads_in
from holdfast.vocabulary import DCTERMS, HF, RDF, RDFS, SKOS, XSD
from holdfast_service import confine, frames, tables
from holdfast_service.formats import CSV, Form, Kind, chosen_form, forms_of
from holdfast_service.joins import set_at_a_time
from holdfast_service.problem import Problem
from holdfast_service.rewriting import (
    Piece,
    in_order,
    plain_concatenations,
    reworded,
    star_of,
    with_columns,
)

CHUNK = 1 << 16
"""Bytes of a body sent at once; a body that fits is sent with its length."""

IN_MEMORY = 8 << 20
"""Bytes of a body of limited rows that are held in memory; the rest waits on disk."""

_PLACE = re.compile(r"error at (\d+):(\d+): *(.*)", re.DOTALL)


PREFIXES = {"hf": HF, "rdf": RDF, "rdfs": RDFS, "skos": SKOS, "dcterms": DCTERMS, "xsd": XSD}
"""The prefixes that graphs are written with, where their form has prefixes."""

_PREFIXED = (ox.RdfFormat.TURTLE, ox.RdfFormat.TRIG, ox.RdfFormat.N3, ox.RdfFormat.RDF_XML)


class Enough(Exception):
    """All that was asked for has been sent, or nobody waits for it any more."""


class Answer:
    """The answer to one job on its way out: its head goes first, with the length if it is short.

    A short answer is sent at once, so that the service is woken once.
    """

    def __init__(self, line: socket.socket, *, head_only: bool) -> None:
        self.line = line
        self.head_only = head_only
        self.head: dict[str, Any] = {}
        self.begun = False
        self.unwanted = False
        self._held = bytearray()
        self._frames = bytearray()

    def write(self, piece: bytes) -> int:
        """Take bytes of the body; they are sent once there are enough of them."""
        if self.unwanted:
            raise Enough
        self._held += piece
        if len(self._held) >= CHUNK:
            self._begin()
            self._pack()
        return len(piece)

    def flush(self) -> None:
        """Nothing: a writer of files may call it."""

    def finish(self) -> None:
        """The body is whole; it goes out with the end of the answer."""
        if not self.begun:
            self.head.setdefault("length", len(self._held))
            self._begin()
        self._pack()

    def send_file(self, stream: IO[bytes], length: int) -> None:
        """Send a whole body from a file."""
        self.head["length"] = length
        self._begin()
        stream.seek(0)
        while piece := stream.read(CHUNK):
            self._add(frames.DATA, piece)

    def refuse(self, head: dict[str, Any]) -> None:
        """Say what is wrong, in the place of an answer."""
        self._frames += frames.packed_json(frames.HEAD, head)

    def end(self, told: dict[str, Any]) -> None:
        """Send what is left, and that it is all."""
        self.line.sendall(self._frames + frames.packed_json(frames.END, told))

    def _begin(self) -> None:
        if not self.begun:
            self._frames += frames.packed_json(frames.HEAD, self.head)
            self.begun = True
        if self.head_only:
            self._held.clear()
            raise Enough

    def _pack(self) -> None:
        for start in range(0, len(self._held), CHUNK * 4):
            self._add(frames.DATA, bytes(self._held[start : start + CHUNK * 4]))
        self._held.clear()

    def _add(self, letter: bytes, payload: bytes) -> None:
        self._frames += frames.packed(letter, payload)
        if len(self._frames) >= CHUNK:
            self.line.sendall(self._frames)
            self._frames.clear()


class Worker:
    """What a worker holds: the socket to the service and the snapshot that it has open."""

    def __init__(self, line: socket.socket, memory: int) -> None:
        self.line = line
        self.memory = memory
        self.path = ""
        self.store: ox.Store | None = None
        self.hold = -1
        self.held = 0
        self.joins: Joins = _no_joins
        self.at: Answer | None = None

    def give_up(self, *_: object) -> None:
        """End the answer that is being made: its client has gone."""
        if self.at is not None:
            self.at.unwanted = True

    def open(self, path: str, hold: str) -> ox.Store:
        """The snapshot at `path`, opened unless it is open; `hold` is kept locked meanwhile."""
        if self.store is not None and self.path == path:
            return self.store
        self.let_go()
        if hold:
            self.hold = os.open(hold, os.O_RDONLY)
            fcntl.flock(self.hold, fcntl.LOCK_SH)
        confine.lift_memory_limit()
        self.store = ox.Store.read_only(path)
        self.joins = _joins_over(self.store)
        self.path = path
        self.held = confine.limit_memory(self.memory)
        return self.store

    def let_go(self) -> None:
        """Close the snapshot that is open, if any."""
        self.store, self.path = None, ""
        self.joins = _no_joins
        if self.hold >= 0:
            os.close(self.hold)
            self.hold = -1

    def update(self, job: dict[str, Any], answer: Answer) -> None:
        """Make an update on a draft: how many lines it takes, then these, then those it adds."""
        edits = _import_edits()
        self.let_go()
        confine.lift_memory_limit()
        draft = ox.Store(job["draft"])
        self.held = confine.limit_memory(self.memory)
        asked = {one.name: job[one.name] for one in fields(edits.Update)}
        delta = edits.apply_update(draft, edits.Update(**asked))
        # what the parser leaves behind in circles would keep the draft open, which is thrown away
        del draft
        gc.collect()
        answer.head = {"taken": len(delta.taken)}
        for line in itertools.chain(*delta.lines()):
            answer.write(line)
        answer.finish()

    def answer(self, job: dict[str, Any]) -> None:
        """Do one job and send its answer."""
        began = time.perf_counter()
        answer = self.at = Answer(self.line, head_only=bool(job.get("head_only")))
        failed = ""
        try:
            if job.get("updates"):
                _import_edits()
            store = None if job["do"] == "update" else self.open(job["store"], job["hold"])
            if store is None:
                self.update(job, answer)
            elif job["do"] == "query":
                _query(store, job, answer, self.joins)
            elif job["do"] == "graph":
                _graph(store, job, answer)
            elif job["do"] == "graphs":
                _graphs(store, int(job["most"]), answer)
            elif job["do"] == "give":
                _give(job, answer)
            elif job["do"] == "read":
                _read(job, answer)
        except Enough:
            pass
        except Exception as error:
            problem = _problem(error, job)
            if answer.begun:
                failed = problem.detail
            else:
                head = {"problem": problem.kind, "detail": problem.detail, **problem.extra}
                answer.refuse(head)
        grown = confine.address_space() - self.held
        end = {
            "seconds": round(time.perf_counter() - began, 6),
            "used": time.process_time(),
            "failed": failed,
            # what a query leaves behind would count against the next one
            "tired": bool(self.held) and grown > self.memory // 2,
        }
        self.at = None
        answer.end(end)


def _import_edits() -> ModuleType:
    """The module that makes updates.

    It takes a third of a second to import, and where nobody writes no worker needs it.
    """
    if (known := sys.modules.get(_EDITS)) is not None:
        return known
    edits = importlib.import_module(_EDITS)
    gc.freeze()  # so that collecting after each update need not go through all of it
    return edits


_EDITS = "holdfast.store.edits"


def _query(store: ox.Store, job: dict[str, Any], answer: Answer, joins: Joins) -> None:
    reading = read_request(job["query"], base=job["base"])
    results = _results(store, job, reading, joins)
    kind: Kind = "graph"
    if isinstance(results, ox.QuerySolutions):
        kind = "solutions"
    elif isinstance(results, ox.QueryBoolean):
        kind = "boolean"
    media, form = _chosen(kind, job["format"], job["accept"])
    answer.head = {"type": media, "form": form.name, "kind": kind, "suffix": form.suffix}
    answer.head["lasting"] = not any(token.word in _OF_THE_MOMENT for token in reading.tokens)
    if absent := _absent(store, job, reading):
        answer.head["absent"] = absent
    limit = int(job["rows"])
    if isinstance(results, ox.QueryBoolean):
        results.serialize(cast(IO[bytes], answer), format=cast(ox.QueryResultsFormat, form.native))
    elif isinstance(results, ox.QuerySolutions):
        _solutions(results, form, limit, bool(job["guard"]), answer)
    elif limit:
        triples = list(itertools.islice(results, limit + 1))
        answer.head |= {"truncated": len(triples) > limit, "rows": min(len(triples), limit)}
        _serialise(triples[:limit], form, answer)
    else:
        results.serialize(cast(IO[bytes], answer), format=cast(ox.RdfFormat, form.native))
    answer.finish()


_OF_THE_MOMENT = ("NOW", "RAND", "UUID", "STRUUID", "BNODE")
"""Functions whose value is another each time."""

Joins = Callable[[str, str, bool], list[Piece]]
"""What to put where in a query, so that it is joined set at a time.

Asked with its text, its base, and whether only some rows of its answer are wanted.
"""


def _no_joins(text: str, base: str, some: bool) -> list[Piece]:
    return []


def _joins_over(store: ox.Store) -> Joins:
    """What was found out of queries over the union of all graphs of a store, remembered."""

    @lru_cache(maxsize=1024)
    def joins(text: str, base: str, some: bool) -> list[Piece]:
        reading = read_request(text, base=base)
        return set_at_a_time(reading, partial(numbers, base), some=some)

    @lru_cache(maxsize=4096)
    def numbers(base: str, asked: str) -> list[int]:
        rows = store.query(asked, base_iri=base, use_default_graph_as_union=True)
        (row,) = cast(ox.QuerySolutions, rows)
        return [int(cast(ox.Literal, value).value) for value in row]

    return joins


def _results(
    store: ox.Store, job: dict[str, Any], reading: Reading, joins: Joins
) -> ox.QuerySolutions | ox.QueryTriples | ox.QueryBoolean:
    default, named = job["default"], job["named"]
    if not (default or named) and _named_twice(reading):
        default, named = [*dict.fromkeys(reading.default)], [*dict.fromkeys(reading.named)]
    arguments: dict[str, Any] = {"base_iri": job["base"]}
    if default or named:
        arguments["default_graph"] = [ox.NamedNode(iri) for iri in default]
        arguments["named_graphs"] = [ox.NamedNode(iri) for iri in named]
    elif job["union"] and not reading.has_dataset:
        arguments["use_default_graph_as_union"] = True
    pieces = plain_concatenations(reading)
    try:
        if "use_default_graph_as_union" in arguments:
            pieces = [*pieces, *joins(reading.text, job["base"], bool(job["rows"]))]
        text = reworded(reading.text, pieces)
        results = store.query(text, **arguments)
    except SyntaxError:
        text = reading.text  # the place of an error is one in the client's text
        results = store.query(text, **arguments)
    star = star_of(reading)
    if star is not None and isinstance(results, ox.QuerySolutions):
        names = [variable.value for variable in results.variables]
        ordered = in_order(reading, names)
        if ordered != names:
            results = store.query(with_columns(reading, text, star, ordered), **arguments)
    return results


def _named_twice(reading: Reading) -> bool:
    """Whether a query names a graph of its dataset twice: Oxigraph would give all in it twice."""
    return any(len({*graphs}) < len(graphs) for graphs in (reading.default, reading.named))


def _absent(store: ox.Store, job: dict[str, Any], reading: Reading) -> list[str]:
    """The graphs that a query names as its dataset and that are not here: they are empty."""
    named = [*job["default"], *job["named"]] or [*reading.default, *reading.named]
    return [iri for iri in named if not store.contains_named_graph(ox.NamedNode(iri))]


def _solutions(
    results: ox.QuerySolutions, form: Form, limit: int, guard: bool, answer: Answer
) -> None:
    if not limit and form.native is not None:
        results.serialize(cast(IO[bytes], answer), format=cast(ox.QueryResultsFormat, form.native))
        return
    names = [variable.value for variable in results.variables]
    if form.name in tables.FILES:
        most = tables.MOST_ROWS if form.name == "xlsx" else 0
        rows = _Counted(results, min(limit or most, most or limit))
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            file = Path(folder) / "result"
            tables.FILES[form.name](names, rows, file)
            answer.head |= rows.told()
            with file.open("rb") as stream:
                answer.send_file(stream, file.stat().st_size)
        return
    rows = _Counted(results, limit)
    if not limit:
        tables.write_csv(names, rows, answer.write, guard=guard)
        return
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spool:
        if form.name == CSV.name:
            tables.write_csv(names, rows, spool.write, guard=guard)
        else:
            tables.WRITERS[form.name](names, rows, spool.write)
        answer.head |= rows.told()
        answer.send_file(spool, spool.tell())


class _Counted:
    """The first rows of a result, and whether there are more."""

    def __init__(self, results: Iterable[Any], limit: int) -> None:
        self.results = results
        self.limit = limit
        self.rows = 0
        self.truncated = False

    def __iter__(self) -> Iterator[Any]:
        for row in self.results:
            if self.limit and self.rows == self.limit:
                self.truncated = True
                return
            self.rows += 1
            yield row

    def told(self) -> dict[str, Any]:
        return {"rows": self.rows, "truncated": self.truncated}


@lru_cache(maxsize=256)  # most who ask have the header of their browser or library
def _chosen(kind: Kind, named: str, accept: str) -> tuple[str, Form]:
    """The media type and form of an answer, by `format=` where given, else by the Accept header."""
    return chosen_form(forms_of(kind), named, accept, _ANSWERS[kind])


_ANSWERS: dict[Kind, str] = {
    "solutions": "a SELECT",
    "boolean": "an ASK",
    "graph": "a CONSTRUCT, a DESCRIBE or a graph",
}


def _graph(store: ox.Store, job: dict[str, Any], answer: Answer) -> None:
    name = ox.NamedNode(job["graph"]) if job["graph"] else ox.DefaultGraph()
    file = job["file"]
    if not file and isinstance(name, ox.NamedNode) and not store.contains_named_graph(name):
        raise Problem("not-found", f"There is no graph <{name.value}> here.")
    media, form = _chosen("graph", job["format"], job["accept"])
    answer.head = {"type": media, "form": form.name, "kind": "graph", "suffix": form.suffix}
    quads: Iterable[ox.Quad] = store.quads_for_pattern(None, None, None, name)
    if file:
        with open(file, "rb") as lines:
            source = _Kept(lines, set(job["removed"]), job["added"])
            quads = ox.parse(cast(IO[bytes], source), format=ox.RdfFormat.N_QUADS)
            _serialise((quad.triple for quad in quads if quad.graph_name == name), form, answer)
    else:
        _serialise((quad.triple for quad in quads), form, answer)
    answer.finish()


class _Kept:
    """The lines of a graph as one stream: those of a file that are still there, then the added."""

    def __init__(self, lines: IO[bytes], removed: set[str], added: list[str]) -> None:
        self.lines = lines
        self.removed = {line.encode() for line in removed}
        self.added = "".join(added).encode()

    def read(self, size: int = -1) -> bytes:
        """Some of the lines, whole ones."""
        while found := self.lines.readlines(max(size, CHUNK)):
            if self.removed:
                found = [line for line in found if line not in self.removed]
            if found:
                return b"".join(found)
        found_last, self.added = self.added, b""
        return found_last


def _serialise(triples: Iterable[ox.Triple], form: Form, answer: Answer) -> None:
    prefixes = PREFIXES if form.native in _PREFIXED else None
    ox.serialize(
        triples,
        cast(IO[bytes], answer),
        format=cast(ox.RdfFormat, form.native),
        prefixes=prefixes,
    )


def _give(job: dict[str, Any], answer: Answer) -> None:
    """A file as it is, unpacked, or in another RDF format."""
    opened = gzip.open if job["packed"] else open
    answer.head = {"type": job["as"]}
    with opened(job["file"], "rb") as stream:
        if job["media"] == job["as"]:
            while piece := stream.read(CHUNK):
                answer.write(piece)
        else:
            kind, wanted = (ox.RdfFormat.from_media_type(job[name]) for name in ("media", "as"))
            assert kind is not None
            assert wanted is not None
            quads = ox.parse(
                cast(IO[bytes], stream), format=kind, base_iri=job["base"], rename_blank_nodes=False
            )
            out, prefixes = cast(IO[bytes], answer), PREFIXES if wanted in _PREFIXED else None
            if wanted.supports_datasets:
                ox.serialize(quads, out, format=wanted, prefixes=prefixes)
            else:
                triples = (quad.triple for quad in quads)
                ox.serialize(triples, out, format=wanted, prefixes=prefixes)
    answer.finish()


def _graphs(store: ox.Store, most: int, answer: Answer) -> None:
    """The names of the graphs, one a line."""
    answer.head = {"type": "text/plain; charset=utf-8"}
    for name in itertools.islice(store.named_graphs(), most):
        if isinstance(name, ox.NamedNode):
            answer.write(name.value.encode() + b"\n")
    answer.finish()


def _read(job: dict[str, Any], answer: Answer) -> None:
    """Read data to its end as triples of one graph, so that whoever takes it in can rely on it."""
    file = Path(job["file"])
    count = 0
    try:
        for quad in quads_in(file):
            count += 1
            if not job["graphs"] and not isinstance(quad.graph_name, ox.DefaultGraph):
                raise Problem(
                    "rdf-syntax",
                    f"It names the graph {quad.graph_name}, and is meant for one graph."
                    " Send triples without graphs.",
                )
    except HoldfastError as error:
        place = re.search(r"line (\d+)(?:, column (\d+))?", error.where)
        extra: dict[str, Any] = {"line": int(place[1])} if place else {}
        if place and place[2]:
            extra["column"] = int(place[2])
        said = f"{place[0]}: {error.what}" if place else error.what
        raise Problem("rdf-syntax", f"{said} {error.mend}".strip(), **extra) from None
    answer.head = {"type": "text/plain", "quads": count}
    answer.finish()


def _problem(error: Exception, job: dict[str, Any]) -> Problem:
    """What went wrong, in words, for whoever asked."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, TooLargeError):
        return Problem("too-large", str(error))
    if isinstance(error, StoreError) and job["do"] == "update":
        place = re.search(r"line (\d+), column (\d+)", error.where)
        extra: dict[str, Any] = {}
        if place:
            extra = {"line": int(place[1]), "column": int(place[2])}
        return Problem("update-syntax", str(error), **extra)
    if isinstance(error, PolicyError):
        kind = "not-allowed-in-query" if "reaches out" in error.what else "query-syntax"
        if "nested" in error.what:
            kind = "too-complex"
        return Problem(kind, str(error), line=error.line, column=error.column)
    if isinstance(error, HoldfastError):
        return Problem("rdf-syntax", str(error))
    if isinstance(error, RecursionError):
        return Problem("too-complex", "It is too deeply nested to be read. Take it apart.")
    if isinstance(error, MemoryError) or "Out of Memory" in str(error):
        return Problem("memory", "It needed more memory than it may have. Ask for less.")
    text = str(error)
    if isinstance(error, SyntaxError):
        return syntax_problem(text, "query-syntax")
    if isinstance(error, RuntimeError) and "function" in text:
        return Problem("unknown-function", f"{text.rstrip('.')}. Write it without.")
    if isinstance(error, ValueError) and job["do"] == "query":
        return Problem("bad-request", text)
    return Problem("internal", f"The store cannot answer: {text}")


def syntax_problem(text: str, kind: str) -> Problem:
    """An error of Oxigraph's parser of queries and updates, with its line and column."""
    found = _PLACE.match(text)
    if not found:
        return Problem(kind, text)
    line, column, reason = int(found[1]), int(found[2]), " ".join(found[3].split())
    if "Prefix not found" in reason:
        reason = "a prefix is not declared"
    elif len(reason) > 300:
        reason = reason[:300].rsplit(",", 1)[0] + " …"
    return Problem(kind, f"line {line}, column {column}: {reason}.", line=line, column=column)


def _watch(parent: int) -> None:
    """End this process once the service that started it has gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main() -> None:
    """Answer jobs until the service hangs up."""
    line = socket.socket(fileno=int(sys.argv[1]))
    memory = int(sys.argv[2])
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    confine.give_up_core_files()
    confine.give_up_network()
    worker = Worker(line, memory)
    signal.signal(frames.GIVE_UP, worker.give_up)
    arriving = frames.Frames(line)
    while True:
        try:
            _, payload = arriving.next()
            worker.answer(frames.loads(payload))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    main()
