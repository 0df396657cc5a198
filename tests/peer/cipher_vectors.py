#!/usr/bin/env python3
"""Writes vectors/cipher/*.json from the second implementation; the same bytes at every run.

    cipher_vectors.py DIRECTORY
"""

import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from peer import COMMITMENT, NONCE, TAG, KcXaes

# The two published answers: XAES-256-GCM (C2SP) for ciphertext and tag, ePrint 2025/758 for the
# commitment. They are written out here, so that a fault in peer.py cannot go unnoticed.
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWX"
PUBLISHED = [
    (
        "published, without associated data",
        b"\x01" * 32,
        b"",
        "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"
        "04076b6085eebab138855fe57811c04112eff989d44120dfff662d5475a383c3",
    ),
    (
        "published, with associated data",
        b"\x03" * 32,
        b"c2sp.org/XAES-256-GCM",
        "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"
        "5553cd21d1592b422e3129632a3187eee8a658cdca5c5b32ce86308dcc18e9d1",
    ),
]

# Around the borders of blocks and of the buffers in which implementations join parts.
PLAINTEXT_LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 1000, 4096]
AAD_LENGTHS = [0, 1, 12, 16, 44, 52, 255, 256, 257, 1000]


def bytes_of(purpose, length):
    """Test data: SHAKE-128 of a text that says what it is for."""
    return hashlib.shake_128(f"strongroom cipher vectors/{purpose}".encode()).digest(length)


def case(name, key, aad, sealed, plaintext=None):
    out = {"name": name, "key": key.hex(), "aad": aad.hex()}
    if plaintext is not None:
        out["plaintext"] = plaintext.hex()
    out["sealed"] = sealed.hex()
    return out


def opening():
    for name, key, aad, answer in PUBLISHED:
        yield case(name, key, aad, ALPHABET + bytes.fromhex(answer), b"XAES-256-GCM")
    for number, length in enumerate(PLAINTEXT_LENGTHS):
        yield made(f"plaintext of {length} bytes", length, AAD_LENGTHS[number % len(AAD_LENGTHS)])
    for length in AAD_LENGTHS:
        yield made(f"associated data of {length} bytes", 64, length)
    yield subkey_with_carry()
    first, _, sealed = two_faced()
    opened = KcXaes(first).open(b"", sealed)
    yield case("two-faced ciphertext, under the key it commits to", first, b"", sealed, opened)


def made(name, plaintext_length, aad_length):
    key, nonce = bytes_of(name + "/key", 32), bytes_of(name + "/nonce", NONCE)
    plaintext = bytes_of(name + "/plaintext", plaintext_length)
    aad = bytes_of(name + "/aad", aad_length)
    return case(name, key, aad, KcXaes(key).seal(nonce, aad, plaintext), plaintext)


def subkey_with_carry():
    """Keys differ in whether L's top bit is set; this one has it set, key 01…01 has not."""
    for number in range(100):
        key = bytes_of(f"carry/{number}", 32)
        if Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(16))[0] & 0x80:
            nonce, plaintext = bytes_of("carry/nonce", NONCE), b"the subkey is reduced"
            sealed = KcXaes(key).seal(nonce, b"", plaintext)
            return case("subkey with a carry", key, b"", sealed, plaintext)
    raise AssertionError("one of a hundred keys has the bit set")


def refused():
    key, aad, plaintext = bytes_of("refused/key", 32), b"place", b"an unwatched secret"
    nonce = bytes_of("refused/nonce", NONCE)
    sealed = KcXaes(key).seal(nonce, aad, plaintext)
    parts = [("nonce", 0), ("nonce's second half", 12), ("ciphertext", NONCE)]
    parts += [("tag", NONCE + len(plaintext)), ("commitment", len(sealed) - COMMITMENT)]
    for part, start in parts:
        yield case(f"first bit of the {part} flipped", key, aad, flipped(sealed, start, 0x80))
    for part, start in parts[1:] + [("whole", len(sealed))]:
        end = f"last bit before the {part} flipped" if part != "whole" else "last bit flipped"
        yield case(end, key, aad, flipped(sealed, start - 1, 0x01))
    for length in (0, 1, NONCE, NONCE + TAG, NONCE + TAG + COMMITMENT - 1, len(sealed) - 1):
        yield case(f"cut to {length} bytes", key, aad, sealed[:length])
    yield case("one byte more", key, aad, sealed + b"\x00")
    yield case("another key", bytes_of("refused/other key", 32), aad, sealed)
    yield case("one bit of the key flipped", flipped(key, 31, 0x01), aad, sealed)
    for other in (b"", b"plac", b"placf", b"place\x00"):
        yield case(f"associated data {other.decode()!r}", key, other, sealed)
    other = KcXaes(key).seal(bytes_of("refused/other nonce", NONCE), aad, plaintext)
    body, end = sealed[NONCE:-COMMITMENT], sealed[-COMMITMENT:]
    yield case("nonce of another message", key, aad, other[:NONCE] + body + end)
    yield case("nonce and commitment of another", key, aad, other[:NONCE] + body + other[-32:])
    yield case("commitment of another message", key, aad, sealed[:-COMMITMENT] + other[-32:])
    yield case("halves of the commitment swapped", key, aad, nonce + body + end[16:] + end[:16])
    yield case("without a commitment", key, aad, sealed[:-COMMITMENT])
    yield case("commitment of zeros", key, aad, sealed[:-COMMITMENT] + bytes(COMMITMENT))
    yield case("AES-256-GCM under the key itself", key, aad, raw_gcm(key, nonce, aad, plaintext))
    _, second, two = two_faced()
    yield case("two-faced ciphertext, under the other key", second, b"", two)


def raw_gcm(key, nonce, aad, plaintext):
    body = AESGCM(key).encrypt(nonce[12:], plaintext, aad)
    return nonce + body + KcXaes(key).commitment(nonce)


def flipped(data, position, mask):
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


# --- a ciphertext that AES-256-GCM opens under two keys -------------------------------------------


def two_faced():
    """Two keys and sealed bytes whose GCM part opens under both; they commit to the first."""
    first, second = bytes_of("two-faced/first", 32), bytes_of("two-faced/second", 32)
    nonce = bytes_of("two-faced/nonce", NONCE)
    chosen = int.from_bytes(bytes_of("two-faced/block", 16), "big")
    lengths = 2 * 128  # no associated data, two blocks of ciphertext
    h, mask = [], []
    for key in (first, second):
        ecb = Cipher(algorithms.AES(KcXaes(key).message_key(nonce)), modes.ECB()).encryptor()
        h.append(int.from_bytes(ecb.update(bytes(16)), "big"))
        mask.append(int.from_bytes(ecb.update(nonce[12:] + b"\x00\x00\x00\x01"), "big"))
    square = [multiply(x, x) for x in h]
    cube = [multiply(x, y) for x, y in zip(h, square)]
    constant = [multiply(chosen, c) ^ multiply(lengths, x) ^ m for c, x, m in zip(cube, h, mask)]
    solved = multiply(constant[0] ^ constant[1], inverse(square[0] ^ square[1]))
    tag = constant[0] ^ multiply(solved, square[0])
    body = b"".join(number.to_bytes(16, "big") for number in (chosen, solved, tag))
    for key in (first, second):
        AESGCM(KcXaes(key).message_key(nonce)).decrypt(nonce[12:], body, b"")
    return first, second, nonce + body + KcXaes(first).commitment(nonce)


def multiply(left, right):
    """In GCM's field (SP 800-38D, algorithm 1)."""
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (0xE1 << 120 if right & 1 else 0)
    return product


def inverse(element):
    """The power 2^128 - 2."""
    result, square = 1 << 127, element
    for _ in range(127):
        square = multiply(square, square)
        result = multiply(result, square)
    return result


def main(directory):
    for outcome, cases in (("opens", opening()), ("refused", refused())):
        vectors = {
            "outcome": outcome,
            "algorithm": "KC-XAES-256-GCM",
            "specification": "docs/spec/cipher.md",
            "made_by": "tests/peer/cipher_vectors.py",
            "cases": list(cases),
        }
        path = pathlib.Path(directory) / f"{outcome}.json"
        path.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
