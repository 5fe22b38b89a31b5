"""A store in a folder: the record of what was sent, and an index of it that answers queries.

    holdfast.json    says that this folder is a store
    lock             held by the one process that writes
    record/          what was sent and committed (see `record`)
    lines/           the current versions as lines of N-Quads, made from the record
    index/           Oxigraph, made from the lines (see `index`)

A write is prepared whole, on a copy of the index that nobody reads; then its line goes into the
log, and with that it is committed. Whatever fails before leaves everything as it was; whatever is
lost after is made again from the record when the store is next opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any

import pyoxigraph as ox

from holdfast.errors import (
    BusyError,
    ConflictError,
    HoldfastError,
    OutdatedError,
    StoreError,
    UnknownNameError,
    printable,
)
from holdfast.limits import Progress
from holdfast.store import lines as text
from holdfast.store.edits import Delta, Update, apply_data, apply_update, check_size
from holdfast.store.index import MANY, Index, Reader, Snapshot, newest_snapshot
from holdfast.store.lines import Content
from holdfast.store.record import (
    PATCH,
    SUFFIXES,
    Commit,
    Kept,
    Kind,
    Record,
    Version,
    format_of,
    now,
    sync_folder,
)
from holdfast.vocabulary import nearest

GRAPHS = "https://w3id.org/holdfast/id/graph/"
INFERRED = GRAPHS + "inferred"
"""The graph of facts that follow by rules and ontology."""
FINDINGS = GRAPHS + "findings"
"""The graph of findings and standings."""
CATALOGUE = GRAPHS + "catalogue"
"""The graph that describes the registers."""
DERIVED = (INFERRED, FINDINGS, CATALOGUE)

DEFAULT = "urn:x-holdfast:default"
"""The register whose own graph is the default graph: where an update goes that names no graph."""

_FORMAT = 1
_CHAIN = 100
_OUR_LABEL = re.compile(r"r\d+x\d+b\d+|c\d+n\d+")


@dataclass(frozen=True)
class Change:
    """What a write would do to one register.

    `removed` and `added` are lines of N-Quads; `content` is what the register would hold, and None
    where it is dropped. `source` is the file that was sent, with a suffix that tells its format,
    where the register is put as a whole.
    """

    register: str
    before: Version | None
    content: Content | None
    removed: Iterable[bytes]
    added: Iterable[bytes]
    source: Path | None = None


@dataclass(frozen=True)
class Proposal:
    """A write that is ready to be committed as commit `number`, and may still be refused."""

    number: int
    kind: Kind
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Sent:
    """A register as it is sent, to be put whole; `Store.put` says what each part means."""

    register: str
    content: bytes | Path | IO[bytes]
    media_type: str
    packed: bool = False
    base: str | None = None
    if_match: int | None = None
    within: bool = False


@dataclass(frozen=True)
class Derived:
    """A change to the graphs INFERRED, FINDINGS and CATALOGUE; its quads are in no other graph.

    With `anew`, `added` is all that they hold from now on; its `digest`, if there is one, is kept
    with the snapshot.
    """

    added: Iterable[ox.Quad] = ()
    removed: Iterable[ox.Quad] = ()
    anew: bool = False
    digest: str = ""


Check = Callable[[Proposal], Derived | None]
"""Asked before a write is committed. Raises HoldfastError to refuse it; then nothing has changed.
What it returns goes into the derived graphs with the same commit; None leaves them as they are."""


MakeUpdate = Callable[[Path, Update], Delta]
"""Makes an update on the Oxigraph store in a folder, which is thrown away after, and says what it
comes to. It may raise anything: then nothing has changed."""


def make_update(folder: Path, update: Update) -> Delta:
    """Make an update in this process, for as long as it takes. Raises StoreError, PolicyError."""
    return apply_update(ox.Store(str(folder)), update)


@dataclass
class _Draft:
    """One register's part in a write."""

    register: str
    before: Version | None
    content: Content | None
    removed: set[bytes]
    added: set[bytes]
    kept: Kept | None
    version: Version
    graphs: frozenset[bytes] | None = None

    @property
    def new(self) -> bool:
        """Whether all of the content is new; then `added` is left empty."""
        return self.before is None and self.graphs is not None

    def change(self) -> Change:
        """What a check is told."""
        source = self.kept.path if self.kept and self.graphs is not None else None
        added = self.content if self.new and self.content else self.added
        return Change(self.register, self.before, self.content, self.removed, added, source)


class Store:
    """A store in a folder, open. Any number of processes may read, one may write.

    Methods may be called from several threads; writes wait for each other, up to `wait_seconds`
    where that is set.
    """

    def __init__(self, folder: Path, record: Record, lock: int | None) -> None:
        """Use `Store.open`."""
        self.folder = folder
        self.record = record
        self.wait_seconds: float | None = None
        self._lock = lock
        self._writing = threading.RLock()
        self._writer = ("", 0.0)
        self._index: Index | None = None
        self._contents: dict[str, tuple[int, Content]] = {}
        self._scratch: Path | None = None
        self._news = threading.Condition()
        self._sound = True

    # -- opening -----------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        create: bool = False,
        write: bool = True,
        progress: Progress | None = None,
    ) -> Store:
        """The store in a folder, brought to the state of its last commit.

        With `create` it is made where there is none yet. Without `write` it can be opened by any
        number of processes, while another writes, and nothing in the folder is touched. What had to
        be mended is said in `said`. Raises StoreError where there is no store, another process has
        it open for writing, or the record is damaged.
        """
        place = Path(folder)
        try:
            return cls._opened(place, create and write, write, progress)
        except OSError as error:
            raise StoreError(
                f"the store cannot be opened: {error.strerror or error}.", where=str(place)
            ) from None

    @classmethod
    def _opened(cls, folder: Path, create: bool, write: bool, progress: Progress | None) -> Store:
        marker = folder / "holdfast.json"
        record = Record(folder / "record")
        if not marker.exists():
            if not create:
                raise StoreError(
                    "there is no store in this folder.",
                    where=printable(str(folder)),
                    mend="`holdfast load --kb DIR SOURCE` makes one.",
                )
            _make_folder(folder)
            record.make()
            _write_whole(marker, json.dumps({"holdfast": "store", "format": _FORMAT}) + "\n")
        try:
            about = json.loads(marker.read_text(encoding="utf-8"))
            form = about["format"] if about["holdfast"] == "store" else None
        except (ValueError, KeyError, TypeError):
            form = None
        if form != _FORMAT:
            raise StoreError(
                "this is not a store that this version of Holdfast can read.",
                where=str(marker),
                mend="Use the version that made it.",
            )
        lock = _locked(folder) if write else None
        store = cls(folder, record, lock)
        try:
            record.read(mend=write)
            if write:
                record.tidy()
                store._index = Index(folder / "index")
                store._bring_up(progress)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def said(self) -> tuple[str, ...]:
        """What had to be mended since the store was opened, in sentences."""
        return tuple(self.record.said)

    def close(self) -> None:
        """Let go of the store. Reading from it ends."""
        with self._writing:
            if self._index is not None:
                self._index.close()
                self._index = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
            if self._scratch is not None:
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch = None

    def __enter__(self) -> Store:
        """The store, closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _bring_up(self, progress: Progress | None) -> None:
        """Bring the index to the state of the last commit, and say so where it was not."""
        index = self._opened_index
        fault = index.open(self.record)
        shown = index.current.commit if index.current else 0
        if shown == self.record.last and index.current:
            return
        if fault or not shown or not self._catch_up(shown):
            self._load_all(progress)
        index.publish(index.freeze(self.record.last, self.record.seal))
        if not self.record.last:
            return
        registers, quads = len(self.registers()), sum(one.quads for one in self.registers())
        how = f"The index {fault}" if fault else f"The index showed commit {shown}"
        self.record.said.append(
            f"{how}; it has been brought up from the record to commit {self.record.last}:"
            f" {registers:,} {'register' if registers == 1 else 'registers'}, {quads:,} quads."
        )

    def _catch_up(self, shown: int) -> bool:
        """Make the commits after `shown` on the index; whether that was worth while."""
        index = self._opened_index
        changed = {
            version.register
            for commit in self.record.commits[shown:]
            for version in commit.versions
        }
        work = 0
        changes = []
        for register in sorted(changed):
            before = [one for one in self.record.history[register] if one.commit <= shown]
            after = self.record.history[register][-1]
            old = self._content_of(before[-1]) if before and not before[-1].dropped else ()
            new = self._content_of(after) if not after.dropped else ()
            removed, added = text.difference(old, new)
            work += len(removed) + len(added)
            changes.append((register, removed, added, new))
        if work > MANY:
            return False
        for register, removed, added, new in changes:
            self._take(removed, added, new)
            own = _own_graph(register)
            gone = {text.graph_of(line) for line in removed} - {own}
            index.own(
                register, [g for g in gone if not self._has_graph(g)], self._named(added, own)
            )
        return True

    def _load_all(self, progress: Progress | None) -> None:
        """Make the index anew from the current versions."""
        index = self._opened_index
        index.anew()
        current = self.registers()
        for place, version in enumerate(current):
            if progress:
                progress("Indexing", place, len(current))
            self._index_whole(version.register, self._content(version))

    def _index_whole(self, register: str, content: Content) -> None:
        index = self._opened_index
        own = _own_graph(register)
        if content.removed or content.added:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                whole = Path(folder) / "whole.nq"
                count = content.write(whole)
                index.load(whole, count)
        else:
            index.load(content.file, _count_of(content.file))
        index.own(register, (), self._named(content, own))

    # -- reading -----------------------------------------------------------------------------------

    @property
    def last(self) -> int:
        """The number of the last commit, 0 where there is none."""
        return self.record.last

    @property
    def seal(self) -> str:
        """What stands for all that is committed: the same seal, the same record."""
        return self.record.seal

    def refresh(self) -> int:
        """See what another process has committed; the number of the last commit."""
        if self._lock is None:
            self.record.read(mend=False)
        return self.last

    def registers(self) -> list[Version]:
        """The current version of each register that is not dropped, by IRI."""
        return self.record.current()

    def versions(self, register: str) -> list[Version]:
        """All versions of a register, oldest first. Raises UnknownNameError."""
        found = self.record.history.get(register)
        if not found:
            known = sorted(self.record.history)
            raise UnknownNameError(
                f"there is no register <{printable(register)}> in this store.",
                mend=nearest(register, known) or "`holdfast registers` lists them.",
            )
        return list(found)

    def version(self, register: str, number: int | None = None) -> Version:
        """A version of a register by its number; without one the current version.

        Raises UnknownNameError, also for the current version of a register that was dropped.
        """
        found = self.versions(register)
        if number is None:
            if found[-1].dropped:
                raise UnknownNameError(
                    f"register <{register}> was dropped with commit {found[-1].commit}.",
                    mend=f"Its version {found[-1].number - 1} is still kept: ask for it by number.",
                )
            return found[-1]
        if not 1 <= number <= len(found):
            raise UnknownNameError(
                f"register <{register}> has no version {number}.",
                mend=f"It has versions 1 to {len(found)}.",
            )
        return found[number - 1]

    def read(self, version: Version) -> tuple[bytes, str]:
        """A version's bytes and media type: as it was sent, unpacked where it came gzipped.

        A version that came about by changing the one before is written as N-Quads. Raises
        StoreError where the record is damaged.
        """
        if version.media_type == PATCH:
            return b"".join(self._content_of(version)), "application/n-quads"
        self.record.verify(version)
        with self.record.opened(version) as stream:
            return stream.read(), version.media_type

    def sent(self, version: Version) -> tuple[Path, str, bool]:
        """The file that holds a version, its media type, and whether it is gzipped.

        A version that came about by changing the one before is written as N-Quads, beside the lines
        of the store. Raises StoreError where the record is damaged.
        """
        if version.media_type != PATCH:
            return self.record.path(version), version.media_type, version.packed
        content = self._content_of(version)
        if not (content.removed or content.added):
            return content.file, "application/n-quads", False
        place = self._lines_folder() / f"as-{version.commit}-{_file_name(version.register)}.nq"
        if not place.exists():
            new = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            content.write(new)
            os.replace(new, place)
        return place, "application/n-quads", False

    def quads(self, register: str, number: int | None = None) -> Iterator[ox.Quad]:
        """The quads of a register, each literal as it was sent, read from the record.

        What stood in the default graph of what was sent is in the register's own graph.
        """
        version = self.version(register, number)
        if version.dropped:
            return iter(())
        content = self._content_of(version)
        if content.removed or content.added:
            return text.quads_of(content)
        return ox.parse(path=str(content.file), format=ox.RdfFormat.N_QUADS)

    def graph(self, graph: str) -> Iterator[ox.Quad] | None:
        """The quads of one graph, each literal as it was sent; None where there is none."""
        owner = self.owner(graph)
        if owner is None:
            return None
        end = b" %s .\n" % text.name_of(graph) if graph != DEFAULT else b""
        content = self._content(self.version(owner))
        if end:
            found = [line for line in content if line.endswith(end)]
        else:
            found = [line for line in content if not text.graph_of(line)]
        return text.quads_of(found)

    def owner(self, graph: str) -> str | None:
        """The register that a graph belongs to, if any."""
        if self._index is not None and (owner := self._index.owners.get(text.name_of(graph))):
            return owner
        versions = self.record.history.get(graph)
        return graph if versions and not versions[-1].dropped else None

    def content(self, graph: str) -> Content | None:
        """The lines of the register that a graph belongs to, other graphs of it among them."""
        owner = self.owner(graph)
        return None if owner is None else self._content(self.version(owner))

    def files(self, folder: Path) -> list[Path]:
        """The current registers as files of N-Quads in a folder, named for their registers.

        They stay as they are, whatever becomes of the store.
        """
        found = []
        for version in self.registers():
            path = folder / f"{_file_name(version.register)}.nq"
            content = self._content_of(version)
            if content.removed or content.added:
                content.write(path)
            else:
                try:
                    os.link(content.file, path)
                except OSError:  # on another disk
                    shutil.copyfile(content.file, path)
            found.append(path)
        return found

    def snapshot(self) -> Snapshot:
        """The newest frozen state of the index, for `Reader`. Raises StoreError without one."""
        if self._index is not None and self._index.current is not None:
            return self._index.current
        found = newest_snapshot(self.folder / "index")
        if found is None:
            raise StoreError(
                "there is no index yet.",
                where=str(self.folder),
                mend="`holdfast rebuild` makes it from the record.",
            )
        return found

    def reader(self) -> Reader:
        """The newest snapshot, open for reading."""
        while True:
            snapshot = self.snapshot()
            try:
                return Reader(snapshot)
            except StoreError:
                if snapshot.path == self.snapshot().path:
                    raise

    def changes(self, since: int = 0) -> Sequence[Commit]:
        """The commits after number `since`, oldest first."""
        return self.record.commits[since:]

    def wait(self, since: int, seconds: float) -> bool:
        """Wait for a commit after number `since`; False if there is none in that time."""
        with self._news:
            return self._news.wait_for(lambda: self.last > since, seconds)

    def difference(self, register: str, one: int, other: int) -> tuple[set[bytes], set[bytes]]:
        """The lines of N-Quads that only one version of a register has, and only the other.

        Version 0 is the register before it was there.
        """
        contents: list[Iterable[bytes]] = []
        for number in (one, other):
            version = self.version(register, number) if number else None
            contents.append(self._content_of(version) if version and not version.dropped else ())
        return text.difference(*contents)

    # -- writing -----------------------------------------------------------------------------------

    def put(
        self,
        register: str,
        content: bytes | Path | IO[bytes],
        media_type: str,
        *,
        packed: bool = False,
        base: str | None = None,
        note: str = "",
        author: str = "",
        if_match: int | None = None,
        within: bool = False,
        check: Check | None = None,
    ) -> Commit:
        """Make this the register's content, whole; a new version of it.

        `register` is its IRI. `packed` says that the content is gzipped. Relative IRIs are relative
        to `base`, or else to the register's IRI. `if_match` is the number of the version that this
        one follows, 0 for none. Where `register` names a graph of another register, that graph
        alone is replaced with `within`; without it that is refused. Raises SourceError for what
        cannot be parsed, OutdatedError where `if_match` does not hold, ConflictError where a graph
        belongs to another register, StoreError where it cannot be written, BusyError where other
        writes take too long, and what `check` raises; then nothing has changed.
        """
        sent = Sent(register, content, media_type, packed, base, if_match, within)
        return self.put_all([sent], note=note, author=author, check=check)

    def put_all(
        self,
        sent: Sequence[Sent],
        *,
        note: str = "",
        author: str = "",
        check: Check | None = None,
    ) -> Commit:
        """Put several registers with one commit: all of them, or none; else as `put`."""
        with self._written("put"):
            drafts = [self._put(one, place) for place, one in enumerate(sent)]
            times = Counter(draft.register for draft in drafts)
            if twice := [register for register, number in times.items() if number > 1]:
                raise ConflictError(
                    f"register <{twice[0]}> is written twice.",
                    mend="Give each register an IRI of its own.",
                )
            return self._commit("put", drafts, note, author, check)

    def _put(self, sent: Sent, place: int) -> _Draft:
        register, media_type = sent.register, sent.media_type
        self._check_iri(register)
        self._check_format(media_type)
        owner = self.owner(register)
        if owner is not None and owner != register:
            if not sent.within:
                raise _belongs(text.name_of(register), owner, register)
            return self._put_graph(sent, owner)
        before = self._before(register, sent.if_match)
        kept = self.record.keep(sent.content, media_type, packed=sent.packed)
        version = replace(
            self._next(register, before),
            blob=kept.blob,
            media_type=media_type,
            size=kept.size,
            base=_base_of(register) if sent.base is None else sent.base,
            packed=sent.packed,
        )
        new = self._lines_folder() / f"new-{place}-{kept.blob}.nq"
        written = self._write_lines(kept.path, version, new, place)
        version = replace(version, quads=written.count)
        content = Content(written.path)
        draft = _Draft(register, before, content, set(), set(), kept, version, written.graphs)
        if before is not None:
            draft.removed, draft.added = text.difference(self._content(before), content)
        return draft

    def _put_graph(self, sent: Sent, owner: str) -> _Draft:
        """Replace one graph of a register that has others."""
        before = self._before(owner, sent.if_match)
        assert before is not None
        found = self._parsed(sent)
        end = b" %s .\n" % text.name_of(sent.register)
        old = {line for line in self._content(before) if line.endswith(end)}
        return self._changed(owner, before, (), found - old, less=old - found)

    def merge(
        self,
        graph: str,
        content: bytes | Path | IO[bytes],
        media_type: str,
        *,
        packed: bool = False,
        base: str | None = None,
        note: str = "",
        author: str = "",
        if_match: int | None = None,
        check: Check | None = None,
    ) -> Commit:
        """Add this to a graph, and to the register that it belongs to; else as `put`."""
        with self._written("patch"):
            self._check_iri(graph)
            self._check_format(media_type)
            owner = self.owner(graph) or graph
            before = self._before(owner, if_match)
            found = self._parsed(Sent(graph, content, media_type, packed, base))
            draft = self._changed(owner, before, (), found)
            return self._commit("patch", [draft], note, author, check)

    def patch(
        self,
        register: str,
        added: Iterable[ox.Quad] = (),
        removed: Iterable[ox.Quad] = (),
        *,
        note: str = "",
        author: str = "",
        if_match: int | None = None,
        check: Check | None = None,
    ) -> Commit:
        """Take quads from a register and add others to it; else as `put`.

        A quad in the default graph is meant for the register's own graph. What is not there cannot
        be taken, and is passed over. A literal is taken in every spelling of its value.
        """
        with self._written("patch"):
            self._check_iri(register)
            before = self._before(register, if_match)
            label = self._fresh()
            names: dict[str, ox.BlankNode] = {}
            ours = [self._ours(quad, register, label, names) for quad in removed]
            less = [text.value_of(quad) for quad in ours if self._owner_of(quad) == register]
            more = {text.line_of(self._ours(quad, register, label, names)) for quad in added}
            draft = self._changed(register, before, less, more)
            return self._commit("patch", [draft], note, author, check)

    def update(
        self,
        update: str,
        *,
        using: Sequence[str] = (),
        using_named: Sequence[str] = (),
        union: bool = True,
        most: int = 0,
        note: str = "",
        author: str = "",
        check: Check | None = None,
        make: MakeUpdate = make_update,
    ) -> Commit | None:
        """Make a SPARQL 1.1 Update: a new version of each register that it changes.

        What the update does not touch keeps its spelling. A graph that belongs to no register
        becomes a register of that name; what names no graph goes into the register DEFAULT. `using`
        and `using_named` are the dataset of every WHERE; without them the default graph is the
        `union` of all. A register that is left with nothing is dropped. Returns None where nothing
        changes. LOAD and SERVICE are refused. Raises as `put`, and TooLargeError where it comes to
        more than `most` quads, counting some for each register; 0 is any number.

        `make` makes it, on a copy of the index, while other writes wait; where an update may never
        end, it is for `make` to stop. It is not asked for data alone, which end by themselves.
        """
        with self._written("update"):
            index = self._opened_index
            asked = Update(update, using, using_named, union, self._fresh(), most)
            delta = apply_data(index.live, asked)
            if delta is None:
                with index.draft() as folder:
                    delta = make(folder, asked)
            taken: dict[str, list[ox.Quad]] = {}
            added: dict[str, set[bytes]] = {}
            for quad in delta.taken:
                taken.setdefault(self._owner_of(quad), []).append(quad)
            for quad in delta.added.values():
                added.setdefault(self._owner_of(quad), set()).add(text.line_of(quad))
            registers = sorted({*taken, *added})
            check_size(len(delta.taken) + len(delta.added), most, len(registers))
            index.take(delta.taken, delta.added)
            index.forget_empty(
                {q.graph_name for q in delta.taken if not isinstance(q.graph_name, ox.DefaultGraph)}
            )
            drafts = [
                self._changed(
                    register,
                    self._before(register, None),
                    taken.get(register, ()),
                    added.get(register, ()),
                    made=True,
                )
                for register in registers
            ]
            drafts = [draft for draft in drafts if draft.removed or draft.added]
            if not drafts:
                if delta.taken or delta.added:
                    index.reset()
                return None
            return self._commit("update", drafts, note, author, check, made=True)

    def drop(
        self,
        register: str,
        *,
        note: str = "",
        author: str = "",
        if_match: int | None = None,
        check: Check | None = None,
    ) -> Commit:
        """Take a register away; its versions stay. A graph of another register is taken from that.

        Raises UnknownNameError where there is none; else as `put`.
        """
        with self._written("drop"):
            owner = self.owner(register)
            if owner is not None and owner != register:
                before = self._before(owner, if_match)
                assert before is not None
                end = b" %s .\n" % text.name_of(register)
                gone = {line for line in self._content(before) if line.endswith(end)}
                draft = self._changed(owner, before, (), (), less=gone)
                return self._commit("drop", [draft], note, author, check)
            version = self.version(register)
            before = self._before(register, if_match)
            draft = _Draft(
                register, before, None, set(self._content(version)), set(), None,
                self._next(register, before),
            )  # fmt: skip
            return self._commit("drop", [draft], note, author, check)

    def derived(self, change: Derived) -> Snapshot:
        """Change the derived graphs to what follows from the last commit; a new snapshot.

        It waits for the writes before it for as long as these take.
        """
        with self._written("assessment", waits=True):
            index = self._opened_index
            self._derive(change)
            index.derived = self.last
            return index.publish(index.freeze(self.last, self.seal))

    def rebuild(self, progress: Progress | None = None) -> list[str]:
        """Verify the whole record, and make the index anew from it.

        Returns what is damaged, in sentences that name the version. Raises StoreError where a
        current version can be read neither from its blob nor from its lines. Blobs of writes that
        were never committed are removed.
        """
        with self._written("rebuild"):
            faults = []
            everything = [one for all_ in self.record.history.values() for one in all_ if one.blob]
            for place, version in enumerate(everything):
                if progress:
                    progress("Verifying", place, len(everything))
                try:
                    self.record.verify(version)
                except StoreError as error:
                    faults.append(str(error))
            for path in self.record.unused():
                path.unlink()
            self._contents.clear()
            index = self._opened_index
            self._load_all(progress)
            index.publish(index.freeze(self.last, self.seal))
            return faults

    # -- what a write consists of ------------------------------------------------------------------

    @property
    def _opened_index(self) -> Index:
        if self._index is None:
            raise StoreError(
                "the store is open for reading only.",
                where=str(self.folder),
                mend="Open it to write.",
            )
        return self._index

    @contextmanager
    def _written(self, what: str, *, waits: bool = False) -> Iterator[None]:
        """Room for one write: whatever fails, everything is as it was.

        Raises BusyError where another one takes too long, unless this one `waits`.
        """
        with self._turn(what, None if waits else self.wait_seconds):
            index = self._opened_index
            if not self._sound:
                self._bring_up(None)
                self._sound = True
            last, revision = self.last, index.current.revision if index.current else -1
            try:
                yield
            except BaseException as error:
                if (self.last, index.current.revision if index.current else -1) == (last, revision):
                    self._undo()
                if isinstance(error, OSError | RuntimeError) and not isinstance(
                    error, RecursionError
                ):
                    reason = getattr(error, "strerror", None) or str(error)
                    raise StoreError(
                        f"it cannot be written: {printable(reason).rstrip('.')}."
                        " Nothing has changed.",
                        where=str(self.folder),
                        mend="Free some disk space, or see who may write there.",
                    ) from error
                raise
            finally:
                self.record.tidy()
            with self._news:
                self._news.notify_all()

    @contextmanager
    def _turn(self, what: str, seconds: float | None) -> Iterator[None]:
        if not self._writing.acquire(timeout=-1 if seconds is None else seconds):
            other, since = self._writer
            raise BusyError(
                f"another write ({other}) has gone on for {monotonic() - since:.1f} s, and this one"
                f" has waited for {seconds:g} s. Nothing has changed.",
                where=str(self.folder),
                mend="Try again once that one has ended.",
            )
        try:
            self._writer = (what, monotonic())
            yield
        finally:
            self._writing.release()

    def _undo(self) -> None:
        for path in self.folder.glob("lines/new-*"):
            path.unlink(missing_ok=True)
        try:
            self._opened_index.reset()
        except (OSError, RuntimeError):
            self._sound = False  # tried again before the next write

    def _commit(
        self,
        kind: Kind,
        drafts: list[_Draft],
        note: str,
        author: str,
        check: Check | None,
        *,
        made: bool = False,
    ) -> Commit:
        """Check, index and commit; `made` says that the live index has the changes already."""
        index = self._opened_index
        number = self.last + 1
        self._check_graphs(drafts)
        derived = None
        if check is not None:
            derived = check(Proposal(number, kind, tuple(draft.change() for draft in drafts)))
        if not made:
            self._apply(drafts)
        for draft in drafts:
            own = _own_graph(draft.register)
            gained = draft.graphs
            if gained is None:
                gained = frozenset(self._named(draft.added, own))
            lost = {text.graph_of(line) for line in draft.removed} - gained - {own}
            index.own(
                draft.register, [g for g in lost if not self._has_graph(g)], gained - {own, b""}
            )
        if derived is not None:
            self._derive(derived)
            index.derived = number
        commit = Commit(number, now(), kind, note, author, tuple(draft.version for draft in drafts))
        line = self.record.line_of(commit)
        frozen = index.freeze(number, sha256(line).hexdigest())
        for draft in drafts:
            if draft.kept is not None:
                draft.kept.settle()
        done = self.record.append(line)
        # from here on it is committed: what fails now is mended before the next write
        try:
            self._settle_lines(drafts, done)
            index.publish(frozen)
        except (OSError, RuntimeError) as error:
            self._sound = False
            self.record.said.append(f"Commit {number} stands; the index follows later: {error}.")
        return done

    def _apply(self, drafts: Iterable[_Draft]) -> None:
        """Make the changes on the live index, in the way that takes the least time."""
        index = self._opened_index
        drafts = list(drafts)
        removed = sum(len(draft.removed) for draft in drafts)
        left = sum(one.quads for one in self.registers()) - removed
        if removed > MANY and removed * 3 > left:
            kept = [
                quad
                for graph in DERIVED
                for quad in index.live.quads_for_pattern(None, None, None, ox.NamedNode(graph))
            ]
            owners, derived, digest = dict(index.owners), index.derived, index.digest
            index.anew()
            index.owners, index.derived, index.digest = owners, derived, digest
            changed = {draft.register for draft in drafts}
            for version in self.registers():
                if version.register not in changed:
                    self._index_whole(version.register, self._content(version))
            for draft in drafts:
                if draft.content is not None:
                    self._index_whole(draft.register, draft.content)
            index.take((), kept)
            return
        for draft in drafts:
            if draft.new and draft.content is not None:
                index.load(draft.content.file, draft.version.quads)
            else:
                self._take(draft.removed, draft.added, draft.content or ())

    def _take(
        self, removed: set[bytes], added: set[bytes], after: Content | Iterable[bytes]
    ) -> None:
        """Take lines from the live index and add others; another spelling of a value stays."""
        less = list(text.quads_of(removed))
        more = list(text.quads_of(added))
        doubtful = {text.value_of(quad) for quad in less if text.is_rewritten(quad)}
        if doubtful and isinstance(after, Content):
            more += [value for value, found in after.of_value(doubtful).items() if found]
        self._opened_index.take(less, more)

    def _derive(self, change: Derived) -> None:
        index = self._opened_index
        added = list(change.added)
        names = {ox.NamedNode(graph) for graph in DERIVED}
        removed = list(change.removed)
        for quad in (*added, *removed):
            if quad.graph_name not in names:
                raise ValueError(f"{quad.graph_name} is not a derived graph")
        if change.anew:
            wanted = {text.value_of(quad) for quad in added}
            there = {
                quad
                for name in names
                for quad in index.live.quads_for_pattern(None, None, None, name)
            }
            removed = [quad for quad in there if quad not in wanted]
            added = [quad for quad in wanted if quad not in there]
        index.take(removed, added)
        index.digest = change.digest

    def _changed(
        self,
        register: str,
        before: Version | None,
        taken: Iterable[ox.Quad],
        added: Iterable[bytes],
        *,
        less: Iterable[bytes] = (),
        made: bool = False,
    ) -> _Draft:
        """A register changed in part: quads taken by value, lines taken as such, lines added.

        The index tells what is there. `made` says that it has the changes already, and that they
        are changes indeed.
        """
        content = self._content(before) if before else Content(Path(os.devnull))
        live = self._opened_index.live
        values = {quad for quad in taken if made or quad in live}
        removed = {text.line_of(quad) for quad in values if not text.is_rewritten(quad)}
        removed.update(less)
        for found in content.of_value(filter(text.is_rewritten, values)).values():
            removed |= found
        more = set(added)
        removed, more = removed - more, more - removed
        if more and not made:
            there = [
                value for quad in text.quads_of(more) if (value := text.value_of(quad)) in live
            ]
            more -= {text.line_of(quad) for quad in there if not text.is_rewritten(quad)}
            for found in content.of_value(filter(text.is_rewritten, there)).values():
                more -= found
        after = content.changed(removed, more)
        version = self._next(register, before)
        quads = (before.quads if before else 0) - len(removed) + len(more)
        if before is not None and next(iter(after), None) is None:
            return _Draft(register, before, None, removed, more, None, version)
        whole = (
            before is None
            or self._chain(before) >= _CHAIN
            or len(after.removed) + len(after.added) > max(1000, quads // 2)
            or (
                any(b"_:" in line for line in (*removed, *more))
                and not self._base_of_chain(before).made
            )
        )
        if whole:
            path = self._lines_folder() / f"new-{sha256(register.encode()).hexdigest()[:16]}.nq"
            quads = after.write(path)
            after = Content(path)
            kept = self.record.keep(path, "application/n-quads", packed=False)
            version = replace(version, media_type="application/n-quads", made=True)
        else:
            kept = self.record.keep(text.patch_of(removed, more), PATCH, packed=False)
            version = replace(version, media_type=PATCH, made=True)
        version = replace(version, blob=kept.blob, size=kept.size, quads=quads)
        return _Draft(register, before, after, removed, more, kept, version)

    def _parsed(self, sent: Sent) -> set[bytes]:
        """The lines of what was sent for one graph. Raises where it names other graphs."""
        graph = sent.register
        kept = self.record.keep(sent.content, sent.media_type, packed=sent.packed)
        out = self._lines_folder() / f"new-{kept.blob}.nq"
        written = text.lines_of_file(
            kept.path, format_of(sent.media_type), out, base=sent.base or _base_of(graph),
            graph=_own_name(graph), label=self._fresh(), made=False,
        )  # fmt: skip
        others = sorted(written.graphs - {_own_graph(graph)})
        if others:
            raise ConflictError(
                f"it names the graph {others[0].decode()}, but is meant for <{graph}> alone.",
                mend="Send triples without graphs, or put the register as a whole.",
            )
        found = set(out.read_bytes().splitlines(keepends=True))
        out.unlink()
        return found

    def _before(self, register: str, if_match: int | None) -> Version | None:
        """The version that a write follows. Raises OutdatedError where it is another."""
        versions = self.record.history.get(register)
        before = versions[-1] if versions and not versions[-1].dropped else None
        if if_match is not None and if_match != (before.number if before else 0):
            there = f"is at version {before.number}" if before else "is not there"
            raise OutdatedError(
                f"register <{register}> {there}, and this was made for"
                f" {f'version {if_match}' if if_match else 'a new register'}.",
                mend="Get the current version, make your change to it, and send it again.",
            )
        return before

    def _next(self, register: str, before: Version | None) -> Version:
        versions = self.record.history.get(register, ())
        return Version(register, len(versions) + 1, self.last + 1, "", "put")

    def _check_iri(self, register: str) -> None:
        try:
            node = ox.NamedNode(register)
        except ValueError:
            node = None
        if node is None or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]", register):
            raise StoreError(
                f"'{printable(register)}' is not an IRI that can name a register.",
                mend="Give a whole IRI, such as https://example.org/register/harbour.",
            )
        if register in DERIVED:
            raise StoreError(
                f"<{register}> is made by Holdfast itself, and cannot be written.",
                mend="Choose another IRI for your register.",
            )

    def _check_format(self, media_type: str) -> None:
        if media_type not in SUFFIXES or media_type == PATCH:
            known = ", ".join(name for name in SUFFIXES if name != PATCH)
            raise StoreError(
                f"'{printable(media_type)}' is not a format known here.",
                mend=f"Use one of {known}.",
            )

    def _check_graphs(self, drafts: Sequence[_Draft]) -> None:
        """Raise where a write would put something into a graph of another register."""
        claimed = {_own_graph(draft.register): draft.register for draft in drafts}
        for draft in drafts:
            own = _own_graph(draft.register)
            named = draft.graphs
            if named is None:
                named = frozenset(self._named(draft.added, own))
            for graph in sorted(named - {own, b""}):
                name = graph[1:-1].decode()
                if name in DERIVED:
                    raise ConflictError(
                        f"the graph {graph.decode()} is made by Holdfast itself.",
                        where=f"register <{draft.register}>",
                        mend="Choose another IRI for your graph.",
                    )
                there = self.owner(name) if graph[:1] == b"<" else None
                owner = claimed.setdefault(graph, there or draft.register)
                if owner != draft.register:
                    raise _belongs(graph, owner, draft.register)

    def _owner_of(self, quad: ox.Quad) -> str:
        graph = quad.graph_name
        if isinstance(graph, ox.DefaultGraph):
            return DEFAULT
        name = graph.value
        if name in DERIVED:
            raise ConflictError(
                f"the graph {graph} is made by Holdfast itself, and an update cannot change it.",
                mend="Change the registers that it follows from.",
            )
        if isinstance(graph, ox.BlankNode):
            return self._opened_index.owners.get(f"_:{name}".encode(), DEFAULT)
        return self.owner(name) or name

    def _ours(
        self, quad: ox.Quad, register: str, label: str, names: dict[str, ox.BlankNode]
    ) -> ox.Quad:
        """A quad of a caller as the register has it: its graph, and blank nodes that are new."""

        def named(term: Any) -> Any:
            if not isinstance(term, ox.BlankNode) or _OUR_LABEL.fullmatch(term.value):
                return term
            return names.setdefault(term.value, ox.BlankNode(f"{label}{len(names)}"))

        graph = quad.graph_name
        if isinstance(graph, ox.DefaultGraph) and register != DEFAULT:
            graph = ox.NamedNode(register)
        return ox.Quad(named(quad.subject), quad.predicate, named(quad.object), graph)

    def _fresh(self) -> str:
        """How the blank nodes that a write brings are called."""
        return f"c{self.last + 1}n"

    def _has_graph(self, graph: bytes) -> bool:
        live = self._opened_index.live
        node = (
            ox.NamedNode(graph[1:-1].decode())
            if graph[:1] == b"<"
            else ox.BlankNode(graph[2:].decode())
        )
        return next(iter(live.quads_for_pattern(None, None, None, node)), None) is not None

    @staticmethod
    def _named(lines: Iterable[bytes], own: bytes) -> set[bytes]:
        """The graphs of lines, other than the register's own and the default graph."""
        return {text.graph_of(line) for line in lines if not line.endswith(b" %s .\n" % own)} - {
            b"",
            own,
        }

    # -- contents ----------------------------------------------------------------------------------

    def _content(self, version: Version) -> Content:
        """The content of a current version, remembered."""
        known = self._contents.get(version.register)
        if known and known[0] == version.number and known[1].file.exists():
            return known[1]
        content = self._content_of(version)
        self._contents[version.register] = (version.number, content)
        return content

    def _content_of(self, version: Version) -> Content:
        """The content of any version: that of its chain's base, changed as each patch says."""
        history = self.record.history[version.register]
        patches = []
        at = version.number
        while history[at - 1].media_type == PATCH:
            patches.append(history[at - 1])
            at -= 1
        content = Content(self._lines(history[at - 1]))
        for patch in reversed(patches):
            removed, added = text.change_in(self.record.bytes_of(patch))
            content = content.changed(removed, added)
        return content

    def _base_of_chain(self, version: Version) -> Version:
        history = self.record.history[version.register]
        at = version.number
        while history[at - 1].media_type == PATCH:
            at -= 1
        return history[at - 1]

    def _chain(self, version: Version) -> int:
        return version.number - self._base_of_chain(version).number

    def _lines_folder(self) -> Path:
        if self._lock is None:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="holdfast-"))
            return self._scratch
        folder = self.folder / "lines"
        folder.mkdir(exist_ok=True)
        return folder

    def _lines(self, version: Version) -> Path:
        """The lines of a whole version, from the folder of lines or else from what was sent."""
        name = _lines_name(version)
        for folder in {self.folder / "lines", self._lines_folder()}:
            if _is_sound(folder / name):
                return folder / name
        folder = self._lines_folder()
        if (folder / name).exists():
            self.record.said.append(
                f"The lines of <{printable(version.register)}> were damaged; they have been made"
                " again from the record."
            )
        self.record.verify(version)
        new = folder / f"new-{name}"
        self._write_lines(self.record.path(version), version, new)
        _sealed(new, folder / name)
        return folder / name

    def _write_lines(self, source: Path, version: Version, out: Path, place: int = 0) -> text.Lines:
        if version.made:
            shutil.copyfile(source, out)
            return text.Lines(out, version.quads, frozenset())
        try:
            return text.lines_of_file(
                source, format_of(version.media_type), out, base=version.base,
                graph=_own_name(version.register), label=self._label(version, place), made=False,
            )  # fmt: skip
        except HoldfastError as error:
            error.where = error.where.replace(str(source), f"register <{version.register}>")
            error.args = (str(error),)
            raise

    def _label(self, version: Version, place: int) -> str:
        """How the blank nodes of a register are called: the same for all its versions.

        `place` is where it stands in the commit that is being made, if it is new.
        """
        history = self.record.history.get(version.register)
        first = history[0].commit if history else version.commit
        if history:
            names = [one.register for one in self.record.commits[first - 1].versions]
            place = names.index(version.register)
        return f"r{first}x{place}b"

    def _settle_lines(self, drafts: Iterable[_Draft], commit: Commit) -> None:
        """Give the lines of new versions their place, and remove those of the versions before."""
        folder = self._lines_folder()
        for draft, version in zip(drafts, commit.versions, strict=True):
            content = draft.content
            if content is not None and content.file.name.startswith("new-"):
                place = folder / _lines_name(version)
                _sealed(content.file, place)
                content = replace(content, file=place)
            if content is None:
                self._contents.pop(draft.register, None)
            else:
                self._contents[draft.register] = (version.number, content)
        used = {_lines_name(self._base_of_chain(one)) for one in self.registers()}
        if len(list(folder.iterdir())) > 2 * len(used) + 20:
            for path in folder.glob("*.nq"):
                if path.name not in used:
                    path.with_suffix(".sum").unlink(missing_ok=True)
                    path.unlink(missing_ok=True)


def _own_name(register: str) -> str:
    return "" if register == DEFAULT else register


def _belongs(graph: bytes, owner: str, register: str) -> ConflictError:
    """The refusal of a register that would hold or be a graph of another, its `owner`."""
    return ConflictError(
        f"the graph {graph.decode()} belongs to register <{owner}>.",
        where=f"register <{register}>",
        mend="A graph belongs to one register: drop that one first, or take the"
        " graph out of this one.",
    )


def _own_graph(register: str) -> bytes:
    """The register's own graph as N-Quads names it; empty for the default graph."""
    return b"" if register == DEFAULT else text.name_of(register)


def _base_of(register: str) -> str:
    return "https://example.org/" if register == DEFAULT else register


def _file_name(register: str) -> str:
    """A file name that tells which register it is, and no other register has."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "-", register.rstrip("/#").rsplit("/", 1)[-1])[-60:].strip(
        ".-"
    )
    return f"{last or 'register'}-{sha256(register.encode()).hexdigest()[:8]}"


def _lines_name(version: Version) -> str:
    """The name of a version's lines: the same blob may be sent for several registers."""
    parts = f"{version.register}\n{version.blob}\n{version.base}\n{version.media_type}"
    return f"{sha256(parts.encode()).hexdigest()[:32]}.nq"


def _sealed(new: Path, place: Path) -> None:
    """Give a file its place, with its length and checksum beside it."""
    checksum, size, count = _sum_of(new)
    os.replace(new, place)
    # not synced: what a power cut takes away here fails its checksum, and is made again
    place.with_suffix(".sum").write_text(f"{size} {checksum} {count}\n", encoding="ascii")


def _is_sound(file: Path) -> bool:
    try:
        wanted = file.with_suffix(".sum").read_text(encoding="ascii").split()
        size = file.stat().st_size
    except (OSError, ValueError):
        return False
    checksum, _, _ = _sum_of(file)
    return wanted[:2] == [str(size), str(checksum)]


def _sum_of(file: Path) -> tuple[int, int, int]:
    """Checksum, length and number of lines of a file."""
    checksum = size = count = 0
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            checksum = zlib.crc32(chunk, checksum)
            size += len(chunk)
            count += chunk.count(b"\n")
    return checksum, size, count


def _count_of(file: Path) -> int:
    return (
        int(file.with_suffix(".sum").read_text(encoding="ascii").split()[2])
        if file.with_suffix(".sum").exists()
        else _sum_of(file)[2]
    )


def _make_folder(folder: Path) -> None:
    """Make the folder of a new store. Raises StoreError where something else is in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        kept = {"record", "lock", ".holdfast.json.new"}  # of one that was killed at this very point
        if not folder.is_dir() or {entry.name for entry in folder.iterdir()} - kept:
            raise StoreError(
                "the folder holds something else, and no store.",
                where=printable(str(folder)),
                mend="Name a folder that is empty or not there yet.",
            )
    folder.mkdir(parents=True, exist_ok=True)


def _write_whole(place: Path, content: str) -> None:
    """Write a small file so that it is there whole or not at all."""
    new = place.with_name(f".{place.name}.new")
    with new.open("w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(new, place)
    sync_folder(place.parent)


def _locked(folder: Path) -> int:
    """Hold the lock of the one who writes. Raises StoreError where another process has it."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        who = os.read(handle, 200).decode("utf-8", "replace").strip() or "another process"
        os.close(handle)
        raise StoreError(
            f"{printable(who)} has it open for writing, and only one may write.",
            where=str(folder),
            mend="Wait until it has ended, or send your change to the service that runs there.",
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
    return handle
