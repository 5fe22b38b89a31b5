"""Joins over a whole register, worded so that Oxigraph makes them set at a time.

Oxigraph joins the triple patterns of a group by looking up each solution of one in the next, some
twenty times as dear as reading a triple in passing. That is right where there are few solutions; of
a question over all ventures it is nearly all the time. It joins a SELECT within a group by hashing
instead. So where all patterns are large and none fans out, each is put into a SELECT of its own:

    { ?o a hf:Organisation ; hf:sector ?s }
    { { SELECT ?o { ?o a hf:Organisation } } { SELECT ?o ?s { ?o hf:sector ?s } } }

Both have the same solutions, each as often: a group of triple patterns without blank nodes is the
join of its patterns (SPARQL 1.1 §18.3.1), and every variable is handed out. What SPARQL leaves
open may come out otherwise: the order of rows without ORDER BY, and what rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.policy import Reading, Token
from holdfast_service.rewriting import Piece

FEW = 2_000
"""Up to so many triples a pattern is small: looking its solutions up is soon done."""

MOST = 500_000
"""So many triples of a pattern are counted, and so many solutions are held while joining."""

LOOKUP = 20
"""How many times as long a look-up takes as a triple read in passing (measured: 20 to 40)."""

_OPEN = {"(": ")", "{": "}", "[": "]"}
_SUBJECTS = ("variable", "iri", "name")
_VALUES = ("number", "string")
_AMONG = ("FILTER", "OPTIONAL", "MINUS", "BIND")
_AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX")
_BY_ORDER = ("GROUP_CONCAT", "SAMPLE", "REDUCED")
"""What depends on the order of solutions where SPARQL does not fix it."""


@dataclass(frozen=True)
class Pattern:
    """A triple pattern: its three terms as they are written, at least one of them a variable."""

    terms: tuple[str, str, str]

    @property
    def text(self) -> str:
        """The pattern as it stands in a query."""
        return " ".join(self.terms)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, each once."""
        return tuple(dict.fromkeys(term[1:] for term in self.terms if term[0] in "?$"))

    @property
    def plain(self) -> str:
        """The same pattern for all that differ only in the names of variables: ?n0, ?n1, ?n2."""
        names = {name: f"?n{number}" for number, name in enumerate(self.variables)}
        return " ".join(names[term[1:]] if term[0] in "?$" else term for term in self.terms)


@dataclass(frozen=True)
class Group:
    """The triple patterns of the outermost group of a query, and where they stand in its text."""

    prologue: str
    patterns: tuple[Pattern, ...]
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Figures:
    """How many solutions a pattern has, and how many values each of its variables."""

    count: float
    values: dict[str, float]


Count = Callable[[str], Sequence[int]]
"""The numbers in the only row of the answer to a query."""


def set_at_a_time(reading: Reading, count: Count, *, some: bool = False) -> list[Piece]:
    """What to put where in a query, so that its outermost group is joined set at a time.

    Nothing where the patterns are better looked up, or the query is of another form than is known
    here. `count` answers queries over the same dataset.
    """
    group = group_of(reading) if _wants_all(reading, some) else None
    if group is None:
        return []
    counted = f"{group.prologue} SELECT (COUNT(*) AS ?n) {{ SELECT * {{ %s }} LIMIT %d }}"
    # those that name a thing are the likeliest to be small
    for pattern in sorted(
        group.patterns, key=lambda one: (len(one.variables), one.terms[1] == "a")
    ):
        if count(counted % (pattern.plain, FEW))[0] < FEW:
            return []
    if any(count(counted % (pattern.plain, MOST))[0] >= MOST for pattern in group.patterns):
        return []
    order = joined(group.patterns, lambda one: _figures(group, one, count))
    if not order:
        return []
    (start, end), *others = group.places
    return [Piece(start, end, nested(order)), *(Piece(one, to, "") for one, to in others)]


def _figures(group: Group, pattern: Pattern, count: Count) -> Figures:
    names = pattern.variables
    values = " ".join(f"(COUNT(DISTINCT ?n{at}) AS ?d{at})" for at in range(len(names)))
    found = count(f"{group.prologue} SELECT (COUNT(*) AS ?n) {values} {{ {pattern.plain} }}")
    return Figures(found[0], dict(zip(names, map(float, found[1:]), strict=True)))


def joined(patterns: Sequence[Pattern], figures_of: Callable[[Pattern], Figures]) -> list[Pattern]:
    """The patterns in the order in which they should be joined; none if they should be looked up.

    Estimates are those of Selinger et al. (1979): a join has the product of both sides, divided by
    the greater number of values of each variable that they share.
    """
    known = {pattern: figures_of(pattern) for pattern in patterns}
    order = [min(known, key=lambda one: known[one].count)]
    size, values = known[order[0]].count, dict(known[order[0]].values)
    looked_up, passed = 0.0, size
    while len(order) < len(known):
        sizes = {
            one: _size(size, values, figures)
            for one, figures in known.items()
            if one not in order and any(name in values for name in one.variables)
        }
        if not sizes:
            return []  # a product of sets: nobody asks that of a whole register
        chosen = min(sizes, key=lambda one: (sizes[one], known[one].count))
        looked_up += size
        passed += known[chosen].count + sizes[chosen]
        size = sizes[chosen]
        if size > MOST:
            return []
        for name, number in known[chosen].values.items():
            values[name] = min(values.get(name, number), number)
        values = {name: min(number, size) for name, number in values.items()}
        order.append(chosen)
    return order if looked_up * LOOKUP > passed * 2 else []


def _size(size: float, values: dict[str, float], right: Figures) -> float:
    made = size * right.count
    for name, number in right.values.items():
        if name in values:
            made /= max(number, values[name], 1.0)
    return made


def nested(order: Sequence[Pattern]) -> str:
    """The join of patterns, each step in a SELECT of its own, so that their order is kept."""
    text, names = _selected(order[0].text, order[0].variables), list(order[0].variables)
    for number, pattern in enumerate(order[1:], start=2):
        names += [name for name in pattern.variables if name not in names]
        text = f"{text} {_selected(pattern.text, pattern.variables)}"
        if number < len(order):
            text = _selected(text, names)
    return f"{{ {text} }}"


def _selected(text: str, names: Sequence[str]) -> str:
    return f"{{ SELECT {' '.join(f'?{name}' for name in names)} {{ {text} }} }}"


def _wants_all(reading: Reading, some: bool) -> bool:
    """Whether an answer needs all solutions, in whatever order they are found."""
    words = {token.word for token in reading.tokens}
    if reading.form != "SELECT" or words.intersection(_BY_ORDER):
        return False
    outer = {token.word for token in reading.tokens if token.depth == 0}
    before = _before_group(reading.tokens)
    gathers = bool(outer & {"GROUP", "ORDER"}) or any(t.word in _AGGREGATES for t in before)
    return gathers or not (some or "LIMIT" in outer)


def _before_group(tokens: Sequence[Token]) -> Sequence[Token]:
    opened = next((n for n, t in enumerate(tokens) if t.text == "{" and t.depth == 0), 0)
    return tokens[:opened]


def group_of(reading: Reading) -> Group | None:
    """The triple patterns of the outermost group of a SELECT.

    None where there are fewer than two, or the group holds what is joined with them in another way
    (paths, VALUES, groups, graphs, blank nodes), or the query names its dataset. FILTERs may stand
    among the patterns, and OPTIONAL, MINUS and BIND after them.
    """
    tokens = reading.tokens
    if reading.form != "SELECT" or reading.has_dataset:
        return None
    selected = next(n for n, t in enumerate(tokens) if t.word == "SELECT" and t.depth == 0)
    opened = len(_before_group(tokens))
    if not opened or any(t.word == "VALUES" and t.depth == 0 for t in tokens):
        return None
    walk = _Walk(tokens, opened + 1)
    if not walk.group() or len(walk.patterns) < 2:
        return None
    return Group(reading.text[: tokens[selected].at], tuple(walk.patterns), tuple(walk.places))


class _Walk:
    """A walk through the words of one group."""

    def __init__(self, tokens: Sequence[Token], at: int) -> None:
        self.tokens = tokens
        self.at = at
        self.patterns: list[Pattern] = []
        self.places: list[tuple[int, int]] = []

    def group(self) -> bool:
        """Walk to the end of the group; whether all in it is known here."""
        closed = False  # what follows is no longer of the same group of patterns
        while (token := self._now()) is not None and token.text != "}":
            if token.text == ".":
                self.at += 1
            elif token.word in _AMONG:
                closed = closed or token.word != "FILTER"
                if not self._skip():
                    return False
            elif closed or not self._triples():
                return False
        return token is not None

    def _now(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _skip(self) -> bool:
        """Pass over a word and the brackets that belong to it."""
        while (token := self._now()) is not None and token.text not in _OPEN:
            self.at += 1
        if token is None:
            return False
        close, depth = _OPEN[token.text], token.depth
        while (token := self._now()) is not None:
            self.at += 1
            if token.text == close and token.depth == depth and token.kind == "sign":
                return True
        return False

    def _triples(self) -> bool:
        """Triples of one subject, up to the full stop or the end."""
        first = self.tokens[self.at]
        subject = self._term(_SUBJECTS)
        if subject is None or not self._property(subject):
            return False
        while self._sign(";"):
            there = self._now()
            more = there is not None and there.text != ";" and not self._ends()
            if more and not self._property(subject):
                return False
        if not (self._sign(".") or self._ends()):
            return False
        last = self.tokens[self.at - 1]
        self.places.append((first.at, last.at + len(last.text)))
        return True

    def _property(self, subject: str) -> bool:
        """A verb and its objects."""
        verb = self._verb()
        if verb is None:
            return False
        while True:
            value = self._term((*_SUBJECTS, *_VALUES))
            if value is None:
                return False
            pattern = Pattern((subject, verb, value))
            if not pattern.variables:
                return False
            self.patterns.append(pattern)
            if not self._sign(","):
                return True

    def _ends(self) -> bool:
        token = self._now()
        return token is not None and (token.text in ("}", ".") or token.word in _AMONG)

    def _sign(self, sign: str) -> bool:
        token = self._now()
        if token is None or token.kind != "sign" or token.text != sign:
            return False
        self.at += 1
        return True

    def _verb(self) -> str | None:
        token = self._now()
        if token is not None and token.text == "a":
            self.at += 1
            return "a"
        return self._term(_SUBJECTS)

    def _term(self, kinds: Sequence[str]) -> str | None:
        token = self._now()
        if token is None or (token.kind not in kinds and not _is_truth(token, kinds)):
            return None
        self.at += 1
        text = token.text
        following = self._now()
        if token.kind == "string" and following is not None:
            if following.kind == "language":
                self.at += 1
                return text + following.text
            if following.text == "^^":
                self.at += 1
                kind = self._term(("iri", "name"))
                return f"{text}^^{kind}" if kind else None
        return text


def _is_truth(token: Token, kinds: Sequence[str]) -> bool:
    return token.word in ("TRUE", "FALSE") and "number" in kinds
