"""The classes of terms (`terms.cls`) that values of SPARQL are told apart by."""

from __future__ import annotations

(
    IRI, BLANK, STRING, LANGSTRING, INTEGER, DECIMAL, FLOAT, DOUBLE, BOOLEAN, DATETIME, DATE, TIME,
    YEAR, YEAR_MONTH, MONTH, MONTH_DAY, DAY, MONTHS, SECONDS, DURATION, OTHER,
) = range(21)  # fmt: skip
"""INTEGER to DOUBLE are the numbers, in the order of promotion. MONTHS is a yearMonthDuration,
SECONDS a dayTimeDuration; OTHER is a literal of an unknown datatype, or one that is ill-typed."""

NUMBERS = (INTEGER, DECIMAL, FLOAT, DOUBLE)

DATED = {
    "dateTime": DATETIME, "date": DATE, "time": TIME, "gYear": YEAR, "gYearMonth": YEAR_MONTH,
    "gMonth": MONTH, "gMonthDay": MONTH_DAY, "gDay": DAY,
}  # fmt: skip
"""The classes by local name of datatype that have a first moment."""

LASTING = {"yearMonthDuration": MONTHS, "dayTimeDuration": SECONDS, "duration": DURATION}
"""Those of durations."""

INTEGERS = (
    "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
    "nonPositiveInteger", "negativeInteger", "unsignedInt", "unsignedLong", "unsignedShort",
    "unsignedByte",
)  # fmt: skip
"""Local names of the datatypes of INTEGER."""
