"""SPARQL 1.1 Graph Store HTTP Protocol: /graphs?graph=IRI, /graphs?default, /graphs/… itself."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import flask
from werkzeug.http import parse_options_header
from werkzeug.utils import secure_filename

from holdfast_service.conditions import NEW, followed
from holdfast_service.context import Service, respond
from holdfast_service.formats import SENT, form_named, offers
from holdfast_service.holdings import Data, Lines
from holdfast_service.parameters import in_address, media_type, whole_iri
from holdfast_service.problem import Problem

FORM_DATA = "multipart/form-data"
METHODS = ["GET", "PUT", "POST", "DELETE"]


def routes(app: flask.Flask, service: Service) -> None:
    """Answer at /graphs and below."""

    @app.route("/graphs", methods=METHODS, strict_slashes=False)
    def graphs() -> flask.Response:
        parameters = in_address()
        graph, is_default = parameters.one("graph"), bool(parameters.all("default"))
        if graph is not None and is_default:
            raise Problem("bad-request", "Give graph=IRI or default, not both.")
        if graph is None and not is_default:
            if flask.request.method != "POST":
                raise Problem(
                    "bad-request", "Say which graph: ?graph=IRI, or ?default for the default graph."
                )
            service.require_token()
            made = f"{service.base()}/graphs/{secrets.token_hex(16)}"
            return _add(service, made, location=made)
        return _answer(service, None if graph is None else whole_iri(graph, "graph"))

    @app.route("/graphs/<path:name>", methods=METHODS)
    def graph_itself(name: str) -> flask.Response:
        return _answer(service, whole_iri(service.address(), "the address"))


def _answer(service: Service, graph: str | None) -> flask.Response:
    method = flask.request.method
    if method in ("GET", "HEAD"):
        return _give(service, graph)
    service.require_token()
    lines = service.holdings.lines(graph)
    # the default graph is always there; a graph has no tag of its own
    follows = followed(int(lines is not None))
    if method == "PUT":
        with _sent(service, graph) as data:
            if len(data) != 1:
                raise Problem("bad-request", "PUT takes one file; POST takes several.")
            new = service.holdings.put(graph, data[0], fresh=follows == NEW)
        return flask.Response(status=201 if new else 204)
    if method == "POST":
        return _add(service, graph)
    if not service.holdings.drop(graph):
        raise _no_graph(graph)
    return flask.Response(status=204)


def _no_graph(graph: str | None) -> Problem:
    return Problem("not-found", f"There is no graph <{graph}> here." if graph else "It is empty.")


def _give(service: Service, graph: str | None) -> flask.Response:
    """The graph, each literal as it was sent."""
    lines = service.holdings.lines(graph)
    if lines is None:
        raise _no_graph(graph)
    return respond(service.answer(graph_job(graph, lines, in_address().one("format") or "")))


def graph_job(graph: str | None, lines: Lines, format_: str) -> dict[str, Any]:
    """What a worker is told to give a graph."""
    return {
        "do": "graph",
        "graph": graph,
        "file": lines.file,
        "removed": [line.decode() for line in lines.removed],
        "added": [line.decode() for line in lines.added],
        "accept": flask.request.headers.get("Accept", ""),
        "format": format_,
    }


def _add(service: Service, graph: str | None, *, location: str = "") -> flask.Response:
    with _sent(service, graph) as data:
        new = service.holdings.add(graph, data)
    response = flask.Response(status=201 if new else 204)
    if location:
        response.headers["Location"] = location
    return response


@contextlib.contextmanager
def _sent(service: Service, graph: str | None) -> Iterator[list[Data]]:
    """What was sent, as files that a worker has read to their ends. Raises Problem."""
    base = graph or service.address()
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        data = received(service, Path(folder), base)
        for one in data:
            check_readable(service, one, graphs=False)
        yield data


def received(service: Service, folder: Path, base: str) -> list[Data]:
    """What was sent, as files in `folder`, unpacked. Raises Problem (400, 413, 415)."""
    media = parse_options_header(flask.request.headers.get("Content-Type", ""))[0].lower()
    limit = service.settings.upload_size * 1024
    known = offers(SENT)
    if media != FORM_DATA:
        form = known[media_type(tuple(known))]
        file = folder / f"sent.{form.suffix}"
        with file.open("wb") as out:
            _unpack(flask.request.stream, out, limit)
        return [Data(file, form.media, base)]
    found = []
    for number, part in enumerate(
        one for name in flask.request.files for one in flask.request.files.getlist(name)
    ):
        suffix = Path(secure_filename(part.filename or "")).suffix.lstrip(".")
        form_of_part = known.get(part.mimetype) or form_named(suffix, SENT)
        if form_of_part is None:
            raise Problem(
                "media-type",
                f"Part {number + 1} is {part.mimetype or 'of no known kind'}. Send one of"
                f" {', '.join(form.media for form in SENT)}.",
            )
        file = folder / f"sent-{number}.{form_of_part.suffix}"
        with file.open("wb") as out:
            shutil.copyfileobj(part.stream, out)
        found.append(Data(file, form_of_part.media, base))
    if not found:
        raise Problem("bad-request", "The form has no file.")
    return found


def _unpack(stream: IO[bytes], out: IO[bytes], limit: int) -> None:
    """Copy a body, unpacked, as long as it stays within `limit` bytes. Raises Problem."""
    encoding = flask.request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Problem(
            "media-type", f"The body is encoded as {encoding}. Send it as it is, or as gzip."
        )
    unpacker = zlib.decompressobj(wbits=31) if "gzip" in encoding else None
    written = 0
    try:
        while piece := stream.read(1 << 16):
            while piece:
                # never more at once, however small what it was packed into
                made = unpacker.decompress(piece, 1 << 20) if unpacker else piece
                piece = unpacker.unconsumed_tail if unpacker else b""
                written += len(made)
                if written > limit:
                    raise Problem("too-large", f"The data have more than {limit} bytes, unpacked.")
                out.write(made)
        if unpacker and not unpacker.eof:
            raise Problem("bad-request", "The gzipped body ends too early.")
    except zlib.error:
        raise Problem("bad-request", "The body is not gzip, as Content-Encoding says.") from None


def check_readable(service: Service, data: Data, *, graphs: bool) -> int:
    """How many quads the data hold, once a worker has read them to their end; else Problem.

    A worker may be killed by what it reads: an endless nest, an entity that swells. The service
    reads only what a worker has survived. `graphs` lets the data name graphs.
    """
    job = {"do": "read", "file": str(data.file), "base": data.base, "graphs": graphs}
    answer = service.answer({**job, "head_only": False}, service.settings.timeout_most)
    answer.whole()
    count: int = answer.head["quads"]
    return count
