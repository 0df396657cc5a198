"""Shamir's secret sharing a second time, from docs/spec/protector.md alone: by tables of powers of a generator.

    shares.py make                                   prints the known answers of tests/it/shares.rs
    shares.py key STORE PROTECTOR SALT SHARE...      prints the wrapping key that shares give

Needs Python's package `cryptography` for HKDF. Bytes are hex.
"""

import hashlib
import sys

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
POWERS, LOGARITHMS = [], {}
power = 1
for exponent in range(255):
    POWERS.append(power)
    LOGARITHMS[power] = exponent
    power ^= power << 1  # times 3, which generates the field
    power = power ^ 0x11B if power > 255 else power


def times(a, b):
    return POWERS[(LOGARITHMS[a] + LOGARITHMS[b]) % 255] if a and b else 0


def over(a, b):
    return POWERS[(LOGARITHMS[a] - LOGARITHMS[b]) % 255] if a else 0


def value(coefficients, x):
    """coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ..."""
    total, power = 0, 1
    for coefficient in coefficients:
        total ^= times(coefficient, power)
        power = times(power, x)
    return total


def text(k, n, number, set_id, values):
    covered = bytes([(k - 1) << 4 | (n - 1), number]) + set_id + values
    share = covered + hashlib.sha256(b"strongroom/share/1" + covered).digest()[:4]
    bits = int.from_bytes(share, "big")
    digits = "".join(DIGITS[bits >> 5 * at & 31] for at in reversed(range(72)))
    return "srs1-" + "-".join(digits[at : at + 4] for at in range(0, 72, 4))


def parse(line):
    digits = line.removeprefix("srs1-").replace("-", "")
    share = sum(DIGITS.index(digit) << 5 * at for at, digit in enumerate(reversed(digits))).to_bytes(45, "big")
    assert hashlib.sha256(b"strongroom/share/1" + share[:41]).digest()[:4] == share[41:]
    return (share[0] >> 4) + 1, share[1], share[9:41]


def wrapping_key(secret, store, protector, salt):
    info = b"strongroom/wrapping-key/1" + store + protector + b"\6shares"
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def make():
    k, n, set_id = 3, 5, bytes(range(0xC0, 0xC7))
    secret, first, second = bytes(range(32)), bytes(range(100, 132)), bytes((7 * at) % 256 for at in range(32))
    for number in range(1, n + 1):
        print(text(k, n, number, set_id, bytes(value(row, number) for row in zip(secret, first, second))))
    store, protector = (bytes.fromhex("0190b5a00000700080000000000000" + end) for end in ("aa", "bb"))
    print(wrapping_key(secret, store, protector, bytes(range(0x40, 0x60))).hex())


def key(store, protector, salt, *lines):
    shares = [parse(line) for line in lines]
    assert all(share[0] == shares[0][0] for share in shares)
    secret = []
    for at in range(32):
        total = 0
        for _, number, values in shares[: shares[0][0]]:
            term = values[at]
            for _, other, _ in shares[: shares[0][0]]:
                if other != number:
                    term = times(term, over(other, other ^ number))
            total ^= term
        secret.append(total)
    print(wrapping_key(bytes(secret), *map(bytes.fromhex, (store, protector, salt))).hex())


{"make": make, "key": key}[sys.argv[1]](*sys.argv[2:])
