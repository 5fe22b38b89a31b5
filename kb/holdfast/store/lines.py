"""Versions of registers as lines of N-Quads: how they are written, compared and changed.

Every quad has one line, spelt as pyoxigraph's serialiser does, and literals keep the form in which
they were sent. Triples in the default graph of what was sent stand in the register's own graph.
Blank nodes are numbered in the order in which the parser meets them, so that the same source gives
the same lines. The index rewrites some literals ("01" becomes "1"): two quads that are one there
have the same *value* here.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO, cast

import pyoxigraph as ox

from holdfast.sources import quads_in, write_lines
from holdfast.vocabulary import XSD

_CHUNK = 1 << 22
_FEW = 200_000
_TERM = rb'<[^>]*>|_:\S+|"(?:[^"\\\n]|\\.)*"(?:@[\w-]+|\^\^<[^>]*>)?'
_LINE = re.compile(
    rb"^(?P<s><[^>]*>|_:\S+) (?P<p><[^>]*>) (?P<o>" + _TERM + rb")(?: (?P<g><[^>]*>|_:\S+))? \.$",
    re.M,
)
_NAMED = re.compile(
    rb"^(?:<[^>]*>|_:\S+) <[^>]*> (?:" + _TERM + rb")(?: (<[^>]*>|_:\S+))? \.$", re.M
)
_RDF_12 = (b"<<(", b"--ltr", b"--rtl")
"""What triple terms and text direction look like in lines; text may look so as well."""

_REWRITTEN = frozenset(
    XSD + name
    for name in (
        "boolean", "decimal", "integer", "byte", "short", "int", "long", "unsignedByte",
        "unsignedShort", "unsignedInt", "unsignedLong", "positiveInteger", "negativeInteger",
        "nonPositiveInteger", "nonNegativeInteger", "double", "float", "date", "time", "dateTime",
        "dateTimeStamp", "gYear", "gMonth", "gDay", "gYearMonth", "gMonthDay", "duration",
        "yearMonthDuration", "dayTimeDuration",
    )
)  # fmt: skip
"""Datatypes whose literals the index may spell otherwise than they were sent."""


@dataclass(frozen=True)
class Lines:
    """What `lines_of_file` wrote: how many lines, and which graphs they name, as N-Quads does."""

    path: Path
    count: int
    graphs: frozenset[bytes]


@dataclass
class Content:
    """What one version of a register holds: the lines of a file, less some and more others."""

    file: Path
    removed: set[bytes] = field(default_factory=set)
    added: set[bytes] = field(default_factory=set)

    def __iter__(self) -> Iterator[bytes]:
        """Every line, those of the file first."""
        with self.file.open("rb") as lines:
            if self.removed:
                yield from (line for line in lines if line not in self.removed)
            else:
                yield from lines
        yield from self.added

    def changed(self, removed: Iterable[bytes], added: Iterable[bytes]) -> Content:
        """The content after a change; a line that is removed and added stays."""
        less, more = set(self.removed), set(self.added)
        for line in removed:
            if line in more:
                more.discard(line)
            else:
                less.add(line)
        for line in added:
            if line in less:
                less.discard(line)
            else:
                more.add(line)
        return Content(self.file, less, more)

    def of_value(self, quads: Iterable[ox.Quad]) -> dict[ox.Quad, set[bytes]]:
        """For each quad whose literal the index rewrites, the lines that have the same value."""
        found: dict[ox.Quad, set[bytes]] = {quad: set() for quad in quads}
        wanted = {b"%s %s " % _lead(line_of(quad)) for quad in found}
        if not wanted:
            return found
        lines: Iterable[bytes] = self
        if len(wanted) <= 32:
            lines = (*(_searched(self.file, wanted)), *self.added)
        for line in lines:
            if line not in self.removed and b"%s %s " % _lead(line) in wanted:
                value = value_of(quad_of(line))
                if value in found:
                    found[value].add(line)
        return found

    def write(self, out: Path) -> int:
        """Write every line to a file; how many there are."""
        count = 0
        with out.open("wb") as stream:
            for line in self:
                stream.write(line)
                count += 1
        return count


def lines_of_file(
    file: Path, kind: ox.RdfFormat, out: Path, *, base: str, graph: str, label: str, made: bool
) -> Lines:
    """Write the quads of an RDF file to `out`, a line each.

    `graph` names the register's own graph, and is empty for the default graph. Blank nodes are
    called `label` with a number, except in what Holdfast made itself. Raises SourceError as
    `quads_in` does; then `out` is of no use.
    """
    raw = out.with_name(out.name + ".raw")
    own = b"<%s>" % graph.encode() if graph else b""
    try:
        if made:
            with file.open("rb") as stream, raw.open("wb") as target:
                ox.serialize(ox.parse(stream, format=kind), target, format=ox.RdfFormat.N_QUADS)
        else:
            raw.unlink(missing_ok=True)
            write_lines(file, raw, careful=False, base=base)
            if _holds(raw, _RDF_12):
                for _ in quads_in(file, base=base):  # raises where it is more than text
                    pass
        labels: dict[bytes, bytes] | None = None if made else {}
        count = 0
        graphs: set[bytes] = set()
        with raw.open("rb") as stream, out.open("wb") as target:
            for chunk in _whole_lines(stream):
                named = _NAMED.findall(chunk)
                count += len(named)
                seen = set(named)
                if labels is not None and b"_:" in chunk:
                    chunk = _relabelled(chunk, labels, label.encode(), own)
                    seen = set(_NAMED.findall(chunk))
                elif own and seen == {b""}:
                    chunk = chunk.replace(b" .\n", b" %s .\n" % own)
                    seen = {own}
                elif own and b"" in seen:
                    chunk = _relabelled(chunk, None, b"", own)
                    seen = set(_NAMED.findall(chunk))
                graphs |= seen
                target.write(chunk)
    finally:
        raw.unlink(missing_ok=True)
    if count <= _FEW:  # what is said twice counts once; in more lines than this it is left as it is
        lines = dict.fromkeys(out.read_bytes().splitlines(keepends=True))
        if len(lines) < count:
            out.write_bytes(b"".join(lines))
            count = len(lines)
    return Lines(out, count, frozenset(graphs))


def _relabelled(chunk: bytes, labels: dict[bytes, bytes] | None, label: bytes, own: bytes) -> bytes:
    def name(term: bytes) -> bytes:
        if labels is None or not term.startswith(b"_:"):
            return term
        if term not in labels:
            labels[term] = b"_:%s%d" % (label, len(labels))
        return labels[term]

    lines = []
    for line in chunk.splitlines():
        found = _LINE.match(line)
        assert found is not None, line
        s, p, o, g = found.groups()
        g = name(g) if g else own
        lines.append(b" ".join((name(s), p, name(o), *((g,) if g else ()), b".\n")))
    return b"".join(lines)


def difference(before: Iterable[bytes], after: Iterable[bytes]) -> tuple[set[bytes], set[bytes]]:
    """The lines that only the first has, and those that only the second has."""
    old, new = set(before), set(after)
    return old - new, new - old


def value_of(quad: ox.Quad) -> ox.Quad:
    """The quad in the form that the index gives it."""
    term = quad.object
    if not isinstance(term, ox.Literal) or term.datatype.value not in _REWRITTEN:
        return quad
    return ox.Quad(quad.subject, quad.predicate, _rewritten(term), quad.graph_name)


@lru_cache(maxsize=4096)
def _rewritten(term: ox.Literal) -> ox.Literal:
    store = ox.Store()
    node = ox.NamedNode("urn:x")
    store.add(ox.Quad(node, node, term))
    return cast(ox.Literal, next(iter(store)).object)


def is_rewritten(quad: ox.Quad) -> bool:
    """Whether other spellings of the quad may have the same value."""
    term = quad.object
    return isinstance(term, ox.Literal) and term.datatype.value in _REWRITTEN


def line_of(quad: ox.Quad) -> bytes:
    """The line of a quad."""
    written = ox.serialize([quad], format=ox.RdfFormat.N_QUADS)
    assert written is not None
    return written


def quad_of(line: bytes) -> ox.Quad:
    """The quad of a line."""
    return next(quads_of([line]))


def quads_of(lines: Iterable[bytes]) -> Iterator[ox.Quad]:
    """The quads of lines; the names of blank nodes are kept."""
    parsed = ox.parse(BytesIO(b"".join(lines)), format=ox.RdfFormat.N_QUADS)
    # a list of what the parser gives would be made without letting another thread run
    return (quad for quad in parsed)


def name_of(iri: str) -> bytes:
    """An IRI as N-Quads has it."""
    return b"<%s>" % iri.encode()


def graph_of(line: bytes) -> bytes:
    """The graph of a line as N-Quads names it; empty for the default graph."""
    found = _NAMED.match(line)
    assert found is not None, line
    return found[1] or b""


def patch_of(removed: Iterable[bytes], added: Iterable[bytes]) -> bytes:
    """A change as RDF Patch: deletions, then additions, each in alphabetical order."""
    return b"".join(
        (
            b"TX .\n",
            *(b"D " + line for line in sorted(removed)),
            *(b"A " + line for line in sorted(added)),
            b"TC .\n",
        )
    )


def change_in(patch: bytes) -> tuple[set[bytes], set[bytes]]:
    """The lines removed and added by a patch that `patch_of` wrote."""
    lines = patch.splitlines(keepends=True)
    return (
        {line[2:] for line in lines if line.startswith(b"D ")},
        {line[2:] for line in lines if line.startswith(b"A ")},
    )


def _lead(line: bytes) -> tuple[bytes, bytes]:
    """The subject and predicate of a line."""
    subject, predicate, _ = line.split(b" ", 2)
    return subject, predicate


def _searched(file: Path, leads: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a file that begin in one of these ways."""
    if os.stat(file).st_size == 0:
        return
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for lead in leads:
            at = 0 if text[: len(lead)] == lead else text.find(b"\n" + lead) + 1
            while at or text[: len(lead)] == lead:
                end = text.find(b"\n", at) + 1
                yield text[at:end]
                at = text.find(b"\n" + lead, end - 1) + 1
                if not at:
                    break


def _holds(file: Path, texts: Iterable[bytes]) -> bool:
    """Whether one of these texts stands in a file."""
    with file.open("rb") as stream:
        return any(text in chunk for chunk in _whole_lines(stream) for text in texts)


def _whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream in large pieces, each of whole lines."""
    while chunk := stream.read(_CHUNK):
        yield chunk + stream.readline()
