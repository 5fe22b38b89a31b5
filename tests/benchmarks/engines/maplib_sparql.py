"""maplib: the query of each SPARQL constraint, over all focus nodes at once, on Polars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maplib import Model
from polars import DataFrame

from engines.child import Result, query_of, work

Answered = tuple[str, DataFrame]


def load(data: Path) -> Model:
    model = Model()
    model.read(str(data), format="ntriples")
    return model


def run(model: Model, file: Path) -> Answered:
    shape, query = query_of(file)
    return shape, model.query(query)


def read(answered: Answered) -> Iterator[Result]:
    shape, found = answered
    for row in found.iter_rows(named=True):
        focus = row["this"]
        value = row.get("value")
        yield shape, str(focus), str(focus if value is None else value)


if __name__ == "__main__":
    work(load, run, read)
