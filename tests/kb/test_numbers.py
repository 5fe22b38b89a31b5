"""Numbers, times and hashes in queries: what SPARQL and XML Schema say of their values."""

from __future__ import annotations

import hashlib

import pytest

from holdfast.answers import answer
from holdfast.columns import Columns

XSD = "http://www.w3.org/2001/XMLSchema#"
HEAD = f"PREFIX xsd: <{XSD}> PREFIX ex: <https://example.org/> "
HUGE = "99999999999999999999999999999999999999"


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    """What some ventures spent."""
    file = tmp_path_factory.mktemp("spending") / "spending.ttl"
    file.write_text(
        f"""@prefix ex: <https://example.org/> . @prefix xsd: <{XSD}> .
        ex:small ex:spent 0.1, 0.2 . ex:large ex:spent 9007199254740993, 9007199254740992 .
        ex:huge ex:spent {HUGE}, 1 . ex:mixed ex:spent 1, 0.5, "0.25"^^xsd:float .
        ex:vague ex:spent 3, "much" .""",
        encoding="utf-8",
    )
    made = Columns()
    made.load([str(file)])
    made.build("SELECT s, p, o, 0 AS c, -1 AS r FROM quads")
    return made


def value(columns: Columns, expression: str, where: str = "") -> str | None:
    """The value of an expression: its text, and its datatype unless that is a string."""
    found = answer(columns, f"{HEAD}SELECT ({expression} AS ?value) {{ {where} }}").solutions
    assert found is not None
    ((term,),) = found
    kind = getattr(term, "datatype", None)
    if term is None or kind is None or kind.value == XSD + "string":
        return term.value if term else None
    return f"{term.value} {kind.value.removeprefix(XSD)}"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0.1 + 0.2", "0.3 decimal"),
        ("0.1 + 0.2 = 0.3", "true boolean"),
        ("0.1 + 0.2 = 0.3e0", "true boolean"),
        ("9007199254740992 + 1", "9007199254740993 integer"),
        ("9007199254740993 = 9007199254740992", "false boolean"),
        ("9007199254740993 > 9007199254740992", "true boolean"),
        ("9007199254740993 = 9007199254740993.0", "true boolean"),
        ("0.1 = 0.10000000000000000001", "false boolean"),
        (f"{HUGE}0 < {HUGE}1", "true boolean"),
        (f"{HUGE}0 = 0{HUGE}0", "true boolean"),
        ("'-1.5'^^xsd:decimal < '-1.4999999999999999999999'^^xsd:decimal", "true boolean"),
        ("1000000000000 * 1000000000000", "1000000000000000000000000 integer"),
        (f"{HUGE} * {HUGE}", None),
        (f"{HUGE}0 + 1", None),
        ("1 / 3", "0.333333333333333333 decimal"),
        ("6 / 2", "3 decimal"),
        ("(1 / 3) * 3000000000000", "999999999999.999999 decimal"),
        ("1 / 0", None),
        ("1.0e0 / 0", "INF double"),
        ("0.0e0 / 0 = 0.0e0 / 0", "false boolean"),
        ("xsd:double('NaN') = xsd:double('NaN')", "false boolean"),
        ("xsd:float('0.1') = 0.1e0", "false boolean"),
        ("xsd:float('0.1') = 0.1", "true boolean"),
        ("xsd:float('0.1') + 1", "1.1E0 float"),
        ("3.2 - xsd:float('3')", "2.0000005E-1 float"),
        (" + ".join(["0.1"] * 200), "20 decimal"),
        ("10 - 2 + 0.5 - 1e0 - 4", "3.5E0 double"),
        ("2 * 3 * 0.5 / 4 / 3", "0.25 decimal"),
        ("1 + 2 - 'three' + 4", None),
        ("xsd:float('16777216') + xsd:float('1')", "1.6777216E7 float"),
        ("-(1.50)", "-1.5 decimal"),
        ("ROUND(-2.5)", "-2 decimal"),
        ("ROUND(0.49999999999999994e0)", "0.0E0 double"),
        ("CEIL(9007199254740993.5)", "9007199254740994 decimal"),
        ("xsd:integer('9007199254740993')", "9007199254740993 integer"),
        ("xsd:integer(-2.7)", "-2 integer"),
        ("xsd:decimal(0.1e0)", "0.1 decimal"),
        ("xsd:decimal('1e3')", None),
        ("xsd:string(12000.50)", "12000.5"),
        ("xsd:string(1.2e7)", "1.2E7"),
        ("true + 1", None),
    ],
)
def test_integers_and_decimals_are_exact(
    columns: Columns, expression: str, expected: str | None
) -> None:
    assert expected == value(columns, expression)


@pytest.mark.parametrize(
    ("venture", "expected"),
    [
        ("small", ("0.3 decimal", "0.15 decimal", "0.1 decimal")),
        ("large", ("18014398509481985 integer", "9007199254740992.5 decimal",
                   "9007199254740992 integer")),
        ("huge", ("100000000000000000000000000000000000000 integer",
                  "50000000000000000000000000000000000000 decimal", "1 integer")),
        ("mixed", ("1.75E0 float", "5.833333E-1 float", "0.25 float")),
        ("vague", (None, None, "3 integer")),
        ("none", ("0 integer", "0 integer", None)),
    ],
)  # fmt: skip
def test_sums_are_exact(columns: Columns, venture: str, expected: tuple[str | None, ...]) -> None:
    where = f"ex:{venture} ex:spent ?n"
    found = tuple(value(columns, f"{name}(?n)", where) for name in ("SUM", "AVG", "MIN"))
    assert expected == found


@pytest.mark.parametrize("function", ["SUM", "AVG"])
def test_a_sum_over_what_cannot_be_computed_has_no_value(columns: Columns, function: str) -> None:
    amounts = "VALUES ?amount { 1 1.0e0 }"

    assert value(columns, f"{function}(?amount / 0)", amounts) is None
    assert value(columns, f"{function}(?amount / 2)", amounts) is not None


def test_what_is_ordered_by_number_is_so_beyond_the_digits_of_a_double(columns: Columns) -> None:
    query = "SELECT ?n { ?v ex:spent ?n FILTER(?n > 9007199254740992) } ORDER BY DESC(?n)"
    found = answer(columns, HEAD + query).solutions
    assert [HUGE, "9007199254740993"] == [row[0].value for row in found or [] if row[0]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"2001-05-06T10:00:00Z"^^xsd:dateTime = "2001-05-06T12:00:00+02:00"^^xsd:dateTime', True),
        ('"2001-05-06+02:00"^^xsd:date < "2001-05-06Z"^^xsd:date', True),
        ('"10:00:00"^^xsd:time < "10:00:00.5"^^xsd:time', True),
        ('"10:00:00+01:00"^^xsd:time = "09:00:00Z"^^xsd:time', True),
        ('"2001-05"^^xsd:gYearMonth < "2001-06"^^xsd:gYearMonth', True),
        ('"--05"^^xsd:gMonth = "--06"^^xsd:gMonth', False),
        ('"--05-06"^^xsd:gMonthDay = "--05-06"^^xsd:gMonthDay', True),
        ('"P1D"^^xsd:dayTimeDuration = "PT24H"^^xsd:dayTimeDuration', True),
        ('"PT36H"^^xsd:dayTimeDuration > "P1D"^^xsd:dayTimeDuration', True),
        ('"P1Y"^^xsd:duration = "P12M"^^xsd:yearMonthDuration', True),
        ('"P1M"^^xsd:duration < "P32D"^^xsd:duration', True),
        ('"P1M"^^xsd:duration < "P30D"^^xsd:duration', None),
        ('"2001"^^xsd:gYear = "2001-01-01"^^xsd:date', False),
        ('"2001-13-01"^^xsd:date = "2001-01-01"^^xsd:date', None),
        ('"soon"^^ex:when = "later"^^ex:when', None),
        ('"soon"^^ex:when != "soon"^^ex:when', False),
    ],
)
def test_times_are_compared_by_value(
    columns: Columns, expression: str, expected: bool | None
) -> None:
    spelt = None if expected is None else f"{str(expected).lower()} boolean"
    assert spelt == value(columns, expression)


@pytest.mark.parametrize("text", ["", "abc", "é" * 10, "x" * 111, "x" * 112, "y" * 1000])
def test_long_hashes_are_those_of_the_standard(columns: Columns, text: str) -> None:
    for name in ("sha384", "sha512"):
        expected = hashlib.new(name, text.encode()).hexdigest()
        assert expected == value(columns, f'{name.upper()}("{text}")')
