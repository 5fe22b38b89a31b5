"""What is wrong with tables, said for whoever keeps them: file, rows, column, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import HoldfastError, printable

SHOWN = 50
"""Up to so many problems of one import are told in full."""

_ROWS_SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, in one row or in several alike.

    `rows` count from 1 and include the heading, as a spreadsheet does; `count` says how many rows
    there are in all. One that is not grave is told of, and the table is taken as it is.
    """

    file: str
    what: str
    mend: str = ""
    column: str = ""
    rows: tuple[int, ...] = ()
    count: int = 0
    grave: bool = True

    def __str__(self) -> str:
        place = [self.file]
        if self.rows:
            shown = [f"{row:,}" for row in self.rows[:_ROWS_SHOWN]]
            more = max(self.count, len(self.rows)) - len(shown)
            listed = ", ".join(shown) + (f" and {more:,} more" if more else "")
            place.append(f"row {listed}" if len(shown) == 1 and not more else f"rows {listed}")
        if self.column:
            place.append(f"column {self.column}")
        text = f"{place[0]}: {', '.join(place[1:])}: " if place[1:] else f"{place[0]}: "
        return printable(f"{text}{self.what}{' ' + self.mend if self.mend else ''}")


class TableError(HoldfastError):
    """Tables that cannot be imported; `problems` holds all that stands in the way."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problem for problem in problems if problem.grave)
        shown = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            shown.append(f"And {len(self.problems) - SHOWN:,} more problems.")
        super().__init__("\n".join([*shown, "Nothing was imported."]))


def quoted(value: str) -> str:
    """A value as it is shown in a sentence, cut where it is long."""
    return f"'{value if len(value) <= 60 else value[:57] + '...'}'"
