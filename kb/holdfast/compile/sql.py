"""Short constructors for the SQL trees that the compiler builds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from holdfast.columns.store import told_apart

SQL = exp.Expr


def column(table: str, name: str) -> exp.Column:
    """`table.name`, quoted."""
    return exp.Column(
        this=exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True)
    )


def number(value: float) -> SQL:
    """A number."""
    return exp.Neg(this=exp.Literal.number(-value)) if value < 0 else exp.Literal.number(value)


def text(value: str) -> SQL:
    """A string."""
    return exp.Literal.string(value)


def call(name: str, *arguments: SQL) -> SQL:
    """A call of one of DuckDB's functions or of our macros."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def both(conditions: Sequence[SQL]) -> SQL:
    """True where all the conditions are."""
    if not conditions:
        return exp.true()
    result: SQL = exp.Paren(this=conditions[0])
    for condition in conditions[1:]:
        result = exp.And(this=result, expression=exp.Paren(this=condition))
    return result


def either(conditions: Sequence[SQL]) -> SQL:
    """True where one of the conditions is."""
    if not conditions:
        return exp.false()
    result: SQL = exp.Paren(this=conditions[0])
    for condition in conditions[1:]:
        result = exp.Or(this=result, expression=exp.Paren(this=condition))
    return exp.Paren(this=result)


def equal(one: SQL, other: SQL) -> SQL:
    """SQL's equality."""
    return exp.EQ(this=one, expression=other)


def missing(value: SQL) -> SQL:
    """True where the value is NULL: unbound, or an error."""
    return exp.Is(this=exp.Paren(this=value), expression=exp.null())


def cases(*pairs: tuple[SQL, SQL], otherwise: SQL | None = None) -> SQL:
    """CASE WHEN … THEN … ELSE … END."""
    if not pairs:
        return otherwise if otherwise is not None else exp.cast(exp.null(), "BOOLEAN")
    tree = exp.Case()
    for condition, result in pairs:
        tree = tree.when(condition, result)
    return tree.else_(otherwise) if otherwise is not None else tree


def once(value: SQL, name: str, body: Callable[[SQL], SQL]) -> SQL:
    """What `body` makes of a value that stands in the query once, however often `body` uses it.

    Without it a computation upon a computation doubles the query at every step.
    """
    made = exp.Lambda(this=body(exp.column(name)), expressions=[exp.to_identifier(name)])
    listed = call("list_transform", exp.Array(expressions=[value]), made)
    return call("list_extract", listed, number(1))


def record(**fields: SQL) -> SQL:
    """A struct."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=value)
            for name, value in fields.items()
        ]
    )


def field(value: SQL, name: str) -> SQL:
    """One field of a struct."""
    return call("struct_extract", value, text(name))


def greatest(values: Sequence[SQL]) -> SQL:
    """The greatest of some values, NULLs apart."""
    return values[0] if len(values) == 1 else call("greatest", *values)


def joined(lists: Sequence[SQL]) -> SQL:
    """Some lists end to end."""
    result = lists[0]
    for part in lists[1:]:
        result = call("list_concat", result, part)
    return result


def table(name: str, alias: str) -> exp.Table:
    """A table under an alias."""
    return exp.Table(
        this=exp.to_identifier(told_apart(name), quoted=True),
        alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)),
    )


def name_of(table: exp.Table) -> str:
    """The name that `table` was given."""
    return table.name.replace("^", "")


def derived(query: exp.Query, alias: str) -> exp.Subquery:
    """A query as a table under an alias."""
    return exp.Subquery(
        this=query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )


def named(value: SQL, name: str) -> SQL:
    """A column of a result."""
    return exp.Alias(this=value, alias=exp.to_identifier(name, quoted=True))
