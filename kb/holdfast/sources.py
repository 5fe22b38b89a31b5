"""Sources of facts: files and folders in any RDF format, read into N-Quads lines."""

from __future__ import annotations

import gzip
import re
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import IO, Any, cast
from weakref import WeakKeyDictionary

import pyoxigraph as ox

from holdfast.errors import SourceError, printable

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

TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".sqlite", ".db")
"""Endings of tables, which `holdfast import` takes."""

FORMS = {
    "turtle": ox.RdfFormat.TURTLE,
    "xml": ox.RdfFormat.RDF_XML,
    "json-ld": ox.RdfFormat.JSON_LD,
    "nt": ox.RdfFormat.N_TRIPLES,
    "n3": ox.RdfFormat.N3,
    "trig": ox.RdfFormat.TRIG,
    "nquads": ox.RdfFormat.N_QUADS,
}
"""The formats by the names that pySHACL and rdflib give them."""

_STATED: ContextVar[Mapping[Path, ox.RdfFormat]] = ContextVar(
    "formats", default=MappingProxyType({})
)

ENTITY_LENGTH = 512
"""The most bytes that an XML entity may stand for: enough for any namespace, too few to swell."""

_ENTITY = re.compile(
    rb"<!ENTITY\s+(?P<percent>%\s*)?(?P<name>[^\s\"'>]+)\s+"
    rb"(?:(?P<outside>SYSTEM|PUBLIC)|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')"
)
_PLACE = re.compile(r"^Parser error .*?\d: ")


@contextmanager
def read_as(formats: Mapping[str, str]) -> Iterator[None]:
    """A block in which these sources, each a file or `-`, are read in the format of that name in
    FORMS, whatever their suffix says."""
    stated = {Path(source): FORMS[form] for source, form in formats.items()}
    before = _STATED.set({**_STATED.get(), **stated})
    try:
        yield
    finally:
        _STATED.reset(before)


def files_of(source: str) -> list[Path]:
    """The RDF files that a source names, in a fixed order.

    `-` is standard input, given as the path `-`. A folder gives all RDF files in it, at any depth.
    Raises SourceError where there is nothing to read.
    """
    path = Path(source)
    if source == "-":
        return [path]
    formats = f"{', '.join(sorted(FORMATS))}, each also with .gz"
    try:
        if path.is_dir():
            found = sorted(f for f in path.rglob("*") if f.is_file() and _format_of(f) is not None)
            if not found:
                raise SourceError(
                    "the folder holds no RDF file.", where=source, mend=f"Formats known: {formats}."
                )
            return found
        there = path.exists()
    except (OSError, ValueError) as error:
        raise SourceError(f"the path cannot be read: {_reason(error)}.", where=source) from None
    if not there and re.match(r"https?://", source):
        raise SourceError(
            "nothing is fetched from the web.",
            where=source,
            mend="Download the file and name it here.",
        )
    if not there:
        raise SourceError(
            "there is no such file or folder.", where=source, mend="Check the spelling of the path."
        )
    if not path.is_file():
        raise SourceError(
            "this is a pipe or a device, which cannot be read twice.",
            where=source,
            mend="Save it to a file, or send it to standard input and write -.",
        )
    if _format_of(path) is None:
        raise SourceError(
            f"'{path.suffix or path.name}' is not a format known here.",
            where=source,
            mend="`holdfast import` makes a register of tables."
            if path.suffix.lower() in TABLES
            else f"Use one of {formats}.",
        )
    return [path]


def files_in(
    sources: Iterable[str], *, keep_going: bool = False
) -> tuple[list[Path], list[SourceError]]:
    """The RDF files that some sources name, each once however often it is named.

    With `keep_going` the errors of sources that name nothing are given beside them; otherwise the
    first of these is raised.
    """
    files: dict[Path, Path] = {}
    refused: list[SourceError] = []
    for source in sources:
        try:
            for file in files_of(source):
                files.setdefault(file if source == "-" else file.resolve(), file)
        except SourceError as error:
            if not keep_going:
                raise
            refused.append(error)
    return list(files.values()), refused


def quads_in(file: Path, *, base: str | None = None) -> Iterator[ox.Quad]:
    """The quads of one file as the parser meets them; nothing else is opened or fetched.

    Relative IRIs are relative to `base`, or else to the place of the file.
    Raises SourceError naming file, line and column where the file breaks its format's syntax, or
    holds what is not read here: triple terms and text direction (RDF 1.2), formulas (N3), a JSON-LD
    context kept elsewhere, XML entities that reach outside or swell.
    """
    kind = _format_of(file) or ox.RdfFormat.TRIG
    try:
        if kind == ox.RdfFormat.RDF_XML:
            _check_entities(file)
        with _opened(file) as stream:
            formulas = kind == ox.RdfFormat.N3
            for quad in _parsed(file, kind, stream, base):
                value = quad.object
                if isinstance(value, ox.Literal):
                    if value.direction is not None:
                        raise SourceError(
                            f"{value} has a text direction (RDF 1.2).",
                            where=_place_of(file, f"@{value.language}--", '"@direction"'),
                            mend="Holdfast reads RDF 1.1: give the language alone.",
                        )
                elif isinstance(value, ox.Triple):
                    raise SourceError(
                        f"the object of {quad.predicate} is a triple term (RDF 1.2).",
                        where=_place_of(file, "<<", "{|", "~"),
                        mend="Holdfast reads RDF 1.1: give the statement a node of its own.",
                    )
                if formulas and isinstance(quad.graph_name, ox.BlankNode):
                    raise SourceError(
                        "a formula in braces states nothing that can be assessed.",
                        where=_place_of(file, "{"),
                        mend="Write its triples without the braces.",
                    )
                yield quad
    except SyntaxError as error:
        raise _syntax_error(file, kind, error) from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        damaged = file.suffix == ".gz" and not isinstance(
            error, FileNotFoundError | PermissionError
        )
        raise SourceError(
            f"the file cannot be read: {_reason(error)}.",
            where=shown(file),
            mend="The compressed file is damaged or cut short: get it again." if damaged else "",
        ) from None


def prefixes_in(file: Path) -> dict[str, str]:
    """The prefixes that a file, which has been read, declares, with their namespaces."""
    with _opened(file) as stream:
        parser = _parsed(file, _format_of(file) or ox.RdfFormat.TRIG, stream, None)
        for _ in parser:
            pass
        return dict(parser.prefixes)


def _parsed(file: Path, kind: ox.RdfFormat, stream: IO[bytes], base: str | None) -> ox.QuadParser:
    if base is None:
        base = file.resolve().as_uri() if str(file) != "-" else "https://example.org/"
    # rename_blank_nodes keeps the blank nodes of two files apart
    return ox.parse(stream, format=kind, base_iri=base, rename_blank_nodes=True)


def write_lines(file: Path, lines: Path, *, careful: bool = True, base: str | None = None) -> None:
    """Add the quads of `file` to `lines` as N-Quads, as the serialiser spells them.

    `base` is as for `quads_in`. Unless `careful`, which takes longer, triple terms and text
    direction (RDF 1.2) may slip through. Raises SourceError as `quads_in` does; then `lines` is as
    it was.
    """
    kind = _format_of(file) or ox.RdfFormat.TRIG
    careful = careful or str(file) == "-" or kind in (ox.RdfFormat.RDF_XML, ox.RdfFormat.N3)
    try:
        with lines.open("ab") as out:
            start = out.tell()
            if not careful:
                try:
                    with _opened(file) as stream:
                        ox.serialize(
                            _parsed(file, kind, stream, base), out, format=ox.RdfFormat.N_QUADS
                        )
                    return
                except (SyntaxError, OSError, EOFError, ValueError, zlib.error):
                    out.truncate(start)  # the careful reading below says what is wrong
            try:
                ox.serialize(quads_in(file, base=base), out, format=ox.RdfFormat.N_QUADS)
            except SourceError:
                out.truncate(start)
                raise
    except OSError as error:
        raise SourceError(
            f"no room to read it into: {_reason(error)}.",
            where=shown(file),
            mend="Free some disk space, or set TMPDIR to a folder that has it.",
        ) from None


def graphs_in_lines(file: Path) -> bool | None:
    """Whether the lines of a file may name graphs (N-Quads) or not (N-Triples).

    None for a file that is not plain lines.
    """
    kind = _format_of(file)
    if file.suffix.lower() == ".gz" or kind not in (ox.RdfFormat.N_QUADS, ox.RdfFormat.N_TRIPLES):
        return None
    return kind == ox.RdfFormat.N_QUADS


def line_of(file: Path, *patterns: str) -> int | None:
    """The first line of a file that matches one of these patterns, the first that matches at all.

    None where none does, or the file cannot be read again.
    """
    try:
        for pattern in patterns:
            with _opened(file) as stream:
                for number, line in enumerate(stream, start=1):
                    if re.search(pattern, line.decode("utf-8", "replace")):
                        return number
    except (OSError, EOFError, zlib.error, SourceError):
        pass
    return None


def lines_of(files: Iterable[Path], terms: Iterable[str]) -> dict[str, tuple[Path, int]]:
    """The file and line where each of these IRIs (N-Triples) is first written as a subject.

    In Turtle and its kin that is where it begins a line, in full or as a prefixed name; in other
    formats where its IRI first stands. Terms that are not found are left out.
    """
    wanted = {term[1:-1] for term in terms if term.startswith("<")}
    found: dict[str, tuple[Path, int]] = {}
    for file in files if wanted else ():
        if str(file) == "-":
            continue
        kind = _format_of(file)
        lined = kind not in (ox.RdfFormat.RDF_XML, ox.RdfFormat.JSON_LD)
        prefixes: dict[str, str] = {}
        try:
            with _opened(file) as stream:
                for number, raw in enumerate(stream, start=1):
                    line = raw.decode("utf-8", "replace").strip()
                    if declared := _PREFIX.match(line):
                        prefixes[declared[1]] = declared[2]
                    if lined:
                        named = _SUBJECT.match(line)
                        if not named:
                            continue
                        prefix, local = named[2], named[3]
                        names = [named[1] if prefix is None else prefixes.get(prefix, "") + local]
                    else:
                        names = _QUOTED.findall(line)
                    for name in names:
                        if name in wanted:
                            found.setdefault(f"<{name}>", (file, number))
        except (OSError, EOFError, zlib.error, SourceError):
            continue
    return found


_PREFIX = re.compile(r"@?prefix\s+([\w.-]*):\s*<([^>]*)>", re.I)
_SUBJECT = re.compile(r"(?:<([^>]*)>|([\w.-]*):([\w.\-%]*))(?=\s|$)")
_QUOTED = re.compile(r'"([^"]*)"')


def _place_of(file: Path, *texts: str) -> str:
    line = line_of(file, *(re.escape(text) for text in texts))
    return f"{shown(file)}: line {line}" if line else shown(file)


def shown(file: Path) -> str:
    """What to call a file in a sentence."""
    return "standard input" if str(file) == "-" else printable(str(file))


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return printable(str(text).rstrip("."))


def _syntax_error(file: Path, kind: ox.RdfFormat, error: SyntaxError) -> SourceError:
    reason = printable(_PLACE.sub("", str(error.msg)).rstrip("."))
    if "LoadDocumentCallback" in reason:
        return SourceError(
            "its @context is kept elsewhere, and nothing is fetched.",
            where=_place_of(file, "https://", "http://", "@context"),
            mend="Copy the context into the file.",
        )
    place = shown(file)
    if error.lineno:
        place += f": line {error.lineno}, column {error.offset}"
    elif line := _last_line_read(file, kind):
        place += f": {'up to ' if kind == ox.RdfFormat.JSON_LD else ''}line {line}"
    if "UTF-8" in reason or "utf-8" in reason:
        return SourceError(
            "the text is not UTF-8.", where=place, mend="Save the file as UTF-8 and try again."
        )
    return SourceError(
        f"this is not well-formed {kind.name}: {reason}.",
        where=place,
        mend="Mend the line and try again.",
    )


class _LineByLine:
    """A stream that hands out one line at a time, and so knows how far its reader has come."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.line = 0
        self.ended = True

    def read(self, size: int = -1) -> bytes:
        text = self.stream.readline(size)
        self.line += self.ended and text != b""
        self.ended = text.endswith(b"\n")
        return text


def _last_line_read(file: Path, kind: ox.RdfFormat) -> int | None:
    """The line on which a parser gives up that does not itself say so (RDF/XML, JSON-LD)."""
    with _opened(file) as stream:
        reader = _LineByLine(stream)
        try:
            for _ in ox.parse(
                cast(IO[bytes], reader), format=kind, base_iri=file.resolve().as_uri()
            ):
                pass
        except SyntaxError:
            return max(reader.line, 1)
    return None


def _check_entities(file: Path) -> None:
    """Raise SourceError for an XML entity that reaches outside the file or could swell."""
    kept = b""
    with _opened(file) as stream:
        while chunk := stream.read(1 << 20):
            text = kept + chunk
            for found in _ENTITY.finditer(text):
                value = found["double"] or found["single"] or b""
                name = found["name"].decode("utf-8", "replace")
                if found["outside"] or found["percent"]:
                    wrong = "is kept outside the file, and nothing is fetched"
                elif re.search(rb"&(?!#)", value) or len(value) > ENTITY_LENGTH:
                    wrong = "could swell without limit"
                else:
                    continue
                raise SourceError(
                    f"the XML entity {name} {wrong}.",
                    where=_place_of(file, f"<!ENTITY {name}", "<!ENTITY"),
                    mend="Write its text where it is used.",
                )
            kept = text[-(ENTITY_LENGTH * 2) :]


def _format_of(file: Path) -> ox.RdfFormat | None:
    if stated := _STATED.get().get(file):
        return stated
    suffixes = file.suffixes
    if suffixes and suffixes[-1].lower() == ".gz":
        suffixes = suffixes[:-1]
    return FORMATS.get(suffixes[-1].lower()) if suffixes else None


_KEPT: WeakKeyDictionary[IO[bytes], Any] = WeakKeyDictionary()


def _standard_input() -> Path:
    """A file with what standard input holds, so that it can be read more than once."""
    stream = sys.stdin.buffer
    if stream not in _KEPT:
        kept = _KEPT[stream] = NamedTemporaryFile(prefix="holdfast-")  # noqa: SIM115 lasts as long as the stream
        shutil.copyfileobj(stream, kept)
        kept.flush()
    return Path(_KEPT[stream].name)


def _opened(file: Path) -> IO[bytes]:
    """The bytes of a file, unpacked, without a byte-order mark."""
    opened: Callable[..., Any] = gzip.open if file.suffix.lower() == ".gz" else Path.open
    stream: Any = opened(file if str(file) != "-" else _standard_input(), "rb")
    try:
        begins = stream.peek(512)[:512]
        if begins[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise SourceError(
                "the text is UTF-16, not UTF-8.",
                where=shown(file),
                mend="Save the file as UTF-8 and try again.",
            )
        if begins[:2] == b"\x1f\x8b":
            raise SourceError(
                "the file is compressed, but its name does not say so.",
                where=shown(file),
                mend="Unpack it first." if str(file) == "-" else f"Rename it {file.name}.gz.",
            )
        if b"\0" in begins:
            raise SourceError(
                "the file is not text.",
                where=shown(file),
                mend="Give a file in the format that its name says.",
            )
        if begins[:3] == b"\xef\xbb\xbf":
            stream.read(3)
    except BaseException:
        stream.close()
        raise
    return cast(IO[bytes], stream)
