"""What the compiler gives: SQL over columns, what it needs, and what it cannot do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace


class Refusal(Exception):
    """A construct that the compiler does not know; the reader of rules says where it stands."""

    def __init__(self, construct: str, mend: str = "") -> None:
        self.construct = construct
        self.mend = mend
        super().__init__(construct)


@dataclass(frozen=True)
class Plan:
    """A compiled query.

    `sql` gives for each solution the projected variables (`columns`, in order, each either an
    'id' or 'n3' text), its certainty `c` and, when asked for, `l`: the numbers of the triples it
    rests on. `constants` maps the placeholders to N-Triples terms; `tables` are the predicates it
    reads; `any_predicate` tells that it reads all of them through the table "*". Where the data
    has nothing of one of its `needs`, predicates or classes (`a <class>`), it has no solution.
    """

    sql: str
    columns: tuple[tuple[str, str], ...]
    constants: dict[str, str] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    any_predicate: bool = False
    recursive: int = 0
    needs: frozenset[str] = frozenset()

    def among(self, nodes: Iterable[int]) -> Plan:
        """A plan that was compiled to look at chosen focus nodes, for these.

        They are written into the SQL: DuckDB then carries them into every nested query.
        """
        listed = [str(node) for node in sorted(nodes)]
        which = f"= {listed[0]}" if len(listed) == 1 else f"IN ({', '.join(listed)})"
        return replace(self, sql=self.sql.replace("IN ($focus)", which))
