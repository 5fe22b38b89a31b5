"""SPARQL 1.1 expressions (§17) as SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any, Protocol
from urllib.parse import urljoin

import duckdb
from rdflib import BNode, Literal, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.columns.terms import (
    BLANK,
    BOOLEAN,
    DATE,
    DATED,
    DATETIME,
    DAY,
    DECIMAL,
    DOUBLE,
    FLOAT,
    INTEGER,
    IRI,
    LANGSTRING,
    MONTH,
    MONTH_DAY,
    NUMBERS,
    OTHER,
    STRING,
    TIME,
    YEAR,
    YEAR_MONTH,
)  # fmt: skip
from holdfast.compile import sql
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL
from holdfast.compile.values import (
    MOMENTS,
    Amount,
    Constant,
    Nothing,
    Number,
    Text,
    Truth,
    Value,
    Written,
    equal_values,
    if_bound,
    in_parts,
    is_whole,
    less_than,
    same_term,
)  # fmt: skip
from holdfast.queries import members
from holdfast.vocabulary import RDF, XSD, nearest

Environment = Mapping[str, Value]


class Patterns(Protocol):
    """What an expression needs of the pattern around it."""

    def constant(self, term: Identifier) -> Constant:
        """The value of a term written in the query."""

    def exists(self, group: CompValue, environment: Environment) -> SQL:
        """Whether a pattern has a solution that agrees with the environment."""

    def unbound(self, name: str) -> Value:
        """The value of a variable that the environment does not hold."""

    def changing(self, function: str) -> str:
        """The moment of the query, for functions that give something else in every run."""

    def function(self, iri: str, arguments: list[Any], value: Callable[[Any], Value]) -> Value:
        """The value of a function that is not SPARQL's own; `value` gives that of an argument."""


def compile_expression(node: Any, environment: Environment, patterns: Patterns) -> Value:
    """The value of a SPARQL expression whose variables are held in `environment`.

    Raises Refusal for a construct that is not compiled.
    """

    def value(part: Any) -> Value:
        return compile_expression(part, environment, patterns)

    if isinstance(node, Variable):
        name = str(node)
        return environment[name] if name in environment else patterns.unbound(name)
    if isinstance(node, (URIRef, Literal, BNode)):
        return patterns.constant(node)
    if isinstance(node, bool):
        return Truth(exp.true() if node else exp.false())
    if not isinstance(node, CompValue):
        raise Refusal(f"the expression {node!r}")
    name = node.name
    if name == "TrueFilter":
        return Truth(exp.true())
    if name == "ConditionalAndExpression":
        return Truth(sql.both([value(part).truth() for part in [node.expr, *node.other]]))
    if name == "ConditionalOrExpression":
        return Truth(sql.either([value(part).truth() for part in [node.expr, *node.other]]))
    if name == "UnaryNot":
        return Truth(exp.Not(this=exp.paren(value(node.expr).truth())))
    if name == "UnaryMinus":
        return _of_amount("amount_negated")(CompValue("", arg=node.expr), value)
    if name == "UnaryPlus":
        return Amount(value(node.expr).amount())
    if name == "RelationalExpression":
        return Truth(_relation(node, value))
    if name == "AdditiveExpression":
        return _arithmetic(node, value)
    if name == "MultiplicativeExpression":
        return _arithmetic(node, value)
    if name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
        found = patterns.exists(node.graph, environment)
        return Truth(found if name == "Builtin_EXISTS" else exp.Not(this=found))
    if name == "Function":
        if not str(node.iri).startswith(XSD):
            arguments = node.expr if isinstance(node.expr, list) else [node.expr]
            empty = arguments in ([], [None], [URIRef(f"{RDF}nil")])
            return patterns.function(str(node.iri), [] if empty else arguments, value)
        return _cast(node, value)
    if name in _CHANGING:
        return _CHANGING[name](node, value, patterns.changing(name), environment)
    if name == "Builtin_BOUND":
        bound = environment.get(str(node.arg)) or patterns.unbound(str(node.arg))
        return Truth(exp.Not(this=sql.missing(bound.presence())))
    if name in _BUILTINS:
        return _BUILTINS[name](node, value)
    raise Refusal(_construct(name))


_CONNECTIVES = frozenset((
    "ConditionalAndExpression", "ConditionalOrExpression", "UnaryNot", "RelationalExpression",
))  # fmt: skip
_DEEPEST = 2


def taken_apart(node: Any, name: Callable[[CompValue], Variable]) -> Any:
    """An expression in which what is nested deeply is replaced by variables.

    A function looks at its arguments in several ways, each of which writes them out anew; so SQL
    would grow with every step. `name` gives the variable for a part.
    """
    return node if _depth(node) <= _DEEPEST else _shallow(node, name)


def _depth(node: Any) -> int:
    """How many functions and operations stand within one another."""
    if isinstance(node, CompValue):
        if node.name in _EXISTS:
            return 0
        inner = max((_depth(part) for part in node.values()), default=0)
        return inner + (node.name not in _CONNECTIVES)
    return max((_depth(part) for part in node), default=0) if isinstance(node, list) else 0


def _shallow(node: Any, name: Callable[[CompValue], Variable]) -> Any:
    if isinstance(node, list):
        return [_shallow(part, name) for part in node]
    if not isinstance(node, CompValue) or node.name in _EXISTS:
        return node
    made = CompValue(node.name)
    for key, part in node.items():
        made[key] = _shallow(part, name)
    return made if _depth(made) < _DEEPEST or node.name in _CONNECTIVES else name(made)


_EXISTS = ("Builtin_EXISTS", "Builtin_NOTEXISTS")


def unknown_function(iri: str) -> Refusal:
    """The refusal of a function that is neither SPARQL's nor a cast."""
    casts = (*DATED, "string", "boolean", "integer", "decimal", "float", "double")
    near = nearest(iri.removeprefix(XSD), casts) if iri.startswith(XSD) else ""
    return Refusal(
        f"the function <{iri}>",
        near.replace("mean ", "mean xsd:")
        or "Functions beyond SPARQL's own differ from engine to engine; write it with those.",
    )


def _construct(name: str) -> str:
    return f"the function {name.removeprefix('Builtin_')}" if name.startswith("Builtin_") else name


def _relation(node: CompValue, value: Callable[[Any], Value]) -> SQL:
    one = value(node.expr)
    if node.op in ("IN", "NOT IN"):
        members = node.other if isinstance(node.other, list) else []
        found = sql.either([equal_values(one, value(member)) for member in members])
        return found if node.op == "IN" else exp.Not(this=found)
    other = value(node.other)
    if node.op == "=":
        return equal_values(one, other)
    if node.op == "!=":
        return exp.Not(this=exp.paren(equal_values(one, other)))
    comparison = {"<": exp.LT, ">": exp.GT, "<=": exp.LTE, ">=": exp.GTE}[node.op]
    return less_than(one, other, comparison)


_OPERATIONS = {
    "+": "amount_sum", "-": "amount_difference", "*": "amount_product", "/": "amount_quotient",
}  # fmt: skip
_OF_COUNTS: dict[str, type[exp.Binary]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}


def _arithmetic(node: CompValue, value: Callable[[Any], Value]) -> Value:
    """What is computed from left to right; a run of one operator is folded, so that a long sum is
    no deeper than a short one. x - y is x + -y there."""
    result = value(node.expr)
    steps = zip(map(str, node.op), node.other, strict=True)
    for operator, run in groupby(steps, lambda step: step[0].replace("-", "+")):
        several = list(run)
        if len(several) == 1:
            result = Amount(_computed(several[0][0], result, value(several[0][1])))
            continue
        amounts = [result.amount()]
        for sign, operand in several:
            amount = value(operand).amount()
            amounts.append(sql.call("amount_negated", amount) if sign == "-" else amount)
        result = Amount(sql.folded(amounts, _OPERATIONS[operator]))
    return result


def _computed(operator: str, one: Value, other: Value) -> SQL:
    plain = _OF_COUNTS.get(operator)
    if plain is not None and is_whole(one) and is_whole(other):
        sides = [exp.cast(exp.paren(side.num()), "HUGEINT") for side in (one, other)]
        made = sql.call("TRY", plain(this=sides[0], expression=sides[1]))
        return sql.call("amount", sql.number(INTEGER), made, sql.number(0))
    macro = _OPERATIONS[operator]

    def amounts(pair: SQL) -> SQL:
        return sql.call(macro, sql.field(pair, "x"), sql.field(pair, "y"))

    return sql.once(sql.record(x=one.amount(), y=other.amount()), "pair", amounts)


def _cast(node: CompValue, value: Callable[[Any], Value]) -> Value:
    """The seven casts of §17.5, and those to the other types of XML Schema that values have."""
    target = str(node.iri).removeprefix(XSD)
    arguments = node.expr if isinstance(node.expr, list) else [node.expr]
    if not str(node.iri).startswith(XSD) or len(arguments) != 1:
        raise unknown_function(str(node.iri))
    inner = value(arguments[0])
    if target == "string":
        if not inner.kinds & {BOOLEAN, *NUMBERS}:
            return Text(inner.lex())
        return Text(sql.call("cast_string", inner.cls(), inner.lex(), inner.num()))
    typed = sql.text(XSD + target)
    if target in ("integer", "decimal", "float", "double"):
        return Amount(_cast_number(inner, target, typed))
    if target == "boolean":
        read = sql.cases(
            (Value._is(inner.cls(), (BOOLEAN, *NUMBERS)), inner.num()),
            (Value._is(inner.cls(), (STRING,)), sql.call("number_of", inner.lex(), typed)),
        )
        return Truth(
            sql.once(
                read,
                "number",
                lambda it: sql.both(
                    [
                        exp.NEQ(this=it, expression=sql.number(0)),
                        exp.Not(this=sql.call("isnan", it)),
                    ]
                ),
            )
        )
    same = DATED.get(target)
    if same is None:
        raise unknown_function(str(node.iri))
    return Written(
        in_parts([Written(inner.n3())], lambda sides: _cast_date(sides[0], target, same))
    )


def _cast_date(inner: Value, target: str, same: int) -> SQL:
    spelt, typed = inner.lex(), sql.text(XSD + target)
    valid = exp.Not(this=sql.missing(sql.call("moment_of", spelt, typed)))
    ways = [
        (Value._is(inner.cls(), (same,)), spelt.copy()),
        (sql.both([Value._is(inner.cls(), (STRING,)), valid]), spelt.copy()),
    ]
    if target == "date":
        ways.append((Value._is(inner.cls(), (DATETIME,)), _matched(spelt, r"T[0-9:.]*", "")))
    if target == "time":
        ways.append((Value._is(inner.cls(), (DATETIME,)), _matched(spelt, r"^.*T", "")))
    if target == "dateTime":
        midnight = _matched(spelt, r"^(-?[0-9]+-[0-9]{2}-[0-9]{2})", r"\1T00:00:00")
        ways.append((Value._is(inner.cls(), (DATE,)), midnight))
    return sql.call("literal_n3", sql.cases(*ways), typed)


def _matched(text: SQL, pattern: str, replacement: str) -> SQL:
    return sql.call("regexp_replace", text.copy(), sql.text(pattern), sql.text(replacement))


def _cast_number(inner: Value, target: str, typed: SQL) -> SQL:
    """A number, truth or string as a number of another type (XPath 3.1 Functions §19)."""
    kind = {"integer": INTEGER, "decimal": DECIMAL, "float": FLOAT, "double": DOUBLE}[target]
    macro = {INTEGER: "as_integer", DECIMAL: "as_decimal", FLOAT: "as_float", DOUBLE: "as_real"}

    def made(amount: SQL) -> SQL:
        return sql.call(macro[kind], amount)

    if inner.kinds <= set(NUMBERS):
        return sql.once(inner.amount(), "amount", made)
    if kind == INTEGER and inner.kinds <= {STRING}:
        spelt = inner.lex()
        valid = sql.call("regexp_matches", spelt, sql.text("^[+-]?[0-9]+$"))
        whole = exp.TryCast(this=spelt.copy(), to=exp.DataType.build("HUGEINT"))
        return sql.cases((valid, sql.call("amount", sql.number(kind), whole, sql.number(0))))
    amount = in_parts([inner], lambda sides: _amount_from(sides[0], kind, typed))
    return sql.once(amount, "amount", made)


def _amount_from(inner: Value, kind: int, typed: SQL) -> SQL:
    cls, lex = inner.cls(), inner.lex()
    read = sql.call("number_of", lex, typed)
    return sql.cases(
        (Value._is(cls, NUMBERS), inner.amount()),
        (Value._is(cls, (BOOLEAN,)), sql.call("amount_of", sql.number(INTEGER), inner.num(), lex)),
        (
            sql.both([Value._is(cls, (STRING,)), exp.Not(this=sql.missing(read))]),
            sql.call("amount_of", sql.number(kind), read.copy(), lex.copy()),
        ),
    )


Compile = Callable[[Any], Value]


def _kind_test(*kinds: int) -> Callable[[CompValue, Compile], Value]:
    def test(node: CompValue, value: Compile) -> Value:
        inner = value(node.arg)
        return Truth(if_bound([inner], Value._is(inner.cls(), kinds)))

    return test


def _compatible(one: Value, other: Value, answer: SQL) -> SQL:
    """The answer where the second string has no language or that of the first (§17.4.3.1.2)."""
    if other.kinds <= {STRING}:
        return answer
    tag = other.lang()
    fit = sql.either([sql.equal(tag, sql.text("")), sql.equal(tag.copy(), one.lang())])
    return sql.cases((fit, answer))


def _text_test(function: str) -> Callable[[CompValue, Compile], Value]:
    def test(node: CompValue, value: Compile) -> Value:
        one, other = value(node.arg1), value(node.arg2)
        found = sql.call(function, one.string(), other.string())
        return Truth(_compatible(one, other, found))

    return test


def _of_amount(macro: str) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        made = value(node.arg).amount()
        return Amount(sql.once(made, "amount", lambda amount: sql.call(macro, amount)))

    return compute


def _part_of_date(pattern: str, *kinds: int) -> Callable[[CompValue, Compile], Value]:
    """Digits of a date as it is written: its own zone counts, not Greenwich (XPath §10.5)."""

    def compute(node: CompValue, value: Compile) -> Value:
        inner = value(node.arg)
        spelt = sql.call("day_begun", inner.lex())
        digits = sql.call("regexp_extract", spelt, sql.text(pattern), sql.number(1))
        part = sql.cases((Value._is(inner.cls(), kinds), digits))
        return Number(exp.TryCast(this=part, to=exp.DataType.build("BIGINT")), INTEGER)

    return compute


def _like(inner: Value, changed: Callable[[SQL], SQL]) -> Value:
    """A string made from another keeps its language tag."""
    text = changed(inner.string())
    if inner.kinds <= {STRING}:
        return Text(text)
    return Written(_tagged(text, inner.lang()))


def _case_changed(function: str, one: str, two: str) -> Callable[[CompValue, Compile], Value]:
    """A text in another case; `one` sign becomes `two` there, which DuckDB does not know."""

    def changed(text: SQL) -> SQL:
        return sql.call(function, sql.call("replace", text, sql.text(one), sql.text(two)))

    def compute(node: CompValue, value: Compile) -> Value:
        return _like(value(node.arg), changed)

    return compute


def _substring(node: CompValue, value: Compile) -> Value:
    """Places are rounded and count from 1; those before it are passed over (XPath §5.4.3)."""
    start = value(node.start)
    length = value(node.length) if node.length is not None else None

    def taken(text: SQL) -> SQL:
        if isinstance(start, Constant) and is_whole(start):
            first = int(str(start.term))
            if length is None:
                return sql.call("substr", text, sql.number(min(max(first, 1), _FARTHEST)))
            if isinstance(length, Constant) and is_whole(length):
                last = first + int(str(length.term))
                first = min(max(first, 1), _FARTHEST)
                counted = sql.number(min(max(last - first, 0), _FARTHEST))
                return sql.call("substr", text, sql.number(first), counted)
            if isinstance(length, Number) and is_whole(length) and 1 <= first <= _FARTHEST:
                return sql.call("substr", text, sql.number(first), _counted(length.num()))
        parts = sql.record(
            text=text,
            first=_place(start.number()),
            last=sql.number(_FARTHEST)
            if length is None
            else _place(start.number(), length.number()),
        )
        return sql.once(parts, "part", _between)

    return _like(value(node.arg), taken)


def _counted(length: SQL) -> SQL:
    """How many characters to take, for a count or a part of a date: none where it is negative.

    It is written out, without a list of one: DuckDB may compare one pair of rows at a time.
    """
    none = sql.number(0)
    return sql.cases(
        (exp.LT(this=length, expression=none), none),
        (exp.GTE(this=length.copy(), expression=none.copy()), length.copy()),
    )


_FARTHEST = 2**31
"""A place beyond the end of any text, and not too far for SQL."""


def _place(start: SQL, length: SQL | None = None) -> SQL:
    half = sql.number(0.5)
    rounded = sql.call("floor", exp.Add(this=exp.paren(start.copy()), expression=half))
    if length is not None:
        more = sql.call("floor", exp.Add(this=exp.paren(length.copy()), expression=half.copy()))
        rounded = exp.Add(this=rounded, expression=more)
    return exp.TryCast(this=rounded, to=exp.DataType.build("BIGINT"))


def _between(part: SQL) -> SQL:
    """The text of a record from its `first` place to before its `last`."""
    farthest = sql.number(_FARTHEST)
    first = sql.call("greatest", sql.field(part, "first"), sql.number(1))
    first = sql.call("least", first, farthest)
    length: SQL = exp.Sub(this=exp.paren(sql.field(part, "last")), expression=first)
    length = sql.call("least", sql.call("greatest", length, sql.number(0)), farthest.copy())
    piece = sql.call("substr", sql.field(part, "text"), first.copy(), length)
    bounds = [exp.Not(this=sql.missing(sql.field(part, name))) for name in ("first", "last")]
    return sql.cases((sql.both(bounds), piece))


def _tagged(text: SQL, tag: SQL) -> SQL:
    """A string with a language tag, or without one where the tag is empty."""
    return sql.once(
        sql.record(text=text, tag=tag),
        "part",
        lambda part: _with_tag(sql.field(part, "text"), sql.field(part, "tag")),
    )


def _with_tag(text: SQL, tag: SQL) -> SQL:
    marked = exp.DPipe(
        this=exp.DPipe(this=sql.call("quoted", text), expression=sql.text("@")),
        expression=tag,
    )
    return sql.cases(
        (exp.NEQ(this=tag.copy(), expression=sql.text("")), marked),
        otherwise=sql.call("quoted", text.copy()),
    )


def _around(before: bool) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        one, other = value(node.arg1), value(node.arg2)
        text, mark = one.string(), other.string()
        place = sql.call("instr", text, mark)
        if before:
            piece = sql.call("left", text, exp.Sub(this=place, expression=sql.number(1)))
        else:
            after = exp.Add(this=place, expression=sql.call("length", mark))
            piece = sql.call("substr", text, after)
        found = sql.cases(
            (exp.GT(this=place, expression=sql.number(0)), _tagged(piece, one.lang())),
            (sql.equal(place, sql.number(0)), sql.text('""')),
        )
        return Written(_compatible(one, other, found))

    return compute


def _pattern(node: CompValue, value: Compile) -> SQL:
    """A pattern as RE2 reads it, with its flags (XPath 3.1 Functions §5.6.2) at its head.

    Raises Refusal for one that says what RE2 cannot match, where it is known beforehand: it is no
    error in SPARQL, so that it must not count as one.
    """
    pattern = value(node.pattern).string()
    spelt = isinstance(node.flags, Literal) and "q" in node.flags
    if isinstance(node.pattern, Literal) and not spelt and (found := _beyond_re2(node.pattern)):
        raise Refusal(
            f"{found} in a regular expression",
            "Write the pattern without, or as several that are joined by && and !.",
        )
    if node.flags is None:
        return pattern
    flags = _plain(value(node.flags))
    literal, spaced, others = (sql.text(sign) for sign in ("q", "x", "[^imsqx]"))
    written = sql.cases(
        (sql.call("contains", flags, literal), sql.call("regexp_escape", pattern)),
        (
            sql.call("contains", flags.copy(), spaced),
            sql.call(
                "regexp_replace", pattern.copy(), sql.text("\\s"), sql.text(""), sql.text("g")
            ),
        ),
        otherwise=pattern.copy(),
    )
    marked = sql.call("regexp_replace", flags.copy(), sql.text("[qx]"), sql.text(""), sql.text("g"))
    head = sql.cases(
        (sql.call("regexp_matches", flags.copy(), others), exp.cast(exp.null(), "VARCHAR")),
        (sql.equal(marked, sql.text("")), sql.text("")),
        otherwise=sql.call("concat", sql.text("(?"), marked.copy(), sql.text(")")),
    )
    return exp.DPipe(this=exp.paren(head), expression=exp.paren(written))


def check_patterns(node: Any) -> None:
    """Refuse a regular expression that no text could match, because it is malformed.

    SPARQL counts it as an error, so that a rule which has it would be silent for ever.
    """
    if isinstance(node, CompValue):
        if node.name in ("Builtin_REGEX", "Builtin_REPLACE"):
            pattern, flags = node.pattern, node.flags
            plain = isinstance(flags, Literal) and "q" in flags
            written = isinstance(pattern, Literal) and not plain and not _beyond_re2(pattern)
            if written and not known_to_re2(str(pattern)):
                raise Refusal(f"the regular expression '{pattern}'", "It is malformed; mend it.")
        for _, part in members(node):
            check_patterns(part)
    elif isinstance(node, (list, tuple)) or type(node).__name__ == "ParseResults":
        for part in node:
            check_patterns(part)


def known_to_re2(pattern: str) -> bool:
    """Whether RE2 can read a regular expression."""
    if _SURELY_A_PATTERN.fullmatch(pattern):
        return True
    with duckdb.cursor() as connection:
        try:
            connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error:
            return False
    return True


def _beyond_re2(pattern: str) -> str:
    """What a pattern has that XPath or other engines know and RE2 does not; '' for nothing."""
    escapes = re.findall(r"\\(?:[pP]\{\w*\}?|.)", pattern)
    bare = re.sub(r"\\.", "__", pattern)
    if back := next((part for part in escapes if part[1] in "123456789"), ""):
        return f"a back-reference ({back})"
    if around := re.search(r"\(\?(=|!|<[=!])", bare):
        return f"a look-around ({around[0]})"
    if re.search(r"\[[^\[\]]+-\[(?!:)", bare):
        return "a class taken from another (-[)"
    if name := next((part for part in escapes if part[1] in "icIC"), ""):
        return f"a character of XML names ({name})"
    block = next((part for part in escapes if re.match(r"\\[pP]\{Is", part)), "")
    return f"a block of Unicode ({block})" if block else ""


def _tried(node: CompValue, attempt: SQL) -> SQL:
    """A match whose pattern may be none: that is an error, and not the end of the query."""
    plain = isinstance(node.pattern, Literal) and _SURELY_A_PATTERN.fullmatch(str(node.pattern))
    return attempt if plain and node.flags is None else sql.call("TRY", attempt)


_SURELY_A_PATTERN = re.compile(r"\^?[\w\s.,;:/@#%&=~'\"<>!-]*\$?")


def _regex(node: CompValue, value: Compile) -> Value:
    text = value(node.text).string()
    return Truth(_tried(node, sql.call("regexp_matches", text, _pattern(node, value))))


def _replace(node: CompValue, value: Compile) -> Value:
    replacement = sql.call(
        "regexp_replace",
        value(node.replacement).string(),
        sql.text(r"\$(\d)"),
        sql.text(r"\\\1"),
        sql.text("g"),
    )
    pattern = _pattern(node, value)
    every = sql.text("g")
    return _like(
        value(node.arg),
        lambda text: _tried(node, sql.call("regexp_replace", text, pattern, replacement, every)),
    )


def _listed(arguments: Any) -> list[Any]:
    return list(arguments) if isinstance(arguments, list) else []  # () is read as rdf:nil


def _concat(node: CompValue, value: Compile) -> Value:
    parts = [value(part) for part in _listed(node.arg)]
    text: SQL = sql.text("")
    for part in parts:
        text = exp.DPipe(this=text, expression=exp.paren(part.string()))
    if not parts or any(part.kinds <= {STRING} for part in parts):
        return Text(text)
    tags = [part.lang() for part in parts]
    shared = [sql.equal(tags[0].copy(), tag) for tag in tags[1:]]
    return Written(_tagged(text, sql.cases((sql.both(shared), tags[0]), otherwise=sql.text(""))))


def _coalesce(node: CompValue, value: Compile) -> Value:
    parts = [value(part) for part in _listed(node.arg)]
    if not parts:
        return Nothing()
    return Written(sql.call("coalesce", *(part.n3() for part in parts)))


def _if(node: CompValue, value: Compile) -> Value:
    test, one, other = value(node.arg1).truth(), value(node.arg2), value(node.arg3)
    refused = sql.missing(test)
    return Written(
        sql.cases(
            (refused, exp.cast(exp.null(), "VARCHAR")),
            (test.copy(), one.n3()),
            otherwise=other.n3(),
        )
    )


_ABSOLUTE = re.compile("^[A-Za-z][A-Za-z0-9+.-]*:")
_IRI = r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|^`\\]*'


def _iri(node: CompValue, value: Compile) -> Value:
    base = str(node.base or "")
    argument = node.arg
    if isinstance(argument, Literal) and not argument.language:
        resolved = urljoin(base, str(argument)) if base else str(argument)
        return value(URIRef(resolved)) if _ABSOLUTE.match(resolved) else Nothing()
    inner = value(argument)
    fit = Value._is(inner.cls(), (IRI, STRING))
    whole = inner.lex()
    if base:
        absolute = sql.call("regexp_matches", whole, sql.text(_ABSOLUTE.pattern))
        rooted = sql.call("starts_with", whole.copy(), sql.text("/"))
        joined = [
            exp.DPipe(this=sql.text(urljoin(base, stem)), expression=exp.paren(whole.copy()))
            for stem in (".",)
        ]
        below = exp.DPipe(
            this=sql.text(urljoin(base, "/").removesuffix("/")), expression=exp.paren(whole.copy())
        )
        whole = sql.cases((absolute, whole.copy()), (rooted, below), otherwise=joined[0])
    allowed = sql.call("regexp_full_match", whole.copy(), sql.text(_IRI))
    made = exp.DPipe(
        this=exp.DPipe(this=sql.text("<"), expression=exp.paren(whole)),
        expression=sql.text(">"),
    )
    return Written(sql.cases((sql.both([fit, allowed]), made)))


def _hashed(function: str, *more: SQL) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        def hashed(text: SQL) -> SQL:
            return sql.call(function, text, *(part.copy() for part in more))

        return Text(sql.once(_plain(value(node.arg)), "text", hashed))

    return compute


def _of_moment(
    kinds: tuple[int, ...], made: Callable[[SQL], SQL]
) -> Callable[[CompValue, Compile], SQL]:
    def compute(node: CompValue, value: Compile) -> SQL:
        inner = value(node.arg)
        spelt = sql.cases((Value._is(inner.cls(), kinds), inner.lex()))
        return sql.once(spelt, "spelt", made)

    return compute


def _zone(spelt: SQL) -> SQL:
    return sql.call("regexp_extract", spelt, sql.text("(Z|[+-][0-9]{2}:[0-9]{2})$"), sql.number(1))


_tz = _of_moment(MOMENTS, _zone)
_seconds = _of_moment((DATETIME, TIME), lambda it: sql.call("seconds_n3", it))
_timezone = _of_moment(MOMENTS, lambda it: sql.call("zone_n3", _zone(it)))


def _now(node: CompValue, value: Compile, now: str, _: Environment) -> Value:
    return value(Literal(now, datatype=URIRef(XSD + "dateTime")))


def _uuid(node: CompValue, value: Compile, now: str, _: Environment) -> Value:
    made = sql.call("concat", sql.text("<urn:uuid:"), sql.call("uuid"), sql.text(">"))
    return Written(made)


def _bnode(node: CompValue, value: Compile, now: str, environment: Environment) -> Value:
    """A fresh node; the same for the same string in a solution, told by what the data bind."""
    if node.arg is None:
        return Written(sql.call("concat", sql.text("_:"), sql.call("md5", _random())))
    keys = [key for held in environment.values() if (key := held.id()) is not None]
    text = _plain(value(node.arg))
    parts = [part for key in keys for part in (key, sql.text(" "))]
    seed = sql.call("concat", sql.text(now), *parts, text.copy())
    named = exp.DPipe(this=sql.text("_:"), expression=sql.call("md5", seed))
    return Written(sql.cases((exp.Not(this=sql.missing(text)), named)))


def _random() -> SQL:
    return exp.cast(sql.call("uuid"), "VARCHAR")


_CHANGING: dict[str, Callable[[CompValue, Compile, str, Environment], Value]] = {
    "Builtin_NOW": _now,
    "Builtin_UUID": _uuid,
    "Builtin_STRUUID": lambda node, value, now, _: Text(_random()),
    "Builtin_RAND": lambda node, value, now, _: Number(sql.call("random"), DOUBLE),
    "Builtin_BNODE": _bnode,
}


def _plain(value: Value) -> SQL:
    """The text of a string without a language; NULL for all else."""
    return sql.cases((Value._is(value.cls(), (STRING,)), value.lex()))


def _strdt(node: CompValue, value: Compile) -> Value:
    named = value(node.arg2)
    datatype = sql.cases((Value._is(named.cls(), (IRI,)), named.lex()))
    plain = sql.equal(datatype.copy(), sql.text(XSD + "string"))
    text = _plain(value(node.arg1))
    return Written(
        sql.cases(
            (plain, sql.call("quoted", text)),
            otherwise=sql.call("literal_n3", text.copy(), datatype),
        )
    )


def _strlang(node: CompValue, value: Compile) -> Value:
    quoted = sql.call("quoted", _plain(value(node.arg1)))
    tag = sql.call("lower", _plain(value(node.arg2)))
    return Written(
        exp.DPipe(
            this=exp.DPipe(this=quoted, expression=sql.text("@")),
            expression=exp.paren(tag),
        )
    )


def _langmatches(node: CompValue, value: Compile) -> Value:
    tag = exp.Lower(this=value(node.arg1).string())
    wanted = exp.Lower(this=value(node.arg2).string())
    return Truth(
        sql.cases(
            (sql.equal(wanted, sql.text("*")), exp.NEQ(this=tag, expression=sql.text(""))),
            otherwise=sql.either([
                sql.equal(tag, wanted),
                sql.call("starts_with", tag, exp.DPipe(this=wanted, expression=sql.text("-"))),
            ]),
        )
    )  # fmt: skip


def _lang(node: CompValue, value: Compile) -> Value:
    inner = value(node.arg)
    return Text(if_bound([inner], inner.lang()))


def _datatype(node: CompValue, value: Compile) -> Value:
    inner = value(node.arg)
    dt = if_bound([inner], inner.dt())
    return Written(
        exp.DPipe(this=exp.DPipe(this=sql.text("<"), expression=dt), expression=sql.text(">"))
    )


_BUILTINS: dict[str, Callable[[CompValue, Compile], Value]] = {
    "Builtin_isIRI": _kind_test(IRI),
    "Builtin_isURI": _kind_test(IRI),
    "Builtin_isBLANK": _kind_test(BLANK),
    "Builtin_isLITERAL": _kind_test(*range(STRING, OTHER + 1)),
    "Builtin_isNUMERIC": _kind_test(*NUMBERS),
    "Builtin_STR": lambda node, value: Text(value(node.arg).lex()),
    "Builtin_LANG": _lang,
    "Builtin_DATATYPE": _datatype,
    "Builtin_LANGMATCHES": _langmatches,
    "Builtin_sameTerm": lambda node, value: Truth(same_term(value(node.arg1), value(node.arg2))),
    "Builtin_CONTAINS": _text_test("contains"),
    "Builtin_STRSTARTS": _text_test("starts_with"),
    "Builtin_STRENDS": _text_test("ends_with"),
    "Builtin_STRBEFORE": _around(before=True),
    "Builtin_STRAFTER": _around(before=False),
    "Builtin_STRLEN": lambda node, value: Number(
        sql.call("length", value(node.arg).string()), INTEGER
    ),
    "Builtin_SUBSTR": _substring,
    "Builtin_UCASE": _case_changed("upper", "ß", "SS"),
    "Builtin_LCASE": _case_changed("lower", "İ", "i\u0307"),
    "Builtin_CONCAT": _concat,
    "Builtin_REGEX": _regex,
    "Builtin_REPLACE": _replace,
    "Builtin_ABS": _of_amount("amount_absolute"),
    "Builtin_CEIL": _of_amount("amount_ceiling"),
    "Builtin_FLOOR": _of_amount("amount_floor"),
    "Builtin_ROUND": _of_amount("amount_rounded"),
    "Builtin_YEAR": _part_of_date(r"^(-?[0-9]{4,})", DATETIME, DATE, YEAR, YEAR_MONTH),
    "Builtin_MONTH": _part_of_date(
        r"^(?:-?[0-9]{4,}|-)-([0-9]{2})", DATETIME, DATE, YEAR_MONTH, MONTH, MONTH_DAY
    ),
    "Builtin_DAY": _part_of_date(
        r"^(?:-?[0-9]{4,}-[0-9]{2}-|--[0-9]{2}-|---)([0-9]{2})", DATETIME, DATE, MONTH_DAY, DAY
    ),
    "Builtin_HOURS": _part_of_date(r"^(?:.*T)?([0-9]{2}):", DATETIME, TIME),
    "Builtin_MINUTES": _part_of_date(r"^(?:.*T)?[0-9]{2}:([0-9]{2})", DATETIME, TIME),
    "Builtin_COALESCE": _coalesce,
    "Builtin_IF": _if,
    "Builtin_IRI": _iri,
    "Builtin_URI": _iri,
    "Builtin_STRDT": _strdt,
    "Builtin_STRLANG": _strlang,
    "Builtin_ENCODE_FOR_URI": lambda node, value: Text(
        sql.call("url_encode", value(node.arg).string())
    ),
    "Builtin_MD5": _hashed("md5"),
    "Builtin_SHA1": _hashed("sha1"),
    "Builtin_SHA256": _hashed("sha256"),
    "Builtin_SHA384": _hashed("sha_long", sql.call("sha384_start"), sql.number(6)),
    "Builtin_SHA512": _hashed("sha_long", sql.call("sha512_start"), sql.number(8)),
    "Builtin_SECONDS": lambda node, value: Written(_seconds(node, value)),
    "Builtin_TZ": lambda node, value: Text(_tz(node, value)),
    "Builtin_TIMEZONE": lambda node, value: Written(_timezone(node, value)),
}

__all__ = [
    "BOOLEAN",
    "LANGSTRING",
    "Environment",
    "Nothing",
    "Patterns",
    "compile_expression",
    "taken_apart",
]
