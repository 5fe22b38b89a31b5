"""Suggested changes with holes in them (DASH suggestion generators), filled in from the facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyoxigraph as ox
from rdflib import Literal, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue

from holdfast.queries import pattern_of
from holdfast.reason.edits import Quad


def solutions_of(
    store: ox.Store, update: str, prefixes: Mapping[str, str], given: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """The solutions of an update's WHERE over a store, with what is given bound beforehand.

    Terms are N-Triples. All graphs of the store are asked as one. Raises SyntaxError or ValueError
    where the pattern cannot be asked.
    """
    pattern = pattern_of(update)
    names = variables_in(pattern, r"[?$]")
    answers = store.query(
        f"SELECT {' '.join(f'?{name}' for name in names) or '*'} {pattern}",
        prefixes=dict(prefixes),
        substitutions={
            ox.Variable(name): term(text) for name, text in given.items() if name in names
        },
        use_default_graph_as_union=True,
    )
    assert isinstance(answers, ox.QuerySolutions)
    for answer in answers:
        bound = {name: str(answer[name]) for name in names if answer[name] is not None}
        yield {**bound, **given}


def written(part: CompValue | None, solution: Mapping[str, str]) -> Iterator[Quad]:
    """The triples of a template for one solution; SPARQL leaves out those with an unbound term."""
    for row in part.triples if part else ():
        terms = [filled(one, solution) for one in row]
        if all(terms) and not terms[0].startswith('"'):
            yield terms[0], terms[1], terms[2], ""


def filled(term_of_template: Any, solution: Mapping[str, str]) -> str:
    """A term of a template for one solution, as N-Triples; nothing where it stays open."""
    if isinstance(term_of_template, Variable):
        return solution.get(str(term_of_template), "")
    if isinstance(term_of_template, (URIRef, Literal)):
        return str(term(term_of_template.n3()))
    return ""


def term(text: str) -> Any:
    """An N-Triples term as Oxigraph has it."""
    if text.startswith("<"):
        return ox.NamedNode(text[1:-1])
    if text.startswith("_:"):
        return ox.BlankNode(text[2:])
    parsed = ox.parse(f"<x:s> <x:p> {text} .", format=ox.RdfFormat.N_TRIPLES)
    return next(iter(parsed)).object


def variables_in(text: str, mark: str = r"\{[?$]") -> list[str]:
    """The variables that a text names behind a mark, each once."""
    return list(dict.fromkeys(re.findall(mark + r"(\w+)", text)))
