"""SPARQL's numbers (§17.3, XPath 3.1 Functions §4) as macros of DuckDB.

A computed number is a struct: `c` its class, `n` the value of a float or double, and for an integer
or decimal `u` and `s`: its value is u / 10^s, exactly. These are good for 38 digits, of which 18
after the point; what needs more has no value (`u` is NULL), which is SPARQL's error. Division and
multiplication drop what is beyond the 18th digit.
"""

from __future__ import annotations

from holdfast.columns.terms import DECIMAL, DOUBLE, FLOAT, INTEGER
from holdfast.vocabulary import XSD

PLACES = 18
"""Digits that a decimal has after its point."""

EXACT_DOUBLE = 2**53
"""From where on a double does not tell integers apart."""

_UNIT = f"{10**PLACES}::HUGEINT"

# A macro is written out wherever it is used, and planning takes its time by what is written: hence
# lambdas over lists of one, so that no argument is repeated, and no macro that is not small.
ARITHMETIC = f"""
CREATE MACRO ten_to(k) AS CASE WHEN k = 0 THEN 1::HUGEINT
  ELSE TRY_CAST(left('1{"0" * 80}', k + 1) AS HUGEINT) END;
CREATE MACRO amount(cls, whole, places) AS struct_pack(c := cls::TINYINT, n := NULL::DOUBLE,
  u := whole::HUGEINT, s := places::INTEGER);
CREATE MACRO approximate(cls, number) AS struct_pack(c := cls::TINYINT,
  n := CASE WHEN cls = {FLOAT} THEN TRY_CAST(number AS FLOAT)::DOUBLE ELSE number::DOUBLE END,
  u := NULL::HUGEINT, s := 0::INTEGER);
CREATE MACRO promoted(cls, number) AS CASE WHEN cls = {FLOAT} THEN number::FLOAT::DOUBLE
  ELSE number END;
CREATE MACRO decimal_amount(spelt) AS list_transform(
  [CASE WHEN contains(spelt, '.') THEN rtrim(rtrim(spelt, '0'), '.') ELSE spelt END], lambda d:
  list_transform([struct_pack(d := d, s := length(split_part(d, '.', 2)))], lambda x:
    amount({DECIMAL}, CASE WHEN x.s <= {PLACES}
      THEN TRY_CAST(replace(x.d, '.', '') AS HUGEINT) END, x.s))[1])[1];
CREATE MACRO amount_of(cls, num, lex) AS CASE
  WHEN cls = {INTEGER} THEN amount({INTEGER}, CASE WHEN abs(num) < {EXACT_DOUBLE}
    THEN num::HUGEINT ELSE TRY_CAST(lex AS HUGEINT) END, 0)
  WHEN cls = {DECIMAL} THEN decimal_amount(lex)
  WHEN cls IN ({FLOAT}, {DOUBLE}) THEN approximate(cls, num) END;
CREATE MACRO amount_text(x) AS CASE WHEN x.s = 0 THEN x.u::VARCHAR ELSE list_transform(
    [ltrim(x.u::VARCHAR, '-')], lambda digits: CASE WHEN x.u < 0 THEN '-' ELSE '' END
      || rtrim(rtrim(regexp_replace(repeat('0', x.s + 1 - length(digits)) || digits,
        '(.{{' || x.s || '}})$', '.\\1'), '0'), '.'))[1] END;
CREATE MACRO as_double(x) AS CASE WHEN x.c >= {FLOAT} THEN x.n
  ELSE x.u::DOUBLE / ten_to(x.s)::DOUBLE END;
CREATE MACRO fitted(cls, u, s) AS amount(cls, u // ten_to(greatest(s - {PLACES}, 0)),
  least(s, {PLACES}));
CREATE MACRO aligned(x, y) AS struct_pack(c := greatest(x.c, y.c), s := greatest(x.s, y.s),
  u := TRY(x.u * ten_to(greatest(y.s - x.s, 0))), v := TRY(y.u * ten_to(greatest(x.s - y.s, 0))),
  m := as_double(x), n := as_double(y));
CREATE MACRO both_whole(x, y) AS x.c = {INTEGER} AND y.c = {INTEGER};
CREATE MACRO amount_sum(x, y) AS CASE
  WHEN both_whole(x, y) THEN amount({INTEGER}, TRY(x.u + y.u), 0)
  ELSE list_transform([aligned(x, y)], lambda z:
    CASE WHEN z.c >= {FLOAT} THEN approximate(z.c, promoted(z.c, z.m) + promoted(z.c, z.n))
      ELSE amount(z.c, TRY(z.u + z.v), z.s) END)[1] END;
CREATE MACRO amount_difference(x, y) AS CASE
  WHEN both_whole(x, y) THEN amount({INTEGER}, TRY(x.u - y.u), 0)
  ELSE list_transform([aligned(x, y)], lambda z:
    CASE WHEN z.c >= {FLOAT} THEN approximate(z.c, promoted(z.c, z.m) - promoted(z.c, z.n))
      ELSE amount(z.c, TRY(z.u - z.v), z.s) END)[1] END;
CREATE MACRO long_product(z) AS TRY((z.u // {_UNIT}) * (z.v // {_UNIT}) * {_UNIT}
  + (z.u // {_UNIT}) * (z.v % {_UNIT}) + (z.u % {_UNIT}) * (z.v // {_UNIT})
  + (z.u % {_UNIT}) * (z.v % {_UNIT}) // {_UNIT});
CREATE MACRO amount_product(x, y) AS CASE
  WHEN both_whole(x, y) THEN amount({INTEGER}, TRY(x.u * y.u), 0)
  WHEN greatest(x.c, y.c) >= {FLOAT} THEN list_transform(
    [struct_pack(c := greatest(x.c, y.c), m := as_double(x), n := as_double(y))],
    lambda z: approximate(z.c, promoted(z.c, z.m) * promoted(z.c, z.n)))[1]
  WHEN TRY(x.u * y.u) IS NOT NULL THEN fitted(greatest(x.c, y.c), TRY(x.u * y.u), x.s + y.s)
  WHEN x.s + y.s > {PLACES} THEN amount({DECIMAL}, list_transform(
    [struct_pack(u := TRY(x.u * ten_to({PLACES} - x.s)), v := TRY(y.u * ten_to({PLACES} - y.s)))],
    lambda z: long_product(z))[1], {PLACES})
  ELSE amount(greatest(x.c, y.c), NULL, 0) END;
CREATE MACRO amount_quotient(x, y) AS list_transform([aligned(x, y)], lambda z:
  CASE WHEN z.c >= {FLOAT} THEN approximate(z.c, promoted(z.c, z.m) / promoted(z.c, z.n))
    WHEN z.v = 0 THEN amount({DECIMAL}, NULL, 0)
    WHEN z.u % z.v = 0 THEN amount({DECIMAL}, z.u // z.v, 0)
    ELSE amount({DECIMAL}, TRY((z.u // z.v) * {_UNIT} + (z.u % z.v) * {_UNIT} // z.v), {PLACES})
  END)[1];
CREATE MACRO amount_negated(x) AS struct_pack(c := x.c, n := -x.n, u := -x.u, s := x.s);
CREATE MACRO amount_absolute(x) AS struct_pack(c := x.c, n := abs(x.n), u := TRY(abs(x.u)),
  s := x.s);
CREATE MACRO amount_floor(x) AS struct_pack(c := x.c, n := floor(x.n),
  u := x.u // ten_to(x.s) - (x.u % ten_to(x.s) < 0)::INTEGER, s := 0::INTEGER);
CREATE MACRO amount_ceiling(x) AS struct_pack(c := x.c, n := ceil(x.n),
  u := x.u // ten_to(x.s) + (x.u % ten_to(x.s) > 0)::INTEGER, s := 0::INTEGER);
CREATE MACRO amount_rounded(x) AS list_transform([struct_pack(x := x, f := amount_floor(x))],
  lambda z: struct_pack(c := z.x.c, n := CASE WHEN z.x.n - z.f.n >= 0.5 THEN ceil(z.x.n)
      WHEN isfinite(z.x.n) THEN z.f.n ELSE z.x.n END,
    u := z.f.u + (2 * (z.x.u - z.f.u * ten_to(z.x.s)) >= ten_to(z.x.s))::INTEGER,
    s := 0::INTEGER))[1];
CREATE MACRO exact_key(lex) AS list_transform([ltrim(ltrim(lex, '+-'), '0')], lambda digits:
  list_transform([lpad(length(split_part(digits, '.', 1))::VARCHAR, 8, '0')
      || split_part(digits, '.', 1) || rtrim(split_part(digits, '.', 2), '0')], lambda key:
    CASE WHEN lex[1] = '-' AND key <> '00000000'
      THEN '-' || translate(key, '0123456789', '9876543210') || '~' ELSE '0' || key END)[1])[1];
CREATE MACRO tie_key(cls, num, lex) AS CASE
  WHEN cls = {DECIMAL} OR cls = {INTEGER} AND abs(num) >= {EXACT_DOUBLE} THEN exact_key(lex) END;
CREATE MACRO order_of(x, y) AS (x > y)::INTEGER - (x < y)::INTEGER;
CREATE MACRO double_order(x, y) AS CASE WHEN isnan(x) OR isnan(y) THEN 2 ELSE order_of(x, y) END;
CREATE MACRO number_order(n1, c1, lex1, n2, c2, lex2) AS CASE
  WHEN greatest(c1, c2) = {FLOAT} THEN double_order(n1::FLOAT, n2::FLOAT)
  WHEN c1 = {DOUBLE} OR c2 = {DOUBLE} OR n1 <> n2 THEN double_order(n1, n2)
  WHEN c1 + c2 = {2 * INTEGER} AND abs(n1) < {EXACT_DOUBLE} OR lex1 = lex2 THEN 0
  ELSE list_transform([list_transform([lex1, lex2], lambda lex: exact_key(lex))],
    lambda keys: order_of(keys[1], keys[2]))[1] END;
CREATE MACRO amount_order(x, y) AS CASE WHEN both_whole(x, y) THEN order_of(x.u, y.u)
  ELSE list_transform([aligned(x, y)], lambda z: CASE
    WHEN z.c = {FLOAT} THEN double_order(z.m::FLOAT, z.n::FLOAT)
    WHEN z.c = {DOUBLE} OR z.u IS NULL OR z.v IS NULL THEN double_order(z.m, z.n)
    ELSE order_of(z.u, z.v) END)[1] END;
CREATE MACRO trimmed(x) AS CASE WHEN x.s > 0 THEN decimal_amount(amount_text(x)) ELSE x END;
CREATE MACRO is_short(x) AS x.s = 0 AND x.u BETWEEN -{EXACT_DOUBLE} AND {EXACT_DOUBLE};
CREATE MACRO high_part(x) AS CASE WHEN is_short(x) THEN 0
  ELSE x.u // ten_to(x.s) // {_UNIT} END;
CREATE MACRO middle_part(x) AS CASE WHEN is_short(x) THEN x.u
  ELSE x.u // ten_to(x.s) % {_UNIT} END;
CREATE MACRO low_part(x) AS CASE WHEN x.s = 0 THEN 0
  ELSE x.u % ten_to(x.s) * ten_to({PLACES} - x.s) END;
CREATE MACRO summed(x) AS CASE WHEN x.k = 0 THEN amount({INTEGER}, 0, 0)
  WHEN x.c >= {FLOAT} THEN approximate(x.c, x.n)
  WHEN x.k > x.e THEN amount(x.c, NULL, 0)
  WHEN x.l = 0 THEN amount(x.c, TRY(x.h * {_UNIT} + x.m), 0)
  ELSE amount(x.c, TRY((x.h * {_UNIT} + x.m) * {_UNIT} + x.l), {PLACES}) END;
CREATE MACRO averaged(x) AS CASE WHEN x.k = 0 THEN amount({INTEGER}, 0, 0)
  ELSE list_transform([summed(x)], lambda total:
    amount_quotient(total, amount({INTEGER}, x.k, 0)))[1] END;
CREATE MACRO scientific(spelt) AS list_transform([struct_pack(m := split_part(spelt, 'e', 1),
    e := coalesce(TRY_CAST(split_part(spelt, 'e', 2) AS INTEGER), 0))],
  lambda x: list_transform([struct_pack(d := ltrim(replace(x.m, '.', ''), '0'),
      e := x.e + CASE WHEN x.m[1] <> '0' THEN length(split_part(x.m, '.', 1)) - 1 ELSE
        length(ltrim(split_part(x.m, '.', 2), '0')) - length(split_part(x.m, '.', 2)) - 1 END)],
    lambda y: CASE WHEN y.d = '' THEN '0.0E0' ELSE y.d[1] || '.'
      || coalesce(nullif(rtrim(y.d[2:], '0'), ''), '0') || 'E' || y.e END)[1])[1];
CREATE MACRO spelt_double(spelt) AS CASE ltrim(spelt, '-') WHEN 'nan' THEN 'NaN'
  WHEN 'inf' THEN replace(spelt, 'inf', 'INF') ELSE
    CASE WHEN starts_with(spelt, '-') THEN '-' ELSE '' END || scientific(ltrim(spelt, '-')) END;
CREATE MACRO number_text(x) AS CASE WHEN x.c >= {FLOAT} THEN list_transform(
    [CASE WHEN x.c = {FLOAT} THEN x.n::FLOAT::VARCHAR ELSE x.n::VARCHAR END],
    lambda spelt: spelt_double(spelt))[1]
  ELSE amount_text(x) END;
CREATE MACRO number_n3(x) AS '"' || number_text(x) || '"^^<{XSD}' || CASE x.c
  WHEN {INTEGER} THEN 'integer' WHEN {DECIMAL} THEN 'decimal' WHEN {FLOAT} THEN 'float'
  ELSE 'double' END || '>';
CREATE MACRO as_float(x) AS approximate({FLOAT}, as_double(x));
CREATE MACRO as_real(x) AS approximate({DOUBLE}, as_double(x));
CREATE MACRO as_decimal(x) AS CASE
  WHEN x.c < {FLOAT} THEN struct_pack(c := {DECIMAL}::TINYINT, n := x.n, u := x.u, s := x.s)
  WHEN abs(x.n) >= 1e15 THEN amount({DECIMAL}, TRY_CAST(x.n AS HUGEINT), 0)
  WHEN abs(x.n) < 1e-3 THEN decimal_amount(TRY_CAST(x.n AS DECIMAL(38, {PLACES}))::VARCHAR)
  ELSE decimal_amount(CASE WHEN x.c = {FLOAT} THEN x.n::FLOAT::VARCHAR ELSE x.n::VARCHAR END) END;
CREATE MACRO as_integer(x) AS amount({INTEGER}, CASE WHEN x.c < {FLOAT} THEN x.u // ten_to(x.s)
  ELSE TRY_CAST(trunc(x.n) AS HUGEINT) END, 0);
"""
