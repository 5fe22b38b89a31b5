"""A mapping folder: which tables it takes, what they must hold, and how rows become quads."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Keyed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from holdfast.errors import HoldfastError, UnknownNameError
from holdfast.shipped import shipped_folder
from holdfast.vocabulary import nearest

DESCRIPTION = "datapackage.json"
"""What the tables are and must hold: a Data Package (v2), with Table Schemas."""

QUADS = "mapping.yaml"
"""How rows become quads: YARRRML, whose sources are the tables and views."""

VIEWS = "views.sql"
"""Views over the tables, in SQL; need not be there."""

TYPES = ("string", "integer", "number", "boolean", "date", "year")

_READ = {
    "package": "title description register contributors licenses created overlaps resources",
    "resource": "name path encoding optional own title contributors licenses created sources "
    "dialect schema",
    "dialect": "delimiter header headerRows headerJoin commentRows commentChar sheetName property",
    "schema": "fields missingValues primaryKey foreignKeys",
    "field": "name type format optional tolerant description example constraints groupChar "
    "decimalChar bareNumber trueValues falseValues replace",
    "constraint": "required unique pattern minimum maximum enum notBefore",
    "foreign key": "fields reference mend",
    "reference": "resource fields",
}
"""What is read of each part of a Data Package."""

_PASSED_OVER = {
    "package": "$schema profile id name version homepage image keywords sources",
    "resource": "$schema profile id description type format mediatype scheme bytes hash homepage",
    "dialect": "$schema",
    "schema": "$schema",
    "field": "title rdfType",
}
"""Words of the standard that change nothing in how a table is read."""


class MappingError(HoldfastError):
    """A mapping that cannot be used."""


@dataclass(frozen=True)
class Field:
    """A column that a table must have, and what may stand in it (Table Schema).

    What is not of its type in a `tolerant` one is told of and left out. A number has `group`
    between its thousands and `decimal` before its fraction; if it is not `bare`, signs may stand
    around it. `true` and `false` are the words for them, in small letters. `replace` says what is
    put in place of what, wherever it stands in the cell, before the cell is looked at.
    """

    name: str
    type: str = "string"
    format: str = "default"
    required: bool = False
    unique: bool = False
    pattern: str | None = None
    minimum: str | None = None
    maximum: str | None = None
    enum: tuple[str, ...] = ()
    optional: bool = False
    not_before: str | None = None
    tolerant: bool = False
    group: str = ""
    decimal: str = "."
    bare: bool = True
    true: tuple[str, ...] = ("true", "yes", "y", "1", "t")
    false: tuple[str, ...] = ("false", "no", "n", "0", "f")
    replace: tuple[tuple[str, str], ...] = ()
    description: str = ""
    example: str = ""


@dataclass(frozen=True)
class ForeignKey:
    """Columns whose values must be found in another table or view."""

    fields: tuple[str, ...]
    table: str
    columns: tuple[str, ...]
    mend: str = ""


@dataclass(frozen=True)
class Table:
    """A table that a mapping takes (a resource of the Data Package).

    `path` says where it lies in the folder that the user names, or beside the mapping where `own`.
    """

    name: str
    path: str
    fields: tuple[Field, ...]
    optional: bool = False
    own: bool = False
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    sheet: str | None = None
    header_rows: tuple[int, ...] = (1,)
    header_join: str = " "
    comment_rows: frozenset[int] = frozenset()
    comment_char: str = ""
    property: str | None = None
    missing: tuple[str, ...] = ("",)
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    title: str = ""
    publisher: str = ""
    licence: str = ""
    issued: str = ""
    source: str = ""


@dataclass(frozen=True)
class Mapping:
    """How some tables become a register.

    `register` is the register's IRI, or names the table and column in whose first row it stands.
    """

    name: str
    folder: Path
    title: str
    description: str
    publisher: str
    licence: str
    issued: str
    register: str | tuple[str, str]
    tables: tuple[Table, ...]
    views: str
    overlaps: bool


def shipped_mappings() -> dict[str, Path]:
    """The folders of the mappings that come with Holdfast, by name."""
    return {
        folder.name: folder
        for folder in sorted(shipped_folder("mappings").iterdir())
        if (folder / DESCRIPTION).is_file()
    }


def read_mapping(name: str) -> Mapping:
    """The mapping in a folder, or the shipped one of that name.

    Raises UnknownNameError where there is none, MappingError where it cannot be read.
    """
    shipped = shipped_mappings()
    folder = shipped.get(name, Path(name))
    if not (folder / DESCRIPTION).is_file():
        if folder.is_dir():
            raise MappingError(
                f"the folder holds no {DESCRIPTION}, and so no mapping.",
                where=str(folder),
                mend="docs/import.md says how one is written.",
            )
        raise UnknownNameError(
            f"there is no mapping '{name}'.",
            mend=(
                f"{nearest(name, shipped)} Shipped: {', '.join(shipped)}; or give the folder of "
                "your own."
            ).strip(),
        )
    place = str(folder / DESCRIPTION)
    try:
        given = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise MappingError(
            f"this is not JSON: {error}.", where=place, mend="Mend the place named."
        ) from None
    if not isinstance(given, dict) or not isinstance(given.get("resources"), list):
        raise MappingError(
            "a Data Package is an object with a list of resources.",
            where=place,
            mend="docs/import.md shows one.",
        )
    if not (folder / QUADS).is_file():
        raise MappingError(
            f"the mapping has no {QUADS}.", where=str(folder), mend="Write one in YARRRML."
        )
    _read(given, "package", place)
    views = folder / VIEWS
    tables = tuple(_table(each, folder, place) for each in given["resources"])
    _once((table.name for table in tables), "resource", place)
    return Mapping(
        name=folder.resolve().name,
        folder=folder,
        title=str(given.get("title", folder.name)),
        description=str(given.get("description", "")),
        publisher=_publisher(given),
        licence=_licence(given),
        issued=str(given.get("created", ""))[:10],
        register=_register(given, place),
        tables=tables,
        views=views.read_text(encoding="utf-8") if views.is_file() else "",
        overlaps=bool(given.get("overlaps", True)),
    )


def _read(given: Any, part: str, where: str) -> None:
    """Refuse words that nothing reads: a demand that is misspelt would be no demand at all."""
    if not isinstance(given, dict):
        raise MappingError(f"a {part} is an object, in braces.", where=where)
    known = _READ[part].split()
    passed_over = _PASSED_OVER.get(part, "").split()
    for word in given:
        if word not in known and word not in passed_over:
            raise MappingError(
                f'"{word}" says nothing of a {part}.',
                where=where,
                mend=nearest(word, known) or f"What may be said: {', '.join(sorted(known))}.",
            )


def _once(names: Iterable[str], part: str, where: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise MappingError(
                f"several {part}s are called {name}.", where=where, mend="Give each its own name."
            )


def _register(given: Keyed[str, Any], place: str) -> str | tuple[str, str]:
    register = given.get("register")
    if isinstance(register, str) and ":" in register:
        try:
            return ox.NamedNode(register).value
        except ValueError:
            raise MappingError(
                f"<{register}> is no address for a register.",
                where=place,
                mend="It may hold no spaces.",
            ) from None
    if isinstance(register, dict) and {"resource", "field"} <= set(register):
        return str(register["resource"]), str(register["field"])
    raise MappingError(
        "the register has no address.",
        where=place,
        mend='Give "register" an IRI, or the "resource" and "field" in which it stands.',
    )


def _table(given: Any, folder: Path, place: str) -> Table:
    if not isinstance(given, dict) or not given.get("name"):
        raise MappingError("a resource has no name.", where=place, mend="Give each a name.")
    name = str(given["name"])
    where = f"{place}: resource {name}"
    _read(given, "resource", where)
    schema = given.get("schema")
    if isinstance(schema, str):  # a schema that several resources share stands in a file
        try:
            schema = json.loads((folder / schema).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MappingError(f"its schema cannot be read: {error}.", where=where) from None
    if not isinstance(schema, dict) or not schema.get("fields"):
        raise MappingError(
            "it has no schema with fields.", where=where, mend="Name each column that is needed."
        )
    _read(schema, "schema", where)
    dialect = _dialect(given.get("dialect") or {}, where)
    path = str(given.get("path", name))
    fields = tuple(_field(each, where) for each in schema["fields"])
    _once((field.name for field in fields), "field", where)
    known = {field.name for field in fields}
    keys = _names(schema.get("primaryKey", ()))
    foreign = tuple(_foreign_key(each, name, where) for each in schema.get("foreignKeys", ()))
    for named, by in (
        *((key, "a key") for key in (*keys, *(one for each in foreign for one in each.fields))),
        *((field.not_before, "notBefore") for field in fields if field.not_before),
    ):
        if named not in known:
            raise MappingError(
                f"{by} names {named}, which is no field of it.",
                where=where,
                mend=nearest(named, known),
            )
    encoding = str(given.get("encoding", "utf-8"))
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise MappingError(
            f"there is no encoding called {encoding}.",
            where=where,
            mend="Usual ones: utf-8, windows-1252, iso-8859-1, utf-16.",
        ) from None
    return Table(
        name=name,
        path=path,
        fields=fields,
        optional=bool(given.get("optional", False)),
        own=bool(given.get("own", False)),
        encoding=encoding,
        **dialect,
        missing=tuple(str(each) for each in schema.get("missingValues", [""])),
        primary_key=keys,
        foreign_keys=foreign,
        title=str(given.get("title", "")),
        publisher=_publisher(given),
        licence=_licence(given),
        issued=str(given.get("created", ""))[:10],
        source=str((given.get("sources") or [{}])[0].get("path", "")),
    )


def _dialect(given: Any, where: str) -> dict[str, Any]:
    """How a table is laid out, as a Table has it."""
    _read(given, "dialect", where)
    delimiter = str(given.get("delimiter", ","))
    if len(delimiter) != 1:
        raise MappingError(
            f"the delimiter {delimiter!r} is not one sign.", where=where, mend='Such as ";".'
        )
    rows = given.get("headerRows", [1])
    if (
        not isinstance(rows, list)
        or not rows
        or not all(isinstance(row, int) and row > 0 for row in rows)
    ):
        raise MappingError(
            "headerRows is not a list of the rows that the heading takes up.",
            where=where,
            mend="The first row is 1: [1], or [2, 3].",
        )
    comments = given.get("commentRows", [])
    if not isinstance(comments, list) or not all(isinstance(row, int) for row in comments):
        raise MappingError(
            "commentRows is not a list of rows.", where=where, mend="The first row is 1: [1, 2]."
        )
    return {
        "delimiter": delimiter,
        "header": bool(given.get("header", True)),
        "header_rows": tuple(sorted(rows)),
        "header_join": str(given.get("headerJoin", " ")),
        "comment_rows": frozenset(comments),
        "comment_char": str(given.get("commentChar", "")),
        "sheet": given.get("sheetName"),
        "property": given.get("property"),
    }


def _field(given: Any, where: str) -> Field:
    if not isinstance(given, dict) or not given.get("name"):
        raise MappingError("a field has no name.", where=where, mend="Give each a name.")
    where = f"{where}: field {given['name']}"
    _read(given, "field", where)
    name, kind = str(given["name"]), str(given.get("type", "string"))
    if kind not in TYPES:
        raise MappingError(
            f"the type {kind} is not known here.",
            where=where,
            mend=f"Types: {', '.join(TYPES)}.",
        )
    form = str(given.get("format", "default"))
    if form != "default" and not (kind == "date" and "%" in form):
        raise MappingError(
            f"the format {form} is not known here.",
            where=where,
            mend="That of a date is written as %d/%m/%Y; nothing else has one."
            if kind == "date"
            else "Only dates have a format.",
        )
    rules = given.get("constraints") or {}
    _read(rules, "constraint", where)
    group = str(given.get("groupChar", ""))
    decimal = str(given.get("decimalChar", "," if group == "." else "."))
    if len(group) > 1 or len(decimal) != 1 or group == decimal:
        raise MappingError(
            "groupChar and decimalChar are two different signs.",
            where=where,
            mend='12 345,6 has "groupChar": " " and "decimalChar": ",".',
        )
    return Field(
        name=name,
        type=kind,
        format=form,
        required=bool(rules.get("required", False)),
        unique=bool(rules.get("unique", False)),
        pattern=rules.get("pattern"),
        minimum=_text(rules.get("minimum")),
        maximum=_text(rules.get("maximum")),
        enum=tuple(str(each) for each in rules.get("enum", ())),
        optional=bool(given.get("optional", False)),
        not_before=rules.get("notBefore"),
        tolerant=bool(given.get("tolerant", False)),
        group=group,
        decimal=decimal,
        bare=bool(given.get("bareNumber", True)),
        true=tuple(str(each).lower() for each in given.get("trueValues", Field.true)),
        false=tuple(str(each).lower() for each in given.get("falseValues", Field.false)),
        replace=_replaced(given.get("replace", {}), where),
        description=str(given.get("description", "")),
        example=str(given.get("example", "")),
    )


def _replaced(given: Any, where: str) -> tuple[tuple[str, str], ...]:
    """What is put in place of what, the longest first."""
    if not isinstance(given, dict) or not all(
        old and isinstance(new, str) for old, new in given.items()
    ):
        raise MappingError(
            "replace does not say what is put in place of what.",
            where=where,
            mend='Such as {"janvier": "01", "février": "02"}.',
        )
    for new in given.values():
        for old in given:
            if old in new:
                raise MappingError(
                    f"replace puts {new!r} in, which holds {old!r}, and that is replaced, too.",
                    where=where,
                    mend=f"Say more of what stands around {old!r}.",
                )
    return tuple(sorted(given.items(), key=lambda pair: (-len(pair[0]), pair[0])))


def _foreign_key(given: Any, name: str, where: str) -> ForeignKey:
    _read(given, "foreign key", where)
    reference = given.get("reference")
    _read(reference, "reference", where)
    fields, columns = _names(given.get("fields", ())), _names(reference.get("fields", ()))
    if not fields or len(fields) != len(columns):
        raise MappingError(
            "a foreign key has fields, and a reference with as many.",
            where=where,
            mend='{"fields": "code", "reference": {"resource": "councils", "fields": "code"}}',
        )
    return ForeignKey(
        fields=fields,
        table=str(reference.get("resource") or name),
        columns=columns,
        mend=str(given.get("mend", "")),
    )


def _names(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(str(each) for each in given)


def _text(given: Any) -> str | None:
    return None if given is None else str(given)


def _publisher(given: Keyed[str, Any]) -> str:
    for who in given.get("contributors", ()):
        if "publisher" in (who.get("roles") or [who.get("role")]):
            return str(who.get("title", ""))
    return ""


def _licence(given: Keyed[str, Any]) -> str:
    licences = given.get("licenses") or [{}]
    return str(licences[0].get("path") or licences[0].get("name") or "")
