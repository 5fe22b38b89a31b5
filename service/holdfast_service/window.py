"""What the service looks out on: the house, its registers, what they say, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

import pyoxigraph as ox

from holdfast.memory import usual_memory
from holdfast.ontology import Ontology, read_ontology
from holdfast.rules import Rule, read_rules
from holdfast.shipped import shipped_folder
from holdfast.sources import quads_in
from holdfast_service.catalogue import Change, Figures, House, Published, figures_of
from holdfast_service.entities import label_of
from holdfast_service.landscape import Landscape, slugs_of
from holdfast_service.told import told_ventures
from holdfast_service.workers import Answer

DERIVED = "https://w3id.org/holdfast/id/graph/"
"""Where the IRIs of graphs begin that hold what was inferred and found."""


@dataclass(frozen=True)
class Listed:
    """A thing in a list: its short name for an address, its IRI, and what it is called."""

    slug: str
    iri: str
    label: str


@dataclass(frozen=True)
class Snapshot:
    """The registers at one commit, with what follows from them; only read.

    `moment` is when it was committed; `revision` is another for whatever else it may show; `judged`
    whether what it holds of findings and standings follows from just these registers.
    """

    store: ox.Store
    commit: int
    moment: datetime | None
    revision: str
    judged: bool = False

    @cached_property
    def ventures(self) -> Mapping[str, str]:
        """IRIs of the ventures that are judged, by a short name for an address."""
        return told_ventures(self.store)

    @cached_property
    def figures(self) -> Figures:
        """How much of what there is."""
        return figures_of(self.store)

    def named(self, cls: str) -> Mapping[str, str]:
        """IRIs of the things of a class, by a short name for an address."""
        if cls not in self._named:
            node, kind = ox.NamedNode(_TYPE), ox.NamedNode(cls)
            iris = {
                quad.subject.value
                for quad in self.store.quads_for_pattern(None, node, kind, None)
                if isinstance(quad.subject, ox.NamedNode)
            }
            self._named[cls] = dict(slugs_of(iris))
        return self._named[cls]

    def listed(self, cls: str) -> Sequence[Listed]:
        """The things of a class by what they are called."""
        if cls not in self._listed:
            things = [
                Listed(slug, iri, label_of(self.store, ox.NamedNode(iri)))
                for slug, iri in self.named(cls).items()
            ]
            self._listed[cls] = sorted(things, key=lambda one: (one.label.casefold(), one.iri))
        return self._listed[cls]

    @cached_property
    def _listed(self) -> dict[str, list[Listed]]:
        return {}

    @cached_property
    def _named(self) -> dict[str, dict[str, str]]:
        return {}


_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"


class Registers(Protocol):
    """The registers as they are kept."""

    def published(self) -> Sequence[Published]:
        """All registers that are there now."""

    def changes(self) -> Sequence[Change]:
        """All commits, oldest first."""

    def given(self, register: str, version: int, media_type: str) -> Answer:
        """A version of a register in a media type; in that in which it was sent, as it was sent."""

    def snapshot(self) -> Snapshot:
        """The newest committed state."""


@dataclass
class Window:
    """All that pages and addresses are made from.

    `base` gives the address at which whoever asks reaches the service, without a stroke at its end.
    `spaces` says for the beginnings of IRIs below which path of this service they resolve.
    `landscape` gives how the registers are judged, or None while that is being found out.
    """

    _house: House
    base: Callable[[], str]
    registers: Registers
    landscape: Callable[[], Landscape | None]
    spaces: Mapping[str, str] = field(default_factory=lambda: {"https://w3id.org/holdfast/": "/"})

    @property
    def house(self) -> House:
        """Who publishes, at the address by which this request came."""
        return replace(self._house, public=self.base())

    @cached_property
    def ontology(self) -> Ontology:
        """The shipped ontology."""
        return read_ontology()

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """The shipped rules by id."""
        with usual_memory() as memory:
            return {rule.id: rule for rule in read_rules(self.ontology, memory=memory)}

    @cached_property
    def shelf(self) -> ox.Store:
        """The ontology, its alignments and the rules, as triples."""
        store = ox.Store()
        files = [
            *shipped_folder("ontology").rglob("*.ttl"),
            *shipped_folder("rules").glob("*/rule.ttl"),
        ]
        for file in files:
            if "questions" not in file.parts:
                store.extend(quads_in(file))
        return store

    def iris_at(self, path: str) -> list[str]:
        """The IRIs that this path of the service may stand for."""
        found = [f"{self.house.public}{path}"]
        for space, below in self.spaces.items():
            if path.startswith(below):
                found.append(space + path.removeprefix(below))
        return found

    def path_of(self, iri: str) -> str | None:
        """The path at which an IRI resolves here, or None."""
        if iri.startswith(f"{self.house.public}/"):
            return iri.removeprefix(self.house.public)
        for space, below in self.spaces.items():
            if iri.startswith(space):
                return below + iri.removeprefix(space)
        return None
