"""The registers of a store as the window shows them, and the one way in which they are changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import quote, unquote

import pyoxigraph as ox

import holdfast
from holdfast import store as kept
from holdfast.assess import Finding
from holdfast.columns import check_time
from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.reason.edits import Quad
from holdfast.store import Commit, Proposal, Reader, Store, Version
from holdfast.store.sending import REGISTERS
from holdfast.vocabulary import DCTERMS, HF, SKOS
from holdfast_service.assessor import Derived
from holdfast_service.catalogue import Change, Published, Release
from holdfast_service.entities import label_of
from holdfast_service.judgements import Judgements
from holdfast_service.problem import Problem
from holdfast_service.window import Snapshot
from holdfast_service.workers import Answer

READERS = 3
"""How many snapshots stay open: somebody may still be at an older one."""


QUIET = 0.5
"""Seconds without a write after which the assessment follows."""

Writer = Callable[[kept.Check | None], Commit | None]
"""What writes to a store, handing on the check that it is given."""

Publishable = Callable[[Proposal], None]
"""Raises HoldfastError for a change after which a register could not be published."""


@dataclass(frozen=True)
class Written:
    """What came of a write: its commit, and findings lost and gained, each with its venture's IRI.

    `assessed` is False where the registers could not be assessed, which does not undo a commit.
    """

    commit: Commit | None
    lost: tuple[tuple[str, Finding], ...] = ()
    gained: tuple[tuple[str, Finding], ...] = ()
    assessed: bool = True


class Keeper:
    """The registers of an open store."""

    def __init__(
        self,
        store: Store,
        *,
        as_of: str | None = None,
        seconds: float = 30.0,
        workers: Callable[[dict[str, Any]], Answer],
        publishable: Publishable = lambda proposal: None,
    ) -> None:
        """`workers` does jobs; `publishable` is asked before each commit.

        `seconds` is how long an answer about the assessment may take, `as_of` the time of it.
        """
        self._store = store
        self._mark = f"{holdfast.__version__}, as of {as_of or 'latest'}, "
        self._workers = workers
        self._publishable = publishable
        self._readers: list[Reader] = []
        self._reader: Reader | None = None
        self._snapshot: Snapshot | None = None
        self._opening = Lock()
        self._behind, self._closed = Event(), False
        self._following = Thread(target=self._keep_up, name="keeping-up", daemon=True)
        # a question that is still being asked may write there to the last
        self._folder = tempfile.TemporaryDirectory(
            prefix="holdfast-registers-", ignore_cleanup_errors=True
        )
        self.judgements = Judgements(
            self._sources, lambda: store.last, as_of=as_of, seconds=seconds, derived=self._derived
        )

    def close(self) -> None:
        """Let go of the store's snapshot and end what was started."""
        self._closed = True
        self._behind.set()
        self.judgements.close()
        if self._following.is_alive():
            self._following.join()
        while self._readers:
            self._readers.pop().close()
        self._folder.cleanup()

    # -- reading ---------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The newest committed state."""
        newest = self._store.snapshot()
        with self._opening:
            if self._reader is None or self._reader.snapshot != newest or self._snapshot is None:
                self._readers.append(self._store.reader())
                self._reader = self._readers[-1]
                while len(self._readers) > READERS:
                    self._readers.pop(0).close()
                commits = self._store.changes()
                self._snapshot = Snapshot(
                    store=self._reader.store,
                    commit=newest.commit,
                    moment=_moment(commits[newest.commit - 1].time) if newest.commit else None,
                    revision=newest.name,
                    judged=newest.derived == newest.commit and newest.digest.startswith(self._mark),
                )
            return self._snapshot

    def published(self) -> Sequence[Published]:
        """All registers that are there now."""
        store = self.snapshot().store
        return [self._told(store, version) for version in self._store.registers()]

    def _told(self, store: ox.Store, version: Version) -> Published:
        node = ox.NamedNode(version.register)
        releases = tuple(
            Release(one.number, _moment(one.time), one.media_type, one.size, one.blob)
            for one in self._store.versions(version.register)
            if not one.dropped
        )
        return Published(
            name=name_of(version.register),
            iri=version.register,
            title=label_of(store, node),
            description=_first(store, node, DCTERMS + "description")
            or f"The register {version.register}.",
            releases=releases,
            publisher=_first(store, node, DCTERMS + "publisher"),
            licence=_first(store, node, DCTERMS + "license"),
            themes=(),
        )

    def changes(self) -> Sequence[Change]:
        """All commits, oldest first; one that changes several registers counts for each."""
        return [
            Change(
                number=number,
                register=name_of(version.register),
                committed=_moment(version.time),
                release=None if version.dropped else version.number,
            )
            for number, version in enumerate(
                (v for commit in self._store.changes() for v in commit.versions), start=1
            )
        ]

    def given(self, register: str, version: int, media_type: str) -> Answer:
        """A version of a register in a media type; in that in which it was sent, as it was sent."""
        found = self._store.version(register, version)
        file, kind, packed = self._store.sent(found)
        job = {
            "do": "give", "file": str(file), "packed": packed, "media": kind, "as": media_type,
            "base": found.base or register,
        }  # fmt: skip
        return self._workers(job)

    def _sources(self) -> list[str]:
        """All registers as one file: so their blank nodes keep the names that edits give them."""
        place = Path(self._folder.name, "registers.nq")
        with place.open("wb") as out:
            for version in self._store.registers():
                ox.serialize(self._store.quads(version.register), out, format=ox.RdfFormat.N_QUADS)
        return [str(place)]

    # -- writing ---------------------------------------------------------------------------------

    def write(self, write: Writer) -> Written:
        """Change registers: `write` does it, and hands on the check that it is given.

        The change is held against what may be published and is assessed before it is committed, so
        that findings change with it. On any failure nothing has changed. While the registers are
        assessed for the first time it is only held against what may be published.
        """
        if not self.judgements.ready:
            commit = write(self._published)
            self._behind.set()
            return Written(commit, assessed=False)
        with self.judgements.turn(self._store.wait_seconds):
            return self._assessed(write)

    def _published(self, proposal: Proposal) -> None:
        self._publishable(proposal)

    def _assessed(self, write: Writer) -> Written:
        found = None
        with ExitStack() as stack:

            def check(proposal: Proposal) -> kept.Derived | None:
                nonlocal found
                self._publishable(proposal)
                removed, added = self._pending()
                for change in proposal.changes:
                    removed += _quads(change.removed)
                    added += _quads(change.added)
                found = stack.enter_context(self.judgements.edited(removed, added))
                return self._quads(found[1]) if found else None

            commit = write(check)
        if commit is None:
            return Written(None)
        if found is not None:
            return Written(commit, found[0].lost, found[0].gained)
        before = self.judgements.findings()
        self.judgements.refresh()
        after = self.judgements.findings()
        return Written(
            commit,
            lost=tuple(pair for iri, pair in before.items() if iri not in after),
            gained=tuple(pair for iri, pair in after.items() if iri not in before),
            assessed=self.judgements.trouble is None,
        )

    def follow(self, write: Writer) -> None:
        """Change graphs as their sender wants it; the assessment follows in its own time."""
        if write(None) is not None:
            self._behind.set()

    def start(self) -> None:
        """Assess the registers, and keep the assessment up to what is written."""
        self._behind.set()
        self._following.start()

    def settle(self) -> None:
        """Wait until all that is written is assessed."""
        while not self._closed and self.judgements.trouble is None:
            if self.judgements.commit == self._store.last and self.judgements.ready:
                return
            sleep(0.05)

    def _keep_up(self) -> None:
        while self._behind.wait() and not self._closed:
            # what is sent in one go is assessed in one go
            last = -1
            while self.judgements.ready and last != self._store.last and not self._closed:
                last = self._store.last
                sleep(QUIET)
            self._behind.clear()
            if self._closed:  # told while it waited, and the telling is cleared
                return
            try:
                self._catch_up()
            except (Problem, HoldfastError):
                if not self._closed:
                    self.judgements.refresh()

    def _catch_up(self) -> None:
        """Bring the assessment to the last commit."""
        if not self.judgements.ready:
            self.judgements.refresh()
            return
        removed, added = self._pending()
        if not (removed or added):
            return
        with self.judgements.edited(removed, added) as found:
            if found is not None:
                self._store.derived(self._quads(found[1]))
        if found is None:
            self.judgements.refresh()

    def _pending(self) -> tuple[list[Quad], list[Quad]]:
        """What was committed since the registers were assessed."""
        since = self.judgements.commit
        before: dict[str, int] = {}
        after: dict[str, int] = {}
        for commit in self._store.changes(since):
            for version in commit.versions:
                before.setdefault(version.register, version.number - 1)
                after[version.register] = version.number
        removed: list[Quad] = []
        added: list[Quad] = []
        for register, number in before.items():
            gone, fresh = self._store.difference(register, number, after[register])
            removed += _quads(gone)
            added += _quads(fresh)
        return removed, added

    def _derived(self, derived: Derived, commit: int) -> None:
        """Keep what follows from a commit, unless another has come since, or it is there already:
        a service that begins again most often finds what the one before it left."""
        there, digest = self._store.snapshot(), self._mark + derived.digest
        if (there.derived, there.digest) != (commit, digest) and commit == self._store.last:
            self._store.derived(self._quads(derived))

    def _quads(self, derived: Derived) -> kept.Derived:
        """What follows, with a digest that says how it was found; after an edit no more than that.

        So a service that begins again knows whether it can tell the findings from the index.
        """
        return kept.Derived(
            added=list(_placed(derived.added)),
            removed=list(_placed(derived.removed)),
            anew=derived.whole,
            digest=self._mark + derived.digest,
        )


def check_as_of(store: Store, as_of: str | None) -> None:
    """Raise UnknownNameError for what is neither a date nor a phase of a venture in the store.

    Where there are no registers yet, any phase may come with them.
    """
    if as_of is None:
        return
    phases = [as_of]
    if any(store.registers()):
        with store.reader() as reader:
            phases = [
                notation.object.value
                for told in reader.store.quads_for_pattern(None, _PHASE_OF, None, None)
                for notation in reader.store.quads_for_pattern(told.subject, _NOTATION, None, None)
                if isinstance(notation.object, ox.Literal)
            ]
    check_time(as_of, [*dict.fromkeys(phases)])


_PHASE_OF, _NOTATION = ox.NamedNode(HF + "phaseOf"), ox.NamedNode(SKOS + "notation")


def name_of(register: str) -> str:
    """The short name of a register, as one part of an address."""
    return quote(register.removeprefix(REGISTERS), safe="")


def iri_of(name: str) -> str:
    """The IRI of the register that has a name. Raises UnknownNameError for what can be no name."""
    plain = unquote(name)
    iri = plain if ":" in plain else REGISTERS + plain
    try:
        ox.NamedNode(iri)
    except ValueError:
        raise UnknownNameError(f"'{name}' can be no name of a register.") from None
    return iri


_FOUND = ("https://w3id.org/holdfast/id/finding/", "https://w3id.org/holdfast/id/standing/")


def _placed(lines: str) -> Iterator[ox.Quad]:
    """Triples in the graph to which they belong: findings and standings, or what was inferred."""
    findings, inferred = ox.NamedNode(kept.FINDINGS), ox.NamedNode(kept.INFERRED)
    parsed = ox.parse(lines, format=ox.RdfFormat.N_TRIPLES)
    for quad in dict.fromkeys(quad for quad in parsed):  # a loop of ours lets other threads run
        told = getattr(quad.subject, "value", "").startswith(_FOUND)
        yield ox.Quad(quad.subject, quad.predicate, quad.object, findings if told else inferred)


def _quads(lines: Iterable[bytes]) -> Iterator[Quad]:
    for quad in ox.parse(b"".join(lines), format=ox.RdfFormat.N_QUADS):
        graph = "" if isinstance(quad.graph_name, ox.DefaultGraph) else str(quad.graph_name)
        yield str(quad.subject), str(quad.predicate), str(quad.object), graph


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


def _first(store: ox.Store, node: ox.NamedNode, predicate: str) -> str:
    found = [
        quad.object.value
        for quad in store.quads_for_pattern(node, ox.NamedNode(predicate), None, None)
        if not isinstance(quad.object, ox.Triple | ox.BlankNode)
    ]
    return min(found, default="")
