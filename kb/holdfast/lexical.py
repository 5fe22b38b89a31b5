"""The lexical forms of XML Schema's datatypes, as regular expressions that RE2 and Python read."""

from __future__ import annotations

import re

from holdfast.vocabulary import XSD

_ZONE = "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
_YEAR = "-?([1-9][0-9]{3,}|0[0-9]{3})"
_MONTH = "(0[1-9]|1[0-2])"
_DAY = "(0[1-9]|[12][0-9]|3[01])"
_THIRTY = "(0[1-9]|[12][0-9]|30)"
_FOURTH = "(0[48]|[2468][048]|[13579][26])"
_LEAP = f"-?([1-9][0-9]*)?([0-9]{{2}}{_FOURTH}|(00|{_FOURTH})00)"
_DATE = (
    f"({_YEAR}-((0[13578]|1[02])-{_DAY}|(0[469]|11)-{_THIRTY}|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP}-02-29)"
)
_TIME = "(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?|24:00:00([.]0+)?)"
_WHOLE = "[+-]?[0-9]+"
_DECIMAL = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)"
_FLOAT = f"{_DECIMAL}([eE][+-]?[0-9]+)?|[+-]?INF|NaN"
_SECONDS = "[0-9]+([.][0-9]+)?S"
_CLOCK = f"T([0-9]+H([0-9]+M)?({_SECONDS})?|[0-9]+M({_SECONDS})?|{_SECONDS})"
_DAYS = f"([0-9]+D({_CLOCK})?|{_CLOCK})"
_MONTHS = "([0-9]+Y([0-9]+M)?|[0-9]+M)"
_LETTER = r"\pL_\x{B7}"
_NAME = rf"[{_LETTER}][{_LETTER}0-9.\-\pM\pN]*"
_FORMS = {
    "boolean": "true|false|1|0",
    "decimal": _DECIMAL,
    "double": _FLOAT,
    "float": _FLOAT,
    "integer": _WHOLE,
    "nonNegativeInteger": r"\+?[0-9]+|-0+",
    "positiveInteger": r"\+?0*[1-9][0-9]*",
    "nonPositiveInteger": r"-[0-9]+|\+?0+",
    "negativeInteger": "-0*[1-9][0-9]*",
    "date": _DATE + _ZONE,
    "dateTime": f"{_DATE}T{_TIME}{_ZONE}",
    "dateTimeStamp": f"{_DATE}T{_TIME}{_ZONE.removesuffix('?')}",
    "time": _TIME + _ZONE,
    "gYear": _YEAR + _ZONE,
    "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}",
    "gMonth": f"--{_MONTH}{_ZONE}",
    "gDay": f"---{_DAY}{_ZONE}",
    "gMonthDay": f"--((0[13578]|1[02])-{_DAY}|(0[469]|11)-{_THIRTY}|02-(0[1-9]|[12][0-9])){_ZONE}",
    "duration": f"-?P({_MONTHS}{_DAYS}?|{_DAYS})",
    "yearMonthDuration": f"-?P{_MONTHS}",
    "dayTimeDuration": f"-?P{_DAYS}",
    "hexBinary": "([0-9a-fA-F]{2})*",
    "base64Binary": r"((\s*[A-Za-z0-9+/]){4})*((\s*[A-Za-z0-9+/]){2}\s*=\s*=|(\s*[A-Za-z0-9+/]){3}"
    r"\s*=)?\s*",
    "language": "[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*",
    "normalizedString": r"[^\t\n\r]*",
    "token": r"([^\t\n\r ]+( [^\t\n\r ]+)*)?",
    "Name": rf"[{_LETTER}:][{_LETTER}0-9:.\-\pM\pN]*",
    "NCName": _NAME,
    "ID": _NAME,
    "IDREF": _NAME,
    "ENTITY": _NAME,
    "NMTOKEN": rf"[{_LETTER}0-9:.\-\pM\pN]+",
    "anyURI": r"[^\x00-\x20<>\"{}|\\^`]*",
}
_BOUNDS = {
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}


def form_of(datatype: str) -> str:
    """The regular expression of the lexical space of a datatype; '' where it has every text.

    It must match the whole text. Source: XML Schema 1.1 part 2, §3.3 and §3.4, without surrounding
    space (RDF 1.1 §5).
    """
    name = datatype.removeprefix(XSD) if datatype.startswith(XSD) else ""
    return _WHOLE if name in _BOUNDS else _FORMS.get(name, "")


def is_value(text: str, datatype: str) -> bool:
    """Whether a text is a value of a datatype; of a kind of name any text is taken for one."""
    form = form_of(datatype)
    if form and "\\p" not in form and not re.fullmatch(form, text):
        return False
    bounds = bounds_of(datatype)
    return bounds is None or bounds[0] <= int(text) <= bounds[1]


def bounds_of(datatype: str) -> tuple[int, int] | None:
    """The least and the greatest integer of a datatype, where it has both."""
    return _BOUNDS.get(datatype.removeprefix(XSD)) if datatype.startswith(XSD) else None
