"""The index: Oxigraph on disk, made from the record, and frozen after each commit for readers.

    index/00000017-0000/oxigraph    a snapshot: the state after commit 17, never changed
    index/00000017-0000/seal.json   which record it shows, and a checksum of each of its files
    index/live-…                    where the next state is made; thrown away when anything fails
    index/.draft-…                  where an update is tried; thrown away in any case
    index/.adding-…                 quads on their way in, where there are many
    index/.old-…                    what is being thrown away

Nothing here is the record. A snapshot becomes visible under its name only when its commit is in the
log; whatever else is found here is thrown away, and made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any

import pyoxigraph as ox

from holdfast.errors import StoreError
from holdfast.store.lines import quads_of
from holdfast.store.record import Record

MANY = 50_000
"""From so many quads on, loading in bulk is faster than adding them one by one."""

_KEPT = 2
"""So many of the newest snapshots stay, whether or not anybody reads them."""


@dataclass(frozen=True)
class Snapshot:
    """A frozen state of the index: open `path` with `Reader`.

    `commit` is the commit that it shows, `revision` counts states of the derived graphs since, and
    `derived` is the commit that the derived graphs follow from (0 for none), `digest` what was told
    of them as a whole, if it was. `seal` names the state of the record.
    """

    path: Path
    commit: int
    revision: int
    derived: int
    seal: str
    digest: str = ""

    @property
    def name(self) -> str:
        """A name that no other state of this store has."""
        return f"{self.commit}-{self.revision}-{self.seal[:12]}"


class Reader:
    """A snapshot open for reading; it stays as it is until closed, whatever is written meanwhile.

    Any process may have readers, and may be killed: nothing is left behind.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        """Open a snapshot. Raises StoreError where it is gone, because it is old, or damaged."""
        self.snapshot = snapshot
        try:
            self._handle = os.open(snapshot.path / "seal.json", os.O_RDONLY)
        except OSError:
            raise _gone(snapshot.path) from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_SH)
            if not (snapshot.path / "seal.json").exists():
                raise _gone(snapshot.path)
            self.store = ox.Store.read_only(str(snapshot.path / "oxigraph"))
        except (OSError, RuntimeError, ValueError) as error:
            os.close(self._handle)
            raise StoreError(
                f"the index is damaged: {error}.",
                where=str(snapshot.path),
                mend="`holdfast rebuild` makes it again from the record.",
            ) from None
        except BaseException:
            os.close(self._handle)
            raise

    def close(self) -> None:
        """Let go of the snapshot."""
        if self._handle >= 0:
            del self.store
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Reader:
        """The reader, closed at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def newest_snapshot(folder: Path) -> Snapshot | None:
    """The newest snapshot in a folder of them; its files are not checked."""
    for path in reversed(_snapshots(folder)):
        with suppress(OSError, ValueError, KeyError):
            return _snapshot_of(path)
    return None


@dataclass
class Index:
    """The index of a store, open for writing.

    `owners` names the register of each graph that is not a register's own; all graphs as N-Quads
    names them.
    """

    folder: Path
    owners: dict[bytes, str] = field(default_factory=dict)
    derived: int = 0
    digest: str = ""
    current: Snapshot | None = None
    _live: ox.Store | None = None
    _sums: dict[tuple[str, int, int], int] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)

    @property
    def live(self) -> ox.Store:
        """The state that is being made."""
        assert self._live is not None
        return self._live

    def open(self, record: Record) -> str:
        """Take up the newest sound snapshot that fits the record.

        Returns what is wrong with what was found, in words, or nothing. Where no snapshot fits the
        index is empty, at commit 0. Raises StoreError where the log lacks what the index shows.
        """
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.iterdir():
            if path.name.startswith(("live", ".")):
                shutil.rmtree(path, ignore_errors=True)
        faults = []
        for path in reversed(_snapshots(self.folder)):
            fault = self._take_up(path, record)
            if not fault:
                break
            faults.append(fault)
            shutil.rmtree(path, ignore_errors=True)
        else:
            self._begin()
        if not faults and self.current is None and record.last:
            faults.append("was missing")
        return faults[0] if faults else ""

    def _take_up(self, path: Path, record: Record) -> str:
        try:
            snapshot = _snapshot_of(path)
            files: dict[str, list[int]] = json.loads((path / "seal.json").read_bytes())["files"]
            if snapshot.commit > record.last:
                raise StoreError(
                    f"the log ends at commit {record.last}, but the index shows commit"
                    f" {snapshot.commit}: the end of the log is missing.",
                    where=str(record.log),
                    mend="Restore a backup, or remove the index folder to go on without it.",
                )
            if snapshot.commit and record.commits[snapshot.commit - 1].seal != snapshot.seal:
                return "belonged to another record"
            there = {
                entry.path[len(str(path)) + 1 :]: entry
                for folder in (path, path / "oxigraph")
                for entry in os.scandir(folder)
            }
            for name, (size, checksum) in files.items():
                if there[name].stat().st_size != size or self._sum(there[name]) != checksum:
                    return "was damaged"
            self._copy(path)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            self._live = None
            return "was damaged"
        self.current = snapshot
        self.derived, self.digest = snapshot.derived, snapshot.digest
        self.owners = dict(_owners_in(path))
        self._changed = set()
        return ""

    def _begin(self) -> None:
        """Begin an empty index."""
        self._live = ox.Store(str(self._place()))
        self.owners = {}
        self.derived, self.digest = 0, ""
        self._changed = set()

    def _copy(self, path: Path) -> None:
        """Make the live state from a snapshot."""
        live = self._place()
        _copied(path, live)
        self._live = ox.Store(str(live))

    def _place(self) -> Path:
        """A new place for the live state; somebody may still hold on to what was in the old one."""
        self._live = None
        for old in self.folder.glob("live-*"):
            _throw_away(old)
        return self.folder / f"live-{secrets.token_hex(4)}"

    def anew(self) -> None:
        """Throw the live state away and begin an empty one."""
        self._begin()

    def reset(self) -> None:
        """Throw away what was made since the last snapshot."""
        if self.current is None:
            self._begin()
            return
        self._copy(self.current.path)
        self.owners = dict(_owners_in(self.current.path))
        self.derived, self.digest = self.current.derived, self.current.digest
        self._changed = set()

    def close(self) -> None:
        """Leave the index; the last snapshot is what opens again."""
        self._live = None
        for old in self.folder.glob("live-*"):
            _throw_away(old)

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """A store of its own that holds what the last snapshot does, to be written to by anybody.

        It is thrown away at the end, whoever still has it open.
        """
        assert self.current is not None
        folder = self.folder / f".draft-{secrets.token_hex(4)}"
        try:
            _copied(self.current.path, folder)
            yield folder
        finally:
            _throw_away(folder)

    # -- changing the live state -------------------------------------------------------------------

    def take(self, removed: Iterable[ox.Quad], added: Iterable[ox.Quad]) -> None:
        """Take quads from the live state and add others."""
        for quad in removed:
            self.live.remove(quad)
        self._add(added)

    def forget_empty(self, graphs: Iterable[ox.NamedNode | ox.BlankNode]) -> None:
        """Forget the names of those graphs that hold nothing."""
        for graph in graphs:
            if next(iter(self.live.quads_for_pattern(None, None, None, graph)), None) is None:
                self.live.remove_graph(graph)

    def _add(self, quads: Iterable[ox.Quad]) -> None:
        stream = iter(quads)
        first = list(islice(stream, MANY))
        if len(first) < MANY:
            self.live.extend(first)
            return
        # bulk_extend lets no other thread run until it is done; what reads a file does
        file = self.folder / f".adding-{secrets.token_hex(4)}.nq"
        try:
            ox.serialize((quad for quad in chain(first, stream)), file, format=ox.RdfFormat.N_QUADS)
            self.live.bulk_load(path=str(file), format=ox.RdfFormat.N_QUADS)
        finally:
            file.unlink(missing_ok=True)

    def load(self, lines: Path, count: int) -> None:
        """Add the quads of a file of lines to the live state."""
        if count < MANY:
            with lines.open("rb") as stream:
                self._add(quads_of(stream))
        else:
            self.live.bulk_load(path=str(lines), format=ox.RdfFormat.N_QUADS)

    def own(self, register: str, lost: Iterable[bytes], gained: Iterable[bytes]) -> None:
        """Note which graphs a register has no longer, and which it has now."""
        for graph in lost:
            if self.owners.get(graph) == register:
                del self.owners[graph]
                self._changed.add(register)
        for graph in gained:
            if self.owners.get(graph) != register:
                self.owners[graph] = register
                self._changed.add(register)

    # -- snapshots ---------------------------------------------------------------------------------

    def freeze(self, number: int, seal: str) -> Path:
        """Make a snapshot of the live state for commit `number`, under a name nobody reads yet."""
        path = self.folder / f".new-{number}"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self.live.backup(str(path / "oxigraph"))
        self._write_owners(path)
        revision = 0
        if self.current is not None and self.current.commit == number:
            revision = self.current.revision + 1
        about = {
            "commit": number,
            "revision": revision,
            "derived": self.derived,
            "digest": self.digest,
            "seal": seal,
            "files": {
                entry.path[len(str(path)) + 1 :]: [entry.stat().st_size, self._sum(entry)]
                for folder in (path, path / "oxigraph")
                for entry in os.scandir(folder)
                if entry.is_file()
            },
        }
        # not synced: what a power cut takes away here fails its checksum, and is made again
        (path / "seal.json").write_text(json.dumps(about), encoding="utf-8")
        return path

    def publish(self, path: Path) -> Snapshot:
        """Give a frozen snapshot its name: from now on readers see it."""
        frozen = _snapshot_of(path)
        place = self.folder / f"{frozen.commit:08d}-{frozen.revision:04d}"
        os.rename(path, place)
        self.current = _snapshot_of(place)
        self._changed = set()
        self.prune()
        return self.current

    def prune(self) -> None:
        """Remove old snapshots that nobody reads."""
        for path in _snapshots(self.folder)[:-_KEPT]:
            with suppress(OSError):
                handle = os.open(path / "seal.json", os.O_RDONLY)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _throw_away(path)
                finally:
                    os.close(handle)

    def _sum(self, file: os.DirEntry[str]) -> int:
        """A checksum of a file; tables, which are never changed, are read once."""
        stat = file.stat()
        key = (file.name, stat.st_ino, stat.st_mtime_ns)
        known = self._sums.get(key) if file.name.endswith(".sst") else None
        if known is None:
            known = 0
            with open(file, "rb") as stream:
                while chunk := stream.read(1 << 20):
                    known = zlib.crc32(chunk, known)
            self._sums[key] = known
        return known

    def _write_owners(self, path: Path) -> None:
        registers: dict[str, list[bytes]] = {}
        before = self.current.path if self.current else None
        for graph, register in self.owners.items():
            registers.setdefault(register, []).append(graph)
        for register, graphs in registers.items():
            name = f"graphs-{sha256(register.encode()).hexdigest()[:32]}"
            if before and register not in self._changed and (before / name).exists():
                os.link(before / name, path / name)
                continue
            with (path / name).open("xb") as out:
                out.writelines(b"%s %s\n" % (graph, register.encode()) for graph in graphs)


def _copied(path: Path, folder: Path) -> None:
    """Copy the store of a snapshot; its tables never change, and so are linked."""
    folder.mkdir()
    for file in (path / "oxigraph").iterdir():
        if file.suffix == ".sst":
            os.link(file, folder / file.name)
        else:
            shutil.copyfile(file, folder / file.name)


def _throw_away(path: Path) -> None:
    """Remove a folder under another name, so that nobody finds it half removed or adds to it.

    Oxigraph compacts its tables in the background, for a moment longer than a store is open.
    """
    away = path.with_name(f".old-{secrets.token_hex(4)}")
    with suppress(OSError):
        os.rename(path, away)
        shutil.rmtree(away, ignore_errors=True)


def _owners_in(path: Path) -> Iterator[tuple[bytes, str]]:
    for file in path.glob("graphs-*"):
        for line in file.read_bytes().splitlines():
            graph, _, register = line.rpartition(b" ")
            yield graph, register.decode()


def _snapshots(folder: Path) -> list[Path]:
    """The snapshots in a folder, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name[:1].isdigit())


def _snapshot_of(path: Path) -> Snapshot:
    about: dict[str, Any] = json.loads((path / "seal.json").read_bytes())
    digest = about.get("digest", "")
    return Snapshot(
        path, about["commit"], about["revision"], about["derived"], about["seal"], digest
    )


def _gone(path: Path) -> StoreError:
    return StoreError(
        "this snapshot is gone, since newer ones have been made.",
        where=str(path),
        mend="Ask the store for its newest.",
    )
