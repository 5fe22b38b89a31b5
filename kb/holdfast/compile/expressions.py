"""SPARQL 1.1 expressions (§17) as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urljoin

from rdflib import BNode, Literal, URIRef, Variable
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Identifier
from sqlglot import exp

from holdfast.compile import sql
from holdfast.compile.plan import Refusal
from holdfast.compile.sql import SQL
from holdfast.compile.values import (
    BLANK,
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    DOUBLE,
    INTEGER,
    IRI,
    LANGSTRING,
    NUMBERS,
    STRING,
    YEAR,
    Amount,
    Constant,
    Nothing,
    Number,
    Text,
    Truth,
    Value,
    Written,
    equal_values,
    less_than,
    same_term,
)  # fmt: skip
from holdfast.vocabulary import XSD

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
        inner = value(node.expr)
        return Amount(exp.Neg(this=exp.paren(inner.number())), inner.cls())
    if name == "UnaryPlus":
        inner = value(node.expr)
        return Amount(inner.number(), inner.cls())
    if name == "RelationalExpression":
        return Truth(_relation(node, value))
    if name == "AdditiveExpression":
        return _arithmetic(node, value, {"+": exp.Add, "-": exp.Sub})
    if name == "MultiplicativeExpression":
        return _arithmetic(node, value, {"*": exp.Mul, "/": exp.Div})
    if name in ("Builtin_EXISTS", "Builtin_NOTEXISTS"):
        found = patterns.exists(node.graph, environment)
        return Truth(found if name == "Builtin_EXISTS" else exp.Not(this=found))
    if name == "Function":
        return _cast(node, value)
    if name in _CHANGING:
        return _CHANGING[name](node, value, patterns.changing(name), environment)
    if name == "Builtin_BOUND":
        bound = environment.get(str(node.arg)) or patterns.unbound(str(node.arg))
        return Truth(exp.Not(this=sql.missing(_presence(bound))))
    if name in _BUILTINS:
        return _BUILTINS[name](node, value)
    raise Refusal(_construct(name))


def _construct(name: str) -> str:
    return f"the function {name.removeprefix('Builtin_')}" if name.startswith("Builtin_") else name


def _presence(value: Value) -> SQL:
    key = value.id()
    return key if key is not None else value.n3()


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


def _arithmetic(
    node: CompValue,
    value: Callable[[Any], Value],
    operations: Mapping[str, type[exp.Binary]],
) -> Value:
    result = value(node.expr)
    for operator, operand in zip(node.op, node.other, strict=True):
        other = value(operand)
        one, two = exp.paren(result.number()), exp.paren(other.number())
        kind = sql.call("greatest", result.cls(), other.cls())
        amount: SQL
        if operator == "/":
            divided = exp.Div(this=exp.cast(one, "DOUBLE"), expression=exp.cast(two, "DOUBLE"))
            by_zero = sql.both(
                [
                    sql.equal(two, sql.number(0)),
                    exp.LT(this=kind, expression=sql.number(DOUBLE)),
                ]
            )
            amount = sql.cases((by_zero, exp.cast(exp.null(), "DOUBLE")), otherwise=divided)
            kind = sql.call("greatest", kind, sql.number(DECIMAL))
        else:
            amount = operations[str(operator)](this=one, expression=two)
        result = Amount(amount, kind)
    return result


def _cast(node: CompValue, value: Callable[[Any], Value]) -> Value:
    target = str(node.iri).removeprefix(XSD)
    arguments = node.expr if isinstance(node.expr, list) else [node.expr]
    if not str(node.iri).startswith(XSD) or len(arguments) != 1:
        raise Refusal(f"the function <{node.iri}>")
    inner = value(arguments[0])
    if target == "string":
        if not inner.kinds & {BOOLEAN, DECIMAL, DOUBLE}:
            return Text(inner.lex())
        return Text(sql.call("cast_string", inner.cls(), inner.lex(), inner.num()))
    cls = inner.cls()
    if target in ("integer", "decimal", "float", "double", "boolean"):
        amount = sql.cases(
            (Value._is(cls, (BOOLEAN, *NUMBERS)), inner.num()),
            (
                Value._is(cls, (STRING,)),
                sql.call("number_of", inner.lex(), sql.text(XSD + target)),
            ),
        )
        if target == "boolean":
            return Truth(exp.NEQ(this=amount, expression=sql.number(0)))
        if target == "double":
            return Number(amount, DOUBLE)
        if target == "float":
            single = exp.TryCast(this=amount, to=exp.DataType.build("FLOAT"))
            spelt = sql.once(
                single,
                "amount",
                lambda it: sql.call("number_lex", it, sql.number(DOUBLE)),
            )
            return Written(sql.call("literal_n3", spelt, sql.text(XSD + "float")))
        finite = sql.cases((sql.call("isfinite", amount), amount.copy()))
        if target == "decimal":
            return Number(finite, DECIMAL)
        return Number(sql.call("trunc", finite), INTEGER)
    if target in ("date", "dateTime"):
        day = sql.call("left", inner.lex(), sql.number(10))
        if target == "date":
            zone = sql.call(
                "regexp_extract", inner.lex(), sql.text("T.*?(Z|[+-][0-9][0-9]:[0-9][0-9])?$"),
                sql.number(1),
            )  # fmt: skip
            same, other = DATE, DATETIME
        else:
            rest = sql.call("substr", inner.lex(), sql.number(11))
            zone = exp.DPipe(this=sql.text("T00:00:00"), expression=rest)
            same, other = DATETIME, DATE
        typed = sql.text(XSD + target)
        valid = sql.call("moment_of", inner.lex(), typed)
        spelt = sql.cases(
            (Value._is(cls, (same,)), inner.lex()),
            (Value._is(cls, (other,)), exp.DPipe(this=day, expression=exp.paren(zone))),
            (
                sql.both([Value._is(cls, (STRING,)), exp.Not(this=sql.missing(valid))]),
                inner.lex(),
            ),
        )
        return Written(sql.call("literal_n3", spelt, typed))
    raise Refusal(f"the cast to xsd:{target}")


Compile = Callable[[Any], Value]


def _kind_test(*kinds: int) -> Callable[[CompValue, Compile], Value]:
    def test(node: CompValue, value: Compile) -> Value:
        return Truth(Value._is(value(node.arg).cls(), kinds))

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


def _rounded(function: str) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        inner = value(node.arg)
        return Amount(sql.call(function, inner.number()), inner.cls())

    return compute


def _half_up(node: CompValue, value: Compile) -> Value:
    inner = value(node.arg)  # XPath rounds halves towards positive infinity
    return Amount(
        sql.call("floor", exp.Add(this=inner.number(), expression=sql.number(0.5))),
        inner.cls(),
    )


def _part_of_date(start: int, length: int, *kinds: int) -> Callable[[CompValue, Compile], Value]:
    """Digits of a date as it is written: its own zone counts, not Greenwich (XPath §10.5)."""

    def compute(node: CompValue, value: Compile) -> Value:
        inner = value(node.arg)
        digits = sql.call("substr", inner.lex(), sql.number(start), sql.number(length))
        part = sql.cases((Value._is(inner.cls(), kinds), digits))
        return Number(exp.TryCast(this=part, to=exp.DataType.build("BIGINT")), INTEGER)

    return compute


def _like(inner: Value, changed: Callable[[SQL], SQL]) -> Value:
    """A string made from another keeps its language tag."""
    text = changed(inner.string())
    if inner.kinds <= {STRING}:
        return Text(text)
    tag, quoted = inner.lang(), sql.call("quoted", text)
    tagged = exp.DPipe(this=exp.DPipe(this=quoted, expression=sql.text("@")), expression=tag)
    spoken = exp.NEQ(this=tag.copy(), expression=sql.text(""))
    return Written(sql.cases((spoken, tagged), otherwise=quoted.copy()))


def _case_changed(function: str) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        return _like(value(node.arg), lambda text: sql.call(function, text))

    return compute


def _substring(node: CompValue, value: Compile) -> Value:
    start = value(node.start).number()
    arguments = [exp.cast(start, "BIGINT")]
    if node.length is not None:
        arguments.append(exp.cast(value(node.length).number(), "BIGINT"))
    return _like(value(node.arg), lambda text: sql.call("substr", text, *arguments))


def _tagged(text: SQL, tag: SQL) -> SQL:
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


def _flags(node: CompValue) -> str:
    """The flags as RE2 reads them at the head of a pattern."""
    flags = str(node.flags if node.flags is not None else "")
    refused = sorted(set(flags) - set("ism"))
    if refused or (node.flags is not None and not isinstance(node.flags, Literal)):
        raise Refusal(f"the regular-expression flags '{flags}'", "Use i, s and m, or none.")
    return f"(?{''.join(sorted(set(flags)))})" if flags else ""


def _pattern(node: CompValue, value: Compile) -> SQL:
    pattern = value(node.pattern).string()
    flags = _flags(node)
    return exp.DPipe(this=sql.text(flags), expression=exp.paren(pattern)) if flags else pattern


def _regex(node: CompValue, value: Compile) -> Value:
    return Truth(sql.call("regexp_matches", value(node.text).string(), _pattern(node, value)))


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
        lambda text: sql.call("regexp_replace", text, pattern, replacement, every),
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


def _iri(node: CompValue, value: Compile) -> Value:
    base = str(node.base or "")
    argument = node.arg
    if isinstance(argument, Literal) and not argument.language:
        resolved = urljoin(base, str(argument)) if base else str(argument)
        return value(URIRef(resolved))
    inner = value(argument)
    fit = Value._is(inner.cls(), (IRI, STRING))
    whole = inner.lex()
    if base:
        absolute = sql.call("regexp_matches", whole, sql.text("^[A-Za-z][A-Za-z0-9+.-]*:"))
        rooted = sql.call("starts_with", whole.copy(), sql.text("/"))
        joined = [
            exp.DPipe(this=sql.text(urljoin(base, stem)), expression=exp.paren(whole.copy()))
            for stem in (".",)
        ]
        below = exp.DPipe(
            this=sql.text(urljoin(base, "/").removesuffix("/")), expression=exp.paren(whole.copy())
        )
        whole = sql.cases((absolute, whole.copy()), (rooted, below), otherwise=joined[0])
    allowed = exp.Not(
        this=sql.call("regexp_matches", whole.copy(), sql.text('[\\x00-\\x20<>"{}|^`\\\\]'))
    )
    made = exp.DPipe(
        this=exp.DPipe(this=sql.text("<"), expression=exp.paren(whole)),
        expression=sql.text(">"),
    )
    return Written(sql.cases((sql.both([fit, allowed]), made)))


def _hashed(function: str) -> Callable[[CompValue, Compile], Value]:
    def compute(node: CompValue, value: Compile) -> Value:
        return Text(sql.once(_plain(value(node.arg)), "text", lambda it: sql.call(function, it)))

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


_tz = _of_moment((DATETIME, DATE), _zone)
_seconds = _of_moment((DATETIME,), lambda it: sql.call("seconds_n3", it))
_timezone = _of_moment((DATETIME, DATE), lambda it: sql.call("zone_n3", _zone(it)))


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


def _datatype(node: CompValue, value: Compile) -> Value:
    dt = value(node.arg).dt()
    return Written(
        exp.DPipe(this=exp.DPipe(this=sql.text("<"), expression=dt), expression=sql.text(">"))
    )


_BUILTINS: dict[str, Callable[[CompValue, Compile], Value]] = {
    "Builtin_isIRI": _kind_test(IRI),
    "Builtin_isURI": _kind_test(IRI),
    "Builtin_isBLANK": _kind_test(BLANK),
    "Builtin_isLITERAL": lambda node, value: Truth(
        exp.GTE(this=value(node.arg).cls(), expression=sql.number(STRING))
    ),
    "Builtin_isNUMERIC": _kind_test(*NUMBERS),
    "Builtin_STR": lambda node, value: Text(value(node.arg).lex()),
    "Builtin_LANG": lambda node, value: Text(value(node.arg).lang()),
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
    "Builtin_UCASE": _case_changed("upper"),
    "Builtin_LCASE": _case_changed("lower"),
    "Builtin_CONCAT": _concat,
    "Builtin_REGEX": _regex,
    "Builtin_REPLACE": _replace,
    "Builtin_ABS": _rounded("abs"),
    "Builtin_CEIL": _rounded("ceil"),
    "Builtin_FLOOR": _rounded("floor"),
    "Builtin_ROUND": _half_up,
    "Builtin_YEAR": _part_of_date(1, 4, DATETIME, DATE, YEAR),
    "Builtin_MONTH": _part_of_date(6, 2, DATETIME, DATE),
    "Builtin_DAY": _part_of_date(9, 2, DATETIME, DATE),
    "Builtin_HOURS": _part_of_date(12, 2, DATETIME),
    "Builtin_MINUTES": _part_of_date(15, 2, DATETIME),
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
]
