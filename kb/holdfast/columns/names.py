"""Names in SQL. To DuckDB `Name` and `name` are one, to RDF and SPARQL they are two."""

from __future__ import annotations

from collections.abc import Iterable

_CAPITALS = str.maketrans({letter: f"{letter}^" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})


def told_apart(name: str) -> str:
    """A name that differs from every other by more than case; neither IRIs nor variables have ^."""
    return name.translate(_CAPITALS)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + told_apart(name).replace('"', '""') + '"'


def among(column: str, numbers: Iterable[int]) -> str:
    """A condition: the value of a column is one of these."""
    listed = sorted({*numbers})
    if len(listed) == 1:
        return f"{column} = {listed[0]}"
    return f"{column} IN ({', '.join(map(str, listed))})" if listed else "false"


def column_of(variable: str) -> str:
    """The column that holds a variable, as an SQL identifier."""
    return quoted(f"v_{variable}")
