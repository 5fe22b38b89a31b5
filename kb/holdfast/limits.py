"""What the reasoner may use of the machine, how much it keeps, and whom it tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int, int], None]
"""What is told how far some work has come: what is done now, how much, of how much."""

WAYS = 16
"""How many ways of reaching one conclusion are kept; the shortest come first."""


@dataclass(frozen=True)
class Limits:
    """What the columns may use of the machine; None leaves it to DuckDB.

    `memory` is an amount with its unit, as in 2GB: beyond it columns move to files in `folder` (a
    new folder among the temporary ones, unless given), gone again at the end. `threads` is how many
    threads work at once. `rows` is how many answers a rule may have at once, `seconds` how long it
    may take for them: what takes more is taken for a fault of the rule.
    """

    memory: str | None = None
    threads: int | None = None
    folder: Path | None = None
    rows: int = 50_000_000
    seconds: float = 900
