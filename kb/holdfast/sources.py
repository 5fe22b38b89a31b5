"""Sources of facts: files and folders in any RDF format, read into N-Quads lines."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyoxigraph as ox

from holdfast.errors import SourceError

FORMATS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".trig": ox.RdfFormat.TRIG,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".xml": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
    ".n3": ox.RdfFormat.N3,
}


def files_of(source: str) -> list[Path]:
    """The RDF files that a source names, in a fixed order.

    `-` is standard input, given as the path `-`. A folder gives all RDF files in it, at any depth.
    Raises SourceError where there is nothing to read.
    """
    path = Path(source)
    if source == "-":
        return [path]
    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.is_file() and _format_of(f) is not None)
        if not found:
            raise SourceError(
                "the folder holds no RDF file.",
                where=source,
                mend=f"Formats known: {', '.join(sorted(FORMATS))}, each also with .gz.",
            )
        return found
    if not path.exists():
        raise SourceError("there is no such file or folder.", where=source)
    if _format_of(path) is None:
        raise SourceError(
            f"'{path.suffix or path.name}' is not a format known here.",
            where=source,
            mend=f"Use one of {', '.join(sorted(FORMATS))}, each also with .gz.",
        )
    return [path]


def quads_in(file: Path) -> Iterator[ox.Quad]:
    """The quads of one file as the parser meets them.

    Raises SourceError naming file, line and column where the file breaks its format's syntax, or
    holds what RDF 1.1 does not have (triple terms, text direction).
    """
    try:
        with _opened(file) as stream:
            base = file.resolve().as_uri() if str(file) != "-" else "https://example.org/"
            kind = _format_of(file) or ox.RdfFormat.TRIG
            # rename_blank_nodes keeps the blank nodes of two files apart
            for quad in ox.parse(stream, format=kind, base_iri=base, rename_blank_nodes=True):
                if isinstance(quad.object, ox.Triple):
                    raise SourceError(
                        f"the object of {quad.predicate} is a triple term (RDF 1.2).",
                        where=str(file),
                        mend="Holdfast reads RDF 1.1: give the statement a node of its own.",
                    )
                yield quad
    except SyntaxError as error:
        line = f": line {error.lineno}, column {error.offset}" if error.lineno else ""
        reason = str(error.msg).rpartition(": ")[2] or str(error.msg)
        raise SourceError(
            f"this is not well-formed RDF: {reason}.",
            where=f"{file}{line}",
            mend="Nothing was loaded; mend the line and try again.",
        ) from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"the file cannot be read: {error}.", where=str(file)) from None
    except OSError as error:
        raise SourceError(
            f"the file cannot be read: {error.strerror or error}.", where=str(file)
        ) from None
    except ValueError as error:
        raise SourceError(f"the file cannot be read: {error}.", where=str(file)) from None


def write_lines(file: Path, lines: Path) -> None:
    """Write the quads of `file` to `lines` as N-Quads. Raises SourceError as `quads_in` does."""
    with lines.open("wb") as out:
        ox.serialize(quads_in(file), out, format=ox.RdfFormat.N_QUADS)


def _format_of(file: Path) -> ox.RdfFormat | None:
    suffixes = file.suffixes
    if suffixes and suffixes[-1] == ".gz":
        suffixes = suffixes[:-1]
    return FORMATS.get(suffixes[-1].lower()) if suffixes else None


def _opened(file: Path) -> IO[bytes]:
    if str(file) == "-":
        return sys.stdin.buffer
    if file.suffix == ".gz":
        return gzip.open(file, "rb")
    return file.open("rb")
