"""What the compiler gives: SQL over columns, what it needs, and what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    reads; `any_predicate` tells that it reads all of them through the table "*".
    """

    sql: str
    columns: tuple[tuple[str, str], ...]
    constants: dict[str, str] = field(default_factory=dict)
    tables: frozenset[str] = frozenset()
    any_predicate: bool = False
    recursive: int = 0
