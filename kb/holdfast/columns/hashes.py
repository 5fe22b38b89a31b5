"""SHA-384 and SHA-512, which DuckDB lacks, as macros of DuckDB.

`sha_long(text, start, words)` is the hash in hexadecimal digits: 8 words from `sha512_start()`,
or 6 from `sha384_start()`.

Source: FIPS 180-4 (NIST 2015) §4.1.3, §4.2.3, §5.1.2, §5.3.4, §5.3.5, §6.4. The constants are the
leading 64 bits of the fractions of roots of primes, as it says.
"""

from __future__ import annotations

from math import isqrt

_WORD = 2**64


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def _listed(numbers: list[int]) -> str:
    return f"[{', '.join(str(number % _WORD) for number in numbers)}]::UHUGEINT[]"


_ROUNDS = [_cube_root(prime << 192) for prime in _primes(80)]
_ROOTS = [isqrt(prime << 128) for prime in _primes(16)]

# Every list that a reduction walks holds lists of words, so that its state may be one as well. The
# state of a round is [a, ..., h]; T1 is bound once, since two of them are made of it.
HASHES = f"""
CREATE MACRO word(x) AS (x & {_WORD - 1}::UHUGEINT);
CREATE MACRO turned(x, n) AS word((x >> n::UHUGEINT) | (x << (64 - n)::UHUGEINT));
CREATE MACRO sha_message(spelt) AS list_transform(
  [spelt || '80' || repeat('0', (224 - (length(spelt) + 2) % 256 + 256) % 256)
    || printf('%032x', length(spelt) * 4)], lambda whole:
  list_transform(range(0, length(whole) // 256), lambda block: list_transform(range(0, 16),
    lambda place: CAST('0x' || whole[block * 256 + place * 16 + 1:block * 256 + place * 16 + 16]
      AS UHUGEINT))))[1];
CREATE MACRO sha_schedule(block) AS list_reduce(
  list_prepend(block, list_transform(range(0, 64), lambda n: []::UHUGEINT[])), lambda w, more:
  list_append(w, word(w[-16] + w[-7]
    + xor(xor(turned(w[-15], 1), turned(w[-15], 8)), w[-15] >> 7::UHUGEINT)
    + xor(xor(turned(w[-2], 19), turned(w[-2], 61)), w[-2] >> 6::UHUGEINT))));
CREATE MACRO sha_rounds(state, w) AS list_reduce(list_prepend(state, list_transform(
    list_zip({_listed(_ROUNDS)}, w), lambda pair: [pair[1], pair[2]])), lambda h, kw:
  list_transform([h[8] + kw[1] + kw[2]
    + xor(xor(turned(h[5], 14), turned(h[5], 18)), turned(h[5], 41))
    + xor(h[5] & h[6], xor(h[5], {_WORD - 1}::UHUGEINT) & h[7])], lambda t1:
  [word(t1 + xor(xor(turned(h[1], 28), turned(h[1], 34)), turned(h[1], 39))
      + xor(xor(h[1] & h[2], h[1] & h[3]), h[2] & h[3])),
    h[1], h[2], h[3], word(h[4] + t1), h[5], h[6], h[7]])[1]);
CREATE MACRO sha_long(text, start, words) AS array_to_string(list_transform(list_reduce(
    list_prepend(start, sha_message(hex(encode(text)))), lambda state, block:
    list_transform(list_zip(state, sha_rounds(state, sha_schedule(block))), lambda pair:
      word(pair[1] + pair[2])))[1:words], lambda part: lpad(lower(hex(part)), 16, '0')), '');
CREATE MACRO sha512_start() AS {_listed(_ROOTS[:8])};
CREATE MACRO sha384_start() AS {_listed(_ROOTS[8:])};
"""
