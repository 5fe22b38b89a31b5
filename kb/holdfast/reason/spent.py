"""What each rule costs: its runs, answers and seconds, and how much of these is planning."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Spent:
    """What one rule took in all its runs, in seconds; `planning` is part of `seconds`.

    `answers` counts those of all runs, `size` the characters of its SQL.
    """

    runs: int = 0
    answers: int = 0
    seconds: float = 0.0
    planning: float = 0.0
    size: int = 0


@dataclass
class Ledger:
    """What each rule took, by its number in the order of the reasoner."""

    rules: dict[int, Spent] = field(default_factory=dict)

    def of(self, number: int) -> Spent:
        """The account of a rule."""
        return self.rules.setdefault(number, Spent())
