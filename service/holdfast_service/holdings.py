"""What is served: a store of graphs, as the rest of the service sees it."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import pyoxigraph as ox

from holdfast.errors import (
    BusyError,
    ConflictError,
    HoldfastError,
    OutdatedError,
    SourceError,
    TooLargeError,
    UnknownNameError,
)
from holdfast.sources import files_in
from holdfast.store import DEFAULT, DERIVED, Check, Commit, Derived, MakeUpdate, Snapshot, Store
from holdfast.store.sending import sent_from
from holdfast_service.problem import Problem


@dataclass(frozen=True)
class Frozen:
    """A frozen state of a store, for workers to open: the folder, what to lock, and a name."""

    store: str
    hold: str
    name: str


@dataclass(frozen=True)
class Data:
    """What a client sent: a file, its media type, and what relative IRIs in it are relative to."""

    file: Path
    media: str
    base: str


@dataclass(frozen=True)
class Lines:
    """Where a graph stands as lines of N-Quads, spelt as it was sent.

    The file may hold other graphs as well; `removed` and `added` are lines taken away and put in
    since. Without a file the index is all that there is.
    """

    file: str = ""
    removed: tuple[bytes, ...] = ()
    added: tuple[bytes, ...] = ()


class Holdings(Protocol):
    """A store of graphs. What is written is there, whole, when a call returns, or nothing is."""

    @property
    def writable(self) -> bool:
        """Whether anything can be written."""

    def snapshot(self) -> Frozen:
        """The newest state."""

    def lines(self, graph: str | None) -> Lines | None:
        """Where a graph stands as it was sent (None: the default graph); None if there is none."""

    def put(self, graph: str | None, data: Data, *, fresh: bool = False) -> bool:
        """Make `data` all that the graph holds; whether the graph is new, as `fresh` demands."""

    def add(self, graph: str | None, data: Sequence[Data]) -> bool:
        """Add `data` to the graph, all in one commit; whether the graph is new."""

    def drop(self, graph: str | None) -> bool:
        """Remove the graph; whether it was there."""

    def update(
        self,
        text: str,
        using: Sequence[str],
        named: Sequence[str],
        *,
        union: bool,
        most: int,
        make: MakeUpdate,
    ) -> None:
        """Make a SPARQL 1.1 Update; `using` and `named` are the dataset of each WHERE, if any.

        `make` finds out what it comes to, on a copy that is thrown away. It may change up to `most`
        quads, or any number where that is 0.
        """

    def close(self) -> None:
        """Let go of the store."""


Write = Callable[[Callable[[Check | None], Commit | None]], Any]
"""How a store is written to: it is handed what writes, and hands that the check to be made."""


def _plain(write: Callable[[Check | None], Commit | None]) -> None:
    write(None)


class Kept:
    """Registers kept in a folder (`holdfast load --kb`): each graph belongs to a register there."""

    def __init__(self, folder: Path, *, writable: bool = True) -> None:
        """Open the folder; make it a store if it is none. Raises StoreError.

        Unless `writable`, whoever asks the service can write nothing. `write` is how it is done.
        """
        self._store = Store.open(folder, create=True)
        if not self._store.last:
            self._store.derived(Derived())  # a state for workers to open, with nothing in it
        self._writable = writable
        self._passing: Path | None = None
        self.write: Write = _plain
        self.said = self._store.said

    @classmethod
    def of_sources(cls, sources: Sequence[str]) -> Kept:
        """Sources read once into a folder of their own, which ends with the service; read only.

        Raises SourceError.
        """
        folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
        try:
            found = cls(folder / "kb", writable=False)
            found._passing = folder
            files, _ = files_in(sources)
            found._store.put_all([sent_from(file) for file in files], note="served as sources")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return found

    @property
    def store(self) -> Store:
        """The store itself."""
        return self._store

    @property
    def writable(self) -> bool:
        """Whether anything can be written."""
        return self._writable

    def snapshot(self) -> Frozen:
        """The newest state."""
        return _frozen(self._store.snapshot())

    def lines(self, graph: str | None) -> Lines | None:
        """Where the graph stands as it was sent; None where there is none."""
        if graph in DERIVED:
            return Lines()
        content = self._store.content(graph or DEFAULT)
        if content is None:
            return Lines() if graph is None else None
        return Lines(str(content.file), tuple(content.removed), tuple(content.added))

    def put(self, graph: str | None, data: Data, *, fresh: bool = False) -> bool:
        """Make `data` all that the graph holds; whether the graph is new, as `fresh` demands."""
        with told():
            new = self._store.owner(graph or DEFAULT) is None
            self.write(
                lambda check: self._store.put(
                    graph or DEFAULT,
                    data.file,
                    data.media,
                    base=data.base,
                    within=True,
                    if_match=0 if fresh else None,
                    check=check,
                )
            )
            return new

    def add(self, graph: str | None, data: Sequence[Data]) -> bool:
        """Add `data` to the graph, all in one commit; whether the graph is new."""
        with told():
            new = self._store.owner(graph or DEFAULT) is None
            if len(data) == 1:
                one = data[0]
                self.write(
                    lambda check: self._store.merge(
                        graph or DEFAULT, one.file, one.media, base=one.base, check=check
                    )
                )
                return new
            quads: list[ox.Quad] = []
            for one in data:
                parsed = ox.parse(
                    path=str(one.file),
                    format=ox.RdfFormat.from_media_type(one.media),
                    base_iri=one.base,
                    rename_blank_nodes=True,
                )
                name = ox.NamedNode(graph) if graph else ox.DefaultGraph()
                quads += (ox.Quad(q.subject, q.predicate, q.object, name) for q in parsed)
            owner = self._store.owner(graph or DEFAULT) or graph or DEFAULT
            self.write(lambda check: self._store.patch(owner, added=quads, check=check))
            return new

    def drop(self, graph: str | None) -> bool:
        """Remove the graph; whether it was there."""
        with told():
            if self._store.owner(graph or DEFAULT) is None:
                return False
            self.write(lambda check: self._store.drop(graph or DEFAULT, check=check))
            return True

    def update(
        self,
        text: str,
        using: Sequence[str],
        named: Sequence[str],
        *,
        union: bool,
        most: int,
        make: MakeUpdate,
    ) -> None:
        """Make a SPARQL 1.1 Update; `using` and `named` are the dataset of each WHERE, if any."""
        with told():
            self.write(
                lambda check: self._store.update(
                    text,
                    using=using,
                    using_named=named,
                    union=union,
                    most=most,
                    check=check,
                    make=make,
                )
            )

    def close(self) -> None:
        """Let go of the folder."""
        self._store.close()
        if self._passing is not None:
            shutil.rmtree(self._passing, ignore_errors=True)


@lru_cache(maxsize=4)  # each query asks
def _frozen(snapshot: Snapshot) -> Frozen:
    path = snapshot.path
    return Frozen(str(path / "oxigraph"), str(path / "seal.json"), snapshot.name)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What the store refuses, as a problem of whoever asked."""
    try:
        yield
    except OutdatedError as error:
        raise Problem("precondition", str(error)) from None
    except ConflictError as error:
        raise Problem("conflict", str(error)) from None
    except BusyError as error:
        raise Problem("busy", f"{error.what[:1].upper()}{error.what[1:]} {error.mend}") from None
    except TooLargeError as error:
        raise Problem("too-large", str(error)) from None
    except UnknownNameError as error:
        raise Problem("not-found", str(error)) from None
    except SourceError as error:
        raise Problem("rdf-syntax", str(error)) from None
    except HoldfastError as error:
        raise Problem("refused", str(error)) from None
