"""What is the same as what: the sets that owl:sameAs joins, and the shortest way between two.

Rule eq-trans of OWL 2 RL taken as written joins each pair with each pair; n equal things would
take n³ steps for n² triples. Here the sets are found first, and the triples made of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

Edge = tuple[int, int, int, int]
"""Two terms that are the same, the certainty of that as a rank, and the number of the triple."""


def joined(edges: Iterable[Edge]) -> Iterator[tuple[int, list[list[int]]]]:
    """The sets of equal terms at each certainty, most certain first, where edges add to them.

    What holds at one certainty holds at all less certain ones, so later sets contain earlier.
    """
    parent: dict[int, int] = {}

    def root(term: int) -> int:
        while parent.setdefault(term, term) != term:
            parent[term] = parent[parent[term]]
            term = parent[term]
        return term

    by_certainty: dict[int, list[Edge]] = {}
    for edge in edges:
        by_certainty.setdefault(edge[2], []).append(edge)
    for certainty in sorted(by_certainty):
        for one, other, _, _ in by_certainty[certainty]:
            parent[root(one)] = root(other)
        sets: dict[int, list[int]] = {}
        for term in parent:
            sets.setdefault(root(term), []).append(term)
        yield certainty, [members for members in sets.values() if len(members) > 1]


class Ways:
    """The shortest ways from one term to another, over the triples that lead there."""

    def __init__(self, edges: Iterable[Edge], *, both: bool = True) -> None:
        """Make ready; where `both` is so, each edge may be walked in both directions."""
        self._next: dict[int, list[tuple[int, int, int]]] = {}
        for one, other, certainty, number in edges:
            self._next.setdefault(one, []).append((other, certainty, number))
            if both:
                self._next.setdefault(other, []).append((one, certainty, number))
        self._known: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}

    def between(self, one: int, other: int, certainty: int, before: int) -> list[int] | None:
        """The numbers of the triples of a shortest way no less certain, all lower than `before`."""
        key = one, certainty
        if key not in self._known:
            self._known[key] = self._from(one, certainty, None)
        way = _walked(self._known[key], one, other)
        if way is not None and max(way, default=0) >= before:
            way = _walked(self._from(one, certainty, before), one, other)
        return way

    def _from(self, one: int, certainty: int, before: int | None) -> dict[int, tuple[int, int]]:
        """For each term that can be reached, the term before it and the triple between."""
        reached: dict[int, tuple[int, int]] = {one: (one, -1)}
        queue = deque([one])
        while queue:
            here = queue.popleft()
            for term, rank, number in self._next.get(here, ()):
                if term in reached or rank > certainty or (before is not None and number >= before):
                    continue
                reached[term] = here, number
                queue.append(term)
        return reached


def _walked(reached: dict[int, tuple[int, int]], one: int, other: int) -> list[int] | None:
    way: list[int] = []
    here = other
    while here != one:
        if here not in reached:
            return None
        here, number = reached[here]
        way.append(number)
    return way
