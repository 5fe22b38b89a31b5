"""A query as Oxigraph must be given it, so that it answers as SPARQL 1.1 says.

Oxigraph keeps a language that all members of a GROUP_CONCAT share, where §18.5.1.7 has a plain
text; and it gives the columns of SELECT * by the alphabet, where people expect the query's order.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.policy import Reading, Token


def plain_concatenations(reading: Reading) -> str:
    """The text of a query with STR around each GROUP_CONCAT."""
    pieces: list[tuple[int, str]] = []
    for number, token in enumerate(reading.tokens):
        if token.word == "GROUP_CONCAT":
            opened = reading.tokens[number + 1] if number + 1 < len(reading.tokens) else None
            closed = _closing(reading.tokens, number + 1)
            if opened is not None and opened.text == "(" and closed is not None:
                pieces += [(token.at, "STR("), (closed.at + 1, ")")]
    return _with(reading.text, pieces)


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
    """`text`, made by `plain_concatenations`, with these variables in the place of its `*`."""
    # nothing was put in before the star: GROUP_CONCAT cannot stand beside it
    shown = " ".join(f"?{name}" for name in names)
    return f"{text[: star.at]} {shown} {text[star.at + 1 :]}"


def _with(text: str, pieces: Sequence[tuple[int, str]]) -> str:
    made, kept = "", 0
    for at, piece in sorted(pieces, key=lambda one: one[0]):
        made += text[kept:at] + piece
        kept = at
    return made + text[kept:]
