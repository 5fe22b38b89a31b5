"""The record: every version of every register as it was sent, and the log of commits.

    record/blobs/3f/3fa9….trig    what was sent, named by its SHA-256; never changed
    record/log                    a line for each commit: checksum, then JSON

A commit is there when its line is on disk, and not before. A line without its end was never
committed: it is cut off, and kept in `record/cut-…` so that nothing is lost. Any other damage is
refused, since what stands behind it could not be trusted.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal, cast

import pyoxigraph as ox

from holdfast.errors import StoreError, printable

Kind = Literal["put", "patch", "update", "drop"]

SUFFIXES = {
    "text/turtle": ".ttl",
    "application/trig": ".trig",
    "application/n-triples": ".nt",
    "application/n-quads": ".nq",
    "application/rdf+xml": ".rdf",
    "application/ld+json": ".jsonld",
    "text/n3": ".n3",
    "application/rdf-patch": ".rdfp",
}
"""The media types that the record keeps, each with the suffix of its files."""

MEDIA_TYPES = {suffix: media_type for media_type, suffix in SUFFIXES.items()}
PATCH = "application/rdf-patch"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Version:
    """One version of a register; it is never changed.

    `number` counts the versions of this register from 1, and `quads` what it holds. `blob` is the
    SHA-256 of what is kept, `size` its bytes and `media_type` its format; `packed` says that it was
    sent gzipped. Where `media_type` is
    `application/rdf-patch` the blob holds what was taken from the version before and added to it.
    A register that was dropped has a version without blob. `made` says that Holdfast wrote the
    blob itself. `base` is what relative IRIs in it are relative to.
    """

    register: str
    number: int
    commit: int
    time: str
    kind: Kind
    blob: str = ""
    media_type: str = ""
    size: int = 0
    quads: int = 0
    base: str = ""
    packed: bool = False
    made: bool = False
    note: str = ""
    author: str = ""

    @property
    def iri(self) -> str:
        """The IRI of this version."""
        return f"{self.register.replace('#', '/').rstrip('/')}/versions/{self.number}"

    @property
    def dropped(self) -> bool:
        """Whether the register is gone with this version."""
        return not self.blob

    @property
    def file(self) -> str:
        """The name of its blob below `record/blobs`."""
        suffix = SUFFIXES[self.media_type] + (".gz" if self.packed else "")
        return f"{self.blob[:2]}/{self.blob}{suffix}"


@dataclass(frozen=True)
class Commit:
    """What was committed at once: a new version of one register or more.

    `time` is UTC in ISO 8601, to the millisecond. `seal` stands for all that was ever committed up
    to here: two records with the same seal hold the same.
    """

    number: int
    time: str
    kind: Kind
    note: str
    author: str
    versions: tuple[Version, ...]
    seal: str = ""


@dataclass
class Kept:
    """What is being kept in the record, and not yet there: `settle` puts it in its place."""

    path: Path
    blob: str
    size: int
    suffix: str
    record: Record

    def settle(self) -> None:
        """Put it in its place, on disk for good."""
        folder = self.record.blobs / self.blob[:2]
        place = folder / f"{self.blob}{self.suffix}"
        fresh = not folder.exists()
        folder.mkdir(exist_ok=True)
        os.chmod(self.path, 0o444)
        os.replace(self.path, place)
        sync_folder(folder)
        if fresh:
            sync_folder(self.record.blobs)


@dataclass
class Record:
    """The record in a folder: its commits so far, and the versions of each register."""

    folder: Path
    commits: list[Commit] = field(default_factory=list)
    history: dict[str, list[Version]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    _size: int = 0

    @property
    def blobs(self) -> Path:
        """The folder of what was sent."""
        return self.folder / "blobs"

    @property
    def log(self) -> Path:
        """The file of commits."""
        return self.folder / "log"

    @property
    def incoming(self) -> Path:
        """Where what is sent waits until it is committed."""
        return self.folder / "incoming"

    @property
    def last(self) -> int:
        """The number of the last commit, 0 where there is none."""
        return len(self.commits)

    @property
    def seal(self) -> str:
        """What stands for all that is committed."""
        return self.commits[-1].seal if self.commits else ""

    def make(self) -> None:
        """Make an empty record."""
        for folder in (self.folder, self.blobs, self.incoming):
            folder.mkdir(exist_ok=True)
        if not self.log.exists():
            with self.log.open("xb") as out:
                os.fsync(out.fileno())
        sync_folder(self.folder)

    def read(self, *, mend: bool) -> None:
        """Read the commits that are not known yet.

        With `mend` a torn line at the end is cut off; otherwise it is passed over, since another
        process may be writing it. Raises StoreError where the log is gone or damaged.
        """
        try:
            with self.log.open("rb") as log:
                log.seek(self._size)
                data = log.read()
        except OSError as error:
            raise StoreError(
                f"the log of commits cannot be read: {error.strerror}.",
                where=str(self.log),
                mend="Restore a backup: without the log nobody knows what was committed.",
            ) from None
        at = 0
        while at < len(data):
            end = data.find(b"\n", at)
            line = data[at : end if end >= 0 else len(data)]
            if end < 0 or (b"\0" in line and data.find(b"\n", end + 1) < 0):
                if mend:
                    self._cut(data[at:])
                return
            self._take(line)
            at = end + 1
            self._size += len(line) + 1

    def _cut(self, tail: bytes) -> None:
        kept = self.folder / f"cut-{self.last + 1}-{secrets.token_hex(4)}"
        kept.write_bytes(tail)
        with self.log.open("r+b") as log:
            log.truncate(self._size)
            os.fsync(log.fileno())
        self.said.append(
            f"A commit that was cut short has been taken off the log and kept in {kept.name};"
            f" commit {self.last} is the last."
        )

    def _take(self, line: bytes) -> None:
        number = self.last + 1
        try:
            checksum, _, text = line.partition(b" ")
            if int(checksum, 16) != zlib.crc32(text):
                raise ValueError
            entry: dict[str, Any] = json.loads(text)
            if entry["number"] != number or entry["after"] != self.seal:
                raise ValueError
            commit = _commit_of(entry, seal_of(line))
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                "this line of the log is damaged, and what follows it cannot be trusted.",
                where=f"{self.log}: line {number}",
                mend="Restore a backup.",
            ) from None
        self._add(commit)

    def _add(self, commit: Commit) -> None:
        self.commits.append(commit)
        for version in commit.versions:
            self.history.setdefault(version.register, []).append(version)

    def line_of(self, commit: Commit) -> bytes:
        """The line of the log for the next commit."""
        entry = {key: value for key, value in asdict(commit).items() if key != "seal"}
        entry["after"] = self.seal
        shared = ("commit", "time", "kind", "note", "author")
        entry["versions"] = [
            {name: value for name, value in version.items() if value and name not in shared}
            for version in entry["versions"]
        ]
        text = json.dumps(entry, separators=(",", ":")).encode()
        return b"%08x %s" % (zlib.crc32(text), text)

    def append(self, line: bytes) -> Commit:
        """Commit: when this returns it is on disk. Raises OSError; then nothing is committed."""
        handle = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        try:
            try:
                os.ftruncate(handle, self._size)  # what failed before may have left something
                _write(handle, line + b"\n")
                os.fsync(handle)
            except BaseException:
                os.ftruncate(handle, self._size)
                raise
        finally:
            os.close(handle)
        self._size += len(line) + 1
        self._take(line)
        return self.commits[-1]

    def keep(self, content: bytes | Path | IO[bytes], media_type: str, *, packed: bool) -> Kept:
        """Take in what was sent; `Kept.settle` makes it part of the record. Raises OSError."""
        suffix = SUFFIXES[media_type] + (".gz" if packed else "")
        self.incoming.mkdir(exist_ok=True)
        path = self.incoming / f"{secrets.token_hex(8)}{suffix}"
        digest = hashlib.sha256()
        size = 0
        with suppress_on_failure(path), path.open("xb") as out:
            for chunk in _chunks(content):
                digest.update(chunk)
                out.write(chunk)
                size += len(chunk)
            out.flush()
            os.fsync(out.fileno())
        return Kept(path, digest.hexdigest(), size, suffix, self)

    def path(self, version: Version) -> Path:
        """The file of a version's blob. Raises StoreError where it is not what was sent."""
        path = self.blobs / version.file
        try:
            size = path.stat().st_size
        except OSError:
            size = -1
        if size != version.size:
            raise _damaged(path, version, "is not there" if size < 0 else "has another length")
        return path

    def bytes_of(self, version: Version) -> bytes:
        """A version's blob as it was sent. Raises StoreError where it is damaged."""
        self.verify(version)
        return self.path(version).read_bytes()

    def opened(self, version: Version) -> IO[bytes]:
        """A version's blob, unpacked, to be read piece by piece."""
        path = self.path(version)
        return cast(IO[bytes], gzip.open(path) if version.packed else path.open("rb"))

    def verify(self, version: Version) -> None:
        """Raise StoreError where a version's blob is not what was sent."""
        path = self.path(version)
        digest = hashlib.sha256()
        for chunk in _chunks(path):
            digest.update(chunk)
        if digest.hexdigest() != version.blob:
            raise _damaged(path, version, "is not what was sent")

    def current(self) -> list[Version]:
        """The version that each register has now, by IRI; registers that were dropped have none."""
        return [
            versions[-1] for _, versions in sorted(self.history.items()) if not versions[-1].dropped
        ]

    def tidy(self) -> None:
        """Remove what was sent and never committed."""
        with suppress(OSError):
            for path in self.incoming.iterdir():
                path.unlink()

    def unused(self) -> Iterator[Path]:
        """Blobs that no commit names."""
        named = {
            version.file
            for versions in self.history.values()
            for version in versions
            if version.blob
        }
        for path in sorted(self.blobs.glob("*/*")):
            if f"{path.parent.name}/{path.name}" not in named:
                yield path


def seal_of(line: bytes) -> str:
    """What stands for a line of the log and all before it."""
    return hashlib.sha256(line).hexdigest()


def now() -> str:
    """The time for a commit: UTC in ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_of(media_type: str) -> ox.RdfFormat:
    """The RDF format of a media type that the record keeps."""
    found = ox.RdfFormat.from_media_type(media_type)
    assert found is not None
    return found


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def suppress_on_failure(path: Path) -> Iterator[None]:
    """Remove a file again where what fills it fails."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def _commit_of(entry: dict[str, Any], seal: str) -> Commit:
    shared = {name: entry[name] for name in ("time", "kind", "note", "author")}
    return Commit(
        number=entry["number"],
        versions=tuple(
            Version(**version, commit=entry["number"], **shared) for version in entry["versions"]
        ),
        seal=seal,
        **shared,
    )


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _chunks(content: bytes | Path | IO[bytes]) -> Iterable[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    stream = content.open("rb") if isinstance(content, Path) else content
    try:
        while chunk := stream.read(_CHUNK):
            yield chunk
    finally:
        if isinstance(content, Path):
            stream.close()


def _damaged(path: Path, version: Version, how: str) -> StoreError:
    return StoreError(
        f"version {version.number} of {printable(version.register)} {how}.",
        where=str(path),
        mend="Restore this file from a backup; everything else can be read.",
    )
