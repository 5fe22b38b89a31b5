"""Files as registers: which register a file is, and in which format it is sent."""

from __future__ import annotations

import mmap
from pathlib import Path

import pyoxigraph as ox

from holdfast.sources import quads_in
from holdfast.store.local import Sent
from holdfast.store.record import MEDIA_TYPES
from holdfast.vocabulary import HF, IDS, RDF_TYPE

REGISTERS = IDS + "register/"
"""Where the IRIs of registers begin that are named for their files."""


def sent_from(file: Path, register: str | None = None) -> Sent:
    """A file as the content of `register`, or else of the register that it says or is named for."""
    packed = file.suffix.lower() == ".gz"
    suffix = (file.with_suffix("") if packed else file).suffix.lower()
    suffix = {".owl": ".rdf", ".xml": ".rdf"}.get(suffix, suffix)
    return Sent(register or register_of(file), file, MEDIA_TYPES[suffix], packed)


def register_of(file: Path) -> str:
    """The IRI of the register that a file says it is, or else is named for."""
    return _described(file) or REGISTERS + _stem(file)


def _described(file: Path) -> str | None:
    """The first hf:Register that a file says it is."""
    with file.open("rb") as stream:
        if not file.stat().st_size:
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if file.suffix.lower() != ".gz" and text.find(b"Register") < 0:
                return None
    for quad in quads_in(file):
        if (
            quad.predicate.value == RDF_TYPE
            and isinstance(quad.object, ox.NamedNode)
            and quad.object.value == HF + "Register"
            and isinstance(quad.subject, ox.NamedNode)
        ):
            return quad.subject.value
    return None


def _stem(file: Path) -> str:
    stem = file.name.split(".")[0]
    return "".join(sign if sign.isalnum() or sign in "-_~" else "-" for sign in stem) or "register"
