"""The entries of a mapping, held against the vocabulary and the columns before they are run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import duckdb

from holdfast.ontology import read_ontology, statements_in
from holdfast.tables.checks import name, text
from holdfast.tables.package import MappingError
from holdfast.tables.problems import quoted
from holdfast.vocabulary import HF, OWL, RDFS, XSD, nearest, short

NOTHING = "\ue000"
"""Stands for NULL on the way through morph-kgc, which would take the text 'None' for it."""

REFERENCE = re.compile(r"\$\(([^)]*)\)")

_KEYS = {
    "sources": ("sources", "source"),
    "s": ("subjects", "subject", "s"),
    "po": ("predicateobjects", "predicateobject", "po"),
    "graphs": ("graphs", "graph", "g"),
}
"""What an entry says, and by which words of YARRRML; the first of ours is the one to write."""

_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"]+")
_INTEGERS = (
    *("integer", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"),
    *("long", "int", "short", "byte"),
    *("unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
)
_ZONE = "(Z|[-+]\\d\\d:\\d\\d)?"
_FORMS = {
    **dict.fromkeys(_INTEGERS, "[-+]?\\d+"),
    "decimal": "[-+]?(\\d+(\\.\\d*)?|\\.\\d+)",
    "double": "[-+]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][-+]?\\d+)?|-?INF|NaN",
    "float": "[-+]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][-+]?\\d+)?|-?INF|NaN",
    "boolean": "true|false|1|0",
    "date": f"-?\\d{{4,}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01]){_ZONE}",
    "dateTime": f"-?\\d{{4,}}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?{_ZONE}",
    "time": f"\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?{_ZONE}",
    "gYear": f"-?\\d{{4,}}{_ZONE}",
    "gYearMonth": f"-?\\d{{4,}}-(0[1-9]|1[0-2]){_ZONE}",
    "duration": "-?P.+",
    "string": "(?s).*",
    "anyURI": "\\S*",
    "normalizedString": "(?s).*",
    "token": "(?s).*",
    "language": ".*",
}
"""How values of the datatypes of XML Schema are written (XSD 1.1, Part 2)."""


@dataclass(frozen=True)
class Statement:
    """A predicate and an object of an entry; `kind` is its type or language, if any."""

    predicate: str
    object: str
    kind: str = ""

    @property
    def shown(self) -> str:
        """As one writes it."""
        return f"[{', '.join(each for each in (self.predicate, self.object, self.kind) if each)}]"


@dataclass(frozen=True)
class Entry:
    """An entry of a mapping: what it makes of each row of its sources.

    `where` names it in errors. `prefixes` are those of its file.
    """

    where: str
    prefixes: Mapping[str, str]
    sources: Any
    subject: Any
    statements: Any
    graphs: Any = None
    listed: tuple[Statement, ...] = field(default=())


def entry_of(given: Any, prefixes: Mapping[str, str], where: str) -> Entry:
    """An entry, its terms held against the vocabulary. Raises MappingError."""
    if not isinstance(given, dict):
        raise MappingError("an entry has sources, s and po.", where=where)
    said: dict[str, Any] = {}
    for word, value in given.items():
        part = next((part for part, words in _KEYS.items() if word in words), None)
        if part is None:
            raise MappingError(
                f"an entry has sources, s and po, and nothing called {word}.",
                where=where,
                mend=nearest(str(word), [each for words in _KEYS.values() for each in words]),
            )
        said[part] = value
    for part in ("sources", "s", "po"):
        if not said.get(part):
            raise MappingError(
                f"it has no {part}.", where=where, mend="An entry has sources, s and po."
            )
    listed = tuple(_statements(said["po"], where))
    entry = Entry(
        where, prefixes, said["sources"], said["s"], said["po"], said.get("graphs"), listed
    )
    for subject in _each(entry.subject):
        if not isinstance(subject, dict):  # else a function, which morph-kgc judges itself
            _check_address(str(subject), entry, "the subject")
    for statement in listed:
        _check_statement(statement, entry)
    return entry


def _each(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list) else [given]


def _statements(given: Any, where: str) -> Iterator[Statement]:
    for each in _each(given):
        if isinstance(each, list) and len(each) in (2, 3):
            predicates, objects = each[:2]
            kind = str(each[2]) if len(each) > 2 else ""
        elif isinstance(each, dict):
            predicates = next(
                (each[key] for key in ("predicates", "predicate", "p") if key in each), None
            )
            objects = next((each[key] for key in ("objects", "object", "o") if key in each), None)
            kind = ""
            if predicates is None or objects is None:
                raise MappingError(
                    "a statement has predicates and objects.",
                    where=where,
                    mend="Write {predicates: …, objects: …}, or [predicate, object].",
                )
        else:
            raise MappingError(
                f"{each!r} is no statement.",
                where=where,
                mend="Write [predicate, object], or [predicate, object, type].",
            )
        for predicate in _each(predicates):
            for one in _each(objects):
                if isinstance(one, dict):
                    if "value" not in one:  # a function or a join, which morph-kgc judges itself
                        continue
                    language = one.get("language")
                    ending = "~iri" if one.get("type") == "iri" else ""
                    yield Statement(
                        str(predicate),
                        f"{one['value']}{ending}",
                        f"{language}~lang" if language else str(one.get("datatype", "")),
                    )
                elif isinstance(one, list):
                    yield Statement(str(predicate), str(one[0]), str(one[1]) if one[1:] else kind)
                else:
                    yield Statement(str(predicate), str(one), kind)


def expanded(template: str, prefixes: Mapping[str, str]) -> str:
    """A template whose prefix is written out."""
    prefix, colon, rest = template.partition(":")
    return prefixes[prefix] + rest if colon and prefix in prefixes else template


def _check_address(template: str, entry: Entry, what: str) -> str:
    """The address that a template makes, written out. Raises MappingError where it makes none."""
    address = expanded(template.removesuffix("~iri"), entry.prefixes)
    constant = REFERENCE.sub("x", address)
    if address == template.removesuffix("~iri") and not address.startswith("$("):
        prefix, colon, rest = address.partition(":")
        if colon and not rest.startswith("//") and prefix not in ("urn", "mailto", "tel", "data"):
            raise MappingError(
                f"{what} {template} has the prefix {prefix}, which is not declared.",
                where=entry.where,
                mend=nearest(prefix, entry.prefixes) or "Add it to the prefixes, or write it out.",
            )
    if not address.startswith("$(") and not _ADDRESS.fullmatch(constant):
        raise MappingError(
            f"{what} {template} is no address.",
            where=entry.where,
            mend="Begin it with a prefix or with https://.",
        )
    return address


def _check_statement(statement: Statement, entry: Entry) -> None:
    if statement.predicate == "a":
        _check_term(_check_address(statement.object, entry, "the class"), "class", entry)
        return
    predicate = _check_address(statement.predicate, entry, "the predicate")
    _check_term(predicate, "property", entry)
    value = expanded(statement.object.removesuffix("~iri"), entry.prefixes)
    is_address = statement.object.endswith("~iri") or (
        "$(" not in value and value.startswith(("http://", "https://"))
    )
    if is_address:
        _check_term(_check_address(statement.object, entry, "the object"), "", entry)
        if statement.kind:
            raise MappingError(
                f"{statement.shown} is an address, and cannot have a type.",
                where=entry.where,
                mend="Leave one of the two out.",
            )
    datatype = _datatype(statement, entry)
    kinds, ranges = _vocabulary().get(predicate, ((), ()))
    if f"{OWL}ObjectProperty" in kinds and not is_address:
        raise MappingError(
            f"{statement.shown} makes a text, and {short(predicate)} leads to a thing.",
            where=entry.where,
            mend=f"Write {statement.object}~iri.",
        )
    if f"{OWL}DatatypeProperty" in kinds and is_address:
        raise MappingError(
            f"{statement.shown} makes an address, and {short(predicate)} holds a value.",
            where=entry.where,
            mend="Leave ~iri out." if statement.object.endswith("~iri") else "",
        )
    if len(ranges) == 1 and ranges[0].startswith(XSD) and not is_address:
        (wanted,) = (each.removeprefix(XSD) for each in ranges)
        fitting = {"integer": _INTEGERS, "decimal": ("decimal", *_INTEGERS)}.get(wanted, (wanted,))
        if (datatype or f"{XSD}string").removeprefix(XSD) not in fitting:
            raise MappingError(
                f"{statement.shown} does not make what {short(predicate)} holds, an xsd:{wanted}.",
                where=entry.where,
                mend=f"Write [{statement.predicate}, {statement.object}, xsd:{wanted}].",
            )


def _datatype(statement: Statement, entry: Entry) -> str:
    """The datatype that a statement's object has, written out; none where it is a plain text."""
    tag, lang, rest = statement.kind.partition("~lang")
    if lang or not statement.kind:
        if lang and (rest or not _TAG.fullmatch(tag)):
            raise MappingError(
                f"{tag} is no code of a language.",
                where=entry.where,
                mend="As fr~lang, en-GB~lang.",
            )
        return ""
    datatype = _check_address(statement.kind, entry, "the type")
    if datatype.startswith(XSD) and datatype.removeprefix(XSD) not in _FORMS:
        raise MappingError(
            f"{statement.kind} is no type of XML Schema.",
            where=entry.where,
            mend=nearest(datatype.removeprefix(XSD), _FORMS).replace("mean ", "mean xsd:"),
        )
    return datatype


def _check_term(address: str, needed: str, entry: Entry) -> None:
    if not address.startswith(HF) or "$(" in address:
        return
    ontology = _ontology()
    kind = ontology.kinds.get(address)
    if address in ontology.terms and (not needed or not kind or kind == needed):
        return
    known = [each for each, of in ontology.kinds.items() if not needed or of == needed]
    close = nearest(address.removeprefix(HF), [each.removeprefix(HF) for each in known])
    what = f"a {kind}, and no {needed}" if kind else "not a term of the ontology"
    raise MappingError(
        f"{short(address)} is {what}.",
        where=entry.where,
        mend=close.replace("mean ", "mean hf:") or "docs/write-a-register.md has the terms.",
    )


_ontology = cache(read_ontology)


@cache
def _vocabulary() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of each property of ours, what it is and to what it leads."""
    return {
        subject: (tuple(facts.get("a", ())), tuple(facts.get(f"{RDFS}range", ())))
        for subject, facts in statements_in(_ontology().files).items()
        if subject.startswith(HF)
    }


def check_values(
    connection: duckdb.DuckDBPyConnection, entry: Entry, rows: str, columns: Sequence[str]
) -> None:
    """Hold what an entry makes of the rows of a table against the types and terms that it names.

    The columns of the table are texts, NULL being NOTHING. Raises MappingError with the first
    value that is not of its type, or is no term of the ontology.
    """
    for statement in entry.listed:
        template = expanded(statement.object.removesuffix("~iri"), entry.prefixes)
        used = [column for column in columns if f"$({column})" in template]
        if not used:
            continue
        made = _made(template, used)
        present = " AND ".join(f"{name(each)} <> {text(NOTHING)}" for each in used)
        asked = f"FROM {rows} WHERE {present}"
        if statement.object.endswith("~iri"):
            if template.startswith(HF):
                for (term,) in connection.execute(
                    f"SELECT DISTINCT {made} AS t {asked} ORDER BY t"
                ).fetchall():
                    _check_term(str(term), "", entry)
            continue
        datatype = _datatype(statement, entry).removeprefix(XSD)
        if form := _FORMS.get(datatype):
            source = name("_source") if "_source" in columns else "NULL"
            wrong = connection.execute(
                f"SELECT {made} AS v, {source} {asked} "
                f"AND NOT regexp_full_match(v, {text(form)}) LIMIT 1"
            ).fetchall()
            if wrong:
                value, row = wrong[0]
                place = str(row or "").rpartition("/tables/")[2].replace("#row=", ", row ")
                raise MappingError(
                    f"{statement.shown} is to make an xsd:{datatype}, and {quoted(str(value))} is "
                    f"none{f' ({place})' if place else ''}.",
                    where=entry.where,
                    mend="Give the column that type in datapackage.json, or make it one in a view.",
                )


def _made(template: str, columns: Sequence[str]) -> str:
    """SQL for what a template makes of a row."""
    pieces = re.split("(" + "|".join(re.escape(f"$({each})") for each in columns) + ")", template)
    return " || ".join(
        name(piece[2:-1]) if piece[2:-1] in columns and piece.startswith("$(") else text(piece)
        for piece in pieces
        if piece
    )
