"""Short constructors for the SQL trees that the compiler builds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from holdfast.columns.names import told_apart

SQL = exp.Expr


def identifier(name: str) -> exp.Identifier:
    """A name, quoted."""
    return exp.Identifier(this=told_apart(name), quoted=True)


def column(table: str, name: str) -> exp.Column:
    """`table.name`, quoted."""
    return exp.Column(this=identifier(name), table=identifier(table))


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
    if any(condition == exp.false() for condition in conditions):
        return exp.false()
    open_ones = [condition for condition in conditions if condition != exp.true()]
    if not open_ones:
        return exp.true()
    result: SQL = exp.Paren(this=open_ones[0])
    for condition in open_ones[1:]:
        result = exp.And(this=result, expression=exp.Paren(this=condition))
    return result


def either(conditions: Sequence[SQL]) -> SQL:
    """True where one of the conditions is."""
    if any(condition == exp.true() for condition in conditions):
        return exp.true()
    open_ones = [condition for condition in conditions if condition != exp.false()]
    if not open_ones:
        return exp.false()
    result: SQL = exp.Paren(this=open_ones[0])
    for condition in open_ones[1:]:
        result = exp.Or(this=result, expression=exp.Paren(this=condition))
    return exp.Paren(this=result)


def equal(one: SQL, other: SQL) -> SQL:
    """SQL's equality."""
    return exp.EQ(this=one, expression=other)


def missing(value: SQL) -> SQL:
    """True where the value is NULL: unbound, or an error."""
    return exp.Is(this=exp.Paren(this=value), expression=exp.null())


def cases(*pairs: tuple[SQL, SQL], otherwise: SQL | None = None) -> SQL:
    """CASE WHEN … THEN … ELSE … END, without what is known beforehand never to be reached."""
    tree = exp.Case()
    for place, (condition, result) in enumerate(pairs):
        if condition == exp.true():
            return tree.else_(result) if tree.args.get("ifs") else result
        last = place == len(pairs) - 1 and otherwise is None
        if condition != exp.false() or (last and not tree.args.get("ifs")):  # keeps the type
            tree = tree.when(condition, result)
    if not tree.args.get("ifs"):
        return otherwise if otherwise is not None else exp.cast(exp.null(), "BOOLEAN")
    return tree.else_(otherwise) if otherwise is not None else tree


def together(queries: Sequence[exp.Query]) -> exp.Query:
    """UNION ALL of some queries, as a tree no deeper than need be."""
    if len(queries) == 1:
        return queries[0]
    half = len(queries) // 2
    one, other = together(queries[:half]), together(queries[half:])
    return exp.Union(this=one, expression=other, distinct=False)


def once(value: SQL, name: str, body: Callable[[SQL], SQL]) -> SQL:
    """What `body` makes of a value that stands in the query once, however often `body` uses it.

    Without it a computation upon a computation doubles the query at every step.
    """
    made = exp.Lambda(this=body(exp.column(name)), expressions=[exp.to_identifier(name)])
    listed = call("list_transform", exp.Array(expressions=[value]), made)
    return call("list_extract", listed, number(1))


def folded(values: Sequence[SQL], macro: str) -> SQL:
    """What a macro of two makes of the first value and the second, of that and the third, …"""
    names = ("x", "y")
    made = exp.Lambda(
        this=call(macro, *(exp.column(name) for name in names)),
        expressions=[exp.to_identifier(name) for name in names],
    )
    return call("list_reduce", exp.Array(expressions=list(values)), made)


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
    return exp.Table(this=identifier(name), alias=alias_of_table(alias))


def alias_of_table(alias: str) -> exp.TableAlias:
    """What a table is called in a query."""
    return exp.TableAlias(this=identifier(alias))


def derived(query: exp.Query, alias: str) -> exp.Subquery:
    """A query as a table under an alias."""
    return exp.Subquery(this=query, alias=alias_of_table(alias))


def named(value: SQL, name: str) -> SQL:
    """A column of a result."""
    return exp.Alias(this=value, alias=identifier(name))
