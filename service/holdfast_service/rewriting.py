"""A query as Oxigraph must be given it, so that it answers as SPARQL 1.1 says.

Oxigraph keeps a language that all members of a GROUP_CONCAT share, where §18.5.1.7 has a plain
text; and it gives the columns of SELECT * by the alphabet, where people expect the query's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from holdfast.policy import Reading, Token


class Piece(NamedTuple):
    """What is to stand in a text from `start` to `end`."""

    start: int
    end: int
    text: str


def plain_concatenations(reading: Reading) -> list[Piece]:
    """What to put where in a query, so that STR is around each GROUP_CONCAT."""
    pieces: list[Piece] = []
    for number, token in enumerate(reading.tokens):
        if token.word == "GROUP_CONCAT":
            opened = reading.tokens[number + 1] if number + 1 < len(reading.tokens) else None
            closed = _closing(reading.tokens, number + 1)
            if opened is not None and opened.text == "(" and closed is not None:
                pieces += [
                    Piece(token.at, token.at, "STR("),
                    Piece(closed.at + 1, closed.at + 1, ")"),
                ]
    return pieces


def _closing(tokens: Sequence[Token], opened: int) -> Token | None:
    """The bracket that closes the one at `opened`."""
    depth = tokens[opened].depth if opened < len(tokens) else 0
    for token in tokens[opened + 1 :]:
        if token.text == ")" and token.kind == "sign" and token.depth == depth:
            return token
    return None


def star_of(reading: Reading) -> Token | None:
    """The `*` of the outermost SELECT, if it has one."""
    outer = [token for token in reading.tokens if token.depth == 0]
    for number, token in enumerate(outer):
        if token.word == "SELECT":
            after = [t for t in outer[number + 1 : number + 3] if t.word not in _MODIFIERS]
            return after[0] if after and after[0].text == "*" else None
    return None


_MODIFIERS = ("DISTINCT", "REDUCED")


def in_order(reading: Reading, names: Sequence[str]) -> list[str]:
    """Names of variables in the order in which the query first has them."""
    first: dict[str, int] = {}
    for token in reading.tokens:
        if token.kind == "variable":
            first.setdefault(token.text[1:], token.at)
    return sorted(names, key=lambda name: first.get(name, len(reading.text)))


def with_columns(reading: Reading, text: str, star: Token, names: Sequence[str]) -> str:
    """`text`, made by `reworded`, with these variables in the place of its `*`."""
    # nothing was put in before the star: GROUP_CONCAT cannot stand beside it, groups come after it
    shown = " ".join(f"?{name}" for name in names)
    return f"{text[: star.at]} {shown} {text[star.at + 1 :]}"


def reworded(text: str, pieces: Iterable[Piece]) -> str:
    """A text with each piece in its place."""
    made, kept = "", 0
    for start, end, piece in sorted(pieces, key=lambda piece: piece.start):
        made += text[kept:start] + piece
        kept = end
    return made + text[kept:]
