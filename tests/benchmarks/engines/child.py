"""What each engine's own process does: load the data, run each unit of shapes, tell of both.

It is started with DATA, an empty folder OUT and a file UNITS with a line `name<TAB>shapes file` for
each unit. OUT/log gets lines of `loaded seconds`, `begin unit`, `ran unit seconds`, `failed unit
why` and `end`, tab-separated; OUT/results gets a line `unit shape focus value` for each result,
terms as in N-Triples. Only loading and running are timed, not the reading of results.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

Loaded = TypeVar("Loaded")
Report = TypeVar("Report")
Result = tuple[str, str, str]

XSD_STRING = "^^<http://www.w3.org/2001/XMLSchema#string>"


def work(
    load: Callable[[Path], Loaded] | None,
    run: Callable[[Loaded, Path], Report],
    read: Callable[[Report], Iterable[Result]],
) -> None:
    """Do the work with one engine: `read` gives a report's results as (shape, focus, value).

    An engine that reads its data in the same call has no `load`; then `run` gets the file.
    """
    data, out, units = (Path(argument) for argument in sys.argv[1:4])
    with (out / "log").open("w", encoding="utf-8", buffering=1) as log:

        def tell(*words: object) -> None:
            print(*(" ".join(str(word).split()) for word in words), sep="\t", file=log)

        begin = perf_counter()
        loaded: Any = data
        if load:
            loaded = load(data)
            tell("loaded", perf_counter() - begin)
        with (out / "results").open("w", encoding="utf-8") as results:
            for line in units.read_text(encoding="utf-8").splitlines():
                unit, shapes = line.split("\t")
                tell("begin", unit)
                try:
                    begin = perf_counter()
                    report = run(loaded, Path(shapes))
                    seconds = perf_counter() - begin
                    for shape, focus, value in read(report):
                        print(unit, shape, focus, plain(value), sep="\t", file=results)
                except BaseException as error:  # a panic of Rust is no Exception
                    tell("failed", unit, f"{type(error).__name__}: {error}")
                else:
                    results.flush()
                    tell("ran", unit, seconds)
        tell("end")


def plain(term: str) -> str:
    """An N-Triples term without the datatype that every plain string has, on one line."""
    return term.removesuffix(XSD_STRING).replace("\n", "\\n").replace("\t", "\\t")


def query_of(file: Path) -> tuple[str, str]:
    """The shape's IRI and the query in a file that `workloads` wrote for engines without SHACL."""
    text = file.read_text(encoding="utf-8")
    found = re.match(r"# (<.*>)\n", text)
    assert found
    return found[1], text
