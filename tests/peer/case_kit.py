"""What the vectors are made with: fixed bytes, a list to put cases on, and ways to spoil a body."""

import hashlib

import formats as f

CASES = {}


def det(label, length):
    """Fixed bytes that look random."""
    out, counter = b"", 0
    while len(out) < length:
        out += hashlib.sha256(f"strongroom vector {label} {counter}".encode()).digest()
        counter += 1
    return out[:length]


def uuid(label, version=7):
    raw = bytearray(det(label, 16))
    raw[6] = raw[6] & 15 | version << 4
    raw[8] = raw[8] & 63 | 128
    return bytes(raw)


def case(form, name, expect, note, **content):
    assert (form, name) not in CASES
    CASES[form, name] = {"expect": expect, "note": note, **content}


def patched(data, offset, replacement):
    return data[:offset] + replacement + data[offset + len(replacement) :]


ROOT_KEY = det("root key", 32)
STORE_KEY = det("store key", 32)
STORE_KEY_ID = f.store_key_id(STORE_KEY)
STORE_ID = uuid("store", 4)
INCARNATION = uuid("incarnation", 4)
TIME = 1_764_000_000_123


def spoilt(good, fields):
    """One fault at a time in a body that is deterministic CBOR."""
    assert f.cbor(fields) == good and len(fields) < 23
    count = len(fields)
    newer = f.cbor({**fields, 0: 2})
    last = max(fields)
    reverse = bytes([0xA0 | count]) + b"".join(f.cbor(n) + f.cbor(fields[n]) for n in reversed(sorted(fields)))
    yield "newer", "newer", "version 2", newer
    yield "newer-and-unknown", "newer", "version 300, and fields nobody knows yet", f.cbor({**fields, 0: 300, 200: "x"})
    yield "newer-other-shape", "newer", "version 2 with fields of other types", f.cbor({0: 2, 1: {5: True}})
    yield "version-zero", "malformed", "version 0", f.cbor({**fields, 0: 0})
    yield "no-version", "malformed", "no version", f.cbor({n: fields[n] for n in fields if n})
    yield "unknown-field", "malformed", "a field that version 1 does not have", f.cbor({**fields, 99: 1})
    yield "missing-field", "malformed", "the last field is missing", f.cbor({n: fields[n] for n in fields if n != last})
    yield "long-form", "malformed", "the version in two bytes", good[:2] + b"\x18\x01" + good[3:]
    yield "indefinite", "malformed", "a map of indefinite length", b"\xbf" + good[1:] + b"\xff"
    yield "order", "malformed", "fields in falling order", reverse
    twice = bytes([good[0] + 1]) + good[1:] + f.cbor(last) + f.cbor(fields[last])
    yield "field-twice", "malformed", "the last field twice", twice
    yield "extended", "malformed", "one byte more", good + b"\0"
    yield "cut", "malformed", "one byte less", good[:-1]
    yield "nothing", "malformed", "no bytes", b""
    yield "not-a-map", "malformed", "an array", f.cbor([0, 1])
