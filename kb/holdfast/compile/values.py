"""How the value of a SPARQL variable or expression is held in SQL.

A value that comes from the data is held as the term's integer; a computed one as what was
computed (number, text, truth) or as N-Triples text. NULL is 'unbound or error' everywhere, which
makes SQL's three-valued logic that of SPARQL 1.1 §17.2.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyoxigraph as ox
from rdflib import BNode, Literal, URIRef
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.sql import SQL
from holdfast.vocabulary import XSD

(
    IRI,
    BLANK,
    STRING,
    LANGSTRING,
    INTEGER,
    DECIMAL,
    DOUBLE,
    BOOLEAN,
    DATETIME,
    DATE,
    YEAR,
    OTHER,
) = range(12)
NUMBERS = (INTEGER, DECIMAL, DOUBLE)
MOMENTS = (DATETIME, DATE, YEAR)
DATATYPES = {
    STRING: XSD + "string",
    INTEGER: XSD + "integer",
    DECIMAL: XSD + "decimal",
    DOUBLE: XSD + "double",
    BOOLEAN: XSD + "boolean",
}


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

    kinds: frozenset[int] = frozenset(range(12))
    """The classes of term (`terms.cls`) that it can be, as far as is known when compiling."""
    sure: bool = False
    """Whether it is bound in every solution."""

    @abstractmethod
    def n3(self) -> SQL:
        """The term as N-Triples text."""

    def id(self) -> SQL | None:
        """The term's integer, if the value is held so."""
        return None

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
        return sql.cases(
            (
                self._is(cls, (BOOLEAN, *NUMBERS)),
                exp.NEQ(this=self.num(), expression=sql.number(0)),
            ),
            (
                self._is(cls, (STRING, LANGSTRING)),
                exp.NEQ(this=self.lex(), expression=sql.text("")),
            ),
        )

    @staticmethod
    def _is(cls: SQL, kinds: tuple[int, ...]) -> SQL:
        return exp.In(this=cls, expressions=[sql.number(kind) for kind in kinds])

    def string(self) -> SQL:
        """The text of a string literal, with or without a language; NULL for all else."""
        if self.kinds <= {STRING, LANGSTRING}:
            return self.lex()
        return sql.cases((self._is(self.cls(), (STRING, LANGSTRING)), self.lex()))

    def number(self) -> SQL:
        """The number of a numeric literal; NULL for all else."""
        if self.kinds <= set(NUMBERS):
            return self.num()
        return sql.cases((self._is(self.cls(), NUMBERS), self.num()))


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
        self.kinds = frozenset((_class_of(self.term),))

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
        return _double(float(str(self.term)))


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


@dataclass
class Number(Value):
    """A computed number of a datatype that is known when compiling."""

    amount: SQL
    kind: int = DOUBLE

    def __post_init__(self) -> None:
        self.kinds = frozenset((self.kind,))

    def num(self) -> SQL:
        return self.amount

    def lex(self) -> SQL:
        if self.kind == INTEGER:
            whole = exp.TryCast(this=self.amount, to=exp.DataType.build("HUGEINT"))
            return exp.cast(whole, "VARCHAR")
        kind = sql.number(self.kind)
        return sql.once(self.amount, "amount", lambda amount: sql.call("number_lex", amount, kind))

    def dt(self) -> SQL:
        return sql.text(DATATYPES[self.kind])

    def n3(self) -> SQL:
        return sql.call("literal_n3", self.lex(), self.dt())


@dataclass
class Amount(Value):
    """A computed number whose datatype depends on its operands (type promotion, §17.3)."""

    amount: SQL
    type: SQL

    def __post_init__(self) -> None:
        self.kinds = frozenset(NUMBERS)

    def num(self) -> SQL:
        return self.amount

    def cls(self) -> SQL:
        return self.type

    def n3(self) -> SQL:
        both = sql.record(num=exp.cast(self.amount, "DOUBLE"), cls=self.type)
        return sql.once(
            both,
            "amount",
            lambda it: sql.call("number_n3", sql.field(it, "num"), sql.field(it, "cls")),
        )

    def lex(self) -> SQL:
        return sql.once(self.n3(), "term", lambda term: sql.call("term_lex", term))


@dataclass
class Text(Value):
    """A computed plain string."""

    words: SQL

    def __post_init__(self) -> None:
        self.kinds = frozenset((STRING,))

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
    if one.kinds <= set(NUMBERS) and other.kinds <= set(NUMBERS):
        return sql.equal(one.num(), other.num())
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
    return sql.cases(
        (same_term(one, other), exp.true()),
        (sql.both(other_kinds), exp.false()),
        *_by_value(one, other, a, b, exp.EQ),
        (
            sql.both([exp.NEQ(this=kind, expression=sql.number(OTHER)) for kind in (a, b)]),
            exp.false(),
        ),
    )


def less_than(one: Value, other: Value, comparison: type[exp.Binary]) -> SQL:
    """SPARQL's `<`, `<=`, `>` and `>=`; an error for values that have no order between them."""
    if one.kinds <= set(NUMBERS) and other.kinds <= set(NUMBERS):
        return comparison(this=one.num(), expression=other.num())
    return sql.cases(*_by_value(one, other, one.cls(), other.cls(), comparison))


def _by_value(
    one: Value, other: Value, a: SQL, b: SQL, comparison: type[exp.Binary]
) -> list[tuple[SQL, SQL]]:
    def if_both(kinds: tuple[int, ...], left: SQL, right: SQL) -> tuple[SQL, SQL] | None:
        if not (one.kinds & set(kinds) and other.kinds & set(kinds)):
            return None
        test = sql.both([Value._is(a, kinds), Value._is(b, kinds)])
        return test, comparison(this=left, expression=right)

    found = [
        if_both(NUMBERS, one.num(), other.num()),
        if_both((BOOLEAN,), one.num(), other.num()),
        if_both((STRING,), one.lex(), other.lex()),
        *(if_both((kind,), one.moment(), other.moment()) for kind in MOMENTS),
    ]
    return [pair for pair in found if pair is not None]


_LANGSTRING = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
_CLASSES = {
    "string": STRING, "boolean": BOOLEAN, "decimal": DECIMAL, "double": DOUBLE, "float": DOUBLE,
    "dateTime": DATETIME, "date": DATE, "gYear": YEAR,
}  # fmt: skip
_SPELLINGS = {
    INTEGER: re.compile(r"[+-]?[0-9]+"),
    DECIMAL: re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)"),
    DOUBLE: re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN"),
    BOOLEAN: re.compile(r"true|false|1|0"),
}
_INTEGERS = (
    "integer",
    "int",
    "long",
    "short",
    "byte",
    "nonNegativeInteger",
    "positiveInteger",
)


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
    kind = INTEGER if name in _INTEGERS else _CLASSES.get(name, OTHER)
    spelling = _SPELLINGS.get(kind)
    return kind if spelling is None or spelling.fullmatch(str(term)) else OTHER
