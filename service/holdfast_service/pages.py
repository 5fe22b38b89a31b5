"""Pages for people: templates, filled with what every page needs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import flask
import pyoxigraph as ox

import holdfast
from holdfast.assess import VentureAssessment
from holdfast.explain import advice_on
from holdfast.vocabulary import BASES, CONSTITUTIVE
from holdfast_service.catalogue import SERIALISATIONS
from holdfast_service.entities import Entity, label_of, statements
from holdfast_service.landscape import Landscape
from holdfast_service.window import DERIVED, Window


class Pages:
    """The pages of one window."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def shown(self, template: str, **given: Any) -> str:
        """A page from a template; where no `landscape` is given it is that of now."""
        return flask.render_template(
            template,
            **{
                "house": self._window.house,
                "landscape": self._window.landscape(),
                "bases": BASES,
                "levers": CONSTITUTIVE,
                "version": holdfast.__version__,
                "rule_label": self.rule_label,
                "link_of": self.link_of,
                "label_of": self.label_of,
                "links": flask.g.get("links", ()),
                "as_of": flask.request.args.get("as-of", ""),
                "at": _at,
                "now": _now(),
                "venture_page": lambda iri: self._venture_page(iri, given.get("landscape")),
                "forms": _forms(),
                **given,
            },
        )

    def link_of(self, iri: str) -> str:
        """Where a page about an IRI is: here if anything is known of it, else where it says."""
        path = self._window.path_of(iri)
        if path is not None:
            return path
        if not iri.startswith(("http://", "https://")):
            return f"/resource?{urlencode({'iri': iri})}"
        node = ox.NamedNode(iri)
        store = self._window.registers.snapshot().store
        if any(store.quads_for_pattern(node, None, None, None)):
            return f"/resource?{urlencode({'iri': iri})}"
        return iri

    def _venture_page(self, iri: str, landscape: Landscape | None) -> str:
        slug = landscape.slugs.get(iri) if landscape else None
        return _at(f"/ventures/{slug}") if slug else self.link_of(iri)

    def label_of(self, iri: str) -> str:
        """What people call the thing of an IRI."""
        return label_of(self._window.registers.snapshot().store, ox.NamedNode(iri))

    def rule_label(self, name: str) -> str:
        """What people call the rule with this id."""
        rule = self._window.rules.get(name)
        return rule.label if rule else name

    def hits(self) -> dict[str, int]:
        """How many ventures each rule that undermines hits."""
        landscape = self._window.landscape()
        return dict(landscape.risks()) if landscape else {}

    def entity(self, found: Entity, store: ox.Store) -> str:
        """The page of anything that has an IRI."""
        node = ox.NamedNode(found.iri)
        registers = {
            r.iri: (r.title, f"/registers/{r.name}") for r in self._window.registers.published()
        }
        return self.shown(
            "entity.html",
            name=label_of(store, node),
            entity=found,
            graphs=[
                registers.get(graph, (graph, self.link_of(graph)))
                for graph in found.graphs
                if not graph.startswith(DERIVED)
            ],
            about=statements(store, found.about, of=node, shelf=self._window.shelf),
            pointing=statements(
                store, found.pointing, of=node, shelf=self._window.shelf, backwards=True
            ),
        )

    def venture(
        self,
        venture: VentureAssessment,
        slug: str,
        found: Entity | None,
        landscape: Landscape | None,
    ) -> str:
        """The page of a venture; `landscape` is that of the time asked for, if it is there yet."""
        store = self._window.registers.snapshot().store
        node = ox.NamedNode(venture.iri)
        return self.shown(
            "venture.html",
            landscape=landscape,
            venture=venture,
            slug=slug,
            advice=self.advice(venture),
            about=statements(store, found.about, of=node, shelf=self._window.shelf)
            if found
            else [],
            pointing=statements(
                store, found.pointing, of=node, shelf=self._window.shelf, backwards=True
            )
            if found
            else [],
        )

    def advice(self, venture: VentureAssessment) -> list[dict[str, Any]]:
        """What the rules behind a venture's risks advise."""
        rules, ontology = self._window.rules, self._window.ontology
        return [asdict(one) for one in advice_on(venture.findings, rules, ontology)]


def _now() -> str:
    """The address of the page that is being made, without the time that it is asked for."""
    given = [(k, v) for k, v in flask.request.args.items(multi=True) if k != "as-of"]
    return f"{flask.request.path}?{urlencode(given)}" if given else flask.request.path


def _at(address: str) -> str:
    """An address of this service, as of the time that the page being made is asked for."""
    as_of = flask.request.args.get("as-of")
    if not as_of:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'as-of': as_of})}"


def _forms() -> list[tuple[str, str]]:
    """The other forms of the page that is being made, by name and address."""
    if flask.request.method != "GET":
        return []
    given = [(k, v) for k, v in flask.request.args.items(multi=True) if k != "format"]
    return [
        (name, f"{flask.request.path}?{urlencode([*given, ('format', end)])}")
        for end, name in _NAMES.items()
        if end in flask.g.get("ends", ())
    ]


_NAMES = {"json": "JSON", **{end: name for end, (_, name) in SERIALISATIONS.items()}}
