"""How the value of a SPARQL variable or expression is held in SQL.

A value that comes from the data is held as the term's integer; a computed one as what was
computed (number, text, truth) or as N-Triples text. NULL is 'unbound or error' everywhere, which
makes SQL's three-valued logic that of SPARQL 1.1 §17.2.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.columns.arithmetic import EXACT_DOUBLE
from holdfast.columns.terms import (
    BLANK,
    BOOLEAN,
    DATED,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INTEGER,
    INTEGERS,
    IRI,
    LANGSTRING,
    LASTING,
    NUMBERS,
    OTHER,
    STRING,
)  # fmt: skip
from holdfast.compile import sql
from holdfast.compile.sql import SQL
from holdfast.vocabulary import XSD

MOMENTS = tuple(DATED.values())
DURATIONS = tuple(LASTING.values())
DATATYPES = {
    STRING: XSD + "string",
    INTEGER: XSD + "integer",
    DECIMAL: XSD + "decimal",
    FLOAT: XSD + "float",
    DOUBLE: XSD + "double",
    BOOLEAN: XSD + "boolean",
}
AMOUNT = "STRUCT(c TINYINT, n DOUBLE, u HUGEINT, s INTEGER)"
"""The SQL type of a computed number (columns.arithmetic)."""


def n3_of(term: Identifier) -> str:
    """A term as the N-Quads text under which the dictionary holds it."""
    if isinstance(term, URIRef):
        return f"<{term}>"
    if isinstance(term, BNode):
        return f"_:{term}"
    if not isinstance(term, Literal):
        raise TypeError(f"{term!r} is not an RDF term")
    if term.language:
        return str(ox.Literal(str(term), language=term.language))
    datatype = ox.NamedNode(str(term.datatype or XSD + "string"))
    return str(ox.Literal(str(term), datatype=datatype))


class Value(ABC):
    """One value. Each method gives the SQL for one way of looking at it, NULL where it has none."""

    kinds: frozenset[int] = frozenset(range(OTHER + 1))
    """The classes of term (`terms.cls`) that it can be, as far as is known when compiling."""
    sure: bool = False
    """Whether it is bound in every solution."""

    @abstractmethod
    def n3(self) -> SQL:
        """The term as N-Triples text."""

    def id(self) -> SQL | None:
        """The term's integer, if the value is held so."""
        return None

    def presence(self) -> SQL:
        """What is NULL where there is no value."""
        key = self.id()
        return key if key is not None else self.n3()

    def cls(self) -> SQL:
        """The class of the term."""
        if len(self.kinds) == 1:
            return sql.number(next(iter(self.kinds)))
        return sql.call("class_of", self.n3(), self.lex(), self.dt())

    def lex(self) -> SQL:
        """The lexical form of a literal, or the IRI."""
        return sql.call("term_lex", self.n3())

    def lang(self) -> SQL:
        """The language tag; empty for other literals."""
        return sql.call("term_lang", self.n3())

    def dt(self) -> SQL:
        """The datatype IRI as text."""
        return sql.call("term_dt", self.n3())

    def num(self) -> SQL:
        """The number, or 0 and 1 for a boolean."""
        return sql.call("number_of", self.lex(), self.dt())

    def moment(self) -> SQL:
        """The first moment of a date or time."""
        return sql.call("moment_of", self.lex(), self.dt())

    def truth(self) -> SQL:
        """The effective boolean value (SPARQL 1.1 §17.2.2)."""
        cls = self.cls()
        number = self.num()
        some = exp.NEQ(this=number, expression=sql.number(0))
        return sql.cases(
            (
                self._is(cls, (BOOLEAN, *NUMBERS)),
                sql.both([some, exp.Not(this=sql.call("isnan", number.copy()))]),
            ),
            (
                self._is(cls, (STRING, LANGSTRING)),
                exp.NEQ(this=self.lex(), expression=sql.text("")),
            ),
            # what is no proper number or boolean, yet of such a datatype, is false
            (exp.In(this=self.dt(), expressions=_MEASURED), exp.false()),
        )

    @staticmethod
    def _is(cls: SQL, kinds: Collection[int]) -> SQL:
        if isinstance(cls, exp.Literal):
            return exp.true() if int(cls.this) in kinds else exp.false()
        least, most = min(kinds), max(kinds)
        if most - least == len(kinds) - 1 > 0:
            return exp.Between(this=cls, low=sql.number(least), high=sql.number(most))
        return exp.In(this=cls, expressions=[sql.number(kind) for kind in kinds])

    def string(self) -> SQL:
        """The text of a string literal, with or without a language; NULL for all else."""
        if self.kinds <= {STRING, LANGSTRING}:
            return self.lex()
        return sql.cases((self._is(self.cls(), (STRING, LANGSTRING)), self.lex()))

    def number(self) -> SQL:
        """The number of a numeric literal as a double; NULL for all else."""
        if self.kinds <= set(NUMBERS):
            return self.num()
        return sql.cases((self._is(self.cls(), NUMBERS), self.num()))

    def amount(self) -> SQL:
        """The number to compute with, as columns.arithmetic has it; NULL for no number."""
        return sql.call("amount_of", self.cls(), self.num(), self.lex())


class Lookups:
    """The dictionary entries that expressions over one relation read, each joined to it once.

    `entries` are those that are joined already, by column and join; `fresh` gives the others.
    """

    def __init__(self, alias: Callable[[], str], entries: Mapping[tuple[str, bool], str]) -> None:
        self._alias = alias
        self._fresh: list[tuple[str, SQL, bool]] = []
        self.entries = dict(entries)

    def field(self, column: SQL, name: str, *, sure: bool) -> SQL:
        """One field of the entry of the term whose integer is in `column`; `sure`: never NULL."""
        key = column.sql(dialect="duckdb"), sure
        if key not in self.entries:
            self.entries[key] = self._alias()
            self._fresh.append((self.entries[key], column, sure))
        return sql.column(self.entries[key], name)

    def fresh(self) -> list[tuple[str, SQL, bool]]:
        """The entries still to be joined: their alias, the column, and whether it is never NULL."""
        found, self._fresh = self._fresh, []
        return found


@dataclass
class Known(Value):
    """A term of the data, held as its integer; what else is needed of it comes from `lookups`."""

    column: SQL
    lookups: Lookups
    node: bool = False

    def __post_init__(self) -> None:
        if self.node:
            self.kinds = frozenset((IRI, BLANK))

    def id(self) -> SQL:
        return self.column

    def _field(self, name: str) -> SQL:
        return self.lookups.field(self.column, name, sure=self.sure)

    def n3(self) -> SQL:
        return self._field("n3")

    def cls(self) -> SQL:
        return self._field("cls")

    def lex(self) -> SQL:
        return self._field("lex")

    def lang(self) -> SQL:
        return self._field("lang")

    def dt(self) -> SQL:
        return self._field("dt")

    def num(self) -> SQL:
        return self._field("num")

    def moment(self) -> SQL:
        return self._field("moment")


@dataclass
class Constant(Value):
    """A term written in the query. `key` stands for its integer."""

    term: Identifier
    key: SQL

    def __post_init__(self) -> None:
        kind = _class_of(self.term)
        unsure = kind in MOMENTS or kind in DURATIONS  # there may be no such day
        self.kinds = frozenset((kind, OTHER) if unsure else (kind,))

    def id(self) -> SQL:
        return self.key

    def n3(self) -> SQL:
        return sql.text(n3_of(self.term))

    def lex(self) -> SQL:
        return exp.null() if isinstance(self.term, BNode) else sql.text(str(self.term))

    def lang(self) -> SQL:
        if not isinstance(self.term, Literal):
            return exp.null()
        return sql.text((self.term.language or "").lower())

    def dt(self) -> SQL:
        if not isinstance(self.term, Literal):
            return exp.null()
        kind = _class_of(self.term)
        return sql.text(str(self.term.datatype or DATATYPES.get(kind, _LANGSTRING)))

    def num(self) -> SQL:
        kind = _class_of(self.term)
        if kind == BOOLEAN:
            return sql.number(1 if str(self.term) in ("true", "1") else 0)
        if kind not in NUMBERS:
            return exp.cast(exp.null(), "DOUBLE")
        value = _double(float(str(self.term)))
        return exp.cast(exp.cast(value, "FLOAT"), "DOUBLE") if kind == FLOAT else value

    def amount(self) -> SQL:
        if not is_whole(self):
            return super().amount()
        whole = sql.number(int(str(self.term)))
        return sql.call("amount", sql.number(INTEGER), whole, sql.number(0))


@dataclass
class Written(Value):
    """A term held as N-Triples text."""

    text: SQL

    def n3(self) -> SQL:
        return self.text

    def _part(self, macro: str) -> SQL:
        def part(term: SQL) -> SQL:
            return sql.cases((exp.Not(this=sql.missing(term)), sql.call(macro, term)))

        return sql.once(self.text, "term", part)

    def _of_parts(self, macro: str, *names: str) -> SQL:
        def parts(term: SQL) -> SQL:
            return sql.record(n3=term, lex=sql.call("term_lex", term), dt=sql.call("term_dt", term))

        def answer(part: SQL) -> SQL:
            known = exp.Not(this=sql.missing(sql.field(part, "n3")))
            found = sql.call(macro, *(sql.field(part, name) for name in names))
            return sql.cases((known, found))

        return sql.once(sql.once(self.text, "term", parts), "part", answer)

    def cls(self) -> SQL:
        return self._of_parts("class_of", "n3", "lex", "dt")

    def lex(self) -> SQL:
        return self._part("term_lex")

    def lang(self) -> SQL:
        return self._part("term_lang")

    def dt(self) -> SQL:
        return self._part("term_dt")

    def num(self) -> SQL:
        return self._of_parts("number_of", "lex", "dt")

    def moment(self) -> SQL:
        return self._of_parts("moment_of", "lex", "dt")

    def string(self) -> SQL:
        return self._part("term_string")

    def truth(self) -> SQL:
        return in_parts([self], lambda sides: sides[0].truth())

    def number(self) -> SQL:
        return sql.once(self.amount(), "amount", lambda it: sql.call("as_double", it))

    def amount(self) -> SQL:
        return sql.call("amount_in", self.text)


@dataclass
class Parsed(Value):
    """A term taken apart: a struct as `term_parts` gives it."""

    parts: SQL

    def n3(self) -> SQL:
        return sql.field(self.parts, "n3")

    def cls(self) -> SQL:
        return sql.field(self.parts, "cls")

    def lex(self) -> SQL:
        return sql.field(self.parts, "lex")

    def lang(self) -> SQL:
        return sql.field(self.parts, "lang")

    def dt(self) -> SQL:
        return sql.field(self.parts, "dt")

    def num(self) -> SQL:
        return sql.field(self.parts, "num")

    def moment(self) -> SQL:
        return sql.field(self.parts, "moment")


def in_parts(values: Sequence[Value], body: Callable[[list[Value]], SQL]) -> SQL:
    """What `body` makes of values that are looked at in many ways, each computed once.

    Those that are columns are looked at as they are.
    """
    if not any(isinstance(value, Written) for value in values):
        return body(list(values))
    taken = {
        f"x{place}": sql.call("term_parts", value.n3())
        for place, value in enumerate(values)
        if not isinstance(value, (Known, Constant, Parsed))
    }

    def apart(parts: SQL) -> SQL:
        sides = []
        for place, value in enumerate(values):
            side: Value = value
            if f"x{place}" in taken:
                side = Parsed(sql.field(parts, f"x{place}"))
                side.kinds, side.sure = value.kinds, value.sure
            sides.append(side)
        return body(sides)

    return sql.once(sql.record(**taken), "parts", apart)


@dataclass
class Number(Value):
    """A computed number of a datatype that is known when compiling: a count, or a double."""

    figure: SQL
    kind: int = DOUBLE

    def __post_init__(self) -> None:
        self.kinds = frozenset((self.kind,))

    def presence(self) -> SQL:
        return self.figure

    def num(self) -> SQL:
        return self.figure

    def amount(self) -> SQL:
        if self.kind == INTEGER:
            return sql.call("amount", sql.number(INTEGER), self.figure, sql.number(0))
        return sql.call("approximate", sql.number(self.kind), self.figure)

    def lex(self) -> SQL:
        if self.kind == INTEGER:
            return exp.cast(self.figure, "VARCHAR")
        return sql.once(self.amount(), "amount", lambda it: sql.call("number_text", it))

    def dt(self) -> SQL:
        return sql.text(DATATYPES[self.kind])

    def n3(self) -> SQL:
        return sql.call("literal_n3", self.lex(), self.dt())


@dataclass
class Amount(Value):
    """A computed number whose datatype depends on its operands (type promotion, §17.3)."""

    made: SQL

    def __post_init__(self) -> None:
        self.kinds = frozenset(NUMBERS)

    def _part(self, macro: str) -> SQL:
        return sql.once(self.made, "amount", lambda amount: sql.call(macro, amount))

    def presence(self) -> SQL:
        def either(amount: SQL) -> SQL:
            exact = exp.cast(sql.field(amount, "u"), "DOUBLE")
            return sql.call("coalesce", exact, sql.field(amount, "n"))

        return sql.once(self.made, "amount", either)

    def num(self) -> SQL:
        return self._part("as_double")

    def amount(self) -> SQL:
        return self.made

    def cls(self) -> SQL:
        return sql.field(self.made, "c")

    def n3(self) -> SQL:
        return self._part("number_n3")

    def lex(self) -> SQL:
        return self._part("number_text")

    def dt(self) -> SQL:
        return sql.once(self.n3(), "term", lambda term: sql.call("term_dt", term))


@dataclass
class Text(Value):
    """A computed plain string."""

    words: SQL

    def __post_init__(self) -> None:
        self.kinds = frozenset((STRING,))

    def presence(self) -> SQL:
        return self.words

    def lex(self) -> SQL:
        return self.words

    def lang(self) -> SQL:
        return sql.text("")

    def dt(self) -> SQL:
        return sql.text(XSD + "string")

    def num(self) -> SQL:
        return exp.null()

    def n3(self) -> SQL:
        return sql.call("quoted", self.words)


@dataclass
class Truth(Value):
    """A computed boolean."""

    condition: SQL

    def __post_init__(self) -> None:
        self.kinds = frozenset((BOOLEAN,))

    def presence(self) -> SQL:
        return self.condition

    def truth(self) -> SQL:
        return self.condition

    def num(self) -> SQL:
        return exp.cast(self.condition, "INTEGER")

    def lex(self) -> SQL:
        return exp.cast(self.condition, "VARCHAR")

    def dt(self) -> SQL:
        return sql.text(XSD + "boolean")

    def n3(self) -> SQL:
        return sql.call("literal_n3", self.lex(), self.dt())


class Nothing(Value):
    """A variable that nothing binds: always an error."""

    def n3(self) -> SQL:
        return exp.cast(exp.null(), "VARCHAR")

    def cls(self) -> SQL:
        return exp.cast(exp.null(), "TINYINT")

    def lex(self) -> SQL:
        return self.n3()

    def lang(self) -> SQL:
        return self.n3()

    def dt(self) -> SQL:
        return self.n3()

    def num(self) -> SQL:
        return exp.cast(exp.null(), "DOUBLE")

    def moment(self) -> SQL:
        return exp.cast(exp.null(), "TIMESTAMP")

    def truth(self) -> SQL:
        return exp.cast(exp.null(), "BOOLEAN")


def same_term(one: Value, other: Value) -> SQL:
    """Whether two values are the same RDF term."""
    a, b = one.id(), other.id()
    if a is not None and b is not None:
        return sql.equal(a, b)
    return sql.equal(one.n3(), other.n3())


def equal_values(one: Value, other: Value) -> SQL:
    """SPARQL's `=`: by value for numbers, strings, booleans and times, else by term (§17.4.1.7).

    Values of two known kinds are unequal, as in Oxigraph and Jena, where SPARQL 1.1 by its letter
    has an error; a literal of an unknown or broken datatype is an error but for itself.
    """
    nodes = {IRI, BLANK}
    if one.kinds <= nodes or other.kinds <= nodes:
        return same_term(one, other)
    found = in_parts([one, other], lambda sides: _equal(sides[0], sides[1]))
    return if_bound([one, other], found)


def if_bound(values: Sequence[Value], answer: SQL) -> SQL:
    """An answer where the values have one that says nothing of whether there are any."""
    said = [
        exp.Not(this=sql.missing(value.presence()))
        for value in values
        if not value.sure and isinstance(value, (Number, Amount, Text, Truth))
    ]
    return sql.cases((sql.both(said), answer)) if said else answer


def _equal(one: Value, other: Value) -> SQL:
    if one.kinds <= set(NUMBERS) and other.kinds <= set(NUMBERS):
        return _numbers(one, other, exp.EQ)
    a, b = one.cls(), other.cls()
    never = (IRI, BLANK, LANGSTRING)
    other_kinds: list[SQL] = [
        exp.Or(this=Value._is(a, never), expression=Value._is(b, never)),
        *(
            exp.Not(this=sql.missing(kind))
            for side, kind in ((one, a), (other, b))
            if not (side.sure or isinstance(side, Constant))
        ),
    ]
    same = same_term(one, other)
    if {FLOAT, DOUBLE} & one.kinds & other.kinds:  # NaN does not equal even itself
        same = sql.both([same, sql.call("coalesce", _is_number(one), exp.true())])
    return sql.cases(
        (same, exp.true()),
        (sql.both(other_kinds), exp.false()),
        *_by_value(one, other, a, b, exp.EQ),
        (
            sql.both([exp.NEQ(this=kind, expression=sql.number(OTHER)) for kind in (a, b)]),
            exp.false(),
        ),
    )


def _is_number(value: Value) -> SQL:
    return exp.Not(this=sql.call("isnan", value.num()))


def less_than(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    """SPARQL's `<`, `<=`, `>` and `>=`; an error for values that have no order between them."""
    return in_parts([one, other], lambda sides: _less(sides[0], sides[1], comparison))


def _less(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    if one.kinds <= set(NUMBERS) and other.kinds <= set(NUMBERS):
        return _numbers(one, other, comparison)
    return sql.cases(*_by_value(one, other, one.cls(), other.cls(), comparison))


def _numbers(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    """Two numbers compared by value (XPath 3.1 Functions §4.3); NULL where one is none."""
    if is_whole(one) and is_whole(other):
        return comparison(this=one.num(), expression=other.num())
    kept = (Known, Constant, Parsed)
    if isinstance(one, kept) and isinstance(other, kept):
        if is_whole(one) or is_whole(other):  # two integers of which one is small: SQL is exact
            asked = other if is_whole(one) else one
            others = Value._is(asked.cls(), (DECIMAL, FLOAT, DOUBLE))
            plain = comparison(this=one.num(), expression=other.num())
            return sql.cases((others, _by_order(one, other, comparison)), otherwise=plain)
        return _by_order(one, other, comparison)
    pair = sql.record(x=one.amount(), y=other.amount())
    order = sql.once(
        pair, "pair", lambda it: sql.call("amount_order", sql.field(it, "x"), sql.field(it, "y"))
    )
    return _ordered(order, comparison)


def _by_order(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    sides = [part for side in (one, other) for part in (side.num(), side.cls(), side.lex())]
    return _ordered(sql.call(_among_terms("number_order", one, other), *sides), comparison)


def _among_terms(macro: str, one: Value, other: Value) -> str:
    """The macro to compare two values with: for terms of the data, what does for all there are."""
    stored = all(isinstance(side, Known) or is_whole(side) for side in (one, other))
    return f"stored_{macro}" if stored else macro


def is_whole(value: Value) -> bool:
    """Whether it is sure to be an integer that SQL compares and computes with as well."""
    if isinstance(value, Constant):
        return value.kinds == {INTEGER} and abs(int(str(value.term))) < EXACT_DOUBLE
    return isinstance(value, Number) and value.kind == INTEGER


def _order_of_durations(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    """Neither is the less where that depends on the date: an error but for `=`."""
    macro = _among_terms("duration_order", one, other)
    order = sql.call(macro, one.lex(), other.lex())
    return order if comparison is exp.EQ else sql.call("nullif", order, sql.number(2))


def _ordered(order: SQL, comparison: type[exp.Binary]) -> SQL:
    """A comparison told by an order of -1, 0 or 1, or 2 where there is none."""
    signs = {exp.EQ: (0,), exp.LT: (-1,), exp.GT: (1,), exp.LTE: (-1, 0), exp.GTE: (0, 1)}
    wanted = signs[comparison]
    if len(wanted) == 1:
        return sql.equal(order, sql.number(wanted[0]))
    return exp.In(this=order, expressions=[sql.number(sign) for sign in wanted])


def _by_value(
    one: Value, other: Value, a: SQL, b: SQL, comparison: type[exp.Binary]
) -> list[tuple[SQL, SQL]]:
    def both_are(*kinds: int) -> SQL | None:
        if not (one.kinds & {*kinds} and other.kinds & {*kinds}):
            return None
        tests = [
            Value._is(cls, kinds)
            for side, cls in ((one, a), (other, b))
            if not side.kinds <= {*kinds}
        ]
        return sql.both(tests)

    def by(side: Callable[[Value], SQL]) -> Callable[[], SQL]:
        return lambda: comparison(this=side(one), expression=side(other))

    shared = sorted(one.kinds & other.kinds & {*MOMENTS})
    dated = both_are(*shared)
    if len(shared) > 1:  # what is of the same class is compared in the same way
        dated = sql.both([sql.equal(a, b), Value._is(a, shared)])
    ways: list[tuple[SQL | None, Callable[[], SQL]]] = [
        (both_are(*NUMBERS), lambda: _numbers(one, other, comparison)),
        (both_are(BOOLEAN), by(lambda side: side.num())),
        (both_are(STRING), by(lambda side: side.lex())),
        (dated, by(lambda side: side.moment())),
        (
            both_are(*DURATIONS),
            lambda: _ordered(_order_of_durations(one, other, comparison), comparison),
        ),
    ]
    return [(test, made()) for test, made in ways if test is not None]


_LANGSTRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
_MEASURED = [sql.text(XSD + name) for name in ("boolean", *INTEGERS, "decimal", "float", "double")]
_CLASSES = {
    "string": STRING, "boolean": BOOLEAN, "decimal": DECIMAL, "double": DOUBLE, "float": FLOAT,
    **DATED, **LASTING,
}  # fmt: skip
_DOUBLE = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN"
_SPELLINGS = {
    INTEGER: re.compile(r"[+-]?[0-9]+"),
    DECIMAL: re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"),
    FLOAT: re.compile(_DOUBLE),
    DOUBLE: re.compile(_DOUBLE),
    BOOLEAN: re.compile(r"true|false|1|0"),
}


def _double(value: float) -> SQL:
    if value - value == 0:  # neither infinite nor no number
        return sql.number(value)
    return exp.cast(
        sql.text({"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")),
        "DOUBLE",
    )


def _class_of(term: Identifier) -> int:
    if isinstance(term, URIRef):
        return IRI
    if isinstance(term, BNode):
        return BLANK
    assert isinstance(term, Literal)
    if term.language:
        return LANGSTRING
    name = str(term.datatype or XSD + "string").removeprefix(XSD)
    kind = INTEGER if name in INTEGERS else _CLASSES.get(name, OTHER)
    spelling = _SPELLINGS.get(kind)
    return kind if spelling is None or spelling.fullmatch(str(term)) else OTHER
