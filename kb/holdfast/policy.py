"""What a query or update may do, told from its words before any engine sees it.

Oxigraph can neither refuse SERVICE and LOAD nor be asked for its parse, and its parser wants no
space between words: `trueSERVICE<…>` and `SERVICE:x` both reach out. In SPARQL a bare word is a
keyword or the name of a function, so the words themselves tell what a text can do. A word that
SPARQL does not know, and a place that could be read in two ways, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urljoin

from holdfast.errors import HoldfastError

DEEPEST = 200
"""How many brackets may be open at once; some thousands would exhaust Oxigraph's stack."""

WORDS = frozenset(
    """
    a abs add adjust all as asc ask avg base bind bnode bound by ceil clear coalesce concat
    construct contains copy count create data datatype day default delete desc describe distinct
    drop encode_for_uri exists false filter floor from graph group group_concat hasLang hasLangDir
    having hours if in insert into iri isBlank isIRI isLiteral isNumeric isTriple isURI lang
    langDir langMatches lateral lcase limit load max md5 min minus minutes month move named not
    now object offset optional order predicate prefix rand reduced regex replace round sameTerm
    sameValue sample seconds select separator service sha1 sha256 sha384 sha512 silent str
    strafter strbefore strdt strends strlang strlangdir strlen strstarts struuid subject substr
    sum timezone to triple true tz ucase undef union unsaid uri using uuid values version where
    with year
    """.lower().split()
)

_TOKEN = re.compile(
    r"""
    (?P<space> \s+ | \#[^\r\n]* )
  | (?P<iri> <(?:[^\x00-\x20<>"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*> )
  | (?P<string>
        '''(?:'{0,2}(?:[^'\\]|\\.))*''' | \"\"\"(?:"{0,2}(?:[^"\\]|\\.))*\"\"\"
      | '(?!'')(?:[^'\\\r\n]|\\.)*' | "(?!"")(?:[^"\\\r\n]|\\.)*" )
  | (?P<variable> [?$][^\W]+ )
  | (?P<language> @[A-Za-z]+(?:-+[A-Za-z0-9]+)* )
  | (?P<blank> _:(?:[\w.·-]*[\w·-])? )
  | (?P<name>
        (?:[^\W\d_](?:[\w.·-]*[\w·-])?)?
        :(?:(?:[\w:·-]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?\#@%]|\.(?=[\w:.%\\·-]))*) )
  | (?P<number> (?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)? )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<sign> \^\^ | && | \|\| | [!<>]= | . )
    """,
    re.VERBOSE | re.DOTALL,
)

# What an expression may stand on before `<`: there `<…>` could also be read as two comparisons.
_OPERANDS = frozenset(["variable", "string", "number", "name", "iri", "language", "blank"])
_SCHEME = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*://")


class PolicyError(HoldfastError):
    """A query or update that may not run; `line` and `column` count from 1 within its text."""

    def __init__(self, what: str, *, line: int, column: int, mend: str = "") -> None:
        self.line = line
        self.column = column
        super().__init__(what, where=f"line {line}, column {column}", mend=mend)


class Token(NamedTuple):
    """One word of a query: its kind, its text, where it begins, and how many brackets are open.

    `word` is the keyword in capitals, nothing for what is no bare word.
    """

    kind: str
    text: str
    at: int
    depth: int
    word: str


@dataclass(frozen=True)
class Reading:
    """What the words of a query or update tell of it.

    `default` and `named` are the IRIs of FROM and FROM NAMED, resolved against `base`; `form` is
    SELECT, ASK, CONSTRUCT or DESCRIBE, empty for an update.
    """

    text: str
    tokens: tuple[Token, ...]
    form: str
    default: tuple[str, ...]
    named: tuple[str, ...]

    @property
    def has_dataset(self) -> bool:
        """Whether the query says itself over which graphs it runs."""
        return bool(self.default or self.named)


REMEMBERED = 16_384
"""Up to how many signs a text is remembered: a reading takes ten times as much memory and more."""


def read_request(text: str, *, base: str = "") -> Reading:
    """The words of a query or update that stays within the store; relative IRIs are under `base`.

    Raises PolicyError, with line and column, for SERVICE and LOAD, for brackets nested more than
    `DEEPEST` deep, for a word that SPARQL does not know, and for text that is no SPARQL at all.
    Whether the rest is well formed is for the engine to say.
    """
    return _read_again(text, base) if len(text) <= REMEMBERED else _read(text, base)


def _read(text: str, base: str) -> Reading:
    tokens = tuple(_tokens(text))
    for number, token in enumerate(tokens):
        if token.kind in ("word", "name"):
            before = tokens[number - 1] if number else None
            after = tokens[number + 1] if number + 1 < len(tokens) else None
            _check(text, token, before, after)
    forms = [t.word for t in tokens if t.depth == 0 and t.word in _FORMS]
    default, named = _dataset(tokens, base)
    return Reading(text, tokens, forms[0] if forms else "", default, named)


# people ask the same again, and reading takes up to a millisecond
_read_again = lru_cache(maxsize=1024)(_read)


_FORMS = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")


def _tokens(text: str) -> Iterator[Token]:
    open_brackets: list[tuple[str, int]] = []
    before: Token | None = None
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None  # the last alternative takes any sign
        kind, piece = str(found.lastgroup), found[0]
        if kind == "space":
            at = found.end()
            continue
        if kind == "sign":
            if piece in "'\"":
                raise _refusal(text, at, "the quotation mark is not closed.", "Close it.")
            if piece in ")]}" and open_brackets:
                open_brackets.pop()
        word = piece.upper() if kind == "word" else ""
        token = Token(kind, piece, at, len(open_brackets), word)
        if kind == "iri" and before is not None:
            in_expression = any(sign == "(" for sign, _ in open_brackets)
            operand = before.kind in _OPERANDS or before.text in (")", "]", "true", "false")
            hides = ("'" in piece or "#" in piece) and not _SCHEME.match(piece)
            if in_expression and operand and hides:
                raise _refusal(
                    text,
                    at,
                    f"{piece} could be an IRI or a comparison.",
                    "Write a space after < for a comparison, and the whole IRI for an IRI.",
                )
        if kind == "sign" and piece in "([{":
            open_brackets.append((piece, at))
            if len(open_brackets) > DEEPEST:
                raise _refusal(
                    text,
                    at,
                    f"brackets are nested more than {DEEPEST} deep.",
                    "Take the query apart.",
                )
        yield token
        before = token
        at = found.end()


def _check(text: str, token: Token, before: Token | None, after: Token | None) -> None:
    word = token.word
    if word == "SERVICE" or word == "LOAD":
        raise _reaches_out(text, token.at, word)
    if token.kind == "word" and token.text.lower() not in WORDS:
        raise _refusal(
            text,
            token.at,
            f"'{token.text[:40]}' is no word of SPARQL.",
            "Put a space between words, and ? before the name of a variable.",
        )
    if token.kind == "name":
        prefix = token.text.split(":", 1)[0].upper()
        opens = after is not None and after.text == "{"
        if "SERVICE" in prefix and opens and not (before and before.word in _BEFORE_GRAPHS):
            raise _reaches_out(text, token.at, "SERVICE")
        begins = before is None or before.kind == "iri" or before.text in (";", "}")
        if "LOAD" in prefix and token.depth == 0 and begins:
            raise _reaches_out(text, token.at, "LOAD")


_BEFORE_GRAPHS = ("GRAPH", "FROM", "NAMED", "USING", "WITH", "INTO", "TO")


def _dataset(tokens: Sequence[Token], base: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    prefixes: dict[str, str] = {}
    default: list[str] = []
    named: list[str] = []
    if not any(token.word == "FROM" for token in tokens):
        return (), ()
    for number, token in enumerate(tokens):
        if token.depth:
            continue
        following = tokens[number + 1 : number + 3]
        if token.word == "BASE" and following:
            base = urljoin(base, _unescaped(following[0].text[1:-1]))
        elif token.word == "PREFIX" and len(following) == 2:
            prefixes[following[0].text.rstrip(":")] = urljoin(
                base, _unescaped(following[1].text[1:-1])
            )
        elif token.word == "FROM" and following:
            is_named = following[0].word == "NAMED"
            term = following[-1] if is_named else following[0]
            if term.kind == "iri":
                iri = urljoin(base, _unescaped(term.text[1:-1]))
            elif term.kind == "name":
                prefix, _, local = term.text.partition(":")
                iri = prefixes.get(prefix, "") + re.sub(r"\\(.)", r"\1", local)
            else:
                continue
            (named if is_named else default).append(iri)
    return tuple(default), tuple(named)


def _unescaped(iri: str) -> str:
    return re.sub(
        r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})",
        lambda found: chr(min(int(found[1] or found[2], 16), 0x10FFFF)),
        iri,
    )


def check_dataset(reading: Reading) -> None:
    """Raise PolicyError for an update that has USING or WITH, where parameters say it as well.

    Source: SPARQL 1.1 Protocol §2.2.3.
    """
    for token in reading.tokens:
        if token.word in ("USING", "WITH") and token.depth == 0:
            raise _refusal(
                reading.text,
                token.at,
                f"{token.word} stands beside using-graph-uri or using-named-graph-uri.",
                "Say it once: in the update or in the parameters.",
            )


def place(text: str, at: int) -> tuple[int, int]:
    """The line and column, both from 1, of a place in a text."""
    before = text[:at]
    return before.count("\n") + 1, at - before.rfind("\n")


def _refusal(text: str, at: int, what: str, mend: str) -> PolicyError:
    line, column = place(text, at)
    return PolicyError(what, line=line, column=column, mend=mend)


def _reaches_out(text: str, at: int, word: str) -> PolicyError:
    return _refusal(
        text, at, f"{word} reaches out to the network, and nothing is fetched.", "Load the data."
    )
